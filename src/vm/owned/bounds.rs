//! What a store grants to memories and tables, how memories are bounded, and why one cannot be made.

use crate::abi::GUARDED_MEMORY_BYTES;
use crate::sys::linux::address_space;
use crate::sys::linux::shortage::{Purpose, Shortage};
use crate::types::MemoryType;
use crate::vm::owned::pool::MemoryPool;
use std::sync::Arc;

/// What a store grants to each memory and table.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'a> {
    pub(crate) bounds: Bounds,
    /// Where guarded memories come from.
    pub(crate) pool: &'a Arc<MemoryPool>,
    pub(crate) memory_bytes: u64,
    pub(crate) table_elements: u64,
}

/// How a memory is bounded: in one engine all that [can be guarded](MemoryType::can_be_guarded) in the same way, the others
/// always by checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bounds {
    /// `GUARDED_MEMORY_BYTES` of address space; an access beyond the end faults.
    Guarded,
    /// Compiled code compares with the length; the memory may move when it grows.
    Checked,
}

/// Where address space is limited, memories are guarded only if this many fit. A pool keeps half as many by default, which leaves the
/// other half for memories in use and for the rest of the process.
const GUARDED_MEMORIES: u64 = 128;

impl Bounds {
    /// The bounds that suit the process: guarded if it may map many memories and the system lets it reserve one. The pool keeps that
    /// one, since unmapping it (4 us) takes longer than everything else here.
    pub(crate) fn of_process(pool: &MemoryPool) -> Bounds {
        let enough = GUARDED_MEMORIES * GUARDED_MEMORY_BYTES as u64;
        let has_room = address_space::room().is_none_or(|room| room >= enough);
        if has_room && pool.reserve().is_ok() { Bounds::Guarded } else { Bounds::Checked }
    }

    /// Those of a memory in an engine that has these.
    pub(in crate::vm) fn of(self, ty: &MemoryType) -> Bounds {
        if ty.can_be_guarded() { self } else { Bounds::Checked }
    }
}

/// Why a memory, a table or an instance could not be made, or a memory or a table not grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// The minimum, or the size to grow to, is above the limit.
    Limit,
    /// The system has too little memory or address space.
    Exhausted(Shortage),
}

impl Refused {
    pub(in crate::vm) fn exhausted(purpose: Purpose, bytes: usize) -> Refused {
        Refused::Exhausted(Shortage::new(purpose, bytes))
    }
}

impl From<Shortage> for Refused {
    fn from(shortage: Shortage) -> Refused {
        Refused::Exhausted(shortage)
    }
}

/// **Escape:** checks of 64-bit indexes rely on a length that is far below 2^64. No system maps as much.
const MAX_BYTES: u64 = 1 << 56;

/// The pages beyond which a memory never grows that is granted `limit` bytes.
pub(in crate::vm) fn limit_pages(ty: &MemoryType, limit: u64) -> Result<u64, Refused> {
    let most = ty.most_pages();
    let limit_pages = (limit.min(MAX_BYTES) / ty.page_size()).min(ty.maximum.unwrap_or(most)).min(most);
    if ty.minimum > limit_pages { Err(Refused::Limit) } else { Ok(limit_pages) }
}
