//! ModRM and SIB bytes of registers and of plain addresses.

use crate::mem::{Addr, NO_INDEX};

/// A memory operand's ModRM and SIB bytes (ModRM low) and what follows them, for a plain address.
pub(super) struct Modrm {
    pub(super) bytes: u64,
    /// 1 or 2.
    pub(super) len: u32,
    pub(super) disp_len: u32,
}

/// `[base + index * scale + disp]`, `always_sib` for vector indexes (number 4 is one of them).
#[inline(always)]
pub(super) const fn modrm(reg: u8, a: Addr, always_sib: bool) -> Modrm {
    let base = a.base_num() as u32 & 7;
    let sib = always_sib | (a.index_num() != NO_INDEX) | (base == 4);
    // rbp and r13 have no form without displacement (SDM Vol. 2, table 2-2). Sums instead of choices: a displacement
    // that does not fit a byte is not zero, so `any` holds when `long` does.
    let any = ((a.disp != 0) | (base == 5)) as u32;
    let long = (a.disp as i8 as i32 != a.disp) as u32;
    let disp_len = any + 3 * long;
    let rm = if sib { 4 } else { base };
    let modrm = (any + long) << 6 | (reg as u32 & 7) << 3 | rm;
    // Without an index the byte is there for rsp and r12 only, whose low bits are 4: mostly a constant.
    let sib_base = if always_sib | (a.index_num() != NO_INDEX) { base } else { 4 };
    let sib_byte = (a.scale_log2() as u32 & 3) << 6 | (a.index_num() as u32 & 7) << 3 | sib_base;
    Modrm { bytes: (modrm | sib_byte << 8) as u64, len: 1 + sib as u32, disp_len }
}

/// ModRM of two registers.
#[inline(always)]
pub(super) const fn modrm_rr(reg: u8, rm: u8) -> u64 {
    0xC0 | (reg as u64 & 7) << 3 | rm as u64 & 7
}

/// Bit 3 of a register number, at bit `to`.
#[inline(always)]
pub(super) const fn high(reg: u8, to: u32) -> u32 {
    (reg as u32 >> 3 & 1) << to
}

/// [`modrm`] with a displacement of 8 bits in units of `1 << shift`; and what to store as displacement.
#[inline(always)]
pub(super) const fn modrm_scaled(reg: u8, a: Addr, always_sib: bool, shift: u32) -> (Modrm, u32) {
    let base = a.base_num() as u32 & 7;
    let sib = always_sib | (a.index_num() != NO_INDEX) | (base == 4);
    let scaled = a.disp >> shift;
    let short = (scaled as i8 as i32 == scaled) & (scaled << shift == a.disp);
    let any = ((a.disp != 0) | (base == 5)) as u32;
    let long = !short as u32;
    let rm = if sib { 4 } else { base };
    let modrm = (any + long) << 6 | (reg as u32 & 7) << 3 | rm;
    let sib_byte = (a.scale_log2() as u32 & 3) << 6 | (a.index_num() as u32 & 7) << 3 | base;
    let disp = if short { scaled } else { a.disp };
    (Modrm { bytes: (modrm | sib_byte << 8) as u64, len: 1 + sib as u32, disp_len: any + 3 * long }, disp as u32)
}
