//! Locals by index: their types, and the variables that they become when first used. 50,000 declared locals cost nothing.

use super::check::Ty;
use super::{NEVER, Scan};
use crate::decode::Invalid;
use crate::types::ValType;

/// As in the parser.
const MAX_LOCALS: u32 = 50_000;
/// So many locals are found by index, the others by search.
const INDEXED: u32 = 256;

/// A local.
#[derive(Clone, Copy)]
pub(super) struct Local {
    pub(super) ty: Ty,
    /// Its variable, or [`NEVER`].
    pub(super) var: u32,
}

/// The locals of one function. Reused from function to function.
#[derive(Default)]
pub(super) struct Locals {
    first: Vec<Local>,
    count: u32,
    /// `(end index, type)` of each run of declarations.
    runs: Vec<(u32, ValType)>,
    /// `(generation, variable)` by index, of those that are not among the first.
    late: Vec<(u32, u32)>,
    generation: u32,
}

impl Locals {
    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.runs.clear();
        self.count = 0;
        self.generation += 1;
    }

    /// Declares locals (specification 5.4.16).
    pub(super) fn declare(&mut self, count: u32, ty: ValType) -> Result<(), Invalid> {
        // Parameters are at most 1,000, and were there before.
        if count > MAX_LOCALS - self.count {
            return Err(Invalid);
        }
        self.count += count;
        let local = Local { ty: Ty::of(ty), var: NEVER };
        self.first.resize(self.count.min(INDEXED) as usize, local);
        self.runs.push((self.count, ty));
        Ok(())
    }

    #[inline(always)]
    pub(super) fn get(&self, index: u32) -> Result<Local, Invalid> {
        match self.first.get(index as usize) {
            Some(&local) => Ok(local),
            None => self.late(index),
        }
    }

    #[inline(never)]
    fn late(&self, index: u32) -> Result<Local, Invalid> {
        let run = self.runs.partition_point(|run| run.0 <= index);
        let &(_, ty) = self.runs.get(run).ok_or(Invalid)?;
        let var = match self.late.get(index as usize) {
            Some(&(generation, var)) if generation == self.generation => var,
            _ => NEVER,
        };
        Ok(Local { ty: Ty::of(ty), var })
    }

    /// Gives a local its variable.
    pub(super) fn set(&mut self, index: u32, var: u32) {
        let index = index as usize;
        if let Some(local) = self.first.get_mut(index) {
            local.var = var;
            return;
        }
        if self.late.len() <= index {
            self.late.resize(index + 1, (0, NEVER));
        }
        self.late[index] = (self.generation, var);
    }
}

impl Scan<'_> {
    /// The variable of a local that is written.
    #[inline]
    pub(super) fn variable(&mut self, index: u32, local: Local) -> u32 {
        if local.var == NEVER { self.first_write(index, local.ty) } else { local.var }
    }

    /// A local without a default value is unknown again behind the block that wrote it: the next block to write it gets
    /// another variable (specification 3.2.15, 3.4.3).
    #[inline(never)]
    fn first_write(&mut self, index: u32, ty: Ty) -> u32 {
        if ty.has_no_default() {
            self.written.push(index);
        }
        self.first_use(index, ty.class())
    }

    #[inline(never)]
    pub(super) fn first_read(&mut self, index: u32, ty: Ty) -> Result<u32, Invalid> {
        if ty.has_no_default() { Err(Invalid) } else { Ok(self.first_use(index, ty.class())) }
    }

    /// Behind a block: what it wrote of locals without a default value, those that come after so many, is unknown.
    #[inline]
    pub(super) fn forget_written(&mut self, kept: u32) {
        while self.written.len() > kept as usize {
            let index = self.written.pop().expect("there are more");
            self.locals.set(index, NEVER);
        }
    }
}
