//! What the assembler's tests, its example and the fuzz oracles share.

pub mod codes;
pub mod operands;
#[rustfmt::skip]
pub mod emit;
pub mod fields;
pub mod check;
pub mod cases;
pub mod shortest;
pub mod text;
