//! Locals by index: their types, and the variables that they become when first used. 50,000 declared locals cost nothing.

use super::item::Item;
use super::table::{I32_CONST, LOCAL_GET};
use super::ty::Ty;
use crate::compile::tape::Ref;
use crate::decode::Invalid;
use crate::types::ValType;

/// As in the parser.
const MAX_LOCALS: u32 = 50_000;
/// So many locals are found by index, the others by search.
const INDEXED: usize = 256;

/// No local has this type.
const UNDECLARED: Item = Item { ty: Ty::BOTTOM, value: Ref::NOTHING };
/// Constants of a byte.
const CONSTANTS: usize = 128;

/// The locals of one function. Reused from function to function.
pub(super) struct Locals {
    /// Those, and behind them constants. A local is its variable; [nothing](Ref::NOTHING) if it has none yet, or if there is
    /// no such local.
    pub(super) first: Box<[Item; INDEXED + CONSTANTS]>,
    pub(super) count: u32,
    /// `(end index, type)` of each run of declarations.
    pub(super) runs: Vec<(u32, Ty)>,
    /// `(generation, variable)` by index, of those that are not among the first.
    pub(super) late: Vec<(u32, Ref)>,
    pub(super) generation: u32,
}

impl Locals {
    pub(super) fn new() -> Locals {
        let mut first = Box::new([UNDECLARED; INDEXED + CONSTANTS]);
        for (byte, item) in (0..).zip(&mut first[INDEXED..]) {
            let value = Ref::small(byte << 57 >> 57).expect("seven bits");
            *item = Item { ty: Ty::I32, value };
        }
        Locals { first, count: 0, runs: Vec::new(), late: Vec::new(), generation: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.first[..INDEXED.min(self.count as usize)].fill(UNDECLARED);
        self.runs.clear();
        self.count = 0;
        self.generation += 1;
    }

    /// Declares locals (specification 5.4.16).
    pub(super) fn declare(&mut self, count: u32, ty: &ValType) -> Result<(), Invalid> {
        // Parameters are at most 1,000, and were there before.
        if count > MAX_LOCALS - self.count {
            return Err(Invalid);
        }
        let (from, to) = (self.count as usize, (self.count + count) as usize);
        self.count += count;
        let ty = Ty::of(ty);
        let local = Item { ty, value: Ref::NOTHING };
        self.first[from.min(INDEXED)..to.min(INDEXED)].fill(local);
        self.runs.push((self.count, ty));
        Ok(())
    }

    #[inline(always)]
    pub(super) fn get(&self, index: u32) -> Result<Item, Invalid> {
        match self.first[..INDEXED].get(index as usize) {
            Some(&local) if local.ty != Ty::BOTTOM => Ok(local),
            _ => self.late(index),
        }
    }

    /// A local, if it is there.
    #[inline(always)]
    pub(super) fn among_first(&self, index: u8) -> Item {
        self.first[usize::from(index)]
    }

    /// What an operator of [`LEAVES`](super::table::LEAVES) leaves.
    #[inline(always)]
    pub(super) fn leaf(&self, opcode: u8, byte: u8) -> Item {
        const { assert!(LOCAL_GET & BIT == 0 && I32_CONST & BIT != 0 && (BIT as usize) << SHIFT == INDEXED) };
        const BIT: u8 = 0x40;
        const SHIFT: u32 = 2;
        self.first[usize::from(opcode & BIT) << SHIFT | usize::from(byte & 0x7F)]
    }

    #[inline(never)]
    pub(super) fn late(&self, index: u32) -> Result<Item, Invalid> {
        let run = self.runs.partition_point(|run| run.0 <= index);
        let &(_, ty) = self.runs.get(run).ok_or(Invalid)?;
        let value = match self.late.get(index as usize) {
            Some(&(generation, value)) if generation == self.generation => value,
            _ => Ref::NOTHING,
        };
        Ok(Item { ty, value })
    }

    /// Gives a local its variable, or takes it away.
    pub(super) fn set(&mut self, index: u32, value: Ref) {
        let index = index as usize;
        if let Some(local) = self.first[..INDEXED].get_mut(index) {
            local.value = value;
            return;
        }
        if self.late.len() <= index {
            self.late.resize(index + 1, (0, Ref::NOTHING));
        }
        self.late[index] = (self.generation, value);
    }
}
