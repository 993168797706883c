//! Floats: registers, arithmetic, comparisons. AVX's three-operand forms where the CPU has them, else SSE.

use super::cold::{Cold, Flags};
use super::operand::{Step, Value};
use super::registers::{Cell, FLOATS, Held, float_place, pinned_float, xmm};
use super::state::{Emit, FloatSource, frame, prec};
use crate::abi::positions::SiteKind;
use crate::compile::assign::Home;
use crate::compile::assign::{FLOAT_PLACE, IN_MEMORY};
use crate::compile::op::{Class, Float, FloatCond, FloatUnary};
use crate::compile::tape::Entry;
use planish_asm::{Addr, Alu, Cond, FpOp, Label, Logic, Prec, Rounding, Width, Xmm, XmmX};

impl Emit<'_> {
    // Moves.

    pub(super) fn avx(&self) -> bool {
        self.module.cpu.avx
    }

    pub(super) fn move_float(&mut self, to: Xmm, from: Xmm) {
        match self.avx() {
            true => self.asm.v_fmov_rr(to, from),
            false => self.asm.fmov_rr(to, from),
        };
    }

    /// As wide as the class is; vectors need no alignment.
    pub(super) fn load_float(&mut self, class: Class, to: Xmm, from: Addr) {
        match (class, self.avx()) {
            (Class::V128, true) => self.asm.v_movups_rm(to, from),
            (Class::V128, false) => self.asm.movups_rm(to, from),
            (_, true) => self.asm.v_fload(prec(class), to, from),
            (_, false) => self.asm.fload(prec(class), to, from),
        };
    }

    pub(super) fn store_float(&mut self, class: Class, to: Addr, from: Xmm) {
        match (class, self.avx()) {
            (Class::V128, true) => self.asm.v_movups_mr(to, from),
            (Class::V128, false) => self.asm.movups_mr(to, from),
            (_, true) => self.asm.v_fstore(prec(class), to, from),
            (_, false) => self.asm.fstore(prec(class), to, from),
        };
    }

    pub(super) fn zero_float(&mut self, register: Xmm) {
        match self.avx() {
            true => self.asm.v_logic_rrr(Logic::Xor, register, register, register),
            false => self.asm.logic_rr(Logic::Xor, register, register),
        };
    }

    // Registers: as for integers.

    #[inline]
    pub(super) fn float_register_of(&self, value: Value) -> Option<Xmm> {
        float_place(self.place(value))
    }

    #[inline]
    fn hold_float_temp(&mut self, register: Xmm, temp: Cell) {
        self.bank.set_temp(FLOAT_PLACE | register.num(), temp);
        self.set_place(temp, FLOAT_PLACE | register.num());
    }

    #[inline]
    fn hold_float_copy(&mut self, register: Xmm, var: Cell) {
        self.bank.set_copy(FLOAT_PLACE | register.num(), var);
        self.set_place(var, FLOAT_PLACE | register.num());
    }

    pub(super) fn float_scratch(&mut self, hint: u8, avoid: u16) -> Xmm {
        let hint = if hint > 0 { FLOAT_PLACE + hint } else { 0 };
        let among = FLOATS & !(u32::from(avoid) << FLOAT_PLACE);
        match self.bank.choose_free(hint, among) {
            Some(register) => xmm(register),
            None => self.float_scratch_anew(hint, among),
        }
    }

    #[cold]
    #[inline(never)]
    fn float_scratch_anew(&mut self, hint: u8, among: u32) -> Xmm {
        match self.bank.choose(hint, among) {
            Some(choice) => self.chosen_float(choice.register, choice.held),
            None => planish_asm::regs::xmm0,
        }
    }

    pub(super) fn take_float(&mut self, register: Xmm) -> Xmm {
        let choice = self.bank.take(FLOAT_PLACE | register.num());
        self.chosen_float(choice.register, choice.held)
    }

    fn chosen_float(&mut self, register: u8, held: Held) -> Xmm {
        match held {
            Held::Nothing => {}
            Held::Copy(cell) => self.set_place(cell, IN_MEMORY),
            Held::Temp(cell) => {
                let slot = self.spill_slot(cell);
                self.store_float(self.plan.temp_class, frame(slot), xmm(register));
                self.set_place(cell, IN_MEMORY);
            }
        }
        xmm(register)
    }

    pub(super) fn read_float(&mut self, value: Value, class: Class) -> Xmm {
        if let Some(register) = self.float_register_of(value) {
            self.bank.lock(FLOAT_PLACE | register.num());
            return register;
        }
        if class == Class::V128
            && let Some(register) = self.tape.vector_constant(value.reference).and_then(|vector| self.kept(vector))
        {
            return register;
        }
        let register = self.float_scratch(0, 0);
        self.load_float_into(register, value, class);
        if value.is_var() {
            self.hold_float_copy(register, value.cell);
        } else if value.is_temp() {
            self.hold_float_temp(register, value.cell);
        }
        register
    }

    pub(super) fn load_float_into(&mut self, register: Xmm, value: Value, class: Class) {
        if let Some(source) = self.float_register_of(value) {
            if source != register {
                self.move_float(register, source);
            }
            return;
        }
        if class == Class::V128 {
            if let Some(vector) = self.tape.vector_constant(value.reference) {
                return self.load_vector_constant(register, vector);
            }
            if let Some(high) = self.high_register(value) {
                self.asm.e_mov_rr(register.any(), high);
                return;
            }
        } else if self.constant_of(value) == Some(0) {
            return self.zero_float(register);
        }
        match self.float_memory(value) {
            FloatSource::Reg(_) => unreachable!("looked for above"),
            FloatSource::Mem(address) => self.load_float(class, register, address),
            FloatSource::Heap(address, wasm_offset) => {
                self.site(SiteKind::Memory, wasm_offset);
                self.load_float(class, register, address);
            }
        }
    }

    /// The register beyond the first sixteen that is a variable's home.
    fn high_register(&self, value: Value) -> Option<XmmX> {
        match self.plan.homes.get(value.reference.as_var()? as usize)? {
            Home::High { register, .. } => Some(*register),
            _ => None,
        }
    }

    /// Where a value lies that is in no register.
    pub(super) fn float_memory(&mut self, value: Value) -> FloatSource {
        if let Some(bits) = self.constant_of(value) {
            return FloatSource::Mem(self.constant(u128::from(bits as u64)));
        }
        if self.is_fused(value) {
            let (address, wasm_offset) = self.take_fused(value);
            return FloatSource::Heap(address.addr(), wasm_offset);
        }
        FloatSource::Mem(frame(self.slot(value)))
    }

    /// A value as the second operand of an instruction.
    pub(super) fn float_source(&mut self, value: Value, class: Class) -> FloatSource {
        if let Some(register) = self.float_register_of(value) {
            self.bank.lock(FLOAT_PLACE | register.num());
            return FloatSource::Reg(register);
        }
        // A variable that is read twice is better loaded once.
        if value.is_var() && (self.bank.has_free(FLOATS) || class == Class::V128 && self.high_register(value).is_some())
        {
            return FloatSource::Reg(self.read_float(value, class));
        }
        self.float_memory(value)
    }

    pub(super) fn float_bit(source: FloatSource) -> u16 {
        match source {
            FloatSource::Reg(register) => 1 << register.num(),
            _ => 0,
        }
    }

    pub(super) fn dying_float(&self, value: Value) -> Option<Xmm> {
        if value.is_temp() { self.float_register_of(value) } else { None }
    }

    pub(super) fn float_target(&mut self, e: &Step, reuse: Option<Xmm>, avoid: u16) -> Xmm {
        if let Some(home) = e.pinned_float()
            && 1 << home.num() & avoid == 0
        {
            return home;
        }
        match reuse {
            Some(register) if 1 << register.num() & avoid == 0 => self.take_float(register),
            _ => self.float_scratch(e.hint, avoid),
        }
    }

    fn pinned_float(&self, value: Value) -> Option<Xmm> {
        pinned_float(self.place(value))
    }

    pub(super) fn define_float(&mut self, dst: Value, register: Xmm, class: Class) {
        if dst.is_temp() {
            self.fits_temp(class);
            return self.hold_float_temp(register, dst.cell);
        }
        match self.pinned_float(dst) {
            Some(home) if home == register => {}
            Some(home) => self.move_float(home, register),
            None => {
                self.forget(dst.cell);
                match self.high_register(dst) {
                    Some(high) if class == Class::V128 => _ = self.asm.e_mov_rr(high, register.any()),
                    _ => {
                        let slot = self.slot(dst);
                        self.store_float(class, frame(slot), register);
                    }
                }
                if self.bank.is_free(FLOAT_PLACE | register.num()) {
                    self.hold_float_copy(register, dst.cell);
                }
            }
        }
    }

    /// **Escape:** a vector temp is spilled to sixteen bytes, which the frame must have.
    pub(super) fn fits_temp(&self, class: Class) {
        assert!(class != Class::V128 || self.plan.temp_class == Class::V128, "a vector the scanner did not see");
    }

    /// A result of a call, in a register that a pin may own: then it goes to memory at once.
    pub(super) fn receive_float(&mut self, dst: Value, class: Class, register: Xmm) {
        if self.bank.is_scratch(FLOAT_PLACE | register.num()) {
            self.take_float(register);
            return self.define_float(dst, register, class);
        }
        if !dst.is_temp() {
            return self.define_float(dst, register, class);
        }
        self.fits_temp(class);
        let slot = self.spill_slot(dst.cell);
        self.store_float(self.plan.temp_class, frame(slot), register);
    }

    pub(super) fn copy_float(&mut self, e: &Entry) {
        let e = &self.step(e);
        if let Some(home) = e.pinned_float() {
            self.load_float_into(home, e.a, e.class);
            return self.release(e.a);
        }
        let dying = self.dying_float(e.a);
        let register = match dying {
            Some(register) => {
                self.release(e.a);
                self.take_float(register)
            }
            None if e.dst.is_var() => self.read_float(e.a, e.class),
            None => {
                let register = self.float_scratch(e.hint, 0);
                self.load_float_into(register, e.a, e.class);
                register
            }
        };
        self.define_float(e.dst, register, e.class);
        if dying.is_none() {
            self.release(e.a);
        }
    }

    // Arithmetic.

    /// `target = a op b`, where `a` may be anywhere.
    fn arithmetic(&mut self, op: FpOp, prec: Prec, target: Xmm, a: Xmm, b: FloatSource) {
        if let FloatSource::Heap(_, wasm_offset) = b
            && (self.avx() || target == a)
        {
            self.site(SiteKind::Memory, wasm_offset);
        }
        if self.avx() {
            match b {
                FloatSource::Reg(b) => self.asm.v_sse_rrr(op, prec, target, a, b),
                FloatSource::Mem(b) | FloatSource::Heap(b, _) => self.asm.v_sse_rrm(op, prec, target, a, b),
            };
            return;
        }
        if target != a {
            self.asm.fmov_rr(target, a);
            if let FloatSource::Heap(_, wasm_offset) = b {
                self.site(SiteKind::Memory, wasm_offset);
            }
        }
        match b {
            FloatSource::Reg(b) => self.asm.sse_rr(op, prec, target, b),
            FloatSource::Mem(b) | FloatSource::Heap(b, _) => self.asm.sse_rm(op, prec, target, b),
        };
    }

    pub(super) fn logic(&mut self, op: Logic, target: Xmm, a: Xmm, b: Addr) {
        if self.avx() {
            self.asm.v_logic_rrm(op, target, a, b);
            return;
        }
        if target != a {
            self.asm.fmov_rr(target, a);
        }
        self.asm.logic_rm(op, target, b);
    }

    pub(super) fn logic_registers(&mut self, op: Logic, target: Xmm, a: Xmm, b: Xmm) {
        if self.avx() {
            self.asm.v_logic_rrr(op, target, a, b);
            return;
        }
        if target != a {
            self.asm.fmov_rr(target, a);
        }
        self.asm.logic_rr(op, target, b);
    }

    pub(super) fn compare_registers(&mut self, prec: Prec, a: Xmm, b: Xmm) {
        match self.avx() {
            true => self.asm.v_ucomis_rr(prec, a, b),
            false => self.asm.ucomis_rr(prec, a, b),
        };
    }

    pub(super) fn compare_memory(&mut self, prec: Prec, a: Xmm, b: Addr) {
        match self.avx() {
            true => self.asm.v_ucomis_rm(prec, a, b),
            false => self.asm.ucomis_rm(prec, a, b),
        };
    }

    #[inline(never)]
    pub(super) fn float(&mut self, op: Float, e: &Entry) {
        let e = &self.step(e);
        let op = match op {
            Float::Add => FpOp::Add,
            Float::Sub => FpOp::Sub,
            Float::Mul => FpOp::Mul,
            Float::Div => FpOp::Div,
            Float::Min => return self.min_max(true, e),
            Float::Max => return self.min_max(false, e),
            Float::Copysign => return self.copysign(e),
        };
        let (mut a, mut b) = (e.a, e.b);
        let swaps = matches!(op, FpOp::Add | FpOp::Mul)
            && (self.is_fused(a)
                || a.is_const()
                || !self.avx() && self.dying_float(b).is_some() && self.dying_float(a).is_none());
        if swaps && !self.is_fused(b) {
            (a, b) = (b, a);
        }
        let left = self.read_float(a, e.class);
        let right = self.float_source(b, e.class);
        let dying = self.dying_float(a).or_else(|| if self.avx() { self.dying_float(b) } else { None });
        self.release(a);
        self.release(b);
        let avoid = match right {
            // The two-operand form writes the target before it reads `b`.
            FloatSource::Reg(right) if !self.avx() && right != left => 1 << right.num(),
            _ => 0,
        };
        let target = self.float_target(e, if e.hint == 0 { dying } else { None }, avoid);
        self.arithmetic(op, prec(e.class), target, left, right);
        self.canonicalise_scalar(e.class, target);
        self.define_float(e.dst, target, e.class);
    }

    /// `min` and `max` of unequal numbers are the instructions'; equal ones (zeros of either sign) and NaNs are cold.
    fn min_max(&mut self, min: bool, e: &Step) {
        let prec = prec(e.class);
        let left = self.read_float(e.a, e.class);
        let right = self.read_float(e.b, e.class);
        let dying = self.dying_float(e.a);
        self.release(e.a);
        self.release(e.b);
        let target =
            self.float_target(e, dying, if left == right { 0 } else { Self::float_bit(FloatSource::Reg(right)) });
        if target != left {
            self.move_float(target, left);
        }
        let (label, back) = (self.asm.label(), self.asm.label());
        self.compare_registers(prec, target, right);
        self.jcc(Cond::Equal, label);
        let op = if min { FpOp::Min } else { FpOp::Max };
        self.arithmetic(op, prec, target, target, FloatSource::Reg(right));
        self.asm.bind(back);
        self.cold.push(Cold::MinMax { label, back, prec, min, target, other: right });
        self.canonicalise_scalar(e.class, target);
        self.define_float(e.dst, target, e.class);
    }

    /// Behind a comparison that said equal or unordered.
    pub(super) fn min_max_of_equals(&mut self, prec: Prec, min: bool, target: Xmm, other: Xmm, back: Label) {
        let unordered = self.asm.label();
        self.asm.jcc_short(Cond::Parity, unordered);
        // Of two zeros the smaller has the sign bit if any has it, the larger if both have.
        self.logic_registers(if min { Logic::Or } else { Logic::And }, target, target, other);
        self.jmp_label(back);
        self.asm.bind(unordered);
        self.arithmetic(FpOp::Add, prec, target, target, FloatSource::Reg(other));
        self.jmp_label(back);
    }

    fn sign_bit(class: Class) -> u128 {
        match class {
            Class::F32 => u128::from_ne_bytes([0x8000_0000u32.to_ne_bytes(); 4].concat().try_into().expect("16 bytes")),
            _ => 1 << 63 | 1 << 127,
        }
    }

    fn copysign(&mut self, e: &Step) {
        let sign = Self::sign_bit(e.class);
        let right = self.read_float(e.b, e.class);
        let signs = self.constant(sign);
        self.logic(Logic::And, Self::FLOAT_TEMP, right, signs);
        let left = self.read_float(e.a, e.class);
        let dying = self.dying_float(e.a);
        self.release(e.a);
        self.release(e.b);
        let target = self.float_target(e, dying, 0);
        let magnitude = self.constant(!sign);
        self.logic(Logic::And, target, left, magnitude);
        self.logic_registers(Logic::Or, target, target, Self::FLOAT_TEMP);
        self.define_float(e.dst, target, e.class);
    }

    #[inline(never)]
    pub(super) fn float_unary(&mut self, op: FloatUnary, e: &Entry) {
        let e = &self.step(e);
        let prec = prec(e.class);
        let sign = Self::sign_bit(e.class);
        let rounding = match op {
            FloatUnary::Ceil => Rounding::Ceil,
            FloatUnary::Floor => Rounding::Floor,
            FloatUnary::Trunc => Rounding::Trunc,
            _ => Rounding::Nearest,
        };
        let source = match op {
            FloatUnary::Sqrt => self.float_source(e.a, e.class),
            _ => FloatSource::Reg(self.read_float(e.a, e.class)),
        };
        let dying = self.dying_float(e.a);
        self.release(e.a);
        let target = self.float_target(e, if e.hint == 0 { dying } else { None }, 0);
        match (op, source) {
            (FloatUnary::Abs, FloatSource::Reg(source)) => {
                let mask = self.constant(!sign);
                self.logic(Logic::And, target, source, mask);
            }
            (FloatUnary::Neg, FloatSource::Reg(source)) => {
                let mask = self.constant(sign);
                self.logic(Logic::Xor, target, source, mask);
            }
            (FloatUnary::Sqrt, source) => {
                // One source: the other operand only fills the upper part. A zeroed register starts no chain.
                let filler = match source {
                    FloatSource::Reg(source) if self.avx() || source == target => source,
                    _ => {
                        self.zero_float(target);
                        target
                    }
                };
                self.arithmetic(FpOp::Sqrt, prec, target, filler, source);
            }
            (_, FloatSource::Reg(source)) => match self.avx() {
                true => _ = self.asm.v_round_rrr(prec, target, source, source, rounding),
                false => {
                    self.cut_chain(target, source);
                    self.asm.round_rr(prec, target, source, rounding);
                }
            },
            _ => unreachable!("only sqrt takes memory"),
        }
        if !matches!(op, FloatUnary::Abs | FloatUnary::Neg) {
            self.canonicalise_scalar(e.class, target);
        }
        self.define_float(e.dst, target, e.class);
    }

    // Comparisons.

    /// `ucomis` sets the flags as an unsigned comparison does, and all of them if unordered: "above" and "above or equal" are
    /// false then, "below" and "below or equal" true.
    pub(super) fn compare_floats(&mut self, cond: FloatCond, e: &Step) -> Flags {
        use FloatCond::*;
        let (a, b, flags) = match cond {
            Eq => (e.a, e.b, Flags::Equal),
            Ne => (e.a, e.b, Flags::NotEqual),
            Gt => (e.a, e.b, Flags::One(Cond::Above)),
            Ge => (e.a, e.b, Flags::One(Cond::AboveEqual)),
            Lt => (e.b, e.a, Flags::One(Cond::Above)),
            Le => (e.b, e.a, Flags::One(Cond::AboveEqual)),
            NotGt => (e.a, e.b, Flags::One(Cond::BelowEqual)),
            NotGe => (e.a, e.b, Flags::One(Cond::Below)),
            NotLt => (e.b, e.a, Flags::One(Cond::BelowEqual)),
            NotLe => (e.b, e.a, Flags::One(Cond::Below)),
        };
        let left = self.read_float(a, e.class);
        match self.float_source(b, e.class) {
            FloatSource::Reg(right) => self.compare_registers(prec(e.class), left, right),
            FloatSource::Mem(right) => self.compare_memory(prec(e.class), left, right),
            FloatSource::Heap(right, wasm_offset) => {
                self.site(SiteKind::Memory, wasm_offset);
                self.compare_memory(prec(e.class), left, right);
            }
        }
        self.release(e.a);
        self.release(e.b);
        flags
    }

    /// `dst = (a == b)` or its opposite, by a comparison that yields a mask.
    pub(super) fn set_float_equal(&mut self, cond: FloatCond, e: &Step) {
        const EQUAL: u8 = 0;
        const NOT_EQUAL: u8 = 4;
        let predicate = if cond == FloatCond::Eq { EQUAL } else { NOT_EQUAL };
        let (left, right) = (self.read_float(e.a, e.class), self.read_float(e.b, e.class));
        self.release(e.a);
        self.release(e.b);
        let mask = Self::FLOAT_TEMP;
        if self.avx() {
            self.asm.v_cmps_rrr(prec(e.class), mask, left, right, predicate);
        } else {
            self.asm.fmov_rr(mask, left);
            self.asm.cmps_rr(prec(e.class), mask, right, predicate);
        }
        let target = self.target(e, None, 0);
        match self.avx() {
            true => self.asm.v_mov_r_x(Width::W32, target.any(), mask),
            false => self.asm.mov_r_x(Width::W32, target.any(), mask),
        };
        self.alu_ri(Alu::And, Width::W32, target.any(), 1);
        self.define(e.dst, target, Class::I32);
    }

    /// `dst = if flags { a } else { b }`, by a jump: there is no conditional move of floats.
    pub(super) fn select_float(&mut self, flags: Flags, e: &Step) {
        // Reading moves and loads only, none of which changes the flags; a zero constant would by `xorps`: it does not.
        let other = self.read_float(e.b, e.class);
        let dying = self.dying_float(e.a);
        let target = match dying.filter(|_| e.pinned_float().is_none()) {
            Some(register) => {
                self.release(e.a);
                self.take_float(register)
            }
            None => {
                if let Some(register) = self.float_register_of(e.a) {
                    self.bank.lock(FLOAT_PLACE | register.num());
                }
                let target = self.float_target(e, None, 1 << other.num());
                self.load_float_into(target, e.a, e.class);
                target
            }
        };
        let (done, otherwise) = (self.asm.label(), self.asm.label());
        match flags {
            Flags::One(cond) => _ = self.asm.jcc_short(cond, done),
            Flags::Equal => {
                self.asm.jcc_short(Cond::Parity, otherwise);
                self.asm.jcc_short(Cond::Equal, done);
            }
            Flags::NotEqual => {
                self.asm.jcc_short(Cond::Parity, done);
                self.asm.jcc_short(Cond::NotEqual, done);
            }
        }
        self.asm.bind(otherwise);
        self.move_float(target, other);
        self.asm.bind(done);
        self.release(e.a);
        self.release(e.b);
        self.define_float(e.dst, target, e.class);
    }
}
