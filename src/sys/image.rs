//! Bytes that mappings show until they are written to: a sealed file in memory.

use super::pages::{Pages, page_bytes};
use rustix::fs::{MemfdFlags, SealFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Whole pages of contents, which never change.
pub(crate) struct ImageFile {
    file: OwnedFd,
    view: Pages,
}

impl ImageFile {
    /// An image of these bytes, whole pages.
    pub(crate) fn new(bytes: &[u8]) -> io::Result<ImageFile> {
        assert!(bytes.len().is_multiple_of(page_bytes()));
        let file = rustix::fs::memfd_create("planish-memory", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = rustix::io::write(&file, rest)?;
            rest = &rest[written..];
        }
        // Who maps it relies on its size and its contents.
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
        let view = Pages::view(file.as_fd(), bytes.len())?;
        Ok(ImageFile { file, view })
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
