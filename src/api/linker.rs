//! [`Linker`]: imports by name.

use crate::api::caller::Caller;
use crate::api::engine::Engine;
use crate::api::extern_item::Extern;
use crate::api::extern_type::ImportType;
use crate::api::host::{HostFunc, IntoFunc};
use crate::api::instance::Instance;
use crate::api::module::Module;
use crate::api::store::{AsContext, AsContextMut, StoreOpaque};
use crate::api::value::Val;
use crate::error::Error;
use crate::types::FuncType;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::marker::PhantomData;
use std::sync::Arc;

/// Items by module and name, from which modules take their imports.
///
/// Host functions defined here belong to no store and serve any number of them; instances and other items of a store
/// serve only that one.
///
/// ```
/// use planish::{Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("env", "add", |a: i32, b: i32| a + b)?;
/// let module = Module::new(&engine, r#"(module
///     (import "env" "add" (func $add (param i32 i32) (result i32)))
///     (func (export "five") (result i32) (call $add (i32.const 2) (i32.const 3))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let five = linker.instantiate(&mut store, &module)?.get_typed_func::<(), i32>(&mut store, "five")?;
/// assert_eq!(five.call(&mut store, ())?, 5);
/// # Ok::<(), planish::Error>(())
/// ```
pub struct Linker<T> {
    engine: Engine,
    modules: HashMap<Box<str>, Definitions>,
    allow_shadowing: bool,
    /// The host functions of a linker read the data of their stores as a `T` and may replace it, so they fit no other type of store,
    /// be it a subtype or a supertype.
    data: PhantomData<fn(T) -> T>,
}

/// The items of one module by name.
type Definitions = HashMap<Box<str>, Definition>;

#[derive(Clone)]
enum Definition {
    Item(Extern),
    Host(Arc<HostFunc>),
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Linker<T> {
        Linker {
            engine: self.engine.clone(),
            modules: self.modules.clone(),
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        }
    }
}

impl<T: 'static> Linker<T> {
    /// An empty linker.
    ///
    /// ```
    /// let linker = planish::Linker::<()>::new(&planish::Engine::default());
    /// ```
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker { engine: engine.clone(), modules: HashMap::new(), allow_shadowing: false, data: PhantomData }
    }

    /// The linker's engine.
    ///
    /// ```
    /// # let engine = planish::Engine::default();
    /// let linker = planish::Linker::<()>::new(&engine);
    /// assert!(planish::Engine::same(linker.engine(), &engine));
    /// ```
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// May a later definition replace an earlier one of the same name? Otherwise it is an error (the default).
    ///
    /// ```
    /// let mut linker = planish::Linker::<()>::new(&planish::Engine::default());
    /// linker.func_wrap("m", "f", || {})?;
    /// assert!(linker.func_wrap("m", "f", || {}).is_err());
    /// linker.allow_shadowing(true).func_wrap("m", "f", || {})?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Linker<T> {
        self.allow_shadowing = allow;
        self
    }

    /// Defines an item of a store.
    ///
    /// # Errors
    ///
    /// If the name is taken, or the item belongs to another store than `store`.
    ///
    /// ```
    /// use planish::{Engine, Linker, Memory, MemoryType, Store};
    ///
    /// let engine = Engine::default();
    /// let mut store = Store::new(&engine, ());
    /// let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// let mut linker = Linker::new(&engine);
    /// linker.define(&store, "env", "memory", memory)?;
    /// assert!(linker.get(&mut store, "env", "memory").is_some());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn define(
        &mut self,
        store: impl AsContext<Data = T>,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Linker<T>, Error> {
        let item = item.into();
        if let Some(owner) = item.store() {
            store.as_context().0.opaque.check(owner, "an item")?;
        }
        self.insert(module, name, Definition::Item(item))
    }

    /// Defines a host function with static types: see [`IntoFunc`].
    ///
    /// # Errors
    ///
    /// If the name is taken.
    ///
    /// ```
    /// let mut linker = planish::Linker::<u32>::new(&planish::Engine::default());
    /// linker.func_wrap("env", "get", |caller: planish::Caller<'_, u32>| *caller.data())?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<&mut Linker<T>, Error> {
        self.one(module).func_wrap(name, func)?;
        Ok(self)
    }

    /// Defines a host function of any type, as [`Func::new`](crate::Func::new) does.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    ///
    /// ```
    /// use planish::{Engine, FuncType, Linker, Val, ValType};
    ///
    /// let mut linker = Linker::<()>::new(&Engine::default());
    /// linker.func_new("env", "one", FuncType::new([], [ValType::I64]), |_caller, _params, results| {
    ///     results[0] = Val::I64(1);
    ///     Ok(())
    /// })?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<&mut Linker<T>, Error> {
        self.insert(module, name, Definition::Host(Arc::new(HostFunc::dynamic(ty, func))))
    }

    /// Defines all exports of an instance.
    ///
    /// # Errors
    ///
    /// If a name is taken, or the instance belongs to another store.
    ///
    /// ```
    /// use planish::{Engine, Instance, Linker, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let mut store = Store::new(&engine, ());
    /// let library = Module::new(&engine, "(module (func (export \"f\")))")?;
    /// let library = Instance::new(&mut store, &library, &[])?;
    /// let mut linker = Linker::new(&engine);
    /// linker.instance(&mut store, "library", library)?;
    /// let user = Module::new(&engine, "(module (import \"library\" \"f\" (func)))")?;
    /// linker.instantiate(&mut store, &user)?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Linker<T>, Error> {
        let store = store.as_context_mut();
        store.0.opaque.check(instance.store, "an instance")?;
        let context = crate::api::store::StoreContext(&*store.0);
        for export in instance.exports(context) {
            self.insert(module, export.name(), Definition::Item(export.into_extern()))?;
        }
        Ok(self)
    }

    /// Instantiates a module with what is defined here, and defines its exports under the name `name`.
    ///
    /// # Errors
    ///
    /// As [`Linker::instantiate`] and [`Linker::instance`].
    ///
    /// ```
    /// use planish::{Engine, Linker, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let mut store = Store::new(&engine, ());
    /// let mut linker = Linker::new(&engine);
    /// linker.module(&mut store, "lib", &Module::new(&engine, "(module (func (export \"f\")))")?)?;
    /// assert!(linker.get(&mut store, "lib", "f").is_some());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        name: &str,
        module: &Module,
    ) -> Result<&mut Linker<T>, Error> {
        let instance = self.instantiate(&mut store, module)?;
        self.instance(store, name, instance)
    }

    /// Defines an item again under another name.
    ///
    /// # Errors
    ///
    /// If there is no such item, or the new name is taken.
    ///
    /// ```
    /// let mut linker = planish::Linker::<()>::new(&planish::Engine::default());
    /// linker.func_wrap("a", "f", || {})?;
    /// linker.alias("a", "f", "b", "g")?;
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn alias(&mut self, module: &str, name: &str, as_module: &str, as_name: &str) -> Result<&mut Linker<T>, Error> {
        let known = self.definition(module, name).ok_or_else(|| unknown_import(module, name))?.clone();
        self.insert(as_module, as_name, known)
    }

    /// Instantiates a module: finds its imports here, then does what [`Instance::new`] does.
    ///
    /// # Errors
    ///
    /// If an import is not defined, and for the reasons of [`Instance::new`].
    ///
    /// ```
    /// use planish::{Engine, Linker, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, "(module (import \"a\" \"b\" (func)))")?;
    /// let error = Linker::new(&engine).instantiate(Store::new(&engine, ()), &module).unwrap_err();
    /// assert_eq!(error.to_string(), "unknown import: `a::b` has not been defined");
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>, module: &Module) -> Result<Instance, Error> {
        let opaque = &mut store.as_context_mut().0.opaque;
        let imports = module.imports().map(|import| self.import(opaque, &import)).collect::<Result<Vec<_>, _>>()?;
        Instance::new(store, module, &imports)
    }

    /// The item of this name; a host function is put into the store.
    ///
    /// ```
    /// use planish::{Engine, Linker, Store};
    ///
    /// let engine = Engine::default();
    /// let mut linker = Linker::new(&engine);
    /// linker.func_wrap("a", "f", || {})?;
    /// let mut store = Store::new(&engine, ());
    /// assert!(linker.get(&mut store, "a", "f").is_some());
    /// assert!(linker.get(&mut store, "a", "g").is_none());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get(&self, mut store: impl AsContextMut<Data = T>, module: &str, name: &str) -> Option<Extern> {
        let store = &mut store.as_context_mut().0.opaque;
        match self.definition(module, name)? {
            Definition::Item(item) => item.store().is_none_or(|owner| owner == store.id).then(|| item.clone()),
            Definition::Host(func) => func.add_to(store).ok().map(Extern::Func),
        }
    }

    fn import(&self, store: &mut StoreOpaque, import: &ImportType<'_>) -> Result<Extern, Error> {
        let (module, name) = (import.module(), import.name());
        match self.definition(module, name).ok_or_else(|| unknown_import(module, name))? {
            Definition::Item(item) => Ok(item.clone()),
            Definition::Host(func) if import.ty().func() == Some(func.ty()) => func.add_to(store).map(Extern::Func),
            Definition::Host(func) => Err(Error::msg(format!(
                "incompatible import type for `{module}::{name}`: the host has a function {}",
                func.ty()
            ))),
        }
    }

    fn definition(&self, module: &str, name: &str) -> Option<&Definition> {
        self.modules.get(module)?.get(name)
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition) -> Result<&mut Linker<T>, Error> {
        self.one(module).insert(name, definition)?;
        Ok(self)
    }

    /// For many definitions of one module.
    pub(crate) fn one<'a>(&'a mut self, module: &'a str) -> OneModule<'a, T> {
        if !self.modules.contains_key(module) {
            self.modules.insert(module.into(), HashMap::new());
        }
        let definitions = self.modules.get_mut(module).expect("it is there by now");
        OneModule { module, definitions, allow_shadowing: self.allow_shadowing, data: PhantomData }
    }
}

/// What a linker has of one module.
pub(crate) struct OneModule<'a, T> {
    module: &'a str,
    definitions: &'a mut Definitions,
    allow_shadowing: bool,
    data: PhantomData<fn(T) -> T>,
}

impl<T: 'static> OneModule<'_, T> {
    /// Makes room for so many more.
    #[cfg(feature = "wasi")]
    pub(crate) fn reserve(&mut self, count: usize) {
        self.definitions.reserve(count);
    }

    /// As [`Linker::func_wrap`].
    pub(crate) fn func_wrap<P, R>(&mut self, name: &str, func: impl IntoFunc<T, P, R>) -> Result<(), Error> {
        self.insert(name, Definition::Host(Arc::new(func.into_host_func())))
    }

    fn insert(&mut self, name: &str, definition: Definition) -> Result<(), Error> {
        match self.definitions.entry(name.into()) {
            Entry::Vacant(entry) => {
                entry.insert(definition);
            }
            Entry::Occupied(mut entry) if self.allow_shadowing => {
                entry.insert(definition);
            }
            Entry::Occupied(_) => return Err(Error::msg(format!("`{}::{name}` is defined twice", self.module))),
        }
        Ok(())
    }
}

fn unknown_import(module: &str, name: &str) -> Error {
    Error::msg(format!("unknown import: `{module}::{name}` has not been defined"))
}
