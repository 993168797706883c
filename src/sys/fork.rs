//! Whether this process is a copy of another one: what must not be used by both is thrown away after a fork.

#![allow(unsafe_code, reason = "maps a page and reads it")]

use super::pages::{Pages, page_bytes};
use rustix::mm::Advice;
use std::mem::ManuallyDrop;
use std::num::NonZeroU64;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// A number that the process keeps until it ends, and that a child made by a fork does not share. None where the kernel cannot
/// tell (Linux before 4.14, and emulators).
///
/// It is read from a page that the kernel hands to children as zeros (madvise(2), `MADV_WIPEONFORK`), so no system call is needed
/// and children made by a bare `clone` are noticed, too. All threads share the page, but nobody writes to it.
pub(crate) fn generation() -> Option<NonZeroU64> {
    let note = note()?;
    // The number orders nothing else.
    NonZeroU64::new(note.load(Ordering::Relaxed)).or_else(|| number_this_process(note))
}

#[cold]
fn number_this_process(note: &AtomicU64) -> Option<NonZeroU64> {
    // In ordinary memory, which a child inherits: its number is none that an ancestor has had.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let fresh = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match note.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => NonZeroU64::new(fresh),
        // Another thread of this process was first.
        Err(number) => NonZeroU64::new(number),
    }
}

/// Where the number is kept, zero in a new process.
fn note() -> Option<&'static AtomicU64> {
    // Without a lock, which a fork might leave held for ever in the child.
    static NOTE: AtomicPtr<AtomicU64> = AtomicPtr::new(null_mut());
    /// Stands for a page that cannot be had.
    static NONE: AtomicU64 = AtomicU64::new(0);
    let known = match NonNull::new(NOTE.load(Ordering::Acquire)) {
        Some(known) => known,
        None => {
            let page = wiped_in_children();
            let new = page.as_ref().map_or(NonNull::from(&NONE), |page| page.start().cast());
            match NOTE.compare_exchange(null_mut(), new.as_ptr(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // Mapped until the process ends.
                    let _ = page.map(ManuallyDrop::new);
                    new
                }
                // Another thread was first; this page is unmapped.
                Err(known) => NonNull::new(known).expect("not null any more"),
            }
        }
    };
    // SAFETY: the static above, or a page that is aligned, zeroed by the kernel, never unmapped and accessed as this atomic only.
    let known = unsafe { known.as_ref() };
    (!std::ptr::eq(known, &NONE)).then_some(known)
}

/// A page that is zero in children. None if the kernel refuses, or if it is an emulator that accepts any advice and follows none
/// (QEMU before 7): -1 is no advice.
fn wiped_in_children() -> Option<Pages> {
    let page = Pages::zeroed(page_bytes()).ok()?;
    // SAFETY: the range is our mapping; an unknown advice changes nothing.
    let accepts_anything = unsafe { libc::madvise(page.start().as_ptr().cast(), page.len(), -1) } == 0;
    if accepts_anything {
        return None;
    }
    // SAFETY: a page of our own, which nobody has seen yet.
    unsafe { rustix::mm::madvise(page.start().as_ptr().cast(), page.len(), Advice::LinuxWipeOnFork) }.ok()?;
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `answer` in a child that the C library knows nothing of: no handler of `pthread_atfork` runs.
    fn in_child(answer: impl FnOnce() -> u64) -> u64 {
        let mut pipe = [0; 2];
        // SAFETY: the kernel writes two descriptors.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
        // SAFETY: flags of a plain fork, no stack and no pointers; the child only does what is safe in a copy of one thread.
        let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
        if child == 0 {
            let answer = answer().to_le_bytes();
            // SAFETY: the bytes are there.
            unsafe { libc::write(pipe[1], answer.as_ptr().cast(), answer.len()) };
            // SAFETY: no destructors, no buffers.
            unsafe { libc::_exit(0) };
        }
        let mut answer = [0; 8];
        // SAFETY: the bytes are there to be written.
        assert_eq!(unsafe { libc::read(pipe[0], answer.as_mut_ptr().cast(), answer.len()) }, 8);
        // SAFETY: waits for the child made above, whose status nobody wants.
        unsafe { libc::waitpid(child as i32, null_mut(), 0) };
        for end in pipe {
            // SAFETY: opened above, closed once.
            unsafe { libc::close(end) };
        }
        u64::from_le_bytes(answer)
    }

    fn number() -> u64 {
        generation().map_or(0, NonZeroU64::get)
    }

    #[test]
    fn a_process_keeps_its_number_and_its_children_have_others() {
        let own = number();
        assert_eq!(own, number());
        assert_eq!(own, std::thread::spawn(number).join().expect("no panic"));
        if own == 0 {
            return;
        }
        let child = in_child(number);
        assert!(child != 0 && child != own, "{own} {child}");
        let grandchild = in_child(|| {
            let child = number();
            let grandchild = in_child(number);
            if grandchild == child { 0 } else { grandchild }
        });
        assert!(grandchild != 0 && grandchild != own, "{own} {grandchild}");
        assert_eq!(own, number());
    }
}
