//! How long the stages of compilation take.

use std::time::{Duration, Instant};

/// What happens to a module, in order.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Sections are checked and read, bodies located.
    Decode,
    /// Bodies are validated and become tapes.
    Scan,
    /// Variables get registers.
    Assign,
    /// Tapes become code.
    Emit,
    /// Code finds its place, stubs follow it, and it becomes executable.
    Link,
}

impl Stage {
    /// In order.
    pub const ALL: [Stage; 5] = [Stage::Decode, Stage::Scan, Stage::Assign, Stage::Emit, Stage::Link];
}

/// What each stage took, all threads together.
#[doc(hidden)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Timings([Duration; Stage::ALL.len()]);

impl Timings {
    /// What one stage took.
    pub fn of(&self, stage: Stage) -> Duration {
        self.0[stage as usize]
    }
}

/// Measures the stages of one thread, if anybody wants to know.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clock {
    since: Option<Instant>,
    timings: Timings,
}

impl Clock {
    pub(crate) fn started() -> Clock {
        Clock { since: Some(Instant::now()), timings: Timings::default() }
    }

    /// Another one that starts now, if this one runs.
    pub(crate) fn fresh(&self) -> Clock {
        Clock { since: self.since.map(|_| Instant::now()), timings: Timings::default() }
    }

    /// The time since the last lap was spent in a stage.
    #[inline]
    pub(crate) fn lap(&mut self, stage: Stage) {
        if let Some(since) = self.since {
            self.end(stage, since);
        }
    }

    #[cold]
    fn end(&mut self, stage: Stage, since: Instant) {
        let now = Instant::now();
        self.timings.0[stage as usize] += now - since;
        self.since = Some(now);
    }

    /// The time since the last lap was that of others, which measured it.
    pub(crate) fn add(&mut self, others: impl Iterator<Item = Clock>) {
        for other in others {
            self.timings.0.iter_mut().zip(other.timings.0).for_each(|(sum, time)| *sum += time);
        }
        self.since = self.since.map(|_| Instant::now());
    }

    pub(crate) fn timings(&self) -> Timings {
        self.timings
    }
}
