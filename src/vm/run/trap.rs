//! Signals that are wasm traps.
//!
//! A fault is ours only if the pc is a registered site that may trap in this way and the address lies where such a trap
//! may touch; then the handler sets the pc to the store's trap exit and returns. A fault at one of our sites
//! that is not such a trap means that compiled code has left its sandbox: the process aborts. Everything else
//! goes to the handler that was there before. On the way to a trap nothing is locked or allocated, and no thread-local is touched.

#![allow(unsafe_code, reason = "handles signals")]

use crate::abi::TrapCode;
use crate::abi::positions::{Positions, SiteKind};
use crate::sys::linux::fault;
use crate::sys::linux::fault::{Cause, Fault};
use crate::vm::code::published::PublishedCode;
use crate::vm::code::registry;
use crate::vm::exit::header::{Pending, StoreHeader, header_of};
use crate::vm::exit::record::{Place, TrapRecord};
use crate::vm::run::instance::instance_of;
use crate::vm::visible::context::Context;
use std::io;
use std::ops::Range;
use std::sync::OnceLock;

/// Installs the signal handlers of the process, once; the previous ones are chained. Called by every engine
/// whose configuration allows signals.
pub(crate) fn install_handlers() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| fault::install(trap).map_err(|error| error.raw_os_error().unwrap_or(0)));
    installed.map_err(io::Error::from_raw_os_error)
}

/// Whose a fault is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Trap(TrapCode),
    /// An embedder wants signals for floating-point exceptions; wasm does not.
    FloatException,
    Escaped,
    Foreign,
}

/// Where a wasm stack overflows: this far above its guard a signal frame may still not fit.
const SIGNAL_FRAME_BYTES: usize = 64 << 10;
/// Null is a record's address, and its fields are here.
const NULL_RECORD: Range<usize> = 0..4096;

/// Turns a fault into a trap if it is one.
fn trap(fault: &mut Fault<'_>) -> bool {
    let verdict = registry::with_code(fault.pc(), |code, offset| judge(fault, code, offset));
    match verdict.unwrap_or(Verdict::Foreign) {
        Verdict::Foreign => false,
        Verdict::Escaped => {
            crate::sys::linux::signals::abort("planish: compiled code has left its sandbox, aborting\n")
        }
        Verdict::FloatException => {
            let control = fault.mask_float_exceptions();
            // SAFETY: the running store's header; the thread that owns it is the interrupted one.
            unsafe { (*header(fault)).embedder_control = control };
            true
        }
        Verdict::Trap(code) => {
            let header = header(fault);
            let record = TrapRecord { code, pc: fault.pc(), sp: fault.sp(), place: Place::Fault };
            // SAFETY: the running store's header; the thread that owns it is the interrupted one.
            unsafe { (*header).trap = record };
            // SAFETY: as above.
            unsafe { (*header).pending = Pending::Trap };
            // SAFETY: as above.
            fault.resume_at(unsafe { (*header).trap_exit });
            true
        }
    }
}

fn judge(fault: &Fault<'_>, code: &PublishedCode, offset: u32) -> Verdict {
    if !fault.is_from_the_cpu() {
        return Verdict::Foreign;
    }
    let site = match code.positions() {
        Some(_) if fault.cause() == Cause::FloatException => return Verdict::FloatException,
        Some(positions) => trapping_site(positions, offset),
        None => None,
    };
    match site {
        // A signal's frame did not fit, whatever the interrupted instruction does.
        Some(_) if fault.cause() == Cause::NoAddress && is_stack_exhaustion(fault) => {
            Verdict::Trap(TrapCode::StackExhausted)
        }
        Some(kind) => judge_site(fault, kind, &code.bytes()[offset as usize..]),
        None if is_stack_exhaustion(fault) => Verdict::Trap(TrapCode::StackExhausted),
        None => Verdict::Foreign,
    }
}

/// A return address may be where a trapping instruction begins, so calls are passed over.
fn trapping_site(positions: &Positions, offset: u32) -> Option<SiteKind> {
    let mut sites = positions.sites_of(positions.function_at(offset)?);
    sites.find(|site| site.code_offset == offset && site.kind != SiteKind::Call).map(|site| site.kind)
}

fn judge_site(fault: &Fault<'_>, kind: SiteKind, instruction: &[u8]) -> Verdict {
    let code = match (kind, fault.cause()) {
        (SiteKind::Explicit, Cause::IllegalInstruction) => explicit_code(instruction),
        (SiteKind::Memory, Cause::BadAddress(address)) if is_in_memory(fault, address) => {
            Some(TrapCode::MemoryOutOfBounds)
        }
        (SiteKind::NullRecord, Cause::BadAddress(address)) if NULL_RECORD.contains(&address) => {
            Some(TrapCode::IndirectCallToNull)
        }
        (SiteKind::NullReference, Cause::BadAddress(address)) if NULL_RECORD.contains(&address) => {
            Some(TrapCode::NullReference)
        }
        (SiteKind::Divide, Cause::IntegerDivision) => divide_code(fault, instruction),
        // Failing hardware (a machine check) is not compiled code's fault.
        (_, Cause::Other) => return Verdict::Foreign,
        _ => None,
    };
    code.map_or(Verdict::Escaped, Verdict::Trap)
}

fn explicit_code(instruction: &[u8]) -> Option<TrapCode> {
    match instruction {
        [0x0f, 0x0b, code, ..] => TrapCode::ALL.get(usize::from(*code)).copied(),
        _ => None,
    }
}

/// `div` and `idiv` of a register: REX, F7 /6 or /7 (SDM Vol. 2, DIV, IDIV). They fault for a divisor of 0 and for a quotient
/// that does not fit.
fn divide_code(fault: &Fault<'_>, instruction: &[u8]) -> Option<TrapCode> {
    let (rex, rest) = match instruction {
        [rex @ 0x40..=0x4f, rest @ ..] => (*rex, rest),
        rest => (0, rest),
    };
    let &[0xf7, modrm @ 0xf0..=0xff, ..] = rest else {
        return None;
    };
    let divisor = fault.register(modrm & 7 | (rex & 1) << 3);
    let divisor = if rex & 8 == 0 { divisor & 0xffff_ffff } else { divisor };
    Some(if divisor == 0 { TrapCode::IntegerDivisionByZero } else { TrapCode::IntegerOverflow })
}

fn is_in_memory(fault: &Fault<'_>, address: usize) -> bool {
    // SAFETY: in compiled code r14 is the running context.
    let owner = unsafe { instance_of(context_of(fault)) };
    // SAFETY: a context's instance lives as long as its store, and its reservations never change.
    let mut reservations = unsafe { (*owner).reservations() };
    reservations.any(|reservation| reservation.contains(&address))
}

fn is_stack_exhaustion(fault: &Fault<'_>) -> bool {
    // SAFETY: in compiled code and stubs r14 is a context of the running store.
    let guard = unsafe { &(*header(fault)).guard };
    match fault.cause() {
        Cause::BadAddress(address) => guard.contains(&address),
        // No address is given when the kernel itself could not write to the stack, for a signal's frame.
        Cause::NoAddress => (guard.start..guard.end + SIGNAL_FRAME_BYTES).contains(&fault.sp()),
        _ => false,
    }
}

fn context_of(fault: &Fault<'_>) -> *const Context {
    fault.register(14) as usize as *const Context
}

fn header(fault: &Fault<'_>) -> *mut StoreHeader {
    // SAFETY: in compiled code and stubs r14 is a context of the running store.
    unsafe { header_of(context_of(fault)) }
}
