//! Rights: what may be done with a file descriptor, and with what is opened through a directory.

use std::ops::{BitAnd, BitOr, Not};

macro_rules! rights {
    ($($name:ident = $bit:literal;)*) => {
        impl Rights { $(pub(super) const $name: Rights = Rights(1 << $bit);)* }
    };
}

/// A set of `rights` of the specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rights(pub(super) u64);

rights! {
    FD_DATASYNC = 0;
    FD_READ = 1;
    FD_SEEK = 2;
    FD_FDSTAT_SET_FLAGS = 3;
    FD_SYNC = 4;
    FD_TELL = 5;
    FD_WRITE = 6;
    FD_ADVISE = 7;
    FD_ALLOCATE = 8;
    PATH_CREATE_DIRECTORY = 9;
    PATH_CREATE_FILE = 10;
    PATH_LINK_SOURCE = 11;
    PATH_LINK_TARGET = 12;
    PATH_OPEN = 13;
    FD_READDIR = 14;
    PATH_READLINK = 15;
    PATH_RENAME_SOURCE = 16;
    PATH_RENAME_TARGET = 17;
    PATH_FILESTAT_GET = 18;
    PATH_FILESTAT_SET_SIZE = 19;
    PATH_FILESTAT_SET_TIMES = 20;
    FD_FILESTAT_GET = 21;
    FD_FILESTAT_SET_SIZE = 22;
    FD_FILESTAT_SET_TIMES = 23;
    PATH_SYMLINK = 24;
    PATH_REMOVE_DIRECTORY = 25;
    PATH_UNLINK_FILE = 26;
    POLL_FD_READWRITE = 27;
}

impl BitOr for Rights {
    type Output = Rights;
    fn bitor(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }
}

impl BitAnd for Rights {
    type Output = Rights;
    fn bitand(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }
}

impl Not for Rights {
    type Output = Rights;
    fn not(self) -> Rights {
        Rights(!self.0)
    }
}

impl Rights {
    pub(super) const NONE: Rights = Rights(0);

    pub(super) fn contains(self, other: Rights) -> bool {
        other.0 & !self.0 == 0
    }

    /// Everything that makes sense for a file, apart from reading and writing it.
    pub(super) fn of_open_file() -> Rights {
        Rights::file_reading() | Rights::file_writing()
    }

    fn file_reading() -> Rights {
        Rights::FD_SEEK
            | Rights::FD_TELL
            | Rights::FD_ADVISE
            | Rights::FD_FILESTAT_GET
            | Rights::FD_FDSTAT_SET_FLAGS
            | Rights::FD_SYNC
            | Rights::FD_DATASYNC
            | Rights::POLL_FD_READWRITE
    }

    fn file_writing() -> Rights {
        Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE | Rights::FD_FILESTAT_SET_TIMES
    }

    fn directory_reading() -> Rights {
        Rights::PATH_OPEN
            | Rights::FD_READDIR
            | Rights::PATH_READLINK
            | Rights::PATH_FILESTAT_GET
            | Rights::FD_FILESTAT_GET
            | Rights::FD_SYNC
            | Rights::FD_DATASYNC
    }

    fn directory_mutating() -> Rights {
        Rights::PATH_CREATE_DIRECTORY
            | Rights::PATH_CREATE_FILE
            | Rights::PATH_LINK_SOURCE
            | Rights::PATH_LINK_TARGET
            | Rights::PATH_RENAME_SOURCE
            | Rights::PATH_RENAME_TARGET
            | Rights::PATH_FILESTAT_SET_SIZE
            | Rights::PATH_FILESTAT_SET_TIMES
            | Rights::FD_FILESTAT_SET_TIMES
            | Rights::PATH_SYMLINK
            | Rights::PATH_REMOVE_DIRECTORY
            | Rights::PATH_UNLINK_FILE
    }
}

macro_rules! permissions {
    ($(#[$doc:meta])* $name:ident { $($(#[$flag_doc:meta])* $flag:ident = $bit:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $name(u8);

        impl $name {
            $($(#[$flag_doc])* pub const $flag: $name = $name($bit);)*

            /// Everything.
            pub fn all() -> $name {
                $name(0 $(| $bit)*)
            }

            #[cfg(test)]
            pub(super) fn of(bits: u8) -> $name {
                $name(bits)
            }

            fn contains(self, other: $name) -> bool {
                other.0 & !self.0 == 0
            }
        }

        impl BitOr for $name {
            type Output = $name;
            fn bitor(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
        }
    };
}

permissions! {
    /// What a guest may do with the entries of a directory opened for it.
    DirPerms {
        /// List the directory and open what is in it.
        READ = 1;
        /// Create, remove, rename and link entries, and set their times.
        MUTATE = 2;
    }
}

permissions! {
    /// What a guest may do with the files in a directory opened for it.
    FilePerms {
        /// Read them.
        READ = 1;
        /// Write, truncate and resize them.
        WRITE = 2;
    }
}

/// The most that what is opened through a directory can get. `FD_FILESTAT_SET_TIMES` of a file is a matter of [`FilePerms`],
/// of a directory one of [`DirPerms`], so each kind has a set of its own; the guest sees their union.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Inheriting {
    pub(super) files: Rights,
    pub(super) directories: Rights,
}

impl Inheriting {
    /// What a descriptor that is no directory passes on.
    pub(super) fn same(rights: Rights) -> Inheriting {
        Inheriting { files: rights, directories: rights }
    }

    /// The `fs_rights_inheriting` that the guest sees.
    pub(super) fn union(self) -> Rights {
        self.files | self.directories
    }

    /// What is left when all but `kept` is given up.
    pub(super) fn limited_to(self, kept: Rights) -> Inheriting {
        Inheriting { files: self.files & kept, directories: self.directories & kept }
    }
}

/// Whatever can be done through one directory with what is in it can be done through the other as well: by path, with a file opened
/// there, with a directory opened there. Only then may something be linked or moved from `old` to `new`; otherwise it would gain rights.
pub(super) fn reaches_no_further(
    (new_base, new_inheriting): (Rights, Inheriting),
    (old_base, old_inheriting): (Rights, Inheriting),
) -> bool {
    let opened = |base: Rights, inheriting: Inheriting| match base.contains(Rights::PATH_OPEN) {
        true => inheriting,
        false => Inheriting::same(Rights::NONE),
    };
    let (new, old) = (opened(new_base, new_inheriting), opened(old_base, old_inheriting));
    // Opening `.` gives the directory itself again, with the rights it passes on.
    let by_path = old_base | old.directories;
    by_path.contains(new_base | new.directories) && old.files.contains(new.files)
}

/// The rights of a directory opened for the guest: its own, and those of what is opened through it.
pub(super) fn preopened(dirs: DirPerms, files: FilePerms) -> (Rights, Inheriting) {
    let mut base = if dirs.contains(DirPerms::READ) { Rights::directory_reading() } else { Rights::NONE };
    if dirs.contains(DirPerms::MUTATE) {
        base = base | Rights::directory_mutating();
    }
    let mut opened = Rights::file_reading();
    if files.contains(FilePerms::READ) {
        opened = opened | Rights::FD_READ;
    }
    if files.contains(FilePerms::WRITE) {
        opened = opened | Rights::FD_WRITE | Rights::file_writing();
    } else {
        base = base & !Rights::PATH_FILESTAT_SET_SIZE;
    }
    (base, Inheriting { files: opened, directories: base })
}
