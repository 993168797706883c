//! An instance: what its context's owner field points to, for builtins and the layers above.

#![allow(unsafe_code, reason = "connects contexts, memories and tables by address")]

use super::bounds::Limits;
use super::code::{CodeAddress, Signature};
use super::context::{Context, ContextBox, FuncRecord, FuncRef, Pinned, RecordKind, StoreHeader, Value};
use super::host::HostError;
use super::images::MemoryImages;
use super::memory::{LinearMemory, Refused};
use super::store::{GlobalId, InstanceId, MemoryId, StoreState, TableId, TagId};
use super::table::Table;
use crate::abi::layout::{self, ContextLayout, Slot};
use crate::decode::{ExportItem, ModuleInfo};
use crate::types::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex};
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
    id: InstanceId,
    context: ContextBox,
    /// Compiled code uses them by address: never changed again.
    records: Vec<FuncRecord>,
    imported_functions: Vec<FuncRef>,
    memories: Vec<(MemoryId, NonNull<LinearMemory>)>,
    tables: Vec<(TableId, NonNull<Table>)>,
    globals: Vec<GlobalId>,
    tags: Vec<TagId>,
    elements: Vec<Box<[u64]>>,
    data_dropped: Vec<bool>,
    /// Where a fault is an access out of bounds; a signal handler reads it.
    reservations: Vec<Range<usize>>,
    /// Last, as code goes with it.
    module: Arc<dyn InstanceModule>,
}

impl InstanceData {
    pub(super) fn context(&self) -> NonNull<Context> {
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
        self.func_among(self.records(), func)
    }

    /// The same for many, as table elements.
    pub(crate) fn elements_of(&self, functions: &[FuncIndex]) -> Vec<u64> {
        let records = self.records();
        functions.iter().map(|func| self.func_among(records, *func).bits()).collect()
    }

    fn records(&self) -> &Records {
        self.module.records().expect("made when this was")
    }

    fn func_among(&self, records: &Records, func: FuncIndex) -> FuncRef {
        match func.index().checked_sub(self.imported_functions.len()) {
            None => self.imported_functions[func.index()],
            Some(own) => {
                let place = records.place(FuncIndex(own as u32)).expect("only referable functions become values");
                FuncRef(NonNull::from(&self.records[place]))
            }
        }
    }

    /// Gives a passive element segment its evaluated elements; `table.init` reads them until `elem.drop`. Segments start out dropped.
    pub(crate) fn set_elements(&mut self, segment: u32, elements: Box<[u64]>) {
        self.elements[segment as usize] = elements;
    }

    /// Drops a data segment, as `data.drop` does (an active one after it is copied). Segments start out present.
    pub(crate) fn drop_data(&mut self, segment: u32) {
        self.data_dropped[segment as usize] = true;
    }

    /// The store's header.
    pub(super) fn header(&self) -> *mut StoreHeader {
        let store: NonNull<*mut StoreHeader> = self.context.place(layout::CONTEXT_STORE);
        // SAFETY: every context points to its store's header, which has been written when it was made.
        unsafe { store.read() }
    }

    pub(super) fn id(&self) -> InstanceId {
        self.id
    }

    pub(super) fn reservations(&self) -> &[Range<usize>] {
        &self.reservations
    }

    pub(super) fn elements(&self, segment: u32) -> &[u64] {
        &self.elements[segment as usize]
    }

    pub(super) fn data(&self, segment: u32) -> &[u8] {
        let (info, segment) = (self.module.info(), segment as usize);
        if self.data_dropped[segment] { &[] } else { info.data_of(&info.data[segment]) }
    }

    pub(super) fn memory_address(&self, memory: u32) -> NonNull<LinearMemory> {
        self.memories[memory as usize].1
    }

    pub(super) fn table_address(&self, table: u32) -> NonNull<Table> {
        self.tables[table as usize].1
    }

    /// Makes an instance and puts what it defines into the store; on failure the store is as before.
    pub(super) fn allocate(
        store: &mut StoreState,
        id: InstanceId,
        module: Arc<dyn InstanceModule>,
        imports: &Imports,
        limits: &Limits<'_>,
    ) -> Result<Pinned<InstanceData>, Refused> {
        let keep = module.clone();
        let info = keep.info();
        let layout = ContextLayout::new(info);
        let memories = own_memories(keep.as_ref(), limits)?;
        let tables = own_tables(info, limits)?;
        let context = ContextBox::zeroed(layout.bytes())?;
        let records = module.records()?.of_instance(context.address())?;
        let mut instance = Pinned::new(InstanceData {
            id,
            context,
            records,
            imported_functions: imports.functions.clone(),
            memories: reserved(info.memories.len())?,
            tables: reserved(info.tables.len())?,
            globals: reserved(info.globals.len())?,
            tags: reserved(info.tags.len())?,
            elements: reserved(info.elements.len())?,
            data_dropped: reserved(info.data.len())?,
            reservations: reserved(info.memories.len())?,
            module,
        });
        instance.elements.resize_with(info.elements.len(), Box::default);
        instance.data_dropped.resize(info.data.len(), false);
        let own_memories = memories.into_iter().map(|memory| store.add_memory(memory));
        let memories: Vec<MemoryId> = imports.memories.iter().copied().chain(own_memories).collect();
        let own_tables = tables.into_iter().map(|table| store.add_table(table));
        let tables: Vec<TableId> = imports.tables.iter().copied().chain(own_tables).collect();
        instance.connect_memories(store, &layout, &memories);
        instance.connect_tables(store, &layout, &tables);
        instance.connect_globals(store, &layout, &imports.globals);
        instance.tags.extend_from_slice(&imports.tags);
        let own_tags = &info.tags[info.imported_tags as usize..];
        instance.tags.extend(own_tags.iter().map(|ty| store.add_tag(info.types[ty.index()].clone())));
        instance.connect_functions(&layout);
        instance.fill_head(store);
        Ok(instance)
    }

    fn connect_memories(&mut self, store: &mut StoreState, layout: &ContextLayout, memories: &[MemoryId]) {
        for (index, &id) in memories.iter().enumerate() {
            let memory = &mut store.memories[id.0 as usize];
            self.memories.push((id, memory.address()));
            self.reservations.extend(memory.reservation());
            match layout.memory(MemoryIndex(index as u32)) {
                Slot::Imported(offset) => self.context.write(offset, memory.definition()),
                // SAFETY: the context lives as long as the store, and so does the memory.
                Slot::Own(offset) => unsafe { memory.set_mirror(self.context.place(offset)) },
            }
        }
        if let Some(first) = memories.first() {
            // SAFETY: contexts live as long as the store, and so does the memory.
            unsafe { store.memories[first.0 as usize].add_heap(self.context.address()) };
        }
    }

    fn connect_tables(&mut self, store: &mut StoreState, layout: &ContextLayout, tables: &[TableId]) {
        for (index, &id) in tables.iter().enumerate() {
            let table = &mut store.tables[id.0 as usize];
            self.tables.push((id, table.address()));
            match layout.table(TableIndex(index as u32)) {
                Slot::Imported(offset) => self.context.write(offset, table.definition()),
                // SAFETY: the context lives as long as the store, and so does the table.
                Slot::Own(offset) => unsafe { table.set_mirror(self.context.place(offset)) },
            }
        }
    }

    fn connect_globals(&mut self, store: &mut StoreState, layout: &ContextLayout, imported: &[GlobalId]) {
        for index in 0..self.module.info().globals.len() as u32 {
            let id = match layout.global(GlobalIndex(index)) {
                Slot::Imported(offset) => {
                    let id = imported[index as usize];
                    self.context.write(offset, store.globals[id.0 as usize]);
                    id
                }
                Slot::Own(offset) => store.add_global_at(self.context.place::<Value>(offset)),
            };
            self.globals.push(id);
        }
    }

    fn connect_functions(&mut self, layout: &ContextLayout) {
        for (index, func) in self.imported_functions.iter().enumerate() {
            self.context.write(layout.imported_function(FuncIndex(index as u32)), func.bits());
        }
    }

    fn fill_head(&mut self, store: &StoreState) {
        let (records, owner) = (self.records.as_ptr(), &raw mut *self);
        self.context.write(layout::CONTEXT_STORE, store.header.address());
        self.context.write(layout::CONTEXT_BUILTINS, store.builtins.as_ptr());
        self.context.write(layout::CONTEXT_RECORDS, records);
        self.context.write(layout::CONTEXT_OWNER, owner);
    }
}

/// Records of a module's own referable functions, which lack the instance.
pub(crate) struct Records {
    records: Box<[FuncRecord]>,
    /// By own function, up to the last referable one: the place of its record.
    places: Box<[u32]>,
}

/// The place of functions that are not referable.
const NOWHERE: u32 = u32::MAX;

impl Records {
    /// Of a module whose own functions are entered there, with these signatures by type index. `signals`: do faults of compiled
    /// code become traps?
    pub(crate) fn new(
        info: &ModuleInfo,
        entry: impl Fn(usize) -> CodeAddress,
        signatures: &[Signature],
        signals: bool,
    ) -> Result<Records, Refused> {
        let kind = if signals { RecordKind::Wasm } else { RecordKind::WasmWithoutSignals };
        let imported = info.imported_functions as usize;
        let own_functions = info.referable.last().map_or(0, |last| last.index() + 1 - imported);
        let mut places = reserved(own_functions)?;
        places.resize(own_functions, NOWHERE);
        let mut records = reserved(info.referable.len())?;
        for func in &info.referable {
            let own = func.index() - imported;
            let signature = &signatures[info.functions[func.index()].index()];
            places[own] = records.len() as u32;
            records.push(FuncRecord {
                code: entry(own).0,
                foreign: signature.foreign.0,
                instance: 0,
                signature: signature.number,
                kind,
            });
        }
        Ok(Records { records: records.into(), places: places.into() })
    }

    /// The records of an instance with this context.
    pub(super) fn of_instance(&self, context: NonNull<Context>) -> Result<Vec<FuncRecord>, Refused> {
        let mut records = reserved(self.records.len())?;
        let instance = context.as_ptr() as usize;
        records.extend(self.records.iter().map(|record| FuncRecord { instance, ..*record }));
        Ok(records)
    }

    /// The place of the record of one of the module's own functions, if it is referable.
    pub(super) fn place(&self, own: FuncIndex) -> Option<usize> {
        self.places.get(own.index()).filter(|&&place| place != NOWHERE).map(|&place| place as usize)
    }
}

fn own_memories(module: &dyn InstanceModule, limits: &Limits<'_>) -> Result<Vec<LinearMemory>, Refused> {
    let info = module.info();
    let own = &info.memories[info.imported_memories as usize..];
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let images = module.images().next(info, limits.bounds);
    let image = |own: usize| images.get(own).and_then(Option::as_ref);
    own.iter().enumerate().map(|(own, ty)| LinearMemory::new(limits, ty, image(own))).collect()
}

fn own_tables(info: &ModuleInfo, limits: &Limits<'_>) -> Result<Vec<Table>, Refused> {
    let own = &info.tables[info.imported_tables as usize..];
    own.iter().map(|ty| Table::new(ty, limits.table_elements, 0)).collect()
}

/// An empty vector with room for as many items as a module says.
fn reserved<T>(count: usize) -> Result<Vec<T>, Refused> {
    let mut items = Vec::new();
    items.try_reserve_exact(count).map_err(|_| Refused::Exhausted)?;
    Ok(items)
}
