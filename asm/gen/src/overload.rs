//! Forms grouped into overloaded mnemonics, and which form is the shortest when.

mod candidate;
mod vector;

pub use candidate::{Candidate, Guard};

use std::collections::BTreeMap;

use crate::form::{Arg, Form, Prefix};
use crate::row::{Kind, Row, Space};

/// One list of operand types of a mnemonic.
#[derive(Clone, Debug)]
pub struct Overload {
    /// What the method takes.
    pub args: Vec<Arg>,
    /// The ways to emit it, the shortest first; the last has no guards.
    pub candidates: Vec<Candidate>,
}

/// A method of the mnemonic layer.
#[derive(Clone, Debug)]
pub struct Mnemonic {
    /// The method's name.
    pub name: String,
    /// The table of its first form.
    pub table: &'static str,
    /// By operand types.
    pub overloads: Vec<Overload>,
}

/// All mnemonics, in the order of the tables.
pub fn mnemonics(rows: &[Row], forms: &[Form]) -> Vec<Mnemonic> {
    let mut groups: Vec<((String, usize), Vec<usize>)> = Vec::new();
    for (number, form) in forms.iter().enumerate() {
        let Some(key) = method(rows, form) else { continue };
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, members)) => members.push(number),
            None => groups.push((key, vec![number])),
        }
    }
    let keys: Vec<(String, usize)> = groups.iter().map(|(key, _)| key.clone()).collect();
    let mnemonic = |((base, arity), members): &((String, usize), Vec<usize>)| Mnemonic {
        name: name(base, *arity, &keys, forms),
        table: rows[forms[members[0]].row].table,
        overloads: overloads(rows, forms, members),
    };
    groups.iter().map(mnemonic).collect()
}

/// The base of the method's name and its number of operands; `None` for forms that only have their own function.
fn method(rows: &[Row], form: &Form) -> Option<(String, usize)> {
    let row = &rows[form.row];
    let far = form.args.iter().any(|arg| matches!(arg, Arg::Mem(_, text) if text.contains(':')));
    let branch = ["call", "jmp"].contains(&row.mnemonic.as_str());
    // A push of 16 bits is asked for by its form; moffs and `xbegin rel16` by their form; `nop` with 67 or 66 likewise.
    let narrow_push = row.mnemonic == "push" && row.encoding.prefixes == [0x66] && matches!(form.args[0], Arg::Imm(..));
    let excluded = narrow_push
        // Of APX there are forms only.
        || row.table == "apx"
        || form.args.iter().any(|arg| matches!(arg, Arg::Moffs(_) | Arg::Rel(16)))
        || (row.has("alt") && row.encoding.space == Space::Legacy)
        || !in_mnemonics(form.prefix)
        || (form.prefix == Prefix::Bnd && form.args.iter().any(|arg| matches!(arg, Arg::Rel(_))))
        || only_fixed_registers(row)
        // An immediate in front of a register that may also be a register.
        || (row.mnemonic == "uwrmsr" && matches!(form.args[0], Arg::Imm(..)));
    let count = form.args.len() - usize::from(form.args.contains(&Arg::Fixed("cl".to_string())));
    if excluded || form.args.is_empty() {
        return None;
    }
    let keyword = if row.mnemonic == "loop" { "_" } else { "" };
    let far = if far && branch { "_far" } else { "" };
    let by_cl = if count < form.args.len() { "_cl" } else { "" };
    Some((format!("{}{}{keyword}{far}{by_cl}", form.prefix.name(), row.mnemonic), count))
}

/// `rep` has no operands beside it; hints belong to a form, whose length they assume.
fn in_mnemonics(prefix: Prefix) -> bool {
    use Prefix as P;
    !matches!(prefix, P::Rep | P::Repe | P::Repne | P::Taken | P::NotTaken)
}

/// `in al, dx`, `push fs`, `fnstsw ax`: no operand is left to overload.
fn only_fixed_registers(row: &Row) -> bool {
    let fixed = |operand: &crate::row::Operand| matches!(&operand.kind, Kind::Fixed(name) if ["fs", "gs", "dx", "bsr0"].contains(&name.as_str()));
    ["in", "out"].contains(&row.mnemonic.as_str())
        || row.operands.iter().any(fixed)
        || (row.mnemonic.ends_with("stsw") && matches!(row.operands[0].kind, Kind::Fixed(_)))
}

fn name(base: &str, arity: usize, keys: &[(String, usize)], forms: &[Form]) -> String {
    let arities: Vec<usize> = keys.iter().filter(|(other, _)| other == base).map(|(_, arity)| *arity).collect();
    let plain = if forms.iter().any(|form| form.name == base) {
        0
    } else if arities.contains(&2) {
        2
    } else {
        *arities.iter().min().expect("the key itself")
    };
    if arity == plain { base.to_string() } else { format!("{base}_{arity}") }
}

/// Operand lists with the candidates of each.
#[derive(Default)]
struct Lists(Vec<(Vec<Arg>, Vec<Candidate>)>);

impl Lists {
    /// By operand types, immediates of any size being one type.
    fn add(&mut self, args: Vec<Arg>, candidate: Candidate) {
        let same = |other: &[Arg]| {
            other.iter().zip(&args).all(|(one, two)| one == two || both_immediate(one, two) || both_targets(one, two))
        };
        match self.0.iter_mut().find(|(other, _)| same(other)) {
            Some((other, candidates)) => {
                widen(other, &args);
                candidates.push(candidate);
            }
            None => self.0.push((args, vec![candidate])),
        }
    }
}

fn overloads(rows: &[Row], forms: &[Form], members: &[usize]) -> Vec<Overload> {
    let mut lists = Lists::default();
    for (args, candidate) in vector::uses(rows, forms, members) {
        lists.add(args, candidate);
    }
    let mut overloads: Vec<Overload> = Vec::new();
    for (args, mut candidates) in lists.0 {
        let fits = |candidate: &mut Candidate| immediate_guards(&args, forms, candidate);
        candidates.iter_mut().for_each(fits);
        overloads.push(Overload { args, candidates: shortest_first(rows, forms, candidates) });
    }
    let plain: Vec<Overload> =
        overloads.iter().filter_map(|overload| with_plain_address(overload, &overloads)).collect();
    overloads.extend(plain);
    overloads
}

fn both_immediate(one: &Arg, two: &Arg) -> bool {
    matches!((one, two), (Arg::Imm(..), Arg::Imm(..)))
}

fn both_targets(one: &Arg, two: &Arg) -> bool {
    matches!((one, two), (Arg::Rel(_), Arg::Rel(_)))
}

/// Immediates take the widest type of their forms.
fn widen(args: &mut [Arg], other: &[Arg]) {
    for (arg, other) in args.iter_mut().zip(other) {
        if let (Arg::Imm(_, _, mine), Arg::Imm(_, _, theirs)) = (&*arg, other)
            && mine[1..].parse::<u32>().expect("bits") < theirs[1..].parse::<u32>().expect("bits")
        {
            *arg = other.clone();
        }
    }
}

/// A form with a smaller immediate needs the value to fit.
fn immediate_guards(args: &[Arg], forms: &[Form], candidate: &mut Candidate) {
    for (n, arg) in forms[candidate.form].args.iter().enumerate() {
        let at = candidate.order[n];
        if let (Arg::Imm(_, _, small), Some(Arg::Imm(_, _, wide))) = (arg, args.get(at))
            && small != wide
            && !candidate.guards.iter().any(|guard| matches!(guard, Guard::Fits(..)))
        {
            candidate.guards.push(Guard::Fits(at, small));
        }
    }
}

/// By length; what can always be used ends the list.
fn shortest_first(rows: &[Row], forms: &[Form], mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let only_vex = |candidate: &Candidate| candidate.guards.iter().all(|guard| matches!(guard, Guard::IsVex(_)));
    candidates.sort_by_key(|candidate| (len(rows, forms, candidate), only_vex(candidate)));
    // Both kinds of branch stay: the core chooses.
    if matches!(forms[candidates[0].form].args[0], Arg::Rel(_)) {
        return candidates;
    }
    let always =
        candidates.iter().position(|candidate| candidate.guards.is_empty()).expect("a form without conditions");
    candidates.truncate(always + 1);
    candidates
}

/// Bytes without what depends on the operands. A guard on a register's number means that it saves a byte.
fn len(rows: &[Row], forms: &[Form], candidate: &Candidate) -> usize {
    let encoding = &rows[forms[candidate.form].row].encoding;
    let immediate = |tail: &String| match tail.as_str() {
        "ib" | "cb" | "/is4" => 1,
        "iw" => 2,
        "id" | "cd" => 4,
        "io" | "mo" => 8,
        tail => panic!("tail {tail}"),
    };
    let vex = if encoding.map == "0F" && !encoding.w { 2 } else { 3 };
    let head = match encoding.space {
        Space::Legacy => encoding.prefixes.len() + usize::from(encoding.w),
        Space::Evex => 4,
        _ => vex,
    };
    let modrm = usize::from(encoding.modrm != crate::row::ModRm::None);
    head + encoding.opcode.len() + modrm + encoding.tail.iter().map(immediate).sum::<usize>()
}

/// The same overload with a plain address, if the other operands fix the width.
fn with_plain_address(overload: &Overload, all: &[Overload]) -> Option<Overload> {
    let sized = |arg: &Arg| matches!(arg, Arg::Mem(..) | Arg::MaskedMem(..));
    let at = overload.args.iter().position(sized)?;
    let plain = |args: &[Arg]| {
        let simple = |(n, arg): (usize, &Arg)| match arg {
            Arg::Imm(..) => "imm".to_string(),
            arg if n == at && sized(arg) => "addr".to_string(),
            arg => arg.name(),
        };
        args.iter().enumerate().map(simple).collect::<Vec<_>>()
    };
    let mine = plain(&overload.args);
    let rivals = all.iter().filter(|other| other.args.get(at).is_some_and(sized) && plain(&other.args) == mine);
    if rivals.count() > 1 {
        return None;
    }
    let mut args = overload.args.clone();
    args[at] = if matches!(args[at], Arg::Mem(..)) { Arg::Addr } else { Arg::MaskedAddr };
    Some(Overload { args, candidates: overload.candidates.clone() })
}

/// How many there are of what: for the generator's log.
pub fn counts(mnemonics: &[Mnemonic]) -> BTreeMap<&'static str, usize> {
    let overloads = mnemonics.iter().map(|mnemonic| mnemonic.overloads.len()).sum();
    BTreeMap::from([("mnemonics", mnemonics.len()), ("overloads", overloads)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accumulator_and_byte_immediates_come_first() {
        let rows = crate::row::rows();
        let forms = crate::form::forms(&rows);
        let mnemonics = mnemonics(&rows, &forms);
        let add = mnemonics.iter().find(|mnemonic| mnemonic.name == "add").expect("add");
        let rax_imm =
            add.overloads.iter().find(|overload| overload.args == [Arg::Reg("R64"), Arg::Imm(32, true, "i32")]);
        let names: Vec<&str> =
            rax_imm.expect("add rax, 5").candidates.iter().map(|c| forms[c.form].name.as_str()).collect();
        assert_eq!(names, ["add_r64_imm8s", "add_rax_imm32s", "add_r64_imm32s"]);
        println!("{:?}", counts(&mnemonics));
    }

    #[test]
    fn no_mnemonic_has_the_name_of_a_form() {
        let rows = crate::row::rows();
        let forms = crate::form::forms(&rows);
        let mnemonics = mnemonics(&rows, &forms);
        let mut names: Vec<&str> = mnemonics.iter().map(|mnemonic| mnemonic.name.as_str()).collect();
        names.extend(forms.iter().map(|form| form.name.as_str()));
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
