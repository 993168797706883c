//! Offsets of what compiled code reads and writes: an instance's context, its store, records, tables, memories.
//!
//! All offsets are bytes. The runtime's `#[repr(C)]` types assert that they match.

use crate::decode::ModuleInfo;
use crate::types::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex};

/// Context: base address of memory 0 (0 without one). Compiled code keeps it in r15.
pub(crate) const CONTEXT_HEAP: i32 = 0;
/// Context: pointer to the store's header.
pub(crate) const CONTEXT_STORE: i32 = 8;
/// Context: pointer to the array of builtins' code addresses.
pub(crate) const CONTEXT_BUILTINS: i32 = 16;
/// Context: pointer to the records of the module's own referable functions.
pub(crate) const CONTEXT_RECORDS: i32 = 24;
/// Context: eight bytes for the runtime (its instance).
pub(crate) const CONTEXT_OWNER: i32 = 32;
/// Context: eight bytes that stay zero.
pub(crate) const CONTEXT_ZERO: i32 = 40;
/// Context: where the module's own part begins, see [`ContextLayout`].
pub(crate) const CONTEXT_MODULE: i32 = 48;

/// Store: rsp of the native stack, saved by the door; host calls go on from there.
pub(crate) const STORE_NATIVE_SP: i32 = 0;
/// Store: rsp at the latest exit from wasm, pointing at the return address into compiled code; in the upper 16 bits the
/// words of stack arguments that are popped on return.
pub(crate) const STORE_EXIT_SP: i32 = 8;
/// Store: below this address the wasm stack is free, for the next entry.
pub(crate) const STORE_WASM_SP: i32 = 16;
/// Store: a frame may not reach below this address.
pub(crate) const STORE_STACK_LIMIT: i32 = 24;
/// Store: where to jump (r14 valid, anything else lost) to leave wasm with the pending trap.
pub(crate) const STORE_TRAP_EXIT: i32 = 32;

/// Store: 0, or the exception that leaves wasm code.
pub(crate) const STORE_THROWN: i32 = 40;
/// Store: where wasm code goes on that catches an exception: the [callee-saved registers](super::CALLEE_SAVED) in order (before
/// the search those at the exit), rsp, pc, context, address of the exception's values, reference to it.
pub(crate) const STORE_RESUME: i32 = 48;
pub(crate) const RESUME_SP: i32 = STORE_RESUME + 40;
pub(crate) const RESUME_PC: i32 = STORE_RESUME + 48;
pub(crate) const RESUME_CONTEXT: i32 = STORE_RESUME + 56;
pub(crate) const RESUME_VALUES: i32 = STORE_RESUME + 64;
pub(crate) const RESUME_EXCEPTION: i32 = STORE_RESUME + 72;

/// Function record: entry for callers of the same instance.
pub(crate) const RECORD_CODE: i32 = 0;
/// Function record: entry for everybody else, r14 being the caller's; `rax` = the record. Keeps r14 and r15.
pub(crate) const RECORD_FOREIGN: i32 = 8;
/// Function record: the context of the function's instance; for a host function its data.
pub(crate) const RECORD_INSTANCE: i32 = 16;
/// Function record: the engine-wide number of the function's type, 32 bits, never 0.
pub(crate) const RECORD_SIGNATURE: i32 = 24;
/// Function record: who implements it, 32 bits.
pub(crate) const RECORD_KIND: i32 = 28;
pub(crate) const RECORD_KIND_HOST: i32 = 2;
/// Function record: the same for a caller that restores r14 and r15 by itself.
pub(crate) const RECORD_IMPORTER: i32 = 32;
pub(crate) const RECORD_BYTES: i32 = 48;

/// A function that has an entry of its own for importers has it directly before its first byte, so many bytes long. It loads
/// r14 and r15 from the record in rax, and runs into the function.
pub(crate) const IMPORTER_ENTRY_BYTES: u32 = 7;

/// The eight bytes at a return address behind which r14 and r15 need not be what they were: `nop [rax + rax + 0x504C4E53]`, an
/// instruction that compiled code never contains.
pub(crate) const RESTORES_CONTEXT: u64 = 0x504C_4E53_0084_1F0F;
/// So many bytes after the last one of published code can be read: any code may end with a call, and a tail call to another
/// instance compares what is at the return address with [`RESTORES_CONTEXT`].
pub(crate) const READABLE_AFTER_CODE: usize = size_of_val(&RESTORES_CONTEXT);

/// Memory definition: base address.
pub(crate) const MEMORY_BASE: i32 = 0;
/// Memory definition: size in bytes, 64 bits.
pub(crate) const MEMORY_LEN: i32 = 8;
pub(crate) const MEMORY_DEFINITION_BYTES: i32 = 16;

/// Table definition: address of the elements, 8 bytes each: 0 for null, or a record's address (a function), or the
/// store's handle (a host reference).
pub(crate) const TABLE_BASE: i32 = 0;
/// Table definition: number of elements, 64 bits (at most 2^32 - 1).
pub(crate) const TABLE_LEN: i32 = 8;
pub(crate) const TABLE_DEFINITION_BYTES: i32 = 16;

pub(crate) const GLOBAL_BYTES: i32 = 16;

/// A definition that is in the context, or behind a pointer that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slot {
    /// At this offset.
    Own(i32),
    /// At the address that lies at this offset (imported, or a shared memory).
    Imported(i32),
}

/// Offsets of the module's own part of a context, in this order: pointers to imported memory definitions, table
/// definitions, globals and function records (8 bytes each); own memory definitions, table definitions, globals
/// (16 bytes each, 16-aligned).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContextLayout {
    imported_memories: u32,
    imported_tables: u32,
    imported_globals: u32,
    imported_memories_at: i32,
    imported_tables_at: i32,
    imported_globals_at: i32,
    imported_functions_at: i32,
    memories_at: i32,
    tables_at: i32,
    globals_at: i32,
    bytes: i32,
    /// By own memory, a bit: is it shared? Of these the context has the address, as of imported ones.
    shared_memories: u128,
}

impl ContextLayout {
    /// Module limits (at most a million of anything) keep every offset far below 2^31.
    pub(crate) fn new(info: &ModuleInfo) -> ContextLayout {
        let mut at = CONTEXT_MODULE;
        let mut take = |count: usize, bytes: i32| {
            let start = at;
            at += count as i32 * bytes;
            start
        };
        let imported_memories_at = take(info.imported_memories as usize, 8);
        let imported_tables_at = take(info.imported_tables as usize, 8);
        let imported_globals_at = take(info.imported_globals as usize, 8);
        let imported_functions_at = take(info.imported_functions as usize, 8);
        at = (at + 15) & !15;
        let mut take = |count: usize, bytes: i32| {
            let start = at;
            at += count as i32 * bytes;
            start
        };
        let own_memories = &info.memories[info.imported_memories as usize..];
        assert!(own_memories.len() <= 128, "validated: at most 100 memories");
        let is_shared = own_memories.iter().enumerate().map(|(own, memory)| u128::from(memory.shared) << own);
        let shared_memories = is_shared.fold(0, std::ops::BitOr::bitor);
        let memories_at = take(own_memories.len(), MEMORY_DEFINITION_BYTES);
        let own_tables = info.tables.len() - info.imported_tables as usize;
        let tables_at = take(own_tables, TABLE_DEFINITION_BYTES);
        let own_globals = info.globals.len() - info.imported_globals as usize;
        let globals_at = take(own_globals, GLOBAL_BYTES);
        ContextLayout {
            imported_memories: info.imported_memories,
            imported_tables: info.imported_tables,
            imported_globals: info.imported_globals,
            imported_memories_at,
            imported_tables_at,
            imported_globals_at,
            imported_functions_at,
            memories_at,
            tables_at,
            globals_at,
            bytes: (at + 15) & !15,
            shared_memories,
        }
    }

    /// The size of a context.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    pub(crate) fn memory(&self, memory: MemoryIndex) -> Slot {
        match memory.0.checked_sub(self.imported_memories) {
            Some(own) => {
                let at = self.memories_at + own as i32 * MEMORY_DEFINITION_BYTES;
                if self.shared_memories >> own & 1 == 0 { Slot::Own(at) } else { Slot::Imported(at) }
            }
            None => Slot::Imported(self.imported_memories_at + memory.0 as i32 * 8),
        }
    }

    pub(crate) fn table(&self, table: TableIndex) -> Slot {
        match table.0.checked_sub(self.imported_tables) {
            Some(own) => Slot::Own(self.tables_at + own as i32 * TABLE_DEFINITION_BYTES),
            None => Slot::Imported(self.imported_tables_at + table.0 as i32 * 8),
        }
    }

    pub(crate) fn global(&self, global: GlobalIndex) -> Slot {
        match global.0.checked_sub(self.imported_globals) {
            Some(own) => Slot::Own(self.globals_at + own as i32 * GLOBAL_BYTES),
            None => Slot::Imported(self.imported_globals_at + global.0 as i32 * 8),
        }
    }

    /// Where the address of an imported function's record lies.
    pub(crate) fn imported_function(&self, func: FuncIndex) -> i32 {
        self.imported_functions_at + func.0 as i32 * 8
    }
}
