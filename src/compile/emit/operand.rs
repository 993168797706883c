//! Operands looked up: a tape entry as the lowerings see it.

use super::registers::{Cell, pinned_float, pinned_gpr};
use crate::compile::op::Class;
use crate::compile::tape::Ref;
use planish_asm::{Gp64, Xmm};

/// An operand and its place in the table of places.
#[derive(Clone, Copy)]
pub(super) struct Value {
    pub(super) reference: Ref,
    pub(super) cell: Cell,
}

impl Value {
    #[inline]
    pub(super) fn is_temp(self) -> bool {
        self.reference.as_temp().is_some()
    }

    #[inline]
    pub(super) fn is_var(self) -> bool {
        self.reference.as_var().is_some()
    }

    #[inline]
    pub(super) fn is_const(self) -> bool {
        self.reference.is_const()
    }

    #[inline]
    pub(super) fn exists(self) -> bool {
        self.reference != Ref::NOTHING
    }
}

/// An [`Entry`](crate::compile::tape::Entry) with its operands looked up.
pub(super) struct Step {
    pub(super) class: Class,
    /// A register that the result will be wanted in: its number + 1, or 0.
    pub(super) hint: u8,
    /// The place of `dst` before: it says where the result belongs if that is a register.
    pub(super) home: u8,
    pub(super) dst: Value,
    pub(super) a: Value,
    pub(super) b: Value,
    pub(super) imm: u32,
}

impl Step {
    /// The register that the result's variable is pinned to.
    #[inline]
    pub(super) fn pinned(&self) -> Option<Gp64> {
        pinned_gpr(self.home)
    }

    #[inline]
    pub(super) fn pinned_float(&self) -> Option<Xmm> {
        pinned_float(self.home)
    }
}
