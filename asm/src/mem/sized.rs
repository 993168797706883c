//! [`Mem`]: addresses with the width of what is there.

use super::addr::Addr;

/// A memory operand of `BITS` bits: an [`Addr`] whose width is in the type.
///
/// ```
/// use planish_asm::{M32, mem::dword, regs::*};
/// let m: M32 = dword(rbx + rcx * 4 + 8);
/// assert_eq!(m.addr, rbx + rcx * 4 + 8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mem<const BITS: usize> {
    /// Where it is.
    pub addr: Addr,
}

impl<const BITS: usize> Mem<BITS> {
    /// The operand's width in bits.
    pub const BITS: usize = BITS;
}

macro_rules! widths {
    ($($bits:literal $alias:ident $method:ident $function:ident $word:literal),* $(,)?) => { $(
        #[doc = concat!("A memory operand of ", $word, ".")]
        pub type $alias = Mem<$bits>;

        impl Addr {
            #[doc = concat!("This address as a memory operand of ", $word, ".")]
            #[inline]
            pub const fn $method(self) -> $alias {
                Mem { addr: self }
            }
        }

        #[doc = concat!("A memory operand of ", $word, ".")]
        #[inline]
        pub fn $function(addr: impl Into<Addr>) -> $alias {
            addr.into().$method()
        }
    )* };
}

widths! {
    8 M8 m8 byte "8 bits",
    16 M16 m16 word "16 bits",
    32 M32 m32 dword "32 bits",
    48 M48 m48 fword "48 bits",
    64 M64 m64 qword "64 bits",
    80 M80 m80 tbyte "80 bits",
    128 M128 m128 xmmword "128 bits",
    256 M256 m256 ymmword "256 bits",
    384 M384 m384 keyword384 "384 bits (a Key Locker handle)",
    512 M512 m512 zmmword "512 bits",
    112 M112 m112 env14 "14 bytes (the 16-bit x87 environment)",
    224 M224 m224 env28 "28 bytes (the 32-bit x87 environment)",
    752 M752 m752 state94 "94 bytes (the 16-bit x87 state)",
    864 M864 m864 state108 "108 bytes (the 32-bit x87 state)",
    4096 M4096 m4096 state512 "512 bytes (the `fxsave` area)",
}
