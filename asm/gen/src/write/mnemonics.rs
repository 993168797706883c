//! `src/mnemonics/*.rs`: one overloaded method per mnemonic, one trait per set of operand lists.
//!
//! Mnemonics that take the same operands in the same shapes share a trait, whose methods get the opcodes as constants:
//! 200 traits instead of 800 keep the layer quick to compile.

use std::fmt::Write;

use super::code::{Call, call};
use super::{File, MARK};
use crate::form::{Arg, Form};
use crate::overload::{Candidate, Guard, Mnemonic, Overload, RULE};
use crate::row::Row;

/// The operand trait and its implementations: which class each type stands for.
const OPERAND: &str = r#"use crate::label::Label;
use crate::mem::{Addr, Mem, VAddr};
use crate::reg::{Gp8, Gp16, Gp32, Gp64, R8, R8Hi, R16, R32, R64, Rsp, Xmm, Ymm};

/// What an instruction can be given, but for immediates: a register, memory, an address, a label.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an operand",
    label = "not a register, a memory operand or a label",
    note = "write a memory operand as `dword(rbx + rcx * 4 + 8)`; an immediate is the last operand"
)]
pub trait Operand: Copy {
    /// The class that the forms take.
    type Class;

    #[doc(hidden)]
    fn class(self) -> Self::Class;
}

macro_rules! operands {
    ($($from:ty => $class:ty: $value:ident -> $expression:expr,)*) => { $(
        impl Operand for $from {
            type Class = $class;

            #[inline]
            fn class(self) -> $class {
                let $value = self;
                $expression
            }
        }
    )* };
}

operands! {
    R8 => R8: r -> r,
    R16 => R16: r -> r,
    R32 => R32: r -> r,
    R64 => R64: r -> r,
    R8Hi => R8Hi: r -> r,
    Gp8 => R8: r -> r.any(),
    Gp16 => R16: r -> r.any(),
    Gp32 => R32: r -> r.any(),
    Gp64 => R64: r -> r.any(),
    Rsp => R64: r -> r.any(),
    Xmm => Xmm: r -> r,
    Ymm => Ymm: r -> r,
    Addr => Addr: m -> m,
    Label => Label: l -> l,
}

impl<const BITS: usize> Operand for Mem<BITS> {
    type Class = Mem<BITS>;

    #[inline]
    fn class(self) -> Mem<BITS> {
        self
    }
}

impl<Index: Copy> Operand for VAddr<Index> {
    type Class = VAddr<Index>;

    #[inline]
    fn class(self) -> VAddr<Index> {
        self
    }
}
"#;

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
    text += "use crate::encode::{Op, VexOp};\nuse crate::mem::{M8, M16, M32, M48, M64, M80, M128, M256};\n";
    text += OPERAND;
    for shape in shapes {
        text += "\n";
        text += &shape.text();
    }
    File { path: "src/mnemonics/operands.rs".to_string(), text }
}

fn table_file(table: &str, body: &str, shapes: &[Shape]) -> File {
    let mut text = format!("//! The mnemonics of the table `{table}`.\n\n{MARK}\nuse crate::buffer::Asm;\n");
    let maps: Vec<&str> =
        ["M00", "M0F", "M0F38", "M0F3A"].into_iter().filter(|map| body.contains(&format!("{map},"))).collect();
    if !maps.is_empty() {
        writeln!(text, "use crate::encode::Map::{{{}}};", maps.join(", ")).expect("a string");
    }
    let words: Vec<&str> = body.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    for (path, names) in [
        ("encode", &["Op", "VexOp"][..]),
        ("label", &["Label"]),
        ("mem", &["Addr", "VAddr"]),
        ("reg", &["R8", "R16", "R32", "R64", "Xmm", "Ymm"]),
    ] {
        let used: Vec<&str> = names.iter().copied().filter(|name| words.contains(name)).collect();
        if !used.is_empty() {
            writeln!(text, "use crate::{path}::{{{}}};", used.join(", ")).expect("a string");
        }
    }
    let traits: Vec<&str> =
        shapes.iter().map(|shape| shape.name.as_str()).filter(|name| words.contains(name)).collect();
    writeln!(text, "use super::operands::{{Operand, {}}};\n\nimpl Asm<'_> {{", traits.join(", ")).expect("a string");
    text += body;
    text += "}\n";
    File { path: format!("src/mnemonics/{table}.rs"), text }
}

/// A trait: operand lists with the core calls they lead to.
struct Shape {
    name: String,
    /// The operands before the one that implements the trait, as far as they are generic.
    generics: usize,
    /// The constants that a method passes: `ops: &[Op; 2], digits: [u8; 1]`.
    constants: String,
    /// The parameters that have one type in all lists, with that type.
    concrete: Vec<(String, String)>,
    /// Per list: type parameters, the implementing type, the body.
    lists: Vec<(Vec<String>, String, String)>,
    /// The operand lists in words.
    note: String,
    /// The mnemonics that take it.
    users: Vec<String>,
}

impl Shape {
    /// Whether the other can share the trait.
    fn is_like(&self, other: &Shape) -> bool {
        (self.generics, &self.constants, &self.concrete, &self.lists)
            == (other.generics, &other.constants, &other.concrete, &other.lists)
    }

    fn text(&self) -> String {
        let letters = ["A", "B", "C"];
        let generics = letters[..self.generics].join(", ");
        let angles = if self.generics == 0 { String::new() } else { format!("<{generics}>") };
        let mut text = format!("/// Operands of {}.\n", users(&self.users));
        let shown: String = letters[..self.generics].iter().map(|letter| format!("`{{{letter}}}`, ")).collect();
        let quoted = |text: &str| text.replace('"', "'");
        writeln!(
            text,
            "#[diagnostic::on_unimplemented(\n    message = \"no form takes the operands {shown}`{{Self}}`\",\n    label = \"these operands have no form\",\n    note = \"the forms of {}: {}\"\n)]",
            quoted(&users(&self.users)).replace('`', ""),
            quoted(&self.note)
        )
        .expect("a string");
        writeln!(
            text,
            "pub trait {}{angles}: Sized {{\n    #[doc(hidden)]\n    {};\n}}",
            self.name,
            self.signature(&letters.map(str::to_string))
        )
        .expect("a string");
        for (types, own, body) in &self.lists {
            let angles = if self.generics == 0 { String::new() } else { format!("<{}>", types.join(", ")) };
            writeln!(
                text,
                "\nimpl {}{angles} for {own} {{\n    #[inline(always)]\n    {} {{ {body} }}\n}}",
                self.name,
                self.signature(types)
            )
            .expect("a string");
        }
        text
    }

    fn signature(&self, types: &[String]) -> String {
        let generic: String = (0..self.generics).map(|n| format!(", g{n}: {}", types[n])).collect();
        let concrete: String = self.concrete.iter().map(|(name, rust)| format!(", {name}: {rust}")).collect();
        format!("fn put(self, a: &mut Asm<'_>{generic}{concrete}{})", self.constants)
    }
}

/// "`adc`, `add`, `and`, .. (8 mnemonics)"
fn users(users: &[String]) -> String {
    let shown: Vec<String> = users.iter().take(3).map(|name| format!("`{name}`")).collect();
    match users.len() {
        0..=3 => shown.join(", "),
        n => format!("{}, .. ({n} mnemonics)", shown.join(", ")),
    }
}

/// How each position of a mnemonic is passed.
enum Position {
    /// One type in all lists.
    Concrete(String),
    /// A type parameter `D: Operand`.
    Generic,
    /// The type that implements the trait; `direct` if immediates are among its types, which name no class.
    Own { direct: bool },
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
        (types.len() == 1 && !types[0].starts_with('R')).then(|| types[0].clone())
    };
    let own = (0..arity).rev().find(|&n| concrete(n).is_none());
    let position = |n: usize| match (concrete(n), own == Some(n)) {
        (Some(rust), _) => Position::Concrete(rust),
        (None, true) => {
            Position::Own { direct: mnemonic.overloads.iter().any(|list| matches!(list.args[n], Arg::Imm(..))) }
        }
        (None, false) => Position::Generic,
    };
    (0..arity).map(position).collect()
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
        _ => return vec![rust_type(arg)],
    };
    types.iter().map(|name| name.to_string()).collect()
}

/// The constants of one mnemonic, in the order of their first use.
#[derive(Default)]
struct Constants {
    ops: Vec<String>,
    digits: Vec<u8>,
}

impl Constants {
    fn op(&mut self, op: &str) -> String {
        let at = self.ops.iter().position(|other| other == op).unwrap_or_else(|| {
            self.ops.push(op.to_string());
            self.ops.len() - 1
        });
        format!("ops[{at}]")
    }

    fn digit(&mut self, digit: Option<u8>) -> String {
        let Some(digit) = digit else { return String::new() };
        let at = self.digits.iter().position(|&other| other == digit).unwrap_or_else(|| {
            self.digits.push(digit);
            self.digits.len() - 1
        });
        format!("digits[{at}]")
    }

    fn parameters(&self) -> String {
        let op = if self.ops[0].starts_with("Vex") { "VexOp" } else { "Op" };
        let digits =
            if self.digits.is_empty() { String::new() } else { format!(", digits: [u8; {}]", self.digits.len()) };
        format!(", ops: &[{op}; {}]{digits}", self.ops.len())
    }

    fn arguments(&self) -> String {
        let digits: Vec<String> = self.digits.iter().map(u8::to_string).collect();
        let digits = if digits.is_empty() { String::new() } else { format!(", [{}]", digits.join(", ")) };
        format!(", const {{ &[{}] }}{digits}", self.ops.join(", "))
    }
}

fn method(rows: &[Row], forms: &[Form], mnemonic: &Mnemonic, shapes: &mut Vec<Shape>) -> String {
    let positions = positions(mnemonic);
    let names = parameter_names(forms, mnemonic);
    let mut constants = Constants::default();
    let mut text = document(rows, forms, mnemonic);
    if !positions.iter().any(|position| matches!(position, Position::Own { .. })) {
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
            Position::Own { .. } => "self".to_string(),
            Position::Generic => {
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
                Position::Generic => types.push(rust_type(arg)),
                Position::Own { direct: true } => own = written_types(arg),
                Position::Own { direct: false } => own = vec![rust_type(arg)],
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
    let generic = |position: &Position| matches!(position, Position::Generic);
    let classes: Vec<String> =
        positions.iter().filter(|p| generic(p)).enumerate().map(|(n, _)| format!("{}::Class", letters[n])).collect();
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
            Position::Generic => {
                let letter = letter.next().expect("few operands");
                bounds.push(format!("{letter}: Operand"));
                write!(params, ", {param}: {letter}").expect("a string");
                write!(generics, ", {param}.class()").expect("a string");
            }
            Position::Own { direct: true } => {
                bounds.push(format!("S: {name}{angles}"));
                write!(params, ", {param}: S").expect("a string");
                receiver = param.clone();
            }
            Position::Own { direct: false } => {
                bounds.push("S: Operand".to_string());
                write!(params, ", {param}: S").expect("a string");
                clause = format!(" where S::Class: {name}{angles}");
                receiver = format!("{param}.class()");
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

/// Where a body gets its constants from.
trait Source {
    fn op(&mut self, op: &str) -> String;
    fn digit(&mut self, digit: Option<u8>) -> String;
}

impl Source for Constants {
    fn op(&mut self, op: &str) -> String {
        Constants::op(self, op)
    }

    fn digit(&mut self, digit: Option<u8>) -> String {
        Constants::digit(self, digit)
    }
}

/// They stand in the call.
struct Inline;

impl Source for Inline {
    fn op(&mut self, op: &str) -> String {
        op.to_string()
    }

    fn digit(&mut self, digit: Option<u8>) -> String {
        digit.map_or(String::new(), |digit| digit.to_string())
    }
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
        let conditions: Vec<String> = candidate.guards.iter().map(|guard| condition(*guard, overload, names)).collect();
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
            _ => name.clone(),
        }
    };
    let params: Vec<String> = form.args.iter().enumerate().map(expression).collect();
    let mut call = call(rows, form, &params);
    for (name, arg) in names.iter().zip(&overload.args) {
        if *arg == Arg::Addr {
            let with_width = format!("{name}.addr");
            call.args.iter_mut().filter(|text| **text == with_width).for_each(|text| *text = name.clone());
        }
    }
    call
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
        .filter(|overload| mnemonic.name == "lea" || !overload.args.contains(&Arg::Addr))
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
