//! The file `/proc/self/pagemap`: one entry a page. A process opens it once and keeps it open.

use crate::sys::linux::pages::page_bytes;
use crate::sys::linux::process_local::{ProcessLocal, ValidWhenZero};
use rustix::fs::{Mode, OFlags};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering::SeqCst};

/// The file as the current process has opened it.
pub(super) struct PagemapFile {
    note: &'static Note,
}

/// Bytes of the entry of one page.
pub(super) const ENTRY_BYTES: usize = 8;

/// The page is a file's, not the mapping's own copy.
pub(super) const FILE: u64 = 1 << 61;
pub(super) const SWAPPED: u64 = 1 << 62;
pub(super) const PRESENT: u64 = 1 << 63;
/// No other mapping shows the page (Linux 4.2). Never set of the page of zeros, which is nobody's.
pub(super) const EXCLUSIVE: u64 = 1 << 56;

/// A run of pages that `PAGEMAP_SCAN` has found: `struct page_region` of linux/fs.h.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Region {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) categories: u64,
}

/// What `PAGEMAP_SCAN` is asked: `struct pm_scan_arg` of linux/fs.h.
#[derive(Default)]
#[repr(C)]
pub(super) struct ScanRequest {
    pub(super) size: u64,
    pub(super) flags: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) walk_end: u64,
    pub(super) regions: u64,
    pub(super) regions_len: u64,
    pub(super) max_pages: u64,
    pub(super) category_inverted: u64,
    pub(super) category_mask: u64,
    pub(super) category_anyof_mask: u64,
    pub(super) return_mask: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: libc::c_ulong =
    3 << 30 | (size_of::<ScanRequest>() as libc::c_ulong) << 16 | (b'f' as libc::c_ulong) << 8 | 16;

/// What the process knows of its file.
///
/// **Escape:** the file shows the process that has opened it. After a fork the child would see its parent's pages, so the note is
/// one that the child does not inherit.
#[derive(Default)]
struct Note {
    state: AtomicU32,
    /// The rest is written before the state is `OPEN`.
    descriptor: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
    /// It does not know `PAGEMAP_SCAN`.
    refuses_scan: AtomicBool,
}

// SAFETY: integers, and a false.
unsafe impl ValidWhenZero for Note {}

const NOT_OPEN: u32 = 0;
const BEING_OPENED: u32 = 1;
const OPEN: u32 = 2;
const UNAVAILABLE: u32 = 3;

impl PagemapFile {
    /// The file, opened if it is not yet; nothing where it cannot be had.
    pub(super) fn get() -> Option<PagemapFile> {
        static NOTE: ProcessLocal<Note> = ProcessLocal::new();
        let note = NOTE.get()?;
        loop {
            match note.state.load(SeqCst) {
                NOT_OPEN => note.open(),
                // By another thread, and soon done. The child of a fork does not wait for ever: there it is not open.
                BEING_OPENED => std::thread::yield_now(),
                state => return (state == OPEN).then_some(PagemapFile { note }),
            }
        }
    }

    /// From now on nobody gets the file.
    pub(super) fn give_up(self) {
        self.note.state.store(UNAVAILABLE, SeqCst);
    }

    pub(super) fn knows_scan(&self) -> bool {
        !self.note.refuses_scan.load(SeqCst)
    }

    /// Sends `PAGEMAP_SCAN` and fills in where the regions are. Returns how many were found; nothing if the kernel refuses, now and from
    /// now on.
    pub(super) fn scan(&self, request: &mut ScanRequest, regions: &mut [Region]) -> Option<usize> {
        request.size = size_of::<ScanRequest>() as u64;
        request.regions = regions.as_mut_ptr() as u64;
        request.regions_len = regions.len() as u64;
        let descriptor = self.note.descriptor.load(SeqCst);
        // SAFETY: the kernel writes to the request and to the regions, no more than it was told there are; another kind of file
        // refuses.
        let found = unsafe { libc::ioctl(descriptor, PAGEMAP_SCAN as _, &raw mut *request) };
        let found = usize::try_from(found).ok().filter(|found| *found <= regions.len());
        if found.is_none() {
            self.note.refuses_scan.store(true, SeqCst);
        }
        found
    }

    /// The entries of pages from an address on, as many of them as the buffer takes, or fewer.
    pub(super) fn read<'a>(
        &self,
        address: usize,
        buffer: &'a mut [MaybeUninit<u8>],
    ) -> Option<&'a [[u8; ENTRY_BYTES]]> {
        // SAFETY: opened by `Note::open` and never closed by us. If somebody else has closed it, no harm is done but a wrong
        // answer, which the next line excludes.
        let file = unsafe { BorrowedFd::borrow_raw(self.note.descriptor.load(SeqCst)) };
        self.note.shows(file).then(|| read(file, address, buffer))?
    }
}

fn read<'a>(
    file: BorrowedFd<'_>,
    address: usize,
    buffer: &'a mut [MaybeUninit<u8>],
) -> Option<&'a [[u8; ENTRY_BYTES]]> {
    let place = (address / page_bytes() * ENTRY_BYTES) as u64;
    let (bytes, _) = rustix::io::pread(file, buffer, place).ok()?;
    let (entries, _) = bytes.as_chunks();
    Some(entries)
}

impl Note {
    /// Opens the file, unless another thread does.
    fn open(&self) {
        if self.state.compare_exchange(NOT_OPEN, BEING_OPENED, SeqCst, SeqCst).is_err() {
            return;
        }
        let opened = rustix::fs::open("/proc/self/pagemap", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let file = opened.ok().filter(|file| self.is_seen_in(file.as_fd()));
        let is_open = file.and_then(|file| self.keep(file)).is_some();
        self.state.store(if is_open { OPEN } else { UNAVAILABLE }, SeqCst);
    }

    /// Does the file tell that the page of this note was written? What stands in for Linux may have a file of that name that tells
    /// something else.
    fn is_seen_in(&self, file: BorrowedFd<'_>) -> bool {
        let mut entry = [MaybeUninit::uninit(); ENTRY_BYTES];
        let entries = read(file, (&raw const *self).addr(), &mut entry);
        let entry = entries.and_then(|entries| entries.first()).map_or(0, |entry| u64::from_ne_bytes(*entry));
        entry & (PRESENT | SWAPPED) != 0 && entry & FILE == 0
    }

    fn keep(&self, file: OwnedFd) -> Option<()> {
        let status = rustix::fs::fstat(&file).ok()?;
        self.device.store(status.st_dev, SeqCst);
        self.inode.store(status.st_ino, SeqCst);
        self.descriptor.store(file.into_raw_fd(), SeqCst);
        Some(())
    }

    /// Is this the file that was opened?
    ///
    /// **Escape:** a program may close descriptors that are not its own, before it becomes a daemon for instance, and then open
    /// something else, which gets the number. Of `/dev/zero` one would read that no page was written.
    fn shows(&self, file: BorrowedFd<'_>) -> bool {
        let is_same = |status: rustix::fs::Stat| {
            status.st_dev == self.device.load(SeqCst) && status.st_ino == self.inode.load(SeqCst)
        };
        rustix::fs::fstat(file).is_ok_and(is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn note_of(file: OwnedFd) -> &'static Note {
        let note: &'static Note = Box::leak(Box::default());
        note.keep(file).expect("an open file");
        note
    }

    fn open(path: &str) -> OwnedFd {
        std::fs::File::open(path).expect("a file").into()
    }

    /// Entries of this function's frame, which is on a page that was written.
    fn entries(note: &'static Note) -> Option<u64> {
        let mut buffer = [MaybeUninit::uninit(); ENTRY_BYTES];
        let address = (&raw const buffer).addr();
        let entries = PagemapFile { note }.read(address, &mut buffer)?;
        entries.first().map(|entry| u64::from_ne_bytes(*entry))
    }

    #[test]
    fn a_file_that_took_the_descriptor_is_not_believed() -> io::Result<()> {
        let note = note_of(open("/proc/self/pagemap"));
        assert!(entries(note).is_some_and(|entry| entry & PRESENT != 0));
        for other in ["/dev/zero", "/dev/urandom", "/proc/1/pagemap"] {
            let Ok(other) = std::fs::File::open(other) else { continue };
            note.descriptor.store(OwnedFd::from(other).into_raw_fd(), SeqCst);
            assert_eq!(entries(note), None);
        }
        Ok(())
    }

    #[test]
    fn a_file_that_tells_something_else_is_not_used() {
        static NOTE: ProcessLocal<Note> = ProcessLocal::new();
        let note = NOTE.get().expect("a page");
        note.state.store(BEING_OPENED, SeqCst);
        assert!(note.is_seen_in(open("/proc/self/pagemap").as_fd()));
        for other in ["/dev/zero", "/dev/null", "/proc/self/stat"] {
            assert!(!note.is_seen_in(open(other).as_fd()), "{other}");
        }
    }

    #[test]
    fn a_file_that_was_given_up_stays_so() {
        let note = note_of(open("/proc/self/pagemap"));
        note.state.store(OPEN, SeqCst);
        PagemapFile { note }.give_up();
        note.open();
        assert_eq!(note.state.load(SeqCst), UNAVAILABLE);
    }
}
