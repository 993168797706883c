//! The check that the other tests rely on notices a wrong bit: each bit of each form's encoding, flipped, is caught,
//! but for those that the processor ignores, which are listed here.

use std::collections::BTreeMap;

use planish_asm_gen::form::Arg;
use planish_asm_gen::oracle::cases::defaults;
use planish_asm_gen::oracle::check::Oracle;
use planish_asm_gen::oracle::operands::{Address, Value};
use planish_asm_gen::row::{Row, Space};

/// What a bit that may be flipped without effect is.
fn ignored_bit(row: &Row, values: &[Value], bytes: &[u8], bit: usize) -> Option<&'static str> {
    let (byte, bit) = (bit / 8, bit % 8);
    let prefixes = bytes.iter().take_while(|byte| [0x66, 0x67, 0xF0, 0xF2, 0xF3].contains(*byte)).count();
    let at = bytes.get(prefixes).copied().unwrap_or(0);
    let memory = values.iter().find_map(|value| match value {
        Value::Mem(address) => Some(address),
        _ => None,
    });
    let no_index = memory.is_some_and(|address| address.index.is_none());
    let no_register = row.operands.iter().all(|operand| operand.place != 'R');
    let legacy = row.encoding.space == Space::Legacy;
    if byte < prefixes {
        return None;
    }
    if legacy && at & 0xF0 == 0x40 && byte == prefixes {
        return match bit {
            3 if row.has("d64") || !row.encoding.w => Some("REX.W of an instruction without operand size"),
            2 if no_register => Some("REX.R without a register in ModRM.reg"),
            1 if memory.is_none() || no_index => Some("REX.X without an index"),
            0 if memory.is_none() => Some("REX.B without a register in ModRM.rm"),
            _ => None,
        };
    }
    if !legacy && byte == prefixes + 1 && bit == 7 && no_register {
        return Some("VEX.R without a register in ModRM.reg");
    }
    if !legacy && byte == prefixes + 1 && at == 0xC4 && bit == 6 && (memory.is_none() || no_index) {
        return Some("VEX.X without an index");
    }
    if !legacy
        && byte == prefixes + 1
        && at == 0xC4
        && bit == 5
        && row.operands.iter().all(|operand| operand.place != 'M')
    {
        return Some("VEX.B without ModRM");
    }
    let last_vex = prefixes + if at == 0xC4 { 2 } else { 1 };
    if !legacy && byte == last_vex {
        return match bit {
            7 if at == 0xC4 && row.encoding_text.contains("WIG") => Some("VEX.W, ignored"),
            2 if row.encoding.l == "LIG" => Some("VEX.L, ignored"),
            _ => None,
        };
    }
    if !legacy && row.encoding.tail == ["/is4"] && byte == bytes.len() - 1 && bit < 4 {
        return Some("the low half of /is4");
    }
    if legacy && row.mnemonic.starts_with("set") && (3..6).contains(&bit) && byte > prefixes {
        return Some("ModRM.reg of setcc");
    }
    if no_index && memory.is_some_and(|address| address.base == Some(4)) && bit >= 6 {
        return Some("the scale of no index");
    }
    None
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
            let high_byte = form.args.contains(&Arg::Reg("R8Hi"));
            let Some(values) = varied(&defaults(form), variant).filter(|_| variant != 1 || !high_byte) else {
                continue;
            };
            let Ok(bytes) = oracle.emit(number, &values, &mut buffer).map(<[u8]>::to_vec) else { continue };
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

/// The defaults, high registers, an index, a stack address.
fn varied(defaults: &[Value], variant: u8) -> Option<Vec<Value>> {
    let vary = |(n, value): (usize, &Value)| match (variant, *value) {
        (1, Value::Reg(_)) => Value::Reg(9 + n as u8),
        (2, Value::Mem(address)) if address.index.is_none() => {
            Value::Mem(Address { index: Some((9, 1)), ..Address::base(12, 200) })
        }
        (3, Value::Mem(address)) if address.index.is_none() => Value::Mem(Address::base(4, 0)),
        (_, value) => value,
    };
    let values: Vec<Value> = defaults.iter().enumerate().map(vary).collect();
    (variant == 0 || values != defaults).then_some(values)
}
