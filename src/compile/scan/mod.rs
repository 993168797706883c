//! From operators to tape: wasm's operand stack is kept as unevaluated nodes, which fold into their users.
//!
//! Invariants:
//! * An item at height `h` reads no merge variable of a height below `h`: so merge variables can be written from the
//!   bottom up, one after the other, without a parallel move.
//! * At a label every item below the label's height is a constant or its own merge variable: temps do not
//!   cross labels.
//! * A local is not written while an item reads it: those items are copied first ([`Scan::release`]). Flushed items read
//!   none.

mod stack;
mod variables;
mod table;
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
mod validate;
mod demand;
mod watch;

use super::budget::Budget;
use super::tape::{Class, Int, Kind, NO_HANDLER, Op, Ref, Tape, Test, Variable};
use crate::abi::CallLayout;
use crate::decode::{Cursor, Invalid, ModuleInfo};
use crate::types::{TypeIndex, ValType};
pub(super) use callees::Signatures;
use check::Ty;
use control::Frame;
use exceptions::LegacyTry;
use locals::Locals;
pub(super) use operators::Refusal;
use std::hint::select_unpredictable;
use variables::{Life, Loop};
pub(crate) use watch::Handlers;
pub(super) use watch::{Unwatched, Watch, Watched};

/// A value on the operand stack: if its reference is [lazy](Ref::lazy), a [`Node`] that is not computed yet.
#[derive(Clone, Copy, Debug)]
struct Item {
    value: Ref,
    ty: Ty,
}

impl Item {
    #[inline]
    fn class(self) -> Class {
        self.ty.class()
    }
}

/// A computation that waits for its user: a test, a sum, or the low bits of an i64. The entry that does it has these parts.
#[derive(Clone, Copy, Debug)]
struct Node {
    op: Op,
    kind: Kind,
    /// That of the operands.
    class: Class,
    a: Ref,
    b: Ref,
    imm: u32,
}

impl Node {
    #[inline(always)]
    fn new(op: Op, class: Class, a: Ref, b: Ref, imm: u32) -> Node {
        Node { op, kind: op.kind(), class, a, b, imm }
    }

    /// `a test b`, as i32.
    #[inline(always)]
    fn test(test: Test, class: Class, a: Ref, b: Ref) -> Node {
        Node::new(Op::Set(test), class, a, b, 0)
    }

    /// `a + b`
    #[inline(always)]
    fn sum(class: Class, a: Ref, b: Ref) -> Node {
        Node::new(Op::Int(Int::Add), class, a, b, 0)
    }
}

/// A condition that has not been computed.
#[derive(Clone, Copy)]
struct Condition {
    test: Test,
    class: Class,
    a: Ref,
    b: Ref,
}

impl Condition {
    fn inverted(self) -> Condition {
        Condition { test: self.test.invert(), ..self }
    }
}

const NEVER: u32 = u32::MAX;

/// The scanner's state; reused from function to function.
pub(super) struct Scan<'m> {
    info: &'m ModuleInfo,
    layouts: &'m [CallLayout],
    signatures: &'m Signatures,
    budget: &'m Budget,
    /// So much memory this thread has been granted.
    granted_bytes: usize,
    /// Is there a memory 0, and has it 32-bit indexes?
    plain_memory: bool,
    pub(super) tape: Tape,
    stack: Vec<Item>,
    /// What is not computed yet, by place on the stack; others are of no account.
    nodes: Vec<Node>,
    /// Operators may take items from here on: the innermost block's; none in code that cannot be reached.
    floor: usize,
    /// Items below are constants or their own merge variables.
    flushed: usize,
    /// Not below any of these two, and below none that may be [taken quickly](quick).
    guard: usize,
    frames: Vec<Frame<'m>>,
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
    /// By temp: the entry that writes it; of one that is free, the next one that is.
    temps: Vec<u32>,
    /// The first temp that is free, or [`NEVER`].
    free_temp: u32,
    live_temps: u32,
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
pub(super) fn class_of(ty: &ValType) -> Class {
    Ty::of(ty).class()
}

impl<'m> Scan<'m> {
    pub(super) fn new(
        info: &'m ModuleInfo,
        layouts: &'m [CallLayout],
        signatures: &'m Signatures,
        budget: &'m Budget,
    ) -> Scan<'m> {
        Scan {
            info,
            layouts,
            signatures,
            budget,
            granted_bytes: 0,
            plain_memory: info.memories.first().is_some_and(|memory| !memory.is_64()),
            tape: Tape::default(),
            stack: Vec::new(),
            nodes: Vec::new(),
            floor: 0,
            flushed: 0,
            guard: 0,
            frames: Vec::new(),
            frame_ends: Vec::new(),
            frame_number: 0,
            open_loops: Vec::new(),
            loop_start: 0,
            loops: Vec::new(),
            lives: Vec::new(),
            locals: Locals::new(),
            written: Vec::new(),
            merges: Vec::new(),
            temps: Vec::new(),
            free_temp: NEVER,
            live_temps: 0,
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
