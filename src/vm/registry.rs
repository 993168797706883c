//! The process-wide table of code ranges, which a signal handler reads without a lock.
//!
//! Readers look at an immutable sorted snapshot. A writer swaps in a new one, waits until no reader can still hold the old,
//! and frees it. Waiting is sleepable RCU with two counters: a reader counts itself in the current phase; the writer changes the
//! phase and waits for the other counter to become 0, twice, as a reader may have read the phase long before it
//! counted itself.

#![allow(unsafe_code, reason = "lock-free reading in a signal handler")]

use super::code::PublishedCode;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

/// Sorted by address; ranges do not overlap.
type Snapshot = Vec<Range>;

#[derive(Clone, Copy)]
struct Range {
    start: usize,
    end: usize,
    code: *const PublishedCode,
}

static SNAPSHOT: AtomicPtr<Snapshot> = AtomicPtr::new(null_mut());
static PHASE: AtomicUsize = AtomicUsize::new(0);
static READERS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
static WRITER: Mutex<()> = Mutex::new(());

/// Makes code known. It must stay where it is until it is removed.
pub(super) fn add(code: &PublishedCode) {
    update(|ranges| {
        let place = ranges.partition_point(|range| range.start < code.start());
        ranges.insert(place, Range { start: code.start(), end: code.end(), code });
    });
}

/// Forgets code; when this returns nobody reads it through the table any more.
pub(super) fn remove(code: &PublishedCode) {
    update(|ranges| ranges.retain(|range| range.start != code.start()));
}

/// Applies `read` to the piece of code that holds `pc`, and to the pc's offset in it. Async-signal-safe if `read` is.
pub(super) fn with_code<R>(pc: usize, read: impl FnOnce(&PublishedCode, u32) -> R) -> Option<R> {
    let readers = &READERS[PHASE.load(SeqCst) & 1];
    readers.fetch_add(1, SeqCst);
    let _done = CountedOut(readers);
    let snapshot = SNAPSHOT.load(SeqCst);
    // SAFETY: null or a snapshot that its writer frees only when all readers counted in before are out.
    let ranges = unsafe { snapshot.as_ref() }?;
    let range = ranges[..ranges.partition_point(|range| range.start <= pc)].last()?;
    if pc >= range.end {
        return None;
    }
    // SAFETY: code in a snapshot is freed only after the snapshot, and this reader is counted in.
    let code = unsafe { &*range.code }.piece_at(pc)?;
    Some(read(code, (pc - code.start()) as u32))
}

struct CountedOut(&'static AtomicUsize);

impl Drop for CountedOut {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn update(change: impl FnOnce(&mut Snapshot)) {
    let _writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    let old = SNAPSHOT.load(SeqCst);
    // SAFETY: null or the current snapshot, which only a writer frees, and we are the only one.
    let mut ranges = unsafe { old.as_ref() }.cloned().unwrap_or_default();
    change(&mut ranges);
    SNAPSHOT.store(Box::into_raw(Box::new(ranges)), SeqCst);
    wait_for_readers();
    if !old.is_null() {
        // SAFETY: made by `Box::into_raw` above, replaced, and no reader is left that could have seen it.
        drop(unsafe { Box::from_raw(old) });
    }
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
    use crate::vm::code::{Code, Contents};
    use crate::vm::registry::with_code;

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
