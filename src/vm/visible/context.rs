//! What compiled code reads and writes, with the layout of [`crate::abi::layout`].

#![allow(unsafe_code, reason = "asserts that addresses may go to other threads")]

use crate::abi::{VALUE_BYTES, layout};
use std::mem::offset_of;
use std::ptr::NonNull;

/// One value as it crosses the door, in globals and in constant evaluation: 16 bytes, unused ones zero. A 32-bit
/// value is zero-extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub(crate) struct Value(pub(in crate::vm) [u64; 2]);

#[rustfmt::skip]
impl Value {
    pub(crate) fn from_u32(value: u32) -> Value { Value([u64::from(value), 0]) }
    pub(crate) fn from_u64(value: u64) -> Value { Value([value, 0]) }
    pub(crate) fn from_u128(value: u128) -> Value { Value([value as u64, (value >> 64) as u64]) }

    pub(crate) fn u32(self) -> u32 { self.0[0] as u32 }
    pub(crate) fn u64(self) -> u64 { self.0[0] }
    pub(crate) fn u128(self) -> u128 { u128::from(self.0[1]) << 64 | u128::from(self.0[0]) }
}

/// A function that a value can refer to: the address of its [`FuncRecord`], which lives as long as its store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct FuncRef(pub(in crate::vm) NonNull<FuncRecord>);

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
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FuncRecord {
    pub(in crate::vm) code: usize,
    pub(in crate::vm) foreign: usize,
    pub(in crate::vm) instance: usize,
    pub(in crate::vm) signature: u32,
    pub(in crate::vm) kind: RecordKind,
    pub(in crate::vm) importer: usize,
    /// The address of the function's [`Signature`](crate::vm::code::buffer::Signature), for the host.
    pub(in crate::vm) ty: usize,
}

/// Who implements a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum RecordKind {
    Wasm,
    /// The same, but no signal handler masks floating-point exceptions when one happens: the door does it before.
    WasmWithoutSignals,
    Host,
}

/// The head of an instance's context; the module's own part follows.
#[repr(C)]
pub(crate) struct Context {
    pub(in crate::vm) heap: *mut u8,
    /// The store's header: [`header_of`](crate::vm::exit::header::header_of).
    pub(in crate::vm) store: *mut (),
    pub(in crate::vm) builtins: *const u64,
    pub(in crate::vm) records: *mut FuncRecord,
    /// The instance: [`instance_of`](crate::vm::run::instance::instance_of).
    pub(in crate::vm) owner: *mut (),
}

#[derive(Debug)]
#[repr(C)]
pub(crate) struct MemoryDefinition {
    pub(in crate::vm) base: *mut u8,
    pub(in crate::vm) len: u64,
}

#[derive(Debug)]
#[repr(C)]
pub(crate) struct TableDefinition {
    pub(in crate::vm) base: *mut u64,
    pub(in crate::vm) len: u64,
}

const _: () = {
    assert!(size_of::<Value>() == VALUE_BYTES as usize && size_of::<Value>() == layout::GLOBAL_BYTES as usize);
    assert!(offset_of!(FuncRecord, code) == layout::RECORD_CODE as usize);
    assert!(offset_of!(FuncRecord, foreign) == layout::RECORD_FOREIGN as usize);
    assert!(offset_of!(FuncRecord, instance) == layout::RECORD_INSTANCE as usize);
    assert!(offset_of!(FuncRecord, signature) == layout::RECORD_SIGNATURE as usize);
    assert!(offset_of!(FuncRecord, kind) == layout::RECORD_KIND as usize);
    assert!(offset_of!(FuncRecord, importer) == layout::RECORD_IMPORTER as usize);
    assert!(RecordKind::Host as i32 == layout::RECORD_KIND_HOST);
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
