//! Modules from bytes: half of them by wasm-smith, half by us, and half of ours linked to others.

use super::binary::{leb, number, section};
use super::script::{FUEL, FUEL_EXPORT, MEMORY_BYTES, TABLE_ELEMENTS};
use super::{linked, trees};
use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

/// A module that these bytes choose, or [several](linked), of what planish supports; their functions come to an end. `None`: the
/// bytes give none.
pub fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    match bytes.split_first()? {
        (first, rest) if first % 4 == 0 => Some(linked::join(&trees::linked(rest))),
        (first, rest) if first % 2 == 0 => Some(trees::module(rest)),
        (_, rest) => smith(rest),
    }
}

/// Was the module made by wasm-smith? It has an export of ours then.
pub(super) fn is_smith(module: &[u8]) -> bool {
    module.windows(FUEL_EXPORT.len()).any(|bytes| bytes == FUEL_EXPORT.as_bytes())
}

fn smith(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut choices = Unstructured::new(bytes);
    let config = config(&mut choices).ok()?;
    let mut module = Module::new(config, &mut choices).ok()?;
    let fuel = module.ensure_termination(FUEL).ok()?;
    Some(with_export(&module.to_bytes(), FUEL_EXPORT, fuel))
}

fn config(choices: &mut Unstructured<'_>) -> arbitrary::Result<Config> {
    let (large, imports) = (choices.ratio(1, 4)?, choices.arbitrary::<bool>()?);
    Ok(Config {
        simd_enabled: true,
        relaxed_simd_enabled: choices.ratio(1, 8)?,
        tail_call_enabled: true,
        exceptions_enabled: choices.arbitrary()?,
        // Not supported; the function references that come with it `trees` has.
        gc_enabled: false,
        // It would wait without end.
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
        // A start function of the host's has a calling instance in some engines only.
        allow_start_export: !imports && choices.ratio(1, 4)?,
        max_imports: if imports { 6 } else { 0 },
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
        let (body, next) = body.split_at(length as usize);
        if id == EXPORTS {
            let (count, entries) = number(body);
            let name = [&leb(name.len() as u64), name.as_bytes()].concat();
            section(&mut out, id, &[&leb(count + 1), entries, &name, &[3], &leb(global.into())].concat());
        } else {
            section(&mut out, id, body);
        }
        rest = next;
    }
    out
}
