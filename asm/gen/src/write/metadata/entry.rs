//! What bytes a form starts with, as one number per distinct encoding: the decoder's table.
//!
//! | bits | |
//! | --- | --- |
//! | 62, 63 | 0 legacy, 1 VEX, 2 EVEX, 3 REX2 |
//! | 59 to 61 | opcode map |
//! | 51 to 58 | opcode |
//! | 39 to 50 | which bits of the prefixes' state matter |
//! | 27 to 38 | what they are |
//! | 24 to 26 | ModRM: 0 none, 1 memory, 2 a register, 3 a register whatever `mod` says, 4 memory or a register |
//! | 23, 20 to 22 | whether ModRM.reg is fixed, and to what |
//! | 19, 16 to 18 | the same of ModRM.rm |
//! | 12 to 15 | bytes behind ModRM, SIB and displacement |
//! | 11 | those are an absolute address |
//! | 0 to 7 | the set of features |
//!
//! The state of the prefixes, from bit 0. Legacy: 66, REX.W, F2, F3. VEX: pp (2 bits), W, L. EVEX: pp (2), W, L'L (2), b, and
//! the last four bits of the prefix. REX2: W.

use crate::form::{Arg, Form};
use crate::row::{Encoding, ModRm, Row, Space};
use crate::write::code::waits;

/// The sorted table. `features`: the number of a row's set.
pub(super) fn entries(rows: &[Row], forms: &[Form], features: impl Fn(&Row) -> usize) -> Vec<u64> {
    let mut entries = Vec::new();
    // `wait` in front of another instruction decodes as two.
    for form in forms.iter().filter(|form| !waits(&rows[form.row])) {
        let row = &rows[form.row];
        let opcode = Opcode::new(row);
        let (mask, value) = condition(row, form, opcode.space);
        let (len, is_address) = tail(&row.encoding);
        let rest = mask << 39 | value << 27 | modrm(row, form, &opcode) | len << 12 | is_address << 11;
        let count = if row.encoding.plus && opcode.fixed.is_none() { 8 } else { 1 };
        for register in 0..count {
            let byte = u64::from(opcode.byte) + register;
            entries.push((opcode.space << 11 | opcode.map << 8 | byte) << 51 | rest | features(row) as u64);
        }
    }
    entries.sort_unstable();
    entries.dedup();
    merge(&entries)
}

/// One entry for memory and register, where they differ in nothing else.
fn merge(entries: &[u64]) -> Vec<u64> {
    const KIND: u64 = 7 << 24;
    let has = |entry: u64, kind: u64| entries.binary_search(&(entry & !KIND | kind << 24)).is_ok();
    let merged = |&entry: &u64| match (entry & KIND) >> 24 {
        MEMORY if has(entry, REGISTER) => Some(entry & !KIND | ANY << 24),
        REGISTER if has(entry, MEMORY) => None,
        _ => Some(entry),
    };
    let mut merged: Vec<u64> = entries.iter().filter_map(merged).collect();
    merged.sort_unstable();
    merged
}

const MEMORY: u64 = 1;
const REGISTER: u64 = 2;
const ALWAYS_REGISTER: u64 = 3;
const ANY: u64 = 4;

const LEGACY: u64 = 0;
const VEX: u64 = 1;
const EVEX: u64 = 2;
const REX2: u64 = 3;

/// Where the opcode is, and a ModRM byte that is a part of it.
struct Opcode {
    space: u64,
    map: u64,
    byte: u8,
    fixed: Option<u8>,
}

impl Opcode {
    fn new(row: &Row) -> Opcode {
        let encoding = &row.encoding;
        let map = |map: &str| match map {
            "0F" => 1,
            "0F38" => 2,
            "0F3A" => 3,
            map => map.trim_start_matches("MAP").parse().expect("a map"),
        };
        let (space, map, opcode) = match (encoding.space, encoding.opcode.as_slice()) {
            (Space::Vex, opcode) => (VEX, map(&encoding.map), opcode),
            (Space::Evex, opcode) => (EVEX, map(&encoding.map), opcode),
            (_, [0xD5, 0x00, rest @ ..]) if row.table == "apx" => (REX2, 0, rest),
            (_, opcode) if row.table == "apx" => (REX2, 0, opcode),
            (_, [0x0F, 0x38, rest @ ..]) => (LEGACY, 2, rest),
            (_, [0x0F, 0x3A, rest @ ..]) => (LEGACY, 3, rest),
            (_, [0x0F, rest @ ..]) => (LEGACY, 1, rest),
            (_, opcode) => (LEGACY, 0, opcode),
        };
        Opcode { space, map, byte: opcode[0], fixed: opcode.get(1).copied() }
    }
}

/// Which bits of the prefixes matter, and what they are.
fn condition(row: &Row, form: &Form, space: u64) -> (u64, u64) {
    let encoding = &row.encoding;
    let w = u64::from(encoding.w);
    let w_counts = u64::from(!row.encoding_text.contains("WIG"));
    match space {
        LEGACY => {
            let has = |byte| u64::from(encoding.prefixes.contains(&byte));
            let value = has(0x66) | w << 1 | has(0xF2) << 2 | has(0xF3) << 3;
            let others = if encoding.no_prefix { 0b1101 } else { 0 };
            // In the map without escapes 66 is the operand size, and REX.W overrules it.
            let sized = if value == 1 && encoding.opcode[0] != 0x0F { 0b0010 } else { 0 };
            (value | others | sized, value)
        }
        REX2 => (1, w),
        VEX => {
            let (length_counts, length) = length(encoding);
            (3 | w_counts << 2 | length_counts << 3, pp(encoding) | w << 2 | length << 3)
        }
        _ => {
            let (mask, value) = evex(row, form);
            (3 | w_counts << 2 | mask, pp(encoding) | w << 2 | value)
        }
    }
}

fn pp(encoding: &Encoding) -> u64 {
    match encoding.prefixes.first() {
        Some(0x66) => 1,
        Some(0xF3) => 2,
        Some(0xF2) => 3,
        _ => 0,
    }
}

/// Whether the length counts, and which.
fn length(encoding: &Encoding) -> (u64, u64) {
    match encoding.l.as_str() {
        "LIG" => (0, 0),
        "256" | "L1" => (1, 1),
        "512" => (1, 2),
        _ => (1, 0),
    }
}

/// L'L, b, and for APX the last four bits.
fn evex(row: &Row, form: &Form) -> (u64, u64) {
    let (length_counts, length) = length(&row.encoding);
    if row.table == "apx" {
        let condition = row.attribute("scc").map(|digit| u64::from_str_radix(digit, 16).expect("a digit"));
        let (mask, last) = match condition {
            Some(condition) => (15, condition),
            None => (4, if row.has("nf") { 4 } else { 0 }),
        };
        return (3 << 3 | 1 << 5 | mask << 6, length << 3 | u64::from(row.has("nd")) << 5 | last << 6);
    }
    let suppressing = form.args.iter().any(|arg| matches!(arg, Arg::Rounded(_) | Arg::Sae(_)));
    let broadcast = form.args.iter().any(|arg| matches!(arg, Arg::Bcst(..)));
    if suppressing {
        // The rounding mode has the place of the length.
        return (1 << 5, 1 << 5);
    }
    ((length_counts * 3) << 3 | 1 << 5, length << 3 | u64::from(broadcast) << 5)
}

fn modrm(row: &Row, form: &Form, opcode: &Opcode) -> u64 {
    let reg = |digit: u8| (8 | u64::from(digit)) << 20;
    let rm = |number: u8| (8 | u64::from(number)) << 16;
    if let Some(fixed) = opcode.fixed {
        let number = if row.encoding.plus { 0 } else { rm(fixed & 7) };
        return REGISTER << 24 | reg(fixed >> 3 & 7) | number;
    }
    let digit = match row.encoding.modrm {
        ModRm::None => return 0,
        ModRm::Digit(digit) => reg(digit),
        ModRm::Reg => 0,
    };
    let at = row.operands.iter().position(|operand| operand.place == 'M');
    let ignores_mod = form.args.iter().any(|arg| matches!(arg, Arg::Reg("Cr" | "Dr")));
    digit
        | match at {
            Some(at) if form.args[at].is_memory() => MEMORY << 24,
            Some(_) if ignores_mod => ALWAYS_REGISTER << 24,
            Some(_) => REGISTER << 24,
            None => REGISTER << 24 | rm(0),
        }
}

/// How many bytes follow, and whether they are an absolute address.
fn tail(encoding: &Encoding) -> (u64, u64) {
    let len = |token: &String| match token.as_str() {
        "ib" | "cb" | "/is4" | "/is5" => 1,
        "iw" | "cw" => 2,
        "id" | "cd" => 4,
        "io" | "mo" => 8,
        token => panic!("{token}"),
    };
    (encoding.tail.iter().map(len).sum(), u64::from(encoding.tail.iter().any(|token| token == "mo")))
}
