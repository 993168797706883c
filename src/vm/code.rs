//! Code memory: published machine code, writable first, then executable, never both.

#![allow(unsafe_code, reason = "fills code pages and hands out addresses")]

use super::registry;
use crate::abi::positions::Positions;
use crate::sys::pages::{Access, Pages};
use std::io;

/// Published machine code: readable and executable, never writable again. Dropping it frees the pages, so whoever
/// may still run it keeps it (an instance keeps its module, a store its engine).
pub(crate) struct Code {
    /// The registry holds its address.
    published: Box<PublishedCode>,
}

/// What a signal handler finds by a pc.
pub(super) struct PublishedCode {
    pages: Pages,
    len: usize,
    pub(super) contents: Contents,
}

/// What a piece of code holds.
pub(crate) enum Contents {
    /// A compiled module.
    Module(Positions),
    /// The stubs of some signatures.
    Signatures(Box<[SignatureSpan]>),
    /// The builtins' entries.
    Builtins,
}

/// Where one signature's stubs lie in a piece of code, all from its first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignatureSpan {
    pub(crate) entry_offset: u32,
    pub(crate) foreign_offset: u32,
    pub(crate) foreign_return_offset: u32,
    pub(crate) foreign_frame_bytes: u32,
    pub(crate) arg_bytes: u32,
    pub(crate) host_offset: u32,
}

/// One signature as the runtime needs it: its engine-wide number and the addresses of its stubs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    /// Engine-wide, never 0.
    pub(crate) number: u32,
    /// Values in the array that crosses the door: the larger of the numbers of parameters and results.
    pub(crate) values: u32,
    pub(crate) entry: CodeAddress,
    pub(crate) foreign: CodeAddress,
    pub(crate) host: CodeAddress,
}

/// The address of an instruction in some [`Code`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CodeAddress(pub(super) usize);

impl CodeAddress {
    /// As compiled code sees it.
    pub(crate) fn bits(self) -> u64 {
        self.0 as u64
    }
}

/// Pages for code that is being written: not executable yet.
pub(crate) struct CodeBuffer {
    pages: Pages,
    len: usize,
}

impl CodeBuffer {
    /// Zeros. Fails when the system has no memory.
    pub(crate) fn new(len: usize) -> io::Result<CodeBuffer> {
        Ok(CodeBuffer { pages: Pages::populated(len.max(1))?, len })
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is readable, writable, at least `len` bytes long, and ours alone as long as it is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.pages.start().as_ptr(), self.len) }
    }

    /// Makes the code executable, never to be written again.
    pub(crate) fn publish(self, contents: Contents) -> io::Result<Code> {
        let CodeBuffer { mut pages, len } = self;
        pages.protect(0, pages.len(), Access::ReadExecute)?;
        let code = Code { published: Box::new(PublishedCode { pages, len, contents }) };
        registry::add(&code.published);
        Ok(code)
    }
}

impl Code {
    /// Copies code to pages of its own and makes them executable. Fails when the system has no memory.
    pub(crate) fn publish(bytes: &[u8], contents: Contents) -> io::Result<Code> {
        let mut buffer = CodeBuffer::new(bytes.len())?;
        buffer.bytes_mut().copy_from_slice(bytes);
        buffer.publish(contents)
    }

    /// The address of the byte at an offset. Panics if it lies outside.
    pub(crate) fn address(&self, offset: u32) -> CodeAddress {
        assert!((offset as usize) < self.published.len);
        CodeAddress(self.published.start() + offset as usize)
    }

    /// The code.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.published.bytes()
    }

    /// Positions of a module's code; none for stubs.
    pub(crate) fn positions(&self) -> Option<&Positions> {
        match &self.published.contents {
            Contents::Module(positions) => Some(positions),
            Contents::Signatures(_) | Contents::Builtins => None,
        }
    }

    /// The stubs of a signature among those of this piece of code.
    pub(crate) fn signature(&self, span: &SignatureSpan, number: u32, values: u32) -> Signature {
        Signature {
            number,
            values,
            entry: self.address(span.entry_offset),
            foreign: self.address(span.foreign_offset),
            host: self.address(span.host_offset),
        }
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        registry::remove(&self.published);
    }
}

impl PublishedCode {
    pub(super) fn start(&self) -> usize {
        self.pages.start().as_ptr() as usize
    }

    /// Past the last byte of code.
    pub(super) fn end(&self) -> usize {
        self.start() + self.len
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the first `len` bytes of a readable mapping that nobody writes any more.
        unsafe { std::slice::from_raw_parts(self.pages.start().as_ptr(), self.len) }
    }
}
