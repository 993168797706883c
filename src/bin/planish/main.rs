//! The `planish` command.

mod run;
mod wast;
mod objdump;
mod compile;
mod machine;

use clap::{Args, Parser, Subcommand};
use planish::{Config, Engine, Error, Module, WasmFeature};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs and examines WebAssembly programs, in the binary format or as text.
#[derive(Parser)]
#[command(name = "planish", version)]
struct Cli {
    #[command(flatten)]
    features: FeatureArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct FeatureArgs {
    /// Turns parts of WebAssembly on and off: `-W threads=n,multi-memory=n`
    #[arg(short = 'W', long = "wasm", global = true, value_name = "NAME[=y|=n]", value_delimiter = ',', value_parser = parse_feature)]
    features: Vec<(WasmFeature, bool)>,
}

/// `planish run`, as in [`Command`], alone: a parser for all commands takes twice as long to make.
#[derive(Parser)]
#[command(name = "planish run", about = RUN_ABOUT)]
struct RunOnly {
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    features: FeatureArgs,
}

const RUN_ABOUT: &str = "Runs a program; the exit status is its own, or 134 after a trap";

/// How `run` and `wast` compile.
#[derive(Args)]
struct CodegenArgs {
    /// Turns ways to compile on and off: `-C lazy-compilation,parallel-compilation=n,guard-memory=n`
    #[arg(short = 'C', long = "codegen", value_name = "NAME[=y|=n]", value_delimiter = ',', value_parser = parse_codegen)]
    codegen: Vec<(Codegen, bool)>,
}

/// A way to compile that can be turned on and off.
type Codegen = fn(&mut Config, bool) -> &mut Config;

const CODEGEN: &[(&str, Codegen)] = &[
    ("lazy-compilation", Config::lazy_compilation),
    ("parallel-compilation", Config::parallel_compilation),
    ("guard-memory", Config::guard_memory),
];

#[derive(Subcommand)]
enum Command {
    #[command(about = RUN_ABOUT)]
    Run(RunArgs),
    /// Runs specification scripts
    Wast {
        #[command(flatten)]
        codegen: CodegenArgs,
        /// The scripts
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Says whether a module is valid
    Validate {
        /// The module
        file: PathBuf,
    },
    /// Compiles a module and says how long it took
    Compile(CompileArgs),
    /// Shows the machine code of each function beside the wasm operators it came from
    Objdump {
        /// Shows the compiler's tape instead: what it makes of the operators before there is machine code
        #[arg(long)]
        tape: bool,
        /// The module
        file: PathBuf,
    },
}

#[derive(Args)]
#[command(override_usage = "planish run [OPTIONS] FILE [ARGS]...")]
struct RunArgs {
    #[command(flatten)]
    codegen: CodegenArgs,
    /// Opens a directory for the guest, under its own name or another
    #[arg(long, value_name = "HOST[::GUEST]", value_parser = parse_dir)]
    dir: Vec<(String, String)>,
    /// Sets a variable of the guest's environment
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_env)]
    env: Vec<(String, String)>,
    /// Calls this exported function with the arguments, and prints its results
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// The program, and its arguments, which are passed on as they are
    // One list: whatever stands behind the program is not looked at.
    #[arg(required = true, trailing_var_arg = true, value_names = ["FILE", "ARGS"])]
    program: Vec<String>,
}

#[derive(Args)]
struct CompileArgs {
    /// The module
    file: PathBuf,
    /// Shows what each stage of compilation takes, in the fastest of many rounds
    #[arg(long)]
    timings: bool,
    /// How many threads compile
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
}

impl RunArgs {
    fn file(&self) -> &Path {
        Path::new(&self.program[0])
    }

    fn args(&self) -> &[String] {
        &self.program[1..]
    }
}

fn parse_dir(text: &str) -> Result<(String, String), std::convert::Infallible> {
    let (host, guest) = text.split_once("::").unwrap_or((text, text));
    Ok((host.into(), guest.into()))
}

fn parse_env(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("it has the form NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

fn parse_feature(text: &str) -> Result<(WasmFeature, bool), Error> {
    let (name, enable) = parse_switch(text)?;
    Ok((name.parse()?, enable))
}

fn parse_codegen(text: &str) -> Result<(Codegen, bool), Error> {
    let (name, enable) = parse_switch(text)?;
    match CODEGEN.iter().find(|known| known.0 == name) {
        Some(&(_, codegen)) => Ok((codegen, enable)),
        None => {
            let names: Vec<&str> = CODEGEN.iter().map(|known| known.0).collect();
            Err(Error::msg(format!("there are {}", names.join(", "))))
        }
    }
}

fn parse_switch(text: &str) -> Result<(&str, bool), Error> {
    let (name, value) = text.split_once('=').unwrap_or((text, "y"));
    match value {
        "y" => Ok((name, true)),
        "n" => Ok((name, false)),
        _ => Err(Error::msg("it is on with `=y` and off with `=n`")),
    }
}

impl CodegenArgs {
    fn apply(&self, config: &mut Config) {
        self.codegen.iter().for_each(|&(codegen, enable)| _ = codegen(config, enable));
    }
}

fn main() -> ExitCode {
    let Cli { command, features: FeatureArgs { features } } = parse(std::env::args_os().collect());
    let outcome = match command {
        Command::Run(args) => run::run(&args, &features),
        Command::Wast { codegen, files } => run_scripts(&files, &features, &codegen),
        Command::Validate { file } => validate(&file, &features),
        Command::Compile(args) => compile::compile(&args, &features),
        Command::Objdump { tape: false, file } => objdump::objdump(&file, &features),
        Command::Objdump { tape: true, file } => objdump::tapes(&file, &features),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("planish: {error}");
        ExitCode::FAILURE
    })
}

fn parse(args: Vec<OsString>) -> Cli {
    if args.get(1).is_none_or(|command| command != "run") {
        return Cli::parse_from(args);
    }
    let RunOnly { run, features } = RunOnly::parse_from(args.into_iter().skip(1));
    Cli { features, command: Command::Run(run) }
}

fn validate(file: &Path, features: &Features) -> Result<ExitCode, Error> {
    Module::validate(&engine(features)?, &Module::read_file(file)?).map_err(|error| error.in_file(file))?;
    Ok(ExitCode::SUCCESS)
}

fn run_scripts(files: &[PathBuf], features: &Features, codegen: &CodegenArgs) -> Result<ExitCode, Error> {
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| Error::msg(format!("{name}: {error}")))?;
        match wast::run(&script_engine(&text, features, codegen)?, &text) {
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
fn script_engine(text: &str, features: &Features, codegen: &CodegenArgs) -> planish::Result<Engine> {
    let mut config = config(&[FOR_SCRIPTS, features].concat());
    codegen.apply(&mut config);
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
