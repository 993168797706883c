//! Planish: a WebAssembly engine for amd64.

mod types;
mod error;
mod abi;
mod decode;
mod compile;
