//! What follows a function's code: traps, repairs of rare cases, jump tables, constants.

use super::cold::Cold;
use super::state::Emit;
use crate::abi::layout::CONTEXT_BUILTINS;
use crate::abi::positions::SiteKind;
use crate::abi::{Builtin, CALLEE, CONTEXT, INT_ARGS, TrapCode};
use planish_asm::regs::{rax, rsp, xmm15};
use planish_asm::{Addr, Alu, Width, Xmm};

impl Emit<'_> {
    pub(super) fn explicit_trap(&mut self, code: TrapCode, wasm_offset: u32) {
        if !self.module.signals {
            let entry = self.trap_entry(code);
            self.call_m(entry);
            return self.site(SiteKind::Call, wasm_offset);
        }
        self.site(SiteKind::Explicit, wasm_offset);
        self.asm.ud2();
        self.asm.u8(code as u8);
    }

    /// Passes the code to the builtin that traps; where that is to be entered.
    fn trap_entry(&mut self, code: TrapCode) -> Addr {
        self.mov_ri(Width::W32, INT_ARGS[0].any(), i64::from(code as u8));
        self.mov_rm(Width::W64, CALLEE.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_BUILTINS));
        Addr::base_disp(CALLEE.any(), 8 * Builtin::Trap as i32)
    }

    pub(super) fn cold_code(&mut self) {
        let mut next = 0;
        while let Some(&cold) = self.cold.get(next) {
            next += 1;
            self.asm.bind(cold.label());
            #[cfg(feature = "coverage")]
            self.mark_cold(&cold);
            match cold {
                Cold::Trap { code, wasm_offset, .. } => self.explicit_trap(code, wasm_offset),
                Cold::Overflow { .. } => {
                    // As if the caller had called the builtin: there is no frame yet.
                    // A callee pops its arguments.
                    if self.layout.arg_bytes > 0 {
                        self.load_slot(Width::W64, rax.any(), 0);
                        self.alu_ri(Alu::Add, Width::W64, rsp.any(), self.layout.arg_bytes as i32);
                        self.store_slot(0, rax.any());
                    }
                    let entry = self.trap_entry(TrapCode::StackExhausted);
                    self.asm.jmp_m(entry);
                }
                Cold::Foreign { back, popped, handler, wasm_offset, .. } => {
                    self.call_foreign(popped, handler, wasm_offset);
                    self.jmp_label(back);
                }
                Cold::ForeignTail { .. } => self.jump_foreign(),
                Cold::RemainderOfMinusOne { back, .. } => {
                    let rdx = planish_asm::regs::rdx;
                    self.alu_rr(Alu::Xor, Width::W32, rdx.any(), rdx.any());
                    self.jmp_label(back);
                }
                Cold::NarrowDivision { back, divisor, wasm_offset, .. } => {
                    self.divide_narrow(divisor, wasm_offset);
                    self.jmp_label(back);
                }
                Cold::MinMax { back, prec, min, target, other, .. } => {
                    self.min_max_of_equals(prec, min, target, other, back);
                }
                Cold::Trunc(fix) => self.fix_trunc(&fix),
                Cold::ConvertUnsigned { back, prec, target, source, half, .. } => {
                    self.convert_halved(prec, target, source, half);
                    self.jmp_label(back);
                }
            }
        }
    }

    pub(super) fn data(&mut self) {
        if !self.tables.is_empty() {
            self.asm.align(4);
        }
        let tape = self.tape;
        for index in 0..self.tables.len() {
            let (label, list) = self.tables[index];
            self.asm.bind(label);
            let targets = tape.list(list);
            for &target in &targets[..targets.len() - 1] {
                self.asm.dd_label_diff(self.label_of(target), label);
            }
        }
        if !self.constants.is_empty() {
            self.asm.align(16);
        }
        for index in 0..self.constants.len() {
            let (value, label) = self.constants[index];
            self.asm.bind(label);
            self.asm.u64(value as u64);
            self.asm.u64((value >> 64) as u64);
        }
    }

    /// The address of a 16-byte constant behind the function.
    pub(super) fn constant(&mut self, value: u128) -> Addr {
        let known = self.constants.iter().rev().take(16).find(|constant| constant.0 == value);
        let label = match known {
            Some(&(_, label)) => label,
            None => {
                let label = self.asm.label();
                self.constants.push((value, label));
                label
            }
        };
        Addr::rip(label)
    }

    /// Is the scratch register of float lowerings; never holds a value between entries.
    pub(super) const FLOAT_TEMP: Xmm = xmm15;
}
