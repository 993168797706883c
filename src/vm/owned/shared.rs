//! Shared memories: those that several stores, on several threads, have at once. They never move.

#![allow(unsafe_code, reason = "reads and writes mappings that other threads use")]

use crate::abi::{GUARDED_MEMORY_BYTES, TrapCode};
use crate::sys::linux::address_space;
use crate::sys::linux::pages::{Access, Pages, round_to_pages};
use crate::sys::linux::shortage::Purpose;
use crate::sys::x64::racing;
use crate::types::MemoryType;
use crate::vm::owned::bounds::{Bounds, Refused, limit_pages};
use crate::vm::owned::waiters::{Waited, Waiters};
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A shared memory. All that it may grow to is reserved, so where address space is limited it cannot grow as far.
pub(crate) struct SharedMemory {
    definition: SharedDefinition,
    /// Locked while it grows.
    pages: Mutex<Pages>,
    reserved: Range<usize>,
    bounds: Bounds,
    ty: MemoryType,
    limit_pages: u64,
    waiters: Waiters,
}

/// A memory's definition whose length grows under the eyes of compiled code.
#[repr(C)]
pub(in crate::vm) struct SharedDefinition {
    pub(in crate::vm) base: *mut u8,
    pub(in crate::vm) len: AtomicU64,
}

// SAFETY: the base never changes and the length is atomic; bytes are accessed by atomics and by instructions only.
unsafe impl Send for SharedDefinition {}
// SAFETY: as above.
unsafe impl Sync for SharedDefinition {}

impl SharedMemory {
    /// A zeroed memory that never grows beyond `limit` bytes.
    pub(crate) fn new(bounds: Bounds, ty: &MemoryType, limit: u64) -> Result<SharedMemory, Refused> {
        let (bounds, limit_pages) = (bounds.of(ty), limit_pages(ty, limit)?);
        let (purpose, reserved) = match bounds {
            Bounds::Guarded => (Purpose::GuardedMemory, GUARDED_MEMORY_BYTES),
            // A memory of no pages has an address, too.
            Bounds::Checked => {
                (Purpose::SharedMemory, affordable(ty.bytes_of(ty.minimum), ty.bytes_of(limit_pages)).max(1))
            }
        };
        let pages = Pages::reserve(reserved).map_err(|_| Refused::exhausted(purpose, reserved))?;
        let start = pages.start().as_ptr();
        let memory = SharedMemory {
            definition: SharedDefinition { base: start, len: AtomicU64::new(0) },
            reserved: start as usize..start as usize + pages.len(),
            pages: Mutex::new(pages),
            bounds,
            ty: *ty,
            limit_pages,
            waiters: Waiters::default(),
        };
        memory.grow(ty.minimum)?;
        Ok(memory)
    }

    /// In bytes.
    pub(crate) fn len(&self) -> u64 {
        self.definition.len.load(SeqCst)
    }

    /// The size in pages.
    pub(crate) fn pages(&self) -> u64 {
        self.len() >> self.ty.page_size_log2()
    }

    /// The type as declared.
    pub(crate) fn ty(&self) -> &MemoryType {
        &self.ty
    }

    /// Grows by `pages`; returns the old size in pages.
    pub(crate) fn grow(&self, pages: u64) -> Result<u64, Refused> {
        let mut mapping = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let old_pages = self.pages();
        let new_pages =
            old_pages.checked_add(pages).filter(|&pages| pages <= self.limit_pages).ok_or(Refused::Limit)?;
        let [old_end, new_end] = [old_pages, new_pages]
            .map(|pages| round_to_pages(self.ty.bytes_of(pages) as usize).expect("limits are far below 2^64"));
        let new_len = self.ty.bytes_of(new_pages);
        if new_end > mapping.len() {
            return Err(Refused::exhausted(Purpose::SharedMemory, new_end));
        }
        let grown = mapping.protect(old_end, new_end - old_end, Access::ReadWrite);
        grown.map_err(|_| Refused::exhausted(Purpose::Memory, new_len as usize))?;
        // **Escape:** only what is accessible is within the length.
        self.definition.len.store(new_len, SeqCst);
        Ok(old_pages)
    }

    /// The contents. They grow, but what is here stays.
    pub(crate) fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: readable and writable from base for len bytes as long as `self` lives, and nobody has other references
        // than to atomics.
        unsafe { std::slice::from_raw_parts(self.definition.base.cast::<AtomicU8>(), self.len() as usize) }
    }

    /// Where the memory is, for ever.
    pub(in crate::vm) fn base(&self) -> *mut u8 {
        self.definition.base
    }

    /// Addresses at which a fault is an access out of bounds.
    pub(in crate::vm) fn reservation(&self) -> Option<Range<usize>> {
        (self.bounds == Bounds::Guarded).then(|| self.reserved.clone())
    }

    /// What contexts point to. Compiled code only reads it.
    pub(in crate::vm) fn definition(&self) -> *const SharedDefinition {
        &raw const self.definition
    }

    /// Waits at an address until another thread [notifies](SharedMemory::notify), if the number there is `expected`.
    pub(crate) fn wait32(&self, address: u64, expected: u32, timeout: Option<Duration>) -> Result<Waited, TrapCode> {
        let place = self.place(address, 4)?.cast::<u32>();
        // SAFETY: within the memory and aligned; all threads access it atomically.
        let value = unsafe { AtomicU32::from_ptr(place) };
        Ok(self.waiters.wait(address, timeout, || value.load(SeqCst) == expected))
    }

    /// The same for 64 bits.
    pub(crate) fn wait64(&self, address: u64, expected: u64, timeout: Option<Duration>) -> Result<Waited, TrapCode> {
        let place = self.place(address, 8)?.cast::<u64>();
        // SAFETY: within the memory and aligned; all threads access it atomically.
        let value = unsafe { AtomicU64::from_ptr(place) };
        Ok(self.waiters.wait(address, timeout, || value.load(SeqCst) == expected))
    }

    /// Wakes as many as `count` threads that wait at an address; says how many.
    pub(crate) fn notify(&self, address: u64, count: u32) -> Result<u32, TrapCode> {
        self.place(address, 4)?;
        Ok(self.waiters.notify(address, count))
    }

    fn place(&self, address: u64, bytes: u64) -> Result<*mut u8, TrapCode> {
        check_atomic(address, bytes, self.len())?;
        Ok(self.definition.base.wrapping_add(address as usize))
    }

    /// Copies to a range, which must be within the memory.
    pub(in crate::vm) fn write(&self, range: Range<usize>, bytes: &[u8]) {
        assert!(range.len() == bytes.len() && range.end as u64 <= self.len());
        // SAFETY: within the memory, as asserted; its bytes are nobody's but by atomics.
        unsafe { racing::copy(self.definition.base.add(range.start), bytes.as_ptr(), bytes.len()) };
    }

    /// Sets a range, which must be within the memory.
    pub(in crate::vm) fn fill(&self, range: Range<usize>, value: u8) {
        assert!(range.start <= range.end && range.end as u64 <= self.len());
        // SAFETY: as above.
        unsafe { racing::fill(self.definition.base.add(range.start), value, range.len()) };
    }
}

/// Bytes to reserve for a memory that starts with `minimum` bytes and may grow to `maximum`: where address space is limited, at most half of
/// what the process may still map, unless the minimum is more.
fn affordable(minimum: u64, maximum: u64) -> usize {
    let half = address_space::room().map_or(u64::MAX, |room| room / 2);
    maximum.min(half.max(minimum)) as usize
}

/// An atomic access of so many bytes must be aligned and within the length.
pub(in crate::vm) fn check_atomic(address: u64, bytes: u64, len: u64) -> Result<(), TrapCode> {
    if !address.is_multiple_of(bytes) {
        return Err(TrapCode::UnalignedAtomic);
    }
    let inside = address.checked_add(bytes).is_some_and(|end| end <= len);
    if inside { Ok(()) } else { Err(TrapCode::MemoryOutOfBounds) }
}
