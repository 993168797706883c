//! An open file, and where the guest reads and writes it next.

use super::abi::{Errno, Filetype, fdflags};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{OFlags, SeekFrom};
use rustix::io::retry_on_intr;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;

/// A file that the guest has opened. Nobody else has this description of it, so neither its position nor its flags change but by
/// calls of the guest's, and asking for them takes no system call.
pub(super) struct OpenFile {
    file: File,
    position: Position,
    filetype: Filetype,
    /// `fdflags`.
    flags: u16,
}

/// Files of this size are possible in every file system. Whether a larger position is possible the system says.
const ANY_FILE_SYSTEM_BYTES: u64 = 1 << 31;

enum Position {
    /// Kept here; the system gets it with every read and write, and its own stays at the start.
    Kept(u64),
    /// The system's: of a pipe or a device, which may have none, and of a file that is appended to, where writing goes elsewhere.
    Systems,
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl OpenFile {
    /// A file just opened with these `fdflags`, and without waiting (`O_NONBLOCK`).
    pub(super) fn new(file: File, metadata: &Metadata, flags: u16) -> Result<OpenFile, Errno> {
        let filetype = rustix::fs::FileType::from_raw_mode(metadata.mode()).into();
        // Regular files never wait. The others do, once they are open, unless the guest wants it otherwise.
        if filetype != Filetype::RegularFile && flags & fdflags::NONBLOCK == 0 {
            rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        }
        let keeps = filetype == Filetype::RegularFile && flags & fdflags::APPEND == 0;
        let position = if keeps { Position::Kept(0) } else { Position::Systems };
        // On Linux `O_RSYNC` is `O_SYNC`, which contains `O_DSYNC` (open(2)).
        let flags = guest_flags(host_flags(flags).unwrap_or(OFlags::empty()));
        Ok(OpenFile { file, position, filetype, flags })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn filetype(&self) -> Filetype {
        self.filetype
    }

    /// The present `fdflags`.
    pub(super) fn flags(&self) -> u16 {
        self.flags
    }

    /// Sets `fdflags`, of which Linux can change two (fcntl(2), `F_SETFL`).
    pub(super) fn set_flags(&mut self, flags: u16) -> Result<(), Errno> {
        const CHANGEABLE: u16 = fdflags::APPEND | fdflags::NONBLOCK;
        if flags & !CHANGEABLE != 0 {
            return Err(Errno::Inval);
        }
        if flags & fdflags::APPEND != 0 {
            self.leave_position_to_system()?;
        }
        let kept = rustix::fs::fcntl_getfl(&self.file)? - OFlags::APPEND - OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&self.file, kept | host_flags(flags)?)?;
        self.flags = self.flags & !CHANGEABLE | flags;
        Ok(())
    }

    fn leave_position_to_system(&mut self) -> Result<(), Errno> {
        if let Position::Kept(position) = self.position {
            rustix::fs::seek(&self.file, SeekFrom::Start(position))?;
            self.position = Position::Systems;
        }
        Ok(())
    }

    /// Reads what is `done` bytes after the position, which [`advance`](OpenFile::advance) moves.
    pub(super) fn read(&mut self, to: &mut [u8], done: u32) -> Result<usize, Errno> {
        if let Position::Kept(position) = self.position {
            match retry_on_intr(|| rustix::io::pread(&self.file, &mut *to, position + u64::from(done))) {
                // Some files of the system's have no positions though they are regular ones (Linux, `nonseekable_open`).
                Err(rustix::io::Errno::SPIPE) => self.position = Position::Systems,
                result => return Ok(result?),
            }
        }
        Ok(retry_on_intr(|| rustix::io::read(&self.file, &mut *to))?)
    }

    /// Writes `done` bytes after the position.
    pub(super) fn write(&mut self, from: &[u8], done: u32) -> Result<usize, Errno> {
        if let Position::Kept(position) = self.position {
            match retry_on_intr(|| rustix::io::pwrite(&self.file, from, position + u64::from(done))) {
                Err(rustix::io::Errno::SPIPE) => self.position = Position::Systems,
                result => return Ok(result?),
            }
        }
        Ok(retry_on_intr(|| rustix::io::write(&self.file, from))?)
    }

    /// Moves the position past what was read or written.
    pub(super) fn advance(&mut self, done: u32) {
        if let Position::Kept(position) = &mut self.position {
            *position += u64::from(done);
        }
    }

    /// Moves the position, and says where it is then.
    pub(super) fn seek(&mut self, target: SeekFrom) -> Result<u64, Errno> {
        let Position::Kept(position) = self.position else {
            return Ok(rustix::fs::seek(&self.file, target)?);
        };
        // Where the system moves its own position as well, nobody sees that.
        let moved = match target {
            SeekFrom::Start(moved) => moved,
            SeekFrom::Current(by) => position.checked_add_signed(by).ok_or(Errno::Inval)?,
            end => rustix::fs::seek(&self.file, end)?,
        };
        if moved > position && moved >= ANY_FILE_SYSTEM_BYTES {
            rustix::fs::seek(&self.file, SeekFrom::Start(moved))?;
        }
        self.position = Position::Kept(moved);
        Ok(moved)
    }

    /// How many bytes can be read without waiting.
    pub(super) fn readable_bytes(&self) -> Result<u64, Errno> {
        match self.position {
            Position::Kept(position) => Ok((rustix::fs::fstat(&self.file)?.st_size as u64).saturating_sub(position)),
            Position::Systems => Ok(rustix::io::ioctl_fionread(&self.file)?),
        }
    }
}

const FLAGS: [(u16, OFlags); 4] = [
    (fdflags::APPEND, OFlags::APPEND),
    (fdflags::DSYNC, OFlags::DSYNC),
    (fdflags::NONBLOCK, OFlags::NONBLOCK),
    // On Linux a superset of the bits of DSYNC, and the same as RSYNC.
    (fdflags::SYNC, OFlags::SYNC),
];

fn guest_flags(host: OFlags) -> u16 {
    FLAGS.iter().filter(|(_, flag)| host.contains(*flag)).fold(0, |flags, (bit, _)| flags | bit)
}

/// The host's flags for a guest's `fdflags`.
pub(super) fn host_flags(flags: u16) -> Result<OFlags, Errno> {
    let rsync = if flags & fdflags::RSYNC != 0 { OFlags::SYNC } else { OFlags::empty() };
    if flags & !(fdflags::RSYNC | FLAGS.iter().fold(0, |all, (bit, _)| all | bit)) != 0 {
        return Err(Errno::Inval);
    }
    Ok(FLAGS.iter().filter(|(bit, _)| flags & bit != 0).fold(rsync, |all, (_, flag)| all | *flag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Linux has regular files without positions; a pipe that is taken for one stands for them.
    #[test]
    fn a_file_that_refuses_positions_is_read_and_written_without() {
        let metadata = File::open("Cargo.toml").and_then(|file| file.metadata()).expect("a regular file");
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let mut file = OpenFile::new(File::from(std::os::fd::OwnedFd::from(reader)), &metadata, 0).expect("a file");
        writer.write_all(b"through").expect("written");
        let mut to = [0; 4];
        for expected in [b"thro".as_slice(), b"ugh"] {
            let count = file.read(&mut to, 0).expect("read");
            file.advance(count as u32);
            assert_eq!(&to[..count], expected);
        }
        assert_eq!(file.seek(SeekFrom::Current(0)), Err(Errno::Spipe));
        let mut file = OpenFile::new(File::from(std::os::fd::OwnedFd::from(writer)), &metadata, 0).expect("a file");
        assert_eq!(file.write(b"back", 0), Ok(4));
    }
}
