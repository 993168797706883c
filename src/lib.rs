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
mod api;
#[cfg(feature = "wasi")]
pub mod wasi;

pub use api::allocation::{InstanceAllocationStrategy, PoolingAllocationConfig};
pub use api::caller::Caller;
pub use api::config::{Config, CpuLevel};
pub use api::engine::Engine;
pub use api::exception::Tag;
pub use api::extern_item::{Export, Extern};
pub use api::extern_type::{ExportType, ExternType, ImportType};
pub use api::global::Global;
pub use api::host::{IntoFunc, WasmRet};
pub use api::instance::Instance;
pub use api::linker::Linker;
pub use api::memory::{Memory, MemoryAccessError};
#[doc(hidden)]
pub use api::module::CompiledFunction;
pub use api::module::Module;
pub use api::reference::{ExnRef, ExternRef, Func, Ref};
pub use api::shared_memory::{SharedMemory, WaitResult};
pub use api::store::{AsContext, AsContextMut, Store, StoreContext, StoreContextMut, ThrownException};
pub use api::table::Table;
pub use api::typed::{TypedFunc, WasmParams, WasmResults};
pub use api::value::{V128, Val, WasmTy};
#[doc(hidden)]
pub use compile::{FunctionTape, TapeLine};
#[doc(hidden)]
pub use compile::{Stage, Timings};
pub use decode::WasmFeature;
pub use error::{Error, FrameInfo, Result, Trap, WasmBacktrace};
pub use types::{
    ConcreteFuncType, FuncType, GlobalType, HeapType, MemoryType, MemoryTypeBuilder, Mutability, RefType, TableType,
    TagType, ValType,
};

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
