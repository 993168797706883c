//! The threads that compile a module: who supplies them, and how they share work.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Calls its argument any number of times, on any threads, and returns when all calls have.
pub(crate) type Run = dyn Fn(&(dyn Fn() + Sync)) + Send + Sync;

/// Who compiles. The calling thread always does.
#[derive(Clone)]
pub(crate) enum Threads {
    /// Nobody else.
    One,
    /// As many as the system has processors for us, started each time and gone afterwards.
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
                    for _ in 1..processors() {
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
            Threads::System => processors() > 1,
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
