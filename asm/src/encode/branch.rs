//! Branches and calls to labels.

use super::legacy::legacy;
use super::op::Op;
use crate::buffer::Asm;
use crate::error::AsmError;
use crate::label::{Label, NONE};
use crate::record::What;

impl Asm<'_> {
    /// A branch with an 8-bit displacement only: `jrcxz`, `loop`, `jcc short`.
    #[inline]
    pub(crate) const fn rel8(&mut self, op: Op, to: Label) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64, op.code_len);
        self.put(v, n);
        let at = self.pos() as u32;
        let Some(slot) = self.slot(to) else {
            return self.late(at, What::Short { to }).u8(0);
        };
        let value = if slot.is_bound() {
            let distance = slot.at.wrapping_sub(at + 1);
            if distance as i8 as i32 != distance as i32 {
                self.fail(AsmError::ShortRange { at: at as usize });
            }
            distance as u8
        } else {
            self.chain_short(to, slot, at);
            let link = if slot.short == NONE { 0 } else { at - slot.short };
            // The field before this one is then out of reach of any label behind this one.
            if link > u8::MAX as u32 {
                self.fail(AsmError::ShortRange { at: slot.short as usize });
            }
            link as u8
        };
        self.u8(value)
    }

    /// A branch with a 32-bit displacement: `call`, `jmp near`, `jcc near`, `xbegin`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rel32(&mut self, op: Op, to: Label) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64, op.code_len);
        let Some(slot) = self.slot(to) else {
            return self.late(self.pos() as u32 + n, What::Near { to }).put_pair(v, n, 0, 4);
        };
        let at = self.pos() as u32 + n;
        self.put_pair(v, n, slot.at.wrapping_sub(at + 4) as u64, 4).defer(to, slot, at, 0);
        self
    }

    /// A branch that has both: short if `to` is bound and near enough. `short`, `near`: without prefixes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn branch(&mut self, short: Op, near: Op, to: Label) -> &mut Self {
        let near_len = near.code_len + 4;
        let Some(slot) = self.slot(to) else {
            return self.late_branch(to, near.code_len).put(near.code as u64, near_len);
        };
        let pos = self.pos() as u32;
        if !slot.is_bound() {
            self.put(near.code as u64, near_len).defer(to, slot, pos + near.code_len, 0);
            return self;
        }
        let distance = slot.at.wrapping_sub(pos + short.code_len + 1);
        if distance as i8 as u32 != distance {
            let value = slot.at.wrapping_sub(pos + near_len);
            return self.put(near.code as u64 | (value as u64) << (8 * near.code_len), near_len);
        }
        self.put((short.code | (distance & 0xFF) << (8 * short.code_len)) as u64, short.code_len + 1)
    }
}
