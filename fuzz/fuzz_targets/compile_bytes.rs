//! Any bytes, taken for a module.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| planish_oracles::module::any_bytes(bytes));
