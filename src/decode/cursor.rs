//! Reading the numbers and types of a function body (specification 5.2 to 5.4).

use super::info::ModuleInfo;
use crate::types::{HeapType, RefType, TypeIndex, ValType};
use wasmparser::WasmFeatures;

/// The body is not valid. Why and where, the parser's own validator says: see `compile`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Invalid;

/// What a block takes and leaves (specification 2.4.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BlockType {
    Empty,
    Result(ValType),
    Function(TypeIndex),
}

/// A place in a body.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    #[inline(always)]
    pub(crate) fn at(bytes: &'a [u8], position: usize) -> Cursor<'a> {
        Cursor { bytes, at: position }
    }

    /// Bytes read so far.
    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self) -> Result<u8, Invalid> {
        let byte = *self.bytes.get(self.at).ok_or(Invalid)?;
        self.at += 1;
        Ok(byte)
    }

    /// Passes over the next byte if it is this one.
    pub(crate) fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// The next byte if it is a number in itself.
    #[inline(always)]
    fn short(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
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
        let (value, length) = unsigned(self.bytes, self.at);
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

    #[inline(always)]
    pub(crate) fn i32(&mut self) -> Result<i32, Invalid> {
        match self.short() {
            Some(byte) => Ok(i32::from(byte) << 25 >> 25),
            None => Ok(self.signed::<32>()? as i32),
        }
    }

    #[inline(always)]
    pub(crate) fn i64(&mut self) -> Result<i64, Invalid> {
        match self.short() {
            Some(byte) => Ok(i64::from(byte) << 57 >> 57),
            None => self.signed::<64>(),
        }
    }

    /// A number of 33 bits: a type index, if it is not negative.
    pub(crate) fn s33(&mut self) -> Result<i64, Invalid> {
        self.signed::<33>()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Invalid> {
        let bytes = *self.bytes[self.at..].first_chunk().ok_or(Invalid)?;
        self.at += N;
        Ok(bytes)
    }

    #[inline(always)]
    fn signed<const BITS: u32>(&mut self) -> Result<i64, Invalid> {
        let (value, length) = signed::<BITS>(self.bytes, self.at);
        self.advance(length)?;
        Ok(value)
    }

    /// Behind a number of `length` bytes, 0 if it is malformed.
    #[inline(always)]
    fn advance(&mut self, length: usize) -> Result<(), Invalid> {
        self.at += length;
        if length == 0 { Err(Invalid) } else { Ok(()) }
    }

    // Types.

    /// A value type (specification 5.3.4).
    pub(crate) fn val_type(&mut self, info: &ModuleInfo) -> Result<ValType, Invalid> {
        let on = |feature: WasmFeatures| if info.features.contains(feature) { Ok(()) } else { Err(Invalid) };
        let ty = match self.byte()? {
            0x7F => return Ok(ValType::I32),
            0x7E => return Ok(ValType::I64),
            0x7D => return Ok(ValType::F32),
            0x7C => return Ok(ValType::F64),
            0x7B => return Ok(ValType::V128),
            // The long form of a reference, nullable and not.
            0x63 => return self.heap_type(info).map(|heap| ValType::Ref(RefType { nullable: true, heap })),
            0x64 => {
                let heap = self.heap_type(info)?;
                if matches!(heap, HeapType::Func | HeapType::Extern) {
                    on(WasmFeatures::FUNCTION_REFERENCES)?;
                }
                return Ok(ValType::Ref(RefType { nullable: false, heap }));
            }
            _ => {
                self.at -= 1;
                self.heap_type(info)?
            }
        };
        // The short form of a nullable reference.
        match ty {
            HeapType::ConcreteFunc(_) => Err(Invalid),
            heap => Ok(ValType::Ref(RefType { nullable: true, heap })),
        }
    }

    /// What a reference refers to (specification 5.3.3).
    pub(crate) fn heap_type(&mut self, info: &ModuleInfo) -> Result<HeapType, Invalid> {
        let on = |feature: WasmFeatures| if info.features.contains(feature) { Ok(()) } else { Err(Invalid) };
        let heap = match self.bytes.get(self.at) {
            Some(0x70) => HeapType::Func,
            Some(0x6F) => HeapType::Extern,
            Some(0x69) => HeapType::Exn,
            Some(0x74) => HeapType::NoExn,
            _ => {
                let index = u32::try_from(self.s33()?).map_err(|_| Invalid)?;
                on(WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::REFERENCE_TYPES))?;
                return info.concrete(TypeIndex(index)).map(HeapType::ConcreteFunc).ok_or(Invalid);
            }
        };
        self.at += 1;
        on(WasmFeatures::REFERENCE_TYPES)?;
        if matches!(heap, HeapType::Exn | HeapType::NoExn) {
            on(WasmFeatures::EXCEPTIONS)?;
        }
        Ok(heap)
    }

    /// A block type (specification 5.4.1).
    #[inline(always)]
    pub(crate) fn block_type(&mut self, info: &ModuleInfo) -> Result<BlockType, Invalid> {
        if let Some(0x40) = self.bytes.get(self.at) {
            self.at += 1;
            return Ok(BlockType::Empty);
        }
        let (ty, cursor) = self.block_type_with_values(info)?;
        *self = cursor;
        Ok(ty)
    }

    #[inline(never)]
    fn block_type_with_values(mut self, info: &ModuleInfo) -> Result<(BlockType, Cursor<'a>), Invalid> {
        let ty = match self.bytes.get(self.at) {
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

/// An unsigned number of 32 bits in LEB128, and how many bytes it takes: 0 if it is malformed.
#[inline(never)]
fn unsigned(bytes: &[u8], at: usize) -> (u32, usize) {
    let mut value = 0;
    for (index, &byte) in bytes[at..].iter().take(5).enumerate() {
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
fn signed<const BITS: u32>(bytes: &[u8], at: usize) -> (i64, usize) {
    let mut value = 0;
    let mut shift = 0;
    for (index, &byte) in bytes[at..].iter().enumerate() {
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
            let (mut cursor, mut reader) = (Cursor::new($bytes), wasmparser::BinaryReader::new($bytes, 0));
            let value = cursor.$ours().ok();
            assert_eq!(value, reader.$theirs().ok(), "{:x?}", $bytes);
            if value.is_some() {
                assert_eq!(cursor.remaining(), reader.bytes_remaining(), "{:x?}", $bytes);
            }
        }};
    }

    fn all_agree(bytes: &[u8]) {
        assert_agree!(bytes, u32, read_var_u32);
        assert_agree!(bytes, u64, read_var_u64);
        assert_agree!(bytes, i32, read_var_i32);
        assert_agree!(bytes, i64, read_var_i64);
        assert_agree!(bytes, s33, read_var_s33);
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
