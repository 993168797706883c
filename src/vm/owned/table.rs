//! Tables of references, 8 bytes each: 0 for null, else a [`FuncRef`](crate::vm::visible::context::FuncRef) or a handle of the store.

#![allow(unsafe_code, reason = "owns elements that compiled code writes, writes definitions that it reads")]

use crate::sys::linux::shortage::Purpose;
use crate::types::{IndexType, TableType};
use crate::vm::owned::bounds::Refused;
use crate::vm::visible::context::TableDefinition;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// A table. The types of its elements are the business of the layers above.
pub(crate) struct Table {
    /// What importers point to; the truth about base and length.
    definition: TableDefinition,
    /// The definition in the context of the instance that owns this table.
    mirror: Option<NonNull<TableDefinition>>,
    capacity: u64,
    maximum: Option<u64>,
    index: IndexType,
    limit: u64,
}

// SAFETY: elements and mirror belong to one store, which moves between threads as a whole.
unsafe impl Send for Table {}

/// An index or a range outside a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OutOfTable;

/// Also for 64-bit indexes: more elements no system has.
const MAX_LEN: u64 = u32::MAX as u64;

impl Table {
    /// A table of `init`s that never grows beyond `limit` elements.
    pub(crate) fn new(ty: &TableType, limit: u64, init: u64) -> Result<Table, Refused> {
        let &TableType { minimum, maximum, index, .. } = ty;
        let limit = limit.min(maximum.unwrap_or(MAX_LEN)).min(MAX_LEN);
        if minimum > limit {
            return Err(Refused::Limit);
        }
        let definition = TableDefinition { base: NonNull::dangling().as_ptr(), len: 0 };
        let mut table = Table { definition, mirror: None, capacity: 0, maximum, index, limit };
        table.grow(minimum, init)?;
        Ok(table)
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> u64 {
        self.definition.len
    }

    /// The declared maximum.
    pub(crate) fn maximum(&self) -> Option<u64> {
        self.maximum
    }

    /// How wide its indexes are.
    pub(crate) fn index(&self) -> IndexType {
        self.index
    }

    /// The elements.
    pub(crate) fn elements(&self) -> &[u64] {
        // SAFETY: `len` initialised elements from base on; wasm code, which writes them too, does not run while a
        // reference borrowed from its store is alive.
        unsafe { std::slice::from_raw_parts(self.definition.base, self.definition.len as usize) }
    }

    /// The elements.
    pub(crate) fn elements_mut(&mut self) -> &mut [u64] {
        // SAFETY: as for `elements`; `&mut self` makes the reference unique.
        unsafe { std::slice::from_raw_parts_mut(self.definition.base, self.definition.len as usize) }
    }

    /// Grows by `delta` elements `init`; returns the old size.
    pub(crate) fn grow(&mut self, delta: u64, init: u64) -> Result<u64, Refused> {
        let old_len = self.len();
        let new_len = old_len.checked_add(delta).filter(|&len| len <= self.limit).ok_or(Refused::Limit)?;
        if new_len > self.capacity {
            // Doubling makes one-by-one growth linear, but only the needed elements are worth an error.
            self.reallocate((self.capacity * 2).clamp(new_len, self.limit))
                .or_else(|| self.reallocate(new_len))
                .ok_or(Refused::exhausted(Purpose::Table, new_len as usize * size_of::<u64>()))?;
        }
        self.definition.len = new_len;
        if init != 0 {
            self.elements_mut()[old_len as usize..].fill(init);
        }
        self.tell_compiled_code();
        Ok(old_len)
    }

    /// Sets `count` elements from `start`.
    pub(crate) fn fill(&mut self, start: u64, value: u64, count: u64) -> Result<(), OutOfTable> {
        let range = range(start, count, self.len())?;
        self.elements_mut()[range].fill(value);
        Ok(())
    }

    /// Writes `values` from `start` on, all or nothing.
    pub(crate) fn init(&mut self, start: u64, values: &[u64]) -> Result<(), OutOfTable> {
        let range = range(start, values.len() as u64, self.len())?;
        self.elements_mut()[range].copy_from_slice(values);
        Ok(())
    }

    /// What importers' contexts point to. The table must be pinned by then.
    pub(in crate::vm) fn definition(&mut self) -> *mut TableDefinition {
        &raw mut self.definition
    }

    /// Keeps the definition in its owner's context up to date from now on.
    ///
    /// # Safety
    /// The place must be writable as long as this table lives.
    pub(in crate::vm) unsafe fn set_mirror(&mut self, mirror: NonNull<TableDefinition>) {
        self.mirror = Some(mirror);
        self.tell_compiled_code();
    }

    fn tell_compiled_code(&mut self) {
        if let Some(mirror) = self.mirror {
            // SAFETY: `set_mirror` was promised that the place stays writable.
            unsafe { mirror.write(TableDefinition { ..self.definition }) };
        }
    }

    /// Moves to zeroed elements of another capacity, at least the length.
    fn reallocate(&mut self, capacity: u64) -> Option<()> {
        let layout = Layout::array::<u64>(capacity as usize).ok()?;
        // SAFETY: the capacity is not 0: it is above the old one.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?.cast::<u64>().as_ptr();
        // SAFETY: both hold at least `len` elements, and the new ones are nobody else's.
        unsafe { base.copy_from_nonoverlapping(self.definition.base, self.definition.len as usize) };
        self.free();
        self.definition.base = base;
        self.capacity = capacity;
        Some(())
    }

    fn free(&mut self) {
        if self.capacity > 0 {
            let layout = Layout::array::<u64>(self.capacity as usize).expect("as it was allocated");
            // SAFETY: allocated by `reallocate` with this layout.
            unsafe { dealloc(self.definition.base.cast(), layout) };
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.free();
    }
}

/// `start..start + count` if that is within `len`.
pub(in crate::vm) fn range(start: u64, count: u64, len: u64) -> Result<std::ops::Range<usize>, OutOfTable> {
    let end = start.checked_add(count).filter(|&end| end <= len).ok_or(OutOfTable)?;
    Ok(start as usize..end as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::RefType;

    #[test]
    fn growth_fills_and_obeys_limits() {
        let mut table = Table::new(&TableType::new(RefType::FUNCREF, 2, Some(1000)), 100, 7).expect("memory");
        assert_eq!(table.elements(), [7, 7]);
        assert_eq!(table.grow(3, 0), Ok(2));
        assert_eq!(table.elements(), [7, 7, 0, 0, 0]);
        for len in 5..100 {
            assert_eq!(table.grow(1, len), Ok(len));
        }
        assert_eq!([table.grow(1, 0), table.grow(u64::MAX, 0)], [Err(Refused::Limit); 2]);
        assert_eq!(table.elements()[99], 99);
        assert_eq!(Table::new(&TableType::new(RefType::FUNCREF, 101, None), 100, 0).err(), Some(Refused::Limit));
    }

    #[test]
    fn ranges_are_checked_without_overflow() {
        let mut table = Table::new(&TableType::new(RefType::FUNCREF, 10, None), u64::MAX, 0).expect("memory");
        assert_eq!(table.fill(8, 1, 2), Ok(()));
        assert_eq!(table.fill(8, 1, 3), Err(OutOfTable));
        assert_eq!(table.fill(u64::MAX, 1, 2), Err(OutOfTable));
        assert_eq!(table.init(10, &[]), Ok(()));
        assert_eq!(table.init(11, &[]), Err(OutOfTable));
        assert_eq!(table.init(9, &[1, 2]), Err(OutOfTable));
        assert_eq!(table.elements()[9], 1);
    }

    #[test]
    fn the_largest_table_is_refused_or_lazy() {
        let mut table = Table::new(&TableType::new64(RefType::FUNCREF, 0, None), u64::MAX, 0).expect("memory");
        // 32 GiB: the system may or may not promise that much, and must not be asked to fill it.
        let grown = table.grow(u64::from(u32::MAX), 0);
        assert!(grown.is_err() || table.len() == u64::from(u32::MAX));
        assert_eq!(table.grow(u64::from(u32::MAX), 0), if grown.is_ok() { Err(Refused::Limit) } else { grown });
    }
}
