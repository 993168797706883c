//! How much memory compilation takes, and how much of it a module keeps.

#![allow(unsafe_code, reason = "an allocator that counts")]

use planish::{Config, Engine, Module};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes in use, and the most that ever were.
static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn count(more: usize, less: usize) {
    let now = NOW.fetch_add(more, Relaxed) + more;
    PEAK.fetch_max(now - less, Relaxed);
    NOW.fetch_sub(less, Relaxed);
}

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as our caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as our caller promises.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as our caller promises.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A module, and how many bytes of memory there may be for one of its own: at the worst moment, and afterwards.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    peak: f64,
    kept: f64,
}

/// A real program, and modules of the kinds that take most memory for their size: many functions, one long function, deep nesting, data.
fn cases() -> Vec<Case> {
    let text = |text: String| wat::parse_str(text).expect("a module");
    let add = "(local.set 0 (i32.add (local.get 0) (i32.load offset=4 (local.get 1))))";
    let small = |number| format!("(func (export \"f{number}\") (param i32 i32) (result i32) {add} (local.get 0))");
    let functions = (0..10_000).map(small).collect::<String>();
    let nested = format!("{}{add}{}", "(block ".repeat(20_000), ")".repeat(20_000));
    let bytes = format!("(data (i32.const 0) \"{}\")", "x".repeat(300_000));
    let segments = "(data (i32.const 7) \"some bytes\")".repeat(20_000);
    let program = std::fs::read("examples/programs/words.wasm").expect("a program");
    let case = |name, bytes, peak, kept| Case { name, bytes, peak, kept };
    vec![
        case("program", program, 10.0, 2.5),
        // 25 bytes each, and as many of names.
        case("functions", text(format!("(module (memory 1) {functions})")), 20.0, 10.0),
        case("long", text(format!("(module (memory 1) (func (param i32 i32) {}))", add.repeat(20_000))), 20.0, 1.0),
        // Three bytes make a block.
        case("nested", text(format!("(module (memory 1) (func (param i32 i32) {nested}))")), 60.0, 0.1),
        case("data", text(format!("(module (memory 10) {bytes})")), 1.1, 1.1),
        case("segments", text(format!("(module (memory 1) {segments})")), 5.0, 4.5),
    ]
}

/// What the compiler takes more where it checks itself: it notes which operator recorded what.
const CHECKED: f64 = if cfg!(any(debug_assertions, feature = "net")) { 1.3 } else { 1.0 };

#[test]
fn memory_is_a_small_multiple_of_the_module() {
    for threads in [1, 2] {
        let mut config = Config::new();
        // Checked accesses take positions; that is another measure.
        config.guard_memory(true);
        config.compilation_threads(move |work| {
            std::thread::scope(|scope| {
                (1..threads).for_each(|_| _ = scope.spawn(work));
                work();
            });
        });
        let engine = Engine::new(&config).expect("an engine");
        // What is allocated once.
        Module::new(&engine, "(module (func))").expect("a module");
        for Case { name, bytes, peak, kept } in cases() {
            let before = NOW.load(Relaxed);
            PEAK.store(before, Relaxed);
            let module = Module::from_binary(&engine, &bytes).expect("valid");
            // The code lies in pages of its own.
            let code = module.text().len();
            let per_byte = |most: usize| (most - before + code) as f64 / bytes.len() as f64;
            let measured = (per_byte(PEAK.load(Relaxed)), per_byte(NOW.load(Relaxed)));
            println!("{name:10} {threads} threads: peak {:5.2}, kept {:5.2} per byte", measured.0, measured.1);
            assert!(measured.0 < peak * CHECKED && measured.1 < kept, "{name}: {measured:?}");
        }
    }
}
