//! Blocks, loops, branches, calls and exceptions.

use super::super::binary::{leb, signed};
use super::function::{Function, MAX_LOOPS, seen};
use super::plan::{Exceptions, TAGS};

impl Function<'_, '_> {
    /// A statement with a block or a call.
    pub(super) fn control(&mut self) {
        match self.choices.below(16) {
            0..3 => {
                self.condition(3);
                self.code.extend([0x04, 0x40]);
                self.statement();
                if self.choices.below(2) == 0 {
                    self.code.push(0x05);
                    self.statement();
                }
                self.code.push(0x0B);
            }
            3..6 => {
                self.code.extend([0x02, 0x40]);
                if self.choices.below(2) == 0 {
                    self.statement();
                }
                self.condition(3);
                self.code.extend([0x0D, 0]);
                self.statement();
                self.code.push(0x0B);
            }
            6 if self.loops < MAX_LOOPS => self.a_loop(),
            7 => self.branch_table(),
            8 | 9 => self.call(),
            10 => self.call_table(),
            11 | 12 => match self.plan.exceptions {
                Exceptions::Standard => self.try_table(),
                Exceptions::Legacy => self.try_catch(),
                Exceptions::None => self.call(),
            },
            13 if self.plan.exceptions != Exceptions::None => self.throw(),
            14 if self.plan.typed => self.typed(),
            15 => self.leave(),
            _ => self.operation(),
        }
    }

    fn some_statements(&mut self) {
        for _ in 0..1 + self.choices.below(3) {
            self.statement();
        }
    }

    fn branch_table(&mut self) {
        // A few targets are compared with one by one.
        let count = [2, 5][self.choices.below(2)];
        self.code.extend([0x02, 0x40, 0x02, 0x40, 0x02, 0x40]);
        self.operand(b'i');
        self.code.extend([0x0E, count]);
        self.code.extend((0..=count).map(|target| target % 3));
        self.code.push(0x0B);
        self.statement();
        self.code.push(0x0B);
        self.statement();
        self.code.push(0x0B);
    }

    /// Up to four turns.
    fn a_loop(&mut self) {
        let counter = self.local_of(b'k', self.loops);
        self.loops += 1;
        let turns = 1 + self.choices.below(4) as u8;
        self.code.extend([0x41, turns]);
        self.local(0x21, counter);
        self.code.extend([0x03, 0x40]);
        self.some_statements();
        self.local(0x20, counter);
        self.code.extend([0x41, 1, 0x6B]);
        self.local(0x22, counter);
        self.code.extend([0x0D, 0, 0x0B]);
        self.loops -= 1;
    }

    /// Returns or traps.
    fn leave(&mut self) {
        let plan = self.plan;
        self.condition(2);
        self.code.extend([0x04, 0x40]);
        match self.choices.below(8) {
            0 => self.code.push(0x00),
            _ => {
                for &ty in &plan.signatures[self.index].1 {
                    self.expression(seen(ty), 2);
                }
                self.code.push(0x0F);
            }
        }
        self.code.push(0x0B);
    }

    // Calls.

    /// Calls a function before this one, its own or the other instance's, in a loop one of the first; or the host.
    fn call(&mut self) {
        let (plan, own) = (self.plan, if self.loops == 0 { self.index } else { self.index.min(2) });
        if plan.imports + own == 0 {
            return self.operation();
        }
        let which = self.choices.below(plan.imports + own);
        let (callee, signature) = if which < own { (plan.some(which, self.choices), which) } else { (0, 0) };
        if self.has_results_of(signature) && self.choices.below(4) == 0 {
            return self.conditionally(|function| {
                function.arguments(signature);
                function.local(0x12, callee as u32);
            });
        }
        self.arguments(signature);
        self.local(0x10, callee as u32);
        self.results(signature);
    }

    /// Once in each call, so that it ends with the stack or before.
    pub(super) fn recurse(&mut self) {
        let callee = self.plan.own(self.index);
        self.arguments(self.index);
        self.local(0x10, callee as u32);
        self.results(self.index);
    }

    /// By table 0, which has functions of types that are not called, too.
    fn call_table(&mut self) {
        if !self.may_call_references() {
            return self.operation();
        }
        let signature = if self.index > 2 && self.loops == 0 { self.choices.below(3) } else { 0 };
        let wide = self.plan.tables[0].wide;
        if self.has_results_of(signature) && self.choices.below(4) == 0 {
            return self.conditionally(|function| {
                function.arguments(signature);
                function.table_index(wide);
                function.code.extend([0x13, signature as u8, 0]);
            });
        }
        self.arguments(signature);
        self.table_index(wide);
        self.code.extend([0x11, signature as u8, 0]);
        self.results(signature);
    }

    fn conditionally(&mut self, body: impl FnOnce(&mut Self)) {
        self.condition(2);
        self.code.extend([0x04, 0x40]);
        body(self);
        self.code.push(0x0B);
    }

    /// The first two functions have the references' own type.
    pub(super) fn may_call_references(&self) -> bool {
        self.index >= 2
    }

    /// May that function be called in place of this one?
    pub(super) fn has_results_of(&self, signature: usize) -> bool {
        self.plan.signatures[signature].1 == self.plan.signatures[self.index].1
    }

    pub(super) fn arguments(&mut self, signature: usize) {
        let params = &self.plan.signatures[signature].0;
        // The host sees what it is passed, and its function has the type of the first two.
        let may_be_seen = signature < 2 && self.plan.imports > 0;
        let params = params.iter().map(|&ty| if may_be_seen { seen(ty) } else { ty });
        self.values(&params.collect::<Vec<u8>>());
    }

    fn values(&mut self, types: &[u8]) {
        for &ty in types {
            match self.choices.below(2) {
                0 => self.operand(ty),
                _ => self.expression(ty, 2),
            }
        }
    }

    pub(super) fn results(&mut self, signature: usize) {
        let plan = self.plan;
        self.set_all(&plan.signatures[signature].1);
    }

    fn set_all(&mut self, types: &[u8]) {
        for &ty in types.iter().rev() {
            self.set(ty);
        }
    }

    // Exceptions.

    fn throw(&mut self) {
        let (plan, tag) = (self.plan, self.choices.below(TAGS));
        let reference = plan.exceptions == Exceptions::Standard && self.choices.below(4) == 0;
        self.conditionally(|function| {
            if reference {
                function.reference(b'x', 2);
                return function.code.push(0x0A);
            }
            function.values(&plan.tags[tag]);
            function.code.extend([0x08, tag as u8]);
        });
    }

    /// Up to two catches, of which the second goes to the end of all.
    fn try_table(&mut self) {
        let (plan, tag, kind) = (self.plan, self.choices.below(TAGS), self.choices.below(4));
        let (tagged, keeps) = (kind < 2, kind % 2 == 1);
        self.code.extend([0x02, 0x40, 0x02]);
        match kind {
            0 => self.code.extend(signed(plan.tag_type(tag) as i64 + 1)),
            1 => self.code.extend(signed(plan.tag_type(tag) as i64 + 2)),
            2 => self.code.push(0x40),
            _ => self.code.extend([0x64, 0x69]),
        }
        let second = self.choices.below(2) as u8;
        self.code.extend([0x1F, 0x40, 1 + second, kind as u8]);
        if tagged {
            self.code.push(tag as u8);
        }
        self.code.push(0);
        if second > 0 {
            self.code.extend([2, 1]);
        }
        self.some_statements();
        self.throw();
        self.code.extend([0x0B, 0x0C, 1, 0x0B]);
        match self.choices.below(4) {
            _ if !keeps => {}
            0 => self.code.push(0x1A),
            // Its values are lost.
            1 => {
                self.code.extend([0x0A, 0x0B]);
                return;
            }
            2 => self.global_set(b'x'),
            _ => self.set(b'x'),
        }
        if tagged {
            self.set_all(&plan.tags[tag]);
        }
        self.code.push(0x0B);
    }

    /// Those of before WebAssembly 3.0.
    fn try_catch(&mut self) {
        let (plan, kind) = (self.plan, self.choices.below(4));
        self.code.extend([0x06, 0x40]);
        self.some_statements();
        self.throw();
        if kind == 0 {
            return self.code.extend([0x18, 0]);
        }
        if kind < 3 {
            let tag = self.choices.below(TAGS);
            self.code.push(0x07);
            self.code.extend(leb(tag as u64));
            self.set_all(&plan.tags[tag]);
            self.in_catch();
        }
        if kind > 1 {
            self.code.push(0x19);
            self.in_catch();
        }
        self.code.push(0x0B);
    }

    fn in_catch(&mut self) {
        self.statement();
        if self.choices.below(2) == 0 {
            self.conditionally(|function| function.code.extend([0x09, 1]));
        }
    }
}
