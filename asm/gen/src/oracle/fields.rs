//! A second decoder, for what iced-x86 does not know: it reads the fields of VEX and EVEX instructions (and of plain legacy
//! ones) as the manual lays them out, and compares each with the row and the operands. It shares nothing with the assembler's core,
//! and runs on the rows that iced knows as well, so the two vouch for each other.

use super::operands::{Address, Segment, Value};
use crate::form::{Arg, Form};
use crate::row::{ModRm, Row, Space};
use crate::write::code::waits;

/// Whether this decoder can read the row's instructions.
pub fn covers(row: &Row) -> bool {
    let modrm = row.encoding.modrm != ModRm::None && !row.operands.iter().any(|operand| operand.place == 'X');
    match row.encoding.space {
        Space::Legacy if row.table == "apx" => true,
        Space::Legacy => modrm && !waits(row) && row.encoding.tail.is_empty(),
        Space::Vex => row.encoding.modrm != ModRm::None,
        Space::Evex => true,
        Space::Xop => false,
    }
}

/// What an instruction's bytes say.
#[derive(Debug, Default)]
struct Fields {
    /// Segment, 67, F0, 66, F2, F3 and the like, sorted.
    prefixes: Vec<u8>,
    /// `0x66 0xF3 0xF2` of a VEX or EVEX prefix.
    pp: Option<u8>,
    map: u8,
    w: bool,
    l: u8,
    opcode: Vec<u8>,
    /// ModRM.reg with its extensions.
    reg: u8,
    /// VEX.vvvv with its extension.
    vvvv: u8,
    /// ModRM.rm of a register with its extensions.
    register: Option<u8>,
    memory: Option<Memory>,
    mask: u8,
    zero: bool,
    b: bool,
    rest: Vec<u8>,
}

#[derive(Debug, Default)]
struct Memory {
    base: Option<u8>,
    index: Option<u8>,
    scale: u8,
    /// As stored; the length in bytes.
    disp: (i32, usize),
    rip: bool,
    sib: bool,
}

/// Reads bytes from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    fn byte(&mut self) -> Result<u8, String> {
        let (&first, rest) = self.0.split_first().ok_or("ends too early")?;
        self.0 = rest;
        Ok(first)
    }

    fn disp(&mut self, len: usize) -> Result<(i32, usize), String> {
        let mut bytes = [0; 4];
        for byte in &mut bytes[..len] {
            *byte = self.byte()?;
        }
        let value = i32::from_le_bytes(bytes);
        Ok((if len == 1 { i32::from(value as i8) } else { value }, len))
    }
}

/// Whether `bytes` are the row with these operands, field by field.
pub fn check(row: &Row, form: &Form, values: &[Value], bytes: &[u8]) -> Result<(), String> {
    let fields = read(row, form, bytes)?;
    let facts = [
        ("the prefix", row_fields(row, form, values) == of_row(&fields)),
        ("ModRM.reg", reg_is(row, form, values, &fields)),
        ("vvvv", vvvv_is(row, form, values, &fields)),
        ("ModRM.rm", rm_is(row, form, values, &fields)),
        ("the decorators", decorators(row, form, values) == (fields.mask, fields.zero, fields.b)),
        ("the length", length_is(row, values, &fields)),
        ("what follows", immediates(row, form, values) == fields.rest),
    ];
    match facts.iter().find(|(_, right)| !right) {
        Some((what, _)) => Err(format!("{what} in {fields:02X?}")),
        None => Ok(()),
    }
}

fn read(row: &Row, form: &Form, bytes: &[u8]) -> Result<Fields, String> {
    let mut reader = Reader(bytes);
    let mut fields = Fields::default();
    while [0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3].contains(&reader.peek()) {
        fields.prefixes.push(reader.byte()?);
    }
    fields.prefixes.sort_unstable();
    // Bits 3 and 4 of reg, index and base or rm.
    let (mut r, mut x, mut b) = (0, 0, 0);
    let (mut b4, mut x4) = (0, 0);
    match (row.encoding.space, reader.peek()) {
        (Space::Evex, 0x62) => {
            reader.byte()?;
            let (p0, p1, p2) = (reader.byte()?, reader.byte()?, reader.byte()?);
            if row.table == "apx" {
                // The fifth bits: of the base or rm as it is, of the index inverted.
                (b4, x4) = (p0 >> 3 & 1, !p1 >> 2 & 1);
            } else if p0 & 8 != 0 || p1 & 4 == 0 {
                return Err("reserved bits of EVEX".to_string());
            }
            (r, x, b) = (!p0 >> 7 & 1 | (!p0 >> 4 & 1) << 1, !p0 >> 6 & 1, !p0 >> 5 & 1);
            (fields.map, fields.w, fields.pp) = (p0 & 7, p1 & 0x80 != 0, pp(p1));
            fields.vvvv = !p1 >> 3 & 15 | (!p2 >> 3 & 1) << 4;
            (fields.mask, fields.b, fields.l, fields.zero) = (p2 & 7, p2 & 16 != 0, p2 >> 5 & 3, p2 & 0x80 != 0);
        }
        (Space::Vex, 0xC5) => {
            reader.byte()?;
            let p = reader.byte()?;
            (r, fields.map, fields.pp) = (!p >> 7 & 1, 1, pp(p));
            (fields.vvvv, fields.l) = (!p >> 3 & 15, p >> 2 & 1);
        }
        (Space::Vex, 0xC4) => {
            reader.byte()?;
            let (p0, p1) = (reader.byte()?, reader.byte()?);
            (r, x, b) = (!p0 >> 7 & 1, !p0 >> 6 & 1, !p0 >> 5 & 1);
            (fields.map, fields.w, fields.pp) = (p0 & 31, p1 & 0x80 != 0, pp(p1));
            (fields.vvvv, fields.l) = (!p1 >> 3 & 15, p1 >> 2 & 1);
        }
        (Space::Legacy, 0xD5) if row.encoding.plus => return rex2(reader, fields),
        (Space::Legacy, 0x40..=0x4F) => {
            let rex = reader.byte()?;
            (fields.w, r, x, b) = (rex & 8 != 0, rex >> 2 & 1, rex >> 1 & 1, rex & 1);
        }
        (Space::Legacy, _) => {}
        (space, byte) => return Err(format!("{byte:#x} does not begin {space:?}")),
    }
    for _ in 0..row.encoding.opcode.len() {
        fields.opcode.push(reader.byte()?);
    }
    if row.encoding.modrm == ModRm::None {
        fields.rest = reader.0.to_vec();
        return Ok(fields);
    }
    let modrm = reader.byte()?;
    fields.reg = modrm >> 3 & 7 | r << 3;
    if modrm >> 6 == 3 {
        fields.register = Some(
            modrm & 7
                | b << 3
                | match (row.encoding.space, row.table) {
                    (_, "apx") => b4 << 4 | x4 << 5 | x << 6,
                    (Space::Evex, _) => x << 4,
                    _ => 0,
                },
        );
    } else {
        let vector = form.args.iter().any(|arg| arg.vector_index().is_some());
        // VSIB: the highest bit of the index is the one of vvvv.
        let high = if vector { fields.vvvv & 16 } else { 0 };
        fields.vvvv &= !high;
        fields.memory = Some(memory(&mut reader, modrm, x << 3 | x4 << 4 | high, b << 3 | b4 << 4, vector)?);
    }
    fields.rest = reader.0.to_vec();
    Ok(fields)
}

/// REX2: register number in the opcode.
fn rex2(mut reader: Reader<'_>, mut fields: Fields) -> Result<Fields, String> {
    reader.byte()?;
    let payload = reader.byte()?;
    if payload & 0b1110_0110 != 0 {
        return Err("bits of REX2 without a meaning".to_string());
    }
    let opcode = reader.byte()?;
    (fields.w, fields.opcode) = (payload & 8 != 0, vec![opcode & !7]);
    fields.register = Some(opcode & 7 | (payload & 1) << 3 | (payload >> 4 & 1) << 4);
    fields.rest = reader.0.to_vec();
    Ok(fields)
}

fn pp(byte: u8) -> Option<u8> {
    [None, Some(0x66), Some(0xF3), Some(0xF2)][usize::from(byte & 3)]
}

fn memory(reader: &mut Reader<'_>, modrm: u8, index: u8, base: u8, vector: bool) -> Result<Memory, String> {
    let (mode, rm) = (modrm >> 6, modrm & 7);
    let mut memory = Memory { base: Some(rm | base), ..Memory::default() };
    let mut long = mode == 2;
    if rm == 4 {
        let sib = reader.byte()?;
        memory.sib = true;
        memory.scale = sib >> 6;
        let number = sib >> 3 & 7 | index;
        memory.index = (vector || number != 4).then_some(number);
        memory.base = Some(sib & 7 | base);
        if mode == 0 && sib & 7 == 5 {
            (memory.base, long) = (None, true);
        }
    } else if mode == 0 && rm == 5 {
        (memory.base, memory.rip, long) = (None, true, true);
    }
    memory.disp = match (long, mode) {
        (true, _) => reader.disp(4)?,
        (_, 1) => reader.disp(1)?,
        _ => (0, 0),
    };
    Ok(memory)
}

type OfRow = (Vec<u8>, Option<u8>, u8, bool, Vec<u8>);

fn of_row(fields: &Fields) -> OfRow {
    (fields.prefixes.clone(), fields.pp, fields.map, fields.w, fields.opcode.clone())
}

/// Prefixes, pp, map, W and opcode as the row has them.
fn row_fields(row: &Row, form: &Form, values: &[Value]) -> OfRow {
    let encoding = &row.encoding;
    let address = values.iter().find_map(Value::address);
    let mut prefixes = form.prefix.bytes().to_vec();
    match address.map(|address| address.segment) {
        Some(Segment::Fs) => prefixes.push(0x64),
        Some(Segment::Gs) => prefixes.push(0x65),
        _ => {}
    }
    if address.is_some_and(|address| address.narrow) && !encoding.prefixes.contains(&0x67) {
        prefixes.push(0x67);
    }
    let legacy = encoding.space == Space::Legacy;
    if legacy {
        prefixes.extend(&encoding.prefixes);
    }
    prefixes.sort_unstable();
    let map = match encoding.map.as_str() {
        "" => 0,
        "0F" => 1,
        "0F38" => 2,
        "0F3A" => 3,
        map => map[3..].parse().expect("a map's number"),
    };
    let pp = if legacy { None } else { encoding.prefixes.first().copied() };
    (prefixes, pp, map, encoding.w, encoding.opcode.clone())
}

/// The operand in a place.
fn at<'a>(row: &Row, form: &'a Form, values: &'a [Value], place: char) -> Option<(&'a Arg, &'a Value)> {
    let n = row.operands.iter().position(|operand| operand.place == place)?;
    Some((&form.args[n], &values[n]))
}

fn reg_is(row: &Row, form: &Form, values: &[Value], fields: &Fields) -> bool {
    match at(row, form, values, 'R') {
        _ if row.encoding.modrm == ModRm::None => true,
        Some((_, value)) => value.number() == Some(fields.reg),
        None => row.digit() == Some(fields.reg),
    }
}

fn vvvv_is(row: &Row, form: &Form, values: &[Value], fields: &Fields) -> bool {
    if let (Some(condition), Some(Value::Imm(default))) = (condition(row), values.last()) {
        // Four flags, not inverted, and the condition's highest bit in the place of V'.
        return !fields.vvvv & 31 == *default as u8 | (condition & 8) << 1;
    }
    at(row, form, values, 'V').map_or(Some(0), |(_, value)| value.number()) == Some(fields.vvvv)
}

/// The condition of `ccmp` and `ctest`.
fn condition(row: &Row) -> Option<u8> {
    row.attribute("scc").map(|digit| u8::from_str_radix(digit, 16).expect("a digit"))
}

fn rm_is(row: &Row, form: &Form, values: &[Value], fields: &Fields) -> bool {
    if let Some((_, value)) = at(row, form, values, 'O') {
        return value.number() == fields.register;
    }
    if row.encoding.modrm == ModRm::None {
        return true;
    }
    let Some((arg, value)) = at(row, form, values, 'M') else { return fields.register == Some(0) };
    match (value.address(), &fields.memory) {
        (None, None) => value.number() == fields.register,
        (Some(address), Some(memory)) => address_is(row, arg, address, memory),
        _ => false,
    }
}

fn address_is(row: &Row, arg: &Arg, address: &Address, memory: &Memory) -> bool {
    let scale = if memory.disp.1 == 1 { unit(row, arg) } else { 1 };
    let disp = memory.disp.0.wrapping_mul(scale) == address.disp;
    let plain = (memory.base, memory.index) == (address.base, address.index.map(|(index, _)| index));
    let exponent = address.index.is_none_or(|(_, exponent)| exponent == memory.scale);
    let sib = !matches!(arg, Arg::Sib) || memory.sib;
    disp && sib && exponent && memory.rip == address.rip && (plain || (address.rip && memory.index.is_none()))
}

/// What an 8-bit displacement counts in, by the row's `N64b4`.
fn unit(row: &Row, arg: &Arg) -> i32 {
    let scale = row.attributes.iter().find_map(|attribute| {
        attribute.strip_prefix('N').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    let mut parts = scale.unwrap_or("1").split('b');
    let whole = parts.next();
    let part = if matches!(arg, Arg::Bcst(..)) { parts.next() } else { whole };
    part.and_then(|text| text.parse().ok()).expect("a number of bytes")
}

fn decorators(row: &Row, form: &Form, values: &[Value]) -> (u8, bool, bool) {
    // The same bits hold a condition, NF and ND.
    let mut expected = match condition(row) {
        Some(condition) => (condition & 7, false, false),
        None => (if row.has("nf") { 4 } else { 0 }, false, row.has("nd")),
    };
    for (arg, value) in form.args.iter().zip(values) {
        match *value {
            Value::Masked(_, mask, zero) => (expected.0, expected.1) = (mask, zero),
            Value::MaskedMem(_, mask) => expected.0 = mask,
            _ => {}
        }
        expected.2 |= matches!(arg, Arg::Bcst(..) | Arg::Rounded(_) | Arg::Sae(_));
    }
    expected
}

/// L'L, or the rounding mode in its place.
fn length_is(row: &Row, values: &[Value], fields: &Fields) -> bool {
    let mode = values.iter().find_map(|value| match value {
        Value::Rounded(_, mode) => Some(*mode),
        _ => None,
    });
    let length = match row.encoding.l.as_str() {
        "256" | "L1" => 1,
        "512" => 2,
        _ => 0,
    };
    fields.l == mode.unwrap_or(length)
}

fn immediates(row: &Row, form: &Form, values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (arg, value) in form.args.iter().zip(values) {
        if let (Arg::Imm(bits, ..), Value::Imm(value)) = (arg, value) {
            bytes.extend(&value.to_le_bytes()[..*bits as usize / 8]);
        }
    }
    if let Some((_, value)) = at(row, form, values, 'S') {
        bytes.push(value.number().unwrap_or(0) << 4);
    }
    bytes
}
