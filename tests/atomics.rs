//! Atomic operators on memories of every kind, at every place among several, own and imported: what they do to memory and
//! leave, with the result used, dropped, or among other operands that want the same registers, and when they trap.
#![allow(missing_docs)]

mod random;

use planish::{Config, CpuLevel, Engine, Extern, Instance, Module, Store, Trap, Val, WasmFeature};
use random::Random;
use std::fmt::Write;

/// Name, index type, limits. All have 65,536 bytes.
const MEMORIES: [(&str, &str, &str); 5] = [
    ("shared", "i32", "1 3 shared"),
    ("plain", "i32", "1"),
    ("wide", "i64", "i64 1"),
    ("wide-shared", "i64", "i64 1 2 shared"),
    ("bytes", "i32", "65536 (pagesize 1)"),
];
const LENGTH: u64 = 65536;

/// Type, suffix for the width, bytes.
const ACCESSES: [(&str, &str, u64); 7] = [
    ("i32", "", 4),
    ("i64", "", 8),
    ("i32", "8", 1),
    ("i32", "16", 2),
    ("i64", "8", 1),
    ("i64", "16", 2),
    ("i64", "32", 4),
];

/// What it makes of the old value and its operands.
type Operation = fn(u64, [u64; 2]) -> u64;

/// Without `cmpxchg`, whose comparison depends on the width.
const OPERATIONS: [(&str, Operation); 6] = [
    ("add", |old, [a, _]| old.wrapping_add(a)),
    ("sub", |old, [a, _]| old.wrapping_sub(a)),
    ("and", |old, [a, _]| old & a),
    ("or", |old, [a, _]| old | a),
    ("xor", |old, [a, _]| old ^ a),
    ("xchg", |_, [a, _]| a),
];

const OFFSETS: [u64; 4] = [0, 3, 0x7ffe, 0x8000_0000];

/// How the operator is used.
const USES: [&str; 3] = ["result", "dropped", "among others"];

fn name(ty: &str, suffix: &str, operation: &str) -> String {
    format!("{ty}.atomic.rmw{suffix}.{operation}{}", if suffix.is_empty() { "" } else { "_u" })
}

fn module(order: &[usize], imported: bool) -> String {
    let mut text = String::from("(module");
    for &kind in order {
        let (memory, _, limits) = MEMORIES[kind];
        let import = if imported { format!("(import \"\" \"{memory}\")") } else { String::new() };
        write!(text, "\n(memory ${memory} (export \"{memory}\") {import} {limits})").unwrap();
    }
    for (memory, index, _) in MEMORIES {
        write!(
            text,
            "\n(func (export \"{memory} init\") (param {index} i64) (i64.atomic.store ${memory} (local.get 0) (local.get 1)))
            (func (export \"{memory} get\") (param {index}) (result i64) (i64.atomic.load ${memory} (local.get 0)))"
        )
        .unwrap();
        for (ty, suffix, _) in ACCESSES {
            for operation in OPERATIONS.map(|row| row.0).into_iter().chain(["cmpxchg"]) {
                let operator = name(ty, suffix, operation);
                let more = if operation == "cmpxchg" { "(local.get 2)" } else { "" };
                for offset in OFFSETS {
                    let operate = format!("{operator} ${memory} offset={offset}");
                    let plain = format!("({operate} (local.get 0) (local.get 1) {more})");
                    let others = format!(
                        "({ty}.sub ({ty}.mul (local.get 1) (local.get 2)) ({ty}.add ({operate} \
                         ({index}.add (local.get 0) ({index}.const 0)) ({ty}.xor (local.get 1) ({ty}.const 0)) {more}) \
                         (local.get 2)))"
                    );
                    let bodies = [plain.clone(), format!("(drop {plain}) (local.get 1)"), others];
                    for (usage, body) in USES.iter().zip(bodies) {
                        write!(
                            text,
                            "\n(func (export \"{memory} {operator} {offset} {usage}\") \
                             (param {index} {ty} {ty}) (result {ty}) {body})"
                        )
                        .unwrap();
                    }
                }
            }
        }
    }
    text + ")"
}

fn value(ty: &str, bits: u64) -> Val {
    if ty == "i32" { Val::I32(bits as i32) } else { Val::I64(bits as i64) }
}

fn bits(value: &Val) -> u64 {
    match *value {
        Val::I32(value) => u64::from(value as u32),
        Val::I64(value) => value as u64,
        _ => unreachable!("an integer"),
    }
}

struct Checker {
    store: Store<()>,
    instance: Instance,
    random: Random,
}

impl Checker {
    fn call(&mut self, name: &str, args: &[Val], results: usize) -> Result<u64, Trap> {
        let func = self.instance.get_func(&mut self.store, name).unwrap_or_else(|| panic!("no {name}"));
        let mut values = vec![Val::I32(0); results];
        match func.call(&mut self.store, args, &mut values) {
            Ok(()) => Ok(values.first().map_or(0, bits)),
            Err(error) => Err(error.trap().unwrap_or_else(|| panic!("{name}: {error}"))),
        }
    }

    fn check(&mut self, memory: &str, index: &str, (ty, suffix, bytes): (&str, &str, u64), operation: &str) {
        let operator = name(ty, suffix, operation);
        for offset in OFFSETS {
            for usage in USES {
                let export = format!("{memory} {operator} {offset} {usage}");
                let inside = 0x9000 + 64 * bytes;
                if let Some(at) = inside.checked_sub(offset) {
                    self.check_inside(&export, (memory, index), (ty, bytes), operation, [at, inside]);
                }
                let args = [value(ty, 1), value(ty, 2)];
                let odd = value(index, 1u64.wrapping_sub(offset).wrapping_add(0x100));
                // Behind a larger offset that is 4 GiB further on, or wraps, and no less odd.
                let expected = match (bytes, offset > 0x101) {
                    (1, false) => None,
                    (1, true) => Some(Trap::MemoryOutOfBounds),
                    _ => Some(Trap::HeapMisaligned),
                };
                let got = self.call(&export, &[&[odd], &args[..]].concat(), 1).err();
                assert_eq!(got, expected, "{export}");
                let beyond = [LENGTH, 0u64.wrapping_sub(8), 1 << 31].map(|end| end.wrapping_sub(offset));
                for beyond in beyond.into_iter().filter(|&at| index == "i64" || at < 1 << 32) {
                    let got = self.call(&export, &[&[value(index, beyond)], &args[..]].concat(), 1);
                    assert_eq!(got, Err(Trap::MemoryOutOfBounds), "{export} {beyond:#x}");
                }
            }
        }
    }

    fn check_inside(
        &mut self,
        export: &str,
        (memory, index): (&str, &str),
        (ty, bytes): (&str, u64),
        operation: &str,
        [at, inside]: [u64; 2],
    ) {
        let (mask, full) = (u64::MAX >> (64 - 8 * bytes), if ty == "i32" { u64::from(u32::MAX) } else { u64::MAX });
        for round in 0..3 {
            let before = self.random.next();
            let old = before & mask;
            let mut operands = [self.random.next() & full, self.random.next() & full];
            if operation == "cmpxchg" && round > 0 {
                // Only the bits of the access are compared.
                operands[0] = operands[0] & !mask | old;
            }
            let new = match OPERATIONS.iter().find(|row| row.0 == operation) {
                Some((_, operation)) => operation(old, operands),
                None if operands[0] & mask == old => operands[1],
                None => old,
            };
            let (a, b) = (operands[0], operands[1]);
            let expected = match export {
                _ if export.ends_with(USES[0]) => old,
                _ if export.ends_with(USES[1]) => a,
                _ => a.wrapping_mul(b).wrapping_sub(old.wrapping_add(b)) & full,
            };
            let place = value(index, inside);
            self.call(&format!("{memory} init"), &[place, Val::I64(before as i64)], 0).unwrap();
            let got = self.call(export, &[value(index, at), value(ty, a), value(ty, b)], 1);
            assert_eq!(got, Ok(expected), "{export}, {before:#x}, {operands:#x?}");
            let after = self.call(&format!("{memory} get"), &[place], 1).unwrap();
            assert_eq!(after, before & !mask | new & mask, "{export}, {before:#x}, {operands:#x?}");
        }
    }
}

#[test]
fn atomic_operators_do_what_they_say_or_trap() {
    let ways: [fn(&mut Config) -> &mut Config; 4] = [
        |config| config,
        |config| config.guard_memory(false),
        |config| config.signals_based_traps(false),
        |config| config.cpu_level(CpuLevel::Baseline),
    ];
    for way in ways {
        let mut config = Config::new();
        way(&mut config);
        config.wasm_feature(WasmFeature::Threads, true).wasm_feature(WasmFeature::CustomPageSizes, true);
        let engine = Engine::new(&config).unwrap();
        for first in 0..MEMORIES.len() {
            let order: Vec<usize> = (0..MEMORIES.len()).map(|place| (first + place) % MEMORIES.len()).collect();
            let mut store = Store::new(&engine, ());
            let own = Module::new(&engine, module(&order, false)).unwrap();
            let own = Instance::new(&mut store, &own, &[]).unwrap();
            let imports: Vec<Extern> =
                order.iter().map(|&kind| own.get_export(&mut store, MEMORIES[kind].0).unwrap()).collect();
            let importing = Module::new(&engine, module(&order, true)).unwrap();
            let importing = Instance::new(&mut store, &importing, &imports).unwrap();
            let mut checker = Checker { store, instance: own, random: Random(0x9e37_79b9_7f4a_7c15) };
            for instance in [own, importing] {
                checker.instance = instance;
                for (memory, index, _) in MEMORIES {
                    for access in ACCESSES {
                        for operation in OPERATIONS.map(|row| row.0).into_iter().chain(["cmpxchg"]) {
                            checker.check(memory, index, access, operation);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn waiting_needs_a_shared_memory_and_an_aligned_address() {
    let mut config = Config::new();
    config.wasm_feature(WasmFeature::Threads, true).wasm_feature(WasmFeature::CustomPageSizes, true);
    let engine = Engine::new(&config).unwrap();
    for (memory, index, limits) in MEMORIES {
        let text = format!(
            "(module (memory $first 1) (memory $m {limits})
            (func (export \"notify\") (param {index}) (result i32)
                (memory.atomic.notify $m offset=4 (local.get 0) (i32.const 1)))
            (func (export \"wait\") (param {index}) (result i32)
                (memory.atomic.wait32 $m offset=4 (local.get 0) (i32.const 1) (i64.const -1)))
            (func (export \"wait64\") (param {index}) (result i32)
                (memory.atomic.wait64 $m offset=8 (local.get 0) (i64.const 0) (i64.const 0))))"
        );
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &Module::new(&engine, text).unwrap(), &[]).unwrap();
        let mut checker = Checker { store, instance, random: Random(1) };
        let is_shared = memory.ends_with("shared");
        let mut call = |name: &str, at: u64| checker.call(name, &[value(index, at)], 1);
        let waited = |result| if is_shared { Ok(result) } else { Err(Trap::AtomicWaitNonSharedMemory) };
        assert_eq!((call("notify", 0), call("wait", 0), call("wait64", 0)), (Ok(0), waited(1), waited(2)), "{memory}");
        for name in ["notify", "wait", "wait64"] {
            assert_eq!(call(name, 2), Err(Trap::HeapMisaligned), "{memory}");
            // The last one wraps, if it is not 4 GiB further on.
            for at in [LENGTH - 8, u64::from(u32::MAX) - 7, u64::MAX - 7] {
                let at = if name == "wait64" { at } else { at.wrapping_add(4) };
                assert_eq!(call(name, at), Err(Trap::MemoryOutOfBounds), "{memory} {name} {at:#x}");
            }
        }
        assert_eq!(call("wait64", 4), Err(Trap::HeapMisaligned), "{memory}");
    }
}
