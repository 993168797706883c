//! EVEX: the four-byte prefix, its masks, broadcasts and rounding, and the scaled 8-bit displacement.

use super::{Modrm, NO_INDEX, high, modrm_rr};
use crate::buffer::Asm;
use crate::mem::{Addr, Mode, VAddr};

/// An EVEX opcode and what else of the prefix its row fixes.
#[derive(Clone, Copy)]
pub(crate) struct EvexOp {
    /// Prefix and opcode, five bytes, with the register bits as for register 0.
    pub(super) head: u64,
    /// The scale of an 8-bit displacement as an exponent.
    shift: u32,
}

/// Where the register bits are, counted in [`EvexOp::head`] (SDM Vol. 2, 2.7.1).
const R3: u32 = 15;
pub(super) const X3: u32 = 14;
pub(super) const B3: u32 = 13;
const R4: u32 = 12;
const VVVV: u32 = 19;
const V4: u32 = 27;

impl EvexOp {
    /// `pp`: one of `0 0x66 0xF3 0xF2`; `map`: 1 (`0F`), 2 (`0F38`), 3 (`0F3A`), 4 to 7; W; L'L: 1 for 256 bits, 2 for 512;
    /// `b`: broadcast, rounding or suppressed exceptions; displacements of 8 bits count in units of `1 << shift` bytes.
    ///
    /// All in one call: thousands of forms make it, and calls are most of what compiling them costs.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "each is a field of the prefix")]
    pub(crate) const fn new(pp: u8, map: u8, opcode: u8, w: u8, l: u8, b: u8, shift: u32) -> EvexOp {
        let pp = match pp {
            0x66 => 1,
            0xF3 => 2,
            0xF2 => 3,
            _ => 0,
        };
        // R X B R' vvvv V' are stored inverted.
        let (w, l, b) = (w as u64, l as u64, b as u64);
        let prefix = 0x62 | (0xF0 | map as u64) << 8 | (w << 7 | 0x7C | pp) << 16 | (l << 5 | b << 4 | 0x08) << 24;
        EvexOp { head: prefix | (opcode as u64) << 32, shift }
    }

    /// The rounding mode in the place of L'L, which is 0.
    #[inline(always)]
    pub(crate) const fn rounding(mut self, mode: u8) -> EvexOp {
        self.head |= (mode as u64) << 29;
        self
    }
}

/// [`modrm`](super::modrm) with a displacement of 8 bits in units of `1 << shift`; and what to store as displacement.
#[inline(always)]
pub(super) const fn modrm_scaled(reg: u8, a: Addr, always_sib: bool, shift: u32) -> (Modrm, u32) {
    let base = a.base_num() as u32 & 7;
    let sib = always_sib | (a.index_num() != NO_INDEX) | (base == 4);
    let scaled = a.disp >> shift;
    let short = (scaled as i8 as i32 == scaled) & (scaled << shift == a.disp);
    let any = ((a.disp != 0) | (base == 5)) as u32;
    let long = !short as u32;
    let rm = if sib { 4 } else { base };
    let modrm = (any + long) << 6 | (reg as u32 & 7) << 3 | rm;
    let sib_byte = (a.scale_log2() as u32 & 3) << 6 | (a.index_num() as u32 & 7) << 3 | base;
    let disp = if short { scaled } else { a.disp };
    (Modrm { bytes: (modrm | sib_byte << 8) as u64, len: 1 + sib as u32, disp_len: any + 3 * long }, disp as u32)
}

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
