//! [`Config`]: how an engine compiles and what it grants to the modules it runs.

use crate::abi::Cpu;
use crate::api::allocation::InstanceAllocationStrategy;
use crate::compile::Threads;
use crate::decode::{self, WasmFeature};
use crate::vm::owned::stack::StackPool;
use std::sync::Arc;
use wasmparser::WasmFeatures;

/// Options of an [`Engine`](crate::Engine). The defaults suit untrusted code on the machine at hand.
///
/// ```
/// use planish::{Config, Engine};
///
/// let mut config = Config::new();
/// config.max_wasm_stack(256 << 10).max_memory_size(64 << 20);
/// let engine = Engine::new(&config)?;
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) features: WasmFeatures,
    /// Nothing: the engine finds out what suits the process.
    pub(crate) guard_memory: Option<bool>,
    pub(crate) signals: bool,
    pub(crate) cpu_level: CpuLevel,
    pub(crate) deterministic: bool,
    pub(crate) max_wasm_stack: usize,
    pub(crate) max_memory_size: u64,
    pub(crate) max_table_elements: u64,
    pub(crate) max_compile_memory: usize,
    pub(crate) max_code_size: usize,
    pub(crate) allocation: InstanceAllocationStrategy,
    pub(crate) threads: Threads,
    pub(crate) lazy: bool,
    pub(crate) few_registers: bool,
    pub(crate) general_scan: bool,
}

/// The newest instructions that compiled code may use: the levels of the x86-64 psABI, section 3.1.1.
///
/// ```
/// use planish::{Config, CpuLevel, Engine};
///
/// let portable = Engine::new(Config::new().cpu_level(CpuLevel::Baseline))?;
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[non_exhaustive]
pub enum CpuLevel {
    /// x86-64 with SSE4.1, which every engine needs.
    Baseline,
    /// And POPCNT, SSE4.2.
    V2,
    /// And AVX2, BMI1, BMI2, FMA, LZCNT.
    V3,
    /// Whatever this machine has.
    #[default]
    Native,
}

impl Config {
    /// The defaults.
    ///
    /// ```
    /// let engine = planish::Engine::new(&planish::Config::new())?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn new() -> Config {
        Config {
            features: decode::DEFAULT,
            guard_memory: None,
            signals: true,
            cpu_level: CpuLevel::Native,
            deterministic: false,
            max_wasm_stack: StackPool::DEFAULT_BYTES,
            max_memory_size: 4 << 30,
            max_table_elements: 10_000_000,
            max_compile_memory: 1 << 30,
            max_code_size: 1 << 30,
            allocation: InstanceAllocationStrategy::pooling(),
            threads: Threads::System,
            lazy: false,
            few_registers: false,
            general_scan: false,
        }
    }

    /// Whether modules may use a part of WebAssembly. One that does though it may not is refused, with the part's name
    /// and the offset.
    ///
    /// ```
    /// use planish::{Config, Engine, WasmFeature};
    ///
    /// let engine = Engine::new(Config::new().wasm_feature(WasmFeature::ExtendedConst, false))?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn wasm_feature(&mut self, feature: WasmFeature, enable: bool) -> &mut Config {
        self.features.set(feature.bits(), enable);
        self
    }

    /// Whether each memory reserves 8 GiB of addresses, so that accesses need no check, or each access compares with the
    /// memory's size, with which programs run about 1.25 times as long, some loops 1.75 times.
    ///
    /// Unless this is called, the engine decides when it is made. Memories are guarded if the process can reserve 8 GiB and, where
    /// its address space is limited (`RLIMIT_AS`, which shells set by `ulimit -v`), may still map 128 times as much, 1 TiB. With
    /// less, one memory might fit and the next one not, so accesses are checked. A limit that is set later is not looked at.
    ///
    /// With `true` memories are guarded in any case, and one that the system refuses is an error that says so. With `false` they
    /// never are. Memories with 64-bit indexes or pages of one byte are always checked.
    ///
    /// ```
    /// use planish::{Config, Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::new(Config::new().guard_memory(false))?;
    /// let module = Module::new(&engine, "(module (memory (export \"memory\") 1))")?;
    /// let mut store = Store::new(&engine, ());
    /// let memory = Instance::new(&mut store, &module, &[])?.get_memory(&mut store, "memory").unwrap();
    /// assert_eq!(memory.size(&store), 1);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn guard_memory(&mut self, enable: bool) -> &mut Config {
        self.guard_memory = Some(enable);
        self
    }

    /// Whether traps may arrive as signals (the default). Otherwise no signal handler is installed and compiled code
    /// compares before it divides, calls or goes deeper on its stack; memories are checked, whatever
    /// [`Config::guard_memory`] says. That is for processes whose signals belong to others, and slower.
    ///
    /// ```
    /// use planish::{Config, Engine, Instance, Module, Store, Trap};
    ///
    /// let engine = Engine::new(Config::new().signals_based_traps(false))?;
    /// let module = Module::new(&engine, "(module (func $f (export \"f\") call $f))")?;
    /// let mut store = Store::new(&engine, ());
    /// let f = Instance::new(&mut store, &module, &[])?.get_typed_func::<(), ()>(&mut store, "f")?;
    /// assert_eq!(f.call(&mut store, ()).unwrap_err().trap(), Some(Trap::StackOverflow));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn signals_based_traps(&mut self, enable: bool) -> &mut Config {
        self.signals = enable;
        self
    }

    /// The newest instructions to use, for runs that should be alike on different machines. What the machine lacks
    /// is never used.
    ///
    /// ```
    /// use planish::{Config, CpuLevel, Engine};
    ///
    /// let engine = Engine::new(Config::new().cpu_level(CpuLevel::V2))?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn cpu_level(&mut self, level: CpuLevel) -> &mut Config {
        self.cpu_level = level;
        self
    }

    /// Whether results are those of the specification's deterministic profile (appendix A.4), the same on every machine: a NaN
    /// that arithmetic makes is the positive canonical one, and relaxed vector operators do what their strict counterparts
    /// do, multiplying and adding with two roundings. Costs two or three instructions per float operation.
    ///
    /// Without it (the default) NaNs are what the processor makes of them, and relaxed operators are what is fastest on the
    /// processor: `relaxed_madd` rounds once where there is FMA, and so may differ from one [`CpuLevel`] to the next.
    ///
    /// ```
    /// use planish::{Config, Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::new(Config::new().deterministic(true))?;
    /// let module = Module::new(&engine, r#"(module (func (export "nan") (param f32) (result i32)
    ///     (i32.reinterpret_f32 (f32.div (local.get 0) (local.get 0)))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let nan = instance.get_typed_func::<f32, u32>(&mut store, "nan")?;
    /// assert_eq!(nan.call(&mut store, 0.0)?, 0x7FC0_0000);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn deterministic(&mut self, enable: bool) -> &mut Config {
        self.deterministic = enable;
        self
    }

    /// Bytes of stack for the wasm functions of one store, rounded up to whole pages (1 MiB). Deeper recursion is
    /// [`Trap::StackOverflow`](crate::Trap::StackOverflow). Host functions run on the native stack instead.
    ///
    /// ```
    /// use planish::{Config, Engine, Instance, Module, Store, Trap};
    ///
    /// let engine = Engine::new(Config::new().max_wasm_stack(64 << 10))?;
    /// let module = Module::new(&engine, "(module (func $f (export \"f\") call $f))")?;
    /// let mut store = Store::new(&engine, ());
    /// let f = Instance::new(&mut store, &module, &[])?.get_typed_func::<(), ()>(&mut store, "f")?;
    /// assert_eq!(f.call(&mut store, ()).unwrap_err().trap(), Some(Trap::StackOverflow));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn max_wasm_stack(&mut self, bytes: usize) -> &mut Config {
        self.max_wasm_stack = bytes;
        self
    }

    /// Bytes that one memory may have (4 GiB). A module that starts with more is not instantiated; growing beyond
    /// fails as if the system had no more.
    ///
    /// ```
    /// use planish::{Config, Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::new(Config::new().max_memory_size(1 << 20))?;
    /// let module = Module::new(&engine, "(module (memory 17))")?;
    /// assert!(Instance::new(&mut Store::new(&engine, ()), &module, &[]).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn max_memory_size(&mut self, bytes: u64) -> &mut Config {
        self.max_memory_size = bytes;
        self
    }

    /// Elements that one table may have (10 million).
    ///
    /// ```
    /// use planish::{Config, Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::new(Config::new().max_table_elements(1000))?;
    /// let module = Module::new(&engine, "(module (table 1001 funcref))")?;
    /// assert!(Instance::new(&mut Store::new(&engine, ()), &module, &[]).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn max_table_elements(&mut self, elements: u64) -> &mut Config {
        self.max_table_elements = elements;
        self
    }

    /// Bytes of memory that compiling one module may take besides its code, all threads together (1 GiB). Less is granted to short
    /// modules: 32 MiB, and 256 bytes for each byte of the code section; real modules take a tenth of that. A module that needs more is
    /// refused, with the offset of a function that needs it.
    ///
    /// With [`Config::lazy_compilation`] that is so for each function when it is called: of those that take more than 4 MiB
    /// one is compiled at a time.
    ///
    /// ```
    /// use planish::{Config, Engine, Module};
    ///
    /// let engine = Engine::new(Config::new().max_compile_memory(1 << 20))?;
    /// assert!(Module::new(&engine, "(module (func))").is_ok());
    /// let long = "(drop (i32.load (i32.const 0)))".repeat(20_000);
    /// let error = Module::new(&engine, format!("(module (memory 1) (func {long}))")).unwrap_err();
    /// assert!(error.to_string().contains("more than 1048576 bytes of memory"));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn max_compile_memory(&mut self, bytes: usize) -> &mut Config {
        self.max_compile_memory = bytes;
        self
    }

    /// Bytes of machine code that one module may have (1 GiB, which is also the most). Less is granted to short modules: 4 MiB, and 64
    /// bytes for each byte of the code section; real modules have less than two. One that would have more is refused, with the offset of
    /// the function that does not fit; with [`Config::lazy_compilation`] the call of that function is an error. The stubs through which
    /// others call a module's functions, some hundred bytes for each of their types, count here, too.
    ///
    /// ```
    /// use planish::{Config, Engine, Module};
    ///
    /// let engine = Engine::new(Config::new().max_code_size(100))?;
    /// assert!(Module::new(&engine, "(module (func))").is_ok());
    /// let error = Module::new(&engine, format!("(module {})", "(func)".repeat(10))).unwrap_err();
    /// assert!(error.to_string().contains("more than 100 bytes of code"));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn max_code_size(&mut self, bytes: usize) -> &mut Config {
        self.max_code_size = bytes;
        self
    }

    /// Where the memories of instances and the stacks of stores come from: by default a pool of the engine, whose limits are those of
    /// [`PoolingAllocationConfig::new`](crate::PoolingAllocationConfig::new). It starts with at most one memory and
    /// keeps what dropped stores leave, ready to be used again: that takes a tenth of the time that mapping it takes. A memory that comes
    /// from the pool contains nothing of its former instance. [Shared memories](crate::SharedMemory) and those that are [not
    /// guarded](Config::guard_memory) do not come from it. What it keeps is unmapped with the engine.
    ///
    /// For the second instance of a module the engine also makes an image of its memory, with the active data segments; if that is more
    /// than 64 KiB, in an anonymous file, which instances share until they write.
    ///
    /// ```
    /// use planish::{Config, Engine, InstanceAllocationStrategy};
    ///
    /// let engine = Engine::new(Config::new().allocation_strategy(InstanceAllocationStrategy::pooling()))?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn allocation_strategy(&mut self, strategy: impl Into<InstanceAllocationStrategy>) -> &mut Config {
        self.allocation = strategy.into();
        self
    }

    /// Whether a module with more than 64 KiB of code is compiled on several threads (the default): the calling one and
    /// as many more as the process has processors, started for the module and gone when it is compiled. Otherwise the
    /// calling thread compiles alone. The code is the same, and so is the error if the module is refused. See also
    /// [`Config::compilation_threads`]; of the two the last call counts.
    ///
    /// ```
    /// use planish::{Config, Engine};
    ///
    /// let engine = Engine::new(Config::new().parallel_compilation(false))?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn parallel_compilation(&mut self, enable: bool) -> &mut Config {
        self.threads = if enable { Threads::System } else { Threads::One };
        self
    }

    /// Supplies the threads that compile modules with more than 64 KiB of code: `run` calls its argument once on each and
    /// returns when all these calls have returned. Each call compiles functions until none are left, so a number of calls is no
    /// obligation: with too few, or none, the thread that asked for the module does the rest. For one module `run` may be called twice.
    ///
    /// The threads of a pool will do, and so will threads started for the purpose:
    ///
    /// ```
    /// use planish::{Config, Engine};
    ///
    /// let mut config = Config::new();
    /// config.compilation_threads(|work| {
    ///     std::thread::scope(|scope| {
    ///         for _ in 0..4 {
    ///             scope.spawn(work);
    ///         }
    ///     });
    /// });
    /// let engine = Engine::new(&config)?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn compilation_threads(&mut self, run: impl Fn(&(dyn Fn() + Sync)) + Send + Sync + 'static) -> &mut Config {
        self.threads = Threads::Supplied(Arc::new(run));
        self
    }

    /// Whether functions are compiled when they are first called, instead of all when a module is made (the default): for large
    /// programs of which little is run. The whole module is validated all the same, so what is refused is the same, but for
    /// functions that are too large to compile: these are errors of their first call, as is a lack of memory for code.
    /// Several threads may call, and so compile, at the same time.
    ///
    /// The module keeps a copy of its code section. It reserves 1 GiB of addresses, or where they are limited a quarter of what the
    /// process may still map, and 4 KiB for each function. What is called takes whole pages, and calls of functions that had no
    /// code when the caller was compiled take a jump more. So a program of which much is run is better compiled at once.
    ///
    /// ```
    /// use planish::{Config, Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::new(Config::new().lazy_compilation(true))?;
    /// let module = Module::new(&engine, r#"(module
    ///     (func (export "seven") (result i32) i32.const 7)
    ///     (func (export "eight") (result i32) i32.const 8))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// // Only now, and only this one.
    /// assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "seven")?.call(&mut store, ())?, 7);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn lazy_compilation(&mut self, enable: bool) -> &mut Config {
        self.lazy = enable;
        self
    }

    /// Pins variables to three registers of each kind only, so that tests see what happens when there is none left.
    #[doc(hidden)]
    pub fn few_registers(&mut self, enable: bool) -> &mut Config {
        self.few_registers = enable;
        self
    }

    /// Sends every operator around its quick handler when functions are scanned, so that tests can compare both ways.
    #[doc(hidden)]
    pub fn general_scan(&mut self, enable: bool) -> &mut Config {
        self.general_scan = enable;
        self
    }

    /// What compiled code may use: what the machine has, up to the configured level.
    pub(crate) fn cap(&self, machine: Cpu) -> Cpu {
        let v2 = self.cpu_level >= CpuLevel::V2;
        let v3 = self.cpu_level >= CpuLevel::V3;
        let native = self.cpu_level >= CpuLevel::Native;
        Cpu {
            popcnt: v2 && machine.popcnt,
            sse42: v2 && machine.sse42,
            lzcnt: v3 && machine.lzcnt,
            bmi1: v3 && machine.bmi1,
            bmi2: v3 && machine.bmi2,
            avx: v3 && machine.avx,
            avx2: v3 && machine.avx2,
            fma: v3 && machine.fma,
            avx512: native && machine.avx512,
            bitalg: native && machine.bitalg,
            quick_division: native && machine.quick_division,
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new()
    }
}
