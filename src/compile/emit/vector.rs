//! Vectors: operands, and operators that are one instruction. AVX's three-operand forms where the CPU has them, else SSE.
//!
//! SSE's memory operands must be aligned, so only constants are folded there. A memory operand that is folded is sixteen bytes
//! wide, as the load that it replaces.

use super::operand::{Step, Value};
use super::state::{Emit, FloatSource, width};
use crate::abi::positions::SiteKind;
use crate::compile::op::Class;
use crate::compile::tape::{Entry, Ref};
use crate::compile::vector::Lanes::{F32x4, F64x2, I8x16, I16x8, I32x4, I64x2};
use crate::compile::vector::{Lanes, Vector};
use planish_asm::Packed::*;
use planish_asm::{Addr, Packed, PackedImm, PackedShift, PackedUnary, PackedUnaryImm, Prec, R64, Rounding, Width, Xmm};

/// An operator that is one instruction of two operands.
#[derive(Clone, Copy)]
pub(super) enum Single {
    /// `dst = a op b`, and the operands may change places.
    Commutes(Packed),
    /// `dst = a op b`
    Plain(Packed),
    /// `dst = b op a`
    Swapped(Packed),
}

/// The instruction of an operator that is one, on every CPU.
pub(super) fn single(op: Vector) -> Option<Single> {
    use Single::{Commutes, Plain, Swapped};
    Some(match op {
        Vector::And => Commutes(Pand),
        Vector::AndNot => Swapped(Pandn),
        Vector::Or => Commutes(Por),
        Vector::Xor => Commutes(Pxor),
        Vector::Eq(I8x16) => Commutes(Pcmpeqb),
        Vector::Eq(I16x8) => Commutes(Pcmpeqw),
        Vector::Eq(I32x4) => Commutes(Pcmpeqd),
        Vector::Eq(I64x2) => Commutes(Pcmpeqq),
        Vector::Gt(I8x16, true) => Plain(Pcmpgtb),
        Vector::Gt(I16x8, true) => Plain(Pcmpgtw),
        Vector::Gt(I32x4, true) => Plain(Pcmpgtd),
        Vector::Lt(I8x16, true) => Swapped(Pcmpgtb),
        Vector::Lt(I16x8, true) => Swapped(Pcmpgtw),
        Vector::Lt(I32x4, true) => Swapped(Pcmpgtd),
        Vector::Add(lanes) => match lanes {
            I8x16 => Commutes(Paddb),
            I16x8 => Commutes(Paddw),
            I32x4 => Commutes(Paddd),
            I64x2 => Commutes(Paddq),
            F32x4 => Commutes(Addps),
            F64x2 => Commutes(Addpd),
        },
        Vector::Sub(lanes) => Plain(match lanes {
            I8x16 => Psubb,
            I16x8 => Psubw,
            I32x4 => Psubd,
            I64x2 => Psubq,
            F32x4 => Subps,
            F64x2 => Subpd,
        }),
        Vector::Mul(I16x8) => Commutes(Pmullw),
        Vector::Mul(I32x4) => Commutes(Pmulld),
        Vector::Mul(F32x4) => Commutes(Mulps),
        Vector::Mul(F64x2) => Commutes(Mulpd),
        Vector::Div(F32x4) => Plain(Divps),
        Vector::Div(F64x2) => Plain(Divpd),
        Vector::AddSaturating(I8x16, true) => Commutes(Paddsb),
        Vector::AddSaturating(I8x16, false) => Commutes(Paddusb),
        Vector::AddSaturating(_, true) => Commutes(Paddsw),
        Vector::AddSaturating(_, false) => Commutes(Paddusw),
        Vector::SubSaturating(I8x16, true) => Plain(Psubsb),
        Vector::SubSaturating(I8x16, false) => Plain(Psubusb),
        Vector::SubSaturating(_, true) => Plain(Psubsw),
        Vector::SubSaturating(_, false) => Plain(Psubusw),
        Vector::Min(lanes @ (I8x16 | I16x8 | I32x4), signed) => Commutes(minimum(lanes, signed)),
        Vector::Max(lanes @ (I8x16 | I16x8 | I32x4), signed) => Commutes(maximum(lanes, signed)),
        // The instructions yield their second operand if the operands are equal or unordered.
        Vector::Pmin(F32x4) => Swapped(Minps),
        Vector::Pmin(_) => Swapped(Minpd),
        Vector::Pmax(F32x4) => Swapped(Maxps),
        Vector::Pmax(_) => Swapped(Maxpd),
        Vector::RelaxedMin(F32x4) => Plain(Minps),
        Vector::RelaxedMin(_) => Plain(Minpd),
        Vector::RelaxedMax(F32x4) => Plain(Maxps),
        Vector::RelaxedMax(_) => Plain(Maxpd),
        Vector::Avgr(I8x16) => Commutes(Pavgb),
        Vector::Avgr(_) => Commutes(Pavgw),
        Vector::Narrow(I16x8, true) => Plain(Packsswb),
        Vector::Narrow(I16x8, false) => Plain(Packuswb),
        Vector::Narrow(_, true) => Plain(Packssdw),
        Vector::Narrow(_, false) => Plain(Packusdw),
        Vector::Dot => Commutes(Pmaddwd),
        Vector::RelaxedSwizzle => Plain(Pshufb),
        Vector::RelaxedQ15mulr => Commutes(Pmulhrsw),
        _ => return None,
    })
}

pub(super) fn minimum(lanes: Lanes, signed: bool) -> Packed {
    match (lanes, signed) {
        (I8x16, true) => Pminsb,
        (I8x16, false) => Pminub,
        (I16x8, true) => Pminsw,
        (I16x8, false) => Pminuw,
        (_, true) => Pminsd,
        (_, false) => Pminud,
    }
}

pub(super) fn maximum(lanes: Lanes, signed: bool) -> Packed {
    match (lanes, signed) {
        (I8x16, true) => Pmaxsb,
        (I8x16, false) => Pmaxub,
        (I16x8, true) => Pmaxsw,
        (I16x8, false) => Pmaxuw,
        (_, true) => Pmaxsd,
        (_, false) => Pmaxud,
    }
}

/// That of an operator of one operand, and whether it reads sixteen bytes.
fn single_unary(op: Vector) -> Option<(PackedUnary, bool)> {
    Some(match op {
        Vector::Abs(I8x16) => (PackedUnary::Pabsb, true),
        Vector::Abs(I16x8) => (PackedUnary::Pabsw, true),
        Vector::Abs(I32x4) => (PackedUnary::Pabsd, true),
        Vector::Sqrt(F32x4) => (PackedUnary::Sqrtps, true),
        Vector::Sqrt(F64x2) => (PackedUnary::Sqrtpd, true),
        Vector::ConvertI32x4(true) => (PackedUnary::Cvtdq2ps, true),
        Vector::RelaxedTruncF32x4(true) => (PackedUnary::Cvttps2dq, true),
        Vector::RelaxedTruncF64x2(true) => (PackedUnary::Cvttpd2dq, true),
        Vector::Demote => (PackedUnary::Cvtpd2ps, true),
        Vector::Promote => (PackedUnary::Cvtps2pd, false),
        Vector::ConvertLowI32x4(true) => (PackedUnary::Cvtdq2pd, false),
        Vector::ExtendLow(lanes, signed) => (extension(lanes, signed), false),
        _ => return None,
    })
}

/// From the lower half of these lanes to twice as wide ones.
pub(super) fn extension(lanes: Lanes, signed: bool) -> PackedUnary {
    match (lanes, signed) {
        (I8x16, true) => PackedUnary::Pmovsxbw,
        (I8x16, false) => PackedUnary::Pmovzxbw,
        (I16x8, true) => PackedUnary::Pmovsxwd,
        (I16x8, false) => PackedUnary::Pmovzxwd,
        (_, true) => PackedUnary::Pmovsxdq,
        (_, false) => PackedUnary::Pmovzxdq,
    }
}

pub(super) fn is_float(lanes: Lanes) -> bool {
    matches!(lanes, F32x4 | F64x2)
}

impl Emit<'_> {
    #[inline(never)]
    pub(super) fn vector(&mut self, op: Vector, e: &Entry) {
        let op = if self.module.deterministic { op.deterministic() } else { op };
        let e = &self.step(e);
        if let Some(single) = single(op) {
            return self.two_operands(op, single, e);
        }
        if let Some((instruction, _)) = single_unary(op) {
            return self.one_operand(op, instruction, e);
        }
        match op {
            Vector::Splat(lanes) => self.splat(lanes, e),
            Vector::Extract(lanes, signed) => self.extract(lanes, signed, e),
            Vector::Replace(lanes) => self.replace(lanes, e),
            Vector::Bitmask(lanes) => self.bitmask(lanes, e),
            Vector::Shuffle => self.shuffle(e),
            Vector::Bitselect | Vector::Laneselect(_) | Vector::Madd(_) | Vector::Nmadd(_) | Vector::DotAdd => {
                self.three_operands(op, e);
            }
            Vector::Rotl(lanes) => self.one_in_place(e, |emit, target, a| emit.rotate(lanes, target, a, e.imm as u8)),
            Vector::Shl(lanes) => self.shift_left(lanes, e),
            Vector::Shr(lanes, signed) => self.shift_right(lanes, signed, e),
            Vector::Min(lanes, _) | Vector::Max(lanes, _) if is_float(lanes) => {
                self.two(e, |emit, target, a, b| emit.float_min_max(op, lanes, target, a, b));
            }
            Vector::Not | Vector::Abs(_) | Vector::Popcnt | Vector::ExtendHigh(..) => {
                self.one_in_place(e, |emit, target, a| emit.int_unary_vector(op, target, a));
            }
            Vector::Neg(_) | Vector::ExtaddPairwise(..) => {
                self.one(e, |emit, target, a| emit.int_unary_vector(op, target, a))
            }
            Vector::Eq(lanes) | Vector::Ne(lanes) if is_float(lanes) => self.compare_float_lanes(op, lanes, e),
            Vector::Lt(lanes, _) | Vector::Gt(lanes, _) | Vector::Le(lanes, _) | Vector::Ge(lanes, _)
                if is_float(lanes) =>
            {
                self.compare_float_lanes(op, lanes, e);
            }
            Vector::Ceil(lanes) => self.round_lanes(lanes, Rounding::Ceil, e),
            Vector::Floor(lanes) => self.round_lanes(lanes, Rounding::Floor, e),
            Vector::Trunc(lanes) => self.round_lanes(lanes, Rounding::Trunc, e),
            Vector::Nearest(lanes) => self.round_lanes(lanes, Rounding::Nearest, e),
            Vector::ConvertI32x4(_)
            | Vector::ConvertLowI32x4(_)
            | Vector::TruncF32x4(_)
            | Vector::TruncF64x2(_)
            | Vector::RelaxedTruncF32x4(_)
            | Vector::RelaxedTruncF64x2(_) => self.one(e, |emit, target, a| emit.convert_lanes(op, target, a)),
            _ => self.two(e, |emit, target, a, b| emit.int_binary_vector(op, target, a, b)),
        }
    }

    // Operands.

    pub(super) fn read_vector(&mut self, value: Value) -> Xmm {
        self.read_float(value, Class::V128)
    }

    /// A vector as the second operand of an instruction that reads sixteen bytes.
    pub(super) fn vector_source(&mut self, value: Value) -> FloatSource {
        match self.tape.vector_constant(value.reference) {
            // Made in a register.
            Some(0 | u128::MAX) => FloatSource::Reg(self.read_vector(value)),
            Some(vector) => self.constant_source(vector),
            None if self.avx() => self.float_source(value, Class::V128),
            None => FloatSource::Reg(self.read_vector(value)),
        }
    }

    /// The register in which a constant is kept.
    pub(super) fn kept(&self, vector: u128) -> Option<Xmm> {
        self.plan.constants.iter().find(|constant| constant.0 == vector).map(|constant| constant.1)
    }

    fn constant_source(&mut self, vector: u128) -> FloatSource {
        match self.kept(vector) {
            Some(register) => FloatSource::Reg(register),
            None => FloatSource::Mem(self.constant(vector)),
        }
    }

    pub(super) fn load_vector_constant(&mut self, register: Xmm, vector: u128) {
        match vector {
            0 => self.packed(Pxor, register, register, register),
            u128::MAX => self.packed(Pcmpeqd, register, register, register),
            _ => match self.constant_source(vector) {
                FloatSource::Reg(kept) => self.move_float(register, kept),
                FloatSource::Mem(constant) | FloatSource::Heap(constant, _) => {
                    self.load_float(Class::V128, register, constant);
                }
            },
        }
    }

    // Instructions.

    /// `target = a op b`; without AVX, `b` must not be in the target unless `a` is, too.
    pub(super) fn packed(&mut self, op: Packed, target: Xmm, a: Xmm, b: Xmm) {
        self.packed_source(op, target, a, FloatSource::Reg(b));
    }

    /// The same with a constant.
    pub(super) fn packed_constant(&mut self, op: Packed, target: Xmm, a: Xmm, b: u128) {
        let constant = self.constant_source(b);
        self.packed_source(op, target, a, constant);
    }

    fn packed_source(&mut self, op: Packed, target: Xmm, a: Xmm, b: FloatSource) {
        if !self.avx() {
            self.first_operand(target, a, b);
        }
        if let FloatSource::Heap(_, wasm_offset) = b {
            self.site(SiteKind::Memory, wasm_offset);
        }
        match (self.avx(), b) {
            (true, FloatSource::Reg(b)) => self.asm.v_packed_rrr(op, target, a, b),
            (true, FloatSource::Mem(b) | FloatSource::Heap(b, _)) => self.asm.v_packed_rrm(op, target, a, b),
            (false, FloatSource::Reg(b)) => self.asm.packed_rr(op, target, b),
            (false, FloatSource::Mem(b) | FloatSource::Heap(b, _)) => self.asm.packed_rm(op, target, b),
        };
    }

    /// The first operand of a two-operand form.
    fn first_operand(&mut self, target: Xmm, a: Xmm, b: FloatSource) {
        if target != a {
            assert!(!matches!(b, FloatSource::Reg(b) if b == target), "the second operand would be overwritten");
            self.move_float(target, a);
        }
    }

    pub(super) fn packed_unary(&mut self, op: PackedUnary, target: Xmm, a: Xmm) {
        match self.avx() {
            true => self.asm.v_packed_unary_rr(op, target, a),
            false => self.asm.packed_unary_rr(op, target, a),
        };
    }

    pub(super) fn packed_unary_memory(&mut self, op: PackedUnary, target: Xmm, a: Addr) {
        match self.avx() {
            true => self.asm.v_packed_unary_rm(op, target, a),
            false => self.asm.packed_unary_rm(op, target, a),
        };
    }

    /// As [`Emit::packed`].
    pub(super) fn packed_imm(&mut self, op: PackedImm, target: Xmm, a: Xmm, b: Xmm, imm: u8) {
        match self.avx() {
            true => _ = self.asm.v_packed_imm_rrri(op, target, a, b, imm),
            false => {
                self.first_operand(target, a, FloatSource::Reg(b));
                self.asm.packed_imm_rri(op, target, b, imm);
            }
        }
    }

    pub(super) fn packed_unary_imm(&mut self, op: PackedUnaryImm, target: Xmm, a: Xmm, imm: u8) {
        match self.avx() {
            true => self.asm.v_packed_unary_imm_rri(op, target, a, imm),
            false => self.asm.packed_unary_imm_rri(op, target, a, imm),
        };
    }

    pub(super) fn packed_shift(&mut self, op: PackedShift, target: Xmm, a: Xmm, count: u8) {
        if self.avx() {
            self.asm.v_packed_shift_rri(op, target, a, count);
            return;
        }
        if target != a {
            self.move_float(target, a);
        }
        self.asm.packed_shift_ri(op, target, count);
    }

    /// A general register into the lowest lane, zeros above.
    pub(super) fn move_to_vector(&mut self, width: Width, target: Xmm, from: R64) {
        match self.avx() {
            true => self.asm.v_mov_x_r(width, target, from),
            false => self.asm.mov_x_r(width, target, from),
        };
    }

    pub(super) fn zero_vector(&mut self, register: Xmm) {
        self.packed(Pxor, register, register, register);
    }

    pub(super) fn ones(&mut self, register: Xmm) {
        self.packed(Pcmpeqd, register, register, register);
    }

    /// `target = a`
    pub(super) fn move_vector(&mut self, target: Xmm, a: Xmm) {
        if target != a {
            self.move_float(target, a);
        }
    }

    // Shapes of entries.

    /// Operators of one vector: the target is another register than the operand.
    pub(super) fn one(&mut self, e: &Step, emit: impl FnOnce(&mut Self, Xmm, Xmm)) {
        let a = self.read_vector(e.a);
        self.release(e.a);
        let target = self.float_target(e, None, 1 << a.num());
        emit(self, target, a);
        self.define_float(e.dst, target, Class::V128);
    }

    /// The register of an operand that dies here, unless the result is wanted in another.
    fn reusable(&self, e: &Step, dying: Option<Xmm>) -> Option<Xmm> {
        dying.filter(|register| e.hint == 0 || e.hint == register.num() + 1)
    }

    /// The same where the target may be the operand's register.
    pub(super) fn one_in_place(&mut self, e: &Step, emit: impl FnOnce(&mut Self, Xmm, Xmm)) {
        let a = self.read_vector(e.a);
        let dying = self.reusable(e, self.dying_float(e.a));
        self.release(e.a);
        let target = self.float_target(e, dying, 0);
        emit(self, target, a);
        self.define_float(e.dst, target, Class::V128);
    }

    /// Of two: the target is another register than both.
    pub(super) fn two(&mut self, e: &Step, emit: impl FnOnce(&mut Self, Xmm, Xmm, Xmm)) {
        let (a, b) = (self.read_vector(e.a), self.read_vector(e.b));
        self.release(e.a);
        self.release(e.b);
        let target = self.float_target(e, None, 1 << a.num() | 1 << b.num());
        emit(self, target, a, b);
        self.define_float(e.dst, target, Class::V128);
    }

    /// Another scratch register, until the entry is done.
    pub(super) fn vector_temp(&mut self) -> Xmm {
        self.float_scratch(0, 0)
    }

    fn two_operands(&mut self, op: Vector, single: Single, e: &Step) {
        let (instruction, commutes, mut a, mut b) = match single {
            Single::Commutes(instruction) => (instruction, true, e.a, e.b),
            Single::Plain(instruction) => (instruction, false, e.a, e.b),
            Single::Swapped(instruction) => (instruction, false, e.b, e.a),
        };
        let swaps = self.is_fused(a)
            || a.is_const()
            || !self.avx() && self.dying_float(b).is_some() && self.dying_float(a).is_none();
        if commutes && swaps && !self.is_fused(b) {
            (a, b) = (b, a);
        }
        let left = self.read_vector(a);
        let right = self.vector_source(b);
        let second = if self.avx() { self.dying_float(b) } else { None };
        let dying = self.reusable(e, self.dying_float(a)).or_else(|| self.reusable(e, second));
        self.release(a);
        self.release(b);
        let avoid = match right {
            FloatSource::Reg(right) if !self.avx() && right != left => 1 << right.num(),
            _ => 0,
        };
        let target = self.float_target(e, dying, avoid);
        self.packed_source(instruction, target, left, right);
        if let Vector::Add(lanes) | Vector::Sub(lanes) | Vector::Mul(lanes) | Vector::Div(lanes) = op {
            self.canonicalise(lanes, target);
        }
        self.define_float(e.dst, target, Class::V128);
    }

    fn one_operand(&mut self, op: Vector, instruction: PackedUnary, e: &Step) {
        let a = self.read_vector(e.a);
        let dying = self.reusable(e, self.dying_float(e.a));
        self.release(e.a);
        let target = self.float_target(e, dying, 0);
        self.packed_unary(instruction, target, a);
        match op {
            Vector::Sqrt(lanes) => self.canonicalise(lanes, target),
            Vector::Demote => self.canonicalise(F32x4, target),
            Vector::Promote => self.canonicalise(F64x2, target),
            _ => {}
        }
        self.define_float(e.dst, target, Class::V128);
    }

    /// In the deterministic profile every NaN that arithmetic yields is the positive canonical one.
    pub(super) fn canonicalise(&mut self, lanes: Lanes, register: Xmm) {
        if !self.module.deterministic || !is_float(lanes) {
            return;
        }
        // Those bits of a NaN of all ones that the canonical one has not.
        let (compare, blend, nan) = match lanes {
            F32x4 => (PackedImm::Cmpps, planish_asm::BlendV::Vblendvps, 0x7FC0_0000),
            _ => (PackedImm::Cmppd, planish_asm::BlendV::Vblendvpd, 0x7FF8_0000_0000_0000),
        };
        let (nan, mask) = (lanes.splat(nan), Self::FLOAT_TEMP);
        self.packed_imm(compare, mask, register, register, UNORDERED);
        if self.avx() {
            let nan = self.constant(nan);
            self.asm.v_blend_rrmr(blend, register, register, nan, mask);
            return;
        }
        self.packed(Orps, register, register, mask);
        self.packed_constant(Andps, mask, mask, !nan);
        self.packed(Xorps, register, register, mask);
    }

    /// The same for a scalar; what is above it in the register does not matter.
    pub(super) fn canonicalise_scalar(&mut self, class: Class, register: Xmm) {
        self.canonicalise(if class == Class::F32 { F32x4 } else { F64x2 }, register);
    }

    fn three_operands(&mut self, op: Vector, e: &Step) {
        let third = self.value(Ref::from_item(e.imm));
        let (a, b, c) = (self.read_vector(e.a), self.read_vector(e.b), self.read_vector(third));
        // The third operand is what most of them accumulate to, or overwrite.
        let dying = self.dying_float(third);
        for value in [e.a, e.b, third] {
            self.release(value);
        }
        // An operand that occurs twice does not die twice.
        let dying = dying.filter(|&register| register != a && register != b);
        let avoid = 1 << a.num() | 1 << b.num();
        // Where the third operand is wanted last, the target must be another register.
        let in_place = match op {
            Vector::Bitselect => self.module.cpu.avx512,
            Vector::Laneselect(_) => self.module.cpu.avx512,
            Vector::Madd(_) | Vector::Nmadd(_) => self.fuses_multiply_add(),
            _ => false,
        };
        let target = match in_place {
            true => self.float_target(e, dying, avoid),
            false => self.float_target(e, None, avoid | 1 << c.num()),
        };
        match op {
            Vector::Bitselect => self.bitselect(target, a, b, c),
            Vector::Laneselect(lanes) => self.laneselect(lanes, target, a, b, c),
            Vector::DotAdd => self.dot_add(target, a, b, c),
            Vector::Madd(lanes) => self.multiply_add(lanes, false, target, [a, b, c]),
            Vector::Nmadd(lanes) => self.multiply_add(lanes, true, target, [a, b, c]),
            _ => unreachable!("the caller chose"),
        }
        self.define_float(e.dst, target, Class::V128);
    }

    /// Can the next entry take a vector load as its memory operand?
    pub(super) fn fuses_vector(&self, op: Vector, first: bool) -> bool {
        let op = if self.module.deterministic { op.deterministic() } else { op };
        self.avx()
            && match single(op) {
                Some(Single::Commutes(_)) => true,
                Some(Single::Plain(_)) => !first,
                Some(Single::Swapped(_)) => first,
                None => false,
            }
    }
}

/// The predicate of `cmpps` and `cmppd` that holds if an operand is not a number.
pub(super) const UNORDERED: u8 = 3;

pub(super) fn float_prec(lanes: Lanes) -> Prec {
    if lanes == F32x4 { Prec::S } else { Prec::D }
}

/// The width of a lane in a general register.
pub(super) fn lane_width(lanes: Lanes) -> Width {
    match lanes {
        I8x16 => Width::W8,
        I16x8 => Width::W16,
        _ => width(if lanes == I32x4 { Class::I32 } else { Class::I64 }),
    }
}
