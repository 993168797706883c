//! Operators behind the prefix 0xFE: atomic memory accesses, waiting and waking.

use super::Scan;
use super::ty::Ty;
use crate::abi::Builtin;
use crate::compile::op::{Access, Class, Memarg, Op, Rmw};
use crate::compile::tape::Ref;
use crate::decode::{Cursor, Invalid};
use wasmparser::WasmFeatures;

use Class::{I32, I64};

/// The accesses of each group of operators, from number 0x10 on: class, width, alignment as a power of two.
const ACCESSES: [(Class, Access, u8); 7] = [
    (I32, Access::Whole, 2),
    (I64, Access::Whole, 3),
    (I32, Access::U8, 0),
    (I32, Access::U16, 1),
    (I64, Access::U8, 0),
    (I64, Access::U16, 1),
    (I64, Access::U32, 2),
];

/// The groups of operators.
#[derive(Clone, Copy)]
enum Group {
    Load,
    Store,
    Rmw(Rmw),
    CompareExchange,
}

const GROUPS: [Group; 9] = [
    Group::Load,
    Group::Store,
    Group::Rmw(Rmw::Add),
    Group::Rmw(Rmw::Sub),
    Group::Rmw(Rmw::And),
    Group::Rmw(Rmw::Or),
    Group::Rmw(Rmw::Xor),
    Group::Rmw(Rmw::Exchange),
    Group::CompareExchange,
];

const DROP: u8 = 0x1A;

impl Scan<'_> {
    /// What stands behind the prefix.
    pub(super) fn atomic(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Invalid> {
        self.needs(WasmFeatures::THREADS)?;
        match cursor.u32()? {
            0x00 => self.blocking(Builtin::AtomicNotify, 2, &[Ty::I32], cursor),
            0x01 => self.blocking(Builtin::AtomicWait32, 2, &[Ty::I32, Ty::I64], cursor),
            0x02 => self.blocking(Builtin::AtomicWait64, 3, &[Ty::I64, Ty::I64], cursor),
            0x03 => {
                let 0 = cursor.byte()? else { return Err(Invalid) };
                if self.takes(&[], &[])? {
                    self.entry(Op::Fence, I32, Ref::NOTHING, Ref::NOTHING, Ref::NOTHING, 0);
                }
                Ok(())
            }
            code => {
                let place = code.checked_sub(0x10).ok_or(Invalid)? as usize;
                let group = *GROUPS.get(place / ACCESSES.len()).ok_or(Invalid)?;
                let (class, access, align) = ACCESSES[place % ACCESSES.len()];
                let memarg = self.memarg(cursor, align..=align)?;
                self.atomic_access(group, access, class, memarg, cursor)
            }
        }
    }

    fn atomic_access(
        &mut self,
        group: Group,
        access: Access,
        class: Class,
        memarg: Memarg,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Invalid> {
        let (index, ty) = (Ty::number(memarg.index), Ty::number(class));
        let (operands, results): (&[Ty], &[Ty]) = match group {
            Group::Load => (&[index], &[ty]),
            Group::Store => (&[index, ty], &[]),
            Group::Rmw(_) => (&[index, ty], &[ty]),
            Group::CompareExchange => (&[index, ty, ty], &[ty]),
        };
        if !self.takes(operands, results)? {
            return Ok(());
        }
        match group {
            Group::Load => {
                let (index, imm) = self.pop_address(memarg);
                let value = self.temp_entry(Op::AtomicLoad(access), class, index, Ref::NOTHING, imm);
                self.push_value(class, value);
            }
            Group::Store => {
                let value = self.pop_value();
                let (index, imm) = self.pop_address(memarg);
                self.entry(Op::AtomicStore(access), class, Ref::NOTHING, index, value, imm);
            }
            Group::Rmw(op) => {
                let value = self.pop_value();
                let (index, imm) = self.pop_address(memarg);
                // Without a result most are one instruction.
                if op != Rmw::Exchange && cursor.skip(DROP) {
                    self.entry(Op::AtomicRmw(op, access), class, Ref::NOTHING, index, value, imm);
                } else {
                    let old = self.temp_entry(Op::AtomicRmw(op, access), class, index, value, imm);
                    self.push_value(class, old);
                }
            }
            Group::CompareExchange => {
                let replacement = self.pop_value();
                let expected = self.pop_value();
                let (index, imm) = self.pop_address(memarg);
                self.entry(Op::AtomicCompare(access), class, Ref::NOTHING, index, expected, imm);
                let old = self.temp_entry(Op::AtomicReplace, class, replacement, Ref::NOTHING, 0);
                self.push_value(class, old);
            }
        }
        Ok(())
    }

    /// A builtin of a memory, an address, and these operands.
    fn blocking(
        &mut self,
        builtin: Builtin,
        align: u8,
        operands: &[Ty],
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Invalid> {
        let memarg = self.memarg(cursor, align..=align)?;
        let all = [&[Ty::number(memarg.index)], operands].concat();
        if self.takes(&all, &[Ty::I32])? {
            let above = self.stack.split_off(self.stack.len() - operands.len());
            self.flushed_at_most(self.stack.len());
            let (index, imm) = self.pop_address(memarg);
            let address = self.temp_entry(Op::Address, I64, index, Ref::NOTHING, imm);
            self.push_value(I64, address);
            self.stack.extend(above);
            self.builtin(builtin, &[u64::from(memarg.memory.0)], all.len(), Some(I32));
        }
        Ok(())
    }
}
