//! [`Tag`]s, and what exceptions carry.

use crate::api::reference::ExnRef;
use crate::api::store::{AsContext, AsContextMut, StoreId, StoreOpaque, ThrownException};
use crate::api::value::Val;
use crate::error::{Error, Trap};
use crate::types::{FuncType, TagType};
use crate::vm::visible::context::Value;
use crate::vm::visible::handle::TagId;

/// What an exception is caught by: each tag of a store is its own, whatever its type.
///
/// ```
/// use planish::{Engine, FuncType, Store, Tag, TagType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = TagType::new(FuncType::new([], []));
/// assert_ne!(Tag::new(&mut store, &ty), Tag::new(&mut store, &ty));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tag {
    pub(crate) store: StoreId,
    pub(crate) id: TagId,
}

impl Tag {
    /// A new tag.
    ///
    /// # Panics
    ///
    /// If the type has results.
    pub fn new(mut store: impl AsContextMut, ty: &TagType) -> Tag {
        assert!(ty.ty().results().is_empty(), "the type of a tag has no results");
        let store = &mut store.as_context_mut().0.opaque;
        Tag { store: store.id, id: store.state.add_tag(ty.ty().clone()) }
    }

    /// Its type.
    ///
    /// # Panics
    ///
    /// If the tag belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> TagType {
        self.type_in(&store.as_context().0.opaque)
    }

    pub(crate) fn type_in(&self, store: &StoreOpaque) -> TagType {
        store.expect(self.store, "a tag");
        TagType::new(store.state.tag(self.id).clone())
    }
}

impl ExnRef {
    /// A new exception, not thrown yet.
    ///
    /// # Errors
    ///
    /// If the values are not what the tag says, something belongs to another store, or the store has too many exceptions.
    pub fn new(mut store: impl AsContextMut, tag: Tag, fields: &[Val]) -> Result<ExnRef, Error> {
        let store = &mut store.as_context_mut().0.opaque;
        let (_, values) = values(store, tag, fields)?;
        let exceptions = store.state.exceptions_mut();
        let reference = exceptions.add(tag.id, &values).map_err(|_| Error::from(Trap::TooManyExceptions))?;
        exceptions.keep(reference);
        exceptions.hold(reference);
        Ok(ExnRef { store: store.id, reference })
    }

    /// Its tag.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    pub fn tag(&self, store: impl AsContext) -> Tag {
        let store = &store.as_context().0.opaque;
        store.expect(self.store, "an exception");
        Tag { store: self.store, id: store.state.exceptions().get(self.reference).tag }
    }

    /// What it carries.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    pub fn fields(&self, store: impl AsContext) -> Vec<Val> {
        let store = &store.as_context().0.opaque;
        store.expect(self.store, "an exception");
        let exception = store.state.exceptions().get(self.reference);
        let types = store.state.tag(exception.tag).params();
        types.iter().zip(&exception.values).map(|(ty, value)| Val::from_value(*value, ty, store)).collect()
    }
}

impl ThrownException {
    /// An exception for a host function to return as an error: wasm code that called it may catch it.
    ///
    /// # Errors
    ///
    /// If the values are not what the tag says, or something belongs to another store.
    ///
    /// ```
    /// use planish::{Caller, Engine, FuncType, Linker, Module, Store, Tag, TagType, ThrownException, Val, ValType};
    ///
    /// let engine = Engine::default();
    /// let (mut store, mut linker) = (Store::new(&engine, ()), Linker::new(&engine));
    /// let tag = Tag::new(&mut store, &TagType::new(FuncType::new([ValType::I32], [])));
    /// linker.define(&store, "host", "tag", tag)?;
    /// linker.func_wrap("host", "throw", move |caller: Caller<'_, ()>| {
    ///     Err::<(), _>(match ThrownException::new(&caller, tag, &[Val::I32(5)]) {
    ///         Ok(exception) => planish::Error::new(exception),
    ///         Err(error) => error,
    ///     })
    /// })?;
    /// let module = Module::new(&engine, r#"(module
    ///     (import "host" "tag" (tag $tag (param i32)))
    ///     (import "host" "throw" (func $throw))
    ///     (func (export "run") (result i32)
    ///         (block $caught (result i32)
    ///             (try_table (catch $tag $caught) (call $throw))
    ///             (i32.const 0))))"#)?;
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())?, 5);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn new(store: impl AsContext, tag: Tag, fields: &[Val]) -> Result<ThrownException, Error> {
        let store = &store.as_context().0.opaque;
        let (ty, values) = values(store, tag, fields)?;
        Ok(ThrownException { store: store.id, tag: tag.id, ty, values })
    }

    /// Its tag.
    pub fn tag(&self) -> Tag {
        Tag { store: self.store, id: self.tag }
    }

    /// What it carries.
    pub fn fields(&self) -> Vec<Val> {
        self.ty.params().iter().zip(&self.values).map(|(ty, value)| Val::of_held(*value, ty, self.store)).collect()
    }
}

fn values(store: &StoreOpaque, tag: Tag, fields: &[Val]) -> Result<(FuncType, Box<[Value]>), Error> {
    store.check(tag.store, "a tag")?;
    let ty = store.state.tag(tag.id);
    let fit =
        fields.len() == ty.params().len() && fields.iter().zip(ty.params()).all(|(field, ty)| field.matches(ty, store));
    if !fit {
        return Err(Error::msg(format!("the values are not those of a tag of type {ty}")));
    }
    let values = fields.iter().map(|field| field.into_value(store.id)).collect::<Result<_, _>>()?;
    Ok((ty.clone(), values))
}
