//! Code memory of a module whose functions are compiled when they are first called: see [`lazy_code`](crate::abi::lazy_code).
//!
//! All of it is in one range of addresses, so that calls reach from anywhere to anywhere in it. Slots can be written, never
//! executed. Each function gets pages of its own, which are written, then made executable, never both; no thread has an address
//! in them before that. So a function can be published while other threads run what was published before. The order is: code
//! that cannot be written any more; what handlers and backtraces have to know of it; the slot.
//!
//! Measured on Zen 5 with real programs, of which a third is called: to publish a function takes 4 microseconds, to compile it 15, twice as
//! long as among others, since processor and program have other things to do in between. Then they run as fast as if they
//! had been compiled together (0.92 to 1.04 of the time).

#![allow(unsafe_code, reason = "fills code pages, and hands out and changes code addresses")]

use crate::abi::code_memory::Relocation;
use crate::abi::layout::READABLE_AFTER_CODE;
use crate::abi::lazy_code::{LazyLayout, STUB_COMPILES};
use crate::abi::positions::Positions;
use crate::sys::linux::address_space;
use crate::sys::linux::pages::{Access, Pages, page_bytes, round_to_pages};
use crate::sys::linux::shortage::{Purpose, explain};
use crate::vm::code::growing::Growing;
use crate::vm::code::published::{CodeAddress, Contents, FunctionContents, LazyFunctions, PublishedCode};
use crate::vm::code::registry;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What functions may have when they are compiled together, they may have when they are not: each has less than a page more.
const FUNCTIONS_BYTES: usize = 1 << 30;
/// Where address space is limited, code gets a quarter of what the process may still map, but at least this much, enough for a small program.
const MIN_FUNCTIONS_BYTES: usize = 1 << 20;
/// Displacements of calls have 32 bits.
const MAX_BYTES: usize = 0x7fff_0000;
/// Memory for code comes in such pieces.
const WRITABLE_BYTES: usize = 64 << 10;
/// Functions begin at multiples of it.
const ALIGNMENT: usize = 32;
/// `int3` (SDM Vol. 2, INT3).
const INT3: u8 = 0xcc;

/// Published machine code that grows, as long as it lives. Whoever may still run it keeps it.
pub(crate) struct LazyCode {
    /// The registry holds its address.
    published: Box<PublishedCode>,
    layout: LazyLayout,
    functions: usize,
    /// Of the range.
    start: usize,
    writer: Mutex<Writer>,
}

/// Where the next function goes.
struct Writer {
    pages: Pages,
    /// Past the last function and what must be readable after it, from the start of the range.
    end: usize,
    /// Up to here pages can be written, from the first one behind the last function on.
    writable: usize,
}

impl LazyCode {
    /// For so many functions, with their stubs. Fails when the system has no memory or address space.
    pub(crate) fn new(functions: usize, stubs: &[u8]) -> io::Result<LazyCode> {
        let layout = LazyLayout::new(functions);
        let mut pages =
            reserve(layout.functions.saturating_add(functions.saturating_mul(page_bytes() + READABLE_AFTER_CODE)))?;
        pages.protect(0, layout.functions, Access::ReadWrite).map_err(explain(Purpose::Code, layout.functions))?;
        let start = pages.start().as_ptr() as usize;
        // SAFETY: the first pages of the mapping, which can be read and written and are nobody else's yet.
        let head = unsafe { std::slice::from_raw_parts_mut(pages.start().as_ptr(), layout.functions) };
        let (slots, code) = head.split_at_mut(layout.stubs);
        for (function, slot) in slots.as_chunks_mut().0[..functions].iter_mut().enumerate() {
            *slot = (start + layout.stub(function) + STUB_COMPILES).to_ne_bytes();
        }
        code[..stubs.len()].copy_from_slice(stubs);
        code[stubs.len()..].fill(INT3);
        pages
            .protect(layout.stubs, layout.functions - layout.stubs, Access::ReadExecute)
            .map_err(explain(Purpose::Code, layout.functions))?;
        let pieces = LazyFunctions(Growing::with_capacity(functions)?);
        let published = PublishedCode::lazy(start + layout.functions, pages.len() - layout.functions, pieces);
        let writer = Writer { pages, end: layout.functions, writable: layout.functions };
        let code = LazyCode { published: Box::new(published), layout, functions, start, writer: Mutex::new(writer) };
        registry::add(&code.published)?;
        Ok(code)
    }

    /// The address by which backtraces know the module.
    pub(crate) fn start(&self) -> CodeAddress {
        CodeAddress(self.start)
    }

    /// Where a function is entered, whether it is compiled or not.
    pub(crate) fn stub(&self, function: u32) -> CodeAddress {
        assert!((function as usize) < self.functions);
        CodeAddress(self.start + self.layout.stub(function as usize))
    }

    /// The code of a function, if it is compiled.
    pub(crate) fn compiled(&self, function: u32) -> Option<CodeAddress> {
        let address = self.slot(function).load(Ordering::Acquire) as usize;
        (address != self.stub(function).0 + STUB_COMPILES).then_some(CodeAddress(address))
    }

    /// The functions that are compiled, in the order in which they were published.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &PublishedCode> {
        self.table().iter()
    }

    fn table(&self) -> &Growing<PublishedCode> {
        match &self.published.contents {
            Contents::Lazy(LazyFunctions(pieces)) => pieces,
            _ => unreachable!("made of them"),
        }
    }

    fn slot(&self, function: u32) -> &AtomicU64 {
        assert!((function as usize) < self.functions);
        let address = self.start + self.layout.slot(function as usize);
        // SAFETY: an aligned slot of this range, which lives as long as `self`; all who use it while others may do it
        // atomically, stubs by loads of eight aligned bytes.
        unsafe { AtomicU64::from_ptr(address as *mut u64) }
    }

    /// Publishes the code of a function, with its calls of others; returns where it is entered from now on. If it is compiled
    /// by now, nothing happens. Fails when the system has no memory, or there are no addresses left: then nothing has changed.
    pub(crate) fn publish(
        &self,
        function: u32,
        code: &[u8],
        calls: &[Relocation],
        positions: Positions,
    ) -> io::Result<CodeAddress> {
        // Whoever panicked has published all or nothing.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = self.compiled(function) {
            return Ok(address);
        }
        let (first, end, at) = writer.place(code.len())?;
        let target = writer.writable(first, end)?;
        target.fill(INT3);
        let place = &mut target[at - first..][..code.len()];
        place.copy_from_slice(code);
        for call in calls {
            let (to, next) = (self.entry(call.function).0, self.start + at + call.at as usize + 4);
            // **Escape:** both are in the range, so the difference has 32 bits.
            let displacement = i32::try_from(to as i64 - next as i64).expect("the range is smaller than 2 GiB");
            place[call.at as usize..][..4].copy_from_slice(&displacement.to_le_bytes());
        }
        writer.pages.protect(first, end - first, Access::ReadExecute).map_err(explain(Purpose::Code, end - first))?;
        writer.end = at + code.len() + READABLE_AFTER_CODE;
        let contents = FunctionContents { positions, module: self.start(), own: function };
        // SAFETY: in pages that can only be read and executed from now on, and live as long as the table of pieces.
        let piece =
            unsafe { PublishedCode::new(self.start + at, code.len(), self.start + end, Contents::Function(contents)) };
        self.table().push(piece);
        let address = CodeAddress(self.start + at);
        self.slot(function).store(address.bits(), Ordering::Release);
        Ok(address)
    }

    /// What a call goes to: the code if there is some, else the stub.
    fn entry(&self, function: u32) -> CodeAddress {
        self.compiled(function).unwrap_or_else(|| self.stub(function))
    }
}

/// Addresses for so many bytes and the functions' code.
fn reserve(bytes: usize) -> io::Result<Pages> {
    let affordable = address_space::room().map_or(u64::MAX, |room| room / 4);
    let mut code = affordable.clamp(MIN_FUNCTIONS_BYTES as u64, FUNCTIONS_BYTES as u64) as usize;
    loop {
        let bytes = bytes.saturating_add(code).min(MAX_BYTES);
        match Pages::reserve_for_code(bytes) {
            Err(_) if code > MIN_FUNCTIONS_BYTES => code = (code / 2).max(MIN_FUNCTIONS_BYTES),
            reserved => return reserved.map_err(explain(Purpose::LazyCode, bytes)),
        }
    }
}

impl Drop for LazyCode {
    fn drop(&mut self) {
        registry::remove(&self.published);
    }
}

impl Writer {
    /// Where so many bytes of code go: their pages' start and end, and their own start in those. Functions that began at
    /// the same place of their pages would contend for the same lines of the instruction cache, so each begins about
    /// where the one before ended, if it needs no page more.
    fn place(&self, code_bytes: usize) -> io::Result<(usize, usize, usize)> {
        let bytes = code_bytes.checked_add(READABLE_AFTER_CODE).ok_or(io::ErrorKind::OutOfMemory)?;
        let first = round_to_pages(self.end).expect("in a mapping");
        let len = round_to_pages(bytes).ok_or(io::ErrorKind::OutOfMemory)?;
        let end = first.checked_add(len).filter(|&end| end <= self.pages.len()).ok_or_else(|| self.full())?;
        let begin = (self.end % page_bytes()).next_multiple_of(ALIGNMENT).min((len - bytes) / ALIGNMENT * ALIGNMENT);
        Ok((first, end, first + begin))
    }

    #[cold]
    fn full(&self) -> io::Error {
        let message = format!(
            "the functions that were called have more code than the {} bytes of address space that are reserved for it; \
             with `Config::lazy_compilation(false)` code takes its own size",
            self.pages.len()
        );
        io::Error::new(io::ErrorKind::OutOfMemory, message)
    }

    /// Some pages behind the last function, to be written to.
    fn writable(&mut self, first: usize, end: usize) -> io::Result<&mut [u8]> {
        self.writable = self.writable.max(first);
        if end > self.writable {
            let more = (end - self.writable).max(WRITABLE_BYTES).min(self.pages.len() - self.writable);
            self.pages.protect(self.writable, more, Access::ReadWrite).map_err(explain(Purpose::Code, more))?;
            self.pages.populate(self.writable, more);
            self.writable += more;
        }
        // SAFETY: within the mapping.
        let start = unsafe { self.pages.start().add(first) };
        // SAFETY: pages of the mapping that can be read and written; nobody else has their addresses.
        Ok(unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), end - first) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_by_any_of_their_bytes() {
        let functions = 300;
        let code = LazyCode::new(functions, &[0xcc; 32]).expect("memory");
        let bytes = |function: u32| vec![function as u8; 1 + 97 * function as usize];
        for function in (0..functions as u32).rev() {
            assert_eq!(code.compiled(function), None);
            let address = code.publish(function, &bytes(function), &[], Positions::default()).expect("memory");
            assert_eq!(code.compiled(function), Some(address));
            let again = code.publish(function, &[0x90], &[], Positions::default()).expect("memory");
            assert_eq!(again, address);
        }
        assert_eq!(code.pieces().count(), functions);
        for function in 0..functions as u32 {
            let (start, bytes) = (code.compiled(function).expect("published").0, bytes(function));
            assert!(start.is_multiple_of(ALIGNMENT));
            for pc in [start, start + bytes.len() - 1] {
                let found = registry::with_code(pc, |piece, offset| (piece.bytes() == bytes, piece.module(), offset));
                assert_eq!(found, Some((true, (code.start(), function), (pc - start) as u32)));
            }
            assert_ne!(registry::with_code(start + bytes.len(), |piece, _| piece.module().1), Some(function));
        }
        assert_eq!(registry::with_code(code.start().0, |_, _| ()), None);
    }

    #[test]
    fn calls_go_to_code_or_to_stubs() {
        let code = LazyCode::new(3, &[0xcc; 64]).expect("memory");
        let calls = [Relocation { at: 1, function: 0 }, Relocation { at: 6, function: 2 }];
        let callee = code.publish(2, &[0xc3], &[], Positions::default()).expect("memory");
        let at = code.publish(1, &[0; 10], &calls, Positions::default()).expect("memory").0;
        let piece = code.pieces().last().expect("the second").bytes();
        let target = |from: usize| {
            let displacement = i32::from_le_bytes(piece[from..][..4].try_into().expect("four bytes"));
            at as i64 + from as i64 + 4 + i64::from(displacement)
        };
        assert_eq!((target(1), target(6)), (code.stub(0).0 as i64, callee.0 as i64));
    }

    /// The second function comes to a page of its own, also where the first one fills its pages.
    #[test]
    fn functions_follow_each_other_wherever_they_end() {
        let page = page_bytes();
        for first in [1, page - ALIGNMENT, page, page + ALIGNMENT, 2 * page, 3 * page] {
            let code = LazyCode::new(2, &[0xcc; 32]).expect("memory");
            for (function, bytes) in [(0, vec![0x90; first]), (1, vec![0x91; 100])] {
                code.publish(function, &bytes, &[], Positions::default()).expect("memory");
                assert!(code.pieces().last().is_some_and(|piece| piece.bytes() == bytes), "{first}");
            }
            assert!(code.pieces().next().is_some_and(|piece| piece.bytes() == vec![0x90; first]), "{first}");
        }
    }

    /// Functions that fill their pages to the last byte, and of all lengths near that.
    #[test]
    fn what_follows_code_can_be_read() {
        let functions = 64;
        let code = LazyCode::new(functions, &[0xcc; 32]).expect("memory");
        for function in 0..functions as u32 {
            let bytes = vec![0x90; page_bytes() + 4 - function as usize];
            code.publish(function, &bytes, &[], Positions::default()).expect("memory");
            let end = code.pieces().last().expect("just published").end();
            // SAFETY: it can be read, which is the point: else this test ends by a signal.
            let after = unsafe { (end as *const u64).read_unaligned() };
            assert_eq!(after, u64::from_ne_bytes([INT3; READABLE_AFTER_CODE]), "function {function}");
        }
    }
}
