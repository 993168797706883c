//! All calls with all rights, and all permissions of directories, against what they should allow.

use super::*;
use crate::wasi::link::CALLS;
use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

type Call = fn(&mut Guest, u32) -> Result<(), Errno>;

/// What a call is tried on.
enum On {
    File,
    Directory,
    Stream,
}

macro_rules! call {
    ($name:ident $($argument:expr),*) => {
        |guest, fd| guest.call(|context, memory| context.$name(memory, fd $(, $argument)*))
    };
}

/// Each call, the rights without which it is refused (`rights` of the specification), and a way to call it that succeeds or fails for
/// another reason with them. At `PATH` is a name.
#[rustfmt::skip]
const NEEDED: &[(&str, On, &[Rights], Call)] = &[
    ("fd_advise", On::File, &[Rights::FD_ADVISE], call!(fd_advise 0, 1, 0)),
    ("fd_allocate", On::File, &[Rights::FD_ALLOCATE], call!(fd_allocate 0, 1)),
    ("fd_close", On::File, &[], call!(fd_close)),
    ("fd_datasync", On::File, &[Rights::FD_DATASYNC], call!(fd_datasync)),
    ("fd_datasync", On::Directory, &[Rights::FD_DATASYNC], call!(fd_datasync)),
    ("fd_fdstat_get", On::File, &[], call!(fd_fdstat_get DATA)),
    ("fd_fdstat_set_flags", On::File, &[Rights::FD_FDSTAT_SET_FLAGS], call!(fd_fdstat_set_flags 0)),
    ("fd_fdstat_set_rights", On::File, &[], call!(fd_fdstat_set_rights 0, 0)),
    ("fd_filestat_get", On::File, &[Rights::FD_FILESTAT_GET], call!(fd_filestat_get DATA)),
    ("fd_filestat_get", On::Directory, &[Rights::FD_FILESTAT_GET], call!(fd_filestat_get DATA)),
    ("fd_filestat_get", On::Stream, &[Rights::FD_FILESTAT_GET], call!(fd_filestat_get DATA)),
    ("fd_filestat_set_size", On::File, &[Rights::FD_FILESTAT_SET_SIZE], call!(fd_filestat_set_size 1)),
    ("fd_filestat_set_times", On::File, &[Rights::FD_FILESTAT_SET_TIMES], call!(fd_filestat_set_times 0, 1, 4)),
    ("fd_filestat_set_times", On::Directory, &[Rights::FD_FILESTAT_SET_TIMES], call!(fd_filestat_set_times 0, 1, 4)),
    ("fd_pread", On::File, &[Rights::FD_READ, Rights::FD_SEEK], call!(fd_pread DATA, 0, 0, RESULT)),
    ("fd_prestat_get", On::Directory, &[], call!(fd_prestat_get DATA)),
    ("fd_prestat_dir_name", On::Directory, &[], call!(fd_prestat_dir_name DATA, 99)),
    ("fd_pwrite", On::File, &[Rights::FD_WRITE, Rights::FD_SEEK], call!(fd_pwrite DATA, 0, 0, RESULT)),
    ("fd_read", On::File, &[Rights::FD_READ], call!(fd_read DATA, 0, RESULT)),
    ("fd_read", On::Stream, &[Rights::FD_READ], call!(fd_read DATA, 0, RESULT)),
    ("fd_readdir", On::Directory, &[Rights::FD_READDIR], call!(fd_readdir DATA, 99, 0, RESULT)),
    ("fd_renumber", On::File, &[], call!(fd_renumber DIR)),
    ("fd_seek", On::File, &[Rights::FD_SEEK], call!(fd_seek 1, 0, RESULT)),
    ("fd_seek", On::File, &[Rights::FD_TELL], call!(fd_seek 0, 1, RESULT)),
    ("fd_sync", On::File, &[Rights::FD_SYNC], call!(fd_sync)),
    ("fd_sync", On::Directory, &[Rights::FD_SYNC], call!(fd_sync)),
    ("fd_tell", On::File, &[Rights::FD_TELL], call!(fd_tell RESULT)),
    ("fd_write", On::File, &[Rights::FD_WRITE], call!(fd_write DATA, 0, RESULT)),
    ("path_create_directory", On::Directory, &[Rights::PATH_CREATE_DIRECTORY], call!(path_create_directory PATH, 3)),
    ("path_filestat_get", On::Directory, &[Rights::PATH_FILESTAT_GET], call!(path_filestat_get 0, PATH, 3, DATA)),
    ("path_filestat_set_times", On::Directory, &[Rights::PATH_FILESTAT_SET_TIMES], call!(path_filestat_set_times 0, PATH, 3, 0, 1, 4)),
    ("path_link", On::Directory, &[Rights::PATH_LINK_SOURCE, Rights::PATH_LINK_TARGET],
        |guest, fd| guest.call(|context, memory| context.path_link(memory, fd, 0, PATH, 3, fd, PATH, 3))),
    ("path_open", On::Directory, &[Rights::PATH_OPEN], call!(path_open 0, PATH, 3, 0, 0, 0, 0, RESULT)),
    ("path_open", On::Directory, &[Rights::PATH_OPEN, Rights::PATH_CREATE_FILE],
        call!(path_open 0, PATH, 3, oflags::CREAT, 0, 0, 0, RESULT)),
    ("path_open", On::Directory, &[Rights::PATH_OPEN, Rights::PATH_FILESTAT_SET_SIZE],
        call!(path_open 0, PATH, 3, oflags::TRUNC, 0, 0, 0, RESULT)),
    ("path_readlink", On::Directory, &[Rights::PATH_READLINK], call!(path_readlink PATH, 3, DATA, 9, RESULT)),
    ("path_remove_directory", On::Directory, &[Rights::PATH_REMOVE_DIRECTORY], call!(path_remove_directory PATH, 3)),
    ("path_rename", On::Directory, &[Rights::PATH_RENAME_SOURCE, Rights::PATH_RENAME_TARGET],
        |guest, fd| guest.call(|context, memory| context.path_rename(memory, fd, PATH, 3, fd, PATH, 3))),
    ("path_symlink", On::Directory, &[Rights::PATH_SYMLINK],
        |guest, fd| guest.call(|context, memory| context.path_symlink(memory, PATH, 3, fd, PATH, 3))),
    ("path_unlink_file", On::Directory, &[Rights::PATH_UNLINK_FILE], call!(path_unlink_file PATH, 3)),
    ("poll_oneoff", On::Stream, &[Rights::POLL_FD_READWRITE], |guest, fd| {
        subscribe(guest, 0, 1, fd, 0);
        let (_, errno) = poll(guest, 1)?[0];
        if errno == Errno::Notcapable as u16 { Err(Errno::Notcapable) } else { Ok(()) }
    }),
    ("sock_accept", On::Stream, &[], call!(sock_accept 0, 0)),
    ("sock_recv", On::Stream, &[], call!(sock_recv DATA, 0, 0, 0, 0)),
    ("sock_send", On::Stream, &[], call!(sock_send DATA, 0, 0, 0)),
    ("sock_shutdown", On::Stream, &[], call!(sock_shutdown 0)),
];

/// These know no descriptor.
#[rustfmt::skip]
const WITHOUT_DESCRIPTOR: &[&str] = &[
    "args_get", "args_sizes_get", "environ_get", "environ_sizes_get", "clock_res_get", "clock_time_get", "proc_raise", "random_get",
    "sched_yield",
];

/// Every right of the specification, and the bits after them, which mean nothing.
fn all_rights() -> impl Iterator<Item = Rights> {
    (0..64).map(|bit| Rights(1 << bit))
}

#[test]
fn each_call_is_refused_without_its_rights_and_only_then() {
    let named: BTreeSet<&str> = NEEDED.iter().map(|row| row.0).chain(WITHOUT_DESCRIPTOR.iter().copied()).collect();
    assert_eq!(named, CALLS.iter().copied().collect());
    let mut guest = Guest::new();
    fs::write(guest.directory.join("inside/file"), "text").expect("written");
    for (name, on, needed, call) in NEEDED {
        for right in all_rights() {
            let fd = match on {
                On::File => guest.open("file", 0, READ_WRITE).expect("opened"),
                On::Directory => DIR,
                On::Stream => 0,
            };
            let (base, inheriting) = guest.rights(fd);
            assert!(needed.iter().all(|needed| base.contains(*needed)), "{name}");
            guest
                .call(|context, memory| context.fd_fdstat_set_rights(memory, fd, (base & !right).0, inheriting.0))
                .expect("given up");
            let _ = fs::remove_dir_all(guest.directory.join("inside/new"));
            let _ = fs::remove_file(guest.directory.join("inside/new"));
            guest.path("new");
            let refused = call(&mut guest, fd) == Err(Errno::Notcapable);
            assert_eq!(refused, needed.contains(&right), "{name} without {right:?}");
            guest = guest.again();
        }
    }
}

impl Guest {
    /// A guest as it was at first, in the same directory.
    fn again(mut self) -> Guest {
        let fresh = WasiCtxBuilder::new()
            .stdin(&b"input"[..])
            .preopened_dir(self.directory.join("inside"), "/sandbox", DirPerms::all(), FilePerms::all())
            .expect("it exists")
            .build();
        self.context = fresh;
        self
    }

    fn rights(&mut self, fd: u32) -> (Rights, Rights) {
        self.call(|context, memory| context.fd_fdstat_get(memory, fd, DATA)).expect("known");
        (Rights(self.u64_at(DATA + 8)), Rights(self.u64_at(DATA + 16)))
    }

    fn open_in(&mut self, fd: u32, path: &str, flags: u32, rights: Rights) -> Result<u32, Errno> {
        let (at, len) = self.path(path);
        self.call(|context, memory| context.path_open(memory, fd, 0, at, len, flags, rights.0, rights.0, 0, RESULT))?;
        Ok(self.u32_at(RESULT))
    }

    /// Calls something with a path.
    fn at(
        &mut self,
        path: &str,
        call: impl FnOnce(&mut WasiCtx, Memory<'_>, u32, u32) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let (at, len) = self.path(path);
        self.call(|context, memory| call(context, memory, at, len))
    }
}

/// The permissions that a directory is opened with.
#[derive(Clone, Copy, Debug)]
struct Permissions {
    list: bool,
    mutate: bool,
    read: bool,
    write: bool,
}

impl Permissions {
    fn all() -> impl Iterator<Item = Permissions> + Clone {
        (0..16).map(|bits| Permissions {
            list: bits & 1 != 0,
            mutate: bits & 2 != 0,
            read: bits & 4 != 0,
            write: bits & 8 != 0,
        })
    }

    fn dirs(self) -> DirPerms {
        DirPerms::of(u8::from(self.list) | u8::from(self.mutate) << 1)
    }

    fn files(self) -> FilePerms {
        FilePerms::of(u8::from(self.read) | u8::from(self.write) << 1)
    }
}

type Allowed = fn(Permissions) -> bool;

/// What a guest may try in a directory, and with which permissions it succeeds. All else is `Notcapable`.
#[rustfmt::skip]
const ATTEMPTS: &[(&str, Allowed, Call)] = &[
    ("list", |may| may.list, call!(fd_readdir DATA, 99, 0, RESULT)),
    ("stat", |may| may.list, |guest, fd| guest.at("file", |c, m, at, len| c.path_filestat_get(m, fd, 0, at, len, DATA))),
    ("read a link", |may| may.list, |guest, fd| guest.at("link", |c, m, at, len| c.path_readlink(m, fd, at, len, DATA, 9, RESULT))),
    ("open a file for nothing", |may| may.list, |guest, fd| guest.open_in(fd, "file", 0, Rights::NONE).map(drop)),
    ("read a file", |may| may.list && may.read, |guest, fd| {
        let file = guest.open_in(fd, "file", 0, Rights::FD_READ)?;
        guest.read(file, 1).map(drop)
    }),
    ("write a file", |may| may.list && may.write, |guest, fd| {
        let file = guest.open_in(fd, "file", 0, Rights::FD_WRITE)?;
        guest.write(file, b"x").map(drop)
    }),
    ("write a file that was opened for reading", |_| false, |guest, fd| {
        let file = guest.open_in(fd, "file", 0, Rights::FD_READ)?;
        guest.write(file, b"x").map(drop)
    }),
    ("cut a file while opening it", |may| may.list && may.mutate && may.write, |guest, fd| {
        guest.open_in(fd, "file", oflags::TRUNC, Rights::NONE).map(drop)
    }),
    ("set a file's size", |may| may.list && may.write, |guest, fd| {
        let file = guest.open_in(fd, "file", 0, Rights::FD_WRITE)?;
        guest.call(|context, memory| context.fd_filestat_set_size(memory, file, 9))
    }),
    ("allocate", |may| may.list && may.write, |guest, fd| {
        let file = guest.open_in(fd, "file", 0, Rights::FD_WRITE)?;
        guest.call(|context, memory| context.fd_allocate(memory, file, 0, 9))
    }),
    ("set an open file's times", |may| may.list && may.write, |guest, fd| {
        let file = guest.open_in(fd, "file", 0, Rights::NONE)?;
        guest.call(|context, memory| context.fd_filestat_set_times(memory, file, 0, 7, 4))
    }),
    ("set the directory's times", |may| may.mutate, call!(fd_filestat_set_times 0, 7, 4)),
    ("set a directory's times", |may| may.list && may.mutate, |guest, fd| {
        let directory = guest.open_in(fd, "empty", 0, Rights::NONE)?;
        guest.call(|context, memory| context.fd_filestat_set_times(memory, directory, 0, 7, 4))
    }),
    ("set times by path", |may| may.mutate, |guest, fd| {
        guest.at("file", |c, m, at, len| c.path_filestat_set_times(m, fd, 1, at, len, 0, 7, 4))
    }),
    ("create a file", |may| may.list && may.mutate, |guest, fd| guest.open_in(fd, "new", oflags::CREAT, Rights::NONE).map(drop)),
    ("create a directory", |may| may.mutate, |guest, fd| guest.at("new", |c, m, at, len| c.path_create_directory(m, fd, at, len))),
    ("remove a directory", |may| may.mutate, |guest, fd| guest.at("empty", |c, m, at, len| c.path_remove_directory(m, fd, at, len))),
    ("unlink", |may| may.mutate, |guest, fd| guest.at("file", |c, m, at, len| c.path_unlink_file(m, fd, at, len))),
    ("make a symbolic link", |may| may.mutate, |guest, fd| guest.at("new", |c, m, at, len| c.path_symlink(m, at, len, fd, at, len))),
    ("link", |may| may.mutate, |guest, fd| guest.at("filenew", |c, m, at, _| c.path_link(m, fd, 0, at, 4, fd, at + 4, 3))),
    ("rename", |may| may.mutate, |guest, fd| guest.at("filenew", |c, m, at, _| c.path_rename(m, fd, at, 4, fd, at + 4, 3))),
];

/// Fills a folder with a file, a link to it and an empty directory.
fn populate(folder: &std::path::Path) {
    fs::create_dir_all(folder.join("empty")).expect("made");
    fs::write(folder.join("file"), "text").expect("written");
    symlink("file", folder.join("link")).expect("linked");
}

#[test]
fn what_a_guest_may_do_in_a_directory_is_what_its_permissions_say() {
    for may in Permissions::all() {
        for (what, allowed, attempt) in ATTEMPTS {
            for below in [false, true] {
                let mut guest = Guest::with(may.dirs(), may.files());
                let inside = guest.directory.join("inside");
                populate(&inside);
                populate(&inside.join("below"));
                let result = match below {
                    false => attempt(&mut guest, DIR),
                    true => guest.open_in(DIR, "below", 0, Rights::NONE).and_then(|fd| attempt(&mut guest, fd)),
                };
                let expected = if allowed(may) && (may.list || !below) { Ok(()) } else { Err(Errno::Notcapable) };
                assert_eq!(result, expected, "{what} with {may:?}, in a directory below: {below}");
            }
        }
    }
}

/// What has been linked or moved to another directory can be read and written there only if it could be where it was.
#[test]
fn nothing_gains_rights_in_another_directory() {
    let link: fn(&mut Guest) -> Result<(), Errno> =
        |guest| guest.at("filenew", |c, m, at, _| c.path_link(m, DIR, 0, at, 4, DIR + 1, at + 4, 3));
    let rename: fn(&mut Guest) -> Result<(), Errno> =
        |guest| guest.at("filenew", |c, m, at, _| c.path_rename(m, DIR, at, 4, DIR + 1, at + 4, 3));
    let rename_folder: fn(&mut Guest) -> Result<(), Errno> =
        |guest| guest.at("emptynew", |c, m, at, _| c.path_rename(m, DIR, at, 5, DIR + 1, at + 5, 3));
    for (old, new) in Permissions::all().flat_map(|old| Permissions::all().map(move |new| (old, new))) {
        let reachable = |may: Permissions| [may.list, may.mutate, may.write, may.read && may.list];
        let gains = reachable(new).into_iter().zip(reachable(old)).any(|(new, old)| new && !old);
        let expected = if old.mutate && new.mutate && !gains { Ok(()) } else { Err(Errno::Notcapable) };
        for call in [link, rename, rename_folder] {
            let directories = [("old", old.dirs(), old.files()), ("new", new.dirs(), new.files())];
            let mut guest = Guest::with_directories(&directories, WasiCtxBuilder::new());
            populate(&guest.directory.join("old"));
            assert_eq!(call(&mut guest), expected, "from {old:?} to {new:?}");
            assert_eq!(guest.directory.join("new/new").exists(), expected.is_ok());
        }
    }
}

/// Rights that a guest has given up do not come back by a detour over a directory that still has them.
#[test]
fn given_up_rights_do_not_come_back_by_a_link() {
    let all = ("old", DirPerms::all(), FilePerms::all());
    let mut guest = Guest::with_directories(&[all, ("new", all.1, all.2)], WasiCtxBuilder::new());
    populate(&guest.directory.join("old"));
    let link = |guest: &mut Guest| guest.at("filenew", |c, m, at, _| c.path_link(m, DIR, 0, at, 4, DIR + 1, at + 4, 3));
    let (base, inheriting) = guest.rights(DIR);
    let kept = inheriting & !Rights::FD_WRITE;
    guest.call(|context, memory| context.fd_fdstat_set_rights(memory, DIR, base.0, kept.0)).expect("given up");
    assert_eq!(link(&mut guest), Err(Errno::Notcapable));
    guest.call(|context, memory| context.fd_fdstat_set_rights(memory, DIR + 1, base.0, kept.0)).expect("given up");
    assert_eq!(link(&mut guest), Ok(()));
}

#[test]
fn a_directory_is_not_opened_for_writing() {
    let mut guest = Guest::new();
    populate(&guest.directory.join("inside"));
    for flags in [0, oflags::DIRECTORY] {
        for rights in [Rights::FD_WRITE, READ_WRITE] {
            assert_eq!(guest.open("empty", flags, rights), Err(Errno::Isdir), "flags {flags}");
        }
        assert!(guest.open("empty", flags, Rights::FD_READ).is_ok());
    }
    assert_eq!(guest.open("file", oflags::DIRECTORY, READ_WRITE), Err(Errno::Notdir));
}
