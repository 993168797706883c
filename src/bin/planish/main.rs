//! The `planish` command.
#![allow(missing_docs)]
fn main() {}
