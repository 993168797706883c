//! Validation (specification, appendix A.3), on the operand and control stack of the scanner.
//!
//! In code that can be reached an operator's operands are only looked at: what records the operator takes them. In code
//! that cannot, nothing is recorded, and [`Scan::in_dead_code`] takes and leaves operands of the right types.
//!
//! **Escape:** the rest of the compiler trusts what this accepts. The parser's validator is its oracle: both must accept
//! the same bodies.

use super::item::Item;
use super::state::Scan;
use super::ty::{Ty, ensure};
use crate::compile::op::Class;
use crate::compile::tape::Ref;
use crate::decode::{BlockType, Cursor, Invalid, ModuleInfo};
use crate::types::{FuncIndex, TypeIndex, ValType};
use wasmparser::WasmFeatures;

impl<'m> BlockType<'m> {
    pub(super) fn params(self, info: &'m ModuleInfo) -> &'m [ValType] {
        match self {
            BlockType::Function(ty) => info.types[ty.index()].params(),
            _ => &[],
        }
    }

    pub(super) fn results(self, info: &'m ModuleInfo) -> &'m [ValType] {
        match self {
            BlockType::Empty => &[],
            BlockType::Result(ty) => std::slice::from_ref(ty),
            BlockType::Function(ty) => info.types[ty.index()].results(),
        }
    }
}

impl<'m> Scan<'m> {
    // Operands.

    /// Is there an operand of this type on top, in code that can be reached?
    #[inline(always)]
    pub(super) fn has(&self, ty: Ty) -> bool {
        let length = self.stack.len();
        length > self.floor && matches!(self.stack[..], [.., top] if top.ty == ty)
    }

    /// The same for two.
    #[inline(always)]
    pub(super) fn has_two(&self, below: Ty, top: Ty) -> bool {
        let length = self.stack.len();
        length > self.floor
            && length - 1 > self.floor
            && matches!(self.stack[..], [.., a, b] if a.ty == below && b.ty == top)
    }

    /// The operands of an operator that cannot be reached, and its results.
    #[inline(never)]
    pub(super) fn in_dead_code(&mut self, operands: &[Ty], results: &[Ty]) -> Result<(), Invalid> {
        ensure(self.dead)?;
        for &ty in operands.iter().rev() {
            ensure(self.pop_dead()?.matches(ty))?;
        }
        results.iter().for_each(|&ty| self.push_dead(ty));
        Ok(())
    }

    #[inline(never)]
    pub(super) fn one_in_dead_code(&mut self, operand: Class, result: Class) -> Result<(), Invalid> {
        self.in_dead_code(&[Ty::number(operand)], &[Ty::number(result)])
    }

    #[inline(never)]
    pub(super) fn two_in_dead_code(&mut self, operands: Class, result: Class) -> Result<(), Invalid> {
        self.in_dead_code(&[Ty::number(operands); 2], &[Ty::number(result)])
    }

    /// Is an operand there, to be taken by what records the operator? If not, the operator cannot be reached.
    #[inline(always)]
    pub(super) fn takes_one(&mut self, operand: Class, result: Class) -> Result<bool, Invalid> {
        match self.has(Ty::number(operand)) {
            true => Ok(true),
            false => self.one_in_dead_code(operand, result).map(|()| false),
        }
    }

    #[inline(always)]
    pub(super) fn takes_two(&mut self, operands: Class, result: Class) -> Result<bool, Invalid> {
        let ty = Ty::number(operands);
        match self.has_two(ty, ty) {
            true => Ok(true),
            false => self.two_in_dead_code(operands, result).map(|()| false),
        }
    }

    /// The operands of an operator and its results. Are they there, to be taken by what records it? If not, the operator
    /// cannot be reached.
    pub(super) fn takes(&mut self, operands: &[Ty], results: &[Ty]) -> Result<bool, Invalid> {
        if self.dead {
            self.in_dead_code(operands, results)?;
            return Ok(false);
        }
        let place = self.operands_from(operands.len())?;
        ensure(self.stack[place..].iter().zip(operands).all(|(item, &ty)| item.ty.matches(ty)))?;
        Ok(true)
    }

    /// The same for operands only.
    #[inline]
    pub(super) fn takes_values(&mut self, types: &[ValType]) -> Result<bool, Invalid> {
        if types.is_empty() { Ok(!self.dead) } else { self.takes_some_values(types) }
    }

    #[inline(never)]
    fn takes_some_values(&mut self, types: &[ValType]) -> Result<bool, Invalid> {
        if self.dead {
            for ty in types.iter().rev() {
                ensure(self.pop_dead()?.matches(Ty::of(ty)))?;
            }
            return Ok(false);
        }
        self.become_types(types, 0)?;
        Ok(true)
    }

    /// What is below so many operands on top, in code that can be reached, must match these types, and has them from now
    /// on.
    #[inline(always)]
    pub(super) fn become_types(&mut self, types: &[ValType], above: usize) -> Result<(), Invalid> {
        if types.is_empty() { self.operands_from(above).map(|_| ()) } else { self.become_some_types(types, above) }
    }

    #[inline(never)]
    fn become_some_types(&mut self, types: &[ValType], above: usize) -> Result<(), Invalid> {
        let from = self.operands_from(types.len() + above)?;
        for (item, ty) in self.stack[from..].iter_mut().zip(types) {
            let expected = Ty::of(ty);
            if item.ty != expected {
                ensure(item.ty.matches(expected))?;
                item.ty = expected;
            }
        }
        Ok(())
    }

    /// Where the top operands begin, in code that can be reached.
    #[inline(always)]
    pub(super) fn operands_from(&self, count: usize) -> Result<usize, Invalid> {
        if self.stack.len() - self.floor < count { Err(Invalid) } else { Ok(self.stack.len() - count) }
    }

    /// An operand of any type.
    fn pop_dead(&mut self) -> Result<Ty, Invalid> {
        let frame = self.frames.last().ok_or(Invalid)?;
        if self.stack.len() > frame.height {
            let item = self.pop();
            self.free(item);
            return Ok(item.ty);
        }
        if frame.unreachable { Ok(Ty::BOTTOM) } else { Err(Invalid) }
    }

    #[inline]
    pub(super) fn push_dead(&mut self, ty: Ty) {
        self.stack.push(Item { value: Ref::NOTHING, ty });
    }

    pub(super) fn push_dead_values(&mut self, types: &[ValType]) {
        types.iter().for_each(|ty| self.push_dead(Ty::of(ty)));
    }

    /// `drop`: an operand of any type.
    pub(super) fn takes_any(&mut self) -> Result<bool, Invalid> {
        if self.dead {
            self.pop_dead()?;
            return Ok(false);
        }
        self.operands_from(1)?;
        Ok(true)
    }

    /// `select` without a type: of numbers only.
    #[inline(always)]
    pub(super) fn takes_select(&mut self) -> Result<bool, Invalid> {
        if self.dead {
            ensure(self.pop_dead()?.matches(Ty::I32))?;
            let (b, a) = (self.pop_dead()?, self.pop_dead()?);
            ensure(!a.is_ref() && !b.is_ref() && (a.matches(b) || b == Ty::BOTTOM))?;
            self.push_dead(if a == Ty::BOTTOM { b } else { a });
            return Ok(false);
        }
        let place = self.operands_from(3)?;
        let [a, b, condition] = self.stack[place..] else { return Err(Invalid) };
        ensure(condition.ty == Ty::I32 && a.ty == b.ty && !a.ty.is_ref())?;
        Ok(true)
    }

    /// `ref.is_null`: a reference of any type.
    pub(super) fn takes_ref(&mut self) -> Result<bool, Invalid> {
        if self.dead {
            let ty = self.pop_dead()?;
            ensure(ty.is_ref() || ty == Ty::BOTTOM)?;
            self.push_dead(Ty::I32);
            return Ok(false);
        }
        let place = self.operands_from(1)?;
        ensure(self.stack[place].ty.is_ref())?;
        Ok(true)
    }

    /// `ref.as_non_null`: a reference of any type; what is left of it cannot be null.
    pub(super) fn takes_nullable(&mut self) -> Result<Option<Ty>, Invalid> {
        if self.dead {
            let ty = self.pop_dead_ref()?;
            self.push_dead(ty);
            return Ok(None);
        }
        let ty = self.stack[self.operands_from(1)?].ty;
        ensure(ty.is_ref())?;
        Ok(Some(ty.non_null()))
    }

    /// A reference of any type, without null.
    fn pop_dead_ref(&mut self) -> Result<Ty, Invalid> {
        match self.pop_dead()? {
            Ty::BOTTOM => Ok(Ty::REF_BOTTOM),
            ty if ty.is_ref() => Ok(ty.non_null()),
            _ => Err(Invalid),
        }
    }

    /// `br_on_null`: what the branch takes and leaves, and on top a reference, which stays without null.
    pub(super) fn takes_branch_on_null(&mut self, depth: u32) -> Result<Option<Ty>, Invalid> {
        let (info, frame) = (self.info, self.frame_at(depth)?);
        let types = frame.label_types(info);
        if self.dead {
            let ty = self.pop_dead_ref()?;
            self.takes_values(types)?;
            self.push_dead_values(types);
            self.push_dead(ty);
            return Ok(None);
        }
        let ty = self.takes_nullable()?;
        self.become_types(types, 1)?;
        Ok(ty)
    }

    /// `br_on_non_null`: the branch takes a reference on top, which is dropped if it is null.
    pub(super) fn takes_branch_on_non_null(&mut self, depth: u32) -> Result<bool, Invalid> {
        let (info, frame) = (self.info, self.frame_at(depth)?);
        let Some((ValType::Ref(top), types)) = frame.label_types(info).split_last() else { return Err(Invalid) };
        let top = Ty::reference(top).nullable();
        if self.dead {
            ensure(self.pop_dead()?.matches(top))?;
            self.takes_values(types)?;
            self.push_dead_values(types);
            return Ok(false);
        }
        ensure(self.stack[self.operands_from(1)?].ty.matches(top))?;
        self.become_types(types, 1)?;
        Ok(true)
    }

    // Blocks.

    /// The parameters of a block that is about to be opened.
    pub(super) fn takes_params(&mut self, ty: BlockType<'m>) -> Result<bool, Invalid> {
        let info = self.info;
        match ty {
            BlockType::Function(ty) => ensure(ty.index() < info.types.len())?,
            BlockType::Result(ty) => self.knows(ty)?,
            BlockType::Empty => {}
        }
        self.takes_values(ty.params(info))
    }

    /// The parameters of a block in code that cannot be reached.
    pub(super) fn push_dead_params(&mut self, ty: BlockType<'m>) {
        self.push_dead_values(ty.params(self.info));
    }

    pub(super) fn push_dead_results(&mut self, ty: BlockType<'m>) {
        self.push_dead_values(ty.results(self.info));
    }

    /// At a block's end: its results are on the stack, and nothing else.
    pub(super) fn takes_block(&mut self) -> Result<(), Invalid> {
        let info = self.info;
        let (ty, height) = {
            let frame = self.frames.last().ok_or(Invalid)?;
            (frame.ty, frame.height)
        };
        let results = ty.results(info);
        let left = if self.takes_values(results)? { self.stack.len() - results.len() } else { self.stack.len() };
        ensure(left == height)
    }

    /// What a branch takes. Returns whether it can be reached.
    pub(super) fn takes_label(&mut self, depth: u32) -> Result<bool, Invalid> {
        let (info, frame) = (self.info, self.frame_at(depth)?);
        self.takes_values(frame.label_types(info))
    }

    /// The function's results.
    #[inline(always)]
    pub(super) fn takes_return(&mut self) -> Result<bool, Invalid> {
        let (info, ty) = (self.info, self.frames.first().ok_or(Invalid)?.ty);
        self.takes_values(ty.results(info))
    }

    /// What a branch that may not be taken takes and leaves.
    pub(super) fn takes_branch_if(&mut self, depth: u32) -> Result<bool, Invalid> {
        let (info, frame) = (self.info, self.frame_at(depth)?);
        if self.dead {
            self.in_dead_code(&[Ty::I32], &[])?;
            self.takes_values(frame.label_types(info))?;
            self.push_dead_values(frame.label_types(info));
            return Ok(false);
        }
        ensure(self.has(Ty::I32))?;
        self.become_types(frame.label_types(info), 1)?;
        Ok(true)
    }

    /// Reads the targets of a `br_table` into [`Scan::targets`], the default last.
    pub(super) fn takes_branch_table(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Invalid> {
        let count = cursor.u32()? as usize;
        // Each takes a byte at least.
        ensure(count < cursor.remaining())?;
        self.targets.clear();
        for _ in 0..=count {
            self.targets.push(cursor.u32()?);
        }
        let reached = self.takes(&[Ty::I32], &[])?;
        let info = self.info;
        let default = self.frame_at(self.targets[count])?;
        let arity = default.label_types(info).len();
        for place in 0..=count {
            let target = self.frame_at(self.targets[place])?;
            let types = target.label_types(info);
            ensure(types.len() == arity && self.matches_below(types, usize::from(reached)))?;
        }
        if !reached {
            self.takes_values(default.label_types(info))?;
        }
        Ok(reached)
    }

    /// Are there operands of these types below so many on top?
    fn matches_below(&self, types: &[ValType], above: usize) -> bool {
        let Some(frame) = self.frames.last() else { return false };
        let mut operands = self.stack[frame.height..].iter().rev().skip(above);
        types.iter().rev().all(|ty| match operands.next() {
            Some(item) => item.ty.matches(Ty::of(ty)),
            None => frame.unreachable,
        })
    }

    // Calls.

    /// The operands of a call. Its results are pushed by what records it.
    #[inline(always)]
    pub(super) fn takes_call(&mut self, ty: TypeIndex) -> Result<bool, Invalid> {
        if self.dead {
            return self.takes_dead_call(ty).map(|()| false);
        }
        let params = self.signatures.params(self.signatures.callee(ty).ok_or(Invalid)?);
        let from = self.operands_from(params.len())?;
        for (item, param) in self.stack[from..].iter().zip(params) {
            ensure(item.ty.matches(param.ty))?;
        }
        Ok(true)
    }

    #[inline(never)]
    pub(super) fn takes_dead_call(&mut self, ty: TypeIndex) -> Result<(), Invalid> {
        let info = self.info;
        let ty = info.types.get(ty.index()).ok_or(Invalid)?;
        self.takes_values(ty.params())?;
        self.push_dead_values(ty.results());
        Ok(())
    }

    /// Those of an indirect one, whose index is on top of them.
    pub(super) fn takes_call_indirect(&mut self, ty: u32, table: u32) -> Result<bool, Invalid> {
        ensure(self.table_type(table)?.matches(Ty::FUNCREF))?;
        let index = self.table_index_ty(table)?;
        if self.dead {
            self.in_dead_code(&[index], &[])?;
            return self.takes_call(TypeIndex(ty));
        }
        let ty = self.info.types.get(ty as usize).ok_or(Invalid)?;
        ensure(self.has(index))?;
        self.become_types(ty.params(), 1)?;
        Ok(true)
    }

    /// Those of one by reference, which is on top of them.
    pub(super) fn takes_call_ref(&mut self, ty: u32) -> Result<bool, Invalid> {
        let [callee, _] = self.info.references.get(ty as usize).ok_or(Invalid)?;
        let callee = Ty::of(callee);
        if self.dead {
            self.in_dead_code(&[callee], &[])?;
            return self.takes_call(TypeIndex(ty));
        }
        let place = self.operands_from(1)?;
        ensure(self.stack[place].ty.matches(callee))?;
        self.become_types(self.info.types[ty as usize].params(), 1)?;
        Ok(true)
    }

    /// A tail call's results are the function's.
    pub(super) fn returns(&self, ty: TypeIndex) -> Result<(), Invalid> {
        let (info, ty) = (self.info, self.info.types.get(ty.index()).ok_or(Invalid)?);
        let own = self.frames.first().ok_or(Invalid)?.ty;
        let (callee, own) = (ty.results(), own.results(info));
        ensure(callee.len() == own.len() && callee.iter().zip(own).all(|(callee, own)| callee.matches(own)))
    }

    pub(super) fn function_type(&self, function: u32) -> Result<TypeIndex, Invalid> {
        self.info.functions.get(function as usize).copied().ok_or(Invalid)
    }

    /// The type of a `ref.func`, if it may name this function.
    pub(super) fn declared(&self, function: u32) -> Result<Ty, Invalid> {
        self.info.declared.binary_search(&FuncIndex(function)).map_err(|_| Invalid)?;
        let [_, non_null] = self.info.references.get(self.function_type(function)?.index()).ok_or(Invalid)?;
        Ok(Ty::of(non_null))
    }

    /// What an operator of a proposal with a switch needs.
    pub(super) fn needs(&self, feature: WasmFeatures) -> Result<(), Invalid> {
        ensure(self.info.features.contains(feature))
    }

    /// Is a value type that a body names one of the features that are on?
    pub(super) fn knows(&self, ty: &ValType) -> Result<(), Invalid> {
        if *ty == ValType::V128 { self.needs(WasmFeatures::SIMD) } else { Ok(()) }
    }

    // Globals, memories, tables, segments.

    /// The type of a global, and whether it can be written.
    pub(super) fn global_type(&self, index: u32) -> Result<(Ty, bool), Invalid> {
        let global = self.info.globals.get(index as usize).ok_or(Invalid)?;
        Ok((Ty::of(&global.content), global.mutable))
    }

    /// The index type of a memory.
    pub(super) fn memory_index_ty(&self, memory: u32) -> Result<Ty, Invalid> {
        self.info.memories.get(memory as usize).map(|memory| Ty::index(memory.index)).ok_or(Invalid)
    }

    /// The index type of a table.
    pub(super) fn table_index_ty(&self, table: u32) -> Result<Ty, Invalid> {
        self.info.tables.get(table as usize).map(|table| Ty::index(table.index)).ok_or(Invalid)
    }

    /// The element type of a table.
    pub(super) fn table_type(&self, index: u32) -> Result<Ty, Invalid> {
        let table = self.info.tables.get(index as usize).ok_or(Invalid)?;
        Ok(Ty::reference(&table.element))
    }

    /// The element type of an element segment.
    pub(super) fn segment_type(&self, index: u32) -> Result<Ty, Invalid> {
        let segment = self.info.elements.get(index as usize).ok_or(Invalid)?;
        Ok(Ty::reference(&segment.ty))
    }

    /// Is there a data segment of this index? The count must stand before the code (specification 5.5.16).
    pub(super) fn has_data(&self, index: u32) -> Result<(), Invalid> {
        ensure(self.info.data_count.is_some_and(|count| index < count))
    }

    /// Elements of one type go where those of another are.
    pub(super) fn fits_into(&self, from: Ty, to: Ty) -> Result<(), Invalid> {
        ensure(from.matches(to))
    }
}
