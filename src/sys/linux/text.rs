//! Where code is mapped: near the code of the host.
//!
//! Compiled code and the host call each other through pointers, and a predictor that has to hold a distant target takes longer:
//! on Zen 4 a call to an address more than about 64 GiB away takes 3 cycles more each time, 0.8 of 3.5 ns for a call of an
//! empty host function. Left to itself the kernel maps code among the shared libraries, 40 TiB away from a
//! position-independent program.
//!
//! Addresses are hints: where something is in the way the kernel chooses another place. They begin at a random distance, so
//! whoever learns where the program is has not learnt where its compiled code is.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// All hints are within this distance below the program's code.
const WINDOW_BYTES: usize = 48 << 30;
/// Left free below the program's code, for the rest of its image.
const IMAGE_BYTES: usize = 1 << 30;
/// The first hint is less than this below that.
const RANDOM_BYTES: usize = 15 << 30;

/// An address for a mapping of `len` bytes of code, or 0 if there is no room below the program.
///
/// Mappings follow each other downwards, each with room to grow to twice its size, and begin anew at the end of the window.
pub(super) fn address_near(len: usize) -> usize {
    static NEXT: OnceLock<Descending> = OnceLock::new();
    let next = NEXT.get_or_init(|| Descending::below(address_near as *const () as usize, RandomState::new()));
    next.take(len)
}

/// Addresses that descend from `first`, and begin anew below `last`.
struct Descending {
    first: usize,
    last: usize,
    next: AtomicUsize,
}

impl Descending {
    fn below(text: usize, random: RandomState) -> Descending {
        let last = text.saturating_sub(WINDOW_BYTES);
        let distance = IMAGE_BYTES + random.build_hasher().finish() as usize % RANDOM_BYTES;
        let first = text.saturating_sub(distance).next_multiple_of(PAGE_BYTES);
        Descending { first, last, next: AtomicUsize::new(first) }
    }

    fn take(&self, len: usize) -> usize {
        let len = len.min(WINDOW_BYTES).next_multiple_of(PAGE_BYTES);
        if self.last == 0 || len > (self.first - self.last) / 2 {
            return 0;
        }
        let descend = |next: usize| match next.checked_sub(2 * len) {
            Some(next) if next >= self.last => Some(next),
            _ => Some(self.first - 2 * len),
        };
        let before = self.next.fetch_update(Relaxed, Relaxed, descend);
        descend(before.unwrap_or(self.first)).unwrap_or(0)
    }
}

/// Hints need not be exact: the kernel rounds them to its pages.
const PAGE_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_near_and_leave_room() {
        let text = 0x5555_5555_4321;
        for _ in 0..100 {
            let addresses = Descending::below(text, RandomState::new());
            let mut above = text - IMAGE_BYTES;
            for len in [1, 4096, 5 << 20, 100 << 20, 1 << 30, 1, 12345] {
                let address = addresses.take(len);
                assert!(address.is_multiple_of(PAGE_BYTES) && address > text - WINDOW_BYTES);
                assert!(address + 2 * len <= above);
                above = address;
            }
        }
    }

    #[test]
    fn addresses_begin_anew_at_the_end_of_the_window() {
        let addresses = Descending::below(0x5555_5555_4321, RandomState::new());
        let mut ever_rose = false;
        let mut last = usize::MAX;
        for _ in 0..200 {
            let address = addresses.take(1 << 30);
            assert!((addresses.last..addresses.first).contains(&address));
            ever_rose |= address > last;
            last = address;
        }
        assert!(ever_rose);
    }

    #[test]
    fn programs_at_low_addresses_give_no_hints() {
        assert_eq!(Descending::below(0x40_0000, RandomState::new()).take(1), 0);
        assert_eq!(Descending::below(0x5555_5555_4321, RandomState::new()).take(usize::MAX), 0);
    }
}
