//! A function's body: values, and statements that have no blocks.

use super::super::binary::{leb, signed};
use super::plan::{Exceptions, FUNCTIONS, Plan, val_type};
use super::rows::{OPERATORS, Row};
use crate::bytes::Choices;

const INTEGERS: [i64; 16] =
    [0, 1, -1, 2, 3, 7, 31, -2, 100, 0x7F, 0xFF, 0xFFFF, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN];
const FLOATS: [f64; 10] =
    [0.0, -0.0, 1.0, -1.5, 2147483648.0, 9223372036854775808.0, 1e30, f64::INFINITY, f64::NAN, 0.1];

/// Of each type of numbers; of floats and vectors the last is for what is made canonical, and the last but one of floats
/// always holds what has the same bits everywhere.
const LOCALS_OF_EACH: u32 = 4;
/// Deeper loops are not made.
pub(super) const MAX_LOOPS: u32 = 2;

/// Locals that are written in one way only, by letters of their own.
const COUNTER: u8 = b'k';
/// i32 and i64 within the first page.
pub(super) const ADDRESS: [u8; 2] = [b'a', b'A'];
/// i32 and i64 below 8.
pub(super) const INDEX: [u8; 2] = [b'd', b'D'];

/// How often what is rarely right is done nevertheless: once in so many times.
pub(super) const SELDOM: usize = 256;

pub(super) struct Function<'a, 'b> {
    pub(super) plan: &'a Plan,
    /// Among those defined.
    pub(super) index: usize,
    pub(super) choices: &'a mut Choices<'b>,
    /// Letter, first local, count.
    locals: Vec<(u8, u32, u32)>,
    pub(super) code: Vec<u8>,
    /// Enclosing loops; each has a counter of its own.
    pub(super) loops: u32,
    /// Operators to come, about.
    pub(super) budget: u32,
}

impl<'a, 'b> Function<'a, 'b> {
    /// Declarations of locals, statements, results.
    pub(super) fn body(plan: &'a Plan, index: usize, choices: &'a mut Choices<'b>) -> Vec<u8> {
        let mut groups: Vec<(u8, u32)> = plan.numbers().iter().map(|&ty| (ty, LOCALS_OF_EACH)).collect();
        groups.push((COUNTER, MAX_LOOPS));
        groups.extend(ADDRESS.map(|letter| (letter, 2)));
        groups.extend(INDEX.map(|letter| (letter, 1)));
        groups.extend([(b'r', 2), (b'e', 1)]);
        if plan.typed {
            groups.extend([(b't', 2), (b'T', 1)]);
        }
        if plan.exceptions == Exceptions::Standard {
            groups.push((b'x', 1));
        }
        let mut next = plan.signatures[index].0.len() as u32;
        let mut locals = Vec::new();
        for &(letter, count) in &groups {
            locals.push((letter, next, count));
            next += count;
        }
        let mut function = Function { plan, index, choices, locals, code: Vec::new(), loops: 0, budget: 160 };
        function.statements();
        let mut body = leb(groups.len() as u64);
        for (letter, count) in groups {
            body.extend(leb(count.into()));
            body.extend(val_type(match letter {
                COUNTER | b'a' | b'd' => b'i',
                b'A' | b'D' => b'I',
                letter => letter,
            }));
        }
        body.extend(&function.code);
        body.push(0x0B);
        body
    }

    fn statements(&mut self) {
        if self.plan.typed {
            self.reference(b'T', 0);
            let local = self.local_of(b'T', 0);
            self.local(0x21, local);
        }
        if self.plan.relaxed {
            // What says that the module has relaxed operators.
            self.constant(b'V');
            self.constant(b'V');
            self.operator(0xFD, 0x100);
            self.set(b'V');
        }
        let most = [6, 40][self.choices.below(2)];
        for _ in 0..1 + self.choices.below(most) {
            self.statement();
        }
        if self.index == FUNCTIONS - 1 && self.choices.below(64) == 1 {
            self.recurse();
        }
        let plan = self.plan;
        for &ty in &plan.signatures[self.index].1 {
            self.expression(seen(ty), 4);
        }
    }

    pub(super) fn operator(&mut self, prefix: u8, operator: u32) {
        match prefix {
            0 => self.code.push(operator as u8),
            _ => {
                self.code.push(prefix);
                self.code.extend(leb(operator.into()));
            }
        }
    }

    /// An operator with a number behind it.
    pub(super) fn local(&mut self, operator: u8, local: u32) {
        self.code.push(operator);
        self.code.extend(leb(local.into()));
    }

    /// The `which`-th local of a letter.
    pub(super) fn local_of(&self, letter: u8, which: u32) -> u32 {
        self.group(letter).0 + which
    }

    fn group(&self, letter: u8) -> (u32, u32) {
        let group = self.locals.iter().find(|group| group.0 == letter).expect("there are such locals");
        (group.1, group.2)
    }

    /// A local or parameter of a type; not the ones that must be as they are, if it is to be written.
    fn some_local(&mut self, ty: u8, write: bool) -> u32 {
        let (first, count) = self.group(ty);
        let kept = match ty {
            b'f' | b'F' => 1 + u32::from(write),
            b'V' => 1,
            _ => 0,
        };
        let params = &self.plan.signatures[self.index].0;
        let params = params.iter().enumerate().filter(|(_, param)| **param == ty).map(|(index, _)| index as u32);
        let locals: Vec<u32> = params.chain(first..first + count - kept).collect();
        locals[self.choices.below(locals.len())]
    }

    pub(super) fn get(&mut self, ty: u8) {
        let local = match ty {
            b'c' | b'C' => self.local_of(float_of(ty), LOCALS_OF_EACH - 2),
            _ => self.some_local(ty, false),
        };
        self.local(0x20, local);
    }

    /// Takes the value on the stack.
    pub(super) fn set(&mut self, ty: u8) {
        let local = match ty {
            b'c' | b'C' => self.local_of(float_of(ty), LOCALS_OF_EACH - 2),
            _ => self.some_local(ty, true),
        };
        self.local(0x21, local);
    }

    pub(super) fn constant(&mut self, ty: u8) {
        let (integer, float) = (INTEGERS[self.choices.below(16)], FLOATS[self.choices.below(10)]);
        match ty {
            b'i' => self.code.extend([vec![0x41], signed((integer as i32).into())].concat()),
            b'I' => self.code.extend([vec![0x42], signed(integer)].concat()),
            b'f' | b'c' => self.code.extend([&[0x43], &(float as f32).to_le_bytes()[..]].concat()),
            b'F' | b'C' => self.code.extend([&[0x44], &float.to_le_bytes()[..]].concat()),
            _ => {
                let high = if self.choices.below(2) == 0 { self.choices.word() } else { integer as u64 };
                self.code.extend([&[0xFD, 0x0C], &float.to_le_bytes()[..], &high.to_le_bytes()[..]].concat());
            }
        }
    }

    /// A constant, a local or something small: each as often.
    pub(super) fn operand(&mut self, ty: u8) {
        match self.choices.below(3) {
            _ if is_reference(ty) => self.reference(ty, 1),
            0 => self.constant(ty),
            1 => self.get(ty),
            _ => self.expression(ty, 2),
        }
    }

    pub(super) fn expression(&mut self, ty: u8, depth: u32) {
        match ty {
            b'c' | b'C' => self.clean(ty, depth),
            _ if is_reference(ty) => self.reference(ty, depth),
            _ => self.plain(ty, depth),
        }
    }

    /// A float that has the same bits everywhere.
    fn clean(&mut self, ty: u8, depth: u32) {
        let float = float_of(ty);
        match self.choices.below(6) {
            0 => self.constant(ty),
            1 => self.get(ty),
            2 => self.global_get(float),
            3 if depth > 0 => self.load(float, depth),
            _ => {
                self.plain(float, depth);
                self.canonical(float);
            }
        }
    }

    /// NaNs of the value on the stack become the canonical one: `n` and `N` are vectors of f32 and f64.
    pub(super) fn canonical(&mut self, ty: u8) {
        let (class, equal) = match ty {
            _ if self.plan.relaxed => return,
            b'f' => (b'f', (0, 0x5B)),
            b'F' => (b'F', (0, 0x61)),
            b'n' => (b'V', (0xFD, 0x41)),
            b'N' => (b'V', (0xFD, 0x47)),
            _ => return,
        };
        let local = self.local_of(class, LOCALS_OF_EACH - 1);
        self.local(0x22, local);
        match ty {
            b'f' => self.code.extend([&[0x43], &f32::NAN.to_le_bytes()[..]].concat()),
            b'F' => self.code.extend([&[0x44], &f64::NAN.to_le_bytes()[..]].concat()),
            b'n' => self.code.extend([&[0xFD, 0x0C], &f32::NAN.to_le_bytes().repeat(4)[..]].concat()),
            _ => self.code.extend([&[0xFD, 0x0C], &f64::NAN.to_le_bytes().repeat(2)[..]].concat()),
        }
        self.local(0x20, local);
        self.local(0x20, local);
        self.operator(equal.0, equal.1);
        match class {
            b'V' => self.operator(0xFD, 0x52),
            _ => self.code.push(0x1B),
        }
    }

    pub(super) fn plain(&mut self, ty: u8, depth: u32) {
        if depth == 0 || self.budget == 0 {
            return match self.choices.below(3) {
                0 => self.constant(ty),
                _ => self.get(ty),
            };
        }
        self.budget -= 1;
        match self.choices.below(20) {
            0 => self.constant(ty),
            1 | 2 => self.get(ty),
            3 => {
                self.plain(ty, depth - 1);
                let local = self.some_local(ty, true);
                self.local(0x22, local);
            }
            4 => {
                self.plain(ty, depth - 1);
                self.plain(ty, depth - 1);
                self.condition(depth - 1);
                self.code.push(0x1B);
            }
            5 => {
                self.condition(depth - 1);
                self.code.push(0x04);
                self.code.extend(val_type(ty));
                self.plain(ty, depth - 1);
                self.code.push(0x05);
                self.plain(ty, depth - 1);
                self.code.push(0x0B);
            }
            6 | 7 => self.load(ty, depth),
            8 if ty == b'V' => {
                self.plain(ty, depth - 1);
                self.plain(ty, depth - 1);
                self.shuffle();
            }
            9 if ty == b'V' => self.load_lane(depth),
            10 => self.global_get(ty),
            11 if matches!(ty, b'i' | b'I') => self.size_of(ty),
            12 if matches!(ty, b'i' | b'I') && self.plan.atomics => self.atomic(ty, depth),
            13 if ty == b'i' => self.is_null(depth),
            14 if matches!(ty, b'i' | b'I') => self.scaled_sum(ty),
            15 => {
                self.code.push(0x02);
                self.code.extend(val_type(ty));
                self.plain(ty, depth - 1);
                self.condition(depth - 1);
                self.code.extend([0x0D, 0, 0x1A]);
                self.plain(ty, depth - 1);
                self.code.push(0x0B);
            }
            _ => self.apply(ty, depth),
        }
    }

    /// As an address is computed.
    fn scaled_sum(&mut self, ty: u8) {
        let (constant, shift, add) = if ty == b'i' { (0x41, 0x74, 0x6A) } else { (0x42, 0x86, 0x7C) };
        self.operand(ty);
        self.operand(ty);
        self.code.extend([constant, self.choices.below(4) as u8, shift, add]);
        if self.choices.below(2) == 0 {
            self.code.extend([constant, self.choices.below(64) as u8, add]);
        }
    }

    fn shuffle(&mut self) {
        self.operator(0xFD, 0x0D);
        let lanes: Vec<u8> = (0..16).map(|_| self.choices.below(32) as u8).collect();
        self.code.extend(lanes);
    }

    /// An i32 to branch on: most often a comparison.
    pub(super) fn condition(&mut self, depth: u32) {
        if self.choices.below(3) == 0 {
            return self.plain(b'i', depth);
        }
        let (row, operator) = self.choose(|row| row.compares());
        self.applied(row, operator, |function, ty| function.operand(ty));
        for _ in 0..[0, 0, 1, 2][self.choices.below(4)] {
            self.code.push(0x45);
        }
    }

    /// An operator of the rows that fit, all alike.
    fn choose(&mut self, fits: impl Fn(&Row) -> bool) -> (&'static Row, u32) {
        let plan = self.plan;
        let has = |row: &&Row| (plan.vectors || row.0 != 0xFD) && (plan.relaxed || !row.is_relaxed()) && fits(row);
        let count = OPERATORS.iter().filter(has).map(Row::count).sum();
        let mut place = self.choices.below(count);
        for row in OPERATORS.iter().filter(has) {
            match place.checked_sub(row.count()) {
                Some(rest) => place = rest,
                None => return (row, row.1 + place as u32),
            }
        }
        unreachable!("it is below the sum")
    }

    /// Another one, if that is of a kind that traps.
    fn choose_calmly(&mut self, fits: impl Fn(&Row) -> bool) -> (&'static Row, u32) {
        match self.choose(&fits) {
            (row, _) if row.traps() => self.choose(&fits),
            chosen => chosen,
        }
    }

    /// An operator with that result.
    fn apply(&mut self, ty: u8, depth: u32) {
        let (row, operator) = self.choose_calmly(|row| row.result() == ty);
        self.applied(row, operator, |function, ty| function.expression(ty, depth - 1));
    }

    fn applied(&mut self, row: &Row, operator: u32, operand: impl Fn(&mut Self, u8)) {
        let &Row(prefix, _, _, operands, result, lanes) = row;
        for &ty in operands {
            operand(self, ty);
        }
        self.operator(prefix, operator);
        self.lane(lanes);
        if matches!(result, b'n' | b'N') {
            self.canonical(result);
        }
    }

    pub(super) fn lane(&mut self, lanes: u8) {
        if lanes > 0 {
            let lane = self.choices.below(lanes.into()) as u8;
            self.code.push(lane);
        }
    }

    /// An operator on small operands.
    pub(super) fn operation(&mut self) {
        let relaxed = self.plan.relaxed && self.choices.below(4) == 0;
        let (row, operator) = self.choose_calmly(|row| row.is_relaxed() || !relaxed);
        self.applied(row, operator, |function, ty| function.operand(ty));
        if row.compares() && self.choices.below(3) == 0 {
            self.code.push(0x45);
        }
        self.consume(row.result());
    }

    /// Does something with the value on the stack.
    pub(super) fn consume(&mut self, ty: u8) {
        match self.choices.below(6) {
            0 => self.code.push(0x1A),
            1 => {
                self.canonical(ty);
                self.global_set(ty);
            }
            _ => self.set(ty),
        }
    }

    // Globals and sizes.

    pub(super) fn global_get(&mut self, ty: u8) {
        let global = self.plan.globals.iter().position(|&global| global == ty).expect("one of each type");
        self.local(0x23, global as u32);
    }

    pub(super) fn global_set(&mut self, ty: u8) {
        let global = self.plan.globals.iter().position(|&global| global == ty).expect("one of each type");
        self.local(0x24, global as u32);
    }

    /// A memory's or a table's size as a number of that type.
    fn size_of(&mut self, ty: u8) {
        let memory = self.choices.below(self.plan.memories.len());
        let table = self.choices.below(self.plan.tables.len());
        let wide = match self.choices.below(2) {
            0 => {
                self.code.extend([0x3F, memory as u8]);
                self.plan.memories[memory].wide
            }
            _ => {
                self.code.extend([0xFC, 16, table as u8]);
                self.plan.tables[table].wide
            }
        };
        self.convert(wide, ty == b'I');
    }

    /// From i32 or i64 to another width.
    pub(super) fn convert(&mut self, from_wide: bool, to_wide: bool) {
        match (from_wide, to_wide) {
            (true, false) => self.code.push(0xA7),
            (false, true) => self.code.push(0xAD),
            _ => {}
        }
    }

    /// Sums and products of 128 bits.
    fn wide(&mut self) {
        let operator = self.choices.below(4) as u32;
        for _ in 0..if operator < 2 { 4 } else { 2 } {
            self.operand(b'I');
        }
        self.operator(0xFC, 19 + operator);
        self.consume(b'I');
        self.consume(b'I');
    }

    pub(super) fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        match self.choices.below(40) {
            0..10 => self.operation(),
            10..14 => self.store(),
            14 if self.plan.vectors => {
                self.load_lane(1);
                self.set(b'V');
            }
            15 => self.wide(),
            16 => self.bulk(),
            17 => self.set_address(),
            18..22 => self.table_statement(),
            22 | 23 => {
                let ty = self.some_type();
                self.expression(ty, 3);
                self.code.push(0x1A);
            }
            24 => {
                let ty = self.some_type();
                self.operand(ty);
                self.canonical(ty);
                self.global_set(float_of(ty));
            }
            25..28 if self.plan.atomics => self.atomic_statement(),
            28..37 if self.budget > 0 => self.control(),
            _ => {
                let ty = self.some_type();
                self.expression(ty, 4);
                self.set(ty);
            }
        }
    }

    /// One that has locals.
    fn some_type(&mut self) -> u8 {
        let types = [self.plan.numbers(), b"cC", &self.plan.globals].concat();
        types[self.choices.below(types.len())]
    }
}

/// The letter for a value whose bits are seen.
pub(super) fn seen(ty: u8) -> u8 {
    match ty {
        b'f' => b'c',
        b'F' => b'C',
        _ => ty,
    }
}

/// The type of what [`seen`] says, or the type itself.
fn float_of(ty: u8) -> u8 {
    match ty {
        b'c' => b'f',
        b'C' => b'F',
        _ => ty,
    }
}

fn is_reference(ty: u8) -> bool {
    matches!(ty, b'r' | b'e' | b'x' | b't' | b'T')
}
