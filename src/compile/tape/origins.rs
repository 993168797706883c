//! Which operator recorded which entries of a tape.

use super::entry::Tape;

/// How an operator is scanned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::compile) enum Way {
    /// By its quick handler.
    Quick,
    /// By what handles any operator.
    General,
}

impl Way {
    pub(in crate::compile) fn name(self) -> &'static str {
        match self {
            Way::Quick => "quick",
            Way::General => "general",
        }
    }
}

/// An operator that has been scanned, and how long the tape was then.
#[derive(Clone, Copy, Debug)]
pub(in crate::compile) struct Origin {
    pub(in crate::compile) wasm_offset: u32,
    pub(in crate::compile) way: Way,
    /// The entries before its end; those before the end of the operator before it are not its own.
    pub(in crate::compile) entries: u32,
    /// The same of [`Tape::offsets`].
    pub(in crate::compile) offsets: u32,
}

/// The operators of a function, in order, but for those that record nothing.
#[derive(Default)]
pub(in crate::compile) struct Origins(pub(in crate::compile) Vec<Origin>);

impl Origins {
    pub(in crate::compile) fn clear(&mut self) {
        self.0.clear();
    }

    /// Notes that an operator has been scanned.
    pub(in crate::compile) fn push(&mut self, tape: &Tape, wasm_offset: u32, way: Way) {
        let (entries, offsets) = (tape.entries.len() as u32, tape.offsets.len() as u32);
        // An operator may take back what earlier ones recorded, and record something better.
        for earlier in self.0.iter_mut().rev().take_while(|earlier| earlier.entries > entries) {
            earlier.entries = entries;
        }
        if self.0.last().map_or((0, 0), |last| (last.entries, last.offsets)) != (entries, offsets) {
            self.0.push(Origin { wasm_offset, way, entries, offsets });
        }
    }

    /// The operator that recorded an entry.
    pub(in crate::compile) fn of(&self, entry: usize) -> Option<Origin> {
        let place = self.0.partition_point(|origin| origin.entries as usize <= entry);
        self.0.get(place).copied()
    }
}
