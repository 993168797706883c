//! [`Options`]: how to compile, apart from the module.

use super::assign::RegisterFile;
use crate::abi::Cpu;

/// How to compile, apart from the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    pub(crate) cpu: Cpu,
    /// Memories that can be are reserved whole, so accesses need no check.
    pub(crate) guarded: bool,
    /// Results follow the deterministic profile (specification, appendix A.4).
    pub(crate) deterministic: bool,
    /// Faults become traps; otherwise compiled code must not fault, and memories are not guarded.
    pub(crate) signals: bool,
    pub(crate) registers: RegisterFile,
    pub(crate) handlers: Handlers,
    /// See [`Config::max_compile_memory`](crate::Config::max_compile_memory).
    pub(crate) max_compile_memory: usize,
    /// See [`Config::max_code_size`](crate::Config::max_code_size).
    pub(crate) max_code_size: usize,
}

/// Which handlers of operators a scan takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Handlers {
    /// The quick ones where they will do.
    Quick,
    /// Always those that handle any operator: for tests, which find the same tape either way.
    General,
}
