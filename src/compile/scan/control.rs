//! Blocks, branches, calls and returns.

use super::check::{Ty, ensure};
use super::operators::Refusal;
use super::variables::Loop;
use super::{Class, Item, NEVER, Node, Scan, class_of};
use crate::abi::Place;
use crate::compile::tape::{NO_HANDLER, Op, Ref, Test};
use crate::decode::{BlockType, Invalid, ModuleInfo};
use crate::types::{TypeIndex, ValType};
use planish_asm::Cond;
use std::collections::HashMap;

/// Weights grow by eight per loop, up to this depth.
const MAX_WEIGHT_DEPTH: u32 = 6;

/// What opened a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Opener {
    Function,
    Block,
    Loop,
    If,
    Else,
    /// Before WebAssembly 3.0.
    Try,
    Catch,
    CatchAll,
}

/// An open block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) opener: Opener,
    pub(super) ty: BlockType,
    /// Was it opened where code cannot be reached? Then nothing is recorded of it.
    pub(super) dead: bool,
    /// Can the code behind its last operator not be reached? Then it has operands of any type.
    pub(super) unreachable: bool,
    /// Where a branch to the block goes.
    pub(super) label: u32,
    /// For an `if`: its else part.
    else_label: u32,
    /// Items below its parameters.
    pub(super) height: usize,
    /// Its number among the function's frames.
    pub(super) number: u32,
    /// Does any branch go to `label`?
    used: bool,
    /// How many values a branch to it takes.
    arity: u32,
    outer_weight: u32,
    /// For a loop: the calls before it.
    calls_before: u32,
    /// The length of [`Scan::written`] where it began.
    pub(super) written: u32,
    /// The handler of the code around it.
    pub(super) outer_handler: u32,
}

impl Frame {
    /// A block at the bottom of an empty stack, without values for branches.
    #[inline(always)]
    fn new(opener: Opener, ty: BlockType) -> Frame {
        Frame {
            opener,
            ty,
            dead: false,
            unreachable: false,
            label: NEVER,
            else_label: NEVER,
            height: 0,
            number: 0,
            used: false,
            arity: 0,
            outer_weight: 1,
            calls_before: 0,
            written: 0,
            outer_handler: NO_HANDLER,
        }
    }

    /// What a branch to the block takes.
    pub(super) fn label_types<'a>(&'a self, info: &'a ModuleInfo) -> &'a [ValType] {
        match self.opener {
            Opener::Loop => self.ty.params(info),
            _ => self.ty.results(info),
        }
    }
}

impl<'m> Scan<'m> {
    pub(super) fn push_function_frame(&mut self, ty: TypeIndex) {
        let label = self.add_label();
        self.frame_ends.push(NEVER);
        let arity = self.info.types[ty.index()].results().len() as u32;
        self.frames.push(Frame { label, arity, ..Frame::new(Opener::Function, BlockType::Function(ty)) });
    }

    /// The block that a branch goes to.
    pub(super) fn frame_at(&self, depth: u32) -> Result<Frame, Invalid> {
        let place = self.frames.len().checked_sub(depth as usize + 1).ok_or(Invalid)?;
        Ok(self.frames[place])
    }

    /// Where operators may take items from, after the innermost block or what is reached has changed.
    pub(super) fn set_floor(&mut self) {
        self.floor = match self.frames.last() {
            Some(frame) if !self.dead => frame.height,
            _ => usize::MAX,
        };
    }

    /// Has the function ended?
    pub(super) fn is_done(&self) -> bool {
        self.frames.is_empty()
    }

    /// Opens a block where code cannot be reached.
    #[inline(never)]
    pub(super) fn open_dead(&mut self, opener: Opener, ty: BlockType) {
        let (height, written) = (self.stack.len(), self.written.len() as u32);
        self.frames.push(Frame { dead: true, height, written, ..Frame::new(opener, ty) });
        self.push_dead_params(ty);
    }

    /// Opens a block whose parameters are on the stack, in their merge variables if `merged`.
    #[inline(always)]
    pub(super) fn open(&mut self, opener: Opener, ty: BlockType, merged: bool) {
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
        self.floor = height;
    }

    /// What there is to do for the values of a block that is about to be opened. Returns the items below its parameters, and
    /// the values of a branch to it.
    #[inline(never)]
    fn open_values(&mut self, opener: Opener, ty: BlockType, merged: bool) -> (usize, u32) {
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
        for (index, &result) in results.iter().enumerate() {
            let var = self.merge(height + index, class_of(result));
            self.touch(self.tape.entries.len(), var, true, 0);
        }
        (height, results.len() as u32)
    }

    #[inline(never)]
    pub(super) fn block(&mut self, ty: BlockType) -> Result<(), Invalid> {
        match self.takes_params(ty)? {
            true => self.open(Opener::Block, ty, false),
            false => self.open_dead(Opener::Block, ty),
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn begin_loop(&mut self, ty: BlockType) -> Result<(), Invalid> {
        if !self.takes_params(ty)? {
            self.open_dead(Opener::Loop, ty);
            return Ok(());
        }
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
        Ok(())
    }

    #[inline(never)]
    pub(super) fn begin_if(&mut self, ty: BlockType) -> Result<(), Invalid> {
        let Some(condition) = self.take(Ty::I32) else {
            self.in_dead_code(&[Ty::I32], &[])?;
            self.takes_params(ty)?;
            self.open_dead(Opener::If, ty);
            return Ok(());
        };
        let condition = self.test(condition);
        self.takes_params(ty)?;
        self.open(Opener::If, ty, true);
        let else_label = self.add_label();
        self.frames.last_mut().expect("just opened").else_label = else_label;
        self.branch(condition.inverted(), else_label);
        Ok(())
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

    #[inline(never)]
    pub(super) fn end(&mut self) -> Result<(), Invalid> {
        let frame = self.frames.last().ok_or(Invalid)?;
        if frame.ty != BlockType::Empty || frame.dead {
            return self.end_with_values();
        }
        let frame = *frame;
        ensure(self.stack.len() == frame.height)?;
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
        Ok(())
    }

    #[inline(never)]
    fn end_with_values(&mut self) -> Result<(), Invalid> {
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

    fn params_are_results(&self, ty: BlockType) -> bool {
        let (params, results) = (ty.params(self.info), ty.results(self.info));
        params.len() == results.len() && params.iter().zip(results).all(|(&param, &result)| param.matches(result))
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
    fn merge_top(&mut self, height: usize, count: usize) {
        let from = self.stack.len() - count;
        for index in 0..count {
            let item = self.stack[from + index];
            let var = self.merge(height + index, item.class());
            self.value_into(var, item);
            self.stack[from + index].value = Ref::NOTHING;
        }
        self.stack.truncate(from);
        self.flushed = self.flushed.min(from);
    }

    fn push_results(&mut self, frame: &Frame) {
        for &ty in frame.ty.results(self.info) {
            self.push_merge(Ty::of(ty));
        }
        self.flushed = self.stack.len();
    }

    fn push_params(&mut self, frame: &Frame) {
        for &ty in frame.ty.params(self.info) {
            self.push_merge(Ty::of(ty));
        }
        self.flushed = self.stack.len();
    }

    pub(super) fn push_merge(&mut self, ty: Ty) {
        let var = self.merge(self.stack.len(), ty.class());
        self.push_typed(ty, Ref::var(var));
    }

    // Branches.

    pub(super) fn use_label(&mut self, frame: usize) {
        self.frames[frame].used = true;
    }

    pub(super) fn target(&self, depth: u32) -> usize {
        self.frames.len() - 1 - depth as usize
    }

    /// Behind an operator that does not go on.
    pub(super) fn die(&mut self) {
        self.dead = true;
        self.floor = usize::MAX;
        if let Some(frame) = self.frames.last_mut() {
            frame.unreachable = true;
            let height = frame.height;
            self.truncate(height);
        }
    }

    #[inline(never)]
    pub(super) fn br(&mut self, depth: u32) -> Result<(), Invalid> {
        match self.takes_label(depth)? {
            true => self.branch_always(depth),
            false => self.die(),
        }
        Ok(())
    }

    fn branch_always(&mut self, depth: u32) {
        let target = self.target(depth);
        let frame = self.frames[target];
        if frame.opener == Opener::Function {
            return self.return_now();
        }
        self.merge_top(frame.height, frame.arity as usize);
        self.use_label(target);
        self.plain_entry(Op::Jump, frame.label);
        self.die();
    }

    #[inline(never)]
    pub(super) fn br_if(&mut self, depth: u32) -> Result<(), Refusal> {
        let place = self.frames.len().checked_sub(depth as usize + 1).ok_or(Invalid)?;
        if self.frames[place].arity == 0
            && let Some(item) = self.take(Ty::I32)
        {
            let frame = &mut self.frames[place];
            frame.used = true;
            let label = frame.label;
            let condition = self.test(item);
            self.branch(condition, label);
            return Ok(());
        }
        if self.takes_branch_if(depth)? {
            let condition = self.pop_test();
            self.branch_if(depth, condition);
        }
        self.is_not_too_large()
    }

    #[inline(never)]
    fn branch_if(&mut self, depth: u32, condition: Condition) {
        let target = self.target(depth);
        let frame = self.frames[target];
        let arity = frame.arity as usize;
        self.use_label(target);
        let from = self.stack.len() - arity;
        // Unless the values lie where the target wants them, a merge variable that is written for one item may be what
        // another holds.
        let items = &self.stack[frame.height..];
        if arity > 0 && from > frame.height && items.iter().any(|&item| self.reads_merge(item)) {
            return self.branch_around(condition, &frame, arity);
        }
        self.merge_and_keep(frame.height, arity);
        self.branch(condition, frame.label);
    }

    /// A reference that is tested and used: in a variable, as a temp is read only once.
    fn pop_for_two(&mut self) -> Ref {
        let place = self.stack.len() - 1;
        let value = self.stack[place].value;
        if value.is_lazy() || value.as_temp().is_some() {
            self.merge_item(place);
        }
        self.pop_value()
    }

    /// The reference goes on with type `ty` if it is not null.
    pub(super) fn branch_on_null(&mut self, depth: u32, ty: Ty) {
        let (a, b) = (self.pop_for_two(), self.constant(Class::I64, 0));
        self.branch_if(depth, Condition { test: Test::Int(Cond::Equal), class: Class::I64, a, b });
        self.push_typed(ty, a);
    }

    pub(super) fn branch_on_non_null(&mut self, depth: u32) {
        let ty = self.stack[self.stack.len() - 1].ty;
        let (a, b) = (self.pop_for_two(), self.constant(Class::I64, 0));
        self.push_typed(ty, a);
        self.branch_if(depth, Condition { test: Test::Int(Cond::NotEqual), class: Class::I64, a, b });
        self.drop_value();
    }

    /// A conditional branch whose target's merge variables hold items that are needed if it is not taken: they are
    /// written on the way to the target only.
    fn branch_around(&mut self, condition: Condition, frame: &Frame, arity: usize) {
        self.flush();
        let from = self.stack.len() - arity;
        for place in from..self.stack.len() {
            self.merge_item(place);
        }
        let skip = self.add_label();
        self.branch(condition.inverted(), skip);
        self.jump_with(frame, arity);
        self.bind_label(skip);
    }

    /// Takes the top items from the merge variables of their heights to those of a frame, and goes there.
    fn jump_with(&mut self, frame: &Frame, arity: usize) {
        let from = self.stack.len() - arity;
        for index in 0..arity {
            let class = self.stack[from + index].class();
            let source = Ref::var(self.merge(from + index, class));
            let target = Ref::var(self.merge(frame.height + index, class));
            self.entry(Op::Copy, class, target, source, Ref::NOTHING, 0);
        }
        self.plain_entry(Op::Jump, frame.label);
    }

    /// Writes the top items to the merge variables from a height on, as a branch that may be taken needs them, and
    /// keeps them for the case that it is not. The merge variables are dead on that path: no item reads them.
    fn merge_and_keep(&mut self, height: usize, count: usize) {
        let from = self.stack.len() - count;
        for index in 0..count {
            let place = from + index;
            let item = self.stack[place];
            let var = self.merge(height + index, item.class());
            self.value_into(var, item);
            if item.value.is_lazy() || item.value.as_temp().is_some() {
                self.keep(place, item.class(), var, from == height);
            }
        }
    }

    fn reads_merge(&self, item: Item) -> bool {
        let is_merge = |value: Ref| value.as_var().is_some_and(|var| self.lives[var as usize].is_merge);
        match self.node(item) {
            None => is_merge(item.value),
            Some(Node::Wrap(value)) => is_merge(value),
            Some(Node::Test { a, b, .. } | Node::Lea { base: a, index: b, .. }) => is_merge(a) || is_merge(b),
        }
    }

    /// Leaves at a place what a merge variable holds: the variable itself if it is the place's own, else a copy.
    fn keep(&mut self, place: usize, class: Class, var: u32, own: bool) {
        let value = match own {
            true => Ref::var(var),
            false => self.temp_entry(Op::Copy, class, Ref::var(var), Ref::NOTHING, 0),
        };
        self.stack[place].value = value;
        self.flushed = self.flushed.min(place);
    }

    /// To the targets that the checker has read.
    pub(super) fn branch_table(&mut self) {
        let index = self.pop_value();
        let count = self.targets.len();
        let default = self.target(self.targets[count - 1]);
        let arity = self.frames[default].arity as usize;
        // The values go to the merge variables of their heights, from there each target's stub takes them on.
        let from = self.stack.len() - arity;
        for place in from..self.stack.len() {
            self.merge_item(place);
        }
        let list = self.start_list(count);
        let mut stubs = Vec::new();
        let mut stub_of = HashMap::new();
        for place in 0..count {
            let target = self.target(self.targets[place]);
            let frame = self.frames[target];
            self.use_label(target);
            let mut label = frame.label;
            if arity > 0 && frame.height != from {
                label = *stub_of.entry(target).or_insert_with(|| {
                    let stub = self.add_label();
                    stubs.push((target, stub));
                    stub
                });
            }
            self.tape.lists.push(label);
        }
        self.effect(Op::BranchTable, Class::I32, index, Ref::NOTHING, list);
        for (target, stub) in stubs {
            self.bind_label(stub);
            let frame = self.frames[target];
            self.jump_with(&frame, arity);
        }
        self.die();
    }

    /// Pops a condition without computing it.
    pub(super) fn pop_test(&mut self) -> Condition {
        let item = self.pop();
        self.test(item)
    }

    /// An item as a condition.
    #[inline(always)]
    fn test(&mut self, item: Item) -> Condition {
        if let Some(Node::Test { test, class, a, b }) = self.node(item) {
            return Condition { test, class, a, b };
        }
        let zero = self.constant(Class::I32, 0);
        let a = self.low(item);
        Condition { test: Test::Int(Cond::NotEqual), class: Class::I32, a, b: zero }
    }

    #[inline(always)]
    fn branch(&mut self, condition: Condition, label: u32) {
        let Condition { test, class, a, b } = condition;
        self.effect(Op::Branch(test), class, a, b, label);
    }

    #[inline(never)]
    pub(super) fn return_now(&mut self) {
        self.return_values();
        self.die();
    }

    fn return_values(&mut self) {
        let count = self.frames[0].ty.results(self.info).len();
        let places: &[Place] = match self.frames[0].ty {
            BlockType::Function(ty) => &self.layouts[ty.index()].results,
            _ => &[],
        };
        let list = self.pop_list(&[], count, places);
        self.plain_entry(Op::Return, list);
    }

    pub(super) fn trap_now(&mut self) {
        // A call that never returns (a panic) is cold: nothing has to survive it.
        let (entry, weight) = self.last_call;
        if entry.wrapping_add(1) == self.tape.entries.len() as u32 {
            self.call_weight -= weight;
        }
        self.can_trap();
        self.plain_entry(Op::Unreachable, 0);
        self.die();
    }
}

/// A condition that has not been computed.
#[derive(Clone, Copy)]
pub(super) struct Condition {
    pub(super) test: Test,
    pub(super) class: Class,
    pub(super) a: Ref,
    pub(super) b: Ref,
}

impl Condition {
    fn inverted(self) -> Condition {
        Condition { test: self.test.invert(), ..self }
    }
}
