//! VEX encodings, one method per shape.

use super::modrm::{high, modrm, modrm_rr};
use super::op::VexOp;
use crate::buffer::Asm;
use crate::mem::{Addr, Mode, VAddr};

/// Puts the two-byte VEX prefix or, where it is not enough, the three-byte one in front of `body`.
#[inline(always)]
const fn vex(op: VexOp, r: u8, x: u8, b: u8, vvvv: u8, body: u64, len: u32) -> (u64, u32) {
    // R X B and vvvv are stored inverted (SDM Vol. 2, 2.3.5).
    let not_r = 0x80 ^ high(r, 7);
    let last = (!vvvv as u32 & 15) << 3 | op.l << 2 | op.pp;
    let xb = high(x, 6) | high(b, 5);
    if (xb != 0) | (op.map != 1) | (op.w != 0) {
        let prefix = 0xC4 | (not_r | 0x60 ^ xb | op.map) << 8 | (op.w << 7 | last) << 16;
        (body << 24 | prefix as u64, len + 3)
    } else {
        (body << 16 | (0xC5 | (not_r | last) << 8) as u64, len + 2)
    }
}

/// VEX shapes. `vvvv`: register number, or 0 where the row has no V operand. `/is4`: pass the register `<< 4` as immediate.
impl Asm<'_> {
    /// No operand: `vzeroupper`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex(&mut self, op: VexOp) -> &mut Self {
        let (v, n) = vex(op, 0, 0, 0, 0, op.opcode as u64, 1);
        self.put(v, n)
    }

    /// ModRM with two registers (or a digit as `reg`).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rr(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: u8) -> &mut Self {
        let (v, n) = vex(op, reg, 0, rm, vvvv, op.opcode as u64 | modrm_rr(reg, rm) << 8, 2);
        self.put(v, n)
    }

    /// The same with an immediate byte.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rr_imm(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: u8, imm8: u8) -> &mut Self {
        let body = op.opcode as u64 | modrm_rr(reg, rm) << 8 | (imm8 as u64) << 16;
        let (v, n) = vex(op, reg, 0, rm, vvvv, body, 3);
        self.put(v, n)
    }

    /// The same with an immediate of 4 bytes and no V operand: the number of a model-specific register.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rr_imm32(&mut self, op: VexOp, reg: u8, rm: u8, imm: u32) -> &mut Self {
        let (v, n) = vex(op, reg, 0, rm, 0, op.opcode as u64 | modrm_rr(reg, rm) << 8, 2);
        self.put_pair(v, n, imm as u64, 4)
    }

    /// ModRM with memory.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rm(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: Addr) -> &mut Self {
        self.vex_mem(op, reg, vvvv, rm, None, false)
    }

    /// The same with an immediate byte.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rm_imm(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: Addr, imm8: u8) -> &mut Self {
        self.vex_mem(op, reg, vvvv, rm, Some(imm8), false)
    }

    /// With a vector-indexed (VSIB) address: gathers.
    #[inline(always)]
    pub(crate) const fn vex_vm<Index>(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: VAddr<Index>) -> &mut Self
    where
        Index: Copy,
    {
        self.vex_mem(op, reg, vvvv, rm.addr, None, true)
    }

    /// With memory that always has a SIB byte: tile loads and stores.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_sib(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: Addr) -> &mut Self {
        self.vex_mem(op, reg, vvvv, rm.with_sib(), None, true)
    }

    #[inline(always)]
    const fn vex_mem(&mut self, op: VexOp, reg: u8, vvvv: u8, a: Addr, imm8: Option<u8>, vsib: bool) -> &mut Self {
        let (imm, imm_len) = match imm8 {
            Some(imm8) => (imm8 as u32, 1),
            None => (0, 0),
        };
        let opcode = op.opcode as u64;
        if a.mode().0 & !Mode::VSIB != 0 {
            let (head, n) = vex(op, reg, a.index_num(), a.base_num(), vvvv, opcode, 1);
            return self.special(head, n, reg, a, imm, imm_len);
        }
        let m = modrm(reg, a, vsib);
        let (head, n) = vex(op, reg, a.index_num(), a.base_num(), vvvv, opcode | m.bytes << 8, 1 + m.len);
        self.put_mem(head, n, a.disp as u32, m.disp_len, imm, imm_len)
    }
}
