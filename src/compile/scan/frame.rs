//! [`Frame`]: a block that is open.

use super::life::NEVER;
use crate::compile::tape::NO_HANDLER;
use crate::decode::{BlockType, ModuleInfo};
use crate::types::ValType;

/// What opened a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Opener {
    Function,
    Block,
    Loop,
    If,
    Else,
    /// Before WebAssembly 3.0.
    Try,
    Catch,
    CatchAll,
}

/// An open block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'m> {
    pub(super) opener: Opener,
    pub(super) ty: BlockType<'m>,
    /// Was it opened where code cannot be reached? Then nothing is recorded of it.
    pub(super) dead: bool,
    /// Can the code behind its last operator not be reached? Then it has operands of any type.
    pub(super) unreachable: bool,
    /// Where a branch to the block goes.
    pub(super) label: u32,
    /// For an `if`: its else part.
    pub(super) else_label: u32,
    /// Items below its parameters.
    pub(super) height: usize,
    /// Its number among the function's frames.
    pub(super) number: u32,
    /// Does any branch go to `label`?
    pub(super) used: bool,
    /// How many values a branch to it takes.
    pub(super) arity: u32,
    pub(super) outer_weight: u32,
    /// For a loop: the calls before it.
    pub(super) calls_before: u32,
    /// The length of [`Scan::written`] where it began.
    pub(super) written: u32,
    /// The handler of the code around it.
    pub(super) outer_handler: u32,
}

impl<'m> Frame<'m> {
    /// A block at the bottom of an empty stack, without values for branches.
    #[inline(always)]
    pub(super) fn new(opener: Opener, ty: BlockType<'m>) -> Frame<'m> {
        Frame {
            opener,
            ty,
            dead: false,
            unreachable: false,
            label: NEVER,
            else_label: NEVER,
            height: 0,
            number: 0,
            used: false,
            arity: 0,
            outer_weight: 1,
            calls_before: 0,
            written: 0,
            outer_handler: NO_HANDLER,
        }
    }

    /// What a branch to the block takes.
    pub(super) fn label_types(&self, info: &'m ModuleInfo) -> &'m [ValType] {
        match self.opener {
            Opener::Loop => self.ty.params(info),
            _ => self.ty.results(info),
        }
    }
}

/// A `try` of before WebAssembly 3.0 that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct LegacyTry {
    /// Its place among the open blocks.
    pub(super) frame: usize,
    pub(super) handler: u32,
    /// The catch whose body is open, and the variable that may hold its exception.
    pub(super) catch: u32,
    pub(super) exception: u32,
}
