//! From tape to machine code: one flat match over the entries.
//!
//! Invariants:
//! * An i32 has zeros in the upper half of its register, and of its 8-byte slot.
//! * At a label scratch registers hold nothing, and no temp is alive.
//! * Compared operands and the instruction that reads the flags are adjacent; only moves stand between.

mod call;
mod control;
mod convert;
mod divide;
mod float;
mod int;
mod memory;
mod registers;
mod moves;
mod instructions;

use super::assign::Plan;
use super::tape::{Class, Entry, Op, Operand, Ref, Tape};
use super::{Failure, ModuleContext};
use crate::abi::layout::Slot;
use crate::abi::positions::{Site, SiteKind, SiteWriter};
use crate::abi::{CONTEXT, CallLayout, TrapCode};
use crate::types::{FuncType, GlobalIndex};
use control::Cold;
use memory::Fused;
use planish_asm::regs::rsp;
use planish_asm::{Addr, Asm, Gp64, Label, LabelSlot, Prec, Width};
use registers::{Bank, Choice, Held};

/// A call whose displacement is filled in when all functions have their place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relocation {
    /// The displacement's four bytes, from the start of the code.
    pub(super) at: u32,
    /// Among the module's own functions.
    pub(super) function: u32,
}

/// Buffers that outlive a function.
pub(super) struct Buffers {
    code: Vec<u8>,
    labels: Vec<LabelSlot>,
    places: Vec<u8>,
    label_of: Vec<Label>,
    cold: Vec<Cold>,
    tables: Vec<(Label, u32)>,
    constants: Vec<(u128, Label)>,
    ints: Bank,
    floats: Bank,
}

impl Buffers {
    pub(super) fn new() -> Buffers {
        Buffers {
            code: Vec::new(),
            labels: Vec::new(),
            places: Vec::new(),
            label_of: Vec::new(),
            cold: Vec::new(),
            tables: Vec::new(),
            constants: Vec::new(),
            ints: Bank::new(),
            floats: Bank::new(),
        }
    }
}

/// A [place](Emit::places): in no register.
pub(super) const IN_MEMORY: u8 = u8::MAX;
/// Places from here on are float registers, below integer registers.
pub(super) const FLOAT_PLACE: u8 = 16;

/// An integer operand as an instruction takes it.
#[derive(Clone, Copy)]
struct Source {
    rm: Rm,
    /// The registers it is made of.
    registers: u16,
}

#[derive(Clone, Copy)]
enum Rm {
    Reg(Gp64),
    Imm(i32),
    Mem(Addr),
    /// A guarded access: the instruction is a site, of this wasm offset.
    Heap(Addr, u32),
}

/// What a finished function is, beside its bytes.
pub(super) struct Emitted {
    pub(super) prologue_bytes: u32,
}

/// One function being emitted.
pub(super) struct Emit<'a> {
    module: &'a ModuleContext<'a>,
    tape: &'a Tape,
    plan: &'a Plan,
    layout: &'a CallLayout,
    ty: &'a FuncType,
    asm: Asm<'a>,
    label_of: &'a mut Vec<Label>,
    ints: &'a mut Bank,
    floats: &'a mut Bank,
    /// By variable, then temp, then one for everything else: the number of the register that holds it, from
    /// [`FLOAT_PLACE`] on a float register, or [`IN_MEMORY`]. What a pinned variable has never changes.
    places: &'a mut Vec<u8>,
    cold: &'a mut Vec<Cold>,
    tables: &'a mut Vec<(Label, u32)>,
    constants: &'a mut Vec<(u128, Label)>,
    sites: &'a mut SiteWriter,
    relocations: &'a mut Vec<Relocation>,
    /// Of the function's first byte.
    base: u32,
    /// The body's first byte in the module file.
    body_offset: u32,
    /// The entry being emitted.
    at: usize,
    next_offset: usize,
    fused: Option<Fused>,
    allow_short: bool,
    out_of_registers: bool,
}

/// What the driver hands over for each function.
pub(super) struct Job<'a> {
    pub(super) module: &'a ModuleContext<'a>,
    pub(super) tape: &'a Tape,
    pub(super) plan: &'a Plan,
    pub(super) layout: &'a CallLayout,
    pub(super) ty: &'a FuncType,
    /// The body's first byte in the module file.
    pub(super) body_offset: u32,
    pub(super) sites: &'a mut SiteWriter,
    pub(super) relocations: &'a mut Vec<Relocation>,
    pub(super) code: &'a mut Vec<u8>,
}

/// Appends a function's code; it starts 32-aligned.
pub(super) fn emit(job: &mut Job<'_>, buffers: &mut Buffers) -> Result<Emitted, Failure> {
    let (sites_at, relocations_at) = (job.sites.bytes().len(), job.relocations.len());
    let start = job.code.len();
    let wanted = 96 * job.tape.entries.len() + 48 * job.tape.lists.len() + 32 * job.tape.variables.len() + 1024;
    grow(&mut buffers.code, wanted, 0);
    grow(&mut buffers.labels, job.tape.labels.len() + 3 * job.tape.entries.len() + 64, LabelSlot::EMPTY);
    let mut allow_short = true;
    loop {
        let mut code = std::mem::take(&mut buffers.code);
        let mut labels = std::mem::take(&mut buffers.labels);
        let writer = job.sites.mark();
        let result = attempt(job, buffers, &mut code, &mut labels, start as u32, allow_short);
        let outcome = match result {
            Ok((emitted, length)) => {
                job.code.extend_from_slice(&code[..length]);
                job.code.resize(job.code.len().next_multiple_of(32), 0xCC);
                Some(Ok(emitted))
            }
            Err(failure) => {
                job.sites.rewind(sites_at, writer);
                job.relocations.truncate(relocations_at);
                match failure {
                    Failure::Code(planish_asm::AsmError::Full { needed }) => {
                        grow(&mut code, needed, 0);
                        None
                    }
                    Failure::Code(planish_asm::AsmError::TooManyLabels { needed }) => {
                        grow(&mut labels, needed, LabelSlot::EMPTY);
                        None
                    }
                    Failure::Code(planish_asm::AsmError::ShortRange { .. }) if allow_short => {
                        allow_short = false;
                        None
                    }
                    failure => Some(Err(failure)),
                }
            }
        };
        (buffers.code, buffers.labels) = (code, labels);
        if let Some(outcome) = outcome {
            return outcome;
        }
    }
}

fn grow<T: Clone>(buffer: &mut Vec<T>, length: usize, with: T) {
    if buffer.len() < length {
        buffer.resize(length, with);
    }
}

fn attempt(
    job: &mut Job<'_>,
    buffers: &mut Buffers,
    code: &mut [u8],
    labels: &mut [LabelSlot],
    base: u32,
    allow_short: bool,
) -> Result<(Emitted, usize), Failure> {
    let Buffers { places, label_of, cold, tables, constants, ints, floats, .. } = buffers;
    places.clear();
    places.extend_from_slice(&job.plan.pins);
    places.resize(places.len() + job.tape.temps as usize + 1, IN_MEMORY);
    cold.clear();
    tables.clear();
    constants.clear();
    label_of.clear();
    ints.start(job.plan.scratch.bits());
    floats.start(job.plan.float_scratch);
    let mut asm = Asm::new(code, labels);
    label_of.extend(job.tape.labels.iter().map(|_| asm.label()));
    let mut emit = Emit {
        module: job.module,
        tape: job.tape,
        plan: job.plan,
        layout: job.layout,
        ty: job.ty,
        asm,
        label_of,
        ints,
        floats,
        places,
        cold,
        tables,
        constants,
        sites: job.sites,
        relocations: job.relocations,
        base,
        body_offset: job.body_offset,
        at: 0,
        next_offset: 0,
        fused: None,
        allow_short,
        out_of_registers: false,
    };
    emit.prologue();
    let prologue_bytes = emit.asm.pos() as u32;
    emit.body();
    emit.cold_code();
    emit.data();
    if emit.out_of_registers {
        return Err(Failure::Registers);
    }
    let length = emit.asm.finish().map_err(Failure::Code)?.len();
    Ok((Emitted { prologue_bytes }, length))
}

impl Emit<'_> {
    fn body(&mut self) {
        let entries = &self.tape.entries;
        while let Some(entry) = entries.get(self.at) {
            self.ints.unlock_all();
            self.floats.unlock_all();
            self.entry(entry);
            self.at += 1;
        }
    }

    fn entry(&mut self, e: &Entry) {
        match e.op {
            Op::Int(op) => self.int(op, e),
            Op::IntUnary(op) => self.int_unary(op, e),
            Op::Lea { scale } => self.lea(scale, e),
            Op::Float(op) => self.float(op, e),
            Op::FloatUnary(op) => self.float_unary(op, e),
            Op::Convert(convert) => self.convert(convert, e),
            Op::Copy => self.copy(e),
            Op::Drop => self.release(e.a),
            Op::Set(test) => self.set(test, e),
            Op::Compare(test) => self.select(test, e),
            Op::Select => unreachable!("taken by the comparison before it"),
            Op::Load(access) => self.load(access, e),
            Op::Store(access) => self.store(access, e),
            Op::GlobalGet => self.global_get(e),
            Op::GlobalSet => self.global_set(e),
            Op::MemorySize => self.memory_size(e),
            Op::TableSize => self.table_size(e),
            Op::TableGet => self.table_get(e),
            Op::TableSet => self.table_set(e),
            Op::RefFunc => self.ref_func(e),
            Op::Call => self.call_direct(e),
            Op::CallIndirect => self.call_indirect(e),
            Op::Builtin => self.call_builtin(e),
            Op::Label => self.label(e),
            Op::Jump => self.jump(e.imm),
            Op::Branch(test) => self.branch(test, e),
            Op::BranchTable => self.branch_table(e),
            Op::Return => self.return_list(e.imm),
            Op::Unreachable => self.unreachable(),
        }
    }

    // Sites and traps.

    /// The wasm offset of the entry being emitted; each that can trap takes one.
    #[inline]
    fn take_offset(&mut self) -> u32 {
        self.next_offset += 1;
        self.tape.offsets[self.next_offset - 1]
    }

    /// The next instruction (for a call: the one just emitted) can trap.
    #[inline]
    fn site(&mut self, kind: SiteKind, wasm_offset: u32) {
        self.sites.push(Site { code_offset: self.base + self.asm.pos() as u32, wasm_offset, kind });
    }

    /// A label behind the function that traps.
    fn trap(&mut self, code: TrapCode, wasm_offset: u32) -> Label {
        let label = self.asm.label();
        self.cold.push(Cold::Trap { label, code, wasm_offset });
        label
    }

    // Places.

    /// The place of a value in [`Emit::places`]; constants have the last one.
    #[inline]
    fn cell(&self, value: Ref) -> usize {
        let variables = self.tape.variables.len();
        match (value.as_var(), value.as_temp()) {
            (Some(var), _) => var as usize,
            (_, Some(temp)) => variables + temp as usize,
            _ => variables + self.tape.temps as usize,
        }
    }

    #[inline]
    fn temp_cell(&self, temp: u32) -> u32 {
        self.tape.variables.len() as u32 + temp
    }

    /// Where a variable that is not pinned lies.
    #[inline]
    fn slot(&self, var: u32) -> Addr {
        frame(self.plan.slots[var as usize])
    }

    #[inline]
    fn temp_slot(&self, temp: u32) -> Addr {
        frame(self.plan.temps_at + 8 * temp as i32)
    }

    /// Where a temp goes, given its cell.
    #[inline]
    fn spill_slot(&self, cell: u32) -> Addr {
        self.temp_slot(cell - self.tape.variables.len() as u32)
    }

    /// The register that a variable is pinned to.
    #[inline]
    fn pinned(&self, value: Ref) -> Option<Gp64> {
        let place = self.plan.pins[value.as_var()? as usize];
        (place < FLOAT_PLACE).then(|| gpr(place))
    }

    /// Forgets a temp after its use: its register may be written.
    #[inline]
    fn release(&mut self, value: Ref) {
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
    fn forget_scratch(&mut self) {
        let places = &mut *self.places;
        self.ints.forget_all(|cell| places[cell as usize] = IN_MEMORY);
        self.floats.forget_all(|cell| places[cell as usize] = IN_MEMORY);
        self.ints.unlock_all();
        self.floats.unlock_all();
    }

    /// A slot variable is about to change: no register holds its value any more.
    #[inline]
    fn forget_copy(&mut self, var: u32) {
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
    fn register_of(&self, value: Ref) -> Option<Gp64> {
        let place = self.places[self.cell(value)];
        (place < FLOAT_PLACE).then(|| gpr(place))
    }

    #[inline]
    fn hold_temp(&mut self, register: Gp64, temp: u32) {
        let cell = self.temp_cell(temp);
        self.ints.set_temp(register.num(), cell);
        self.places[cell as usize] = register.num();
    }

    #[inline]
    fn hold_copy(&mut self, register: Gp64, var: u32) {
        self.ints.set_copy(register.num(), var);
        self.places[var as usize] = register.num();
    }

    /// A scratch register to write.
    #[inline]
    fn scratch(&mut self, hint: u8, avoid: u16) -> Gp64 {
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
    fn take(&mut self, register: Gp64) -> Gp64 {
        let choice = self.ints.take(register.num());
        self.chosen(choice)
    }

    #[inline]
    fn chosen(&mut self, choice: Choice) -> Gp64 {
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
    fn read(&mut self, value: Ref, class: Class) -> Gp64 {
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
    fn load_into(&mut self, register: Gp64, value: Ref, class: Class) {
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
    fn source(&mut self, value: Ref, class: Class) -> Source {
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
        if self.register_of(value).is_none() && !self.ints.has_free() {
            match value.get() {
                Operand::Var(var) => {
                    return Source { rm: Rm::Mem(self.slot(var)), registers: 0 };
                }
                Operand::Temp(temp) => return Source { rm: Rm::Mem(self.temp_slot(temp)), registers: 0 },
                _ => {}
            }
        }
        let register = self.read(value, class);
        Source { rm: Rm::Reg(register), registers: bit(register) }
    }

    /// The register that an entry's integer result is computed in: its home if that is a register that `avoid` does not
    /// name, else `reuse` (the register of an operand that dies here), else a scratch register.
    #[inline]
    fn target(&mut self, e: &Entry, reuse: Option<Gp64>, avoid: u16) -> Gp64 {
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
    fn dying(&self, value: Ref) -> Option<Gp64> {
        let place = self.places[self.temp_cell(value.as_temp()?) as usize];
        (place < FLOAT_PLACE).then(|| gpr(place))
    }

    /// A result has been computed: it goes to its home.
    #[inline]
    fn define(&mut self, dst: Ref, register: Gp64, class: Class) {
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
    fn copy(&mut self, e: &Entry) {
        if e.class.is_float() {
            return self.copy_float(e);
        }
        if let Some(home) = self.pinned(e.dst) {
            match self.tape.constant(e.a) {
                Some(0) => self.alu_rr(planish_asm::Alu::Xor, Width::W32, home.any(), home.any()),
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
    fn release_into(&mut self, value: Ref, dst: Ref, register: Gp64) {
        if value.as_temp().is_some() && dst.as_var().is_some() {
            self.release(value);
            if let Some(var) = dst.as_var() {
                self.hold_copy(register, var);
            }
        }
    }

    /// Where a global's value lies.
    fn global(&mut self, index: u32) -> Addr {
        self.definition(self.module.context.global(GlobalIndex(index))).at(0)
    }

    /// A definition that lies in the context or behind a pointer there, which is loaded.
    fn definition(&mut self, slot: Slot) -> Definition {
        match slot {
            Slot::Own(start) => Definition { base: CONTEXT, start, pointer: None },
            Slot::Imported(at) => {
                let pointer = self.scratch(0, 0);
                self.mov_rm(Width::W64, pointer.any(), Addr::base_disp(CONTEXT.any(), at));
                Definition { base: pointer, start: 0, pointer: Some(pointer) }
            }
        }
    }
}

/// Where the definition of a memory, table or global starts.
#[derive(Clone, Copy)]
struct Definition {
    base: Gp64,
    start: i32,
    /// The scratch register, if it is `base`.
    pointer: Option<Gp64>,
}

impl Definition {
    fn at(self, bytes: i32) -> Addr {
        Addr::base_disp(self.base.any(), self.start + bytes)
    }
}

#[inline]
fn frame(at: i32) -> Addr {
    Addr::base_disp(rsp.any(), at)
}

#[inline]
fn gpr(number: u8) -> Gp64 {
    Gp64::from_num(number).expect("rsp is never scratch")
}

#[inline]
fn bit(register: Gp64) -> u16 {
    1 << register.num()
}

#[inline]
fn width(class: Class) -> Width {
    match class {
        Class::I32 => Width::W32,
        _ => Width::W64,
    }
}

#[inline]
fn prec(class: Class) -> Prec {
    match class {
        Class::F32 => Prec::S,
        _ => Prec::D,
    }
}
