//! The memory that the compiler writes code to: pages that the runtime makes executable in the end, so that code of one
//! thread need not be copied.

use std::io;

/// Code being written; not executable yet.
pub(crate) trait CodeMemory: Sized + Send + Sync {
    /// None, with room for so many bytes. Fails when the system has no memory.
    fn with_capacity(bytes: usize) -> io::Result<Self>;

    /// So many bytes, to be overwritten by several threads. Fails when the system has no memory.
    fn of_len(bytes: usize) -> io::Result<Self>;

    /// Appends code, and `fill` up to a multiple of `align` bytes. Fails when the system has no memory.
    fn append(&mut self, code: &[u8], align: usize, fill: u8) -> io::Result<()>;

    fn bytes(&self) -> &[u8];

    fn bytes_mut(&mut self) -> &mut [u8];
}

impl CodeMemory for Vec<u8> {
    fn with_capacity(bytes: usize) -> io::Result<Vec<u8>> {
        let mut code = Vec::new();
        code.try_reserve_exact(bytes)?;
        Ok(code)
    }

    fn of_len(bytes: usize) -> io::Result<Vec<u8>> {
        let mut code = <Vec<u8> as CodeMemory>::with_capacity(bytes)?;
        code.resize(bytes, 0);
        Ok(code)
    }

    fn append(&mut self, code: &[u8], align: usize, fill: u8) -> io::Result<()> {
        self.try_reserve(code.len() + align)?;
        self.extend_from_slice(code);
        self.resize(self.len().next_multiple_of(align), fill);
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}
