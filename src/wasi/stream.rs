//! Standard streams: the host's own, or readers and writers that the embedder brings.

use super::abi::{Errno, Filetype};
use rustix::fd::{AsFd, BorrowedFd};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Where standard input comes from.
pub(super) enum Input {
    /// The host's standard input.
    Inherited,
    Reader(Box<dyn Read + Send>),
}

/// Where standard output or standard error goes.
pub(super) enum Output {
    /// The host's standard output.
    Stdout,
    /// The host's standard error.
    Stderr,
    Writer(Box<dyn Write + Send>),
}

impl Input {
    pub(super) fn read(&mut self, to: &mut [u8]) -> Result<usize, Errno> {
        match self {
            // Without std's buffer in between: what the guest does not read stays for others.
            Input::Inherited => Ok(rustix::io::retry_on_intr(|| rustix::io::read(rustix::stdio::stdin(), &mut *to))?),
            Input::Reader(reader) => Ok(reader.read(to)?.min(to.len())),
        }
    }

    /// The host's descriptor to wait on; none means always ready.
    pub(super) fn waits_on(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Input::Inherited => Some(rustix::stdio::stdin()),
            Input::Reader(_) => None,
        }
    }

    pub(super) fn filetype(&self) -> Filetype {
        filetype(self.waits_on())
    }
}

impl Output {
    pub(super) fn write(&mut self, from: &[u8]) -> Result<usize, Errno> {
        match self {
            Output::Stdout => Ok(rustix::io::retry_on_intr(|| rustix::io::write(rustix::stdio::stdout(), from))?),
            Output::Stderr => Ok(rustix::io::retry_on_intr(|| rustix::io::write(rustix::stdio::stderr(), from))?),
            Output::Writer(writer) => Ok(writer.write(from)?.min(from.len())),
        }
    }

    /// The host's descriptor to wait on; none means always ready.
    pub(super) fn waits_on(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Output::Stdout => Some(rustix::stdio::stdout()),
            Output::Stderr => Some(rustix::stdio::stderr()),
            Output::Writer(_) => None,
        }
    }

    pub(super) fn filetype(&self) -> Filetype {
        filetype(self.waits_on())
    }
}

/// Guests take a character device that cannot seek for a terminal, so only a terminal is called one.
fn filetype(host: Option<BorrowedFd<'_>>) -> Filetype {
    match host {
        Some(descriptor) if io::IsTerminal::is_terminal(&descriptor.as_fd()) => Filetype::CharacterDevice,
        _ => Filetype::Unknown,
    }
}

/// A writer whose copies all append to one buffer, of bounded size: standard output to look at afterwards.
///
/// ```
/// use planish::wasi::{MemoryOutputPipe, WasiCtxBuilder};
///
/// let stdout = MemoryOutputPipe::new(1 << 20);
/// let context = WasiCtxBuilder::new().stdout(stdout.clone()).build();
/// // .. run a program with `context` ..
/// assert_eq!(stdout.contents(), b"");
/// ```
#[derive(Clone, Debug)]
pub struct MemoryOutputPipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    capacity: usize,
}

impl MemoryOutputPipe {
    /// An empty pipe that takes at most `capacity` bytes; more is an error to the guest.
    pub fn new(capacity: usize) -> MemoryOutputPipe {
        MemoryOutputPipe { bytes: Arc::default(), capacity }
    }

    /// What has been written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for MemoryOutputPipe {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let count = from.len().min(self.capacity - bytes.len());
        if count == 0 && !from.is_empty() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        bytes.try_reserve(count).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        bytes.extend_from_slice(&from[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
