//! From function bodies to machine code: scan (and validate), assign, emit, link. Safe and pure.
//!
#![doc = include_str!("costs.md")]

mod scan;
mod vector;
mod op;
mod tape;
mod assign;
mod emit;
mod threads;
mod link;
mod batches;
mod budget;
mod lazy;
mod timings;
mod stubs;
#[cfg(any(test, feature = "net"))]
mod frozen;
mod net;
mod dump;

pub(crate) use assign::RegisterFile;
pub use dump::{FunctionTape, TapeLine};
pub(crate) use dump::{difference, tapes};
#[cfg(feature = "coverage")]
pub(crate) use emit::coverage;
#[cfg(feature = "net")]
pub(crate) use frozen::Digests;
pub(crate) use lazy::LazyModule;
pub(crate) use link::CompiledModule;
pub(crate) use stubs::{builtin_stubs, host_stub, lazy_stubs, signature_stubs};
pub(crate) use threads::Threads;
pub(crate) use timings::Clock;
pub use timings::{Stage, Timings};

use crate::abi::code_memory::{CodeMemory, Relocation};
use crate::abi::layout::{ContextLayout, IMPORTER_ENTRY_BYTES};
use crate::abi::positions::{Calls, FunctionCode, SiteWriter};
use crate::abi::{CallLayout, Cpu};
use crate::decode::{Bodies, Cursor, ModuleInfo};
use crate::error::Error;
use crate::types::{MemoryType, TypeIndex};
use assign::{Pins, Plan};
use budget::{Budget, Limits};
use emit::{Buffers, Job};
use link::{Mark, Part};
use planish_asm::AsmError;
pub(crate) use scan::Handlers;
use scan::{Refusal, Scan, Signatures, Unwatched, Watch, Watched};
use std::io;
use std::ops::Range;
use tape::{Origins, verify};

/// How to compile, apart from the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    pub(crate) cpu: Cpu,
    /// Memories that can be are reserved whole, so accesses need no check.
    pub(crate) guarded: bool,
    /// Results follow the deterministic profile (specification, appendix A.4).
    pub(crate) deterministic: bool,
    /// Faults become traps; otherwise compiled code must not fault, and memories are not guarded.
    pub(crate) signals: bool,
    pub(crate) registers: RegisterFile,
    pub(crate) handlers: Handlers,
    /// See [`Config::max_compile_memory`](crate::Config::max_compile_memory).
    pub(crate) max_compile_memory: usize,
    /// See [`Config::max_code_size`](crate::Config::max_code_size).
    pub(crate) max_code_size: usize,
}

/// The stubs of one signature, in one piece of position-independent code.
pub(crate) struct SignatureStubs {
    pub(crate) code: Vec<u8>,
    /// Called by the door: `r14` = context, `rbx` = values (16 bytes each, arguments; results overwrite them),
    /// `rax` = code address of the function. Sets r15, calls, stores the results, returns. May change anything but rsp,
    /// r14 and rbx.
    pub(crate) entry_offset: u32,
    /// [`RECORD_FOREIGN`](crate::abi::layout::RECORD_FOREIGN) of a wasm function.
    pub(crate) foreign_offset: u32,
    /// The return address of the call in the foreign entry, and the bytes from rsp there to its own return
    /// address: a backtrace passes through. Below it lies the caller's context.
    pub(crate) foreign_return_offset: u32,
    pub(crate) foreign_frame_bytes: u32,
    /// Stack arguments that functions of the type pop.
    pub(crate) arg_bytes: u32,
}

/// [`RECORD_FOREIGN`](crate::abi::layout::RECORD_FOREIGN) of a host function: stores the arguments to an array on the wasm stack,
/// sets the store's exit and wasm rsp, switches to the native stack (16-aligned) and calls
/// `extern "sysv64" fn(record: *mut FuncRecord, caller: *mut Context, values: *mut Value) -> u32` whose address is at `RECORD_CODE`;
/// 0 = go on with the results in the array, else jump to the store's trap exit. Position-independent.
pub(crate) struct HostStub {
    pub(crate) code: Vec<u8>,
    /// Stack arguments that it pops.
    pub(crate) arg_bytes: u32,
}

/// Entries of all builtins, in one piece of position-independent code.
pub(crate) struct BuiltinStubs {
    pub(crate) code: Vec<u8>,
    /// By [`Builtin`](crate::abi::Builtin), then [`Builtin::LEAVE`](crate::abi::Builtin::LEAVE) and
    /// [`Builtin::COMPILE`](crate::abi::Builtin::COMPILE). Each builtin keeps the callee-saved registers of [`crate::abi`], sets the store's exit and wasm rsp, switches to the native stack and calls
    /// the function's address, read from a table of addresses: see [`builtin_stubs`].
    pub(crate) offsets: Vec<u32>,
    /// [`RECORD_IMPORTER`](crate::abi::layout::RECORD_IMPORTER) of a wasm function that has no such entry of its own.
    pub(crate) importer_offset: u32,
}

/// A function's code may not be longer.
const MAX_FUNCTION_BYTES: usize = 64 << 20;

/// What all functions of a module share.
struct ModuleContext<'a> {
    info: &'a ModuleInfo,
    context: ContextLayout,
    /// By type.
    layouts: &'a [CallLayout],
    params: &'a Signatures,
    /// The engine's number of each type.
    signatures: &'a [u32],
    cpu: Cpu,
    /// Are memories reserved that can be?
    reserves: bool,
    /// Do accesses to memory 0 need no check? Then it never moves.
    guarded: bool,
    deterministic: bool,
    signals: bool,
    registers: RegisterFile,
    handlers: Handlers,
    limits: Limits,
    /// By own function: whether it gets an entry for importers, as exported ones do.
    has_importer_entry: Vec<bool>,
}

/// For functions up to this size a frame without room for temps is tried first: they are called often, and a second
/// attempt costs little.
const SMALL_ENTRIES: usize = 64;

/// Why a function could not be emitted.
enum Failure {
    Code(AsmError),
    /// An entry needed more scratch registers than there were.
    Registers,
    /// A temp had to be spilled where no room for temps was planned.
    Spills,
    /// There would be more code than a function may have, or than is left to its module.
    TooMuchCode,
}

/// Compiles all bodies of a module. `signatures` are the engine's numbers of its types. What comes out, code or error, does not
/// depend on the threads.
pub(crate) fn compile_module<M: CodeMemory>(
    info: &ModuleInfo,
    bodies: &Bodies<'_>,
    signatures: &[u32],
    options: &Options,
    threads: &Threads,
    clock: &mut Clock,
) -> Result<CompiledModule<M>, Error> {
    let layouts: Vec<CallLayout> = info.types.iter().map(|ty| CallLayout::of(ty.func_type())).collect();
    let params = Signatures::of(info, &layouts);
    let module = ModuleContext::new(info, &layouts, &params, signatures, options).with_importer_entries();
    let compiled = batches::compile(&module, bodies, threads, clock)?;
    clock.lap(Stage::Link);
    Ok(compiled)
}

impl<'a> ModuleContext<'a> {
    fn new(
        info: &'a ModuleInfo,
        layouts: &'a [CallLayout],
        params: &'a Signatures,
        signatures: &'a [u32],
        options: &Options,
    ) -> ModuleContext<'a> {
        ModuleContext {
            info,
            context: ContextLayout::new(info),
            layouts,
            params,
            signatures,
            cpu: options.cpu,
            deterministic: options.deterministic,
            reserves: options.guarded,
            guarded: options.guarded && info.memories.first().is_none_or(MemoryType::can_be_guarded),
            signals: options.signals,
            registers: options.registers,
            handlers: options.handlers,
            limits: Limits::of(options, info.code_bytes),
            has_importer_entry: Vec::new(),
        }
    }

    /// With an entry for importers before each exported function.
    fn with_importer_entries(mut self) -> ModuleContext<'a> {
        self.has_importer_entry = vec![false; self.info.functions.len() - self.info.imported_functions as usize];
        for own in self.info.exported_functions().filter_map(|func| func.0.checked_sub(self.info.imported_functions)) {
            self.has_importer_entry[own as usize] = true;
        }
        self
    }
}

impl ModuleContext<'_> {
    /// Whether one of the module's own functions, if there is one of that number, gets an entry for importers.
    fn has_importer_entry(&self, own: u32) -> bool {
        self.has_importer_entry.get(own as usize).is_some_and(|&has_one| has_one)
    }

    /// Of one of the module's own functions.
    fn type_of(&self, own: u32) -> TypeIndex {
        self.info.functions[(self.info.imported_functions + own) as usize]
    }
}

/// One thread's state, reused from function to function. Offsets count from its own first byte of code.
struct Compiler<'a, M> {
    module: &'a ModuleContext<'a>,
    budget: &'a Budget,
    scan: Scan<'a>,
    plan: Plan,
    buffers: Buffers,
    code: M,
    functions: Vec<FunctionCode>,
    sites: SiteWriter,
    calls: Calls,
    relocations: Vec<Relocation>,
    batches: Vec<Mark>,
    clock: Clock,
}

impl<'a, M: CodeMemory> Compiler<'a, M> {
    /// For about so many bytes of wasm. Fails when the system has no memory.
    fn new(
        module: &'a ModuleContext<'a>,
        budget: &'a Budget,
        wasm_bytes: usize,
        clock: Clock,
    ) -> io::Result<Compiler<'a, M>> {
        Ok(Compiler {
            module,
            budget,
            scan: Scan::new(module.info, module.layouts, module.params, budget),
            plan: Plan::new(),
            buffers: Buffers::new(),
            // Code of real modules is 1.2 to 1.6 times as long. Untouched pages cost nothing, moving does.
            code: M::with_capacity(wasm_bytes * 2)?,
            functions: Vec::with_capacity(wasm_bytes / 128),
            sites: SiteWriter::with_room(wasm_bytes / 4),
            calls: Calls::default(),
            relocations: Vec::with_capacity(wasm_bytes / 32),
            batches: Vec::new(),
            clock,
        })
    }

    /// Compiles some of the module's own functions, which follow each other.
    fn batch(&mut self, own: Range<usize>, bodies: &Bodies<'_>) -> Result<(), Error> {
        self.batches.push(self.mark(own.start as u32));
        for index in own {
            self.function(index as u32, bodies)?;
        }
        Ok(())
    }

    /// Where the next function begins in everything.
    fn mark(&self, function: u32) -> Mark {
        Mark {
            function,
            code: self.code.bytes().len(),
            functions: self.functions.len(),
            sites: self.sites.len() as usize,
            calls: self.calls.mark(),
            relocations: self.relocations.len(),
        }
    }

    fn finish(self) -> Part<M> {
        Part {
            end: self.mark(u32::MAX),
            batches: self.batches,
            code: self.code,
            functions: self.functions,
            sites: self.sites.into_bytes(),
            calls: self.calls,
            relocations: self.relocations,
            clock: self.clock,
        }
    }

    fn function(&mut self, own: u32, bodies: &Bodies<'_>) -> Result<(), Error> {
        let (ty, range) = (self.module.type_of(own), bodies.range(own));
        self.read_body(own, bodies.module, range.clone())
            // The first function's is its own, that of each other one ends the code before it: so the code does not depend on batches.
            .and_then(|()| if own == 0 { self.importer_entry(own, 0) } else { Ok(()) })
            .and_then(|()| self.emit(ty, range.start, self.module.has_importer_entry(own)))
            .and_then(|padding_bytes| self.importer_entry(own + 1, padding_bytes))
            .map_err(|refusal| refused(refusal, self.module, bodies, own))
    }

    /// Validates a body, given its place in the module, and fills the tape.
    fn read_body(&mut self, own: u32, module: &[u8], range: Range<u32>) -> Result<(), Refusal> {
        if net::IS_ON {
            return self.read_and_verify(own, module, range);
        }
        match self.module.handlers {
            Handlers::Quick => self.read(own, module, range, &mut Unwatched),
            handlers => self.read(own, module, range, &mut Watched { handlers, origins: &mut Origins::default() }),
        }
    }

    /// The same; the tape is verified, and what [`Recount`](emit::Recount) says of the function is prepared.
    ///
    /// # Panics
    ///
    /// If the tape breaks a rule.
    fn read_and_verify(&mut self, own: u32, module: &[u8], range: Range<u32>) -> Result<(), Refusal> {
        let mut origins = std::mem::take(&mut self.buffers.recount.origins);
        origins.clear();
        let watched = &mut Watched { handlers: self.module.handlers, origins: &mut origins };
        self.read(own, module, range, watched)?;
        let function = self.module.info.imported_functions + own;
        if let Err(broken) = verify(&self.scan.tape, &origins) {
            panic!("the tape of function {function}: {broken}");
        }
        (self.buffers.recount.function, self.buffers.recount.origins) = (function, origins);
        Ok(())
    }

    /// The same; each operator is watched.
    fn read(&mut self, own: u32, module: &[u8], range: Range<u32>, watch: &mut impl Watch) -> Result<(), Refusal> {
        let length = range.len();
        let mut cursor = Cursor::new(module, range);
        let scan = &mut self.scan;
        scan.start(self.module.type_of(own));
        // About what real bodies need.
        scan.tape.entries.reserve(length / 5);
        scan.declare_all(&mut cursor)?;
        scan.body(&cursor, watch)?;
        scan.finish();
        self.clock.lap(Stage::Scan);
        Ok(())
    }

    /// Writes the entry for importers that precedes a function, if it gets one: over the end of so many bytes of padding, which end
    /// the code, or else after padding of its own.
    fn importer_entry(&mut self, own: u32, padding_bytes: usize) -> Result<(), Refusal> {
        if !self.module.has_importer_entry(own) {
            return Ok(());
        }
        let padded = stubs::importer_entry();
        if padding_bytes < IMPORTER_ENTRY_BYTES as usize {
            self.budget.take_code(padded.len()).ok_or(Refusal::Code)?;
            self.code.room(padded.len()).map_err(|_| Refusal::TooLarge)?[..padded.len()].copy_from_slice(&padded);
            self.code.commit(padded.len());
        } else {
            let entry = &padded[padded.len() - IMPORTER_ENTRY_BYTES as usize..];
            let code = self.code.bytes_mut();
            let at = code.len() - entry.len();
            code[at..].copy_from_slice(entry);
        }
        Ok(())
    }

    /// Returns the length of the padding that ends the code.
    fn emit(&mut self, ty: TypeIndex, body_offset: u32, has_importer_entry: bool) -> Result<usize, Refusal> {
        let layout = &self.module.layouts[ty.index()];
        let code_offset = self.code.bytes().len() as u32;
        let sites_at = self.sites.start(code_offset, body_offset);
        let (mut pins, mut spills) = (Pins::All, self.scan.tape.spills || self.scan.tape.entries.len() > SMALL_ENTRIES);
        let emitted = loop {
            let file = self.module.registers;
            self.plan.assign(&self.scan.tape, layout, file, self.module.cpu, pins, spills).ok_or(Refusal::TooLarge)?;
            self.clock.lap(Stage::Assign);
            let mut job = Job {
                module: self.module,
                tape: &self.scan.tape,
                plan: &self.plan,
                layout,
                ty: &self.module.info.types[ty.index()],
                sites: &mut self.sites,
                calls: &mut self.calls,
                relocations: &mut self.relocations,
                code: &mut self.code,
                max_bytes: MAX_FUNCTION_BYTES.min(self.budget.code_left()),
            };
            let emitted = emit::emit(&mut job, &mut self.buffers);
            self.clock.lap(Stage::Emit);
            match emitted {
                Ok(emitted) => break emitted,
                Err(Failure::Spills) if !spills => spills = true,
                Err(Failure::Registers) if pins == Pins::All => pins = Pins::CalleeSaved,
                Err(Failure::TooMuchCode) if job.max_bytes < MAX_FUNCTION_BYTES => return Err(Refusal::Code),
                Err(Failure::TooMuchCode | Failure::Code(AsmError::TooLong)) => return Err(Refusal::TooLarge),
                Err(Failure::Registers | Failure::Spills) => panic!("eight scratch registers are enough for any entry"),
                Err(Failure::Code(error)) => panic!("the emitter used the assembler wrongly: {error}"),
            }
        };
        if emitted.code_bytes > MAX_FUNCTION_BYTES {
            return Err(Refusal::TooLarge);
        }
        self.budget.take_code(emitted.code_bytes).ok_or(Refusal::Code)?;
        self.functions.push(FunctionCode {
            code_offset,
            wasm_offset: body_offset,
            frame_bytes: self.plan.return_address_at() as u32,
            arg_bytes: layout.arg_bytes,
            sites_at,
            prologue_bytes: emitted.prologue_bytes,
            saved: self.plan.saved_mask(),
            has_importer_entry,
        });
        Ok(emitted.padding_bytes)
    }
}

/// Why a body is refused.
#[cold]
fn refused(refusal: Refusal, module: &ModuleContext<'_>, bodies: &Bodies<'_>, own: u32) -> Error {
    let body = bodies.bodies[own as usize];
    match refusal {
        // In the words of the parser's validator, which checks it again.
        Refusal::Invalid => match bodies.validate(module.info, own, body) {
            Err(error) => error,
            // To refuse is safe.
            Ok(()) => Error::invalid("the function is refused by one of two validators", body.offset),
        },
        _ => too_large(refusal, module.limits, body.offset),
    }
}

/// The error of a valid body that is refused.
fn too_large(refusal: Refusal, limits: Limits, offset: usize) -> Error {
    let what = "the function is too large to compile";
    let why = match refusal {
        Refusal::Memory => format!(": more than {} bytes of memory would be needed", limits.memory_bytes),
        Refusal::Code => format!(": the module would have more than {} bytes of code", limits.code_bytes),
        Refusal::Invalid | Refusal::TooLarge => String::new(),
    };
    Error::invalid(format!("{what}{why}"), offset)
}

#[cfg(test)]
mod tests;
