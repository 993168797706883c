//! Rows matched with iced-x86's own description of the same instruction (`OpCodeInfo`): encoding, operand classes and
//! where each is encoded, memory widths, decorators, disp8 scale, `lock` and `rep`, CPUID. All must agree.

use std::collections::BTreeMap;

use iced_x86::{Code, EncodingKind, OpCodeInfo, OpCodeOperandKind};

use crate::row::{Kind, Operand, Row};

/// What the two sides must agree on, as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts {
    /// In lower case.
    pub mnemonic: String,
    encoding: String,
    kinds: Vec<String>,
    texts: Vec<String>,
    prefixes: String,
    cpuid: Vec<String>,
    disp8_scale: String,
}

/// The outcome of matching.
pub struct Match {
    /// For every row, iced's name for it; `None` if iced describes no such instruction.
    pub codes: Vec<Option<Code>>,
    /// The facts of the rows without a match, by row.
    pub wrong: Vec<(usize, Facts)>,
    /// What iced knows and no row describes.
    pub left: Vec<(Code, Facts)>,
    /// How many instructions iced has in 64-bit mode.
    pub total: usize,
}

/// Matches all rows, each with an instruction of its own.
pub fn codes(rows: &[Row]) -> Match {
    let mut theirs: BTreeMap<Facts, Vec<Code>> = BTreeMap::new();
    for code in Code::values().filter(|&code| in_scope(code)) {
        theirs.entry(their_facts(code)).or_default().push(code);
    }
    let total = theirs.values().map(Vec::len).sum();
    let mut wrong = Vec::new();
    let mut match_row = |(number, row): (usize, &Row)| {
        let facts = our_facts(row);
        let code = theirs.get_mut(&facts).and_then(Vec::pop);
        if code.is_none() {
            wrong.push((number, facts));
        }
        code
    };
    // Tier T4 is what iced does not know.
    let known = |(number, row): (usize, &Row)| if row.tier == "T4" { None } else { match_row((number, row)) };
    let codes = rows.iter().enumerate().map(known).collect();
    let left = theirs.iter().flat_map(|(facts, codes)| codes.iter().map(|&code| (code, facts.clone()))).collect();
    Match { codes, wrong, left, total }
}

/// iced lists embedded rounding for conversions that are exact, where the bit has no effect; our rows leave it out.
const NO_ROUNDING: &[&str] = &[
    "EVEX_Vcvtdq2pd_zmm_k1z_ymmm256b32_er",
    "EVEX_Vcvtudq2pd_zmm_k1z_ymmm256b32_er",
    "EVEX_Vcvtsi2sd_xmm_xmm_rm32_er",
    "EVEX_Vcvtusi2sd_xmm_xmm_rm32_er",
];

/// Everything valid in 64-bit code but the first Xeon Phi's (never in a general CPU).
pub fn in_scope(code: Code) -> bool {
    let info = code.op_code();
    let knights_corner = info.encoding() == EncodingKind::MVEX || format!("{code:?}").contains("_KNC_");
    info.is_instruction() && info.mode64() && !knights_corner
}

fn their_facts(code: Code) -> Facts {
    let info = code.op_code();
    let evex = info.encoding() == EncodingKind::EVEX;
    let (kinds, mut texts) = their_operands(info);
    if NO_ROUNDING.contains(&format!("{code:?}").as_str()) {
        let last = texts.last_mut().expect("an operand");
        *last = last.replace("{er}", "");
    }
    if info.require_op_mask_register() {
        texts.iter_mut().for_each(|text| *text = text.replace("{k}", "{k!}"));
    }
    let memory = kinds.iter().any(|kind| kind.contains("mem"));
    let scale = format!("{:?}", info.tuple_type());
    Facts {
        mnemonic: format!("{:?}", code.mnemonic()).to_lowercase(),
        encoding: canonical_encoding(info.op_code_string()),
        kinds,
        texts,
        prefixes: prefixes(info.can_use_lock_prefix(), info.can_use_rep_prefix(), info.can_use_repne_prefix()),
        cpuid: their_cpuid(code),
        disp8_scale: if evex && memory { scale } else { String::new() },
    }
}

/// Without the processors that every x86-64 one succeeds.
fn their_cpuid(code: Code) -> Vec<String> {
    let names = code.cpuid_features().iter().map(|feature| format!("{feature:?}"));
    sorted(names.filter(|name| !name.starts_with("INTEL") && name != "X64").collect())
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn our_facts(row: &Row) -> Facts {
    let forced_64 = (row.has("d64") || row.has("f64")) && !row.encoding_text.contains("REX.W");
    let encoding = if forced_64 { format!("o64 {}", row.encoding_text) } else { row.encoding_text.clone() };
    let repcc = row.has("repcc");
    let scale = |attribute: &&String| attribute.starts_with('N') && attribute[1..].starts_with(char::is_numeric);
    Facts {
        mnemonic: row.mnemonic.clone(),
        encoding: canonical_encoding(&encoding),
        kinds: row.operands.iter().map(|operand| our_kind(row, operand)).collect(),
        texts: row.operands.iter().map(our_text).collect(),
        prefixes: prefixes(row.has("lock"), row.has("rep") || repcc, repcc),
        cpuid: sorted(row.cpuid.clone()),
        disp8_scale: row.attributes.iter().find(scale).cloned().unwrap_or_default(),
    }
}

fn prefixes(lock: bool, rep: bool, repne: bool) -> String {
    let name = |yes: bool, name: &str| if yes { name.to_string() } else { String::new() };
    name(lock, "lock ") + &name(rep, "rep ") + &name(repne, "repne ")
}

/// Prefixes in one order, `o16` as 66, `o64` as REX.W, `o32` and `a64` (nothing to emit) dropped, `+rd` as `+r`.
fn canonical_encoding(text: &str) -> String {
    let mut prefixes = Vec::new();
    let mut rest: Vec<String> = Vec::new();
    for token in text.split_whitespace() {
        match token {
            "o32" | "a64" => {}
            "o16" | "66" if rest.is_empty() => prefixes.push("66"),
            "o16" => rest.push("66".to_string()),
            "a32" | "67" if rest.is_empty() => prefixes.push("67"),
            "o64" | "REX.W" => prefixes.push("REX.W"),
            "F2" | "F3" | "NP" if rest.is_empty() => prefixes.push(token),
            "/vsib" => rest.push("/r".to_string()),
            _ if token.contains(':') => rest.push(modrm_bits(token)),
            _ => match token.split_once("+r") {
                Some((byte, _)) => rest.push(format!("{byte}+r")),
                None => rest.push(token.to_string()),
            },
        }
    }
    prefixes.sort_unstable();
    prefixes.join(" ") + " " + &rest.join(" ")
}

/// `!(11):rrr:bbb` as `/r`, `11:001:bbb` as `/1`.
fn modrm_bits(token: &str) -> String {
    match token.split(':').nth(1) {
        Some("rrr") | None => "/r".to_string(),
        Some(digit) => format!("/{}", u8::from_str_radix(digit, 2).expect("three bits")),
    }
}

fn our_kind(row: &Row, operand: &Operand) -> String {
    let operand_bits = || match (row.encoding.w || row.has("d64"), row.encoding.prefixes.contains(&0x66)) {
        (true, _) => 64,
        (_, true) => 16,
        _ => 32,
    };
    let place = match operand.place {
        'R' => "reg",
        'M' => "rm",
        'V' => "vvvv",
        'O' => "opcode",
        'S' if row.encoding_text.ends_with("/is5") => "is5",
        'S' => "is4",
        _ => "fixed",
    };
    match &operand.kind {
        Kind::Reg(class) => {
            let class = class.replace("sreg", "seg").replace("k+1", "kp1").replace("+3", "p3");
            format!("{class}_{place}")
        }
        Kind::RegMem(class, ..) => format!("{class}_or_mem"),
        Kind::Mem(text) => match text.strip_prefix("vm") {
            Some(index) => format!("mem_vsib{index}"),
            None => "mem".to_string(),
        },
        Kind::Fixed(text) if text == "1" => "imm8_const_1".to_string(),
        Kind::Fixed(text) => text.clone(),
        Kind::Imm { bits, signed: true } => format!("imm{bits}sex{}", operand_bits()),
        Kind::Imm { bits, signed: false } => format!("imm{bits}"),
        Kind::Rel(bits) => format!("rel{bits}"),
        Kind::Moffs(_) => "mem_offs".to_string(),
    }
}

fn our_text(operand: &Operand) -> String {
    let text = match &operand.kind {
        Kind::Reg(text) | Kind::Mem(text) | Kind::Fixed(text) => text.clone(),
        Kind::RegMem(class, memory, None) => format!("{class}/{memory}"),
        Kind::RegMem(class, memory, Some(broadcast)) => format!("{class}/{memory}/{broadcast}"),
        Kind::Imm { bits, .. } => format!("imm{bits}"),
        Kind::Rel(bits) => format!("rel{bits}"),
        Kind::Moffs(bits) => format!("moffs{bits}"),
    };
    let decorators: String = operand.decorators.iter().map(|name| format!("{{{name}}}")).collect();
    text + &decorators
}

/// The operands that are encoded or written in our rows: kinds and texts.
fn their_operands(info: &OpCodeInfo) -> (Vec<String>, Vec<String>) {
    let string = info.instruction_string();
    let written: Vec<&str> = string.split_once(' ').map_or(Vec::new(), |(_, rest)| rest.split(", ").collect());
    // What an instruction implies is left out of `kinds` or has no written counterpart.
    let kinds = info.op_kinds().iter().filter_map(|&kind| their_kind(kind));
    kinds.zip(&written).map(|(kind, text)| their_operand(kind, their_text(text))).unzip()
}

/// x87 compares are described by their implied operand but written with the encoded one.
fn their_operand(kind: String, text: String) -> (String, String) {
    if text == "sti" { ("sti_opcode".to_string(), text) } else { (kind, text) }
}

/// `None` for operands that the instruction implies.
pub(crate) fn their_kind(kind: OpCodeOperandKind) -> Option<String> {
    use OpCodeOperandKind as K;
    Some(match kind {
        K::es_rDI | K::seg_rDI | K::seg_rSI | K::seg_rBX_al => return None,
        K::br16_1 | K::br64_1 => "rel8".to_string(),
        K::br16_2 | K::xbegin_2 => "rel16".to_string(),
        K::br64_4 | K::xbegin_4 => "rel32".to_string(),
        K::sibmem | K::mem_mib | K::mem_mpx => "mem".to_string(),
        kind => format!("{kind:?}").trim_end_matches("_mpx").trim_end_matches("_m2z").replace("_reg_mem", "_reg"),
    })
}

/// `ZMM2 {k1}{z}` as `zmm{kz}`, `r/m32` as `r32/m32`, `m64bcst` as `b64`.
fn their_text(text: &str) -> String {
    let text = text.to_lowercase().replace(" {k1}{z}", "{kz}").replace(" {k1}", "{k}").replace(" {k2}", "{k}");
    let (text, decorators) = text.find('{').map_or((text.as_str(), ""), |at| text.split_at(at));
    let mut parts: Vec<String> = text.split('/').map(str::to_string).collect();
    if parts[0] == "r" {
        parts[0] = parts[1].replace('m', "r");
    }
    for class in ["xmm", "ymm", "zmm", "tmm", "mm", "k", "bnd"] {
        if let Some(rest) = parts[0].strip_prefix(class).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            parts[0] = format!("{class}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
    }
    if ["r32a", "r32b", "r64a", "r64b"].contains(&parts[0].as_str()) {
        parts[0].pop();
    }
    if let Some(broadcast) = parts.get_mut(2) {
        *broadcast = broadcast.replace("bcst", "").replace('m', "b");
    }
    match parts.join("/").as_str() {
        "st" | "st(0)" => "st0".to_string(),
        "st(i)" => "sti".to_string(),
        text => match text.strip_prefix('m').and_then(|rest| rest.strip_suffix("byte")) {
            Some(bytes) => format!("m{}", 8 * bytes.parse::<u32>().expect("a number")),
            None => text.to_string() + decorators,
        },
    }
}
