//! Which pages of a mapping hold something of their own: the kernel's `PAGEMAP_SCAN` (Linux 6.7,
//! Documentation/admin-guide/mm/pagemap.rst).

#![allow(unsafe_code, reason = "asks the kernel through a structure")]

use super::pages::{Pages, page_bytes};
use rustix::fs::{Mode, OFlags};
use rustix::mm::Advice;
use std::ops::Range;
use std::os::fd::IntoRawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// Runs of pages that one request finds at most.
const MAX_RUNS: usize = 32;

/// What the last request has found.
#[derive(Default)]
pub(crate) struct Scan {
    runs: [Run; MAX_RUNS],
    count: usize,
    start: usize,
}

/// `struct page_region` of linux/fs.h.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Run {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of linux/fs.h.
#[repr(C)]
struct Request {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: *mut Run,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: libc::c_ulong =
    3 << 30 | (size_of::<Request>() as libc::c_ulong) << 16 | (b'f' as libc::c_ulong) << 8 | 16;
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// Which pages are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    /// Those of an anonymous mapping that are not as they were mapped, zero.
    Changed,
    /// The same where some pages are a private mapping of a file.
    ChangedPartlyFile,
    /// Those that were touched.
    Touched,
}

impl Scan {
    /// Looks for pages from the first byte of a range of offsets on, and stops after `max_pages` of them. Returns the offset up to
    /// which it has looked, or nothing if the kernel cannot tell.
    ///
    /// **Escape:** a page that was swapped out counts, which `mincore` would not tell.
    pub(crate) fn look(
        &mut self,
        pages: &Pages,
        range: Range<usize>,
        sought: Sought,
        max_pages: usize,
    ) -> Option<usize> {
        assert!(range.start <= range.end && range.end <= pages.len() && max_pages > 0);
        self.count = 0;
        self.start = pages.start().as_ptr() as usize;
        let (note, descriptor) = descriptor()?;
        let never = match sought {
            Sought::Changed => PAGE_IS_PFNZERO,
            Sought::ChangedPartlyFile => PAGE_IS_PFNZERO | PAGE_IS_FILE,
            Sought::Touched => 0,
        };
        let mut request = Request {
            size: size_of::<Request>() as u64,
            flags: 0,
            start: (self.start + range.start) as u64,
            end: (self.start + range.end) as u64,
            walk_end: 0,
            vec: self.runs.as_mut_ptr(),
            vec_len: MAX_RUNS as u64,
            max_pages: max_pages as u64,
            category_inverted: never,
            category_mask: never,
            category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
            return_mask: PAGE_IS_PRESENT,
        };
        // SAFETY: the kernel writes to the request and to as many runs as it says there are; another kind of file refuses.
        let count = unsafe { libc::ioctl(descriptor, PAGEMAP_SCAN as _, &raw mut request) };
        let walked_to = (request.walk_end as usize).wrapping_sub(self.start);
        if !(0..=MAX_RUNS as i32).contains(&count) || !(range.start..=range.end).contains(&walked_to) {
            note.store(UNAVAILABLE, SeqCst);
            return None;
        }
        self.count = count as usize;
        Some(walked_to)
    }

    /// Offsets of the pages that were found, in ascending runs.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let offset = |address: u64| address as usize - self.start;
        self.runs[..self.count].iter().map(move |run| offset(run.start)..offset(run.end))
    }
}

const NOT_OPEN: u32 = 0;
const UNAVAILABLE: u32 = u32::MAX;

/// The open file, and where it is noted: descriptor + 1.
///
/// **Escape:** the file shows the process that has opened it. After a fork the child would see its parent's pages, so the note is
/// in a page that is zero in the child.
fn descriptor() -> Option<(&'static AtomicU32, i32)> {
    static NOTE: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();
    let note = (*NOTE.get_or_init(note))?;
    match note.load(SeqCst) {
        NOT_OPEN => open(note).map(|descriptor| (note, descriptor)),
        UNAVAILABLE => None,
        noted => Some((note, (noted - 1) as i32)),
    }
}

fn note() -> Option<&'static AtomicU32> {
    let page = Pages::zeroed(page_bytes()).ok()?;
    // SAFETY: a page of our own, which nobody has seen yet.
    unsafe { rustix::mm::madvise(page.start().as_ptr().cast(), page.len(), Advice::LinuxWipeOnFork) }.ok()?;
    let page = std::mem::ManuallyDrop::new(page);
    // SAFETY: aligned, zeroed, never unmapped, and only accessed by this reference.
    Some(unsafe { page.start().cast::<AtomicU32>().as_ref() })
}

fn open(note: &AtomicU32) -> Option<i32> {
    let opened = rustix::fs::open("/proc/self/pagemap", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let Ok(file) = opened else {
        note.store(UNAVAILABLE, SeqCst);
        return None;
    };
    let descriptor = file.into_raw_fd();
    match note.compare_exchange(NOT_OPEN, descriptor as u32 + 1, SeqCst, SeqCst) {
        Ok(_) => Some(descriptor),
        Err(noted) => {
            // SAFETY: opened above, known to nobody else.
            unsafe { libc::close(descriptor) };
            (noted != UNAVAILABLE).then(|| (noted - 1) as i32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn write(pages: &mut Pages, page: usize) {
        // SAFETY: within a writable mapping, as the tests below make them.
        unsafe { pages.start().add(page * page_bytes() + 7).write(1) };
    }

    fn found(pages: &Pages, sought: Sought, max_pages: usize) -> Option<(Vec<Range<usize>>, usize)> {
        let mut scan = Scan::default();
        let walked_to = scan.look(pages, 0..pages.len(), sought, max_pages)?;
        let in_pages = |run: Range<usize>| run.start / page_bytes()..run.end / page_bytes();
        Some((scan.runs().map(in_pages).collect(), walked_to / page_bytes()))
    }

    #[test]
    fn pages_that_were_written_are_found() -> io::Result<()> {
        let mut pages = Pages::zeroed(100 * page_bytes())?;
        for page in [3, 4, 50, 99] {
            write(&mut pages, page);
        }
        // SAFETY: the first byte of page 20.
        assert_eq!(unsafe { pages.start().add(20 * page_bytes()).read_volatile() }, 0);
        // A kernel older than 6.7 finds nothing out.
        let Some(all) = found(&pages, Sought::Changed, 1000) else { return Ok(()) };
        assert_eq!(all, (vec![3..5, 50..51, 99..100], 100));
        let touched = found(&pages, Sought::Touched, 1000).expect("as before");
        assert_eq!(touched, (vec![3..5, 20..21, 50..51, 99..100], 100));
        let (first, end) = found(&pages, Sought::Changed, 2).expect("as before");
        assert!(first.len() == 1 && first[0] == (3..5) && end <= 50, "{first:?} {end}");
        // More runs than one request tells.
        (0..50).for_each(|page| write(&mut pages, 2 * page));
        let (first, end) = found(&pages, Sought::Changed, 1000).expect("as before");
        assert!(
            first.len() == MAX_RUNS && end < 100 && first.last().is_some_and(|run| run.end <= end),
            "{first:?} {end}"
        );
        Ok(())
    }

    /// The child of a fork is another process: it sees its own pages.
    #[test]
    fn a_forked_process_sees_its_own_pages() -> io::Result<()> {
        let mut pages = Pages::zeroed(4 * page_bytes())?;
        let Some(_) = found(&pages, Sought::Changed, 10) else { return Ok(()) };
        // SAFETY: the child only does what is safe after a fork of a process with threads, and ends without unwinding.
        let child = unsafe { libc::fork() };
        if child == 0 {
            write(&mut pages, 2);
            let mut scan = Scan::default();
            let looked = scan.look(&pages, 0..4 * page_bytes(), Sought::Changed, 10);
            let is_right = looked.is_some() && scan.runs().eq(std::iter::once(2 * page_bytes()..3 * page_bytes()));
            // SAFETY: no destructors, no buffers.
            unsafe { libc::_exit(if is_right { 0 } else { 1 }) };
        }
        let mut status = -1;
        // SAFETY: waits for the child made above.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child did not find its page");
        Ok(())
    }
}
