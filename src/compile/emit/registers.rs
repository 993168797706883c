//! Which scratch register holds what: temps, and clean copies of variables that live in slots.
//!
//! Pinned variables are not in here: their registers are never scratch. Every write to a scratch register goes through
//! [`Bank::claim`] (by [`Bank::choose`], [`Bank::take`]), which forgets what it held.

/// What a scratch register holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    Nobody,
    /// A temp: until its single use.
    Temp(u32),
    /// The value of a slot variable: until the variable is written, a label or a call.
    Copy(u32),
}

/// The scratch registers of one file, by number.
pub(super) struct Bank {
    owner: [Owner; 16],
    /// When a register was last chosen or read.
    used_at: [u32; 16],
    scratch: u16,
    free: u16,
    copies: u16,
    /// Operands of the current entry: neither chosen nor spilled.
    locked: u16,
    clock: u32,
}

/// A chosen register, and the temp that must be spilled from it first.
pub(super) struct Choice {
    pub(super) register: u8,
    pub(super) spill: Option<u32>,
}

impl Bank {
    pub(super) fn new() -> Bank {
        Bank { owner: [Owner::Nobody; 16], used_at: [0; 16], scratch: 0, free: 0, copies: 0, locked: 0, clock: 0 }
    }

    pub(super) fn start(&mut self, scratch: u16) {
        self.scratch = scratch;
        self.forget_all();
        self.locked = 0;
    }

    /// At a label or call: no scratch register holds anything.
    pub(super) fn forget_all(&mut self) {
        self.owner = [Owner::Nobody; 16];
        self.free = self.scratch;
        self.copies = 0;
    }

    pub(super) fn unlock_all(&mut self) {
        self.locked = 0;
    }

    pub(super) fn lock(&mut self, register: u8) {
        self.locked |= 1 << register;
        self.clock += 1;
        self.used_at[register as usize] = self.clock;
    }

    pub(super) fn unlock(&mut self, register: u8) {
        self.locked &= !(1 << register);
    }

    pub(super) fn owner(&self, register: u8) -> Owner {
        self.owner[register as usize]
    }

    pub(super) fn is_scratch(&self, register: u8) -> bool {
        self.scratch >> register & 1 != 0
    }

    /// Is there a register that can be chosen without forgetting anything?
    pub(super) fn has_free(&self) -> bool {
        self.free & !self.locked != 0
    }

    /// The register that holds a copy of a variable.
    pub(super) fn copy_of(&self, var: u32) -> Option<u8> {
        let mut copies = self.copies;
        while copies != 0 {
            let register = copies.trailing_zeros() as u8;
            if self.owner[register as usize] == Owner::Copy(var) {
                return Some(register);
            }
            copies &= copies - 1;
        }
        None
    }

    /// A variable is about to change: no register holds its value any more.
    pub(super) fn forget_copy(&mut self, var: u32) {
        if let Some(register) = self.copy_of(var) {
            self.set(register, Owner::Nobody);
        }
    }

    /// Chooses a register to be written, best the hinted one, not one of `avoid`; locks it. `None`: all are locked.
    pub(super) fn choose(&mut self, hint: Option<u8>, avoid: u16) -> Option<Choice> {
        let candidates = self.scratch & !self.locked & !avoid;
        let register = match hint {
            Some(hint) if candidates & (self.free | self.copies) & 1 << hint != 0 => hint,
            _ if candidates & self.free != 0 => (candidates & self.free).trailing_zeros() as u8,
            _ => self.oldest(candidates & self.copies).or_else(|| self.oldest(candidates))?,
        };
        Some(self.take(register))
    }

    /// Takes a particular register to be written; locks it.
    pub(super) fn take(&mut self, register: u8) -> Choice {
        let spill = self.claim(register);
        self.lock(register);
        Choice { register, spill }
    }

    fn claim(&mut self, register: u8) -> Option<u32> {
        let owner = self.owner[register as usize];
        self.set(register, Owner::Nobody);
        match owner {
            Owner::Temp(temp) => Some(temp),
            _ => None,
        }
    }

    fn oldest(&self, candidates: u16) -> Option<u8> {
        (0..16).filter(|register| candidates >> register & 1 != 0).min_by_key(|&register| self.used_at[register as usize])
    }

    pub(super) fn set(&mut self, register: u8, owner: Owner) {
        let bit = 1 << register & self.scratch;
        self.owner[register as usize] = owner;
        self.free &= !bit;
        self.copies &= !bit;
        match owner {
            Owner::Nobody => self.free |= bit,
            Owner::Copy(_) => self.copies |= bit,
            Owner::Temp(_) => {}
        }
    }

    /// The registers that hold temps, with them.
    pub(super) fn temps(&self) -> impl Iterator<Item = (u8, u32)> + use<> {
        let (owner, temps) = (self.owner, self.scratch & !self.free & !self.copies);
        (0..16).filter(move |register| temps >> register & 1 != 0).filter_map(move |register| match owner[register as usize] {
            Owner::Temp(temp) => Some((register, temp)),
            _ => None,
        })
    }
}
