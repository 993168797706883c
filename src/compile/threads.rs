//! The threads that compile a module: who supplies them, and how they share work.

use crate::sys::linux::address_space;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Calls its argument any number of times, on any threads, and returns when all calls have.
pub(crate) type Run = dyn Fn(&(dyn Fn() + Sync)) + Send + Sync;

/// Who compiles. The calling thread always does.
#[derive(Clone)]
pub(crate) enum Threads {
    /// Nobody else.
    One,
    /// As many as the system has processors and address space for, started each time and gone afterwards.
    System,
    Supplied(Arc<Run>),
}

impl Threads {
    /// Calls `work` on this thread and on others; returns when all calls have.
    pub(super) fn run(&self, work: &(dyn Fn() + Sync)) {
        match self {
            Threads::One => {}
            Threads::System => {
                return std::thread::scope(|scope| {
                    for _ in 0..helpers(processors(), address_space::room()) {
                        // Without the thread the others do its work.
                        _ = std::thread::Builder::new().spawn_scoped(scope, work);
                    }
                    work();
                });
            }
            Threads::Supplied(run) => run(work),
        }
        work();
    }

    pub(super) fn several(&self) -> bool {
        match self {
            Threads::One => false,
            Threads::System => helpers(processors(), address_space::room()) > 0,
            Threads::Supplied(_) => true,
        }
    }

    /// Does all jobs, each once.
    pub(super) fn each<J: Send>(&self, jobs: Vec<J>, action: impl Fn(J) + Sync) {
        if jobs.len() <= 1 {
            return jobs.into_iter().for_each(action);
        }
        let queue = Mutex::new(jobs.into_iter());
        let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        self.run(&|| {
            while let Some(job) = take() {
                action(job);
            }
        });
    }
}

/// Address space that a thread takes: its stack, and what the C library's allocator reserves for it (glibc: 64 MiB, for a moment twice as
/// much).
const THREAD_BYTES: u64 = 68 << 20;

/// How many threads help the calling one. Where address space is limited they take at most half of what the process may still map: once
/// none is left, the next allocation aborts the process.
fn helpers(processors: usize, room: Option<u64>) -> usize {
    let affordable = room.map_or(u64::MAX, |room| room / 2 / THREAD_BYTES);
    (processors - 1).min(usize::try_from(affordable).unwrap_or(usize::MAX))
}

/// What the system grants the process. Asked once: to find out, files are read.
pub(super) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Threads::One => "One",
            Threads::System => "System",
            Threads::Supplied(_) => "Supplied",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_leave_half_of_the_addresses() {
        assert_eq!([1, 2, 64].map(|processors| helpers(processors, None)), [0, 1, 63]);
        for (room, most) in [(0, 0), (100 << 20, 0), (280 << 20, 2), (3 << 30, 22), (1 << 40, 63)] {
            assert_eq!(helpers(64, Some(room)), most);
            assert_eq!(helpers(2, Some(room)), most.min(1));
        }
    }
}
