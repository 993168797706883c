//! What the operating system and the CPU give. The only place, beside WASI, that calls either.

pub(crate) mod linux;
pub(crate) mod x64;
