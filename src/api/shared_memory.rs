//! [`SharedMemory`]: a linear memory that several stores have at once.

use crate::api::engine::Engine;
use crate::api::memory::{error_of, refused};
use crate::api::store::trap_of;
use crate::error::{Error, Trap};
use crate::types::MemoryType;
use crate::vm::owned::shared::SharedMemory as Shared;
use crate::vm::owned::waiters::Waited;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::Duration;

/// A linear memory that belongs to no store: modules in stores on several threads may import it. Cheap to clone; clones are
/// the same memory. Stores must be of its engine.
///
/// Other threads may read and write at any time, so its bytes are seen as atomics.
///
/// ```
/// use planish::{Config, Engine, Instance, MemoryType, Module, SharedMemory, Store, WasmFeature};
/// use std::sync::atomic::Ordering::SeqCst;
///
/// let engine = Engine::new(Config::new().wasm_feature(WasmFeature::Threads, true))?;
/// let module = Module::new(&engine, r#"(module
///     (import "" "" (memory 1 1 shared))
///     (func (export "add") (param i32) (drop (i32.atomic.rmw8.add_u (i32.const 9) (local.get 0)))))"#)?;
/// let memory = SharedMemory::new(&engine, MemoryType::shared(1, 1))?;
/// std::thread::scope(|scope| {
///     for _ in 0..3 {
///         scope.spawn(|| {
///             let mut store = Store::new(&engine, ());
///             let instance = Instance::new(&mut store, &module, &[memory.clone().into()]).unwrap();
///             let add = instance.get_typed_func::<i32, ()>(&mut store, "add").unwrap();
///             add.call(&mut store, 14).unwrap();
///         });
///     }
/// });
/// assert_eq!(memory.data()[9].load(SeqCst), 42);
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone)]
pub struct SharedMemory {
    pub(crate) engine: Engine,
    pub(crate) memory: Arc<Shared>,
}

/// How waiting in a shared memory ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitResult {
    /// Another thread has notified this one.
    Ok,
    /// The value in memory was not the expected one.
    Mismatch,
    /// Nobody did in time.
    TimedOut,
}

impl SharedMemory {
    /// A new, zeroed memory. Address space for all that it may grow to is reserved at once, but at most half of what the process may
    /// still map if that is limited, unless the memory starts with more.
    ///
    /// # Errors
    ///
    /// If the type is impossible or not shared, if its minimum is above the engine's limit, or the system has no memory.
    ///
    /// ```
    /// use planish::{Engine, MemoryType, SharedMemory};
    ///
    /// let engine = Engine::default();
    /// assert!(SharedMemory::new(&engine, MemoryType::shared(1, 2)).is_ok());
    /// assert!(SharedMemory::new(&engine, MemoryType::new(1, Some(2))).is_err());
    /// ```
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<SharedMemory, Error> {
        if !ty.is_possible() || !ty.is_shared() {
            return Err(Error::msg("not the type of a shared memory"));
        }
        let limits = engine.limits();
        let memory = Shared::new(limits.bounds, &ty, limits.memory_bytes).map_err(refused)?;
        Ok(SharedMemory { engine: engine.clone(), memory: Arc::new(memory) })
    }

    /// Its type; the minimum is the present size.
    ///
    /// ```
    /// # use planish::{Engine, MemoryType, SharedMemory};
    /// let memory = SharedMemory::new(&Engine::default(), MemoryType::shared(1, 2))?;
    /// assert_eq!(memory.ty(), MemoryType::shared(1, 2));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn ty(&self) -> MemoryType {
        MemoryType { minimum: self.size(), ..*self.memory.ty() }
    }

    /// The contents. The memory may grow meanwhile, but does not move.
    ///
    /// ```
    /// # use planish::{Engine, MemoryType, SharedMemory};
    /// # use std::sync::atomic::Ordering::Relaxed;
    /// let memory = SharedMemory::new(&Engine::default(), MemoryType::shared(1, 2))?;
    /// memory.data()[100].store(7, Relaxed);
    /// assert_eq!(memory.clone().data()[100].load(Relaxed), 7);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn data(&self) -> &[AtomicU8] {
        self.memory.bytes()
    }

    /// The size in bytes.
    pub fn data_size(&self) -> usize {
        self.data().len()
    }

    /// The size in pages.
    pub fn size(&self) -> u64 {
        self.memory.pages()
    }

    /// Bytes of a page.
    pub fn page_size(&self) -> u64 {
        self.memory.ty().page_size()
    }

    /// Grows by `pages`, for all who have the memory; returns the size before.
    ///
    /// # Errors
    ///
    /// If the type's maximum or the engine's limit forbid it, or the system has no memory; nothing changes then.
    ///
    /// ```
    /// # use planish::{Engine, MemoryType, SharedMemory};
    /// let memory = SharedMemory::new(&Engine::default(), MemoryType::shared(1, 2))?;
    /// assert_eq!(memory.grow(1)?, 1);
    /// assert!(memory.grow(1).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn grow(&self, pages: u64) -> Result<u64, Error> {
        self.memory.grow(pages).map_err(|refused| error_of(refused, "the memory cannot grow that far"))
    }

    /// Wakes as many as `count` threads that wait at an address, as `memory.atomic.notify` does; returns how many.
    ///
    /// # Errors
    ///
    /// If the address is outside or not a multiple of 4.
    ///
    /// ```
    /// # use planish::{Engine, MemoryType, SharedMemory, Trap};
    /// let memory = SharedMemory::new(&Engine::default(), MemoryType::shared(1, 1))?;
    /// assert_eq!(memory.atomic_notify(8, 1), Ok(0));
    /// assert_eq!(memory.atomic_notify(6, 1), Err(Trap::HeapMisaligned));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn atomic_notify(&self, address: u64, count: u32) -> Result<u32, Trap> {
        self.memory.notify(address, count).map_err(trap_of)
    }

    /// Waits at an address, as `memory.atomic.wait32` does, if the number there is `expected`; without a timeout perhaps for
    /// ever.
    ///
    /// # Errors
    ///
    /// If the address is outside or not a multiple of 4.
    ///
    /// ```
    /// # use planish::{Engine, MemoryType, SharedMemory, WaitResult};
    /// # use std::time::Duration;
    /// let memory = SharedMemory::new(&Engine::default(), MemoryType::shared(1, 1))?;
    /// assert_eq!(memory.atomic_wait32(8, 1, None), Ok(WaitResult::Mismatch));
    /// assert_eq!(memory.atomic_wait32(8, 0, Some(Duration::ZERO)), Ok(WaitResult::TimedOut));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn atomic_wait32(&self, address: u64, expected: u32, timeout: Option<Duration>) -> Result<WaitResult, Trap> {
        self.memory.wait32(address, expected, timeout).map(waited).map_err(trap_of)
    }

    /// The same for 64 bits; the address must be a multiple of 8.
    ///
    /// # Errors
    ///
    /// As [`SharedMemory::atomic_wait32`].
    ///
    /// ```
    /// # use planish::{Engine, MemoryType, SharedMemory, Trap};
    /// let memory = SharedMemory::new(&Engine::default(), MemoryType::shared(1, 1))?;
    /// assert_eq!(memory.atomic_wait64(4, 0, None), Err(Trap::HeapMisaligned));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn atomic_wait64(&self, address: u64, expected: u64, timeout: Option<Duration>) -> Result<WaitResult, Trap> {
        self.memory.wait64(address, expected, timeout).map(waited).map_err(trap_of)
    }
}

fn waited(waited: Waited) -> WaitResult {
    match waited {
        Waited::Woken => WaitResult::Ok,
        Waited::Mismatch => WaitResult::Mismatch,
        Waited::TimedOut => WaitResult::TimedOut,
    }
}

impl PartialEq for SharedMemory {
    /// Are both the same memory?
    fn eq(&self, other: &SharedMemory) -> bool {
        Arc::ptr_eq(&self.memory, &other.memory)
    }
}

impl Eq for SharedMemory {}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemory").field("ty", &self.ty()).finish_non_exhaustive()
    }
}
