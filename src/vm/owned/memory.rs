//! Linear memories: guarded ones, whose whole address range is reserved, and checked ones, which may move.

#![allow(unsafe_code, reason = "gives out the bytes of mappings, writes definitions that compiled code reads")]

use crate::abi::{GUARDED_MEMORY_BYTES, TrapCode, WASM_PAGE_BYTES};
use crate::sys::linux::pages::Pages;
use crate::sys::linux::shortage::Purpose;
use crate::sys::x64::racing;
use crate::types::MemoryType;
use crate::vm::owned::bounds::{Bounds, Limits, Refused, limit_pages};
use crate::vm::owned::image::Image;
use crate::vm::owned::pool::Reservation;
use crate::vm::owned::shared::{SharedDefinition, SharedMemory};
use crate::vm::visible::context::{Context, MemoryDefinition};
use std::mem::offset_of;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

/// A linear memory of a store.
pub(crate) struct LinearMemory {
    contents: Contents,
    ty: MemoryType,
    /// The definition in the context of the instance that owns this memory.
    mirror: Option<NonNull<MemoryDefinition>>,
    /// The context whose memory 0 this is,
    heap: Option<NonNull<Context>>,
    /// and if there are more, these.
    more_heaps: Vec<NonNull<Context>>,
}

enum Contents {
    Own(OwnMemory),
    /// Other stores may have it, too.
    Shared(Arc<SharedMemory>),
}

struct OwnMemory {
    /// What importers point to; the truth about base and length.
    definition: MemoryDefinition,
    space: Space,
    limit_pages: u64,
}

enum Space {
    /// It stays where it is.
    Guarded(Reservation),
    Checked(Pages),
}

// SAFETY: the pointers lead to contexts of the same store, which moves between threads as a whole.
unsafe impl Send for LinearMemory {}

impl Space {
    fn pages(&self) -> &Pages {
        match self {
            Space::Guarded(space) => space.pages(),
            Space::Checked(pages) => pages,
        }
    }
}

const NOT_SHARED: &str = "a shared memory gives out no references to its bytes";

impl LinearMemory {
    /// A memory that shows an image, or only zeros.
    pub(crate) fn new(
        limits: &Limits<'_>,
        ty: &MemoryType,
        image: Option<&Arc<Image>>,
    ) -> Result<LinearMemory, Refused> {
        if ty.shared {
            let memory = SharedMemory::new(limits.bounds, ty, limits.memory_bytes)?;
            return Ok(LinearMemory::of_shared(Arc::new(memory)));
        }
        let limit_pages = limit_pages(ty, limits.memory_bytes)?;
        let len = ty.bytes_of(ty.minimum) as usize;
        let space = match limits.bounds.of(ty) {
            Bounds::Guarded => Space::Guarded(limits.pool.take(len, image)?),
            Bounds::Checked => {
                // A memory of no pages has an address, too.
                let pages = Pages::zeroed(len.max(WASM_PAGE_BYTES));
                Space::Checked(pages.map_err(|_| Refused::exhausted(Purpose::Memory, len))?)
            }
        };
        let definition = MemoryDefinition { base: space.pages().start().as_ptr(), len: len as u64 };
        let contents = Contents::Own(OwnMemory { definition, space, limit_pages });
        Ok(LinearMemory::of(contents, *ty))
    }

    /// Did it contain its active segments when it was made?
    pub(crate) fn is_initialised(&self) -> bool {
        matches!(&self.contents, Contents::Own(OwnMemory { space: Space::Guarded(space), .. }) if space.image().is_some())
    }

    /// A shared memory in a store.
    pub(crate) fn of_shared(memory: Arc<SharedMemory>) -> LinearMemory {
        let ty = *memory.ty();
        LinearMemory::of(Contents::Shared(memory), ty)
    }

    fn of(contents: Contents, ty: MemoryType) -> LinearMemory {
        LinearMemory { contents, ty, mirror: None, heap: None, more_heaps: Vec::new() }
    }

    /// The shared memory, if it is one.
    pub(crate) fn shared(&self) -> Option<&Arc<SharedMemory>> {
        match &self.contents {
            Contents::Own(_) => None,
            Contents::Shared(memory) => Some(memory),
        }
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
    pub(crate) fn grow(&mut self, pages: u64) -> Result<u64, Refused> {
        let old_pages = self.pages();
        let own = match &mut self.contents {
            Contents::Own(own) => own,
            Contents::Shared(memory) => return memory.grow(pages),
        };
        let new_pages = old_pages.checked_add(pages).filter(|&pages| pages <= own.limit_pages).ok_or(Refused::Limit)?;
        if pages > 0 {
            let new_len = self.ty.bytes_of(new_pages) as usize;
            let grown = match &mut own.space {
                Space::Guarded(space) => space.grow(new_len),
                Space::Checked(pages) => pages.resize(new_len),
            };
            grown.map_err(|_| Refused::exhausted(Purpose::Memory, new_len))?;
            own.definition = MemoryDefinition { base: own.space.pages().start().as_ptr(), len: new_len as u64 };
            self.tell_compiled_code();
        }
        Ok(old_pages)
    }

    /// The contents. Panics if the memory is shared.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        let Contents::Own(OwnMemory { definition, .. }) = &self.contents else { panic!("{NOT_SHARED}") };
        // SAFETY: readable from base for len bytes; wasm code, which writes them too, does not run while a reference
        // borrowed from its store is alive.
        unsafe { std::slice::from_raw_parts(definition.base, definition.len as usize) }
    }

    /// The contents. Panics if the memory is shared.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let Contents::Own(OwnMemory { definition, .. }) = &mut self.contents else { panic!("{NOT_SHARED}") };
        // SAFETY: as for `bytes`, and writable; `&mut self` makes the reference unique.
        unsafe { std::slice::from_raw_parts_mut(definition.base, definition.len as usize) }
    }

    /// Where the memory is (for the embedder's raw access); changes when a checked memory grows.
    pub(crate) fn base(&self) -> *mut u8 {
        match &self.contents {
            Contents::Own(own) => own.definition.base,
            Contents::Shared(memory) => memory.base(),
        }
    }

    /// In bytes.
    pub(in crate::vm) fn len(&self) -> u64 {
        match &self.contents {
            Contents::Own(own) => own.definition.len,
            Contents::Shared(memory) => memory.len(),
        }
    }

    /// `start..start + count` if that is within the memory.
    pub(in crate::vm) fn range(&self, start: u64, count: u64) -> Result<Range<usize>, TrapCode> {
        let end = start.checked_add(count).filter(|&end| end <= self.len()).ok_or(TrapCode::MemoryOutOfBounds)?;
        Ok(start as usize..end as usize)
    }

    /// Writes `bytes` from `start` on, all or nothing.
    pub(crate) fn init(&mut self, start: u64, bytes: &[u8]) -> Result<(), TrapCode> {
        let range = self.range(start, bytes.len() as u64)?;
        match &self.contents {
            Contents::Own(_) => self.bytes_mut()[range].copy_from_slice(bytes),
            Contents::Shared(memory) => memory.write(range, bytes),
        }
        Ok(())
    }

    /// Sets `count` bytes from `start` on, all or nothing.
    pub(in crate::vm) fn fill(&mut self, start: u64, value: u8, count: u64) -> Result<(), TrapCode> {
        let range = self.range(start, count)?;
        match &self.contents {
            Contents::Own(_) => self.bytes_mut()[range].fill(value),
            Contents::Shared(memory) => memory.fill(range, value),
        }
        Ok(())
    }

    /// Copies between the addresses of two ranges of memories, or of one, `count` bytes long.
    ///
    /// # Safety
    /// Both ranges must be within their memories, and no reference to their contents may be alive. `racing`: may another
    /// thread use one of them?
    pub(in crate::vm) unsafe fn copy(to: *mut u8, from: *const u8, count: usize, racing: bool) {
        match racing {
            // SAFETY: as promised.
            true => unsafe { racing::copy(to, from, count) },
            // SAFETY: as promised; they may overlap.
            false => unsafe { to.copy_from(from, count) },
        }
    }

    /// Addresses at which a fault is an access out of bounds.
    pub(in crate::vm) fn reservation(&self) -> Option<Range<usize>> {
        match &self.contents {
            Contents::Own(OwnMemory { space: Space::Guarded(space), .. }) => {
                let start = space.pages().start().as_ptr() as usize;
                Some(start..start + GUARDED_MEMORY_BYTES)
            }
            Contents::Own(_) => None,
            Contents::Shared(memory) => memory.reservation(),
        }
    }

    /// What importers' contexts point to, and the owner's of a shared memory. The memory must be pinned by then.
    pub(in crate::vm) fn definition(&mut self) -> *mut MemoryDefinition {
        match &mut self.contents {
            Contents::Own(own) => &raw mut own.definition,
            Contents::Shared(memory) => memory.definition().cast_mut().cast(),
        }
    }

    /// Keeps the definition in its owner's context up to date from now on; not of a shared memory.
    ///
    /// # Safety
    /// The place must be writable as long as this memory lives.
    pub(in crate::vm) unsafe fn set_mirror(&mut self, mirror: NonNull<MemoryDefinition>) {
        self.mirror = Some(mirror);
        self.tell_compiled_code();
    }

    /// Keeps a context's address of memory 0 up to date from now on.
    ///
    /// # Safety
    /// The context must live as long as this memory.
    pub(in crate::vm) unsafe fn add_heap(&mut self, context: NonNull<Context>) {
        match self.heap {
            None => self.heap = Some(context),
            Some(_) => self.more_heaps.push(context),
        }
        self.tell_compiled_code();
    }

    fn tell_compiled_code(&mut self) {
        if let (Some(mirror), Contents::Own(own)) = (self.mirror, &self.contents) {
            // SAFETY: `set_mirror` was promised that the place stays writable.
            unsafe { mirror.write(MemoryDefinition { ..own.definition }) };
        }
        let base = self.base();
        for context in self.heap.iter().chain(&self.more_heaps) {
            // SAFETY: `add_heap` was promised that the context lives.
            unsafe { (*context.as_ptr()).heap = base };
        }
    }
}

const _: () = {
    assert!(offset_of!(SharedDefinition, base) == offset_of!(MemoryDefinition, base));
    assert!(offset_of!(SharedDefinition, len) == offset_of!(MemoryDefinition, len));
    assert!(size_of::<SharedDefinition>() == size_of::<MemoryDefinition>());
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::owned::pool::{MemoryPool, PoolLimits};

    const BOTH: [Bounds; 2] = [Bounds::Guarded, Bounds::Checked];

    fn new(bounds: Bounds, ty: &MemoryType, memory_bytes: u64) -> Result<LinearMemory, Refused> {
        let pool = &MemoryPool::new(PoolLimits { slots: 0, resident_bytes: 0 });
        LinearMemory::new(&Limits { bounds, pool, memory_bytes, table_elements: 0 }, ty, None)
    }

    #[test]
    fn growth_keeps_contents_and_obeys_limits() {
        for bounds in BOTH {
            let mut memory = new(bounds, &MemoryType::new(1, Some(10)), u64::MAX).expect("memory");
            memory.bytes_mut()[65535] = 9;
            assert_eq!(memory.grow(2), Ok(1));
            assert_eq!((memory.pages(), memory.bytes()[65535], memory.bytes()[65536]), (3, 9, 0));
            assert_eq!(memory.grow(8), Err(Refused::Limit));
            assert_eq!(memory.grow(u64::MAX), Err(Refused::Limit));
            assert_eq!(memory.grow(7), Ok(3));
            assert_eq!((memory.grow(0), memory.grow(1)), (Ok(10), Err(Refused::Limit)));
            memory.bytes_mut()[655_359] = 1;
        }
    }

    #[test]
    fn the_whole_index_range_can_be_used() {
        for bounds in BOTH {
            let mut memory = new(bounds, &MemoryType::new(0, None), u64::MAX).expect("memory");
            assert_eq!(memory.bytes(), []);
            assert_eq!(memory.grow(65536), Ok(0));
            *memory.bytes_mut().last_mut().expect("4 GiB") = 1;
            assert_eq!(memory.grow(1), Err(Refused::Limit));
        }
    }

    #[test]
    fn limits_bind_at_creation() {
        for bounds in BOTH {
            assert_eq!(new(bounds, &MemoryType::new(3, None), 2 << 16).err(), Some(Refused::Limit));
            assert_eq!(new(bounds, &MemoryType::new(65537, None), u64::MAX).err(), Some(Refused::Limit));
        }
    }

    #[test]
    fn pages_of_one_byte_are_counted_one_by_one() {
        let mut ty = MemoryType::new(0, Some(70_000));
        ty.page_size_log2 = 0;
        for bounds in BOTH {
            let mut memory = new(bounds, &ty, u64::MAX).expect("memory");
            assert_eq!((memory.grow(3), memory.bytes(), memory.reservation()), (Ok(0), &[0; 3][..], None));
            assert_eq!((memory.grow(69_997), memory.pages(), memory.grow(1)), (Ok(3), 70_000, Err(Refused::Limit)));
            memory.bytes_mut()[69_999] = 1;
        }
    }

    #[test]
    fn memories_with_64_bit_indexes_obey_limits() {
        for bounds in BOTH {
            let mut memory = new(bounds, &MemoryType::new64(1, None), 6 << 30).expect("memory");
            assert_eq!([memory.grow(u64::MAX), memory.grow(1 << 48)], [Err(Refused::Limit); 2]);
            assert_eq!(memory.reservation(), None);
            // More than 32 bits reach.
            assert_eq!((memory.grow((6 << 14) - 1), memory.grow(1)), (Ok(1), Err(Refused::Limit)));
            *memory.bytes_mut().last_mut().expect("6 GiB") = 1;
            let huge = new(bounds, &MemoryType::new64(1 << 47, None), u64::MAX);
            assert_eq!(huge.err(), Some(Refused::Limit));
        }
    }
}
