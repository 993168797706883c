//! Any bytes, taken for code.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| planish_oracles::reencode::any_code(bytes));
