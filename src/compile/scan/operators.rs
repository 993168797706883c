//! Reading a body: each operator is read, checked and recorded in one step. In code that cannot be reached nothing is recorded.

use super::Scan;
use super::check::Ty;
use super::table::{OPERATORS, Operator, Rare, SATURATING};
use crate::abi::Builtin;
use crate::compile::tape::{Class, Convert, Op};
use crate::decode::{Cursor, Invalid};
use crate::types::{RefType, TypeIndex};
use wasmparser::WasmFeatures;

use Class::{F32, F64, I32, I64};
use Operator::*;

/// More entries than this in one function are refused.
const MAX_ENTRIES: usize = 16 << 20;

/// More items of lists than this, too: a `try_table` has ten thousand of a thousand items for a few bytes each.
const MAX_LIST_ITEMS: usize = 32 << 20;

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

impl Scan<'_> {
    /// Reads a body from its first operator on, which is at `first`; the module offset of its first byte is `start`.
    pub(in crate::compile) fn body(&mut self, bytes: &[u8], first: usize, start: u32) -> Result<(), Refusal> {
        let mut cursor = Cursor::at(bytes, first);
        loop {
            self.offset = start + cursor.position() as u32;
            match OPERATORS[cursor.byte()? as usize] {
                // What has no operands may as well be pushed where code cannot be reached.
                LocalGet => {
                    let index = cursor.u32()?;
                    let local = self.locals.get(index)?;
                    self.local_get(index, local)?;
                }
                LocalSet => {
                    let index = cursor.u32()?;
                    let local = self.locals.get(index)?;
                    match self.has(local.ty) {
                        true => _ = self.local_set(index, local),
                        false => self.local_set_subtype(index, local)?,
                    }
                }
                LocalTee => {
                    let index = cursor.u32()?;
                    let local = self.locals.get(index)?;
                    match self.has(local.ty) {
                        true => self.local_tee(index, local),
                        false => {
                            self.local_set_subtype(index, local)?;
                            let local = self.locals.get(index)?;
                            self.local_get(index, local)?;
                        }
                    }
                }
                I32Const => {
                    let value = cursor.i32()?;
                    self.push_const(I32, i64::from(value));
                }
                I64Const => {
                    let value = cursor.i64()?;
                    self.push_const(I64, value);
                }
                Load(class, access, align) => match self.plain_memarg(&mut cursor, align) {
                    Some(offset) if self.takes_one(I32, class)? => self.load(access, class, offset),
                    Some(_) => {}
                    None => cursor = self.load_anywhere(access, class, align, cursor)?,
                },
                Store(class, access, align) => match self.plain_memarg(&mut cursor, align) {
                    Some(offset) if self.has_two(Ty::I32, Ty::number(class)) => self.store(access, class, offset),
                    Some(_) => self.in_dead_code(&[Ty::I32, Ty::number(class)], &[])?,
                    None => cursor = self.store_anywhere(access, class, align, cursor)?,
                },
                Block => {
                    let ty = cursor.block_type(self.info)?;
                    self.block(ty)?;
                }
                Loop => {
                    let ty = cursor.block_type(self.info)?;
                    self.begin_loop(ty)?;
                }
                If => {
                    let ty = cursor.block_type(self.info)?;
                    self.begin_if(ty)?;
                }
                Else => self.begin_else()?,
                End => {
                    self.end()?;
                    if self.is_done() {
                        return if cursor.remaining() == 0 { Ok(()) } else { Err(Refusal::Invalid) };
                    }
                }
                Br => {
                    let depth = cursor.u32()?;
                    match self.takes_label(depth)? {
                        true => self.branch_always(depth),
                        false => self.die(),
                    }
                }
                BrIf => {
                    let depth = cursor.u32()?;
                    if self.takes_branch_if(depth)? {
                        let condition = self.pop_test();
                        self.branch_if(depth, condition);
                    }
                }
                Return => match self.takes_return()? {
                    true => self.return_now(),
                    false => self.die(),
                },
                Call => {
                    let function = cursor.u32()?;
                    let ty = self.function_type(function)?;
                    if self.takes_call(ty)? {
                        self.call_direct(function);
                    }
                }
                GlobalGet => {
                    let index = cursor.u32()?;
                    let (ty, _) = self.global_type(index)?;
                    if self.takes(&[], &[ty])? {
                        self.read(Op::GlobalGet, ty, index);
                    }
                }
                GlobalSet => {
                    let index = cursor.u32()?;
                    let (ty, true) = self.global_type(index)? else { return Err(Refusal::Invalid) };
                    if self.takes(&[ty], &[])? {
                        self.global_set(ty, index);
                    }
                }
                Rare(operator) => {
                    cursor = self.rare(operator, cursor)?;
                    if self.tape.lists.len() > MAX_LIST_ITEMS {
                        return Err(Refusal::TooLarge);
                    }
                }
                operator => self.operate(operator)?,
            }
            if self.tape.entries.len() > MAX_ENTRIES {
                return Err(Refusal::TooLarge);
            }
        }
    }

    /// What needs nothing but its opcode.
    #[inline(always)]
    fn operate(&mut self, operator: Operator) -> Result<(), Invalid> {
        match operator {
            Add(class) if self.takes_two(class, class)? => self.add(class),
            Subtract(class) if self.takes_two(class, class)? => self.subtract(class),
            ShiftLeft(class) if self.takes_two(class, class)? => self.shift_left(class),
            Int(class, op) if self.takes_two(class, class)? => self.int(op, class),
            Divide(class, op) if self.takes_two(class, class)? => self.divide(op, class),
            IntUnary(class, op) if self.takes_one(class, class)? => self.int_unary(op, class),
            Extend(class, op) => {
                self.needs(WasmFeatures::SIGN_EXTENSION)?;
                if self.takes_one(class, class)? {
                    self.int_unary(op, class);
                }
            }
            Eqz(class) if self.takes_one(class, I32)? => self.eqz(class),
            Compare(class, cond) if self.takes_two(class, I32)? => self.compare(class, cond),
            CompareFloat(class, cond) if self.takes_two(class, I32)? => self.compare_float(class, cond),
            Wrap if self.takes_one(I64, I32)? => self.wrap(),
            ExtendSigned if self.takes_one(I32, I64)? => self.extend_signed(),
            ExtendUnsigned if self.takes_one(I32, I64)? => self.extend_unsigned(),
            Float(class, op) if self.takes_two(class, class)? => self.binary(Op::Float(op), class),
            FloatUnary(class, op) if self.takes_one(class, class)? => self.unary(Op::FloatUnary(op), class),
            Trunc(from, to, signed) if self.takes_one(from, to)? => self.trunc(from, to, signed),
            TruncSaturating(from, to, signed) if self.takes_one(from, to)? => self.trunc_sat(from, to, signed),
            FromInt(from, to, signed) if self.takes_one(from, to)? => {
                self.unary(Op::Convert(Convert::FromInt { from, signed }), to);
            }
            ChangePrecision(from, to) if self.takes_one(from, to)? => self.unary(Op::Convert(Convert::Float), to),
            Reinterpret(from, to) if self.takes_one(from, to)? => self.unary(Op::Convert(Convert::Reinterpret), to),
            Drop if self.takes_any()? => self.drop_value(),
            Select if self.takes_select()? => self.select(None),
            Unreachable if self.dead => self.die(),
            Unreachable => self.trap_now(),
            Unknown => return Err(Invalid),
            // Valid, and not reached.
            _ => {}
        }
        Ok(())
    }

    /// Is an operand there, to be taken by what records the operator? If not, the operator cannot be reached.
    #[inline(always)]
    pub(super) fn takes_one(&mut self, operand: Class, result: Class) -> Result<bool, Invalid> {
        match self.has(Ty::number(operand)) {
            true => Ok(true),
            false => self.in_dead_code(&[Ty::number(operand)], &[Ty::number(result)]).map(|()| false),
        }
    }

    #[inline(always)]
    pub(super) fn takes_two(&mut self, operands: Class, result: Class) -> Result<bool, Invalid> {
        let ty = Ty::number(operands);
        match self.has_two(ty, ty) {
            true => Ok(true),
            false => self.in_dead_code(&[ty, ty], &[Ty::number(result)]).map(|()| false),
        }
    }

    /// What real code seldom has.
    fn rare<'b>(&mut self, operator: Rare, mut cursor: Cursor<'b>) -> Result<Cursor<'b>, Invalid> {
        self.needs(operator.feature())?;
        match operator {
            Rare::BrTable => match self.takes_branch_table(&mut cursor)? {
                true => self.branch_table(),
                false => self.die(),
            },
            Rare::CallIndirect => {
                let ty = cursor.u32()?;
                let table = self.index_since(WasmFeatures::REFERENCE_TYPES, &mut cursor)?;
                if self.takes_call_indirect(ty, table)? {
                    self.call_table(ty, table);
                }
            }
            Rare::CallRef => {
                let ty = cursor.u32()?;
                if self.takes_call_ref(ty)? {
                    self.call_ref(ty);
                }
            }
            Rare::ReturnCall => {
                let function = cursor.u32()?;
                let ty = self.function_type(function)?;
                match self.takes_call(ty)? {
                    true => self.tail_call_direct(function),
                    false => self.die(),
                }
                self.returns(ty)?;
            }
            Rare::ReturnCallIndirect => {
                let (ty, table) = (cursor.u32()?, cursor.u32()?);
                match self.takes_call_indirect(ty, table)? {
                    true => self.tail_call_table(ty, table),
                    false => self.die(),
                }
                self.returns(TypeIndex(ty))?;
            }
            Rare::ReturnCallRef => {
                let ty = cursor.u32()?;
                match self.takes_call_ref(ty)? {
                    true => self.tail_call_ref(ty),
                    false => self.die(),
                }
                self.returns(TypeIndex(ty))?;
            }
            Rare::RefAsNonNull => {
                if let Some(ty) = self.takes_nullable()? {
                    self.as_non_null(ty);
                }
            }
            Rare::BrOnNull => {
                let depth = cursor.u32()?;
                if let Some(ty) = self.takes_branch_on_null(depth)? {
                    self.branch_on_null(depth, ty);
                }
            }
            Rare::BrOnNonNull => {
                let depth = cursor.u32()?;
                if self.takes_branch_on_non_null(depth)? {
                    self.branch_on_non_null(depth);
                }
            }
            Rare::Throw => self.throw(cursor.u32()?)?,
            Rare::ThrowRef => self.throw_ref()?,
            Rare::TryTable => self.begin_try_table(&mut cursor)?,
            Rare::Try => self.begin_try(cursor.block_type(self.info)?)?,
            Rare::Catch => self.begin_catch(Some(cursor.u32()?))?,
            Rare::CatchAll => self.begin_catch(None)?,
            Rare::Rethrow => self.rethrow(cursor.u32()?)?,
            Rare::Delegate => self.delegate(cursor.u32()?)?,
            Rare::SelectTyped => {
                let 1 = cursor.u32()? else { return Err(Invalid) };
                let ty = cursor.val_type(self.info)?;
                self.knows(ty)?;
                let ty = Ty::of(ty);
                if self.takes(&[ty, ty, Ty::I32], &[ty])? {
                    self.select(Some(ty));
                }
            }
            Rare::TableGet => {
                let table = cursor.u32()?;
                let (ty, index) = (self.table_type(table)?, self.table_index_ty(table)?);
                if self.takes(&[index], &[ty])? {
                    self.table_get(ty, table);
                }
            }
            Rare::TableSet => {
                let table = cursor.u32()?;
                let (ty, index) = (self.table_type(table)?, self.table_index_ty(table)?);
                if self.takes(&[index, ty], &[])? {
                    self.table_set(table);
                }
            }
            Rare::MemorySize => {
                let memory = self.index_since(WasmFeatures::MULTI_MEMORY, &mut cursor)?;
                let index = self.memory_index_ty(memory)?;
                if self.takes(&[], &[index])? {
                    self.read(Op::MemorySize, index, memory);
                }
            }
            Rare::MemoryGrow => {
                let memory = self.index_since(WasmFeatures::MULTI_MEMORY, &mut cursor)?;
                let index = self.memory_index_ty(memory)?;
                if self.takes(&[index], &[index])? {
                    self.builtin(Builtin::MemoryGrow, &[u64::from(memory)], 1, Some(index.class()));
                }
            }
            Rare::F32Const => self.push_const(F32, i64::from(u32::from_le_bytes(cursor.array()?))),
            Rare::F64Const => self.push_const(F64, i64::from_le_bytes(cursor.array()?)),
            Rare::RefNull => {
                let heap = cursor.heap_type(self.info)?;
                self.ref_null(Ty::reference(RefType { nullable: true, heap }));
            }
            Rare::RefIsNull => {
                if self.takes_ref()? {
                    self.eqz(I64);
                }
            }
            Rare::RefFunc => {
                let function = cursor.u32()?;
                let ty = self.declared(function)?;
                if self.takes(&[], &[ty])? {
                    self.read(Op::RefFunc, ty, function);
                }
            }
            Rare::Vector => self.vector(&mut cursor)?,
            Rare::Atomic => self.atomic(&mut cursor)?,
            Rare::Prefix => {
                let code = cursor.u32()?;
                match SATURATING.get(code as usize) {
                    Some(&operator) => {
                        self.needs(WasmFeatures::SATURATING_FLOAT_TO_INT)?;
                        self.operate(operator)?;
                    }
                    None => self.prefixed(code, &mut cursor)?,
                }
            }
        }
        Ok(cursor)
    }
}
