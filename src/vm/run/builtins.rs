//! The functions of [`Builtin`]: memory, table and segment operators that are calls.

#![allow(unsafe_code, reason = "is called by stubs with addresses")]

use crate::abi::{Builtin, CallLayout, TrapCode};
use crate::types::{FuncIndex, TagIndex};
use crate::vm::exit::exception::Exhausted;
use crate::vm::exit::header::{Pending, header_of};
use crate::vm::exit::record::{Payload, TrapRecord};
use crate::vm::owned::memory::LinearMemory;
use crate::vm::owned::shared::check_atomic;
use crate::vm::owned::table::{OutOfTable, Table, range};
use crate::vm::run::instance::{InstanceData, instance_of};
use crate::vm::run::unwind;
use crate::vm::visible::context::{Context, Value};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What a builtin returns, in rax and rdx.
#[repr(C)]
pub(in crate::vm) struct BuiltinResult {
    value: u64,
    pub(in crate::vm) trapped: u64,
}

pub(in crate::vm) type Entry = unsafe extern "sysv64" fn(*mut Context, u64, u64, u64, u64, u64) -> BuiltinResult;
type Answer = Result<u64, Stop>;

/// Why a builtin does not return.
enum Stop {
    Trap(TrapCode),
    /// By reference.
    Exception(u64),
    /// Our bug: nothing that a guest does should lead to one.
    Panic(Box<dyn Any + Send>),
}

macro_rules! builtins {
    ($($builtin:ident => $function:expr,)*) => {
        const ENTRIES: [(Builtin, Entry); Builtin::COUNT] = [$((Builtin::$builtin, {
            /// # Safety
            /// Called by the builtin's stub: `context` is the running one.
            unsafe extern "sysv64" fn entry(context: *mut Context, a: u64, b: u64, c: u64, d: u64, _: u64) -> BuiltinResult {
                // SAFETY: the running context; its owner lives as long as the store.
                let instance = unsafe { &mut *instance_of(context) };
                let function: fn(&mut InstanceData, u64, u64, u64, u64) -> Answer = $function;
                // What a panic leaves broken is what the operator was to change, and the panic goes on in whoever entered wasm.
                let stop = match catch_unwind(AssertUnwindSafe(|| function(instance, a, b, c, d))) {
                    Ok(Ok(value)) => return returned(value),
                    Ok(Err(stop)) => stop,
                    Err(panic) => Stop::Panic(panic),
                };
                // SAFETY: the running context, as promised.
                unsafe { stopped(context, stop) }
            }
            entry
        })),*];
    };
}

builtins! {
    MemoryGrow => memory_grow,
    MemoryCopy => memory_copy,
    MemoryFill => memory_fill,
    MemoryInit => memory_init,
    DataDrop => |instance, segment, _, _, _| { instance.drop_data(segment as u32); Ok(0) },
    TableGrow => table_grow,
    TableFill => |instance, table, start, value, count| { table_of(instance, table).fill(start, value, count)?; Ok(0) },
    TableCopy => table_copy,
    TableInit => table_init,
    ElemDrop => |instance, segment, _, _, _| { instance.set_elements(segment as u32, Box::default()); Ok(0) },
    AtomicNotify => atomic_notify,
    AtomicWait32 => atomic_wait32,
    AtomicWait64 => atomic_wait64,
    Trap => |_, code, _, _, _| Err(Stop::Trap(TrapCode::ALL[code as usize])),
    Throw => throw,
    ThrowRef => |_, exception, _, _, _| {
        Err(if exception == 0 { Stop::Trap(TrapCode::NullReference) } else { Stop::Exception(exception) })
    },
}

const _: () = {
    let mut place = 0;
    while place < Builtin::COUNT {
        assert!(ENTRIES[place].0 as usize == place, "builtins stand in the order of their numbers");
        place += 1;
    }
};

/// Addresses of all builtins, for the stubs.
pub(crate) fn addresses() -> [u64; Builtin::COUNT] {
    ENTRIES.map(|(_, entry)| entry as *const () as u64)
}

/// The address of the search for who catches an exception, for the stub that leaves wasm.
pub(crate) fn search_address() -> u64 {
    unwind::search as *const () as u64
}

/// The address of the code that compiles a function, for the stub that enters it.
pub(crate) fn compile_address() -> u64 {
    compile as *const () as u64
}

/// Compiles one of the own functions of the running instance's module, which is being called. No memory for that is an error
/// for whoever entered wasm; wasm code cannot catch it.
///
/// # Safety
/// Called by the stub that enters functions: `context` is the running one, and at the store's exit lies the return address
/// of the call.
unsafe extern "sysv64" fn compile(context: *mut Context, own: u32) -> BuiltinResult {
    // SAFETY: the running context; its owner lives as long as the store, and is not changed now.
    let instance = unsafe { &*instance_of(context) };
    let module = instance.module();
    // What a panic leaves broken is a function that is not compiled.
    let stopped = match catch_unwind(AssertUnwindSafe(|| module.compile(own))) {
        Ok(Ok(address)) => return returned(address.bits()),
        Ok(Err(error)) => Payload::Error(error),
        Err(panic) => Payload::Panic(panic),
    };
    let info = module.info();
    let popped = CallLayout::of(info.func_type(FuncIndex(info.imported_functions + own))).arg_bytes;
    // SAFETY: the instance's store, of which nothing else is used while a builtin runs.
    let header = unsafe { &mut *instance.header() };
    // The stub does not know what the function pops.
    header.exit_sp |= (popped as usize / 8) << 48;
    header.trap = TrapRecord::at_exit(TrapCode::Unreachable, header.exit_sp);
    (header.payload, header.pending) = (Some(stopped), Pending::Payload);
    BuiltinResult { value: 0, trapped: 1 }
}

fn memory_grow(instance: &mut InstanceData, memory: u64, pages: u64, _: u64, _: u64) -> Answer {
    let memory = memory_of(instance, memory);
    Ok(memory.grow(pages).unwrap_or_else(|_| memory.ty().index.refused()))
}

fn table_grow(instance: &mut InstanceData, table: u64, value: u64, count: u64, _: u64) -> Answer {
    let table = table_of(instance, table);
    Ok(table.grow(count, value).unwrap_or_else(|_| table.index().refused()))
}

fn memory_copy(instance: &mut InstanceData, memories: u64, to: u64, from: u64, count: u64) -> Answer {
    let source = memory_of(instance, memories & 0xffff_ffff);
    let from = source.base().wrapping_add(source.range(from, count)?.start);
    let racing = source.shared().is_some();
    let target = memory_of(instance, memories >> 32);
    let to = target.base().wrapping_add(target.range(to, count)?.start);
    // SAFETY: both ranges are within their memories, and nobody has references to the contents while a builtin runs.
    unsafe { LinearMemory::copy(to, from, count as usize, racing || target.shared().is_some()) };
    Ok(0)
}

fn memory_fill(instance: &mut InstanceData, memory: u64, start: u64, value: u64, count: u64) -> Answer {
    memory_of(instance, memory).fill(start, value as u8, count)?;
    Ok(0)
}

fn memory_init(instance: &mut InstanceData, which: u64, to: u64, from: u64, count: u64) -> Answer {
    let mut memory = instance.memory_address((which >> 32) as u32);
    let data = instance.data(which as u32);
    let from = range(from, count, data.len() as u64).map_err(|_| TrapCode::MemoryOutOfBounds)?;
    // SAFETY: the store's own memory; no other reference to it is alive while a builtin runs.
    unsafe { memory.as_mut() }.init(to, &data[from])?;
    Ok(0)
}

fn atomic_notify(instance: &mut InstanceData, memory: u64, address: u64, count: u64, _: u64) -> Answer {
    let memory = memory_of(instance, memory);
    match memory.shared() {
        Some(shared) => Ok(shared.notify(address, count as u32).map(u64::from)?),
        // Nobody can wait.
        None => Ok(check_atomic(address, 4, memory.len()).map(|()| 0)?),
    }
}

fn atomic_wait32(instance: &mut InstanceData, memory: u64, address: u64, expected: u64, timeout: u64) -> Answer {
    let memory = memory_of(instance, memory);
    let Some(shared) = memory.shared() else { return not_shared(memory, address, 4) };
    Ok(shared.wait32(address, expected as u32, duration(timeout)).map(|waited| waited as u64)?)
}

fn atomic_wait64(instance: &mut InstanceData, memory: u64, address: u64, expected: u64, timeout: u64) -> Answer {
    let memory = memory_of(instance, memory);
    let Some(shared) = memory.shared() else { return not_shared(memory, address, 8) };
    Ok(shared.wait64(address, expected, duration(timeout)).map(|waited| waited as u64)?)
}

fn not_shared(memory: &LinearMemory, address: u64, bytes: u64) -> Answer {
    check_atomic(address, bytes, memory.len())?;
    Err(Stop::Trap(TrapCode::ExpectedSharedMemory))
}

/// A negative number of nanoseconds is for ever.
fn duration(nanoseconds: u64) -> Option<Duration> {
    (nanoseconds as i64 >= 0).then(|| Duration::from_nanos(nanoseconds))
}

fn table_copy(instance: &mut InstanceData, tables: u64, to: u64, from: u64, count: u64) -> Answer {
    let source = table_of(instance, tables & 0xffff_ffff);
    let from = range(from, count, source.len())?;
    let source = source.elements_mut().as_mut_ptr();
    let target = table_of(instance, tables >> 32);
    let to = range(to, count, target.len())?;
    let target = target.elements_mut().as_mut_ptr();
    // SAFETY: both ranges are within their tables, and `copy` allows that they overlap.
    unsafe { target.add(to.start).copy_from(source.add(from.start), from.len()) };
    Ok(0)
}

fn table_init(instance: &mut InstanceData, which: u64, to: u64, from: u64, count: u64) -> Answer {
    let mut table = instance.table_address((which >> 32) as u32);
    let elements = instance.elements(which as u32);
    let from = range(from, count, elements.len() as u64)?;
    // SAFETY: the store's own table; no other reference to it is alive while a builtin runs.
    unsafe { table.as_mut() }.init(to, &elements[from])?;
    Ok(0)
}

fn throw(instance: &mut InstanceData, tag: u64, values: u64, _: u64, _: u64) -> Answer {
    let (index, info) = (TagIndex(tag as u32), instance.module().info());
    let count = info.types[info.tags[index.index()].index()].params().len();
    // SAFETY: the code that throws has stored as many values as its tag carries.
    let values = unsafe { std::slice::from_raw_parts(values as usize as *const Value, count) };
    let tag = instance.tag(index);
    // SAFETY: the instance's store, of which nothing else is used while a builtin runs.
    let header = unsafe { &mut *instance.header() };
    let exception =
        header.exceptions.add(tag, values).map_err(|Exhausted| Stop::Trap(TrapCode::ExceptionsExhausted))?;
    Err(Stop::Exception(exception))
}

fn memory_of(instance: &mut InstanceData, memory: u64) -> &mut LinearMemory {
    // SAFETY: the store's own memory; no other reference to it is alive while a builtin runs.
    unsafe { instance.memory_address(memory as u32).as_mut() }
}

fn table_of(instance: &mut InstanceData, table: u64) -> &mut Table {
    // SAFETY: the store's own table; no other reference to it is alive while a builtin runs.
    unsafe { instance.table_address(table as u32).as_mut() }
}

impl From<OutOfTable> for Stop {
    fn from(OutOfTable: OutOfTable) -> Stop {
        Stop::Trap(TrapCode::TableOutOfBounds)
    }
}

impl From<TrapCode> for Stop {
    fn from(code: TrapCode) -> Stop {
        Stop::Trap(code)
    }
}

fn returned(value: u64) -> BuiltinResult {
    BuiltinResult { value, trapped: 0 }
}

/// # Safety
/// `context` is the running one.
#[cold]
unsafe fn stopped(context: *mut Context, stop: Stop) -> BuiltinResult {
    // SAFETY: every context points to its store's header.
    let header = unsafe { &mut *header_of(context) };
    let code = match stop {
        Stop::Trap(code) => {
            header.pending = Pending::Trap;
            code
        }
        Stop::Exception(exception) => {
            header.thrown = exception;
            header.pending = Pending::Exception;
            TrapCode::Unreachable
        }
        Stop::Panic(panic) => {
            (header.payload, header.pending) = (Some(Payload::Panic(panic)), Pending::Payload);
            TrapCode::Unreachable
        }
    };
    header.trap = TrapRecord::at_exit(code, header.exit_sp);
    BuiltinResult { value: 0, trapped: 1 }
}
