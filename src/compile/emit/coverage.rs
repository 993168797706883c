//! Which lowerings were compiled, and which of them were run: only with the feature `coverage`, for fuzzing.
//!
//! Before each entry's code stands `mov [cell], rax`, which changes neither registers nor flags: a cell that no longer
//! holds what no program computes has been passed.

use super::cold::{Cold, TruncFix};
use super::state::Emit;
use crate::compile::op::Op;
use crate::compile::tape::{Entry, Ref};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// What no program computes.
const UNTOUCHED: u64 = 0x9d3b_52c1_e0f7_4a86;

static CELLS: Mutex<BTreeMap<String, &'static AtomicU64>> = Mutex::new(BTreeMap::new());

/// What was compiled, and whether it was run.
pub(crate) fn coverage() -> Vec<(String, bool)> {
    let cells = CELLS.lock().unwrap_or_else(PoisonError::into_inner);
    cells.iter().map(|(kind, cell)| (kind.clone(), cell.load(Relaxed) != UNTOUCHED)).collect()
}

impl Emit<'_> {
    pub(super) fn mark(&mut self, e: &Entry) {
        // The operands of these are lists, or there are none.
        let kind = match e.op {
            Op::Builtin => format!("Builtin {}", e.imm),
            Op::Call | Op::CallIndirect | Op::CallRef | Op::TailCall | Op::TailCallIndirect | Op::TailCallRef => {
                format!("{:?}", e.op)
            }
            Op::Label | Op::Jump | Op::Return | Op::Throw => format!("{:?}", e.op),
            Op::BranchTable => format!("{:?} {}", e.op, self.shape(e.a)),
            op => format!("{op:?} {:?} {} {}", e.class, self.shape(e.a), self.shape(e.b)),
        };
        self.mark_as(kind);
    }

    /// Marks what is no entry's code, where its label is bound.
    pub(super) fn mark_cold(&mut self, cold: &Cold) {
        self.mark_as(match cold {
            Cold::Trap { code, .. } => format!("Cold trap {code:?}"),
            Cold::Overflow { .. } => "Cold overflow".to_owned(),
            Cold::Foreign { .. } => "Cold foreign call".to_owned(),
            Cold::ForeignTail { .. } => "Cold foreign tail call".to_owned(),
            Cold::RemainderOfMinusOne { .. } => "Cold remainder of minus one".to_owned(),
            Cold::NarrowDivision { .. } => "Cold narrow division".to_owned(),
            Cold::MinMax { prec, min, .. } => format!("Cold {} {prec:?}", if *min { "min" } else { "max" }),
            Cold::Trunc(TruncFix { from, to, signed, saturating, .. }) => {
                format!("Cold trunc {from:?} {to:?} signed {signed} saturating {saturating}")
            }
            Cold::ConvertUnsigned { prec, .. } => format!("Cold convert {prec:?}"),
        });
    }

    fn mark_as(&mut self, kind: String) {
        let mut cells = CELLS.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = *cells.entry(kind).or_insert_with(|| Box::leak(Box::new(AtomicU64::new(UNTOUCHED))));
        self.asm.bytes(&[0x48, 0xA3]);
        self.asm.bytes(&(cell.as_ptr() as u64).to_le_bytes());
    }

    fn shape(&self, operand: Ref) -> &'static str {
        match operand {
            Ref::NOTHING => "-",
            _ if operand.is_const() => "constant",
            _ if operand.as_temp().is_some() => "temp",
            _ => match operand.as_var().map(|var| self.plan.pins[var as usize]) {
                Some(super::registers::IN_MEMORY) => "slot",
                _ => "pinned",
            },
        }
    }
}
