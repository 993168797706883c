//! Integer arithmetic, moves, shifts, bits.

use super::operation::*;
use crate::buffer::Asm;
use crate::encode::{Map, Op, VexOp};
use crate::label::Label;
use crate::mem::Addr;
use crate::reg::R64;

use Map::{M00, M0F};

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
        self.rr_imm_accumulator(op, accumulator, (dst == 0) & !short, digit, dst, imm as u32, imm_len)
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
        let opcode = if short { 0x83 } else { 0x80 | !width.is(Width::W8) as u8 };
        let len = if short { 1 } else { width.imm_len() };
        self.rm_imm(sized(Op::new(0, M00, opcode), width), op as u8, dst, imm as u32, len)
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
        self.rr_imm(any_width_digit(0xF6, width), 0, a.num(), imm as u32, width.imm_len())
    }

    /// Flags of `[a] & b`.
    #[inline]
    pub const fn test_mr(&mut self, width: Width, a: Addr, b: R64) -> &mut Self {
        self.rm(any_width(0x84, width), b.num(), a)
    }

    /// Flags of `[a] & imm`.
    #[inline]
    pub const fn test_mi(&mut self, width: Width, a: Addr, imm: i32) -> &mut Self {
        self.rm_imm(any_width_digit(0xF6, width), 0, a, imm as u32, width.imm_len())
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
            Width::W64 if imm as u32 as i64 == imm => self.op_reg_imm(Op::new(0, M00, 0xB8), dst, imm as u64, 4),
            Width::W64 if imm as i32 as i64 == imm => self.rr_imm(Op::new(0, M00, 0xC7).w(), 0, dst, imm as u32, 4),
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
        self.rm_imm(any_width_digit(0xC6, width), 0, dst, imm as u32, width.imm_len())
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
        (sized(Op::new(0, M00, if short { 0x6B } else { 0x69 }), width), if short { 1 } else { long_len })
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
        self.rr_imm(any_width_digit(0xC0 | (one as u8) << 4, width), op as u8, r.num(), count as u32, !one as u32)
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
        self.rm_imm(any_width_digit(0xC0 | (one as u8) << 4, width), op as u8, m, count as u32, !one as u32)
    }

    /// Shift or rotate memory by `cl`.
    #[inline]
    pub const fn shift_mcl(&mut self, op: Shift, width: Width, m: Addr) -> &mut Self {
        self.rm(any_width_digit(0xD2, width), op as u8, m)
    }

    /// `dst = src shifted by count`, flags untouched (BMI2; 32 or 64 bits).
    #[inline]
    pub const fn shiftx_rrr(&mut self, op: ShiftX, width: Width, dst: R64, src: R64, count: R64) -> &mut Self {
        self.vex_rr(VexOp::new(op as u8, 2, 0xF7).w1_if(width.is(Width::W64)), dst.num(), count.num(), src.num())
    }

    /// `dst = [src] shifted by count` (BMI2).
    #[inline]
    pub const fn shiftx_rmr(&mut self, op: ShiftX, width: Width, dst: R64, src: Addr, count: R64) -> &mut Self {
        self.vex_rm(VexOp::new(op as u8, 2, 0xF7).w1_if(width.is(Width::W64)), dst.num(), count.num(), src)
    }

    /// `dst = src` rotated right, flags untouched (BMI2).
    #[inline]
    pub const fn rorx_rri(&mut self, width: Width, dst: R64, src: R64, count: u8) -> &mut Self {
        self.vex_rr_imm(VexOp::new(0xF2, 3, 0xF0).w1_if(width.is(Width::W64)), dst.num(), 0, src.num(), count)
    }

    /// `dst = [src]` rotated right (BMI2).
    #[inline]
    pub const fn rorx_rmi(&mut self, width: Width, dst: R64, src: Addr, count: u8) -> &mut Self {
        self.vex_rm_imm(VexOp::new(0xF2, 3, 0xF0).w1_if(width.is(Width::W64)), dst.num(), 0, src, count)
    }

    /// `high:low = rdx * src`, flags untouched (BMI2).
    #[inline]
    pub const fn mulx_rrr(&mut self, width: Width, high: R64, low: R64, src: R64) -> &mut Self {
        self.vex_rr(VexOp::new(0xF2, 2, 0xF6).w1_if(width.is(Width::W64)), high.num(), low.num(), src.num())
    }

    /// `dst = !a & b` (BMI1).
    #[inline]
    pub const fn andn_rrr(&mut self, width: Width, dst: R64, a: R64, b: R64) -> &mut Self {
        self.vex_rr(VexOp::new(0, 2, 0xF2).w1_if(width.is(Width::W64)), dst.num(), a.num(), b.num())
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
        self.rr_imm(sized(Op::new(0, M0F, 0xBA), width), op as u8, r.num(), bit as u32, 1)
    }

    /// The same in memory.
    #[inline]
    pub const fn bt_mi(&mut self, op: BitTest, width: Width, m: Addr, bit: u8) -> &mut Self {
        self.rm_imm(sized(Op::new(0, M0F, 0xBA), width), op as u8, m, bit as u32, 1)
    }

    /// The same with the bit's number, modulo the width, in a register.
    #[inline]
    pub const fn bt_rr(&mut self, op: BitTest, width: Width, r: R64, bit: R64) -> &mut Self {
        self.rr(sized(Op::new(0, M0F, 0x83 | (op as u8) << 3), width), bit.num(), r.num())
    }

    /// `if cond { dst = src }`, 16 bits or more. A 32-bit destination is zero-extended either way.
    #[inline]
    pub const fn cmov_rr(&mut self, cond: Cond, width: Width, dst: R64, src: R64) -> &mut Self {
        self.rr(sized(Op::new(0, M0F, 0x40 | cond as u8), width), dst.num(), src.num())
    }

    /// `if cond { dst = [src] }`; the load happens either way.
    #[inline]
    pub const fn cmov_rm(&mut self, cond: Cond, width: Width, dst: R64, src: Addr) -> &mut Self {
        self.rm(sized(Op::new(0, M0F, 0x40 | cond as u8), width), dst.num(), src)
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
        let (low, other) = if a.num() == 0 { (0, b.num()) } else { (b.num(), a.num()) };
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
