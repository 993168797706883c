//! [`ContextBox`]: the memory of an instance's context.

#![allow(unsafe_code, reason = "owns what compiled code reads and writes by address")]

use crate::abi::layout;
use crate::sys::linux::shortage::Purpose;
use crate::vm::owned::bounds::Refused;
use crate::vm::visible::context::Context;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// An instance's context: zeroed, 16-aligned, at a fixed address.
pub(in crate::vm) struct ContextBox {
    context: NonNull<Context>,
    layout: Layout,
}

impl ContextBox {
    pub(in crate::vm) fn zeroed(bytes: usize) -> Result<ContextBox, Refused> {
        let bytes = bytes.max(layout::CONTEXT_MODULE as usize);
        let exhausted = Refused::exhausted(Purpose::Instance, bytes);
        let layout = Layout::from_size_align(bytes, 16).map_err(|_| exhausted)?;
        // SAFETY: the size is not 0.
        let context = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(exhausted)?;
        Ok(ContextBox { context: context.cast(), layout })
    }

    pub(in crate::vm) fn address(&self) -> NonNull<Context> {
        self.context
    }

    /// The place at an offset, which must be in the context with all of a `T`, and aligned.
    pub(in crate::vm) fn place<T>(&self, offset: i32) -> NonNull<T> {
        let start = usize::try_from(offset).expect("offsets are not negative");
        assert!(start + size_of::<T>() <= self.layout.size() && start.is_multiple_of(align_of::<T>()));
        // SAFETY: within the allocation, as asserted.
        unsafe { self.context.cast::<u8>().add(start) }.cast()
    }

    /// The places from an offset on; the same conditions.
    pub(in crate::vm) fn places<T>(&self, offset: usize, count: usize) -> NonNull<[T]> {
        assert!(offset <= self.layout.size() && offset.is_multiple_of(align_of::<T>()));
        assert!(count <= (self.layout.size() - offset) / size_of::<T>());
        // SAFETY: within the allocation, as asserted.
        NonNull::slice_from_raw_parts(unsafe { self.context.cast::<u8>().add(offset) }.cast(), count)
    }

    /// Writes to the place at an offset; the same conditions.
    pub(in crate::vm) fn write<T: Copy>(&mut self, offset: i32, value: T) {
        // SAFETY: `place` has checked bounds and alignment; nobody holds a reference into a context.
        unsafe { self.place::<T>(offset).write(value) };
    }
}

impl Drop for ContextBox {
    fn drop(&mut self) {
        // SAFETY: allocated by `zeroed` with this layout; contexts go with their store, when no code runs.
        unsafe { dealloc(self.context.as_ptr().cast(), self.layout) };
    }
}
