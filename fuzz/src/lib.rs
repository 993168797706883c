//! Wasmtime, the engine that has every proposal, to compare with.

#![cfg(feature = "wasmtime")]

use planish::Trap;
use planish_oracles::differential::script::{Failure, Host, Limited, MEMORY_BYTES, Stop, TABLE_ELEMENTS};
use planish_oracles::differential::{engine, is_relaxed};
use wasmtime::{Config, ExternRef, HeapType, Ref, Rooted, StoreLimits, StoreLimitsBuilder};

planish_oracles::player!(wasmtime);

/// Wasmtime with all that it has.
pub struct Wasmtime;

impl engine::Engine for Wasmtime {
    fn name(&self) -> &str {
        "wasmtime"
    }

    fn play(&self, module: &[u8], seed: u64) -> std::result::Result<Vec<Event>, String> {
        // Its deterministic `relaxed_madd` rounds once, the specification's (appendix A.4) twice.
        if module.windows(3).any(|bytes| matches!(bytes, [0xFD, 0x85..=0x88, 2])) {
            return Err("rounds once".to_owned());
        }
        let mut config = Config::new();
        config.wasm_multi_memory(true).wasm_memory64(true).wasm_tail_call(true).wasm_extended_const(true);
        config.wasm_custom_page_sizes(true).wasm_wide_arithmetic(true).wasm_simd(true).wasm_relaxed_simd(true);
        config.wasm_function_references(true).wasm_gc(true).wasm_exceptions(true);
        config.wasm_threads(true).shared_memory(true);
        config.relaxed_simd_deterministic(true).cranelift_nan_canonicalization(is_relaxed(module));
        let engine = Engine::new(&config).map_err(|error| error.to_string())?;
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).table_elements(TABLE_ELEMENTS).build();
        let data = Limited { host: Host::new(seed), limits };
        play(&engine, data, |store| store.limiter(|data| &mut data.limits), module)
    }
}

type StoreData = Limited<StoreLimits>;

fn type_of(ty: &ValType) -> Type {
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ValType::V128 => Type::V128,
        ValType::Ref(ty) => match (ty.is_nullable(), ty.heap_type()) {
            (true, HeapType::Func) => Type::Func,
            (true, HeapType::Extern) => Type::Extern,
            _ => Type::Other,
        },
    }
}

fn value_of(context: impl AsContextMut<Data = StoreData>, val: &Val) -> Value {
    match val {
        Val::I32(value) => Value::I32(*value as u32),
        Val::I64(value) => Value::I64(*value as u64),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(Some(_)) => Value::Func,
        Val::ExternRef(Some(object)) => number_of(context, *object),
        Val::FuncRef(None) | Val::ExternRef(None) => Value::Null,
        _ => Value::Other,
    }
}

fn number_of(mut context: impl AsContextMut<Data = StoreData>, object: Rooted<ExternRef>) -> Value {
    let data = object.data(context.as_context_mut()).expect("of this store").expect("an object of the host");
    Value::Extern(*data.downcast_ref().expect("a number"))
}

fn element_of(context: impl AsContextMut<Data = StoreData>, element: Ref) -> Value {
    match element {
        Ref::Func(Some(_)) => Value::Func,
        Ref::Extern(Some(object)) => number_of(context, object),
        element if element.is_null() => Value::Null,
        _ => Value::Other,
    }
}

fn val_of(context: impl AsContextMut<Data = StoreData>, value: Value, ty: Type, func: Option<Func>) -> Val {
    match (value, ty) {
        (Value::I32(value), _) => Val::I32(value as i32),
        (Value::I64(value), _) => Val::I64(value as i64),
        (Value::F32(bits), _) => Val::F32(bits),
        (Value::F64(bits), _) => Val::F64(bits),
        (Value::V128(value), _) => Val::V128(value.into()),
        (Value::Extern(number), _) => Val::ExternRef(Some(ExternRef::new(context, number).expect("memory"))),
        (Value::Func, _) => Val::FuncRef(func),
        (_, Type::Extern) => Val::ExternRef(None),
        _ => Val::FuncRef(None),
    }
}

fn null(ty: &TableType) -> Ref {
    Ref::null(ty.element().heap_type())
}

fn new_global(context: impl AsContextMut<Data = StoreData>, ty: &GlobalType, value: Val) -> Option<Global> {
    Global::new(context, ty.clone(), value).ok()
}

fn bytes_of(store: &Store<StoreData>, memory: Extern) -> Vec<u8> {
    match memory {
        Extern::SharedMemory(memory) => {
            // SAFETY: no other thread has it.
            memory.data().iter().map(|byte| unsafe { *byte.get() }).collect()
        }
        memory => memory.into_memory().expect("exported as one").data(store).to_vec(),
    }
}

fn content(ty: &GlobalType) -> (Type, bool) {
    (type_of(ty.content()), ty.mutability().is_var())
}

fn failure() -> Error {
    Error::new(Failure)
}

fn stop_of(error: &Error) -> Stop {
    use wasmtime::Trap as Theirs;
    let Some(trap) = error.downcast_ref::<Theirs>() else {
        return match (error.is::<Failure>(), error.is::<wasmtime::ThrownException>()) {
            (true, _) => Stop::Host,
            (_, true) => Stop::Exception,
            _ => Stop::Refused,
        };
    };
    Stop::Trap(match trap {
        Theirs::UnreachableCodeReached => Trap::UnreachableCodeReached,
        Theirs::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        Theirs::TableOutOfBounds => Trap::TableOutOfBounds,
        Theirs::IndirectCallToNull => Trap::IndirectCallToNull,
        Theirs::IntegerDivisionByZero => Trap::IntegerDivisionByZero,
        Theirs::IntegerOverflow => Trap::IntegerOverflow,
        Theirs::BadConversionToInteger => Trap::BadConversionToInteger,
        Theirs::StackOverflow => Trap::StackOverflow,
        Theirs::BadSignature => Trap::BadSignature,
        Theirs::NullReference => Trap::NullReference,
        Theirs::HeapMisaligned => Trap::HeapMisaligned,
        Theirs::AtomicWaitNonSharedMemory => Trap::AtomicWaitNonSharedMemory,
        _ => return Stop::Refused,
    })
}
