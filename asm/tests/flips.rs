//! The check that the other tests rely on notices a wrong bit: each bit of each form's encoding, flipped, is caught,
//! but for those that the processor ignores, which are listed here.

use std::collections::BTreeMap;

use planish_asm_gen::form::{Arg, Form};
use planish_asm_gen::oracle::cases::{conflict, defaults, numbers};
use planish_asm_gen::oracle::check::Oracle;
use planish_asm_gen::oracle::operands::{Address, Value};
use planish_asm_gen::row::{Kind, Operand, Row, Space};

/// What a bit that may be flipped without effect is.
fn ignored_bit(row: &Row, values: &[Value], bytes: &[u8], bit: usize) -> Option<&'static str> {
    let (byte, bit) = (bit / 8, bit % 8);
    let waits = usize::from(row.encoding.opcode[0] == 0x9B && row.encoding.opcode.len() > 1);
    let rest = &bytes[waits..];
    let prefixes =
        waits + rest.iter().take_while(|byte| [0x2E, 0x3E, 0x66, 0x67, 0xF0, 0xF2, 0xF3].contains(*byte)).count();
    let at = bytes.get(prefixes).copied().unwrap_or(0);
    let memory = values.iter().find_map(Value::address);
    let no_index = memory.is_some_and(|address| address.index.is_none());
    let legacy = row.encoding.space == Space::Legacy;
    if byte < prefixes {
        return None;
    }
    let sib = row.has("sib") || memory.is_some_and(|address| address.base == Some(4));
    if no_index && sib && bit >= 6 && byte > prefixes {
        return Some("the scale of no index");
    }
    if row.mnemonic == "mov" && matches!(row.encoding.opcode[..], [0x0F, 0x20..=0x23]) && bit >= 6 && byte > prefixes {
        return Some("ModRM.mod of a move to or from a control or debug register");
    }
    if legacy && at & 0xF0 == 0x40 && byte == prefixes {
        return rex(row, memory.is_some(), no_index, bit);
    }
    match row.encoding.space {
        Space::Vex => vex(row, memory.is_some(), no_index, bytes, byte - prefixes, bit),
        Space::Evex => evex(row, memory.is_some(), no_index, bytes, byte - prefixes, bit),
        _ if row.mnemonic.starts_with("set") && (3..6).contains(&bit) && byte > prefixes => Some("ModRM.reg of setcc"),
        _ => None,
    }
}

/// Whether the bits that extend ModRM.reg extend a number: there are but 8 of some registers.
fn extends(row: &Row, place: char) -> bool {
    let few = |class: &str| ["k", "k+1", "mm", "sti", "tmm", "sreg"].contains(&class);
    let extends = |operand: &Operand| match &operand.kind {
        Kind::Reg(class) | Kind::RegMem(class, ..) => operand.place == place && !few(class),
        _ => operand.place == place,
    };
    row.operands.iter().any(extends)
}

/// Whether ModRM.rm is a register of a class of 32.
fn has_32(row: &Row) -> bool {
    let vector = |class: &str| class.ends_with("mm") && class != "mm";
    row.operands.iter().any(|operand| match &operand.kind {
        Kind::Reg(class) | Kind::RegMem(class, ..) => operand.place == 'M' && vector(class),
        _ => false,
    })
}

fn rex(row: &Row, memory: bool, no_index: bool, bit: usize) -> Option<&'static str> {
    match bit {
        3 if row.has("d64") || !row.encoding.w => Some("REX.W of an instruction without operand size"),
        2 if !extends(row, 'R') => Some("REX.R without a register in ModRM.reg that it extends"),
        1 if !memory || no_index => Some("REX.X without an index"),
        0 if !memory && !extends(row, 'M') && !extends(row, 'O') => Some("REX.B without a register that it extends"),
        _ => None,
    }
}

fn vex(row: &Row, memory: bool, no_index: bool, bytes: &[u8], byte: usize, bit: usize) -> Option<&'static str> {
    let long = bytes[0] == 0xC4;
    let last = if long { 2 } else { 1 };
    match bit {
        7 if byte == 1 && !extends(row, 'R') => Some("VEX.R without a register in ModRM.reg that it extends"),
        6 if byte == 1 && long && (!memory || no_index) => Some("VEX.X without an index"),
        5 if byte == 1 && long && !memory && !extends(row, 'M') => Some("VEX.B without a register that it extends"),
        7 if byte == last && long && row.encoding_text.contains("WIG") => Some("VEX.W, ignored"),
        2 if byte == last && row.encoding.l == "LIG" => Some("VEX.L, ignored"),
        0..=3 if row.encoding.tail == ["/is4"] && byte == bytes.len() - 1 => Some("the low half of /is4"),
        _ => None,
    }
}

fn evex(row: &Row, memory: bool, no_index: bool, bytes: &[u8], byte: usize, bit: usize) -> Option<&'static str> {
    let rounded = !memory && bytes[3] & 0x10 != 0;
    match (byte, bit) {
        (1, 6) if memory && no_index => Some("EVEX.X without an index"),
        (1, 6) if !memory && !has_32(row) => Some("EVEX.X without a register that it extends"),
        (1, 5) if !memory && !extends(row, 'M') => Some("EVEX.B without a register that it extends"),
        (1, 7 | 4) if !extends(row, 'R') => Some("EVEX.R without a register in ModRM.reg that it extends"),
        (2, 2) if row.table == "apx" && memory && no_index => Some("EVEX.X4 without an index"),
        (2, 7) if row.encoding_text.contains("WIG") => Some("EVEX.W, ignored"),
        (3, 5 | 6) if row.encoding.l == "LIG" && !rounded => Some("EVEX.L'L, ignored"),
        (3, 5 | 6) if rounded => Some("EVEX.L'L of suppressed exceptions"),
        _ => None,
    }
}

#[test]
fn a_flipped_bit_is_noticed() {
    let oracle = Oracle::new();
    let mut buffer = [0; 64];
    let (mut flips, mut ignored) = (0u64, BTreeMap::<&str, u64>::new());
    let mut missed: BTreeMap<(String, u8), (String, u64)> = BTreeMap::new();
    for (number, form) in oracle.forms.iter().enumerate() {
        let row = oracle.row(number);
        for variant in 0..4 {
            let Some(values) = varied(row, form, variant) else { continue };
            if conflict(row, form, &values).is_some() {
                continue;
            }
            let bytes = oracle.emit_checked(number, &values, &mut buffer).to_vec();
            for bit in 0..8 * bytes.len() {
                let mut wrong = bytes.clone();
                wrong[bit / 8] ^= 1 << (bit % 8);
                flips += 1;
                if oracle.check(number, &values, &wrong).is_err() {
                    continue;
                }
                match ignored_bit(row, &values, &bytes, bit) {
                    Some(reason) => *ignored.entry(reason).or_default() += 1,
                    None => {
                        let key = (row.mnemonic.clone(), (bit % 8) as u8);
                        missed
                            .entry(key)
                            .or_insert((format!("{} {values:?} {bytes:02X?} bit {bit}", form.name), 0))
                            .1 += 1;
                    }
                }
            }
        }
    }
    for ((mnemonic, _), (example, count)) in missed.iter().take(40) {
        println!("missed {count} x {mnemonic}: {example}");
    }
    println!("{flips} flipped bits; without effect: {ignored:#?}");
    assert!(missed.is_empty(), "{} kinds of flips missed", missed.len());
}

/// The defaults, high registers and masks, an index, a stack address.
fn varied(row: &Row, form: &Form, variant: u8) -> Option<Vec<Value>> {
    let defaults = defaults(row, form);
    let vary = |(n, (arg, value)): (usize, (&Arg, &Value))| match (variant, arg.class(), value.address()) {
        (1, Some(class), _) => {
            let all = numbers(class);
            match value.with_number(all[(all.len() * 5 / 8 + n) % all.len()]) {
                Value::Masked(number, 0, _) => Value::Masked(number, 5, class != "K"),
                value => value,
            }
        }
        (2, _, Some(address)) if address.index.is_none() => {
            value.with_address(Address { index: Some((9, 1)), ..Address::base(12, 200) })
        }
        (3, _, Some(address)) if address.index.is_none() => value.with_address(Address::base(4, 0)),
        _ => *value,
    };
    let values: Vec<Value> = form.args.iter().zip(&defaults).enumerate().map(vary).collect();
    (variant == 0 || values != defaults).then_some(values)
}
