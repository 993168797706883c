//! Whether the compiler checks itself: in debug builds and under fuzzing each tape is [verified](super::tape::verify), and
//! registers are [counted](super::emit::Recount) after each entry of it.

/// Whether it does. Where not, what checks is not compiled in.
pub(super) const IS_ON: bool = cfg!(any(debug_assertions, feature = "net"));
