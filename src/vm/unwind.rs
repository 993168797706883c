//! Where a thrown exception is caught: the wasm frames of the innermost activation, from the exit outwards.
//!
//! Each frame's callee-saved registers are in the frames that it called, where their prologues pushed them, or still what they
//! were at the exit; its context is that of the code, or saved by a foreign entry. Nothing is changed until a catch is found.

#![allow(unsafe_code, reason = "reads wasm stacks and contexts")]

use super::code::{Contents, PublishedCode};
use super::context::{Context, Pending, Resume, StoreHeader};
use super::registry;
use super::store::TagId;
use super::trap::unpack_exit;
use crate::abi::CALLEE_SAVED;
use crate::abi::positions::{NO_CATCH, Positions};
use crate::types::TagIndex;

/// A wasm frame behind a call: its return address, rsp when the callee has popped its arguments, registers.
struct Unwound {
    pc: usize,
    sp: usize,
    context: *mut Context,
    registers: [u64; CALLEE_SAVED.len()],
    tag: TagId,
}

/// What is known of a frame.
enum Step {
    /// There is code for the exception.
    Caught { sp: usize, pc: usize, keeps: bool },
    /// The frame is gone, the caller's is next.
    Caller,
    /// The end of the activation.
    End,
}

/// Finds the code that catches the exception which the store has thrown, and notes in the store how to go on there; 0 if
/// this activation has none.
///
/// # Safety
/// Called by the stub that leaves wasm: `header` is that of the running store, `context` the one at the exit.
pub(super) unsafe extern "sysv64" fn search(header: *mut StoreHeader, context: *mut Context) -> u32 {
    // SAFETY: as promised; nobody else uses it while this runs.
    let header = unsafe { &mut *header };
    let (return_at, popped) = unpack_exit(header.exit_sp);
    if header.exceptions.wants_collection() {
        collect(header, return_at);
    }
    let mut frame = Unwound {
        pc: word(return_at) as usize,
        sp: return_at + 8 + popped,
        context,
        registers: header.resume.registers,
        tag: header.exceptions.get(header.thrown).tag,
    };
    loop {
        // A return address may be the end of its code.
        let inside = frame.pc - 1;
        // In the same piece of code as many frames as there are.
        let walk = |code: &PublishedCode, _| loop {
            match frame.step(code) {
                Step::Caller if (code.start() + 1..=code.end()).contains(&frame.pc) => {}
                step => return step,
            }
        };
        match registry::with_code(inside, walk).unwrap_or(Step::End) {
            Step::Caught { sp, pc, keeps } => return frame.resume(header, sp, pc, keeps),
            Step::Caller => {}
            Step::End => return 0,
        }
    }
}

/// Collects exceptions, if all references to them are in view: on the wasm stack, in callee-saved registers, thrown. Those of
/// activations around this one are on the native stack, where the host's frames have put them.
#[cold]
fn collect(header: &mut StoreHeader, exit: usize) {
    // SAFETY: the door's saved words lie at the header's native stack pointer while wasm code or what it called runs.
    if !unsafe { (*header.native_sp).native_sp.is_null() } {
        return;
    }
    let stack = (exit..header.stack_end).step_by(8).map(word);
    header.exceptions.collect(stack.chain(header.resume.registers).chain([header.thrown]));
}

impl Unwound {
    fn step(&mut self, code: &PublishedCode) -> Step {
        let offset = (self.pc - code.start()) as u32;
        match &code.contents {
            Contents::Module(positions) => self.function_step(code, positions, offset),
            Contents::Signatures(spans) => {
                let next = spans.partition_point(|span| span.entry_offset <= offset);
                let Some(span) = next.checked_sub(1).map(|place| spans[place]) else { return Step::End };
                if span.foreign_return_offset != offset {
                    return Step::End;
                }
                let return_at = self.sp + span.foreign_frame_bytes as usize;
                // Directly below its return address a foreign entry saves its caller's context.
                self.context = word(return_at - 8) as usize as *mut Context;
                self.leave(return_at, span.arg_bytes)
            }
            Contents::Builtins => Step::End,
        }
    }

    fn function_step(&mut self, code: &PublishedCode, positions: &Positions, offset: u32) -> Step {
        let Some(index) = positions.function_at(offset - 1) else { return Step::End };
        let (function, calls) = (&positions.functions[index], &positions.calls);
        let sp = self.sp - calls.popped_at(offset) as usize;
        let mut next = calls.catch_at(offset);
        while next != NO_CATCH {
            let catch = calls.catches[next as usize];
            if catch.tag.is_none_or(|tag| self.tag_of(tag) == self.tag) {
                return Step::Caught { sp, pc: code.start() + catch.code_offset as usize, keeps: catch.keeps };
            }
            next = catch.next;
        }
        let return_at = sp + function.frame_bytes as usize;
        let mut pushed_at = return_at;
        for (place, register) in self.registers.iter_mut().enumerate() {
            if function.saved >> place & 1 != 0 {
                pushed_at -= 8;
                *register = word(pushed_at);
            }
        }
        self.leave(return_at, function.arg_bytes)
    }

    fn leave(&mut self, return_at: usize, popped: u32) -> Step {
        (self.pc, self.sp) = (word(return_at) as usize, return_at + 8 + popped as usize);
        Step::Caller
    }

    /// A tag of the frame's instance.
    fn tag_of(&self, tag: TagIndex) -> TagId {
        // SAFETY: the context with which this frame's code runs.
        let owner = unsafe { (*self.context).owner };
        // SAFETY: a context's instance lives as long as its store, and is not changed now.
        unsafe { (*owner).tag(tag) }
    }

    fn resume(&self, header: &mut StoreHeader, sp: usize, pc: usize, keeps: bool) -> u32 {
        let exception = std::mem::take(&mut header.thrown);
        if keeps {
            header.exceptions.keep(exception);
        }
        header.exceptions.catch(exception);
        let values = header.exceptions.get(exception).values.as_ptr();
        header.pending = Pending::Nothing;
        header.resume = Resume { registers: self.registers, sp, pc, context: self.context, values, exception };
        1
    }
}

/// A word of the wasm stack.
fn word(at: usize) -> u64 {
    // SAFETY: in a frame of the activation, whose layout the positions say, and no wasm code runs now.
    unsafe { (at as *const u64).read() }
}
