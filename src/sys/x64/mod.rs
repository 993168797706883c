//! What only amd64 has: features of the processor, floating-point control, registers, copies that race.

pub(crate) mod cpu;
pub(crate) mod float;
pub(crate) mod racing;
pub(crate) mod registers;
