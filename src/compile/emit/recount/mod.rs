//! Counts again, after each entry, what is where: registers and places mirror each other, and no temp is lost or kept too long.
//!
//! Two tables say where values are, by register ([`Bank`](super::registers::Bank)) and by value (`places`). After each entry:
//!
//! * what a register holds has that register as its place, and a value whose place is a scratch register is held by it;
//! * a register that holds no copy of a variable holds a temp that will still be read;
//! * a temp that will be read is in a register or was stored to its slot;
//! * no register is locked.
//!
//! Only what an entry changed is looked at: 32 registers and the entry's own operands, so that long functions are counted in
//! linear time.

pub(super) mod state;

use super::registers::{Cell, IN_MEMORY, NO_CELL, PINNED};
use super::state::Emit;
use crate::compile::tape::{Op, Ref, broken};
use state::{REGISTERS, Recount};

impl Emit<'_> {
    /// Counts after the entries from one to the current one have been emitted, which belong together.
    ///
    /// # Panics
    ///
    /// If anything is wrong.
    pub(super) fn recount(&mut self, from: usize) {
        #[cfg(test)]
        self.plant(from);
        if let Err(rule) = self.follow(from).and_then(|()| self.registers()).and_then(|()| self.operands(from)) {
            let Recount { function, origins, .. } = &*self.recount;
            panic!("function {function}, after {}", broken(self.tape, origins, from, rule));
        }
    }

    /// Follows which temps are alive.
    fn follow(&mut self, from: usize) -> Result<(), String> {
        let (tape, recount) = (self.tape, &mut *self.recount);
        for e in &tape.entries[from..=self.at] {
            recount.left &= e.op != Op::Label;
            for temp in tape.reads(e).filter_map(Ref::as_temp) {
                recount.set_alive(temp, false);
                recount.stored[temp as usize] = false;
            }
            for temp in tape.writes(e).filter_map(Ref::as_temp) {
                recount.set_alive(temp, true);
            }
            if e.op.leaves() {
                recount.left = true;
                if recount.alive_count > 0 {
                    recount.alive.fill(false);
                    recount.alive_count = 0;
                }
            }
        }
        for cell in recount.stored_now.drain(..) {
            match recount.alive.get(cell as usize >> 1) {
                Some(true) if cell & 1 == 1 => recount.stored[cell as usize >> 1] = true,
                Some(_) if cell & 1 == 1 => {}
                _ => return Err(format!("cell {cell} was spilled, which is no temp")),
            }
        }
        Ok(())
    }

    /// Whether what is held where is not right: the code will not be used, or is not reached.
    fn is_of_no_account(&self) -> bool {
        self.bank.is_exhausted() || self.recount.left
    }

    fn registers(&mut self) -> Result<(), String> {
        for register in 0..REGISTERS {
            let held = self.bank.is_held(register).then(|| self.bank.cell(register));
            let before = std::mem::replace(&mut self.recount.held[usize::from(register)], held);
            if self.is_of_no_account() {
                continue;
            }
            if let Some(cell) = held {
                self.holds(register, cell)?;
                // To leave the register it is stored again.
                if let Some(temp) = self.temp_of(cell) {
                    self.recount.stored[temp as usize] = false;
                }
            }
            if let Some(cell) = before.filter(|_| before != held) {
                self.placed(cell)?;
            }
        }
        match self.bank.locked() {
            0 => Ok(()),
            locked => Err(format!("registers are locked after it: {locked:#x}")),
        }
    }

    /// Checks what a register holds.
    fn holds(&self, register: u8, cell: Cell) -> Result<(), String> {
        let (name, what) = (name(register), self.cell_name(cell));
        let place = self.places[cell as usize];
        if place != register {
            return Err(format!("{name} holds {what}, whose place is {}", place_name(place)));
        }
        let is_copy = self.bank.temps() & 1 << register == 0;
        match self.temp_of(cell) {
            Some(_) if is_copy => Err(format!("{name} holds {what} as if it were a copy")),
            None if !is_copy => Err(format!("{name} holds {what} as if it were a temp")),
            Some(temp) if !self.recount.alive[temp as usize] && !self.is_in_fused(cell) => {
                Err(format!("{name} is left to {what}, which nothing will read"))
            }
            _ => Ok(()),
        }
    }

    /// Checks the place of a cell that has changed, or may have.
    fn placed(&self, cell: Cell) -> Result<(), String> {
        let (place, what) = (self.places[cell as usize], self.cell_name(cell));
        if place & (IN_MEMORY | PINNED) == 0 {
            let holds = self.bank.is_held(place) && self.bank.cell(place) == cell;
            return if holds {
                Ok(())
            } else {
                Err(format!("the place of {what} is {}, which does not hold it", name(place)))
            };
        }
        match self.temp_of(cell) {
            Some(temp) if self.recount.alive[temp as usize] => {
                let kept = self.recount.stored[temp as usize] || self.is_in_fused(cell);
                if kept { Ok(()) } else { Err(format!("{what} is lost: in no register, and not in its slot")) }
            }
            _ => Ok(()),
        }
    }

    /// Checks the places of what the entries access.
    fn operands(&mut self, from: usize) -> Result<(), String> {
        if self.is_of_no_account() {
            return Ok(());
        }
        let tape = self.tape;
        for e in &tape.entries[from..=self.at] {
            for value in tape.reads(e).chain(tape.writes(e)).filter(|value| value.is_place()) {
                self.placed(self.value(value).cell)?;
            }
        }
        Ok(())
    }

    /// The temp of a cell, if it is one's.
    fn temp_of(&self, cell: Cell) -> Option<u32> {
        (cell & 1 == 1 && cell < self.memory_cells).then_some(cell >> 1)
    }

    /// Is it the temp of a load that the next entry does, or the temp of that load's index?
    fn is_in_fused(&self, cell: Cell) -> bool {
        let index = self.fused_index();
        self.fused_cell() != NO_CELL && (cell == self.fused_cell() || index.is_temp() && index.cell == cell)
    }

    fn cell_name(&self, cell: Cell) -> String {
        match (self.temp_of(cell), cell.checked_sub(self.memory_cells)) {
            (Some(temp), _) => format!("t{temp}"),
            (None, Some(memory)) => format!("the base of memory {memory}"),
            (None, None) => format!("v{}", cell >> 1),
        }
    }

    /// Lets the register of the temp that an entry read be held by it again, as if the entry had forgotten to free it.
    #[cfg(test)]
    fn plant(&mut self, from: usize) {
        if self.recount.planted != Some(from) {
            return;
        }
        let freed = (0..REGISTERS).find_map(|register| {
            let cell = self.recount.held[usize::from(register)].filter(|_| self.bank.is_free(register))?;
            Some((register, cell))
        });
        let (register, cell) = freed.expect("an entry that frees a register");
        self.bank.set_temp(register, cell);
        self.set_place(cell, register);
    }
}

fn name(register: u8) -> String {
    match register.checked_sub(16) {
        Some(float) => format!("xmm{float}"),
        None => format!("{:?}", super::registers::gpr(register)),
    }
}

fn place_name(place: u8) -> String {
    match place & IN_MEMORY {
        0 => name(place & 31),
        _ => "memory".to_owned(),
    }
}
