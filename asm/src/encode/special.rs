//! Addresses that are not a plain `[base + index * scale + disp]`: relative to rip, without a base, with another segment or
//! 32-bit registers.

use super::modrm::modrm_scaled;
use crate::buffer::Asm;
use crate::error::AsmError;
use crate::label::Label;
use crate::mem::{Addr, Mode, NO_LABEL};
use crate::record::What;

/// The processor refuses longer ones (SDM Vol. 2, 2.3.11). Only a segment and an address-size prefix can add up to it.
const MAX_INSTRUCTION: usize = 15;

/// In [`Asm::special`]'s `rest`: registers from 16 up are encoded.
pub(super) const EXTENDED: u32 = 1 << 16;

impl Asm<'_> {
    /// Memory that is not a plain `[base + index * scale + disp]`: `head` ends before ModRM.
    ///
    /// Segment and address-size prefixes go in front of the head: the order among prefixes is free, and REX or VEX stays last.
    /// `rest`: the immediate's length and above it, from bit 8, by how many bits an 8-bit displacement is shifted.
    #[inline(never)]
    pub(super) const fn special(&mut self, head: u64, len: u32, reg: u8, a: Addr, imm: u32, rest: u32) -> &mut Self {
        let start = self.pos();
        let extended = a.mode().has(Mode::EXTENDED) && rest & EXTENDED == 0;
        if a.mode().has(Mode::INVALID) || extended || a.mode().has(Mode::RIP) && a.mode().has(Mode::VSIB) {
            self.fail(AsmError::InvalidAddress { at: start });
        }
        if a.mode().has(Mode::FS | Mode::GS) {
            self.put(if a.mode().has(Mode::FS) { 0x64 } else { 0x65 }, 1);
        }
        if a.mode().has(Mode::ADDR32) {
            self.put(0x67, 1);
        }
        self.special_address(head, len, reg, a, imm, rest);
        if self.pos() - start > MAX_INSTRUCTION {
            self.fail(AsmError::InstructionTooLong { at: start });
        }
        self
    }

    #[inline(always)]
    const fn special_address(&mut self, head: u64, len: u32, reg: u8, a: Addr, imm: u32, rest: u32) -> &mut Self {
        let (imm_len, shift) = (rest & 0xFF, rest >> 8 & 0xFF);
        let reg_field = (reg as u64 & 7) << 3;
        if a.mode().has(Mode::RIP) {
            let head = head | (reg_field | 5) << (8 * len);
            return self.rip_relative(head, len + 1, a, imm, imm_len);
        }
        if a.mode().has(Mode::NO_BASE) {
            // SIB with base 5 and mod 0: no base, a 32-bit displacement (SDM Vol. 2, table 2-3).
            let sib = (a.scale_log2() as u64 & 3) << 6 | (a.index_num() as u64 & 7) << 3 | 5;
            let head = head | (reg_field | 4 | sib << 8) << (8 * len);
            return self.put_mem(head, len + 2, a.disp as u32, 4, imm, imm_len);
        }
        let (m, disp) = modrm_scaled(reg, a, a.mode().has(Mode::VSIB), shift);
        self.put_mem(head | m.bytes << (8 * len), len + m.len, disp, m.disp_len, imm, imm_len)
    }

    /// A rip-relative address behind a head that ends with ModRM.
    const fn rip_relative(&mut self, head: u64, len: u32, a: Addr, imm: u32, imm_len: u32) -> &mut Self {
        if a.label_index() == NO_LABEL {
            return self.put_mem(head, len, a.disp as u32, 4, imm, imm_len);
        }
        let (label, at) = (Label::from_address(a.label_index()), self.pos() as u32 + len);
        let Some(slot) = self.slot(label) else {
            self.late(at, What::Relative { to: label, disp: a.disp, behind: imm_len as u8 });
            return self.put_mem(head, len, 0, 4, imm, imm_len);
        };
        let behind = at + 4 + imm_len;
        self.put_mem(head, len, slot.at.wrapping_sub(behind), 4, imm, imm_len);
        match a.disp {
            0 => self.defer(label, slot, at, imm_len),
            disp => self.defer_plus(label, at, (disp as u32).wrapping_sub(behind)),
        }
        self
    }
}
