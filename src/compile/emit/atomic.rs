//! Atomic memory accesses: `lock` and `xchg`. A plain load is one that all threads see in order, as all stores are `xchg`
//! (SDM Vol. 3A, 10.2.3).

use super::address::HeapAddress;
use super::memory::access_bytes;
use super::operand::{Step, Value};
use super::state::{Emit, Source, width};
use crate::abi::TrapCode;
use crate::compile::op::{Access, Class, Rmw};
use crate::compile::tape::Entry;
use planish_asm::regs::{rax, rsp};
use planish_asm::{Addr, Alu, Cond, Gp64, Unary, Width};

/// The prefix of an instruction that reads and writes memory in one step.
const LOCK: u8 = 0xF0;

/// How wide the access itself is.
fn access_width(access: Access, class: Class) -> Width {
    match access_bytes((access, class)) {
        1 => Width::W8,
        2 => Width::W16,
        4 => Width::W32,
        _ => Width::W64,
    }
}

impl Emit<'_> {
    /// Where the access goes: aligned, and inside if the memory is checked.
    fn atomic_address(&mut self, e: &Step, access: (Access, Class), wasm_offset: u32) -> HeapAddress {
        let bytes = access_bytes(access);
        if bytes > 1 {
            self.check_alignment(e, bytes, wasm_offset);
        }
        self.heap_address(e.a, e.imm, access, wasm_offset)
    }

    /// Traps unless index + offset is a multiple of the size: a matter of their low bits.
    fn check_alignment(&mut self, e: &Step, bytes: u32, wasm_offset: u32) {
        let (offset, class) = match self.memarg {
            Some(memarg) => (memarg.offset, memarg.index),
            None => (u64::from(e.imm), Class::I32),
        };
        let mask = bytes as i32 - 1;
        let offset = offset as i32 & mask;
        if let Some(index) = self.constant_of(e.a) {
            if index as i32 & mask != -offset & mask {
                let unaligned = self.trap(TrapCode::UnalignedAtomic, wasm_offset);
                self.jmp_label(unaligned);
            }
            return;
        }
        let index = self.read(e.a, class);
        let unaligned = self.trap(TrapCode::UnalignedAtomic, wasm_offset);
        if offset == 0 {
            self.asm.test_ri(Width::W8, index.any(), mask);
        } else {
            let sum = self.scratch(0, 0);
            self.lea_disp(Width::W32, sum.any(), index.any(), offset);
            self.asm.test_ri(Width::W8, sum.any(), mask);
            self.bank.unlock(sum.num());
        }
        self.jcc(Cond::NotEqual, unaligned);
    }

    #[inline(never)]
    pub(super) fn atomic_load(&mut self, access: Access, e: &Entry) {
        let wasm_offset = self.take_offset();
        let e = &self.step(e);
        let address = self.atomic_address(e, (access, e.class), wasm_offset);
        self.release(e.a);
        let target = self.target(e, None, 0);
        self.load_atomic(access_width(access, e.class), target, address, wasm_offset);
        self.define(e.dst, target, e.class);
    }

    /// Zero-extends.
    fn load_atomic(&mut self, width: Width, target: Gp64, address: HeapAddress, wasm_offset: u32) {
        self.heap_site(address, wasm_offset);
        match width {
            Width::W8 | Width::W16 => self.movzx_rm(width, target.any(), address.addr()),
            _ => self.mov_rm(width, target.any(), address.addr()),
        }
    }

    #[inline(never)]
    pub(super) fn atomic_store(&mut self, access: Access, e: &Entry) {
        let wasm_offset = self.take_offset();
        let e = &self.step(e);
        let value = self.own_copy(e.b, e.class);
        let address = self.atomic_address(e, (access, e.class), wasm_offset);
        self.heap_site(address, wasm_offset);
        self.asm.xchg_mr(access_width(access, e.class), address.addr(), value.any());
        self.release(e.a);
    }

    /// A value in a register that may be overwritten; the value is released.
    fn own_copy(&mut self, value: Value, class: Class) -> Gp64 {
        let dying = self.dying(value);
        if let Some(register) = dying {
            self.release(value);
            return self.take(register);
        }
        let register = self.scratch(0, 0);
        self.load_into(register, value, class);
        self.release(value);
        register
    }

    /// **Escape:** what is narrower than its class is zero-extended. Writing 32 bits of a register does that by itself.
    fn zero_extend(&mut self, width: Width, written: Gp64) {
        if let Width::W8 | Width::W16 = width {
            self.asm.movzx_rr(width, written.any(), written.any());
        }
    }

    #[inline(never)]
    pub(super) fn atomic_rmw(&mut self, op: Rmw, access: Access, e: &Entry) {
        let wasm_offset = self.take_offset();
        let e = &self.step(e);
        let to = access_width(access, e.class);
        let alu = match op {
            Rmw::Add => Alu::Add,
            Rmw::Sub => Alu::Sub,
            Rmw::And => Alu::And,
            Rmw::Or => Alu::Or,
            Rmw::Xor => Alu::Xor,
            Rmw::Exchange => return self.exchange(to, access, e, wasm_offset),
        };
        if !e.dst.exists() {
            let value = self.read(e.b, e.class);
            let address = self.atomic_address(e, (access, e.class), wasm_offset);
            self.heap_site(address, wasm_offset);
            self.asm.bytes(&[LOCK]);
            self.alu_mr(alu, to, address.addr(), value.any());
            self.release(e.a);
            return self.release(e.b);
        }
        match op {
            Rmw::Add | Rmw::Sub => self.exchange_and_add(op, to, access, e, wasm_offset),
            _ => self.compare_until_exchanged(alu, to, access, e, wasm_offset),
        }
    }

    fn exchange(&mut self, to: Width, access: Access, e: &Step, wasm_offset: u32) {
        let value = self.own_copy(e.b, e.class);
        let address = self.atomic_address(e, (access, e.class), wasm_offset);
        self.heap_site(address, wasm_offset);
        self.asm.xchg_mr(to, address.addr(), value.any());
        self.zero_extend(to, value);
        self.release(e.a);
        self.define(e.dst, value, e.class);
    }

    fn exchange_and_add(&mut self, op: Rmw, to: Width, access: Access, e: &Step, wasm_offset: u32) {
        let value = self.own_copy(e.b, e.class);
        let address = self.atomic_address(e, (access, e.class), wasm_offset);
        if op == Rmw::Sub {
            self.asm.unary_r(Unary::Neg, width(e.class), value.any());
        }
        self.heap_site(address, wasm_offset);
        let (m, r) = (address.addr(), value.any());
        match to {
            Width::W8 => _ = self.asm.lock_xadd_m8_r8(m.m8(), r.r8()),
            Width::W16 => _ = self.asm.lock_xadd_m16_r16(m.m16(), r.r16()),
            Width::W32 => _ = self.asm.lock_xadd_m32_r32(m.m32(), r.r32()),
            Width::W64 => _ = self.asm.lock_xadd_m64_r64(m.m64(), r.r64()),
        }
        self.zero_extend(to, value);
        self.release(e.a);
        self.define(e.dst, value, e.class);
    }

    /// Tries until nobody has interfered. What rax holds was zero-extended by the first load, and an attempt that fails writes
    /// no more of it.
    fn compare_until_exchanged(&mut self, op: Alu, to: Width, access: Access, e: &Step, wasm_offset: u32) {
        // First of all, so that no operand is in it.
        self.take(rax);
        let source = match self.source(e.b, e.class) {
            Source::Heap(..) => unreachable!("not fused"),
            source => source,
        };
        let address = self.atomic_address(e, (access, e.class), wasm_offset);
        let new = self.scratch(0, 0);
        self.load_atomic(to, rax, address, wasm_offset);
        let again = self.asm.label();
        self.asm.bind(again);
        self.mov_rr(width(e.class), new.any(), rax.any());
        self.alu(op, width(e.class), new, source);
        self.compare_and_exchange(to, address, new, wasm_offset);
        self.jcc(Cond::NotEqual, again);
        self.release(e.a);
        self.release(e.b);
        self.define(e.dst, rax, e.class);
    }

    fn compare_and_exchange(&mut self, to: Width, address: HeapAddress, new: Gp64, wasm_offset: u32) {
        self.heap_site(address, wasm_offset);
        let (m, r) = (address.addr(), new.any());
        match to {
            Width::W8 => _ = self.asm.lock_cmpxchg_m8_r8(m.m8(), r.r8()),
            Width::W16 => _ = self.asm.lock_cmpxchg_m16_r16(m.m16(), r.r16()),
            Width::W32 => _ = self.asm.lock_cmpxchg_m32_r32(m.m32(), r.r32()),
            Width::W64 => _ = self.asm.lock_cmpxchg_m64_r64(m.m64(), r.r64()),
        }
    }

    /// The comparison and, with the entry that follows, the exchange. Only the bits of the access are compared.
    #[inline(never)]
    pub(super) fn compare_exchange(&mut self, access: Access, e: &Entry) {
        let wasm_offset = self.take_offset();
        let compare = &self.step(e);
        self.at += 1;
        let replace = &self.step(&self.entries[self.at]);
        let to = access_width(access, compare.class);
        self.load_fixed(rax, compare.b, compare.class);
        let new = self.read(replace.a, compare.class);
        let address = self.atomic_address(compare, (access, compare.class), wasm_offset);
        self.compare_and_exchange(to, address, new, wasm_offset);
        // Of the expected value, which stays if it is the right one, the bits above the access are left.
        match to {
            Width::W32 => self.mov_rr(Width::W32, rax.any(), rax.any()),
            _ => self.zero_extend(to, rax),
        }
        self.release(compare.a);
        self.release(replace.a);
        self.define(replace.dst, rax, compare.class);
    }

    /// Any locked instruction is a fence (SDM Vol. 3A, 10.2.5), and faster than `mfence`.
    pub(super) fn fence(&mut self) {
        self.asm.bytes(&[LOCK]);
        self.alu_mi(Alu::Or, Width::W32, Addr::base(rsp.any()), 0);
    }

    /// The address of a waiting or waking operator; the builtin checks it. **Escape:** 64 bits must not wrap, as for any
    /// access.
    #[inline(never)]
    pub(super) fn address(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        let e = &self.step(e);
        self.plain = self.module.guarded;
        let (offset, class) = match self.memarg.take() {
            Some(memarg) => (memarg.offset, memarg.index),
            None => (u64::from(e.imm), Class::I32),
        };
        let sum = self.scratch(e.hint, 0);
        self.mov_ri(Width::W64, sum.any(), offset as i64);
        let index = self.read(e.a, class);
        self.alu_rr(Alu::Add, Width::W64, sum.any(), index.any());
        if class == Class::I64 {
            let out_of_bounds = self.trap(TrapCode::MemoryOutOfBounds, wasm_offset);
            self.jcc(Cond::Below, out_of_bounds);
        }
        self.release(e.a);
        self.define(e.dst, sum, Class::I64);
    }
}
