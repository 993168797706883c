//! What is noted of an exit from wasm code: why, where, and what leaves with it.

#![allow(unsafe_code, reason = "reads return addresses on wasm stacks")]

use crate::abi::TrapCode;
use std::any::Any;
use std::error::Error;

/// What stopped wasm code, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrapRecord {
    pub(crate) code: TrapCode,
    pub(in crate::vm) pc: usize,
    /// Behind a call, when the callee has popped its arguments.
    pub(in crate::vm) sp: usize,
    pub(in crate::vm) place: Place,
}

/// What a pc is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::vm) enum Place {
    /// An instruction that did not complete.
    Fault,
    /// A return address.
    Return,
    /// Outside wasm code.
    Nowhere,
}

impl TrapRecord {
    pub(in crate::vm) const NONE: TrapRecord =
        TrapRecord { code: TrapCode::Unreachable, pc: 0, sp: 0, place: Place::Nowhere };

    /// A trap of a builtin or a host function that wasm code called.
    pub(in crate::vm) fn at_exit(code: TrapCode, exit_sp: usize) -> TrapRecord {
        if exit_sp == 0 {
            return TrapRecord { code, ..TrapRecord::NONE };
        }
        let (return_at, popped) = unpack_exit(exit_sp);
        // SAFETY: stubs set the exit to where the return address into compiled code lies, on the wasm stack.
        let pc = unsafe { (return_at as *const usize).read() };
        TrapRecord { code, pc, sp: return_at + 8 + popped, place: Place::Return }
    }
}

/// Where the return address of an exit lies, and how many bytes behind it go with it: see
/// [`STORE_EXIT_SP`](crate::abi::layout::STORE_EXIT_SP).
pub(in crate::vm) fn unpack_exit(exit_sp: usize) -> (usize, usize) {
    (exit_sp & ((1 << 48) - 1), (exit_sp >> 48) * 8)
}

/// An error of a host function; goes unchanged to whoever entered wasm ([`Exit::Error`](crate::vm::run::enter::Exit)).
pub(crate) type HostError = Box<dyn Error + Send + Sync>;

/// What leaves wasm with a host function that did not return results.
pub(in crate::vm) enum Payload {
    Error(HostError),
    Panic(Box<dyn Any + Send>),
}
