//! Any calls of the embedder's interface.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| planish_oracles::api::any_calls(bytes));
