//! An instance: what its context's owner field points to, for builtins and the layers above.

#![allow(unsafe_code, reason = "connects contexts, memories and tables by address")]

use super::bounds::Limits;
use super::code::{CodeAddress, Signatures};
use super::context::{Context, ContextBox, FuncRecord, FuncRef, Pinned, RecordKind, StoreHeader, Value};
use super::host::HostError;
use super::images::MemoryImages;
use super::memory::{LinearMemory, Refused};
use super::store::{Declared, GlobalId, InstanceId, MemoryId, StoreState, TableId, TagId};
use super::table::Table;
use crate::abi::layout::{self, ContextLayout, Slot};
use crate::decode::{ExportItem, ModuleInfo};
use crate::sys::shortage::Purpose;
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
    /// With the following two behind it.
    context: ContextBox,
    /// Of own functions. Compiled code uses them by address: never changed again.
    records: NonNull<[FuncRecord]>,
    /// By data segment.
    data_dropped: NonNull<[bool]>,
    imported_functions: Vec<FuncRef>,
    memories: Vec<(MemoryId, NonNull<LinearMemory>)>,
    tables: Vec<(TableId, NonNull<Table>)>,
    globals: Vec<GlobalId>,
    tags: Vec<TagId>,
    elements: Vec<Box<[u64]>>,
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
    pub(super) fn header(&self) -> *mut StoreHeader {
        let store: NonNull<*mut StoreHeader> = self.context.place(layout::CONTEXT_STORE);
        // SAFETY: every context points to its store's header, which has been written when it was made.
        unsafe { store.read() }
    }

    pub(super) fn id(&self) -> InstanceId {
        self.id
    }

    /// Where a fault is an access out of bounds. Async-signal-safe; compiled code is running.
    pub(super) fn reservations(&self) -> impl Iterator<Item = Range<usize>> {
        // SAFETY: memories live as long as the store, and nobody has a reference to them while compiled code runs.
        self.memories.iter().filter_map(|(_, memory)| unsafe { memory.as_ref() }.reservation())
    }

    pub(super) fn elements(&self, segment: u32) -> &[u64] {
        &self.elements[segment as usize]
    }

    pub(super) fn data(&self, segment: u32) -> &[u8] {
        let info = self.module.info();
        // SAFETY: in the context, zeroed when it was made, and only `drop_data` writes there.
        let is_dropped = unsafe { self.data_dropped.as_ref() }[segment as usize];
        if is_dropped { &[] } else { info.data_of(&info.data[segment as usize]) }
    }

    pub(super) fn memory_address(&self, memory: u32) -> NonNull<LinearMemory> {
        self.memories[memory as usize].1
    }

    pub(super) fn table_address(&self, table: u32) -> NonNull<Table> {
        self.tables[table as usize].1
    }

    /// Makes an instance and puts what it defines into the store; on failure it may have added memories and tables.
    pub(super) fn allocate(
        store: &mut StoreState,
        id: InstanceId,
        module: &Arc<dyn InstanceModule>,
        imports: &Imports,
        limits: &Limits<'_>,
    ) -> Result<Pinned<InstanceData>, Refused> {
        let info = module.info();
        let layout = ContextLayout::new(info);
        let first_own = (store.memories.len() as u32, store.tables.len() as u32);
        add_own_memories(store, module.as_ref(), limits)?;
        add_own_tables(store, id, info, limits)?;
        let records = module.records()?;
        let context = ContextBox::zeroed(layout.bytes() + records.bytes() + info.data.len())?;
        let data_dropped = context.places(layout.bytes() + records.bytes(), info.data.len());
        let records = records.write_to(context.address(), context.places(layout.bytes(), records.count()));
        let mut instance = Pinned::new(InstanceData {
            id,
            context,
            records,
            data_dropped,
            imported_functions: imports.functions.clone(),
            memories: reserved(info.memories.len())?,
            tables: reserved(info.tables.len())?,
            globals: reserved(info.globals.len())?,
            tags: reserved(info.tags.len())?,
            elements: reserved(info.elements.len())?,
            module: module.clone(),
        });
        instance.elements.resize_with(info.elements.len(), Box::default);
        let own_memories = (first_own.0..store.memories.len() as u32).map(MemoryId);
        instance.connect_memories(store, &layout, imports.memories.iter().copied().chain(own_memories));
        let own_tables = (first_own.1..store.tables.len() as u32).map(TableId);
        instance.connect_tables(store, &layout, imports.tables.iter().copied().chain(own_tables));
        instance.connect_globals(store, &layout, &imports.globals);
        instance.tags.extend_from_slice(&imports.tags);
        let own_tags = &info.tags[info.imported_tags as usize..];
        instance.tags.extend(own_tags.iter().map(|ty| store.add_tag(info.types[ty.index()].func_type().clone())));
        instance.connect_functions(&layout);
        instance.fill_head(store);
        Ok(instance)
    }

    fn connect_memories(
        &mut self,
        store: &mut StoreState,
        layout: &ContextLayout,
        memories: impl Iterator<Item = MemoryId>,
    ) {
        for (index, id) in memories.enumerate() {
            let memory = &mut store.memories[id.0 as usize];
            self.memories.push((id, memory.address()));
            match layout.memory(MemoryIndex(index as u32)) {
                Slot::Imported(offset) => self.context.write(offset, memory.definition()),
                // SAFETY: the context lives as long as the store, and so does the memory.
                Slot::Own(offset) => unsafe { memory.set_mirror(self.context.place(offset)) },
            }
        }
        if let Some((first, _)) = self.memories.first() {
            // SAFETY: contexts live as long as the store, and so does the memory.
            unsafe { store.memories[first.0 as usize].add_heap(self.context.address()) };
        }
    }

    fn connect_tables(
        &mut self,
        store: &mut StoreState,
        layout: &ContextLayout,
        tables: impl Iterator<Item = TableId>,
    ) {
        for (index, id) in tables.enumerate() {
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
                Slot::Own(offset) => {
                    store.add_global_at(self.context.place::<Value>(offset), Declared::In(self.id, index))
                }
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
        let (records, owner) = (self.records.cast::<FuncRecord>().as_ptr(), &raw mut *self);
        self.context.write(layout::CONTEXT_STORE, store.header.address());
        self.context.write(layout::CONTEXT_BUILTINS, store.builtins.as_ptr());
        self.context.write(layout::CONTEXT_RECORDS, records);
        self.context.write(layout::CONTEXT_OWNER, owner);
    }
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

/// Records of a module's own referable functions, which lack the instance.
pub(crate) struct Records {
    records: Box<[FuncRecord]>,
    /// By own function, up to the last referable one: the place of its record.
    places: Box<[u32]>,
}

/// Where a wasm function is entered: by its own instance, and by importers.
pub(crate) struct Entries {
    pub(crate) code: CodeAddress,
    pub(crate) importer: CodeAddress,
}

/// The place of functions that are not referable.
const NOWHERE: u32 = u32::MAX;

impl Records {
    /// Of a module whose own functions are entered there. The signatures must stay where they are as long as there are instances.
    /// `signals`: do faults of compiled code become traps?
    pub(crate) fn new(
        info: &ModuleInfo,
        entries: impl Fn(usize) -> Entries,
        signatures: &Signatures,
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
            let signature = signatures.of(&info.types[info.functions[func.index()].index()]);
            places[own] = records.len() as u32;
            let entries = entries(own);
            records.push(FuncRecord {
                code: entries.code.0,
                foreign: signature.foreign.0,
                instance: 0,
                signature: signature.ty.number(),
                kind,
                importer: entries.importer.0,
                ty: &raw const *signature as usize,
            });
        }
        Ok(Records { records: records.into(), places: places.into() })
    }

    fn count(&self) -> usize {
        self.records.len()
    }

    /// What the records of an instance take.
    fn bytes(&self) -> usize {
        size_of_val(&*self.records)
    }

    /// Writes the records of the instance with this context, as many as there are, to their places in it.
    fn write_to(&self, context: NonNull<Context>, mut places: NonNull<[FuncRecord]>) -> NonNull<[FuncRecord]> {
        let instance = context.as_ptr() as usize;
        // SAFETY: a part of a context that nobody uses yet, zeroed, which is a valid record.
        let own = unsafe { places.as_mut() };
        for (own, record) in own.iter_mut().zip(&self.records) {
            *own = FuncRecord { instance, ..*record };
        }
        places
    }

    /// The place of the record of one of the module's own functions, if it is referable.
    #[inline]
    fn place(&self, own: FuncIndex) -> Option<usize> {
        self.places.get(own.index()).filter(|&&place| place != NOWHERE).map(|&place| place as usize)
    }
}

fn add_own_memories(store: &mut StoreState, module: &dyn InstanceModule, limits: &Limits<'_>) -> Result<(), Refused> {
    let info = module.info();
    let own = &info.memories[info.imported_memories as usize..];
    if own.is_empty() {
        return Ok(());
    }
    let images = module.images().next(info, limits.bounds);
    for (own, ty) in own.iter().enumerate() {
        store.add_memory(LinearMemory::new(limits, ty, images.get(own).and_then(Option::as_ref))?);
    }
    Ok(())
}

fn add_own_tables(
    store: &mut StoreState,
    id: InstanceId,
    info: &ModuleInfo,
    limits: &Limits<'_>,
) -> Result<(), Refused> {
    for (index, ty) in (0..).zip(&info.tables).skip(info.imported_tables as usize) {
        store.add_table_of(Table::new(ty, limits.table_elements, 0)?, Declared::In(id, index));
    }
    Ok(())
}

/// An empty vector with room for as many items as a module says.
fn reserved<T>(count: usize) -> Result<Vec<T>, Refused> {
    let mut items = Vec::new();
    items
        .try_reserve_exact(count)
        .map_err(|_| Refused::exhausted(Purpose::Instance, count.saturating_mul(size_of::<T>())))?;
    Ok(items)
}
