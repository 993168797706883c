//! Numbers of the specification (`wasi_snapshot_preview1.witx`), and where they come from on the host.

use cap_primitives::fs::FollowSymlinks;
use rustix::fs::FileType;
use rustix::io::Errno as Host;

macro_rules! errnos {
    ($($name:ident = $number:literal $(<- $($host:ident)|+)?,)*) => {
        /// What a call answers when it fails: `errno` of the specification.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        #[allow(dead_code, reason = "the list is the specification's, whole")]
        pub(super) enum Errno { $($name = $number,)* }

        impl From<Host> for Errno {
            fn from(host: Host) -> Errno {
                match host {
                    $($($(Host::$host)|+ => Errno::$name,)?)*
                    _ => Errno::Io,
                }
            }
        }
    };
}

#[rustfmt::skip]
errnos! {
    TooBig = 1 <- TOOBIG,
    Acces = 2 <- ACCESS,
    Addrinuse = 3 <- ADDRINUSE,
    Addrnotavail = 4 <- ADDRNOTAVAIL,
    Afnosupport = 5 <- AFNOSUPPORT,
    Again = 6 <- AGAIN,
    Already = 7 <- ALREADY,
    Badf = 8 <- BADF,
    Badmsg = 9 <- BADMSG,
    Busy = 10 <- BUSY,
    Canceled = 11 <- CANCELED,
    Child = 12 <- CHILD,
    Connaborted = 13 <- CONNABORTED,
    Connrefused = 14 <- CONNREFUSED,
    Connreset = 15 <- CONNRESET,
    Deadlk = 16 <- DEADLK,
    Destaddrreq = 17 <- DESTADDRREQ,
    Dom = 18 <- DOM,
    Dquot = 19 <- DQUOT,
    Exist = 20 <- EXIST,
    Fault = 21 <- FAULT,
    Fbig = 22 <- FBIG,
    Hostunreach = 23 <- HOSTUNREACH,
    Idrm = 24 <- IDRM,
    Ilseq = 25 <- ILSEQ,
    Inprogress = 26 <- INPROGRESS,
    Intr = 27 <- INTR,
    Inval = 28 <- INVAL,
    Io = 29 <- IO,
    Isconn = 30 <- ISCONN,
    Isdir = 31 <- ISDIR,
    Loop = 32 <- LOOP,
    Mfile = 33 <- MFILE,
    Mlink = 34 <- MLINK,
    Msgsize = 35 <- MSGSIZE,
    Multihop = 36 <- MULTIHOP,
    Nametoolong = 37 <- NAMETOOLONG,
    Netdown = 38 <- NETDOWN,
    Netreset = 39 <- NETRESET,
    Netunreach = 40 <- NETUNREACH,
    Nfile = 41 <- NFILE,
    Nobufs = 42 <- NOBUFS,
    Nodev = 43 <- NODEV,
    Noent = 44 <- NOENT,
    Noexec = 45 <- NOEXEC,
    Nolck = 46 <- NOLCK,
    Nolink = 47 <- NOLINK,
    Nomem = 48 <- NOMEM,
    Nomsg = 49 <- NOMSG,
    Noprotoopt = 50 <- NOPROTOOPT,
    Nospc = 51 <- NOSPC,
    Nosys = 52 <- NOSYS,
    Notconn = 53 <- NOTCONN,
    Notdir = 54 <- NOTDIR,
    Notempty = 55 <- NOTEMPTY,
    Notrecoverable = 56 <- NOTRECOVERABLE,
    Notsock = 57 <- NOTSOCK,
    Notsup = 58 <- OPNOTSUPP,
    Notty = 59 <- NOTTY,
    Nxio = 60 <- NXIO,
    Overflow = 61 <- OVERFLOW,
    Ownerdead = 62 <- OWNERDEAD,
    Perm = 63 <- PERM,
    Pipe = 64 <- PIPE,
    Proto = 65 <- PROTO,
    Protonosupport = 66 <- PROTONOSUPPORT,
    Prototype = 67 <- PROTOTYPE,
    Range = 68 <- RANGE,
    Rofs = 69 <- ROFS,
    Spipe = 70 <- SPIPE,
    Srch = 71 <- SRCH,
    Stale = 72 <- STALE,
    Timedout = 73 <- TIMEDOUT,
    Txtbsy = 74 <- TXTBSY,
    Xdev = 75 <- XDEV,
    Notcapable = 76,
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Errno {
        match (error.raw_os_error(), error.kind()) {
            (Some(code), _) => Host::from_raw_os_error(code).into(),
            // A path that would leave its directory.
            (None, std::io::ErrorKind::PermissionDenied) => Errno::Perm,
            (None, std::io::ErrorKind::BrokenPipe) => Errno::Pipe,
            (None, std::io::ErrorKind::InvalidInput) => Errno::Inval,
            (None, std::io::ErrorKind::OutOfMemory) => Errno::Nomem,
            (None, _) => Errno::Io,
        }
    }
}

/// `filetype`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Filetype {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl From<FileType> for Filetype {
    fn from(host: FileType) -> Filetype {
        match host {
            FileType::RegularFile => Filetype::RegularFile,
            FileType::Directory => Filetype::Directory,
            FileType::Symlink => Filetype::SymbolicLink,
            FileType::Socket => Filetype::SocketStream,
            FileType::CharacterDevice => Filetype::CharacterDevice,
            FileType::BlockDevice => Filetype::BlockDevice,
            // A pipe has no number of its own.
            FileType::Fifo | FileType::Unknown => Filetype::Unknown,
        }
    }
}

/// `oflags`, bits.
pub(super) mod oflags {
    pub(crate) const CREAT: u32 = 1;
    pub(crate) const DIRECTORY: u32 = 2;
    pub(crate) const EXCL: u32 = 4;
    pub(crate) const TRUNC: u32 = 8;
}

/// `fdflags`, bits.
pub(super) mod fdflags {
    pub(crate) const APPEND: u16 = 1;
    pub(crate) const DSYNC: u16 = 2;
    pub(crate) const NONBLOCK: u16 = 4;
    pub(crate) const RSYNC: u16 = 8;
    pub(crate) const SYNC: u16 = 16;
}

/// `fstflags`, bits.
pub(super) mod fstflags {
    pub(crate) const ATIM: u32 = 1;
    pub(crate) const ATIM_NOW: u32 = 2;
    pub(crate) const MTIM: u32 = 4;
    pub(crate) const MTIM_NOW: u32 = 8;
}

/// `lookupflags`, of one bit.
pub(super) fn follow(flags: u32) -> FollowSymlinks {
    if flags & 1 != 0 { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

/// `clockid`.
pub(super) mod clockid {
    pub(crate) const REALTIME: u32 = 0;
    pub(crate) const MONOTONIC: u32 = 1;
    pub(crate) const PROCESS_CPUTIME: u32 = 2;
    pub(crate) const THREAD_CPUTIME: u32 = 3;
}
