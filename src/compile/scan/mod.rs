//! From operators to tape: wasm's operand stack is kept as unevaluated nodes, which fold into their users.
//!
//! Invariants:
//! * An item at height `h` reads no merge variable of a height below `h`: so merge variables can be written from the
//!   bottom up, one after the other, without a parallel move.
//! * At a label every item below the label's height is a constant or its own merge variable: temps do not
//!   cross labels.
//! * A local is not written while an item reads it: those items are copied first ([`Scan::release`]). Flushed items read
//!   none.

mod table;
mod operators;
mod vectors;
mod memory;
mod atomic;
mod check;
mod lower;
mod control;
mod call;
mod exceptions;
mod locals;

use super::tape::{Access, Class, Entry, Int, IntUnary, LabelInfo, NO_HANDLER, Op, Ref, Tape, Test, Variable};
use crate::abi::{CallLayout, Place};
use crate::decode::{Invalid, ModuleInfo};
use crate::types::{TypeIndex, ValType};
use check::Ty;
use control::Frame;
use exceptions::LegacyTry;
use locals::{Local, Locals};
pub(super) use operators::Refusal;

/// How many items are searched for reads of a local that is about to be written; of more, all are copied.
const RELEASE_SEARCH: usize = 64;

/// A value on the operand stack, maybe not computed yet.
#[derive(Clone, Copy, Debug)]
struct Item {
    node: Node,
    ty: Ty,
}

impl Item {
    #[inline]
    fn class(self) -> Class {
        self.ty.class()
    }
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Value(Ref),
    /// `a test b` of a class, as i32.
    Test {
        test: Test,
        class: Class,
        a: Ref,
        b: Ref,
    },
    /// `base + (index << scale) + disp` at the item's width.
    Lea {
        base: Ref,
        index: Ref,
        scale: u8,
        disp: i32,
    },
    /// The low 32 bits of an i64.
    Wrap(Ref),
}

/// An i32 as it is used to address memory. **Escape:** only [`Scan::pop_heap_index`] makes one, from a value whose
/// upper 32 bits are zero in every home it may have.
#[derive(Clone, Copy, Debug)]
struct HeapIndex(Ref);

/// What is known of a variable while scanning.
#[derive(Clone, Copy)]
struct Life {
    class: Class,
    weight: u32,
    first: u32,
    last: u32,
    calls_at_first: u32,
    calls_at_last: u32,
    /// The frame of the first access.
    frame: u32,
    /// The outermost loop that began after the first access and holds the last one.
    outlived_loop: u32,
    first_is_write: bool,
    is_merge: bool,
}

const NEVER: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Loop {
    end: u32,
    calls_at_end: u32,
}

/// The scanner's state; reused from function to function.
pub(super) struct Scan<'m> {
    info: &'m ModuleInfo,
    layouts: &'m [CallLayout],
    /// Is there a memory 0, and has it 32-bit indexes?
    plain_memory: bool,
    pub(super) tape: Tape,
    stack: Vec<Item>,
    /// Operators may take items from here on: the innermost block's; none in code that cannot be reached.
    floor: usize,
    /// Items below are constants or their own merge variables.
    flushed: usize,
    frames: Vec<Frame>,
    /// By frame number: the entries when it was closed; [`NEVER`] while it is open.
    frame_ends: Vec<u32>,
    /// The innermost frame's number.
    frame_number: u32,
    /// `(start, number)`
    open_loops: Vec<(u32, u32)>,
    /// Behind the start of the innermost open loop; 0 if there is none.
    loop_start: u32,
    loops: Vec<Loop>,
    lives: Vec<Life>,
    locals: Locals,
    /// The locals without a default value that have been written, in order.
    written: Vec<u32>,
    /// Merge variables by height and class.
    merges: Vec<[u32; 5]>,
    free_temps: Vec<u32>,
    /// By temp: the entry that writes it.
    temp_entry: Vec<u32>,
    /// Code that cannot be reached: nothing is recorded.
    dead: bool,
    /// The handler of the code that comes, or [`NO_HANDLER`].
    handler: u32,
    legacy_tries: Vec<LegacyTry>,
    /// The targets of the last `br_table`, the default last.
    targets: Vec<u32>,
    loop_weight: u32,
    call_weight: u32,
    last_call: (u32, u32),
    offset: u32,
    call_count: u32,
}

/// The class of a value type that this compiler knows.
pub(super) fn class_of(ty: ValType) -> Class {
    Ty::of(ty).class()
}

impl<'m> Scan<'m> {
    pub(super) fn new(info: &'m ModuleInfo, layouts: &'m [CallLayout]) -> Scan<'m> {
        Scan {
            info,
            layouts,
            plain_memory: info.memories.first().is_some_and(|memory| !memory.is_64()),
            tape: Tape::default(),
            stack: Vec::new(),
            floor: 0,
            flushed: 0,
            frames: Vec::new(),
            frame_ends: Vec::new(),
            frame_number: 0,
            open_loops: Vec::new(),
            loop_start: 0,
            loops: Vec::new(),
            lives: Vec::new(),
            locals: Locals::default(),
            written: Vec::new(),
            merges: Vec::new(),
            free_temps: Vec::new(),
            temp_entry: Vec::new(),
            dead: false,
            handler: NO_HANDLER,
            legacy_tries: Vec::new(),
            targets: Vec::new(),
            loop_weight: 1,
            call_weight: 0,
            last_call: (NEVER, 0),
            offset: 0,
            call_count: 0,
        }
    }

    /// Starts a function of a type; then [`Scan::declare`] its locals and read its [body](Scan::body).
    pub(super) fn start(&mut self, ty: TypeIndex) {
        let params = self.info.types[ty.index()].params();
        self.tape.clear();
        self.stack.clear();
        self.frames.clear();
        self.frame_ends.clear();
        self.open_loops.clear();
        self.loops.clear();
        self.lives.clear();
        self.merges.clear();
        self.free_temps.clear();
        self.temp_entry.clear();
        self.locals.clear();
        self.written.clear();
        (self.floor, self.flushed, self.dead) = (0, 0, false);
        (self.frame_number, self.loop_start) = (0, 0);
        (self.loop_weight, self.call_weight, self.last_call) = (1, 0, (NEVER, 0));
        self.call_count = 0;
        self.handler = NO_HANDLER;
        self.legacy_tries.clear();
        self.tape.params = params.len() as u32;
        self.push_function_frame(ty);
        for (index, &ty) in params.iter().enumerate() {
            self.locals.declare(1, ty).expect("validated: at most 1,000 parameters");
            let var = self.first_use(index as u32, class_of(ty));
            let life = &mut self.lives[var as usize];
            (life.first, life.last, life.first_is_write) = (0, 0, true);
        }
    }

    /// Declares locals.
    pub(super) fn declare(&mut self, count: u32, ty: ValType) -> Result<(), Invalid> {
        self.knows(ty)?;
        self.locals.declare(count, ty)
    }

    /// Ends the function: its variables with their intervals go to the tape.
    pub(super) fn finish(&mut self) {
        let length = self.tape.entries.len() as u32;
        for (index, life) in self.lives.iter().enumerate() {
            let is_param = (index as u32) < self.tape.params;
            // The first access dominates the last, and so all, if its frame was open then.
            let interval = life.first_is_write && self.frame_ends[life.frame as usize] > life.last;
            let (mut end, mut calls_at_end) = (life.last + 1, life.calls_at_last);
            if !interval {
                (end, calls_at_end) = (length, self.call_weight);
            } else if life.outlived_loop != NEVER {
                let outlived = self.loops[life.outlived_loop as usize];
                if outlived.end > end {
                    (end, calls_at_end) = (outlived.end, outlived.calls_at_end);
                }
            }
            let (start, calls_at_start) =
                if interval && !is_param { (life.first + 1, life.calls_at_first) } else { (0, 0) };
            self.tape.variables.push(Variable {
                class: life.class,
                weight: life.weight,
                start,
                end,
                calls: calls_at_end.saturating_sub(calls_at_start),
                zero: !interval && !is_param && !life.is_merge,
            });
        }
        self.finish_handlers();
        self.tape.loop_constants.sort_unstable_by_key(|&(_, weight)| !weight);
        self.tape.temps = self.temp_entry.len() as u32;
        self.tape.calls = self.call_count > 0;
    }

    // Variables.

    fn new_variable(&mut self, class: Class, is_merge: bool) -> u32 {
        self.tape.vectors |= class == Class::V128;
        self.lives.push(Life {
            class,
            weight: 0,
            first: NEVER,
            last: 0,
            calls_at_first: 0,
            calls_at_last: 0,
            frame: 0,
            outlived_loop: NEVER,
            first_is_write: false,
            is_merge,
        });
        self.lives.len() as u32 - 1
    }

    #[inline(never)]
    fn first_use(&mut self, index: u32, class: Class) -> u32 {
        let var = self.new_variable(class, false);
        self.locals.set(index, var);
        var
    }

    /// The merge variable of a height and class.
    fn merge(&mut self, height: usize, class: Class) -> u32 {
        if self.merges.len() <= height {
            self.merges.resize(height + 1, [NEVER; 5]);
        }
        if self.merges[height][class as usize] == NEVER {
            self.merges[height][class as usize] = self.new_variable(class, true);
        }
        self.merges[height][class as usize]
    }

    /// Notes that an entry, the next or the last, reads or writes a variable.
    #[inline]
    fn touch(&mut self, at: usize, var: u32, write: bool, weight: u32) {
        let at = at as u32;
        let life = &mut self.lives[var as usize];
        life.weight = life.weight.saturating_add(weight);
        (life.last, life.calls_at_last) = (at, self.call_weight);
        if life.first == NEVER {
            (life.first, life.first_is_write, life.frame) = (at, write, self.frame_number);
            life.calls_at_first = self.call_weight;
        }
        // A loop's label is an entry, so what begins inside the loop begins behind its start.
        if self.loop_start > life.first {
            self.outlive(var);
        }
    }

    /// A variable is accessed in a loop that began after its first access: it lives as long as the outermost such loop.
    #[inline(never)]
    fn outlive(&mut self, var: u32) {
        let life = &mut self.lives[var as usize];
        let is_open = |number: u32| number != NEVER && self.loops[number as usize].end == NEVER;
        if !is_open(life.outlived_loop) {
            let outer = self.open_loops.partition_point(|open| open.0 < life.first);
            life.outlived_loop = self.open_loops[outer].1;
        }
    }

    #[inline]
    fn write(&mut self, dst: Ref) {
        if let Some(var) = dst.as_var() {
            self.touch(self.tape.entries.len(), var, true, self.loop_weight);
        }
    }

    /// Notes that the next entry uses a value: a variable, or a temp for the last time.
    #[inline]
    fn consume(&mut self, value: Ref) {
        if let Some(var) = value.as_var() {
            self.touch(self.tape.entries.len(), var, false, self.loop_weight);
        } else {
            self.free_temp(value);
        }
    }

    // Temps.

    /// A temp that the next entry writes.
    #[inline]
    fn new_temp(&mut self) -> Ref {
        let at = self.tape.entries.len() as u32;
        let temp = self.free_temps.pop().unwrap_or_else(|| {
            self.temp_entry.push(0);
            self.temp_entry.len() as u32 - 1
        });
        self.temp_entry[temp as usize] = at;
        Ref::temp(temp)
    }

    #[inline]
    fn free_temp(&mut self, value: Ref) {
        if let Some(temp) = value.as_temp() {
            self.free_temps.push(temp);
        }
    }

    // Entries.

    /// Appends an entry that reads `a` and `b` and writes `dst`, a variable.
    #[inline]
    fn entry(&mut self, op: Op, class: Class, dst: Ref, a: Ref, b: Ref, imm: u32) {
        self.consume(a);
        self.consume(b);
        self.write(dst);
        self.tape.entries.push(Entry { op, class, hint: 0, dst, a, b, imm });
    }

    /// Appends an entry with a fresh temp as destination.
    #[inline]
    fn temp_entry(&mut self, op: Op, class: Class, a: Ref, b: Ref, imm: u32) -> Ref {
        self.consume(a);
        self.consume(b);
        let dst = self.new_temp();
        self.tape.entries.push(Entry { op, class, hint: 0, dst, a, b, imm });
        dst
    }

    /// The entry that comes next can trap at the current operator.
    #[inline]
    fn can_trap(&mut self) {
        self.tape.offsets.push(self.offset);
    }

    fn add_label(&mut self) -> u32 {
        self.tape.labels.push(LabelInfo { entry: NEVER, loop_end: 0, innermost_leaf: false });
        self.tape.labels.len() as u32 - 1
    }

    fn bind_label(&mut self, label: u32) {
        self.tape.labels[label as usize].entry = self.tape.entries.len() as u32;
        self.entry(Op::Label, Class::I32, Ref::NOTHING, Ref::NOTHING, Ref::NOTHING, label);
    }

    // The operand stack.

    /// Pushes a number.
    #[inline]
    fn push(&mut self, class: Class, node: Node) {
        self.push_typed(Ty::number(class), node);
    }

    #[inline]
    fn push_typed(&mut self, ty: Ty, node: Node) {
        self.stack.push(Item { node, ty });
    }

    /// Pushes a number.
    #[inline]
    fn push_value(&mut self, class: Class, value: Ref) {
        self.push(class, Node::Value(value));
    }

    #[inline]
    fn push_const(&mut self, class: Class, value: i64) {
        let constant = self.constant(class, value);
        self.push(class, Node::Value(constant));
    }

    #[inline]
    fn constant(&mut self, class: Class, value: i64) -> Ref {
        if !class.is_float()
            && let Some(small) = Ref::small(value)
        {
            return small;
        }
        self.tape.pool.push(value as u64);
        Ref::pool(self.tape.pool.len() - 1)
    }

    #[inline]
    fn pop(&mut self) -> Item {
        let item = self.stack.pop().expect("validated: an operand is there");
        self.flushed = self.flushed.min(self.stack.len());
        item
    }

    /// Pops a value for an operation that reads all of its class's bits.
    #[inline]
    fn pop_value(&mut self) -> Ref {
        let item = self.pop();
        self.value(item)
    }

    /// Pops a value for an operation that reads the low 32 bits of an i32 only.
    #[inline]
    fn pop_low(&mut self) -> Ref {
        let item = self.pop();
        self.low(item)
    }

    /// Pops an address. The value is computed in full: an i32 sum wraps before the offset is added.
    #[inline]
    fn pop_heap_index(&mut self) -> HeapIndex {
        let item = self.pop();
        debug_assert_eq!(item.class(), Class::I32);
        HeapIndex(self.value(item))
    }

    #[inline]
    fn low(&mut self, item: Item) -> Ref {
        match item.node {
            Node::Wrap(value) => value,
            _ => self.value(item),
        }
    }

    #[inline]
    fn value(&mut self, item: Item) -> Ref {
        match item.node {
            Node::Value(value) => value,
            node => {
                let (op, class, a, b, imm) = computation(node, item.class());
                self.temp_entry(op, class, a, b, imm)
            }
        }
    }

    /// Computes an item into a variable.
    fn value_into(&mut self, var: u32, item: Item) {
        let dst = Ref::var(var);
        match item.node {
            Node::Value(value) if value == dst => {}
            Node::Value(value) => {
                // The temp that the last entry wrote: write the variable instead.
                if value.as_temp().is_some()
                    && let Some(last) = self.tape.entries.last_mut()
                    && last.dst == value
                {
                    last.dst = dst;
                    self.free_temp(value);
                    self.touch(self.tape.entries.len() - 1, var, true, self.loop_weight);
                } else {
                    self.entry(Op::Copy, item.class(), dst, value, Ref::NOTHING, 0);
                }
            }
            node => {
                let (op, class, a, b, imm) = computation(node, item.class());
                self.entry(op, class, dst, a, b, imm);
            }
        }
    }

    /// Copies what the stack reads of a local that is about to be written. Items that are flushed read no local.
    #[inline]
    fn release(&mut self, var: u32) {
        let unflushed = self.flushed..self.stack.len();
        if unflushed.len() > RELEASE_SEARCH {
            return self.flush();
        }
        for index in unflushed {
            if reads(self.stack[index].node, var) {
                self.materialise(index);
            }
        }
    }

    /// Computes the item at an index into a temp.
    fn materialise(&mut self, index: usize) {
        let item = self.stack[index];
        let value = match item.node {
            Node::Value(value) => self.temp_entry(Op::Copy, item.class(), value, Ref::NOTHING, 0),
            _ => self.value(item),
        };
        self.stack[index].node = Node::Value(value);
        self.flushed = self.flushed.min(index);
    }

    /// Gives every item that is not a constant its merge variable.
    fn flush(&mut self) {
        for index in self.flushed..self.stack.len() {
            if !matches!(self.stack[index].node, Node::Value(value) if value.is_const()) {
                self.merge_item(index);
            }
        }
        self.flushed = self.stack.len();
    }

    /// Computes the item at an index into the merge variable of its height.
    fn merge_item(&mut self, index: usize) {
        let item = self.stack[index];
        let var = self.merge(index, item.class());
        self.value_into(var, item);
        self.stack[index].node = Node::Value(Ref::var(var));
    }

    /// Drops items down to a height, in code that cannot be reached.
    fn truncate(&mut self, height: usize) {
        while self.stack.len() > height {
            let item = self.pop();
            self.free(item);
        }
    }

    /// Frees the temps of an item that nothing will use.
    fn free(&mut self, item: Item) {
        match item.node {
            Node::Value(value) | Node::Wrap(value) => self.free_temp(value),
            Node::Test { a, b, .. } | Node::Lea { base: a, index: b, .. } => {
                self.free_temp(a);
                self.free_temp(b);
            }
        }
    }

    // Lists.

    /// Starts a list of so many items; returns where it lies.
    fn start_list(&mut self, count: usize) -> u32 {
        let at = self.tape.lists.len() as u32;
        self.tape.lists.push(count as u32);
        at
    }

    /// Pops `count` values, evaluated in order, into a list behind `first`.
    fn pop_list(&mut self, first: &[u32], count: usize, places: &[Place]) -> u32 {
        let from = self.stack.len() - count;
        for index in from..self.stack.len() {
            if !matches!(self.stack[index].node, Node::Value(_)) {
                self.materialise(index);
            }
        }
        let at = self.start_list(first.len() + count);
        self.tape.lists.extend_from_slice(first);
        let items = self.stack[from..].iter();
        self.tape.lists.extend(items.map(|item| match item.node {
            Node::Value(value) => value.to_item(),
            _ => unreachable!("materialised above"),
        }));
        for index in 0..count {
            let value = Ref::from_item(self.tape.lists[self.tape.lists.len() - count + index]);
            self.consume(value);
            if let Some(temp) = value.as_temp()
                && let Some(place) = places.get(index)
            {
                self.tape.entries[self.temp_entry[temp as usize] as usize].hint = hint(place);
            }
        }
        self.stack.truncate(from);
        self.flushed = self.flushed.min(from);
        at
    }

    /// Pushes a load or store; see [`HeapIndex`].
    fn heap_load(&mut self, access: Access, class: Class, index: HeapIndex, offset: u32) {
        self.can_trap();
        let value = self.temp_entry(Op::Load(access), class, index.0, Ref::NOTHING, offset);
        self.push_value(class, value);
    }

    fn heap_store(&mut self, access: Access, class: Class, index: HeapIndex, value: Ref, offset: u32) {
        self.can_trap();
        self.entry(Op::Store(access), class, Ref::NOTHING, index.0, value, offset);
    }
}

/// [`Entry::hint`] for a place.
fn hint(place: &Place) -> u8 {
    match place {
        Place::Gpr(register) => register.num() + 1,
        Place::Xmm(register) => register.num() + 1,
        Place::Stack(_) => 0,
    }
}

/// The entry that computes a node.
fn computation(node: Node, class: Class) -> (Op, Class, Ref, Ref, u32) {
    match node {
        Node::Value(_) => unreachable!("a value is computed already"),
        Node::Test { test, class, a, b } => (Op::Set(test), class, a, b, 0),
        Node::Wrap(value) => (Op::IntUnary(IntUnary::Wrap), Class::I32, value, Ref::NOTHING, 0),
        Node::Lea { base, index, scale: 0, disp: 0 } if base != Ref::NOTHING && index != Ref::NOTHING => {
            (Op::Int(Int::Add), class, base, index, 0)
        }
        Node::Lea { base, index: Ref::NOTHING, disp, .. } => match Ref::small(i64::from(disp)) {
            Some(disp) => (Op::Int(Int::Add), class, base, disp, 0),
            None => (Op::Lea { scale: 0 }, class, base, Ref::NOTHING, disp as u32),
        },
        Node::Lea { base: Ref::NOTHING, index, scale, disp: 0 } => {
            let count = Ref::small(i64::from(scale)).expect("a scale is small");
            (Op::Int(Int::Shl), class, index, count, 0)
        }
        Node::Lea { base, index, scale, disp } => (Op::Lea { scale }, class, base, index, disp as u32),
    }
}

fn reads(node: Node, var: u32) -> bool {
    let var = Ref::var(var);
    match node {
        Node::Value(value) | Node::Wrap(value) => value == var,
        Node::Test { a, b, .. } | Node::Lea { base: a, index: b, .. } => a == var || b == var,
    }
}
