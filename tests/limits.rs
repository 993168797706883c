//! Processes whose address space is limited, as by `ulimit -v`: programs run all the same, and what cannot be had is an error that says
//! how much was asked for, what the limit is, and what takes less.

#![allow(unsafe_code, reason = "limits processes")]

use planish::{
    Config, Engine, Error, Instance, InstanceAllocationStrategy, Memory, MemoryType, Module, Ref, RefType,
    SharedMemory, Store, Table, TableType, Trap, WasmFeature,
};
use std::io::ErrorKind::OutOfMemory;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

/// What a guarded memory reserves.
const GUARDED_BYTES: u64 = (8 << 30) + (64 << 10);

/// Some that judges and batch systems set, and others around what one, two, three memories would reserve.
const LIMITS: [u64; 11] = [
    300_000_000,
    3 << 30,
    8 << 30,
    GUARDED_BYTES,
    GUARDED_BYTES + (20 << 20),
    GUARDED_BYTES + (100 << 20),
    GUARDED_BYTES + (400 << 20),
    2 * GUARDED_BYTES + (100 << 20),
    2 * GUARDED_BYTES + (400 << 20),
    3 * GUARDED_BYTES + (400 << 20),
    127 * GUARDED_BYTES,
];

const NO_LIMIT: u64 = libc::RLIM_INFINITY;

/// The limit that this process cannot raise: these tests, too, may run where addresses are limited.
fn hard_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes to the limit.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
    limit.rlim_max
}

/// Limits what this process may map.
fn set_limit(bytes: u64) -> std::io::Result<()> {
    let hard = hard_limit();
    let limit = libc::rlimit { rlim_cur: bytes.min(hard), rlim_max: hard };
    // SAFETY: reads the limit.
    match unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// What a process needs that makes guarded memories unasked, and something for itself.
const ENOUGH: u64 = 128 * GUARDED_BYTES + (1 << 30);

fn output_within(bytes: u64, command: &mut Command) -> Output {
    // SAFETY: two system calls, which the child may make before it becomes the program.
    unsafe { command.pre_exec(move || set_limit(bytes)) };
    command.output().expect("the process starts")
}

/// Runs the work of a test in processes of its own, which may map so much.
fn within(limits: &[u64], test: &str, work: impl FnOnce()) {
    const CHILD: &str = "PLANISH_TEST_WITHIN_LIMITS";
    if std::env::var_os(CHILD).is_some() {
        return work();
    }
    for &bytes in limits {
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        // A backtrace takes memory, too.
        child.args(["--exact", test, "--nocapture"]).env(CHILD, "").env("RUST_BACKTRACE", "0");
        let output = output_within(bytes, &mut child);
        let succeeded = output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed");
        assert!(succeeded, "within {bytes} bytes: {output:?}");
    }
}

/// Bytes that this process has mapped.
fn mapped() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("the size of this process");
    let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

/// Does the work while the process may map little more than it has mapped.
fn with_room_for<R>(bytes: u64, work: impl FnOnce() -> R) -> R {
    set_limit(mapped() + bytes).expect("a limit");
    let result = work();
    set_limit(NO_LIMIT).expect("no limit");
    result
}

fn engine(change: impl FnOnce(&mut Config)) -> Engine {
    let mut config = Config::new();
    config.wasm_feature(WasmFeature::Threads, true);
    change(&mut config);
    Engine::new(&config).expect("an engine")
}

/// Checks that an error is a lack of memory, and what it says.
#[track_caller]
fn says(error: &Error, parts: &[&str]) {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    assert_eq!(kind, Some(OutOfMemory), "{error:?}");
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` in: {text}");
    }
    assert!(text.contains("(RLIMIT_AS)"), "{text}");
}

#[test]
fn the_command_runs_within_any_limit() {
    for bytes in LIMITS {
        for codegen in ["lazy-compilation=n", "lazy-compilation"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_planish"));
            command.current_dir(env!("CARGO_MANIFEST_DIR"));
            command.args(["run", "-C", codegen, "--dir", ".", "examples/programs/words.wasm"]);
            let output = output_within(bytes, command.args(["-n", "3", "LICENSE-APACHE"]));
            assert!(output.status.success(), "within {bytes} bytes, {codegen}: {output:?}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "    100 the\n     69 or\n     67 of\n");
        }
    }
}

/// Four memories of different kinds, each of which grows.
const MEMORIES: &str = r#"(module
    (memory $a 1) (memory $b 1) (memory $wide i64 1) (memory $shared 1 65536 shared)
    (func (export "fill") (param i32) (result i32)
        (i32.store $a (i32.const 65532) (local.get 0))
        (i32.store $b (i32.const 65532) (i32.load $a (i32.const 65532)))
        (i32.store $wide (i64.const 65532) (i32.load $b (i32.const 65532)))
        (i32.store $shared (i32.const 65532) (i32.load $wide (i64.const 65532)))
        (i32.load $shared (i32.const 65532)))
    (func (export "grow") (result i32)
        (i32.and
            (i32.and (i32.eq (memory.grow $a (i32.const 2)) (i32.const 1)) (i32.eq (memory.grow $b (i32.const 2)) (i32.const 1)))
            (i32.and (i64.eq (memory.grow $wide (i64.const 2)) (i64.const 1)) (i32.eq (memory.grow $shared (i32.const 2)) (i32.const 1)))))
    (func (export "beyond") (param i32) (result i32) (i32.load $b (local.get 0))))"#;

#[test]
fn stores_with_several_memories_run_within_any_limit() {
    within(&LIMITS, "stores_with_several_memories_run_within_any_limit", || {
        for lazy in [false, true] {
            let engine = engine(|config| _ = config.lazy_compilation(lazy));
            let module = Module::new(&engine, MEMORIES).expect("a module");
            let mut stores: Vec<_> = (0..3)
                .map(|_| {
                    let mut store = Store::new(&engine, ());
                    let instance = Instance::new(&mut store, &module, &[]).expect("memories");
                    (store, instance)
                })
                .collect();
            for (number, (store, instance)) in stores.iter_mut().enumerate() {
                let fill = instance.get_typed_func::<i32, i32>(&mut *store, "fill").expect("exported");
                assert_eq!(fill.call(&mut *store, number as i32 + 7).expect("no trap"), number as i32 + 7);
                let grow = instance.get_typed_func::<(), i32>(&mut *store, "grow").expect("exported");
                assert_eq!(grow.call(&mut *store, ()).expect("no trap"), 1);
                let beyond = instance.get_typed_func::<i32, i32>(&mut *store, "beyond").expect("exported");
                assert_eq!(beyond.call(&mut *store, 3 * 65536 - 4).expect("no trap"), 0);
                for index in [3 * 65536 - 3, i32::MAX, -4] {
                    let error = beyond.call(&mut *store, index).expect_err("out of bounds");
                    assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
                }
            }
        }
    });
}

/// Does an engine guard its memories?
fn guards(change: impl FnOnce(&mut Config)) -> bool {
    let before = mapped();
    let mut store = Store::new(&engine(change), ());
    Memory::new(&mut store, MemoryType::new(1, None)).expect("a memory");
    let taken = mapped() - before;
    assert!(!(16 << 20..GUARDED_BYTES).contains(&taken), "{taken} bytes");
    taken >= GUARDED_BYTES
}

#[test]
fn memories_are_guarded_where_many_fit() {
    const TEST: &str = "memories_are_guarded_where_many_fit";
    if hard_limit() < ENOUGH {
        return;
    }
    within(&[ENOUGH, NO_LIMIT], TEST, || {
        assert!(guards(|_| {}));
        assert!(guards(|config| _ = config.allocation_strategy(InstanceAllocationStrategy::OnDemand)));
        assert!(!guards(|config| _ = config.guard_memory(false)));
        assert!(!guards(|config| _ = config.signals_based_traps(false)));
        assert!(!guards(|config| _ = config.guard_memory(true).signals_based_traps(false)));
        // What is taken already does not count.
        set_limit(128 * GUARDED_BYTES + mapped() - (1 << 20)).expect("a limit");
        assert!(!guards(|_| {}));
        assert!(guards(|config| _ = config.guard_memory(true)));
    });
}

#[test]
fn who_asks_for_guards_gets_them_or_an_error() {
    within(&[8 << 30], "who_asks_for_guards_gets_them_or_an_error", || {
        let engine = engine(|config| _ = config.guard_memory(true));
        let parts =
            ["8590000128 bytes of address space", " 8589934592 bytes (RLIMIT_AS)", "`Config::guard_memory(false)`"];
        let mut store = Store::new(&engine, ());
        says(&Memory::new(&mut store, MemoryType::new(1, None)).expect_err("8 GiB"), &parts);
        says(&SharedMemory::new(&engine, MemoryType::shared(1, 1)).expect_err("8 GiB"), &parts);
        let module = Module::new(&engine, "(module (memory 1))").expect("a module");
        says(&Instance::new(&mut store, &module, &[]).expect_err("8 GiB"), &parts);
        // These are never guarded.
        Memory::new(&mut store, MemoryType::new64(1, None)).expect("a memory");
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_planish"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["run", "-C", "guard-memory", "examples/programs/words.wasm"]);
    let output = output_within(8 << 30, &mut command);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && text.contains("8590000128 bytes of address space"), "{output:?}");
}

/// What is mapped stays, and errors are no panics.
#[test]
fn a_limit_may_come_later() {
    if hard_limit() < ENOUGH {
        return;
    }
    within(&[NO_LIMIT], "a_limit_may_come_later", || {
        let engine = engine(|_| {});
        let (mut store, mut other) = (Store::new(&engine, ()), Store::new(&engine, ()));
        drop(Store::new(&engine, ()));
        let first = Memory::new(&mut store, MemoryType::new(1, None)).expect("a memory");
        set_limit(mapped() + (100 << 20)).expect("a limit");
        first.grow(&mut store, 100).expect("it is reserved");
        let parts = ["8590000128 bytes of address space for a guarded linear memory", "`Config::guard_memory(false)`"];
        says(&Memory::new(&mut other, MemoryType::new(1, None)).expect_err("8 GiB"), &parts);
        drop(store);
        // The idle one.
        Memory::new(&mut other, MemoryType::new(1, None)).expect("a memory");
    });
}

#[test]
fn a_shared_memory_reserves_no_more_than_there_is() {
    within(&[300_000_000, 3 << 30], "a_shared_memory_reserves_no_more_than_there_is", || {
        let engine = engine(|_| {});
        let memories: Vec<SharedMemory> =
            (0..3).map(|_| SharedMemory::new(&engine, MemoryType::shared(16, 65536)).expect("a memory")).collect();
        for memory in &memories {
            assert_eq!(memory.ty(), MemoryType::shared(16, 65536));
            assert_eq!(memory.grow(16).expect("reserved"), 16);
            let error = memory.grow(65504).expect_err("4 GiB");
            says(&error, &["4294967296 bytes of address space for a shared memory"]);
            assert_eq!(memory.grow(65505).expect_err("its maximum").to_string(), "the memory cannot grow that far");
            assert_eq!(memory.data_size(), 2 << 20);
        }
        // There is room for others.
        Memory::new(&mut Store::new(&engine, ()), MemoryType::new(100, None)).expect("a memory");
    });
}

#[test]
fn every_error_says_how_much_was_asked_for() {
    within(&[NO_LIMIT], "every_error_says_how_much_was_asked_for", || {
        const LITTLE: u64 = 1 << 20;
        let engine = engine(|config| _ = config.guard_memory(false).max_memory_size(1 << 40));
        let mut store = Store::new(&engine, ());

        let large = Engine::new(Config::new().max_wasm_stack(64 << 20)).expect("an engine");
        let error = with_room_for(LITTLE, || Store::try_new(&large, ()).map(drop).expect_err("64 MiB"));
        says(&error, &["68321280 bytes of address space for a wasm stack and its guard", "`Config::max_wasm_stack`"]);

        let memory = MemoryType::new(1000, None);
        let error = with_room_for(LITTLE, || Memory::new(&mut store, memory).expect_err("64 MB"));
        says(&error, &["65536000 bytes of memory for a linear memory"]);
        let memory = Memory::new(&mut store, MemoryType::new(1, None)).expect("a memory");
        let error = with_room_for(LITTLE, || memory.grow(&mut store, 999).expect_err("64 MB"));
        says(&error, &["65536000 bytes of memory for a linear memory"]);
        let error = with_room_for(LITTLE, || Memory::new(&mut store, MemoryType::new64(1 << 20, None)));
        says(&error.expect_err("64 GiB"), &["68719476736 bytes of memory for a linear memory"]);

        let shared = MemoryType::shared(1000, 65536);
        let error = with_room_for(LITTLE, || SharedMemory::new(&engine, shared).expect_err("64 MB"));
        says(&error, &["65536000 bytes of address space for a shared memory", "`Config::max_memory_size`"]);

        let table = TableType::new(RefType::FUNCREF, 10_000_000, None);
        let error = with_room_for(LITTLE, || Table::new(&mut store, table, Ref::Func(None)).expect_err("80 MB"));
        says(&error, &["80000000 bytes of memory for a table"]);

        let lazy = Engine::new(Config::new().lazy_compilation(true)).expect("an engine");
        let text = "(module (func (export \"f\")))";
        let error = with_room_for(LITTLE, || Module::new(&lazy, text).map(drop).expect_err("16 MiB"));
        says(&error, &["bytes of address space for code that is compiled", "`Config::lazy_compilation(false)`"]);

        let functions = "(func (drop (i32.const 1)))".repeat(500_000);
        let bytes = wat::parse_str(format!("(module {functions})")).expect("text");
        let one = Engine::new(Config::new().parallel_compilation(false)).expect("an engine");
        let error = with_room_for(LITTLE, || Module::new(&one, &bytes).map(drop).expect_err("a few MiB"));
        says(&error, &["bytes of memory for machine code"]);
    });
}

/// A thread that never ran wasm code needs a signal stack first.
#[test]
fn no_memory_for_a_signal_stack_is_an_error() {
    within(&[NO_LIMIT], "no_memory_for_a_signal_stack_is_an_error", || {
        let engine = engine(|_| {});
        let module = Module::new(&engine, "(module (func (export \"f\")))").expect("a module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let f = instance.get_typed_func::<(), ()>(&mut store, "f").expect("exported");
        let error = with_room_for(64 << 10, || f.call(&mut store, ()).expect_err("more than 64 KiB"));
        says(&error, &["bytes of memory for a signal stack"]);
        // Next time it has one.
        f.call(&mut store, ()).expect("no trap");
    });
}

/// Code that is compiled when it is called has what was reserved for it, and no more.
#[test]
fn code_that_outgrows_its_addresses_is_an_error_of_the_call() {
    within(&[NO_LIMIT], "code_that_outgrows_its_addresses_is_an_error_of_the_call", || {
        let line = "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))".repeat(1500);
        let functions: String = (0..100).map(|number| format!("(func (export \"f{number}\") {line})")).collect();
        let bytes = wat::parse_str(format!("(module (memory 1) {functions})")).expect("text");
        let engine = engine(|config| _ = config.lazy_compilation(true).guard_memory(false));
        let module = with_room_for(6 << 20, || Module::new(&engine, &bytes).expect("it is valid"));
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let mut call = |number: usize| {
            instance.get_typed_func::<(), ()>(&mut store, &format!("f{number}")).expect("exported").call(&mut store, ())
        };
        let full = (0..100).find(|&number| call(number).is_err()).expect("3 MB of code");
        let error = call(full).expect_err("as before");
        assert!(full > 10 && error.to_string().contains("bytes of address space that are reserved"), "{full}: {error}");
        assert_eq!(error.downcast_ref::<std::io::Error>().map(std::io::Error::kind), Some(OutOfMemory));
        // What is compiled runs.
        call(0).expect("no trap");
    });
}

/// Modules with large images have a descriptor each; where there are many, the last ones copy their data instead, and run alike.
#[test]
fn images_leave_descriptors_to_the_host() {
    const LIMIT: u64 = 160;
    within(&[NO_LIMIT], "images_leave_descriptors_to_the_host", || {
        let limit = libc::rlimit { rlim_cur: LIMIT, rlim_max: LIMIT };
        // SAFETY: reads the limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        let open = || std::fs::read_dir("/proc/self/fd").expect("Linux").count() as u64;
        let engine = engine(|config| _ = config.guard_memory(true));
        let (data, before) = ("x".repeat(70_000), open());
        let module = |number: usize| {
            let text = format!(r#"(module (memory (export "memory") 2) (data (i32.const {number}) "{data}"))"#);
            Module::new(&engine, text).expect("a module")
        };
        let modules: Vec<Module> = (1..2 * LIMIT as usize).map(module).collect();
        for (number, module) in (1..).zip(&modules) {
            // The second one makes the image.
            for _ in 0..3 {
                let mut store = Store::new(&engine, ());
                let instance = Instance::new(&mut store, module, &[]).expect("an instance");
                let memory = instance.get_memory(&mut store, "memory").expect("exported");
                let bytes = [number - 1, number, number + 69_999, number + 70_000].map(|at| memory.data(&store)[at]);
                assert_eq!(bytes, [0, b'x', b'x', 0], "module {number}");
            }
        }
        let images = open() - before;
        assert!((LIMIT / 8..LIMIT / 8 + 10).contains(&images), "{images} more of {LIMIT}");
    });
}
