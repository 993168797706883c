//! The types of imports and exports.

use crate::types::{FuncType, GlobalType, MemoryType, TableType, TagType};

/// The type of something that a module imports or exports.
///
/// ```
/// use planish::{ExternType, MemoryType};
///
/// let ty = ExternType::from(MemoryType::new(1, None));
/// assert_eq!(ty.memory().unwrap().minimum, 1);
/// assert!(ty.table().is_none());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A global variable.
    Global(GlobalType),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
    /// A tag.
    Tag(TagType),
}

macro_rules! kinds {
    ($($variant:ident $get:ident $ty:ident $what:literal;)*) => {
        impl ExternType {
            $(
                #[doc = concat!("The type of ", $what, ", if that is what it is.")]
                pub fn $get(&self) -> Option<&$ty> {
                    if let ExternType::$variant(ty) = self { Some(ty) } else { None }
                }
            )*

            /// What it is, in the specification's word.
            pub(crate) fn kind(&self) -> &'static str {
                match self {
                    $(ExternType::$variant(_) => stringify!($get),)*
                }
            }
        }

        $(
            impl From<$ty> for ExternType {
                fn from(ty: $ty) -> ExternType {
                    ExternType::$variant(ty)
                }
            }
        )*
    };
}

kinds! {
    Func func FuncType "a function";
    Global global GlobalType "a global";
    Table table TableType "a table";
    Memory memory MemoryType "a memory";
    Tag tag TagType "a tag";
}

/// One import of a module. See [`Module::imports`](crate::Module::imports).
#[derive(Clone, Debug)]
pub struct ImportType<'module> {
    module: &'module str,
    name: &'module str,
    ty: ExternType,
}

impl<'module> ImportType<'module> {
    pub(crate) fn new(module: &'module str, name: &'module str, ty: ExternType) -> ImportType<'module> {
        ImportType { module, name, ty }
    }

    /// The first part of its name.
    pub fn module(&self) -> &'module str {
        self.module
    }

    /// The second part of its name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// What it must be.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// One export of a module. See [`Module::exports`](crate::Module::exports).
#[derive(Clone, Debug)]
pub struct ExportType<'module> {
    name: &'module str,
    ty: ExternType,
}

impl<'module> ExportType<'module> {
    pub(crate) fn new(name: &'module str, ty: ExternType) -> ExportType<'module> {
        ExportType { name, ty }
    }

    /// Its name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// What it is.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}
