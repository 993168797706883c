//! [`Store`]: what running instances own, and the contexts through which everything reaches it.

use crate::abi::TrapCode;
use crate::api::engine::Engine;
use crate::api::module::ModuleInner;
use crate::error::{Error, Trap, WasmBacktrace};
use crate::types::{FuncType, HeapType, RefType, ValType};
use crate::vm::exit::backtrace::Frame;
use crate::vm::run::enter::Exit;
use crate::vm::run::store::{Hosted, StoreState};
use crate::vm::visible::context::Value;
use crate::vm::visible::handle::TagId;
use std::any::Any;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Owns instances, their memories, tables, globals and functions, and a `T` of the embedder, which host functions
/// reach through [`Caller`](crate::Caller).
///
/// Handles such as [`Func`](crate::Func) or [`Memory`](crate::Memory) belong to one store and are useless with
/// another: using them there is an error (or a panic where the method has no error to give). Nothing in a store is freed
/// before the store is.
///
/// ```
/// use planish::{Engine, Store};
///
/// let mut store = Store::new(&Engine::default(), 7);
/// *store.data_mut() += 1;
/// assert_eq!(store.into_data(), 8);
/// ```
pub struct Store<T: 'static> {
    inner: Box<StoreInner<T>>,
}

/// What a store is made of. `state` first: it is dropped before what it uses.
pub(crate) struct StoreInner<T> {
    pub(crate) opaque: StoreOpaque,
    pub(crate) data: T,
    /// **Escape:** a store of a `T` is not one of a subtype or a supertype, though an owned `T` would be. Host functions in it were made
    /// for a `T`: they read the data as such and may replace it. What borrows a store inherits this.
    exactly: PhantomData<fn(T) -> T>,
}

/// The part that does not depend on the embedder's data.
pub(crate) struct StoreOpaque {
    pub(crate) id: StoreId,
    pub(crate) state: StoreState,
    pub(crate) engine: Engine,
    /// Every module that has been instantiated here, once.
    modules: Vec<Arc<ModuleInner>>,
    /// What [`ExternRef`](crate::ExternRef)s refer to.
    pub(crate) objects: Vec<Box<dyn Any + Send + Sync>>,
}

/// Tells stores apart, for the whole life of the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct StoreId(NonZeroU64);

impl StoreId {
    fn next() -> StoreId {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let last = LAST.fetch_add(1, Ordering::Relaxed);
        StoreId(NonZeroU64::MIN.checked_add(last).expect("2^64 stores take centuries to make"))
    }
}

impl<T: 'static> Hosted for StoreInner<T> {
    fn state(&mut self) -> &mut StoreState {
        &mut self.opaque.state
    }
}

impl StoreOpaque {
    /// Only what belongs to this store may be used with it.
    pub(crate) fn check(&self, owner: StoreId, what: &str) -> Result<(), Error> {
        if owner == self.id { Ok(()) } else { Err(wrong_store(what)) }
    }

    /// As [`StoreOpaque::check`], where there is no error to give.
    #[inline]
    #[track_caller]
    pub(crate) fn expect(&self, owner: StoreId, what: &str) {
        if owner != self.id {
            panic_wrong_store(what);
        }
    }

    pub(crate) fn add_module(&mut self, module: &Arc<ModuleInner>) {
        if !self.modules.iter().any(|known| Arc::ptr_eq(known, module)) {
            self.modules.push(module.clone());
        }
    }

    /// The host is given a value: if it is a reference to an exception, that lives as long as the store from now on.
    pub(crate) fn hold(&self, value: Value, ty: &ValType) {
        if let ValType::Ref(ty) = ty {
            self.hold_ref(value.u64(), ty);
        }
    }

    /// The same of a reference.
    pub(crate) fn hold_ref(&self, bits: u64, ty: &RefType) {
        if matches!(ty.heap, HeapType::Exn | HeapType::NoExn) && bits != 0 {
            self.state.exceptions().hold(bits);
        }
    }

    /// What a call that did not return means to the embedder.
    #[cold]
    pub(crate) fn error_of(&self, exit: Exit) -> Error {
        let (error, frames) = match exit {
            Exit::Trap { code, frames } => (Error::from(trap_of(code)), frames),
            Exit::Error { error, frames } => (Error::from(error), frames),
            Exit::Exception { tag, values, frames } => {
                let ty = self.state.tag(tag).clone();
                ty.params().iter().zip(&values).for_each(|(ty, value)| self.hold(*value, ty));
                (Error::new(ThrownException { store: self.id, tag, ty, values }), frames)
            }
        };
        error.with_backtrace(self.backtrace(&frames))
    }

    pub(crate) fn backtrace(&self, frames: &[Frame]) -> WasmBacktrace {
        let info = |frame: &Frame| {
            let module = self.modules.iter().find(|module| module.start() == Some(frame.code))?;
            Some(module.frame(frame.function, frame.wasm_offset))
        };
        WasmBacktrace::new(frames.iter().filter_map(info).collect())
    }
}

/// An exception that left wasm code, or is to be thrown into it: what an [`Error`] carries.
///
/// ```
/// use planish::{Engine, Instance, Module, Store, ThrownException};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (tag $t (export "t") (param i32 i64))
///     (func (export "run") (throw $t (i32.const 1) (i64.const 2))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let error = instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ()).unwrap_err();
/// let exception = error.downcast_ref::<ThrownException>().unwrap();
/// assert_eq!(Some(exception.tag()), instance.get_tag(&mut store, "t"));
/// assert_eq!(exception.fields()[1].i64(), Some(2));
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone)]
pub struct ThrownException {
    pub(crate) store: StoreId,
    pub(crate) tag: TagId,
    pub(crate) ty: FuncType,
    /// Exceptions among them are [held](StoreOpaque::hold).
    pub(crate) values: Box<[Value]>,
}

impl std::fmt::Display for ThrownException {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("uncaught exception")
    }
}

impl std::fmt::Debug for ThrownException {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThrownException").field("tag", &self.tag).field("ty", &self.ty).finish_non_exhaustive()
    }
}

impl std::error::Error for ThrownException {}

#[cold]
pub(crate) fn wrong_store(what: &str) -> Error {
    Error::msg(format!("{what} used with another store than its own"))
}

#[cold]
#[track_caller]
fn panic_wrong_store(what: &str) -> ! {
    panic!("{what} used with another store than its own");
}

pub(crate) fn trap_of(code: TrapCode) -> Trap {
    match code {
        TrapCode::Unreachable => Trap::UnreachableCodeReached,
        TrapCode::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => Trap::TableOutOfBounds,
        TrapCode::IndirectCallToNull => Trap::IndirectCallToNull,
        TrapCode::BadSignature => Trap::BadSignature,
        TrapCode::IntegerOverflow => Trap::IntegerOverflow,
        TrapCode::IntegerDivisionByZero => Trap::IntegerDivisionByZero,
        TrapCode::BadConversionToInteger => Trap::BadConversionToInteger,
        TrapCode::StackExhausted => Trap::StackOverflow,
        TrapCode::NullReference => Trap::NullReference,
        TrapCode::UnalignedAtomic => Trap::HeapMisaligned,
        TrapCode::ExpectedSharedMemory => Trap::AtomicWaitNonSharedMemory,
        TrapCode::ExceptionsExhausted => Trap::TooManyExceptions,
    }
}

impl<T: 'static> Store<T> {
    /// An empty store. Takes a wasm stack from the engine's pool.
    ///
    /// # Panics
    ///
    /// If the system refuses the address space for a stack; [`Store::try_new`] gives an error instead.
    ///
    /// ```
    /// let store = planish::Store::new(&planish::Engine::default(), "anything");
    /// assert_eq!(*store.data(), "anything");
    /// ```
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        Store::try_new(engine, data).expect("address space for a wasm stack")
    }

    /// An empty store.
    ///
    /// # Errors
    ///
    /// If the system refuses the address space for a stack.
    ///
    /// ```
    /// let store = planish::Store::try_new(&planish::Engine::default(), ())?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn try_new(engine: &Engine, data: T) -> Result<Store<T>, Error> {
        let state = StoreState::new::<StoreInner<T>>(engine.stacks().take()?, engine.builtins().clone());
        let opaque = StoreOpaque {
            id: StoreId::next(),
            state,
            engine: engine.clone(),
            modules: Vec::new(),
            objects: Vec::new(),
        };
        Ok(Store { inner: Box::new(StoreInner { opaque, data, exactly: PhantomData }) })
    }

    /// The engine it was made for.
    ///
    /// ```
    /// # let engine = planish::Engine::default();
    /// let store = planish::Store::new(&engine, ());
    /// assert!(planish::Engine::same(store.engine(), &engine));
    /// ```
    pub fn engine(&self) -> &Engine {
        &self.inner.opaque.engine
    }

    /// The embedder's data.
    ///
    /// ```
    /// # let engine = planish::Engine::default();
    /// assert_eq!(*planish::Store::new(&engine, 5).data(), 5);
    /// ```
    pub fn data(&self) -> &T {
        &self.inner.data
    }

    /// The embedder's data.
    ///
    /// ```
    /// # let engine = planish::Engine::default();
    /// let mut store = planish::Store::new(&engine, 5);
    /// *store.data_mut() = 6;
    /// assert_eq!(*store.data(), 6);
    /// ```
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data
    }

    /// Drops everything but the embedder's data.
    ///
    /// ```
    /// # let engine = planish::Engine::default();
    /// assert_eq!(planish::Store::new(&engine, vec![1, 2]).into_data(), [1, 2]);
    /// ```
    pub fn into_data(self) -> T {
        self.inner.data
    }
}

impl<T: std::fmt::Debug + 'static> std::fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("data", self.data()).finish_non_exhaustive()
    }
}

/// A shared borrow of a [`Store`].
pub struct StoreContext<'a, T: 'static>(pub(crate) &'a StoreInner<T>);

/// A unique borrow of a [`Store`].
pub struct StoreContextMut<'a, T: 'static>(pub(crate) &'a mut StoreInner<T>);

impl<'a, T: 'static> StoreContext<'a, T> {
    /// The embedder's data.
    pub fn data(&self) -> &'a T {
        &self.0.data
    }

    /// The store's engine.
    pub fn engine(&self) -> &'a Engine {
        &self.0.opaque.engine
    }
}

impl<T: 'static> StoreContextMut<'_, T> {
    /// The embedder's data.
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// The store's engine.
    pub fn engine(&self) -> &Engine {
        &self.0.opaque.engine
    }
}

/// Anything that gives read access to a store: [`Store`], [`Caller`](crate::Caller), contexts, and references to them.
///
/// ```
/// use planish::{AsContext, Engine, Store};
///
/// fn answer(store: impl AsContext<Data = u32>) -> u32 {
///     *store.as_context().data()
/// }
///
/// let store = Store::new(&Engine::default(), 42);
/// assert_eq!(answer(&store), 42);
/// ```
pub trait AsContext {
    /// The embedder's data in the store.
    type Data: 'static;

    /// Borrows the store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// Anything that gives full access to a store.
///
/// ```
/// use planish::{AsContextMut, Engine, Store};
///
/// fn count(mut store: impl AsContextMut<Data = u32>) {
///     *store.as_context_mut().data_mut() += 1;
/// }
///
/// let mut store = Store::new(&Engine::default(), 0);
/// count(&mut store);
/// assert_eq!(*store.data(), 1);
/// ```
pub trait AsContextMut: AsContext {
    /// Borrows the store.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(&self.inner)
    }
}

impl<T: 'static> AsContextMut for Store<T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(&mut self.inner)
    }
}

impl<T: 'static> AsContext for StoreContext<'_, T> {
    type Data = T;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T: 'static> AsContext for StoreContextMut<'_, T> {
    type Data = T;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T: 'static> AsContextMut for StoreContextMut<'_, T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(self.0)
    }
}

impl<S: AsContext> AsContext for &S {
    type Data = S::Data;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, S::Data> {
        S::as_context(self)
    }
}

impl<S: AsContext> AsContext for &mut S {
    type Data = S::Data;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, S::Data> {
        S::as_context(self)
    }
}

impl<S: AsContextMut> AsContextMut for &mut S {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, S::Data> {
        S::as_context_mut(self)
    }
}

impl<'a, S: AsContext> From<&'a S> for StoreContext<'a, S::Data> {
    fn from(store: &'a S) -> StoreContext<'a, S::Data> {
        store.as_context()
    }
}

impl<'a, S: AsContext> From<&'a mut S> for StoreContext<'a, S::Data> {
    fn from(store: &'a mut S) -> StoreContext<'a, S::Data> {
        S::as_context(store)
    }
}

impl<'a, S: AsContextMut> From<&'a mut S> for StoreContextMut<'a, S::Data> {
    fn from(store: &'a mut S) -> StoreContextMut<'a, S::Data> {
        store.as_context_mut()
    }
}
