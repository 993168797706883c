//! Samples: where a thread is when the profiling timer ticks.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const MOST: usize = 1 << 16;

static PLACES: [AtomicUsize; MOST] = [const { AtomicUsize::new(0) }; MOST];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Calls a function on a thread, and waits for it, but not longer than this.
pub fn while_running(time: Duration, program: impl FnOnce() + Send + 'static) -> Vec<usize> {
    start_ticking();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        program();
        let _ = done.send(());
    });
    let _ = is_done.recv_timeout(time);
    let count = COUNT.load(Relaxed).min(MOST);
    PLACES[..count].iter().map(|place| place.load(Relaxed)).collect()
}

fn start_ticking() {
    // SAFETY: all zeros is an action without flags and with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = tick as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the handler stores to statics only.
    unsafe { libc::sigaction(libc::SIGPROF, &action, std::ptr::null_mut()) };
    let millisecond = libc::timeval { tv_sec: 0, tv_usec: 1000 };
    let timer = libc::itimerval { it_interval: millisecond, it_value: millisecond };
    // SAFETY: a valid timer.
    unsafe { libc::setitimer(libc::ITIMER_PROF, &timer, std::ptr::null_mut()) };
}

extern "C" fn tick(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes the interrupted thread's context.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let at = COUNT.fetch_add(1, Relaxed);
    if let Some(place) = PLACES.get(at) {
        place.store(context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize, Relaxed);
    }
}
