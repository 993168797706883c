//! The table of operators: how each is written, what it takes and leaves, and what records it.
//!
//! An operator is read, checked and recorded in one step, so a body is walked once. In code that cannot be reached nothing is
//! recorded.

use super::Scan;
use super::check::Ty;
use crate::abi::Builtin;
use crate::compile::tape::{Access, Class, Convert, Float, FloatCond, FloatUnary, Int, IntUnary, Op};
use crate::decode::{Cursor, Invalid};
use planish_asm::Cond;

use Class::{F32, F64, I32, I64};

/// More entries than this in one function are refused.
const MAX_ENTRIES: usize = 16 << 20;

/// Why a body is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::compile) enum Refusal {
    Invalid,
    /// Its tape would be too long.
    TooLarge,
}

impl From<Invalid> for Refusal {
    fn from(_: Invalid) -> Refusal {
        Refusal::Invalid
    }
}

/// A numeric operator: its operands, all of one type, its result, and what records it.
#[derive(Clone, Copy)]
struct Numeric {
    operands: u8,
    operand: Ty,
    result: Ty,
    record: Record,
}

/// What a numeric operator records.
#[derive(Clone, Copy)]
enum Record {
    Eqz(Class),
    Compare(Class, Cond),
    CompareFloat(Class, FloatCond),
    Add(Class),
    Subtract(Class),
    ShiftLeft(Class),
    Int(Class, Int),
    Divide(Class, Int),
    IntUnary(Class, IntUnary),
    Wrap,
    ExtendSigned,
    ExtendUnsigned,
    Float(Class, Float),
    FloatUnary(Class, FloatUnary),
    /// To an integer, from a float of this class, signed or not.
    Trunc(Class, bool),
    TruncSaturating(Class, bool),
    /// From an integer of this class, signed or not.
    FromInt(Class, bool),
    ChangePrecision,
    Reinterpret,
}

const fn unary(operand: Class, result: Class, record: Record) -> Numeric {
    Numeric { operands: 1, operand: Ty::number(operand), result: Ty::number(result), record }
}

const fn binary(operands: Class, result: Class, record: Record) -> Numeric {
    Numeric { operands: 2, operand: Ty::number(operands), result: Ty::number(result), record }
}

use Record::*;

/// From [`FIRST_NUMERIC`] on.
#[rustfmt::skip]
static NUMERIC: [Numeric; 128] = [
    unary(I32, I32, Eqz(I32)),                                        // i32.eqz
    binary(I32, I32, Compare(I32, Cond::Equal)),                      // i32.eq
    binary(I32, I32, Compare(I32, Cond::NotEqual)),                   // i32.ne
    binary(I32, I32, Compare(I32, Cond::Less)),                       // i32.lt_s
    binary(I32, I32, Compare(I32, Cond::Below)),                      // i32.lt_u
    binary(I32, I32, Compare(I32, Cond::Greater)),                    // i32.gt_s
    binary(I32, I32, Compare(I32, Cond::Above)),                      // i32.gt_u
    binary(I32, I32, Compare(I32, Cond::LessEqual)),                  // i32.le_s
    binary(I32, I32, Compare(I32, Cond::BelowEqual)),                 // i32.le_u
    binary(I32, I32, Compare(I32, Cond::GreaterEqual)),               // i32.ge_s
    binary(I32, I32, Compare(I32, Cond::AboveEqual)),                 // i32.ge_u
    unary(I64, I32, Eqz(I64)),                                        // i64.eqz
    binary(I64, I32, Compare(I64, Cond::Equal)),                      // i64.eq
    binary(I64, I32, Compare(I64, Cond::NotEqual)),                   // i64.ne
    binary(I64, I32, Compare(I64, Cond::Less)),                       // i64.lt_s
    binary(I64, I32, Compare(I64, Cond::Below)),                      // i64.lt_u
    binary(I64, I32, Compare(I64, Cond::Greater)),                    // i64.gt_s
    binary(I64, I32, Compare(I64, Cond::Above)),                      // i64.gt_u
    binary(I64, I32, Compare(I64, Cond::LessEqual)),                  // i64.le_s
    binary(I64, I32, Compare(I64, Cond::BelowEqual)),                 // i64.le_u
    binary(I64, I32, Compare(I64, Cond::GreaterEqual)),               // i64.ge_s
    binary(I64, I32, Compare(I64, Cond::AboveEqual)),                 // i64.ge_u
    binary(F32, I32, CompareFloat(F32, FloatCond::Eq)),               // f32.eq
    binary(F32, I32, CompareFloat(F32, FloatCond::Ne)),               // f32.ne
    binary(F32, I32, CompareFloat(F32, FloatCond::Lt)),               // f32.lt
    binary(F32, I32, CompareFloat(F32, FloatCond::Gt)),               // f32.gt
    binary(F32, I32, CompareFloat(F32, FloatCond::Le)),               // f32.le
    binary(F32, I32, CompareFloat(F32, FloatCond::Ge)),               // f32.ge
    binary(F64, I32, CompareFloat(F64, FloatCond::Eq)),               // f64.eq
    binary(F64, I32, CompareFloat(F64, FloatCond::Ne)),               // f64.ne
    binary(F64, I32, CompareFloat(F64, FloatCond::Lt)),               // f64.lt
    binary(F64, I32, CompareFloat(F64, FloatCond::Gt)),               // f64.gt
    binary(F64, I32, CompareFloat(F64, FloatCond::Le)),               // f64.le
    binary(F64, I32, CompareFloat(F64, FloatCond::Ge)),               // f64.ge
    unary(I32, I32, IntUnary(I32, IntUnary::Clz)),                    // i32.clz
    unary(I32, I32, IntUnary(I32, IntUnary::Ctz)),                    // i32.ctz
    unary(I32, I32, IntUnary(I32, IntUnary::Popcnt)),                 // i32.popcnt
    binary(I32, I32, Add(I32)),                                       // i32.add
    binary(I32, I32, Subtract(I32)),                                  // i32.sub
    binary(I32, I32, Int(I32, Int::Mul)),                             // i32.mul
    binary(I32, I32, Divide(I32, Int::DivS)),                         // i32.div_s
    binary(I32, I32, Divide(I32, Int::DivU)),                         // i32.div_u
    binary(I32, I32, Divide(I32, Int::RemS)),                         // i32.rem_s
    binary(I32, I32, Divide(I32, Int::RemU)),                         // i32.rem_u
    binary(I32, I32, Int(I32, Int::And)),                             // i32.and
    binary(I32, I32, Int(I32, Int::Or)),                              // i32.or
    binary(I32, I32, Int(I32, Int::Xor)),                             // i32.xor
    binary(I32, I32, ShiftLeft(I32)),                                 // i32.shl
    binary(I32, I32, Int(I32, Int::ShrS)),                            // i32.shr_s
    binary(I32, I32, Int(I32, Int::ShrU)),                            // i32.shr_u
    binary(I32, I32, Int(I32, Int::Rotl)),                            // i32.rotl
    binary(I32, I32, Int(I32, Int::Rotr)),                            // i32.rotr
    unary(I64, I64, IntUnary(I64, IntUnary::Clz)),                    // i64.clz
    unary(I64, I64, IntUnary(I64, IntUnary::Ctz)),                    // i64.ctz
    unary(I64, I64, IntUnary(I64, IntUnary::Popcnt)),                 // i64.popcnt
    binary(I64, I64, Add(I64)),                                       // i64.add
    binary(I64, I64, Subtract(I64)),                                  // i64.sub
    binary(I64, I64, Int(I64, Int::Mul)),                             // i64.mul
    binary(I64, I64, Divide(I64, Int::DivS)),                         // i64.div_s
    binary(I64, I64, Divide(I64, Int::DivU)),                         // i64.div_u
    binary(I64, I64, Divide(I64, Int::RemS)),                         // i64.rem_s
    binary(I64, I64, Divide(I64, Int::RemU)),                         // i64.rem_u
    binary(I64, I64, Int(I64, Int::And)),                             // i64.and
    binary(I64, I64, Int(I64, Int::Or)),                              // i64.or
    binary(I64, I64, Int(I64, Int::Xor)),                             // i64.xor
    binary(I64, I64, ShiftLeft(I64)),                                 // i64.shl
    binary(I64, I64, Int(I64, Int::ShrS)),                            // i64.shr_s
    binary(I64, I64, Int(I64, Int::ShrU)),                            // i64.shr_u
    binary(I64, I64, Int(I64, Int::Rotl)),                            // i64.rotl
    binary(I64, I64, Int(I64, Int::Rotr)),                            // i64.rotr
    unary(F32, F32, FloatUnary(F32, FloatUnary::Abs)),                // f32.abs
    unary(F32, F32, FloatUnary(F32, FloatUnary::Neg)),                // f32.neg
    unary(F32, F32, FloatUnary(F32, FloatUnary::Ceil)),               // f32.ceil
    unary(F32, F32, FloatUnary(F32, FloatUnary::Floor)),              // f32.floor
    unary(F32, F32, FloatUnary(F32, FloatUnary::Trunc)),              // f32.trunc
    unary(F32, F32, FloatUnary(F32, FloatUnary::Nearest)),            // f32.nearest
    unary(F32, F32, FloatUnary(F32, FloatUnary::Sqrt)),               // f32.sqrt
    binary(F32, F32, Float(F32, Float::Add)),                         // f32.add
    binary(F32, F32, Float(F32, Float::Sub)),                         // f32.sub
    binary(F32, F32, Float(F32, Float::Mul)),                         // f32.mul
    binary(F32, F32, Float(F32, Float::Div)),                         // f32.div
    binary(F32, F32, Float(F32, Float::Min)),                         // f32.min
    binary(F32, F32, Float(F32, Float::Max)),                         // f32.max
    binary(F32, F32, Float(F32, Float::Copysign)),                    // f32.copysign
    unary(F64, F64, FloatUnary(F64, FloatUnary::Abs)),                // f64.abs
    unary(F64, F64, FloatUnary(F64, FloatUnary::Neg)),                // f64.neg
    unary(F64, F64, FloatUnary(F64, FloatUnary::Ceil)),               // f64.ceil
    unary(F64, F64, FloatUnary(F64, FloatUnary::Floor)),              // f64.floor
    unary(F64, F64, FloatUnary(F64, FloatUnary::Trunc)),              // f64.trunc
    unary(F64, F64, FloatUnary(F64, FloatUnary::Nearest)),            // f64.nearest
    unary(F64, F64, FloatUnary(F64, FloatUnary::Sqrt)),               // f64.sqrt
    binary(F64, F64, Float(F64, Float::Add)),                         // f64.add
    binary(F64, F64, Float(F64, Float::Sub)),                         // f64.sub
    binary(F64, F64, Float(F64, Float::Mul)),                         // f64.mul
    binary(F64, F64, Float(F64, Float::Div)),                         // f64.div
    binary(F64, F64, Float(F64, Float::Min)),                         // f64.min
    binary(F64, F64, Float(F64, Float::Max)),                         // f64.max
    binary(F64, F64, Float(F64, Float::Copysign)),                    // f64.copysign
    unary(I64, I32, Wrap),                                            // i32.wrap_i64
    unary(F32, I32, Trunc(F32, true)),                                // i32.trunc_f32_s
    unary(F32, I32, Trunc(F32, false)),                               // i32.trunc_f32_u
    unary(F64, I32, Trunc(F64, true)),                                // i32.trunc_f64_s
    unary(F64, I32, Trunc(F64, false)),                               // i32.trunc_f64_u
    unary(I32, I64, ExtendSigned),                                    // i64.extend_i32_s
    unary(I32, I64, ExtendUnsigned),                                  // i64.extend_i32_u
    unary(F32, I64, Trunc(F32, true)),                                // i64.trunc_f32_s
    unary(F32, I64, Trunc(F32, false)),                               // i64.trunc_f32_u
    unary(F64, I64, Trunc(F64, true)),                                // i64.trunc_f64_s
    unary(F64, I64, Trunc(F64, false)),                               // i64.trunc_f64_u
    unary(I32, F32, FromInt(I32, true)),                              // f32.convert_i32_s
    unary(I32, F32, FromInt(I32, false)),                             // f32.convert_i32_u
    unary(I64, F32, FromInt(I64, true)),                              // f32.convert_i64_s
    unary(I64, F32, FromInt(I64, false)),                             // f32.convert_i64_u
    unary(F64, F32, ChangePrecision),                                 // f32.demote_f64
    unary(I32, F64, FromInt(I32, true)),                              // f64.convert_i32_s
    unary(I32, F64, FromInt(I32, false)),                             // f64.convert_i32_u
    unary(I64, F64, FromInt(I64, true)),                              // f64.convert_i64_s
    unary(I64, F64, FromInt(I64, false)),                             // f64.convert_i64_u
    unary(F32, F64, ChangePrecision),                                 // f64.promote_f32
    unary(F32, I32, Reinterpret),                                     // i32.reinterpret_f32
    unary(F64, I64, Reinterpret),                                     // i64.reinterpret_f64
    unary(I32, F32, Reinterpret),                                     // f32.reinterpret_i32
    unary(I64, F64, Reinterpret),                                     // f64.reinterpret_i64
    unary(I32, I32, IntUnary(I32, IntUnary::Extend8S)),               // i32.extend8_s
    unary(I32, I32, IntUnary(I32, IntUnary::Extend16S)),              // i32.extend16_s
    unary(I64, I64, IntUnary(I64, IntUnary::Extend8S)),               // i64.extend8_s
    unary(I64, I64, IntUnary(I64, IntUnary::Extend16S)),              // i64.extend16_s
    unary(I64, I64, IntUnary(I64, IntUnary::Extend32S)),              // i64.extend32_s
];

/// Behind the prefix 0xFC, from 0 on.
#[rustfmt::skip]
static SATURATING: [Numeric; 8] = [
    unary(F32, I32, TruncSaturating(F32, true)),                      // i32.trunc_sat_f32_s
    unary(F32, I32, TruncSaturating(F32, false)),                     // i32.trunc_sat_f32_u
    unary(F64, I32, TruncSaturating(F64, true)),                      // i32.trunc_sat_f64_s
    unary(F64, I32, TruncSaturating(F64, false)),                     // i32.trunc_sat_f64_u
    unary(F32, I64, TruncSaturating(F32, true)),                      // i64.trunc_sat_f32_s
    unary(F32, I64, TruncSaturating(F32, false)),                     // i64.trunc_sat_f32_u
    unary(F64, I64, TruncSaturating(F64, true)),                      // i64.trunc_sat_f64_s
    unary(F64, I64, TruncSaturating(F64, false)),                     // i64.trunc_sat_f64_u
];

const FIRST_NUMERIC: u8 = 0x45;
const FIRST_LOAD: u8 = 0x28;
const FIRST_STORE: u8 = 0x36;

/// The largest alignment, as a power of two; access; class.
#[rustfmt::skip]
static LOADS: [(u8, Access, Class); 14] = [
    (2, Access::Whole, I32),      // i32.load
    (3, Access::Whole, I64),      // i64.load
    (2, Access::Whole, F32),      // f32.load
    (3, Access::Whole, F64),      // f64.load
    (0, Access::S8, I32),         // i32.load8_s
    (0, Access::U8, I32),         // i32.load8_u
    (1, Access::S16, I32),        // i32.load16_s
    (1, Access::U16, I32),        // i32.load16_u
    (0, Access::S8, I64),         // i64.load8_s
    (0, Access::U8, I64),         // i64.load8_u
    (1, Access::S16, I64),        // i64.load16_s
    (1, Access::U16, I64),        // i64.load16_u
    (2, Access::S32, I64),        // i64.load32_s
    (2, Access::U32, I64),        // i64.load32_u
];

#[rustfmt::skip]
static STORES: [(u8, Access, Class); 9] = [
    (2, Access::Whole, I32),      // i32.store
    (3, Access::Whole, I64),      // i64.store
    (2, Access::Whole, F32),      // f32.store
    (3, Access::Whole, F64),      // f64.store
    (0, Access::U8, I32),         // i32.store8
    (1, Access::U16, I32),        // i32.store16
    (0, Access::U8, I64),         // i64.store8
    (1, Access::U16, I64),        // i64.store16
    (2, Access::U32, I64),        // i64.store32
];

impl Scan<'_> {
    /// Reads a body from its first operator on; the module offset of its first byte is `start`.
    pub(in crate::compile) fn body(&mut self, mut cursor: Cursor<'_>, start: u32) -> Result<(), Refusal> {
        loop {
            self.offset = start + cursor.position() as u32;
            match cursor.byte()? {
                code @ FIRST_NUMERIC..=0xC4 => self.numeric(NUMERIC[(code - FIRST_NUMERIC) as usize])?,
                code @ FIRST_LOAD..=0x35 => {
                    let (align, access, class) = LOADS[(code - FIRST_LOAD) as usize];
                    let offset = self.memarg(&mut cursor, align)?;
                    match self.has(Ty::I32) {
                        true => self.load(access, class, offset),
                        false => self.in_dead_code(&[Ty::I32], &[Ty::number(class)])?,
                    }
                }
                code @ FIRST_STORE..=0x3E => {
                    let (align, access, class) = STORES[(code - FIRST_STORE) as usize];
                    let offset = self.memarg(&mut cursor, align)?;
                    match self.has_two(Ty::I32, Ty::number(class)) {
                        true => self.store(access, class, offset),
                        false => self.in_dead_code(&[Ty::I32, Ty::number(class)], &[])?,
                    }
                }
                // What has no operands may as well be pushed where code cannot be reached.
                0x20 => {
                    let index = cursor.u32()?;
                    let local = self.locals.get(index)?;
                    self.local_get(index, local);
                }
                code @ (0x21 | 0x22) => {
                    let index = cursor.u32()?;
                    let local = self.locals.get(index)?;
                    match (code, self.has(local.ty)) {
                        (0x21, true) => _ = self.local_set(index, local),
                        (_, true) => self.local_tee(index, local),
                        (0x21, false) => self.in_dead_code(&[local.ty], &[])?,
                        (_, false) => self.in_dead_code(&[local.ty], &[local.ty])?,
                    }
                }
                0x41 => {
                    let value = cursor.i32()?;
                    self.push_const(I32, i64::from(value));
                }
                0x42 => {
                    let value = cursor.i64()?;
                    self.push_const(I64, value);
                }
                code => {
                    cursor = self.control(code, cursor)?;
                    if self.is_done() {
                        return if cursor.remaining() == 0 { Ok(()) } else { Err(Refusal::Invalid) };
                    }
                    // Other operators add a few entries for each of their bytes, of which there are not so many.
                    if self.tape.entries.len() > MAX_ENTRIES {
                        return Err(Refusal::TooLarge);
                    }
                }
            }
        }
    }

    #[inline]
    fn numeric(&mut self, operator: Numeric) -> Result<(), Invalid> {
        let Numeric { operands, operand, result, record } = operator;
        let reached = if operands == 1 { self.has(operand) } else { self.has_two(operand, operand) };
        if !reached {
            return self.in_dead_code(&[operand; 2][..operands as usize], &[result]);
        }
        let class = result.class();
        match record {
            Eqz(class) => self.eqz(class),
            Compare(class, cond) => self.compare(class, cond),
            CompareFloat(class, cond) => self.compare_float(class, cond),
            Add(class) => self.add(class),
            Subtract(class) => self.subtract(class),
            ShiftLeft(class) => self.shift_left(class),
            Int(class, op) => self.int(op, class),
            Divide(class, op) => self.divide(op, class),
            IntUnary(class, op) => self.int_unary(op, class),
            Wrap => self.wrap(),
            ExtendSigned => self.extend_signed(),
            ExtendUnsigned => self.extend_unsigned(),
            Float(class, op) => self.binary(Op::Float(op), class),
            FloatUnary(class, op) => self.unary(Op::FloatUnary(op), class),
            Trunc(from, signed) => self.trunc(from, class, signed),
            TruncSaturating(from, signed) => self.trunc_sat(from, class, signed),
            FromInt(from, signed) => self.unary(Op::Convert(Convert::FromInt { from, signed }), class),
            ChangePrecision => self.unary(Op::Convert(Convert::Float), class),
            Reinterpret => self.unary(Op::Convert(Convert::Reinterpret), class),
        }
        Ok(())
    }

    /// Reads alignment and offset of a memory access (specification 5.4.6).
    #[inline(always)]
    fn memarg(&mut self, cursor: &mut Cursor<'_>, max_align: u8) -> Result<u32, Invalid> {
        let align = cursor.u32()?;
        self.has_memory(0)?;
        if align > u32::from(max_align) {
            return Err(Invalid);
        }
        cursor.u32()
    }

    /// Blocks, branches, calls, and what is rarer than arithmetic.
    fn control<'b>(&mut self, code: u8, mut cursor: Cursor<'b>) -> Result<Cursor<'b>, Invalid> {
        match code {
            0x00 => match self.dead {
                true => self.die(),
                false => self.trap_now(),
            },
            0x01 => {}
            0x02 => self.block(cursor.block_type()?)?,
            0x03 => self.begin_loop(cursor.block_type()?)?,
            0x04 => self.begin_if(cursor.block_type()?)?,
            0x05 => self.begin_else()?,
            0x0B => self.end()?,
            0x0C => {
                let depth = cursor.u32()?;
                match self.takes_label(depth)? {
                    true => self.branch_always(depth),
                    false => self.die(),
                }
            }
            0x0D => {
                let depth = cursor.u32()?;
                if self.takes_branch_if(depth)? {
                    self.branch_if(depth);
                }
            }
            0x0E => match self.takes_branch_table(&mut cursor)? {
                true => self.branch_table(),
                false => self.die(),
            },
            0x0F => match self.takes_return()? {
                true => self.return_now(),
                false => self.die(),
            },
            0x10 => {
                let function = cursor.u32()?;
                let ty = self.function_type(function)?;
                if self.takes_call(ty)? {
                    self.call_direct(function);
                }
            }
            0x11 => {
                let (ty, table) = (cursor.u32()?, cursor.u32()?);
                if self.takes_call_indirect(ty, table)? {
                    self.call_table(ty, table);
                }
            }
            0x1A => {
                if self.takes_any()? {
                    self.drop_value();
                }
            }
            0x1B => {
                if self.takes_select()? {
                    self.select();
                }
            }
            0x23 => {
                let index = cursor.u32()?;
                let (ty, _) = self.global_type(index)?;
                if self.takes(&[], &[ty])? {
                    self.read(Op::GlobalGet, ty, index);
                }
            }
            0x24 => {
                let index = cursor.u32()?;
                let (ty, true) = self.global_type(index)? else { return Err(Invalid) };
                if self.takes(&[ty], &[])? {
                    self.global_set(ty, index);
                }
            }
            0x43 => self.push_const(F32, i64::from(u32::from_le_bytes(cursor.array()?))),
            0x44 => self.push_const(F64, i64::from_le_bytes(cursor.array()?)),
            0xFC => {
                let code = cursor.u32()?;
                match SATURATING.get(code as usize) {
                    Some(&operator) => self.numeric(operator)?,
                    None => self.bulk(code, &mut cursor)?,
                }
            }
            _ => self.reference(code, &mut cursor)?,
        }
        Ok(cursor)
    }

    /// Tables, references, the size of a memory.
    fn reference(&mut self, code: u8, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
        match code {
            0x1C => {
                let 1 = cursor.u32()? else { return Err(Invalid) };
                let ty = Ty::of(cursor.val_type()?);
                if self.takes(&[ty, ty, Ty::I32], &[ty])? {
                    self.select();
                }
            }
            0x25 => {
                let table = cursor.u32()?;
                let ty = self.table_type(table)?;
                if self.takes(&[Ty::I32], &[ty])? {
                    self.table_get(ty, table);
                }
            }
            0x26 => {
                let table = cursor.u32()?;
                let ty = self.table_type(table)?;
                if self.takes(&[Ty::I32, ty], &[])? {
                    self.table_set(table);
                }
            }
            0x3F => {
                let 0 = cursor.byte()? else { return Err(Invalid) };
                self.has_memory(0)?;
                if self.takes(&[], &[Ty::I32])? {
                    self.read(Op::MemorySize, Ty::I32, 0);
                }
            }
            0x40 => {
                let 0 = cursor.byte()? else { return Err(Invalid) };
                self.has_memory(0)?;
                if self.takes(&[Ty::I32], &[Ty::I32])? {
                    self.builtin(Builtin::MemoryGrow, &[0], 1, Some(I32));
                }
            }
            0xD0 => {
                let ty = Ty::of(cursor.heap_type()?);
                self.ref_null(ty);
            }
            0xD1 => {
                if self.takes_ref()? {
                    self.eqz(I64);
                }
            }
            0xD2 => {
                let function = cursor.u32()?;
                self.is_declared(function)?;
                if self.takes(&[], &[Ty::FUNCREF])? {
                    self.read(Op::RefFunc, Ty::FUNCREF, function);
                }
            }
            _ => return Err(Invalid),
        }
        Ok(())
    }

    /// Operations on many bytes or elements: all but one are builtins.
    fn bulk(&mut self, code: u32, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
        let (builtin, leading) = match code {
            0x08 => {
                let (segment, memory) = (cursor.u32()?, cursor.u32()?);
                self.has_memory(memory)?;
                self.has_data(segment)?;
                (Builtin::MemoryInit, pair(memory, segment))
            }
            0x09 => {
                let segment = cursor.u32()?;
                self.has_data(segment)?;
                return self.drop_segment(Builtin::DataDrop, segment);
            }
            0x0A => {
                let (target, source) = (cursor.u32()?, cursor.u32()?);
                self.has_memory(target)?;
                self.has_memory(source)?;
                (Builtin::MemoryCopy, pair(target, source))
            }
            0x0B => {
                let memory = cursor.u32()?;
                self.has_memory(memory)?;
                (Builtin::MemoryFill, u64::from(memory))
            }
            0x0C => {
                let (segment, table) = (cursor.u32()?, cursor.u32()?);
                self.same_type(self.table_type(table)?, self.segment_type(segment)?)?;
                (Builtin::TableInit, pair(table, segment))
            }
            0x0D => {
                let segment = cursor.u32()?;
                self.segment_type(segment)?;
                return self.drop_segment(Builtin::ElemDrop, segment);
            }
            0x0E => {
                let (target, source) = (cursor.u32()?, cursor.u32()?);
                self.same_type(self.table_type(target)?, self.table_type(source)?)?;
                (Builtin::TableCopy, pair(target, source))
            }
            0x0F..=0x11 => return self.whole_table(code, cursor.u32()?),
            _ => return Err(Invalid),
        };
        // A destination, a source or value, a count.
        if self.takes(&[Ty::I32, Ty::I32, Ty::I32], &[])? {
            self.builtin(builtin, &[leading], 3, None);
        }
        Ok(())
    }

    fn drop_segment(&mut self, builtin: Builtin, segment: u32) -> Result<(), Invalid> {
        if self.takes(&[], &[])? {
            self.builtin(builtin, &[u64::from(segment)], 0, None);
        }
        Ok(())
    }

    /// `table.grow`, `table.size`, `table.fill`.
    fn whole_table(&mut self, code: u32, table: u32) -> Result<(), Invalid> {
        let ty = self.table_type(table)?;
        let (operands, results): (&[Ty], &[Ty]) = match code {
            0x0F => (&[ty, Ty::I32], &[Ty::I32]),
            0x10 => (&[], &[Ty::I32]),
            _ => (&[Ty::I32, ty, Ty::I32], &[]),
        };
        if self.takes(operands, results)? {
            match code {
                0x0F => self.builtin(Builtin::TableGrow, &[u64::from(table)], 2, Some(I32)),
                0x10 => self.read(Op::TableSize, Ty::I32, table),
                _ => self.builtin(Builtin::TableFill, &[u64::from(table)], 3, None),
            }
        }
        Ok(())
    }
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
