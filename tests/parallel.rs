//! Modules compiled on several threads: the same code, the same errors, whatever the threads do.

use planish::{Config, Engine, Error, Instance, Module, Store, Trap};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// More than what one thread compiles alone: functions that call each other and can trap, every hundredth a long one.
fn module(last_lines: &str) -> String {
    let mut text = String::from("(module (memory 1)\n");
    for number in 0..3000 {
        let lines = "(i32.store offset=8 (local.get 0) (i32.mul (local.get 0) (i32.load (local.get 0))))"
            .repeat(if number % 100 == 99 { 1000 } else { 2 });
        let callee = (number * 7 + 1) % 3000;
        text += &format!(
            r#"(func (export "f{number}") (param i32) (result i32) {lines}
                (if (result i32) (i32.lt_s (local.get 0) (i32.const 8)) (then (i32.div_u (i32.const {number}) (local.get 0)))
                    (else (call {callee} (i32.sub (local.get 0) (i32.const 8))))))"#
        );
    }
    text + last_lines + ")"
}

fn engine(run: impl Fn(&(dyn Fn() + Sync)) + Send + Sync + 'static) -> Engine {
    Engine::new(Config::new().compilation_threads(run)).expect("an engine")
}

/// All ways to supply threads that a reasonable or an odd embedder might find.
fn engines() -> Vec<Engine> {
    vec![
        Engine::new(Config::new().parallel_compilation(true)).expect("an engine"),
        engine(|_| {}),
        engine(|work| (0..5).for_each(|_| work())),
        engine(|work| std::thread::scope(|scope| (0..2).for_each(|_| _ = scope.spawn(work)))),
        engine(|work| std::thread::scope(|scope| (0..9).for_each(|_| _ = scope.spawn(work)))),
    ]
}

fn alone() -> Engine {
    Engine::new(Config::new().parallel_compilation(false)).expect("an engine")
}

/// Where functions lie, and what stands in the position table.
fn positions(module: &Module) -> Vec<impl PartialEq + use<>> {
    let functions = module.compiled_functions();
    functions
        .map(|function| (function.code_offset(), function.wasm_offset(), function.sites().collect::<Vec<_>>()))
        .collect()
}

#[test]
fn code_is_the_same() -> Result<(), Error> {
    let text = module("");
    let expected = Module::new(&alone(), &text)?;
    for engine in engines() {
        let module = Module::new(&engine, &text)?;
        assert!(module.text() == expected.text());
        assert!(positions(&module) == positions(&expected));
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let f = instance.get_typed_func::<i32, i32>(&mut store, "f1234")?;
        // 7 * (7 * 1234 + 1) + 1, modulo 3000.
        assert_eq!(f.call(&mut store, 17)?, 474);
        let error = f.call(&mut store, 16).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::IntegerDivisionByZero));
        let frames: Vec<u32> =
            error.backtrace().expect("a trap").frames().iter().map(|frame| frame.func_index()).collect();
        assert_eq!(frames, [474, 2639, 1234]);
    }
    Ok(())
}

#[test]
fn the_first_error_is_reported() {
    // The second is in the longest function, which is begun first.
    let text =
        module(&format!("(func drop) (func i64.const 0 {} drop drop)", "(drop (i32.const 1000))".repeat(20_000)));
    let expected = Module::new(&alone(), &text).unwrap_err().to_string();
    for engine in engines() {
        assert_eq!(Module::new(&engine, &text).unwrap_err().to_string(), expected);
    }
}

#[test]
fn threads_are_not_asked_for_small_modules() -> Result<(), Error> {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let engine = engine(|work| {
        CALLS.fetch_add(1, Relaxed);
        work();
    });
    Module::new(&engine, "(module (func))")?;
    assert_eq!(CALLS.load(Relaxed), 0);
    Module::new(&engine, module(""))?;
    assert!((1..=2).contains(&CALLS.load(Relaxed)));
    Ok(())
}
