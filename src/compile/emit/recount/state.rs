//! What the recount knows of the function that is being emitted.

use crate::compile::emit::registers::Cell;
use crate::compile::tape::Origins;

/// What is known of the function that is being emitted.
#[derive(Default)]
pub(in crate::compile) struct Recount {
    /// Its number, for messages.
    pub(in crate::compile) function: u32,
    pub(in crate::compile) origins: Origins,
    /// By temp: whether an entry has written it that no later one has read yet.
    pub(super) alive: Vec<bool>,
    /// How many are.
    pub(super) alive_count: usize,
    /// By temp: whether it was stored to its slot.
    pub(super) stored: Vec<bool>,
    /// The temps that were stored while the current entry was emitted.
    pub(super) stored_now: Vec<Cell>,
    /// What the registers held after the last entry.
    pub(super) held: Vec<Option<Cell>>,
    /// After an entry that does not go on, before the next label: what registers hold is of no account.
    pub(super) left: bool,
    /// For a test of this: the entry after which a register goes on to hold the temp that the entry read.
    #[cfg(test)]
    pub(in crate::compile) planted: Option<usize>,
}

/// Of both files, by their place.
pub(super) const REGISTERS: u8 = 32;

impl Recount {
    /// A function is about to be emitted.
    pub(in crate::compile::emit) fn start(&mut self, temps: u32) {
        for states in [&mut self.alive, &mut self.stored] {
            states.clear();
            states.resize(temps as usize, false);
        }
        self.alive_count = 0;
        self.stored_now.clear();
        self.held.clear();
        self.held.resize(REGISTERS.into(), None);
        self.left = false;
    }

    pub(super) fn set_alive(&mut self, temp: u32, alive: bool) {
        let before = std::mem::replace(&mut self.alive[temp as usize], alive);
        self.alive_count = self.alive_count + usize::from(alive) - usize::from(before);
    }

    /// A temp is being stored to its slot.
    pub(in crate::compile::emit) fn store(&mut self, cell: Cell) {
        self.stored_now.push(cell);
    }
}
