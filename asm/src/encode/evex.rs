//! EVEX: the four-byte prefix, its masks, broadcasts and rounding, and the scaled 8-bit displacement.

use super::modrm::{high, modrm_rr, modrm_scaled};
use super::op::EvexOp;
use crate::buffer::Asm;
use crate::mem::{Addr, Mode, VAddr};

/// Where the register bits are, counted in [`EvexOp::head`] (SDM Vol. 2, 2.7.1).
const R3: u32 = 15;
pub(super) const X3: u32 = 14;
pub(super) const B3: u32 = 13;
const R4: u32 = 12;
const VVVV: u32 = 19;
const V4: u32 = 27;

/// The bits of a register number in `vvvv` and V'.
#[inline(always)]
pub(super) const fn vvvv_bits(vvvv: u8) -> u32 {
    (vvvv as u32 & 15) << VVVV | (vvvv as u32 >> 4 & 1) << V4
}

#[inline(always)]
pub(super) const fn reg_bits(reg: u8) -> u32 {
    high(reg, R3) | high(reg >> 1, R4)
}

/// EVEX shapes. `vvvv`: register number, or 0 where the row has no V operand. `mask`: `z` and `aaa` as in the prefix.
impl Asm<'_> {
    /// ModRM with two registers (or a digit as `reg`).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn evex_rr(&mut self, op: EvexOp, reg: u8, vvvv: u8, rm: u8, mask: u8) -> &mut Self {
        let bits = reg_bits(reg) | vvvv_bits(vvvv) | high(rm, B3) | high(rm >> 1, X3);
        let head = op.head ^ bits as u64 | (mask as u64) << 24;
        self.put(head | modrm_rr(reg, rm) << 40, 6)
    }

    /// The same with an immediate byte.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn evex_rr_imm(&mut self, op: EvexOp, reg: u8, vvvv: u8, rm: u8, mask: u8, imm8: u8) -> &mut Self {
        let bits = reg_bits(reg) | vvvv_bits(vvvv) | high(rm, B3) | high(rm >> 1, X3);
        let head = op.head ^ bits as u64 | (mask as u64) << 24;
        self.put(head | modrm_rr(reg, rm) << 40 | (imm8 as u64) << 48, 7)
    }

    /// ModRM with memory.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn evex_rm(&mut self, op: EvexOp, reg: u8, vvvv: u8, rm: Addr, mask: u8) -> &mut Self {
        self.evex_mem(op, reg, vvvv, rm, mask, None, false)
    }

    /// The same with an immediate byte.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn evex_rm_imm(
        &mut self,
        op: EvexOp,
        reg: u8,
        vvvv: u8,
        rm: Addr,
        mask: u8,
        imm8: u8,
    ) -> &mut Self {
        self.evex_mem(op, reg, vvvv, rm, mask, Some(imm8), false)
    }

    /// With a vector-indexed (VSIB) address: the index's highest bit has the place of `vvvv`'s.
    #[inline(always)]
    pub(crate) const fn evex_vm<Index>(&mut self, op: EvexOp, reg: u8, rm: VAddr<Index>, mask: u8) -> &mut Self
    where
        Index: Copy,
    {
        self.evex_mem(op, reg, rm.index_num() & 16, rm.addr, mask, None, true)
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "each is a field of the instruction")]
    const fn evex_mem(
        &mut self,
        op: EvexOp,
        reg: u8,
        vvvv: u8,
        a: Addr,
        mask: u8,
        imm8: Option<u8>,
        vsib: bool,
    ) -> &mut Self {
        let (imm, imm_len) = match imm8 {
            Some(imm8) => (imm8 as u32, 1),
            None => (0, 0),
        };
        let bits = reg_bits(reg) | vvvv_bits(vvvv) | high(a.base_num(), B3) | high(a.index_num(), X3);
        let head = op.head ^ bits as u64 | (mask as u64) << 24;
        if a.mode().0 & !Mode::VSIB != 0 {
            return self.special(head, 5, reg, a, imm, imm_len | op.shift << 8);
        }
        let (m, disp) = modrm_scaled(reg, a, vsib, op.shift);
        self.put_mem(head | m.bytes << 40, 5 + m.len, disp, m.disp_len, imm, imm_len)
    }
}
