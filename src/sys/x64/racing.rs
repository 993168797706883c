//! Copies of bytes that other threads may be writing or reading.
//!
//! What Rust's own copies may not touch meanwhile an instruction may, as compiled code does: each byte is read and written
//! once, as by relaxed atomic accesses.

#![allow(unsafe_code, reason = "copies bytes by address")]

use std::arch::asm;

/// Copies `count` bytes as if all were read before the first is written.
///
/// # Safety
/// Both ranges must be mapped, the one to read readable, the other writable, and no reference to them may be alive but to
/// atomics.
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8, count: usize) {
    if (to as usize).wrapping_sub(from as usize) >= count {
        // SAFETY: as promised; `to` is not within what is still to be read.
        unsafe {
            asm!(
                "rep movsb",
                inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
                options(nostack, preserves_flags),
            );
        }
    } else {
        // SAFETY: as promised; from the last byte down, and the direction flag is clear again behind it.
        unsafe {
            asm!(
                "std",
                "rep movsb",
                "cld",
                inout("rcx") count => _,
                inout("rdi") to.wrapping_add(count).wrapping_sub(1) => _,
                inout("rsi") from.wrapping_add(count).wrapping_sub(1) => _,
                options(nostack),
            );
        }
    }
}

/// Sets `count` bytes.
///
/// # Safety
/// As for [`copy`].
pub(crate) unsafe fn fill(to: *mut u8, value: u8, count: usize) {
    // SAFETY: as promised.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") count => _, inout("rdi") to => _, in("al") value,
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn copies_are_those_of_slices(to in 0usize..100, from in 0usize..100, count in 0usize..100) {
            let mut bytes: Vec<u8> = (0..200).collect();
            let mut expected = bytes.clone();
            expected.copy_within(from..from + count, to);
            // SAFETY: within the vector, of which no reference is in use.
            unsafe { copy(bytes.as_mut_ptr().add(to), bytes.as_ptr().add(from), count) };
            prop_assert_eq!(&bytes, &expected);
            expected[to..to + count].fill(7);
            // SAFETY: as above.
            unsafe { fill(bytes.as_mut_ptr().add(to), 7, count) };
            prop_assert_eq!(&bytes, &expected);
        }
    }
}
