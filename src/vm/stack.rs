//! Wasm stacks: mapped, with a guard below, kept in a pool.

use crate::abi::STACK_GUARD_BYTES;
use crate::sys::pages::{Access, Pages, round_to_pages};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Stacks of one size that stores take and give back.
pub(crate) struct StackPool {
    bytes: usize,
    /// Below those: what code may use that does not compare with the limit.
    reserve: usize,
    idle: Mutex<Vec<Pages>>,
}

/// A wasm stack; goes back to its pool when dropped.
pub(crate) struct Stack {
    pool: Arc<StackPool>,
    /// The guard, then the usable bytes; taken out only by `drop`.
    pages: Option<Pages>,
}

/// More idle stacks than this are unmapped.
const MAX_IDLE: usize = 64;
/// Of an idle stack at most this much keeps its memory.
const WARM_BYTES: usize = 64 << 10;

impl StackPool {
    /// Usable bytes of a stack unless configured otherwise.
    pub(crate) const DEFAULT_BYTES: usize = 1 << 20;

    /// Stacks of `bytes` usable bytes, rounded up to whole pages, and a reserve below them, whole pages.
    pub(crate) fn new(bytes: usize, reserve: usize) -> Arc<StackPool> {
        Arc::new(StackPool { bytes: bytes.max(1), reserve, idle: Mutex::default() })
    }

    /// A stack from the pool, or a new one. Fails when the system has no memory.
    pub(crate) fn take(self: &Arc<StackPool>) -> io::Result<Stack> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let pages = idle.map_or_else(|| self.map(), Ok)?;
        Ok(Stack { pool: self.clone(), pages: Some(pages) })
    }

    fn map(&self) -> io::Result<Pages> {
        let bytes = self.bytes.checked_add(self.reserve).ok_or(io::ErrorKind::OutOfMemory)?;
        let usable = round_to_pages(bytes).ok_or(io::ErrorKind::OutOfMemory)?;
        let mut pages = Pages::reserve(usable.checked_add(STACK_GUARD_BYTES).ok_or(io::ErrorKind::OutOfMemory)?)?;
        pages.protect(STACK_GUARD_BYTES, usable, Access::ReadWrite)?;
        Ok(pages)
    }

    fn give_back(&self, mut pages: Pages) {
        let usable = pages.len() - STACK_GUARD_BYTES;
        let cold = usable.saturating_sub(WARM_BYTES);
        let discarded = pages.discard(STACK_GUARD_BYTES, cold);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if discarded.is_ok() && idle.len() < MAX_IDLE {
            idle.push(pages);
        }
    }
}

impl Stack {
    /// The usable bytes: the first one is the lowest that a frame may use, the end is where the stack starts.
    pub(super) fn usable(&self) -> Range<usize> {
        let pages = self.pages();
        let start = pages.start().as_ptr() as usize;
        start + STACK_GUARD_BYTES + self.pool.reserve..start + pages.len()
    }

    /// Where a fault is an overflow.
    pub(super) fn guard(&self) -> Range<usize> {
        let start = self.pages().start().as_ptr() as usize;
        start..start + STACK_GUARD_BYTES
    }

    fn pages(&self) -> &Pages {
        self.pages.as_ref().expect("only `drop` takes them")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(pages) = self.pages.take() {
            self.pool.give_back(pages);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_used_again() {
        let pool = StackPool::new(100_000, 0);
        let first = pool.take().expect("memory");
        let second = pool.take().expect("memory");
        assert_ne!(first.usable(), second.usable());
        assert_eq!(first.usable().len(), 25 * 4096);
        let range = first.usable();
        drop(first);
        assert_eq!(pool.take().expect("memory").usable(), range);
        assert!(StackPool::new(usize::MAX, 0).take().is_err());
        let reserved = StackPool::new(100_000, 8192).take().expect("memory");
        assert_eq!((reserved.usable().len(), reserved.usable().start - reserved.guard().end), (25 * 4096, 8192));
    }
}
