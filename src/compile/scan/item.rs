//! What the operand stack holds: values, and computations that wait for their user.

use super::ty::Ty;
use crate::compile::op::{Class, Int, Kind, Op, Test};
use crate::compile::tape::Ref;

/// A value on the operand stack: if its reference is [lazy](Ref::lazy), a [`Node`] that is not computed yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) value: Ref,
    pub(super) ty: Ty,
}

impl Item {
    #[inline]
    pub(super) fn class(self) -> Class {
        self.ty.class()
    }
}

/// A computation that waits for its user: a test, a sum, or the low bits of an i64. The entry that does it has these parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) op: Op,
    pub(super) kind: Kind,
    /// That of the operands.
    pub(super) class: Class,
    pub(super) a: Ref,
    pub(super) b: Ref,
    pub(super) imm: u32,
}

impl Node {
    #[inline(always)]
    pub(super) fn new(op: Op, class: Class, a: Ref, b: Ref, imm: u32) -> Node {
        Node { op, kind: op.kind(), class, a, b, imm }
    }

    /// `a test b`, as i32.
    #[inline(always)]
    pub(super) fn test(test: Test, class: Class, a: Ref, b: Ref) -> Node {
        Node::new(Op::Set(test), class, a, b, 0)
    }

    /// `a + b`
    #[inline(always)]
    pub(super) fn sum(class: Class, a: Ref, b: Ref) -> Node {
        Node::new(Op::Int(Int::Add), class, a, b, 0)
    }
}

/// A condition that has not been computed.
#[derive(Clone, Copy)]
pub(super) struct Condition {
    pub(super) test: Test,
    pub(super) class: Class,
    pub(super) a: Ref,
    pub(super) b: Ref,
}

impl Condition {
    pub(super) fn inverted(self) -> Condition {
        Condition { test: self.test.invert(), ..self }
    }
}
