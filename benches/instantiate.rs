//! What it costs to make an instance, to call it once and to drop it, store included, on one thread and on two at once.
//! `cargo bench --bench instantiate`

#![allow(unsafe_code, reason = "asks the kernel what it can")]

#[path = "../src/bin/planish/machine.rs"]
mod machine;

use planish::{Engine, Error, Instance, Module, Store};
use std::os::fd::AsRawFd;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Name, and module; all export a function `run`.
#[rustfmt::skip]
const MODULES: &[(&str, &str)] = &[
    ("nothing", r#"(module (func (export "run")))"#),
    ("1 MiB, 64 bytes of data, nothing written", r#"(module (memory 16)
        (data (i32.const 1024) "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
        (func (export "run")))"#),
    ("1 MiB, 64 bytes of data, 4 pages written", r#"(module (memory 16)
        (data (i32.const 1024) "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
        (func (export "run")
            (i32.store (i32.const 0x10000) (i32.const 1)) (i32.store (i32.const 0x20000) (i32.const 1))
            (i32.store (i32.const 0x30000) (i32.const 1)) (i32.store (i32.const 0x40000) (i32.const 1))))"#),
    ("1 MiB, all of it written", r#"(module (memory 16)
        (func (export "run") (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x100000))))"#),
    ("1 MiB, each page read", r#"(module (memory 16)
        (func (export "run") (local $at i32)
            (loop $next
                (drop (i32.load (local.get $at)))
                (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 0x1000))) (i32.const 0x100000))))))"#),
    ("1 MiB of data", r#"(module (memory 16 16) (data (i32.const 0) "MEBIBYTE")
        (func (export "run")))"#),
    ("64 MiB, nothing written", r#"(module (memory 1024) (func (export "run")))"#),
    ("64 MiB, 4 pages of the first MiB written", r#"(module (memory 1024)
        (func (export "run")
            (i32.store (i32.const 0x10000) (i32.const 1)) (i32.store (i32.const 0x20000) (i32.const 1))
            (i32.store (i32.const 0x30000) (i32.const 1)) (i32.store (i32.const 0x40000) (i32.const 1))))"#),
    ("64 MiB, a page of each 4 MiB written", r#"(module (memory 1024)
        (func (export "run") (local $at i32)
            (loop $next
                (i32.store (local.get $at) (i32.const 1))
                (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 0x400000))) (i32.const 0x4000000))))))"#),
    ("64 MiB, a page of each 256 KiB written", r#"(module (memory 1024)
        (func (export "run") (local $at i32)
            (loop $next
                (i32.store (local.get $at) (i32.const 1))
                (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 0x40000))) (i32.const 0x4000000))))))"#),
    ("a table of 1000 functions", r#"(module (table 1000 funcref) (func $f) (elem (i32.const 0) ELEMENTS)
        (func (export "run")))"#),
];

/// Measurements of each module, of so many instances each.
const ROUNDS: usize = 20;
const INSTANCES: u32 = 100;

fn main() -> Result<(), Error> {
    println!("{}", machine::line());
    println!("What a guest has written {}.", how_the_kernel_tells());
    println!("Microseconds: median and best of one thread, median of two threads at once.");
    let engine = Engine::default();
    for (name, text) in MODULES {
        let text = text.replace("MEBIBYTE", &"x".repeat(1 << 20)).replace("ELEMENTS", &"$f ".repeat(1000));
        let module = Module::new(&engine, text)?;
        let alone = measure(&engine, &module)?;
        let both = measure_on_two_threads(&engine, &module)?;
        println!("{name:45} {:8.2} {:8.2} {:8.2}", median(&alone), alone[0], median(&both));
    }
    Ok(())
}

/// By `PAGEMAP_SCAN` (Linux 6.7), or how else?
fn how_the_kernel_tells() -> &'static str {
    let Ok(file) = std::fs::File::open("/proc/self/pagemap") else { return "nothing tells" };
    // SAFETY: a request without an argument, which is refused; the question is how.
    let refused = unsafe { libc::ioctl(file.as_raw_fd(), 0xc060_6610, std::ptr::null::<u8>()) };
    let is_unknown = refused == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOTTY);
    if is_unknown { "is read from /proc/self/pagemap" } else { "the kernel is asked (PAGEMAP_SCAN)" }
}

/// Microseconds for an instance, in ascending order.
fn measure(engine: &Engine, module: &Module) -> Result<Vec<f64>, Error> {
    let once = || {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[])?;
        instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())
    };
    (0..INSTANCES).try_for_each(|_| once())?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        (0..INSTANCES).try_for_each(|_| once())?;
        rounds.push(micros(start.elapsed() / INSTANCES));
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds)
}

fn measure_on_two_threads(engine: &Engine, module: &Module) -> Result<Vec<f64>, Error> {
    let barrier = Barrier::new(2);
    let run = || {
        barrier.wait();
        measure(engine, module)
    };
    let mut both = std::thread::scope(|scope| {
        let other = scope.spawn(run);
        let mut rounds = run()?;
        rounds.extend(other.join().expect("no panic")?);
        Ok::<_, Error>(rounds)
    })?;
    both.sort_by(f64::total_cmp);
    Ok(both)
}

fn median(rounds: &[f64]) -> f64 {
    rounds[rounds.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}
