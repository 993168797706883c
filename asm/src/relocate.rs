//! Records of an assembler: relocations and marks, and uses of labels that have no slot.

use crate::buffer::Asm;
use crate::error::AsmError;
use crate::label::{Label, LabelSlot};
use crate::record::{Record, Relocation, RelocationKind, What};

/// Records.
impl<'a> Asm<'a> {
    /// This assembler with storage for relocations and marks.
    #[inline]
    pub const fn with_records(mut self, records: &'a mut [Record]) -> Asm<'a> {
        self.records = records;
        self
    }

    /// Marks this place with a number, to be found again by [`Asm::marks`].
    ///
    /// ```
    /// # use planish_asm::{Asm, Record};
    /// # let (mut code, mut records) = ([0; 16], [Record::EMPTY; 2]);
    /// let mut a = Asm::new(&mut code, &mut []).with_records(&mut records);
    /// a.mark(10).nops(3).mark(20).ret();
    /// assert_eq!(a.finish()?, [0x0F, 0x1F, 0, 0xC3]);
    /// assert!(a.marks().eq([(0, 10), (3, 20)]));
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn mark(&mut self, tag: u32) -> &mut Self {
        self.record(self.pos, What::Mark { tag });
        self
    }

    /// The marks in the order of the code, as code offset and number. With branches that can still shrink the offsets are
    /// not final.
    #[inline]
    pub fn marks(&self) -> impl Iterator<Item = (usize, u32)> {
        self.recorded().iter().filter_map(|record| match record.what {
            What::Mark { tag } => Some((record.at as usize, tag)),
            _ => None,
        })
    }

    /// Appends the address of a label plus `addend` in 8 bytes: a relocation.
    ///
    /// ```
    /// # use planish_asm::{Asm, LabelSlot, Record, RelocationKind};
    /// # let (mut code, mut labels, mut records) = ([0; 16], [LabelSlot::EMPTY; 1], [Record::EMPTY; 1]);
    /// let mut a = Asm::new(&mut code, &mut labels).with_records(&mut records);
    /// let end = a.label();
    /// a.dq_label(end, 1).bind(end);
    /// let mut code: [u8; 8] = a.finish()?.try_into().unwrap();
    /// a.relocations().for_each(|relocation| relocation.apply(&mut code, 0x4000, 0).unwrap());
    /// assert_eq!(u64::from_le_bytes(code), 0x4009);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn dq_label(&mut self, to: Label, addend: i64) -> &mut Self {
        let at = self.pos();
        self.u64(0).relocate(at, RelocationKind::Abs64, to, addend)
    }

    /// Records that the field at `offset` is to be filled in with the address of `to` plus `addend`: for fields that no
    /// method emits as relocations, such as absolute addresses in immediates.
    ///
    /// ```
    /// # use planish_asm::{Asm, Label, Record, RelocationKind, regs::*};
    /// # let (mut code, mut records) = ([0; 16], [Record::EMPTY; 1]);
    /// let mut a = Asm::new(&mut code, &mut []).with_records(&mut records);
    /// a.mov_r64_imm64(rax.any(), 0);
    /// let field = a.pos() - 8;
    /// a.relocate(field, RelocationKind::Abs64, Label::external(3), 0);
    /// assert_eq!(a.finish()?.len(), 10);
    /// assert_eq!(a.relocations().next().unwrap().offset, 2);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    ///
    /// The field must have been emitted; with branches that can still shrink it must lie behind all other fields so far.
    #[inline]
    pub const fn relocate(&mut self, offset: usize, kind: RelocationKind, to: Label, addend: i64) -> &mut Self {
        if to.external_number().is_none() && to.index >= self.label_count {
            return self.unknown_label();
        }
        let end = self.pos as usize;
        if offset > end || end - offset < kind.len_bytes() || offset < self.records_end() {
            self.fail(AsmError::InvalidPatch { at: offset });
            return self;
        }
        self.record(offset as u32, What::Relocation { to, kind, addend });
        self
    }

    /// Behind what a new record must lie if branches can still shrink.
    #[inline]
    const fn records_end(&self) -> usize {
        let count = self.record_count as usize;
        if !self.is_relaxing() || count == 0 || count > self.records.len() {
            return 0;
        }
        let (start, len) = self.records[count - 1].span();
        (start + len) as usize
    }

    /// The fields to be filled in when the code's address is known, in the order of the code. Of use after
    /// [`Asm::finish`]: before, labels may be without an address.
    #[inline]
    pub fn relocations(&self) -> impl Iterator<Item = Relocation> {
        self.recorded().iter().filter_map(|record| match record.what {
            What::Relocation { to, kind, addend } => {
                let symbol = to.external_number();
                let base = if symbol.is_some() { 0 } else { self.label_pos(to)? as i64 };
                let addend = addend.wrapping_add(base);
                Some(Relocation { offset: record.at as usize, kind, symbol, addend })
            }
            _ => None,
        })
    }

    #[inline]
    pub(crate) fn recorded(&self) -> &[Record] {
        &self.records[..self.records.len().min(self.record_count as usize)]
    }

    /// The first label that a relocation waits for.
    #[inline]
    pub(crate) const fn unbound_record(&self) -> Option<Label> {
        let mut index = 0;
        while index < self.record_count as usize && index < self.records.len() {
            if let What::Relocation { to, .. } = self.records[index].what
                && to.external_number().is_none()
                && self.label_pos(to).is_none()
            {
                return Some(to);
            }
            index += 1;
        }
        None
    }

    /// Appends a record. Too many are counted.
    #[inline]
    pub(crate) const fn record(&mut self, at: u32, what: What) {
        if (self.record_count as usize) < self.records.len() {
            self.records[self.record_count as usize] = Record { at, gone: 0, what };
        }
        self.record_count = self.record_count.saturating_add(1);
    }

    /// The use of a label that has no slot: it is external, or branches can still shrink, or it is an error. The field at
    /// `at` is to contain zeros.
    #[cold]
    #[inline(never)]
    pub(crate) const fn late(&mut self, at: u32, what: What) -> &mut Self {
        let to = match what {
            What::Difference { to, base } if to.external_number().is_some() || base.external_number().is_some() => {
                self.fail(AsmError::UnboundBase { at: self.pos as usize });
                return self;
            }
            What::Relative { to, .. } | What::Near { to } | What::Branch { to, .. } => to,
            What::Short { to } | What::Difference { to, .. } | What::Relocation { to, .. } => to,
            What::Padding { .. } | What::Mark { .. } => return self,
        };
        if to.external_number().is_some() {
            return self.late_external(at, what, to);
        }
        let base_is_known = match what {
            What::Difference { base, .. } => base.index < self.label_count,
            _ => true,
        };
        if self.is_relaxing() && to.index < self.label_count && base_is_known {
            self.record(at, what);
            return self;
        }
        // What would take a slot takes one, so that the number of slots reported is enough.
        if !self.is_relaxing() && matches!(what, What::Difference { .. } | What::Relative { disp: ..=-1 | 1.., .. }) {
            self.label();
        }
        self.unknown_label()
    }

    #[inline]
    const fn late_external(&mut self, at: u32, what: What, to: Label) -> &mut Self {
        let (kind, addend) = match what {
            What::Relative { disp, behind, .. } => (RelocationKind::Relative32, disp as i64 - 4 - behind as i64),
            What::Near { .. } | What::Branch { .. } => (RelocationKind::Branch32, -4),
            _ => {
                self.fail(AsmError::ShortRange { at: at as usize });
                return self;
            }
        };
        self.record(at, What::Relocation { to, kind, addend });
        self
    }

    /// A branch here to a label that has no slot.
    #[cold]
    #[inline(never)]
    pub(crate) const fn late_branch(&mut self, to: Label, opcode_len: u32) -> &mut Self {
        let what = What::Branch { to, opcode_len: opcode_len as u8, short: false };
        self.late(self.pos + opcode_len, what)
    }

    /// Binds a label that has no slot.
    #[cold]
    #[inline(never)]
    pub(crate) const fn bind_late(&mut self, label: Label) -> &mut Self {
        if label.external_number().is_some() {
            return self.bound_twice();
        }
        if label.index as usize >= self.parked.len() {
            return self.unknown_label();
        }
        if self.parked[label.index as usize].is_bound() {
            return self.bound_twice();
        }
        self.parked[label.index as usize] = LabelSlot { at: self.pos, short: self.record_count };
        self
    }
}
