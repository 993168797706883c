//! References, and tables of them.

use super::super::binary::signed;
use super::function::Function;
use super::plan::{heap_type, val_type};

impl Function<'_, '_> {
    /// A reference of a type.
    pub(super) fn reference(&mut self, ty: u8, depth: u32) {
        match self.choices.below(8) {
            1 | 2 if depth > 0 || ty != b'T' => self.get(ty),
            3 => self.global_get(ty),
            4 if depth > 0 && self.table_of(ty).is_some() => self.table_get(ty),
            5 if depth > 0 => {
                self.reference(ty, depth - 1);
                self.reference(ty, depth - 1);
                self.condition(depth - 1);
                self.code.extend([0x1C, 1]);
                self.code.extend(val_type(ty));
            }
            6 if depth > 0 && ty == b'T' => {
                self.reference(b't', depth - 1);
                self.code.push(0xD4);
            }
            6 if depth > 0 && ty == b't' => self.reference(b'T', depth - 1),
            6 if depth > 0 => {
                self.reference(ty, depth - 1);
                let local = self.local_of(ty, 0);
                self.local(0x22, local);
            }
            0 if ty != b'T' => self.null(ty),
            _ if matches!(ty, b'r' | b't' | b'T') => self.function(),
            _ => self.null(ty),
        }
    }

    fn null(&mut self, ty: u8) {
        self.code.extend([0xD0, heap_type(ty)]);
    }

    /// One of type 0.
    fn function(&mut self) {
        let (plan, which) = (self.plan, self.choices.below(self.plan.imports + 2));
        let function = if which < 2 { plan.some(which, self.choices) } else { 0 };
        self.code.extend([0xD2, function as u8]);
    }

    pub(super) fn is_null(&mut self, depth: u32) {
        let references: Vec<u8> = self.plan.globals[self.plan.numbers().len()..].to_vec();
        let ty = references[self.choices.below(references.len())];
        self.reference(ty, depth);
        self.code.push(0xD1);
    }

    fn table_of(&self, element: u8) -> Option<usize> {
        self.plan.tables.iter().position(|table| table.element == element)
    }

    fn table_get(&mut self, ty: u8) {
        let table = self.table_of(ty).expect("the caller has asked");
        self.table_index(self.plan.tables[table].wide);
        self.code.extend([0x25, table as u8]);
    }

    fn table_length(&mut self, wide: bool) {
        let length = self.choices.below(4) as u8;
        match self.choices.below(8) {
            0 => self.table_index(wide),
            _ => self.code.extend([if wide { 0x42 } else { 0x41 }, length]),
        }
    }

    /// Writes, grows, fills, copies or initialises a table.
    pub(super) fn table_statement(&mut self) {
        let table = self.choices.below(self.plan.tables.len());
        let (wide, element) = (self.plan.tables[table].wide, self.plan.tables[table].element);
        match self.choices.below(8) {
            0 => {
                self.operand(element);
                self.code.extend([if wide { 0x42 } else { 0x41 }, self.choices.below(3) as u8]);
                self.code.extend([0xFC, 15, table as u8]);
                self.set(if wide { b'I' } else { b'i' });
            }
            1 => {
                self.table_index(wide);
                self.operand(element);
                self.table_length(wide);
                self.code.extend([0xFC, 17, table as u8]);
            }
            2 => {
                self.table_index(wide);
                self.table_index(wide);
                self.table_length(wide);
                self.code.extend([0xFC, 14, table as u8, table as u8]);
            }
            // Segments 1 and 2 are passive.
            3 if matches!(element, b'r' | b't') => {
                let segment = if element == b'r' { 1 } else { 2 };
                self.table_index(wide);
                self.code.extend([0x41, self.choices.below(3) as u8, 0x41, self.choices.below(4) as u8]);
                self.code.extend([0xFC, 12, segment, table as u8]);
            }
            4 if self.choices.below(32) == 1 => self.code.extend([0xFC, 13, 1]),
            5 => {
                self.table_get(element);
                self.set(element);
            }
            _ => {
                self.table_index(wide);
                self.operand(element);
                self.code.extend([0x26, table as u8]);
            }
        }
    }

    /// Calls or branches by a reference of type 0.
    pub(super) fn typed(&mut self) {
        // There may be fewer parameters, but the type is the second function's as well.
        let ty = signed(self.choices.below(2) as i64);
        match self.choices.below(5) {
            0 if self.may_call_references() => {
                self.arguments(0);
                let reference = [b't', b'T'][self.choices.below(2)];
                self.reference(reference, 2);
                self.code.push(0x14);
                self.code.extend(ty);
                self.results(0);
            }
            1 if self.may_call_references() && self.has_results_of(0) => {
                self.condition(2);
                self.code.extend([0x04, 0x40]);
                self.arguments(0);
                let reference = [b't', b'T'][self.choices.below(2)];
                self.reference(reference, 2);
                self.code.push(0x15);
                self.code.extend(ty);
                self.code.push(0x0B);
            }
            2 => {
                self.code.extend([0x02, 0x40]);
                self.reference(b't', 2);
                self.code.extend([0xD5, 0]);
                self.taken_reference();
                self.code.push(0x0B);
            }
            3 => {
                self.code.push(0x02);
                self.code.extend(val_type(b'T'));
                self.reference(b't', 2);
                self.code.extend([0xD6, 0]);
                self.reference(b'T', 1);
                self.code.push(0x0B);
                self.taken_reference();
            }
            _ => {
                self.reference(b'T', 2);
                self.taken_reference();
            }
        }
    }

    fn taken_reference(&mut self) {
        let ty = [b't', b'T'][self.choices.below(2)];
        match self.choices.below(3) {
            0 => self.code.push(0x1A),
            1 => self.global_set(ty),
            _ => self.set(ty),
        }
    }
}
