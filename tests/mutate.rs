//! Damaged modules: mutations and truncations of real ones, and random bytes, each in a process of its own.
//!
//! `cargo test --release --test mutate -- 10000 DIR...` tries 10,000 cases, on the `.wasm` files of these directories
//! beside the repository's own; without arguments it is a few hundred. A case's number decides all about it, so a
//! failure comes again; its bytes are kept.
//!
//! Each process may use 1 s of CPU time and 1 GiB of memory. A guarded memory reserves 8 GiB of addresses which hold
//! nothing, so with guarded memories (even cases) the limit is `RLIMIT_DATA`, which counts every private page that is
//! or becomes writable, whether touched or not; with checked memories (odd cases) it is the address space, `RLIMIT_AS`.
//! A mark on a pipe says that compilation is over: what a guest does with its time is its own business, so from then on
//! it has a tenth of a second.

#![allow(unsafe_code, reason = "makes processes, and sets their limits")]

mod random;

use planish::wasi::{I32Exit, WasiCtx, WasiCtxBuilder, add_to_linker};
use planish::{
    Config, Engine, Error, Extern, ExternType, Func, Global, HeapType, ImportType, Instance, Linker, Memory,
};
use planish::{Module, Ref, SharedMemory, Store, Table, Val, ValType, WasmFeature};
use random::Random;
use std::collections::BTreeMap;
use std::io::{PipeWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io, mem, panic, ptr};
use wasmparser::{BinaryReader, FunctionBody, Payload};

const CASES: usize = 300;
const OFF_BY_DEFAULT: &[WasmFeature] =
    &[WasmFeature::Threads, WasmFeature::CustomPageSizes, WasmFeature::WideArithmetic];
const MEMORY_BYTES: u64 = 1 << 30;
const CPU_SECONDS: u64 = 1;
/// For a guest, after compilation.
const RUN_MICROSECONDS: i64 = 100_000;
/// A guest may sleep, which takes no CPU time.
const WALL_SECONDS: i64 = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Anything else is a filter for the other tests' harness.
    let count = arguments.first().and_then(|count| count.parse().ok());
    let directories = if count.is_some() { &arguments[1..] } else { &[] };
    let modules = modules(directories);
    println!("{} cases from {} modules", count.unwrap_or(CASES), modules.len());
    let mut outcomes = Outcomes::default();
    for case in 0..count.unwrap_or(CASES) {
        let (kind, bytes) = bytes_of(case, &modules);
        let seen = in_a_process(|mark| run(&bytes, case % 2 == 0, mark), case % 2 == 0);
        outcomes.add(case, kind, seen, &bytes);
    }
    outcomes.report()
}

/// A module and where its function bodies are.
struct Original {
    bytes: Vec<u8>,
    bodies: Vec<Range<usize>>,
}

impl Original {
    fn new(bytes: Vec<u8>) -> Original {
        let payloads = wasmparser::Parser::new(0).parse_all(&bytes);
        let body = |payload| match payload {
            Ok(Payload::CodeSectionEntry(body)) => Some(body.range().start as usize..body.range().end as usize),
            _ => None,
        };
        let bodies = payloads.filter_map(body).collect();
        Original { bytes, bodies }
    }
}

/// The repository's own, and those of the given directories.
fn modules(directories: &[String]) -> Vec<Original> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = ["examples/programs", "tests/lowering"].map(|folder| root.join(folder));
    let mut files: Vec<PathBuf> =
        own.into_iter().chain(directories.iter().map(PathBuf::from)).flat_map(files).collect();
    files.sort();
    let read = |file: PathBuf| match file.extension()?.to_str()? {
        "wasm" => fs::read(file).ok(),
        "wat" => wat::parse_file(file).ok(),
        _ => None,
    };
    files.into_iter().filter_map(read).map(Original::new).collect()
}

/// Also those one level below.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries(&folder).flat_map(|path| if path.is_dir() { entries(&path).collect() } else { vec![path] }).collect()
}

// Cases.

fn bytes_of(case: usize, modules: &[Original]) -> (&'static str, Vec<u8>) {
    let mut random = Random((case as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let Original { bytes, bodies } = &modules[random.below(modules.len())];
    let mut bytes = bytes.clone();
    match random.below(10) {
        0 => ("random bytes", random_bytes(&mut random)),
        1 | 2 => {
            bytes.truncate(random.below(bytes.len()));
            ("truncation", bytes)
        }
        3..=6 => {
            (0..1 + random.below(16)).for_each(|_| exchange_operator(&mut random, bodies, &mut bytes));
            ("other operators", bytes)
        }
        _ => {
            (0..1 + random.below(8)).for_each(|_| mutate(&mut random, &mut bytes));
            ("mutation", bytes)
        }
    }
}

fn random_bytes(random: &mut Random) -> Vec<u8> {
    let mut bytes = if random.below(2) == 0 { Vec::new() } else { b"\0asm\x01\0\0\0".to_vec() };
    let len = random.below(4096);
    bytes.extend((0..len).map(|_| random.below(256) as u8));
    bytes
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len());
    let some = at..(at + random.below(16)).min(bytes.len());
    match random.below(7) {
        0 => bytes[at] = random.below(256) as u8,
        1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = bytes[at].wrapping_add(1),
        3 => bytes.insert(at, random.below(256) as u8),
        4 => drop(bytes.drain(some)),
        5 => {
            let to = random.below(bytes.len() - some.len());
            bytes.copy_within(some, to);
        }
        // The largest number in place of whatever is there.
        _ => drop(bytes.splice(at..(at + 1 + random.below(5)).min(bytes.len()), [0xff, 0xff, 0xff, 0xff, 0x0f])),
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}

/// Operators of one type, as ranges of opcodes. Constants get another value instead.
#[rustfmt::skip]
const ALIKE: &[(u8, u8)] = &[
    (0x2c, 0x2f), (0x30, 0x33), (0x34, 0x35), (0x3a, 0x3b), (0x3c, 0x3d), (0x41, 0x41), (0x42, 0x42), (0x46, 0x4f),
    (0x51, 0x5a), (0x5b, 0x60), (0x61, 0x66), (0x67, 0x69), (0x6a, 0x78), (0x79, 0x7b), (0x7c, 0x8a), (0x8b, 0x91),
    (0x92, 0x98), (0x99, 0x9f), (0xa0, 0xa6), (0xa8, 0xa9), (0xaa, 0xab), (0xac, 0xad), (0xae, 0xaf), (0xb0, 0xb1),
    (0xb2, 0xb3), (0xb4, 0xb5), (0xb7, 0xb8), (0xb9, 0xba), (0xc0, 0xc1), (0xc2, 0xc4),
];

/// Exchanges an operator of some function for one of the same type: nearly all of these modules are valid.
fn exchange_operator(random: &mut Random, bodies: &[Range<usize>], bytes: &mut [u8]) {
    let Some(body) = bodies.get(random.below(bodies.len())) else { return };
    let alike = |opcode: u8| ALIKE.iter().find(|(first, last)| (*first..=*last).contains(&opcode));
    let places: Vec<usize> = operators(body, bytes).into_iter().filter(|at| alike(bytes[*at]).is_some()).collect();
    let Some(&at) = places.get(random.below(places.len())) else { return };
    let (first, last) = *alike(bytes[at]).expect("chosen for that");
    match first {
        0x41 | 0x42 => bytes[at + 1] ^= random.below(0x80) as u8,
        _ => bytes[at] = first + random.below((last - first + 1).into()) as u8,
    }
}

/// Where a body's operators begin.
fn operators(body: &Range<usize>, bytes: &[u8]) -> Vec<usize> {
    let reader = BinaryReader::new(&bytes[body.clone()], body.start as u64);
    let operators = FunctionBody::new(reader).get_operators_reader().expect("it was valid").into_iter_with_offsets();
    operators.map_while(|operator| Some(operator.ok()?.1 as usize)).collect()
}

// One case.

/// How a process that was not killed ended.
#[derive(Clone, Copy)]
#[repr(u8)]
enum End {
    Refused,
    NoOffset,
    NotInstantiated,
    Trapped,
    Returned,
    Panicked,
}

fn run(bytes: &[u8], guarded: bool, mark: &mut PipeWriter) -> End {
    let mut config = Config::new();
    OFF_BY_DEFAULT.iter().for_each(|feature| _ = config.wasm_feature(*feature, true));
    let engine = Engine::new(config.guard_memory(guarded)).expect("an engine");
    let compiled = Module::from_binary(&engine, bytes);
    mark.write_all(b"c").expect("the parent listens");
    let module = match compiled {
        Ok(module) => module,
        Err(error) if error.offset().is_some_and(|offset| offset <= bytes.len()) => return End::Refused,
        Err(error) => {
            eprintln!("without an offset: {error}");
            return End::NoOffset;
        }
    };
    limit_run();
    let mut store = Store::new(&engine, WasiCtxBuilder::new().arg("program").build());
    match instantiate(&mut store, &module) {
        Ok(instance) => call_exports(&mut store, &instance),
        Err(error) if error.trap().is_some() => End::Trapped,
        Err(_) => End::NotInstantiated,
    }
}

/// With WASI; everything else that is asked for does nothing.
fn instantiate(store: &mut Store<WasiCtx>, module: &Module) -> Result<Instance, Error> {
    let mut linker = Linker::new(module.engine());
    add_to_linker(&mut linker, |context| context)?;
    let mut imports = Vec::new();
    for import in module.imports() {
        let known = linker.get(&mut *store, import.module(), import.name()).filter(|known| {
            let (ExternType::Func(known), ExternType::Func(asked)) = (known.ty(&*store), import.ty()) else {
                return false;
            };
            known == asked
        });
        imports.push(match known {
            Some(known) => known,
            None => stand_in(store, &import)?,
        });
    }
    Instance::new(store, module, &imports)
}

fn stand_in(store: &mut Store<WasiCtx>, import: &ImportType<'_>) -> Result<Extern, Error> {
    Ok(match import.ty() {
        ExternType::Func(ty) => {
            let zeros = defaults(ty.results());
            Extern::Func(Func::new(store, ty, move |_, _, results| {
                results.clone_from_slice(&zeros);
                Ok(())
            }))
        }
        ExternType::Table(ty) => {
            let null = if ty.element.heap == HeapType::Func { Ref::Func(None) } else { Ref::Extern(None) };
            Extern::Table(Table::new(store, ty, null)?)
        }
        ExternType::Memory(ty) if ty.is_shared() => Extern::SharedMemory(SharedMemory::new(store.engine(), ty)?),
        ExternType::Memory(ty) => Extern::Memory(Memory::new(store, ty)?),
        ExternType::Global(ty) => {
            let value = defaults(std::slice::from_ref(&ty.content)).remove(0);
            Extern::Global(Global::new(store, ty, value)?)
        }
        other => return Err(Error::msg(format!("imports {other:?}"))),
    })
}

fn defaults(types: &[ValType]) -> Vec<Val> {
    types.iter().map(|ty| Val::default_for_ty(ty).expect("every type has one")).collect()
}

fn call_exports(store: &mut Store<WasiCtx>, instance: &Instance) -> End {
    let mut end = End::Returned;
    let functions: Vec<Func> = instance.exports(&mut *store).filter_map(|export| export.into_func()).collect();
    for function in functions {
        let ty = function.ty(&*store);
        let (params, mut results) = (defaults(ty.params()), defaults(ty.results()));
        match function.call(&mut *store, &params, &mut results) {
            Err(error) if error.trap().is_some() => end = End::Trapped,
            Err(error) if error.is::<I32Exit>() => {}
            Err(error) => assert!(error.offset().is_none(), "{error}"),
            Ok(()) => {}
        }
    }
    end
}

// Processes.

/// What the parent sees.
struct Seen {
    /// Of `waitpid`.
    status: libc::c_int,
    compiled: bool,
    cpu_milliseconds: i64,
    resident_bytes: i64,
}

/// Runs `work` in a copy of this process, which has one thread, within the limits.
fn in_a_process(work: impl FnOnce(&mut PipeWriter) -> End, guarded: bool) -> Seen {
    let (mut from_child, mut mark) = io::pipe().expect("a pipe");
    // SAFETY: there are no other threads that could hold a lock.
    match unsafe { libc::fork() } {
        -1 => panic!("no process: {}", io::Error::last_os_error()),
        0 => {
            limit_process(guarded);
            let work = panic::AssertUnwindSafe(|| work(&mut mark));
            let end = panic::catch_unwind(work).unwrap_or(End::Panicked);
            // SAFETY: ends the process without what the parent has registered to happen at its end.
            unsafe { libc::_exit(end as i32) }
        }
        child => {
            drop(mark);
            let mut marks = Vec::new();
            from_child.read_to_end(&mut marks).expect("a pipe that closes");
            // SAFETY: zeros are a valid value.
            let (mut status, mut usage) = (0, unsafe { mem::zeroed::<libc::rusage>() });
            // SAFETY: both are writable and outlive the call.
            let waited = unsafe { libc::wait4(child, &raw mut status, 0, &raw mut usage) };
            assert_eq!(waited, child, "{}", io::Error::last_os_error());
            let milliseconds = |time: libc::timeval| time.tv_sec * 1000 + time.tv_usec / 1000;
            Seen {
                status,
                compiled: !marks.is_empty(),
                cpu_milliseconds: milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime),
                resident_bytes: usage.ru_maxrss * 1024,
            }
        }
    }
}

fn limit_process(guarded: bool) {
    let memory = if guarded { libc::RLIMIT_DATA } else { libc::RLIMIT_AS };
    for (resource, limit) in [(memory, MEMORY_BYTES), (libc::RLIMIT_CPU, CPU_SECONDS), (libc::RLIMIT_CORE, 0)] {
        // The hard limit kills for good.
        let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit + 1 };
        // SAFETY: the limit is readable.
        let set = unsafe { libc::setrlimit(resource, &raw const limit) };
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
    }
    set_timer(libc::ITIMER_REAL, WALL_SECONDS * 1_000_000);
}

/// SIGPROF, unlike SIGXCPU, says that it was the guest that did not end.
fn limit_run() {
    set_timer(libc::ITIMER_PROF, RUN_MICROSECONDS);
}

fn set_timer(which: libc::c_int, microseconds: i64) {
    let none = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let value = libc::timeval { tv_sec: microseconds / 1_000_000, tv_usec: microseconds % 1_000_000 };
    let timer = libc::itimerval { it_interval: none, it_value: value };
    // SAFETY: the new value is readable, the old one is not asked for.
    let set = unsafe { libc::setitimer(which as _, &raw const timer, ptr::null_mut()) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

// Outcomes.

#[derive(Default)]
struct Outcomes {
    by_kind: BTreeMap<(bool, String), BTreeMap<&'static str, usize>>,
    failed: usize,
    cpu_milliseconds: i64,
    resident_bytes: i64,
}

impl Outcomes {
    fn add(&mut self, case: usize, kind: &'static str, seen: Seen, bytes: &[u8]) {
        let (failed, outcome) = seen.outcome();
        self.cpu_milliseconds = self.cpu_milliseconds.max(seen.cpu_milliseconds);
        self.resident_bytes = self.resident_bytes.max(seen.resident_bytes);
        if failed {
            self.failed += 1;
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mutate-{case}.wasm"));
            fs::write(&file, bytes).expect("a writable folder");
            println!("case {case} ({kind}): {outcome}: {}", file.display());
        }
        *self.by_kind.entry((failed, outcome)).or_default().entry(kind).or_default() += 1;
    }

    fn report(&self) -> ExitCode {
        for ((failed, outcome), kinds) in &self.by_kind {
            let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            let total: usize = self.by_kind[&(*failed, outcome.clone())].values().sum();
            println!("{total:7}  {}{outcome:44} {}", if *failed { "FAILED " } else { "" }, kinds.join(", "));
        }
        let mebibytes = self.resident_bytes >> 20;
        println!(
            "at most {} ms of CPU time and {mebibytes} MiB resident; {} failed\n",
            self.cpu_milliseconds, self.failed
        );
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Seen {
    /// Whether it is a failure, and in words.
    fn outcome(&self) -> (bool, String) {
        let (what, when) = if self.compiled { ("a run", "running") } else { ("a compilation", "compiling") };
        if libc::WIFSIGNALED(self.status) {
            return match (libc::WTERMSIG(self.status), self.compiled) {
                (libc::SIGPROF | libc::SIGALRM, true) => (false, "compiled, still running when stopped".to_owned()),
                (libc::SIGXCPU | libc::SIGALRM | libc::SIGKILL, false) => (true, "compiles for too long".to_owned()),
                (signal, _) => (true, format!("{what} crashed with signal {signal}")),
            };
        }
        const ENDS: [(bool, &str); 6] = [
            (false, "refused, with an offset"),
            (true, "refused, without an offset"),
            (false, "compiled, not instantiated"),
            (false, "compiled, trapped"),
            (false, "compiled, ran to the end"),
            (true, "panicked"),
        ];
        let (failed, words) = ENDS[libc::WEXITSTATUS(self.status) as usize];
        (failed, if failed { format!("{words} ({when})") } else { words.to_owned() })
    }
}
