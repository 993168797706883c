//! One thing done with a store, by the embedder or by one of its functions.

use super::modules::MODULES;
use super::world::{Data, ENGINES, HOST_PANIC, Handle, MAX_DEPTH, Owned, Owner, Whose, World, expect, item_func};
use planish::{
    AsContext, AsContextMut, Caller, Engine, Error, ExnRef, Extern, ExternRef, ExternType, Func, FuncType, Global,
    GlobalType, HeapType, Instance, Memory, MemoryType, Module, Mutability, Ref, RefType, SharedMemory,
    StoreContextMut, Table, TableType, Tag, TagType, ThrownException, V128, Val, ValType,
};

/// Does things with a store.
pub(super) struct Actor<'a> {
    store: StoreContextMut<'a, Data>,
    world: World,
    number: u64,
}

impl<'a> Actor<'a> {
    pub(super) fn new(store: StoreContextMut<'a, Data>) -> Actor<'a> {
        let (world, number) = (store.data().world.clone(), store.data().number);
        Actor { store, world, number }
    }

    /// The next thing.
    pub(super) fn act(&mut self) {
        if self.world.is_over() {
            return;
        }
        match self.below(24) {
            0 => self.make_function(),
            1 => self.make_item(),
            2..5 => self.instantiate(),
            5..10 => self.call(),
            10 => self.call_typed(),
            11 => self.use_table(),
            12 => self.use_global(),
            13 => self.use_memory(),
            14 => self.make_exception(),
            15 => self.check_something(),
            16 => self.make_object(),
            17 => self.use_instance(),
            18 | 19 => self.use_linker(),
            20 => self.use_shared_memory(),
            21 => self.look_at_types(),
            22 => self.convert_to_typed(),
            _ => self.churn(),
        }
    }

    fn below(&self, count: usize) -> usize {
        self.world.below(count)
    }

    fn whose(&self, owners: impl IntoIterator<Item = Owner>) -> Whose {
        Whose::of(self.number, owners)
    }

    fn some<T>(&self, pick: impl Fn(&Handle) -> Option<T>) -> Option<(Owner, T)> {
        self.world.some(self.number, pick)
    }

    fn add(&self, handle: Handle) {
        let owner = match handle {
            Handle::Item(Extern::SharedMemory(_)) => None,
            _ => Some(self.number),
        };
        self.world.add(owner, handle);
    }

    // Values and types.

    fn some_type(&self) -> ValType {
        match self.below(8) {
            0 => ValType::I64,
            1 => ValType::F64,
            2 => ValType::V128,
            3 => ValType::F32,
            4 => ValType::FUNCREF,
            5 => ValType::EXTERNREF,
            6 => ValType::EXNREF,
            _ => ValType::I32,
        }
    }

    fn some_types(&self, most: usize) -> Vec<ValType> {
        (0..self.below(most + 1)).map(|_| self.some_type()).collect()
    }

    /// As the modules import them, or any.
    fn some_func_type(&self) -> FuncType {
        use ValType as T;
        match self.below(8) {
            0 => FuncType::new([T::I32], [T::I32]),
            1 => FuncType::new([T::I64], []),
            2 => FuncType::new([T::EXNREF], [T::EXNREF]),
            3 => FuncType::new([T::EXTERNREF], [T::EXTERNREF]),
            4 => FuncType::new([T::EXNREF], []),
            5 => FuncType::new(self.some_types(30), self.some_types(30)),
            _ => FuncType::new(self.some_types(3), self.some_types(3)),
        }
    }

    /// A value of a type, and whose it is; seldom of another type.
    fn value(&self, ty: &ValType) -> Owned {
        let ty = if self.below(64) == 1 { &self.some_type() } else { ty };
        let number = self.below(1 << 16);
        let val = match ty {
            ValType::I32 => Val::I32(number as i32 >> (number % 16)),
            ValType::I64 => Val::I64(number as i64),
            ValType::F32 => Val::F32(number as u32),
            ValType::F64 => Val::from(number as f64),
            ValType::V128 => Val::V128(V128::from(number as u128)),
            ValType::Ref(ty) => return self.reference(ty),
        };
        (None, val)
    }

    fn reference(&self, ty: &RefType) -> Owned {
        let found = match ty.heap {
            HeapType::Extern => self.some(|handle| match handle {
                Handle::Object(object, _) => Some(Val::ExternRef(Some(*object))),
                _ => None,
            }),
            HeapType::Exn => self.some(|handle| match handle {
                Handle::Exception(exception, ..) => Some(Val::ExnRef(Some(*exception))),
                _ => None,
            }),
            HeapType::Func => self.some(|handle| item_func(handle).map(Val::from)),
            _ => None,
        };
        found.filter(|_| self.below(8) != 1).unwrap_or((None, Ref::null(ty).into()))
    }

    /// Of these types; seldom too few.
    fn values(&self, types: &[ValType]) -> (Vec<Owner>, Vec<Val>) {
        let mut values: Vec<Owned> = types.iter().map(|ty| self.value(ty)).collect();
        if self.below(64) == 1 {
            values.pop();
        }
        values.into_iter().unzip()
    }

    /// What the store has handed out is worth remembering.
    fn take(&self, vals: &[Val]) {
        for val in vals {
            match *val {
                Val::ExnRef(Some(exception)) => {
                    let tag = exception.tag(&self.store);
                    self.add(Handle::Exception(exception, tag, format!("{:?}", exception.fields(&self.store))));
                }
                Val::ExternRef(Some(object)) => {
                    let number = self.object(object);
                    self.add(Handle::Object(object, number));
                }
                Val::FuncRef(Some(func)) => self.add(Handle::Item(func.into())),
                _ => {}
            }
        }
    }

    fn object(&self, object: ExternRef) -> u64 {
        let data = object.data(self.store.as_context()).expect("an object of this store");
        *data.downcast_ref().expect("all objects are numbers")
    }

    // Things to do.

    fn make_function(&mut self) {
        let ty = self.some_func_type();
        let func = match self.below(4) {
            0 => Func::wrap(&mut self.store, |caller: Caller<'_, Data>, number: i32| back(caller).map(|()| number)),
            _ => {
                let inner = ty.clone();
                Func::new(&mut self.store, ty, move |caller, params, results| called(caller, &inner, params, results))
            }
        };
        self.add(Handle::Item(func.into()));
    }

    fn make_item(&mut self) {
        let made: Option<Extern> = match self.below(4) {
            0 => {
                let ty = MemoryType::new(self.below(3) as u32, [None, Some(3)][self.below(2)]);
                expect("make a memory", Whose::Own, || Memory::new(&mut self.store, ty)).map(Extern::from)
            }
            1 => {
                let element = &[RefType::FUNCREF, RefType::EXTERNREF, RefType::EXNREF][self.below(3)];
                let ty = TableType::new(element.clone(), self.below(8) as u32, [None, Some(20)][self.below(2)]);
                let (owner, init) = self.reference(element);
                let init = as_ref(init);
                let whose = self.whose([owner]);
                expect("make a table", whose, || Table::new(&mut self.store, ty, init)).map(Extern::from)
            }
            2 => {
                let content = self.some_type();
                let mutability = [Mutability::Var, Mutability::Const][self.below(2)];
                let (owner, value) = self.value(&content);
                let (whose, ty) = (self.whose([owner]), GlobalType::new(content, mutability));
                expect("make a global", whose, || Global::new(&mut self.store, ty, value)).map(Extern::from)
            }
            _ => {
                let params = if self.below(2) == 0 { vec![ValType::I64] } else { self.some_types(3) };
                Some(Tag::new(&mut self.store, &TagType::new(FuncType::new(params, []))).into())
            }
        };
        if let Some(item) = made {
            self.add(Handle::Item(item));
        }
    }

    fn module(&self) -> &'static Module {
        let engine = ENGINES.iter().position(|engine| Engine::same(engine, self.store.engine())).expect("one of them");
        // Seldom another engine's.
        let engine = if self.below(32) == 1 { self.below(ENGINES.len()) } else { engine };
        let modules = &MODULES[engine];
        &modules[self.below(modules.len())]
    }

    /// With items that fit, or with others.
    fn instantiate(&mut self) {
        let module = self.module();
        let mut owners = Vec::new();
        let mut imports = Vec::new();
        for import in module.imports() {
            let wanted = import.ty();
            let fits = |item: &Extern| match (item, &wanted) {
                (Extern::Func(_), ExternType::Func(_))
                | (Extern::Table(_), ExternType::Table(_))
                | (Extern::Tag(_), ExternType::Tag(_))
                | (Extern::Global(_), ExternType::Global(_)) => true,
                (Extern::Memory(_), ExternType::Memory(ty)) => !ty.is_shared(),
                (Extern::SharedMemory(_), ExternType::Memory(ty)) => ty.is_shared(),
                _ => false,
            };
            let found = match (&wanted, self.below(3)) {
                // One of just that type.
                (ExternType::Func(ty), 1 | 2) => {
                    let inner = ty.clone();
                    let ty = ty.clone();
                    let func = Func::new(&mut self.store, ty, move |caller, params, results| {
                        called(caller, &inner, params, results)
                    });
                    Some((Some(self.number), func.into()))
                }
                _ => self.some(|handle| match handle {
                    Handle::Item(item) if fits(item) => Some(item.clone()),
                    _ => None,
                }),
            };
            let Some((owner, item)) = found else { return };
            owners.push(owner);
            imports.push(item);
        }
        let whose = self.whose(owners);
        let made = expect("instantiate", whose, || Instance::new(&mut self.store, module, &imports));
        self.take_instance(made);
    }

    fn take_instance(&mut self, instance: Option<Instance>) {
        let Some(instance) = instance else { return };
        self.add(Handle::Instance(instance));
        let exports = instance.exports(&self.store).map(planish::Export::into_extern);
        for item in exports.collect::<Vec<_>>() {
            self.add(Handle::Item(item));
        }
    }

    fn call(&mut self) {
        let Some((owner, func)) = self.some(item_func) else { return };
        let Some(ty) = expect("a function's type", self.whose([owner]), || Ok(func.ty(&self.store))) else { return };
        let (mut owners, params) = self.values(ty.params());
        owners.push(owner);
        let mut results = vec![Val::I32(0); ty.results().len()];
        let whose = self.whose(owners);
        let called = expect("call", whose, || {
            func.call(&mut self.store, &params, &mut results).map_err(|error| self.look_at(error))
        });
        if called.is_some() {
            self.take(&results);
        }
    }

    /// An exception that nobody caught can be thrown again.
    fn look_at(&self, error: Error) -> Error {
        let _ = (error.to_string(), error.trap(), error.backtrace().map(|trace| trace.frames().len()));
        // One of another store is a host function's error like others.
        let is_own =
            |thrown: &&ThrownException| ThrownException::new(&self.store, thrown.tag(), &thrown.fields()).is_ok();
        if let Some(thrown) = error.downcast_ref().filter(is_own) {
            self.take(&thrown.fields());
            self.add(Handle::Thrown(thrown.clone()));
        }
        error
    }

    fn call_typed(&mut self) {
        let typed = self.some(|handle| match handle {
            Handle::Typed(typed) => Some(*typed),
            _ => None,
        });
        let Some((owner, typed)) = typed else { return };
        let number = self.below(1 << 16) as i32;
        expect("call with static types", self.whose([owner]), || typed.call(&mut self.store, number));
    }

    fn convert_to_typed(&mut self) {
        let Some((owner, func)) = self.some(item_func) else { return };
        let typed = expect("give static types", self.whose([owner]), || func.typed::<i32, i32>(&self.store));
        if let Some(typed) = typed {
            self.add(Handle::Typed(typed));
        }
    }

    fn use_table(&mut self) {
        let Some((owner, table)) = self.some(|handle| match handle {
            Handle::Item(Extern::Table(table)) => Some(*table),
            _ => None,
        }) else {
            return;
        };
        let whose = self.whose([owner]);
        let Some(ty) = expect("a table's type", whose, || Ok(table.ty(&self.store))) else { return };
        let (value_owner, value) = self.value(&ValType::Ref(ty.element));
        let (both, index, value) = (self.whose([owner, value_owner]), self.below(20) as u64, as_ref(value));
        match self.below(4) {
            0 => {
                let found = expect("get an element", whose, || Ok(table.get(&self.store, index))).flatten();
                self.take(found.map(Val::from).as_slice());
            }
            1 => _ = expect("set an element", both, || table.set(&mut self.store, index, value)),
            2 => _ = expect("fill a table", both, || table.fill(&mut self.store, index, value, 3)),
            _ => _ = expect("grow a table", both, || table.grow(&mut self.store, index % 4, value)),
        }
    }

    fn use_global(&mut self) {
        let Some((owner, global)) = self.some(|handle| match handle {
            Handle::Item(Extern::Global(global)) => Some(*global),
            _ => None,
        }) else {
            return;
        };
        let whose = self.whose([owner]);
        let Some(value) = expect("get a global", whose, || Ok(global.get(&self.store))) else { return };
        self.take(&[value]);
        let (value_owner, value) = self.value(&value.ty());
        let both = self.whose([owner, value_owner]);
        expect("set a global", both, || global.set(&mut self.store, value));
    }

    fn use_memory(&mut self) {
        let Some((owner, memory)) = self.some(|handle| match handle {
            Handle::Item(Extern::Memory(memory)) => Some(*memory),
            _ => None,
        }) else {
            return;
        };
        let (whose, at, bytes) = (self.whose([owner]), 4 * self.below(1 << 16), [self.below(256) as u8; 8]);
        match self.below(3) {
            0 => {
                expect("grow a memory", whose, || memory.grow(&mut self.store, 1));
            }
            1 => {
                let size = expect("a memory's size", whose, || Ok(memory.data_size(&self.store)));
                assert!(size.is_none_or(|size| size <= 1 << 20), "within the limit");
            }
            _ => {
                let written = expect("write a memory", whose, || Ok(memory.write(&mut self.store, at, &bytes)?));
                let mut read = [0; 8];
                let done = expect("read a memory", whose, || Ok(memory.read(&self.store, at, &mut read)?));
                assert!(done.is_some() == written.is_some() && (done.is_none() || read == bytes));
            }
        }
    }

    fn tag(&self) -> Option<(Owner, Tag)> {
        self.some(|handle| match handle {
            Handle::Item(Extern::Tag(tag)) => Some(*tag),
            _ => None,
        })
    }

    fn make_exception(&mut self) {
        let Some((owner, tag)) = self.tag() else { return };
        let Some(ty) = expect("a tag's type", self.whose([owner]), || Ok(tag.ty(&self.store))) else { return };
        let (mut owners, fields) = self.values(ty.ty().params());
        owners.push(owner);
        let whose = self.whose(owners);
        let made = expect("make an exception", whose, || ExnRef::new(&mut self.store, tag, &fields));
        if let Some(exception) = made {
            assert_eq!(exception.tag(&self.store), tag);
            self.take(&[Val::ExnRef(Some(exception))]);
        }
        let thrown = expect("make an exception to throw", whose, || ThrownException::new(&self.store, tag, &fields));
        if let Some(thrown) = thrown {
            self.add(Handle::Thrown(thrown));
        }
    }

    fn make_object(&mut self) {
        let number = self.below(1 << 16) as u64;
        let object = ExternRef::new(&mut self.store, number);
        self.add(Handle::Object(object, number));
    }

    fn use_instance(&mut self) {
        let Some((owner, instance)) = self.some(|handle| match handle {
            Handle::Instance(instance) => Some(*instance),
            _ => None,
        }) else {
            return;
        };
        let whose = self.whose([owner]);
        let name = ["add", "table", "memory", "global", "object", "nothing"][self.below(6)];
        let item = expect("get an export", whose, || Ok(instance.get_export(&mut self.store, name))).flatten();
        if let Some(item) = item {
            self.add(Handle::Item(item));
        }
        let typed = expect("get a function", whose, || instance.get_typed_func(&mut self.store, name));
        if let Some(typed) = typed {
            self.add(Handle::Typed(typed));
        }
    }

    fn use_linker(&mut self) {
        let linker = self.world.linker();
        // Somebody around this call may be using it.
        let Ok(mut linker) = linker.try_lock() else { return };
        let names = ["add", "throw", "identity", "table", "memory", "tag", "object", "shared", "many"];
        let name = names[self.below(names.len())];
        match self.below(6) {
            0 => {
                let Some((owner, item)) = self.some(|handle| match handle {
                    Handle::Item(item) => Some(item.clone()),
                    _ => None,
                }) else {
                    return;
                };
                let whose = self.whose([owner]);
                expect("define", whose, || linker.define(&self.store, "m", name, item).map(drop));
            }
            1 => {
                let Some((owner, instance)) = self.some(|handle| match handle {
                    Handle::Instance(instance) => Some(*instance),
                    _ => None,
                }) else {
                    return;
                };
                let whose = self.whose([owner]);
                expect("define an instance", whose, || linker.instance(&mut self.store, "m", instance).map(drop));
            }
            2 => {
                let ty = self.some_func_type();
                let inner = ty.clone();
                expect("define a function", Whose::Own, || {
                    let func = move |caller: Caller<'_, Data>, params: &[Val], results: &mut [Val]| {
                        called(caller, &inner, params, results)
                    };
                    linker.func_new("m", name, ty, func).map(drop)
                });
            }
            3 => {
                expect("alias", Whose::Own, || linker.alias("m", name, "m", "add").map(drop));
            }
            4 => {
                let found = expect("get a definition", Whose::Own, || Ok(linker.get(&mut self.store, "m", name)));
                if let Some(item) = found.flatten() {
                    self.add(Handle::Item(item));
                }
            }
            _ => {
                let module = self.module();
                let made = expect("link", Whose::Own, || linker.instantiate(&mut self.store, module));
                self.take_instance(made);
            }
        }
    }

    fn use_shared_memory(&mut self) {
        let known = self.some(|handle| match handle {
            Handle::Item(Extern::SharedMemory(memory)) => Some(memory.clone()),
            _ => None,
        });
        let Some((_, memory)) = known.filter(|_| self.below(4) != 1) else {
            let ty = MemoryType::shared(1, 3);
            let made = expect("make a shared memory", Whose::Own, || SharedMemory::new(self.store.engine(), ty));
            return made.into_iter().for_each(|memory| self.add(Handle::Item(memory.into())));
        };
        let at = 4 * self.below(1 << 16) as u64;
        expect("grow a shared memory", Whose::Own, || memory.grow(1));
        let nobody = std::time::Duration::from_micros(1);
        let waited = expect("wait", Whose::Own, || Ok(memory.atomic_wait32(at, 0, Some(nobody))?));
        assert!(waited.is_none() || at < memory.data_size() as u64);
        expect("notify", Whose::Own, || Ok(memory.atomic_notify(at, 1)?));
    }

    fn look_at_types(&mut self) {
        let Some((owner, item)) = self.some(|handle| match handle {
            Handle::Item(item) => Some(item.clone()),
            _ => None,
        }) else {
            return;
        };
        expect("an item's type", self.whose([owner]), || Ok(item.ty(&self.store)));
    }

    /// Makes many exceptions that nobody keeps.
    fn churn(&mut self) {
        let churn = self.some(|handle| match handle {
            Handle::Instance(instance) => Some(*instance),
            _ => None,
        });
        let Some((Some(owner), instance)) = churn else { return };
        if owner != self.number {
            return;
        }
        let Some(churn) = instance.get_func(&mut self.store, "churn") else { return };
        expect("churn", Whose::Own, || churn.call(&mut self.store, &[Val::I32(0x7ff)], &mut []));
    }

    // What is known.

    fn check_something(&mut self) {
        let Some((owner, handle)) = self.some(|handle| Some(handle.clone())) else { return };
        match handle {
            Handle::Exception(exception, ..) if owner != Some(self.number) => {
                expect("a foreign exception", Whose::Foreign, || Ok(exception.tag(&self.store)));
            }
            Handle::Object(object, _) if owner != Some(self.number) => {
                expect("a foreign object", Whose::Foreign, || object.data(self.store.as_context()).map(drop));
            }
            handle => self.check(&handle),
        }
    }

    fn check(&self, handle: &Handle) {
        match handle {
            Handle::Exception(exception, tag, fields) => {
                let found = (exception.tag(&self.store), format!("{:?}", exception.fields(&self.store)));
                assert_eq!(found, (*tag, fields.clone()), "an exception stays what it is");
            }
            Handle::Object(object, number) => assert_eq!(self.object(*object), *number, "an object stays what it is"),
            _ => {}
        }
    }

    /// Everything of this store that must be what it was.
    pub(super) fn check_all(&self) {
        for handle in self.world.all_of(self.number) {
            self.check(&handle);
        }
    }
}

fn as_ref(value: Val) -> Ref {
    match value {
        Val::FuncRef(func) => Ref::Func(func),
        Val::ExternRef(object) => Ref::Extern(object),
        Val::ExnRef(exception) => Ref::Exn(exception),
        // Of another type than was asked for.
        _ => Ref::Func(None),
    }
}

/// A host function runs.
fn called(mut caller: Caller<'_, Data>, ty: &FuncType, params: &[Val], results: &mut [Val]) -> Result<(), Error> {
    let actor = Actor::new(caller.as_context_mut());
    actor.take(params);
    let given: Vec<Val> = ty.results().iter().map(|ty| actor.value(ty).1).collect();
    back(caller)?;
    results.copy_from_slice(&given);
    Ok(())
}

/// Does things in a host function, which may then fail.
fn back(mut caller: Caller<'_, Data>) -> Result<(), Error> {
    if caller.data().depth < MAX_DEPTH && !caller.data().world.is_over() {
        caller.data_mut().depth += 1;
        let mut actor = Actor::new(caller.as_context_mut());
        for _ in 0..actor.below(3) {
            actor.act();
        }
        caller.data_mut().depth -= 1;
    }
    let actor = Actor::new(caller.as_context_mut());
    match actor.below(16) {
        1 => Err(Error::msg("the host fails")),
        2 if actor.below(4) == 1 => panic!("{HOST_PANIC}"),
        3..6 => {
            let thrown = actor.some(|handle| match handle {
                Handle::Thrown(thrown) => Some(thrown.clone()),
                _ => None,
            });
            thrown.map_or(Ok(()), |(_, thrown)| Err(Error::new(thrown)))
        }
        _ => Ok(()),
    }
}
