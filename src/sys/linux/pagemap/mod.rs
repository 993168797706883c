//! Which pages of a mapping hold something of their own: what `/proc/self/pagemap` tells (Linux,
//! Documentation/admin-guide/mm/pagemap.rst).
//!
//! Linux 6.7 and later answer the request `PAGEMAP_SCAN`. Before, the file is *read*: eight bytes a page, those included that were
//! never touched.
//!
//! Microseconds to find what was written and to zero it (Zen 4, Linux 6.18), for memories of 1 MiB and of 64 MiB:
//!
//! | written | request | read | `mincore` | zero all | throw away |
//! | --- | --- | --- | --- | --- | --- |
//! | nothing in 1 MiB | 0.6 | 1.5 | 1.0 | 11 | 0.4 |
//! | 4 pages of 1 MiB | 1.3 | 1.8 | 3.1 | 11 | 7.5 |
//! | all of 1 MiB | 17 | 20 | 15 | 12 | 390 |
//! | nothing in 64 MiB | 1.1 | 71 | 12 | | 0.7 |
//! | 16 pages all over 64 MiB | 12 | 74 | 76 | | 42 |
//! | 256 pages all over 64 MiB | 45 | 94 | 153 | | 430 |
//!
//! What is thrown away is faulted in again, which is part of these figures. So reading pays where there are more than one or two
//! written pages in 2 MiB, and each look reads about as much; whoever looks stops when that finds less. The others:
//!
//! - **Escape:** `mincore` does not tell a page that was swapped out from one that was never touched.
//! - Zeroing everything pays if half of it was written, and gives memory to all of it.
//! - Soft-dirty bits are reset for the whole process at once, by a walk through all of it; many kernels do not have them.
//! - Write protection by `userfaultfd` costs a fault for each page that is written to, until Linux 6.7 in another thread.
//!
//! # What is relied on
//!
//! **Escape:** a page that was written is reported, whatever the kernel does to it meanwhile.
//!
//! - In the page table it is present or, when swapped out or about to move, a swap entry; both are reported. It becomes a huge page, or
//!   a huge page is split, under locks that the walk takes as well.
//! - Its entry is at its place. Older kernels leave out the entries of a page table that disappears while they walk, and the next ones
//!   come too early; but page tables go under the lock that the walk holds, or with all mappings around.
//! - In a private mapping of a file it is anonymous, so it is not reported as the file's, not even after it was merged with an equal
//!   one (KSM).
//! - A page in which there are only zeros may be replaced by the shared page of zeros: by KSM, and when a huge page is split (Linux 6.12).
//!   That is [`Content::Zero`], which is not the same as *never written*: where an image has other bytes it has changed.
//! - A huge page of zeros may be reported as a file's. It is not in a mapping of a file, and it is zero.
//!
//! The bits which the reader of the file relies on beyond *present* and *swapped* can only make it do too much: a file's page
//! that is not known to be one (huge pages before Linux 6.11) is restored, and one that somebody else shows too, the child of a fork
//! for instance, is compared.

#![allow(unsafe_code, reason = "asks the kernel through a structure")]

mod file;

use super::pages::{Pages, page_bytes};
use file::{ENTRY_BYTES, PagemapFile, Region, ScanRequest};
use std::mem::MaybeUninit;
use std::ops::Range;

/// How the kernel is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// By `PAGEMAP_SCAN`. A kernel that does not know it is asked by reading.
    Request,
    /// By reading the file.
    Read,
}

/// What is mapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backing {
    /// Zeros: an anonymous mapping.
    Zeros,
    /// The same, and in some places a private mapping of a file.
    PartlyFile,
}

/// What a page holds that is present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// Bytes of its own.
    Own,
    /// The shared page of zeros: it was only read, or there were only zeros in it.
    Zero,
    /// One of these.
    OwnOrZero,
}

/// What the last look has found.
pub(crate) struct Scan {
    way: Way,
    /// The address of offset 0.
    base: usize,
    /// Runs of addresses; the categories are `PAGE_IS_PFNZERO` or none, or else `PERHAPS_PFNZERO`.
    regions: [Region; MAX_RUNS],
    count: usize,
}

/// Runs of pages that one look finds at most.
const MAX_RUNS: usize = 32;

/// Pages whose entries are read at once: most memories as a whole.
const READ_PAGES: usize = 768;

/// The kernel reads the entries that belong to one page of its page table at a time.
const TABLE_BYTES: usize = 2 << 20;

const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;
/// Not one of the kernel's.
const PERHAPS_PFNZERO: u64 = 1 << 63;

impl Scan {
    pub(crate) fn new(way: Way) -> Scan {
        Scan { way, base: 0, regions: [Region::default(); MAX_RUNS], count: 0 }
    }

    /// Looks for pages that hold something, from the first byte of a range of offsets on. Returns the offset up to which it has
    /// looked, past the first byte, or nothing if the kernel cannot tell.
    pub(crate) fn look(&mut self, pages: &Pages, range: Range<usize>, backing: Backing) -> Option<usize> {
        assert!(range.start < range.end && range.end <= pages.len());
        self.base = pages.start().as_ptr() as usize;
        self.count = 0;
        let file = PagemapFile::get()?;
        let addresses = self.base + range.start..self.base + range.end;
        let requested = match if file.knows_scan() { self.way } else { Way::Read } {
            Way::Request => self.request(&file, &addresses, backing),
            Way::Read => None,
        };
        let looked_to = requested.or_else(|| self.read(&file, &addresses, backing));
        let looked_to = looked_to.filter(|&end| addresses.start < end && end <= addresses.end);
        if looked_to.is_none() || !self.regions_are_within(&addresses) {
            self.count = 0;
            file.give_up();
            return None;
        }
        Some(looked_to? - self.base)
    }

    /// The pages that were found, in ascending runs of offsets.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Range<usize>, Content)> {
        let offset = |address: u64| address as usize - self.base;
        self.regions[..self.count].iter().map(move |region| {
            let content = match region.categories {
                0 => Content::Own,
                PAGE_IS_PFNZERO => Content::Zero,
                _ => Content::OwnOrZero,
            };
            (offset(region.start)..offset(region.end), content)
        })
    }

    /// What is not within the memory the kernel should not have found.
    fn regions_are_within(&self, addresses: &Range<usize>) -> bool {
        let bounds = addresses.start as u64..addresses.end as u64;
        self.regions[..self.count]
            .iter()
            .all(|region| bounds.start <= region.start && region.start < region.end && region.end <= bounds.end)
    }

    /// Returns the address up to which the kernel has looked.
    fn request(&mut self, file: &PagemapFile, addresses: &Range<usize>, backing: Backing) -> Option<usize> {
        let never = if backing == Backing::PartlyFile { PAGE_IS_FILE } else { 0 };
        let mut request = ScanRequest {
            start: addresses.start as u64,
            end: addresses.end as u64,
            category_inverted: never,
            category_mask: never,
            category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
            return_mask: PAGE_IS_PFNZERO,
            ..ScanRequest::default()
        };
        self.count = file.scan(&mut request, &mut self.regions)?;
        Some(request.walk_end as usize)
    }

    /// Returns the address up to which entries were read.
    fn read(&mut self, file: &PagemapFile, addresses: &Range<usize>, backing: Backing) -> Option<usize> {
        self.count = 0;
        let pages = (end_of_read(addresses) - addresses.start) / page_bytes();
        let mut buffer = [MaybeUninit::uninit(); READ_PAGES * ENTRY_BYTES];
        let entries = file.read(addresses.start, &mut buffer[..pages * ENTRY_BYTES])?;
        let mut address = addresses.start;
        for entry in entries {
            if let Some(categories) = categories(u64::from_ne_bytes(*entry), backing)
                && !self.add(address, categories)
            {
                break;
            }
            address += page_bytes();
        }
        Some(address)
    }

    /// Adds a page after all others; is there room?
    fn add(&mut self, address: usize, categories: u64) -> bool {
        let page = Region { start: address as u64, end: (address + page_bytes()) as u64, categories };
        match self.regions[..self.count].last_mut() {
            Some(last) if last.end == page.start && last.categories == page.categories => last.end = page.end,
            _ if self.count == MAX_RUNS => return false,
            _ => {
                self.regions[self.count] = page;
                self.count += 1;
            }
        }
        true
    }
}

/// All of a range, or where a page of the page table ends.
fn end_of_read(addresses: &Range<usize>) -> usize {
    let furthest = addresses.start + READ_PAGES * page_bytes();
    if addresses.end <= furthest { addresses.end } else { furthest / TABLE_BYTES * TABLE_BYTES }
}

/// The categories of a page of which this is the entry, if something is there that is not the file's.
fn categories(entry: u64, backing: Backing) -> Option<u64> {
    let is_present = entry & (file::PRESENT | file::SWAPPED) != 0;
    if !is_present || backing == Backing::PartlyFile && entry & file::FILE != 0 {
        return None;
    }
    let is_own = entry & (file::SWAPPED | file::EXCLUSIVE) != 0;
    Some(if is_own { 0 } else { PERHAPS_PFNZERO })
}

#[cfg(test)]
mod tests {
    use super::Content::{Own, OwnOrZero, Zero};
    use super::*;
    use rustix::mm::Advice;
    use std::io;

    const WAYS: [Way; 2] = [Way::Request, Way::Read];

    /// Lets the child of a fork have none of these pages: those that other tests fork off would share them for a moment.
    fn keep_from_children(pages: &Pages) -> io::Result<()> {
        // SAFETY: the mapping is ours; the advice changes nothing but what children get.
        unsafe { rustix::mm::madvise(pages.start().as_ptr().cast(), pages.len(), Advice::LinuxDontFork) }?;
        Ok(())
    }

    fn unshared(pages: usize) -> io::Result<Pages> {
        let pages = Pages::zeroed(pages * page_bytes())?;
        keep_from_children(&pages).map(|()| pages)
    }

    fn write(pages: &mut Pages, page: usize) {
        // SAFETY: within a writable mapping, as the tests below make them.
        unsafe { pages.start().add(page * page_bytes() + 7).write(1) };
    }

    fn read(pages: &Pages, page: usize) {
        // SAFETY: within a readable mapping, as the tests below make them.
        assert_eq!(unsafe { pages.start().add(page * page_bytes()).read_volatile() }, 0);
    }

    /// Runs and the end of a look, in pages.
    type Found = (Vec<(Range<usize>, Content)>, usize);

    fn found(way: Way, pages: &Pages, range: Range<usize>, backing: Backing) -> Found {
        let mut scan = Scan::new(way);
        let bytes = range.start * page_bytes()..range.end * page_bytes();
        let end = scan.look(pages, bytes, backing).expect("Linux tells");
        let in_pages = |run: Range<usize>| run.start / page_bytes()..run.end / page_bytes();
        (scan.runs().map(|(run, content)| (in_pages(run), content)).collect(), end / page_bytes())
    }

    /// What the kernel says of a page that was only read.
    fn zero(way: Way) -> Content {
        match way {
            Way::Request if PagemapFile::get().is_some_and(|file| file.knows_scan()) => Zero,
            _ => OwnOrZero,
        }
    }

    #[test]
    fn pages_that_were_written_are_found() -> io::Result<()> {
        for way in WAYS {
            let mut pages = unshared(100)?;
            for page in [3, 4, 50, 99] {
                write(&mut pages, page);
            }
            read(&pages, 20);
            read(&pages, 5);
            let (runs, end) = found(way, &pages, 0..100, Backing::Zeros);
            let zero = zero(way);
            assert_eq!(runs, [(3..5, Own), (5..6, zero), (20..21, zero), (50..51, Own), (99..100, Own)], "{way:?}");
            assert_eq!(end, 100);
            assert_eq!(found(way, &pages, 4..99, Backing::Zeros).0[0], (4..5, Own));
        }
        Ok(())
    }

    #[test]
    fn pages_that_are_elsewhere_count() {
        for backing in [Backing::Zeros, Backing::PartlyFile] {
            assert_eq!(categories(file::SWAPPED, backing), Some(0));
            assert_eq!(categories(file::PRESENT, backing), Some(PERHAPS_PFNZERO));
            assert_eq!(categories(file::EXCLUSIVE, backing), None);
        }
        assert_eq!(categories(file::SWAPPED | file::FILE, Backing::PartlyFile), None);
        assert_eq!(categories(file::PRESENT | file::FILE | file::EXCLUSIVE, Backing::Zeros), Some(0));
    }

    #[test]
    fn a_look_ends_where_it_finds_no_more_room() -> io::Result<()> {
        for way in WAYS {
            let mut pages = unshared(100)?;
            (0..50).for_each(|page| write(&mut pages, 2 * page));
            let (first, end) = found(way, &pages, 0..100, Backing::Zeros);
            assert_eq!(first.len(), MAX_RUNS, "{way:?}");
            let (rest, _) = found(way, &pages, end..100, Backing::Zeros);
            let all: Vec<_> = first.into_iter().chain(rest).collect();
            assert_eq!(all, (0..50).map(|page| (2 * page..2 * page + 1, Own)).collect::<Vec<_>>(), "{way:?}");
        }
        Ok(())
    }

    /// Wherever a large mapping starts, looks one after the other see all of it.
    #[test]
    fn large_mappings_are_looked_at_in_parts() -> io::Result<()> {
        const LEN: usize = 5000;
        for (way, first) in WAYS.into_iter().flat_map(|way| [0, 1, 200, 300, 511].map(|first| (way, first))) {
            let mut pages = unshared(first + LEN)?;
            let written: Vec<usize> = (first..first + LEN).step_by(251).chain([first + LEN - 1]).collect();
            written.iter().for_each(|page| write(&mut pages, *page));
            let (mut start, mut all) = (first, Vec::new());
            while start < first + LEN {
                let (runs, end) = found(way, &pages, start..first + LEN, Backing::Zeros);
                assert!(end > start && runs.iter().all(|(run, _)| run.start >= start && run.end <= end));
                all.extend(runs.into_iter().map(|(run, _)| run));
                start = end;
            }
            // A run is one page, or huge pages where the system gives these unasked.
            let is_found = |page: &usize| all.iter().any(|run| run.contains(page));
            assert!(written.iter().all(is_found), "{way:?} {first}: {all:?}");
            let is_written = |run: &Range<usize>| written.iter().any(|page| run.contains(page));
            assert!(all.iter().all(is_written), "{way:?} {first}: {all:?}");
        }
        Ok(())
    }

    #[test]
    fn pages_of_a_file_are_found_when_they_are_written() -> io::Result<()> {
        let file = crate::sys::linux::image::ImageFile::new(&vec![0; 10 * page_bytes()])?;
        for way in WAYS {
            let mut pages = Pages::zeroed(30 * page_bytes())?;
            pages.map_file(10 * page_bytes(), file.len(), file.file())?;
            keep_from_children(&pages)?;
            (0..30).for_each(|page| read(&pages, page));
            write(&mut pages, 12);
            write(&mut pages, 25);
            let (runs, _) = found(way, &pages, 0..30, Backing::PartlyFile);
            let zero = zero(way);
            let expected = [(0..10, zero), (12..13, Own), (20..25, zero), (25..26, Own), (26..30, zero)];
            assert_eq!(runs, expected, "{way:?}");
        }
        Ok(())
    }

    /// The child of a fork is another process: it sees its own pages.
    #[test]
    fn a_forked_process_sees_its_own_pages() -> io::Result<()> {
        for way in WAYS {
            let mut pages = Pages::zeroed(4 * page_bytes())?;
            write(&mut pages, 1);
            let (runs, _) = found(way, &pages, 0..4, Backing::Zeros);
            assert!(matches!(&runs[..], [(run, _)] if *run == (1..2)), "{way:?} {runs:?}");
            // SAFETY: the child only does what is safe after a fork of a process with threads, and ends without unwinding.
            let child = unsafe { libc::fork() };
            if child == 0 {
                write(&mut pages, 3);
                let mut scan = Scan::new(way);
                let looked = scan.look(&pages, 0..4 * page_bytes(), Backing::Zeros);
                // The page of before the fork is its parent's, too.
                let first = scan.runs().map(|(run, _)| run.start / page_bytes());
                let is_right = looked.is_some() && first.eq([1, 3]);
                // SAFETY: no destructors, no buffers.
                unsafe { libc::_exit(if is_right { 0 } else { 1 }) };
            }
            let mut status = -1;
            // SAFETY: waits for the child made above.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            assert_eq!(status, 0, "the child did not find its page: {way:?}");
        }
        Ok(())
    }
}
