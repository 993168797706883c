//! What the wrong programs are variations of: this one compiles.

use planish_asm::{Asm, Cond, Gp64, LabelSlot, mem::*, regs::*};

fn main() {
    let mut labels = [LabelSlot::EMPTY; 1];
    let mut a = Asm::new(&mut [], &mut labels);
    let label = a.label();
    a.addpd(xmm0, xmmword(rdi)).mov(eax, dword(rdi + rcx * 4)).mov(eax, dword(edi + ecx)).add(rax, rcx);
    a.jcc(Cond::Less, label).mov(rax, qword(rbx + rcx * 2)).add(byte(rdi), 100).add(dword(rdi + 8), 1);
    let _: Gp64 = rax;
}
