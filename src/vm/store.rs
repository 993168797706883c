//! A store's machine state: the header that compiled code reads, and everything it owns.

#![allow(unsafe_code, reason = "the running half: see each block")]

use super::code::Signature;
use super::context::{FuncRef, RecordKind, Value};
use super::host::{HostCall, HostError};
use super::instance::{Imports, InstanceData, InstanceModule, Limits};
use super::memory::{LinearMemory, Refused};
use super::stack::Stack;
use super::table::Table;
use std::sync::Arc;

/// The store of the layer above: host functions get it back from [`HostCall::store`].
pub(crate) trait Hosted: 'static {
    fn state(&mut self) -> &mut StoreState;
}

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub(crate) struct $name(pub(super) u32);
    )* };
}

handles! {
    /// An instance of a store.
    InstanceId;
    /// A memory of a store.
    MemoryId;
    /// A table of a store.
    TableId;
    /// A global of a store.
    GlobalId;
}

/// Everything of a store that wasm code can reach. Handles must come from the same store (the layer above checks
/// that); one that is out of range panics.
pub(crate) struct StoreState {
    header: Box<StoreHeader>,
    stack: Stack,
}

/// The part that compiled code reads and writes.
#[repr(C)]
pub(crate) struct StoreHeader {
    native_sp: usize,
}

impl StoreState {
    /// An empty store. `builtins` holds the code addresses of all builtins' entries and lives as long as the store.
    pub(crate) fn new(stack: Stack, builtins: Arc<[u64]>) -> StoreState {
        let _ = (stack, builtins);
        todo!()
    }

    pub(crate) fn add_memory(&mut self, memory: LinearMemory) -> MemoryId {
        let _ = memory;
        todo!()
    }

    pub(crate) fn add_table(&mut self, table: Table) -> TableId {
        let _ = table;
        todo!()
    }

    /// A global that belongs to no instance.
    pub(crate) fn add_global(&mut self, value: Value) -> GlobalId {
        let _ = value;
        todo!()
    }

    /// A function of the host. `call` finds its arguments in `HostCall::values` and leaves its results there;
    /// it may return an error and may panic: both go to whoever entered wasm.
    pub(crate) fn add_host_function<F>(&mut self, signature: &Signature, call: F) -> FuncRef
    where
        F: Fn(&mut HostCall<'_>) -> Result<(), HostError> + Send + Sync + 'static,
    {
        let _ = (signature, call);
        todo!()
    }

    /// Allocates an instance: its context, records, own memories (zeroed), tables (null) and globals (zero). Initial
    /// values, segments and the start function are the caller's business. Imports must fit the module.
    pub(crate) fn add_instance(
        &mut self,
        module: Arc<dyn InstanceModule>,
        imports: &Imports,
        limits: &Limits,
    ) -> Result<InstanceId, Refused> {
        let _ = (module, imports, limits);
        todo!()
    }

    pub(crate) fn instance(&self, instance: InstanceId) -> &InstanceData {
        let _ = instance;
        todo!()
    }

    pub(crate) fn instance_mut(&mut self, instance: InstanceId) -> &mut InstanceData {
        let _ = instance;
        todo!()
    }

    pub(crate) fn memory(&self, memory: MemoryId) -> &LinearMemory {
        let _ = memory;
        todo!()
    }

    pub(crate) fn memory_mut(&mut self, memory: MemoryId) -> &mut LinearMemory {
        let _ = memory;
        todo!()
    }

    pub(crate) fn table(&self, table: TableId) -> &Table {
        let _ = table;
        todo!()
    }

    pub(crate) fn table_mut(&mut self, table: TableId) -> &mut Table {
        let _ = table;
        todo!()
    }

    pub(crate) fn global(&self, global: GlobalId) -> Value {
        let _ = global;
        todo!()
    }

    pub(crate) fn set_global(&mut self, global: GlobalId, value: Value) {
        let _ = (global, value);
        todo!()
    }

    /// The engine-wide number of a function's type.
    pub(crate) fn signature_of(&self, func: FuncRef) -> u32 {
        let _ = func;
        todo!()
    }

    pub(crate) fn kind_of(&self, func: FuncRef) -> RecordKind {
        let _ = func;
        todo!()
    }
}
