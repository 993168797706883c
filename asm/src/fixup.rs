//! Labels of an assembler: made, bound, and filled into the fields that refer to them.
//!
//! A field that waits for a label goes into a slot that is not in use, from the last down, and is filled in together with the
//! others when the slots run out or the code is finished. It then mostly finds its label bound, so binding is a store and no more.
//!
//! Without a free slot, fields need no storage: they are linked through the code itself. A pending 32-bit field
//! holds the distance back to the label's previous pending field (27 bits, 0 ends the chain) and what to do with it
//! (5 bits); a pending 8-bit field holds the distance to the previous 8-bit one. So one assembly is at most 2^27 bytes.
//! What is in a chain is older than what is in a slot.

use crate::buffer::Asm;
use crate::error::AsmError;
use crate::label::{Field, Label, LabelSlot, Labels, NONE, PENDING, SHORT_ONLY};
use crate::record::What;

/// Does no chain of 32-bit fields start here? Bit 30, which no position has.
#[inline(always)]
const fn is_none(head: u32) -> bool {
    head & (NONE ^ PENDING) != 0
}

/// Labels.
impl Asm<'_> {
    /// A new label: the next slot.
    ///
    /// Running out of slots is reported by [`Asm::finish`].
    #[inline]
    pub const fn label(&mut self) -> Label {
        let index = self.label_count;
        self.label_count += 1;
        self.reserve_labels();
        if (index as usize) < self.labels.len() {
            self.labels[index as usize] = LabelSlot::EMPTY;
        }
        Label { index }
    }

    /// `count` new labels at once: for callers that number their labels.
    ///
    /// ```
    /// # use planish_asm::{Asm, LabelSlot};
    /// # let (mut code, mut labels) = ([0; 16], [LabelSlot::EMPTY; 3]);
    /// # let mut a = Asm::new(&mut code, &mut labels);
    /// let blocks = a.labels(3);
    /// a.jmp_label(blocks.get(2).unwrap()).bind(blocks.get(2).unwrap());
    /// assert_eq!(blocks.get(3), None);
    /// assert_eq!(a.finish()?, [0xE9, 0, 0, 0, 0]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    pub const fn labels(&mut self, count: u32) -> Labels {
        let first = self.label_count;
        self.label_count = first.saturating_add(count);
        self.reserve_labels();
        let mut index = first as usize;
        while index < self.label_count as usize && index < self.labels.len() {
            self.labels[index] = LabelSlot::EMPTY;
            index += 1;
        }
        Labels { first, count }
    }

    /// Takes the slots of new labels from the fields that wait in them.
    #[inline(always)]
    const fn reserve_labels(&mut self) {
        if self.label_count as usize > self.waiting {
            self.settle();
        }
    }

    /// Where the label is bound, if it is.
    #[inline]
    pub const fn label_pos(&self, label: Label) -> Option<usize> {
        match self.slot(label) {
            Some(slot) if slot.is_bound() => Some(slot.at as usize),
            _ => None,
        }
    }

    /// Puts the label here.
    #[inline]
    pub const fn bind(&mut self, label: Label) -> &mut Self {
        let Some(slot) = self.slot(label) else {
            return self.bind_late(label);
        };
        if slot.at != NONE {
            return self.bind_chained(label, slot);
        }
        self.set_slot(label, LabelSlot { at: self.pos, short: slot.short });
        self
    }

    /// Binds a label that has a chain, or is bound.
    #[inline(never)]
    const fn bind_chained(&mut self, label: Label, slot: LabelSlot) -> &mut Self {
        if slot.is_bound() {
            return self.bound_twice();
        }
        self.set_slot(label, LabelSlot { at: self.pos, short: NONE });
        self.resolve(slot.at, slot.short)
    }

    #[cold]
    #[inline(never)]
    pub(crate) const fn bound_twice(&mut self) -> &mut Self {
        self.fail(AsmError::BoundTwice { at: self.pos as usize });
        self
    }

    #[inline(always)]
    pub(crate) const fn slot(&self, label: Label) -> Option<LabelSlot> {
        if (label.index as usize) < self.labels.len() { Some(self.labels[label.index as usize]) } else { None }
    }

    #[inline(always)]
    pub(crate) const fn set_slot(&mut self, label: Label, slot: LabelSlot) {
        if (label.index as usize) < self.labels.len() {
            self.labels[label.index as usize] = slot;
        }
    }

    /// A label without a slot: either there are too few of them, or it is not ours.
    #[cold]
    #[inline(never)]
    pub(crate) const fn unknown_label(&mut self) -> &mut Self {
        if self.label_count as usize <= self.slot_count() {
            self.fail(AsmError::UnknownLabel { at: self.pos as usize });
        }
        self
    }

    /// Fills in the fields that wait in slots. Those whose label is not bound go to its chain.
    pub(crate) const fn settle(&mut self) {
        let mut end = self.labels.len();
        loop {
            end = self.fill_in(end);
            if end <= self.waiting {
                break;
            }
            end -= 1;
            let LabelSlot { at, short } = self.labels[end];
            let label = Label { index: short };
            if let Some(slot) = self.slot(label) {
                self.chain(label, slot, at, 0);
            }
        }
        self.waiting = self.labels.len();
    }

    /// Fills in the fields that wait in the slots below `end`, until there is one whose label is not bound. Returns the
    /// end of what is left.
    #[inline(always)]
    const fn fill_in(&mut self, end: usize) -> usize {
        let (code, labels) = (&mut *self.code, &*self.labels);
        let (_, mut left) = labels.split_at(end).0.split_at(self.waiting);
        while let [rest @ .., LabelSlot { at, short: label }] = left {
            let (at, label) = (*at, *label as usize);
            if label >= labels.len() || !labels[label].is_bound() {
                break;
            }
            if let Some((head, _)) = code.split_at_mut_checked(at as usize + 4)
                && let Some(bytes) = head.last_chunk_mut()
            {
                *bytes = labels[label].at.wrapping_sub(at + 4).to_le_bytes();
            }
            left = rest;
        }
        self.waiting + left.len()
    }

    /// The first label that some field waits for, when none waits in a slot.
    pub(crate) const fn unbound(&self) -> Option<Label> {
        let mut index = 0;
        while self.chained && index < self.label_count {
            let label = Label { index };
            if let Some(slot) = self.slot(label)
                && !slot.is_bound()
                && slot.at != NONE
            {
                return Some(label);
            }
            index += 1;
        }
        self.unbound_record()
    }

    /// Fills in the chains of 32-bit and of 8-bit fields that start at `head` and `short`, for a label bound here.
    #[inline(never)]
    const fn resolve(&mut self, head: u32, short: u32) -> &mut Self {
        if short != NONE {
            self.resolve_short(short);
        }
        let mut head = head;
        let mut end = self.pos;
        while !is_none(head) {
            let at = head & !PENDING;
            // Chains lead backward; this ends them all, even those that a patch of the caller broke.
            if at >= end {
                break;
            }
            end = at;
            // A field behind the end of the buffer was never written, and the chain ends there.
            let Some(bytes) = self.chunk_mut(at) else {
                break;
            };
            let field = Field(u32::from_le_bytes(*bytes));
            if field.kind() == Field::EXTENDED {
                let extension = Label { index: field.link() };
                let Some(slot) = self.slot(extension) else {
                    break;
                };
                self.set_slot(extension, LabelSlot { at: 0, short: NONE });
                self.set_u32(at, self.pos.wrapping_add(slot.short));
                head = slot.at;
            } else {
                self.set_u32(at, self.pos.wrapping_sub(at + 4 + field.kind()));
                head = if field.link() == 0 { NONE } else { at.wrapping_sub(field.link()) };
            }
        }
        self
    }

    /// The same for the 8-bit fields.
    const fn resolve_short(&mut self, head: u32) {
        let mut at = head as usize;
        while at < self.code.len() {
            let link = self.code[at] as usize;
            let distance = self.pos as usize - at - 1;
            if distance > i8::MAX as usize {
                return self.fail(AsmError::ShortRange { at });
            }
            self.code[at] = distance as u8;
            if link == 0 || link > at {
                return;
            }
            at -= link;
        }
    }

    /// The 32-bit field at `at` is to hold the distance to `label` from `kind` bytes behind the field. It has been emitted,
    /// and if the label is bound with the right value; else it waits.
    #[inline(always)]
    pub(crate) const fn defer(&mut self, label: Label, slot: LabelSlot, at: u32, kind: u32) {
        let place = self.waiting.wrapping_sub(1);
        if kind != 0 || place < self.label_count as usize || place >= self.labels.len() {
            if !slot.is_bound() {
                self.defer_settled(label, at, kind);
            }
            return;
        }
        // The slot is taken or not: no branch is made of it, since it cannot be predicted.
        self.labels[place] = LabelSlot { at, short: label.index };
        self.waiting = place + slot.is_bound() as usize;
    }

    /// The same for a label that is not bound, without a free slot, or of a kind: makes one free, or uses the chain.
    #[inline(never)]
    const fn defer_settled(&mut self, label: Label, at: u32, kind: u32) {
        self.settle();
        match self.slot(label) {
            Some(slot) if kind == 0 && self.waiting > self.label_count as usize => self.defer(label, slot, at, 0),
            Some(slot) => self.chain(label, slot, at, kind),
            None => {}
        }
    }

    /// Makes the field at `at` the latest in the chain of a label that is not bound.
    const fn chain(&mut self, label: Label, slot: LabelSlot, at: u32, kind: u32) {
        self.chained = true;
        let link = if is_none(slot.at) { 0 } else { at.wrapping_sub(slot.at & !PENDING) };
        self.set_slot(label, LabelSlot { at: at | PENDING, short: slot.short });
        self.set_u32(at, Field::new(kind, link).0);
    }

    /// Makes an 8-bit field at `at` the latest of a label that is not bound.
    pub(crate) const fn chain_short(&mut self, label: Label, slot: LabelSlot, at: u32) {
        self.chained = true;
        self.set_slot(label, LabelSlot { at: if slot.at == NONE { SHORT_ONLY } else { slot.at }, short: at });
    }

    /// As [`Asm::defer`], for a field that is to hold the label's position plus `addend`: if the label is not bound this
    /// takes a slot for the addend.
    pub(crate) const fn defer_plus(&mut self, label: Label, at: u32, addend: u32) {
        if let Some(position) = self.label_pos(label) {
            return self.set_u32(at, (position as u32).wrapping_add(addend));
        }
        // Those that wait in slots are older.
        self.settle();
        let Some(slot) = self.slot(label) else {
            return;
        };
        let extension = self.label();
        self.chained = true;
        self.set_slot(extension, LabelSlot { at: slot.at, short: addend });
        self.set_slot(label, LabelSlot { at: at | PENDING, short: slot.short });
        self.set_u32(at, Field::new(Field::EXTENDED, extension.index).0);
    }

    /// Appends the 32-bit difference `label - base`: an entry of a jump table. `base` must be bound, but with
    /// [`Asm::with_relaxation`] can be bound later.
    ///
    /// If `label` is not bound yet, this takes one label slot more.
    ///
    /// ```
    /// # use planish_asm::{Asm, LabelSlot};
    /// let (mut code, mut labels) = ([0; 16], [LabelSlot::EMPTY; 3]);
    /// let mut a = Asm::new(&mut code, &mut labels);
    /// let (table, case) = (a.label(), a.label());
    /// a.u8(0x90).bind(table).dd_label_diff(case, table).dd_label_diff(table, table).bind(case);
    /// assert_eq!(a.finish()?, [0x90, 8, 0, 0, 0, 0, 0, 0, 0]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    pub const fn dd_label_diff(&mut self, label: Label, base: Label) -> &mut Self {
        let (Some(_), Some(base_slot)) = (self.slot(label), self.slot(base)) else {
            return self.late(self.pos, What::Difference { to: label, base }).u32(0);
        };
        if !base_slot.is_bound() {
            self.fail(AsmError::UnboundBase { at: self.pos as usize });
        }
        let at = self.pos;
        self.u32(0).defer_plus(label, at, base_slot.at.wrapping_neg());
        self
    }
}
