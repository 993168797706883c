//! Scalar floating point and 128-bit moves and logic: the VEX encodings.

use super::operation::*;
use crate::buffer::Asm;
use crate::encode::VexOp;
use crate::mem::Addr;
use crate::reg::{R64, Xmm};

/// The same with VEX encodings (AVX): three operands, the rest of `dst` comes from `a`.
impl Asm<'_> {
    /// `dst = a op b`; [`FpOp::Sqrt`]: `dst = sqrt(b)`, the rest from `a`.
    #[inline]
    pub const fn v_sse_rrr(&mut self, op: FpOp, prec: Prec, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(v_scalar(prec, op as u8), dst.num(), a.num(), b.num())
    }

    /// `dst = a op [b]`
    #[inline]
    pub const fn v_sse_rrm(&mut self, op: FpOp, prec: Prec, dst: Xmm, a: Xmm, b: Addr) -> &mut Self {
        self.vex_rm(v_scalar(prec, op as u8), dst.num(), a.num(), b)
    }

    /// `dst = [src]`, the rest of the register becomes zero.
    #[inline]
    pub const fn v_fload(&mut self, prec: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.vex_rm(v_scalar(prec, 0x10), dst.num(), 0, src)
    }

    /// `[dst] = src`
    #[inline]
    pub const fn v_fstore(&mut self, prec: Prec, dst: Addr, src: Xmm) -> &mut Self {
        self.vex_rm(v_scalar(prec, 0x11), src.num(), 0, dst)
    }

    /// `dst = src`, the whole XMM register (`vmovaps`).
    #[inline]
    pub const fn v_fmov_rr(&mut self, dst: Xmm, src: Xmm) -> &mut Self {
        // The store form, where it saves the third prefix byte.
        if src.num() >= 8 && dst.num() < 8 {
            return self.vex_rr(VexOp::new(0, 1, 0x29), src.num(), 0, dst.num());
        }
        self.vex_rr(VexOp::new(0, 1, 0x28), dst.num(), 0, src.num())
    }

    /// Compares into ZF PF CF.
    #[inline]
    pub const fn v_ucomis_rr(&mut self, prec: Prec, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(VexOp::new(packed(prec), 1, 0x2E), a.num(), 0, b.num())
    }

    /// Compares with memory.
    #[inline]
    pub const fn v_ucomis_rm(&mut self, prec: Prec, a: Xmm, b: Addr) -> &mut Self {
        self.vex_rm(VexOp::new(packed(prec), 1, 0x2E), a.num(), 0, b)
    }

    /// 128-bit logic: `vandps vandnps vorps vxorps`.
    #[inline]
    pub const fn v_logic_rrr(&mut self, op: Logic, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(VexOp::new(0, 1, op as u8), dst.num(), a.num(), b.num())
    }

    /// 128-bit logic with memory, any alignment.
    #[inline]
    pub const fn v_logic_rrm(&mut self, op: Logic, dst: Xmm, a: Xmm, b: Addr) -> &mut Self {
        self.vex_rm(VexOp::new(0, 1, op as u8), dst.num(), a.num(), b)
    }

    /// 128-bit logic in the integer domain: `vpand vpandn vpor vpxor`.
    #[inline]
    pub const fn v_plogic_rrr(&mut self, op: Logic, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(VexOp::new(0x66, 1, integer_logic(op)), dst.num(), a.num(), b.num())
    }

    /// The same with memory, any alignment.
    #[inline]
    pub const fn v_plogic_rrm(&mut self, op: Logic, dst: Xmm, a: Xmm, b: Addr) -> &mut Self {
        self.vex_rm(VexOp::new(0x66, 1, integer_logic(op)), dst.num(), a.num(), b)
    }

    /// `dst = src` as a float, the rest from `a`; `width` is the integer's, 32 or 64.
    #[inline]
    pub const fn v_cvtsi2f(&mut self, width: Width, prec: Prec, dst: Xmm, a: Xmm, src: R64) -> &mut Self {
        self.vex_rr(v_scalar(prec, 0x2A).w1_if(width.is(Width::W64)), dst.num(), a.num(), src.num())
    }

    /// The same from memory.
    #[inline]
    pub const fn v_cvtsi2f_m(&mut self, width: Width, prec: Prec, dst: Xmm, a: Xmm, src: Addr) -> &mut Self {
        self.vex_rm(v_scalar(prec, 0x2A).w1_if(width.is(Width::W64)), dst.num(), a.num(), src)
    }

    /// `dst = src` as an integer, rounded toward zero.
    #[inline]
    pub const fn v_cvttf2si(&mut self, width: Width, prec: Prec, dst: R64, src: Xmm) -> &mut Self {
        self.vex_rr(v_scalar(prec, 0x2C).w1_if(width.is(Width::W64)), dst.num(), 0, src.num())
    }

    /// `dst = src` in the other precision; `from` is the source's.
    #[inline]
    pub const fn v_cvtf2f(&mut self, from: Prec, dst: Xmm, a: Xmm, src: Xmm) -> &mut Self {
        self.vex_rr(v_scalar(from, 0x5A), dst.num(), a.num(), src.num())
    }

    /// The same from memory.
    #[inline]
    pub const fn v_cvtf2f_m(&mut self, from: Prec, dst: Xmm, a: Xmm, src: Addr) -> &mut Self {
        self.vex_rm(v_scalar(from, 0x5A), dst.num(), a.num(), src)
    }

    /// `dst = src` rounded to an integral value, the rest from `a`.
    #[inline]
    pub const fn v_round_rrr(&mut self, prec: Prec, dst: Xmm, a: Xmm, src: Xmm, mode: Rounding) -> &mut Self {
        self.vex_rr_imm(VexOp::new(0x66, 3, round_opcode(prec)), dst.num(), a.num(), src.num(), mode as u8)
    }

    /// `dst = [src]` rounded to an integral value, the rest from `a`.
    #[inline]
    pub const fn v_round_rrm(&mut self, prec: Prec, dst: Xmm, a: Xmm, src: Addr, mode: Rounding) -> &mut Self {
        self.vex_rm_imm(VexOp::new(0x66, 3, round_opcode(prec)), dst.num(), a.num(), src, mode as u8)
    }

    /// `vmovd`/`vmovq` to a vector register; 32 or 64 bits.
    #[inline]
    pub const fn v_mov_x_r(&mut self, width: Width, dst: Xmm, src: R64) -> &mut Self {
        self.vex_rr(VexOp::new(0x66, 1, 0x6E).w1_if(width.is(Width::W64)), dst.num(), 0, src.num())
    }

    /// `vmovd`/`vmovq` from a vector register; 32 or 64 bits.
    #[inline]
    pub const fn v_mov_r_x(&mut self, width: Width, dst: R64, src: Xmm) -> &mut Self {
        self.vex_rr(VexOp::new(0x66, 1, 0x7E).w1_if(width.is(Width::W64)), src.num(), 0, dst.num())
    }

    /// 128-bit load, any alignment (`vmovups`).
    #[inline]
    pub const fn v_movups_rm(&mut self, dst: Xmm, src: Addr) -> &mut Self {
        self.vex_rm(VexOp::new(0, 1, 0x10), dst.num(), 0, src)
    }

    /// 128-bit store, any alignment (`vmovups`).
    #[inline]
    pub const fn v_movups_mr(&mut self, dst: Addr, src: Xmm) -> &mut Self {
        self.vex_rm(VexOp::new(0, 1, 0x11), src.num(), 0, dst)
    }

    /// Scalar compare to a mask, all 32 predicates of the manual's VCMPSS.
    #[inline]
    pub const fn v_cmps_rrr(&mut self, prec: Prec, dst: Xmm, a: Xmm, b: Xmm, predicate: u8) -> &mut Self {
        self.vex_rr_imm(v_scalar(prec, 0xC2), dst.num(), a.num(), b.num(), predicate)
    }
}
