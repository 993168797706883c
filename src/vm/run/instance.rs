//! An instance: what its context's owner field points to, for builtins and the layers above.

#![allow(unsafe_code, reason = "connects contexts, memories and tables by address")]

use crate::decode::{ExportItem, ModuleInfo};
use crate::types::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex};
use crate::vm::code::published::CodeAddress;
use crate::vm::exit::header::{StoreHeader, header_of};
use crate::vm::exit::record::HostError;
use crate::vm::owned::bounds::Refused;
use crate::vm::owned::context_box::ContextBox;
use crate::vm::owned::images::MemoryImages;
use crate::vm::owned::memory::LinearMemory;
use crate::vm::owned::table::Table;
use crate::vm::run::records::Records;
use crate::vm::visible::context::{Context, FuncRecord, FuncRef};
use crate::vm::visible::handle::{GlobalId, InstanceId, MemoryId, TableId, TagId};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

/// What an instance needs of its module, and keeps alive, the code included.
pub(crate) trait InstanceModule: Send + Sync {
    fn info(&self) -> &ModuleInfo;
    /// An export by its name, for the layers above.
    fn export(&self, name: &str) -> Option<ExportItem>;
    fn images(&self) -> &MemoryImages;
    /// Made for the first instance; fails if there is no memory for them.
    fn records(&self) -> Result<&Records, Refused>;
    /// Compiles one of the module's own functions, of one whose functions are compiled when they are first called; returns
    /// where it is entered.
    fn compile(&self, own: u32) -> Result<CodeAddress, HostError>;
}

/// The imported items, in the order of each index space. They must have the declared types.
#[derive(Default)]
pub(crate) struct Imports {
    pub(crate) functions: Vec<FuncRef>,
    pub(crate) memories: Vec<MemoryId>,
    pub(crate) tables: Vec<TableId>,
    pub(crate) globals: Vec<GlobalId>,
    pub(crate) tags: Vec<TagId>,
}

/// One instance.
pub(crate) struct InstanceData {
    pub(in crate::vm) id: InstanceId,
    /// With the following two behind it.
    pub(in crate::vm) context: ContextBox,
    /// Of own functions. Compiled code uses them by address: never changed again.
    pub(in crate::vm) records: NonNull<[FuncRecord]>,
    /// By data segment.
    pub(in crate::vm) data_dropped: NonNull<[bool]>,
    pub(in crate::vm) imported_functions: Vec<FuncRef>,
    pub(in crate::vm) memories: Vec<(MemoryId, NonNull<LinearMemory>)>,
    pub(in crate::vm) tables: Vec<(TableId, NonNull<Table>)>,
    pub(in crate::vm) globals: Vec<GlobalId>,
    pub(in crate::vm) tags: Vec<TagId>,
    pub(in crate::vm) elements: Vec<Box<[u64]>>,
    /// Last, as code goes with it.
    pub(in crate::vm) module: Arc<dyn InstanceModule>,
}

impl InstanceData {
    pub(in crate::vm) fn context(&self) -> NonNull<Context> {
        self.context.address()
    }

    pub(crate) fn module(&self) -> &Arc<dyn InstanceModule> {
        &self.module
    }

    pub(crate) fn memory(&self, memory: MemoryIndex) -> MemoryId {
        self.memories[memory.index()].0
    }

    pub(crate) fn table(&self, table: TableIndex) -> TableId {
        self.tables[table.index()].0
    }

    pub(crate) fn global(&self, global: GlobalIndex) -> GlobalId {
        self.globals[global.index()]
    }

    pub(crate) fn tag(&self, tag: TagIndex) -> TagId {
        self.tags[tag.index()]
    }

    /// A reference to a function: an import, or one of the module's `referable` ones (else it panics).
    pub(crate) fn func(&self, func: FuncIndex) -> FuncRef {
        self.funcs().get(func)
    }

    /// The same for many, as table elements.
    pub(crate) fn elements_of(&self, functions: &[FuncIndex]) -> Vec<u64> {
        let funcs = self.funcs();
        functions.iter().map(|func| funcs.get(*func).bits()).collect()
    }

    fn funcs(&self) -> Funcs<'_> {
        Funcs {
            imported: &self.imported_functions,
            places: self.module.records().expect("made when this was"),
            // SAFETY: in the context, written when it was made, never changed.
            own: unsafe { self.records.as_ref() },
        }
    }

    /// Gives a passive element segment its evaluated elements; `table.init` reads them until `elem.drop`. Segments start out dropped.
    pub(crate) fn set_elements(&mut self, segment: u32, elements: Box<[u64]>) {
        self.elements[segment as usize] = elements;
    }

    /// Drops a data segment, as `data.drop` does (an active one after it is copied). Segments start out present.
    pub(crate) fn drop_data(&mut self, segment: u32) {
        // SAFETY: in the context; nobody else has a reference there.
        unsafe { self.data_dropped.as_mut()[segment as usize] = true };
    }

    /// The store's header.
    pub(in crate::vm) fn header(&self) -> *mut StoreHeader {
        // SAFETY: the context of this instance, which is a part of its store.
        unsafe { header_of(self.context.address().as_ptr()) }
    }

    pub(in crate::vm) fn id(&self) -> InstanceId {
        self.id
    }

    /// Where a fault is an access out of bounds. Async-signal-safe; compiled code is running.
    pub(in crate::vm) fn reservations(&self) -> impl Iterator<Item = Range<usize>> {
        // SAFETY: memories live as long as the store, and nobody has a reference to them while compiled code runs.
        self.memories.iter().filter_map(|(_, memory)| unsafe { memory.as_ref() }.reservation())
    }

    pub(in crate::vm) fn elements(&self, segment: u32) -> &[u64] {
        &self.elements[segment as usize]
    }

    pub(in crate::vm) fn data(&self, segment: u32) -> &[u8] {
        let info = self.module.info();
        // SAFETY: in the context, zeroed when it was made, and only `drop_data` writes there.
        let is_dropped = unsafe { self.data_dropped.as_ref() }[segment as usize];
        if is_dropped { &[] } else { info.data_of(&info.data[segment as usize]) }
    }

    pub(in crate::vm) fn memory_address(&self, memory: u32) -> NonNull<LinearMemory> {
        self.memories[memory as usize].1
    }

    pub(in crate::vm) fn table_address(&self, table: u32) -> NonNull<Table> {
        self.tables[table as usize].1
    }
}

/// The instance of a context.
///
/// # Safety
/// The context of an instance, whose store is alive.
pub(in crate::vm) unsafe fn instance_of(context: *const Context) -> *mut InstanceData {
    // SAFETY: as promised; the context's head was written when the instance was made.
    unsafe { (*context).owner }.cast()
}

/// The functions of an instance.
struct Funcs<'a> {
    imported: &'a [FuncRef],
    places: &'a Records,
    own: &'a [FuncRecord],
}

impl Funcs<'_> {
    #[inline]
    fn get(&self, func: FuncIndex) -> FuncRef {
        match func.index().checked_sub(self.imported.len()) {
            None => self.imported[func.index()],
            Some(own) => {
                let place = self.places.place(FuncIndex(own as u32)).expect("only referable functions become values");
                FuncRef(NonNull::from(&self.own[place]))
            }
        }
    }
}
