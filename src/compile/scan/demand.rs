//! How much memory a body takes to compile: asked of the module's budget as the tape grows.

use super::item::{Item, Node};
use super::life::Life;
use super::refusal::Refusal;
use super::state::Scan;
use crate::compile::tape::{CODE_BYTES_PER_ENTRY, Entry, ListItem, Tape, Variable};

/// More entries than this in one function are refused, whatever the budget.
const MAX_ENTRIES: usize = 16 << 20;

/// More items of lists than this, too: a `try_table` has ten thousand of a thousand items for a few bytes each.
const MAX_LIST_ITEMS: usize = 32 << 20;

/// More operands at the same time, too.
const MAX_OPERANDS: usize = 1 << 20;

// What each takes until the function is emitted. Buffers that grow have up to twice what they need.

/// With room for its code and for the label of a trap.
const ENTRY_BYTES: usize = 2 * size_of::<Entry>() + CODE_BYTES_PER_ENTRY + 8;
/// With room for its code.
const LIST_ITEM_BYTES: usize = 2 * size_of::<ListItem>() + CODE_BYTES_PER_ENTRY;
/// With its home, its place in the order of weights, and room for the code that makes it zero.
const VARIABLE_BYTES: usize = 2 * (size_of::<Life>() + size_of::<Variable>()) + 40 + CODE_BYTES_PER_ENTRY;
/// With its node, the merge variables of its height, and the temp that it may be.
const OPERAND_BYTES: usize = 2 * size_of::<Item>() + 2 * size_of::<Node>() + 2 * size_of::<[u32; 5]>() + 12;

/// Threads take so much at once, to ask seldom.
const STEP_BYTES: usize = 64 << 10;

impl Scan<'_> {
    /// Asked behind operators that record more than they and their operands have bytes: those with lists of values.
    #[inline(always)]
    pub(super) fn is_not_too_large(&mut self) -> Result<(), Refusal> {
        if self.demand() <= self.granted_bytes { Ok(()) } else { self.ask_for_memory() }
    }

    /// The memory that compiling takes of what was read of the body so far.
    #[inline(always)]
    fn demand(&self) -> usize {
        let Tape { entries, lists, .. } = &self.tape;
        ENTRY_BYTES * entries.len()
            + LIST_ITEM_BYTES * lists.len()
            + VARIABLE_BYTES * self.lives.len()
            + OPERAND_BYTES * self.stack.len()
    }

    #[cold]
    #[inline(never)]
    fn ask_for_memory(&mut self) -> Result<(), Refusal> {
        let Tape { entries, lists, .. } = &self.tape;
        if entries.len() > MAX_ENTRIES || lists.len() > MAX_LIST_ITEMS || self.stack.len() > MAX_OPERANDS {
            return Err(Refusal::TooLarge);
        }
        let needed = self.demand() - self.granted_bytes;
        let granted = match self.budget.take_memory(needed + STEP_BYTES) {
            Some(()) => needed + STEP_BYTES,
            // Whether a body is refused does not depend on the steps.
            None => self.budget.take_memory(needed).map(|()| needed).ok_or(Refusal::Memory)?,
        };
        self.granted_bytes += granted;
        Ok(())
    }
}
