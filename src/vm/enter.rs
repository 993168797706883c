//! The door: how the host enters wasm code, and how wasm code is left.

#![allow(unsafe_code, reason = "the running half: see each block")]

use super::backtrace::Frame;
use super::code::Signature;
use super::context::{FuncRef, Value};
use super::host::HostError;
use super::store::Hosted;
use super::trap::TrapRecord;

/// Why a call did not return.
pub(crate) enum Exit {
    /// A trap; `frames` innermost first.
    Trap { trap: TrapRecord, frames: Vec<Frame> },
    /// A host function's error, unchanged.
    Error { error: HostError, frames: Vec<Frame> },
}

/// Calls a function of the store, wasm's or the host's: `values` holds the arguments and gets the results.
///
/// A panic of a host function goes on in the caller, after the wasm frames are gone.
///
/// Panics unless the function has that signature and `values` is as long as it says.
#[inline]
pub(crate) fn enter<S: Hosted>(
    store: &mut S,
    func: FuncRef,
    signature: &Signature,
    values: &mut [Value],
) -> Result<(), Exit> {
    let _ = (store, func, signature, values);
    todo!()
}
