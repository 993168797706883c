//! Branches, calls, the stack.

use super::operation::*;
use crate::buffer::Asm;
use crate::encode::{Map, Op};
use crate::label::Label;
use crate::mem::Addr;
use crate::reg::R64;

use Map::{M00, M0F};

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
        self.branch(Op::new(0, M00, 0x70 | cond as u8), Op::new(0, M0F, 0x80 | cond as u8), to)
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

    /// Jump if `cond`, always with 32 bits, for branches of a length that is known beforehand.
    ///
    /// ```
    /// # use planish_asm::{Asm, Cond, LabelSlot};
    /// # let (mut code, mut labels) = ([0; 16], [LabelSlot::EMPTY; 1]);
    /// # let mut a = Asm::new(&mut code, &mut labels);
    /// let top = a.label();
    /// a.bind(top).jcc_near(Cond::Equal, top);
    /// assert_eq!(a.finish()?, [0x0F, 0x84, 0xFA, 0xFF, 0xFF, 0xFF]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn jcc_near(&mut self, cond: Cond, to: Label) -> &mut Self {
        self.rel32(Op::new(0, M0F, 0x80 | cond as u8), to)
    }

    /// Jump, always with 32 bits.
    #[inline]
    pub const fn jmp_near(&mut self, to: Label) -> &mut Self {
        self.rel32(Op::new(0, M00, 0xE9), to)
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
        self.op_imm(Op::new(0, M0F, 0x80 | cond as u8), displacement as u32 as u64, 4);
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
        self.op_imm(Op::new(0, M00, if short { 0x6A } else { 0x68 }), imm as u32 as u64, if short { 1 } else { 4 })
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
