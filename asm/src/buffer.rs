//! [`Asm`]: the cursor over the caller's buffer, its labels, data and errors.

use crate::error::AsmError;
use crate::label::{LabelSlot, MAX_LEN};
use crate::record::Record;

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
    /// The slots from here on hold the fields that wait, the oldest in the last.
    pub(crate) waiting: usize,
    /// Whether any label may have a chain of fields.
    pub(crate) chained: bool,
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
            waiting: labels.len(),
            labels,
            parked: &mut [],
            records: &mut [],
            pos: 0,
            label_count: 0,
            chained: false,
            record_count: 0,
            relaxes: false,
            error: None,
        }
    }

    /// Starts over with the same buffers.
    pub const fn clear(&mut self) -> &mut Self {
        self.pos = 0;
        self.label_count = 0;
        self.waiting = self.labels.len();
        self.chained = false;
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
        self.settle();
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
            self.settle();
            self.set_u32(at as u32, v);
        }
        self
    }

    #[inline(always)]
    pub(crate) const fn chunk_mut(&mut self, at: u32) -> Option<&mut [u8; 4]> {
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
