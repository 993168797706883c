//! Wasm stacks: mapped, with a guard below, kept in a pool.

use crate::abi::{STACK_GUARD_BYTES, STACK_RESERVE_BYTES};
use crate::sys::linux::pages::{Access, Pages, round_to_pages};
use crate::sys::linux::shortage::{Purpose, explain};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Stacks of one size that stores take and give back.
pub(crate) struct StackPool {
    bytes: usize,
    max_idle: usize,
    idle: Mutex<Vec<Pages>>,
}

/// A wasm stack; goes back to its pool when dropped.
pub(crate) struct Stack {
    pool: Arc<StackPool>,
    /// The guard, the reserve, the usable bytes; taken out only by `drop`.
    pages: Option<Pages>,
}

/// Of an idle stack at most this much keeps its memory,
const WARM_BYTES: usize = 64 << 10;
/// but as many as have so much together keep all of it, since asking the system costs more than a small instance.
const WARM_BYTES_TOGETHER: usize = 8 << 20;

impl StackPool {
    /// Usable bytes of a stack unless configured otherwise.
    pub(crate) const DEFAULT_BYTES: usize = 1 << 20;

    /// Stacks of `bytes` usable bytes, rounded up to whole pages, and the reserve below them. It keeps `max_idle` of them.
    pub(crate) fn new(bytes: usize, max_idle: usize) -> Arc<StackPool> {
        Arc::new(StackPool { bytes: bytes.max(1), max_idle, idle: Mutex::default() })
    }

    /// A stack from the pool, or a new one. Fails when the system has no memory.
    pub(crate) fn take(self: &Arc<StackPool>) -> io::Result<Stack> {
        let idle = self.idle().pop();
        let pages = idle.map_or_else(|| self.map(), Ok);
        let pages = pages.map_err(explain(Purpose::Stack, self.mapped_bytes()))?;
        Ok(Stack { pool: self.clone(), pages: Some(pages) })
    }

    fn map(&self) -> io::Result<Pages> {
        let bytes = self.bytes.checked_add(STACK_RESERVE_BYTES).ok_or(io::ErrorKind::OutOfMemory)?;
        let usable = round_to_pages(bytes).ok_or(io::ErrorKind::OutOfMemory)?;
        let mut pages = Pages::reserve(usable.checked_add(STACK_GUARD_BYTES).ok_or(io::ErrorKind::OutOfMemory)?)?;
        pages.protect(STACK_GUARD_BYTES, usable, Access::ReadWrite)?;
        Ok(pages)
    }

    /// What a stack takes, guard included.
    fn mapped_bytes(&self) -> usize {
        self.bytes.saturating_add(STACK_RESERVE_BYTES).saturating_add(STACK_GUARD_BYTES)
    }

    /// What it held stays there: compiled code reads nothing of its stack that it has not written.
    fn give_back(&self, mut pages: Pages) {
        // The reserve is only read, so it has no memory, unless signals came near the end.
        let usable = pages.len() - STACK_GUARD_BYTES - STACK_RESERVE_BYTES;
        let mut idle = self.idle();
        let place = idle.len();
        if place >= self.max_idle {
            return;
        }
        if (place + 1).saturating_mul(usable) <= WARM_BYTES_TOGETHER {
            return idle.push(pages);
        }
        drop(idle);
        if pages.discard(STACK_GUARD_BYTES, STACK_RESERVE_BYTES + usable.saturating_sub(WARM_BYTES)).is_ok() {
            let mut idle = self.idle();
            // Stacks that keep everything are at the beginning, and others may have been taken meanwhile.
            idle.push(pages);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Pages>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stack {
    /// The usable bytes: the first one is the lowest that a frame may use, the end is where the stack starts.
    pub(in crate::vm) fn usable(&self) -> Range<usize> {
        let pages = self.pages();
        let start = pages.start().as_ptr() as usize;
        start + STACK_GUARD_BYTES + STACK_RESERVE_BYTES..start + pages.len()
    }

    /// Where a fault is an overflow.
    pub(in crate::vm) fn guard(&self) -> Range<usize> {
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
        let pool = StackPool::new(100_000, 64);
        let first = pool.take().expect("memory");
        let second = pool.take().expect("memory");
        assert_ne!(first.usable(), second.usable());
        assert_eq!(first.usable().len(), 25 * 4096);
        let range = first.usable();
        drop(first);
        assert_eq!(pool.take().expect("memory").usable(), range);
        assert!(StackPool::new(usize::MAX, 64).take().is_err());
        let stack = pool.take().expect("memory");
        assert_eq!(stack.usable().start - stack.guard().end, STACK_RESERVE_BYTES);
    }
}
