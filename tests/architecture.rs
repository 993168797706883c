//! The shape of the source: layers, no import cycles, a first line in every file that says what it is, sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules of `src` by layer: a file imports from its own layer and lower ones.
const LAYERS: &[(u32, &[&str])] = &[
    (0, &["types", "error", "interning"]),
    (1, &["decode"]),
    (2, &["abi", "sys"]),
    (3, &["compile", "vm"]),
    (4, &["api"]),
    (5, &["wasi", "lib"]),
    (6, &["bin"]),
];

/// Pairs that know nothing of each other, though their layers would let them.
const STRANGERS: &[(&str, &str)] = &[("compile", "vm"), ("vm", "compile")];

/// Storeys of `vm`: a file imports from its own and from those before it.
const STOREYS: &[&[&str]] = &[&["visible"], &["owned", "code"], &["exit"], &["run"]];

/// About 600 lines are as much as one reads at a time.
const MAX_LINES: usize = 600;
/// Longer ones. The list only shrinks.
const LONG: &[&str] = &[];
/// Written by the generator, checked by its own test.
const GENERATED: &[&str] = &["asm/src/forms/", "asm/src/mnemonics/", "asm/src/metadata/data.rs", "asm/gen/src/oracle/"];

/// The folders of crates' roots.
const CRATES: &[&str] = &["src", "asm/src", "asm/gen/src", "fuzz/oracles/src"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the repository, with their text, by path from the root.
fn sources(folder: &str) -> BTreeMap<String, String> {
    fn collect(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(&path).expect("a readable file"));
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(&root().join(folder), &mut found);
    found
}

/// The files of a crate but for its binaries, which are crates of their own.
fn own_sources(root: &str) -> BTreeMap<String, String> {
    sources(root).into_iter().filter(|(name, _)| !name.starts_with(&format!("{root}/bin/"))).collect()
}

fn is_generated(name: &str) -> bool {
    GENERATED.iter().any(|folder| name.starts_with(folder))
}

fn all_sources() -> BTreeMap<String, String> {
    let folders = ["src", "tests", "examples", "benches", "asm/src", "asm/gen/src", "asm/tests", "fuzz/oracles"];
    folders.into_iter().flat_map(sources).collect()
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> =
        all_sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "no `//!` in the first line: {silent:#?}");
}

#[test]
fn files_are_of_readable_size() {
    let long: Vec<String> = all_sources()
        .into_iter()
        .filter(|(name, text)| {
            text.lines().count() > MAX_LINES && !is_generated(name) && !LONG.contains(&name.as_str())
        })
        .map(|(name, text)| format!("{name}: {} lines", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "longer than {MAX_LINES} lines: {long:#?}");
    let short: Vec<_> = LONG.iter().filter(|name| lines(name) <= MAX_LINES).collect();
    assert!(short.is_empty(), "no longer exceptions: {short:?}");
}

fn lines(name: &str) -> usize {
    fs::read_to_string(root().join(name)).map_or(0, |text| text.lines().count())
}

#[test]
fn unsafe_code_is_where_it_belongs() {
    let allowed = |name: &str| ["src/vm/", "src/sys/", "src/sys.rs"].iter().any(|place| name.starts_with(place));
    let elsewhere: Vec<String> = sources("src")
        .into_iter()
        .chain(sources("asm/src"))
        .filter(|(name, text)| !allowed(name) && text.lines().any(|line| code(line).contains("unsafe ")))
        .map(|(name, _)| name)
        .collect();
    assert!(elsewhere.is_empty(), "unsafe code outside of vm and sys: {elsewhere:#?}");
}

#[test]
fn files_import_lower_layers_only() {
    let graph = Imports::of("src", &sources("src"));
    let mut wrong = Vec::new();
    for (from, targets) in &graph.0 {
        for to in targets {
            let (above, below) = (module(from), module(to));
            if layer(below) > layer(above) || STRANGERS.contains(&(above, below)) {
                wrong.push(format!("{from} imports {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports of a higher layer: {wrong:#?}");
}

#[test]
fn storeys_import_those_before_them() {
    let storey = |file: &str| {
        let name = file.strip_prefix("src/vm/")?.split_once('/')?.0;
        STOREYS.iter().position(|names| names.contains(&name))
    };
    let graph = Imports::of("src", &sources("src"));
    let mut wrong = Vec::new();
    for (from, targets) in &graph.0 {
        for to in targets {
            if let (Some(above), Some(below)) = (storey(from), storey(to))
                && below > above
            {
                wrong.push(format!("{from} imports {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports of a higher storey: {wrong:#?}");
    let files = graph.0.keys().filter(|file| file.starts_with("src/vm/") && !file.starts_with("src/vm/tests"));
    let without: Vec<_> = files.filter(|file| storey(file).is_none() && *file != "src/vm/mod.rs").collect();
    assert!(without.is_empty(), "files of no storey: {without:?}");
}

#[test]
fn no_files_import_each_other() {
    let graphs = CRATES.iter().map(|root| Imports::of(root, &own_sources(root))).collect::<Vec<_>>();
    let cycles: Vec<_> = graphs.iter().flat_map(Imports::cycles).collect();
    assert!(cycles.is_empty(), "files that import each other: {cycles:#?}");
}

/// The top-level module that a file of `src` belongs to.
fn module(file: &str) -> &str {
    let name = file.strip_prefix("src/").expect("a file of src");
    name.split('/').next().expect("not empty").trim_end_matches(".rs")
}

fn layer(module: &str) -> u32 {
    let layer = LAYERS.iter().find(|(_, modules)| modules.contains(&module));
    layer.unwrap_or_else(|| panic!("{module} belongs to no layer")).0
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

/// Which file imports which.
struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    /// Of all files of a crate, whose root is in the folder `root`.
    fn of(root: &str, sources: &BTreeMap<String, String>) -> Imports {
        let import = |(name, text): (&String, &String)| {
            // Who may see something is no import.
            let code = bare(text).replace("(in crate::", "(in ");
            // Tests may look at anything.
            let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or(&code);
            let paths = paths(module_path(root, name), code);
            let mut targets: BTreeSet<String> = paths.iter().filter_map(|path| resolve(root, path, sources)).collect();
            targets.remove(name);
            (name.clone(), targets)
        };
        Imports(sources.iter().map(import).collect())
    }

    /// Groups of files that can reach each other.
    fn cycles(&self) -> Vec<Vec<&str>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.0.keys().map(|from| (from.as_str(), self.reachable(from))).collect();
        let mut groups: Vec<Vec<&str>> = Vec::new();
        for (from, targets) in &reach {
            let group: Vec<&str> = targets.iter().filter(|to| reach[*to].contains(from)).copied().collect();
            if targets.contains(from) && !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    fn reachable(&self, from: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for next in self.0.get(file).into_iter().flatten() {
                if found.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        found
    }
}

/// The module that a file is, from the crate's root.
fn module_path(root: &str, file: &str) -> Vec<String> {
    let name = file.strip_prefix(root).expect("a file of the crate").trim_start_matches('/').trim_end_matches(".rs");
    let mut path: Vec<String> = name.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        path.pop();
    }
    path
}

/// The text without comments and without what strings contain.
fn bare(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        let skipped = match from.as_bytes() {
            [b'/', b'/', ..] => from.find('\n').unwrap_or(from.len()),
            [b'\'', b'\\', ..] => 3,
            [b'\'', _, b'\'', ..] => 3,
            [b'"', ..] => string_length(from, before),
            _ => 1,
        };
        rest = &from[skipped..];
    }
    kept + rest
}

/// The length of the string that a text begins with, quotes included. It is raw if `r` and any number of `#` come before it.
fn string_length(text: &str, before: &str) -> usize {
    let start = before.trim_end_matches('#');
    if start.ends_with('r') {
        let end = format!("\"{}", "#".repeat(before.len() - start.len()));
        return text[1..].find(&end).map_or(text.len(), |at| 1 + at + end.len());
    }
    let mut escaped = false;
    let end = text[1..].find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |at| at + 2)
}

/// All paths of a file that begin with `crate`, `super`, `self` or a module that it declares, from the crate's root.
fn paths(scope: Vec<String>, code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    // Not a part of another path, nor of `pub(in ..)`.
    let begins = |start: usize| {
        let before = &code[..start];
        !before.ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c)) && !before.ends_with("(in ")
    };
    let children = declared(code);
    let own = |child: &str| [scope.as_slice(), &[child.to_owned()]].concat();
    for (start, _) in code.match_indices("crate::").filter(|(start, _)| begins(*start)) {
        expand(&code[start + 7..], Vec::new(), &mut found);
    }
    for (start, _) in code.match_indices("self::").filter(|(start, _)| begins(*start)) {
        expand(&code[start + 6..], scope.clone(), &mut found);
    }
    for child in &children {
        let name = format!("{child}::");
        for (start, _) in code.match_indices(&name).filter(|(start, _)| begins(*start)) {
            expand(&code[start + name.len()..], own(child), &mut found);
        }
    }
    for (start, _) in code.match_indices("super::").filter(|(start, _)| begins(*start)) {
        let levels = code[start..].split("::").take_while(|segment| *segment == "super").count();
        let up = levels.saturating_sub(inline_depth(&code[..start]));
        let parent = scope[..scope.len().saturating_sub(up)].to_vec();
        if up > 0 {
            expand(&code[start + 7 * levels..], parent, &mut found);
        }
    }
    found
}

/// The modules that a file declares and has no text of.
fn declared(code: &str) -> Vec<&str> {
    code.lines().filter_map(|line| line.trim_start().split_once("mod ")?.1.strip_suffix(';')).collect()
}

/// In how many modules the end of some code is that the same file contains.
fn inline_depth(code: &str) -> usize {
    let mut open = Vec::new();
    for line in code.lines() {
        let is_module =
            line.trim_end().ends_with('{') && line.trim_start().trim_start_matches("pub ").starts_with("mod ");
        for c in line.chars() {
            match c {
                '{' => open.push(is_module),
                '}' => _ = open.pop(),
                _ => {}
            }
        }
    }
    open.into_iter().filter(|is_module| *is_module).count()
}

/// Adds the paths of a use tree to `found`; returns what follows it.
fn expand<'a>(tree: &'a str, mut path: Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let tree = tree.trim_start();
    if let Some(mut rest) = tree.strip_prefix('{') {
        loop {
            rest = expand(rest, path.clone(), found).trim_start();
            match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => rest = more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or(more),
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = tree.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tree.len());
    path.push(tree[..end].to_owned());
    match tree[end..].strip_prefix("::") {
        Some(rest) => expand(rest, path, found),
        None => {
            found.push(path);
            let rest = &tree[end..];
            match rest.trim_start().strip_prefix("as ") {
                Some(renamed) => renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
                None => rest,
            }
        }
    }
}

/// The file that a path leads to: that of its longest beginning that is a module.
fn resolve(root: &str, path: &[String], sources: &BTreeMap<String, String>) -> Option<String> {
    for len in (1..=path.len()).rev() {
        let module = path[..len].join("/");
        for file in [format!("{root}/{module}.rs"), format!("{root}/{module}/mod.rs")] {
            if sources.contains_key(&file) {
                return Some(file);
            }
        }
    }
    // An item of the crate's root.
    path.first().filter(|first| !first.is_empty()).map(|_| format!("{root}/lib.rs"))
}

#[test]
fn paths_are_understood() {
    let read = |file, code| paths(module_path("src", file), code).iter().map(|path| path.join("/")).collect::<Vec<_>>();
    let code = "use crate::vm::{code::{Code, Contents as C}, memory};\nfn f(x: crate::abi::Place) {}";
    assert_eq!(read("src/a.rs", code), ["vm/code/Code", "vm/code/Contents", "vm/memory", "abi/Place"]);
    assert_eq!(read("src/vm/code.rs", "use super::stack::Stack;"), ["vm/stack/Stack"]);
    assert_eq!(read("src/vm/mod.rs", "use super::abi::X;"), ["abi/X"]);
    assert_eq!(read("src/vm/deep/leaf.rs", "use super::super::{x, y::Z,};"), ["vm/x", "vm/y/Z"]);
    assert_eq!(read("src/vm/mod.rs", "mod code;\npub(crate) mod memory;\nuse code::Code;"), ["vm/code/Code"]);
    assert_eq!(read("src/vm.rs", "mod code;\nfn f() { self::code::g(); }"), ["vm/code/g"]);
    assert_eq!(read("src/a.rs", "mod inner {\n    use super::*;\n}\nuse super::b;"), ["b"]);
    let strings = "f(\"\\\"use crate::x\", r#\"crate::x\"#, '\"'); // crate::x\ncrate::y();";
    assert_eq!(bare(strings), "f(, r#, ); \ncrate::y();");
}

#[test]
fn cycles_are_found() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let sources = BTreeMap::from([
        file("src/a.rs", "use crate::b::B;"),
        file("src/b.rs", "use crate::c::C;"),
        file("src/c.rs", "use crate::a::A;"),
        file("src/d.rs", "use crate::a::A;"),
    ]);
    assert_eq!(Imports::of("src", &sources).cycles(), [["src/a.rs", "src/b.rs", "src/c.rs"]]);
}
