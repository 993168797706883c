//! The text of an instruction that is newer than iced-x86, from its row and operands alone, as far as LLVM writes it alike.

use planish_asm_gen::form::{Arg, Form};
use planish_asm_gen::oracle::operands::{Address, Segment, Value};
use planish_asm_gen::row::Row;

/// Mnemonic, operands and decorators in the order of the row.
pub fn text(row: &Row, form: &Form, values: &[Value]) -> String {
    let mut operands: Vec<String> = form.args.iter().zip(values).map(|(arg, value)| operand(arg, value)).collect();
    let mut mnemonic = row.mnemonic.clone();
    if let ("vcmpbf16", Some(Value::Imm(predicate @ 0..32))) = (row.mnemonic.as_str(), values.last()) {
        mnemonic = format!("vcmp{}bf16", PREDICATES[*predicate as usize]);
        operands.pop();
    }
    format!("{}{mnemonic}\t{}", if form.name.starts_with("nf_") { "{nf} " } else { "" }, operands.join(", "))
}

/// The predicates of comparisons by number (SDM Vol. 2, CMPPD and VCMPPD).
#[rustfmt::skip]
const PREDICATES: [&str; 32] = [
    "eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord", "eq_uq", "nge", "ngt", "false", "neq_oq", "ge", "gt", "true",
    "eq_os", "lt_oq", "le_oq", "unord_s", "neq_us", "nlt_uq", "nle_uq", "ord_s", "eq_us", "nge_uq", "ngt_uq", "false_os",
    "neq_os", "ge_oq", "gt_oq", "true_us",
];

fn operand(arg: &Arg, value: &Value) -> String {
    match (arg, *value) {
        (Arg::Fixed(name), _) => name.clone(),
        (Arg::Flags, Value::Imm(flags)) => {
            let names = [(8, "of"), (4, "sf"), (2, "zf"), (1, "cf")];
            let set: Vec<&str> = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
            format!("{{dfv={}}}", set.join(","))
        }
        (Arg::Bcst(element, bits), Value::Mem(address)) => {
            memory(&address, "R64") + &format!("{{1to{}}}", bits / element)
        }
        (_, Value::Mem(address)) => memory(&address, arg.vector_index().unwrap_or("R64")),
        (_, Value::MaskedMem(address, mask)) => {
            memory(&address, arg.vector_index().unwrap_or("R64")) + &decorators(mask, false)
        }
        (_, Value::Masked(number, mask, zero)) => {
            register(arg.class().expect("a register"), number) + &decorators(mask, zero)
        }
        (_, Value::Rounded(number, mode)) => {
            let mode = ["rn", "rd", "ru", "rz"][usize::from(mode)];
            register(arg.class().expect("a register"), number) + &format!(", {{{mode}-sae}}")
        }
        (Arg::Sae(class), Value::Reg(number)) => register(class, number) + ", {sae}",
        (_, Value::Reg(number)) => register(arg.class().expect("a register"), number),
        (Arg::Imm(bits, ..), Value::Imm(number)) => (number << (64 - bits) >> (64 - bits)).to_string(),
        (_, Value::Imm(number)) => number.to_string(),
        (_, value) => panic!("{arg:?} {value:?}"),
    }
}

fn decorators(mask: u8, zero: bool) -> String {
    match (mask, zero) {
        (0, _) => String::new(),
        (_, false) => format!(" {{k{mask}}}"),
        (_, true) => format!(" {{k{mask}}} {{z}}"),
    }
}

const LEGACY: [&str; 8] = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];

fn register(class: &str, number: u8) -> String {
    let (low, high) = (usize::from(number), number >= 8);
    match class {
        "R8Hi" => ["ah", "ch", "dh", "bh"][low - 4].to_string(),
        "R8" | "R8X" if high => format!("r{number}b"),
        "R16" | "R16X" if high => format!("r{number}w"),
        "R32" | "R32X" if high => format!("r{number}d"),
        "R64" | "R64X" if high => format!("r{number}"),
        "R8" | "R8X" => ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"][low].to_string(),
        "R16" | "R16X" => LEGACY[low].to_string(),
        "R32" | "R32X" => format!("e{}", LEGACY[low]),
        "R64" | "R64X" => format!("r{}", LEGACY[low]),
        "K" | "KPair" => format!("k{number}"),
        _ => format!("{}{number}", class.trim_end_matches('X').to_lowercase()),
    }
}

fn memory(address: &Address, index_class: &str) -> String {
    let general = if address.narrow { "R32" } else { "R64" };
    let index_class = if index_class == "R64" { general } else { index_class };
    let segment = match address.segment {
        Segment::None => "",
        Segment::Fs => "fs:",
        Segment::Gs => "gs:",
    };
    let base = if address.rip { Some("rip".to_string()) } else { address.base.map(|base| register(general, base)) };
    let index = address.index.map(|(index, exponent)| format!("{}*{}", 1 << exponent, register(index_class, index)));
    let registers: Vec<String> = base.into_iter().chain(index).collect();
    match (registers.is_empty(), address.disp) {
        (true, disp) => format!("{segment}[{disp}]"),
        (false, 0) => format!("{segment}[{}]", registers.join(" + ")),
        (false, disp) if disp < 0 => format!("{segment}[{} - {}]", registers.join(" + "), disp.unsigned_abs()),
        (false, disp) => format!("{segment}[{} + {disp}]", registers.join(" + ")),
    }
}
