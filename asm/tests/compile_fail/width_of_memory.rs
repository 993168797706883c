//! Memory without a width beside an immediate, which has none either.
//! error: no form takes the operands `Addr`

use planish_asm::{Asm, regs::*};

fn main() {
    let mut a = Asm::new(&mut [], &mut []);
    a.add(rdi + 8, 1);
}
