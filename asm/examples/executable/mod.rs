//! Memory that runs: written first, then made executable, never both at once.
#![allow(unsafe_code, reason = "to run what was emitted")]
#![allow(dead_code, reason = "each program uses a part")]

use region::{Allocation, Protection};

/// Code that can be called.
pub struct Executable(Allocation);

impl Executable {
    /// Copies the code into memory of its own.
    pub fn new(code: &[u8]) -> region::Result<Executable> {
        let memory = region::alloc(code.len().max(1), Protection::READ_WRITE)?;
        let mut executable = Executable(memory);
        executable.write(0, code)?;
        Ok(executable)
    }

    /// Replaces bytes at `at`.
    pub fn write(&mut self, at: usize, bytes: &[u8]) -> region::Result<()> {
        assert!(at + bytes.len() <= self.0.len());
        let start = self.0.as_mut_ptr::<u8>();
        // SAFETY: the pages are ours, and nothing runs in them while `self` is borrowed.
        unsafe { region::protect(start, self.0.len(), Protection::READ_WRITE)? };
        // SAFETY: in bounds, asserted above; the bytes cannot overlap memory that only we know.
        unsafe { start.add(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        // SAFETY: as above.
        unsafe { region::protect(start, self.0.len(), Protection::READ_EXECUTE) }
    }

    /// Where the code is.
    pub fn address(&self) -> *const u8 {
        self.0.as_ptr()
    }
}
