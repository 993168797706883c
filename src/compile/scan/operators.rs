//! Reading a body: each operator is read, checked and recorded in one step. In code that cannot be reached nothing is recorded.

use super::handler::NOT_DONE;
use super::item::Item;
use super::quick::QUICK;
use super::refusal::Refusal;
use super::state::Scan;
use super::table::{LEAVES, OPERATORS, Operator, Rare, SATURATING};
use super::ty::Ty;
use super::watch::Watch;
use crate::abi::Builtin;
use crate::compile::op::{Class, Convert, Op};
use crate::compile::tape::{MAX_PLACES, Ref, Way};
use crate::decode::{BlockType, Cursor};
use crate::types::TypeIndex;
use wasmparser::WasmFeatures;

use Class::{F32, F64, I32, I64};
use Operator::*;

/// More than the parser accepts; the numbers of constants fit into a [`Ref`](crate::compile::tape::Ref).
pub(super) const MAX_BODY_BYTES: usize = MAX_PLACES / 4;

impl Scan<'_> {
    /// Reads a body from its first operator on.
    pub(in crate::compile) fn body(&mut self, first: &Cursor<'_>, watch: &mut impl Watch) -> Result<(), Refusal> {
        let mut cursor = *first;
        if cursor.remaining() > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        loop {
            let mut opcode = cursor.opcode()?;
            // Most operators are these. Which of them comes cannot be foretold, that one of them comes often can.
            while watch.is_quick()
                && let Some(byte) = cursor.first_below(LEAVES[usize::from(opcode)])
            {
                match self.locals.leaf(opcode, byte) {
                    Item { value: Ref::NOTHING, .. } => self.local_get(byte.into())?,
                    item => self.stack.push(item),
                }
                opcode = cursor.opcode()?;
            }
            self.offset = cursor.position() - 1;
            if watch.is_quick() {
                let bytes = QUICK[usize::from(opcode)](self, cursor.window(), opcode);
                if bytes != NOT_DONE {
                    cursor.pass(bytes);
                    watch.scanned(&self.tape, self.offset, Way::Quick);
                    continue;
                }
            }
            let mut place = cursor;
            self.operator(opcode, &mut place)?;
            cursor = place;
            watch.scanned(&self.tape, self.offset, Way::General);
            if self.is_done() {
                return if cursor.is_at_end() { Ok(()) } else { Err(Refusal::Invalid) };
            }
        }
    }

    /// Any operator, whatever there is to it.
    #[inline(never)]
    pub(super) fn operator(&mut self, opcode: u8, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        match OPERATORS[usize::from(opcode)] {
            LocalGet => self.local_get(cursor.first_u32()?)?,
            LocalSet => self.local_set(cursor.first_u32()?)?,
            LocalTee => self.local_tee(cursor.first_u32()?)?,
            I32Const => {
                let value = cursor.first_i32()?;
                self.push_const(I32, i64::from(value));
            }
            I64Const => {
                let value = cursor.first_i64()?;
                self.push_const(I64, value);
            }
            Load(class, access, align) => self.load_anywhere(access, class, align, cursor)?,
            Store(class, access, align) => self.store_anywhere(access, class, align, cursor)?,
            Add(class) => self.add(class)?,
            Subtract(class) => self.subtract(class)?,
            ShiftLeft(class) => self.shift_left(class)?,
            Int(class, op) => self.int(op, class)?,
            Divide(class, op) => self.divide(op, class)?,
            IntUnary(class, op) => self.int_unary(op, class)?,
            Extend(class, op) => {
                self.needs(WasmFeatures::SIGN_EXTENSION)?;
                self.int_unary(op, class)?;
            }
            Eqz(class) => self.eqz(class)?,
            Compare(class, cond) => self.compare(class, cond)?,
            CompareFloat(class, cond) => self.compare_float(class, cond)?,
            Wrap => self.wrap()?,
            ExtendSigned => self.extend_signed()?,
            ExtendUnsigned => self.extend_unsigned()?,
            Float(class, op) => self.float_binary(Op::Float(op), class)?,
            FloatUnary(class, op) => self.convert(Op::FloatUnary(op), class, class)?,
            Trunc(from, to, signed) => self.trunc(from, to, signed, false)?,
            FromInt(from, to, signed) => self.convert(Op::Convert(Convert::FromInt { from, signed }), from, to)?,
            ChangePrecision(from, to) => self.convert(Op::Convert(Convert::Float), from, to)?,
            Reinterpret(from, to) => self.convert(Op::Convert(Convert::Reinterpret), from, to)?,
            Block => {
                let ty = cursor.block_type(self.info)?;
                self.block(ty)?;
                if ty != BlockType::Empty {
                    self.is_not_too_large()?;
                }
            }
            Loop => {
                let ty = cursor.block_type(self.info)?;
                self.begin_loop(ty)?;
                if ty != BlockType::Empty {
                    self.is_not_too_large()?;
                }
            }
            If => {
                let ty = cursor.block_type(self.info)?;
                self.begin_if(ty)?;
                if ty != BlockType::Empty {
                    self.is_not_too_large()?;
                }
            }
            Else => self.begin_else()?,
            End => {
                self.end()?;
                self.is_not_too_large()?;
            }
            Br => self.br(cursor.first_u32()?)?,
            BrIf => self.br_if(cursor.first_u32()?)?,
            Return => match self.takes_return()? {
                true => self.return_now(),
                false => self.die(),
            },
            Call => {
                self.call_direct(cursor.first_u32()?)?;
                self.is_not_too_large()?;
            }
            GlobalGet => self.global_get(cursor.first_u32()?)?,
            GlobalSet => self.global_set(cursor.first_u32()?)?,
            Drop => {
                if self.takes_any()? {
                    self.drop_value();
                }
            }
            Select => {
                if self.takes_select()? {
                    self.select(None);
                }
            }
            Unreachable => match self.dead {
                true => self.die(),
                false => self.trap_now(),
            },
            Nop => {}
            Rare(operator) => {
                self.rare(operator, cursor)?;
                self.is_not_too_large()?;
            }
            Unknown => return Err(Refusal::Invalid),
        }
        Ok(())
    }

    /// What real code seldom has.
    #[inline(never)]
    pub(super) fn rare(&mut self, operator: Rare, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        self.needs(operator.feature())?;
        match operator {
            Rare::BrTable => match self.takes_branch_table(cursor)? {
                true => self.branch_table()?,
                false => self.die(),
            },
            Rare::CallIndirect => {
                let ty = cursor.u32()?;
                let table = self.index_since(WasmFeatures::REFERENCE_TYPES, cursor)?;
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
            Rare::TryTable => self.begin_try_table(cursor)?,
            Rare::Try => self.begin_try(cursor.block_type(self.info)?)?,
            Rare::Catch => self.begin_catch(Some(cursor.u32()?))?,
            Rare::CatchAll => self.begin_catch(None)?,
            Rare::Rethrow => self.rethrow(cursor.u32()?)?,
            Rare::Delegate => self.delegate(cursor.u32()?)?,
            Rare::SelectTyped => {
                let 1 = cursor.u32()? else { return Err(Refusal::Invalid) };
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
                let memory = self.index_since(WasmFeatures::MULTI_MEMORY, cursor)?;
                let index = self.memory_index_ty(memory)?;
                if self.takes(&[], &[index])? {
                    self.read(Op::MemorySize, index, memory);
                }
            }
            Rare::MemoryGrow => {
                let memory = self.index_since(WasmFeatures::MULTI_MEMORY, cursor)?;
                let index = self.memory_index_ty(memory)?;
                if self.takes(&[index], &[index])? {
                    self.builtin(Builtin::MemoryGrow, &[u64::from(memory)], 1, Some(index.class()));
                }
            }
            Rare::F32Const => self.push_const(F32, i64::from(u32::from_le_bytes(cursor.array()?))),
            Rare::F64Const => self.push_const(F64, i64::from_le_bytes(cursor.array()?)),
            Rare::RefNull => {
                let [nullable, _] = cursor.references(self.info)?;
                self.ref_null(Ty::of(nullable));
            }
            Rare::RefIsNull => {
                if self.takes_ref()? {
                    let reference = self.pop();
                    self.is_zero(I64, reference);
                }
            }
            Rare::RefFunc => {
                let function = cursor.u32()?;
                let ty = self.declared(function)?;
                if self.takes(&[], &[ty])? {
                    self.read(Op::RefFunc, ty, function);
                }
            }
            Rare::Vector => self.vector(cursor)?,
            Rare::Atomic => self.atomic(cursor)?,
            Rare::Prefix => {
                let code = cursor.u32()?;
                match SATURATING.get(code as usize) {
                    Some(&(from, to, signed)) => {
                        self.needs(WasmFeatures::SATURATING_FLOAT_TO_INT)?;
                        self.trunc(from, to, signed, true)?;
                    }
                    None => self.prefixed(code, cursor)?,
                }
            }
        }
        Ok(())
    }
}
