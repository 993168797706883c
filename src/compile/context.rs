//! [`ModuleContext`]: what all functions of a module share while they are compiled.

use super::assign::RegisterFile;
use super::budget::Limits;
use super::options::{Handlers, Options};
use super::scan::Signatures;
use crate::abi::layout::ContextLayout;
use crate::abi::{CallLayout, Cpu};
use crate::decode::ModuleInfo;
use crate::types::{MemoryType, TypeIndex};
use planish_asm::AsmError;

/// A function's code may not be longer.
pub(super) const MAX_FUNCTION_BYTES: usize = 64 << 20;

/// What all functions of a module share.
pub(super) struct ModuleContext<'a> {
    pub(super) info: &'a ModuleInfo,
    pub(super) context: ContextLayout,
    /// By type.
    pub(super) layouts: &'a [CallLayout],
    pub(super) params: &'a Signatures,
    /// The engine's number of each type.
    pub(super) signatures: &'a [u32],
    pub(super) cpu: Cpu,
    /// Are memories reserved that can be?
    pub(super) reserves: bool,
    /// Do accesses to memory 0 need no check? Then it never moves.
    pub(super) guarded: bool,
    pub(super) deterministic: bool,
    pub(super) signals: bool,
    pub(super) registers: RegisterFile,
    pub(super) handlers: Handlers,
    pub(super) limits: Limits,
    /// By own function: whether it gets an entry for importers, as exported ones do.
    pub(super) has_importer_entry: Vec<bool>,
}

/// Why a function could not be emitted.
pub(super) enum Failure {
    Code(AsmError),
    /// An entry needed more scratch registers than there were.
    Registers,
    /// A temp had to be spilled where no room for temps was planned.
    Spills,
    /// There would be more code than a function may have, or than is left to its module.
    TooMuchCode,
}

impl<'a> ModuleContext<'a> {
    pub(super) fn new(
        info: &'a ModuleInfo,
        layouts: &'a [CallLayout],
        params: &'a Signatures,
        signatures: &'a [u32],
        options: &Options,
    ) -> ModuleContext<'a> {
        ModuleContext {
            info,
            context: ContextLayout::new(info),
            layouts,
            params,
            signatures,
            cpu: options.cpu,
            deterministic: options.deterministic,
            reserves: options.guarded,
            guarded: options.guarded && info.memories.first().is_none_or(MemoryType::can_be_guarded),
            signals: options.signals,
            registers: options.registers,
            handlers: options.handlers,
            limits: Limits::of(options, info.code_bytes),
            has_importer_entry: Vec::new(),
        }
    }

    /// With an entry for importers before each exported function.
    pub(super) fn with_importer_entries(mut self) -> ModuleContext<'a> {
        self.has_importer_entry = vec![false; self.info.functions.len() - self.info.imported_functions as usize];
        for own in self.info.exported_functions().filter_map(|func| func.0.checked_sub(self.info.imported_functions)) {
            self.has_importer_entry[own as usize] = true;
        }
        self
    }
}

impl ModuleContext<'_> {
    /// Whether one of the module's own functions, if there is one of that number, gets an entry for importers.
    pub(super) fn has_importer_entry(&self, own: u32) -> bool {
        self.has_importer_entry.get(own as usize).is_some_and(|&has_one| has_one)
    }

    /// Of one of the module's own functions.
    pub(super) fn type_of(&self, own: u32) -> TypeIndex {
        self.info.functions[(self.info.imported_functions + own) as usize]
    }
}
