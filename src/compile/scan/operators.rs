//! The table of operators: how each is written, what it takes and leaves, and what records it.
//!
//! An operator is read, checked and recorded in one step, so a body is walked once. In code that cannot be reached nothing is
//! recorded.

use super::Scan;
use crate::abi::Builtin;
use crate::compile::tape::{Access, Class, Convert, Float, FloatCond, FloatUnary, Int, IntUnary, Op};
use crate::decode::{Cursor, Invalid, Opener, Ty, block_type, heap_type, val_type};
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

/// Operands and result, for the checker.
macro_rules! check {
    ($scan:ident ($operand:ident) -> $result:ident) => {
        $scan.check.replace(Ty::$operand, Ty::$result)?
    };
    ($scan:ident ($operand:ident $same:ident) -> $result:ident) => {
        $scan.check.combine(Ty::$operand, Ty::$result)?
    };
}

/// Makes the two functions that read an operator, one for each row and arm.
macro_rules! operators {
    (
        numeric { $($code:literal $name:literal $operands:tt -> $result:ident => $method:ident ($($value:expr),*);)* }
        load { $($load:literal $load_name:literal $load_align:literal $load_access:ident $load_class:ident;)* }
        store { $($store:literal $store_name:literal $store_align:literal $store_access:ident $store_class:ident;)* }
        saturating { $($sat:literal $sat_name:literal $sat_from:tt -> $sat_to:ident => $sat_method:ident ($($sat_value:expr),*);)* }
    ) => {
        impl Scan<'_> {
            /// Reads a body from its first operator on; it ends at the module offset `end`.
            pub(in crate::compile) fn body(&mut self, mut cursor: Cursor<'_>, end: u32) -> Result<(), Refusal> {
                loop {
                    self.offset = end - cursor.remaining() as u32;
                    match cursor.byte()? {
                        $($code => {
                            check!(self $operands -> $result);
                            if !self.dead {
                                self.$method($($value),*);
                            }
                        })*
                        $($load => {
                            let offset = self.memarg(&mut cursor, $load_align)?;
                            check!(self (I32) -> $load_class);
                            if !self.dead {
                                self.load(Access::$load_access, $load_class, offset);
                            }
                        })*
                        $($store => {
                            let offset = self.memarg(&mut cursor, $store_align)?;
                            self.check.pop(Ty::$store_class)?;
                            self.check.pop(Ty::I32)?;
                            if !self.dead {
                                self.store(Access::$store_access, $store_class, offset);
                            }
                        })*
                        0x20 => {
                            let index = cursor.u32()?;
                            self.check.local_get(index)?;
                            if !self.dead {
                                self.local_get(index);
                            }
                        }
                        0x21 => {
                            let index = cursor.u32()?;
                            self.check.local_set(index)?;
                            if !self.dead {
                                self.local_set(index);
                            }
                        }
                        0x22 => {
                            let index = cursor.u32()?;
                            self.check.local_tee(index)?;
                            if !self.dead {
                                self.local_tee(index);
                            }
                        }
                        0x41 => {
                            let value = cursor.i32()?;
                            self.check.push(Ty::I32);
                            if !self.dead {
                                self.push_const(I32, i64::from(value));
                            }
                        }
                        0x42 => {
                            let value = cursor.i64()?;
                            self.check.push(Ty::I64);
                            if !self.dead {
                                self.push_const(I64, value);
                            }
                        }
                        0x0B => {
                            self.check.end()?;
                            self.end();
                            if self.check.is_done() {
                                return if cursor.remaining() == 0 { Ok(()) } else { Err(Refusal::Invalid) };
                            }
                        }
                        code => cursor = self.control(code, cursor)?,
                    }
                    if self.tape.entries.len() > MAX_ENTRIES {
                        return Err(Refusal::TooLarge);
                    }
                }
            }

            /// The operators behind the prefix 0xFC.
            fn prefixed<'b>(&mut self, mut cursor: Cursor<'b>) -> Result<Cursor<'b>, Invalid> {
                match cursor.u32()? {
                    $($sat => {
                        check!(self $sat_from -> $sat_to);
                        if !self.dead {
                            self.$sat_method($($sat_value),*);
                        }
                    })*
                    code => return self.bulk(code, cursor),
                }
                Ok(cursor)
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
        self.check.memory()?;
        if align > max_align {
            return Err(Invalid);
        }
        cursor.u32()
    }

    /// Blocks, branches, calls, and what is rarer than arithmetic.
    fn control<'b>(&mut self, code: u8, mut cursor: Cursor<'b>) -> Result<Cursor<'b>, Invalid> {
        match code {
            0x00 => {
                self.check.stop()?;
                self.live(|scan| scan.trap_now());
            }
            0x01 => {}
            0x02..=0x04 => {
                let ty = block_type(&mut cursor)?;
                match code {
                    0x02 => self.check.open(Opener::Block, ty)?,
                    0x03 => self.check.open(Opener::Loop, ty)?,
                    _ => {
                        self.check.pop(Ty::I32)?;
                        self.check.open(Opener::If, ty)?;
                    }
                }
                match code {
                    0x02 => self.block(ty),
                    0x03 => self.begin_loop(ty),
                    _ => self.begin_if(ty),
                }
            }
            0x05 => {
                self.check.begin_else()?;
                self.begin_else();
            }
            0x0C => {
                let depth = cursor.u32()?;
                self.check.branch(depth)?;
                self.live(|scan| scan.branch_always(depth));
            }
            0x0D => {
                let depth = cursor.u32()?;
                self.check.branch_if(depth)?;
                self.live(|scan| scan.branch_if(depth));
            }
            0x0E => {
                self.check.branch_table(&mut cursor)?;
                self.live(|scan| scan.branch_table());
            }
            0x0F => {
                self.check.return_values()?;
                self.live(|scan| scan.return_now());
            }
            0x10 => {
                let function = cursor.u32()?;
                self.check.call(function)?;
                self.live(|scan| scan.call_direct(function));
            }
            0x11 => {
                let (ty, table) = (cursor.u32()?, cursor.u32()?);
                self.check.call_indirect(ty, table)?;
                self.live(|scan| scan.call_table(ty, table));
            }
            0x1A => {
                self.check.drop_operand()?;
                self.live(|scan| scan.drop_value());
            }
            0x1B => {
                self.check.select()?;
                self.live(|scan| scan.select());
            }
            0x1C => {
                let 1 = cursor.u32()? else { return Err(Invalid) };
                self.check.select_typed(val_type(&mut cursor)?)?;
                self.live(|scan| scan.select());
            }
            0x23 => {
                let index = cursor.u32()?;
                self.check.global_get(index)?;
                self.live(|scan| scan.global_get(index));
            }
            0x24 => {
                let index = cursor.u32()?;
                self.check.global_set(index)?;
                self.live(|scan| scan.global_set(index));
            }
            0x43 => {
                let bits = u32::from_le_bytes(cursor.array()?);
                self.check.push(Ty::F32);
                self.live(|scan| scan.push_const(F32, i64::from(bits)));
            }
            0x44 => {
                let bits = i64::from_le_bytes(cursor.array()?);
                self.check.push(Ty::F64);
                self.live(|scan| scan.push_const(F64, bits));
            }
            0xFC => return self.prefixed(cursor),
            _ => return self.reference(code, cursor),
        }
        Ok(cursor)
    }

    /// Tables, references, the size of a memory.
    fn reference<'b>(&mut self, code: u8, mut cursor: Cursor<'b>) -> Result<Cursor<'b>, Invalid> {
        match code {
            0x25 => {
                let table = cursor.u32()?;
                self.check.table_get(table)?;
                self.live(|scan| scan.table_get(table));
            }
            0x26 => {
                let table = cursor.u32()?;
                self.check.table_set(table)?;
                self.live(|scan| scan.table_set(table));
            }
            0x3F => {
                let 0 = cursor.byte()? else { return Err(Invalid) };
                self.check.memory()?;
                self.check.push(Ty::I32);
                self.live(|scan| scan.read(Op::MemorySize, I32, 0));
            }
            0x40 => {
                let 0 = cursor.byte()? else { return Err(Invalid) };
                self.check.memory()?;
                self.check.replace(Ty::I32, Ty::I32)?;
                self.live(|scan| scan.builtin(Builtin::MemoryGrow, &[0], 1, Some(I32)));
            }
            0xD0 => {
                self.check.push(Ty::of(heap_type(&mut cursor)?));
                self.live(|scan| scan.push_const(I64, 0));
            }
            0xD1 => {
                self.check.ref_is_null()?;
                self.live(|scan| scan.eqz(I64));
            }
            0xD2 => {
                let function = cursor.u32()?;
                self.check.ref_func(function)?;
                self.live(|scan| scan.read(Op::RefFunc, I64, function));
            }
            _ => return Err(Invalid),
        }
        Ok(cursor)
    }

    /// Operations on many bytes or elements: all builtins.
    fn bulk<'b>(&mut self, code: u32, mut cursor: Cursor<'b>) -> Result<Cursor<'b>, Invalid> {
        match code {
            0x08 => {
                let (segment, memory) = (cursor.u32()?, cursor.u32()?);
                self.check.memory_at(memory)?;
                self.check.data_segment(segment)?;
                self.check.bulk()?;
                self.live(|scan| scan.builtin(Builtin::MemoryInit, &[pair(memory, segment)], 3, None));
            }
            0x09 => {
                let segment = cursor.u32()?;
                self.check.data_segment(segment)?;
                self.live(|scan| scan.builtin(Builtin::DataDrop, &[u64::from(segment)], 0, None));
            }
            0x0A => {
                let (target, source) = (cursor.u32()?, cursor.u32()?);
                self.check.memory_at(target)?;
                self.check.memory_at(source)?;
                self.check.bulk()?;
                self.live(|scan| scan.builtin(Builtin::MemoryCopy, &[pair(target, source)], 3, None));
            }
            0x0B => {
                let memory = cursor.u32()?;
                self.check.memory_at(memory)?;
                self.check.bulk()?;
                self.live(|scan| scan.builtin(Builtin::MemoryFill, &[u64::from(memory)], 3, None));
            }
            0x0C => {
                let (segment, table) = (cursor.u32()?, cursor.u32()?);
                self.check.copy_elements(self.check.table(table)?, self.check.element_segment(segment)?)?;
                self.live(|scan| scan.builtin(Builtin::TableInit, &[pair(table, segment)], 3, None));
            }
            0x0D => {
                let segment = cursor.u32()?;
                self.check.element_segment(segment)?;
                self.live(|scan| scan.builtin(Builtin::ElemDrop, &[u64::from(segment)], 0, None));
            }
            0x0E => {
                let (target, source) = (cursor.u32()?, cursor.u32()?);
                self.check.copy_elements(self.check.table(target)?, self.check.table(source)?)?;
                self.live(|scan| scan.builtin(Builtin::TableCopy, &[pair(target, source)], 3, None));
            }
            0x0F => {
                let table = cursor.u32()?;
                self.check.table_grow(table)?;
                self.live(|scan| scan.builtin(Builtin::TableGrow, &[u64::from(table)], 2, Some(I32)));
            }
            0x10 => {
                let table = cursor.u32()?;
                self.check.push(Ty::I32);
                self.check.table(table)?;
                self.live(|scan| scan.read(Op::TableSize, I32, table));
            }
            0x11 => {
                let table = cursor.u32()?;
                self.check.table_fill(table)?;
                self.live(|scan| scan.builtin(Builtin::TableFill, &[u64::from(table)], 3, None));
            }
            _ => return Err(Invalid),
        }
        Ok(cursor)
    }

    /// Records something unless the code cannot be reached.
    #[inline]
    fn live(&mut self, record: impl FnOnce(&mut Self)) {
        if !self.dead {
            record(self);
        }
    }
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
