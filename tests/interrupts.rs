//! Signals that have nothing to do with wasm while it runs, threads that block signals, floating-point control on two threads. Each
//! case is in a process of its own, since handlers concern all of it.
#![allow(missing_docs)]
#![allow(unsafe_code, reason = "installs signal handlers, sends signals")]

use planish::{Caller, Config, Engine, Func, Instance, Module, Result, Store, Trap, TypedFunc};
use std::hint::black_box;
use std::process::{Command, ExitStatus};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Runs `case` in a child, which must succeed.
fn in_child(name: &str, case: fn()) {
    const CHILD: &str = "PLANISH_INTERRUPTS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return case();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().unwrap();
    let status: ExitStatus = output.status;
    assert!(status.success(), "{status}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Goes down so many calls, then spins on stores, each of which is a place where a fault would be a trap.
const DEEP: &str = r#"(module (memory 1)
    (func $run (export "run") (param $depth i32) (param $times i32)
        (if (local.get $depth)
            (then (call $run (i32.sub (local.get $depth) (i32.const 1)) (local.get $times)))
            (else (loop $spin
                (i32.store (i32.const 0) (local.get $times)) (i32.store (i32.const 4) (local.get $times))
                (i32.store (i32.const 8) (local.get $times)) (i32.store (i32.const 12) (local.get $times))
                (br_if $spin (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))))"#;

type Run = TypedFunc<(i32, i32), ()>;

/// The function above, and how deep it can go.
fn deep(config: &Config) -> (Store<()>, Run, i32) {
    let engine = Engine::new(config).unwrap();
    let module = Module::new(&engine, DEEP).unwrap();
    let mut store = Store::new(&engine, ());
    let run: Run = Instance::new(&mut store, &module, &[]).unwrap().get_typed_func(&mut store, "run").unwrap();
    let (mut fits, mut overflows) = (0, 1 << 24);
    while overflows - fits > 1 {
        let depth = (fits + overflows) / 2;
        match run.call(&mut store, (depth, 1)) {
            Ok(()) => fits = depth,
            Err(error) => {
                assert_eq!(error.trap(), Some(Trap::StackOverflow));
                overflows = depth;
            }
        }
    }
    (store, run, fits)
}

/// As many ways to trap and to compile as there are.
fn configs() -> Vec<Config> {
    let mut configs = Vec::new();
    for (signals, lazy) in [(true, false), (true, true), (false, false)] {
        let mut config = Config::new();
        config.signals_based_traps(signals).lazy_compilation(lazy).max_wasm_stack(64 << 10);
        configs.push(config);
    }
    configs
}

static ARRIVED: AtomicUsize = AtomicUsize::new(0);

/// What a handler may well use of the stack.
extern "C" fn note(_: libc::c_int) {
    black_box([0u8; 16 << 10]);
    ARRIVED.fetch_add(1, SeqCst);
}

/// Handles a signal on the stack of whatever it interrupts.
fn handle(signal: libc::c_int) {
    // SAFETY: all zeroes is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = note as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler has the type that the flags ask for.
    assert_eq!(unsafe { libc::sigaction(signal, &action, null_mut()) }, 0);
}

#[test]
fn a_timer_interrupts_guests_at_every_depth() {
    in_child("a_timer_interrupts_guests_at_every_depth", || {
        for config in configs() {
            let (mut store, run, deepest) = deep(&config);
            handle(libc::SIGALRM);
            let before = ARRIVED.load(SeqCst);
            let timer = Timer::new(Duration::from_millis(1));
            let last = deepest - 200..=deepest;
            for depth in (0..deepest).step_by(1 + deepest as usize / 100).chain(last) {
                run.call(&mut store, (depth, 500_000)).unwrap_or_else(|error| panic!("depth {depth}: {error}"));
            }
            drop(timer);
            assert!(ARRIVED.load(SeqCst) - before > 50, "{}", ARRIVED.load(SeqCst) - before);
            assert_eq!(run.call(&mut store, (deepest + 1, 1)).unwrap_err().trap(), Some(Trap::StackOverflow));
        }
    });
}

/// A timer that sends SIGALRM to the thread that made it, not to whichever the kernel chooses, until it is dropped.
struct Timer(libc::timer_t);

impl Timer {
    fn new(period: Duration) -> Timer {
        // SAFETY: all zeroes is a valid `sigevent`.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        // SAFETY: no pointers.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut timer = null_mut();
        // SAFETY: reads the event and writes the timer's name.
        assert_eq!(unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) }, 0);
        let period = libc::timespec { tv_sec: 0, tv_nsec: i64::from(period.subsec_nanos()) };
        let times = libc::itimerspec { it_interval: period, it_value: period };
        // SAFETY: made above; reads the times.
        assert_eq!(unsafe { libc::timer_settime(timer, 0, &times, null_mut()) }, 0);
        Timer(timer)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: made by `new`, deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Each signal is sent when the one before has arrived: one that is lost never does.
#[test]
fn no_signal_is_lost_at_the_end_of_the_stack() {
    in_child("no_signal_is_lost_at_the_end_of_the_stack", || {
        for config in configs() {
            let (mut store, run, deepest) = deep(&config);
            handle(libc::SIGUSR1);
            // SAFETY: no pointers.
            let guest = unsafe { libc::pthread_self() };
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let before = ARRIVED.load(SeqCst);
                        // SAFETY: that thread waits for this one.
                        assert_eq!(unsafe { libc::pthread_kill(guest, libc::SIGUSR1) }, 0);
                        let sent = Instant::now();
                        while ARRIVED.load(SeqCst) == before {
                            if sent.elapsed() > Duration::from_secs(20) {
                                eprintln!("a signal is lost");
                                std::process::exit(1);
                            }
                            std::thread::yield_now();
                        }
                    }
                    done.store(true, SeqCst);
                });
                while !done.load(SeqCst) {
                    run.call(&mut store, (deepest, 1_000_000)).unwrap();
                }
            });
        }
    });
}

const FAULTS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

fn blocks(signal: libc::c_int) -> bool {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: asks for the current mask only.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr()) };
    // SAFETY: written by the call above.
    unsafe { libc::sigismember(set.as_ptr(), signal) == 1 }
}

fn block_everything() {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: initialises the set.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    // SAFETY: initialised above.
    assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), null_mut()) }, 0);
}

/// Traps of each signal.
fn trap_in_each_way(engine: &Engine) {
    let cases = [
        ("(drop (i32.load (i32.const 0x7fffffff)))", Trap::MemoryOutOfBounds),
        ("unreachable", Trap::UnreachableCodeReached),
        ("(drop (i32.div_u (i32.const 1) (local.get 0)))", Trap::IntegerDivisionByZero),
        ("(call 0)", Trap::StackOverflow),
    ];
    for (body, trap) in cases {
        let text = format!(r#"(module (memory 1) (func (export "f") (local i32) {body}))"#);
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &Module::new(engine, text).unwrap(), &[]).unwrap();
        let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        assert_eq!(f.call(&mut store, ()).unwrap_err().trap(), Some(trap));
    }
}

/// Programs with a thread for signals block all of them on the others.
#[test]
fn a_thread_that_blocks_all_signals_traps() {
    in_child("a_thread_that_blocks_all_signals_traps", || {
        std::thread::spawn(|| {
            block_everything();
            // Where traps are no signals the mask is nobody's business,
            trap_in_each_way(&Engine::new(Config::new().signals_based_traps(false)).unwrap());
            assert!(FAULTS.into_iter().all(blocks));
            // and it is looked at when the first store enters whose traps are.
            trap_in_each_way(&Engine::default());
            assert!(!FAULTS.into_iter().any(blocks));
            assert!(blocks(libc::SIGUSR1) && blocks(libc::SIGALRM));
        })
        .join()
        .unwrap();
    });
}

/// A host function enters first, on a thread of its own, which blocks everything.
#[test]
fn a_caller_on_another_thread_traps() {
    in_child("a_caller_on_another_thread_traps", || {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let host = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| {
            let trap = caller.get_export("trap").unwrap().into_func().unwrap();
            let error = std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    block_everything();
                    trap.call(&mut caller, &[], &mut []).unwrap_err()
                });
                thread.join().unwrap()
            });
            assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
        });
        let module = Module::new(
            &engine,
            r#"(module (import "" "" (func $host)) (memory 1)
                (func (export "trap") (drop (i32.load (i32.const 0x7fffffff))))
                (func (export "run") (call $host)))"#,
        )
        .unwrap();
        let instance = Instance::new(&mut store, &module, &[host.into()]).unwrap();
        instance.get_typed_func::<(), ()>(&mut store, "run").unwrap().call(&mut store, ()).unwrap();
    });
}

/// All exceptions masked, and all but the one of divisions by zero.
const MASKED: u32 = 0x1f80;
const UNMASKED: u32 = MASKED & !0x200;

fn control() -> u32 {
    let mut control = 0u32;
    // SAFETY: writes four bytes.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control) };
    control & 0xffc0
}

fn set_control(control: u32) {
    // SAFETY: reads four bytes without reserved bits.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control) };
}

/// A host function lends its caller to another thread, which enters wasm: each thread gets back its own floating-point control.
#[test]
fn two_threads_have_their_own_float_control() {
    in_child("two_threads_have_their_own_float_control", || two_controls().unwrap());
}

fn two_controls() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| {
        let divide = caller.get_export("divide").unwrap().into_func().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(control(), MASKED);
                divide.call(&mut caller, &[], &mut []).unwrap();
                assert_eq!(control(), MASKED, "the other thread's");
            });
        });
    });
    let module = Module::new(
        &engine,
        r#"(module (import "" "" (func $host)) (global $zero (mut f64) (f64.const 0)) (global $sink (mut f64) (f64.const 0))
            (func $divide (export "divide") (global.set $sink (f64.div (f64.const 1) (global.get $zero))))
            (func (export "run") (call $divide) (call $host)))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    set_control(UNMASKED);
    let result = run.call(&mut store, ());
    let after = control();
    set_control(MASKED);
    result?;
    assert_eq!(after, UNMASKED);
    Ok(())
}
