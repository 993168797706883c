//! Signal handlers and alternate signal stacks.

#![allow(unsafe_code, reason = "calls the C library, whose types these are")]

use super::pages::{Access, Pages, page_bytes};
use super::shortage::{Purpose, explain};
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::ptr::{null, null_mut};

/// A handler with the arguments of `SA_SIGINFO`.
pub(crate) type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// What a thread's alternate signal stack must have, or it gets one of ours.
const ENOUGH_BYTES: usize = 64 << 10;
const OUR_BYTES: usize = 128 << 10;

/// The current action of a signal.
pub(crate) fn action(signal: c_int) -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: asks only; writes a whole `sigaction` on success.
    check(unsafe { libc::sigaction(signal, null(), action.as_mut_ptr()) })?;
    // SAFETY: written by the successful call above.
    Ok(unsafe { action.assume_init() })
}

/// Makes `handler` the action of a signal, on the alternate stack, with the signal itself blocked meanwhile.
pub(crate) fn handle(signal: c_int, handler: Handler) -> io::Result<()> {
    // SAFETY: all zeroes is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `action` is complete, and the handler has the type that SA_SIGINFO asks for.
    check(unsafe { libc::sigaction(signal, &action, null_mut()) })
}

/// Gives a signal its default action. Async-signal-safe.
pub(crate) fn set_default(signal: c_int) {
    // SAFETY: all zeroes is a valid `sigaction`: SIG_DFL, no flags.
    let action: libc::sigaction = unsafe { zeroed() };
    // SAFETY: the default action needs nothing of us.
    unsafe { libc::sigaction(signal, &action, null_mut()) };
}

/// Sends a signal to the current thread. Async-signal-safe.
pub(crate) fn raise(signal: c_int) {
    // SAFETY: no pointers.
    unsafe { libc::raise(signal) };
}

/// Writes a message to standard error and aborts. Async-signal-safe.
pub(crate) fn abort(message: &str) -> ! {
    // SAFETY: the bytes are readable; a failed write changes nothing.
    unsafe { libc::write(2, message.as_ptr().cast(), message.len()) };
    std::process::abort()
}

fn check(status: c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// An alternate signal stack of ours, with a guard page below; the one before it comes back when it is dropped.
pub(crate) struct AlternateStack {
    pages: Pages,
    previous: libc::stack_t,
}

impl AlternateStack {
    /// Gives the current thread a large enough alternate stack if it has none.
    pub(crate) fn install() -> io::Result<Option<AlternateStack>> {
        let previous = current()?;
        if previous.ss_flags & libc::SS_DISABLE == 0 && previous.ss_size >= ENOUGH_BYTES.max(minimum_bytes()) {
            return Ok(None);
        }
        let guard = page_bytes();
        let usable = OUR_BYTES.max(minimum_bytes() + ENOUGH_BYTES).next_multiple_of(guard);
        let mut pages = Pages::zeroed(guard + usable).map_err(explain(Purpose::SignalStack, guard + usable))?;
        pages.protect(0, guard, Access::None)?;
        // SAFETY: one guard page into a mapping of more than that.
        let start = unsafe { pages.start().add(guard) };
        let stack = libc::stack_t { ss_sp: start.as_ptr().cast(), ss_flags: 0, ss_size: pages.len() - guard };
        // SAFETY: the memory is ours, writable, and lives until `drop` has taken it back from the kernel.
        check(unsafe { libc::sigaltstack(&stack, null_mut()) })?;
        Ok(Some(AlternateStack { pages, previous }))
    }

    fn is_current(&self) -> bool {
        let ours = self.pages.start().as_ptr() as usize..self.pages.start().as_ptr() as usize + self.pages.len();
        current().is_ok_and(|stack| stack.ss_flags & libc::SS_DISABLE == 0 && ours.contains(&(stack.ss_sp as usize)))
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        if self.is_current() {
            // SAFETY: the stack that was there before us, or none; its owner keeps it for the life of the thread.
            unsafe { libc::sigaltstack(&self.previous, null_mut()) };
        }
    }
}

fn current() -> io::Result<libc::stack_t> {
    let mut stack = MaybeUninit::uninit();
    // SAFETY: asks only; writes a whole `stack_t` on success.
    check(unsafe { libc::sigaltstack(null(), stack.as_mut_ptr()) })?;
    // SAFETY: written by the successful call above.
    Ok(unsafe { stack.assume_init() })
}

/// Lets some signals come to this thread if it blocks them.
pub(crate) fn unblock(signals: &[c_int]) -> io::Result<()> {
    let mut blocked = MaybeUninit::uninit();
    // SAFETY: asks only; writes a whole signal set on success.
    check_error(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, null(), blocked.as_mut_ptr()) })?;
    // SAFETY: written by the successful call above, whatever the signal's number.
    if !signals.iter().any(|&signal| unsafe { libc::sigismember(blocked.as_ptr(), signal) } == 1) {
        return Ok(());
    }
    let mut wanted = MaybeUninit::uninit();
    // SAFETY: initialises the set.
    unsafe { libc::sigemptyset(wanted.as_mut_ptr()) };
    for &signal in signals {
        // SAFETY: initialised above.
        unsafe { libc::sigaddset(wanted.as_mut_ptr(), signal) };
    }
    // SAFETY: initialised above; no old set is asked for.
    check_error(unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, wanted.as_ptr(), null_mut()) })
}

/// Of calls that return the number of an error.
fn check_error(number: c_int) -> io::Result<()> {
    if number == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(number)) }
}

/// What the kernel needs for a signal frame on this CPU (with AMX more than 10 KiB).
fn minimum_bytes() -> usize {
    // SAFETY: no pointers; 0 if the kernel does not say.
    unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_stacks_are_replaced_and_come_back() {
        std::thread::spawn(|| {
            let before = current().expect("a stack");
            let ours = AlternateStack::install().expect("memory").expect("std's own stack is too small");
            assert!(current().expect("a stack").ss_size >= ENOUGH_BYTES);
            assert!(AlternateStack::install().expect("memory").is_none());
            drop(ours);
            assert_eq!(current().expect("a stack").ss_sp, before.ss_sp);
        })
        .join()
        .expect("no panic");
    }
}
