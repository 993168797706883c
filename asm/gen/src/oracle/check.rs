//! The comparison of emitted bytes with what was asked for, by iced-x86's decoder.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, OpKind, Register};
use planish_asm::{Asm, AsmError, LabelSlot};

use super::codes::{codes, their_kind};
use super::emit::{Emit, FORMS};
use super::operands::{Address, Operands, Segment, Value};
use crate::form::{Arg, Form, Prefix, forms};
use crate::row::{Row, rows};

/// All forms with what iced must say of them.
pub struct Oracle {
    /// The rows.
    pub rows: Vec<Row>,
    /// The forms.
    pub forms: Vec<Form>,
    expected: Vec<Expected>,
}

/// What iced calls a form.
struct Expected {
    code: Code,
    /// iced's operand number for each of the row's operands.
    operands: Vec<u32>,
}

/// Room for one instruction and the distance to a branch target.
pub const BUFFER_LEN: usize = 1 << 17;

impl Default for Oracle {
    fn default() -> Oracle {
        Oracle::new()
    }
}

impl Oracle {
    /// Reads the tables.
    pub fn new() -> Oracle {
        let rows = rows();
        let forms = forms(&rows);
        let codes = codes(&rows).codes;
        let expected = forms.iter().map(|form| expected(&rows[form.row], codes[form.row])).collect();
        Oracle { rows, forms, expected }
    }

    /// The row of a form.
    pub fn row(&self, form: usize) -> &Row {
        &self.rows[self.forms[form].row]
    }

    /// iced's name of a form.
    pub fn code(&self, form: usize) -> Code {
        self.expected[form].code
    }

    /// iced's operand number for each operand of a form.
    pub fn operands(&self, form: usize) -> &[u32] {
        &self.expected[form].operands
    }

    /// Emits one form; the bytes are a part of `buffer`.
    pub fn emit<'b>(&self, form: usize, values: &[Value], buffer: &'b mut [u8]) -> Result<&'b [u8], AsmError> {
        emit(FORMS[form], values, buffer)
    }

    /// Whether `bytes` are this form with these operands and nothing else.
    pub fn check(&self, form: usize, values: &[Value], bytes: &[u8]) -> Result<Instruction, String> {
        let instruction = decode(bytes)?;
        let (expected, the_form) = (&self.expected[form], &self.forms[form]);
        if instruction.code() != expected.code && !is_nop(&the_form.name, values, &instruction) {
            return Err(format!("{:?} instead of {:?}", instruction.code(), expected.code));
        }
        if prefix(&instruction) != the_form.prefix {
            return Err(format!("prefix {:?}", prefix(&instruction)));
        }
        if instruction.code() != expected.code {
            return Ok(instruction);
        }
        for ((arg, value), &number) in the_form.args.iter().zip(values).zip(&expected.operands) {
            if !operand_is(&instruction, number, arg, value, bytes.len()) {
                return Err(format!("operand {number} of {instruction:?} is not {arg:?} {value:?}"));
            }
        }
        Ok(instruction)
    }
}

fn expected(row: &Row, code: Option<Code>) -> Expected {
    let code = code.unwrap_or_else(|| panic!("no code for {}", row.text));
    let kinds = code.op_code().op_kinds();
    let operands = (0..).zip(kinds).filter(|(_, kind)| their_kind(**kind).is_some()).map(|(n, _)| n);
    let operands: Vec<u32> = operands.take(row.operands.len()).collect();
    assert_eq!(operands.len(), row.operands.len(), "{}", row.text);
    Expected { code, operands }
}

/// Runs one emitting function. A target is bound that far behind or before the end of the instruction.
pub fn emit<'b>(emit: Emit, values: &[Value], buffer: &'b mut [u8]) -> Result<&'b [u8], AsmError> {
    let target = values.iter().find_map(|value| match value {
        Value::Target(distance) => Some(*distance),
        _ => None,
    });
    let mut slots = [LabelSlot::EMPTY; 1];
    let mut a = Asm::new(buffer, &mut slots);
    // A branch back is as long as its distance asks for: found by a second try.
    let (mut start, mut len) = (0, 0);
    for _ in 0..3 {
        a.clear();
        let label = a.label();
        if let Some(distance) = target.filter(|&distance| distance < 0) {
            start = (distance.unsigned_abs() as usize).saturating_sub(len);
            a.bind(label);
            pad(&mut a, start);
        }
        emit(&mut a, &Operands { values, label });
        let end = a.pos();
        if let Some(distance) = target.filter(|&distance| distance >= 0) {
            pad(&mut a, distance as usize);
            a.bind(label);
        }
        if target.is_none() || end - start == len {
            break;
        }
        len = end - start;
    }
    let end = start + if target.is_none() { a.pos() } else { len };
    a.finish()?;
    Ok(&buffer[start..end])
}

fn pad(a: &mut Asm<'_>, len: usize) {
    for _ in 0..len / 8 {
        a.u64(0);
    }
    for _ in 0..len % 8 {
        a.u8(0);
    }
}

/// The one instruction that the bytes are, from address 0.
pub fn decode(bytes: &[u8]) -> Result<Instruction, String> {
    let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    let instruction = decoder.decode();
    if instruction.is_invalid() || instruction.len() != bytes.len() {
        return Err(format!("not one instruction of {} bytes: {instruction:?}", bytes.len()));
    }
    Ok(instruction)
}

/// `xchg` of the accumulator with itself is `90`, which is `nop`.
fn is_nop(name: &str, values: &[Value], instruction: &Instruction) -> bool {
    name.starts_with("xchg_r")
        && values.contains(&Value::Fixed)
        && values[0] == Value::Reg(0)
        && matches!(instruction.code(), Code::Nopw | Code::Nopd | Code::Nopq)
}

fn prefix(instruction: &Instruction) -> Prefix {
    let scans = instruction.code().op_code().can_use_repne_prefix();
    match (instruction.has_lock_prefix(), instruction.has_repne_prefix(), instruction.has_rep_prefix()) {
        (true, ..) => Prefix::Lock,
        (_, true, _) => Prefix::Repne,
        (_, _, true) if scans => Prefix::Repe,
        (_, _, true) => Prefix::Rep,
        _ => Prefix::None,
    }
}

/// Whether iced's operand `n` is this one.
fn operand_is(instruction: &Instruction, n: u32, arg: &Arg, value: &Value, len: usize) -> bool {
    match (arg, value) {
        (Arg::Reg(class), Value::Reg(number)) => instruction.op_register(n) == register(class, *number),
        (Arg::Mem(bits, _), Value::Mem(address)) => {
            instruction.op_kind(n) == OpKind::Memory
                && instruction.memory_size().size() * 8 == *bits as usize
                && address_is(instruction, address, "R64", len)
        }
        (Arg::Addr, Value::Mem(address)) => address_is(instruction, address, "R64", len),
        (Arg::Vmem(_, index), Value::Mem(address)) => {
            instruction.is_vsib() && address_is(instruction, address, index, len)
        }
        (Arg::Imm(bits, _, _), Value::Imm(value)) => {
            is_immediate(instruction.op_kind(n)) && (instruction.immediate(n) ^ *value as u64) << (64 - bits) == 0
        }
        (Arg::Moffs(_), Value::Imm(value)) => {
            instruction.memory_base() == Register::None
                && instruction.memory_index() == Register::None
                && instruction.memory_displacement64() == *value as u64
        }
        (Arg::Rel(_), Value::Target(distance)) => {
            instruction.near_branch_target() == (len as i64 + i64::from(*distance)) as u64
        }
        (Arg::Fixed(name), Value::Fixed) if name == "1" => instruction.immediate(n) == 1,
        (Arg::Fixed(name), Value::Fixed) => instruction.op_register(n) == fixed(name),
        _ => false,
    }
}

fn is_immediate(kind: OpKind) -> bool {
    use OpKind as K;
    let plain = matches!(kind, K::Immediate8 | K::Immediate8_2nd | K::Immediate16 | K::Immediate32 | K::Immediate64);
    plain || matches!(kind, K::Immediate8to16 | K::Immediate8to32 | K::Immediate8to64 | K::Immediate32to64)
}

pub(crate) fn fixed(name: &str) -> Register {
    match name {
        "al" => Register::AL,
        "cl" => Register::CL,
        "ax" => Register::AX,
        "eax" => Register::EAX,
        "rax" => Register::RAX,
        name => panic!("fixed operand {name}"),
    }
}

/// iced's name of a register.
pub fn register(class: &str, number: u8) -> Register {
    let (first, number) = match (class, number) {
        ("R8", 0..4) => (Register::AL, number),
        ("R8", 4..8) => (Register::SPL, number - 4),
        ("R8", _) => (Register::R8L, number - 8),
        ("R8Hi", _) => (Register::AH, number - 4),
        ("R16", _) => (Register::AX, number),
        ("R32", _) => (Register::EAX, number),
        ("R64", _) => (Register::RAX, number),
        ("Xmm", _) => (Register::XMM0, number),
        ("Ymm", _) => (Register::YMM0, number),
        _ => panic!("class {class}"),
    };
    first + u32::from(number)
}

fn address_is(instruction: &Instruction, address: &Address, index_class: &str, len: usize) -> bool {
    let class = if address.narrow { "R32" } else { "R64" };
    let index_class = if index_class == "R64" { class } else { index_class };
    let base = address.base.map_or(Register::None, |number| register(class, number));
    let index = address.index.map_or(Register::None, |(number, _)| register(index_class, number));
    let (their_base, their_index) = (instruction.memory_base(), instruction.memory_index());
    let disp = instruction.memory_displacement64();
    let segment = match address.segment {
        Segment::None => Register::None,
        Segment::Fs => Register::FS,
        Segment::Gs => Register::GS,
    };
    if instruction.segment_prefix() != segment {
        return false;
    }
    if address.rip {
        return their_base == Register::RIP && disp == (len as i64 + i64::from(address.disp)) as u64;
    }
    let scale_is = address.index.is_none_or(|(_, exponent)| instruction.memory_index_scale() == 1 << exponent);
    let swapped =
        address.index.is_some_and(|(_, exponent)| exponent == 0) && (their_index, their_base) == (base, index);
    let disp_is =
        if address.narrow { disp as u32 == address.disp as u32 } else { disp == i64::from(address.disp) as u64 };
    ((their_base, their_index) == (base, index) || swapped) && scale_is && disp_is
}
