//! [`Asm`]: the cursor over the caller's buffer, its labels, data and errors.

use crate::error::AsmError;
use crate::label::{Field, Label, LabelSlot, Labels, MAX_LEN, NONE, PENDING};
use crate::record::{Record, What};

/// How many bytes one instruction may touch at the cursor.
const WINDOW: usize = 16;

/// Where positions stop counting: far beyond [`MAX_LEN`], far below an overflow.
pub(crate) const MAX_POS: u32 = 1 << 30;

/// An assembler over a buffer and label slots of the caller.
///
/// Emission never fails: the first error is remembered, the position goes on counting, and [`Asm::finish`] reports.
///
/// ```
/// use planish_asm::{Alu, Asm, AsmError, Cond, LabelSlot, Width, regs::*};
///
/// fn count_down(code: &mut [u8]) -> Result<&[u8], AsmError> {
///     let mut labels = [LabelSlot::EMPTY; 1];
///     let mut a = Asm::new(code, &mut labels);
///     let top = a.label();
///     a.bind(top).alu_ri(Alu::Sub, Width::W64, rcx.any(), 1).jcc(Cond::NotEqual, top).ret();
///     let len = a.finish()?.len();
///     Ok(&code[..len])
/// }
///
/// assert_eq!(count_down(&mut [0; 7])?, [0x48, 0x83, 0xE9, 1, 0x75, 0xFA, 0xC3]);
/// assert_eq!(count_down(&mut [0; 6]), Err(AsmError::Full { needed: 7 }));
/// # Ok::<(), AsmError>(())
/// ```
pub struct Asm<'a> {
    pub(crate) code: &'a mut [u8],
    /// Empty while branches can still shrink. Whatever concerns a label then goes the way of a label without a slot,
    /// which ends in [`Asm::late`]: so all that costs nothing to those who do not ask for it.
    pub(crate) labels: &'a mut [LabelSlot],
    /// The label slots while branches can still shrink.
    pub(crate) parked: &'a mut [LabelSlot],
    pub(crate) records: &'a mut [Record],
    pub(crate) pos: u32,
    pub(crate) label_count: u32,
    pub(crate) record_count: u32,
    /// Whether [`Asm::clear`] starts with branches that can shrink.
    pub(crate) relaxes: bool,
    error: Option<AsmError>,
}

impl<'a> Asm<'a> {
    /// An assembler that writes to `code` and keeps its labels in `labels`; what both contain does not matter.
    pub const fn new(code: &'a mut [u8], labels: &'a mut [LabelSlot]) -> Asm<'a> {
        let code = match code.len() > MAX_LEN {
            true => code.split_at_mut(MAX_LEN).0,
            false => code,
        };
        Asm {
            code,
            labels,
            parked: &mut [],
            records: &mut [],
            pos: 0,
            label_count: 0,
            record_count: 0,
            relaxes: false,
            error: None,
        }
    }

    /// Starts over with the same buffers.
    pub const fn clear(&mut self) -> &mut Self {
        self.pos = 0;
        self.label_count = 0;
        self.record_count = 0;
        self.error = None;
        if self.relaxes {
            self.park();
        }
        self
    }

    /// The code offset of the next instruction. Goes on counting behind the end of the buffer.
    #[inline]
    pub const fn pos(&self) -> usize {
        self.pos as usize
    }

    /// The code, if all went well. More can be emitted afterwards.
    pub const fn finish(&mut self) -> Result<&[u8], AsmError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if let Some(error) = self.lack() {
            return Err(error);
        }
        if self.is_relaxing() {
            return Err(AsmError::NotRelaxed);
        }
        if let Some(label) = self.unbound() {
            return Err(AsmError::Unbound { label });
        }
        Ok(self.code.split_at(self.pos as usize).0)
    }

    /// What there is too little of.
    pub(crate) const fn lack(&self) -> Option<AsmError> {
        if self.label_count as usize > self.slot_count() {
            return Some(AsmError::TooManyLabels { needed: self.label_count as usize });
        }
        if self.record_count as usize > self.records.len() {
            return Some(AsmError::TooManyRecords { needed: self.record_count as usize });
        }
        if self.pos as usize > MAX_LEN {
            return Some(AsmError::TooLong);
        }
        if self.pos as usize > self.code.len() {
            return Some(AsmError::Full { needed: self.pos as usize });
        }
        None
    }

    /// The first label that some field waits for.
    const fn unbound(&self) -> Option<Label> {
        let (slots, _) = self.labels.split_at(self.label_count as usize);
        // Nearly always there is none, and a loop without a way out is fast.
        let mut waiting = 0;
        let mut index = 0;
        while index < slots.len() {
            waiting |= slots[index].waiting();
            index += 1;
        }
        if waiting == 0 {
            return self.unbound_record();
        }
        let mut index = 0;
        while slots[index].waiting() == 0 {
            index += 1;
        }
        Some(Label { index: index as u32 })
    }

    /// Remembers the first error.
    #[cold]
    #[inline(never)]
    pub(crate) const fn fail(&mut self, error: AsmError) {
        // Behind a full buffer labels are not resolved: what goes wrong then says nothing.
        if self.error.is_none() && self.pos as usize <= self.code.len() {
            self.error = Some(error);
        }
    }

    // Storing.

    /// The window at `pos`, the cursor. Callers read the cursor once, before they store: the compiler cannot know that
    /// the buffer does not overlap `self`, and a cursor read after a store would come from memory each time.
    #[inline(always)]
    const fn window(&mut self, pos: u32) -> Option<&mut [u8; WINDOW]> {
        // One comparison: `pos` is a `u32`, so the sum does not wrap.
        match self.code.split_at_mut_checked(pos as usize + WINDOW) {
            Some((head, _)) => head.last_chunk_mut(),
            None => None,
        }
    }

    /// Appends the low `len` bytes of `v`, at most 8.
    #[inline(always)]
    pub(crate) const fn put(&mut self, v: u64, len: u32) -> &mut Self {
        let pos = self.pos;
        let Some(w) = self.window(pos) else {
            return self.put_at_end(v, 0, 0, len);
        };
        store8(w, 0, v);
        self.pos = pos + len;
        self
    }

    /// Appends the low `len` bytes of `v`, at most 8, then the low `tail_len` of `tail`.
    #[inline(always)]
    pub(crate) const fn put_pair(&mut self, v: u64, len: u32, tail: u64, tail_len: u32) -> &mut Self {
        let pos = self.pos;
        let Some(w) = self.window(pos) else {
            return self.put_at_end(v, tail, 0, len | tail_len << 8);
        };
        store8(w, 0, v);
        store8(w, len as usize, tail);
        self.pos = pos + len + tail_len;
        self
    }

    /// Appends a head of at most 8 bytes, a displacement and an immediate of at most 4 each.
    #[inline(always)]
    pub(crate) const fn put_mem(
        &mut self,
        head: u64,
        len: u32,
        disp: u32,
        disp_len: u32,
        imm: u32,
        imm_len: u32,
    ) -> &mut Self {
        let pos = self.pos;
        let Some(w) = self.window(pos) else {
            return self.put_at_end(head, disp as u64, imm, len | disp_len << 8 | imm_len << 16);
        };
        store8(w, 0, head);
        store4(w, len as usize, disp);
        if imm_len != 0 {
            store4(w, (len + disp_len) as usize, imm);
        }
        self.pos = pos + len + disp_len + imm_len;
        self
    }

    /// The same with less than a window of room: writes what fits, counts in any case.
    ///
    /// `lens`: the lengths of the three parts, a byte each.
    #[cold]
    #[inline(never)]
    const fn put_at_end(&mut self, head: u64, tail: u64, imm: u32, lens: u32) -> &mut Self {
        let (head_len, tail_len, imm_len) = (lens & 0xFF, lens >> 8 & 0xFF, lens >> 16);
        let mut bytes = [0; 32];
        let (window, _) = bytes.split_at_mut(24);
        if let Some(w) = window.first_chunk_mut::<24>() {
            store8(w, 0, head);
            store8(w, head_len as usize, tail);
            store4(w, (head_len + tail_len) as usize, imm);
        }
        self.bytes(bytes.split_at((head_len + tail_len + imm_len) as usize).0)
    }

    // Data.

    /// Appends raw bytes.
    ///
    /// ```
    /// # use planish_asm::Asm;
    /// let mut code = [0; 16];
    /// let mut a = Asm::new(&mut code, &mut []);
    /// a.bytes(b"ab").u8(0xCC).u32(0x01020304).u64(5);
    /// assert_eq!(a.finish()?, [b'a', b'b', 0xCC, 4, 3, 2, 1, 5, 0, 0, 0, 0, 0, 0, 0]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    pub const fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        // Also what only begins in the buffer: labels fill in all fields that lie in it.
        if let Some((_, rest)) = self.code.split_at_mut_checked(self.pos as usize) {
            let len = if bytes.len() < rest.len() { bytes.len() } else { rest.len() };
            rest.split_at_mut(len).0.copy_from_slice(bytes.split_at(len).0);
        }
        let end = self.pos as usize + bytes.len();
        self.pos = if end < MAX_POS as usize { end as u32 } else { MAX_POS };
        self
    }

    /// Appends a byte.
    #[inline]
    pub const fn u8(&mut self, v: u8) -> &mut Self {
        self.put(v as u64, 1)
    }

    /// Appends 2 bytes, little endian.
    #[inline]
    pub const fn u16(&mut self, v: u16) -> &mut Self {
        self.put(v as u64, 2)
    }

    /// Appends 4 bytes, little endian.
    #[inline]
    pub const fn u32(&mut self, v: u32) -> &mut Self {
        self.put(v as u64, 4)
    }

    /// Appends 8 bytes, little endian.
    #[inline]
    pub const fn u64(&mut self, v: u64) -> &mut Self {
        self.put(v, 8)
    }

    /// Replaces the 4 bytes at `at`, and none around them. They must have been emitted.
    pub const fn patch_u32(&mut self, at: usize, v: u32) -> &mut Self {
        let end = self.pos as usize;
        if at > end || end - at < 4 {
            self.fail(AsmError::InvalidPatch { at });
        } else {
            self.set_u32(at as u32, v);
        }
        self
    }

    #[inline(always)]
    const fn chunk_mut(&mut self, at: u32) -> Option<&mut [u8; 4]> {
        // One comparison, as in [`Asm::window`].
        match self.code.split_at_mut_checked(at as usize + 4) {
            Some((head, _)) => head.last_chunk_mut(),
            None => None,
        }
    }

    pub(crate) const fn set_u32(&mut self, at: u32, v: u32) {
        if let Some(bytes) = self.chunk_mut(at) {
            *bytes = v.to_le_bytes();
        }
    }

    // Labels.

    /// A new label: the next slot.
    ///
    /// Running out of slots is reported by [`Asm::finish`].
    #[inline]
    pub const fn label(&mut self) -> Label {
        let index = self.label_count;
        self.label_count += 1;
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
        let mut index = first as usize;
        while index < self.label_count as usize && index < self.labels.len() {
            self.labels[index] = LabelSlot::EMPTY;
            index += 1;
        }
        Labels { first, count }
    }

    /// Where the label is bound, if it is.
    #[inline]
    pub const fn label_pos(&self, label: Label) -> Option<usize> {
        match self.slot(label) {
            Some(slot) if slot.is_bound() => Some(slot.at as usize),
            _ => None,
        }
    }

    /// Puts the label here. Everything that waited for it is filled in.
    #[inline]
    pub const fn bind(&mut self, label: Label) -> &mut Self {
        let Some(slot) = self.slot(label) else {
            return self.bind_late(label);
        };
        if slot.is_bound() {
            return self.bound_twice();
        }
        let pos = self.pos;
        self.set_slot(label, LabelSlot { at: pos, short: NONE });
        // Most labels have no field that waits, or one, and which of the two cannot be predicted. So there is no branch
        // on it: without a field, the first bytes of the code are replaced by themselves.
        let none = slot.none_mask();
        let at = slot.at & !PENDING & !none;
        let Some(bytes) = self.chunk_mut(at) else {
            return self.resolve(slot.at, slot.short);
        };
        let old = u32::from_le_bytes(*bytes);
        let field = Field(old & !none);
        // One number, so that one branch is made of it: a field before this one, an extended one, an 8-bit one.
        let more = field.link() | (field.kind() + 1) >> 5 | slot.short ^ NONE;
        if more != 0 {
            return self.resolve(slot.at, slot.short);
        }
        let distance = pos.wrapping_sub(at + 4 + field.kind());
        *bytes = (distance & !none | old & none).to_le_bytes();
        self
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

    /// Fills in the chains of 32-bit and of 8-bit fields that start at `head` and `short`, for a label bound here.
    #[inline(never)]
    const fn resolve(&mut self, head: u32, short: u32) -> &mut Self {
        if short != NONE {
            self.resolve_short(short);
        }
        let mut head = head;
        let mut end = self.pos;
        while head != NONE {
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

    /// The value of a 32-bit field at `at` for `label`: if bound, the distance from `kind` bytes behind the field; else
    /// the link to the previous field, and the field becomes the latest.
    #[inline(always)]
    pub(crate) const fn field(&mut self, label: Label, slot: LabelSlot, at: u32, kind: u32) -> u32 {
        // Masks, so that no branch is made of it.
        let pending = (slot.at as i32 >> 31) as u32;
        let link = at.wrapping_sub(slot.at & !PENDING) & !slot.none_mask();
        let distance = slot.at.wrapping_sub(at + 4 + kind);
        let latest = slot.at & !pending | (at | PENDING) & pending;
        self.set_slot(label, LabelSlot { at: latest, short: slot.short });
        distance & !pending | Field::new(kind, link).0 & pending
    }

    /// The value of a 32-bit field at `at` that is to hold the label's position plus `addend`: if the label is not
    /// bound this takes a slot for the addend.
    pub(crate) const fn field_plus(&mut self, label: Label, slot: LabelSlot, at: u32, addend: u32) -> u32 {
        if slot.is_bound() {
            return slot.at.wrapping_add(addend);
        }
        let extension = self.label();
        self.set_slot(extension, LabelSlot { at: slot.at, short: addend });
        self.set_slot(label, LabelSlot { at: at | PENDING, short: slot.short });
        Field::new(Field::EXTENDED, extension.index).0
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
        let (Some(slot), Some(base_slot)) = (self.slot(label), self.slot(base)) else {
            return self.late(self.pos, What::Difference { to: label, base }).u32(0);
        };
        if !base_slot.is_bound() {
            self.fail(AsmError::UnboundBase { at: self.pos as usize });
        }
        let value = self.field_plus(label, slot, self.pos, base_slot.at.wrapping_neg());
        self.u32(value)
    }
}

/// Stores 8 bytes at `at`; nothing if they do not fit, which never happens and lets the compiler prove that it does not.
#[inline(always)]
const fn store8<const N: usize>(w: &mut [u8; N], at: usize, v: u64) {
    if let Some((_, rest)) = w.split_at_mut_checked(at)
        && let Some(bytes) = rest.first_chunk_mut()
    {
        *bytes = v.to_le_bytes();
    }
}

/// Stores 4 bytes at `at`.
#[inline(always)]
const fn store4<const N: usize>(w: &mut [u8; N], at: usize, v: u32) {
    if let Some((_, rest)) = w.split_at_mut_checked(at)
        && let Some(bytes) = rest.first_chunk_mut()
    {
        *bytes = v.to_le_bytes();
    }
}
