//! Directories: listing one, and the names of those opened before the program started.

use super::abi::{Errno, Filetype};
use super::context::WasiCtx;
use super::descriptor::Object;
use super::memory::Memory;
use super::rights::Rights;
use rustix::fs::{RawDir, SeekFrom};
use std::mem::MaybeUninit;

/// Bytes of a `dirent` before its name.
const DIRENT_BYTES: u32 = 24;

impl WasiCtx {
    pub(super) fn fd_prestat_get(&mut self, memory: Memory<'_>, fd: u32, to: u32) -> Result<(), Errno> {
        let Object::Directory(_, Some(name)) = self.descriptors.object(fd, Rights::NONE)? else {
            return Err(Errno::Badf);
        };
        // The tag of `prestat`: 0 is a directory, the only one.
        memory.write_u32(to, 0)?;
        memory.write_u32(to.checked_add(4).ok_or(Errno::Fault)?, name.len() as u32)
    }

    pub(super) fn fd_prestat_dir_name(&mut self, memory: Memory<'_>, fd: u32, to: u32, len: u32) -> Result<(), Errno> {
        let Object::Directory(_, Some(name)) = self.descriptors.object(fd, Rights::NONE)? else {
            return Err(Errno::Notdir);
        };
        if name.len() > len as usize {
            return Err(Errno::Nametoolong);
        }
        memory.write(to, name)
    }

    /// Writes entries from `cookie` on until the buffer is full, the last one perhaps cut. A cookie is the position
    /// that the host's file system gives (getdents(2), `d_off`), so it stays right while entries come and go.
    pub(super) fn fd_readdir(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        to: u32,
        len: u32,
        cookie: u64,
        used: u32,
    ) -> Result<(), Errno> {
        let directory = self.descriptors.directory(fd, Rights::FD_READDIR)?;
        rustix::fs::seek(directory, SeekFrom::Start(cookie))?;
        let mut listing = [MaybeUninit::uninit(); 16 << 10];
        let mut entries = RawDir::new(directory, &mut listing);
        let mut done = 0;
        while done < len
            && let Some(entry) = entries.next()
        {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            let filetype: Filetype = entry.file_type().into();
            let mut head = [0; DIRENT_BYTES as usize];
            head[0..8].copy_from_slice(&entry.next_entry_cookie().to_le_bytes());
            head[8..16].copy_from_slice(&entry.ino().to_le_bytes());
            head[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
            head[20] = filetype as u8;
            for part in [&head[..], name] {
                let part = &part[..part.len().min((len - done) as usize)];
                memory.write(to.checked_add(done).ok_or(Errno::Fault)?, part)?;
                done += part.len() as u32;
            }
        }
        memory.write_u32(used, done)
    }
}
