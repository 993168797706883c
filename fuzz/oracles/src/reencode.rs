//! What iced-x86 decodes from any bytes, our form of it encodes to the same meaning in no more bytes.

use std::collections::HashMap;
use std::sync::LazyLock;

use iced_x86::{
    Code, Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, OpKind, Register, RoundingControl,
};
use planish_asm_gen::form::{Arg, Form, Prefix};
use planish_asm_gen::oracle::cases::{conflict, defaults, numbers, singles};
use planish_asm_gen::oracle::check::{BUFFER_LEN, register, rounding};
use planish_asm_gen::oracle::operands::{Address, Segment, Value};
use planish_asm_gen::write::code::waits;

use crate::encode::ORACLE;

/// The forms that are an instruction of iced's.
static BY_CODE: LazyLock<HashMap<Code, Vec<usize>>> = LazyLock::new(|| {
    let mut map: HashMap<Code, Vec<usize>> = HashMap::new();
    // What waits is two instructions to a decoder.
    for form in (0..ORACLE.forms.len()).filter(|&form| !waits(ORACLE.row(form))) {
        if let Some(code) = ORACLE.code(form) {
            map.entry(code).or_default().push(form);
        }
    }
    map
});

/// The bytes as code: one instruction after the other, up to where there is none.
pub fn any_code(bytes: &[u8]) {
    let mut rest = bytes;
    for _ in 0..16 {
        any_instruction(rest);
        let instruction = Decoder::with_ip(64, rest, 0, DecoderOptions::NONE).decode();
        if instruction.is_invalid() {
            return;
        }
        rest = &rest[instruction.len()..];
    }
}

/// Decodes an instruction from the bytes and encodes it again. Says whether there was one that a form stands for.
pub fn any_instruction(bytes: &[u8]) -> bool {
    let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    let instruction = decoder.decode();
    if instruction.is_invalid() || has_no_form(&instruction, bytes) {
        return false;
    }
    let Some(forms) = BY_CODE.get(&instruction.code()) else { return false };
    let mut some = false;
    for &number in forms.iter().filter(|&&number| is_variant(&instruction, &ORACLE.forms[number])) {
        let Some(values) = values(&instruction, number) else { continue };
        let (form, row) = (&ORACLE.forms[number], ORACLE.row(number));
        // Implied memory, whose address no form changes.
        let implied = !values.iter().any(|value| value.address().is_some());
        let narrow = is_narrow(&instruction, bytes) && !row.encoding.prefixes.contains(&0x67);
        if implied && (segment(&instruction) != Segment::None || narrow) {
            continue;
        }
        let conflict = conflict(row, form, &values);
        assert!(conflict.is_none(), "{} {values:?} for {}: {conflict:?}", form.name, text(&instruction));
        encode(&instruction, number, form, &values);
        some = true;
    }
    some
}

fn encode(instruction: &Instruction, number: usize, form: &Form, values: &[Value]) {
    let mut buffer = vec![0; BUFFER_LEN];
    let describe = || format!("{} {values:?} for {}", form.name, text(instruction));
    let ours = ORACLE.emit(number, values, &mut buffer);
    let ours = ours.unwrap_or_else(|error| panic!("{}: {error}", describe()));
    assert!(ours.len() <= instruction.len(), "{}: {ours:02X?} is longer", describe());
    let again = ORACLE.check(number, values, ours);
    let again = again.unwrap_or_else(|error| panic!("{}: {ours:02X?}: {error}", describe()));
    let again = again.expect("the form has a code");
    if again.code() == instruction.code() {
        assert_eq!(text(&again), text(instruction), "{}: {ours:02X?}", describe());
    }
}

/// Whether the form has the prefix, and broadcasts, rounds or suppresses exceptions if the instruction does.
fn is_variant(instruction: &Instruction, form: &Form) -> bool {
    let has = |is: fn(&Arg) -> bool| form.args.iter().any(is);
    let rounds = instruction.rounding_control() != RoundingControl::None;
    form.prefix == prefix(instruction)
        && has(|arg| matches!(arg, Arg::Bcst(..))) == instruction.is_broadcast()
        && has(|arg| matches!(arg, Arg::Rounded(_))) == rounds
        && has(|arg| matches!(arg, Arg::Sae(_))) == (instruction.suppress_all_exceptions() && !rounds)
}

/// Prefixes and addresses that no form has.
fn has_no_form(instruction: &Instruction, bytes: &[u8]) -> bool {
    let memory = (0..instruction.op_count()).any(|n| instruction.op_kind(n) == OpKind::Memory);
    let absolute =
        memory && instruction.memory_base() == Register::None && instruction.memory_index() == Register::None;
    let wide_only = absolute || instruction.is_vsib();
    instruction.memory_base() == Register::EIP || (wide_only && is_narrow(instruction, bytes))
}

/// Whether addresses have 32 bits.
fn is_narrow(instruction: &Instruction, bytes: &[u8]) -> bool {
    bytes[..instruction.len()].iter().take_while(|byte| is_prefix(**byte)).any(|&byte| byte == 0x67)
}

fn is_prefix(byte: u8) -> bool {
    matches!(byte, 0x26 | 0x2E | 0x36 | 0x3E | 0x40..=0x4F | 0x64..=0x67 | 0xF0 | 0xF2 | 0xF3)
}

/// The prefix that is a part of the form's name.
fn prefix(instruction: &Instruction) -> Prefix {
    let info = instruction.code().op_code();
    let (repne, rep) = (instruction.has_repne_prefix(), instruction.has_rep_prefix());
    let (lock, override_) = (instruction.has_lock_prefix(), instruction.segment_prefix());
    match () {
        _ if instruction.has_xacquire_prefix() => {
            if lock {
                Prefix::XacquireLock
            } else {
                Prefix::Xacquire
            }
        }
        _ if instruction.has_xrelease_prefix() => {
            if lock {
                Prefix::XreleaseLock
            } else {
                Prefix::Xrelease
            }
        }
        _ if lock => Prefix::Lock,
        _ if repne && info.can_use_bnd_prefix() => Prefix::Bnd,
        _ if repne && info.can_use_repne_prefix() => Prefix::Repne,
        _ if rep && info.can_use_repne_prefix() => Prefix::Repe,
        _ if rep && info.can_use_rep_prefix() => Prefix::Rep,
        _ if override_ == Register::DS && info.can_use_notrack_prefix() => Prefix::Notrack,
        _ if override_ == Register::DS && info.can_use_hint_taken_prefix() => Prefix::Taken,
        _ if override_ == Register::CS && info.can_use_hint_taken_prefix() => Prefix::NotTaken,
        _ => Prefix::None,
    }
}

/// The operands in the order of the form; `None` if it cannot have them.
fn values(instruction: &Instruction, number: usize) -> Option<Vec<Value>> {
    let form = &ORACLE.forms[number];
    let defaults = defaults(ORACLE.row(number), form);
    let operands = form.args.iter().zip(&defaults).zip(ORACLE.operands(number));
    operands.map(|((arg, default), &n)| value(instruction, arg, default, n)).collect()
}

fn value(instruction: &Instruction, arg: &Arg, default: &Value, n: u32) -> Option<Value> {
    let kind = instruction.op_kind(n);
    match (arg, default) {
        (_, Value::Mem(plain)) if kind == OpKind::Memory => Some(Value::Mem(address(instruction, plain))),
        (_, Value::MaskedMem(plain, _)) if kind == OpKind::Memory => {
            Some(Value::MaskedMem(address(instruction, plain), mask(instruction)))
        }
        (Arg::Moffs(_), _) => Some(Value::Imm(instruction.memory_displacement64() as i64)),
        (Arg::Rel(bits), _) if kind == OpKind::NearBranch64 => target(instruction, *bits),
        (Arg::Imm(bits, ..), _) => immediate(arg, instruction.try_immediate(n).ok()?, *bits),
        (Arg::Fixed(_), _) => Some(Value::Fixed),
        _ if kind == OpKind::Register => {
            let number = number_in(arg.class()?, instruction.op_register(n))?;
            Some(decorated(instruction, default, number))
        }
        _ => None,
    }
}

fn number_in(class: &str, their: Register) -> Option<u8> {
    numbers(class).into_iter().find(|&number| register(class, number) == their)
}

/// The register with the instruction's mask or rounding, if `default` has any.
fn decorated(instruction: &Instruction, default: &Value, number: u8) -> Value {
    match default {
        Value::Masked(..) => Value::Masked(number, mask(instruction), instruction.zeroing_masking()),
        Value::Rounded(..) => {
            let is = |&mode: &u8| rounding(mode) == instruction.rounding_control();
            Value::Rounded(number, (0..4).find(is).expect("a form that rounds"))
        }
        _ => Value::Reg(number),
    }
}

/// The mask's number; 0: none.
fn mask(instruction: &Instruction) -> u8 {
    number_in("K", instruction.op_mask()).unwrap_or(0)
}

fn target(instruction: &Instruction, bits: u32) -> Option<Value> {
    let distance = instruction.near_branch_target().wrapping_sub(instruction.len() as u64) as i64;
    if bits == 16 {
        return Some(Value::Imm(distance));
    }
    // As far as the oracle's buffer goes, and not into the instruction, where it binds no label.
    let reached = (0..0xF000).contains(&distance) || (-0xF000..-15).contains(&distance);
    reached.then_some(Value::Target(distance as i32))
}

/// The bits as the form's type has them: with a sign if it can be negative.
fn immediate(arg: &Arg, value: u64, bits: u32) -> Option<Value> {
    let signed = singles(arg).iter().any(|value| matches!(value, Value::Imm(..0)));
    let shift = 64 - bits;
    let value = if signed { (value << shift) as i64 >> shift } else { (value << shift >> shift) as i64 };
    Some(Value::Imm(value))
}

fn address(instruction: &Instruction, plain: &Address) -> Address {
    let (base, index) = (instruction.memory_base(), instruction.memory_index());
    let narrow = base.is_gpr32() || index.is_gpr32();
    let number = |register: Register| Some(register.number() as u8).filter(|_| register != Register::None);
    let scale = instruction.memory_index_scale().trailing_zeros() as u8;
    let rip = base == Register::RIP;
    let disp = instruction.memory_displacement64();
    let disp = if rip { disp.wrapping_sub(instruction.len() as u64) } else { disp };
    let mut address = *plain;
    address.base = number(base).filter(|_| !rip);
    address.index = number(index).map(|number| (number, scale));
    address.disp = disp as i32;
    (address.rip, address.narrow, address.segment) = (rip, narrow, segment(instruction));
    address
}

/// The segment override, if it has an effect.
fn segment(instruction: &Instruction) -> Segment {
    match instruction.segment_prefix() {
        Register::FS => Segment::Fs,
        Register::GS => Segment::Gs,
        _ => Segment::None,
    }
}

/// The instruction as text, without what has no meaning. What is relative to the end of the instruction is made relative
/// to an end that does not depend on the length.
fn text(instruction: &Instruction) -> String {
    let mut same = *instruction;
    let has = |byte| prefix(instruction).bytes().contains(&byte);
    if segment(&same) == Segment::None && !has(0x2E) && !has(0x3E) {
        same.set_segment_prefix(Register::None);
    }
    same.set_has_rep_prefix(has(0xF3));
    same.set_has_repne_prefix(has(0xF2));
    if same.memory_base() == Register::RIP {
        same.set_memory_displacement64(same.memory_displacement64().wrapping_sub(same.len() as u64));
    }
    if same.op_count() > 0 && same.op0_kind() == OpKind::NearBranch64 {
        same.set_near_branch64(same.near_branch64().wrapping_sub(same.len() as u64));
    }
    let mut text = String::new();
    IntelFormatter::new().format(&same, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::for_a_second;
    use std::cell::Cell;

    /// Vector-indexed addresses of 32 bits have no form.
    #[test]
    fn a_narrow_gather() {
        assert!(!any_instruction(&[0x67, 0xC4, 0xE2, 0xE1, 0x93, 0x14, 0xBE]));
        assert!(any_instruction(&[0xC4, 0xE2, 0xE1, 0x93, 0x14, 0xBE]));
    }

    /// None is passed over: every form, with each class of each operand that is not an address.
    #[test]
    fn every_form_takes_part() {
        let mut buffer = vec![0; BUFFER_LEN];
        let mut passed_over = Vec::new();
        for number in BY_CODE.values().flatten().copied() {
            let form = &ORACLE.forms[number];
            for (n, value) in
                form.args.iter().enumerate().flat_map(|(n, arg)| singles(arg).into_iter().map(move |v| (n, v)))
            {
                // Into itself a branch has no label to go to.
                if matches!(value, Value::Target(-15..0)) {
                    continue;
                }
                let mut values = defaults(ORACLE.row(number), form);
                values[n] = value;
                let Ok(bytes) = ORACLE.emit(number, &values, &mut buffer) else { continue };
                if !any_instruction(bytes) {
                    passed_over.push(format!("{} {values:?} {bytes:02X?}", form.name));
                }
            }
        }
        assert!(passed_over.is_empty(), "{} {:#?}", passed_over.len(), &passed_over[..passed_over.len().min(40)]);
    }

    /// Every other one is made to begin with EVEX, which has many bits that must be right.
    fn shaped(bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if let [choice, first, p0, p1, p2, ..] = &mut bytes[..]
            && choice.is_multiple_of(2)
        {
            (*first, *p0, *p1) = (0x62, *p0 & 0xF0 | [1, 1, 2, 2, 3, 5, 6][usize::from(*p0 & 15) % 7], *p1 | 4);
            // Zeroing without a mask is undefined.
            *p2 |= *p2 >> 7;
            bytes.remove(0);
        }
        bytes
    }

    #[test]
    fn a_second_of_random_bytes() {
        let (tried, encoded) = (Cell::new(0), Cell::new(0));
        for_a_second(15, |bytes| {
            tried.set(tried.get() + 1);
            encoded.set(encoded.get() + u32::from(any_instruction(&shaped(bytes))));
        });
        println!("{} of {} were instructions that a form stands for", encoded.get(), tried.get());
        assert!(encoded.get() * 10 > tried.get());
    }
}
