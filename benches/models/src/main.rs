//! How other processors would run the loops of a program: our code and Cranelift's, by the models of llvm-mca.
//!
//! `models [--dir HOST::GUEST].. FILE [ARGUMENT..] < INPUT` runs a WASI program again and again for a few seconds, takes samples of
//! where it is, and prints for each of its hottest loops the cycles that one iteration takes on each model, ours first. Of a module
//! without `_start` all loops are taken. `LLVM_MCA` names another program than `llvm-mca`, `MODELS` other processors (separated by
//! commas), `SHOW=1` prints the loops' code.
//!
//! The column `jcc` counts branches that processors from Skylake to Cascade Lake decode anew each time: see
//! [`Loop::branches_at_boundaries`].
//!
//! Loops are innermost ones without calls, less the blocks that leave them. A model sees a loop as one straight line, finds all data
//! in the first cache, predicts all branches, and takes no store and load for the same place: the numbers tell where a processor
//! would stumble over an instruction, not how long a program takes. The models themselves err: LLVM 22's has one `lea` a cycle on
//! Sapphire Rapids, no slow one before Ice Lake, Skylake's divider on Ice Lake, and charges an instruction three to five cycles more if
//! it has a constant in memory (on Zen 4 it takes no longer).

mod cranelift;
mod loops;
mod mca;
mod ours;
mod sample;

use loops::{Loop, WasmLoop};
use mca::Model;
use ours::Input;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Read;
use std::process::ExitCode;

const DEFAULT_MODELS: &str = "skylake,icelake-server,sapphirerapids,znver2,znver3,znver4,znver5";

/// Loops with fewer of a hundred samples are not shown.
const LEAST_PERCENT: f64 = 3.0;

/// A loop in both engines' code.
struct Pair {
    name: String,
    percent: Option<f64>,
    ours: Loop,
    theirs: Loop,
}

fn main() -> ExitCode {
    let Some(input) = input() else {
        eprintln!("usage: models [--dir HOST::GUEST].. FILE [ARGUMENT..] < INPUT");
        return ExitCode::FAILURE;
    };
    let file = input.file.clone();
    match run(input) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line and the standard input say.
fn input() -> Option<Input> {
    let (mut arguments, mut folders, mut stdin) = (std::env::args().skip(1).peekable(), Vec::new(), Vec::new());
    while arguments.next_if(|argument| argument == "--dir").is_some() {
        let folder = arguments.next()?;
        let (host, guest) = folder.split_once("::")?;
        folders.push((host.to_owned(), guest.to_owned()));
    }
    let file = arguments.next()?;
    std::io::stdin().read_to_end(&mut stdin).ok()?;
    Some(Input { file, arguments: arguments.collect(), folders, stdin })
}

fn run(input: Input) -> Result<(), Box<dyn Error>> {
    let file = &input.file.clone();
    let bytes = wat::parse_file(file)?;
    let program = ours::Program::compile(&bytes)?;
    let wasm_loops = loops::wasm_loops(&bytes)?;
    let theirs = cranelift::Program::compile(&bytes)?;
    let samples = program.samples(input)?;
    let pairs = pairs(&program, &theirs, &wasm_loops, samples.as_deref());
    if pairs.is_empty() {
        return Err("no hot loop without calls was found in both engines' code".into());
    }
    let models = std::env::var("MODELS").unwrap_or_else(|_| DEFAULT_MODELS.to_owned());
    let models: Vec<Model> = models.split(',').map(|name| mca::model(name, &pairs)).collect::<Result<_, _>>()?;
    print(file, &pairs, &models);
    // The program may still run.
    std::process::exit(0);
}

/// Our loops that are hot, or all of them, each with Cranelift's loop for the same wasm.
fn pairs(
    program: &ours::Program,
    theirs: &cranelift::Program,
    wasm_loops: &BTreeMap<u32, Vec<WasmLoop>>,
    samples: Option<&[usize]>,
) -> Vec<Pair> {
    let (mut pairs, mut seen) = (Vec::new(), BTreeSet::new());
    for (function, found) in program.loops() {
        let of_function = wasm_loops.get(&function.index()).map_or(&[][..], Vec::as_slice);
        let hits = |found: &Loop| samples.map(|samples| samples.iter().filter(|pc| found.contains(**pc)).count());
        let share = |hits: usize| 100.0 * hits as f64 / samples.map_or(1, <[usize]>::len).max(1) as f64;
        let percent = hits(&found).map(share);
        if percent.is_some_and(|percent| percent < LEAST_PERCENT) {
            continue;
        }
        let Some(wasm) = program.wasm_loop(&function, &found, of_function) else { continue };
        // Out-of-line code, too, jumps back into a loop: the loop itself begins before.
        if !seen.insert((function.index(), wasm.start)) {
            continue;
        }
        let Some(other) = theirs.loop_of(function.index(), wasm) else { continue };
        let name =
            function.name().map_or_else(|| format!("{}", function.index()), |name| name.chars().take(28).collect());
        pairs.push(Pair { name: format!("{name}+{:x}", wasm.start), percent, ours: found, theirs: other });
    }
    pairs.sort_by(|a, b| b.percent.unwrap_or(0.0).total_cmp(&a.percent.unwrap_or(0.0)));
    pairs
}

fn print(file: &str, pairs: &[Pair], models: &[Model]) {
    print!("{:40} {:>5} {:>9} {:>7}", file, "%", "instr.", "jcc");
    models.iter().for_each(|model| print!(" {:>15}", model.name));
    println!();
    for (number, pair) in pairs.iter().enumerate() {
        let percent = pair.percent.map_or(String::new(), |percent| format!("{percent:.0}"));
        let instructions = format!("{}/{}", pair.ours.instructions.len(), pair.theirs.instructions.len());
        let boundaries = format!("{}/{}", pair.ours.branches_at_boundaries(), pair.theirs.branches_at_boundaries());
        print!("{:40} {percent:>5} {instructions:>9} {boundaries:>7}", pair.name);
        for model in models {
            print!(" {:>15}", format!("{:.1}/{:.1}", model.cycles[2 * number], model.cycles[2 * number + 1]));
        }
        println!();
        if std::env::var_os("SHOW").is_some() {
            println!("{}--\n{}", pair.ours.text("top"), pair.theirs.text("top"));
        }
    }
}
