//! The instructions that are emitted most, out of line.
//!
//! Inlined into every arm that uses them the encoders would be larger than the instruction cache. It is 20 KB less code and
//! compiles as fast.

use super::address::PlainAddress;
use super::state::{Emit, frame, width};
use crate::compile::op::Class;
use planish_asm::regs::rbp;
use planish_asm::{Addr, Alu, Cond, Gp64, Label, R64, Scale, Shift, Width};

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
        movsx_rm(from: Width, to: Width, dst: R64, src: Addr);
        movzx_rm(from: Width, dst: R64, src: Addr);
        call_m(target: Addr);
    }
}

/// The same with a known base register, most of which is known to the encoder then.
impl Emit<'_> {
    #[inline(never)]
    pub(super) fn load_slot(&mut self, width: Width, dst: R64, at: i32) {
        self.asm.mov_rm(width, dst, frame(at));
    }

    #[inline(never)]
    pub(super) fn store_slot(&mut self, at: i32, src: R64) {
        self.asm.mov_mr(Width::W64, frame(at), src);
    }

    #[inline(never)]
    pub(super) fn store_slot_imm(&mut self, at: i32, imm: i32) {
        self.asm.mov_mi(Width::W64, frame(at), imm);
    }

    #[inline(never)]
    pub(super) fn lea_disp(&mut self, width: Width, dst: R64, base: R64, disp: i32) {
        self.asm.lea_rm(width, dst, Addr::base_disp(base, disp));
    }

    #[inline(never)]
    pub(super) fn lea_sum(&mut self, width: Width, dst: R64, a: Gp64, b: Gp64) {
        self.asm.lea_rm(width, dst, sum(a, b));
    }

    #[inline(never)]
    pub(super) fn load_plain(&mut self, width: Width, dst: R64, src: PlainAddress) {
        self.asm.mov_rm(width, dst, src.addr());
    }

    #[inline(never)]
    pub(super) fn load_plain_u8(&mut self, dst: R64, src: PlainAddress) {
        self.asm.movzx_rm(Width::W8, dst, src.addr());
    }

    #[inline(never)]
    pub(super) fn store_plain(&mut self, class: Class, dst: PlainAddress, src: R64) {
        self.asm.mov_mr(width(class), dst.addr(), src);
    }

    #[inline(never)]
    pub(super) fn store_plain_imm(&mut self, width: Width, dst: PlainAddress, imm: i32) {
        self.asm.mov_mi(width, dst.addr(), imm);
    }
}

/// `[a + b]`. As a base rbp and r13 have a displacement (SDM Vol. 2, 2.1.5, table 2-3), which is a byte and makes the sum one of
/// three parts: 3 cycles before Ice Lake, where one of two takes 1 (Fog, "Instruction tables", LEA).
#[inline]
pub(super) fn sum(a: Gp64, b: Gp64) -> Addr {
    let (base, index) = if a.num() & 7 == rbp.num() { (b, a) } else { (a, b) };
    Addr::base_index(base.any(), index, Scale::X1, 0)
}
