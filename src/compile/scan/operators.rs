//! One method per operator, most of them one line of a table; validated in the same walk.

use super::{Class, HeapIndex, Node, Scan, class_of};
use crate::abi::Builtin;
use crate::compile::tape::{Access, Convert, Float, FloatCond, FloatUnary, Int, IntUnary, Op, Ref, Test};
use crate::types::GlobalIndex;
use planish_asm::Cond;
use wasmparser::{BlockType, BrTable, FrameKind, FrameStack, Ieee32, Ieee64, MemArg, VisitOperator, VisitSimdOperator};

/// Validates an operator and, when it is valid, records it.
pub(in crate::compile) struct Fused<'s, 'm, V> {
    pub(in crate::compile) validator: V,
    pub(in crate::compile) scan: &'s mut Scan<'m>,
}

impl<V: FrameStack> FrameStack for Fused<'_, '_, V> {
    fn current_frame(&self) -> Option<FrameKind> {
        self.validator.current_frame()
    }
}

/// Forwards the operators of supported proposals; the validator refuses the others.
macro_rules! forward {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        $(forward! { @$proposal $visit $($($arg: $ty)*)? })*
    };
    (@mvp $visit:ident $($arg:ident: $ty:ty)*) => { forward! { supported $visit $($arg: $ty)* } };
    (@sign_extension $visit:ident $($arg:ident: $ty:ty)*) => { forward! { supported $visit $($arg: $ty)* } };
    (@saturating_float_to_int $visit:ident $($arg:ident: $ty:ty)*) => { forward! { supported $visit $($arg: $ty)* } };
    (@bulk_memory $visit:ident $($arg:ident: $ty:ty)*) => { forward! { supported $visit $($arg: $ty)* } };
    (@reference_types $visit:ident $($arg:ident: $ty:ty)*) => { forward! { supported $visit $($arg: $ty)* } };
    (@$proposal:ident $visit:ident $($arg:ident: $ty:ty)*) => {
        fn $visit(&mut self $(, $arg: $ty)*) -> Self::Output {
            self.validator.$visit($($arg),*)
        }
    };
    (supported $visit:ident $($arg:ident: $ty:ty)*) => {
        #[inline(always)]
        fn $visit(&mut self $(, $arg: $ty)*) -> Self::Output {
            self.validator.$visit($($arg.clone()),*)?;
            self.scan.$visit($($arg),*)
        }
    };
}

impl<'a, V: VisitOperator<'a, Output = wasmparser::Result<()>>> VisitOperator<'a> for Fused<'_, '_, V> {
    type Output = wasmparser::Result<()>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        self.validator.simd_visitor()
    }

    wasmparser::for_each_visit_operator!(forward);
}

type Done = wasmparser::Result<()>;

/// `name => method(arguments)`: does nothing in code that cannot be reached.
macro_rules! operators {
    ($($name:ident ($($arg:ident: $ty:ty),*) => $method:ident ($($value:expr),*);)*) => { $(
        #[inline]
        pub(super) fn $name(&mut self $(, $arg: $ty)*) -> Done {
            if !self.dead {
                self.$method($($value),*);
            }
            Ok(())
        }
    )* };
}

use Class::{F32, F64, I32, I64};

#[rustfmt::skip]
impl Scan<'_> {
    operators! {
        visit_i32_const(value: i32) => push_const(I32, i64::from(value));
        visit_i64_const(value: i64) => push_const(I64, value);
        visit_f32_const(value: Ieee32) => push_const(F32, i64::from(value.bits()));
        visit_f64_const(value: Ieee64) => push_const(F64, value.bits() as i64);

        visit_i32_eqz() => eqz(I32);
        visit_i32_eq() => compare(I32, Cond::Equal);
        visit_i32_ne() => compare(I32, Cond::NotEqual);
        visit_i32_lt_s() => compare(I32, Cond::Less);
        visit_i32_lt_u() => compare(I32, Cond::Below);
        visit_i32_gt_s() => compare(I32, Cond::Greater);
        visit_i32_gt_u() => compare(I32, Cond::Above);
        visit_i32_le_s() => compare(I32, Cond::LessEqual);
        visit_i32_le_u() => compare(I32, Cond::BelowEqual);
        visit_i32_ge_s() => compare(I32, Cond::GreaterEqual);
        visit_i32_ge_u() => compare(I32, Cond::AboveEqual);
        visit_i64_eqz() => eqz(I64);
        visit_i64_eq() => compare(I64, Cond::Equal);
        visit_i64_ne() => compare(I64, Cond::NotEqual);
        visit_i64_lt_s() => compare(I64, Cond::Less);
        visit_i64_lt_u() => compare(I64, Cond::Below);
        visit_i64_gt_s() => compare(I64, Cond::Greater);
        visit_i64_gt_u() => compare(I64, Cond::Above);
        visit_i64_le_s() => compare(I64, Cond::LessEqual);
        visit_i64_le_u() => compare(I64, Cond::BelowEqual);
        visit_i64_ge_s() => compare(I64, Cond::GreaterEqual);
        visit_i64_ge_u() => compare(I64, Cond::AboveEqual);
        visit_f32_eq() => compare_float(F32, FloatCond::Eq);
        visit_f32_ne() => compare_float(F32, FloatCond::Ne);
        visit_f32_lt() => compare_float(F32, FloatCond::Lt);
        visit_f32_gt() => compare_float(F32, FloatCond::Gt);
        visit_f32_le() => compare_float(F32, FloatCond::Le);
        visit_f32_ge() => compare_float(F32, FloatCond::Ge);
        visit_f64_eq() => compare_float(F64, FloatCond::Eq);
        visit_f64_ne() => compare_float(F64, FloatCond::Ne);
        visit_f64_lt() => compare_float(F64, FloatCond::Lt);
        visit_f64_gt() => compare_float(F64, FloatCond::Gt);
        visit_f64_le() => compare_float(F64, FloatCond::Le);
        visit_f64_ge() => compare_float(F64, FloatCond::Ge);

        visit_i32_clz() => int_unary(IntUnary::Clz, I32);
        visit_i32_ctz() => int_unary(IntUnary::Ctz, I32);
        visit_i32_popcnt() => int_unary(IntUnary::Popcnt, I32);
        visit_i32_extend8_s() => int_unary(IntUnary::Extend8S, I32);
        visit_i32_extend16_s() => int_unary(IntUnary::Extend16S, I32);
        visit_i64_clz() => int_unary(IntUnary::Clz, I64);
        visit_i64_ctz() => int_unary(IntUnary::Ctz, I64);
        visit_i64_popcnt() => int_unary(IntUnary::Popcnt, I64);
        visit_i64_extend8_s() => int_unary(IntUnary::Extend8S, I64);
        visit_i64_extend16_s() => int_unary(IntUnary::Extend16S, I64);
        visit_i64_extend32_s() => int_unary(IntUnary::Extend32S, I64);
        visit_i64_extend_i32_s() => extend_signed();
        visit_i64_extend_i32_u() => extend_unsigned();
        visit_i32_wrap_i64() => wrap();

        visit_i32_add() => add(I32);
        visit_i32_sub() => subtract(I32);
        visit_i32_mul() => int(Int::Mul, I32);
        visit_i32_div_s() => divide(Int::DivS, I32);
        visit_i32_div_u() => divide(Int::DivU, I32);
        visit_i32_rem_s() => divide(Int::RemS, I32);
        visit_i32_rem_u() => divide(Int::RemU, I32);
        visit_i32_and() => int(Int::And, I32);
        visit_i32_or() => int(Int::Or, I32);
        visit_i32_xor() => int(Int::Xor, I32);
        visit_i32_shl() => shift_left(I32);
        visit_i32_shr_s() => int(Int::ShrS, I32);
        visit_i32_shr_u() => int(Int::ShrU, I32);
        visit_i32_rotl() => int(Int::Rotl, I32);
        visit_i32_rotr() => int(Int::Rotr, I32);
        visit_i64_add() => add(I64);
        visit_i64_sub() => subtract(I64);
        visit_i64_mul() => int(Int::Mul, I64);
        visit_i64_div_s() => divide(Int::DivS, I64);
        visit_i64_div_u() => divide(Int::DivU, I64);
        visit_i64_rem_s() => divide(Int::RemS, I64);
        visit_i64_rem_u() => divide(Int::RemU, I64);
        visit_i64_and() => int(Int::And, I64);
        visit_i64_or() => int(Int::Or, I64);
        visit_i64_xor() => int(Int::Xor, I64);
        visit_i64_shl() => shift_left(I64);
        visit_i64_shr_s() => int(Int::ShrS, I64);
        visit_i64_shr_u() => int(Int::ShrU, I64);
        visit_i64_rotl() => int(Int::Rotl, I64);
        visit_i64_rotr() => int(Int::Rotr, I64);

        visit_f32_abs() => unary(Op::FloatUnary(FloatUnary::Abs), F32);
        visit_f32_neg() => unary(Op::FloatUnary(FloatUnary::Neg), F32);
        visit_f32_ceil() => unary(Op::FloatUnary(FloatUnary::Ceil), F32);
        visit_f32_floor() => unary(Op::FloatUnary(FloatUnary::Floor), F32);
        visit_f32_trunc() => unary(Op::FloatUnary(FloatUnary::Trunc), F32);
        visit_f32_nearest() => unary(Op::FloatUnary(FloatUnary::Nearest), F32);
        visit_f32_sqrt() => unary(Op::FloatUnary(FloatUnary::Sqrt), F32);
        visit_f64_abs() => unary(Op::FloatUnary(FloatUnary::Abs), F64);
        visit_f64_neg() => unary(Op::FloatUnary(FloatUnary::Neg), F64);
        visit_f64_ceil() => unary(Op::FloatUnary(FloatUnary::Ceil), F64);
        visit_f64_floor() => unary(Op::FloatUnary(FloatUnary::Floor), F64);
        visit_f64_trunc() => unary(Op::FloatUnary(FloatUnary::Trunc), F64);
        visit_f64_nearest() => unary(Op::FloatUnary(FloatUnary::Nearest), F64);
        visit_f64_sqrt() => unary(Op::FloatUnary(FloatUnary::Sqrt), F64);
        visit_f32_add() => binary(Op::Float(Float::Add), F32);
        visit_f32_sub() => binary(Op::Float(Float::Sub), F32);
        visit_f32_mul() => binary(Op::Float(Float::Mul), F32);
        visit_f32_div() => binary(Op::Float(Float::Div), F32);
        visit_f32_min() => binary(Op::Float(Float::Min), F32);
        visit_f32_max() => binary(Op::Float(Float::Max), F32);
        visit_f32_copysign() => binary(Op::Float(Float::Copysign), F32);
        visit_f64_add() => binary(Op::Float(Float::Add), F64);
        visit_f64_sub() => binary(Op::Float(Float::Sub), F64);
        visit_f64_mul() => binary(Op::Float(Float::Mul), F64);
        visit_f64_div() => binary(Op::Float(Float::Div), F64);
        visit_f64_min() => binary(Op::Float(Float::Min), F64);
        visit_f64_max() => binary(Op::Float(Float::Max), F64);
        visit_f64_copysign() => binary(Op::Float(Float::Copysign), F64);

        visit_i32_trunc_f32_s() => trunc(F32, I32, true);
        visit_i32_trunc_f32_u() => trunc(F32, I32, false);
        visit_i32_trunc_f64_s() => trunc(F64, I32, true);
        visit_i32_trunc_f64_u() => trunc(F64, I32, false);
        visit_i64_trunc_f32_s() => trunc(F32, I64, true);
        visit_i64_trunc_f32_u() => trunc(F32, I64, false);
        visit_i64_trunc_f64_s() => trunc(F64, I64, true);
        visit_i64_trunc_f64_u() => trunc(F64, I64, false);
        visit_i32_trunc_sat_f32_s() => trunc_sat(F32, I32, true);
        visit_i32_trunc_sat_f32_u() => trunc_sat(F32, I32, false);
        visit_i32_trunc_sat_f64_s() => trunc_sat(F64, I32, true);
        visit_i32_trunc_sat_f64_u() => trunc_sat(F64, I32, false);
        visit_i64_trunc_sat_f32_s() => trunc_sat(F32, I64, true);
        visit_i64_trunc_sat_f32_u() => trunc_sat(F32, I64, false);
        visit_i64_trunc_sat_f64_s() => trunc_sat(F64, I64, true);
        visit_i64_trunc_sat_f64_u() => trunc_sat(F64, I64, false);
        visit_f32_convert_i32_s() => unary(Op::Convert(Convert::FromInt { from: I32, signed: true }), F32);
        visit_f32_convert_i32_u() => unary(Op::Convert(Convert::FromInt { from: I32, signed: false }), F32);
        visit_f32_convert_i64_s() => unary(Op::Convert(Convert::FromInt { from: I64, signed: true }), F32);
        visit_f32_convert_i64_u() => unary(Op::Convert(Convert::FromInt { from: I64, signed: false }), F32);
        visit_f64_convert_i32_s() => unary(Op::Convert(Convert::FromInt { from: I32, signed: true }), F64);
        visit_f64_convert_i32_u() => unary(Op::Convert(Convert::FromInt { from: I32, signed: false }), F64);
        visit_f64_convert_i64_s() => unary(Op::Convert(Convert::FromInt { from: I64, signed: true }), F64);
        visit_f64_convert_i64_u() => unary(Op::Convert(Convert::FromInt { from: I64, signed: false }), F64);
        visit_f32_demote_f64() => unary(Op::Convert(Convert::Float), F32);
        visit_f64_promote_f32() => unary(Op::Convert(Convert::Float), F64);
        visit_i32_reinterpret_f32() => unary(Op::Convert(Convert::Reinterpret), I32);
        visit_i64_reinterpret_f64() => unary(Op::Convert(Convert::Reinterpret), I64);
        visit_f32_reinterpret_i32() => unary(Op::Convert(Convert::Reinterpret), F32);
        visit_f64_reinterpret_i64() => unary(Op::Convert(Convert::Reinterpret), F64);

        visit_i32_load(memarg: MemArg) => load(Access::Whole, I32, memarg);
        visit_i64_load(memarg: MemArg) => load(Access::Whole, I64, memarg);
        visit_f32_load(memarg: MemArg) => load(Access::Whole, F32, memarg);
        visit_f64_load(memarg: MemArg) => load(Access::Whole, F64, memarg);
        visit_i32_load8_s(memarg: MemArg) => load(Access::S8, I32, memarg);
        visit_i32_load8_u(memarg: MemArg) => load(Access::U8, I32, memarg);
        visit_i32_load16_s(memarg: MemArg) => load(Access::S16, I32, memarg);
        visit_i32_load16_u(memarg: MemArg) => load(Access::U16, I32, memarg);
        visit_i64_load8_s(memarg: MemArg) => load(Access::S8, I64, memarg);
        visit_i64_load8_u(memarg: MemArg) => load(Access::U8, I64, memarg);
        visit_i64_load16_s(memarg: MemArg) => load(Access::S16, I64, memarg);
        visit_i64_load16_u(memarg: MemArg) => load(Access::U16, I64, memarg);
        visit_i64_load32_s(memarg: MemArg) => load(Access::S32, I64, memarg);
        visit_i64_load32_u(memarg: MemArg) => load(Access::U32, I64, memarg);
        visit_i32_store(memarg: MemArg) => store(Access::Whole, I32, memarg);
        visit_i64_store(memarg: MemArg) => store(Access::Whole, I64, memarg);
        visit_f32_store(memarg: MemArg) => store(Access::Whole, F32, memarg);
        visit_f64_store(memarg: MemArg) => store(Access::Whole, F64, memarg);
        visit_i32_store8(memarg: MemArg) => store(Access::U8, I32, memarg);
        visit_i32_store16(memarg: MemArg) => store(Access::U16, I32, memarg);
        visit_i64_store8(memarg: MemArg) => store(Access::U8, I64, memarg);
        visit_i64_store16(memarg: MemArg) => store(Access::U16, I64, memarg);
        visit_i64_store32(memarg: MemArg) => store(Access::U32, I64, memarg);
        visit_memory_size(memory: u32) => read(Op::MemorySize, I32, memory);
        visit_memory_grow(memory: u32) => builtin(Builtin::MemoryGrow, &[u64::from(memory)], 1, Some(I32));
        visit_memory_copy(target: u32, source: u32) => builtin(Builtin::MemoryCopy, &[pair(target, source)], 3, None);
        visit_memory_fill(memory: u32) => builtin(Builtin::MemoryFill, &[u64::from(memory)], 3, None);
        visit_memory_init(segment: u32, memory: u32) => builtin(Builtin::MemoryInit, &[pair(memory, segment)], 3, None);
        visit_data_drop(segment: u32) => builtin(Builtin::DataDrop, &[u64::from(segment)], 0, None);

        visit_local_get(index: u32) => local_get(index);
        visit_local_set(index: u32) => local_set(index);
        visit_local_tee(index: u32) => local_tee(index);
        visit_global_get(index: u32) => global_get(index);
        visit_global_set(index: u32) => global_set(index);
        visit_drop() => drop_value();
        visit_select() => select();
        visit_typed_select(_ty: wasmparser::ValType) => select();
        visit_typed_select_multi(_types: Vec<wasmparser::ValType>) => select();

        visit_table_get(table: u32) => table_get(table);
        visit_table_set(table: u32) => table_set(table);
        visit_table_size(table: u32) => read(Op::TableSize, I32, table);
        visit_table_grow(table: u32) => builtin(Builtin::TableGrow, &[u64::from(table)], 2, Some(I32));
        visit_table_fill(table: u32) => builtin(Builtin::TableFill, &[u64::from(table)], 3, None);
        visit_table_copy(target: u32, source: u32) => builtin(Builtin::TableCopy, &[pair(target, source)], 3, None);
        visit_table_init(segment: u32, table: u32) => builtin(Builtin::TableInit, &[pair(table, segment)], 3, None);
        visit_elem_drop(segment: u32) => builtin(Builtin::ElemDrop, &[u64::from(segment)], 0, None);
        visit_ref_null(_ty: wasmparser::HeapType) => push_const(I64, 0);
        visit_ref_is_null() => eqz(I64);
        visit_ref_func(function: u32) => read(Op::RefFunc, I64, function);

        visit_br(depth: u32) => branch_always(depth);
        visit_br_if(depth: u32) => branch_if(depth);
        visit_return() => return_now();
        visit_call(function: u32) => call_direct(function);
        visit_call_indirect(ty: u32, table: u32) => call_table(ty, table);
        visit_unreachable() => trap_now();
        visit_nop() => nothing();
    }

    pub(super) fn visit_block(&mut self, ty: BlockType) -> Done { self.block(ty); Ok(()) }
    pub(super) fn visit_loop(&mut self, ty: BlockType) -> Done { self.begin_loop(ty); Ok(()) }
    pub(super) fn visit_if(&mut self, ty: BlockType) -> Done { self.begin_if(ty); Ok(()) }
    pub(super) fn visit_else(&mut self) -> Done { self.begin_else(); Ok(()) }
    pub(super) fn visit_end(&mut self) -> Done { self.end(); Ok(()) }
    pub(super) fn visit_br_table(&mut self, targets: BrTable<'_>) -> Done {
        if self.dead { Ok(()) } else { self.branch_table(&targets) }
    }
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

impl Scan<'_> {
    fn nothing(&mut self) {}

    fn local_get(&mut self, index: u32) {
        let var = self.local(index);
        self.push_value(self.lives[var as usize].class, Ref::var(var));
    }

    fn local_set(&mut self, index: u32) {
        let item = self.pop();
        let var = self.local(index);
        self.release(var);
        self.value_into(var, item);
    }

    fn local_tee(&mut self, index: u32) {
        self.local_set(index);
        self.local_get(index);
    }

    fn global_class(&self, index: u32) -> Class {
        class_of(self.info.globals[GlobalIndex(index).index()].content)
    }

    fn global_get(&mut self, index: u32) {
        self.read(Op::GlobalGet, self.global_class(index), index);
    }

    fn global_set(&mut self, index: u32) {
        let value = self.pop_value();
        self.entry(Op::GlobalSet, self.global_class(index), Ref::NOTHING, value, Ref::NOTHING, index);
    }

    fn read(&mut self, op: Op, class: Class, imm: u32) {
        let value = self.temp_entry(op, class, Ref::NOTHING, Ref::NOTHING, imm);
        self.push_value(class, value);
    }

    fn drop_value(&mut self) {
        let item = self.pop();
        match item.node {
            Node::Value(value) | Node::Wrap(value) => self.drop_temp(item.class, value),
            Node::Test { class, a, b, .. } => {
                self.drop_temp(class, a);
                self.drop_temp(class, b);
            }
            Node::Lea { base, index, .. } => {
                self.drop_temp(item.class, base);
                self.drop_temp(item.class, index);
            }
        }
    }

    fn drop_temp(&mut self, class: Class, value: Ref) {
        if value.as_temp().is_some() {
            self.entry(Op::Drop, class, Ref::NOTHING, value, Ref::NOTHING, 0);
        }
    }

    fn select(&mut self) {
        let condition = self.pop_test();
        let b = self.pop();
        let a = self.pop();
        let class = a.class;
        let (a, b) = (self.value(a), self.value(b));
        self.entry(Op::Compare(condition.test), condition.class, Ref::NOTHING, condition.a, condition.b, 0);
        let value = self.temp_entry(Op::Select, class, a, b, 0);
        self.push_value(class, value);
    }

    // Arithmetic.

    fn eqz(&mut self, class: Class) {
        let item = self.pop();
        if let Node::Test { test, class, a, b } = item.node {
            return self.push(I32, Node::Test { test: test.invert(), class, a, b });
        }
        let a = if class == I32 { self.low(item) } else { self.value(item) };
        let zero = self.constant(class, 0);
        match self.tape.constant(a) {
            Some(value) => self.push_const(I32, i64::from(value == 0)),
            None => self.push(I32, Node::Test { test: Test::Int(Cond::Equal), class, a, b: zero }),
        }
    }

    fn compare(&mut self, class: Class, cond: Cond) {
        let (a, b) = self.pop_ints(class);
        match (self.tape.constant(a), self.tape.constant(b)) {
            (Some(a), Some(b)) => self.push_const(I32, i64::from(holds(cond, class, a, b))),
            (Some(_), None) => self.push(I32, Node::Test { test: Test::Int(cond.swap()), class, a: b, b: a }),
            _ => self.push(I32, Node::Test { test: Test::Int(cond), class, a, b }),
        }
    }

    fn compare_float(&mut self, class: Class, cond: FloatCond) {
        let b = self.pop_value();
        let a = self.pop_value();
        self.push(I32, Node::Test { test: Test::Float(cond), class, a, b });
    }

    /// Pops the operands of an operation that depends on the low bits of an i32 only.
    fn pop_ints(&mut self, class: Class) -> (Ref, Ref) {
        let b = self.pop();
        let a = self.pop();
        match class {
            I32 => (self.low(a), self.low(b)),
            _ => (self.value(a), self.value(b)),
        }
    }

    fn int(&mut self, op: Int, class: Class) {
        let (mut a, mut b) = self.pop_ints(class);
        if let (Some(a), Some(b)) = (self.tape.constant(a), self.tape.constant(b)) {
            return self.push_const(class, fold(op, class, a, b));
        }
        if a.is_const() && matches!(op, Int::Add | Int::Mul | Int::And | Int::Or | Int::Xor) {
            (a, b) = (b, a);
        }
        let value = self.temp_entry(Op::Int(op), class, a, b, 0);
        self.push_value(class, value);
    }

    fn divide(&mut self, op: Int, class: Class) {
        let (a, b) = self.pop_ints(class);
        self.can_trap();
        let value = self.temp_entry(Op::Int(op), class, a, b, 0);
        self.push_value(class, value);
    }

    /// A sum stays a node as long as `lea` can compute it.
    fn add(&mut self, class: Class) {
        let [.., a, b] = self.stack[..] else { unreachable!("validated: two operands") };
        let (Some(a), Some(b)) = (self.as_lea(a), self.as_lea(b)) else { return self.int(Int::Add, class) };
        let Some(sum) = add_leas(class, a, b) else { return self.int(Int::Add, class) };
        self.pop();
        self.pop();
        self.push(class, sum);
    }

    fn subtract(&mut self, class: Class) {
        if let [.., a, b] = self.stack[..]
            && let Node::Value(value) = b.node
            && let Some(value) = self.tape.constant(value)
            && let Ok(negated) = i32::try_from(value.wrapping_neg())
            && let Some(a) = self.as_lea(a)
            && let Some(sum) = add_leas(class, a, Lea { disp: negated, ..Lea::ZERO })
        {
            self.pop();
            self.pop();
            return self.push(class, sum);
        }
        self.int(Int::Sub, class);
    }

    fn shift_left(&mut self, class: Class) {
        if let [.., a, b] = self.stack[..]
            && let (Node::Value(value), Node::Value(count)) = (a.node, b.node)
            && !value.is_const()
            && let Some(count @ 1..=3) = self.tape.constant(count)
        {
            self.pop();
            self.pop();
            return self.push(class, Node::Lea { base: Ref::NOTHING, index: value, scale: count as u8, disp: 0 });
        }
        self.int(Int::Shl, class);
    }

    fn as_lea(&self, item: super::Item) -> Option<Lea> {
        match item.node {
            Node::Value(value) => match self.tape.constant(value) {
                Some(disp) => i32::try_from(disp).ok().map(|disp| Lea { disp, ..Lea::ZERO }),
                None => Some(Lea { base: value, ..Lea::ZERO }),
            },
            // As an i32's summand only the low bits count.
            Node::Wrap(value) => Some(Lea { base: value, ..Lea::ZERO }),
            Node::Lea { base, index, scale, disp } => Some(Lea { base, index, scale, disp }),
            Node::Test { .. } => None,
        }
    }

    fn int_unary(&mut self, op: IntUnary, class: Class) {
        let item = self.pop();
        let a = if class == I32 { self.low(item) } else { self.value(item) };
        let value = self.temp_entry(Op::IntUnary(op), class, a, Ref::NOTHING, 0);
        self.push_value(class, value);
    }

    fn extend_signed(&mut self) {
        let a = self.pop_low();
        match self.tape.constant(a) {
            Some(value) => self.push_const(I64, value),
            None => {
                let value = self.temp_entry(Op::IntUnary(IntUnary::Extend32S), I64, a, Ref::NOTHING, 0);
                self.push_value(I64, value);
            }
        }
    }

    /// An i32 has zeros above it wherever it is: only its class changes.
    fn extend_unsigned(&mut self) {
        let a = self.pop_value();
        match self.tape.constant(a) {
            Some(value) => self.push_const(I64, i64::from(value as u32)),
            None => self.push_value(I64, a),
        }
    }

    fn wrap(&mut self) {
        let a = self.pop_value();
        match self.tape.constant(a) {
            Some(value) => self.push_const(I32, i64::from(value as i32)),
            None => self.push(I32, Node::Wrap(a)),
        }
    }

    fn unary(&mut self, op: Op, class: Class) {
        let a = self.pop_value();
        let value = self.temp_entry(op, class, a, Ref::NOTHING, 0);
        self.push_value(class, value);
    }

    fn binary(&mut self, op: Op, class: Class) {
        let b = self.pop_value();
        let a = self.pop_value();
        let value = self.temp_entry(op, class, a, b, 0);
        self.push_value(class, value);
    }

    fn trunc(&mut self, from: Class, to: Class, signed: bool) {
        self.can_trap();
        self.unary(Op::Convert(Convert::Trunc { from, signed, saturating: false }), to);
    }

    fn trunc_sat(&mut self, from: Class, to: Class, signed: bool) {
        self.unary(Op::Convert(Convert::Trunc { from, signed, saturating: true }), to);
    }

    // Memory and tables.

    fn load(&mut self, access: Access, class: Class, memarg: MemArg) {
        let index: HeapIndex = self.pop_heap_index();
        self.heap_load(access, class, index, memarg.offset as u32);
    }

    fn store(&mut self, access: Access, class: Class, memarg: MemArg) {
        // A narrowing store, and a whole one of an i32, reads the low bits only.
        let low = class == I32 || access != Access::Whole;
        let (value, index) = self.pop_store(low);
        self.heap_store(access, class, index, value, memarg.offset as u32);
    }

    fn table_get(&mut self, table: u32) {
        let index = self.pop_value();
        self.can_trap();
        let value = self.temp_entry(Op::TableGet, I64, index, Ref::NOTHING, table);
        self.push_value(I64, value);
    }

    fn table_set(&mut self, table: u32) {
        let value = self.pop_value();
        let index = self.pop_value();
        self.can_trap();
        self.entry(Op::TableSet, I64, Ref::NOTHING, index, value, table);
    }
}

/// A sum that `lea` can compute.
#[derive(Clone, Copy)]
struct Lea {
    base: Ref,
    index: Ref,
    scale: u8,
    disp: i32,
}

impl Lea {
    const ZERO: Lea = Lea { base: Ref::NOTHING, index: Ref::NOTHING, scale: 0, disp: 0 };
}

/// The sum of two sums, if there is room; a 32-bit one wraps, a 64-bit one must not have to.
fn add_leas(class: Class, a: Lea, b: Lea) -> Option<Node> {
    let disp = match class {
        I32 => a.disp.wrapping_add(b.disp),
        _ => a.disp.checked_add(b.disp)?,
    };
    let mut unscaled = [Ref::NOTHING; 2];
    let mut scaled = None;
    let mut count = 0;
    for part in [a, b] {
        if part.base != Ref::NOTHING {
            *unscaled.get_mut(count)? = part.base;
            count += 1;
        }
        if part.index != Ref::NOTHING {
            if part.scale == 0 {
                *unscaled.get_mut(count)? = part.index;
                count += 1;
            } else if scaled.replace((part.index, part.scale)).is_some() {
                return None;
            }
        }
    }
    match (count, scaled) {
        (0, None) => None,
        (_, None) => Some(Node::Lea { base: unscaled[0], index: unscaled[1], scale: 0, disp }),
        (0 | 1, Some((index, scale))) => Some(Node::Lea { base: unscaled[0], index, scale, disp }),
        _ => None,
    }
}

/// The value of an operation on constants that cannot trap (specification 4.3.2).
fn fold(op: Int, class: Class, a: i64, b: i64) -> i64 {
    macro_rules! at_width {
        ($signed:ty, $unsigned:ty) => {{
            let (a, b) = (a as $signed, b as $signed);
            i64::from(match op {
                Int::Add => a.wrapping_add(b),
                Int::Sub => a.wrapping_sub(b),
                Int::Mul => a.wrapping_mul(b),
                Int::And => a & b,
                Int::Or => a | b,
                Int::Xor => a ^ b,
                Int::Shl => a.wrapping_shl(b as u32),
                Int::ShrS => a.wrapping_shr(b as u32),
                Int::ShrU => (a as $unsigned).wrapping_shr(b as u32) as $signed,
                Int::Rotl => a.rotate_left(b as u32 % <$signed>::BITS),
                Int::Rotr => a.rotate_right(b as u32 % <$signed>::BITS),
                Int::DivS | Int::DivU | Int::RemS | Int::RemU => unreachable!("may trap"),
            })
        }};
    }
    match class {
        I32 => at_width!(i32, u32),
        _ => at_width!(i64, u64),
    }
}

fn holds(cond: Cond, class: Class, a: i64, b: i64) -> bool {
    let unsigned = |value: i64| if class == I32 { u64::from(value as u32) } else { value as u64 };
    match cond {
        Cond::Equal => a == b,
        Cond::NotEqual => a != b,
        Cond::Less => a < b,
        Cond::LessEqual => a <= b,
        Cond::Greater => a > b,
        Cond::GreaterEqual => a >= b,
        Cond::Below => unsigned(a) < unsigned(b),
        Cond::BelowEqual => unsigned(a) <= unsigned(b),
        Cond::Above => unsigned(a) > unsigned(b),
        Cond::AboveEqual => unsigned(a) >= unsigned(b),
        _ => unreachable!("no wasm comparison"),
    }
}
