//! Calls: arguments to their places, what must survive to its slots, results to their homes.

use super::cold::Cold;
use super::moves::{Moves, Step};
use super::operand::Value;
use super::registers::{gpr, xmm};
use super::state::{Emit, Source, frame};
use crate::abi::code_memory::Relocation;
use crate::abi::layout::{
    CONTEXT_BUILTINS, CONTEXT_ZERO, RECORD_CODE, RECORD_FOREIGN, RECORD_IMPORTER, RECORD_INSTANCE, RECORD_SIGNATURE,
    TABLE_BASE, TABLE_LEN,
};
use crate::abi::positions::SiteKind;
use crate::abi::{CALLEE, CONTEXT, CallLayout, INT_ARGS, Place, TrapCode};
use crate::compile::assign::Home;
use crate::compile::assign::{FLOAT_PLACE, IN_MEMORY};
use crate::compile::op::{Class, Op};
use crate::compile::scan::class_of;
use crate::compile::tape::{Entry, ListItem, NO_HANDLER, Ref};
use crate::types::{FuncIndex, TableIndex, TypeIndex, ValType};
use planish_asm::{Addr, Alu, Cond, Gp64, Shift, Width};

/// What is known of a list of values before any of them moves: sets of registers of both files, by place.
#[derive(Clone, Copy, Default)]
struct Passed {
    /// Those that are read to be moved elsewhere.
    sources: u32,
    /// Those that are written.
    targets: u32,
    /// Those that hold temps.
    temps: u32,
}

/// How wide a value is that lives in an integer register.
#[inline]
fn width_of(ty: &ValType) -> Width {
    if *ty == ValType::I32 { Width::W32 } else { Width::W64 }
}

impl Emit<'_> {
    #[inline(never)]
    pub(super) fn perform(&mut self, mut moves: Moves) {
        while let Some(step) = moves.step() {
            match step {
                Step::Move { to, from } => self.mov_rr(moves.width(to), gpr(to).any(), gpr(from).any()),
                Step::Cycle { to, from } => {
                    self.asm.xchg_rr(Width::W64, gpr(to).any(), gpr(from).any());
                    moves.done(to);
                    moves.redirect(to, from);
                }
            }
        }
    }

    pub(super) fn perform_floats(&mut self, mut moves: Moves) {
        while let Some(step) = moves.step() {
            match step {
                Step::Move { to, from } => self.move_float(xmm(to), xmm(from)),
                Step::Cycle { to, .. } => {
                    self.move_float(Self::FLOAT_TEMP, xmm(to));
                    moves.redirect(to, Self::FLOAT_TEMP.num());
                }
            }
        }
    }

    // Lists of values to places.

    #[inline]
    fn item(&self, item: ListItem) -> Value {
        self.value(Ref::from_item(item))
    }

    /// Stores what goes to the stack, `above` bytes over rsp.
    pub(super) fn store_list(&mut self, values: &[ListItem], types: &[ValType], places: &[Place], above: i32) {
        for (index, &item) in values.iter().enumerate() {
            if let Place::Stack(at) = places[index] {
                let value = self.item(item);
                self.store_value(value, class_of(&types[index]), frame(above + at as i32));
            }
        }
    }

    /// Stores a value with zeros above an i32; scratch registers stay as they are.
    fn store_value(&mut self, value: Value, class: Class, to: Addr) {
        if class == Class::V128 {
            let register = match self.float_register_of(value) {
                Some(register) => register,
                None => {
                    self.load_float_into(Self::FLOAT_TEMP, value, class);
                    Self::FLOAT_TEMP
                }
            };
            return self.store_float(class, to, register);
        }
        if let Some(constant) = self.constant_of(value) {
            let constant = if class == Class::I32 { i64::from(constant as u32) } else { constant };
            match i32::try_from(constant) {
                Ok(imm) => self.mov_mi(Width::W64, to, imm),
                Err(_) => {
                    let address = self.constant(constant as u64 as u128);
                    self.load_float(Class::F64, Self::FLOAT_TEMP, address);
                    self.store_float(Class::F64, to, Self::FLOAT_TEMP);
                }
            }
            return;
        }
        if class.is_float() {
            if let Some(register) = self.float_register_of(value) {
                return self.store_float(Class::F64, to, register);
            }
        } else if let Some(register) = self.register_of(value) {
            self.mov_mr(Width::W64, to, register.any());
            return;
        }
        let from = frame(self.slot(value));
        self.load_float(Class::F64, Self::FLOAT_TEMP, from);
        self.store_float(Class::F64, to, Self::FLOAT_TEMP);
    }

    /// Looks at the values of a list before any of them moves.
    #[inline]
    fn look(&self, values: &[ListItem], places: &[Place]) -> Passed {
        let mut passed = Passed::default();
        for (&item, &place) in values.iter().zip(places) {
            let value = self.item(item);
            let from = self.place(value);
            let source = u32::from(from & IN_MEMORY == 0) << (from & 31);
            passed.temps |= if value.is_temp() { source } else { 0 };
            let target = match place {
                Place::Gpr(to) => 1 << to.num(),
                Place::Xmm(to) => 1 << (FLOAT_PLACE | to.num()),
                Place::Stack(_) => continue,
            };
            passed.targets |= target;
            passed.sources |= source & !target;
        }
        passed
    }

    /// Brings what goes to registers there, all at once. Nothing is released: what follows forgets all scratch registers.
    pub(super) fn load_list(&mut self, values: &[ListItem], types: &[ValType], places: &[Place]) {
        let passed = self.look(values, places);
        self.load_passed(values, types, places, passed);
    }

    #[inline]
    fn load_passed(&mut self, values: &[ListItem], types: &[ValType], places: &[Place], passed: Passed) {
        if passed.sources & passed.targets != 0 {
            return self.load_crossed(values, types, places, None);
        }
        for ((&item, ty), &place) in values.iter().zip(types).zip(places) {
            let value = self.item(item);
            match place {
                Place::Gpr(to) => match self.register_of(value) {
                    Some(from) if from == to => {}
                    Some(from) => self.mov_rr(width_of(ty), to.any(), from.any()),
                    None => self.load_late(value, ty, place),
                },
                Place::Xmm(_) => self.load_late(value, ty, place),
                Place::Stack(_) => {}
            }
        }
    }

    /// The same together with a move to [`CALLEE`], where some value may be in the place of another.
    #[inline(never)]
    fn load_crossed(&mut self, values: &[ListItem], types: &[ValType], places: &[Place], callee: Option<Gp64>) {
        let (mut moves, mut floats) = (Moves::default(), Moves::default());
        if let Some(from) = callee {
            moves.add_as(Width::W64, CALLEE.num(), from.num());
        }
        // Fifteen at most: that many registers there are.
        let mut late = [0u32; 16];
        let mut late_count = 0;
        for (index, &item) in values.iter().enumerate() {
            let place = self.place(self.item(item));
            let in_register = place & IN_MEMORY == 0;
            match places[index] {
                Place::Gpr(to) if in_register => moves.add_as(width_of(&types[index]), to.num(), place & 15),
                Place::Xmm(to) if in_register => floats.add(to.num(), place & 15),
                Place::Stack(_) => {}
                _ => {
                    late[late_count] = index as u32;
                    late_count += 1;
                }
            }
        }
        self.perform(moves);
        if !floats.is_empty() {
            self.perform_floats(floats);
        }
        // What comes from memory or is constant overwrites no source any more.
        for &index in &late[..late_count] {
            let index = index as usize;
            self.load_late(self.item(values[index]), &types[index], places[index]);
        }
    }

    /// Brings a value to a register that nobody reads any more.
    #[inline(never)]
    fn load_late(&mut self, value: Value, ty: &ValType, place: Place) {
        match place {
            Place::Gpr(to) if self.constant_of(value) == Some(0) => {
                self.alu_rr(Alu::Xor, Width::W32, to.any(), to.any());
            }
            Place::Gpr(to) => self.load_into(to, value, class_of(ty)),
            Place::Xmm(to) => self.load_float_into(to, value, class_of(ty)),
            Place::Stack(_) => {}
        }
    }

    // Calls.

    #[inline(never)]
    pub(super) fn call_direct(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        let function = FuncIndex(e.imm);
        let ty = self.module.info.functions[function.index()];
        let layout = &self.module.layouts[ty.index()];
        let arguments = self.tape.list(e.a.to_item());
        let params = self.module.info.types[ty.index()].params();
        let live = self.save_pins(e);
        let passed = self.look(arguments, &layout.params);
        self.save_temps(passed.temps);
        if layout.arg_bytes > 0 {
            self.store_list(arguments, params, &layout.params, 0);
        }
        self.load_passed(arguments, params, &layout.params, passed);
        match function.0.checked_sub(self.module.info.imported_functions) {
            Some(own) => {
                let at = self.asm.call_reloc(0) as u32 + self.base;
                self.relocations.push(Relocation { at, function: own });
                self.call_site(layout.arg_bytes, self.handler, wasm_offset);
            }
            None => self.call_imported(function, layout.arg_bytes, wasm_offset),
        }
        self.after_call(e, ty, layout, live);
    }

    #[inline(never)]
    fn call_imported(&mut self, function: FuncIndex, popped: u32, wasm_offset: u32) {
        let record = Addr::base_disp(CONTEXT.any(), self.module.context.imported_function(function));
        self.mov_rm(Width::W64, CALLEE.any(), record);
        self.call_m(Addr::base_disp(CALLEE.any(), RECORD_IMPORTER));
        self.call_site(popped, self.handler, wasm_offset);
        self.load_slot(Width::W64, CONTEXT.any(), self.plan.context_at() - popped as i32);
        if self.module.guarded {
            self.load_heap_base();
        }
    }

    /// Calls the record in rax from outside its instance.
    pub(super) fn call_foreign(&mut self, popped: u32, handler: u32, wasm_offset: u32) {
        self.call_m(Addr::base_disp(CALLEE.any(), RECORD_FOREIGN));
        self.call_site(popped, handler, wasm_offset);
    }

    #[inline(never)]
    pub(super) fn call_indirect(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        let ty = TypeIndex(e.imm);
        let layout = &self.module.layouts[ty.index()];
        let list = self.tape.list(e.a.to_item());
        let live = self.before_call(e, &list[1..]);
        self.find_indirect(list, ty, wasm_offset);
        self.call_record(layout.arg_bytes, wasm_offset);
        self.after_call(e, ty, layout, live);
    }

    #[inline(never)]
    pub(super) fn call_ref(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        let ty = TypeIndex(e.imm);
        let layout = &self.module.layouts[ty.index()];
        let list = self.tape.list(e.a.to_item());
        let live = self.before_call(e, &list[1..]);
        self.pass_with_callee(list, ty, Class::I64);
        self.null_site(wasm_offset);
        self.call_record(layout.arg_bytes, wasm_offset);
        self.after_call(e, ty, layout, live);
    }

    /// The next instruction reads the record in rax, which may be null.
    pub(super) fn null_site(&mut self, wasm_offset: u32) {
        if self.module.signals {
            return self.site(SiteKind::NullReference, wasm_offset);
        }
        let null = self.trap(TrapCode::NullReference, wasm_offset);
        self.test_rr(Width::W64, CALLEE.any(), CALLEE.any());
        self.jcc(Cond::Equal, null);
    }

    /// Calls the record in rax. Its read of the record may be a site.
    fn call_record(&mut self, popped: u32, wasm_offset: u32) {
        let (foreign, back) = (self.asm.label(), self.asm.label());
        self.alu_mr(Alu::Cmp, Width::W64, Addr::base_disp(CALLEE.any(), RECORD_INSTANCE), CONTEXT.any());
        self.jcc(Cond::NotEqual, foreign);
        self.call_m(Addr::base_disp(CALLEE.any(), RECORD_CODE));
        self.call_site(popped, self.handler, wasm_offset);
        self.asm.bind(back);
        self.cold.push(Cold::Foreign { label: foreign, back, popped, handler: self.handler, wasm_offset });
    }

    /// Passes the arguments of a list, and in rax what stands before them: an index or a reference.
    pub(super) fn pass_with_callee(&mut self, list: &[ListItem], ty: TypeIndex, class: Class) {
        let (callee, values) = (self.item(list[1]), &list[2..]);
        let (params, layout) = (self.module.info.types[ty.index()].params(), &self.module.layouts[ty.index()]);
        if layout.arg_bytes > 0 {
            self.store_list(values, params, &layout.params, 0);
        }
        let register = self.register_of(callee);
        self.load_crossed(values, params, &layout.params, register);
        if register.is_none() {
            self.load_into(CALLEE, callee, class);
        }
    }

    /// Passes the arguments, and in rax the record that the table's element refers to, of the right type. Only rax is
    /// certain to be free once the arguments are in place, so bound, element and record follow each other in it.
    pub(super) fn find_indirect(&mut self, list: &[ListItem], ty: TypeIndex, wasm_offset: u32) {
        self.pass_with_callee(list, ty, self.table_index_class(TableIndex(list[0])));
        let out_of_bounds = self.trap(TrapCode::TableOutOfBounds, wasm_offset);
        let rax = CALLEE.any();
        let at = self.module.context.table(TableIndex(list[0]));
        let (base, len) = match at {
            crate::abi::layout::Slot::Own(at) => {
                (Addr::base_disp(CONTEXT.any(), at + TABLE_BASE), Addr::base_disp(CONTEXT.any(), at + TABLE_LEN))
            }
            crate::abi::layout::Slot::Imported(at) => {
                // r15 is loaded again below.
                let heap = crate::abi::HEAP.any();
                self.mov_rm(Width::W64, heap, Addr::base_disp(CONTEXT.any(), at));
                (Addr::base_disp(heap, TABLE_BASE), Addr::base_disp(heap, TABLE_LEN))
            }
        };
        self.alu_rm(Alu::Cmp, Width::W64, rax, len);
        self.jcc(Cond::AboveEqual, out_of_bounds);
        // A mispredicted bound reads element 0.
        self.asm.cmov_rm(Cond::AboveEqual, Width::W64, rax, Addr::base_disp(CONTEXT.any(), CONTEXT_ZERO));
        self.shift_ri(Shift::Shl, Width::W64, rax, 3);
        self.alu_rm(Alu::Add, Width::W64, rax, base);
        self.mov_rm(Width::W64, rax, Addr::base(rax));
        if let crate::abi::layout::Slot::Imported(_) = at {
            self.load_heap_base();
        }
        let bad_signature = self.trap(TrapCode::BadSignature, wasm_offset);
        match self.module.signals {
            true => self.site(SiteKind::NullRecord, wasm_offset),
            false => {
                let null = self.trap(TrapCode::IndirectCallToNull, wasm_offset);
                self.test_rr(Width::W64, rax, rax);
                self.jcc(Cond::Equal, null);
            }
        }
        let signature = self.module.signatures[ty.index()] as i32;
        self.alu_mi(Alu::Cmp, Width::W32, Addr::base_disp(rax, RECORD_SIGNATURE), signature);
        self.jcc(Cond::NotEqual, bad_signature);
    }

    #[inline(never)]
    pub(super) fn call_builtin(&mut self, e: &Entry) {
        let wasm_offset = self.take_offset();
        let list = self.tape.list(e.a.to_item());
        let live = self.before_call(e, list);
        let places = INT_ARGS.map(Place::Gpr);
        self.load_list(list, &[const { ValType::I64 }; INT_ARGS.len()], &places);
        self.mov_rm(Width::W64, CALLEE.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_BUILTINS));
        self.call_m(Addr::base_disp(CALLEE.any(), 8 * e.imm as i32));
        self.site(SiteKind::Call, wasm_offset);
        self.forget_scratch();
        if e.dst != Ref::NOTHING {
            let rax = self.take(CALLEE);
            self.define(self.value(e.dst), rax, e.class);
        }
        self.reload_pins(live);
        if !self.module.guarded {
            self.load_heap_base();
        }
    }

    pub(super) fn pass_arguments(&mut self, values: &[ListItem], ty: TypeIndex, layout: &CallLayout) {
        let params = self.module.info.types[ty.index()].params();
        // [`Place::Stack`] counts from above the return address, which the call pushes right below rsp.
        if layout.arg_bytes > 0 {
            self.store_list(values, params, &layout.params, 0);
        }
        self.load_list(values, params, &layout.params);
    }

    /// Does the call never return, and is not left by an exception that is caught here? Then nothing has to survive it.
    fn is_last(&self) -> bool {
        matches!(self.entries.get(self.at + 1), Some(next) if next.op == Op::Unreachable) && self.handler == NO_HANDLER
    }

    /// Saves what the call destroys and later entries read, as [`Emit::save_pins`].
    pub(super) fn before_call(&mut self, e: &Entry, arguments: &[ListItem]) -> u32 {
        let live = self.save_pins(e);
        if self.bank.temps() != 0 {
            let temps = arguments.iter().map(|&item| self.item(item)).filter(|value| value.is_temp());
            let places = temps.map(|value| self.place(value)).filter(|place| place & IN_MEMORY == 0);
            self.save_temps(places.fold(0, |kept, place| kept | 1 << (place & 31)));
        }
        live
    }

    /// Saves the pins that the call destroys and later entries read. Returns those to be restored, a bit for each by its
    /// place in [`Plan::caller_pins`](crate::compile::assign::Plan::caller_pins).
    #[inline(always)]
    fn save_pins(&mut self, e: &Entry) -> u32 {
        let live = if self.is_last() { 0 } else { self.live_pins(e) };
        let saved = if self.handler == NO_HANDLER { live } else { live | self.result_pin(e) };
        if saved != 0 {
            self.each_pin(saved, |emit, home, class, slot| match home {
                Home::Gpr(register) => emit.store_slot(slot, register.any()),
                Home::Xmm(register) => emit.store_float(class.whole_float(), frame(slot), register),
                Home::High { register, .. } => _ = emit.asm.e_movups_mr(frame(slot), register),
                _ => {}
            });
        }
        live
    }

    /// Spills the temps that are in other registers than these.
    #[inline]
    fn save_temps(&mut self, kept: u32) {
        let mut lost = self.bank.temps() & !kept;
        while lost != 0 {
            self.save_temp(lost.trailing_zeros() as u8);
            lost &= lost - 1;
        }
    }

    #[inline(never)]
    fn save_temp(&mut self, register: u8) {
        let slot = self.spill_slot(self.bank.cell(register));
        match register < FLOAT_PLACE {
            true => self.store_slot(slot, gpr(register).any()),
            false => self.store_float(self.plan.temp_class, frame(slot), xmm(register)),
        }
    }

    /// The pinned variables that live across the call in registers that it destroys.
    #[inline]
    fn live_pins(&self, e: &Entry) -> u32 {
        let at = self.at as u32;
        let mut live = 0;
        for (index, pin) in self.plan.caller_pins.iter().enumerate() {
            let lives = pin.start <= at && pin.end > at + 1 && e.dst != Ref::var(pin.var);
            live |= u32::from(lives) << index;
        }
        live
    }

    /// The pin of a call's result: an exception that is caught here leaves it as it was.
    fn result_pin(&self, e: &Entry) -> u32 {
        let place = self.plan.caller_pins.iter().position(|pin| e.dst == Ref::var(pin.var));
        place.map_or(0, |place| 1 << place)
    }

    #[inline]
    fn each_pin(&mut self, mut pins: u32, mut visit: impl FnMut(&mut Self, Home, Class, i32)) {
        let plan = self.plan;
        while pins != 0 {
            let pin = plan.caller_pins[pins.trailing_zeros() as usize];
            visit(self, plan.homes[pin.var as usize], pin.class, pin.slot);
            pins &= pins - 1;
        }
    }

    fn reload_pins(&mut self, live: u32) {
        self.each_pin(live, |emit, home, class, slot| match home {
            Home::Gpr(register) => emit.load_slot(Width::W64, register.any(), slot),
            Home::Xmm(register) => emit.load_float(class.whole_float(), register, frame(slot)),
            Home::High { register, .. } => _ = emit.asm.e_movups_rm(register, frame(slot)),
            _ => {}
        });
    }

    #[inline(always)]
    fn after_call(&mut self, e: &Entry, ty: TypeIndex, layout: &CallLayout, live: u32) {
        // The callee popped its arguments; the frame's size is fixed.
        if layout.arg_bytes > 0 {
            self.alu_ri(Alu::Sub, Width::W64, planish_asm::regs::rsp.any(), layout.arg_bytes as i32);
        }
        self.forget_scratch();
        if e.dst != Ref::NOTHING {
            self.receive(self.value(e.dst), e.class, layout.results[0]);
        } else if e.b != Ref::NOTHING {
            self.receive_list(self.tape.list(e.b.to_item()), ty, layout);
        }
        if live != 0 {
            self.reload_pins(live);
        }
        if !self.module.guarded {
            self.load_heap_base();
        }
    }

    fn receive_list(&mut self, list: &[ListItem], ty: TypeIndex, layout: &CallLayout) {
        let results = self.module.info.types[ty.index()].results();
        // Those in registers first: what comes from the stack needs some.
        for stack in [false, true] {
            for (index, &item) in list.iter().enumerate() {
                let place = layout.results[index];
                if matches!(place, Place::Stack(_)) == stack {
                    self.receive(self.item(item), class_of(&results[index]), place);
                }
            }
        }
    }

    /// A result goes from where the callee left it to its home.
    #[inline]
    fn receive(&mut self, dst: Value, class: Class, place: Place) {
        match place {
            Place::Gpr(register) => {
                self.take(register);
                self.define(dst, register, class);
            }
            Place::Xmm(register) => self.receive_float(dst, class, register),
            Place::Stack(at) => {
                assert!(dst.is_temp(), "a list holds temps, a single result is in a register");
                self.fits_temp(class);
                let slot = self.spill_slot(dst.cell);
                self.load_float(class.whole_float(), Self::FLOAT_TEMP, frame(at as i32));
                self.store_float(class.whole_float(), frame(slot), Self::FLOAT_TEMP);
            }
        }
    }

    /// `dst = a op src`, the first operand in place.
    #[inline]
    pub(super) fn alu(&mut self, op: Alu, width: Width, target: Gp64, source: Source) {
        match source {
            Source::Reg(register) => self.alu_rr(op, width, target.any(), register.any()),
            Source::Imm(imm) => self.alu_ri(op, width, target.any(), imm),
            Source::Slot(at) => self.alu_rm(op, width, target.any(), frame(at)),
            Source::Heap(address, wasm_offset) => {
                self.site(SiteKind::Memory, wasm_offset);
                self.alu_rm(op, width, target.any(), address.addr());
            }
        }
    }
}
