//! The control register of SSE arithmetic.

#![allow(unsafe_code, reason = "reads and writes mxcsr")]

use std::arch::asm;

/// All exceptions masked, round to nearest, no flush to zero: what wasm's arithmetic needs (SDM Vol. 1, 10.2.3).
const WASM_CONTROL: u32 = 0x1f80;
/// The control bits, without the sticky exception flags.
const CONTROL_BITS: u32 = 0xffc0;

/// Is the control register as wasm needs it?
#[inline]
pub(crate) fn is_wasm_control() -> bool {
    control() & CONTROL_BITS == WASM_CONTROL
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
        set_control(self.embedder);
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

    #[test]
    fn control_is_set_and_given_back() {
        assert!(is_wasm_control());
        set_control(0x1f80 | 0x8000);
        assert!(!is_wasm_control());
        {
            let _wasm = WasmControl::set();
            assert!(is_wasm_control());
        }
        assert_eq!(control() & CONTROL_BITS, 0x9f80);
        set_control(WASM_CONTROL);
    }
}
