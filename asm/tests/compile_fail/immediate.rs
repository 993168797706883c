//! An immediate that the operand cannot hold.
//! error: literal out of range for `i8`

use planish_asm::{Asm, mem::byte, regs::*};

fn main() {
    let mut a = Asm::new(&mut [], &mut []);
    a.add(byte(rdi), 300);
}
