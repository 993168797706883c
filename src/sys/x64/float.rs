//! The control register of SSE arithmetic.

#![allow(unsafe_code, reason = "reads and writes mxcsr")]

use std::arch::asm;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// All exceptions masked, round to nearest, no flush to zero: what wasm's arithmetic needs (SDM Vol. 1, 10.2.3).
const WASM_CONTROL: u32 = 0x1f80;

/// The bits that mask exceptions.
pub(crate) const EXCEPTION_MASKS: u32 = 0x1f80;

/// All control bits, without the sticky flags of exceptions that have happened.
const CONTROL_BITS: u32 = 0xffc0;

/// Four single-precision numbers.
#[repr(C, align(16))]
struct Lanes([u32; 4]);

/// `1 + 0.75e`, `-1 - 0.75e` (where e is the last bit of 1), `1.5m - m` (where m is the least normal number), and the
/// least denormal number plus 0.
static AUGEND: Lanes = Lanes([0x3f80_0000, 0xbf80_0000, 0x00c0_0000, 1]);
static ADDEND: Lanes = Lanes([0x33c0_0000, 0xb3c0_0000, 0x8080_0000, 0]);
/// Away from 0 in both directions only when rounding to nearest; the rest only if denormals are neither flushed nor ignored.
static SUM: Lanes = Lanes([0x3f80_0001, 0xbf80_0001, 0x0040_0000, 1]);

/// Whether [`is_wasm_arithmetic`] adds denormal numbers; otherwise it reads the register.
///
/// Both ways see every deviation of rounding and underflow. Adding takes 0.4 ns on Zen 4, reading 7.8. On Intel's processors an
/// addition with a denormal operand or result takes a microcode assist of about 150 cycles (the event `ASSISTS.FP` of SDM
/// Vol. 3B counts them), which made calls 13 times as slow as reading makes them.
static ADDS_DENORMALS: AtomicBool = AtomicBool::new(false);

/// Chooses the way in which [`is_wasm_arithmetic`] finds out: by adding where adding denormal numbers is quick.
pub(crate) fn choose_check(denormals_are_quick: bool) {
    ADDS_DENORMALS.store(denormals_are_quick, Relaxed);
}

/// Does arithmetic round and underflow as wasm needs it?
///
/// Masks of exceptions may be noticed or not: compiled code that meets an unmasked one faults, and the signal handler masks it.
#[inline]
pub(crate) fn is_wasm_arithmetic() -> bool {
    if ADDS_DENORMALS.load(Relaxed) { sums_are_those_of_wasm() } else { control() & CONTROL_BITS == WASM_CONTROL }
}

#[inline]
fn sums_are_those_of_wasm() -> bool {
    let same: u8;
    // SAFETY: reads the three statics, which are 16-aligned.
    unsafe {
        asm!(
            "movaps {sum}, [rip + {augend}]",
            "addps {sum}, [rip + {addend}]",
            "pxor {sum}, [rip + {expected}]",
            "ptest {sum}, {sum}",
            "setz {same}",
            sum = out(xmm_reg) _,
            augend = sym AUGEND,
            addend = sym ADDEND,
            expected = sym SUM,
            same = out(reg_byte) same,
            options(nostack, readonly),
        );
    }
    same != 0
}

/// Sets the control register to what it was before. Exceptions that have happened since stay noted.
pub(crate) fn restore_control(embedder: u32) {
    set_control(embedder & CONTROL_BITS | control() & !CONTROL_BITS);
}

/// Sets the control register as wasm needs it until dropped.
pub(crate) struct WasmControl {
    embedder: u32,
}

impl WasmControl {
    pub(crate) fn set() -> WasmControl {
        let embedder = control();
        set_control(WASM_CONTROL);
        WasmControl { embedder }
    }
}

impl Drop for WasmControl {
    fn drop(&mut self) {
        restore_control(self.embedder);
    }
}

#[inline]
fn control() -> u32 {
    let mut control = 0u32;
    // SAFETY: `stmxcsr` writes four bytes to `control`.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack, preserves_flags)) };
    control
}

fn set_control(control: u32) {
    // SAFETY: `ldmxcsr` reads four bytes; the value has no reserved bit set, it is the wasm one or was read before.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, preserves_flags, readonly)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Either way, on every processor.
    #[test]
    fn every_deviation_is_noticed_and_given_back() {
        let checks = [sums_are_those_of_wasm, || control() & CONTROL_BITS == WASM_CONTROL, is_wasm_arithmetic];
        for (number, is_wasm_arithmetic) in checks.into_iter().enumerate() {
            assert!(is_wasm_arithmetic(), "check {number}");
            for deviation in [0x8000, 0x40, 0x8040, 0x2000, 0x4000, 0x6000] {
                set_control(WASM_CONTROL | deviation);
                let noticed = !is_wasm_arithmetic();
                let inside = {
                    let _wasm = WasmControl::set();
                    is_wasm_arithmetic()
                };
                let after = control();
                set_control(WASM_CONTROL);
                assert!(noticed && inside, "check {number}, {deviation:x}");
                assert_eq!(after & deviation, deviation);
            }
        }
    }
}
