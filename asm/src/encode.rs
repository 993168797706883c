//! The core: bit layouts of instructions, one method per shape. No mnemonics.
//!
//! Every method builds the instruction in registers and stores it through one window of 16 bytes at the cursor:
//! the head (prefixes, REX or VEX, opcode, ModRM, SIB) as one `u64`, then displacement and immediate as
//! overlapping `u32`s. The cursor then advances by the true length, so bytes stored behind it are rewritten by the
//! next instruction. Lengths and the choices of REX, SIB and displacement size are selected, not branched on. What
//! a shape's caller knows ([`Op`], [`VexOp`], [`EvexOp`], immediate sizes) are constants that fold after inlining. Debug builds do not
//! force that inlining: it would make every caller slow to compile.

mod apx;
mod branch;
mod evex;
mod legacy;
mod modrm;
mod op;
mod special;
mod vex;

pub(crate) use op::{EvexOp, Map, Op, VexOp};
