//! Wasm stacks: mapped, with a guard below, kept in a pool.

#![allow(unsafe_code, reason = "the running half: see each block")]

use std::io;
use std::sync::Arc;

/// Stacks of one size that stores take and give back.
pub(crate) struct StackPool {
    bytes: usize,
}

/// A wasm stack; goes back to its pool when dropped.
pub(crate) struct Stack {
    pool: Arc<StackPool>,
}

impl StackPool {
    /// Usable bytes of a stack unless configured otherwise.
    pub(crate) const DEFAULT_BYTES: usize = 1 << 20;

    /// Stacks of `bytes` usable bytes, rounded up to whole pages.
    pub(crate) fn new(bytes: usize) -> Arc<StackPool> {
        Arc::new(StackPool { bytes })
    }

    /// A stack from the pool, or a new one. Fails when the system has no memory.
    pub(crate) fn take(self: &Arc<StackPool>) -> io::Result<Stack> {
        let _ = self.bytes;
        todo!()
    }
}
