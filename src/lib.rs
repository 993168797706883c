//! Planish: a WebAssembly engine for amd64.

mod types;
mod error;
mod abi;
mod sys;
mod decode;
mod compile;
mod vm;
