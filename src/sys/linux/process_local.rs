//! Values of one process, which a child made by a fork does not inherit.

#![allow(unsafe_code, reason = "maps a page and refers to it")]

use super::pages::{Pages, page_bytes};
use rustix::mm::Advice;
use std::mem::ManuallyDrop;
use std::ptr::{dangling_mut, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// A value that is all zeros in a new process, and again in a child made by a fork. All threads of a process share it.
///
/// It is in a page that the kernel hands to children as zeros (madvise(2), `MADV_WIPEONFORK`), so reading it needs no system call,
/// and children made by a bare `clone` are noticed, too.
pub(super) struct ProcessLocal<T> {
    /// Null before the first call, dangling where the page cannot be had. There is no lock: a fork might leave it held forever in
    /// the child.
    value: AtomicPtr<T>,
}

/// A type whose values the threads of a process can share in a page of zeros.
///
/// # Safety
///
/// All zeros must be a valid value.
pub(super) unsafe trait ValidWhenZero: Sync + 'static {}

// SAFETY: an integer.
unsafe impl ValidWhenZero for AtomicU64 {}

/// The size of a page on amd64.
const LEAST_PAGE_BYTES: usize = 4096;

impl<T: ValidWhenZero> ProcessLocal<T> {
    pub(super) const fn new() -> ProcessLocal<T> {
        const { assert!(size_of::<T>() <= LEAST_PAGE_BYTES && align_of::<T>() <= LEAST_PAGE_BYTES) };
        ProcessLocal { value: AtomicPtr::new(null_mut()) }
    }

    /// The value; none where the kernel cannot tell a child from its parent (Linux before 4.14, and emulators).
    pub(super) fn get(&self) -> Option<&'static T> {
        let known = self.value.load(Ordering::Acquire);
        let value = if known.is_null() { self.map() } else { known };
        if value == dangling_mut() {
            return None;
        }
        // SAFETY: `map` has put it at the start of a page of zeros, which are a valid value (`ValidWhenZero`). The page is large
        // enough (`new`), never unmapped, and accessed by shared references only.
        Some(unsafe { &*value })
    }

    #[cold]
    fn map(&self) -> *mut T {
        let page = wiped_in_children();
        let new = page.as_ref().map_or(dangling_mut(), |page| page.start().as_ptr().cast());
        match self.value.compare_exchange(null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // Mapped until the process ends.
                let _ = page.map(ManuallyDrop::new);
                new
            }
            // Another thread was first; this page is unmapped.
            Err(known) => known,
        }
    }
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

    #[test]
    fn threads_share_a_value_that_starts_as_zero() {
        static VALUE: ProcessLocal<AtomicU64> = ProcessLocal::new();
        let add = || VALUE.get().map(|value| value.fetch_add(1, Ordering::Relaxed));
        let Some(first) = add() else { return };
        let others = [(); 3].map(|()| std::thread::spawn(add)).map(|thread| thread.join().expect("no panic"));
        let mut seen = [Some(first), others[0], others[1], others[2]];
        seen.sort();
        assert_eq!(seen, [Some(0), Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn a_page_that_cannot_be_had_is_not_referred_to() {
        let refused = ProcessLocal::<AtomicU64> { value: AtomicPtr::new(dangling_mut()) };
        assert!(refused.get().is_none());
    }
}
