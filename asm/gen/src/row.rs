//! One row of the tables, parsed: operands with access, encoding, CPUID, attributes.

use crate::table;

/// One form of one instruction.
#[derive(Clone, Debug)]
pub struct Row {
    /// The table it stands in.
    pub table: &'static str,
    /// `T0` to `T4`.
    pub tier: &'static str,
    /// The line.
    pub text: String,
    /// `add`
    pub mnemonic: String,
    /// The encoded or written operands, in Intel order.
    pub operands: Vec<Operand>,
    /// Operands in `<..>`: implied by the instruction, not written by everyone.
    pub implicit: Vec<String>,
    /// The operand text as it stands in the row.
    pub operand_text: String,
    /// The encoding text as it stands in the row.
    pub encoding_text: String,
    /// The same, parsed.
    pub encoding: Encoding,
    /// CPUID feature names; none for base x86-64.
    pub cpuid: Vec<String>,
    /// `lock`, `rep`, `alt`, `d64` ..
    pub attributes: Vec<String>,
}

impl Row {
    /// Whether `name` is among the attributes.
    pub fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute == name)
    }

    /// The constant in ModRM.reg, if the row has one; 0 for `setcc`, where it is ignored.
    pub fn digit(&self) -> Option<u8> {
        match self.encoding.modrm {
            ModRm::Digit(digit) => Some(digit),
            ModRm::Reg if !self.operands.iter().any(|operand| operand.place == 'R') => Some(0),
            _ => None,
        }
    }

    /// The value of a `name=value` attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|attribute| attribute.strip_prefix(name)?.strip_prefix('='))
    }
}

/// An operand of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// `w`, `rw`, `cw`, `rcw`, `cr`, `a`, `n`, a register|memory pair, or empty for a read.
    pub access: String,
    /// What it may be.
    pub kind: Kind,
    /// `{kz}`, `{er}` and so on, without braces.
    pub decorators: Vec<String>,
    /// Op/En: where it is encoded: `R M V O S I D A X`.
    pub place: char,
}

/// What an operand may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A register of a class: `r64`, `xmm`, `k+1`.
    Reg(String),
    /// Memory: `m64`, `m32fp`, `m16:32`, `m`, `vm32x`.
    Mem(String),
    /// A register of a class, memory, or a broadcast element (`b32`).
    RegMem(String, String, Option<String>),
    /// A fixed register or the constant `1`.
    Fixed(String),
    /// An immediate of that many bits; `signed`: sign-extended to the operand size.
    Imm {
        /// Bits in the code.
        bits: u32,
        /// `simm`
        signed: bool,
    },
    /// A displacement of that many bits from the end of the instruction.
    Rel(u32),
    /// Memory of that many bits at an absolute 64-bit address.
    Moffs(u32),
}

/// Which prefix scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Legacy prefixes and REX.
    Legacy,
    /// VEX
    Vex,
    /// EVEX
    Evex,
    /// AMD's XOP
    Xop,
}

/// What follows the opcode as ModRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModRm {
    /// No ModRM, or its byte is a fixed part of the opcode.
    None,
    /// `/r`
    Reg,
    /// `/0` to `/7`
    Digit(u8),
}

/// The encoding column, parsed.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// Prefix scheme.
    pub space: Space,
    /// Legacy prefix bytes in emission order; for VEX and its kin the one that `pp` stands for.
    pub prefixes: Vec<u8>,
    /// Written `NP`: 66, F2 and F3 would select another instruction.
    pub no_prefix: bool,
    /// REX.W, or W1.
    pub w: bool,
    /// VEX.L: `128`, `256`, `512`, `LZ`, `LIG`; empty for legacy.
    pub l: String,
    /// VEX map: `0F`, `0F38`, `0F3A`, `MAP5`, ..; empty for legacy.
    pub map: String,
    /// Opcode bytes; for legacy with the escape bytes.
    pub opcode: Vec<u8>,
    /// The low bits of the last opcode byte hold a register (`+r`, `+i`).
    pub plus: bool,
    /// ModRM.
    pub modrm: ModRm,
    /// `ib iw id io cb cw cd mo /is4 /is5`, in order.
    pub tail: Vec<String>,
}

/// All rows of all tables, in order.
pub fn rows() -> Vec<Row> {
    table::lines().iter().map(parse).collect()
}

fn parse(line: &table::Line) -> Row {
    let mut columns = line.text.split(" | ");
    let (head, places) = (columns.next().expect("mnemonic"), columns.next().expect("Op/En"));
    let encoding_text = columns.next().expect("encoding").trim();
    let cpuid = columns.next().expect("CPUID");
    let attributes = columns.next().unwrap_or("");
    let (mnemonic, operand_text) = head.split_once(' ').unwrap_or((head, ""));
    let written = operand_text.split(',').map(str::trim).filter(|text| !text.is_empty());
    let (implicit, explicit): (Vec<&str>, Vec<&str>) = written.partition(|text| text.starts_with('<'));
    let places: Vec<char> = places.trim().chars().filter(|&c| c != '-').collect();
    assert_eq!(explicit.len(), places.len(), "one place per operand: {}", line.text);
    Row {
        table: line.table,
        tier: line.tier,
        text: line.text.clone(),
        mnemonic: mnemonic.to_string(),
        operands: explicit.iter().zip(&places).map(|(text, &place)| operand(text, place)).collect(),
        implicit: implicit.iter().map(|text| text.to_string()).collect(),
        operand_text: operand_text.to_string(),
        encoding_text: encoding_text.to_string(),
        encoding: encoding(encoding_text),
        cpuid: words(cpuid),
        attributes: words(attributes),
    }
}

/// The words of a column; `-` means none.
fn words(column: &str) -> Vec<String> {
    column.split_whitespace().filter(|&word| word != "-").map(str::to_string).collect()
}

fn operand(text: &str, place: char) -> Operand {
    const ACCESS: &[&str] = &["r", "w", "rw", "cw", "rcw", "cr", "a", "n"];
    let (access, text) = match text.split_once(':') {
        Some((access, rest)) if access.split('|').all(|part| ACCESS.contains(&part)) => (access, rest),
        _ => ("", text),
    };
    let (text, decorators) = match text.split_once('{') {
        Some((text, rest)) => (text, rest.trim_end_matches('}').split("}{").map(str::to_string).collect()),
        None => (text, Vec::new()),
    };
    Operand { access: access.to_string(), kind: kind(text), decorators, place }
}

fn kind(text: &str) -> Kind {
    let number = |rest: &str| rest.parse::<u32>().ok();
    if let Some(bits) = text.strip_prefix("simm").and_then(number) {
        return Kind::Imm { bits, signed: true };
    }
    if let Some(bits) = text.strip_prefix("imm").and_then(number) {
        return Kind::Imm { bits, signed: false };
    }
    if text == "r/m64" {
        return Kind::RegMem("r64".to_string(), "m64".to_string(), None);
    }
    if let Some(bits) = text.strip_prefix("rel").and_then(number) {
        return Kind::Rel(bits);
    }
    if let Some(bits) = text.strip_prefix("moffs").and_then(number) {
        return Kind::Moffs(bits);
    }
    let mut parts = text.split('/');
    let first = parts.next().expect("an operand");
    match (parts.next(), parts.next()) {
        (Some(memory), broadcast) => Kind::RegMem(first.to_string(), memory.to_string(), broadcast.map(str::to_string)),
        (None, _) if is_class(first) => Kind::Reg(first.to_string()),
        (None, _) if is_memory(first) => Kind::Mem(first.to_string()),
        (None, _) => Kind::Fixed(first.to_string()),
    }
}

fn is_class(text: &str) -> bool {
    const CLASSES: &[&str] =
        &["r8", "r16", "r32", "r64", "k", "mm", "xmm", "ymm", "zmm", "tmm", "sreg", "cr", "dr", "sti", "bnd"];
    CLASSES.contains(&text.split('+').next().expect("a class"))
}

fn is_memory(text: &str) -> bool {
    let digits = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    ["m", "mem", "mib", "sibmem"].contains(&text)
        || text.strip_prefix('m').is_some_and(digits)
        || text.strip_prefix("vm").is_some_and(digits)
}

fn encoding(text: &str) -> Encoding {
    let mut tokens = text.split_whitespace().peekable();
    let first = tokens.peek().copied().expect("an encoding");
    let space = match first.split('.').next() {
        Some("VEX") => Space::Vex,
        Some("EVEX") => Space::Evex,
        Some("XOP") => Space::Xop,
        _ => Space::Legacy,
    };
    let mut encoding = Encoding {
        space,
        prefixes: Vec::new(),
        no_prefix: false,
        w: false,
        l: String::new(),
        map: String::new(),
        opcode: Vec::new(),
        plus: false,
        modrm: ModRm::None,
        tail: Vec::new(),
    };
    if space != Space::Legacy {
        vector_prefix(&mut encoding, tokens.next().expect("the prefix"));
    }
    for token in tokens {
        encoding.token(token);
    }
    encoding
}

/// `VEX.128.66.0F38.W0`
fn vector_prefix(encoding: &mut Encoding, token: &str) {
    for part in token.split('.').skip(1) {
        match part {
            "128" | "256" | "512" | "LZ" | "LIG" | "L0" | "L1" => encoding.l = part.to_string(),
            "66" | "F2" | "F3" => encoding.prefixes.push(hex(part)),
            "W0" | "WIG" => {}
            "W1" => encoding.w = true,
            map => encoding.map = map.to_string(),
        }
    }
}

fn hex(text: &str) -> u8 {
    u8::from_str_radix(text, 16).unwrap_or_else(|_| panic!("not a byte: {text}"))
}

impl Encoding {
    fn token(&mut self, token: &str) {
        // `wait` comes before the prefixes of the instruction that it is a part of.
        let legacy_prefix = self.space == Space::Legacy && matches!(self.opcode[..], [] | [0x9B]);
        match token {
            "66" | "67" | "F2" | "F3" if legacy_prefix => self.prefixes.push(hex(token)),
            "NP" => self.no_prefix = true,
            "REX.W" | "REX2.W1" => self.w = true,
            "/r" => self.modrm = ModRm::Reg,
            "ib" | "iw" | "id" | "io" | "cb" | "cw" | "cd" | "mo" | "/is4" | "/is5" => {
                self.tail.push(token.to_string())
            }
            _ => match (token.strip_prefix('/'), token.split_once('+')) {
                (Some(digit), _) => self.modrm = ModRm::Digit(digit.parse().expect("a digit")),
                (None, Some((byte, _))) => {
                    self.opcode.push(hex(byte));
                    self.plus = true;
                }
                (None, None) => self.opcode.push(hex(token)),
            },
        }
    }
}
