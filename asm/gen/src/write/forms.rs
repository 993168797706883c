//! `src/forms/*.rs`: one function per form.

use std::fmt::Write;

use super::code::call;
use super::{File, MARK};
use crate::form::{Form, NAMING};
use crate::row::Row;

pub(super) fn files(rows: &[Row], forms: &[Form]) -> Vec<File> {
    let mut tables: Vec<&str> = forms.iter().map(|form| rows[form.row].table).collect();
    tables.dedup();
    let mut files = vec![module(&tables)];
    for table in tables {
        let chosen = forms.iter().filter(|form| rows[form.row].table == table);
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
        writeln!(text, "#[rustfmt::skip]\nmod {table};").expect("a string");
    }
    File { path: "src/forms/mod.rs".to_string(), text }
}

fn file<'a>(rows: &[Row], table: &str, forms: impl Iterator<Item = &'a Form>) -> File {
    let mut body = String::new();
    for form in forms {
        function(&mut body, rows, form);
    }
    let mut text = format!("//! The forms of the table `{table}`.\n\n{MARK}\nuse crate::buffer::Asm;\n");
    let uses = |name: &str| body.contains(name);
    let list = |names: &[&str]| names.iter().filter(|name| uses(name)).copied().collect::<Vec<_>>().join(", ");
    let maps = list(&["M00", "M0F", "M0F38", "M0F3A"]);
    if uses(" Op::") || uses("(Op::") {
        writeln!(text, "use crate::encode::Map::{{{maps}}};\nuse crate::encode::Op;").expect("a string");
    }
    if uses("VexOp::") {
        text += "use crate::encode::VexOp;\n";
    }
    if uses(": Label") {
        text += "use crate::label::Label;\n";
    }
    let memory: Vec<String> =
        types(&body, "M").into_iter().chain(types(&body, "Addr")).chain(types(&body, "VAddr")).collect();
    if !memory.is_empty() {
        writeln!(text, "use crate::mem::{{{}}};", memory.join(", ")).expect("a string");
    }
    let registers: Vec<String> =
        types(&body, "R").into_iter().chain(types(&body, "Xmm")).chain(types(&body, "Ymm")).collect();
    if !registers.is_empty() {
        writeln!(text, "use crate::reg::{{{}}};", registers.join(", ")).expect("a string");
    }
    text += "\nimpl Asm<'_> {\n";
    text += &body;
    text += "}\n";
    File { path: format!("src/forms/{table}.rs"), text }
}

/// The parameter types that are used: those that are `head` or `head` and a number (and `R8Hi`).
fn types(body: &str, head: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in body.split(|c: char| !c.is_ascii_alphanumeric()) {
        let numbered = word.strip_prefix(head).is_some_and(|rest| match head {
            "M" | "R" => rest.trim_end_matches("Hi").parse::<u32>().is_ok_and(|n| n >= 8) && !rest.starts_with('0'),
            _ => rest.is_empty(),
        });
        if numbered && !found.iter().any(|other| other == word) {
            found.push(word.to_string());
        }
    }
    found.sort_by_key(|name| {
        (name.trim_start_matches(head).trim_end_matches("Hi").parse::<u32>().unwrap_or(0), name.len())
    });
    found
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
    let body = call.text("self", &call.op, &digit);
    writeln!(out, "    #[inline]\n    pub const fn {}(&mut self{params}) -> &mut Self {{ {body} }}\n", form.name)
        .expect("a string");
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
        '0' => "C0",
        '1' => "C1",
        '2' => "C2",
        '3' => "C3",
        other => panic!("flag {other}"),
    };
    format!("{what} {}", letters.chars().map(name).collect::<Vec<_>>().join(" "))
}
