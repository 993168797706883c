//! Shared memories on real threads: each has a store of its own, and all have one memory.
#![allow(missing_docs)]

use planish::{
    Config, Engine, Extern, Instance, Memory, MemoryType, MemoryTypeBuilder, Module, SharedMemory, Store, Trap,
    TypedFunc, WaitResult, WasmFeature,
};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::thread;
use std::time::Duration;

const THREADS: i32 = 4;

fn engine(guarded: bool) -> Engine {
    let mut config = Config::new();
    if !guarded {
        config.guard_memory(false);
    }
    Engine::new(config.wasm_feature(WasmFeature::Threads, true)).unwrap()
}

/// In each way that a memory can be bounded: its engine, index type, and type.
fn ways() -> Vec<(Engine, &'static str, MemoryType)> {
    let wide = MemoryTypeBuilder::default().min(1).max(Some(10)).shared(true).memory64(true).build().unwrap();
    let narrow = MemoryType::shared(1, 10);
    vec![(engine(true), "i32", narrow), (engine(false), "i32", narrow), (engine(true), "i64", wide)]
}

fn function<P: planish::WasmParams, R: planish::WasmResults>(
    store: &mut Store<()>,
    module: &Module,
    memory: &SharedMemory,
    name: &str,
) -> TypedFunc<P, R> {
    let instance = Instance::new(&mut *store, module, &[memory.clone().into()]).unwrap();
    instance.get_typed_func(&mut *store, name).unwrap()
}

/// A module over one shared memory; `INDEX` stands for its index type, `@` for an index.
fn module(engine: &Engine, index: &str, functions: &str) -> Module {
    let functions = functions.replace('@', &format!("{index}.const"));
    let memory = if index == "i64" { "i64 1 10 shared" } else { "1 10 shared" };
    Module::new(engine, format!("(module (import \"\" \"\" (memory {memory})) {functions})")).unwrap()
}

fn number(memory: &SharedMemory, at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|byte| memory.data()[at + byte].load(SeqCst)))
}

/// Drepper's second mutex ("Futexes are tricky"): 0 free, 1 held, 2 held and waited for.
const MUTEX: &str = r#"
    (func $lock (local $old i32)
        (if (i32.eqz (local.tee $old (i32.atomic.rmw.cmpxchg (@ 0) (i32.const 0) (i32.const 1)))) (then (return)))
        (loop $again
            (if (i32.or
                    (i32.eq (local.get $old) (i32.const 2))
                    (i32.ne (i32.atomic.rmw.cmpxchg (@ 0) (i32.const 1) (i32.const 2)) (i32.const 0)))
                (then (drop (memory.atomic.wait32 (@ 0) (i32.const 2) (i64.const -1)))))
            (local.set $old (i32.atomic.rmw.cmpxchg (@ 0) (i32.const 0) (i32.const 2)))
            (br_if $again (local.get $old))))
    (func $unlock
        (if (i32.ne (i32.atomic.rmw.sub (@ 0) (i32.const 1)) (i32.const 1))
            (then
                (i32.atomic.store (@ 0) (i32.const 0))
                (drop (memory.atomic.notify (@ 0) (i32.const 1))))))
    (func (export "run") (param $rounds i32)
        (loop $again
            (call $lock)
            (i32.store (@ 64) (i32.add (i32.load (@ 64)) (i32.const 1)))
            (call $unlock)
            (drop (i32.atomic.rmw.add (@ 128) (i32.const 3)))
            (drop (i32.atomic.rmw16.xor_u (@ 192) (local.get $rounds)))
            (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1))))))"#;

#[test]
fn a_mutex_excludes_and_atomic_operations_are_whole() {
    for (engine, index, ty) in ways() {
        let (module, memory) = (module(&engine, index, MUTEX), SharedMemory::new(&engine, ty).unwrap());
        let rounds = 20_000;
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut store = Store::new(&engine, ());
                    function::<i32, ()>(&mut store, &module, &memory, "run").call(&mut store, rounds).unwrap();
                });
            }
        });
        let expected = (THREADS * rounds) as u32;
        assert_eq!((number(&memory, 0), number(&memory, 64), number(&memory, 128)), (0, expected, 3 * expected));
        // An even number of threads cancel each other out.
        assert_eq!(number(&memory, 192), 0);
    }
}

#[test]
fn waiting_threads_are_woken_from_wasm_and_by_the_host() {
    let functions = r#"
        (func (export "wait") (result i32) (memory.atomic.wait32 offset=8 (@ 0) (i32.const 0) (i64.const -1)))
        (func (export "wait64") (param i64) (result i32) (memory.atomic.wait64 (@ 8) (i64.const 0) (local.get 0)))
        (func (export "notify") (result i32) (memory.atomic.notify offset=4 (@ 4) (i32.const 1)))"#;
    for (engine, index, ty) in ways() {
        let (module, memory) = (module(&engine, index, functions), SharedMemory::new(&engine, ty).unwrap());
        let mut store = Store::new(&engine, ());
        let notify = function::<(), i32>(&mut store, &module, &memory, "notify");
        assert_eq!(notify.call(&mut store, ()).unwrap(), 0);
        let wait64 = function::<i64, i32>(&mut store, &module, &memory, "wait64");
        assert_eq!(wait64.call(&mut store, 1_000_000).unwrap(), 2);
        thread::scope(|scope| {
            let wait = || {
                let mut store = Store::new(&engine, ());
                function::<(), i32>(&mut store, &module, &memory, "wait").call(&mut store, ()).unwrap()
            };
            let waiting = [scope.spawn(wait), scope.spawn(wait)];
            let host = scope.spawn(|| memory.atomic_wait32(8, 0, None));
            let wide = scope.spawn(|| {
                let mut store = Store::new(&engine, ());
                function::<i64, i32>(&mut store, &module, &memory, "wait64").call(&mut store, i64::MAX).unwrap()
            });
            // Wakes one at a time, by turns, until all four are.
            let mut woken = 0;
            while woken < 4 {
                woken += notify.call(&mut store, ()).unwrap() as u32;
                woken += memory.atomic_notify(8, u32::from(woken < 4)).unwrap();
                thread::yield_now();
            }
            assert!(waiting.into_iter().all(|thread| thread.join().unwrap() == 0));
            assert_eq!((host.join().unwrap(), wide.join().unwrap()), (Ok(WaitResult::Ok), 0));
        });
        memory.data()[8].store(1, SeqCst);
        assert_eq!(function::<(), i32>(&mut store, &module, &memory, "wait").call(&mut store, ()).unwrap(), 1);
        assert_eq!(memory.atomic_wait64(8, 1, Some(Duration::from_millis(1))), Ok(WaitResult::TimedOut));
        assert_eq!(memory.atomic_wait32(12, 1, None), Ok(WaitResult::Mismatch));
        assert_eq!(memory.atomic_wait32(65536, 0, None), Err(Trap::MemoryOutOfBounds));
        assert_eq!(memory.atomic_wait32(u64::MAX - 3, 0, None), Err(Trap::MemoryOutOfBounds));
        assert_eq!(memory.atomic_notify(2, 0), Err(Trap::HeapMisaligned));
    }
}

#[test]
fn growth_is_seen_by_all_threads() {
    let functions = r#"
        (func (export "last") (result i32)
            (loop $again
                (br_if $again (i32.eqz (i32.atomic.load (@ 0))))
                (if (INDEX.ne (memory.size) (@ 10)) (then (br $again))))
            (i32.load8_u (@ 655359)))
        (func (export "beyond") (i32.store8 (@ 655360) (i32.const 1)))
        (func (export "grow") (result i32) (INDEX.eq (memory.grow (@ 1)) (@ -1)))"#;
    for (engine, index, ty) in ways() {
        let module = module(&engine, index, &functions.replace("INDEX", index));
        let memory = SharedMemory::new(&engine, ty).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut store = Store::new(&engine, ());
                function::<(), i32>(&mut store, &module, &memory, "last").call(&mut store, ()).unwrap()
            });
            // Nine succeed, whoever they are.
            let refusals: Vec<i32> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut store = Store::new(&engine, ());
                        let grow = function::<(), i32>(&mut store, &module, &memory, "grow");
                        (0..5).map(|_| grow.call(&mut store, ()).unwrap()).sum::<i32>()
                    })
                })
                .collect::<Vec<_>>()
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect();
            assert_eq!((refusals.iter().sum::<i32>(), memory.size()), (THREADS * 5 - 9, 10));
            memory.data()[655_359].store(77, Relaxed);
            memory.data()[0].store(1, SeqCst);
            assert_eq!(waiting.join().unwrap(), 77);
        });
        let mut store = Store::new(&engine, ());
        let beyond = function::<(), ()>(&mut store, &module, &memory, "beyond");
        assert_eq!(beyond.call(&mut store, ()).unwrap_err().trap(), Some(Trap::MemoryOutOfBounds));
        assert!(memory.grow(1).is_err() && memory.data_size() == 655_360);
    }
}

#[test]
fn an_exported_memory_outlives_its_store() {
    let engine = engine(true);
    let module = r#"(module (memory (export "m") 1 2 shared) (data (i32.const 5) "x")
        (func (export "grow") (result i32) (memory.grow (i32.const 1)))
        (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    let module = Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    assert!(instance.get_memory(&mut store, "m").is_none());
    let memory = instance.get_shared_memory(&mut store, "m").unwrap();
    assert_eq!(instance.get_shared_memory(&mut store, "m"), Some(memory.clone()));
    assert_eq!((memory.data()[5].load(Relaxed), memory.page_size()), (b'x', 65536));
    let load = instance.get_typed_func::<i32, i32>(&mut store, "load").unwrap();
    assert_eq!(load.call(&mut store, 65536).unwrap_err().trap(), Some(Trap::MemoryOutOfBounds));
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "grow").unwrap().call(&mut store, ()).unwrap(), 1);
    memory.data()[65536].store(9, Relaxed);
    assert_eq!(load.call(&mut store, 65536).unwrap(), 9);
    drop(store);
    assert_eq!((memory.data()[65536].load(Relaxed), memory.ty()), (9, MemoryType::shared(2, 2)));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (engine, other) = (engine(true), engine(false));
    let mut store = Store::new(&engine, ());
    let error = Memory::new(&mut store, MemoryType::shared(1, 1)).unwrap_err();
    assert_eq!(error.to_string(), "a shared memory belongs to no store");
    assert!(MemoryTypeBuilder::default().shared(true).build().is_err());
    let memory = SharedMemory::new(&other, MemoryType::shared(1, 1)).unwrap();
    let module = Module::new(&engine, "(module (import \"\" \"\" (memory 1 1 shared)))").unwrap();
    let error = Instance::new(&mut store, &module, &[memory.into()]).unwrap_err();
    assert_eq!(error.to_string(), "a shared memory of another engine");
    let own = Memory::new(&mut store, MemoryType::new(1, Some(1))).unwrap();
    let error = Instance::new(&mut store, &module, &[own.into()]).unwrap_err();
    assert!(error.to_string().contains("expected memory shared, of 1 to 1 pages, found memory of 1 to 1"), "{error}");
    let module = Module::new(&engine, "(module (import \"\" \"\" (memory 1 1)))").unwrap();
    let memory: Extern = SharedMemory::new(&engine, MemoryType::shared(1, 1)).unwrap().into();
    assert!(Instance::new(&mut store, &module, &[memory]).is_err());
    let limited = Engine::new(Config::new().wasm_feature(WasmFeature::Threads, true).max_memory_size(1 << 20)).unwrap();
    assert!(SharedMemory::new(&limited, MemoryType::shared(17, 65536)).is_err());
    let memory = SharedMemory::new(&limited, MemoryType::shared(1, 65536)).unwrap();
    assert!(memory.grow(15).is_ok() && memory.grow(1).is_err());
}
