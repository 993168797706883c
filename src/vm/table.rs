//! Tables of references, 8 bytes each: 0 for null, else a [`FuncRef`](super::context::FuncRef) or a handle of the store.

#![allow(unsafe_code, reason = "the running half: see each block")]

use super::memory::Refused;

/// A table. The types of its elements are the business of the layers above.
pub(crate) struct Table {
    limit: u64,
}

/// An index or a range outside a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OutOfTable;

impl Table {
    /// A table of `minimum` elements `init` that may grow to `maximum`, and never beyond `limit` elements.
    pub(crate) fn new(minimum: u64, maximum: Option<u64>, limit: u64, init: u64) -> Result<Table, Refused> {
        let _ = (minimum, maximum, limit, init);
        todo!()
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> u64 {
        todo!()
    }

    /// The declared maximum.
    pub(crate) fn maximum(&self) -> Option<u64> {
        todo!()
    }

    /// The elements.
    pub(crate) fn elements(&self) -> &[u64] {
        todo!()
    }

    /// The elements.
    pub(crate) fn elements_mut(&mut self) -> &mut [u64] {
        todo!()
    }

    /// Grows by `delta` elements `init`; returns the old size, or nothing if limits or the system forbid it.
    pub(crate) fn grow(&mut self, delta: u64, init: u64) -> Option<u64> {
        let _ = (delta, init, self.limit);
        todo!()
    }

    /// Sets `count` elements from `start`.
    pub(crate) fn fill(&mut self, start: u64, value: u64, count: u64) -> Result<(), OutOfTable> {
        let _ = (start, value, count);
        todo!()
    }

    /// Writes `values` from `start` on, all or nothing.
    pub(crate) fn init(&mut self, start: u64, values: &[u64]) -> Result<(), OutOfTable> {
        let _ = (start, values);
        todo!()
    }
}
