//! What compiled code sees, with the layout of [`crate::abi::layout`].

pub(crate) mod context;
pub(crate) mod handle;
