//! What the generated tables are made of: kinds of operands, and the numbers of a row.

/// What the generator writes of a kind of argument.
pub(super) struct ArgInfo {
    pub(super) name: u32,
    pub(super) kind: OperandKind,
    pub(super) decoration: Decoration,
    pub(super) bits: u16,
}

/// Three texts of a row (see [`super::text`]); numbers of its features, flags, implicit operands, and tier and table.
pub(super) struct RowInfo(pub(super) [u32; 4]);

/// What an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OperandKind {
    /// A register of a class.
    Register,
    /// Memory; [`Operand::bits`](super::Operand::bits) is 0 where only the address counts or the processor knows the size.
    Memory,
    /// Memory indexed by a vector register.
    VectorMemory,
    /// Memory at an absolute 64-bit address.
    AbsoluteMemory,
    /// The raw bits.
    Immediate,
    /// Sign-extended to the operand's size.
    SignedImmediate,
    /// A displacement from the end of the instruction.
    Branch,
    /// The flags' default value of a conditional compare.
    DefaultFlags,
    /// A register or the constant 1, which the name says; no parameter.
    Fixed,
}

/// What else is said of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Decoration {
    /// Nothing.
    None,
    /// A mask is allowed, merging or zeroing.
    Mask,
    /// A mask is allowed, merging only.
    MergingMask,
    /// There must be a mask.
    RequiredMask,
    /// One element for all.
    Broadcast,
    /// A rounding mode.
    Rounding,
    /// Exceptions are suppressed.
    SuppressedExceptions,
}
