//! The running half: everything that is alive while compiled code runs. All `unsafe` of the engine is here and in `sys`.
//!
//! The layers above use it through safe functions only. A [`StoreState`](store::StoreState) owns what wasm code can
//! reach (contexts, memories, tables, globals, function records, the wasm stack); nothing of it is freed or
//! moved before the store is dropped, so compiled code holds plain addresses.

pub(crate) mod backtrace;
pub(crate) mod bounds;
pub(crate) mod builtins;
pub(crate) mod code;
pub(crate) mod context;
pub(crate) mod enter;
pub(crate) mod exception;
mod growing;
pub(crate) mod host;
mod image;
pub(crate) mod images;
pub(crate) mod instance;
pub(crate) mod lazy;
pub(crate) mod memory;
mod passage;
pub(crate) mod pool;
mod registry;
mod signals;
pub(crate) mod shared;
pub(crate) mod stack;
pub(crate) mod store;
pub(crate) mod table;
mod thread;
pub(crate) mod trap;
mod unwind;
pub(crate) mod waiters;

#[cfg(test)]
mod tests;
