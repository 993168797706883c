//! The `planish` command.

mod arguments;
mod run;
mod wast;
mod objdump;
mod compile;

use arguments::{Cli, Command};
use planish::{Config, Engine, Error, Module, WasmFeature};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What shells and programs report when they are called wrongly.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    let Cli { command, features } = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(cli) => cli,
        Err(misuse) => {
            eprintln!("error: {misuse}");
            return ExitCode::from(MISUSED);
        }
    };
    let outcome = match command {
        Command::Run(args) => run::run(&args, &features),
        Command::Wast { files } => run_scripts(&files, &features),
        Command::Validate { file } => validate(&file, &features),
        Command::Compile(args) => compile::compile(&args, &features),
        Command::Objdump { file } => objdump::objdump(&file, &features),
        Command::Help(text) => {
            println!("{text}");
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("planish: {error}");
        ExitCode::FAILURE
    })
}

fn validate(file: &Path, features: &Features) -> Result<ExitCode, Error> {
    Module::validate(&engine(features)?, &read_binary(file)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A module in the binary format, whatever the file has.
fn read_binary(file: &Path) -> Result<Vec<u8>, Error> {
    let error = |error: &dyn std::fmt::Display| Error::msg(format!("{}: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|failed| error(&failed))?;
    Ok(wat::parse_bytes(&bytes).map_err(|failed| error(&failed))?.into_owned())
}

fn run_scripts(files: &[PathBuf], features: &Features) -> Result<ExitCode, Error> {
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| Error::msg(format!("{name}: {error}")))?;
        match wast::run(&script_engine(&text, features)?, &text) {
            Ok(report) => {
                passed += report.passed;
                failed += report.failures.len();
                for failure in &report.failures {
                    println!("{name}:{}: {}", failure.line, failure.message);
                }
                for (kind, count) in &report.skipped {
                    println!("{name}: skipped {count} {kind}");
                }
            }
            Err(mut error) => {
                failed += 1;
                error.set_path(file);
                println!("{error}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An engine for a script. Scripts of other engines say in front what they need besides.
fn script_engine(text: &str, features: &Features) -> planish::Result<Engine> {
    let mut config = config(&[FOR_SCRIPTS, features].concat());
    config.deterministic(text.starts_with(";;! nan_canonicalization = true")).max_memory_size(64 << 30);
    Engine::new(&config)
}

fn engine(features: &Features) -> planish::Result<Engine> {
    Engine::new(&config(features))
}

fn config(features: &Features) -> Config {
    let mut config = Config::new();
    for &(feature, enable) in FOR_PROGRAMS.iter().chain(features) {
        config.wasm_feature(feature, enable);
    }
    config
}

/// What is turned on and off: the last one counts.
type Features = [(WasmFeature, bool)];

/// What compilers make: threads, and exceptions of before WebAssembly 3.0.
const FOR_PROGRAMS: &Features = &[(WasmFeature::Threads, true), (WasmFeature::LegacyExceptions, true)];

/// And with this everything.
const FOR_SCRIPTS: &Features = &[(WasmFeature::CustomPageSizes, true), (WasmFeature::WideArithmetic, true)];
