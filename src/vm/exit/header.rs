//! [`StoreHeader`]: a store's part that compiled code reads and writes, with the layout of [`crate::abi::layout`].

#![allow(unsafe_code, reason = "follows the address in a context")]

use crate::abi::{CALLEE_SAVED, layout};
use crate::vm::exit::exception::Exceptions;
use crate::vm::exit::passage::Passages;
use crate::vm::exit::record::{Payload, TrapRecord};
use crate::vm::visible::context::{Context, Value};
use std::mem::offset_of;
use std::ops::Range;
use std::ptr::{null, null_mut};

/// The part of a store that compiled code reads and writes, and what leaves with it through the door.
#[repr(C)]
pub(in crate::vm) struct StoreHeader {
    /// Points to the innermost [`Activation`].
    pub(in crate::vm) native_sp: *const Activation,
    /// Of the innermost activation, once it has called out.
    pub(in crate::vm) exit_sp: usize,
    pub(in crate::vm) wasm_sp: usize,
    pub(in crate::vm) stack_limit: usize,
    pub(in crate::vm) trap_exit: usize,
    /// 0, or a reference to the exception that leaves wasm code.
    pub(in crate::vm) thrown: u64,
    pub(in crate::vm) resume: Resume,
    pub(in crate::vm) exceptions: Exceptions,
    pub(in crate::vm) passages: Passages,
    /// The store that entered, as the layer above knows it.
    pub(in crate::vm) owner: *mut (),
    pub(in crate::vm) pending: Pending,
    /// If not 0: the signal handler has masked floating-point exceptions, and the embedder's control was this.
    pub(in crate::vm) embedder_control: u32,
    pub(in crate::vm) trap: TrapRecord,
    pub(in crate::vm) payload: Option<Payload>,
    pub(in crate::vm) guard: Range<usize>,
    pub(in crate::vm) stack_end: usize,
}

/// Where wasm code goes on, with the layout of [`STORE_RESUME`](crate::abi::layout::STORE_RESUME).
#[derive(Clone, Copy)]
#[repr(C)]
pub(in crate::vm) struct Resume {
    pub(in crate::vm) registers: [u64; CALLEE_SAVED.len()],
    pub(in crate::vm) sp: usize,
    pub(in crate::vm) pc: usize,
    pub(in crate::vm) context: *mut Context,
    pub(in crate::vm) values: *const Value,
    pub(in crate::vm) exception: u64,
}

impl Resume {
    pub(in crate::vm) const NOWHERE: Resume =
        Resume { registers: [0; CALLEE_SAVED.len()], sp: 0, pc: 0, context: null_mut(), values: null(), exception: 0 };
}

/// Why wasm is being left, if it did not return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(in crate::vm) enum Pending {
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
pub(in crate::vm) struct Activation {
    pub(in crate::vm) native_sp: *const Activation,
    pub(in crate::vm) exit_sp: usize,
    _registers: [usize; 2],
}

/// The header of the store that a context belongs to.
///
/// # Safety
/// The context of an instance, whose store is alive.
pub(in crate::vm) unsafe fn header_of(context: *const Context) -> *mut StoreHeader {
    // SAFETY: as promised; the context's head was written when the instance was made.
    unsafe { (*context).store }.cast()
}

const _: () = {
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
};
