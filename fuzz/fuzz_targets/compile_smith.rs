//! Any valid module.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| planish_oracles::module::any_module(bytes));
