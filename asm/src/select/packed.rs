//! Packed operations on 128 bits: one value names an instruction in both its encodings, SSE and VEX.
//!
//! SSE forms have two operands, the first of which is the destination too, and their memory operands must be aligned to 16
//! (but for loads of less); VEX forms have a destination of their own and take any alignment.

#![allow(clippy::unusual_byte_groupings, clippy::mistyped_literal_suffixes, reason = "prefix, map and opcode")]

use super::operation::{Prec, Width};
use crate::buffer::Asm;
use crate::encode::{EvexOp, Map, Op, VexOp};
use crate::mem::Addr;
use crate::reg::{R64, Xmm, XmmX};

/// An enumeration whose values are prefix, map and opcode: `0x66_2_40` is `66 0F38 40`.
macro_rules! packed {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $n:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name { $(#[doc = concat!("`", stringify!($variant), "`")] $variant = $n),* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            #[inline(always)]
            #[allow(dead_code, reason = "some have VEX encodings only")]
            const fn op(self) -> Op {
                legacy(self as u32)
            }

            #[inline(always)]
            const fn vex(self) -> VexOp {
                VexOp::new((self as u32 >> 12) as u8, (self as u32 >> 8) as u8 & 15, self as u8)
            }
        }
    };
}

#[inline(always)]
const fn legacy(code: u32) -> Op {
    let map = match code >> 8 & 15 {
        1 => Map::M0F,
        2 => Map::M0F38,
        _ => Map::M0F3A,
    };
    Op::new(code >> 12, map, code as u8)
}

packed! {
    /// An operation of two operands, by its SSE mnemonic.
    Packed {
        Paddb = 0x66_1_FC, Paddw = 0x66_1_FD, Paddd = 0x66_1_FE, Paddq = 0x66_1_D4,
        Psubb = 0x66_1_F8, Psubw = 0x66_1_F9, Psubd = 0x66_1_FA, Psubq = 0x66_1_FB,
        Paddsb = 0x66_1_EC, Paddsw = 0x66_1_ED, Paddusb = 0x66_1_DC, Paddusw = 0x66_1_DD,
        Psubsb = 0x66_1_E8, Psubsw = 0x66_1_E9, Psubusb = 0x66_1_D8, Psubusw = 0x66_1_D9,
        Pmullw = 0x66_1_D5, Pmulhw = 0x66_1_E5, Pmulhuw = 0x66_1_E4, Pmulld = 0x66_2_40, Pmuludq = 0x66_1_F4,
        Pmuldq = 0x66_2_28, Pmaddwd = 0x66_1_F5, Pmaddubsw = 0x66_2_04, Pmulhrsw = 0x66_2_0B,
        Pand = 0x66_1_DB, Pandn = 0x66_1_DF, Por = 0x66_1_EB, Pxor = 0x66_1_EF,
        Andps = 0x00_1_54, Andnps = 0x00_1_55, Orps = 0x00_1_56, Xorps = 0x00_1_57,
        Andpd = 0x66_1_54, Andnpd = 0x66_1_55, Orpd = 0x66_1_56, Xorpd = 0x66_1_57,
        Pcmpeqb = 0x66_1_74, Pcmpeqw = 0x66_1_75, Pcmpeqd = 0x66_1_76, Pcmpeqq = 0x66_2_29,
        Pcmpgtb = 0x66_1_64, Pcmpgtw = 0x66_1_65, Pcmpgtd = 0x66_1_66, Pcmpgtq = 0x66_2_37,
        Pminsb = 0x66_2_38, Pminsw = 0x66_1_EA, Pminsd = 0x66_2_39, Pminub = 0x66_1_DA, Pminuw = 0x66_2_3A, Pminud = 0x66_2_3B,
        Pmaxsb = 0x66_2_3C, Pmaxsw = 0x66_1_EE, Pmaxsd = 0x66_2_3D, Pmaxub = 0x66_1_DE, Pmaxuw = 0x66_2_3E, Pmaxud = 0x66_2_3F,
        Pavgb = 0x66_1_E0, Pavgw = 0x66_1_E3,
        Packsswb = 0x66_1_63, Packssdw = 0x66_1_6B, Packuswb = 0x66_1_67, Packusdw = 0x66_2_2B,
        Punpcklbw = 0x66_1_60, Punpcklwd = 0x66_1_61, Punpckldq = 0x66_1_62, Punpcklqdq = 0x66_1_6C,
        Punpckhbw = 0x66_1_68, Punpckhwd = 0x66_1_69, Punpckhdq = 0x66_1_6A, Punpckhqdq = 0x66_1_6D,
        Pshufb = 0x66_2_00,
        Psllw = 0x66_1_F1, Pslld = 0x66_1_F2, Psllq = 0x66_1_F3, Psrlw = 0x66_1_D1, Psrld = 0x66_1_D2, Psrlq = 0x66_1_D3,
        Psraw = 0x66_1_E1, Psrad = 0x66_1_E2,
        Addps = 0x00_1_58, Mulps = 0x00_1_59, Subps = 0x00_1_5C, Minps = 0x00_1_5D, Divps = 0x00_1_5E, Maxps = 0x00_1_5F,
        Addpd = 0x66_1_58, Mulpd = 0x66_1_59, Subpd = 0x66_1_5C, Minpd = 0x66_1_5D, Divpd = 0x66_1_5E, Maxpd = 0x66_1_5F,
        Unpcklps = 0x00_1_14, Unpckhps = 0x00_1_15, Unpcklpd = 0x66_1_14, Unpckhpd = 0x66_1_15,
    }
}

packed! {
    /// An operation of one operand. Conversions and extensions may read less than 128 bits.
    PackedUnary {
        Pabsb = 0x66_2_1C, Pabsw = 0x66_2_1D, Pabsd = 0x66_2_1E,
        Pmovsxbw = 0x66_2_20, Pmovsxwd = 0x66_2_23, Pmovsxdq = 0x66_2_25,
        Pmovzxbw = 0x66_2_30, Pmovzxwd = 0x66_2_33, Pmovzxdq = 0x66_2_35,
        Sqrtps = 0x00_1_51, Sqrtpd = 0x66_1_51,
        Cvtdq2ps = 0x00_1_5B, Cvttps2dq = 0xF3_1_5B, Cvtdq2pd = 0xF3_1_E6, Cvttpd2dq = 0x66_1_E6,
        Cvtps2pd = 0x00_1_5A, Cvtpd2ps = 0x66_1_5A,
        Movddup = 0xF2_1_12, Ptest = 0x66_2_17,
    }
}

packed! {
    /// An operation of two operands and an immediate.
    PackedImm {
        Shufps = 0x00_1_C6, Shufpd = 0x66_1_C6, Cmpps = 0x00_1_C2, Cmppd = 0x66_1_C2,
        Pblendw = 0x66_3_0E, Blendps = 0x66_3_0C, Blendpd = 0x66_3_0D, Palignr = 0x66_3_0F, Insertps = 0x66_3_21,
    }
}

packed! {
    /// An operation of one operand and an immediate.
    PackedUnaryImm {
        Pshufd = 0x66_1_70, Pshuflw = 0xF2_1_70, Pshufhw = 0xF3_1_70, Roundps = 0x66_3_08, Roundpd = 0x66_3_09,
    }
}

packed! {
    /// A load that repeats what it reads (AVX); the operand may be a register's lowest element (AVX2).
    Broadcast {
        Vpbroadcastb = 0x66_2_78, Vpbroadcastw = 0x66_2_79, Vpbroadcastd = 0x66_2_58, Vpbroadcastq = 0x66_2_59,
        Vbroadcastss = 0x66_2_18,
    }
}

packed! {
    /// A choice between elements by the top bit of those of a mask (AVX).
    BlendV { Vblendvps = 0x66_3_4A, Vblendvpd = 0x66_3_4B, Vpblendvb = 0x66_3_4C }
}

packed! {
    /// The top bits of the elements, as an integer.
    MoveMask { Pmovmskb = 0x66_1_D7, Movmskps = 0x00_1_50, Movmskpd = 0x66_1_50 }
}

/// A shift of all elements by an immediate; [`PackedShift::Pslldq`] and [`PackedShift::Psrldq`] by bytes. The value is the opcode and the `/digit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
#[allow(missing_docs, reason = "the manual's mnemonics")]
#[rustfmt::skip]
pub enum PackedShift {
    Psllw = 0x7106, Pslld = 0x7206, Psllq = 0x7306, Psrlw = 0x7102, Psrld = 0x7202, Psrlq = 0x7302,
    Psraw = 0x7104, Psrad = 0x7204, Pslldq = 0x7307, Psrldq = 0x7303,
}

impl PackedShift {
    /// Every one.
    #[rustfmt::skip]
    pub const ALL: &'static [PackedShift] = &[
        PackedShift::Psllw, PackedShift::Pslld, PackedShift::Psllq, PackedShift::Psrlw, PackedShift::Psrld,
        PackedShift::Psrlq, PackedShift::Psraw, PackedShift::Psrad, PackedShift::Pslldq, PackedShift::Psrldq,
    ];
}

/// Packed operations, SSE encodings.
impl Asm<'_> {
    /// `dst = dst op src`
    ///
    /// ```
    /// # use planish_asm::{Asm, Packed, regs::*};
    /// # let mut code = [0; 16];
    /// # let mut a = Asm::new(&mut code, &mut []);
    /// a.packed_rr(Packed::Paddd, xmm1, xmm2).v_packed_rrr(Packed::Paddd, xmm0, xmm1, xmm2);
    /// assert_eq!(a.finish()?, [0x66, 0x0F, 0xFE, 0xCA, 0xC5, 0xF1, 0xFE, 0xC2]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn packed_rr(&mut self, op: Packed, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(op.op(), dst.num(), src.num())
    }

    /// `dst = dst op [src]`
    #[inline]
    pub const fn packed_rm(&mut self, op: Packed, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(op.op(), dst.num(), src)
    }

    /// `dst = op src`
    #[inline]
    pub const fn packed_unary_rr(&mut self, op: PackedUnary, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(op.op(), dst.num(), src.num())
    }

    /// `dst = op [src]`
    #[inline]
    pub const fn packed_unary_rm(&mut self, op: PackedUnary, dst: Xmm, src: Addr) -> &mut Self {
        self.rm(op.op(), dst.num(), src)
    }

    /// `dst = dst op src, imm`
    #[inline]
    pub const fn packed_imm_rri(&mut self, op: PackedImm, dst: Xmm, src: Xmm, imm: u8) -> &mut Self {
        self.rr_imm(op.op(), dst.num(), src.num(), imm as u32, 1)
    }

    /// `dst = op src, imm`
    #[inline]
    pub const fn packed_unary_imm_rri(&mut self, op: PackedUnaryImm, dst: Xmm, src: Xmm, imm: u8) -> &mut Self {
        self.rr_imm(op.op(), dst.num(), src.num(), imm as u32, 1)
    }

    /// `dst = dst << count` and its like.
    #[inline]
    pub const fn packed_shift_ri(&mut self, op: PackedShift, dst: Xmm, count: u8) -> &mut Self {
        self.rr_imm(Op::new(0x66, Map::M0F, (op as u16 >> 8) as u8), op as u8, dst.num(), count as u32, 1)
    }

    /// `dst` = the top bits of the elements of `src`.
    #[inline]
    pub const fn movmsk_rx(&mut self, op: MoveMask, dst: R64, src: Xmm) -> &mut Self {
        self.rr(op.op(), dst.num(), src.num())
    }

    /// Replaces an element of `width` bits by a general register's (`pinsrb` and its like).
    #[inline]
    pub const fn pinsr_xr(&mut self, width: Width, dst: Xmm, src: R64, lane: u8) -> &mut Self {
        self.rr_imm(legacy(insert(width)).w_if(width.is(Width::W64)), dst.num(), src.num(), lane as u32, 1)
    }

    /// The same from memory of that width.
    #[inline]
    pub const fn pinsr_xm(&mut self, width: Width, dst: Xmm, src: Addr, lane: u8) -> &mut Self {
        self.rm_imm(legacy(insert(width)).w_if(width.is(Width::W64)), dst.num(), src, lane as u32, 1)
    }

    /// An element of `width` bits, zero-extended (`pextrb` and its like).
    #[inline]
    pub const fn pextr_rx(&mut self, width: Width, dst: R64, src: Xmm, lane: u8) -> &mut Self {
        self.rr_imm(legacy(extract(width)).w_if(width.is(Width::W64)), src.num(), dst.num(), lane as u32, 1)
    }

    /// The same to memory of that width.
    #[inline]
    pub const fn pextr_mx(&mut self, width: Width, dst: Addr, src: Xmm, lane: u8) -> &mut Self {
        self.rm_imm(legacy(extract(width)).w_if(width.is(Width::W64)), src.num(), dst, lane as u32, 1)
    }

    /// `[dst] = ` the upper half of `src` (`movhps`).
    #[inline]
    pub const fn movhps_mr(&mut self, dst: Addr, src: Xmm) -> &mut Self {
        self.rm(Op::new(0, Map::M0F, 0x17), src.num(), dst)
    }

    /// `dst = src`, the low 64 bits and zeros above (`movq`).
    #[inline]
    pub const fn movq_rr(&mut self, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(Op::new(0xF3, Map::M0F, 0x7E), dst.num(), src.num())
    }

    /// The low 32 or 64 bits of `dst` become those of `src`, the rest stays (`movss`, `movsd`).
    #[inline]
    pub const fn movlow_rr(&mut self, prec: Prec, dst: Xmm, src: Xmm) -> &mut Self {
        self.rr(super::operation::scalar(prec, 0x10), dst.num(), src.num())
    }
}

/// Packed operations, VEX encodings (AVX).
impl Asm<'_> {
    /// `dst = a op b`
    #[inline]
    pub const fn v_packed_rrr(&mut self, op: Packed, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(op.vex(), dst.num(), a.num(), b.num())
    }

    /// `dst = a op [b]`
    #[inline]
    pub const fn v_packed_rrm(&mut self, op: Packed, dst: Xmm, a: Xmm, b: Addr) -> &mut Self {
        self.vex_rm(op.vex(), dst.num(), a.num(), b)
    }

    /// `dst = op src`
    #[inline]
    pub const fn v_packed_unary_rr(&mut self, op: PackedUnary, dst: Xmm, src: Xmm) -> &mut Self {
        self.vex_rr(op.vex(), dst.num(), 0, src.num())
    }

    /// `dst = op [src]`
    #[inline]
    pub const fn v_packed_unary_rm(&mut self, op: PackedUnary, dst: Xmm, src: Addr) -> &mut Self {
        self.vex_rm(op.vex(), dst.num(), 0, src)
    }

    /// `dst = a op b, imm`
    #[inline]
    pub const fn v_packed_imm_rrri(&mut self, op: PackedImm, dst: Xmm, a: Xmm, b: Xmm, imm: u8) -> &mut Self {
        self.vex_rr_imm(op.vex(), dst.num(), a.num(), b.num(), imm)
    }

    /// `dst = op src, imm`
    #[inline]
    pub const fn v_packed_unary_imm_rri(&mut self, op: PackedUnaryImm, dst: Xmm, src: Xmm, imm: u8) -> &mut Self {
        self.vex_rr_imm(op.vex(), dst.num(), 0, src.num(), imm)
    }

    /// `dst = src << count` and its like.
    #[inline]
    pub const fn v_packed_shift_rri(&mut self, op: PackedShift, dst: Xmm, src: Xmm, count: u8) -> &mut Self {
        self.vex_rr_imm(VexOp::new(0x66, 1, (op as u16 >> 8) as u8), op as u8, dst.num(), src.num(), count)
    }

    /// `dst = src` in every element (AVX2).
    #[inline]
    pub const fn v_broadcast_rr(&mut self, op: Broadcast, dst: Xmm, src: Xmm) -> &mut Self {
        self.vex_rr(op.vex(), dst.num(), 0, src.num())
    }

    /// `dst = [src]` in every element (AVX2; [`Broadcast::Vbroadcastss`]: AVX).
    #[inline]
    pub const fn v_broadcast_rm(&mut self, op: Broadcast, dst: Xmm, src: Addr) -> &mut Self {
        self.vex_rm(op.vex(), dst.num(), 0, src)
    }

    /// `dst = if mask { b } else { a }`, per element.
    #[inline]
    pub const fn v_blend_rrrr(&mut self, op: BlendV, dst: Xmm, a: Xmm, b: Xmm, mask: Xmm) -> &mut Self {
        self.vex_rr_imm(op.vex(), dst.num(), a.num(), b.num(), mask.num() << 4)
    }

    /// `dst = if mask { [b] } else { a }`, per element.
    #[inline]
    pub const fn v_blend_rrmr(&mut self, op: BlendV, dst: Xmm, a: Xmm, b: Addr, mask: Xmm) -> &mut Self {
        self.vex_rm_imm(op.vex(), dst.num(), a.num(), b, mask.num() << 4)
    }

    /// `dst` = the top bits of the elements of `src`.
    #[inline]
    pub const fn v_movmsk_rx(&mut self, op: MoveMask, dst: R64, src: Xmm) -> &mut Self {
        self.vex_rr(op.vex(), dst.num(), 0, src.num())
    }

    /// `dst = a` with one element from a general register.
    #[inline]
    pub const fn v_pinsr_xxr(&mut self, width: Width, dst: Xmm, a: Xmm, src: R64, lane: u8) -> &mut Self {
        self.vex_rr_imm(by_width(insert(width), width), dst.num(), a.num(), src.num(), lane)
    }

    /// `dst = a` with one element from memory.
    #[inline]
    pub const fn v_pinsr_xxm(&mut self, width: Width, dst: Xmm, a: Xmm, src: Addr, lane: u8) -> &mut Self {
        self.vex_rm_imm(by_width(insert(width), width), dst.num(), a.num(), src, lane)
    }

    /// An element, zero-extended.
    #[inline]
    pub const fn v_pextr_rx(&mut self, width: Width, dst: R64, src: Xmm, lane: u8) -> &mut Self {
        self.vex_rr_imm(by_width(extract(width), width), src.num(), 0, dst.num(), lane)
    }

    /// An element to memory.
    #[inline]
    pub const fn v_pextr_mx(&mut self, width: Width, dst: Addr, src: Xmm, lane: u8) -> &mut Self {
        self.vex_rm_imm(by_width(extract(width), width), src.num(), 0, dst, lane)
    }

    /// `[dst] = ` the upper half of `src`.
    #[inline]
    pub const fn v_movhps_mr(&mut self, dst: Addr, src: Xmm) -> &mut Self {
        self.vex_rm(VexOp::new(0, 1, 0x17), src.num(), 0, dst)
    }

    /// `dst = src`, the low 64 bits and zeros above.
    #[inline]
    pub const fn v_movq_rr(&mut self, dst: Xmm, src: Xmm) -> &mut Self {
        self.vex_rr(VexOp::new(0xF3, 1, 0x7E), dst.num(), 0, src.num())
    }

    /// `dst = a` with the low 32 or 64 bits of `b`.
    #[inline]
    pub const fn v_movlow_rrr(&mut self, prec: Prec, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(super::operation::v_scalar(prec, 0x10), dst.num(), a.num(), b.num())
    }

    /// `dst = dst + a * b`, rounded once (FMA).
    #[inline]
    pub const fn v_fmadd_rrr(&mut self, prec: Prec, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(VexOp::new(0x66, 2, 0xB8).w1_if(matches!(prec, Prec::D)), dst.num(), a.num(), b.num())
    }

    /// `dst = dst - a * b`, rounded once (FMA).
    #[inline]
    pub const fn v_fnmadd_rrr(&mut self, prec: Prec, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.vex_rr(VexOp::new(0x66, 2, 0xBC).w1_if(matches!(prec, Prec::D)), dst.num(), a.num(), b.num())
    }
}

/// Packed operations that only AVX-512 has (with VL and, as the manual says, BW, DQ, VBMI, BITALG), on 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the manual's mnemonics")]
pub enum Evex {
    Vpabsq,
    Vpopcntb,
    Vcvtudq2ps,
    Vcvtudq2pd,
    Vcvttps2udq,
    Vcvttpd2udq,
    Vpsraq,
    Vpmullq,
    Vpermi2b,
}

impl Evex {
    /// Those of one operand.
    #[rustfmt::skip]
    pub const UNARY: &'static [Evex] = &[
        Evex::Vpabsq, Evex::Vpopcntb, Evex::Vcvtudq2ps, Evex::Vcvtudq2pd, Evex::Vcvttps2udq, Evex::Vcvttpd2udq,
    ];
    /// Those of two; [`Evex::Vpermi2b`] reads its destination, too.
    pub const BINARY: &'static [Evex] = &[Evex::Vpsraq, Evex::Vpmullq, Evex::Vpermi2b];

    #[inline(always)]
    #[rustfmt::skip]
    const fn op(self) -> EvexOp {
        // Prefix, map, opcode, W; an 8-bit displacement counts in units of 16 bytes, of 8 where half is read.
        match self {
            Evex::Vpabsq      => EvexOp::new(0x66, 2, 0x1F, 1, 0, 0, 4),
            Evex::Vpopcntb    => EvexOp::new(0x66, 2, 0x54, 0, 0, 0, 4),
            Evex::Vcvtudq2ps  => EvexOp::new(0xF2, 1, 0x7A, 0, 0, 0, 4),
            Evex::Vcvtudq2pd  => EvexOp::new(0xF3, 1, 0x7A, 0, 0, 0, 3),
            Evex::Vcvttps2udq => EvexOp::new(0, 1, 0x78, 0, 0, 0, 4),
            Evex::Vcvttpd2udq => EvexOp::new(0, 1, 0x78, 1, 0, 0, 4),
            Evex::Vpsraq      => EvexOp::new(0x66, 1, 0xE2, 1, 0, 0, 4),
            Evex::Vpmullq     => EvexOp::new(0x66, 2, 0x40, 1, 0, 0, 4),
            Evex::Vpermi2b    => EvexOp::new(0x66, 2, 0x75, 0, 0, 0, 4),
        }
    }
}

/// Packed operations, EVEX encodings (AVX-512).
impl Asm<'_> {
    /// `dst = op src`
    #[inline]
    pub const fn e_packed_rr(&mut self, op: Evex, dst: Xmm, src: Xmm) -> &mut Self {
        self.evex_rr(op.op(), dst.num(), 0, src.num(), 0)
    }

    /// `dst = a op b`
    #[inline]
    pub const fn e_packed_rrr(&mut self, op: Evex, dst: Xmm, a: Xmm, b: Xmm) -> &mut Self {
        self.evex_rr(op.op(), dst.num(), a.num(), b.num(), 0)
    }

    /// `dst = src`, of all 32 registers (`vmovaps`).
    #[inline]
    pub const fn e_mov_rr(&mut self, dst: XmmX, src: XmmX) -> &mut Self {
        self.evex_rr(EvexOp::new(0, 1, 0x28, 0, 0, 0, 4), dst.num(), 0, src.num(), 0)
    }

    /// `dst = [src]`, any alignment (`vmovups`).
    #[inline]
    pub const fn e_movups_rm(&mut self, dst: XmmX, src: Addr) -> &mut Self {
        self.evex_rm(EvexOp::new(0, 1, 0x10, 0, 0, 0, 4), dst.num(), 0, src, 0)
    }

    /// `[dst] = src`, any alignment (`vmovups`).
    #[inline]
    pub const fn e_movups_mr(&mut self, dst: Addr, src: XmmX) -> &mut Self {
        self.evex_rm(EvexOp::new(0, 1, 0x11, 0, 0, 0, 4), src.num(), 0, dst, 0)
    }

    /// Bit by bit: the bit of `table` at `dst << 2 | a << 1 | b` (`vpternlogd`).
    #[inline]
    pub const fn e_ternlog_rrr(&mut self, dst: Xmm, a: Xmm, b: Xmm, table: u8) -> &mut Self {
        self.evex_rr_imm(EvexOp::new(0x66, 3, 0x25, 0, 0, 0, 4), dst.num(), a.num(), b.num(), 0, table)
    }

    /// `dst = src >> count` of 64-bit elements, signed (`vpsraq`).
    #[inline]
    pub const fn e_psraq_rri(&mut self, dst: Xmm, src: Xmm, count: u8) -> &mut Self {
        self.evex_rr_imm(EvexOp::new(0x66, 1, 0x72, 1, 0, 0, 4), 4, dst.num(), src.num(), 0, count)
    }

    /// `dst = src` with elements of 32 or 64 bits rotated to the left (`vprold`, `vprolq`).
    #[inline]
    pub const fn e_prol_rri(&mut self, width: Width, dst: Xmm, src: Xmm, count: u8) -> &mut Self {
        let op = EvexOp::new(0x66, 1, 0x72, width.is(Width::W64) as u8, 0, 0, 4);
        self.evex_rr_imm(op, 1, dst.num(), src.num(), 0, count)
    }

    /// `dst = src` in every element of `width` bits (`vpbroadcastb` and its like).
    #[inline]
    pub const fn e_broadcast_xr(&mut self, width: Width, dst: Xmm, src: R64) -> &mut Self {
        let opcode = match width {
            Width::W8 => 0x7A,
            Width::W16 => 0x7B,
            _ => 0x7C,
        };
        let op = EvexOp::new(0x66, 2, opcode, width.is(Width::W64) as u8, 0, 0, 0);
        self.evex_rr(op, dst.num(), 0, src.num(), 0)
    }
}

#[inline(always)]
const fn insert(width: Width) -> u32 {
    match width {
        Width::W8 => 0x66_3_20,
        Width::W16 => 0x66_1_C4,
        _ => 0x66_3_22,
    }
}

#[inline(always)]
const fn extract(width: Width) -> u32 {
    match width {
        Width::W8 => 0x66_3_14,
        Width::W16 => 0x66_3_15,
        _ => 0x66_3_16,
    }
}

#[inline(always)]
const fn by_width(code: u32, width: Width) -> VexOp {
    VexOp::new((code >> 12) as u8, (code >> 8) as u8 & 15, code as u8).w1_if(width.is(Width::W64))
}
