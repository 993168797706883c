//! Modules from bytes: half of them by wasm-smith, half by us.

use super::script::{FUEL, FUEL_EXPORT, MEMORY_BYTES, TABLE_ELEMENTS};
use super::trees;
use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

/// A module that these bytes choose, of what planish supports; its functions come to an end. `None`: the bytes give none.
pub fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes.split_first()? {
        (first, rest) if first % 2 == 0 => Some(trees::module(rest, VECTORS)),
        (_, rest) => smith(rest),
    }
}

/// Are vectors supported?
const VECTORS: bool = true;

fn smith(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut choices = Unstructured::new(bytes);
    let config = config(&mut choices).ok()?;
    let mut module = Module::new(config, &mut choices).ok()?;
    let fuel = module.ensure_termination(FUEL).ok()?;
    Some(with_export(&module.to_bytes(), FUEL_EXPORT, fuel))
}

fn config(choices: &mut Unstructured<'_>) -> arbitrary::Result<Config> {
    let large = choices.ratio(1, 4)?;
    Ok(Config {
        // What is not supported, and what engines may answer as they like.
        simd_enabled: VECTORS,
        relaxed_simd_enabled: false,
        tail_call_enabled: true,
        exceptions_enabled: choices.arbitrary()?,
        gc_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        compact_imports_enabled: false,
        memory64_enabled: choices.arbitrary()?,
        wide_arithmetic_enabled: choices.arbitrary()?,
        custom_page_sizes_enabled: choices.arbitrary()?,
        max_memories: choices.int_in_range(1..=3)?,
        // Engines may differ in the bits of a NaN.
        canonicalize_nans: true,
        disallow_traps: choices.arbitrary()?,
        export_everything: true,
        allow_start_export: choices.ratio(1, 8)?,
        max_imports: if choices.arbitrary()? { 6 } else { 0 },
        min_funcs: 2,
        max_funcs: 12,
        max_instructions: if large { 4000 } else { 300 },
        min_globals: 1,
        max_globals: 6,
        min_memories: choices.int_in_range(0..=1)?,
        max_memory32_bytes: MEMORY_BYTES as u64,
        max_memory64_bytes: MEMORY_BYTES as u128,
        memory_max_size_required: choices.arbitrary()?,
        max_tables: 3,
        max_table_elements: TABLE_ELEMENTS as u64,
        table_max_size_required: choices.arbitrary()?,
        max_data_segments: 8,
        max_element_segments: 8,
        max_types: 20,
        ..Config::default()
    })
}

/// Appends an exported global to the export section, which every module has that exports everything.
fn with_export(module: &[u8], name: &str, global: u32) -> Vec<u8> {
    const EXPORTS: u8 = 7;
    let (mut out, mut rest) = (module[..8].to_vec(), &module[8..]);
    while let Some((&id, body)) = rest.split_first() {
        let (length, body) = number(body);
        let (mut section, next) = (body[..length as usize].to_vec(), &body[length as usize..]);
        if id == EXPORTS {
            let (count, entries) = number(&section);
            let mut longer = leb(count + 1);
            longer.extend(entries);
            longer.extend(leb(name.len() as u32));
            longer.extend(name.bytes());
            longer.push(3);
            longer.extend(leb(global));
            section = longer;
        }
        out.push(id);
        out.extend(leb(section.len() as u32));
        out.extend(section);
        rest = next;
    }
    out
}

/// A LEB128 number, and what follows.
fn number(bytes: &[u8]) -> (u32, &[u8]) {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).expect("the generator's own") + 1;
    let (number, rest) = bytes.split_at(end);
    (number.iter().rev().fold(0, |value, byte| value << 7 | u32::from(byte & 0x7f)), rest)
}

fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
