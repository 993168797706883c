//! The guest's memory: bytes behind 32-bit addresses, and lists of buffers in it.

use super::abi::Errno;
use std::path::PathBuf;

/// What the functions of WASI need of a guest's memory. A range that is not wholly inside is [`Errno::Fault`], and
/// nothing is copied then.
pub(super) trait GuestMemory {
    /// Copies from the guest.
    fn read(&self, address: u32, to: &mut [u8]) -> Result<(), Errno>;
    /// Copies to the guest.
    fn write(&mut self, address: u32, from: &[u8]) -> Result<(), Errno>;

    fn read_u32(&self, address: u32) -> Result<u32, Errno> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    fn write_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }
}

/// The memory as every function takes it.
pub(super) type Memory<'a> = &'a mut dyn GuestMemory;

impl GuestMemory for &mut [u8] {
    fn read(&self, address: u32, to: &mut [u8]) -> Result<(), Errno> {
        let start = address as usize;
        let from = self.get(start..).and_then(|rest| rest.get(..to.len())).ok_or(Errno::Fault)?;
        to.copy_from_slice(from);
        Ok(())
    }

    fn write(&mut self, address: u32, from: &[u8]) -> Result<(), Errno> {
        let start = address as usize;
        let to = self.get_mut(start..).and_then(|rest| rest.get_mut(..from.len())).ok_or(Errno::Fault)?;
        to.copy_from_slice(from);
        Ok(())
    }
}

impl GuestMemory for Vec<u8> {
    fn read(&self, address: u32, to: &mut [u8]) -> Result<(), Errno> {
        let from = self.get(address as usize..).and_then(|rest| rest.get(..to.len())).ok_or(Errno::Fault)?;
        to.copy_from_slice(from);
        Ok(())
    }

    fn write(&mut self, address: u32, from: &[u8]) -> Result<(), Errno> {
        self.as_mut_slice().write(address, from)
    }
}

/// `base + index * size`, if the guest can have such an address.
pub(super) fn element(base: u32, index: u32, size: u32) -> Result<u32, Errno> {
    index.checked_mul(size).and_then(|offset| base.checked_add(offset)).ok_or(Errno::Fault)
}

/// A path of the guest's. Longer than Linux takes is an error before anything is allocated.
pub(super) fn read_path(memory: &dyn GuestMemory, address: u32, len: u32) -> Result<PathBuf, Errno> {
    const PATH_MAX: u32 = 4096;
    if len >= PATH_MAX {
        return Err(Errno::Nametoolong);
    }
    let mut path = vec![0; len as usize];
    memory.read(address, &mut path)?;
    String::from_utf8(path).map(PathBuf::from).map_err(|_| Errno::Ilseq)
}

/// The host's buffer between system calls and guests' memories. It becomes as large as it is used, within limits.
pub(super) struct Transfer {
    bytes: Vec<u8>,
    max_bytes: usize,
}

impl Transfer {
    /// What one system call moves at most.
    pub(super) const MAX_BYTES: usize = 64 << 10;

    pub(super) fn new() -> Transfer {
        Transfer::up_to(Transfer::MAX_BYTES)
    }

    fn up_to(max_bytes: usize) -> Transfer {
        Transfer { bytes: Vec::new(), max_bytes }
    }

    /// The buffer, for so many bytes or as many of them as it may hold.
    pub(super) fn room_for(&mut self, bytes: u32) -> &mut [u8] {
        let len = self.max_bytes.min(bytes as usize);
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        &mut self.bytes
    }
}

/// A guest's array of `iovec` or `ciovec`: buffers that are read or written as if they were one.
///
/// Their bytes pass through a host buffer of fixed size: one system call serves many small buffers, and the guest's
/// memory is never lent out.
#[derive(Clone, Copy)]
pub(super) struct Buffers {
    array: u32,
    count: u32,
    /// How far in: the buffer, and the byte in it.
    next: (u32, u32),
}

impl Buffers {
    pub(super) fn new(array: u32, count: u32) -> Buffers {
        Buffers { array, count, next: (0, 0) }
    }

    /// Bytes in all buffers together: must fit 32 bits.
    fn total(&self, memory: &dyn GuestMemory) -> Result<u32, Errno> {
        let mut total = 0u32;
        for index in 0..self.count {
            let len = memory.read_u32(element(self.array, index, 8)?.saturating_add(4))?;
            total = total.checked_add(len).ok_or(Errno::Inval)?;
        }
        Ok(total)
    }

    /// Passes up to `limit` further bytes, piece by piece: `piece(address, offset, len)`.
    fn advance(
        &mut self,
        memory: Memory<'_>,
        limit: usize,
        mut piece: impl FnMut(Memory<'_>, u32, std::ops::Range<usize>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let mut done = 0;
        while done < limit && self.next.0 < self.count {
            let (index, offset) = self.next;
            let entry = element(self.array, index, 8)?;
            let address = memory.read_u32(entry)?;
            let left = memory.read_u32(entry.saturating_add(4))?.saturating_sub(offset) as usize;
            let len = left.min(limit - done);
            if len > 0 {
                piece(memory, address.checked_add(offset).ok_or(Errno::Fault)?, done..done + len)?;
            }
            done += len;
            self.next = if len == left { (index + 1, 0) } else { (index, offset + len as u32) };
        }
        Ok(())
    }

    /// Fills the buffers from `source` until it gives less than asked for; returns the number of bytes. At most
    /// `limit` bytes: a stream must not be asked again once it has given something.
    pub(super) fn fill(
        mut self,
        memory: Memory<'_>,
        through: &mut Transfer,
        limit: u32,
        mut source: impl FnMut(&mut [u8], u32) -> Result<usize, Errno>,
    ) -> Result<u32, Errno> {
        let total = self.total(memory)?.min(limit);
        let through = through.room_for(total);
        let mut done = 0;
        while done < total {
            let chunk = through.len().min((total - done) as usize);
            let count = match source(&mut through[..chunk], done) {
                Ok(count) => count,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            };
            self.advance(memory, count, |memory, address, range| memory.write(address, &through[range]))?;
            done += count as u32;
            if count < chunk {
                break;
            }
        }
        Ok(done)
    }

    /// Drains the buffers into `sink` until it takes less than it is given; returns the number of bytes.
    pub(super) fn drain(
        mut self,
        memory: Memory<'_>,
        through: &mut Transfer,
        mut sink: impl FnMut(&[u8], u32) -> Result<usize, Errno>,
    ) -> Result<u32, Errno> {
        let total = self.total(memory)?;
        let through = through.room_for(total);
        let mut done = 0;
        while done < total {
            let chunk = through.len().min((total - done) as usize);
            self.advance(memory, chunk, |memory, address, range| memory.read(address, &mut through[range]))?;
            let count = match sink(&through[..chunk], done) {
                Ok(count) => count,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            };
            done += count as u32;
            if count < chunk {
                break;
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A memory whose first bytes are an array of buffers.
    fn with_buffers(buffers: &[(u32, u32)]) -> Vec<u8> {
        let mut memory = vec![0; 256];
        for (index, (address, len)) in buffers.iter().enumerate() {
            memory.write_u32(index as u32 * 8, *address).expect("inside");
            memory.write_u32(index as u32 * 8 + 4, *len).expect("inside");
        }
        memory
    }

    #[test]
    fn buffers_are_one_sequence_whatever_the_chunk() {
        for chunk in 1..=16 {
            let mut memory = with_buffers(&[(100, 3), (0, 0), (110, 5), (120, 1)]);
            let mut through = Transfer::up_to(chunk);
            let mut next = 0;
            let source = |to: &mut [u8], _| {
                for byte in &mut *to {
                    next += 1;
                    *byte = next;
                }
                Ok(to.len())
            };
            assert_eq!(Buffers::new(0, 4).fill(&mut memory, &mut through, u32::MAX, source), Ok(9));
            assert_eq!(memory[100..121], [1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 9]);
            let mut out = Vec::new();
            let sink = |from: &[u8], _| {
                out.extend_from_slice(from);
                Ok(from.len())
            };
            assert_eq!(Buffers::new(0, 4).drain(&mut memory, &mut through, sink), Ok(9));
            assert_eq!(out, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }
    }

    #[test]
    fn lies_about_sizes_are_errors() {
        let mut through = Transfer::up_to(8);
        let read = |memory: &mut Vec<u8>, array, count, through: &mut Transfer| {
            Buffers::new(array, count).fill(memory, through, u32::MAX, |to, _| Ok(to.len()))
        };
        let mut memory = with_buffers(&[(250, 7), (0, 0)]);
        assert_eq!(read(&mut memory, 0, 1, &mut through), Err(Errno::Fault));
        assert_eq!(read(&mut memory, 0, u32::MAX, &mut through), Err(Errno::Fault));
        assert_eq!(read(&mut memory, u32::MAX - 3, 1, &mut through), Err(Errno::Fault));
        let mut memory = with_buffers(&[(0, u32::MAX), (0, 1)]);
        assert_eq!(read(&mut memory, 0, 2, &mut through), Err(Errno::Inval));
        assert_eq!(read_path(&memory, 0, u32::MAX), Err(Errno::Nametoolong));
        assert_eq!(read_path(&memory, 250, 7), Err(Errno::Fault));
    }
}
