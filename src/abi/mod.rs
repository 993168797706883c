//! What compiled code and the runtime agree on: registers, calls, the layout of what r14 points to.
//!
//! The only file, with its children, that both the compiler and the runtime read.
//!
//! # Calls
//!
//! Integers (and references) arrive in [`INT_ARGS`], floats and vectors in [`FLOAT_ARGS`]; what does not fit lies
//! on the stack, first argument lowest, directly above the return address, 8 bytes each (16 for a vector), and is
//! popped by the callee. Results leave in [`INT_RESULTS`] and [`FLOAT_RESULTS`]; what does not fit is written to
//! an area of the caller directly above the stack arguments. [`CallLayout`] computes all of that.
//!
//! A callee keeps [`CALLEE_SAVED`], r14 and r15; everything else may change. An i32 in a 64-bit register is always
//! zero-extended, also as argument and result, on the stack too (the upper half of its 8 bytes is zero).
//!
//! * direct call: `call rel32`.
//! * through a [record](FuncRecord): `rax` = record; if `record.instance == r14`, `call [rax + CODE]`, else
//!   `call [rax + FOREIGN]`. A foreign entry keeps r14 and r15 as well and switches the instance itself.
//! * imported function: `rax` = record, `call [rax + IMPORTER]`, then the caller loads r14 from its frame and r15 from there.
//!   A function that calls any pushes r14 below its callee-saved registers.
//! * builtin: integer arguments in [`INT_ARGS`], `mov rax, [r14 + BUILTINS]; call [rax + 8 * number]`, result in rax.

pub(crate) mod code_memory;
pub(crate) mod layout;
pub(crate) mod lazy_code;
pub(crate) mod positions;

use crate::types::{FuncType, ValType};
use planish_asm::regs::{
    r8, r9, r10, r11, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6,
    xmm7,
};
use planish_asm::{Gp64, Xmm};

/// The running instance's context.
pub(crate) const CONTEXT: Gp64 = r14;
/// The base address of memory 0.
pub(crate) const HEAP: Gp64 = r15;
/// Holds the [record](FuncRecord) when a function is entered through one.
pub(crate) const CALLEE: Gp64 = rax;

pub(crate) const INT_ARGS: [Gp64; 7] = [rdi, rsi, r8, r9, r10, rdx, rcx];
pub(crate) const INT_RESULTS: [Gp64; 3] = [rax, rcx, rdx];
pub(crate) const FLOAT_ARGS: [Xmm; 8] = [xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7];
pub(crate) const FLOAT_RESULTS: [Xmm; 8] = FLOAT_ARGS;
/// In the order in which a prologue pushes those it uses.
pub(crate) const CALLEE_SAVED: [Gp64; 5] = [rbx, rbp, r11, r12, r13];
/// What a prologue may push, in that order: callee-saved registers, and the context in a function that calls imported ones.
pub(crate) const PUSHED: [Gp64; 6] = [rbx, rbp, r11, r12, r13, CONTEXT];
/// The place of the context among them.
pub(crate) const PUSHED_CONTEXT: usize = CALLEE_SAVED.len();

/// The region below a wasm stack that faults, in bytes.
pub(crate) const STACK_GUARD_BYTES: usize = 1 << 20;
/// Between the guard and what frames may use: room for code that does not look for the stack's end, and below that for the frame
/// of a signal and a handler that runs on the stack which it interrupts.
pub(crate) const STACK_RESERVE_BYTES: usize = UNPROBED_STACK_BYTES + SIGNAL_STACK_BYTES;
/// What code may use that does not look for the stack's end: functions that call nothing, with small frames, and stubs, which copy
/// 1,000 arguments and 1,000 results at most.
pub(crate) const UNPROBED_STACK_BYTES: usize = 64 << 10;
/// 64 KiB for a handler, the rest for what the kernel saves of the interrupted code: 11 KiB with AVX-512 and AMX.
pub(crate) const SIGNAL_STACK_BYTES: usize = 96 << 10;
/// A function that calls or has a large frame reads this far below its frame before it makes it: in the guard if the frame would reach
/// into the reserve. Half a page less than the reserve, since a processor that compares the low twelve bits of addresses takes a read
/// whole pages below the return address for one of it.
pub(crate) const STACK_PROBE_BYTES: u32 = STACK_RESERVE_BYTES as u32 - 2048;
/// What is a small frame for that.
pub(crate) const SMALL_FRAME_BYTES: u32 = 4 << 10;
/// A function whose frame is larger compares with [`layout::STORE_STACK_LIMIT`], since its probe might miss the guard.
pub(crate) const PROBED_FRAME_BYTES: u32 = 64 << 10;
const _: () = assert!(STACK_PROBE_BYTES as usize + 2 * PROBED_FRAME_BYTES as usize <= STACK_GUARD_BYTES);
/// The address space of a guarded memory: 32-bit index + 32-bit offset + the widest access, rounded up.
pub(crate) const GUARDED_MEMORY_BYTES: usize = (8 << 30) + (64 << 10);
/// Bytes of one value in the array by which values cross the door.
pub(crate) const VALUE_BYTES: u32 = 16;
pub(crate) const WASM_PAGE_BYTES: usize = 64 << 10;

/// Where one argument or result is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Gpr(Gp64),
    Xmm(Xmm),
    /// Bytes above the return address on entry to the callee.
    Stack(u32),
}

/// The places of a function's arguments and results.
#[derive(Clone, Debug)]
pub(crate) struct CallLayout {
    pub(crate) params: Box<[Place]>,
    pub(crate) results: Box<[Place]>,
    /// Bytes that the callee pops.
    pub(crate) arg_bytes: u32,
    /// Bytes of the result area above them.
    pub(crate) result_bytes: u32,
}

impl CallLayout {
    pub(crate) fn of(ty: &FuncType) -> CallLayout {
        let (params, arg_bytes) = places(ty.params(), &INT_ARGS, &FLOAT_ARGS, 0);
        let (results, end) = places(ty.results(), &INT_RESULTS, &FLOAT_RESULTS, arg_bytes);
        CallLayout { params, results, arg_bytes, result_bytes: end - arg_bytes }
    }
}

fn places(types: &[ValType], ints: &[Gp64], floats: &[Xmm], mut offset: u32) -> (Box<[Place]>, u32) {
    let (mut ints, mut floats) = (ints.iter(), floats.iter());
    let places = types
        .iter()
        .map(|ty| {
            let register = match ty {
                ValType::I32 | ValType::I64 | ValType::Ref(_) => ints.next().copied().map(Place::Gpr),
                ValType::F32 | ValType::F64 | ValType::V128 => floats.next().copied().map(Place::Xmm),
            };
            register.unwrap_or_else(|| {
                let place = Place::Stack(offset);
                offset += if *ty == ValType::V128 { 16 } else { 8 };
                place
            })
        })
        .collect();
    (places, offset)
}

/// Functions of the runtime that compiled code calls. Arguments and result as listed; all may trap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Builtin {
    /// `(memory, pages: u64) -> old size in pages, or -1 of the index type`
    MemoryGrow,
    /// `(destination memory << 32 | source memory, d: u64, s: u64, n: u64)`
    MemoryCopy,
    /// `(memory, d: u64, value: u32, n: u64)`
    MemoryFill,
    /// `(memory << 32 | segment, d: u64, s: u32, n: u32)`
    MemoryInit,
    /// `(segment)`
    DataDrop,
    /// `(table, value, n: u64) -> old size, or -1 of the index type`
    TableGrow,
    /// `(table, i: u64, value, n: u64)`
    TableFill,
    /// `(destination table << 32 | source table, d: u64, s: u64, n: u64)`
    TableCopy,
    /// `(table << 32 | segment, d: u64, s: u32, n: u32)`
    TableInit,
    /// `(segment)`
    ElemDrop,
    /// `(memory, address: u64, count: u32) -> number of threads woken`
    AtomicNotify,
    /// `(memory, address: u64, expected: u32, nanoseconds: i64) -> 0 woken, 1 another value, 2 timed out`
    AtomicWait32,
    /// The same, `expected: u64`.
    AtomicWait64,
    /// `(code)`, a [`TrapCode`]: traps, where that is not done by a fault.
    Trap,
    /// `(tag, address of the values, 16 bytes each)`, throws: does not return
    Throw,
    /// `(exception)`, throws it: does not return
    ThrowRef,
}

impl Builtin {
    pub(crate) const COUNT: usize = Builtin::ThrowRef as usize + 1;
    /// Behind the builtins' code addresses: that of the code that leaves wasm. Jumped to with r14 and the callee-saved
    /// registers as at the exit, which the store notes.
    pub(crate) const LEAVE: usize = Builtin::COUNT;
    /// Behind that: that of the code that has a function compiled and goes on in it. Jumped to as the function is entered, and
    /// eax = its number among the module's own; r15 need not be valid.
    pub(crate) const COMPILE: usize = Builtin::COUNT + 1;
}

/// The byte behind an explicit trap's `ud2`, and what [`positions::Site`] says of a faulting instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum TrapCode {
    Unreachable,
    MemoryOutOfBounds,
    TableOutOfBounds,
    IndirectCallToNull,
    BadSignature,
    IntegerOverflow,
    IntegerDivisionByZero,
    BadConversionToInteger,
    StackExhausted,
    NullReference,
    UnalignedAtomic,
    ExpectedSharedMemory,
    ExceptionsExhausted,
}

impl TrapCode {
    pub(crate) const ALL: [TrapCode; 13] = [
        TrapCode::Unreachable,
        TrapCode::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds,
        TrapCode::IndirectCallToNull,
        TrapCode::BadSignature,
        TrapCode::IntegerOverflow,
        TrapCode::IntegerDivisionByZero,
        TrapCode::BadConversionToInteger,
        TrapCode::StackExhausted,
        TrapCode::NullReference,
        TrapCode::UnalignedAtomic,
        TrapCode::ExpectedSharedMemory,
        TrapCode::ExceptionsExhausted,
    ];
}

/// What of the CPU the compiler may use beyond x86-64 with SSE4.1, which every engine needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) popcnt: bool,
    pub(crate) sse42: bool,
    pub(crate) lzcnt: bool,
    pub(crate) bmi1: bool,
    pub(crate) bmi2: bool,
    pub(crate) avx: bool,
    pub(crate) avx2: bool,
    pub(crate) fma: bool,
    /// F, VL, BW and DQ.
    pub(crate) avx512: bool,
    /// With [`Cpu::avx512`].
    pub(crate) bitalg: bool,
    /// Dividing 64 bits takes hardly longer than dividing 32.
    pub(crate) quick_division: bool,
}
