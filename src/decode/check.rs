//! The type checker of function bodies: operand and control stack (specification, appendix A.3).
//!
//! **Escape:** the compiler trusts what this accepts. The parser's validator is its oracle: both must accept the same bodies.

use super::cursor::{Cursor, Invalid};
use super::info::ModuleInfo;
use crate::types::{FuncIndex, GlobalIndex, HeapType, RefType, TypeIndex, ValType};

/// As in the parser.
const MAX_LOCALS: u32 = 50_000;
/// The types of so many locals are found by index, those of the others by search.
const INDEXED_LOCALS: u32 = 64;

/// The type of an operand: a value type, or anything where code cannot be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ty(u8);

impl Ty {
    pub(crate) const I32: Ty = Ty(0);
    pub(crate) const I64: Ty = Ty(1);
    pub(crate) const F32: Ty = Ty(2);
    pub(crate) const F64: Ty = Ty(3);
    const V128: Ty = Ty(4);
    pub(crate) const FUNCREF: Ty = Ty(5);
    pub(crate) const EXTERNREF: Ty = Ty(6);
    const BOTTOM: Ty = Ty(7);

    #[inline]
    pub(crate) fn of(ty: ValType) -> Ty {
        match ty {
            ValType::I32 => Ty::I32,
            ValType::I64 => Ty::I64,
            ValType::F32 => Ty::F32,
            ValType::F64 => Ty::F64,
            ValType::V128 => Ty::V128,
            ValType::Ref(RefType { heap: HeapType::Func, .. }) => Ty::FUNCREF,
            ValType::Ref(RefType { heap: HeapType::Extern, .. }) => Ty::EXTERNREF,
        }
    }

    fn is_ref(self) -> bool {
        matches!(self, Ty::FUNCREF | Ty::EXTERNREF | Ty::BOTTOM)
    }
}

/// What a block takes and leaves (specification 2.4.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BlockType {
    Empty,
    Result(ValType),
    Function(TypeIndex),
}

impl BlockType {
    pub(crate) fn params(self, info: &ModuleInfo) -> &[ValType] {
        match self {
            BlockType::Function(ty) => info.types[ty.index()].params(),
            _ => &[],
        }
    }

    pub(crate) fn results<'a>(&'a self, info: &'a ModuleInfo) -> &'a [ValType] {
        match self {
            BlockType::Empty => &[],
            BlockType::Result(ty) => std::slice::from_ref(ty),
            BlockType::Function(ty) => info.types[ty.index()].results(),
        }
    }
}

/// What opened a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opener {
    Function,
    Block,
    Loop,
    If,
    Else,
}

/// An open block.
#[derive(Clone, Copy)]
struct Frame {
    opener: Opener,
    ty: BlockType,
    /// Operands below it.
    height: usize,
    /// Can the code behind the last operator not be reached? Then there are operands of any type.
    unreachable: bool,
}

impl Frame {
    /// What a branch to the block takes.
    fn label<'a>(&'a self, info: &'a ModuleInfo) -> &'a [ValType] {
        match self.opener {
            Opener::Loop => self.ty.params(info),
            _ => self.ty.results(info),
        }
    }
}

/// The stacks of one function. Reused from function to function.
pub(crate) struct Checker<'m> {
    info: &'m ModuleInfo,
    has_memory: bool,
    operands: Vec<Ty>,
    /// The innermost frame's height.
    floor: usize,
    frames: Vec<Frame>,
    first_locals: Vec<Ty>,
    /// `(end index, type)` of each run of declarations.
    local_runs: Vec<(u32, Ty)>,
    local_count: u32,
    /// The targets of the last `br_table`, the default last.
    targets: Vec<u32>,
}

impl<'m> Checker<'m> {
    pub(crate) fn new(info: &'m ModuleInfo) -> Checker<'m> {
        Checker {
            info,
            has_memory: !info.memories.is_empty(),
            operands: Vec::new(),
            floor: 0,
            frames: Vec::new(),
            first_locals: Vec::new(),
            local_runs: Vec::new(),
            local_count: 0,
            targets: Vec::new(),
        }
    }

    /// Starts a function of a type; then come its [locals](Checker::declare).
    pub(crate) fn start(&mut self, ty: TypeIndex) {
        self.operands.clear();
        self.frames.clear();
        self.first_locals.clear();
        self.local_runs.clear();
        self.local_count = 0;
        self.floor = 0;
        let frame = Frame { opener: Opener::Function, ty: BlockType::Function(ty), height: 0, unreachable: false };
        self.frames.push(frame);
        for &param in self.info.types[ty.index()].params() {
            // At most 1,000 of them.
            self.add_locals(1, Ty::of(param));
        }
    }

    // Locals.

    /// Declares locals (specification 5.4.16).
    pub(crate) fn declare(&mut self, count: u32, ty: ValType) -> Result<(), Invalid> {
        if count > MAX_LOCALS - self.local_count.min(MAX_LOCALS) {
            return Err(Invalid);
        }
        self.add_locals(count, Ty::of(ty));
        Ok(())
    }

    fn add_locals(&mut self, count: u32, ty: Ty) {
        self.local_count += count;
        self.first_locals.resize(self.local_count.min(INDEXED_LOCALS) as usize, ty);
        self.local_runs.push((self.local_count, ty));
    }

    #[inline(always)]
    fn local(&self, index: u32) -> Result<Ty, Invalid> {
        match self.first_locals.get(index as usize) {
            Some(&ty) => Ok(ty),
            None => self.late_local(index),
        }
    }

    #[inline(never)]
    fn late_local(&self, index: u32) -> Result<Ty, Invalid> {
        let run = self.local_runs.partition_point(|run| run.0 <= index);
        self.local_runs.get(run).map(|run| run.1).ok_or(Invalid)
    }

    #[inline(always)]
    pub(crate) fn local_get(&mut self, index: u32) -> Result<(), Invalid> {
        let ty = self.local(index)?;
        self.push(ty);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn local_set(&mut self, index: u32) -> Result<(), Invalid> {
        let ty = self.local(index)?;
        self.pop(ty)
    }

    #[inline(always)]
    pub(crate) fn local_tee(&mut self, index: u32) -> Result<(), Invalid> {
        let ty = self.local(index)?;
        self.replace(ty, ty)
    }

    // Operands.

    #[inline(always)]
    pub(crate) fn push(&mut self, ty: Ty) {
        self.operands.push(ty);
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self, expected: Ty) -> Result<(), Invalid> {
        match self.operands[..] {
            [.., top] if top == expected && self.operands.len() > self.floor => {
                self.operands.pop();
                Ok(())
            }
            _ => self.pop_unusual(expected),
        }
    }

    /// An operand of any type.
    #[inline(never)]
    fn pop_unusual(&mut self, expected: Ty) -> Result<(), Invalid> {
        let actual = self.pop_any()?;
        if actual == expected || actual == Ty::BOTTOM { Ok(()) } else { Err(Invalid) }
    }

    fn pop_any(&mut self) -> Result<Ty, Invalid> {
        if self.operands.len() > self.floor {
            return self.operands.pop().ok_or(Invalid);
        }
        if self.frames.last().is_some_and(|frame| frame.unreachable) { Ok(Ty::BOTTOM) } else { Err(Invalid) }
    }

    /// An operation of one operand.
    #[inline(always)]
    pub(crate) fn replace(&mut self, operand: Ty, result: Ty) -> Result<(), Invalid> {
        let floor = self.floor;
        let length = self.operands.len();
        match &mut self.operands[..] {
            [.., top] if *top == operand && length > floor => *top = result,
            _ => {
                self.pop_unusual(operand)?;
                self.push(result);
            }
        }
        Ok(())
    }

    /// An operation of two operands of one type.
    #[inline(always)]
    pub(crate) fn combine(&mut self, operands: Ty, result: Ty) -> Result<(), Invalid> {
        self.pop(operands)?;
        self.replace(operands, result)
    }

    fn pop_types(&mut self, types: &[ValType]) -> Result<(), Invalid> {
        types.iter().rev().try_for_each(|&ty| self.pop(Ty::of(ty)))
    }

    fn push_types(&mut self, types: &[ValType]) {
        self.operands.extend(types.iter().map(|&ty| Ty::of(ty)));
    }

    pub(crate) fn drop_operand(&mut self) -> Result<(), Invalid> {
        self.pop_any().map(|_| ())
    }

    /// `select` without a type: of numbers only.
    pub(crate) fn select(&mut self) -> Result<(), Invalid> {
        self.pop(Ty::I32)?;
        let (b, a) = (self.pop_any()?, self.pop_any()?);
        let numeric = |ty: Ty| ty == Ty::BOTTOM || !ty.is_ref();
        if !numeric(a) || !numeric(b) || a != b && a != Ty::BOTTOM && b != Ty::BOTTOM {
            return Err(Invalid);
        }
        self.push(if a == Ty::BOTTOM { b } else { a });
        Ok(())
    }

    pub(crate) fn select_typed(&mut self, ty: ValType) -> Result<(), Invalid> {
        self.pop(Ty::I32)?;
        self.combine(Ty::of(ty), Ty::of(ty))
    }

    pub(crate) fn ref_is_null(&mut self) -> Result<(), Invalid> {
        if !self.pop_any()?.is_ref() {
            return Err(Invalid);
        }
        self.push(Ty::I32);
        Ok(())
    }

    pub(crate) fn ref_func(&mut self, function: u32) -> Result<(), Invalid> {
        self.info.declared.binary_search(&FuncIndex(function)).map_err(|_| Invalid)?;
        self.push(Ty::FUNCREF);
        Ok(())
    }

    // Blocks.

    pub(crate) fn open(&mut self, opener: Opener, ty: BlockType) -> Result<(), Invalid> {
        let info = self.info;
        if let BlockType::Function(ty) = ty
            && ty.index() >= info.types.len()
        {
            return Err(Invalid);
        }
        self.pop_types(ty.params(info))?;
        self.push_frame(opener, ty);
        Ok(())
    }

    fn push_frame(&mut self, opener: Opener, ty: BlockType) {
        self.floor = self.operands.len();
        self.frames.push(Frame { opener, ty, height: self.floor, unreachable: false });
        self.push_types(ty.params(self.info));
    }

    /// Takes the results of the innermost block, and the block.
    fn pop_frame(&mut self) -> Result<Frame, Invalid> {
        let frame = *self.frames.last().ok_or(Invalid)?;
        self.pop_types(frame.ty.results(self.info))?;
        if self.operands.len() != self.floor {
            return Err(Invalid);
        }
        self.frames.pop();
        self.floor = self.frames.last().map_or(0, |frame| frame.height);
        Ok(frame)
    }

    pub(crate) fn begin_else(&mut self) -> Result<(), Invalid> {
        let frame = self.pop_frame()?;
        if frame.opener != Opener::If {
            return Err(Invalid);
        }
        self.push_frame(Opener::Else, frame.ty);
        Ok(())
    }

    /// The end of a block.
    pub(crate) fn end(&mut self) -> Result<(), Invalid> {
        let frame = self.pop_frame()?;
        // Without an `else` the parameters are the results.
        if frame.opener == Opener::If && frame.ty.params(self.info) != frame.ty.results(self.info) {
            return Err(Invalid);
        }
        self.push_types(frame.ty.results(self.info));
        Ok(())
    }

    /// Has the function's own block ended?
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.frames.is_empty()
    }

    /// Behind an operator that does not go on.
    pub(crate) fn stop(&mut self) -> Result<(), Invalid> {
        self.operands.truncate(self.floor);
        self.frames.last_mut().ok_or(Invalid)?.unreachable = true;
        Ok(())
    }

    fn frame(&self, depth: u32) -> Result<Frame, Invalid> {
        let place = self.frames.len().checked_sub(depth as usize + 1).ok_or(Invalid)?;
        Ok(self.frames[place])
    }

    pub(crate) fn branch(&mut self, depth: u32) -> Result<(), Invalid> {
        let frame = self.frame(depth)?;
        self.pop_types(frame.label(self.info))?;
        self.stop()
    }

    pub(crate) fn branch_if(&mut self, depth: u32) -> Result<(), Invalid> {
        self.pop(Ty::I32)?;
        let frame = self.frame(depth)?;
        let types = frame.label(self.info);
        self.pop_types(types)?;
        self.push_types(types);
        Ok(())
    }

    /// Reads the targets of a `br_table`, the default last.
    pub(crate) fn branch_table(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
        let count = cursor.u32()?;
        // Each takes a byte at least.
        if count as usize > cursor.remaining() {
            return Err(Invalid);
        }
        self.targets.clear();
        for _ in 0..=count {
            self.targets.push(cursor.u32()?);
        }
        self.pop(Ty::I32)?;
        let default = self.frame(self.targets[count as usize])?;
        let arity = default.label(self.info).len();
        for index in 0..count as usize {
            let target = self.frame(self.targets[index])?;
            self.matches(target.label(self.info), arity)?;
        }
        self.pop_types(default.label(self.info))?;
        self.stop()
    }

    /// Are there operands of these types, so many?
    fn matches(&self, types: &[ValType], arity: usize) -> Result<(), Invalid> {
        let unreachable = self.frames.last().is_some_and(|frame| frame.unreachable);
        let mut operands = self.operands[self.floor..].iter().rev();
        let matches = |&ty: &ValType| match operands.next() {
            Some(&operand) => operand == Ty::of(ty) || operand == Ty::BOTTOM,
            None => unreachable,
        };
        if types.len() == arity && types.iter().rev().all(matches) { Ok(()) } else { Err(Invalid) }
    }

    /// What [`Checker::branch_table`] has read.
    pub(crate) fn targets(&self) -> &[u32] {
        &self.targets
    }

    pub(crate) fn return_values(&mut self) -> Result<(), Invalid> {
        let frame = *self.frames.first().ok_or(Invalid)?;
        self.pop_types(frame.ty.results(self.info))?;
        self.stop()
    }

    // Calls.

    pub(crate) fn call(&mut self, function: u32) -> Result<(), Invalid> {
        let ty = *self.info.functions.get(function as usize).ok_or(Invalid)?;
        self.call_type(ty)
    }

    pub(crate) fn call_indirect(&mut self, ty: u32, table: u32) -> Result<(), Invalid> {
        if self.table(table)? != Ty::FUNCREF {
            return Err(Invalid);
        }
        self.pop(Ty::I32)?;
        self.call_type(TypeIndex(ty))
    }

    fn call_type(&mut self, ty: TypeIndex) -> Result<(), Invalid> {
        let ty = self.info.types.get(ty.index()).ok_or(Invalid)?;
        self.pop_types(ty.params())?;
        self.push_types(ty.results());
        Ok(())
    }

    // Globals, memories, tables, segments.

    fn global(&self, index: u32) -> Result<(Ty, bool), Invalid> {
        let global = self.info.globals.get(GlobalIndex(index).index()).ok_or(Invalid)?;
        Ok((Ty::of(global.content), global.mutable))
    }

    pub(crate) fn global_get(&mut self, index: u32) -> Result<(), Invalid> {
        let (ty, _) = self.global(index)?;
        self.push(ty);
        Ok(())
    }

    pub(crate) fn global_set(&mut self, index: u32) -> Result<(), Invalid> {
        let (ty, true) = self.global(index)? else { return Err(Invalid) };
        self.pop(ty)
    }

    /// Is there a memory 0?
    #[inline(always)]
    pub(crate) fn memory(&self) -> Result<(), Invalid> {
        if self.has_memory { Ok(()) } else { Err(Invalid) }
    }

    /// Is there a memory of this index? So far there is one at most.
    pub(crate) fn memory_at(&self, index: u32) -> Result<(), Invalid> {
        if (index as usize) < self.info.memories.len() { Ok(()) } else { Err(Invalid) }
    }

    /// The element type of a table.
    pub(crate) fn table(&self, index: u32) -> Result<Ty, Invalid> {
        let table = self.info.tables.get(index as usize).ok_or(Invalid)?;
        Ok(Ty::of(ValType::Ref(table.element)))
    }

    /// The element type of an element segment.
    pub(crate) fn element_segment(&self, index: u32) -> Result<Ty, Invalid> {
        let segment = self.info.elements.get(index as usize).ok_or(Invalid)?;
        Ok(Ty::of(ValType::Ref(segment.ty)))
    }

    /// Is there a data segment of this index? The count must stand before the code (specification 5.5.16).
    pub(crate) fn data_segment(&self, index: u32) -> Result<(), Invalid> {
        if self.info.data_count.is_some_and(|count| index < count) { Ok(()) } else { Err(Invalid) }
    }

    /// Three i32 operands: a destination, a source or value, a count.
    pub(crate) fn bulk(&mut self) -> Result<(), Invalid> {
        self.pop(Ty::I32)?;
        self.pop(Ty::I32)?;
        self.pop(Ty::I32)
    }

    /// The elements of one table or segment go to another table.
    pub(crate) fn copy_elements(&mut self, to: Ty, from: Ty) -> Result<(), Invalid> {
        if to != from {
            return Err(Invalid);
        }
        self.bulk()
    }

    pub(crate) fn table_get(&mut self, table: u32) -> Result<(), Invalid> {
        let ty = self.table(table)?;
        self.replace(Ty::I32, ty)
    }

    pub(crate) fn table_set(&mut self, table: u32) -> Result<(), Invalid> {
        let ty = self.table(table)?;
        self.pop(ty)?;
        self.pop(Ty::I32)
    }

    pub(crate) fn table_grow(&mut self, table: u32) -> Result<(), Invalid> {
        let ty = self.table(table)?;
        self.pop(Ty::I32)?;
        self.replace(ty, Ty::I32)
    }

    pub(crate) fn table_fill(&mut self, table: u32) -> Result<(), Invalid> {
        let ty = self.table(table)?;
        self.pop(Ty::I32)?;
        self.pop(ty)?;
        self.pop(Ty::I32)
    }
}

/// Reads a value type (specification 5.3.4).
pub(crate) fn val_type(cursor: &mut Cursor<'_>) -> Result<ValType, Invalid> {
    match cursor.byte()? {
        0x7F => Ok(ValType::I32),
        0x7E => Ok(ValType::I64),
        0x7D => Ok(ValType::F32),
        0x7C => Ok(ValType::F64),
        // The short form of a nullable reference, and the long one.
        0x70 => Ok(ValType::FUNCREF),
        0x6F => Ok(ValType::EXTERNREF),
        0x63 => heap_type(cursor),
        _ => Err(Invalid),
    }
}

/// Reads what a nullable reference refers to (specification 5.3.3).
pub(crate) fn heap_type(cursor: &mut Cursor<'_>) -> Result<ValType, Invalid> {
    match cursor.byte()? {
        0x70 => Ok(ValType::FUNCREF),
        0x6F => Ok(ValType::EXTERNREF),
        _ => Err(Invalid),
    }
}

/// Reads a block type (specification 5.4.1).
pub(crate) fn block_type(cursor: &mut Cursor<'_>) -> Result<BlockType, Invalid> {
    match cursor.peek()? {
        0x40 => {
            cursor.byte()?;
            Ok(BlockType::Empty)
        }
        0x41..0x80 => Ok(BlockType::Result(val_type(cursor)?)),
        _ => {
            let index = u32::try_from(cursor.s33()?).map_err(|_| Invalid)?;
            Ok(BlockType::Function(TypeIndex(index)))
        }
    }
}
