//! Signals that are wasm traps.

#![allow(unsafe_code, reason = "the running half: see each block")]

use crate::abi::TrapCode;
use std::io;

/// What stopped wasm code, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrapRecord {
    pub(crate) code: TrapCode,
    pub(super) pc: usize,
    pub(super) sp: usize,
}

/// Installs the signal handlers of the process, once; the previous ones are chained. Called by every engine
/// whose configuration allows signals.
pub(crate) fn install_handlers() -> io::Result<()> {
    todo!()
}
