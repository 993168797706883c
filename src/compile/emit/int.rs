//! Integer arithmetic except division.

use super::instructions::sum;
use super::operand::{Step, Value};
use super::registers::bit;
use super::state::{Emit, Source, frame, width};
use crate::abi::positions::SiteKind;
use crate::compile::op::{Class, Int, IntUnary};
use crate::compile::tape::Entry;
use planish_asm::regs::rcx;
use planish_asm::{Addr, Alu, Bits, Cond, Gp64, Scale, Shift, ShiftX, Unary, Width};

/// By [`Int`]: those that are one instruction of two operands and nothing else.
const ALU: [Option<Alu>; Int::RemU as usize + 1] = {
    let mut table = [None; Int::RemU as usize + 1];
    table[Int::Add as usize] = Some(Alu::Add);
    table[Int::Sub as usize] = Some(Alu::Sub);
    table[Int::Or as usize] = Some(Alu::Or);
    table[Int::Xor as usize] = Some(Alu::Xor);
    table
};

impl Emit<'_> {
    #[inline(always)]
    pub(super) fn int(&mut self, op: Int, e: &Entry) {
        // Most are these, so a branch is foreseen where a jump through a table is not.
        match ALU[op as usize] {
            Some(op) => self.alu_entry(op, e),
            None => self.int_otherwise(op, e),
        }
    }

    #[inline(never)]
    fn int_otherwise(&mut self, op: Int, e: &Entry) {
        match op {
            Int::And => self.and(e),
            Int::Mul => self.multiply(e),
            Int::Shl => self.shift(Shift::Shl, e),
            Int::ShrS => self.shift(Shift::Sar, e),
            Int::ShrU => self.shift(Shift::Shr, e),
            Int::Rotl => self.shift(Shift::Rol, e),
            Int::Rotr => self.shift(Shift::Ror, e),
            Int::DivS | Int::DivU | Int::RemS | Int::RemU => self.divide(op, e),
            Int::Add | Int::Sub | Int::Or | Int::Xor => unreachable!("in the table"),
        }
    }

    /// The operands of a commutative operation, the one first that saves a move.
    #[inline(always)]
    fn ordered(&self, e: &Step) -> (Value, Value) {
        if self.is_fused(e.b) {
            return (e.a, e.b);
        }
        let b_in_place = match e.pinned() {
            Some(home) => self.register_of(e.b) == Some(home),
            None => self.dying(e.b).is_some() && self.dying(e.a).is_none(),
        };
        if b_in_place || self.is_fused(e.a) { (e.b, e.a) } else { (e.a, e.b) }
    }

    #[inline(never)]
    fn alu_entry(&mut self, op: Alu, entry: &Entry) {
        let e = &self.step(entry);
        let (a, b) = if op == Alu::Sub { (e.a, e.b) } else { self.ordered(e) };
        let Some(left) = self.register_of(a) else { return self.alu_elsewhere(op, entry) };
        let width = width(e.class);
        if let Some(imm) = b.reference.as_small() {
            let target = self.target_over_left(e, a, left, 0);
            if left == target {
                self.alu_ri(op, width, target.any(), imm);
            } else {
                self.alu_from(op, width, target, left, imm);
            }
            return self.finish(e, target);
        }
        let Some(right) = self.register_of(b).filter(|_| !self.is_fused(b)) else {
            return self.alu_elsewhere(op, entry);
        };
        self.bank.lock(right.num());
        let target = self.target_over_left(e, a, left, bit(right));
        if left == target {
            self.alu_rr(op, width, target.any(), right.any());
        } else if op == Alu::Add {
            self.lea_sum(width, target.any(), left, right);
        } else {
            self.mov_rr(width, target.any(), left.any());
            self.alu_rr(op, width, target.any(), right.any());
        }
        self.release(b);
        self.finish(e, target);
    }

    /// Where the result of an operation goes whose first operand is in `left`: there if it dies here and the result has no
    /// home in a register.
    #[inline(always)]
    fn target_over_left(&mut self, e: &Step, a: Value, left: Gp64, avoid: u16) -> Gp64 {
        self.bank.lock(left.num());
        if a.is_temp() {
            self.release(a);
            if e.pinned().is_none() {
                return left;
            }
        }
        self.target(e, None, avoid)
    }

    /// `target = left op imm`, of two registers.
    #[inline(never)]
    fn alu_from(&mut self, op: Alu, width: Width, target: Gp64, left: Gp64, imm: i32) {
        match op {
            Alu::Add => self.lea_disp(width, target.any(), left.any(), imm),
            Alu::Sub if imm != i32::MIN => self.lea_disp(width, target.any(), left.any(), -imm),
            _ => {
                self.mov_rr(width, target.any(), left.any());
                self.alu_ri(op, width, target.any(), imm);
            }
        }
    }

    /// The same wherever the operands are.
    #[inline(never)]
    fn alu_elsewhere(&mut self, op: Alu, e: &Entry) {
        let e = &self.step(e);
        let (a, b) = if op == Alu::Sub { (e.a, e.b) } else { self.ordered(e) };
        let width = width(e.class);
        let right = self.source(b, e.class);
        let left = self.register_of(a);
        let target = self.target_over(e, a, left, right.registers());
        match (op, left, right) {
            (_, Some(left), Source::Imm(imm)) if left != target => self.alu_from(op, width, target, left, imm),
            (Alu::Add, Some(left), Source::Reg(other)) if left != target => {
                self.lea_sum(width, target.any(), left, other);
            }
            _ => {
                self.load_into_unless(target, a, left, e.class);
                self.alu(op, width, target, right);
            }
        }
        self.release(a);
        self.release(b);
        self.define(e.dst, target, e.class);
    }

    /// The target of an operation that overwrites its first operand, which is in `left` if in a register: that one if
    /// the operand dies here.
    #[inline(always)]
    pub(super) fn target_over(&mut self, e: &Step, a: Value, left: Option<Gp64>, avoid: u16) -> Gp64 {
        if let Some(left) = left {
            self.bank.lock(left.num());
            if a.is_temp() && e.pinned().is_none() {
                self.release(a);
                return self.take(left);
            }
        }
        self.target(e, None, avoid)
    }

    /// Loads a value that was in `from` before its register was taken over.
    pub(super) fn load_into_unless(&mut self, target: Gp64, value: Value, from: Option<Gp64>, class: Class) {
        if from != Some(target) {
            self.load_into(target, value, class);
        }
    }

    /// The width whose zero-extension an `and` with this constant is.
    fn masks(&self, e: &Step) -> Option<Width> {
        match (self.constant_of(e.b)?, e.class) {
            (0xFF, _) => Some(Width::W8),
            (0xFFFF, _) => Some(Width::W16),
            (0xFFFF_FFFF, Class::I64) => Some(Width::W32),
            _ => None,
        }
    }

    #[inline(never)]
    fn and(&mut self, entry: &Entry) {
        let e = &self.step(entry);
        let Some(from) = self.masks(e) else { return self.alu_entry(Alu::And, entry) };
        self.extend(e, |emit, target, source| _ = emit.asm.movzx_rr(from, target.any(), source.any()));
    }

    /// An operation from one register to another.
    fn extend(&mut self, e: &Step, operation: impl FnOnce(&mut Self, Gp64, Gp64)) {
        let source = self.read(e.a, e.class);
        let dying = self.dying(e.a);
        self.release(e.a);
        let target = self.target(e, if e.hint == 0 { dying } else { None }, 0);
        operation(self, target, source);
        self.define(e.dst, target, e.class);
    }

    #[inline(never)]
    pub(super) fn int_unary(&mut self, op: IntUnary, e: &Entry) {
        let e = &self.step(e);
        let width = width(e.class);
        let cpu = self.module.cpu;
        match op {
            IntUnary::Extend8S => {
                self.extend(e, |emit, to, from| _ = emit.asm.movsx_rr(Width::W8, width, to.any(), from.any()));
            }
            IntUnary::Extend16S => {
                self.extend(e, |emit, to, from| _ = emit.asm.movsx_rr(Width::W16, width, to.any(), from.any()));
            }
            IntUnary::Extend32S => {
                self.extend(e, |emit, to, from| _ = emit.asm.movsx_rr(Width::W32, Width::W64, to.any(), from.any()));
            }
            IntUnary::Wrap => {
                self.extend(e, |emit, to, from| emit.mov_rr(Width::W32, to.any(), from.any()));
            }
            IntUnary::Clz if cpu.lzcnt => self.count(Bits::Lzcnt, e),
            IntUnary::Ctz if cpu.bmi1 => self.count(Bits::Tzcnt, e),
            IntUnary::Popcnt if cpu.popcnt => self.count(Bits::Popcnt, e),
            IntUnary::Clz => self.leading_zeros(e),
            IntUnary::Ctz => self.trailing_zeros(e),
            IntUnary::Popcnt => self.population(e),
        }
    }

    fn count(&mut self, op: Bits, e: &Step) {
        let width = width(e.class);
        self.extend(e, |emit, to, from| {
            // The older CPUs that have these wait for the destination, too.
            if to != from {
                emit.alu_rr(Alu::Xor, Width::W32, to.any(), to.any());
            }
            emit.asm.bits_rr(op, width, to.any(), from.any());
        });
    }

    /// `bsr` of 0 leaves its destination, so 2 * bits - 1 is selected, whose exclusive or is the width; and so it waits for the
    /// destination, which is zeroed.
    fn leading_zeros(&mut self, e: &Step) {
        let width = width(e.class);
        let top = width.bytes() as i32 * 8 - 1;
        let source = self.read(e.a, e.class);
        let target = self.scratch(0, bit(source));
        let none = self.scratch(0, 0);
        self.mov_ri(Width::W32, none.any(), i64::from(2 * top + 1));
        self.alu_rr(Alu::Xor, Width::W32, target.any(), target.any());
        self.asm.bits_rr(Bits::Bsr, width, target.any(), source.any());
        self.cmov_rr(Cond::Equal, width, target.any(), none.any());
        self.alu_ri(Alu::Xor, Width::W32, target.any(), top);
        self.release(e.a);
        self.define(e.dst, target, e.class);
    }

    fn trailing_zeros(&mut self, e: &Step) {
        let width = width(e.class);
        let source = self.read(e.a, e.class);
        let target = self.scratch(0, bit(source));
        let none = self.scratch(0, 0);
        self.mov_ri(Width::W32, none.any(), i64::from(width.bytes() * 8));
        self.alu_rr(Alu::Xor, Width::W32, target.any(), target.any());
        self.asm.bits_rr(Bits::Bsf, width, target.any(), source.any());
        self.cmov_rr(Cond::Equal, width, target.any(), none.any());
        self.release(e.a);
        self.define(e.dst, target, e.class);
    }

    /// The sum of ever larger groups of bits.
    fn population(&mut self, e: &Step) {
        let width = width(e.class);
        let pattern = |byte: u8| i64::from_ne_bytes([byte; 8]);
        let target = self.scratch(0, 0);
        self.load_into(target, e.a, e.class);
        self.release(e.a);
        let (part, mask) = (self.scratch(0, 0), self.scratch(0, 0));
        let (target_any, part_any, mask_any) = (target.any(), part.any(), mask.any());
        // Pairs: x - (x >> 1 & 0x55..)
        self.mov_rr(width, part_any, target_any);
        self.shift_ri(Shift::Shr, width, part_any, 1);
        self.mov_ri(width, mask_any, pattern(0x55));
        self.alu_rr(Alu::And, width, part_any, mask_any);
        self.alu_rr(Alu::Sub, width, target_any, part_any);
        // Nibbles.
        self.mov_ri(width, mask_any, pattern(0x33));
        self.mov_rr(width, part_any, target_any);
        self.shift_ri(Shift::Shr, width, part_any, 2);
        self.alu_rr(Alu::And, width, part_any, mask_any);
        self.alu_rr(Alu::And, width, target_any, mask_any);
        self.alu_rr(Alu::Add, width, target_any, part_any);
        // Bytes, then all of them in the top byte.
        self.mov_rr(width, part_any, target_any);
        self.shift_ri(Shift::Shr, width, part_any, 4);
        self.alu_rr(Alu::Add, width, target_any, part_any);
        self.mov_ri(width, mask_any, pattern(0x0F));
        self.alu_rr(Alu::And, width, target_any, mask_any);
        self.mov_ri(width, mask_any, pattern(0x01));
        self.asm.imul_rr(width, target_any, mask_any);
        self.shift_ri(Shift::Shr, width, target_any, (width.bytes() * 8 - 8) as u8);
        self.define(e.dst, target, e.class);
    }

    /// `dst = a + (b << scale) + imm`
    #[inline(never)]
    pub(super) fn lea(&mut self, scale: u8, e: &Entry) {
        let e = &self.step(e);
        let scale = Scale::ALL[scale as usize];
        let base = e.a.exists().then(|| self.read(e.a, e.class));
        let index = e.b.exists().then(|| self.read(e.b, e.class));
        let disp = e.imm as i32;
        let address = match (base, index) {
            (Some(base), Some(index)) if scale == Scale::X1 && disp == 0 => sum(base, index),
            (Some(base), Some(index)) => Addr::base_index(base.any(), index, scale, disp),
            (Some(base), None) => Addr::base_disp(base.any(), disp),
            (None, Some(index)) => Addr::index_disp(index, scale, disp),
            (None, None) => unreachable!("a sum has an operand"),
        };
        let dying = self.dying(e.a).or_else(|| self.dying(e.b));
        self.release(e.a);
        self.release(e.b);
        let target = self.target(e, if e.hint == 0 { dying } else { None }, 0);
        self.lea_rm(width(e.class), target.any(), address);
        self.define(e.dst, target, e.class);
    }

    #[inline(never)]
    fn multiply(&mut self, e: &Entry) {
        let e = &self.step(e);
        let width = width(e.class);
        if let Some(factor) = self.constant_of(e.b)
            && let Ok(factor) = i32::try_from(factor)
        {
            return self.multiply_by(factor, width, e);
        }
        let (a, b) = self.ordered(e);
        let b_source = self.source(b, e.class);
        let left = self.register_of(a);
        let target = self.target_over(e, a, left, b_source.registers());
        self.load_into_unless(target, a, left, e.class);
        match b_source {
            Source::Reg(register) => _ = self.asm.imul_rr(width, target.any(), register.any()),
            Source::Slot(at) => _ = self.asm.imul_rm(width, target.any(), frame(at)),
            Source::Heap(address, wasm_offset) => {
                self.site(SiteKind::Memory, wasm_offset);
                self.asm.imul_rm(width, target.any(), address.addr());
            }
            Source::Imm(_) => unreachable!("handled above"),
        }
        self.release(a);
        self.release(b);
        self.define(e.dst, target, e.class);
    }

    fn multiply_by(&mut self, factor: i32, width: Width, e: &Step) {
        let lea = |source: Gp64, scale: Scale| Addr::base_index(source.any(), source, scale, 0);
        self.extend(e, |emit, target, source| match factor {
            3 => emit.lea_rm(width, target.any(), lea(source, Scale::X2)),
            5 => emit.lea_rm(width, target.any(), lea(source, Scale::X4)),
            9 => emit.lea_rm(width, target.any(), lea(source, Scale::X8)),
            _ if factor > 0 && factor & (factor - 1) == 0 => {
                if target != source {
                    emit.mov_rr(width, target.any(), source.any());
                }
                emit.shift_in_place(Shift::Shl, width, target, factor.trailing_zeros() as u8);
            }
            _ => _ = emit.asm.imul_rri(width, target.any(), source.any(), factor),
        });
    }

    /// Shifts by a constant; by 0 the upper half of a 32-bit register must still become zero.
    fn shift_in_place(&mut self, op: Shift, width: Width, target: Gp64, count: u8) {
        match (count, width) {
            (0, Width::W32) => self.mov_rr(Width::W32, target.any(), target.any()),
            (0, _) => {}
            _ => self.shift_ri(op, width, target.any(), count),
        }
    }

    #[inline(never)]
    fn shift(&mut self, op: Shift, e: &Entry) {
        let e = &self.step(e);
        let width = width(e.class);
        let bits = width.bytes() as i64 * 8;
        if let Some(count) = self.constant_of(e.b) {
            let count = (count & (bits - 1)) as u8;
            return self.shift_by(op, width, count, e);
        }
        let extended = match op {
            Shift::Shl => Some(ShiftX::Shl),
            Shift::Shr => Some(ShiftX::Shr),
            Shift::Sar => Some(ShiftX::Sar),
            _ => None,
        };
        if let Some(op) = extended.filter(|_| self.module.cpu.bmi2) {
            let (a, b) = (self.read(e.a, e.class), self.read(e.b, e.class));
            let dying = self.dying(e.a).or_else(|| self.dying(e.b));
            self.release(e.a);
            self.release(e.b);
            let target = self.target(e, if e.hint == 0 { dying } else { None }, 0);
            self.asm.shiftx_rrr(op, width, target.any(), a.any(), b.any());
            return self.define(e.dst, target, e.class);
        }
        // The count goes to cl; the shifted value must not be there.
        if self.dying(e.b) == Some(rcx) {
            self.release(e.b);
            self.take(rcx);
        } else {
            self.take(rcx);
            self.load_into(rcx, e.b, e.class);
            self.release(e.b);
        }
        let dying = self.dying(e.a);
        let from = self.register_of(e.a);
        let target = match dying.filter(|_| e.pinned().is_none()) {
            Some(register) => {
                self.release(e.a);
                self.take(register)
            }
            None => self.target(e, None, 0),
        };
        self.load_into_unless(target, e.a, from, e.class);
        self.release(e.a);
        self.asm.shift_rcl(op, width, target.any());
        self.define(e.dst, target, e.class);
    }

    fn shift_by(&mut self, op: Shift, width: Width, count: u8, e: &Step) {
        let bits = width.bytes() as u8 * 8;
        let bmi2 = self.module.cpu.bmi2;
        self.extend(e, |emit, target, source| {
            let rotation = match op {
                Shift::Ror => Some(count),
                Shift::Rol => Some((bits - count) % bits),
                _ => None,
            };
            if let Some(count) = rotation
                && bmi2
                && target != source
                && count != 0
            {
                emit.asm.rorx_rri(width, target.any(), source.any(), count);
                return;
            }
            if target != source {
                emit.mov_rr(width, target.any(), source.any());
            }
            emit.shift_in_place(op, width, target, count);
        });
    }

    /// `target = -target`
    pub(super) fn negate(&mut self, width: Width, target: Gp64) {
        self.asm.unary_r(Unary::Neg, width, target.any());
    }
}
