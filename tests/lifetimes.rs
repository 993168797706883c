//! What the process keeps of modules that were dropped or refused: nothing. Not their types, not their stubs, no mapping.

use planish::{
    ConcreteFuncType, Config, Engine, Func, FuncType, HeapType, Instance, Module, RefType, Store, Val, ValType,
};
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Memory and mappings are the whole process's: one test at a time looks at them.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Eager and lazy.
fn engines() -> [Engine; 2] {
    [false, true].map(|lazy| Engine::new(Config::new().lazy_compilation(lazy)).expect("an engine"))
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").expect("the mappings").lines().count()
}

/// The length of all mappings of the process that can be executed.
fn executable_bytes() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("the mappings");
    let executable = maps.lines().filter(|line| line.contains(" r-xp "));
    let length = |line: &str| {
        let (start, end) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')).expect("a range");
        let [start, end] = [start, end].map(|address| usize::from_str_radix(address, 16).expect("an address"));
        end - start
    };
    executable.map(length).sum()
}

fn number(mut number: u32, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn section(id: u8, body: &[u8], module: &mut Vec<u8>) {
    module.push(id);
    number(body.len() as u32, module);
    module.extend_from_slice(body);
}

/// A module of `count` types, the first with `seed + 1` parameters, each further one with a reference to the one before.
fn chain_of_types(count: u32, seed: u32) -> Vec<u8> {
    let mut types = Vec::new();
    number(count, &mut types);
    types.push(0x60);
    number(seed + 1, &mut types);
    types.extend(vec![0x7f; seed as usize + 1]);
    types.push(0);
    for index in 0..count - 1 {
        types.extend([0x60, 1, 0x63]);
        // A signed number: one bit more.
        match index {
            0..64 => types.push(index as u8),
            _ => {
                let mut rest = index;
                while rest >= 0x40 {
                    types.push(rest as u8 | 0x80);
                    rest >>= 7;
                }
                types.push(rest as u8);
            }
        }
        types.push(0);
    }
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(1, &types, &mut module);
    module
}

/// A module of one exported function of a type that `seed` chooses.
fn one_function(seed: u32) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0\x01\x18\x01\x60\x14".to_vec();
    module.extend((0..20).map(|bit| if seed >> bit & 1 == 1 { 0x7e } else { 0x7f }));
    module.push(0);
    section(3, &[1, 0], &mut module);
    section(7, &[1, 1, b'f', 0, 0], &mut module);
    section(10, &[1, 2, 0, 0x0b], &mut module);
    module
}

/// A module of functions of different types of 1,000 vectors to 1,000 vectors, all referable. The last one is invalid, or not.
fn wide_functions(count: u32, seed: u32, valid: bool) -> Vec<u8> {
    let mut types = Vec::new();
    number(count, &mut types);
    let (mut functions, mut elements, mut code) = (types.clone(), vec![1, 3, 0], types.clone());
    number(count, &mut elements);
    for index in 0..count {
        types.push(0x60);
        number(1000, &mut types);
        let name = seed << 16 | index;
        types.extend((0..1000).map(|bit| if bit < 32 && name >> bit & 1 == 1 { 0x7e } else { 0x7b }));
        number(1000, &mut types);
        types.extend([0x7b; 1000]);
        number(index, &mut functions);
        number(index, &mut elements);
        code.extend([3, 0, if valid || index + 1 < count { 0x00 } else { 0x6a }, 0x0b]);
    }
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(1, &types, &mut module);
    section(3, &functions, &mut module);
    section(9, &elements, &mut module);
    section(10, &code, &mut module);
    module
}

/// Types that references name were never forgotten, and after four million no module could have a new one.
#[test]
fn types_go_with_their_modules() {
    let _alone = alone();
    for round in 0..3 {
        for engine in engines() {
            let module = Module::new(&engine, chain_of_types(50_000, round)).expect("a module");
            drop(module);
        }
    }
    let before = resident_kib();
    for round in 3..15 {
        let engine = Engine::default();
        drop(Module::new(&engine, chain_of_types(50_000, round)).expect("a module"));
    }
    let more = resident_kib().saturating_sub(before);
    assert!(more < 20 << 10, "{more} KiB more after 600,000 further types");
    let innocent = "(module (type $t (func (param i32 i64 f32))) (func (param (ref null $t))))";
    Module::new(&Engine::default(), innocent).expect("there is room for types");
}

/// A handle keeps its type, and all that it refers to: a chain that is dropped with one handle must not be dropped by recursion.
#[test]
fn a_handle_keeps_a_long_chain_of_types() {
    let _alone = alone();
    let mut ty = ConcreteFuncType::from(FuncType::new([ValType::F64], []));
    for _ in 0..300_000 {
        let reference = ValType::Ref(RefType { nullable: true, heap: HeapType::ConcreteFunc(ty) });
        ty = FuncType::new([reference], []).into();
    }
    let same = ConcreteFuncType::from(ty.func_type().clone());
    assert_eq!(ty, same);
    drop(same);
    std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(move || drop(ty))
        .expect("a thread")
        .join()
        .expect("dropped");
}

/// Types are the same in every engine and for as long as somebody knows them; a call checks them by their numbers.
#[test]
fn a_type_that_comes_back_is_the_same_type() {
    let _alone = alone();
    for engine in engines() {
        let text = "(module (table (export \"t\") 2 funcref) (type $v (func (result i32)))
            (func (export \"call\") (param i32) (result i32) (call_indirect (type $v) (local.get 0))))";
        let mut store = Store::new(&engine, ());
        let module = Module::new(&engine, text).expect("a module");
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        // The numbers of these types are free again when the next module wants some.
        drop((0..10).map(|seed| Module::new(&engine, one_function(seed)).expect("a module")).collect::<Vec<_>>());
        let table = instance.get_table(&mut store, "t").expect("a table");
        let (right, wrong) = (Func::wrap(&mut store, || 7), Func::wrap(&mut store, || 7i64));
        table.set(&mut store, 0, right.into()).expect("set");
        table.set(&mut store, 1, wrong.into()).expect("set");
        let call = instance.get_typed_func::<i32, i32>(&mut store, "call").expect("a function");
        assert_eq!(call.call(&mut store, 0).expect("the same type"), 7);
        assert!(call.call(&mut store, 1).is_err(), "another type");
    }
}

/// Each batch of new signatures was a mapping for the life of the engine, and a process has 65,530 of them.
#[test]
fn stubs_and_mappings_go_with_their_modules() {
    let _alone = alone();
    for engine in engines() {
        let run = |seeds: std::ops::Range<u32>| {
            let start = Instant::now();
            for seed in seeds {
                let module = Module::new(&engine, one_function(seed)).expect("a module");
                Instance::new(&mut Store::new(&engine, ()), &module, &[]).expect("an instance");
            }
            start.elapsed()
        };
        let first = run(0..300);
        // What the allocator keeps for itself comes once; what a module leaves behind comes again.
        let rounds = [300, 1500, 2700].map(|from| {
            let (before, memory) = (mappings(), resident_kib());
            let time = run(from..from + 1200);
            (mappings().saturating_sub(before), resident_kib().saturating_sub(memory), time)
        });
        let mappings = rounds.iter().map(|round| round.0).min().expect("rounds");
        let memory = rounds.iter().map(|round| round.1).min().expect("rounds");
        assert!(
            mappings < 10 && memory < 1 << 10,
            "mappings and KiB more for each 1,200 modules with a type each: {rounds:?}"
        );
        let time = rounds.iter().map(|round| round.2).min().expect("rounds");
        assert!(time < 4 * first * 4, "time stays flat: {first:?} for 300, {time:?} for 1,200");
    }
}

/// Seen from a host function: while code runs, and code is compiled that has not run before.
#[test]
fn no_page_is_writable_and_executable() {
    let _alone = alone();
    let count = || {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("a list of mappings");
        let access: Vec<&str> = maps.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        assert!(!access.iter().any(|access| access.contains('w') && access.contains('x')), "{maps}");
        access.iter().filter(|access| access.contains('x')).count()
    };
    let before = count();
    for engine in engines() {
        let functions: String = (0..200).map(|n| format!("(func (export \"{n}\") (call $look))")).collect();
        let text = format!("(module (import \"\" \"\" (func $look)) {functions})");
        let mut store = Store::new(&engine, ());
        let look = Func::wrap(&mut store, move || assert!(count() > before, "the code is seen"));
        let module = Module::new(&engine, text).expect("a module");
        let instance = Instance::new(&mut store, &module, &[look.into()]).expect("an instance");
        for n in 0..200 {
            let function = instance.get_typed_func::<(), ()>(&mut store, &n.to_string()).expect("a function");
            function.call(&mut store, ()).expect("it returns");
        }
    }
}

/// A host function's stub goes with the store.
#[test]
fn stubs_of_host_functions_go_with_their_types() {
    let _alone = alone();
    let engine = Engine::default();
    let run = |seeds: std::ops::Range<u32>| {
        for seed in seeds {
            let params = (0..20).map(|bit| if seed >> bit & 1 == 1 { ValType::I64 } else { ValType::I32 });
            let func = |_: planish::Caller<'_, ()>, _: &[Val], _: &mut [Val]| Ok(());
            Func::new(&mut Store::new(&engine, ()), FuncType::new(params, []), func);
        }
    };
    run(0..100);
    let before = executable_bytes();
    run(100..2000);
    let more = executable_bytes().saturating_sub(before);
    assert!(more < 20 << 12, "{more} bytes of code more after 1,900 host functions with a type each");
}

/// Stubs of a refused module were kept for ever: 75 MB for one of 3 MB.
#[test]
fn a_refused_module_leaves_nothing() {
    let _alone = alone();
    for engine in engines() {
        let refuse = |seed| assert!(Module::new(&engine, wide_functions(200, seed, false)).is_err());
        (0..4).for_each(refuse);
        let before = resident_kib();
        (4..12).for_each(refuse);
        let more = resident_kib().saturating_sub(before);
        assert!(more < 16 << 10, "{more} KiB more after eight modules that were refused");
    }
}

/// Stubs for many values loop: they take bytes in proportion to the type's, not kilobytes.
#[test]
fn stubs_for_many_values_are_short() {
    let _alone = alone();
    let engine = Engine::default();
    let bytes = wide_functions(400, 99, true);
    let before = executable_bytes();
    let module = Module::new(&engine, &bytes).expect("a module");
    let more = executable_bytes() - before;
    assert!(more < 400 << 11, "{more} bytes of code for 400 types");
    drop(module);
}

/// Stubs are code, of which a module may have so much.
#[test]
fn stubs_count_as_code() {
    for lazy in [false, true] {
        let engine = |bytes| Engine::new(Config::new().lazy_compilation(lazy).max_code_size(bytes)).expect("an engine");
        let bytes = wide_functions(100, 98, true);
        let error = Module::new(&engine(32 << 10), &bytes).expect_err("100 functions of 1,000 vectors in 32 KiB");
        assert!(error.to_string().contains("with the stubs"), "{error}");
        let module = Module::new(&engine(256 << 10), &bytes).expect("they fit");
        Instance::new(&mut Store::new(module.engine(), ()), &module, &[]).expect("an instance");
    }
}

/// A compilation with much to do for its types made every call with dynamic types wait.
#[test]
fn calls_do_not_wait_for_compilations() {
    let _alone = alone();
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let add = Func::wrap(&mut store, |x: i32| x + 1);
    let (bytes, other) = (wide_functions(600, 7, false), engine.clone());
    let compilation = std::thread::spawn(move || assert!(Module::new(&other, bytes).is_err()));
    let (mut worst, mut calls) = (Duration::MAX, 0);
    let mut slow = 0;
    while !compilation.is_finished() {
        let (start, mut results) = (Instant::now(), [Val::I32(0)]);
        add.call(&mut store, &[Val::I32(1)], &mut results).expect("a call");
        let took = start.elapsed();
        (worst, calls) = (worst.min(took), calls + 1);
        slow += u32::from(took > Duration::from_millis(200));
    }
    compilation.join().expect("it is refused");
    assert!(slow == 0, "{slow} of {calls} calls waited, the fastest took {worst:?}");
}

/// Such a type could be made by the host alone, and a function of it panicked in the assembler's name.
#[test]
fn types_have_as_many_values_as_a_module_could_give_them() {
    assert!(FuncType::try_new(vec![ValType::I32; 9000], []).is_err());
    let mut store = Store::new(&Engine::default(), ());
    let ty = FuncType::try_new(vec![ValType::V128; 1000], vec![ValType::V128; 1000]).expect("1,000 are allowed");
    let func = Func::new(&mut store, ty, |_, params: &[Val], results: &mut [Val]| {
        results.copy_from_slice(params);
        Ok(())
    });
    let params: Vec<Val> = (0..1000).map(|value| Val::V128(value.into())).collect();
    let mut results = vec![Val::V128(0.into()); 1000];
    func.call(&mut store, &params, &mut results).expect("a call");
    assert!(params.iter().zip(&results).all(|(a, b)| a.v128() == b.v128()));
}
