//! Operand values at which encodings change shape, per form.

use planish_asm::AsmError;

use super::operands::{Address, Segment, Value};
use crate::form::{Arg, Form, Prefix};
use crate::row::{Row, Space};

const BASES: [u8; 9] = [0, 1, 4, 5, 6, 8, 12, 13, 15];
const INDEXES: [u8; 6] = [1, 5, 9, 12, 13, 15];
const DISPLACEMENTS: [i32; 9] = [0, 1, -1, 127, 128, -128, -129, i32::MAX, i32::MIN];

/// Register numbers that need no REX prefix, so that `ah` may stand beside them; by operand.
const DEFAULTS: [u8; 4] = [2, 1, 3, 0];

/// Register numbers that only EVEX has; by operand.
const HIGH_DEFAULTS: [u8; 4] = [18, 17, 19, 16];

/// The numbers of a register class.
pub fn numbers(class: &str) -> Vec<u8> {
    match class {
        "R8Hi" => (4..8).collect(),
        "XmmX" | "YmmX" | "ZmmX" | "R8X" | "R16X" | "R32X" | "R64X" => (0..32).collect(),
        "K" | "Mm" | "St" | "Tmm" | "Dr" => (0..8).collect(),
        "KPair" => vec![0, 2, 4, 6],
        "St0" => vec![0],
        "Seg" => (0..6).collect(),
        "Cr" => vec![0, 2, 3, 4, 8],
        _ => (0..16).collect(),
    }
}

/// The numbers at which the encoding changes, of a class of 32.
fn extremes(class: &str) -> Vec<u8> {
    match class {
        "XmmX" | "YmmX" | "ZmmX" => vec![0, 1, 7, 8, 15, 16, 23, 24, 31],
        "R8X" | "R16X" | "R32X" | "R64X" => vec![0, 1, 4, 5, 8, 15, 16, 20, 24, 31],
        _ => numbers(class),
    }
}

fn default_number(class: &str, n: usize) -> u8 {
    match class {
        "R8Hi" => 4 + DEFAULTS[n],
        "XmmX" | "YmmX" | "ZmmX" | "R8X" | "R16X" | "R32X" | "R64X" => HIGH_DEFAULTS[n],
        "KPair" | "Seg" | "Cr" => 2,
        "St0" => 0,
        _ => DEFAULTS[n],
    }
}

/// One value per operand, nothing special about any: an instruction that has an encoding.
pub fn defaults(row: &Row, form: &Form) -> Vec<Value> {
    let plain = Address { narrow: address_size(row) == Some(AddressSize::S32), ..Address::base(6, 16) };
    let vector = |class: &str| {
        let index = if class.ends_with('X') { 23 } else { 7 };
        Address { index: Some((index, 2)), ..plain }
    };
    let value = |(n, arg): (usize, &Arg)| match arg {
        Arg::Reg(class) | Arg::Sae(class) => Value::Reg(default_number(class, n)),
        Arg::Masked(class) => Value::Masked(default_number(class, n), 0, false),
        Arg::Merged(class) => Value::Masked(default_number(class, n), 3, false),
        Arg::Rounded(class) => Value::Rounded(default_number(class, n), 2),
        Arg::Mem(..) | Arg::Addr | Arg::Sib | Arg::Bcst(..) => Value::Mem(plain),
        Arg::MaskedMem(..) | Arg::MaskedAddr => Value::MaskedMem(plain, 0),
        Arg::Vmem(_, class) => Value::Mem(vector(class)),
        Arg::MergedVmem(_, class) => Value::MaskedMem(vector(class), 3),
        Arg::Imm(..) | Arg::Flags => Value::Imm(5),
        Arg::Moffs(_) => Value::Imm(0x1122_3344_5566_7788),
        Arg::Rel(16) => Value::Imm(300),
        Arg::Rel(_) => Value::Target(3),
        Arg::Fixed(_) => Value::Fixed,
    };
    form.args.iter().enumerate().map(value).collect()
}

/// The width of the registers in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AddressSize {
    S32,
    S64,
}

/// The address size that the row prescribes: instructions that write to the address in a register operand have it as wide as
/// that register (SDM Vol. 2, MOVDIR64B, ENQCMD).
fn address_size(row: &Row) -> Option<AddressSize> {
    let narrow = row.encoding.prefixes.contains(&0x67);
    match row.mnemonic.as_str() {
        "movdir64b" | "enqcmd" | "enqcmds" if narrow => Some(AddressSize::S32),
        "movdir64b" | "enqcmd" | "enqcmds" => Some(AddressSize::S64),
        _ => None,
    }
}

/// Why no encoding exists for these operands, where types do not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// `ah ch dh bh` and an operand that needs a REX prefix.
    HighByte,
    /// Registers that must differ do not.
    SameRegister,
    /// A move to `cs`.
    InvalidRegister,
    /// A register from 16 up in an address of another instruction than APX's.
    Extended,
    /// More than 15 bytes.
    TooLong,
    /// Address registers that are not as wide as the row's address size, rip where a SIB byte must be, or a segment
    /// prefix in the place of `notrack`.
    InvalidAddress,
}

impl Conflict {
    /// Whether that is what the assembler reports, at the start of the code.
    pub fn is(self, error: AsmError) -> bool {
        match self {
            Conflict::HighByte => error == AsmError::HighByte { at: 0 },
            Conflict::SameRegister => error == AsmError::SameRegister { at: 0 },
            Conflict::InvalidRegister => error == AsmError::InvalidRegister { at: 0 },
            Conflict::InvalidAddress => matches!(error, AsmError::InvalidAddress { .. }),
            Conflict::TooLong => error == AsmError::InstructionTooLong { at: 0 },
            Conflict::Extended => matches!(error, AsmError::InvalidAddress { .. } | AsmError::HighByte { at: 0 }),
        }
    }
}

/// Instructions with 4 bytes of immediate and of displacement fill up to 15 bytes: a segment, 32-bit addressing or a second
/// prefix of the form is too many.
fn too_long(row: &Row, form: &Form, address: &Address) -> bool {
    let immediate = form.args.iter().any(|arg| matches!(arg, Arg::Imm(32, ..)));
    let high = address.base >= Some(8) || address.index.is_some_and(|(index, _)| index >= 8);
    let head = match row.encoding.space {
        Space::Legacy => form.prefix.bytes().len() + row.encoding.prefixes.len() + usize::from(row.encoding.w || high),
        Space::Vex | Space::Xop => 3,
        Space::Evex => 4,
    };
    let low = address.base.map(|base| base & 7);
    let sib = !address.rip && (address.index.is_some() || low == Some(4) || address.base.is_none());
    let disp = match address.disp {
        _ if low.is_none() => 4,
        0 if low != Some(5) => 0,
        -128..=127 => 1,
        _ => 4,
    };
    let prefixes = usize::from(address.narrow) + usize::from(address.segment != Segment::None);
    immediate && prefixes + head + row.encoding.opcode.len() + 1 + usize::from(sib) + disp + 4 > 15
}

/// The conflict among these operands, if there is one.
pub fn conflict(row: &Row, form: &Form, values: &[Value]) -> Option<Conflict> {
    let address = values.iter().find_map(Value::address);
    let narrow = address.is_some_and(Address::has_narrow_registers);
    let size = if narrow { AddressSize::S32 } else { AddressSize::S64 };
    let stack = ["push2", "push2p", "pop2", "pop2p"].contains(&row.mnemonic.as_str());
    let extended = |number: Option<u8>| number >= Some(16);
    let high = address.is_some_and(|a| extended(a.base) || extended(a.index.map(|(index, _)| index)));
    let vector = form.args.iter().any(|arg| arg.vector_index().is_some());
    let to_segment = form.args.first() == Some(&Arg::Reg("Seg")) && values[0] == Value::Reg(1);
    let rip = form.args.contains(&Arg::Sib) && address.is_some_and(|address| address.rip);
    let segment = address.is_some_and(|address| address.segment != Segment::None);
    // In the order in which the assembler looks for them.
    if repeats_a_register(row, form, values) {
        Some(Conflict::SameRegister)
    } else if to_segment || (stack && values.contains(&Value::Reg(4))) {
        Some(Conflict::InvalidRegister)
    } else if high && !vector && row.table != "apx" {
        Some(Conflict::Extended)
    } else if high_byte_conflict(form, values) {
        Some(Conflict::HighByte)
    } else if rip
        || address_size(row).is_some_and(|prescribed| prescribed != size)
        || (form.prefix == Prefix::Notrack && segment)
    {
        Some(Conflict::InvalidAddress)
    } else if address.is_some_and(|address| too_long(row, form, address)) {
        Some(Conflict::TooLong)
    } else {
        None
    }
}

/// Every case of the exhaustive sweep: all pairs of registers, all combinations of base, index, scale and
/// displacement class, all immediate classes with all kinds of memory.
pub fn sweep(row: &Row, form: &Form, visit: &mut dyn FnMut(&[Value])) {
    let defaults = defaults(row, form);
    visit(&defaults);
    pairs(form, &defaults, visit);
    for (n, arg) in form.args.iter().enumerate() {
        let mut with = |value: Value, base: &[Value]| {
            let mut values = base.to_vec();
            values[n] = value;
            visit(&values);
        };
        let scale = displacement_unit(arg);
        match arg {
            _ if arg.vector_index().is_some() => {
                vector_addresses(arg, scale, &mut |address| with(defaults[n].with_address(address), &defaults));
            }
            _ if arg.is_memory() => {
                all_addresses(row, scale, &mut |address| with(defaults[n].with_address(address), &defaults));
            }
            _ => {}
        }
        singles(arg).into_iter().for_each(|value| with(value, &defaults));
        if arg.is_memory() {
            for varied in others(form, n, &defaults) {
                let addresses = boundary_addresses(row, arg);
                addresses.into_iter().for_each(|address| with(varied[n].with_address(address), &varied));
            }
        }
    }
}

/// The short list: each operand through its classes, the others at their defaults.
pub fn boundary(row: &Row, form: &Form, visit: &mut dyn FnMut(&[Value])) {
    let defaults = defaults(row, form);
    visit(&defaults);
    for (n, arg) in form.args.iter().enumerate() {
        let mut list = singles(arg);
        if arg.is_memory() {
            list.extend(boundary_addresses(row, arg).into_iter().map(|address| defaults[n].with_address(address)));
        }
        for value in list {
            let mut values = defaults.clone();
            values[n] = value;
            if values != defaults {
                visit(&values);
            }
        }
    }
}

/// Gathers, tile products and complex products raise #UD when registers repeat.
fn repeats_a_register(row: &Row, form: &Form, values: &[Value]) -> bool {
    let number = |(arg, value): (&Arg, &Value)| match (arg.vector_index(), value.address()) {
        (Some(_), Some(address)) => address.index.map(|(index, _)| index),
        _ => value.number(),
    };
    let numbers: Vec<u8> = form.args.iter().zip(values).filter_map(number).collect();
    if row.has("uniq") {
        (1..numbers.len()).any(|n| numbers[..n].contains(&numbers[n]))
    } else {
        row.has("uniqd") && numbers[1..].contains(&numbers[0])
    }
}

/// Whether the operands need a REX prefix beside `ah ch dh bh`, so that no encoding exists.
fn high_byte_conflict(form: &Form, values: &[Value]) -> bool {
    let needs_rex = |(arg, value): (&Arg, &Value)| match (arg, value) {
        (Arg::Reg("R8Hi"), _) => false,
        (Arg::Reg("R8"), Value::Reg(number)) => *number >= 4,
        (_, Value::Reg(number)) => *number >= 8,
        (_, Value::Mem(address)) => address.base >= Some(8) || address.index.is_some_and(|(index, _)| index >= 8),
        _ => false,
    };
    form.args.contains(&Arg::Reg("R8Hi")) && form.args.iter().zip(values).any(needs_rex)
}

fn pairs(form: &Form, defaults: &[Value], visit: &mut dyn FnMut(&[Value])) {
    let registers: Vec<usize> = (0..form.args.len()).filter(|&n| form.args[n].class().is_some()).collect();
    for (at, &first) in registers.iter().enumerate() {
        for &second in &registers[at + 1..] {
            for one in extremes(form.args[first].class().expect("a register")) {
                for two in extremes(form.args[second].class().expect("a register")) {
                    let mut values = defaults.to_vec();
                    values[first] = values[first].with_number(one);
                    values[second] = values[second].with_number(two);
                    visit(&values);
                }
            }
        }
    }
}

/// The defaults with one other operand at each of its extremes.
fn others(form: &Form, memory: usize, defaults: &[Value]) -> Vec<Vec<Value>> {
    let mut lists = Vec::new();
    for (n, arg) in form.args.iter().enumerate().filter(|(n, _)| *n != memory) {
        let values = match (arg, arg.class()) {
            (Arg::Masked(_) | Arg::Merged(_), Some(_)) => masks(arg, defaults[n]),
            (_, Some("R8Hi")) => vec![Value::Reg(7)],
            (_, Some(class)) => {
                let all = numbers(class);
                let chosen = [4, 7, 8, 15, 16, 31].into_iter().filter(|number| all.contains(number));
                chosen.map(|number| defaults[n].with_number(number)).collect()
            }
            _ => singles(arg),
        };
        for value in values {
            let mut list = defaults.to_vec();
            list[n] = value;
            lists.push(list);
        }
    }
    lists
}

/// Every mask, merging and zeroing, as far as the operand has them.
fn masks(arg: &Arg, default: Value) -> Vec<Value> {
    let masks = 1..8;
    match (arg, default) {
        (Arg::Masked("K") | Arg::Merged(_), Value::Masked(number, ..)) => {
            masks.map(|mask| Value::Masked(number, mask, false)).collect()
        }
        (_, Value::Masked(number, ..)) => {
            masks.flat_map(|mask| [false, true].map(|zero| Value::Masked(number, mask, zero))).collect()
        }
        (_, Value::MaskedMem(address, _)) => masks.map(|mask| Value::MaskedMem(address, mask)).collect(),
        _ => Vec::new(),
    }
}

/// Every class of an operand, but for addresses.
pub fn singles(arg: &Arg) -> Vec<Value> {
    let number = |class: &str| default_number(class, 0);
    match arg {
        Arg::Masked(class) | Arg::Merged(class) => {
            let default = Value::Masked(number(class), if matches!(arg, Arg::Merged(_)) { 3 } else { 0 }, false);
            let registers = numbers(class).into_iter().map(|number| default.with_number(number));
            registers.chain(masks(arg, default)).collect()
        }
        Arg::Rounded(class) => {
            let modes = (0..4).map(|mode| Value::Rounded(number(class), mode));
            numbers(class).into_iter().map(|number| Value::Rounded(number, 1)).chain(modes).collect()
        }
        Arg::Reg(class) | Arg::Sae(class) => numbers(class).into_iter().map(Value::Reg).collect(),
        Arg::MaskedMem(..) | Arg::MaskedAddr => masks(arg, Value::MaskedMem(Address::base(6, 16), 0)),
        Arg::MergedVmem(..) => {
            masks(arg, Value::MaskedMem(Address { index: Some((23, 2)), ..Address::base(6, 16) }, 0))
        }
        Arg::Flags => (0..16).map(Value::Imm).collect(),
        Arg::Imm(_, _, rust) => immediates(rust).into_iter().map(Value::Imm).collect(),
        Arg::Moffs(_) => [0, 1, -1, 0x7FFF_FFFF, 0x8000_0000, i64::MIN, i64::MAX].map(Value::Imm).to_vec(),
        Arg::Rel(8) => [0, 1, 127, -3, -4, -127, -128].map(Value::Target).to_vec(),
        Arg::Rel(16) => [0, 1, -1, 0x7FFF, -0x8000].map(Value::Imm).to_vec(),
        Arg::Rel(_) => [0, 1, 127, 128, 129, 40_000, -7, -127, -128, -133, -40_000].map(Value::Target).to_vec(),
        _ => Vec::new(),
    }
}

fn immediates(rust: &str) -> Vec<i64> {
    let all: [i64; 26] = [
        0,
        1,
        2,
        31,
        63,
        0x7F,
        0x80,
        0xFE,
        0xFF,
        0x100,
        -1,
        -2,
        -127,
        -128,
        -129,
        0x7FFF,
        0x8000,
        0xFFFF,
        -0x8000,
        0x7FFF_FFFF,
        0x8000_0000,
        0xFFFF_FFFF,
        0x1_0000_0000,
        -0x8000_0000,
        -0x8000_0001,
        i64::MAX,
    ];
    let range = match rust {
        "i8" => -0x80..=0x7F,
        "u8" => 0..=0xFF,
        "i16" => -0x8000..=0x7FFF,
        "u16" => 0..=0xFFFF,
        "i32" => -0x8000_0000..=0x7FFF_FFFF,
        _ => i64::MIN..=i64::MAX,
    };
    all.into_iter().chain([i64::MIN]).filter(|value| range.contains(value)).collect()
}

/// What the 8-bit displacements of an EVEX form may count in, as its width says; 1 where there is no mask or class of EVEX.
pub fn displacement_unit(arg: &Arg) -> i32 {
    match arg {
        Arg::Mem(bits, _) | Arg::MaskedMem(bits, _) | Arg::Bcst(bits, _) => (*bits / 8).max(1) as i32,
        Arg::MergedVmem(..) | Arg::Vmem(_, "XmmX" | "YmmX" | "ZmmX") => 4,
        _ => 1,
    }
}

/// Displacements where encodings change, in single bytes and in units of `scale`.
pub fn displacements(scale: i32) -> Vec<i32> {
    let mut list = DISPLACEMENTS.to_vec();
    if scale > 1 {
        list.extend([1, -1, 127, 128, -128, -129].map(|count| count * scale));
        list.extend([scale + 1, 2 * scale, 127 * scale + scale / 2]);
    }
    list
}

fn all_addresses(row: &Row, scale: i32, visit: &mut dyn FnMut(Address)) {
    let displacements = displacements(scale);
    let narrow = address_size(row) == Some(AddressSize::S32);
    let indexes = || INDEXES.iter().flat_map(|&index| (0..4).map(move |exponent| Some((index, exponent))));
    for base in BASES.map(Some).into_iter().chain([None]) {
        for index in [None].into_iter().chain(indexes()) {
            // An absolute address has no registers.
            let narrow = narrow && (base.is_some() || index.is_some());
            displacements.iter().for_each(|&disp| visit(Address { base, index, narrow, ..Address::base(0, disp) }));
        }
    }
    relatives().into_iter().for_each(visit);
}

fn vector_addresses(arg: &Arg, scale: i32, visit: &mut dyn FnMut(Address)) {
    let displacements = displacements(scale);
    for base in BASES.map(Some).into_iter().chain([None]) {
        for index in numbers(arg.vector_index().expect("a vector index")) {
            for exponent in 0..4 {
                let index = Some((index, exponent));
                displacements.iter().for_each(|&disp| visit(Address { base, index, ..Address::base(0, disp) }));
            }
        }
    }
    for segment in [Segment::Fs, Segment::Gs] {
        visit(Address { segment, index: Some((9, 3)), ..Address::base(13, 1) });
    }
}

/// rip-relative, segments, 32-bit addressing.
fn relatives() -> Vec<Address> {
    let plain = Address::base(0, 0);
    let mut list: Vec<Address> = [0, 1, -1, i32::MAX - 64, i32::MIN]
        .map(|disp| Address { rip: true, base: None, ..Address::base(0, disp) })
        .to_vec();
    for segment in [Segment::Fs, Segment::Gs] {
        list.push(Address { segment, ..Address::base(3, 0) });
        list.push(Address { segment, index: Some((9, 3)), ..Address::base(12, 128) });
        list.push(Address { segment, base: None, ..Address::base(0, 0x28) });
        list.push(Address { segment, rip: true, base: None, ..plain });
    }
    for (base, index) in
        [(Some(3), None), (Some(13), Some((9, 1))), (Some(4), Some((5, 0))), (None, Some((1, 3))), (Some(8), None)]
    {
        for disp in [0, -128, 128] {
            list.push(Address { narrow: true, base, index, ..Address::base(0, disp) });
        }
    }
    list.push(Address { narrow: true, segment: Segment::Fs, ..Address::base(5, 0) });
    // Registers of APX: an error elsewhere.
    for base in [16, 20, 21, 28, 31] {
        list.extend([0, 1, 128].map(|disp| Address::base(base, disp)));
        list.push(Address { index: Some((1, 0)), segment: Segment::Gs, ..Address::base(base, 0) });
    }
    list.extend(
        [(1, 20), (13, 31), (29, 17), (4, 16)]
            .map(|(base, index)| Address { index: Some((index, 3)), ..Address::base(base, 0) }),
    );
    list
}

/// Each part of an address through its classes.
fn boundary_addresses(row: &Row, arg: &Arg) -> Vec<Address> {
    let vector = arg.vector_index().map(|class| if class.ends_with('X') { 23 } else { 7 });
    let narrow = address_size(row) == Some(AddressSize::S32);
    let plain = Address { index: vector.map(|index| (index, 2)), narrow, ..Address::base(6, 16) };
    let mut list = Vec::new();
    for base in BASES.map(Some) {
        list.extend([0, 127, -129].map(|disp| Address { base, disp, ..plain }));
        list.push(Address { base, index: Some((9, 3)), ..plain });
    }
    list.extend(displacements(displacement_unit(arg)).into_iter().map(|disp| Address { disp, ..plain }));
    let high: &[u8] = if vector == Some(23) { &[16, 20, 23, 24, 31] } else { &[] };
    list.extend(INDEXES.iter().chain(high).map(|&index| Address { index: Some((index, 0)), ..plain }));
    list.extend([0, 1, 2, 3].map(|exponent| Address { index: Some((1, exponent)), ..plain }));
    list.extend([0, 1, 2, 3].map(|exponent| Address { base: None, index: Some((1, exponent)), ..plain }));
    if vector.is_none() {
        list.extend([0x1000, -4].map(|disp| Address { base: None, index: None, narrow: false, disp, ..plain }));
        list.extend(relatives());
    }
    list
}

/// Every combination of the classes of all operands but memory; pairs of registers where that is too many.
pub fn products(row: &Row, form: &Form, visit: &mut dyn FnMut(&[Value])) {
    let defaults = defaults(row, form);
    let mut lists = vec![defaults.clone()];
    for (n, arg) in form.args.iter().enumerate() {
        let values = singles(arg);
        if arg.is_memory() || values.is_empty() || lists.len() * values.len() > 5_000 {
            continue;
        }
        let with = |list: &Vec<Value>, value: Value| {
            let mut list = list.clone();
            list[n] = value;
            list
        };
        lists = lists.iter().flat_map(|list| values.iter().map(move |&value| with(list, value))).collect();
    }
    lists.iter().for_each(|list| visit(list));
    pairs(form, &defaults, visit);
}
