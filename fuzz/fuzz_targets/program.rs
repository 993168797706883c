//! Any program with labels, data and padding.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| planish_oracles::program::any_program(bytes));
