//! [`Record`]: what an assembler remembers about places in the code: relocations, marks, and while branches can still
//! shrink, every field and every padding.

use crate::label::Label;

/// Storage for one record, to be handed to [`Asm::with_records`](crate::Asm::with_records); 24 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// The place: of a field its first byte.
    pub(crate) at: u32,
    /// By how many bytes the place moves down, as far as is known.
    pub(crate) gone: u32,
    pub(crate) what: What,
}

impl Record {
    /// What a slice of records is made of: its content does not matter.
    pub const EMPTY: Record = Record { at: 0, gone: 0, what: What::Mark { tag: 0 } };

    /// Where the record's part of the code starts, and how long it is as long as branches are long.
    #[inline]
    pub(crate) const fn span(&self) -> (u32, u32) {
        match self.what {
            What::Relative { .. } | What::Near { .. } | What::Difference { .. } => (self.at, 4),
            What::Branch { opcode_len, .. } => (self.at - opcode_len as u32, opcode_len as u32 + 4),
            What::Short { .. } => (self.at, 1),
            What::Padding { len, .. } => (self.at, len),
            What::Relocation { kind, .. } => (self.at, kind.len_bytes() as u32),
            What::Mark { .. } => (self.at, 0),
        }
    }
}

/// What is at a place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// A rip-relative address, with `behind` bytes between the field and the end of the instruction.
    Relative { to: Label, disp: i32, behind: u8 },
    /// The 32 bits of a call, or of a branch that keeps them.
    Near { to: Label },
    /// The 32 bits of a branch with this length of the opcode before them, until it is found to be `short`.
    Branch { to: Label, opcode_len: u8, short: bool },
    /// The 8 bits of a branch.
    Short { to: Label },
    /// `to - base` in 32 bits.
    Difference { to: Label, base: Label },
    /// The start of `len` bytes of padding.
    Padding { rule: Rule, len: u32 },
    /// A field that is filled in by who places the code.
    Relocation { to: Label, kind: RelocationKind, addend: i64 },
    /// A number of the caller.
    Mark { tag: u32 },
}

/// What padding is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// `offset` bytes behind the padding lies a multiple of `1 << log2`.
    Aligned { log2: u8, offset: u8 },
    /// The `len` bytes behind the padding lie in one block of `1 << log2` bytes.
    Within { log2: u8, len: u8 },
}

impl Rule {
    /// How many bytes of padding the rule asks for at `pos`. No rule lets a later position end before an earlier one.
    #[inline]
    pub(crate) const fn padding(self, pos: u32) -> u32 {
        let (log2, behind) = match self {
            Rule::Aligned { log2, offset } => (log2, offset as u32),
            Rule::Within { log2, len } => {
                let in_block = pos & ((1 << log2) - 1);
                if in_block + len as u32 <= 1 << log2 {
                    return 0;
                }
                (log2, 0)
            }
        };
        pos.wrapping_add(behind).wrapping_neg() & ((1 << log2) - 1)
    }
}

/// How a field is computed from `S`, the address of the symbol (or of the start of the code), `A`, the addend, and `P`,
/// the address of the field. In brackets the names of the System V ABI for AMD64 (4.4, Relocation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RelocationKind {
    /// 8 bytes: `S + A` (`R_X86_64_64`).
    Abs64,
    /// 4 bytes, zero-extended where they are used: `S + A` (`R_X86_64_32`).
    Abs32,
    /// 4 bytes: `S + A - P`, of an address or of data (`R_X86_64_PC32`).
    Relative32,
    /// The same of a call or jump, which a linker may lead through a stub (`R_X86_64_PLT32`).
    Branch32,
}

impl RelocationKind {
    /// The size of the field in bytes.
    #[inline]
    pub const fn len_bytes(self) -> usize {
        if matches!(self, RelocationKind::Abs64) { 8 } else { 4 }
    }
}

/// A field to be filled in when the code's address is known. The addend is not in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// The code offset of the field.
    pub offset: usize,
    /// How it is computed.
    pub kind: RelocationKind,
    /// The number of the external symbol ([`Label::external`]), or `None` for the start of this code.
    pub symbol: Option<u32>,
    /// What is added.
    pub addend: i64,
}

impl Relocation {
    /// Fills in the field: just its bytes. `code` will run at `code_address`; `symbol_address` is that of the symbol and
    /// of no use without one. `None` if the value does not fit the field or the field is not in `code`.
    ///
    /// ```
    /// # use planish_asm::{Asm, Label, Record};
    /// # let (mut buffer, mut records) = ([0; 16], [Record::EMPTY; 1]);
    /// let mut a = Asm::new(&mut buffer, &mut []).with_records(&mut records);
    /// let mut code: [u8; 6] = a.call_label(Label::external(0)).ret().finish()?.try_into().unwrap();
    /// for relocation in a.relocations() {
    ///     relocation.apply(&mut code, 0x1000, 0x2000).expect("within 2 GiB");
    /// }
    /// assert_eq!(code, [0xE8, 0xFB, 0x0F, 0, 0, 0xC3]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub fn apply(&self, code: &mut [u8], code_address: u64, symbol_address: u64) -> Option<()> {
        let base = if self.symbol.is_some() { symbol_address } else { code_address };
        let value = base.wrapping_add(self.addend as u64);
        let distance = value.wrapping_sub(code_address.wrapping_add(self.offset as u64));
        let field = code.get_mut(self.offset..)?.get_mut(..self.kind.len_bytes())?;
        match self.kind {
            RelocationKind::Abs64 => field.copy_from_slice(&value.to_le_bytes()),
            RelocationKind::Abs32 => field.copy_from_slice(&u32::try_from(value).ok()?.to_le_bytes()),
            RelocationKind::Relative32 | RelocationKind::Branch32 => {
                field.copy_from_slice(&i32::try_from(distance as i64).ok()?.to_le_bytes());
            }
        }
        Some(())
    }
}
