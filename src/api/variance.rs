//! Which types with parameters are subtypes of each other: tests only, since the fields decide it.
//!
//! `for<'a> fn(&'a str)` is a subtype of `fn(&'static str)`: whoever takes any string takes static ones. Host functions read the data of
//! their store as the type that they were made for, and may replace it. So a store of the one must not become a store of the
//! other, in either direction and by whatever borrows it, or a function that wants a static string gets one that does not live so long.
//! The programs below differ in the last line. This one compiles:
//!
//! ```
//! use planish::{Caller, Engine, Linker, Store, StoreContext, StoreContextMut};
//! type Any = for<'a> fn(&'a str);
//! type Static = fn(&'static str);
//! fn stores(any: Store<Any>, exact: Store<Static>) -> (Store<Any>, Store<Static>) { (any, exact) }
//! ```
//!
//! and these do not:
//!
//! ```compile_fail
//! use planish::{Caller, Engine, Linker, Store, StoreContext, StoreContextMut};
//! type Any = for<'a> fn(&'a str);
//! type Static = fn(&'static str);
//! fn up(store: Store<Any>) -> Store<Static> { store }
//! ```
//!
//! ```compile_fail
//! use planish::{Caller, Engine, Linker, Store, StoreContext, StoreContextMut};
//! type Any = for<'a> fn(&'a str);
//! type Static = fn(&'static str);
//! fn down(store: Store<Static>) -> Store<Any> { store }
//! ```
//!
//! ```compile_fail
//! use planish::{Caller, Engine, Linker, Store, StoreContext, StoreContextMut};
//! type Any = for<'a> fn(&'a str);
//! type Static = fn(&'static str);
//! fn borrowed(store: &Store<Any>) -> &Store<Static> { store }
//! ```
//!
//! ```compile_fail
//! use planish::{Caller, Engine, Linker, Store, StoreContext, StoreContextMut};
//! type Any = for<'a> fn(&'a str);
//! type Static = fn(&'static str);
//! fn context(store: StoreContext<'_, Any>) -> StoreContext<'_, Static> { store }
//! ```
//!
//! ```compile_fail
//! use planish::{Caller, Engine, Linker, Store, StoreContext, StoreContextMut};
//! type Any = for<'a> fn(&'a str);
//! type Static = fn(&'static str);
//! fn context_mut(store: StoreContextMut<'_, Any>) -> StoreContextMut<'_, Static> { store }
//! ```
//!
//! ```compile_fail
//! use planish::{Caller, Engine, Linker, Store, StoreContext, StoreContextMut};
//! type Any = for<'a> fn(&'a str);
//! type Static = fn(&'static str);
//! fn caller(caller: Caller<'_, Any>) -> Caller<'_, Static> { caller }
//! ```
//!
//! ```compile_fail
//! use planish::{Caller, Engine, Linker, Store, StoreContext, StoreContextMut};
//! type Any = for<'a> fn(&'a str);
//! type Static = fn(&'static str);
//! fn linker_up(linker: Linker<Any>) -> Linker<Static> { linker }
//! ```
//!
//! ```compile_fail
//! use planish::{Caller, Engine, Linker, Store, StoreContext, StoreContextMut};
//! type Any = for<'a> fn(&'a str);
//! type Static = fn(&'static str);
//! fn linker_down(linker: Linker<Static>) -> Linker<Any> { linker }
//! ```
//!
//! A borrow of a store does not live longer than the store is lent:
//!
//! ```compile_fail
//! use planish::{Caller, StoreContext, StoreContextMut};
//! fn longer<'a>(caller: Caller<'a, ()>) -> Caller<'static, ()> { caller }
//! ```
//!
//! ```compile_fail
//! use planish::{Caller, StoreContext, StoreContextMut};
//! fn longer<'a>(store: StoreContext<'a, ()>) -> StoreContext<'static, ()> { store }
//! ```
//!
//! ```compile_fail
//! use planish::{Caller, StoreContext, StoreContextMut};
//! fn longer<'a>(store: StoreContextMut<'a, ()>) -> StoreContextMut<'static, ()> { store }
//! ```
//!
//! but shorter, as other borrows:
//!
//! ```
//! use planish::{Caller, StoreContext, StoreContextMut};
//! fn caller<'a>(caller: Caller<'static, ()>) -> Caller<'a, ()> { caller }
//! fn context<'a>(store: StoreContext<'static, ()>) -> StoreContext<'a, ()> { store }
//! fn context_mut<'a>(store: StoreContextMut<'static, ()>) -> StoreContextMut<'a, ()> { store }
//! ```
