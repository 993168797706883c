//! `gen/src/oracle/emit.rs`: every function of the assembler behind a function pointer.

use std::fmt::Write;

use super::file::{File, MARK};
use crate::form::{Arg, Form};
use crate::overload::Mnemonic;

pub(super) fn file(forms: &[Form], mnemonics: &[Mnemonic]) -> File {
    let mut text = format!("//! Every form as a function of plain operands, in the generator's order.\n\n{MARK}\n");
    text += "use planish_asm::Asm;\n\nuse super::operands::Operands;\n\n";
    text += "/// Emits one instruction.\npub type Emit = fn(&mut Asm<'_>, &Operands<'_>);\n";
    // Functions, not closures: thousands of closures in one table take the compiler minutes.
    let (mut functions, mut table) = (String::new(), String::new());
    for (number, form) in forms.iter().enumerate() {
        functions += &function(&format!("f{number}"), &form.name, &form.args);
        write!(table, "f{number},{}", if number % 20 == 19 { "\n    " } else { " " }).expect("a string");
    }
    write!(text, "\n/// By form.\npub static FORMS: &[Emit] = &[\n    {table}\n];\n").expect("a string");
    table.clear();
    for (number, mnemonic) in mnemonics.iter().enumerate() {
        table += "    &[";
        for (list, overload) in mnemonic.overloads.iter().enumerate() {
            functions += &function(&format!("m{number}_{list}"), &mnemonic.name, &overload.args);
            write!(table, "m{number}_{list}, ").expect("a string");
        }
        table += "],\n";
    }
    write!(text, "\n/// By mnemonic and overload.\npub static MNEMONICS: &[&[Emit]] = &[\n{table}];\n\n")
        .expect("a string");
    text += &functions;
    File { path: "gen/src/oracle/emit.rs".to_string(), text }
}

fn function(own: &str, name: &str, args: &[Arg]) -> String {
    let values: Vec<String> = args.iter().enumerate().filter_map(|(n, arg)| argument(arg, n)).collect();
    let operands = if values.is_empty() { "_" } else { "o" };
    format!("fn {own}(a: &mut Asm<'_>, {operands}: &Operands<'_>) {{ a.{name}({}); }}\n", values.join(", "))
}

/// The expression for operand `n`.
pub(super) fn argument(arg: &Arg, n: usize) -> Option<String> {
    let lower = |class: &str| class.to_lowercase();
    Some(match arg {
        Arg::Reg(class) => format!("o.{}({n})", lower(class)),
        Arg::Masked(class) => format!("o.masked_{}({n})", lower(class)),
        Arg::Merged(class) => format!("o.merged_{}({n})", lower(class)),
        Arg::Rounded(class) => format!("o.{}({n}).round(o.mode({n}))", lower(class)),
        Arg::Sae(class) => format!("o.{}({n}).sae()", lower(class)),
        Arg::Mem(bits, _) => format!("o.mem::<{bits}>({n})"),
        Arg::MaskedMem(bits, _) => format!("o.masked_mem::<{bits}>({n})"),
        Arg::Bcst(element, bits) => format!("o.bcst::<{element}, {}>({n})", bits / element),
        Arg::Addr | Arg::Sib => format!("o.addr({n})"),
        Arg::MaskedAddr => format!("o.masked_addr({n})"),
        Arg::Vmem(_, index) => format!("o.vmem_{}({n})", lower(index)),
        Arg::MergedVmem(_, index) => format!("o.vmem_{}({n}).k(o.k_mask({n}))", lower(index)),
        Arg::Imm(_, _, "i64") => format!("o.imm({n})"),
        Arg::Imm(_, _, rust) => format!("o.imm({n}) as {rust}"),
        Arg::Moffs(_) => format!("o.imm({n}) as u64"),
        Arg::Flags => format!("o.flags({n})"),
        Arg::Rel(16) => format!("o.distance({n})"),
        Arg::Rel(_) => "o.label".to_string(),
        Arg::Fixed(_) => return None,
    })
}
