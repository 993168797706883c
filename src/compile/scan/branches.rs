//! Branches and returns.

use super::frame::{Frame, Opener};
use super::item::{Condition, Item, Node};
use super::refusal::Refusal;
use super::stack::RELEASE_SEARCH;
use super::state::Scan;
use super::ty::Ty;
use crate::abi::Place;
use crate::compile::op::{Class, Op, Test};
use crate::compile::tape::Ref;
use crate::decode::{BlockType, Invalid};
use planish_asm::Cond;
use std::collections::HashMap;

impl Scan<'_> {
    pub(super) fn use_label(&mut self, frame: usize) {
        self.frames[frame].used = true;
    }

    pub(super) fn target(&self, depth: u32) -> usize {
        self.frames.len() - 1 - depth as usize
    }

    /// Behind an operator that does not go on.
    pub(super) fn die(&mut self) {
        self.dead = true;
        self.set_floor_to(usize::MAX);
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

    pub(super) fn branch_always(&mut self, depth: u32) {
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
        if arity > 0 && from > frame.height && self.may_read_merges(frame.height, arity) {
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

    /// May an item from a height on read a merge variable? Apart from the values of a branch, which it moves in any case, only a
    /// few items are searched, so that a branch costs the same however high the stack is.
    fn may_read_merges(&self, height: usize, arity: usize) -> bool {
        let items = &self.stack[height..];
        items.len() > RELEASE_SEARCH + arity || items.iter().any(|&item| self.reads_merge(item))
    }

    fn reads_merge(&self, item: Item) -> bool {
        let is_merge = |value: Ref| value.as_var().is_some_and(|var| self.lives[var as usize].is_merge);
        match self.node(item) {
            None => is_merge(item.value),
            Some(Node { a, b, .. }) => is_merge(a) || is_merge(b),
        }
    }

    /// Leaves at a place what a merge variable holds: the variable itself if it is the place's own, else a copy.
    fn keep(&mut self, place: usize, class: Class, var: u32, own: bool) {
        let value = match own {
            true => Ref::var(var),
            false => self.temp_entry(Op::Copy, class, Ref::var(var), Ref::NOTHING, 0),
        };
        self.stack[place].value = value;
        self.flushed_at_most(place);
    }

    /// To the targets that the checker has read.
    pub(super) fn branch_table(&mut self) -> Result<(), Refusal> {
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
            // A target takes a byte or two, its values a thousand entries.
            self.is_not_too_large()?;
        }
        self.die();
        Ok(())
    }

    /// Pops a condition without computing it.
    pub(super) fn pop_test(&mut self) -> Condition {
        let item = self.pop();
        self.test(item)
    }

    /// An item as a condition.
    #[inline(always)]
    pub(super) fn test(&mut self, item: Item) -> Condition {
        if let Some(Node { op: Op::Set(test), class, a, b, .. }) = self.node(item) {
            return Condition { test, class, a, b };
        }
        let zero = self.constant(Class::I32, 0);
        let a = self.low(item);
        Condition { test: Test::Int(Cond::NotEqual), class: Class::I32, a, b: zero }
    }

    #[inline(always)]
    pub(super) fn branch(&mut self, condition: Condition, label: u32) {
        let Condition { test, class, a, b } = condition;
        self.effect(Op::Branch(test), class, a, b, label);
    }

    #[inline(never)]
    pub(super) fn return_now(&mut self) {
        self.return_values();
        self.die();
    }

    pub(super) fn return_values(&mut self) {
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
