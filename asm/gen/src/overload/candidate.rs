//! [`Candidate`]: a form that serves a list of operands, and on which conditions.

use crate::form::{Arg, Form, Prefix};
use crate::row::{Row, Space};

/// Sources that can be exchanged without any change of the result. Floating-point sums are not among them: of two NaNs
/// the first source's wins.
const COMMUTATIVE: &[&str] = &[
    "vandpd", "vandps", "vorpd", "vorps", "vpaddb", "vpaddd", "vpaddq", "vpaddsb", "vpaddsw", "vpaddusb", "vpaddusw",
    "vpaddw", "vpand", "vpavgb", "vpavgw", "vpcmpeqb", "vpcmpeqd", "vpcmpeqw", "vpmaddwd", "vpmaxsw", "vpmaxub",
    "vpminsw", "vpminub", "vpmulhuw", "vpmulhw", "vpmullw", "vpmuludq", "vpor", "vpsadbw", "vpxor", "vxorpd", "vxorps",
];

/// A condition on the operands of an overload; the number is the operand's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The immediate is a value of that type.
    Fits(usize, &'static str),
    /// The immediate is 1.
    IsOne(usize),
    /// The register is the accumulator.
    IsZero(usize),
    /// The register is not the accumulator.
    IsNotZero(usize),
    /// The register is one of the upper eight.
    IsHigh(usize),
    /// The register is one of the lower eight.
    IsLow(usize),
    /// The register has a number below 16 and no mask, or the memory operand has no mask: VEX can say it.
    IsVex(usize),
}

/// One way to emit an overload.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The form.
    pub form: usize,
    /// For each operand of the form, which operand of the overload it is.
    pub order: Vec<usize>,
    /// When it may be used.
    pub guards: Vec<Guard>,
}

/// The operand lists that a form serves.
pub(super) fn own_uses(rows: &[Row], forms: &[Form], number: usize) -> Vec<(Vec<Arg>, Candidate)> {
    let (form, row) = (&forms[number], &rows[forms[number].row]);
    let mut args = Vec::new();
    let mut guards = Vec::new();
    for (n, arg) in form.args.iter().enumerate() {
        match arg {
            Arg::Fixed(name) => match name.as_str() {
                "cl" => {}
                "st0" => args.push(Arg::Reg("St0")),
                "1" => {
                    guards.push(Guard::IsOne(n));
                    args.push(Arg::Imm(8, false, "u8"));
                }
                name => {
                    guards.push(Guard::IsZero(n));
                    args.push(Arg::Reg(
                        ["R8", "R16", "R32", "R64"][["al", "ax", "eax", "rax"]
                            .iter()
                            .position(|&other| other == name)
                            .expect("an accumulator")],
                    ));
                }
            },
            arg => args.push(arg.clone()),
        }
    }
    let order: Vec<usize> = (0..form.args.len()).collect();
    let swapped = || order.iter().map(|&n| if n < 2 { 1 - n } else { n }).collect::<Vec<_>>();
    let plain = Candidate { form: number, order: order.clone(), guards };
    let all_registers = args.iter().all(|arg| matches!(arg, Arg::Reg(_)));
    let mut list = Vec::new();
    match row.mnemonic.as_str() {
        // `90` would not clear the upper half.
        "xchg" if plain.guards == [Guard::IsZero(1)] => {
            let not_both = if args[0] == Arg::Reg("R32") { vec![Guard::IsNotZero(0)] } else { vec![] };
            let guards = |accumulator, other: &[Guard]| [&[Guard::IsZero(accumulator)], other].concat();
            let other_way: Vec<Guard> = not_both.iter().map(|_| Guard::IsNotZero(1)).collect();
            list.push((args.clone(), Candidate { guards: guards(1, &not_both), ..plain.clone() }));
            list.push((args.clone(), Candidate { order: swapped(), guards: guards(0, &other_way), ..plain }));
        }
        "xchg" | "test"
            if form.args[0].is_memory() && matches!(form.args[1], Arg::Reg(_)) && form.prefix == Prefix::None =>
        {
            list.push((args.clone(), plain.clone()));
            args.swap(0, 1);
            list.push((args, Candidate { order: swapped(), ..plain }));
        }
        "mov" if args == [Arg::Reg("R32"), Arg::Imm(32, false, "i32")] && row.encoding.plus => {
            list.push((args.clone(), plain.clone()));
            let wide = vec![Arg::Reg("R64"), Arg::Imm(64, false, "i64")];
            list.push((wide, Candidate { guards: vec![Guard::Fits(1, "u32")], ..plain }));
        }
        mnemonic if COMMUTATIVE.contains(&mnemonic) && all_registers => {
            list.push((args.clone(), plain.clone()));
            list.push((
                args,
                Candidate { order: vec![0, 2, 1], guards: vec![Guard::IsHigh(2), Guard::IsLow(1)], ..plain },
            ));
        }
        // The same instruction with reg and rm exchanged: the one with a high register in reg needs no third VEX byte.
        _ if is_twin(form) && row.encoding.space == Space::Vex && row.encoding.map == "0F" && all_registers => {
            let place = |place| row.operands.iter().position(|operand| operand.place == place).expect("reg and rm");
            let guards = vec![Guard::IsHigh(place('R')), Guard::IsLow(place('M'))];
            list.push((args, Candidate { guards, ..plain }));
        }
        // The top of the stack has a type of its own, but is one of the registers.
        _ if args.contains(&Arg::Reg("St")) => {
            let at = args.iter().position(|arg| *arg == Arg::Reg("St")).expect("a register");
            list.push((args.clone(), plain.clone()));
            args[at] = Arg::Reg("St0");
            list.push((args, plain));
        }
        _ => list.push((args, plain)),
    }
    list
}

/// Whether the form only exchanges the roles of reg and rm of another one.
fn is_twin(form: &Form) -> bool {
    form.name.contains("_alt")
}
