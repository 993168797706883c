//! Accesses to memories of every kind, at every place among several, own and imported: each reaches the bytes that index and
//! offset say, without wrapping, or traps.
#![allow(missing_docs)]

use planish::{
    AsContextMut, Config, CpuLevel, Engine, Extern, Func, Instance, Memory, Module, Store, Trap, Val, ValType,
    WasmFeature,
};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Name, index type, limits, and size in bytes.
const MEMORIES: [(&str, &str, &str, u64); 4] = [
    ("plain", "", "2", 2 << 16),
    ("wide", "i64", "1", 1 << 16),
    ("bytes", "", "70001 (pagesize 1)", 70001),
    ("wide-bytes", "i64", "301 (pagesize 1)", 301),
];

/// Operator, bytes that it accesses, type, and how a function gets its result: `@` is the operator, its memory and offset, and `#`
/// the index. Of more than 8 bytes the first 8 are looked at.
#[rustfmt::skip]
const LOADS: [(&str, u64, ValType, &str); 14] = [
    ("i32.load8_u",        1,  ValType::I32, "(@ #)"),
    ("i64.load16_u",       2,  ValType::I64, "(@ #)"),
    ("i32.load",           4,  ValType::I32, "(@ #)"),
    ("i64.load32_u",       4,  ValType::I64, "(@ #)"),
    ("i64.load",           8,  ValType::I64, "(@ #)"),
    ("f32.load",           4,  ValType::F32, "(@ #)"),
    ("f64.load",           8,  ValType::F64, "(@ #)"),
    ("v128.load",          16, ValType::I64, "(i64x2.extract_lane 0 (@ #))"),
    ("v128.load8_splat",   1,  ValType::I32, "(i8x16.extract_lane_u 3 (@ #))"),
    ("v128.load16_splat",  2,  ValType::I32, "(i16x8.extract_lane_u 3 (@ #))"),
    ("v128.load32_zero",   4,  ValType::I32, "(i32x4.extract_lane 0 (@ #))"),
    ("v128.load64_splat",  8,  ValType::I64, "(i64x2.extract_lane 1 (@ #))"),
    ("v128.load8_lane",    1,  ValType::I32, "(i8x16.extract_lane_u 5 (@ 5 # (v128.const i64x2 1 2)))"),
    ("v128.load32_lane",   4,  ValType::I32, "(i32x4.extract_lane 3 (@ 3 # (v128.const i64x2 1 2)))"),
];
/// The same with the value in the second parameter.
#[rustfmt::skip]
const STORES: [(&str, u64, ValType, &str); 9] = [
    ("i64.store8",         1,  ValType::I64, "(@ # (local.get 1))"),
    ("i32.store16",        2,  ValType::I32, "(@ # (local.get 1))"),
    ("i32.store",          4,  ValType::I32, "(@ # (local.get 1))"),
    ("i64.store",          8,  ValType::I64, "(@ # (local.get 1))"),
    ("f32.store",          4,  ValType::F32, "(@ # (local.get 1))"),
    ("f64.store",          8,  ValType::F64, "(@ # (local.get 1))"),
    ("v128.store",         16, ValType::I64, "(@ # (i64x2.splat (local.get 1)))"),
    ("v128.store16_lane",  2,  ValType::I32, "(@ 3 # (i16x8.splat (local.get 1)))"),
    ("v128.store64_lane",  8,  ValType::I64, "(@ 1 # (i64x2.splat (local.get 1)))"),
];

/// The ways to compile that access memory differently.
const WAYS: [fn(&mut Config) -> &mut Config; 4] = [
    |config| config,
    |config| config.guard_memory(false),
    |config| config.signals_based_traps(false),
    |config| config.cpu_level(CpuLevel::Baseline),
];

const OFFSETS: [u64; 5] = [0, 5, (1 << 31) - 1, 1 << 31, u32::MAX as u64];
const WIDE_OFFSETS: [u64; 4] = [1 << 32, 1 << 63, u64::MAX - 7, u64::MAX];

fn offsets(index: &str) -> Vec<u64> {
    if index == "i64" { [&OFFSETS[..], &WIDE_OFFSETS].concat() } else { OFFSETS.to_vec() }
}

/// Indexes around every border that an access of so many bytes has.
fn indexes(index: &str, offset: u64, bytes: u64, length: u64) -> Vec<u64> {
    let last = length.wrapping_sub(offset).wrapping_sub(bytes);
    let wrapped = 0u64.wrapping_sub(offset);
    let candidates = [0, last, last.wrapping_add(1), 1 << 31, u64::from(u32::MAX), wrapped, u64::MAX - 7, u64::MAX];
    let most = if index == "i64" { u64::MAX } else { u64::from(u32::MAX) };
    let indexes: BTreeSet<u64> = candidates.into_iter().filter(|&index| index <= most).collect();
    indexes.into_iter().collect()
}

fn shown(ty: &ValType) -> String {
    ty.to_string()
}

/// A module with the memories in an order, as its own or imported, and a function for each operator and offset.
fn module(order: &[usize], imported: bool) -> String {
    let mut text = String::from("(module");
    for &kind in order {
        let (name, index, limits, _) = MEMORIES[kind];
        let import = if imported { format!("(import \"m\" \"{name}\")") } else { String::new() };
        write!(text, "\n(memory ${name} (export \"{name}\") {import} {index} {limits})").unwrap();
    }
    for (name, index, _, length) in MEMORIES {
        let index = if index.is_empty() { "i32" } else { index };
        for offset in offsets(index) {
            for (operator, bytes, ty, body) in LOADS {
                let (ty, export) = (shown(&ty), format!("{name} {operator} {offset}"));
                let access = format!("{operator} ${name} offset={offset}");
                let body = body.replace('@', &access);
                let at_param = body.replace('#', "(local.get 0)");
                write!(text, "\n(func (export \"{export}\") (param {index}) (result {ty}) {at_param})").unwrap();
                for at in indexes(index, offset, bytes, length) {
                    let signed = if index == "i32" { i64::from(at as i32) } else { at as i64 };
                    let at_constant = body.replace('#', &format!("({index}.const {signed})"));
                    write!(text, "\n(func (export \"{export} at {at}\") (result {ty}) {at_constant})").unwrap();
                }
            }
            for (operator, _, ty, body) in STORES {
                let ty = shown(&ty);
                let body =
                    body.replace('@', &format!("{operator} ${name} offset={offset}")).replace('#', "(local.get 0)");
                let export = format!("{name} {operator} {offset}");
                write!(text, "\n(func (export \"{export}\") (param {index} {ty}) {body})").unwrap();
            }
        }
    }
    text + ")"
}

fn pattern(kind: usize, at: usize) -> u8 {
    (at * 7 + at / 251 + kind * 91) as u8
}

fn value(ty: &ValType, bits: u64) -> Val {
    match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32(bits as u32),
        _ => Val::F64(bits),
    }
}

fn bits(value: &Val) -> u64 {
    match *value {
        Val::I32(value) => u64::from(value as u32),
        Val::I64(value) => value as u64,
        Val::F32(bits) => u64::from(bits),
        Val::F64(bits) => bits,
        _ => unreachable!("a number"),
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

struct Checker {
    store: Store<()>,
    instance: Instance,
    calls: u32,
    traps: u32,
}

impl Checker {
    fn func(&mut self, name: &str) -> Func {
        self.instance.get_func(&mut self.store, name).unwrap_or_else(|| panic!("no {name}"))
    }

    fn memory(&mut self, kind: usize) -> Memory {
        self.instance.get_memory(&mut self.store, MEMORIES[kind].0).unwrap()
    }

    /// Calls; `None` is a trap out of bounds, and no other.
    fn call(&mut self, name: &str, args: &[Val], results: usize) -> Option<Vec<Val>> {
        let mut values = vec![Val::I32(0); results];
        self.calls += 1;
        match self.func(name).call(self.store.as_context_mut(), args, &mut values) {
            Ok(()) => Some(values),
            Err(error) => {
                assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds), "{name} {args:?}: {error}");
                self.traps += 1;
                None
            }
        }
    }

    fn check(&mut self, kind: usize) {
        let (name, index, _, length) = MEMORIES[kind];
        let memory = self.memory(kind);
        assert_eq!(memory.data_size(&self.store) as u64, length);
        for offset in offsets(index) {
            for (operator, bytes, ..) in LOADS {
                for at in indexes(index, offset, bytes, length) {
                    let (start, end) = (u128::from(at) + u128::from(offset), at.wrapping_add(offset) as usize);
                    let expected = (start + u128::from(bytes) <= u128::from(length))
                        .then(|| number(&memory.data(&self.store)[end..][..bytes.min(8) as usize]));
                    let export = format!("{name} {operator} {offset}");
                    let arg = value(if index.is_empty() { &ValType::I32 } else { &ValType::I64 }, at);
                    let got = self.call(&export, &[arg], 1).map(|values| bits(&values[0]));
                    assert_eq!(got, expected, "{export} {at}");
                    let got = self.call(&format!("{export} at {at}"), &[], 1).map(|values| bits(&values[0]));
                    assert_eq!(got, expected, "{export}, constant {at}");
                }
            }
            for (operator, bytes, ty, _) in STORES {
                for at in indexes(index, offset, bytes, length) {
                    self.check_store(memory, (kind, operator, offset, bytes), &ty, at);
                }
            }
        }
    }

    fn check_store(
        &mut self,
        memory: Memory,
        (kind, operator, offset, bytes): (usize, &str, u64, u64),
        ty: &ValType,
        at: u64,
    ) {
        let (name, index, _, length) = MEMORIES[kind];
        let fits = u128::from(at) + u128::from(offset) + u128::from(bytes) <= u128::from(length);
        let start = if fits { (at + offset) as usize } else { 0 };
        let around = start.saturating_sub(16)..(start + 32).min(length as usize);
        let mut expected = memory.data(&self.store)[around.clone()].to_vec();
        let stored = 0x1827_3645_5463_7281u64;
        if fits {
            expected[start - around.start..][..bytes as usize]
                .copy_from_slice(&[stored.to_le_bytes(); 2].as_flattened()[..bytes as usize]);
        }
        let export = format!("{name} {operator} {offset}");
        let args = [value(if index.is_empty() { &ValType::I32 } else { &ValType::I64 }, at), value(ty, stored)];
        assert_eq!(self.call(&export, &args, 0).is_some(), fits, "{export} {at}");
        assert_eq!(memory.data(&self.store)[around.clone()], expected, "{export} {at}");
        for place in around {
            memory.data_mut(&mut self.store)[place] = pattern(kind, place);
        }
    }
}

#[test]
fn accesses_reach_what_they_say_or_trap() {
    let mut done = (0, 0);
    for way in WAYS {
        let mut config = Config::new();
        let engine = Engine::new(way(config.wasm_feature(WasmFeature::CustomPageSizes, true))).unwrap();
        for first in 0..MEMORIES.len() {
            let order: Vec<usize> = (0..MEMORIES.len()).map(|place| (first + place) % MEMORIES.len()).collect();
            let mut store = Store::new(&engine, ());
            let own = Module::new(&engine, module(&order, false)).unwrap();
            let own = Instance::new(&mut store, &own, &[]).unwrap();
            let memories: Vec<Memory> =
                MEMORIES.iter().map(|(name, ..)| own.get_memory(&mut store, name).unwrap()).collect();
            for (kind, memory) in memories.iter().enumerate() {
                let data = memory.data_mut(&mut store);
                data.iter_mut().enumerate().for_each(|(at, byte)| *byte = pattern(kind, at));
            }
            let importing = Module::new(&engine, module(&order, true)).unwrap();
            let imports: Vec<Extern> = order.iter().map(|&kind| memories[kind].into()).collect();
            let importing = Instance::new(&mut store, &importing, &imports).unwrap();
            let mut checker = Checker { store, instance: own, calls: 0, traps: 0 };
            for instance in [own, importing] {
                checker.instance = instance;
                (0..MEMORIES.len()).for_each(|kind| checker.check(kind));
            }
            done = (done.0 + checker.calls, done.1 + checker.traps);
        }
    }
    assert!(done.0 > 40_000 && done.1 > done.0 / 2 && done.1 < done.0, "{done:?}");
}

/// Whichever instruction traps, the frame says where the operator is.
#[test]
fn a_trap_is_at_its_operator() {
    const OPERATORS: [(&str, u8); 4] =
        [("f32.load", 0x2A), ("i64.store16", 0x3D), ("i32.atomic.load", 0xFE), ("i32.atomic.rmw.or", 0xFE)];
    for way in WAYS {
        let mut config = Config::new();
        config.wasm_feature(WasmFeature::CustomPageSizes, true).wasm_feature(WasmFeature::Threads, true);
        let engine = Engine::new(way(&mut config)).unwrap();
        for (memory, index, limits, length) in MEMORIES {
            let index = if index.is_empty() { "i32" } else { index };
            for (operator, opcode) in OPERATORS {
                let operand = match operator {
                    "i64.store16" => "(i64.const 7)",
                    "i32.atomic.rmw.or" => "(i32.const 7)",
                    _ => "",
                };
                let access = format!("({operator} ${memory} ({index}.add (local.get 0) ({index}.const 0)) {operand})");
                let access = if operator.contains("store") { access } else { format!("(drop {access})") };
                let declared = format!("(memory ${memory} {} {limits})", if index == "i64" { index } else { "" });
                let text = format!("(module (memory 1) {declared} (func (export \"f\") (param {index}) {access}))");
                let bytes = wat::parse_str(text).unwrap();
                let mut store = Store::new(&engine, ());
                let instance = Instance::new(&mut store, &Module::new(&engine, &bytes).unwrap(), &[]).unwrap();
                let f = instance.get_func(&mut store, "f").unwrap();
                let argument =
                    value(if index == "i64" { &ValType::I64 } else { &ValType::I32 }, length.next_multiple_of(8));
                let error = f.call(&mut store, &[argument], &mut []).unwrap_err();
                assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
                let at = error.backtrace().unwrap().frames()[0].module_offset().unwrap();
                assert_eq!(bytes[at], opcode, "{memory} {operator}");
            }
        }
    }
}
