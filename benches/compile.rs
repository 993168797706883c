//! How fast modules are compiled, what each stage takes, and how soon a function can be called. `cargo bench --bench compile`

#[path = "../src/bin/planish/machine.rs"]
mod machine;

use planish::{Config, Engine, Error, Instance, Module, Stage, Store, Timings};
use std::time::{Duration, Instant};

/// Arithmetic, a load and a store.
const LINE: &str =
    "(i32.store offset=8 (local.get 0) (i32.add (local.get 1) (i32.mul (i32.load (local.get 0)) (i32.const 5))))";
const FLOAT: &str = "(local.set 2 (f64.add (f64.mul (local.get 2) (f64.const 0.5)) (f64.load (local.get 0))))";
const BRANCH: &str = "(block (br_if 0 (i32.lt_s (local.get 0) (local.get 1))) (local.set 0 (call $f (local.get 1) (local.get 0) (local.get 2))))";

/// Some functions with the same lines.
fn generated(functions: usize, line: &str, lines: usize) -> Result<Vec<u8>, Error> {
    let function =
        |name: &str| format!("(func {name} (param i32 i32 f64) (result i32) {} (local.get 0))\n", line.repeat(lines));
    let called = "(func (export \"f\") (result i32) (i32.load (i32.const 8)))";
    let text = format!("(module (memory 1) {} {} {called})", function("$f"), function("").repeat(functions - 1));
    wat::parse_str(text).map_err(|error| Error::msg(error.to_string()))
}

fn main() -> Result<(), Error> {
    println!("{}", machine::line());
    let modules = [
        ("a program: words", std::fs::read("examples/programs/words.wasm")?),
        ("small functions", generated(20_000, LINE, 2)?),
        ("integers", generated(500, LINE, 100)?),
        ("floats", generated(500, FLOAT, 100)?),
        ("branches and calls", generated(500, BRANCH, 100)?),
        ("one long function", generated(1, LINE, 50_000)?),
    ];
    let alone = Engine::new(Config::new().parallel_compilation(false))?;
    let together = Engine::new(Config::new().parallel_compilation(true))?;
    print!("{:20}{:>10}{:>8}{:>9}", "", "bytes", "MB/s", "threads");
    Stage::ALL.iter().for_each(|stage| print!("{:>9}", format!("{stage:?}")));
    println!("   (ns per operator)");
    for (name, bytes) in &modules {
        let operators = operators(bytes)?;
        let (time, timings) = fastest(&alone, bytes)?;
        let rate = |time: Duration| bytes.len() as f64 / time.as_secs_f64() / 1e6;
        let (all, _) = fastest(&together, bytes)?;
        print!("{name:20}{:10}{:8.1}{:8.1}x", bytes.len(), rate(time), time.as_secs_f64() / all.as_secs_f64());
        for stage in Stage::ALL {
            print!("{:9.2}", timings.of(stage).as_nanos() as f64 / operators as f64);
        }
        println!();
    }
    let lazy = Engine::new(Config::new().parallel_compilation(false).lazy_compilation(true))?;
    println!("\n{:28}{:>10}{:>14}   (microseconds)", "", "module", "first call");
    for (name, bytes) in modules.iter().skip(1) {
        for (way, engine) in [("", &alone), (", lazy", &lazy)] {
            let (made, called) = soonest(engine, bytes)?;
            let micros = |time: Duration| time.as_secs_f64() * 1e6;
            println!("{:28}{:10.1}{:14.1}", format!("{name}{way}"), micros(made), micros(called));
        }
    }
    Ok(())
}

/// How long it takes to make a module, and to call its function `f` first, which calls nothing. Of the rounds in a fifth of a
/// second.
fn soonest(engine: &Engine, bytes: &[u8]) -> Result<(Duration, Duration), Error> {
    let begin = Instant::now();
    let mut best = (Duration::MAX, Duration::MAX);
    while begin.elapsed() < Duration::from_millis(200) {
        let start = Instant::now();
        let module = Module::new(engine, bytes)?;
        let made = start.elapsed();
        let mut store = Store::new(engine, ());
        let f = Instance::new(&mut store, &module, &[])?.get_typed_func::<(), i32>(&mut store, "f")?;
        let start = Instant::now();
        f.call(&mut store, ())?;
        best = (best.0.min(made), best.1.min(start.elapsed()));
    }
    Ok(best)
}

/// Of the rounds in a fifth of a second.
fn fastest(engine: &Engine, bytes: &[u8]) -> Result<(Duration, Timings), Error> {
    let begin = Instant::now();
    let mut best = (Duration::MAX, Timings::default());
    while begin.elapsed() < Duration::from_millis(200) {
        let start = Instant::now();
        let (_, timings) = Module::timed(engine, bytes)?;
        if start.elapsed() < best.0 {
            best = (start.elapsed(), timings);
        }
    }
    Ok(best)
}

/// How many operators the functions have.
fn operators(bytes: &[u8]) -> Result<usize, Error> {
    let mut count = 0;
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        if let wasmparser::Payload::CodeSectionEntry(body) = payload? {
            count += body.get_operators_reader()?.into_iter().count();
        }
    }
    Ok(count)
}
