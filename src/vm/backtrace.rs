//! The wasm frames of a store at a trap or in a host call.

#![allow(unsafe_code, reason = "the running half: see each block")]

use super::code::CodeAddress;

/// One wasm frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    /// First byte of the code it is in: equals `code.address(0)` of the module.
    pub(crate) code: CodeAddress,
    /// Index among the module's own functions.
    pub(crate) function: u32,
    /// Of the operator, from the start of the module file.
    pub(crate) wasm_offset: u32,
}

/// Frames of one backtrace at most; the innermost are kept.
pub(crate) const MAX_FRAMES: usize = 64;
