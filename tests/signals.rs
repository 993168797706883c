//! Signal handlers of others: each case in a process of its own, since handlers belong to the process.
#![allow(missing_docs)]
#![allow(unsafe_code, reason = "installs signal handlers and faults on purpose")]

use planish::{Config, Engine, Instance, Module, Store, Trap};
use std::ffi::{c_int, c_void};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

/// Runs `case` in a child and returns how it ended.
fn in_child(name: &str, case: fn()) -> Option<ExitStatus> {
    const CHILD: &str = "PLANISH_SIGNALS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        case();
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().unwrap();
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    Some(output.status)
}

/// All kinds of traps still work.
fn trap_in_every_way() {
    trap_in_every_way_in(&Engine::default());
}

fn trap_in_every_way_in(engine: &Engine) {
    let cases = [
        ("unreachable", Trap::UnreachableCodeReached),
        ("(i32.store (i32.const -1) (i32.const 0))", Trap::MemoryOutOfBounds),
        ("(drop (i32.div_u (i32.const 1) (local.get 0)))", Trap::IntegerDivisionByZero),
        ("(drop (i32.div_s (i32.const 0x80000000) (i32.sub (local.get 0) (i32.const 1))))", Trap::IntegerOverflow),
        ("(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))", Trap::IntegerOverflow),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", Trap::BadConversionToInteger),
        ("(call_indirect (i32.const 0))", Trap::IndirectCallToNull),
        ("(call 0)", Trap::StackOverflow),
    ];
    for (body, trap) in cases {
        let text = format!(r#"(module (memory 1) (table 1 funcref) (func (export "f") (local i32) {body}))"#);
        let module = Module::new(engine, text).unwrap();
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        assert_eq!(f.call(&mut store, ()).unwrap_err().trap(), Some(trap));
    }
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

fn install(signal: c_int, handler: usize, flags: c_int, blocked: &[c_int]) {
    // SAFETY: all zeroes is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    for signal in blocked {
        // SAFETY: the set is part of `action`.
        unsafe { libc::sigaddset(&mut action.sa_mask, *signal) };
    }
    // SAFETY: the tests pass handlers of the type that their flags ask for.
    assert_eq!(unsafe { libc::sigaction(signal, &action, null_mut()) }, 0);
}

static CALLS: AtomicI32 = AtomicI32::new(0);
static PAGE: AtomicUsize = AtomicUsize::new(0);
static BLOCKED: AtomicI32 = AtomicI32::new(0);

/// Makes the page accessible, so that the fault does not happen again; notes which of three signals are blocked.
extern "C" fn repair(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    assert!(!context.is_null());
    // SAFETY: passed by the kernel.
    let (number, address) = unsafe { ((*info).si_signo, (*info).si_addr() as usize) };
    assert!(number == signal && address == PAGE.load(SeqCst));
    // SAFETY: a page that the test has mapped.
    unsafe { libc::mprotect(address as *mut c_void, 4096, libc::PROT_READ | libc::PROT_WRITE) };
    let blocked = [libc::SIGSEGV, libc::SIGUSR1, libc::SIGUSR2].map(is_blocked);
    BLOCKED.store(i32::from(blocked[0]) | i32::from(blocked[1]) << 1 | i32::from(blocked[2]) << 2, SeqCst);
    CALLS.fetch_add(1, SeqCst);
}

fn is_blocked(signal: c_int) -> bool {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: asks for the current mask only.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, null(), set.as_mut_ptr()) };
    // SAFETY: written by the call above.
    unsafe { libc::sigismember(set.as_ptr(), signal) == 1 }
}

/// A fault that has nothing to do with wasm, at a page that `repair` can repair.
fn fault() {
    // SAFETY: a new mapping.
    let page = unsafe { libc::mmap(null_mut(), 4096, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    PAGE.store(page as usize, SeqCst);
    // SAFETY: faults, and is repaired by the handler, or ends the process as the test wants.
    unsafe { page.cast::<u8>().write_volatile(1) };
}

#[test]
fn a_foreign_handler_gets_foreign_faults() {
    let status = in_child("a_foreign_handler_gets_foreign_faults", || {
        install(libc::SIGSEGV, repair as Handler as usize, libc::SA_SIGINFO, &[libc::SIGUSR1]);
        trap_in_every_way();
        assert_eq!(CALLS.load(SeqCst), 0);
        for calls in 1..10 {
            fault();
            assert_eq!(CALLS.load(SeqCst), calls);
            assert_eq!(BLOCKED.load(SeqCst), 0b011, "itself, and what its action names");
            assert!(![libc::SIGSEGV, libc::SIGUSR1, libc::SIGUSR2].into_iter().any(is_blocked));
            trap_in_every_way();
        }
    });
    assert!(status.is_none_or(|status| status.success()));
}

#[test]
fn a_foreign_handler_that_defers_nothing_is_obeyed() {
    let status = in_child("a_foreign_handler_that_defers_nothing_is_obeyed", || {
        install(libc::SIGSEGV, repair as Handler as usize, libc::SA_SIGINFO | libc::SA_NODEFER, &[]);
        trap_in_every_way();
        fault();
        assert_eq!((CALLS.load(SeqCst), BLOCKED.load(SeqCst)), (1, 0));
    });
    assert!(status.is_none_or(|status| status.success()));
}

#[test]
fn a_foreign_handler_for_one_fault_is_called_once() {
    let status = in_child("a_foreign_handler_for_one_fault_is_called_once", || {
        let flags = libc::SA_SIGINFO | libc::SA_RESETHAND;
        install(libc::SIGSEGV, repair as Handler as usize, flags, &[]);
        trap_in_every_way();
        fault();
        assert_eq!(CALLS.load(SeqCst), 1);
        fault();
        unreachable!("the second fault is fatal");
    });
    assert!(status.is_none_or(|status| status.signal() == Some(libc::SIGSEGV)));
}

#[test]
fn a_foreign_handler_of_the_old_type_is_called() {
    extern "C" fn leave(signal: c_int) {
        // SAFETY: ends the process.
        unsafe { libc::_exit(signal + 100) };
    }
    let status = in_child("a_foreign_handler_of_the_old_type_is_called", || {
        install(libc::SIGSEGV, leave as extern "C" fn(c_int) as usize, 0, &[]);
        trap_in_every_way();
        fault();
    });
    assert!(status.is_none_or(|status| status.code() == Some(libc::SIGSEGV + 100)));
}

/// A thread may have been started with every signal blocked, as those beside a thread that handles signals are.
#[test]
fn faults_that_are_blocked_are_traps() {
    let status = in_child("faults_that_are_blocked_are_traps", || {
        let mut all = std::mem::MaybeUninit::uninit();
        // SAFETY: initialises the set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: initialised above; no old set is asked for.
        assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), null_mut()) }, 0);
        let thread = std::thread::spawn(|| {
            assert!(is_blocked(libc::SIGSEGV));
            trap_in_every_way();
            assert!(is_blocked(libc::SIGUSR1) && !is_blocked(libc::SIGSEGV));
        });
        thread.join().unwrap();
    });
    assert!(status.is_none_or(|status| status.success()), "{status:?}");
}

#[test]
fn default_actions_are_taken() {
    let status = in_child("default_actions_are_taken", || {
        install(libc::SIGSEGV, libc::SIG_DFL, 0, &[]);
        trap_in_every_way();
        fault();
    });
    assert!(status.is_none_or(|status| status.signal() == Some(libc::SIGSEGV)));
}

#[test]
fn signals_that_are_sent_take_default_actions_too() {
    let status = in_child("signals_that_are_sent_take_default_actions_too", || {
        trap_in_every_way();
        // SAFETY: no pointers.
        unsafe { libc::raise(libc::SIGFPE) };
        unreachable!("SIGFPE is fatal by default");
    });
    assert!(status.is_none_or(|status| status.signal() == Some(libc::SIGFPE)));
}

#[test]
fn ignored_signals_are_ignored_but_faults_are_not() {
    let status = in_child("ignored_signals_are_ignored_but_faults_are_not", || {
        install(libc::SIGSEGV, libc::SIG_IGN, 0, &[]);
        trap_in_every_way();
        // SAFETY: no pointers.
        unsafe { libc::raise(libc::SIGSEGV) };
        trap_in_every_way();
        fault();
        unreachable!("the kernel lets nobody ignore a fault");
    });
    assert!(status.is_none_or(|status| status.signal() == Some(libc::SIGSEGV)));
}

#[test]
fn rust_still_reports_overflows_of_native_stacks() {
    #[expect(unconditional_recursion, reason = "that is the point")]
    fn overflow(depth: u64) -> u64 {
        let page = [depth; 512];
        std::hint::black_box(&page);
        1 + overflow(depth + 1) + page[7]
    }
    let status = in_child("rust_still_reports_overflows_of_native_stacks", || {
        trap_in_every_way();
        overflow(0);
    });
    assert!(status.is_none_or(|status| status.signal() == Some(libc::SIGABRT)));
}

/// Without signals nothing of the process changes: every fault would end it.
#[test]
fn without_signals_no_handler_is_installed() {
    let status = in_child("without_signals_no_handler_is_installed", || {
        let handlers = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];
        for signal in handlers {
            install(signal, libc::SIG_DFL, 0, &[]);
        }
        trap_in_every_way_in(&Engine::new(Config::new().signals_based_traps(false)).unwrap());
        for signal in handlers {
            // SAFETY: all zeroes is a valid `sigaction`.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            // SAFETY: asks only; writes to `action`.
            assert_eq!(unsafe { libc::sigaction(signal, null(), &mut action) }, 0);
            assert_eq!(action.sa_sigaction, libc::SIG_DFL);
        }
    });
    assert!(status.is_none_or(|status| status.success()), "{status:?}");
}
