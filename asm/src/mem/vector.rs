//! Vector-indexed addresses ([`VAddr`]): what gathers and scatters take.

use core::marker::PhantomData;
use core::ops::{Add, Mul};

use super::addr::{Addr, Mode, Scale, Scaled};
use crate::reg::{Gp64, R64, Rsp, Xmm, XmmX, Ymm, YmmX, ZmmX};

/// A vector-indexed address (VSIB): `[base + index * scale + disp]` for every element of the vector register `index`.
///
/// ```
/// use planish_asm::{Scale, VAddr, regs::*};
/// assert_eq!(rax + zmm1 * 4 + 8, VAddr::<planish_asm::ZmmX>::base_index(rax.any(), zmm1, Scale::X4, 8));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VAddr<Index> {
    pub(crate) addr: Addr,
    index: PhantomData<Index>,
}

macro_rules! vector_index {
    ($($class:ident),*) => { $(
        impl VAddr<$class> {
            /// `[base + index * scale + disp]`
            #[inline]
            pub const fn base_index(base: R64, index: $class, scale: Scale, disp: i32) -> VAddr<$class> {
                VAddr { addr: Addr::new(base.num(), index.num(), scale as u8, disp, Mode::VSIB), index: PhantomData }
            }

            /// `[index * scale + disp]`
            #[inline]
            pub const fn index_disp(index: $class, scale: Scale, disp: i32) -> VAddr<$class> {
                VAddr { addr: Addr::new(0, index.num(), scale as u8, disp, Mode::NO_BASE | Mode::VSIB), index: PhantomData }
            }
        }

        impl Mul<u32> for $class {
            type Output = Scaled<$class>;

            /// A factor other than 1, 2, 4 and 8 makes an address that is an error when emitted.
            #[inline]
            fn mul(self, factor: u32) -> Scaled<$class> {
                Scaled { index: self, scale: Scale::from_factor(factor) }
            }
        }

        impl Add<Scaled<$class>> for Addr {
            type Output = VAddr<$class>;

            #[inline]
            fn add(self, s: Scaled<$class>) -> VAddr<$class> {
                let addr = self.indexed(s.index.num(), s.scale, 0).with_mode(Mode::VSIB);
                VAddr { addr, index: PhantomData }
            }
        }

        impl Add<$class> for Addr {
            type Output = VAddr<$class>;

            #[inline]
            fn add(self, index: $class) -> VAddr<$class> {
                self + index * 1
            }
        }

        vector_index!($class: R64, Gp64, Rsp);
    )* };
    ($class:ident: $($base:ident),*) => { $(
        impl Add<Scaled<$class>> for $base {
            type Output = VAddr<$class>;

            #[inline]
            fn add(self, s: Scaled<$class>) -> VAddr<$class> {
                Addr::from(self) + s
            }
        }

        impl Add<$class> for $base {
            type Output = VAddr<$class>;

            #[inline]
            fn add(self, index: $class) -> VAddr<$class> {
                Addr::from(self) + index
            }
        }
    )* };
}

vector_index!(Xmm, Ymm, XmmX, YmmX, ZmmX);

impl VAddr<Xmm> {
    /// With the index as an EVEX register.
    #[inline]
    pub const fn any(self) -> VAddr<XmmX> {
        VAddr { addr: self.addr, index: PhantomData }
    }
}

impl VAddr<Ymm> {
    /// With the index as an EVEX register.
    #[inline]
    pub const fn any(self) -> VAddr<YmmX> {
        VAddr { addr: self.addr, index: PhantomData }
    }
}

impl<Index> Add<i32> for VAddr<Index> {
    type Output = VAddr<Index>;

    #[inline]
    fn add(self, disp: i32) -> VAddr<Index> {
        VAddr { addr: self.addr.disp(disp), index: PhantomData }
    }
}

impl<Index> VAddr<Index> {
    /// The index register's number.
    #[inline]
    pub(crate) const fn index_num(self) -> u8
    where
        Index: Copy,
    {
        self.addr.index_num()
    }

    /// This address in the `fs` segment.
    #[inline]
    pub const fn fs(self) -> VAddr<Index> {
        VAddr { addr: self.addr.fs(), index: PhantomData }
    }

    /// This address in the `gs` segment.
    #[inline]
    pub const fn gs(self) -> VAddr<Index> {
        VAddr { addr: self.addr.gs(), index: PhantomData }
    }
}

impl<Index> core::fmt::Debug for VAddr<Index> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "vector-indexed by register {}: {:?}", self.addr.index_num(), self.addr)
    }
}
