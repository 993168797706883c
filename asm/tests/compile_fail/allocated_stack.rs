//! An allocator's register is never rsp.
//! error: mismatched types

use planish_asm::{Gp64, regs::rsp};

fn main() {
    let _: Gp64 = rsp;
}
