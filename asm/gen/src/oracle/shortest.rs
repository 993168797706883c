//! Which encodings of an instruction are the shortest: among our forms, and by iced-x86's encoder.

use std::collections::HashMap;

use iced_x86::{Code, Encoder, EncodingKind, Instruction, Mnemonic as IcedMnemonic, OpCodeOperandKind, OpKind};
use planish_asm::AsmError;

use super::check::{Oracle, decode, decorators};
use super::codes::in_scope;
use super::operands::Value;
use crate::form::{Arg, Form};
use crate::overload::{Candidate, Guard, Mnemonic, Overload, mnemonics};

/// All mnemonics, with what they may emit.
pub struct Mnemonics {
    /// In the order of the emitting functions.
    pub all: Vec<Mnemonic>,
    siblings: HashMap<IcedMnemonic, Vec<Code>>,
}

impl Mnemonics {
    /// Groups the oracle's forms.
    pub fn new(oracle: &Oracle) -> Mnemonics {
        let mut siblings: HashMap<IcedMnemonic, Vec<Code>> = HashMap::new();
        for code in Code::values().filter(|code| in_scope(*code)) {
            siblings.entry(code.mnemonic()).or_default().push(code);
        }
        Mnemonics { all: mnemonics(&oracle.rows, &oracle.forms), siblings }
    }

    /// The overload as if it were a form, for the case generators.
    pub fn as_form(oracle: &Oracle, mnemonic: &Mnemonic, overload: &Overload) -> Form {
        let model = &oracle.forms[overload.candidates[0].form];
        Form {
            row: model.row,
            prefix: model.prefix,
            name: mnemonic.name.clone(),
            args: overload.args.clone(),
            params: vec![String::new(); overload.args.len()],
        }
    }

    /// Checks that `bytes` are one of the overload's forms with these operands, and that no other one of them is shorter.
    /// EVEX, which needs another processor, does not count as shorter than VEX, though its scaled displacements can be.
    pub fn check(
        &self,
        oracle: &Oracle,
        overload: &Overload,
        values: &[Value],
        bytes: &[u8],
    ) -> Result<Option<Instruction>, String> {
        let mut buffer = [0; 64];
        let mut found = None;
        let mut errors = String::new();
        let evex_counts = is_evex(bytes);
        for candidate in &overload.candidates {
            let Some(values) = candidate_values(oracle, overload, candidate, values) else { continue };
            match oracle.check(candidate.form, &values, bytes) {
                Ok(instruction) => found = Some(instruction),
                Err(error) => errors += &format!("\n{}: {error}", oracle.forms[candidate.form].name),
            }
            // Branches depend on where the target is: their own test.
            if values.iter().any(|value| matches!(value, Value::Target(_))) {
                continue;
            }
            let other = match oracle.emit(candidate.form, &values, &mut buffer) {
                Err(AsmError::InstructionTooLong { .. }) => continue,
                other => other.map_err(|error| error.to_string())?,
            };
            if other.len() < bytes.len() && (evex_counts || !is_evex(other)) {
                return Err(format!("{} is shorter: {other:02X?}", oracle.forms[candidate.form].name));
            }
        }
        found.ok_or(errors)
    }

    /// The shortest bytes that iced's encoder has for the same mnemonic with the same operands.
    pub fn shortest_by_iced(&self, instruction: &Instruction) -> Option<Vec<u8>> {
        let codes = self.siblings.get(&instruction.mnemonic())?;
        // EVEX scales displacements and is then shorter, but needs another processor.
        let is_evex = |code: Code| code.op_code().encoding() == EncodingKind::EVEX;
        let wanted = codes.iter().filter(|&&code| is_evex(instruction.code()) || !is_evex(code));
        let encoded = wanted.filter_map(|&code| encode_as(instruction, code));
        encoded.min_by_key(Vec::len)
    }
}

/// Whether EVEX follows the segment and the address size.
fn is_evex(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| ![0x64, 0x65, 0x67].contains(byte)) == Some(&0x62)
}

/// The operands of a candidate's form, if it can have these values.
fn candidate_values(
    oracle: &Oracle,
    overload: &Overload,
    candidate: &Candidate,
    values: &[Value],
) -> Option<Vec<Value>> {
    let forbidden = |guard: &Guard| match guard {
        Guard::IsNotZero(n) => values[*n] == Value::Reg(0),
        Guard::IsVex(n) => match values[*n] {
            Value::Masked(number, mask, _) => number >= 16 || mask != 0,
            Value::MaskedMem(_, mask) => mask != 0,
            value => value.number() >= Some(16),
        },
        _ => false,
    };
    if candidate.guards.iter().any(forbidden) {
        return None;
    }
    let form = &oracle.forms[candidate.form];
    let value = |(n, arg): (usize, &Arg)| {
        let Some(&value) = values.get(candidate.order[n]) else { return Some(Value::Fixed) };
        match (arg, value) {
            (Arg::Fixed(name), value) if name == "1" => (value == Value::Imm(1)).then_some(Value::Fixed),
            (Arg::Fixed(_), value) => (value == Value::Reg(0)).then_some(Value::Fixed),
            (Arg::Imm(32, _, _), Value::Imm(value))
                if overload.args.get(1) == Some(&Arg::Imm(64, false, "i64")) && overload.args[0] != form.args[0] =>
            {
                u32::try_from(value).ok().map(|value| Value::Imm(i64::from(value as i32)))
            }
            (Arg::Imm(_, _, rust), Value::Imm(value)) => fits(rust, value).then_some(Value::Imm(value)),
            (Arg::Masked(_), Value::Reg(number)) => Some(Value::Masked(number, 0, false)),
            (Arg::MaskedMem(..), Value::Mem(address)) => Some(Value::MaskedMem(address, 0)),
            (Arg::Reg(_), Value::Masked(number, ..)) => Some(Value::Reg(number)),
            (Arg::Mem(..), Value::MaskedMem(address, _)) => Some(Value::Mem(address)),
            (_, value) => Some(value),
        }
    };
    form.args.iter().enumerate().map(value).collect()
}

fn fits(rust: &str, value: i64) -> bool {
    match rust {
        "i8" => i8::try_from(value).is_ok(),
        "u8" => u8::try_from(value).is_ok(),
        "i16" => i16::try_from(value).is_ok(),
        "u16" => u16::try_from(value).is_ok(),
        "i32" => i32::try_from(value).is_ok(),
        _ => true,
    }
}

/// The same operands through another code; `None` if they do not fit it.
fn encode_as(instruction: &Instruction, code: Code) -> Option<Vec<u8>> {
    let info = code.op_code();
    if info.op_count() != instruction.op_count() {
        return None;
    }
    let mut other = *instruction;
    other.set_code(code);
    for (n, kind) in (0..).zip(info.op_kinds()) {
        if let Some(kind) = immediate_kind(*kind) {
            let value = instruction.try_immediate(n).ok()?;
            other.set_op_kind(n, kind);
            other.set_immediate_u64(n, value);
        }
    }
    if other.memory_displacement64() != 0 && !other.is_ip_rel_memory_operand() {
        // Lets the encoder choose the shortest displacement.
        other.set_memory_displ_size(1);
    }
    let mut encoder = Encoder::new(64);
    encoder.encode(&other, 0).ok()?;
    let bytes = encoder.take_buffer();
    let again = decode(&bytes).ok()?;
    if again.stack_pointer_increment() != instruction.stack_pointer_increment() {
        return None;
    }
    same_operands(instruction, &again).then_some(bytes)
}

pub(crate) fn immediate_kind(kind: OpCodeOperandKind) -> Option<OpKind> {
    use OpCodeOperandKind as K;
    Some(match kind {
        K::imm8 | K::imm8_const_1 => OpKind::Immediate8,
        K::imm8sex16 => OpKind::Immediate8to16,
        K::imm8sex32 => OpKind::Immediate8to32,
        K::imm8sex64 => OpKind::Immediate8to64,
        K::imm16 => OpKind::Immediate16,
        K::imm32 => OpKind::Immediate32,
        K::imm32sex64 => OpKind::Immediate32to64,
        K::imm64 => OpKind::Immediate64,
        _ => return None,
    })
}

/// Registers, decorators, memory and immediates alike, the latter up to the operand's width.
fn same_operands(one: &Instruction, two: &Instruction) -> bool {
    let memory = one.memory_size().size() == two.memory_size().size()
        && one.memory_base() == two.memory_base()
        && one.memory_index() == two.memory_index()
        && (one.memory_index() == iced_x86::Register::None || one.memory_index_scale() == two.memory_index_scale())
        && (one.is_ip_rel_memory_operand() || one.memory_displacement64() == two.memory_displacement64())
        && one.segment_prefix() == two.segment_prefix();
    let operand = |n: u32| match (one.try_immediate(n), two.try_immediate(n)) {
        (Ok(first), Ok(second)) => {
            let bits = match one.op_kind(n) {
                OpKind::Immediate8 => 8,
                OpKind::Immediate16 | OpKind::Immediate8to16 => 16,
                OpKind::Immediate32 | OpKind::Immediate8to32 => 32,
                _ => 64,
            };
            (first ^ second) << (64 - bits) == 0
        }
        (Err(_), Err(_)) => {
            one.op_kind(n) == two.op_kind(n)
                && (one.op_kind(n) != OpKind::Register || one.op_register(n) == two.op_register(n))
        }
        _ => false,
    };
    decorators(one) == decorators(two) && memory && (0..one.op_count()).all(operand)
}
