//! rsp as an index encodes "no index".
//! error: cannot multiply `Rsp` by `{integer}`

use planish_asm::{Asm, mem::qword, regs::*};

fn main() {
    let mut a = Asm::new(&mut [], &mut []);
    a.mov(rax, qword(rbx + rsp * 2));
}
