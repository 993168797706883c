//! From tape to machine code: one flat match over the entries.
//!
//! Invariants:
//! * An i32 has zeros in the upper half of its register, and of its 8-byte slot.
//! * At a label scratch registers hold nothing, and no temp is alive.
//! * Compared operands and the instruction that reads the flags are adjacent; only moves stand between.
//!
#![doc = include_str!("processors.md")]

mod state;
mod address;
mod operand;
mod values;
mod registers;
mod int;
mod divide;
mod wide;
mod float;
mod convert;
mod vector;
mod vector_int;
mod vector_float;
mod shuffle;
mod lanes;
mod memory;
mod memories;
mod atomic;
mod cold;
mod control;
mod ending;
mod call;
mod tail_call;
mod exceptions;
mod moves;
mod instructions;
mod recount;
#[cfg(feature = "coverage")]
mod coverage;

#[cfg(feature = "coverage")]
pub(crate) use coverage::coverage;

use super::assign::Plan;
use super::context::{Failure, MAX_FUNCTION_BYTES, ModuleContext};
use super::net;
use super::tape::{CODE_BYTES_PER_ENTRY, Entry, NO_HANDLER, Op, Tape};
use crate::abi::CallLayout;
use crate::abi::code_memory::{CodeMemory, Relocation};
use crate::abi::positions::{Calls, SiteWriter};
use crate::types::FuncType;
use address::Fused;
use cold::Cold;
use planish_asm::{Asm, Label, LabelSlot};
pub(super) use recount::state::Recount;
use registers::{Bank, FLOAT_PLACE, IN_MEMORY};
use state::Emit;

/// Buffers that outlive a function.
pub(super) struct Buffers {
    labels: Vec<LabelSlot>,
    places: Vec<u8>,
    cold: Vec<Cold>,
    tables: Vec<(Label, u32)>,
    constants: Vec<(u128, Label)>,
    pub(super) recount: Recount,
}

impl Buffers {
    pub(super) fn new() -> Buffers {
        Buffers {
            labels: Vec::new(),
            places: Vec::new(),
            cold: Vec::new(),
            tables: Vec::new(),
            constants: Vec::new(),
            recount: Recount::default(),
        }
    }
}

/// What a finished function is, beside its bytes.
pub(super) struct Emitted {
    pub(super) prologue_bytes: u32,
    /// The code with the padding that ends it.
    pub(super) code_bytes: usize,
    pub(super) padding_bytes: usize,
}

/// What the driver hands over for each function.
pub(super) struct Job<'a> {
    pub(super) module: &'a ModuleContext<'a>,
    pub(super) tape: &'a Tape,
    pub(super) plan: &'a Plan,
    pub(super) layout: &'a CallLayout,
    pub(super) ty: &'a FuncType,
    pub(super) sites: &'a mut SiteWriter,
    pub(super) calls: &'a mut Calls,
    pub(super) relocations: &'a mut Vec<Relocation>,
    /// Its thread's; the function's comes behind.
    pub(super) code: &'a mut dyn CodeMemory,
    /// The function's code may not be longer.
    pub(super) max_bytes: usize,
}

/// The alignment of a function's first byte.
pub(super) const FUNCTION_ALIGNMENT: usize = 32;

/// Appends a function's code.
pub(super) fn emit(job: &mut Job<'_>, buffers: &mut Buffers) -> Result<Emitted, Failure> {
    let (sites_at, relocations_at, calls_at) = (job.sites.len(), job.relocations.len(), job.calls.mark());
    // Nearly every function fits; one that does not is emitted again.
    let tape = job.tape;
    let wanted = CODE_BYTES_PER_ENTRY * (tape.entries.len() + tape.lists.len() + tape.variables.len()) + 1024;
    let mut room = wanted.min(MAX_FUNCTION_BYTES);
    let traps = if job.module.guarded { tape.entries.len() / 8 } else { tape.entries.len() };
    grow(&mut buffers.labels, tape.labels.len() + traps + 64, LabelSlot::EMPTY);
    let mut allow_short = true;
    loop {
        let mut labels = std::mem::take(&mut buffers.labels);
        let writer = job.sites.mark();
        let result = attempt(job, buffers, room, &mut labels, allow_short);
        let outcome = match result {
            Ok(emitted) => {
                job.code.commit(emitted.code_bytes);
                Some(Ok(emitted))
            }
            Err(failure) => {
                job.sites.rewind(sites_at, writer);
                job.relocations.truncate(relocations_at);
                job.calls.rewind(calls_at);
                match failure {
                    Failure::Code(planish_asm::AsmError::Full { needed }) if needed > job.max_bytes => {
                        Some(Err(Failure::TooMuchCode))
                    }
                    Failure::Code(planish_asm::AsmError::Full { needed }) => {
                        room = needed;
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
        buffers.labels = labels;
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
    room: usize,
    labels: &mut [LabelSlot],
    allow_short: bool,
) -> Result<Emitted, Failure> {
    let Buffers { places, cold, tables, constants, .. } = buffers;
    if net::IS_ON {
        buffers.recount.start(job.tape.temps);
    }
    let pins = &job.plan.pins;
    let memory_cells = 2 * pins.len().max(job.tape.temps as usize) as u32;
    let no_cell = memory_cells + job.module.info.memories.len() as u32;
    places.clear();
    places.resize(no_cell as usize + 1, IN_MEMORY);
    for (place, &pin) in places.iter_mut().step_by(2).zip(pins) {
        *place = pin;
    }
    cold.clear();
    tables.clear();
    constants.clear();
    let base = job.code.bytes().len() as u32;
    // A hostile module's code may be thousands of times its own size.
    let code = job.code.room(room).map_err(|_| Failure::Code(planish_asm::AsmError::TooLong))?;
    let mut asm = Asm::new(&mut code[..room], labels);
    let labels = asm.labels(job.tape.labels.len() as u32);
    let mut emit = Emit {
        module: job.module,
        tape: job.tape,
        plan: job.plan,
        layout: job.layout,
        ty: job.ty,
        entries: &job.tape.entries,
        slots: &job.plan.slots,
        asm,
        labels,
        bank: Bank::new(u32::from(job.plan.scratch.bits()) | u32::from(job.plan.float_scratch) << FLOAT_PLACE, no_cell),
        places,
        memory_cells,
        no_cell,
        cold,
        tables,
        constants,
        sites: job.sites,
        first_catch: job.calls.catches.len() as u32,
        calls: job.calls,
        handler: NO_HANDLER,
        relocations: job.relocations,
        base,
        offsets: job.tape.offsets.iter(),
        at: 0,
        fused: Fused::NOTHING,
        memarg: None,
        plain: job.module.guarded,
        allow_short,
        spilled: false,
        recount: &mut buffers.recount,
    };
    emit.prologue();
    let prologue_bytes = emit.asm.pos() as u32;
    emit.body();
    emit.cold_code();
    emit.catches();
    emit.data();
    if emit.bank.is_exhausted() {
        return Err(Failure::Registers);
    }
    if emit.spilled && !job.plan.spills {
        return Err(Failure::Spills);
    }
    // Up to where the next function begins nothing may be executed.
    let code_bytes = emit.asm.pos().next_multiple_of(FUNCTION_ALIGNMENT);
    let padding_bytes = code_bytes - emit.asm.pos();
    for _ in 0..FUNCTION_ALIGNMENT / 8 {
        emit.asm.u64(u64::from_ne_bytes([0xCC; 8]));
    }
    emit.asm.finish().map_err(Failure::Code)?;
    Ok(Emitted { prologue_bytes, code_bytes, padding_bytes })
}

impl Emit<'_> {
    fn body(&mut self) {
        while let Some(entry) = self.entries.get(self.at) {
            #[cfg(feature = "coverage")]
            self.mark(entry);
            let from = self.at;
            self.entry(entry);
            self.bank.unlock_all();
            if net::IS_ON {
                self.recount(from);
            }
            self.at += 1;
        }
    }

    #[inline(always)]
    fn entry(&mut self, e: &Entry) {
        match e.op {
            Op::Int(op) => self.int(op, e),
            Op::IntUnary(op) => self.int_unary(op, e),
            Op::Lea { scale } => self.lea(scale, e),
            Op::Wide(op) => self.wide(op, e),
            Op::WideHigh => unreachable!("taken by the low half before it"),
            Op::Float(op) => self.float(op, e),
            Op::FloatUnary(op) => self.float_unary(op, e),
            Op::Convert(convert) => self.convert(convert, e),
            Op::Vector(op) => self.vector(op, e),
            Op::Copy => self.copy(e),
            Op::NonNull => self.non_null(e),
            Op::Drop => self.release(self.value(e.a)),
            Op::Set(test) => self.set(test, e),
            Op::Compare(test) => self.select(test, e),
            Op::Select => unreachable!("taken by the comparison before it"),
            Op::Load(access) => self.load(access, e),
            Op::Store(access) => self.store(access, e),
            Op::LoadVector(load) => self.load_vector(load, e),
            Op::LoadLane(lanes, lane) => self.load_lane(lanes, lane, e),
            Op::StoreLane(lanes, lane) => self.store_lane(lanes, lane, e),
            Op::AtomicLoad(access) => self.atomic_load(access, e),
            Op::AtomicStore(access) => self.atomic_store(access, e),
            Op::AtomicRmw(op, access) => self.atomic_rmw(op, access, e),
            Op::AtomicCompare(access) => self.compare_exchange(access, e),
            Op::AtomicReplace => unreachable!("taken by the comparison before it"),
            Op::Fence => self.fence(),
            Op::Address => self.address(e),
            Op::Memarg => (self.plain, self.memarg) = (false, Some(self.tape.memargs[e.imm as usize])),
            Op::GlobalGet => self.global_get(e),
            Op::GlobalSet => self.global_set(e),
            Op::MemorySize => self.memory_size(e),
            Op::TableSize => self.table_size(e),
            Op::TableGet => self.table_get(e),
            Op::TableSet => self.table_set(e),
            Op::RefFunc => self.ref_func(e),
            Op::Call => self.call_direct(e),
            Op::CallIndirect => self.call_indirect(e),
            Op::CallRef => self.call_ref(e),
            Op::TailCall => self.tail_call(e),
            Op::TailCallIndirect => self.tail_call_indirect(e),
            Op::TailCallRef => self.tail_call_ref(e),
            Op::Builtin => self.call_builtin(e),
            Op::Label => self.label(e),
            Op::Jump => self.jump(e.imm),
            Op::Branch(test) => self.branch(test, e),
            Op::BranchTable => self.branch_table(e),
            Op::Return => self.return_list(e.imm),
            Op::Unreachable => self.unreachable(),
            Op::Throw => self.throw(e),
            Op::ThrowRef => self.throw_ref(e),
            Op::Handler => self.handler = e.imm,
        }
    }
}
