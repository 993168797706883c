//! Whether this process is a copy of another one: what must not be used by both is thrown away after a fork.

use super::process_local::ProcessLocal;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that the process keeps until it ends, and that a child made by a fork does not share. None where the kernel cannot
/// tell the two apart, see [`ProcessLocal::get`].
pub(crate) fn generation() -> Option<NonZeroU64> {
    static NUMBER: ProcessLocal<AtomicU64> = ProcessLocal::new();
    let number = NUMBER.get()?;
    // It orders nothing else.
    NonZeroU64::new(number.load(Ordering::Relaxed)).or_else(|| number_this_process(number))
}

#[cold]
fn number_this_process(number: &AtomicU64) -> Option<NonZeroU64> {
    // In ordinary memory, which a child inherits: its number is none that an ancestor has had.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let fresh = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match number.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => NonZeroU64::new(fresh),
        // Another thread of this process was first.
        Err(number) => NonZeroU64::new(number),
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "makes a child without the C library")]
mod tests {
    use super::*;
    use std::ptr::null_mut;

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
