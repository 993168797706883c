//! From operators to tape: wasm's operand stack is kept as unevaluated nodes, which fold into their users.
//!
//! Invariants:
//! * An item at height `h` reads no merge variable of a height below `h`: so merge variables can be written from the
//!   bottom up, one after the other, without a parallel move.
//! * At a label every item below the label's height is a constant or its own merge variable: temps do not
//!   cross labels.
//! * A local is not written while an item reads it: those items are copied first ([`Scan::release`]). Flushed items read
//!   none.

mod ty;
mod item;
mod life;
mod frame;
mod refusal;
mod state;
mod stack;
mod variables;
mod table;
mod handler;
mod quick;
mod operators;
mod vectors;
mod memory;
mod atomic;
mod check;
mod callees;
mod lower;
mod control;
mod branches;
mod call;
mod exceptions;
mod locals;
mod local;
mod validate;
mod demand;
mod watch;

use super::tape::{NO_HANDLER, Variable};
use crate::decode::{Cursor, Invalid};
use crate::types::TypeIndex;
pub(super) use callees::Signatures;
use life::NEVER;
pub(super) use refusal::Refusal;
pub(super) use state::{Scan, class_of};
use std::hint::select_unpredictable;
pub(super) use watch::{Unwatched, Watch, Watched};

impl<'m> Scan<'m> {
    /// Starts a function of a type; then [`Scan::declare_all`] its locals and read its [body](Scan::body).
    pub(super) fn start(&mut self, ty: TypeIndex) {
        let params = self.info.types[ty.index()].params();
        self.clear();
        self.tape.params = params.len() as u32;
        self.push_function_frame(ty);
        for (index, ty) in params.iter().enumerate() {
            self.locals.declare(1, ty).expect("validated: at most 1,000 parameters");
            let var = self.first_use(index as u32, class_of(ty));
            let life = &mut self.lives[var as usize];
            life.arrives();
        }
    }

    /// Forgets the last function.
    fn clear(&mut self) {
        self.tape.clear();
        self.stack.clear();
        self.frames.clear();
        self.frame_ends.clear();
        self.open_loops.clear();
        self.loops.clear();
        self.lives.clear();
        self.merges.clear();
        self.temps.clear();
        (self.free_temp, self.live_temps) = (NEVER, 0);
        self.locals.clear();
        self.written.clear();
        (self.floor, self.flushed, self.guard, self.dead) = (0, 0, 0, false);
        (self.frame_number, self.loop_start) = (0, 0);
        (self.loop_weight, self.call_weight, self.last_call) = (1, 0, (NEVER, 0));
        self.call_count = 0;
        self.handler = NO_HANDLER;
        self.legacy_tries.clear();
    }

    /// Declares the locals that a body begins with.
    #[inline(always)]
    pub(super) fn declare_all(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
        for _ in 0..cursor.u32()? {
            let count = cursor.u32()?;
            let ty = cursor.val_type(self.info)?;
            self.knows(ty)?;
            self.locals.declare(count, ty)?;
        }
        Ok(())
    }

    /// Ends the function: its variables with their intervals go to the tape.
    pub(super) fn finish(&mut self) {
        let length = self.tape.entries.len() as u32;
        self.tape.variables.reserve(self.lives.len());
        for (index, life) in self.lives.iter().enumerate() {
            let is_param = (index as u32) < self.tape.params;
            // The first access dominates the last, and so all, if its frame was open then.
            let interval = life.first_is_write & (self.frame_ends[life.frame as usize] > life.last);
            let (mut end, mut calls_at_end) =
                select_unpredictable(interval, (life.last + 1, life.calls_at_last), (length, self.call_weight));
            if life.outlived_loop != NEVER && interval {
                let outlived = self.loops[life.outlived_loop as usize];
                if outlived.end > end {
                    (end, calls_at_end) = (outlived.end, outlived.calls_at_end);
                }
            }
            let begins = interval & !is_param;
            let (start, calls_at_start) =
                select_unpredictable(begins, (life.first.wrapping_add(1), life.calls_at_first), (0, 0));
            self.tape.variables.push(Variable {
                class: life.class,
                weight: life.weight.try_into().unwrap_or(u32::MAX),
                start,
                end,
                calls: calls_at_end.saturating_sub(calls_at_start),
                zero: !interval & !is_param & !life.is_merge,
            });
        }
        self.finish_handlers();
        self.tape.loop_constants.sort_unstable_by_key(|&(_, weight)| !weight);
        self.tape.temps = self.temps.len() as u32;
        self.tape.calls = self.call_count > 0;
    }
}
