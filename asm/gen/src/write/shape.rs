//! The operand traits of the mnemonics: their text, and the opcode constants that a method passes to one.

use std::fmt::Write;

/// A trait: operand lists with the core calls they lead to.
pub(super) struct Shape {
    pub(super) name: String,
    /// The operands before the one that implements the trait, as far as they are generic.
    pub(super) generics: usize,
    /// The constants that a method passes: `ops: &[Op; 2], digits: [u8; 1]`.
    pub(super) constants: String,
    /// The parameters that have one type in all lists, with that type.
    pub(super) concrete: Vec<(String, String)>,
    /// Per list: type parameters, the implementing type, the body.
    pub(super) lists: Vec<(Vec<String>, String, String)>,
    /// The operand lists in words.
    pub(super) note: String,
    /// The mnemonics that take it.
    pub(super) users: Vec<String>,
}

impl Shape {
    /// Whether the other can share the trait.
    pub(super) fn is_like(&self, other: &Shape) -> bool {
        (self.generics, &self.constants, &self.concrete, &self.lists)
            == (other.generics, &other.constants, &other.concrete, &other.lists)
    }

    pub(super) fn text(&self) -> String {
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

/// The kinds of opcode constants: the type, the parameter's name.
const OPS: [(&str, &str); 3] = [("Op", "ops"), ("VexOp", "vex"), ("EvexOp", "evex")];

/// The constants of one mnemonic, in the order of their first use.
#[derive(Default)]
pub(super) struct Constants {
    /// By kind.
    pub(super) ops: [Vec<String>; 3],
    pub(super) digits: Vec<u8>,
}

impl Constants {
    fn op(&mut self, op: &str) -> String {
        let kind = OPS.iter().position(|(name, _)| op.starts_with(&format!("{name}::"))).expect("an opcode");
        let ops = &mut self.ops[kind];
        let at = ops.iter().position(|other| other == op).unwrap_or_else(|| {
            ops.push(op.to_string());
            ops.len() - 1
        });
        format!("{}[{at}]", OPS[kind].1)
    }

    fn digit(&mut self, digit: Option<u8>) -> String {
        let Some(digit) = digit else { return String::new() };
        let at = self.digits.iter().position(|&other| other == digit).unwrap_or_else(|| {
            self.digits.push(digit);
            self.digits.len() - 1
        });
        format!("digits[{at}]")
    }

    pub(super) fn parameters(&self) -> String {
        let mut text = String::new();
        for ((class, name), ops) in OPS.iter().zip(&self.ops).filter(|(_, ops)| !ops.is_empty()) {
            write!(text, ", {name}: &[{class}; {}]", ops.len()).expect("a string");
        }
        if !self.digits.is_empty() {
            write!(text, ", digits: [u8; {}]", self.digits.len()).expect("a string");
        }
        text
    }

    pub(super) fn arguments(&self) -> String {
        let mut text = String::new();
        for ops in self.ops.iter().filter(|ops| !ops.is_empty()) {
            write!(text, ", const {{ &[{}] }}", ops.join(", ")).expect("a string");
        }
        let digits: Vec<String> = self.digits.iter().map(u8::to_string).collect();
        if !digits.is_empty() {
            write!(text, ", [{}]", digits.join(", ")).expect("a string");
        }
        text
    }
}

/// Where a body gets its constants from.
pub(super) trait Source {
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
pub(super) struct Inline;

impl Source for Inline {
    fn op(&mut self, op: &str) -> String {
        op.to_string()
    }

    fn digit(&mut self, digit: Option<u8>) -> String {
        digit.map_or(String::new(), |digit| digit.to_string())
    }
}
