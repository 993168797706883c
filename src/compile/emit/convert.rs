//! Conversions between integers and floats (specification 4.3.4, operators trunc, trunc_sat, convert, promote, demote).

use super::cold::{Cold, TruncFix};
use super::operand::Step;
use super::state::{Emit, prec, width};
use crate::abi::TrapCode;
use crate::compile::op::{Class, Convert};
use crate::compile::tape::Entry;
use planish_asm::{Alu, BitTest, Cond, FpOp, Gp64, Label, Prec, Shift, Width, Xmm};

impl Emit<'_> {
    #[inline(never)]
    pub(super) fn convert(&mut self, convert: Convert, e: &Entry) {
        let e = &self.step(e);
        match convert {
            Convert::Trunc { from, signed, saturating } => self.trunc(from, signed, saturating, e),
            Convert::FromInt { from, signed } => self.convert_int(from, signed, e),
            Convert::Float => self.convert_float(e),
            Convert::Reinterpret => self.reinterpret(e),
        }
    }

    fn reinterpret(&mut self, e: &Step) {
        if e.class.is_float() {
            let from = if e.class == Class::F32 { Class::I32 } else { Class::I64 };
            let source = self.read(e.a, from);
            self.release(e.a);
            let target = self.float_target(e, None, 0);
            match self.module.cpu.avx {
                true => self.asm.v_mov_x_r(width(from), target, source.any()),
                false => self.asm.mov_x_r(width(from), target, source.any()),
            };
            return self.define_float(e.dst, target, e.class);
        }
        let from = if e.class == Class::I32 { Class::F32 } else { Class::F64 };
        let source = self.read_float(e.a, from);
        self.release(e.a);
        let target = self.target(e, None, 0);
        self.bits_of(width(e.class), target, source);
        self.define(e.dst, target, e.class);
    }

    fn bits_of(&mut self, width: Width, target: Gp64, source: Xmm) {
        match self.module.cpu.avx {
            true => self.asm.v_mov_r_x(width, target.any(), source),
            false => self.asm.mov_r_x(width, target.any(), source),
        };
    }

    /// f32 to f64 or back.
    fn convert_float(&mut self, e: &Step) {
        let from = if e.class == Class::F32 { Class::F64 } else { Class::F32 };
        let source = self.read_float(e.a, from);
        self.release(e.a);
        let target = self.float_target(e, None, 0);
        match self.module.cpu.avx {
            true => self.asm.v_cvtf2f(prec(from), target, source, source),
            false => {
                self.cut_chain(target, source);
                self.asm.cvtf2f(prec(from), target, source)
            }
        };
        self.canonicalise_scalar(e.class, target);
        self.define_float(e.dst, target, e.class);
    }

    /// Before an SSE instruction with one operand that leaves its target's upper part, and so would wait for it.
    pub(super) fn cut_chain(&mut self, target: Xmm, source: Xmm) {
        if target != source {
            self.zero_float(target);
        }
    }

    /// The destination is zeroed first: the instruction leaves its upper part and so would wait for it.
    fn int_to_float(&mut self, width: Width, prec: Prec, target: Xmm, source: Gp64) {
        self.zero_float(target);
        match self.module.cpu.avx {
            true => self.asm.v_cvtsi2f(width, prec, target, target, source.any()),
            false => self.asm.cvtsi2f(width, prec, target, source.any()),
        };
    }

    fn convert_int(&mut self, from: Class, signed: bool, e: &Step) {
        let prec = prec(e.class);
        let source = self.read(e.a, from);
        let target = self.float_target(e, None, 0);
        match (from, signed) {
            (_, true) => self.int_to_float(width(from), prec, target, source),
            // Zeros above make it a positive 64-bit number.
            (Class::I32, false) => self.int_to_float(Width::W64, prec, target, source),
            (_, false) => {
                let half = self.scratch(0, 0);
                let (label, back) = (self.asm.label(), self.asm.label());
                self.test_rr(Width::W64, source.any(), source.any());
                self.jcc(Cond::Sign, label);
                self.int_to_float(Width::W64, prec, target, source);
                self.asm.bind(back);
                self.cold.push(Cold::ConvertUnsigned { label, back, prec, target, source, half });
            }
        }
        self.release(e.a);
        self.define_float(e.dst, target, e.class);
    }

    /// The half of a u64 with its top bit set, the lost bit kept sticky for the rounding, converted and doubled.
    pub(super) fn convert_halved(&mut self, prec: Prec, target: Xmm, source: Gp64, half: Gp64) {
        let odd = self.asm.label();
        self.mov_rr(Width::W64, half.any(), source.any());
        self.shift_ri(Shift::Shr, Width::W64, half.any(), 1);
        // The carry is the bit shifted out.
        self.asm.jcc_short(Cond::AboveEqual, odd);
        self.alu_ri(Alu::Or, Width::W64, half.any(), 1);
        self.asm.bind(odd);
        self.int_to_float(Width::W64, prec, target, half);
        match self.module.cpu.avx {
            true => self.asm.v_sse_rrr(FpOp::Add, prec, target, target, target),
            false => self.asm.sse_rr(FpOp::Add, prec, target, target),
        };
    }

    // Truncation.

    fn float_to_int(&mut self, width: Width, prec: Prec, target: Gp64, source: Xmm) {
        match self.module.cpu.avx {
            true => self.asm.v_cvttf2si(width, prec, target.any(), source),
            false => self.asm.cvttf2si(width, prec, target.any(), source),
        };
    }

    /// What the instruction cannot represent it makes the smallest number, 0x80..0. For u32 the 64-bit instruction is
    /// used, whose upper half tells; for u64 the sign bit.
    fn trunc(&mut self, from: Class, signed: bool, saturating: bool, e: &Step) {
        let wasm_offset = if saturating { 0 } else { self.take_offset() };
        let source = self.read_float(e.a, from);
        self.release(e.a);
        let target = self.target(e, None, 0);
        let (label, back) = (self.asm.label(), self.asm.label());
        let exact = match (signed, e.class) {
            (true, class) => width(class),
            (false, _) => Width::W64,
        };
        self.float_to_int(exact, prec(from), target, source);
        match (signed, e.class) {
            (true, class) => {
                self.alu_ri(Alu::Cmp, width(class), target.any(), 1);
                self.jcc(Cond::Overflow, label);
            }
            (false, Class::I32) => {
                let upper = self.scratch(0, 0);
                self.mov_rr(Width::W64, upper.any(), target.any());
                self.shift_ri(Shift::Shr, Width::W64, upper.any(), 32);
                self.jcc(Cond::NotEqual, label);
            }
            (false, _) => {
                self.test_rr(Width::W64, target.any(), target.any());
                self.jcc(Cond::Sign, label);
            }
        }
        self.asm.bind(back);
        let to = e.class;
        let fix = TruncFix { label, back, from, to, signed, saturating, source, target, wasm_offset };
        self.cold.push(Cold::Trunc(fix));
        self.define(e.dst, target, e.class);
    }

    pub(super) fn fix_trunc(&mut self, fix: &TruncFix) {
        match (fix.signed, fix.to, fix.saturating) {
            (true, _, false) => self.check_signed(fix),
            (false, Class::I32, false) => {
                self.trap_if_nan(fix);
                self.overflow(fix);
            }
            (false, _, false) => {
                self.trap_if_nan(fix);
                let overflow = self.trap(TrapCode::IntegerOverflow, fix.wasm_offset);
                self.upper_half_u64(fix, overflow);
            }
            (true, _, true) => self.saturate_signed(fix),
            (false, _, true) => self.saturate_unsigned(fix),
        }
    }

    fn trap_if_nan(&mut self, fix: &TruncFix) {
        let nan = self.trap(TrapCode::BadConversionToInteger, fix.wasm_offset);
        self.compare_registers(prec(fix.from), fix.source, fix.source);
        self.jcc(Cond::Parity, nan);
    }

    fn overflow(&mut self, fix: &TruncFix) {
        let overflow = self.trap(TrapCode::IntegerOverflow, fix.wasm_offset);
        self.jmp_label(overflow);
    }

    fn float_bits(class: Class, value: f64) -> u128 {
        match class {
            Class::F32 => u128::from((value as f32).to_bits()),
            _ => u128::from(value.to_bits()),
        }
    }

    /// The smallest integer is a right answer for floats between it and the next float below.
    fn check_signed(&mut self, fix: &TruncFix) {
        self.trap_if_nan(fix);
        let overflow = self.trap(TrapCode::IntegerOverflow, fix.wasm_offset);
        let (limit, below) = match (fix.from, fix.to) {
            // -2^31 - 1 has a float of its own.
            (Class::F64, Class::I32) => (-2147483649.0, Cond::BelowEqual),
            (_, Class::I32) => (-2147483648.0, Cond::Below),
            _ => (-9223372036854775808.0, Cond::Below),
        };
        let limit = self.constant(Self::float_bits(fix.from, limit));
        self.compare_memory(prec(fix.from), fix.source, limit);
        self.jcc(below, overflow);
        self.compare_with_zero(fix);
        self.jcc(Cond::AboveEqual, overflow);
        self.jmp_label(fix.back);
    }

    fn compare_with_zero(&mut self, fix: &TruncFix) {
        self.zero_float(Self::FLOAT_TEMP);
        self.compare_registers(prec(fix.from), fix.source, Self::FLOAT_TEMP);
    }

    /// Floats from 2^63 on: 2^63 less, converted, the top bit added. What is still negative goes to `outside`.
    fn upper_half_u64(&mut self, fix: &TruncFix, outside: Label) {
        let offset = self.constant(Self::float_bits(fix.from, 9223372036854775808.0));
        let (prec, temp) = (prec(fix.from), Self::FLOAT_TEMP);
        self.move_float(temp, fix.source);
        match self.module.cpu.avx {
            true => self.asm.v_sse_rrm(FpOp::Sub, prec, temp, temp, offset),
            false => self.asm.sse_rm(FpOp::Sub, prec, temp, offset),
        };
        self.float_to_int(Width::W64, prec, fix.target, temp);
        self.test_rr(Width::W64, fix.target.any(), fix.target.any());
        self.jcc(Cond::Sign, outside);
        self.asm.bt_ri(BitTest::Bts, Width::W64, fix.target.any(), 63);
        self.jmp_label(fix.back);
    }

    /// NaN is 0, what is too large the largest; what is too small is the smallest already.
    fn saturate_signed(&mut self, fix: &TruncFix) {
        let (nan, width) = (self.asm.label(), width(fix.to));
        self.compare_with_zero(fix);
        self.asm.jcc_short(Cond::Parity, nan);
        self.jcc(Cond::Below, fix.back);
        let largest = if fix.to == Class::I32 { i64::from(i32::MAX) } else { i64::MAX };
        self.mov_ri(width, fix.target.any(), largest);
        self.jmp_label(fix.back);
        self.asm.bind(nan);
        self.alu_rr(Alu::Xor, Width::W32, fix.target.any(), fix.target.any());
        self.jmp_label(fix.back);
    }

    /// NaN and negative numbers are 0, what is too large the largest.
    fn saturate_unsigned(&mut self, fix: &TruncFix) {
        let (zero, largest) = (self.asm.label(), self.asm.label());
        self.compare_with_zero(fix);
        // Below, or unordered.
        self.jcc(Cond::Below, zero);
        if fix.to == Class::I64 {
            self.upper_half_u64(fix, largest);
        }
        self.asm.bind(largest);
        self.mov_ri(width(fix.to), fix.target.any(), if fix.to == Class::I32 { i64::from(u32::MAX) } else { -1 });
        self.jmp_label(fix.back);
        self.asm.bind(zero);
        self.alu_rr(Alu::Xor, Width::W32, fix.target.any(), fix.target.any());
        self.jmp_label(fix.back);
    }
}
