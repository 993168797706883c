//! Modules from bytes, by us: every operator on operands of every shape.
//!
//! wasm-smith's functions are many operators on few values, most of them constants, with a NaN check behind each float.
//! These are trees of operators over parameters and locals. A NaN is made canonical only where its bits can be seen.

use crate::bytes::Choices;

/// The letters of signatures: `i` i32, `I` i64, `f` f32, `F` f64, `V` v128.
const TYPES: &[u8] = b"iIfFV";

/// Operators `first..=last` of a prefix byte (0: none), with their operands and result, and the number of lanes that an
/// immediate chooses from (0: no immediate).
struct Row(u8, u32, u32, &'static [u8], u8, u8);

#[rustfmt::skip]
const OPERATORS: &[Row] = &[
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
];

/// Loads: operators of a prefix byte, with their result.
#[rustfmt::skip]
const LOADS: &[(u8, u32, u32, u8)] = &[
    (0, 0x28, 0x28, b'i'), (0, 0x29, 0x29, b'I'), (0, 0x2A, 0x2A, b'f'), (0, 0x2B, 0x2B, b'F'), (0, 0x2C, 0x2F, b'i'),
    (0, 0x30, 0x35, b'I'), (0xFD, 0, 10, b'V'), (0xFD, 0x5C, 0x5D, b'V'),
];

/// Stores, with the type of their value; a vector's of lanes have 16, 8, 4 and 2 to choose from.
#[rustfmt::skip]
const STORES: &[(u8, u32, u8, u8)] = &[
    (0, 0x36, b'i', 0), (0, 0x37, b'I', 0), (0, 0x38, b'c', 0), (0, 0x39, b'C', 0), (0, 0x3A, b'i', 0), (0, 0x3B, b'i', 0),
    (0, 0x3C, b'I', 0), (0, 0x3D, b'I', 0), (0, 0x3E, b'I', 0), (0xFD, 11, b'V', 0), (0xFD, 0x58, b'V', 16),
    (0xFD, 0x59, b'V', 8), (0xFD, 0x5A, b'V', 4), (0xFD, 0x5B, b'V', 2),
];

const INTEGERS: [i64; 16] =
    [0, 1, -1, 2, 3, 7, 31, -2, 100, 0x7F, 0xFF, 0xFFFF, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN];
const FLOATS: [f64; 10] =
    [0.0, -0.0, 1.0, -1.5, 2147483648.0, 9223372036854775808.0, 1e30, f64::INFINITY, f64::NAN, 0.1];

const LOCALS_OF_EACH: u32 = 4;
const FUNCTIONS: u32 = 5;

/// A module that these bytes choose, with or without vectors; its functions come to an end.
pub fn module(bytes: &[u8], vectors: bool) -> Vec<u8> {
    let types = if vectors { TYPES } else { &TYPES[..4] };
    let mut choices = Choices::new(bytes);
    let signatures: Vec<(Vec<u8>, Vec<u8>)> = (0..FUNCTIONS)
        .map(|_| {
            let mut list = |most: usize| (0..choices.below(most)).map(|_| types[choices.below(types.len())]).collect();
            (list(7), list(4))
        })
        .collect();
    let bodies: Vec<Vec<u8>> = (0..signatures.len())
        .map(|index| {
            let mut function = Function {
                choices: &mut choices,
                types,
                signatures: &signatures[..index],
                params: &signatures[index].0,
                code: Vec::new(),
                loops: 0,
                budget: 120,
            };
            function.finish(&signatures[index].1)
        })
        .collect();
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    let list = |types: &[u8]| [leb(types.len() as u64), types.iter().map(|&ty| val_type(ty)).collect()].concat();
    let entries: Vec<Vec<u8>> =
        signatures.iter().map(|(params, results)| [vec![0x60], list(params), list(results)].concat()).collect();
    section(&mut module, 1, &entries);
    section(&mut module, 3, &(0..FUNCTIONS).map(|index| leb(index.into())).collect::<Vec<_>>());
    section(&mut module, 5, &[vec![1, 1, 3]]);
    let exports = (0..FUNCTIONS).map(|index| vec![1, b'a' + index as u8, 0, index as u8]);
    section(&mut module, 7, &exports.chain([vec![1, b'm', 2, 0]]).collect::<Vec<_>>());
    let sized = |body: &Vec<u8>| [leb(body.len() as u64), body.clone()].concat();
    section(&mut module, 10, &bodies.iter().map(sized).collect::<Vec<_>>());
    module
}

fn section(module: &mut Vec<u8>, id: u8, entries: &[Vec<u8>]) {
    let body = [leb(entries.len() as u64), entries.concat()].concat();
    module.push(id);
    module.extend(leb(body.len() as u64));
    module.extend(body);
}

fn leb(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn signed(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !(-64..64).contains(&value) {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8 & 0x7F);
    bytes
}

fn val_type(ty: u8) -> u8 {
    match ty {
        b'i' => 0x7F,
        b'I' => 0x7E,
        b'f' => 0x7D,
        b'F' => 0x7C,
        _ => 0x7B,
    }
}

struct Function<'a, 'b> {
    choices: &'a mut Choices<'b>,
    types: &'static [u8],
    /// Of the functions that it may call.
    signatures: &'a [(Vec<u8>, Vec<u8>)],
    params: &'a [u8],
    code: Vec<u8>,
    /// Enclosing loops; each has a counter of its own.
    loops: u32,
    /// Operators to come, about.
    budget: u32,
}

/// Deeper loops are not made.
const MAX_LOOPS: u32 = 2;

impl Function<'_, '_> {
    /// Declarations of locals, statements, results.
    fn finish(&mut self, results: &[u8]) -> Vec<u8> {
        for _ in 0..1 + self.choices.below(6) {
            self.statement();
        }
        for &ty in results {
            self.expression(seen(ty), 4);
        }
        let mut body = leb(self.types.len() as u64 + 1);
        for &ty in self.types {
            body.extend(leb(LOCALS_OF_EACH.into()));
            body.push(val_type(ty));
        }
        body.extend([MAX_LOOPS as u8, 0x7F]);
        body.extend(&self.code);
        body.push(0x0B);
        body
    }

    fn operator(&mut self, prefix: u8, operator: u32) {
        match prefix {
            0 => self.code.push(operator as u8),
            _ => {
                self.code.push(prefix);
                self.code.extend(leb(operator.into()));
            }
        }
    }

    fn local(&mut self, operator: u8, local: u32) {
        self.code.push(operator);
        self.code.extend(leb(local.into()));
    }

    /// The `which`-th local of a type; the last is for what is made canonical.
    fn local_of(&self, ty: u8, which: u32) -> u32 {
        let place = self.types.iter().position(|&other| other == ty).expect("one of ours") as u32;
        self.params.len() as u32 + place * LOCALS_OF_EACH + which
    }

    fn some_local(&mut self, ty: u8) -> u32 {
        let params = self.params.iter().enumerate().filter(|(_, param)| **param == ty).map(|(index, _)| index as u32);
        let params: Vec<u32> = params.collect();
        let which = self.choices.below(params.len() + LOCALS_OF_EACH as usize - 1);
        params.get(which).copied().unwrap_or_else(|| self.local_of(ty, (which - params.len()) as u32))
    }

    fn constant(&mut self, ty: u8) {
        let (integer, float) = (INTEGERS[self.choices.below(16)], FLOATS[self.choices.below(10)]);
        match ty {
            b'i' => self.code.extend([vec![0x41], signed((integer as i32).into())].concat()),
            b'I' => self.code.extend([vec![0x42], signed(integer)].concat()),
            b'f' => self.code.extend([&[0x43], &(float as f32).to_le_bytes()[..]].concat()),
            b'F' => self.code.extend([&[0x44], &float.to_le_bytes()[..]].concat()),
            _ => {
                let high = if self.choices.below(2) == 0 { self.choices.word() } else { integer as u64 };
                self.code.extend([&[0xFD, 0x0C], &float.to_le_bytes()[..], &high.to_le_bytes()[..]].concat());
            }
        }
    }

    /// A value of a type; of `c` and `C` a canonical float.
    fn expression(&mut self, ty: u8, depth: u32) {
        match ty {
            b'c' | b'C' => {
                let float = ty ^ b'c' ^ b'f';
                self.expression(float, depth);
                self.canonical(float);
            }
            _ => self.plain(ty, depth),
        }
    }

    /// NaNs of the value on the stack become the canonical one: `n` and `N` are vectors of f32 and f64.
    fn canonical(&mut self, ty: u8) {
        let (class, equal) = match ty {
            b'f' => (b'f', (0, 0x5B)),
            b'F' => (b'F', (0, 0x61)),
            b'n' => (b'V', (0xFD, 0x41)),
            _ => (b'V', (0xFD, 0x47)),
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

    fn plain(&mut self, ty: u8, depth: u32) {
        if depth == 0 || self.budget == 0 {
            return match self.choices.below(3) {
                0 => self.constant(ty),
                _ => {
                    let local = self.some_local(ty);
                    self.local(0x20, local);
                }
            };
        }
        self.budget -= 1;
        match self.choices.below(16) {
            0 => self.constant(ty),
            1 | 2 => {
                let local = self.some_local(ty);
                self.local(0x20, local);
            }
            3 => {
                self.plain(ty, depth - 1);
                let local = self.some_local(ty);
                self.local(0x22, local);
            }
            4 => {
                self.plain(ty, depth - 1);
                self.plain(ty, depth - 1);
                self.plain(b'i', depth - 1);
                self.code.push(0x1B);
            }
            5 => {
                self.plain(b'i', depth - 1);
                self.code.extend([0x04, val_type(ty)]);
                self.plain(ty, depth - 1);
                self.code.push(0x05);
                self.plain(ty, depth - 1);
                self.code.push(0x0B);
            }
            6 | 7 => self.load(ty, depth),
            8 if ty == b'V' => {
                self.plain(ty, depth - 1);
                self.plain(ty, depth - 1);
                self.operator(0xFD, 0x0D);
                let lanes: Vec<u8> = (0..16).map(|_| self.choices.below(32) as u8).collect();
                self.code.extend(lanes);
            }
            9 if ty == b'V' => self.load_lane(depth),
            _ => self.apply(ty, depth),
        }
    }

    /// An operator with that result.
    fn apply(&mut self, ty: u8, depth: u32) {
        let vectors = self.types.contains(&b'V');
        let fits = |row: &&Row| result(row.4) == ty && (vectors || row.0 != 0xFD);
        let rows: Vec<&Row> = OPERATORS.iter().filter(fits).collect();
        let mut row = rows[self.choices.below(rows.len())];
        // What traps often is less often wanted.
        if matches!((row.0, row.1), (0, 0x6D | 0x7F | 0xA8..=0xAB | 0xAE..=0xB1)) {
            row = rows[self.choices.below(rows.len())];
        }
        let &Row(prefix, first, last, operands, result, lanes) = row;
        let operator = first + self.choices.below((last - first + 1) as usize) as u32;
        for &operand in operands {
            self.expression(operand, depth - 1);
        }
        self.operator(prefix, operator);
        if lanes > 0 {
            let lane = self.choices.below(lanes.into()) as u8;
            self.code.push(lane);
        }
        if matches!(result, b'n' | b'N') {
            self.canonical(result);
        }
    }

    /// An address, most often within the first page.
    fn address(&mut self, depth: u32) {
        self.plain(b'i', depth.saturating_sub(1));
        if self.choices.below(8) > 0 {
            self.code.push(0x41);
            self.code.extend(signed(0xFFF0));
            self.code.push(0x71);
        }
    }

    /// Alignment, which is a hint, and offset.
    fn memarg(&mut self) {
        const OFFSETS: [u64; 7] = [1000, 0xFFFE, 0xFFFF, 0x1_0000, 0x7FFF_FFF0, 0x7FFF_FFFF, 0xFFFF_FFFF];
        let offset = match self.choices.below(16) {
            0 => OFFSETS[self.choices.below(OFFSETS.len())],
            small => small as u64,
        };
        self.code.push(0);
        self.code.extend(leb(offset));
    }

    fn load(&mut self, ty: u8, depth: u32) {
        let rows: Vec<_> = LOADS.iter().filter(|row| row.3 == ty).collect();
        let &&(prefix, first, last, _) = &rows[self.choices.below(rows.len())];
        self.address(depth);
        let operator = first + self.choices.below((last - first + 1) as usize) as u32;
        self.operator(prefix, operator);
        self.memarg();
    }

    fn load_lane(&mut self, depth: u32) {
        let size = self.choices.below(4);
        self.address(depth);
        self.plain(b'V', depth - 1);
        self.operator(0xFD, 0x54 + size as u32);
        self.memarg();
        let lane = self.choices.below(16 >> size) as u8;
        self.code.push(lane);
    }

    fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        match self.choices.below(12) {
            0 | 1 => {
                let rows: Vec<_> = STORES.iter().filter(|row| self.types.contains(&b'V') || row.0 == 0).collect();
                let &&(prefix, operator, ty, lanes) = &rows[self.choices.below(rows.len())];
                self.address(3);
                self.expression(ty, 3);
                self.operator(prefix, operator);
                self.memarg();
                if lanes > 0 {
                    let lane = self.choices.below(lanes.into()) as u8;
                    self.code.push(lane);
                }
            }
            2 if self.budget > 0 => {
                self.plain(b'i', 3);
                self.code.extend([0x04, 0x40]);
                self.statement();
                self.code.push(0x05);
                self.statement();
                self.code.push(0x0B);
            }
            3 if self.budget > 0 => {
                self.code.extend([0x02, 0x40]);
                self.statement();
                self.plain(b'i', 3);
                self.code.extend([0x0D, 0]);
                self.statement();
                self.code.push(0x0B);
            }
            4 if self.budget > 0 && self.loops < MAX_LOOPS => self.a_loop(),
            5 if self.budget > 0 => {
                self.code.extend([0x02, 0x40, 0x02, 0x40, 0x02, 0x40]);
                self.plain(b'i', 3);
                self.code.extend([0x0E, 5, 0, 1, 2, 0, 1, 2, 0x0B]);
                self.statement();
                self.code.push(0x0B);
                self.statement();
                self.code.push(0x0B);
            }
            6 if !self.signatures.is_empty() && self.loops == 0 => self.call(),
            7 => {
                self.plain(b'i', 1);
                self.code.extend([0x41, 1, 0x71, 0x40, 0, 0x1A]);
            }
            _ => {
                let ty = self.types[self.choices.below(self.types.len())];
                self.expression(ty, 4);
                let local = self.some_local(ty);
                self.local(0x21, local);
            }
        }
    }

    /// Up to four turns.
    fn a_loop(&mut self) {
        let counter = self.params.len() as u32 + self.types.len() as u32 * LOCALS_OF_EACH + self.loops;
        self.loops += 1;
        let turns = 1 + self.choices.below(4) as u8;
        self.code.extend([0x41, turns]);
        self.local(0x21, counter);
        self.code.extend([0x03, 0x40]);
        for _ in 0..1 + self.choices.below(3) {
            self.statement();
        }
        self.local(0x20, counter);
        self.code.extend([0x41, 1, 0x6B]);
        self.local(0x22, counter);
        self.code.extend([0x0D, 0, 0x0B]);
        self.loops -= 1;
    }

    fn call(&mut self) {
        let callee = self.choices.below(self.signatures.len());
        let (params, results) = &self.signatures[callee];
        for &ty in params {
            self.plain(ty, 2);
        }
        self.code.push(0x10);
        self.code.extend(leb(callee as u64));
        for &ty in results.iter().rev() {
            let local = self.some_local(ty);
            self.local(0x21, local);
        }
    }
}

/// What the letters of a row's result stand for.
fn result(letter: u8) -> u8 {
    if matches!(letter, b'n' | b'N') { b'V' } else { letter }
}

/// The letter for a value whose bits are seen.
fn seen(ty: u8) -> u8 {
    match ty {
        b'f' => b'c',
        b'F' => b'C',
        _ => ty,
    }
}
