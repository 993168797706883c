//! What the emitter defers: code that runs rarely and lies behind the function, and how a comparison stands in the flags.

use crate::abi::TrapCode;
use crate::compile::op::Class;
use planish_asm::{Cond, Gp64, Label, Prec, Xmm};

/// Code that runs rarely, behind the function.
#[derive(Clone, Copy)]
pub(super) enum Cold {
    Trap {
        label: Label,
        code: TrapCode,
        wasm_offset: u32,
    },
    /// The stack is exhausted, before the function's frame was made.
    Overflow {
        label: Label,
    },
    /// A call through a record of another instance.
    Foreign {
        label: Label,
        back: Label,
        popped: u32,
        handler: u32,
        wasm_offset: u32,
    },
    /// A tail call through a record of another instance.
    ForeignTail {
        label: Label,
    },
    /// `x rem -1` is 0, but `idiv` may fault.
    RemainderOfMinusOne {
        label: Label,
        back: Label,
    },
    /// A division of 64 bits whose operands are below 2^32: rdx is 0.
    NarrowDivision {
        label: Label,
        back: Label,
        divisor: Gp64,
        wasm_offset: u32,
    },
    /// min or max of equal or unordered operands.
    MinMax {
        label: Label,
        back: Label,
        prec: Prec,
        min: bool,
        target: Xmm,
        other: Xmm,
    },
    Trunc(TruncFix),
    /// u64 to float, the top bit set.
    ConvertUnsigned {
        label: Label,
        back: Label,
        prec: Prec,
        target: Xmm,
        source: Gp64,
        half: Gp64,
    },
}

impl Cold {
    /// Where it begins.
    pub(super) fn label(&self) -> Label {
        match *self {
            Cold::Trap { label, .. }
            | Cold::Overflow { label }
            | Cold::Foreign { label, .. }
            | Cold::ForeignTail { label }
            | Cold::RemainderOfMinusOne { label, .. }
            | Cold::NarrowDivision { label, .. }
            | Cold::MinMax { label, .. }
            | Cold::Trunc(TruncFix { label, .. })
            | Cold::ConvertUnsigned { label, .. } => label,
        }
    }
}

/// A float whose truncation the instruction could not represent: a trap, a saturated result, or in range after all.
#[derive(Clone, Copy)]
pub(super) struct TruncFix {
    pub(super) label: Label,
    pub(super) back: Label,
    pub(super) from: Class,
    pub(super) to: Class,
    pub(super) signed: bool,
    pub(super) saturating: bool,
    pub(super) source: Xmm,
    pub(super) target: Gp64,
    pub(super) wasm_offset: u32,
}

/// How a comparison's outcome stands in the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flags {
    One(Cond),
    /// Floats: equal and not parity.
    Equal,
    /// Floats: not equal or parity.
    NotEqual,
}
