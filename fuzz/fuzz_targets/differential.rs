//! Any module that ends: the same everywhere.
#![no_main]

libfuzzer_sys::fuzz_target!(
    |bytes: &[u8]| _ = planish_oracles::differential::compare(bytes, &[&planish_fuzz::Wasmtime])
);
