//! A second oracle: LLVM's disassembler reads the same registers, numbers and lengths from every form as iced-x86 does.
//! Runs where `llvm-mc` is installed, and leaves out what its version does not know.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use iced_x86::{Formatter, Instruction, IntelFormatter, OpKind};
use planish_asm_gen::oracle::cases::{boundary, conflict};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};
use planish_asm_gen::oracle::operands::{Address, Segment, Value};

/// The newest `llvm-mc`.
fn llvm_mc() -> Option<String> {
    let names = (14..=30).rev().map(|version| format!("llvm-mc-{version}")).chain(["llvm-mc".to_string()]);
    names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok())
}

/// What LLVM reads from each instruction: nothing if it does not know it, two lines if it sees a prefix as one.
fn disassemble(program: &str, instructions: &[Vec<u8>]) -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("0x{byte:02x} ")).collect::<String>();
    // Brackets keep an instruction from being read on into the next. Between two stands `mov eax, MARK + number`.
    let block = |(number, bytes): (usize, &Vec<u8>)| {
        format!("[{}]\n[0xb8 {}]\n", hex(bytes), hex(&(MARK + number as u32).to_le_bytes()))
    };
    let input: String = instructions.iter().enumerate().map(block).collect();
    let mut llvm = Command::new(program);
    llvm.args(["-disassemble", "-triple=x86_64", "-output-asm-variant=1"]);
    llvm.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = llvm.spawn().expect("llvm-mc starts");
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("llvm-mc ends");
    writer.join().expect("no panic").expect("all written");
    let mut texts = vec![String::new(); instructions.len()];
    let mut number = 0;
    for line in String::from_utf8_lossy(&output.stdout).lines().map(str::trim) {
        if line == format!("mov\teax, {}", MARK + number as u32) {
            number += 1;
        } else if !line.starts_with('.') && number < texts.len() {
            texts[number] += &format!("{line} ");
        }
    }
    assert_eq!(number, instructions.len(), "llvm-mc lost its way");
    texts
}

const MARK: u32 = 0x5500_0000;

/// The registers in their order and the numbers, which are compared as far as the shorter notation goes.
struct Operands {
    registers: Vec<String>,
    numbers: Vec<i64>,
}

/// The operands in a line of either disassembler.
fn operands(text: &str) -> Operands {
    let mut operands = Operands { registers: Vec::new(), numbers: Vec::new() };
    let mut negative = false;
    let separators = |c: char| !c.is_ascii_alphanumeric();
    for part in text.split_inclusive(separators) {
        let word = part.trim_end_matches(separators);
        if let Some(number) = number(word) {
            operands.numbers.push(if negative { number.wrapping_neg() } else { number });
        } else if is_register(word) {
            operands.registers.push(word.to_string());
        }
        negative = part.ends_with('-') || (word.is_empty() && negative && part == " ");
    }
    operands
}

fn number(word: &str) -> Option<i64> {
    let hexadecimal = word.strip_prefix("0x").or(word.strip_suffix('h'));
    let digits =
        hexadecimal.filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()) || word.starts_with("0x"));
    match digits {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(|number| number as i64),
        None => word.parse::<u64>().ok().map(|number| number as i64),
    }
}

fn is_register(word: &str) -> bool {
    const NAMES: &[&str] = &["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
    let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let legacy = word.strip_prefix(['r', 'e']).unwrap_or(word);
    NAMES.contains(&legacy)
        || ["al", "cl", "dl", "bl", "ah", "ch", "dh", "bh", "spl", "bpl", "sil", "dil", "fs", "gs"].contains(&word)
        || (["xmm", "ymm", "zmm", "mm", "k", "r", "tmm", "cr", "dr", "st"].contains(&name) && name != word)
        || (word.starts_with('r') && word[1..].trim_end_matches(['b', 'w', 'd']).parse::<u8>().is_ok())
}

/// Whether both read the same. Each leaves out some registers and numbers that the instruction implies.
fn agree(ours: &Operands, theirs: &Operands) -> bool {
    let (one, two) = (numbers(ours), numbers(theirs));
    is_part(&ours.registers, &theirs.registers) && (is_part(&one, &two) || is_part(&two, &one))
}

/// The numbers in an order that both have.
fn numbers(operands: &Operands) -> Vec<Number> {
    // Scales of one and displacements of zero are written or not.
    let mut numbers: Vec<i64> = operands.numbers.iter().copied().filter(|number| !(0..=1).contains(number)).collect();
    numbers.sort_by_key(|&number| (number as u8, number as u16, number as u32));
    numbers.into_iter().map(Number).collect()
}

/// A number written with a sign or without, in the width of its operand.
struct Number(i64);

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        let same = |bits: u32| {
            let range = -(1i128 << (bits - 1))..1i128 << bits;
            let fits = range.contains(&self.0.into()) && range.contains(&other.0.into());
            fits && (self.0 ^ other.0) << (64 - bits) == 0
        };
        self.0 == other.0 || [8, 16, 32].into_iter().any(same)
    }
}

/// Whether `part` is left of `whole` when some are left out.
fn is_part<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|item| rest.any(|other| other == item))
}

/// LLVM writes what a branch adds to the instruction pointer, iced where it leads.
fn relative(instruction: &Instruction) -> Instruction {
    let mut instruction = *instruction;
    if instruction.op_count() > 0 && instruction.op0_kind() == OpKind::NearBranch64 {
        instruction.set_near_branch64(instruction.near_branch64().wrapping_sub(instruction.len() as u64));
    }
    instruction
}

/// Forms whose implied operands one writes and the other does not, or in another width; by the start of their names.
#[rustfmt::skip]
const NOTATIONS: &[&str] = &[
    "xlatb", "movsxd_r16_r16", "clzero", "invlpga", "invlpgb", "lar_r32_r32", "lar_r64_r64", "lsl_r32_r32", "lsl_r64_r64",
    "mov_seg_r32", "mov_seg_r64", "pvalidate", "skinit", "vmload", "vmovw_r64_xmmx", "vmovw_xmmx_r64", "vmrun", "vmsave",
];

/// Forms whose 8-bit displacements LLVM 14 counts in other units than the manual. The processor itself is asked in
/// the test `addresses`.
const SCALES: &[&str] = &["vgf2p8affineqb_", "vgf2p8affineinvqb_", "vmovq_m64_xmmx"];

#[test]
fn llvm_reads_the_same() {
    let Some(program) = llvm_mc() else {
        println!("no llvm-mc here");
        return;
    };
    let oracle = Oracle::new();
    let mut buffer = vec![0; BUFFER_LEN];
    let (mut cases, mut code): (Vec<(usize, Instruction)>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    for (number, form) in oracle.forms.iter().enumerate() {
        boundary(oracle.row(number), form, &mut |values| {
            // LLVM forgets a segment and the address size in front of the rare prefixes.
            let odd = |address: &Address| address.narrow || address.segment != Segment::None;
            let forgotten = form.prefix.is_rare() && values.iter().find_map(Value::address).is_some_and(odd);
            if forgotten || conflict(oracle.row(number), form, values).is_some() {
                return;
            }
            let bytes = oracle.emit(number, values, &mut buffer).expect("room");
            if let Some(instruction) = oracle.check(number, values, bytes).expect("checked by the bytes test") {
                cases.push((number, instruction));
                code.push(bytes.to_vec());
            }
        });
    }
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_rip_relative_addresses(true);
    formatter.options_mut().set_branch_leading_zeros(false);
    let (mut unknown, mut wrong) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, String>::new());
    for (((form, instruction), bytes), theirs) in cases.iter().zip(&code).zip(disassemble(&program, &code)) {
        let name = oracle.forms[*form].name.as_str();
        if theirs.is_empty() {
            *unknown.entry(name).or_default() += 1;
            continue;
        }
        let mut ours = String::new();
        formatter.format(&relative(instruction), &mut ours);
        let (mut one, mut two) = (operands(&ours), operands(&theirs));
        if name.starts_with("xchg_r") {
            // Either order means the same.
            one.registers.sort();
            two.registers.sort();
        }
        let known = |list: &[&str]| list.iter().any(|start| name.starts_with(start));
        let is_nop = theirs.trim() == "nop" && ours.starts_with("xchg");
        if !agree(&one, &two) && !is_nop && !known(NOTATIONS) && !known(SCALES) {
            wrong.entry(name).or_insert(format!("{bytes:02X?} is `{ours}` or `{theirs}`"));
        }
    }
    let unread: u64 = unknown.values().sum();
    println!("{program} read {} of {} instructions", code.len() as u64 - unread, code.len());
    for (name, case) in wrong.iter().take(60) {
        println!("{name}: {case}");
    }
    assert!(wrong.is_empty(), "{} forms are read differently", wrong.len());
}
