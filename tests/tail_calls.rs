//! Tail calls: no stack is used up, whatever the arguments, whoever is called; and backtraces see what is left.
#![allow(missing_docs)]

use planish::{Config, Engine, Instance, Linker, Module, Result, Store, Trap};

/// Two functions that call each other `n` times, with no stack arguments and with three, and the same in two instances.
const MUTUAL: &str = r#"(module
    (import "env" "other" (func $other (param i64 i64 i64 i64 i64 i64 i64 i64 f64 i64 i64) (result i64)))
    (table (export "table") 2 funcref)
    (type $few (func (param i64) (result i64)))
    (type $many (func (param i64 i64 i64 i64 i64 i64 i64 i64 f64 i64 i64) (result i64)))
    (elem (i32.const 0) $few $many)
    (func $few (export "few") (type $few)
        (if (i64.eqz (local.get 0)) (then (return (i64.const 42))))
        (return_call $many (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)
            (i64.const 7) (i64.const 8) (f64.const 9) (local.get 0) (i64.const 11)))
    (func $many (export "many") (type $many)
        (if (i64.ne (local.get 10) (i64.const 11)) (then unreachable))
        (if (i64.ne (local.get 7) (i64.const 8)) (then unreachable))
        (return_call $few (i64.sub (local.get 9) (i64.const 1))))
    (func $few_indirect (export "few_indirect") (param i64) (result i64)
        (if (i64.eqz (local.get 0)) (then (return (i64.const 43))))
        (return_call_indirect (type $many) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
            (i64.const 6) (i64.const 7) (i64.const 8) (f64.const 9) (local.get 0) (i64.const 11) (i32.const 1)))
    (func $few_ref (export "few_ref") (param i64) (param $f (ref null $many)) (result i64)
        (return_call_ref $many (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
            (i64.const 6) (i64.const 7) (i64.const 8) (f64.const 9) (local.get 0) (i64.const 11) (local.get $f)))
    (func (export "null") (result i64) (return_call $few_ref (i64.const 1) (ref.null $many)))
    (func (export "across") (param i64) (result i64)
        (return_call $other (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)
            (i64.const 7) (i64.const 8) (f64.const 9) (local.get 0) (i64.const 11))))"#;

const TIMES: i64 = 10_000_000;

fn engines() -> [Engine; 5] {
    // A frame for each call would not fit.
    [(true, true, false), (false, true, false), (false, false, false), (true, true, true), (false, false, true)].map(
        |(guarded, signals, lazy)| {
            let mut config = Config::new();
            if !guarded {
                config.guard_memory(false);
            }
            config.signals_based_traps(signals).lazy_compilation(lazy).max_wasm_stack(256 << 10);
            Engine::new(&config).unwrap()
        },
    )
}

#[test]
fn ten_million_calls_take_no_stack() -> Result<()> {
    for engine in engines() {
        let (mut store, mut linker) = (Store::new(&engine, ()), Linker::new(&engine));
        linker.func_wrap(
            "env",
            "other",
            |_: i64, _: i64, _: i64, _: i64, _: i64, _: i64, _: i64, h: i64, _: f64, n: i64, k: i64| {
                h * 10000 + n * 100 + k
            },
        )?;
        let instance = linker.instantiate(&mut store, &Module::new(&engine, MUTUAL)?)?;
        for (name, result) in [("few", 42), ("few_indirect", 42)] {
            let few = instance.get_typed_func::<i64, i64>(&mut store, name)?;
            assert_eq!(few.call(&mut store, TIMES)?, result);
        }
        // To a function of the host.
        let across = instance.get_typed_func::<i64, i64>(&mut store, "across")?;
        assert_eq!(across.call(&mut store, 5)?, 80511);
        let null = instance.get_typed_func::<(), i64>(&mut store, "null")?;
        assert_eq!(null.call(&mut store, ()).unwrap_err().trap(), Some(Trap::NullReference));
    }
    Ok(())
}

/// Vectors among numbers, more and fewer of them than the function itself has on the stack, moved over each other.
#[test]
fn vectors_on_the_stack_stay_whole() -> Result<()> {
    const COUNT: usize = 14;
    let params = |pairs: usize| "i64 v128 ".repeat(pairs);
    // The lanes of all vectors and all numbers, each with its own weight.
    let sum = |pairs: usize| {
        let of = |place: usize, value: &str| format!("(i64.mul (i64.const {}) {value}) (i64.add)", 2 * place + 3);
        (0..pairs).fold("(i64.const 0)".to_owned(), |sum, pair| {
            let vector = format!("(local.get {})", 2 * pair + 1);
            sum + &of(3 * pair, &format!("(local.get {})", 2 * pair))
                + &of(3 * pair + 1, &format!("(i64x2.extract_lane 0 {vector})"))
                + &of(3 * pair + 2, &format!("(i64x2.extract_lane 1 {vector})"))
        })
    };
    let values = |pairs: usize| {
        (0..pairs).fold(String::new(), |values, pair| {
            values + &format!("(i64.const {}) (v128.const i64x2 {} {})", 7 * pair + 1, 7 * pair + 2, -(7 * pair as i64))
        })
    };
    let expected = |pairs: usize| {
        let weighted = |place: usize, value: i64| (2 * place as i64 + 3) * value;
        let of = |pair: usize| {
            let value = 7 * pair as i64;
            weighted(3 * pair, value + 1) + weighted(3 * pair + 1, value + 2) + weighted(3 * pair + 2, -value)
        };
        (0..pairs).map(of).sum::<i64>()
    };
    for engine in engines() {
        for pairs in [COUNT - 3, COUNT, COUNT + 3] {
            let text = format!(
                r#"(module
                    (type $callee (func (param {params_callee}) (result i64)))
                    (func $callee (type $callee) {sum})
                    (func $caller (param {params_caller}) (result i64) (return_call $callee {values}))
                    (func (export "run") (result i64) (call $caller {values_caller})))"#,
                params_callee = params(pairs),
                params_caller = params(COUNT),
                sum = sum(pairs),
                values = values(pairs),
                values_caller = values(COUNT),
            );
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &Module::new(&engine, text)?, &[])?;
            let run = instance.get_typed_func::<(), i64>(&mut store, "run")?;
            assert_eq!(run.call(&mut store, ())?, expected(pairs), "{pairs}");
        }
    }
    Ok(())
}

/// Each instance has a number of its own, which it adds when it is called, and counts down through the other one. The
/// caller of the first finds its own number again.
fn ring(engine: &Engine) -> Result<(Store<()>, Instance)> {
    let (mut store, mut linker) = (Store::new(engine, ()), Linker::new(engine));
    let table = r#"(module (table (export "table") 3 funcref))"#;
    linker.module(&mut store, "shared", &Module::new(engine, table)?)?;
    let ninth = "(i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (f64.const 0)";
    let [few, many] = [("i64", ""), ("i64 i64 i64 i64 i64 i64 i64 i64 f64", ninth)];
    let member = |number: i64, next: i64, own: (&str, &str), callee: (&str, &str)| {
        let (params, (next_params, next_zeros)) = (own.0, callee);
        format!(
            r#"(module
                (import "shared" "table" (table 3 funcref))
                (memory 1)
                (global $number i64 (i64.const {number}))
                (type $next (func (param {next_params}) (result i64)))
                (elem (i32.const {number}) $step)
                (func $step (param {params}) (result i64)
                    (if (i64.ne (i64.load (i32.const 0)) (global.get $number)) (then unreachable))
                    (if (i64.eqz (local.get 0)) (then (return (global.get $number))))
                    (return_call_indirect (type $next) (i64.sub (local.get 0) (i64.const 1)) {next_zeros} (i32.const {next})))
                (func (export "start")
                    (i64.store (i32.const 0) (global.get $number)))
                (func (export "run") (param $n i64) (result i64)
                    (local $result i64)
                    (local.set $result (call_indirect (type $next) (local.get $n) {next_zeros} (i32.const {next})))
                    ;; The caller's own context and memory.
                    (if (i64.ne (i64.load (i32.const 0)) (i64.const {number})) (then unreachable))
                    (if (i64.ne (global.get $number) (i64.const {number})) (then unreachable))
                    (local.get $result)))"#
        )
    };
    let second = linker.instantiate(&mut store, &Module::new(engine, member(1, 2, many, few))?)?;
    second.get_typed_func::<(), ()>(&mut store, "start")?.call(&mut store, ())?;
    let third = linker.instantiate(&mut store, &Module::new(engine, member(2, 1, few, many))?)?;
    third.get_typed_func::<(), ()>(&mut store, "start")?.call(&mut store, ())?;
    let first = linker.instantiate(&mut store, &Module::new(engine, member(0, 1, few, many))?)?;
    first.get_typed_func::<(), ()>(&mut store, "start")?.call(&mut store, ())?;
    Ok((store, first))
}

#[test]
fn calls_between_instances_take_no_stack_and_lead_back() -> Result<()> {
    for engine in engines() {
        let (mut store, first) = ring(&engine)?;
        let run = first.get_typed_func::<i64, i64>(&mut store, "run")?;
        for times in [0, 1, 2, 3, TIMES, TIMES + 1] {
            assert_eq!(run.call(&mut store, times)?, 1 + times % 2, "{times}");
        }
    }
    Ok(())
}

#[test]
fn a_backtrace_shows_the_frames_that_are_left() -> Result<()> {
    let engine = Engine::default();
    let text = r#"(module
        (func $outer (export "outer") (param i64) (result i64) (local $x i64)
            (call $many (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)
                (i64.const 1) (i64.const 1))
            (call $few))
        (func $many (param i64 i64 i64 i64 i64 i64 i64 i64 i64)
            (return_call $middle (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)
                (i64.const 1) (i64.const 1)))
        (func $middle (param i64 i64 i64 i64 i64 i64 i64 i64)
            (drop (call $keep (i64.const 3))))
        (func $keep (param i64) (result i64) (i64.const 1))
        (func $few (result i64)
            (return_call $deep (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)
                (i64.const 1) (i64.const 1) (i64.const 1)))
        (func $deep (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
            (i64.add (call $boom (i64.const 0)) (local.get 9)))
        (func $boom (param i64) (result i64) unreachable))"#;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &Module::new(&engine, text)?, &[])?;
    let error = instance.get_typed_func::<i64, i64>(&mut store, "outer")?.call(&mut store, 1).unwrap_err();
    let frames = error.backtrace().unwrap().frames();
    let names: Vec<_> = frames.iter().map(|frame| frame.func_name().unwrap()).collect();
    assert_eq!(names, ["boom", "deep", "outer"]);
    Ok(())
}
