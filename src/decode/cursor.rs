//! Reading the numbers and types of a function body (specification 5.2 to 5.4).

use super::info::ModuleInfo;
use crate::types::{HeapType, RefType, TypeIndex, ValType};
use std::ops::Range;
use wasmparser::WasmFeatures;

/// The body is not valid. Why and where, the parser's own validator says: see `compile`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Invalid;

/// The references to an abstract heap type, nullable and not.
static FUNC: [ValType; 2] = references_to(HeapType::Func, HeapType::Func);
static EXTERN: [ValType; 2] = references_to(HeapType::Extern, HeapType::Extern);
static EXN: [ValType; 2] = references_to(HeapType::Exn, HeapType::Exn);
static NO_EXN: [ValType; 2] = references_to(HeapType::NoExn, HeapType::NoExn);

/// The types of references, nullable and not, to a heap type, given twice.
pub(super) const fn references_to(heap: HeapType, same: HeapType) -> [ValType; 2] {
    [ValType::Ref(RefType { nullable: true, heap }), ValType::Ref(RefType { nullable: false, heap: same })]
}

/// What a block takes and leaves (specification 2.4.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BlockType<'m> {
    Empty,
    Result(&'m ValType),
    Function(TypeIndex),
}

/// A place in a body. An operator's operands may reach behind the body's end, but then there is no next operator, not even
/// an end.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    /// The module up to seven bytes behind the body.
    bytes: &'a [u8],
    at: u32,
    end: u32,
    /// What is behind the last opcode.
    window: Window,
}

/// The seven bytes behind an opcode, the first lowest; zeros behind the last byte of all. What is read from here has no more
/// bytes than that.
#[derive(Clone, Copy)]
pub(crate) struct Window(u64);

/// The bits of LEB128 numbers that say that more bytes follow.
const MORE: u64 = 0x8080_8080_8080_8080;

impl Window {
    /// The first byte.
    #[inline(always)]
    pub(crate) fn byte(self) -> u8 {
        self.0 as u8
    }

    /// A number of a single byte.
    #[inline(always)]
    pub(crate) fn short(self) -> Option<u8> {
        if self.byte() < 0x80 { Some(self.byte()) } else { None }
    }

    /// An unsigned number of 32 bits in LEB128, and how many bytes it takes. `None`: it is malformed.
    #[inline(always)]
    pub(crate) fn u32(self) -> Option<(u32, u32)> {
        match self.short() {
            Some(byte) => Some((byte.into(), 1)),
            None => self.long_u32(),
        }
    }

    #[inline(always)]
    fn long_u32(self) -> Option<(u32, u32)> {
        if self.0 & 0x8000 == 0 {
            return Some((self.0 as u32 & 0x7F | self.0 as u32 >> 1 & 0x3F80, 2));
        }
        let (bits, bytes) = self.seven_bits_each();
        if bytes <= 5 && bits <= u64::from(u32::MAX) { Some((bits as u32, bytes)) } else { None }
    }

    /// The same, signed.
    #[inline(always)]
    pub(crate) fn i32(self) -> Option<(i32, u32)> {
        let (bits, bytes) = self.seven_bits_each();
        let above = 64 - 7 * bytes;
        let value = (bits << above) as i64 >> above;
        if bytes <= 5 && value == i64::from(value as i32) { Some((value as i32, bytes)) } else { None }
    }

    /// The low 35 bits of the first number, and how many bytes it takes; more than seven: it goes on.
    #[inline(always)]
    fn seven_bits_each(self) -> (u64, u32) {
        let last = !self.0 & MORE;
        let bits = self.0 & (last ^ last.wrapping_sub(1));
        let part = |index: u32| (bits & 0x7F << (8 * index)) >> index;
        (part(0) | part(1) | part(2) | part(3) | part(4), last.trailing_zeros() / 8 + 1)
    }

    /// An alignment, at most this, and an offset of 32 bits; how many bytes they take. `None`: it is something else.
    #[inline(always)]
    pub(crate) fn plain_memarg(self, max_align: u8) -> Option<(u32, u32)> {
        if self.byte() > max_align {
            return None;
        }
        let (offset, bytes) = Window(self.0 >> 8).u32()?;
        Some((offset, bytes + 1))
    }
}

impl<'a> Cursor<'a> {
    /// At the start of a range of a module.
    pub(crate) fn new(module: &'a [u8], range: Range<u32>) -> Cursor<'a> {
        let Range { start: at, end } = range;
        Cursor { bytes: &module[..module.len().min(end as usize + 7)], at, end, window: Window(0) }
    }

    /// The next byte's place.
    #[inline(always)]
    fn place(&self) -> usize {
        self.at as usize
    }

    /// The offset in the module.
    #[inline(always)]
    pub(crate) fn position(&self) -> u32 {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.end.saturating_sub(self.at) as usize
    }

    /// Is this just the end?
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.end
    }

    /// Reads an opcode. What follows it can be read by [`Cursor::first_u32`] and the like, or by all others.
    #[inline(always)]
    pub(crate) fn opcode(&mut self) -> Result<u8, Invalid> {
        let window = match self.bytes.get(self.place()..self.place() + 8) {
            Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("eight bytes")),
            None => last_bytes(self.bytes, self.at, self.end)?,
        };
        self.at += 1;
        self.window = Window(window >> 8);
        Ok(window as u8)
    }

    /// What is behind the opcode.
    #[inline(always)]
    pub(crate) fn window(&self) -> Window {
        self.window
    }

    /// Goes on behind what was read of the [`Window`].
    #[inline(always)]
    pub(crate) fn pass(&mut self, bytes: u32) {
        self.at += bytes;
    }

    /// The number behind the opcode.
    #[inline(always)]
    pub(crate) fn first_u32(&mut self) -> Result<u32, Invalid> {
        let (value, bytes) = self.window.u32().ok_or(Invalid)?;
        self.at += bytes;
        Ok(value)
    }

    /// The number behind the opcode.
    #[inline(always)]
    pub(crate) fn first_i32(&mut self) -> Result<i32, Invalid> {
        let (value, bytes) = self.window.i32().ok_or(Invalid)?;
        self.at += bytes;
        Ok(value)
    }

    /// The number behind the opcode.
    #[inline(always)]
    pub(crate) fn first_i64(&mut self) -> Result<i64, Invalid> {
        match self.window.short() {
            Some(byte) => {
                self.at += 1;
                Ok(i64::from(byte) << 57 >> 57)
            }
            None => self.signed::<64>(),
        }
    }

    /// The byte behind the opcode, if it is below a limit.
    #[inline(always)]
    pub(crate) fn first_below(&mut self, limit: u8) -> Option<u8> {
        let byte = self.window.byte();
        if byte >= limit {
            return None;
        }
        self.at += 1;
        Some(byte)
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self) -> Result<u8, Invalid> {
        let byte = *self.bytes.get(self.place()).ok_or(Invalid)?;
        self.at += 1;
        Ok(byte)
    }

    /// Passes over the next byte if it is this one.
    pub(crate) fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.bytes.get(self.place()) == Some(&byte);
        self.at += u32::from(is_next);
        is_next
    }

    /// The next byte if it is a number in itself.
    #[inline(always)]
    fn short(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.place())?;
        if byte >= 0x80 {
            return None;
        }
        self.at += 1;
        Some(byte)
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Result<u32, Invalid> {
        if let Some(byte) = self.short() {
            return Ok(u32::from(byte));
        }
        let (value, length) = unsigned(self.bytes, self.place());
        self.advance(length)?;
        Ok(value)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Invalid> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Invalid)
    }

    /// A number of 33 bits: a type index, if it is not negative.
    pub(crate) fn s33(&mut self) -> Result<i64, Invalid> {
        self.signed::<33>()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Invalid> {
        let bytes = *self.bytes.get(self.place()..).and_then(<[u8]>::first_chunk).ok_or(Invalid)?;
        self.at += N as u32;
        Ok(bytes)
    }

    #[inline(always)]
    fn signed<const BITS: u32>(&mut self) -> Result<i64, Invalid> {
        let (value, length) = signed::<BITS>(self.bytes, self.place());
        self.advance(length)?;
        Ok(value)
    }

    /// Behind a number of `length` bytes, 0 if it is malformed.
    #[inline(always)]
    fn advance(&mut self, length: u32) -> Result<(), Invalid> {
        self.at += length;
        if length == 0 { Err(Invalid) } else { Ok(()) }
    }

    // Types.

    /// A value type (specification 5.3.4).
    pub(crate) fn val_type<'m>(&mut self, info: &'m ModuleInfo) -> Result<&'m ValType, Invalid> {
        let on = |feature: WasmFeatures| if info.features.contains(feature) { Ok(()) } else { Err(Invalid) };
        let [nullable, _] = match self.byte()? {
            0x7F => return Ok(&ValType::I32),
            0x7E => return Ok(&ValType::I64),
            0x7D => return Ok(&ValType::F32),
            0x7C => return Ok(&ValType::F64),
            0x7B => return Ok(&ValType::V128),
            // The long form of a reference, nullable and not.
            0x63 => return self.references(info).map(|[nullable, _]| nullable),
            0x64 => {
                let [nullable, non_null] = self.references(info)?;
                if [ValType::FUNCREF, ValType::EXTERNREF].contains(nullable) {
                    on(WasmFeatures::FUNCTION_REFERENCES)?;
                }
                return Ok(non_null);
            }
            _ => {
                self.at -= 1;
                self.references(info)?
            }
        };
        // The short form of a nullable reference.
        match nullable {
            ValType::Ref(RefType { heap: HeapType::ConcreteFunc(_), .. }) => Err(Invalid),
            nullable => Ok(nullable),
        }
    }

    /// The references, nullable and not, to a heap type (specification 5.3.3).
    pub(crate) fn references<'m>(&mut self, info: &'m ModuleInfo) -> Result<&'m [ValType; 2], Invalid> {
        let on = |feature: WasmFeatures| if info.features.contains(feature) { Ok(()) } else { Err(Invalid) };
        let (types, feature) = match self.bytes.get(self.place()) {
            Some(0x70) => (&FUNC, WasmFeatures::REFERENCE_TYPES),
            Some(0x6F) => (&EXTERN, WasmFeatures::REFERENCE_TYPES),
            Some(0x69) => (&EXN, WasmFeatures::EXCEPTIONS.union(WasmFeatures::REFERENCE_TYPES)),
            Some(0x74) => (&NO_EXN, WasmFeatures::EXCEPTIONS.union(WasmFeatures::REFERENCE_TYPES)),
            _ => {
                let index = u32::try_from(self.s33()?).map_err(|_| Invalid)?;
                on(WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::REFERENCE_TYPES))?;
                return info.references.get(index as usize).ok_or(Invalid);
            }
        };
        self.at += 1;
        on(feature)?;
        Ok(types)
    }

    /// A block type (specification 5.4.1), behind the opcode.
    #[inline(always)]
    pub(crate) fn block_type<'m>(&mut self, info: &'m ModuleInfo) -> Result<BlockType<'m>, Invalid> {
        if self.window.byte() == 0x40 {
            self.at += 1;
            return Ok(BlockType::Empty);
        }
        let (ty, cursor) = self.block_type_with_values(info)?;
        *self = cursor;
        Ok(ty)
    }

    #[inline(never)]
    fn block_type_with_values<'m>(mut self, info: &'m ModuleInfo) -> Result<(BlockType<'m>, Cursor<'a>), Invalid> {
        let ty = match self.bytes.get(self.place()) {
            Some(0x41..0x80) => BlockType::Result(self.val_type(info)?),
            _ => {
                let index = u32::try_from(self.s33()?).map_err(|_| Invalid)?;
                if !info.features.contains(WasmFeatures::MULTI_VALUE) {
                    return Err(Invalid);
                }
                BlockType::Function(TypeIndex(index))
            }
        };
        Ok((ty, self))
    }
}

/// What is left if that is less than eight bytes, and zeros. With seven bytes behind the end, nothing is left.
#[cold]
#[inline(never)]
fn last_bytes(bytes: &[u8], at: u32, end: u32) -> Result<u64, Invalid> {
    match at < end {
        true => Ok(bytes[at as usize..].iter().rev().fold(0, |window, &byte| window << 8 | u64::from(byte))),
        false => Err(Invalid),
    }
}

/// An unsigned number of 32 bits in LEB128, and how many bytes it takes: 0 if it is malformed.
#[inline(never)]
fn unsigned(bytes: &[u8], at: usize) -> (u32, u32) {
    let mut value = 0;
    for (index, &byte) in (0..5).zip(bytes.iter().skip(at)) {
        if index == 4 && byte > 0x0F {
            break;
        }
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            return (value, index + 1);
        }
    }
    (0, 0)
}

/// A signed number in LEB128, sign-extended, and how many bytes it takes: 0 if it is malformed.
#[inline(never)]
fn signed<const BITS: u32>(bytes: &[u8], at: usize) -> (i64, u32) {
    let mut value = 0;
    let mut shift = 0;
    for (index, &byte) in (0..).zip(bytes.iter().skip(at)) {
        value |= i64::from(byte & 0x7F) << shift;
        if shift + 7 >= BITS {
            // The last byte: what is above the number's bits repeats its sign.
            let sign = ((byte << 1) as i8) >> (BITS - shift);
            let well_formed = byte < 0x80 && (sign == 0 || sign == -1);
            return if well_formed { (value << (64 - BITS) >> (64 - BITS), index + 1) } else { (0, 0) };
        }
        shift += 7;
        if byte < 0x80 {
            return (value << (64 - shift) >> (64 - shift), index + 1);
        }
    }
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Both read the same, and leave as much.
    macro_rules! assert_agree {
        ($bytes:expr, $ours:ident, $theirs:ident) => {{
            let (mut cursor, mut reader) =
                (Cursor::new($bytes, 0..$bytes.len() as u32), wasmparser::BinaryReader::new($bytes, 0));
            let value = cursor.$ours().ok();
            assert_eq!(value, reader.$theirs().ok(), "{:x?}", $bytes);
            if value.is_some() {
                assert_eq!(cursor.remaining(), reader.bytes_remaining(), "{:x?}", $bytes);
            }
        }};
    }

    /// The same behind an opcode.
    macro_rules! assert_agree_behind_opcode {
        ($bytes:expr, $ours:ident, $theirs:ident) => {{
            let (mut cursor, mut reader) =
                (Cursor::new($bytes, 0..$bytes.len() as u32), wasmparser::BinaryReader::new($bytes, 1));
            assert_eq!(cursor.opcode().ok(), reader.read_u8().ok());
            let value = cursor.$ours().ok().filter(|_| cursor.position() <= $bytes.len() as u32);
            assert_eq!(value, reader.$theirs().ok(), "{:x?}", $bytes);
            if value.is_some() {
                assert_eq!(cursor.remaining(), reader.bytes_remaining(), "{:x?}", $bytes);
            }
        }};
    }

    fn all_agree(bytes: &[u8]) {
        assert_agree!(bytes, u32, read_var_u32);
        assert_agree!(bytes, u64, read_var_u64);
        assert_agree!(bytes, s33, read_var_s33);
        let bytes = &[&[0x41], bytes].concat();
        assert_agree_behind_opcode!(bytes, first_u32, read_var_u32);
        assert_agree_behind_opcode!(bytes, first_i32, read_var_i32);
        assert_agree_behind_opcode!(bytes, first_i64, read_var_i64);
        let memarg = &[&[0x28, 2], &bytes[1..]].concat();
        let mut cursor = Cursor::new(memarg, 0..memarg.len() as u32);
        assert_eq!(cursor.opcode(), Ok(0x28));
        let offset = cursor.window().plain_memarg(2).filter(|(_, bytes)| (*bytes as usize) < memarg.len());
        let mut reader = wasmparser::BinaryReader::new(&memarg[2..], 0);
        let expected = reader.read_var_u32().ok().map(|offset| (offset, 1 + reader.original_position() as u32));
        assert_eq!(offset, expected, "{memarg:x?}");
    }

    #[test]
    fn last_bytes_are_read_as_the_parser_reads_them() {
        for length in 0..10 {
            for middle in [0x80, 0xFF, 0xA5] {
                for last in 0..=255 {
                    let mut bytes = vec![middle; length];
                    bytes.extend([last, 1]);
                    all_agree(&bytes);
                }
            }
        }
        all_agree(&[]);
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_the_parser_reads_them(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            all_agree(&bytes);
        }
    }
}
