//! Files and streams: reading, writing, positions, flags, and the table of descriptors itself.

use super::abi::{Errno, Filetype};
use super::context::WasiCtx;
use super::descriptor::Object;
use super::memory::{Buffers, Memory, Transfer};
use super::rights::Rights;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Advice, FallocateFlags, SeekFrom};
use rustix::io::retry_on_intr;
use std::num::NonZeroU64;

impl WasiCtx {
    pub(super) fn fd_read(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        array: u32,
        count: u32,
        to: u32,
    ) -> Result<(), Errno> {
        let object = self.descriptors.object(fd, Rights::FD_READ)?;
        let (buffers, through) = (Buffers::new(array, count), &mut self.transfer);
        let done = match object {
            Object::Directory(..) => return Err(Errno::Isdir),
            Object::Output(_) => return Err(Errno::Badf),
            Object::File(file) => {
                let done = buffers.fill(memory, through, u32::MAX, |to, done| file.read(to, done))?;
                file.advance(done);
                done
            }
            Object::Input(input) => {
                buffers.fill(memory, through, Transfer::MAX_BYTES as u32, |to, _| input.read(to))?
            }
        };
        memory.write_u32(to, done)
    }

    pub(super) fn fd_write(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        array: u32,
        count: u32,
        to: u32,
    ) -> Result<(), Errno> {
        let object = self.descriptors.object(fd, Rights::FD_WRITE)?;
        let (buffers, through) = (Buffers::new(array, count), &mut self.transfer);
        let done = match object {
            Object::Directory(..) | Object::Input(_) => return Err(Errno::Badf),
            Object::File(file) => {
                let done = buffers.drain(memory, through, |from, done| file.write(from, done))?;
                file.advance(done);
                done
            }
            Object::Output(output) => buffers.drain(memory, through, |from, _| output.write(from))?,
        };
        memory.write_u32(to, done)
    }

    pub(super) fn fd_pread(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        array: u32,
        count: u32,
        offset: u64,
        to: u32,
    ) -> Result<(), Errno> {
        let file = self.descriptors.seekable(fd, Rights::FD_READ | Rights::FD_SEEK)?;
        let buffers = Buffers::new(array, count);
        let done = buffers.fill(memory, &mut self.transfer, u32::MAX, |to, done| {
            let offset = offset.checked_add(done.into()).ok_or(Errno::Inval)?;
            Ok(retry_on_intr(|| rustix::io::pread(&*file, &mut *to, offset))?)
        })?;
        memory.write_u32(to, done)
    }

    pub(super) fn fd_pwrite(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        array: u32,
        count: u32,
        offset: u64,
        to: u32,
    ) -> Result<(), Errno> {
        let file = self.descriptors.seekable(fd, Rights::FD_WRITE | Rights::FD_SEEK)?;
        let buffers = Buffers::new(array, count);
        let done = buffers.drain(memory, &mut self.transfer, |from, done| {
            let offset = offset.checked_add(done.into()).ok_or(Errno::Inval)?;
            Ok(retry_on_intr(|| rustix::io::pwrite(&*file, from, offset))?)
        })?;
        memory.write_u32(to, done)
    }

    pub(super) fn fd_seek(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        offset: i64,
        whence: u32,
        to: u32,
    ) -> Result<(), Errno> {
        let target = match whence {
            0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
            1 => SeekFrom::Current(offset),
            2 => SeekFrom::End(offset),
            _ => return Err(Errno::Inval),
        };
        // Asking for the position is `fd_tell`, so its right is enough.
        let right = if target == SeekFrom::Current(0) { Rights::FD_TELL } else { Rights::FD_SEEK };
        let position = self.descriptors.seekable(fd, right)?.seek(target)?;
        memory.write_u64(to, position)
    }

    pub(super) fn fd_tell(&mut self, memory: Memory<'_>, fd: u32, to: u32) -> Result<(), Errno> {
        let position = self.descriptors.seekable(fd, Rights::FD_TELL)?.seek(SeekFrom::Current(0))?;
        memory.write_u64(to, position)
    }

    pub(super) fn fd_advise(
        &mut self,
        _memory: Memory<'_>,
        fd: u32,
        offset: u64,
        len: u64,
        advice: u32,
    ) -> Result<(), Errno> {
        let advice = match advice {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return Err(Errno::Inval),
        };
        if offset.checked_add(len).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::Inval);
        }
        let file = self.descriptors.seekable(fd, Rights::FD_ADVISE)?;
        Ok(rustix::fs::fadvise(file, offset, NonZeroU64::new(len), advice)?)
    }

    pub(super) fn fd_allocate(&mut self, _memory: Memory<'_>, fd: u32, offset: u64, len: u64) -> Result<(), Errno> {
        let file = self.descriptors.seekable(fd, Rights::FD_ALLOCATE)?;
        Ok(rustix::fs::fallocate(file, FallocateFlags::empty(), offset, len)?)
    }

    pub(super) fn fd_datasync(&mut self, _memory: Memory<'_>, fd: u32) -> Result<(), Errno> {
        Ok(rustix::fs::fdatasync(self.synced(fd, Rights::FD_DATASYNC)?)?)
    }

    pub(super) fn fd_sync(&mut self, _memory: Memory<'_>, fd: u32) -> Result<(), Errno> {
        Ok(rustix::fs::fsync(self.synced(fd, Rights::FD_SYNC)?)?)
    }

    /// What can be written to storage: a file or a directory.
    fn synced(&mut self, fd: u32, right: Rights) -> Result<BorrowedFd<'_>, Errno> {
        let descriptor = self.descriptors.get(fd)?;
        match &descriptor.object {
            Object::Input(_) | Object::Output(_) => Err(Errno::Inval),
            _ if !descriptor.base.contains(right) => Err(Errno::Notcapable),
            Object::File(file) => Ok(file.as_fd()),
            Object::Directory(file, _) => Ok(file.as_fd()),
        }
    }

    pub(super) fn fd_close(&mut self, _memory: Memory<'_>, fd: u32) -> Result<(), Errno> {
        self.descriptors.close(fd)
    }

    pub(super) fn fd_renumber(&mut self, _memory: Memory<'_>, from: u32, to: u32) -> Result<(), Errno> {
        self.descriptors.renumber(from, to)
    }

    pub(super) fn fd_fdstat_get(&mut self, memory: Memory<'_>, fd: u32, to: u32) -> Result<(), Errno> {
        let descriptor = self.descriptors.get(fd)?;
        let (filetype, flags) = match &descriptor.object {
            Object::Input(input) => (input.filetype(), 0),
            Object::Output(output) => (output.filetype(), 0),
            Object::Directory(..) => (Filetype::Directory, 0),
            Object::File(file) => (file.filetype(), file.flags()),
        };
        let mut stat = [0; 24];
        stat[0] = filetype as u8;
        stat[2..4].copy_from_slice(&flags.to_le_bytes());
        stat[8..16].copy_from_slice(&descriptor.base.0.to_le_bytes());
        stat[16..24].copy_from_slice(&descriptor.inheriting.union().0.to_le_bytes());
        memory.write(to, &stat)
    }

    pub(super) fn fd_fdstat_set_flags(&mut self, _memory: Memory<'_>, fd: u32, flags: u32) -> Result<(), Errno> {
        let file = self.descriptors.file(fd, Rights::FD_FDSTAT_SET_FLAGS)?;
        file.set_flags(u16::try_from(flags).map_err(|_| Errno::Inval)?)
    }

    pub(super) fn fd_fdstat_set_rights(
        &mut self,
        _memory: Memory<'_>,
        fd: u32,
        base: u64,
        inheriting: u64,
    ) -> Result<(), Errno> {
        let descriptor = self.descriptors.get(fd)?;
        let (base, inheriting) = (Rights(base), Rights(inheriting));
        // Rights can be given up, never gained.
        if !descriptor.base.contains(base) || !descriptor.inheriting.union().contains(inheriting) {
            return Err(Errno::Notcapable);
        }
        (descriptor.base, descriptor.inheriting) = (base, descriptor.inheriting.limited_to(inheriting));
        Ok(())
    }
}
