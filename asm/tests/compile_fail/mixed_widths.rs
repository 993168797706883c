//! Two widths in one instruction.
//! error: no form takes the operands `R64`, `Gp32`

use planish_asm::{Asm, regs::*};

fn main() {
    let mut a = Asm::new(&mut [], &mut []);
    a.add(rax, ecx);
}
