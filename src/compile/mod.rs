//! From function bodies to machine code: scan (and validate), assign, emit, link. Safe and pure.
//!
#![doc = include_str!("costs.md")]

mod options;
mod scan;
mod vector;
mod op;
mod tape;
mod assign;
mod emit;
mod threads;
mod link;
mod budget;
mod context;
mod compiler;
mod batches;
mod lazy;
mod timings;
mod stubs;
mod builtin_stubs;
#[cfg(any(test, feature = "net"))]
pub(crate) mod frozen;
mod net;
mod dump;

pub(crate) use assign::RegisterFile;
pub(crate) use builtin_stubs::{builtin_stubs, lazy_stubs};
pub use dump::{FunctionTape, TapeLine};
pub(crate) use dump::{difference, tapes};
#[cfg(feature = "coverage")]
pub(crate) use emit::coverage;
pub(crate) use lazy::LazyModule;
pub(crate) use link::CompiledModule;
pub(crate) use options::{Handlers, Options};
pub(crate) use stubs::{host_stub, signature_stubs};
pub(crate) use threads::Threads;
pub(crate) use timings::Clock;
pub use timings::{Stage, Timings};

use crate::abi::CallLayout;
use crate::abi::code_memory::CodeMemory;
use crate::decode::{Bodies, ModuleInfo};
use crate::error::Error;
use context::ModuleContext;
use scan::Signatures;

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

#[cfg(test)]
mod tests;
