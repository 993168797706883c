//! Functions that are compiled when they are first called. All are validated before; then each is compiled alone, from a
//! copy of its body, to the same bytes that it has among all others.

use super::batches::{self, WORTH_BYTES};
use super::budget::{Budget, Limits};
use super::compiler::{Compiler, refused, too_large};
use super::context::ModuleContext;
use super::link::CompiledFunction;
use super::options::Options;
use super::scan::{Refusal, Scan, Signatures};
use super::threads::Threads;
use super::timings::Clock;
use super::timings::Stage;
use crate::abi::CallLayout;
use crate::abi::code_memory::{CodeMemory, HeapCode};
use crate::decode::{Bodies, Body, Cursor, ModuleInfo};
use crate::error::Error;
use crate::sys::linux::shortage::{Purpose, explain};
use crate::types::TypeIndex;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// A module whose functions are compiled one by one.
pub(crate) struct LazyModule {
    layouts: Vec<CallLayout>,
    params: Signatures,
    /// The engine's numbers of its types.
    signatures: Vec<u32>,
    options: Options,
    /// The code section from the first body on. **Escape:** a copy: nobody can change what has been validated.
    section: Box<[u8]>,
    /// Of its first byte in the module file.
    section_offset: usize,
    /// By own function: where its body begins in the section, and ends.
    bodies: Box<[(u32, u32)]>,
    /// What is left of the code that the module may have.
    budget: Budget,
    /// By own function: whether its code has been taken from the budget.
    counted: Box<[AtomicBool]>,
    /// Held while a function that takes much memory is compiled: one at a time.
    large: Mutex<()>,
}

/// So much memory each thread may take at the same time as others.
const SMALL_BYTES: usize = 4 << 20;

impl LazyModule {
    /// Validates all bodies; nothing is compiled. The error, if any, is that of eager compilation, whatever the threads do.
    pub(crate) fn new(
        info: &ModuleInfo,
        bodies: &Bodies<'_>,
        signatures: Vec<u32>,
        options: &Options,
        threads: &Threads,
        clock: &mut Clock,
    ) -> Result<LazyModule, Error> {
        let layouts: Vec<CallLayout> = info.types.iter().map(|ty| CallLayout::of(ty.func_type())).collect();
        let mut module = LazyModule {
            params: Signatures::of(info, &layouts),
            layouts,
            signatures,
            options: *options,
            section: Box::default(),
            section_offset: 0,
            bodies: Box::default(),
            budget: Budget::new(Limits::of(options, info.code_bytes)),
            counted: bodies.bodies.iter().map(|_| AtomicBool::new(false)).collect(),
            large: Mutex::new(()),
        };
        validate(&module.context(info), bodies, threads)?;
        module.copy(bodies)?;
        clock.lap(Stage::Scan);
        Ok(module)
    }

    fn context<'a>(&'a self, info: &'a ModuleInfo) -> ModuleContext<'a> {
        ModuleContext::new(info, &self.layouts, &self.params, &self.signatures, &self.options)
    }

    /// Takes bytes for the module's stubs from the code that it may have, before any function is compiled.
    pub(crate) fn reserve_code(&mut self, info: &ModuleInfo, bytes: usize) {
        let mut limits = Limits::of(&self.options, info.code_bytes);
        limits.code_bytes = limits.code_bytes.min(self.options.max_code_bytes().saturating_sub(bytes));
        self.budget = Budget::new(limits);
    }

    fn copy(&mut self, bodies: &Bodies<'_>) -> Result<(), Error> {
        let end = |body: &Body<'_>| body.offset + body.bytes.len();
        let (Some(first), Some(last)) = (bodies.bodies.first(), bodies.bodies.last()) else { return Ok(()) };
        let bytes = &bodies.module[first.offset..end(last)];
        let (mut section, mut places) = (Vec::new(), Vec::new());
        section.try_reserve_exact(bytes.len()).map_err(explain(Purpose::CodeSection, bytes.len()))?;
        section.extend_from_slice(bytes);
        places.try_reserve_exact(bodies.bodies.len()).map_err(explain(Purpose::CodeSection, bytes.len()))?;
        let place = |at: usize| (at - first.offset) as u32;
        places.extend(bodies.bodies.iter().map(|body| (place(body.offset), place(end(body)))));
        (self.section, self.section_offset, self.bodies) = (section.into(), first.offset, places.into());
        Ok(())
    }

    /// The module's own functions.
    pub(crate) fn functions(&self) -> usize {
        self.bodies.len()
    }

    /// Compiles one of the module's own functions. Fails when its code is too large, or the system has no memory.
    pub(crate) fn compile(&self, info: &ModuleInfo, own: u32) -> Result<CompiledFunction, Error> {
        let module = self.context(info);
        let small = Limits { memory_bytes: module.limits.memory_bytes.min(SMALL_BYTES), ..module.limits };
        let compiled = match self.attempt(&module, own, small)? {
            Err(Refusal::Memory) if small != module.limits => {
                let _one_at_a_time = self.large.lock().unwrap_or_else(PoisonError::into_inner);
                self.attempt(&module, own, module.limits)?
            }
            compiled => compiled,
        };
        let refused = |refusal| match refusal {
            Refusal::Invalid => panic!("the function was validated"),
            _ => too_large(refusal, module.limits, self.section_offset + self.bodies[own as usize].0 as usize),
        };
        compiled.and_then(|function| self.count(own, function)).map_err(refused)
    }

    /// Compiles a function within some limits.
    fn attempt(
        &self,
        module: &ModuleContext<'_>,
        own: u32,
        limits: Limits,
    ) -> io::Result<Result<CompiledFunction, Refusal>> {
        let (ty, (start, end)) = (module.type_of(own), self.bodies[own as usize]);
        let budget = Budget::new(limits);
        let mut compiler = Compiler::<HeapCode>::new(module, &budget, (end - start) as usize, Clock::default())?;
        let emitted = compiler.read_body(own, &self.section, start..end).and_then(|()| compiler.emit(ty, start, false));
        // All offsets are those in the section until here.
        Ok(emitted.map(|_| CompiledFunction::of(compiler.finish(), self.section_offset as u32)))
    }

    /// Takes a function's code from the module's budget, once, however many threads compile it.
    fn count(&self, own: u32, function: CompiledFunction) -> Result<CompiledFunction, Refusal> {
        let bytes = function.code.bytes().len();
        self.budget.take_code(bytes).ok_or(Refusal::Code)?;
        if self.counted[own as usize].swap(true, Relaxed) {
            self.budget.give_back_code(bytes);
        }
        Ok(function)
    }
}

/// Validates all bodies.
fn validate(module: &ModuleContext<'_>, bodies: &Bodies<'_>, threads: &Threads) -> Result<(), Error> {
    // A thread validates four times as much as it compiles.
    if module.info.code_bytes >= 4 * WORTH_BYTES && threads.several() && all_are_valid(module, bodies, threads) {
        return Ok(());
    }
    // Also where several threads fail: which of them found an error first says nothing of its place in the module.
    let budget = Budget::new(module.limits);
    let mut scan = Scan::new(module.info, module.layouts, module.params, &budget);
    (0..bodies.bodies.len() as u32)
        .try_for_each(|own| validate_one(&mut scan, module, bodies, own).map_err(|no| refused(no, module, bodies, own)))
}

/// Validates all bodies on several threads.
fn all_are_valid(module: &ModuleContext<'_>, bodies: &Bodies<'_>, threads: &Threads) -> bool {
    let batches = batches::batches(&bodies.bodies, WORTH_BYTES);
    let (next, valid, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let budget = Budget::new(module.limits);
    threads.run(&|| {
        let mut scan = Scan::new(module.info, module.layouts, module.params, &budget);
        while let Some((_, batch)) = batches.get(next.fetch_add(1, Relaxed)).filter(|_| !failed.load(Relaxed)) {
            match batch.clone().try_for_each(|own| validate_one(&mut scan, module, bodies, own as u32)) {
                Ok(()) => _ = valid.fetch_add(1, Relaxed),
                Err(_) => failed.store(true, Relaxed),
            }
        }
    });
    // Less without a failure: a thread panicked, and whoever supplied it kept that for himself.
    valid.into_inner() == batches.len()
}

fn validate_one(scan: &mut Scan<'_>, module: &ModuleContext<'_>, bodies: &Bodies<'_>, own: u32) -> Result<(), Refusal> {
    validate_body(scan, module.type_of(own), bodies.module, bodies.range(own))
}

/// Validates a body, given its place in the module.
pub(super) fn validate_body(
    scan: &mut Scan<'_>,
    ty: TypeIndex,
    module: &[u8],
    range: Range<u32>,
) -> Result<(), Refusal> {
    let mut cursor = Cursor::new(module, range);
    scan.start_validation(ty);
    scan.declare_all(&mut cursor)?;
    scan.validate(&cursor)
}
