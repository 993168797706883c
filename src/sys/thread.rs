//! Bounds of the current thread's native stack.

#![allow(unsafe_code, reason = "asks the C library")]

use std::arch::asm;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::null_mut;

/// The current stack pointer, or a little above.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: copies a register.
    unsafe { asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Where the current thread's stack is: for the main thread as far as it may grow.
pub(crate) fn stack_bounds() -> Option<Range<usize>> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: writes the attributes of the calling thread, which exists.
    if unsafe { libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) } != 0 {
        return None;
    }
    let (mut low, mut len) = (null_mut(), 0);
    // SAFETY: the attributes were initialised by the successful call above.
    let status = unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut len) };
    // SAFETY: likewise, and they are not used again.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    let low = low as usize;
    (status == 0 && len > 0).then(|| low..low.saturating_add(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_runs_inside_its_bounds() {
        let bounds = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(|| (stack_bounds().expect("known"), stack_pointer()))
            .expect("a thread")
            .join()
            .expect("no panic");
        assert!(bounds.0.contains(&bounds.1));
        // The C library may hand out a larger stack that another thread has left.
        assert!(bounds.0.len() >= 2 << 20);
    }
}
