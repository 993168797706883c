//! Bounds of the current thread's native stack.

#![allow(unsafe_code, reason = "asks the C library")]

use super::pages::page_bytes;
use crate::sys::x64::registers::stack_pointer;
use rustix::process::{Resource, getrlimit};
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::{NonNull, null_mut};

/// Where the current thread's stack is: for the main thread as far as it may grow.
pub(crate) fn stack_bounds() -> Option<Range<usize>> {
    main_stack_bounds().filter(|bounds| bounds.contains(&stack_pointer())).or_else(thread_stack_bounds)
}

/// At least so much room is between the main thread's stack and where the kernel maps things unasked (Linux, `mmap_base`).
const MAIN_STACK_ROOM: u64 = 64 << 20;

/// Of the main thread, which the C library would read from `/proc/self/maps`, for as long as a small program runs.
fn main_stack_bounds() -> Option<Range<usize>> {
    if rustix::thread::gettid() != rustix::process::getpid() {
        return None;
    }
    // SAFETY: no pointers; 0 if the kernel does not say.
    let name = NonNull::new(unsafe { libc::getauxval(libc::AT_EXECFN) } as *mut c_char)?;
    // SAFETY: the kernel has put the program's name there, which ends with 0 and stays.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    // Behind it the stack ends with a word of zeros.
    let end = name.as_ptr() as usize + name.count_bytes() + 1 + size_of::<usize>();
    let len = getrlimit(Resource::Stack).current.unwrap_or(MAIN_STACK_ROOM).min(MAIN_STACK_ROOM);
    end.is_multiple_of(page_bytes()).then(|| end.saturating_sub(len as usize)..end)
}

fn thread_stack_bounds() -> Option<Range<usize>> {
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
    use crate::sys::x64::registers::has_shadow_stack;

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

    /// The kernel knows, too, if it has been built with them (Linux 6.6, `ARCH_SHSTK_STATUS`).
    #[test]
    fn the_kernel_and_the_register_agree_about_shadow_stacks() {
        let mut enabled = 0u64;
        // SAFETY: the kernel writes a word, or refuses.
        let status = unsafe { libc::syscall(libc::SYS_arch_prctl, 0x5005, &raw mut enabled) };
        assert_eq!(has_shadow_stack(), status == 0 && enabled & 1 != 0);
    }
}
