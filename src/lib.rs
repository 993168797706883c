//! Planish: a WebAssembly engine for amd64 Linux.
//!
//! Names and signatures are those that Rust users of WebAssembly know from wasmtime: an [`Engine`] compiles
//! [`Module`]s; a [`Store`] owns [`Instance`]s and the embedder's data; a [`Linker`] finds imports by name.
//!
//! ```
//! use planish::{Caller, Engine, Linker, Module, Store};
//!
//! let engine = Engine::default();
//! let module = Module::new(&engine, r#"(module
//!     (import "host" "log" (func $log (param i32)))
//!     (func (export "run") (param i32) (result i32)
//!         (call $log (local.get 0))
//!         (i32.mul (local.get 0) (i32.const 3))))"#)?;
//!
//! let mut linker = Linker::new(&engine);
//! linker.func_wrap("host", "log", |mut caller: Caller<'_, Vec<i32>>, x: i32| caller.data_mut().push(x))?;
//!
//! let mut store = Store::new(&engine, Vec::new());
//! let instance = linker.instantiate(&mut store, &module)?;
//! let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
//! assert_eq!(run.call(&mut store, 14)?, 42);
//! assert_eq!(store.into_data(), [14]);
//! # Ok::<(), planish::Error>(())
//! ```
//!
//! Supported: WebAssembly 1.0, mutable globals, sign extension, saturating conversions, multi-value, bulk memory,
//! reference types, SIMD, relaxed SIMD, extended constants, typed function references, tail calls, exceptions, multiple
//! memories, 64-bit memories and tables; where they are [turned on](Config::wasm_feature), threads, custom page sizes, wide
//! arithmetic and the exceptions of before WebAssembly 3.0. A module that needs more is refused with the feature's name and
//! byte offset.
//!
//! A module is compiled when it is made, on [several threads](Config::parallel_compilation) if it is large; or each function
//! [when it is first called](Config::lazy_compilation).

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("planish generates x86-64 code and runs on Linux only");

mod error;
mod interning;
mod types;
mod abi;
mod sys;
mod decode;
mod compile;
mod vm;
mod allocation;
mod config;
mod signatures;
mod engine;
mod extern_type;
mod module;
mod store;
mod reference;
mod value;
mod exception;
mod memory;
mod shared_memory;
mod table;
mod global;
mod extern_item;
mod typed;
mod instantiate;
mod instance;
mod caller;
mod host;
mod func;
mod linker;
mod variance;
#[cfg(feature = "wasi")]
pub mod wasi;

pub use allocation::{InstanceAllocationStrategy, PoolingAllocationConfig};
pub use caller::Caller;
#[doc(hidden)]
pub use compile::{FunctionTape, TapeLine};
#[doc(hidden)]
pub use compile::{Stage, Timings};
pub use config::{Config, CpuLevel};
pub use decode::WasmFeature;
pub use engine::Engine;
pub use error::{Error, FrameInfo, Result, Trap, WasmBacktrace};
pub use exception::Tag;
pub use extern_item::{Export, Extern};
pub use extern_type::{ExportType, ExternType, ImportType};
pub use global::Global;
pub use host::{IntoFunc, WasmRet};
pub use instance::Instance;
pub use linker::Linker;
pub use memory::{Memory, MemoryAccessError};
#[doc(hidden)]
pub use module::CompiledFunction;
pub use module::Module;
pub use reference::{ExnRef, ExternRef, Func, Ref};
pub use shared_memory::{SharedMemory, WaitResult};
pub use store::{AsContext, AsContextMut, Store, StoreContext, StoreContextMut, ThrownException};
pub use table::Table;
pub use typed::{TypedFunc, WasmParams, WasmResults};
pub use types::{
    ConcreteFuncType, FuncType, GlobalType, HeapType, MemoryType, MemoryTypeBuilder, Mutability, RefType, TableType,
    TagType, ValType,
};
pub use value::{V128, Val, WasmTy};

/// The kinds of tape entries that were compiled in this process, and whether code of that kind was run.
#[cfg(feature = "coverage")]
#[doc(hidden)]
pub fn coverage() -> Vec<(String, bool)> {
    compile::coverage()
}

/// Digests of what the compiler makes of some modules, and what each is of, for tests that output which should not change does
/// not. They are the same on every machine; invalid modules have no part in them.
#[cfg(feature = "net")]
#[doc(hidden)]
pub fn output_digests<'m>(modules: impl IntoIterator<Item = &'m [u8]>) -> Vec<(&'static str, u64)> {
    let mut digests = compile::frozen::Digests::new();
    modules.into_iter().for_each(|module| _ = digests.add(module));
    compile::frozen::Digests::columns().zip(digests.values()).collect()
}

/// What threads may share and pass on: engines and modules are shared, stores move.
const _: () = {
    const fn shared<S: Send + Sync>() {}
    const fn moved<S: Send>() {}
    shared::<Engine>();
    shared::<Module>();
    shared::<Config>();
    shared::<Error>();
    shared::<Linker<std::cell::Cell<u8>>>();
    shared::<TypedFunc<i32, i32>>();
    shared::<Extern>();
    shared::<SharedMemory>();
    shared::<Instance>();
    shared::<Val>();
    moved::<Store<std::cell::Cell<u8>>>();
};

/// The examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
