//! What the entries of a tape do.

use super::vector::{Lanes, Vector, VectorLoad};
use crate::types::MemoryIndex;
use planish_asm::Cond;

/// Where a value lives while it is on the operand stack or in a local.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    I32,
    I64,
    F32,
    F64,
    V128,
}

impl Class {
    /// Does it live in the float registers? Vectors do.
    #[inline]
    pub(super) fn is_float(self) -> bool {
        matches!(self, Class::F32 | Class::F64 | Class::V128)
    }

    /// The class of all that a float register holds of a value of this class, and its slot.
    #[inline]
    pub(super) fn whole_float(self) -> Class {
        if self == Class::V128 { Class::V128 } else { Class::F64 }
    }
}

/// An integer operation of two operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Int {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
    DivS,
    DivU,
    RemS,
    RemU,
}

impl Int {
    #[inline]
    pub(super) fn is_commutative(self) -> bool {
        matches!(self, Int::Add | Int::Mul | Int::And | Int::Or | Int::Xor)
    }
}

/// An integer operation of one operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IntUnary {
    Clz,
    Ctz,
    Popcnt,
    Extend8S,
    Extend16S,
    /// From 32 to 64 bits, sign-extended.
    Extend32S,
    /// The low 32 bits, zero-extended.
    Wrap,
}

/// A 128-bit operation, of halves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wide {
    Add,
    Sub,
    MulS,
    MulU,
}

/// A float operation of two operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Float {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Copysign,
}

/// A float operation of one operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FloatUnary {
    Abs,
    Neg,
    Sqrt,
    Ceil,
    Floor,
    Trunc,
    Nearest,
}

/// A comparison of floats; the negated ones hold when an operand is not a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FloatCond {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    NotLt,
    NotGt,
    NotLe,
    NotGe,
}

impl FloatCond {
    pub(super) fn invert(self) -> FloatCond {
        use FloatCond::*;
        match self {
            Eq => Ne,
            Ne => Eq,
            Lt => NotLt,
            Gt => NotGt,
            Le => NotLe,
            Ge => NotGe,
            NotLt => Lt,
            NotGt => Gt,
            NotLe => Le,
            NotGe => Ge,
        }
    }
}

/// What a comparison asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Test {
    Int(Cond),
    Float(FloatCond),
    /// Is any bit of the vector `a` set? There is no `b`.
    Any,
    None,
    /// Is no lane of the vector `a` zero? There is no `b`.
    All(Lanes),
    NotAll(Lanes),
}

impl Test {
    pub(super) fn invert(self) -> Test {
        match self {
            Test::Int(cond) => Test::Int(cond.invert()),
            Test::Float(cond) => Test::Float(cond.invert()),
            Test::Any => Test::None,
            Test::None => Test::Any,
            Test::All(lanes) => Test::NotAll(lanes),
            Test::NotAll(lanes) => Test::All(lanes),
        }
    }
}

/// How a load widens, or a store narrows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// As wide as the class.
    Whole,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
}

/// Where a memory access goes that is not to memory 0 with a 32-bit index (specification 5.4.6).
#[derive(Clone, Copy, Debug)]
pub(super) struct Memarg {
    pub(super) memory: MemoryIndex,
    pub(super) offset: u64,
    /// Of the index operand: that of the memory's index type.
    pub(super) index: Class,
}

/// What an atomic operation does with what is in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rmw {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Exchange,
}

/// A conversion; the entry's class is the result's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Convert {
    /// Float to integer; traps unless `saturating`.
    Trunc { from: Class, signed: bool, saturating: bool },
    /// Integer to float.
    FromInt { from: Class, signed: bool },
    /// f32 to f64 or back.
    Float,
    /// Same bits.
    Reinterpret,
}

/// What an entry does. `dst`, `a`, `b` and `imm` are the [`Entry`](super::tape::Entry)'s.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    /// `dst = a op b`
    Int(Int),
    /// `dst = a op`
    IntUnary(IntUnary),
    /// `dst = a + (b << scale) + imm`, wrapping at the class's width; either of `a`, `b` may be missing.
    Lea {
        scale: u8,
    },
    /// `dst =` the low half of a 128-bit `a op b`, of whose operands these are the low halves (of a product, all). An
    /// [`Op::WideHigh`] follows.
    Wide(Wide),
    /// `dst =` the high half. `a` and `b` are the high halves of a sum's operands.
    WideHigh,
    /// `dst = a op b`
    Float(Float),
    FloatUnary(FloatUnary),
    Convert(Convert),
    /// See [`Vector`].
    Vector(Vector),
    /// `dst = a`
    Copy,
    /// `dst = a`, which traps if it is null.
    NonNull,
    /// `a` was computed for its effects.
    Drop,
    /// `dst = (a test b)`; the class is that of the operands, the result an i32.
    Set(Test),
    /// Flags for the [`Op::Select`] that follows.
    Compare(Test),
    /// `dst = if flags { a } else { b }`
    Select,
    /// `dst = memory 0 [a + imm]`, or as the [`Op::Memarg`] before it says.
    Load(Access),
    /// `memory 0 [a + imm] = b`, or as the [`Op::Memarg`] before it says.
    Store(Access),
    /// `dst = memory 0 [a + imm]`
    LoadVector(VectorLoad),
    /// `dst = b` with a lane from `memory 0 [a + imm]`
    LoadLane(Lanes, u8),
    /// `memory 0 [a + imm]` = a lane of `b`
    StoreLane(Lanes, u8),
    /// As [`Op::Load`] and [`Op::Store`], but these trap unless the address is a multiple of the size, and all threads see all
    /// atomic operations in one order.
    AtomicLoad(Access),
    AtomicStore(Access),
    /// `dst = memory 0 [a + imm]`, which becomes `dst op b`; the result may not be wanted.
    AtomicRmw(Rmw, Access),
    /// If `memory 0 [a + imm]` is `b` it becomes what the [`Op::AtomicReplace`] says that follows.
    AtomicCompare(Access),
    /// `a` replaces what was compared; `dst` is what was there.
    AtomicReplace,
    Fence,
    /// `dst = a + imm` in 64 bits, of an address that a builtin checks; traps if it wraps.
    Address,
    /// The next entry accesses memory as [`Tape::memargs`] says at `imm`.
    Memarg,
    /// `dst = global imm`
    GlobalGet,
    /// `global imm = a`
    GlobalSet,
    /// `dst = pages of memory imm`, of the index type
    MemorySize,
    /// `dst = elements of table imm`, of the index type
    TableSize,
    /// `dst = table imm [a]`
    TableGet,
    /// `table imm [a] = b`
    TableSet,
    /// `dst = reference to function imm`
    RefFunc,
    /// Calls function `imm` with the [list](super::tape::Tape::lists) at `a`, its results the list at `b` (or `dst` if it is one).
    Call,
    /// As [`Op::Call`], of type `imm`; the list of arguments begins with the table's number and the index.
    CallIndirect,
    /// As [`Op::Call`], of type `imm`; the list of arguments begins with 0 and the reference.
    CallRef,
    /// Goes to function `imm` with the list at `a`, in place of this one.
    TailCall,
    /// The same as [`Op::CallIndirect`].
    TailCallIndirect,
    /// The same as [`Op::CallRef`].
    TailCallRef,
    /// As [`Op::Call`], builtin number `imm`; at most one result, `dst`.
    Builtin,
    /// Binds label `imm`.
    Label,
    /// Goes to label `imm`.
    Jump,
    /// Goes to label `imm` if `a test b`.
    Branch(Test),
    /// Goes to the label of the list at `imm` that `a` chooses, to the last if there is none.
    BranchTable,
    /// Returns the list at `imm`.
    Return,
    Unreachable,
    /// Throws an exception of tag `imm` with the list at `a`.
    Throw,
    /// Throws `a`, which traps if it is null.
    ThrowRef,
    /// What comes now is in the [handler](super::tape::Tape::handlers) `imm`, or in none.
    Handler,
}

/// An [entry's weight](Op::weight) that no short branch reaches over.
pub(super) const FAR: u8 = 13;
// The weights of fewer entries than that do not wrap.
const _: () = assert!((FAR as u32 - 1) * FAR as u32 <= u8::MAX as u32);

/// What an emitter wants to know of an operation before it comes to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) weight: u8,
    pub(super) takes: u8,
}

impl Op {
    #[inline(always)]
    pub(super) fn kind(self) -> Kind {
        Kind { weight: self.weight(), takes: self.takes() }
    }

    /// How long its code may be, roughly, in units of twelve bytes.
    #[inline(always)]
    pub(super) fn weight(self) -> u8 {
        match self {
            Op::Call => 5,
            Op::Return => 3,
            Op::CallIndirect
            | Op::CallRef
            | Op::TailCall
            | Op::TailCallIndirect
            | Op::TailCallRef
            | Op::Builtin
            | Op::Throw
            | Op::ThrowRef
            | Op::BranchTable
            | Op::Convert(_)
            | Op::Vector(_)
            | Op::Memarg => FAR,
            _ => 1,
        }
    }

    /// Which operands its lowering can take from memory, as a load of its class has them: a set of [`TAKES_A`] and the like.
    #[inline(always)]
    pub(super) fn takes(self) -> u8 {
        match self {
            Op::Set(Test::Int(_)) | Op::Branch(Test::Int(_)) | Op::Compare(Test::Int(_)) => TAKES_A | TAKES_B,
            Op::Int(Int::Sub) | Op::Float(Float::Sub | Float::Div) => TAKES_B,
            Op::Int(op) if op.is_commutative() => TAKES_A | TAKES_B | UNLESS_CONST,
            Op::Float(Float::Add | Float::Mul) | Op::FloatUnary(FloatUnary::Sqrt) => TAKES_A | TAKES_B,
            // Some can.
            Op::Vector(_) => TAKES_A | TAKES_B,
            _ => 0,
        }
    }
}

/// The first operand can be in memory,
pub(super) const TAKES_A: u8 = 1;
/// or the second,
pub(super) const TAKES_B: u8 = 2;
/// but only if neither is a constant,
pub(super) const UNLESS_CONST: u8 = 4;
