//! `planish compile`: where the time goes.

use crate::{CompileArgs, Features};
use planish::{Engine, Error, Module, Stage, Timings};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long a module is compiled again and again.
const ROUNDS: Duration = Duration::from_millis(500);

/// Compiles a module and says how long it took; with `timings` the fastest of many rounds, by stages.
pub fn compile(CompileArgs { file, timings, threads }: &CompileArgs, features: &Features) -> Result<ExitCode, Error> {
    let bytes = Module::read_file(file)?;
    let engine = engine(*threads, features)?;
    let begin = Instant::now();
    let mut best = round(&engine, &bytes).map_err(|error| error.in_file(file))?;
    while *timings && begin.elapsed() < ROUNDS {
        let next = round(&engine, &bytes)?;
        if next.0 < best.0 {
            best = next;
        }
    }
    let (elapsed, stages, code_bytes) = best;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    if *timings {
        println!("{}", crate::machine::line());
    }
    println!("{} bytes to {code_bytes} of code in {:.2} ms", bytes.len(), milliseconds(elapsed));
    if *timings {
        let operators = operators(&bytes)?;
        let sum: Duration = Stage::ALL.iter().map(|stage| stages.of(*stage)).sum();
        println!("{operators} operators\n{:8}{:>10}{:>10}{:>16}", "", "ms", "share", "ns/operator");
        let row = |name: &str, time: Duration| {
            let share = 100.0 * time.as_secs_f64() / sum.as_secs_f64();
            let each = time.as_nanos() as f64 / operators.max(1) as f64;
            println!("{name:8}{:10.2}{share:9.1}%{each:16.2}", milliseconds(time));
        };
        for stage in Stage::ALL {
            row(&format!("{stage:?}").to_lowercase(), stages.of(stage));
        }
        row("all", sum);
    }
    Ok(ExitCode::SUCCESS)
}

fn engine(threads: usize, features: &Features) -> planish::Result<Engine> {
    let mut config = crate::config(features);
    config.parallel_compilation(false);
    if threads > 1 {
        config.compilation_threads(move |work| {
            std::thread::scope(|scope| {
                // Without a thread the others do its work.
                (1..threads).for_each(|_| _ = std::thread::Builder::new().spawn_scoped(scope, work));
                work();
            });
        });
    }
    Engine::new(&config)
}

/// How long it took, what of it each stage, and how long the code is.
fn round(engine: &Engine, bytes: &[u8]) -> planish::Result<(Duration, Timings, usize)> {
    let begin = Instant::now();
    let (module, timings) = Module::timed(engine, bytes)?;
    Ok((begin.elapsed(), timings, module.text().len()))
}

/// How many operators the module's functions have.
fn operators(bytes: &[u8]) -> planish::Result<usize> {
    let mut count = 0;
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        if let wasmparser::Payload::CodeSectionEntry(body) = payload? {
            let mut reader = body.get_operators_reader()?;
            while !reader.eof() {
                reader.read()?;
                count += 1;
            }
        }
    }
    Ok(count)
}
