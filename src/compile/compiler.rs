//! [`Compiler`]: what one thread does with each function: scan, assign, emit.

use super::assign::{Pins, Plan};
use super::budget::{Budget, Limits};
use super::builtin_stubs;
use super::context::{Failure, MAX_FUNCTION_BYTES, ModuleContext};
use super::emit::{self, Buffers, Job};
use super::link::{Mark, Part};
use super::net;
use super::options::Handlers;
use super::scan::{Refusal, Scan, Unwatched, Watch, Watched};
use super::tape::{Origins, verify};
use super::timings::{Clock, Stage};
use crate::abi::code_memory::{CodeMemory, Relocation};
use crate::abi::layout::IMPORTER_ENTRY_BYTES;
use crate::abi::positions::{Calls, FunctionCode, SiteWriter};
use crate::decode::{Bodies, Cursor};
use crate::error::Error;
use crate::types::TypeIndex;
use planish_asm::AsmError;
use std::io;
use std::ops::Range;

/// For functions up to this size a frame without room for temps is tried first: they are called often, and a second
/// attempt costs little.
const SMALL_ENTRIES: usize = 64;

/// One thread's state, reused from function to function. Offsets count from its own first byte of code.
pub(super) struct Compiler<'a, M> {
    pub(super) module: &'a ModuleContext<'a>,
    budget: &'a Budget,
    pub(super) scan: Scan<'a>,
    pub(super) plan: Plan,
    pub(super) buffers: Buffers,
    pub(super) code: M,
    pub(super) functions: Vec<FunctionCode>,
    sites: SiteWriter,
    calls: Calls,
    pub(super) relocations: Vec<Relocation>,
    batches: Vec<Mark>,
    clock: Clock,
}

impl<'a, M: CodeMemory> Compiler<'a, M> {
    /// For about so many bytes of wasm. Fails when the system has no memory.
    pub(super) fn new(
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
    pub(super) fn batch(&mut self, own: Range<usize>, bodies: &Bodies<'_>) -> Result<(), Error> {
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

    pub(super) fn finish(self) -> Part<M> {
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
    pub(super) fn read_body(&mut self, own: u32, module: &[u8], range: Range<u32>) -> Result<(), Refusal> {
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
    pub(super) fn read(
        &mut self,
        own: u32,
        module: &[u8],
        range: Range<u32>,
        watch: &mut impl Watch,
    ) -> Result<(), Refusal> {
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
        let padded = builtin_stubs::importer_entry();
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
    pub(super) fn emit(&mut self, ty: TypeIndex, body_offset: u32, has_importer_entry: bool) -> Result<usize, Refusal> {
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
pub(super) fn refused(refusal: Refusal, module: &ModuleContext<'_>, bodies: &Bodies<'_>, own: u32) -> Error {
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
pub(super) fn too_large(refusal: Refusal, limits: Limits, offset: usize) -> Error {
    let what = "the function is too large to compile";
    let why = match refusal {
        Refusal::Memory => format!(": more than {} bytes of memory would be needed", limits.memory_bytes),
        Refusal::Code => format!(": the module would have more than {} bytes of code", limits.code_bytes),
        Refusal::Invalid | Refusal::TooLarge => String::new(),
    };
    Error::invalid(format!("{what}{why}"), offset)
}
