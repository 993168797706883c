//! Any form with any operands decodes back to what it is. Which forms and operands there are the generator's own oracle
//! says, so new ones take part by themselves.

use std::sync::LazyLock;

use planish_asm::AsmError;
use planish_asm_gen::form::{Arg, Form};
use planish_asm_gen::oracle::cases::{
    Conflict, conflict, defaults, displacement_unit, displacements, numbers, singles,
};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle, emit};
use planish_asm_gen::oracle::emit::MNEMONICS;
use planish_asm_gen::oracle::operands::{Address, Segment, Value};
use planish_asm_gen::oracle::shortest::Mnemonics;
use planish_asm_gen::row::Row;

use crate::bytes::Choices;

pub(crate) static ORACLE: LazyLock<Oracle> = LazyLock::new(Oracle::new);
static OVERLOADS: LazyLock<Mnemonics> = LazyLock::new(|| Mnemonics::new(&ORACLE));

/// A form or an overload of a mnemonic, and operands, all chosen by the bytes.
pub fn any_form(bytes: &[u8]) {
    let mut c = Choices::new(bytes);
    let mut buffer = vec![0; BUFFER_LEN];
    if c.below(4) == 0 {
        overload(&mut c, &mut buffer);
    } else {
        form(&mut c, &mut buffer);
    }
}

fn form(c: &mut Choices, buffer: &mut [u8]) {
    let number = c.below(ORACLE.forms.len());
    let (form, row) = (&ORACLE.forms[number], ORACLE.row(number));
    let values = operands(row, form, c);
    let emitted = ORACLE.emit(number, &values, buffer);
    if let Some(bytes) = expected(form, &values, conflict(row, form, &values), emitted) {
        let checked = ORACLE.check(number, &values, bytes);
        assert!(checked.is_ok(), "{} {values:?} {bytes:02X?}: {checked:?}", form.name);
    }
}

/// The same through an overloaded mnemonic, which also has to be the shortest of its forms.
fn overload(c: &mut Choices, buffer: &mut [u8]) {
    let number = c.below(OVERLOADS.all.len());
    let mnemonic = &OVERLOADS.all[number];
    let list = c.below(mnemonic.overloads.len());
    let overload = &mnemonic.overloads[list];
    let form = Mnemonics::as_form(&ORACLE, mnemonic, overload);
    let row = &ORACLE.rows[form.row];
    let values = operands(row, &form, c);
    let emitted = emit(MNEMONICS[number][list], &values, buffer);
    // What is too long with 4 bytes of immediate may be short enough with one, which only some of the forms have.
    let conflict = conflict(row, &form, &values).filter(|&conflict| conflict != Conflict::TooLong || emitted.is_err());
    if let Some(bytes) = expected(&form, &values, conflict, emitted) {
        let checked = OVERLOADS.check(&ORACLE, overload, &values, bytes);
        assert!(checked.is_ok(), "{} {values:?} {bytes:02X?}: {checked:?}", mnemonic.name);
    }
}

/// The bytes; none if the operands conflict, and then the error says so.
fn expected<'b>(
    form: &Form,
    values: &[Value],
    conflict: Option<Conflict>,
    emitted: Result<&'b [u8], AsmError>,
) -> Option<&'b [u8]> {
    match (conflict, emitted) {
        (None, Ok(bytes)) => Some(bytes),
        (Some(conflict), Err(error)) if conflict.is(error) => None,
        (conflict, emitted) => panic!("{} {values:?}: {conflict:?}, {emitted:02X?}", form.name),
    }
}

fn operands(row: &Row, form: &Form, c: &mut Choices) -> Vec<Value> {
    let defaults = defaults(row, form);
    // Elsewhere than in APX, registers from 16 up in an address are an error: seldom.
    let extended = row.table == "apx" || c.below(16) == 0;
    form.args.iter().zip(&defaults).map(|(arg, default)| operand(arg, default, extended, c)).collect()
}

/// A value like `default`, with other registers, masks, rounding, addresses, immediates.
fn operand(arg: &Arg, default: &Value, extended: bool, c: &mut Choices) -> Value {
    match (*default, arg.class()) {
        (Value::Mem(plain), _) => Value::Mem(address(arg, plain, extended, c)),
        (Value::MaskedMem(plain, least), _) => Value::MaskedMem(address(arg, plain, extended, c), mask(least, c)),
        (Value::Reg(_), Some(class)) => Value::Reg(register(class, c)),
        (Value::Rounded(..), Some(class)) => Value::Rounded(register(class, c), c.byte() % 4),
        (Value::Masked(_, least, _), Some(class)) => {
            let (number, mask) = (register(class, c), mask(least, c));
            let zeroes = matches!(arg, Arg::Masked(class) if *class != "K");
            Value::Masked(number, mask, zeroes && mask != 0 && !c.byte().is_multiple_of(2))
        }
        _ => constant(&singles(arg), *default, c),
    }
}

fn register(class: &str, c: &mut Choices) -> u8 {
    let all = numbers(class);
    all[c.below(all.len())]
}

/// A mask; none is one too if `least` is none.
fn mask(least: u8, c: &mut Choices) -> u8 {
    (c.byte() % 8).max(least.min(1))
}

/// A known immediate or target, or any immediate between the least and the largest of them.
fn constant(known: &[Value], default: Value, c: &mut Choices) -> Value {
    if known.is_empty() {
        return default;
    }
    match (c.byte() % 2, range(known)) {
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

/// An address; with a vector index if the operand has one.
fn address(arg: &Arg, plain: Address, extended: bool, c: &mut Choices) -> Address {
    let kind = c.below(16);
    let segment = [Segment::None, Segment::None, Segment::Fs, Segment::Gs][c.below(4)];
    let disp = displacement(arg, c);
    let exponent = c.byte() % 4;
    if let Some(class) = arg.vector_index() {
        let (base, index) = (Some(c.byte() % 16).filter(|_| kind != 1), register(class, c));
        return Address { base, index: Some((index, exponent)), disp, segment, ..plain };
    }
    let count = if extended && kind > 3 { 32 } else { 16 };
    let base = Some(c.byte() % count).filter(|_| kind != 1);
    let index = Some((c.byte() % count, exponent)).filter(|(number, _)| kind.is_multiple_of(2) && *number != 4);
    let address = Address { base, index, disp, segment, ..plain };
    match kind {
        2 => Address { rip: true, base: None, index: None, disp: disp >> 1, ..address },
        // iced cannot tell 32-bit absolute addresses from 64-bit ones.
        3 if base.is_some() || index.is_some() => Address { narrow: true, ..address },
        _ => address,
    }
}

/// A displacement of any length, or around what 8 bits reach in units of the operand.
fn displacement(arg: &Arg, c: &mut Choices) -> i32 {
    if c.byte().is_multiple_of(2) {
        let known = displacements(displacement_unit(arg));
        return known[c.below(known.len())];
    }
    i32::from_le_bytes([c.byte(), c.byte(), c.byte(), c.byte()]) >> (c.byte() % 32)
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
