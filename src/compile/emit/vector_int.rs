//! Vectors of integers: operators that take more than one instruction, shifts, selections, tests.

use super::Emit;
use super::operand::{Step, Value};
use super::vector::{extension, is_float, lane_width, maximum, minimum};
use crate::compile::op::Class;
use crate::compile::vector::Lanes::{F32x4, I8x16, I16x8, I32x4, I64x2};
use crate::compile::vector::{Lanes, Vector};
use planish_asm::Packed::*;
use planish_asm::{Alu, BlendV, Evex, MoveMask, Packed, PackedShift, PackedUnary, PackedUnaryImm, Width, Xmm};

/// For `vpternlogd`: the inverse of the last operand.
const NOT_LAST: u8 = 0x55;
/// For `vpternlogd`: where the first operand is set the second, else the third.
const CHOOSE: u8 = 0xCA;
/// For `pshufd`: the upper half in both.
const UPPER_HALF: u8 = 0xEE;
/// For `pshufd`: the upper half of each half, twice.
const UPPER_PARTS: u8 = 0xF5;

fn equal(lanes: Lanes) -> Packed {
    match lanes {
        I8x16 => Pcmpeqb,
        I16x8 => Pcmpeqw,
        I64x2 => Pcmpeqq,
        _ => Pcmpeqd,
    }
}

fn subtract(lanes: Lanes) -> Packed {
    match lanes {
        I8x16 => Psubb,
        I16x8 => Psubw,
        I64x2 => Psubq,
        _ => Psubd,
    }
}

impl Emit<'_> {
    /// `target = !a`
    fn invert(&mut self, target: Xmm, a: Xmm) {
        if self.module.cpu.avx512 {
            // The target is an operand, whatever the table says of it: it must not be waited for.
            self.move_vector(target, a);
            self.asm.e_ternlog_rrr(target, target, target, NOT_LAST);
            return;
        }
        self.ones(Self::FLOAT_TEMP);
        self.packed(Pxor, target, a, Self::FLOAT_TEMP);
    }

    pub(super) fn int_unary_vector(&mut self, op: Vector, target: Xmm, a: Xmm) {
        let temp = Self::FLOAT_TEMP;
        match op {
            Vector::Not => self.invert(target, a),
            Vector::Abs(lanes) if is_float(lanes) => {
                let sign = lanes.splat(1 << (lanes.bits() - 1));
                self.packed_constant(Andps, target, a, !sign);
            }
            Vector::Neg(lanes) if is_float(lanes) => {
                let sign = lanes.splat(1 << (lanes.bits() - 1));
                self.packed_constant(Xorps, target, a, sign);
            }
            Vector::Abs(_) if self.module.cpu.avx512 => _ = self.asm.e_packed_rr(Evex::Vpabsq, target, a),
            Vector::Abs(_) => {
                // Of 64 bits: all bits inverted and one added where the sign is set.
                self.packed_unary_imm(PackedUnaryImm::Pshufd, temp, a, UPPER_PARTS);
                self.packed_shift(PackedShift::Psrad, temp, temp, 31);
                self.packed(Pxor, target, a, temp);
                self.packed(Psubq, target, target, temp);
            }
            Vector::Neg(lanes) => {
                self.zero_vector(target);
                self.packed(subtract(lanes), target, target, a);
            }
            Vector::Popcnt => self.popcnt_lanes(target, a),
            Vector::ExtendHigh(lanes, signed) => {
                self.packed_unary_imm(PackedUnaryImm::Pshufd, target, a, UPPER_HALF);
                self.packed_unary(extension(lanes, signed), target, target);
            }
            Vector::ExtaddPairwise(lanes, signed) => self.extadd_pairwise(lanes, signed, target, a),
            _ => unreachable!("the caller chose"),
        }
    }

    /// By a table of the counts of four bits.
    fn popcnt_lanes(&mut self, target: Xmm, a: Xmm) {
        const COUNTS: u128 = 0x04030302_03020201_03020201_02010100;
        const LOW_BITS: u128 = 0x0F0F0F0F_0F0F0F0F_0F0F0F0F_0F0F0F0F;
        if self.module.cpu.bitalg {
            self.asm.e_packed_rr(Evex::Vpopcntb, target, a);
            return;
        }
        let (low, counts) = (Self::FLOAT_TEMP, self.vector_temp());
        self.packed_constant(Pand, low, a, LOW_BITS);
        self.packed_shift(PackedShift::Psrlw, target, a, 4);
        self.packed_constant(Pand, target, target, LOW_BITS);
        self.load_vector_constant(counts, COUNTS);
        self.packed(Pshufb, counts, counts, low);
        self.load_vector_constant(low, COUNTS);
        self.packed(Pshufb, low, low, target);
        self.packed(Paddb, target, low, counts);
    }

    /// Sums of products with one, which the instructions form of neighbours.
    fn extadd_pairwise(&mut self, lanes: Lanes, signed: bool, target: Xmm, a: Xmm) {
        match (lanes, signed) {
            (I8x16, true) => {
                // The first operand's bytes are unsigned.
                self.load_vector_constant(target, I8x16.splat(1));
                self.packed(Pmaddubsw, target, target, a);
            }
            (I8x16, false) => self.packed_constant(Pmaddubsw, target, a, I8x16.splat(1)),
            (_, true) => self.packed_constant(Pmaddwd, target, a, I16x8.splat(1)),
            (_, false) => {
                // As signed numbers, 0x8000 less each.
                self.packed_constant(Pxor, target, a, I16x8.splat(0x8000));
                self.packed_constant(Pmaddwd, target, target, I16x8.splat(1));
                self.packed_constant(Paddd, target, target, I32x4.splat(0x1_0000));
            }
        }
    }

    pub(super) fn int_binary_vector(&mut self, op: Vector, target: Xmm, a: Xmm, b: Xmm) {
        let temp = Self::FLOAT_TEMP;
        match op {
            Vector::Ne(lanes) => {
                self.packed(equal(lanes), target, a, b);
                self.invert(target, target);
            }
            Vector::Lt(I64x2, _) => self.greater_i64(target, b, a),
            Vector::Gt(I64x2, _) => self.greater_i64(target, a, b),
            Vector::Le(I64x2, _) => {
                self.greater_i64(target, a, b);
                self.invert(target, target);
            }
            Vector::Ge(I64x2, _) => {
                self.greater_i64(target, b, a);
                self.invert(target, target);
            }
            Vector::Lt(lanes, _) => self.greater_unsigned(lanes, target, b, a),
            Vector::Gt(lanes, _) => self.greater_unsigned(lanes, target, a, b),
            Vector::Le(lanes, signed) => {
                self.packed(minimum(lanes, signed), target, a, b);
                self.packed(equal(lanes), target, target, a);
            }
            Vector::Ge(lanes, signed) => {
                self.packed(maximum(lanes, signed), target, a, b);
                self.packed(equal(lanes), target, target, a);
            }
            Vector::Mul(_) => self.multiply_i64(target, a, b),
            Vector::Q15mulr => {
                // The one product that overflows, of the smallest number with itself, is inverted to the largest.
                self.packed(Pmulhrsw, target, a, b);
                self.packed_constant(Pcmpeqw, temp, target, I16x8.splat(0x8000));
                self.packed(Pxor, target, target, temp);
            }
            Vector::ExtmulLow(lanes, signed) => self.extmul(lanes, signed, false, target, a, b),
            Vector::ExtmulHigh(lanes, signed) => self.extmul(lanes, signed, true, target, a, b),
            Vector::Swizzle => {
                // The top bit of an index yields 0: 16 and more get it.
                self.packed_constant(Paddusb, temp, b, I8x16.splat(0x70));
                self.packed(Pshufb, target, a, temp);
            }
            Vector::RelaxedDot if self.module.deterministic => self.dot_signed(target, a, b),
            // The first operand's bytes are unsigned.
            Vector::RelaxedDot => self.packed(Pmaddubsw, target, b, a),
            _ => unreachable!("the others are one instruction"),
        }
    }

    /// `target = a > b`, the signs turned around.
    fn greater_unsigned(&mut self, lanes: Lanes, target: Xmm, a: Xmm, b: Xmm) {
        let sign = lanes.splat(1 << (lanes.bits() - 1));
        let greater = match lanes {
            I8x16 => Pcmpgtb,
            I16x8 => Pcmpgtw,
            _ => Pcmpgtd,
        };
        self.packed_constant(Pxor, Self::FLOAT_TEMP, b, sign);
        self.packed_constant(Pxor, target, a, sign);
        self.packed(greater, target, target, Self::FLOAT_TEMP);
    }

    /// `target = a > b` of signed 64 bits. Without SSE4.2: the upper halves are greater, or equal and the difference negative.
    fn greater_i64(&mut self, target: Xmm, a: Xmm, b: Xmm) {
        if self.module.cpu.sse42 {
            return self.packed(Pcmpgtq, target, a, b);
        }
        let temp = Self::FLOAT_TEMP;
        self.packed(Psubq, target, b, a);
        self.packed(Pcmpeqd, temp, a, b);
        self.packed(Pand, target, target, temp);
        self.packed(Pcmpgtd, temp, a, b);
        self.packed(Por, target, target, temp);
        self.packed_unary_imm(PackedUnaryImm::Pshufd, target, target, UPPER_PARTS);
    }

    /// The low half of the product: of the low halves, and of each with the other's upper half, moved up.
    fn multiply_i64(&mut self, target: Xmm, a: Xmm, b: Xmm) {
        if self.module.cpu.avx512 {
            self.asm.e_packed_rrr(Evex::Vpmullq, target, a, b);
            return;
        }
        let temp = Self::FLOAT_TEMP;
        self.packed_shift(PackedShift::Psrlq, temp, a, 32);
        self.packed(Pmuludq, temp, temp, b);
        self.packed_shift(PackedShift::Psrlq, target, b, 32);
        self.packed(Pmuludq, target, target, a);
        self.packed(Paddq, temp, temp, target);
        self.packed_shift(PackedShift::Psllq, temp, temp, 32);
        self.packed(Pmuludq, target, a, b);
        self.packed(Paddq, target, target, temp);
    }

    fn extmul(&mut self, lanes: Lanes, signed: bool, high: bool, target: Xmm, a: Xmm, b: Xmm) {
        let temp = Self::FLOAT_TEMP;
        match lanes {
            I8x16 => {
                let extend = extension(lanes, signed);
                for (to, from) in [(target, a), (temp, b)] {
                    match high {
                        true => {
                            self.packed_unary_imm(PackedUnaryImm::Pshufd, to, from, UPPER_HALF);
                            self.packed_unary(extend, to, to);
                        }
                        false => self.packed_unary(extend, to, from),
                    }
                }
                self.packed(Pmullw, target, target, temp);
            }
            I16x8 => {
                // The halves of the products, interleaved.
                self.packed(if signed { Pmulhw } else { Pmulhuw }, temp, a, b);
                self.packed(Pmullw, target, a, b);
                self.packed(if high { Punpckhwd } else { Punpcklwd }, target, target, temp);
            }
            _ => {
                // Each number to the place of an even one.
                let places = if high { 0xFA } else { 0x50 };
                self.packed_unary_imm(PackedUnaryImm::Pshufd, temp, a, places);
                self.packed_unary_imm(PackedUnaryImm::Pshufd, target, b, places);
                self.packed(if signed { Pmuldq } else { Pmuludq }, target, target, temp);
            }
        }
    }

    /// Products of signed bytes, neighbours added with saturation.
    fn dot_signed(&mut self, target: Xmm, a: Xmm, b: Xmm) {
        let (temp, low) = (Self::FLOAT_TEMP, self.vector_temp());
        self.packed_unary(PackedUnary::Pmovsxbw, low, a);
        self.packed_unary(PackedUnary::Pmovsxbw, temp, b);
        self.packed(Pmaddwd, low, low, temp);
        for (to, from) in [(target, a), (temp, b)] {
            self.packed_unary_imm(PackedUnaryImm::Pshufd, to, from, UPPER_HALF);
            self.packed_unary(PackedUnary::Pmovsxbw, to, to);
        }
        self.packed(Pmaddwd, temp, temp, target);
        self.packed(Packssdw, target, low, temp);
    }

    pub(super) fn dot_add(&mut self, target: Xmm, a: Xmm, b: Xmm, c: Xmm) {
        self.int_binary_vector(Vector::RelaxedDot, target, a, b);
        self.packed_constant(Pmaddwd, target, target, I16x8.splat(1));
        self.packed(Paddd, target, target, c);
    }

    // Selection.

    /// `target = (a & c) | (b & !c)`
    pub(super) fn bitselect(&mut self, target: Xmm, a: Xmm, b: Xmm, c: Xmm) {
        if self.module.cpu.avx512 {
            self.move_vector(target, c);
            self.asm.e_ternlog_rrr(target, a, b, CHOOSE);
            return;
        }
        self.packed(Pxor, target, a, b);
        self.packed(Pand, target, target, c);
        self.packed(Pxor, target, target, b);
    }

    /// Bit by bit where that is one instruction, or the CPU has no choice by the top bits; else by them.
    pub(super) fn laneselect(&mut self, lanes: Lanes, target: Xmm, a: Xmm, b: Xmm, c: Xmm) {
        if self.module.cpu.avx512 || !self.module.cpu.avx {
            return self.bitselect(target, a, b, c);
        }
        let (op, mask) = match lanes {
            I8x16 => (BlendV::Vpblendvb, c),
            I16x8 => {
                self.packed_shift(PackedShift::Psraw, Self::FLOAT_TEMP, c, 15);
                (BlendV::Vpblendvb, Self::FLOAT_TEMP)
            }
            I32x4 | F32x4 => (BlendV::Vblendvps, c),
            _ => (BlendV::Vblendvpd, c),
        };
        self.asm.v_blend_rrrr(op, target, b, a, mask);
    }

    // Shifts.

    pub(super) fn shift_left(&mut self, lanes: Lanes, e: &Step) {
        let Some(count) = self.constant_of(e.b) else { return self.shift_variably(lanes, None, e) };
        let count = (count as u32 % lanes.bits()) as u8;
        self.one_in_place(e, |emit, target, a| match lanes {
            _ if count == 0 => emit.move_vector(target, a),
            I8x16 if count == 1 => emit.packed(Paddb, target, a, a),
            I8x16 => {
                emit.packed_shift(PackedShift::Psllw, target, a, count);
                emit.packed_constant(Pand, target, target, I8x16.splat(0xFF << count));
            }
            I16x8 => emit.packed_shift(PackedShift::Psllw, target, a, count),
            I64x2 => emit.packed_shift(PackedShift::Psllq, target, a, count),
            _ => emit.packed_shift(PackedShift::Pslld, target, a, count),
        });
    }

    pub(super) fn shift_right(&mut self, lanes: Lanes, signed: bool, e: &Step) {
        let Some(count) = self.constant_of(e.b) else { return self.shift_variably(lanes, Some(signed), e) };
        let count = (count as u32 % lanes.bits()) as u8;
        self.one_in_place(e, |emit, target, a| match (lanes, signed) {
            _ if count == 0 => emit.move_vector(target, a),
            (I8x16, _) => {
                emit.packed_shift(PackedShift::Psrlw, target, a, count);
                emit.packed_constant(Pand, target, target, I8x16.splat(0xFF >> count));
                if signed {
                    emit.extend_sign(I8x16, target, I8x16.splat(0x80 >> count));
                }
            }
            (I16x8, true) => emit.packed_shift(PackedShift::Psraw, target, a, count),
            (I16x8, false) => emit.packed_shift(PackedShift::Psrlw, target, a, count),
            (I64x2, true) if emit.module.cpu.avx512 => _ = emit.asm.e_psraq_rri(target, a, count),
            (I64x2, _) => {
                emit.packed_shift(PackedShift::Psrlq, target, a, count);
                if signed {
                    emit.extend_sign(I64x2, target, I64x2.splat(1 << 63 >> count));
                }
            }
            (_, true) => emit.packed_shift(PackedShift::Psrad, target, a, count),
            (_, false) => emit.packed_shift(PackedShift::Psrld, target, a, count),
        });
    }

    /// Lanes of 32 or 64 bits to the left.
    pub(super) fn rotate(&mut self, lanes: Lanes, target: Xmm, a: Xmm, count: u8) {
        let (left, right) = match lanes {
            I64x2 => (PackedShift::Psllq, PackedShift::Psrlq),
            _ => (PackedShift::Pslld, PackedShift::Psrld),
        };
        if self.module.cpu.avx512 {
            self.asm.e_prol_rri(lane_width(lanes), target, a, count);
        } else if count.is_multiple_of(8) {
            let (bytes, moved) = (lanes.bits() as u8 / 8, count / 8);
            let table = std::array::from_fn(|place| {
                let place = place as u8;
                place / bytes * bytes + (place + bytes - moved) % bytes
            });
            self.packed_constant(Pshufb, target, a, u128::from_le_bytes(table));
        } else {
            self.packed_shift(left, Self::FLOAT_TEMP, a, count);
            self.packed_shift(right, target, a, lanes.bits() as u8 - count);
            self.packed(Por, target, target, Self::FLOAT_TEMP);
        }
    }

    /// Where the bit of `sign` is set, all above it become set.
    fn extend_sign(&mut self, lanes: Lanes, target: Xmm, sign: u128) {
        self.packed_constant(Pxor, target, target, sign);
        self.packed_constant(subtract(lanes), target, target, sign);
    }

    /// By a count that is not known: to the left, or to the right, signed or not.
    fn shift_variably(&mut self, lanes: Lanes, right: Option<bool>, e: &Step) {
        let count = self.read(e.b, Class::I32);
        let masked = self.scratch(0, 0);
        self.mov_rr(Width::W32, masked.any(), count.any());
        self.alu_ri(Alu::And, Width::W32, masked.any(), lanes.bits() as i32 - 1);
        self.release(e.b);
        let temp = Self::FLOAT_TEMP;
        if (lanes, right) == (I8x16, Some(true)) {
            // Each byte is shifted as the upper half of a word.
            self.alu_ri(Alu::Add, Width::W32, masked.any(), 8);
        }
        self.move_to_vector(Width::W32, temp, masked.any());
        self.one(e, |emit, target, a| match (lanes, right) {
            (I8x16, None) => {
                // What would be shifted into the next byte is cleared first.
                emit.low_ones(target, temp);
                emit.packed(Pand, target, target, a);
                emit.packed(Psllw, target, target, temp);
            }
            (I8x16, Some(false)) => {
                let mask = emit.vector_temp();
                emit.low_ones(mask, temp);
                emit.packed(Psrlw, target, a, temp);
                emit.packed(Pand, target, target, mask);
            }
            (I8x16, Some(true)) => {
                let high = emit.vector_temp();
                emit.packed(Punpckhbw, high, a, a);
                emit.packed(Psraw, high, high, temp);
                emit.packed(Punpcklbw, target, a, a);
                emit.packed(Psraw, target, target, temp);
                emit.packed(Packsswb, target, target, high);
            }
            (I16x8, None) => emit.packed(Psllw, target, a, temp),
            (I16x8, Some(true)) => emit.packed(Psraw, target, a, temp),
            (I16x8, Some(false)) => emit.packed(Psrlw, target, a, temp),
            (I64x2, None) => emit.packed(Psllq, target, a, temp),
            (I64x2, Some(true)) if emit.module.cpu.avx512 => {
                _ = emit.asm.e_packed_rrr(Evex::Vpsraq, target, a, temp);
            }
            (I64x2, Some(signed)) => {
                emit.packed(Psrlq, target, a, temp);
                if signed {
                    let sign = emit.vector_temp();
                    emit.load_vector_constant(sign, I64x2.splat(1 << 63));
                    emit.packed(Psrlq, sign, sign, temp);
                    emit.packed(Pxor, target, target, sign);
                    emit.packed(Psubq, target, target, sign);
                }
            }
            (_, None) => emit.packed(Pslld, target, a, temp),
            (_, Some(true)) => emit.packed(Psrad, target, a, temp),
            (_, Some(false)) => emit.packed(Psrld, target, a, temp),
        });
    }

    /// `target` = bytes with as many ones, from the lowest on, as are left when `count` of eight are shifted out.
    fn low_ones(&mut self, target: Xmm, count: Xmm) {
        self.load_vector_constant(target, I16x8.splat(0xFF));
        self.packed(Psrlw, target, target, count);
        self.packed(Packuswb, target, target, target);
    }

    // Tests.

    /// Sets ZF if no bit is set, or, given lanes, if none of them is zero.
    pub(super) fn test_vector(&mut self, all: Option<Lanes>, a: Value) {
        let mut register = self.read_vector(a);
        self.release(a);
        if let Some(lanes) = all {
            let temp = Self::FLOAT_TEMP;
            self.zero_vector(temp);
            self.packed(equal(lanes), temp, temp, register);
            register = temp;
        }
        self.packed_unary(PackedUnary::Ptest, register, register);
    }

    pub(super) fn bitmask(&mut self, lanes: Lanes, e: &Step) {
        let (mut a, temp) = (self.read_vector(e.a), Self::FLOAT_TEMP);
        self.release(e.a);
        let target = self.target(e, None, 0);
        let op = match lanes {
            I8x16 => MoveMask::Pmovmskb,
            I16x8 => {
                self.packed(Packsswb, temp, a, a);
                a = temp;
                MoveMask::Pmovmskb
            }
            I64x2 => MoveMask::Movmskpd,
            _ => MoveMask::Movmskps,
        };
        match self.avx() {
            true => self.asm.v_movmsk_rx(op, target.any(), a),
            false => self.asm.movmsk_rx(op, target.any(), a),
        };
        if lanes == I16x8 {
            self.asm.movzx_rr(Width::W8, target.any(), target.any());
        }
        self.define(e.dst, target, Class::I32);
    }

    /// The general register width that holds a lane.
    pub(super) fn lane_register(lanes: Lanes) -> Width {
        if lane_width(lanes) == Width::W64 { Width::W64 } else { Width::W32 }
    }
}
