//! Many runs in processes of their own: what ends one is one finding.

use super::any_calls;
use crate::bytes::random;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::thread;

const USAGE: &str = "\
usage: api [--count N] [--seed S] [--jobs J]

Plays N runs (10,000) that random bytes choose, beginning with number S (0), in J processes (all cores). To see one again:
--count 1 --seed its number.";

/// Numbers of the first run, of the runs, and of the processes; whether this is one of these.
struct Options {
    seed: u64,
    count: u64,
    jobs: u64,
    is_worker: bool,
}

/// The command line.
pub fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if options.is_worker {
        return work(&options);
    }
    let found: u64 = thread::scope(|scope| {
        let options = &options;
        let jobs: Vec<_> = (0..options.jobs).map(|job| scope.spawn(move || supervise(options, job))).collect();
        jobs.into_iter().map(|job| job.join().expect("no panic")).sum()
    });
    println!("{} runs: {found} findings", options.count);
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let jobs = thread::available_parallelism().map_or(1, |jobs| jobs.get() as u64);
    let mut options = Options { seed: 0, count: 10_000, jobs, is_worker: false };
    while let Some(argument) = arguments.next() {
        let value = arguments.next()?.parse().ok()?;
        match argument.as_str() {
            "--count" => options.count = value,
            "--seed" => options.seed = value,
            "--jobs" => options.jobs = value.max(1),
            "--worker" => (options.jobs, options.is_worker) = (value.max(1), true),
            _ => return None,
        }
    }
    Some(options)
}

fn work(options: &Options) -> ExitCode {
    for number in (options.seed..options.seed + options.count).step_by(options.jobs as usize) {
        println!("now {number}");
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let length = [300, 2000, 8000][random(&mut state) % 3];
        let bytes: Vec<u8> = (0..length).map(|_| random(&mut state) as u8).collect();
        any_calls(&bytes);
    }
    println!("done");
    ExitCode::SUCCESS
}

/// Runs every how-manieth number in a process that is replaced when it ends; says how often it did.
fn supervise(options: &Options, job: u64) -> u64 {
    let (mut at, end, mut found) = (options.seed + job, options.seed + options.count, 0);
    while at < end {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--worker", &options.jobs.to_string(), "--seed", &at.to_string()])
            .args(["--count", &(end - at).to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
            match line.strip_prefix("now ") {
                Some(number) => at = number.parse().expect("a number"),
                None => at = end,
            }
        }
        let status = child.wait().expect("it ended");
        if at < end {
            println!("FOUND {at}: {status}");
            found += 1;
            at += options.jobs;
        }
    }
    found
}
