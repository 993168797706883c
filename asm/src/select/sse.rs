//! Scalar floating point and 128-bit moves and logic: the SSE encodings.

use super::operation::*;
use crate::buffer::Asm;
use crate::encode::{Map, Op};
use crate::mem::Addr;
use crate::reg::{R64, Xmm};

use Map::{M0F, M0F3A};

/// Scalar floating point and 128-bit moves and logic, SSE encodings (two operands).
impl Asm<'_> {
    /// `dst = dst op src`; [`FpOp::Sqrt`]: `dst = sqrt(src)`.
    ///
    /// ```
    /// # use planish_asm::{Asm, FpOp, Prec, regs::*};
    /// # let mut code = [0; 16];
    /// # let mut a = Asm::new(&mut code, &mut []);
    /// a.sse_rr(FpOp::Add, Prec::D, xmm1, xmm9).v_sse_rrr(FpOp::Mul, Prec::S, xmm1, xmm2, xmm3);
    /// assert_eq!(a.finish()?, [0xF2, 0x41, 0x0F, 0x58, 0xC9, 0xC5, 0xEA, 0x59, 0xCB]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn sse_rr(&mut self, op: FpOp, prec: Prec, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(scalar(prec, op as u8), dst.num(), src.num())
    }

    /// `dst = dst op [src]`
    #[inline]
    pub const fn sse_rm(&mut self, op: FpOp, prec: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(scalar(prec, op as u8), dst.num(), src)
    }

    /// `dst = [src]`, the rest of the register becomes zero.
    #[inline]
    pub const fn fload(&mut self, prec: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(scalar(prec, 0x10), dst.num(), src)
    }

    /// `[dst] = src`
    #[inline]
    pub const fn fstore(&mut self, prec: Prec, dst: Addr, src: Xmm) -> &mut Self {
        self.rm(scalar(prec, 0x11), src.num(), dst)
    }

    /// `dst = src`, the whole register (`movaps`).
    #[inline]
    pub const fn fmov_rr(&mut self, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(Op::new(0, M0F, 0x28), dst.num(), src.num())
    }

    /// Compares into ZF PF CF, quiet about quiet NaNs.
    #[inline]
    pub const fn ucomis_rr(&mut self, prec: Prec, a: Xmm, b: Xmm) -> &mut Self {
        self.rr(Op::new(packed(prec) as u32, M0F, 0x2E), a.num(), b.num())
    }

    /// Compares with memory.
    #[inline]
    pub const fn ucomis_rm(&mut self, prec: Prec, a: Xmm, b: Addr) -> &mut Self {
        self.rm(Op::new(packed(prec) as u32, M0F, 0x2E), a.num(), b)
    }

    /// 128-bit logic: `andps andnps orps xorps`.
    #[inline]
    pub const fn logic_rr(&mut self, op: Logic, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(Op::new(0, M0F, op as u8), dst.num(), src.num())
    }

    /// 128-bit logic with memory, which must be aligned to 16.
    #[inline]
    pub const fn logic_rm(&mut self, op: Logic, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(Op::new(0, M0F, op as u8), dst.num(), src)
    }

    /// 128-bit logic in the integer domain: `pand pandn por pxor`.
    #[inline]
    pub const fn plogic_rr(&mut self, op: Logic, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(Op::new(0x66, M0F, integer_logic(op)), dst.num(), src.num())
    }

    /// The same with memory, which must be aligned to 16.
    #[inline]
    pub const fn plogic_rm(&mut self, op: Logic, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(Op::new(0x66, M0F, integer_logic(op)), dst.num(), src)
    }

    /// `dst = src` as a float; `width` is the integer's, 32 or 64. Keeps the rest of `dst`.
    #[inline]
    pub const fn cvtsi2f(&mut self, width: Width, prec: Prec, dst: Xmm, src: R64) -> &mut Self {
        self.rr(scalar(prec, 0x2A).w_if(width.is(Width::W64)), dst.num(), src.num())
    }

    /// The same from memory.
    #[inline]
    pub const fn cvtsi2f_m(&mut self, width: Width, prec: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(scalar(prec, 0x2A).w_if(width.is(Width::W64)), dst.num(), src)
    }

    /// `dst = src` as an integer, rounded toward zero; out of range is the most negative one.
    #[inline]
    pub const fn cvttf2si(&mut self, width: Width, prec: Prec, dst: R64, src: Xmm) -> &mut Self {
        self.rr(scalar(prec, 0x2C).w_if(width.is(Width::W64)), dst.num(), src.num())
    }

    /// `dst = src` in the other precision; `from` is the source's.
    #[inline]
    pub const fn cvtf2f(&mut self, from: Prec, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(scalar(from, 0x5A), dst.num(), src.num())
    }

    /// The same from memory.
    #[inline]
    pub const fn cvtf2f_m(&mut self, from: Prec, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(scalar(from, 0x5A), dst.num(), src)
    }

    /// `dst = src` rounded to an integral value (SSE4.1).
    #[inline]
    pub const fn round_rr(&mut self, prec: Prec, dst: Xmm, src: Xmm, mode: Rounding) -> &mut Self {
        self.rr_imm(Op::new(0x66, M0F3A, round_opcode(prec)), dst.num(), src.num(), mode as u32, 1)
    }

    /// `dst = [src]` rounded to an integral value (SSE4.1).
    #[inline]
    pub const fn round_rm(&mut self, prec: Prec, dst: Xmm, src: Addr, mode: Rounding) -> &mut Self {
        self.rm_imm(Op::new(0x66, M0F3A, round_opcode(prec)), dst.num(), src, mode as u32, 1)
    }

    /// `movd`/`movq` to a vector register, the rest becomes zero; 32 or 64 bits.
    #[inline]
    pub const fn mov_x_r(&mut self, width: Width, dst: Xmm, src: R64) -> &mut Self {
        self.rr(Op::new(0x66, M0F, 0x6E).w_if(width.is(Width::W64)), dst.num(), src.num())
    }

    /// `movd`/`movq` from a vector register; 32 or 64 bits.
    #[inline]
    pub const fn mov_r_x(&mut self, width: Width, dst: R64, src: Xmm) -> &mut Self {
        self.rr(Op::new(0x66, M0F, 0x7E).w_if(width.is(Width::W64)), src.num(), dst.num())
    }

    /// 128-bit load, any alignment (`movups`).
    #[inline]
    pub const fn movups_rm(&mut self, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(Op::new(0, M0F, 0x10), dst.num(), src)
    }

    /// 128-bit store, any alignment (`movups`).
    #[inline]
    pub const fn movups_mr(&mut self, dst: Addr, src: Xmm) -> &mut Self {
        self.rm(Op::new(0, M0F, 0x11), src.num(), dst)
    }

    /// 128-bit load, aligned (`movaps`).
    #[inline]
    pub const fn movaps_rm(&mut self, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(Op::new(0, M0F, 0x28), dst.num(), src)
    }

    /// 128-bit store, aligned (`movaps`).
    #[inline]
    pub const fn movaps_mr(&mut self, dst: Addr, src: Xmm) -> &mut Self {
        self.rm(Op::new(0, M0F, 0x29), src.num(), dst)
    }

    /// Scalar compare to a mask: `dst = if dst PREDICATE src { all ones } else { 0 }`; predicates as in the manual's CMPSS.
    #[inline]
    pub const fn cmps_rr(&mut self, prec: Prec, dst: Xmm, src: Xmm, predicate: u8) -> &mut Self {
        self.rr_imm(scalar(prec, 0xC2), dst.num(), src.num(), predicate as u32, 1)
    }
}
