//! Memories: addresses, loads, stores, atomic and bulk operators.

use super::super::binary::{leb, signed};
use super::function::{ADDRESS, Function, INDEX, SELDOM};
use super::rows::{ATOMIC_WIDTHS, LOADS, STORES};

impl Function<'_, '_> {
    /// Most often the first one.
    pub(super) fn some_memory(&mut self) -> usize {
        if self.choices.below(3) == 0 { self.choices.below(self.plan.memories.len()) } else { 0 }
    }

    /// With offsets below 64 an access may reach across the first page's end only now and then.
    pub(super) fn address_mask(&mut self) -> i64 {
        if self.choices.below(16) == 1 { 0xFFF0 } else { 0xFFB0 }
    }

    pub(super) fn masked(&mut self, wide: bool, depth: u32, mask: i64) {
        let (ty, constant, and) = if wide { (b'I', 0x42, 0x83) } else { (b'i', 0x41, 0x71) };
        self.plain(ty, depth);
        self.code.push(constant);
        self.code.extend(signed(mask));
        self.code.push(and);
    }

    /// An address, most often within the first page.
    pub(super) fn address(&mut self, wide: bool, depth: u32) {
        match self.choices.below(SELDOM) {
            0 => self.plain(if wide { b'I' } else { b'i' }, depth.saturating_sub(1)),
            1..80 => {
                let at = self.choices.below(0x1_0000) as i64 & 0xFFB0;
                self.code.push(if wide { 0x42 } else { 0x41 });
                self.code.extend(signed(at));
            }
            80..170 => self.get(ADDRESS[usize::from(wide)]),
            _ => {
                let mask = self.address_mask();
                self.masked(wide, depth.saturating_sub(1), mask);
            }
        }
    }

    /// A place in a table, most often one that exists.
    pub(super) fn table_index(&mut self, wide: bool) {
        match self.choices.below(SELDOM) {
            0 => self.plain(if wide { b'I' } else { b'i' }, 1),
            1..80 => {
                let at = self.choices.below(10) as u8;
                self.code.extend([if wide { 0x42 } else { 0x41 }, at]);
            }
            80..170 => self.get(INDEX[usize::from(wide)]),
            _ => self.masked(wide, 1, 7),
        }
    }

    /// Writes one of the locals that are addresses and indexes.
    pub(super) fn set_address(&mut self) {
        let wide = self.choices.below(2) == 0;
        let (letter, mask) = if self.choices.below(2) == 0 { (ADDRESS, self.address_mask()) } else { (INDEX, 7) };
        self.masked(wide, 2, mask);
        self.set(letter[usize::from(wide)]);
    }

    /// Alignment, memory, offset, which is a multiple of the bytes of which `atomic` is the logarithm.
    fn memarg(&mut self, memory: usize, atomic: Option<u8>) {
        const OFFSETS: [u64; 9] =
            [1000, 0xFFFE, 0xFFFF, 0x1_0000, 0x7FFF_FFF0, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 32, u64::MAX];
        let usable = if self.plan.memories[memory].wide { OFFSETS.len() } else { 7 };
        let mut offset = match self.choices.below(SELDOM) {
            0 => OFFSETS[self.choices.below(usable)],
            small => small as u64 & 63,
        };
        if atomic.is_some() && offset < 64 && self.choices.below(SELDOM) > 0 {
            offset &= 8;
        }
        match memory {
            0 => self.code.push(atomic.unwrap_or(0)),
            _ => self.code.extend([atomic.unwrap_or(0) | 0x40, memory as u8]),
        }
        self.code.extend(leb(offset));
    }

    pub(super) fn load(&mut self, ty: u8, depth: u32) {
        let rows: Vec<_> = LOADS.iter().filter(|row| row.3 == ty).collect();
        let &&(prefix, first, last, _) = &rows[self.choices.below(rows.len())];
        let memory = self.some_memory();
        self.address(self.plan.memories[memory].wide, depth);
        let operator = first + self.choices.below((last - first + 1) as usize) as u32;
        self.operator(prefix, operator);
        self.memarg(memory, None);
    }

    pub(super) fn load_lane(&mut self, depth: u32) {
        let (size, memory) = (self.choices.below(4), self.some_memory());
        self.address(self.plan.memories[memory].wide, depth);
        self.operand(b'V');
        self.operator(0xFD, 0x54 + size as u32);
        self.memarg(memory, None);
        self.lane(16 >> size);
    }

    pub(super) fn store(&mut self) {
        let rows: Vec<_> = STORES.iter().filter(|row| self.plan.vectors || row.0 == 0).collect();
        let &&(prefix, operator, ty, lanes) = &rows[self.choices.below(rows.len())];
        let memory = self.some_memory();
        self.address(self.plan.memories[memory].wide, 3);
        match self.choices.below(2) {
            0 => self.operand(ty),
            _ => self.expression(ty, 3),
        }
        self.operator(prefix, operator);
        self.memarg(memory, None);
        self.lane(lanes);
    }

    /// One with that result.
    pub(super) fn atomic(&mut self, ty: u8, depth: u32) {
        let memory = self.some_memory();
        let widths: Vec<usize> = (0..7).filter(|&width| ATOMIC_WIDTHS[width].0 == ty).collect();
        let width = widths[self.choices.below(widths.len())];
        // Loads, then six operations, then what replaces.
        let group = self.choices.below(8);
        self.address(self.plan.memories[memory].wide, depth);
        for _ in 0..[0, 1, 2][usize::from(group > 0) + usize::from(group == 7)] {
            self.operand(ty);
        }
        let first = if group == 0 { 0x10 } else { 0x1E + 7 * (group - 1) };
        self.operator(0xFE, (first + width) as u32);
        self.memarg(memory, Some(ATOMIC_WIDTHS[width].1));
    }

    /// A store, a notification, a fence, or a wait that is over soon.
    pub(super) fn atomic_statement(&mut self) {
        let memory = self.some_memory();
        let wide = self.plan.memories[memory].wide;
        match self.choices.below(8) {
            0 => self.code.extend([0xFE, 0x03, 0x00]),
            1 => {
                self.address(wide, 2);
                self.operand(b'i');
                self.operator(0xFE, 0);
                self.memarg(memory, Some(2));
                self.set(b'i');
            }
            // In a memory that is not shared nobody waits.
            2 if self.plan.memories[memory].shared || self.choices.below(SELDOM) == 1 => {
                let size = self.choices.below(2) as u8;
                self.address(wide, 2);
                self.operand([b'i', b'I'][usize::from(size)]);
                self.code.extend([0x42, self.choices.below(64) as u8]);
                self.operator(0xFE, 1 + u32::from(size));
                self.memarg(memory, Some(2 + size));
                self.set(b'i');
            }
            3 | 4 => {
                let width = self.choices.below(7);
                let (ty, size) = ATOMIC_WIDTHS[width];
                self.address(wide, 2);
                self.operand(ty);
                self.operator(0xFE, 0x17 + width as u32);
                self.memarg(memory, Some(size));
            }
            choice => {
                let ty = [b'i', b'I'][choice % 2];
                self.atomic(ty, 2);
                self.consume(ty);
            }
        }
    }

    /// Fills, copies, initialises or grows a memory.
    pub(super) fn bulk(&mut self) {
        let (to, from) = (self.some_memory(), self.some_memory());
        let (wide, from_wide) = (self.plan.memories[to].wide, self.plan.memories[from].wide);
        let length = |function: &mut Self, wide: bool| match function.choices.below(3) {
            0 => function.get(INDEX[usize::from(wide)]),
            _ => function.masked(wide, 1, 0x5F),
        };
        match self.choices.below(5) {
            0 => {
                self.masked(wide, 1, 1);
                self.code.extend([0x40, to as u8]);
                self.consume(if wide { b'I' } else { b'i' });
            }
            1 => {
                self.address(wide, 2);
                self.operand(b'i');
                length(self, wide);
                self.code.extend([0xFC, 11, to as u8]);
            }
            2 => {
                self.address(wide, 2);
                self.address(from_wide, 2);
                length(self, wide && from_wide);
                self.code.extend([0xFC, 10, to as u8, from as u8]);
            }
            3 if self.choices.below(SELDOM) == 1 => self.code.extend([0xFC, 9, 1]),
            _ => {
                self.address(wide, 2);
                self.masked(false, 1, 0x1F);
                self.masked(false, 1, 0x1F);
                self.code.extend([0xFC, 8, 1, to as u8]);
            }
        }
    }
}
