//! Typed run-time selection: instructions whose operation, width or condition is a value.
//!
//! What a compiler's lowering calls: `alu_rr(Alu::Add, Width::W32, ..)`, `jcc(Cond::Less, ..)`. Each method emits the
//! shortest encoding of what it names. Suffixes say the operands, destination first: `r` register, `m` memory, `i` immediate,
//! `x` vector register. General registers are [`R64`](crate::R64) for every width; [`Width`] says which part is meant.
//! `v_` marks the VEX encodings.

mod operation;
mod integer;
mod flow;
mod sse;
mod vex;
mod packed;

pub use operation::{Alu, BitTest, Bits, Cond, FpOp, Logic, Prec, Rounding, Shift, ShiftX, Unary, Width};
pub use packed::{BlendV, Broadcast, Evex, MoveMask, Packed, PackedImm, PackedShift, PackedUnary, PackedUnaryImm};
