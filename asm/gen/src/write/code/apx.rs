//! The core calls of the table `apx`.

use super::parts::{Call, DIGIT, Parts, address, opcode};
use crate::form::{Arg, Form};
use crate::row::{Row, Space};

pub(super) fn call(row: &Row, form: &Form, parts: &Parts) -> Call {
    let call =
        |method, op: String, digit, args| Call { checks: vec![], method, op, op_suffix: String::new(), digit, args };
    if row.encoding.space == Space::Legacy {
        let byte = row.encoding.opcode[0];
        let op = format!("Op::new(0, M00, {byte:#04X})");
        return match (&parts.opcode, row.encoding.opcode.get(1..)) {
            (Some(register), _) => call("rex2_reg", op, None, vec![register.clone()]),
            (None, rest) => {
                let more: String = rest.unwrap_or(&[]).iter().map(|byte| format!(".then({byte:#04X})")).collect();
                let (value, len) = parts.immediate("u64").expect("an immediate");
                call("op_imm", op + &more, None, vec![value, len.to_string()])
            }
        };
    }
    let nd = u8::from(row.has("nd"));
    let op = format!("EvexOp::new({}, {}, 0, {nd}, 0)", opcode(row), u8::from(row.encoding.w));
    let reg = parts.reg.clone().unwrap_or_else(|| DIGIT.to_string());
    let condition: Option<u8> = row.attribute("scc").map(|digit| u8::from_str_radix(digit, 16).expect("a digit"));
    let vvvv = match condition {
        Some(condition) => format!("Asm::apx_condition({}.bits(), {condition})", parts.names[form.args.len() - 1]),
        None => parts.vvvv.clone().unwrap_or_else(|| "0".to_string()),
    };
    let flags = condition.map_or(if row.has("nf") { 4 } else { 0 }, |condition| condition & 7);
    let (arg, rm) = parts.rm.as_ref().expect("every EVEX row has an M operand");
    let immediate = parts.immediate("u32");
    let (method, rm) = match (arg, immediate.is_some()) {
        (Arg::Sib, _) => ("apx_sib", rm.clone()),
        (arg, false) if arg.is_memory() => ("apx_rm", address(arg, rm)),
        (arg, true) if arg.is_memory() => ("apx_rm_imm", address(arg, rm)),
        (_, false) => ("apx_rr", format!("{rm}.num()")),
        (_, true) => ("apx_rr_imm", format!("{rm}.num()")),
    };
    let mut args = vec![reg, vvvv, rm, flags.to_string()];
    args.extend(immediate.into_iter().flat_map(|(value, len)| [value, len.to_string()]));
    call(method, op, row.digit(), args)
}
