//! Variables and temps: where they begin and end, and how often they are accessed. Entries of the tape.

use super::item::Node;
use super::life::{Life, NEVER};
use super::state::Scan;
use crate::compile::op::{Class, Op};
use crate::compile::tape::{LabelInfo, Ref};

impl Scan<'_> {
    // Variables.

    pub(super) fn new_variable(&mut self, class: Class, is_merge: bool) -> u32 {
        self.tape.vectors |= class == Class::V128;
        self.lives.push(Life {
            weight: 0,
            last: 0,
            calls_at_last: 0,
            known: 0,
            first: NEVER,
            calls_at_first: 0,
            frame: 0,
            outlived_loop: NEVER,
            class,
            first_is_write: false,
            is_merge,
        });
        self.lives.len() as u32 - 1
    }

    #[inline(never)]
    pub(super) fn first_use(&mut self, index: u32, class: Class) -> u32 {
        let var = self.new_variable(class, false);
        self.locals.set(index, Ref::var(var));
        var
    }

    /// The merge variable of a height and class.
    pub(super) fn merge(&mut self, height: usize, class: Class) -> u32 {
        match self.merges.get(height) {
            Some(merges) if merges[class as usize] != NEVER => merges[class as usize],
            _ => self.new_merge(height, class),
        }
    }

    #[inline(never)]
    fn new_merge(&mut self, height: usize, class: Class) -> u32 {
        if self.merges.len() <= height {
            self.merges.resize(height + 1, [NEVER; 5]);
        }
        let var = self.new_variable(class, true);
        self.merges[height][class as usize] = var;
        var
    }

    /// Notes that an entry, the next or the last, reads or writes a variable.
    #[inline(always)]
    pub(super) fn touch(&mut self, at: usize, var: u32, write: bool, weight: u32) {
        if self.touch_again(at, var, weight) {
            self.touch_anew(at as u32, var, write);
        }
    }

    /// The same, if it is not the first access in the innermost loop. Returns whether it may be.
    #[inline(always)]
    pub(super) fn touch_again(&mut self, at: usize, var: u32, weight: u32) -> bool {
        let life = &mut self.lives[var as usize];
        life.weight += u64::from(weight);
        (life.last, life.calls_at_last) = (at as u32, self.call_weight);
        // A loop's label is an entry, so what begins inside the loop begins behind its start.
        life.known <= self.loop_start
    }

    /// The first access to a variable, or its first in a loop that began after that: it lives as long as the outermost such
    /// loop.
    #[inline(never)]
    fn touch_anew(&mut self, at: u32, var: u32, write: bool) {
        let life = &mut self.lives[var as usize];
        if life.first == NEVER {
            (life.first, life.first_is_write, life.frame) = (at, write, self.frame_number);
            life.calls_at_first = self.call_weight;
            life.known = at + 1;
            return;
        }
        let is_open = |number: u32| number != NEVER && self.loops[number as usize].end == NEVER;
        if !is_open(life.outlived_loop) {
            let outer = self.open_loops.partition_point(|open| open.0 < life.first);
            life.outlived_loop = self.open_loops[outer].1;
        }
        life.known = self.loop_start + 1;
    }

    /// Notes that the next entry uses a value: a variable, or a temp for the last time.
    #[inline(always)]
    pub(super) fn consume(&mut self, value: Ref) {
        if let Some(var) = value.as_var() {
            self.touch(self.tape.entries.len(), var, false, self.loop_weight);
        } else {
            self.free_temp(value);
        }
    }

    // Temps.

    /// A temp that the next entry writes.
    #[inline(always)]
    pub(super) fn new_temp(&mut self) -> Ref {
        let at = self.tape.entries.len() as u32;
        let temp = self.free_temp;
        self.live_temps += 1;
        match self.temps.get_mut(temp as usize) {
            Some(cell) => {
                self.free_temp = *cell;
                *cell = at;
            }
            None => return self.another_temp(at),
        }
        Ref::temp(temp)
    }

    #[inline(never)]
    fn another_temp(&mut self, at: u32) -> Ref {
        self.temps.push(at);
        Ref::temp(self.temps.len() as u32 - 1)
    }

    #[inline(always)]
    pub(super) fn free_temp(&mut self, value: Ref) {
        if let Some(temp) = value.as_temp() {
            self.temps[temp as usize] = self.free_temp;
            self.free_temp = temp;
            self.live_temps -= 1;
        }
    }

    // Entries.

    /// Appends an entry. What it reads and writes has been noted.
    #[inline(always)]
    pub(super) fn push_entry(&mut self, op: Op, class: Class, dst: Ref, a: Ref, b: Ref, imm: u32) {
        self.tape.push(op, class, dst, a, b, imm);
    }

    /// Appends an entry that reads `a` and `b` and writes `dst`, a variable.
    #[inline(always)]
    pub(super) fn entry(&mut self, op: Op, class: Class, dst: Ref, a: Ref, b: Ref, imm: u32) {
        self.entry_of(Node::new(op, class, a, b, imm), dst);
    }

    #[inline(never)]
    pub(super) fn entry_of(&mut self, node: Node, dst: Ref) {
        let Node { op, kind, class, a, b, imm } = node;
        self.consume(a);
        self.consume(b);
        if let Some(var) = dst.as_var() {
            self.touch(self.tape.entries.len(), var, true, self.loop_weight);
        }
        self.tape.push_of((op, kind), class, dst, a, b, imm);
    }

    /// Appends an entry that reads `a` and `b` for its effect.
    #[inline(always)]
    pub(super) fn effect(&mut self, op: Op, class: Class, a: Ref, b: Ref, imm: u32) {
        self.consume(a);
        self.consume(b);
        self.push_entry(op, class, Ref::NOTHING, a, b, imm);
    }

    /// Appends an entry without operands.
    #[inline(always)]
    pub(super) fn plain_entry(&mut self, op: Op, imm: u32) {
        self.push_entry(op, Class::I32, Ref::NOTHING, Ref::NOTHING, Ref::NOTHING, imm);
    }

    /// Appends an entry with a fresh temp as destination.
    #[inline(always)]
    pub(super) fn temp_entry(&mut self, op: Op, class: Class, a: Ref, b: Ref, imm: u32) -> Ref {
        self.temp_entry_of(Node::new(op, class, a, b, imm))
    }

    #[inline(never)]
    pub(super) fn temp_entry_of(&mut self, node: Node) -> Ref {
        let Node { op, kind, class, a, b, imm } = node;
        self.consume(a);
        self.consume(b);
        let dst = self.new_temp();
        self.tape.push_of((op, kind), class, dst, a, b, imm);
        dst
    }

    /// The same for what is often called.
    #[inline(always)]
    pub(super) fn temp_entry_here(&mut self, op: Op, class: Class, a: Ref, b: Ref, imm: u32) -> Ref {
        self.consume(a);
        self.consume(b);
        let dst = self.new_temp();
        self.push_entry(op, class, dst, a, b, imm);
        dst
    }

    /// The entry that comes next can trap at the current operator.
    #[inline]
    pub(super) fn can_trap(&mut self) {
        self.tape.offsets.push(self.offset);
    }

    pub(super) fn add_label(&mut self) -> u32 {
        self.tape.labels.push(LabelInfo { entry: NEVER, loop_end: 0, innermost_leaf: false });
        self.tape.labels.len() as u32 - 1
    }

    pub(super) fn bind_label(&mut self, label: u32) {
        self.tape.labels[label as usize].entry = self.tape.entries.len() as u32;
        self.plain_entry(Op::Label, label);
    }
}
