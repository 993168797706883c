//! The operators that most code is made of, where there is nothing special about them: their operands are there, of just
//! the right types and mostly computed, and what is recorded has its room.
//!
//! Each of these functions either does its operator whole or leaves it to the [general way](Scan::operator), which knows all
//! there is to it: dead code, values of blocks, types that match without being the same, and whether it is valid at all. What
//! it did before it left it is what the general way would begin with. The shortest of them grow no list and call nothing
//! before they are done, so that they need no stack frame: measured on Zen 5, the scanner is a tenth faster for all this.

use super::callees::{Callee, Results};
use super::frame::Opener;
use super::item::{Item, Node};
use super::life::NEVER;
use super::stack::{HeapIndex, RELEASE_SEARCH};
use super::state::Scan;
use super::table::{OPERATORS, Operator};
use super::ty::Ty;
use crate::compile::op::{Class, Op, Test};
use crate::compile::tape::{Ref, Tape};
use crate::decode::{BlockType, Window};
use planish_asm::Cond;

use Class::I32;

/// Does the operator of an opcode. Returns how many bytes it has behind its opcode, or [`NOT_DONE`].
pub(super) type Quick = fn(&mut Scan<'_>, Window, u8) -> u32;

/// The type of a block without values.
const EMPTY: u8 = 0x40;

/// The operator has not been done.
pub(super) const NOT_DONE: u32 = u32::MAX;

/// By opcode.
pub(super) static QUICK: [Quick; 256] = {
    let mut handlers: [Quick; 256] = [general; 256];
    let mut opcode = 0;
    while opcode < 256 {
        handlers[opcode] = match OPERATORS[opcode] {
            Operator::LocalSet => local_set,
            Operator::LocalTee => local_tee,
            Operator::Load(..) => load,
            Operator::Store(..) => store,
            Operator::Add(_) => add,
            Operator::Int(..) => int,
            Operator::Compare(..) => compare,
            Operator::Eqz(_) => eqz,
            Operator::BrIf => br_if,
            Operator::Block => block,
            Operator::Loop => begin_loop,
            Operator::If => begin_if,
            Operator::End => end,
            Operator::Br => br,
            Operator::Call => call,
            Operator::I32Const => i32_const,
            Operator::Drop => drop,
            Operator::GlobalGet => global_get,
            Operator::GlobalSet => global_set,
            Operator::Subtract(_) => subtract,
            Operator::ShiftLeft(_) => shift_left,
            Operator::Select => select,
            Operator::I64Const => i64_const,
            _ => general,
        };
        opcode += 1;
    }
    handlers
};

fn general(_: &mut Scan<'_>, _: Window, _: u8) -> u32 {
    NOT_DONE
}

/// Unwraps, or leaves it to the general way.
macro_rules! quick {
    ($option:expr) => {
        match $option {
            Some(value) => value,
            None => return NOT_DONE,
        }
    };
}

fn local_set(scan: &mut Scan<'_>, window: Window, opcode: u8) -> u32 {
    let local = scan.locals.among_first(quick!(window.short()));
    let value = quick!(scan.top(local.ty));
    let Some(var) = local.value.as_var() else { return scan.again_with_variable(local_set, window, opcode) };
    if scan.is_read_below(var) {
        return NOT_DONE;
    }
    scan.shrink();
    scan.assign(var, Item { value, ty: local.ty })
}

fn local_tee(scan: &mut Scan<'_>, window: Window, opcode: u8) -> u32 {
    let local = scan.locals.among_first(quick!(window.short()));
    let value = quick!(scan.top(local.ty));
    let Some(var) = local.value.as_var() else { return scan.again_with_variable(local_tee, window, opcode) };
    if scan.is_read_below(var) {
        return NOT_DONE;
    }
    scan.set_top(local.ty, Ref::var(var));
    scan.assign(var, Item { value, ty: local.ty })
}

fn load(scan: &mut Scan<'_>, window: Window, opcode: u8) -> u32 {
    let Operator::Load(class, access, align) = OPERATORS[usize::from(opcode)] else { return NOT_DONE };
    let (offset, bytes) = quick!(window.plain_memarg(align));
    let index = quick!(scan.top(Ty::I32));
    if !scan.plain_memory {
        return NOT_DONE;
    }
    let Some(address) = HeapIndex::computed(Item { value: index, ty: Ty::I32 }) else {
        return scan.again_computed(load, window, opcode);
    };
    if !scan.has_room() {
        return scan.again_with_room(load, window, opcode);
    }
    if !scan.has_temp(index, Ref::NOTHING) {
        return scan.again_with_temp(load, window, opcode);
    }
    push(&mut scan.tape.offsets, scan.offset);
    let (is_anew, value) = match index.as_temp() {
        Some(_) => (false, scan.same_temp(index)),
        None => (scan.use_up(index), scan.temp()),
    };
    scan.record(Op::Load(access), class, value, address.value(), Ref::NOTHING, offset);
    scan.set_top(Ty::number(class), value);
    scan.done(bytes, is_anew, index, Ref::NOTHING)
}

fn store(scan: &mut Scan<'_>, window: Window, opcode: u8) -> u32 {
    let Operator::Store(class, access, align) = OPERATORS[usize::from(opcode)] else { return NOT_DONE };
    let (offset, bytes) = quick!(window.plain_memarg(align));
    let (index, value) = quick!(scan.top_two(Ty::I32, Ty::number(class)));
    let address = quick!(HeapIndex::computed(Item { value: index, ty: Ty::I32 }));
    if !scan.plain_memory || value.is_lazy() {
        return NOT_DONE;
    }
    if !scan.has_room() {
        return scan.again_with_room(store, window, opcode);
    }
    push(&mut scan.tape.offsets, scan.offset);
    let is_anew = scan.use_up(index) | scan.use_up(value);
    scan.record(Op::Store(access), class, Ref::NOTHING, address.value(), value, offset);
    scan.shrink();
    scan.shrink();
    scan.done(bytes, is_anew, index, value)
}

fn add(scan: &mut Scan<'_>, _: Window, opcode: u8) -> u32 {
    let Operator::Add(class) = OPERATORS[usize::from(opcode)] else { return NOT_DONE };
    let (a, b) = quick!(scan.top_two(Ty::number(class), Ty::number(class)));
    if !a.is_place() || !b.is_place() && b.as_small().is_none() {
        return NOT_DONE;
    }
    scan.node_of_two(Ty::number(class), Node::sum(class, a, b))
}

fn compare(scan: &mut Scan<'_>, _: Window, opcode: u8) -> u32 {
    let Operator::Compare(class, cond) = OPERATORS[usize::from(opcode)] else { return NOT_DONE };
    let (a, b) = quick!(scan.top_two(Ty::number(class), Ty::number(class)));
    if !a.is_place() || b.is_lazy() {
        return NOT_DONE;
    }
    scan.node_of_two(Ty::I32, Node::test(Test::Int(cond), class, a, b))
}

fn int(scan: &mut Scan<'_>, window: Window, opcode: u8) -> u32 {
    let Operator::Int(class, op) = OPERATORS[usize::from(opcode)] else { return NOT_DONE };
    let (a, b) = quick!(scan.top_two(Ty::number(class), Ty::number(class)));
    if !a.is_place() || b.is_lazy() {
        return NOT_DONE;
    }
    if !scan.has_room() {
        return scan.again_with_room(int, window, opcode);
    }
    if !scan.has_temp(a, b) {
        return scan.again_with_temp(int, window, opcode);
    }
    let is_anew = scan.use_up(a) | scan.use_up(b);
    let value = scan.temp();
    scan.record(Op::Int(op), class, value, a, b, 0);
    scan.shrink();
    scan.set_top(Ty::number(class), value);
    scan.done(0, is_anew, a, b)
}

fn eqz(scan: &mut Scan<'_>, _: Window, opcode: u8) -> u32 {
    let Operator::Eqz(class) = OPERATORS[usize::from(opcode)] else { return NOT_DONE };
    let value = quick!(scan.top(Ty::number(class)));
    let place = scan.stack.len() - 1;
    if value.is_place() {
        let zero = quick!(Ref::small(0));
        *quick!(scan.nodes.get_mut(place)) = Node::test(Test::Int(Cond::Equal), class, value, zero);
        scan.set_top(Ty::I32, Ref::lazy(place));
        return 0;
    }
    if value.is_lazy()
        && let Node { op: Op::Set(test), .. } = &mut scan.nodes[place]
    {
        *test = test.invert();
        return 0;
    }
    NOT_DONE
}

fn br_if(scan: &mut Scan<'_>, window: Window, opcode: u8) -> u32 {
    let depth = usize::from(quick!(window.short()));
    let value = quick!(scan.top(Ty::I32));
    let place = scan.stack.len() - 1;
    let frame = quick!(scan.frames.len().checked_sub(depth + 1));
    if scan.frames[frame].arity > 0 {
        return NOT_DONE;
    }
    let (test, class, a, b) = match value.is_lazy() {
        true => match scan.nodes[place] {
            Node { op: Op::Set(test), class, a, b, .. } => (test, class, a, b),
            _ => return NOT_DONE,
        },
        false => (Test::Int(Cond::NotEqual), I32, value, quick!(Ref::small(0))),
    };
    if !scan.has_room() {
        return scan.again_with_room(br_if, window, opcode);
    }
    let frame = &mut scan.frames[frame];
    frame.used = true;
    let label = frame.label;
    let is_anew = scan.use_up(a) | scan.use_up(b);
    scan.record(Op::Branch(test), class, Ref::NOTHING, a, b, label);
    scan.shrink();
    scan.done(1, is_anew, a, b)
}

fn block(scan: &mut Scan<'_>, window: Window, _: u8) -> u32 {
    if scan.dead || window.byte() != EMPTY {
        return NOT_DONE;
    }
    scan.open(Opener::Block, BlockType::Empty, false);
    1
}

fn begin_loop(scan: &mut Scan<'_>, window: Window, _: u8) -> u32 {
    if scan.dead || window.byte() != EMPTY {
        return NOT_DONE;
    }
    scan.open_loop(BlockType::Empty);
    1
}

fn begin_if(scan: &mut Scan<'_>, window: Window, _: u8) -> u32 {
    if window.byte() != EMPTY {
        return NOT_DONE;
    }
    quick!(scan.top(Ty::I32));
    let condition = scan.pop_test();
    scan.open_if(BlockType::Empty, condition);
    1
}

fn end(scan: &mut Scan<'_>, _: Window, _: u8) -> u32 {
    match scan.frames.last() {
        Some(frame) if frame.ty == BlockType::Empty && !frame.dead && scan.stack.len() == frame.height => {}
        _ => return NOT_DONE,
    }
    scan.end_empty();
    0
}

fn br(scan: &mut Scan<'_>, window: Window, _: u8) -> u32 {
    let depth = quick!(window.short());
    let frame = quick!(scan.frames.len().checked_sub(usize::from(depth) + 1));
    if scan.dead || scan.frames[frame].arity > 0 {
        return NOT_DONE;
    }
    scan.branch_always(depth.into());
    1
}

fn call(scan: &mut Scan<'_>, window: Window, opcode: u8) -> u32 {
    let (function, bytes) = quick!(window.u32());
    let &ty = quick!(scan.info.functions.get(function as usize));
    let callee = quick!(scan.signatures.callee(ty));
    let params = scan.signatures.params(callee);
    let from = quick!(scan.stack.len().checked_sub(params.len()));
    // Where code cannot be reached, neither.
    if from < scan.guard || matches!(callee.results, Results::Several) {
        return NOT_DONE;
    }
    let (mut is_other, mut is_lazy) = (false, false);
    for (item, param) in scan.stack[from..].iter().zip(params) {
        is_other |= item.ty != param.ty;
        is_lazy |= item.value.is_lazy();
    }
    if is_other {
        return NOT_DONE;
    }
    if is_lazy {
        return scan.again_computed_from(from, call, window, opcode);
    }
    scan.record_call(callee, from, function);
    bytes
}

fn i32_const(scan: &mut Scan<'_>, window: Window, _: u8) -> u32 {
    let (value, bytes) = quick!(window.i32());
    let value = quick!(Ref::small(value.into()));
    scan.put(Item { value, ty: Ty::I32 }, bytes)
}

fn i64_const(scan: &mut Scan<'_>, window: Window, _: u8) -> u32 {
    let byte = quick!(window.short());
    let value = quick!(Ref::small(i64::from(byte) << 57 >> 57));
    scan.put(Item { value, ty: Ty::I64 }, 1)
}

fn drop(scan: &mut Scan<'_>, _: Window, _: u8) -> u32 {
    if scan.stack.len() <= scan.guard {
        return NOT_DONE;
    }
    scan.drop_value();
    0
}

fn global_get(scan: &mut Scan<'_>, window: Window, _: u8) -> u32 {
    let (global, bytes) = quick!(window.u32());
    if scan.dead || scan.global_get(global).is_err() {
        return NOT_DONE;
    }
    bytes
}

fn global_set(scan: &mut Scan<'_>, window: Window, _: u8) -> u32 {
    let (global, bytes) = quick!(window.u32());
    if scan.dead || scan.global_set(global).is_err() {
        return NOT_DONE;
    }
    bytes
}

fn subtract(scan: &mut Scan<'_>, _: Window, opcode: u8) -> u32 {
    let Operator::Subtract(class) = OPERATORS[usize::from(opcode)] else { return NOT_DONE };
    quick!(scan.top_two(Ty::number(class), Ty::number(class)));
    match scan.subtract(class) {
        Ok(()) => 0,
        Err(_) => NOT_DONE,
    }
}

fn shift_left(scan: &mut Scan<'_>, _: Window, opcode: u8) -> u32 {
    let Operator::ShiftLeft(class) = OPERATORS[usize::from(opcode)] else { return NOT_DONE };
    quick!(scan.top_two(Ty::number(class), Ty::number(class)));
    match scan.shift_left(class) {
        Ok(()) => 0,
        Err(_) => NOT_DONE,
    }
}

fn select(scan: &mut Scan<'_>, _: Window, _: u8) -> u32 {
    if scan.dead || scan.takes_select().is_err() {
        return NOT_DONE;
    }
    scan.select(None);
    0
}

/// Appends to a list that has room.
#[inline(always)]
fn push<T>(list: &mut Vec<T>, item: T) {
    assert!(list.len() < list.capacity(), "there is room");
    list.push(item);
}

impl Scan<'_> {
    /// Records a call whose arguments are the items from a place on.
    #[inline(always)]
    fn record_call(&mut self, callee: Callee, from: usize, function: u32) {
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
    fn top(&self, ty: Ty) -> Option<Ref> {
        match self.stack[..] {
            [.., top] if self.stack.len() > self.guard && top.ty == ty => Some(top.value),
            _ => None,
        }
    }

    /// The same for two.
    #[inline(always)]
    fn top_two(&self, below: Ty, top: Ty) -> Option<(Ref, Ref)> {
        match self.stack[..] {
            [.., a, b] if self.stack.len() - 1 > self.guard && a.ty == below && b.ty == top => Some((a.value, b.value)),
            _ => None,
        }
    }

    /// Is there room for an entry that may trap?
    #[inline(always)]
    fn has_room(&self) -> bool {
        let Tape { entries, offsets, .. } = &self.tape;
        entries.len() < entries.capacity() && offsets.len() < offsets.capacity()
    }

    /// Will there be a temp when these values have been used?
    #[inline(always)]
    fn has_temp(&self, a: Ref, b: Ref) -> bool {
        self.free_temp != NEVER || a.as_temp().is_some() || b.as_temp().is_some()
    }

    /// May an item below the top one read a variable?
    #[inline(always)]
    fn is_read_below(&self, var: u32) -> bool {
        let unflushed = &self.stack[self.flushed..self.stack.len() - 1];
        unflushed.len() > RELEASE_SEARCH
            || unflushed.iter().any(|item| item.value == Ref::var(var) || item.value.is_lazy())
    }

    /// Makes room for more entries, and does the operator.
    #[inline(never)]
    fn again_with_room(&mut self, quick: Quick, window: Window, opcode: u8) -> u32 {
        self.tape.entries.reserve(1);
        self.tape.offsets.reserve(1);
        quick(self, window, opcode)
    }

    /// Adds a temp, and does the operator.
    #[inline(never)]
    fn again_with_temp(&mut self, quick: Quick, window: Window, opcode: u8) -> u32 {
        self.free_temp = self.temps.len() as u32;
        self.temps.push(NEVER);
        quick(self, window, opcode)
    }

    /// Computes the top operand, and does the operator.
    #[inline(never)]
    fn again_computed(&mut self, quick: Quick, window: Window, opcode: u8) -> u32 {
        self.materialise(self.stack.len() - 1);
        quick(self, window, opcode)
    }

    /// Computes all operands from a place on, and does the operator.
    #[inline(never)]
    fn again_computed_from(&mut self, from: usize, quick: Quick, window: Window, opcode: u8) -> u32 {
        self.materialise_from(from);
        quick(self, window, opcode)
    }

    /// Gives a local that is written its variable, and does the operator.
    #[inline(never)]
    fn again_with_variable(&mut self, quick: Quick, window: Window, opcode: u8) -> u32 {
        let index = window.byte();
        self.variable(index.into(), self.locals.among_first(index));
        quick(self, window, opcode)
    }

    // Doing it.

    /// Drops the top item.
    #[inline(always)]
    fn shrink(&mut self) {
        self.stack.truncate(self.stack.len() - 1);
    }

    #[inline(always)]
    fn set_top(&mut self, ty: Ty, value: Ref) {
        if let [.., top] = &mut self.stack[..] {
            *top = Item { value, ty };
        }
    }

    #[inline(always)]
    fn record(&mut self, op: Op, class: Class, dst: Ref, a: Ref, b: Ref, imm: u32) {
        assert!(self.tape.entries.len() < self.tape.entries.capacity(), "there is room");
        self.push_entry(op, class, dst, a, b, imm);
    }

    /// A temp that the next entry reads and writes.
    #[inline(always)]
    fn same_temp(&mut self, value: Ref) -> Ref {
        if let Some(temp) = value.as_temp() {
            self.temps[temp as usize] = self.tape.entries.len() as u32;
        }
        value
    }

    /// As [`Scan::new_temp`].
    #[inline(always)]
    fn temp(&mut self) -> Ref {
        let temp = self.free_temp;
        let cell = self.temps.get_mut(temp as usize).expect("there is a free temp");
        self.free_temp = std::mem::replace(cell, self.tape.entries.len() as u32);
        self.live_temps += 1;
        Ref::temp(temp)
    }

    /// Pushes an item, if there is room.
    #[inline(always)]
    fn put(&mut self, item: Item, bytes: u32) -> u32 {
        if self.stack.len() == self.stack.capacity() {
            return NOT_DONE;
        }
        push(&mut self.stack, item);
        bytes
    }

    /// Leaves a node in place of two operands.
    #[inline(always)]
    fn node_of_two(&mut self, ty: Ty, node: Node) -> u32 {
        let place = self.stack.len() - 2;
        *quick!(self.nodes.get_mut(place)) = node;
        self.shrink();
        self.set_top(ty, Ref::lazy(place));
        0
    }

    /// As [`Scan::consume`]. Returns whether [`Scan::done`] has to do more.
    #[inline(always)]
    fn use_up(&mut self, value: Ref) -> bool {
        if let Some(var) = value.as_var() {
            return self.touch_again(self.tape.entries.len(), var, self.loop_weight);
        }
        self.free_temp(value);
        false
    }

    /// Behind the last entry, which used up these values.
    #[inline(always)]
    fn done(&mut self, bytes: u32, is_anew: bool, a: Ref, b: Ref) -> u32 {
        if is_anew { self.done_anew(bytes, a, b) } else { bytes }
    }

    #[inline(never)]
    fn done_anew(&mut self, bytes: u32, a: Ref, b: Ref) -> u32 {
        let at = self.tape.entries.len() - 1;
        for var in [a, b].into_iter().filter_map(Ref::as_var) {
            self.touch(at, var, false, 0);
        }
        bytes
    }

    /// Writes a variable, behind an operator with a byte.
    #[inline(always)]
    fn assign(&mut self, var: u32, item: Item) -> u32 {
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
    fn wrote_anew(&mut self, var: u32) -> u32 {
        self.touch(self.tape.entries.len() - 1, var, true, 0);
        1
    }

    #[inline(never)]
    fn copy(&mut self, var: u32, item: Item) -> u32 {
        self.copy_into(var, item);
        1
    }
}
