//! What is known of files: sizes, times, kinds; reading and changing them.

use super::abi::{Errno, Filetype, follow, fstflags};
use super::context::WasiCtx;
use super::descriptor::Object;
use super::memory::{Memory, read_path};
use super::rights::Rights;
use cap_primitives::fs::{FollowSymlinks, Metadata, MetadataExt, OpenOptions, OpenOptionsExt, SystemTimeSpec};
use cap_primitives::time::SystemTime;
use rustix::fs::{FileType, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// `filestat` of the specification.
fn filestat(metadata: &Metadata) -> [u8; 64] {
    let nanoseconds = |seconds: i64, rest: i64| {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000).saturating_add(rest as u64)
    };
    let filetype: Filetype = FileType::from_raw_mode(metadata.mode()).into();
    let fields = [
        (0, metadata.dev()),
        (8, metadata.ino()),
        (16, filetype as u64),
        (24, metadata.nlink()),
        (32, metadata.size()),
        (40, nanoseconds(metadata.atime(), metadata.atime_nsec())),
        (48, nanoseconds(metadata.mtime(), metadata.mtime_nsec())),
        (56, nanoseconds(metadata.ctime(), metadata.ctime_nsec())),
    ];
    let mut stat = [0; 64];
    for (at, value) in fields {
        stat[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    stat
}

/// A new time: what to set, the clock's now, or nothing.
enum NewTime {
    Keep,
    Now,
    To(u64),
}

impl NewTime {
    /// Of access and modification.
    fn both(atim: u64, mtim: u64, flags: u32) -> Result<[NewTime; 2], Errno> {
        let one = |time, set, now| match (flags & set != 0, flags & now != 0) {
            (true, true) => Err(Errno::Inval),
            (true, false) => Ok(NewTime::To(time)),
            (false, true) => Ok(NewTime::Now),
            (false, false) => Ok(NewTime::Keep),
        };
        Ok([one(atim, fstflags::ATIM, fstflags::ATIM_NOW)?, one(mtim, fstflags::MTIM, fstflags::MTIM_NOW)?])
    }

    fn timespec(&self) -> Timespec {
        match self {
            NewTime::Keep => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            NewTime::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
            NewTime::To(time) => {
                Timespec { tv_sec: (time / 1_000_000_000) as i64, tv_nsec: (time % 1_000_000_000) as i64 }
            }
        }
    }

    fn system_time(&self) -> Option<SystemTimeSpec> {
        match self {
            NewTime::Keep => None,
            NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
            NewTime::To(time) => {
                let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_nanos(*time);
                Some(SystemTimeSpec::Absolute(SystemTime::from_std(time)))
            }
        }
    }
}

fn timestamps([atim, mtim]: &[NewTime; 2]) -> Timestamps {
    Timestamps { last_access: atim.timespec(), last_modification: mtim.timespec() }
}

/// Sets the times of what a path leads to, links followed. It is opened for that without waiting: cap-primitives alone would wait for
/// the other end of a pipe, so it is asked only where neither reading nor writing is permitted, which the system checks first.
fn set_times(directory: &File, name: &Path, times: &[NewTime; 2]) -> Result<(), Errno> {
    let open = |options: &mut OpenOptions| {
        options.custom_flags((OFlags::NOCTTY | OFlags::NONBLOCK).bits() as i32);
        cap_primitives::fs::open(directory, name, options).map_err(Errno::from)
    };
    let opened = match open(OpenOptions::new().read(true)) {
        Err(Errno::Acces) => open(OpenOptions::new().write(true)),
        result => result,
    };
    match opened {
        Ok(file) => Ok(rustix::fs::futimens(&file, &timestamps(times))?),
        Err(Errno::Acces | Errno::Isdir) => {
            let [atim, mtim] = times.each_ref().map(|time| time.system_time());
            Ok(cap_primitives::fs::set_times(directory, name, atim, mtim)?)
        }
        Err(errno) => Err(errno),
    }
}

impl WasiCtx {
    pub(super) fn fd_filestat_get(&mut self, memory: Memory<'_>, fd: u32, to: u32) -> Result<(), Errno> {
        let stream = |filetype: Filetype| {
            let mut stat = [0; 64];
            stat[16] = filetype as u8;
            stat
        };
        let stat = match self.descriptors.object(fd, Rights::FD_FILESTAT_GET)? {
            Object::Input(input) => stream(input.filetype()),
            Object::Output(output) => stream(output.filetype()),
            Object::File(file) => filestat(&Metadata::from_file(file.file())?),
            Object::Directory(file, _) => filestat(&Metadata::from_file(file)?),
        };
        memory.write(to, &stat)
    }

    pub(super) fn fd_filestat_set_size(&mut self, _memory: Memory<'_>, fd: u32, size: u64) -> Result<(), Errno> {
        Ok(rustix::fs::ftruncate(self.descriptors.file(fd, Rights::FD_FILESTAT_SET_SIZE)?, size)?)
    }

    pub(super) fn fd_filestat_set_times(
        &mut self,
        _memory: Memory<'_>,
        fd: u32,
        atim: u64,
        mtim: u64,
        flags: u32,
    ) -> Result<(), Errno> {
        let times = timestamps(&NewTime::both(atim, mtim, flags)?);
        match self.descriptors.object(fd, Rights::FD_FILESTAT_SET_TIMES)? {
            Object::Input(_) | Object::Output(_) => Err(Errno::Inval),
            Object::File(file) => Ok(rustix::fs::futimens(file, &times)?),
            Object::Directory(file, _) => Ok(rustix::fs::futimens(file, &times)?),
        }
    }

    pub(super) fn path_filestat_get(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        flags: u32,
        name: u32,
        name_len: u32,
        to: u32,
    ) -> Result<(), Errno> {
        let name = read_path(memory, name, name_len)?;
        let directory = self.descriptors.directory(fd, Rights::PATH_FILESTAT_GET)?;
        let metadata = cap_primitives::fs::stat(directory, &name, follow(flags))?;
        memory.write(to, &filestat(&metadata))
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    pub(super) fn path_filestat_set_times(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        flags: u32,
        name: u32,
        name_len: u32,
        atim: u64,
        mtim: u64,
        times: u32,
    ) -> Result<(), Errno> {
        let name = read_path(memory, name, name_len)?;
        let times = NewTime::both(atim, mtim, times)?;
        let directory = self.descriptors.directory(fd, Rights::PATH_FILESTAT_SET_TIMES)?;
        match follow(flags) {
            FollowSymlinks::Yes => set_times(directory, &name, &times),
            FollowSymlinks::No => {
                let [atim, mtim] = times.map(|time| time.system_time());
                Ok(cap_primitives::fs::set_times_nofollow(directory, &name, atim, mtim)?)
            }
        }
    }
}
