//! Bounds of the current thread's native stack.
