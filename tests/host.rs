//! Host functions: what they see, what they return, and how their errors and panics travel.
#![allow(missing_docs)]

use planish::{
    Caller, Engine, Error, ExternRef, Func, FuncType, Instance, Linker, Module, Result, Store, Trap, Val, ValType,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn instance<T: 'static>(store: &mut Store<T>, linker: &Linker<T>, text: &str) -> Instance {
    let module = Module::new(store.engine(), text).unwrap();
    linker.instantiate(store, &module).unwrap()
}

#[test]
fn every_type_goes_through_and_back() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "f", |a: i32, b: u32, c: i64, d: u64, e: f32, f: f64| (f, e, d, c, b, a))?;
    let instance = instance(
        &mut store,
        &linker,
        r#"(module
            (import "h" "f" (func $f (param i32 i32 i64 i64 f32 f64) (result f64 f32 i64 i64 i32 i32)))
            (func (export "f") (param i32 i32 i64 i64 f32 f64) (result f64 f32 i64 i64 i32 i32)
                (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5))))"#,
    );
    type In = (i32, u32, i64, u64, f32, f64);
    type Out = (f64, f32, u64, i64, u32, i32);
    let f = instance.get_typed_func::<In, Out>(&mut store, "f")?;
    let results = f.call(&mut store, (-1, u32::MAX, i64::MIN, u64::MAX, 1.5, -2.25))?;
    assert_eq!(results, (-2.25, 1.5, u64::MAX, i64::MIN, u32::MAX, -1));
    Ok(())
}

#[test]
fn sixteen_parameters_in_any_mixture() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    #[rustfmt::skip]
    linker.func_wrap("h", "f", |
        a: i32, b: f64, c: i32, d: f64, e: i32, f: f64, g: i32, h: f64,
        i: i32, j: f64, k: i32, l: f64, m: i32, n: f64, o: i64, p: f32,
    | {
        f64::from(a + 2 * c + 3 * e + 4 * g + 5 * i + 6 * k + 7 * m) + o as f64
            + 100.0 * (b + 2.0 * d + 3.0 * f + 4.0 * h + 5.0 * j + 6.0 * l + 7.0 * n + 8.0 * f64::from(p))
    })?;
    let instance = instance(
        &mut store,
        &linker,
        r#"(module
            (import "h" "f" (func $f
                (param i32 f64 i32 f64 i32 f64 i32 f64 i32 f64 i32 f64 i32 f64 i64 f32) (result f64)))
            (func (export "f") (result f64)
                (call $f (i32.const 1) (f64.const 2) (i32.const 3) (f64.const 4) (i32.const 5) (f64.const 6)
                    (i32.const 7) (f64.const 8) (i32.const 9) (f64.const 10) (i32.const 11) (f64.const 12)
                    (i32.const 13) (f64.const 14) (i64.const 1000000) (f32.const 16))))"#,
    );
    let ints: i32 = (1..=7).map(|n| n * (2 * n - 1)).sum();
    let floats: i32 = (1..=8).map(|n| n * 2 * n).sum();
    let expected = f64::from(ints) + 1e6 + 100.0 * f64::from(floats);
    assert_eq!(instance.get_typed_func::<(), f64>(&mut store, "f")?.call(&mut store, ())?, expected);
    Ok(())
}

#[test]
fn dynamic_functions_get_and_give_values() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, 0usize);
    let mut linker = Linker::new(&engine);
    let ty = FuncType::new([ValType::I64, ValType::F32], [ValType::F32, ValType::I64, ValType::EXTERNREF]);
    linker.func_new("h", "swap", ty, |mut caller: Caller<'_, usize>, params, results| {
        *caller.data_mut() += 1;
        results[0] = params[1];
        results[1] = params[0];
        Ok(())
    })?;
    let instance = instance(
        &mut store,
        &linker,
        r#"(module (import "h" "swap" (func $swap (param i64 f32) (result f32 i64 externref)))
            (export "swap" (func $swap))
            (func (export "call") (param i64 f32) (result f32 i64 externref)
                (call $swap (local.get 0) (local.get 1))))"#,
    );
    for name in ["swap", "call"] {
        let swap = instance.get_func(&mut store, name).unwrap();
        let mut results = [Val::I32(0), Val::I32(0), Val::I32(0)];
        swap.call(&mut store, &[Val::I64(9), Val::from(0.5f32)], &mut results)?;
        assert_eq!((results[0].f32(), results[1].i64()), (Some(0.5), Some(9)));
        assert!(matches!(results[2], Val::ExternRef(None)));
    }
    assert_eq!(store.into_data(), 2);
    Ok(())
}

/// Lists of values of every length around those that need no allocation, in calls within calls.
#[test]
fn dynamic_functions_have_any_number_of_values() -> Result<()> {
    let mut store = Store::new(&Engine::default(), 0usize);
    for count in (0..20).chain([100, 1000]) {
        let ty = FuncType::new(vec![ValType::I64; count], vec![ValType::I64; count]);
        let func = |mut caller: Caller<'_, usize>, params: &[Val], results: &mut [Val]| {
            assert!(results.iter().all(|result| result.i64() == Some(0)));
            *caller.data_mut() += 1;
            results.copy_from_slice(params);
            results.reverse();
            Ok(())
        };
        let inner = Func::new(&mut store, ty.clone(), func);
        let outer = Func::new(&mut store, ty, move |mut caller, params, results| {
            inner.call(&mut caller, params, results)?;
            let reversed = results.to_vec();
            inner.call(&mut caller, &reversed, results)
        });
        let params: Vec<Val> = (0..count as i64).map(Val::I64).collect();
        let mut results = vec![Val::I32(0); count];
        outer.call(&mut store, &params, &mut results)?;
        assert!(results.iter().zip(&params).all(|(result, param)| result.i64() == param.i64()), "{count}");
    }
    assert_eq!(store.into_data(), 2 * 22);
    Ok(())
}

#[test]
fn a_dynamic_function_that_returns_a_wrong_type_is_an_error() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let func = Func::new(&mut store, FuncType::new([], [ValType::I32]), |_, _, results| {
        results[0] = Val::I64(1);
        Ok(())
    });
    let error = func.typed::<(), i32>(&store)?.call(&mut store, ()).unwrap_err();
    assert_eq!(error.to_string(), "a host function returned i64 instead of i32");
    Ok(())
}

#[test]
fn the_caller_is_the_instance_that_called() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, Vec::<u8>::new());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "note", |mut caller: Caller<'_, Vec<u8>>| {
        let memory = caller.get_export("memory").and_then(|item| item.into_memory()).ok_or("no memory")?;
        let (bytes, noted) = memory.data_and_store_mut(&mut caller);
        noted.push(bytes[0]);
        bytes[0] += 10;
        Ok::<(), Error>(())
    })?;
    let text = |byte: u8| {
        format!(
            r#"(module (import "h" "note" (func $note)) (memory (export "memory") 1) (data (i32.const 0) "\{byte:02x}")
                (func (export "run") (call $note)))"#
        )
    };
    let first = instance(&mut store, &linker, &text(1));
    let second = instance(&mut store, &linker, &text(2));
    for instance in [first, second, first] {
        instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
    }
    assert_eq!(store.data(), &[1, 2, 11]);
    // The host as caller has no exports.
    let note = linker.get(&mut store, "h", "note").unwrap().into_func().unwrap();
    let error = note.typed::<(), ()>(&store)?.call(&mut store, ()).unwrap_err();
    assert_eq!(error.to_string(), "no memory");
    Ok(())
}

#[test]
fn calls_nest_through_the_host() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, 0u32);
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "again", |mut caller: Caller<'_, u32>, n: i32| -> Result<i32> {
        *caller.data_mut() += 1;
        let run = caller.get_export("run").and_then(|item| item.into_func()).ok_or("no run")?;
        run.typed::<i32, i32>(&caller)?.call(&mut caller, n)
    })?;
    // run(n) = n == 0 ? 0 : n + again(n - 1); the locals live over the call.
    let instance = instance(
        &mut store,
        &linker,
        r#"(module (import "h" "again" (func $again (param i32) (result i32)))
            (func (export "run") (param i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0))
                    (then (i32.const 0))
                    (else (i32.add (call $again (i32.sub (local.get 0) (i32.const 1))) (local.get 0))))))"#,
    );
    let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, 100)?, 5050);
    assert_eq!(*store.data(), 100);
    Ok(())
}

#[derive(Debug)]
struct Custom(Arc<AtomicUsize>);

impl std::fmt::Display for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("custom")
    }
}

impl std::error::Error for Custom {}

impl Drop for Custom {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_error_arrives_as_it_was_with_the_frames_it_passed() -> Result<()> {
    let dropped = Arc::new(AtomicUsize::new(0));
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let count = dropped.clone();
    linker.func_wrap("h", "fail", move || -> Result<()> { Err(Error::new(Custom(count.clone()))) })?;
    let instance = instance(
        &mut store,
        &linker,
        r#"(module $m (import "h" "fail" (func $fail))
            (func $inner (call $fail)) (func $outer (export "run") (call $inner)))"#,
    );
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    assert!(error.is::<Custom>());
    let names: Vec<_> = error.backtrace().unwrap().frames().iter().map(|frame| frame.func_name().unwrap()).collect();
    assert_eq!(names, ["inner", "outer"]);
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    drop(error.downcast::<Custom>().unwrap());
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    // The store goes on.
    assert!(run.call(&mut store, ()).unwrap_err().is::<Custom>());
    Ok(())
}

#[test]
fn a_host_function_that_is_the_start_function_is_called_by_the_instance() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, 0);
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "start", |mut caller: Caller<'_, u64>| {
        let memory = caller.get_export("memory").and_then(|item| item.into_memory()).expect("exported");
        *caller.data_mut() = memory.size(&caller);
    })?;
    let text = r#"(module (import "h" "start" (func $start)) (memory (export "memory") 3) (start $start))"#;
    linker.instantiate(&mut store, &Module::new(&engine, text)?)?;
    assert_eq!(*store.data(), 3);
    Ok(())
}

#[test]
fn a_trap_inside_a_host_call_inside_wasm_keeps_its_kind() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "call", |mut caller: Caller<'_, ()>, name: i32| -> Result<()> {
        let name = ["divide", "load", "unreachable"][name as usize];
        let func = caller.get_export(name).and_then(|item| item.into_func()).unwrap();
        func.typed::<(), ()>(&caller)?.call(&mut caller, ())
    })?;
    let instance = instance(
        &mut store,
        &linker,
        r#"(module (import "h" "call" (func $call (param i32))) (memory 1) (global $zero (mut i32) (i32.const 0))
            (func (export "divide") (drop (i32.div_s (i32.const 1) (global.get $zero))))
            (func (export "load") (drop (i32.load (i32.const -1))))
            (func (export "unreachable") unreachable)
            (func (export "run") (param i32) (call $call (local.get 0))))"#,
    );
    let run = instance.get_typed_func::<i32, ()>(&mut store, "run")?;
    let traps = [Trap::IntegerDivisionByZero, Trap::MemoryOutOfBounds, Trap::UnreachableCodeReached];
    for (at, trap) in traps.into_iter().enumerate() {
        assert_eq!(run.call(&mut store, at as i32).unwrap_err().trap(), Some(trap));
    }
    Ok(())
}

#[test]
fn a_panic_goes_on_in_the_caller_and_nothing_is_lost() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, 0u32);
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "maybe", |mut caller: Caller<'_, u32>, panic: i32| {
        *caller.data_mut() += 1;
        assert!(panic == 0, "host says {panic}");
    })?;
    // Two doors deep: run -> nest -> inner -> maybe.
    linker.func_wrap("h", "nest", |mut caller: Caller<'_, u32>, panic: i32| -> Result<()> {
        let inner = caller.get_export("inner").and_then(|item| item.into_func()).unwrap();
        inner.typed::<i32, ()>(&caller)?.call(&mut caller, panic)
    })?;
    let instance = instance(
        &mut store,
        &linker,
        r#"(module (import "h" "maybe" (func $maybe (param i32))) (import "h" "nest" (func $nest (param i32)))
            (global $done (export "done") (mut i32) (i32.const 0))
            (func (export "inner") (param i32) (call $maybe (local.get 0)))
            (func (export "run") (param i32)
                (call $nest (local.get 0))
                (global.set $done (i32.add (global.get $done) (i32.const 1)))))"#,
    );
    let run = instance.get_typed_func::<i32, ()>(&mut store, "run")?;
    for round in 0..3 {
        let panic = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, 7))).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "host says 7");
        run.call(&mut store, 0)?;
        let done = instance.get_global(&mut store, "done").unwrap();
        assert_eq!(done.get(&store).i32(), Some(round + 1));
    }
    assert_eq!(*store.data(), 6);
    Ok(())
}

#[test]
fn recursion_through_the_host_ends_in_a_trap_on_any_thread() {
    fn recurse() {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("h", "again", |mut caller: Caller<'_, ()>| -> Result<()> {
                let run = caller.get_export("run").and_then(|item| item.into_func()).unwrap();
                run.typed::<(), ()>(&caller)?.call(&mut caller, ())
            })
            .unwrap();
        let text = r#"(module (import "h" "again" (func $again)) (func (export "run") (call $again)))"#;
        let instance = instance(&mut store, &linker, text);
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
        for _ in 0..3 {
            assert_eq!(run.call(&mut store, ()).unwrap_err().trap(), Some(Trap::StackOverflow));
        }
    }
    recurse();
    std::thread::Builder::new().stack_size(2 << 20).spawn(recurse).unwrap().join().unwrap();
}

#[test]
fn references_go_through_wasm_and_back() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "same", |object: Option<ExternRef>, func: Option<Func>| (func, object))?;
    let instance = instance(
        &mut store,
        &linker,
        r#"(module (import "h" "same" (func $same (param externref funcref) (result funcref externref)))
            (func $own (result i32) (i32.const 5)) (export "own" (func $own)) (export "own again" (func $own))
            (func (export "own ref") (result funcref) (ref.func $own))
            (func (export "same") (param externref funcref) (result funcref externref)
                (call $same (local.get 0) (local.get 1))))"#,
    );
    let same = instance
        .get_typed_func::<(Option<ExternRef>, Option<Func>), (Option<Func>, Option<ExternRef>)>(&mut store, "same")?;
    assert_eq!(same.call(&mut store, (None, None))?, (None, None));
    let object = ExternRef::new(&mut store, "object");
    let own = instance.get_func(&mut store, "own").unwrap();
    assert_eq!(same.call(&mut store, (Some(object), Some(own)))?, (Some(own), Some(object)));
    assert_eq!(instance.get_func(&mut store, "own again"), Some(own));
    let own_ref = instance.get_typed_func::<(), Option<Func>>(&mut store, "own ref")?;
    assert_eq!(own_ref.call(&mut store, ())?, Some(own));
    assert_eq!(own.typed::<(), i32>(&store)?.call(&mut store, ())?, 5);
    assert_eq!(object.data(&store)?.downcast_ref::<&str>(), Some(&"object"));
    Ok(())
}

#[test]
fn an_import_that_is_exported_again_is_the_same_function() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let f = Func::wrap(&mut store, || 3i32);
    let module = Module::new(&engine, r#"(module (import "" "" (func $f (result i32))) (export "f" (func $f)))"#)?;
    let first = Instance::new(&mut store, &module, &[f.into()])?.get_func(&mut store, "f").unwrap();
    let second = Instance::new(&mut store, &module, &[first.into()])?.get_func(&mut store, "f").unwrap();
    assert_eq!((first, second), (f, f));
    assert_eq!(second.typed::<(), i32>(&store)?.call(&mut store, ())?, 3);
    Ok(())
}

#[test]
fn a_linker_serves_many_stores_and_threads() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "add", |mut caller: Caller<'_, i64>, n: i64| *caller.data_mut() += n).unwrap();
    let text = r#"(module (import "h" "add" (func $add (param i64)))
        (func (export "run") (param i64) (call $add (local.get 0)) (call $add (local.get 0))))"#;
    let module = Module::new(&engine, text).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, linker, module) = (&engine, &linker, &module);
            scope.spawn(move || {
                for round in 0..50 {
                    let mut store = Store::new(engine, 0i64);
                    let instance = linker.instantiate(&mut store, module).unwrap();
                    let run = instance.get_typed_func::<i64, ()>(&mut store, "run").unwrap();
                    run.call(&mut store, thread * round).unwrap();
                    assert_eq!(store.into_data(), 2 * thread * round);
                }
            });
        }
    });
}
