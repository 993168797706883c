//! Where values are, and how an entry gets its operands and leaves its result: integers.

use super::registers::{Choice, FLOAT_PLACE, Held, IN_MEMORY, bit, gpr};
use super::{Emit, Rm, Source, frame, width};
use crate::abi::positions::SiteKind;
use crate::compile::tape::{Class, Entry, Operand, Ref};
use planish_asm::{Addr, Alu, Gp64, Width};

impl Emit<'_> {
    /// The place of a value in [`Emit::places`]; constants have the last one.
    #[inline]
    pub(super) fn cell(&self, value: Ref) -> usize {
        let variables = self.tape.variables.len();
        match (value.as_var(), value.as_temp()) {
            (Some(var), _) => var as usize,
            (_, Some(temp)) => variables + temp as usize,
            _ => variables + self.tape.temps as usize,
        }
    }

    #[inline]
    pub(super) fn temp_cell(&self, temp: u32) -> u32 {
        self.tape.variables.len() as u32 + temp
    }

    /// Where a variable that is not pinned lies.
    #[inline]
    pub(super) fn slot(&self, var: u32) -> Addr {
        frame(self.plan.slots[var as usize])
    }

    #[inline]
    pub(super) fn temp_slot(&self, temp: u32) -> Addr {
        frame(self.plan.temps_at + 8 * temp as i32)
    }

    /// Where a temp goes that cannot stay in a register.
    pub(super) fn spill_to(&mut self, temp: u32) -> Addr {
        self.spilled = true;
        self.temp_slot(temp)
    }

    /// The same, given its cell.
    pub(super) fn spill_slot(&mut self, cell: u32) -> Addr {
        self.spill_to(cell - self.tape.variables.len() as u32)
    }

    /// Where a value lies that is in no register.
    pub(super) fn memory_of(&self, value: Ref) -> Addr {
        match value.get() {
            Operand::Var(var) => self.slot(var),
            Operand::Temp(temp) => self.temp_slot(temp),
            _ => unreachable!("a constant is no place"),
        }
    }

    /// The register that a variable is pinned to.
    #[inline]
    pub(super) fn pinned(&self, value: Ref) -> Option<Gp64> {
        let place = self.plan.pins[value.as_var()? as usize];
        (place < FLOAT_PLACE).then(|| gpr(place))
    }

    /// Forgets a temp after its use: its register may be written.
    #[inline]
    pub(super) fn release(&mut self, value: Ref) {
        if let Some(temp) = value.as_temp() {
            let cell = self.temp_cell(temp) as usize;
            let place = std::mem::replace(&mut self.places[cell], IN_MEMORY);
            match place {
                IN_MEMORY => {}
                0..FLOAT_PLACE => self.ints.clear(place),
                _ => self.floats.clear(place - FLOAT_PLACE),
            }
        }
    }

    /// At a label or call: what only scratch registers held is lost.
    pub(super) fn forget_scratch(&mut self) {
        let places = &mut *self.places;
        self.ints.forget_all(|cell| places[cell as usize] = IN_MEMORY);
        self.floats.forget_all(|cell| places[cell as usize] = IN_MEMORY);
        self.ints.unlock_all();
        self.floats.unlock_all();
    }

    /// A slot variable is about to change: no register holds its value any more.
    #[inline]
    pub(super) fn forget_copy(&mut self, var: u32) {
        let place = std::mem::replace(&mut self.places[var as usize], IN_MEMORY);
        match place {
            IN_MEMORY => {}
            0..FLOAT_PLACE => self.ints.clear(place),
            _ => self.floats.clear(place - FLOAT_PLACE),
        }
    }

    // Integer registers.

    /// The integer register that holds a value already.
    #[inline]
    pub(super) fn register_of(&self, value: Ref) -> Option<Gp64> {
        let place = self.places[self.cell(value)];
        (place < FLOAT_PLACE).then(|| gpr(place))
    }

    #[inline]
    pub(super) fn hold_temp(&mut self, register: Gp64, temp: u32) {
        let cell = self.temp_cell(temp);
        self.ints.set_temp(register.num(), cell);
        self.places[cell as usize] = register.num();
    }

    #[inline]
    pub(super) fn hold_copy(&mut self, register: Gp64, var: u32) {
        self.ints.set_copy(register.num(), var);
        self.places[var as usize] = register.num();
    }

    /// A scratch register to write.
    #[inline]
    pub(super) fn scratch(&mut self, hint: u8, avoid: u16) -> Gp64 {
        let choice = self.ints.choose(hint.checked_sub(1), avoid);
        match choice {
            Some(choice) => self.chosen(choice),
            None => {
                self.out_of_registers = true;
                planish_asm::regs::rax
            }
        }
    }

    /// A particular scratch register to write.
    #[inline]
    pub(super) fn take(&mut self, register: Gp64) -> Gp64 {
        let choice = self.ints.take(register.num());
        self.chosen(choice)
    }

    #[inline]
    pub(super) fn chosen(&mut self, choice: Choice) -> Gp64 {
        let register = gpr(choice.register);
        match choice.held {
            Held::Nothing => {}
            Held::Copy(cell) => self.places[cell as usize] = IN_MEMORY,
            Held::Temp(cell) => {
                let slot = self.spill_slot(cell);
                self.mov_mr(Width::W64, slot, register.any());
                self.places[cell as usize] = IN_MEMORY;
            }
        }
        register
    }

    /// A value in a register, to be read only; locked until the entry is done.
    #[inline]
    pub(super) fn read(&mut self, value: Ref, class: Class) -> Gp64 {
        if let Some(register) = self.register_of(value) {
            self.ints.lock(register.num());
            return register;
        }
        let register = self.scratch(0, 0);
        // The low half of a variable is no copy of it.
        let class = value.as_var().map_or(class, |var| self.tape.variables[var as usize].class);
        self.load_into(register, value, class);
        match value.get() {
            Operand::Var(var) => self.hold_copy(register, var),
            Operand::Temp(temp) => self.hold_temp(register, temp),
            _ => {}
        }
        register
    }

    /// Writes a value to a register that has been taken; does not change the flags.
    pub(super) fn load_into(&mut self, register: Gp64, value: Ref, class: Class) {
        if let Some(source) = self.register_of(value) {
            if source != register {
                self.mov_rr(width(class), register.any(), source.any());
            }
            return;
        }
        match value.get() {
            Operand::Var(var) => {
                let slot = self.slot(var);
                self.mov_rm(width(class), register.any(), slot);
            }
            Operand::Temp(temp) => {
                if let Some(fused) = self.take_fused(temp) {
                    let (address, _) = self.fused_address(fused);
                    self.site(SiteKind::Memory, fused.wasm_offset);
                    self.mov_rm(width(class), register.any(), address);
                    return;
                }
                let slot = self.temp_slot(temp);
                self.mov_rm(width(class), register.any(), slot);
            }
            _ => {
                let value = self.tape.constant(value).expect("an operand has a value");
                self.mov_ri(width(class), register.any(), value);
            }
        }
    }

    /// A value as the second operand of an instruction.
    #[inline]
    pub(super) fn source(&mut self, value: Ref, class: Class) -> Source {
        if let Some(constant) = self.tape.constant(value) {
            let imm = match class {
                Class::I32 => Some(constant as i32),
                _ => i32::try_from(constant).ok(),
            };
            if let Some(imm) = imm {
                return Source { rm: Rm::Imm(imm), registers: 0 };
            }
        }
        if let Some(temp) = value.as_temp()
            && let Some(fused) = self.take_fused(temp)
        {
            let (address, registers) = self.fused_address(fused);
            return Source { rm: Rm::Heap(address, fused.wasm_offset), registers };
        }
        if self.register_of(value).is_none() && !self.ints.has_free() && !value.is_const() {
            return Source { rm: Rm::Mem(self.memory_of(value)), registers: 0 };
        }
        let register = self.read(value, class);
        Source { rm: Rm::Reg(register), registers: bit(register) }
    }

    /// The register that an entry's integer result is computed in: its home if that is a register that `avoid` does not
    /// name, else `reuse` (the register of an operand that dies here), else a scratch register.
    #[inline]
    pub(super) fn target(&mut self, e: &Entry, reuse: Option<Gp64>, avoid: u16) -> Gp64 {
        if let Some(home) = self.pinned(e.dst)
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
    pub(super) fn dying(&self, value: Ref) -> Option<Gp64> {
        let place = self.places[self.temp_cell(value.as_temp()?) as usize];
        (place < FLOAT_PLACE).then(|| gpr(place))
    }

    /// A result has been computed: it goes to its home.
    #[inline]
    pub(super) fn define(&mut self, dst: Ref, register: Gp64, class: Class) {
        match dst.get() {
            Operand::Temp(temp) => self.hold_temp(register, temp),
            Operand::Var(var) => match self.pinned(dst) {
                Some(home) => {
                    if home != register {
                        self.mov_rr(width(class), home.any(), register.any());
                    }
                }
                None => {
                    self.forget_copy(var);
                    let slot = self.slot(var);
                    self.mov_mr(Width::W64, slot, register.any());
                    if self.ints.is_free(register.num()) {
                        self.hold_copy(register, var);
                    }
                }
            },
            _ => unreachable!("a result is a variable or a temp"),
        }
    }

    /// `dst = a`, of any class.
    pub(super) fn copy(&mut self, e: &Entry) {
        if e.class.is_float() {
            return self.copy_float(e);
        }
        if let Some(home) = self.pinned(e.dst) {
            match self.tape.constant(e.a) {
                Some(0) => self.alu_rr(Alu::Xor, Width::W32, home.any(), home.any()),
                _ => self.load_into(home, e.a, e.class),
            }
            return self.release(e.a);
        }
        if let Some(var) = e.dst.as_var()
            && let Some(constant) = self.tape.constant(e.a)
            && let Ok(imm) = i32::try_from(constant)
            && (imm >= 0 || e.class == Class::I64)
        {
            self.forget_copy(var);
            let slot = self.slot(var);
            self.mov_mi(Width::W64, slot, imm);
            return;
        }
        let dying = self.dying(e.a);
        let register = match dying {
            Some(register) => {
                self.release(e.a);
                self.take(register)
            }
            None if e.dst.as_var().is_some() => self.read(e.a, e.class),
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
    pub(super) fn release_into(&mut self, value: Ref, dst: Ref, register: Gp64) {
        if value.as_temp().is_some() && dst.as_var().is_some() {
            self.release(value);
            if let Some(var) = dst.as_var() {
                self.hold_copy(register, var);
            }
        }
    }
}
