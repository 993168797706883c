//! What compiled code reads and writes, with the layout of [`crate::abi::layout`].

#![allow(unsafe_code, reason = "owns what compiled code reads and writes by address")]

use super::exception::Exceptions;
use super::host::Payload;
use super::memory::Refused;
use super::passage::Passages;
use super::trap::TrapRecord;
use crate::abi::{CALLEE_SAVED, VALUE_BYTES, layout};
use crate::sys::shortage::Purpose;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::mem::offset_of;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::{NonNull, null, null_mut};

/// One value as it crosses the door, in globals and in constant evaluation: 16 bytes, unused ones zero. A 32-bit
/// value is zero-extended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub(crate) struct Value(pub(super) [u64; 2]);

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
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FuncRecord {
    pub(super) code: usize,
    pub(super) foreign: usize,
    pub(super) instance: usize,
    pub(super) signature: u32,
    pub(super) kind: RecordKind,
    pub(super) importer: usize,
    /// The address of the function's [`Signature`](super::code::Signature), for the host.
    pub(super) ty: usize,
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
    pub(super) heap: *mut u8,
    pub(super) store: *mut StoreHeader,
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

/// The part of a store that compiled code reads and writes, and what leaves with it through the door.
#[repr(C)]
pub(super) struct StoreHeader {
    /// Points to the innermost [`Activation`].
    pub(super) native_sp: *const Activation,
    /// Of the innermost activation, once it has called out.
    pub(super) exit_sp: usize,
    pub(super) wasm_sp: usize,
    pub(super) stack_limit: usize,
    pub(super) trap_exit: usize,
    /// 0, or a reference to the exception that leaves wasm code.
    pub(super) thrown: u64,
    pub(super) resume: Resume,
    pub(super) exceptions: Exceptions,
    pub(super) passages: Passages,
    /// The store that entered, as the layer above knows it.
    pub(super) owner: *mut (),
    pub(super) pending: Pending,
    /// If not 0: the signal handler has masked floating-point exceptions, and the embedder's control was this.
    pub(super) embedder_control: u32,
    pub(super) trap: TrapRecord,
    pub(super) payload: Option<Payload>,
    pub(super) guard: Range<usize>,
    pub(super) stack_end: usize,
}

/// Where wasm code goes on, with the layout of [`STORE_RESUME`](crate::abi::layout::STORE_RESUME).
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Resume {
    pub(super) registers: [u64; CALLEE_SAVED.len()],
    pub(super) sp: usize,
    pub(super) pc: usize,
    pub(super) context: *mut Context,
    pub(super) values: *const Value,
    pub(super) exception: u64,
}

impl Resume {
    pub(super) const NOWHERE: Resume =
        Resume { registers: [0; CALLEE_SAVED.len()], sp: 0, pc: 0, context: null_mut(), values: null(), exception: 0 };
}

/// Why wasm is being left, if it did not return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum Pending {
    Nothing,
    /// In [`StoreHeader::trap`].
    Trap,
    /// In [`StoreHeader::payload`], and where in [`StoreHeader::trap`].
    Payload,
    /// In [`StoreHeader::thrown`], and where in [`StoreHeader::trap`].
    Exception,
}

/// What the door saves on the native stack: how to go on from here outwards, and two registers.
#[repr(C)]
pub(super) struct Activation {
    pub(super) native_sp: *const Activation,
    pub(super) exit_sp: usize,
    _registers: [usize; 2],
}

/// A value at an address that stays while it is owned, and that others use by that address.
pub(super) struct Pinned<T>(NonNull<T>);

impl<T> Pinned<T> {
    pub(super) fn new(value: T) -> Pinned<T> {
        Pinned(NonNull::from(Box::leak(Box::new(value))))
    }

    pub(super) fn address(&self) -> NonNull<T> {
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

/// An instance's context: zeroed, 16-aligned, at a fixed address.
pub(super) struct ContextBox {
    context: NonNull<Context>,
    layout: Layout,
}

impl ContextBox {
    pub(super) fn zeroed(bytes: usize) -> Result<ContextBox, Refused> {
        let bytes = bytes.max(layout::CONTEXT_MODULE as usize);
        let exhausted = Refused::exhausted(Purpose::Instance, bytes);
        let layout = Layout::from_size_align(bytes, 16).map_err(|_| exhausted)?;
        // SAFETY: the size is not 0.
        let context = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(exhausted)?;
        Ok(ContextBox { context: context.cast(), layout })
    }

    pub(super) fn address(&self) -> NonNull<Context> {
        self.context
    }

    /// The place at an offset, which must be in the context with all of a `T`, and aligned.
    pub(super) fn place<T>(&self, offset: i32) -> NonNull<T> {
        let start = usize::try_from(offset).expect("offsets are not negative");
        assert!(start + size_of::<T>() <= self.layout.size() && start.is_multiple_of(align_of::<T>()));
        // SAFETY: within the allocation, as asserted.
        unsafe { self.context.cast::<u8>().add(start) }.cast()
    }

    /// The places from an offset on; the same conditions.
    pub(super) fn places<T>(&self, offset: usize, count: usize) -> NonNull<[T]> {
        assert!(offset <= self.layout.size() && offset.is_multiple_of(align_of::<T>()));
        assert!(count <= (self.layout.size() - offset) / size_of::<T>());
        // SAFETY: within the allocation, as asserted.
        NonNull::slice_from_raw_parts(unsafe { self.context.cast::<u8>().add(offset) }.cast(), count)
    }

    /// Writes to the place at an offset; the same conditions.
    pub(super) fn write<T: Copy>(&mut self, offset: i32, value: T) {
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
    assert!(offset_of!(StoreHeader, native_sp) == layout::STORE_NATIVE_SP as usize);
    assert!(offset_of!(StoreHeader, exit_sp) == layout::STORE_EXIT_SP as usize);
    assert!(offset_of!(StoreHeader, wasm_sp) == layout::STORE_WASM_SP as usize);
    assert!(offset_of!(StoreHeader, stack_limit) == layout::STORE_STACK_LIMIT as usize);
    assert!(offset_of!(StoreHeader, trap_exit) == layout::STORE_TRAP_EXIT as usize);
    assert!(offset_of!(StoreHeader, thrown) == layout::STORE_THROWN as usize);
    assert!(offset_of!(StoreHeader, resume) == layout::STORE_RESUME as usize);
    assert!(layout::STORE_RESUME as usize + offset_of!(Resume, sp) == layout::RESUME_SP as usize);
    assert!(layout::STORE_RESUME as usize + offset_of!(Resume, pc) == layout::RESUME_PC as usize);
    assert!(layout::STORE_RESUME as usize + offset_of!(Resume, context) == layout::RESUME_CONTEXT as usize);
    assert!(layout::STORE_RESUME as usize + offset_of!(Resume, values) == layout::RESUME_VALUES as usize);
    assert!(layout::STORE_RESUME as usize + offset_of!(Resume, exception) == layout::RESUME_EXCEPTION as usize);
    assert!(offset_of!(MemoryDefinition, base) == layout::MEMORY_BASE as usize);
    assert!(offset_of!(MemoryDefinition, len) == layout::MEMORY_LEN as usize);
    assert!(size_of::<MemoryDefinition>() == layout::MEMORY_DEFINITION_BYTES as usize);
    assert!(offset_of!(TableDefinition, base) == layout::TABLE_BASE as usize);
    assert!(offset_of!(TableDefinition, len) == layout::TABLE_LEN as usize);
    assert!(size_of::<TableDefinition>() == layout::TABLE_DEFINITION_BYTES as usize);
};
