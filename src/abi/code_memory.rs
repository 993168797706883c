//! The memory that the compiler writes code to: pages that the runtime makes executable in the end, so that code of one
//! thread need not be copied.

use crate::sys::linux::shortage::{Purpose, explain};
use std::io;

/// Code being written; not executable yet.
pub(crate) trait CodeMemory: Send + Sync {
    /// None, with room for so many bytes. Fails when the system has no memory.
    fn with_capacity(bytes: usize) -> io::Result<Self>
    where
        Self: Sized;

    /// So many bytes, to be overwritten by several threads. Fails when the system has no memory.
    fn of_len(bytes: usize) -> io::Result<Self>
    where
        Self: Sized;

    /// At least so many bytes behind the code, to write to. Fails when the system has no memory.
    fn room(&mut self, bytes: usize) -> io::Result<&mut [u8]>;

    /// The room's first bytes are code now. Panics if there is less room.
    fn commit(&mut self, bytes: usize);

    /// The code.
    fn bytes(&self) -> &[u8];

    fn bytes_mut(&mut self) -> &mut [u8];
}

/// A call whose displacement is filled in when all functions have their place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Relocation {
    /// The displacement's four bytes, from the start of the code.
    pub(crate) at: u32,
    /// Among the module's own functions.
    pub(crate) function: u32,
}

/// Code that is going to be copied.
#[derive(Default)]
pub(crate) struct HeapCode {
    bytes: Vec<u8>,
    len: usize,
}

impl CodeMemory for HeapCode {
    fn with_capacity(bytes: usize) -> io::Result<HeapCode> {
        let mut code = HeapCode::default();
        code.bytes.try_reserve_exact(bytes).map_err(explain(Purpose::Code, bytes))?;
        Ok(code)
    }

    fn of_len(bytes: usize) -> io::Result<HeapCode> {
        let mut code = HeapCode::with_capacity(bytes)?;
        code.bytes.resize(bytes, 0);
        Ok(HeapCode { len: bytes, ..code })
    }

    fn room(&mut self, bytes: usize) -> io::Result<&mut [u8]> {
        let end = self.len + bytes;
        if end > self.bytes.len() {
            self.bytes.try_reserve(end - self.bytes.len()).map_err(explain(Purpose::Code, end))?;
            self.bytes.resize(end, 0);
        }
        Ok(&mut self.bytes[self.len..])
    }

    fn commit(&mut self, bytes: usize) {
        self.len += bytes;
        assert!(self.len <= self.bytes.len());
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}
