//! A table that only grows, read without a lock, by signal handlers too, while it does.

#![allow(unsafe_code, reason = "lock-free reading in a signal handler")]

use crate::sys::linux::shortage::{Purpose, explain};
use std::io;
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Items that stay where and as they are.
pub(in crate::vm) struct Growing<T> {
    /// The first `len` are there; they are this table's own.
    items: Box<[AtomicPtr<T>]>,
    len: AtomicUsize,
    /// What it owns: only with such items it may be shared.
    _items: PhantomData<T>,
}

impl<T> Growing<T> {
    /// With room for so many. Fails when the system has no memory.
    pub(in crate::vm) fn with_capacity(count: usize) -> io::Result<Growing<T>> {
        let mut items = Vec::new();
        items.try_reserve_exact(count).map_err(explain(Purpose::Code, count * size_of::<AtomicPtr<T>>()))?;
        items.resize_with(count, || AtomicPtr::new(null_mut()));
        Ok(Growing { items: items.into(), len: AtomicUsize::new(0), _items: PhantomData })
    }

    /// Adds an item behind all others. Who calls it sees to it that nobody else does at the same time; panics if there is no room.
    pub(in crate::vm) fn push(&self, item: T) {
        let len = self.len.load(Ordering::Relaxed);
        let item = Box::into_raw(Box::new(item));
        let empty = self.items[len].compare_exchange(null_mut(), item, Ordering::Relaxed, Ordering::Relaxed);
        assert!(empty.is_ok(), "one at a time");
        // Whoever reads this length sees all of the item.
        self.len.store(len + 1, Ordering::Release);
    }

    /// In the order in which they came.
    pub(in crate::vm) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len.load(Ordering::Acquire)).map(|place| self.get(place))
    }

    /// The last item for which `before` holds, which is true of all up to some place. Async-signal-safe if `before` is.
    pub(in crate::vm) fn last_where(&self, before: impl Fn(&T) -> bool) -> Option<&T> {
        let (mut from, mut to) = (0, self.len.load(Ordering::Acquire));
        while from < to {
            let middle = from.midpoint(to);
            if before(self.get(middle)) { from = middle + 1 } else { to = middle }
        }
        Some(self.get(from.checked_sub(1)?))
    }

    /// One below a length that was read.
    fn get(&self, place: usize) -> &T {
        // SAFETY: made by `Box::into_raw` before the length was written (`Release`) that was read (`Acquire`), and freed with `self`.
        unsafe { &*self.items[place].load(Ordering::Relaxed) }
    }
}

impl<T> Drop for Growing<T> {
    fn drop(&mut self) {
        for item in self.items.iter_mut().map(AtomicPtr::get_mut).filter(|item| !item.is_null()) {
            // SAFETY: made by `Box::into_raw` in `push`, and nobody reads the table any more.
            drop(unsafe { Box::from_raw(*item) });
        }
    }
}
