//! Tail calls: arguments to their places, the frame goes, a jump.
//!
//! A callee pops its stack arguments, so a caller finds its stack as it expects it whoever returned in the end. A callee of
//! another instance must leave the first caller its context: see [`Emit::jump_foreign`].

use super::cold::Cold;
use super::state::{Emit, frame};
use crate::abi::code_memory::Relocation;
use crate::abi::layout::{
    CONTEXT_HEAP, RECORD_CODE, RECORD_FOREIGN, RECORD_INSTANCE, RECORD_KIND, RECORD_KIND_HOST, RECORD_SIGNATURE,
    RESTORES_CONTEXT,
};
use crate::abi::{CALLEE, CONTEXT, HEAP, Place};
use crate::compile::op::Class;
use crate::compile::tape::Entry;
use crate::types::{FuncIndex, TypeIndex, ValType};
use planish_asm::regs::rsp;
use planish_asm::{Addr, Alu, Cond, Width};

impl Emit<'_> {
    #[inline(never)]
    pub(super) fn tail_call(&mut self, e: &Entry) {
        self.take_offset();
        let function = FuncIndex(e.imm);
        let ty = self.module.info.functions[function.index()];
        self.pass_arguments(self.tape.list(e.a.to_item()), ty, &self.module.layouts[ty.index()]);
        match function.0.checked_sub(self.module.info.imported_functions) {
            Some(own) => {
                self.leave_frame(ty);
                let at = self.asm.jmp_reloc(0) as u32 + self.base;
                self.relocations.push(Relocation { at, function: own });
            }
            None => {
                let record = Addr::base_disp(CONTEXT.any(), self.module.context.imported_function(function));
                self.mov_rm(Width::W64, CALLEE.any(), record);
                self.leave_frame(ty);
                self.jump_foreign();
            }
        }
    }

    #[inline(never)]
    pub(super) fn tail_call_indirect(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        let ty = TypeIndex(e.imm);
        self.find_indirect(self.tape.list(e.a.to_item()), ty, wasm_offset);
        self.jump_record(ty);
    }

    #[inline(never)]
    pub(super) fn tail_call_ref(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        let ty = TypeIndex(e.imm);
        self.pass_with_callee(self.tape.list(e.a.to_item()), ty, Class::I64);
        // A null must trap while there is a frame.
        self.null_site(wasm_offset);
        if self.module.signals {
            self.alu_mi(Alu::Cmp, Width::W32, Addr::base_disp(CALLEE.any(), RECORD_SIGNATURE), 0);
        }
        self.jump_record(ty);
    }

    /// Leaves the frame for the record in rax.
    fn jump_record(&mut self, ty: TypeIndex) {
        self.leave_frame(ty);
        let foreign = self.asm.label();
        self.alu_mr(Alu::Cmp, Width::W64, Addr::base_disp(CALLEE.any(), RECORD_INSTANCE), CONTEXT.any());
        self.jcc(Cond::NotEqual, foreign);
        self.asm.jmp_m(Addr::base_disp(CALLEE.any(), RECORD_CODE));
        self.cold.push(Cold::ForeignTail { label: foreign });
    }

    /// Restores what the caller's caller must find, and moves the stack arguments, now at rsp, and the return address to
    /// where a function of this type expects them: the arguments end where those of this function do. Keeps rax and
    /// all argument registers.
    fn leave_frame(&mut self, ty: TypeIndex) {
        let (own, passed) = (self.layout.arg_bytes as i32, self.module.layouts[ty.index()].arg_bytes as i32);
        let return_at = self.plan.return_address_at();
        // Not below rsp: the frame has room for the arguments.
        let to = return_at + own - passed;
        if own == passed {
            self.move_arguments(ty, to + 8);
            return self.pop_frame();
        }
        let plan = self.plan;
        for (place, register) in (1..).zip(&plan.saved) {
            self.load_slot(Width::W64, register.any(), return_at - 8 * place);
        }
        self.load_slot(Width::W64, HEAP.any(), return_at);
        self.move_arguments(ty, to + 8);
        self.store_slot(to, HEAP.any());
        if to > 0 {
            self.alu_ri(Alu::Add, Width::W64, rsp.any(), to);
        }
        self.load_heap_base();
    }

    /// Moves arguments from rsp to higher addresses, the highest first, as both places may overlap. Each is moved as wide as it
    /// was written and will be read.
    fn move_arguments(&mut self, ty: TypeIndex, to: i32) {
        let (types, layout) = (self.module.info.types[ty.index()].params(), &self.module.layouts[ty.index()]);
        for (ty, place) in types.iter().zip(&layout.params).rev() {
            if let Place::Stack(at) = *place {
                let class = if *ty == ValType::V128 { Class::V128 } else { Class::F64 };
                self.load_float(class, Self::FLOAT_TEMP, frame(at as i32));
                self.store_float(class, frame(to + at as i32), Self::FLOAT_TEMP);
            }
        }
    }

    /// Goes to the record in rax, of whatever instance, in place of a function that has left its frame.
    ///
    /// **Escape:** who returns must leave the first caller's context in r14 and r15. If the return address is one that
    /// [restores](RESTORES_CONTEXT) it anyway, the callee's entry can be jumped to; else the foreign entry saves it. So calls
    /// between instances take no stack beyond that one time. A host function keeps both registers.
    pub(super) fn jump_foreign(&mut self) {
        let (by_entry, restored) = (self.asm.label(), self.constant(u128::from(RESTORES_CONTEXT)));
        self.alu_mi(Alu::Cmp, Width::W32, Addr::base_disp(CALLEE.any(), RECORD_KIND), RECORD_KIND_HOST);
        self.jcc(Cond::Equal, by_entry);
        self.load_slot(Width::W64, HEAP.any(), 0);
        self.mov_rm(Width::W64, HEAP.any(), Addr::base(HEAP.any()));
        self.alu_rm(Alu::Cmp, Width::W64, HEAP.any(), restored);
        self.load_heap_base();
        self.jcc(Cond::NotEqual, by_entry);
        self.mov_rm(Width::W64, CONTEXT.any(), Addr::base_disp(CALLEE.any(), RECORD_INSTANCE));
        self.mov_rm(Width::W64, HEAP.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_HEAP));
        self.asm.jmp_m(Addr::base_disp(CALLEE.any(), RECORD_CODE));
        self.asm.bind(by_entry);
        self.asm.jmp_m(Addr::base_disp(CALLEE.any(), RECORD_FOREIGN));
    }
}
