//! Linear memory, globals and tables.

use super::address::{Fused, HeapAddress, HeapIndex, MAX_DISPLACEMENT, PlainAddress};
use super::operand::{Step, Value};
use super::registers::Cell;
use super::state::{Emit, Source, width};
use crate::abi::layout::{
    CONTEXT_HEAP, CONTEXT_RECORDS, MEMORY_BASE, MEMORY_LEN, RECORD_BYTES, Slot, TABLE_BASE, TABLE_LEN,
};
use crate::abi::positions::SiteKind;
use crate::abi::{CONTEXT, HEAP, TrapCode};
use crate::compile::op::{Access, Class, Op, TAKES_A, TAKES_B, UNLESS_CONST};
use crate::compile::tape::Entry;
use crate::types::{FuncIndex, MemoryIndex, TableIndex};
use planish_asm::{Addr, Alu, Cond, Gp64, Label, R64, Scale, Shift, Width};

/// What an instruction can store.
#[derive(Clone, Copy)]
enum Stored {
    Reg(Gp64),
    Imm(i32),
}

impl Emit<'_> {
    // Addresses.

    #[inline]
    pub(super) fn heap_index(&mut self, index: Value) -> HeapIndex {
        match self.register_of(index) {
            Some(register) => {
                self.bank.lock(register.num());
                HeapIndex::Register(register)
            }
            None => self.heap_index_elsewhere(index),
        }
    }

    #[inline(never)]
    fn heap_index_elsewhere(&mut self, index: Value) -> HeapIndex {
        match self.constant_of(index) {
            Some(constant) => HeapIndex::Constant(constant as u32),
            None => HeapIndex::Register(self.read(index, Class::I32)),
        }
    }

    /// The commonest address; nothing if it is another. **Escape:** as [`Emit::heap_address`].
    #[inline(always)]
    fn plain_address(&mut self, index: Value, offset: u32) -> Option<PlainAddress> {
        if !self.plain || u64::from(offset) > MAX_DISPLACEMENT || index.is_const() {
            return None;
        }
        Some(PlainAddress { index: self.read(index, Class::I32), disp: offset as i32 })
    }

    /// The only place that addresses memory. **Escape:** index and offset are unsigned 32-bit numbers whose sum does not
    /// wrap; a displacement is signed, so larger offsets are added in a register. In a checked memory the access is compared
    /// with the length first. An [`Op::Memarg`] stands for everything else, 64-bit indexes among it: see
    /// [`Emit::address_elsewhere`].
    pub(super) fn heap_address(
        &mut self,
        index: Value,
        offset: u32,
        access: (Access, Class),
        wasm_offset: u32,
    ) -> HeapAddress {
        match self.plain_address(index, offset) {
            Some(PlainAddress { index, disp }) => HeapAddress { base: HEAP, index: Some(index), disp, guarded: true },
            None => self.heap_address_otherwise(index, offset, access, wasm_offset),
        }
    }

    #[inline(never)]
    fn heap_address_otherwise(
        &mut self,
        index: Value,
        offset: u32,
        access: (Access, Class),
        wasm_offset: u32,
    ) -> HeapAddress {
        if let Some(memarg) = self.memarg.take() {
            self.plain = self.module.guarded;
            return self.address_elsewhere(memarg, index, access_bytes(access), wasm_offset);
        }
        let index = self.heap_index(index);
        match self.module.guarded {
            true => self.guarded_address(HEAP, index, offset),
            false => self.checked_address(index, offset, access_bytes(access), wasm_offset),
        }
    }

    /// In a guarded memory, whose base is in a register.
    #[inline]
    pub(super) fn guarded_address(&mut self, base: Gp64, index: HeapIndex, offset: u32) -> HeapAddress {
        match index {
            HeapIndex::Register(index) if u64::from(offset) <= MAX_DISPLACEMENT => {
                HeapAddress { base, index: Some(index), disp: offset as i32, guarded: true }
            }
            _ => self.far_address(base, index, offset),
        }
    }

    /// The same with a constant index or an offset beyond the displacement.
    #[inline(never)]
    fn far_address(&mut self, base: Gp64, index: HeapIndex, offset: u32) -> HeapAddress {
        let register = match index {
            HeapIndex::Constant(index) => {
                let address = u64::from(index) + u64::from(offset);
                if address <= MAX_DISPLACEMENT {
                    return HeapAddress { base, index: None, disp: address as i32, guarded: true };
                }
                let register = self.scratch(0, 0);
                self.mov_ri(Width::W64, register.any(), address as i64);
                register
            }
            HeapIndex::Register(index) => {
                let register = self.scratch(0, 0);
                self.mov_ri(Width::W32, register.any(), i64::from(offset));
                self.alu_rr(Alu::Add, Width::W64, register.any(), index.any());
                register
            }
        };
        HeapAddress { base, index: Some(register), disp: 0, guarded: true }
    }

    /// In memory 0 with a 32-bit index, compared with the length.
    #[inline(never)]
    fn checked_address(&mut self, index: HeapIndex, offset: u32, bytes: u32, wasm_offset: u32) -> HeapAddress {
        let end = self.end_of_access(index, offset, bytes);
        let out_of_bounds = self.trap(TrapCode::MemoryOutOfBounds, wasm_offset);
        self.check_heap_end(end, bytes, out_of_bounds)
    }

    /// **Escape:** the end of the access is a 34-bit number in 64 bits.
    pub(super) fn end_of_access(&mut self, index: HeapIndex, offset: u32, bytes: u32) -> Gp64 {
        let end = self.scratch(0, 0);
        let reach = u64::from(offset) + u64::from(bytes);
        match index {
            HeapIndex::Constant(index) => {
                self.mov_ri(Width::W64, end.any(), (u64::from(index) + reach) as i64);
            }
            HeapIndex::Register(index) if reach <= MAX_DISPLACEMENT => {
                self.lea_rm(Width::W64, end.any(), Addr::base_disp(index.any(), reach as i32));
            }
            HeapIndex::Register(index) => {
                self.mov_ri(Width::W64, end.any(), reach as i64);
                self.alu_rr(Alu::Add, Width::W64, end.any(), index.any());
            }
        }
        end
    }

    /// Compares the end of an access to memory 0, which has not wrapped, with the length.
    pub(super) fn check_heap_end(&mut self, end: Gp64, bytes: u32, out_of_bounds: Label) -> HeapAddress {
        let heap = HEAP.any();
        match self.module.context.memory(MemoryIndex(0)) {
            Slot::Own(at) => {
                self.alu_rm(Alu::Cmp, Width::W64, end.any(), Addr::base_disp(CONTEXT.any(), at + MEMORY_LEN));
                self.jcc(Cond::Above, out_of_bounds);
            }
            Slot::Imported(at) => {
                self.mov_rm(Width::W64, heap, Addr::base_disp(CONTEXT.any(), at));
                self.alu_rm(Alu::Cmp, Width::W64, end.any(), Addr::base_disp(heap, MEMORY_LEN));
                self.jcc(Cond::Above, out_of_bounds);
                self.mov_rm(Width::W64, heap, Addr::base_disp(heap, MEMORY_BASE));
            }
        }
        HeapAddress { base: HEAP, index: Some(end), disp: -(bytes as i32), guarded: false }
    }

    /// r15 again, after what may have changed it.
    pub(super) fn load_heap_base(&mut self) {
        if self.module.info.memories.is_empty() {
            return;
        }
        let heap = HEAP.any();
        if self.module.guarded {
            self.mov_rm(Width::W64, heap, Addr::base_disp(CONTEXT.any(), CONTEXT_HEAP));
            return;
        }
        match self.module.context.memory(MemoryIndex(0)) {
            Slot::Own(at) => self.mov_rm(Width::W64, heap, Addr::base_disp(CONTEXT.any(), at + MEMORY_BASE)),
            Slot::Imported(at) => {
                self.mov_rm(Width::W64, heap, Addr::base_disp(CONTEXT.any(), at));
                self.mov_rm(Width::W64, heap, Addr::base_disp(heap, MEMORY_BASE));
            }
        }
    }

    /// The address of an entry's access, for instructions that access as much as this says.
    pub(super) fn vector_address(&mut self, e: &Step, access: (Access, Class), wasm_offset: u32) -> HeapAddress {
        self.heap_address(e.a, e.imm, access, wasm_offset)
    }

    // Fusion.

    #[inline]
    pub(super) fn is_fused(&self, value: Value) -> bool {
        self.fused.cell == value.cell
    }

    /// The temp of the load that the next entry does; [`NO_CELL`] if there is none.
    pub(super) fn fused_cell(&self) -> Cell {
        self.fused.cell
    }

    /// The index of the fused load, of which there is one.
    pub(super) fn fused_index(&self) -> Value {
        self.value(self.fused.index)
    }

    /// The address of a fused load and its wasm offset; only made for guarded memories.
    pub(super) fn take_fused(&mut self, value: Value) -> (HeapAddress, u32) {
        debug_assert!(self.is_fused(value));
        let fused = std::mem::replace(&mut self.fused, Fused::NOTHING);
        let operand = self.value(fused.index);
        let index = self.heap_index(operand);
        self.release(operand);
        (self.guarded_address(HEAP, index, fused.offset), fused.wasm_offset)
    }

    /// Can the next entry take this load as its memory operand?
    #[inline]
    fn fuses(&self, access: Access, e: &Entry) -> bool {
        let Some(next) = self.entries.get(self.at + 1) else { return false };
        let (first, second) = (next.a == e.dst, next.b == e.dst);
        // One branch, where each of these would be one that cannot be foreseen.
        let operand = (u8::from(first) * TAKES_A) | (u8::from(second) * TAKES_B);
        let has_const = u8::from(next.a.is_const()) | u8::from(next.b.is_const());
        let misfits = u8::from(access != Access::Whole)
            | u8::from(next.class != e.class)
            | u8::from(e.dst.as_temp().is_none())
            | u8::from(!self.plain)
            | (next.takes & (UNLESS_CONST * has_const));
        let fits = u8::from(misfits == 0).wrapping_neg();
        next.takes & operand & fits != 0
            && match next.op {
                Op::Vector(op) => self.fuses_vector(op, first),
                _ => true,
            }
    }

    // Loads and stores.

    #[inline(never)]
    pub(super) fn load(&mut self, access: Access, e: &Entry) {
        let wasm_offset = self.take_offset();
        if self.fuses(access, e) {
            self.fused = Fused { cell: self.value(e.dst).cell, index: e.a, offset: e.imm, wasm_offset };
            return;
        }
        if e.class.is_float() {
            return self.load_heap_float(access, e, wasm_offset);
        }
        let entry = e;
        let e = &self.step(e);
        let Some(address) = self.plain_address(e.a, e.imm) else {
            return self.load_elsewhere(access, entry, wasm_offset);
        };
        let dying = if e.hint == 0 { self.dying(e.a) } else { None };
        self.release(e.a);
        let target = self.target(e, dying, 0);
        self.site(SiteKind::Memory, wasm_offset);
        let (register, to) = (target.any(), width(e.class));
        // Asked first, so that a branch can be foreseen.
        match access {
            Access::Whole => self.load_plain(to, register, address),
            Access::U8 => self.load_plain_u8(register, address),
            _ => self.load_part(access, to, register, address.addr()),
        }
        self.finish(e, target);
    }

    #[inline(never)]
    fn load_part(&mut self, access: Access, to: Width, register: R64, from: Addr) {
        match access {
            Access::Whole => self.mov_rm(to, register, from),
            Access::U32 => self.mov_rm(Width::W32, register, from),
            Access::U8 => self.movzx_rm(Width::W8, register, from),
            Access::U16 => self.movzx_rm(Width::W16, register, from),
            Access::S8 => self.movsx_rm(Width::W8, to, register, from),
            Access::S16 => self.movsx_rm(Width::W16, to, register, from),
            Access::S32 => self.movsx_rm(Width::W32, to, register, from),
        }
    }

    #[inline(never)]
    fn load_elsewhere(&mut self, access: Access, e: &Entry, wasm_offset: u32) {
        let e = &self.step(e);
        let is_elsewhere = self.memarg.is_some();
        let address = self.heap_address(e.a, e.imm, (access, e.class), wasm_offset);
        if is_elsewhere && !address.guarded {
            self.unlock_address(address);
        }
        let dying = self.dying(e.a);
        self.release(e.a);
        let target = self.target(e, if e.hint == 0 { dying } else { None }, 0);
        self.heap_site(address, wasm_offset);
        self.load_part(access, width(e.class), target.any(), address.addr());
        self.finish(e, target);
    }

    fn load_heap_float(&mut self, access: Access, e: &Entry, wasm_offset: u32) {
        let e = &self.step(e);
        let address = self.heap_address(e.a, e.imm, (access, e.class), wasm_offset);
        self.release(e.a);
        let target = self.float_target(e, None, 0);
        self.heap_site(address, wasm_offset);
        self.load_float(e.class, target, address.addr());
        self.define_float(e.dst, target, e.class);
    }

    /// In a guarded memory the access itself may fault.
    #[inline]
    pub(super) fn heap_site(&mut self, address: HeapAddress, wasm_offset: u32) {
        if address.guarded {
            self.site(SiteKind::Memory, wasm_offset);
        }
    }

    #[inline(never)]
    pub(super) fn store(&mut self, access: Access, e: &Entry) {
        let wasm_offset = self.take_offset();
        if e.class.is_float() {
            return self.store_heap_float(access, e, wasm_offset);
        }
        let (index, operand) = (self.value(e.a), self.value(e.b));
        let value = self.register_or_constant(operand, e.class);
        let width = match access {
            Access::Whole => width(e.class),
            Access::S8 | Access::U8 => Width::W8,
            Access::S16 | Access::U16 => Width::W16,
            Access::S32 | Access::U32 => Width::W32,
        };
        match self.plain_address(index, e.imm) {
            Some(address) => {
                self.site(SiteKind::Memory, wasm_offset);
                match value {
                    Stored::Reg(register) => match access {
                        Access::Whole => self.store_plain(e.class, address, register.any()),
                        _ => self.mov_mr(width, address.addr(), register.any()),
                    },
                    Stored::Imm(imm) => self.store_plain_imm(width, address, imm),
                };
            }
            None => {
                let address = self.heap_address_otherwise(index, e.imm, (access, e.class), wasm_offset);
                self.heap_site(address, wasm_offset);
                match value {
                    Stored::Reg(register) => self.mov_mr(width, address.addr(), register.any()),
                    Stored::Imm(imm) => self.mov_mi(width, address.addr(), imm),
                };
            }
        }
        self.release(index);
        self.release(operand);
    }

    fn store_heap_float(&mut self, access: Access, e: &Entry, wasm_offset: u32) {
        let e = &self.step(e);
        let value = self.read_float(e.b, e.class);
        let address = self.heap_address(e.a, e.imm, (access, e.class), wasm_offset);
        self.heap_site(address, wasm_offset);
        self.store_float(e.class, address.addr(), value);
        self.release(e.a);
        self.release(e.b);
    }

    /// A value that is to be stored.
    #[inline]
    fn register_or_constant(&mut self, value: Value, class: Class) -> Stored {
        match self.source(value, class) {
            Source::Reg(register) => Stored::Reg(register),
            Source::Imm(imm) => Stored::Imm(imm),
            Source::Slot(_) | Source::Heap(..) => Stored::Reg(self.read(value, class)),
        }
    }

    /// The result may go where a checked address was computed.
    #[inline(never)]
    fn unlock_address(&mut self, address: HeapAddress) {
        let end = address.index.unwrap_or(address.base);
        self.bank.unlock(end.num());
    }

    // Globals.

    #[inline(never)]
    pub(super) fn global_get(&mut self, e: &Entry) {
        let e = &self.step(e);
        let address = self.global(e.imm);
        if e.class.is_float() {
            let target = self.float_target(e, None, 0);
            self.load_float(e.class, target, address);
            return self.define_float(e.dst, target, e.class);
        }
        let target = self.target(e, None, 0);
        self.mov_rm(width(e.class), target.any(), address);
        self.define(e.dst, target, e.class);
    }

    #[inline(never)]
    pub(super) fn global_set(&mut self, e: &Entry) {
        let e = &self.step(e);
        if e.class.is_float() {
            let value = self.read_float(e.a, e.class);
            let address = self.global(e.imm);
            self.store_float(e.class, address, value);
            return self.release(e.a);
        }
        let value = self.register_or_constant(e.a, e.class);
        let address = self.global(e.imm);
        match value {
            Stored::Imm(imm) => self.mov_mi(width(e.class), address, imm),
            Stored::Reg(register) => self.mov_mr(width(e.class), address, register.any()),
        };
        self.release(e.a);
    }

    // Sizes, tables, references.

    #[inline(never)]
    pub(super) fn memory_size(&mut self, e: &Entry) {
        let e = &self.step(e);
        let definition = self.definition(self.module.context.memory(MemoryIndex(e.imm)));
        let target = self.target(e, None, 0);
        self.mov_rm(Width::W64, target.any(), definition.at(MEMORY_LEN));
        match self.module.info.memories[e.imm as usize].page_size_log2() {
            0 => {}
            log2 => self.shift_ri(Shift::Shr, Width::W64, target.any(), log2),
        }
        self.define(e.dst, target, e.class);
    }

    #[inline(never)]
    pub(super) fn table_size(&mut self, e: &Entry) {
        let e = &self.step(e);
        let definition = self.definition(self.module.context.table(TableIndex(e.imm)));
        let target = self.target(e, None, 0);
        self.mov_rm(Width::W32, target.any(), definition.at(TABLE_LEN));
        self.define(e.dst, target, e.class);
    }

    /// **Escape:** an index of 32 bits is not read as one of 64, nor the other way round.
    pub(super) fn table_index_class(&self, table: TableIndex) -> Class {
        if self.module.info.tables[table.index()].is_64() { Class::I64 } else { Class::I32 }
    }

    /// The address of an element, compared with the bound.
    fn element(&mut self, table: u32, index: Value, wasm_offset: u32) -> Addr {
        let index = self.read(index, self.table_index_class(TableIndex(table)));
        let definition = self.definition(self.module.context.table(TableIndex(table)));
        let out_of_bounds = self.trap(TrapCode::TableOutOfBounds, wasm_offset);
        self.alu_rm(Alu::Cmp, Width::W64, index.any(), definition.at(TABLE_LEN));
        self.jcc(Cond::AboveEqual, out_of_bounds);
        let element = self.scratch(0, 0);
        self.mov_rm(Width::W64, element.any(), definition.at(TABLE_BASE));
        self.lea_rm(Width::W64, element.any(), Addr::base_index(element.any(), index, Scale::X8, 0));
        // A mispredicted bound reads element 0.
        self.asm.cmov_rm(Cond::AboveEqual, Width::W64, element.any(), definition.at(TABLE_BASE));
        Addr::base(element.any())
    }

    #[inline(never)]
    pub(super) fn table_get(&mut self, e: &Entry) {
        let e = &self.step(e);
        let wasm_offset = self.take_offset();
        let address = self.element(e.imm, e.a, wasm_offset);
        self.release(e.a);
        let target = self.target(e, None, 0);
        self.mov_rm(Width::W64, target.any(), address);
        self.define(e.dst, target, Class::I64);
    }

    #[inline(never)]
    pub(super) fn table_set(&mut self, e: &Entry) {
        let e = &self.step(e);
        let wasm_offset = self.take_offset();
        let value = self.read(e.b, Class::I64);
        let address = self.element(e.imm, e.a, wasm_offset);
        self.mov_mr(Width::W64, address, value.any());
        self.release(e.a);
        self.release(e.b);
    }

    /// `dst = a`, unless it is null.
    #[inline(never)]
    pub(super) fn non_null(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        let null = self.trap(TrapCode::NullReference, wasm_offset);
        let value = self.read(self.value(e.a), Class::I64);
        self.test_rr(Width::W64, value.any(), value.any());
        self.jcc(Cond::Equal, null);
        self.copy(e);
    }

    #[inline(never)]
    pub(super) fn ref_func(&mut self, e: &Entry) {
        let e = &self.step(e);
        let function = FuncIndex(e.imm);
        let target = self.target(e, None, 0);
        if function.0 < self.module.info.imported_functions {
            let record = Addr::base_disp(CONTEXT.any(), self.module.context.imported_function(function));
            self.mov_rm(Width::W64, target.any(), record);
        } else {
            let place =
                self.module.info.record_of(function).expect("validated: a function that is referred to is declared");
            self.mov_rm(Width::W64, target.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_RECORDS));
            if place > 0 {
                self.alu_ri(Alu::Add, Width::W64, target.any(), place as i32 * RECORD_BYTES);
            }
        }
        self.define(e.dst, target, Class::I64);
    }
}

pub(super) fn access_bytes((access, class): (Access, Class)) -> u32 {
    match access {
        Access::S8 | Access::U8 => 1,
        Access::S16 | Access::U16 => 2,
        Access::S32 | Access::U32 => 4,
        Access::Whole => match class {
            Class::I32 | Class::F32 => 4,
            Class::I64 | Class::F64 => 8,
            Class::V128 => 16,
        },
    }
}
