//! `src/mnemonics/*.rs`: one overloaded method per mnemonic, one trait per set of operand lists.
//!
//! Mnemonics that take the same operands in the same shapes share a trait, whose methods get the opcodes as constants:
//! 200 traits instead of 800 keep the layer quick to compile.

use std::fmt::Write;

use super::code::{Call, call};
use super::file::{File, MARK};
use super::forms::{CLASSES, DECORATORS, memory_types, words};
use super::operand::OPERAND;
use super::shape::{Constants, Inline, Shape, Source};
use crate::form::{Arg, Form};
use crate::naming::RULE;
use crate::overload::{Candidate, Guard, Mnemonic, Overload};
use crate::row::Row;

pub(super) fn files(rows: &[Row], forms: &[Form], mnemonics: &[Mnemonic]) -> Vec<File> {
    let mut shapes: Vec<Shape> = Vec::new();
    let mut methods: Vec<(&str, String)> = Vec::new();
    for mnemonic in mnemonics {
        let text = method(rows, forms, mnemonic, &mut shapes);
        match methods.iter_mut().find(|(table, _)| *table == mnemonic.table) {
            Some((_, all)) => *all += &text,
            None => methods.push((mnemonic.table, text)),
        }
    }
    let mut files = vec![module(&methods), operands(&shapes)];
    for (table, body) in &methods {
        files.push(table_file(table, body, &shapes));
    }
    files
}

fn module(methods: &[(&str, String)]) -> File {
    let mut text = String::new();
    for line in RULE.lines() {
        text += format!("//! {line}").trim_end();
        text += "\n";
    }
    write!(text, "\n{MARK}\n// The traits' hidden methods take the core's opcodes, which no one else can name: that seals them.\n").expect("a string");
    text += "#![allow(private_interfaces, reason = \"seals the operand traits\")]\n\n#[allow(unused_variables, reason = \"not every operand list needs every constant\")]\n#[rustfmt::skip]\npub mod operands;\n";
    for (table, _) in methods {
        writeln!(text, "#[rustfmt::skip]\nmod {table};").expect("a string");
    }
    text += "\npub use operands::Operand;\n";
    File { path: "src/mnemonics/mod.rs".to_string(), text }
}

fn operands(shapes: &[Shape]) -> File {
    let mut text =
        format!("//! The operand lists that mnemonics take, as traits.\n\n{MARK}\nuse crate::buffer::Asm;\n");
    let traits: String = shapes.iter().map(Shape::text).collect::<Vec<_>>().join("\n");
    let body = format!("{OPERAND}\n{traits}");
    text += "use crate::decorate::{Bcst, Masked, Merged, Rounded, Sae};\nuse crate::encode::{EvexOp, Op, VexOp};\n";
    writeln!(text, "use crate::mem::{{{}}};", memory_types(&body).join(", ")).expect("a string");
    text += "use crate::label::Label;\nuse crate::mem::{Addr, Mem, VAddr};\n";
    text += "use crate::reg::{Gp8, Gp16, Gp32, Gp64, KMask, Rsp};\n";
    writeln!(text, "use crate::reg::{{{}}};", words(&body, CLASSES).join(", ")).expect("a string");
    text += &body;
    File { path: "src/mnemonics/operands.rs".to_string(), text }
}

fn table_file(table: &str, body: &str, shapes: &[Shape]) -> File {
    let mut text = format!("//! The mnemonics of the table `{table}`.\n\n{MARK}\nuse crate::buffer::Asm;\n");
    let maps: Vec<&str> =
        ["M00", "M0F", "M0F38", "M0F3A"].into_iter().filter(|map| body.contains(&format!("{map},"))).collect();
    if !maps.is_empty() {
        writeln!(text, "use crate::encode::Map::{{{}}};", maps.join(", ")).expect("a string");
    }
    for (path, names) in [
        ("decorate", DECORATORS),
        ("encode", &["EvexOp", "Op", "VexOp"][..]),
        ("label", &["Label"]),
        ("mem", &["Addr", "VAddr"]),
        ("reg", CLASSES),
    ] {
        let mut used = words(body, names);
        if path == "decorate" {
            // `S::Masked` is no type of its own.
            used.retain(|name| body.contains(&format!("{name}<")));
        }
        if path == "mem" {
            used.extend(memory_types(body));
        }
        if !used.is_empty() {
            writeln!(text, "use crate::{path}::{{{}}};", used.join(", ")).expect("a string");
        }
    }
    let names: Vec<&str> = shapes.iter().map(|shape| shape.name.as_str()).collect();
    let mut traits = words(body, &names);
    if body.contains(": Operand") {
        traits.insert(0, "Operand".to_string());
    }
    if !traits.is_empty() {
        writeln!(text, "use super::operands::{{{}}};", traits.join(", ")).expect("a string");
    }
    text += "\nimpl Asm<'_> {\n";
    text += body;
    text += "}\n";
    File { path: format!("src/mnemonics/{table}.rs"), text }
}

/// How each position of a mnemonic is passed.
enum Position {
    /// One type in all lists.
    Concrete(String),
    /// A type parameter `D: Operand`, through this class of it.
    Generic(Class),
    /// The type that implements the trait.
    Own(Class),
}

/// Which of an operand's classes a position takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `Operand::Class`
    Plain,
    /// `Operand::Wide`
    Wide,
    /// `Operand::Masked`
    Masked,
    /// None: immediates are among its types, which name no class.
    Direct,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Class::Wide => "Wide",
            Class::Masked => "Masked",
            _ => "Class",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Class::Wide => "wide",
            Class::Masked => "masked",
            _ => "class",
        }
    }
}

fn positions(mnemonic: &Mnemonic) -> Vec<Position> {
    let arity = mnemonic.overloads[0].args.len();
    let types = |n: usize| {
        let mut types: Vec<String> = mnemonic.overloads.iter().map(|list| rust_type(&list.args[n])).collect();
        types.sort();
        types.dedup();
        types
    };
    let concrete = |n: usize| {
        let types = types(n);
        (types.len() == 1 && !is_open(&types[0])).then(|| types[0].clone())
    };
    let own = (0..arity).rev().find(|&n| concrete(n).is_none());
    let position = |n: usize| match (concrete(n), own == Some(n)) {
        (Some(rust), _) => Position::Concrete(rust),
        (None, true) => Position::Own(class(mnemonic, n)),
        (None, false) => Position::Generic(class(mnemonic, n)),
    };
    (0..arity).map(position).collect()
}

/// Whether other types may be written in place of a parameter's.
fn is_open(rust: &str) -> bool {
    let wide = ["XmmX", "YmmX", "K", "VAddr<XmmX>", "VAddr<YmmX>"].contains(&rust);
    wide || rust.starts_with('R') || rust.starts_with("Masked") || rust.starts_with("Merged<VAddr")
}

fn class(mnemonic: &Mnemonic, n: usize) -> Class {
    let any = |test: fn(&Arg) -> bool| mnemonic.overloads.iter().any(|list| test(&list.args[n]));
    let narrow = any(|arg| matches!(arg, Arg::Reg("Xmm" | "Ymm")));
    let wide = any(|arg| matches!(arg, Arg::Reg("XmmX" | "YmmX") | Arg::Vmem(_, "XmmX" | "YmmX")));
    let separate = any(|arg| matches!(arg, Arg::Merged("K" | "XmmX" | "YmmX") | Arg::Reg("K")))
        && any(|arg| matches!(arg, Arg::Masked(_)));
    if any(|arg| matches!(arg, Arg::Imm(..))) {
        Class::Direct
    } else if narrow || separate {
        Class::Plain
    } else if any(|arg| matches!(arg, Arg::Masked(_) | Arg::MaskedMem(..))) {
        Class::Masked
    } else if wide {
        Class::Wide
    } else {
        Class::Plain
    }
}

fn rust_type(arg: &Arg) -> String {
    arg.rust_type().expect("overloads have no fixed operands")
}

/// The types that may be written for a class where the class cannot be asked for.
fn written_types(arg: &Arg) -> Vec<String> {
    let types: &[&str] = match arg {
        Arg::Reg("R8") => &["R8", "Gp8"],
        Arg::Reg("R16") => &["R16", "Gp16"],
        Arg::Reg("R32") => &["R32", "Gp32"],
        Arg::Reg("R64") => &["R64", "Gp64", "Rsp"],
        Arg::Reg("XmmX") => &["XmmX", "Xmm"],
        Arg::Reg("YmmX") => &["YmmX", "Ymm"],
        Arg::Reg("K") => &["K", "KMask"],
        _ => return vec![rust_type(arg)],
    };
    types.iter().map(|name| name.to_string()).collect()
}

fn method(rows: &[Row], forms: &[Form], mnemonic: &Mnemonic, shapes: &mut Vec<Shape>) -> String {
    let positions = positions(mnemonic);
    let names = parameter_names(forms, mnemonic);
    let mut constants = Constants::default();
    let mut text = document(rows, forms, mnemonic);
    if !positions.iter().any(|position| matches!(position, Position::Own(_))) {
        let params: String = names
            .iter()
            .zip(&mnemonic.overloads[0].args)
            .map(|(name, arg)| format!(", {name}: {}", rust_type(arg)))
            .collect();
        let body = body(rows, forms, &mnemonic.overloads[0], &names, "self", &mut Inline);
        writeln!(
            text,
            "    #[inline]\n    pub fn {}(&mut self{params}) -> &mut Self {{ {body} self }}\n",
            mnemonic.name
        )
        .expect("a string");
        return text;
    }
    // The names that the trait's method gives to the operands.
    let mut inner = Vec::new();
    let mut concrete = Vec::new();
    let mut generics = 0;
    for position in &positions {
        inner.push(match position {
            Position::Own(_) => "self".to_string(),
            Position::Generic(_) => {
                generics += 1;
                format!("g{}", generics - 1)
            }
            Position::Concrete(rust) => {
                concrete.push((format!("c{}", concrete.len()), rust.clone()));
                concrete[concrete.len() - 1].0.clone()
            }
        });
    }
    let mut lists = Vec::new();
    for overload in &mnemonic.overloads {
        let body = body(rows, forms, overload, &inner, "a", &mut constants);
        let mut types = Vec::new();
        let mut own = Vec::new();
        for (position, arg) in positions.iter().zip(&overload.args) {
            match position {
                Position::Generic(_) => types.push(rust_type(arg)),
                Position::Own(Class::Direct) => own = written_types(arg),
                Position::Own(_) => own = vec![rust_type(arg)],
                Position::Concrete(_) => {}
            }
        }
        lists.extend(own.into_iter().map(|own| (types.clone(), own, body.clone())));
    }
    let shape = Shape {
        name: trait_name(&mnemonic.name),
        generics,
        constants: constants.parameters(),
        concrete,
        lists,
        note: lists_in_words(mnemonic),
        users: vec![mnemonic.name.clone()],
    };
    let name = match shapes.iter_mut().find(|other| other.is_like(&shape)) {
        Some(other) => {
            other.users.push(mnemonic.name.clone());
            other.name.clone()
        }
        None => {
            shapes.push(shape);
            shapes[shapes.len() - 1].name.clone()
        }
    };
    text += &signature(&positions, &names, mnemonic, &name, &constants);
    text
}

fn signature(
    positions: &[Position],
    names: &[String],
    mnemonic: &Mnemonic,
    name: &str,
    constants: &Constants,
) -> String {
    let letters = ["A", "B", "C", "D"];
    let of = |position: &Position| match position {
        Position::Generic(class) => Some(*class),
        _ => None,
    };
    let classes: Vec<String> = positions
        .iter()
        .filter_map(of)
        .zip(letters)
        .map(|(class, letter)| format!("{letter}::{}", class.name()))
        .collect();
    let angles = if classes.is_empty() { String::new() } else { format!("<{}>", classes.join(", ")) };
    let (mut bounds, mut params, mut generics, mut rest) = (Vec::new(), String::new(), String::new(), String::new());
    let (mut clause, mut receiver) = (String::new(), String::new());
    let mut letter = letters.iter();
    for (position, param) in positions.iter().zip(names) {
        match position {
            Position::Concrete(rust) => {
                write!(params, ", {param}: {rust}").expect("a string");
                write!(rest, ", {param}").expect("a string");
            }
            Position::Generic(class) => {
                let letter = letter.next().expect("few operands");
                bounds.push(format!("{letter}: Operand"));
                write!(params, ", {param}: {letter}").expect("a string");
                write!(generics, ", {param}.{}()", class.method()).expect("a string");
            }
            Position::Own(Class::Direct) => {
                bounds.push(format!("S: {name}{angles}"));
                write!(params, ", {param}: S").expect("a string");
                receiver = param.clone();
            }
            Position::Own(class) => {
                bounds.push("S: Operand".to_string());
                write!(params, ", {param}: S").expect("a string");
                clause = format!(" where S::{}: {name}{angles}", class.name());
                receiver = format!("{param}.{}()", class.method());
            }
        }
    }
    format!(
        "    #[inline]\n    pub fn {}<{}>(&mut self{params}) -> &mut Self{clause} {{\n        {receiver}.put(self{generics}{rest}{});\n        self\n    }}\n\n",
        mnemonic.name,
        bounds.join(", "),
        constants.arguments()
    )
}

/// `if` the first candidate fits, its call, `else` the next one's.
fn body(
    rows: &[Row],
    forms: &[Form],
    overload: &Overload,
    names: &[String],
    receiver: &str,
    source: &mut dyn Source,
) -> String {
    if let [short, near] = overload.candidates.as_slice()
        && matches!(overload.args[0], Arg::Rel(_))
    {
        let short = source.op(&candidate_call(rows, forms, overload, short, names).op);
        let near = source.op(&candidate_call(rows, forms, overload, near, names).op);
        return format!("{receiver}.branch({short}, {near}, {});", names[0]);
    }
    let mut text = String::new();
    for candidate in &overload.candidates {
        let call = candidate_call(rows, forms, overload, candidate, names);
        let digit = source.digit(call.digit);
        let call = call.text(receiver, &source.op(&call.op), &digit);
        let conditions = conditions(candidate, overload, names);
        match (conditions.is_empty(), overload.candidates.len()) {
            (true, 1) => write!(text, "{call};"),
            (true, _) => write!(text, "{{ {call}; }}"),
            (false, _) => write!(text, "if {} {{ {call}; }} else ", conditions.join(" && ")),
        }
        .expect("a string");
    }
    text
}

fn candidate_call(rows: &[Row], forms: &[Form], overload: &Overload, candidate: &Candidate, names: &[String]) -> Call {
    let form = &forms[candidate.form];
    let expression = |(n, arg): (usize, &Arg)| {
        let Some(name) = names.get(candidate.order[n]) else { return String::new() };
        match (arg, &overload.args[candidate.order[n]]) {
            (Arg::Imm(_, _, small), Arg::Imm(_, _, wide)) if small != wide => format!("({name} as {small})"),
            (Arg::Masked(_), Arg::Reg(_)) | (Arg::MaskedMem(..), Arg::Mem(..)) => format!("{name}.unmasked()"),
            (Arg::Masked(_), Arg::Merged(_)) => format!("{name}.any()"),
            (Arg::Mem(..), Arg::MaskedMem(..) | Arg::MaskedAddr) => format!("{name}.to"),
            _ => name.clone(),
        }
    };
    let params: Vec<String> = form.args.iter().enumerate().map(expression).collect();
    let mut call = call(rows, form, &params);
    for (name, arg) in names.iter().zip(&overload.args) {
        let (with_width, without) = match arg {
            Arg::Addr => (format!("{name}.addr"), name.clone()),
            Arg::MaskedAddr => (format!("{name}.to.addr"), format!("{name}.to")),
            _ => continue,
        };
        call.args.iter_mut().filter(|text| **text == with_width).for_each(|text| *text = without.clone());
        call.checks.iter_mut().for_each(|text| *text = text.replace(&with_width, &without));
    }
    call
}

/// The conditions of a candidate; those on VEX are one comparison.
fn conditions(candidate: &Candidate, overload: &Overload, names: &[String]) -> Vec<String> {
    let mut bounded = Vec::new();
    let mut conditions = Vec::new();
    for guard in &candidate.guards {
        match *guard {
            Guard::IsVex(n) if overload.args[n].has_mask() => bounded.push(format!("{}.evex_bits()", names[n])),
            Guard::IsVex(n) => bounded.push(format!("{}.num() as u32", names[n])),
            guard => conditions.push(condition(guard, overload, names)),
        }
    }
    match bounded.as_slice() {
        [] => {}
        [one] => conditions.insert(0, format!("({one}) < 16")),
        several => conditions.insert(0, format!("({}) < 16", several.join(" | "))),
    }
    conditions
}

fn condition(guard: Guard, overload: &Overload, names: &[String]) -> String {
    match guard {
        Guard::Fits(n, small) => {
            let wide = rust_type(&overload.args[n]);
            format!("{0} as {small} as {wide} == {0}", names[n])
        }
        Guard::IsOne(n) => format!("{} == 1", names[n]),
        Guard::IsZero(n) => format!("{}.num() == 0", names[n]),
        Guard::IsNotZero(n) => format!("{}.num() != 0", names[n]),
        Guard::IsHigh(n) => format!("{}.num() >= 8", names[n]),
        Guard::IsLow(n) => format!("{}.num() < 8", names[n]),
        Guard::IsVex(_) => unreachable!("joined by the caller"),
    }
}

/// `add` as `AddOperands`, `lock_add` as `LockAddOperands`.
fn trait_name(mnemonic: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let words: String = mnemonic.split('_').filter(|word| !word.is_empty()).map(capital).collect();
    words + "Operands"
}

fn parameter_names(forms: &[Form], mnemonic: &Mnemonic) -> Vec<String> {
    let overload = &mnemonic.overloads[0];
    let candidate = overload.candidates.last().expect("a candidate");
    let params = &forms[candidate.form].params;
    let name = |n: usize| candidate.order.iter().position(|&at| at == n).map_or(String::new(), |at| params[at].clone());
    (0..overload.args.len()).map(name).map(|name| if name.is_empty() { "count".to_string() } else { name }).collect()
}

fn lists_in_words(mnemonic: &Mnemonic) -> String {
    let list = |overload: &Overload| {
        let words: Vec<String> = overload.args.iter().map(word).collect();
        words.join(", ")
    };
    let all: Vec<String> = mnemonic
        .overloads
        .iter()
        .filter(|overload| {
            mnemonic.name == "lea" || !overload.args.iter().any(|arg| matches!(arg, Arg::Addr | Arg::MaskedAddr))
        })
        .map(list)
        .collect();
    all.join("; ")
}

fn word(arg: &Arg) -> String {
    match arg {
        Arg::Imm(_, _, rust) => rust.to_string(),
        Arg::Rel(_) => "label".to_string(),
        arg => arg.name(),
    }
}

fn document(rows: &[Row], forms: &[Form], mnemonic: &Mnemonic) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut seen: Vec<usize> = Vec::new();
    for candidate in mnemonic.overloads.iter().flat_map(|overload| &overload.candidates) {
        let form = &forms[candidate.form];
        if !seen.contains(&form.row) {
            seen.push(form.row);
            lines.push(super::forms::document(&rows[form.row], form));
        }
    }
    let mut text = String::new();
    for line in &lines {
        writeln!(text, "    /// {}{line}", if lines.len() > 1 { "- " } else { "" }).expect("a string");
    }
    text
}
