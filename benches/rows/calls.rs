//! The rows of the benchmark `door`: calls between host and wasm, traps, and the host's access to memories.
//!
//! Written against names that planish and wasmtime share. The including file brings those of one engine into scope as
//! `super::api`, so the same source measures either.

use super::api::{Caller, Engine, Error, Instance, Linker, Memory, Module, Store, Val};
use crate::measure::Row;
use std::hint::black_box;

const CALLS: u32 = 1_000_000;
/// Rounds of operations that take microseconds rather than nanoseconds.
const FEWER_CALLS: u32 = 1_000;

const TEXT: &str = r#"(module
    (import "host" "nothing" (func $nothing))
    (import "host" "add" (func $add (param i32 i32) (result i32)))
    (import "host" "caller" (func $caller (param i32) (result i32)))
    (import "host" "dynamic" (func $dynamic (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (type $unary (func (param i32) (result i32)))
    (table 16 funcref)
    (elem (i32.const 0) func $less $less $less $less $less $less $less $less $less $less $less $less $less $less $less $less)
    (func (export "empty"))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "add floats") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
    (func (export "trap") unreachable)
    (func $less (export "less") (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)))
    (func (export "call indirect") (param i32)
        (loop (br_if 0 (local.tee 0
            (call_indirect (type $unary) (local.get 0) (i32.and (local.get 0) (i32.const 15)))))))
    (func (export "call nothing") (param i32)
        (loop (call $nothing)
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "call add") (param i32) (local i32)
        (loop (local.set 1 (call $add (local.get 0) (local.get 1)))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "call caller") (param i32)
        (loop (br_if 0 (local.tee 0 (call $caller (local.get 0))))))
    (func (export "call dynamic") (param i32) (local i32)
        (loop (local.set 1 (call $dynamic (local.get 0) (local.get 1)))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

const OTHER_TEXT: &str = r#"(module (import "first" "less" (func $less (param i32) (result i32)))
    (func (export "call import") (param i32)
        (loop (br_if 0 (local.tee 0 (call $less (local.get 0)))))))"#;

/// What a row needs to call: a store, its linker, and the instance of [`TEXT`].
struct Parts {
    engine: Engine,
    linker: Linker<u32>,
    store: Store<u32>,
    instance: Instance,
}

impl Parts {
    fn new() -> Result<Parts, Error> {
        let engine = Engine::default();
        let module = Module::new(&engine, TEXT)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "nothing", || {})?;
        linker.func_wrap("host", "add", |a: i32, b: i32| a.wrapping_add(b))?;
        linker.func_wrap("host", "caller", |mut caller: Caller<'_, u32>, n: u32| {
            *caller.data_mut() = n;
            n - 1
        })?;
        let ty =
            module.imports().find(|import| import.name() == "dynamic").and_then(|import| import.ty().func().cloned());
        linker.func_new("host", "dynamic", ty.expect("an imported function"), |_, params, results| {
            results[0] = Val::I32(params[0].unwrap_i32().wrapping_add(params[1].unwrap_i32()));
            Ok(())
        })?;
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module)?;
        Ok(Parts { engine, linker, store, instance })
    }

    fn memory(&mut self) -> Memory {
        self.instance.get_memory(&mut self.store, "memory").expect("exported")
    }
}

/// All rows, each with a store of its own.
pub fn rows() -> Result<Vec<Row>, Error> {
    Ok(vec![
        empty()?,
        add()?,
        add_floats()?,
        dynamic_call()?,
        calls_of("wasm -> host, ()", "call nothing")?,
        calls_of("wasm -> host, (i32, i32) -> i32", "call add")?,
        calls_of("wasm -> host with its caller, i32 -> i32", "call caller")?,
        calls_of("wasm -> dynamic host function, (i32, i32) -> i32", "call dynamic")?,
        calls_of("wasm -> wasm, by a table", "call indirect")?,
        calls_of_other_instance()?,
        trap()?,
        read()?,
        write()?,
        data_mut()?,
    ])
}

fn empty() -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    let func = parts.instance.get_typed_func::<(), ()>(&mut parts.store, "empty")?;
    Ok(Row::new("host -> wasm, ()", CALLS, move || {
        (0..CALLS).for_each(|_| func.call(&mut parts.store, ()).expect("returns"));
    }))
}

fn add() -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    let func = parts.instance.get_typed_func::<(i32, i32), i32>(&mut parts.store, "add")?;
    Ok(Row::new("host -> wasm, (i32, i32) -> i32", CALLS, move || {
        (0..CALLS).for_each(|n| _ = black_box(func.call(&mut parts.store, (n as i32, 1)).expect("returns")));
    }))
}

fn add_floats() -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    let func = parts.instance.get_typed_func::<(f64, f64), f64>(&mut parts.store, "add floats")?;
    Ok(Row::new("host -> wasm, (f64, f64) -> f64", CALLS, move || {
        (0..CALLS).for_each(|n| _ = black_box(func.call(&mut parts.store, (f64::from(n), 1.0)).expect("returns")));
    }))
}

fn dynamic_call() -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    let func = parts.instance.get_func(&mut parts.store, "add").expect("exported");
    let mut results = [Val::I32(0)];
    Ok(Row::new("host -> wasm by Func::call, (i32, i32) -> i32", CALLS, move || {
        for n in 0..CALLS {
            func.call(&mut parts.store, &[Val::I32(n as i32), Val::I32(1)], &mut results).expect("returns");
        }
    }))
}

/// Calls from a loop in wasm.
fn calls_of(name: &'static str, export: &str) -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    let func = parts.instance.get_typed_func::<u32, ()>(&mut parts.store, export)?;
    Ok(Row::new(name, CALLS, move || func.call(&mut parts.store, CALLS).expect("returns")))
}

fn calls_of_other_instance() -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    parts.linker.instance(&mut parts.store, "first", parts.instance)?;
    let module = Module::new(&parts.engine, OTHER_TEXT)?;
    let other = parts.linker.instantiate(&mut parts.store, &module)?;
    let func = other.get_typed_func::<u32, ()>(&mut parts.store, "call import")?;
    Ok(Row::new("wasm -> wasm of another instance", CALLS, move || {
        func.call(&mut parts.store, CALLS).expect("returns")
    }))
}

fn trap() -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    let func = parts.instance.get_typed_func::<(), ()>(&mut parts.store, "trap")?;
    Ok(Row::new("a trap, with its backtrace", FEWER_CALLS, move || {
        (0..FEWER_CALLS).for_each(|_| _ = func.call(&mut parts.store, ()).expect_err("traps"));
    }))
}

fn read() -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    let memory = parts.memory();
    let mut bytes = [0; 16];
    Ok(Row::new("Memory::read of 16 bytes", CALLS, move || {
        for n in 0..CALLS {
            memory.read(&parts.store, black_box(n as usize & 0x7FFF), &mut bytes).expect("within the memory");
            black_box(&bytes);
        }
    }))
}

fn write() -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    let memory = parts.memory();
    let bytes = [1; 16];
    Ok(Row::new("Memory::write of 16 bytes", CALLS, move || {
        for n in 0..CALLS {
            memory.write(&mut parts.store, black_box(n as usize & 0x7FFF), &bytes).expect("within the memory");
        }
    }))
}

fn data_mut() -> Result<Row, Error> {
    let mut parts = Parts::new()?;
    let memory = parts.memory();
    Ok(Row::new("Memory::data_mut", CALLS, move || {
        (0..CALLS).for_each(|n| memory.data_mut(&mut parts.store)[black_box(n as usize & 0x7FFF)] = 1);
    }))
}
