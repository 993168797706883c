//! A script played in an engine, whose API has wasmtime's names: written once, expanded for each.

use super::script::Event;

/// A way to run modules.
pub trait Engine: Sync {
    /// For messages.
    fn name(&self) -> &str;

    /// Plays the script of this seed with a module and says what happened; `Err`: why the engine does not take the module.
    fn play(&self, module: &[u8], seed: u64) -> Result<Vec<Event>, String>;
}

/// `play(engine, configure the store, module, seed)` for the engine whose crate is given. In scope must be, of that
/// crate:
///
/// * `type_of(&ValType) -> Type`,
/// * `value_of(context, &Val) -> Value`,
/// * `val_of(context, Value, Type, Option<Func>) -> Val`,
/// * `element_of(context, an element of a table) -> Value`, `null(&TableType) -> such an element`,
/// * `new_global(context, &GlobalType, Val) -> Option<Global>`,
/// * `bytes_of(&store, a memory's Extern) -> Vec<u8>`,
/// * `content(&GlobalType) -> (Type, is it mutable)`,
/// * `failure() -> Error` and `stop_of(&Error) -> Stop`, which is `Stop::Host` for it,
/// * `StoreData`, which derefs to [`Host`](super::script::Host).
#[macro_export]
macro_rules! player {
    ($engine:ident) => {
        use $crate::differential::linked;
        use $crate::differential::script::{
            self, Deed, Event, Exports, FUEL, FUEL_EXPORT, ROUNDS, Type, Value, hash, hash_bytes,
        };
        use $engine::{
            AsContextMut, Caller, Engine, Error, Extern, ExternType, Func, Global, GlobalType, Instance, Memory,
            Module, Store, Table, TableType, Val, ValType,
        };

        fn play(
            engine: &Engine,
            data: StoreData,
            configure: impl FnOnce(&mut Store<StoreData>),
            bytes: &[u8],
        ) -> Result<Vec<Event>, String> {
            let modules = linked::split(bytes).into_iter().map(|bytes| Module::new(engine, bytes));
            let modules = modules.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
            let mut store = Store::new(engine, data);
            configure(&mut store);
            let mut instances: Vec<(Instance, std::sync::Arc<Exports>)> = Vec::new();
            for module in &modules {
                let exports = std::sync::Arc::new(exports_of(module));
                // Those of a set have the same names.
                store.data_mut().exports = exports.clone();
                match instantiate(&mut store, module, instances.last().map(|(instance, _)| *instance)) {
                    Ok(instance) => instances.push((instance, exports)),
                    Err(stop) => {
                        store.data_mut().log.push(Event::Stopped(stop));
                        break;
                    }
                }
            }
            // The last ones reach all others.
            for (instance, exports) in instances.iter().rev() {
                calls(&mut store, instance, exports);
            }
            for (instance, exports) in &instances {
                look(&mut store, instance, exports);
            }
            Ok(std::mem::take(&mut store.data_mut().log))
        }

        fn exports_of(module: &Module) -> Exports {
            let mut exports = Exports::default();
            let mut all: Vec<_> =
                module.exports().map(|export| (export.name().to_owned(), export.ty().clone())).collect();
            // Not every engine has them in the module's order.
            all.sort_by(|a, b| a.0.cmp(&b.0));
            for (name, ty) in all {
                match &ty {
                    ExternType::Func(ty) => {
                        let params: Vec<Type> = types(ty.params());
                        if !params.contains(&Type::Other) {
                            exports.functions.push((name, params));
                        }
                    }
                    ExternType::Global(ty) => {
                        let (ty, mutable) = content(ty);
                        exports.globals.push((name, (mutable && ty != Type::Other).then_some(ty)));
                    }
                    ExternType::Memory(_) => exports.memories.push(name),
                    ExternType::Table(_) => exports.tables.push(name),
                    #[allow(unreachable_patterns, reason = "some engines have more")]
                    _ => {}
                }
            }
            exports
        }

        fn types(types: impl IntoIterator<Item = impl std::borrow::Borrow<ValType>>) -> Vec<Type> {
            types.into_iter().map(|ty| type_of(ty.borrow())).collect()
        }

        fn instantiate(
            store: &mut Store<StoreData>,
            module: &Module,
            previous: Option<Instance>,
        ) -> Result<Instance, script::Stop> {
            let mut imports = Vec::new();
            // Functions are numbered by themselves: not every engine has imports of several kinds in the module's order.
            let mut functions = 0;
            for import in module.imports() {
                if let Some(previous) = previous.filter(|_| import.module() == linked::PREVIOUS) {
                    imports.push(previous.get_export(&mut *store, import.name()).ok_or(script::Stop::Refused)?);
                    continue;
                }
                let import = import_of(store, functions, &import.ty().clone()).ok_or(script::Stop::Refused)?;
                functions += usize::from(matches!(import, Extern::Func(_)));
                imports.push(import);
            }
            Instance::new(store, module, &imports).map_err(|error| stop_of(&error))
        }

        fn import_of(store: &mut Store<StoreData>, number: usize, ty: &ExternType) -> Option<Extern> {
            Some(match ty {
                ExternType::Func(ty) => {
                    let results = types(ty.results());
                    Extern::Func(Func::new(
                        store,
                        ty.clone(),
                        move |mut caller: Caller<'_, StoreData>, args, values| {
                            import_called(&mut caller, number, args, &results, values)
                        },
                    ))
                }
                ExternType::Global(ty) => {
                    let content = content(ty).0;
                    let value = store.data_mut().value(content);
                    let value = val_of(&mut *store, value, content, None);
                    Extern::Global(new_global(store, ty, value)?)
                }
                ExternType::Memory(ty) => Extern::Memory(Memory::new(store, ty.clone()).ok()?),
                ExternType::Table(ty) => Extern::Table(Table::new(store, ty.clone(), null(ty)).ok()?),
                #[allow(unreachable_patterns, reason = "some engines have more")]
                _ => return None,
            })
        }

        /// Wasm code calls the host.
        fn import_called(
            caller: &mut Caller<'_, StoreData>,
            number: usize,
            arguments: &[Val],
            types: &[Type],
            results: &mut [Val],
        ) -> Result<(), Error> {
            let arguments = arguments.iter().map(|argument| value_of(&mut *caller, argument)).collect();
            caller.data_mut().log.push(Event::Import { number, arguments });
            caller.data_mut().depth += 1;
            let deed = caller.data_mut().deed();
            let done = do_deed(caller, deed);
            caller.data_mut().depth -= 1;
            done?;
            let values = caller.data_mut().values(types);
            let func = some_func_of(caller);
            for ((result, &value), &ty) in results.iter_mut().zip(&values).zip(types) {
                *result = val_of(&mut *caller, value, ty, func.clone());
            }
            caller.data_mut().log.push(Event::Results(values));
            Ok(())
        }

        fn some_func_of(caller: &mut Caller<'_, StoreData>) -> Option<Func> {
            let name = caller.data().exports.functions.first()?.0.clone();
            caller.get_export(&name)?.into_func()
        }

        fn do_deed(caller: &mut Caller<'_, StoreData>, deed: Deed) -> Result<(), Error> {
            match deed {
                Deed::Nothing => {}
                Deed::Fail => return Err(failure()),
                Deed::Call { name, arguments } => {
                    let first = some_func_of(caller);
                    let Some(Extern::Func(func)) = caller.get_export(&name) else { return Ok(()) };
                    // Every other trap is the caller's, too.
                    let swallow = arguments.len() % 2 == 0;
                    let outcome = call(&mut *caller, name, func, arguments, first);
                    let overflow = caller.data().log.last().is_some_and(Event::is_overflow);
                    return outcome.or_else(|error| if swallow && !overflow { Ok(()) } else { Err(error) });
                }
                Deed::GrowMemory { name, pages } => {
                    if let Some(Extern::Memory(memory)) = caller.get_export(&name) {
                        let grown = memory.grow(&mut *caller, pages).ok();
                        caller.data_mut().log.push(Event::Grown(name, pages, grown));
                    }
                }
                Deed::WriteMemory { name, at, bytes } => {
                    if let Some(Extern::Memory(memory)) = caller.get_export(&name) {
                        let _ = memory.write(&mut *caller, at as usize, &bytes);
                    }
                }
                Deed::GrowTable { name, elements } => {
                    if let Some(Extern::Table(table)) = caller.get_export(&name) {
                        let init = null(&table.ty(&*caller));
                        let grown = table.grow(&mut *caller, elements, init).ok();
                        caller.data_mut().log.push(Event::Grown(name, elements, grown));
                    }
                }
                Deed::SetGlobal { name, value } => {
                    if let Some(Extern::Global(global)) = caller.get_export(&name) {
                        let ty = content(&global.ty(&*caller)).0;
                        let func = some_func_of(caller);
                        let value = val_of(&mut *caller, value, ty, func);
                        let _ = global.set(&mut *caller, value);
                    }
                }
            }
            Ok(())
        }

        /// Calls a function and notes what came of it.
        fn call(
            mut context: impl AsContextMut<Data = StoreData>,
            name: String,
            func: Func,
            arguments: Vec<Value>,
            first: Option<Func>,
        ) -> Result<(), Error> {
            let ty = func.ty(&context);
            let mut vals = Vec::new();
            for (ty, &argument) in types(ty.params()).into_iter().zip(&arguments) {
                vals.push(val_of(&mut context, argument, ty, first.clone()));
            }
            let mut results = vec![Val::I32(0); ty.results().len()];
            let called = func.call(&mut context, &vals, &mut results);
            let outcome = match &called {
                Ok(()) => Ok(results.iter().map(|result| value_of(&mut context, result)).collect()),
                Err(error) => Err(stop_of(error)),
            };
            context.as_context_mut().data_mut().log.push(Event::Call { name, arguments, outcome });
            called
        }

        /// Calls every exported function a few times, each time with all of its fuel.
        fn calls(store: &mut Store<StoreData>, instance: &Instance, exports: &Exports) {
            for (name, params) in (0..ROUNDS).flat_map(|_| &exports.functions) {
                if let Some(fuel) = instance.get_global(&mut *store, FUEL_EXPORT) {
                    fuel.set(&mut *store, Val::I32(FUEL as i32)).expect("a mutable i32");
                }
                let arguments = store.data_mut().values(params);
                let func = instance.get_func(&mut *store, name).expect("an exported function");
                let first = instance.get_func(&mut *store, &exports.functions[0].0);
                let _ = call(&mut *store, name.clone(), func, arguments, first);
                if store.data().log.last().is_some_and(Event::is_overflow) {
                    return;
                }
            }
        }

        /// Notes what everything that is exported holds.
        fn look(store: &mut Store<StoreData>, instance: &Instance, exports: &Exports) {
            for (name, _) in &exports.globals {
                let global = instance.get_global(&mut *store, name).expect("an exported global");
                let value = global.get(&mut *store);
                let value = value_of(&mut *store, &value);
                store.data_mut().log.push(Event::Global(name.clone(), value));
            }
            for name in &exports.memories {
                let memory = instance.get_export(&mut *store, name).expect("an exported memory");
                let bytes = bytes_of(store, memory);
                let event = Event::Memory(name.clone(), bytes.len(), hash_bytes(&bytes));
                store.data_mut().log.push(event);
            }
            for name in &exports.tables {
                let table = instance.get_table(&mut *store, name).expect("an exported table");
                let mut elements = Vec::new();
                for index in 0..table.size(&*store) {
                    let element = table.get(&mut *store, index).expect("within its size");
                    elements.push(match element_of(&mut *store, element) {
                        Value::Null => 0,
                        Value::Extern(number) => 2 + u64::from(number),
                        _ => 1,
                    });
                }
                let event = Event::Table(name.clone(), elements.len() as u64, hash(elements.into_iter()));
                store.data_mut().log.push(event);
            }
        }
    };
}
