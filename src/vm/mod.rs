//! The running half: everything that is alive while compiled code runs. All `unsafe` of the engine is here and in `sys`.
//!
//! The layers above use it through safe functions only. A [`StoreState`](store::StoreState) owns what wasm code can
//! reach (contexts, memories, tables, globals, function records, the wasm stack); nothing of it is freed or
//! moved before the store is dropped, so compiled code holds plain addresses.

pub(crate) mod code;
mod registry;
pub(crate) mod memory;
pub(crate) mod table;
pub(crate) mod context;
pub(crate) mod stack;
pub(crate) mod store;
pub(crate) mod instance;
mod thread;
mod signals;
pub(crate) mod trap;
pub(crate) mod backtrace;
pub(crate) mod host;
pub(crate) mod enter;
pub(crate) mod builtins;

#[cfg(test)]
mod tests;
