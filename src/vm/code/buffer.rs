//! Code memory: published machine code, writable first, then executable, never both.

#![allow(unsafe_code, reason = "fills code pages and hands out addresses")]

use crate::abi::code_memory::CodeMemory;
use crate::abi::layout::{IMPORTER_ENTRY_BYTES, READABLE_AFTER_CODE};
use crate::sys::linux::pages::{Access, HUGE_BYTES, Pages};
use crate::sys::linux::shortage::{Purpose, explain};
use crate::vm::code::published::{CodeAddress, Contents, PublishedCode, SignatureSpan};
use crate::vm::code::registry;
use std::io;
use std::ops::Range;

/// Published machine code: readable and executable, never writable again. Dropping it frees the pages, so whoever
/// may still run it keeps it (an instance keeps its module, a store its engine).
pub(crate) struct Code {
    /// The registry holds its address.
    published: Box<PublishedCode>,
    /// The stubs in the same pages, if there are any.
    stubs: Option<Box<PublishedCode>>,
    _pages: Pages,
}

/// Pages for code that is being written: not executable yet.
pub(crate) struct CodeBuffer {
    /// Readable and writable, at least `len` bytes.
    pages: Pages,
    len: usize,
    /// So many bytes, whole pages, have got their memory, or get it by themselves.
    populated: usize,
}

/// Memory for code comes in such pieces, shortly before it is written to: zeros are still in the cache then.
const POPULATED_BYTES: usize = 64 << 10;

impl CodeMemory for CodeBuffer {
    fn with_capacity(bytes: usize) -> io::Result<CodeBuffer> {
        let bytes = bytes.saturating_add(READABLE_AFTER_CODE);
        if (POPULATED_BYTES..HUGE_BYTES).contains(&bytes) {
            return Ok(CodeBuffer {
                pages: Pages::for_code(bytes).map_err(explain(Purpose::Code, bytes))?,
                len: 0,
                populated: 0,
            });
        }
        let pages = Pages::populated_for_code(bytes).map_err(explain(Purpose::Code, bytes))?;
        Ok(CodeBuffer { populated: pages.len(), pages, len: 0 })
    }

    fn of_len(bytes: usize) -> io::Result<CodeBuffer> {
        let mapped = bytes.saturating_add(READABLE_AFTER_CODE);
        // Memory comes when it is written to, so that it comes to several threads at once.
        let pages = if mapped < HUGE_BYTES { Pages::for_code(mapped) } else { Pages::populated_for_code(mapped) };
        let pages = pages.map_err(explain(Purpose::Code, bytes))?;
        Ok(CodeBuffer { populated: pages.len(), pages, len: bytes })
    }

    fn room(&mut self, bytes: usize) -> io::Result<&mut [u8]> {
        let end = self.len + bytes;
        if end > self.pages.len() {
            // A half more makes growth linear, but only what is needed is worth an error.
            let roomy = self.pages.resize(end.max(self.pages.len() + self.pages.len() / 2));
            roomy.or_else(|_| self.pages.resize(end)).map_err(explain(Purpose::Code, end))?;
        }
        if self.len + POPULATED_BYTES / 4 > self.populated && self.populated < self.pages.len() {
            // A long function has populated what it wrote to.
            let from = self.populated.max(self.len - self.len % POPULATED_BYTES);
            let more = POPULATED_BYTES.min(self.pages.len() - from);
            self.pages.populate(from, more);
            self.populated = from + more;
        }
        // SAFETY: within the mapping.
        let start = unsafe { self.pages.start().add(self.len) };
        // SAFETY: the rest of a readable and writable mapping, ours alone as long as it is borrowed.
        Ok(unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), self.pages.len() - self.len) })
    }

    fn commit(&mut self, bytes: usize) {
        self.len += bytes;
        assert!(self.len <= self.pages.len());
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the first `len` bytes of a readable mapping that nobody writes as long as it is borrowed.
        unsafe { std::slice::from_raw_parts(self.pages.start().as_ptr(), self.len) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the first `len` bytes of a readable and writable mapping, ours alone as long as it is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.pages.start().as_ptr(), self.len) }
    }
}

impl CodeBuffer {
    /// Makes the code executable, never to be written again, and gives back the room behind it.
    pub(crate) fn publish(self, contents: Contents) -> io::Result<Code> {
        let len = self.len;
        self.publish_with_stubs(len..len, contents, Box::default())
    }

    /// The same, where the stubs of some signatures follow the code after a gap: a module and its stubs are one mapping.
    pub(crate) fn publish_with_stubs(
        self,
        gap: Range<usize>,
        contents: Contents,
        spans: Box<[SignatureSpan]>,
    ) -> io::Result<Code> {
        let CodeBuffer { mut pages, len: end, .. } = self;
        assert!(gap.start <= gap.end && gap.end <= end, "stubs follow the functions");
        pages.resize(end + READABLE_AFTER_CODE).map_err(explain(Purpose::Code, end))?;
        pages.protect(0, pages.len(), Access::ReadExecute).map_err(explain(Purpose::Code, end))?;
        let start = pages.start().as_ptr() as usize;
        let piece = |range: Range<usize>, contents: Contents| {
            // SAFETY: pages that can only be read and executed from now on, and live as long as the code does.
            Box::new(unsafe { PublishedCode::new(start + range.start, range.len(), start + pages.len(), contents) })
        };
        let published = piece(0..gap.start, contents);
        let stubs = (gap.end < end).then(|| piece(gap.end..end, Contents::Signatures(spans)));
        let code = Code { published, stubs, _pages: pages };
        registry::add(&code.published)?;
        code.stubs.iter().try_for_each(|stubs| registry::add(stubs))?;
        Ok(code)
    }
}

impl Code {
    /// Copies code to pages of its own and makes them executable. Fails when the system has no memory.
    pub(crate) fn publish(bytes: &[u8], contents: Contents) -> io::Result<Code> {
        let mut buffer = CodeBuffer::with_capacity(bytes.len())?;
        buffer.room(bytes.len())?[..bytes.len()].copy_from_slice(bytes);
        buffer.commit(bytes.len());
        buffer.publish(contents)
    }

    /// The address of the byte at an offset. Panics if it lies outside.
    pub(crate) fn address(&self, offset: u32) -> CodeAddress {
        assert!((offset as usize) < self.published.end() - self.published.start());
        CodeAddress(self.published.start() + offset as usize)
    }

    /// The code.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.published.bytes()
    }

    pub(crate) fn published(&self) -> &PublishedCode {
        &self.published
    }

    /// Where a function of a compiled module begins.
    pub(crate) fn function(&self, own: usize) -> CodeAddress {
        let positions = self.published.positions().expect("a module's code has positions");
        self.address(positions.functions[own].code_offset)
    }

    /// The entry for importers of a function of a compiled module, if it has one.
    pub(crate) fn importer_entry(&self, own: usize) -> Option<CodeAddress> {
        let function = self.published.positions().expect("a module's code has positions").functions[own];
        function.has_importer_entry.then(|| self.address(function.code_offset - IMPORTER_ENTRY_BYTES))
    }

    /// The piece that holds the stubs of signatures, if there is one.
    pub(crate) fn stubs(&self) -> Option<&PublishedCode> {
        self.stubs.as_deref()
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        registry::remove(&self.published);
        self.stubs.iter().for_each(|stubs| registry::remove(stubs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::layout::RESTORES_CONTEXT;

    #[test]
    fn code_may_be_longer_than_expected() {
        for expected in [0, 100, POPULATED_BYTES - 1, POPULATED_BYTES, 300_000, HUGE_BYTES - 1, HUGE_BYTES] {
            let mut buffer = CodeBuffer::with_capacity(expected).expect("memory");
            for number in 0..50u8 {
                let bytes = 1000 * usize::from(number);
                buffer.room(bytes + 64).expect("memory")[..bytes].fill(number);
                buffer.commit(bytes);
            }
            let code = buffer.publish(Contents::Builtins).expect("memory");
            let mut rest = code.bytes();
            for number in 0..50u8 {
                let (own, next) = rest.split_at(1000 * usize::from(number));
                assert!(own.iter().all(|byte| *byte == number));
                rest = next;
            }
            assert!(rest.is_empty());
        }
    }

    /// Whatever the length: the last instruction may be a call, and a tail call reads at its return address.
    #[test]
    fn what_follows_code_can_be_read() {
        let page = 4096;
        for len in
            (1..=20).chain(page - 20..=page + 20).chain(2 * page - 1..=2 * page).chain([HUGE_BYTES - 1, HUGE_BYTES])
        {
            let written = Code::publish(&vec![0x90; len], Contents::Builtins).expect("memory");
            let sized = CodeBuffer::of_len(len).expect("memory").publish(Contents::Builtins).expect("memory");
            for code in [written, sized] {
                assert_eq!(code.bytes().len(), len);
                let end = code.published().end();
                assert!(end + READABLE_AFTER_CODE <= code.address(0).0 + code._pages.len(), "{len}");
                // SAFETY: it can be read, which is the point: else this test ends by a signal.
                let after = unsafe { (end as *const u64).read_unaligned() };
                assert_ne!(after, RESTORES_CONTEXT);
            }
        }
    }
}
