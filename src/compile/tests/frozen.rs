//! The compiler's output for the modules of the repository and of the suite is what `frozen.txt` says: of every change that
//! alters it, a person reads for which modules.

use super::*;
use crate::compile::frozen::Digests;
use std::fs;
use std::path::{Path, PathBuf};
use table::Table;

#[path = "../../../tests/frozen/mod.rs"]
mod table;

#[test]
fn output_is_frozen() {
    let mut table = Table::new(Digests::columns());
    let mut valid = 0;
    for (family, modules) in families() {
        let mut digests = Digests::new();
        valid += modules.iter().filter(|module| digests.add(module)).count();
        table.push(family, digests.values());
    }
    assert!(valid > 1000, "{valid} modules");
    table.check(&root().join("src/compile/tests/frozen.txt"), "cargo test -p planish --lib frozen");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Modules by the file that they come from: the lowering tests, which have every family of operators, our scripts, programs and
/// benchmarks, and the specification's suite.
fn families() -> impl Iterator<Item = (String, Vec<Vec<u8>>)> {
    let texts = files("tests/lowering", "wat").into_iter().chain(files("benches/models", "wat"));
    let texts = texts.map(|(name, bytes)| (name, vec![module_of_text(&text(bytes))]));
    let programs = files("examples/programs", "wasm").into_iter().map(|(name, bytes)| (name, vec![bytes]));
    let scripts = files("tests/scripts", "wast").into_iter().map(|(name, bytes)| (name, modules_of(&text(bytes))));
    let suite = spec(SpecVersion::V3).chain(PROPOSALS.iter().flat_map(proposal));
    let suite = suite.map(|file| (format!("{}/{}", file.parent(), file.name()), modules_of(file.raw())));
    texts.chain(programs).chain(scripts).chain(suite).filter(|(_, modules)| !modules.is_empty())
}

/// The files of a folder with an extension: their path from the root and what is in them.
fn files(folder: &str, extension: &str) -> Vec<(String, Vec<u8>)> {
    let paths =
        fs::read_dir(root().join(folder)).expect("a folder of the repository").flatten().map(|file| file.path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|of| of == extension)).collect();
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).expect("below it").display().to_string();
    paths.into_iter().map(|path| (name(&path), fs::read(&path).expect("a readable file"))).collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("a text")
}

fn module_of_text(text: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(text).expect("a text module");
    wast::parser::parse::<wast::Wat<'_>>(&buffer).expect("a text module").encode().expect("a text module")
}
