//! The process-wide table of code ranges, which a signal handler reads without a lock.
//!
//! It is a skip list (W. Pugh, "Skip Lists: A Probabilistic Alternative to Balanced Trees", 1990): ranges sorted by address, each
//! with a link to the next range, a quarter of them with another to the next of that quarter, and so on. To add or remove code changes
//! a few links, however much code there is.
//!
//! Readers follow links. A writer, one at a time, changes links one after the other; a range that it removes keeps its own, so readers
//! who are there find their way. When no reader can be there any more it is freed. Waiting for that is sleepable RCU with two
//! counters: a reader counts itself in the current phase; the writer changes the phase and waits for the other counter to become 0,
//! twice, as a reader may have read the phase long before it counted itself.

#![allow(unsafe_code, reason = "lock-free reading in a signal handler")]

use super::code::PublishedCode;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

/// Enough for sixteen million ranges.
const LEVELS: usize = 12;

/// Where some code lies. Ranges do not overlap.
struct Range {
    start: usize,
    end: usize,
    code: *const PublishedCode,
    /// The next range on each of its levels, the lowest first.
    next: Box<[Link]>,
}

/// Null at the end of the list.
type Link = AtomicPtr<Range>;

/// The first range on each level.
static FIRST: [Link; LEVELS] = [const { Link::new(null_mut()) }; LEVELS];
static PHASE: AtomicUsize = AtomicUsize::new(0);
static READERS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
static WRITER: Mutex<()> = Mutex::new(());

/// Makes code known. It must stay where it is until it is removed.
pub(super) fn add(code: &PublishedCode) {
    let _writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    let before = links_to(code.start());
    let links = before[..levels(code.start())].iter();
    let next = links.clone().map(|link| Link::new(link.load(SeqCst))).collect();
    let range = Box::into_raw(Box::new(Range { start: code.start(), end: code.end(), code, next }));
    links.for_each(|link| link.store(range, SeqCst));
}

/// Forgets code; when this returns nobody reads it through the table any more.
pub(super) fn remove(code: &PublishedCode) {
    let _writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    let before = links_to(code.start());
    let removed = before[0].load(SeqCst);
    // SAFETY: null or a range in the list, which only a writer frees, and we are the only one.
    let Some(range) = unsafe { removed.as_ref() }.filter(|range| range.start == code.start()) else { return };
    for (link, next) in before.iter().zip(&range.next) {
        link.store(next.load(SeqCst), SeqCst);
    }
    wait_for_readers();
    // SAFETY: made by `Box::into_raw` in `add`; no link leads to it any more, and no reader is left that could have followed one.
    drop(unsafe { Box::from_raw(removed) });
}

/// Applies `read` to the piece of code that holds `pc`, and to the pc's offset in it. Async-signal-safe if `read` is.
pub(super) fn with_code<R>(pc: usize, read: impl FnOnce(&PublishedCode, u32) -> R) -> Option<R> {
    let readers = &READERS[PHASE.load(SeqCst) & 1];
    readers.fetch_add(1, SeqCst);
    let _done = CountedOut(readers);
    // SAFETY: this reader is counted in until `_done` is dropped, last of all.
    let range = unsafe { last_from(pc) }?;
    if pc >= range.end {
        return None;
    }
    // SAFETY: code is freed only after its range, and this reader is counted in.
    let code = unsafe { &*range.code }.piece_at(pc)?;
    Some(read(code, (pc - code.start()) as u32))
}

struct CountedOut(&'static AtomicUsize);

impl Drop for CountedOut {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
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
    let hash = (start as u64 >> 12).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (1 + hash.leading_zeros() as usize / 2).min(LEVELS)
}

fn wait_for_readers() {
    for _ in 0..2 {
        let phase = PHASE.fetch_add(1, SeqCst);
        while READERS[phase & 1].load(SeqCst) != 0 {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::vm::code::{Code, Contents, PublishedCode};
    use crate::vm::registry::{add, remove, with_code};
    use std::time::{Duration, Instant};

    /// Pieces of code that nobody reads, at addresses that no process has; each page holds at most one.
    fn pieces(count: usize, first: usize) -> Vec<PublishedCode> {
        // Not in the order of their addresses.
        let start = |place: usize| (1 << 60) + ((first + place * 7919 % count) << 12);
        // SAFETY: the bytes are never read.
        (0..count)
            .map(|place| unsafe { PublishedCode::new(start(place), 1000, start(place) + 4096, Contents::Builtins) })
            .collect()
    }

    #[test]
    fn each_piece_is_found_while_it_is_there() {
        let pieces = pieces(3000, 0);
        let found = |piece: &PublishedCode| {
            let at = |pc| with_code(pc, |code, _| code.start());
            assert_eq!((at(piece.start() - 1), at(piece.end())), (None, None));
            at(piece.start()).is_some_and(|start| Some(start) == at(piece.end() - 1) && start == piece.start())
        };
        pieces.iter().for_each(add);
        assert!(pieces.iter().all(found));
        let (odd, even): (Vec<_>, Vec<_>) = pieces.iter().partition(|piece| piece.start() >> 12 & 1 == 1);
        odd.iter().for_each(|piece| remove(piece));
        // What is not there is not removed.
        odd.iter().for_each(|piece| remove(piece));
        assert!(even.iter().all(|piece| found(piece)) && !odd.iter().any(|piece| found(piece)));
        odd.iter().for_each(|piece| add(piece));
        assert!(pieces.iter().all(found));
        pieces.iter().for_each(remove);
        assert!(!pieces.iter().any(found));
    }

    /// With four times as much code to add a piece takes as long.
    #[test]
    fn adding_costs_the_same_however_much_there_is() {
        let time = |count| {
            let pieces = pieces(count, 1 << 20);
            let start = Instant::now();
            pieces.iter().for_each(add);
            let time = start.elapsed();
            pieces.iter().for_each(remove);
            time
        };
        let ratio = |_| {
            let [few, many] = [10_000, 40_000].map(time);
            println!("{few:?} {many:?}");
            many.as_secs_f64() / few.max(Duration::from_micros(500)).as_secs_f64()
        };
        assert!((0..4).map(ratio).any(|ratio| ratio < 9.0), "adding copies what is there");
    }

    #[test]
    fn code_is_found_by_any_of_its_bytes_until_dropped() {
        let pieces: Vec<Code> =
            (1..20).map(|len| Code::publish(&vec![0xcc; len * 1000], Contents::Builtins).expect("memory")).collect();
        for piece in &pieces {
            let start = piece.address(0).0;
            let last = start + piece.bytes().len() - 1;
            assert_eq!(with_code(start, |code, offset| (code.start(), offset)), Some((start, 0)));
            assert_eq!(with_code(last, |code, _| code.start()), Some(start));
            assert_eq!(with_code(last + 1, |_, _| ()), None);
        }
        let first = pieces[0].address(0).0;
        drop(pieces);
        // Another test may have mapped code of its own there; it is not one of these bytes' owners.
        assert_ne!(with_code(first, |code, _| code.bytes() == [0xcc; 1000]), Some(true));
    }

    #[test]
    fn readers_and_writers_do_not_meet() {
        let stable = Code::publish(&[0x90; 64], Contents::Builtins).expect("memory");
        let pc = stable.address(0).0 + 5;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        drop(Code::publish(&[0xcc; 100], Contents::Builtins).expect("memory"));
                    }
                });
                scope.spawn(|| {
                    for _ in 0..200_000 {
                        assert_eq!(with_code(pc, |code, offset| (code.bytes()[0], offset)), Some((0x90, 5)));
                    }
                });
            }
        });
    }
}
