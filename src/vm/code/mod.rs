//! Machine code: how it is published and found by an address.

pub(crate) mod buffer;
pub(crate) mod growing;
pub(crate) mod lazy;
pub(crate) mod published;
pub(crate) mod registry;
