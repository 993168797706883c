//! Validation alone, at a multiple of the speed: a body is taken for code that cannot be reached, of which nothing is
//! recorded, but whose operands must be there.
//!
//! What is common is done here; the rest goes to the scanner's own operators, which know such code. So both accept the
//! same bodies, and there is nothing to keep in step but the types of arithmetic, which come from the one table.

use super::frame::{Frame, Opener};
use super::operators::MAX_BODY_BYTES;
use super::refusal::Refusal;
use super::state::Scan;
use super::table::{LEAVES, LOCAL_GET, OPERATORS, Operator, Rare};
use super::ty::{Ty, ensure};
use crate::compile::op::Class;
use crate::compile::tape::Ref;
use crate::decode::{BlockType, Cursor, Invalid};
use crate::types::TypeIndex;
use wasmparser::WasmFeatures;

use Class::{I32, I64};

/// Arithmetic: how many operands it takes, all of a type, and what it leaves.
#[derive(Clone, Copy)]
struct Arithmetic {
    /// 0: it is not such an operator.
    operands: u8,
    from: Ty,
    to: Ty,
}

/// By opcode.
static ARITHMETIC: [Arithmetic; 256] = {
    let mut table = [Arithmetic::new(0, I32, I32); 256];
    let mut opcode = 0;
    while opcode < table.len() {
        table[opcode] = Arithmetic::of(OPERATORS[opcode]);
        opcode += 1;
    }
    table
};

impl Arithmetic {
    const fn new(operands: u8, from: Class, to: Class) -> Arithmetic {
        Arithmetic { operands, from: Ty::number(from), to: Ty::number(to) }
    }

    const fn of(operator: Operator) -> Arithmetic {
        use Operator::*;
        match operator {
            Add(class) | Subtract(class) | ShiftLeft(class) => Arithmetic::new(2, class, class),
            Int(class, _) | Divide(class, _) | Float(class, _) => Arithmetic::new(2, class, class),
            Compare(class, _) | CompareFloat(class, _) => Arithmetic::new(2, class, I32),
            Eqz(class) => Arithmetic::new(1, class, I32),
            IntUnary(class, _) | FloatUnary(class, _) => Arithmetic::new(1, class, class),
            Wrap => Arithmetic::new(1, I64, I32),
            ExtendSigned | ExtendUnsigned => Arithmetic::new(1, I32, I64),
            Trunc(from, to, _) | FromInt(from, to, _) => Arithmetic::new(1, from, to),
            ChangePrecision(from, to) | Reinterpret(from, to) => Arithmetic::new(1, from, to),
            _ => Arithmetic::new(0, I32, I32),
        }
    }
}

/// What a local without a default value has once it is written. Not a variable: nothing is recorded.
const WRITTEN: Ref = Ref::var(0);

impl Scan<'_> {
    /// Starts a function of a type; then [`Scan::declare_all`] its locals and [validate](Scan::validate) its body.
    pub(in crate::compile) fn start_validation(&mut self, ty: TypeIndex) {
        self.clear();
        self.dead = true;
        let mut frame = Frame::new(Opener::Function, BlockType::Function(ty));
        frame.dead = true;
        self.frames.push(frame);
        self.set_floor();
        for (index, param) in self.info.types[ty.index()].params().iter().enumerate() {
            self.locals.declare(1, param).expect("validated: at most 1,000 parameters");
            self.locals.set(index as u32, WRITTEN);
        }
    }

    /// Checks a body from its first operator on.
    pub(in crate::compile) fn validate(&mut self, first: &Cursor<'_>) -> Result<(), Refusal> {
        let mut cursor = *first;
        if cursor.remaining() > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        // Of the innermost block: what is below belongs to others.
        let mut height = 0;
        loop {
            let mut opcode = cursor.opcode()?;
            while let Some(byte) = cursor.first_below(LEAVES[usize::from(opcode)]) {
                let ty = if opcode == LOCAL_GET { self.readable(byte.into())? } else { Ty::I32 };
                self.push_dead(ty);
                opcode = cursor.opcode()?;
            }
            let arithmetic = ARITHMETIC[usize::from(opcode)];
            if arithmetic.operands > 0 {
                self.arithmetic(arithmetic, height)?;
                continue;
            }
            match OPERATORS[usize::from(opcode)] {
                Operator::LocalGet => {
                    let ty = self.readable(cursor.first_u32()?)?;
                    self.push_dead(ty);
                }
                Operator::LocalSet => _ = self.write(cursor.first_u32()?, height)?,
                Operator::LocalTee => {
                    let ty = self.write(cursor.first_u32()?, height)?;
                    self.push_dead(ty);
                }
                Operator::I32Const => {
                    cursor.first_i32()?;
                    self.push_dead(Ty::I32);
                }
                Operator::I64Const => {
                    cursor.first_i64()?;
                    self.push_dead(Ty::I64);
                }
                Operator::Load(class, access, align) => match self.plain_memarg(&cursor, align) {
                    Some(bytes) => {
                        cursor.pass(bytes);
                        self.arithmetic(Arithmetic::new(1, I32, class), height)?;
                    }
                    None => self.load_anywhere(access, class, align, &mut cursor)?,
                },
                Operator::Store(class, access, align) => match self.plain_memarg(&cursor, align) {
                    Some(bytes) => {
                        cursor.pass(bytes);
                        self.take_dead(Ty::number(class), height)?;
                        self.take_dead(Ty::I32, height)?;
                    }
                    None => self.store_anywhere(access, class, align, &mut cursor)?,
                },
                Operator::Extend(class, _) => {
                    self.needs(WasmFeatures::SIGN_EXTENSION)?;
                    self.arithmetic(Arithmetic::new(1, class, class), height)?;
                }
                Operator::GlobalGet => {
                    let (ty, _) = self.global_type(cursor.first_u32()?)?;
                    self.push_dead(ty);
                }
                Operator::GlobalSet => {
                    let (ty, is_mutable) = self.global_type(cursor.first_u32()?)?;
                    ensure(is_mutable)?;
                    self.take_dead(ty, height)?;
                }
                Operator::BrIf => {
                    let depth = cursor.first_u32()?;
                    match self.frame_at(depth)?.ty {
                        BlockType::Empty => self.take_dead(Ty::I32, height)?,
                        _ => self.br_if(depth)?,
                    }
                }
                Operator::Call => {
                    self.call_direct(cursor.first_u32()?)?;
                    self.is_not_too_large()?;
                }
                Operator::Drop => _ = self.takes_any()?,
                Operator::Select => _ = self.takes_select()?,
                Operator::Nop => {}
                Operator::Unreachable => self.die(),
                Operator::Br => self.br(cursor.first_u32()?)?,
                Operator::Return => {
                    self.takes_return()?;
                    self.die();
                }
                Operator::Rare(Rare::F32Const) => {
                    cursor.array::<4>()?;
                    self.push_dead(Ty::F32);
                }
                Operator::Rare(Rare::F64Const) => {
                    cursor.array::<8>()?;
                    self.push_dead(Ty::F64);
                }
                operator => {
                    match operator {
                        Operator::Block => self.block(cursor.block_type(self.info)?)?,
                        Operator::Loop => self.begin_loop(cursor.block_type(self.info)?)?,
                        Operator::If => self.begin_if(cursor.block_type(self.info)?)?,
                        Operator::Else => self.begin_else()?,
                        Operator::End => self.end()?,
                        Operator::Rare(operator) => self.rare(operator, &mut cursor)?,
                        _ => return Err(Refusal::Invalid),
                    }
                    self.is_not_too_large()?;
                    height = match self.frames.last() {
                        Some(frame) => frame.height,
                        None if cursor.is_at_end() => return Ok(()),
                        None => return Err(Refusal::Invalid),
                    };
                }
            }
        }
    }

    /// How many bytes there are of alignment and offset of an access to memory 0 with a 32-bit index. `None`: there may be more
    /// to it.
    #[inline(always)]
    fn plain_memarg(&self, cursor: &Cursor<'_>, max_align: u8) -> Option<u32> {
        if !self.plain_memory {
            return None;
        }
        cursor.window().plain_memarg(max_align).map(|(_, bytes)| bytes)
    }

    #[inline(always)]
    fn arithmetic(&mut self, Arithmetic { operands, from, to }: Arithmetic, height: usize) -> Result<(), Invalid> {
        for _ in 0..operands {
            self.take_dead(from, height)?;
        }
        self.push_dead(to);
        Ok(())
    }

    /// Takes an operand of a type, of which there are some above a height.
    #[inline(always)]
    fn take_dead(&mut self, ty: Ty, height: usize) -> Result<(), Invalid> {
        match self.stack.last() {
            Some(item) if item.ty == ty && self.stack.len() > height => {
                self.stack.pop();
                Ok(())
            }
            _ => self.in_dead_code(&[ty], &[]),
        }
    }

    /// The type of a local that may be read.
    #[inline(always)]
    fn readable(&self, index: u32) -> Result<Ty, Invalid> {
        let local = self.locals.get(index)?;
        ensure(!local.ty.has_no_default() || local.value != Ref::NOTHING)?;
        Ok(local.ty)
    }

    /// Writes to a local; returns its type.
    #[inline(always)]
    fn write(&mut self, index: u32, height: usize) -> Result<Ty, Invalid> {
        let local = self.locals.get(index)?;
        self.take_dead(local.ty, height)?;
        if local.ty.has_no_default() && local.value == Ref::NOTHING {
            self.written.push(index);
            self.locals.set(index, WRITTEN);
        }
        Ok(local.ty)
    }
}
