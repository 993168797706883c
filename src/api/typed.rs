//! [`TypedFunc`]: a function whose type was checked once, called without any allocation.

use crate::api::reference::Func;
use crate::api::store::{AsContext, AsContextMut, StoreId, StoreInner, wrong_store};
use crate::api::value::WasmTy;
use crate::error::Error;
use crate::types::{FuncType, ValType};
use crate::vm::code::published::EntryPoint;
use crate::vm::run::enter::enter;
use crate::vm::visible::context::Value;
use std::marker::PhantomData;

/// A [`Func`] with static types. `Params` and `Results` are [`WasmTy`]s or tuples of them.
///
/// ```
/// use planish::{Engine, Instance, Module, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (func (export "swap") (param i32 i64) (result i64 i32) local.get 1 local.get 0))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let swap = instance.get_typed_func::<(i32, i64), (i64, i32)>(&mut store, "swap")?;
/// assert_eq!(swap.call(&mut store, (1, 2))?, (2, 1));
/// # Ok::<(), planish::Error>(())
/// ```
pub struct TypedFunc<Params, Results> {
    func: Func,
    point: EntryPoint,
    /// It takes parameters and gives results. No two types that may stand here are subtypes of each other: they have no lifetimes.
    types: PhantomData<fn(Params) -> Results>,
}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Params, Results> Copy for TypedFunc<Params, Results> {}

impl<Params: WasmParams, Results: WasmResults> TypedFunc<Params, Results> {
    /// Checks that `func` has the static types.
    pub(crate) fn of(func: Func, store: impl AsContext) -> Result<TypedFunc<Params, Results>, Error> {
        let store = &store.as_context().0.opaque;
        store.check(func.store, "a function")?;
        let signature = store.state.signature(func.func);
        let ty = signature.ty.func_type();
        if !Params::valtypes().eq(ty.params().iter().cloned()) || !Results::valtypes().eq(ty.results().iter().cloned())
        {
            let asked = FuncType::new(Params::valtypes(), Results::valtypes());
            return Err(Error::msg(format!("type mismatch: the function has type {ty}, not {asked}")));
        }
        Ok(TypedFunc { func, point: signature.entry_point(), types: PhantomData })
    }

    /// The function without static types.
    ///
    /// ```
    /// # let mut store = planish::Store::new(&planish::Engine::default(), ());
    /// let func = planish::Func::wrap(&mut store, || {});
    /// assert_eq!(*func.typed::<(), ()>(&store)?.func(), func);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// If it traps, or a host function that it calls returns an error, or something belongs to another store.
    ///
    /// # Panics
    ///
    /// If a host function that it calls panics: that panic goes on here.
    ///
    /// ```
    /// use planish::{Engine, Func, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let half = Func::wrap(&mut store, |x: f64| x / 2.0).typed::<f64, f64>(&store)?;
    /// assert_eq!(half.call(&mut store, 5.0)?, 2.5);
    /// # Ok::<(), planish::Error>(())
    /// ```
    #[inline]
    pub fn call(&self, mut store: impl AsContextMut, params: Params) -> Result<Results, Error> {
        let store = store.as_context_mut().0;
        if store.opaque.id != self.func.store {
            return Err(wrong_store("a function"));
        }
        // Filling the array would cost more than the call if it always had the largest size.
        match const { if Params::COUNT > Results::COUNT { Params::COUNT } else { Results::COUNT } } {
            ..=ONE => self.call_with::<_, ONE>(store, params),
            2..=FEW => self.call_with::<_, FEW>(store, params),
            _ => self.call_with::<_, MANY>(store, params),
        }
    }

    #[inline]
    fn call_with<T: 'static, const N: usize>(
        &self,
        store: &mut StoreInner<T>,
        params: Params,
    ) -> Result<Results, Error> {
        let id = store.opaque.id;
        let mut values = [Value::default(); N];
        let values = &mut values[..Params::COUNT.max(Results::COUNT)];
        params.store_to(values, id)?;
        match enter(store, self.func.func, &self.point, values) {
            Ok(()) => Ok(Results::load_from(values, id)),
            Err(exit) => Err(store.opaque.error_of(exit)),
        }
    }
}

const ONE: usize = 1;
const FEW: usize = 4;
/// The longest tuple with [`WasmParams`] or [`WasmResults`].
const MANY: usize = 16;

/// Parameters of a [`TypedFunc`] or of a closure: a [`WasmTy`], or a tuple of up to 16.
///
/// ```
/// fn is_params<P: planish::WasmParams>() {}
/// is_params::<(i32, f64, Option<planish::Func>)>();
/// ```
pub trait WasmParams: StoreTo {}

/// Results of a [`TypedFunc`]: a [`WasmTy`], or a tuple of up to 16.
///
/// ```
/// fn is_results<R: planish::WasmResults>() {}
/// is_results::<()>();
/// is_results::<(i32, i32)>();
/// ```
pub trait WasmResults: LoadFrom {}

/// Values that are written to where a call finds them. Not to be implemented outside the crate.
#[doc(hidden)]
#[expect(private_interfaces, reason = "sealed")]
pub trait StoreTo {
    const COUNT: usize;
    fn valtypes() -> impl Iterator<Item = ValType>;
    fn store_to(self, values: &mut [Value], store: StoreId) -> Result<(), Error>;
}

/// Values that are read from where a call left them. Not to be implemented outside the crate.
#[doc(hidden)]
#[expect(private_interfaces, reason = "sealed")]
pub trait LoadFrom {
    const COUNT: usize;
    fn valtypes() -> impl Iterator<Item = ValType>;
    fn load_from(values: &[Value], store: StoreId) -> Self;
}

impl<A: WasmTy> WasmParams for A {}
impl<A: WasmTy> WasmResults for A {}

#[expect(private_interfaces, reason = "sealed")]
impl<A: WasmTy> StoreTo for A {
    const COUNT: usize = 1;

    fn valtypes() -> impl Iterator<Item = ValType> {
        std::iter::once(A::valtype())
    }

    #[inline]
    fn store_to(self, values: &mut [Value], store: StoreId) -> Result<(), Error> {
        values[0] = self.into_value(store)?;
        Ok(())
    }
}

#[expect(private_interfaces, reason = "sealed")]
impl<A: WasmTy> LoadFrom for A {
    const COUNT: usize = 1;

    fn valtypes() -> impl Iterator<Item = ValType> {
        std::iter::once(A::valtype())
    }

    #[inline]
    fn load_from(values: &[Value], store: StoreId) -> A {
        A::from_value(values[0], store)
    }
}

/// Calls `$each` with the type parameters of every tuple length, and the places in the array.
macro_rules! for_each_tuple {
    ($each:ident) => {
        $each!();
        $each!(A1 0);
        $each!(A1 0 A2 1);
        $each!(A1 0 A2 1 A3 2);
        $each!(A1 0 A2 1 A3 2 A4 3);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11 A13 12);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11 A13 12 A14 13);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11 A13 12 A14 13 A15 14);
        $each!(A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11 A13 12 A14 13 A15 14 A16 15);
    };
}
pub(crate) use for_each_tuple;

macro_rules! tuple {
    ($($ty:ident $at:literal)*) => {
        impl<$($ty: WasmTy),*> WasmParams for ($($ty,)*) {}
        impl<$($ty: WasmTy),*> WasmResults for ($($ty,)*) {}

        #[allow(non_snake_case, clippy::unused_unit, reason = "one variable per type parameter; () among the tuples")]
        #[allow(private_interfaces, reason = "sealed")]
        impl<$($ty: WasmTy),*> StoreTo for ($($ty,)*) {
            const COUNT: usize = 0 $(+ { let _ = $at; 1 })*;

            fn valtypes() -> impl Iterator<Item = ValType> {
                [$($ty::valtype()),*].into_iter()
            }

            #[inline]
            fn store_to(self, values: &mut [Value], store: StoreId) -> Result<(), Error> {
                let ($($ty,)*) = self;
                let _ = (&values, store);
                $(values[$at] = $ty.into_value(store)?;)*
                Ok(())
            }
        }

        #[allow(clippy::unused_unit, reason = "() is among the tuples")]
        #[allow(private_interfaces, reason = "sealed")]
        impl<$($ty: WasmTy),*> LoadFrom for ($($ty,)*) {
            const COUNT: usize = 0 $(+ { let _ = $at; 1 })*;

            fn valtypes() -> impl Iterator<Item = ValType> {
                [$($ty::valtype()),*].into_iter()
            }

            #[inline]
            fn load_from(values: &[Value], store: StoreId) -> ($($ty,)*) {
                let _ = (values, store);
                ($($ty::from_value(values[$at], store),)*)
            }
        }
    };
}

for_each_tuple!(tuple);
