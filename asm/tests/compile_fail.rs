//! Wrong uses do not compile, and the compiler says why in our words: those that in other engines let code out of its
//! sandbox. Each program in `compile_fail` says on its second line what the compiler must print; the rest of what it
//! prints may change with the compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package whose programs are the cases.
fn package(cases: &[PathBuf]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    let mut manifest = format!(
        "[workspace]\n[package]\nname = \"cases\"\nversion = \"0.0.0\"\nedition = \"2024\"\nautobins = false\n\
         [dependencies]\nplanish-asm = {{ path = {:?} }}\n",
        env!("CARGO_MANIFEST_DIR")
    );
    for case in cases {
        manifest += &format!("[[bin]]\nname = {:?}\npath = {case:?}\n", name(case));
    }
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
    folder
}

fn name(case: &Path) -> String {
    case.file_stem().expect("a file").to_string_lossy().into_owned()
}

/// Whether it compiles, and what the compiler prints.
fn check(package: &Path, case: &Path) -> (bool, String) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(package).args(["check", "--offline", "--quiet", "--color=never", "--bin", &name(case)]);
    let output = cargo.env("CARGO_TARGET_DIR", package.join("target")).output().expect("cargo");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn wrong_uses_do_not_compile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).expect("cases").map(|entry| entry.expect("a case").path()).collect();
    cases.sort();
    let package = package(&cases);
    let mut wrong = 0;
    for case in &cases {
        let text = fs::read_to_string(case).expect("a case");
        let sentence = text.lines().nth(1).and_then(|line| line.strip_prefix("//! "));
        let (compiles, printed) = check(&package, case);
        assert_eq!(compiles, sentence.is_none(), "{}:\n{printed}", name(case));
        if let Some(sentence) = sentence {
            let sentence = sentence.trim_start_matches("error: ");
            assert!(printed.contains(sentence), "{} does not say `{sentence}`:\n{printed}", name(case));
            wrong += 1;
        }
    }
    println!("{wrong} wrong programs do not compile");
    assert_eq!(wrong + 1, cases.len());
}
