//! Opcodes: what an instruction's row says but for its operands, of the legacy, the VEX and the EVEX encoding.

/// Opcode maps of the legacy encoding: how many escape bytes precede the opcode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Map {
    /// One byte opcodes.
    M00,
    /// `0F`
    M0F,
    /// `0F 38`
    M0F38,
    /// `0F 3A`
    M0F3A,
}

/// A legacy opcode: everything of the row that is not an operand.
///
/// `Op::new(pre, map, opcode)` with `pre` the row's prefix bytes in emission order, the first in the low byte
/// (`0` none, `0x66`, `0xF3`, `0xF266` for `66 F2`, `0xF0` lock, ..: at most three, REX not among them).
#[derive(Clone, Copy)]
pub(crate) struct Op {
    pub(super) pre: u32,
    pub(super) code: u32,
    pub(super) code_len: u32,
    pub(super) operand_size: bool,
    pub(super) w: bool,
    pub(super) byte_reg: bool,
    pub(super) byte_rm: bool,
    pub(super) no_rex: bool,
}

impl Op {
    #[inline(always)]
    pub(crate) const fn new(pre: u32, map: Map, opcode: u8) -> Op {
        let opcode = opcode as u32;
        let (code, code_len) = match map {
            Map::M00 => (opcode, 1),
            Map::M0F => (0x0F | opcode << 8, 2),
            Map::M0F38 => (0x380F | opcode << 16, 3),
            Map::M0F3A => (0x3A0F | opcode << 16, 3),
        };
        Op { pre, code, code_len, operand_size: false, w: false, byte_reg: false, byte_rm: false, no_rex: false }
    }

    /// A second byte that belongs to the opcode: `C7 F8` of `xbegin`.
    #[inline(always)]
    pub(crate) const fn then(mut self, byte: u8) -> Op {
        self.code |= (byte as u32) << (8 * self.code_len);
        self.code_len += 1;
        self
    }

    /// REX.W.
    #[inline(always)]
    pub(crate) const fn w(self) -> Op {
        self.w_if(true)
    }

    #[inline(always)]
    pub(crate) const fn w_if(mut self, w: bool) -> Op {
        self.w = w;
        self
    }

    /// The operand-size prefix `66`, in front of the others, chosen at run time (a table row just lists it in `pre`).
    #[inline(always)]
    pub(crate) const fn operand_size_if(mut self, yes: bool) -> Op {
        self.operand_size = yes;
        self
    }

    /// The ModRM.reg operand is an `r8` (spl bpl sil dil need a REX prefix).
    #[inline(always)]
    pub(crate) const fn byte_reg(self) -> Op {
        self.byte_reg_if(true)
    }

    #[inline(always)]
    pub(crate) const fn byte_reg_if(mut self, yes: bool) -> Op {
        self.byte_reg = yes;
        self
    }

    /// The ModRM.rm operand (or the register in the opcode) is an `r8`. Of no effect on memory shapes.
    #[inline(always)]
    pub(crate) const fn byte_rm(self) -> Op {
        self.byte_rm_if(true)
    }

    #[inline(always)]
    pub(crate) const fn byte_rm_if(mut self, yes: bool) -> Op {
        self.byte_rm = yes;
        self
    }

    /// One operand is `ah ch dh bh`: another one that needs a REX prefix is an error at run time.
    #[inline(always)]
    pub(crate) const fn no_rex(mut self) -> Op {
        self.no_rex = true;
        self
    }
}

/// A VEX opcode: `VexOp::new(pp, map, opcode)` with `pp` one of `0 0x66 0xF3 0xF2`, `map` 1 (`0F`), 2 (`0F38`), 3 (`0F3A`).
/// L and W are 0 until set; leave W alone for WIG (the two-byte prefix is taken when map, W and registers allow it).
#[derive(Clone, Copy)]
pub(crate) struct VexOp {
    pub(super) pp: u32,
    pub(super) map: u32,
    pub(super) opcode: u32,
    pub(super) l: u32,
    pub(super) w: u32,
}

impl VexOp {
    #[inline(always)]
    pub(crate) const fn new(pp: u8, map: u8, opcode: u8) -> VexOp {
        let pp = match pp {
            0x66 => 1,
            0xF3 => 2,
            0xF2 => 3,
            _ => 0,
        };
        VexOp { pp, map: map as u32, opcode: opcode as u32, l: 0, w: 0 }
    }

    /// L = 1: 256 bits (or L1 of the mask instructions).
    #[inline(always)]
    pub(crate) const fn l1(mut self) -> VexOp {
        self.l = 1;
        self
    }

    /// W = 1.
    #[inline(always)]
    pub(crate) const fn w1(self) -> VexOp {
        self.w1_if(true)
    }

    #[inline(always)]
    pub(crate) const fn w1_if(mut self, w: bool) -> VexOp {
        self.w = w as u32;
        self
    }
}

/// An EVEX opcode and what else of the prefix its row fixes.
#[derive(Clone, Copy)]
pub(crate) struct EvexOp {
    /// Prefix and opcode, five bytes, with the register bits as for register 0.
    pub(super) head: u64,
    /// The scale of an 8-bit displacement as an exponent.
    pub(super) shift: u32,
}

impl EvexOp {
    /// `pp`: one of `0 0x66 0xF3 0xF2`; `map`: 1 (`0F`), 2 (`0F38`), 3 (`0F3A`), 4 to 7; W; L'L: 1 for 256 bits, 2 for 512;
    /// `b`: broadcast, rounding or suppressed exceptions; displacements of 8 bits count in units of `1 << shift` bytes.
    ///
    /// All in one call: thousands of forms make it, and calls are most of what compiling them costs.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "each is a field of the prefix")]
    pub(crate) const fn new(pp: u8, map: u8, opcode: u8, w: u8, l: u8, b: u8, shift: u32) -> EvexOp {
        let pp = match pp {
            0x66 => 1,
            0xF3 => 2,
            0xF2 => 3,
            _ => 0,
        };
        // R X B R' vvvv V' are stored inverted.
        let (w, l, b) = (w as u64, l as u64, b as u64);
        let prefix = 0x62 | (0xF0 | map as u64) << 8 | (w << 7 | 0x7C | pp) << 16 | (l << 5 | b << 4 | 0x08) << 24;
        EvexOp { head: prefix | (opcode as u64) << 32, shift }
    }

    /// The rounding mode in the place of L'L, which is 0.
    #[inline(always)]
    pub(crate) const fn rounding(mut self, mode: u8) -> EvexOp {
        self.head |= (mode as u64) << 29;
        self
    }
}
