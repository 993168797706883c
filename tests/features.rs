//! What is not supported is refused when a module is validated, by the proposal's name and with a byte offset.
#![allow(missing_docs)]

use planish::{Config, Engine, Module, WasmFeature};

#[rustfmt::skip]
const REFUSED: &[(&str, &str)] = &[
    ("(type (struct))",                                                             "garbage collection is"),
    ("(rec (type (func)) (type (func)))",                                           "garbage collection is"),
    ("(func (drop (ref.i31 (i32.const 0))))",                                       "garbage collection is"),
    ("(func (param anyref))",                                                       "garbage collection is"),
    ("(type $f (func (param (ref null $f))))",                                      "garbage collection is"),
    ("(global i32 (i32.const 0)) (global i32 (global.get 0))",                      "garbage collection is"),
];

#[test]
fn an_unsupported_proposal_is_named() {
    let engine = Engine::default();
    for (fields, subject) in REFUSED {
        let bytes = wat::parse_str(format!("(module {fields})")).unwrap();
        let error = Module::validate(&engine, &bytes).expect_err(fields);
        assert!(error.to_string().starts_with(&format!("{subject} not supported (at offset 0x")), "{fields}: {error}");
        assert_eq!(Module::new(&engine, &bytes).expect_err(fields).to_string(), error.to_string());
    }
    let error = Module::new(&engine, "(component)").unwrap_err();
    assert_eq!(error.to_string(), "the component model is not supported (at offset 0x0)");
}

#[rustfmt::skip]
const ACCEPTED: &[&str] = &[
    "(global (export \"g\") (mut i32) (i32.const 0))",
    "(func (result i32) (i32.extend8_s (i32.const 200)))",
    "(func (result i32) (i32.trunc_sat_f32_s (f32.const 1e20)))",
    "(func (result i32 i64) (i32.const 1) (i64.const 2)) (func (drop (drop (call 0))))",
    "(memory 1) (data \"x\") (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop 0))",
    "(table 1 externref) (table 1 funcref) (func (param externref) (table.set 0 (i32.const 0) (local.get 0)))",
    "(import \"\" \"\" (global i32)) (global i32 (i32.add (global.get 0) (i32.const 1)))",
];

/// What needs a feature, and its subject.
#[rustfmt::skip]
const SWITCHED: &[(WasmFeature, &str, &str)] = &[
    (WasmFeature::SignExtension, "sign extension is", "(func (result i32) (i32.extend8_s (i32.const 200)))"),
    (WasmFeature::SignExtension, "sign extension is", "(func (unreachable) (drop (i64.extend32_s)))"),
    (WasmFeature::SaturatingFloatToInt, "saturating conversion is", "(func (result i32) (i32.trunc_sat_f32_s (f32.const 1e20)))"),
    (WasmFeature::MultiValue, "multi-value is", "(func (result i32 i64) (i32.const 1) (i64.const 2))"),
    (WasmFeature::MultiValue, "multi-value is", "(func (param i32) (local.get 0) (block (param i32) (drop)))"),
    (WasmFeature::BulkMemory, "bulk memory is", "(memory 1) (data \"x\")"),
    (WasmFeature::BulkMemory, "bulk memory is", "(memory 1) (data \"x\") (func (data.drop 0))"),
    (WasmFeature::BulkMemory, "bulk memory is", "(memory 1) (func (memory.copy (i32.const 0) (i32.const 0) (i32.const 0)))"),
    (WasmFeature::BulkMemory, "bulk memory is", "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))"),
    (WasmFeature::BulkMemory, "bulk memory is", "(table 1 funcref) (func (table.copy (i32.const 0) (i32.const 0) (i32.const 0)))"),
    (WasmFeature::BulkMemory, "bulk memory is", "(table 1 funcref) (elem func)"),
    (WasmFeature::ReferenceTypes, "reference types are", "(func (param externref))"),
    (WasmFeature::ReferenceTypes, "reference types are", "(func (local funcref))"),
    (WasmFeature::ReferenceTypes, "reference types are", "(table 1 externref)"),
    (WasmFeature::ReferenceTypes, "reference types are", "(table 1 funcref) (table 1 funcref)"),
    (WasmFeature::ReferenceTypes, "reference types are", "(global funcref (ref.null func))"),
    (WasmFeature::ReferenceTypes, "reference types are", "(table 1 funcref) (func (drop (table.size 0)))"),
    (WasmFeature::ReferenceTypes, "reference types are", "(table 1 funcref) (func (drop (table.get 0 (i32.const 0))))"),
    (WasmFeature::ReferenceTypes, "reference types are", "(func (drop (ref.is_null (ref.null func))))"),
    (WasmFeature::ReferenceTypes, "reference types are", "(func (drop (select (result i32) (i32.const 1) (i32.const 2) (i32.const 3))))"),
    (WasmFeature::ExtendedConst, "extended constants are", "(global i32 (i32.add (i32.const 1) (i32.const 2)))"),
    (WasmFeature::FunctionReferences, "typed function references are", "(type $f (func)) (func (param (ref $f)))"),
    (WasmFeature::FunctionReferences, "typed function references are", "(table 1 funcref (ref.null func))"),
    (WasmFeature::FunctionReferences, "typed function references are", "(func (param (ref null func)) (local (ref extern)))"),
    (WasmFeature::FunctionReferences, "typed function references are", "(func (param funcref) (drop (ref.as_non_null (local.get 0))))"),
    (WasmFeature::TailCall, "tail calls are", "(func (return_call 0))"),
    (WasmFeature::Exceptions, "exceptions are", "(tag)"),
    (WasmFeature::Exceptions, "exceptions are", "(import \"\" \"\" (tag))"),
    (WasmFeature::Exceptions, "exceptions are", "(func (try_table))"),
    (WasmFeature::Exceptions, "exceptions are", "(func (param exnref) (throw_ref (local.get 0)))"),
    (WasmFeature::LegacyExceptions, "legacy exceptions are", "(func try end)"),
    (WasmFeature::Simd, "SIMD is", "(func (drop (v128.const i64x2 0 0)))"),
    (WasmFeature::Simd, "SIMD is", "(func (param v128))"),
    (WasmFeature::Simd, "SIMD is", "(func (local v128))"),
    (WasmFeature::Simd, "SIMD is", "(func (block (result v128) (unreachable)) (drop))"),
    (WasmFeature::Simd, "SIMD is", "(func (unreachable) (drop (select (result v128))))"),
    (WasmFeature::Simd, "SIMD is", "(global v128 (v128.const i64x2 0 0))"),
    (WasmFeature::MultiMemory, "multiple memories are", "(memory 1) (memory 1)"),
    (WasmFeature::Memory64, "64-bit memories and tables are", "(memory i64 1)"),
    (WasmFeature::Memory64, "64-bit memories and tables are", "(table i64 1 funcref)"),
    (WasmFeature::Threads, "threads are", "(memory 1 1 shared)"),
    (WasmFeature::Threads, "threads are", "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))"),
    (WasmFeature::CustomPageSizes, "custom page sizes are", "(memory 1 (pagesize 1))"),
    (WasmFeature::WideArithmetic, "wide arithmetic is", "(func (drop (drop (i64.mul_wide_s (i64.const 1) (i64.const 2)))))"),
];

#[test]
fn relaxed_simd_turned_off_is_named() {
    let fields = "(func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))";
    let bytes = wat::parse_str(format!("(module {fields})")).unwrap();
    assert_eq!(Module::required_features(&bytes).unwrap(), [WasmFeature::Simd, WasmFeature::RelaxedSimd]);
    let engine = Engine::new(Config::new().wasm_feature(WasmFeature::RelaxedSimd, false)).unwrap();
    let error = Module::new(&engine, &bytes).expect_err(fields);
    assert!(error.to_string().starts_with("relaxed SIMD is not enabled (at offset 0x"), "{error}");
}

/// Without what features of WebAssembly 2.0 a later one builds on.
fn own(features: Vec<WasmFeature>, of: WasmFeature) -> Vec<WasmFeature> {
    use WasmFeature::{BulkMemory, MultiValue, ReferenceTypes};
    features.into_iter().filter(|it| *it == of || ![BulkMemory, MultiValue, ReferenceTypes].contains(it)).collect()
}

/// What is an index was a byte before there were several tables, or memories.
#[test]
fn an_index_in_more_than_a_byte_needs_its_feature() {
    const WASM: &[u8] = b"\0asm\x01\0\0\0";
    const FUNCTION: &[u8] = b"\x01\x04\x01\x60\0\0\x03\x02\x01\0";
    let table: &[u8] = b"\x04\x04\x01\x70\0\x01\x0A\x0A\x01\x08\0\x41\0\x11\0\x80\0\x0B";
    let memory: &[u8] = b"\x05\x03\x01\0\x01\x0A\x08\x01\x06\0\x3F\x80\0\x1A\x0B";
    for (rest, feature) in [(table, WasmFeature::ReferenceTypes), (memory, WasmFeature::MultiMemory)] {
        let bytes = [WASM, FUNCTION, rest].concat();
        Module::new(&Engine::default(), &bytes).unwrap();
        assert!(Module::required_features(&bytes).unwrap().contains(&feature));
        let engine = Engine::new(Config::new().wasm_feature(feature, false)).unwrap();
        let error = Module::new(&engine, &bytes).unwrap_err();
        assert!(error.to_string().starts_with("zero byte expected (at offset 0x"), "{error}");
    }
}

#[test]
fn a_feature_turned_off_is_named() {
    for &(feature, subject, fields) in SWITCHED {
        let bytes = wat::parse_str(format!("(module {fields})")).unwrap();
        assert_eq!(own(Module::required_features(&bytes).unwrap(), feature), [feature], "{fields}");
        Module::new(&Engine::new(Config::new().wasm_feature(feature, true)).unwrap(), &bytes).expect(fields);
        let engine = Engine::new(Config::new().wasm_feature(feature, false)).unwrap();
        let error = Module::new(&engine, &bytes).expect_err(fields);
        assert!(error.to_string().starts_with(&format!("{subject} not enabled (at offset 0x")), "{fields}: {error}");
        assert_eq!(Module::validate(&engine, &bytes).expect_err(fields).to_string(), error.to_string());
    }
    assert!(Module::required_features(&wat::parse_str("(module (type (struct)))").unwrap()).is_err());
}

#[test]
fn what_is_supported_validates() {
    let engine = Engine::default();
    for fields in ACCEPTED {
        let bytes = wat::parse_str(format!("(module {fields})")).unwrap();
        Module::validate(&engine, &bytes).expect(fields);
    }
}
