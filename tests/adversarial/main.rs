//! Modules made to hurt: each is compiled at three sizes, and neither time nor memory nor code may grow faster than
//! the module. Then extremes at run time, in processes with little memory.
#![allow(unsafe_code, reason = "counts allocations, reads a thread's clock, limits a process")]

mod budgets;
mod curves;
mod modules;

use modules::{
    BLOCK, BOMBS, BR_IF, Bomb, CALL, CONST, DROP, EMPTY, END, GET, TAG, TO_WIDE, TRY_TABLE, UNREACHABLE, WIDE,
    function, functions, times,
};
use planish::{
    Config, Engine, Error, FuncType, Instance, Linker, Module, Store, ThrownException, Trap, Val, ValType, WasmFeature,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;
use std::time::Duration;

// Compilation.

/// What a thread has allocated and not freed, and the most of that.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let allocated = ALLOCATED.get() + bytes;
    ALLOCATED.set(allocated);
    PEAK.set(PEAK.get().max(allocated));
}

// SAFETY: passes everything on.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// CPU time of this thread: others may be at work.
fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is writable.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(read, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    heap_bytes: usize,
    code_bytes: usize,
}

/// The least of a few attempts.
fn compile(engine: &Engine, bytes: &[u8], name: &str) -> (Result<Module, Error>, Cost) {
    let mut best: Option<(Result<Module, Error>, Cost)> = None;
    for _ in 0..3 {
        PEAK.set(ALLOCATED.get());
        let (before, start) = (ALLOCATED.get(), now());
        let module = Module::from_binary(engine, bytes);
        let time = now() - start;
        if let Err(error) = &module {
            assert!(error.offset().is_some(), "{name}: {error}");
            assert!(error.to_string().contains("too large to compile"), "{name}: {error}");
        }
        let code_bytes = module.as_ref().map_or(0, |module| module.text().len());
        let cost = Cost { time, heap_bytes: (PEAK.get() - before) as usize, code_bytes };
        if best.as_ref().is_none_or(|(_, least)| cost.time < least.time) {
            best = Some((module, cost));
        }
        // Long enough to be exact.
        if time > Duration::from_millis(200) {
            break;
        }
    }
    best.expect("tried")
}

/// Four times as much of something that is quadratic is sixteen times as much.
const BEND: usize = 10;

/// What is faster than the floor is too fast to measure.
fn time_bends(small: Cost, large: Cost) -> bool {
    let time = |cost: Cost| cost.time.as_micros() as usize;
    time(large) > BEND * time(small).max(500)
}

/// A bend that is the compiler's is there every time; one that is a busy machine's is not.
const ATTEMPTS: usize = 4;

fn check_curve(engine: &Engine, &(name, size, module): &Bomb) {
    let measure = || {
        [1, 2, 4].map(|factor| {
            let bytes = module(size * factor);
            let (compiled, cost) = compile(engine, &bytes, name);
            if factor == 1
                && let Ok(module) = &compiled
            {
                run_briefly(module, name);
            }
            (bytes.len(), compiled.is_ok(), cost)
        })
    };
    let mut costs = measure();
    for _ in 1..ATTEMPTS {
        if !time_bends(costs[0].2, costs[2].2) {
            break;
        }
        costs = measure();
    }
    for (module_bytes, compiled, cost) in costs {
        println!(
            "{:36}{:9} bytes {:10.2} ms {:10} KiB heap {:10} bytes of code{}",
            name,
            module_bytes,
            cost.time.as_secs_f64() * 1e3,
            cost.heap_bytes >> 10,
            cost.code_bytes,
            if compiled { "" } else { ", refused" }
        );
    }
    for (module_bytes, _, cost) in costs {
        assert!(cost.heap_bytes <= budgets::memory_limit(module_bytes), "{name}: memory out of proportion");
        assert!(cost.code_bytes <= budgets::code_limit(module_bytes), "{name}: code out of proportion");
    }
    let [(_, _, small), _, (_, _, large)] = costs;
    assert!(!time_bends(small, large), "{}: time bends", name);
    assert!(large.heap_bytes <= BEND * small.heap_bytes.max(64 << 10), "{}: memory bends", name);
    assert!(large.code_bytes <= BEND * small.code_bytes.max(4 << 10), "{}: code bends", name);
    assert!(large.time < Duration::from_secs(4), "{}: compiles for too long", name);
    assert!(large.heap_bytes < 700 << 20, "{}: takes too much memory", name);
}

/// What was compiled returns or traps; loops without end do not occur as all locals are 0.
fn run_briefly(module: &Module, name: &str) {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect(name);
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").expect(name);
    if let Err(error) = f.call(&mut store, ()) {
        // Where functions are compiled when they are called.
        let too_large = error.to_string().contains("too large to compile");
        assert!(error.trap().is_some() || error.is::<ThrownException>() || too_large, "{name}: {error}");
    }
}

/// On a thread with little stack: compilation does not recurse.
fn on_a_small_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, work).expect("a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Every fourth bomb each, so that the tests share the work.
fn check_curves(quarter: usize) {
    // What other threads compile would not be counted.
    let mut config = Config::new();
    config.wasm_feature(WasmFeature::LegacyExceptions, true).parallel_compilation(false);
    for lazy in [false, true] {
        let engine = Engine::new(config.lazy_compilation(lazy)).expect("an engine");
        on_a_small_stack(|| BOMBS.iter().skip(quarter).step_by(4).for_each(|bomb| check_curve(&engine, bomb)));
    }
}

#[test]
fn cost_grows_with_the_module_1() {
    check_curves(0);
}

#[test]
fn cost_grows_with_the_module_2() {
    check_curves(1);
}

#[test]
fn cost_grows_with_the_module_3() {
    check_curves(2);
}

#[test]
fn cost_grows_with_the_module_4() {
    check_curves(3);
}

// Extremes, in processes of their own with little memory.

/// Runs `work` in another process, in which no more than so many bytes can become writable.
fn with_little_memory(test: &str, bytes: u64, work: impl FnOnce()) {
    const CHILD: &str = "ADVERSARIAL_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: the limit is readable.
        let set = unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) };
        assert_eq!(set, 0);
        // SAFETY: kills this process if it hangs.
        unsafe { libc::alarm(60) };
        return work();
    }
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "1")
        // A backtrace takes memory, too.
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}: {text}", child.status);
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "the test is called {test}");
}

fn engines() -> [Engine; 2] {
    [true, false].map(|guard| {
        let mut config = Config::new();
        if !guard {
            config.guard_memory(false);
        }
        Engine::new(config.max_table_elements(u64::MAX)).expect("an engine")
    })
}

fn instance(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = Module::new(engine, text).expect("valid");
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("instantiated");
    (store, instance)
}

/// Branches and calls with a thousand values each, of which some hundred megabytes of code would come.
#[test]
fn too_large_functions_are_refused_within_a_gibibyte() {
    with_little_memory("too_large_functions_are_refused_within_a_gibibyte", 1 << 30, || {
        let (engine, lazy) = (Engine::default(), Engine::new(Config::new().lazy_compilation(true)).expect("an engine"));
        let branches = |count: usize| {
            let branch = [GET, 0, BR_IF, 0];
            times(&[(1, &[BLOCK, TO_WIDE]), (WIDE, &[GET, 1]), (count, &branch), (1, &[END]), (WIDE, &[DROP])])
        };
        let calls = |count: usize| times(&[(WIDE, &[CONST, 0]), (count, &[CALL, 1]), (WIDE, &[DROP])]);
        for (code, compiles) in
            [(branches(200), true), (branches(20_000), false), (calls(100), true), (calls(20_000), false)]
        {
            let start = now();
            match Module::from_binary(&engine, &function(&code)) {
                Ok(module) => assert!(compiles, "{} bytes of code", module.text().len()),
                Err(error) => {
                    assert!(!compiles, "{error}");
                    assert!(error.offset().is_some(), "{error}");
                    assert!(error.to_string().contains("too large to compile"), "{error}");
                    // The same at the call, where functions are compiled then.
                    let module = Module::from_binary(&lazy, &function(&code)).expect("it is valid");
                    let mut store = Store::new(&lazy, ());
                    let instance = Instance::new(&mut store, &module, &[]).expect("instantiated");
                    let f = instance.get_typed_func::<(), ()>(&mut store, "f").expect("exported");
                    for _ in 0..2 {
                        let called = f.call(&mut store, ()).expect_err("too large");
                        assert_eq!((called.to_string(), called.offset()), (error.to_string(), error.offset()));
                    }
                }
            }
            println!("compiled: {compiles}, after {:?}", now() - start);
        }
    });
}

/// A catch of a thousand values takes four bytes.
#[test]
fn too_many_catches_are_refused_within_a_gibibyte() {
    with_little_memory("too_many_catches_are_refused_within_a_gibibyte", 1 << 30, || {
        let catches = [&[TRY_TABLE, EMPTY, 0xc0, 0x3e][..], &[0, TAG, 0].repeat(8_000)].concat();
        let table = [&catches[..], &[CALL, 0, END]].concat();
        let code = times(&[(1, &[BLOCK, TO_WIDE]), (200, &table), (1, &[UNREACHABLE, END]), (WIDE, &[DROP])]);
        let error = Module::from_binary(&Engine::default(), &function(&code)).expect_err("too large");
        assert!(error.offset().is_some(), "{error}");
        assert!(error.to_string().contains("too large to compile"), "{error}");
    });
}

/// Many functions, each within its limit: 100 KB of wasm that would be 2 GB of code.
#[test]
fn too_large_modules_are_refused_within_a_gibibyte() {
    with_little_memory("too_large_modules_are_refused_within_a_gibibyte", 1 << 30, || {
        let calls = times(&[(WIDE, &[CONST, 0]), (1_000, &[CALL, 70]), (WIDE, &[DROP])]);
        let error = Module::from_binary(&Engine::default(), &functions(70, 8, &calls)).expect_err("too large");
        assert!(error.offset().is_some(), "{error}");
    });
}

#[test]
fn growing_fails_when_memory_is_used_up() {
    with_little_memory("growing_fails_when_memory_is_used_up", 256 << 20, || {
        for engine in engines() {
            let (mut store, instance) = instance(
                &engine,
                r#"(module (memory 1) (table $t 1 funcref) (table $x 1 externref)
                    (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
                    (func (export "funcs") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
                    (func (export "externs") (param i32) (result i32) (table.grow $x (ref.null extern) (local.get 0)))
                    (func (export "touch") (result i32)
                        (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 7))
                        (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))))"#,
            );
            let touch = instance.get_typed_func::<(), i32>(&mut store, "touch").unwrap();
            for (name, step) in [("memory", 100), ("funcs", 100_000), ("externs", 100_000)] {
                let grow = instance.get_typed_func::<u32, i32>(&mut store, name).unwrap();
                for too_many in [u32::MAX, u32::MAX - 1, 1 << 31, 1 << 28] {
                    assert_eq!(grow.call(&mut store, too_many).unwrap(), -1, "{name} by {too_many}");
                }
                let steps = (0..1000).take_while(|_| grow.call(&mut store, step).unwrap() >= 0).count();
                assert!((1..1000).contains(&steps), "{name}: {steps}");
                assert_eq!(touch.call(&mut store, ()).unwrap(), 7);
            }
        }
    });
}

#[test]
fn too_large_minimums_are_errors() {
    with_little_memory("too_large_minimums_are_errors", 256 << 20, || {
        for engine in engines() {
            for text in [
                "(memory 65536)",
                "(memory 10000)",
                "(memory 1) (memory 10000)",
                "(memory i64 10000)",
                "(memory i64 0x1000000000000)",
                "(table 0xffffffff funcref)",
                "(table 100000000 externref)",
                "(table i64 100000000 externref)",
                "(table i64 0xffffffffffffffff funcref)",
            ] {
                let module = Module::new(&engine, format!("(module {text})")).expect(text);
                for _ in 0..3 {
                    let error = Instance::new(&mut Store::new(&engine, ()), &module, &[]).expect_err(text);
                    assert_eq!(error.trap(), None, "{text}: {error}");
                }
            }
        }
    });
}

#[test]
fn address_space_is_used_up_with_an_error() {
    with_little_memory("address_space_is_used_up_with_an_error", 1 << 30, || {
        for engine in engines() {
            let module = Module::new(&engine, "(module (memory 1))").unwrap();
            let mut store = Store::new(&engine, ());
            let made = (0..40_000).map_while(|_| Instance::new(&mut store, &module, &[]).ok()).count();
            println!("{made} instances with a memory");
            assert!((1000..40_000).contains(&made), "{made}");
            drop(store);
            Instance::new(&mut Store::new(&engine, ()), &module, &[]).expect("room again");
        }
    });
}

// Frames.

/// 45,000 locals that hold different numbers and, above them, as many values on the operand stack: about 800 KB.
#[test]
fn large_frames_run_or_overflow() {
    const COUNT: i32 = 45_000;
    let mut text = String::from(
        r#"(module (memory 1) (func $leaf (result i32) (i32.load (i32.const 0)))
            (func $f (export "f") (param $depth i32) (result i32) (local "#,
    );
    text.push_str(&"i32 ".repeat(COUNT as usize));
    text.push_str(") (if (local.get 0) (then (return (call $f (i32.sub (local.get 0) (i32.const 1))))))");
    (1..=COUNT)
        .for_each(|local| text.push_str(&format!("(local.set {local} (i32.add (local.get 0) (i32.const {local})))")));
    text.push_str("(loop)");
    (0..COUNT).for_each(|_| text.push_str("(i32.load (local.get 0))"));
    text.push_str("(call $leaf)");
    (1..=COUNT).for_each(|local| text.push_str(&format!("local.get {local} i32.add ")));
    text.push_str(&"i32.add ".repeat(COUNT as usize));
    text.push_str("))");
    let sum = (1..=COUNT).fold(0i32, i32::wrapping_add);
    for guard in [true, false] {
        for (stack_bytes, deepest) in [(256 << 10, None), (2 << 20, Some(1)), (64 << 20, Some(50))] {
            let mut config = Config::new();
            if !guard {
                config.guard_memory(false);
            }
            let engine = Engine::new(config.max_wasm_stack(stack_bytes)).unwrap();
            let (mut store, instance) = instance(&engine, &text);
            let f = instance.get_typed_func::<i32, i32>(&mut store, "f").unwrap();
            if let Some(depth) = deepest {
                assert_eq!(f.call(&mut store, 0).unwrap(), sum);
                assert_eq!(f.call(&mut store, depth).unwrap(), sum);
            }
            assert_eq!(f.call(&mut store, 1000).unwrap_err().trap(), Some(Trap::StackOverflow));
        }
    }
}

/// A thousand parameters and results, through an import and an export.
#[test]
fn a_thousand_values_cross_the_border() {
    let engine = Engine::default();
    let types = "i64 ".repeat(WIDE);
    let gets: String = (0..WIDE).map(|local| format!("local.get {local} ")).collect();
    let text = format!(
        r#"(module (type $wide (func (param {types}) (result {types})))
            (import "h" "reverse" (func $reverse (type $wide)))
            (func (export "f") (type $wide) {gets} call $reverse))"#
    );
    let module = Module::new(&engine, text).unwrap();
    let ty = FuncType::new(vec![ValType::I64; WIDE], vec![ValType::I64; WIDE]);
    let mut linker = Linker::new(&engine);
    linker
        .func_new("h", "reverse", ty, |_, params, results| {
            results.iter_mut().zip(params.iter().rev()).for_each(|(result, param)| *result = *param);
            Ok(())
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.get_func(&mut store, "f").unwrap();
    let params: Vec<Val> = (0..WIDE as i64).map(Val::I64).collect();
    let mut results = vec![Val::I64(0); WIDE];
    f.call(&mut store, &params, &mut results).unwrap();
    let results: Vec<i64> = results.iter().map(Val::unwrap_i64).collect();
    assert_eq!(results, (0..WIDE as i64).rev().collect::<Vec<_>>());
}
