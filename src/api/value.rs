//! [`Val`]: a value of any type.

use crate::api::reference::{ExnRef, ExternRef, Func, Ref, extern_bits, extern_of, func_bits, func_of};
use crate::api::store::{StoreId, StoreOpaque};
use crate::error::Error;
use crate::types::{RefType, ValType};
use crate::vm::visible::context::{FuncRef, Value};

/// A WebAssembly value. Floats are kept as bits, so that every NaN stays what it is.
///
/// ```
/// use planish::{Val, ValType};
///
/// assert_eq!(Val::from(1.5f32).f32(), Some(1.5));
/// assert_eq!(Val::from(7i64).ty(), ValType::I64);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Val {
    /// An i32.
    I32(i32),
    /// An i64.
    I64(i64),
    /// The bits of an f32.
    F32(u32),
    /// The bits of an f64.
    F64(u64),
    /// A v128.
    V128(V128),
    /// A function, or null.
    FuncRef(Option<Func>),
    /// An object of the host, or null.
    ExternRef(Option<ExternRef>),
    /// An exception, or null.
    ExnRef(Option<ExnRef>),
}

/// A vector of 128 bits; lane 0 is the lowest.
///
/// ```
/// use planish::{Engine, Instance, Module, Store, V128};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (func (export "double") (param v128) (result v128)
///     (i32x4.add (local.get 0) (local.get 0))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let double = Instance::new(&mut store, &module, &[])?.get_typed_func::<V128, V128>(&mut store, "double")?;
/// assert_eq!(double.call(&mut store, V128::from(0x0004_0000_0003))?.as_u128(), 0x0008_0000_0006);
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct V128(u128);

impl V128 {
    /// The bits, lane 0 lowest.
    ///
    /// ```
    /// assert_eq!(planish::V128::from(7).as_u128(), 7);
    /// ```
    pub fn as_u128(self) -> u128 {
        self.0
    }
}

impl From<u128> for V128 {
    fn from(bits: u128) -> V128 {
        V128(bits)
    }
}

impl From<V128> for u128 {
    fn from(vector: V128) -> u128 {
        vector.0
    }
}

impl std::fmt::Debug for V128 {
    /// In hexadecimal, the highest lane first.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#034x}", self.0)
    }
}

macro_rules! accessors {
    ($($ty:ty: $get:ident $unwrap:ident, $what:literal, $pattern:pat => $value:expr;)*) => { $(
        #[doc = concat!("The value, if it is ", $what, ".")]
        pub fn $get(&self) -> Option<$ty> {
            match *self {
                $pattern => Some($value),
                _ => None,
            }
        }

        #[doc = concat!("The value, which must be ", $what, ".\n\n# Panics\n\nIf it is not.")]
        #[track_caller]
        pub fn $unwrap(&self) -> $ty {
            self.$get().expect(concat!("expected ", $what))
        }
    )* };
}

impl Val {
    accessors! {
        i32: i32 unwrap_i32, "an i32", Val::I32(value) => value;
        i64: i64 unwrap_i64, "an i64", Val::I64(value) => value;
        f32: f32 unwrap_f32, "an f32", Val::F32(bits) => f32::from_bits(bits);
        f64: f64 unwrap_f64, "an f64", Val::F64(bits) => f64::from_bits(bits);
        V128: v128 unwrap_v128, "a v128", Val::V128(value) => value;
        Option<Func>: func_ref unwrap_func_ref, "a funcref", Val::FuncRef(func) => func;
        Option<ExternRef>: extern_ref unwrap_extern_ref, "an externref", Val::ExternRef(object) => object;
        Option<ExnRef>: exn_ref unwrap_exn_ref, "an exnref", Val::ExnRef(exception) => exception;
    }

    /// Its type; nullable for a reference.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
            Val::ExnRef(_) => ValType::EXNREF,
        }
    }

    /// Zero or null, if the type has one.
    ///
    /// ```
    /// use planish::{Val, ValType};
    ///
    /// assert_eq!(Val::default_for_ty(&ValType::I32).unwrap().i32(), Some(0));
    /// ```
    pub fn default_for_ty(ty: &ValType) -> Option<Val> {
        Some(match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(V128(0)),
            ValType::Ref(RefType { nullable: false, .. }) => return None,
            ValType::Ref(ty) => Ref::null(ty).into(),
        })
    }

    /// Does the value fit where a value of this type goes? One of another store fits, too: it is refused when it
    /// [crosses the door](Val::into_value).
    pub(crate) fn matches(&self, ty: &ValType, store: &StoreOpaque) -> bool {
        match (*self, ty) {
            (Val::FuncRef(func), ValType::Ref(ty)) => Ref::Func(func).matches(ty, store),
            (Val::ExternRef(object), ValType::Ref(ty)) => Ref::Extern(object).matches(ty, store),
            (Val::ExnRef(exception), ValType::Ref(ty)) => Ref::Exn(exception).matches(ty, store),
            _ => self.ty() == *ty,
        }
    }

    /// As it crosses the door into `store`.
    pub(crate) fn into_value(self, store: StoreId) -> Result<Value, Error> {
        Ok(match self {
            Val::I32(value) => Value::from_u32(value as u32),
            Val::I64(value) => Value::from_u64(value as u64),
            Val::F32(bits) => Value::from_u32(bits),
            Val::F64(bits) => Value::from_u64(bits),
            Val::V128(value) => Value::from_u128(value.0),
            Val::FuncRef(func) => Value::from_u64(func_bits(func, store)?),
            Val::ExternRef(object) => Value::from_u64(extern_bits(object, store)?),
            Val::ExnRef(exception) => Value::from_u64(Ref::Exn(exception).bits(store)?),
        })
    }

    /// A value of type `ty` that has crossed the door out of `store`.
    pub(crate) fn from_value(value: Value, ty: &ValType, store: &StoreOpaque) -> Val {
        store.hold(value, ty);
        Val::of_held(value, ty, store.id)
    }

    /// The same of a value that the store [holds](StoreOpaque::hold) already.
    pub(crate) fn of_held(value: Value, ty: &ValType, store: StoreId) -> Val {
        match ty {
            ValType::I32 => Val::I32(value.u32() as i32),
            ValType::I64 => Val::I64(value.u64() as i64),
            ValType::F32 => Val::F32(value.u32()),
            ValType::F64 => Val::F64(value.u64()),
            ValType::V128 => Val::V128(V128(value.u128())),
            ValType::Ref(ty) => Ref::of_held(value.u64(), ty, store).into(),
        }
    }
}

macro_rules! from {
    ($($ty:ty: $value:ident => $val:expr;)*) => { $(
        impl From<$ty> for Val {
            fn from($value: $ty) -> Val {
                $val
            }
        }
    )* };
}

from! {
    i32: value => Val::I32(value);
    i64: value => Val::I64(value);
    f32: value => Val::F32(value.to_bits());
    f64: value => Val::F64(value.to_bits());
    V128: value => Val::V128(value);
    Func: func => Val::FuncRef(Some(func));
    Option<Func>: func => Val::FuncRef(func);
    ExternRef: object => Val::ExternRef(Some(object));
    Option<ExternRef>: object => Val::ExternRef(object);
    Option<ExnRef>: exception => Val::ExnRef(exception);
    Ref: reference => match reference {
        Ref::Func(func) => Val::FuncRef(func),
        Ref::Extern(object) => Val::ExternRef(object),
        Ref::Exn(exception) => Val::ExnRef(exception),
    };
}

/// A Rust type that is a WebAssembly value: `i32 u32 i64 u64 f32 f64`, [`V128`], `Option<Func>`, `Option<ExternRef>`.
///
/// ```
/// use planish::{ValType, WasmTy};
///
/// assert_eq!(u32::valtype(), ValType::I32);
/// ```
pub trait WasmTy: Send + Crossing + 'static {
    /// The WebAssembly type.
    fn valtype() -> ValType;
}

/// How a value crosses the door. Not to be implemented outside the crate.
#[doc(hidden)]
#[expect(private_interfaces, reason = "sealed: nobody else can name `Value` or `StoreId`")]
pub trait Crossing: Sized {
    fn into_value(self, store: StoreId) -> Result<Value, Error>;
    fn from_value(value: Value, store: StoreId) -> Self;
}

macro_rules! wasm_types {
    ($($ty:ty = $valtype:expr, $value:ident => $into:expr, $store:ident: $raw:ident => $from:expr;)*) => { $(
        impl WasmTy for $ty {
            fn valtype() -> ValType {
                $valtype
            }
        }

        #[expect(private_interfaces, reason = "sealed")]
        impl Crossing for $ty {
            #[inline]
            fn into_value(self, $store: StoreId) -> Result<Value, Error> {
                let ($value, _) = (self, $store);
                Ok($into)
            }

            #[inline]
            fn from_value($raw: Value, $store: StoreId) -> $ty {
                let _ = $store;
                $from
            }
        }
    )* };
}

wasm_types! {
    i32 = ValType::I32, value => Value::from_u32(value as u32), store: raw => raw.u32() as i32;
    u32 = ValType::I32, value => Value::from_u32(value), store: raw => raw.u32();
    i64 = ValType::I64, value => Value::from_u64(value as u64), store: raw => raw.u64() as i64;
    u64 = ValType::I64, value => Value::from_u64(value), store: raw => raw.u64();
    f32 = ValType::F32, value => Value::from_u32(value.to_bits()), store: raw => f32::from_bits(raw.u32());
    f64 = ValType::F64, value => Value::from_u64(value.to_bits()), store: raw => f64::from_bits(raw.u64());
    V128 = ValType::V128, value => Value::from_u128(value.0), store: raw => V128(raw.u128());
    Option<Func> = ValType::FUNCREF, value => Value::from_u64(func_bits(value, store)?),
        store: raw => func_of(FuncRef::from_bits(raw.u64()), store);
    Option<ExternRef> = ValType::EXTERNREF, value => Value::from_u64(extern_bits(value, store)?),
        store: raw => extern_of(raw.u64(), store);
}
