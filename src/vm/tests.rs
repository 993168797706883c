//! The running half on hand-assembled code: what the compiler emits, in miniature.

#![allow(unsafe_code, reason = "reads and sets the floating-point control, makes threads as C does")]

mod code;

use super::code::buffer::Code;
use super::code::published::{CodeAddress, Contents, EntryPoint, Signature, SignatureSpan, Signatures};
use super::exit::backtrace::{Frame, MAX_FRAMES};
use super::exit::header::Pending;
use super::exit::record::{HostError, Payload};
use super::owned::bounds::{Bounds, Limits, Refused};
use super::owned::images::MemoryImages;
use super::owned::pool::{MemoryPool, PoolLimits};
use super::owned::stack::StackPool;
use super::run::enter::{Exit, enter};
use super::run::host::{HostCall, HostStop};
use super::run::instance::{Imports, InstanceModule};
use super::run::records::{Entries, Records};
use super::run::store::{Hosted, StoreState};
use super::run::trap::install_handlers;
use super::run::{builtins, unwind};
use super::visible::context::{FuncRef, Value};
use super::visible::handle::InstanceId;
use crate::abi::positions::{FunctionCode, Positions, Site, SiteWriter};
use crate::abi::{Builtin, TrapCode};
use crate::decode::{ExportItem, ModuleInfo};
use crate::types::{ConcreteFuncType, FuncIndex, FuncType, MemoryIndex, MemoryType, TypeIndex, ValType};
use code::*;
use std::mem::transmute;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

struct TestModule {
    info: ModuleInfo,
    _code: Code,
    images: MemoryImages,
    records: Records,
}

impl InstanceModule for TestModule {
    fn info(&self) -> &ModuleInfo {
        &self.info
    }

    fn export(&self, _: &str) -> Option<ExportItem> {
        None
    }

    fn images(&self) -> &MemoryImages {
        &self.images
    }

    fn records(&self) -> Result<&Records, Refused> {
        Ok(&self.records)
    }

    fn compile(&self, _: u32) -> Result<CodeAddress, HostError> {
        unreachable!("it is compiled")
    }
}

struct TestStore {
    state: StoreState,
    calls: u32,
    pool: Arc<StackPool>,
    ty: ConcreteFuncType,
    /// Of the type alone.
    signatures: Signatures,
    host_stub: CodeAddress,
    _stubs: Code,
}

impl Hosted for TestStore {
    fn state(&mut self) -> &mut StoreState {
        &mut self.state
    }
}

impl TestStore {
    fn new() -> TestStore {
        install_handlers().expect("signals");
        let (foreign, host) = (ENTRY.len() as u32, (ENTRY.len() + FOREIGN.len()) as u32);
        let span = SignatureSpan {
            entry_offset: 0,
            foreign_offset: foreign,
            foreign_return_offset: foreign + 13,
            foreign_frame_bytes: 16,
            arg_bytes: 0,
        };
        let stubs =
            Code::publish(&[ENTRY, FOREIGN, HOST].concat(), Contents::Signatures([span].into())).expect("memory");
        let ty = ConcreteFuncType::from(FuncType::new([ValType::I64], [ValType::I64]));
        let signatures = Signatures::new(std::slice::from_ref(&ty), &[span], stubs.published());
        let host_stub = stubs.address(host);
        let pool = StackPool::new(StackPool::DEFAULT_BYTES, 64);
        let state = StoreState::new::<TestStore>(pool.take().expect("memory"), Arc::from([]));
        TestStore { state, calls: 0, pool, ty, signatures, host_stub, _stubs: stubs }
    }

    /// How functions of the type are entered.
    fn point(&self) -> EntryPoint {
        self.signatures.of(&self.ty).entry_point()
    }

    fn host_signature(&self) -> Arc<Signature> {
        Arc::new(Signature::of_host(&self.ty, self.host_stub))
    }

    /// An instance of a module with these functions (all referable), a memory, and maybe one imported function.
    fn instance(&mut self, import: Option<FuncRef>, functions: &[Function]) -> InstanceId {
        let imported = import.is_some() as u32;
        let info = ModuleInfo {
            types: vec![self.ty.clone()],
            functions: vec![TypeIndex(0); functions.len() + imported as usize],
            imported_functions: imported,
            memories: vec![MemoryType::new(1, None)],
            referable: (imported..imported + functions.len() as u32).map(FuncIndex).collect(),
            ..ModuleInfo::default()
        };
        let (mut code, mut positions, mut sites) = (Vec::new(), Positions::default(), SiteWriter::default());
        for (index, Function(bytes, own_sites, frame_bytes, prologue_bytes)) in functions.iter().enumerate() {
            let (code_offset, wasm_offset) = (code.len() as u32, 1000 * index as u32);
            let sites_at = sites.start(code_offset, wasm_offset);
            for &(offset, kind) in *own_sites {
                let (code_offset, wasm_offset) = (code_offset + offset, wasm_offset + 1 + offset);
                sites.push(Site { code_offset, wasm_offset, kind });
            }
            let (frame_bytes, prologue_bytes) = (*frame_bytes, *prologue_bytes);
            positions.functions.push(FunctionCode {
                code_offset,
                wasm_offset,
                frame_bytes,
                arg_bytes: 0,
                sites_at,
                prologue_bytes,
                saved: 0,
                has_importer_entry: false,
            });
            code.extend(*bytes);
        }
        positions.sites = sites.into_bytes();
        positions.code_bytes = code.len() as u32;
        let code = Code::publish(&code, Contents::Module(positions)).expect("memory");
        let pool = &MemoryPool::new(PoolLimits { slots: 0, resident_bytes: 0 });
        let images = MemoryImages::new(pool);
        let records = Records::new(
            &info,
            |own| Entries { code: code.function(own), importer: code.function(own) },
            &self.signatures,
            true,
        )
        .expect("memory");
        let module = Arc::new(TestModule { info, _code: code, images, records });
        let imports = Imports { functions: import.into_iter().collect(), ..Imports::default() };
        let bounds = Bounds::Guarded;
        let limits = Limits { bounds, pool, memory_bytes: u64::MAX, table_elements: 1000 };
        self.state.add_instance(module, &imports, &limits).expect("memory")
    }

    /// The only function of a new module.
    fn function(&mut self, function: Function) -> FuncRef {
        let instance = self.instance(None, &[function]);
        self.state.instance(instance).func(FuncIndex(0))
    }

    /// A function of a new module that calls `import`.
    fn caller_of(&mut self, import: FuncRef) -> FuncRef {
        let instance = self.instance(Some(import), &[CALL_IMPORT]);
        self.state.instance(instance).func(FuncIndex(1))
    }

    fn call(&mut self, func: FuncRef, argument: u64) -> Result<u64, Exit> {
        let mut values = [Value::from_u64(argument)];
        let point = self.point();
        enter(self, func, &point, &mut values).map(|()| values[0].u64())
    }

    fn trap(&mut self, func: FuncRef, argument: u64) -> (TrapCode, Vec<Frame>) {
        match self.call(func, argument) {
            Err(Exit::Trap { code, frames }) => (code, frames),
            other => panic!("{other:?}"),
        }
    }
}

fn places(frames: &[Frame]) -> Vec<(u32, u32)> {
    frames.iter().map(|frame| (frame.function, frame.wasm_offset)).collect()
}

#[test]
fn a_call_goes_in_and_comes_back() {
    let mut store = TestStore::new();
    let double = store.function(DOUBLE);
    for argument in 0..1000 {
        assert_eq!(store.call(double, argument).expect("no trap"), 2 * argument);
    }
}

/// `cargo test --release the_door -- --nocapture` prints what a call costs.
#[test]
fn the_door_is_short() {
    let mut store = TestStore::new();
    let double = store.function(DOUBLE);
    let signature = store.host_signature();
    let host = store.state.add_host_function(signature, |_: &mut HostCall<'_, TestStore>| Ok(()));
    let (caller, point) = (store.caller_of(host), store.point());
    for (name, func) in [("host to wasm", double), ("host to wasm to host", caller)] {
        let best = (0..20).map(|_| {
            let (start, mut values) = (Instant::now(), [Value::from_u64(1)]);
            for _ in 0..100_000 {
                enter(&mut store, func, &point, &mut values).expect("no trap");
            }
            start.elapsed()
        });
        let best = best.min().expect("some rounds");
        println!("{name}: {:.2} ns", best.as_nanos() as f64 / 1e5);
        assert!(best < Duration::from_millis(200));
    }
}

#[test]
fn explicit_traps_carry_their_code() {
    let mut store = TestStore::new();
    let (unreachable, overflow) = (store.function(UNREACHABLE), store.function(OVERFLOW));
    for _ in 0..100 {
        let (code, frames) = store.trap(unreachable, 0);
        assert_eq!((code, places(&frames)), (TrapCode::Unreachable, vec![(0, 1)]));
        assert_eq!(store.trap(overflow, 0).0, TrapCode::IntegerOverflow);
    }
}

#[test]
fn faults_in_the_reservation_are_out_of_bounds() {
    let mut store = TestStore::new();
    let instance = store.instance(None, &[LOAD]);
    let load = store.state.instance(instance).func(FuncIndex(0));
    let memory = store.state.instance(instance).memory(MemoryIndex(0));
    store.state.memory_mut(memory).bytes_mut()[65528] = 77;
    assert_eq!(store.call(load, 65528).expect("in bounds"), 77);
    for address in [65529, 65536, 1 << 31, (1 << 32) - 1, 8 << 30, (8 << 30) + 65528] {
        assert_eq!(store.trap(load, address).0, TrapCode::MemoryOutOfBounds);
    }
    assert_eq!(store.state.memory_mut(memory).grow(1), Ok(1));
    assert_eq!(store.call(load, 65529).expect("in bounds"), 0);
}

#[test]
fn divisions_say_why() {
    let mut store = TestStore::new();
    let (wide, narrow, high) = (store.function(DIVIDE_64), store.function(DIVIDE_32), store.function(DIVIDE_R9));
    assert_eq!(store.call(wide, 1).expect("no trap"), u64::MAX);
    assert_eq!(store.trap(wide, 0).0, TrapCode::IntegerDivisionByZero);
    assert_eq!(store.trap(narrow, 0xffff_ffff).0, TrapCode::IntegerOverflow);
    // The upper half of the register does not count.
    assert_eq!(store.trap(narrow, 0xffff_ffff_0000_0000).0, TrapCode::IntegerDivisionByZero);
    assert_eq!(store.trap(high, 7).0, TrapCode::IntegerOverflow);
    assert_eq!(store.trap(high, 0).0, TrapCode::IntegerDivisionByZero);
}

#[test]
fn null_records_are_null_calls() {
    let mut store = TestStore::new();
    let null = store.function(NULL);
    assert_eq!(store.trap(null, 0).0, TrapCode::IndirectCallToNull);
}

#[test]
fn the_wasm_stack_ends_in_a_trap_with_a_backtrace() {
    let mut store = TestStore::new();
    for (function, call_at) in [(RECURSE, 10), (RECURSE_WIDELY, 17)] {
        let recurse = store.function(function);
        for _ in 0..3 {
            let (code, frames) = store.trap(recurse, 0);
            assert_eq!((code, frames.len()), (TrapCode::StackExhausted, MAX_FRAMES));
            assert_eq!(places(&frames[1..3]), [(0, call_at), (0, call_at)]);
        }
    }
}

#[test]
fn host_functions_answer_fail_and_panic() {
    let mut store = TestStore::new();
    let signature = store.host_signature();
    let host = store.state.add_host_function(signature, |call: &mut HostCall<'_, TestStore>| {
        let caller = call.caller();
        let backtrace = call.backtrace();
        let (store, values) = call.parts();
        store.calls += 1;
        assert!(caller.is_none() == backtrace.is_empty());
        match values[0].u64() {
            0 => return Err("zero".into()),
            1 => panic!("one"),
            value => values[0] = Value::from_u64(value + 1),
        }
        Ok(())
    });
    let caller = store.caller_of(host);
    let mut expected_calls = 0;
    for func in [host, caller] {
        for _ in 0..3 {
            assert_eq!(store.call(func, 5).expect("no error"), 6);
            match store.call(func, 0) {
                Err(Exit::Error { error, frames }) => {
                    assert_eq!(error.to_string(), "zero");
                    assert_eq!(places(&frames), if func == caller { vec![(0, 12)] } else { vec![] });
                }
                other => panic!("{other:?}"),
            }
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.call(func, 1)));
            assert_eq!(panic.expect_err("it panics").downcast_ref(), Some(&"one"));
            expected_calls += 3;
        }
    }
    assert_eq!(store.calls, expected_calls);
}

#[test]
fn traps_inside_host_calls_inside_wasm_keep_all_frames() {
    let mut store = TestStore::new();
    let inner = store.function(UNREACHABLE);
    let signature = store.host_signature();
    let host = store.state.add_host_function(signature, move |call: &mut HostCall<'_, TestStore>| {
        let store = call.parts().0;
        let (code, frames) = store.trap(inner, 0);
        assert_eq!(code, TrapCode::Unreachable);
        assert_eq!(places(&frames), [(0, 1), (0, 12), (0, 12)]);
        // The outer activation is as before: another call out of it, and its backtrace.
        assert_eq!(call.backtrace(), frames[1..]);
        Err("trapped inside".into())
    });
    let outer = store.caller_of(host);
    let outermost = store.caller_of(outer);
    for _ in 0..3 {
        match store.call(outermost, 0) {
            Err(Exit::Error { frames, .. }) => assert_eq!(places(&frames), [(0, 12), (0, 12)]),
            other => panic!("{other:?}"),
        }
    }
}

/// Wasm calls the host calls wasm, until the native stack or the wasm stack is used up.
fn recurse_through_the_host() -> u32 {
    let mut store = TestStore::new();
    let signature = store.host_signature();
    let host = store.state.add_host_function(signature, |call: &mut HostCall<'_, TestStore>| {
        let (store, values) = call.parts();
        store.calls += 1;
        let func = FuncRef::from_bits(values[0].u64()).expect("not null");
        store.call(func, values[0].u64()).map(drop).map_err(|exit| match exit {
            Exit::Trap { code, .. } => format!("{code:?}").into(),
            Exit::Error { error, .. } => HostStop::Error(error),
            Exit::Exception { .. } => unreachable!("nobody throws"),
        })
    });
    let caller = store.caller_of(host);
    match store.call(caller, caller.bits()) {
        Err(Exit::Error { error, frames }) => {
            assert_eq!(error.to_string(), "StackExhausted");
            assert_eq!(frames.len(), 1);
        }
        other => panic!("{other:?}"),
    }
    store.calls
}

#[test]
fn recursion_through_the_host_ends_in_a_trap() {
    for bytes in [256 << 10, 2 << 20, 64 << 20] {
        let thread = std::thread::Builder::new().stack_size(bytes).spawn(recurse_through_the_host);
        let depth = thread.expect("a thread").join().expect("no overflow");
        assert!(depth > 50, "{depth}");
    }
}

#[test]
fn the_embedders_float_control_does_not_matter() {
    let mut store = TestStore::new();
    let add = store.function(ADD_FLOATS);
    let point = store.point();
    let denormal = 5;
    let embedder: u32 = 0x1f80 | 0x8040;
    // SAFETY: flush to zero and denormals are zero, without reserved bits; reset below.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const embedder) };
    let mut values = [Value::from_u64(denormal)];
    let result = enter(&mut store, add, &point, &mut values);
    let mut after = 0u32;
    // SAFETY: writes four bytes to `after`.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut after) };
    let default = 0x1f80u32;
    // SAFETY: what every thread starts with.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const default) };
    result.expect("no trap");
    assert_eq!(values[0].u64(), 2 * denormal);
    assert_eq!(after & 0xffc0, embedder);
}

#[test]
fn exceptions_unmasked_by_the_embedder_do_not_reach_wasm() {
    let mut store = TestStore::new();
    let add = store.function(ADD_FLOATS);
    let point = store.point();
    let (invalid_unmasked, default) = (0x1f00u32, 0x1f80u32);
    for argument in [f64::MAX, f64::from_bits(0x7ff4_0000_0000_0000)] {
        let mut values = [Value::from_u64(argument.to_bits())];
        let control = if argument.is_nan() { invalid_unmasked } else { 0x1b80 };
        // SAFETY: no reserved bits; reset below.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control) };
        let result = enter(&mut store, add, &point, &mut values);
        let mut after = 0u32;
        // SAFETY: writes four bytes to `after`.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut after) };
        // SAFETY: what every thread starts with.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const default) };
        result.expect("no trap");
        assert!(!f64::from_bits(values[0].u64()).is_finite());
        assert_eq!(after & 0xffc0, control);
    }
}

#[test]
fn two_threads_trap_at_once() {
    let total = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut store = TestStore::new();
                let (load, recurse) = (store.function(LOAD), store.function(RECURSE));
                for round in 0..2000 {
                    assert_eq!(store.trap(load, 1 << 20).0, TrapCode::MemoryOutOfBounds);
                    if round % 100 == 0 {
                        assert_eq!(store.trap(recurse, 0).0, TrapCode::StackExhausted);
                    }
                    total.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 4000);
}

#[test]
fn threads_of_c_get_an_alternate_stack() {
    extern "C" fn run(_: *mut std::ffi::c_void) -> *mut std::ffi::c_void {
        let mut store = TestStore::new();
        let recurse = store.function(RECURSE);
        let (code, _) = store.trap(recurse, 0);
        usize::from(code == TrapCode::StackExhausted) as *mut std::ffi::c_void
    }
    let mut thread = std::mem::MaybeUninit::uninit();
    // SAFETY: default attributes, and a function of the right type without an argument.
    let made = unsafe { libc::pthread_create(thread.as_mut_ptr(), std::ptr::null(), run, std::ptr::null_mut()) };
    assert_eq!(made, 0);
    let mut result = std::ptr::null_mut();
    // SAFETY: made above, joined once.
    assert_eq!(unsafe { libc::pthread_join(thread.assume_init(), &mut result) }, 0);
    assert_eq!(result as usize, 1);
}

#[test]
fn a_store_moves_between_threads() {
    let mut store = TestStore::new();
    let load = store.function(LOAD);
    assert_eq!(store.trap(load, 1 << 20).0, TrapCode::MemoryOutOfBounds);
    let moved = std::thread::spawn(move || store.trap(load, 1 << 20).0);
    assert_eq!(moved.join().expect("no panic"), TrapCode::MemoryOutOfBounds);
}

#[test]
fn a_stack_goes_back_to_its_pool_with_its_store() {
    let mut store = TestStore::new();
    let recurse = store.function(RECURSE);
    assert_eq!(store.trap(recurse, 0).0, TrapCode::StackExhausted);
    let pool = store.pool.clone();
    // These keep their memory.
    drop([(); 8].map(|()| pool.take().expect("memory")));
    drop(store);
    let usable = pool.take().expect("memory").usable();
    // SAFETY: the lowest word of a wasm stack that nobody runs on.
    assert_eq!(unsafe { (usable.start as *const u64).read() }, 0, "an idle stack keeps little memory");
}

#[test]
fn leaving_the_sandbox_aborts() {
    const CHILD: &str = "PLANISH_TEST_ESCAPE";
    if std::env::var_os(CHILD).is_some() {
        let mut store = TestStore::new();
        let escape = store.function(ESCAPE);
        let _ = store.call(escape, 8192);
        return;
    }
    let test = "vm::tests::leaving_the_sandbox_aborts";
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("left its sandbox"), "{output:?}");
    assert!(!output.status.success());
}

/// What our own code makes of a reference that is none, and of a trap that does not exist: nothing that a guest can ask for, but
/// if it does, the process goes on.
#[test]
fn panics_of_our_own_leave_wasm_as_those_of_host_functions_do() {
    let mut store = TestStore::new();
    let instance = store.instance(None, &[DOUBLE]);
    let context = store.state.instance(instance).context().as_ptr();
    let exit: [usize; 2] = [0; 2];
    let take_panic = |store: &mut TestStore| {
        let header = &mut *store.state.header;
        let pending = std::mem::replace(&mut header.pending, Pending::Nothing);
        assert_eq!((pending, header.thrown), (Pending::Payload, 0));
        assert!(matches!(header.payload.take(), Some(Payload::Panic(_))));
    };
    store.state.header.exit_sp = exit.as_ptr() as usize;
    store.state.header.thrown = 12_345;
    let header = store.state.header.address().as_ptr();
    // SAFETY: the header and a context of a live store, whose exit is a word that can be read.
    assert_eq!(unsafe { unwind::search(header, context) }, 0);
    take_panic(&mut store);
    // SAFETY: the address of a builtin.
    let trap: builtins::Entry = unsafe { transmute(builtins::addresses()[Builtin::Trap as usize] as usize) };
    // SAFETY: a context of a live store.
    let result = unsafe { trap(context, 255, 0, 0, 0, 0) };
    assert_eq!(result.trapped, 1);
    take_panic(&mut store);
}
