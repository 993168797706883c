//! The rows, compiled for planish.

use planish as api;

#[path = "../../rows/calls.rs"]
pub mod calls;
#[cfg(feature = "wasi")]
#[path = "../../rows/system.rs"]
mod system;
#[cfg(feature = "wasi")]
#[path = "../../rows/wasi.rs"]
pub mod wasi;
