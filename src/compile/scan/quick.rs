//! The operators that most code is made of, where there is nothing special about them: their operands are there, of just
//! the right types and mostly computed, and what is recorded has its room.
//!
//! Each of these functions either does its operator whole or leaves it to the [general way](Scan::operator), which knows all
//! there is to it: dead code, values of blocks, types that match without being the same, and whether it is valid at all. What
//! it did before it left it is what the general way would begin with. The shortest of them grow no list and call nothing
//! before they are done, so that they need no stack frame: measured on Zen 5, the scanner is a tenth faster for all this.

use super::callees::Results;
use super::frame::Opener;
use super::handler::{NOT_DONE, Quick, push};
use super::item::{Item, Node};
use super::stack::HeapIndex;
use super::state::Scan;
use super::table::{OPERATORS, Operator};
use super::ty::Ty;
use crate::compile::op::{Class, Op, Test};
use crate::compile::tape::Ref;
use crate::decode::{BlockType, Window};
use planish_asm::Cond;

use Class::I32;

/// The type of a block without values.
const EMPTY: u8 = 0x40;

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
