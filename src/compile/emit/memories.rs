//! Accesses that an [`Op::Memarg`](crate::compile::tape::Op::Memarg) describes: to memories other than memory 0, or with
//! 64-bit indexes.

use super::address::{HeapAddress, MAX_DISPLACEMENT};
use super::operand::Value;
use super::registers::gpr_place;
use super::state::{Definition, Emit};
use crate::abi::layout::{MEMORY_BASE, MEMORY_LEN, Slot};
use crate::abi::{CONTEXT, HEAP, TrapCode};
use crate::compile::op::{Class, Memarg};
use crate::types::{IndexType, MemoryIndex};
use planish_asm::{Addr, Alu, Cond, Gp64, Label, Width};

/// The index of an access to a memory with 64-bit indexes. **Escape:** made from an i64 entry operand only, and only for
/// addresses that are compared with the length.
#[derive(Clone, Copy)]
struct HeapIndex64(Value);

impl Emit<'_> {
    /// **Escape:** the operand's class is that of the memory's index type.
    #[inline(never)]
    pub(super) fn address_elsewhere(
        &mut self,
        memarg: Memarg,
        index: Value,
        bytes: u32,
        wasm_offset: u32,
    ) -> HeapAddress {
        let ty = &self.module.info.memories[memarg.memory.index()];
        match (ty.index, memarg.index) {
            (IndexType::I32, Class::I32) => {
                let index = self.heap_index(index);
                let offset = u32::try_from(memarg.offset).expect("validated: an offset is an index");
                if self.module.reserves && ty.can_be_guarded() {
                    let base = self.memory_base(memarg.memory);
                    return self.guarded_address(base, index, offset);
                }
                let end = self.end_of_access(index, offset, bytes);
                let out_of_bounds = self.trap(TrapCode::MemoryOutOfBounds, wasm_offset);
                self.check_end(memarg.memory, end, bytes, out_of_bounds)
            }
            (IndexType::I64, Class::I64) => {
                let out_of_bounds = self.trap(TrapCode::MemoryOutOfBounds, wasm_offset);
                let reach = memarg.offset.saturating_add(u64::from(bytes));
                let end = match self.constant_of(index) {
                    Some(constant) => self.end_at_constant((constant as u64).saturating_add(reach)),
                    None if reach == u64::MAX => self.end_at_constant(reach),
                    None => self.end_of_access64(HeapIndex64(index), reach, out_of_bounds),
                };
                self.check_end(memarg.memory, end, bytes, out_of_bounds)
            }
            _ => unreachable!("checked: an index of the memory's index type"),
        }
    }

    /// **Escape:** a sum of constants that would wrap is the largest number instead, which is beyond every length.
    fn end_at_constant(&mut self, end: u64) -> Gp64 {
        let register = self.scratch(0, 0);
        self.mov_ri(Width::W64, register.any(), end as i64);
        register
    }

    /// **Escape:** a sum that wraps traps.
    fn end_of_access64(&mut self, HeapIndex64(index): HeapIndex64, reach: u64, out_of_bounds: Label) -> Gp64 {
        let from = self.read(index, Class::I64);
        let end = if reach > MAX_DISPLACEMENT {
            let end = self.end_at_constant(reach);
            self.alu_rr(Alu::Add, Width::W64, end.any(), from.any());
            end
        } else {
            let end = if index.is_temp() {
                self.release(index);
                self.take(from)
            } else {
                let end = self.scratch(0, 0);
                self.mov_rr(Width::W64, end.any(), from.any());
                end
            };
            self.alu_ri(Alu::Add, Width::W64, end.any(), reach as i32);
            end
        };
        self.jcc(Cond::Below, out_of_bounds);
        end
    }

    /// Compares the end of an access, which has not wrapped, with the length of its memory.
    fn check_end(&mut self, memory: MemoryIndex, end: Gp64, bytes: u32, out_of_bounds: Label) -> HeapAddress {
        if memory.0 == 0 {
            return self.check_heap_end(end, bytes, out_of_bounds);
        }
        // r15 is borrowed for the pointer: an access may have no other register left.
        let definition = match self.module.context.memory(memory) {
            Slot::Own(start) => Definition { base: CONTEXT, start },
            Slot::Imported(at) => {
                self.mov_rm(Width::W64, HEAP.any(), Addr::base_disp(CONTEXT.any(), at));
                Definition { base: HEAP, start: 0 }
            }
        };
        self.alu_rm(Alu::Cmp, Width::W64, end.any(), definition.at(MEMORY_LEN));
        self.jcc(Cond::Above, out_of_bounds);
        self.alu_rm(Alu::Add, Width::W64, end.any(), definition.at(MEMORY_BASE));
        if definition.base == HEAP {
            self.load_heap_base();
        }
        HeapAddress { base: end, index: None, disp: -(bytes as i32), guarded: false }
    }

    /// The base of a guarded memory, which never moves: in a scratch register until the next label or call.
    fn memory_base(&mut self, memory: MemoryIndex) -> Gp64 {
        if memory.0 == 0 {
            return HEAP;
        }
        let cell = self.memory_cells + memory.0;
        if let Some(register) = gpr_place(self.places[cell as usize]) {
            self.bank.lock(register.num());
            return register;
        }
        let base = self.scratch(0, 0);
        match self.module.context.memory(memory) {
            Slot::Own(at) => self.mov_rm(Width::W64, base.any(), Addr::base_disp(CONTEXT.any(), at + MEMORY_BASE)),
            Slot::Imported(at) => {
                self.mov_rm(Width::W64, base.any(), Addr::base_disp(CONTEXT.any(), at));
                self.mov_rm(Width::W64, base.any(), Addr::base_disp(base.any(), MEMORY_BASE));
            }
        }
        self.hold_copy(base, cell);
        base
    }
}
