//! [`Pinned`]: a value that others know by its address.

#![allow(unsafe_code, reason = "lends what others use by address")]

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A value at an address that stays while it is owned, and that others use by that address.
pub(in crate::vm) struct Pinned<T>(NonNull<T>);

impl<T> Pinned<T> {
    pub(in crate::vm) fn new(value: T) -> Pinned<T> {
        Pinned(NonNull::from(Box::leak(Box::new(value))))
    }

    pub(in crate::vm) fn address(&self) -> NonNull<T> {
        self.0
    }
}

impl<T> Deref for Pinned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: from a box; whoever else has the address runs only while the store is lent out.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for Pinned<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `&mut self` excludes other references through the owner.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Pinned<T> {
    fn drop(&mut self) {
        // SAFETY: made from a box in `new`.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: it owns its value, as a box does.
unsafe impl<T: Send> Send for Pinned<T> {}
