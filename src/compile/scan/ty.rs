//! [`Ty`]: a value type in one word, as the scanner's stack has it.

use crate::compile::op::Class;
use crate::decode::Invalid;
use crate::interning::MAX_NUMBER;
use crate::types::{HeapType, IndexType, RefType, ValType};

/// The type of an operand: a value type, or anything where code cannot be reached. A reference has the top bit, the lowest
/// if it may be null, and in between what it refers to: an abstract type, or a concrete one's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ty(u32);

const REFERENCE: u32 = 1 << 31;
const CONCRETE: u32 = 1 << 30;
const NULLABLE: u32 = 1;

const FUNC: u32 = 0;
const EXTERN: u32 = 1 << 1;
const EXN: u32 = 2 << 1;
const NO_EXN: u32 = 3 << 1;

const _: () = assert!(MAX_NUMBER << 1 < CONCRETE);

impl Ty {
    pub(super) const I32: Ty = Ty(0);
    pub(super) const I64: Ty = Ty(1);
    pub(super) const F32: Ty = Ty(2);
    pub(super) const F64: Ty = Ty(3);
    pub(super) const BOTTOM: Ty = Ty(6);
    pub(super) const V128: Ty = Ty(7);
    /// A reference of any type, where code cannot be reached.
    pub(super) const REF_BOTTOM: Ty = Ty(REFERENCE | 4 << 1);
    pub(super) const FUNCREF: Ty = Ty(REFERENCE | FUNC | NULLABLE);
    pub(super) const EXNREF: Ty = Ty(REFERENCE | EXN | NULLABLE);

    #[inline]
    pub(super) fn of(ty: &ValType) -> Ty {
        match ty {
            ValType::I32 => Ty::I32,
            ValType::I64 => Ty::I64,
            ValType::F32 => Ty::F32,
            ValType::F64 => Ty::F64,
            ValType::V128 => Ty::V128,
            ValType::Ref(ty) => Ty::reference(ty),
        }
    }

    pub(super) fn reference(ty: &RefType) -> Ty {
        let heap = match &ty.heap {
            HeapType::Func => FUNC,
            HeapType::Extern => EXTERN,
            HeapType::Exn => EXN,
            HeapType::NoExn => NO_EXN,
            HeapType::ConcreteFunc(ty) => CONCRETE | ty.number() << 1,
        };
        Ty(REFERENCE | heap | ty.nullable as u32)
    }

    pub(super) fn index(ty: IndexType) -> Ty {
        match ty {
            IndexType::I32 => Ty::I32,
            IndexType::I64 => Ty::I64,
        }
    }

    /// The number that a class is.
    #[inline]
    pub(super) const fn number(class: Class) -> Ty {
        match class {
            Class::I32 => Ty::I32,
            Class::I64 => Ty::I64,
            Class::F32 => Ty::F32,
            Class::F64 => Ty::F64,
            Class::V128 => Ty::V128,
        }
    }

    #[inline]
    pub(super) fn class(self) -> Class {
        match self {
            Ty::I32 => Class::I32,
            Ty::F32 => Class::F32,
            Ty::F64 => Class::F64,
            Ty::V128 => Class::V128,
            _ => Class::I64,
        }
    }

    pub(super) fn is_ref(self) -> bool {
        self.0 & REFERENCE != 0
    }

    /// A non-nullable reference: what a local holds that must be written before it is read.
    #[inline]
    pub(super) fn has_no_default(self) -> bool {
        self.0 & (REFERENCE | NULLABLE) == REFERENCE
    }

    pub(super) fn nullable(self) -> Ty {
        Ty(self.0 | NULLABLE)
    }

    pub(super) fn non_null(self) -> Ty {
        Ty(self.0 & !NULLABLE)
    }

    /// May an operand of this type stand where `expected` is asked for (specification 3.3.3)?
    #[inline(always)]
    pub(super) fn matches(self, expected: Ty) -> bool {
        self == expected || self == Ty::BOTTOM || self.is_ref() && expected.is_ref() && self.refers_to(expected)
    }

    #[inline(never)]
    pub(super) fn refers_to(self, expected: Ty) -> bool {
        let [this, expected_heap] = [self, expected].map(Ty::non_null);
        self == Ty::REF_BOTTOM
            || (self == this || expected != expected_heap)
                && (this == expected_heap
                    || this.0 & CONCRETE != 0 && expected_heap == Ty::FUNCREF.non_null()
                    || this == Ty(REFERENCE | NO_EXN) && expected_heap == Ty::EXNREF.non_null())
    }
}

pub(super) fn ensure(condition: bool) -> Result<(), Invalid> {
    if condition { Ok(()) } else { Err(Invalid) }
}
