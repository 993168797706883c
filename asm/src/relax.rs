//! Branches that shrink: [`Asm::with_relaxation`] and [`Asm::relax`].
//!
//! While branches can shrink, the assembler has no label slots of its own, so every use of a label comes by
//! [`Asm::late`] and is recorded; branches are emitted with 32 bits. A label's slot holds its position and the number of
//! records before it. [`Asm::relax`] then takes all branches to be short, lays the code out, makes those long that do not
//! reach, and does so again until all reach. What was long stays long, so this ends. No layout lets a place
//! move up (branches only shrink, and no [`Rule`](crate::record::Rule) lets a later position end before an
//! earlier one), so the code is moved in place, once, from its start to its end.

use core::mem;

use crate::align::fill_with_nops;
use crate::buffer::Asm;
use crate::error::AsmError;
use crate::label::{Label, LabelSlot, NONE};
use crate::record::{Record, Rule, What};

/// Layouts after which branches that only just reach are made long too, ever more of them, so that a chain of branches
/// in which each pushes the one before it out of reach does not take a layout each.
const PATIENCE: u32 = 16;

/// Branches that shrink.
impl<'a> Asm<'a> {
    /// This assembler with branches that [`Asm::relax`] makes short where it can, forward ones too. Takes one record for
    /// every use of a label, every padding, mark and relocation.
    ///
    /// Until then positions ([`Asm::pos`], [`Asm::marks`]) are those of the long branches, and labels have none.
    ///
    /// ```
    /// use planish_asm::{Asm, AsmError, Cond, LabelSlot, Record};
    /// let (mut code, mut labels, mut records) = ([0; 16], [LabelSlot::EMPTY; 1], [Record::EMPTY; 1]);
    /// let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
    /// let end = a.label();
    /// a.jcc(Cond::Equal, end).ud2().bind(end).ret();
    /// assert_eq!(a.pos(), 9);
    /// assert_eq!(a.finish(), Err(AsmError::NotRelaxed));
    /// assert_eq!(a.relax().finish()?, [0x74, 2, 0x0F, 0x0B, 0xC3]);
    /// assert_eq!(a.label_pos(end), Some(4));
    /// # Ok::<(), AsmError>(())
    /// ```
    #[inline]
    pub const fn with_relaxation(mut self, records: &'a mut [Record]) -> Asm<'a> {
        self.records = records;
        self.relaxes = true;
        self.park();
        self
    }

    /// Takes the label slots away.
    #[inline]
    pub(crate) const fn park(&mut self) {
        if !self.is_relaxing() {
            mem::swap(&mut self.parked, &mut self.labels);
            self.waiting = 0;
        }
        let mut index = 0;
        while index < self.parked.len() {
            self.parked[index] = LabelSlot::EMPTY;
            index += 1;
        }
    }

    /// Whether branches can still shrink.
    #[inline]
    pub(crate) const fn is_relaxing(&self) -> bool {
        !self.parked.is_empty()
    }

    #[inline]
    pub(crate) const fn slot_count(&self) -> usize {
        if self.is_relaxing() { self.parked.len() } else { self.labels.len() }
    }

    /// Shrinks branches and moves everything else: labels, addresses and differences, padding, relocations, marks.
    ///
    /// Afterwards this is an assembler like any other: what is emitted then no longer shrinks. Without
    /// [`Asm::with_relaxation`] this does nothing.
    #[inline]
    pub fn relax(&mut self) -> &mut Self {
        // Reported by `finish`, which asks the same.
        if !self.is_relaxing() || self.lack().is_some() {
            return self;
        }
        if let Some(label) = self.unbound_use() {
            self.fail(AsmError::Unbound { label });
            return self;
        }
        let gone = self.lay_out_until_all_reach();
        self.check_short(gone);
        self.move_code(gone);
        self.move_labels(gone);
        self.keep_what_stays();
        self
    }

    /// The first label that some record needs and that is not bound.
    #[inline]
    fn unbound_use(&self) -> Option<Label> {
        let is_unbound = |label: &Label| match label.external_number() {
            Some(_) => false,
            None => !self.parked[label.index as usize].is_bound(),
        };
        self.recorded().iter().find_map(|record| match record.what {
            What::Difference { to, base } => [to, base].into_iter().find(is_unbound),
            What::Relative { to, .. } | What::Near { to } | What::Branch { to, .. } => Some(to).filter(is_unbound),
            What::Short { to } | What::Relocation { to, .. } => Some(to).filter(is_unbound),
            What::Padding { .. } | What::Mark { .. } => None,
        })
    }

    /// Decides which branches are short; returns by how many bytes the code shrinks.
    #[inline]
    fn lay_out_until_all_reach(&mut self) -> u32 {
        let count = self.record_count as usize;
        for record in &mut self.records[..count] {
            if let What::Branch { short, .. } = &mut record.what {
                *short = true;
            }
        }
        let mut layouts = 0;
        loop {
            let gone = lay_out(&mut self.records[..count]);
            let margin = if layouts < PATIENCE { 0 } else { 1 << (layouts - PATIENCE).min(8) };
            if !self.lengthen(gone, margin) {
                return gone;
            }
            layouts += 1;
        }
    }

    /// Makes branches long that do not reach; if there are any, then also those that are within `margin` of it.
    #[inline]
    fn lengthen(&mut self, gone: u32, margin: i32) -> bool {
        let some = self.lengthen_beyond(127, gone);
        if some && margin != 0 {
            self.lengthen_beyond(127 - margin, gone);
        }
        some
    }

    /// Makes branches long that lead further forward than `reach`, or further back than one more.
    #[inline]
    fn lengthen_beyond(&mut self, reach: i32, gone: u32) -> bool {
        let mut some = false;
        for index in 0..self.record_count as usize {
            let record = self.records[index];
            let What::Branch { to, opcode_len, short: true } = record.what else { continue };
            let end = record.at - u32::from(opcode_len) - record.gone + 2;
            let distance = self.moved(to, gone).wrapping_sub(end) as i32;
            if distance > reach || distance < -1 - reach {
                self.records[index].what = What::Branch { to, opcode_len, short: false };
                some = true;
            }
        }
        some
    }

    /// Where a bound label will be.
    #[inline]
    fn moved(&self, label: Label, gone: u32) -> u32 {
        let slot = self.parked[label.index as usize];
        slot.at - self.recorded().get(slot.short as usize).map_or(gone, |record| record.gone)
    }

    /// Whether the branches reach that were asked to be short.
    #[inline]
    fn check_short(&mut self, gone: u32) {
        for index in 0..self.record_count as usize {
            let record = self.records[index];
            if let What::Short { to } = record.what {
                let at = record.at - record.gone;
                let distance = self.moved(to, gone).wrapping_sub(at + 1) as i32;
                if i8::try_from(distance).is_err() {
                    return self.fail(AsmError::ShortRange { at: at as usize });
                }
            }
        }
    }

    /// Moves the code to where it belongs and fills in the fields.
    #[inline]
    fn move_code(&mut self, gone: u32) {
        let (mut from, mut to) = (0, 0);
        for index in 0..self.record_count as usize {
            let record = self.records[index];
            let gone_behind = self.recorded().get(index + 1).map_or(gone, |record| record.gone);
            let (start, old_len) = record.span();
            let new_len = old_len + record.gone - gone_behind;
            self.code.copy_within(from..start as usize, to);
            to += start as usize - from;
            from = (start + old_len) as usize;
            match record.what {
                What::Padding { .. } => fill_with_nops(&mut self.code[to..to + new_len as usize]),
                _ => self.write(&record, to as u32, gone),
            }
            to += new_len as usize;
        }
        let end = self.pos as usize;
        self.code.copy_within(from..end, to);
        self.pos -= gone;
    }

    /// Writes the field or branch of a record at `at`.
    #[inline]
    fn write(&mut self, record: &Record, at: u32, gone: u32) {
        let distance = |to: Label, end: u32| self.moved(to, gone).wrapping_sub(end);
        match record.what {
            What::Relative { to, disp, behind } => {
                let value = distance(to, at + 4 + u32::from(behind)).wrapping_add(disp as u32);
                self.set_u32(at, value);
            }
            What::Near { to } => {
                let value = distance(to, at + 4);
                self.set_u32(at, value);
            }
            What::Difference { to, base } => {
                let value = distance(to, self.moved(base, gone));
                self.set_u32(at, value);
            }
            What::Short { to } => self.code[at as usize] = distance(to, at + 1) as u8,
            What::Branch { to, opcode_len, short } => {
                let len = if short { 2 } else { u32::from(opcode_len) + 4 };
                let value = distance(to, at + len);
                self.write_branch(record.at, at, u32::from(opcode_len), short, value);
            }
            What::Relocation { kind, .. } => {
                let field = record.at as usize;
                self.code.copy_within(field..field + kind.len_bytes(), at as usize);
            }
            What::Padding { .. } | What::Mark { .. } => {}
        }
    }

    /// Writes a branch at `to` whose field was at `field`.
    #[inline]
    fn write_branch(&mut self, field: u32, to: u32, opcode_len: u32, short: bool, distance: u32) {
        let (field, at, len) = (field as usize, to as usize, opcode_len as usize);
        if short {
            self.code[at] = short_opcode(self.code[field - 1]);
            self.code[at + 1] = distance as u8;
        } else {
            self.code.copy_within(field - len..field, at);
            self.set_u32(to + opcode_len, distance);
        }
    }

    /// Gives the label slots back, with the final positions.
    #[inline]
    fn move_labels(&mut self, gone: u32) {
        for index in 0..self.label_count {
            let label = Label { index };
            if self.parked[index as usize].is_bound() {
                let at = self.moved(label, gone);
                self.parked[index as usize] = LabelSlot { at, short: NONE };
            }
        }
        mem::swap(&mut self.labels, &mut self.parked);
        self.waiting = self.labels.len();
    }

    /// Drops the records that have done their work and gives the others their final place.
    #[inline]
    fn keep_what_stays(&mut self) {
        let mut kept = 0;
        for index in 0..self.record_count as usize {
            let Record { at, gone, what } = self.records[index];
            if let What::Relocation { .. } | What::Mark { .. } = what {
                self.records[kept] = Record { at: at - gone, gone: 0, what };
                kept += 1;
            }
        }
        self.record_count = kept as u32;
    }
}

/// Computes by how many bytes each record's place moves down, and returns how many the end does.
#[inline]
fn lay_out(records: &mut [Record]) -> u32 {
    let mut gone = 0;
    for index in 0..records.len() {
        records[index].gone = gone;
        if let What::Padding { rule, len } = records[index].what {
            let rule = shrunk(rule, len, &records[index..]);
            gone = gone + len - rule.padding(records[index].at - gone);
            continue;
        }
        gone += shrinkage(&records[index]);
    }
    gone
}

/// The rule of the padding in the first record, of `len` bytes, for what is behind it with its branches as short as they
/// are.
#[inline]
fn shrunk(rule: Rule, len: u32, records: &[Record]) -> Rule {
    let Rule::Within { log2, len: kept } = rule else { return rule };
    let end = records[0].at + len + u32::from(kept);
    let inside = records[1..].iter().take_while(|record| record.span().0 < end);
    // Of a branch at the end only some bytes may be kept.
    let lost = |record: &Record| shrinkage(record).min((end - record.span().0).saturating_sub(2));
    let lost: u32 = inside.map(lost).sum();
    Rule::Within { log2, len: kept - lost as u8 }
}

/// By how many bytes the branch of a record is shorter than it was.
#[inline]
fn shrinkage(record: &Record) -> u32 {
    match record.what {
        What::Branch { opcode_len, short: true, .. } => u32::from(opcode_len) + 4 - 2,
        _ => 0,
    }
}

/// The opcode with 8 bits of distance for the last byte of the one with 32: `E9` is `EB`, `0F 80` is `70`.
#[inline]
fn short_opcode(long: u8) -> u8 {
    if long == 0xE9 { 0xEB } else { long - 0x10 }
}
