//! Planish, in one of its configurations.

use super::script::{Failure, Host, MEMORY_BYTES, Stop, TABLE_ELEMENTS};
use planish::{Config, ExternRef, HeapType, Ref, RefType, ThrownException, WasmFeature};
use std::sync::atomic::Ordering::Relaxed;

crate::player!(planish);

type StoreData = Host;

/// An engine of ours.
pub struct Planish {
    name: &'static str,
    engine: Engine,
}

impl Planish {
    /// The default configuration, and what differs.
    pub fn new(name: &'static str, configure: impl FnOnce(&mut Config)) -> Planish {
        let mut config = Config::new();
        config.max_memory_size(MEMORY_BYTES as u64).max_table_elements(TABLE_ELEMENTS as u64);
        config.wasm_feature(WasmFeature::CustomPageSizes, true).wasm_feature(WasmFeature::WideArithmetic, true);
        config.wasm_feature(WasmFeature::Threads, true).wasm_feature(WasmFeature::LegacyExceptions, true);
        configure(&mut config);
        Planish { name, engine: Engine::new(&config).expect("a possible configuration") }
    }

    /// Compiles a module.
    pub fn compile(&self, module: &[u8]) -> Result<Module, Error> {
        Module::from_binary(&self.engine, module)
    }

    /// What the quick handlers of operators make other of a module, or of several, than the general ones.
    pub fn tape_difference(&self, modules: &[u8]) -> Option<String> {
        let difference = |module| Module::tape_difference(&self.engine, module).ok().flatten();
        linked::split(modules).into_iter().find_map(difference)
    }
}

impl super::engine::Engine for Planish {
    fn name(&self) -> &str {
        self.name
    }

    fn play(&self, module: &[u8], seed: u64) -> Result<Vec<Event>, String> {
        play(&self.engine, Host::new(seed), |_| {}, module)
    }
}

/// What ours says of a module that it should take, told apart from what it may refuse.
pub(super) fn may_refuse(message: &str) -> bool {
    message.contains("too large to compile")
}

fn type_of(ty: &ValType) -> Type {
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ValType::V128 => Type::V128,
        ValType::Ref(RefType { nullable: true, heap: HeapType::Func }) => Type::Func,
        ValType::Ref(RefType { nullable: true, heap: HeapType::Extern }) => Type::Extern,
        ValType::Ref(_) => Type::Other,
    }
}

fn value_of(context: impl AsContextMut<Data = Host>, val: &Val) -> Value {
    match *val {
        Val::I32(value) => Value::I32(value as u32),
        Val::I64(value) => Value::I64(value as u64),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(func) => element_of(context, Ref::Func(func)),
        Val::ExternRef(object) => element_of(context, Ref::Extern(object)),
        _ => Value::Other,
    }
}

fn element_of(context: impl AsContextMut<Data = Host>, element: Ref) -> Value {
    match element {
        Ref::Func(Some(_)) => Value::Func,
        Ref::Extern(Some(object)) => {
            let data = object.data(context.as_context()).expect("of this store");
            Value::Extern(*data.downcast_ref().expect("a number"))
        }
        _ if element.is_null() => Value::Null,
        _ => Value::Other,
    }
}

fn val_of(context: impl AsContextMut<Data = Host>, value: Value, ty: Type, func: Option<Func>) -> Val {
    match (value, ty) {
        (Value::I32(value), _) => Val::I32(value as i32),
        (Value::I64(value), _) => Val::I64(value as i64),
        (Value::F32(bits), _) => Val::F32(bits),
        (Value::F64(bits), _) => Val::F64(bits),
        (Value::V128(value), _) => Val::V128(value.into()),
        (Value::Extern(number), _) => Val::ExternRef(Some(ExternRef::new(context, number))),
        (Value::Func, _) => Val::FuncRef(func),
        (_, Type::Extern) => Val::ExternRef(None),
        _ => Val::FuncRef(None),
    }
}

fn null(ty: &TableType) -> Ref {
    Ref::null(&ty.element)
}

fn new_global(context: impl AsContextMut<Data = Host>, ty: &GlobalType, value: Val) -> Option<Global> {
    Global::new(context, ty.clone(), value).ok()
}

fn bytes_of(store: &Store<Host>, memory: Extern) -> Vec<u8> {
    match memory {
        Extern::Memory(memory) => memory.data(store).to_vec(),
        Extern::SharedMemory(memory) => memory.data().iter().map(|byte| byte.load(Relaxed)).collect(),
        _ => unreachable!("it was exported as a memory"),
    }
}

fn content(ty: &GlobalType) -> (Type, bool) {
    (type_of(&ty.content), ty.mutable)
}

fn failure() -> Error {
    Error::new(Failure)
}

fn stop_of(error: &Error) -> Stop {
    match error.trap() {
        Some(trap) => Stop::Trap(trap),
        None if error.is::<Failure>() => Stop::Host,
        None if error.is::<ThrownException>() => Stop::Exception,
        None => Stop::Refused,
    }
}
