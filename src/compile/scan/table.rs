//! The table of operators: what each takes, leaves and records (specification 5.4).

use crate::compile::op::{Access, Class, Float, FloatCond, FloatUnary, Int, IntUnary};
use planish_asm::Cond;
use wasmparser::WasmFeatures;

use Class::{F32, F64, I32, I64};
use Operator::*;

/// An operator. The first class is that of its operands, a second one that of its result; an i32 condition or index goes
/// without saying.
#[derive(Clone, Copy)]
pub(super) enum Operator {
    LocalGet,
    I32Const,
    LocalSet,
    LocalTee,
    I64Const,
    /// Access, and the largest alignment as a power of two.
    Load(Class, Access, u8),
    Store(Class, Access, u8),
    Add(Class),
    Subtract(Class),
    ShiftLeft(Class),
    Int(Class, Int),
    Divide(Class, Int),
    IntUnary(Class, IntUnary),
    Extend(Class, IntUnary),
    Eqz(Class),
    Compare(Class, Cond),
    CompareFloat(Class, FloatCond),
    Wrap,
    ExtendSigned,
    ExtendUnsigned,
    Float(Class, Float),
    FloatUnary(Class, FloatUnary),
    /// Float to integer, signed or not.
    Trunc(Class, Class, bool),
    /// Integer to float, signed or not.
    FromInt(Class, Class, bool),
    ChangePrecision(Class, Class),
    Reinterpret(Class, Class),
    Block,
    Loop,
    If,
    Else,
    End,
    Br,
    BrIf,
    Return,
    Call,
    Drop,
    Select,
    GlobalGet,
    GlobalSet,
    Unreachable,
    Nop,
    Rare(Rare),
    /// None that is supported.
    Unknown,
}

/// An operator that real code seldom has.
#[derive(Clone, Copy)]
pub(super) enum Rare {
    BrTable,
    CallIndirect,
    SelectTyped,
    TableGet,
    TableSet,
    MemorySize,
    MemoryGrow,
    F32Const,
    F64Const,
    RefNull,
    RefIsNull,
    RefFunc,
    ReturnCall,
    ReturnCallIndirect,
    CallRef,
    ReturnCallRef,
    RefAsNonNull,
    BrOnNull,
    BrOnNonNull,
    Throw,
    ThrowRef,
    TryTable,
    Try,
    Catch,
    CatchAll,
    Rethrow,
    Delegate,
    Prefix,
    Vector,
    Atomic,
}

impl Rare {
    /// What it needs besides WebAssembly 1.0. Those behind a prefix say so themselves.
    pub(super) fn feature(self) -> WasmFeatures {
        use self::Rare::*;
        match self {
            BrTable | CallIndirect | MemorySize | MemoryGrow | F32Const | F64Const => WasmFeatures::empty(),
            SelectTyped | TableGet | TableSet | RefNull | RefIsNull | RefFunc => WasmFeatures::REFERENCE_TYPES,
            CallRef | ReturnCallRef | RefAsNonNull | BrOnNull | BrOnNonNull => WasmFeatures::FUNCTION_REFERENCES,
            ReturnCall | ReturnCallIndirect => WasmFeatures::TAIL_CALL,
            Throw | ThrowRef | TryTable => WasmFeatures::EXCEPTIONS,
            Try | Catch | CatchAll | Rethrow | Delegate => WasmFeatures::LEGACY_EXCEPTIONS,
            Prefix | Vector | Atomic => WasmFeatures::empty(),
        }
    }
}

/// By opcode.
pub(super) static OPERATORS: [Operator; 256] = {
    let mut operators = [Unknown; 256];
    let mut row = 0;
    while row < ROWS.len() {
        operators[ROWS[row].0 as usize] = ROWS[row].1;
        row += 1;
    }
    operators
};

pub(super) const LOCAL_GET: u8 = 0x20;
pub(super) const I32_CONST: u8 = 0x41;

/// By opcode: what has no operands and a number of one byte behind it, which is below this.
pub(super) static LEAVES: [u8; 256] = {
    let mut limits = [0; 256];
    limits[LOCAL_GET as usize] = 0x80;
    limits[I32_CONST as usize] = 0x80;
    limits
};

/// Saturating, as [`Trunc`], by the number behind the prefix 0xFC.
#[rustfmt::skip]
pub(super) static SATURATING: [(Class, Class, bool); 8] = [
    (F32, I32, true),        // i32.trunc_sat_f32_s
    (F32, I32, false),       // i32.trunc_sat_f32_u
    (F64, I32, true),        // i32.trunc_sat_f64_s
    (F64, I32, false),       // i32.trunc_sat_f64_u
    (F32, I64, true),        // i64.trunc_sat_f32_s
    (F32, I64, false),       // i64.trunc_sat_f32_u
    (F64, I64, true),        // i64.trunc_sat_f64_s
    (F64, I64, false),       // i64.trunc_sat_f64_u
];

#[rustfmt::skip]
const ROWS: &[(u8, Operator)] = &[
    (0x00, Unreachable),                              // unreachable
    (0x01, Nop),                                      // nop
    (0x02, Block),                                    // block
    (0x03, Loop),                                     // loop
    (0x04, If),                                       // if
    (0x05, Else),                                     // else
    (0x06, Rare(Rare::Try)),                          // try
    (0x07, Rare(Rare::Catch)),                        // catch
    (0x08, Rare(Rare::Throw)),                        // throw
    (0x09, Rare(Rare::Rethrow)),                      // rethrow
    (0x0A, Rare(Rare::ThrowRef)),                     // throw_ref
    (0x0B, End),                                      // end
    (0x0C, Br),                                       // br
    (0x0D, BrIf),                                     // br_if
    (0x0E, Rare(Rare::BrTable)),                      // br_table
    (0x0F, Return),                                   // return
    (0x10, Call),                                     // call
    (0x11, Rare(Rare::CallIndirect)),                 // call_indirect
    (0x12, Rare(Rare::ReturnCall)),                   // return_call
    (0x13, Rare(Rare::ReturnCallIndirect)),           // return_call_indirect
    (0x14, Rare(Rare::CallRef)),                      // call_ref
    (0x15, Rare(Rare::ReturnCallRef)),                // return_call_ref
    (0x18, Rare(Rare::Delegate)),                     // delegate
    (0x19, Rare(Rare::CatchAll)),                     // catch_all
    (0x1A, Drop),                                     // drop
    (0x1B, Select),                                   // select
    (0x1C, Rare(Rare::SelectTyped)),                  // select t
    (0x1F, Rare(Rare::TryTable)),                     // try_table
    (LOCAL_GET, LocalGet),                                 // local.get
    (0x21, LocalSet),                                 // local.set
    (0x22, LocalTee),                                 // local.tee
    (0x23, GlobalGet),                                // global.get
    (0x24, GlobalSet),                                // global.set
    (0x25, Rare(Rare::TableGet)),                     // table.get
    (0x26, Rare(Rare::TableSet)),                     // table.set
    (0x28, Load(I32, Access::Whole, 2)),              // i32.load
    (0x29, Load(I64, Access::Whole, 3)),              // i64.load
    (0x2A, Load(F32, Access::Whole, 2)),              // f32.load
    (0x2B, Load(F64, Access::Whole, 3)),              // f64.load
    (0x2C, Load(I32, Access::S8, 0)),                 // i32.load8_s
    (0x2D, Load(I32, Access::U8, 0)),                 // i32.load8_u
    (0x2E, Load(I32, Access::S16, 1)),                // i32.load16_s
    (0x2F, Load(I32, Access::U16, 1)),                // i32.load16_u
    (0x30, Load(I64, Access::S8, 0)),                 // i64.load8_s
    (0x31, Load(I64, Access::U8, 0)),                 // i64.load8_u
    (0x32, Load(I64, Access::S16, 1)),                // i64.load16_s
    (0x33, Load(I64, Access::U16, 1)),                // i64.load16_u
    (0x34, Load(I64, Access::S32, 2)),                // i64.load32_s
    (0x35, Load(I64, Access::U32, 2)),                // i64.load32_u
    (0x36, Store(I32, Access::Whole, 2)),             // i32.store
    (0x37, Store(I64, Access::Whole, 3)),             // i64.store
    (0x38, Store(F32, Access::Whole, 2)),             // f32.store
    (0x39, Store(F64, Access::Whole, 3)),             // f64.store
    (0x3A, Store(I32, Access::U8, 0)),                // i32.store8
    (0x3B, Store(I32, Access::U16, 1)),               // i32.store16
    (0x3C, Store(I64, Access::U8, 0)),                // i64.store8
    (0x3D, Store(I64, Access::U16, 1)),               // i64.store16
    (0x3E, Store(I64, Access::U32, 2)),               // i64.store32
    (0x3F, Rare(Rare::MemorySize)),                   // memory.size
    (0x40, Rare(Rare::MemoryGrow)),                   // memory.grow
    (I32_CONST, I32Const),                                 // i32.const
    (0x42, I64Const),                                 // i64.const
    (0x43, Rare(Rare::F32Const)),                     // f32.const
    (0x44, Rare(Rare::F64Const)),                     // f64.const
    (0x45, Eqz(I32)),                                 // i32.eqz
    (0x46, Compare(I32, Cond::Equal)),                // i32.eq
    (0x47, Compare(I32, Cond::NotEqual)),             // i32.ne
    (0x48, Compare(I32, Cond::Less)),                 // i32.lt_s
    (0x49, Compare(I32, Cond::Below)),                // i32.lt_u
    (0x4A, Compare(I32, Cond::Greater)),              // i32.gt_s
    (0x4B, Compare(I32, Cond::Above)),                // i32.gt_u
    (0x4C, Compare(I32, Cond::LessEqual)),            // i32.le_s
    (0x4D, Compare(I32, Cond::BelowEqual)),           // i32.le_u
    (0x4E, Compare(I32, Cond::GreaterEqual)),         // i32.ge_s
    (0x4F, Compare(I32, Cond::AboveEqual)),           // i32.ge_u
    (0x50, Eqz(I64)),                                 // i64.eqz
    (0x51, Compare(I64, Cond::Equal)),                // i64.eq
    (0x52, Compare(I64, Cond::NotEqual)),             // i64.ne
    (0x53, Compare(I64, Cond::Less)),                 // i64.lt_s
    (0x54, Compare(I64, Cond::Below)),                // i64.lt_u
    (0x55, Compare(I64, Cond::Greater)),              // i64.gt_s
    (0x56, Compare(I64, Cond::Above)),                // i64.gt_u
    (0x57, Compare(I64, Cond::LessEqual)),            // i64.le_s
    (0x58, Compare(I64, Cond::BelowEqual)),           // i64.le_u
    (0x59, Compare(I64, Cond::GreaterEqual)),         // i64.ge_s
    (0x5A, Compare(I64, Cond::AboveEqual)),           // i64.ge_u
    (0x5B, CompareFloat(F32, FloatCond::Eq)),         // f32.eq
    (0x5C, CompareFloat(F32, FloatCond::Ne)),         // f32.ne
    (0x5D, CompareFloat(F32, FloatCond::Lt)),         // f32.lt
    (0x5E, CompareFloat(F32, FloatCond::Gt)),         // f32.gt
    (0x5F, CompareFloat(F32, FloatCond::Le)),         // f32.le
    (0x60, CompareFloat(F32, FloatCond::Ge)),         // f32.ge
    (0x61, CompareFloat(F64, FloatCond::Eq)),         // f64.eq
    (0x62, CompareFloat(F64, FloatCond::Ne)),         // f64.ne
    (0x63, CompareFloat(F64, FloatCond::Lt)),         // f64.lt
    (0x64, CompareFloat(F64, FloatCond::Gt)),         // f64.gt
    (0x65, CompareFloat(F64, FloatCond::Le)),         // f64.le
    (0x66, CompareFloat(F64, FloatCond::Ge)),         // f64.ge
    (0x67, IntUnary(I32, IntUnary::Clz)),             // i32.clz
    (0x68, IntUnary(I32, IntUnary::Ctz)),             // i32.ctz
    (0x69, IntUnary(I32, IntUnary::Popcnt)),          // i32.popcnt
    (0x6A, Add(I32)),                                 // i32.add
    (0x6B, Subtract(I32)),                            // i32.sub
    (0x6C, Int(I32, Int::Mul)),                       // i32.mul
    (0x6D, Divide(I32, Int::DivS)),                   // i32.div_s
    (0x6E, Divide(I32, Int::DivU)),                   // i32.div_u
    (0x6F, Divide(I32, Int::RemS)),                   // i32.rem_s
    (0x70, Divide(I32, Int::RemU)),                   // i32.rem_u
    (0x71, Int(I32, Int::And)),                       // i32.and
    (0x72, Int(I32, Int::Or)),                        // i32.or
    (0x73, Int(I32, Int::Xor)),                       // i32.xor
    (0x74, ShiftLeft(I32)),                           // i32.shl
    (0x75, Int(I32, Int::ShrS)),                      // i32.shr_s
    (0x76, Int(I32, Int::ShrU)),                      // i32.shr_u
    (0x77, Int(I32, Int::Rotl)),                      // i32.rotl
    (0x78, Int(I32, Int::Rotr)),                      // i32.rotr
    (0x79, IntUnary(I64, IntUnary::Clz)),             // i64.clz
    (0x7A, IntUnary(I64, IntUnary::Ctz)),             // i64.ctz
    (0x7B, IntUnary(I64, IntUnary::Popcnt)),          // i64.popcnt
    (0x7C, Add(I64)),                                 // i64.add
    (0x7D, Subtract(I64)),                            // i64.sub
    (0x7E, Int(I64, Int::Mul)),                       // i64.mul
    (0x7F, Divide(I64, Int::DivS)),                   // i64.div_s
    (0x80, Divide(I64, Int::DivU)),                   // i64.div_u
    (0x81, Divide(I64, Int::RemS)),                   // i64.rem_s
    (0x82, Divide(I64, Int::RemU)),                   // i64.rem_u
    (0x83, Int(I64, Int::And)),                       // i64.and
    (0x84, Int(I64, Int::Or)),                        // i64.or
    (0x85, Int(I64, Int::Xor)),                       // i64.xor
    (0x86, ShiftLeft(I64)),                           // i64.shl
    (0x87, Int(I64, Int::ShrS)),                      // i64.shr_s
    (0x88, Int(I64, Int::ShrU)),                      // i64.shr_u
    (0x89, Int(I64, Int::Rotl)),                      // i64.rotl
    (0x8A, Int(I64, Int::Rotr)),                      // i64.rotr
    (0x8B, FloatUnary(F32, FloatUnary::Abs)),         // f32.abs
    (0x8C, FloatUnary(F32, FloatUnary::Neg)),         // f32.neg
    (0x8D, FloatUnary(F32, FloatUnary::Ceil)),        // f32.ceil
    (0x8E, FloatUnary(F32, FloatUnary::Floor)),       // f32.floor
    (0x8F, FloatUnary(F32, FloatUnary::Trunc)),       // f32.trunc
    (0x90, FloatUnary(F32, FloatUnary::Nearest)),     // f32.nearest
    (0x91, FloatUnary(F32, FloatUnary::Sqrt)),        // f32.sqrt
    (0x92, Float(F32, Float::Add)),                   // f32.add
    (0x93, Float(F32, Float::Sub)),                   // f32.sub
    (0x94, Float(F32, Float::Mul)),                   // f32.mul
    (0x95, Float(F32, Float::Div)),                   // f32.div
    (0x96, Float(F32, Float::Min)),                   // f32.min
    (0x97, Float(F32, Float::Max)),                   // f32.max
    (0x98, Float(F32, Float::Copysign)),              // f32.copysign
    (0x99, FloatUnary(F64, FloatUnary::Abs)),         // f64.abs
    (0x9A, FloatUnary(F64, FloatUnary::Neg)),         // f64.neg
    (0x9B, FloatUnary(F64, FloatUnary::Ceil)),        // f64.ceil
    (0x9C, FloatUnary(F64, FloatUnary::Floor)),       // f64.floor
    (0x9D, FloatUnary(F64, FloatUnary::Trunc)),       // f64.trunc
    (0x9E, FloatUnary(F64, FloatUnary::Nearest)),     // f64.nearest
    (0x9F, FloatUnary(F64, FloatUnary::Sqrt)),        // f64.sqrt
    (0xA0, Float(F64, Float::Add)),                   // f64.add
    (0xA1, Float(F64, Float::Sub)),                   // f64.sub
    (0xA2, Float(F64, Float::Mul)),                   // f64.mul
    (0xA3, Float(F64, Float::Div)),                   // f64.div
    (0xA4, Float(F64, Float::Min)),                   // f64.min
    (0xA5, Float(F64, Float::Max)),                   // f64.max
    (0xA6, Float(F64, Float::Copysign)),              // f64.copysign
    (0xA7, Wrap),                                     // i32.wrap_i64
    (0xA8, Trunc(F32, I32, true)),                    // i32.trunc_f32_s
    (0xA9, Trunc(F32, I32, false)),                   // i32.trunc_f32_u
    (0xAA, Trunc(F64, I32, true)),                    // i32.trunc_f64_s
    (0xAB, Trunc(F64, I32, false)),                   // i32.trunc_f64_u
    (0xAC, ExtendSigned),                             // i64.extend_i32_s
    (0xAD, ExtendUnsigned),                           // i64.extend_i32_u
    (0xAE, Trunc(F32, I64, true)),                    // i64.trunc_f32_s
    (0xAF, Trunc(F32, I64, false)),                   // i64.trunc_f32_u
    (0xB0, Trunc(F64, I64, true)),                    // i64.trunc_f64_s
    (0xB1, Trunc(F64, I64, false)),                   // i64.trunc_f64_u
    (0xB2, FromInt(I32, F32, true)),                  // f32.convert_i32_s
    (0xB3, FromInt(I32, F32, false)),                 // f32.convert_i32_u
    (0xB4, FromInt(I64, F32, true)),                  // f32.convert_i64_s
    (0xB5, FromInt(I64, F32, false)),                 // f32.convert_i64_u
    (0xB6, ChangePrecision(F64, F32)),                // f32.demote_f64
    (0xB7, FromInt(I32, F64, true)),                  // f64.convert_i32_s
    (0xB8, FromInt(I32, F64, false)),                 // f64.convert_i32_u
    (0xB9, FromInt(I64, F64, true)),                  // f64.convert_i64_s
    (0xBA, FromInt(I64, F64, false)),                 // f64.convert_i64_u
    (0xBB, ChangePrecision(F32, F64)),                // f64.promote_f32
    (0xBC, Reinterpret(F32, I32)),                    // i32.reinterpret_f32
    (0xBD, Reinterpret(F64, I64)),                    // i64.reinterpret_f64
    (0xBE, Reinterpret(I32, F32)),                    // f32.reinterpret_i32
    (0xBF, Reinterpret(I64, F64)),                    // f64.reinterpret_i64
    (0xC0, Extend(I32, IntUnary::Extend8S)),          // i32.extend8_s
    (0xC1, Extend(I32, IntUnary::Extend16S)),         // i32.extend16_s
    (0xC2, Extend(I64, IntUnary::Extend8S)),          // i64.extend8_s
    (0xC3, Extend(I64, IntUnary::Extend16S)),         // i64.extend16_s
    (0xC4, Extend(I64, IntUnary::Extend32S)),         // i64.extend32_s
    (0xD0, Rare(Rare::RefNull)),                      // ref.null
    (0xD1, Rare(Rare::RefIsNull)),                    // ref.is_null
    (0xD2, Rare(Rare::RefFunc)),                      // ref.func
    (0xD4, Rare(Rare::RefAsNonNull)),                 // ref.as_non_null
    (0xD5, Rare(Rare::BrOnNull)),                     // br_on_null
    (0xD6, Rare(Rare::BrOnNonNull)),                  // br_on_non_null
    (0xFC, Rare(Rare::Prefix)),                       // the operators behind this prefix
    (0xFD, Rare(Rare::Vector)),                       // those on vectors
    (0xFE, Rare(Rare::Atomic)),                       // atomic operators
];
