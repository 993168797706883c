//! The tapes of a module's functions as text, and whether both ways to scan a function give the same one.

use super::budget::Budget;
use super::compiler::{Compiler, refused};
use super::context::ModuleContext;
use super::options::Handlers;
use super::options::Options;
use super::scan::{Signatures, Watched};
use super::tape::{Line, Origin, Origins};
use super::timings::Clock;
use crate::abi::CallLayout;
use crate::abi::code_memory::HeapCode;
use crate::decode::{Bodies, ModuleInfo};
use crate::error::Error;

/// The tape of a function.
pub struct FunctionTape {
    /// Offset of the first byte of its body in the module file.
    pub wasm_offset: u32,
    /// Its entries, then what else belongs to it.
    pub lines: Vec<TapeLine>,
}

/// A line of text.
pub struct TapeLine {
    /// Of the line of an entry: the offset of its operator in the module file, and which handler recorded it.
    pub origin: Option<(u32, &'static str)>,
    /// An entry begins with its number.
    pub text: String,
}

/// The tapes of a module's own functions, in order.
pub(crate) fn tapes(info: &ModuleInfo, bodies: &Bodies<'_>, options: &Options) -> Result<Vec<FunctionTape>, Error> {
    let mut tapes = Vec::new();
    scan_all(info, bodies, options, |compiler, own, origins| {
        let lines = compiler.scan.tape.lines(origins).into_iter().map(|Line { origin, text }| TapeLine {
            origin: origin.map(|Origin { wasm_offset, way, .. }| (wasm_offset, way.name())),
            text,
        });
        tapes.push(FunctionTape { wasm_offset: bodies.range(own).start, lines: lines.collect() });
    })?;
    Ok(tapes)
}

/// The first difference between the tapes that the quick handlers of operators write and those that the general ones write.
pub(crate) fn difference(info: &ModuleInfo, bodies: &Bodies<'_>, options: &Options) -> Result<Option<String>, Error> {
    let texts = |handlers| -> Result<Vec<Vec<String>>, Error> {
        let mut texts = Vec::new();
        scan_all(info, bodies, &Options { handlers, ..*options }, |compiler, _, origins| {
            let tape = &compiler.scan.tape;
            let lines = tape.lines(origins).into_iter().map(|line| line.text);
            // The fields, too, that the text leaves out.
            texts.push(lines.chain([format!("{tape:?}")]).collect::<Vec<String>>());
        })?;
        Ok(texts)
    };
    let (quick, general) = (texts(Handlers::Quick)?, texts(Handlers::General)?);
    let function = (0..).zip(quick.iter().zip(&general)).find(|(_, (quick, general))| quick != general);
    Ok(function.map(|(own, (quick, general))| {
        let line = (0..).find(|&line| quick.get(line) != general.get(line)).expect("they differ");
        let (quick, general) = (quick.get(line), general.get(line));
        let function: u32 = info.imported_functions + own;
        format!("the tapes of function {function} differ: quick {quick:?}, general {general:?}")
    }))
}

/// Scans all functions of a module, and visits each one's tape.
fn scan_all(
    info: &ModuleInfo,
    bodies: &Bodies<'_>,
    options: &Options,
    mut visit: impl FnMut(&Compiler<'_, HeapCode>, u32, &Origins),
) -> Result<(), Error> {
    let layouts: Vec<CallLayout> = info.types.iter().map(|ty| CallLayout::of(ty.func_type())).collect();
    let (signatures, params) = (vec![0; layouts.len()], Signatures::of(info, &layouts));
    let module = ModuleContext::new(info, &layouts, &params, &signatures, options);
    let budget = Budget::new(module.limits);
    let mut compiler = Compiler::<HeapCode>::new(&module, &budget, 0, Clock::default())?;
    for own in 0..bodies.bodies.len() as u32 {
        let mut origins = Origins::default();
        let watched = &mut Watched { handlers: options.handlers, origins: &mut origins };
        let read = compiler.read(own, bodies.module, bodies.range(own), watched);
        read.map_err(|refusal| refused(refusal, &module, bodies, own))?;
        visit(&compiler, own, &origins);
    }
    Ok(())
}
