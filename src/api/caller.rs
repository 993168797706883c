//! [`Caller`]: what a host function knows of who called it.

use crate::api::engine::Engine;
use crate::api::extern_item::Extern;
use crate::api::instance::Instance;
#[cfg(feature = "wasi")]
use crate::api::memory::Memory;
use crate::api::store::{AsContext, AsContextMut, StoreContext, StoreContextMut, StoreInner};
use crate::vm::visible::handle::InstanceId;

/// The store in which a host function runs, and the instance that called it. First argument of closures that want it.
///
/// ```
/// use planish::{Caller, Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("env", "print", |mut caller: Caller<'_, Vec<String>>, at: u32, len: u32| {
///     let memory = caller.get_export("memory").and_then(|item| item.into_memory()).ok_or("no memory")?;
///     let mut bytes = vec![0; len as usize];
///     memory.read(&caller, at as usize, &mut bytes)?;
///     caller.data_mut().push(String::from_utf8_lossy(&bytes).into_owned());
///     Ok::<_, planish::Error>(())
/// })?;
/// let module = Module::new(&engine, r#"(module
///     (import "env" "print" (func $print (param i32 i32)))
///     (memory (export "memory") 1) (data (i32.const 8) "hello")
///     (func (export "run") (call $print (i32.const 8) (i32.const 5))))"#)?;
/// let mut store = Store::new(&engine, Vec::new());
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
/// assert_eq!(store.into_data(), ["hello"]);
/// # Ok::<(), planish::Error>(())
/// ```
pub struct Caller<'a, T: 'static> {
    store: StoreContextMut<'a, T>,
    instance: Option<InstanceId>,
}

impl<'a, T: 'static> Caller<'a, T> {
    pub(crate) fn new(store: &'a mut StoreInner<T>, instance: Option<InstanceId>) -> Caller<'a, T> {
        Caller { store: StoreContextMut(store), instance }
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The embedder's data.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The store's engine.
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// An export of the calling instance; none if the host called.
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        let store = &self.store.0.opaque;
        Instance { store: store.id, id: self.instance? }.export_in(store, name)
    }

    /// An exported memory of the calling instance, of this store alone. As [`get_export`](Caller::get_export), with less to do.
    #[cfg(feature = "wasi")]
    pub(crate) fn memory(&self, name: &str) -> Option<Memory> {
        let store = &self.store.0.opaque;
        Instance { store: store.id, id: self.instance? }.memory_in(store, name)
    }
}

impl<T: 'static> AsContext for Caller<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T: 'static> AsContextMut for Caller<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}
