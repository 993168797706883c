//! Padding: alignment, bytes kept in one block, `nop`s.

use crate::buffer::{Asm, MAX_POS};
use crate::error::AsmError;
use crate::record::{Rule, What};

/// Padding.
impl Asm<'_> {
    /// Pads with the recommended multi-byte `nop`s to a multiple of `alignment` bytes (a power of two).
    ///
    /// ```
    /// # use planish_asm::Asm;
    /// let mut code = [0; 16];
    /// let mut a = Asm::new(&mut code, &mut []);
    /// a.ret().align(4).ret();
    /// assert_eq!(a.finish()?, [0xC3, 0x0F, 0x1F, 0x00, 0xC3]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn align(&mut self, alignment: u32) -> &mut Self {
        if !alignment.is_power_of_two() {
            self.fail(AsmError::InvalidAlignment { at: self.pos as usize });
            return self;
        }
        self.pad(Rule::Aligned { log2: alignment.trailing_zeros() as u8, offset: 0 })
    }

    /// Pads if the next `len` bytes would otherwise not lie in one block of `block` bytes (a power of two): for
    /// instructions that are replaced while others run them, and for those that should be in one cache line.
    ///
    /// ```
    /// # use planish_asm::Asm;
    /// let mut code = [0; 16];
    /// let mut a = Asm::new(&mut code, &mut []);
    /// a.ret().keep_within(5, 8).ret(); // bytes 1 to 5 are in one block
    /// a.u32(0).keep_within(5, 8).ret(); // 6 to 10 are not
    /// assert_eq!(a.finish()?, [0xC3, 0xC3, 0, 0, 0, 0, 0x66, 0x90, 0xC3]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn keep_within(&mut self, len: u32, block: u32) -> &mut Self {
        if !block.is_power_of_two() || len > block || len > u8::MAX as u32 {
            self.fail(AsmError::InvalidAlignment { at: self.pos as usize });
            return self;
        }
        self.pad(Rule::Within { log2: block.trailing_zeros() as u8, len: len as u8 })
    }

    /// Pads in front of a jump of `len` bytes, together with the instruction that it is fused with, so that it does not
    /// cross or end at a multiple of 32 bytes: on the processors with Intel's "jump conditional code" erratum (Skylake and
    /// its relatives) such a jump is not kept in the cache of decoded instructions.
    ///
    /// Counts the branches of at most `len` bytes behind it as long as they are after [`Asm::relax`].
    ///
    /// ```
    /// # use planish_asm::{Alu, Asm, Cond, LabelSlot, Width, regs::*};
    /// # let (mut code, mut labels) = ([0; 48], [LabelSlot::EMPTY; 1]);
    /// # let mut a = Asm::new(&mut code, &mut labels);
    /// let top = a.label();
    /// a.bind(top).nops(28).avoid_jcc_erratum(5);
    /// a.alu_rr(Alu::Cmp, Width::W64, rax.any(), rcx.any()).jcc(Cond::Less, top);
    /// assert_eq!(a.finish()?[28..], [0x0F, 0x1F, 0x40, 0, 0x48, 0x39, 0xC8, 0x7C, 0xDB]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn avoid_jcc_erratum(&mut self, len: u32) -> &mut Self {
        self.keep_within(len.saturating_add(1), 32)
    }

    #[inline]
    pub(crate) const fn pad(&mut self, rule: Rule) -> &mut Self {
        let (at, len) = (self.pos, rule.padding(self.pos));
        if self.is_relaxing() {
            self.record(at, What::Padding { rule, len });
        }
        self.nops(len)
    }

    /// Appends `len` bytes of `nop`s, each as long as the manual recommends (SDM Vol. 2, NOP): at most 9 bytes.
    ///
    /// ```
    /// # use planish_asm::Asm;
    /// let mut code = [0; 16];
    /// let mut a = Asm::new(&mut code, &mut []);
    /// assert_eq!(a.nops(11).finish()?, [0x66, 0x0F, 0x1F, 0x84, 0, 0, 0, 0, 0, 0x66, 0x90]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn nops(&mut self, len: u32) -> &mut Self {
        let mut left = len;
        while left > 9 && self.pos < MAX_POS {
            self.put_pair(NOPS[9], 8, 0, 1);
            left -= 9;
        }
        match left {
            9.. => self.put_pair(NOPS[9], 8, 0, 1),
            _ => self.put(NOPS[left as usize], left),
        }
    }
}

/// `nop`s by length, but for the last byte (0) of the one of 9.
#[rustfmt::skip]
const NOPS: [u64; 10] = [
    0, 0x90, 0x9066, 0x1F0F, 0x401F0F, 0x441F0F, 0x441F0F66, 0x801F0F, 0x841F0F, 0x841F0F66,
];

/// Writes `nop`s over all of `code`.
#[inline]
pub(crate) fn fill_with_nops(code: &mut [u8]) {
    for nop in code.chunks_mut(9) {
        let bytes = NOPS[nop.len()].to_le_bytes();
        let len = nop.len().min(8);
        nop[..len].copy_from_slice(&bytes[..len]);
        nop[len..].fill(0);
    }
}
