//! Where values are, and how an entry gets its operands and leaves its result: integers.

use super::operand::{Step, Value};
use super::registers::{Cell, Choice, Held, INTS, bit, gpr, gpr_place, pinned_gpr};
use super::state::{Emit, Source, width};
use crate::abi::positions::SiteKind;
use crate::compile::assign::IN_MEMORY;
use crate::compile::net;
use crate::compile::op::Class;
use crate::compile::tape::{Entry, Ref};
use planish_asm::{Alu, Gp64, Width};

impl Emit<'_> {
    /// Looks an operand up. One cell stands for constants and what is missing.
    #[inline]
    pub(super) fn value(&self, reference: Ref) -> Value {
        Value { reference, cell: reference.cell(self.no_cell) }
    }

    #[inline]
    pub(super) fn step(&self, e: &Entry) -> Step {
        let (dst, a, b) = (self.value(e.dst), self.value(e.a), self.value(e.b));
        Step { class: e.class, hint: e.hint, home: self.place(dst), dst, a, b, imm: e.imm }
    }

    /// In which register a value is, if any.
    #[inline]
    pub(super) fn place(&self, value: Value) -> u8 {
        self.places[value.cell as usize]
    }

    #[inline]
    pub(super) fn set_place(&mut self, cell: Cell, place: u8) {
        self.places[cell as usize] = place;
    }

    #[inline]
    pub(super) fn constant_of(&self, value: Value) -> Option<i64> {
        self.tape.constant(value.reference)
    }

    /// Where a value lies that is in no register: bytes from rsp.
    #[inline]
    pub(super) fn slot(&self, value: Value) -> i32 {
        self.slot_of_cell(value.cell)
    }

    pub(super) fn slot_of_cell(&self, cell: Cell) -> i32 {
        let number = cell >> 1;
        match cell & 1 {
            0 => self.slots[number as usize],
            _ => self.plan.temps_at + self.plan.temp_bytes() * number as i32,
        }
    }

    /// Where a temp goes that cannot stay in a register.
    pub(super) fn spill_slot(&mut self, cell: Cell) -> i32 {
        self.spilled = true;
        if net::IS_ON {
            self.recount.store(cell);
        }
        self.slot_of_cell(cell)
    }

    /// The register that a variable is pinned to.
    #[inline]
    pub(super) fn pinned(&self, value: Value) -> Option<Gp64> {
        pinned_gpr(self.place(value))
    }

    /// Forgets a temp after its use: its register may be written.
    #[inline]
    pub(super) fn release(&mut self, value: Value) {
        if value.is_temp() {
            let place = std::mem::replace(&mut self.places[value.cell as usize], IN_MEMORY);
            if place & IN_MEMORY == 0 {
                self.bank.clear_temp(place);
            }
        }
    }

    /// No register holds a value any more: that of a temp after its use, of a slot variable that is about to change.
    #[inline]
    pub(super) fn forget(&mut self, cell: Cell) {
        let place = std::mem::replace(&mut self.places[cell as usize], IN_MEMORY);
        if place & IN_MEMORY == 0 {
            self.bank.clear(place);
        }
    }

    /// At a label or call: what only scratch registers held is lost.
    pub(super) fn forget_scratch(&mut self) {
        let places = &mut *self.places;
        self.bank.forget_all(|cell| places[cell as usize] = IN_MEMORY);
        self.bank.unlock_all();
    }

    // Integer registers.

    /// The integer register that holds a value already.
    #[inline]
    pub(super) fn register_of(&self, value: Value) -> Option<Gp64> {
        gpr_place(self.place(value))
    }

    #[inline]
    pub(super) fn hold_temp(&mut self, register: Gp64, temp: Cell) {
        self.bank.set_temp(register.num(), temp);
        self.set_place(temp, register.num());
    }

    #[inline]
    pub(super) fn hold_copy(&mut self, register: Gp64, var: Cell) {
        self.bank.set_copy(register.num(), var);
        self.set_place(var, register.num());
    }

    /// A scratch register to write.
    pub(super) fn scratch(&mut self, hint: u8, avoid: u16) -> Gp64 {
        match self.bank.choose_free(hint, INTS & !u32::from(avoid)) {
            Some(register) => gpr(register),
            None => self.scratch_anew(hint, avoid),
        }
    }

    #[cold]
    #[inline(never)]
    fn scratch_anew(&mut self, hint: u8, avoid: u16) -> Gp64 {
        match self.bank.choose(hint, INTS & !u32::from(avoid)) {
            Some(choice) => self.chosen(choice),
            None => planish_asm::regs::rax,
        }
    }

    /// A particular scratch register to write.
    #[inline]
    pub(super) fn take(&mut self, register: Gp64) -> Gp64 {
        if self.bank.is_held(register.num()) {
            return self.take_anew(register);
        }
        self.bank.lock(register.num());
        register
    }

    #[cold]
    #[inline(never)]
    fn take_anew(&mut self, register: Gp64) -> Gp64 {
        let choice = self.bank.take(register.num());
        self.chosen(choice)
    }

    fn chosen(&mut self, choice: Choice) -> Gp64 {
        let register = gpr(choice.register);
        match choice.held {
            Held::Nothing => {}
            Held::Copy(cell) => self.set_place(cell, IN_MEMORY),
            Held::Temp(cell) => {
                let slot = self.spill_slot(cell);
                self.store_slot(slot, register.any());
                self.set_place(cell, IN_MEMORY);
            }
        }
        register
    }

    /// A value in a register, to be read only; locked until the entry is done.
    #[inline]
    pub(super) fn read(&mut self, value: Value, class: Class) -> Gp64 {
        if let Some(register) = self.register_of(value) {
            self.bank.lock(register.num());
            return register;
        }
        self.read_anew(value, class)
    }

    #[inline(never)]
    fn read_anew(&mut self, value: Value, class: Class) -> Gp64 {
        let register = self.scratch(0, 0);
        if let Some(var) = value.reference.as_var() {
            // All of it: the low half of a variable is no copy.
            let class = self.tape.variables[var as usize].class;
            self.load_slot(width(class), register.any(), self.slots[var as usize]);
            self.hold_copy(register, value.cell);
            return register;
        }
        self.load_into(register, value, class);
        if value.is_temp() {
            self.hold_temp(register, value.cell);
        }
        register
    }

    /// Writes a value to a register that has been taken; does not change the flags.
    pub(super) fn load_into(&mut self, register: Gp64, value: Value, class: Class) {
        if let Some(source) = self.register_of(value) {
            if source != register {
                self.mov_rr(width(class), register.any(), source.any());
            }
            return;
        }
        if let Some(value) = self.constant_of(value) {
            return self.mov_ri(width(class), register.any(), value);
        }
        if self.is_fused(value) {
            let (address, wasm_offset) = self.take_fused(value);
            self.site(SiteKind::Memory, wasm_offset);
            return self.mov_rm(width(class), register.any(), address.addr());
        }
        let slot = self.slot(value);
        self.load_slot(width(class), register.any(), slot);
    }

    /// A value as the second operand of an instruction.
    #[inline]
    pub(super) fn source(&mut self, value: Value, class: Class) -> Source {
        if let Some(imm) = value.reference.as_small() {
            return Source::Imm(imm);
        }
        match self.register_of(value) {
            Some(register) if !self.is_fused(value) => {
                self.bank.lock(register.num());
                Source::Reg(register)
            }
            _ => self.source_elsewhere(value, class),
        }
    }

    #[inline(never)]
    fn source_elsewhere(&mut self, value: Value, class: Class) -> Source {
        if let Some(constant) = self.constant_of(value) {
            let imm = match class {
                Class::I32 => Some(constant as i32),
                _ => i32::try_from(constant).ok(),
            };
            if let Some(imm) = imm {
                return Source::Imm(imm);
            }
        } else if self.is_fused(value) {
            let (address, wasm_offset) = self.take_fused(value);
            return Source::Heap(address, wasm_offset);
        } else if !self.bank.has_free(INTS) {
            return Source::Slot(self.slot(value));
        }
        Source::Reg(self.read_anew(value, class))
    }

    /// The register that an entry's integer result is computed in: its home if that is a register that `avoid` does not
    /// name, else `reuse` (the register of an operand that dies here), else a scratch register.
    #[inline(always)]
    pub(super) fn target(&mut self, e: &Step, reuse: Option<Gp64>, avoid: u16) -> Gp64 {
        if let Some(home) = e.pinned()
            && bit(home) & avoid == 0
        {
            return home;
        }
        match reuse {
            Some(register) if bit(register) & avoid == 0 => self.take(register),
            _ => self.scratch(e.hint, avoid),
        }
    }

    /// The register of a temp that dies in this entry.
    #[inline]
    pub(super) fn dying(&self, value: Value) -> Option<Gp64> {
        if value.is_temp() { self.register_of(value) } else { None }
    }

    /// An entry's result has been computed: it goes to its home.
    #[inline(always)]
    pub(super) fn finish(&mut self, e: &Step, register: Gp64) {
        if e.dst.is_temp() {
            return self.hold_temp(register, e.dst.cell);
        }
        match e.pinned() {
            Some(home) if home == register => {}
            Some(home) => self.mov_rr(width(e.class), home.any(), register.any()),
            None => self.define_slot(e.dst, register),
        }
    }

    /// A result has been computed: it goes to its home.
    #[inline(always)]
    pub(super) fn define(&mut self, dst: Value, register: Gp64, class: Class) {
        if dst.is_temp() {
            return self.hold_temp(register, dst.cell);
        }
        match self.pinned(dst) {
            Some(home) if home == register => {}
            Some(home) => self.mov_rr(width(class), home.any(), register.any()),
            None => self.define_slot(dst, register),
        }
    }

    #[inline(never)]
    fn define_slot(&mut self, dst: Value, register: Gp64) {
        self.forget(dst.cell);
        let slot = self.slot(dst);
        self.store_slot(slot, register.any());
        if self.bank.is_free(register.num()) {
            self.hold_copy(register, dst.cell);
        }
    }

    /// `dst = a`, of any class.
    #[inline(never)]
    pub(super) fn copy(&mut self, e: &Entry) {
        if e.class.is_float() {
            return self.copy_float(e);
        }
        let e = &self.step(e);
        if let Some(home) = e.pinned() {
            match self.constant_of(e.a) {
                Some(0) => self.alu_rr(Alu::Xor, Width::W32, home.any(), home.any()),
                _ => self.load_into(home, e.a, e.class),
            }
            return self.release(e.a);
        }
        if e.dst.is_var()
            && let Some(constant) = self.constant_of(e.a)
            && let Ok(imm) = i32::try_from(constant)
            && (imm >= 0 || e.class == Class::I64)
        {
            self.forget(e.dst.cell);
            let slot = self.slot(e.dst);
            return self.store_slot_imm(slot, imm);
        }
        let dying = self.dying(e.a);
        let register = match dying {
            Some(register) => {
                self.release(e.a);
                self.take(register)
            }
            None if e.dst.is_var() => self.read(e.a, e.class),
            None => {
                let register = self.scratch(e.hint, 0);
                self.load_into(register, e.a, e.class);
                self.release(e.a);
                register
            }
        };
        self.define(e.dst, register, e.class);
        if dying.is_none() {
            self.release_into(e.a, e.dst, register);
        }
    }

    /// A temp was stored to a variable: its register holds a copy of it now.
    fn release_into(&mut self, value: Value, dst: Value, register: Gp64) {
        if value.is_temp() && dst.is_var() {
            self.release(value);
            self.hold_copy(register, dst.cell);
        }
    }
}
