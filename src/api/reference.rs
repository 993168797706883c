//! [`Func`], [`ExternRef`], [`ExnRef`] and [`Ref`]: what a reference can be.

use crate::api::store::{AsContext, AsContextMut, StoreId, StoreOpaque, wrong_store};
use crate::error::Error;
use crate::types::{FuncType, HeapType, RefType};
use crate::vm::visible::context::FuncRef;
use std::any::Any;

/// A function in a store: one of wasm code, or of the host.
///
/// ```
/// use planish::{Engine, Func, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let double = Func::wrap(&mut store, |x: i32| x * 2);
/// let double = double.typed::<i32, i32>(&store)?;
/// assert_eq!(double.call(&mut store, 21)?, 42);
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Func {
    pub(crate) store: StoreId,
    pub(crate) func: FuncRef,
}

impl Func {
    /// The function's type.
    ///
    /// # Panics
    ///
    /// If the function belongs to another store.
    ///
    /// ```
    /// use planish::{Engine, Func, Store, ValType};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let f = Func::wrap(&mut store, |x: i64| x as f32);
    /// assert_eq!(f.ty(&store).params(), [ValType::I64]);
    /// assert_eq!(f.ty(&store).results(), [ValType::F32]);
    /// ```
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        let store = &store.as_context().0.opaque;
        store.expect(self.store, "a function");
        store.state.signature(self.func).ty.func_type().clone()
    }
}

/// A reference to an object of the host, for wasm code to pass around. The object lives as long as its store.
///
/// ```
/// use planish::{Engine, ExternRef, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let object = ExternRef::new(&mut store, String::from("hello"));
/// assert_eq!(object.data(&store)?.downcast_ref::<String>().unwrap(), "hello");
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExternRef {
    store: StoreId,
    /// The object's index + 1, which is also what wasm code holds.
    handle: u64,
}

impl ExternRef {
    /// Moves an object into the store.
    ///
    /// ```
    /// # let mut store = planish::Store::new(&planish::Engine::default(), ());
    /// let object = planish::ExternRef::new(&mut store, 5u8);
    /// assert!(object.data(&store)?.is::<u8>());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn new(mut store: impl AsContextMut, object: impl Any + Send + Sync) -> ExternRef {
        let store = &mut store.as_context_mut().0.opaque;
        store.objects.push(Box::new(object));
        ExternRef { store: store.id, handle: store.objects.len() as u64 }
    }

    /// The object.
    ///
    /// # Errors
    ///
    /// If it belongs to another store.
    ///
    /// ```
    /// # let mut store = planish::Store::new(&planish::Engine::default(), ());
    /// let object = planish::ExternRef::new(&mut store, 5u8);
    /// let other = planish::Store::new(&planish::Engine::default(), ());
    /// assert!(object.data(&other).is_err());
    /// ```
    pub fn data<'a, T: 'static>(
        &self,
        store: impl Into<crate::api::store::StoreContext<'a, T>>,
    ) -> Result<&'a (dyn Any + Send + Sync), Error> {
        let store = &store.into().0.opaque;
        store.check(self.store, "an external reference")?;
        Ok(&*store.objects[self.handle as usize - 1])
    }
}

/// A reference to an exception: what a `catch_ref` leaves. The exception lives as long as its store, once the host has been given
/// a reference to it, and counts towards how many a store may have.
///
/// ```
/// use planish::{Engine, ExnRef, FuncType, Store, Tag, TagType, Val, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let tag = Tag::new(&mut store, &TagType::new(FuncType::new([ValType::I32], [])));
/// let exception = ExnRef::new(&mut store, tag, &[Val::I32(7)])?;
/// assert_eq!(exception.tag(&store), tag);
/// assert_eq!(exception.fields(&store)[0].i32(), Some(7));
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExnRef {
    pub(crate) store: StoreId,
    /// What wasm code holds; of an exception that is [held](crate::vm::exit::exception::Exceptions::hold).
    pub(crate) reference: u64,
}

/// A reference of any kind, null included.
///
/// ```
/// use planish::{Ref, RefType};
///
/// assert!(Ref::null(&RefType::FUNCREF).is_null());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ref {
    /// A function, or null.
    Func(Option<Func>),
    /// An object of the host, or null.
    Extern(Option<ExternRef>),
    /// An exception, or null.
    Exn(Option<ExnRef>),
}

impl Ref {
    /// The null of a type.
    pub fn null(ty: &RefType) -> Ref {
        match ty.heap {
            HeapType::Func | HeapType::ConcreteFunc(_) => Ref::Func(None),
            HeapType::Extern => Ref::Extern(None),
            HeapType::Exn | HeapType::NoExn => Ref::Exn(None),
        }
    }

    /// Is it a null?
    pub fn is_null(&self) -> bool {
        matches!(self, Ref::Func(None) | Ref::Extern(None) | Ref::Exn(None))
    }

    /// The function, unless it is null or no function.
    pub fn as_func(&self) -> Option<Func> {
        if let Ref::Func(func) = self { *func } else { None }
    }

    /// The object, unless it is null or a function.
    pub fn as_extern(&self) -> Option<ExternRef> {
        if let Ref::Extern(object) = self { *object } else { None }
    }

    /// The exception, unless it is null or something else.
    pub fn as_exn(&self) -> Option<ExnRef> {
        if let Ref::Exn(exception) = self { *exception } else { None }
    }

    /// Its nullable type.
    pub fn ty(&self) -> RefType {
        match self {
            Ref::Func(_) => RefType::FUNCREF,
            Ref::Extern(_) => RefType::EXTERNREF,
            Ref::Exn(_) => RefType::EXNREF,
        }
    }

    /// Does the reference fit where one of this type goes? One of another store fits, too: its [bits](Ref::bits) are refused.
    pub(crate) fn matches(&self, ty: &RefType, store: &StoreOpaque) -> bool {
        match (self, &ty.heap) {
            _ if self.is_null() && !ty.nullable => false,
            (Ref::Func(Some(func)), HeapType::ConcreteFunc(ty)) if func.store == store.id => {
                store.state.signature(func.func).ty == *ty
            }
            (Ref::Func(_), HeapType::Func | HeapType::ConcreteFunc(_)) => true,
            (Ref::Extern(_), HeapType::Extern) | (Ref::Exn(_), HeapType::Exn) => true,
            (Ref::Exn(None), HeapType::NoExn) => true,
            _ => false,
        }
    }

    /// What wasm code in `store` holds for the reference.
    pub(crate) fn bits(self, store: StoreId) -> Result<u64, Error> {
        match self {
            Ref::Func(func) => func_bits(func, store),
            Ref::Extern(object) => extern_bits(object, store),
            Ref::Exn(None) => Ok(0),
            Ref::Exn(Some(exception)) if exception.store == store => Ok(exception.reference),
            Ref::Exn(Some(_)) => Err(wrong_store("an exception")),
        }
    }

    /// As a table element of this type.
    pub(crate) fn into_element(self, ty: &RefType, store: &StoreOpaque) -> Result<u64, Error> {
        match self.matches(ty, store) {
            true => self.bits(store.id),
            false => Err(Error::msg("a reference of another type than the table's")),
        }
    }

    /// A table element of this type.
    pub(crate) fn from_element(bits: u64, ty: &RefType, store: &StoreOpaque) -> Ref {
        store.hold_ref(bits, ty);
        Ref::of_held(bits, ty, store.id)
    }

    /// The same of a reference that the store [holds](StoreOpaque::hold) already.
    pub(crate) fn of_held(bits: u64, ty: &RefType, store: StoreId) -> Ref {
        match ty.heap {
            HeapType::Func | HeapType::ConcreteFunc(_) => Ref::Func(func_of(FuncRef::from_bits(bits), store)),
            HeapType::Extern => Ref::Extern(extern_of(bits, store)),
            HeapType::Exn | HeapType::NoExn => Ref::Exn(exn_of(bits, store)),
        }
    }
}

impl From<Func> for Ref {
    fn from(func: Func) -> Ref {
        Ref::Func(Some(func))
    }
}

impl From<Option<Func>> for Ref {
    fn from(func: Option<Func>) -> Ref {
        Ref::Func(func)
    }
}

impl From<ExternRef> for Ref {
    fn from(object: ExternRef) -> Ref {
        Ref::Extern(Some(object))
    }
}

impl From<Option<ExnRef>> for Ref {
    fn from(exception: Option<ExnRef>) -> Ref {
        Ref::Exn(exception)
    }
}

impl From<Option<ExternRef>> for Ref {
    fn from(object: Option<ExternRef>) -> Ref {
        Ref::Extern(object)
    }
}

/// What wasm code in `store` holds for a function.
pub(crate) fn func_bits(func: Option<Func>, store: StoreId) -> Result<u64, Error> {
    match func {
        None => Ok(0),
        Some(func) if func.store == store => Ok(func.func.bits()),
        Some(_) => Err(wrong_store("a function")),
    }
}

pub(crate) fn func_of(func: Option<FuncRef>, store: StoreId) -> Option<Func> {
    func.map(|func| Func { store, func })
}

/// What wasm code in `store` holds for an object.
pub(crate) fn extern_bits(object: Option<ExternRef>, store: StoreId) -> Result<u64, Error> {
    match object {
        None => Ok(0),
        Some(object) if object.store == store => Ok(object.handle),
        Some(_) => Err(wrong_store("an external reference")),
    }
}

pub(crate) fn extern_of(handle: u64, store: StoreId) -> Option<ExternRef> {
    (handle != 0).then_some(ExternRef { store, handle })
}

fn exn_of(reference: u64, store: StoreId) -> Option<ExnRef> {
    (reference != 0).then_some(ExnRef { store, reference })
}
