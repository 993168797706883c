//! Places in a module's index spaces.

macro_rules! index_space {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub(crate) struct $name(pub(crate) u32);

        impl $name {
            /// The position in the index space, for indexing.
            pub(crate) fn index(self) -> usize {
                self.0 as usize
            }
        }
    )* };
}

index_space! {
    /// Imported functions first, then the module's own.
    FuncIndex;
    /// Types, as declared.
    TypeIndex;
    /// Imported tables first, then the module's own.
    TableIndex;
    /// Imported memories first, then the module's own.
    MemoryIndex;
    /// Imported globals first, then the module's own.
    GlobalIndex;
    /// Imported tags first, then the module's own.
    TagIndex;
}
