//! The operators that are nothing but operands, a result and perhaps a lane.

/// Operators `first..=last` of a prefix byte (0: none), with their operands and result, and the number of lanes that an
/// immediate chooses from (0: no immediate). A letter is a type, `c` and `C` are floats whose bits are seen, the results
/// `n` and `N` vectors of floats that arithmetic made.
pub(super) struct Row(
    pub(super) u8,
    pub(super) u32,
    pub(super) u32,
    pub(super) &'static [u8],
    pub(super) u8,
    pub(super) u8,
);

#[rustfmt::skip]
pub(super) const OPERATORS: &[Row] = &[
    Row(0, 0x45, 0x45, b"i",  b'i', 0), Row(0, 0x46, 0x4F, b"ii", b'i', 0), Row(0, 0x50, 0x50, b"I",  b'i', 0),
    Row(0, 0x51, 0x5A, b"II", b'i', 0), Row(0, 0x5B, 0x60, b"ff", b'i', 0), Row(0, 0x61, 0x66, b"FF", b'i', 0),
    Row(0, 0x67, 0x69, b"i",  b'i', 0), Row(0, 0x6A, 0x6C, b"ii", b'i', 0), Row(0, 0x6D, 0x70, b"ii", b'i', 0),
    Row(0, 0x71, 0x78, b"ii", b'i', 0), Row(0, 0x79, 0x7B, b"I",  b'I', 0), Row(0, 0x7C, 0x7E, b"II", b'I', 0),
    Row(0, 0x7F, 0x82, b"II", b'I', 0), Row(0, 0x83, 0x8A, b"II", b'I', 0), Row(0, 0x8B, 0x91, b"f",  b'f', 0),
    Row(0, 0x92, 0x97, b"ff", b'f', 0), Row(0, 0x98, 0x98, b"fc", b'f', 0), Row(0, 0x99, 0x9F, b"F",  b'F', 0),
    Row(0, 0xA0, 0xA5, b"FF", b'F', 0), Row(0, 0xA6, 0xA6, b"FC", b'F', 0), Row(0, 0xA7, 0xA7, b"I",  b'i', 0),
    Row(0, 0xA8, 0xA9, b"f",  b'i', 0), Row(0, 0xAA, 0xAB, b"F",  b'i', 0), Row(0, 0xAC, 0xAD, b"i",  b'I', 0),
    Row(0, 0xAE, 0xAF, b"f",  b'I', 0), Row(0, 0xB0, 0xB1, b"F",  b'I', 0), Row(0, 0xB2, 0xB3, b"i",  b'f', 0),
    Row(0, 0xB4, 0xB5, b"I",  b'f', 0), Row(0, 0xB6, 0xB6, b"F",  b'f', 0), Row(0, 0xB7, 0xB8, b"i",  b'F', 0),
    Row(0, 0xB9, 0xBA, b"I",  b'F', 0), Row(0, 0xBB, 0xBB, b"f",  b'F', 0), Row(0, 0xBC, 0xBC, b"c",  b'i', 0),
    Row(0, 0xBD, 0xBD, b"C",  b'I', 0), Row(0, 0xBE, 0xBE, b"i",  b'f', 0), Row(0, 0xBF, 0xBF, b"I",  b'F', 0),
    Row(0, 0xC0, 0xC1, b"i",  b'i', 0), Row(0, 0xC2, 0xC4, b"I",  b'I', 0),
    // Saturating truncations.
    Row(0xFC, 0, 1, b"f", b'i', 0), Row(0xFC, 2, 3, b"F", b'i', 0), Row(0xFC, 4, 5, b"f", b'I', 0), Row(0xFC, 6, 7, b"F", b'I', 0),
    // Vectors: lanes.
    Row(0xFD, 0x0E, 0x0E, b"VV", b'V', 0),  Row(0xFD, 0x0F, 0x11, b"i",  b'V', 0),  Row(0xFD, 0x12, 0x12, b"I",  b'V', 0),
    Row(0xFD, 0x13, 0x13, b"c",  b'V', 0),  Row(0xFD, 0x14, 0x14, b"C",  b'V', 0),  Row(0xFD, 0x15, 0x16, b"V",  b'i', 16),
    Row(0xFD, 0x17, 0x17, b"Vi", b'V', 16), Row(0xFD, 0x18, 0x19, b"V",  b'i', 8),  Row(0xFD, 0x1A, 0x1A, b"Vi", b'V', 8),
    Row(0xFD, 0x1B, 0x1B, b"V",  b'i', 4),  Row(0xFD, 0x1C, 0x1C, b"Vi", b'V', 4),  Row(0xFD, 0x1D, 0x1D, b"V",  b'I', 2),
    Row(0xFD, 0x1E, 0x1E, b"VI", b'V', 2),  Row(0xFD, 0x1F, 0x1F, b"V",  b'f', 4),  Row(0xFD, 0x20, 0x20, b"Vc", b'V', 4),
    Row(0xFD, 0x21, 0x21, b"V",  b'F', 2),  Row(0xFD, 0x22, 0x22, b"VC", b'V', 2),
    // Comparisons, bits.
    Row(0xFD, 0x23, 0x4C, b"VV", b'V', 0), Row(0xFD, 0x4D, 0x4D, b"V", b'V', 0), Row(0xFD, 0x4E, 0x51, b"VV", b'V', 0),
    Row(0xFD, 0x52, 0x52, b"VVV", b'V', 0), Row(0xFD, 0x53, 0x53, b"V", b'i', 0),
    // Floats of vectors that round, then bytes, words, doublewords, quadwords.
    Row(0xFD, 0x5E, 0x5E, b"V", b'n', 0), Row(0xFD, 0x5F, 0x5F, b"V", b'N', 0), Row(0xFD, 0x67, 0x6A, b"V", b'n', 0),
    Row(0xFD, 0x74, 0x75, b"V", b'N', 0), Row(0xFD, 0x7A, 0x7A, b"V", b'N', 0), Row(0xFD, 0x94, 0x94, b"V", b'N', 0),
    Row(0xFD, 0x60, 0x62, b"V", b'V', 0), Row(0xFD, 0x63, 0x64, b"V", b'i', 0), Row(0xFD, 0x65, 0x66, b"VV", b'V', 0),
    Row(0xFD, 0x6B, 0x6D, b"Vi", b'V', 0), Row(0xFD, 0x6E, 0x73, b"VV", b'V', 0), Row(0xFD, 0x76, 0x79, b"VV", b'V', 0),
    Row(0xFD, 0x7B, 0x7B, b"VV", b'V', 0), Row(0xFD, 0x7C, 0x81, b"V", b'V', 0), Row(0xFD, 0x82, 0x82, b"VV", b'V', 0),
    Row(0xFD, 0x83, 0x84, b"V", b'i', 0), Row(0xFD, 0x85, 0x86, b"VV", b'V', 0), Row(0xFD, 0x87, 0x8A, b"V", b'V', 0),
    Row(0xFD, 0x8B, 0x8D, b"Vi", b'V', 0), Row(0xFD, 0x8E, 0x93, b"VV", b'V', 0), Row(0xFD, 0x95, 0x99, b"VV", b'V', 0),
    Row(0xFD, 0x9B, 0x9F, b"VV", b'V', 0), Row(0xFD, 0xA0, 0xA1, b"V", b'V', 0), Row(0xFD, 0xA3, 0xA4, b"V", b'i', 0),
    Row(0xFD, 0xA7, 0xAA, b"V", b'V', 0), Row(0xFD, 0xAB, 0xAD, b"Vi", b'V', 0), Row(0xFD, 0xAE, 0xAE, b"VV", b'V', 0),
    Row(0xFD, 0xB1, 0xB1, b"VV", b'V', 0), Row(0xFD, 0xB5, 0xBA, b"VV", b'V', 0), Row(0xFD, 0xBC, 0xBF, b"VV", b'V', 0),
    Row(0xFD, 0xC0, 0xC1, b"V", b'V', 0), Row(0xFD, 0xC3, 0xC4, b"V", b'i', 0), Row(0xFD, 0xC7, 0xCA, b"V", b'V', 0),
    Row(0xFD, 0xCB, 0xCD, b"Vi", b'V', 0), Row(0xFD, 0xCE, 0xCE, b"VV", b'V', 0), Row(0xFD, 0xD1, 0xD1, b"VV", b'V', 0),
    Row(0xFD, 0xD5, 0xDF, b"VV", b'V', 0),
    // Floats of vectors.
    Row(0xFD, 0xE0, 0xE1, b"V", b'V', 0), Row(0xFD, 0xE3, 0xE3, b"V", b'n', 0), Row(0xFD, 0xE4, 0xE9, b"VV", b'n', 0),
    Row(0xFD, 0xEA, 0xEB, b"VV", b'V', 0), Row(0xFD, 0xEC, 0xED, b"V", b'V', 0), Row(0xFD, 0xEF, 0xEF, b"V", b'N', 0),
    Row(0xFD, 0xF0, 0xF5, b"VV", b'N', 0), Row(0xFD, 0xF6, 0xF7, b"VV", b'V', 0), Row(0xFD, 0xF8, 0xFF, b"V", b'V', 0),
    // Relaxed.
    Row(0xFD, 0x100, 0x100, b"VV", b'V', 0), Row(0xFD, 0x101, 0x104, b"V", b'V', 0), Row(0xFD, 0x105, 0x106, b"VVV", b'n', 0),
    Row(0xFD, 0x107, 0x108, b"VVV", b'N', 0), Row(0xFD, 0x109, 0x10C, b"VVV", b'V', 0), Row(0xFD, 0x10D, 0x10E, b"VV", b'n', 0),
    Row(0xFD, 0x10F, 0x110, b"VV", b'N', 0), Row(0xFD, 0x111, 0x112, b"VV", b'V', 0), Row(0xFD, 0x113, 0x113, b"VVV", b'V', 0),
];

/// Loads: operators of a prefix byte, with their result.
#[rustfmt::skip]
pub(super) const LOADS: &[(u8, u32, u32, u8)] = &[
    (0, 0x28, 0x28, b'i'), (0, 0x29, 0x29, b'I'), (0, 0x2A, 0x2A, b'f'), (0, 0x2B, 0x2B, b'F'), (0, 0x2C, 0x2F, b'i'),
    (0, 0x30, 0x35, b'I'), (0xFD, 0, 10, b'V'), (0xFD, 0x5C, 0x5D, b'V'),
];

/// Stores, with the type of their value; a vector's of lanes have 16, 8, 4 and 2 to choose from.
#[rustfmt::skip]
pub(super) const STORES: &[(u8, u32, u8, u8)] = &[
    (0, 0x36, b'i', 0), (0, 0x37, b'I', 0), (0, 0x38, b'c', 0), (0, 0x39, b'C', 0), (0, 0x3A, b'i', 0), (0, 0x3B, b'i', 0),
    (0, 0x3C, b'I', 0), (0, 0x3D, b'I', 0), (0, 0x3E, b'I', 0), (0xFD, 11, b'V', 0), (0xFD, 0x58, b'V', 16),
    (0xFD, 0x59, b'V', 8), (0xFD, 0x5A, b'V', 4), (0xFD, 0x5B, b'V', 2),
];

/// The seven widths of an atomic operator, in order: the type of its value, and the logarithm of the bytes in memory.
pub(super) const ATOMIC_WIDTHS: [(u8, u8); 7] =
    [(b'i', 2), (b'I', 3), (b'i', 0), (b'i', 1), (b'I', 0), (b'I', 1), (b'I', 2)];

impl Row {
    /// How many operators it has.
    pub(super) fn count(&self) -> usize {
        (self.2 - self.1 + 1) as usize
    }

    /// The type of its result.
    pub(super) fn result(&self) -> u8 {
        if matches!(self.4, b'n' | b'N') { b'V' } else { self.4 }
    }

    /// Does it compare, so that a branch may take its result?
    pub(super) fn compares(&self) -> bool {
        matches!((self.0, self.1), (0, 0x45..=0x66) | (0xFD, 0x53 | 0x63 | 0x83 | 0xA3 | 0xC3))
    }

    /// Does it trap, for many operands?
    pub(super) fn traps(&self) -> bool {
        matches!((self.0, self.1), (0, 0x6D | 0x7F | 0xA8..=0xAB | 0xAE..=0xB1))
    }

    /// Has it a result that engines may choose?
    pub(super) fn is_relaxed(&self) -> bool {
        self.0 == 0xFD && self.1 >= 0x100
    }
}
