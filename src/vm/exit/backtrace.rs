//! The wasm frames of a store at a trap or in a host call.

#![allow(unsafe_code, reason = "reads wasm stacks")]

use crate::abi::positions::{FunctionCode, Positions, SiteKind};
use crate::vm::code::published::{CodeAddress, Contents, PublishedCode};
use crate::vm::code::registry;
use crate::vm::exit::header::StoreHeader;
use crate::vm::exit::record::{Place, TrapRecord, unpack_exit};
use std::ops::Range;

/// One wasm frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    /// The address by which its module is known.
    pub(crate) code: CodeAddress,
    /// Index among the module's own functions.
    pub(crate) function: u32,
    /// Of the operator, from the start of the module file.
    pub(crate) wasm_offset: u32,
}

/// Frames of one backtrace at most; the innermost are kept.
pub(crate) const MAX_FRAMES: usize = 64;

/// The frames from `start` on, then those of the activations that the header knows, innermost first.
pub(in crate::vm) fn collect(header: &StoreHeader, start: Option<TrapRecord>) -> Vec<Frame> {
    let mut walk = Walk { frames: Vec::new(), stack: header.guard.end..header.stack_end };
    if let Some(start) = start {
        walk.activation(start.pc, start.sp, start.place);
    }
    let (mut exit_sp, mut activation) = (header.exit_sp, header.native_sp);
    while !activation.is_null() && walk.frames.len() < MAX_FRAMES {
        let (return_at, popped) = unpack_exit(exit_sp);
        if let Some(pc) = walk.word(return_at) {
            walk.activation(pc, return_at + 8 + popped, Place::Return);
        }
        // SAFETY: the door's saved words lie at the header's native stack pointer, and so on outwards, until null.
        let outer = unsafe { &*activation };
        (exit_sp, activation) = (outer.exit_sp, outer.native_sp);
    }
    walk.frames
}

struct Walk {
    frames: Vec<Frame>,
    stack: Range<usize>,
}

/// How a walk goes on from a pc.
enum Step {
    /// The return address lies that many bytes above rsp; this may be a frame to report. Behind the return address
    /// lie so many bytes that go with it.
    Caller {
        bytes: usize,
        popped: u32,
        frame: Option<Frame>,
    },
    /// Not known: the nearest return address above rsp.
    Search {
        popped: u32,
    },
    End,
}

impl Walk {
    /// Walks the frames of one activation, down to the entry stub.
    fn activation(&mut self, mut pc: usize, mut sp: usize, mut place: Place) {
        while place != Place::Nowhere && self.frames.len() < MAX_FRAMES {
            // A return address may be the first byte of the next function: its call ends before.
            let inside = if place == Place::Return { pc.wrapping_sub(1) } else { pc };
            let step = registry::with_code(inside, |code, _| step(code, (pc - code.start()) as u32, place));
            let (return_at, popped) = match step.unwrap_or(Step::End) {
                Step::Caller { bytes, popped, frame } => {
                    self.frames.extend(frame);
                    (sp.checked_add(bytes), popped)
                }
                Step::Search { popped } => {
                    let is_return = |&at: &usize| self.word(at).is_some_and(is_return_address);
                    ((sp..sp + 64 * 8).step_by(8).find(is_return), popped)
                }
                Step::End => (None, 0),
            };
            let Some((at, return_address)) = return_at.and_then(|at| Some((at, self.word(at)?))) else {
                return;
            };
            (pc, sp, place) = (return_address, at + 8 + popped as usize, Place::Return);
        }
    }

    fn word(&self, at: usize) -> Option<usize> {
        let inside = self.stack.contains(&at) && at.is_multiple_of(8);
        // SAFETY: on the store's wasm stack, which is mapped, and no wasm code runs on it now.
        inside.then(|| unsafe { (at as *const usize).read() })
    }
}

fn step(code: &PublishedCode, offset: u32, place: Place) -> Step {
    match &code.contents {
        Contents::Module(positions) => function_step(code, positions, offset, place),
        Contents::Function(function) => function_step(code, &function.positions, offset, place),
        Contents::Signatures(spans) => {
            let next = spans.partition_point(|span| span.entry_offset <= offset);
            let Some(span) = next.checked_sub(1).map(|place| spans[place]) else { return Step::End };
            match place {
                Place::Return if span.foreign_return_offset == offset => {
                    Step::Caller { bytes: span.foreign_frame_bytes as usize, popped: span.arg_bytes, frame: None }
                }
                Place::Fault => Step::Search { popped: span.arg_bytes },
                _ => Step::End,
            }
        }
        Contents::HostStub { arg_bytes } if place == Place::Fault => Step::Search { popped: *arg_bytes },
        Contents::HostStub { .. } => Step::End,
        Contents::Builtins => Step::Search { popped: 0 },
        Contents::Lazy(_) => Step::End,
    }
}

fn function_step(code: &PublishedCode, positions: &Positions, offset: u32, place: Place) -> Step {
    let inside = if place == Place::Return { offset - 1 } else { offset };
    let Some(index) = positions.function_at(inside) else {
        return Step::End;
    };
    let function = positions.functions[index];
    let site = match place {
        Place::Return => {
            positions.sites_of(index).find(|site| site.code_offset == offset && site.kind == SiteKind::Call)
        }
        _ => positions.sites_of(index).take_while(|site| site.code_offset <= offset).last(),
    };
    let wasm_offset = site.map_or(function.wasm_offset, |site| site.wasm_offset);
    let (module, first) = code.module();
    let frame = Frame { code: module, function: first + index as u32, wasm_offset };
    let bytes = match place {
        Place::Fault => frame_bytes_at(code.bytes(), &function, offset),
        _ => (function.frame_bytes - positions.calls.popped_at(offset)) as usize,
    };
    Step::Caller { bytes, popped: function.arg_bytes, frame: Some(frame) }
}

/// How far above rsp the return address lies at a faulting instruction: in a prologue, what it has pushed so far.
fn frame_bytes_at(code: &[u8], function: &FunctionCode, offset: u32) -> usize {
    if offset >= function.code_offset + function.prologue_bytes {
        return function.frame_bytes as usize;
    }
    let mut executed = &code[function.code_offset as usize..offset as usize];
    let mut bytes = 0;
    loop {
        let (pushed, rest) = match executed {
            [0x50..=0x57, rest @ ..] | [0x41, 0x50..=0x57, rest @ ..] => (8, rest),
            [0x48, 0x83, 0xec, imm, rest @ ..] => (usize::from(*imm), rest),
            [0x48, 0x81, 0xec, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
            // Stack checks and the like leave rsp alone and come before or after what moves it.
            [_, rest @ ..] => (0, rest),
            [] => return bytes,
        };
        bytes += pushed;
        executed = rest;
    }
}

fn is_return_address(word: usize) -> bool {
    let is_call = |positions: &Positions, offset| {
        let mut sites = positions.sites_of(positions.function_at(offset)?);
        sites.find(|site| site.code_offset == offset + 1 && site.kind == SiteKind::Call)
    };
    let found = registry::with_code(word.wrapping_sub(1), |code, offset| is_call(code.positions()?, offset));
    found.flatten().is_some()
}
