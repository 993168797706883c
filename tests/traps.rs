//! Traps: each kind, in both memory modes; where they come from; threads, stacks and limits.
#![allow(missing_docs)]
#![allow(unsafe_code, reason = "makes a thread as C does, changes the floating-point control")]

use planish::{
    Caller, Config, Engine, Error, Func, FuncType, Instance, Linker, Memory, Module, Store, Trap, Val, ValType,
};
use std::fmt::Write as _;

/// Guarded memories, checked ones, no signals; functions compiled together, and when they are called.
fn engines() -> [Engine; 5] {
    engines_with(&Config::new())
}

fn engines_with(config: &Config) -> [Engine; 5] {
    [(true, true, false), (false, true, false), (false, false, false), (true, true, true), (false, false, true)].map(
        |(guard, signals, lazy)| {
            let mut config = config.clone();
            if !guard {
                config.guard_memory(false);
            }
            Engine::new(config.signals_based_traps(signals).lazy_compilation(lazy)).unwrap()
        },
    )
}

fn instance(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = Module::new(engine, text).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

/// Calls the export `f`, a function without parameters and results.
fn run(store: &mut Store<()>, instance: &Instance) -> Result<(), Error> {
    instance.get_typed_func::<(), ()>(&mut *store, "f").unwrap().call(store, ())
}

fn trap_of(engine: &Engine, body: &str) -> Option<Trap> {
    let text = format!(
        r#"(module
            (type $v (func)) (type $i (func (param i32)))
            (memory 1 3) (data $d "abc")
            (table $t 4 8 funcref) (elem (i32.const 0) func $g $h) (elem $e func $g $h)
            (func $g) (func $h (param i32))
            (func (export "f") (local $x i32) (local $y i64) {body}))"#
    );
    let (mut store, instance) = instance(engine, &text);
    run(&mut store, &instance).err().map(|error| error.trap().expect("a trap"))
}

#[test]
fn every_trap_has_its_kind() {
    use Trap::*;
    #[rustfmt::skip]
    let cases = [
        ("unreachable", UnreachableCodeReached),
        ("(drop (i32.load (i32.const 65536)))", MemoryOutOfBounds),
        ("(drop (i32.load (i32.const -1)))", MemoryOutOfBounds),
        ("(drop (i64.load offset=65529 (i32.const 0)))", MemoryOutOfBounds),
        ("(drop (i64.load offset=4294967295 (i32.const -1)))", MemoryOutOfBounds),
        ("(i32.store8 (i32.const 65536) (i32.const 1))", MemoryOutOfBounds),
        ("(f64.store (local.tee $x (i32.const 65529)) (f64.const 1))", MemoryOutOfBounds),
        ("(memory.fill (i32.const 65535) (i32.const 1) (i32.const 2))", MemoryOutOfBounds),
        ("(memory.copy (i32.const 0) (i32.const 65535) (i32.const 2))", MemoryOutOfBounds),
        ("(memory.copy (i32.const -1) (i32.const 0) (i32.const 2))", MemoryOutOfBounds),
        ("(memory.init $d (i32.const 0) (i32.const 1) (i32.const 3))", MemoryOutOfBounds),
        ("data.drop $d (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))", MemoryOutOfBounds),
        ("(drop (table.get $t (i32.const 4)))", TableOutOfBounds),
        ("(table.set $t (i32.const -1) (ref.null func))", TableOutOfBounds),
        ("(table.fill $t (i32.const 3) (ref.null func) (i32.const 2))", TableOutOfBounds),
        ("(table.copy $t $t (i32.const 0) (i32.const 3) (i32.const 2))", TableOutOfBounds),
        ("(table.init $t $e (i32.const 3) (i32.const 0) (i32.const 2))", TableOutOfBounds),
        ("elem.drop $e (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))", TableOutOfBounds),
        ("(call_indirect $t (type $v) (i32.const 4))", TableOutOfBounds),
        ("(call_indirect $t (type $v) (i32.const -1))", TableOutOfBounds),
        ("(call_indirect $t (type $v) (i32.const 3))", IndirectCallToNull),
        ("(call_indirect $t (type $v) (i32.const 1))", BadSignature),
        ("(call_indirect $t (type $i) (i32.const 7) (i32.const 0))", BadSignature),
        ("(drop (i32.div_s (i32.const 1) (local.get $x)))", IntegerDivisionByZero),
        ("(drop (i32.div_u (i32.const 1) (local.get $x)))", IntegerDivisionByZero),
        ("(drop (i32.rem_s (i32.const 1) (local.get $x)))", IntegerDivisionByZero),
        ("(drop (i64.rem_u (i64.const 1) (local.get $y)))", IntegerDivisionByZero),
        ("(drop (i64.div_s (i64.const 1) (local.get $y)))", IntegerDivisionByZero),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", IntegerDivisionByZero),
        ("(drop (i32.div_s (i32.const 0x80000000) (local.tee $x (i32.const -1))))", IntegerOverflow),
        ("(drop (i64.div_s (i64.const 0x8000000000000000) (local.tee $y (i64.const -1))))", IntegerOverflow),
        ("(drop (i32.trunc_f32_s (f32.const 2147483648)))", IntegerOverflow),
        ("(drop (i64.trunc_f64_u (f64.const -1)))", IntegerOverflow),
        ("(drop (i32.trunc_f64_u (f64.const nan)))", BadConversionToInteger),
    ];
    for engine in engines() {
        for (body, trap) in cases {
            assert_eq!(trap_of(&engine, body), Some(trap), "{body}");
        }
        #[rustfmt::skip]
        let none = [
            "(drop (i32.rem_s (i32.const 0x80000000) (local.tee $x (i32.const -1))))",
            "(drop (i64.load offset=65528 (i32.const 0)))",
            "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 0))",
            "(memory.init $d (i32.const 65536) (i32.const 3) (i32.const 0))",
            "(table.copy $t $t (i32.const 4) (i32.const 4) (i32.const 0))",
            "(call_indirect $t (type $v) (i32.const 0))",
            "(drop (memory.grow (i32.const 1))) (drop (i32.load (i32.const 131068)))",
        ];
        for body in none {
            assert_eq!(trap_of(&engine, body), None, "{body}");
        }
    }
}

#[test]
fn a_store_goes_on_after_traps() {
    for engine in engines() {
        let (mut store, instance) = instance(
            &engine,
            r#"(module (memory 1) (global $n (mut i32) (i32.const 0))
                (func (export "f") (global.set $n (i32.add (global.get $n) (i32.const 1)))
                    (i32.store (i32.mul (global.get $n) (i32.const 4096)) (i32.const 1)))
                (func (export "n") (result i32) (global.get $n)))"#,
        );
        for round in 1..100 {
            assert_eq!(run(&mut store, &instance).is_err(), round >= 16, "{round}");
        }
        let n = instance.get_typed_func::<(), i32>(&mut store, "n").unwrap();
        assert_eq!(n.call(&mut store, ()).unwrap(), 99);
    }
}

#[test]
fn backtraces_name_functions_and_places() {
    let text = r#"(module $m
        (func $leaf (param i32) (if (local.get 0) (then (unreachable))) (call $middle (i32.const 1)))
        (func $middle (param i32) (local i64) (call $leaf (local.get 0)) (nop))
        (func (export "f") (call $middle (i32.const 0))))"#;
    for engine in engines() {
        let (mut store, instance) = instance(&engine, text);
        let error = run(&mut store, &instance).unwrap_err();
        let frames = error.backtrace().expect("wasm ran").frames();
        let names: Vec<_> = frames.iter().map(|frame| (frame.func_index(), frame.func_name())).collect();
        let expected = [(0, Some("leaf")), (1, Some("middle")), (0, Some("leaf")), (1, Some("middle")), (2, Some("f"))];
        assert_eq!(names, expected);
        let bytes = wat::parse_str(text).unwrap();
        let byte_at = |frame: usize| bytes[frames[frame].module_offset().unwrap()];
        assert_eq!([0, 1, 2, 3, 4].map(byte_at), [0x00, 0x10, 0x10, 0x10, 0x10], "unreachable, then calls");
    }
}

/// Offsets at which a signed or truncated displacement would go astray, at every width; 4 GiB of memory, so many
/// are in bounds and must hit the right bytes.
#[test]
fn memory_offsets_are_unsigned_and_never_wrap() {
    const OFFSETS: [u64; 6] = [0, 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 8, (1 << 32) - 1];
    const INDEXES: [u64; 7] = [0, 1, 65536, (1 << 31) - 1, 1 << 31, (1 << 32) - 9, (1 << 32) - 1];
    #[rustfmt::skip]
    const WIDTHS: [(u64, &str, &str); 9] = [
        (1, "i64.load8_u", "i64.store8"), (2, "i64.load16_u", "i64.store16"), (4, "i64.load32_u", "i64.store32"),
        (8, "i64.load", "i64.store"), (1, "i64.load8_s", "i64.store8"), (2, "i64.load16_s", "i64.store16"),
        (4, "i64.load32_s", "i64.store32"), (8, "i64.load", "i64.store"), (8, "i64.load", "i64.store"),
    ];
    let mut text = String::from("(module (memory (export \"m\") 65536)");
    for (at, &offset) in OFFSETS.iter().enumerate() {
        for (width, (_, load, store)) in WIDTHS.iter().enumerate() {
            write!(
                text,
                "(func (export \"l{at}.{width}\") (param i32) (result i64) ({load} offset={offset} (local.get 0)))
                 (func (export \"s{at}.{width}\") (param i32 i64) ({store} offset={offset} (local.get 0) (local.get 1)))"
            )
            .unwrap();
        }
        for (at_index, &index) in INDEXES.iter().enumerate() {
            let index = index as u32 as i32;
            write!(
                text,
                "(func (export \"c{at}.{at_index}\") (result i64) (i64.load8_u offset={offset} (i32.const {index})))"
            )
            .unwrap();
        }
    }
    text.push(')');
    for engine in engines() {
        let (mut store, instance) = instance(&engine, &text);
        let memory = instance.get_memory(&mut store, "m").unwrap();
        for (at, &offset) in OFFSETS.iter().enumerate() {
            for (at_index, &index) in INDEXES.iter().enumerate() {
                let address = index + offset;
                for (width, &(bytes, ..)) in WIDTHS.iter().enumerate() {
                    let load = instance.get_typed_func::<u32, u64>(&mut store, &format!("l{at}.{width}")).unwrap();
                    let set = instance.get_typed_func::<(u32, u64), ()>(&mut store, &format!("s{at}.{width}")).unwrap();
                    let stored = set.call(&mut store, (index as u32, 0x0102_0304_0506_0708));
                    let loaded = load.call(&mut store, index as u32);
                    if address + bytes > 1 << 32 {
                        assert_eq!(stored.unwrap_err().trap(), Some(Trap::MemoryOutOfBounds), "{offset:#x}+{index:#x}");
                        assert_eq!(loaded.unwrap_err().trap(), Some(Trap::MemoryOutOfBounds), "{offset:#x}+{index:#x}");
                        continue;
                    }
                    stored.unwrap();
                    let mut there = [0; 8];
                    memory.read(&store, address as usize, &mut there[..bytes as usize]).unwrap();
                    assert_eq!(u64::from_le_bytes(there), loaded.unwrap(), "{offset:#x}+{index:#x}");
                    assert_eq!(there[0], 8);
                    memory.write(&mut store, address as usize, &[0; 8][..bytes as usize]).unwrap();
                }
                let constant = instance.get_typed_func::<(), u64>(&mut store, &format!("c{at}.{at_index}")).unwrap();
                if address < 1 << 32 {
                    memory.write(&mut store, address as usize, &[99]).unwrap();
                    assert_eq!(constant.call(&mut store, ()).unwrap(), 99);
                    memory.write(&mut store, address as usize, &[0]).unwrap();
                } else {
                    assert_eq!(constant.call(&mut store, ()).unwrap_err().trap(), Some(Trap::MemoryOutOfBounds));
                }
            }
        }
    }
}

#[test]
fn memories_grow_to_their_limit_and_no_further() {
    let text = |maximum: &str| {
        format!(
            r#"(module (memory 0 {maximum})
                (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
                (func (export "size") (result i32) memory.size)
                (func (export "touch") (param i32) (result i32)
                    (i32.store8 (local.get 0) (i32.const 7)) (i32.load8_u (local.get 0))))"#
        )
    };
    for (maximum, limit) in [("", 65536u32), ("100", 100), ("65536", 65536)] {
        for engine in engines() {
            let (mut store, instance) = instance(&engine, &text(maximum));
            let grow = instance.get_typed_func::<u32, i32>(&mut store, "grow").unwrap();
            let touch = instance.get_typed_func::<u32, u32>(&mut store, "touch").unwrap();
            assert_eq!(touch.call(&mut store, 0).unwrap_err().trap(), Some(Trap::MemoryOutOfBounds));
            assert_eq!(grow.call(&mut store, limit + 1).unwrap(), -1);
            assert_eq!(grow.call(&mut store, u32::MAX).unwrap(), -1);
            assert_eq!(grow.call(&mut store, 1).unwrap(), 0);
            assert_eq!(touch.call(&mut store, 65535).unwrap(), 7);
            assert_eq!(touch.call(&mut store, 65536).unwrap_err().trap(), Some(Trap::MemoryOutOfBounds));
            assert_eq!(grow.call(&mut store, limit - 1).unwrap(), 1);
            let last = (u64::from(limit) * 65536 - 1) as u32;
            assert_eq!(touch.call(&mut store, last).unwrap(), 7);
            assert_eq!(grow.call(&mut store, 1).unwrap(), -1);
            assert_eq!(grow.call(&mut store, 0).unwrap() as u32, limit);
        }
    }
}

#[test]
fn a_module_that_starts_with_all_memory_is_an_error_or_runs() {
    for engine in engines() {
        let module = Module::new(&engine, "(module (memory 65536 65536))").unwrap();
        let mut store = Store::new(&engine, ());
        for _ in 0..20 {
            if let Err(error) = Instance::new(&mut store, &module, &[]) {
                assert_eq!(error.trap(), None);
            }
        }
    }
}

#[test]
fn tables_grow_within_reason() {
    for engine in engines() {
        let (mut store, instance) = instance(
            &engine,
            r#"(module (table $t 1 funcref) (table $x 0 externref) (elem declare func $f)
                (func $f (export "f"))
                (func (export "grow") (param i32) (result i32) (table.grow $t (ref.func $f) (local.get 0)))
                (func (export "growx") (param i32) (result i32) (table.grow $x (ref.null extern) (local.get 0)))
                (func (export "call") (param i32) (call_indirect $t (local.get 0))))"#,
        );
        for name in ["grow", "growx"] {
            let grow = instance.get_typed_func::<u32, i32>(&mut store, name).unwrap();
            assert_eq!(grow.call(&mut store, u32::MAX).unwrap(), -1);
            assert_eq!(grow.call(&mut store, u32::MAX - 1).unwrap(), -1);
            assert!(grow.call(&mut store, 1000).unwrap() >= 0);
        }
        let call = instance.get_typed_func::<u32, ()>(&mut store, "call").unwrap();
        assert_eq!(call.call(&mut store, 0).unwrap_err().trap(), Some(Trap::IndirectCallToNull));
        call.call(&mut store, 1000).unwrap();
        assert_eq!(call.call(&mut store, 1001).unwrap_err().trap(), Some(Trap::TableOutOfBounds));
    }
}

fn recurse_in_wasm() {
    for engine in engines() {
        let (mut store, instance) = instance(
            &engine,
            r#"(module (global $depth (mut i32) (i32.const 0))
                (func $f (export "f") (global.set $depth (i32.add (global.get $depth) (i32.const 1))) (call $f))
                (func $wide (export "wide") (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
                    (i64.add (local.get 9) (call $wide (local.get 9) (local.get 8) (local.get 7) (local.get 6)
                        (local.get 5) (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 0))))
                (func (export "depth") (result i32) (global.get $depth) (global.set $depth (i32.const 0))))"#,
        );
        let depth = instance.get_typed_func::<(), i32>(&mut store, "depth").unwrap();
        let depths = [0; 3].map(|_| {
            let error = run(&mut store, &instance).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::StackOverflow));
            assert!(error.backtrace().unwrap().frames().len() > 10);
            depth.call(&mut store, ()).unwrap()
        });
        assert!(depths[0] > 10_000 && depths.iter().all(|depth| *depth == depths[0]), "{depths:?}");
        type Wide = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);
        let wide = instance.get_typed_func::<Wide, i64>(&mut store, "wide").unwrap();
        let error = wide.call(&mut store, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::StackOverflow));
    }
}

/// Wasm calls the host calls wasm: neither stack may run over.
fn recurse_through_the_host() {
    for engine in engines() {
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("h", "again", |mut caller: Caller<'_, u32>| -> Result<(), Error> {
                *caller.data_mut() += 1;
                let f = caller.get_export("f").and_then(|item| item.into_func()).expect("exported");
                f.typed::<(), ()>(&caller)?.call(&mut caller, ())
            })
            .unwrap();
        let text = r#"(module (import "h" "again" (func $again)) (func (export "f") (call $again)))"#;
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        let error = f.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::StackOverflow));
        assert!(*store.data() > 100, "{}", store.data());
        // And again: nothing of the depth is left.
        let depth = std::mem::take(store.data_mut());
        assert!(f.call(&mut store, ()).is_err());
        assert_eq!(*store.data(), depth);
    }
}

fn on_a_thread(bytes: usize, test: fn()) {
    std::thread::Builder::new().stack_size(bytes).spawn(test).unwrap().join().unwrap();
}

#[test]
fn recursion_ends_in_a_trap_on_threads_of_any_size() {
    for bytes in [256 << 10, 2 << 20, 32 << 20] {
        on_a_thread(bytes, recurse_in_wasm);
        on_a_thread(bytes, recurse_through_the_host);
    }
}

/// Frames larger than what the guard below the stack would catch.
#[test]
fn huge_frames_are_checked_before_they_are_touched() {
    let locals = 49_990;
    let mut body = String::new();
    for local in 0..locals {
        write!(body, "(local.set {local} (i64.add (call $x) (i64.const {local})))").unwrap();
    }
    body.push_str("(call $f)");
    for local in 0..locals {
        write!(
            body,
            "(drop (i64.eqz (local.get {local})))(global.set $g (i64.xor (global.get $g) (local.get {local})))"
        )
        .unwrap();
    }
    let text = format!(
        "(module (global $g (mut i64) (i64.const 0)) (func $x (result i64) (global.get $g))
            (func $f (export \"f\") (local {}) {body}))",
        "i64 ".repeat(locals)
    );
    for stack in [64 << 10, 1 << 20, 3 << 20] {
        let engine = Engine::new(Config::new().max_wasm_stack(stack)).unwrap();
        let (mut store, instance) = instance(&engine, &text);
        assert_eq!(run(&mut store, &instance).unwrap_err().trap(), Some(Trap::StackOverflow));
    }
}

fn trap_often() {
    for engine in engines() {
        let (mut store, instance) =
            instance(&engine, r#"(module (memory 1) (func (export "f") (i32.store (i32.const 65533) (i32.const 0))))"#);
        for _ in 0..2000 {
            assert_eq!(run(&mut store, &instance).unwrap_err().trap(), Some(Trap::MemoryOutOfBounds));
        }
    }
}

#[test]
fn two_threads_trap_at_once() {
    std::thread::scope(|scope| {
        scope.spawn(trap_often);
        scope.spawn(trap_often);
        // Meanwhile code comes and goes.
        for _ in 0..50 {
            let engine = Engine::default();
            assert_eq!(trap_of(&engine, "unreachable"), Some(Trap::UnreachableCodeReached));
        }
    });
}

#[test]
fn threads_not_made_by_rust_can_trap() {
    extern "C" fn run(_: *mut std::ffi::c_void) -> *mut std::ffi::c_void {
        let passed = std::panic::catch_unwind(|| {
            trap_often();
            recurse_in_wasm();
            recurse_through_the_host();
        });
        usize::from(passed.is_ok()) as *mut std::ffi::c_void
    }
    let mut thread = std::mem::MaybeUninit::uninit();
    // SAFETY: default attributes, and a function of the right type that needs no argument.
    let made = unsafe { libc::pthread_create(thread.as_mut_ptr(), std::ptr::null(), run, std::ptr::null_mut()) };
    assert_eq!(made, 0);
    let mut passed = std::ptr::null_mut();
    // SAFETY: made above, joined once.
    let joined = unsafe { libc::pthread_join(thread.assume_init(), &mut passed) };
    assert_eq!(joined, 0);
    assert_eq!(passed as usize, 1);
}

#[test]
fn traps_inside_host_calls_inside_wasm() {
    for engine in engines() {
        let (mut store, inner) = instance(&engine, r#"(module (func $inner (export "f") unreachable))"#);
        let inner = inner.get_func(&mut store, "f").unwrap().typed::<(), ()>(&store).unwrap();
        let caught = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| -> Result<u32, Error> {
            let error = inner.call(&mut caller, ()).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::UnreachableCodeReached));
            let names: Vec<_> = error.backtrace().unwrap().frames().iter().map(|frame| frame.func_name()).collect();
            assert_eq!(names, [Some("inner"), Some("outer"), Some("outest")]);
            Ok(5)
        });
        let passed_on = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| inner.call(&mut caller, ()));
        let module = Module::new(
            &engine,
            r#"(module (import "" "caught" (func $caught (result i32))) (import "" "passed on" (func $passed_on))
                (func $outer (export "outer") (result i32) (i32.add (call $caught) (call $caught)))
                (func $outest (export "f") (if (i32.eq (call $outer) (i32.const 10)) (then (call $passed_on)))))"#,
        )
        .unwrap();
        let outer = Instance::new(&mut store, &module, &[caught.into(), passed_on.into()]).unwrap();
        for _ in 0..3 {
            let error = run(&mut store, &outer).unwrap_err();
            assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::UnreachableCodeReached));
        }
    }
}

#[test]
fn the_embedders_float_control_changes_nothing() {
    let text = r#"(module
        (func (export "f") (param f64 f64) (result f64) (f64.mul (local.get 0) (local.get 1)))
        (func (export "g") (param f32) (result f32) (f32.div (local.get 0) (f32.const 3))))"#;
    for engine in engines() {
        let (mut store, instance) = instance(&engine, text);
        let f = instance.get_typed_func::<(f64, f64), f64>(&mut store, "f").unwrap();
        let g = instance.get_typed_func::<f32, f32>(&mut store, "g").unwrap();
        // Flush to zero, denormals are zero, and the three other rounding modes.
        for control in [0x1f80u32, 0x9f80, 0x1fc0, 0x9fc0, 0x3f80, 0x5f80, 0x7f80] {
            set_float_control(control);
            let results = (f.call(&mut store, (f64::MIN_POSITIVE, 0.5)), g.call(&mut store, 1.0));
            let after = float_control();
            set_float_control(0x1f80);
            assert_eq!(results.0.unwrap().to_bits(), 1 << 51, "{control:x}");
            assert_eq!(results.1.unwrap().to_bits(), (1f32 / 3.0).to_bits(), "{control:x}");
            assert_eq!(after & 0xffc0, control);
        }
    }
}

fn float_control() -> u32 {
    let mut control = 0u32;
    // SAFETY: writes four bytes to `control`.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control) };
    control
}

fn set_float_control(control: u32) {
    // SAFETY: reads four bytes without a reserved bit; the tests set the default again.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control) };
}

#[test]
fn panics_pass_through_wasm_and_leave_it_usable() {
    for engine in engines() {
        let mut linker = Linker::new(&engine);
        linker.func_wrap("h", "panic", |n: i32| assert_eq!(n, 0, "not zero")).unwrap();
        let text = r#"(module (import "h" "panic" (func $panic (param i32)))
            (func (export "f") (param i32) (call $panic (local.get 0)) (call $panic (i32.sub (local.get 0) (i32.const 1)))))"#;
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let f = instance.get_typed_func::<i32, ()>(&mut store, "f").unwrap();
        for round in 0..3 {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f.call(&mut store, round)));
            let panic = result.expect_err("it panics");
            assert!(panic.downcast_ref::<String>().unwrap().contains("not zero"));
        }
    }
}

#[test]
fn an_imported_memory_is_one_memory() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let memory = Memory::new(&mut store, planish::MemoryType::new(1, Some(4))).unwrap();
        let text = r#"(module (import "" "m" (memory 1))
            (func (export "f") (drop (memory.grow (i32.const 1))))
            (func (export "touch") (param i32) (i32.store8 (local.get 0) (i32.const 1))))"#;
        let module = Module::new(&engine, text).unwrap();
        let users = [0; 2].map(|_| Instance::new(&mut store, &module, &[memory.into()]).unwrap());
        let touch = users.map(|user| user.get_typed_func::<u32, ()>(&mut store, "touch").unwrap());
        for pages in 1..4u32 {
            for touch in &touch {
                touch.call(&mut store, pages * 65536 - 1).unwrap();
                let error = touch.call(&mut store, pages * 65536).unwrap_err();
                assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
            }
            run(&mut store, &users[pages as usize % 2]).unwrap();
        }
        assert_eq!(memory.size(&store), 4);
    }
}

/// A host function writes its results to the wasm stack: near that stack's end calling it is a trap.
#[test]
fn host_functions_are_not_called_at_the_very_end_of_the_stack() {
    for engine in engines_with(Config::new().max_wasm_stack(64 << 10)) {
        for results in [1, 40] {
            let types = "i64 ".repeat(results);
            let text = format!(
                r#"(module (import "" "" (func $host (result {types})))
                    (func $f (export "f") (param $depth i32)
                        (if (local.get $depth)
                            (then (call $f (i32.sub (local.get $depth) (i32.const 1))))
                            (else call $host {}))))"#,
                "drop ".repeat(results)
            );
            let module = Module::new(&engine, text).unwrap();
            let mut store = Store::new(&engine, ());
            let ty = FuncType::new([], vec![ValType::I64; results]);
            let host = Func::new(&mut store, ty, |_, _, results| {
                results.fill(Val::I64(-1));
                Ok(())
            });
            let instance = Instance::new(&mut store, &module, &[host.into()]).unwrap();
            let f = instance.get_typed_func::<i32, ()>(&mut store, "f").unwrap();
            let mut fits = |depth| match f.call(&mut store, depth) {
                Ok(()) => true,
                Err(error) => {
                    assert_eq!(error.trap(), Some(Trap::StackOverflow));
                    false
                }
            };
            let (mut least, mut most) = (0, 1 << 13);
            while most - least > 1 {
                let middle = (least + most) / 2;
                *if fits(middle) { &mut least } else { &mut most } = middle;
            }
            for depth in most - 60..most + 60 {
                assert_eq!(fits(depth), depth < most);
            }
        }
    }
}
