//! APX: legacy and VEX instructions behind an EVEX prefix whose spare bits hold the fifth bits of general registers, and
//! the two-byte prefix REX2. `flags`: the prefix's last byte but for `b` and V': NF (4), or the condition of `ccmp`.

use super::evex::{B3, X3, reg_bits, vvvv_bits};
use super::modrm::{high, modrm_rr, modrm_scaled};
use super::op::{EvexOp, Op};
use super::special::EXTENDED;
use crate::buffer::Asm;
use crate::mem::{Addr, Mode};

/// Where the fifth bits of ModRM.rm or the base (stored as it is) and of the index (inverted) are.
const B4: u32 = 11;
const X4: u32 = 18;

impl Asm<'_> {
    /// ModRM with two registers (or a digit as `reg`).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn apx_rr(&mut self, op: EvexOp, reg: u8, vvvv: u8, rm: u8, flags: u8) -> &mut Self {
        self.apx_rr_imm(op, reg, vvvv, rm, flags, 0, 0)
    }

    /// The same with an immediate of 1, 2 or 4 bytes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[allow(clippy::too_many_arguments, reason = "each is a field of the instruction")]
    pub(crate) const fn apx_rr_imm(
        &mut self,
        op: EvexOp,
        reg: u8,
        vvvv: u8,
        rm: u8,
        flags: u8,
        imm: u32,
        imm_len: u32,
    ) -> &mut Self {
        let bits = reg_bits(reg) | vvvv_bits(vvvv) | high(rm, B3) | high(rm >> 1, B4);
        let head = op.head ^ bits as u64 | (flags as u64) << 24;
        self.put_pair(head | modrm_rr(reg, rm) << 40, 6, imm as u64, imm_len)
    }

    /// ModRM with memory.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn apx_rm(&mut self, op: EvexOp, reg: u8, vvvv: u8, rm: Addr, flags: u8) -> &mut Self {
        self.apx_mem(op, reg, vvvv, rm, flags, 0, 0, false)
    }

    /// The same with an immediate of 1, 2 or 4 bytes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[allow(clippy::too_many_arguments, reason = "each is a field of the instruction")]
    pub(crate) const fn apx_rm_imm(
        &mut self,
        op: EvexOp,
        reg: u8,
        vvvv: u8,
        rm: Addr,
        flags: u8,
        imm: u32,
        imm_len: u32,
    ) -> &mut Self {
        self.apx_mem(op, reg, vvvv, rm, flags, imm, imm_len, false)
    }

    /// With memory that always has a SIB byte: tile loads and stores.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn apx_sib(&mut self, op: EvexOp, reg: u8, vvvv: u8, rm: Addr, flags: u8) -> &mut Self {
        self.apx_mem(op, reg, vvvv, rm.with_sib(), flags, 0, 0, true)
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "each is a field of the instruction")]
    const fn apx_mem(
        &mut self,
        op: EvexOp,
        reg: u8,
        vvvv: u8,
        a: Addr,
        flags: u8,
        imm: u32,
        imm_len: u32,
        sib: bool,
    ) -> &mut Self {
        // In place of registers a rip-relative address holds its label.
        let (base, index) = if a.mode().has(Mode::RIP) { (0, 0) } else { (a.base_num(), a.index_num()) };
        let memory = high(base, B3) | high(base >> 1, B4) | high(index, X3) | high(index >> 1, X4);
        let head = op.head ^ (reg_bits(reg) | vvvv_bits(vvvv) | memory) as u64 | (flags as u64) << 24;
        if a.mode().0 & !(Mode::VSIB | Mode::EXTENDED) != 0 {
            return self.special(head, 5, reg, a, imm, imm_len | EXTENDED);
        }
        let (m, disp) = modrm_scaled(reg, a, sib, 0);
        self.put_mem(head | m.bytes << 40, 5 + m.len, disp, m.disp_len, imm, imm_len)
    }

    /// `ccmp` and `ctest`: what [`Asm::apx_rr`] takes as `vvvv` for the flags' default value and the condition's highest bit,
    /// whose place is that of V', inverted.
    #[inline(always)]
    pub(crate) const fn apx_condition(default: u8, condition: u8) -> u8 {
        !default & 15 | (!condition >> 3 & 1) << 4
    }

    /// REX2 with W = 1 and a register in the opcode: `pushp r64`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rex2_reg(&mut self, op: Op, reg: u8) -> &mut Self {
        let payload = 0x08 | high(reg, 0) | high(reg >> 1, 4);
        self.put(0xD5 | (payload as u64) << 8 | (op.code as u64 | reg as u64 & 7) << 16, 3)
    }
}
