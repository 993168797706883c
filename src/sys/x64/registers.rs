//! What the current thread's registers say.

#![allow(unsafe_code, reason = "reads registers")]

use std::arch::asm;

/// The current stack pointer, or a little above.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: copies a register.
    unsafe { asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Does the CPU keep a second copy of this thread's return addresses (SDM Vol. 1, 17.2)?
pub(crate) fn has_shadow_stack() -> bool {
    let mut pointer = 0usize;
    // SAFETY: reads a register; where there is no shadow stack it does nothing (SDM Vol. 2, RDSSPD/RDSSPQ).
    unsafe { asm!("rdsspq {}", inout(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer != 0
}
