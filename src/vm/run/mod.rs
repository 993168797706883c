//! Stores and instances, and what runs them: entering and leaving wasm code, signals, builtins, host functions.

pub(crate) mod allocate;
pub(crate) mod builtins;
pub(crate) mod enter;
pub(crate) mod host;
pub(crate) mod instance;
pub(crate) mod records;
pub(crate) mod store;
pub(crate) mod thread;
pub(crate) mod trap;
pub(crate) mod unwind;
