//! [`Instance`]: an instantiated module, and its exports.

use crate::api::exception::Tag;
use crate::api::extern_item::{Export, Extern};
use crate::api::global::Global;
use crate::api::instantiate;
use crate::api::memory::Memory;
use crate::api::module::Module;
use crate::api::reference::Func;
use crate::api::shared_memory::SharedMemory;
use crate::api::store::{AsContext, AsContextMut, StoreContext, StoreId, StoreOpaque};
use crate::api::table::Table;
use crate::api::typed::{TypedFunc, WasmParams, WasmResults};
use crate::decode::ExportItem;
use crate::error::Error;
use crate::types::FuncIndex;
use crate::vm::visible::handle::InstanceId;

/// An instantiated module in a store.
///
/// ```
/// use planish::{Engine, Func, Instance, Module, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (import "host" "next" (func $next (result i32)))
///     (func (export "sum") (result i32) (i32.add (call $next) (call $next))))"#)?;
/// let mut store = Store::new(&engine, 20);
/// let next = Func::wrap(&mut store, |mut caller: planish::Caller<'_, i32>| {
///     *caller.data_mut() += 1;
///     *caller.data()
/// });
/// let instance = Instance::new(&mut store, &module, &[next.into()])?;
/// let sum = instance.get_typed_func::<(), i32>(&mut store, "sum")?;
/// assert_eq!(sum.call(&mut store, ())?, 43);
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Instance {
    pub(crate) store: StoreId,
    pub(crate) id: InstanceId,
}

impl Instance {
    /// Instantiates a module with these imports, in the order of [`Module::imports`], and runs its start function.
    ///
    /// # Errors
    ///
    /// If imports are missing, too many, or do not fit; if the module or an import belongs elsewhere; if a memory or
    /// table is refused; if an active segment does not fit (a [`Trap`](crate::Trap)) or the start function fails. What was
    /// written to imported memories and tables until then stays written, as the specification says.
    ///
    /// ```
    /// use planish::{Engine, Instance, Module, Store, Trap};
    ///
    /// let engine = Engine::default();
    /// let mut store = Store::new(&engine, ());
    /// let module = Module::new(&engine, "(module (memory 1) (data (i32.const 65536) \"x\"))")?;
    /// let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    /// assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn new(mut store: impl AsContextMut, module: &Module, imports: &[Extern]) -> Result<Instance, Error> {
        let store = store.as_context_mut().0;
        let id = instantiate::instantiate(store, module.inner(), imports)?;
        Ok(Instance { store: store.opaque.id, id })
    }

    /// All exports, in order.
    ///
    /// ```
    /// # use planish::{Engine, Instance, Module, Store};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// let module = Module::new(&engine, "(module (func (export \"a\")) (memory (export \"b\") 1))")?;
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let names: Vec<&str> = instance.exports(&mut store).map(|export| export.name()).collect();
    /// assert_eq!(names, ["a", "b"]);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn exports<'a, T: 'static>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> impl ExactSizeIterator<Item = Export<'a>> + 'a {
        let store = &store.into().0.opaque;
        store.expect(self.store, "an instance");
        let id = self.id;
        let exports = &store.state.instance(id).module().info().exports;
        exports.iter().map(move |export| Export::new(&export.name, item(store, id, export.item)))
    }

    /// An export.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store; so do all methods below.
    ///
    /// ```
    /// # use planish::{Engine, Instance, Module, Store};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// let module = Module::new(&engine, "(module (func (export \"a\")))")?;
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// assert!(instance.get_export(&mut store, "a").is_some());
    /// assert!(instance.get_export(&mut store, "b").is_none());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get_export(&self, store: impl AsContext, name: &str) -> Option<Extern> {
        self.export_in(&store.as_context().0.opaque, name)
    }

    pub(crate) fn export_in(&self, store: &StoreOpaque, name: &str) -> Option<Extern> {
        store.expect(self.store, "an instance");
        let exported = store.state.instance(self.id).module().export(name)?;
        Some(item(store, self.id, exported))
    }

    /// The memory of that name, if it is exported and no other store has it, too.
    pub(crate) fn memory_in(&self, store: &StoreOpaque, name: &str) -> Option<Memory> {
        store.expect(self.store, "an instance");
        let instance = store.state.instance(self.id);
        let ExportItem::Memory(memory) = instance.module().export(name)? else { return None };
        let id = instance.memory(memory);
        store.state.memory(id).shared().is_none().then_some(Memory { store: store.id, id })
    }

    /// An exported function.
    ///
    /// ```
    /// # use planish::{Engine, Instance, Module, Store};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// let module = Module::new(&engine, "(module (func (export \"a\")))")?;
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// instance.get_func(&mut store, "a").unwrap().call(&mut store, &[], &mut [])?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get_func(&self, store: impl AsContext, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// An exported function with static types.
    ///
    /// # Errors
    ///
    /// If there is none, or it has other types.
    ///
    /// ```
    /// # use planish::{Engine, Instance, Module, Store};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// let module = Module::new(&engine, "(module (func (export \"a\") (result i32) i32.const 7))")?;
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "a")?.call(&mut store, ())?, 7);
    /// assert!(instance.get_typed_func::<(), i64>(&mut store, "a").is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get_typed_func<Params: WasmParams, Results: WasmResults>(
        &self,
        store: impl AsContext,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>, Error> {
        let store = store.as_context();
        store.0.opaque.check(self.store, "an instance")?;
        let func = self.get_func(&store, name).ok_or_else(|| Error::msg(format!("no exported function `{name}`")))?;
        TypedFunc::of(func, store)
    }

    /// An exported memory.
    ///
    /// ```
    /// # use planish::{Engine, Instance, Module, Store};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// let module = Module::new(&engine, "(module (memory (export \"m\") 3))")?;
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// assert_eq!(instance.get_memory(&mut store, "m").unwrap().size(&store), 3);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get_memory(&self, store: impl AsContext, name: &str) -> Option<Memory> {
        self.memory_in(&store.as_context().0.opaque, name)
    }

    /// An exported shared memory.
    ///
    /// ```
    /// # use planish::{Config, Engine, Instance, Module, Store, WasmFeature};
    /// let engine = Engine::new(Config::new().wasm_feature(WasmFeature::Threads, true))?;
    /// let module = Module::new(&engine, "(module (memory (export \"m\") 3 4 shared))")?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// assert_eq!(instance.get_shared_memory(&mut store, "m").unwrap().size(), 3);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get_shared_memory(&self, store: impl AsContext, name: &str) -> Option<SharedMemory> {
        self.get_export(store, name)?.into_shared_memory()
    }

    /// An exported table.
    ///
    /// ```
    /// # use planish::{Engine, Instance, Module, Store};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// let module = Module::new(&engine, "(module (table (export \"t\") 3 funcref))")?;
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// assert_eq!(instance.get_table(&mut store, "t").unwrap().size(&store), 3);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get_table(&self, store: impl AsContext, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// An exported global.
    ///
    /// ```
    /// # use planish::{Engine, Instance, Module, Store};
    /// # let engine = Engine::default();
    /// # let mut store = Store::new(&engine, ());
    /// let module = Module::new(&engine, "(module (global (export \"g\") i64 (i64.const 9)))")?;
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// assert_eq!(instance.get_global(&mut store, "g").unwrap().get(&store).i64(), Some(9));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get_global(&self, store: impl AsContext, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// An exported tag.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn get_tag(&self, store: impl AsContext, name: &str) -> Option<Tag> {
        self.get_export(store, name)?.into_tag()
    }
}

impl Instance {
    /// The function whose index, and name in the custom section `name`, are those wanted, if it can be a value: for scripts.
    #[doc(hidden)]
    pub fn find_func(&self, store: impl AsContext, wanted: impl Fn(u32, Option<&str>) -> bool) -> Option<Func> {
        let store = &store.as_context().0.opaque;
        store.expect(self.store, "an instance");
        let instance = store.state.instance(self.id);
        let info = instance.module().info();
        let imported = (0..info.imported_functions).map(FuncIndex);
        let mut values = imported.chain(info.referable.iter().copied());
        let func = values.find(|func| wanted(func.0, info.function_names.get(*func)))?;
        Some(Func { store: store.id, func: instance.func(func) })
    }
}

fn item(store: &StoreOpaque, instance: InstanceId, item: ExportItem) -> Extern {
    let data = store.state.instance(instance);
    match item {
        ExportItem::Func(func) => Extern::Func(Func { store: store.id, func: data.func(func) }),
        ExportItem::Memory(memory) => match store.state.memory(data.memory(memory)).shared() {
            Some(shared) => Extern::SharedMemory(SharedMemory { engine: store.engine.clone(), memory: shared.clone() }),
            None => Extern::Memory(Memory { store: store.id, id: data.memory(memory) }),
        },
        ExportItem::Table(table) => Extern::Table(Table { store: store.id, id: data.table(table) }),
        ExportItem::Tag(tag) => Extern::Tag(Tag { store: store.id, id: data.tag(tag) }),
        ExportItem::Global(global) => Extern::Global(Global { store: store.id, id: data.global(global) }),
    }
}
