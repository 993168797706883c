//! The control register of SSE arithmetic.
