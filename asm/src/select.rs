//! Typed run-time selection: instructions whose operation, width or condition is a value.
//!
//! What a compiler's lowering calls: `alu_rr(Alu::Add, Width::W32, ..)`, `jcc(Cond::Less, ..)`. Each method emits the
//! shortest encoding of what it names. Suffixes say the operands, destination first: `r` register, `m` memory, `i` immediate.
//! `x` vector
//! register. General registers are [`R64`] for every width; [`Width`] says which part is meant. `v_` marks the VEX encodings.

use crate::buffer::Asm;
use crate::encode::{Map, Op, VexOp};
use crate::label::Label;
use crate::mem::Addr;
use crate::reg::{R64, Xmm};

use Map::{M00, M0F, M0F3A};

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
    /// Rounding mode of [`Asm::round_rr`]; the value is the immediate (without the inexact exception).
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
        if num < 16 {
            Some(Cond::known(num))
        } else {
            None
        }
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
    const fn is(self, other: Width) -> bool {
        self as u8 == other as u8
    }

    /// Bytes of an immediate that is not shortened.
    #[inline(always)]
    const fn imm_len(self) -> u32 {
        match self {
            Width::W8 => 1,
            Width::W16 => 2,
            _ => 4,
        }
    }
}

/// `66` and REX.W as the width asks for.
#[inline(always)]
const fn sized(op: Op, width: Width) -> Op {
    op.operand_size_if(width.is(Width::W16))
        .w_if(width.is(Width::W64))
}

/// For opcodes whose low bit is clear for 8 bits and set for the other widths. Both operands have this width.
#[inline(always)]
const fn any_width(opcode: u8, width: Width) -> Op {
    let byte = width.is(Width::W8);
    sized(Op::new(0, M00, opcode | !byte as u8), width)
        .byte_reg_if(byte)
        .byte_rm_if(byte)
}

/// The same where ModRM.reg is a digit.
#[inline(always)]
const fn any_width_digit(opcode: u8, width: Width) -> Op {
    any_width(opcode, width).byte_reg_if(false)
}

/// Whether `imm`, taken modulo the width, is a sign-extended byte.
#[inline(always)]
const fn fits8(imm: i32, width: Width) -> bool {
    let imm = if width.is(Width::W16) {
        imm as i16 as i32
    } else {
        imm
    };
    imm as i8 as i32 == imm
}

/// Integer instructions.
impl Asm<'_> {
    /// `dst = dst op src`
    ///
    /// ```
    /// # use planish_asm::{Alu, Asm, Width, regs::*};
    /// # let mut code = [0; 16];
    /// # let mut a = Asm::new(&mut code, &mut []);
    /// a.alu_rr(Alu::Add, Width::W64, rax.any(), r9.any());
    /// a.alu_rr(Alu::Xor, Width::W32, rcx.any(), rcx.any());
    /// a.alu_rr(Alu::Cmp, Width::W8, rsi.any(), rcx.any());
    /// assert_eq!(a.finish()?, [0x4C, 0x01, 0xC8, 0x31, 0xC9, 0x40, 0x38, 0xCE]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn alu_rr(&mut self, op: Alu, width: Width, dst: R64, src: R64) -> &mut Self {
        self.rr(any_width((op as u8) << 3, width), src.num(), dst.num())
    }

    /// `dst = dst op imm`, `imm` sign-extended from 32 bits (or cut to the width).
    ///
    /// ```
    /// # use planish_asm::{Alu, Asm, Width, regs::*};
    /// # let mut code = [0; 16];
    /// # let mut a = Asm::new(&mut code, &mut []);
    /// a.alu_ri(Alu::Sub, Width::W64, rcx.any(), -1);
    /// a.alu_ri(Alu::Cmp, Width::W32, rax.any(), 0x1234);
    /// assert_eq!(a.finish()?, [0x48, 0x83, 0xE9, 0xFF, 0x3D, 0x34, 0x12, 0, 0]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn alu_ri(&mut self, op: Alu, width: Width, dst: R64, imm: i32) -> &mut Self {
        self.group1(width, op as u8, dst, imm)
    }

    /// 83 with a byte, the accumulator's own opcode, or 81: the first that fits.
    #[inline(always)]
    const fn group1(&mut self, width: Width, digit: u8, dst: R64, imm: i32) -> &mut Self {
        let dst = dst.num();
        let byte = width.is(Width::W8);
        let short = fits8(imm, width) & !byte;
        let op = any_width_digit(0x80 | (short as u8) << 1, width);
        let imm_len = if short { 1 } else { width.imm_len() };
        let accumulator = digit << 3 | 4 | !byte as u8;
        self.rr_imm_accumulator(
            op,
            accumulator,
            (dst == 0) & !short,
            digit,
            dst,
            imm as u32,
            imm_len,
        )
    }

    /// `dst = dst op [src]`
    #[inline]
    pub const fn alu_rm(&mut self, op: Alu, width: Width, dst: R64, src: Addr) -> &mut Self {
        self.rm(any_width((op as u8) << 3 | 2, width), dst.num(), src)
    }

    /// `[dst] = [dst] op src`
    #[inline]
    pub const fn alu_mr(&mut self, op: Alu, width: Width, dst: Addr, src: R64) -> &mut Self {
        self.rm(any_width((op as u8) << 3, width), src.num(), dst)
    }

    /// `[dst] = [dst] op imm`
    #[inline]
    pub const fn alu_mi(&mut self, op: Alu, width: Width, dst: Addr, imm: i32) -> &mut Self {
        let short = fits8(imm, width) & !width.is(Width::W8);
        let opcode = if short {
            0x83
        } else {
            0x80 | !width.is(Width::W8) as u8
        };
        let len = if short { 1 } else { width.imm_len() };
        self.rm_imm(
            sized(Op::new(0, M00, opcode), width),
            op as u8,
            dst,
            imm as u32,
            len,
        )
    }

    /// Flags of `a & b`.
    #[inline]
    pub const fn test_rr(&mut self, width: Width, a: R64, b: R64) -> &mut Self {
        self.rr(any_width(0x84, width), b.num(), a.num())
    }

    /// Flags of `a & imm`.
    ///
    /// ```
    /// # use planish_asm::{Asm, Width, regs::*};
    /// # let mut code = [0; 16];
    /// # let mut a = Asm::new(&mut code, &mut []);
    /// a.test_ri(Width::W32, rax.any(), 256).test_ri(Width::W8, rdi.any(), 1);
    /// assert_eq!(a.finish()?, [0xA9, 0, 1, 0, 0, 0x40, 0xF6, 0xC7, 1]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn test_ri(&mut self, width: Width, a: R64, imm: i32) -> &mut Self {
        if a.num() == 0 {
            return self.op_imm(any_width(0xA8, width), imm as u32 as u64, width.imm_len());
        }
        self.rr_imm(
            any_width_digit(0xF6, width),
            0,
            a.num(),
            imm as u32,
            width.imm_len(),
        )
    }

    /// Flags of `[a] & b`.
    #[inline]
    pub const fn test_mr(&mut self, width: Width, a: Addr, b: R64) -> &mut Self {
        self.rm(any_width(0x84, width), b.num(), a)
    }

    /// Flags of `[a] & imm`.
    #[inline]
    pub const fn test_mi(&mut self, width: Width, a: Addr, imm: i32) -> &mut Self {
        self.rm_imm(
            any_width_digit(0xF6, width),
            0,
            a,
            imm as u32,
            width.imm_len(),
        )
    }

    /// `dst = src`
    #[inline]
    pub const fn mov_rr(&mut self, width: Width, dst: R64, src: R64) -> &mut Self {
        self.rr(any_width(0x88, width), src.num(), dst.num())
    }

    /// `dst = imm` (cut to the width) in the shortest way that leaves the flags alone.
    ///
    /// ```
    /// # use planish_asm::{Asm, Width, regs::*};
    /// # let mut code = [0; 32];
    /// # let mut a = Asm::new(&mut code, &mut []);
    /// a.mov_ri(Width::W64, rax.any(), 0x8000_0000).mov_ri(Width::W64, rax.any(), -1);
    /// assert_eq!(a.finish()?, [0xB8, 0, 0, 0, 0x80, 0x48, 0xC7, 0xC0, 0xFF, 0xFF, 0xFF, 0xFF]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn mov_ri(&mut self, width: Width, dst: R64, imm: i64) -> &mut Self {
        let dst = dst.num();
        match width {
            Width::W8 => self.op_reg_imm(Op::new(0, M00, 0xB0).byte_rm(), dst, imm as u64, 1),
            Width::W16 => self.op_reg_imm(Op::new(0x66, M00, 0xB8), dst, imm as u64, 2),
            Width::W32 => self.op_reg_imm(Op::new(0, M00, 0xB8), dst, imm as u64, 4),
            Width::W64 if imm as u32 as i64 == imm => {
                self.op_reg_imm(Op::new(0, M00, 0xB8), dst, imm as u64, 4)
            }
            Width::W64 if imm as i32 as i64 == imm => {
                self.rr_imm(Op::new(0, M00, 0xC7).w(), 0, dst, imm as u32, 4)
            }
            Width::W64 => self.op_reg_imm(Op::new(0, M00, 0xB8).w(), dst, imm as u64, 8),
        }
    }

    /// `dst = [src]`
    #[inline]
    pub const fn mov_rm(&mut self, width: Width, dst: R64, src: Addr) -> &mut Self {
        self.rm(any_width(0x8A, width), dst.num(), src)
    }

    /// `[dst] = src`
    #[inline]
    pub const fn mov_mr(&mut self, width: Width, dst: Addr, src: R64) -> &mut Self {
        self.rm(any_width(0x88, width), src.num(), dst)
    }

    /// `[dst] = imm`, sign-extended from 32 bits (or cut to the width).
    #[inline]
    pub const fn mov_mi(&mut self, width: Width, dst: Addr, imm: i32) -> &mut Self {
        self.rm_imm(
            any_width_digit(0xC6, width),
            0,
            dst,
            imm as u32,
            width.imm_len(),
        )
    }

    /// `dst = src` zero-extended from `from` to 64 bits.
    #[inline]
    pub const fn movzx_rr(&mut self, from: Width, dst: R64, src: R64) -> &mut Self {
        match from {
            Width::W8 => self.rr(Op::new(0, M0F, 0xB6).byte_rm(), dst.num(), src.num()),
            Width::W16 => self.rr(Op::new(0, M0F, 0xB7), dst.num(), src.num()),
            _ => self.mov_rr(from, dst, src),
        }
    }

    /// `dst = [src]` zero-extended from `from` to 64 bits.
    #[inline]
    pub const fn movzx_rm(&mut self, from: Width, dst: R64, src: Addr) -> &mut Self {
        match from {
            Width::W8 => self.rm(Op::new(0, M0F, 0xB6), dst.num(), src),
            Width::W16 => self.rm(Op::new(0, M0F, 0xB7), dst.num(), src),
            _ => self.mov_rm(from, dst, src),
        }
    }

    /// `dst = src` sign-extended from `from` to `to`; a plain move where `from` is not narrower.
    #[inline]
    pub const fn movsx_rr(&mut self, from: Width, to: Width, dst: R64, src: R64) -> &mut Self {
        match Asm::movsx_op(from, to) {
            Some(op) => self.rr(op.byte_rm_if(from.is(Width::W8)), dst.num(), src.num()),
            None => self.mov_rr(to, dst, src),
        }
    }

    /// `dst = [src]` sign-extended from `from` to `to`; a plain load where `from` is not narrower.
    #[inline]
    pub const fn movsx_rm(&mut self, from: Width, to: Width, dst: R64, src: Addr) -> &mut Self {
        match Asm::movsx_op(from, to) {
            Some(op) => self.rm(op, dst.num(), src),
            None => self.mov_rm(to, dst, src),
        }
    }

    #[inline(always)]
    const fn movsx_op(from: Width, to: Width) -> Option<Op> {
        if from as u8 >= to as u8 {
            return None;
        }
        let op = match from {
            Width::W8 => Op::new(0, M0F, 0xBE),
            Width::W16 => Op::new(0, M0F, 0xBF),
            _ => Op::new(0, M00, 0x63),
        };
        Some(sized(op, to))
    }

    /// `dst = ` the address `src`, cut to the width (8 bits: as 32).
    #[inline]
    pub const fn lea_rm(&mut self, width: Width, dst: R64, src: Addr) -> &mut Self {
        self.rm(sized(Op::new(0, M00, 0x8D), width), dst.num(), src)
    }

    /// `dst = ` the address of the label.
    #[inline]
    pub const fn lea_label(&mut self, dst: R64, label: Label) -> &mut Self {
        self.lea_rm(Width::W64, dst, Addr::rip(label))
    }

    /// `not neg mul imul div idiv inc dec` on a register.
    #[inline]
    pub const fn unary_r(&mut self, op: Unary, width: Width, r: R64) -> &mut Self {
        let (opcode, digit) = Asm::unary(op);
        self.rr(any_width_digit(opcode, width), digit, r.num())
    }

    /// The same on memory.
    #[inline]
    pub const fn unary_m(&mut self, op: Unary, width: Width, m: Addr) -> &mut Self {
        let (opcode, digit) = Asm::unary(op);
        self.rm(any_width_digit(opcode, width), digit, m)
    }

    #[inline(always)]
    const fn unary(op: Unary) -> (u8, u8) {
        let inc_dec = op as u8 >= Unary::Inc as u8;
        (if inc_dec { 0xFE } else { 0xF6 }, op as u8 & 7)
    }

    /// `dst = dst * src` (8 bits: as 32).
    #[inline]
    pub const fn imul_rr(&mut self, width: Width, dst: R64, src: R64) -> &mut Self {
        self.rr(sized(Op::new(0, M0F, 0xAF), width), dst.num(), src.num())
    }

    /// `dst = dst * [src]`, 16 bits or more.
    #[inline]
    pub const fn imul_rm(&mut self, width: Width, dst: R64, src: Addr) -> &mut Self {
        self.rm(sized(Op::new(0, M0F, 0xAF), width), dst.num(), src)
    }

    /// `dst = src * imm`, 16 bits or more (8 bits: as 32).
    #[inline]
    pub const fn imul_rri(&mut self, width: Width, dst: R64, src: R64, imm: i32) -> &mut Self {
        let (op, len) = Asm::imul_op(width, imm);
        self.rr_imm(op, dst.num(), src.num(), imm as u32, len)
    }

    /// `dst = [src] * imm`, 16 bits or more.
    #[inline]
    pub const fn imul_rmi(&mut self, width: Width, dst: R64, src: Addr, imm: i32) -> &mut Self {
        let (op, len) = Asm::imul_op(width, imm);
        self.rm_imm(op, dst.num(), src, imm as u32, len)
    }

    #[inline(always)]
    const fn imul_op(width: Width, imm: i32) -> (Op, u32) {
        let short = fits8(imm, width);
        let long_len = if width.is(Width::W16) { 2 } else { 4 };
        (
            sized(Op::new(0, M00, if short { 0x6B } else { 0x69 }), width),
            if short { 1 } else { long_len },
        )
    }

    /// Shift or rotate by a constant.
    ///
    /// ```
    /// # use planish_asm::{Asm, Shift, Width, regs::*};
    /// # let mut code = [0; 16];
    /// # let mut a = Asm::new(&mut code, &mut []);
    /// a.shift_ri(Shift::Shl, Width::W32, rcx.any(), 3).shift_ri(Shift::Shr, Width::W64, rcx.any(), 1);
    /// assert_eq!(a.finish()?, [0xC1, 0xE1, 3, 0x48, 0xD1, 0xE9]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn shift_ri(&mut self, op: Shift, width: Width, r: R64, count: u8) -> &mut Self {
        // D0 and D1 are C0 and C1 with a count of 1.
        let one = count == 1;
        self.rr_imm(
            any_width_digit(0xC0 | (one as u8) << 4, width),
            op as u8,
            r.num(),
            count as u32,
            !one as u32,
        )
    }

    /// Shift or rotate by `cl`.
    #[inline]
    pub const fn shift_rcl(&mut self, op: Shift, width: Width, r: R64) -> &mut Self {
        self.rr(any_width_digit(0xD2, width), op as u8, r.num())
    }

    /// Shift or rotate memory by a constant.
    #[inline]
    pub const fn shift_mi(&mut self, op: Shift, width: Width, m: Addr, count: u8) -> &mut Self {
        let one = count == 1;
        self.rm_imm(
            any_width_digit(0xC0 | (one as u8) << 4, width),
            op as u8,
            m,
            count as u32,
            !one as u32,
        )
    }

    /// Shift or rotate memory by `cl`.
    #[inline]
    pub const fn shift_mcl(&mut self, op: Shift, width: Width, m: Addr) -> &mut Self {
        self.rm(any_width_digit(0xD2, width), op as u8, m)
    }

    /// `dst = src shifted by count`, flags untouched (BMI2; 32 or 64 bits).
    #[inline]
    pub const fn shiftx_rrr(
        &mut self,
        op: ShiftX,
        width: Width,
        dst: R64,
        src: R64,
        count: R64,
    ) -> &mut Self {
        self.vex_rr(
            VexOp::new(op as u8, 2, 0xF7).w1_if(width.is(Width::W64)),
            dst.num(),
            count.num(),
            src.num(),
        )
    }

    /// `dst = [src] shifted by count` (BMI2).
    #[inline]
    pub const fn shiftx_rmr(
        &mut self,
        op: ShiftX,
        width: Width,
        dst: R64,
        src: Addr,
        count: R64,
    ) -> &mut Self {
        self.vex_rm(
            VexOp::new(op as u8, 2, 0xF7).w1_if(width.is(Width::W64)),
            dst.num(),
            count.num(),
            src,
        )
    }

    /// `dst = src` rotated right, flags untouched (BMI2).
    #[inline]
    pub const fn rorx_rri(&mut self, width: Width, dst: R64, src: R64, count: u8) -> &mut Self {
        self.vex_rr_imm(
            VexOp::new(0xF2, 3, 0xF0).w1_if(width.is(Width::W64)),
            dst.num(),
            0,
            src.num(),
            count,
        )
    }

    /// `dst = [src]` rotated right (BMI2).
    #[inline]
    pub const fn rorx_rmi(&mut self, width: Width, dst: R64, src: Addr, count: u8) -> &mut Self {
        self.vex_rm_imm(
            VexOp::new(0xF2, 3, 0xF0).w1_if(width.is(Width::W64)),
            dst.num(),
            0,
            src,
            count,
        )
    }

    /// `high:low = rdx * src`, flags untouched (BMI2).
    #[inline]
    pub const fn mulx_rrr(&mut self, width: Width, high: R64, low: R64, src: R64) -> &mut Self {
        self.vex_rr(
            VexOp::new(0xF2, 2, 0xF6).w1_if(width.is(Width::W64)),
            high.num(),
            low.num(),
            src.num(),
        )
    }

    /// `dst = !a & b` (BMI1).
    #[inline]
    pub const fn andn_rrr(&mut self, width: Width, dst: R64, a: R64, b: R64) -> &mut Self {
        self.vex_rr(
            VexOp::new(0, 2, 0xF2).w1_if(width.is(Width::W64)),
            dst.num(),
            a.num(),
            b.num(),
        )
    }

    /// Bit scan or count, 16 bits or more.
    #[inline]
    pub const fn bits_rr(&mut self, op: Bits, width: Width, dst: R64, src: R64) -> &mut Self {
        self.rr(Asm::bits(op, width), dst.num(), src.num())
    }

    /// Bit scan or count of memory.
    #[inline]
    pub const fn bits_rm(&mut self, op: Bits, width: Width, dst: R64, src: Addr) -> &mut Self {
        self.rm(Asm::bits(op, width), dst.num(), src)
    }

    #[inline(always)]
    const fn bits(op: Bits, width: Width) -> Op {
        let op = match op {
            Bits::Bsf => Op::new(0, M0F, 0xBC),
            Bits::Bsr => Op::new(0, M0F, 0xBD),
            Bits::Lzcnt => Op::new(0xF3, M0F, 0xBD),
            Bits::Tzcnt => Op::new(0xF3, M0F, 0xBC),
            Bits::Popcnt => Op::new(0xF3, M0F, 0xB8),
        };
        sized(op, width)
    }

    /// CF = bit `bit` of `r`, 16 bits or more; then the bit is kept, set, cleared or flipped.
    #[inline]
    pub const fn bt_ri(&mut self, op: BitTest, width: Width, r: R64, bit: u8) -> &mut Self {
        self.rr_imm(
            sized(Op::new(0, M0F, 0xBA), width),
            op as u8,
            r.num(),
            bit as u32,
            1,
        )
    }

    /// The same in memory.
    #[inline]
    pub const fn bt_mi(&mut self, op: BitTest, width: Width, m: Addr, bit: u8) -> &mut Self {
        self.rm_imm(
            sized(Op::new(0, M0F, 0xBA), width),
            op as u8,
            m,
            bit as u32,
            1,
        )
    }

    /// The same with the bit's number, modulo the width, in a register.
    #[inline]
    pub const fn bt_rr(&mut self, op: BitTest, width: Width, r: R64, bit: R64) -> &mut Self {
        self.rr(
            sized(Op::new(0, M0F, 0x83 | (op as u8) << 3), width),
            bit.num(),
            r.num(),
        )
    }

    /// `if cond { dst = src }`, 16 bits or more. A 32-bit destination is zero-extended either way.
    #[inline]
    pub const fn cmov_rr(&mut self, cond: Cond, width: Width, dst: R64, src: R64) -> &mut Self {
        self.rr(
            sized(Op::new(0, M0F, 0x40 | cond as u8), width),
            dst.num(),
            src.num(),
        )
    }

    /// `if cond { dst = [src] }`; the load happens either way.
    #[inline]
    pub const fn cmov_rm(&mut self, cond: Cond, width: Width, dst: R64, src: Addr) -> &mut Self {
        self.rm(
            sized(Op::new(0, M0F, 0x40 | cond as u8), width),
            dst.num(),
            src,
        )
    }

    /// The low byte of `dst = cond`.
    #[inline]
    pub const fn setcc(&mut self, cond: Cond, dst: R64) -> &mut Self {
        self.rr(Op::new(0, M0F, 0x90 | cond as u8).byte_rm(), 0, dst.num())
    }

    /// The byte at `[dst] = cond`.
    #[inline]
    pub const fn setcc_m(&mut self, cond: Cond, dst: Addr) -> &mut Self {
        self.rm(Op::new(0, M0F, 0x90 | cond as u8), 0, dst)
    }

    /// Sign of rax into rdx: `cwd`, `cdq` or `cqo` (8 bits: `cbw`).
    #[inline]
    pub const fn sign_into_rdx(&mut self, width: Width) -> &mut Self {
        match width {
            Width::W8 => self.op(Op::new(0x66, M00, 0x98)),
            _ => self.op(sized(Op::new(0, M00, 0x99), width)),
        }
    }

    /// Reverses the bytes, 32 or 64 bits.
    #[inline]
    pub const fn bswap_r(&mut self, width: Width, r: R64) -> &mut Self {
        self.op_reg(Op::new(0, M0F, 0xC8).w_if(width.is(Width::W64)), r.num())
    }

    /// Exchanges two registers; the short form where one is rax.
    #[inline]
    pub const fn xchg_rr(&mut self, width: Width, a: R64, b: R64) -> &mut Self {
        let (low, other) = if a.num() == 0 {
            (0, b.num())
        } else {
            (b.num(), a.num())
        };
        // `xchg eax, eax` is `nop` as 90 and would not clear the upper half.
        if low == 0 && !width.is(Width::W8) && !(width.is(Width::W32) && other == 0) {
            return self.op_reg(sized(Op::new(0, M00, 0x90), width), other);
        }
        self.rr(any_width(0x86, width), b.num(), a.num())
    }

    /// Exchanges register and memory, atomically.
    #[inline]
    pub const fn xchg_mr(&mut self, width: Width, m: Addr, r: R64) -> &mut Self {
        self.rm(any_width(0x86, width), r.num(), m)
    }
}

/// Control flow and the stack.
impl Asm<'_> {
    /// Jump if `cond`: short to a label bound near before, else with 32 bits.
    ///
    /// ```
    /// # use planish_asm::{Asm, Cond, LabelSlot};
    /// # let (mut code, mut labels) = ([0; 16], [LabelSlot::EMPTY; 1]);
    /// # let mut a = Asm::new(&mut code, &mut labels);
    /// let l = a.label();
    /// a.jcc(Cond::Equal, l).bind(l).jcc(Cond::Equal, l);
    /// assert_eq!(a.finish()?, [0x0F, 0x84, 0, 0, 0, 0, 0x74, 0xFE]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn jcc(&mut self, cond: Cond, to: Label) -> &mut Self {
        self.branch(
            Op::new(0, M00, 0x70 | cond as u8),
            Op::new(0, M0F, 0x80 | cond as u8),
            to,
        )
    }

    /// Jump: short to a label bound near before, else with 32 bits.
    #[inline]
    pub const fn jmp_label(&mut self, to: Label) -> &mut Self {
        self.branch(Op::new(0, M00, 0xEB), Op::new(0, M00, 0xE9), to)
    }

    /// Call a label.
    #[inline]
    pub const fn call_label(&mut self, to: Label) -> &mut Self {
        self.rel32(Op::new(0, M00, 0xE8), to)
    }

    /// Jump if `cond`, always with 8 bits: an error when the label is further than that.
    ///
    /// ```
    /// # use planish_asm::{Asm, Cond, LabelSlot};
    /// # let (mut code, mut labels) = ([0; 16], [LabelSlot::EMPTY; 1]);
    /// # let mut a = Asm::new(&mut code, &mut labels);
    /// let skip = a.label();
    /// a.jcc_short(Cond::Equal, skip).ud2().bind(skip).ret();
    /// assert_eq!(a.finish()?, [0x74, 2, 0x0F, 0x0B, 0xC3]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn jcc_short(&mut self, cond: Cond, to: Label) -> &mut Self {
        self.rel8(Op::new(0, M00, 0x70 | cond as u8), to)
    }

    /// Jump, always with 8 bits.
    #[inline]
    pub const fn jmp_short(&mut self, to: Label) -> &mut Self {
        self.rel8(Op::new(0, M00, 0xEB), to)
    }

    /// Jump to the address in a register.
    #[inline]
    pub const fn jmp_r(&mut self, r: R64) -> &mut Self {
        self.rr(Op::new(0, M00, 0xFF), 4, r.num())
    }

    /// Jump to the address in memory.
    #[inline]
    pub const fn jmp_m(&mut self, m: Addr) -> &mut Self {
        self.rm(Op::new(0, M00, 0xFF), 4, m)
    }

    /// Call the address in a register.
    #[inline]
    pub const fn call_r(&mut self, r: R64) -> &mut Self {
        self.rr(Op::new(0, M00, 0xFF), 2, r.num())
    }

    /// Call the address in memory.
    #[inline]
    pub const fn call_m(&mut self, m: Addr) -> &mut Self {
        self.rm(Op::new(0, M00, 0xFF), 2, m)
    }

    /// Call with this displacement, for the caller to relocate: returns the code offset of the 4 bytes.
    #[inline]
    pub const fn call_reloc(&mut self, displacement: i32) -> usize {
        self.op_imm(Op::new(0, M00, 0xE8), displacement as u32 as u64, 4);
        self.pos() - 4
    }

    /// Jump with this displacement, for the caller to relocate: returns the code offset of the 4 bytes.
    #[inline]
    pub const fn jmp_reloc(&mut self, displacement: i32) -> usize {
        self.op_imm(Op::new(0, M00, 0xE9), displacement as u32 as u64, 4);
        self.pos() - 4
    }

    /// Jump if `cond` with this displacement, for the caller to relocate: returns the code offset of the 4 bytes.
    #[inline]
    pub const fn jcc_reloc(&mut self, cond: Cond, displacement: i32) -> usize {
        self.op_imm(
            Op::new(0, M0F, 0x80 | cond as u8),
            displacement as u32 as u64,
            4,
        );
        self.pos() - 4
    }

    /// Push 8 bytes.
    #[inline]
    pub const fn push_r(&mut self, r: R64) -> &mut Self {
        self.op_reg(Op::new(0, M00, 0x50), r.num())
    }

    /// Push 8 bytes from memory.
    #[inline]
    pub const fn push_m(&mut self, m: Addr) -> &mut Self {
        self.rm(Op::new(0, M00, 0xFF), 6, m)
    }

    /// Push 8 bytes, sign-extended from 32 bits.
    #[inline]
    pub const fn push_i(&mut self, imm: i32) -> &mut Self {
        let short = fits8(imm, Width::W32);
        self.op_imm(
            Op::new(0, M00, if short { 0x6A } else { 0x68 }),
            imm as u32 as u64,
            if short { 1 } else { 4 },
        )
    }

    /// Pop 8 bytes.
    #[inline]
    pub const fn pop_r(&mut self, r: R64) -> &mut Self {
        self.op_reg(Op::new(0, M00, 0x58), r.num())
    }

    /// Pop 8 bytes to memory.
    #[inline]
    pub const fn pop_m(&mut self, m: Addr) -> &mut Self {
        self.rm(Op::new(0, M00, 0x8F), 0, m)
    }

    /// Return and pop `bytes` of arguments.
    #[inline]
    pub const fn ret_i(&mut self, bytes: u16) -> &mut Self {
        self.op_imm(Op::new(0, M00, 0xC2), bytes as u64, 2)
    }
}

#[inline(always)]
const fn scalar(prec: Prec, opcode: u8) -> Op {
    Op::new(prec as u32, M0F, opcode)
}

#[inline(always)]
const fn v_scalar(prec: Prec, opcode: u8) -> VexOp {
    VexOp::new(prec as u8, 1, opcode)
}

/// `ucomiss` has no prefix, `ucomisd` has 66; the moves and the logic of whole registers likewise.
#[inline(always)]
const fn packed(prec: Prec) -> u8 {
    match prec {
        Prec::S => 0,
        Prec::D => 0x66,
    }
}

/// Scalar floating point and 128-bit moves and logic, SSE encodings (two operands).
impl Asm<'_> {
    /// `dst = dst op src`; [`FpOp::Sqrt`]: `dst = sqrt(src)`.
    ///
    /// ```
    /// # use planish_asm::{Asm, FpOp, Prec, regs::*};
    /// # let mut code = [0; 16];
    /// # let mut a = Asm::new(&mut code, &mut []);
    /// a.sse_rr(FpOp::Add, Prec::D, xmm1, xmm9).v_sse_rrr(FpOp::Mul, Prec::S, xmm1, xmm2, xmm3);
    /// assert_eq!(a.finish()?, [0xF2, 0x41, 0x0F, 0x58, 0xC9, 0xC5, 0xEA, 0x59, 0xCB]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn sse_rr(&mut self, op: FpOp, prec: Prec, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(scalar(prec, op as u8), dst.num(), src.num())
    }

    /// `dst = dst op [src]`
    #[inline]
    pub const fn sse_rm(&mut self, op: FpOp, prec: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(scalar(prec, op as u8), dst.num(), src)
    }

    /// `dst = [src]`, the rest of the register becomes zero.
    #[inline]
    pub const fn fload(&mut self, prec: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(scalar(prec, 0x10), dst.num(), src)
    }

    /// `[dst] = src`
    #[inline]
    pub const fn fstore(&mut self, prec: Prec, dst: Addr, src: Xmm) -> &mut Self {
        self.rm(scalar(prec, 0x11), src.num(), dst)
    }

    /// `dst = src`, the whole register (`movaps`).
    #[inline]
    pub const fn fmov_rr(&mut self, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(Op::new(0, M0F, 0x28), dst.num(), src.num())
    }

    /// Compares into ZF PF CF, quiet about quiet NaNs.
    #[inline]
    pub const fn ucomis_rr(&mut self, prec: Prec, a: Xmm, b: Xmm) -> &mut Self {
        self.rr(Op::new(packed(prec) as u32, M0F, 0x2E), a.num(), b.num())
    }

    /// Compares with memory.
    #[inline]
    pub const fn ucomis_rm(&mut self, prec: Prec, a: Xmm, b: Addr) -> &mut Self {
        self.rm(Op::new(packed(prec) as u32, M0F, 0x2E), a.num(), b)
    }

    /// 128-bit logic: `andps andnps orps xorps`.
    #[inline]
    pub const fn logic_rr(&mut self, op: Logic, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(Op::new(0, M0F, op as u8), dst.num(), src.num())
    }

    /// 128-bit logic with memory, which must be aligned to 16.
    #[inline]
    pub const fn logic_rm(&mut self, op: Logic, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(Op::new(0, M0F, op as u8), dst.num(), src)
    }

    /// 128-bit logic in the integer domain: `pand pandn por pxor`.
    #[inline]
    pub const fn plogic_rr(&mut self, op: Logic, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(Op::new(0x66, M0F, integer_logic(op)), dst.num(), src.num())
    }

    /// The same with memory, which must be aligned to 16.
    #[inline]
    pub const fn plogic_rm(&mut self, op: Logic, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(Op::new(0x66, M0F, integer_logic(op)), dst.num(), src)
    }

    /// `dst = src` as a float; `width` is the integer's, 32 or 64. Keeps the rest of `dst`.
    #[inline]
    pub const fn cvtsi2f(&mut self, width: Width, prec: Prec, dst: Xmm, src: R64) -> &mut Self {
        self.rr(
            scalar(prec, 0x2A).w_if(width.is(Width::W64)),
            dst.num(),
            src.num(),
        )
    }

    /// The same from memory.
    #[inline]
    pub const fn cvtsi2f_m(&mut self, width: Width, prec: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(
            scalar(prec, 0x2A).w_if(width.is(Width::W64)),
            dst.num(),
            src,
        )
    }

    /// `dst = src` as an integer, rounded toward zero; out of range is the most negative one.
    #[inline]
    pub const fn cvttf2si(&mut self, width: Width, prec: Prec, dst: R64, src: Xmm) -> &mut Self {
        self.rr(
            scalar(prec, 0x2C).w_if(width.is(Width::W64)),
            dst.num(),
            src.num(),
        )
    }

    /// `dst = src` in the other precision; `from` is the source's.
    #[inline]
    pub const fn cvtf2f(&mut self, from: Prec, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(scalar(from, 0x5A), dst.num(), src.num())
    }

    /// The same from memory.
    #[inline]
    pub const fn cvtf2f_m(&mut self, from: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(scalar(from, 0x5A), dst.num(), src)
    }

    /// `dst = src` rounded to an integral value (SSE4.1).
    #[inline]
    pub const fn round_rr(&mut self, prec: Prec, dst: Xmm, src: Xmm, mode: Rounding) -> &mut Self {
        self.rr_imm(
            Op::new(0x66, M0F3A, round_opcode(prec)),
            dst.num(),
            src.num(),
            mode as u32,
            1,
        )
    }

    /// `dst = [src]` rounded to an integral value (SSE4.1).
    #[inline]
    pub const fn round_rm(&mut self, prec: Prec, dst: Xmm, src: Addr, mode: Rounding) -> &mut Self {
        self.rm_imm(
            Op::new(0x66, M0F3A, round_opcode(prec)),
            dst.num(),
            src,
            mode as u32,
            1,
        )
    }

    /// `movd`/`movq` to a vector register, the rest becomes zero; 32 or 64 bits.
    #[inline]
    pub const fn mov_x_r(&mut self, width: Width, dst: Xmm, src: R64) -> &mut Self {
        self.rr(
            Op::new(0x66, M0F, 0x6E).w_if(width.is(Width::W64)),
            dst.num(),
            src.num(),
        )
    }

    /// `movd`/`movq` from a vector register; 32 or 64 bits.
    #[inline]
    pub const fn mov_r_x(&mut self, width: Width, dst: R64, src: Xmm) -> &mut Self {
        self.rr(
            Op::new(0x66, M0F, 0x7E).w_if(width.is(Width::W64)),
            src.num(),
            dst.num(),
        )
    }

    /// 128-bit load, any alignment (`movups`).
    #[inline]
    pub const fn movups_rm(&mut self, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(Op::new(0, M0F, 0x10), dst.num(), src)
    }

    /// 128-bit store, any alignment (`movups`).
    #[inline]
    pub const fn movups_mr(&mut self, dst: Addr, src: Xmm) -> &mut Self {
        self.rm(Op::new(0, M0F, 0x11), src.num(), dst)
    }

    /// 128-bit load, aligned (`movaps`).
    #[inline]
    pub const fn movaps_rm(&mut self, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(Op::new(0, M0F, 0x28), dst.num(), src)
    }

    /// 128-bit store, aligned (`movaps`).
    #[inline]
    pub const fn movaps_mr(&mut self, dst: Addr, src: Xmm) -> &mut Self {
        self.rm(Op::new(0, M0F, 0x29), src.num(), dst)
    }

    /// Scalar compare to a mask: `dst = if dst PREDICATE src { all ones } else { 0 }`; predicates as in the manual's CMPSS.
    #[inline]
    pub const fn cmps_rr(&mut self, prec: Prec, dst: Xmm, src: Xmm, predicate: u8) -> &mut Self {
        self.rr_imm(
            scalar(prec, 0xC2),
            dst.num(),
            src.num(),
            predicate as u32,
            1,
        )
    }
}

/// The same with VEX encodings (AVX): three operands, the rest of `dst` comes from `a`.
impl Asm<'_> {
    /// `dst = a op b`; [`FpOp::Sqrt`]: `dst = sqrt(b)`, the rest from `a`.
    #[inline]
    pub const fn v_sse_rrr(&mut self, op: FpOp, prec: Prec, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(v_scalar(prec, op as u8), dst.num(), a.num(), b.num())
    }

    /// `dst = a op [b]`
    #[inline]
    pub const fn v_sse_rrm(
        &mut self,
        op: FpOp,
        prec: Prec,
        dst: Xmm,
        a: Xmm,
        b: Addr,
    ) -> &mut Self {
        self.vex_rm(v_scalar(prec, op as u8), dst.num(), a.num(), b)
    }

    /// `dst = [src]`, the rest of the register becomes zero.
    #[inline]
    pub const fn v_fload(&mut self, prec: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.vex_rm(v_scalar(prec, 0x10), dst.num(), 0, src)
    }

    /// `[dst] = src`
    #[inline]
    pub const fn v_fstore(&mut self, prec: Prec, dst: Addr, src: Xmm) -> &mut Self {
        self.vex_rm(v_scalar(prec, 0x11), src.num(), 0, dst)
    }

    /// `dst = src`, the whole XMM register (`vmovaps`).
    #[inline]
    pub const fn v_fmov_rr(&mut self, dst: Xmm, src: Xmm) -> &mut Self {
        // The store form, where it saves the third prefix byte.
        if src.num() >= 8 && dst.num() < 8 {
            return self.vex_rr(VexOp::new(0, 1, 0x29), src.num(), 0, dst.num());
        }
        self.vex_rr(VexOp::new(0, 1, 0x28), dst.num(), 0, src.num())
    }

    /// Compares into ZF PF CF.
    #[inline]
    pub const fn v_ucomis_rr(&mut self, prec: Prec, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(VexOp::new(packed(prec), 1, 0x2E), a.num(), 0, b.num())
    }

    /// Compares with memory.
    #[inline]
    pub const fn v_ucomis_rm(&mut self, prec: Prec, a: Xmm, b: Addr) -> &mut Self {
        self.vex_rm(VexOp::new(packed(prec), 1, 0x2E), a.num(), 0, b)
    }

    /// 128-bit logic: `vandps vandnps vorps vxorps`.
    #[inline]
    pub const fn v_logic_rrr(&mut self, op: Logic, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(VexOp::new(0, 1, op as u8), dst.num(), a.num(), b.num())
    }

    /// 128-bit logic with memory, any alignment.
    #[inline]
    pub const fn v_logic_rrm(&mut self, op: Logic, dst: Xmm, a: Xmm, b: Addr) -> &mut Self {
        self.vex_rm(VexOp::new(0, 1, op as u8), dst.num(), a.num(), b)
    }

    /// 128-bit logic in the integer domain: `vpand vpandn vpor vpxor`.
    #[inline]
    pub const fn v_plogic_rrr(&mut self, op: Logic, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(
            VexOp::new(0x66, 1, integer_logic(op)),
            dst.num(),
            a.num(),
            b.num(),
        )
    }

    /// The same with memory, any alignment.
    #[inline]
    pub const fn v_plogic_rrm(&mut self, op: Logic, dst: Xmm, a: Xmm, b: Addr) -> &mut Self {
        self.vex_rm(
            VexOp::new(0x66, 1, integer_logic(op)),
            dst.num(),
            a.num(),
            b,
        )
    }

    /// `dst = src` as a float, the rest from `a`; `width` is the integer's, 32 or 64.
    #[inline]
    pub const fn v_cvtsi2f(
        &mut self,
        width: Width,
        prec: Prec,
        dst: Xmm,
        a: Xmm,
        src: R64,
    ) -> &mut Self {
        self.vex_rr(
            v_scalar(prec, 0x2A).w1_if(width.is(Width::W64)),
            dst.num(),
            a.num(),
            src.num(),
        )
    }

    /// The same from memory.
    #[inline]
    pub const fn v_cvtsi2f_m(
        &mut self,
        width: Width,
        prec: Prec,
        dst: Xmm,
        a: Xmm,
        src: Addr,
    ) -> &mut Self {
        self.vex_rm(
            v_scalar(prec, 0x2A).w1_if(width.is(Width::W64)),
            dst.num(),
            a.num(),
            src,
        )
    }

    /// `dst = src` as an integer, rounded toward zero.
    #[inline]
    pub const fn v_cvttf2si(&mut self, width: Width, prec: Prec, dst: R64, src: Xmm) -> &mut Self {
        self.vex_rr(
            v_scalar(prec, 0x2C).w1_if(width.is(Width::W64)),
            dst.num(),
            0,
            src.num(),
        )
    }

    /// `dst = src` in the other precision; `from` is the source's.
    #[inline]
    pub const fn v_cvtf2f(&mut self, from: Prec, dst: Xmm, a: Xmm, src: Xmm) -> &mut Self {
        self.vex_rr(v_scalar(from, 0x5A), dst.num(), a.num(), src.num())
    }

    /// The same from memory.
    #[inline]
    pub const fn v_cvtf2f_m(&mut self, from: Prec, dst: Xmm, a: Xmm, src: Addr) -> &mut Self {
        self.vex_rm(v_scalar(from, 0x5A), dst.num(), a.num(), src)
    }

    /// `dst = src` rounded to an integral value, the rest from `a`.
    #[inline]
    pub const fn v_round_rrr(
        &mut self,
        prec: Prec,
        dst: Xmm,
        a: Xmm,
        src: Xmm,
        mode: Rounding,
    ) -> &mut Self {
        self.vex_rr_imm(
            VexOp::new(0x66, 3, round_opcode(prec)),
            dst.num(),
            a.num(),
            src.num(),
            mode as u8,
        )
    }

    /// `dst = [src]` rounded to an integral value, the rest from `a`.
    #[inline]
    pub const fn v_round_rrm(
        &mut self,
        prec: Prec,
        dst: Xmm,
        a: Xmm,
        src: Addr,
        mode: Rounding,
    ) -> &mut Self {
        self.vex_rm_imm(
            VexOp::new(0x66, 3, round_opcode(prec)),
            dst.num(),
            a.num(),
            src,
            mode as u8,
        )
    }

    /// `vmovd`/`vmovq` to a vector register; 32 or 64 bits.
    #[inline]
    pub const fn v_mov_x_r(&mut self, width: Width, dst: Xmm, src: R64) -> &mut Self {
        self.vex_rr(
            VexOp::new(0x66, 1, 0x6E).w1_if(width.is(Width::W64)),
            dst.num(),
            0,
            src.num(),
        )
    }

    /// `vmovd`/`vmovq` from a vector register; 32 or 64 bits.
    #[inline]
    pub const fn v_mov_r_x(&mut self, width: Width, dst: R64, src: Xmm) -> &mut Self {
        self.vex_rr(
            VexOp::new(0x66, 1, 0x7E).w1_if(width.is(Width::W64)),
            src.num(),
            0,
            dst.num(),
        )
    }

    /// 128-bit load, any alignment (`vmovups`).
    #[inline]
    pub const fn v_movups_rm(&mut self, dst: Xmm, src: Addr) -> &mut Self {
        self.vex_rm(VexOp::new(0, 1, 0x10), dst.num(), 0, src)
    }

    /// 128-bit store, any alignment (`vmovups`).
    #[inline]
    pub const fn v_movups_mr(&mut self, dst: Addr, src: Xmm) -> &mut Self {
        self.vex_rm(VexOp::new(0, 1, 0x11), src.num(), 0, dst)
    }

    /// Scalar compare to a mask, all 32 predicates of the manual's VCMPSS.
    #[inline]
    pub const fn v_cmps_rrr(
        &mut self,
        prec: Prec,
        dst: Xmm,
        a: Xmm,
        b: Xmm,
        predicate: u8,
    ) -> &mut Self {
        self.vex_rr_imm(v_scalar(prec, 0xC2), dst.num(), a.num(), b.num(), predicate)
    }
}

/// Opcode of `pand pandn por pxor`.
#[inline(always)]
const fn integer_logic(op: Logic) -> u8 {
    match op {
        Logic::And => 0xDB,
        Logic::AndNot => 0xDF,
        Logic::Or => 0xEB,
        Logic::Xor => 0xEF,
    }
}

/// Opcode of `roundss roundsd`.
#[inline(always)]
const fn round_opcode(prec: Prec) -> u8 {
    match prec {
        Prec::S => 0x0A,
        Prec::D => 0x0B,
    }
}
