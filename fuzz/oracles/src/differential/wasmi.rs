//! Wasmi, an interpreter.

use super::script::{Host, Limited, MEMORY_BYTES, Stop, TABLE_ELEMENTS};
use planish::Trap;
use wasmi::errors::{ErrorKind, InstantiationError, TableError};
use wasmi::{Config, ExternRef, F32, F64, Ref, StoreLimits, StoreLimitsBuilder, TrapCode, V128};

crate::player!(wasmi);

/// Wasmi with all that it has.
pub struct Wasmi;

impl super::engine::Engine for Wasmi {
    fn name(&self) -> &str {
        "wasmi"
    }

    fn play(&self, module: &[u8], seed: u64) -> Result<Vec<Event>, String> {
        let mut config = Config::default();
        config.wasm_multi_memory(true).wasm_memory64(true).wasm_tail_call(true).wasm_extended_const(true);
        config.wasm_custom_page_sizes(true).wasm_wide_arithmetic(true).wasm_simd(true).wasm_relaxed_simd(true);
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).table_elements(TABLE_ELEMENTS).build();
        let data = Limited { host: Host::new(seed), limits };
        play(&Engine::new(&config), data, |store| store.limiter(|data| &mut data.limits), module)
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
        ValType::FuncRef => Type::Func,
        ValType::ExternRef => Type::Extern,
    }
}

fn value_of(context: impl AsContextMut<Data = StoreData>, val: &Val) -> Value {
    match val {
        Val::I32(value) => Value::I32(*value as u32),
        Val::I64(value) => Value::I64(*value as u64),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(Ref::Null) | Val::ExternRef(Ref::Null) => Value::Null,
        Val::FuncRef(_) => Value::Func,
        Val::ExternRef(Ref::Val(object)) => {
            Value::Extern(*object.data(context.as_context()).downcast_ref().expect("a number"))
        }
    }
}

fn element_of(context: impl AsContextMut<Data = StoreData>, element: Val) -> Value {
    value_of(context, &element)
}

fn val_of(context: impl AsContextMut<Data = StoreData>, value: Value, ty: Type, func: Option<Func>) -> Val {
    match (value, ty) {
        (Value::I32(value), _) => Val::I32(value as i32),
        (Value::I64(value), _) => Val::I64(value as i64),
        (Value::F32(bits), _) => Val::F32(F32::from_bits(bits)),
        (Value::F64(bits), _) => Val::F64(F64::from_bits(bits)),
        (Value::V128(value), _) => Val::V128(V128::from(value)),
        (Value::Extern(number), _) => Val::ExternRef(Ref::Val(ExternRef::new(context, number))),
        (Value::Func, _) => Val::FuncRef(func.map_or(Ref::Null, Ref::Val)),
        (_, Type::Extern) => Val::ExternRef(Ref::Null),
        _ => Val::FuncRef(Ref::Null),
    }
}

fn null(ty: &TableType) -> Val {
    Val::default(ty.element())
}

fn new_global(context: impl AsContextMut<Data = StoreData>, ty: &GlobalType, value: Val) -> Option<Global> {
    Some(Global::new(context, value, ty.mutability()))
}

fn bytes_of(store: &Store<StoreData>, memory: Extern) -> Vec<u8> {
    memory.into_memory().expect("exported as one").data(store).to_vec()
}

fn content(ty: &GlobalType) -> (Type, bool) {
    (type_of(&ty.content()), ty.mutability().is_mut())
}

const FAILURE: &str = "a host function failed";

fn failure() -> Error {
    Error::new(FAILURE)
}

fn stop_of(error: &Error) -> Stop {
    let Some(code) = error.as_trap_code() else {
        return match error.kind() {
            // What is a trap elsewhere.
            ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
                Stop::Trap(Trap::TableOutOfBounds)
            }
            ErrorKind::Table(TableError::CopyOutOfBounds) => Stop::Trap(Trap::TableOutOfBounds),
            ErrorKind::Message(message) if **message == *FAILURE => Stop::Host,
            _ => Stop::Refused,
        };
    };
    Stop::Trap(match code {
        TrapCode::UnreachableCodeReached => Trap::UnreachableCodeReached,
        TrapCode::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => Trap::TableOutOfBounds,
        TrapCode::IndirectCallToNull => Trap::IndirectCallToNull,
        TrapCode::IntegerDivisionByZero => Trap::IntegerDivisionByZero,
        TrapCode::IntegerOverflow => Trap::IntegerOverflow,
        TrapCode::BadConversionToInteger => Trap::BadConversionToInteger,
        TrapCode::StackOverflow => Trap::StackOverflow,
        TrapCode::BadSignature => Trap::BadSignature,
        TrapCode::OutOfFuel | TrapCode::GrowthOperationLimited => return Stop::Refused,
    })
}
