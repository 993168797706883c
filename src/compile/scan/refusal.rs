//! [`Refusal`]: why a body is not compiled.

use crate::decode::Invalid;

/// Why a body is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::compile) enum Refusal {
    Invalid,
    /// Its tape or its code would be too long.
    TooLarge,
    /// Compiling it would take more memory than is left to its module.
    Memory,
    /// It would have more code than is left to its module.
    Code,
}

impl From<Invalid> for Refusal {
    fn from(_: Invalid) -> Refusal {
        Refusal::Invalid
    }
}
