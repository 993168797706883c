//! Memory operands: [`Addr`], the same with an operand width ([`Mem`]), and vector-indexed addresses ([`VAddr`]).

mod addr;
mod sized;
mod vector;

pub use addr::{Addr, Scale, Scaled};
pub(crate) use addr::{Mode, NO_INDEX, NO_LABEL};
pub use sized::Mem;
pub use sized::{M8, M16, M32, M48, M64, M80, M112, M128, M224, M256, M384, M512, M752, M864, M4096};
pub use sized::{
    byte, dword, env14, env28, fword, keyword384, qword, state94, state108, state512, tbyte, word, xmmword, ymmword,
    zmmword,
};
pub use vector::VAddr;
