//! What compiled code reads and writes, with the layout of [`crate::abi::layout`].

#![allow(unsafe_code, reason = "the running half: see each block")]

use crate::abi::{VALUE_BYTES, layout};
use std::mem::offset_of;
use std::ptr::NonNull;

/// One value as it crosses the door, in globals and in constant evaluation: 16 bytes, unused ones zero. A 32-bit
/// value is zero-extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C, align(16))]
pub(crate) struct Value(pub(super) [u64; 2]);

#[rustfmt::skip]
impl Value {
    pub(crate) fn from_u32(value: u32) -> Value { Value([u64::from(value), 0]) }
    pub(crate) fn from_u64(value: u64) -> Value { Value([value, 0]) }
    pub(crate) fn from_u128(value: u128) -> Value { Value([value as u64, (value >> 64) as u64]) }
    pub(crate) fn from_func(func: Option<FuncRef>) -> Value { Value([func.map_or(0, FuncRef::bits), 0]) }

    pub(crate) fn u32(self) -> u32 { self.0[0] as u32 }
    pub(crate) fn u64(self) -> u64 { self.0[0] }
    pub(crate) fn u128(self) -> u128 { u128::from(self.0[1]) << 64 | u128::from(self.0[0]) }
    /// For values of type funcref only.
    pub(crate) fn func(self) -> Option<FuncRef> { FuncRef::from_bits(self.0[0]) }
}

/// A function that a value can refer to: the address of its [`FuncRecord`], which lives as long as its store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct FuncRef(pub(super) NonNull<FuncRecord>);

// SAFETY: a plain address; it is dereferenced only with its store at hand.
unsafe impl Send for FuncRef {}
// SAFETY: as above.
unsafe impl Sync for FuncRef {}

impl FuncRef {
    /// A table element or value of type funcref, as bits. Only for bits that came out of such a place.
    pub(crate) fn from_bits(bits: u64) -> Option<FuncRef> {
        NonNull::new(bits as usize as *mut FuncRecord).map(FuncRef)
    }

    /// As a table element.
    pub(crate) fn bits(self) -> u64 {
        self.0.as_ptr() as usize as u64
    }
}

/// What a reference to a function points to.
#[repr(C)]
pub(crate) struct FuncRecord {
    pub(super) code: usize,
    pub(super) foreign: usize,
    pub(super) instance: usize,
    pub(super) signature: u32,
    pub(super) kind: RecordKind,
}

/// Who implements a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum RecordKind {
    Wasm,
    Host,
}

/// The head of an instance's context; the module's own part follows.
#[repr(C)]
pub(crate) struct Context {
    pub(super) heap: *mut u8,
    pub(super) store: *mut super::store::StoreHeader,
    pub(super) builtins: *const u64,
    pub(super) records: *mut FuncRecord,
    pub(super) owner: *mut super::instance::InstanceData,
}

#[derive(Debug)]
#[repr(C)]
pub(crate) struct MemoryDefinition {
    pub(super) base: *mut u8,
    pub(super) len: u64,
}

#[derive(Debug)]
#[repr(C)]
pub(crate) struct TableDefinition {
    pub(super) base: *mut u64,
    pub(super) len: u64,
}

const _: () = {
    assert!(size_of::<Value>() == VALUE_BYTES as usize && size_of::<Value>() == layout::GLOBAL_BYTES as usize);
    assert!(offset_of!(FuncRecord, code) == layout::RECORD_CODE as usize);
    assert!(offset_of!(FuncRecord, foreign) == layout::RECORD_FOREIGN as usize);
    assert!(offset_of!(FuncRecord, instance) == layout::RECORD_INSTANCE as usize);
    assert!(offset_of!(FuncRecord, signature) == layout::RECORD_SIGNATURE as usize);
    assert!(size_of::<FuncRecord>() == layout::RECORD_BYTES as usize);
    assert!(offset_of!(Context, heap) == layout::CONTEXT_HEAP as usize);
    assert!(offset_of!(Context, store) == layout::CONTEXT_STORE as usize);
    assert!(offset_of!(Context, builtins) == layout::CONTEXT_BUILTINS as usize);
    assert!(offset_of!(Context, records) == layout::CONTEXT_RECORDS as usize);
    assert!(offset_of!(Context, owner) == layout::CONTEXT_OWNER as usize);
    assert!(size_of::<Context>() <= layout::CONTEXT_MODULE as usize);
    assert!(offset_of!(MemoryDefinition, base) == layout::MEMORY_BASE as usize);
    assert!(offset_of!(MemoryDefinition, len) == layout::MEMORY_LEN as usize);
    assert!(size_of::<MemoryDefinition>() == layout::MEMORY_DEFINITION_BYTES as usize);
    assert!(offset_of!(TableDefinition, base) == layout::TABLE_BASE as usize);
    assert!(offset_of!(TableDefinition, len) == layout::TABLE_LEN as usize);
    assert!(size_of::<TableDefinition>() == layout::TABLE_DEFINITION_BYTES as usize);
};
