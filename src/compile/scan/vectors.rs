//! Vector operators: behind the prefix 0xFD (specification 5.4.9), what each takes, leaves and records.

use super::item::Node;
use super::state::Scan;
use super::ty::Ty;
use crate::compile::op::{Access, Class, Memarg, Op, Test};
use crate::compile::tape::{Entry, Ref};
use crate::compile::vector::{Lanes, Vector as V, VectorLoad};
use crate::decode::{Cursor, Invalid};
use wasmparser::WasmFeatures;

use Class::{F32, F64, I32, I64, V128};
use Lanes::{F32x4, F64x2, I8x16, I16x8, I32x4, I64x2};
use VectorOperator::{
    Ask, Binary, Bitmask, Const, Extract, Load, LoadLane, LoadVector, Replace, Shift, Shuffle, Splat, Store, StoreLane,
    Ternary, Unary, Unknown,
};

/// A vector operator, by what it takes. A number is the largest alignment as a power of two, a class that of the scalar.
#[derive(Clone, Copy)]
enum VectorOperator {
    Load,
    Store,
    LoadVector(VectorLoad, u8),
    LoadLane(Lanes, u8),
    StoreLane(Lanes, u8),
    Const,
    Shuffle,
    Splat(Class, Lanes),
    Extract(Class, Lanes, bool),
    Replace(Class, Lanes),
    Unary(V),
    Binary(V),
    Ternary(V),
    /// By an i32.
    Shift(V),
    /// The result is an i32.
    Ask(Test),
    Bitmask(Lanes),
    Unknown,
}

/// From this number on the operators belong to the proposal relaxed SIMD.
const RELAXED: u32 = 0x100;

impl Scan<'_> {
    /// One operator, from its number on.
    #[inline(never)]
    pub(super) fn vector(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
        let code = cursor.u32()?;
        let feature = if code < RELAXED { WasmFeatures::SIMD } else { WasmFeatures::RELAXED_SIMD };
        self.needs(feature)?;
        self.tape.vectors = true;
        match *VECTORS.get(code as usize).ok_or(Invalid)? {
            Unary(op) if self.takes_one(V128, V128)? => self.unary(Op::Vector(op), V128),
            Binary(op) if self.takes_two(V128, V128)? => match op {
                V::Or => self.or(),
                _ => self.binary(Op::Vector(op), V128),
            },
            Bitmask(lanes) if self.takes_one(V128, I32)? => self.unary(Op::Vector(V::Bitmask(lanes)), I32),
            Ask(test) if self.takes_one(V128, I32)? => {
                let a = self.pop_value();
                self.push_node(I32, Node::test(test, V128, a, Ref::NOTHING));
            }
            Shift(op) if self.takes(&[Ty::V128, Ty::I32], &[Ty::V128])? => self.shift_vector(op),
            Ternary(op) if self.takes(&[Ty::V128; 3], &[Ty::V128])? => self.ternary(op),
            Splat(class, lanes) if self.takes_one(class, V128)? => self.splat(lanes),
            Unary(_) | Binary(_) | Ask(_) | Bitmask(_) | Shift(_) | Ternary(_) | Splat(..) => {}
            Const => {
                let value = self.vector_constant(u128::from_le_bytes(cursor.array()?));
                self.push_value(V128, value);
            }
            Shuffle => {
                let lanes: [u8; 16] = cursor.array()?;
                if lanes.iter().any(|&lane| lane >= 32) {
                    return Err(Invalid);
                }
                if self.takes_two(V128, V128)? {
                    self.shuffle(lanes);
                }
            }
            Extract(class, lanes, signed) => {
                let lane = lane(cursor, lanes)?;
                if self.takes_one(V128, class)? {
                    let a = self.pop_value();
                    self.push_vector_entry(V::Extract(lanes, signed), class, a, Ref::NOTHING, lane.into());
                }
            }
            Replace(class, lanes) => {
                let lane = lane(cursor, lanes)?;
                if self.takes(&[Ty::V128, Ty::number(class)], &[Ty::V128])? {
                    let b = if class == I32 { self.pop_low() } else { self.pop_value() };
                    let a = self.pop_value();
                    self.push_vector_entry(V::Replace(lanes), V128, a, b, lane.into());
                }
            }
            Load => {
                let memarg = self.memarg(cursor, 0..=4)?;
                if self.takes_one(memarg.index, V128)? {
                    self.vector_load(Op::Load(Access::Whole), Ref::NOTHING, memarg);
                }
            }
            Store => {
                let memarg = self.memarg(cursor, 0..=4)?;
                if self.takes(&[Ty::number(memarg.index), Ty::V128], &[])? {
                    self.vector_store(Op::Store(Access::Whole), memarg);
                }
            }
            LoadVector(load, align) => {
                let memarg = self.memarg(cursor, 0..=align)?;
                if self.takes_one(memarg.index, V128)? {
                    self.vector_load(Op::LoadVector(load), Ref::NOTHING, memarg);
                }
            }
            LoadLane(lanes, align) => {
                let (memarg, lane) = (self.memarg(cursor, 0..=align)?, lane(cursor, lanes)?);
                if self.takes(&[Ty::number(memarg.index), Ty::V128], &[Ty::V128])? {
                    let value = self.pop_value();
                    self.vector_load(Op::LoadLane(lanes, lane), value, memarg);
                }
            }
            StoreLane(lanes, align) => {
                let (memarg, lane) = (self.memarg(cursor, 0..=align)?, lane(cursor, lanes)?);
                if self.takes(&[Ty::number(memarg.index), Ty::V128], &[])? {
                    self.vector_store(Op::StoreLane(lanes, lane), memarg);
                }
            }
            Unknown => return Err(Invalid),
        }
        Ok(())
    }

    fn vector_constant(&mut self, value: u128) -> Ref {
        // These two are made by one instruction that reads nothing.
        if self.loop_weight > 1 && value != 0 && value != u128::MAX {
            self.tape.weigh_constant(value, self.loop_weight);
        }
        self.pool_vector(value)
    }

    fn pool_vector(&mut self, value: u128) -> Ref {
        self.tape.pool.extend([value as u64, (value >> 64) as u64]);
        Ref::pool(self.tape.pool.len() - 2)
    }

    fn vector_load(&mut self, op: Op, value: Ref, memarg: Memarg) {
        let (index, offset) = self.pop_address(memarg);
        let value = self.temp_entry(op, Class::V128, index, value, offset);
        self.push_value(Class::V128, value);
    }

    fn vector_store(&mut self, op: Op, memarg: Memarg) {
        let value = self.pop_value();
        let (index, offset) = self.pop_address(memarg);
        self.entry(op, Class::V128, Ref::NOTHING, index, value, offset);
    }

    fn push_vector_entry(&mut self, op: V, class: Class, a: Ref, b: Ref, imm: u32) {
        let value = self.temp_entry(Op::Vector(op), class, a, b, imm);
        self.push_value(class, value);
    }

    fn shift_vector(&mut self, op: V) {
        let b = self.pop_low();
        let a = self.pop_value();
        self.push_vector_entry(op, V128, a, b, 0);
    }

    fn ternary(&mut self, op: V) {
        let c = self.pop_value();
        let b = self.pop_value();
        let a = self.pop_value();
        self.consume(c);
        self.push_vector_entry(op, V128, a, b, c.to_item());
    }

    /// `x << n | x >> (width - n)` is a rotation. The two shifts are the last entries, so nothing reads what they wrote.
    fn or(&mut self) {
        let (b, a) = (self.pop_value(), self.pop_value());
        let rotation = match self.tape.entries[..] {
            [.., left, right] if left.dst == a && right.dst == b => self.rotation(&left, &right),
            [.., right, left] if left.dst == a && right.dst == b => self.rotation(&left, &right),
            _ => None,
        };
        let Some((lanes, of, count)) = rotation else {
            return self.push_vector_entry(V::Or, V128, a, b, 0);
        };
        self.tape.entries.truncate(self.tape.entries.len() - 2);
        self.free_temp(a);
        self.free_temp(b);
        self.push_vector_entry(V::Rotl(lanes), V128, of, Ref::NOTHING, count);
    }

    /// What two entries rotate, and by how much to the left.
    fn rotation(&self, a: &Entry, b: &Entry) -> Option<(Lanes, Ref, u32)> {
        let ((Op::Vector(V::Shl(lanes)), left, right) | (Op::Vector(V::Shr(lanes, false)), right, left)) = (a.op, a, b)
        else {
            return None;
        };
        let right_matches = left.op == Op::Vector(V::Shl(lanes)) && right.op == Op::Vector(V::Shr(lanes, false));
        let counts = (self.tape.constant(left.b)? as u32, self.tape.constant(right.b)? as u32);
        let whole = matches!(lanes, I32x4 | I64x2)
            && counts.0 < lanes.bits()
            && counts.0.wrapping_add(counts.1) == lanes.bits();
        // A variable: a temp would be read once only.
        (right_matches && whole && left.a == right.a && left.a.as_var().is_some()).then_some((lanes, left.a, counts.0))
    }

    /// A constant in every lane is a constant.
    fn splat(&mut self, lanes: Lanes) {
        let item = self.pop();
        let a = if item.class() == I32 { self.low(item) } else { self.value(item) };
        match self.tape.constant(a) {
            Some(value) => {
                let value = self.vector_constant(lanes.splat(value as u64));
                self.push_value(V128, value);
            }
            None => self.push_vector_entry(V::Splat(lanes), V128, a, Ref::NOTHING, 0),
        }
    }

    fn shuffle(&mut self, lanes: [u8; 16]) {
        let b = self.pop_value();
        let a = self.pop_value();
        let place = self.pool_vector(u128::from_le_bytes(lanes)).payload();
        self.push_vector_entry(V::Shuffle, V128, a, b, place);
    }
}

/// The number of one of these lanes.
fn lane(cursor: &mut Cursor<'_>, lanes: Lanes) -> Result<u8, Invalid> {
    let lane = cursor.byte()?;
    if lane < lanes.count() { Ok(lane) } else { Err(Invalid) }
}

static VECTORS: [VectorOperator; 0x114] = {
    let mut operators = [Unknown; 0x114];
    let mut row = 0;
    while row < ROWS.len() {
        operators[ROWS[row].0 as usize] = ROWS[row].1;
        row += 1;
    }
    operators
};

#[rustfmt::skip]
const ROWS: &[(u16, VectorOperator)] = &[
    (0x00, Load),                                         // v128.load
    (0x01, LoadVector(VectorLoad::Extend(I8x16, true), 3)),// v128.load8x8_s
    (0x02, LoadVector(VectorLoad::Extend(I8x16, false), 3)),// v128.load8x8_u
    (0x03, LoadVector(VectorLoad::Extend(I16x8, true), 3)),// v128.load16x4_s
    (0x04, LoadVector(VectorLoad::Extend(I16x8, false), 3)),// v128.load16x4_u
    (0x05, LoadVector(VectorLoad::Extend(I32x4, true), 3)),// v128.load32x2_s
    (0x06, LoadVector(VectorLoad::Extend(I32x4, false), 3)),// v128.load32x2_u
    (0x07, LoadVector(VectorLoad::Splat(I8x16), 0)),      // v128.load8_splat
    (0x08, LoadVector(VectorLoad::Splat(I16x8), 1)),      // v128.load16_splat
    (0x09, LoadVector(VectorLoad::Splat(I32x4), 2)),      // v128.load32_splat
    (0x0A, LoadVector(VectorLoad::Splat(I64x2), 3)),      // v128.load64_splat
    (0x0B, Store),                                        // v128.store
    (0x0C, Const),                                        // v128.const
    (0x0D, Shuffle),                                      // i8x16.shuffle
    (0x0E, Binary(V::Swizzle)),                           // i8x16.swizzle
    (0x0F, Splat(I32, I8x16)),                            // i8x16.splat
    (0x10, Splat(I32, I16x8)),                            // i16x8.splat
    (0x11, Splat(I32, I32x4)),                            // i32x4.splat
    (0x12, Splat(I64, I64x2)),                            // i64x2.splat
    (0x13, Splat(F32, F32x4)),                            // f32x4.splat
    (0x14, Splat(F64, F64x2)),                            // f64x2.splat
    (0x15, Extract(I32, I8x16, true)),                    // i8x16.extract_lane_s
    (0x16, Extract(I32, I8x16, false)),                   // i8x16.extract_lane_u
    (0x17, Replace(I32, I8x16)),                          // i8x16.replace_lane
    (0x18, Extract(I32, I16x8, true)),                    // i16x8.extract_lane_s
    (0x19, Extract(I32, I16x8, false)),                   // i16x8.extract_lane_u
    (0x1A, Replace(I32, I16x8)),                          // i16x8.replace_lane
    (0x1B, Extract(I32, I32x4, false)),                   // i32x4.extract_lane
    (0x1C, Replace(I32, I32x4)),                          // i32x4.replace_lane
    (0x1D, Extract(I64, I64x2, false)),                   // i64x2.extract_lane
    (0x1E, Replace(I64, I64x2)),                          // i64x2.replace_lane
    (0x1F, Extract(F32, F32x4, false)),                   // f32x4.extract_lane
    (0x20, Replace(F32, F32x4)),                          // f32x4.replace_lane
    (0x21, Extract(F64, F64x2, false)),                   // f64x2.extract_lane
    (0x22, Replace(F64, F64x2)),                          // f64x2.replace_lane
    (0x23, Binary(V::Eq(I8x16))),                         // i8x16.eq
    (0x24, Binary(V::Ne(I8x16))),                         // i8x16.ne
    (0x25, Binary(V::Lt(I8x16, true))),                   // i8x16.lt_s
    (0x26, Binary(V::Lt(I8x16, false))),                  // i8x16.lt_u
    (0x27, Binary(V::Gt(I8x16, true))),                   // i8x16.gt_s
    (0x28, Binary(V::Gt(I8x16, false))),                  // i8x16.gt_u
    (0x29, Binary(V::Le(I8x16, true))),                   // i8x16.le_s
    (0x2A, Binary(V::Le(I8x16, false))),                  // i8x16.le_u
    (0x2B, Binary(V::Ge(I8x16, true))),                   // i8x16.ge_s
    (0x2C, Binary(V::Ge(I8x16, false))),                  // i8x16.ge_u
    (0x2D, Binary(V::Eq(I16x8))),                         // i16x8.eq
    (0x2E, Binary(V::Ne(I16x8))),                         // i16x8.ne
    (0x2F, Binary(V::Lt(I16x8, true))),                   // i16x8.lt_s
    (0x30, Binary(V::Lt(I16x8, false))),                  // i16x8.lt_u
    (0x31, Binary(V::Gt(I16x8, true))),                   // i16x8.gt_s
    (0x32, Binary(V::Gt(I16x8, false))),                  // i16x8.gt_u
    (0x33, Binary(V::Le(I16x8, true))),                   // i16x8.le_s
    (0x34, Binary(V::Le(I16x8, false))),                  // i16x8.le_u
    (0x35, Binary(V::Ge(I16x8, true))),                   // i16x8.ge_s
    (0x36, Binary(V::Ge(I16x8, false))),                  // i16x8.ge_u
    (0x37, Binary(V::Eq(I32x4))),                         // i32x4.eq
    (0x38, Binary(V::Ne(I32x4))),                         // i32x4.ne
    (0x39, Binary(V::Lt(I32x4, true))),                   // i32x4.lt_s
    (0x3A, Binary(V::Lt(I32x4, false))),                  // i32x4.lt_u
    (0x3B, Binary(V::Gt(I32x4, true))),                   // i32x4.gt_s
    (0x3C, Binary(V::Gt(I32x4, false))),                  // i32x4.gt_u
    (0x3D, Binary(V::Le(I32x4, true))),                   // i32x4.le_s
    (0x3E, Binary(V::Le(I32x4, false))),                  // i32x4.le_u
    (0x3F, Binary(V::Ge(I32x4, true))),                   // i32x4.ge_s
    (0x40, Binary(V::Ge(I32x4, false))),                  // i32x4.ge_u
    (0x41, Binary(V::Eq(F32x4))),                         // f32x4.eq
    (0x42, Binary(V::Ne(F32x4))),                         // f32x4.ne
    (0x43, Binary(V::Lt(F32x4, true))),                   // f32x4.lt
    (0x44, Binary(V::Gt(F32x4, true))),                   // f32x4.gt
    (0x45, Binary(V::Le(F32x4, true))),                   // f32x4.le
    (0x46, Binary(V::Ge(F32x4, true))),                   // f32x4.ge
    (0x47, Binary(V::Eq(F64x2))),                         // f64x2.eq
    (0x48, Binary(V::Ne(F64x2))),                         // f64x2.ne
    (0x49, Binary(V::Lt(F64x2, true))),                   // f64x2.lt
    (0x4A, Binary(V::Gt(F64x2, true))),                   // f64x2.gt
    (0x4B, Binary(V::Le(F64x2, true))),                   // f64x2.le
    (0x4C, Binary(V::Ge(F64x2, true))),                   // f64x2.ge
    (0x4D, Unary(V::Not)),                                // v128.not
    (0x4E, Binary(V::And)),                               // v128.and
    (0x4F, Binary(V::AndNot)),                            // v128.andnot
    (0x50, Binary(V::Or)),                                // v128.or
    (0x51, Binary(V::Xor)),                               // v128.xor
    (0x52, Ternary(V::Bitselect)),                        // v128.bitselect
    (0x53, Ask(Test::Any)),                               // v128.any_true
    (0x54, LoadLane(I8x16, 0)),                           // v128.load8_lane
    (0x55, LoadLane(I16x8, 1)),                           // v128.load16_lane
    (0x56, LoadLane(I32x4, 2)),                           // v128.load32_lane
    (0x57, LoadLane(I64x2, 3)),                           // v128.load64_lane
    (0x58, StoreLane(I8x16, 0)),                          // v128.store8_lane
    (0x59, StoreLane(I16x8, 1)),                          // v128.store16_lane
    (0x5A, StoreLane(I32x4, 2)),                          // v128.store32_lane
    (0x5B, StoreLane(I64x2, 3)),                          // v128.store64_lane
    (0x5C, LoadVector(VectorLoad::Zero(I32x4), 2)),       // v128.load32_zero
    (0x5D, LoadVector(VectorLoad::Zero(I64x2), 3)),       // v128.load64_zero
    (0x5E, Unary(V::Demote)),                             // f32x4.demote_f64x2_zero
    (0x5F, Unary(V::Promote)),                            // f64x2.promote_low_f32x4
    (0x60, Unary(V::Abs(I8x16))),                         // i8x16.abs
    (0x61, Unary(V::Neg(I8x16))),                         // i8x16.neg
    (0x62, Unary(V::Popcnt)),                             // i8x16.popcnt
    (0x63, Ask(Test::All(I8x16))),                        // i8x16.all_true
    (0x64, Bitmask(I8x16)),                               // i8x16.bitmask
    (0x65, Binary(V::Narrow(I16x8, true))),               // i8x16.narrow_i16x8_s
    (0x66, Binary(V::Narrow(I16x8, false))),              // i8x16.narrow_i16x8_u
    (0x67, Unary(V::Ceil(F32x4))),                        // f32x4.ceil
    (0x68, Unary(V::Floor(F32x4))),                       // f32x4.floor
    (0x69, Unary(V::Trunc(F32x4))),                       // f32x4.trunc
    (0x6A, Unary(V::Nearest(F32x4))),                     // f32x4.nearest
    (0x6B, Shift(V::Shl(I8x16))),                         // i8x16.shl
    (0x6C, Shift(V::Shr(I8x16, true))),                   // i8x16.shr_s
    (0x6D, Shift(V::Shr(I8x16, false))),                  // i8x16.shr_u
    (0x6E, Binary(V::Add(I8x16))),                        // i8x16.add
    (0x6F, Binary(V::AddSaturating(I8x16, true))),        // i8x16.add_sat_s
    (0x70, Binary(V::AddSaturating(I8x16, false))),       // i8x16.add_sat_u
    (0x71, Binary(V::Sub(I8x16))),                        // i8x16.sub
    (0x72, Binary(V::SubSaturating(I8x16, true))),        // i8x16.sub_sat_s
    (0x73, Binary(V::SubSaturating(I8x16, false))),       // i8x16.sub_sat_u
    (0x74, Unary(V::Ceil(F64x2))),                        // f64x2.ceil
    (0x75, Unary(V::Floor(F64x2))),                       // f64x2.floor
    (0x76, Binary(V::Min(I8x16, true))),                  // i8x16.min_s
    (0x77, Binary(V::Min(I8x16, false))),                 // i8x16.min_u
    (0x78, Binary(V::Max(I8x16, true))),                  // i8x16.max_s
    (0x79, Binary(V::Max(I8x16, false))),                 // i8x16.max_u
    (0x7A, Unary(V::Trunc(F64x2))),                       // f64x2.trunc
    (0x7B, Binary(V::Avgr(I8x16))),                       // i8x16.avgr_u
    (0x7C, Unary(V::ExtaddPairwise(I8x16, true))),        // i16x8.extadd_pairwise_i8x16_s
    (0x7D, Unary(V::ExtaddPairwise(I8x16, false))),       // i16x8.extadd_pairwise_i8x16_u
    (0x7E, Unary(V::ExtaddPairwise(I16x8, true))),        // i32x4.extadd_pairwise_i16x8_s
    (0x7F, Unary(V::ExtaddPairwise(I16x8, false))),       // i32x4.extadd_pairwise_i16x8_u
    (0x80, Unary(V::Abs(I16x8))),                         // i16x8.abs
    (0x81, Unary(V::Neg(I16x8))),                         // i16x8.neg
    (0x82, Binary(V::Q15mulr)),                           // i16x8.q15mulr_sat_s
    (0x83, Ask(Test::All(I16x8))),                        // i16x8.all_true
    (0x84, Bitmask(I16x8)),                               // i16x8.bitmask
    (0x85, Binary(V::Narrow(I32x4, true))),               // i16x8.narrow_i32x4_s
    (0x86, Binary(V::Narrow(I32x4, false))),              // i16x8.narrow_i32x4_u
    (0x87, Unary(V::ExtendLow(I8x16, true))),             // i16x8.extend_low_i8x16_s
    (0x88, Unary(V::ExtendHigh(I8x16, true))),            // i16x8.extend_high_i8x16_s
    (0x89, Unary(V::ExtendLow(I8x16, false))),            // i16x8.extend_low_i8x16_u
    (0x8A, Unary(V::ExtendHigh(I8x16, false))),           // i16x8.extend_high_i8x16_u
    (0x8B, Shift(V::Shl(I16x8))),                         // i16x8.shl
    (0x8C, Shift(V::Shr(I16x8, true))),                   // i16x8.shr_s
    (0x8D, Shift(V::Shr(I16x8, false))),                  // i16x8.shr_u
    (0x8E, Binary(V::Add(I16x8))),                        // i16x8.add
    (0x8F, Binary(V::AddSaturating(I16x8, true))),        // i16x8.add_sat_s
    (0x90, Binary(V::AddSaturating(I16x8, false))),       // i16x8.add_sat_u
    (0x91, Binary(V::Sub(I16x8))),                        // i16x8.sub
    (0x92, Binary(V::SubSaturating(I16x8, true))),        // i16x8.sub_sat_s
    (0x93, Binary(V::SubSaturating(I16x8, false))),       // i16x8.sub_sat_u
    (0x94, Unary(V::Nearest(F64x2))),                     // f64x2.nearest
    (0x95, Binary(V::Mul(I16x8))),                        // i16x8.mul
    (0x96, Binary(V::Min(I16x8, true))),                  // i16x8.min_s
    (0x97, Binary(V::Min(I16x8, false))),                 // i16x8.min_u
    (0x98, Binary(V::Max(I16x8, true))),                  // i16x8.max_s
    (0x99, Binary(V::Max(I16x8, false))),                 // i16x8.max_u
    (0x9B, Binary(V::Avgr(I16x8))),                       // i16x8.avgr_u
    (0x9C, Binary(V::ExtmulLow(I8x16, true))),            // i16x8.extmul_low_i8x16_s
    (0x9D, Binary(V::ExtmulHigh(I8x16, true))),           // i16x8.extmul_high_i8x16_s
    (0x9E, Binary(V::ExtmulLow(I8x16, false))),           // i16x8.extmul_low_i8x16_u
    (0x9F, Binary(V::ExtmulHigh(I8x16, false))),          // i16x8.extmul_high_i8x16_u
    (0xA0, Unary(V::Abs(I32x4))),                         // i32x4.abs
    (0xA1, Unary(V::Neg(I32x4))),                         // i32x4.neg
    (0xA3, Ask(Test::All(I32x4))),                        // i32x4.all_true
    (0xA4, Bitmask(I32x4)),                               // i32x4.bitmask
    (0xA7, Unary(V::ExtendLow(I16x8, true))),             // i32x4.extend_low_i16x8_s
    (0xA8, Unary(V::ExtendHigh(I16x8, true))),            // i32x4.extend_high_i16x8_s
    (0xA9, Unary(V::ExtendLow(I16x8, false))),            // i32x4.extend_low_i16x8_u
    (0xAA, Unary(V::ExtendHigh(I16x8, false))),           // i32x4.extend_high_i16x8_u
    (0xAB, Shift(V::Shl(I32x4))),                         // i32x4.shl
    (0xAC, Shift(V::Shr(I32x4, true))),                   // i32x4.shr_s
    (0xAD, Shift(V::Shr(I32x4, false))),                  // i32x4.shr_u
    (0xAE, Binary(V::Add(I32x4))),                        // i32x4.add
    (0xB1, Binary(V::Sub(I32x4))),                        // i32x4.sub
    (0xB5, Binary(V::Mul(I32x4))),                        // i32x4.mul
    (0xB6, Binary(V::Min(I32x4, true))),                  // i32x4.min_s
    (0xB7, Binary(V::Min(I32x4, false))),                 // i32x4.min_u
    (0xB8, Binary(V::Max(I32x4, true))),                  // i32x4.max_s
    (0xB9, Binary(V::Max(I32x4, false))),                 // i32x4.max_u
    (0xBA, Binary(V::Dot)),                               // i32x4.dot_i16x8_s
    (0xBC, Binary(V::ExtmulLow(I16x8, true))),            // i32x4.extmul_low_i16x8_s
    (0xBD, Binary(V::ExtmulHigh(I16x8, true))),           // i32x4.extmul_high_i16x8_s
    (0xBE, Binary(V::ExtmulLow(I16x8, false))),           // i32x4.extmul_low_i16x8_u
    (0xBF, Binary(V::ExtmulHigh(I16x8, false))),          // i32x4.extmul_high_i16x8_u
    (0xC0, Unary(V::Abs(I64x2))),                         // i64x2.abs
    (0xC1, Unary(V::Neg(I64x2))),                         // i64x2.neg
    (0xC3, Ask(Test::All(I64x2))),                        // i64x2.all_true
    (0xC4, Bitmask(I64x2)),                               // i64x2.bitmask
    (0xC7, Unary(V::ExtendLow(I32x4, true))),             // i64x2.extend_low_i32x4_s
    (0xC8, Unary(V::ExtendHigh(I32x4, true))),            // i64x2.extend_high_i32x4_s
    (0xC9, Unary(V::ExtendLow(I32x4, false))),            // i64x2.extend_low_i32x4_u
    (0xCA, Unary(V::ExtendHigh(I32x4, false))),           // i64x2.extend_high_i32x4_u
    (0xCB, Shift(V::Shl(I64x2))),                         // i64x2.shl
    (0xCC, Shift(V::Shr(I64x2, true))),                   // i64x2.shr_s
    (0xCD, Shift(V::Shr(I64x2, false))),                  // i64x2.shr_u
    (0xCE, Binary(V::Add(I64x2))),                        // i64x2.add
    (0xD1, Binary(V::Sub(I64x2))),                        // i64x2.sub
    (0xD5, Binary(V::Mul(I64x2))),                        // i64x2.mul
    (0xD6, Binary(V::Eq(I64x2))),                         // i64x2.eq
    (0xD7, Binary(V::Ne(I64x2))),                         // i64x2.ne
    (0xD8, Binary(V::Lt(I64x2, true))),                   // i64x2.lt_s
    (0xD9, Binary(V::Gt(I64x2, true))),                   // i64x2.gt_s
    (0xDA, Binary(V::Le(I64x2, true))),                   // i64x2.le_s
    (0xDB, Binary(V::Ge(I64x2, true))),                   // i64x2.ge_s
    (0xDC, Binary(V::ExtmulLow(I32x4, true))),            // i64x2.extmul_low_i32x4_s
    (0xDD, Binary(V::ExtmulHigh(I32x4, true))),           // i64x2.extmul_high_i32x4_s
    (0xDE, Binary(V::ExtmulLow(I32x4, false))),           // i64x2.extmul_low_i32x4_u
    (0xDF, Binary(V::ExtmulHigh(I32x4, false))),          // i64x2.extmul_high_i32x4_u
    (0xE0, Unary(V::Abs(F32x4))),                         // f32x4.abs
    (0xE1, Unary(V::Neg(F32x4))),                         // f32x4.neg
    (0xE3, Unary(V::Sqrt(F32x4))),                        // f32x4.sqrt
    (0xE4, Binary(V::Add(F32x4))),                        // f32x4.add
    (0xE5, Binary(V::Sub(F32x4))),                        // f32x4.sub
    (0xE6, Binary(V::Mul(F32x4))),                        // f32x4.mul
    (0xE7, Binary(V::Div(F32x4))),                        // f32x4.div
    (0xE8, Binary(V::Min(F32x4, true))),                  // f32x4.min
    (0xE9, Binary(V::Max(F32x4, true))),                  // f32x4.max
    (0xEA, Binary(V::Pmin(F32x4))),                       // f32x4.pmin
    (0xEB, Binary(V::Pmax(F32x4))),                       // f32x4.pmax
    (0xEC, Unary(V::Abs(F64x2))),                         // f64x2.abs
    (0xED, Unary(V::Neg(F64x2))),                         // f64x2.neg
    (0xEF, Unary(V::Sqrt(F64x2))),                        // f64x2.sqrt
    (0xF0, Binary(V::Add(F64x2))),                        // f64x2.add
    (0xF1, Binary(V::Sub(F64x2))),                        // f64x2.sub
    (0xF2, Binary(V::Mul(F64x2))),                        // f64x2.mul
    (0xF3, Binary(V::Div(F64x2))),                        // f64x2.div
    (0xF4, Binary(V::Min(F64x2, true))),                  // f64x2.min
    (0xF5, Binary(V::Max(F64x2, true))),                  // f64x2.max
    (0xF6, Binary(V::Pmin(F64x2))),                       // f64x2.pmin
    (0xF7, Binary(V::Pmax(F64x2))),                       // f64x2.pmax
    (0xF8, Unary(V::TruncF32x4(true))),                   // i32x4.trunc_sat_f32x4_s
    (0xF9, Unary(V::TruncF32x4(false))),                  // i32x4.trunc_sat_f32x4_u
    (0xFA, Unary(V::ConvertI32x4(true))),                 // f32x4.convert_i32x4_s
    (0xFB, Unary(V::ConvertI32x4(false))),                // f32x4.convert_i32x4_u
    (0xFC, Unary(V::TruncF64x2(true))),                   // i32x4.trunc_sat_f64x2_s_zero
    (0xFD, Unary(V::TruncF64x2(false))),                  // i32x4.trunc_sat_f64x2_u_zero
    (0xFE, Unary(V::ConvertLowI32x4(true))),              // f64x2.convert_low_i32x4_s
    (0xFF, Unary(V::ConvertLowI32x4(false))),             // f64x2.convert_low_i32x4_u
    (0x100, Binary(V::RelaxedSwizzle)),                   // i8x16.relaxed_swizzle
    (0x101, Unary(V::RelaxedTruncF32x4(true))),           // i32x4.relaxed_trunc_f32x4_s
    (0x102, Unary(V::RelaxedTruncF32x4(false))),          // i32x4.relaxed_trunc_f32x4_u
    (0x103, Unary(V::RelaxedTruncF64x2(true))),           // i32x4.relaxed_trunc_f64x2_s_zero
    (0x104, Unary(V::RelaxedTruncF64x2(false))),          // i32x4.relaxed_trunc_f64x2_u_zero
    (0x105, Ternary(V::Madd(F32x4))),                     // f32x4.relaxed_madd
    (0x106, Ternary(V::Nmadd(F32x4))),                    // f32x4.relaxed_nmadd
    (0x107, Ternary(V::Madd(F64x2))),                     // f64x2.relaxed_madd
    (0x108, Ternary(V::Nmadd(F64x2))),                    // f64x2.relaxed_nmadd
    (0x109, Ternary(V::Laneselect(I8x16))),               // i8x16.relaxed_laneselect
    (0x10A, Ternary(V::Laneselect(I16x8))),               // i16x8.relaxed_laneselect
    (0x10B, Ternary(V::Laneselect(I32x4))),               // i32x4.relaxed_laneselect
    (0x10C, Ternary(V::Laneselect(I64x2))),               // i64x2.relaxed_laneselect
    (0x10D, Binary(V::RelaxedMin(F32x4))),                // f32x4.relaxed_min
    (0x10E, Binary(V::RelaxedMax(F32x4))),                // f32x4.relaxed_max
    (0x10F, Binary(V::RelaxedMin(F64x2))),                // f64x2.relaxed_min
    (0x110, Binary(V::RelaxedMax(F64x2))),                // f64x2.relaxed_max
    (0x111, Binary(V::RelaxedQ15mulr)),                   // i16x8.relaxed_q15mulr_s
    (0x112, Binary(V::RelaxedDot)),                       // i16x8.relaxed_dot_i8x16_i7x16_s
    (0x113, Ternary(V::DotAdd)),                          // i32x4.relaxed_dot_i8x16_i7x16_add_s
];
