//! Any module that ends: the same everywhere.
#![no_main]

use planish_oracles::differential::{compare, engine::Engine};

#[cfg(feature = "wasmtime")]
const OTHERS: &[&dyn Engine] = &[&planish_fuzz::Wasmtime];
#[cfg(not(feature = "wasmtime"))]
const OTHERS: &[&dyn Engine] = &[];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    compare(bytes, OTHERS);
});
