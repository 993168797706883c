//! The address space of guarded memories, kept in a pool.
//!
//! Mapping and unmapping 8 GiB of addresses, and page faults, are most of what a small instance costs. So a reservation goes back to its
//! engine's pool: what was written is made what it was, by writing if there is little of it. An instance of the same module
//! then finds everything in place.
//!
//! The kernel tells what was written ([`crate::sys::linux::pagemap`] has what that costs). Looking costs less than throwing the memory away
//! and getting it again (1.5 us a page), and more than throwing away what is not there (0.5 us).

#![allow(unsafe_code, reason = "restores the bytes of memories")]

use crate::abi::GUARDED_MEMORY_BYTES;
use crate::sys::linux::pagemap::{Backing, Content, Scan, Way};
use crate::sys::linux::pages::{Access, Pages, page_bytes};
use crate::sys::linux::shortage::{Purpose, Shortage};
use crate::vm::owned::image::Image;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Reservations that guarded memories take and give back.
pub(crate) struct MemoryPool {
    limits: PoolLimits,
    /// How it learns what was written.
    way: Way,
    idle: Mutex<Vec<Slot>>,
}

/// How much a pool keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PoolLimits {
    /// Idle reservations.
    pub(crate) slots: usize,
    /// Bytes of an idle reservation that are in memory, besides its module's image.
    pub(crate) resident_bytes: usize,
}

/// The reservation of one memory; goes back to its pool when dropped.
pub(in crate::vm) struct Reservation {
    pool: Arc<MemoryPool>,
    /// Taken out only by `drop`.
    slot: Option<Slot>,
}

/// `GUARDED_MEMORY_BYTES` of addresses.
///
/// **Escape:** an idle one is clean. Its image's bytes are as in the image, and all others are zero, those included that are
/// inaccessible now. Nothing beyond `accessible` can be accessed. A slot of which that is not known is unmapped.
struct Slot {
    pages: Pages,
    /// So many bytes from the start on are readable and writable: no fewer and no more.
    accessible: usize,
    /// All its bytes are accessible, and if it is a file it is mapped.
    image: Option<Arc<Image>>,
    /// Not known to be what this says.
    is_spoilt: bool,
    /// See [`QUIET_ROUNDS`].
    quiet: u8,
}

/// Guests that write nothing to their memory are recognised by so many of them in a row. After the next as many the memory is thrown
/// away without a look at what was written, which takes two thirds of the time if it is nothing. Then it is time to look again.
const QUIET_ROUNDS: u8 = 16;

/// Held while memory is thrown away because there is probably none; whoever finds it held looks instead, in 1 us. Two threads that throw
/// memory away at once take 11 us each, even if there is none: the kernel then takes no chances and interrupts every processor on
/// which the process runs (Linux, `mm_tlb_flush_nested`).
static THROWING_AWAY: Mutex<()> = Mutex::new(());

/// A look that finds fewer pages costs more than it saves. What is after it is thrown away unseen.
const WORTH_A_LOOK: usize = 2;

/// What looking at a slot has found, and restored.
struct Looked {
    /// The end of what was looked at.
    to: usize,
    /// The end of what was written, or a later place if that is not known.
    written_to: usize,
}

impl MemoryPool {
    pub(crate) fn new(limits: PoolLimits) -> Arc<MemoryPool> {
        MemoryPool::asking(limits, Way::Request)
    }

    fn asking(limits: PoolLimits, way: Way) -> Arc<MemoryPool> {
        Arc::new(MemoryPool { limits, way, idle: Mutex::default() })
    }

    /// Reserves a memory before one is needed, and keeps it if it may. Fails when the system has no addresses.
    pub(in crate::vm) fn reserve(&self) -> Result<(), Shortage> {
        let slot = self.map(0, None)?;
        if self.limits.slots > 0 {
            self.idle().push(slot);
        }
        Ok(())
    }

    pub(in crate::vm) fn keeps_memories(&self) -> bool {
        self.limits.slots > 0
    }

    /// A reservation of which `len` bytes, whole pages, are accessible, which are as in the image, or else zero. The image must end
    /// within them. Fails when the system has no memory or no addresses.
    pub(in crate::vm) fn take(
        self: &Arc<MemoryPool>,
        len: usize,
        image: Option<&Arc<Image>>,
    ) -> Result<Reservation, Shortage> {
        assert!(image.is_none_or(|image| image.end() <= len));
        let slot = match self.take_idle(len, image) {
            Some(mut slot) => slot.prepare(len, image).map(|()| slot).or_else(|_| self.map(len, image)),
            None => self.map(len, image),
        };
        Ok(Reservation { pool: self.clone(), slot: Some(slot?) })
    }

    /// The idle slot with the least to do.
    fn take_idle(&self, len: usize, image: Option<&Arc<Image>>) -> Option<Slot> {
        let mut idle = self.idle();
        let work =
            |slot: &Slot| (!slot.shows(image), slot.image.is_some() && !slot.shows(image), slot.accessible != len);
        let (place, _) = idle.iter().enumerate().rev().min_by_key(|(_, slot)| work(slot))?;
        Some(idle.swap_remove(place))
    }

    fn map(&self, len: usize, image: Option<&Arc<Image>>) -> Result<Slot, Shortage> {
        let reserved = Pages::reserve(GUARDED_MEMORY_BYTES);
        let pages = reserved.or_else(|_| {
            // There may be too few addresses because of the idle ones.
            drop(std::mem::take(&mut *self.idle()));
            Pages::reserve(GUARDED_MEMORY_BYTES)
        });
        let pages = pages.map_err(|_| Shortage::new(Purpose::GuardedMemory, GUARDED_MEMORY_BYTES))?;
        let mut slot = Slot { pages, accessible: 0, image: None, is_spoilt: false, quiet: 0 };
        slot.prepare(len, image).map(|()| slot).map_err(|_| Shortage::new(Purpose::Memory, len))
    }

    fn give_back(&self, mut slot: Slot) {
        let has_room = || self.idle().len() < self.limits.slots;
        if !slot.is_spoilt && has_room() && slot.clean(self.limits.resident_bytes, self.way).is_ok() {
            let mut idle = self.idle();
            if idle.len() < self.limits.slots {
                idle.push(slot);
            }
        }
    }

    /// Unmaps what shows an image. Of its module there are no more instances.
    pub(in crate::vm) fn forget(&self, image: &Arc<Image>) {
        let mut idle = self.idle();
        let (forgotten, others) = idle.drain(..).partition(|slot| slot.shows(Some(image)));
        *idle = others;
        drop(idle);
        drop::<Vec<Slot>>(forgotten);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    pub(in crate::vm) fn pages(&self) -> &Pages {
        &self.slot().pages
    }

    /// The image whose contents it had at first.
    pub(in crate::vm) fn image(&self) -> Option<&Arc<Image>> {
        self.slot().image.as_ref()
    }

    /// Makes more accessible, whole pages; they are zero.
    pub(in crate::vm) fn grow(&mut self, len: usize) -> io::Result<()> {
        let slot = self.slot.as_mut().expect(THERE);
        assert!(len >= slot.accessible);
        slot.set_accessible(len)
    }

    fn slot(&self) -> &Slot {
        self.slot.as_ref().expect(THERE)
    }
}

const THERE: &str = "only `drop` takes the slot";

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.pool.give_back(slot);
        }
    }
}

impl Slot {
    fn shows(&self, image: Option<&Arc<Image>>) -> bool {
        match (&self.image, image) {
            (Some(shown), Some(image)) => Arc::ptr_eq(shown, image),
            (shown, image) => shown.is_none() && image.is_none(),
        }
    }

    /// Gives a clean slot another size and image.
    fn prepare(&mut self, len: usize, image: Option<&Arc<Image>>) -> io::Result<()> {
        if !self.shows(image) {
            self.quiet = 0;
            self.is_spoilt = true;
            self.change_image(image)?;
            self.is_spoilt = false;
        }
        self.set_accessible(len)
    }

    fn change_image(&mut self, image: Option<&Arc<Image>>) -> io::Result<()> {
        if let Some(old) = self.image.take() {
            match old.file() {
                Some(file) => self.pages.map_zeros(old.start(), file.len())?,
                None => self.restore(old.start()..old.end()),
            }
        }
        let Some(image) = image else { return Ok(()) };
        if self.accessible < image.end() {
            self.set_accessible(image.end())?;
        }
        self.image = Some(image.clone());
        match image.file() {
            Some(file) => self.pages.map_file(image.start(), file.len(), file.file())?,
            None => self.restore(image.start()..image.end()),
        }
        Ok(())
    }

    fn set_accessible(&mut self, len: usize) -> io::Result<()> {
        let old = self.accessible;
        let (from, to, access) = if old < len { (old, len, Access::ReadWrite) } else { (len, old, Access::None) };
        // A part of the pages may have changed.
        self.pages.protect(from, to - from, access).inspect_err(|_| self.is_spoilt = true)?;
        self.accessible = len;
        Ok(())
    }

    /// Makes all that is accessible what it was before anybody wrote to it. At most `resident_bytes` keep their memory.
    fn clean(&mut self, resident_bytes: usize, way: Way) -> io::Result<()> {
        let Some(rest) = self.beside_image() else { return self.look_and_restore(resident_bytes, way).map(drop) };
        if (QUIET_ROUNDS..2 * QUIET_ROUNDS).contains(&self.quiet)
            && let Ok(_alone) = THROWING_AWAY.try_lock()
        {
            self.quiet += 1;
            self.pages.discard(rest.start, rest.len())?;
            if rest.start > 0 {
                self.restore(0..rest.start);
            }
            return Ok(());
        }
        let is_quiet = self.look_and_restore(resident_bytes, way)? <= rest.start;
        let rounds = if self.quiet < 2 * QUIET_ROUNDS { self.quiet + 1 } else { QUIET_ROUNDS };
        // What a guest has only read is worth keeping, too.
        let stays_quiet = is_quiet && (rounds != QUIET_ROUNDS || self.is_untouched(rest, way));
        self.quiet = if stays_quiet { rounds } else { 0 };
        Ok(())
    }

    /// What is as it was at first when it is thrown away, if that is all but the start: all that is accessible but a copied image.
    fn beside_image(&self) -> Option<Range<usize>> {
        match &self.image {
            Some(image) if image.file().is_none() && image.start() > 0 => None,
            Some(image) if image.file().is_none() => Some(image.end()..self.accessible),
            _ => Some(0..self.accessible),
        }
    }

    /// Was nothing touched as far as one look goes? If that is not to the end, nothing beyond is kept anyway.
    fn is_untouched(&self, range: Range<usize>, way: Way) -> bool {
        let mut scan = Scan::new(way);
        range.is_empty() || scan.look(&self.pages, range, Backing::Zeros).is_some() && scan.runs().next().is_none()
    }

    /// Does what [`Slot::clean`] says; returns the end of what was written, or a later place if that is not known.
    fn look_and_restore(&mut self, resident_bytes: usize, way: Way) -> io::Result<usize> {
        let looked = self.restore_what_is_found(resident_bytes / page_bytes(), way);
        if looked.to == self.accessible {
            return Ok(looked.written_to);
        }
        self.pages.discard(looked.to, self.accessible - looked.to)?;
        match &self.image {
            Some(image) if image.file().is_none() => {
                self.restore(looked.to.max(image.start())..looked.to.max(image.end()));
            }
            _ => {}
        }
        Ok(looked.written_to)
    }

    /// Looks as long as that pays, and restores what was written, until so many pages have memory.
    fn restore_what_is_found(&mut self, mut pages_left: usize, way: Way) -> Looked {
        let shows_file = self.image.as_ref().is_some_and(|image| image.file().is_some());
        let backing = if shows_file { Backing::PartlyFile } else { Backing::Zeros };
        let (mut to, mut written_to) = (0, 0);
        let mut scan = Scan::new(way);
        while to < self.accessible {
            let looked = (pages_left > 0).then(|| scan.look(&self.pages, to..self.accessible, backing)).flatten();
            let Some(end) = looked else { return Looked { to, written_to: self.accessible } };
            let mut found = 0;
            for (run, content) in scan.runs() {
                let run_pages = run.len() / page_bytes();
                found += run_pages;
                // The shared page of zeros is no memory of its own.
                let kept_pages = if content == Content::Zero { run_pages } else { run_pages.min(pages_left) };
                pages_left -= if content == Content::Zero { 0 } else { kept_pages };
                let kept = run.start..run.start + kept_pages * page_bytes();
                written_to = self.restore_found(kept.clone(), content).unwrap_or(written_to);
                if kept.end < run.end {
                    return Looked { to: kept.end, written_to: self.accessible };
                }
            }
            to = end;
            if found < WORTH_A_LOOK {
                break;
            }
        }
        Looked { to, written_to }
    }

    /// Restores what is not as it was at first; returns where that ends.
    fn restore_found(&mut self, found: Range<usize>, content: Content) -> Option<usize> {
        match content {
            Content::Own => {
                let end = found.end;
                self.restore(found);
                Some(end)
            }
            // **Escape:** where an image is, a page of zeros may have been written: the system replaces such pages.
            Content::Zero => {
                let shown = self.shown(&found);
                (!shown.is_empty()).then(|| self.restore_found(shown, Content::OwnOrZero))?
            }
            Content::OwnOrZero => {
                let pages = found.step_by(page_bytes()).map(|start| start..start + page_bytes());
                let restore = |page: Range<usize>| {
                    (!self.is_as_at_first(page.clone())).then(|| self.restore_found(page, Content::Own))?
                };
                pages.filter_map(restore).last()
            }
        }
    }

    /// The part of a range where the image is; it may be empty.
    fn shown(&self, range: &Range<usize>) -> Range<usize> {
        let image = self.image.as_ref().map_or(0..0, |image| image.start()..image.end());
        let start = range.start.max(image.start).min(range.end);
        start..range.end.min(image.end).max(start)
    }

    fn is_as_at_first(&mut self, page: Range<usize>) -> bool {
        static ZEROS: [u8; 4096] = [0; 4096];
        let is_shown = !self.shown(&page).is_empty();
        let (bytes, image) = self.bytes_and_image(page.clone());
        let first = match image {
            Some(image) if is_shown => &image.bytes()[page.start - image.start()..page.end - image.start()],
            _ => &ZEROS[..page.len()],
        };
        bytes == first
    }

    /// Writes to some accessible pages what they were at first.
    fn restore(&mut self, range: Range<usize>) {
        let shown = self.shown(&range);
        let (bytes, image) = self.bytes_and_image(range.clone());
        // Nothing is not written: a masked store of no bytes to a page without memory takes 150 ns on Zen 5.
        let Some(image) = image.filter(|_| !shown.is_empty()) else { return bytes.fill(0) };
        let (before, after) = (shown.start - range.start, range.end - shown.end);
        if before > 0 {
            bytes[..before].fill(0);
        }
        let (shows, rest) = bytes[before..].split_at_mut(shown.len());
        shows.copy_from_slice(&image.bytes()[shown.start - image.start()..shown.end - image.start()]);
        if after > 0 {
            rest.fill(0);
        }
    }

    /// Bytes that are accessible, and the image.
    fn bytes_and_image(&mut self, range: Range<usize>) -> (&mut [u8], Option<&Image>) {
        assert!(range.start <= range.end && range.end <= self.accessible);
        // SAFETY: accessible, and nobody else's: the memory whose reservation this was is gone.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(self.pages.start().as_ptr().add(range.start), range.len()) };
        (bytes, self.image.as_deref())
    }
}

#[cfg(test)]
mod tests;
