//! `planish objdump`: the machine code of each function beside the wasm operators it came from.
//!
//! Known exactly is where each instruction that can trap and each call came from; what lies between two of those
//! is shown together. Or the tape of each function beside its operators, with `--tape`.

use crate::Features;
use iced_x86::{Code, Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, Mnemonic};
use planish::{CompiledFunction, Error, FunctionTape, Module, TapeLine};
use std::collections::HashMap;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;
use std::process::ExitCode;
use wasmparser::{
    BlockType, BrTable, FunctionBody, HeapType, Ieee32, Ieee64, MemArg, Ordering, RefType, ResumeTable, TryTable, V128,
    ValType, VisitOperator, VisitSimdOperator,
};

/// Prints all functions of a module.
pub fn objdump(file: &Path, features: &Features) -> Result<ExitCode, Error> {
    let bytes = Module::read_file(file)?;
    let module = Module::from_binary(&crate::engine(features)?, &bytes).map_err(|error| error.in_file(file))?;
    let bodies = bodies(&bytes);
    print_all(module.compiled_functions(), |out, function| print_function(out, &function, &bodies))
}

/// Prints the tapes of all functions of a module.
pub fn tapes(file: &Path, features: &Features) -> Result<ExitCode, Error> {
    let bytes = Module::read_file(file)?;
    let engine = crate::engine(features)?;
    let module = Module::from_binary(&engine, &bytes).map_err(|error| error.in_file(file))?;
    let tapes = Module::tapes(&engine, &bytes).map_err(|error| error.in_file(file))?;
    let bodies = bodies(&bytes);
    let functions = module.compiled_functions().zip(&tapes);
    print_all(functions, |out, (function, tape)| print_tape(out, &function, tape, &bodies))
}

fn print_all<F>(
    functions: impl Iterator<Item = F>,
    mut print: impl FnMut(&mut BufWriter<StdoutLock<'_>>, F) -> io::Result<()>,
) -> Result<ExitCode, Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    for function in functions {
        match print(&mut out, function) {
            // Nobody reads on: `| head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            result => result?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The functions' bodies by their first byte.
fn bodies(bytes: &[u8]) -> HashMap<u64, FunctionBody<'_>> {
    let payloads = wasmparser::Parser::new(0).parse_all(bytes);
    let body = |payload| match payload {
        Ok(wasmparser::Payload::CodeSectionEntry(body)) => Some((body.range().start, body)),
        _ => None,
    };
    payloads.filter_map(body).collect()
}

/// An operator's place in the module file, and its text.
type Operators = std::iter::Peekable<std::vec::IntoIter<(u64, String)>>;

fn operators(body: &FunctionBody<'_>) -> wasmparser::Result<Vec<(u64, String)>> {
    let mut reader = body.get_operators_reader()?;
    let mut operators = Vec::new();
    while !reader.eof() {
        let offset = reader.original_position();
        operators.push((offset, reader.visit_operator(&mut Text)?));
    }
    Ok(operators)
}

fn print_function(
    out: &mut impl Write,
    function: &CompiledFunction<'_>,
    bodies: &HashMap<u64, FunctionBody<'_>>,
) -> io::Result<()> {
    let mut operators = print_heading(out, function, bodies)?;
    let sites: HashMap<u32, u32> = function.sites().collect();
    let mut since = Vec::new();
    for instruction in instructions(function.code(), function.code_offset()) {
        let start = instruction.ip32() - function.code_offset();
        // A call's place is where it returns to.
        let at = if instruction.mnemonic() == Mnemonic::Call { start + instruction.len() as u32 } else { start };
        since.push(instruction);
        if let Some(wasm_offset) = sites.get(&at) {
            print_operators(out, &mut operators, u64::from(*wasm_offset))?;
            print_instructions(out, &mut since, function.code(), function.code_offset(), Some(*wasm_offset))?;
        }
    }
    print_operators(out, &mut operators, u64::MAX)?;
    print_instructions(out, &mut since, function.code(), function.code_offset(), None)?;
    writeln!(out)
}

/// The entries of a tape, each after the operators up to the one that recorded it; then what else belongs to the tape.
fn print_tape(
    out: &mut impl Write,
    function: &CompiledFunction<'_>,
    tape: &FunctionTape,
    bodies: &HashMap<u64, FunctionBody<'_>>,
) -> io::Result<()> {
    let mut operators = print_heading(out, function, bodies)?;
    for TapeLine { origin, text } in &tape.lines {
        let last = origin.map_or(u64::MAX, |(wasm_offset, _)| wasm_offset.into());
        print_operators(out, &mut operators, last)?;
        match origin {
            Some((wasm_offset, handler)) => writeln!(out, "{:24}{text:64} ; {wasm_offset:#x} {handler}", "")?,
            None => writeln!(out, "{:24}{text}", "")?,
        }
    }
    print_operators(out, &mut operators, u64::MAX)?;
    writeln!(out)
}

/// Prints which function it is. Returns its operators.
fn print_heading(
    out: &mut impl Write,
    function: &CompiledFunction<'_>,
    bodies: &HashMap<u64, FunctionBody<'_>>,
) -> io::Result<Operators> {
    let (index, wasm_offset) = (function.index(), u64::from(function.wasm_offset()));
    write!(out, "function {index}")?;
    if let Some(name) = function.name() {
        write!(out, " ${name}")?;
    }
    if let Some(name) = function.export_name() {
        write!(out, " {name:?}")?;
    }
    let body = bodies.get(&wasm_offset);
    let wasm_bytes = body.map_or(0, |body| body.range().end - body.range().start);
    writeln!(out, ": {} bytes from {wasm_bytes} of wasm", function.code().len())?;
    let operators = body.map(operators).transpose().map_err(io::Error::other)?.unwrap_or_default();
    Ok(operators.into_iter().peekable())
}

/// Steps over the byte behind `ud2`, which says why the code traps.
fn instructions(code: &[u8], base: u32) -> Vec<Instruction> {
    let mut decoder = Decoder::with_ip(64, code, base.into(), DecoderOptions::NONE);
    let mut instructions = Vec::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        instructions.push(instruction);
        if instruction.code() == Code::Ud2 && decoder.can_decode() {
            let next = decoder.position() + 1;
            decoder.set_position(next).expect("inside: checked above");
            decoder.set_ip(u64::from(base) + next as u64);
        }
    }
    instructions
}

/// Prints operators up to and with the one at `last`.
fn print_operators(out: &mut impl Write, operators: &mut Operators, last: u64) -> io::Result<()> {
    while let Some((offset, text)) = operators.next_if(|(offset, _)| *offset <= last) {
        writeln!(out, "  {offset:#8x}  {text}")?;
    }
    Ok(())
}

fn print_instructions(
    out: &mut impl Write,
    instructions: &mut Vec<Instruction>,
    code: &[u8],
    base: u32,
    from: Option<u32>,
) -> io::Result<()> {
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_space_after_operand_separator(true);
    let mut text = String::new();
    let count = instructions.len();
    for (at, instruction) in instructions.drain(..).enumerate() {
        text.clear();
        formatter.format(&instruction, &mut text);
        let start = (instruction.ip32() - base) as usize;
        let bytes = &code[start..start + instruction.len()];
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if instruction.code() == Code::Ud2
            && let Some(reason) = code.get(start + instruction.len())
        {
            text.push_str(&format!(" {reason}"));
        }
        match from.filter(|_| at + 1 == count) {
            Some(from) => writeln!(out, "{:24}{:8x}  {hex:22} {text:44} ; {from:#x}", "", instruction.ip32())?,
            None => writeln!(out, "{:24}{:8x}  {hex:22} {text}", "", instruction.ip32())?,
        }
    }
    Ok(())
}

/// Writes an operator as the text format does, more or less.
struct Text;

macro_rules! operator_texts {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => { $(
        fn $visit(&mut self $($(, $arg: $argty)*)?) -> String {
            #[allow(unused_mut, reason = "not every operator has an immediate")]
            let mut text = name(stringify!($visit));
            $($(text = format!("{text} {}", $arg.text());)*)?
            text
        }
    )* };
}

impl<'a> VisitOperator<'a> for Text {
    type Output = String;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = String>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(operator_texts);
}

impl<'a> VisitSimdOperator<'a> for Text {
    wasmparser::for_each_visit_simd_operator!(operator_texts);
}

/// `visit_i32_add` is `i32.add`.
fn name(visit: &str) -> String {
    const SPACES: [&str; 24] = [
        "i32", "i64", "f32", "f64", "v128", "i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2", "local", "global",
        "memory", "table", "data", "elem", "ref", "atomic", "struct", "array", "any", "extern", "i31",
    ];
    let name = visit.trim_start_matches("visit_").trim_start_matches("typed_");
    match name.split_once('_') {
        Some((space, rest)) if SPACES.contains(&space) => format!("{space}.{rest}"),
        _ => name.to_owned(),
    }
}

/// How an operator's immediate is written.
trait Immediate {
    fn text(&self) -> String;
}

macro_rules! immediates {
    ($($ty:ty: $value:ident => $text:expr;)*) => { $(
        impl Immediate for $ty {
            fn text(&self) -> String {
                let $value = self;
                $text
            }
        }
    )* };
}

immediates! {
    u8: value => value.to_string();
    u32: value => value.to_string();
    i32: value => value.to_string();
    i64: value => value.to_string();
    Ieee32: value => f32::from(*value).to_string();
    Ieee64: value => f64::from(*value).to_string();
    V128: value => format!("{:#034x}", value.i128());
    [u8; 16]: value => format!("{value:?}");
    MemArg: value => format!("offset={} align={}", value.offset, 1u64 << value.align);
    BlockType: value => match value {
        BlockType::Empty => String::new(),
        BlockType::Type(ty) => format!("(result {ty})"),
        BlockType::FuncType(index) => format!("(type {index})"),
    };
    ValType: value => value.to_string();
    RefType: value => value.to_string();
    HeapType: value => format!("{value:?}");
    Ordering: value => format!("{value:?}");
    BrTable<'_>: value => {
        let targets: Vec<String> = value.targets().flatten().map(|target| target.to_string()).collect();
        format!("{} {}", targets.join(" "), value.default())
    };
    TryTable: value => format!("{value:?}");
    ResumeTable: value => format!("{value:?}");
    Vec<ValType>: value => format!("{value:?}");
}
