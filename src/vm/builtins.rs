//! The functions of [`Builtin`]: memory, table and segment operators that are calls.

#![allow(unsafe_code, reason = "the running half: see each block")]

use crate::abi::Builtin;

/// What a builtin returns, in rax and rdx.
#[repr(C)]
pub(super) struct BuiltinResult {
    value: u64,
    trapped: u64,
}

/// Addresses of all builtins, for the stubs.
pub(crate) fn addresses() -> [u64; Builtin::COUNT] {
    todo!()
}
