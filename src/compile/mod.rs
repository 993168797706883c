//! From validated function bodies to machine code: scan, assign, emit, link. Safe and pure.

use crate::abi::Cpu;
use crate::abi::positions::Positions;
use crate::decode::{Body, ModuleInfo};
use crate::error::Error;
use crate::types::FuncType;

/// How to compile, apart from the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    pub(crate) cpu: Cpu,
    /// Memory 0 and all others are reserved whole, so accesses need no check.
    pub(crate) guarded: bool,
}

/// A compiled module: plain data, position-independent.
pub(crate) struct CompiledModule {
    /// The functions, then their constants and jump tables; no address in it needs relocation.
    pub(crate) code: Vec<u8>,
    pub(crate) positions: Positions,
}

/// The stubs of one signature, in one piece of position-independent code.
pub(crate) struct SignatureStubs {
    pub(crate) code: Vec<u8>,
    /// Called by the door: `r14` = context, `rbx` = values (16 bytes each, arguments; results overwrite them),
    /// `rax` = code address of the function. Sets r15, calls, stores the results, returns. May change anything but rsp,
    /// r14 and rbx.
    pub(crate) entry_offset: u32,
    /// [`RECORD_FOREIGN`](crate::abi::layout::RECORD_FOREIGN) of a wasm function.
    pub(crate) foreign_offset: u32,
    /// The return address of the call in the foreign entry, and the bytes from rsp there to its own return
    /// address: a backtrace passes through.
    pub(crate) foreign_return_offset: u32,
    pub(crate) foreign_frame_bytes: u32,
    /// [`RECORD_FOREIGN`](crate::abi::layout::RECORD_FOREIGN) of a host function: stores the arguments to an array on the wasm stack, sets the store's exit
    /// and wasm rsp, switches to the native stack (16-aligned) and calls
    /// `extern "sysv64" fn(record: *mut FuncRecord, caller: *mut Context, values: *mut Value) -> u32` whose address is at `RECORD_CODE`;
    /// 0 = go on with the results in the array, else jump to the store's trap exit.
    pub(crate) host_offset: u32,
}

/// Entries of all builtins, in one piece of position-independent code.
pub(crate) struct BuiltinStubs {
    pub(crate) code: Vec<u8>,
    /// By [`Builtin`](crate::abi::Builtin). Each keeps the callee-saved registers of [`crate::abi`], sets the store's exit and wasm rsp, switches to the native stack and calls
    /// the function's address, read from a table of addresses: see [`builtin_stubs`].
    pub(crate) offsets: Vec<u32>,
}

/// Compiles all bodies of a module, in order.
pub(crate) fn compile_module(
    info: &ModuleInfo,
    bodies: Vec<Body<'_>>,
    options: &Options,
) -> Result<CompiledModule, Error> {
    let _ = (info, bodies, options);
    unimplemented!("the compiler's first version lands here")
}

/// The stubs of a function type.
pub(crate) fn signature_stubs(ty: &FuncType) -> SignatureStubs {
    let _ = ty;
    unimplemented!("the compiler's first version lands here")
}

/// The builtins' entries, given the address of each
/// `extern "sysv64" fn(context: *mut Context, a: u64, b: u64, c: u64, d: u64, e: u64) -> BuiltinResult`, where
/// `#[repr(C)] struct BuiltinResult { value: u64, trapped: u64 }` comes back in rax and rdx: unless `trapped` is 0 the stub
/// jumps to the store's trap exit.
pub(crate) fn builtin_stubs(addresses: &[u64; crate::abi::Builtin::COUNT]) -> BuiltinStubs {
    let _ = addresses;
    unimplemented!("the compiler's first version lands here")
}
