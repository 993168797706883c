//! The position table: what the compiler says of every instruction that can trap and every return address.
//!
//! Per function one [`FunctionCode`] and a run of delta-coded [`Site`]s, three bytes each in the usual case: the kind in the
//! low 3 bits, the code delta in 10, the wasm delta (zigzag) in 11. Else a byte `FAR | kind << 3`, then both deltas as LEB128.
//! Beside them lie the [calls](Calls) that pop arguments or can be left by an exception.

use super::layout::IMPORTER_ENTRY_BYTES;
use crate::types::TagIndex;

/// What may happen at a site. The code offset of a trapping site is that of the instruction's first byte;
/// of a call that of the return address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum SiteKind {
    /// A call: nothing traps here, but a backtrace passes through.
    Call,
    /// `ud2`, then one byte: a [`TrapCode`](super::TrapCode).
    Explicit,
    /// Access to a guarded memory: SIGSEGV inside its reservation is out of bounds.
    Memory,
    /// Read of a function record's signature: SIGSEGV below 4096 is a call to null.
    NullRecord,
    /// Read of a function record's instance: SIGSEGV below 4096 is a null reference.
    NullReference,
    /// `div` or `idiv` with a register as divisor: SIGFPE is a division by zero (divisor 0) or an overflow.
    Divide,
}

impl SiteKind {
    const ALL: [SiteKind; 6] = [
        SiteKind::Call,
        SiteKind::Explicit,
        SiteKind::Memory,
        SiteKind::NullRecord,
        SiteKind::NullReference,
        SiteKind::Divide,
    ];
}

/// What stands for a kind before deltas that do not fit.
const FAR: u32 = 7;
const CODE_BITS: u32 = 10;
const WASM_BITS: u32 = 11;
const _: () = assert!(SiteKind::ALL.len() <= FAR as usize && 3 + CODE_BITS + WASM_BITS == 24);

/// One instruction that can trap, or one return address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    /// Bytes from the start of the module's code.
    pub(crate) code_offset: u32,
    /// Bytes from the start of the module file.
    pub(crate) wasm_offset: u32,
    pub(crate) kind: SiteKind,
}

/// One compiled function. At a site, its return address lies at `rsp + frame_bytes`; behind a call, where the callee has
/// popped its arguments, that much less.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FunctionCode {
    /// First byte, from the start of the module's code; the next function's start ends it.
    pub(crate) code_offset: u32,
    /// Its body's first byte in the module file.
    pub(crate) wasm_offset: u32,
    /// From rsp to the return address: slots, outgoing area and saved registers.
    pub(crate) frame_bytes: u32,
    /// Stack arguments that it pops on return.
    pub(crate) arg_bytes: u32,
    /// Where its sites begin in the byte stream; the next function's begin ends them.
    pub(crate) sites_at: u32,
    /// Length of the prologue in bytes: until then the frame is not complete.
    pub(crate) prologue_bytes: u32,
    /// Which of the registers in [`PUSHED`](super::PUSHED) it pushes, a bit for each: the first directly below the return address.
    pub(crate) saved: u8,
    /// Whether an [entry for importers](super::layout::IMPORTER_ENTRY_BYTES) precedes it.
    pub(crate) has_importer_entry: bool,
}

/// Beyond all numbers of [`Catch`]es.
pub(crate) const NO_CATCH: u32 = u32::MAX;

/// What few calls have. Code offsets are those of return addresses, in order.
#[derive(Default, PartialEq, Debug)]
pub(crate) struct Calls {
    /// `(code offset, bytes)`: the callee pops stack arguments.
    pub(crate) popped: Vec<(u32, u32)>,
    /// `(code offset, catch)`: the first that an exception which leaves the call may go to.
    pub(crate) caught: Vec<(u32, u32)>,
    pub(crate) catches: Vec<Catch>,
}

/// A place in a function that exceptions go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Catch {
    /// Of this tag of the module; all if there is none.
    pub(crate) tag: Option<TagIndex>,
    /// Does the code keep a reference to the exception?
    pub(crate) keeps: bool,
    /// Where the code is: with the frame's rsp, callee-saved registers, r14 and r15, rax = the exception's values, rdx = its
    /// reference.
    pub(crate) code_offset: u32,
    /// What comes next if the tag is another, or [`NO_CATCH`].
    pub(crate) next: u32,
}

impl Calls {
    /// The bytes that the callee of a call pops.
    pub(crate) fn popped_at(&self, code_offset: u32) -> u32 {
        find(&self.popped, code_offset).unwrap_or(0)
    }

    /// The first catch of a call, or [`NO_CATCH`].
    pub(crate) fn catch_at(&self, code_offset: u32) -> u32 {
        find(&self.caught, code_offset).unwrap_or(NO_CATCH)
    }

    /// What [`Calls::rewind`] needs.
    pub(crate) fn mark(&self) -> [usize; 3] {
        [self.popped.len(), self.caught.len(), self.catches.len()]
    }

    /// Forgets what came behind a mark.
    pub(crate) fn rewind(&mut self, [popped, caught, catches]: [usize; 3]) {
        self.popped.truncate(popped);
        self.caught.truncate(caught);
        self.catches.truncate(catches);
    }
}

fn find(table: &[(u32, u32)], code_offset: u32) -> Option<u32> {
    table.binary_search_by_key(&code_offset, |row| row.0).ok().map(|place| table[place].1)
}

/// Are three bytes enough?
#[inline]
fn is_near(code: u32, wasm: u32) -> bool {
    code >> CODE_BITS | wasm >> WASM_BITS == 0
}

/// They are the first three of these.
#[inline]
fn near(kind: SiteKind, code: u32, wasm: u32) -> [u8; 4] {
    (kind as u32 | code << 3 | wasm << (3 + CODE_BITS)).to_le_bytes()
}

/// Appends sites; code offsets must not fall.
#[derive(Default)]
pub(crate) struct SiteWriter {
    /// Room, of which the first `len` bytes are written.
    bytes: Vec<u8>,
    len: u32,
    code_offset: u32,
    wasm_offset: u32,
}

impl SiteWriter {
    /// With room for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> SiteWriter {
        SiteWriter { bytes: vec![0; bytes], ..SiteWriter::default() }
    }

    /// Starts the sites of a function; returns `sites_at`.
    pub(crate) fn start(&mut self, code_offset: u32, wasm_offset: u32) -> u32 {
        (self.code_offset, self.wasm_offset) = (code_offset, wasm_offset);
        self.len
    }

    #[inline]
    pub(crate) fn push(&mut self, site: Site) {
        let code = site.code_offset.wrapping_sub(self.code_offset);
        let wasm = site.wasm_offset.wrapping_sub(self.wasm_offset) as i32;
        let wasm = (wasm << 1 ^ wasm >> 31) as u32;
        if is_near(code, wasm)
            && let Some((head, _)) = self.bytes.split_at_mut_checked(self.len as usize + 4)
            && let Some(window) = head.last_chunk_mut()
        {
            *window = near(site.kind, code, wasm);
            self.len += 3;
        } else {
            self.push_slowly(site.kind, code, wasm);
        }
        (self.code_offset, self.wasm_offset) = (site.code_offset, site.wasm_offset);
    }

    /// Also where there is no room: then it makes some.
    #[inline(never)]
    fn push_slowly(&mut self, kind: SiteKind, code: u32, wasm: u32) {
        let len = self.len as usize;
        if self.bytes.len() < len + 16 {
            self.bytes.resize(2 * len + 1024, 0);
        }
        if is_near(code, wasm) {
            near(kind, code, wasm)[..3].iter().for_each(|&byte| self.byte(byte));
            return;
        }
        self.byte((FAR | (kind as u32) << 3) as u8);
        self.leb(code);
        self.leb(wasm);
    }

    fn leb(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    fn byte(&mut self, byte: u8) {
        self.bytes[self.len as usize] = byte;
        self.len += 1;
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// What [`SiteWriter::rewind`] needs beside a length.
    pub(crate) fn mark(&self) -> (u32, u32) {
        (self.code_offset, self.wasm_offset)
    }

    /// Forgets the sites behind a length.
    pub(crate) fn rewind(&mut self, length: u32, (code_offset, wasm_offset): (u32, u32)) {
        self.len = length;
        (self.code_offset, self.wasm_offset) = (code_offset, wasm_offset);
    }

    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len as usize);
        self.bytes
    }
}

/// The sites of one function, in order of code offset. Allocates nothing and takes no lock: a signal handler
/// reads it.
pub(crate) struct Sites<'a> {
    bytes: &'a [u8],
    code_offset: u32,
    wasm_offset: u32,
}

impl Iterator for Sites<'_> {
    type Item = Site;

    fn next(&mut self) -> Option<Site> {
        let first = u32::from(*self.bytes.first()?);
        let (kind, code, wasm) = match first & 7 {
            FAR => {
                self.bytes = &self.bytes[1..];
                (first >> 3, self.leb()?, self.leb()?)
            }
            kind => {
                let (&[low, middle, high], rest) = self.bytes.split_first_chunk()?;
                self.bytes = rest;
                let site = u32::from_le_bytes([low, middle, high, 0]);
                (kind, site >> 3 & ((1 << CODE_BITS) - 1), site >> (3 + CODE_BITS))
            }
        };
        self.code_offset = self.code_offset.wrapping_add(code);
        self.wasm_offset = self.wasm_offset.wrapping_add(wasm >> 1 ^ (wasm & 1).wrapping_neg());
        let kind = *SiteKind::ALL.get(kind as usize)?;
        Some(Site { code_offset: self.code_offset, wasm_offset: self.wasm_offset, kind })
    }
}

impl Sites<'_> {
    fn leb(&mut self) -> Option<u32> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
            shift += 7;
        }
    }
}

/// The table of a whole module.
#[derive(Default, PartialEq, Debug)]
pub(crate) struct Positions {
    /// By code offset; ends with no sentinel.
    pub(crate) functions: Vec<FunctionCode>,
    pub(crate) sites: Vec<u8>,
    pub(crate) calls: Calls,
    /// Bytes of code.
    pub(crate) code_bytes: u32,
}

impl Positions {
    /// Where the code of a function ends, its constants, jump tables and padding included; an entry for importers may lie at the
    /// padding's end.
    pub(crate) fn end_of(&self, function: usize) -> u32 {
        match self.functions.get(function + 1) {
            Some(next) if next.has_importer_entry => next.code_offset - IMPORTER_ENTRY_BYTES,
            Some(next) => next.code_offset,
            None => self.code_bytes,
        }
    }

    /// The function (among the module's own) that holds a code offset.
    pub(crate) fn function_at(&self, code_offset: u32) -> Option<usize> {
        let next = self.functions.partition_point(|function| function.code_offset <= code_offset);
        if code_offset < self.code_bytes { next.checked_sub(1) } else { None }
    }

    /// The sites of a function.
    pub(crate) fn sites_of(&self, function: usize) -> Sites<'_> {
        let this = self.functions[function];
        let end = self.functions.get(function + 1).map_or(self.sites.len(), |next| next.sites_at as usize);
        Sites {
            bytes: &self.sites[this.sites_at as usize..end],
            code_offset: this.code_offset,
            wasm_offset: this.wasm_offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_read_back_as_written() {
        let mut writer = SiteWriter::default();
        let mut positions = Positions { code_bytes: 1 << 20, ..Positions::default() };
        let mut written = Vec::new();
        for (start, wasm) in [(0u32, 50u32), (4096, 9000)] {
            let sites_at = writer.start(start, wasm);
            let function = FunctionCode {
                code_offset: start,
                wasm_offset: wasm,
                frame_bytes: 8,
                arg_bytes: 0,
                sites_at,
                prologue_bytes: 0,
                saved: 0,
                has_importer_entry: false,
            };
            positions.functions.push(function);
            for (step, kind) in [(3, SiteKind::Call), (200, SiteKind::Memory), (1000, SiteKind::Divide)] {
                let site = Site { code_offset: start + step, wasm_offset: wasm + 1100 - step, kind };
                writer.push(site);
                written.push(site);
            }
        }
        positions.sites = writer.into_bytes();
        let read: Vec<Site> = (0..2).flat_map(|function| positions.sites_of(function)).collect();
        assert_eq!(read, written);
        assert_eq!(positions.function_at(4297), Some(1));
        assert_eq!(positions.function_at(1 << 20), None);
    }
}
