//! The core: bit layouts of legacy/REX and VEX instructions, one method per shape. No mnemonics.
//!
//! Every method builds the instruction in registers and stores it through one window of 16 bytes at the cursor:
//! the head (prefixes, REX or VEX, opcode, ModRM, SIB) as one `u64`, then displacement and immediate as
//! overlapping `u32`s. The cursor then advances by the true length, so bytes stored behind it are rewritten by the
//! next instruction. Lengths and the choices of REX, SIB and displacement size are selected, not branched on. What
//! a shape's caller knows ([`Op`], [`VexOp`], immediate sizes) are constants that fold after inlining. Debug builds do not
//! force that inlining: it would make every caller slow to compile.
//!
//! The EVEX shapes are in [`evex`].

mod apx;
mod evex;

pub(crate) use evex::EvexOp;

use crate::buffer::Asm;
use crate::error::AsmError;
use crate::label::{Label, NONE};
use crate::mem::{Addr, Mode, NO_INDEX, NO_LABEL, VAddr};
use crate::record::What;

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
    pre: u32,
    code: u32,
    code_len: u32,
    operand_size: bool,
    w: bool,
    byte_reg: bool,
    byte_rm: bool,
    no_rex: bool,
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
    pp: u32,
    map: u32,
    opcode: u32,
    l: u32,
    w: u32,
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

/// The processor refuses longer ones (SDM Vol. 2, 2.3.11). Only a segment and an address-size prefix can add up to it.
const MAX_INSTRUCTION: usize = 15;

/// A memory operand's ModRM and SIB bytes (ModRM low) and what follows them, for a plain address.
struct Modrm {
    bytes: u64,
    /// 1 or 2.
    len: u32,
    disp_len: u32,
}

/// `[base + index * scale + disp]`, `always_sib` for vector indexes (number 4 is one of them).
#[inline(always)]
const fn modrm(reg: u8, a: Addr, always_sib: bool) -> Modrm {
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
const fn modrm_rr(reg: u8, rm: u8) -> u64 {
    0xC0 | (reg as u64 & 7) << 3 | rm as u64 & 7
}

/// Bit 3 of a register number, at bit `to`.
#[inline(always)]
const fn high(reg: u8, to: u32) -> u32 {
    (reg as u32 >> 3 & 1) << to
}

/// Puts the row's prefixes and REX (the low 3 bits in `rxb`) in front of `body`. `force`: a REX prefix in any case.
#[inline(always)]
const fn legacy(op: Op, rxb: u32, force: bool, body: u64, len: u32) -> (u64, u32) {
    let rex = 0x40 | (op.w as u32) << 3 | rxb;
    let (body, len) = if (rex != 0x40) | force { (body << 8 | rex as u64, len + 1) } else { (body, len) };
    let pre = op.pre as u64;
    let (body, len) = match op.pre {
        0 => (body, len),
        1..0x100 => (body << 8 | pre, len + 1),
        0x100..0x1_0000 => (body << 16 | pre, len + 2),
        _ => (body << 24 | pre, len + 3),
    };
    if op.operand_size { (body << 8 | 0x66, len + 1) } else { (body, len) }
}

/// Puts the two-byte VEX prefix or, where it is not enough, the three-byte one in front of `body`.
#[inline(always)]
const fn vex(op: VexOp, r: u8, x: u8, b: u8, vvvv: u8, body: u64, len: u32) -> (u64, u32) {
    // R X B and vvvv are stored inverted (SDM Vol. 2, 2.3.5).
    let not_r = 0x80 ^ high(r, 7);
    let last = (!vvvv as u32 & 15) << 3 | op.l << 2 | op.pp;
    let xb = high(x, 6) | high(b, 5);
    if (xb != 0) | (op.map != 1) | (op.w != 0) {
        let prefix = 0xC4 | (not_r | 0x60 ^ xb | op.map) << 8 | (op.w << 7 | last) << 16;
        (body << 24 | prefix as u64, len + 3)
    } else {
        (body << 16 | (0xC5 | (not_r | last) << 8) as u64, len + 2)
    }
}

/// Legacy shapes. `reg`, `rm`: register numbers 0-15 (or the `/digit` as `reg`). Immediates: the low `imm_len` bytes
/// of `imm`, little endian.
impl Asm<'_> {
    /// No operand: `cdq`, `ret`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op(&mut self, op: Op) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64, op.code_len);
        self.put(v, n)
    }

    /// No operand, one fixed byte behind the opcode: `0F 01 D0`, `F3 0F 1E FA`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op_fixed(&mut self, op: Op, modrm: u8) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64 | (modrm as u64) << (8 * op.code_len), op.code_len + 1);
        self.put(v, n)
    }

    /// Immediate behind the opcode, no ModRM: `add eax, imm32`, `ret imm16`, `enter` (imm_len 3), `mov al, moffs` (8).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op_imm(&mut self, op: Op, imm: u64, imm_len: u32) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64, op.code_len);
        self.put_pair(v, n, imm, imm_len)
    }

    /// Register in the opcode (+r): `push r64`, `bswap r32`. `byte_rm()` for an `r8`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op_reg(&mut self, op: Op, reg: u8) -> &mut Self {
        let (v, n) = self.opcode_reg(op, reg);
        self.put(v, n)
    }

    /// Register in the opcode and an immediate of 1 to 8 bytes: `mov r64, imm64`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn op_reg_imm(&mut self, op: Op, reg: u8, imm: u64, imm_len: u32) -> &mut Self {
        let (v, n) = self.opcode_reg(op, reg);
        self.put_pair(v, n, imm, imm_len)
    }

    #[inline(always)]
    const fn opcode_reg(&mut self, op: Op, reg: u8) -> (u64, u32) {
        let code = op.code as u64 | (reg as u64 & 7) << (8 * (op.code_len - 1));
        legacy(op, high(reg, 0), op.byte_rm & (reg >= 4), code, op.code_len)
    }

    /// ModRM with two registers (or a digit as `reg`).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rr(&mut self, op: Op, reg: u8, rm: u8) -> &mut Self {
        self.rr_imm(op, reg, rm, 0, 0)
    }

    /// The same with an immediate of 1, 2 or 4 bytes; the bytes of `imm` above are zero or ignored.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rr_imm(&mut self, op: Op, reg: u8, rm: u8, imm: u32, imm_len: u32) -> &mut Self {
        let force = op.byte_reg & (reg >= 4) | op.byte_rm & (rm >= 4);
        let rxb = high(reg, 2) | high(rm, 0);
        self.check_high_byte(op, rxb, force);
        let body = op.code as u64 | (modrm_rr(reg, rm) | (imm as u64) << 8) << (8 * op.code_len);
        let (v, n) = legacy(op, rxb, force, body, op.code_len + 1 + imm_len);
        self.put(v, n)
    }

    /// The same, with an opcode of its own for the accumulator that needs no ModRM: taken if `short`, `rm` is then 0.
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[allow(clippy::too_many_arguments, reason = "each is a field of the instruction")]
    pub(crate) const fn rr_imm_accumulator(
        &mut self,
        op: Op,
        accumulator: u8,
        short: bool,
        digit: u8,
        rm: u8,
        imm: u32,
        imm_len: u32,
    ) -> &mut Self {
        let imm = imm as u64;
        let long_body = op.code as u64 | modrm_rr(digit, rm) << 8 | imm << 16;
        let short_body = accumulator as u64 | imm << 8;
        let body = if short { short_body } else { long_body };
        let (v, n) = legacy(op, high(rm, 0), op.byte_rm & (rm >= 4), body, 2 + imm_len - short as u32);
        self.put(v, n)
    }

    /// ModRM with memory.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rm(&mut self, op: Op, reg: u8, rm: Addr) -> &mut Self {
        self.rm_imm(op, reg, rm, 0, 0)
    }

    /// The same with an immediate of 1, 2 or 4 bytes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rm_imm(&mut self, op: Op, reg: u8, rm: Addr, imm: u32, imm_len: u32) -> &mut Self {
        let force = op.byte_reg & (reg >= 4);
        let rxb = high(reg, 2) | high(rm.index_num(), 1) | high(rm.base_num(), 0);
        self.check_high_byte(op, rxb, force);
        if rm.mode().0 != 0 {
            let (head, n) = legacy(op, rxb, force, op.code as u64, op.code_len);
            return self.special(head, n, reg, rm, imm, imm_len);
        }
        let m = modrm(reg, rm, false);
        let (head, n) = legacy(op, rxb, force, op.code as u64 | m.bytes << (8 * op.code_len), op.code_len + m.len);
        self.put_mem(head, n, rm.disp as u32, m.disp_len, imm, imm_len)
    }

    /// Reports operands of which two that must differ are the same.
    #[inline(always)]
    pub(crate) const fn distinct(&mut self, same: bool) -> &mut Self {
        if same {
            self.fail(AsmError::SameRegister { at: self.pos() });
        }
        self
    }

    /// Reports a move to `cs` or the like.
    #[inline(always)]
    pub(crate) const fn not_register(&mut self, invalid: bool) -> &mut Self {
        if invalid {
            self.fail(AsmError::InvalidRegister { at: self.pos() });
        }
        self
    }

    /// Reports an address whose registers are not as wide as the address size that the row fixes.
    #[inline(always)]
    pub(crate) const fn address_size(&mut self, a: Addr, narrow: bool) -> &mut Self {
        if a.mode().has(Mode::ADDR32) != narrow {
            self.fail(AsmError::InvalidAddress { at: self.pos() });
        }
        self
    }

    /// Reports a segment override where another prefix has its place.
    #[inline(always)]
    pub(crate) const fn no_segment(&mut self, a: Addr) -> &mut Self {
        if a.mode().has(Mode::FS | Mode::GS) {
            self.fail(AsmError::InvalidAddress { at: self.pos() });
        }
        self
    }

    /// `wait`, the first byte of the x87 instructions that wait for exceptions: the rest has prefixes of its own.
    #[inline(always)]
    pub(crate) const fn wait_first(&mut self) -> &mut Self {
        self.put(0x9B, 1)
    }

    #[inline(always)]
    const fn check_high_byte(&mut self, op: Op, rxb: u32, force: bool) {
        if op.no_rex && (op.w | (rxb != 0) | force) {
            self.fail(AsmError::HighByte { at: self.pos() });
        }
    }

    /// Memory that is not a plain `[base + index * scale + disp]`: `head` ends before ModRM.
    ///
    /// Segment and address-size prefixes go in front of the head: the order among prefixes is free, and REX or VEX stays last.
    /// `rest`: the immediate's length and above it, from bit 8, by how many bits an 8-bit displacement is shifted.
    #[inline(never)]
    const fn special(&mut self, head: u64, len: u32, reg: u8, a: Addr, imm: u32, rest: u32) -> &mut Self {
        let start = self.pos();
        let extended = a.mode().has(Mode::EXTENDED) && rest & apx::EXTENDED == 0;
        if a.mode().has(Mode::INVALID) || extended || a.mode().has(Mode::RIP) && a.mode().has(Mode::VSIB) {
            self.fail(AsmError::InvalidAddress { at: start });
        }
        if a.mode().has(Mode::FS | Mode::GS) {
            self.put(if a.mode().has(Mode::FS) { 0x64 } else { 0x65 }, 1);
        }
        if a.mode().has(Mode::ADDR32) {
            self.put(0x67, 1);
        }
        self.special_address(head, len, reg, a, imm, rest);
        if self.pos() - start > MAX_INSTRUCTION {
            self.fail(AsmError::InstructionTooLong { at: start });
        }
        self
    }

    #[inline(always)]
    const fn special_address(&mut self, head: u64, len: u32, reg: u8, a: Addr, imm: u32, rest: u32) -> &mut Self {
        let (imm_len, shift) = (rest & 0xFF, rest >> 8 & 0xFF);
        let reg_field = (reg as u64 & 7) << 3;
        if a.mode().has(Mode::RIP) {
            let head = head | (reg_field | 5) << (8 * len);
            return self.rip_relative(head, len + 1, a, imm, imm_len);
        }
        if a.mode().has(Mode::NO_BASE) {
            // SIB with base 5 and mod 0: no base, a 32-bit displacement (SDM Vol. 2, table 2-3).
            let sib = (a.scale_log2() as u64 & 3) << 6 | (a.index_num() as u64 & 7) << 3 | 5;
            let head = head | (reg_field | 4 | sib << 8) << (8 * len);
            return self.put_mem(head, len + 2, a.disp as u32, 4, imm, imm_len);
        }
        let (m, disp) = evex::modrm_scaled(reg, a, a.mode().has(Mode::VSIB), shift);
        self.put_mem(head | m.bytes << (8 * len), len + m.len, disp, m.disp_len, imm, imm_len)
    }

    /// A rip-relative address behind a head that ends with ModRM.
    const fn rip_relative(&mut self, head: u64, len: u32, a: Addr, imm: u32, imm_len: u32) -> &mut Self {
        if a.label_index() == NO_LABEL {
            return self.put_mem(head, len, a.disp as u32, 4, imm, imm_len);
        }
        let (label, at) = (Label::from_address(a.label_index()), self.pos() as u32 + len);
        let Some(slot) = self.slot(label) else {
            self.late(at, What::Relative { to: label, disp: a.disp, behind: imm_len as u8 });
            return self.put_mem(head, len, 0, 4, imm, imm_len);
        };
        let behind = at + 4 + imm_len;
        self.put_mem(head, len, slot.at.wrapping_sub(behind), 4, imm, imm_len);
        match a.disp {
            0 => self.defer(label, slot, at, imm_len),
            disp => self.defer_plus(label, at, (disp as u32).wrapping_sub(behind)),
        }
        self
    }

    /// A branch with an 8-bit displacement only: `jrcxz`, `loop`, `jcc short`.
    #[inline]
    pub(crate) const fn rel8(&mut self, op: Op, to: Label) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64, op.code_len);
        self.put(v, n);
        let at = self.pos() as u32;
        let Some(slot) = self.slot(to) else {
            return self.late(at, What::Short { to }).u8(0);
        };
        let value = if slot.is_bound() {
            let distance = slot.at.wrapping_sub(at + 1);
            if distance as i8 as i32 != distance as i32 {
                self.fail(AsmError::ShortRange { at: at as usize });
            }
            distance as u8
        } else {
            self.chain_short(to, slot, at);
            let link = if slot.short == NONE { 0 } else { at - slot.short };
            // The field before this one is then out of reach of any label behind this one.
            if link > u8::MAX as u32 {
                self.fail(AsmError::ShortRange { at: slot.short as usize });
            }
            link as u8
        };
        self.u8(value)
    }

    /// A branch with a 32-bit displacement: `call`, `jmp near`, `jcc near`, `xbegin`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn rel32(&mut self, op: Op, to: Label) -> &mut Self {
        let (v, n) = legacy(op, 0, false, op.code as u64, op.code_len);
        let Some(slot) = self.slot(to) else {
            return self.late(self.pos() as u32 + n, What::Near { to }).put_pair(v, n, 0, 4);
        };
        let at = self.pos() as u32 + n;
        self.put_pair(v, n, slot.at.wrapping_sub(at + 4) as u64, 4).defer(to, slot, at, 0);
        self
    }

    /// A branch that has both: short if `to` is bound and near enough. `short`, `near`: without prefixes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn branch(&mut self, short: Op, near: Op, to: Label) -> &mut Self {
        let near_len = near.code_len + 4;
        let Some(slot) = self.slot(to) else {
            return self.late_branch(to, near.code_len).put(near.code as u64, near_len);
        };
        let pos = self.pos() as u32;
        if !slot.is_bound() {
            self.put(near.code as u64, near_len).defer(to, slot, pos + near.code_len, 0);
            return self;
        }
        let distance = slot.at.wrapping_sub(pos + short.code_len + 1);
        if distance as i8 as u32 != distance {
            let value = slot.at.wrapping_sub(pos + near_len);
            return self.put(near.code as u64 | (value as u64) << (8 * near.code_len), near_len);
        }
        self.put((short.code | (distance & 0xFF) << (8 * short.code_len)) as u64, short.code_len + 1)
    }
}

/// VEX shapes. `vvvv`: register number, or 0 where the row has no V operand. `/is4`: pass the register `<< 4` as immediate.
impl Asm<'_> {
    /// No operand: `vzeroupper`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex(&mut self, op: VexOp) -> &mut Self {
        let (v, n) = vex(op, 0, 0, 0, 0, op.opcode as u64, 1);
        self.put(v, n)
    }

    /// ModRM with two registers (or a digit as `reg`).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rr(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: u8) -> &mut Self {
        let (v, n) = vex(op, reg, 0, rm, vvvv, op.opcode as u64 | modrm_rr(reg, rm) << 8, 2);
        self.put(v, n)
    }

    /// The same with an immediate byte.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rr_imm(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: u8, imm8: u8) -> &mut Self {
        let body = op.opcode as u64 | modrm_rr(reg, rm) << 8 | (imm8 as u64) << 16;
        let (v, n) = vex(op, reg, 0, rm, vvvv, body, 3);
        self.put(v, n)
    }

    /// The same with an immediate of 4 bytes and no V operand: the number of a model-specific register.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rr_imm32(&mut self, op: VexOp, reg: u8, rm: u8, imm: u32) -> &mut Self {
        let (v, n) = vex(op, reg, 0, rm, 0, op.opcode as u64 | modrm_rr(reg, rm) << 8, 2);
        self.put_pair(v, n, imm as u64, 4)
    }

    /// ModRM with memory.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rm(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: Addr) -> &mut Self {
        self.vex_mem(op, reg, vvvv, rm, None, false)
    }

    /// The same with an immediate byte.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_rm_imm(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: Addr, imm8: u8) -> &mut Self {
        self.vex_mem(op, reg, vvvv, rm, Some(imm8), false)
    }

    /// With a vector-indexed (VSIB) address: gathers.
    #[inline(always)]
    pub(crate) const fn vex_vm<Index>(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: VAddr<Index>) -> &mut Self
    where
        Index: Copy,
    {
        self.vex_mem(op, reg, vvvv, rm.addr, None, true)
    }

    /// With memory that always has a SIB byte: tile loads and stores.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) const fn vex_sib(&mut self, op: VexOp, reg: u8, vvvv: u8, rm: Addr) -> &mut Self {
        self.vex_mem(op, reg, vvvv, rm.with_sib(), None, true)
    }

    #[inline(always)]
    const fn vex_mem(&mut self, op: VexOp, reg: u8, vvvv: u8, a: Addr, imm8: Option<u8>, vsib: bool) -> &mut Self {
        let (imm, imm_len) = match imm8 {
            Some(imm8) => (imm8 as u32, 1),
            None => (0, 0),
        };
        let opcode = op.opcode as u64;
        if a.mode().0 & !Mode::VSIB != 0 {
            let (head, n) = vex(op, reg, a.index_num(), a.base_num(), vvvv, opcode, 1);
            return self.special(head, n, reg, a, imm, imm_len);
        }
        let m = modrm(reg, a, vsib);
        let (head, n) = vex(op, reg, a.index_num(), a.base_num(), vvvv, opcode | m.bytes << 8, 1 + m.len);
        self.put_mem(head, n, a.disp as u32, m.disp_len, imm, imm_len)
    }
}
