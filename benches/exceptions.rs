//! What exceptions cost: those that are thrown, and a `try_table` through which none comes. `cargo bench --bench exceptions`

#[path = "../src/bin/planish/machine.rs"]
mod machine;

use planish::{Engine, Error, Instance, Module, Store, TypedFunc};
use std::time::Instant;

const TIMES: i32 = 10_000;

fn main() -> Result<(), Error> {
    println!("{}", machine::line());
    let engine = Engine::default();
    let module = Module::new(&engine, text())?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let mut measure = |name: &str, depth: i32| -> Result<f64, Error> {
        let func: TypedFunc<(i32, i32), i32> = instance.get_typed_func(&mut store, name)?;
        let mut best = f64::INFINITY;
        for _ in 0..50 {
            let start = Instant::now();
            assert_eq!(func.call(&mut store, (depth, TIMES))?, TIMES);
            best = best.min(start.elapsed().as_nanos() as f64 / f64::from(TIMES));
        }
        Ok(best)
    };
    for depth in [1, 10, 100] {
        let (throw, ret) = (measure("throw", depth)?, measure("return", depth)?);
        println!("through {depth:3} frames: {throw:8.1} ns with the calls, which take {ret:6.1} ns if they return");
    }
    let (try_table, plain) = (measure("try", 0)?, measure("plain", 0)?);
    println!("a call in a try_table: {try_table:.2} ns, outside {plain:.2} ns");
    Ok(())
}

/// Ten functions that call each other, so that the frames are of different ones.
fn text() -> String {
    let down = (0..10).map(|n| {
        let next = (n + 1) % 10;
        format!(
            "(func $down{n} (param $depth i32) (param $throws i32) (result i32)
                (if (i32.eqz (local.get $depth)) (then
                    (if (local.get $throws) (then (throw $e (i32.const 1))))
                    (return (i32.const 1))))
                (call $down{next} (i32.sub (local.get $depth) (i32.const 1)) (local.get $throws)))"
        )
    });
    let again = "(br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))";
    let many = |name: &str, body: &str| {
        format!(
            "(func (export {name:?}) (param $depth i32) (param $times i32) (result i32) (local $sum i32)
                (loop $again (local.set $sum (i32.add (local.get $sum) {body})) {again}) (local.get $sum))"
        )
    };
    let caught =
        |call: &str| format!("(block $caught (result i32) (try_table (result i32) (catch $e $caught) {call}))");
    let call = |throws: u32| format!("(call $down0 (i32.sub (local.get $depth) (i32.const 1)) (i32.const {throws}))");
    let one = "(call $one (local.get $times))";
    format!(
        "(module (tag $e (param i32)) {} (func $one (param i32) (result i32) (i32.const 1)) {} {} {} {})",
        down.collect::<String>(),
        many("throw", &caught(&call(1))),
        many("return", &caught(&call(0))),
        many("try", &caught(one)),
        many("plain", one),
    )
}
