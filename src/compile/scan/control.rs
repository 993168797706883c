//! Blocks.

use super::frame::{Frame, Opener};
use super::item::Condition;
use super::life::{Loop, NEVER};
use super::state::{Scan, class_of};
use super::ty::Ty;
use crate::compile::op::Op;
use crate::compile::tape::Ref;
use crate::decode::{BlockType, Invalid};
use crate::types::TypeIndex;

/// Weights grow by eight per loop, up to this depth.
const MAX_WEIGHT_DEPTH: u32 = 6;

impl<'m> Scan<'m> {
    pub(super) fn push_function_frame(&mut self, ty: TypeIndex) {
        let label = self.add_label();
        self.frame_ends.push(NEVER);
        let arity = self.info.types[ty.index()].results().len() as u32;
        self.frames.push(Frame { label, arity, ..Frame::new(Opener::Function, BlockType::Function(ty)) });
    }

    /// The block that a branch goes to.
    pub(super) fn frame_at(&self, depth: u32) -> Result<Frame<'m>, Invalid> {
        let place = self.frames.len().checked_sub(depth as usize + 1).ok_or(Invalid)?;
        Ok(self.frames[place])
    }

    /// Where operators may take items from, after the innermost block or what is reached has changed.
    pub(super) fn set_floor(&mut self) {
        self.set_floor_to(match self.frames.last() {
            Some(frame) if !self.dead => frame.height,
            _ => usize::MAX,
        });
    }

    #[inline(always)]
    pub(super) fn set_floor_to(&mut self, height: usize) {
        self.floor = height;
        self.guard = self.flushed.max(height);
    }

    /// Has the function ended?
    pub(super) fn is_done(&self) -> bool {
        self.frames.is_empty()
    }

    /// Opens a block where code cannot be reached.
    #[inline(never)]
    pub(super) fn open_dead(&mut self, opener: Opener, ty: BlockType<'m>) {
        let (height, written) = (self.stack.len(), self.written.len() as u32);
        self.frames.push(Frame { dead: true, height, written, ..Frame::new(opener, ty) });
        self.push_dead_params(ty);
    }

    /// Opens a block whose parameters are on the stack, in their merge variables if `merged`.
    #[inline(always)]
    pub(super) fn open(&mut self, opener: Opener, ty: BlockType<'m>, merged: bool) {
        self.flush();
        let (height, arity) = match ty {
            BlockType::Empty => (self.stack.len(), 0),
            _ => self.open_values(opener, ty, merged),
        };
        let (label, number) = (self.add_label(), self.new_frame_number());
        let (outer_weight, written) = (self.loop_weight, self.written.len() as u32);
        let outer_handler = self.handler;
        let frame =
            Frame { label, height, number, arity, outer_weight, written, outer_handler, ..Frame::new(opener, ty) };
        self.frames.push(frame);
        self.set_floor_to(height);
    }

    /// What there is to do for the values of a block that is about to be opened. Returns the items below its parameters, and
    /// the values of a branch to it.
    #[inline(never)]
    fn open_values(&mut self, opener: Opener, ty: BlockType<'m>, merged: bool) -> (usize, u32) {
        let info = self.info;
        let (params, results) = (ty.params(info), ty.results(info));
        let height = self.stack.len() - params.len();
        if merged {
            for index in height..self.stack.len() {
                self.merge_item(index);
            }
        }
        if opener == Opener::Loop {
            return (height, params.len() as u32);
        }
        // The results' merge variables are written on every path to the block's end: their life begins here.
        for (index, result) in results.iter().enumerate() {
            let var = self.merge(height + index, class_of(result));
            self.touch(self.tape.entries.len(), var, true, 0);
        }
        (height, results.len() as u32)
    }

    #[inline(never)]
    pub(super) fn block(&mut self, ty: BlockType<'m>) -> Result<(), Invalid> {
        match self.takes_params(ty)? {
            true => self.open(Opener::Block, ty, false),
            false => self.open_dead(Opener::Block, ty),
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn begin_loop(&mut self, ty: BlockType<'m>) -> Result<(), Invalid> {
        if !self.takes_params(ty)? {
            self.open_dead(Opener::Loop, ty);
            return Ok(());
        }
        self.open_loop(ty);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn open_loop(&mut self, ty: BlockType<'m>) {
        self.open(Opener::Loop, ty, true);
        let frame = *self.frames.last().expect("just opened");
        let number = self.loops.len() as u32;
        self.loops.push(Loop { end: NEVER, calls_at_end: 0 });
        let start = self.tape.entries.len() as u32;
        self.open_loops.push((start, number));
        self.loop_start = start + 1;
        if self.open_loops.len() <= MAX_WEIGHT_DEPTH as usize {
            self.loop_weight *= 8;
        }
        self.frames.last_mut().expect("just opened").calls_before = self.call_count;
        self.bind_label(frame.label);
    }

    #[inline(never)]
    pub(super) fn begin_if(&mut self, ty: BlockType<'m>) -> Result<(), Invalid> {
        let Some(condition) = self.take(Ty::I32) else {
            self.in_dead_code(&[Ty::I32], &[])?;
            self.takes_params(ty)?;
            self.open_dead(Opener::If, ty);
            return Ok(());
        };
        let condition = self.test(condition);
        self.takes_params(ty)?;
        self.open_if(ty, condition);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn open_if(&mut self, ty: BlockType<'m>, condition: Condition) {
        self.open(Opener::If, ty, true);
        let else_label = self.add_label();
        self.frames.last_mut().expect("just opened").else_label = else_label;
        self.branch(condition.inverted(), else_label);
    }

    /// Ends a part of the innermost block that is not its last: goes to the block's end with the results.
    pub(super) fn end_part(&mut self, frame: &Frame) {
        if !self.dead {
            self.merge_results(frame);
            self.use_label(self.frames.len() - 1);
            self.plain_entry(Op::Jump, frame.label);
        }
        self.truncate(frame.height);
        self.close_number(frame.number);
    }

    #[inline(always)]
    pub(super) fn begin_else(&mut self) -> Result<(), Invalid> {
        self.takes_block()?;
        let top = self.frames.last_mut().ok_or(Invalid)?;
        if top.opener != Opener::If {
            return Err(Invalid);
        }
        (top.opener, top.unreachable) = (Opener::Else, false);
        let frame = *top;
        self.forget_written(frame.written);
        if frame.dead {
            self.push_dead_params(frame.ty);
            return Ok(());
        }
        self.end_part(&frame);
        self.bind_label(frame.else_label);
        self.dead = false;
        let number = self.new_frame_number();
        self.frames.last_mut().expect("the if is open").number = number;
        self.push_params(&frame);
        self.set_floor();
        Ok(())
    }

    /// The end of a block whose beginning can be reached, without values, and none are on the stack.
    #[inline(always)]
    pub(super) fn end_empty(&mut self) {
        let frame = *self.frames.last().expect("a block is open");
        self.forget_written(frame.written);
        match frame.opener {
            Opener::Loop => self.end_loop(&frame),
            Opener::If => {
                self.bind_label(frame.else_label);
                self.dead = false;
                if frame.used {
                    self.bind_label(frame.label);
                }
            }
            _ => {
                if frame.used {
                    self.bind_label(frame.label);
                    self.dead = false;
                }
            }
        }
        self.leave(&frame);
        self.frames.pop();
        self.set_floor();
    }

    #[inline(never)]
    pub(super) fn end(&mut self) -> Result<(), Invalid> {
        self.takes_block()?;
        let frame = *self.frames.last().ok_or(Invalid)?;
        // Without an `else` the parameters are the results.
        if frame.opener == Opener::If && !self.params_are_results(frame.ty) {
            return Err(Invalid);
        }
        self.forget_written(frame.written);
        if !frame.dead {
            self.end_live(frame);
        }
        self.frames.pop();
        if self.dead {
            self.push_dead_results(frame.ty);
        }
        self.set_floor();
        Ok(())
    }

    /// Behind a block whose beginning can be reached, which is still open.
    #[inline(always)]
    fn leave(&mut self, frame: &Frame) {
        self.close_number(frame.number);
        self.frame_number = self.frames[self.frames.len() - 2].number;
        self.loop_weight = frame.outer_weight;
        self.leave_handler(frame);
    }

    fn params_are_results(&self, ty: BlockType<'m>) -> bool {
        let (params, results) = (ty.params(self.info), ty.results(self.info));
        params.len() == results.len() && params.iter().zip(results).all(|(param, result)| param.matches(result))
    }

    /// The end of a block whose beginning can be reached.
    fn end_live(&mut self, frame: Frame) {
        match frame.opener {
            Opener::Function => return self.end_function(frame),
            Opener::Loop => self.end_loop(&frame),
            Opener::Block | Opener::Else | Opener::Try | Opener::Catch | Opener::CatchAll => self.end_block(&frame),
            Opener::If => {
                // The parameters are the results, in the same merge variables.
                if !self.dead {
                    self.merge_results(&frame);
                }
                self.truncate(frame.height);
                self.bind_label(frame.else_label);
                self.dead = false;
                if self.frames.last().expect("still open").used {
                    self.bind_label(frame.label);
                }
                self.push_results(&frame);
            }
        }
        self.leave(&frame);
    }

    pub(super) fn new_frame_number(&mut self) -> u32 {
        self.frame_number = self.frame_ends.len() as u32;
        self.frame_ends.push(NEVER);
        self.frame_number
    }

    pub(super) fn close_number(&mut self, number: u32) {
        self.frame_ends[number as usize] = self.tape.entries.len() as u32;
    }

    fn end_block(&mut self, frame: &Frame) {
        if !frame.used {
            if self.dead {
                self.truncate(frame.height);
            }
            return;
        }
        if !self.dead {
            self.merge_results(frame);
        }
        self.truncate(frame.height);
        self.bind_label(frame.label);
        self.dead = false;
        self.push_results(frame);
    }

    fn end_loop(&mut self, frame: &Frame) {
        let end = self.tape.entries.len() as u32;
        let (_, number) = self.open_loops.pop().expect("a loop is open");
        self.loop_start = self.open_loops.last().map_or(0, |open| open.0 + 1);
        self.loops[number as usize] = Loop { end, calls_at_end: self.call_weight };
        let label = &mut self.tape.labels[frame.label as usize];
        label.loop_end = end;
        label.innermost_leaf = frame.calls_before == self.call_count && number as usize + 1 == self.loops.len();
        if self.dead {
            self.truncate(frame.height);
        }
    }

    fn end_function(&mut self, frame: Frame) {
        if !self.dead {
            self.return_values();
        }
        self.truncate(0);
        if frame.used {
            self.bind_label(frame.label);
            self.push_results(&frame);
            self.return_values();
        }
        self.dead = true;
    }

    /// Writes a block's results, which are on top of the stack, to its merge variables.
    pub(super) fn merge_results(&mut self, frame: &Frame) {
        self.merge_top(frame.height, frame.ty.results(self.info).len());
    }

    /// Writes the top items to the merge variables from a height on.
    pub(super) fn merge_top(&mut self, height: usize, count: usize) {
        let from = self.stack.len() - count;
        for index in 0..count {
            let item = self.stack[from + index];
            let var = self.merge(height + index, item.class());
            self.value_into(var, item);
            self.stack[from + index].value = Ref::NOTHING;
        }
        self.stack.truncate(from);
        self.flushed_at_most(from);
    }

    fn push_results(&mut self, frame: &Frame) {
        for ty in frame.ty.results(self.info) {
            self.push_merge(Ty::of(ty));
        }
        self.all_flushed();
    }

    fn push_params(&mut self, frame: &Frame) {
        for ty in frame.ty.params(self.info) {
            self.push_merge(Ty::of(ty));
        }
        self.all_flushed();
    }

    pub(super) fn push_merge(&mut self, ty: Ty) {
        let var = self.merge(self.stack.len(), ty.class());
        self.push_typed(ty, Ref::var(var));
    }
}
