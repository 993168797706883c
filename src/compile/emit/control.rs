//! Prologue and epilogue, labels and branches.

use super::cold::{Cold, Flags};
use super::moves::Moves;
use super::operand::{Step, Value};
use super::registers::{INTS, bit, gpr};
use super::state::{Emit, Source, frame, width};
use crate::abi::layout::{CONTEXT_STORE, STORE_STACK_LIMIT};
use crate::abi::positions::SiteKind;
use crate::abi::{CONTEXT, PROBED_FRAME_BYTES, Place, SMALL_FRAME_BYTES, STACK_PROBE_BYTES, TrapCode};
use crate::compile::assign::Home;
use crate::compile::op::{Class, FAR, FloatCond, Test};
use crate::compile::tape::{Entry, Ref};
use planish_asm::regs::{rax, rsp};
use planish_asm::{Addr, Alu, Cond, Gp64, Scale, Width};

/// An innermost loop of at most so many entries is aligned.
const ALIGNED_LOOP_ENTRIES: u32 = 32;
/// Up to so many targets, a branch table is a chain of comparisons.
const CHAIN_TARGETS: usize = 3;

impl Emit<'_> {
    // Prologue and epilogue.

    pub(super) fn prologue(&mut self) {
        let bytes = self.plan.return_address_at() as u32;
        if self.tape.calls || bytes > SMALL_FRAME_BYTES {
            self.look_for_the_stacks_end(bytes);
        }
        for &register in &self.plan.saved {
            self.asm.push_r(register.any());
        }
        let frame_bytes = self.plan.frame_bytes;
        if frame_bytes > 0 {
            self.alu_ri(Alu::Sub, Width::W64, rsp.any(), frame_bytes);
        }
        self.place_params();
        for &(value, register) in &self.plan.constants {
            let constant = self.constant(value);
            self.load_float(Class::V128, register, constant);
        }
        for (var, variable) in self.tape.variables.iter().enumerate() {
            if variable.zero {
                self.zero(var as u32);
            }
        }
    }

    /// **Escape:** nothing is written below what frames may use. Not for the guard's sake alone: the kernel writes signal frames
    /// below rsp, and a signal whose frame does not fit is lost.
    fn look_for_the_stacks_end(&mut self, bytes: u32) {
        if !self.module.signals || bytes > PROBED_FRAME_BYTES {
            return self.compare_with_stack_limit(bytes);
        }
        // There is room for a small frame below what frames may use.
        let below = STACK_PROBE_BYTES + if bytes > SMALL_FRAME_BYTES { bytes } else { 0 };
        self.mov_rm(Width::W32, rax.any(), Addr::base_disp(rsp.any(), -(below as i32)));
    }

    /// Where no fault tells that the stack has ended. An address and a frame's size (1 GiB at most) do not wrap.
    fn compare_with_stack_limit(&mut self, bytes: u32) {
        let label = self.asm.label();
        self.cold.push(Cold::Overflow { label });
        self.mov_rm(Width::W64, rax.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_STORE));
        self.mov_rm(Width::W64, rax.any(), Addr::base_disp(rax.any(), STORE_STACK_LIMIT));
        if bytes > 0 {
            self.alu_ri(Alu::Add, Width::W64, rax.any(), bytes as i32);
        }
        self.alu_rr(Alu::Cmp, Width::W64, rsp.any(), rax.any());
        self.jcc(Cond::Below, label);
    }

    fn place_params(&mut self) {
        let (mut moves, mut floats) = (Moves::default(), Moves::default());
        for (index, place) in self.layout.params.iter().enumerate() {
            match (*place, self.plan.homes[index]) {
                (_, Home::Nowhere | Home::Argument(_)) => {}
                (Place::Gpr(from), Home::Gpr(to)) => {
                    moves.add_as(width(self.tape.variables[index].class), to.num(), from.num());
                }
                (Place::Xmm(from), Home::Xmm(to)) => floats.add(to.num(), from.num()),
                (Place::Gpr(from), _) => {
                    self.store_slot(self.slots[index], from.any());
                }
                (Place::Xmm(from), Home::High { register, .. }) => _ = self.asm.e_mov_rr(register, from.any()),
                (Place::Xmm(from), _) => {
                    let class = self.tape.variables[index].class.whole_float();
                    self.store_float(class, frame(self.slots[index]), from);
                }
                (Place::Stack(_), _) => {}
            }
        }
        if !moves.is_empty() {
            self.perform(moves);
        }
        if !floats.is_empty() {
            self.perform_floats(floats);
        }
        for (index, place) in self.layout.params.iter().enumerate() {
            if let Place::Stack(at) = *place {
                let source = frame(self.plan.return_address_at() + 8 + at as i32);
                match self.plan.homes[index] {
                    Home::Gpr(to) => self.mov_rm(Width::W64, to.any(), source),
                    Home::Xmm(to) => self.load_float(self.tape.variables[index].class.whole_float(), to, source),
                    Home::High { register, .. } => _ = self.asm.e_movups_rm(register, source),
                    Home::Slot(_) | Home::Argument(_) | Home::Nowhere => {}
                }
            }
        }
    }

    fn zero(&mut self, var: u32) {
        match self.plan.homes[var as usize] {
            Home::Gpr(register) => self.alu_rr(Alu::Xor, Width::W32, register.any(), register.any()),
            Home::Xmm(register) => self.zero_float(register),
            Home::High { register, .. } => {
                self.zero_float(Self::FLOAT_TEMP);
                self.asm.e_mov_rr(register, Self::FLOAT_TEMP.any());
            }
            Home::Slot(at) => {
                if self.tape.variables[var as usize].class == Class::V128 {
                    // In one store: a load of all of it would wait for two.
                    self.zero_float(Self::FLOAT_TEMP);
                    return self.store_float(Class::V128, frame(at), Self::FLOAT_TEMP);
                }
                self.store_slot_imm(at, 0);
            }
            Home::Argument(_) | Home::Nowhere => {}
        }
    }

    /// Up to the return address.
    pub(super) fn pop_frame(&mut self) {
        if self.plan.frame_bytes > 0 {
            self.alu_ri(Alu::Add, Width::W64, rsp.any(), self.plan.frame_bytes);
        }
        for &register in self.plan.saved.iter().rev() {
            self.asm.pop_r(register.any());
        }
    }

    fn epilogue(&mut self) {
        self.pop_frame();
        match self.layout.arg_bytes {
            0 => _ = self.asm.ret(),
            bytes => match u16::try_from(bytes) {
                Ok(bytes) => _ = self.asm.ret_i(bytes),
                Err(_) => unreachable!("at most 1,000 parameters of 16 bytes"),
            },
        }
    }

    #[inline(never)]
    pub(super) fn return_list(&mut self, list: u32) {
        let tape = self.tape;
        let (layout, results) = (self.layout, self.ty.results());
        let above = self.plan.return_address_at() + 8;
        self.store_list(tape.list(list), results, &layout.results, above);
        self.load_list(tape.list(list), results, &layout.results);
        self.epilogue();
    }

    // Labels and branches.

    #[inline(never)]
    pub(super) fn label(&mut self, e: &Entry) {
        self.forget_scratch();
        let info = self.tape.labels[e.imm as usize];
        if info.innermost_leaf && info.loop_end - info.entry <= ALIGNED_LOOP_ENTRIES {
            self.asm.align(32);
        }
        self.asm.bind(self.label_of(e.imm));
    }

    #[inline(never)]
    pub(super) fn jump(&mut self, label: u32) {
        // To the entry that follows: nothing to do.
        if self.tape.labels[label as usize].entry == self.at as u32 + 1 {
            return;
        }
        let target = self.label_of(label);
        match self.is_near(label) {
            true => _ = self.asm.jmp_short(target),
            false => self.jmp_label(target),
        };
    }

    /// Does a forward label lie so close that a short branch will reach it? A guess: when it fails, the function is
    /// emitted again without.
    #[inline]
    fn is_near(&self, label: u32) -> bool {
        let entry = self.tape.labels[label as usize].entry;
        let next = self.at as u32 + 1;
        // So few entries that their weights do not wrap.
        if !self.allow_short || entry.wrapping_sub(next) >= u32::from(FAR) {
            return false;
        }
        let between = self.entries[entry as usize].reach.wrapping_sub(self.entries[next as usize].reach);
        // An access to memory is longer in a checked memory.
        between < if self.module.guarded { FAR } else { FAR / 2 }
    }

    fn jump_if(&mut self, cond: Cond, label: u32) {
        let target = self.label_of(label);
        match self.is_near(label) {
            true => _ = self.asm.jcc_short(cond, target),
            false => self.jcc(cond, target),
        };
    }

    #[inline(never)]
    pub(super) fn branch(&mut self, test: Test, e: &Entry) {
        match test {
            Test::Int(cond) => {
                self.compare_ints(e.class, self.value(e.a), self.value(e.b));
                self.jump_if(cond, e.imm);
            }
            Test::Float(cond) => self.branch_float(cond, e),
            _ => {
                let cond = self.compare_vector(test, self.value(e.a));
                self.jump_if(cond, e.imm);
            }
        }
    }

    fn branch_float(&mut self, cond: FloatCond, e: &Entry) {
        match self.compare_floats(cond, &self.step(e)) {
            Flags::One(cond) => self.jump_if(cond, e.imm),
            Flags::Equal => {
                let skip = self.asm.label();
                self.asm.jcc_short(Cond::Parity, skip);
                self.jump_if(Cond::Equal, e.imm);
                self.asm.bind(skip);
            }
            Flags::NotEqual => {
                self.jump_if(Cond::Parity, e.imm);
                self.jump_if(Cond::NotEqual, e.imm);
            }
        }
    }

    /// Compares the entry's operands, which die.
    #[inline]
    fn compare(&mut self, test: Test, e: &Step) -> Flags {
        match test {
            Test::Int(cond) => Flags::One(self.compare_for_one_flag(cond, e)),
            Test::Float(cond) => self.compare_floats(cond, e),
            _ => Flags::One(self.compare_vector(test, e.a)),
        }
    }

    fn compare_vector(&mut self, test: Test, a: Value) -> Cond {
        let (all, cond) = match test {
            Test::Any => (None, Cond::NotEqual),
            Test::None => (None, Cond::Equal),
            Test::All(lanes) => (Some(lanes), Cond::Equal),
            Test::NotAll(lanes) => (Some(lanes), Cond::NotEqual),
            Test::Int(_) | Test::Float(_) => unreachable!("not of vectors"),
        };
        self.test_vector(all, a);
        cond
    }

    /// Compares so that the answer is in one flag: on Intel's processors `setcc` and `cmovcc` take two micro-operations where it
    /// is in the carry and the zero flag, "above" and "below or equal" (Fog, "Instruction tables"). A fused comparison and
    /// branch does not. `a > b` is `b < a`; with a constant it is `a >= b + 1`.
    fn compare_for_one_flag(&mut self, cond: Cond, e: &Step) -> Cond {
        if !matches!(cond, Cond::Above | Cond::BelowEqual) {
            self.compare_ints(e.class, e.a, e.b);
            return cond;
        }
        if !e.b.is_const() {
            self.compare_ints(e.class, e.b, e.a);
            return cond.swap();
        }
        // Of -1, the largest number, the successor is 0.
        match e.b.reference.as_small().filter(|&imm| imm != -1).and_then(|imm| Ref::small(i64::from(imm) + 1)) {
            Some(next) => {
                self.compare_ints(e.class, e.a, self.value(next));
                if cond == Cond::Above { Cond::AboveEqual } else { Cond::Below }
            }
            None => {
                self.compare_ints(e.class, e.a, e.b);
                cond
            }
        }
    }

    #[inline(always)]
    fn compare_ints(&mut self, class: Class, a: Value, b: Value) {
        if let Some(left) = self.register_of(a)
            && !self.is_fused(a)
        {
            let width = width(class);
            if let Some(imm) = b.reference.as_small() {
                match imm {
                    0 => self.test_rr(width, left.any(), left.any()),
                    _ => self.alu_ri(Alu::Cmp, width, left.any(), imm),
                }
                return self.release(a);
            }
            if let Some(right) = self.register_of(b)
                && !self.is_fused(b)
            {
                self.alu_rr(Alu::Cmp, width, left.any(), right.any());
                self.release(a);
                return self.release(b);
            }
        }
        self.compare_elsewhere(class, a, b);
    }

    #[inline(never)]
    fn compare_elsewhere(&mut self, class: Class, a: Value, b: Value) {
        let width = width(class);
        let right = match self.source(b, class) {
            Source::Slot(_) if self.is_fused(a) => Source::Reg(self.read(b, class)),
            source => source,
        };
        // A fused load may be the first operand, too.
        let in_place = !a.is_const() && matches!(right, Source::Reg(_) | Source::Imm(_));
        let left = match in_place || self.is_fused(a) {
            true => self.source(a, class),
            false => Source::Reg(self.read(a, class)),
        };
        match (left, right) {
            (Source::Reg(a), Source::Imm(0)) => self.test_rr(width, a.any(), a.any()),
            (Source::Reg(a), _) => self.alu(Alu::Cmp, width, a, right),
            (Source::Slot(at), Source::Reg(b)) => self.alu_mr(Alu::Cmp, width, frame(at), b.any()),
            (Source::Slot(at), Source::Imm(imm)) => self.alu_mi(Alu::Cmp, width, frame(at), imm),
            (Source::Heap(address, offset), Source::Reg(b)) => {
                self.site(SiteKind::Memory, offset);
                self.alu_mr(Alu::Cmp, width, address.addr(), b.any());
            }
            (Source::Heap(address, offset), Source::Imm(imm)) => {
                self.site(SiteKind::Memory, offset);
                self.alu_mi(Alu::Cmp, width, address.addr(), imm);
            }
            _ => unreachable!("the first operand is a register unless the second is none in memory"),
        }
        self.release(a);
        self.release(b);
    }

    /// `dst = (a test b)`
    #[inline(never)]
    pub(super) fn set(&mut self, test: Test, e: &Entry) {
        let e = &self.step(e);
        if let Test::Float(cond @ (FloatCond::Eq | FloatCond::Ne)) = test {
            return self.set_float_equal(cond, e);
        }
        let zeroed = self.zeroed_target(e);
        let Flags::One(cond) = self.compare(test, e) else { unreachable!("handled above") };
        let target = zeroed.unwrap_or_else(|| self.target(e, None, 0));
        self.asm.setcc(cond, target.any());
        if zeroed.is_none() {
            self.asm.movzx_rr(Width::W8, target.any(), target.any());
        }
        self.define(e.dst, target, Class::I32);
    }

    /// Zeroes the target of a comparison before it, if no operand is in it and nothing has to go elsewhere for it. `setcc` writes
    /// eight bits, so it waits for whoever wrote the rest before; a zeroed register is waited for by nobody, and the result needs
    /// no extension, which takes a cycle.
    fn zeroed_target(&mut self, e: &Step) -> Option<Gp64> {
        let operands = self.registers_read(e.class, e.a)? | self.registers_read(e.class, e.b)?;
        let target = match e.pinned() {
            Some(home) => Some(home).filter(|&home| bit(home) & operands == 0)?,
            None => gpr(self.bank.choose_free(e.hint, INTS & !u32::from(operands))?),
        };
        self.alu_rr(Alu::Xor, Width::W32, target.any(), target.any());
        Some(target)
    }

    /// The integer registers that a comparison reads of a value; `None` if the value must be loaded first.
    fn registers_read(&self, class: Class, value: Value) -> Option<u16> {
        if self.is_fused(value) {
            let index = self.fused_index();
            return if index.is_const() { Some(0) } else { self.register_of(index).map(bit) };
        }
        match class.is_float() || value.is_const() || !value.exists() {
            true => Some(0),
            false => self.register_of(value).map(bit),
        }
    }

    /// The comparison and, with the entry that follows, `dst = if a test b { a } else { b }`.
    #[inline(never)]
    pub(super) fn select(&mut self, test: Test, e: &Entry) {
        let flags = self.compare(test, &self.step(e));
        self.bank.unlock_all();
        self.at += 1;
        let select = &self.step(&self.entries[self.at]);
        match select.class.is_float() {
            true => self.select_float(flags, select),
            false => self.select_int(flags, select),
        }
    }

    fn select_int(&mut self, flags: Flags, e: &Step) {
        let width = width(e.class);
        // The condition that keeps `a`, and its inverse.
        let (chosen, other, cond) = match flags {
            Flags::One(cond) => {
                // `dst` starts as the value that is in place already.
                let b_in_place = e.pinned().is_some_and(|home| self.register_of(e.b) == Some(home))
                    || self.dying(e.b).is_some() && e.pinned().is_none();
                match b_in_place {
                    true => (e.b, e.a, cond),
                    false => (e.a, e.b, cond.invert()),
                }
            }
            Flags::Equal => (e.a, e.b, Cond::NotEqual),
            Flags::NotEqual => (e.b, e.a, Cond::NotEqual),
        };
        let other_register = match other.is_const() {
            false => self.source_in_place(other, e.class),
            true => Source::Reg(self.read(other, e.class)),
        };
        let avoid = match other_register {
            Source::Reg(register) => bit(register),
            _ => 0,
        };
        let reuse = self.dying(chosen);
        let source = self.register_of(chosen);
        let target = match (reuse, e.pinned()) {
            (Some(register), None) => {
                self.release(chosen);
                self.take(register)
            }
            _ => {
                if let Some(register) = source {
                    self.bank.lock(register.num());
                }
                let target = self.target(e, None, avoid);
                self.load_into(target, chosen, e.class);
                self.release(chosen);
                target
            }
        };
        self.conditional_move(cond, width, target, other_register);
        if !matches!(flags, Flags::One(_)) {
            self.conditional_move(Cond::Parity, width, target, other_register);
        }
        self.release(other);
        self.define(e.dst, target, e.class);
    }

    fn conditional_move(&mut self, cond: Cond, width: Width, target: Gp64, source: Source) {
        match source {
            Source::Reg(register) => self.cmov_rr(cond, width, target.any(), register.any()),
            Source::Slot(at) => _ = self.asm.cmov_rm(cond, width, target.any(), frame(at)),
            Source::Imm(_) | Source::Heap(..) => unreachable!("read into a register"),
        };
    }

    /// A value where it is, register or memory, without loading it.
    fn source_in_place(&mut self, value: Value, class: Class) -> Source {
        match self.register_of(value) {
            Some(_) => Source::Reg(self.read(value, class)),
            None => Source::Slot(self.slot(value)),
        }
    }

    /// Goes to one of many labels. The index is masked against misspeculation: a mispredicted bound reads entry 0.
    #[inline(never)]
    pub(super) fn branch_table(&mut self, e: &Entry) {
        let e = &self.step(e);
        let tape = self.tape;
        let targets = tape.list(e.imm);
        let (&default, targets) = targets.split_last().expect("there is a default target");
        let index = self.read(e.a, Class::I32);
        self.release(e.a);
        if targets.len() <= CHAIN_TARGETS {
            for (value, &target) in targets.iter().enumerate() {
                match value {
                    0 => self.test_rr(Width::W32, index.any(), index.any()),
                    _ => self.alu_ri(Alu::Cmp, Width::W32, index.any(), value as i32),
                }
                self.jcc(Cond::Equal, self.label_of(target));
            }
            self.jump(default);
            return;
        }
        // No temp is alive behind this entry, so any scratch register will do.
        self.forget_scratch();
        self.bank.lock(index.num());
        let masked = self.scratch(0, 0);
        let table = self.scratch(0, 0);
        let label = self.asm.label();
        self.alu_rr(Alu::Xor, Width::W32, masked.any(), masked.any());
        self.alu_ri(Alu::Cmp, Width::W32, index.any(), targets.len() as i32);
        self.jcc(Cond::AboveEqual, self.label_of(default));
        self.cmov_rr(Cond::Below, Width::W32, masked.any(), index.any());
        self.asm.lea_label(table.any(), label);
        let entry = Addr::base_index(table.any(), masked, Scale::X4, 0);
        self.movsx_rm(Width::W32, Width::W64, masked.any(), entry);
        self.alu_rr(Alu::Add, Width::W64, table.any(), masked.any());
        self.asm.jmp_r(table.any());
        self.tables.push((label, e.imm));
    }

    #[inline(never)]
    pub(super) fn unreachable(&mut self) {
        let wasm_offset = self.take_offset();
        self.explicit_trap(TrapCode::Unreachable, wasm_offset);
    }
}
