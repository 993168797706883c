//! [`Extern`]: what instances export and import.

use crate::api::exception::Tag;
use crate::api::extern_type::ExternType;
use crate::api::global::Global;
use crate::api::memory::Memory;
use crate::api::reference::Func;
use crate::api::shared_memory::SharedMemory;
use crate::api::store::{AsContext, StoreId, StoreOpaque};
use crate::api::table::Table;

/// Something that an instance exports, or that a module can import.
///
/// ```
/// use planish::{Engine, Extern, Func, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let item = Extern::from(Func::wrap(&mut store, || {}));
/// assert!(item.into_func().is_some());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A global variable.
    Global(Global),
    /// A table.
    Table(Table),
    /// A linear memory.
    Memory(Memory),
    /// A tag.
    Tag(Tag),
    /// A linear memory that belongs to no store.
    SharedMemory(SharedMemory),
}

macro_rules! kinds {
    ($($variant:ident $into:ident $what:literal $owner:expr;)*) => {
        impl Extern {
            $(
                #[doc = concat!("The ", $what, ", if that is what it is.")]
                pub fn $into(self) -> Option<$variant> {
                    if let Extern::$variant(item) = self { Some(item) } else { None }
                }
            )*

            /// The store that it belongs to, if it belongs to one.
            pub(crate) fn store(&self) -> Option<StoreId> {
                match self {
                    $(Extern::$variant(item) => $owner(item),)*
                }
            }
        }

        $(
            impl From<$variant> for Extern {
                fn from(item: $variant) -> Extern {
                    Extern::$variant(item)
                }
            }
        )*
    };
}

kinds! {
    Func into_func "function" |item: &Func| Some(item.store);
    Global into_global "global" |item: &Global| Some(item.store);
    Table into_table "table" |item: &Table| Some(item.store);
    Memory into_memory "memory" |item: &Memory| Some(item.store);
    Tag into_tag "tag" |item: &Tag| Some(item.store);
    SharedMemory into_shared_memory "shared memory" |_| None;
}

impl Extern {
    /// Its type; of a table or memory, the minimum is the present size.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    ///
    /// ```
    /// use planish::{Engine, Extern, Func, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let item = Extern::from(Func::wrap(&mut store, || {}));
    /// assert!(item.ty(&store).func().is_some());
    /// ```
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        let store = store.as_context();
        if let Some(owner) = self.store() {
            store.0.opaque.expect(owner, "an item");
        }
        self.type_in(&store.0.opaque)
    }

    pub(crate) fn type_in(&self, store: &StoreOpaque) -> ExternType {
        match self {
            Extern::Func(func) => ExternType::Func(store.state.signature(func.func).ty.func_type().clone()),
            Extern::Global(global) => ExternType::Global(store.state.global_type(global.id).clone()),
            Extern::Table(table) => ExternType::Table(table.type_in(store)),
            Extern::Memory(memory) => ExternType::Memory(memory.type_in(store)),
            Extern::Tag(tag) => ExternType::Tag(tag.type_in(store)),
            Extern::SharedMemory(memory) => ExternType::Memory(memory.ty()),
        }
    }
}

/// A named item of an instance.
#[derive(Clone, Debug)]
pub struct Export<'instance> {
    name: &'instance str,
    item: Extern,
}

impl<'instance> Export<'instance> {
    pub(crate) fn new(name: &'instance str, item: Extern) -> Export<'instance> {
        Export { name, item }
    }

    /// Its name.
    pub fn name(&self) -> &'instance str {
        self.name
    }

    /// The item.
    pub fn into_extern(self) -> Extern {
        self.item
    }

    /// The function, if that is what it is.
    pub fn into_func(self) -> Option<Func> {
        self.item.into_func()
    }

    /// The global, if that is what it is.
    pub fn into_global(self) -> Option<Global> {
        self.item.into_global()
    }

    /// The table, if that is what it is.
    pub fn into_table(self) -> Option<Table> {
        self.item.into_table()
    }

    /// The memory, if that is what it is.
    pub fn into_memory(self) -> Option<Memory> {
        self.item.into_memory()
    }

    /// The shared memory, if that is what it is.
    pub fn into_shared_memory(self) -> Option<SharedMemory> {
        self.item.into_shared_memory()
    }
}
