//! The command line: a table of commands and options, the parser that reads it, and the help that is made from it.
//!
//! By hand, since a library for this takes as long as a small program runs.

use planish::{Error, WasmFeature};
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write};
use std::path::PathBuf;

/// What is asked for.
pub struct Cli {
    pub features: Vec<(WasmFeature, bool)>,
    pub command: Command,
}

pub enum Command {
    Run(RunArgs),
    Wast {
        files: Vec<PathBuf>,
    },
    Validate {
        file: PathBuf,
    },
    Compile(CompileArgs),
    Objdump {
        file: PathBuf,
    },
    /// To be shown.
    Help(String),
}

#[derive(Default)]
pub struct RunArgs {
    /// Directories of the host, and the guest's names for them.
    pub dir: Vec<(String, String)>,
    pub env: Vec<(String, String)>,
    pub invoke: Option<String>,
    pub file: PathBuf,
    pub args: Vec<String>,
}

pub struct CompileArgs {
    pub file: PathBuf,
    pub timings: bool,
    pub threads: usize,
}

/// Why a command line is none.
pub struct Misuse {
    message: String,
    usage: String,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\nUsage: {}\n\nFor more information, try '--help'.", self.message, self.usage)
    }
}

/// A command: its name, the operands in its usage line, what it does, what the operands are, its own options.
struct CommandSpec(&'static str, &'static str, &'static str, &'static str, &'static [OptionSpec]);

/// An option: its name, its value in the help if it has one, what it does.
struct OptionSpec(&'static str, &'static str, &'static str);

#[rustfmt::skip]
const COMMANDS: &[CommandSpec] = &[
    CommandSpec(RUN, "FILE [ARGS]...", "Runs a program; the exit status is its own, or 134 after a trap",
        "The program, and its arguments, which are passed on as they are", &[
        OptionSpec("--dir", "HOST[::GUEST]", "Opens a directory for the guest, under its own name or another"),
        OptionSpec("--env", "NAME=VALUE", "Sets a variable of the guest's environment"),
        OptionSpec("--invoke", "NAME", "Calls this exported function with the arguments, and prints its results"),
    ]),
    CommandSpec("wast", "FILES...", "Runs specification scripts", "The scripts", &[]),
    CommandSpec("validate", "FILE", "Says whether a module is valid", "The module", &[]),
    CommandSpec("compile", "FILE", "Compiles a module and says how long it took", "The module", &[
        OptionSpec("--timings", "", "Shows what each stage of compilation takes, in the fastest of many rounds"),
        OptionSpec("--threads", "N", "How many threads compile (otherwise 1)"),
    ]),
    CommandSpec("objdump", "FILE", "Shows the machine code of each function beside the wasm operators it came from", "The module", &[]),
];

/// Its operands end its options.
const RUN: &str = "run";
const ABOUT: &str = "Runs and examines WebAssembly programs, in the binary format or as text";
const HELP: OptionSpec = OptionSpec("-h, --help", "", "Shows this");
const VERSION: OptionSpec = OptionSpec("-V, --version", "", "Shows the version");
/// With every command, in front of it or behind.
const WASM: OptionSpec =
    OptionSpec("-W, --wasm", "NAME[=y|=n]", "Turns parts of WebAssembly on and off: `-W threads=n,multi-memory=n`");

/// Reads the arguments behind the program's name.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Cli, Misuse> {
    let mut reader = Reader { args, inline: None, command: None, features: Vec::new() };
    let command = match reader.command()? {
        Ok(spec) => {
            reader.command = Some(spec);
            reader.rest(spec)?
        }
        Err(help) => Command::Help(help),
    };
    Ok(Cli { features: reader.features, command })
}

struct Reader<I> {
    args: I,
    /// The value that came with the option that is being read: `--env=A=B`, `-Wthreads`.
    inline: Option<String>,
    command: Option<&'static CommandSpec>,
    features: Vec<(WasmFeature, bool)>,
}

impl<I: Iterator<Item = OsString>> Reader<I> {
    /// The command, or what is to be shown instead.
    fn command(&mut self) -> Result<Result<&'static CommandSpec, String>, Misuse> {
        while let Some(arg) = self.args.next() {
            let name = arg.to_string_lossy();
            match self.option(&name)? {
                Some("-h" | "--help") => return Ok(Err(overview())),
                Some("-V" | "--version") => return Ok(Err(concat!("planish ", env!("CARGO_PKG_VERSION")).into())),
                Some("-W" | "--wasm") => self.wasm()?,
                Some(_) => return Err(self.misuse(format!("unexpected argument '{name}'"))),
                None if name == "help" => {
                    let asked = self.args.next();
                    return Ok(Err(asked.and_then(|name| spec(&name)).map_or_else(overview, help)));
                }
                None => {
                    return spec(&arg).map(Ok).ok_or_else(|| self.misuse(format!("there is no command '{name}'")));
                }
            }
        }
        Err(self.misuse("a command is missing"))
    }

    /// What is behind the command.
    fn rest(&mut self, spec: &'static CommandSpec) -> Result<Command, Misuse> {
        let mut run = RunArgs::default();
        let (mut timings, mut threads) = (false, 1);
        let mut operands: Vec<OsString> = Vec::new();
        while let Some(arg) = self.args.next() {
            if spec.0 == RUN && !operands.is_empty() {
                operands.push(arg);
                continue;
            }
            let text = arg.to_string_lossy();
            let option = self.option(&text)?;
            let is_own = |name: &str| spec.4.iter().any(|option| option.0 == name);
            match option {
                Some("--") => operands.extend(&mut self.args),
                Some("-h" | "--help") => return Ok(Command::Help(help(spec))),
                Some("-W" | "--wasm") => self.wasm()?,
                Some(name @ "--dir") if is_own(name) => run.dir.push(self.parsed(name, parse_dir)?),
                Some(name @ "--env") if is_own(name) => run.env.push(self.parsed(name, parse_env)?),
                Some(name @ "--invoke") if is_own(name) => run.invoke = Some(self.value(name)?),
                Some(name @ "--timings") if is_own(name) => timings = true,
                Some(name @ "--threads") if is_own(name) => threads = self.parsed(name, str::parse)?,
                Some(_) => return Err(self.misuse(format!("unexpected argument '{text}'"))),
                None => operands.push(arg),
            }
        }
        let mut operands = operands.into_iter();
        let Some(file) = operands.next().map(PathBuf::from) else { return Err(self.misuse("a file is missing")) };
        let command = match spec.0 {
            RUN => {
                let args = operands.by_ref().map(|arg| self.text(arg)).collect::<Result<_, _>>()?;
                Command::Run(RunArgs { file, args, ..run })
            }
            "wast" => {
                Command::Wast { files: std::iter::once(file).chain(operands.by_ref().map(PathBuf::from)).collect() }
            }
            "validate" => Command::Validate { file },
            "compile" => Command::Compile(CompileArgs { file, timings, threads }),
            _ => Command::Objdump { file },
        };
        match operands.next() {
            None => Ok(command),
            Some(more) => Err(self.misuse(format!("unexpected argument '{}'", more.to_string_lossy()))),
        }
    }

    /// The name of an option, without the value that is with it; nothing if it is an operand.
    fn option<'a>(&mut self, arg: &'a str) -> Result<Option<&'a str>, Misuse> {
        if !arg.starts_with('-') || arg == "-" {
            return Ok(None);
        }
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ if arg.starts_with("--") => (arg, None),
            _ => {
                let (name, value) = arg.split_at(1 + arg[1..].chars().next().map_or(0, char::len_utf8));
                (name, Some(value.strip_prefix('=').unwrap_or(value)).filter(|value| !value.is_empty()))
            }
        };
        if value.is_some() && !["-W", "--wasm", "--dir", "--env", "--invoke", "--threads"].contains(&name) {
            return Err(self.misuse(format!("unexpected argument '{arg}'")));
        }
        self.inline = value.map(String::from);
        Ok(Some(name))
    }

    /// The value of the option that has just been read.
    fn value(&mut self, name: &str) -> Result<String, Misuse> {
        if let Some(value) = self.inline.take() {
            return Ok(value);
        }
        let value = self.args.next().ok_or_else(|| self.misuse(format!("'{name}' needs a value")))?;
        self.text(value)
    }

    fn parsed<T, E: fmt::Display>(&mut self, name: &str, parse: fn(&str) -> Result<T, E>) -> Result<T, Misuse> {
        let value = self.value(name)?;
        parse(&value).map_err(|error| self.misuse(format!("invalid value '{value}' for '{name}': {error}")))
    }

    /// What is not a file's name is text.
    fn text(&self, arg: OsString) -> Result<String, Misuse> {
        arg.into_string().map_err(|arg| self.misuse(format!("'{}' is not UTF-8", arg.to_string_lossy())))
    }

    fn wasm(&mut self) -> Result<(), Misuse> {
        let parse_all = |list: &str| list.split(',').map(parse_feature).collect::<Result<Vec<_>, Error>>();
        let features = self.parsed("--wasm", parse_all)?;
        self.features.extend(features);
        Ok(())
    }

    fn misuse(&self, message: impl Into<String>) -> Misuse {
        Misuse { message: message.into(), usage: self.command.map_or_else(overview_usage, usage) }
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
    let (name, value) = text.split_once('=').unwrap_or((text, "y"));
    let enable = match value {
        "y" => true,
        "n" => false,
        _ => return Err(Error::msg("it is on with `=y` and off with `=n`")),
    };
    Ok((name.parse()?, enable))
}

fn spec(name: &OsStr) -> Option<&'static CommandSpec> {
    COMMANDS.iter().find(|spec| spec.0 == name)
}

fn usage(&CommandSpec(name, operands, ..): &CommandSpec) -> String {
    format!("planish {name} [OPTIONS] {operands}")
}

fn overview_usage() -> String {
    "planish [OPTIONS] COMMAND".into()
}

fn overview() -> String {
    let mut text = format!("{ABOUT}\n\nUsage: {}\n\nCommands:\n", overview_usage());
    for CommandSpec(name, _, about, ..) in COMMANDS {
        let _ = writeln!(text, "  {name:10}{about}");
    }
    text + "\n" + &options(&[WASM, HELP, VERSION]) + "\n\n`planish help COMMAND` shows a command's own options."
}

fn help(spec: &'static CommandSpec) -> String {
    let &CommandSpec(_, operands, about, operands_about, own) = spec;
    let options = options(own.iter().chain(&[WASM, HELP]));
    format!("{about}\n\nUsage: {}\n\n  {operands}  {operands_about}\n\n{options}", usage(spec))
}

fn options<'a>(specs: impl IntoIterator<Item = &'a OptionSpec>) -> String {
    let mut text = String::from("Options:");
    for OptionSpec(name, value, about) in specs {
        let _ = write!(text, "\n  {:26}{about}", format!("{name} {value}"));
    }
    text
}
