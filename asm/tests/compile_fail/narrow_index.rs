//! A 32-bit index beside a 64-bit base would be used with whatever is in its upper half.
//! error: cannot add `Gp32` to `Gp64`

use planish_asm::{Asm, mem::dword, regs::*};

fn main() {
    let mut a = Asm::new(&mut [], &mut []);
    a.mov(eax, dword(rdi + ecx));
}
