//! Calls, tail calls, builtins.

use super::item::Item;
use super::state::Scan;
use super::ty::Ty;
use crate::abi::Builtin;
use crate::compile::op::{Class, Op};
use crate::compile::tape::Ref;
use crate::decode::Invalid;
use crate::types::{FuncIndex, TypeIndex, ValType};

/// So many results of a call are received in scratch registers.
const MAX_UNSPILLED_RESULTS: usize = 3;

impl Scan<'_> {
    #[inline(never)]
    pub(super) fn call_direct(&mut self, function: u32) -> Result<(), Invalid> {
        let ty = self.function_type(function)?;
        if self.takes_call(ty)? {
            let args = self.arguments(ty, None);
            self.tape.calls_imports |= function < self.info.imported_functions;
            self.call(Op::Call, ty, args, function);
        }
        Ok(())
    }

    pub(super) fn call_table(&mut self, ty: u32, table: u32) {
        let index = self.pop_value();
        let args = self.arguments(TypeIndex(ty), Some((table, index)));
        self.call(Op::CallIndirect, TypeIndex(ty), args, ty);
    }

    pub(super) fn call_ref(&mut self, ty: u32) {
        let callee = self.pop_value();
        let args = self.arguments(TypeIndex(ty), Some((0, callee)));
        self.call(Op::CallRef, TypeIndex(ty), args, ty);
    }

    #[inline(always)]
    fn call(&mut self, op: Op, ty: TypeIndex, args: u32, imm: u32) {
        let layout = &self.layouts[ty.index()];
        let signature = &self.info.types[ty.index()];
        self.tape.outgoing_bytes = self.tape.outgoing_bytes.max(layout.arg_bytes + layout.result_bytes);
        self.can_trap();
        self.note_call();
        let results = signature.results();
        if let [result] = results {
            let ty = Ty::of(result);
            self.tape.vectors |= ty == Ty::V128;
            let dst = self.new_temp();
            self.push_call(op, ty.class(), dst, args, Ref::NOTHING.to_item(), imm);
            self.push_typed(ty, dst);
            return;
        }
        self.tape.spills |= results.len() > MAX_UNSPILLED_RESULTS;
        self.tape.vectors |= results.contains(&ValType::V128);
        let list = self.start_list(results.len());
        for result in results {
            let temp = self.new_temp();
            self.tape.lists.push(temp.to_item());
            self.push_typed(Ty::of(result), temp);
        }
        self.push_call(op, Class::I32, Ref::NOTHING, args, list, imm);
    }

    /// The list of a call's arguments, behind a table and an index, or 0 and a reference.
    #[inline(never)]
    fn arguments(&mut self, ty: TypeIndex, indirect: Option<(u32, Ref)>) -> u32 {
        let (layout, count) = (&self.layouts[ty.index()], self.info.types[ty.index()].params().len());
        match indirect {
            None => self.pop_list(&[], count, &layout.params),
            Some((table, index)) => {
                let args = self.pop_list(&[table, index.to_item()], count, &layout.params);
                self.consume(index);
                args
            }
        }
    }

    pub(super) fn tail_call_direct(&mut self, function: u32) {
        let ty = self.info.functions[FuncIndex(function).index()];
        self.tail_call(Op::TailCall, ty, None, function);
    }

    pub(super) fn tail_call_table(&mut self, ty: u32, table: u32) {
        let index = self.pop_value();
        self.tail_call(Op::TailCallIndirect, TypeIndex(ty), Some((table, index)), ty);
    }

    pub(super) fn tail_call_ref(&mut self, ty: u32) {
        let callee = self.pop_value();
        self.tail_call(Op::TailCallRef, TypeIndex(ty), Some((0, callee)), ty);
    }

    /// Nothing has to survive it, so it does not count as a call.
    fn tail_call(&mut self, op: Op, ty: TypeIndex, indirect: Option<(u32, Ref)>, imm: u32) {
        self.tape.outgoing_bytes = self.tape.outgoing_bytes.max(self.layouts[ty.index()].arg_bytes);
        let args = self.arguments(ty, indirect);
        self.can_trap();
        self.push_call(op, Class::I32, Ref::NOTHING, args, Ref::NOTHING.to_item(), imm);
        self.die();
    }

    #[inline(always)]
    pub(super) fn push_call(&mut self, op: Op, class: Class, dst: Ref, args: u32, results: u32, imm: u32) {
        let (a, b) = (Ref::from_item(args), Ref::from_item(results));
        self.tape.push(op, class, dst, a, b, imm);
    }

    /// Calls a builtin with the top `count` items behind leading constants; its result, if any, is of `class`.
    pub(super) fn builtin(&mut self, builtin: Builtin, first: &[u64], count: usize, result: Option<Class>) {
        let mut leading = [0; 1];
        for (place, &value) in leading.iter_mut().zip(first) {
            *place = self.constant(Class::I64, value as i64).to_item();
        }
        let from = self.stack.len() - count;
        for index in from..self.stack.len() {
            self.zero_extend_const(index);
        }
        let args = self.pop_list(&leading[..first.len()], count, &[]);
        self.can_trap();
        self.note_call();
        let dst = if result.is_some() { self.new_temp() } else { Ref::NOTHING };
        let none = Ref::NOTHING.to_item();
        self.push_call(Op::Builtin, result.unwrap_or(Class::I32), dst, args, none, builtin as u32);
        if let Some(class) = result {
            self.push_value(class, dst);
        }
    }

    /// Builtins take 64-bit values: an i32 constant among them is spelled out.
    fn zero_extend_const(&mut self, index: usize) {
        let Item { value, ty: Ty::I32 } = self.stack[index] else { return };
        if !value.is_lazy()
            && let Some(value) = self.tape.constant(value)
        {
            let wide = self.constant(Class::I64, i64::from(value as u32));
            self.stack[index].value = wide;
        }
    }

    #[inline(always)]
    pub(super) fn note_call(&mut self) {
        self.call_count += 1;
        self.tape.spills |= self.live_temps > 0;
        self.call_weight = self.call_weight.saturating_add(self.loop_weight);
        self.last_call = (self.tape.entries.len() as u32, self.loop_weight);
    }
}
