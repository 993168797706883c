//! [`Engine`]: what modules and stores share.

use crate::api::config::Config;
use crate::compile::{self, Handlers, Options, RegisterFile, Threads};
use crate::error::Error;
use crate::sys::x64::{cpu, float};
use crate::vm::code::buffer::Code;
use crate::vm::code::published::{CodeAddress, Contents};
use crate::vm::owned::bounds::{Bounds, Limits};
use crate::vm::owned::pool::MemoryPool;
use crate::vm::owned::stack::StackPool;
use crate::vm::run::builtins;
use crate::vm::run::trap;
use std::sync::Arc;
use wasmparser::WasmFeatures;

/// An engine compiles modules and holds what is common to all of them. Cheap to clone; clones are the same engine.
///
/// ```
/// use planish::{Engine, Module};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, "(module)")?;
/// assert!(Engine::same(&engine, module.engine()));
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    options: Options,
    stacks: Arc<StackPool>,
    memories: Arc<MemoryPool>,
    /// Addresses into `builtin_code`.
    builtins: Arc<[u64]>,
    /// See [`BuiltinStubs::importer_offset`](compile::BuiltinStubs::importer_offset).
    importer_entry: CodeAddress,
    /// Kept alive: compiled code calls it.
    _builtin_code: Code,
}

impl Engine {
    /// An engine with these options.
    ///
    /// # Errors
    ///
    /// If the CPU lacks SSE4.1, or the system refuses memory or signal handlers.
    ///
    /// ```
    /// use planish::{Config, Engine};
    ///
    /// let engine = Engine::new(&Config::new())?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn new(config: &Config) -> Result<Engine, Error> {
        let machine = cpu::detect().map_err(|missing| Error::msg(format!("this CPU lacks {missing}")))?;
        float::choose_check(machine.adds_denormals_quickly());
        if config.signals {
            trap::install_handlers()?;
        }
        let stubs =
            compile::builtin_stubs(&builtins::addresses(), builtins::search_address(), builtins::compile_address());
        let code = Code::publish(&stubs.code, Contents::Builtins)?;
        let memories = MemoryPool::new(config.allocation.pool_limits());
        let builtins = stubs.offsets.iter().map(|&offset| code.address(offset).bits()).collect();
        Ok(Engine {
            shared: Arc::new(Shared {
                config: config.clone(),
                options: Options {
                    cpu: config.cap(machine.cpu),
                    guarded: bounds(config, &memories) == Bounds::Guarded,
                    deterministic: config.deterministic,
                    signals: config.signals,
                    registers: if config.few_registers { RegisterFile::FEW } else { RegisterFile::ALL },
                    handlers: if config.general_scan { Handlers::General } else { Handlers::Quick },
                    max_compile_memory: config.max_compile_memory,
                    max_code_size: config.max_code_size,
                },
                stacks: StackPool::new(config.max_wasm_stack, config.allocation.pool_limits().slots),
                memories,
                builtins,
                importer_entry: code.address(stubs.importer_offset),
                _builtin_code: code,
            }),
        })
    }

    /// Are both the same engine, one a clone of the other?
    ///
    /// ```
    /// use planish::Engine;
    ///
    /// let engine = Engine::default();
    /// assert!(Engine::same(&engine, &engine.clone()));
    /// assert!(!Engine::same(&engine, &Engine::default()));
    /// ```
    pub fn same(a: &Engine, b: &Engine) -> bool {
        Arc::ptr_eq(&a.shared, &b.shared)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(crate) fn compilation_threads(&self) -> &Threads {
        &self.shared.config.threads
    }

    /// Are functions compiled when they are first called?
    pub(crate) fn compiles_lazily(&self) -> bool {
        self.shared.config.lazy
    }

    pub(crate) fn features(&self) -> WasmFeatures {
        self.shared.config.features
    }

    pub(crate) fn stacks(&self) -> &Arc<StackPool> {
        &self.shared.stacks
    }

    pub(crate) fn builtins(&self) -> &Arc<[u64]> {
        &self.shared.builtins
    }

    /// Where importers enter functions that have no such entry of their own.
    pub(crate) fn importer_entry(&self) -> CodeAddress {
        self.shared.importer_entry
    }

    /// Where guarded memories come from.
    pub(crate) fn memories(&self) -> &Arc<MemoryPool> {
        &self.shared.memories
    }

    /// What every memory and table of a store is granted.
    pub(crate) fn limits(&self) -> Limits<'_> {
        Limits {
            pool: &self.shared.memories,
            bounds: if self.shared.options.guarded { Bounds::Guarded } else { Bounds::Checked },
            memory_bytes: self.shared.config.max_memory_size,
            table_elements: self.shared.config.max_table_elements,
        }
    }
}

/// How an engine bounds its memories.
fn bounds(config: &Config, pool: &MemoryPool) -> Bounds {
    match config.guard_memory {
        // Nobody would see the faults.
        _ if !config.signals => Bounds::Checked,
        Some(true) => Bounds::Guarded,
        Some(false) => Bounds::Checked,
        None => Bounds::of_process(pool),
    }
}

impl Default for Engine {
    /// An engine with the default options. Panics where [`Engine::new`] gives an error.
    fn default() -> Engine {
        Engine::new(&Config::new()).expect("an engine with the default configuration")
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.shared.config).finish_non_exhaustive()
    }
}
