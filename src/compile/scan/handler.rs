//! What [quick handlers](super::quick) are made of: checks that there is nothing special, and records of what they did.

use super::callees::{Callee, Results};
use super::item::{Item, Node};
use super::life::NEVER;
use super::stack::RELEASE_SEARCH;
use super::state::Scan;
use super::ty::Ty;
use crate::compile::op::{Class, Op};
use crate::compile::tape::{Ref, Tape};
use crate::decode::Window;

use Class::I32;

/// Does the operator of an opcode. Returns how many bytes it has behind its opcode, or [`NOT_DONE`].
pub(super) type Quick = fn(&mut Scan<'_>, Window, u8) -> u32;

/// The operator has not been done.
pub(super) const NOT_DONE: u32 = u32::MAX;

/// Appends to a list that has room.
#[inline(always)]
pub(super) fn push<T>(list: &mut Vec<T>, item: T) {
    assert!(list.len() < list.capacity(), "there is room");
    list.push(item);
}

impl Scan<'_> {
    /// Records a call whose arguments are the items from a place on.
    #[inline(always)]
    pub(super) fn record_call(&mut self, callee: Callee, from: usize, function: u32) {
        let count = self.stack.len() - from;
        let args = self.tape.lists.len();
        self.tape.lists.reserve(count + 1);
        push(&mut self.tape.lists, count as u32);
        for index in 0..count {
            let value = self.stack[from + index].value;
            push(&mut self.tape.lists, value.to_item());
            if let Some(var) = value.as_var() {
                self.touch(self.tape.entries.len(), var, false, self.loop_weight);
            } else if let Some(temp) = value.as_temp() {
                let hint = self.signatures.params(callee)[index].hint;
                self.tape.entries[self.temps[temp as usize] as usize].hint = hint;
                self.free_temp(value);
            }
        }
        self.stack.truncate(from);
        self.tape.outgoing_bytes = self.tape.outgoing_bytes.max(callee.outgoing_bytes);
        self.tape.calls_imports |= function < self.info.imported_functions;
        self.can_trap();
        self.note_call();
        let none = Ref::NOTHING.to_item();
        match callee.results {
            Results::One(ty) => {
                self.tape.vectors |= ty == Ty::V128;
                let dst = self.new_temp();
                self.push_call(Op::Call, ty.class(), dst, args as u32, none, function);
                self.push_typed(ty, dst);
            }
            _ => {
                let list = self.start_list(0);
                self.push_call(Op::Call, I32, Ref::NOTHING, args as u32, list, function);
            }
        }
    }

    // Before an operator is done.

    /// The top operand if it may be taken and has this type.
    #[inline(always)]
    pub(super) fn top(&self, ty: Ty) -> Option<Ref> {
        match self.stack[..] {
            [.., top] if self.stack.len() > self.guard && top.ty == ty => Some(top.value),
            _ => None,
        }
    }

    /// The same for two.
    #[inline(always)]
    pub(super) fn top_two(&self, below: Ty, top: Ty) -> Option<(Ref, Ref)> {
        match self.stack[..] {
            [.., a, b] if self.stack.len() - 1 > self.guard && a.ty == below && b.ty == top => Some((a.value, b.value)),
            _ => None,
        }
    }

    /// Is there room for an entry that may trap?
    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        let Tape { entries, offsets, .. } = &self.tape;
        entries.len() < entries.capacity() && offsets.len() < offsets.capacity()
    }

    /// Will there be a temp when these values have been used?
    #[inline(always)]
    pub(super) fn has_temp(&self, a: Ref, b: Ref) -> bool {
        self.free_temp != NEVER || a.as_temp().is_some() || b.as_temp().is_some()
    }

    /// May an item below the top one read a variable?
    #[inline(always)]
    pub(super) fn is_read_below(&self, var: u32) -> bool {
        let unflushed = &self.stack[self.flushed..self.stack.len() - 1];
        unflushed.len() > RELEASE_SEARCH
            || unflushed.iter().any(|item| item.value == Ref::var(var) || item.value.is_lazy())
    }

    /// Makes room for more entries, and does the operator.
    #[inline(never)]
    pub(super) fn again_with_room(&mut self, quick: Quick, window: Window, opcode: u8) -> u32 {
        self.tape.entries.reserve(1);
        self.tape.offsets.reserve(1);
        quick(self, window, opcode)
    }

    /// Adds a temp, and does the operator.
    #[inline(never)]
    pub(super) fn again_with_temp(&mut self, quick: Quick, window: Window, opcode: u8) -> u32 {
        self.free_temp = self.temps.len() as u32;
        self.temps.push(NEVER);
        quick(self, window, opcode)
    }

    /// Computes the top operand, and does the operator.
    #[inline(never)]
    pub(super) fn again_computed(&mut self, quick: Quick, window: Window, opcode: u8) -> u32 {
        self.materialise(self.stack.len() - 1);
        quick(self, window, opcode)
    }

    /// Computes all operands from a place on, and does the operator.
    #[inline(never)]
    pub(super) fn again_computed_from(&mut self, from: usize, quick: Quick, window: Window, opcode: u8) -> u32 {
        self.materialise_from(from);
        quick(self, window, opcode)
    }

    /// Gives a local that is written its variable, and does the operator.
    #[inline(never)]
    pub(super) fn again_with_variable(&mut self, quick: Quick, window: Window, opcode: u8) -> u32 {
        let index = window.byte();
        self.variable(index.into(), self.locals.among_first(index));
        quick(self, window, opcode)
    }

    // Doing it.

    /// Drops the top item.
    #[inline(always)]
    pub(super) fn shrink(&mut self) {
        self.stack.truncate(self.stack.len() - 1);
    }

    #[inline(always)]
    pub(super) fn set_top(&mut self, ty: Ty, value: Ref) {
        if let [.., top] = &mut self.stack[..] {
            *top = Item { value, ty };
        }
    }

    #[inline(always)]
    pub(super) fn record(&mut self, op: Op, class: Class, dst: Ref, a: Ref, b: Ref, imm: u32) {
        assert!(self.tape.entries.len() < self.tape.entries.capacity(), "there is room");
        self.push_entry(op, class, dst, a, b, imm);
    }

    /// A temp that the next entry reads and writes.
    #[inline(always)]
    pub(super) fn same_temp(&mut self, value: Ref) -> Ref {
        if let Some(temp) = value.as_temp() {
            self.temps[temp as usize] = self.tape.entries.len() as u32;
        }
        value
    }

    /// As [`Scan::new_temp`].
    #[inline(always)]
    pub(super) fn temp(&mut self) -> Ref {
        let temp = self.free_temp;
        let cell = self.temps.get_mut(temp as usize).expect("there is a free temp");
        self.free_temp = std::mem::replace(cell, self.tape.entries.len() as u32);
        self.live_temps += 1;
        Ref::temp(temp)
    }

    /// Pushes an item, if there is room.
    #[inline(always)]
    pub(super) fn put(&mut self, item: Item, bytes: u32) -> u32 {
        if self.stack.len() == self.stack.capacity() {
            return NOT_DONE;
        }
        push(&mut self.stack, item);
        bytes
    }

    /// Leaves a node in place of two operands.
    #[inline(always)]
    pub(super) fn node_of_two(&mut self, ty: Ty, node: Node) -> u32 {
        let place = self.stack.len() - 2;
        let Some(kept) = self.nodes.get_mut(place) else { return NOT_DONE };
        *kept = node;
        self.shrink();
        self.set_top(ty, Ref::lazy(place));
        0
    }

    /// As [`Scan::consume`]. Returns whether [`Scan::done`] has to do more.
    #[inline(always)]
    pub(super) fn use_up(&mut self, value: Ref) -> bool {
        if let Some(var) = value.as_var() {
            return self.touch_again(self.tape.entries.len(), var, self.loop_weight);
        }
        self.free_temp(value);
        false
    }

    /// Behind the last entry, which used up these values.
    #[inline(always)]
    pub(super) fn done(&mut self, bytes: u32, is_anew: bool, a: Ref, b: Ref) -> u32 {
        if is_anew { self.done_anew(bytes, a, b) } else { bytes }
    }

    #[inline(never)]
    pub(super) fn done_anew(&mut self, bytes: u32, a: Ref, b: Ref) -> u32 {
        let at = self.tape.entries.len() - 1;
        for var in [a, b].into_iter().filter_map(Ref::as_var) {
            self.touch(at, var, false, 0);
        }
        bytes
    }

    /// Writes a variable, behind an operator with a byte.
    #[inline(always)]
    pub(super) fn assign(&mut self, var: u32, item: Item) -> u32 {
        if item.value.as_temp().is_some()
            && let Some(last) = self.tape.entries.last_mut()
            && last.dst == item.value
        {
            last.dst = Ref::var(var);
            self.free_temp(item.value);
            return match self.touch_again(self.tape.entries.len() - 1, var, self.loop_weight) {
                true => self.wrote_anew(var),
                false => 1,
            };
        }
        self.copy(var, item)
    }

    #[inline(never)]
    pub(super) fn wrote_anew(&mut self, var: u32) -> u32 {
        self.touch(self.tape.entries.len() - 1, var, true, 0);
        1
    }

    #[inline(never)]
    pub(super) fn copy(&mut self, var: u32, item: Item) -> u32 {
        self.copy_into(var, item);
        1
    }
}
