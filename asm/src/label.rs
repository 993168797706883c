//! Labels: positions in the code, used before or after they are bound.
//!
//! A label is an index into a slice of [`LabelSlot`]s that the caller provides, 8 bytes each.

/// A label of the [`Asm`](crate::Asm) that made it, or a symbol that is defined elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    pub(crate) index: u32,
}

/// The bit of [`Label::index`] that says "external".
const EXTERNAL: u32 = 1 << 31;
/// How many external symbols there can be.
const EXTERNAL_COUNT: u32 = 1 << 18;
/// How many labels an address can name: its 22 bits hold these, the external ones, and one number for "none".
const LABELS_IN_ADDRESSES: u32 = (1 << 22) - 1 - EXTERNAL_COUNT;

impl Label {
    /// The symbol number `number` (below 2^18) that is defined elsewhere. It stands wherever a label does; every use
    /// becomes a [`Relocation`](crate::Relocation).
    ///
    /// ```
    /// use planish_asm::{Asm, Label, Record, RelocationKind};
    /// let (mut code, mut records) = ([0; 16], [Record::EMPTY; 1]);
    /// let mut a = Asm::new(&mut code, &mut []).with_records(&mut records);
    /// let exit = Label::external(7);
    /// a.jmp_label(exit);
    /// assert_eq!(a.finish()?, [0xE9, 0, 0, 0, 0]);
    /// let relocation = a.relocations().next().unwrap();
    /// assert_eq!((relocation.offset, relocation.kind), (1, RelocationKind::Branch32));
    /// assert_eq!((relocation.symbol, relocation.addend), (Some(7), -4));
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn external(number: u32) -> Label {
        Label { index: EXTERNAL | number }
    }

    /// The number of an external symbol.
    pub const fn external_number(self) -> Option<u32> {
        if self.index & EXTERNAL != 0 { Some(self.index & !EXTERNAL) } else { None }
    }

    /// The number that stands for the label in an address, if there is one.
    pub(crate) const fn in_address(self) -> Option<u32> {
        match self.external_number() {
            Some(number) if number < EXTERNAL_COUNT => Some(LABELS_IN_ADDRESSES + number),
            None if self.index < LABELS_IN_ADDRESSES => Some(self.index),
            _ => None,
        }
    }

    /// The inverse of [`Label::in_address`].
    pub(crate) const fn from_address(index: u32) -> Label {
        match index < LABELS_IN_ADDRESSES {
            true => Label { index },
            false => Label::external(index - LABELS_IN_ADDRESSES),
        }
    }
}

/// Consecutive labels, made by [`Asm::labels`](crate::Asm::labels).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Labels {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl Labels {
    /// The label with this number, from 0.
    #[inline]
    pub const fn get(self, number: u32) -> Option<Label> {
        if number < self.count { Some(Label { index: self.first + number }) } else { None }
    }
}

/// Storage for one label, to be handed to [`Asm::new`](crate::Asm::new).
///
/// As many as there are labels are enough. More make forward branches cheaper: one for each that waits, 64 for most code.
#[derive(Clone, Copy, Debug)]
pub struct LabelSlot {
    /// The position if bound; else [`PENDING`] and the latest field in the chain ([`NONE`] without any chain, [`SHORT_ONLY`]).
    ///
    /// Of a field that waits: its position. Such a field has the kind 0.
    pub(crate) at: u32,
    /// Not bound: the latest pending 8-bit field or [`NONE`]. Of a field that waits: the label.
    pub(crate) short: u32,
}

/// The bit of [`LabelSlot::at`] that says "not bound".
pub(crate) const PENDING: u32 = 1 << 31;
/// The end of a chain: a position that no field has, so far away that no branch to it is short.
pub(crate) const NONE: u32 = PENDING | 1 << 30;
/// The same, but there are 8-bit fields.
pub(crate) const SHORT_ONLY: u32 = NONE | 1;

impl LabelSlot {
    /// What a slice of slots is made of: its content does not matter.
    pub const EMPTY: LabelSlot = LabelSlot { at: NONE, short: NONE };

    pub(crate) const fn is_bound(self) -> bool {
        self.at & PENDING == 0
    }
}

/// The largest position: what 27 bits of distance can reach.
pub(crate) const MAX_LEN: usize = 1 << 27;

/// A pending 32-bit field as it stands in the code.
#[derive(Clone, Copy)]
pub(crate) struct Field(pub(crate) u32);

impl Field {
    /// Kinds below this one: the displacement counts from so many bytes behind the field.
    pub(crate) const EXTENDED: u32 = 31;
    const LINK: u32 = (1 << 27) - 1;

    /// `link`: the distance to the previous field, or the slot that has it ([`Field::EXTENDED`]).
    #[inline(always)]
    pub(crate) const fn new(kind: u32, link: u32) -> Field {
        Field(kind << 27 | link & Field::LINK)
    }

    #[inline(always)]
    pub(crate) const fn kind(self) -> u32 {
        self.0 >> 27
    }

    #[inline(always)]
    pub(crate) const fn link(self) -> u32 {
        self.0 & Field::LINK
    }
}
