//! `src/forms/*.rs`: one function per form.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;

use super::code::call;
use super::file::{File, MARK};
use crate::form::Form;
use crate::naming::NAMING;
use crate::row::Row;

pub(super) fn files(rows: &[Row], forms: &[Form]) -> Vec<File> {
    let mut tables: Vec<&str> = Vec::new();
    for table in forms.iter().map(|form| form.group(rows)) {
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    let mut files = vec![module(&tables)];
    for table in tables {
        let chosen = forms.iter().filter(|form| form.group(rows) == table);
        files.push(file(rows, table, chosen));
    }
    files
}

fn module(tables: &[&str]) -> File {
    let mut text = String::new();
    for line in NAMING.lines() {
        text += format!("//! {line}").trim_end();
        text += "\n";
    }
    text += "\n";
    text += MARK;
    text += "\n";
    for table in tables {
        writeln!(text, "#[cfg(feature = \"{table}\")]\n#[rustfmt::skip]\nmod {table};").expect("a string");
    }
    File { path: "src/forms/mod.rs".to_string(), text }
}

fn file<'a>(rows: &[Row], table: &str, forms: impl Iterator<Item = &'a Form>) -> File {
    let mut body = String::new();
    for form in forms {
        function(&mut body, rows, form);
    }
    let mut text = format!("//! The forms of the {}.\n\n{MARK}\nuse crate::buffer::Asm;\n", title(table));
    let uses = |name: &str| body.contains(name);
    let maps: Vec<&str> = ["M00", "M0F", "M0F38", "M0F3A"].into_iter().filter(|map| uses(&format!("{map},"))).collect();
    let maps = maps.join(", ");
    let decorators = words(&body, DECORATORS);
    if !decorators.is_empty() {
        writeln!(text, "use crate::decorate::{{{}}};", decorators.join(", ")).expect("a string");
    }
    if uses(" Op::") || uses("(Op::") {
        writeln!(text, "use crate::encode::Map::{{{maps}}};\nuse crate::encode::Op;").expect("a string");
    }
    for op in ["EvexOp", "VexOp"] {
        if uses(&format!("({op}::")) {
            writeln!(text, "use crate::encode::{op};").expect("a string");
        }
    }
    if uses(": Label") {
        text += "use crate::label::Label;\n";
    }
    let memory: Vec<String> = memory_types(&body).into_iter().chain(words(&body, &["Addr", "VAddr"])).collect();
    if !memory.is_empty() {
        writeln!(text, "use crate::mem::{{{}}};", memory.join(", ")).expect("a string");
    }
    let registers = words(&body, CLASSES);
    if !registers.is_empty() {
        writeln!(text, "use crate::reg::{{{}}};", registers.join(", ")).expect("a string");
    }
    text += "\nimpl Asm<'_> {\n";
    text += &body;
    text += "}\n";
    File { path: format!("src/forms/{table}.rs"), text }
}

fn title(group: &str) -> String {
    match group {
        "prefixed" => "tables with `xacquire`, `xrelease`, `bnd`, `notrack` and branch hints".to_string(),
        table => format!("table `{table}`"),
    }
}

/// The register classes of parameters.
pub(super) const CLASSES: &[&str] = &[
    "R8", "R8Hi", "R16", "R32", "R64", "Xmm", "Ymm", "XmmX", "YmmX", "ZmmX", "K", "KPair", "Mm", "St", "St0", "Tmm",
    "Seg", "Cr", "Dr", "R8X", "R16X", "R32X", "R64X",
];

/// Those whose number is their field.
const PLAIN: &[&str] = &[
    "R8", "R8Hi", "R16", "R32", "R64", "Xmm", "Ymm", "XmmX", "YmmX", "ZmmX", "K", "KPair", "Mm", "St", "Tmm", "Seg",
    "Cr", "Dr",
];

/// The types around them.
pub(super) const DECORATORS: &[&str] = &["Bcst", "Flags", "Masked", "Merged", "Rounded", "Sae"];

/// Which of `names` the code has as words; comments do not count.
pub(super) fn words(body: &str, names: &[&str]) -> Vec<String> {
    let code = body.lines().filter(|line| !line.trim_start().starts_with("///"));
    let found: HashSet<&str> = code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric())).collect();
    names.iter().filter(|name| found.contains(*name)).map(|name| name.to_string()).collect()
}

/// `M8`, `M16` .., by width.
pub(super) fn memory_types(body: &str) -> Vec<String> {
    let code = body.lines().filter(|line| !line.trim_start().starts_with("///"));
    let bits =
        |word: &str| word.strip_prefix('M')?.parse::<u32>().ok().filter(|&bits| bits >= 8 && !word.starts_with("M0"));
    let found: BTreeSet<u32> =
        code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric())).filter_map(bits).collect();
    found.into_iter().map(|bits| format!("M{bits}")).collect()
}

fn function(out: &mut String, rows: &[Row], form: &Form) {
    let row = &rows[form.row];
    writeln!(out, "    /// {}", document(row, form)).expect("a string");
    if let Some(facts) = facts(row) {
        writeln!(out, "    ///\n    /// {facts}").expect("a string");
    }
    let mut params = String::new();
    for (arg, name) in form.args.iter().zip(&form.params) {
        if let Some(rust) = arg.rust_type() {
            write!(params, ", {name}: {rust}").expect("a string");
        }
    }
    let call = call(rows, form, &form.params);
    let digit = call.digit.map_or(String::new(), |digit| digit.to_string());
    let body = numbers(call.text("self", &call.op, &digit), form);
    writeln!(out, "    #[inline]\n    pub const fn {}(&mut self{params}) -> &mut Self {{ {body} }}\n", form.name)
        .expect("a string");
}

/// The body with the numbers of plain registers read from their field: calls are most of what compiling the forms costs.
fn numbers(mut body: String, form: &Form) -> String {
    for (arg, name) in form.args.iter().zip(&form.params) {
        if arg.rust_type().is_some_and(|rust| PLAIN.contains(&&*rust)) {
            body = body.replace(&format!("{name}.num() <<"), &format!("({name}.0 as u8) <<"));
            body = body.replace(&format!("{name}.num()"), &format!("{name}.0 as u8"));
        }
    }
    body
}

/// The row in the manual's notation.
pub(super) fn document(row: &Row, form: &Form) -> String {
    let prefix = form.prefix.name().replace('_', " ");
    let operands = if row.operand_text.is_empty() { String::new() } else { format!(" {}", row.operand_text) };
    let places: String = row.operands.iter().map(|operand| operand.place).collect();
    let places = if places.is_empty() { String::new() } else { format!(" ({places})") };
    format!("`{prefix}{}{operands}`: `{}`{places}", row.mnemonic, row.encoding_text)
}

/// CPUID, flags, implied registers.
fn facts(row: &Row) -> Option<String> {
    let mut facts = Vec::new();
    if !row.cpuid.is_empty() {
        facts.push(format!("CPUID: {}.", row.cpuid.join(" ")));
    }
    if let Some(flags) = row.attribute("fl") {
        facts.push(format!("Flags: {}.", flags.split(',').map(flag_group).collect::<Vec<_>>().join("; ")));
    }
    if let Some(registers) = row.attribute("imp") {
        facts.push(format!("Implied: `{registers}`."));
    }
    (!facts.is_empty()).then(|| facts.join(" "))
}

fn flag_group(group: &str) -> String {
    let (what, letters) = group.split_once(':').expect("a kind of change and flags");
    let what = match what {
        "r" => "reads",
        "w" => "writes",
        "0" => "clears",
        "1" => "sets",
        "u" => "undefined",
        other => panic!("flags {other}"),
    };
    let name = |letter: char| match letter {
        'o' => "OF",
        's' => "SF",
        'z' => "ZF",
        'a' => "AF",
        'p' => "PF",
        'c' => "CF",
        'd' => "DF",
        'i' => "IF",
        'A' => "AC",
        'U' => "UIF",
        '0' => "C0",
        '1' => "C1",
        '2' => "C2",
        '3' => "C3",
        other => panic!("flag {other}"),
    };
    format!("{what} {}", letters.chars().map(name).collect::<Vec<_>>().join(" "))
}
