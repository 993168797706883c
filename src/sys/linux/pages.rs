//! Pages: reserved address space, code, guards.

#![allow(unsafe_code, reason = "maps, protects and unmaps memory")]

use super::text::address_near;
use rustix::mm::{Advice, MapFlags, MremapFlags, ProtFlags};
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null_mut, without_provenance_mut};

/// What may be done with pages. No page is ever writable and executable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    None,
    ReadWrite,
    ReadExecute,
}

/// A mapping of its own, unmapped when dropped: private and anonymous, unless it was made otherwise.
pub(crate) struct Pages {
    start: NonNull<u8>,
    len: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Private,
    /// Shows a sealed file.
    View,
    /// Others may have got addresses of it.
    Lost,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Pages {}
// SAFETY: a shared reference gives out the address only.
unsafe impl Sync for Pages {}

/// The size of a huge page.
pub(crate) const HUGE_BYTES: usize = 2 << 20;

/// The size of a page.
pub(crate) fn page_bytes() -> usize {
    region::page::size()
}

/// Rounds up to whole pages; nothing if that overflows.
pub(crate) fn round_to_pages(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(page_bytes())
}

impl Pages {
    /// Inaccessible address space that costs no memory. If there is enough of it a large one begins where a huge page would: then it
    /// needs one page of page table for its first 2 MiB, not two, and the kernel has one to walk through.
    pub(crate) fn reserve(len: usize) -> io::Result<Pages> {
        let reserve = |len| Pages::map(0, len, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE);
        let wide = len.checked_add(HUGE_BYTES).filter(|_| len >= HUGE_BYTES).map(reserve);
        let aligned = wide.and_then(|wide| wide.ok()?.trim_to_alignment(len, HUGE_BYTES).ok());
        aligned.map_or_else(|| reserve(len), Ok)
    }

    /// Inaccessible address space, to be made accessible piece by piece as code.
    pub(crate) fn reserve_for_code(len: usize) -> io::Result<Pages> {
        Pages::map(address_near(len), len, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE)
    }

    /// Zeroed readable and writable pages, given memory when first touched.
    pub(crate) fn zeroed(len: usize) -> io::Result<Pages> {
        Pages::map(0, len, WRITABLE, MapFlags::PRIVATE)
    }

    /// Pages to write code to, given memory when first touched.
    pub(crate) fn for_code(len: usize) -> io::Result<Pages> {
        Pages::map(address_near(len), len, WRITABLE, MapFlags::PRIVATE)
    }

    /// Pages about to be written from end to end with code: they get their memory at once, and huge pages where these fit.
    pub(crate) fn populated_for_code(len: usize) -> io::Result<Pages> {
        if len < HUGE_BYTES {
            return Pages::map(address_near(len), len, WRITABLE, MapFlags::PRIVATE | MapFlags::POPULATE);
        }
        // Huge pages are a wish: where there are no addresses to align them, small ones will do.
        let Ok(wide) = Pages::for_code(len.checked_add(HUGE_BYTES).ok_or(io::ErrorKind::OutOfMemory)?) else {
            return Pages::for_code(len);
        };
        let pages = wide.trim_to_alignment(len, HUGE_BYTES)?;
        // SAFETY: the range is this mapping; the advice changes nothing but how it is backed.
        let advised = unsafe { rustix::mm::madvise(pages.start.as_ptr().cast(), len, Advice::LinuxHugepage) };
        // A kernel built without huge pages refuses.
        let _ = advised;
        Ok(pages)
    }

    /// At `hint`, or elsewhere if that is 0 or not free.
    fn map(hint: usize, len: usize, access: ProtFlags, flags: MapFlags) -> io::Result<Pages> {
        let len = round_to_pages(len).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: a new private mapping touches nothing that exists: the kernel takes the address for a hint.
        let start = unsafe { rustix::mm::mmap_anonymous(without_provenance_mut(hint), len, access, flags) }?;
        let start = NonNull::new(start.cast()).expect("the kernel maps nothing at 0 unasked");
        Ok(Pages { start, len, kind: Kind::Private })
    }

    /// The contents of a sealed file of whole pages, which can only be read.
    pub(super) fn view(file: BorrowedFd<'_>, len: usize) -> io::Result<Pages> {
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe { rustix::mm::mmap(null_mut(), len, ProtFlags::READ, MapFlags::PRIVATE, file, 0) }?;
        Ok(Pages {
            start: NonNull::new(start.cast()).expect("the kernel maps nothing at 0 unasked"),
            len,
            kind: Kind::View,
        })
    }

    /// What a view shows.
    pub(super) fn read_only(&self) -> &[u8] {
        assert!(self.kind == Kind::View);
        // SAFETY: readable from end to end, and sealed: nobody can write these bytes.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// Keeps `len` bytes from the first aligned address on.
    fn trim_to_alignment(self, len: usize, alignment: usize) -> io::Result<Pages> {
        let (len, whole) = (round_to_pages(len).expect("smaller than the mapping"), std::mem::ManuallyDrop::new(self));
        let head = whole.start.as_ptr().align_offset(alignment);
        let tail = whole.len - head - len;
        // SAFETY: `head + len` is within the mapping: `align_offset` is less than the alignment that was added.
        let start = unsafe { whole.start.add(head) };
        // SAFETY: likewise; one past its end at most.
        let end = unsafe { start.add(len) };
        for (from, bytes) in [(whole.start, head), (end, tail)] {
            if bytes > 0 {
                // SAFETY: a part of our mapping that nobody has seen.
                unsafe { rustix::mm::munmap(from.as_ptr().cast(), bytes) }?;
            }
        }
        Ok(Pages { start, len, kind: Kind::Private })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// In bytes, whole pages.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Changes what may be done with a range of whole pages. Nobody may hold a reference to what it makes inaccessible.
    pub(crate) fn protect(&mut self, offset: usize, len: usize, access: Access) -> io::Result<()> {
        let start = self.checked_range(offset, len);
        if len == 0 {
            return Ok(());
        }
        let protection = match access {
            Access::None => region::Protection::NONE,
            Access::ReadWrite => region::Protection::READ_WRITE,
            Access::ReadExecute => region::Protection::READ_EXECUTE,
        };
        // SAFETY: the pages are ours; `&mut self` and the rule above exclude users of the old protection.
        let changed = unsafe { region::protect(start.as_ptr(), len, protection) };
        changed.map_err(|error| match error {
            region::Error::SystemCall(error) => io::Error::from_raw_os_error(error),
            other => io::Error::other(other),
        })
    }

    /// Changes the length; the contents stay, new pages are zero, the address may change.
    pub(crate) fn resize(&mut self, len: usize) -> io::Result<()> {
        let len = round_to_pages(len).ok_or(io::ErrorKind::OutOfMemory)?;
        assert!(self.kind == Kind::Private);
        if len == self.len {
            return Ok(());
        }
        let old = self.start.as_ptr().cast();
        // SAFETY: the range is exactly our mapping, and `&mut self` excludes references into it.
        let start = unsafe { rustix::mm::mremap(old, self.len, len, MremapFlags::MAYMOVE) }?;
        self.start = NonNull::new(start.cast()).expect("the kernel maps nothing at 0 unasked");
        self.len = len;
        Ok(())
    }

    /// Gives memory to a range that is about to be written to.
    pub(crate) fn populate(&mut self, offset: usize, len: usize) {
        let start = self.checked_range(offset, len);
        // SAFETY: the pages are ours; the advice changes nothing but when they get their memory.
        let advised = unsafe { rustix::mm::madvise(start.as_ptr().cast(), len, Advice::LinuxPopulateWrite) };
        // A wish: Linux before 5.14 does not know it.
        let _ = advised;
    }

    /// Replaces a range by the contents of a file of whole pages, readable and writable; writing does not change the file. After a
    /// failure the mapping cannot be used any more.
    pub(crate) fn map_file(&mut self, offset: usize, len: usize, file: BorrowedFd<'_>) -> io::Result<()> {
        let start = self.checked_range(offset, len);
        // SAFETY: replaces a part of our mapping, to which `&mut self` excludes references.
        let mapped = unsafe { rustix::mm::mmap(start.as_ptr().cast(), len, WRITABLE, REPLACING, file, 0) };
        self.replaced(mapped)
    }

    /// The same with zeros.
    pub(crate) fn map_zeros(&mut self, offset: usize, len: usize) -> io::Result<()> {
        let start = self.checked_range(offset, len);
        // SAFETY: as above.
        let mapped = unsafe { rustix::mm::mmap_anonymous(start.as_ptr().cast(), len, WRITABLE, REPLACING) };
        self.replaced(mapped)
    }

    /// The kernel may have unmapped the range before it failed, and other mappings may be there by now: so it stays as it is for ever.
    fn replaced(&mut self, result: rustix::io::Result<*mut std::ffi::c_void>) -> io::Result<()> {
        result.inspect_err(|_| self.kind = Kind::Lost)?;
        Ok(())
    }

    /// Where a range of whole pages starts.
    fn checked_range(&self, offset: usize, len: usize) -> NonNull<u8> {
        assert!(self.kind == Kind::Private && offset.is_multiple_of(page_bytes()));
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len));
        // SAFETY: within the mapping, as asserted.
        unsafe { self.start.add(offset) }
    }

    /// Gives the memory of a range back to the system; afterwards it reads as it was mapped, as zero or as an image.
    pub(crate) fn discard(&mut self, offset: usize, len: usize) -> io::Result<()> {
        let start = self.checked_range(offset, len);
        // SAFETY: the pages are ours and private; `&mut self` excludes readers.
        unsafe { rustix::mm::madvise(start.as_ptr().cast(), len, Advice::LinuxDontNeed) }?;
        Ok(())
    }
}

const WRITABLE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);
const REPLACING: MapFlags = MapFlags::PRIVATE.union(MapFlags::FIXED).union(MapFlags::NORESERVE);

impl Drop for Pages {
    fn drop(&mut self) {
        if self.kind == Kind::Lost {
            return;
        }
        // SAFETY: exactly our mapping; whoever used it is gone with its owner.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_mappings_are_aligned_and_writable() {
        let pages = Pages::populated_for_code(3 * HUGE_BYTES + 5).expect("memory");
        assert_eq!(pages.start().as_ptr() as usize % HUGE_BYTES, 0);
        assert_eq!(pages.len(), 3 * HUGE_BYTES + page_bytes());
        // SAFETY: the last byte of a writable mapping.
        unsafe { pages.start().add(pages.len() - 1).write(1) };
    }

    #[test]
    fn large_reservations_are_aligned() {
        for len in [HUGE_BYTES, 3 * HUGE_BYTES + 5, (8 << 30) + (64 << 10)] {
            let pages = Pages::reserve(len).expect("addresses");
            assert_eq!(pages.start().as_ptr() as usize % HUGE_BYTES, 0);
            assert_eq!(Some(pages.len()), round_to_pages(len));
        }
        assert_eq!(Pages::reserve(5).expect("addresses").len(), page_bytes());
    }

    #[test]
    fn resizing_keeps_contents() {
        let mut pages = Pages::zeroed(1).expect("memory");
        // SAFETY: the first byte of a writable mapping.
        unsafe { pages.start().write(7) };
        pages.resize(64 << 20).expect("memory");
        // SAFETY: the first byte of a readable mapping.
        assert_eq!(unsafe { pages.start().read() }, 7);
    }

    #[test]
    fn impossible_sizes_are_errors() {
        assert!(Pages::reserve(usize::MAX).is_err());
        assert!(Pages::zeroed(1 << 60).is_err());
        assert!(Pages::populated_for_code(usize::MAX - 4096).is_err());
    }
}
