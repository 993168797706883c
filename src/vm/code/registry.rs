//! The process-wide table of code ranges, which a signal handler reads without a lock.
//!
//! It is a skip list (W. Pugh, "Skip Lists: A Probabilistic Alternative to Balanced Trees", 1990): ranges sorted by address, each
//! with a link to the next range, a quarter of them with another to the next of that quarter, and so on. To add or remove code changes
//! a few links, however much code there is.
//!
//! Readers follow links. A writer, one at a time, changes links one after the other: a range is linked from its lowest level up and
//! unlinked from its highest level down, so after each step the list is whole. A range that is unlinked keeps its own links, and
//! readers who are there find their way. It is freed when no reader can be there any more. Waiting for that is sleepable RCU with
//! two counters: a reader counts itself in the current phase; the writer changes the phase and waits for the other counter to become
//! 0, twice, as a reader may have read the phase long before it counted itself.
//!
//! The child of a fork inherits the list, but not the threads that were reading or changing it. So it begins without readers and with
//! the lock free; a range that was being changed stays as it is, and its code is never freed.

#![allow(unsafe_code, reason = "lock-free reading in a signal handler")]

use crate::sys::linux::after_fork;
use crate::vm::code::published::PublishedCode;
use std::cell::UnsafeCell;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Enough for sixteen million ranges.
const LEVELS: usize = 12;

/// Where some code lies. Ranges do not overlap. What most searches read of one is in one cache line.
#[repr(align(64))]
struct Range {
    start: usize,
    end: usize,
    code: *const PublishedCode,
    /// The next range on each level, the lowest first; null on levels above its own.
    next: [Link; LEVELS],
}

/// Null at the end of the list.
type Link = AtomicPtr<Range>;

#[allow(clippy::declare_interior_mutable_const, reason = "each use makes links of its own")]
const NO_LINKS: [Link; LEVELS] = [const { Link::new(null_mut()) }; LEVELS];

/// The first range on each level.
static FIRST: [Link; LEVELS] = NO_LINKS;
static PHASE: AtomicUsize = AtomicUsize::new(0);
static READERS: [Readers; 2] = [const { Readers(AtomicU64::new(0)) }; 2];
static WRITER: WriterLock = WriterLock(UnsafeCell::new(Mutex::new(ForkHandler::Missing)));

/// Makes code known. It must stay where it is until it is removed. Fails when the system has no memory.
pub(in crate::vm) fn add(code: &PublishedCode) -> io::Result<()> {
    let mut handler = WRITER.lock();
    handler.install()?;
    let before = links_to(code.start());
    let links = &before[..levels(code.start())];
    let next = NO_LINKS;
    links.iter().zip(&next).for_each(|(link, next)| next.store(link.load(SeqCst), SeqCst));
    let range = Box::into_raw(Box::new(Range { start: code.start(), end: code.end(), code, next }));
    links.iter().for_each(|link| link.store(range, SeqCst));
    Ok(())
}

/// Forgets code, if it is known; when this returns nobody reads it through the table any more.
pub(in crate::vm) fn remove(code: &PublishedCode) {
    let _writer = WRITER.lock();
    let before = links_to(code.start());
    let removed = before[0].load(SeqCst);
    // SAFETY: null or a range in the list, which only a writer frees, and we are the only one.
    let Some(range) = unsafe { removed.as_ref() }.filter(|range| range.start == code.start()) else { return };
    let links = before.iter().zip(&range.next).rev();
    for (link, next) in links.filter(|(link, _)| link.load(SeqCst) == removed) {
        link.store(next.load(SeqCst), SeqCst);
    }
    wait_for_readers();
    // SAFETY: made by `Box::into_raw` in `add`; no link leads to it any more, and no reader is left that could have followed one.
    drop(unsafe { Box::from_raw(removed) });
}

/// Applies `read` to the piece of code that holds `pc`, and to the pc's offset in it. Async-signal-safe if `read` is.
pub(in crate::vm) fn with_code<R>(pc: usize, read: impl FnOnce(&PublishedCode, u32) -> R) -> Option<R> {
    let _reader = READERS[PHASE.load(SeqCst) & 1].count_in();
    // SAFETY: this reader is counted in until `_reader` is dropped, last of all.
    let range = unsafe { last_from(pc) }?;
    if pc >= range.end {
        return None;
    }
    // SAFETY: code is freed only after its range, and this reader is counted in.
    let code = unsafe { &*range.code }.piece_at(pc)?;
    Some(read(code, (pc - code.start()) as u32))
}

/// The number of readers in the lower half; in the upper half the number of forks between the first process and this one.
struct Readers(AtomicU64);

impl Readers {
    fn count_in(&self) -> Reader<'_> {
        Reader { readers: self, forks: self.0.fetch_add(1, SeqCst) >> 32 }
    }

    fn is_empty(&self) -> bool {
        self.0.load(SeqCst) as u32 == 0
    }

    /// Called by the only thread of a child.
    fn forget_all(&self) {
        let forks = self.0.load(SeqCst) >> 32;
        self.0.store((forks + 1) << 32, SeqCst);
    }
}

/// A reader that is counted until it is dropped.
struct Reader<'a> {
    readers: &'a Readers,
    forks: u64,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // It is not counted where a signal handler that interrupted it has forked: in the child.
        let without = |count: u64| (count >> 32 == self.forks).then(|| count - 1);
        let _ = self.readers.0.fetch_update(SeqCst, SeqCst, without);
    }
}

/// The lock that a writer holds.
struct WriterLock(UnsafeCell<Mutex<ForkHandler>>);

// SAFETY: a mutex, which is `Sync`; it is replaced only by `start_afresh`, when there is one thread.
unsafe impl Sync for WriterLock {}

impl WriterLock {
    fn lock(&self) -> MutexGuard<'_, ForkHandler> {
        // SAFETY: as above: while threads use it, it is not replaced.
        let mutex = unsafe { &*self.0.get() };
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the children of forks run [`start_afresh`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum ForkHandler {
    Missing,
    Installed,
}

impl ForkHandler {
    fn install(&mut self) -> io::Result<()> {
        if *self == ForkHandler::Missing {
            after_fork::run_in_children(start_afresh)?;
            *self = ForkHandler::Installed;
        }
        Ok(())
    }
}

/// Forgets the threads of the parent. Async-signal-safe: a signal handler may have forked.
extern "C" fn start_afresh() {
    READERS.iter().for_each(Readers::forget_all);
    // SAFETY: this is the child's only thread. It holds the lock itself if a signal handler has interrupted it and forked; then it
    // unlocks the new one, which changes nothing.
    unsafe { *WRITER.0.get() = Mutex::new(ForkHandler::Installed) };
}

/// The last range that starts at `pc` or before.
///
/// # Safety
/// For `'r` the caller is a reader that is counted in, or the writer and frees none.
unsafe fn last_from<'r>(pc: usize) -> Option<&'r Range> {
    let (mut links, mut last) = (&FIRST[..], None);
    for level in (0..LEVELS).rev() {
        // SAFETY: null or a range in the list, or one that was removed when readers were counted in: its writer waits for them.
        while let Some(range) = unsafe { links[level].load(SeqCst).as_ref() }
            && range.start <= pc
        {
            // It has a link on this level, and so on all below.
            (links, last) = (&range.next[..], Some(range));
        }
    }
    last
}

/// By level the link that leads past all ranges before an address. For the writer only.
fn links_to(start: usize) -> [&'static Link; LEVELS] {
    let mut links = FIRST.each_ref();
    let mut last = &FIRST[..];
    for level in (0..LEVELS).rev() {
        // SAFETY: null or a range in the list, which only the writer frees.
        while let Some(range) = unsafe { last[level].load(SeqCst).as_ref() }
            && range.start < start
        {
            last = &range.next;
        }
        links[level] = &last[level];
    }
    links
}

/// How many levels a range has: one, for a quarter two, and so on, whatever the pattern of the addresses.
fn levels(start: usize) -> usize {
    let mix = |bits: u64| {
        let product = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ product >> 32
    };
    let hash = mix(mix(start as u64 >> 12));
    (1 + hash.leading_zeros() as usize / 2).min(LEVELS)
}

fn wait_for_readers() {
    for _ in 0..2 {
        let phase = PHASE.fetch_add(1, SeqCst);
        while !READERS[phase & 1].is_empty() {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests;
