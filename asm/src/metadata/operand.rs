//! [`Operand`], [`Implicit`]: the operands of a form.

use super::data;
use super::kinds::{ArgInfo, Decoration, OperandKind};
use super::text::text;

/// What an instruction does with an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Reads and writes.
    ReadWrite,
    /// Writes under a condition.
    ConditionalWrite,
    /// Reads, and writes under a condition.
    ReadConditionalWrite,
    /// Reads under a condition.
    ConditionalRead,
    /// Uses the address only.
    Address,
    /// Nothing.
    None,
}

/// In the order of the generator's numbers, with the grammar's names.
const ACCESS: [(&str, Access); 8] = [
    ("r", Access::Read),
    ("w", Access::Write),
    ("rw", Access::ReadWrite),
    ("cw", Access::ConditionalWrite),
    ("rcw", Access::ReadConditionalWrite),
    ("cr", Access::ConditionalRead),
    ("a", Access::Address),
    ("n", Access::None),
];

impl Access {
    /// Whether it may read.
    ///
    /// ```
    /// # use planish_asm::metadata::Access;
    /// assert!(Access::ReadWrite.reads() && !Access::Write.reads());
    /// ```
    pub const fn reads(self) -> bool {
        !matches!(self, Access::Write | Access::ConditionalWrite | Access::Address | Access::None)
    }

    /// Whether it may write.
    ///
    /// ```
    /// # use planish_asm::metadata::Access;
    /// assert!(Access::ConditionalWrite.writes() && !Access::Address.writes());
    /// ```
    pub const fn writes(self) -> bool {
        !matches!(self, Access::Read | Access::ConditionalRead | Access::Address | Access::None)
    }
}

/// An operand of a form: from [`FormInfo::operands`](super::FormInfo::operands).
#[derive(Clone, Copy)]
pub struct Operand(u16);

impl Operand {
    pub(super) fn new(number: u16) -> Operand {
        Operand(number)
    }

    fn info(&self) -> &'static ArgInfo {
        &data::ARGS[usize::from(self.0 >> 4)]
    }

    /// As in the function's name: `r64`, `imm8s`, `m512b32`.
    pub fn name(&self) -> &'static str {
        text(self.info().name)
    }

    /// What it is.
    pub fn kind(&self) -> OperandKind {
        self.info().kind
    }

    /// Masks, broadcasts, rounding.
    pub fn decoration(&self) -> Decoration {
        self.info().decoration
    }

    /// The width of the register, the memory (of a broadcast: of all elements), the immediate or the displacement.
    pub fn bits(&self) -> u32 {
        self.info().bits.into()
    }

    /// What the instruction does with it.
    pub fn access(&self) -> Access {
        ACCESS[usize::from(self.0 & 7)].1
    }
}

impl core::fmt::Debug for Operand {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Operand({} {:?})", self.name(), self.access())
    }
}

/// An operand that an instruction implies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implicit {
    /// The register or the like: `rax`, `xmm0-7`, `msrs`.
    pub name: &'static str,
    /// What the instruction does with it.
    pub access: Access,
}

impl Implicit {
    pub(super) fn new(text: &'static str) -> Implicit {
        let (access, name) = text.split_once(':').unwrap_or(("r", text));
        let known = ACCESS.iter().find(|(known, _)| *known == access);
        Implicit { name, access: known.map_or(Access::Read, |(_, access)| *access) }
    }
}
