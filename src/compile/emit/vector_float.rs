//! Vectors of floats: minimum and maximum, comparisons, rounding, conversions, fused multiplication and addition.

use super::Emit;
use super::operand::Step;
use super::vector::{UNORDERED, float_prec};
use crate::compile::vector::Lanes::{F32x4, F64x2, I32x4};
use crate::compile::vector::{Lanes, Vector};
use planish_asm::Packed::*;
use planish_asm::{Evex, PackedImm, PackedShift, PackedUnary, PackedUnaryImm, Rounding, Xmm};

// Predicates of `cmpps` and `cmppd` (SDM Vol. 2, CMPPS).
const EQUAL: u8 = 0;
const LESS: u8 = 1;
const LESS_EQUAL: u8 = 2;
const NOT_EQUAL: u8 = 4;
const ORDERED: u8 = 7;

fn compare(lanes: Lanes) -> PackedImm {
    if lanes == F32x4 { PackedImm::Cmpps } else { PackedImm::Cmppd }
}

/// A float of the lanes' precision, in every lane.
fn splat(lanes: Lanes, value: f64) -> u128 {
    lanes.splat(if lanes == F32x4 { (value as f32).to_bits().into() } else { value.to_bits() })
}

impl Emit<'_> {
    /// The instructions yield their second operand when operands are equal zeros or one is not a number, so both orders are
    /// tried. What differs in sign or is NaN then is merged, and a NaN made canonical.
    pub(super) fn float_min_max(&mut self, op: Vector, lanes: Lanes, target: Xmm, a: Xmm, b: Xmm) {
        let temp = Self::FLOAT_TEMP;
        let (min, max, subtract) = if lanes == F32x4 { (Minps, Maxps, Subps) } else { (Minpd, Maxpd, Subpd) };
        let (shift, payload) = match lanes {
            F32x4 => (PackedShift::Psrld, 10),
            _ => (PackedShift::Psrlq, 13),
        };
        if let Vector::Min(..) = op {
            self.packed(min, target, a, b);
            self.packed(min, temp, b, a);
            self.packed(Orps, temp, temp, target);
            self.packed_imm(compare(lanes), target, target, temp, UNORDERED);
        } else {
            self.packed(max, target, a, b);
            self.packed(max, temp, b, a);
            // Where the results are alike this is 0; of zeros with different signs it is the sign, and the difference +0.
            self.packed(Xorps, target, target, temp);
            self.packed(Orps, temp, temp, target);
            self.packed(subtract, temp, temp, target);
            self.packed_imm(compare(lanes), target, target, temp, UNORDERED);
        }
        self.packed(Orps, temp, temp, target);
        self.packed_shift(shift, target, target, payload);
        self.packed(Andnps, target, target, temp);
        self.canonicalise(lanes, target);
    }

    pub(super) fn compare_float_lanes(&mut self, op: Vector, lanes: Lanes, e: &Step) {
        let (swaps, predicate) = match op {
            Vector::Eq(_) => (false, EQUAL),
            Vector::Ne(_) => (false, NOT_EQUAL),
            Vector::Lt(..) => (false, LESS),
            Vector::Le(..) => (false, LESS_EQUAL),
            Vector::Gt(..) => (true, LESS),
            _ => (true, LESS_EQUAL),
        };
        self.two(e, |emit, target, a, b| {
            let (a, b) = if swaps { (b, a) } else { (a, b) };
            emit.packed_imm(compare(lanes), target, a, b, predicate);
        });
    }

    pub(super) fn round_lanes(&mut self, lanes: Lanes, rounding: Rounding, e: &Step) {
        let op = if lanes == F32x4 { PackedUnaryImm::Roundps } else { PackedUnaryImm::Roundpd };
        self.one_in_place(e, |emit, target, a| {
            emit.packed_unary_imm(op, target, a, rounding as u8);
            emit.canonicalise(lanes, target);
        });
    }

    pub(super) fn convert_lanes(&mut self, op: Vector, target: Xmm, a: Xmm) {
        let avx512 = self.module.cpu.avx512;
        match op {
            Vector::ConvertI32x4(_) if avx512 => _ = self.asm.e_packed_rr(Evex::Vcvtudq2ps, target, a),
            Vector::ConvertI32x4(_) => self.convert_unsigned(target, a),
            Vector::ConvertLowI32x4(_) if avx512 => _ = self.asm.e_packed_rr(Evex::Vcvtudq2pd, target, a),
            Vector::ConvertLowI32x4(_) => {
                // As the low bits of floats from 2^52 on, which is then subtracted.
                self.load_vector_constant(Self::FLOAT_TEMP, I32x4.splat(0x4330_0000));
                self.packed(Punpckldq, target, a, Self::FLOAT_TEMP);
                self.packed_constant(Subpd, target, target, splat(F64x2, 4503599627370496.0));
            }
            Vector::TruncF32x4(true) => self.trunc_f32_signed(target, a),
            // What is out of range, and NaN, becomes the largest number.
            Vector::RelaxedTruncF32x4(false) if avx512 => _ = self.asm.e_packed_rr(Evex::Vcvttps2udq, target, a),
            Vector::RelaxedTruncF64x2(false) if avx512 => _ = self.asm.e_packed_rr(Evex::Vcvttpd2udq, target, a),
            Vector::TruncF32x4(_) | Vector::RelaxedTruncF32x4(_) => self.trunc_f32_unsigned(target, a),
            Vector::TruncF64x2(true) => {
                // NaN to 0, what is too large to the largest; what is too small the instruction makes the smallest.
                let temp = Self::FLOAT_TEMP;
                self.packed_imm(PackedImm::Cmppd, temp, a, a, ORDERED);
                self.packed_constant(Andpd, temp, temp, splat(F64x2, 2147483647.0));
                self.packed(Minpd, target, a, temp);
                self.packed_unary(PackedUnary::Cvttpd2dq, target, target);
            }
            _ => self.trunc_f64_unsigned(target, a),
        }
    }

    /// The upper and the lower sixteen bits, both exact, are added: rounded once.
    fn convert_unsigned(&mut self, target: Xmm, a: Xmm) {
        let temp = Self::FLOAT_TEMP;
        self.packed_shift(PackedShift::Pslld, temp, a, 16);
        self.packed_shift(PackedShift::Psrld, temp, temp, 16);
        self.packed(Psubd, target, a, temp);
        self.packed_unary(PackedUnary::Cvtdq2ps, temp, temp);
        // Halved to be a positive signed number.
        self.packed_shift(PackedShift::Psrld, target, target, 1);
        self.packed_unary(PackedUnary::Cvtdq2ps, target, target);
        self.packed(Addps, target, target, target);
        self.packed(Addps, target, target, temp);
    }

    /// What is out of range the instruction makes the smallest number: inverted where it is too large, cleared where it
    /// is NaN.
    fn trunc_f32_signed(&mut self, target: Xmm, a: Xmm) {
        let temp = Self::FLOAT_TEMP;
        self.load_vector_constant(temp, splat(F32x4, 2147483648.0));
        self.packed_imm(PackedImm::Cmpps, temp, temp, a, LESS_EQUAL);
        self.packed_unary(PackedUnary::Cvttps2dq, target, a);
        self.packed(Pxor, target, target, temp);
        self.packed_imm(PackedImm::Cmpps, temp, a, a, ORDERED);
        self.packed(Pand, target, target, temp);
    }

    fn trunc_f32_unsigned(&mut self, target: Xmm, a: Xmm) {
        let temp = Self::FLOAT_TEMP;
        // NaN and negative numbers become 0: of unordered operands the instruction yields the second.
        self.zero_vector(temp);
        self.packed(Maxps, target, a, temp);
        if self.module.cpu.avx512 {
            self.asm.e_packed_rr(Evex::Vcvttps2udq, target, target);
            return;
        }
        // What is over 2^31 is converted by itself, saturated, and added to the 2^31 that the instruction makes of it.
        let over = self.vector_temp();
        self.load_vector_constant(temp, splat(F32x4, 2147483648.0));
        self.packed(Subps, over, target, temp);
        self.packed_imm(PackedImm::Cmpps, temp, temp, over, LESS_EQUAL);
        self.packed_unary(PackedUnary::Cvttps2dq, over, over);
        self.packed(Pxor, over, over, temp);
        self.zero_vector(temp);
        self.packed(Pmaxsd, over, over, temp);
        self.packed_unary(PackedUnary::Cvttps2dq, target, target);
        self.packed(Paddd, target, target, over);
    }

    fn trunc_f64_unsigned(&mut self, target: Xmm, a: Xmm) {
        let temp = Self::FLOAT_TEMP;
        self.zero_vector(temp);
        self.packed(Maxpd, target, a, temp);
        if self.module.cpu.avx512 {
            self.asm.e_packed_rr(Evex::Vcvttpd2udq, target, target);
            return;
        }
        // An integer below 2^32, added to 2^52, is in the low bits.
        self.packed_constant(Minpd, target, target, splat(F64x2, 4294967295.0));
        self.packed_unary_imm(PackedUnaryImm::Roundpd, target, target, Rounding::Trunc as u8);
        self.packed_constant(Addpd, target, target, splat(F64x2, 4503599627370496.0));
        const EVEN: u8 = 0b10_00_10_00;
        self.packed_imm(PackedImm::Shufps, target, target, temp, EVEN);
    }

    // Multiplication and addition.

    pub(super) fn fuses_multiply_add(&self) -> bool {
        self.module.cpu.fma && !self.module.deterministic
    }

    /// `target = c + a * b`, or `c - a * b`: rounded once where the CPU can, if results may depend on it.
    pub(super) fn multiply_add(&mut self, lanes: Lanes, negated: bool, target: Xmm, [a, b, c]: [Xmm; 3]) {
        let prec = float_prec(lanes);
        if self.fuses_multiply_add() {
            self.move_vector(target, c);
            match negated {
                true => self.asm.v_fnmadd_rrr(prec, target, a, b),
                false => self.asm.v_fmadd_rrr(prec, target, a, b),
            };
            return;
        }
        let (multiply, add, subtract) = if lanes == F32x4 { (Mulps, Addps, Subps) } else { (Mulpd, Addpd, Subpd) };
        self.packed(multiply, target, a, b);
        match negated {
            true => {
                self.packed(subtract, Self::FLOAT_TEMP, c, target);
                self.move_vector(target, Self::FLOAT_TEMP);
            }
            false => self.packed(add, target, target, c),
        }
        self.canonicalise(lanes, target);
    }
}
