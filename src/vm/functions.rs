//! The functions of a module that were compiled so far, by address: a table that only grows, read by signal handlers while it
//! does.

#![allow(unsafe_code, reason = "lock-free reading in a signal handler")]

use super::code::PublishedCode;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Pieces of code with rising addresses.
pub(crate) struct Functions {
    /// The first `len` are there, and stay as they are; they are this table's own.
    pieces: Box<[AtomicPtr<PublishedCode>]>,
    len: AtomicUsize,
}

impl Functions {
    /// With room for so many. Fails when the system has no memory.
    pub(super) fn with_capacity(count: usize) -> io::Result<Functions> {
        let mut pieces = Vec::new();
        pieces.try_reserve_exact(count)?;
        pieces.resize_with(count, || AtomicPtr::new(null_mut()));
        Ok(Functions { pieces: pieces.into(), len: AtomicUsize::new(0) })
    }

    /// Adds a piece, behind all others. One thread at a time may do that.
    pub(super) fn push(&self, piece: PublishedCode) {
        let len = self.len.load(Ordering::Relaxed);
        debug_assert!(len == 0 || self.get(len - 1).end() <= piece.start());
        self.pieces[len].store(Box::into_raw(Box::new(piece)), Ordering::Relaxed);
        // Whoever reads this length sees all of the piece.
        self.len.store(len + 1, Ordering::Release);
    }

    /// In the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PublishedCode> {
        (0..self.len.load(Ordering::Acquire)).map(|place| self.get(place))
    }

    /// The piece that holds an address. Async-signal-safe.
    pub(super) fn at(&self, pc: usize) -> Option<&PublishedCode> {
        let (mut from, mut to) = (0, self.len.load(Ordering::Acquire));
        while from < to {
            let middle = from.midpoint(to);
            if self.get(middle).start() <= pc { from = middle + 1 } else { to = middle }
        }
        let piece = self.get(from.checked_sub(1)?);
        (pc < piece.end()).then_some(piece)
    }

    /// One of those that are there.
    fn get(&self, place: usize) -> &PublishedCode {
        // SAFETY: below a length that was read with `Acquire`, or by who writes it: made by `Box::into_raw`, freed with `self`.
        unsafe { &*self.pieces[place].load(Ordering::Relaxed) }
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        for piece in &mut self.pieces[..*self.len.get_mut()] {
            // SAFETY: made by `Box::into_raw` in `push`, and nobody reads the table any more.
            drop(unsafe { Box::from_raw(*piece.get_mut()) });
        }
    }
}
