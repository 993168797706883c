//! The tape, between scanner and emitter: [what it is](entry), and what looks at it from outside.

mod entry;
mod operands;
mod origins;
mod verify;
mod print;

pub(super) use entry::*;
pub(super) use origins::{Origin, Origins, Way};
pub(super) use print::Line;
pub(super) use verify::{broken, verify};
