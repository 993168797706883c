//! The functions, called as a guest calls them, on a memory that is a plain vector.

use super::abi::{Errno, fdflags, oflags};
use super::context::{WasiCtx, WasiCtxBuilder};
use super::memory::{GuestMemory, Memory};
use super::rights::{DirPerms, FilePerms, Rights};
use super::stream::MemoryOutputPipe;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

mod rights;
mod waiting;

/// The first directory opened for a guest.
const DIR: u32 = 3;
/// Where a path is put, where results go, where data lies.
const PATH: u32 = 0x100;
const RESULT: u32 = 0x800;
const DATA: u32 = 0x1000;

struct Guest {
    context: WasiCtx,
    memory: Vec<u8>,
    directory: PathBuf,
    stdout: MemoryOutputPipe,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Guest {
    fn new() -> Guest {
        Guest::with(DirPerms::all(), FilePerms::all())
    }

    /// One directory, `inside`.
    fn with(dirs: DirPerms, files: FilePerms) -> Guest {
        Guest::with_directories(&[("inside", dirs, files)], WasiCtxBuilder::new())
    }

    /// Directories by the names they have on the host, from the number [`DIR`] on.
    fn with_directories(directories: &[(&str, DirPerms, FilePerms)], mut builder: WasiCtxBuilder) -> Guest {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("planish-wasi-{}-{number}", std::process::id()));
        let stdout = MemoryOutputPipe::new(1 << 16);
        builder.args(&["program", "two words"]).env("NAME", "value").stdin(&b"input"[..]).stdout(stdout.clone());
        for (name, dirs, files) in directories {
            let host = directory.join(name);
            fs::create_dir_all(&host).expect("a temporary directory");
            builder.preopened_dir(host, "/sandbox", *dirs, *files).expect("it exists");
        }
        let context = builder.build();
        Guest { context, memory: vec![0; 1 << 20], directory, stdout }
    }

    /// Makes a named pipe, `pipe`.
    fn make_pipe(&self) {
        let path = self.directory.join("inside/pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).expect("made");
    }

    fn call(&mut self, call: impl FnOnce(&mut WasiCtx, Memory<'_>) -> Result<(), Errno>) -> Result<(), Errno> {
        call(&mut self.context, &mut self.memory)
    }

    fn u32_at(&self, address: u32) -> u32 {
        self.memory.read_u32(address).expect("inside")
    }

    fn u64_at(&self, address: u32) -> u64 {
        u64::from_le_bytes(self.bytes(address, 8).try_into().expect("eight bytes"))
    }

    fn bytes(&self, address: u32, len: u32) -> &[u8] {
        &self.memory[address as usize..][..len as usize]
    }

    /// Puts a path; returns its address and length.
    fn path(&mut self, path: &str) -> (u32, u32) {
        self.memory.write(PATH, path.as_bytes()).expect("inside");
        (PATH, path.len() as u32)
    }

    fn open(&mut self, path: &str, flags: u32, rights: Rights) -> Result<u32, Errno> {
        self.open_with(path, 0, flags, rights, 0)
    }

    fn open_with(&mut self, path: &str, lookup: u32, flags: u32, rights: Rights, fd: u16) -> Result<u32, Errno> {
        let (at, len) = self.path(path);
        self.call(|context, memory| {
            context.path_open(memory, DIR, lookup, at, len, flags, rights.0, rights.0, fd.into(), RESULT)
        })?;
        Ok(self.u32_at(RESULT))
    }

    /// One buffer at `DATA`, described at `RESULT + 8`.
    fn buffer(&mut self, bytes: &[u8]) -> (u32, u32) {
        self.memory.write(DATA, bytes).expect("inside");
        self.memory.write_u32(RESULT + 8, DATA).expect("inside");
        self.memory.write_u32(RESULT + 12, bytes.len() as u32).expect("inside");
        (RESULT + 8, 1)
    }

    fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        let (array, count) = self.buffer(bytes);
        self.call(|context, memory| context.fd_write(memory, fd, array, count, RESULT))?;
        Ok(self.u32_at(RESULT))
    }

    fn read(&mut self, fd: u32, len: usize) -> Result<Vec<u8>, Errno> {
        let (array, count) = self.buffer(&vec![0; len]);
        self.call(|context, memory| context.fd_read(memory, fd, array, count, RESULT))?;
        Ok(self.bytes(DATA, self.u32_at(RESULT)).to_vec())
    }

    /// Names and cookies, read through a guest buffer of `len` bytes at a time.
    fn list(&mut self, fd: u32, len: u32) -> Vec<(String, u64)> {
        let (mut cookie, mut entries) = (0, Vec::new());
        loop {
            self.call(|context, memory| context.fd_readdir(memory, fd, DATA, len, cookie, RESULT)).expect("listed");
            let (used, mut at) = (self.u32_at(RESULT), 0);
            while at + 24 <= used && at + 24 + self.u32_at(DATA + at + 16) <= used {
                let name_len = self.u32_at(DATA + at + 16);
                cookie = self.u64_at(DATA + at);
                let name = String::from_utf8(self.bytes(DATA + at + 24, name_len).to_vec()).expect("UTF-8");
                entries.push((name, cookie));
                at += 24 + name_len;
            }
            if used < len {
                entries.sort();
                return entries;
            }
        }
    }
}

const READ_WRITE: Rights = Rights(Rights::FD_READ.0 | Rights::FD_WRITE.0);

#[test]
fn arguments_and_environment() {
    let mut guest = Guest::new();
    guest.call(|context, memory| context.args_sizes_get(memory, RESULT, RESULT + 4)).expect("sizes");
    assert_eq!((guest.u32_at(RESULT), guest.u32_at(RESULT + 4)), (2, 18));
    guest.call(|context, memory| context.args_get(memory, RESULT, DATA)).expect("arguments");
    assert_eq!((guest.u32_at(RESULT), guest.u32_at(RESULT + 4)), (DATA, DATA + 8));
    assert_eq!(guest.bytes(DATA, 18), b"program\0two words\0");
    guest.call(|context, memory| context.environ_get(memory, RESULT, DATA)).expect("environment");
    assert_eq!(guest.bytes(DATA, 11), b"NAME=value\0");
    let end = guest.memory.len() as u32 - 4;
    assert_eq!(guest.call(|context, memory| context.args_get(memory, RESULT, end)), Err(Errno::Fault));
}

#[test]
fn clocks_and_random_numbers() {
    let mut guest = Guest::new();
    for clock in 0..4 {
        guest.call(|context, memory| context.clock_time_get(memory, clock, 0, RESULT)).expect("a clock");
        let first = guest.u64_at(RESULT);
        guest.call(|context, memory| context.clock_time_get(memory, clock, 0, RESULT)).expect("a clock");
        assert!(guest.u64_at(RESULT) >= first);
        guest.call(|context, memory| context.clock_res_get(memory, clock, RESULT)).expect("a resolution");
        assert!(guest.u64_at(RESULT) > 0);
    }
    assert_eq!(guest.call(|context, memory| context.clock_time_get(memory, 4, 0, RESULT)), Err(Errno::Inval));
    guest.call(|context, memory| context.random_get(memory, DATA, 100_000)).expect("random bytes");
    assert!(guest.bytes(DATA + 99_900, 100).iter().any(|byte| *byte != 0));
    assert_eq!(guest.call(|context, memory| context.random_get(memory, DATA, u32::MAX)), Err(Errno::Fault));
}

#[test]
fn a_guest_that_goes_on_yielding_gives_the_processor_away_again_and_again() {
    let mut guest = Guest::new();
    let began = std::time::Instant::now();
    let mut yields = Vec::new();
    while yields.len() < 10 && began.elapsed().as_secs() < 10 {
        guest.call(|context, memory| context.sched_yield(memory)).expect("yielded");
        yields.extend(guest.context.last_yield);
        yields.dedup();
    }
    assert_eq!(yields.len(), 10);
    for pair in yields.windows(2) {
        assert!((pair[1] - pair[0]).as_nanos() >= 4000, "{pair:?}");
    }
}

#[test]
fn streams() {
    let mut guest = Guest::new();
    assert_eq!(guest.read(0, 3), Ok(b"inp".to_vec()));
    assert_eq!(guest.read(0, 10), Ok(b"ut".to_vec()));
    assert_eq!(guest.read(0, 10), Ok(vec![]));
    assert_eq!(guest.write(1, b"out"), Ok(3));
    assert_eq!(guest.stdout.contents(), b"out");
    assert_eq!(guest.write(0, b"x"), Err(Errno::Notcapable));
    assert_eq!(guest.read(1, 1), Err(Errno::Notcapable));
    assert_eq!(guest.write(99, b"x"), Err(Errno::Badf));
    assert_eq!(guest.call(|context, memory| context.fd_seek(memory, 1, 0, 0, RESULT)), Err(Errno::Spipe));
    // The pipe's capacity is an error to the guest, not memory of ours.
    assert_eq!(guest.write(1, &[0; 1 << 16]), Ok((1 << 16) - 3));
    assert_eq!(guest.write(1, b"x"), Err(Errno::Pipe));
}

#[test]
fn files() {
    let mut guest = Guest::new();
    assert_eq!(guest.open("file", 0, READ_WRITE), Err(Errno::Noent));
    let fd = guest.open("file", oflags::CREAT | oflags::EXCL, READ_WRITE).expect("created");
    assert_eq!(fd, DIR + 1);
    assert_eq!(guest.open("file", oflags::CREAT | oflags::EXCL, READ_WRITE), Err(Errno::Exist));
    assert_eq!(guest.write(fd, b"hello world"), Ok(11));
    guest.call(|context, memory| context.fd_seek(memory, fd, -5, 2, RESULT)).expect("sought");
    assert_eq!(guest.u64_at(RESULT), 6);
    assert_eq!(guest.read(fd, 100), Ok(b"world".to_vec()));
    let (array, count) = guest.buffer(b"HELLO");
    guest.call(|context, memory| context.fd_pwrite(memory, fd, array, count, 0, RESULT)).expect("written");
    guest.call(|context, memory| context.fd_tell(memory, fd, RESULT)).expect("told");
    assert_eq!(guest.u64_at(RESULT), 11);
    let (array, count) = guest.buffer(&[0; 7]);
    guest.call(|context, memory| context.fd_pread(memory, fd, array, count, 2, RESULT)).expect("read");
    assert_eq!(guest.bytes(DATA, 7), b"LLO wor");
    guest.call(|context, memory| context.fd_filestat_set_size(memory, fd, 5)).expect("cut");
    guest.call(|context, memory| context.fd_filestat_get(memory, fd, DATA)).expect("known");
    assert_eq!(guest.u64_at(DATA + 32), 5);
    assert_eq!(fs::read(guest.directory.join("inside/file")).expect("there"), b"HELLO");
    guest.call(|context, memory| context.fd_close(memory, fd)).expect("closed");
    assert_eq!(guest.read(fd, 1), Err(Errno::Badf));
    assert_eq!(guest.call(|context, memory| context.fd_seek(memory, DIR, 0, 0, RESULT)), Err(Errno::Isdir));
}

fn position(guest: &mut Guest, fd: u32) -> Result<u64, Errno> {
    guest.call(|context, memory| context.fd_tell(memory, fd, RESULT))?;
    Ok(guest.u64_at(RESULT))
}

fn seek(guest: &mut Guest, fd: u32, offset: i64, whence: u32) -> Result<u64, Errno> {
    guest.call(|context, memory| context.fd_seek(memory, fd, offset, whence, RESULT))?;
    Ok(guest.u64_at(RESULT))
}

#[test]
fn positions_move_as_the_system_moves_them() {
    let mut guest = Guest::new();
    let fd = guest.open("file", oflags::CREAT, READ_WRITE).expect("created");
    let other = guest.open("file", 0, READ_WRITE).expect("opened");
    assert_eq!(guest.write(fd, b"0123456789"), Ok(10));
    assert_eq!((position(&mut guest, fd), position(&mut guest, other)), (Ok(10), Ok(0)));
    assert_eq!(seek(&mut guest, fd, -4, 1), Ok(6));
    assert_eq!(guest.read(fd, 3), Ok(b"678".to_vec()));
    assert_eq!(guest.read(other, 2), Ok(b"01".to_vec()));
    assert_eq!((position(&mut guest, fd), position(&mut guest, other)), (Ok(9), Ok(2)));
    // At the end reading moves nothing; beyond it writing leaves zeros.
    assert_eq!((seek(&mut guest, fd, 2, 2), guest.read(fd, 5), position(&mut guest, fd)), (Ok(12), Ok(vec![]), Ok(12)));
    assert_eq!((guest.write(fd, b"x"), position(&mut guest, fd)), (Ok(1), Ok(13)));
    assert_eq!(fs::read(guest.directory.join("inside/file")).expect("there"), b"0123456789\0\0x");
    // No file is so long that the last of these were a position.
    for (offset, whence) in [(-14, 1), (-1, 0), (i64::MIN, 0), (-14, 2), (0, 3), (i64::MAX, 1), (i64::MAX, 0)] {
        assert_eq!(seek(&mut guest, fd, offset, whence), Err(Errno::Inval), "{offset} from {whence}");
    }
    assert_eq!(position(&mut guest, fd), Ok(13));
    let far = 1 << 33;
    assert_eq!(
        (seek(&mut guest, fd, far, 0), guest.read(fd, 1), position(&mut guest, fd)),
        (Ok(far as u64), Ok(vec![]), Ok(far as u64))
    );
    assert_eq!((seek(&mut guest, fd, -1, 1), seek(&mut guest, fd, 4, 0)), (Ok(far as u64 - 1), Ok(4)));
}

#[test]
fn appending_moves_the_position_to_the_end() {
    let mut guest = Guest::new();
    let log = guest.open_with("log", 0, oflags::CREAT, READ_WRITE, fdflags::APPEND).expect("created");
    let other = guest.open("log", 0, READ_WRITE).expect("opened");
    assert_eq!(
        (guest.write(other, b"other "), guest.write(log, b"log "), position(&mut guest, log)),
        (Ok(6), Ok(4), Ok(10))
    );
    assert_eq!(
        (seek(&mut guest, log, 1, 0), guest.read(log, 3), position(&mut guest, log)),
        (Ok(1), Ok(b"the".to_vec()), Ok(4))
    );
    // Flags change while a position is kept: it stays until the first write.
    let set = |guest: &mut Guest, flags: u16| {
        guest.call(|context, memory| context.fd_fdstat_set_flags(memory, other, flags.into())).expect("set");
    };
    set(&mut guest, fdflags::APPEND);
    assert_eq!((position(&mut guest, other), guest.read(other, 3)), (Ok(6), Ok(b"log".to_vec())));
    assert_eq!((guest.write(other, b"end"), position(&mut guest, other)), (Ok(3), Ok(13)));
    set(&mut guest, 0);
    assert_eq!(
        (seek(&mut guest, other, 0, 0), guest.write(other, b"O"), position(&mut guest, other)),
        (Ok(0), Ok(1), Ok(1))
    );
    assert_eq!(fs::read(guest.directory.join("inside/log")).expect("there"), b"Other log end");
}

#[test]
fn pipes_have_no_position() {
    let mut guest = Guest::new();
    guest.make_pipe();
    let fd = guest.open("pipe", 0, READ_WRITE).expect("opened");
    assert_eq!(
        (guest.write(fd, b"through"), guest.read(fd, 3), guest.read(fd, 9)),
        (Ok(7), Ok(b"thr".to_vec()), Ok(b"ough".to_vec()))
    );
    assert_eq!((position(&mut guest, fd), seek(&mut guest, fd, 0, 0)), (Err(Errno::Spipe), Err(Errno::Spipe)));
}

#[test]
fn flags_can_be_seen_and_changed() {
    let mut guest = Guest::new();
    let fd = guest.open_with("log", 0, oflags::CREAT, READ_WRITE, fdflags::APPEND | fdflags::SYNC).expect("created");
    let flags = |guest: &mut Guest| {
        guest.call(|context, memory| context.fd_fdstat_get(memory, fd, RESULT)).expect("known");
        guest.memory[RESULT as usize + 2]
    };
    assert_eq!(u16::from(flags(&mut guest)), fdflags::APPEND | fdflags::DSYNC | fdflags::SYNC);
    let set = |guest: &mut Guest, flags: u16| {
        guest.call(|context, memory| context.fd_fdstat_set_flags(memory, fd, flags.into()))
    };
    assert_eq!(set(&mut guest, fdflags::SYNC), Err(Errno::Inval));
    assert_eq!(set(&mut guest, fdflags::NONBLOCK), Ok(()));
    assert_eq!(u16::from(flags(&mut guest)), fdflags::NONBLOCK | fdflags::DSYNC | fdflags::SYNC);
}

type PathCall = fn(&mut WasiCtx, Memory<'_>, u32, u32, u32) -> Result<(), Errno>;

#[test]
fn nothing_leads_out_of_the_directory() {
    let mut guest = Guest::new();
    fs::write(guest.directory.join("secret"), "secret").expect("written");
    let inside = guest.directory.join("inside");
    std::os::unix::fs::symlink("../secret", inside.join("up")).expect("linked");
    std::os::unix::fs::symlink(guest.directory.join("secret"), inside.join("absolute")).expect("linked");
    std::os::unix::fs::symlink("..", inside.join("parent")).expect("linked");
    for path in ["../secret", "/etc/passwd", "./../inside/../secret", "parent/secret", "up", "absolute"] {
        for flags in [0, oflags::CREAT, oflags::TRUNC] {
            let outcome = guest.open_with(path, 1, flags, READ_WRITE, 0);
            assert_eq!(outcome, Err(Errno::Perm), "{path} with flags {flags}");
        }
        let (at, len) = guest.path(path);
        let stat = guest.call(|context, memory| context.path_filestat_get(memory, DIR, 1, at, len, DATA));
        assert_eq!(stat, Err(Errno::Perm), "{path}");
    }
    for path in ["../new", "/tmp/new", "parent/new"] {
        let (at, len) = guest.path(path);
        let calls: [PathCall; 3] =
            [WasiCtx::path_create_directory, WasiCtx::path_unlink_file, WasiCtx::path_remove_directory];
        for call in calls {
            assert_eq!(guest.call(|context, memory| call(context, memory, DIR, at, len)), Err(Errno::Perm), "{path}");
        }
        let link = guest.call(|context, memory| context.path_symlink(memory, at, len, DIR, at, len));
        assert_eq!(link, Err(Errno::Perm), "{path}");
        let rename = guest.call(|context, memory| context.path_rename(memory, DIR, at, len, DIR, at, len));
        assert_eq!(rename, Err(Errno::Perm), "{path}");
        let link = guest.call(|context, memory| context.path_link(memory, DIR, 0, at, len, DIR, at, len));
        assert_eq!(link, Err(Errno::Perm), "{path}");
    }
    assert_eq!(fs::read_dir(&guest.directory).expect("there").count(), 2);
}

#[test]
fn directories_are_listed_through_buffers_of_any_size() {
    let mut guest = Guest::new();
    let mut names = vec![".".to_owned(), "..".to_owned()];
    for number in 0..500 {
        let name = format!("file {number:03} {}", "x".repeat(number % 40));
        fs::write(guest.directory.join("inside").join(&name), "").expect("written");
        names.push(name);
    }
    names.sort();
    for len in [90, 300, 4096, 1 << 16] {
        let entries = guest.list(DIR, len);
        assert_eq!(entries.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), names, "through {len} bytes");
    }
    // A cookie stays good when another entry goes away.
    let (_, cookie) = guest.list(DIR, 4096)[10].clone();
    fs::remove_file(guest.directory.join("inside").join(&names[7])).expect("removed");
    assert_eq!(guest.call(|context, memory| context.fd_readdir(memory, DIR, DATA, 4096, cookie, RESULT)), Ok(()));
    assert_eq!(
        guest.call(|context, memory| context.fd_readdir(memory, DIR, DATA, 4096, u64::MAX, RESULT)),
        Err(Errno::Inval)
    );
}

#[test]
fn preopened_directories_have_names() {
    let mut guest = Guest::new();
    guest.call(|context, memory| context.fd_prestat_get(memory, DIR, RESULT)).expect("a directory");
    assert_eq!((guest.u32_at(RESULT), guest.u32_at(RESULT + 4)), (0, 8));
    guest.call(|context, memory| context.fd_prestat_dir_name(memory, DIR, DATA, 8)).expect("named");
    assert_eq!(guest.bytes(DATA, 8), b"/sandbox");
    assert_eq!(
        guest.call(|context, memory| context.fd_prestat_dir_name(memory, DIR, DATA, 7)),
        Err(Errno::Nametoolong)
    );
    assert_eq!(guest.call(|context, memory| context.fd_prestat_get(memory, DIR + 1, RESULT)), Err(Errno::Badf));
    assert_eq!(guest.call(|context, memory| context.fd_prestat_get(memory, 0, RESULT)), Err(Errno::Badf));
}

#[test]
fn rights_are_given_up_for_good() {
    let mut guest = Guest::new();
    let fd = guest.open("file", oflags::CREAT, READ_WRITE).expect("created");
    let set = |guest: &mut Guest, fd, base: Rights| {
        guest.call(|context, memory| context.fd_fdstat_set_rights(memory, fd, base.0, 0))
    };
    assert_eq!(set(&mut guest, fd, Rights::FD_READ | Rights::FD_SEEK), Ok(()));
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Notcapable));
    assert_eq!(set(&mut guest, fd, READ_WRITE), Err(Errno::Notcapable));
    assert_eq!(set(&mut guest, DIR, Rights::PATH_OPEN), Ok(()));
    assert_eq!(guest.open("other", oflags::CREAT, READ_WRITE), Err(Errno::Notcapable));
    // No right is left to be passed on.
    assert_eq!(guest.open("file", 0, Rights::FD_READ), Err(Errno::Notcapable));
}

#[test]
fn a_directory_can_be_read_only() {
    let mut guest = Guest::with(DirPerms::READ, FilePerms::READ);
    fs::write(guest.directory.join("inside/file"), "text").expect("written");
    let fd = guest.open("file", 0, READ_WRITE).err();
    assert_eq!(fd, Some(Errno::Notcapable));
    let fd = guest.open("file", 0, Rights::FD_READ).expect("opened");
    assert_eq!(guest.read(fd, 10), Ok(b"text".to_vec()));
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Notcapable));
    assert_eq!(guest.open("file", oflags::TRUNC, Rights::FD_READ), Err(Errno::Notcapable));
    assert_eq!(guest.open("new", oflags::CREAT, Rights::FD_READ), Err(Errno::Notcapable));
    let (at, len) = guest.path("file");
    assert_eq!(guest.call(|context, memory| context.path_unlink_file(memory, DIR, at, len)), Err(Errno::Notcapable));
    assert_eq!(fs::read(guest.directory.join("inside/file")).expect("there"), b"text");
}

#[test]
fn a_guest_has_so_many_descriptors() {
    let mut builder = WasiCtxBuilder::new();
    builder.max_descriptors(6);
    let mut guest = Guest::with_directories(&[("inside", DirPerms::all(), FilePerms::all())], builder);
    assert_eq!(guest.open(".", 0, Rights::FD_READ), Ok(4));
    assert_eq!(guest.open("file", oflags::CREAT, READ_WRITE), Ok(5));
    for flags in [0, oflags::CREAT, oflags::CREAT | oflags::EXCL, oflags::TRUNC] {
        assert_eq!(guest.open("new", flags, READ_WRITE), Err(Errno::Mfile), "flags {flags}");
    }
    assert!(!guest.directory.join("inside/new").exists());
    // A number that has become free is room again.
    assert_eq!(guest.call(|context, memory| context.fd_renumber(memory, 5, 4)), Ok(()));
    assert_eq!(guest.open("new", oflags::CREAT, READ_WRITE), Ok(5));
    assert_eq!(guest.open("new", 0, READ_WRITE), Err(Errno::Mfile));
    assert_eq!(guest.call(|context, memory| context.fd_close(memory, 0)), Ok(()));
    assert_eq!(guest.open("new", 0, READ_WRITE), Ok(0));
    // Fewer than the embedder gives: those are there, and no more.
    let mut builder = WasiCtxBuilder::new();
    builder.max_descriptors(2);
    let mut guest = Guest::with_directories(&[("inside", DirPerms::all(), FilePerms::all())], builder);
    assert_eq!(guest.open(".", 0, Rights::FD_READ), Err(Errno::Mfile));
}

#[test]
fn descriptors_can_be_renumbered() {
    let mut guest = Guest::new();
    let first = guest.open("first", oflags::CREAT, READ_WRITE).expect("created");
    let second = guest.open("second", oflags::CREAT, READ_WRITE).expect("created");
    assert_eq!(guest.call(|context, memory| context.fd_renumber(memory, first, 77)), Err(Errno::Badf));
    assert_eq!(guest.call(|context, memory| context.fd_renumber(memory, first, second)), Ok(()));
    assert_eq!(guest.write(first, b"x"), Err(Errno::Badf));
    assert_eq!(guest.write(second, b"text"), Ok(4));
    assert_eq!(fs::read(guest.directory.join("inside/first")).expect("there"), b"text");
    assert_eq!(guest.open("third", oflags::CREAT, READ_WRITE), Ok(first));
}

/// Writes a subscription to a clock or a descriptor at `DATA`.
fn subscribe(guest: &mut Guest, index: u32, kind: u8, descriptor: u32, timeout: u64) {
    let at = DATA + index * 48;
    guest.memory.write(at, &[0; 48]).expect("inside");
    guest.memory.write_u64(at, 1000 + u64::from(index)).expect("inside");
    guest.memory.write(at + 8, &[kind]).expect("inside");
    if kind == 0 {
        guest.memory.write_u32(at + 16, 1).expect("inside");
        guest.memory.write_u64(at + 24, timeout).expect("inside");
    } else {
        guest.memory.write_u32(at + 16, descriptor).expect("inside");
    }
}

/// What `poll_oneoff` says can be read.
#[test]
fn the_rest_of_a_file_is_ready() {
    let mut guest = Guest::new();
    fs::write(guest.directory.join("inside/file"), "0123456789").expect("written");
    let fd = guest.open("file", 0, READ_WRITE).expect("opened");
    guest.read(fd, 3).expect("read");
    for (position, ready) in [(3, 7), (10, 0), (20, 0)] {
        seek(&mut guest, fd, position, 0).expect("sought");
        subscribe(&mut guest, 0, 1, fd, 0);
        assert_eq!(poll(&mut guest, 1), Ok(vec![(1000, 0)]));
        assert_eq!(guest.u64_at(DATA + 0x1000 + 16), ready, "at {position}");
    }
}

/// The user data and errors of the events that come.
fn poll(guest: &mut Guest, count: u32) -> Result<Vec<(u64, u16)>, Errno> {
    let events = DATA + 0x1000;
    guest.call(|context, memory| context.poll_oneoff(memory, DATA, events, count, RESULT))?;
    let event = |index| {
        let at = events + index * 32;
        (guest.u64_at(at), guest.u32_at(at + 8) as u16)
    };
    Ok((0..guest.u32_at(RESULT)).map(event).collect())
}

#[test]
fn waiting() {
    let mut guest = Guest::new();
    subscribe(&mut guest, 0, 0, 0, 2_000_000);
    subscribe(&mut guest, 1, 0, 0, 60_000_000_000);
    let began = std::time::Instant::now();
    assert_eq!(poll(&mut guest, 2), Ok(vec![(1000, 0)]));
    assert!(began.elapsed().as_micros() >= 2000);
    // Whoever is ready makes nobody wait; who does not exist is told so.
    subscribe(&mut guest, 0, 0, 0, 60_000_000_000);
    subscribe(&mut guest, 1, 1, 0, 0);
    subscribe(&mut guest, 2, 2, 1, 0);
    subscribe(&mut guest, 3, 1, 55, 0);
    let bad = Errno::Badf as u16;
    assert_eq!(poll(&mut guest, 4), Ok(vec![(1001, 0), (1002, 0), (1003, bad)]));
    assert_eq!(poll(&mut guest, 0), Err(Errno::Inval));
    assert_eq!(poll(&mut guest, u32::MAX), Err(Errno::Inval));
}

#[test]
fn times_can_be_set() {
    let mut guest = Guest::new();
    let fd = guest.open("file", oflags::CREAT, READ_WRITE).expect("created");
    guest.call(|context, memory| context.fd_filestat_set_times(memory, fd, 0, 1_500_000_001, 4)).expect("set");
    let (at, len) = guest.path("file");
    let stat = |guest: &mut Guest| {
        guest.call(|context, memory| context.path_filestat_get(memory, DIR, 0, at, len, DATA)).expect("known");
        guest.u64_at(DATA + 48)
    };
    assert_eq!(stat(&mut guest), 1_500_000_001);
    let set = |guest: &mut Guest, time, flags| {
        guest.call(|context, memory| context.path_filestat_set_times(memory, DIR, 0, at, len, 0, time, flags))
    };
    assert_eq!(set(&mut guest, u64::MAX, 4), Ok(()));
    assert_eq!(set(&mut guest, 7, 4), Ok(()));
    assert_eq!(stat(&mut guest), 7);
    assert_eq!(set(&mut guest, 7, 12), Err(Errno::Inval));
}

#[test]
fn no_call_makes_a_socket() {
    let mut guest = Guest::new();
    assert_eq!(guest.call(|context, memory| context.sock_shutdown(memory, 1, 0)), Err(Errno::Notsock));
    assert_eq!(guest.call(|context, memory| context.sock_shutdown(memory, 9, 0)), Err(Errno::Badf));
}
