//! Every kind of operator, many times, under much of everything that a function can be inside of or stand on, and uses of
//! much of everything that a module can have: what twice the bytes cost is twice as much.

use super::modules::{
    ADD, BLOCK, BR_IF, BR_TABLE, CALL, CALL_INDIRECT, CATCH_ALL, CONST, DELEGATE, DIV_S, DROP, ELSE, EMPTY, END, EQZ,
    GET, GLOBAL_GET, GLOBAL_SET, I32, IF, LOAD, LOOP, LT_S, MUL, NONE, RETHROW, SELECT, SET, STORE, TRUNC, TRY,
    TRY_TABLE, UNREACHABLE, VALUE, function, leb, with_leb,
};
use super::{Cost, compile, on_a_small_stack, time_bends};
use planish::{Config, Engine, Instance, Module, Store, WasmFeature};
use std::time::Duration;

const BR: u8 = 0x0c;
const RETURN: u8 = 0x0f;
const TEE: u8 = 0x22;
const REF_NULL: u8 = 0xd0;
const BR_ON_NULL: u8 = 0xd5;
const FUNCREF: u8 = 0x70;

/// What there is much of: its name, the bytes that begin one and those that end it, and how many blocks it opens.
struct Around {
    name: &'static str,
    begin: &'static [u8],
    end: &'static [u8],
    blocks: usize,
}

const fn around(name: &'static str, begin: &'static [u8], end: &'static [u8], blocks: usize) -> Around {
    Around { name, begin, end, blocks }
}

const AROUND: &[Around] = &[
    around("constants", &[CONST, 0], &[DROP], 0),
    around("locals", &[GET, 1], &[DROP], 0),
    around("loads", &VALUE, &[DROP], 0),
    around("compares", &[GET, 1, GET, 2, LT_S], &[DROP], 0),
    around("blocks", &[BLOCK, EMPTY], &[END], 1),
    around("blocks with results", &[BLOCK, I32], &[CONST, 0, END, DROP], 1),
    around("constants and blocks", &[CONST, 0, BLOCK, EMPTY], &[END, DROP], 1),
    around("loops", &[LOOP, EMPTY], &[END], 1),
    around("ifs", &[GET, 0, IF, EMPTY], &[END], 1),
    around("handlers", &[TRY_TABLE, EMPTY, 1, 2, 0], &[END], 1),
    around("tries", &[TRY, EMPTY], &[CATCH_ALL, END], 1),
    around("catches", &[TRY, EMPTY, CALL, 0, CATCH_ALL], &[END], 1),
];

/// An operator with its operands, which leaves nothing. `depth` blocks are open inside of one without results, which is in
/// one of an i32.
struct Statement {
    name: &'static str,
    write: fn(&mut Vec<u8>, usize),
    /// The only thing that it may be inside of.
    only: Option<&'static str>,
}

const fn fixed(name: &'static str, write: fn(&mut Vec<u8>, usize)) -> Statement {
    Statement { name, write, only: None }
}

#[rustfmt::skip]
const STATEMENTS: &[Statement] = &[
    fixed("local.get, local.set",      |code, _| code.extend([GET, 0, SET, 1])),
    fixed("local.tee",                 |code, _| code.extend([GET, 0, TEE, 1, DROP])),
    fixed("global.get, global.set",    |code, _| code.extend([GLOBAL_GET, 0, GLOBAL_SET, 0])),
    fixed("load",                      |code, _| code.extend([GET, 0, LOAD, 0, 0, DROP])),
    fixed("store",                     |code, _| code.extend([GET, 0, GET, 1, STORE, 0, 0])),
    fixed("add",                       |code, _| code.extend([GET, 0, GET, 1, ADD, DROP])),
    fixed("mul, set",                  |code, _| code.extend([GET, 0, GET, 1, MUL, SET, 0])),
    fixed("div_s",                     |code, _| code.extend([GET, 0, GET, 1, DIV_S, DROP])),
    fixed("eqz",                       |code, _| code.extend([GET, 0, EQZ, SET, 2])),
    fixed("lt_s",                      |code, _| code.extend([GET, 0, GET, 1, LT_S, SET, 2])),
    fixed("trunc",                     |code, _| code.extend([GET, 8, TRUNC, SET, 0])),
    fixed("select",                    |code, _| code.extend([GET, 0, GET, 1, GET, 2, SELECT, DROP])),
    fixed("call",                      |code, _| code.extend([CALL, 0])),
    fixed("call_indirect",             |code, _| code.extend([CONST, 0, CALL_INDIRECT, NONE, 0])),
    fixed("return",                    |code, _| code.extend([GET, 0, IF, EMPTY, RETURN, END])),
    fixed("br",                        |code, _| code.extend([BLOCK, EMPTY, BR, 0, END])),
    fixed("br_if",                     |code, _| code.extend([BLOCK, EMPTY, GET, 0, BR_IF, 0, END])),
    fixed("br_if with a value",        |code, _| code.extend([BLOCK, I32, CONST, 1, GET, 0, BR_IF, 0, END, DROP])),
    fixed("outward br",                |code, depth| outward(code, &[GET, 0, IF, EMPTY], BR, depth + 1, &[END])),
    fixed("outward br with a value",   |code, depth| outward(code, &[GET, 0, IF, EMPTY, CONST, 1], BR, depth + 2, &[END])),
    fixed("outward br_if",             |code, depth| outward(code, &[GET, 0], BR_IF, depth, &[])),
    fixed("outward br_if, a constant", |code, depth| outward(code, &[CONST, 1, GET, 0], BR_IF, depth + 1, &[DROP])),
    fixed("outward br_if, a local",    |code, depth| outward(code, &[GET, 1, GET, 0], BR_IF, depth + 1, &[DROP])),
    fixed("outward br_if, a load",     |code, depth| outward(code, &[GET, 1, LOAD, 0, 0, GET, 0], BR_IF, depth + 1, &[DROP])),
    fixed("outward br_if, a result",   |code, depth| outward(code, &[BLOCK, I32, CONST, 1, END, GET, 0], BR_IF, depth + 1, &[DROP])),
    fixed("outward br_on_null",        |code, depth| outward(code, &[REF_NULL, FUNCREF], BR_ON_NULL, depth, &[DROP])),
    fixed("br_table",                  |code, _| code.extend([BLOCK, EMPTY, GET, 0, BR_TABLE, 2, 0, 0, 0, END])),
    fixed("outward br_table",          |code, depth| table(code, &[GET, 0], depth + 1)),
    fixed("outward br_table, a value", |code, depth| table(code, &[CONST, 1, GET, 0], depth + 2)),
    fixed("block",                     |code, _| code.extend([BLOCK, EMPTY, END])),
    fixed("block with a result",       |code, _| code.extend([BLOCK, I32, CONST, 0, END, DROP])),
    fixed("loop",                      |code, _| code.extend([LOOP, EMPTY, END])),
    fixed("loop that goes on",         |code, _| code.extend([LOOP, EMPTY, GET, 0, BR_IF, 0, END])),
    fixed("if",                        |code, _| code.extend([GET, 0, IF, EMPTY, ELSE, END])),
    fixed("if with a result",          |code, _| code.extend([GET, 0, IF, I32, CONST, 1, ELSE, CONST, 2, END, DROP])),
    fixed("dead code",                 |code, _| code.extend([BLOCK, EMPTY, UNREACHABLE, ADD, DROP, END])),
    fixed("try_table",                 |code, _| code.extend([BLOCK, EMPTY, TRY_TABLE, EMPTY, 1, 2, 0, CALL, 0, END, END])),
    fixed("try",                       |code, _| code.extend([TRY, EMPTY, CALL, 0, CATCH_ALL, CALL, 0, END])),
    fixed("outward delegate",          |code, depth| outward(code, &[TRY, EMPTY, CALL, 0], DELEGATE, depth, &[])),
    Statement { name: "rethrow",         write: |code, _| code.extend([GET, 0, IF, EMPTY, RETHROW, 1, END]), only: Some("catches") },
    Statement { name: "outward rethrow", write: |code, depth| outward(code, &[GET, 0, IF, EMPTY], RETHROW, depth, &[END]), only: Some("catches") },
    fixed("memory.size, memory.grow",  |code, _| code.extend([0x3f, 0, 0x40, 0, DROP])),
    fixed("memory.copy",               |code, _| code.extend([CONST, 0, CONST, 0, GET, 0, 0xfc, 10, 0, 0])),
    fixed("memory.fill",               |code, _| code.extend([CONST, 0, CONST, 0, GET, 0, 0xfc, 11, 0])),
    fixed("table.get, table.set",      |code, _| code.extend([CONST, 0, CONST, 0, 0x25, 0, 0x26, 0])),
    fixed("table.size",                |code, _| code.extend([0xfc, 16, 0, DROP])),
    fixed("table.fill",                |code, _| code.extend([CONST, 0, REF_NULL, FUNCREF, CONST, 0, 0xfc, 17, 0])),
    fixed("ref.is_null",               |code, _| code.extend([REF_NULL, FUNCREF, 0xd1, DROP])),
    fixed("ref.as_non_null",           |code, _| code.extend([CONST, 0, 0x25, 0, 0xd4, DROP])),
    fixed("v128.load, v128.store",     |code, _| code.extend([GET, 0, GET, 0, 0xfd, 0, 0, 0, 0xfd, 11, 0, 0])),
    fixed("i32x4.add",                 |code, _| code.extend([GET, 0, 0xfd, 17, GET, 1, 0xfd, 17, 0xfd, 0xae, 1, DROP])),
    fixed("i32.atomic.rmw.add",        |code, _| code.extend([GET, 0, GET, 1, 0xfe, 0x1e, 2, 0, DROP])),
];

fn outward(code: &mut Vec<u8>, before: &[u8], opcode: u8, depth: usize, after: &[u8]) {
    code.extend(before);
    with_leb(code, opcode, depth);
    code.extend(after);
}

/// A table of one outward label, and the same as default, in an `if`.
fn table(code: &mut Vec<u8>, operands: &[u8], depth: usize) {
    code.extend([GET, 0, IF, EMPTY]);
    code.extend(operands);
    code.extend([BR_TABLE, 1]);
    (0..2).for_each(|_| leb(code, depth));
    code.push(END);
}

/// So many statements under as much around them.
fn module(around: &Around, statement: &Statement, count: usize) -> Vec<u8> {
    let mut code = vec![BLOCK, I32, BLOCK, EMPTY];
    code.extend(around.begin.repeat(count));
    (0..count).for_each(|_| (statement.write)(&mut code, around.blocks * count));
    code.extend(around.end.repeat(count));
    code.extend([END, CONST, 0, END, DROP]);
    function(&code)
}

const COUNT: usize = 2_000;
/// A bend that is the compiler's is there every time; one that is a busy machine's is not.
const ATTEMPTS: usize = 4;

fn check(engine: &Engine, around: &Around, statement: &Statement) {
    let name = format!("{} under {}", statement.name, around.name);
    let [few, many] = [COUNT, 4 * COUNT].map(|count| module(around, statement, count));
    let cost = |bytes: &[u8]| {
        let (compiled, cost) = compile(engine, bytes, &name);
        compiled.unwrap_or_else(|error| panic!("{name}: {error}"));
        cost
    };
    let costs: Vec<(Cost, Cost)> = (0..ATTEMPTS)
        .map(|_| (cost(&few), cost(&many)))
        .scan(true, |bends, costs| std::mem::replace(bends, time_bends(costs.0, costs.1)).then_some(costs))
        .collect();
    let (few, many) = costs.last().expect("one attempt at least");
    assert!(!time_bends(*few, *many), "{name}: time bends, {:?} to {:?}", few.time, many.time);
    assert!(many.heap_bytes <= 6 * few.heap_bytes.max(64 << 10), "{name}: memory bends");
    assert!(many.code_bytes <= 6 * few.code_bytes.max(4 << 10), "{name}: code bends");
}

/// Every third around each, so that the tests share the work.
fn check_every_third(first: usize) {
    let mut config = Config::new();
    config.wasm_feature(WasmFeature::LegacyExceptions, true).wasm_feature(WasmFeature::Threads, true);
    config.parallel_compilation(false);
    for lazy in [false, true] {
        let engine = Engine::new(config.lazy_compilation(lazy)).expect("an engine");
        on_a_small_stack(|| {
            for around in AROUND.iter().skip(first).step_by(3) {
                let may_stand = |statement: &&Statement| statement.only.is_none_or(|only| only == around.name);
                STATEMENTS.iter().filter(may_stand).for_each(|statement| check(&engine, around, statement));
            }
        });
    }
}

#[test]
fn each_operator_costs_the_same_under_anything_1() {
    check_every_third(0);
}

#[test]
fn each_operator_costs_the_same_under_anything_2() {
    check_every_third(1);
}

#[test]
fn each_operator_costs_the_same_under_anything_3() {
    check_every_third(2);
}

/// What a module may have many of: its name, the text of one, and that of its use.
type Field = (&'static str, fn(usize) -> String, fn(usize) -> String);

#[rustfmt::skip]
const FIELDS: &[Field] = &[
    ("types",             |i| format!("(type (func (param {} i64)))", "i32 ".repeat(i % 100)), |i| format!("(block (unreachable) (call_indirect (type {i})))")),
    ("globals",           |i| format!("(global i32 (i32.const {i}))"),         |i| format!("(drop (global.get {i}))")),
    ("exports",           |i| format!("(export \"x{i}\" (memory 0))"),         |_| "(drop (memory.size))".to_owned()),
    ("data",              |i| format!("(data (i32.const {i}) \"xyz\")"),       |i| format!("(data.drop {i})")),
    ("passive data",      |_| "(data \"xyz\")".to_owned(),                     |i| format!("(memory.init {i} (i32.const 0) (i32.const 0) (i32.const 0))")),
    ("elements",          |i| format!("(elem (i32.const {}) func $f)", i % 10), |i| format!("(elem.drop {i})")),
    ("passive elements",  |_| "(elem func $f)".to_owned(),                     |i| format!("(table.init {i} (i32.const 0) (i32.const 0) (i32.const 0))")),
    ("declared elements", |_| "(elem declare func $f)".to_owned(),             |_| "(drop (ref.func $f))".to_owned()),
    ("tables",            |_| "(table 10 funcref)".to_owned(),                 |i| format!("(drop (table.size {i}))")),
    ("tags",              |_| "(tag (param i32))".to_owned(),                  |i| format!("(try_table (catch {i} 0) (call $f))")),
    ("named functions",   |i| format!("(func $a{i} (export \"f{i}\") (drop (ref.func $f)))"), |i| format!("(call $a{i}) (drop (ref.func $a{i}))")),
];

#[test]
fn each_section_costs_in_proportion() {
    let engine = Engine::new(Config::new().parallel_compilation(false)).expect("an engine");
    for (name, field, used) in FIELDS {
        // A module has at most 100 tables.
        let counts = if *name == "tables" { [20, 80] } else { [5_000, 20_000] };
        let modules = counts.map(|count| {
            let (fields, uses): (String, String) = ((0..count).map(field).collect(), (0..count).map(used).collect());
            let uses = format!("(func $uses (drop (block (result i32) {uses} (i32.const 0))))");
            let text =
                format!("(module (memory 1) (table 10 funcref) (elem declare func $f) (func $f) {fields} {uses})",);
            wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
        });
        let time = |bytes: &Vec<u8>| {
            let attempt = |_| {
                let start = super::now();
                let module = Module::from_binary(&engine, bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
                Instance::new(&mut Store::new(&engine, ()), &module, &[]).expect(name);
                super::now() - start
            };
            (0..3).map(attempt).min().expect("three")
        };
        let straight = |_| {
            let [small, large] = [&modules[0], &modules[1]].map(time);
            println!("{name:24} {small:12.2?} {large:12.2?}");
            large <= small.max(Duration::from_micros(500)) * super::BEND as u32
        };
        assert!((0..ATTEMPTS).any(straight), "{name}: time bends");
    }
}
