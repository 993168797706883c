//! Handles of what a store has: places in its lists.

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub(crate) struct $name(pub(in crate::vm) u32);

        impl $name {
            /// The handle of the item that will be added next.
            pub(in crate::vm) fn next<T>(items: &[T]) -> $name {
                $name(u32::try_from(items.len()).expect("each item takes memory"))
            }
        }
    )* };
}

handles! {
    /// An instance of a store.
    InstanceId;
    /// A memory of a store.
    MemoryId;
    /// A table of a store.
    TableId;
    /// A global of a store.
    GlobalId;
    /// A tag of a store.
    TagId;
}

impl TagId {
    #[cfg(test)]
    pub(in crate::vm) const NONE: TagId = TagId(u32::MAX);
}
