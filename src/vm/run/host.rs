//! Host functions: how wasm calls them, and how their errors and panics travel.

#![allow(unsafe_code, reason = "is called by stubs with addresses")]

use crate::abi::TrapCode;
use crate::vm::code::published::Signature;
#[cfg(test)]
use crate::vm::exit::backtrace::{self, Frame};
use crate::vm::exit::header::{Pending, StoreHeader};
use crate::vm::exit::record::{HostError, Payload, TrapRecord};
use crate::vm::run::instance::instance_of;
use crate::vm::visible::context::{Context, FuncRecord, RecordKind, Value};
use crate::vm::visible::handle::InstanceId;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

/// Why a host function stopped.
pub(crate) enum HostStop {
    Error(HostError),
    /// An exception of the store, by reference, for wasm code to catch.
    Exception(u64),
}

impl<E: Into<HostError>> From<E> for HostStop {
    fn from(error: E) -> HostStop {
        HostStop::Error(error.into())
    }
}

/// One call of a host function in a store that is an `S`.
pub(crate) struct HostCall<'a, S> {
    values: &'a mut [Value],
    caller: Option<NonNull<Context>>,
    header: NonNull<StoreHeader>,
    store: PhantomData<&'a mut S>,
}

impl<S: 'static> HostCall<'_, S> {
    /// The store in which the call happens, and the arguments; the results go to the same places.
    #[inline]
    pub(crate) fn parts(&mut self) -> (&mut S, &mut [Value]) {
        // SAFETY: the store of this function, which outlives its calls.
        let owner = unsafe { (*self.header.as_ptr()).owner }.cast::<S>();
        // SAFETY: `enter` put the address of the `&mut S` there that it was lent; the function was made for a store of
        // this type, as `StoreState::add_host_function` asserts, and so does `enter` of what entered; the entering side does not touch the store until this
        // call is over.
        (unsafe { &mut *owner }, self.values)
    }

    /// The instance whose code called, if it was wasm code.
    pub(crate) fn caller(&self) -> Option<InstanceId> {
        // SAFETY: a stub passed its own context.
        let owner = unsafe { instance_of(self.caller?.as_ptr()) };
        // SAFETY: every context of a store points to its instance, which lives as long.
        Some(unsafe { &*owner }.id())
    }

    /// The wasm frames below this call, innermost first.
    #[cfg(test)]
    pub(crate) fn backtrace(&self) -> Vec<Frame> {
        // SAFETY: the store of this function, which outlives its calls.
        backtrace::collect(unsafe { self.header.as_ref() }, None)
    }
}

/// A host function of a store that is an `S`; its record points to it.
pub(in crate::vm) struct HostFunction<S, F> {
    call: F,
    values: u32,
    /// The record has its address.
    signature: Arc<Signature>,
    header: NonNull<StoreHeader>,
    /// It reads and writes the store as an `S`, and as nothing else.
    store: PhantomData<fn(S) -> S>,
}

// SAFETY: the header belongs to the store that owns this function and moves with it.
unsafe impl<S, F: Send> Send for HostFunction<S, F> {}

impl<S, F> HostFunction<S, F>
where
    S: 'static,
    F: Fn(&mut HostCall<'_, S>) -> Result<(), HostStop> + Send + Sync + 'static,
{
    /// A function of this signature, whose foreign entry is the host stub. The header must be that of an `S`.
    pub(in crate::vm) fn new(call: F, signature: Arc<Signature>, header: NonNull<StoreHeader>) -> HostFunction<S, F> {
        HostFunction { call, values: signature.values, signature, header, store: PhantomData }
    }

    /// A record of this function, which must stay where it is.
    pub(in crate::vm) fn record(&self) -> FuncRecord {
        FuncRecord {
            code: host_entry::<S, F> as *const () as usize,
            foreign: self.signature.foreign.0,
            instance: &raw const *self as usize,
            signature: self.signature.ty.number(),
            kind: RecordKind::Host,
            importer: self.signature.foreign.0,
            ty: Arc::as_ptr(&self.signature) as usize,
        }
    }
}

/// The type of `RecordKind::Host` records' code, and what host stubs call.
pub(in crate::vm) type HostEntry = unsafe extern "sysv64" fn(*mut FuncRecord, *mut Context, *mut Value) -> u32;

/// Runs a host function on the native stack; 0 if it returned results, else it left something pending.
///
/// # Safety
/// The record is one of `HostFunction<S, F>`; `caller` is null or a context of the same store; `values` holds as many
/// values as the function's signature says.
unsafe extern "sysv64" fn host_entry<S, F>(record: *mut FuncRecord, caller: *mut Context, values: *mut Value) -> u32
where
    S: 'static,
    F: Fn(&mut HostCall<'_, S>) -> Result<(), HostStop> + Send + Sync + 'static,
{
    // SAFETY: a live record, as promised.
    let function = unsafe { (*record).instance } as *const HostFunction<S, F>;
    // SAFETY: made by `HostFunction::record`; the store keeps the function where it is.
    let function = unsafe { &*function };
    // SAFETY: as promised; nobody else knows the array while the call lasts.
    let values = unsafe { std::slice::from_raw_parts_mut(values, function.values as usize) };
    let mut call = HostCall { values, caller: NonNull::new(caller), header: function.header, store: PhantomData };
    // What the closure leaves broken by a panic is its own: it is seen again only if the caller goes on after the panic.
    let stopped = match catch_unwind(AssertUnwindSafe(|| (function.call)(&mut call))) {
        Ok(Ok(())) => return 0,
        Ok(Err(HostStop::Error(error))) => Ok(Payload::Error(error)),
        Ok(Err(HostStop::Exception(exception))) => Err(exception),
        Err(panic) => Ok(Payload::Panic(panic)),
    };
    leave_pending(function.header, stopped);
    1
}

/// With a payload, or an exception.
#[cold]
fn leave_pending(header: NonNull<StoreHeader>, stopped: Result<Payload, u64>) {
    // SAFETY: the store of the running function.
    let header = unsafe { &mut *header.as_ptr() };
    header.trap = TrapRecord::at_exit(TrapCode::Unreachable, header.exit_sp);
    match stopped {
        Ok(payload) => (header.payload, header.pending) = (Some(payload), Pending::Payload),
        Err(exception) => (header.thrown, header.pending) = (exception, Pending::Exception),
    }
}
