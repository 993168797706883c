//! 128-bit arithmetic: two entries, of the low half and of the high half, become one sequence.

use super::operand::Step;
use super::state::{Emit, width};
use crate::compile::op::{Class, Wide};
use crate::compile::tape::Entry;
use planish_asm::regs::{rax, rdx};
use planish_asm::{Alu, Unary, Width};

impl Emit<'_> {
    #[inline(never)]
    pub(super) fn wide(&mut self, op: Wide, e: &Entry) {
        let low = &self.step(e);
        self.at += 1;
        let high = &self.step(&self.entries[self.at]);
        match op {
            Wide::Add => self.wide_sum([Alu::Add, Alu::Adc], low, high),
            Wide::Sub => self.wide_sum([Alu::Sub, Alu::Sbb], low, high),
            Wide::MulU if self.module.cpu.bmi2 => self.wide_product_anywhere(low, high),
            Wide::MulU => self.wide_product(Unary::Mul, low, high),
            Wide::MulS => self.wide_product(Unary::Imul, low, high),
        }
    }

    /// All four operands are found before the first instruction: only moves stand between the two that hand on the carry.
    fn wide_sum(&mut self, [op, carried]: [Alu; 2], low: &Step, high: &Step) {
        let (low_right, high_right) = (self.source(low.b, Class::I64), self.source(high.b, Class::I64));
        let (low_left, high_left) = (self.register_of(low.a), self.register_of(high.a));
        if let Some(register) = high_left {
            self.bank.lock(register.num());
        }
        // What the carried operation reads must survive the other one.
        let kept = high_right.registers() | high_left.map_or(0, super::registers::bit);
        let low_target = self.target_over(low, low.a, low_left, low_right.registers() | kept);
        self.load_into_unless(low_target, low.a, low_left, Class::I64);
        self.alu(op, Width::W64, low_target, low_right);
        let high_target = self.target_over(high, high.a, high_left, high_right.registers());
        self.load_into_unless(high_target, high.a, high_left, Class::I64);
        self.alu(carried, Width::W64, high_target, high_right);
        for operand in [low.a, low.b, high.a, high.b] {
            self.release(operand);
        }
        self.define(low.dst, low_target, Class::I64);
        self.define(high.dst, high_target, Class::I64);
    }

    /// `mul` and `imul` of rax, into rdx:rax. The other factor is read once rax is taken, so it is elsewhere.
    fn wide_product(&mut self, op: Unary, low: &Step, high: &Step) {
        let in_rax = self.register_of(low.b) == Some(rax);
        let (fixed, other) = if in_rax { (low.b, low.a) } else { (low.a, low.b) };
        self.load_fixed(rax, fixed, Class::I64);
        let factor = self.read(other, Class::I64);
        self.release(other);
        self.take(rdx);
        self.asm.unary_r(op, width(Class::I64), factor.any());
        self.define(low.dst, rax, Class::I64);
        self.define(high.dst, rdx, Class::I64);
    }

    /// `mulx` of rdx, into any two registers: those of the factors, too.
    fn wide_product_anywhere(&mut self, low: &Step, high: &Step) {
        let in_rdx = self.register_of(low.b) == Some(rdx);
        let (fixed, other) = if in_rdx { (low.b, low.a) } else { (low.a, low.b) };
        self.load_fixed(rdx, fixed, Class::I64);
        let factor = self.read(other, Class::I64);
        self.release(other);
        self.bank.unlock(rdx.num());
        self.bank.unlock(factor.num());
        let high_target = self.target(high, None, 0);
        self.bank.lock(high_target.num());
        let low_target = self.scratch(low.hint, 0);
        self.asm.mulx_rrr(Width::W64, high_target.any(), low_target.any(), factor.any());
        self.define(low.dst, low_target, Class::I64);
        self.define(high.dst, high_target, Class::I64);
    }
}
