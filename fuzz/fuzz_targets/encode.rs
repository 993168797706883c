//! Any form with any operands.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| planish_oracles::encode::any_form(bytes));
