//! What a thread needs before it may enter wasm: an alternate signal stack, and a known end of its native stack.

use crate::sys::signals::AlternateStack;
use crate::sys::thread::{stack_bounds, stack_pointer};
use std::cell::{Cell, OnceCell};
use std::io;

/// A wasm entry leaves this much native stack to the host functions it may call, or a quarter if that is less.
const RESERVE_BYTES: usize = 256 << 10;
/// How deep entries may nest on a stack that is not the thread's own (a coroutine's).
const FOREIGN_STACK_BYTES: usize = 64 << 10;

/// `sp` is in the room if `sp - low < span`; a thread that was never prepared has none.
struct Room {
    low: Cell<usize>,
    span: Cell<usize>,
}

thread_local! {
    static ROOM: Room = const { Room { low: Cell::new(0), span: Cell::new(0) } };
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

/// Is this thread prepared, and is enough of its native stack left?
#[inline]
pub(super) fn has_room() -> bool {
    let sp = stack_pointer();
    ROOM.with(|room| sp.wrapping_sub(room.low.get()) < room.span.get())
}

/// Prepares the thread if that has not happened; says whether enough native stack is left. `outermost_sp` is the
/// native stack pointer of the outermost entry around this one, or 0. Fails when the system has no memory for a signal stack.
#[cold]
pub(super) fn prepare(outermost_sp: usize) -> io::Result<bool> {
    prepare_alternate_stack()?;
    let Some(bounds) = stack_bounds() else {
        return Ok(has_room_on_foreign_stack(outermost_sp));
    };
    let low = bounds.start + RESERVE_BYTES.min(bounds.len() / 4);
    ROOM.with(|room| {
        room.low.set(low);
        room.span.set(bounds.end - low);
    });
    Ok(if bounds.contains(&stack_pointer()) { has_room() } else { has_room_on_foreign_stack(outermost_sp) })
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
            if has_room() { depth(level + 1) + u32::from(page[7] == u32::MAX) } else { level }
        }
        let levels = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(|| {
                assert!(!has_room());
                assert!(prepare(0).expect("memory") && has_room());
                depth(0)
            })
            .expect("a thread")
            .join()
            .expect("no overflow");
        // The system may give a thread more than it asked for.
        assert!(levels >= 200, "{levels}");
    }
}
