//! From signals to faults, and on to the handlers that were there before.

#![allow(unsafe_code, reason = "reads and changes what the kernel saved of the interrupted code")]

use crate::sys::linux::signals::{action, handle, raise, set_default};
use crate::sys::x64::float::EXCEPTION_MASKS;
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{MaybeUninit, transmute};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The signals by which the CPU's faults arrive.
pub(crate) const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

// What the C library's headers say of `si_code` (sigaction(2)).
const SI_KERNEL: c_int = 0x80;
const SEGV_MAPERR: c_int = 1;
const SEGV_ACCERR: c_int = 2;
const ILL_ILLOPC: c_int = 1;
const ILL_ILLOPN: c_int = 2;
const FPE_INTDIV: c_int = 1;
const FPE_FLTDIV: c_int = 3;
const FPE_FLTSUB: c_int = 8;
const BUS_ADRERR: c_int = 2;

/// A fault of the interrupted code.
pub(crate) struct Fault<'a> {
    signal: c_int,
    info: &'a libc::siginfo_t,
    context: &'a mut libc::ucontext_t,
}

/// What the CPU complains about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// An access to memory that is not there, or not for that.
    BadAddress(usize),
    /// A segmentation fault without an address.
    NoAddress,
    IllegalInstruction,
    IntegerDivision,
    /// One that the embedder has unmasked.
    FloatException,
    Other,
}

impl Fault<'_> {
    /// Not sent by `kill` and the like.
    pub(crate) fn is_from_the_cpu(&self) -> bool {
        self.info.si_code > 0
    }

    pub(crate) fn cause(&self) -> Cause {
        match (self.signal, self.info.si_code) {
            (libc::SIGSEGV, SEGV_MAPERR | SEGV_ACCERR) | (libc::SIGBUS, BUS_ADRERR) => {
                Cause::BadAddress(self.address())
            }
            (libc::SIGSEGV, SI_KERNEL) => Cause::NoAddress,
            (libc::SIGILL, ILL_ILLOPC | ILL_ILLOPN) => Cause::IllegalInstruction,
            (libc::SIGFPE, FPE_INTDIV) => Cause::IntegerDivision,
            (libc::SIGFPE, FPE_FLTDIV..=FPE_FLTSUB) => Cause::FloatException,
            _ => Cause::Other,
        }
    }

    fn address(&self) -> usize {
        // SAFETY: faults of these kinds have an address.
        unsafe { self.info.si_addr() as usize }
    }

    pub(crate) fn pc(&self) -> usize {
        self.context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
    }

    pub(crate) fn sp(&self) -> usize {
        self.register(4) as usize
    }

    /// A general-purpose register by its number in instructions.
    pub(crate) fn register(&self, number: u8) -> u64 {
        #[rustfmt::skip]
        const REGISTERS: [c_int; 16] = [
            libc::REG_RAX, libc::REG_RCX, libc::REG_RDX, libc::REG_RBX, libc::REG_RSP, libc::REG_RBP, libc::REG_RSI, libc::REG_RDI,
            libc::REG_R8, libc::REG_R9, libc::REG_R10, libc::REG_R11, libc::REG_R12, libc::REG_R13, libc::REG_R14, libc::REG_R15,
        ];
        self.context.uc_mcontext.gregs[REGISTERS[usize::from(number & 15)] as usize] as u64
    }

    /// Lets the interrupted code go on with all floating-point exceptions masked; returns its control register as it was.
    pub(crate) fn mask_float_exceptions(&mut self) -> u32 {
        // SAFETY: on amd64 the kernel always saves the floating-point state, and points to it.
        let saved = unsafe { &mut *self.context.uc_mcontext.fpregs };
        let control = saved.mxcsr;
        saved.mxcsr |= EXCEPTION_MASKS;
        control
    }

    /// Lets the interrupted code go on elsewhere.
    pub(crate) fn resume_at(&mut self, pc: usize) {
        self.context.uc_mcontext.gregs[libc::REG_RIP as usize] = pc as i64;
    }
}

/// Answers whether it has dealt with the fault.
type Judge = fn(&mut Fault<'_>) -> bool;

static JUDGE: OnceLock<Judge> = OnceLock::new();

/// Lets `judge` see all faults of the process first. Called once.
pub(crate) fn install(judge: Judge) -> io::Result<()> {
    let _ = JUDGE.set(judge);
    for (previous, signal) in PREVIOUS.iter().zip(SIGNALS) {
        previous.remember(action(signal)?);
        handle(signal, handler)?;
    }
    Ok(())
}

extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes both, alive until the handler returns.
    let fault_info = unsafe { &*info };
    // SAFETY: as above; on this platform the context is a `ucontext_t`, and nobody else uses it meanwhile.
    let fault_context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let mut fault = Fault { signal, info: fault_info, context: fault_context };
    let ours = JUDGE.get().is_some_and(|judge| judge(&mut fault));
    if !ours {
        pass_on(signal, info, context);
    }
}

/// The action that a signal had before ours. Written before our handler is installed, read by it only.
struct Previous {
    action: UnsafeCell<MaybeUninit<libc::sigaction>>,
    /// It was to be used once (SA_RESETHAND), and has been.
    spent: AtomicBool,
}

// SAFETY: written once, before the handler that reads it can run.
unsafe impl Sync for Previous {}

static PREVIOUS: [Previous; SIGNALS.len()] =
    [const { Previous { action: UnsafeCell::new(MaybeUninit::uninit()), spent: AtomicBool::new(false) } };
        SIGNALS.len()];

impl Previous {
    fn remember(&self, action: libc::sigaction) {
        // SAFETY: the handler that reads it is not installed yet, and only the one installation writes.
        unsafe { (*self.action.get()).write(action) };
    }

    fn action(&self) -> &libc::sigaction {
        // SAFETY: nobody writes it once the handler is installed.
        let action = unsafe { &*self.action.get() };
        // SAFETY: written before the handler was installed.
        unsafe { action.assume_init_ref() }
    }
}

/// Does what would have happened without us.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(place) = SIGNALS.iter().position(|&ours| ours == signal) else {
        return;
    };
    let previous = &PREVIOUS[place];
    let action = previous.action();
    let once = action.sa_flags & libc::SA_RESETHAND != 0;
    let spent = once && previous.spent.swap(true, Relaxed);
    // SAFETY: the kernel's, alive until the handler returns.
    let sent = unsafe { (*info).si_code } <= 0;
    match action.sa_sigaction {
        libc::SIG_IGN if sent => {}
        // A fault cannot be ignored: the kernel kills the process, as it does by default.
        libc::SIG_DFL | libc::SIG_IGN => default_action(signal, sent),
        _ if spent => default_action(signal, sent),
        address => call_previous(action, address, signal, info, context),
    }
}

/// A fault happens again when the handler returns, at the same pc; a signal that was sent does not.
fn default_action(signal: c_int, sent: bool) {
    set_default(signal);
    if sent {
        raise(signal);
    }
}

fn call_previous(
    action: &libc::sigaction,
    address: usize,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    block_as_asked(action, signal, context);
    if action.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: an action with this flag holds a handler of this type (sigaction(2)).
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = unsafe { transmute(address) };
        handler(signal, info, context);
    } else {
        // SAFETY: an action without the flag, neither SIG_DFL nor SIG_IGN, holds a handler of this type.
        let handler: extern "C" fn(c_int) = unsafe { transmute(address) };
        handler(signal);
    }
}

/// Blocks what the kernel would have blocked for that handler: the interrupted code's mask, the action's, and
/// the signal itself unless SA_NODEFER. The kernel restores the interrupted code's mask when our handler returns.
fn block_as_asked(action: &libc::sigaction, signal: c_int, context: *mut c_void) {
    // SAFETY: the kernel's, alive until the handler returns.
    let interrupted = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_sigmask };
    // SAFETY: both are whole signal sets; no old set is asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &action.sa_mask, std::ptr::null_mut()) };
    // SAFETY: reads a signal set; the kernel writes its 64 signals there, and `signal` is among them.
    let was_blocked = unsafe { libc::sigismember(interrupted, signal) } == 1;
    if action.sa_flags & libc::SA_NODEFER != 0 && !was_blocked {
        let mut only = MaybeUninit::uninit();
        // SAFETY: initialises the set.
        unsafe { libc::sigemptyset(only.as_mut_ptr()) };
        // SAFETY: initialised above.
        unsafe { libc::sigaddset(only.as_mut_ptr(), signal) };
        // SAFETY: initialised above; no old set is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), std::ptr::null_mut()) };
    }
}
