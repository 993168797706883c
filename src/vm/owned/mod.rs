//! What compiled code reaches by address: memories, tables, stacks, and the pools they come from.

pub(crate) mod bounds;
pub(crate) mod context_box;
pub(crate) mod image;
pub(crate) mod images;
pub(crate) mod memory;
pub(crate) mod pinned;
pub(crate) mod pool;
pub(crate) mod shared;
pub(crate) mod stack;
pub(crate) mod table;
pub(crate) mod waiters;
