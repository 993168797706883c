//! A tape as text, for messages and for `planish objdump --tape`.

use super::entry::{Class, Entry, LabelInfo, ListItem, NO_HANDLER, Op, Ref, Tape, Variable};
use super::operands::{Number, Operand, class_name};
use super::origins::{Origin, Origins};
use std::fmt::Debug;

/// A line of text, and the operator that it comes from if it is that of an entry.
pub(in crate::compile) struct Line {
    pub(in crate::compile) origin: Option<Origin>,
    pub(in crate::compile) text: String,
}

impl Tape {
    /// The entries by number, then the variables and the catches.
    pub(in crate::compile) fn lines(&self, origins: &Origins) -> Vec<Line> {
        let entries = self
            .entries
            .iter()
            .enumerate()
            .map(|(at, e)| Line { origin: origins.of(at), text: format!("{at:5}  {}", self.text_of(e)) });
        let variables = self.variables.iter().enumerate().map(|(var, variable)| self.variable_text(var, variable));
        let catches = (0..self.catches.len()).map(|catch| self.catch_text(catch));
        let rest = variables.chain(catches).map(|text| Line { origin: None, text });
        entries.chain(rest).collect()
    }

    /// An entry: what it writes, its operation and class, what it reads.
    pub(in crate::compile) fn text_of(&self, e: &Entry) -> String {
        let written: Vec<String> = self.writes(e).map(|value| format!("{value:?}")).collect();
        let written = if written.is_empty() { String::new() } else { format!("{} = ", written.join(", ")) };
        let class = if self.has_class(e) { format!(" {}", class_name(e.class)) } else { String::new() };
        let read = self.read_text(e);
        format!("{written}{}{class} {read}", words(&e.op)).trim_end().to_owned()
    }

    fn has_class(&self, e: &Entry) -> bool {
        let shape = e.op.shape();
        e.dst != Ref::NOTHING || matches!(shape.a, Operand::Value | Operand::Maybe)
    }

    fn read_text(&self, e: &Entry) -> String {
        let value = |value| self.value_text(value, e.class);
        match e.op {
            op if op.accesses_memory() => match op.shape().b {
                Operand::Value => format!("[{} + {}], {}", self.value_text(e.a, Class::I64), e.imm, value(e.b)),
                _ => format!("[{} + {}]", self.value_text(e.a, Class::I64), e.imm),
            },
            Op::Lea { .. } => format!("{}, {}, {}", value(e.a), value(e.b), e.imm as i32),
            Op::WideHigh if e.a == Ref::NOTHING => String::new(),
            Op::Memarg => match self.memargs.get(e.imm as usize) {
                Some(memarg) => {
                    format!("memory {} + {}, index {}", memarg.memory.0, memarg.offset, class_name(memarg.index))
                }
                None => format!("{}", e.imm),
            },
            Op::Call | Op::TailCall | Op::CallIndirect | Op::CallRef | Op::TailCallIndirect | Op::TailCallRef => {
                self.call_text(e)
            }
            Op::Builtin | Op::Throw => format!("{} ({})", e.imm, self.list_text(e.a.to_item(), 0)),
            Op::Return => format!("({})", self.list_text(e.imm, 0)),
            Op::Label => format!("L{}{}", e.imm, self.labels.get(e.imm as usize).map_or(String::new(), loop_text)),
            Op::Jump => format!("L{}", e.imm),
            Op::Branch(_) => format!("{} -> L{}", self.operands_text(e), e.imm),
            Op::BranchTable => {
                let labels: Vec<String> = self.list(e.imm).iter().map(|label| format!("L{label}")).collect();
                format!("{} -> {}", value(e.a), labels.join(" "))
            }
            Op::Handler if e.imm == NO_HANDLER => "none".to_owned(),
            Op::GlobalGet
            | Op::GlobalSet
            | Op::MemorySize
            | Op::TableSize
            | Op::TableGet
            | Op::TableSet
            | Op::RefFunc
            | Op::Handler => format!("{} {}", e.imm, self.operands_text(e)),
            Op::Vector(_) => match e.op.number() {
                Number::Value => format!("{}, {}", self.operands_text(e), value(Ref::from_item(e.imm))),
                _ => format!("{} {}", self.operands_text(e), e.imm),
            },
            _ => self.operands_text(e),
        }
    }

    fn operands_text(&self, e: &Entry) -> String {
        let values = [e.a, e.b].into_iter().filter(|&value| value != Ref::NOTHING);
        values.map(|value| self.value_text(value, e.class)).collect::<Vec<_>>().join(", ")
    }

    fn call_text(&self, e: &Entry) -> String {
        let (what, first) = match e.op {
            Op::Call | Op::TailCall => ("function", 0),
            _ => ("type", 1),
        };
        let table = match e.op {
            Op::CallIndirect | Op::TailCallIndirect => {
                format!(" table {}", self.list(e.a.to_item()).first().copied().unwrap_or_default())
            }
            _ => String::new(),
        };
        format!("{what} {}{table} ({})", e.imm, self.list_text(e.a.to_item(), first))
    }

    /// The values of a list from one on; classes of constants are not known.
    fn list_text(&self, at: ListItem, from: usize) -> String {
        let values = self.list(at).iter().skip(from).map(|&item| self.value_text(Ref::from_item(item), Class::I64));
        values.collect::<Vec<_>>().join(", ")
    }

    fn value_text(&self, value: Ref, class: Class) -> String {
        if !value.is_const() || value.is_lazy() {
            return format!("{value:?}");
        }
        let place = value.payload() as usize;
        match (class, value.as_small(), self.pool.get(place)) {
            (_, Some(small), _) => small.to_string(),
            (Class::V128, _, Some(_)) if place + 1 < self.pool.len() => format!("{:#034x}", self.vector(place)),
            (Class::F32, _, Some(&bits)) => format!("{:?}", f32::from_bits(bits as u32)),
            (Class::F64, _, Some(&bits)) => format!("{:?}", f64::from_bits(bits)),
            (_, _, Some(&bits)) => format!("{bits:#x}"),
            (_, _, None) => format!("{value:?}"),
        }
    }

    fn variable_text(&self, var: usize, variable: &Variable) -> String {
        let Variable { class, weight, start, end, calls, zero } = *variable;
        let what = match (var < self.params as usize, zero) {
            (true, _) => ", a parameter",
            (_, true) => ", zero at first",
            _ => "",
        };
        format!("v{var}: {}, entries {start} to {end}, weight {weight}, calls {calls}{what}", class_name(class))
    }

    fn catch_text(&self, number: usize) -> String {
        let catch = &self.catches[number];
        let tag = catch.tag.map_or("any".to_owned(), |tag| format!("tag {}", tag.0));
        format!("catch {number}: of handler {}, {tag} -> L{}", catch.handler, catch.label)
    }
}

fn loop_text(label: &LabelInfo) -> String {
    match label.loop_end {
        0 => String::new(),
        end if label.innermost_leaf => format!(", a loop to {end}, without calls and loops"),
        end => format!(", a loop to {end}"),
    }
}

/// An operation's name and what belongs to it: `Load(U8)` is `load.u8`.
fn words(op: &impl Debug) -> String {
    let text = format!("{op:?}").to_lowercase();
    text.replace(", ", ".").replace([' ', '}'], "").replace(['(', '{'], ".").replace(')', "").replace(':', "=")
}
