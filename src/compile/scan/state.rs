//! [`Scan`]: the scanner's state.

use super::callees::Signatures;
use super::frame::{Frame, LegacyTry};
use super::item::{Item, Node};
use super::life::{Life, Loop, NEVER};
use super::locals::Locals;
use super::ty::Ty;
use crate::abi::CallLayout;
use crate::compile::budget::Budget;
use crate::compile::op::Class;
use crate::compile::tape::{NO_HANDLER, Tape};
use crate::decode::ModuleInfo;
use crate::types::ValType;

/// The scanner's state; reused from function to function.
pub(in crate::compile) struct Scan<'m> {
    pub(super) info: &'m ModuleInfo,
    pub(super) layouts: &'m [CallLayout],
    pub(super) signatures: &'m Signatures,
    pub(super) budget: &'m Budget,
    /// So much memory this thread has been granted.
    pub(super) granted_bytes: usize,
    /// Is there a memory 0, and has it 32-bit indexes?
    pub(super) plain_memory: bool,
    pub(in crate::compile) tape: Tape,
    pub(super) stack: Vec<Item>,
    /// What is not computed yet, by place on the stack; others are of no account.
    pub(super) nodes: Vec<Node>,
    /// Operators may take items from here on: the innermost block's; none in code that cannot be reached.
    pub(super) floor: usize,
    /// Items below are constants or their own merge variables.
    pub(super) flushed: usize,
    /// Not below any of these two, and below none that may be [taken quickly](quick).
    pub(super) guard: usize,
    pub(super) frames: Vec<Frame<'m>>,
    /// By frame number: the entries when it was closed; [`NEVER`] while it is open.
    pub(super) frame_ends: Vec<u32>,
    /// The innermost frame's number.
    pub(super) frame_number: u32,
    /// `(start, number)`
    pub(super) open_loops: Vec<(u32, u32)>,
    /// Behind the start of the innermost open loop; 0 if there is none.
    pub(super) loop_start: u32,
    pub(super) loops: Vec<Loop>,
    pub(super) lives: Vec<Life>,
    pub(super) locals: Locals,
    /// The locals without a default value that have been written, in order.
    pub(super) written: Vec<u32>,
    /// Merge variables by height and class.
    pub(super) merges: Vec<[u32; 5]>,
    /// By temp: the entry that writes it; of one that is free, the next one that is.
    pub(super) temps: Vec<u32>,
    /// The first temp that is free, or [`NEVER`].
    pub(super) free_temp: u32,
    pub(super) live_temps: u32,
    /// Code that cannot be reached: nothing is recorded.
    pub(super) dead: bool,
    /// The handler of the code that comes, or [`NO_HANDLER`].
    pub(super) handler: u32,
    pub(super) legacy_tries: Vec<LegacyTry>,
    /// The targets of the last `br_table`, the default last.
    pub(super) targets: Vec<u32>,
    pub(super) loop_weight: u32,
    pub(super) call_weight: u32,
    pub(super) last_call: (u32, u32),
    pub(super) offset: u32,
    pub(super) call_count: u32,
}

/// The class of a value type that this compiler knows.
pub(in crate::compile) fn class_of(ty: &ValType) -> Class {
    Ty::of(ty).class()
}

impl<'m> Scan<'m> {
    pub(in crate::compile) fn new(
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
}
