//! Labels: positions in the code, used before or after they are bound.
//!
//! A label is an index into a slice of [`LabelSlot`]s that the caller provides, 8 bytes each. Fields that wait for a
//! label need no storage: they are linked through the code itself. A pending 32-bit field holds the distance back
//! to the label's previous pending field (27 bits, 0 ends the chain) and what to do with it (5 bits); a
//! pending 8-bit field holds the distance to the previous 8-bit one. So one assembly is at most 2^27 bytes.

/// A label of the [`Asm`](crate::Asm) that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    pub(crate) index: u32,
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
#[derive(Clone, Copy, Debug)]
pub struct LabelSlot {
    /// The position if bound; else [`PENDING`] and the latest pending 32-bit field (or [`NONE`]).
    pub(crate) at: u32,
    /// Not bound: the latest pending 8-bit field or [`NONE`].
    pub(crate) short: u32,
}

/// The bit of [`LabelSlot::at`] that says "not bound".
pub(crate) const PENDING: u32 = 1 << 31;
/// The end of a chain: a position that no field has, so far away that no branch to it is short.
pub(crate) const NONE: u32 = PENDING | 1 << 30;

impl LabelSlot {
    /// What a slice of slots is made of: its content does not matter.
    pub const EMPTY: LabelSlot = LabelSlot { at: NONE, short: NONE };

    pub(crate) const fn is_bound(self) -> bool {
        self.at & PENDING == 0
    }

    /// All ones if the label has no pending 32-bit field: bit 30, which no position has.
    #[inline(always)]
    pub(crate) const fn none_mask(self) -> u32 {
        ((self.at << 1) as i32 >> 31) as u32
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
