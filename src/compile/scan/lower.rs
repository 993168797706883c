//! What an operator records: a node on the operand stack, or an entry.

use super::item::{Item, Node};
use super::stack::WRAP;
use super::state::Scan;
use super::ty::{Ty, ensure};
use crate::compile::op::{Class, Convert, FloatCond, Int, IntUnary, Op, Test, Wide};
use crate::compile::tape::Ref;
use crate::decode::Invalid;
use planish_asm::Cond;

use Class::{I32, I64};

impl Scan<'_> {
    // What has no operands may as well be pushed where code cannot be reached.

    #[inline(always)]
    pub(super) fn local_get(&mut self, index: u32) -> Result<(), Invalid> {
        let local = self.locals.get(index)?;
        let value = match local.value {
            Ref::NOTHING => Ref::var(self.first_read(index, local.ty)?),
            value => value,
        };
        self.push_typed(local.ty, value);
        Ok(())
    }

    /// Returns the variable, if the operator can be reached.
    #[inline(always)]
    fn write_local(&mut self, index: u32) -> Result<(Ty, Option<u32>), Invalid> {
        let local = self.locals.get(index)?;
        let Some(item) = self.take(local.ty) else { return self.write_local_subtype(index, local) };
        Ok((local.ty, Some(self.set_local(index, local, item))))
    }

    #[inline(always)]
    fn set_local(&mut self, index: u32, local: Item, item: Item) -> u32 {
        let var = self.variable(index, local);
        self.release(var);
        self.value_into(var, item);
        var
    }

    /// The same where there is no operand of just the local's type.
    #[inline(never)]
    fn write_local_subtype(&mut self, index: u32, local: Item) -> Result<(Ty, Option<u32>), Invalid> {
        if !self.takes(&[local.ty], &[])? {
            self.variable(index, local);
            return Ok((local.ty, None));
        }
        let item = self.pop();
        Ok((local.ty, Some(self.set_local(index, local, item))))
    }

    #[inline(never)]
    pub(super) fn local_set(&mut self, index: u32) -> Result<(), Invalid> {
        self.write_local(index).map(|_| ())
    }

    #[inline(never)]
    pub(super) fn local_tee(&mut self, index: u32) -> Result<(), Invalid> {
        match self.write_local(index)? {
            (ty, Some(var)) => self.push_typed(ty, Ref::var(var)),
            (_, None) => self.local_get(index)?,
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn global_get(&mut self, index: u32) -> Result<(), Invalid> {
        let (ty, _) = self.global_type(index)?;
        match self.dead {
            true => self.in_dead_code(&[], &[ty])?,
            false => self.read(Op::GlobalGet, ty, index),
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn global_set(&mut self, index: u32) -> Result<(), Invalid> {
        let (ty, is_mutable) = self.global_type(index)?;
        ensure(is_mutable)?;
        if self.takes(&[ty], &[])? {
            let value = self.pop_value();
            self.effect(Op::GlobalSet, ty.class(), value, Ref::NOTHING, index);
        }
        Ok(())
    }

    pub(super) fn read(&mut self, op: Op, ty: Ty, imm: u32) {
        self.tape.vectors |= ty == Ty::V128;
        let value = self.temp_entry_here(op, ty.class(), Ref::NOTHING, Ref::NOTHING, imm);
        self.push_typed(ty, value);
    }

    pub(super) fn ref_null(&mut self, ty: Ty) {
        let null = self.constant(I64, 0);
        self.push_typed(ty, null);
    }

    pub(super) fn as_non_null(&mut self, ty: Ty) {
        let value = self.pop_value();
        self.can_trap();
        let value = self.temp_entry(Op::NonNull, I64, value, Ref::NOTHING, 0);
        self.push_typed(ty, value);
    }

    pub(super) fn drop_value(&mut self) {
        let item = self.pop();
        match self.node(item) {
            None => self.drop_temp(item.class(), item.value),
            Some(Node { class, a, b, .. }) => {
                self.drop_temp(class, a);
                self.drop_temp(class, b);
            }
        }
    }

    fn drop_temp(&mut self, class: Class, value: Ref) {
        if value.as_temp().is_some() {
            self.effect(Op::Drop, class, value, Ref::NOTHING, 0);
        }
    }

    /// The result has the given type, else the first operand's.
    pub(super) fn select(&mut self, result: Option<Ty>) {
        let condition = self.pop_test();
        let b = self.pop();
        let a = self.pop();
        let (class, ty) = (a.class(), result.unwrap_or(a.ty));
        let (a, b) = (self.value(a), self.value(b));
        self.effect(Op::Compare(condition.test), condition.class, condition.a, condition.b, 0);
        let value = self.temp_entry(Op::Select, class, a, b, 0);
        self.push_typed(ty, value);
    }

    // Arithmetic.

    /// An operator of one operand. Is it there? If not, the operator cannot be reached.
    #[inline(always)]
    fn one(&mut self, operand: Class, result: Class) -> Result<Option<Item>, Invalid> {
        match self.take(Ty::number(operand)) {
            Some(item) => Ok(Some(item)),
            None => self.one_in_dead_code(operand, result).map(|()| None),
        }
    }

    /// The same of two.
    #[inline(always)]
    fn two(&mut self, operands: Class, result: Class) -> Result<Option<(Item, Item)>, Invalid> {
        let ty = Ty::number(operands);
        match self.take_two(ty, ty) {
            Some(items) => Ok(Some(items)),
            None => self.two_in_dead_code(operands, result).map(|()| None),
        }
    }

    #[inline(never)]
    pub(super) fn eqz(&mut self, class: Class) -> Result<(), Invalid> {
        if let Some(item) = self.one(class, I32)? {
            self.is_zero(class, item);
        }
        Ok(())
    }

    pub(super) fn is_zero(&mut self, class: Class, item: Item) {
        if let Some(Node { op: Op::Set(test), class, a, b, .. }) = self.node(item) {
            return self.push_node(I32, Node::test(test.invert(), class, a, b));
        }
        let a = if class == I32 { self.low(item) } else { self.value(item) };
        let zero = self.constant(class, 0);
        match self.tape.constant(a) {
            Some(value) => self.push_const(I32, i64::from(value == 0)),
            None => self.push_node(I32, Node::test(Test::Int(Cond::Equal), class, a, zero)),
        }
    }

    #[inline(never)]
    pub(super) fn compare(&mut self, class: Class, cond: Cond) -> Result<(), Invalid> {
        let Some((a, b)) = self.two(class, I32)? else { return Ok(()) };
        let (a, b) = self.ints(class, a, b);
        if !a.is_const() {
            self.push_node(I32, Node::test(Test::Int(cond), class, a, b));
            return Ok(());
        }
        match (self.tape.constant(a), self.tape.constant(b)) {
            (Some(a), Some(b)) => self.push_const(I32, i64::from(holds(cond, class, a, b))),
            _ => self.push_node(I32, Node::test(Test::Int(cond.swap()), class, b, a)),
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn compare_float(&mut self, class: Class, cond: FloatCond) -> Result<(), Invalid> {
        if let Some((a, b)) = self.two(class, I32)? {
            self.push_node(I32, Node::test(Test::Float(cond), class, a.value, b.value));
        }
        Ok(())
    }

    /// The operands of an operation that depends on the low bits of an i32 only.
    #[inline(always)]
    fn ints(&mut self, class: Class, a: Item, b: Item) -> (Ref, Ref) {
        match class {
            I32 => (self.low(a), self.low(b)),
            _ => (self.value(a), self.value(b)),
        }
    }

    #[inline(never)]
    pub(super) fn int(&mut self, op: Int, class: Class) -> Result<(), Invalid> {
        if let Some((a, b)) = self.two(class, class)? {
            self.int_entry(op, class, a, b);
        }
        Ok(())
    }

    fn int_entry(&mut self, op: Int, class: Class, a: Item, b: Item) {
        let (mut a, mut b) = self.ints(class, a, b);
        if a.is_const() {
            if let (Some(a), Some(b)) = (self.tape.constant(a), self.tape.constant(b)) {
                return self.push_const(class, fold(op, class, a, b));
            }
            if op.is_commutative() {
                (a, b) = (b, a);
            }
        }
        let value = self.temp_entry_here(Op::Int(op), class, a, b, 0);
        self.push_value(class, value);
    }

    #[inline(never)]
    pub(super) fn divide(&mut self, op: Int, class: Class) -> Result<(), Invalid> {
        if let Some((a, b)) = self.two(class, class)? {
            let (a, b) = self.ints(class, a, b);
            self.can_trap();
            let value = self.temp_entry(Op::Int(op), class, a, b, 0);
            self.push_value(class, value);
        }
        Ok(())
    }

    /// A sum stays a node as long as `lea` can compute it.
    #[inline(never)]
    pub(super) fn add(&mut self, class: Class) -> Result<(), Invalid> {
        let Some((a, b)) = self.two(class, class)? else { return Ok(()) };
        if a.value.is_place() && (b.value.is_place() || b.value.as_small().is_some()) {
            self.push_node(class, Node::sum(class, a.value, b.value));
            return Ok(());
        }
        match (self.as_lea(a), self.as_lea(b)) {
            (Some(left), Some(right)) => match add_leas(class, left, right) {
                Some(sum) => self.push_node(class, sum),
                None => self.int_entry(Int::Add, class, a, b),
            },
            _ => self.int_entry(Int::Add, class, a, b),
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn subtract(&mut self, class: Class) -> Result<(), Invalid> {
        let Some((a, b)) = self.two(class, class)? else { return Ok(()) };
        if !b.value.is_lazy()
            && let Some(value) = self.tape.constant(b.value)
            && let Ok(negated) = i32::try_from(value.wrapping_neg())
            && let Some(left) = self.as_lea(a)
            && let Some(sum) = add_leas(class, left, Lea { disp: negated, ..Lea::ZERO })
        {
            self.push_node(class, sum);
        } else {
            self.int_entry(Int::Sub, class, a, b);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn shift_left(&mut self, class: Class) -> Result<(), Invalid> {
        let Some((a, b)) = self.two(class, class)? else { return Ok(()) };
        if a.value.is_place()
            && !b.value.is_lazy()
            && let Some(count @ 1..=3) = self.tape.constant(b.value)
        {
            let lea = Lea { index: a.value, scale: count as u8, ..Lea::ZERO };
            self.push_node(class, lea.node(class));
        } else {
            self.int_entry(Int::Shl, class, a, b);
        }
        Ok(())
    }

    fn as_lea(&self, item: Item) -> Option<Lea> {
        match self.node(item) {
            None => match self.tape.constant(item.value) {
                Some(disp) => i32::try_from(disp).ok().map(|disp| Lea { disp, ..Lea::ZERO }),
                None => Some(Lea { base: item.value, ..Lea::ZERO }),
            },
            Some(node) => Lea::of(node),
        }
    }

    #[inline(never)]
    pub(super) fn int_unary(&mut self, op: IntUnary, class: Class) -> Result<(), Invalid> {
        if let Some(item) = self.one(class, class)? {
            let a = if class == I32 { self.low(item) } else { self.value(item) };
            let value = self.temp_entry(Op::IntUnary(op), class, a, Ref::NOTHING, 0);
            self.push_value(class, value);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn extend_signed(&mut self) -> Result<(), Invalid> {
        let Some(item) = self.one(I32, I64)? else { return Ok(()) };
        let a = self.low(item);
        match self.tape.constant(a) {
            Some(value) => self.push_const(I64, value),
            None => {
                let value = self.temp_entry(Op::IntUnary(IntUnary::Extend32S), I64, a, Ref::NOTHING, 0);
                self.push_value(I64, value);
            }
        }
        Ok(())
    }

    /// An i32 has zeros above it wherever it is: only its class changes.
    #[inline(never)]
    pub(super) fn extend_unsigned(&mut self) -> Result<(), Invalid> {
        let Some(item) = self.one(I32, I64)? else { return Ok(()) };
        let a = self.value(item);
        match self.tape.constant(a) {
            Some(value) => self.push_const(I64, i64::from(value as u32)),
            None => self.push_value(I64, a),
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn wrap(&mut self) -> Result<(), Invalid> {
        let Some(item) = self.one(I64, I32)? else { return Ok(()) };
        let a = self.value(item);
        match self.tape.constant(a) {
            Some(value) => self.push_const(I32, i64::from(value as i32)),
            None => self.push_node(I32, Node::new(WRAP, I32, a, Ref::NOTHING, 0)),
        }
        Ok(())
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

    #[inline(never)]
    pub(super) fn float_binary(&mut self, op: Op, class: Class) -> Result<(), Invalid> {
        if let Some((a, b)) = self.two(class, class)? {
            let value = self.temp_entry(op, class, a.value, b.value, 0);
            self.push_value(class, value);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn convert(&mut self, op: Op, from: Class, to: Class) -> Result<(), Invalid> {
        if self.takes_one(from, to)? {
            self.unary(op, to);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn trunc(&mut self, from: Class, to: Class, signed: bool, saturating: bool) -> Result<(), Invalid> {
        if self.takes_one(from, to)? {
            if !saturating {
                self.can_trap();
            }
            self.unary(Op::Convert(Convert::Trunc { from, signed, saturating }), to);
        }
        Ok(())
    }

    // Tables.

    pub(super) fn table_get(&mut self, ty: Ty, table: u32) {
        let index = self.pop_value();
        self.can_trap();
        let value = self.temp_entry(Op::TableGet, I64, index, Ref::NOTHING, table);
        self.push_typed(ty, value);
    }

    pub(super) fn table_set(&mut self, table: u32) {
        let value = self.pop_value();
        let index = self.pop_value();
        self.can_trap();
        self.effect(Op::TableSet, I64, index, value, table);
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

    /// What a node adds up, if it does; [`Lea::node`] backwards.
    fn of(node: Node) -> Option<Lea> {
        let Node { op, a, b, imm, .. } = node;
        match (op, b.as_small()) {
            (Op::Int(Int::Add), Some(disp)) => Some(Lea { base: a, disp, ..Lea::ZERO }),
            (Op::Int(Int::Add), None) => Some(Lea { base: a, index: b, ..Lea::ZERO }),
            (Op::Int(Int::Shl), Some(scale)) => Some(Lea { index: a, scale: scale as u8, ..Lea::ZERO }),
            (Op::Lea { scale }, _) => Some(Lea { base: a, index: b, scale, disp: imm as i32 }),
            // As an i32's summand only the low bits count.
            (WRAP, _) => Some(Lea { base: a, ..Lea::ZERO }),
            _ => None,
        }
    }

    /// It has a base or an index.
    fn node(self, class: Class) -> Node {
        let Lea { base, index, scale, disp } = self;
        let small = |value: i32| Ref::small(i64::from(value));
        match (base, index) {
            (_, Ref::NOTHING) if let Some(disp) = small(disp) => Node::sum(class, base, disp),
            (Ref::NOTHING, _)
                if disp == 0
                    && let Some(count) = small(scale.into()) =>
            {
                Node::new(Op::Int(Int::Shl), class, index, count, 0)
            }
            _ if index != Ref::NOTHING && base != Ref::NOTHING && (scale, disp) == (0, 0) => {
                Node::sum(class, base, index)
            }
            _ => Node::new(Op::Lea { scale }, class, base, index, disp as u32),
        }
    }
}

/// The sum of two sums, if there is room; a 32-bit one wraps, a 64-bit one must not have to.
fn add_leas(class: Class, a: Lea, b: Lea) -> Option<Node> {
    let sum = |base, index, scale, disp| Some(Lea { base, index, scale, disp }.node(class));
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
        (_, None) => sum(unscaled[0], unscaled[1], 0, disp),
        (0 | 1, Some((index, scale))) => sum(unscaled[0], index, scale, disp),
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
