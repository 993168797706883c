//! Bytes that mappings show until they are written to: a sealed file in memory.

use super::pages::{Pages, page_bytes};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::process::{Resource, getrlimit};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Whole pages of contents, which never change. Keeps a descriptor.
pub(crate) struct ImageFile {
    file: OwnedFd,
    view: Pages,
    _share: Share,
}

/// All image files together have at most one in so many of the descriptors that the process may have (`RLIMIT_NOFILE`): guests
/// must not leave the host without.
const SHARE: u64 = 8;

/// Image files in this process.
static FILES: AtomicU64 = AtomicU64::new(0);

/// The right to one descriptor.
struct Share(());

impl Share {
    fn take() -> io::Result<Share> {
        let share = Share::within(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / SHARE);
        share.ok_or_else(|| io::Error::other("memory images have their share of descriptors"))
    }

    fn within(most: u64) -> Option<Share> {
        let more = FILES.fetch_add(1, Relaxed) < most;
        // Gives back what it has not got.
        let share = Share(());
        more.then_some(share)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        FILES.fetch_sub(1, Relaxed);
    }
}

impl ImageFile {
    /// An image of these bytes, whole pages. Fails also if there are too many.
    pub(crate) fn new(bytes: &[u8]) -> io::Result<ImageFile> {
        assert!(bytes.len().is_multiple_of(page_bytes()));
        let share = Share::take()?;
        let file = rustix::fs::memfd_create("planish-memory", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = rustix::io::write(&file, rest)?;
            rest = &rest[written..];
        }
        // Who maps it relies on its size and its contents.
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
        let view = Pages::view(file.as_fd(), bytes.len())?;
        Ok(ImageFile { file, view, _share: share })
    }

    /// For [`Pages::map_file`].
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// In bytes, whole pages.
    pub(crate) fn len(&self) -> usize {
        self.view.len()
    }

    /// The contents.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.view.read_only()
    }
}
