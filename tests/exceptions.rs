//! Exceptions: what lives at a catch is what it was at the throw, whoever was between; and what the host sees of them.
#![allow(missing_docs)]

use planish::{
    Caller, Config, Engine, Error, ExnRef, Func, FuncType, Instance, Linker, Module, Result, Store, Tag, TagType,
    ThrownException, Trap, Val, ValType,
};
use std::fmt::Write;

/// Guarded memories, checked ones, no signals; functions compiled together, and when they are called.
fn engines() -> [Engine; 5] {
    [(true, true, false), (false, true, false), (false, false, false), (true, true, true), (false, false, true)].map(
        |(guarded, signals, lazy)| {
            let mut config = Config::new();
            if !guarded {
                config.guard_memory(false);
            }
            config
                .signals_based_traps(signals)
                .lazy_compilation(lazy)
                .wasm_feature(planish::WasmFeature::LegacyExceptions, true);
            Engine::new(&config).unwrap()
        },
    )
}

fn run<R: planish::WasmResults>(engine: &Engine, text: &str, arg: i64) -> Result<R> {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &Module::new(engine, text)?, &[])?;
    instance.get_typed_func::<i64, R>(&mut store, "run")?.call(&mut store, arg)
}

/// How a function is left early.
#[derive(Clone, Copy, PartialEq)]
enum Exit {
    Branch,
    TryTable,
    Legacy,
}

/// A function with so many integers and floats that live across calls in a loop, some of them written before the call that
/// may be left early, some behind it, some where that is caught; they are summed up at the end.
fn pressure(ints: usize, floats: usize, vectors: usize, exit: Exit) -> String {
    let locals = |prefix: &str, ty: &str, count: usize| {
        (0..count).fold(String::new(), |text, n| text + &format!("(local ${prefix}{n} {ty})"))
    };
    let step = |text: &mut String, which: usize, salt: i64| {
        for n in (0..ints).filter(|n| n % 3 == which) {
            let other = (n + 1) % ints;
            write!(
                text,
                "(local.set $i{n} (i64.add (i64.mul (local.get $i{n}) (i64.const {salt})) (i64.rotl (local.get $i{other}) (local.get $n))))"
            )
            .unwrap();
        }
        for n in (0..floats).filter(|n| n % 3 == which) {
            let other = (n + 1) % floats;
            write!(
                text,
                "(local.set $f{n} (f64.sub (f64.mul (local.get $f{n}) (f64.const 0.5)) (f64.add (local.get $f{other}) (f64.convert_i64_s (local.get $n)))))"
            )
            .unwrap();
        }
    };
    let step = |text: &mut String, which: usize, salt: i64| {
        step(text, which, salt);
        for n in (0..vectors).filter(|n| n % 3 == which) {
            let other = (n + 1) % vectors;
            write!(
                text,
                "(local.set $v{n} (i64x2.add (i8x16.swizzle (local.get $v{n}) (v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 0))
                    (i64x2.add (local.get $v{other}) (i64x2.splat (local.get $n)))))"
            )
            .unwrap();
        }
    };
    let [mut before, mut behind, mut caught, mut sum] = [const { String::new() }; 4];
    step(&mut before, 0, 3);
    step(&mut behind, 1, 5);
    step(&mut caught, 2, 7);
    for n in 0..ints {
        write!(sum, "(local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (local.get $i{n})))").unwrap();
    }
    for n in 0..floats {
        write!(sum, "(local.set $sum (i64.xor (local.get $sum) (i64.reinterpret_f64 (local.get $f{n}))))").unwrap();
    }
    for n in 0..vectors {
        write!(sum, "(local.set $sum (i64.xor (i64.mul (local.get $sum) (i64.const 7)) (i64x2.extract_lane 0 (local.get $v{n}))))").unwrap();
        write!(sum, "(local.set $sum (i64.add (local.get $sum) (i64x2.extract_lane 1 (local.get $v{n}))))").unwrap();
    }
    // The result of the call is a variable, which stays what it was when the call is left early.
    let call =
        "(local.set $result (call $sometimes (local.get $n) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
        (i64.const 5) (i64.const 6) (local.get $result) (local.get $n)))";
    let body = match exit {
        Exit::Branch => format!(
            "(block $h (result i64 f64 v128)
                {before}
                (br_if $h (i64.mul (local.get $n) (i64.const 7)) (f64.convert_i64_s (local.get $n)) (i64x2.splat (local.get $n))
                    (i64.eqz (i64.rem_u (local.get $n) (i64.const 3))))
                drop drop drop
                {call} {behind} (br $next))"
        ),
        Exit::TryTable => format!(
            "(block $h (result i64 f64 v128) (try_table (catch $e $h) {before} {call} {behind} (br $next)) unreachable)"
        ),
        Exit::Legacy => format!("try (result i64 f64 v128) {before} {call} {behind} (br $next) catch $e end"),
    };
    let throws = if exit == Exit::Branch {
        "nop"
    } else {
        "(throw $e (i64.mul (local.get $n) (i64.const 7)) (f64.convert_i64_s (local.get $n)) (i64x2.splat (local.get $n)))"
    };
    format!(
        r#"(module
            (tag $other) (tag $e (param i64 f64 v128))
            (func $sometimes (param $n i64) (param i64 i64 i64 i64 i64 i64) (param $r i64) (param i64) (result i64)
                {clobbers}
                (if (i64.eqz (i64.rem_u (local.get $n) (i64.const 3))) (then {throws}))
                (i64.add (local.get $n) (i64.mul (local.get $r) (i64.const 13))))
            (func (export "run") (param $n i64) (result i64) (local $sum i64) (local $result i64) {int_locals} {float_locals} {vector_locals}
                (loop $loop
                    (block $next
                        {body}
                        (i64x2.extract_lane 1) (local.set $sum (i64.add (local.get $sum)))
                        i64.trunc_sat_f64_s i64.xor (local.set $sum (i64.add (local.get $sum)))
                        {caught})
                    (local.tee $n (i64.sub (local.get $n) (i64.const 1)))
                    i64.eqz i32.eqz
                    br_if $loop)
                {sum}
                (i64.add (local.get $sum) (local.get $result))))"#,
        clobbers = "(drop (call $clobber (local.get $n) (local.get $r)))",
        int_locals = locals("i", "i64", ints),
        float_locals = locals("f", "f64", floats),
        vector_locals = locals("v", "v128", vectors),
    )
    .replace(
        "(func (export",
        // Uses all registers.
        r#"(func $clobber (param i64 i64) (result i64) (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
            (local.set 2 (i64.mul (local.get 0) (local.get 1))) (local.set 3 (i64.add (local.get 2) (local.get 0)))
            (local.set 4 (i64.mul (local.get 3) (local.get 2))) (local.set 5 (i64.add (local.get 4) (local.get 3)))
            (local.set 6 (i64.mul (local.get 5) (local.get 4))) (local.set 7 (i64.add (local.get 6) (local.get 5)))
            (local.set 8 (i64.mul (local.get 7) (local.get 6))) (local.set 9 (i64.add (local.get 8) (local.get 7)))
            (loop (local.set 10 (i64.add (local.get 10) (i64.const 1)))
                (local.set 2 (i64.xor (local.get 3) (local.get 4))) (local.set 3 (i64.xor (local.get 5) (local.get 6)))
                (local.set 4 (i64.xor (local.get 7) (local.get 8))) (local.set 5 (i64.xor (local.get 9) (local.get 2)))
                (local.set 6 (i64.xor (local.get 3) (local.get 4))) (local.set 7 (i64.xor (local.get 5) (local.get 6)))
                (br_if 0 (i64.lt_u (local.get 10) (i64.const 3))))
            (i64.add (local.get 7) (i64.add (local.get 8) (i64.add (local.get 9) (local.get 2)))))
        (func (export"#,
    )
}

#[test]
fn variables_are_at_a_catch_what_they_were_at_the_throw() -> Result<()> {
    for engine in engines() {
        for (ints, floats, vectors) in
            [(1, 1, 1), (2, 0, 3), (4, 2, 0), (6, 6, 2), (9, 3, 9), (12, 9, 30), (16, 14, 5), (30, 20, 40)]
        {
            let expected: i64 = run(&engine, &pressure(ints, floats, vectors, Exit::Branch), 20)?;
            for exit in [Exit::TryTable, Exit::Legacy] {
                let found: i64 = run(&engine, &pressure(ints, floats, vectors, exit), 20)?;
                assert_eq!(found, expected, "{ints} integers, {floats} floats, {vectors} vectors");
            }
        }
    }
    Ok(())
}

/// Two instances with memories and tags of their own, a host function between them, and tail calls on the way.
#[test]
fn exceptions_pass_instances_tail_calls_and_the_host() -> Result<()> {
    for engine in engines() {
        let (mut store, mut linker) = (Store::new(&engine, ()), Linker::new(&engine));
        let deep = linker.func_wrap("host", "through", |mut caller: Caller<'_, ()>, f: Option<Func>, n: i64| {
            let mut results = [Val::I64(0)];
            f.unwrap().call(&mut caller, &[Val::I64(n)], &mut results)?;
            Ok::<i64, Error>(results[0].unwrap_i64())
        });
        deep?;
        let inner = Module::new(
            &engine,
            r#"(module
                (import "host" "through" (func $through (param funcref i64) (result i64)))
                (memory 1) (data (i32.const 0) "inner")
                (tag $mine (export "mine") (param i64))
                (tag $other (export "other"))
                (func $thrower (param i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
                    (throw $mine (i64.add (local.get 0) (local.get 8))))
                (func $tail (export "tail") (param i64) (result i64)
                    (return_call $thrower (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
                        (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 100)))
                (func $pass (export "pass") (param i64) (result i64) (local $x i64)
                    (local.set $x (i64.const 3))
                    (block $h (try_table (catch $other $h) (return (call $tail (local.get 0)))))
                    unreachable)
                (elem declare func $tail $pass)
                (func (export "host") (param i64) (result i64)
                    (call $through (ref.func $pass) (local.get 0))))"#,
        )?;
        let inner = linker.instantiate(&mut store, &inner)?;
        linker.instance(&mut store, "inner", inner)?;
        let outer = Module::new(
            &engine,
            r#"(module
                (import "inner" "mine" (tag $theirs (param i64)))
                (import "inner" "tail" (func $tail (param i64) (result i64)))
                (import "inner" "pass" (func $pass (param i64) (result i64)))
                (import "inner" "host" (func $host (param i64) (result i64)))
                (tag $same_type (param i64))
                (memory 1) (data (i32.const 0) "outer")
                (table funcref (elem $tail $pass $host $mine))
                (func $mine (param i64) (result i64) (return_call $host (local.get 0)))
                (func (export "run") (param $n i64) (result i64) (local $keep i64)
                    (local.set $keep (i64.const 1000000))
                    (block $h (result i64)
                        (try_table (catch $same_type $h) (catch $theirs $h)
                            (return (call_indirect (param i64) (result i64)
                                (i64.const 1) (i32.wrap_i64 (local.get $n)))))
                        unreachable)
                    ;; The memory is this instance's again.
                    (i64.add (i64.add (local.get $keep)) (i64.mul (i64.const 1000) (i64.load8_u (i32.const 0))))))"#,
        )?;
        let outer = linker.instantiate(&mut store, &outer)?;
        let run = outer.get_typed_func::<i64, i64>(&mut store, "run")?;
        for n in 0..4 {
            assert_eq!(run.call(&mut store, n)?, 1_000_000 + 101 + 1000 * i64::from(b'o'), "{n}");
        }
        // Nobody catches it: the host does.
        let pass = inner.get_typed_func::<i64, i64>(&mut store, "host")?;
        let error = pass.call(&mut store, 7).unwrap_err();
        let exception = error.downcast_ref::<ThrownException>().expect("an exception");
        assert_eq!(
            (Some(exception.tag()), exception.fields()[0].i64()),
            (inner.get_tag(&mut store, "mine"), Some(107))
        );
        assert!(error.backtrace().is_some());
    }
    Ok(())
}

#[test]
fn the_host_throws_and_sees_references() -> Result<()> {
    let engine = Engine::default();
    let (mut store, mut linker) = (Store::new(&engine, ()), Linker::new(&engine));
    let tag = Tag::new(&mut store, &TagType::new(FuncType::new([ValType::I32, ValType::F64, ValType::EXTERNREF], [])));
    linker.define(&store, "host", "tag", tag)?;
    linker.func_wrap("host", "throw", move |caller: Caller<'_, ()>, a: i32, b: f64| -> Result<()> {
        Err(Error::new(ThrownException::new(&caller, tag, &[Val::I32(a), Val::from(b), Val::ExternRef(None)])?))
    })?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "tag" (tag $tag (param i32 f64 externref)))
            (import "host" "throw" (func $throw (param i32 f64)))
            (func (export "catch") (param i32 f64) (result i32 f64 externref exnref)
                (block $h (result i32 f64 externref (ref exn))
                    (try_table (catch_ref $tag $h) (call $throw (local.get 0) (local.get 1)))
                    unreachable))
            (func (export "throw") (param exnref) (throw_ref (local.get 0)))
            (func (export "catch_all") (param exnref) (result i32)
                (block $h (try_table (catch_all $h) (throw_ref (local.get 0))))
                (i32.const 1)))"#,
    )?;
    let instance = linker.instantiate(&mut store, &module)?;
    let catch = instance.get_func(&mut store, "catch").unwrap();
    let mut results = [const { Val::I32(0) }; 4];
    catch.call(&mut store, &[Val::I32(-5), Val::from(1.5)], &mut results)?;
    assert_eq!((results[0].i32(), results[1].f64()), (Some(-5), Some(1.5)));
    let exception = results[3].exn_ref().flatten().expect("an exception");
    assert_eq!(exception.tag(&store), tag);
    assert_eq!(exception.fields(&store)[0].i32(), Some(-5));
    // Thrown again, and caught by nobody.
    let throw = instance.get_func(&mut store, "throw").unwrap();
    let error = throw.call(&mut store, &[results[3]], &mut []).unwrap_err();
    assert_eq!(error.downcast_ref::<ThrownException>().unwrap().fields()[1].f64(), Some(1.5));
    // A trap is no exception.
    let error = throw.call(&mut store, &[Val::ExnRef(None)], &mut []).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::NullReference));
    let catch_all = instance.get_func(&mut store, "catch_all").unwrap();
    let error = catch_all.call(&mut store, &[Val::ExnRef(None)], &mut [Val::I32(0)]).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::NullReference));
    // One that the host has made.
    let fields = [Val::I32(1), Val::from(2.0), Val::ExternRef(None)];
    let made = ExnRef::new(&mut store, tag, &fields)?;
    let mut results = [Val::I32(0)];
    catch_all.call(&mut store, &[Val::ExnRef(Some(made))], &mut results)?;
    assert_eq!(results[0].i32(), Some(1));
    assert!(ExnRef::new(&mut store, tag, &[Val::I32(1)]).is_err());
    let mut other = Store::new(&engine, ());
    assert!(ExnRef::new(&mut other, tag, &fields).is_err());
    Ok(())
}

#[test]
fn a_million_throws_leave_nothing_behind() -> Result<()> {
    for engine in engines() {
        let text = r#"(module (tag $e (param i64 i64)) (tag $f)
            (func $throw (param i64) (throw $e (local.get 0) (i64.const 1)))
            (func $between (param i64) (block $h (try_table (catch $f $h) (call $throw (local.get 0)))))
            (func (export "run") (param $n i64) (result i64) (local $sum i64)
                (loop $again
                    (block $h (result i64 i64)
                        (try_table (catch $e $h) (call $between (local.get $n)))
                        unreachable)
                    (local.set $sum (i64.add (local.get $sum)))
                    (local.set $sum (i64.add (local.get $sum)))
                    (br_if $again (i64.ne (i64.const 0) (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
                (local.get $sum)))"#;
        let n = 3_000_000;
        assert_eq!(run::<i64>(&engine, text, n)?, n * (n + 1) / 2 + n);
    }
    Ok(())
}

/// References that nobody has any more are collected; those on the stack, in variables and in frames further out are not.
#[test]
fn references_are_collected_when_they_are_many() -> Result<()> {
    for engine in engines() {
        let text = r#"(module (tag $e (param i64))
            (func $throw (param i64) (throw $e (local.get 0)))
            ;; Keeps its exception, over `n` others, and throws it again.
            (func $keep (param $depth i64) (param $n i64) (local $exn exnref) (local $x i64)
                (block $h (result exnref)
                    (try_table (catch_all_ref $h)
                        (if (i64.eqz (local.get $depth))
                            (then (call $throw (i64.const 77)))
                            (else (call $keep (i64.sub (local.get $depth) (i64.const 1)) (local.get $n)))))
                    unreachable)
                (local.set $exn)
                (loop $again
                    (block $c (result exnref)
                        (try_table (catch_all_ref $c) (call $throw (local.get $x)))
                        unreachable)
                    drop
                    (br_if $again (i64.lt_u (local.tee $x (i64.add (local.get $x) (i64.const 1))) (local.get $n))))
                (throw_ref (local.get $exn)))
            (func (export "run") (param $n i64) (result i64)
                (block $h (result i64)
                    (try_table (catch $e $h) (call $keep (i64.const 5) (local.get $n)))
                    unreachable)))"#;
        assert_eq!(run::<i64>(&engine, text, 500_000)?, 77);
        // Where a global might hold them, there is an end.
        let global = text.replacen("(module", "(module (global (mut exnref) (ref.null exn))", 1);
        let error = run::<i64>(&engine, &global, 500_000).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::TooManyExceptions));
    }
    Ok(())
}

/// A module of which nothing says that exceptions leave its stack, and what it hands to the host all the same. `churn` throws so many
/// others that they are collected.
const HANDS_OUT: &str = r#"(module
    (type $take (func (param exnref)))
    (table (export "table") 1 funcref)
    (tag $kept (export "kept") (param i64)) (tag $other (export "other") (param i64))
    (func $make (param i64) (result exnref)
        (block $b (result exnref) (try_table (catch_all_ref $b) (throw $kept (local.get 0))) unreachable))
    (func (export "result") (param i64) (result exnref) (call $make (local.get 0)))
    (func (export "argument") (param i64) (call_indirect (type $take) (call $make (local.get 0)) (i32.const 0)))
    (func (export "again") (param exnref) (throw_ref (local.get 0)))
    (func (export "churn") (param i32)
        (loop $l
            (block $b (result exnref) (try_table (catch_all_ref $b) (throw $other (i64.const -1))) unreachable)
            drop
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

/// A function that keeps its argument.
fn take(store: &mut Store<Vec<ExnRef>>) -> Func {
    let ty = FuncType::new([ValType::EXNREF], []);
    Func::new(store, ty, |mut caller: Caller<'_, Vec<ExnRef>>, params, _| {
        caller.data_mut().extend(params[0].unwrap_exn_ref());
        Ok(())
    })
}

/// However the host gets at an exception, it keeps it.
#[test]
fn what_the_host_holds_stays_what_it_is() -> Result<()> {
    for engine in engines() {
        let mut store = Store::new(&engine, Vec::new());
        let instance = Instance::new(&mut store, &Module::new(&engine, HANDS_OUT)?, &[])?;
        let kept = instance.get_tag(&mut store, "kept").expect("a tag");
        let take = take(&mut store);
        instance.get_table(&mut store, "table").expect("a table").set(&mut store, 0, take.into())?;
        let churn = instance.get_typed_func::<i32, ()>(&mut store, "churn")?;
        let [result, argument, again] =
            ["result", "argument", "again"].map(|name| instance.get_func(&mut store, name).expect("a function"));
        for round in 0..20 {
            argument.call(&mut store, &[Val::I64(2 * round)], &mut [])?;
            let mut results = [Val::I32(0)];
            result.call(&mut store, &[Val::I64(2 * round + 1)], &mut results)?;
            store.data_mut().extend(results[0].unwrap_exn_ref());
            // So that collections find them at every age.
            churn.call(&mut store, 300 + 170 * round as i32)?;
        }
        let held = store.data().clone();
        assert_eq!(held.len(), 40);
        for (number, exception) in (0..).zip(held) {
            assert_eq!((exception.tag(&store), exception.fields(&store)[0].i64()), (kept, Some(number)));
            let error = again.call(&mut store, &[Val::ExnRef(Some(exception))], &mut []).unwrap_err();
            let thrown = error.downcast_ref::<ThrownException>().expect("an exception");
            assert_eq!((thrown.tag(), thrown.fields()[0].i64()), (kept, Some(number)));
        }
        // They do not keep the others: these come to more than a store may have.
        churn.call(&mut store, 1_500_000)?;
    }
    Ok(())
}

/// Not even the types of what a module exports say that the host gets at its exceptions: it is called through a table.
#[test]
fn what_an_indirect_call_hands_out_stays_what_it_is() -> Result<()> {
    let text: String =
        HANDS_OUT.lines().filter(|line| !["\"result\"", "\"again\""].iter().any(|name| line.contains(name))).collect();
    for engine in engines() {
        let mut store = Store::new(&engine, Vec::new());
        let instance = Instance::new(&mut store, &Module::new(&engine, &text)?, &[])?;
        let kept = instance.get_tag(&mut store, "kept").expect("a tag");
        let take = take(&mut store);
        instance.get_table(&mut store, "table").expect("a table").set(&mut store, 0, take.into())?;
        let churn = instance.get_typed_func::<i32, ()>(&mut store, "churn")?;
        let argument = instance.get_typed_func::<i64, ()>(&mut store, "argument")?;
        for number in 0..20 {
            argument.call(&mut store, number)?;
            churn.call(&mut store, 300 + 170 * number as i32)?;
        }
        for (number, exception) in (0..).zip(store.data().clone()) {
            assert_eq!((exception.tag(&store), exception.fields(&store)[0].i64()), (kept, Some(number)));
        }
    }
    Ok(())
}

/// An exception that the host has made is held, too, and so is what one carries that nobody caught.
#[test]
fn an_exception_in_an_exception_stays_what_it_is() -> Result<()> {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let churner = Instance::new(&mut store, &Module::new(&engine, HANDS_OUT)?, &[])?;
        let churn = churner.get_typed_func::<i32, ()>(&mut store, "churn")?;
        let number = churner.get_tag(&mut store, "kept").expect("a tag");
        let nested = Tag::new(&mut store, &TagType::new(FuncType::new([ValType::EXNREF], [])));
        let inner = ExnRef::new(&mut store, number, &[Val::I64(7)])?;
        churn.call(&mut store, 5000)?;
        let thrower = Func::wrap(&mut store, move |caller: Caller<'_, ()>| -> Result<()> {
            Err(Error::new(ThrownException::new(&caller, nested, &[Val::ExnRef(Some(inner))])?))
        });
        let module = Module::new(&engine, r#"(module (import "" "" (func $f)) (func (export "run") (call $f)))"#)?;
        let instance = Instance::new(&mut store, &module, &[thrower.into()])?;
        let error = instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ()).unwrap_err();
        let fields = error.downcast_ref::<ThrownException>().expect("an exception").fields();
        churn.call(&mut store, 5000)?;
        let found = fields[0].unwrap_exn_ref().expect("an exception");
        assert_eq!((found, found.fields(&store)[0].i64()), (inner, Some(7)));
    }
    Ok(())
}
