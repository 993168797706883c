//! What an operator records: a node on the operand stack, or an entry.

use super::check::Ty;
use super::{Class, HeapIndex, Local, NEVER, Node, Scan};
use crate::compile::tape::{Access, Convert, FloatCond, Int, IntUnary, Op, Ref, Test, Wide};
use crate::decode::Invalid;
use planish_asm::Cond;

use Class::{I32, I64};

impl Scan<'_> {
    #[inline]
    pub(super) fn local_get(&mut self, index: u32, local: Local) -> Result<(), Invalid> {
        let var = if local.var == NEVER { self.first_read(index, local.ty)? } else { local.var };
        self.push_typed(local.ty, Node::Value(Ref::var(var)));
        Ok(())
    }

    /// `local.set` where there is no operand of just the local's type.
    #[inline(never)]
    pub(super) fn local_set_subtype(&mut self, index: u32, local: Local) -> Result<(), Invalid> {
        match self.takes(&[local.ty], &[])? {
            true => self.local_set(index, local),
            false => self.variable(index, local),
        };
        Ok(())
    }

    /// Returns the variable.
    pub(super) fn local_set(&mut self, index: u32, local: Local) -> u32 {
        let item = self.pop();
        let var = self.variable(index, local);
        self.release(var);
        self.value_into(var, item);
        var
    }

    pub(super) fn local_tee(&mut self, index: u32, local: Local) {
        let var = self.local_set(index, local);
        self.push_typed(local.ty, Node::Value(Ref::var(var)));
    }

    pub(super) fn global_set(&mut self, ty: Ty, index: u32) {
        let value = self.pop_value();
        self.entry(Op::GlobalSet, ty.class(), Ref::NOTHING, value, Ref::NOTHING, index);
    }

    pub(super) fn read(&mut self, op: Op, ty: Ty, imm: u32) {
        self.tape.vectors |= ty == Ty::V128;
        let value = self.temp_entry(op, ty.class(), Ref::NOTHING, Ref::NOTHING, imm);
        self.push_typed(ty, Node::Value(value));
    }

    pub(super) fn ref_null(&mut self, ty: Ty) {
        let null = self.constant(I64, 0);
        self.push_typed(ty, Node::Value(null));
    }

    pub(super) fn as_non_null(&mut self, ty: Ty) {
        let value = self.pop_value();
        self.can_trap();
        let value = self.temp_entry(Op::NonNull, I64, value, Ref::NOTHING, 0);
        self.push_typed(ty, Node::Value(value));
    }

    pub(super) fn drop_value(&mut self) {
        let item = self.pop();
        match item.node {
            Node::Value(value) | Node::Wrap(value) => self.drop_temp(item.class(), value),
            Node::Test { class, a, b, .. } => {
                self.drop_temp(class, a);
                self.drop_temp(class, b);
            }
            Node::Lea { base, index, .. } => {
                self.drop_temp(item.class(), base);
                self.drop_temp(item.class(), index);
            }
        }
    }

    fn drop_temp(&mut self, class: Class, value: Ref) {
        if value.as_temp().is_some() {
            self.entry(Op::Drop, class, Ref::NOTHING, value, Ref::NOTHING, 0);
        }
    }

    /// The result has the given type, else the first operand's.
    pub(super) fn select(&mut self, result: Option<Ty>) {
        let condition = self.pop_test();
        let b = self.pop();
        let a = self.pop();
        let (class, ty) = (a.class(), result.unwrap_or(a.ty));
        let (a, b) = (self.value(a), self.value(b));
        self.entry(Op::Compare(condition.test), condition.class, Ref::NOTHING, condition.a, condition.b, 0);
        let value = self.temp_entry(Op::Select, class, a, b, 0);
        self.push_typed(ty, Node::Value(value));
    }

    // Arithmetic.

    pub(super) fn eqz(&mut self, class: Class) {
        let item = self.pop();
        if let Node::Test { test, class, a, b } = item.node {
            return self.push(I32, Node::Test { test: test.invert(), class, a, b });
        }
        let a = if class == I32 { self.low(item) } else { self.value(item) };
        let zero = self.constant(class, 0);
        match self.tape.constant(a) {
            Some(value) => self.push_const(I32, i64::from(value == 0)),
            None => self.push(I32, Node::Test { test: Test::Int(Cond::Equal), class, a, b: zero }),
        }
    }

    pub(super) fn compare(&mut self, class: Class, cond: Cond) {
        let (a, b) = self.pop_ints(class);
        match (self.tape.constant(a), self.tape.constant(b)) {
            (Some(a), Some(b)) => self.push_const(I32, i64::from(holds(cond, class, a, b))),
            (Some(_), None) => self.push(I32, Node::Test { test: Test::Int(cond.swap()), class, a: b, b: a }),
            _ => self.push(I32, Node::Test { test: Test::Int(cond), class, a, b }),
        }
    }

    pub(super) fn compare_float(&mut self, class: Class, cond: FloatCond) {
        let b = self.pop_value();
        let a = self.pop_value();
        self.push(I32, Node::Test { test: Test::Float(cond), class, a, b });
    }

    /// Pops the operands of an operation that depends on the low bits of an i32 only.
    fn pop_ints(&mut self, class: Class) -> (Ref, Ref) {
        let b = self.pop();
        let a = self.pop();
        match class {
            I32 => (self.low(a), self.low(b)),
            _ => (self.value(a), self.value(b)),
        }
    }

    pub(super) fn int(&mut self, op: Int, class: Class) {
        let (mut a, mut b) = self.pop_ints(class);
        if let (Some(a), Some(b)) = (self.tape.constant(a), self.tape.constant(b)) {
            return self.push_const(class, fold(op, class, a, b));
        }
        if a.is_const() && op.is_commutative() {
            (a, b) = (b, a);
        }
        let value = self.temp_entry(Op::Int(op), class, a, b, 0);
        self.push_value(class, value);
    }

    pub(super) fn divide(&mut self, op: Int, class: Class) {
        let (a, b) = self.pop_ints(class);
        self.can_trap();
        let value = self.temp_entry(Op::Int(op), class, a, b, 0);
        self.push_value(class, value);
    }

    /// A sum stays a node as long as `lea` can compute it.
    pub(super) fn add(&mut self, class: Class) {
        let [.., a, b] = self.stack[..] else { unreachable!("validated: two operands") };
        if let (Node::Value(base), Node::Value(index)) = (a.node, b.node)
            && !base.is_const()
            && !index.is_const()
        {
            self.pop();
            self.pop();
            return self.push(class, Node::Lea { base, index, scale: 0, disp: 0 });
        }
        let (Some(a), Some(b)) = (self.as_lea(a), self.as_lea(b)) else { return self.int(Int::Add, class) };
        let Some(sum) = add_leas(class, a, b) else { return self.int(Int::Add, class) };
        self.pop();
        self.pop();
        self.push(class, sum);
    }

    pub(super) fn subtract(&mut self, class: Class) {
        if let [.., a, b] = self.stack[..]
            && let Node::Value(value) = b.node
            && let Some(value) = self.tape.constant(value)
            && let Ok(negated) = i32::try_from(value.wrapping_neg())
            && let Some(a) = self.as_lea(a)
            && let Some(sum) = add_leas(class, a, Lea { disp: negated, ..Lea::ZERO })
        {
            self.pop();
            self.pop();
            return self.push(class, sum);
        }
        self.int(Int::Sub, class);
    }

    pub(super) fn shift_left(&mut self, class: Class) {
        if let [.., a, b] = self.stack[..]
            && let (Node::Value(value), Node::Value(count)) = (a.node, b.node)
            && !value.is_const()
            && let Some(count @ 1..=3) = self.tape.constant(count)
        {
            self.pop();
            self.pop();
            return self.push(class, Node::Lea { base: Ref::NOTHING, index: value, scale: count as u8, disp: 0 });
        }
        self.int(Int::Shl, class);
    }

    fn as_lea(&self, item: super::Item) -> Option<Lea> {
        match item.node {
            Node::Value(value) => match self.tape.constant(value) {
                Some(disp) => i32::try_from(disp).ok().map(|disp| Lea { disp, ..Lea::ZERO }),
                None => Some(Lea { base: value, ..Lea::ZERO }),
            },
            // As an i32's summand only the low bits count.
            Node::Wrap(value) => Some(Lea { base: value, ..Lea::ZERO }),
            Node::Lea { base, index, scale, disp } => Some(Lea { base, index, scale, disp }),
            Node::Test { .. } => None,
        }
    }

    pub(super) fn int_unary(&mut self, op: IntUnary, class: Class) {
        let item = self.pop();
        let a = if class == I32 { self.low(item) } else { self.value(item) };
        let value = self.temp_entry(Op::IntUnary(op), class, a, Ref::NOTHING, 0);
        self.push_value(class, value);
    }

    pub(super) fn extend_signed(&mut self) {
        let a = self.pop_low();
        match self.tape.constant(a) {
            Some(value) => self.push_const(I64, value),
            None => {
                let value = self.temp_entry(Op::IntUnary(IntUnary::Extend32S), I64, a, Ref::NOTHING, 0);
                self.push_value(I64, value);
            }
        }
    }

    /// An i32 has zeros above it wherever it is: only its class changes.
    pub(super) fn extend_unsigned(&mut self) {
        let a = self.pop_value();
        match self.tape.constant(a) {
            Some(value) => self.push_const(I64, i64::from(value as u32)),
            None => self.push_value(I64, a),
        }
    }

    pub(super) fn wrap(&mut self) {
        let a = self.pop_value();
        match self.tape.constant(a) {
            Some(value) => self.push_const(I32, i64::from(value as i32)),
            None => self.push(I32, Node::Wrap(a)),
        }
    }

    /// Two results of four operands, or of two for a product; low halves lie below high ones. Both entries stand together.
    pub(super) fn wide(&mut self, op: Wide) {
        let b_high = if matches!(op, Wide::Add | Wide::Sub) { self.pop_value() } else { Ref::NOTHING };
        let b = self.pop_value();
        let a_high = if matches!(op, Wide::Add | Wide::Sub) { self.pop_value() } else { Ref::NOTHING };
        let a = self.pop_value();
        let low = self.temp_entry(Op::Wide(op), I64, a, b, 0);
        let high = self.temp_entry(Op::WideHigh, I64, a_high, b_high, 0);
        self.push_value(I64, low);
        self.push_value(I64, high);
    }

    pub(super) fn unary(&mut self, op: Op, class: Class) {
        let a = self.pop_value();
        let value = self.temp_entry(op, class, a, Ref::NOTHING, 0);
        self.push_value(class, value);
    }

    pub(super) fn binary(&mut self, op: Op, class: Class) {
        let b = self.pop_value();
        let a = self.pop_value();
        let value = self.temp_entry(op, class, a, b, 0);
        self.push_value(class, value);
    }

    pub(super) fn trunc(&mut self, from: Class, to: Class, signed: bool) {
        self.can_trap();
        self.unary(Op::Convert(Convert::Trunc { from, signed, saturating: false }), to);
    }

    pub(super) fn trunc_sat(&mut self, from: Class, to: Class, signed: bool) {
        self.unary(Op::Convert(Convert::Trunc { from, signed, saturating: true }), to);
    }

    // Memory and tables.

    pub(super) fn load(&mut self, access: Access, class: Class, offset: u32) {
        let index: HeapIndex = self.pop_heap_index();
        self.heap_load(access, class, index, offset);
    }

    pub(super) fn store(&mut self, access: Access, class: Class, offset: u32) {
        // A narrowing store, and a whole one of an i32, reads the low bits only.
        let low = class == I32 || access != Access::Whole;
        let (value, index) = self.pop_store(low);
        self.heap_store(access, class, index, value, offset);
    }

    pub(super) fn table_get(&mut self, ty: Ty, table: u32) {
        let index = self.pop_value();
        self.can_trap();
        let value = self.temp_entry(Op::TableGet, I64, index, Ref::NOTHING, table);
        self.push_typed(ty, Node::Value(value));
    }

    pub(super) fn table_set(&mut self, table: u32) {
        let value = self.pop_value();
        let index = self.pop_value();
        self.can_trap();
        self.entry(Op::TableSet, I64, Ref::NOTHING, index, value, table);
    }
}

/// A sum that `lea` can compute.
#[derive(Clone, Copy)]
struct Lea {
    base: Ref,
    index: Ref,
    scale: u8,
    disp: i32,
}

impl Lea {
    const ZERO: Lea = Lea { base: Ref::NOTHING, index: Ref::NOTHING, scale: 0, disp: 0 };
}

/// The sum of two sums, if there is room; a 32-bit one wraps, a 64-bit one must not have to.
fn add_leas(class: Class, a: Lea, b: Lea) -> Option<Node> {
    let disp = match class {
        I32 => a.disp.wrapping_add(b.disp),
        _ => a.disp.checked_add(b.disp)?,
    };
    let mut unscaled = [Ref::NOTHING; 2];
    let mut scaled = None;
    let mut count = 0;
    for part in [a, b] {
        if part.base != Ref::NOTHING {
            *unscaled.get_mut(count)? = part.base;
            count += 1;
        }
        if part.index != Ref::NOTHING {
            if part.scale == 0 {
                *unscaled.get_mut(count)? = part.index;
                count += 1;
            } else if scaled.replace((part.index, part.scale)).is_some() {
                return None;
            }
        }
    }
    match (count, scaled) {
        (0, None) => None,
        (_, None) => Some(Node::Lea { base: unscaled[0], index: unscaled[1], scale: 0, disp }),
        (0 | 1, Some((index, scale))) => Some(Node::Lea { base: unscaled[0], index, scale, disp }),
        _ => None,
    }
}

/// The value of an operation on constants that cannot trap (specification 4.3.2).
fn fold(op: Int, class: Class, a: i64, b: i64) -> i64 {
    macro_rules! at_width {
        ($signed:ty, $unsigned:ty) => {{
            let (a, b) = (a as $signed, b as $signed);
            i64::from(match op {
                Int::Add => a.wrapping_add(b),
                Int::Sub => a.wrapping_sub(b),
                Int::Mul => a.wrapping_mul(b),
                Int::And => a & b,
                Int::Or => a | b,
                Int::Xor => a ^ b,
                Int::Shl => a.wrapping_shl(b as u32),
                Int::ShrS => a.wrapping_shr(b as u32),
                Int::ShrU => (a as $unsigned).wrapping_shr(b as u32) as $signed,
                Int::Rotl => a.rotate_left(b as u32 % <$signed>::BITS),
                Int::Rotr => a.rotate_right(b as u32 % <$signed>::BITS),
                Int::DivS | Int::DivU | Int::RemS | Int::RemU => unreachable!("may trap"),
            })
        }};
    }
    match class {
        I32 => at_width!(i32, u32),
        _ => at_width!(i64, u64),
    }
}

fn holds(cond: Cond, class: Class, a: i64, b: i64) -> bool {
    let unsigned = |value: i64| if class == I32 { u64::from(value as u32) } else { value as u64 };
    match cond {
        Cond::Equal => a == b,
        Cond::NotEqual => a != b,
        Cond::Less => a < b,
        Cond::LessEqual => a <= b,
        Cond::Greater => a > b,
        Cond::GreaterEqual => a >= b,
        Cond::Below => unsigned(a) < unsigned(b),
        Cond::BelowEqual => unsigned(a) <= unsigned(b),
        Cond::Above => unsigned(a) > unsigned(b),
        Cond::AboveEqual => unsigned(a) >= unsigned(b),
        _ => unreachable!("no wasm comparison"),
    }
}
