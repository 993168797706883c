//! What the selection layer selects by: widths, operations, conditions, and the opcodes they stand for.

use crate::encode::{Map, Op, VexOp};

use Map::{M00, M0F};

/// Operand width of a general-purpose instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Width {
    /// 8 bits
    W8,
    /// 16 bits
    W16,
    /// 32 bits; the upper half of a destination register becomes zero
    W32,
    /// 64 bits
    W64,
}

/// An enumeration whose values are what the encoding holds.
macro_rules! operations {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $n:literal $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $(#[doc = $text] $variant = $n),* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
        }
    };
}

operations! {
    /// Two-operand arithmetic and logic; the value is the `/digit`.
    Alu { Add = 0 "`add`", Or = 1 "`or`", Adc = 2 "`adc`", Sbb = 3 "`sbb`", And = 4 "`and`", Sub = 5 "`sub`", Xor = 6 "`xor`", Cmp = 7 "`cmp`" }
}

operations! {
    /// One-operand arithmetic.
    Unary {
        Not = 2 "`not`", Neg = 3 "`neg`", Mul = 4 "`mul`: rdx:rax = rax * operand", Imul = 5 "`imul`: rdx:rax = rax * operand",
        Div = 6 "`div`: rax, rdx = rdx:rax / operand", Idiv = 7 "`idiv`", Inc = 8 "`inc`", Dec = 9 "`dec`",
    }
}

operations! {
    /// Shifts and rotates; the value is the `/digit`.
    Shift { Rol = 0 "`rol`", Ror = 1 "`ror`", Rcl = 2 "`rcl`", Rcr = 3 "`rcr`", Shl = 4 "`shl`", Shr = 5 "`shr`", Sar = 7 "`sar`" }
}

operations! {
    /// Shifts of BMI2, which leave the flags alone; the value is the VEX prefix bits.
    ShiftX { Shl = 0x66 "`shlx`", Shr = 0xF2 "`shrx`", Sar = 0xF3 "`sarx`" }
}

operations! {
    /// Bit scans and counts; the value is the opcode, with the `F3` prefix for those from [`Bits::Lzcnt`] on.
    Bits { Bsf = 0 "`bsf`", Bsr = 1 "`bsr`", Lzcnt = 2 "`lzcnt`", Tzcnt = 3 "`tzcnt`", Popcnt = 4 "`popcnt`" }
}

operations! {
    /// Bit tests; the value is the `/digit`.
    BitTest { Bt = 4 "`bt`", Bts = 5 "`bts`", Btr = 6 "`btr`", Btc = 7 "`btc`" }
}

operations! {
    /// Floating-point precision.
    Prec { S = 0xF3 "single", D = 0xF2 "double" }
}

operations! {
    /// Scalar floating-point arithmetic; the value is the opcode.
    FpOp { Sqrt = 0x51 "`sqrtss`", Add = 0x58 "`addss`", Mul = 0x59 "`mulss`", Sub = 0x5C "`subss`", Min = 0x5D "`minss`", Div = 0x5E "`divss`", Max = 0x5F "`maxss`" }
}

operations! {
    /// 128-bit logic; the value is the opcode of the floating-point form.
    Logic { And = 0x54 "`andps`", AndNot = 0x55 "`andnps`: not destination and source", Or = 0x56 "`orps`", Xor = 0x57 "`xorps`" }
}

operations! {
    /// Rounding mode of [`Asm::round_rr`](crate::Asm::round_rr); the value is the immediate (without the inexact exception).
    Rounding { Nearest = 8 "to nearest, ties to even", Floor = 9 "down", Ceil = 10 "up", Trunc = 11 "toward zero" }
}

operations! {
    /// A condition, in the manual's words; the value is the low half of the opcode.
    Cond {
        Overflow = 0 "OF", NoOverflow = 1 "not OF", Below = 2 "unsigned <: CF", AboveEqual = 3 "unsigned >=: not CF", Equal = 4 "ZF", NotEqual = 5 "not ZF",
        BelowEqual = 6 "unsigned <=: CF or ZF", Above = 7 "unsigned >", Sign = 8 "SF", NoSign = 9 "not SF", Parity = 10 "PF", NoParity = 11 "not PF",
        Less = 12 "signed <: SF differs from OF", GreaterEqual = 13 "signed >=", LessEqual = 14 "signed <=", Greater = 15 "signed >",
    }
}

impl Cond {
    /// The hardware number.
    #[inline]
    pub const fn num(self) -> u8 {
        self as u8
    }

    /// The condition with this hardware number.
    #[inline]
    pub const fn from_num(num: u8) -> Option<Cond> {
        if num < 16 { Some(Cond::known(num)) } else { None }
    }

    #[rustfmt::skip]
    const fn known(num: u8) -> Cond {
        match num & 15 {
            0 => Cond::Overflow, 1 => Cond::NoOverflow, 2 => Cond::Below, 3 => Cond::AboveEqual, 4 => Cond::Equal, 5 => Cond::NotEqual,
            6 => Cond::BelowEqual, 7 => Cond::Above, 8 => Cond::Sign, 9 => Cond::NoSign, 10 => Cond::Parity, 11 => Cond::NoParity,
            12 => Cond::Less, 13 => Cond::GreaterEqual, 14 => Cond::LessEqual, _ => Cond::Greater,
        }
    }

    /// The opposite.
    ///
    /// ```
    /// use planish_asm::Cond;
    /// assert_eq!(Cond::Less.invert(), Cond::GreaterEqual);
    /// assert_eq!(Cond::Less.swap(), Cond::Greater);
    /// ```
    #[inline]
    pub const fn invert(self) -> Cond {
        Cond::known(self as u8 ^ 1)
    }

    /// What holds after the operands of the comparison changed places; conditions of one flag stay as they are.
    #[inline]
    pub const fn swap(self) -> Cond {
        match self {
            Cond::Below => Cond::Above,
            Cond::Above => Cond::Below,
            Cond::AboveEqual => Cond::BelowEqual,
            Cond::BelowEqual => Cond::AboveEqual,
            Cond::Less => Cond::Greater,
            Cond::Greater => Cond::Less,
            Cond::GreaterEqual => Cond::LessEqual,
            Cond::LessEqual => Cond::GreaterEqual,
            _ => self,
        }
    }
}

impl Width {
    /// The size in bytes.
    #[inline]
    pub const fn bytes(self) -> u32 {
        1 << self as u32
    }

    #[inline(always)]
    pub(super) const fn is(self, other: Width) -> bool {
        self as u8 == other as u8
    }

    /// Bytes of an immediate that is not shortened.
    #[inline(always)]
    pub(super) const fn imm_len(self) -> u32 {
        match self {
            Width::W8 => 1,
            Width::W16 => 2,
            _ => 4,
        }
    }
}

/// `66` and REX.W as the width asks for.
#[inline(always)]
pub(super) const fn sized(op: Op, width: Width) -> Op {
    op.operand_size_if(width.is(Width::W16)).w_if(width.is(Width::W64))
}

/// For opcodes whose low bit is clear for 8 bits and set for the other widths. Both operands have this width.
#[inline(always)]
pub(super) const fn any_width(opcode: u8, width: Width) -> Op {
    let byte = width.is(Width::W8);
    sized(Op::new(0, M00, opcode | !byte as u8), width).byte_reg_if(byte).byte_rm_if(byte)
}

/// The same where ModRM.reg is a digit.
#[inline(always)]
pub(super) const fn any_width_digit(opcode: u8, width: Width) -> Op {
    any_width(opcode, width).byte_reg_if(false)
}

/// Whether `imm`, taken modulo the width, is a sign-extended byte.
#[inline(always)]
pub(super) const fn fits8(imm: i32, width: Width) -> bool {
    let imm = if width.is(Width::W16) { imm as i16 as i32 } else { imm };
    imm as i8 as i32 == imm
}

#[inline(always)]
pub(super) const fn scalar(prec: Prec, opcode: u8) -> Op {
    Op::new(prec as u32, M0F, opcode)
}

#[inline(always)]
pub(super) const fn v_scalar(prec: Prec, opcode: u8) -> VexOp {
    VexOp::new(prec as u8, 1, opcode)
}

/// `ucomiss` has no prefix, `ucomisd` has 66; the moves and the logic of whole registers likewise.
#[inline(always)]
pub(super) const fn packed(prec: Prec) -> u8 {
    match prec {
        Prec::S => 0,
        Prec::D => 0x66,
    }
}

/// Opcode of `pand pandn por pxor`.
#[inline(always)]
pub(super) const fn integer_logic(op: Logic) -> u8 {
    match op {
        Logic::And => 0xDB,
        Logic::AndNot => 0xDF,
        Logic::Or => 0xEB,
        Logic::Xor => 0xEF,
    }
}

/// Opcode of `roundss roundsd`.
#[inline(always)]
pub(super) const fn round_opcode(prec: Prec) -> u8 {
    match prec {
        Prec::S => 0x0A,
        Prec::D => 0x0B,
    }
}
