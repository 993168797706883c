//! The rows, compiled for planish.

use planish as api;

#[path = "../../rows/calls.rs"]
pub mod calls;
