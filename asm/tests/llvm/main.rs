//! A second oracle: LLVM's disassembler reads the same from every form as iced-x86 does, and of forms newer than iced the
//! same as the rows say. Each installed version is asked that the test knows (`llvm-mc-19` and so on); the environment
//! variable `LLVM_MC` names one to ask alone. What a version does not know, or reads otherwise, is listed in `excuses`, and
//! an excuse that is not needed is an error too. Other versions are asked as well, and their differences are printed.

mod excuses;
mod ours;
mod program;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use excuses::{EXCUSES, What};
use iced_x86::{Formatter, Instruction, IntelFormatter, OpKind};
use planish_asm_gen::oracle::cases::{boundary, conflict};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};
use planish_asm_gen::oracle::operands::{Address, Segment, Value};
use program::Llvm;
use reading::{Reading, agree};

/// The versions that the excuses are written for.
const TESTED: [u32; 6] = [13, 14, 15, 16, 19, 22];

static ORACLE: LazyLock<Oracle> = LazyLock::new(Oracle::new);
static CASES: LazyLock<Vec<Case>> = LazyLock::new(cases);
static INSTALLED: LazyLock<Vec<Llvm>> = LazyLock::new(Llvm::installed);

/// An instruction and what it says.
struct Case {
    form: usize,
    code: Vec<u8>,
    ours: Text,
}

/// Who wrote the text that LLVM's is compared with.
enum Text {
    /// iced-x86, which has notations of its own: mnemonics are not compared.
    Iced(String),
    /// The form is newer: the test, from row and operands.
    Row(String),
}

#[test]
fn llvm_13_reads_the_same() {
    ask(13);
}

#[test]
fn llvm_14_reads_the_same() {
    ask(14);
}

#[test]
fn llvm_15_reads_the_same() {
    ask(15);
}

#[test]
fn llvm_16_reads_the_same() {
    ask(16);
}

#[test]
fn llvm_19_reads_the_same() {
    ask(19);
}

#[test]
fn llvm_22_reads_the_same() {
    ask(22);
}

fn ask(version: u32) {
    assert!(TESTED.contains(&version));
    let Some(llvm) = INSTALLED.iter().find(|llvm| llvm.version == version) else {
        println!("LLVM {version} is not installed, or LLVM_MC names another");
        return;
    };
    let differences = differences(llvm);
    assert!(differences.is_empty(), "LLVM {version}: {differences:#?}");
}

/// Versions that nobody has compared yet: what they say is news, not an error.
#[test]
fn other_versions() {
    for llvm in INSTALLED.iter().filter(|llvm| !TESTED.contains(&llvm.version)) {
        differences(llvm).iter().for_each(|difference| println!("LLVM {}: {difference}", llvm.version));
    }
}

/// A line for each form that LLVM does not know or reads otherwise, and for each excuse that is not needed.
fn differences(llvm: &Llvm) -> Vec<String> {
    let texts = llvm.disassemble(CASES.iter().map(|case| &case.code[..]));
    let (mut excused, mut by_form) = (BTreeSet::new(), BTreeMap::<&str, (u64, String)>::new());
    let (mut read, mut newer) = (0u64, 0u64);
    for (case, theirs) in CASES.iter().zip(texts) {
        read += u64::from(!theirs.is_empty());
        newer += u64::from(!theirs.is_empty() && matches!(case.ours, Text::Row(_)));
        let Some(what) = case.differs(&theirs) else { continue };
        let (row, form) = (ORACLE.row(case.form), &ORACLE.forms[case.form]);
        match excuses::find(what, llvm.version, row, form, &case.code) {
            Some(number) => _ = excused.insert(number),
            None => {
                let line = || format!("{:02X?} is `{}`, here `{theirs}`", case.code, case.ours.as_str());
                by_form.entry(&form.name).or_insert_with(|| (0, line())).0 += 1;
            }
        }
    }
    let (version, all) = (llvm.version, CASES.len());
    println!("LLVM {version} reads {read} of {all} instructions, {newer} of them newer than iced-x86");
    let unused = EXCUSES
        .iter()
        .enumerate()
        .filter(|(number, excuse)| excuse.versions.contains(&llvm.version) && !excused.contains(number));
    let unused = unused.map(|(_, excuse)| format!("needs no excuse: {}", excuse.reason));
    by_form.into_iter().map(|(name, (count, line))| format!("{count} x {name}: {line}")).chain(unused).collect()
}

impl Case {
    /// How LLVM's text differs from ours; none if it says the same.
    fn differs(&self, theirs: &str) -> Option<What> {
        if theirs.is_empty() {
            return Some(What::Unknown);
        }
        let name = &ORACLE.forms[self.form].name;
        let (mut one, mut two) = (Reading::of(self.ours.as_str()), Reading::of(theirs));
        if name.starts_with("xchg_r") {
            // Either order means the same.
            one.registers.sort();
            two.registers.sort();
        }
        let is_nop = two.mnemonic == "nop" && one.mnemonic == "xchg";
        let named_alike = matches!(self.ours, Text::Iced(_)) || one.mnemonic == two.mnemonic;
        let same = agree(&one, &two) && named_alike || is_nop;
        (!same).then_some(What::Otherwise)
    }
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Text::Iced(text) | Text::Row(text) => text,
        }
    }
}

/// The short list of every form's cases.
fn cases() -> Vec<Case> {
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_rip_relative_addresses(true);
    formatter.options_mut().set_branch_leading_zeros(false);
    let mut buffer = vec![0; BUFFER_LEN];
    let mut cases = Vec::new();
    for (number, form) in ORACLE.forms.iter().enumerate() {
        let row = ORACLE.row(number);
        boundary(row, form, &mut |values| {
            // LLVM forgets a segment and the address size in front of the rare prefixes.
            let odd = |address: &Address| address.narrow || address.segment != Segment::None;
            let forgotten = form.prefix.is_rare() && values.iter().find_map(Value::address).is_some_and(odd);
            if forgotten || conflict(row, form, values).is_some() {
                return;
            }
            let code = ORACLE.emit(number, values, &mut buffer).expect("operands with an encoding");
            let ours = match ORACLE.check(number, values, code).expect("checked by the bytes test") {
                Some(instruction) => {
                    let mut text = String::new();
                    formatter.format(&relative(&instruction), &mut text);
                    Text::Iced(as_llvm_decorates(&text, &instruction))
                }
                None => Text::Row(ours::text(row, form, values)),
            };
            cases.push(Case { form: number, code: code.to_vec(), ours });
        });
    }
    cases
}

/// iced abbreviates "nearest even" with a letter more, and writes the mask of gathers and scatters as an operand.
fn as_llvm_decorates(text: &str, instruction: &Instruction) -> String {
    let text = text.replace("{rne-sae}", "{rn-sae}");
    let mask = (1..8).map(|number| format!(",k{number},")).find(|mask| text.contains(mask));
    match mask.filter(|_| instruction.is_vsib()) {
        Some(mask) => text.replace(&mask, &format!("{{{}}},", mask.trim_matches(','))),
        None => text,
    }
}

/// LLVM writes what a branch adds to the instruction pointer, iced where it leads.
fn relative(instruction: &Instruction) -> Instruction {
    let mut instruction = *instruction;
    if instruction.op_count() > 0 && instruction.op0_kind() == OpKind::NearBranch64 {
        instruction.set_near_branch64(instruction.near_branch64().wrapping_sub(instruction.len() as u64));
    }
    instruction
}
