//! The instructions that are emitted most, out of line.
//!
//! Inlined into every arm that uses them the encoders would be larger than the instruction cache. It is 20 KB less code and
//! compiles as fast.

use super::Emit;
use planish_asm::{Addr, Alu, Cond, Label, R64, Shift, Width};

/// `name(parameters)`: the assembler's function of that name.
macro_rules! out_of_line {
    ($($name:ident($($parameter:ident: $ty:ty),*);)*) => { $(
        #[inline(never)]
        pub(super) fn $name(&mut self, $($parameter: $ty),*) {
            self.asm.$name($($parameter),*);
        }
    )* };
}

#[rustfmt::skip]
impl Emit<'_> {
    out_of_line! {
        mov_rr(width: Width, dst: R64, src: R64);
        mov_ri(width: Width, dst: R64, imm: i64);
        mov_rm(width: Width, dst: R64, src: Addr);
        mov_mr(width: Width, dst: Addr, src: R64);
        mov_mi(width: Width, dst: Addr, imm: i32);
        alu_rr(op: Alu, width: Width, dst: R64, src: R64);
        alu_ri(op: Alu, width: Width, dst: R64, imm: i32);
        alu_rm(op: Alu, width: Width, dst: R64, src: Addr);
        alu_mr(op: Alu, width: Width, dst: Addr, src: R64);
        alu_mi(op: Alu, width: Width, dst: Addr, imm: i32);
        lea_rm(width: Width, dst: R64, src: Addr);
        test_rr(width: Width, a: R64, b: R64);
        jcc(cond: Cond, to: Label);
        jmp_label(to: Label);
        shift_ri(op: Shift, width: Width, register: R64, count: u8);
        cmov_rr(cond: Cond, width: Width, dst: R64, src: R64);
        movzx_rm(from: Width, dst: R64, src: Addr);
        movsx_rm(from: Width, to: Width, dst: R64, src: Addr);
        call_m(target: Addr);
    }
}
