//! [`Shortage`]: memory or address space that the system has refused, and the error that says so.

use super::address_space::{data_limit, limit, mapped};
use std::fmt::Write;
use std::io;

/// What the system has refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shortage {
    pub(crate) purpose: Purpose,
    pub(crate) bytes: usize,
}

/// What memory or address space is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    GuardedMemory,
    SharedMemory,
    Memory,
    Table,
    Instance,
    Stack,
    SignalStack,
    Code,
    CodeSection,
    LazyCode,
}

const ADDRESSES: &str = "address space";
const MEMORY: &str = "memory";

impl Purpose {
    /// What was refused, its purpose, and the setting that needs less of it, if there is one.
    #[rustfmt::skip]
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Purpose::GuardedMemory => (ADDRESSES, "a guarded linear memory", "with `Config::guard_memory(false)` a memory takes its own size"),
            Purpose::SharedMemory => (ADDRESSES, "a shared memory", "`Config::max_memory_size` bounds what is reserved for one"),
            Purpose::Memory => (MEMORY, "a linear memory", ""),
            Purpose::Table => (MEMORY, "a table", ""),
            Purpose::Instance => (MEMORY, "an instance", ""),
            Purpose::Stack => (ADDRESSES, "a wasm stack and its guard", "`Config::max_wasm_stack` sets the size of the stack"),
            Purpose::SignalStack => (MEMORY, "a signal stack", ""),
            Purpose::Code => (MEMORY, "machine code", ""),
            Purpose::CodeSection => (MEMORY, "a copy of a code section", "with `Config::lazy_compilation(false)` there is none"),
            Purpose::LazyCode => (ADDRESSES, "code that is compiled when it is called", "with `Config::lazy_compilation(false)` code takes its own size"),
        }
    }
}

impl Shortage {
    pub(crate) fn new(purpose: Purpose, bytes: usize) -> Shortage {
        Shortage { purpose, bytes }
    }

    fn message(self) -> String {
        let (what, purpose, remedy) = self.purpose.words();
        let mut text = format!("the system refused {} bytes of {what} for {purpose}", self.bytes);
        if let Some(limit) = limit() {
            let mapped = mapped();
            _ = write!(text, "; the process may map {limit} bytes (RLIMIT_AS) and has mapped {mapped}");
        }
        if let Some(limit) = data_limit() {
            _ = write!(text, "; it may have {limit} bytes of memory to write to (RLIMIT_DATA)");
        }
        if !remedy.is_empty() {
            _ = write!(text, "; {remedy}");
        }
        text
    }
}

/// Makes the error of a request say what was asked for. Errors other than a lack of memory stay as they are.
pub(crate) fn explain<E: Into<io::Error>>(purpose: Purpose, bytes: usize) -> impl Fn(E) -> io::Error {
    move |error| {
        let error = error.into();
        if error.kind() == io::ErrorKind::OutOfMemory { Shortage::new(purpose, bytes).into() } else { error }
    }
}

impl From<Shortage> for io::Error {
    fn from(shortage: Shortage) -> io::Error {
        io::Error::new(io::ErrorKind::OutOfMemory, shortage.message())
    }
}
