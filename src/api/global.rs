//! [`Global`]: a global variable as the embedder sees it.

use crate::api::store::{AsContext, AsContextMut, StoreId, StoreOpaque};
use crate::api::value::Val;
use crate::error::Error;
use crate::types::GlobalType;
use crate::vm::visible::handle::GlobalId;

/// A global variable in a store.
///
/// Methods that return no `Result` panic when the global belongs to another store.
///
/// ```
/// use planish::{Engine, Global, GlobalType, Mutability, Store, Val, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let global = Global::new(&mut store, GlobalType::new(ValType::I32, Mutability::Var), Val::I32(1))?;
/// global.set(&mut store, Val::I32(2))?;
/// assert_eq!(global.get(&mut store).i32(), Some(2));
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Global {
    pub(crate) store: StoreId,
    pub(crate) id: GlobalId,
}

impl Global {
    /// A new global.
    ///
    /// # Errors
    ///
    /// If the value has another type, or belongs to another store.
    ///
    /// ```
    /// # use planish::{Engine, Global, GlobalType, Mutability, Store, Val, ValType};
    /// let mut store = Store::new(&Engine::default(), ());
    /// let ty = GlobalType::new(ValType::I32, Mutability::Const);
    /// assert!(Global::new(&mut store, ty, Val::I64(1)).is_err());
    /// ```
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, value: Val) -> Result<Global, Error> {
        let store = &mut store.as_context_mut().0.opaque;
        check_type(value, &ty, store)?;
        let value = value.into_value(store.id)?;
        Ok(Global { store: store.id, id: store.state.add_global(value, ty) })
    }

    /// Its type.
    ///
    /// ```
    /// # use planish::{Engine, Global, GlobalType, Mutability, Store, Val, ValType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let ty = GlobalType::new(ValType::F64, Mutability::Const);
    /// assert_eq!(Global::new(&mut store, ty.clone(), Val::from(1.5))?.ty(&store), ty);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn ty(&self, store: impl AsContext) -> GlobalType {
        let store = &store.as_context().0.opaque;
        store.expect(self.store, "a global");
        store.state.global_type(self.id).clone()
    }

    /// Its value.
    ///
    /// ```
    /// # use planish::{Engine, Global, GlobalType, Mutability, Store, Val, ValType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let global = Global::new(&mut store, GlobalType::new(ValType::I64, Mutability::Const), Val::I64(-1))?;
    /// assert_eq!(global.get(&store).i64(), Some(-1));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get(&self, store: impl AsContext) -> Val {
        let store = &store.as_context().0.opaque;
        store.expect(self.store, "a global");
        Val::from_value(store.state.global(self.id), &store.state.global_type(self.id).content, store)
    }

    /// Sets its value.
    ///
    /// # Errors
    ///
    /// If it is constant, or the value has another type, or something belongs to another store.
    ///
    /// ```
    /// # use planish::{Engine, Global, GlobalType, Mutability, Store, Val, ValType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let global = Global::new(&mut store, GlobalType::new(ValType::I64, Mutability::Const), Val::I64(-1))?;
    /// assert!(global.set(&mut store, Val::I64(1)).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn set(&self, mut store: impl AsContextMut, value: Val) -> Result<(), Error> {
        let store = &mut store.as_context_mut().0.opaque;
        store.check(self.store, "a global")?;
        let ty = store.state.global_type(self.id);
        if !ty.mutable {
            return Err(Error::msg("an immutable global cannot be set"));
        }
        check_type(value, ty, store)?;
        let value = value.into_value(store.id)?;
        store.state.set_global(self.id, value);
        Ok(())
    }
}

fn check_type(value: Val, ty: &GlobalType, store: &StoreOpaque) -> Result<(), Error> {
    if value.matches(&ty.content, store) {
        return Ok(());
    }
    Err(Error::msg(format!("type mismatch: expected {}, found {}", ty.content, value.ty())))
}
