//! [`AsmError`]: what an assembler remembers until it is asked.

use crate::label::Label;

/// Why [`Asm::finish`](crate::Asm::finish) has no code to give: the first thing that went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AsmError {
    /// The buffer is too small; one of `needed` bytes is enough for the same calls.
    Full {
        /// The size of the code in bytes.
        needed: usize,
    },
    /// Beyond 128 MiB, the reach of a label's fields.
    TooLong,
    /// The label slice is too small; one of `needed` slots is enough for the same calls.
    TooManyLabels {
        /// The number of slots.
        needed: usize,
    },
    /// The slice of records is too small; one of `needed` records is enough for the same calls.
    TooManyRecords {
        /// The number of records.
        needed: usize,
    },
    /// [`Asm::with_relaxation`](crate::Asm::with_relaxation) without [`Asm::relax`](crate::Asm::relax) before the end.
    NotRelaxed,
    /// A label was used but never bound.
    Unbound {
        /// The label.
        label: Label,
    },
    /// A label was bound a second time, here, or one that is external.
    BoundTwice {
        /// The code offset.
        at: usize,
    },
    /// The label belongs to another assembler.
    UnknownLabel {
        /// The code offset of its use.
        at: usize,
    },
    /// `dd_label_diff` with a base that is not bound, or with an external label.
    UnboundBase {
        /// The code offset.
        at: usize,
    },
    /// The target of a short branch is more than 127 bytes away.
    ShortRange {
        /// The code offset of the branch's displacement.
        at: usize,
    },
    /// `ah ch dh bh` together with an operand that needs a REX prefix.
    HighByte {
        /// The code offset of the instruction.
        at: usize,
    },
    /// Operators were given parts that do not form an address: two indexes, a factor other than 1 2 4 8, a displacement
    /// beyond 32 bits.
    InvalidAddress {
        /// The code offset of the instruction.
        at: usize,
    },
    /// More than 15 bytes, which no processor decodes: two prefixes, a segment, 32-bit addressing, displacement and immediate.
    InstructionTooLong {
        /// The code offset of the instruction.
        at: usize,
    },
    /// Registers that must be different are the same: destination, index and mask of a gather, tiles of a product,
    /// destination and source of a complex half-precision product.
    SameRegister {
        /// The code offset of the instruction.
        at: usize,
    },
    /// The register exists but not as this operand: a move to `cs`.
    InvalidRegister {
        /// The code offset of the instruction.
        at: usize,
    },
    /// An alignment that is not a power of two, or more bytes than go into one block.
    InvalidAlignment {
        /// The code offset.
        at: usize,
    },
    /// A patch outside of the code emitted so far.
    InvalidPatch {
        /// The code offset of the patch.
        at: usize,
    },
    /// The constant pool has no room for another constant.
    PoolFull,
}

impl core::fmt::Display for AsmError {
    #[inline]
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            AsmError::Full { needed } => write!(f, "the code needs a buffer of {needed} bytes"),
            AsmError::TooLong => write!(f, "the code is longer than 128 MiB"),
            AsmError::TooManyLabels { needed } => write!(f, "the code needs {needed} label slots"),
            AsmError::TooManyRecords { needed } => write!(f, "the code needs {needed} records"),
            AsmError::NotRelaxed => write!(f, "branches can still shrink: `relax` is missing"),
            AsmError::Unbound { label } => write!(f, "label {} is used but not bound", label.index),
            AsmError::BoundTwice { at } => write!(f, "a label is bound a second time at {at:#x}"),
            AsmError::UnknownLabel { at } => {
                write!(f, "a label of another assembler is used at {at:#x}")
            }
            AsmError::UnboundBase { at } => {
                write!(f, "the base of the difference at {at:#x} is not bound")
            }
            AsmError::ShortRange { at } => {
                write!(f, "the short branch with its displacement at {at:#x} does not reach")
            }
            AsmError::HighByte { at } => write!(f, "ah, ch, dh or bh with a REX prefix at {at:#x}"),
            AsmError::InvalidAddress { at } => {
                write!(f, "the parts of the address at {at:#x} do not form one")
            }
            AsmError::InstructionTooLong { at } => {
                write!(f, "the instruction at {at:#x} is longer than 15 bytes")
            }
            AsmError::SameRegister { at } => {
                write!(f, "registers that must be different are the same at {at:#x}")
            }
            AsmError::InvalidRegister { at } => {
                write!(f, "the register cannot be this operand at {at:#x}")
            }
            AsmError::InvalidAlignment { at } => {
                write!(f, "the alignment at {at:#x} is not a power of two, or smaller than what it aligns")
            }
            AsmError::InvalidPatch { at } => {
                write!(f, "the patch at {at:#x} is outside of the code")
            }
            AsmError::PoolFull => write!(f, "the constant pool is full"),
        }
    }
}

impl core::error::Error for AsmError {}
