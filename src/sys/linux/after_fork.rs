//! What a child made by a fork does before it goes on.

#![allow(unsafe_code, reason = "calls the C library")]

use std::io;

/// Lets children run `handler` before `fork` returns there, each on its only thread, which may have been interrupted by a signal
/// handler that forks. Children of a bare `clone` and of `_Fork` do not run it. Fails when the system has no memory.
pub(crate) fn run_in_children(handler: extern "C" fn()) -> io::Result<()> {
    // SAFETY: a function that stays, of the type that the C library asks for.
    let error = unsafe { libc::pthread_atfork(None, None, Some(handler)) };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}
