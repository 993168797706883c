//! Closures as host functions: [`IntoFunc`] and [`WasmRet`].

use crate::api::caller::Caller;
use crate::api::reference::Func;
use crate::api::signatures::host_signature;
use crate::api::store::{StoreId, StoreInner, StoreOpaque, ThrownException};
use crate::api::typed::{StoreTo, for_each_tuple};
use crate::api::value::{Val, WasmTy};
use crate::error::{Error, Trap};
use crate::types::FuncType;
use crate::vm::code::published::Signature;
use crate::vm::run::host::{HostCall, HostStop};
use crate::vm::run::store::StoreState;
use crate::vm::visible::context::{FuncRef, Value};
use crate::vm::visible::handle::InstanceId;
use std::sync::{Arc, OnceLock};

/// A function of the host that can be put into stores.
pub struct HostFunc {
    ty: FuncType,
    /// Made for the first store. All of them share it, so that they share no counters with other functions of the type.
    signature: OnceLock<Arc<Signature>>,
    add: Box<AddToStore>,
}

type AddToStore = dyn Fn(&mut StoreState, Arc<Signature>) -> FuncRef + Send + Sync;

impl HostFunc {
    fn new<T: 'static>(
        ty: FuncType,
        call: impl Fn(&mut HostCall<'_, StoreInner<T>>) -> Result<(), HostStop> + Send + Sync + 'static,
    ) -> HostFunc {
        let call = Arc::new(call);
        let add = move |state: &mut StoreState, signature: Arc<Signature>| {
            let call = call.clone();
            state.add_host_function(signature, move |host_call: &mut HostCall<'_, StoreInner<T>>| call(host_call))
        };
        HostFunc { ty, signature: OnceLock::new(), add: Box::new(add) }
    }

    /// One that gets its arguments and leaves its results as [`Val`]s.
    pub(crate) fn dynamic<T: 'static>(
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error> + Send + Sync + 'static,
    ) -> HostFunc {
        let inner = ty.clone();
        HostFunc::new::<T>(ty, move |call| {
            let caller = call.caller();
            let (store, values) = call.parts();
            call_dynamic(&inner, &func, store, caller, values).map_err(|error| stop(error, &mut store.opaque))
        })
    }

    /// The function in a store of `engine`.
    pub(crate) fn add_to(&self, store: &mut StoreOpaque) -> Result<Func, Error> {
        let signature = match self.signature.get() {
            Some(signature) => signature,
            None => {
                let made = Arc::new(host_signature(&self.ty)?);
                self.signature.get_or_init(|| made)
            }
        };
        Ok(Func { store: store.id, func: (self.add)(&mut store.state, signature.clone()) })
    }

    pub(crate) fn ty(&self) -> &FuncType {
        &self.ty
    }
}

/// Arguments and results of a dynamic host function together: so many need no allocation.
const FEW_VALUES: usize = 8;

/// Calls `func` with the arguments in `values` as [`Val`]s, and writes its results there.
fn call_dynamic<T: 'static>(
    ty: &FuncType,
    func: &impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error>,
    store: &mut StoreInner<T>,
    caller: Option<InstanceId>,
    values: &mut [Value],
) -> Result<(), Error> {
    let id = store.opaque.id;
    let count = ty.params().len() + ty.results().len();
    let (mut few, mut many) = ([Val::I32(0); FEW_VALUES], Vec::new());
    let list = if count <= FEW_VALUES {
        &mut few[..count]
    } else {
        many.resize(count, Val::I32(0));
        &mut many
    };
    let (params, results) = list.split_at_mut(ty.params().len());
    for ((param, ty), value) in params.iter_mut().zip(ty.params()).zip(&*values) {
        *param = Val::from_value(*value, ty, &store.opaque);
    }
    for (result, ty) in results.iter_mut().zip(ty.results()) {
        *result = Val::default_for_ty(ty).unwrap_or(Val::I32(0));
    }
    func(Caller::new(store, caller), params, results)?;
    for ((ty, result), value) in ty.results().iter().zip(results).zip(values) {
        if !result.matches(ty, &store.opaque) {
            return Err(Error::msg(format!("a host function returned {} instead of {ty}", result.ty())));
        }
        *value = result.into_value(id)?;
    }
    Ok(())
}

/// An error on its way through wasm code; [`Error`] comes out of the box again at the end. An exception can be caught.
#[cold]
fn stop(error: Error, store: &mut StoreOpaque) -> HostStop {
    match error.downcast_ref::<ThrownException>() {
        Some(exception) if exception.store == store.id => {
            match store.state.exceptions_mut().add(exception.tag, &exception.values) {
                Ok(reference) => HostStop::Exception(reference),
                Err(_) => HostStop::Error(Box::new(Error::from(Trap::TooManyExceptions))),
            }
        }
        _ => HostStop::Error(Box::new(error)),
    }
}

/// What a host function may return: nothing, a [`WasmTy`], a tuple of up to 16, or a `Result` of those whose
/// error becomes an [`Error`].
///
/// ```
/// use planish::{Engine, Func, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let checked = Func::wrap(&mut store, |x: u32| x.checked_sub(1).ok_or("below zero"));
/// let checked = checked.typed::<u32, u32>(&store)?;
/// assert_eq!(checked.call(&mut store, 1)?, 0);
/// assert_eq!(checked.call(&mut store, 0).unwrap_err().to_string(), "below zero");
/// # Ok::<(), planish::Error>(())
/// ```
pub trait WasmRet: Return {}

/// How a closure's result goes back. Not to be implemented outside the crate.
#[doc(hidden)]
#[expect(private_interfaces, reason = "sealed")]
pub trait Return {
    type Values: StoreTo;
    fn return_to(self, values: &mut [Value], store: StoreId) -> Result<(), Error>;
}

impl<R: WasmTy> WasmRet for R {}

#[expect(private_interfaces, reason = "sealed")]
impl<R: WasmTy> Return for R {
    type Values = R;

    #[inline]
    fn return_to(self, values: &mut [Value], store: StoreId) -> Result<(), Error> {
        self.store_to(values, store)
    }
}

impl<R: WasmRet, E: Into<Error>> WasmRet for Result<R, E> {}

#[expect(private_interfaces, reason = "sealed")]
impl<R: WasmRet, E: Into<Error>> Return for Result<R, E> {
    type Values = R::Values;

    #[inline]
    fn return_to(self, values: &mut [Value], store: StoreId) -> Result<(), Error> {
        self.map_err(Into::into)?.return_to(values, store)
    }
}

macro_rules! tuple_return {
    ($($ty:ident $at:literal)*) => {
        impl<$($ty: WasmTy),*> WasmRet for ($($ty,)*) {}

        #[allow(private_interfaces, reason = "sealed")]
        impl<$($ty: WasmTy),*> Return for ($($ty,)*) {
            type Values = ($($ty,)*);

            #[inline]
            fn return_to(self, values: &mut [Value], store: StoreId) -> Result<(), Error> {
                self.store_to(values, store)
            }
        }
    };
}

for_each_tuple!(tuple_return);

/// A closure that can be a host function: up to 16 [`WasmTy`] parameters, before them, if it likes, a
/// [`Caller`]; it returns a [`WasmRet`].
///
/// ```
/// use planish::{Caller, Engine, Func, Store};
///
/// let mut store = Store::new(&Engine::default(), 0i64);
/// Func::wrap(&mut store, |a: i32, b: f32| (b, a));
/// Func::wrap(&mut store, |mut caller: Caller<'_, i64>, a: i64| *caller.data_mut() += a);
/// ```
pub trait IntoFunc<T, Params, Results>: Send + Sync + 'static {
    /// The closure as a host function.
    #[doc(hidden)]
    fn into_host_func(self) -> HostFunc;
}

macro_rules! into_func {
    ($($ty:ident $at:literal)*) => {
        impl<T: 'static, F, R, $($ty: WasmTy),*> IntoFunc<T, ($($ty,)*), R> for F
        where
            F: Fn($($ty),*) -> R + Send + Sync + 'static,
            R: WasmRet,
        {
            fn into_host_func(self) -> HostFunc {
                let ty = FuncType::new([$($ty::valtype()),*], R::Values::valtypes());
                HostFunc::new::<T>(ty, move |call| {
                    let (store, values) = call.parts();
                    let id = store.opaque.id;
                    let result = self($($ty::from_value(values[$at], id)),*);
                    result.return_to(values, id).map_err(|error| stop(error, &mut store.opaque))
                })
            }
        }

        impl<T: 'static, F, R, $($ty: WasmTy),*> IntoFunc<T, (Caller<'_, T>, $($ty,)*), R> for F
        where
            F: Fn(Caller<'_, T>, $($ty),*) -> R + Send + Sync + 'static,
            R: WasmRet,
        {
            fn into_host_func(self) -> HostFunc {
                let ty = FuncType::new([$($ty::valtype()),*], R::Values::valtypes());
                HostFunc::new::<T>(ty, move |call| {
                    let caller = call.caller();
                    let (store, values) = call.parts();
                    let id = store.opaque.id;
                    let result = self(Caller::new(store, caller), $($ty::from_value(values[$at], id)),*);
                    result.return_to(values, id).map_err(|error| stop(error, &mut store.opaque))
                })
            }
        }
    };
}

for_each_tuple!(into_func);
