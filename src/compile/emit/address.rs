//! Addresses in linear memories, and loads that wait to become an operand.

use super::registers::{Cell, NO_CELL, bit};
use crate::abi::HEAP;
use crate::compile::tape::Ref;
use planish_asm::{Addr, Gp64, Scale};

/// A load that the next entry takes as its memory operand.
#[derive(Clone, Copy)]
pub(super) struct Fused {
    /// Of its temp, whose register may still be that of the index; [`NO_CELL`]: there is none.
    pub(super) cell: Cell,
    pub(super) index: Ref,
    pub(super) offset: u32,
    pub(super) wasm_offset: u32,
}

impl Fused {
    pub(super) const NOTHING: Fused = Fused { cell: NO_CELL, index: Ref::NOTHING, offset: 0, wasm_offset: 0 };
}

/// The zero-extended index of a heap access, in a register or constant. **Escape:** made from an i32 entry operand only,
/// whose register has zeros in the upper half in every home it may have.
#[derive(Clone, Copy)]
pub(super) enum HeapIndex {
    Register(Gp64),
    Constant(u32),
}

/// An address in a memory. **Escape:** only [`Emit::heap_address`] and what it calls make one.
#[derive(Clone, Copy)]
pub(super) struct HeapAddress {
    pub(super) base: Gp64,
    pub(super) index: Option<Gp64>,
    pub(super) disp: i32,
    /// An access beyond the memory's end faults.
    pub(super) guarded: bool,
}

impl HeapAddress {
    pub(super) fn addr(self) -> Addr {
        match self.index {
            Some(index) => Addr::base_index(self.base.any(), index, Scale::X1, self.disp),
            None => Addr::base_disp(self.base.any(), self.disp),
        }
    }

    /// The registers it is made of.
    #[inline]
    pub(super) fn registers(self) -> u16 {
        bit(self.base) | self.index.map_or(0, bit)
    }
}

/// The address of most accesses, of which the encoder knows much: in memory 0, guarded. **Escape:** only
/// [`Emit::plain_address`] makes one.
#[derive(Clone, Copy)]
pub(super) struct PlainAddress {
    pub(super) index: Gp64,
    pub(super) disp: i32,
}

impl PlainAddress {
    #[inline(always)]
    pub(super) fn addr(self) -> Addr {
        Addr::base_index(HEAP.any(), self.index, Scale::X1, self.disp)
    }
}

/// Largest offset that the signed 32-bit displacement holds.
pub(super) const MAX_DISPLACEMENT: u64 = i32::MAX as u64;
