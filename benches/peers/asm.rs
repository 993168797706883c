//! planish-asm in the encode-speed comparison: its typed run-time selection, and one vector row.

use crate::asm::{Asm as Shapes, Contender, contender};
use crate::ops::{LABELS, MAX_CODE};
use planish_asm::{
    Addr, Alu, Asm, Cond, FpOp, Gp64, Label, LabelSlot, Labels, Prec, R64, Record, Scale, Shift, Width, Xmm, Ymm,
};

pub fn contenders() -> Vec<Contender> {
    vec![
        contender("planish-asm", "safe, fixed buffer, its own labels", || Planish::new(false)),
        contender("planish-asm, relaxed", "as above, all branches as short as they can be", || Planish::new(true)),
    ]
}

struct Planish {
    asm: Asm<'static>,
    labels: Labels,
}

impl Planish {
    fn new(relaxed: bool) -> Self {
        let code = Box::leak(vec![0; MAX_CODE].into_boxed_slice());
        // A slot for each label, and for each branch that waits for one.
        let slots = Box::leak(vec![LabelSlot::EMPTY; LABELS + 1024].into_boxed_slice());
        let mut asm = Asm::new(code, slots);
        if relaxed {
            asm = asm.with_relaxation(Box::leak(vec![Record::EMPTY; 1024].into_boxed_slice()));
        }
        let labels = asm.labels(0);
        Planish { asm, labels }
    }
}

// Hardware numbers become registers: the identity after optimisation.
#[inline(always)]
fn r(num: u8) -> R64 {
    R64::from_num(num & 15).expect("below 16")
}
#[inline(always)]
fn x(num: u8) -> Xmm {
    Xmm::from_num(num & 15).expect("below 16")
}
#[inline(always)]
fn y(num: u8) -> Ymm {
    Ymm::from_num(num & 15).expect("below 16")
}
#[inline(always)]
fn cond(num: u8) -> Cond {
    Cond::from_num(num & 15).expect("below 16")
}
#[inline(always)]
fn sib(base: u8, m: u8, disp: i32) -> Addr {
    let index = Gp64::from_num(m & 15).expect("an index is never rsp");
    Addr::base_index(r(base), index, Scale::from_log2(m >> 4 & 3).expect("below 4"), disp)
}

impl Planish {
    #[inline(always)]
    fn label(&self, number: u32) -> Label {
        self.labels.get(number).expect("fewer than LABELS")
    }
}

impl Shapes for Planish {
    fn begin(&mut self) {
        self.asm.clear();
        self.labels = self.asm.labels(LABELS as u32);
    }
    fn finish(&mut self) -> &[u8] {
        self.asm.relax().finish().expect("enough room, all labels bound")
    }
    #[inline(always)]
    fn bind(&mut self, l: u32) {
        let l = self.label(l);
        self.asm.bind(l);
    }
    #[inline(always)]
    fn mov_rr64(&mut self, d: u8, s: u8) {
        self.asm.mov_rr(Width::W64, r(d), r(s));
    }
    #[inline(always)]
    fn mov_ri32(&mut self, d: u8, v: i32) {
        self.asm.mov_ri(Width::W32, r(d), v as i64);
    }
    #[inline(always)]
    fn load64(&mut self, d: u8, b: u8, disp: i32) {
        self.asm.mov_rm(Width::W64, r(d), Addr::base_disp(r(b), disp));
    }
    #[inline(always)]
    fn add_rr64(&mut self, d: u8, s: u8) {
        self.asm.alu_rr(Alu::Add, Width::W64, r(d), r(s));
    }
    #[inline(always)]
    fn lea64_sib(&mut self, d: u8, b: u8, m: u8, disp: i32) {
        self.asm.lea_rm(Width::W64, r(d), sib(b, m, disp));
    }
    #[inline(always)]
    fn cmp_ri64(&mut self, d: u8, v: i32) {
        self.asm.alu_ri(Alu::Cmp, Width::W64, r(d), v);
    }
    #[inline(always)]
    fn jcc_fwd(&mut self, cc: u8, l: u32) {
        let l = self.label(l);
        self.asm.jcc(cond(cc), l);
    }
    #[inline(always)]
    fn sub_ri64(&mut self, d: u8, v: i32) {
        self.asm.alu_ri(Alu::Sub, Width::W64, r(d), v);
    }
    #[inline(always)]
    fn store32_sib(&mut self, s: u8, b: u8, m: u8, disp: i32) {
        self.asm.mov_mr(Width::W32, sib(b, m, disp), r(s));
    }
    #[inline(always)]
    fn and_rr32(&mut self, d: u8, s: u8) {
        self.asm.alu_rr(Alu::And, Width::W32, r(d), r(s));
    }
    #[inline(always)]
    fn imul_rr64(&mut self, d: u8, s: u8) {
        self.asm.imul_rr(Width::W64, r(d), r(s));
    }
    #[inline(always)]
    fn shl_cl64(&mut self, d: u8) {
        self.asm.shift_rcl(Shift::Shl, Width::W64, r(d));
    }
    #[inline(always)]
    fn test_rr32(&mut self, d: u8, s: u8) {
        self.asm.test_rr(Width::W32, r(d), r(s));
    }
    #[inline(always)]
    fn setcc(&mut self, d: u8, cc: u8) {
        self.asm.setcc(cond(cc), r(d));
    }
    #[inline(always)]
    fn movzx_r32_r8(&mut self, d: u8, s: u8) {
        self.asm.movzx_rr(Width::W8, r(d), r(s));
    }
    #[inline(always)]
    fn push(&mut self, a: u8) {
        self.asm.push_r(r(a));
    }
    #[inline(always)]
    fn pop(&mut self, a: u8) {
        self.asm.pop_r(r(a));
    }
    #[inline(always)]
    fn movsd_load(&mut self, d: u8, b: u8, disp: i32) {
        self.asm.fload(Prec::D, x(d), Addr::base_disp(r(b), disp));
    }
    #[inline(always)]
    fn addsd(&mut self, d: u8, s: u8) {
        self.asm.sse_rr(FpOp::Add, Prec::D, x(d), x(s));
    }
    #[inline(always)]
    fn movsd_store(&mut self, s: u8, b: u8, disp: i32) {
        self.asm.fstore(Prec::D, Addr::base_disp(r(b), disp), x(s));
    }
    #[inline(always)]
    fn vaddps_y(&mut self, d: u8, s: u8, t: u8) {
        self.asm.vaddps_ymm_ymm_ymm(y(d), y(s), y(t));
    }
    #[inline(always)]
    fn add_ri32(&mut self, d: u8, v: i32) {
        self.asm.alu_ri(Alu::Add, Width::W32, r(d), v);
    }
    #[inline(always)]
    fn load32_sib(&mut self, d: u8, b: u8, m: u8, disp: i32) {
        self.asm.mov_rm(Width::W32, r(d), sib(b, m, disp));
    }
    #[inline(always)]
    fn cmp_rr64(&mut self, a: u8, b: u8) {
        self.asm.alu_rr(Alu::Cmp, Width::W64, r(a), r(b));
    }
    #[inline(always)]
    fn cmov64(&mut self, d: u8, s: u8, cc: u8) {
        self.asm.cmov_rr(cond(cc), Width::W64, r(d), r(s));
    }
    #[inline(always)]
    fn shl_ri32(&mut self, d: u8, v: i32) {
        self.asm.shift_ri(Shift::Shl, Width::W32, r(d), v as u8);
    }
    #[inline(always)]
    fn xor_rr32(&mut self, d: u8, s: u8) {
        self.asm.alu_rr(Alu::Xor, Width::W32, r(d), r(s));
    }
    #[inline(always)]
    fn store64(&mut self, s: u8, b: u8, disp: i32) {
        self.asm.mov_mr(Width::W64, Addr::base_disp(r(b), disp), r(s));
    }
    #[inline(always)]
    fn call(&mut self, l: u32) {
        let l = self.label(l);
        self.asm.call_label(l);
    }
    #[inline(always)]
    fn load32(&mut self, d: u8, b: u8, disp: i32) {
        self.asm.mov_rm(Width::W32, r(d), Addr::base_disp(r(b), disp));
    }
    #[inline(always)]
    fn jcc_bwd(&mut self, cc: u8, l: u32) {
        let l = self.label(l);
        self.asm.jcc(cond(cc), l);
    }
}
