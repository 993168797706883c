//! What EVEX operands are decorated with: masks, zeroing, broadcasts, embedded rounding. A decorator is a type, and only the
//! forms that have it take it.
//!
//! | the manual | here | type |
//! | --- | --- | --- |
//! | `zmm1 {k2}` | `zmm1.k(k2)` | [`Merged<ZmmX>`](Merged) |
//! | `zmm1 {k2}{z}` | `zmm1.k(k2).z()` | [`Masked<ZmmX>`](Masked) |
//! | `[rax] {k2}` | `zmmword(rax).k(k2)` | [`Merged<M512>`](Merged) |
//! | `k1 {k2}` | `k1.k(k2)` | [`Merged<K>`](Merged) |
//! | `dword bcst [rax]`, `{1to16}` | `dword(rax).to16()` or `bcst_dword(rax)` | [`Bcst<32, 16>`](Bcst) |
//! | `zmm3 {ru-sae}` | `zmm3.round(RoundTo::Up)` | [`Rounded<ZmmX>`](Rounded) |
//! | `zmm3 {sae}` | `zmm3.sae()` | [`Sae<ZmmX>`](Sae) |
//!
//! A mask is a [`KMask`], so `k0` cannot be one; zeroing needs a mask and a register; rounding needs a register.
//!
//! ```
//! use planish_asm::{Asm, RoundTo, mem::dword, regs::*};
//! # let mut code = [0; 64];
//! # let mut a = Asm::new(&mut code, &mut []);
//! a.vaddps(zmm1.k(k2).z(), zmm3, dword(rax + 64).to16());
//! a.vaddps(zmm1, zmm3, zmm4.round(RoundTo::Zero));
//! a.vaddps(xmm1, xmm3, xmm20); // EVEX for the sake of xmm20
//! a.vaddps(xmm1, xmm3, xmm4); // nothing asks for EVEX
//! assert_eq!(
//!     a.finish()?,
//!     [
//!         0x62, 0xF1, 0x64, 0xDA, 0x58, 0x48, 16, // the displacement counts elements of 4 bytes
//!         0x62, 0xF1, 0x64, 0x78, 0x58, 0xCC, //
//!         0x62, 0xB1, 0x64, 0x08, 0x58, 0xCC, //
//!         0xC5, 0xE0, 0x58, 0xCC,
//!     ]
//! );
//! # Ok::<(), planish_asm::AsmError>(())
//! ```
//!
//! ```compile_fail
//! # use planish_asm::{Asm, regs::*};
//! # let mut a = Asm::new(&mut [], &mut []);
//! a.vaddps(zmm1.k(k0), zmm2, zmm3); // `k0` means that there is no mask
//! ```
//! ```compile_fail
//! # use planish_asm::{Asm, mem::zmmword, regs::*};
//! # let mut a = Asm::new(&mut [], &mut []);
//! a.vmovups(zmmword(rax).k(k1).z(), zmm2); // memory cannot be zeroed
//! ```
//! ```compile_fail
//! # use planish_asm::{Asm, RoundTo, regs::*};
//! # let mut a = Asm::new(&mut [], &mut []);
//! a.vpaddd(zmm1, zmm2, zmm3.round(RoundTo::Up)); // integers are not rounded
//! ```
//! ```compile_fail
//! # use planish_asm::{Asm, regs::*};
//! # let mut a = Asm::new(&mut [], &mut []);
//! a.vpermilps_imm8(xmm20, xmm1, 3); // no such form: 16 and up are not in VEX
//! ```

use crate::mem::{Addr, M16, M32, M64, Mem, VAddr};
use crate::reg::{Gp32, Gp64, K, KMask, R32, R64, Xmm, XmmX, Ymm, YmmX, ZmmX};

/// An operand under a mask, elements without a bit unchanged: `zmm1.k(k2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Merged<T> {
    pub(crate) to: T,
    pub(crate) mask: KMask,
}

/// An operand without a mask, or with one, or with one that zeroes: what most EVEX forms take as destination.
///
/// From a [`Merged`] by [`any`](Merged::any) or [`z`](Merged::z), from an operand by its `unmasked` method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Masked<T> {
    pub(crate) to: T,
    /// `z` and `aaa` as in the prefix's last byte.
    pub(crate) mask: u8,
}

impl<T: Copy> Merged<T> {
    /// As the general class.
    #[inline]
    pub const fn any(self) -> Masked<T> {
        Masked { to: self.to, mask: self.mask.num() }
    }

    #[inline(always)]
    pub(crate) const fn mask(self) -> u8 {
        self.mask.num()
    }
}

/// A register with an embedded rounding mode: `zmm3.round(RoundTo::Up)`. Exceptions are suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rounded<R> {
    register: R,
    mode: RoundTo,
}

/// A register with suppressed exceptions: `zmm3.sae()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sae<R> {
    register: R,
}

/// An embedded rounding mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RoundTo {
    /// `{rn-sae}`: to the nearest, ties to even.
    Nearest,
    /// `{rd-sae}`: toward minus infinity.
    Down,
    /// `{ru-sae}`: toward infinity.
    Up,
    /// `{rz-sae}`: toward zero.
    Zero,
}

impl RoundTo {
    /// Every mode, by its encoding.
    pub const ALL: [RoundTo; 4] = [RoundTo::Nearest, RoundTo::Down, RoundTo::Up, RoundTo::Zero];
}

impl<R: Copy> Rounded<R> {
    #[inline(always)]
    pub(crate) const fn mode(self) -> u8 {
        self.mode as u8
    }
}

/// What a mask can be put on: method, class that the mask decorates.
macro_rules! maskable {
    ($($from:ty => $class:ty: $value:ident -> $expression:expr,)*) => { $(
        impl $from {
            /// Under the mask `k`, the other elements unchanged.
            #[inline]
            pub const fn k(self, k: KMask) -> Merged<$class> {
                let $value = self;
                Merged { to: $expression, mask: k }
            }

            /// Without a mask, as the class that forms take.
            #[inline]
            pub const fn unmasked(self) -> Masked<$class> {
                let $value = self;
                Masked { to: $expression, mask: 0 }
            }
        }
    )* };
}

maskable! {
    Xmm => XmmX: r -> r.any(),
    Ymm => YmmX: r -> r.any(),
    XmmX => XmmX: r -> r,
    YmmX => YmmX: r -> r,
    ZmmX => ZmmX: r -> r,
    K => K: r -> r,
    KMask => K: r -> r.any(),
    Addr => Addr: m -> m,
}

impl<const BITS: usize> Mem<BITS> {
    /// Only the elements under the mask `k` are written.
    #[inline]
    pub const fn k(self, k: KMask) -> Merged<Mem<BITS>> {
        Merged { to: self, mask: k }
    }

    /// Without a mask, as the class that forms take.
    #[inline]
    pub const fn unmasked(self) -> Masked<Mem<BITS>> {
        Masked { to: self, mask: 0 }
    }
}

impl<Index: Copy> VAddr<Index> {
    /// Only the elements under the mask `k` are written.
    #[inline]
    pub const fn k(self, k: KMask) -> Merged<VAddr<Index>> {
        Merged { to: self, mask: k }
    }
}

macro_rules! zeroing {
    ($($class:ident),*) => { $(
        impl Merged<$class> {
            /// The elements without a bit in the mask become zero.
            #[inline]
            pub const fn z(self) -> Masked<$class> {
                Masked { to: self.to, mask: 0x80 | self.mask.num() }
            }
        }
    )* };
}

zeroing!(XmmX, YmmX, ZmmX);

/// What a list that VEX and EVEX share decides on: below 16 for a register that VEX has, without a mask.
impl<const BITS: usize> Masked<Mem<BITS>> {
    #[allow(dead_code, reason = "of the mnemonics only")]
    #[inline(always)]
    pub(crate) const fn evex_bits(self) -> u32 {
        (self.mask as u32) << 8
    }
}

impl Masked<Addr> {
    #[allow(dead_code, reason = "of the mnemonics only")]
    #[inline(always)]
    pub(crate) const fn evex_bits(self) -> u32 {
        (self.mask as u32) << 8
    }
}

impl Merged<VAddr<Xmm>> {
    #[allow(dead_code, reason = "of the mnemonics only")]
    #[inline]
    pub(crate) const fn wide(self) -> Merged<VAddr<XmmX>> {
        Merged { to: self.to.any(), mask: self.mask }
    }
}

impl Merged<VAddr<Ymm>> {
    #[allow(dead_code, reason = "of the mnemonics only")]
    #[inline]
    pub(crate) const fn wide(self) -> Merged<VAddr<YmmX>> {
        Merged { to: self.to.any(), mask: self.mask }
    }
}

macro_rules! numbers {
    ($($type:ident: $($class:ident),*;)*) => { $($(
        impl $type<$class> {
            #[inline(always)]
            pub(crate) const fn num(self) -> u8 {
                self.to.num()
            }
        }
    )*)* };
}

numbers! {
    Merged: XmmX, YmmX, ZmmX;
    Masked: XmmX, YmmX, ZmmX, K;
}

macro_rules! evex_bits {
    ($($class:ident),*) => { $(
        impl Masked<$class> {
            #[allow(dead_code, reason = "of the mnemonics only")]
            #[inline(always)]
            pub(crate) const fn evex_bits(self) -> u32 {
                self.to.num() as u32 | (self.mask as u32) << 8
            }
        }
    )* };
}

evex_bits!(XmmX, YmmX, ZmmX);

macro_rules! rounding {
    ($($from:ty => $class:ident: $value:ident -> $expression:expr,)*) => { $(
        impl $from {
            /// With results rounded to `mode`.
            #[inline]
            pub const fn round(self, mode: RoundTo) -> Rounded<$class> {
                let $value = self;
                Rounded { register: $expression, mode }
            }
        }
    )* };
}

rounding! {
    Xmm => XmmX: r -> r.any(),
    Ymm => YmmX: r -> r.any(),
    XmmX => XmmX: r -> r,
    YmmX => YmmX: r -> r,
    ZmmX => ZmmX: r -> r,
    Gp32 => R32: r -> r.any(),
    Gp64 => R64: r -> r.any(),
    R32 => R32: r -> r,
    R64 => R64: r -> r,
}

macro_rules! suppression {
    ($($from:ty => $class:ident: $value:ident -> $expression:expr,)*) => { $(
        impl $from {
            /// With exceptions suppressed.
            #[inline]
            pub const fn sae(self) -> Sae<$class> {
                let $value = self;
                Sae { register: $expression }
            }
        }
    )* };
}

suppression! {
    Xmm => XmmX: r -> r.any(),
    Ymm => YmmX: r -> r.any(),
    XmmX => XmmX: r -> r,
    YmmX => YmmX: r -> r,
    ZmmX => ZmmX: r -> r,
}

macro_rules! decorated_numbers {
    ($($type:ident: $($class:ident),*;)*) => { $($(
        impl $type<$class> {
            #[inline(always)]
            pub(crate) const fn num(self) -> u8 {
                self.register.num()
            }
        }
    )*)* };
}

decorated_numbers! {
    Rounded: XmmX, YmmX, ZmmX, R32, R64;
    Sae: XmmX, YmmX, ZmmX;
}

/// One element of `BITS` bits in memory, broadcast to `COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bcst<const BITS: usize, const COUNT: usize> {
    /// Where the element is.
    pub addr: Addr,
}

macro_rules! broadcasts {
    ($($memory:ident: $($method:ident $count:literal),*;)*) => { $($(
        impl $memory {
            #[doc = concat!("This element broadcast to ", $count, ": `{1to", $count, "}`.")]
            #[inline]
            pub const fn $method(self) -> Bcst<{ $memory::BITS }, $count> {
                Bcst { addr: self.addr }
            }
        }
    )*)* };
}

broadcasts! {
    M16: to2 2, to4 4, to8 8, to16 16, to32 32;
    M32: to2 2, to4 4, to8 8, to16 16;
    M64: to2 2, to4 4, to8 8;
}

/// A broadcast of 16 bits, the count from the other operands.
#[inline]
pub fn bcst_word<const COUNT: usize>(addr: impl Into<Addr>) -> Bcst<16, COUNT> {
    Bcst { addr: addr.into() }
}

/// A broadcast of 32 bits, the count from the other operands.
#[inline]
pub fn bcst_dword<const COUNT: usize>(addr: impl Into<Addr>) -> Bcst<32, COUNT> {
    Bcst { addr: addr.into() }
}

/// A broadcast of 64 bits, the count from the other operands.
#[inline]
pub fn bcst_qword<const COUNT: usize>(addr: impl Into<Addr>) -> Bcst<64, COUNT> {
    Bcst { addr: addr.into() }
}

/// The flags that `ccmp` and `ctest` leave behind when their condition does not hold (APX): `dfv`.
///
/// ```
/// use planish_asm::Flags;
/// assert_eq!(Flags::NONE.of().cf(), Flags { of: true, sf: false, zf: false, cf: true });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Flags {
    /// The overflow flag.
    pub of: bool,
    /// The sign flag.
    pub sf: bool,
    /// The zero flag.
    pub zf: bool,
    /// The carry flag; the parity flag follows it.
    pub cf: bool,
}

impl Flags {
    /// All clear.
    pub const NONE: Flags = Flags { of: false, sf: false, zf: false, cf: false };

    /// With the overflow flag set.
    #[inline]
    pub const fn of(mut self) -> Flags {
        self.of = true;
        self
    }

    /// With the sign flag set.
    #[inline]
    pub const fn sf(mut self) -> Flags {
        self.sf = true;
        self
    }

    /// With the zero flag set.
    #[inline]
    pub const fn zf(mut self) -> Flags {
        self.zf = true;
        self
    }

    /// With the carry flag set.
    #[inline]
    pub const fn cf(mut self) -> Flags {
        self.cf = true;
        self
    }

    /// `OF SF ZF CF` as four bits.
    #[inline]
    pub(crate) const fn bits(self) -> u8 {
        (self.of as u8) << 3 | (self.sf as u8) << 2 | (self.zf as u8) << 1 | self.cf as u8
    }
}
