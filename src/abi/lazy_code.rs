//! How the code of functions that are compiled when they are first called is laid out, in one range of addresses: a slot
//! for each function, stubs, then functions as they come.
//!
//! A function's stub jumps to the address in its slot. That is at first the second half of the stub, which has the function
//! [compiled](super::Builtin::COMPILE). Whoever calls or refers to a function that has no code yet uses its stub's address.

/// Bytes of a slot.
pub(crate) const SLOT_BYTES: usize = 8;
/// Bytes of a stub.
pub(crate) const STUB_BYTES: usize = 16;
/// In a stub: where it has its function compiled.
pub(crate) const STUB_COMPILES: usize = 6;
/// Behind the stubs: what their second halves have in common.
pub(crate) const COMMON_BYTES: usize = 16;
/// Slots can be written and stubs cannot: both have whole pages of so many bytes.
const PAGE_BYTES: usize = 4096;

/// Offsets from the start of the range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LazyLayout {
    /// The slots come first.
    pub(crate) stubs: usize,
    pub(crate) functions: usize,
}

impl LazyLayout {
    /// For so many functions, at most a million.
    pub(crate) fn new(functions: usize) -> LazyLayout {
        let stubs = (functions * SLOT_BYTES).next_multiple_of(PAGE_BYTES);
        let stub_bytes = functions * STUB_BYTES + COMMON_BYTES;
        LazyLayout { stubs, functions: stubs + stub_bytes.next_multiple_of(PAGE_BYTES) }
    }

    pub(crate) fn slot(self, function: usize) -> usize {
        function * SLOT_BYTES
    }

    pub(crate) fn stub(self, function: usize) -> usize {
        self.stubs + function * STUB_BYTES
    }
}
