//! Legacy and REX encodings, one method per shape.

use super::modrm::{high, modrm, modrm_rr};
use super::op::Op;
use crate::buffer::Asm;
use crate::error::AsmError;
use crate::mem::{Addr, Mode};

/// Puts the row's prefixes and REX (the low 3 bits in `rxb`) in front of `body`. `force`: a REX prefix in any case.
#[inline(always)]
pub(super) const fn legacy(op: Op, rxb: u32, force: bool, body: u64, len: u32) -> (u64, u32) {
    let rex = 0x40 | (op.w as u32) << 3 | rxb;
    let (body, len) = if (rex != 0x40) | force { (body << 8 | rex as u64, len + 1) } else { (body, len) };
    let pre = op.pre as u64;
    let (body, len) = match op.pre {
        0 => (body, len),
        1..0x100 => (body << 8 | pre, len + 1),
        0x100..0x1_0000 => (body << 16 | pre, len + 2),
        _ => (body << 24 | pre, len + 3),
    };
    if op.operand_size { (body << 8 | 0x66, len + 1) } else { (body, len) }
}

/// Legacy shapes. `reg`, `rm`: register numbers 0-15 (or the `/digit` as `reg`). Immediates: the low `imm_len` bytes
/// of `imm`, little endian.
impl Asm<'_> {
    /// No operand: `cdq`, `ret`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op(&mut self, op: Op) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64, op.code_len);
        self.put(v, n)
    }

    /// No operand, one fixed byte behind the opcode: `0F 01 D0`, `F3 0F 1E FA`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op_fixed(&mut self, op: Op, modrm: u8) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64 | (modrm as u64) << (8 * op.code_len), op.code_len + 1);
        self.put(v, n)
    }

    /// Immediate behind the opcode, no ModRM: `add eax, imm32`, `ret imm16`, `enter` (imm_len 3), `mov al, moffs` (8).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op_imm(&mut self, op: Op, imm: u64, imm_len: u32) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64, op.code_len);
        self.put_pair(v, n, imm, imm_len)
    }

    /// Register in the opcode (+r): `push r64`, `bswap r32`. `byte_rm()` for an `r8`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op_reg(&mut self, op: Op, reg: u8) -> &mut Self {
        let (v, n) = self.opcode_reg(op, reg);
        self.put(v, n)
    }

    /// Register in the opcode and an immediate of 1 to 8 bytes: `mov r64, imm64`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op_reg_imm(&mut self, op: Op, reg: u8, imm: u64, imm_len: u32) -> &mut Self {
        let (v, n) = self.opcode_reg(op, reg);
        self.put_pair(v, n, imm, imm_len)
    }

    #[inline(always)]
    const fn opcode_reg(&mut self, op: Op, reg: u8) -> (u64, u32) {
        let code = op.code as u64 | (reg as u64 & 7) << (8 * (op.code_len - 1));
        legacy(op, high(reg, 0), op.byte_rm & (reg >= 4), code, op.code_len)
    }

    /// ModRM with two registers (or a digit as `reg`).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rr(&mut self, op: Op, reg: u8, rm: u8) -> &mut Self {
        self.rr_imm(op, reg, rm, 0, 0)
    }

    /// The same with an immediate of 1, 2 or 4 bytes; the bytes of `imm` above are zero or ignored.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rr_imm(&mut self, op: Op, reg: u8, rm: u8, imm: u32, imm_len: u32) -> &mut Self {
        let force = op.byte_reg & (reg >= 4) | op.byte_rm & (rm >= 4);
        let rxb = high(reg, 2) | high(rm, 0);
        self.check_high_byte(op, rxb, force);
        let body = op.code as u64 | (modrm_rr(reg, rm) | (imm as u64) << 8) << (8 * op.code_len);
        let (v, n) = legacy(op, rxb, force, body, op.code_len + 1 + imm_len);
        self.put(v, n)
    }

    /// The same, with an opcode of its own for the accumulator that needs no ModRM: taken if `short`, `rm` is then 0.
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[allow(clippy::too_many_arguments, reason = "each is a field of the instruction")]
    pub(crate) const fn rr_imm_accumulator(
        &mut self,
        op: Op,
        accumulator: u8,
        short: bool,
        digit: u8,
        rm: u8,
        imm: u32,
        imm_len: u32,
    ) -> &mut Self {
        let imm = imm as u64;
        let long_body = op.code as u64 | modrm_rr(digit, rm) << 8 | imm << 16;
        let short_body = accumulator as u64 | imm << 8;
        let body = if short { short_body } else { long_body };
        let (v, n) = legacy(op, high(rm, 0), op.byte_rm & (rm >= 4), body, 2 + imm_len - short as u32);
        self.put(v, n)
    }

    /// ModRM with memory.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rm(&mut self, op: Op, reg: u8, rm: Addr) -> &mut Self {
        self.rm_imm(op, reg, rm, 0, 0)
    }

    /// The same with an immediate of 1, 2 or 4 bytes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rm_imm(&mut self, op: Op, reg: u8, rm: Addr, imm: u32, imm_len: u32) -> &mut Self {
        let force = op.byte_reg & (reg >= 4);
        let rxb = high(reg, 2) | high(rm.index_num(), 1) | high(rm.base_num(), 0);
        self.check_high_byte(op, rxb, force);
        if rm.mode().0 != 0 {
            let (head, n) = legacy(op, rxb, force, op.code as u64, op.code_len);
            return self.special(head, n, reg, rm, imm, imm_len);
        }
        let m = modrm(reg, rm, false);
        let (head, n) = legacy(op, rxb, force, op.code as u64 | m.bytes << (8 * op.code_len), op.code_len + m.len);
        self.put_mem(head, n, rm.disp as u32, m.disp_len, imm, imm_len)
    }

    /// Reports operands of which two that must differ are the same.
    #[inline(always)]
    pub(crate) const fn distinct(&mut self, same: bool) -> &mut Self {
        if same {
            self.fail(AsmError::SameRegister { at: self.pos() });
        }
        self
    }

    /// Reports a move to `cs` or the like.
    #[inline(always)]
    pub(crate) const fn not_register(&mut self, invalid: bool) -> &mut Self {
        if invalid {
            self.fail(AsmError::InvalidRegister { at: self.pos() });
        }
        self
    }

    /// Reports an address whose registers are not as wide as the address size that the row fixes.
    #[inline(always)]
    pub(crate) const fn address_size(&mut self, a: Addr, narrow: bool) -> &mut Self {
        if a.mode().has(Mode::ADDR32) != narrow {
            self.fail(AsmError::InvalidAddress { at: self.pos() });
        }
        self
    }

    /// Reports a segment override where another prefix has its place.
    #[inline(always)]
    pub(crate) const fn no_segment(&mut self, a: Addr) -> &mut Self {
        if a.mode().has(Mode::FS | Mode::GS) {
            self.fail(AsmError::InvalidAddress { at: self.pos() });
        }
        self
    }

    /// `wait`, the first byte of the x87 instructions that wait for exceptions: the rest has prefixes of its own.
    #[inline(always)]
    pub(crate) const fn wait_first(&mut self) -> &mut Self {
        self.put(0x9B, 1)
    }

    #[inline(always)]
    const fn check_high_byte(&mut self, op: Op, rxb: u32, force: bool) {
        if op.no_rex && (op.w | (rxb != 0) | force) {
            self.fail(AsmError::HighByte { at: self.pos() });
        }
    }
}
