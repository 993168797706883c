//! The rows, compiled for wasmtime.

use wasmtime as api;

#[path = "../../rows/calls.rs"]
pub mod calls;
