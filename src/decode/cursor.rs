//! Reading the numbers of a function body (specification 5.2).

/// The body is not valid. Why and where, the parser's own validator says: see `compile`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Invalid;

/// What is left to read of a body.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }

    /// Bytes left.
    #[inline(always)]
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self) -> Result<u8, Invalid> {
        let (&byte, rest) = self.rest.split_first().ok_or(Invalid)?;
        self.rest = rest;
        Ok(byte)
    }

    /// The next byte, which stays where it is.
    pub(crate) fn peek(&self) -> Result<u8, Invalid> {
        self.rest.first().copied().ok_or(Invalid)
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Result<u32, Invalid> {
        match self.rest {
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(*byte))
            }
            [low, high @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(*low & 0x7F) | u32::from(*high) << 7)
            }
            rest => {
                let (value, length) = unsigned(rest)?;
                self.rest = &rest[length..];
                Ok(value)
            }
        }
    }

    #[inline(always)]
    pub(crate) fn i32(&mut self) -> Result<i32, Invalid> {
        match self.rest {
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(i32::from(*byte) << 25 >> 25)
            }
            _ => Ok(self.signed::<32>()? as i32),
        }
    }

    #[inline(always)]
    pub(crate) fn i64(&mut self) -> Result<i64, Invalid> {
        match self.rest {
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(i64::from(*byte) << 57 >> 57)
            }
            _ => self.signed::<64>(),
        }
    }

    /// A type index, as block types encode it: a non-negative number of 33 bits.
    pub(crate) fn s33(&mut self) -> Result<i64, Invalid> {
        self.signed::<33>()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Invalid> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Invalid)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn signed<const BITS: u32>(&mut self) -> Result<i64, Invalid> {
        let (value, length) = signed::<BITS>(self.rest)?;
        self.rest = &self.rest[length..];
        Ok(value)
    }
}

/// An unsigned number of 32 bits in LEB128, and how many bytes it takes.
#[inline(never)]
fn unsigned(bytes: &[u8]) -> Result<(u32, usize), Invalid> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        if index == 4 && byte > 0x0F {
            return Err(Invalid);
        }
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    Err(Invalid)
}

/// A signed number in LEB128, sign-extended, and how many bytes it takes.
#[inline(never)]
fn signed<const BITS: u32>(bytes: &[u8]) -> Result<(i64, usize), Invalid> {
    let mut value = 0;
    let mut shift = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        value |= i64::from(byte & 0x7F) << shift;
        if shift + 7 >= BITS {
            // The last byte: what is above the number's bits repeats its sign.
            let sign = ((byte << 1) as i8) >> (BITS - shift);
            return if byte < 0x80 && (sign == 0 || sign == -1) {
                Ok((value << (64 - BITS) >> (64 - BITS), index + 1))
            } else {
                Err(Invalid)
            };
        }
        shift += 7;
        if byte < 0x80 {
            return Ok((value << (64 - shift) >> (64 - shift), index + 1));
        }
    }
    Err(Invalid)
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
