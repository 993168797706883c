//! The public face: what embedders make, hold and call. [`crate`]'s front page re-exports it.

pub(crate) mod allocation;
pub(crate) mod config;
pub(crate) mod signatures;
pub(crate) mod engine;
pub(crate) mod extern_type;
pub(crate) mod module;
pub(crate) mod store;
pub(crate) mod reference;
pub(crate) mod value;
pub(crate) mod exception;
pub(crate) mod memory;
pub(crate) mod shared_memory;
pub(crate) mod table;
pub(crate) mod global;
pub(crate) mod extern_item;
pub(crate) mod typed;
pub(crate) mod instantiate;
pub(crate) mod instance;
pub(crate) mod caller;
pub(crate) mod host;
pub(crate) mod func;
pub(crate) mod linker;
pub(crate) mod variance;
