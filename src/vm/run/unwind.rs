//! Where a thrown exception is caught: the wasm frames of the innermost activation, from the exit outwards.
//!
//! Each frame's callee-saved registers are in the frames that it called, where their prologues pushed them, or still what they
//! were at the exit. Its context is the one that it pushed itself, if it calls imported functions; else that of what it called,
//! unless a foreign entry between the two has saved another. Nothing is changed until a catch is found.
//!
//! Measured on Zen 5: 55 ns from a throw to the catch in the function that called, 5 to 10 more for each frame between. Without the
//! [memory](super::passage::Passages) of frames it was 30 to 60 for each, most of it mispredictions of the search for the function.

#![allow(unsafe_code, reason = "reads wasm stacks and contexts")]

use crate::abi::positions::{FunctionCode, NO_CATCH, Positions};
use crate::abi::{CALLEE_SAVED, PUSHED_CONTEXT};
use crate::types::TagIndex;
use crate::vm::code::published::{Contents, PublishedCode};
use crate::vm::code::registry;
use crate::vm::exit::header::{Pending, Resume, StoreHeader};
use crate::vm::exit::passage::{Passage, Saved};
use crate::vm::exit::record::{Payload, unpack_exit};
use crate::vm::run::instance::instance_of;
use crate::vm::visible::context::Context;
use crate::vm::visible::handle::TagId;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    Caught { context: *mut Context, sp: usize, pc: usize, keeps: bool },
    /// There is none for any exception, the frame goes.
    Passed(Passage),
    /// There is none for this one.
    PassedOnce(Passage),
    /// The end of the activation.
    End,
}

/// Finds the code that catches the exception which the store has thrown, and notes in the store how to go on there; 0 if
/// this activation has none. A panic is our bug; it leaves wasm as a host function's would, and the process goes on.
///
/// # Safety
/// Called by the stub that leaves wasm: `header` is that of the running store, `context` the one at the exit.
pub(in crate::vm) unsafe extern "sysv64" fn search(header: *mut StoreHeader, context: *mut Context) -> u32 {
    // SAFETY: as promised; nobody else uses it while this runs.
    let header = unsafe { &mut *header };
    match catch_unwind(AssertUnwindSafe(|| find_catch(header, context))) {
        Ok(found) => found,
        Err(panic) => {
            header.thrown = 0;
            (header.payload, header.pending) = (Some(Payload::Panic(panic)), Pending::Payload);
            0
        }
    }
}

fn find_catch(header: &mut StoreHeader, context: *mut Context) -> u32 {
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
        if let Some(passage) = header.passages.get(frame.pc) {
            frame.pass(passage);
            continue;
        }
        // A return address may be the end of its code.
        match registry::with_code(frame.pc - 1, |code, _| frame.step(code)).unwrap_or(Step::End) {
            Step::Caught { context, sp, pc, keeps } => {
                frame.context = context;
                return frame.resume(header, sp, pc, keeps);
            }
            Step::Passed(passage) => {
                header.passages.add(frame.pc, passage);
                frame.pass(passage);
            }
            Step::PassedOnce(passage) => frame.pass(passage),
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
    fn step(&self, code: &PublishedCode) -> Step {
        let offset = (self.pc - code.start()) as u32;
        match &code.contents {
            Contents::Module(positions) => self.function_step(code, positions, offset),
            Contents::Function(function) => self.function_step(code, &function.positions, offset),
            Contents::Signatures(spans) => {
                let next = spans.partition_point(|span| span.entry_offset <= offset);
                match next.checked_sub(1).map(|place| spans[place]) {
                    Some(span) if span.foreign_return_offset == offset => Step::Passed(Passage {
                        bytes: span.foreign_frame_bytes,
                        popped: span.arg_bytes,
                        saved: Saved::Context,
                    }),
                    _ => Step::End,
                }
            }
            Contents::Lazy(_) | Contents::HostStub { .. } | Contents::Builtins => Step::End,
        }
    }

    fn function_step(&self, code: &PublishedCode, positions: &Positions, offset: u32) -> Step {
        let Some(index) = positions.function_at(offset - 1) else { return Step::End };
        let (function, calls) = (&positions.functions[index], &positions.calls);
        let popped = calls.popped_at(offset);
        let first = calls.catch_at(offset);
        let mut next = first;
        while next != NO_CATCH {
            let catch = calls.catches[next as usize];
            let context = self.context_in(function, popped);
            if catch.tag.is_none_or(|tag| tag_of(context, tag) == self.tag) {
                let pc = code.start() + catch.code_offset as usize;
                return Step::Caught { context, sp: self.sp - popped as usize, pc, keeps: catch.keeps };
            }
            next = catch.next;
        }
        let passage = Passage {
            bytes: function.frame_bytes - popped,
            popped: function.arg_bytes,
            saved: Saved::Registers(function.saved),
        };
        // Another exception might be caught.
        if first == NO_CATCH { Step::Passed(passage) } else { Step::PassedOnce(passage) }
    }

    /// The context with which this frame's code runs; the callee has popped so many bytes.
    fn context_in(&self, function: &FunctionCode, popped: u32) -> *mut Context {
        if function.saved >> PUSHED_CONTEXT & 1 == 0 {
            return self.context;
        }
        // It is what the prologue pushed last.
        let return_at = self.sp + (function.frame_bytes - popped) as usize;
        word(return_at - 8 * function.saved.count_ones() as usize) as usize as *mut Context
    }

    /// The caller's frame is next.
    fn pass(&mut self, passage: Passage) {
        let return_at = self.sp + passage.bytes as usize;
        match passage.saved {
            Saved::Context => self.context = word(return_at - 8) as usize as *mut Context,
            Saved::Registers(mut saved) => {
                let mut pushed_at = return_at;
                while saved != 0 {
                    pushed_at -= 8;
                    match self.registers.get_mut(saved.trailing_zeros() as usize) {
                        Some(register) => *register = word(pushed_at),
                        None => self.context = word(pushed_at) as usize as *mut Context,
                    }
                    saved &= saved - 1;
                }
            }
        }
        (self.pc, self.sp) = (word(return_at) as usize, return_at + 8 + passage.popped as usize);
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

/// A tag of the instance with this context, with which some frame's code runs.
fn tag_of(context: *mut Context, tag: TagIndex) -> TagId {
    // SAFETY: the context of a live instance: r14 at the exit, or what compiled code has pushed of it.
    let owner = unsafe { instance_of(context) };
    // SAFETY: a context's instance lives as long as its store, and is not changed now.
    unsafe { (*owner).tag(tag) }
}

/// A word of the wasm stack.
fn word(at: usize) -> u64 {
    // SAFETY: in a frame of the activation, whose layout the positions say, and no wasm code runs now.
    unsafe { (at as *const u64).read() }
}
