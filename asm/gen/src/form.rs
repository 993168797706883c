//! Rows split into functions: register and memory variants, high byte registers, `lock` and `rep`; and their names.

use std::collections::HashMap;

use crate::row::{Kind, Operand, Row, Space};

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
    /// F2 F0
    XacquireLock,
    /// F3 F0
    XreleaseLock,
    /// F2: `xchg` locks by itself.
    Xacquire,
    /// F3: the same, and stores.
    Xrelease,
    /// F2 on a branch
    Bnd,
    /// 3E on an indirect branch
    Notrack,
    /// 3E on a conditional branch
    Taken,
    /// 2E on a conditional branch
    NotTaken,
}

impl Prefix {
    /// As in the function's name.
    pub fn name(self) -> &'static str {
        match self {
            Prefix::None => "",
            Prefix::Lock => "lock_",
            Prefix::Rep => "rep_",
            Prefix::Repe => "repe_",
            Prefix::Repne => "repne_",
            Prefix::XacquireLock => "xacquire_lock_",
            Prefix::XreleaseLock => "xrelease_lock_",
            Prefix::Xacquire => "xacquire_",
            Prefix::Xrelease => "xrelease_",
            Prefix::Bnd => "bnd_",
            Prefix::Notrack => "notrack_",
            Prefix::Taken => "taken_",
            Prefix::NotTaken => "not_taken_",
        }
    }

    /// The prefix bytes.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Prefix::None => &[],
            Prefix::Lock => &[0xF0],
            Prefix::Rep | Prefix::Repe | Prefix::Xrelease => &[0xF3],
            Prefix::Repne | Prefix::Xacquire | Prefix::Bnd => &[0xF2],
            Prefix::XacquireLock => &[0xF2, 0xF0],
            Prefix::XreleaseLock => &[0xF3, 0xF0],
            Prefix::Notrack | Prefix::Taken => &[0x3E],
            Prefix::NotTaken => &[0x2E],
        }
    }

    /// Whether its forms are a group of their own: few need them, and they are many.
    pub fn is_rare(self) -> bool {
        use Prefix as P;
        !matches!(self, P::None | P::Lock | P::Rep | P::Repe | P::Repne)
    }

    /// Whether only forms with a memory operand have it.
    fn needs_memory(self) -> bool {
        use Prefix as P;
        matches!(self, P::Lock | P::XacquireLock | P::XreleaseLock | P::Xacquire | P::Xrelease)
    }
}

/// What an argument of a form is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arg {
    /// A register class: `R8 R8Hi R16 R32 R64 Xmm Ymm XmmX ..`.
    Reg(&'static str),
    /// A register that may have a mask, zeroing or not.
    Masked(&'static str),
    /// A register that must have a mask.
    Merged(&'static str),
    /// A register with a rounding mode.
    Rounded(&'static str),
    /// A register with suppressed exceptions.
    Sae(&'static str),
    /// Memory of that many bits; the text is the row's (`m16:32`).
    Mem(u32, String),
    /// Memory that may have a mask.
    MaskedMem(u32, String),
    /// A broadcast element of that many bits, and the bits of all.
    Bcst(u32, u32),
    /// An address.
    Addr,
    /// An address that may have a mask.
    MaskedAddr,
    /// An address with a SIB byte in any case.
    Sib,
    /// Vector-indexed memory: the row's text and the index class.
    Vmem(String, &'static str),
    /// Vector-indexed memory that must have a mask.
    MergedVmem(String, &'static str),
    /// An immediate: bits in the code, whether it is sign-extended, and the Rust type.
    Imm(u32, bool, &'static str),
    /// A branch target of that many bits of displacement.
    Rel(u32),
    /// An absolute address of an operand of that many bits.
    Moffs(u32),
    /// The flags' default value of a conditional compare; behind the row's operands.
    Flags,
    /// A fixed register or `1`: no parameter.
    Fixed(String),
}

impl Arg {
    /// As in the function's name.
    pub fn name(&self) -> String {
        match self {
            Arg::Reg(class) | Arg::Masked(class) | Arg::Merged(class) => class_name(class),
            Arg::Rounded(class) => class_name(class) + "_er",
            Arg::Sae(class) => class_name(class) + "_sae",
            Arg::Mem(_, text) | Arg::MaskedMem(_, text) => text.replace([':', '&'], "_"),
            Arg::Bcst(element, bits) => format!("m{bits}b{element}"),
            Arg::Addr | Arg::MaskedAddr | Arg::Sib => "m".to_string(),
            Arg::Vmem(text, _) | Arg::MergedVmem(text, _) | Arg::Fixed(text) => text.clone(),
            Arg::Imm(bits, signed, _) => format!("imm{bits}{}", if *signed { "s" } else { "" }),
            Arg::Rel(bits) => format!("rel{bits}"),
            Arg::Moffs(bits) => format!("moffs{bits}"),
            Arg::Flags => "dfv".to_string(),
        }
    }

    /// The parameter's Rust type; none for what is fixed.
    pub fn rust_type(&self) -> Option<String> {
        Some(match self {
            Arg::Reg(class) => class.to_string(),
            Arg::Masked(class) => format!("Masked<{class}>"),
            Arg::Merged(class) => format!("Merged<{class}>"),
            Arg::Rounded(class) => format!("Rounded<{class}>"),
            Arg::Sae(class) => format!("Sae<{class}>"),
            Arg::Mem(bits, _) => format!("M{bits}"),
            Arg::MaskedMem(bits, _) => format!("Masked<M{bits}>"),
            Arg::Bcst(element, bits) => format!("Bcst<{element}, {}>", bits / element),
            Arg::Addr | Arg::Sib => "Addr".to_string(),
            Arg::MaskedAddr => "Masked<Addr>".to_string(),
            Arg::Vmem(_, index) => format!("VAddr<{index}>"),
            Arg::MergedVmem(_, index) => format!("Merged<VAddr<{index}>>"),
            Arg::Imm(_, _, rust) => rust.to_string(),
            Arg::Rel(16) => "i16".to_string(),
            Arg::Rel(_) => "Label".to_string(),
            Arg::Moffs(_) => "u64".to_string(),
            Arg::Flags => "Flags".to_string(),
            Arg::Fixed(_) => return None,
        })
    }

    /// Whether it is memory with a ModRM byte.
    pub fn is_memory(&self) -> bool {
        use Arg as A;
        let plain = matches!(self, A::Mem(..) | A::Addr | A::Sib | A::Vmem(..) | A::Bcst(..));
        plain || matches!(self, A::MaskedMem(..) | A::MaskedAddr | A::MergedVmem(..))
    }

    /// The class, if it is a register.
    pub fn class(&self) -> Option<&'static str> {
        match self {
            Arg::Reg(class) | Arg::Masked(class) | Arg::Merged(class) | Arg::Rounded(class) | Arg::Sae(class) => {
                Some(class)
            }
            _ => None,
        }
    }

    /// The class of the index, if it is vector-indexed memory.
    pub fn vector_index(&self) -> Option<&'static str> {
        match self {
            Arg::Vmem(_, class) | Arg::MergedVmem(_, class) => Some(class),
            _ => None,
        }
    }

    /// Whether a mask may or must be on it.
    pub fn has_mask(&self) -> bool {
        use Arg as A;
        matches!(self, A::Masked(_) | A::Merged(_) | A::MaskedMem(..) | A::MaskedAddr | A::MergedVmem(..))
    }
}

/// `Xmm` as `xmm`, `XmmX` as `xmmx`; there is but one kind of `zmm`.
fn class_name(class: &str) -> String {
    if class == "ZmmX" { "zmm".to_string() } else { class.to_lowercase() }
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

/// The forms of the rows that have functions.
pub fn forms(rows: &[Row]) -> Vec<Form> {
    let mut forms = Vec::new();
    for (number, row) in rows.iter().enumerate().filter(|(_, row)| has_forms(row)) {
        let plain = variants(row);
        for args in &plain {
            forms.push(form(number, row, Prefix::None, args));
        }
        for prefix in prefixes(row) {
            let fits = |args: &&Vec<Arg>| !prefix.needs_memory() || args.iter().any(Arg::is_memory);
            forms.extend(plain.iter().filter(fits).map(|args| form(number, row, prefix, args)));
        }
    }
    name_alternatives(&mut forms, rows);
    forms
}

impl Form {
    /// The cargo feature and the file that it belongs to: its table, or `prefixed`.
    pub fn group(&self, rows: &[Row]) -> &'static str {
        if self.prefix.is_rare() { "prefixed" } else { rows[self.row].table }
    }
}

/// Whether the assembler has functions for the row. Tier T3x is what processors no longer run, and undocumented encodings.
pub fn has_forms(row: &Row) -> bool {
    row.tier != "T3x"
}

fn prefixes(row: &Row) -> Vec<Prefix> {
    let hle: &[Prefix] = match row.mnemonic.as_str() {
        "xchg" => &[Prefix::Xacquire, Prefix::Xrelease],
        _ => &[Prefix::XacquireLock, Prefix::XreleaseLock],
    };
    let by_attribute: [(&str, &[Prefix]); 8] = [
        ("lock", &[Prefix::Lock]),
        ("hle", hle),
        ("xrel", &[Prefix::Xrelease]),
        ("rep", &[Prefix::Rep]),
        ("repcc", &[Prefix::Repe, Prefix::Repne]),
        ("bnd", &[Prefix::Bnd]),
        ("notrack", &[Prefix::Notrack]),
        ("hint", &[Prefix::Taken, Prefix::NotTaken]),
    ];
    by_attribute.iter().filter(|(name, _)| row.has(name)).flat_map(|(_, prefixes)| prefixes.iter().copied()).collect()
}

fn form(number: usize, row: &Row, prefix: Prefix, args: &[Arg]) -> Form {
    const STRING_TWINS: [&str; 2] = ["movsd", "cmpsd"];
    // `cfcmov` uses the bit for something else.
    let flagless = row.has("nf") && !row.mnemonic.starts_with("cfcmov");
    let mut name = format!("{}{}{}", prefix.name(), if flagless { "nf_" } else { "" }, row.mnemonic);
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
        Arg::Flags => "default",
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

/// All argument lists of a row. Rounding modes and suppressed exceptions are for registers only.
fn variants(row: &Row) -> Vec<Vec<Arg>> {
    let mut lists: Vec<Vec<Arg>> = vec![Vec::new()];
    for operand in &row.operands {
        let choices = choices(row, operand);
        lists = lists
            .iter()
            .flat_map(|list| choices.iter().map(move |arg| [&list[..], std::slice::from_ref(arg)].concat()))
            .collect();
    }
    if row.attribute("scc").is_some() {
        lists.iter_mut().for_each(|list| list.push(Arg::Flags));
    }
    let register_only = |arg: &Arg| matches!(arg, Arg::Rounded(_) | Arg::Sae(_));
    lists.retain(|list| !(list.iter().any(register_only) && list.iter().any(Arg::is_memory)));
    lists
}

fn choices(row: &Row, operand: &Operand) -> Vec<Arg> {
    let decorated = |name: &str| operand.decorators.iter().any(|other| other == name);
    let register = |class: &str| match &registers(row, class)[..] {
        [Arg::Reg(class)] if decorated("k!") => vec![Arg::Merged(class)],
        [Arg::Reg(class)] if decorated("k") || decorated("kz") => vec![Arg::Masked(class)],
        [Arg::Reg(class)] if decorated("er") => vec![Arg::Reg(class), Arg::Rounded(class)],
        [Arg::Reg(class)] if decorated("sae") => vec![Arg::Reg(class), Arg::Sae(class)],
        plain => plain.to_vec(),
    };
    let memory = |text: &str| match memory(row, text) {
        Arg::Vmem(text, class) if decorated("k!") => Arg::MergedVmem(text, class),
        Arg::Mem(bits, text) if decorated("k") || decorated("kz") => Arg::MaskedMem(bits, text),
        plain => plain,
    };
    match &operand.kind {
        Kind::Reg(class) => register(class),
        Kind::Mem(text) => vec![memory(text)],
        Kind::RegMem(class, text, broadcast) => {
            let mut choices = register(class);
            choices.push(memory(text));
            if let Some(element) = broadcast {
                let bits = |text: &str| text[1..].parse().expect("a number of bits");
                choices.push(Arg::Bcst(bits(element), bits(text)));
            }
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
    let evex = row.encoding.space == Space::Evex;
    let apx = row.table == "apx";
    let class = match class {
        "r8" if apx => "R8X",
        "r16" if apx => "R16X",
        "r32" if apx => "R32X",
        "r64" if apx => "R64X",
        "r8" if rex_free => return vec![Arg::Reg("R8"), Arg::Reg("R8Hi")],
        "r8" => "R8",
        "r16" => "R16",
        "r32" => "R32",
        "r64" => "R64",
        "xmm" if evex => "XmmX",
        "ymm" if evex => "YmmX",
        "xmm" => "Xmm",
        "ymm" => "Ymm",
        "zmm" => "ZmmX",
        "k" => "K",
        "k+1" => "KPair",
        "mm" => "Mm",
        "sti" => "St",
        "tmm" => "Tmm",
        "sreg" => "Seg",
        "cr" => "Cr",
        "dr" => "Dr",
        _ => panic!("no class for {class} in {}", row.text),
    };
    vec![Arg::Reg(class)]
}

fn memory(row: &Row, text: &str) -> Arg {
    if row.has("sib") {
        return Arg::Sib;
    }
    if let Some(index) = text.strip_prefix("vm") {
        let evex = row.encoding.space == Space::Evex;
        let class = match (index.chars().last(), evex) {
            (Some('x'), true) => "XmmX",
            (Some('y'), true) => "YmmX",
            (Some('x'), false) => "Xmm",
            (Some('y'), false) => "Ymm",
            _ => "ZmmX",
        };
        return Arg::Vmem(text.to_string(), class);
    }
    let bits = text.trim_start_matches('m').trim_end_matches(|c: char| c.is_ascii_lowercase());
    match bits.split_once([':', '&']) {
        _ if bits.is_empty() || text == "mem" => Arg::Addr,
        Some((selector, offset)) => {
            let number = |text: &str| text.parse::<u32>().expect("a number of bits");
            Arg::Mem(number(selector) + number(offset), text.to_string())
        }
        None => Arg::Mem(bits.parse().expect("a number of bits"), text.to_string()),
    }
}

/// Values have the signed type, counts and selectors the unsigned one.
fn immediate_type(row: &Row, bits: u32, signed: bool) -> &'static str {
    const VALUES: &[&str] =
        &["adc", "add", "and", "cmp", "imul", "imulzu", "mov", "or", "push", "sbb", "sub", "test", "xor"];
    let conditional = row.attribute("scc").is_some();
    match (bits, signed || conditional || VALUES.contains(&row.mnemonic.as_str())) {
        (8, true) => "i8",
        (16, true) => "i16",
        (32, true) => "i32",
        (64, true) => "i64",
        (64, false) => "u64",
        (8, false) => "u8",
        (16, false) => "u16",
        (32, false) => "u32",
        _ => panic!("immediate of {}", row.text),
    }
}

/// The second and later forms of one name get `_alt`, `_alt2` ..; rows marked `alt` and tier T4 come last, and of the system
/// instructions that read 16 bits of memory at any operand size the shortest comes first.
fn name_alternatives(forms: &mut [Form], rows: &[Row]) {
    let mut order: Vec<usize> = (0..forms.len()).collect();
    order.sort_by_key(|&number| {
        let row = &rows[forms[number].row];
        let sized = matches!(row.tier, "T2" | "T3");
        let size = if sized { row.encoding.prefixes.len() + usize::from(row.encoding.w) } else { 0 };
        (row.has("alt"), row.tier == "T4", size)
    });
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
