//! Operators on locals.

use super::item::Item;
use super::state::Scan;
use super::ty::Ty;
use crate::compile::tape::Ref;
use crate::decode::Invalid;

impl Scan<'_> {
    /// The variable of a local that is written.
    #[inline]
    pub(super) fn variable(&mut self, index: u32, local: Item) -> u32 {
        match local.value.as_var() {
            Some(var) => var,
            None => self.first_write(index, local.ty),
        }
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
            self.locals.set(index, Ref::NOTHING);
        }
    }
}
