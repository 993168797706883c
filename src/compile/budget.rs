//! How much memory compiling a module may take and how much code it may have: in proportion to its bytes, for all threads
//! together, and never more than the configuration allows.

use super::options::Options;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Every module gets this much memory, however short it is,
const LEAST_MEMORY: usize = 32 << 20;
/// and this much for each byte of its code section. A byte of ordinary code takes about 10, one that pushes a constant below a
/// label, the most expensive without block types and calls of many values, 125.
const MEMORY_PER_BYTE: usize = 256;

/// Every module may have this much code,
const LEAST_CODE: usize = 4 << 20;
/// and this much for each byte of its code section. Real modules have 1.2 to 1.6; a checked memory, few registers and a baseline
/// processor together make 20 of some operators.
const CODE_PER_BYTE: usize = 64;

/// Displacements in a module have 32 bits, with room to spare.
const MOST_CODE: usize = 1 << 30;

impl Options {
    /// Code of any module, its functions and its stubs.
    pub(crate) fn max_code_bytes(&self) -> usize {
        self.max_code_size.min(MOST_CODE)
    }
}

/// What compiling one module may take and make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    pub(super) memory_bytes: usize,
    pub(super) code_bytes: usize,
}

impl Limits {
    /// For a module whose code section has so many bytes.
    pub(super) fn of(options: &Options, wasm_bytes: usize) -> Limits {
        let in_proportion = |least: usize, per_byte: usize| wasm_bytes.saturating_mul(per_byte).saturating_add(least);
        Limits {
            memory_bytes: in_proportion(LEAST_MEMORY, MEMORY_PER_BYTE).min(options.max_compile_memory),
            code_bytes: in_proportion(LEAST_CODE, CODE_PER_BYTE).min(options.max_code_bytes()),
        }
    }
}

/// What is left of a module's [`Limits`] to the threads that compile it.
pub(super) struct Budget {
    memory: AtomicUsize,
    code: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Budget {
        Budget { memory: AtomicUsize::new(limits.memory_bytes), code: AtomicUsize::new(limits.code_bytes) }
    }

    /// Takes memory, if so much is left. Threads keep it for the functions that follow, as they keep their buffers.
    pub(super) fn take_memory(&self, bytes: usize) -> Option<()> {
        take(&self.memory, bytes)
    }

    /// Takes so many bytes of code, if they are left.
    pub(super) fn take_code(&self, bytes: usize) -> Option<()> {
        take(&self.code, bytes)
    }

    /// Code that was taken is not published.
    pub(super) fn give_back_code(&self, bytes: usize) {
        self.code.fetch_add(bytes, Relaxed);
    }

    pub(super) fn code_left(&self) -> usize {
        self.code.load(Relaxed)
    }
}

/// All or nothing.
fn take(left: &AtomicUsize, bytes: usize) -> Option<()> {
    left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).ok().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_within_the_limits() {
        let budget = Budget::new(Limits { memory_bytes: 1000, code_bytes: 100 });
        let taken = std::thread::scope(|scope| {
            let take = || (0..1000).filter(|_| budget.take_memory(3).is_some()).count();
            let threads = [scope.spawn(take), scope.spawn(take)];
            threads.map(|thread| thread.join().expect("no panic")).iter().sum::<usize>()
        });
        assert_eq!(taken, 333);
        assert_eq!((budget.take_memory(2), budget.take_memory(1)), (None, Some(())));
        assert_eq!((budget.take_code(101), budget.take_code(100)), (None, Some(())));
        budget.give_back_code(40);
        assert_eq!((budget.code_left(), budget.take_code(41)), (40, None));
    }
}
