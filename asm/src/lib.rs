//! `planish-asm`: a typed, allocation-free amd64 assembler.
#![no_std]
#![forbid(unsafe_code)]

pub mod buffer;
mod encode;
pub mod error;
pub mod forms;
pub mod label;
pub mod mem;
#[cfg(feature = "mnemonics")]
pub mod mnemonics;
pub mod pool;
pub mod reg;
pub mod select;

pub use buffer::Asm;
pub use error::AsmError;
pub use label::{Label, LabelSlot, Labels};
pub use mem::{Addr, Mem, Scale, VAddr};
pub use mem::{M8, M16, M32, M48, M64, M80, M128, M256, M384, M512};
pub use mem::{M112, M224, M752, M864, M4096};
pub use pool::{Pool, PoolSlot};
pub use reg::regs;
pub use reg::{
    Cr, Dr, Gp8, Gp16, Gp32, Gp64, K, Mm, R8, R8Hi, R16, R32, R64, Rsp, Seg, St, Tmm, Xmm, XmmX,
    Ymm, YmmX, ZmmX,
};
pub use reg::{GpSet, XmmSet};
pub use select::{
    Alu, BitTest, Bits, Cond, FpOp, Logic, Prec, Rounding, Shift, ShiftX, Unary, Width,
};
