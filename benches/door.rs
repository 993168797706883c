//! What calls cost: across the border between host and wasm, and from one instance to another. `cargo bench --bench door`

use planish::{Engine, Error, Linker, Module, Store};
use std::hint::black_box;
use std::time::Instant;

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("h", "nothing", || {})?;
    linker.func_wrap("h", "add", |a: i32, b: i32| a.wrapping_add(b))?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "h" "nothing" (func $nothing))
            (import "h" "add" (func $add (param i32 i32) (result i32)))
            (func (export "empty"))
            (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
            (func (export "trap") unreachable)
            (type $unary (func (param i32) (result i32)))
            (table 16 funcref)
            (elem (i32.const 0) func $less $less $less $less $less $less $less $less $less $less $less $less $less $less $less $less)
            (func $less (export "less") (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)))
            (func (export "call indirect") (param i32)
                (loop (br_if 0 (local.tee 0
                    (call_indirect (type $unary) (local.get 0) (i32.and (local.get 0) (i32.const 15)))))))
            (func (export "call nothing") (param i32)
                (loop (call $nothing)
                    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "call add") (param i32) (result i32) (local i32)
                (loop (local.set 1 (call $add (local.get 0) (local.get 1)))
                    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                local.get 1))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    const CALLS: u32 = 1_000_000;

    let empty = instance.get_typed_func::<(), ()>(&mut store, "empty")?;
    measure("host -> wasm, ()", CALLS, || (0..CALLS).for_each(|_| empty.call(&mut store, ()).expect("returns")));
    let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
    measure("host -> wasm, (i32, i32) -> i32", CALLS, || {
        (0..CALLS).for_each(|n| _ = black_box(add.call(&mut store, (n as i32, 1)).expect("returns")));
    });
    let nothing = instance.get_typed_func::<i32, ()>(&mut store, "call nothing")?;
    measure("wasm -> host, ()", CALLS, || nothing.call(&mut store, CALLS as i32).expect("returns"));
    let add = instance.get_typed_func::<i32, i32>(&mut store, "call add")?;
    measure("wasm -> host, (i32, i32) -> i32", CALLS, || _ = add.call(&mut store, CALLS as i32).expect("returns"));
    let indirect = instance.get_typed_func::<i32, ()>(&mut store, "call indirect")?;
    measure("wasm -> wasm, by a table", CALLS, || indirect.call(&mut store, CALLS as i32).expect("returns"));
    linker.instance(&mut store, "first", instance)?;
    let other = Module::new(
        &engine,
        r#"(module (import "first" "less" (func $less (param i32) (result i32)))
            (func (export "call import") (param i32)
                (loop (br_if 0 (local.tee 0 (call $less (local.get 0)))))))"#,
    )?;
    let other = linker.instantiate(&mut store, &other)?;
    let import = other.get_typed_func::<i32, ()>(&mut store, "call import")?;
    measure("wasm -> wasm of another instance", CALLS, || import.call(&mut store, CALLS as i32).expect("returns"));
    let trap = instance.get_typed_func::<(), ()>(&mut store, "trap")?;
    measure("a trap, with its backtrace", 1000, || {
        (0..1000).for_each(|_| _ = trap.call(&mut store, ()).expect_err("traps"))
    });
    Ok(())
}

/// Prints the best of some rounds.
fn measure(what: &str, calls: u32, mut round: impl FnMut()) {
    let rounds = (0..20).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed()
    });
    let best = rounds.min().expect("some rounds");
    println!("{what:40} {:8.2} ns", best.as_nanos() as f64 / f64::from(calls));
}
