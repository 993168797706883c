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

/// The scratch registers of one file, by number.
pub(super) struct Bank {
    /// The cell that a register holds the value of.
    owner: [Cell; 16],
    /// When a register was last chosen or read.
    used_at: [u32; 16],
    scratch: u16,
    /// Hold nothing.
    free: u16,
    /// Hold the value of a slot variable: until the variable is written, a label or a call. The rest hold temps.
    copies: u16,
    /// Operands of the current entry: neither chosen nor spilled.
    locked: u16,
    clock: u32,
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

impl Bank {
    /// Nothing is held yet in these registers.
    pub(super) fn new(scratch: u16) -> Bank {
        Bank { owner: [NO_CELL; 16], used_at: [0; 16], scratch, free: scratch, copies: 0, locked: 0, clock: 0 }
    }

    /// At a label or call: no scratch register holds anything. Visits the cells that were held.
    #[inline]
    pub(super) fn forget_all(&mut self, mut forget: impl FnMut(Cell)) {
        let mut held = self.scratch & !self.free;
        while held != 0 {
            forget(self.owner[held.trailing_zeros() as usize & 15]);
            held &= held - 1;
        }
        (self.free, self.copies) = (self.scratch, 0);
    }

    #[inline]
    pub(super) fn unlock_all(&mut self) {
        self.locked = 0;
    }

    #[inline]
    pub(super) fn lock(&mut self, register: u8) {
        self.locked |= 1 << register;
        self.clock += 1;
        self.used_at[register as usize & 15] = self.clock;
    }

    #[inline]
    pub(super) fn unlock(&mut self, register: u8) {
        self.locked &= !(1 << register);
    }

    /// Is it a scratch register that holds nothing?
    #[inline]
    pub(super) fn is_free(&self, register: u8) -> bool {
        self.free >> register & 1 != 0
    }

    #[inline]
    pub(super) fn is_scratch(&self, register: u8) -> bool {
        self.scratch >> register & 1 != 0
    }

    /// Is there a register that can be chosen without forgetting anything?
    #[inline]
    pub(super) fn has_free(&self) -> bool {
        self.free & !self.locked != 0
    }

    /// Chooses a register that holds nothing, best the hinted one (its number + 1), not one of `avoid`; locks it. `None`:
    /// something must be forgotten first.
    #[inline]
    pub(super) fn choose_free(&mut self, hint: u8, avoid: u16) -> Option<u8> {
        let candidates = !(self.locked | avoid);
        let hinted = (1u32 << (hint & 31) >> 1) as u16 & candidates;
        let free = self.free & candidates;
        if free == 0 || hinted & self.copies != 0 {
            return None;
        }
        let register = if free & hinted != 0 { hint - 1 } else { free.trailing_zeros() as u8 };
        self.lock(register);
        Some(register)
    }

    /// Chooses a register to be written, best the hinted one (its number + 1), not one of `avoid`; locks it. `None`: all
    /// are locked.
    pub(super) fn choose(&mut self, hint: u8, avoid: u16) -> Option<Choice> {
        let candidates = self.scratch & !self.locked & !avoid;
        let register = match hint.checked_sub(1) {
            Some(hint) if candidates & (self.free | self.copies) & 1 << hint != 0 => hint,
            _ if candidates & self.free != 0 => (candidates & self.free).trailing_zeros() as u8,
            _ => self.oldest(candidates & self.copies).or_else(|| self.oldest(candidates))?,
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
        let held = if self.copies >> register & 1 != 0 { Held::Copy(cell) } else { Held::Temp(cell) };
        self.clear(register);
        held
    }

    /// Is it a scratch register that holds something?
    #[inline]
    pub(super) fn is_held(&self, register: u8) -> bool {
        (self.scratch & !self.free) >> register & 1 != 0
    }

    fn oldest(&self, candidates: u16) -> Option<u8> {
        (0..16)
            .filter(|register| candidates >> register & 1 != 0)
            .min_by_key(|&register| self.used_at[register as usize])
    }

    /// A scratch register holds nothing any more.
    #[inline]
    pub(super) fn clear(&mut self, register: u8) {
        debug_assert!(self.is_scratch(register));
        self.free |= 1 << register;
        self.copies &= !(1 << register);
    }

    #[inline]
    pub(super) fn set_temp(&mut self, register: u8, temp: Cell) {
        debug_assert!(self.is_scratch(register));
        self.owner[register as usize & 15] = temp;
        self.free &= !(1 << register);
        self.copies &= !(1 << register);
    }

    #[inline]
    pub(super) fn set_copy(&mut self, register: u8, var: Cell) {
        debug_assert!(self.is_scratch(register));
        self.owner[register as usize & 15] = var;
        self.free &= !(1 << register);
        self.copies |= 1 << register;
    }

    /// The registers that hold temps.
    #[inline]
    pub(super) fn temps(&self) -> u16 {
        self.scratch & !self.free & !self.copies
    }

    /// What a register holds that is not free.
    #[inline]
    pub(super) fn cell(&self, register: u8) -> Cell {
        self.owner[register as usize & 15]
    }
}
