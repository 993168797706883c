//! Any script.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| planish_oracles::script::any_script(bytes));
