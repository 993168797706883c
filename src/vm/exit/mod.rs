//! How wasm code is left: what is noted, exceptions, and the walk over the frames.

pub(crate) mod backtrace;
pub(crate) mod exception;
pub(crate) mod header;
pub(crate) mod passage;
pub(crate) mod record;
