//! [`PatchSite`]: bytes of the code that are replaced later, in one store, while other threads may run them.

use crate::buffer::Asm;
use crate::encode::{Map, Op};
use crate::error::AsmError;
use crate::label::Label;
use crate::record::Rule;
use crate::reg::R64;

use core::ops::Range;

use Map::M00;

/// Bytes that are replaced later. A site takes one label, so it moves as labels do.
///
/// The bytes lie in one naturally aligned block of 8, so that one store of 8 bytes replaces them all at once for every
/// thread that runs them (SDM Vol. 3, 10.1.1; what else modified code needs is in 10.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PatchSite {
    label: Label,
    len_bytes: u8,
}

impl PatchSite {
    /// How many bytes are replaced.
    #[inline]
    pub const fn len_bytes(self) -> usize {
        self.len_bytes as usize
    }
}

/// What goes into the displacement of a call or jump whose 4 bytes are at `field` to lead to `target`; both are addresses
/// or both are code offsets. `None` if it is too far.
///
/// ```
/// assert_eq!(planish_asm::displacement(0x1001, 0x1000), Some(-5));
/// assert_eq!(planish_asm::displacement(0, 1 << 32), None);
/// ```
#[inline]
pub const fn displacement(field: u64, target: u64) -> Option<i32> {
    let distance = target.wrapping_sub(field).wrapping_sub(4) as i64;
    if distance as i32 as i64 == distance { Some(distance as i32) } else { None }
}

/// Sites to be patched.
impl Asm<'_> {
    /// A call whose target is replaced later: the site is the displacement, 4 bytes.
    ///
    /// ```
    /// # use planish_asm::{Asm, LabelSlot};
    /// # let (mut code, mut labels) = ([0; 32], [LabelSlot::EMPTY; 3]);
    /// # let mut a = Asm::new(&mut code, &mut labels);
    /// let (slow, fast) = (a.label(), a.label());
    /// a.nops(6);
    /// let site = a.call_patchable(slow);
    /// a.bind(slow).ret().bind(fast).ret();
    /// let field = a.patch_range(site).unwrap();
    /// assert_eq!(field, 9..13);
    /// let target = a.label_pos(fast).unwrap();
    /// let distance = planish_asm::displacement(field.start as u64, target as u64).unwrap();
    /// a.patch(site, &distance.to_le_bytes());
    /// assert_eq!(a.finish()?[6..], [0x66, 0x90, 0xE8, 1, 0, 0, 0, 0xC3, 0xC3]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn call_patchable(&mut self, to: Label) -> PatchSite {
        self.branch_patchable(0xE8, to)
    }

    /// A jump whose target is replaced later: the site is the displacement, 4 bytes. Never a short one.
    #[inline]
    pub const fn jmp_patchable(&mut self, to: Label) -> PatchSite {
        self.branch_patchable(0xE9, to)
    }

    #[inline]
    const fn branch_patchable(&mut self, opcode: u8, to: Label) -> PatchSite {
        self.keep_within(5, 8);
        self.rel32(Op::new(0, M00, opcode), to);
        self.site_before(4)
    }

    /// A `nop` that a call or jump replaces later: the site is the whole of it, 5 bytes.
    ///
    /// ```
    /// # use planish_asm::{Asm, LabelSlot};
    /// # let (mut code, mut labels) = ([0; 32], [LabelSlot::EMPTY; 1]);
    /// # let mut a = Asm::new(&mut code, &mut labels);
    /// let site = a.nop_patchable();
    /// assert_eq!(a.ret().finish()?, [0x0F, 0x1F, 0x44, 0, 0, 0xC3]);
    /// assert_eq!(a.patch_range(site), Some(0..5));
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn nop_patchable(&mut self) -> PatchSite {
        self.keep_within(5, 8).nops(5);
        self.site_before(5)
    }

    /// `mov register, value` with all 8 bytes of the value, to be replaced later: the site is the value.
    ///
    /// ```
    /// # use planish_asm::{Asm, LabelSlot, regs::*};
    /// # let (mut code, mut labels) = ([0; 32], [LabelSlot::EMPTY; 1]);
    /// # let mut a = Asm::new(&mut code, &mut labels);
    /// let site = a.mov_patchable(rax.any(), 1);
    /// assert_eq!(a.patch_range(site), Some(8..16));
    /// a.patch(site, &2u64.to_le_bytes());
    /// assert_eq!(a.finish()?[6..], [0x48, 0xB8, 2, 0, 0, 0, 0, 0, 0, 0]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn mov_patchable(&mut self, r: R64, value: u64) -> PatchSite {
        self.pad(Rule::Aligned { log2: 3, offset: 2 });
        self.op_reg_imm(Op::new(0, M00, 0xB8).w(), r.num(), value, 8);
        self.site_before(8)
    }

    /// A site of the last `len_bytes` emitted. Its label is bound behind it: nothing in a site ever moves by itself.
    #[inline]
    const fn site_before(&mut self, len_bytes: u8) -> PatchSite {
        let label = self.label();
        self.bind(label);
        PatchSite { label, len_bytes }
    }

    /// The code offsets of a site's bytes; `None` while branches can still shrink.
    #[inline]
    pub const fn patch_range(&self, site: PatchSite) -> Option<Range<usize>> {
        match self.label_pos(site.label) {
            Some(end) if end >= site.len_bytes() => Some(end - site.len_bytes()..end),
            _ => None,
        }
    }

    /// Replaces a site's bytes, and none around them.
    #[inline]
    pub const fn patch(&mut self, site: PatchSite, bytes: &[u8]) -> &mut Self {
        let range = self.patch_range(site);
        if let Some(range) = range
            && range.end <= self.pos as usize
            && bytes.len() == site.len_bytes()
        {
            self.settle();
            // A site behind the end of the buffer was never written.
            if range.end <= self.code.len() {
                self.code.split_at_mut(range.end).0.split_at_mut(range.start).1.copy_from_slice(bytes);
            }
        } else {
            self.fail(AsmError::InvalidPatch { at: self.pos as usize });
        }
        self
    }
}
