//! A 64-bit load folded into an operand of 128 bits reads 8 bytes that are not the program's.
//! error: no form takes the operands `Mem<64>`

use planish_asm::{Asm, mem::qword, regs::*};

fn main() {
    let mut a = Asm::new(&mut [], &mut []);
    a.addpd(xmm0, qword(rdi));
}
