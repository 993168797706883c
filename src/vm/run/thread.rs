//! What a thread needs before it may enter wasm: a known end of its native stack, and where traps are signals, an alternate signal
//! stack and a mask that lets those signals through.

use crate::sys::linux::fault::SIGNALS;
use crate::sys::linux::signals::{AlternateStack, unblock};
use crate::sys::linux::thread::stack_bounds;
use crate::sys::x64::registers::{has_shadow_stack, stack_pointer};
use std::cell::{Cell, OnceCell};
use std::io;

/// A wasm entry leaves this much native stack to the host functions it may call, or a quarter if that is less,
const RESERVE_BYTES: usize = 256 << 10;
/// but never less than this, which suffices for those of WASI and for a panic: a thread that has no more does not enter wasm.
const LEAST_RESERVE_BYTES: usize = 64 << 10;
/// How deep entries may nest on a stack that is not the thread's own (a coroutine's).
const FOREIGN_STACK_BYTES: usize = 64 << 10;

/// How compiled code traps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::vm) enum Traps {
    /// By faults, some of them.
    BySignals,
    ByChecks,
}

/// `sp` is in the room if `sp - low < span`; a thread that was never prepared has none.
struct Room {
    low: Cell<usize>,
    span: Cell<usize>,
    /// The same for code that traps by checks: such a thread may not be ready for signals.
    span_by_checks: Cell<usize>,
}

thread_local! {
    static ROOM: Room = const { Room { low: Cell::new(0), span: Cell::new(0), span_by_checks: Cell::new(0) } };
    static ALTERNATE_STACK: OnceCell<Option<Owned>> = const { OnceCell::new() };
}

/// The alternate stack goes with the thread, and the thread is unprepared from then on.
struct Owned {
    _stack: AlternateStack,
}

impl Drop for Owned {
    fn drop(&mut self) {
        ROOM.with(|room| room.span.set(0));
    }
}

/// Is this thread prepared for such code, and is enough of its native stack left?
#[inline]
pub(in crate::vm) fn has_room(traps: Traps) -> bool {
    let sp = stack_pointer();
    ROOM.with(|room| {
        let span = match traps {
            Traps::BySignals => room.span.get(),
            Traps::ByChecks => room.span_by_checks.get(),
        };
        sp.wrapping_sub(room.low.get()) < span
    })
}

/// Prepares the thread if that has not happened; says whether enough native stack is left. `outermost_sp` is the
/// native stack pointer of the outermost entry around this one, or 0. Fails when the system has no memory for a signal stack, and
/// on a thread with a shadow stack, whose return addresses would not be those of wasm code after a trap or an exception.
#[cold]
pub(in crate::vm) fn prepare(outermost_sp: usize, traps: Traps) -> io::Result<bool> {
    if has_shadow_stack() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "a thread with a shadow stack cannot run wasm code"));
    }
    if traps == Traps::BySignals {
        prepare_alternate_stack()?;
        // A fault that is blocked ends the process, so nobody blocks these in order to have them held back.
        unblock(&SIGNALS)?;
    }
    let Some(bounds) = stack_bounds() else {
        return Ok(has_room_on_foreign_stack(outermost_sp));
    };
    let low = bounds.start + (bounds.len() / 4).clamp(LEAST_RESERVE_BYTES, RESERVE_BYTES);
    let span = bounds.end.saturating_sub(low);
    ROOM.with(|room| {
        room.low.set(low);
        room.span_by_checks.set(span);
        if traps == Traps::BySignals {
            room.span.set(span);
        }
    });
    Ok(if bounds.contains(&stack_pointer()) { has_room(traps) } else { has_room_on_foreign_stack(outermost_sp) })
}

fn prepare_alternate_stack() -> io::Result<()> {
    let prepared = ALTERNATE_STACK.try_with(|stack| {
        if stack.get().is_none() {
            let _ = stack.set(AlternateStack::install()?.map(|stack| Owned { _stack: stack }));
        }
        Ok(())
    });
    // While the thread's own destructors run there is nobody left to free a stack: it is left to the process.
    prepared.unwrap_or_else(|_| AlternateStack::install().map(std::mem::forget))
}

fn has_room_on_foreign_stack(outermost_sp: usize) -> bool {
    outermost_sp == 0 || outermost_sp.wrapping_sub(stack_pointer()) < FOREIGN_STACK_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gets_room_when_prepared_and_runs_out_of_it() {
        fn depth(level: u32) -> u32 {
            let mut page = [level; 1024];
            std::hint::black_box(&mut page);
            if has_room(Traps::BySignals) { depth(level + 1) + u32::from(page[7] == u32::MAX) } else { level }
        }
        let levels = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(|| {
                let [signals, checks] = [Traps::BySignals, Traps::ByChecks];
                assert!(!has_room(signals) && !has_room(checks));
                assert!(prepare(0, checks).expect("memory") && has_room(checks) && !has_room(signals));
                assert!(prepare(0, signals).expect("memory") && has_room(signals));
                depth(0)
            })
            .expect("a thread")
            .join()
            .expect("no overflow");
        // The system may give a thread more than it asked for.
        assert!(levels >= 200, "{levels}");
    }
}
