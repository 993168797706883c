//! The classes of registers, their names, and conversions between widths.

/// The numbers of one class as an enum, and the class around it.
macro_rules! class {
    ($(#[$doc:meta])* $name:ident, $numbers:ident, $mask:literal, [$($n:literal $variant:ident),* ; $last:literal $last_variant:ident]) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub(crate) enum $numbers { $($variant = $n,)* $last_variant = $last }

        class!($(#[$doc])* $name over $numbers, $mask, [$($n $variant),* ; $last $last_variant]);
    };
    ($(#[$doc:meta])* $name:ident over $numbers:ident, $mask:literal, [$($n:literal $variant:ident),* ; $last:literal $last_variant:ident]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) $numbers);

        impl $name {
            /// Every register of the class, by rising number.
            pub const ALL: [$name; { [$($n,)* $last as u8].len() }] = [$($name($numbers::$variant),)* $name($numbers::$last_variant)];

            /// The register with this hardware number, if the class has it.
            #[inline]
            pub const fn from_num(num: u8) -> Option<$name> {
                match num {
                    $($n => Some($name($numbers::$variant)),)*
                    $last => Some($name($numbers::$last_variant)),
                    _ => None,
                }
            }

            /// The hardware number.
            #[inline]
            pub const fn num(self) -> u8 {
                self.0 as u8 & $mask
            }

            /// For numbers that are known to be in the class: the match is the identity.
            #[allow(dead_code, reason = "not every class is converted into")]
            #[inline]
            pub(crate) const fn known(num: u8) -> $name {
                match num & $mask {
                    $($n => $name($numbers::$variant),)*
                    _ => $name($numbers::$last_variant),
                }
            }
        }
    };
}

macro_rules! class16 {
    ($(#[$doc:meta])* $name:ident) => {
        class!($(#[$doc])* $name over Number16, 15, [
            0 N0, 1 N1, 2 N2, 3 N3, 4 N4, 5 N5, 6 N6, 7 N7, 8 N8, 9 N9, 10 N10, 11 N11, 12 N12, 13 N13, 14 N14; 15 N15]);
    };
}

macro_rules! class15 {
    ($(#[$doc:meta])* $name:ident) => {
        class!($(#[$doc])* $name over Number15, 15, [
            0 N0, 1 N1, 2 N2, 3 N3, 5 N5, 6 N6, 7 N7, 8 N8, 9 N9, 10 N10, 11 N11, 12 N12, 13 N13, 14 N14; 15 N15]);
    };
}

macro_rules! class32 {
    ($(#[$doc:meta])* $name:ident) => {
        class!($(#[$doc])* $name over Number32, 31, [
            0 N0, 1 N1, 2 N2, 3 N3, 4 N4, 5 N5, 6 N6, 7 N7, 8 N8, 9 N9, 10 N10, 11 N11, 12 N12, 13 N13, 14 N14, 15 N15,
            16 N16, 17 N17, 18 N18, 19 N19, 20 N20, 21 N21, 22 N22, 23 N23, 24 N24, 25 N25, 26 N26, 27 N27, 28 N28,
            29 N29, 30 N30; 31 N31]);
    };
}

macro_rules! class8 {
    ($(#[$doc:meta])* $name:ident) => {
        class!($(#[$doc])* $name over Number8, 7, [0 N0, 1 N1, 2 N2, 3 N3, 4 N4, 5 N5, 6 N6; 7 N7]);
    };
}

class!(
    /// A 64-bit general-purpose register, `rsp` included.
    ///
    /// ```
    /// use planish_asm::R64;
    /// use planish_asm::regs::*;
    /// assert_eq!(R64::from_num(9), Some(r9.any()));
    /// assert_eq!(R64::from_num(4), Some(rsp.any()));
    /// assert_eq!(R64::from_num(16), None);
    /// assert_eq!(size_of::<Option<R64>>(), 1);
    /// ```
    R64, Number16, 15, [
        0 N0, 1 N1, 2 N2, 3 N3, 4 N4, 5 N5, 6 N6, 7 N7, 8 N8, 9 N9, 10 N10, 11 N11, 12 N12, 13 N13, 14 N14; 15 N15]
);
class16!(
    /// A 32-bit general-purpose register, `esp` included.
    R32
);
class16!(
    /// A 16-bit general-purpose register, `sp` included.
    R16
);
class16!(
    /// An 8-bit general-purpose register, REX style: `al` .. `r15b` with `spl bpl sil dil`.
    R8
);
class!(
    /// One of the four high byte registers `ah ch dh bh`; the number is the one in ModRM (4 to 7).
    R8Hi, NumberHigh, 7, [4 N4, 5 N5, 6 N6; 7 N7]
);
class!(
    /// A 64-bit general-purpose register that is not `rsp`: what a register allocator hands out, and what can be an index.
    ///
    /// ```
    /// use planish_asm::Gp64;
    /// assert_eq!(Gp64::ALL.len(), 15);
    /// assert_eq!(Gp64::from_num(4), None);
    /// ```
    Gp64, Number15, 15, [
        0 N0, 1 N1, 2 N2, 3 N3, 5 N5, 6 N6, 7 N7, 8 N8, 9 N9, 10 N10, 11 N11, 12 N12, 13 N13, 14 N14; 15 N15]
);
class15!(
    /// A 32-bit general-purpose register that is not `esp`.
    Gp32
);
class15!(
    /// A 16-bit general-purpose register that is not `sp`.
    Gp16
);
class15!(
    /// An 8-bit general-purpose register (REX style) that is not `spl`.
    Gp8
);
class16!(
    /// An XMM register of the legacy and VEX encodings.
    Xmm
);
class16!(
    /// A YMM register of the VEX encoding.
    Ymm
);
class!(
    /// An XMM register of the EVEX encoding.
    XmmX, Number32, 31, [
        0 N0, 1 N1, 2 N2, 3 N3, 4 N4, 5 N5, 6 N6, 7 N7, 8 N8, 9 N9, 10 N10, 11 N11, 12 N12, 13 N13, 14 N14, 15 N15,
        16 N16, 17 N17, 18 N18, 19 N19, 20 N20, 21 N21, 22 N22, 23 N23, 24 N24, 25 N25, 26 N26, 27 N27, 28 N28,
        29 N29, 30 N30; 31 N31]
);
class32!(
    /// A YMM register of the EVEX encoding.
    YmmX
);
class32!(
    /// A ZMM register.
    ZmmX
);
class!(
    /// An opmask register `k0` .. `k7`.
    K, Number8, 7, [0 N0, 1 N1, 2 N2, 3 N3, 4 N4, 5 N5, 6 N6; 7 N7]
);
class!(
    /// An opmask register that can mask an instruction, `k1` .. `k7`: `k0` in its place means "no mask".
    ///
    /// ```
    /// use planish_asm::{K, KMask, regs::*};
    /// assert_eq!(K::from_num(2).and_then(K::mask), Some(k2));
    /// assert_eq!(k0.mask(), None);
    /// assert_eq!(KMask::ALL.len(), 7);
    /// ```
    KMask, NumberMask, 7, [1 N1, 2 N2, 3 N3, 4 N4, 5 N5, 6 N6; 7 N7]
);
class!(
    /// Two opmask registers as one destination, named by the even one.
    KPair, NumberPair, 7, [0 N0, 2 N2, 4 N4; 6 N6]
);
class8!(
    /// An MMX register `mm0` .. `mm7`.
    Mm
);
class8!(
    /// An x87 stack register `st0` .. `st7`.
    St
);
class8!(
    /// An AMX tile register `tmm0` .. `tmm7`.
    Tmm
);
class!(
    /// A segment register: es cs ss ds fs gs, numbers 0 to 5.
    Seg, NumberSegment, 7, [0 N0, 1 N1, 2 N2, 3 N3, 4 N4; 5 N5]
);
class!(
    /// A control register that exists: `cr0 cr2 cr3 cr4 cr8`.
    Cr, NumberControl, 15, [0 N0, 2 N2, 3 N3, 4 N4; 8 N8]
);
class8!(
    /// A debug register `dr0` .. `dr7`.
    Dr
);

/// The top of the x87 stack.
///
/// A type of its own: most x87 instructions have it as one of their operands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct St0(());

impl St0 {
    /// As the general class.
    #[inline]
    pub const fn any(self) -> St {
        St::known(0)
    }

    /// The hardware number, 0.
    #[inline]
    pub const fn num(self) -> u8 {
        0
    }
}

/// The stack pointer `rsp`.
///
/// A type of its own, so that it can be a base and an operand but never an index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rsp(());

impl Rsp {
    /// As the general class.
    #[inline]
    pub const fn any(self) -> R64 {
        R64::known(4)
    }

    /// The hardware number, 4.
    #[inline]
    pub const fn num(self) -> u8 {
        4
    }
}

impl From<Rsp> for R64 {
    #[inline]
    fn from(r: Rsp) -> R64 {
        r.any()
    }
}

/// Conversions between the widths of one register; both classes have the numbers that occur.
macro_rules! widths {
    ($($from:ident: $($method:ident -> $to:ident),*;)*) => { $(
        impl $from { $(
            #[doc = concat!("The same register as ", stringify!($to), ".")]
            #[inline]
            pub const fn $method(self) -> $to {
                $to::known(self.num())
            }
        )* }
    )* };
}

widths! {
    R64: r64 -> R64, r32 -> R32, r16 -> R16, r8 -> R8;
    R32: r64 -> R64, r32 -> R32, r16 -> R16, r8 -> R8;
    R16: r64 -> R64, r32 -> R32, r16 -> R16, r8 -> R8;
    R8: r64 -> R64, r32 -> R32, r16 -> R16, r8 -> R8;
    Gp64: any -> R64, r64 -> Gp64, r32 -> Gp32, r16 -> Gp16, r8 -> Gp8;
    Gp32: any -> R32, r64 -> Gp64, r32 -> Gp32, r16 -> Gp16, r8 -> Gp8;
    Gp16: any -> R16, r64 -> Gp64, r32 -> Gp32, r16 -> Gp16, r8 -> Gp8;
    Gp8: any -> R8, r64 -> Gp64, r32 -> Gp32, r16 -> Gp16, r8 -> Gp8;
    Xmm: xmm -> Xmm, ymm -> Ymm, any -> XmmX, zmm -> ZmmX;
    Ymm: xmm -> Xmm, ymm -> Ymm, any -> YmmX, zmm -> ZmmX;
    XmmX: xmm -> XmmX, ymm -> YmmX, zmm -> ZmmX;
    YmmX: xmm -> XmmX, ymm -> YmmX, zmm -> ZmmX;
    ZmmX: xmm -> XmmX, ymm -> YmmX, zmm -> ZmmX;
    KMask: any -> K;
}

macro_rules! into_any {
    ($($from:ident $to:ident),*) => { $(
        impl From<$from> for $to {
            #[inline]
            fn from(r: $from) -> $to {
                r.any()
            }
        }
    )* };
}

into_any!(Gp64 R64, Gp32 R32, Gp16 R16, Gp8 R8, Xmm XmmX, Ymm YmmX, KMask K, St0 St);

impl XmmX {
    /// As a register of the legacy and VEX encodings; `None` from `xmm16` up.
    #[inline]
    pub const fn low(self) -> Option<Xmm> {
        Xmm::from_num(self.num())
    }
}

impl YmmX {
    /// As a register of the VEX encoding; `None` from `ymm16` up.
    #[inline]
    pub const fn low(self) -> Option<Ymm> {
        Ymm::from_num(self.num())
    }
}

impl K {
    /// As a mask; `None` for `k0`.
    #[inline]
    pub const fn mask(self) -> Option<KMask> {
        KMask::from_num(self.num())
    }
}

impl R64 {
    /// As an allocatable register; `None` for `rsp`.
    #[inline]
    pub const fn gp(self) -> Option<Gp64> {
        Gp64::from_num(self.num())
    }
}

/// Debug prints the manual's name, through the tables in [`names`].
macro_rules! debug_names {
    ($($class:ident $table:ident),* $(,)?) => { $(
        impl core::fmt::Debug for $class {
            #[inline]
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(names::$table[self.num() as usize])
            }
        }
        impl core::fmt::Display for $class {
            #[inline]
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(self, f)
            }
        }
    )* };
}

debug_names! {
    R64 R64, R32 R32, R16 R16, R8 R8, R8Hi R8HI, Gp64 R64, Gp32 R32, Gp16 R16, Gp8 R8, Rsp R64,
    Xmm XMM, Ymm YMM, XmmX XMM, YmmX YMM, ZmmX ZMM, K K, KMask K, KPair K, Mm MM, St ST, St0 ST, Tmm TMM, Seg SEG, Cr CR, Dr DR,
}

#[rustfmt::skip]
mod names {
    pub(super) const R64: [&str; 16] = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
    pub(super) const R32: [&str; 16] = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"];
    pub(super) const R16: [&str; 16] = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"];
    pub(super) const R8: [&str; 16] = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"];
    pub(super) const R8HI: [&str; 8] = ["", "", "", "", "ah", "ch", "dh", "bh"];
    pub(super) const SEG: [&str; 6] = ["es", "cs", "ss", "ds", "fs", "gs"];
    pub(super) const K: [&str; 8] = ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"];
    pub(super) const MM: [&str; 8] = ["mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7"];
    pub(super) const ST: [&str; 8] = ["st(0)", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"];
    pub(super) const TMM: [&str; 8] = ["tmm0", "tmm1", "tmm2", "tmm3", "tmm4", "tmm5", "tmm6", "tmm7"];
    pub(super) const CR: [&str; 16] = ["cr0", "cr1", "cr2", "cr3", "cr4", "cr5", "cr6", "cr7", "cr8", "cr9", "cr10", "cr11", "cr12", "cr13", "cr14", "cr15"];
    pub(super) const DR: [&str; 16] = ["dr0", "dr1", "dr2", "dr3", "dr4", "dr5", "dr6", "dr7", "dr8", "dr9", "dr10", "dr11", "dr12", "dr13", "dr14", "dr15"];
    pub(super) const XMM: [&str; 32] = ["xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"];
    pub(super) const YMM: [&str; 32] = ["ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15", "ymm16", "ymm17", "ymm18", "ymm19", "ymm20", "ymm21", "ymm22", "ymm23", "ymm24", "ymm25", "ymm26", "ymm27", "ymm28", "ymm29", "ymm30", "ymm31"];
    pub(super) const ZMM: [&str; 32] = ["zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10", "zmm11", "zmm12", "zmm13", "zmm14", "zmm15", "zmm16", "zmm17", "zmm18", "zmm19", "zmm20", "zmm21", "zmm22", "zmm23", "zmm24", "zmm25", "zmm26", "zmm27", "zmm28", "zmm29", "zmm30", "zmm31"];
}

/// Every register under its name in the manual: `use planish_asm::regs::*`.
///
/// `rsp` is an [`Rsp`]; its parts `esp sp spl` belong to the classes that include them. `xmm16` and up are EVEX registers.
#[allow(non_upper_case_globals, missing_docs, reason = "the manual's names say it all")]
#[rustfmt::skip]
pub mod regs {
    use super::*;

    macro_rules! constants {
        ($($class:ident: $($n:literal $name:ident),*;)*) => { $($(pub const $name: $class = $class::known($n);)*)* };
    }

    pub const rsp: Rsp = Rsp(());
    pub const st0: St0 = St0(());
    constants! {
        Gp64: 0 rax, 1 rcx, 2 rdx, 3 rbx, 5 rbp, 6 rsi, 7 rdi, 8 r8, 9 r9, 10 r10, 11 r11, 12 r12, 13 r13, 14 r14, 15 r15;
        Gp32: 0 eax, 1 ecx, 2 edx, 3 ebx, 5 ebp, 6 esi, 7 edi, 8 r8d, 9 r9d, 10 r10d, 11 r11d, 12 r12d, 13 r13d, 14 r14d, 15 r15d;
        Gp16: 0 ax, 1 cx, 2 dx, 3 bx, 5 bp, 6 si, 7 di, 8 r8w, 9 r9w, 10 r10w, 11 r11w, 12 r12w, 13 r13w, 14 r14w, 15 r15w;
        Gp8: 0 al, 1 cl, 2 dl, 3 bl, 5 bpl, 6 sil, 7 dil, 8 r8b, 9 r9b, 10 r10b, 11 r11b, 12 r12b, 13 r13b, 14 r14b, 15 r15b;
        R32: 4 esp;
        R16: 4 sp;
        R8: 4 spl;
        R8Hi: 4 ah, 5 ch, 6 dh, 7 bh;
        Xmm: 0 xmm0, 1 xmm1, 2 xmm2, 3 xmm3, 4 xmm4, 5 xmm5, 6 xmm6, 7 xmm7, 8 xmm8, 9 xmm9, 10 xmm10, 11 xmm11, 12 xmm12, 13 xmm13, 14 xmm14, 15 xmm15;
        XmmX: 16 xmm16, 17 xmm17, 18 xmm18, 19 xmm19, 20 xmm20, 21 xmm21, 22 xmm22, 23 xmm23, 24 xmm24, 25 xmm25, 26 xmm26, 27 xmm27, 28 xmm28, 29 xmm29, 30 xmm30, 31 xmm31;
        Ymm: 0 ymm0, 1 ymm1, 2 ymm2, 3 ymm3, 4 ymm4, 5 ymm5, 6 ymm6, 7 ymm7, 8 ymm8, 9 ymm9, 10 ymm10, 11 ymm11, 12 ymm12, 13 ymm13, 14 ymm14, 15 ymm15;
        YmmX: 16 ymm16, 17 ymm17, 18 ymm18, 19 ymm19, 20 ymm20, 21 ymm21, 22 ymm22, 23 ymm23, 24 ymm24, 25 ymm25, 26 ymm26, 27 ymm27, 28 ymm28, 29 ymm29, 30 ymm30, 31 ymm31;
        ZmmX: 0 zmm0, 1 zmm1, 2 zmm2, 3 zmm3, 4 zmm4, 5 zmm5, 6 zmm6, 7 zmm7, 8 zmm8, 9 zmm9, 10 zmm10, 11 zmm11, 12 zmm12, 13 zmm13, 14 zmm14, 15 zmm15, 16 zmm16, 17 zmm17, 18 zmm18, 19 zmm19, 20 zmm20, 21 zmm21, 22 zmm22, 23 zmm23, 24 zmm24, 25 zmm25, 26 zmm26, 27 zmm27, 28 zmm28, 29 zmm29, 30 zmm30, 31 zmm31;
        K: 0 k0;
        KPair: 0 k0_k1, 2 k2_k3, 4 k4_k5, 6 k6_k7;
        KMask: 1 k1, 2 k2, 3 k3, 4 k4, 5 k5, 6 k6, 7 k7;
        Mm: 0 mm0, 1 mm1, 2 mm2, 3 mm3, 4 mm4, 5 mm5, 6 mm6, 7 mm7;
        St: 1 st1, 2 st2, 3 st3, 4 st4, 5 st5, 6 st6, 7 st7;
        Tmm: 0 tmm0, 1 tmm1, 2 tmm2, 3 tmm3, 4 tmm4, 5 tmm5, 6 tmm6, 7 tmm7;
        Seg: 0 es, 1 cs, 2 ss, 3 ds, 4 fs, 5 gs;
        Cr: 0 cr0, 2 cr2, 3 cr3, 4 cr4, 8 cr8;
        Dr: 0 dr0, 1 dr1, 2 dr2, 3 dr3, 4 dr4, 5 dr5, 6 dr6, 7 dr7;
    }
}
