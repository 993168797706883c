//! Moves between registers that happen at once: arguments, results and parameters on their way to their places.

use planish_asm::Width;

/// Moves within one register file, by number; no target is named twice.
#[derive(Default)]
pub(super) struct Moves {
    /// By target: the source.
    from: [u8; 16],
    /// By source: how many pending moves read it.
    readers: [u8; 16],
    /// Targets not yet written.
    pending: u16,
    /// Registers that have readers.
    busy: u16,
    /// Targets of moves of 64 bits; the others are of 32, which zero the rest.
    wide: u16,
}

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Move {
        to: u8,
        from: u8,
    },
    /// Only cycles are left: exchange, or save `to` and [redirect](Moves::redirect) its reader.
    Cycle {
        to: u8,
        from: u8,
    },
}

impl Moves {
    #[inline]
    pub(super) fn add(&mut self, to: u8, from: u8) {
        if to != from {
            self.from[to as usize & 15] = from;
            self.readers[from as usize & 15] += 1;
            self.pending |= 1 << (to & 15);
            self.busy |= 1 << (from & 15);
        }
    }

    /// The same of a register's low half.
    #[inline]
    pub(super) fn add_as(&mut self, width: Width, to: u8, from: u8) {
        self.add(to, from);
        self.wide |= u16::from(width == Width::W64) << (to & 15);
    }

    /// How wide the move to a target is that was added with its width.
    #[inline]
    pub(super) fn width(&self, to: u8) -> Width {
        if self.wide >> (to & 15) & 1 != 0 { Width::W64 } else { Width::W32 }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// The next step; moves that nobody waits for come first. A move counts as done, a cycle does not.
    #[inline]
    pub(super) fn step(&mut self) -> Option<Step> {
        let ready = self.pending & !self.busy;
        if ready != 0 {
            let to = ready.trailing_zeros() as u8;
            let from = self.from[to as usize & 15];
            self.done(to);
            return Some(Step::Move { to, from });
        }
        let to = self.pending.trailing_zeros() as u8;
        (self.pending != 0).then(|| Step::Cycle { to, from: self.from[to as usize & 15] })
    }

    /// A target has its value.
    #[inline]
    pub(super) fn done(&mut self, to: u8) {
        self.pending &= !(1 << (to & 15));
        self.read(self.from[to as usize & 15]);
    }

    /// One that read a register has done so.
    #[inline]
    fn read(&mut self, from: u8) {
        let readers = &mut self.readers[from as usize & 15];
        *readers -= 1;
        self.busy &= !(u16::from(*readers == 0) << (from & 15));
    }

    /// In a cycle: the only reader of `from` finds its value in `now` instead.
    pub(super) fn redirect(&mut self, from: u8, now: u8) {
        let mut targets = self.pending;
        while targets != 0 {
            let to = targets.trailing_zeros() as usize & 15;
            if self.from[to] == from {
                self.read(from);
                self.from[to] = now;
                self.readers[now as usize & 15] += 1;
                self.busy |= 1 << (now & 15);
                if to == now as usize {
                    self.done(now);
                }
                return;
            }
            targets &= targets - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Performs the moves on a register file; with 15 as scratch register unless exchanging.
    fn perform(mut moves: Moves, mut file: [u8; 16], exchange: bool) -> [u8; 16] {
        while let Some(step) = moves.step() {
            match step {
                Step::Move { to, from } => file[to as usize] = file[from as usize],
                Step::Cycle { to, from } if exchange => {
                    file.swap(to as usize, from as usize);
                    moves.done(to);
                    moves.redirect(to, from);
                }
                Step::Cycle { to, .. } => {
                    file[15] = file[to as usize];
                    moves.redirect(to, 15);
                }
            }
        }
        file
    }

    proptest! {
        #[test]
        fn every_target_gets_what_its_source_held(sources in prop::collection::vec(0u8..10, 0..10), exchange: bool) {
            let mut moves = Moves::default();
            let before = std::array::from_fn(|register| register as u8);
            for (to, &from) in sources.iter().enumerate() {
                moves.add(to as u8, from);
            }
            let after = perform(moves, before, exchange);
            for (to, &from) in sources.iter().enumerate() {
                prop_assert_eq!(after[to], from);
            }
        }
    }
}
