//! The operand stack: values, most of them already where they are, some not computed yet.

use super::callees::hint;
use super::item::{Item, Node};
use super::state::Scan;
use super::ty::Ty;
use crate::abi::Place;
use crate::compile::op::{Class, IntUnary, Op};
use crate::compile::tape::Ref;

/// How many items are searched for reads of a variable that is about to be written; of more, all are copied.
pub(super) const RELEASE_SEARCH: usize = 64;

/// The low 32 bits of an i64, which are as good where only those of an i32 are read.
pub(super) const WRAP: Op = Op::IntUnary(IntUnary::Wrap);

/// An i32 as it is used to address memory. **Escape:** only [`HeapIndex::computed`] makes one, from a value whose
/// upper 32 bits are zero in every home it may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeapIndex(Ref);

impl HeapIndex {
    /// An i32 that is computed in full: a sum has wrapped before an offset is added to it.
    #[inline(always)]
    pub(super) fn computed(item: Item) -> Option<HeapIndex> {
        if item.ty == Ty::I32 && !item.value.is_lazy() { Some(HeapIndex(item.value)) } else { None }
    }

    #[inline(always)]
    pub(super) fn value(self) -> Ref {
        self.0
    }
}

impl Scan<'_> {
    // Pushing.

    #[inline(always)]
    pub(super) fn push_typed(&mut self, ty: Ty, value: Ref) {
        self.stack.push(Item { value, ty });
    }

    /// Pushes a number.
    #[inline(always)]
    pub(super) fn push_value(&mut self, class: Class, value: Ref) {
        self.push_typed(Ty::number(class), value);
    }

    /// Pushes a number that is computed when it is used.
    #[inline(always)]
    pub(super) fn push_node(&mut self, class: Class, node: Node) {
        let place = self.stack.len();
        match self.nodes.get_mut(place) {
            Some(room) => *room = node,
            None => self.push_first_node(node),
        }
        self.push_value(class, Ref::lazy(place));
    }

    /// The stack was never as high where an item was not computed yet.
    #[inline(never)]
    fn push_first_node(&mut self, node: Node) {
        self.nodes.resize(self.stack.len() + 1, node);
    }

    #[inline(always)]
    pub(super) fn push_const(&mut self, class: Class, value: i64) {
        let constant = self.constant(class, value);
        self.push_value(class, constant);
    }

    #[inline(always)]
    pub(super) fn constant(&mut self, class: Class, value: i64) -> Ref {
        if !class.is_float()
            && let Some(small) = Ref::small(value)
        {
            return small;
        }
        self.pool_constant(value)
    }

    #[inline(never)]
    fn pool_constant(&mut self, value: i64) -> Ref {
        self.tape.pool.push(value as u64);
        Ref::pool(self.tape.pool.len() - 1)
    }

    // Taking what has been checked.

    #[inline(always)]
    pub(super) fn pop(&mut self) -> Item {
        let item = self.stack.pop().expect("validated: an operand is there");
        self.flushed_at_most(self.stack.len());
        item
    }

    /// Items from a height on are no more flushed than before, or gone.
    #[inline(always)]
    pub(super) fn flushed_at_most(&mut self, height: usize) {
        self.flushed = self.flushed.min(height);
        self.guard = self.flushed.max(self.floor);
    }

    /// All items are flushed.
    #[inline(always)]
    pub(super) fn all_flushed(&mut self) {
        self.flushed = self.stack.len();
        self.guard = self.flushed.max(self.floor);
    }

    /// Pops a value for an operation that reads all of its class's bits.
    #[inline]
    pub(super) fn pop_value(&mut self) -> Ref {
        let item = self.pop();
        self.value(item)
    }

    /// Pops a value for an operation that reads the low 32 bits of an i32 only.
    #[inline]
    pub(super) fn pop_low(&mut self) -> Ref {
        let item = self.pop();
        self.low(item)
    }

    // Checking and taking.

    /// Takes the top operand if there is one of this type in code that can be reached.
    #[inline(always)]
    pub(super) fn take(&mut self, ty: Ty) -> Option<Item> {
        if !self.has(ty) {
            return None;
        }
        Some(self.pop())
    }

    /// The same for two.
    #[inline(always)]
    pub(super) fn take_two(&mut self, below: Ty, top: Ty) -> Option<(Item, Item)> {
        if !self.has_two(below, top) {
            return None;
        }
        let [.., a, b] = self.stack[..] else { return None };
        self.stack.truncate(self.stack.len() - 2);
        self.flushed_at_most(self.stack.len());
        Some((a, b))
    }

    // Computing.

    /// What an item stands for if it is not computed yet.
    #[inline(always)]
    pub(super) fn node(&self, item: Item) -> Option<Node> {
        item.value.as_lazy().map(|place| self.nodes[place])
    }

    /// All bits of a value.
    #[inline(always)]
    pub(super) fn value(&mut self, item: Item) -> Ref {
        if item.value.is_lazy() { self.compute(item) } else { item.value }
    }

    /// A value of which the low 32 bits are read if it is an i32.
    #[inline(always)]
    pub(super) fn low(&mut self, item: Item) -> Ref {
        if item.value.is_lazy() { self.compute_low(item) } else { item.value }
    }

    #[inline(never)]
    fn compute(&mut self, item: Item) -> Ref {
        let node = self.node(item).expect("it is not computed yet");
        self.temp_entry_of(node)
    }

    #[inline(never)]
    fn compute_low(&mut self, item: Item) -> Ref {
        match self.node(item) {
            Some(Node { op: WRAP, a, .. }) => a,
            _ => self.compute(item),
        }
    }

    /// Computes an item into a variable.
    #[inline(always)]
    pub(super) fn value_into(&mut self, var: u32, item: Item) {
        // The temp that the last entry wrote: write the variable instead.
        if item.value.as_temp().is_some()
            && let Some(last) = self.tape.entries.last_mut()
            && last.dst == item.value
        {
            last.dst = Ref::var(var);
            self.free_temp(item.value);
            self.touch(self.tape.entries.len() - 1, var, true, self.loop_weight);
            return;
        }
        self.copy_into(var, item);
    }

    #[inline(never)]
    pub(super) fn copy_into(&mut self, var: u32, item: Item) {
        let dst = Ref::var(var);
        match self.node(item) {
            None if item.value == dst => {}
            None => self.entry(Op::Copy, item.class(), dst, item.value, Ref::NOTHING, 0),
            Some(node) => self.entry_of(node, dst),
        }
    }

    /// Copies what the stack reads of a local that is about to be written. Items that are flushed read no local.
    #[inline(always)]
    pub(super) fn release(&mut self, var: u32) {
        if self.flushed < self.stack.len() {
            self.release_unflushed(var);
        }
    }

    #[inline(never)]
    fn release_unflushed(&mut self, var: u32) {
        let unflushed = self.flushed..self.stack.len();
        if unflushed.len() > RELEASE_SEARCH {
            return self.flush();
        }
        for index in unflushed {
            let value = self.stack[index].value;
            if value == Ref::var(var) || value.is_lazy() && self.reads(value, var) {
                self.materialise(index);
            }
        }
    }

    /// Does a value that is not computed yet read a variable?
    fn reads(&self, value: Ref, var: u32) -> bool {
        let var = Ref::var(var);
        value.as_lazy().is_some_and(|place| self.nodes[place].a == var || self.nodes[place].b == var)
    }

    /// Computes the item at an index into a temp.
    pub(super) fn materialise(&mut self, index: usize) {
        let item = self.stack[index];
        let value = match item.value.is_lazy() {
            false => self.temp_entry(Op::Copy, item.class(), item.value, Ref::NOTHING, 0),
            true => self.compute(item),
        };
        self.stack[index].value = value;
        self.flushed_at_most(index);
    }

    /// Gives every item that is not a constant its merge variable.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        if self.flushed < self.stack.len() {
            self.flush_unflushed();
        }
    }

    #[inline(never)]
    fn flush_unflushed(&mut self) {
        for index in self.flushed..self.stack.len() {
            let value = self.stack[index].value;
            if value.is_lazy() || !value.is_const() {
                self.merge_item(index);
            }
        }
        self.all_flushed();
    }

    /// Computes the item at an index into the merge variable of its height.
    pub(super) fn merge_item(&mut self, index: usize) {
        let item = self.stack[index];
        let var = self.merge(index, item.class());
        self.value_into(var, item);
        self.stack[index].value = Ref::var(var);
    }

    /// Drops items down to a height, in code that cannot be reached.
    #[inline(always)]
    pub(super) fn truncate(&mut self, height: usize) {
        while self.stack.len() > height {
            let item = self.pop();
            self.free(item);
        }
    }

    /// Frees the temps of an item that nothing will use.
    #[inline(never)]
    pub(super) fn free(&mut self, item: Item) {
        match self.node(item) {
            None => self.free_temp(item.value),
            Some(Node { a, b, .. }) => {
                self.free_temp(a);
                self.free_temp(b);
            }
        }
    }

    // Lists.

    /// Starts a list of so many items; returns where it lies.
    pub(super) fn start_list(&mut self, count: usize) -> u32 {
        let at = self.tape.lists.len() as u32;
        self.tape.lists.push(count as u32);
        at
    }

    /// Pops `count` values, evaluated in order, into a list behind `first`.
    #[inline(always)]
    pub(super) fn pop_list(&mut self, first: &[u32], count: usize, places: &[Place]) -> u32 {
        let at = self.start_list(first.len() + count);
        for &item in first {
            self.tape.lists.push(item);
        }
        if count > 0 {
            self.pop_into_list(count, places);
        }
        at
    }

    #[inline(never)]
    fn pop_into_list(&mut self, count: usize, places: &[Place]) {
        let from = self.stack.len() - count;
        if self.stack[from..].iter().any(|item| item.value.is_lazy()) {
            self.materialise_from(from);
        }
        self.tape.lists.extend(self.stack[from..].iter().map(|item| item.value.to_item()));
        self.consume_list(from, places);
    }

    /// Notes that the next entry uses all values from a height on.
    #[inline(always)]
    pub(super) fn consume_list(&mut self, from: usize, places: &[Place]) {
        for index in 0..self.stack.len() - from {
            let value = self.stack[from + index].value;
            if let Some(var) = value.as_var() {
                self.touch(self.tape.entries.len(), var, false, self.loop_weight);
            } else if let Some(temp) = value.as_temp() {
                if let Some(place) = places.get(index) {
                    self.tape.entries[self.temps[temp as usize] as usize].hint = hint(place);
                }
                self.free_temp(value);
            }
        }
        self.stack.truncate(from);
        self.flushed_at_most(from);
    }

    #[inline(never)]
    pub(super) fn materialise_from(&mut self, from: usize) {
        for index in from..self.stack.len() {
            if self.stack[index].value.is_lazy() {
                self.materialise(index);
            }
        }
    }
}
