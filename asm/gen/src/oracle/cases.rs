//! Operand values at which encodings change shape, per form.

use super::operands::{Address, Segment, Value};
use crate::form::{Arg, Form};
use crate::row::Row;

const BASES: [u8; 9] = [0, 1, 4, 5, 6, 8, 12, 13, 15];
const INDEXES: [u8; 6] = [1, 5, 9, 12, 13, 15];
const DISPLACEMENTS: [i32; 9] = [0, 1, -1, 127, 128, -128, -129, i32::MAX, i32::MIN];

/// Register numbers that need no REX prefix, so that `ah` may stand beside them; by operand.
const DEFAULTS: [u8; 4] = [2, 1, 3, 0];

/// One value per operand, nothing special about any.
pub fn defaults(form: &Form) -> Vec<Value> {
    let value = |(n, arg): (usize, &Arg)| match arg {
        Arg::Reg("R8Hi") => Value::Reg(4 + DEFAULTS[n]),
        Arg::Reg(_) => Value::Reg(DEFAULTS[n]),
        Arg::Mem(..) | Arg::Addr => Value::Mem(Address::base(6, 16)),
        Arg::Vmem(..) => Value::Mem(Address { index: Some((7, 2)), ..Address::base(6, 16) }),
        Arg::Imm(..) => Value::Imm(5),
        Arg::Moffs(_) => Value::Imm(0x1122_3344_5566_7788),
        Arg::Rel(_) => Value::Target(3),
        Arg::Fixed(_) => Value::Fixed,
    };
    form.args.iter().enumerate().map(value).collect()
}

/// Every case of the exhaustive sweep: all pairs of registers, all combinations of base, index, scale and
/// displacement class, all immediate classes with all kinds of memory.
pub fn sweep(row: &Row, form: &Form, visit: &mut dyn FnMut(&[Value])) {
    let mut visit = |values: &[Value]| {
        if !repeats_a_register(row, form, values) {
            visit(values);
        }
    };
    let defaults = defaults(form);
    visit(&defaults);
    pairs(form, &defaults, &mut visit);
    for (n, arg) in form.args.iter().enumerate() {
        let mut with = |value: Value, base: &[Value]| {
            let mut values = base.to_vec();
            values[n] = value;
            visit(&values);
        };
        match arg {
            Arg::Mem(..) | Arg::Addr => all_addresses(&mut |address| with(Value::Mem(address), &defaults)),
            Arg::Vmem(..) => vector_addresses(&mut |address| with(Value::Mem(address), &defaults)),
            _ => singles(arg).into_iter().for_each(|value| with(value, &defaults)),
        }
        if arg.is_memory() {
            for varied in others(form, n, &defaults) {
                boundary_addresses(arg).into_iter().for_each(|address| with(Value::Mem(address), &varied));
            }
        }
    }
}

/// The short list: each operand through its classes, the others at their defaults.
pub fn boundary(row: &Row, form: &Form, visit: &mut dyn FnMut(&[Value])) {
    let defaults = defaults(form);
    visit(&defaults);
    for (n, arg) in form.args.iter().enumerate() {
        let values = match arg.is_memory() {
            true => boundary_addresses(arg).into_iter().map(Value::Mem).collect(),
            false => singles(arg),
        };
        for value in values {
            let mut values = defaults.clone();
            values[n] = value;
            if values != defaults && !repeats_a_register(row, form, &values) {
                visit(&values);
            }
        }
    }
}

/// Gathers raise #UD when destination, index and mask are not three registers.
pub fn repeats_a_register(row: &Row, form: &Form, values: &[Value]) -> bool {
    if !row.has("uniq") {
        return false;
    }
    let number = |(arg, value): (&Arg, &Value)| match (arg, value) {
        (Arg::Reg(_), Value::Reg(number)) => Some(*number),
        (Arg::Vmem(..), Value::Mem(address)) => address.index.map(|(index, _)| index),
        _ => None,
    };
    let numbers: Vec<u8> = form.args.iter().zip(values).filter_map(number).collect();
    (1..numbers.len()).any(|n| numbers[..n].contains(&numbers[n]))
}

/// Whether the operands need a REX prefix beside `ah ch dh bh`, so that no encoding exists.
pub fn high_byte_conflict(form: &Form, values: &[Value]) -> bool {
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
    let registers: Vec<usize> = (0..form.args.len()).filter(|&n| matches!(form.args[n], Arg::Reg(_))).collect();
    for (at, &first) in registers.iter().enumerate() {
        for &second in &registers[at + 1..] {
            for one in singles(&form.args[first]) {
                for two in singles(&form.args[second]) {
                    let mut values = defaults.to_vec();
                    (values[first], values[second]) = (one, two);
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
        let values = match arg {
            Arg::Reg("R8Hi") => vec![Value::Reg(7)],
            Arg::Reg(_) => [4, 7, 8, 15].map(Value::Reg).to_vec(),
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

/// Every class of an operand that is not memory.
pub fn singles(arg: &Arg) -> Vec<Value> {
    match arg {
        Arg::Reg("R8Hi") => (4..8).map(Value::Reg).collect(),
        Arg::Reg(_) => (0..16).map(Value::Reg).collect(),
        Arg::Imm(_, _, rust) => immediates(rust).into_iter().map(Value::Imm).collect(),
        Arg::Moffs(_) => [0, 1, -1, 0x7FFF_FFFF, 0x8000_0000, i64::MIN, i64::MAX].map(Value::Imm).to_vec(),
        Arg::Rel(8) => [0, 1, 127, -3, -4, -127, -128].map(Value::Target).to_vec(),
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

fn all_addresses(visit: &mut dyn FnMut(Address)) {
    let indexes = || INDEXES.iter().flat_map(|&index| (0..4).map(move |exponent| Some((index, exponent))));
    for base in BASES.map(Some).into_iter().chain([None]) {
        for index in [None].into_iter().chain(indexes()) {
            DISPLACEMENTS.iter().for_each(|&disp| visit(Address { base, index, ..Address::base(0, disp) }));
        }
    }
    relatives().into_iter().for_each(visit);
}

fn vector_addresses(visit: &mut dyn FnMut(Address)) {
    for base in BASES.map(Some).into_iter().chain([None]) {
        for index in 0..16 {
            for exponent in 0..4 {
                let index = Some((index, exponent));
                DISPLACEMENTS.iter().for_each(|&disp| visit(Address { base, index, ..Address::base(0, disp) }));
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
    list
}

/// Each part of an address through its classes.
fn boundary_addresses(arg: &Arg) -> Vec<Address> {
    let vector = matches!(arg, Arg::Vmem(..));
    let plain = Address { index: vector.then_some((7, 2)), ..Address::base(6, 16) };
    let mut list = Vec::new();
    for base in BASES.map(Some) {
        list.extend([0, 127, -129].map(|disp| Address { base, disp, ..plain }));
        list.push(Address { base, index: Some((9, 3)), ..plain });
    }
    list.extend(DISPLACEMENTS.map(|disp| Address { disp, ..plain }));
    list.extend(INDEXES.map(|index| Address { index: Some((index, 0)), ..plain }));
    list.extend([0, 1, 2, 3].map(|exponent| Address { index: Some((1, exponent)), ..plain }));
    list.extend([0, 1, 2, 3].map(|exponent| Address { base: None, index: Some((1, exponent)), ..plain }));
    if !vector {
        list.push(Address { base: None, index: None, disp: 0x1000, ..plain });
        list.push(Address { base: None, index: None, disp: -4, ..plain });
        list.extend(relatives());
    }
    list
}

/// Every combination of the classes of all operands but memory; pairs of registers where that is too many.
pub fn products(row: &Row, form: &Form, visit: &mut dyn FnMut(&[Value])) {
    let mut lists = vec![defaults(form)];
    for (n, arg) in form.args.iter().enumerate() {
        let values = singles(arg);
        if values.is_empty() || lists.len() * values.len() > 5_000 {
            continue;
        }
        let with = |list: &Vec<Value>, value: Value| {
            let mut list = list.clone();
            list[n] = value;
            list
        };
        lists = lists.iter().flat_map(|list| values.iter().map(move |&value| with(list, value))).collect();
    }
    lists.iter().filter(|list| !repeats_a_register(row, form, list)).for_each(|list| visit(list));
    pairs(form, &defaults(form), &mut |values| {
        if !repeats_a_register(row, form, values) {
            visit(values);
        }
    });
}
