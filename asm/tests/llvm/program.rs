//! `llvm-mc`: which versions are installed, and what they read from instructions.

use std::io::Write;
use std::process::{Command, Stdio};

/// An installed `llvm-mc`.
pub struct Llvm {
    program: String,
    /// The major version.
    pub version: u32,
}

impl Llvm {
    /// The program of this name, if it can be run.
    fn named(program: &str) -> Option<Llvm> {
        let output = Command::new(program).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_once("LLVM version ").map(|(_, rest)| rest.split('.').next().unwrap_or(""));
        let version = version.and_then(|major| major.parse().ok());
        Some(Llvm { program: program.to_string(), version: version.unwrap_or_else(|| panic!("{program}: {text}")) })
    }

    /// The installed programs, one of each version: `llvm-mc-13` and so on, and `llvm-mc`; only the one that the environment
    /// variable `LLVM_MC` names, if it is set.
    pub fn installed() -> Vec<Llvm> {
        if let Ok(program) = std::env::var("LLVM_MC") {
            return vec![Llvm::named(&program).unwrap_or_else(|| panic!("LLVM_MC: {program} cannot be run"))];
        }
        let names = (10..=99).map(|version| format!("llvm-mc-{version}")).chain(["llvm-mc".to_string()]);
        let mut programs: Vec<Llvm> = names.filter_map(|name| Llvm::named(&name)).collect();
        programs.sort_by_key(|program| program.version);
        programs.dedup_by_key(|program| program.version);
        programs
    }

    /// What LLVM reads from each instruction: nothing if it does not know it, two lines if it sees a prefix as one.
    pub fn disassemble<'a>(&self, instructions: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut texts = vec![String::new(); instructions.len()];
        let input: String = instructions.enumerate().map(block).collect();
        let mut llvm = Command::new(&self.program);
        llvm.args(["-disassemble", "-triple=x86_64", "-output-asm-variant=1"]);
        llvm.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = llvm.spawn().expect("llvm-mc starts");
        let mut stdin = child.stdin.take().expect("piped");
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("llvm-mc ends");
        writer.join().expect("no panic").expect("all written");
        let mut number = 0;
        for line in String::from_utf8_lossy(&output.stdout).lines().map(str::trim) {
            if line == format!("mov\teax, {}", MARK + number as u32) {
                number += 1;
            } else if !line.starts_with('.') && number < texts.len() {
                texts[number] += &format!("{line} ");
            }
        }
        assert_eq!(number, texts.len(), "{} lost its way", self.program);
        texts
    }
}

const MARK: u32 = 0x5500_0000;

/// An instruction as input. Brackets keep it from being read on into the next. Between two stands `mov eax, MARK + number`.
fn block((number, bytes): (usize, &[u8])) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("0x{byte:02x} ")).collect::<String>();
    format!("[{}]\n[0xb8 {}]\n", hex(bytes), hex(&(MARK + number as u32).to_le_bytes()))
}
