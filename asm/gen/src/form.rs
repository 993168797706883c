//! Rows split into functions: register and memory variants, high byte registers, `lock` and `rep`; and their names.

use std::collections::HashMap;

use crate::row::{Kind, Row, Space};

/// Text at the head of the generated module: the naming rule, which is public API.
pub const NAMING: &str = "\
One function per instruction form, generated from the tables in `isa/`. A form function emits exactly its own row, also
where another row would be shorter; the mnemonic layer chooses.

# Names

`[prefix_]mnemonic[_operand]..[_altN]`, the operands in Intel order:

| part | operand | Rust type |
| --- | --- | --- |
| `r8 r16 r32 r64` | general register | [`R8`](crate::R8) .. [`R64`](crate::R64) |
| `r8hi` | `ah ch dh bh`; another operand that needs a REX prefix is an error of `finish` | [`R8Hi`](crate::R8Hi) |
| `xmm ymm` | vector register | [`Xmm`](crate::Xmm), [`Ymm`](crate::Ymm) |
| `m8` .. `m256` | memory of that many bits | [`Mem`](crate::Mem) |
| `m16_16 m16_32 m16_64` | far pointer: offset and selector | `Mem<32> Mem<48> Mem<80>` |
| `m` | address only (`lea`) | [`Addr`](crate::Addr) |
| `vm32x vm64y` .. | vector-indexed memory | [`VAddr`](crate::VAddr) |
| `imm8 imm16 imm32 imm64` | immediate of the operand's own width, or a count or selector | `iN` for values, `uN` for counts and selectors |
| `imm8s imm32s` | immediate that is sign-extended to the operand's width | `i8 i32` |
| `rel8 rel32` | branch target, short or near | [`Label`](crate::Label) |
| `moffs8` .. `moffs64` | memory at an absolute 64-bit address | `u64` |
| `al ax eax rax cl 1` | that register or constant; no parameter | |

Operands that an instruction implies are not in the name: `blendvps_xmm_xmm`, `movsb`. The string instructions `movsd` and
`cmpsd`, whose mnemonics SSE2 has too, are `movsd_string` and `cmpsd_string`.

Memory operands are one class, whatever the address: `[base + index]`, `[rip + label]` and absolute ones share the function.

Rows that read alike get `_alt`, `_alt2` .. after the preferred one: `add_r64_r64` is `01 /r`, `add_r64_r64_alt` is `03 /r`.

Prefixes with a meaning are part of the name: `lock_add_m64_r64`, `rep_movsb`, `repne_scasb`.

`xchg_r32_eax` of `eax` is `90`, which is `nop` and does not clear the upper half: `xchg_r32_r32` does.

```
use planish_asm::{Asm, mem::qword, regs::*};

let mut code = [0; 32];
let mut a = Asm::new(&mut code, &mut []);
a.add_r64_r64(rax.any(), rcx.any()).add_r64_r64_alt(rax.any(), rcx.any());
a.add_r64_imm8s(rax.any(), 1).add_rax_imm32s(1).lock_add_m64_imm8s(qword(rdi), 1);
assert_eq!(
    a.finish()?,
    [
        0x48, 0x01, 0xC8, 0x48, 0x03, 0xC1, //
        0x48, 0x83, 0xC0, 1, 0x48, 0x05, 1, 0, 0, 0, 0xF0, 0x48, 0x83, 0x07, 1,
    ]
);
# Ok::<(), planish_asm::AsmError>(())
```

Every form is a `const fn`, so a stub can be a constant:

```
use planish_asm::{Asm, regs::*};

const STUB: [u8; 4] = {
    let mut code = [0; 4];
    let mut a = Asm::new(&mut code, &mut []);
    a.mov_r64_r64(rax.any(), rdi.any()).ret();
    assert!(a.finish().is_ok());
    code
};
assert_eq!(STUB, [0x48, 0x89, 0xF8, 0xC3]);
```";

/// A prefix that makes a form of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// The row as it is.
    None,
    /// F0
    Lock,
    /// F3, without a condition
    Rep,
    /// F3, while equal
    Repe,
    /// F2, while not equal
    Repne,
}

impl Prefix {
    /// As in the function's name.
    pub fn name(self) -> &'static str {
        ["", "lock_", "rep_", "repe_", "repne_"][self as usize]
    }

    /// The prefix byte.
    pub fn byte(self) -> Option<u8> {
        [None, Some(0xF0), Some(0xF3), Some(0xF3), Some(0xF2)][self as usize]
    }
}

/// What an argument of a form is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arg {
    /// A register class: `R8 R8Hi R16 R32 R64 Xmm Ymm`.
    Reg(&'static str),
    /// Memory of that many bits; the text is the row's (`m16:32`).
    Mem(u32, String),
    /// An address.
    Addr,
    /// Vector-indexed memory: the row's text and the index class.
    Vmem(String, &'static str),
    /// An immediate: bits in the code, whether it is sign-extended, and the Rust type.
    Imm(u32, bool, &'static str),
    /// A branch target of that many bits of displacement.
    Rel(u32),
    /// An absolute address of an operand of that many bits.
    Moffs(u32),
    /// A fixed register or `1`: no parameter.
    Fixed(String),
}

impl Arg {
    /// As in the function's name.
    pub fn name(&self) -> String {
        match self {
            Arg::Reg(class) => class.to_lowercase(),
            Arg::Mem(_, text) => text.replace(':', "_"),
            Arg::Addr => "m".to_string(),
            Arg::Vmem(text, _) | Arg::Fixed(text) => text.clone(),
            Arg::Imm(bits, signed, _) => format!("imm{bits}{}", if *signed { "s" } else { "" }),
            Arg::Rel(bits) => format!("rel{bits}"),
            Arg::Moffs(bits) => format!("moffs{bits}"),
        }
    }

    /// The parameter's Rust type; none for what is fixed.
    pub fn rust_type(&self) -> Option<String> {
        Some(match self {
            Arg::Reg(class) => class.to_string(),
            Arg::Mem(bits, _) => format!("M{bits}"),
            Arg::Addr => "Addr".to_string(),
            Arg::Vmem(_, index) => format!("VAddr<{index}>"),
            Arg::Imm(_, _, rust) => rust.to_string(),
            Arg::Rel(_) => "Label".to_string(),
            Arg::Moffs(_) => "u64".to_string(),
            Arg::Fixed(_) => return None,
        })
    }

    /// Whether it is memory with a ModRM byte.
    pub fn is_memory(&self) -> bool {
        matches!(self, Arg::Mem(..) | Arg::Addr | Arg::Vmem(..))
    }
}

/// One function.
#[derive(Clone, Debug)]
pub struct Form {
    /// The index of its row among all rows.
    pub row: usize,
    /// `lock`, `rep` ..
    pub prefix: Prefix,
    /// The function's name.
    pub name: String,
    /// One per operand of the row.
    pub args: Vec<Arg>,
    /// The parameter names, one per operand.
    pub params: Vec<String>,
}

/// The forms of the rows that have functions: tiers T0 and T1.
pub fn forms(rows: &[Row]) -> Vec<Form> {
    let mut forms = Vec::new();
    for (number, row) in rows.iter().enumerate().filter(|(_, row)| has_forms(row)) {
        let plain = variants(row);
        for args in &plain {
            forms.push(form(number, row, Prefix::None, args));
        }
        for &prefix in prefixes(row) {
            let fits = |args: &&Vec<Arg>| prefix != Prefix::Lock || args.iter().any(Arg::is_memory);
            forms.extend(plain.iter().filter(fits).map(|args| form(number, row, prefix, args)));
        }
    }
    name_alternatives(&mut forms, rows);
    forms
}

/// Whether the assembler has functions for the row.
pub fn has_forms(row: &Row) -> bool {
    ["T0", "T1"].contains(&row.tier)
}

fn prefixes(row: &Row) -> &'static [Prefix] {
    if row.has("lock") {
        &[Prefix::Lock]
    } else if row.has("rep") {
        &[Prefix::Rep]
    } else if row.has("repcc") {
        &[Prefix::Repe, Prefix::Repne]
    } else {
        &[]
    }
}

fn form(number: usize, row: &Row, prefix: Prefix, args: &[Arg]) -> Form {
    const STRING_TWINS: [&str; 2] = ["movsd", "cmpsd"];
    let mut name = format!("{}{}", prefix.name(), row.mnemonic);
    if STRING_TWINS.contains(&name.as_str()) && args.is_empty() {
        name += "_string";
    }
    for arg in args {
        name += "_";
        name += &arg.name();
    }
    Form { row: number, prefix, name, args: args.to_vec(), params: parameter_names(row, args) }
}

/// `dst`, `src` or `src1 src2 ..`, `imm`, `to`; two immediates (`enter`) are `imm1 imm2`.
fn parameter_names(row: &Row, args: &[Arg]) -> Vec<String> {
    let role = |number: usize| match &args[number] {
        Arg::Imm(..) => "imm",
        Arg::Rel(_) => "to",
        Arg::Moffs(_) => "addr",
        Arg::Fixed(_) => "",
        _ if number == 0 && row.operands[0].access.contains('w') => "dst",
        _ => "src",
    };
    let roles: Vec<&str> = (0..args.len()).map(role).collect();
    let name = |number: usize| {
        let same = |range: &[&str]| range.iter().filter(|&&other| other == roles[number]).count();
        match same(&roles) {
            1 => roles[number].to_string(),
            _ => format!("{}{}", roles[number], same(&roles[..number]) + 1),
        }
    };
    (0..args.len()).map(name).collect()
}

/// All argument lists of a row.
fn variants(row: &Row) -> Vec<Vec<Arg>> {
    let mut lists: Vec<Vec<Arg>> = vec![Vec::new()];
    for operand in &row.operands {
        let choices = choices(row, &operand.kind);
        lists = lists
            .iter()
            .flat_map(|list| choices.iter().map(move |arg| [&list[..], std::slice::from_ref(arg)].concat()))
            .collect();
    }
    lists
}

fn choices(row: &Row, kind: &Kind) -> Vec<Arg> {
    match kind {
        Kind::Reg(class) => registers(row, class),
        Kind::Mem(text) => vec![memory(text)],
        Kind::RegMem(class, text, _) => {
            let mut choices = registers(row, class);
            choices.push(memory(text));
            choices
        }
        Kind::Fixed(text) => vec![Arg::Fixed(text.clone())],
        Kind::Imm { bits, signed } => vec![Arg::Imm(*bits, *signed, immediate_type(row, *bits, *signed))],
        Kind::Rel(bits) => vec![Arg::Rel(*bits)],
        Kind::Moffs(bits) => vec![Arg::Moffs(*bits)],
    }
}

/// Outside of VEX and without REX.W a byte register may be a high one.
fn registers(row: &Row, class: &str) -> Vec<Arg> {
    let rex_free = row.encoding.space == Space::Legacy && !row.encoding.w;
    match class {
        "r8" if rex_free => vec![Arg::Reg("R8"), Arg::Reg("R8Hi")],
        "r8" => vec![Arg::Reg("R8")],
        "r16" => vec![Arg::Reg("R16")],
        "r32" => vec![Arg::Reg("R32")],
        "r64" => vec![Arg::Reg("R64")],
        "xmm" => vec![Arg::Reg("Xmm")],
        "ymm" => vec![Arg::Reg("Ymm")],
        _ => panic!("no class for {class} in {}", row.text),
    }
}

fn memory(text: &str) -> Arg {
    if let Some(index) = text.strip_prefix("vm") {
        let class = if index.ends_with('x') { "Xmm" } else { "Ymm" };
        return Arg::Vmem(text.to_string(), class);
    }
    let bits = text.trim_start_matches('m');
    match bits.split_once(':') {
        _ if bits.is_empty() => Arg::Addr,
        Some((selector, offset)) => {
            let number = |text: &str| text.parse::<u32>().expect("a number of bits");
            Arg::Mem(number(selector) + number(offset), text.to_string())
        }
        None => Arg::Mem(bits.parse().expect("a number of bits"), text.to_string()),
    }
}

/// Values have the signed type, counts and selectors the unsigned one.
fn immediate_type(row: &Row, bits: u32, signed: bool) -> &'static str {
    const VALUES: &[&str] = &["adc", "add", "and", "cmp", "imul", "mov", "or", "push", "sbb", "sub", "test", "xor"];
    match (bits, signed || VALUES.contains(&row.mnemonic.as_str())) {
        (8, true) => "i8",
        (16, true) => "i16",
        (32, true) => "i32",
        (64, true) => "i64",
        (8, false) => "u8",
        (16, false) => "u16",
        _ => panic!("immediate of {}", row.text),
    }
}

/// The second and later forms of one name get `_alt`, `_alt2` ..; rows marked `alt` come last.
fn name_alternatives(forms: &mut [Form], rows: &[Row]) {
    let mut order: Vec<usize> = (0..forms.len()).collect();
    order.sort_by_key(|&number| rows[forms[number].row].has("alt"));
    let mut seen: HashMap<String, usize> = HashMap::new();
    for number in order {
        let count = seen.entry(forms[number].name.clone()).or_default();
        *count += 1;
        match *count {
            1 => {}
            2 => forms[number].name += "_alt",
            n => forms[number].name += &format!("_alt{}", n - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_follow_the_rule() {
        let rows = crate::row::rows();
        let forms = forms(&rows);
        let mut names: Vec<&str> = forms.iter().map(|form| form.name.as_str()).collect();
        for name in [
            "add_r64_m64",
            "add_r64_imm8s",
            "add_r64_imm32s",
            "add_r64_r64_alt",
            "lock_add_m64_r64",
            "mov_r8hi_imm8",
            "shl_r64_1",
            "shl_m32_cl",
            "jne_rel8",
            "call_m16_64",
            "lea_r64_m",
            "vgatherdps_xmm_vm32x_xmm",
            "enter_imm16_imm8",
            "mov_rax_moffs64",
            "movsd_string",
            "rep_movsd",
            "repne_scasb",
            "vblendvps_ymm_ymm_m256_ymm",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        println!("{} forms of {} rows", forms.len(), rows.iter().filter(|row| has_forms(row)).count());
    }
}
