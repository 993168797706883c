//! Register classes: one type per width and kind, register numbers chosen at run time.
//!
//! A class is a newtype over a small enum, so a wrong number cannot exist and `Option` of it is one byte. Conversions
//! between the widths of one register are free.

mod classes;
mod extended;
mod set;

pub use classes::regs;
pub use classes::{
    Cr, Dr, Gp8, Gp16, Gp32, Gp64, K, KMask, KPair, Mm, R8, R8Hi, R16, R32, R64, Rsp, Seg, St, St0, Tmm,
};
pub use classes::{Xmm, XmmX, Ymm, YmmX, ZmmX};
pub use extended::{R8X, R16X, R32X, R64X};
pub use set::{GpSet, GpSetIter, XmmSet, XmmSetIter};
