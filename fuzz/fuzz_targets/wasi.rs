//! Calls of WASI at random do what a model says.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| planish_oracles::wasi::check(bytes));
