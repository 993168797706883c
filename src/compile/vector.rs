//! Vector operators as the tape names them (specification 2.4.2 and 4.3.6).

/// How 128 bits are cut into lanes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lanes {
    I8x16,
    I16x8,
    I32x4,
    I64x2,
    F32x4,
    F64x2,
}

impl Lanes {
    /// Bits of one lane.
    pub(super) fn bits(self) -> u32 {
        match self {
            Lanes::I8x16 => 8,
            Lanes::I16x8 => 16,
            Lanes::I32x4 | Lanes::F32x4 => 32,
            Lanes::I64x2 | Lanes::F64x2 => 64,
        }
    }

    /// How many there are.
    pub(super) fn count(self) -> u8 {
        (128 / self.bits()) as u8
    }

    /// The low bits of a value, in every lane.
    pub(super) fn splat(self, value: u64) -> u128 {
        let bits = self.bits();
        let lane = u128::from(value) & (u128::MAX >> (128 - bits));
        (0..128 / bits).fold(0, |whole, place| whole | lane << (place * bits))
    }
}

/// An operator on vectors. Where there is a `bool` it says whether integers are signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Vector {
    // `dst = op a`
    Not,
    Abs(Lanes),
    Neg(Lanes),
    Popcnt,
    Sqrt(Lanes),
    Ceil(Lanes),
    Floor(Lanes),
    Trunc(Lanes),
    Nearest(Lanes),
    /// Of these lanes, the lower half, to twice as wide ones.
    ExtendLow(Lanes, bool),
    ExtendHigh(Lanes, bool),
    ExtaddPairwise(Lanes, bool),
    /// From i32x4 to f32x4.
    ConvertI32x4(bool),
    /// From the lower half of i32x4 to f64x2.
    ConvertLowI32x4(bool),
    /// From f32x4 to i32x4, saturating.
    TruncF32x4(bool),
    /// From f64x2 to the lower half of i32x4, saturating.
    TruncF64x2(bool),
    Demote,
    Promote,
    RelaxedTruncF32x4(bool),
    RelaxedTruncF64x2(bool),

    // `dst = a op b`
    And,
    AndNot,
    Or,
    Xor,
    Eq(Lanes),
    Ne(Lanes),
    Lt(Lanes, bool),
    Gt(Lanes, bool),
    Le(Lanes, bool),
    Ge(Lanes, bool),
    Add(Lanes),
    Sub(Lanes),
    Mul(Lanes),
    Div(Lanes),
    AddSaturating(Lanes, bool),
    SubSaturating(Lanes, bool),
    Min(Lanes, bool),
    Max(Lanes, bool),
    Pmin(Lanes),
    Pmax(Lanes),
    Avgr(Lanes),
    Q15mulr,
    /// From these lanes to half as wide ones.
    Narrow(Lanes, bool),
    Dot,
    /// Of these lanes, the lower half.
    ExtmulLow(Lanes, bool),
    ExtmulHigh(Lanes, bool),
    Swizzle,
    RelaxedSwizzle,
    RelaxedMin(Lanes),
    RelaxedMax(Lanes),
    RelaxedQ15mulr,
    RelaxedDot,
    /// The bytes of `a` and `b` that the constant in the pool at `imm` names.
    Shuffle,

    // `dst = a op b`, `b` an i32
    Shl(Lanes),
    Shr(Lanes, bool),

    // `dst = a` with lanes rotated to the left by `imm`: of shifts both ways, put together
    Rotl(Lanes),

    // `dst = op(a, b, c)`, `c` an item at `imm`
    Bitselect,
    Madd(Lanes),
    Nmadd(Lanes),
    Laneselect(Lanes),
    DotAdd,

    // `dst = op a`, an i32
    AnyTrue,
    AllTrue(Lanes),
    Bitmask(Lanes),

    // One lane, number `imm`
    /// `dst = a` in every lane.
    Splat(Lanes),
    /// `dst` = a lane of `a`.
    Extract(Lanes, bool),
    /// `dst = a` with a lane from `b`.
    Replace(Lanes),
}

impl Vector {
    /// What the deterministic profile prescribes for an operator whose result is implementation-dependent (specification 4.3.7).
    pub(super) fn deterministic(self) -> Vector {
        match self {
            Vector::RelaxedTruncF32x4(signed) => Vector::TruncF32x4(signed),
            Vector::RelaxedTruncF64x2(signed) => Vector::TruncF64x2(signed),
            Vector::RelaxedSwizzle => Vector::Swizzle,
            Vector::RelaxedMin(lanes) => Vector::Min(lanes, true),
            Vector::RelaxedMax(lanes) => Vector::Max(lanes, true),
            Vector::RelaxedQ15mulr => Vector::Q15mulr,
            Vector::Laneselect(_) => Vector::Bitselect,
            other => other,
        }
    }
}

/// A load of a vector that is not just its sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum VectorLoad {
    /// Eight bytes: half as many of these lanes, to twice as wide ones.
    Extend(Lanes, bool),
    /// One of these lanes, to all.
    Splat(Lanes),
    /// One of these lanes, zeros above.
    Zero(Lanes),
}
