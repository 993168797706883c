//! The call into the core that a form's body consists of.

mod apx;
mod parts;

pub use parts::{Call, DIGIT};

use crate::form::{Arg, Form, Prefix};
use crate::row::{Kind, Row, Space};
use parts::{Parts, address, opcode};

/// The core call of a form. `params`: Rust expressions for its parameters, by operand.
pub fn call(rows: &[Row], form: &Form, params: &[String]) -> Call {
    let row = &rows[form.row];
    let parts = Parts::new(row, form, params);
    let mut call = match row.encoding.space {
        _ if row.table == "apx" => apx::call(row, form, &parts),
        Space::Legacy => legacy(row, form, &parts),
        Space::Vex => vex(row, &parts),
        Space::Evex => evex(row, form, &parts),
        space => panic!("no core for {space:?}: {}", row.text),
    };
    call.checks = checks(row, form, params);
    call
}

/// What the operands' types do not rule out.
fn checks(row: &Row, form: &Form, params: &[String]) -> Vec<String> {
    let mut checks = Vec::new();
    if waits(row) {
        checks.push("wait_first()".to_string());
    }
    let same = same_registers(row, form, params);
    if !same.is_empty() {
        checks.push(format!("distinct({})", same.join(" || ")));
    }
    if row.operands.first().is_some_and(|operand| operand.access == "w" && operand.kind == Kind::Reg("sreg".into())) {
        checks.push(format!("not_register({}.num() == 1)", params[0]));
    }
    if ["push2", "push2p", "pop2", "pop2p"].contains(&row.mnemonic.as_str()) {
        checks.push(format!("not_register({}.num() == 4 || {}.num() == 4)", params[0], params[1]));
    }
    let memory = form.args.iter().position(Arg::is_memory);
    if let Some(at) = memory.filter(|_| address_size_is_fixed(row)) {
        checks.push(format!("address_size({}, {})", address(&form.args[at], &params[at]), narrow(row)));
    }
    if let Some(at) = memory.filter(|_| form.prefix == Prefix::Notrack) {
        checks.push(format!("no_segment({})", address(&form.args[at], &params[at])));
    }
    checks
}

/// `wait` and another instruction, which is one in the manual.
pub fn waits(row: &Row) -> bool {
    row.encoding.opcode[0] == 0x9B && row.encoding.opcode.len() > 1
}

/// The register operand is as wide as an address, and its width is in the row.
fn address_size_is_fixed(row: &Row) -> bool {
    ["movdir64b", "enqcmd", "enqcmds"].contains(&row.mnemonic.as_str())
}

fn narrow(row: &Row) -> bool {
    row.encoding.prefixes.contains(&0x67)
}

/// Comparisons of the registers that must differ: all of them, or the destination with each other one.
fn same_registers(row: &Row, form: &Form, params: &[String]) -> Vec<String> {
    let number = |(arg, param): (&Arg, &String)| match (arg.class(), arg.vector_index(), arg) {
        (Some(_), ..) => Some(format!("{param}.num()")),
        (_, Some(_), Arg::Vmem(..)) => Some(format!("{param}.index_num()")),
        (_, Some(_), _) => Some(format!("{param}.to.index_num()")),
        _ => None,
    };
    let numbers: Vec<String> = form.args.iter().zip(params).filter_map(number).collect();
    let first = match (row.has("uniq"), row.has("uniqd")) {
        // A scatter has no destination register.
        (true, _) => numbers.len(),
        (_, true) => 1,
        _ => 0,
    };
    let pair = |one: usize, two: usize| format!("{} == {}", numbers[one], numbers[two]);
    (0..first).flat_map(|one| (one + 1..numbers.len()).map(move |two| (one, two))).map(|(a, b)| pair(a, b)).collect()
}

fn legacy_op(row: &Row, form: &Form) -> (String, Option<u8>) {
    let opcode = row.encoding.opcode.as_slice();
    let (map, opcode) = match opcode.get(usize::from(waits(row))..).unwrap_or(&[]) {
        [0x0F, 0x38, rest @ ..] => ("M0F38", rest),
        [0x0F, 0x3A, rest @ ..] => ("M0F3A", rest),
        [0x0F, rest @ ..] => ("M0F", rest),
        rest => ("M00", rest),
    };
    // The address gives the prefix where there is one.
    let own = row.encoding.prefixes.iter().filter(|&&byte| byte != 0x67 || !address_size_is_fixed(row));
    let prefixes = form.prefix.bytes().iter().chain(own);
    let pre = prefixes.enumerate().fold(0u32, |pre, (number, byte)| pre | u32::from(*byte) << (8 * number));
    let pre = if pre == 0 { "0".to_string() } else { format!("{pre:#X}") };
    let mut op = format!("Op::new({pre}, {map}, {:#04X})", opcode[0]);
    let byte = |place: char| {
        let number = row.operands.iter().position(|operand| operand.place == place)?;
        matches!(form.args[number], Arg::Reg("R8")).then_some(())
    };
    if row.encoding.w {
        op += ".w()";
    }
    if byte('R').is_some() {
        op += ".byte_reg()";
    }
    if byte('M').or(byte('O')).is_some() {
        op += ".byte_rm()";
    }
    if form.args.contains(&Arg::Reg("R8Hi")) {
        op += ".no_rex()";
    }
    (op, opcode.get(1).copied())
}

fn legacy(row: &Row, form: &Form, parts: &Parts) -> Call {
    let (mut op, fixed) = legacy_op(row, form);
    let mut digit = row.digit();
    let reg = parts.reg.clone().unwrap_or_else(|| DIGIT.to_string());
    let with_immediate = |wide: &str, args: Vec<String>| match parts.immediate(wide) {
        Some((value, len)) => (true, [args, vec![value, len.to_string()]].concat()),
        None => (false, args),
    };
    let (method, args) = match (&parts.rm, &parts.opcode, &parts.target, &parts.moffs) {
        (Some((arg, rm)), ..) if arg.is_memory() => {
            let (immediate, args) = with_immediate("u32", vec![reg, address(arg, rm)]);
            (if immediate { "rm_imm" } else { "rm" }, args)
        }
        (Some((_, rm)), ..) => {
            let (immediate, args) = with_immediate("u32", vec![reg, format!("{rm}.num()")]);
            (if immediate { "rr_imm" } else { "rr" }, args)
        }
        // `D8 C0+i` is a ModRM byte with a digit.
        (_, Some(register), ..) if fixed.is_some() => {
            digit = fixed.map(|byte| byte >> 3 & 7);
            ("rr", vec![DIGIT.to_string(), register.clone()])
        }
        (_, Some(opcode), ..) => {
            let (immediate, args) = with_immediate("u64", vec![opcode.clone()]);
            (if immediate { "op_reg_imm" } else { "op_reg" }, args)
        }
        (_, _, Some(target), _) => {
            if let Some(byte) = fixed {
                op += &format!(".then({byte:#04X})");
            }
            match row.encoding.tail[0].as_str() {
                "cb" => ("rel8", vec![target.clone()]),
                "cw" => ("op_imm", vec![format!("{target} as u16 as u64"), "2".to_string()]),
                _ => ("rel32", vec![target.clone()]),
            }
        }
        (_, _, _, Some(moffs)) => ("op_imm", vec![moffs.clone(), "8".to_string()]),
        _ => match (fixed, with_immediate("u64", vec![])) {
            (Some(modrm), (false, _)) => ("op_fixed", vec![format!("{modrm:#04X}")]),
            (Some(byte), (true, args)) => {
                op += &format!(".then({byte:#04X})");
                ("op_imm", args)
            }
            (None, (true, args)) => ("op_imm", args),
            (None, (false, _)) => ("op", vec![]),
        },
    };
    Call { checks: vec![], method, op, op_suffix: String::new(), digit, args }
}

fn vex(row: &Row, parts: &Parts) -> Call {
    let encoding = &row.encoding;
    let mut op = format!("VexOp::new({})", opcode(row));
    if ["256", "L1"].contains(&encoding.l.as_str()) {
        op += ".l1()";
    }
    if encoding.w {
        op += ".w1()";
    }
    let reg = parts.reg.clone().unwrap_or_else(|| DIGIT.to_string());
    let vvvv = parts.vvvv.clone().unwrap_or_else(|| "0".to_string());
    if let Some((imm, 4)) = parts.immediate("u32") {
        let (_, rm) = parts.rm.as_ref().expect("a register");
        let args = vec![DIGIT.to_string(), format!("{rm}.num()"), imm];
        return Call { checks: vec![], method: "vex_rr_imm32", op, op_suffix: String::new(), digit: row.digit(), args };
    }
    let immediate = match (&parts.is4, parts.immediate("u8")) {
        (Some(register), _) => Some(format!("{register} << 4")),
        (None, immediate) => immediate.map(|(value, _)| value),
    };
    let call =
        |method, digit, args| Call { checks: vec![], method, op: op.clone(), op_suffix: String::new(), digit, args };
    let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
    let (method, rm) = match (&parts.rm, immediate.is_some()) {
        // Without a register or memory operand in ModRM.rm its bits are those of register 0.
        (None, _) if parts.reg.is_some() => ("vex_rr", "0".to_string()),
        (None, _) => match encoding.opcode.get(1) {
            Some(modrm) => {
                return call("vex_rr", None, words(&[&(modrm >> 3 & 7).to_string(), "0", &(modrm & 7).to_string()]));
            }
            None if row.digit().is_some() => return call("vex_rr", row.digit(), words(&[DIGIT, "0", "0"])),
            None => return call("vex", None, vec![]),
        },
        (Some((Arg::Vmem(..), rm)), _) => ("vex_vm", rm.clone()),
        (Some((Arg::Sib, rm)), _) => ("vex_sib", rm.clone()),
        (Some((arg, rm)), false) if arg.is_memory() => ("vex_rm", address(arg, rm)),
        (Some((arg, rm)), true) if arg.is_memory() => ("vex_rm_imm", address(arg, rm)),
        (Some((_, rm)), false) => ("vex_rr", format!("{rm}.num()")),
        (Some((_, rm)), true) => ("vex_rr_imm", format!("{rm}.num()")),
    };
    let mut args = vec![reg, vvvv, rm];
    args.extend(immediate);
    call(method, row.digit(), args)
}

fn evex(row: &Row, form: &Form, parts: &Parts) -> Call {
    let rounded = form.args.iter().any(|arg| matches!(arg, Arg::Rounded(_)));
    let suppressed = form.args.iter().any(|arg| matches!(arg, Arg::Sae(_)));
    let broadcast = form.args.iter().any(|arg| matches!(arg, Arg::Bcst(..)));
    let length = match row.encoding.l.as_str() {
        // The rounding mode has the place of the length.
        _ if rounded => 0,
        "256" => 1,
        "512" => 2,
        _ => 0,
    };
    let reg = parts.reg.clone().unwrap_or_else(|| DIGIT.to_string());
    let vvvv = parts.vvvv.clone().unwrap_or_else(|| "0".to_string());
    let mask = parts.mask.clone();
    let immediate = parts.immediate("u8").map(|(value, _)| value);
    let (arg, rm) = parts.rm.as_ref().expect("every EVEX row has an M operand");
    let shift = if arg.is_memory() { disp8_shift(row, broadcast) } else { 0 };
    let b = u8::from(rounded || suppressed || broadcast);
    let w = u8::from(row.encoding.w);
    let op = format!("EvexOp::new({}, {w}, {length}, {b}, {shift})", opcode(row));
    let (method, mut args) = match (arg.is_memory(), immediate.is_some()) {
        _ if arg.vector_index().is_some() => ("evex_vm", vec![reg, address(arg, rm), mask]),
        (true, false) => ("evex_rm", vec![reg, vvvv, address(arg, rm), mask]),
        (true, true) => ("evex_rm_imm", vec![reg, vvvv, address(arg, rm), mask]),
        (false, false) => ("evex_rr", vec![reg, vvvv, format!("{rm}.num()"), mask]),
        (false, true) => ("evex_rr_imm", vec![reg, vvvv, format!("{rm}.num()"), mask]),
    };
    args.extend(immediate);
    let mode = form.args.iter().position(|arg| matches!(arg, Arg::Rounded(_)));
    let op_suffix = mode.map_or(String::new(), |n| format!(".rounding({}.mode())", parts.names[n]));
    Call { checks: vec![], method, op, op_suffix, digit: row.digit(), args }
}

/// By how many bits an 8-bit displacement is shifted: `N64b4` is 6, and 2 when broadcasting.
pub fn disp8_shift(row: &Row, broadcast: bool) -> u32 {
    let scale = row.attributes.iter().find_map(|attribute| {
        let rest = attribute.strip_prefix('N')?;
        rest.starts_with(|c: char| c.is_ascii_digit()).then_some(rest)
    });
    let Some(scale) = scale else { return 0 };
    let (memory, element) = scale.split_once('b').unwrap_or((scale, scale));
    let bytes: u32 = if broadcast { element } else { memory }.parse().expect("a number of bytes");
    bytes.trailing_zeros()
}
