//! Exceptions: what throws, and the code by which they arrive at a label.

use super::state::{Emit, frame};
use crate::abi::layout::CONTEXT_BUILTINS;
use crate::abi::positions::{Catch, NO_CATCH, SiteKind};
use crate::abi::{Builtin, CALLEE, CONTEXT, INT_ARGS, Place, TrapCode, VALUE_BYTES};
use crate::compile::assign::Home;
use crate::compile::op::Class;
use crate::compile::scan::class_of;
use crate::compile::tape::{CatchInfo, Entry, ListItem, NO_HANDLER};
use crate::types::{TagIndex, ValType};
use planish_asm::regs::{rax, rcx, rdx, rsp};
use planish_asm::{Addr, Width};

impl Emit<'_> {
    #[inline(never)]
    pub(super) fn throw(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        let (values, tag) = (self.tape.list(e.a.to_item()), TagIndex(e.imm));
        self.before_throw(e, values);
        let types = self.module.info.types[self.module.info.tags[tag.index()].index()].params();
        let places: Vec<Place> = (0..values.len() as u32).map(|index| Place::Stack(index * VALUE_BYTES)).collect();
        self.store_list(values, types, &places, 0);
        self.mov_ri(Width::W32, INT_ARGS[0].any(), i64::from(tag.0));
        self.mov_rr(Width::W64, INT_ARGS[1].any(), rsp.any());
        self.call_thrower(Builtin::Throw, wasm_offset);
    }

    #[inline(never)]
    pub(super) fn throw_ref(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        self.before_throw(e, &[e.a.to_item()]);
        self.load_list(&[e.a.to_item()], &[ValType::I64], &[Place::Gpr(INT_ARGS[0])]);
        self.call_thrower(Builtin::ThrowRef, wasm_offset);
    }

    /// A catch in this function finds variables where a call saves them.
    fn before_throw(&mut self, e: &Entry, values: &[ListItem]) {
        if self.handler != NO_HANDLER {
            self.before_call(e, values);
        }
    }

    fn call_thrower(&mut self, builtin: Builtin, wasm_offset: u32) {
        self.mov_rm(Width::W64, CALLEE.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_BUILTINS));
        self.call_m(Addr::base_disp(CALLEE.any(), 8 * builtin as i32));
        self.site(SiteKind::Call, wasm_offset);
        self.note_catch(self.handler);
        // A return address lies in the function that called.
        self.asm.ud2();
        self.asm.u8(TrapCode::Unreachable as u8);
        self.forget_scratch();
    }

    /// The call just emitted can be left by an exception.
    pub(super) fn note_catch(&mut self, handler: u32) {
        let first = self.tape.first_catch(handler);
        if first != NO_HANDLER {
            self.calls.caught.push((self.base + self.asm.pos() as u32, self.first_catch + first));
        }
    }

    /// The code of all catches, behind the function.
    pub(super) fn catches(&mut self) {
        let tape = self.tape;
        for info in &tape.catches {
            let next = match info.next {
                NO_HANDLER => tape.first_catch(tape.handlers[info.handler as usize].outer),
                next => next,
            };
            self.calls.catches.push(Catch {
                tag: info.tag,
                keeps: info.exception != NO_HANDLER,
                code_offset: self.base + self.asm.pos() as u32,
                next: if next == NO_HANDLER { NO_CATCH } else { self.first_catch + next },
            });
            self.catch(info);
        }
    }

    /// See [`Catch::code_offset`]. Calls save what lives at the label to its slot, if they destroy its register.
    fn catch(&mut self, info: &CatchInfo) {
        let entry = self.tape.labels[info.label as usize].entry;
        let plan = self.plan;
        for pin in plan.caller_pins.iter().filter(|pin| pin.start <= entry && pin.end > entry) {
            match plan.homes[pin.var as usize] {
                Home::Gpr(register) => self.load_slot(Width::W64, register.any(), pin.slot),
                Home::Xmm(register) => self.load_float(pin.class.whole_float(), register, frame(pin.slot)),
                Home::High { register, .. } => _ = self.asm.e_movups_rm(register, frame(pin.slot)),
                Home::Slot(_) | Home::Argument(_) | Home::Nowhere => {}
            }
        }
        if let Some(tag) = info.tag {
            let types = self.module.info.types[self.module.info.tags[tag.index()].index()].params();
            let tape = self.tape;
            for (index, (&var, ty)) in tape.list(info.values).iter().zip(types).enumerate() {
                self.catch_value(var, class_of(ty), Addr::base_disp(rax.any(), (index as u32 * VALUE_BYTES) as i32));
            }
        }
        match plan.homes.get(info.exception as usize) {
            Some(Home::Gpr(register)) => self.mov_rr(Width::W64, register.any(), rdx.any()),
            Some(Home::Slot(at)) => self.store_slot(*at, rdx.any()),
            _ => {}
        }
        self.jmp_label(self.label_of(info.label));
    }

    fn catch_value(&mut self, var: u32, class: Class, from: Addr) {
        match self.plan.homes[var as usize] {
            Home::Gpr(register) => self.mov_rm(Width::W64, register.any(), from),
            Home::Xmm(register) => self.load_float(class.whole_float(), register, from),
            Home::High { register, .. } => _ = self.asm.e_movups_rm(register, from),
            Home::Slot(at) if class.is_float() => {
                self.load_float(class.whole_float(), Self::FLOAT_TEMP, from);
                self.store_float(class.whole_float(), frame(at), Self::FLOAT_TEMP);
            }
            Home::Slot(at) => {
                self.mov_rm(Width::W64, rcx.any(), from);
                self.store_slot(at, rcx.any());
            }
            Home::Argument(_) | Home::Nowhere => {}
        }
    }
}
