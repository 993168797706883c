//! Operators behind the prefix 0xFC, and accesses to any memory: of 32 or 64 bits, memory 0 or another.

use super::Scan;
use super::ty::Ty;
use crate::abi::Builtin;
use crate::compile::op::{Access, Class, Memarg, Op, Wide};
use crate::compile::tape::Ref;
use crate::decode::{Cursor, Invalid};
use crate::types::MemoryIndex;
use wasmparser::WasmFeatures;

/// In the alignment of a memory access: a memory index follows (specification 5.4.6).
const HAS_MEMORY_INDEX: u32 = 1 << 6;

impl Scan<'_> {
    /// Reads where a memory access goes. The alignment must be one of these, as powers of two.
    pub(super) fn memarg(
        &mut self,
        cursor: &mut Cursor<'_>,
        align: std::ops::RangeInclusive<u8>,
    ) -> Result<Memarg, Invalid> {
        let features = self.info.features;
        let mut flags = cursor.u32()?;
        let mut memory = 0;
        if flags & HAS_MEMORY_INDEX != 0 && features.contains(WasmFeatures::MULTI_MEMORY) {
            flags ^= HAS_MEMORY_INDEX;
            memory = cursor.u32()?;
        }
        if !u8::try_from(flags).is_ok_and(|flags| align.contains(&flags)) {
            return Err(Invalid);
        }
        let offset = match features.contains(WasmFeatures::MEMORY64) {
            true => cursor.u64()?,
            false => u64::from(cursor.u32()?),
        };
        let index = self.memory_index_ty(memory)?.class();
        if index == Class::I32 && u32::try_from(offset).is_err() {
            return Err(Invalid);
        }
        Ok(Memarg { memory: MemoryIndex(memory), offset, index })
    }

    #[inline(never)]
    pub(super) fn load_anywhere(
        &mut self,
        access: Access,
        class: Class,
        align: u8,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Invalid> {
        let memarg = self.memarg(cursor, 0..=align)?;
        if self.takes(&[Ty::number(memarg.index)], &[Ty::number(class)])? {
            let (index, offset) = self.pop_address(memarg);
            let value = self.temp_entry(Op::Load(access), class, index, Ref::NOTHING, offset);
            self.push_value(class, value);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn store_anywhere(
        &mut self,
        access: Access,
        class: Class,
        align: u8,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Invalid> {
        let memarg = self.memarg(cursor, 0..=align)?;
        if self.takes(&[Ty::number(memarg.index), Ty::number(class)], &[])? {
            // A narrowing store, and a whole one of an i32, reads the low bits only.
            let low = class == Class::I32 || access != Access::Whole;
            let value = if low { self.pop_low() } else { self.pop_value() };
            let (index, offset) = self.pop_address(memarg);
            self.entry(Op::Store(access), class, Ref::NOTHING, index, value, offset);
        }
        Ok(())
    }

    /// Pops the index of the memory access that the next entry is, which has all other operands by now, can trap, and is
    /// announced unless it is to memory 0 with a 32-bit index. The entry gets what this returns as `a` and `imm`.
    /// **Escape:** the index is computed in full, and its class is the one that [`Memarg`] hands on to the emitter.
    pub(super) fn pop_address(&mut self, memarg: Memarg) -> (Ref, u32) {
        let item = self.pop();
        assert_eq!(item.class(), memarg.index, "checked: an index of the memory's index type");
        let index = self.value(item);
        self.can_trap();
        match (memarg.memory.0, memarg.index, u32::try_from(memarg.offset)) {
            (0, Class::I32, Ok(offset)) => (index, offset),
            _ => {
                self.tape.memargs.push(memarg);
                let place = self.tape.memargs.len() as u32 - 1;
                self.plain_entry(Op::Memarg, place);
                (index, 0)
            }
        }
    }

    /// The index of a memory or table in a place where it was a byte before this feature.
    pub(super) fn index_since(&self, feature: WasmFeatures, cursor: &mut Cursor<'_>) -> Result<u32, Invalid> {
        if self.info.features.contains(feature) {
            return cursor.u32();
        }
        match cursor.byte()? {
            0 => Ok(0),
            _ => Err(Invalid),
        }
    }

    /// What stands behind the prefix and this number.
    pub(super) fn prefixed(&mut self, code: u32, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
        match code {
            0x08..=0x0B => self.bulk_memory(code, cursor),
            0x0C..=0x0E => self.bulk_table(code, cursor),
            0x0F..=0x11 => self.whole_table(code, cursor.u32()?),
            0x13..=0x16 => self.wide_arithmetic(code),
            _ => Err(Invalid),
        }
    }

    /// Operations on many bytes: builtins of a destination, a source or value, and a count.
    fn bulk_memory(&mut self, code: u32, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
        self.needs(WasmFeatures::BULK_MEMORY)?;
        let (builtin, leading, operands) = match code {
            0x08 => {
                let (segment, memory) = (cursor.u32()?, cursor.u32()?);
                let index = self.memory_index_ty(memory)?;
                self.has_data(segment)?;
                (Builtin::MemoryInit, pair(memory, segment), [index, Ty::I32, Ty::I32])
            }
            0x09 => {
                let segment = cursor.u32()?;
                self.has_data(segment)?;
                return self.drop_segment(Builtin::DataDrop, segment);
            }
            0x0A => {
                let (target, source) = (cursor.u32()?, cursor.u32()?);
                let (to, from) = (self.memory_index_ty(target)?, self.memory_index_ty(source)?);
                (Builtin::MemoryCopy, pair(target, source), [to, from, narrower(to, from)])
            }
            _ => {
                let memory = cursor.u32()?;
                let index = self.memory_index_ty(memory)?;
                (Builtin::MemoryFill, u64::from(memory), [index, Ty::I32, index])
            }
        };
        if self.takes(&operands, &[])? {
            self.builtin(builtin, &[leading], 3, None);
        }
        Ok(())
    }

    /// The same on many elements.
    fn bulk_table(&mut self, code: u32, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
        self.needs(WasmFeatures::BULK_MEMORY)?;
        let (builtin, leading, operands) = match code {
            0x0C => {
                let (segment, table) = (cursor.u32()?, cursor.u32()?);
                self.fits_into(self.segment_type(segment)?, self.table_type(table)?)?;
                (Builtin::TableInit, pair(table, segment), [self.table_index_ty(table)?, Ty::I32, Ty::I32])
            }
            0x0D => {
                let segment = cursor.u32()?;
                self.segment_type(segment)?;
                return self.drop_segment(Builtin::ElemDrop, segment);
            }
            _ => {
                let (target, source) = (cursor.u32()?, cursor.u32()?);
                self.fits_into(self.table_type(source)?, self.table_type(target)?)?;
                let (to, from) = (self.table_index_ty(target)?, self.table_index_ty(source)?);
                (Builtin::TableCopy, pair(target, source), [to, from, narrower(to, from)])
            }
        };
        if self.takes(&operands, &[])? {
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
        self.needs(WasmFeatures::REFERENCE_TYPES)?;
        let (ty, index) = (self.table_type(table)?, self.table_index_ty(table)?);
        let (operands, results): (&[Ty], &[Ty]) = match code {
            0x0F => (&[ty, index], &[index]),
            0x10 => (&[], &[index]),
            _ => (&[index, ty, index], &[]),
        };
        if self.takes(operands, results)? {
            match code {
                0x0F => self.builtin(Builtin::TableGrow, &[u64::from(table)], 2, Some(index.class())),
                0x10 => self.read(Op::TableSize, index, table),
                _ => self.builtin(Builtin::TableFill, &[u64::from(table)], 3, None),
            }
        }
        Ok(())
    }

    /// `i64.add128`, `i64.sub128`, `i64.mul_wide_s`, `i64.mul_wide_u`.
    fn wide_arithmetic(&mut self, code: u32) -> Result<(), Invalid> {
        self.needs(WasmFeatures::WIDE_ARITHMETIC)?;
        let (op, operands) = match code {
            0x13 => (Wide::Add, 4),
            0x14 => (Wide::Sub, 4),
            0x15 => (Wide::MulS, 2),
            _ => (Wide::MulU, 2),
        };
        if self.takes(&[Ty::I64; 4][..operands], &[Ty::I64, Ty::I64])? {
            self.wide(op);
        }
        Ok(())
    }
}

/// The index type of a count of what is in both.
fn narrower(a: Ty, b: Ty) -> Ty {
    if a == Ty::I32 { a } else { b }
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
