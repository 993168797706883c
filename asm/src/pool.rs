//! [`Pool`]: constants of 4 to 64 bytes that code refers to rip-relatively, emitted once each behind it.

use crate::buffer::Asm;
use crate::error::AsmError;
use crate::label::Label;
use crate::mem::Addr;

/// A constant, the low word first, with zeros behind it.
type Words = [u64; 8];

/// Storage for one constant, to be handed to [`Pool::new`].
#[derive(Clone, Copy, Debug)]
pub struct PoolSlot {
    words: Words,
    len: u32,
    label: Label,
    /// The previous constant with the same hash; meaningless for the first.
    next: u32,
    /// The latest constant whose hash is this slot's number. May be left over from before a [`Pool::clear`].
    head: u32,
}

impl PoolSlot {
    /// What a slice of slots is made of: its content does not matter.
    pub const EMPTY: PoolSlot = PoolSlot { words: [0; 8], len: 0, label: Label { index: 0 }, next: 0, head: 0 };
}

/// Equal constants that are looked at before one is stored a second time, so that constants chosen to collide cost
/// space in the pool but not time.
const MAX_PROBES: u32 = 8;

/// A pool of constants in a slice of the caller, each stored once. Takes one label per constant.
///
/// ```
/// use planish_asm::{Asm, FpOp, LabelSlot, Pool, PoolSlot, Prec, regs::*};
/// let (mut code, mut labels, mut slots) = ([0; 64], [LabelSlot::EMPTY; 2], [PoolSlot::EMPTY; 2]);
/// let mut a = Asm::new(&mut code, &mut labels);
/// let mut pool = Pool::new(&mut slots);
/// let one = pool.u64(&mut a, 1f64.to_bits());
/// a.sse_rm(FpOp::Add, Prec::D, xmm0, one);
/// let again = pool.u64(&mut a, 1f64.to_bits());
/// a.sse_rm(FpOp::Mul, Prec::D, xmm0, again);
/// pool.emit(&mut a);
/// let code = a.finish()?;
/// assert_eq!(code[..8], [0xF2, 0x0F, 0x58, 0x05, 8, 0, 0, 0]);
/// assert_eq!(code[8..16], [0xF2, 0x0F, 0x59, 0x05, 0, 0, 0, 0]);
/// assert_eq!(code[16..], 1f64.to_le_bytes());
/// # Ok::<(), planish_asm::AsmError>(())
/// ```
pub struct Pool<'a> {
    slots: &'a mut [PoolSlot],
    count: u32,
}

impl<'a> Pool<'a> {
    /// An empty pool; what the slots contain does not matter.
    #[inline]
    pub const fn new(slots: &'a mut [PoolSlot]) -> Pool<'a> {
        Pool { slots, count: 0 }
    }

    /// Forgets all constants.
    #[inline]
    pub const fn clear(&mut self) {
        self.count = 0;
    }

    /// How many constants there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no constant.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The address of 4 bytes.
    #[inline]
    pub const fn u32(&mut self, asm: &mut Asm, v: u32) -> Addr {
        self.add(asm, &[v as u64], 4)
    }

    /// The address of 8 bytes.
    #[inline]
    pub const fn u64(&mut self, asm: &mut Asm, v: u64) -> Addr {
        self.add(asm, &[v], 8)
    }

    /// The address of 16 bytes, aligned to 16.
    #[inline]
    pub const fn u128(&mut self, asm: &mut Asm, v: u128) -> Addr {
        self.add(asm, &[v as u64, (v >> 64) as u64], 16)
    }

    /// The address of 32 bytes (the low word first), aligned to 32.
    #[inline]
    pub const fn u256(&mut self, asm: &mut Asm, words: [u64; 4]) -> Addr {
        self.add(asm, &words, 32)
    }

    /// The address of 64 bytes (the low word first), aligned to 64.
    ///
    /// ```
    /// use planish_asm::{Asm, LabelSlot, Pool, PoolSlot, mem::zmmword, regs::*};
    /// let (mut code, mut labels, mut slots) = ([0; 128], [LabelSlot::EMPTY; 1], [PoolSlot::EMPTY; 1]);
    /// let mut a = Asm::new(&mut code, &mut labels);
    /// let mut pool = Pool::new(&mut slots);
    /// let reverse = pool.u512(&mut a, [7, 6, 5, 4, 3, 2, 1, 0]);
    /// a.vpermq(zmm0, zmm1, zmmword(reverse)).ret();
    /// pool.emit(&mut a);
    /// assert_eq!(a.finish()?[64..72], [7, 0, 0, 0, 0, 0, 0, 0]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn u512(&mut self, asm: &mut Asm, words: [u64; 8]) -> Addr {
        self.add(asm, &words, 64)
    }

    #[inline]
    const fn add(&mut self, asm: &mut Asm, words: &[u64], len: u32) -> Addr {
        if self.slots.is_empty() {
            return Pool::full(asm);
        }
        let bucket = self.bucket(words, len);
        let mut candidate = self.head(bucket);
        let mut probes = 0;
        while let Some(index) = candidate
            && probes < MAX_PROBES
        {
            let slot = &self.slots[index as usize];
            if slot.len == len && same(&slot.words, words) {
                return Addr::rip(slot.label);
            }
            // The oldest constant of a bucket points to itself.
            candidate = if slot.next == index { None } else { Some(slot.next) };
            probes += 1;
        }
        let index = self.count;
        if index as usize >= self.slots.len() {
            return Pool::full(asm);
        }
        let next = match self.head(bucket) {
            Some(head) => head,
            None => index,
        };
        let label = asm.label();
        let head = self.slots[index as usize].head;
        self.slots[index as usize] = PoolSlot { words: padded(words), len, label, next, head };
        self.slots[bucket].head = index;
        self.count += 1;
        Addr::rip(label)
    }

    #[cold]
    #[inline]
    const fn full(asm: &mut Asm) -> Addr {
        asm.fail(AsmError::PoolFull);
        Addr::rip_disp(0)
    }

    /// By the words that `len` says: those behind them do not count.
    #[inline]
    const fn bucket(&self, words: &[u64], len: u32) -> usize {
        let mut hash = len as u64;
        let mut i = 0;
        while i < len.div_ceil(8) as usize {
            hash = (hash ^ words[i]).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            hash ^= hash >> 32;
            i += 1;
        }
        (hash % self.slots.len() as u64) as usize
    }

    /// The latest constant in the bucket. A head that was left over names a constant that is not there or is in another
    /// bucket: one that is in this bucket has set the head.
    #[inline]
    const fn head(&self, bucket: usize) -> Option<u32> {
        let head = self.slots[bucket].head;
        if head >= self.count {
            return None;
        }
        let slot = &self.slots[head as usize];
        if self.bucket(&slot.words, slot.len) == bucket { Some(head) } else { None }
    }

    /// Emits the constants, each aligned to its size, the widest first, and empties the pool.
    #[inline]
    pub const fn emit(&mut self, asm: &mut Asm) {
        let mut len = 64;
        while len >= 4 {
            let mut index = 0;
            while index < self.count as usize {
                let slot = &self.slots[index];
                if slot.len == len {
                    asm.align(len).bind(slot.label);
                    emit_words(asm, &slot.words, len);
                }
                index += 1;
            }
            len /= 2;
        }
        self.clear();
    }
}

#[inline]
const fn emit_words(asm: &mut Asm, words: &Words, len: u32) {
    if len == 4 {
        asm.u32(words[0] as u32);
        return;
    }
    let mut i = 0;
    while i < len as usize / 8 {
        asm.u64(words[i]);
        i += 1;
    }
}

/// Whether the stored words begin with these.
#[inline]
const fn same(stored: &Words, words: &[u64]) -> bool {
    let mut i = 0;
    while i < words.len() {
        if stored[i] != words[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[inline]
const fn padded(words: &[u64]) -> Words {
    let mut padded = [0; 8];
    let (front, _) = padded.split_at_mut(words.len());
    front.copy_from_slice(words);
    padded
}
