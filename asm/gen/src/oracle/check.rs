//! The comparison of emitted bytes with what was asked for, by iced-x86's decoder.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, OpCodeOperandKind, OpKind, Register, RoundingControl};
use planish_asm::{Asm, AsmError, LabelSlot};

use super::codes::{codes, their_kind};
use super::emit::{Emit, FORMS};
use super::fields;
use super::operands::{Address, Operands, Segment, Value};
use crate::form::{Arg, Form, forms};
use crate::row::{Row, rows};
use crate::write::code::waits;

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
    /// None for what is newer than iced.
    code: Option<Code>,
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

    /// iced's name of a form; none if it is newer.
    pub fn code(&self, form: usize) -> Option<Code> {
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

    /// Emits one form, on whatever processor, and has the decoders check it.
    ///
    /// # Panics
    ///
    /// If the operands have no encoding, or the bytes are something else.
    pub fn emit_checked<'b>(&self, form: usize, values: &[Value], buffer: &'b mut [u8]) -> &'b [u8] {
        let case = || format!("{} {values:?}", self.forms[form].name);
        let bytes = self.emit(form, values, buffer).unwrap_or_else(|error| panic!("{}: {error}", case()));
        self.check(form, values, bytes).unwrap_or_else(|error| panic!("{} {bytes:02X?}: {error}", case()));
        bytes
    }

    /// Whether `bytes` are this form with these operands and nothing else; by [`fields`] alone for what is newer than iced.
    pub fn check(&self, form: usize, values: &[Value], bytes: &[u8]) -> Result<Option<Instruction>, String> {
        let row = self.row(form);
        if fields::covers(row) {
            fields::check(row, &self.forms[form], values, bytes)?;
        }
        match self.expected[form].code {
            Some(code) => self.check_by_iced(form, code, values, bytes).map(Some),
            None => Ok(None),
        }
    }

    fn check_by_iced(&self, form: usize, code: Code, values: &[Value], bytes: &[u8]) -> Result<Instruction, String> {
        // The decoder takes the first byte of the waiting x87 instructions for one of its own.
        let bytes = match waits(self.row(form)) {
            true => bytes.strip_prefix(&[0x9B]).ok_or("does not wait")?,
            false => bytes,
        };
        let instruction = decode(bytes)?;
        let (expected, the_form) = (&self.expected[form], &self.forms[form]);
        if instruction.code() != code && !is_nop(&the_form.name, values, &instruction) {
            return Err(format!("{:?} instead of {code:?}", instruction.code()));
        }
        if prefixes(&instruction) != expected_prefixes(the_form, values) {
            return Err(format!("prefixes {:?}", prefixes(&instruction)));
        }
        if instruction.code() != code {
            return Ok(instruction);
        }
        for ((arg, value), &number) in the_form.args.iter().zip(values).zip(&expected.operands) {
            if !operand_is(&instruction, number, arg, value, bytes.len()) {
                return Err(format!("operand {number} of {instruction:?} is not {arg:?} {value:?}"));
            }
        }
        if decorators(&instruction) != expected_decorators(the_form, values) {
            return Err(format!("decorators {:?}", decorators(&instruction)));
        }
        Ok(instruction)
    }
}

fn expected(row: &Row, code: Option<Code>) -> Expected {
    let Some(code) = code else {
        assert!(fields::covers(row), "no code for {}", row.text);
        return Expected { code: None, operands: Vec::new() };
    };
    let code = without_wait(code).unwrap_or(code);
    let kinds = code.op_code().op_kinds();
    // `fcom st(1)`: iced writes the implied operand first.
    let implied_first = row.implicit.iter().any(|text| text.contains("st0"));
    let own = |(n, kind): &(u32, &OpCodeOperandKind)| their_kind(**kind).is_some() && !(implied_first && *n == 0);
    let operands = (0..).zip(kinds).filter(own).map(|(n, _)| n);
    let operands: Vec<u32> = operands.take(row.operands.len()).collect();
    assert_eq!(operands.len(), row.operands.len(), "{}", row.text);
    Expected { code: Some(code), operands }
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

/// What a waiting x87 instruction is behind the `wait`.
fn without_wait(code: Code) -> Option<Code> {
    Some(match code {
        Code::Fstenv_m14byte => Code::Fnstenv_m14byte,
        Code::Fstenv_m28byte => Code::Fnstenv_m28byte,
        Code::Fstcw_m2byte => Code::Fnstcw_m2byte,
        Code::Fclex => Code::Fnclex,
        Code::Finit => Code::Fninit,
        Code::Fsave_m94byte => Code::Fnsave_m94byte,
        Code::Fsave_m108byte => Code::Fnsave_m108byte,
        Code::Fstsw_m2byte => Code::Fnstsw_m2byte,
        Code::Fstsw_AX => Code::Fnstsw_AX,
        _ => return None,
    })
}

/// F0, F2, F3 and a segment override or branch hint.
fn prefixes(instruction: &Instruction) -> (bool, bool, bool, Register) {
    let (lock, repne, rep) =
        (instruction.has_lock_prefix(), instruction.has_repne_prefix(), instruction.has_rep_prefix());
    (lock, repne, rep, instruction.segment_prefix())
}

fn expected_prefixes(form: &Form, values: &[Value]) -> (bool, bool, bool, Register) {
    let has = |byte| form.prefix.bytes().contains(&byte);
    let segment = match values.iter().find_map(Value::address).map(|address| address.segment) {
        _ if has(0x3E) => Register::DS,
        _ if has(0x2E) => Register::CS,
        Some(Segment::Fs) => Register::FS,
        Some(Segment::Gs) => Register::GS,
        _ => Register::None,
    };
    (has(0xF0), has(0xF2), has(0xF3), segment)
}

/// Mask, zeroing, broadcast, rounding mode, suppressed exceptions.
pub(crate) fn decorators(instruction: &Instruction) -> (Register, bool, bool, RoundingControl, bool) {
    (
        instruction.op_mask(),
        instruction.zeroing_masking(),
        instruction.is_broadcast(),
        instruction.rounding_control(),
        instruction.suppress_all_exceptions(),
    )
}

fn expected_decorators(form: &Form, values: &[Value]) -> (Register, bool, bool, RoundingControl, bool) {
    let mut expected = (Register::None, false, false, RoundingControl::None, false);
    for (arg, value) in form.args.iter().zip(values) {
        match (arg, value) {
            (_, Value::Masked(_, mask, zero)) if *mask != 0 => (expected.0, expected.1) = (opmask(*mask), *zero),
            (_, Value::MaskedMem(_, mask)) if *mask != 0 => expected.0 = opmask(*mask),
            (Arg::Bcst(..), _) => expected.2 = true,
            (_, Value::Rounded(_, mode)) => expected.3 = rounding(*mode),
            (Arg::Sae(_), _) => expected.4 = true,
            _ => {}
        }
    }
    expected
}

fn opmask(number: u8) -> Register {
    register("K", number)
}

/// iced's name of a rounding mode.
pub fn rounding(mode: u8) -> RoundingControl {
    use RoundingControl as R;
    [R::RoundToNearest, R::RoundDown, R::RoundUp, R::RoundTowardZero][usize::from(mode)]
}

/// Whether iced's operand `n` is this one.
fn operand_is(instruction: &Instruction, n: u32, arg: &Arg, value: &Value, len: usize) -> bool {
    match (arg, value) {
        (Arg::Mem(bits, _) | Arg::MaskedMem(bits, _), _) => {
            instruction.op_kind(n) == OpKind::Memory
                && memory_bits(instruction) == *bits
                && value.address().is_some_and(|address| address_is(instruction, address, "R64", len))
        }
        (Arg::Bcst(bits, _), Value::Mem(address)) => {
            instruction.memory_size().element_size() * 8 == *bits as usize
                && address_is(instruction, address, "R64", len)
        }
        (Arg::Addr | Arg::MaskedAddr | Arg::Sib, _) => {
            value.address().is_some_and(|address| address_is(instruction, address, "R64", len))
        }
        (Arg::Vmem(_, index) | Arg::MergedVmem(_, index), _) => {
            instruction.is_vsib() && value.address().is_some_and(|address| address_is(instruction, address, index, len))
        }
        (Arg::Rel(16), Value::Imm(distance)) => instruction.near_branch_target() == (len as i64 + distance) as u64,
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
        (arg, value) => match (arg.class(), value.number()) {
            (Some(class), Some(number)) => instruction.op_register(n) == register(class, number),
            _ => false,
        },
    }
}

/// The width of the memory operand; that of the data that `xsave` and its kin leave to the processor is none.
fn memory_bits(instruction: &Instruction) -> u32 {
    instruction.memory_size().size() as u32 * 8
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
        "dx" => Register::DX,
        "fs" => Register::FS,
        "gs" => Register::GS,
        "st0" => Register::ST0,
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
        ("Xmm" | "XmmX", _) => (Register::XMM0, number),
        ("Ymm" | "YmmX", _) => (Register::YMM0, number),
        ("ZmmX", _) => (Register::ZMM0, number),
        ("K" | "KPair", _) => (Register::K0, number),
        ("Mm", _) => (Register::MM0, number),
        ("St" | "St0", _) => (Register::ST0, number),
        ("Tmm", _) => (Register::TMM0, number),
        ("Seg", _) => (Register::ES, number),
        ("Cr", _) => (Register::CR0, number),
        ("Dr", _) => (Register::DR0, number),
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
