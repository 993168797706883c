//! The call into the core that a form's body consists of.

use crate::form::{Arg, Form};
use crate::row::{Row, Space};

/// One call of a core method: `self.{method}({op}, {args})`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The core's method.
    pub method: &'static str,
    /// The opcode constant, a Rust expression.
    pub op: String,
    /// `/digit`: passed where `args` says [`DIGIT`].
    pub digit: Option<u8>,
    /// The other arguments, Rust expressions.
    pub args: Vec<String>,
}

/// Stands for the digit in [`Call::args`].
pub const DIGIT: &str = "<digit>";

impl Call {
    /// The call as a Rust expression on `receiver`.
    pub fn text(&self, receiver: &str, op: &str, digit: &str) -> String {
        let mut text = format!("{receiver}.{}({op}", self.method);
        for arg in &self.args {
            text += ", ";
            text += if arg == DIGIT { digit } else { arg };
        }
        text + ")"
    }
}

/// The core call of a form. `params`: Rust expressions for its parameters, by operand.
pub fn call(rows: &[Row], form: &Form, params: &[String]) -> Call {
    let row = &rows[form.row];
    let parts = Parts::new(row, form, params);
    match row.encoding.space {
        Space::Legacy => legacy(row, form, &parts),
        Space::Vex => vex(row, &parts),
        space => panic!("no core for {space:?}: {}", row.text),
    }
}

/// The operands by the place they are encoded in, as Rust expressions.
struct Parts {
    reg: Option<String>,
    rm: Option<(Arg, String)>,
    vvvv: Option<String>,
    opcode: Option<String>,
    is4: Option<String>,
    immediates: Vec<(u32, String, &'static str)>,
    target: Option<String>,
    moffs: Option<String>,
}

impl Parts {
    fn new(row: &Row, form: &Form, params: &[String]) -> Parts {
        let at = |place: char| row.operands.iter().position(|operand| operand.place == place);
        let number = |place: char| at(place).map(|n| format!("{}.num()", params[n]));
        let immediate = |n: usize| match form.args[n] {
            Arg::Imm(bits, _, rust) => Some((bits, params[n].clone(), rust)),
            _ => None,
        };
        Parts {
            reg: number('R'),
            rm: at('M').map(|n| (form.args[n].clone(), params[n].clone())),
            vvvv: number('V'),
            opcode: number('O'),
            is4: number('S'),
            immediates: (0..row.operands.len()).filter_map(immediate).collect(),
            target: at('D').map(|n| params[n].clone()),
            moffs: at('A').map(|n| params[n].clone()),
        }
    }

    /// The immediate bytes as one number of type `wide`, and their length.
    fn immediate(&self, wide: &str) -> Option<(String, u32)> {
        let part = |(bits, name, rust): &(u32, String, &str)| match *rust == wide {
            true => name.clone(),
            false => match rust.strip_prefix('i') {
                Some(_) if *rust != format!("i{}", &wide[1..]) => format!("{name} as u{bits} as {wide}"),
                _ => format!("{name} as {wide}"),
            },
        };
        match self.immediates.as_slice() {
            [] => None,
            [one] => Some((part(one), one.0 / 8)),
            [first, second] => {
                Some((format!("{} | ({}) << {}", part(first), part(second), first.0), (first.0 + second.0) / 8))
            }
            _ => panic!("three immediates"),
        }
    }
}

fn legacy_op(row: &Row, form: &Form) -> (String, Option<u8>) {
    let (map, opcode) = match row.encoding.opcode.as_slice() {
        [0x0F, 0x38, rest @ ..] => ("M0F38", rest),
        [0x0F, 0x3A, rest @ ..] => ("M0F3A", rest),
        [0x0F, rest @ ..] => ("M0F", rest),
        rest => ("M00", rest),
    };
    let prefixes = form.prefix.byte().into_iter().chain(row.encoding.prefixes.iter().copied());
    let pre = prefixes.enumerate().fold(0u32, |pre, (number, byte)| pre | u32::from(byte) << (8 * number));
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
    let (op, fixed) = legacy_op(row, form);
    let digit = row.digit();
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
        (_, Some(opcode), ..) => {
            let (immediate, args) = with_immediate("u64", vec![opcode.clone()]);
            (if immediate { "op_reg_imm" } else { "op_reg" }, args)
        }
        (_, _, Some(target), _) => (if row.encoding.tail == ["cb"] { "rel8" } else { "rel32" }, vec![target.clone()]),
        (_, _, _, Some(moffs)) => ("op_imm", vec![moffs.clone(), "8".to_string()]),
        _ => match (fixed, with_immediate("u64", vec![])) {
            (Some(modrm), _) => ("op_fixed", vec![format!("{modrm:#04X}")]),
            (None, (true, args)) => ("op_imm", args),
            (None, (false, _)) => ("op", vec![]),
        },
    };
    Call { method, op, digit, args }
}

fn address(arg: &Arg, name: &str) -> String {
    match arg {
        Arg::Mem(..) => format!("{name}.addr"),
        _ => name.to_string(),
    }
}

fn vex(row: &Row, parts: &Parts) -> Call {
    let encoding = &row.encoding;
    let pp = encoding.prefixes.first().map_or("0".to_string(), |byte| format!("{byte:#04X}"));
    let map = match encoding.map.as_str() {
        "0F" => 1,
        "0F38" => 2,
        "0F3A" => 3,
        map => panic!("VEX map {map}"),
    };
    let mut op = format!("VexOp::new({pp}, {map}, {:#04X})", encoding.opcode[0]);
    if encoding.l == "256" {
        op += ".l1()";
    }
    if encoding.w {
        op += ".w1()";
    }
    let reg = parts.reg.clone().unwrap_or_else(|| DIGIT.to_string());
    let vvvv = parts.vvvv.clone().unwrap_or_else(|| "0".to_string());
    let immediate = match (&parts.is4, parts.immediate("u8")) {
        (Some(register), _) => Some(format!("{register} << 4")),
        (None, immediate) => immediate.map(|(value, _)| value),
    };
    let (method, rm) = match (&parts.rm, immediate.is_some()) {
        (None, _) => return Call { method: "vex", op, digit: None, args: vec![] },
        (Some((Arg::Vmem(..), rm)), _) => ("vex_vm", rm.clone()),
        (Some((arg, rm)), false) if arg.is_memory() => ("vex_rm", address(arg, rm)),
        (Some((arg, rm)), true) if arg.is_memory() => ("vex_rm_imm", address(arg, rm)),
        (Some((_, rm)), false) => ("vex_rr", format!("{rm}.num()")),
        (Some((_, rm)), true) => ("vex_rr_imm", format!("{rm}.num()")),
    };
    let mut args = vec![reg, vvvv, rm];
    args.extend(immediate);
    Call { method, op, digit: row.digit(), args }
}
