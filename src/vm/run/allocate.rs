//! How an instance is made: its context, records, own memories, tables and globals, connected with each other and with imports.

#![allow(unsafe_code, reason = "connects contexts, memories and tables by address")]

use crate::abi::layout::{self, ContextLayout, Slot};
use crate::decode::ModuleInfo;
use crate::types::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex};
use crate::vm::owned::bounds::{Limits, Refused};
use crate::vm::owned::context_box::ContextBox;
use crate::vm::owned::memory::LinearMemory;
use crate::vm::owned::pinned::Pinned;
use crate::vm::owned::table::Table;
use crate::vm::run::instance::{Imports, InstanceData, InstanceModule};
use crate::vm::run::records::reserved;
use crate::vm::run::store::{Declared, StoreState};
use crate::vm::visible::context::{FuncRecord, Value};
use crate::vm::visible::handle::{GlobalId, InstanceId, MemoryId, TableId};
use std::sync::Arc;

impl StoreState {
    /// Allocates an instance: its context, records, own memories (zeroed), tables (null) and globals (zero). Initial
    /// values, segments and the start function are the caller's business. Imports must fit the module.
    pub(crate) fn add_instance(
        &mut self,
        module: Arc<dyn InstanceModule>,
        imports: &Imports,
        limits: &Limits<'_>,
    ) -> Result<InstanceId, Refused> {
        let id = InstanceId::next(&self.instances);
        if module.info().holds_exceptions() {
            self.header.exceptions.keep_all();
        }
        let known = (self.memories.len(), self.tables.len());
        let instance = InstanceData::allocate(self, id, &module, imports, limits).inspect_err(|_| {
            self.memories.truncate(known.0);
            self.tables.truncate(known.1);
            self.element_types.truncate(known.1);
        })?;
        self.instances.push(instance);
        Ok(id)
    }
}

impl InstanceData {
    /// Makes an instance and puts what it defines into the store; on failure it may have added memories and tables.
    pub(in crate::vm) fn allocate(
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
