//! [`Memory`]: a linear memory as the embedder sees it.

use crate::api::store::{AsContext, AsContextMut, StoreContext, StoreContextMut, StoreId, StoreOpaque};
use crate::error::Error;
use crate::types::MemoryType;
use crate::vm::owned::bounds::Refused;
use crate::vm::owned::memory::LinearMemory;
use crate::vm::visible::handle::MemoryId;
use std::fmt;

/// A linear memory in a store.
///
/// Methods that return no `Result` panic when the memory belongs to another store.
///
/// ```
/// use planish::{Engine, Memory, MemoryType, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
/// memory.write(&mut store, 100, b"hello")?;
/// assert_eq!(&memory.data(&store)[100..105], b"hello");
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Memory {
    pub(crate) store: StoreId,
    pub(crate) id: MemoryId,
}

/// A read or write that reaches beyond a memory's end.
///
/// ```
/// # use planish::{Engine, Memory, MemoryType, Store};
/// # let mut store = Store::new(&Engine::default(), ());
/// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
/// let error = memory.write(&mut store, 65536, b"x").unwrap_err();
/// assert_eq!(error.to_string(), "out of bounds memory access");
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MemoryAccessError;

impl fmt::Display for MemoryAccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of bounds memory access")
    }
}

impl std::error::Error for MemoryAccessError {}

impl From<MemoryAccessError> for Error {
    fn from(error: MemoryAccessError) -> Error {
        Error::new(error)
    }
}

impl Memory {
    /// A new, zeroed memory.
    ///
    /// # Errors
    ///
    /// If the type is impossible or [shared](crate::SharedMemory), if its minimum is above the engine's limit, or the system
    /// has no memory.
    ///
    /// ```
    /// use planish::{Engine, Memory, MemoryType, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// assert!(Memory::new(&mut store, MemoryType::new(1, None)).is_ok());
    /// assert!(Memory::new(&mut store, MemoryType::new(65537, None)).is_err());
    /// ```
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Memory, Error> {
        let store = &mut store.as_context_mut().0.opaque;
        let limits = store.engine.limits();
        if !ty.is_possible() {
            return Err(Error::msg("a memory type with impossible limits"));
        }
        if ty.is_shared() {
            return Err(Error::msg("a shared memory belongs to no store"));
        }
        let memory = LinearMemory::new(&limits, &ty, None).map_err(refused)?;
        Ok(Memory { store: store.id, id: store.state.add_memory(memory) })
    }

    /// Its type; the minimum is the present size.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let memory = Memory::new(&mut store, MemoryType::new(1, Some(5)))?;
    /// assert_eq!(memory.ty(&store), MemoryType::new(1, Some(5)));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn ty(&self, store: impl AsContext) -> MemoryType {
        self.type_in(&store.as_context().0.opaque)
    }

    pub(crate) fn type_in(&self, store: &StoreOpaque) -> MemoryType {
        let memory = self.of(store);
        MemoryType { minimum: memory.pages(), ..*memory.ty() }
    }

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// If they reach beyond the end; nothing is read then.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// let mut buffer = [1; 4];
    /// memory.read(&store, 65532, &mut buffer)?;
    /// assert_eq!(buffer, [0; 4]);
    /// assert!(memory.read(&store, 65533, &mut buffer).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn read(&self, store: impl AsContext, offset: usize, buffer: &mut [u8]) -> Result<(), MemoryAccessError> {
        let store = store.as_context();
        let bytes = self.of(&store.0.opaque).bytes();
        let from = bytes.get(offset..).and_then(|rest| rest.get(..buffer.len())).ok_or(MemoryAccessError)?;
        buffer.copy_from_slice(from);
        Ok(())
    }

    /// Writes the bytes of `buffer` from `offset` on.
    ///
    /// # Errors
    ///
    /// If they reach beyond the end; nothing is written then.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// memory.write(&mut store, 0, b"abc")?;
    /// assert!(memory.write(&mut store, usize::MAX, b"abc").is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn write(&self, mut store: impl AsContextMut, offset: usize, buffer: &[u8]) -> Result<(), MemoryAccessError> {
        let store = store.as_context_mut();
        let bytes = self.of_mut(&mut store.0.opaque).bytes_mut();
        let to = bytes.get_mut(offset..).and_then(|rest| rest.get_mut(..buffer.len())).ok_or(MemoryAccessError)?;
        to.copy_from_slice(buffer);
        Ok(())
    }

    /// The contents.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// assert_eq!(memory.data(&store).len(), 65536);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn data<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        self.of(&store.into().0.opaque).bytes()
    }

    /// The contents.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// memory.data_mut(&mut store)[5] = 7;
    /// assert_eq!(memory.data(&store)[5], 7);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn data_mut<'a, T: 'static>(&self, store: impl Into<StoreContextMut<'a, T>>) -> &'a mut [u8] {
        self.of_mut(&mut store.into().0.opaque).bytes_mut()
    }

    /// The contents and, at the same time, the store's data.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// let mut store = Store::new(&Engine::default(), 0);
    /// let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// let (bytes, count) = memory.data_and_store_mut(&mut store);
    /// bytes[0] = 1;
    /// *count += 1;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn data_and_store_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let store = store.into().0;
        (self.of_mut(&mut store.opaque).bytes_mut(), &mut store.data)
    }

    /// Where the contents are. Growing may move them.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// assert_eq!(memory.data_ptr(&store).cast_const(), memory.data(&store).as_ptr());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn data_ptr(&self, store: impl AsContext) -> *mut u8 {
        self.of(&store.as_context().0.opaque).base()
    }

    /// The size in bytes.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(2, None))?;
    /// assert_eq!(memory.data_size(&store), 131072);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn data_size(&self, store: impl AsContext) -> usize {
        self.of(&store.as_context().0.opaque).bytes().len()
    }

    /// The size in pages.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(2, None))?;
    /// assert_eq!(memory.size(&store), 2);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.of(&store.as_context().0.opaque).pages()
    }

    /// Bytes of a page.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// # let memory = Memory::new(&mut store, MemoryType::new(2, None))?;
    /// assert_eq!(memory.page_size(&store), 65536);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn page_size(&self, store: impl AsContext) -> u64 {
        self.of(&store.as_context().0.opaque).ty().page_size()
    }

    /// Grows by `pages`; returns the size before.
    ///
    /// # Errors
    ///
    /// If the type's maximum or the engine's limit forbid it, or the system has no memory; nothing changes then.
    ///
    /// ```
    /// # use planish::{Engine, Memory, MemoryType, Store};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
    /// assert_eq!(memory.grow(&mut store, 1)?, 1);
    /// assert!(memory.grow(&mut store, 1).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn grow(&self, mut store: impl AsContextMut, pages: u64) -> Result<u64, Error> {
        let store = store.as_context_mut();
        store.0.opaque.check(self.store, "a memory")?;
        let memory = self.of_mut(&mut store.0.opaque);
        memory.grow(pages).map_err(|refused| error_of(refused, "the memory cannot grow that far"))
    }

    #[inline]
    fn of<'a>(&self, store: &'a StoreOpaque) -> &'a LinearMemory {
        store.expect(self.store, "a memory");
        store.state.memory(self.id)
    }

    #[inline]
    fn of_mut<'a>(&self, store: &'a mut StoreOpaque) -> &'a mut LinearMemory {
        store.expect(self.store, "a memory");
        store.state.memory_mut(self.id)
    }
}

/// Why a memory or a table of an instance or of the host could not be made.
pub(crate) fn refused(refused: Refused) -> Error {
    error_of(refused, "the minimum size is above the engine's limit")
}

/// Why a memory or a table could not grow: `beyond_limit`, or the system has refused.
pub(crate) fn error_of(refused: Refused, beyond_limit: &'static str) -> Error {
    match refused {
        Refused::Limit => Error::msg(beyond_limit),
        Refused::Exhausted(shortage) => std::io::Error::from(shortage).into(),
    }
}
