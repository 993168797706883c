//! `src/metadata/data.rs`: what the tables say of every form, as numbers and one text.

mod entry;

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;

use super::file::{File, MARK};
use crate::form::{Arg, Form, Prefix};
use crate::row::{Kind, Operand, Row};

/// Operands of one form, at most.
const MAX_OPERANDS: usize = 5;

pub(super) fn file(rows: &[Row], forms: &[Form]) -> File {
    let mut texts = Texts::default();
    let mut features = Pool::default();
    let (mut flags, mut implicit, mut tables) = (Pool::default(), Pool::default(), Pool::default());
    let (mut args, mut lists) = (Pool::default(), Pool::default());
    let (mut row_numbers, mut row_words): (HashMap<usize, u64>, Vec<[u32; 4]>) = Default::default();
    // What stands for none comes first.
    for pool in [&mut features, &mut implicit] {
        pool.number(String::new());
    }
    flags.number([0u16; 5]);
    let mut form_words = Vec::new();
    for form in forms {
        let row = &rows[form.row];
        let row_number = *row_numbers.entry(form.row).or_insert_with(|| {
            let facts = [
                features.number(row.cpuid.join(" ")),
                flags.number(flag_sets(row)),
                implicit.number(row.attribute("imp").unwrap_or("").to_string()),
                tier(row) | tables.number(row.table.to_string()) << 3,
            ];
            let packed = facts.iter().rev().fold(0u32, |packed, &fact| packed << 8 | u32::from(byte(fact)));
            let mut text = |text: &str| texts.reference(text);
            row_words.push([text(&row.mnemonic), text(&row.operand_text), text(&row.encoding_text), packed]);
            row_words.len() as u64 - 1
        });
        let mut list = [0u16; MAX_OPERANDS];
        for (at, arg) in form.args.iter().enumerate() {
            let access = row.operands.get(at).map_or(0, |operand| access(operand, arg));
            list[at] = 1 + (args.number(arg.clone()) << 4) as u16 + access;
        }
        let list = lists.number(list) as u64;
        form_words.push(row_number << 32 | list << 16 | (prefix_number(form.prefix) << 8) | name_ending(form, row));
    }
    let entries = entry::entries(rows, forms, |row| features.position(&row.cpuid.join(" ")));
    let args: Vec<String> = args.items.iter().map(|arg| argument(arg, &mut texts)).collect();

    let mut out = format!("//! The tables as numbers and one text: what [`super::FORMS`] is made of.\n\n{MARK}\n");
    out += "use super::flags::FlagEffects;\nuse super::kinds::{ArgInfo, Decoration as D, OperandKind as K, RowInfo};\n";
    out += "use crate::features::Features;\n\n";
    let count = form_words.len();
    writeln!(out, "pub(super) const COUNT: usize = {count};\n").expect("a string");
    out += "#[allow(clippy::large_const_arrays, reason = \"used at compile time only\")]\n";
    list(&mut out, "pub(super) const FORMS: [u64; COUNT] = ", &form_words, ";");
    list_of(
        &mut out,
        "ROWS",
        "RowInfo",
        row_words.iter().map(|[m, o, e, f]| format!("RowInfo([{m}, {o}, {e}, {f:#X}])")),
    );
    list_of(&mut out, "LISTS", "[u16; 5]", lists.items.iter().map(|list| format!("{list:?}")));
    list_of(&mut out, "ARGS", "ArgInfo", args.into_iter());
    list_of(
        &mut out,
        "FEATURES",
        "Features",
        features.items.iter().map(|names| format!("Features::all_named({names:?})")),
    );
    list_of(&mut out, "FLAGS", "FlagEffects", flags.items.iter().map(|sets| format!("FlagEffects::new({sets:?})")));
    list_of(&mut out, "IMPLICIT", "&str", implicit.items.iter().map(|text| format!("{text:?}")));
    list_of(&mut out, "CPUID", "&str", features.items.iter().map(|text| format!("{text:?}")));
    list_of(&mut out, "TABLES", "&str", tables.items.iter().map(|text| format!("{text:?}")));
    list_of(&mut out, "PREFIXES", "&str", PREFIXES.iter().map(|prefix| format!("{:?}", prefix.name())));
    list(&mut out, &format!("pub(super) static ENTRIES: [u64; {}] = ", entries.len()), &entries, ";");
    out += &texts.text();
    File { path: "src/metadata/data.rs".to_string(), text: out }
}

fn list(out: &mut String, head: &str, numbers: &[u64], tail: &str) {
    *out += head;
    *out += "[\n";
    for line in numbers.chunks(8) {
        let words: Vec<String> = line.iter().map(|number| format!("{number:#X}")).collect();
        writeln!(out, "    {},", words.join(", ")).expect("a string");
    }
    *out += "]";
    *out += tail;
    *out += "\n\n";
}

fn list_of(out: &mut String, name: &str, element: &str, items: impl ExactSizeIterator<Item = String>) {
    writeln!(out, "pub(super) static {name}: [{element}; {}] = [", items.len()).expect("a string");
    for item in items {
        writeln!(out, "    {item},").expect("a string");
    }
    *out += "];\n\n";
}

/// Distinct values, each with a number.
struct Pool<T> {
    items: Vec<T>,
    numbers: HashMap<T, usize>,
}

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { items: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Pool<T> {
    fn number(&mut self, item: T) -> usize {
        if let Some(&number) = self.numbers.get(&item) {
            return number;
        }
        self.items.push(item.clone());
        self.numbers.insert(item, self.items.len() - 1);
        self.items.len() - 1
    }

    fn position(&self, item: &T) -> usize {
        self.numbers[item]
    }
}

fn byte(number: usize) -> u8 {
    u8::try_from(number).expect("at most 256 of a kind")
}

/// Distinct strings behind each other in one text.
#[derive(Default)]
struct Texts {
    lines: Vec<String>,
    references: HashMap<String, u32>,
    len: u32,
}

impl Texts {
    /// The offset, and in the low byte the length.
    fn reference(&mut self, text: &str) -> u32 {
        if let Some(&reference) = self.references.get(text) {
            return reference;
        }
        let reference = self.len << 8 | u32::from(byte(text.len()));
        self.len += text.len() as u32;
        self.lines.push(text.to_string());
        self.references.insert(text.to_string(), reference);
        reference
    }

    fn text(&self) -> String {
        format!("pub(super) static TEXT: &str = \"\\\n{}\\\n\";\n", self.lines.join("\\\n"))
    }
}

fn tier(row: &Row) -> usize {
    row.tier[1..].parse().expect("the tier of a row with functions is a number")
}

/// In the order of their numbers.
const PREFIXES: [Prefix; 13] = [
    Prefix::None,
    Prefix::Lock,
    Prefix::Rep,
    Prefix::Repe,
    Prefix::Repne,
    Prefix::XacquireLock,
    Prefix::XreleaseLock,
    Prefix::Xacquire,
    Prefix::Xrelease,
    Prefix::Bnd,
    Prefix::Notrack,
    Prefix::Taken,
    Prefix::NotTaken,
];

fn prefix_number(prefix: Prefix) -> u64 {
    PREFIXES.iter().position(|&other| other == prefix).expect("a prefix") as u64
}

/// The rest of the name: how many forms of this name come first, `nf_`, `_string`.
fn name_ending(form: &Form, row: &Row) -> u64 {
    let alternative = match form.name.rsplit_once("_alt") {
        None => 0,
        Some((_, "")) => 1,
        Some((_, number)) => number.parse().expect("a number"),
    };
    assert!(alternative < 64, "{}", form.name);
    let behind = &form.name[form.prefix.name().len()..];
    let flagless = behind.starts_with("nf_");
    let string = behind.starts_with(&format!("{}_string", row.mnemonic));
    alternative | u64::from(flagless) << 6 | u64::from(string) << 7
}

/// The access of the operand where it is this argument.
fn access(operand: &Operand, arg: &Arg) -> u16 {
    let mut parts = operand.access.split('|');
    let register = parts.next().unwrap_or("").trim_end_matches(':');
    let memory = parts.next().unwrap_or(register);
    let both = matches!(operand.kind, Kind::RegMem(..));
    let part = if both && arg.is_memory() { memory } else { register };
    let names = ["r", "w", "rw", "cw", "rcw", "cr", "a", "n"];
    let part = if part.is_empty() { "r" } else { part };
    names.iter().position(|name| *name == part).expect("an access") as u16
}

/// An argument's name, kind, decoration and width.
fn argument(arg: &Arg, texts: &mut Texts) -> String {
    let decoration = match arg {
        Arg::Masked("K") | Arg::MaskedMem(..) | Arg::MaskedAddr => "MergingMask",
        Arg::Masked(_) => "Mask",
        Arg::Merged(_) | Arg::MergedVmem(..) => "RequiredMask",
        Arg::Rounded(_) => "Rounding",
        Arg::Sae(_) => "SuppressedExceptions",
        Arg::Bcst(..) => "Broadcast",
        _ => "None",
    };
    let (kind, bits) = kind(arg);
    format!(
        "ArgInfo {{ name: {}, kind: K::{kind}, decoration: D::{decoration}, bits: {bits} }}",
        texts.reference(&arg.name())
    )
}

fn kind(arg: &Arg) -> (&'static str, u32) {
    match arg {
        Arg::Reg(class) | Arg::Masked(class) | Arg::Merged(class) | Arg::Rounded(class) | Arg::Sae(class) => {
            ("Register", register_bits(class))
        }
        Arg::Mem(bits, _) | Arg::MaskedMem(bits, _) | Arg::Bcst(bits, _) => ("Memory", *bits),
        Arg::Addr | Arg::MaskedAddr | Arg::Sib => ("Memory", 0),
        Arg::Vmem(..) | Arg::MergedVmem(..) => ("VectorMemory", 0),
        Arg::Imm(bits, true, _) => ("SignedImmediate", *bits),
        Arg::Imm(bits, false, _) => ("Immediate", *bits),
        Arg::Rel(bits) => ("Branch", *bits),
        Arg::Moffs(bits) => ("AbsoluteMemory", *bits),
        Arg::Flags => ("DefaultFlags", 4),
        Arg::Fixed(text) => ("Fixed", fixed_bits(text)),
    }
}

fn register_bits(class: &str) -> u32 {
    match class {
        "R8" | "R8Hi" | "R8X" => 8,
        "R16" | "R16X" | "Seg" => 16,
        "R32" | "R32X" => 32,
        "R64" | "R64X" | "K" | "Mm" | "Cr" | "Dr" => 64,
        "St" => 80,
        "Xmm" | "XmmX" | "KPair" => 128,
        "Ymm" | "YmmX" => 256,
        "ZmmX" => 512,
        "Tmm" => 8192,
        class => panic!("class {class}"),
    }
}

fn fixed_bits(text: &str) -> u32 {
    match text {
        "1" | "al" | "cl" => 8,
        "ax" | "dx" | "es" | "cs" | "ss" | "ds" | "fs" | "gs" => 16,
        "eax" => 32,
        "rax" => 64,
        "st0" => 80,
        "bsr0" => 0,
        text => panic!("fixed {text}"),
    }
}

/// Read, written, cleared, set, undefined.
fn flag_sets(row: &Row) -> [u16; 5] {
    const LETTERS: &str = "cpazsoidAU0123";
    let mut sets = [0; 5];
    for group in row.attribute("fl").unwrap_or("").split(',').filter(|group| !group.is_empty()) {
        let (what, letters) = group.split_once(':').expect("a kind of change and flags");
        let set = "rw01u".find(what).expect("a kind of change");
        for letter in letters.chars() {
            sets[set] |= 1 << LETTERS.find(letter).expect("a flag");
        }
    }
    sets
}
