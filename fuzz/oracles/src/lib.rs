//! What must hold for any input: the fuzz targets' oracles as plain functions.
//!
//! Each runs for a second in `cargo test`, on inputs of its own; `cargo fuzz run TARGET` in `fuzz` looks for better ones.

pub mod api;
pub mod bytes;
pub mod differential;
pub mod encode;
#[cfg(test)]
mod frozen;
pub mod module;
pub mod program;
pub mod reencode;
pub mod script;
pub mod wasi;
