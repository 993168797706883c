//! Who watches a function being scanned, and which handlers its operators may take.

use crate::compile::options::Handlers;
use crate::compile::tape::{Origins, Tape, Way};

/// Something that watches. Where nothing does, none of this is compiled into the scanner.
pub(in crate::compile) trait Watch {
    /// Whether operators may take their quick handlers.
    fn is_quick(&self) -> bool;

    /// An operator has been scanned.
    fn scanned(&mut self, tape: &Tape, wasm_offset: u32, way: Way);
}

/// Nothing: what a function is scanned with to be compiled.
pub(in crate::compile) struct Unwatched;

impl Watch for Unwatched {
    #[inline(always)]
    fn is_quick(&self) -> bool {
        true
    }

    #[inline(always)]
    fn scanned(&mut self, _: &Tape, _: u32, _: Way) {}
}

/// Notes which operator recorded what.
pub(in crate::compile) struct Watched<'a> {
    pub(in crate::compile) handlers: Handlers,
    pub(in crate::compile) origins: &'a mut Origins,
}

impl Watch for Watched<'_> {
    fn is_quick(&self) -> bool {
        self.handlers == Handlers::Quick
    }

    fn scanned(&mut self, tape: &Tape, wasm_offset: u32, way: Way) {
        self.origins.push(tape, wasm_offset, way);
    }
}
