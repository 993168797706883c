//! Machine code through which compiled code calls builtins, leaves wasm and has functions compiled.

use super::emit::FUNCTION_ALIGNMENT;
use crate::abi::layout::{
    CONTEXT_BUILTINS, CONTEXT_HEAP, CONTEXT_STORE, IMPORTER_ENTRY_BYTES, RECORD_CODE, RECORD_INSTANCE, RESUME_CONTEXT,
    RESUME_EXCEPTION, RESUME_PC, RESUME_SP, RESUME_VALUES, STORE_EXIT_SP, STORE_NATIVE_SP, STORE_RESUME, STORE_THROWN,
    STORE_TRAP_EXIT, STORE_WASM_SP,
};
use crate::abi::lazy_code::{COMMON_BYTES, LazyLayout, STUB_BYTES, STUB_COMPILES};
use crate::abi::{Builtin, CALLEE, CALLEE_SAVED, CONTEXT, FLOAT_ARGS, HEAP, INT_ARGS};
use planish_asm::regs::{r8, r9, r10, r11, rax, rbx, rcx, rdi, rdx, rsi, rsp};
use planish_asm::{Addr, Alu, Asm, Cond, Gp64, LabelSlot, Width};
use std::io;

/// Holds rsp of the wasm stack while the host runs: the C ABI keeps r15, and the heap's base is loaded again afterwards.
pub(super) const WASM_SP: Gp64 = HEAP;

/// Entries of all builtins, in one piece of position-independent code.
pub(crate) struct BuiltinStubs {
    pub(crate) code: Vec<u8>,
    /// By [`Builtin`](crate::abi::Builtin), then [`Builtin::LEAVE`](crate::abi::Builtin::LEAVE) and
    /// [`Builtin::COMPILE`](crate::abi::Builtin::COMPILE). Each builtin keeps the callee-saved registers of [`crate::abi`], sets the store's exit and wasm rsp, switches to the native stack and calls
    /// the function's address, read from a table of addresses: see [`builtin_stubs`].
    pub(crate) offsets: Vec<u32>,
    /// [`RECORD_IMPORTER`](crate::abi::layout::RECORD_IMPORTER) of a wasm function that has no such entry of its own.
    pub(crate) importer_offset: u32,
}

pub(super) fn stack(at: i32) -> Addr {
    Addr::base_disp(rsp.any(), at)
}

/// Notes where wasm was left and goes on on the native stack. The return address lies `frame` bytes over rsp; `popped` bytes
/// behind it go with it. Uses rax, r10 and r11.
pub(super) fn leave_wasm_stack(asm: &mut Asm<'_>, frame: i32, popped: u32) {
    let store = r11;
    asm.mov_rm(Width::W64, store.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_STORE));
    asm.lea_rm(Width::W64, r10.any(), stack(frame));
    if popped > 0 {
        asm.mov_ri(Width::W64, rax.any(), i64::from(popped / 8) << 48);
        asm.alu_rr(Alu::Or, Width::W64, r10.any(), rax.any());
    }
    asm.mov_mr(Width::W64, Addr::base_disp(store.any(), STORE_EXIT_SP), r10.any());
    asm.mov_mr(Width::W64, Addr::base_disp(store.any(), STORE_WASM_SP), rsp.any());
    asm.mov_rm(Width::W64, rsp.any(), Addr::base_disp(store.any(), STORE_NATIVE_SP));
    // The System V ABI wants 16-aligned calls.
    asm.alu_ri(Alu::And, Width::W64, rsp.any(), -16);
}

/// Leaves wasm after a call to the native side that did not succeed. r11 lies on the stack.
pub(super) fn leave(asm: &mut Asm<'_>) {
    asm.pop_r(r11.any());
    asm.mov_rm(Width::W64, rax.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_BUILTINS));
    asm.jmp_m(Addr::base_disp(rax.any(), 8 * Builtin::LEAVE as i32));
}

/// The builtins' entries, given the address of each
/// `extern "sysv64" fn(context: *mut Context, a: u64, b: u64, c: u64, d: u64, e: u64) -> BuiltinResult`, where
/// `#[repr(C)] struct BuiltinResult { value: u64, trapped: u64 }` comes back in rax and rdx: unless `trapped` is 0 the stub
/// [leaves](Builtin::LEAVE). `search` is an `extern "sysv64" fn(store: *mut StoreHeader, context: *mut Context) -> u32` that finds
/// where the store's thrown exception is caught and notes it in the store, or returns 0. `compile` is an
/// `extern "sysv64" fn(context: *mut Context, function: u32) -> BuiltinResult` whose value is the function's code address.
pub(crate) fn builtin_stubs(addresses: &[u64; Builtin::COUNT], search: u64, compile: u64) -> BuiltinStubs {
    let mut code = vec![0; 128 * Builtin::COUNT + 1024];
    let mut labels = [LabelSlot::EMPTY; Builtin::COUNT + 2];
    let mut asm = Asm::new(&mut code, &mut labels);
    let mut offsets = Vec::with_capacity(Builtin::COUNT);
    for &address in addresses {
        asm.align(16);
        offsets.push(asm.pos() as u32);
        builtin(&mut asm, address);
    }
    asm.align(16);
    offsets.push(asm.pos() as u32);
    unwind(&mut asm, search);
    asm.align(16);
    offsets.push(asm.pos() as u32);
    compile_and_enter(&mut asm, compile);
    asm.align(16);
    let importer_offset = asm.pos() as u32;
    switch_instance(&mut asm);
    asm.jmp_m(Addr::base_disp(CALLEE.any(), RECORD_CODE));
    let length = asm.finish().expect("128 bytes are enough for a builtin's stub").len();
    code.truncate(length);
    BuiltinStubs { code, offsets, importer_offset }
}

/// The instance and the heap of the record in rax, for a caller that restores its own.
fn switch_instance(asm: &mut Asm<'_>) {
    asm.mov_rm(Width::W64, CONTEXT.any(), Addr::base_disp(CALLEE.any(), RECORD_INSTANCE));
    asm.mov_rm(Width::W64, HEAP.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_HEAP));
}

/// A function's entry for importers: [`IMPORTER_ENTRY_BYTES`] that run into the function. What precedes them is never executed
/// and keeps the function aligned.
pub(super) fn importer_entry() -> [u8; FUNCTION_ALIGNMENT] {
    let mut code = [INT3; FUNCTION_ALIGNMENT];
    let start = FUNCTION_ALIGNMENT - IMPORTER_ENTRY_BYTES as usize;
    let mut asm = Asm::new(&mut code[start..], &mut []);
    switch_instance(&mut asm);
    let length = asm.finish().expect("there is room").len();
    assert_eq!(length, IMPORTER_ENTRY_BYTES as usize, "the entry has the length that the layout says");
    code
}

/// `int3` (SDM Vol. 2, INT3).
const INT3: u8 = 0xCC;

fn builtin(asm: &mut Asm<'_>, address: u64) {
    asm.push_r(r11.any());
    asm.mov_rr(Width::W64, WASM_SP.any(), rsp.any());
    // From our argument registers to those of the System V ABI, one further for the context.
    for (to, from) in [(rdx, rsi), (rsi, rdi), (rcx, r8), (r8, r9), (r9, r10), (rdi, CONTEXT)] {
        asm.mov_rr(Width::W64, to.any(), from.any());
    }
    leave_wasm_stack(asm, 8, 0);
    asm.mov_ri(Width::W64, rax.any(), address as i64);
    asm.call_r(rax.any());
    asm.mov_rr(Width::W64, rsp.any(), WASM_SP.any());
    let trapped = asm.label();
    asm.test_rr(Width::W64, rdx.any(), rdx.any());
    asm.jcc(Cond::NotEqual, trapped);
    asm.mov_rm(Width::W64, HEAP.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_HEAP));
    asm.pop_r(r11.any());
    asm.ret();
    asm.bind(trapped);
    leave(asm);
}

/// See [`Builtin::LEAVE`]. Goes on where the exception is caught, if that is what leaves and something catches it here; else
/// at the store's trap exit.
fn unwind(asm: &mut Asm<'_>, address: u64) {
    let [store, resume] = [rax, rbx];
    let field = |base: Gp64, at: i32| Addr::base_disp(base.any(), at);
    let trapped = asm.label();
    asm.mov_rm(Width::W64, store.any(), field(CONTEXT, CONTEXT_STORE));
    asm.alu_mi(Alu::Cmp, Width::W64, field(store, STORE_THROWN), 0);
    asm.jcc(Cond::Equal, trapped);
    for (at, register) in (STORE_RESUME..).step_by(8).zip(CALLEE_SAVED) {
        asm.mov_mr(Width::W64, field(store, at), register.any());
    }
    asm.mov_rr(Width::W64, resume.any(), store.any());
    asm.mov_rm(Width::W64, rsp.any(), field(store, STORE_NATIVE_SP));
    asm.alu_ri(Alu::And, Width::W64, rsp.any(), -16);
    asm.mov_rr(Width::W64, rdi.any(), store.any());
    asm.mov_rr(Width::W64, rsi.any(), CONTEXT.any());
    asm.mov_ri(Width::W64, rax.any(), address as i64);
    asm.call_r(rax.any());
    asm.test_rr(Width::W32, rax.any(), rax.any());
    asm.mov_rr(Width::W64, rcx.any(), resume.any());
    asm.mov_rr(Width::W64, store.any(), resume.any());
    asm.jcc(Cond::Equal, trapped);
    asm.mov_rm(Width::W64, rsp.any(), field(rcx, RESUME_SP));
    asm.mov_rm(Width::W64, CONTEXT.any(), field(rcx, RESUME_CONTEXT));
    asm.mov_rm(Width::W64, rax.any(), field(rcx, RESUME_VALUES));
    asm.mov_rm(Width::W64, rdx.any(), field(rcx, RESUME_EXCEPTION));
    for (at, register) in (STORE_RESUME..).step_by(8).zip(CALLEE_SAVED) {
        asm.mov_rm(Width::W64, register.any(), field(rcx, at));
    }
    asm.mov_rm(Width::W64, HEAP.any(), field(CONTEXT, CONTEXT_HEAP));
    asm.jmp_m(field(rcx, RESUME_PC));
    asm.bind(trapped);
    asm.jmp_m(field(store, STORE_TRAP_EXIT));
}

/// See [`Builtin::COMPILE`]. Takes nothing of the wasm stack, so the first call goes as deep as any other: what the convention
/// passes arguments in, and what it keeps and the System V ABI does not, is saved on the native stack.
fn compile_and_enter(asm: &mut Asm<'_>, address: u64) {
    let store = HEAP;
    let field = |base: Gp64, at: i32| Addr::base_disp(base.any(), at);
    let saved = || INT_ARGS.into_iter().chain([r11]);
    // What is saved keeps the stack aligned.
    const { assert!((INT_ARGS.len() + 1).is_multiple_of(2)) };
    let vector_bytes = 16 * FLOAT_ARGS.len() as i32;
    asm.mov_rm(Width::W64, store.any(), field(CONTEXT, CONTEXT_STORE));
    // The return address is the caller's, who thereby has left wasm.
    asm.mov_mr(Width::W64, field(store, STORE_EXIT_SP), rsp.any());
    asm.mov_mr(Width::W64, field(store, STORE_WASM_SP), rsp.any());
    asm.mov_rm(Width::W64, rsp.any(), field(store, STORE_NATIVE_SP));
    asm.alu_ri(Alu::And, Width::W64, rsp.any(), -16);
    saved().for_each(|register| _ = asm.push_r(register.any()));
    asm.alu_ri(Alu::Sub, Width::W64, rsp.any(), vector_bytes);
    for (at, register) in (0..).step_by(16).zip(FLOAT_ARGS) {
        asm.movups_mr(stack(at), register);
    }
    asm.mov_rr(Width::W64, rdi.any(), CONTEXT.any());
    asm.mov_rr(Width::W32, rsi.any(), rax.any());
    asm.mov_ri(Width::W64, rax.any(), address as i64);
    asm.call_r(rax.any());
    let failed = asm.label();
    asm.test_rr(Width::W64, rdx.any(), rdx.any());
    asm.jcc(Cond::NotEqual, failed);
    for (at, register) in (0..).step_by(16).zip(FLOAT_ARGS) {
        asm.movups_rm(register, stack(at));
    }
    asm.alu_ri(Alu::Add, Width::W64, rsp.any(), vector_bytes);
    saved().rev().for_each(|register| _ = asm.pop_r(register.any()));
    asm.mov_rm(Width::W64, store.any(), field(CONTEXT, CONTEXT_STORE));
    asm.mov_rm(Width::W64, rsp.any(), field(store, STORE_WASM_SP));
    asm.mov_rm(Width::W64, HEAP.any(), field(CONTEXT, CONTEXT_HEAP));
    asm.jmp_r(rax.any());
    asm.bind(failed);
    asm.mov_rm(Width::W64, rax.any(), field(CONTEXT, CONTEXT_STORE));
    asm.jmp_m(field(rax, STORE_TRAP_EXIT));
}

/// The stubs of so many functions, and what follows them: see [`lazy_code`](crate::abi::lazy_code). Fails when the system has
/// no memory.
pub(crate) fn lazy_stubs(functions: usize) -> io::Result<Vec<u8>> {
    let layout = LazyLayout::new(functions);
    let mut code = Vec::new();
    code.try_reserve_exact(functions * STUB_BYTES + COMMON_BYTES)?;
    code.resize(functions * STUB_BYTES + COMMON_BYTES, 0);
    let mut labels = [];
    let mut asm = Asm::new(&mut code, &mut labels);
    for function in 0..functions {
        let stub = layout.stub(function);
        let distance = |end: usize, to: usize| (to as i64 - (stub + end) as i64) as i32;
        asm.jmp_m(Addr::rip_disp(distance(STUB_COMPILES, layout.slot(function))));
        asm.mov_ri(Width::W32, rax.any(), function as i64);
        asm.jmp_reloc(distance(STUB_BYTES, layout.stub(functions)));
    }
    assert_eq!(asm.pos(), functions * STUB_BYTES, "each has the length that the layout says");
    asm.mov_rm(Width::W64, HEAP.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_BUILTINS));
    asm.jmp_m(Addr::base_disp(HEAP.any(), 8 * Builtin::COMPILE as i32));
    asm.finish().expect("there is room");
    Ok(code)
}
