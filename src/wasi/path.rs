//! Paths: opening, making, moving and removing what is below an open directory, and never anything else.
//!
//! Every path is resolved by cap-primitives (`openat2` with `RESOLVE_BENEATH` where the host has it), so neither `..`
//! nor a symbolic link nor a race leads out of the directory.

use super::abi::{Errno, follow, oflags};
use super::context::WasiCtx;
use super::descriptor::{Descriptor, Object};
use super::memory::{Memory, read_path};
use super::open_file::{OpenFile, host_flags};
use super::rights::Rights;
use cap_primitives::fs::{DirOptions, FollowSymlinks, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What must be granted by the directory for `path_open` to do what its flags say.
fn rights_to_open(flags: u32) -> Rights {
    let mut rights = Rights::PATH_OPEN;
    if flags & oflags::CREAT != 0 {
        rights = rights | Rights::PATH_CREATE_FILE;
    }
    if flags & oflags::TRUNC != 0 {
        rights = rights | Rights::PATH_FILESTAT_SET_SIZE;
    }
    rights
}

/// The host's options for a guest's flags and wish to read and write.
fn open_options(lookup: u32, flags: u32, fdflags: u16, wanted: Rights) -> Result<OpenOptions, Errno> {
    let fdflags = host_flags(fdflags)?;
    let (create, exclusive) = (flags & oflags::CREAT != 0, flags & oflags::EXCL != 0);
    let truncate = flags & oflags::TRUNC != 0;
    let write = wanted.contains(Rights::FD_WRITE) || create || truncate;
    // A descriptor for neither is still good for its metadata, and Linux must open it for something.
    let read = wanted.contains(Rights::FD_READ) || !write;
    let mut options = OpenOptions::new();
    // The way to say `O_NOFOLLOW` to both of cap-primitives' implementations.
    options._cap_fs_ext_follow(follow(lookup));
    if flags & oflags::DIRECTORY != 0 {
        if create || exclusive || truncate {
            return Err(Errno::Inval);
        }
        // Linux says that a directory cannot be opened for writing, or that something is none.
        options.read(true).write(wanted.contains(Rights::FD_WRITE));
        options.custom_flags((fdflags | OFlags::DIRECTORY).bits() as i32);
        return Ok(options);
    }
    options.read(read).write(write).truncate(truncate);
    options.create(create && !exclusive).create_new(create && exclusive);
    // A guest must not give its host a controlling terminal, nor make it wait for the other end of a pipe, which may never come.
    options.custom_flags((fdflags | OFlags::NOCTTY | OFlags::NONBLOCK).bits() as i32);
    Ok(options)
}

impl WasiCtx {
    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    pub(super) fn path_open(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        lookup: u32,
        name: u32,
        name_len: u32,
        flags: u32,
        base: u64,
        _inheriting: u64,
        fdflags: u32,
        to: u32,
    ) -> Result<(), Errno> {
        let name = read_path(memory, name, name_len)?;
        let inheriting = self.descriptors.get(fd)?.inheriting;
        self.descriptors.directory(fd, rights_to_open(flags))?;
        // Of the rights asked for only these two count: programs ask for all they ever saw.
        let wanted = Rights(base) & (Rights::FD_READ | Rights::FD_WRITE);
        if flags & oflags::DIRECTORY == 0 && !inheriting.files.contains(wanted) {
            return Err(Errno::Notcapable);
        }
        let fdflags = u16::try_from(fdflags).map_err(|_| Errno::Inval)?;
        let options = open_options(lookup, flags, fdflags, wanted)?;
        let vacancy = self.descriptors.vacancy()?;
        let directory = self.descriptors.directory(fd, Rights::PATH_OPEN)?;
        let file = cap_primitives::fs::open(directory, &name, &options)?;
        let metadata = file.metadata()?;
        let (object, base) = if metadata.is_dir() {
            (Object::Directory(file, None), inheriting.directories)
        } else {
            let rights = (Rights::of_open_file() | wanted) & inheriting.files;
            (Object::File(OpenFile::new(file, &metadata, fdflags)?), rights)
        };
        let opened = self.descriptors.insert(vacancy, Descriptor { object, base, inheriting });
        memory.write_u32(to, opened)
    }

    pub(super) fn path_create_directory(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        name: u32,
        name_len: u32,
    ) -> Result<(), Errno> {
        let name = read_path(memory, name, name_len)?;
        let directory = self.descriptors.directory(fd, Rights::PATH_CREATE_DIRECTORY)?;
        Ok(cap_primitives::fs::create_dir(directory, &name, &DirOptions::new())?)
    }

    pub(super) fn path_remove_directory(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        name: u32,
        name_len: u32,
    ) -> Result<(), Errno> {
        let name = read_path(memory, name, name_len)?;
        let directory = self.descriptors.directory(fd, Rights::PATH_REMOVE_DIRECTORY)?;
        // rmdir(2) of `name/` works, but cap-primitives would make it `name/.`, which does not.
        let bytes = name.as_os_str().as_bytes();
        let slashes = bytes.iter().rev().take_while(|byte| **byte == b'/').count();
        let kept = if slashes < bytes.len() { &bytes[..bytes.len() - slashes] } else { bytes };
        Ok(cap_primitives::fs::remove_dir(directory, Path::new(OsStr::from_bytes(kept)))?)
    }

    pub(super) fn path_unlink_file(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        name: u32,
        name_len: u32,
    ) -> Result<(), Errno> {
        let name = read_path(memory, name, name_len)?;
        let directory = self.descriptors.directory(fd, Rights::PATH_UNLINK_FILE)?;
        Ok(cap_primitives::fs::remove_file(directory, &name)?)
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    pub(super) fn path_link(
        &mut self,
        memory: Memory<'_>,
        old_fd: u32,
        lookup: u32,
        old: u32,
        old_len: u32,
        new_fd: u32,
        new: u32,
        new_len: u32,
    ) -> Result<(), Errno> {
        let (old, new) = (read_path(memory, old, old_len)?, read_path(memory, new, new_len)?);
        let (old_directory, new_directory) =
            self.descriptors.directories((old_fd, Rights::PATH_LINK_SOURCE), (new_fd, Rights::PATH_LINK_TARGET))?;
        // Following would resolve the link twice, with a race between.
        if follow(lookup) == FollowSymlinks::Yes {
            return Err(Errno::Inval);
        }
        Ok(cap_primitives::fs::hard_link(old_directory, &old, new_directory, &new)?)
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    pub(super) fn path_rename(
        &mut self,
        memory: Memory<'_>,
        old_fd: u32,
        old: u32,
        old_len: u32,
        new_fd: u32,
        new: u32,
        new_len: u32,
    ) -> Result<(), Errno> {
        let (old, new) = (read_path(memory, old, old_len)?, read_path(memory, new, new_len)?);
        let (old_directory, new_directory) =
            self.descriptors.directories((old_fd, Rights::PATH_RENAME_SOURCE), (new_fd, Rights::PATH_RENAME_TARGET))?;
        Ok(cap_primitives::fs::rename(old_directory, &old, new_directory, &new)?)
    }

    pub(super) fn path_symlink(
        &mut self,
        memory: Memory<'_>,
        old: u32,
        old_len: u32,
        fd: u32,
        new: u32,
        new_len: u32,
    ) -> Result<(), Errno> {
        let (old, new) = (read_path(memory, old, old_len)?, read_path(memory, new, new_len)?);
        let directory = self.descriptors.directory(fd, Rights::PATH_SYMLINK)?;
        // Refuses an absolute target, which would lead a program of the host astray.
        Ok(cap_primitives::fs::symlink(&old, directory, &new)?)
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    pub(super) fn path_readlink(
        &mut self,
        memory: Memory<'_>,
        fd: u32,
        name: u32,
        name_len: u32,
        to: u32,
        len: u32,
        used: u32,
    ) -> Result<(), Errno> {
        let name = read_path(memory, name, name_len)?;
        let directory = self.descriptors.directory(fd, Rights::PATH_READLINK)?;
        let target = cap_primitives::fs::read_link(directory, &name)?.into_os_string();
        let count = target.len().min(len as usize);
        memory.write(to, &target.as_bytes()[..count])?;
        memory.write_u32(used, count as u32)
    }
}
