//! How functions are made and called by the host.

use crate::api::caller::Caller;
use crate::api::host::{HostFunc, IntoFunc};
use crate::api::reference::Func;
use crate::api::store::{AsContext, AsContextMut, StoreOpaque};
use crate::api::typed::{TypedFunc, WasmParams, WasmResults};
use crate::api::value::Val;
use crate::error::Error;
use crate::types::FuncType;
use crate::vm::run::enter::enter;
use crate::vm::visible::context::Value;

impl Func {
    /// A function of the host from a closure with static types: see [`IntoFunc`].
    ///
    /// # Panics
    ///
    /// If the system refuses memory for code.
    ///
    /// ```
    /// use planish::{Engine, Func, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let add = Func::wrap(&mut store, |a: i32, b: i32| a + b).typed::<(i32, i32), i32>(&store)?;
    /// assert_eq!(add.call(&mut store, (1, 2))?, 3);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn wrap<T: 'static, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Func {
        let store = store.as_context_mut();
        func.into_host_func().add_to(&mut store.0.opaque).expect("memory for a host function's code")
    }

    /// A function of the host of any type. The closure gets the arguments, and the results' zeros to overwrite.
    ///
    /// # Panics
    ///
    /// If the system refuses memory for code.
    ///
    /// ```
    /// use planish::{Engine, Func, FuncType, Store, Val, ValType};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let ty = FuncType::new([ValType::I32, ValType::I32], [ValType::I32]);
    /// let add = Func::new(&mut store, ty, |_caller, params, results| {
    ///     results[0] = Val::I32(params[0].unwrap_i32() + params[1].unwrap_i32());
    ///     Ok(())
    /// });
    /// let mut results = [Val::I32(0)];
    /// add.call(&mut store, &[Val::I32(1), Val::I32(2)], &mut results)?;
    /// assert_eq!(results[0].i32(), Some(3));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn new<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Func {
        let store = store.as_context_mut();
        HostFunc::dynamic(ty, func).add_to(&mut store.0.opaque).expect("memory for a host function's code")
    }

    /// Calls the function with any values.
    ///
    /// # Errors
    ///
    /// If the numbers or types of `params` and `results` are not the function's, as well as for the reasons of
    /// [`TypedFunc::call`].
    ///
    /// # Panics
    ///
    /// If a host function that it calls panics: that panic goes on here.
    ///
    /// ```
    /// use planish::{Engine, Func, Store, Val};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let not = Func::wrap(&mut store, |x: i32| !x);
    /// let mut results = [Val::I32(0)];
    /// not.call(&mut store, &[Val::I32(1)], &mut results)?;
    /// assert_eq!(results[0].i32(), Some(-2));
    /// assert!(not.call(&mut store, &[Val::I64(1)], &mut results).is_err());
    /// assert!(not.call(&mut store, &[], &mut results).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn call(&self, mut store: impl AsContextMut, params: &[Val], results: &mut [Val]) -> Result<(), Error> {
        let store = store.as_context_mut().0;
        store.opaque.check(self.store, "a function")?;
        let signature = store.opaque.state.signature(self.func);
        check_call(&signature.ty, params, results.len(), &store.opaque)?;
        let point = signature.entry_point();
        let mut values = vec![Value::default(); point.values as usize];
        for (value, param) in values.iter_mut().zip(params) {
            *value = param.into_value(self.store)?;
        }
        enter(store, self.func, &point, &mut values).map_err(|exit| store.opaque.error_of(exit))?;
        // Looked up again: to keep the type would count a reference, which other threads do, too.
        let types = store.opaque.state.signature(self.func).ty.results();
        for ((result, ty), value) in results.iter_mut().zip(types).zip(values) {
            *result = Val::from_value(value, ty, &store.opaque);
        }
        Ok(())
    }

    /// The function with static types.
    ///
    /// # Errors
    ///
    /// If its types are others, or it belongs to another store.
    ///
    /// ```
    /// use planish::{Engine, Func, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let f = Func::wrap(&mut store, |x: i32| x);
    /// assert!(f.typed::<i32, i32>(&store).is_ok());
    /// let error = f.typed::<i64, i32>(&store).err().unwrap();
    /// assert_eq!(error.to_string(), "type mismatch: the function has type [i32] -> [i32], not [i64] -> [i32]");
    /// ```
    pub fn typed<Params: WasmParams, Results: WasmResults>(
        &self,
        store: impl AsContext,
    ) -> Result<TypedFunc<Params, Results>, Error> {
        TypedFunc::of(*self, store)
    }
}

fn check_call(ty: &FuncType, params: &[Val], results: usize, store: &StoreOpaque) -> Result<(), Error> {
    if params.len() != ty.params().len() || results != ty.results().len() {
        let (expected, given) = (ty.params().len(), params.len());
        let (expected_results, given_results) = (ty.results().len(), results);
        return Err(Error::msg(format!(
            "wrong number of arguments or results: {given} and {given_results} instead of {expected} and {expected_results}"
        )));
    }
    match params.iter().zip(ty.params()).enumerate().find(|(_, (param, ty))| !param.matches(ty, store)) {
        None => Ok(()),
        Some((at, (param, ty))) => {
            Err(Error::msg(format!("type mismatch: argument {at} is {} instead of {ty}", param.ty())))
        }
    }
}
