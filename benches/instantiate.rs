//! What it costs to make an instance, to call it once and to drop it, store included. `cargo bench --bench instantiate`

#[path = "../src/bin/planish/machine.rs"]
mod machine;

use planish::{Engine, Error, Instance, Module, Store};
use std::time::{Duration, Instant};

/// Name, and module; all export a function `run`.
#[rustfmt::skip]
const MODULES: &[(&str, &str)] = &[
    ("nothing", r#"(module (func (export "run")))"#),
    ("1 MiB, 64 bytes of data, nothing written", r#"(module (memory 16)
        (data (i32.const 1024) "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
        (func (export "run")))"#),
    ("1 MiB, 64 bytes of data, 4 pages written", r#"(module (memory 16)
        (data (i32.const 1024) "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
        (func (export "run")
            (i32.store (i32.const 0x10000) (i32.const 1)) (i32.store (i32.const 0x20000) (i32.const 1))
            (i32.store (i32.const 0x30000) (i32.const 1)) (i32.store (i32.const 0x40000) (i32.const 1))))"#),
    ("1 MiB, all of it written", r#"(module (memory 16)
        (func (export "run") (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x100000))))"#),
    ("1 MiB of data", r#"(module (memory 16 16) (data (i32.const 0) "MEBIBYTE")
        (func (export "run")))"#),
    ("a table of 1000 functions", r#"(module (table 1000 funcref) (func $f) (elem (i32.const 0) ELEMENTS)
        (func (export "run")))"#),
];

fn main() -> Result<(), Error> {
    println!("{}", machine::line());
    let engine = Engine::default();
    for (name, text) in MODULES {
        let text = text.replace("MEBIBYTE", &"x".repeat(1 << 20)).replace("ELEMENTS", &"$f ".repeat(1000));
        let module = Module::new(&engine, text)?;
        let once = || {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[])?;
            instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())
        };
        (0..100).try_for_each(|_| once())?;
        let mut rounds = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            (0..100).try_for_each(|_| once())?;
            rounds.push(start.elapsed() / 100);
        }
        rounds.sort();
        println!("{name:45} {:8.2} us, best {:8.2} us", micros(rounds[rounds.len() / 2]), micros(rounds[0]));
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}
