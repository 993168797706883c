//! An instance: what its context's owner field points to, for builtins and the layers above.

#![allow(unsafe_code, reason = "connects contexts, memories and tables by address")]

use super::code::{Code, Signature};
use super::context::{Context, ContextBox, FuncRecord, FuncRef, Pinned, RecordKind, StoreHeader, Value};
use super::memory::{Bounds, LinearMemory, Refused};
use super::store::{GlobalId, InstanceId, MemoryId, StoreState, TableId, TagId};
use super::table::Table;
use crate::abi::layout::{self, ContextLayout, Slot};
use crate::decode::{ExportItem, ModuleInfo};
use crate::types::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

/// What an instance needs of its module, and keeps alive.
pub(crate) trait InstanceModule: Send + Sync {
    fn info(&self) -> &ModuleInfo;
    fn code(&self) -> &Code;
    /// By type index.
    fn signatures(&self) -> &[Signature];
    /// An export by its name, for the layers above.
    fn export(&self, name: &str) -> Option<ExportItem>;
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

/// What a store grants to each memory and table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bounds: Bounds,
    /// Do faults of compiled code become traps?
    pub(crate) signals: bool,
    pub(crate) memory_bytes: u64,
    pub(crate) table_elements: u64,
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
        if let Some(&imported) = self.imported_functions.get(func.index()) {
            return imported;
        }
        let place = self.module.info().record_of(func).expect("only referable functions become values");
        FuncRef(NonNull::from(&self.records[place as usize]))
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
        limits: &Limits,
    ) -> Result<Pinned<InstanceData>, Refused> {
        let keep = module.clone();
        let info = keep.info();
        let layout = ContextLayout::new(info);
        let memories = own_memories(info, limits)?;
        let tables = own_tables(info, limits)?;
        let mut instance = Pinned::new(InstanceData {
            id,
            context: ContextBox::zeroed(layout.bytes())?,
            records: reserved(info.referable.len())?,
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
        instance
            .connect_functions(&layout, if limits.signals { RecordKind::Wasm } else { RecordKind::WasmWithoutSignals });
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

    fn connect_functions(&mut self, layout: &ContextLayout, kind: RecordKind) {
        let InstanceData { context, records, imported_functions, module, .. } = self;
        for (index, func) in imported_functions.iter().enumerate() {
            context.write(layout.imported_function(FuncIndex(index as u32)), func.bits());
        }
        let (info, code) = (module.info(), module.code());
        let positions = code.positions().expect("a module's code has positions");
        for func in &info.referable {
            let own = func.index() - info.imported_functions as usize;
            let signature = &module.signatures()[info.functions[func.index()].index()];
            records.push(FuncRecord {
                code: code.address(positions.functions[own].code_offset).0,
                foreign: signature.foreign.0,
                instance: context.address().as_ptr() as usize,
                signature: signature.number,
                kind,
            });
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

fn own_memories(info: &ModuleInfo, limits: &Limits) -> Result<Vec<LinearMemory>, Refused> {
    let own = &info.memories[info.imported_memories as usize..];
    own.iter().map(|ty| LinearMemory::new(limits.bounds, ty, limits.memory_bytes)).collect()
}

fn own_tables(info: &ModuleInfo, limits: &Limits) -> Result<Vec<Table>, Refused> {
    let own = &info.tables[info.imported_tables as usize..];
    own.iter().map(|ty| Table::new(ty, limits.table_elements, 0)).collect()
}

/// An empty vector with room for as many items as a module says.
fn reserved<T>(count: usize) -> Result<Vec<T>, Refused> {
    let mut items = Vec::new();
    items.try_reserve_exact(count).map_err(|_| Refused::Exhausted)?;
    Ok(items)
}
