//! Any form with any operands decodes back to what it is. Which forms and operands there are the generator's own oracle
//! says, so new ones take part by themselves.

use std::sync::LazyLock;

use planish_asm::AsmError;
use planish_asm_gen::form::Arg;
use planish_asm_gen::oracle::cases::{defaults, high_byte_conflict, repeats_a_register, singles};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle, emit};
use planish_asm_gen::oracle::emit::MNEMONICS;
use planish_asm_gen::oracle::operands::{Address, Segment, Value};
use planish_asm_gen::oracle::shortest::Mnemonics;

use crate::bytes::Choices;

pub(crate) static ORACLE: LazyLock<Oracle> = LazyLock::new(Oracle::new);
static OVERLOADS: LazyLock<Mnemonics> = LazyLock::new(|| Mnemonics::new(&ORACLE));

/// A form or an overload of a mnemonic, and operands, all chosen by the bytes.
pub fn any_form(bytes: &[u8]) {
    let mut c = Choices::new(bytes);
    let mut buffer = vec![0; BUFFER_LEN];
    if c.below(4) == 0 {
        overload(&mut c, &mut buffer);
        return;
    }
    let number = c.below(ORACLE.forms.len());
    let form = &ORACLE.forms[number];
    let values = operands(&form.args, &defaults(form), &mut c);
    if repeats_a_register(ORACLE.row(number), form, &values) {
        return;
    }
    let bytes = ORACLE.emit(number, &values, &mut buffer);
    if high_byte_conflict(form, &values) {
        assert_eq!(bytes, Err(AsmError::HighByte { at: 0 }), "{} {values:?}", form.name);
        return;
    }
    let bytes = bytes.unwrap_or_else(|error| panic!("{} {values:?}: {error}", form.name));
    let checked = ORACLE.check(number, &values, bytes);
    assert!(checked.is_ok(), "{} {values:?} {bytes:02X?}: {checked:?}", form.name);
}

/// The same through an overloaded mnemonic, which also has to be the shortest of its forms.
fn overload(c: &mut Choices, buffer: &mut [u8]) {
    let number = c.below(OVERLOADS.all.len());
    let mnemonic = &OVERLOADS.all[number];
    let list = c.below(mnemonic.overloads.len());
    let overload = &mnemonic.overloads[list];
    let form = Mnemonics::as_form(&ORACLE, mnemonic, overload);
    let values = operands(&form.args, &defaults(&form), c);
    if repeats_a_register(&ORACLE.rows[form.row], &form, &values) {
        return;
    }
    let bytes = emit(MNEMONICS[number][list], &values, buffer);
    if high_byte_conflict(&form, &values) {
        assert_eq!(bytes, Err(AsmError::HighByte { at: 0 }), "{} {values:?}", mnemonic.name);
        return;
    }
    let bytes = bytes.unwrap_or_else(|error| panic!("{} {values:?}: {error}", mnemonic.name));
    let checked = OVERLOADS.check(&ORACLE, overload, &values, bytes);
    assert!(checked.is_ok(), "{} {values:?} {bytes:02X?}: {checked:?}", mnemonic.name);
}

fn operands(args: &[Arg], defaults: &[Value], c: &mut Choices) -> Vec<Value> {
    args.iter().zip(defaults).map(|(arg, default)| operand(arg, default, c)).collect()
}

/// A value like `default`.
fn operand(arg: &Arg, default: &Value, c: &mut Choices) -> Value {
    if let Value::Mem(plain) = default {
        return Value::Mem(address(*plain, c));
    }
    let known = singles(arg);
    if known.is_empty() {
        return *default;
    }
    match (c.byte() % 2, range(&known)) {
        // Any immediate between the least and the largest.
        (0, Some((least, largest))) => {
            let span = (largest as u64).wrapping_sub(least as u64);
            let offset = if span == u64::MAX { c.word() } else { c.word() % (span + 1) };
            Value::Imm(least.wrapping_add(offset as i64))
        }
        _ => known[c.below(known.len())],
    }
}

/// The least and the largest if they are immediates.
fn range(known: &[Value]) -> Option<(i64, i64)> {
    let immediate = |value: &Value| match value {
        Value::Imm(value) => Some(*value),
        _ => None,
    };
    let immediates: Option<Vec<i64>> = known.iter().map(immediate).collect();
    let immediates = immediates?;
    Some((*immediates.iter().min()?, *immediates.iter().max()?))
}

/// An address with a vector index if `plain` has an index.
fn address(plain: Address, c: &mut Choices) -> Address {
    let vector = plain.index.is_some();
    let kind = c.below(16);
    let disp = i32::from_le_bytes([c.byte(), c.byte(), c.byte(), c.byte()]) >> (c.byte() % 32);
    let segment = [Segment::None, Segment::None, Segment::Fs, Segment::Gs][c.below(4)];
    let base = Some(c.byte() % 16).filter(|_| kind != 1);
    let index = (c.byte() % 16, c.byte() % 4);
    let has_index = vector || (kind.is_multiple_of(2) && index.0 != 4);
    let address = Address { base, index: Some(index).filter(|_| has_index), disp, segment, ..plain };
    match kind {
        2 if !vector => Address { rip: true, base: None, index: None, disp: disp >> 1, ..address },
        // iced cannot tell 32-bit absolute addresses from 64-bit ones.
        3 if !vector && (base.is_some() || has_index) => Address { narrow: true, ..address },
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::for_a_second;

    #[test]
    fn a_second_of_random_forms() {
        for_a_second(40, any_form);
    }
}
