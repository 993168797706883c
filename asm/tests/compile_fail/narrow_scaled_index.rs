//! The same with a factor.
//! error: cannot add `Scaled<Gp32>` to `Gp64`

use planish_asm::{Asm, mem::dword, regs::*};

fn main() {
    let mut a = Asm::new(&mut [], &mut []);
    a.mov(eax, dword(rdi + ecx * 4));
}
