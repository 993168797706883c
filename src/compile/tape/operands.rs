//! What an entry's operands are, by its operation: one row each. Who checks, prints or follows entries asks here.

use super::entry::{Class, Convert, Entry, Int, ListItem, Op, Ref, Tape, Test};
use crate::compile::vector::Vector;

/// What one of an entry's references is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::compile) enum Operand {
    /// Missing.
    Nothing,
    /// A value.
    Value,
    /// A value, or missing.
    Maybe,
    /// The number of a [list](Tape::lists): of a value that is no reference if there is one more than `Arguments(0)`, then values.
    Arguments(usize),
    /// The number of a list of temps that are written, or missing.
    Results,
}

/// What an operation reads and writes.
#[derive(Clone, Copy, Debug)]
pub(in crate::compile) struct Shape {
    pub(in crate::compile) dst: Operand,
    pub(in crate::compile) a: Operand,
    pub(in crate::compile) b: Operand,
    /// Whether it takes one of [`Tape::offsets`].
    pub(in crate::compile) traps: bool,
}

/// What the number of an entry, [`Entry::imm`], is if it is more than a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::compile) enum Number {
    /// A number, or of no account.
    Plain,
    /// A value that is read.
    Value,
    /// The number of a list of values that are read.
    Values,
    /// The number of a label that is bound or gone to.
    Label,
    /// The number of a list of those.
    Labels,
}

impl Op {
    /// What the operation's entries look like.
    #[rustfmt::skip]
    pub(in crate::compile) fn shape(self) -> Shape {
        use Operand::{Arguments, Maybe, Nothing, Results, Value};
        let row = |dst, a, b, traps| Shape { dst, a, b, traps };
        match self {
            //                                                             dst      a             b        traps
            Op::Int(Int::DivS | Int::DivU | Int::RemS | Int::RemU) => row(Value,   Value,        Value,   true),
            Op::Int(_) | Op::Float(_)                              => row(Value,   Value,        Value,   false),
            Op::IntUnary(_) | Op::FloatUnary(_) | Op::Copy         => row(Value,   Value,        Nothing, false),
            Op::Lea { .. }                                         => row(Value,   Maybe,        Maybe,   false),
            Op::Wide(_)                                            => row(Value,   Value,        Value,   false),
            // Of a sum; a product has no high operands.
            Op::WideHigh                                           => row(Value,   Maybe,        Maybe,   false),
            Op::Convert(Convert::Trunc { saturating: false, .. })  => row(Value,   Value,        Nothing, true),
            Op::Convert(_)                                         => row(Value,   Value,        Nothing, false),
            Op::Vector(op) if op.has_second()                      => row(Value,   Value,        Value,   false),
            Op::Vector(_)                                          => row(Value,   Value,        Nothing, false),
            Op::NonNull                                            => row(Value,   Value,        Nothing, true),
            Op::Drop                                               => row(Nothing, Value,        Nothing, false),
            Op::Set(test) if test.has_second()                     => row(Value,   Value,        Value,   false),
            Op::Set(_)                                             => row(Value,   Value,        Nothing, false),
            Op::Compare(test) | Op::Branch(test)
                if test.has_second()                               => row(Nothing, Value,        Value,   false),
            Op::Compare(_) | Op::Branch(_) | Op::BranchTable       => row(Nothing, Value,        Nothing, false),
            Op::Select                                             => row(Value,   Value,        Value,   false),
            Op::Load(_) | Op::LoadVector(_) | Op::AtomicLoad(_)    => row(Value,   Value,        Nothing, true),
            Op::LoadLane(..)                                       => row(Value,   Value,        Value,   true),
            Op::Store(_) | Op::StoreLane(..) | Op::AtomicStore(_)  => row(Nothing, Value,        Value,   true),
            Op::AtomicRmw(..)                                      => row(Maybe,   Value,        Value,   true),
            Op::AtomicCompare(_)                                   => row(Nothing, Value,        Value,   true),
            Op::AtomicReplace                                      => row(Value,   Value,        Nothing, false),
            Op::Address | Op::TableGet                             => row(Value,   Value,        Nothing, true),
            Op::TableSet                                           => row(Nothing, Value,        Value,   true),
            Op::GlobalGet | Op::MemorySize | Op::TableSize
                | Op::RefFunc                                      => row(Value,   Nothing,      Nothing, false),
            Op::GlobalSet                                          => row(Nothing, Value,        Nothing, false),
            Op::Call                                               => row(Maybe,   Arguments(0), Results, true),
            Op::CallIndirect | Op::CallRef                         => row(Maybe,   Arguments(1), Results, true),
            Op::TailCall | Op::Throw                               => row(Nothing, Arguments(0), Nothing, true),
            Op::TailCallIndirect | Op::TailCallRef                 => row(Nothing, Arguments(1), Nothing, true),
            Op::Builtin                                            => row(Maybe,   Arguments(0), Nothing, true),
            Op::ThrowRef                                           => row(Nothing, Value,        Nothing, true),
            Op::Unreachable                                        => row(Nothing, Nothing,      Nothing, true),
            Op::Fence | Op::Memarg | Op::Label | Op::Jump
                | Op::Return | Op::Handler                         => row(Nothing, Nothing,      Nothing, false),
        }
    }

    pub(in crate::compile) fn number(self) -> Number {
        match self {
            Op::Vector(op) if op.has_third() => Number::Value,
            Op::Return => Number::Values,
            Op::Label | Op::Jump | Op::Branch(_) => Number::Label,
            Op::BranchTable => Number::Labels,
            _ => Number::Plain,
        }
    }

    /// Whether the entry that follows is never reached from the one before it.
    pub(in crate::compile) fn leaves(self) -> bool {
        matches!(
            self,
            Op::Jump
                | Op::BranchTable
                | Op::Return
                | Op::Unreachable
                | Op::Throw
                | Op::ThrowRef
                | Op::TailCall
                | Op::TailCallIndirect
                | Op::TailCallRef
        )
    }

    /// Whether it accesses memory at `a + imm`, or where the [`Op::Memarg`] before it says.
    pub(in crate::compile) fn accesses_memory(self) -> bool {
        matches!(
            self,
            Op::Load(_)
                | Op::Store(_)
                | Op::LoadVector(_)
                | Op::LoadLane(..)
                | Op::StoreLane(..)
                | Op::AtomicLoad(_)
                | Op::AtomicStore(_)
                | Op::AtomicRmw(..)
                | Op::AtomicCompare(_)
                | Op::Address
        )
    }

    /// Whether the next entry belongs to this one.
    pub(in crate::compile) fn is_followed_by(self, next: Op) -> bool {
        match (self, next) {
            (Op::Compare(_), Op::Select) | (Op::Wide(_), Op::WideHigh) | (Op::AtomicCompare(_), Op::AtomicReplace) => {
                true
            }
            (Op::Memarg, access) => access.accesses_memory(),
            _ => false,
        }
    }

    /// Whether a [partner](Op::is_followed_by) follows.
    pub(in crate::compile) fn has_partner(self) -> bool {
        matches!(self, Op::Compare(_) | Op::Wide(_) | Op::AtomicCompare(_) | Op::Memarg)
    }

    /// Whether it is the partner of the entry before it, and nothing without that.
    pub(in crate::compile) fn is_partner(self) -> bool {
        matches!(self, Op::Select | Op::WideHigh | Op::AtomicReplace)
    }
}

impl Test {
    fn has_second(self) -> bool {
        matches!(self, Test::Int(_) | Test::Float(_))
    }
}

impl Vector {
    /// Whether there is a `b`.
    fn has_second(self) -> bool {
        use Vector::*;
        !matches!(
            self,
            Not | Abs(_)
                | Neg(_)
                | Popcnt
                | Sqrt(_)
                | Ceil(_)
                | Floor(_)
                | Trunc(_)
                | Nearest(_)
                | ExtendLow(..)
                | ExtendHigh(..)
                | ExtaddPairwise(..)
                | ConvertI32x4(_)
                | ConvertLowI32x4(_)
                | TruncF32x4(_)
                | TruncF64x2(_)
                | Demote
                | Promote
                | RelaxedTruncF32x4(_)
                | RelaxedTruncF64x2(_)
                | Rotl(_)
                | Bitmask(_)
                | Splat(_)
                | Extract(..)
        )
    }

    /// Whether there is a third operand, an item at `imm`.
    fn has_third(self) -> bool {
        use Vector::*;
        matches!(self, Bitselect | Madd(_) | Nmadd(_) | Laneselect(_) | DotAdd)
    }
}

impl Tape {
    /// The values that an entry reads, constants among them, each as often as it reads it.
    pub(in crate::compile) fn reads<'a>(&'a self, e: &Entry) -> impl Iterator<Item = Ref> + use<'a> {
        let shape = e.op.shape();
        let value = |operand, value| (matches!(operand, Operand::Value | Operand::Maybe)).then_some(value);
        let third = (e.op.number() == Number::Value).then(|| Ref::from_item(e.imm));
        let list: &[ListItem] = match (shape.a, e.op.number()) {
            (Operand::Arguments(others), _) => self.list(e.a.to_item()).get(others..).unwrap_or_default(),
            (_, Number::Values) => self.list(e.imm),
            _ => &[],
        };
        let values = [value(shape.a, e.a), value(shape.b, e.b), third];
        let values = values.into_iter().flatten().chain(list.iter().map(|&item| Ref::from_item(item)));
        values.filter(|&value| value != Ref::NOTHING)
    }

    /// The variables and temps that an entry writes, after it has read.
    pub(in crate::compile) fn writes<'a>(&'a self, e: &Entry) -> impl Iterator<Item = Ref> + use<'a> {
        let list: &[ListItem] = match e.op.shape().b {
            Operand::Results if e.b != Ref::NOTHING => self.list(e.b.to_item()),
            _ => &[],
        };
        let dst = (e.dst != Ref::NOTHING).then_some(e.dst);
        dst.into_iter().chain(list.iter().map(|&item| Ref::from_item(item)))
    }
}

/// The name of a class in the specification.
pub(in crate::compile) fn class_name(class: Class) -> &'static str {
    match class {
        Class::I32 => "i32",
        Class::I64 => "i64",
        Class::F32 => "f32",
        Class::F64 => "f64",
        Class::V128 => "v128",
    }
}
