//! What debug builds and fuzzing check of the compiler itself: each tape is verified, and registers are counted after each
//! entry of it.

use super::scan::{Refusal, Watched};
use super::tape::verify;
use super::{CodeMemory, Compiler};
use std::ops::Range;

/// Whether it is. What is not on is not compiled in.
pub(super) const IS_ON: bool = cfg!(any(debug_assertions, feature = "net"));

impl<M: CodeMemory> Compiler<'_, M> {
    /// As [`Compiler::read_body`]; the tape is verified, and what [`Recount`](super::emit::Recount) says of the function is
    /// prepared.
    ///
    /// # Panics
    ///
    /// If the tape breaks a rule.
    pub(super) fn read_and_verify(&mut self, own: u32, module: &[u8], range: Range<u32>) -> Result<(), Refusal> {
        let mut origins = std::mem::take(&mut self.buffers.recount.origins);
        origins.clear();
        let watched = &mut Watched { handlers: self.module.handlers, origins: &mut origins };
        self.read(own, module, range, watched)?;
        let function = self.module.info.imported_functions + own;
        if let Err(broken) = verify(&self.scan.tape, &origins) {
            panic!("the tape of function {function}: {broken}");
        }
        (self.buffers.recount.function, self.buffers.recount.origins) = (function, origins);
        Ok(())
    }
}
