//! Overwriting secrets.

#![allow(unsafe_code, reason = "hides from the compiler that nobody reads what was overwritten")]

use std::arch::asm;

/// Overwrites bytes with zeros, even if nobody looks at them any more.
pub(crate) fn erase(bytes: &mut [u8]) {
    bytes.fill(0);
    // SAFETY: no instruction. The compiler must take it for one that reads memory at the address it is given, so it cannot leave
    // the stores out.
    unsafe { asm!("/* {} */", in(reg) bytes.as_ptr(), options(readonly, nostack, preserves_flags)) };
}
