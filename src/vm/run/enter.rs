//! The door: how the host enters wasm code, and how wasm code is left.
//!
//! What the door saves on the native stack is an [`Activation`]: backtraces follow them.

#![allow(unsafe_code, reason = "calls compiled code")]

use crate::abi::{TrapCode, layout};
use crate::sys::x64::float::{WasmControl, is_wasm_arithmetic, restore_control};
use crate::vm::code::published::EntryPoint;
use crate::vm::exit::backtrace;
use crate::vm::exit::backtrace::Frame;
use crate::vm::exit::header::{Activation, Pending, StoreHeader};
use crate::vm::exit::record::{HostError, Payload, Place, TrapRecord};
use crate::vm::run::host::HostEntry;
use crate::vm::run::store::Hosted;
use crate::vm::run::thread;
use crate::vm::run::thread::Traps;
use crate::vm::visible::context::{Context, FuncRecord, FuncRef, RecordKind, Value};
use crate::vm::visible::handle::{InstanceId, TagId};
use std::arch::asm;
use std::mem::transmute;
use std::panic::resume_unwind;
use std::ptr::{NonNull, null, null_mut};

/// Why a call did not return.
#[derive(Debug)]
pub(crate) enum Exit {
    /// A trap; `frames` innermost first.
    Trap { code: TrapCode, frames: Vec<Frame> },
    /// A host function's error, unchanged.
    Error { error: HostError, frames: Vec<Frame> },
    /// An exception that nobody caught.
    Exception { tag: TagId, values: Box<[Value]>, frames: Vec<Frame> },
}

/// Calls a function of the store, wasm's or the host's: `values` holds the arguments and gets the results.
///
/// A panic of a host function goes on in the caller, after the wasm frames are gone.
///
/// Panics unless the state in the store was made for an `S`, the function has the type of that entry point, and `values` is as long
/// as it says.
#[inline(always)]
pub(crate) fn enter<S: Hosted>(
    store: &mut S,
    func: FuncRef,
    point: &EntryPoint,
    values: &mut [Value],
) -> Result<(), Exit> {
    // **Escape:** host functions take the address below for that of an `S`.
    assert!(store.state().belongs_to::<S>(), "a store is entered as what it is");
    let header = store.state().header.address().as_ptr();
    // SAFETY: a `FuncRef` of this store, which keeps its records.
    let record = unsafe { func.0.as_ref() };
    assert!(
        record.signature == point.number && values.len() >= point.values as usize,
        "a function is called as what it is"
    );
    let store: *mut S = store;
    // SAFETY: the header of a live store.
    let is_outermost = unsafe { (*header).owner.is_null() };
    if record.kind != RecordKind::Wasm || !is_outermost || !is_wasm_arithmetic() {
        return enter_slowly(header, store.cast(), record, point, values.as_mut_ptr(), null_mut());
    }
    if !thread::has_room(Traps::BySignals) {
        prepare_thread(header, Traps::BySignals)?;
    }
    // SAFETY: as above. Host functions take the store from here as long as this call lasts.
    unsafe { (*header).owner = store.cast() };
    // SAFETY: as above.
    let outer = Outer::nothing(unsafe { (*header).stack_end });
    // SAFETY: code, context and stub are those of the record's signature; values are as many as it asserts.
    unsafe { door(header, outer, record, point.entry.0, values.as_mut_ptr()) };
    // SAFETY: as above; only this thread uses the store.
    let left_over = unsafe {
        (*header).owner = outer.owner;
        (*header).native_sp = outer.native_sp;
        (*header).exit_sp = outer.exit_sp;
        ((*header).pending, (*header).embedder_control)
    };
    if left_over == (Pending::Nothing, 0) { Ok(()) } else { left(header) }
}

/// [`enter`] for the start function of an instance: a host function is called by that instance.
pub(crate) fn enter_start<S: Hosted>(
    store: &mut S,
    instance: InstanceId,
    func: FuncRef,
    point: &EntryPoint,
) -> Result<(), Exit> {
    // SAFETY: a `FuncRef` of this store, which keeps its records.
    let record = unsafe { func.0.as_ref() };
    if record.kind != RecordKind::Host {
        return enter(store, func, point, &mut []);
    }
    assert!(record.signature == point.number && point.values == 0, "validated: a start function is () -> ()");
    assert!(store.state().belongs_to::<S>(), "a store is entered as what it is");
    let (header, context) = (store.state().header.address().as_ptr(), store.state().instance(instance).context());
    let store: *mut S = store;
    enter_slowly(header, store.cast(), record, point, NonNull::dangling().as_ptr(), context.as_ptr())
}

const EXHAUSTED: Exit = Exit::Trap { code: TrapCode::StackExhausted, frames: Vec::new() };

/// What the header says of the call around this one, to be restored.
///
/// Of an outermost call these are constants. That is more than a shortcut: a value that each call loads, saves and stores back
/// makes consecutive calls wait for each other's stores.
#[derive(Clone, Copy)]
struct Outer {
    owner: *mut (),
    native_sp: *const Activation,
    exit_sp: usize,
    wasm_sp: usize,
    trap_exit: usize,
}

impl Outer {
    /// There is no call around. Of the header nobody reads `wasm_sp` and `trap_exit` then: they need not be restored.
    #[inline(always)]
    fn nothing(stack_end: usize) -> Outer {
        Outer { owner: null_mut(), native_sp: null(), exit_sp: 0, wasm_sp: stack_end, trap_exit: 0 }
    }

    fn of(header: &StoreHeader) -> Outer {
        if header.owner.is_null() {
            return Outer::nothing(header.stack_end);
        }
        let &StoreHeader { owner, native_sp, exit_sp, wasm_sp, trap_exit, .. } = header;
        Outer { owner, native_sp, exit_sp, wasm_sp, trap_exit }
    }

    fn restore(self, header: &mut StoreHeader) {
        header.owner = self.owner;
        header.native_sp = self.native_sp;
        header.exit_sp = self.exit_sp;
        header.wasm_sp = self.wasm_sp;
        header.trap_exit = self.trap_exit;
    }

    /// The door itself pushes a return address to the wasm stack, at a pc that no signal handler takes for wasm's. Without
    /// signals a host function's stub may have gone below the limit.
    fn leaves_wasm_stack(&self, header: &StoreHeader) -> bool {
        self.wasm_sp.saturating_sub(header.stack_limit) >= 64
    }
}

/// Prepares the thread, or says why it may not enter wasm.
#[cold]
fn prepare_thread(header: *mut StoreHeader, traps: Traps) -> Result<(), Exit> {
    // SAFETY: the header of a live store.
    let mut activation = unsafe { (*header).native_sp };
    let mut outermost_sp = 0;
    while !activation.is_null() {
        outermost_sp = activation as usize;
        // SAFETY: the door's saved words, alive while its call lasts.
        activation = unsafe { (*activation).native_sp };
    }
    match thread::prepare(outermost_sp, traps) {
        Ok(true) => Ok(()),
        Ok(false) => Err(EXHAUSTED),
        Err(error) => Err(Exit::Error { error: error.into(), frames: Vec::new() }),
    }
}

/// [`enter`] for a host function, within a call, for wasm code while the embedder's floating-point control is not what wasm needs,
/// and where no signal handler would see that it is not.
#[cold]
#[inline(never)]
fn enter_slowly(
    header: *mut StoreHeader,
    store: *mut (),
    record: &FuncRecord,
    point: &EntryPoint,
    values: *mut Value,
    caller: *mut Context,
) -> Result<(), Exit> {
    // SAFETY: the header of a live store, used by this thread only.
    let outer = Outer::of(unsafe { &*header });
    // SAFETY: as above.
    let leaves_wasm_stack = outer.leaves_wasm_stack(unsafe { &*header });
    if !leaves_wasm_stack {
        return Err(EXHAUSTED);
    }
    // A host function needs no signals; wasm code that it enters is asked for then.
    let traps = if record.kind == RecordKind::Wasm { Traps::BySignals } else { Traps::ByChecks };
    if !thread::has_room(traps) {
        prepare_thread(header, traps)?;
    }
    // SAFETY: as above. A host function finds the header as it is around this call.
    unsafe { outer.restore(&mut *header) };
    // What the handler notes from here on is this call's: the call around this one may run on another thread.
    // SAFETY: as above.
    let outer_control = unsafe {
        (*header).owner = store;
        std::mem::take(&mut (*header).embedder_control)
    };
    match record.kind {
        RecordKind::Host => {
            // SAFETY: a host function's record holds an entry of this type.
            let call: HostEntry = unsafe { transmute(record.code) };
            // SAFETY: its own record, no calling context or one of this store, and values as its signature asks.
            unsafe { call(&raw const *record as *mut FuncRecord, caller, values) };
        }
        // SAFETY: as in `enter`.
        RecordKind::Wasm if is_wasm_arithmetic() => unsafe {
            door(header, outer, record, point.entry.0, values);
        },
        RecordKind::Wasm | RecordKind::WasmWithoutSignals => {
            let _control = WasmControl::set();
            // SAFETY: as in `enter`.
            unsafe { door(header, outer, record, point.entry.0, values) };
        }
    }
    // SAFETY: as above.
    let control = unsafe {
        outer.restore(&mut *header);
        std::mem::replace(&mut (*header).embedder_control, outer_control)
    };
    give_back_control(control);
    exit_of(header)
}

/// Runs compiled code on the wasm stack until it returns or leaves by the trap exit. The header is the caller's to restore.
///
/// # Safety
/// The record is wasm's and of a store with that header; `entry` is the entry stub of its signature; `values` is the array that
/// this stub expects. The thread must have room.
#[inline(always)]
unsafe fn door(header: *mut StoreHeader, outer: Outer, record: &FuncRecord, entry: usize, values: *mut Value) {
    // SAFETY: the stub keeps r14 or leaves another context of this store there, and it returns, or a trap jumps, to
    // label 2; the header leads back to what was pushed. rbx and rbp are restored, all else is declared lost.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "push r8",
            "push rcx",
            "mov [rdi + {native_sp}], rsp",
            "lea rcx, [rip + 2f]",
            "mov [rdi + {trap_exit}], rcx",
            "mov rbx, rdx",
            "mov rsp, r9",
            "and rsp, -16",
            "call rsi",
            "2:",
            "mov rdi, [r14 + {context_store}]",
            "mov rsp, [rdi + {native_sp}]",
            "add rsp, 16",
            "pop rbx",
            "pop rbp",
            trap_exit = const layout::STORE_TRAP_EXIT,
            native_sp = const layout::STORE_NATIVE_SP,
            context_store = const layout::CONTEXT_STORE,
            inout("rdi") header => _,
            inout("rsi") entry => _,
            inout("rdx") values => _,
            inout("rcx") outer.native_sp => _,
            inout("r8") outer.exit_sp => _,
            inout("r9") outer.wasm_sp => _,
            inout("rax") record.code => _,
            inout("r14") record.instance as *mut Context => _,
            out("r12") _,
            out("r13") _,
            out("r15") _,
            clobber_abi("sysv64"),
        );
    }
}

/// Takes what is pending and turns it into an exit, or goes on with a host function's panic; gives the embedder its
/// floating-point control back.
#[cold]
fn left(header: *mut StoreHeader) -> Result<(), Exit> {
    // SAFETY: the header of a live store, used by this thread only.
    give_back_control(std::mem::take(unsafe { &mut (*header).embedder_control }));
    exit_of(header)
}

/// Restores what the signal handler has changed on this thread, if it has.
fn give_back_control(embedder_control: u32) {
    if embedder_control != 0 {
        restore_control(embedder_control);
    }
}

/// Takes what is pending and turns it into an exit, or goes on with a host function's panic.
fn exit_of(header: *mut StoreHeader) -> Result<(), Exit> {
    // SAFETY: the header of a live store, used by this thread only.
    let header = unsafe { &mut *header };
    if std::mem::replace(&mut header.pending, Pending::Nothing) == Pending::Nothing {
        return Ok(());
    }
    let trap = std::mem::replace(&mut header.trap, TrapRecord::NONE);
    match header.payload.take() {
        Some(Payload::Panic(panic)) => resume_unwind(panic),
        Some(Payload::Error(error)) => Err(Exit::Error { error, frames: frames(header, trap) }),
        None if header.thrown != 0 => {
            let thrown = std::mem::take(&mut header.thrown);
            header.exceptions.catch(thrown);
            let exception = header.exceptions.get(thrown);
            let (tag, values) = (exception.tag, exception.values.clone());
            Err(Exit::Exception { tag, values, frames: frames(header, trap) })
        }
        None => Err(Exit::Trap { code: trap.code, frames: frames(header, trap) }),
    }
}

fn frames(header: &StoreHeader, trap: TrapRecord) -> Vec<Frame> {
    backtrace::collect(header, (trap.place != Place::Nowhere).then_some(trap))
}
