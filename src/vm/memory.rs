//! Linear memories: guarded ones, whose whole address range is reserved, and checked ones, which may move.

#![allow(unsafe_code, reason = "gives out the bytes of mappings, writes definitions that compiled code reads")]

use super::context::{Context, MemoryDefinition};
use crate::abi::{GUARDED_MEMORY_BYTES, WASM_PAGE_BYTES};
use crate::sys::pages::{Access, Pages};
use crate::types::MemoryType;
use std::ops::Range;
use std::ptr::NonNull;

/// How a memory is bounded: in one engine all that [can be guarded](MemoryType::can_be_guarded) in the same way, the others
/// always by checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bounds {
    /// `GUARDED_MEMORY_BYTES` of address space; an access beyond the end faults.
    Guarded,
    /// Compiled code compares with the length; the memory may move when it grows.
    Checked,
}

/// Why a memory, a table or an instance could not be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// The minimum is above the limit.
    Limit,
    /// The system has no memory.
    Exhausted,
}

/// A linear memory.
pub(crate) struct LinearMemory {
    /// What importers point to; the truth about base and length.
    definition: MemoryDefinition,
    /// The definition in the context of the instance that owns this memory.
    mirror: Option<NonNull<MemoryDefinition>>,
    /// Contexts whose memory 0 this is.
    heaps: Vec<NonNull<Context>>,
    pages: Pages,
    bounds: Bounds,
    ty: MemoryType,
    limit_pages: u64,
}

// SAFETY: the pointers lead to contexts of the same store, which moves between threads as a whole.
unsafe impl Send for LinearMemory {}

/// **Escape:** checks of 64-bit indexes rely on a length that is far below 2^64. No system maps as much.
const MAX_BYTES: u64 = 1 << 56;

impl LinearMemory {
    /// A zeroed memory that never grows beyond `limit` bytes.
    pub(crate) fn new(bounds: Bounds, ty: &MemoryType, limit: u64) -> Result<LinearMemory, Refused> {
        let most = ty.most_pages();
        let limit_pages = (limit.min(MAX_BYTES) / ty.page_size()).min(ty.maximum.unwrap_or(most)).min(most);
        if ty.minimum > limit_pages {
            return Err(Refused::Limit);
        }
        let bounds = if ty.can_be_guarded() { bounds } else { Bounds::Checked };
        let pages = match bounds {
            Bounds::Guarded => Pages::reserve(GUARDED_MEMORY_BYTES),
            Bounds::Checked => Pages::zeroed(WASM_PAGE_BYTES),
        };
        let pages = pages.map_err(|_| Refused::Exhausted)?;
        let definition = MemoryDefinition { base: pages.start().as_ptr(), len: 0 };
        let mut memory =
            LinearMemory { definition, mirror: None, heaps: Vec::new(), pages, bounds, ty: *ty, limit_pages };
        memory.grow(ty.minimum).ok_or(Refused::Exhausted)?;
        Ok(memory)
    }

    /// The size in pages.
    pub(crate) fn pages(&self) -> u64 {
        self.definition.len >> self.ty.page_size_log2()
    }

    /// The type as declared.
    pub(crate) fn ty(&self) -> &MemoryType {
        &self.ty
    }

    /// Grows by `pages`; returns the old size in pages, or nothing if limits or the system forbid it.
    pub(crate) fn grow(&mut self, pages: u64) -> Option<u64> {
        let old_pages = self.pages();
        let new_pages = old_pages.checked_add(pages).filter(|&pages| pages <= self.limit_pages)?;
        if pages > 0 {
            let bytes_of = |pages: u64| (pages << self.ty.page_size_log2()) as usize;
            let (old_len, new_len) = (bytes_of(old_pages), bytes_of(new_pages));
            match self.bounds {
                Bounds::Guarded => self.pages.protect(old_len, new_len - old_len, Access::ReadWrite).ok()?,
                Bounds::Checked => self.pages.resize(new_len).ok()?,
            }
            self.definition = MemoryDefinition { base: self.pages.start().as_ptr(), len: new_len as u64 };
            self.tell_compiled_code();
        }
        Some(old_pages)
    }

    /// The contents.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: readable from base for len bytes; wasm code, which writes them too, does not run while a reference
        // borrowed from its store is alive.
        unsafe { std::slice::from_raw_parts(self.definition.base, self.definition.len as usize) }
    }

    /// The contents.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`, and writable; `&mut self` makes the reference unique.
        unsafe { std::slice::from_raw_parts_mut(self.definition.base, self.definition.len as usize) }
    }

    /// Where the memory is (for the embedder's raw access); changes when a checked memory grows.
    pub(crate) fn base(&self) -> *mut u8 {
        self.definition.base
    }

    /// In bytes.
    pub(super) fn len(&self) -> u64 {
        self.definition.len
    }

    /// Addresses at which a fault is an access out of bounds.
    pub(super) fn reservation(&self) -> Option<Range<usize>> {
        let start = self.pages.start().as_ptr() as usize;
        (self.bounds == Bounds::Guarded).then(|| start..start + self.pages.len())
    }

    /// What importers' contexts point to. The memory must be pinned by then.
    pub(super) fn definition(&mut self) -> *mut MemoryDefinition {
        &raw mut self.definition
    }

    /// Keeps the definition in its owner's context up to date from now on.
    ///
    /// # Safety
    /// The place must be writable as long as this memory lives.
    pub(super) unsafe fn set_mirror(&mut self, mirror: NonNull<MemoryDefinition>) {
        self.mirror = Some(mirror);
        self.tell_compiled_code();
    }

    /// Keeps a context's address of memory 0 up to date from now on.
    ///
    /// # Safety
    /// The context must live as long as this memory.
    pub(super) unsafe fn add_heap(&mut self, context: NonNull<Context>) {
        self.heaps.push(context);
        self.tell_compiled_code();
    }

    fn tell_compiled_code(&mut self) {
        if let Some(mirror) = self.mirror {
            // SAFETY: `set_mirror` was promised that the place stays writable.
            unsafe { mirror.write(MemoryDefinition { ..self.definition }) };
        }
        for context in &self.heaps {
            // SAFETY: `add_heap` was promised that the context lives.
            unsafe { (*context.as_ptr()).heap = self.definition.base };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Bounds; 2] = [Bounds::Guarded, Bounds::Checked];

    #[test]
    fn growth_keeps_contents_and_obeys_limits() {
        for bounds in BOTH {
            let mut memory = LinearMemory::new(bounds, &MemoryType::new(1, Some(10)), u64::MAX).expect("memory");
            memory.bytes_mut()[65535] = 9;
            assert_eq!(memory.grow(2), Some(1));
            assert_eq!((memory.pages(), memory.bytes()[65535], memory.bytes()[65536]), (3, 9, 0));
            assert_eq!(memory.grow(8), None);
            assert_eq!(memory.grow(u64::MAX), None);
            assert_eq!(memory.grow(7), Some(3));
            assert_eq!((memory.grow(0), memory.grow(1)), (Some(10), None));
            memory.bytes_mut()[655_359] = 1;
        }
    }

    #[test]
    fn the_whole_index_range_can_be_used() {
        for bounds in BOTH {
            let mut memory = LinearMemory::new(bounds, &MemoryType::new(0, None), u64::MAX).expect("memory");
            assert_eq!(memory.bytes(), []);
            assert_eq!(memory.grow(65536), Some(0));
            *memory.bytes_mut().last_mut().expect("4 GiB") = 1;
            assert_eq!(memory.grow(1), None);
        }
    }

    #[test]
    fn limits_bind_at_creation() {
        for bounds in BOTH {
            assert_eq!(LinearMemory::new(bounds, &MemoryType::new(3, None), 2 << 16).err(), Some(Refused::Limit));
            assert_eq!(LinearMemory::new(bounds, &MemoryType::new(65537, None), u64::MAX).err(), Some(Refused::Limit));
        }
    }

    #[test]
    fn pages_of_one_byte_are_counted_one_by_one() {
        let mut ty = MemoryType::new(0, Some(70_000));
        ty.page_size_log2 = 0;
        for bounds in BOTH {
            let mut memory = LinearMemory::new(bounds, &ty, u64::MAX).expect("memory");
            assert_eq!((memory.grow(3), memory.bytes(), memory.reservation()), (Some(0), &[0; 3][..], None));
            assert_eq!((memory.grow(69_997), memory.pages(), memory.grow(1)), (Some(3), 70_000, None));
            memory.bytes_mut()[69_999] = 1;
        }
    }

    #[test]
    fn memories_with_64_bit_indexes_obey_limits() {
        for bounds in BOTH {
            let mut memory = LinearMemory::new(bounds, &MemoryType::new64(1, None), 6 << 30).expect("memory");
            assert_eq!((memory.grow(u64::MAX), memory.grow(1 << 48), memory.reservation()), (None, None, None));
            // More than 32 bits reach.
            assert_eq!((memory.grow((6 << 14) - 1), memory.grow(1)), (Some(1), None));
            *memory.bytes_mut().last_mut().expect("6 GiB") = 1;
            let huge = LinearMemory::new(bounds, &MemoryType::new64(1 << 47, None), u64::MAX);
            assert_eq!(huge.err(), Some(Refused::Limit));
        }
    }
}
