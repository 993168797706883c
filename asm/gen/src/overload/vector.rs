//! Mnemonics that VEX and EVEX share: which of the two is taken.
//!
//! VEX, wherever it can say the operands: it is shorter and asks less of the processor. Where every list of the VEX forms has an
//! EVEX counterpart, one list serves both and the candidates' guards decide ([`Guard::IsVex`]). Elsewhere (`vcmpps` has
//! an `xmm` destination in VEX and a `k` in EVEX) types decide, and the EVEX lists are repeated for every class that may
//! be written in place of theirs.

use super::candidate::{Candidate, Guard, own_uses};
use crate::form::{Arg, Form};
use crate::row::{Row, Space};

/// The operand lists of all forms of one mnemonic.
pub(super) fn uses(rows: &[Row], forms: &[Form], members: &[usize]) -> Vec<(Vec<Arg>, Candidate)> {
    let space = |candidate: &Candidate| rows[forms[candidate.form].row].encoding.space;
    let all: Vec<(Vec<Arg>, Candidate)> = members.iter().flat_map(|&number| own_uses(rows, forms, number)).collect();
    let (evex, vex): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, candidate)| space(candidate) == Space::Evex);
    if evex.is_empty() {
        return vex;
    }
    let counterparts: Vec<Option<Vec<Arg>>> = vex.iter().map(|(args, _)| counterpart(args, &evex)).collect();
    let mut lists = Vec::new();
    if counterparts.iter().all(Option::is_some) {
        for ((_, mut candidate), args) in vex.into_iter().zip(counterparts.into_iter().flatten()) {
            candidate.guards.extend(vex_guards(&args));
            lists.push((args, candidate));
        }
        lists.extend(evex);
        return lists;
    }
    for (args, candidate) in evex {
        let fits = |list: &Vec<Arg>| !vex.iter().any(|(other, _)| other == list);
        lists.extend(written(&args).into_iter().filter(fits).map(|list| (list, candidate.clone())));
    }
    [vex, lists].concat()
}

/// The EVEX list with the same operands, but that they may be masked or have a higher number.
fn counterpart(vex: &[Arg], evex: &[(Vec<Arg>, Candidate)]) -> Option<Vec<Arg>> {
    let alike = |(one, two): (&Arg, &Arg)| match (one, two) {
        (Arg::Reg(one), Arg::Reg(two) | Arg::Masked(two)) => one == two || widened(one) == Some(two),
        (Arg::Mem(one, _), Arg::Mem(two, _) | Arg::MaskedMem(two, _)) => one == two,
        (one, two) => one == two,
    };
    let same = |list: &&(Vec<Arg>, Candidate)| list.0.len() == vex.len() && vex.iter().zip(&list.0).all(alike);
    evex.iter().find(same).map(|(args, _)| args.clone())
}

/// The EVEX class with the registers of a VEX class.
fn widened(class: &str) -> Option<&'static str> {
    match class {
        "Xmm" => Some("XmmX"),
        "Ymm" => Some("YmmX"),
        _ => None,
    }
}

fn vex_guards(args: &[Arg]) -> Vec<Guard> {
    let bounded = |arg: &Arg| arg.has_mask() || matches!(arg, Arg::Reg("XmmX" | "YmmX"));
    (0..args.len()).filter(|&n| bounded(&args[n])).map(Guard::IsVex).collect()
}

/// An EVEX list in all classes that may be written for its operands.
fn written(args: &[Arg]) -> Vec<Vec<Arg>> {
    let mut lists = vec![Vec::new()];
    for arg in args {
        let choices: Vec<Arg> = match arg {
            Arg::Reg("XmmX") => vec![Arg::Reg("XmmX"), Arg::Reg("Xmm")],
            Arg::Reg("YmmX") => vec![Arg::Reg("YmmX"), Arg::Reg("Ymm")],
            Arg::Masked("XmmX") => vec![arg.clone(), Arg::Merged("XmmX"), Arg::Reg("XmmX"), Arg::Reg("Xmm")],
            Arg::Masked("YmmX") => vec![arg.clone(), Arg::Merged("YmmX"), Arg::Reg("YmmX"), Arg::Reg("Ymm")],
            Arg::Masked(class) => vec![arg.clone(), Arg::Merged(class), Arg::Reg(class)],
            Arg::MaskedMem(bits, text) => vec![arg.clone(), Arg::Mem(*bits, text.clone())],
            _ => vec![arg.clone()],
        };
        lists = lists
            .iter()
            .flat_map(|list: &Vec<Arg>| choices.iter().map(move |arg| [&list[..], std::slice::from_ref(arg)].concat()))
            .collect();
    }
    lists
}
