//! Which scratch register holds what: temps, and clean copies of variables that live in slots.
//!
//! Pinned variables are not in here: their registers are never scratch. Every write to a scratch register goes through
//! [`Bank::claim`] (by [`Bank::choose`], [`Bank::take`]), which forgets what it held.

pub(super) use crate::compile::assign::{FLOAT_PLACE, IN_MEMORY, PINNED};
use planish_asm::{Gp64, Xmm};

#[inline]
pub(super) fn gpr(number: u8) -> Gp64 {
    Gp64::from_num(number & 15).expect("rsp is never scratch")
}

#[inline]
pub(super) fn bit(register: Gp64) -> u16 {
    1 << register.num()
}

#[inline]
pub(super) fn xmm(number: u8) -> Xmm {
    Xmm::from_num(number & 15).expect("there are 16")
}

/// The register of a place, if it is an integer register.
#[inline]
pub(super) fn gpr_place(place: u8) -> Option<Gp64> {
    (place & (IN_MEMORY | FLOAT_PLACE) == 0).then(|| gpr(place))
}

/// The register of a place, if it is a float register.
#[inline]
pub(super) fn float_place(place: u8) -> Option<Xmm> {
    (place & (IN_MEMORY | FLOAT_PLACE) == FLOAT_PLACE).then(|| xmm(place))
}

/// The same if it is the home of a variable.
#[inline]
pub(super) fn pinned_gpr(place: u8) -> Option<Gp64> {
    (place & !15 == PINNED).then(|| gpr(place))
}

#[inline]
pub(super) fn pinned_float(place: u8) -> Option<Xmm> {
    (place & !15 == PINNED | FLOAT_PLACE).then(|| xmm(place))
}

/// A value that can be in a scratch register: a variable's number, or a temp's behind all variables.
pub(super) type Cell = u32;

/// Beyond all cells.
pub(super) const NO_CELL: Cell = 1 << 31;

/// The integer registers among the numbers of a [`Bank`].
pub(super) const INTS: u32 = 0xFFFF;
/// The float registers: their numbers are sixteen more.
pub(super) const FLOATS: u32 = INTS << FLOAT_PLACE;

/// The scratch registers of both files, by their place's low five bits.
pub(super) struct Bank {
    /// The cell that a register holds the value of.
    owner: [Cell; 32],
    scratch: u32,
    /// Hold nothing.
    free: u32,
    /// Hold the value of a slot variable: until the variable is written, a label or a call. The rest hold temps.
    copies: u32,
    /// Operands of the current entry: neither chosen nor spilled.
    locked: u32,
    /// The entry that made what is held, or that last read it.
    used_at: [u32; 32],
    /// Counts entries.
    clock: u32,
    /// An entry needed more registers than there are: what is held where is wrong from here on, and so is the code.
    exhausted: bool,
}

/// A register that is to be written, and what it held.
pub(super) struct Choice {
    pub(super) register: u8,
    pub(super) held: Held,
}

/// What a register held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Held {
    Nothing,
    /// A copy of what is in a slot, too.
    Copy(Cell),
    /// Must be spilled.
    Temp(Cell),
}

/// The bit of a register's number.
#[inline]
fn mask(register: u8) -> u32 {
    1 << (register & 31)
}

impl Bank {
    /// Nothing is held yet in these registers; the cell is never held.
    pub(super) fn new(scratch: u32, nothing: Cell) -> Bank {
        Bank {
            owner: [nothing; 32],
            scratch,
            free: scratch,
            copies: 0,
            locked: 0,
            used_at: [0; 32],
            clock: 0,
            exhausted: false,
        }
    }

    /// At a label or call: no scratch register holds anything. Visits the cells that were held, maybe others that were once.
    #[inline]
    pub(super) fn forget_all(&mut self, mut forget: impl FnMut(Cell)) {
        let mut held = self.scratch & !self.free;
        // Most often there are two at most, but how many cannot be foreseen.
        for _ in 0..2 {
            forget(self.owner[held.trailing_zeros() as usize & 31]);
            held &= held.wrapping_sub(1);
        }
        while held != 0 {
            forget(self.owner[held.trailing_zeros() as usize & 31]);
            held &= held - 1;
        }
        (self.free, self.copies) = (self.scratch, 0);
    }

    /// The entry is done.
    #[inline]
    pub(super) fn unlock_all(&mut self) {
        self.locked = 0;
        self.clock += 1;
    }

    /// The current entry reads or writes a register.
    #[inline]
    pub(super) fn lock(&mut self, register: u8) {
        self.locked |= mask(register);
        self.used_at[register as usize & 31] = self.clock;
    }

    #[inline]
    pub(super) fn unlock(&mut self, register: u8) {
        self.locked &= !mask(register);
    }

    /// The registers that are locked.
    pub(super) fn locked(&self) -> u32 {
        self.locked
    }

    /// Is it a scratch register that holds nothing?
    #[inline]
    pub(super) fn is_free(&self, register: u8) -> bool {
        self.free & mask(register) != 0
    }

    #[inline]
    pub(super) fn is_scratch(&self, register: u8) -> bool {
        self.scratch & mask(register) != 0
    }

    /// Is there a register in this file that can be chosen without forgetting anything?
    #[inline]
    pub(super) fn has_free(&self, file: u32) -> bool {
        self.free & file & !self.locked != 0
    }

    /// Chooses one of these registers that holds nothing, best the hinted one (its number + 1); locks it. `None`: something
    /// must be forgotten first.
    #[inline]
    pub(super) fn choose_free(&mut self, hint: u8, among: u32) -> Option<u8> {
        let candidates = among & !self.locked;
        let hinted = hinted(hint) & candidates;
        let free = self.free & candidates;
        if free == 0 || hinted & self.copies != 0 {
            return None;
        }
        let register = if free & hinted != 0 { hint - 1 } else { free.trailing_zeros() as u8 };
        self.lock(register);
        Some(register)
    }

    /// Chooses one of these registers to be written, best the hinted one (its number + 1); locks it. `None`: all are locked,
    /// and the bank is [exhausted](Bank::is_exhausted).
    pub(super) fn choose(&mut self, hint: u8, among: u32) -> Option<Choice> {
        let candidates = self.scratch & !self.locked & among;
        let register = if candidates & (self.free | self.copies) & hinted(hint) != 0 {
            hint - 1
        } else if candidates & self.free != 0 {
            (candidates & self.free).trailing_zeros() as u8
        } else {
            let oldest = self.oldest(candidates & self.copies).or_else(|| self.oldest(candidates));
            self.exhausted |= oldest.is_none();
            oldest?
        };
        Some(self.take(register))
    }

    /// Takes a particular register to be written; locks it.
    pub(super) fn take(&mut self, register: u8) -> Choice {
        let held = self.claim(register);
        self.lock(register);
        Choice { register, held }
    }

    fn claim(&mut self, register: u8) -> Held {
        if !self.is_held(register) {
            return Held::Nothing;
        }
        let cell = self.cell(register);
        let held = if self.copies & mask(register) != 0 { Held::Copy(cell) } else { Held::Temp(cell) };
        self.clear(register);
        held
    }

    /// Is it a scratch register that holds something?
    #[inline]
    pub(super) fn is_held(&self, register: u8) -> bool {
        self.scratch & !self.free & mask(register) != 0
    }

    /// Has there been no register to choose?
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    fn oldest(&self, candidates: u32) -> Option<u8> {
        let candidates = (0..32).filter(|&register| candidates & mask(register) != 0);
        candidates.min_by_key(|&register| self.used_at[register as usize])
    }

    /// A scratch register holds nothing any more.
    #[inline]
    pub(super) fn clear(&mut self, register: u8) {
        self.copies &= !mask(register);
        self.clear_temp(register);
    }

    /// The same of one that held a temp.
    #[inline]
    pub(super) fn clear_temp(&mut self, register: u8) {
        debug_assert!(self.may_hold_temp(register));
        self.free |= mask(register);
    }

    /// A register that was chosen or taken, or holds a temp that dies, holds a temp now.
    #[inline]
    pub(super) fn set_temp(&mut self, register: u8, temp: Cell) {
        debug_assert!(self.may_hold_temp(register));
        self.owner[register as usize & 31] = temp;
        self.used_at[register as usize & 31] = self.clock;
        self.free &= !mask(register);
    }

    fn may_hold_temp(&self, register: u8) -> bool {
        self.is_scratch(register) && self.copies & mask(register) == 0 || self.exhausted
    }

    #[inline]
    pub(super) fn set_copy(&mut self, register: u8, var: Cell) {
        self.set_temp(register, var);
        self.copies |= mask(register);
    }

    /// The registers that hold temps.
    #[inline]
    pub(super) fn temps(&self) -> u32 {
        self.scratch & !self.free & !self.copies
    }

    /// What a register holds that is not free.
    #[inline]
    pub(super) fn cell(&self, register: u8) -> Cell {
        self.owner[register as usize & 31]
    }
}

/// The bit of the register that a hint names, if it names one.
#[inline]
fn hinted(hint: u8) -> u32 {
    (1u64 << (hint & 63) >> 1) as u32
}
