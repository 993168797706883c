//! Wrong use of the API is an error, or a panic where no error can be given: never anything else.
#![allow(missing_docs)]

use planish::{
    Engine, Extern, ExternRef, Func, FuncType, Global, GlobalType, Instance, Linker, Memory, MemoryType, Module,
    Mutability, Ref, RefType, Store, Table, TableType, Trap, Val, ValType,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

const ANOTHER_STORE: &str = "used with another store than its own";

fn stores() -> (Engine, Store<()>, Store<()>) {
    let engine = Engine::default();
    let (own, other) = (Store::new(&engine, ()), Store::new(&engine, ()));
    (engine, own, other)
}

#[track_caller]
fn refused<T>(result: planish::Result<T>, message: &str) {
    let error = result.err().expect("refused");
    assert!(error.to_string().contains(message), "{error}");
}

#[track_caller]
fn panics<T>(call: impl FnOnce() -> T) {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(call()))).expect_err("panics");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains(ANOTHER_STORE), "{message}");
}

#[test]
fn functions_of_another_store() {
    let (engine, mut own, mut other) = stores();
    let f = Func::wrap(&mut own, |x: i32| x);
    let typed = f.typed::<i32, i32>(&own).unwrap();
    refused(typed.call(&mut other, 1), ANOTHER_STORE);
    refused(f.typed::<i32, i32>(&other), ANOTHER_STORE);
    refused(f.call(&mut other, &[Val::I32(1)], &mut [Val::I32(0)]), ANOTHER_STORE);
    panics(|| f.ty(&other));
    let module = Module::new(&engine, r#"(module (import "" "" (func (param i32) (result i32))))"#).unwrap();
    refused(Instance::new(&mut other, &module, &[f.into()]), ANOTHER_STORE);
    refused(Linker::new(&engine).define(&other, "", "", f), ANOTHER_STORE);
    let mut linker = Linker::new(&engine);
    linker.define(&own, "", "", f).unwrap();
    refused(linker.instantiate(&mut other, &module), ANOTHER_STORE);
    assert!(linker.get(&mut other, "", "").is_none());
}

#[test]
fn memories_tables_and_globals_of_another_store() {
    let (engine, mut own, mut other) = stores();
    let memory = Memory::new(&mut own, MemoryType::new(1, None)).unwrap();
    refused(memory.grow(&mut other, 1), ANOTHER_STORE);
    panics(|| memory.data(&other).len());
    panics(|| memory.data_mut(&mut other).len());
    panics(|| memory.read(&other, 0, &mut [0]));
    panics(|| memory.write(&mut other, 0, &[0]));
    panics(|| memory.size(&other));
    panics(|| memory.ty(&other));
    let table = Table::new(&mut own, TableType::new(RefType::FUNCREF, 1, None), Ref::Func(None)).unwrap();
    refused(table.set(&mut other, 0, Ref::Func(None)), ANOTHER_STORE);
    refused(table.grow(&mut other, 1, Ref::Func(None)), ANOTHER_STORE);
    refused(table.fill(&mut other, 0, Ref::Func(None), 1), ANOTHER_STORE);
    panics(|| table.get(&other, 0));
    panics(|| table.size(&other));
    let ty = GlobalType::new(ValType::FUNCREF, Mutability::Var);
    let global = Global::new(&mut own, ty, Val::FuncRef(None)).unwrap();
    refused(global.set(&mut other, Val::FuncRef(None)), ANOTHER_STORE);
    panics(|| global.get(&other));
    for item in [Extern::from(memory), table.into(), global.into()] {
        let module = Module::new(&engine, r#"(module (import "" "" (memory 1)))"#).unwrap();
        refused(Instance::new(&mut other, &module, std::slice::from_ref(&item)), ANOTHER_STORE);
        panics(|| item.ty(&other));
    }
}

#[test]
fn references_of_another_store() {
    let (engine, mut own, mut other) = stores();
    let f = Func::wrap(&mut own, || {});
    let object = ExternRef::new(&mut own, 1u8);
    refused(object.data(&other).map(drop), ANOTHER_STORE);
    for (ty, value, reference) in
        [(RefType::FUNCREF, Val::from(f), Ref::from(f)), (RefType::EXTERNREF, Val::from(object), Ref::from(object))]
    {
        refused(
            Global::new(&mut other, GlobalType::new(ValType::Ref(ty.clone()), Mutability::Var), value),
            ANOTHER_STORE,
        );
        refused(Table::new(&mut other, TableType::new(ty.clone(), 1, None), reference), ANOTHER_STORE);
        let table = Table::new(&mut other, TableType::new(ty.clone(), 1, None), Ref::null(&ty)).unwrap();
        refused(table.set(&mut other, 0, reference), ANOTHER_STORE);
    }
    // As arguments, and as results of host functions.
    let take = Func::wrap(&mut other, |_: Option<Func>, _: Option<ExternRef>| {});
    let typed = take.typed::<(Option<Func>, Option<ExternRef>), ()>(&other).unwrap();
    refused(typed.call(&mut other, (Some(f), None)), ANOTHER_STORE);
    refused(typed.call(&mut other, (None, Some(object))), ANOTHER_STORE);
    refused(take.call(&mut other, &[Val::from(f), Val::ExternRef(None)], &mut []), ANOTHER_STORE);
    let give = Func::wrap(&mut other, move || Some(f));
    let text = r#"(module (import "" "" (func $give (result funcref))) (func (export "run") (drop (call $give))))"#;
    let module = Module::new(&engine, text).unwrap();
    let instance = Instance::new(&mut other, &module, &[give.into()]).unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut other, "run").unwrap();
    refused(run.call(&mut other, ()), ANOTHER_STORE);
}

#[test]
fn instances_of_another_store() {
    let (engine, mut own, mut other) = stores();
    let module = Module::new(&engine, r#"(module (func (export "f")))"#).unwrap();
    let instance = Instance::new(&mut own, &module, &[]).unwrap();
    refused(instance.get_typed_func::<(), ()>(&mut other, "f"), ANOTHER_STORE);
    panics(|| instance.get_export(&mut other, "f"));
    panics(|| instance.exports(&other).count());
    refused(Linker::new(&engine).instance(&mut other, "m", instance), ANOTHER_STORE);
}

#[test]
fn modules_of_another_engine() {
    let module = Module::new(&Engine::default(), "(module)").unwrap();
    let mut store = Store::new(&Engine::default(), ());
    refused(Instance::new(&mut store, &module, &[]), "another engine");
    let linker = Linker::new(&Engine::default());
    refused(linker.instantiate(&mut store, &module), "another engine");
}

#[test]
fn host_functions_of_another_engine() {
    // A linker's host functions are put into the store with the store's engine, whatever engine the linker has.
    let mut linker = Linker::new(&Engine::default());
    linker.func_wrap("h", "f", |x: f64| x + 1.0).unwrap();
    let mut store = Store::new(&Engine::default(), ());
    let f = linker.get(&mut store, "h", "f").unwrap().into_func().unwrap();
    assert_eq!(f.typed::<f64, f64>(&store).unwrap().call(&mut store, 1.0).unwrap(), 2.0);
}

#[test]
fn wrong_types_and_numbers_of_values() {
    let (_, mut store, _) = stores();
    let f = Func::wrap(&mut store, |x: i32, y: f64| (y, x));
    refused(f.typed::<(i32, f64), (f64, i64)>(&store), "type mismatch");
    refused(f.typed::<(i32,), (f64, i32)>(&store), "type mismatch");
    refused(f.typed::<(), ()>(&store), "type mismatch");
    let mut two = [Val::I32(0), Val::I32(0)];
    let good = [Val::I32(1), Val::from(2.0)];
    f.call(&mut store, &good, &mut two).unwrap();
    refused(f.call(&mut store, &good[..1], &mut two), "1 and 2 instead of 2 and 2");
    refused(f.call(&mut store, &[], &mut two), "0 and 2 instead of 2 and 2");
    refused(f.call(&mut store, &good, &mut two[..1]), "2 and 1 instead of 2 and 2");
    refused(f.call(&mut store, &[Val::I64(1), good[1]], &mut two), "argument 0 is i64 instead of i32");
    refused(f.call(&mut store, &[good[0], Val::FuncRef(None)], &mut two), "argument 1 is funcref instead of f64");
}

#[test]
fn wrong_types_of_items() {
    let (_, mut store, _) = stores();
    let constant = GlobalType::new(ValType::I32, Mutability::Const);
    refused(Global::new(&mut store, constant.clone(), Val::I64(0)), "type mismatch");
    let global = Global::new(&mut store, constant, Val::I32(0)).unwrap();
    refused(global.set(&mut store, Val::I32(1)), "immutable");
    let global = Global::new(&mut store, GlobalType::new(ValType::I32, Mutability::Var), Val::I32(0)).unwrap();
    refused(global.set(&mut store, Val::F32(1)), "type mismatch");
    let ty = TableType::new(RefType::FUNCREF, 1, Some(2));
    refused(Table::new(&mut store, ty.clone(), Ref::Extern(None)), "another type");
    let table = Table::new(&mut store, ty.clone(), Ref::Func(None)).unwrap();
    refused(table.set(&mut store, 0, Ref::Extern(None)), "another type");
    refused(table.grow(&mut store, 1, Ref::Extern(None)), "another type");
    refused(table.grow(&mut store, 2, Ref::Func(None)), "cannot grow");
    assert_eq!(table.set(&mut store, 1, Ref::Func(None)).unwrap_err().trap(), Some(Trap::TableOutOfBounds));
    assert_eq!(table.fill(&mut store, 1, Ref::Func(None), u64::MAX).unwrap_err().trap(), Some(Trap::TableOutOfBounds));
    refused(Memory::new(&mut store, MemoryType::new64(u64::MAX, None)), "impossible");
    refused(Memory::new(&mut store, MemoryType::new(2, Some(1))), "impossible");
    let mut long = ty;
    long.minimum = u64::MAX;
    refused(Table::new(&mut store, long, Ref::Func(None)), "impossible");
    refused(Table::new(&mut store, TableType::new(RefType::FUNCREF, u32::MAX, None), Ref::Func(None)), "limit");
}

#[test]
fn imports_that_do_not_fit() {
    let (engine, mut store, _) = stores();
    let func = Func::wrap(&mut store, |x: i32| x);
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(3))).unwrap();
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 5, None), Ref::Func(None)).unwrap();
    let global = Global::new(&mut store, GlobalType::new(ValType::I32, Mutability::Var), Val::I32(0)).unwrap();
    let cases: &[(&str, Extern, bool)] = &[
        ("(func (param i32) (result i32))", func.into(), true),
        ("(func (param i32))", func.into(), false),
        ("(func (param i64) (result i32))", func.into(), false),
        ("(memory 1)", func.into(), false),
        ("(memory 1)", memory.into(), true),
        ("(memory 2)", memory.into(), false),
        ("(memory 1 3)", memory.into(), true),
        ("(memory 1 2)", memory.into(), false),
        ("(memory 0 4)", memory.into(), true),
        ("(table 5 funcref)", table.into(), true),
        ("(table 6 funcref)", table.into(), false),
        ("(table 5 9 funcref)", table.into(), false),
        ("(table 5 externref)", table.into(), false),
        ("(global (mut i32))", global.into(), true),
        ("(global i32)", global.into(), false),
        ("(global (mut i64))", global.into(), false),
        ("(global (mut i32))", memory.into(), false),
    ];
    for (import, item, fits) in cases {
        let module = Module::new(&engine, format!(r#"(module (import "m" "n" {import}))"#)).unwrap();
        let result = Instance::new(&mut store, &module, std::slice::from_ref(item));
        assert_eq!(result.is_ok(), *fits, "{import}");
        if !fits {
            refused(result, "incompatible import type for `m::n`");
        }
    }
    let module = Module::new(&engine, r#"(module (import "m" "n" (memory 1)))"#).unwrap();
    refused(Instance::new(&mut store, &module, &[]), "wrong number of imports: 0 instead of 1");
    refused(
        Instance::new(&mut store, &module, &[memory.into(), memory.into()]),
        "wrong number of imports: 2 instead of 1",
    );
    refused(Linker::new(&engine).instantiate(&mut store, &module), "unknown import: `m::n`");
    let mut linker = Linker::new(&engine);
    linker.func_wrap("m", "n", || {}).unwrap();
    refused(linker.instantiate(&mut store, &module), "incompatible import type for `m::n`");
    refused(linker.func_new("m", "n", FuncType::new([], []), |_, _, _| Ok(())).map(drop), "defined twice");
}

#[test]
fn a_failed_instantiation_leaves_what_it_wrote() {
    let (engine, mut store, _) = stores();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, None), Ref::Func(None)).unwrap();
    let text = r#"(module (import "" "m" (memory 1)) (import "" "t" (table 2 funcref))
        (func $seven (result i32) (i32.const 7))
        (elem (i32.const 1) $seven) (data (i32.const 5) "five") (data (i32.const 65535) "xy"))"#;
    let module = Module::new(&engine, text).unwrap();
    let error = Instance::new(&mut store, &module, &[memory.into(), table.into()]).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
    assert_eq!(&memory.data(&store)[5..9], b"five");
    assert_eq!(memory.data(&store)[65535], 0);
    // The instance was never handed out, but its function is in the table and works.
    let seven = table.get(&store, 1).unwrap().as_func().unwrap();
    assert_eq!(seven.typed::<(), i32>(&store).unwrap().call(&mut store, ()).unwrap(), 7);
}

#[test]
fn items_outlive_nothing_they_need() {
    // Everything but the store is gone when the function runs.
    let (mut store, run) = {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let module = Module::new(&engine, r#"(module (func (export "f") (result i32) (i32.const 9)))"#).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let run = instance.get_typed_func::<(), i32>(&mut store, "f").unwrap();
        (store, run)
    };
    assert_eq!(run.call(&mut store, ()).unwrap(), 9);
    drop(store);
    let mut later = Store::new(&Engine::default(), ());
    refused(run.call(&mut later, ()), ANOTHER_STORE);
}
