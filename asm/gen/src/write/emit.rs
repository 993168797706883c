//! `gen/src/oracle/emit.rs`: every function of the assembler behind a function pointer.

use std::fmt::Write;

use super::{File, MARK};
use crate::form::{Arg, Form};
use crate::overload::Mnemonic;

pub(super) fn file(forms: &[Form], mnemonics: &[Mnemonic]) -> File {
    let mut text = format!("//! Every form as a function of plain operands, in the generator's order.\n\n{MARK}\n");
    text += "use planish_asm::Asm;\n\nuse super::operands::Operands;\n\n";
    text += "/// Emits one instruction.\npub type Emit = fn(&mut Asm<'_>, &Operands<'_>);\n\n";
    text += "/// By form.\n#[rustfmt::skip]\npub static FORMS: &[Emit] = &[\n";
    for form in forms {
        let args: Vec<String> = form.args.iter().enumerate().filter_map(|(n, arg)| argument(arg, n)).collect();
        writeln!(text, "    |{}, {}| {{ a.{}({}); }},", "a", if args.is_empty() { "_" } else { "o" }, form.name, args.join(", "))
            .expect("a string");
    }
    text += "];\n\n/// By mnemonic and overload.\n#[rustfmt::skip]\npub static MNEMONICS: &[&[Emit]] = &[\n";
    for mnemonic in mnemonics {
        text += "    &[";
        for overload in &mnemonic.overloads {
            let args: Vec<String> = overload.args.iter().enumerate().filter_map(|(n, arg)| argument(arg, n)).collect();
            write!(text, "|a, o| {{ a.{}({}); }}, ", mnemonic.name, args.join(", ")).expect("a string");
        }
        text += "],\n";
    }
    text += "];\n";
    File { path: "gen/src/oracle/emit.rs".to_string(), text }
}

/// The expression for operand `n`.
pub(super) fn argument(arg: &Arg, n: usize) -> Option<String> {
    Some(match arg {
        Arg::Reg(class) => format!("o.{}({n})", class.to_lowercase()),
        Arg::Mem(bits, _) => format!("o.mem::<{bits}>({n})"),
        Arg::Addr => format!("o.addr({n})"),
        Arg::Vmem(_, index) => format!("o.vmem_{}({n})", index.to_lowercase()),
        Arg::Imm(_, _, "i64") => format!("o.imm({n})"),
        Arg::Imm(_, _, rust) => format!("o.imm({n}) as {rust}"),
        Arg::Moffs(_) => format!("o.imm({n}) as u64"),
        Arg::Rel(_) => "o.label".to_string(),
        Arg::Fixed(_) => return None,
    })
}
