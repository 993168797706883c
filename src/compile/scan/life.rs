//! [`Life`]: where a variable is used; [`Loop`]: where a loop ends.

use crate::compile::op::Class;

/// In place of an entry's number: none.
pub(super) const NEVER: u32 = u32::MAX;

/// What is known of a variable while scanning.
#[derive(Clone, Copy)]
pub(super) struct Life {
    pub(super) weight: u64,
    pub(super) last: u32,
    pub(super) calls_at_last: u32,
    /// Behind the first access, or behind the start of a loop for which [`Life::outlived_loop`] is right: no loop that began
    /// before tells anything new. 0 before the first access.
    pub(super) known: u32,
    pub(super) first: u32,
    pub(super) calls_at_first: u32,
    /// The frame of the first access.
    pub(super) frame: u32,
    /// The outermost loop that began after the first access and holds the last one.
    pub(super) outlived_loop: u32,
    pub(super) class: Class,
    pub(super) first_is_write: bool,
    pub(super) is_merge: bool,
}

impl Life {
    /// It is a parameter.
    pub(super) fn arrives(&mut self) {
        (self.first, self.known, self.first_is_write) = (0, 1, true);
    }
}

#[derive(Clone, Copy)]
pub(super) struct Loop {
    pub(super) end: u32,
    pub(super) calls_at_end: u32,
}
