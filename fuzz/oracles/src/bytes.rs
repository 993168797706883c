//! Choices read from the fuzzer's bytes: when they are used up, zeros.

/// Bytes yet to be used.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Choices from all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices(bytes)
    }

    /// Whether all bytes are used.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first
    }

    /// A number below `count`, of one byte if that is enough, else of two.
    pub fn below(&mut self, count: usize) -> usize {
        let number = usize::from(self.byte());
        if count <= 256 { number % count } else { (number | usize::from(self.byte()) << 8) % count }
    }

    /// The next 8 bytes.
    pub fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }
}

/// Runs an oracle on random bytes for a second; `len` is the largest number of them.
#[cfg(test)]
pub(crate) fn for_a_second(len: usize, oracle: impl Fn(&[u8])) {
    use std::time::{Duration, Instant};
    let (start, mut state, mut runs) = (Instant::now(), 0x9e37_79b9_7f4a_7c15, 0u64);
    while start.elapsed() < Duration::from_secs(1) {
        let len = random(&mut state) % (len + 1);
        let bytes: Vec<u8> = (0..len).map(|_| random(&mut state) as u8).collect();
        oracle(&bytes);
        runs += 1;
    }
    println!("{runs} runs");
}

/// Marsaglia's xorshift, so that a failure comes again.
pub fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    // The low bits of neighbours are alike.
    (*state >> 16) as usize
}
