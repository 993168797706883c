//! Linear memories: guarded ones, whose whole address range is reserved, and checked ones, which may move.

#![allow(unsafe_code, reason = "the running half: see each block")]

use super::context::MemoryDefinition;

/// How a memory is bounded. Compiled code of one engine uses one of them throughout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bounds {
    /// `GUARDED_MEMORY_BYTES` of address space; an access beyond the end faults.
    Guarded,
    /// Compiled code compares with the length; the memory may move when it grows.
    Checked,
}

/// Why a memory or a table could not be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// The minimum is above the limit.
    Limit,
    /// The system has no memory.
    Exhausted,
}

/// A linear memory. Sizes in bytes are multiples of 64 KiB.
pub(crate) struct LinearMemory {
    definition: *mut MemoryDefinition,
}

impl LinearMemory {
    /// A zeroed memory of `minimum` pages that may grow to `maximum` pages (the declared maximum), and never beyond `limit` bytes.
    pub(crate) fn new(bounds: Bounds, minimum: u64, maximum: Option<u64>, limit: u64) -> Result<LinearMemory, Refused> {
        let _ = (bounds, minimum, maximum, limit);
        todo!()
    }

    /// The size in pages.
    pub(crate) fn pages(&self) -> u64 {
        todo!()
    }

    /// The declared maximum in pages.
    pub(crate) fn maximum(&self) -> Option<u64> {
        todo!()
    }

    /// Grows by `pages`; returns the old size in pages, or nothing if limits or the system forbid it.
    pub(crate) fn grow(&mut self, pages: u64) -> Option<u64> {
        let _ = pages;
        todo!()
    }

    /// The contents.
    pub(crate) fn bytes(&self) -> &[u8] {
        todo!()
    }

    /// The contents.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        todo!()
    }

    /// Where the memory is (for the embedder's raw access); changes when a checked memory grows.
    pub(crate) fn base(&self) -> *mut u8 {
        todo!()
    }
}
