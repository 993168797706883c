//! The tables as text: which there are, and how a folded line unfolds.

use std::collections::HashMap;

/// The grammar, whose end lists the named alternations.
const GRAMMAR: &str = include_str!("../../isa/00-grammar.txt");

/// Every table: its name and its text.
pub const TABLES: &[(&str, &str)] = &[
    ("base", include_str!("../../isa/base.tbl")),
    ("gpr_ext", include_str!("../../isa/gpr_ext.tbl")),
    ("sse", include_str!("../../isa/sse.tbl")),
    ("avx", include_str!("../../isa/avx.tbl")),
    ("avx_ext", include_str!("../../isa/avx_ext.tbl")),
    ("avx512", include_str!("../../isa/avx512.tbl")),
    ("avx512k", include_str!("../../isa/avx512k.tbl")),
    ("x87", include_str!("../../isa/x87.tbl")),
    ("mmx", include_str!("../../isa/mmx.tbl")),
    ("system", include_str!("../../isa/system.tbl")),
    ("misc", include_str!("../../isa/misc.tbl")),
    ("amx", include_str!("../../isa/amx.tbl")),
    ("amd", include_str!("../../isa/amd.tbl")),
    ("avx10_2", include_str!("../../isa/next/avx10_2.tbl")),
    ("new", include_str!("../../isa/next/new.tbl")),
    ("apx", include_str!("../../isa/next/apx.tbl")),
    ("retired", include_str!("../../isa/retired.tbl")),
    ("undoc", include_str!("../../isa/undoc.tbl")),
];

/// One unfolded line and where it stands.
pub struct Line {
    /// The table's name.
    pub table: &'static str,
    /// The section, `T0` to `T4`.
    pub tier: &'static str,
    /// The text without alternations.
    pub text: String,
}

/// All lines of all tables, in order.
pub fn lines() -> Vec<Line> {
    let named = named_alternations();
    let mut lines = Vec::new();
    for &(table, text) in TABLES {
        let mut tier = "";
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.strip_prefix("[tier ") {
                Some(name) => tier = name.trim_end_matches(']'),
                None => lines.extend(unfold(line, &named).into_iter().map(|text| Line { table, tier, text })),
            }
        }
    }
    lines
}

/// `%v = <xmm|ymm|zmm>` and so on, by their letter.
fn named_alternations() -> HashMap<char, &'static str> {
    let definition = |line: &'static str| {
        let rest = line.strip_prefix("#   %")?;
        let (name, value) = rest.split_once(" = ")?;
        Some((name.chars().next()?, value))
    };
    GRAMMAR.lines().filter_map(definition).collect()
}

/// Replaces `%x` by its alternation, then each alternation by its alternatives: those of the same arity step together,
/// those of different arities multiply, the first to appear outermost.
fn unfold(line: &str, named: &HashMap<char, &'static str>) -> Vec<String> {
    let parts = split(&substitute(line, named));
    let mut arities: Vec<usize> = Vec::new();
    for part in &parts {
        if part.len() > 1 && !arities.contains(&part.len()) {
            arities.push(part.len());
        }
    }
    let total: usize = arities.iter().product();
    let mut out = Vec::with_capacity(total);
    for number in 0..total {
        let mut choice = HashMap::new();
        let mut rest = number;
        for &arity in arities.iter().rev() {
            choice.insert(arity, rest % arity);
            rest /= arity;
        }
        out.push(parts.iter().map(|part| part[choice.get(&part.len()).copied().unwrap_or(0)].as_str()).collect());
    }
    out
}

fn substitute(line: &str, named: &HashMap<char, &'static str>) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let name = chars.next().expect("a letter behind %");
        out.push_str(named.get(&name).unwrap_or_else(|| panic!("unknown alternation %{name} in {line}")));
    }
    out
}

/// Literal pieces (one alternative) and alternations (two or more). `<..>` without `|` is an implicit operand: literal.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a closed alternation");
        let inner = &rest[start + 1..end];
        if inner.contains('|') {
            parts.push(vec![rest[..start].to_string()]);
            parts.push(inner.split('|').map(str::to_string).collect());
        } else {
            parts.push(vec![rest[..=end].to_string()]);
        }
        rest = &rest[end + 1..];
    }
    parts.push(vec![rest.to_string()]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_arities_step_together_and_others_multiply() {
        let unfolded = unfold("a<1|2> b<x|y> c<p|q|r> <xmm0>", &HashMap::new());
        assert_eq!(unfolded.len(), 6);
        assert_eq!(unfolded[0], "a1 bx cp <xmm0>");
        assert_eq!(unfolded[5], "a2 by cr <xmm0>");
    }

    #[test]
    fn the_tables_have_4435_forms_and_what_is_next() {
        let (next, known): (Vec<Line>, Vec<Line>) = lines().into_iter().partition(|line| line.tier == "T4");
        assert_eq!(known.len(), 4435);
        assert!(next.len() > 390);
    }
}
