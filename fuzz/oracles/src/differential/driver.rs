//! Comparison of many modules in processes of their own: what kills one is one finding.

use super::engine::Engine;
use super::{Compared, difference, generate, seed};
use crate::bytes::random;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

const USAGE: &str = "\
usage: differential [--count N] [--seed S] [--jobs J] [--keep FOLDER]
       differential --file MODULE [--seed S]

Compares N modules (1000) that random bytes choose, beginning with number S (0), in J processes (all cores). Those on
which engines differ are written to FOLDER (.). With a file: that module, which is a difference if the exit status is 0,
as programs that make modules smaller want it.";

struct Options {
    count: u64,
    seed: u64,
    jobs: u64,
    keep: PathBuf,
    file: Option<PathBuf>,
    /// This is a process that works; every how-manieth seed is its own.
    worker: Option<u64>,
}

/// The command line of the driver. `others`: engines to compare with besides wasmi.
pub fn main(others: &[&dyn Engine]) -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(file) = &options.file {
        let module = std::fs::read(file).expect("a readable file");
        return match difference(&module, options.seed, others) {
            Ok(compared) => {
                println!("{compared:?}");
                ExitCode::FAILURE
            }
            Err(difference) => {
                println!("{difference}");
                ExitCode::SUCCESS
            }
        };
    }
    match options.worker {
        Some(step) => work(&options, step, others),
        None => supervise(&options),
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let jobs = std::thread::available_parallelism().map_or(1, |jobs| jobs.get() as u64);
    let mut options = Options { count: 1000, seed: 0, jobs, keep: ".".into(), file: None, worker: None };
    while let Some(argument) = arguments.next() {
        let value = arguments.next()?;
        match argument.as_str() {
            "--count" => options.count = value.parse().ok()?,
            "--seed" => options.seed = value.parse().ok()?,
            "--jobs" => options.jobs = value.parse::<u64>().ok()?.max(1),
            "--keep" => options.keep = value.into(),
            "--file" => options.file = Some(value.into()),
            "--worker" => options.worker = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    Some(options)
}

/// The bytes that choose module number `number`.
fn bytes(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let length = [600, 3000, 10_000, 40_000][random(&mut state) % 4];
    (0..length).map(|_| random(&mut state) as u8).collect()
}

fn save(keep: &Path, number: u64) {
    let Some(module) = generate::module(&bytes(number)) else { return };
    let file = keep.join(format!("{number}.wasm"));
    println!("{}: --file it with --seed {}", file.display(), seed(&bytes(number)));
    std::fs::write(file, module).expect("a writable folder");
}

fn work(options: &Options, step: u64, others: &[&dyn Engine]) -> ExitCode {
    let (mut status, mut engines) = (ExitCode::SUCCESS, 0);
    for number in (options.seed..options.seed + options.count).step_by(step as usize) {
        println!("now {number}");
        let bytes = bytes(number);
        let Some(module) = generate::module(&bytes) else { continue };
        let compared = catch_unwind(AssertUnwindSafe(|| difference(&module, seed(&bytes), others)));
        match compared {
            Ok(Ok(Compared::Agree(agree))) => engines += agree,
            Ok(Ok(Compared::Nothing)) => {}
            Ok(Err(difference)) => {
                println!("DIFFERENCE {number}: {difference}");
                save(&options.keep, number);
                status = ExitCode::FAILURE;
            }
            Err(_) => {
                println!("PANIC {number}");
                save(&options.keep, number);
                status = ExitCode::FAILURE;
            }
        }
    }
    #[cfg(feature = "coverage")]
    for (kind, run) in planish::coverage() {
        println!("{} {kind}", if run { "run" } else { "compiled" });
    }
    println!("played {engines}");
    status
}

fn supervise(options: &Options) -> ExitCode {
    std::fs::create_dir_all(&options.keep).expect("a folder for findings");
    let totals: Vec<Totals> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs).map(|job| scope.spawn(move || supervise_one(options, job))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
    });
    let (mut found, mut played, mut lowerings) = (0, 0, BTreeMap::new());
    for totals in totals {
        (found, played) = (found + totals.found, played + totals.played);
        for (lowering, run) in totals.lowerings {
            *lowerings.entry(lowering).or_insert(false) |= run;
        }
    }
    for (lowering, _) in lowerings.iter().filter(|(_, run)| !**run) {
        println!("never run: {lowering}");
    }
    if !lowerings.is_empty() {
        let never = lowerings.values().filter(|run| !**run).count();
        println!("{} lowerings, {never} never run", lowerings.len());
    }
    println!("{} modules, played {played} times: {found} findings", options.count);
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What workers reported.
#[derive(Default)]
struct Totals {
    found: u64,
    /// How often a module was played.
    played: u64,
    /// With the feature `coverage`: those compiled, and whether they were run.
    lowerings: BTreeMap<String, bool>,
}

/// A worker that dies is replaced.
fn supervise_one(options: &Options, job: u64) -> Totals {
    let (mut at, end) = (options.seed + job, options.seed + options.count);
    let mut totals = Totals::default();
    while at < end {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--worker", &options.jobs.to_string(), "--seed", &at.to_string()])
            .args(["--count", &(end - at).to_string()])
            .arg("--keep")
            .arg(&options.keep)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("now ") {
                at = number.parse().expect("a number");
            } else if let Some(number) = line.strip_prefix("played ") {
                at = end;
                totals.played += number.parse::<u64>().expect("a number");
            } else if let Some(lowering) = line.strip_prefix("run ") {
                totals.lowerings.insert(lowering.to_owned(), true);
            } else if let Some(lowering) = line.strip_prefix("compiled ") {
                totals.lowerings.entry(lowering.to_owned()).or_insert(false);
            } else {
                totals.found += u64::from(line.starts_with("DIFFERENCE") || line.starts_with("PANIC"));
                println!("{line}");
            }
        }
        let status = child.wait().expect("it ended");
        if at < end {
            totals.found += 1;
            println!("CRASH {at}: {status}");
            save(&options.keep, at);
            at += options.jobs;
        }
        let _ = std::io::stdout().flush();
    }
    totals
}
