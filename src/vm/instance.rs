//! An instance: what its context's owner field points to, for builtins and the layers above.

#![allow(unsafe_code, reason = "the running half: see each block")]

use super::code::{Code, Signature};
use super::context::FuncRef;
use super::memory::Bounds;
use super::store::{GlobalId, MemoryId, TableId};
use crate::decode::ModuleInfo;
use crate::types::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex};
use std::sync::Arc;

/// What an instance needs of its module, and keeps alive.
pub(crate) trait InstanceModule: Send + Sync {
    fn info(&self) -> &ModuleInfo;
    fn code(&self) -> &Code;
    /// By type index.
    fn signatures(&self) -> &[Signature];
}

/// The imported items, in the order of each index space. They must have the declared types.
#[derive(Default)]
pub(crate) struct Imports {
    pub(crate) functions: Vec<FuncRef>,
    pub(crate) memories: Vec<MemoryId>,
    pub(crate) tables: Vec<TableId>,
    pub(crate) globals: Vec<GlobalId>,
}

/// What a store grants to each memory and table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bounds: Bounds,
    pub(crate) memory_bytes: u64,
    pub(crate) table_elements: u64,
}

/// One instance.
pub(crate) struct InstanceData {
    module: Arc<dyn InstanceModule>,
}

impl InstanceData {
    pub(crate) fn module(&self) -> &Arc<dyn InstanceModule> {
        &self.module
    }

    pub(crate) fn memory(&self, memory: MemoryIndex) -> MemoryId {
        let _ = memory;
        todo!()
    }

    pub(crate) fn table(&self, table: TableIndex) -> TableId {
        let _ = table;
        todo!()
    }

    pub(crate) fn global(&self, global: GlobalIndex) -> GlobalId {
        let _ = global;
        todo!()
    }

    /// A reference to a function: an import, or one of the module's `referable` ones (else it panics).
    pub(crate) fn func(&self, func: FuncIndex) -> FuncRef {
        let _ = func;
        todo!()
    }

    /// Gives a passive element segment its evaluated elements; `table.init` reads them until `elem.drop`. Segments start out dropped.
    pub(crate) fn set_elements(&mut self, segment: u32, elements: Box<[u64]>) {
        let _ = (segment, elements);
        todo!()
    }

    /// Drops a data segment, as `data.drop` does (an active one after it is copied). Segments start out present.
    pub(crate) fn drop_data(&mut self, segment: u32) {
        let _ = segment;
        todo!()
    }
}
