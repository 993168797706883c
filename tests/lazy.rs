//! Functions that are compiled when they are first called: which, when, by how many threads at once, and what goes on around it.
//! That they do the same as others the suites show, which run in this mode, too.
#![allow(missing_docs)]
#![allow(unsafe_code, reason = "takes the process its memory away")]

use planish::{Caller, Config, Engine, Error, Instance, Linker, Module, Store, Trap, WasmFeature};
use std::sync::{Arc, Barrier};

fn engine(lazy: bool) -> Engine {
    Engine::new(Config::new().lazy_compilation(lazy)).unwrap()
}

/// The functions that are compiled, in the order in which they were.
fn compiled(module: &Module) -> Vec<u32> {
    module.compiled_functions().map(|function| function.index()).collect()
}

fn instance(engine: &Engine, text: &str) -> (Store<()>, Module, Instance) {
    let module = Module::new(engine, text).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, module, instance)
}

#[test]
fn functions_are_compiled_when_they_are_called() -> Result<(), Error> {
    let text = r#"(module
        (type $t (func (result i32)))
        (table funcref (elem $two $three))
        (global $start (mut i32) (i32.const 0))
        (func $begin (global.set $start (i32.const 100)))
        (func $one (result i32) (i32.const 1))
        (func $two (result i32) (i32.const 2))
        (func $three (result i32) (return_call $one))
        (func (export "sum") (param i32) (result i32)
            (i32.add (global.get $start) (call_indirect (type $t) (local.get 0))))
        (start $begin))"#;
    let engine = engine(true);
    let module = Module::new(&engine, text)?;
    assert_eq!(compiled(&module), []);
    assert!(module.text().is_empty());
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    assert_eq!(compiled(&module), [0]);
    let sum = instance.get_typed_func::<i32, i32>(&mut store, "sum")?;
    assert_eq!(compiled(&module), [0]);
    assert_eq!(sum.call(&mut store, 0)?, 102);
    assert_eq!(compiled(&module), [0, 4, 2]);
    assert_eq!(sum.call(&mut store, 1)?, 101);
    assert_eq!(compiled(&module), [0, 4, 2, 3, 1]);
    // Another instance has the code, and so has a clone of the module.
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module.clone(), &[])?;
    assert_eq!(instance.get_typed_func::<i32, i32>(&mut store, "sum")?.call(&mut store, 1)?, 101);
    assert_eq!(compiled(&module), [0, 4, 2, 3, 1]);
    Ok(())
}

#[test]
fn what_is_invalid_is_refused_at_once() {
    // More than what one thread validates alone.
    let line = "(drop (i32.const 100000))".repeat(200);
    let functions = |last: &str| format!("(module {} {last} (func i64.const 0))", format!("(func {line})").repeat(500));
    let mistakes = [
        "(func drop)",
        "(func (result i32))",
        "(func i32.const 0)",
        "(func (drop (i32.add (i32.const 0) (i64.const 1))))",
    ];
    for parallel in [false, true] {
        let mut config = Config::new();
        let [eager, lazy] = [false, true]
            .map(|lazy| Engine::new(config.parallel_compilation(parallel).lazy_compilation(lazy)).unwrap());
        for mistake in mistakes {
            for text in [format!("(module (func) {mistake} (func drop))"), functions(mistake)] {
                let bytes = wat::parse_str(&text).unwrap();
                let expected = Module::new(&eager, &bytes).unwrap_err();
                let found = Module::new(&lazy, &bytes).unwrap_err();
                assert_eq!(found.to_string(), expected.to_string());
                assert!(found.offset().is_some() && found.offset() == expected.offset());
            }
        }
        assert!(Module::new(&lazy, functions("").replace("i64.const 0", "")).is_ok());
    }
}

/// Values of all kinds in all places that arguments have, some of them on the stack.
#[test]
fn arguments_arrive_at_the_first_call() -> Result<(), Error> {
    let types = ["i32", "i64", "f32", "f64", "v128"].map(|ty| format!("{ty} ").repeat(11)).concat();
    let mut sum = String::from("(i64.const 0)");
    for local in 0..55 {
        let get = format!("(local.get {local})");
        let bits = match local / 11 {
            0 => format!("(i64.extend_i32_u {get})"),
            1 => get,
            2 => format!("(i64.extend_i32_u (i32.reinterpret_f32 {get}))"),
            3 => format!("(i64.reinterpret_f64 {get})"),
            _ => {
                format!("(i64.xor (i64x2.extract_lane 0 {get}) (i64.rotl (i64x2.extract_lane 1 {get}) (i64.const 7)))")
            }
        };
        sum = format!("(i64.add (i64.mul {sum} (i64.const 31)) {bits})");
    }
    let mut arguments = String::new();
    for n in 1..=11 {
        arguments += &format!("(i32.const -{n})");
    }
    for n in 1..=11 {
        arguments += &format!("(i64.const -{n}00000000000)");
    }
    for n in 1..=11 {
        arguments += &format!("(f32.const {n}.5)");
    }
    for n in 1..=11 {
        arguments += &format!("(f64.const {n}.25)");
    }
    for n in 1..=11 {
        arguments += &format!("(v128.const i64x2 {n} -{n}7)");
    }
    // Twenty variables live across the call.
    let locals = "(local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64)";
    let set =
        (0..10).fold(String::new(), |text, n| text + &format!("(local.set {n} (i64.load (i32.const {})))", 8 * n));
    let set = (10..20).fold(set, |text, n| text + &format!("(local.set {n} (f64.load (i32.const {})))", 8 * n));
    let keep = (0..10).fold(String::from("(local.get 0)"), |text, n| {
        format!("(i64.add {text} (i64.rotl (local.get {n}) (i64.const {n})))")
    });
    let keep = (10..20).fold(keep, |text, n| {
        format!("(i64.xor {text} (i64.reinterpret_f64 (f64.mul (local.get {n}) (f64.const {n}))))")
    });
    let data: String = (1..160).map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!(
        r#"(module (memory 1) (data (i32.const 0) "{data}")
            (func $f (param {types}) (result i64) {sum})
            (func (export "call") (result i64) {locals} {set} (i64.xor (call $f {arguments}) {keep}))
            (func (export "tail") (result i64) (return_call $f {arguments}))
            (func (export "indirect") (result i64) {locals} {set}
                (i64.xor (call_ref $t {arguments} (ref.func $f)) {keep}))
            (type $t (func (param {types}) (result i64))) (elem declare func $f))"#
    );
    for export in ["call", "tail", "indirect"] {
        let results = [false, true].map(|lazy| {
            let (mut store, _, instance) = instance(&engine(lazy), &text);
            let run = instance.get_typed_func::<(), i64>(&mut store, export).unwrap();
            [(); 2].map(|()| run.call(&mut store, ()).unwrap())
        });
        assert_eq!(results[1], [results[0][0]; 2], "{export}");
    }
    Ok(())
}

/// Calls from wasm to the host and back, each of them the first of its function.
#[test]
fn first_calls_nest() -> Result<(), Error> {
    let mut functions = String::new();
    for n in 0..20 {
        functions += &format!(
            r#"(func (export "f{n}") (param i32) (result i32)
                (i32.add (i32.const {n}) (i32.mul (local.get 0) (call $again (i32.const {n})))))"#
        );
    }
    let text = format!("(module (import \"host\" \"again\" (func $again (param i32) (result i32))) {functions})");
    let engine = engine(true);
    let mut linker: Linker<()> = Linker::new(&engine);
    linker.func_wrap("host", "again", |mut caller: Caller<'_, ()>, n: i32| match n {
        19 => Ok(1),
        _ => {
            let next = caller.get_export(&format!("f{}", n + 1)).unwrap().into_func().unwrap();
            next.typed::<i32, i32>(&mut caller)?.call(&mut caller, n)
        }
    })?;
    let module = Module::new(&engine, &text)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<i32, i32>(&mut store, "f0")?;
    let expected =
        (0..20i32).rev().fold(1, |inner, n| n.wrapping_add(if n == 0 { 1 } else { n - 1 }.wrapping_mul(inner)));
    for _ in 0..2 {
        assert_eq!(run.call(&mut store, 1)?, expected);
    }
    assert_eq!(compiled(&module), (1..=20).collect::<Vec<_>>());
    Ok(())
}

/// Nothing of the wasm stack is used to compile: the end of the stack is where it is otherwise, whatever is called first there.
#[test]
fn the_stack_is_as_deep() {
    let mut functions = String::new();
    for n in 0..40 {
        functions += &format!(
            "(func $g{n} (param i32) (global.set $depth (i32.add (global.get $depth) (i32.const 1))) (call $g{} (local.get 0)))",
            (n * 7 + 1) % 40
        );
    }
    for recurse in ["(call $f)", "(call $g0 (i32.const 0))"] {
        let text = format!(
            r#"(module (global $depth (export "depth") (mut i32) (i32.const 0)) {functions}
                (func $f (export "f") (global.set $depth (i32.add (global.get $depth) (i32.const 1))) {recurse}))"#
        );
        for signals in [true, false] {
            let depths = [false, true].map(|lazy| {
                let mut config = Config::new();
                let engine = Engine::new(config.signals_based_traps(signals).lazy_compilation(lazy)).unwrap();
                let (mut store, _, instance) = instance(&engine, &text);
                let run = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
                let error = run.call(&mut store, ()).unwrap_err();
                assert_eq!(error.trap(), Some(Trap::StackOverflow));
                let frames = error.backtrace().unwrap().frames().iter().map(|frame| frame.func_index());
                (instance.get_global(&mut store, "depth").unwrap().get(&store).i32(), frames.collect::<Vec<_>>())
            });
            assert_eq!(depths[0], depths[1]);
        }
    }
}

/// Backtraces name functions and places, also where frames are of several modules.
#[test]
fn backtraces_are_the_same() -> Result<(), Error> {
    let inner = r#"(module
        (func (export "nothing")) (func $div (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
        (func (export "div") (param i32) (result i32) nop (call $div (local.get 0))))"#;
    let outer = r#"(module (import "inner" "div" (func $div (param i32) (result i32)))
        (func $unused) (func $middle (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i32) (result i32) (call $div (local.get 9)))
        (func (export "run") (result i32)
            (call $middle (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)
                (i64.const 0) (i64.const 0) (i32.const 0))))"#;
    let traces = [false, true].map(|lazy| {
        let engine = engine(lazy);
        let mut linker = Linker::new(&engine);
        let mut store = Store::new(&engine, ());
        let inner = linker.instantiate(&mut store, &Module::new(&engine, inner).unwrap()).unwrap();
        linker.instance(&mut store, "inner", inner).unwrap();
        let outer = linker.instantiate(&mut store, &Module::new(&engine, outer).unwrap()).unwrap();
        let run = outer.get_typed_func::<(), i32>(&mut store, "run").unwrap();
        [(); 2].map(|()| {
            let error = run.call(&mut store, ()).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::IntegerDivisionByZero));
            let frames = error.backtrace().unwrap().frames().iter();
            frames.map(|frame| (frame.func_index(), frame.module_offset())).collect::<Vec<_>>()
        })
    });
    assert_eq!(traces[0][0].iter().map(|frame| frame.0).collect::<Vec<_>>(), [1, 2, 2, 3]);
    assert!(traces.as_flattened().iter().all(|trace| *trace == traces[0][0]));
    Ok(())
}

/// Many threads call the same new functions at the same time: these trap, throw and call each other.
#[test]
fn threads_compile_at_the_same_time() {
    const FUNCTIONS: i32 = 60;
    const THREADS: usize = 6;
    let mut functions = String::new();
    for n in 0..FUNCTIONS {
        let next = (n + 1) % FUNCTIONS;
        functions += &format!(
            r#"(func $f{n} (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (throw $t (i32.const {n}))))
                (i32.add (i32.const {n}) (block (result i32)
                    (try_table (result i32) (catch $t 0) (call $f{next} (i32.sub (local.get 0) (i32.const 1)))))))
            (func (export "t{n}") (result i32) (i32.load (i32.add (i32.const 65536) (call $f{n} (i32.const 3)))))
            (func (export "f{n}") (param i32) (result i32) (call $f{n} (local.get 0)))"#
        );
    }
    let text = format!("(module (memory 1) (tag $t (param i32)) {functions})");
    let bytes = wat::parse_str(&text).unwrap();
    let mut config = Config::new();
    for signals in [true, false] {
        let engine = Engine::new(config.signals_based_traps(signals).lazy_compilation(true)).unwrap();
        for round in 0..40 {
            let module = Module::new(&engine, &bytes).unwrap();
            let barrier = Arc::new(Barrier::new(THREADS));
            std::thread::scope(|scope| {
                for thread in 0..THREADS as i32 {
                    let (module, barrier) = (&module, barrier.clone());
                    scope.spawn(move || {
                        let mut store = Store::new(module.engine(), ());
                        let instance = Instance::new(&mut store, module, &[]).unwrap();
                        barrier.wait();
                        for step in 0..FUNCTIONS {
                            // Some begin at the same place, some elsewhere.
                            let n = (step + (thread % 3) * round) % FUNCTIONS;
                            let run = instance.get_typed_func::<i32, i32>(&mut store, &format!("f{n}")).unwrap();
                            let sum = (0..=5).map(|more| (n + more) % FUNCTIONS).sum::<i32>();
                            assert_eq!(run.call(&mut store, 5).unwrap(), sum);
                            let trap = instance.get_typed_func::<(), i32>(&mut store, &format!("t{n}")).unwrap();
                            let error = trap.call(&mut store, ()).unwrap_err();
                            assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
                            assert_eq!(error.backtrace().unwrap().frames()[0].func_index() as i32, 3 * n + 1);
                        }
                    });
                }
            });
            let mut functions = compiled(&module);
            functions.sort_unstable();
            assert_eq!(functions, (0..3 * FUNCTIONS as u32).collect::<Vec<_>>());
        }
    }
}

/// Modules come and go while others run: addresses, memory and what handlers know go with them.
#[test]
fn modules_go_away() {
    let text = r#"(module (memory 1) (func $g (param i32) (result i32) (i32.load (local.get 0)))
        (func (export "f") (param i32) (result i32) (call $g (local.get 0))))"#;
    let bytes = wat::parse_str(text).unwrap();
    let engine = engine(true);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..1500 {
                    let module = Module::new(&engine, &bytes).unwrap();
                    let mut store = Store::new(&engine, ());
                    let instance = Instance::new(&mut store, &module, &[]).unwrap();
                    drop(module);
                    let run = instance.get_typed_func::<i32, i32>(&mut store, "f").unwrap();
                    assert_eq!(run.call(&mut store, 0).unwrap(), 0);
                    assert_eq!(run.call(&mut store, -1).unwrap_err().trap(), Some(Trap::MemoryOutOfBounds));
                }
            });
        }
    });
}

/// No memory for code is an error of the call, which wasm code cannot catch, and from which the process goes on.
#[test]
fn no_memory_for_code_is_an_error() {
    const CHILD: &str = "PLANISH_TEST_WITHOUT_MEMORY";
    if std::env::var_os(CHILD).is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let child = child.args(["--exact", "no_memory_for_code_is_an_error", "--nocapture"]).env(CHILD, "");
        let output = child.output().unwrap();
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        return;
    }
    let mut config = Config::new();
    config.lazy_compilation(true).wasm_feature(WasmFeature::LegacyExceptions, true);
    let engine = Engine::new(&config).unwrap();
    let line = "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))".repeat(30);
    let functions = (0..2000).fold(String::new(), |text, n| {
        text + &format!("(func (export \"f{n}\") (param i64 i64 i64 i64 i64 i64 i64 i64 i64) {line})")
    });
    let arguments = "(i64.const 0)".repeat(9);
    let catches = (0..2000).fold(String::new(), |text, n| {
        text + &format!(
            "(func $c{n} (param i32) (result i32) (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
                (block (try_table (catch_all 0) (call {n} {arguments}) (return (i32.const 1)))) (i32.const 2))"
        )
    });
    let callers = (0..2000).fold(String::new(), |text, n| {
        text + &format!(
            "(func (export \"c{n}\") (param i32) (result i32) (i32.mul (call $c{n} (local.get 0)) (i32.const 1)))"
        )
    });
    let text = format!("(module (memory 1) {functions} {catches} {callers})");
    let (mut store, module, instance) = instance(&engine, &text);
    let caught = |n: usize, really: i32, store: &mut Store<()>| {
        instance.get_typed_func::<i32, i32>(&mut *store, &format!("c{n}")).unwrap().call(store, really)
    };
    assert_eq!(caught(0, 1, &mut store).unwrap(), 1);
    (0..2000).for_each(|n| assert_eq!(caught(n, 0, &mut store).unwrap(), 0));
    // There is enough for everything but code.
    let mut blocks: Vec<Vec<u8>> = (0..20_000).map(|_| vec![1; 1000]).collect();
    blocks.drain(..19_999);
    set_data_limit(Some(1));
    let failed = (1..2000).find_map(|n| caught(n, 1, &mut store).err().map(|error| (n, error)));
    set_data_limit(None);
    let (n, error) = failed.expect("no memory for 2,000 functions");
    assert!(error.trap().is_none(), "{error:?}");
    assert_eq!(error.downcast_ref::<std::io::Error>().unwrap().kind(), std::io::ErrorKind::OutOfMemory);
    let before = compiled(&module).len();
    let frames: Vec<_> = error.backtrace().unwrap().frames().iter().map(|frame| frame.func_index() as usize).collect();
    assert_eq!(frames, [2000 + n, 4000 + n]);
    // With memory it goes on.
    assert_eq!(caught(n, 1, &mut store).unwrap(), 1);
    assert_eq!(caught(1999, 1, &mut store).unwrap(), 1);
    assert!(compiled(&module).len() > before);
    drop(blocks);
}

/// Limits the private memory that the process may ask for.
fn set_data_limit(bytes: Option<u64>) {
    let limit = libc::rlimit { rlim_cur: bytes.unwrap_or(libc::RLIM_INFINITY), rlim_max: libc::RLIM_INFINITY };
    // SAFETY: reads the limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_DATA, &limit) }, 0);
}
