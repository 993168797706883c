//! The address space of guarded memories, kept in a pool.
//!
//! Mapping and unmapping 8 GiB of addresses, and page faults, are most of what a small instance costs. So a reservation goes back to its
//! engine's pool: what was written is made what it was, by writing if there is little of it. An instance of the same module
//! then finds everything in place.
//!
//! What was written the kernel tells, in 0.8 us for a mebibyte, of which 0.45 us are the request itself. Looking costs less than
//! taking the memory away and getting it again (1.5 us a page), and more than taking away what is not there (0.5 us).

#![allow(unsafe_code, reason = "restores the bytes of memories")]

use super::image::Image;
use crate::abi::GUARDED_MEMORY_BYTES;
use crate::sys::pagemap::{Scan, Sought};
use crate::sys::pages::{Access, Pages, page_bytes};
use crate::sys::shortage::{Purpose, Shortage};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Reservations that guarded memories take and give back.
pub(crate) struct MemoryPool {
    limits: PoolLimits,
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
pub(super) struct Reservation {
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

/// Guests that write nothing to their memory are recognised by so many of them in a row. After the next as many memory is given back
/// without a look at what was written, which takes two thirds of the time if it is nothing. Then it is time to look again.
const QUIET_ROUNDS: u8 = 16;

impl MemoryPool {
    pub(crate) fn new(limits: PoolLimits) -> Arc<MemoryPool> {
        Arc::new(MemoryPool { limits, idle: Mutex::default() })
    }

    /// Reserves a memory before one is needed, and keeps it if it may. Fails when the system has no addresses.
    pub(super) fn reserve(&self) -> Result<(), Shortage> {
        let slot = self.map(0, None)?;
        if self.limits.slots > 0 {
            self.idle().push(slot);
        }
        Ok(())
    }

    pub(super) fn keeps_memories(&self) -> bool {
        self.limits.slots > 0
    }

    /// A reservation of which `len` bytes, whole pages, are accessible, which are as in the image, or else zero. The image must end
    /// within them. Fails when the system has no memory or no addresses.
    pub(super) fn take(
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
        if !slot.is_spoilt && has_room() && slot.clean(self.limits.resident_bytes).is_ok() {
            let mut idle = self.idle();
            if idle.len() < self.limits.slots {
                idle.push(slot);
            }
        }
    }

    /// Unmaps what shows an image. Of its module there are no more instances.
    pub(super) fn forget(&self, image: &Arc<Image>) {
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
    pub(super) fn pages(&self) -> &Pages {
        &self.slot().pages
    }

    /// The image whose contents it had at first.
    pub(super) fn image(&self) -> Option<&Arc<Image>> {
        self.slot().image.as_ref()
    }

    /// Makes more accessible, whole pages; they are zero.
    pub(super) fn grow(&mut self, len: usize) -> io::Result<()> {
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
    fn clean(&mut self, resident_bytes: usize) -> io::Result<()> {
        let Some(rest) = self.beside_image() else { return self.look_and_restore(resident_bytes).map(drop) };
        if (QUIET_ROUNDS..2 * QUIET_ROUNDS).contains(&self.quiet) {
            self.quiet += 1;
            self.pages.discard(rest.start, rest.len())?;
            self.restore(0..rest.start);
            return Ok(());
        }
        let is_quiet = self.look_and_restore(resident_bytes)? <= rest.start;
        let rounds = (self.quiet + 1).min(QUIET_ROUNDS);
        // What a guest has only read is worth keeping, too.
        let stays_quiet = is_quiet && (rounds < QUIET_ROUNDS || self.is_untouched(rest));
        self.quiet = if stays_quiet { rounds } else { 0 };
        Ok(())
    }

    /// All that is accessible but the image, if that is copied, at the start, or if there is none.
    fn beside_image(&self) -> Option<Range<usize>> {
        match &self.image {
            None => Some(0..self.accessible),
            Some(image) if image.file().is_none() && image.start() == 0 => Some(image.end()..self.accessible),
            Some(_) => None,
        }
    }

    fn is_untouched(&self, range: Range<usize>) -> bool {
        let mut scan = Scan::default();
        scan.look(&self.pages, range.clone(), Sought::Touched, 1) == Some(range.end) && scan.runs().next().is_none()
    }

    /// Does what [`Slot::clean`] says; returns the end of what was written, or a later place if that is not known.
    fn look_and_restore(&mut self, resident_bytes: usize) -> io::Result<usize> {
        let shows_file = self.image.as_ref().is_some_and(|image| image.file().is_some());
        let sought = if shows_file { Sought::ChangedPartlyFile } else { Sought::Changed };
        let (mut start, mut pages_left, mut written_to) = (0, resident_bytes / page_bytes(), 0);
        let mut scan = Scan::default();
        while start < self.accessible && pages_left > 0 {
            let looked = scan.look(&self.pages, start..self.accessible, sought, pages_left);
            let Some(end) = looked.filter(|&end| end > start) else { break };
            for run in scan.runs() {
                pages_left = pages_left.saturating_sub(run.len() / page_bytes());
                written_to = run.end;
                self.restore(run);
            }
            start = end;
        }
        if start == self.accessible {
            return Ok(written_to);
        }
        self.pages.discard(start, self.accessible - start)?;
        match &self.image {
            Some(image) if !shows_file => self.restore(start.max(image.start())..start.max(image.end())),
            _ => {}
        }
        Ok(self.accessible)
    }

    /// Writes to some accessible pages what they were at first.
    fn restore(&mut self, range: Range<usize>) {
        assert!(range.start <= range.end && range.end <= self.accessible);
        // SAFETY: accessible, and nobody else's: the memory whose reservation this was is gone.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(self.pages.start().as_ptr().add(range.start), range.len()) };
        let Some(image) = &self.image else { return bytes.fill(0) };
        let shown = range.start.max(image.start())..range.end.min(image.end());
        if shown.is_empty() {
            return bytes.fill(0);
        }
        // Nothing is not written: a masked store of no bytes to a page without memory takes 150 ns on Zen 5.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{self, ModuleInfo};

    const PAGE: usize = 64 << 10;

    /// A memory of two pages with data at 60,000, and in the second page `more` bytes.
    fn image(more: usize) -> Arc<Image> {
        let text = format!(
            "(module (memory 2) (data (i32.const 60000) \"x\") (data (i32.const 65536) \"{}\"))",
            "y".repeat(more)
        );
        let bytes = wat::parse_str(text).expect("text");
        let (info, _): (ModuleInfo, _) = decode::decode(&bytes, decode::DEFAULT).expect("valid");
        Arc::new(Image::of(&info, crate::types::MemoryIndex(0)).expect("an image"))
    }

    fn bytes(space: &mut Reservation) -> &mut [u8] {
        let slot = space.slot();
        // SAFETY: what is accessible, and `space` is borrowed as long.
        unsafe { std::slice::from_raw_parts_mut(slot.pages.start().as_ptr(), slot.accessible) }
    }

    fn is_clean(space: &mut Reservation, image: Option<&Image>) -> bool {
        let shown = image.map_or(0..0, |image| image.start()..image.end());
        let bytes = bytes(space);
        image.is_none_or(|image| bytes[shown.clone()] == *image.bytes())
            && bytes[..shown.start].iter().chain(&bytes[shown.end..]).all(|byte| *byte == 0)
    }

    #[test]
    fn slots_are_used_again_whatever_was_there() {
        let images = [None, Some(image(10)), Some(image(60_000)), None, Some(image(10))];
        assert!([1, 2].map(|at| images[at].as_ref().is_some_and(|image| image.file().is_some())) == [false, true]);
        for resident_bytes in [0, 3 * page_bytes(), 1 << 20] {
            let pool = MemoryPool::new(PoolLimits { slots: 1, resident_bytes });
            let mut address = None;
            for round in 0..100 {
                let (image, pages) = (images[round % 5].as_ref(), 2 + round % 3);
                let mut space = pool.take(pages * PAGE, image).expect("memory");
                assert!(
                    pool.idle().is_empty() && *address.get_or_insert(space.pages().start()) == space.pages().start()
                );
                assert!(bytes(&mut space).len() == pages * PAGE && is_clean(&mut space, image.map(|image| &**image)));
                let end = pages * PAGE + round % 4 * PAGE;
                space.grow(end).expect("memory");
                assert!(bytes(&mut space)[pages * PAGE..].iter().all(|byte| *byte == 0));
                bytes(&mut space).iter_mut().skip(round * 997).step_by(1 + round * 61).for_each(|byte| *byte = 1);
                drop(space);
                assert_eq!(pool.idle().len(), 1);
            }
        }
    }

    /// Whoever writes when nobody looks any more leaves nothing either.
    #[test]
    fn quiet_guests_are_not_looked_at() {
        let text = "(module (memory 2) (data (i32.const 60) \"x\"))";
        let (info, _): (ModuleInfo, _) =
            decode::decode(&wat::parse_str(text).expect("text"), decode::DEFAULT).expect("valid");
        let image = Arc::new(Image::of(&info, crate::types::MemoryIndex(0)).expect("an image"));
        // A kernel older than 6.7 cannot tell who is quiet.
        let Some(_) = Scan::default().look(&Pages::zeroed(1).expect("memory"), 0..page_bytes(), Sought::Changed, 1)
        else {
            return;
        };
        for image in [None, Some(&image)] {
            let pool = MemoryPool::new(PoolLimits { slots: 1, resident_bytes: 1 << 20 });
            let take = || pool.take(2 * PAGE, image).expect("memory");
            let is_looked_at = || pool.idle()[0].quiet < QUIET_ROUNDS;
            let mut unseen = 0;
            for round in 0..20 * usize::from(QUIET_ROUNDS) {
                let is_writer = round % 37 == 36;
                let mut space = take();
                if is_writer {
                    assert!(is_clean(&mut space, image.map(|image| &**image)), "{round}");
                    space.grow(3 * PAGE).expect("memory");
                    bytes(&mut space).iter_mut().step_by(round * 10 + 1).for_each(|byte| *byte = 1);
                }
                drop(space);
                if is_writer {
                    unseen += usize::from(!is_looked_at());
                    assert!(is_clean(&mut take(), image.map(|image| &**image)), "{round}");
                }
            }
            assert!(unseen > 3, "{unseen}");
            // What guests only read stays where it is.
            drop(std::mem::take(&mut *pool.idle()));
            for _ in 0..3 * QUIET_ROUNDS {
                assert!(is_clean(&mut take(), image.map(|image| &**image)));
                assert!(is_looked_at());
            }
        }
    }

    #[test]
    fn a_pool_keeps_what_it_may() {
        let pool = MemoryPool::new(PoolLimits { slots: 2, resident_bytes: 1 << 20 });
        let image = image(10);
        let take = |image| pool.take(2 * PAGE, image).expect("memory");
        drop([take(None), take(Some(&image)), take(None)]);
        assert_eq!(pool.idle().len(), 2);
        // The one that fits is taken.
        let place = pool.idle().iter().find(|slot| slot.image.is_some()).map(|slot| slot.pages.start());
        assert_eq!(Some(take(Some(&image)).pages().start()), place);
        pool.forget(&image);
        assert_eq!(pool.idle().len(), 1);
        let mut spoilt = take(None);
        spoilt.slot.as_mut().expect(THERE).is_spoilt = true;
        drop(spoilt);
        assert_eq!(pool.idle().len(), 0);
        let none = MemoryPool::new(PoolLimits { slots: 0, resident_bytes: 0 });
        drop(none.take(PAGE, None).expect("memory"));
        assert_eq!(none.idle().len(), 0);
    }
}
