//! The model of descriptors: what each is, and the rights it has and passes on, from the specification's table of rights.

use super::tree::NodeId;
use planish::wasi::{DirPerms, FilePerms};

macro_rules! rights {
    ($($name:ident = $bit:literal,)*) => { $(pub const $name: u64 = 1 << $bit;)* };
}

rights! {
    FD_DATASYNC = 0, FD_READ = 1, FD_SEEK = 2, FD_FDSTAT_SET_FLAGS = 3, FD_SYNC = 4, FD_TELL = 5, FD_WRITE = 6, FD_ADVISE = 7,
    FD_ALLOCATE = 8, PATH_CREATE_DIRECTORY = 9, PATH_CREATE_FILE = 10, PATH_LINK_SOURCE = 11, PATH_LINK_TARGET = 12,
    PATH_OPEN = 13, FD_READDIR = 14, PATH_READLINK = 15, PATH_RENAME_SOURCE = 16, PATH_RENAME_TARGET = 17,
    PATH_FILESTAT_GET = 18, PATH_FILESTAT_SET_SIZE = 19, PATH_FILESTAT_SET_TIMES = 20, FD_FILESTAT_GET = 21,
    FD_FILESTAT_SET_SIZE = 22, FD_FILESTAT_SET_TIMES = 23, PATH_SYMLINK = 24, PATH_REMOVE_DIRECTORY = 25,
    PATH_UNLINK_FILE = 26, POLL_FD_READWRITE = 27,
}

const DIRECTORY_READ: u64 =
    PATH_OPEN | FD_READDIR | PATH_READLINK | PATH_FILESTAT_GET | FD_FILESTAT_GET | FD_SYNC | FD_DATASYNC;
const DIRECTORY_MUTATE: u64 = PATH_CREATE_DIRECTORY
    | PATH_CREATE_FILE
    | PATH_LINK_SOURCE
    | PATH_LINK_TARGET
    | PATH_RENAME_SOURCE
    | PATH_RENAME_TARGET
    | PATH_FILESTAT_SET_TIMES
    | FD_FILESTAT_SET_TIMES
    | PATH_SYMLINK
    | PATH_REMOVE_DIRECTORY
    | PATH_UNLINK_FILE;
const FILE: u64 =
    FD_SEEK | FD_TELL | FD_ADVISE | FD_FILESTAT_GET | FD_FDSTAT_SET_FLAGS | FD_SYNC | FD_DATASYNC | POLL_FD_READWRITE;
const FILE_WRITE: u64 = FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE | FD_FILESTAT_SET_TIMES;

/// What a descriptor may do, and what is opened through it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rights {
    pub base: u64,
    pub files: u64,
    pub directories: u64,
}

impl Rights {
    /// Those of a directory that the guest starts with: bit 0 reading, bit 1 changing, of each kind.
    pub fn preopened(dirs: usize, files: usize) -> Rights {
        let when = |bits: usize, bit: usize, rights: u64| if bits >> bit & 1 != 0 { rights } else { 0 };
        let cut = if dirs & 2 != 0 { when(files, 1, PATH_FILESTAT_SET_SIZE) } else { 0 };
        let base = when(dirs, 0, DIRECTORY_READ) | when(dirs, 1, DIRECTORY_MUTATE) | cut;
        Rights { base, files: FILE | when(files, 0, FD_READ) | when(files, 1, FILE_WRITE), directories: base }
    }

    /// Those of what is opened through the directory: `wanted` of a file.
    pub fn of_opened_file(self, wanted: u64) -> Rights {
        Rights { base: (FILE | FILE_WRITE & !FD_WRITE | wanted) & self.files, ..self }
    }

    pub fn of_opened_directory(self) -> Rights {
        Rights { base: self.directories, ..self }
    }

    pub fn inheriting(self) -> u64 {
        self.files | self.directories
    }

    /// What can be done through the directory by path, and what with a file that is opened there.
    fn reach(self) -> (u64, u64) {
        if self.base & PATH_OPEN != 0 { (self.base | self.directories, self.files) } else { (self.base, 0) }
    }

    /// Nothing that is moved from `old` to here gains rights.
    pub fn may_receive_from(self, old: Rights) -> bool {
        let ((path, file), (old_path, old_file)) = (self.reach(), old.reach());
        path & !old_path == 0 && file & !old_file == 0
    }
}

/// Permissions by number, 1 to 3, whose bits are those that [`Rights::preopened`] takes.
pub fn permissions(dirs: usize, files: usize) -> (DirPerms, FilePerms) {
    let dirs = [DirPerms::READ, DirPerms::MUTATE, DirPerms::all()][dirs - 1];
    let files = [FilePerms::READ, FilePerms::WRITE, FilePerms::all()][files - 1];
    (dirs, files)
}

/// What a number of the guest's stands for.
#[derive(Clone, Debug)]
pub enum Object {
    Stream,
    Directory,
    File(OpenFile),
}

#[derive(Clone, Debug)]
pub struct OpenFile {
    pub position: u64,
    pub append: bool,
    /// What the host has opened it for: to create or cut a file is to open it for writing.
    pub writable: bool,
}

#[derive(Clone, Debug)]
pub struct Descriptor {
    pub object: Object,
    /// The node, of all but streams.
    pub node: NodeId,
    pub rights: Rights,
}

/// By number.
pub struct Descriptors {
    pub open: Vec<Option<Descriptor>>,
    pub max: usize,
}

impl Descriptors {
    pub fn get(&self, number: u64) -> Option<&Descriptor> {
        self.open.get(number as usize)?.as_ref()
    }

    /// The lowest free number, if there is room.
    pub fn vacancy(&self) -> Option<usize> {
        let free = self.open.iter().position(Option::is_none).unwrap_or(self.open.len());
        (free < self.max).then_some(free)
    }

    pub fn insert(&mut self, number: usize, descriptor: Descriptor) {
        if number == self.open.len() {
            self.open.push(None);
        }
        self.open[number] = Some(descriptor);
    }
}
