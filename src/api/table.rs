//! [`Table`]: a table as the embedder sees it.

use crate::api::memory::{error_of, refused};
use crate::api::reference::Ref;
use crate::api::store::{AsContext, AsContextMut, StoreId, StoreOpaque};
use crate::error::{Error, Trap};
use crate::types::TableType;
use crate::vm::owned::table::Table as Elements;
use crate::vm::visible::handle::TableId;

/// A table in a store.
///
/// Methods that return no `Result` panic when the table belongs to another store.
///
/// ```
/// use planish::{Engine, Func, Ref, RefType, Store, Table, TableType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, None), Ref::Func(None))?;
/// let f = Func::wrap(&mut store, || {});
/// table.set(&mut store, 1, f.into())?;
/// assert_eq!(table.get(&store, 1), Some(f.into()));
/// assert_eq!(table.get(&store, 2), None);
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Table {
    pub(crate) store: StoreId,
    pub(crate) id: TableId,
}

impl Table {
    /// A new table whose elements are all `init`.
    ///
    /// # Errors
    ///
    /// If `init` has another type than the elements or belongs to another store, if the minimum is above the
    /// engine's limit, or the system has no memory.
    ///
    /// ```
    /// use planish::{Engine, Ref, RefType, Store, Table, TableType};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let ty = TableType::new(RefType::EXTERNREF, 2, None);
    /// assert!(Table::new(&mut store, ty.clone(), Ref::Extern(None)).is_ok());
    /// assert!(Table::new(&mut store, ty, Ref::Func(None)).is_err());
    /// ```
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Ref) -> Result<Table, Error> {
        let store = &mut store.as_context_mut().0.opaque;
        if !ty.is_possible() {
            return Err(Error::msg("a table type with impossible limits"));
        }
        let init = init.into_element(&ty.element, store)?;
        let limit = store.engine.limits().table_elements;
        let elements = Elements::new(&ty, limit, init).map_err(refused)?;
        Ok(Table { store: store.id, id: store.state.add_table(elements, ty.element) })
    }

    /// Its type; the minimum is the present size.
    ///
    /// ```
    /// # use planish::{Engine, Ref, RefType, Store, Table, TableType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let ty = TableType::new(RefType::FUNCREF, 2, Some(3));
    /// assert_eq!(Table::new(&mut store, ty.clone(), Ref::Func(None))?.ty(&store), ty);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn ty(&self, store: impl AsContext) -> TableType {
        self.type_in(&store.as_context().0.opaque)
    }

    pub(crate) fn type_in(&self, store: &StoreOpaque) -> TableType {
        let elements = self.of(store);
        TableType {
            element: store.state.element_type(self.id).clone(),
            minimum: elements.len(),
            maximum: elements.maximum(),
            index: elements.index(),
        }
    }

    /// The element at `index`, if there is one.
    ///
    /// ```
    /// # use planish::{Engine, Ref, RefType, Store, Table, TableType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 1, None), Ref::Func(None))?;
    /// assert_eq!(table.get(&store, 0), Some(Ref::Func(None)));
    /// assert_eq!(table.get(&store, 1), None);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get(&self, store: impl AsContext, index: u64) -> Option<Ref> {
        let store = &store.as_context().0.opaque;
        let element = self.of(store).elements().get(usize::try_from(index).ok()?)?;
        Some(Ref::from_element(*element, store.state.element_type(self.id), store))
    }

    /// Sets the element at `index`.
    ///
    /// # Errors
    ///
    /// If there is none, or `value` has another type than the elements, or something belongs to another store.
    ///
    /// ```
    /// # use planish::{Engine, Ref, RefType, Store, Table, TableType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 1, None), Ref::Func(None))?;
    /// assert!(table.set(&mut store, 0, Ref::Func(None)).is_ok());
    /// assert!(table.set(&mut store, 1, Ref::Func(None)).is_err());
    /// assert!(table.set(&mut store, 0, Ref::Extern(None)).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn set(&self, store: impl AsContextMut, index: u64, value: Ref) -> Result<(), Error> {
        self.fill(store, index, value, 1)
    }

    /// The number of elements.
    ///
    /// ```
    /// # use planish::{Engine, Ref, RefType, Store, Table, TableType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 4, None), Ref::Func(None))?;
    /// assert_eq!(table.size(&store), 4);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.of(&store.as_context().0.opaque).len()
    }

    /// Grows by `delta` elements `init`; returns the size before.
    ///
    /// # Errors
    ///
    /// As [`Table::set`], and if the type's maximum or the engine's limit forbid it, or the system has no memory.
    ///
    /// ```
    /// # use planish::{Engine, Ref, RefType, Store, Table, TableType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 4, Some(5)), Ref::Func(None))?;
    /// assert_eq!(table.grow(&mut store, 1, Ref::Func(None))?, 4);
    /// assert!(table.grow(&mut store, 1, Ref::Func(None)).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64, init: Ref) -> Result<u64, Error> {
        let store = &mut store.as_context_mut().0.opaque;
        store.check(self.store, "a table")?;
        let init = init.into_element(store.state.element_type(self.id), store)?;
        let elements = store.state.table_mut(self.id);
        elements.grow(delta, init).map_err(|refused| error_of(refused, "the table cannot grow that far"))
    }

    /// Sets `count` elements from `start` on.
    ///
    /// # Errors
    ///
    /// As [`Table::set`]; nothing changes then.
    ///
    /// ```
    /// # use planish::{Engine, Func, Ref, RefType, Store, Table, TableType};
    /// # let mut store = Store::new(&Engine::default(), ());
    /// let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 4, None), Ref::Func(None))?;
    /// let f = Func::wrap(&mut store, || {});
    /// table.fill(&mut store, 1, f.into(), 3)?;
    /// assert_eq!(table.get(&store, 3), Some(f.into()));
    /// assert!(table.fill(&mut store, 2, f.into(), 3).is_err());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn fill(&self, mut store: impl AsContextMut, start: u64, value: Ref, count: u64) -> Result<(), Error> {
        let store = &mut store.as_context_mut().0.opaque;
        store.check(self.store, "a table")?;
        let value = value.into_element(store.state.element_type(self.id), store)?;
        let elements = store.state.table_mut(self.id);
        elements.fill(start, value, count).map_err(|_| Error::from(Trap::TableOutOfBounds))
    }

    fn of<'a>(&self, store: &'a StoreOpaque) -> &'a Elements {
        store.expect(self.store, "a table");
        store.state.table(self.id)
    }
}
