//! Code memory: published machine code, and the table in which a signal handler finds what a pc belongs to.

#![allow(unsafe_code, reason = "the running half: see each block")]

use crate::abi::positions::Positions;
use std::io;

/// Published machine code: readable and executable, never writable again. Dropping it frees the pages, so whoever
/// may still run it keeps it (an instance keeps its module, a store its engine).
pub(crate) struct Code {
    start: usize,
    len: usize,
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

impl Code {
    /// Copies code to pages of its own and makes them executable. Fails when the system has no memory.
    pub(crate) fn publish(bytes: &[u8], contents: Contents) -> io::Result<Code> {
        let _ = (bytes, contents);
        todo!()
    }

    /// The address of the byte at an offset. Panics if it lies outside.
    pub(crate) fn address(&self, offset: u32) -> CodeAddress {
        assert!((offset as usize) < self.len);
        CodeAddress(self.start + offset as usize)
    }

    /// The code.
    pub(crate) fn bytes(&self) -> &[u8] {
        todo!()
    }

    /// Positions of a module's code; none for stubs.
    pub(crate) fn positions(&self) -> Option<&Positions> {
        todo!()
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
