//! Numbers for tests: as good as random, and the same each time, so that a failure comes again.

/// Marsaglia's xorshift, from any seed but 0.
pub struct Random(pub u64);

#[allow(dead_code, reason = "few tests need all of it")]
impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// 0 if there is nothing below the limit.
    pub fn below(&mut self, limit: usize) -> usize {
        // The low bits of neighbours are alike.
        (self.next() >> 11) as usize % limit.max(1)
    }

    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}
