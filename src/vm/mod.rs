//! The running half: everything that is alive while compiled code runs. All `unsafe` of the engine is here and in `sys`.
//!
//! The layers above use it through safe functions only. A [`StoreState`](run::store::StoreState) owns what wasm code can
//! reach (contexts, memories, tables, globals, function records, the wasm stack); nothing of it is freed or
//! moved before the store is dropped, so compiled code holds plain addresses.
//!
//! It has storeys, and each imports only those above it in this list:
//!
//! | folder | what is there |
//! | --- | --- |
//! | `visible` | what compiled code sees: contexts, records, values |
//! | `owned` | what it reaches through those: memories, tables, stacks, and the pools they come from |
//! | `code` | machine code, and the registry that finds it by an address |
//! | `exit` | what is noted when wasm code is left, and the walk over its frames |
//! | `run` | stores and instances, entering and leaving, signals, builtins, host functions |

pub(crate) mod code;
pub(crate) mod exit;
pub(crate) mod owned;
pub(crate) mod run;
pub(crate) mod visible;

#[cfg(test)]
mod tests;
