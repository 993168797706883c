//! Single lanes: splats, extraction, replacement, and loads and stores of a part of a vector.

use super::Emit;
use super::address::HeapAddress;
use super::operand::Step;
use super::vector::{extension, is_float, lane_width};
use crate::compile::op::{Access, Class};
use crate::compile::tape::Entry;
use crate::compile::vector::Lanes::{F32x4, F64x2, I8x16, I16x8, I32x4, I64x2};
use crate::compile::vector::{Lanes, VectorLoad};
use planish_asm::Packed::*;
use planish_asm::{Broadcast, PackedImm, PackedUnary, PackedUnaryImm, Prec, Width, Xmm};

/// How memory is accessed for one of these lanes. **Escape:** as wide as the instructions below.
fn lane_access(lanes: Lanes) -> (Access, Class) {
    match lane_width(lanes) {
        Width::W8 => (Access::U8, Class::I32),
        Width::W16 => (Access::U16, Class::I32),
        Width::W32 => (Access::Whole, Class::I32),
        Width::W64 => (Access::Whole, Class::I64),
    }
}

/// The same for a load.
fn load_access(load: VectorLoad) -> (Access, Class) {
    match load {
        VectorLoad::Extend(..) => (Access::Whole, Class::I64),
        VectorLoad::Splat(lanes) | VectorLoad::Zero(lanes) => lane_access(lanes),
    }
}

fn scalar_class(lanes: Lanes) -> Class {
    match lanes {
        I64x2 => Class::I64,
        F32x4 => Class::F32,
        F64x2 => Class::F64,
        _ => Class::I32,
    }
}

impl Emit<'_> {
    pub(super) fn splat(&mut self, lanes: Lanes, e: &Step) {
        if is_float(lanes) {
            let a = self.read_float(e.a, scalar_class(lanes));
            self.release(e.a);
            let target = self.float_target(e, None, 0);
            self.splat_lowest(lanes, target, a);
            return self.define_float(e.dst, target, Class::V128);
        }
        let a = self.read(e.a, scalar_class(lanes));
        self.release(e.a);
        let target = self.float_target(e, None, 0);
        if self.module.cpu.avx512 {
            self.asm.e_broadcast_xr(lane_width(lanes), target, a.any());
        } else {
            self.move_to_vector(Self::lane_register(lanes), target, a.any());
            self.splat_lowest(lanes, target, target);
        }
        self.define_float(e.dst, target, Class::V128);
    }

    /// The lowest lane to all.
    fn splat_lowest(&mut self, lanes: Lanes, target: Xmm, a: Xmm) {
        let avx2 = self.module.cpu.avx2;
        match lanes {
            I8x16 if avx2 => _ = self.asm.v_broadcast_rr(Broadcast::Vpbroadcastb, target, a),
            I8x16 => {
                self.zero_vector(Self::FLOAT_TEMP);
                self.packed(Pshufb, target, a, Self::FLOAT_TEMP);
            }
            I16x8 if avx2 => _ = self.asm.v_broadcast_rr(Broadcast::Vpbroadcastw, target, a),
            I16x8 => {
                self.packed_unary_imm(PackedUnaryImm::Pshuflw, target, a, 0);
                self.packed_unary_imm(PackedUnaryImm::Pshufd, target, target, 0);
            }
            F32x4 if avx2 => _ = self.asm.v_broadcast_rr(Broadcast::Vbroadcastss, target, a),
            I32x4 | F32x4 => self.packed_unary_imm(PackedUnaryImm::Pshufd, target, a, 0),
            F64x2 => self.packed_unary(PackedUnary::Movddup, target, a),
            I64x2 => self.packed(Punpcklqdq, target, a, a),
        }
    }

    pub(super) fn extract(&mut self, lanes: Lanes, signed: bool, e: &Step) {
        let (a, lane) = (self.read_vector(e.a), e.imm as u8);
        let dying = self.dying_float(e.a);
        self.release(e.a);
        if is_float(lanes) {
            let target = self.float_target(e, dying, 0);
            match lanes {
                _ if lane == 0 => self.move_vector(target, a),
                F32x4 => self.packed_unary_imm(PackedUnaryImm::Pshufd, target, a, lane),
                _ => self.packed_unary_imm(PackedUnaryImm::Pshufd, target, a, 0xEE),
            }
            return self.define_float(e.dst, target, e.class);
        }
        let target = self.target(e, None, 0);
        let width = lane_width(lanes);
        match (lane, width, self.avx()) {
            (0, Width::W32 | Width::W64, true) => self.asm.v_mov_r_x(width, target.any(), a),
            (0, Width::W32 | Width::W64, false) => self.asm.mov_r_x(width, target.any(), a),
            (_, _, true) => self.asm.v_pextr_rx(width, target.any(), a, lane),
            (_, _, false) => self.asm.pextr_rx(width, target.any(), a, lane),
        };
        if signed {
            self.asm.movsx_rr(width, Width::W32, target.any(), target.any());
        }
        self.define(e.dst, target, e.class);
    }

    pub(super) fn replace(&mut self, lanes: Lanes, e: &Step) {
        let a = self.read_vector(e.a);
        let dying = self.dying_float(e.a);
        if is_float(lanes) {
            let b = self.read_float(e.b, scalar_class(lanes));
            self.release(e.a);
            self.release(e.b);
            let target = self.float_target(e, dying, if a == b { 0 } else { 1 << b.num() });
            self.replace_float(lanes, e.imm as u8, target, a, b);
            return self.define_float(e.dst, target, Class::V128);
        }
        let b = self.read(e.b, scalar_class(lanes));
        self.release(e.a);
        self.release(e.b);
        let target = self.float_target(e, dying, 0);
        let (width, lane) = (lane_width(lanes), e.imm as u8);
        match self.avx() {
            true => _ = self.asm.v_pinsr_xxr(width, target, a, b.any(), lane),
            false => {
                self.move_vector(target, a);
                self.asm.pinsr_xr(width, target, b.any(), lane);
            }
        }
        self.define_float(e.dst, target, Class::V128);
    }

    fn replace_float(&mut self, lanes: Lanes, lane: u8, target: Xmm, a: Xmm, b: Xmm) {
        match (lanes, lane) {
            (F64x2, 1) => self.packed(Punpcklqdq, target, a, b),
            (F32x4, 1..) => self.packed_imm(PackedImm::Insertps, target, a, b, lane << 4),
            _ => {
                let prec = if lanes == F32x4 { Prec::S } else { Prec::D };
                match self.avx() {
                    true => _ = self.asm.v_movlow_rrr(prec, target, a, b),
                    false => {
                        self.move_vector(target, a);
                        self.asm.movlow_rr(prec, target, b);
                    }
                }
            }
        }
    }

    // Memory.

    #[inline(never)]
    pub(super) fn load_vector(&mut self, load: VectorLoad, e: &Entry) {
        let wasm_offset = self.take_offset();
        let e = &self.step(e);
        let address = self.vector_address(e, load_access(load), wasm_offset);
        self.release(e.a);
        let target = self.float_target(e, None, 0);
        let (avx, avx2) = (self.avx(), self.module.cpu.avx2);
        match load {
            VectorLoad::Splat(I8x16) | VectorLoad::Splat(I16x8) if !avx2 => {
                self.zero_vector(target);
                self.insert_from(
                    if load == VectorLoad::Splat(I8x16) { I8x16 } else { I16x8 },
                    0,
                    target,
                    address,
                    wasm_offset,
                );
            }
            _ => self.heap_site(address, wasm_offset),
        }
        let address = address.addr();
        match load {
            VectorLoad::Extend(lanes, signed) => self.packed_unary_memory(extension(lanes, signed), target, address),
            VectorLoad::Zero(lanes) => {
                let class = if lane_width(lanes) == Width::W32 { Class::F32 } else { Class::F64 };
                self.load_float(class, target, address);
            }
            VectorLoad::Splat(I8x16) if avx2 => _ = self.asm.v_broadcast_rm(Broadcast::Vpbroadcastb, target, address),
            VectorLoad::Splat(I16x8) if avx2 => _ = self.asm.v_broadcast_rm(Broadcast::Vpbroadcastw, target, address),
            VectorLoad::Splat(I64x2 | F64x2) => self.packed_unary_memory(PackedUnary::Movddup, target, address),
            VectorLoad::Splat(I32x4 | F32x4) if avx => {
                _ = self.asm.v_broadcast_rm(Broadcast::Vbroadcastss, target, address);
            }
            VectorLoad::Splat(I32x4 | F32x4) => {
                self.load_float(Class::F32, target, address);
                self.splat_lowest(I32x4, target, target);
            }
            VectorLoad::Splat(lanes) => self.splat_lowest(lanes, target, target),
        }
        self.define_float(e.dst, target, Class::V128);
    }

    #[inline(never)]
    pub(super) fn load_lane(&mut self, lanes: Lanes, lane: u8, e: &Entry) {
        let wasm_offset = self.take_offset();
        let e = &self.step(e);
        let vector = self.read_vector(e.b);
        let address = self.vector_address(e, lane_access(lanes), wasm_offset);
        let dying = self.dying_float(e.b);
        self.release(e.a);
        self.release(e.b);
        let target = self.float_target(e, dying, 0);
        match self.avx() {
            true => {
                self.heap_site(address, wasm_offset);
                self.asm.v_pinsr_xxm(lane_width(lanes), target, vector, address.addr(), lane);
            }
            false => {
                self.move_vector(target, vector);
                self.insert_from(lanes, lane, target, address, wasm_offset);
            }
        }
        self.define_float(e.dst, target, Class::V128);
    }

    /// A lane of the target from memory.
    fn insert_from(&mut self, lanes: Lanes, lane: u8, target: Xmm, address: HeapAddress, wasm_offset: u32) {
        self.heap_site(address, wasm_offset);
        let (width, address) = (lane_width(lanes), address.addr());
        match self.avx() {
            true => self.asm.v_pinsr_xxm(width, target, target, address, lane),
            false => self.asm.pinsr_xm(width, target, address, lane),
        };
    }

    #[inline(never)]
    pub(super) fn store_lane(&mut self, lanes: Lanes, lane: u8, e: &Entry) {
        let wasm_offset = self.take_offset();
        let e = &self.step(e);
        let vector = self.read_vector(e.b);
        let address = self.vector_address(e, lane_access(lanes), wasm_offset);
        self.heap_site(address, wasm_offset);
        let (width, address) = (lane_width(lanes), address.addr());
        match (lane, width, self.avx()) {
            (0, Width::W32, _) => self.store_float(Class::F32, address, vector),
            (0, Width::W64, _) => self.store_float(Class::F64, address, vector),
            (_, Width::W64, true) => _ = self.asm.v_movhps_mr(address, vector),
            (_, Width::W64, false) => _ = self.asm.movhps_mr(address, vector),
            (_, _, true) => _ = self.asm.v_pextr_mx(width, address, vector, lane),
            (_, _, false) => _ = self.asm.pextr_mx(width, address, vector, lane),
        }
        self.release(e.a);
        self.release(e.b);
    }
}
