//! `i8x16.shuffle`: the shortest instructions for the bytes that are asked for.

use super::Emit;
use super::operand::{Step, Value};
use crate::compile::op::Class;
use crate::compile::vector::Lanes;
use planish_asm::Packed::*;
use planish_asm::{Broadcast, Packed, PackedImm, PackedUnaryImm, Xmm};

/// Which byte goes to which place: 0 to 15 of the first operand, 16 to 31 of the second; [`ZERO`] and more for none.
type Bytes = [u8; 16];

/// A byte that is 0.
const ZERO: u8 = 0x80;

/// An instruction of two operands that only moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pair {
    Packed(Packed),
    Imm(PackedImm, u8),
}

/// The same of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Alone {
    Nothing,
    Imm(PackedUnaryImm, u8),
    /// Lanes of 32 bits rotated to the left, by so many bits.
    RotateLanes(u8),
    /// All bytes rotated to the right.
    Rotate(u8),
    Broadcast(Broadcast),
}

/// The lanes of so many bytes that the bytes move in; `None` if a lane is torn.
fn lanes<const N: usize>(bytes: &Bytes) -> Option<[u8; N]> {
    let width = 16 / N;
    let mut lanes = [0; N];
    for (lane, part) in lanes.iter_mut().zip(bytes.chunks(width)) {
        *lane = part[0] / width as u8;
        let whole = part.iter().enumerate().all(|(place, &byte)| byte == *lane * width as u8 + place as u8);
        if !whole {
            return None;
        }
    }
    Some(lanes)
}

/// Two bits each.
fn immediate(lanes: [u8; 4]) -> u8 {
    (lanes[0] & 3) | (lanes[1] & 3) << 2 | (lanes[2] & 3) << 4 | (lanes[3] & 3) << 6
}

/// Of one operand; all bytes are below 16.
fn alone(bytes: &Bytes, avx2: bool) -> Option<Alone> {
    if let Some(lanes) = lanes::<4>(bytes) {
        return Some(match lanes {
            [0, 1, 2, 3] => Alone::Nothing,
            _ => Alone::Imm(PackedUnaryImm::Pshufd, immediate(lanes)),
        });
    }
    if avx2 && bytes.iter().all(|&byte| byte == 0) {
        return Some(Alone::Broadcast(Broadcast::Vpbroadcastb));
    }
    if let Some(words) = lanes::<8>(bytes) {
        if avx2 && words == [0; 8] {
            return Some(Alone::Broadcast(Broadcast::Vpbroadcastw));
        }
        let [low, high] = [0, 4].map(|from| [words[from], words[from + 1], words[from + 2], words[from + 3]]);
        if low.iter().all(|&word| word < 4) && high.iter().all(|&word| word >= 4) {
            if high == [4, 5, 6, 7] {
                return Some(Alone::Imm(PackedUnaryImm::Pshuflw, immediate(low)));
            }
            if low == [0, 1, 2, 3] {
                return Some(Alone::Imm(PackedUnaryImm::Pshufhw, immediate(high)));
            }
        }
    }
    let first = bytes[0];
    let lanes_rotated =
        bytes.iter().enumerate().all(|(place, &byte)| byte == place as u8 & !3 | (first + place as u8) & 3);
    if first < 4 && lanes_rotated {
        return Some(Alone::RotateLanes(8 * (4 - first)));
    }
    let rotated = bytes.iter().enumerate().all(|(place, &byte)| byte == (first + place as u8) & 15);
    rotated.then_some(Alone::Rotate(first))
}

/// Of two operands, in this order.
fn pair(bytes: &Bytes) -> Option<Pair> {
    if let Some(unpack) = UNPACK.iter().find(|row| row.0 == *bytes) {
        return Some(Pair::Packed(unpack.1));
    }
    if let Some(words) = lanes::<8>(bytes)
        && words.iter().enumerate().all(|(place, &word)| word & 7 == place as u8)
    {
        let second = words.iter().enumerate().fold(0, |mask, (place, &word)| mask | (word >> 3) << place);
        return Some(Pair::Imm(PackedImm::Pblendw, second));
    }
    if let Some(dwords @ [a, b, c, d]) = lanes::<4>(bytes)
        && a < 4
        && b < 4
        && c >= 4
        && d >= 4
    {
        return Some(Pair::Imm(PackedImm::Shufps, immediate(dwords)));
    }
    None
}

/// The bytes of both one behind the other, from this byte of the first on.
fn window(bytes: &Bytes) -> Option<u8> {
    let first = bytes[0];
    let contiguous = bytes.iter().enumerate().all(|(place, &byte)| byte == first + place as u8);
    (contiguous && first < 16).then_some(first)
}

/// The bytes with the operands exchanged.
fn exchanged(bytes: &Bytes) -> Bytes {
    bytes.map(|byte| byte ^ 16)
}

#[rustfmt::skip]
const UNPACK: [(Bytes, Packed); 8] = [
    ([0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23],         Punpcklbw),
    ([8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31],   Punpckhbw),
    ([0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23],         Punpcklwd),
    ([8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31],   Punpckhwd),
    ([0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23],         Punpckldq),
    ([8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31],   Punpckhdq),
    ([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23],         Punpcklqdq),
    ([8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31],   Punpckhqdq),
];

/// For `pshufb`.
fn table(bytes: &Bytes) -> u128 {
    u128::from_le_bytes(*bytes)
}

impl Emit<'_> {
    pub(super) fn shuffle(&mut self, e: &Step) {
        let bytes = self.tape.vector(e.imm as usize).to_le_bytes();
        let zero = |value: Value| self.tape.vector_constant(value.reference) == Some(0);
        let (zero_a, zero_b) = (zero(e.a), zero(e.b));
        // Of one operand that is twice the same, or the only one that is looked at; the other may be all zeros.
        let same = e.a.is_var() && e.a.reference == e.b.reference;
        if same || bytes.iter().all(|&byte| byte < 16) {
            return self.shuffle_one(e, e.a, bytes.map(|byte| byte & 15));
        }
        if bytes.iter().all(|&byte| byte >= 16) {
            return self.shuffle_one(e, e.b, bytes.map(|byte| byte & 15));
        }
        if zero_b {
            return self.shuffle_one(e, e.a, bytes.map(|byte| if byte < 16 { byte } else { ZERO }));
        }
        if zero_a {
            return self.shuffle_one(e, e.b, bytes.map(|byte| if byte < 16 { ZERO } else { byte & 15 }));
        }
        self.two(e, |emit, target, a, b| emit.shuffle_two(&bytes, target, a, b));
    }

    fn shuffle_one(&mut self, e: &Step, value: Value, bytes: Bytes) {
        let a = self.read_vector(value);
        let dying = self.dying_float(value);
        self.release(e.a);
        self.release(e.b);
        let target = self.float_target(e, dying, 0);
        let zeros = bytes.contains(&ZERO);
        match if zeros { None } else { alone(&bytes, self.module.cpu.avx2) } {
            Some(Alone::Nothing) => self.move_vector(target, a),
            Some(Alone::Imm(op, imm)) => self.packed_unary_imm(op, target, a, imm),
            Some(Alone::RotateLanes(count)) => self.rotate(Lanes::I32x4, target, a, count),
            Some(Alone::Rotate(count)) => self.packed_imm(PackedImm::Palignr, target, a, a, count),
            Some(Alone::Broadcast(op)) => _ = self.asm.v_broadcast_rr(op, target, a),
            None => self.packed_constant(Pshufb, target, a, table(&bytes)),
        }
        self.define_float(e.dst, target, Class::V128);
    }

    /// The target is another register than both.
    fn shuffle_two(&mut self, bytes: &Bytes, target: Xmm, a: Xmm, b: Xmm) {
        for (bytes, first, second) in [(*bytes, a, b), (exchanged(bytes), b, a)] {
            match pair(&bytes) {
                Some(Pair::Packed(op)) => return self.packed(op, target, first, second),
                Some(Pair::Imm(op, imm)) => return self.packed_imm(op, target, first, second, imm),
                None => {}
            }
            if let Some(from) = window(&bytes) {
                return self.packed_imm(PackedImm::Palignr, target, second, first, from);
            }
        }
        // Not `vpermi2b`, though AMD's processors do two in a cycle: Intel's do one in two cycles, and this in one (Fog,
        // "Instruction tables").
        let of_a = bytes.map(|byte| if byte < 16 { byte } else { ZERO });
        let of_b = bytes.map(|byte| if byte < 16 { ZERO } else { byte & 15 });
        self.packed_constant(Pshufb, target, a, table(&of_a));
        self.packed_constant(Pshufb, Self::FLOAT_TEMP, b, table(&of_b));
        self.packed(Por, target, target, Self::FLOAT_TEMP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(from: impl Fn(usize) -> u8) -> Bytes {
        std::array::from_fn(from)
    }

    #[test]
    fn instructions_of_one_operand_are_found() {
        assert_eq!(alone(&bytes(|i| i as u8), false), Some(Alone::Nothing));
        assert_eq!(alone(&bytes(|i| i as u8 ^ 4), false), Some(Alone::Imm(PackedUnaryImm::Pshufd, 0b10_11_00_01)));
        assert_eq!(alone(&bytes(|i| i as u8 ^ 2), false), Some(Alone::RotateLanes(16)));
        let rotated = bytes(|i| (i as u8 & !3) + [3, 0, 1, 2][i % 4]);
        assert_eq!(alone(&rotated, false), Some(Alone::RotateLanes(8)));
        assert_eq!(alone(&bytes(|i| (i as u8 + 3) & 15), false), Some(Alone::Rotate(3)));
        assert_eq!(alone(&bytes(|_| 0), true), Some(Alone::Broadcast(Broadcast::Vpbroadcastb)));
        assert_eq!(alone(&bytes(|i| i as u8 & 1), true), Some(Alone::Broadcast(Broadcast::Vpbroadcastw)));
        assert_eq!(alone(&bytes(|i| i as u8 ^ 1), true), None);
    }

    #[test]
    fn instructions_of_two_operands_are_found() {
        for (shuffled, op) in UNPACK {
            assert_eq!(pair(&shuffled), Some(Pair::Packed(op)));
        }
        let blend = bytes(|i| i as u8 + if i / 2 % 3 == 0 { 16 } else { 0 });
        assert_eq!(pair(&blend), Some(Pair::Imm(PackedImm::Pblendw, 0b0100_1001)));
        let dwords = bytes(|i| [3, 0, 5, 4][i / 4] * 4 + i as u8 % 4);
        assert_eq!(pair(&dwords), Some(Pair::Imm(PackedImm::Shufps, 0b00_01_00_11)));
        assert_eq!((window(&bytes(|i| i as u8 + 5)), window(&bytes(|i| i as u8 + 17))), (Some(5), None));
        assert_eq!(exchanged(&exchanged(&blend)), blend);
    }
}
