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

/// Are the operands there, in code that can be reached?
macro_rules! has {
    ($scan:ident ($operand:ident)) => {
        $scan.has(Ty::$operand)
    };
    ($scan:ident ($below:ident $top:ident)) => {
        $scan.has_two(Ty::$below, Ty::$top)
    };
}

/// They are not: the code cannot be reached, or is not valid.
macro_rules! in_dead_code {
    ($scan:ident ($($operand:ident)*) -> $($result:ident)?) => {
        $scan.in_dead_code(&[$(Ty::$operand),*], &[$(Ty::$result)?])?
    };
}

/// Makes the two functions that read an operator, one arm for each row.
macro_rules! operators {
    (
        numeric { $($code:literal $name:literal $operands:tt -> $result:ident => $method:ident ($($value:expr),*);)* }
        load { $($load:literal $load_name:literal $load_align:literal $load_access:ident $load_class:ident;)* }
        store { $($store:literal $store_name:literal $store_align:literal $store_access:ident $store_class:ident;)* }
        saturating { $($sat:literal $sat_name:literal $sat_from:tt -> $sat_to:ident => $sat_method:ident ($($sat_value:expr),*);)* }
    ) => {
        impl Scan<'_> {
            /// Reads a body from its first operator on; the module offset of its first byte is `start`.
            pub(in crate::compile) fn body(&mut self, mut cursor: Cursor<'_>, start: u32) -> Result<(), Refusal> {
                loop {
                    self.offset = start + cursor.position() as u32;
                    match cursor.byte()? {
                        $($code => match has!(self $operands) {
                            true => self.$method($($value),*),
                            false => in_dead_code!(self $operands -> $result),
                        })*
                        $($load => {
                            let offset = self.memarg(&mut cursor, $load_align)?;
                            match self.has(Ty::I32) {
                                true => self.load(Access::$load_access, $load_class, offset),
                                false => in_dead_code!(self (I32) -> $load_class),
                            }
                        })*
                        $($store => {
                            let offset = self.memarg(&mut cursor, $store_align)?;
                            match self.has_two(Ty::I32, Ty::$store_class) {
                                true => self.store(Access::$store_access, $store_class, offset),
                                false => in_dead_code!(self (I32 $store_class) -> ),
                            }
                        })*
                        // What has no operands may as well be pushed where code cannot be reached.
                        0x20 => {
                            let index = cursor.u32()?;
                            let local = self.locals.get(index)?;
                            self.local_get(index, local);
                        }
                        0x21 => {
                            let index = cursor.u32()?;
                            let local = self.locals.get(index)?;
                            match self.has(local.ty) {
                                true => _ = self.local_set(index, local),
                                false => self.in_dead_code(&[local.ty], &[])?,
                            }
                        }
                        0x22 => {
                            let index = cursor.u32()?;
                            let local = self.locals.get(index)?;
                            match self.has(local.ty) {
                                true => self.local_tee(index, local),
                                false => self.in_dead_code(&[local.ty], &[local.ty])?,
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

            /// The operators behind the prefix 0xFC.
            fn prefixed(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
                match cursor.u32()? {
                    $($sat => match has!(self $sat_from) {
                        true => self.$sat_method($($sat_value),*),
                        false => in_dead_code!(self $sat_from -> $sat_to),
                    })*
                    code => return self.bulk(code, cursor),
                }
                Ok(())
            }
        }
    };
}

#[rustfmt::skip]
operators! {
    // opcode, name, operands and result, method
    numeric {
        0x45 "i32.eqz" (I32) -> I32 => eqz(I32);
        0x46 "i32.eq" (I32 I32) -> I32 => compare(I32, Cond::Equal);
        0x47 "i32.ne" (I32 I32) -> I32 => compare(I32, Cond::NotEqual);
        0x48 "i32.lt_s" (I32 I32) -> I32 => compare(I32, Cond::Less);
        0x49 "i32.lt_u" (I32 I32) -> I32 => compare(I32, Cond::Below);
        0x4A "i32.gt_s" (I32 I32) -> I32 => compare(I32, Cond::Greater);
        0x4B "i32.gt_u" (I32 I32) -> I32 => compare(I32, Cond::Above);
        0x4C "i32.le_s" (I32 I32) -> I32 => compare(I32, Cond::LessEqual);
        0x4D "i32.le_u" (I32 I32) -> I32 => compare(I32, Cond::BelowEqual);
        0x4E "i32.ge_s" (I32 I32) -> I32 => compare(I32, Cond::GreaterEqual);
        0x4F "i32.ge_u" (I32 I32) -> I32 => compare(I32, Cond::AboveEqual);
        0x50 "i64.eqz" (I64) -> I32 => eqz(I64);
        0x51 "i64.eq" (I64 I64) -> I32 => compare(I64, Cond::Equal);
        0x52 "i64.ne" (I64 I64) -> I32 => compare(I64, Cond::NotEqual);
        0x53 "i64.lt_s" (I64 I64) -> I32 => compare(I64, Cond::Less);
        0x54 "i64.lt_u" (I64 I64) -> I32 => compare(I64, Cond::Below);
        0x55 "i64.gt_s" (I64 I64) -> I32 => compare(I64, Cond::Greater);
        0x56 "i64.gt_u" (I64 I64) -> I32 => compare(I64, Cond::Above);
        0x57 "i64.le_s" (I64 I64) -> I32 => compare(I64, Cond::LessEqual);
        0x58 "i64.le_u" (I64 I64) -> I32 => compare(I64, Cond::BelowEqual);
        0x59 "i64.ge_s" (I64 I64) -> I32 => compare(I64, Cond::GreaterEqual);
        0x5A "i64.ge_u" (I64 I64) -> I32 => compare(I64, Cond::AboveEqual);
        0x5B "f32.eq" (F32 F32) -> I32 => compare_float(F32, FloatCond::Eq);
        0x5C "f32.ne" (F32 F32) -> I32 => compare_float(F32, FloatCond::Ne);
        0x5D "f32.lt" (F32 F32) -> I32 => compare_float(F32, FloatCond::Lt);
        0x5E "f32.gt" (F32 F32) -> I32 => compare_float(F32, FloatCond::Gt);
        0x5F "f32.le" (F32 F32) -> I32 => compare_float(F32, FloatCond::Le);
        0x60 "f32.ge" (F32 F32) -> I32 => compare_float(F32, FloatCond::Ge);
        0x61 "f64.eq" (F64 F64) -> I32 => compare_float(F64, FloatCond::Eq);
        0x62 "f64.ne" (F64 F64) -> I32 => compare_float(F64, FloatCond::Ne);
        0x63 "f64.lt" (F64 F64) -> I32 => compare_float(F64, FloatCond::Lt);
        0x64 "f64.gt" (F64 F64) -> I32 => compare_float(F64, FloatCond::Gt);
        0x65 "f64.le" (F64 F64) -> I32 => compare_float(F64, FloatCond::Le);
        0x66 "f64.ge" (F64 F64) -> I32 => compare_float(F64, FloatCond::Ge);
        0x67 "i32.clz" (I32) -> I32 => int_unary(IntUnary::Clz, I32);
        0x68 "i32.ctz" (I32) -> I32 => int_unary(IntUnary::Ctz, I32);
        0x69 "i32.popcnt" (I32) -> I32 => int_unary(IntUnary::Popcnt, I32);
        0x6A "i32.add" (I32 I32) -> I32 => add(I32);
        0x6B "i32.sub" (I32 I32) -> I32 => subtract(I32);
        0x6C "i32.mul" (I32 I32) -> I32 => int(Int::Mul, I32);
        0x6D "i32.div_s" (I32 I32) -> I32 => divide(Int::DivS, I32);
        0x6E "i32.div_u" (I32 I32) -> I32 => divide(Int::DivU, I32);
        0x6F "i32.rem_s" (I32 I32) -> I32 => divide(Int::RemS, I32);
        0x70 "i32.rem_u" (I32 I32) -> I32 => divide(Int::RemU, I32);
        0x71 "i32.and" (I32 I32) -> I32 => int(Int::And, I32);
        0x72 "i32.or" (I32 I32) -> I32 => int(Int::Or, I32);
        0x73 "i32.xor" (I32 I32) -> I32 => int(Int::Xor, I32);
        0x74 "i32.shl" (I32 I32) -> I32 => shift_left(I32);
        0x75 "i32.shr_s" (I32 I32) -> I32 => int(Int::ShrS, I32);
        0x76 "i32.shr_u" (I32 I32) -> I32 => int(Int::ShrU, I32);
        0x77 "i32.rotl" (I32 I32) -> I32 => int(Int::Rotl, I32);
        0x78 "i32.rotr" (I32 I32) -> I32 => int(Int::Rotr, I32);
        0x79 "i64.clz" (I64) -> I64 => int_unary(IntUnary::Clz, I64);
        0x7A "i64.ctz" (I64) -> I64 => int_unary(IntUnary::Ctz, I64);
        0x7B "i64.popcnt" (I64) -> I64 => int_unary(IntUnary::Popcnt, I64);
        0x7C "i64.add" (I64 I64) -> I64 => add(I64);
        0x7D "i64.sub" (I64 I64) -> I64 => subtract(I64);
        0x7E "i64.mul" (I64 I64) -> I64 => int(Int::Mul, I64);
        0x7F "i64.div_s" (I64 I64) -> I64 => divide(Int::DivS, I64);
        0x80 "i64.div_u" (I64 I64) -> I64 => divide(Int::DivU, I64);
        0x81 "i64.rem_s" (I64 I64) -> I64 => divide(Int::RemS, I64);
        0x82 "i64.rem_u" (I64 I64) -> I64 => divide(Int::RemU, I64);
        0x83 "i64.and" (I64 I64) -> I64 => int(Int::And, I64);
        0x84 "i64.or" (I64 I64) -> I64 => int(Int::Or, I64);
        0x85 "i64.xor" (I64 I64) -> I64 => int(Int::Xor, I64);
        0x86 "i64.shl" (I64 I64) -> I64 => shift_left(I64);
        0x87 "i64.shr_s" (I64 I64) -> I64 => int(Int::ShrS, I64);
        0x88 "i64.shr_u" (I64 I64) -> I64 => int(Int::ShrU, I64);
        0x89 "i64.rotl" (I64 I64) -> I64 => int(Int::Rotl, I64);
        0x8A "i64.rotr" (I64 I64) -> I64 => int(Int::Rotr, I64);
        0x8B "f32.abs" (F32) -> F32 => unary(Op::FloatUnary(FloatUnary::Abs), F32);
        0x8C "f32.neg" (F32) -> F32 => unary(Op::FloatUnary(FloatUnary::Neg), F32);
        0x8D "f32.ceil" (F32) -> F32 => unary(Op::FloatUnary(FloatUnary::Ceil), F32);
        0x8E "f32.floor" (F32) -> F32 => unary(Op::FloatUnary(FloatUnary::Floor), F32);
        0x8F "f32.trunc" (F32) -> F32 => unary(Op::FloatUnary(FloatUnary::Trunc), F32);
        0x90 "f32.nearest" (F32) -> F32 => unary(Op::FloatUnary(FloatUnary::Nearest), F32);
        0x91 "f32.sqrt" (F32) -> F32 => unary(Op::FloatUnary(FloatUnary::Sqrt), F32);
        0x92 "f32.add" (F32 F32) -> F32 => binary(Op::Float(Float::Add), F32);
        0x93 "f32.sub" (F32 F32) -> F32 => binary(Op::Float(Float::Sub), F32);
        0x94 "f32.mul" (F32 F32) -> F32 => binary(Op::Float(Float::Mul), F32);
        0x95 "f32.div" (F32 F32) -> F32 => binary(Op::Float(Float::Div), F32);
        0x96 "f32.min" (F32 F32) -> F32 => binary(Op::Float(Float::Min), F32);
        0x97 "f32.max" (F32 F32) -> F32 => binary(Op::Float(Float::Max), F32);
        0x98 "f32.copysign" (F32 F32) -> F32 => binary(Op::Float(Float::Copysign), F32);
        0x99 "f64.abs" (F64) -> F64 => unary(Op::FloatUnary(FloatUnary::Abs), F64);
        0x9A "f64.neg" (F64) -> F64 => unary(Op::FloatUnary(FloatUnary::Neg), F64);
        0x9B "f64.ceil" (F64) -> F64 => unary(Op::FloatUnary(FloatUnary::Ceil), F64);
        0x9C "f64.floor" (F64) -> F64 => unary(Op::FloatUnary(FloatUnary::Floor), F64);
        0x9D "f64.trunc" (F64) -> F64 => unary(Op::FloatUnary(FloatUnary::Trunc), F64);
        0x9E "f64.nearest" (F64) -> F64 => unary(Op::FloatUnary(FloatUnary::Nearest), F64);
        0x9F "f64.sqrt" (F64) -> F64 => unary(Op::FloatUnary(FloatUnary::Sqrt), F64);
        0xA0 "f64.add" (F64 F64) -> F64 => binary(Op::Float(Float::Add), F64);
        0xA1 "f64.sub" (F64 F64) -> F64 => binary(Op::Float(Float::Sub), F64);
        0xA2 "f64.mul" (F64 F64) -> F64 => binary(Op::Float(Float::Mul), F64);
        0xA3 "f64.div" (F64 F64) -> F64 => binary(Op::Float(Float::Div), F64);
        0xA4 "f64.min" (F64 F64) -> F64 => binary(Op::Float(Float::Min), F64);
        0xA5 "f64.max" (F64 F64) -> F64 => binary(Op::Float(Float::Max), F64);
        0xA6 "f64.copysign" (F64 F64) -> F64 => binary(Op::Float(Float::Copysign), F64);
        0xA7 "i32.wrap_i64" (I64) -> I32 => wrap();
        0xA8 "i32.trunc_f32_s" (F32) -> I32 => trunc(F32, I32, true);
        0xA9 "i32.trunc_f32_u" (F32) -> I32 => trunc(F32, I32, false);
        0xAA "i32.trunc_f64_s" (F64) -> I32 => trunc(F64, I32, true);
        0xAB "i32.trunc_f64_u" (F64) -> I32 => trunc(F64, I32, false);
        0xAC "i64.extend_i32_s" (I32) -> I64 => extend_signed();
        0xAD "i64.extend_i32_u" (I32) -> I64 => extend_unsigned();
        0xAE "i64.trunc_f32_s" (F32) -> I64 => trunc(F32, I64, true);
        0xAF "i64.trunc_f32_u" (F32) -> I64 => trunc(F32, I64, false);
        0xB0 "i64.trunc_f64_s" (F64) -> I64 => trunc(F64, I64, true);
        0xB1 "i64.trunc_f64_u" (F64) -> I64 => trunc(F64, I64, false);
        0xB2 "f32.convert_i32_s" (I32) -> F32 => unary(Op::Convert(Convert::FromInt { from: I32, signed: true }), F32);
        0xB3 "f32.convert_i32_u" (I32) -> F32 => unary(Op::Convert(Convert::FromInt { from: I32, signed: false }), F32);
        0xB4 "f32.convert_i64_s" (I64) -> F32 => unary(Op::Convert(Convert::FromInt { from: I64, signed: true }), F32);
        0xB5 "f32.convert_i64_u" (I64) -> F32 => unary(Op::Convert(Convert::FromInt { from: I64, signed: false }), F32);
        0xB6 "f32.demote_f64" (F64) -> F32 => unary(Op::Convert(Convert::Float), F32);
        0xB7 "f64.convert_i32_s" (I32) -> F64 => unary(Op::Convert(Convert::FromInt { from: I32, signed: true }), F64);
        0xB8 "f64.convert_i32_u" (I32) -> F64 => unary(Op::Convert(Convert::FromInt { from: I32, signed: false }), F64);
        0xB9 "f64.convert_i64_s" (I64) -> F64 => unary(Op::Convert(Convert::FromInt { from: I64, signed: true }), F64);
        0xBA "f64.convert_i64_u" (I64) -> F64 => unary(Op::Convert(Convert::FromInt { from: I64, signed: false }), F64);
        0xBB "f64.promote_f32" (F32) -> F64 => unary(Op::Convert(Convert::Float), F64);
        0xBC "i32.reinterpret_f32" (F32) -> I32 => unary(Op::Convert(Convert::Reinterpret), I32);
        0xBD "i64.reinterpret_f64" (F64) -> I64 => unary(Op::Convert(Convert::Reinterpret), I64);
        0xBE "f32.reinterpret_i32" (I32) -> F32 => unary(Op::Convert(Convert::Reinterpret), F32);
        0xBF "f64.reinterpret_i64" (I64) -> F64 => unary(Op::Convert(Convert::Reinterpret), F64);
        0xC0 "i32.extend8_s" (I32) -> I32 => int_unary(IntUnary::Extend8S, I32);
        0xC1 "i32.extend16_s" (I32) -> I32 => int_unary(IntUnary::Extend16S, I32);
        0xC2 "i64.extend8_s" (I64) -> I64 => int_unary(IntUnary::Extend8S, I64);
        0xC3 "i64.extend16_s" (I64) -> I64 => int_unary(IntUnary::Extend16S, I64);
        0xC4 "i64.extend32_s" (I64) -> I64 => int_unary(IntUnary::Extend32S, I64);
    }
    // opcode, name, log2 of the largest alignment, access, class
    load {
        0x28 "i32.load" 2 Whole I32;
        0x29 "i64.load" 3 Whole I64;
        0x2A "f32.load" 2 Whole F32;
        0x2B "f64.load" 3 Whole F64;
        0x2C "i32.load8_s" 0 S8 I32;
        0x2D "i32.load8_u" 0 U8 I32;
        0x2E "i32.load16_s" 1 S16 I32;
        0x2F "i32.load16_u" 1 U16 I32;
        0x30 "i64.load8_s" 0 S8 I64;
        0x31 "i64.load8_u" 0 U8 I64;
        0x32 "i64.load16_s" 1 S16 I64;
        0x33 "i64.load16_u" 1 U16 I64;
        0x34 "i64.load32_s" 2 S32 I64;
        0x35 "i64.load32_u" 2 U32 I64;
    }
    store {
        0x36 "i32.store" 2 Whole I32;
        0x37 "i64.store" 3 Whole I64;
        0x38 "f32.store" 2 Whole F32;
        0x39 "f64.store" 3 Whole F64;
        0x3A "i32.store8" 0 U8 I32;
        0x3B "i32.store16" 1 U16 I32;
        0x3C "i64.store8" 0 U8 I64;
        0x3D "i64.store16" 1 U16 I64;
        0x3E "i64.store32" 2 U32 I64;
    }
    // opcode behind 0xFC
    saturating {
        0 "i32.trunc_sat_f32_s" (F32) -> I32 => trunc_sat(F32, I32, true);
        1 "i32.trunc_sat_f32_u" (F32) -> I32 => trunc_sat(F32, I32, false);
        2 "i32.trunc_sat_f64_s" (F64) -> I32 => trunc_sat(F64, I32, true);
        3 "i32.trunc_sat_f64_u" (F64) -> I32 => trunc_sat(F64, I32, false);
        4 "i64.trunc_sat_f32_s" (F32) -> I64 => trunc_sat(F32, I64, true);
        5 "i64.trunc_sat_f32_u" (F32) -> I64 => trunc_sat(F32, I64, false);
        6 "i64.trunc_sat_f64_s" (F64) -> I64 => trunc_sat(F64, I64, true);
        7 "i64.trunc_sat_f64_u" (F64) -> I64 => trunc_sat(F64, I64, false);
    }
}

impl Scan<'_> {
    /// Reads alignment and offset of a memory access (specification 5.4.6).
    #[inline(always)]
    fn memarg(&mut self, cursor: &mut Cursor<'_>, max_align: u32) -> Result<u32, Invalid> {
        let align = cursor.u32()?;
        self.has_memory(0)?;
        if align > max_align {
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
            0xFC => self.prefixed(&mut cursor)?,
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
