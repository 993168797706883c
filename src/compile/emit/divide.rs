//! Division and remainder: by constants through multiplication, else `div` and `idiv`, whose faults are the traps.

use super::cold::Cold;
use super::operand::{Step, Value};
use super::registers::bit;
use super::state::{Emit, width};
use crate::abi::TrapCode;
use crate::abi::positions::SiteKind;
use crate::compile::op::{Class, Int};
use crate::compile::tape::Entry;
use planish_asm::regs::{rax, rdx};
use planish_asm::{Alu, Cond, Gp64, Label, Shift, Unary, Width};

impl Emit<'_> {
    #[inline(never)]
    pub(super) fn divide(&mut self, op: Int, e: &Entry) {
        let e = &self.step(e);
        let wasm_offset = self.take_offset();
        if !e.a.is_const()
            && let Some(divisor) = self.constant_of(e.b)
            && self.divide_by(op, divisor, e)
        {
            return;
        }
        let width = width(e.class);
        let mut divisor = self.read(e.b, e.class);
        if divisor == rax || divisor == rdx {
            let other = self.scratch(0, bit(rax) | bit(rdx));
            self.mov_rr(width, other.any(), divisor.any());
            self.bank.unlock(divisor.num());
            divisor = other;
        }
        self.release(e.b);
        self.load_fixed(rax, e.a, e.class);
        self.take(rdx);
        if !self.module.signals {
            self.check_division(op, width, divisor, wasm_offset);
        }
        let back = self.asm.label();
        if width == Width::W64 && !e.b.is_const() && !self.module.cpu.quick_division {
            self.divide_narrow_if_possible(divisor, back, wasm_offset);
        }
        if op == Int::RemS {
            let label = self.asm.label();
            self.alu_ri(Alu::Cmp, width, divisor.any(), -1);
            self.jcc(Cond::Equal, label);
            self.cold.push(Cold::RemainderOfMinusOne { label, back });
        }
        let unary = match op {
            Int::DivS | Int::RemS => {
                self.asm.sign_into_rdx(width);
                Unary::Idiv
            }
            _ => {
                self.alu_rr(Alu::Xor, Width::W32, rdx.any(), rdx.any());
                Unary::Div
            }
        };
        if self.module.signals {
            self.site(SiteKind::Divide, wasm_offset);
        }
        self.asm.unary_r(unary, width, divisor.any());
        self.asm.bind(back);
        let result = if matches!(op, Int::DivS | Int::DivU) { rax } else { rdx };
        self.define(e.dst, result, e.class);
    }

    /// Before Intel's Ice Lake a division of 64 bits takes up to 95 cycles and one of 32 bits 26, whatever the numbers are (Fog,
    /// "Instruction tables", DIV and IDIV). Most numbers are small: if both are below 2^32, signed or not makes no difference.
    fn divide_narrow_if_possible(&mut self, divisor: Gp64, back: Label, wasm_offset: u32) {
        let label = self.asm.label();
        self.mov_rr(Width::W64, rdx.any(), rax.any());
        self.alu_rr(Alu::Or, Width::W64, rdx.any(), divisor.any());
        self.shift_ri(Shift::Shr, Width::W64, rdx.any(), 32);
        self.jcc(Cond::Equal, label);
        self.cold.push(Cold::NarrowDivision { label, back, divisor, wasm_offset });
    }

    pub(super) fn divide_narrow(&mut self, divisor: Gp64, wasm_offset: u32) {
        if self.module.signals {
            self.site(SiteKind::Divide, wasm_offset);
        }
        self.asm.unary_r(Unary::Div, Width::W32, divisor.any());
    }

    /// Where no fault tells: a divisor of 0, and of -1 with the smallest dividend, which is the one that is greater than
    /// itself less 1.
    fn check_division(&mut self, op: Int, width: Width, divisor: Gp64, wasm_offset: u32) {
        let zero = self.trap(TrapCode::IntegerDivisionByZero, wasm_offset);
        self.test_rr(width, divisor.any(), divisor.any());
        self.jcc(Cond::Equal, zero);
        if op == Int::DivS {
            let overflow = self.trap(TrapCode::IntegerOverflow, wasm_offset);
            let fits = self.asm.label();
            self.alu_ri(Alu::Cmp, width, divisor.any(), -1);
            self.asm.jcc_short(Cond::NotEqual, fits);
            self.alu_ri(Alu::Cmp, width, rax.any(), 1);
            self.jcc(Cond::Overflow, overflow);
            self.asm.bind(fits);
        }
    }

    /// Brings a value that dies here to a particular scratch register.
    pub(super) fn load_fixed(&mut self, register: Gp64, value: Value, class: Class) {
        if self.dying(value) == Some(register) {
            self.release(value);
            self.take(register);
        } else {
            self.take(register);
            self.load_into(register, value, class);
            self.release(value);
        }
    }

    /// Divides by a constant without dividing; `false`: must be done the usual way.
    fn divide_by(&mut self, op: Int, divisor: i64, e: &Step) -> bool {
        let signed = matches!(op, Int::DivS | Int::RemS);
        let remainder = matches!(op, Int::RemS | Int::RemU);
        let unsigned = if e.class == Class::I32 { u64::from(divisor as u32) } else { divisor as u64 };
        if divisor == 0 || signed && divisor == -1 && !remainder {
            return false;
        }
        if divisor == 1 || signed && divisor == -1 {
            return self.divide_by_one(remainder, e);
        }
        if !signed && unsigned.is_power_of_two() && remainder && i32::try_from(unsigned - 1).is_err() {
            return false;
        }
        let width = width(e.class);
        // The dividend must survive in a register of its own.
        let mut dividend = self.read(e.a, e.class);
        if dividend == rax || dividend == rdx {
            let other = self.scratch(0, bit(rax) | bit(rdx));
            self.mov_rr(width, other.any(), dividend.any());
            self.bank.unlock(dividend.num());
            dividend = other;
        }
        self.release(e.a);
        self.take(rax);
        self.take(rdx);
        match (signed, e.class) {
            (false, _) if unsigned.is_power_of_two() => {
                let shift = unsigned.trailing_zeros() as u8;
                self.mov_rr(width, rdx.any(), dividend.any());
                if remainder {
                    self.alu_ri(Alu::And, width, rdx.any(), (unsigned - 1) as i32);
                } else {
                    self.shift_ri(Shift::Shr, width, rdx.any(), shift);
                }
                self.define(e.dst, rdx, e.class);
                return true;
            }
            (false, Class::I32) => self.quotient_u32(dividend, unsigned),
            (false, _) => self.quotient_u64(dividend, unsigned),
            (true, _) if divisor.unsigned_abs().is_power_of_two() => {
                self.quotient_by_power(width, dividend, divisor);
            }
            (true, Class::I32) => self.quotient_i32(dividend, divisor),
            (true, _) => self.quotient_i64(dividend, divisor),
        }
        if !remainder {
            self.define(e.dst, rdx, e.class);
            return true;
        }
        // dividend - quotient * divisor
        match i32::try_from(divisor) {
            Ok(factor) => _ = self.asm.imul_rri(width, rdx.any(), rdx.any(), factor),
            Err(_) => {
                self.mov_ri(width, rax.any(), divisor);
                self.asm.imul_rr(width, rdx.any(), rax.any());
            }
        }
        self.mov_rr(width, rax.any(), dividend.any());
        self.alu_rr(Alu::Sub, width, rax.any(), rdx.any());
        self.define(e.dst, rax, e.class);
        true
    }

    fn divide_by_one(&mut self, remainder: bool, e: &Step) -> bool {
        let target = if remainder { self.target(e, None, 0) } else { self.scratch(e.hint, 0) };
        match remainder {
            true => self.alu_rr(Alu::Xor, Width::W32, target.any(), target.any()),
            // A 32-bit move: the dividend may be the low half of an i64.
            false => self.load_into(target, e.a, e.class),
        }
        self.release(e.a);
        self.define(e.dst, target, e.class);
        true
    }

    /// `rdx = dividend / divisor`: the high half of a product with 2^64 / divisor is exact for 32-bit dividends.
    fn quotient_u32(&mut self, dividend: Gp64, divisor: u64) {
        let magic = u64::MAX / divisor + 1;
        self.mov_rr(Width::W32, rdx.any(), dividend.any());
        self.mov_ri(Width::W64, rax.any(), magic as i64);
        self.asm.unary_r(Unary::Mul, Width::W64, rdx.any());
    }

    /// `rdx = dividend / divisor`, after Granlund and Montgomery, "Division by Invariant Integers using
    /// Multiplication" (1994), figure 4.2.
    fn quotient_u64(&mut self, dividend: Gp64, divisor: u64) {
        let bits = 64 - (divisor - 1).leading_zeros();
        for shift in 0..bits {
            let power = 1u128 << (64 + shift);
            let magic = power / u128::from(divisor) + 1;
            let excess = magic * u128::from(divisor) - power;
            if excess <= 1 << shift && magic >> 64 == 0 {
                self.mov_ri(Width::W64, rax.any(), magic as i64);
                self.asm.unary_r(Unary::Mul, Width::W64, dividend.any());
                if shift > 0 {
                    self.shift_ri(Shift::Shr, Width::W64, rdx.any(), shift as u8);
                }
                return;
            }
        }
        // The magic number has 65 bits, the top one implied: ((x - high) >> 1) + high, shifted by the rest.
        let magic =
            ((u128::from(u64::MAX) + 1) * ((1u128 << bits) - u128::from(divisor)) / u128::from(divisor) + 1) as u64;
        self.mov_ri(Width::W64, rax.any(), magic as i64);
        self.asm.unary_r(Unary::Mul, Width::W64, dividend.any());
        self.mov_rr(Width::W64, rax.any(), dividend.any());
        self.alu_rr(Alu::Sub, Width::W64, rax.any(), rdx.any());
        self.shift_ri(Shift::Shr, Width::W64, rax.any(), 1);
        self.alu_rr(Alu::Add, Width::W64, rdx.any(), rax.any());
        self.shift_ri(Shift::Shr, Width::W64, rdx.any(), (bits - 1) as u8);
    }

    /// `rdx = dividend / 2^k` or `-2^k`, rounded to zero: a negative dividend gets 2^k - 1 added first.
    fn quotient_by_power(&mut self, width: Width, dividend: Gp64, divisor: i64) {
        let shift = divisor.unsigned_abs().trailing_zeros() as u8;
        let bits = width.bytes() as u8 * 8;
        self.mov_rr(width, rdx.any(), dividend.any());
        if shift > 1 {
            self.shift_ri(Shift::Sar, width, rdx.any(), bits - 1);
        }
        self.shift_ri(Shift::Shr, width, rdx.any(), bits - shift);
        self.alu_rr(Alu::Add, width, rdx.any(), dividend.any());
        self.shift_ri(Shift::Sar, width, rdx.any(), shift);
        if divisor < 0 {
            self.negate(width, rdx);
        }
    }

    /// `rdx = dividend / divisor` in 64-bit arithmetic (figure 5.2 of the same).
    fn quotient_i32(&mut self, dividend: Gp64, divisor: i64) {
        let bits = 64 - (divisor.unsigned_abs() - 1).leading_zeros();
        let magic = (1u64 << (31 + bits)) / divisor.unsigned_abs() + 1;
        self.asm.movsx_rr(Width::W32, Width::W64, rax.any(), dividend.any());
        self.mov_ri(Width::W64, rdx.any(), magic as i64);
        self.asm.imul_rr(Width::W64, rdx.any(), rax.any());
        self.shift_ri(Shift::Sar, Width::W64, rdx.any(), (31 + bits) as u8);
        self.shift_ri(Shift::Shr, Width::W64, rax.any(), 63);
        self.alu_rr(Alu::Add, Width::W32, rdx.any(), rax.any());
        if divisor < 0 {
            self.negate(Width::W32, rdx);
        }
    }

    /// `rdx = dividend / divisor`: the magic number lies between 2^63 and 2^64, so as a signed factor it is 2^64 too
    /// small, which the addition makes good.
    fn quotient_i64(&mut self, dividend: Gp64, divisor: i64) {
        let bits = 64 - (divisor.unsigned_abs() - 1).leading_zeros();
        let magic = (1u128 << (63 + bits)) / u128::from(divisor.unsigned_abs()) + 1;
        self.mov_ri(Width::W64, rax.any(), magic as i64);
        self.asm.unary_r(Unary::Imul, Width::W64, dividend.any());
        self.alu_rr(Alu::Add, Width::W64, rdx.any(), dividend.any());
        if bits > 1 {
            self.shift_ri(Shift::Sar, Width::W64, rdx.any(), (bits - 1) as u8);
        }
        self.mov_rr(Width::W64, rax.any(), dividend.any());
        self.shift_ri(Shift::Shr, Width::W64, rax.any(), 63);
        self.alu_rr(Alu::Add, Width::W64, rdx.any(), rax.any());
        if divisor < 0 {
            self.negate(Width::W64, rdx);
        }
    }
}
