//! One figure of a benchmark, and how it is taken.

use std::time::Instant;

/// One line of a benchmark's output: an operation that is timed many times over.
pub struct Row {
    /// What is timed.
    pub name: &'static str,
    /// How many operations one call of `round` performs.
    pub operations: u32,
    /// Performs them.
    pub round: Box<dyn FnMut()>,
}

/// Rounds of each row; the best one counts, since whatever disturbs a round only makes it slower.
pub const ROUNDS: usize = 20;

impl Row {
    /// A row of `operations` operations a round.
    pub fn new(name: &'static str, operations: u32, round: impl FnMut() + 'static) -> Row {
        Row { name, operations, round: Box::new(round) }
    }

    /// Nanoseconds per operation in one round.
    pub fn time(&mut self) -> f64 {
        let start = Instant::now();
        (self.round)();
        start.elapsed().as_nanos() as f64 / f64::from(self.operations)
    }

    /// Whether one of the command's arguments is a part of the name, or there are no arguments.
    pub fn is_asked_for(&self) -> bool {
        let mut parts = std::env::args().skip(1).filter(|part| !part.starts_with('-')).peekable();
        parts.peek().is_none() || parts.any(|part| self.name.contains(&part))
    }
}
