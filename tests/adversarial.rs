//! Modules made to hurt: each is compiled at three sizes, and neither time nor memory nor code may grow faster than
//! the module. Then extremes at run time, in processes with little memory.
#![allow(unsafe_code, reason = "counts allocations, reads a thread's clock, limits a process")]

use planish::{Config, Engine, Error, FuncType, Instance, Linker, Module, Store, Trap, Val, ValType};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;
use std::time::Duration;

// Modules.

const I32: u8 = 0x7f;
const F64: u8 = 0x7c;
/// As many parameters or results as a function may have.
const WIDE: usize = 1000;

// Types of every module.
const NONE: u8 = 0;
const WIDE_TO_WIDE: u8 = 1;
const TO_WIDE: u8 = 2;
/// A block type without parameters and results.
const EMPTY: u8 = 0x40;

// Operators, by the names of the text format; what has no type in its name is of i32.
const UNREACHABLE: u8 = 0x00;
const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const IF: u8 = 0x04;
const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
const BR_IF: u8 = 0x0d;
const BR_TABLE: u8 = 0x0e;
const CALL: u8 = 0x10;
const CALL_INDIRECT: u8 = 0x11;
const SELECT: u8 = 0x1b;
const GET: u8 = 0x20;
const SET: u8 = 0x21;
const GLOBAL_GET: u8 = 0x23;
const GLOBAL_SET: u8 = 0x24;
const LOAD: u8 = 0x28;
const STORE: u8 = 0x36;
const CONST: u8 = 0x41;
const F64_CONST: u8 = 0x44;
const EQZ: u8 = 0x45;
const LT_S: u8 = 0x48;
const ADD: u8 = 0x6a;
const MUL: u8 = 0x6c;
const DIV_S: u8 = 0x6d;
const XOR: u8 = 0x73;
const TRUNC: u8 = 0xaa;
const DROP: u8 = 0x1a;

fn leb(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn section(out: &mut Vec<u8>, id: u8, count: usize, contents: &[u8]) {
    let mut head = Vec::new();
    leb(&mut head, count);
    out.push(id);
    leb(out, head.len() + contents.len());
    out.extend(head);
    out.extend(contents);
}

/// A module whose functions 0 (exported as `f`, without parameters and results) up to `count` have this body, and the
/// last one hands a thousand values through.
fn functions(count: usize, locals: usize, code: &[u8]) -> Vec<u8> {
    let mut body = vec![2];
    leb(&mut body, locals);
    body.extend([I32, 1, F64]);
    body.extend(code);
    body.push(END);
    let mut wide = vec![0];
    (0..WIDE).for_each(|local| with_leb(&mut wide, GET, local));
    wide.push(END);

    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    let wide_types = [&[0xe8, 0x07][..], &[I32; WIDE]].concat();
    let types = [&[0x60, 0, 0, 0x60][..], &wide_types, &wide_types, &[0x60, 0], &wide_types];
    section(&mut bytes, 1, 3, &types.concat());
    section(&mut bytes, 3, count + 1, &[vec![NONE; count], vec![WIDE_TO_WIDE]].concat());
    section(&mut bytes, 4, 1, &[0x70, 0, 10]);
    section(&mut bytes, 5, 1, &[0, 1]);
    section(&mut bytes, 6, 1, &[I32, 1, CONST, 0, END]);
    section(&mut bytes, 7, 1, &[1, b'f', 0, 0]);
    let mut bodies = Vec::new();
    for body in std::iter::repeat_n(&body, count).chain([&wide]) {
        leb(&mut bodies, body.len());
        bodies.extend(body);
    }
    section(&mut bytes, 10, count + 1, &bodies);
    bytes
}

fn function(code: &[u8]) -> Vec<u8> {
    functions(1, 8, code)
}

/// A function of [`times`].
fn parts(parts: &[(usize, &[u8])]) -> Vec<u8> {
    function(&times(parts))
}

fn with_leb(out: &mut Vec<u8>, opcode: u8, immediate: usize) {
    out.push(opcode);
    leb(out, immediate);
}

/// `local.get 0, i32.load`: a value that is not known before it runs.
const VALUE: [u8; 5] = [GET, 0, LOAD, 0, 0];

/// One after the other: the first so many times, the second so many times ...
fn times(parts: &[(usize, &[u8])]) -> Vec<u8> {
    parts.iter().flat_map(|(count, bytes)| bytes.repeat(*count)).collect()
}

fn each(count: usize, mut write: impl FnMut(&mut Vec<u8>, usize)) -> Vec<u8> {
    let mut code = Vec::new();
    (0..count).for_each(|number| write(&mut code, number));
    code
}

/// A name, the smallest of three sizes (the others are two and four times that), and the module of a size.
type Bomb = (&'static str, usize, fn(usize) -> Vec<u8>);

#[rustfmt::skip]
const BOMBS: &[Bomb] = &[
    // Control.
    ("nested blocks",                       10_000, |n| parts(&[(n, &[BLOCK, EMPTY]), (n, &[END])])),
    ("nested loops, a local in each",       10_000, |n| parts(&[(n, &[LOOP, EMPTY, GET, 1, SET, 2]), (n, &[END])])),
    ("nested ifs with results",             15_000, |n| parts(&[(n, &[GET, 0, IF, I32]), (1, &[CONST, 1]), (n, &[ELSE, CONST, 2, END]), (1, &[DROP])])),
    ("nested blocks, 1000 to 1000",          5_000, |n| parts(&[(WIDE, &[CONST, 0]), (n, &[BLOCK, WIDE_TO_WIDE]), (n, &[END]), (WIDE, &[DROP])])),
    ("nested loops, 1000 to 1000",           2_500, |n| parts(&[(WIDE, &VALUE), (n, &[LOOP, WIDE_TO_WIDE]), (n, &[END]), (WIDE, &[DROP])])),
    ("1000 to 1000, other values",             250, |n| parts(&[(WIDE, &[CONST, 0]), (n, &[BLOCK, WIDE_TO_WIDE, DROP, GET, 1]), (n, &[DROP, GET, 2, END]), (WIDE, &[DROP])])),
    ("branches with 1000 values",            1_000, |n| parts(&[(1, &[BLOCK, TO_WIDE]), (WIDE, &[GET, 1]), (n, &[GET, 0, BR_IF, 0]), (1, &[END]), (WIDE, &[DROP])])),
    ("outward branches with 1000 values",      500, outward_branches),
    ("br_table, distinct, 1000 values",        500, wide_table),
    ("br_table, one target",                16_000, one_target_table),
    ("br_table, distinct targets",           5_000, distinct_table),
    ("many br_tables",                       5_000, |n| parts(&[(n, &[BLOCK, EMPTY, GET, 0, BR_TABLE, 8, 0, 1, 0, 1, 0, 1, 0, 1, 0, END])])),
    ("forward branches to one label",       50_000, |n| parts(&[(1, &[BLOCK, EMPTY]), (n, &[GET, 0, BR_IF, 0]), (1, &[END])])),
    ("backward branches to one label",      50_000, |n| parts(&[(1, &[LOOP, EMPTY]), (n, &[GET, 0, BR_IF, 0]), (1, &[END])])),
    ("dead code",                           50_000, |n| parts(&[(1, &[UNREACHABLE]), (n, &[BLOCK, EMPTY, END, ADD, DROP])])),
    ("dead nested blocks, 1000 to 1000",     2_500, |n| parts(&[(1, &[UNREACHABLE]), (n, &[BLOCK, WIDE_TO_WIDE]), (n, &[END]), (WIDE, &[DROP])])),
    // The operand stack: deep, of values not computed yet, under something that wants them computed.
    ("deep stack of loads",                 50_000, |n| parts(&[(n, &VALUE), (n - 1, &[ADD]), (1, &[DROP])])),
    ("deep stack of locals",                50_000, |n| parts(&[(n, &[GET, 1]), (n - 1, &[ADD]), (1, &[DROP])])),
    ("deep stack of locals, writes",        10_000, |n| parts(&[(n, &[GET, 1]), (n, &[GET, 2, SET, 0]), (n, &[DROP])])),
    ("deep stack of locals, same writes",   10_000, |n| parts(&[(n, &[GET, 0, GET, 1, SET, 0]), (n, &[DROP])])),
    ("deep stack of compares, writes",      10_000, |n| parts(&[(n, &[GET, 1, GET, 2, LT_S]), (n, &[GET, 2, SET, 1]), (n, &[DROP])])),
    ("deep stack of loads, stores",         10_000, |n| parts(&[(n, &VALUE), (n, &[GET, 0, GET, 1, STORE, 0, 0]), (n, &[DROP])])),
    ("deep stack of globals, writes",       10_000, |n| parts(&[(n, &[GLOBAL_GET, 0]), (n, &[GET, 1, GLOBAL_SET, 0]), (n, &[DROP])])),
    ("deep stack of loads, blocks",         10_000, |n| parts(&[(n, &VALUE), (n, &[BLOCK, EMPTY, END]), (n, &[DROP])])),
    ("deep stack of locals, blocks",        10_000, |n| parts(&[(n, &[GET, 1]), (n, &[BLOCK, EMPTY, END]), (n, &[DROP])])),
    ("deep stack of constants, blocks",     10_000, |n| parts(&[(n, &[CONST, 1]), (n, &[BLOCK, EMPTY, END]), (n, &[DROP])])),
    ("deep stack of locals, loops",         10_000, |n| parts(&[(n, &[GET, 1]), (n, &[LOOP, EMPTY, END]), (n, &[DROP])])),
    ("deep stack of locals, ifs",           10_000, |n| parts(&[(n, &[GET, 1]), (n, &[GET, 0, IF, EMPTY, ELSE, END]), (n, &[DROP])])),
    ("deep stack of locals, branches",      10_000, |n| parts(&[(1, &[BLOCK, EMPTY]), (n, &[GET, 1]), (n, &[GET, 0, BR_IF, 0]), (n, &[DROP]), (1, &[END])])),
    ("deep stack of locals, calls",         10_000, |n| parts(&[(n, &[GET, 1]), (n, &[CALL, 0]), (n, &[DROP])])),
    ("deep stack of loads, calls",          10_000, |n| parts(&[(n, &VALUE), (n, &[CALL, 0]), (n, &[DROP])])),
    ("deep stack of loads, divisions",      10_000, |n| parts(&[(n, &VALUE), (n, &[GET, 0, GET, 1, DIV_S, SET, 0]), (n, &[DROP])])),
    ("a stack that grows in blocks",         5_000, |n| parts(&[(n, &[GET, 1, BLOCK, EMPTY, GET, 2, SET, 1, END]), (n, &[DROP])])),
    ("nested blocks on a growing stack",     5_000, |n| parts(&[(n, &[GET, 1, BLOCK, EMPTY]), (n, &[END, DROP])])),
    // Expressions.
    ("a long sum",                         100_000, |n| parts(&[(1, &[GET, 0]), (n, &[CONST, 1, ADD]), (1, &[DROP])])),
    ("a long negation",                    100_000, |n| parts(&[(1, &[GET, 0]), (n, &[EQZ]), (1, &[DROP])])),
    ("a long chain of selects",             30_000, |n| parts(&[(1, &[GET, 0]), (n, &[GET, 1, GET, 2, SELECT]), (1, &[DROP])])),
    ("a long chain of loads",               50_000, |n| parts(&[(1, &[GET, 0]), (n, &[LOAD, 0, 0]), (1, &[DROP])])),
    ("statements",                         100_000, |n| parts(&[(n, &[GET, 0, CONST, 3, XOR, SET, 1])])),
    ("conversions that may trap",           20_000, |n| parts(&[(n, &[GET, 8, TRUNC, SET, 0])])),
    ("distinct float constants",            20_000, distinct_floats),
    ("distinct integer constants",          20_000, distinct_integers),
    // Calls.
    ("calls, 1000 to 1000",                    250, |n| parts(&[(WIDE, &[CONST, 0]), (n, &[CALL, 1]), (WIDE, &[DROP])])),
    ("indirect calls, 1000 to 1000",           250, |n| parts(&[(WIDE, &VALUE), (n, &[CONST, 0, CALL_INDIRECT, WIDE_TO_WIDE, 0]), (WIDE, &[DROP])])),
    ("calls",                               50_000, |n| parts(&[(n, &[CALL, 0])])),
    // Functions and locals.
    ("functions of 50,000 locals",          25_000, |n| functions(n, 49_999, &[])),
    ("functions that use the last",         25_000, |n| functions(n, 49_000, &[CONST, 1, SET, 0xe7, 0xfe, BLOCK])),
    ("locals, each used",                   12_499, locals_used),
    ("locals, all alive over a loop",       12_499, locals_alive_over_a_loop),
    ("locals, each in a loop of its own",   12_499, locals_in_loops),
    ("empty functions",                     50_000, |n| functions(n, 0, &[])),
];

/// A branch with a thousand values out of each of many blocks.
fn outward_branches(n: usize) -> Vec<u8> {
    let inside = [each(WIDE, |code, _| code.extend([GET, 1])), vec![GET, 0, BR_IF, 0], vec![DROP; WIDE]].concat();
    let blocks = [&[BLOCK, TO_WIDE][..], &inside, &[UNREACHABLE, END], &[DROP; WIDE]].concat();
    function(&blocks.repeat(n / 100))
}

/// One `br_table` with a thousand values, to as many blocks.
fn wide_table(n: usize) -> Vec<u8> {
    let table = each(1, |code, _| {
        code.extend([GET, 0]);
        with_leb(code, BR_TABLE, n - 1);
        (0..n).for_each(|target| leb(code, target));
    });
    function(
        &[times(&[(n, &[BLOCK, TO_WIDE]), (WIDE, &[GET, 1])]), table, times(&[(n, &[END]), (WIDE, &[DROP])])].concat(),
    )
}

fn distinct_table(n: usize) -> Vec<u8> {
    let table = each(1, |code, _| {
        code.extend([GET, 0]);
        with_leb(code, BR_TABLE, n - 1);
        (0..n).for_each(|target| leb(code, target));
    });
    function(&[times(&[(n, &[BLOCK, EMPTY])]), table, times(&[(n, &[END])])].concat())
}

fn one_target_table(n: usize) -> Vec<u8> {
    let mut code = vec![BLOCK, EMPTY, GET, 0];
    with_leb(&mut code, BR_TABLE, n);
    code.extend(vec![0; n + 1]);
    code.push(END);
    function(&code)
}

fn distinct_floats(n: usize) -> Vec<u8> {
    function(&each(n, |code, number| {
        code.push(F64_CONST);
        code.extend((number as f64 + 0.5).to_le_bytes());
        code.extend([SET, 8]);
    }))
}

fn distinct_integers(n: usize) -> Vec<u8> {
    function(&each(n, |code, number| {
        code.extend([GET, 0]);
        with_leb(code, CONST, 0x5a00_0000 + number);
        code.extend([MUL, SET, 0]);
    }))
}

fn locals_used(n: usize) -> Vec<u8> {
    let copies = each(n, |code, local| {
        with_leb(code, GET, local);
        with_leb(code, SET, n - 1 - local);
    });
    functions(1, n, &copies)
}

fn locals_alive_over_a_loop(n: usize) -> Vec<u8> {
    let writes = each(n, |code, local| {
        code.extend([GET, 0]);
        with_leb(code, SET, local);
    });
    let reads = each(n, |code, local| {
        with_leb(code, GET, local);
        code.push(DROP);
    });
    functions(1, n, &[writes, vec![LOOP, EMPTY, END], reads].concat())
}

fn locals_in_loops(n: usize) -> Vec<u8> {
    let loops = each(n, |code, local| {
        code.extend([LOOP, EMPTY, GET, 0]);
        with_leb(code, SET, local);
        with_leb(code, GET, local);
        code.extend([BR_IF, 0, END]);
    });
    functions(1, n, &loops)
}

// Compilation.

/// What a thread has allocated and not freed, and the most of that.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let allocated = ALLOCATED.get() + bytes;
    ALLOCATED.set(allocated);
    PEAK.set(PEAK.get().max(allocated));
}

// SAFETY: passes everything on.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// CPU time of this thread: others may be at work.
fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is writable.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(read, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    heap_bytes: usize,
    code_bytes: usize,
}

/// The least of a few attempts.
fn compile(engine: &Engine, bytes: &[u8], name: &str) -> (Result<Module, Error>, Cost) {
    let mut best: Option<(Result<Module, Error>, Cost)> = None;
    for _ in 0..3 {
        PEAK.set(ALLOCATED.get());
        let (before, start) = (ALLOCATED.get(), now());
        let module = Module::from_binary(engine, bytes);
        let time = now() - start;
        if let Err(error) = &module {
            assert!(error.offset().is_some(), "{name}: {error}");
            assert!(error.to_string().contains("too large to compile"), "{name}: {error}");
        }
        let code_bytes = module.as_ref().map_or(0, |module| module.text().len());
        let cost = Cost { time, heap_bytes: (PEAK.get() - before) as usize, code_bytes };
        if best.as_ref().is_none_or(|(_, least)| cost.time < least.time) {
            best = Some((module, cost));
        }
        // Long enough to be exact.
        if time > Duration::from_millis(200) {
            break;
        }
    }
    best.expect("tried")
}

/// Four times as much of something that is quadratic is sixteen times as much.
const BEND: usize = 10;

fn check_curve(engine: &Engine, &(name, size, module): &Bomb) {
    let costs = [1, 2, 4].map(|factor| {
        let bytes = module(size * factor);
        let (compiled, cost) = compile(engine, &bytes, name);
        if factor == 1
            && let Ok(module) = &compiled
        {
            run_briefly(module, name);
        }
        (bytes.len(), compiled.is_ok(), cost)
    });
    for (module_bytes, compiled, cost) in costs {
        println!(
            "{:36}{:9} bytes {:10.2} ms {:10} KiB heap {:10} bytes of code{}",
            name,
            module_bytes,
            cost.time.as_secs_f64() * 1e3,
            cost.heap_bytes >> 10,
            cost.code_bytes,
            if compiled { "" } else { ", refused" }
        );
    }
    let [(_, _, small), _, (_, _, large)] = costs;
    // What is faster than the floor is too fast to measure.
    let time = |cost: Cost| cost.time.as_micros() as usize;
    assert!(time(large) <= BEND * time(small).max(500), "{}: time bends", name);
    assert!(large.heap_bytes <= BEND * small.heap_bytes.max(64 << 10), "{}: memory bends", name);
    assert!(large.code_bytes <= BEND * small.code_bytes.max(4 << 10), "{}: code bends", name);
    assert!(large.time < Duration::from_secs(4), "{}: compiles for too long", name);
    assert!(large.heap_bytes < 700 << 20, "{}: takes too much memory", name);
}

/// What was compiled returns or traps; loops without end do not occur as all locals are 0.
fn run_briefly(module: &Module, name: &str) {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect(name);
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").expect(name);
    if let Err(error) = f.call(&mut store, ()) {
        assert!(error.trap().is_some(), "{name}: {error}");
    }
}

/// On a thread with little stack: compilation does not recurse.
fn on_a_small_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, work).expect("a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Every fourth bomb each, so that the tests share the work.
fn check_curves(quarter: usize) {
    let engine = Engine::default();
    on_a_small_stack(|| BOMBS.iter().skip(quarter).step_by(4).for_each(|bomb| check_curve(&engine, bomb)));
}

#[test]
fn cost_grows_with_the_module_1() {
    check_curves(0);
}

#[test]
fn cost_grows_with_the_module_2() {
    check_curves(1);
}

#[test]
fn cost_grows_with_the_module_3() {
    check_curves(2);
}

#[test]
fn cost_grows_with_the_module_4() {
    check_curves(3);
}

/// What a module may have many of besides functions: compiled and instantiated.
#[rustfmt::skip]
const FIELDS: &[(&str, fn(usize) -> String)] = &[
    ("types",              |i| format!("(type (func (param {} i64)))", "i32 ".repeat(i % 100))),
    ("globals",            |i| format!("(global i32 (i32.const {i}))")),
    ("exports",            |i| format!("(export \"x{i}\" (memory 0))")),
    ("data",               |i| format!("(data (i32.const {i}) \"xyz\")")),
    ("passive data",       |_| "(data \"xyz\")".to_owned()),
    ("elements",           |i| format!("(elem (i32.const {}) func $f)", i % 10)),
    ("declared elements",  |_| "(elem declare func $f)".to_owned()),
    ("tables",             |_| "(table 10 funcref)".to_owned()),
    ("named functions",    |i| format!("(func $a{i} (export \"f{i}\") (drop (ref.func $f)))")),
];

#[test]
fn large_sections_cost_in_proportion() {
    let engine = Engine::default();
    for (name, field) in FIELDS {
        // A module has at most 100 tables.
        let size = if *name == "tables" { 25 } else { 5_000 };
        let [small, large] = [size, 4 * size].map(|count| {
            let fields: String = (0..count).map(field).collect();
            let table = if *name == "tables" { "" } else { "(table 10 funcref)" };
            let text = format!("(module (memory 1) {table} (elem declare func $f) (func $f) {fields})");
            let bytes = wat::parse_str(text).expect(name);
            let attempt = |_| {
                let start = now();
                let module = Module::from_binary(&engine, &bytes).expect(name);
                Instance::new(&mut Store::new(&engine, ()), &module, &[]).expect(name);
                now() - start
            };
            (0..3).map(attempt).min().expect("three")
        });
        println!("{name:24} {small:12.2?} {large:12.2?}");
        assert!(large <= small.max(Duration::from_micros(500)) * BEND as u32, "{name}: time bends");
    }
}

// Extremes, in processes of their own with little memory.

/// Runs `work` in another process, in which no more than so many bytes can become writable.
fn with_little_memory(test: &str, bytes: u64, work: impl FnOnce()) {
    const CHILD: &str = "ADVERSARIAL_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: the limit is readable.
        let set = unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) };
        assert_eq!(set, 0);
        // SAFETY: kills this process if it hangs.
        unsafe { libc::alarm(60) };
        return work();
    }
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "1")
        // A backtrace takes memory, too.
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}: {text}", child.status);
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "the test is called {test}");
}

fn engines() -> [Engine; 2] {
    [true, false].map(|guard| {
        let mut config = Config::new();
        config.guard_memory(guard).max_table_elements(u64::MAX);
        Engine::new(&config).expect("an engine")
    })
}

fn instance(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = Module::new(engine, text).expect("valid");
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("instantiated");
    (store, instance)
}

/// Branches and calls with a thousand values each, of which some hundred megabytes of code would come.
#[test]
fn too_large_functions_are_refused_within_a_gibibyte() {
    with_little_memory("too_large_functions_are_refused_within_a_gibibyte", 1 << 30, || {
        let engine = Engine::default();
        let branches = |count: usize| {
            let branch = [GET, 0, BR_IF, 0];
            times(&[(1, &[BLOCK, TO_WIDE]), (WIDE, &[GET, 1]), (count, &branch), (1, &[END]), (WIDE, &[DROP])])
        };
        let calls = |count: usize| times(&[(WIDE, &[CONST, 0]), (count, &[CALL, 1]), (WIDE, &[DROP])]);
        for (code, compiles) in
            [(branches(5_000), true), (branches(20_000), false), (calls(1_000), true), (calls(20_000), false)]
        {
            let start = now();
            match Module::from_binary(&engine, &function(&code)) {
                Ok(module) => assert!(compiles, "{} bytes of code", module.text().len()),
                Err(error) => {
                    assert!(!compiles, "{error}");
                    assert!(error.offset().is_some(), "{error}");
                    assert!(error.to_string().contains("too large to compile"), "{error}");
                }
            }
            println!("compiled: {compiles}, after {:?}", now() - start);
        }
    });
}

#[test]
fn growing_fails_when_memory_is_used_up() {
    with_little_memory("growing_fails_when_memory_is_used_up", 256 << 20, || {
        for engine in engines() {
            let (mut store, instance) = instance(
                &engine,
                r#"(module (memory 1) (table $t 1 funcref) (table $x 1 externref)
                    (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
                    (func (export "funcs") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
                    (func (export "externs") (param i32) (result i32) (table.grow $x (ref.null extern) (local.get 0)))
                    (func (export "touch") (result i32)
                        (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 7))
                        (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))))"#,
            );
            let touch = instance.get_typed_func::<(), i32>(&mut store, "touch").unwrap();
            for (name, step) in [("memory", 100), ("funcs", 100_000), ("externs", 100_000)] {
                let grow = instance.get_typed_func::<u32, i32>(&mut store, name).unwrap();
                for too_many in [u32::MAX, u32::MAX - 1, 1 << 31, 1 << 28] {
                    assert_eq!(grow.call(&mut store, too_many).unwrap(), -1, "{name} by {too_many}");
                }
                let steps = (0..1000).take_while(|_| grow.call(&mut store, step).unwrap() >= 0).count();
                assert!((1..1000).contains(&steps), "{name}: {steps}");
                assert_eq!(touch.call(&mut store, ()).unwrap(), 7);
            }
        }
    });
}

#[test]
fn too_large_minimums_are_errors() {
    with_little_memory("too_large_minimums_are_errors", 256 << 20, || {
        for engine in engines() {
            for text in
                ["(memory 65536)", "(memory 10000)", "(table 0xffffffff funcref)", "(table 100000000 externref)"]
            {
                let module = Module::new(&engine, format!("(module {text})")).expect(text);
                for _ in 0..3 {
                    let error = Instance::new(&mut Store::new(&engine, ()), &module, &[]).expect_err(text);
                    assert_eq!(error.trap(), None, "{text}: {error}");
                }
            }
        }
    });
}

#[test]
fn address_space_is_used_up_with_an_error() {
    with_little_memory("address_space_is_used_up_with_an_error", 1 << 30, || {
        for engine in engines() {
            let module = Module::new(&engine, "(module (memory 1))").unwrap();
            let mut store = Store::new(&engine, ());
            let made = (0..40_000).map_while(|_| Instance::new(&mut store, &module, &[]).ok()).count();
            println!("{made} instances with a memory");
            assert!((1000..40_000).contains(&made), "{made}");
            drop(store);
            Instance::new(&mut Store::new(&engine, ()), &module, &[]).expect("room again");
        }
    });
}

// Frames.

/// 45,000 locals that hold different numbers and, above them, as many values on the operand stack: about 800 KB.
#[test]
fn large_frames_run_or_overflow() {
    const COUNT: i32 = 45_000;
    let mut text = String::from(
        r#"(module (memory 1) (func $leaf (result i32) (i32.load (i32.const 0)))
            (func $f (export "f") (param $depth i32) (result i32) (local "#,
    );
    text.push_str(&"i32 ".repeat(COUNT as usize));
    text.push_str(") (if (local.get 0) (then (return (call $f (i32.sub (local.get 0) (i32.const 1))))))");
    (1..=COUNT)
        .for_each(|local| text.push_str(&format!("(local.set {local} (i32.add (local.get 0) (i32.const {local})))")));
    text.push_str("(loop)");
    (0..COUNT).for_each(|_| text.push_str("(i32.load (local.get 0))"));
    text.push_str("(call $leaf)");
    (1..=COUNT).for_each(|local| text.push_str(&format!("local.get {local} i32.add ")));
    text.push_str(&"i32.add ".repeat(COUNT as usize));
    text.push_str("))");
    let sum = (1..=COUNT).fold(0i32, i32::wrapping_add);
    for guard in [true, false] {
        for (stack_bytes, deepest) in [(256 << 10, None), (2 << 20, Some(1)), (64 << 20, Some(50))] {
            let engine = Engine::new(Config::new().guard_memory(guard).max_wasm_stack(stack_bytes)).unwrap();
            let (mut store, instance) = instance(&engine, &text);
            let f = instance.get_typed_func::<i32, i32>(&mut store, "f").unwrap();
            if let Some(depth) = deepest {
                assert_eq!(f.call(&mut store, 0).unwrap(), sum);
                assert_eq!(f.call(&mut store, depth).unwrap(), sum);
            }
            assert_eq!(f.call(&mut store, 1000).unwrap_err().trap(), Some(Trap::StackOverflow));
        }
    }
}

/// A thousand parameters and results, through an import and an export.
#[test]
fn a_thousand_values_cross_the_border() {
    let engine = Engine::default();
    let types = "i64 ".repeat(WIDE);
    let gets: String = (0..WIDE).map(|local| format!("local.get {local} ")).collect();
    let text = format!(
        r#"(module (type $wide (func (param {types}) (result {types})))
            (import "h" "reverse" (func $reverse (type $wide)))
            (func (export "f") (type $wide) {gets} call $reverse))"#
    );
    let module = Module::new(&engine, text).unwrap();
    let ty = FuncType::new([ValType::I64; WIDE], [ValType::I64; WIDE]);
    let mut linker = Linker::new(&engine);
    linker
        .func_new("h", "reverse", ty, |_, params, results| {
            results.iter_mut().zip(params.iter().rev()).for_each(|(result, param)| *result = *param);
            Ok(())
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.get_func(&mut store, "f").unwrap();
    let params: Vec<Val> = (0..WIDE as i64).map(Val::I64).collect();
    let mut results = vec![Val::I64(0); WIDE];
    f.call(&mut store, &params, &mut results).unwrap();
    let results: Vec<i64> = results.iter().map(Val::unwrap_i64).collect();
    assert_eq!(results, (0..WIDE as i64).rev().collect::<Vec<_>>());
}
