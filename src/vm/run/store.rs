//! A store's machine state: the header that compiled code reads, and everything it owns.

#![allow(unsafe_code, reason = "reads records and globals by their address")]

use crate::types::{FuncType, GlobalType, RefType};
use crate::vm::code::published::Signature;
use crate::vm::exit::exception::Exceptions;
use crate::vm::exit::header::{Pending, Resume, StoreHeader};
use crate::vm::exit::passage::Passages;
use crate::vm::exit::record::TrapRecord;
use crate::vm::owned::memory::LinearMemory;
use crate::vm::owned::pinned::Pinned;
use crate::vm::owned::shared::SharedMemory;
use crate::vm::owned::stack::Stack;
use crate::vm::owned::table::Table;
use crate::vm::run::host::{HostCall, HostFunction, HostStop};
use crate::vm::run::instance::InstanceData;
use crate::vm::visible::context::{FuncRecord, FuncRef, Value};
use crate::vm::visible::handle::{GlobalId, InstanceId, MemoryId, TableId, TagId};
use std::any::{Any, TypeId};
use std::ptr::{NonNull, null, null_mut};
use std::sync::Arc;

/// The store of the layer above: host functions get it back from [`HostCall::parts`].
pub(crate) trait Hosted: 'static {
    /// The state in this store; it was made for `Self`.
    fn state(&mut self) -> &mut StoreState;
}

/// Where the type of a table or global is written. Handles of the layers above have no types in them: they are copied, and a
/// type may count its references.
pub(in crate::vm) enum Declared<T> {
    /// Made by the host.
    Here(T),
    /// In the module of an instance, at this place in the index space.
    In(InstanceId, u32),
}

/// Everything of a store that wasm code can reach. Handles must come from the same store (the layer above checks
/// that); one that is out of range panics.
///
/// Fields are dropped in order: what others point to comes last.
pub(crate) struct StoreState {
    pub(in crate::vm) instances: Vec<Pinned<InstanceData>>,
    host_functions: Vec<HostItem>,
    pub(in crate::vm) memories: Vec<Pinned<LinearMemory>>,
    pub(in crate::vm) tables: Vec<Pinned<Table>>,
    /// In contexts, or in `host_globals`.
    pub(in crate::vm) globals: Vec<NonNull<Value>>,
    pub(in crate::vm) global_types: Vec<Declared<GlobalType>>,
    /// Of the elements of `tables`.
    pub(in crate::vm) element_types: Vec<Declared<RefType>>,
    host_globals: Vec<Pinned<Value>>,
    tags: Vec<FuncType>,
    pub(in crate::vm) header: Pinned<StoreHeader>,
    pub(in crate::vm) builtins: Arc<[u64]>,
    _stack: Stack,
    owner: TypeId,
}

/// A host function's record, and the function it points to.
struct HostItem {
    _record: Pinned<FuncRecord>,
    _function: Box<dyn Any + Send>,
}

// SAFETY: all pointers in it lead to things that it owns or keeps alive, and those are `Send`: host functions are by
// their bound, modules are `Send + Sync`, a pending payload is `Send`. Wasm code does not run while it moves.
unsafe impl Send for StoreState {}

impl StoreState {
    /// An empty store, to be the state of an `S`. `builtins` holds the code addresses of all builtins' entries; the code lives
    /// as long as the store.
    pub(crate) fn new<S: Hosted>(stack: Stack, builtins: Arc<[u64]>) -> StoreState {
        let usable = stack.usable();
        let header = StoreHeader {
            native_sp: null(),
            exit_sp: 0,
            wasm_sp: usable.end,
            stack_limit: usable.start,
            trap_exit: 0,
            thrown: 0,
            resume: Resume::NOWHERE,
            exceptions: Exceptions::new(),
            passages: Passages::default(),
            owner: null_mut(),
            pending: Pending::Nothing,
            embedder_control: 0,
            trap: TrapRecord::NONE,
            payload: None,
            guard: stack.guard(),
            stack_end: usable.end,
        };
        StoreState {
            instances: Vec::new(),
            host_functions: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            global_types: Vec::new(),
            element_types: Vec::new(),
            host_globals: Vec::new(),
            tags: Vec::new(),
            header: Pinned::new(header),
            builtins,
            _stack: stack,
            owner: TypeId::of::<S>(),
        }
    }

    /// Is `S` the type that this was made for?
    pub(in crate::vm) fn belongs_to<S: Hosted>(&self) -> bool {
        self.owner == TypeId::of::<S>()
    }

    pub(crate) fn add_memory(&mut self, memory: LinearMemory) -> MemoryId {
        let id = MemoryId::next(&self.memories);
        self.memories.push(Pinned::new(memory));
        id
    }

    /// A memory that other stores may have, too.
    pub(crate) fn add_shared_memory(&mut self, memory: &Arc<SharedMemory>) -> MemoryId {
        let is_it = |known: &Pinned<LinearMemory>| known.shared().is_some_and(|known| Arc::ptr_eq(known, memory));
        match self.memories.iter().position(is_it) {
            Some(place) => MemoryId(place as u32),
            None => self.add_memory(LinearMemory::of_shared(memory.clone())),
        }
    }

    /// A table that belongs to no instance.
    pub(crate) fn add_table(&mut self, table: Table, element: RefType) -> TableId {
        self.add_table_of(table, Declared::Here(element))
    }

    pub(in crate::vm) fn add_table_of(&mut self, table: Table, element: Declared<RefType>) -> TableId {
        let id = TableId::next(&self.tables);
        self.tables.push(Pinned::new(table));
        self.element_types.push(element);
        id
    }

    /// A global that belongs to no instance.
    pub(crate) fn add_global(&mut self, value: Value, ty: GlobalType) -> GlobalId {
        let global = Pinned::new(value);
        let id = self.add_global_at(global.address(), Declared::Here(ty));
        self.host_globals.push(global);
        id
    }

    pub(in crate::vm) fn add_global_at(&mut self, place: NonNull<Value>, ty: Declared<GlobalType>) -> GlobalId {
        let id = GlobalId::next(&self.globals);
        self.globals.push(place);
        self.global_types.push(ty);
        id
    }

    /// A tag whose exceptions carry the parameters of a type.
    pub(crate) fn add_tag(&mut self, ty: FuncType) -> TagId {
        let id = TagId::next(&self.tags);
        self.tags.push(ty);
        id
    }

    pub(crate) fn tag(&self, tag: TagId) -> &FuncType {
        &self.tags[tag.0 as usize]
    }

    pub(crate) fn exceptions(&self) -> &Exceptions {
        &self.header.exceptions
    }

    pub(crate) fn exceptions_mut(&mut self) -> &mut Exceptions {
        &mut self.header.exceptions
    }

    /// A function of the host. `call` finds its arguments in `HostCall::parts` and leaves its results there;
    /// it may return an error and may panic: both go to whoever entered wasm. Panics unless this is the state of an `S`.
    pub(crate) fn add_host_function<S, F>(&mut self, signature: Arc<Signature>, call: F) -> FuncRef
    where
        S: Hosted,
        F: Fn(&mut HostCall<'_, S>) -> Result<(), HostStop> + Send + Sync + 'static,
    {
        assert!(self.belongs_to::<S>(), "a host function is made for the kind of store it runs in");
        let function = Box::new(HostFunction::new(call, signature, self.header.address()));
        let record = Pinned::new(function.record());
        let func = FuncRef(record.address());
        self.host_functions.push(HostItem { _record: record, _function: function });
        func
    }

    pub(crate) fn instance(&self, instance: InstanceId) -> &InstanceData {
        &self.instances[instance.0 as usize]
    }

    pub(crate) fn instance_mut(&mut self, instance: InstanceId) -> &mut InstanceData {
        &mut self.instances[instance.0 as usize]
    }

    #[inline]
    pub(crate) fn memory(&self, memory: MemoryId) -> &LinearMemory {
        &self.memories[memory.0 as usize]
    }

    #[inline]
    pub(crate) fn memory_mut(&mut self, memory: MemoryId) -> &mut LinearMemory {
        &mut self.memories[memory.0 as usize]
    }

    pub(crate) fn table(&self, table: TableId) -> &Table {
        &self.tables[table.0 as usize]
    }

    pub(crate) fn table_mut(&mut self, table: TableId) -> &mut Table {
        &mut self.tables[table.0 as usize]
    }

    /// The type of a table's elements.
    pub(crate) fn element_type(&self, table: TableId) -> &RefType {
        match &self.element_types[table.0 as usize] {
            Declared::Here(ty) => ty,
            Declared::In(instance, index) => &self.instance(*instance).module().info().tables[*index as usize].element,
        }
    }

    pub(crate) fn global_type(&self, global: GlobalId) -> &GlobalType {
        match &self.global_types[global.0 as usize] {
            Declared::Here(ty) => ty,
            Declared::In(instance, index) => &self.instance(*instance).module().info().globals[*index as usize],
        }
    }

    pub(crate) fn global(&self, global: GlobalId) -> Value {
        // SAFETY: in a context or a pinned value, both of which live as long as `self`; compiled code does not run now.
        unsafe { self.globals[global.0 as usize].read() }
    }

    pub(crate) fn set_global(&mut self, global: GlobalId, value: Value) {
        // SAFETY: as in `global`.
        unsafe { self.globals[global.0 as usize].write(value) }
    }

    /// The signature of a function. Nothing that another thread writes to is read for it.
    #[inline]
    pub(crate) fn signature(&self, func: FuncRef) -> &Signature {
        let signature = self.record(func).ty as *const Signature;
        // SAFETY: `Records::new` and `HostFunction::record` put the address of a signature there that the module or the host
        // function owns, which this store keeps as long as the record.
        unsafe { &*signature }
    }

    fn record(&self, func: FuncRef) -> &FuncRecord {
        // SAFETY: a `FuncRef` is the address of a record of this store, which frees none before itself.
        unsafe { func.0.as_ref() }
    }
}
