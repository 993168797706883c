//! [`Call`] and what its arguments are made of: operands by the place they are encoded in.

use crate::form::{Arg, Form};
use crate::row::Row;

/// One call of a core method: `self.{checks}.{method}({op}, {args})`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Calls in front of it, each with its arguments: `distinct(a.num() == b.num())`.
    pub checks: Vec<String>,
    /// The core's method.
    pub method: &'static str,
    /// The opcode constant, a Rust expression.
    pub op: String,
    /// What depends on the operands and completes the opcode: `.rounding(src.mode())`.
    pub op_suffix: String,
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
        let checks: String = self.checks.iter().map(|check| format!(".{check}")).collect();
        let mut text = format!("{receiver}{checks}.{}({op}{}", self.method, self.op_suffix);
        for arg in &self.args {
            text += ", ";
            text += if arg == DIGIT { digit } else { arg };
        }
        text + ")"
    }
}

/// The operands by the place they are encoded in, as Rust expressions.
pub(super) struct Parts {
    pub(super) reg: Option<String>,
    pub(super) rm: Option<(Arg, String)>,
    pub(super) vvvv: Option<String>,
    pub(super) opcode: Option<String>,
    pub(super) is4: Option<String>,
    pub(super) immediates: Vec<(u32, String, &'static str)>,
    pub(super) target: Option<String>,
    pub(super) moffs: Option<String>,
    pub(super) mask: String,
    pub(super) names: Vec<String>,
}

impl Parts {
    pub(super) fn new(row: &Row, form: &Form, params: &[String]) -> Parts {
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
            names: params.to_vec(),
            mask: form.args.iter().position(Arg::has_mask).map_or("0".to_string(), |n| match form.args[n] {
                Arg::Merged(_) | Arg::MergedVmem(..) => format!("{}.mask()", params[n]),
                _ => format!("{}.mask", params[n]),
            }),
        }
    }

    /// The immediate bytes as one number of type `wide`, and their length.
    pub(super) fn immediate(&self, wide: &str) -> Option<(String, u32)> {
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

/// The [`Addr`](Arg::Addr) of a memory operand.
pub(super) fn address(arg: &Arg, name: &str) -> String {
    match arg {
        Arg::Mem(..) | Arg::Bcst(..) => format!("{name}.addr"),
        Arg::MaskedMem(..) => format!("{name}.to.addr"),
        Arg::MaskedAddr | Arg::MergedVmem(..) => format!("{name}.to"),
        _ => name.to_string(),
    }
}

/// The number that stands for an opcode map.
fn map_number(map: &str) -> u8 {
    match map {
        "0F" => 1,
        "0F38" => 2,
        "0F3A" => 3,
        map => map.strip_prefix("MAP").and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("map {map}")),
    }
}

/// `0x66, 1, 0x58`: prefix, map, opcode.
pub(super) fn opcode(row: &Row) -> String {
    let encoding = &row.encoding;
    let pp = encoding.prefixes.first().map_or("0".to_string(), |byte| format!("{byte:#04X}"));
    format!("{pp}, {}, {:#04X}", map_number(&encoding.map), encoding.opcode[0])
}
