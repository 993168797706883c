//! Operand values as plain data, for the assembler on one side and iced on the other.

use planish_asm::{
    Addr, Bcst, Cr, Dr, Flags, Gp32, Gp64, K, KMask, KPair, Label, Masked, Mem, Merged, Mm, R8, R8Hi, R8X, R16, R16X,
    R32, R32X, R64, R64X, RoundTo, Scale, Seg, St, St0, Tmm, VAddr, Xmm, XmmX, Ymm, YmmX, ZmmX, regs,
};

/// The value of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A register's hardware number.
    Reg(u8),
    /// A register's hardware number, the mask on it (0: none), and whether it zeroes.
    Masked(u8, u8, bool),
    /// A register's hardware number and the rounding mode.
    Rounded(u8, u8),
    /// An address.
    Mem(Address),
    /// An address and the mask on it (0: none).
    MaskedMem(Address, u8),
    /// An immediate, sign-extended; also an absolute address.
    Imm(i64),
    /// A branch target, as an offset from the start of the instruction.
    Target(i32),
    /// Given by the row.
    Fixed,
}

impl Value {
    /// The register's number, with or without decorators.
    pub fn number(&self) -> Option<u8> {
        match self {
            Value::Reg(number) | Value::Masked(number, ..) | Value::Rounded(number, _) => Some(*number),
            _ => None,
        }
    }

    /// The address, with or without decorators.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Value::Mem(address) | Value::MaskedMem(address, _) => Some(address),
            _ => None,
        }
    }

    /// The same operand with another register.
    pub fn with_number(self, number: u8) -> Value {
        match self {
            Value::Masked(_, mask, zero) => Value::Masked(number, mask, zero),
            Value::Rounded(_, mode) => Value::Rounded(number, mode),
            _ => Value::Reg(number),
        }
    }

    /// The same operand with another address.
    pub fn with_address(self, address: Address) -> Value {
        match self {
            Value::MaskedMem(_, mask) => Value::MaskedMem(address, mask),
            _ => Value::Mem(address),
        }
    }
}

/// The parts of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Register number of the base.
    pub base: Option<u8>,
    /// Register number of the index (of a vector register for VSIB) and the factor's exponent.
    pub index: Option<(u8, u8)>,
    /// Displacement; for `rip` from the end of the instruction.
    pub disp: i32,
    /// Relative to the next instruction.
    pub rip: bool,
    /// 32-bit registers.
    pub narrow: bool,
    /// Segment override.
    pub segment: Segment,
}

/// A segment override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// None.
    None,
    /// `fs:`
    Fs,
    /// `gs:`
    Gs,
}

impl Address {
    /// `[base + disp]`
    pub const fn base(base: u8, disp: i32) -> Address {
        Address { base: Some(base), index: None, disp, rip: false, narrow: false, segment: Segment::None }
    }

    /// Whether it is encoded as one of 32 bits: without registers that are [narrow](Address::narrow) nothing says so.
    pub fn has_narrow_registers(&self) -> bool {
        let numbers = [self.base, self.index.map(|(index, _)| index)];
        self.narrow
            && !self.rip
            && numbers.iter().any(Option::is_some)
            && numbers.iter().flatten().all(|&number| number < 16)
    }

    fn addr(self) -> Addr {
        let scale = |exponent: u8| Scale::ALL[usize::from(exponent)];
        let wide = |number: u8| R64X::from_num(number).expect("a register number");
        let extended = self.base >= Some(16) || self.index.is_some_and(|(index, _)| index >= 16);
        let addr = match (self.rip, self.narrow, self.base, self.index) {
            (_, _, Some(base), None) if extended => Addr::extended_base(wide(base), self.disp),
            (_, _, Some(base), Some((index, exponent))) if extended => {
                Addr::extended_index(wide(base), wide(index), scale(exponent), self.disp)
            }
            (true, ..) => Addr::rip_disp(self.disp),
            (_, false, Some(base), None) => Addr::base_disp(gpr(base), self.disp),
            (_, false, Some(base), Some((index, exponent))) => {
                Addr::base_index(gpr(base), index64(index), scale(exponent), self.disp)
            }
            (_, false, None, Some((index, exponent))) => Addr::index_disp(index64(index), scale(exponent), self.disp),
            (_, _, None, None) => Addr::abs(self.disp),
            (_, true, Some(base), None) => Addr::base32_disp(gpr32(base), self.disp),
            (_, true, Some(base), Some((index, exponent))) => {
                Addr::base32_index(gpr32(base), index32(index), scale(exponent), self.disp)
            }
            (_, true, None, Some((index, exponent))) => Addr::index32_disp(index32(index), scale(exponent), self.disp),
        };
        match self.segment {
            Segment::None => addr,
            Segment::Fs => addr.fs(),
            Segment::Gs => addr.gs(),
        }
    }
}

fn gpr(number: u8) -> R64 {
    R64::from_num(number).expect("a register number")
}

fn gpr32(number: u8) -> R32 {
    R32::from_num(number).expect("a register number")
}

fn index64(number: u8) -> Gp64 {
    Gp64::from_num(number).expect("an index is not rsp")
}

fn index32(number: u8) -> Gp32 {
    Gp32::from_num(number).expect("an index is not esp")
}

/// The operands of one instruction, one value per operand of the row, and the label that stands for the target.
pub struct Operands<'a> {
    /// By operand.
    pub values: &'a [Value],
    /// What a branch is given.
    pub label: Label,
}

macro_rules! registers {
    ($($method:ident $class:ident),*) => { $(
        /// The register operand `n`.
        #[inline(never)]
        pub fn $method(&self, n: usize) -> $class {
            $class::from_num(self.number(n)).expect("a register number of the class")
        }
    )* };
}

macro_rules! masked {
    ($($masked:ident $merged:ident $plain:ident $class:ident),*) => { $(
        /// The register operand `n` with its mask, if any.
        #[inline(never)]
        pub fn $masked(&self, n: usize) -> Masked<$class> {
            match self.values[n] {
                Value::Masked(_, 0, _) => self.$plain(n).unmasked(),
                _ => self.$merged(n).any(),
            }
        }

        /// The register operand `n` with its mask.
        #[inline(never)]
        pub fn $merged(&self, n: usize) -> Merged<$class> {
            self.$plain(n).k(self.k_mask(n))
        }
    )* };
}

macro_rules! zeroed {
    ($($masked:ident $merged:ident $plain:ident $class:ident),*) => { $(
        /// The register operand `n` with its mask, if any.
        #[inline(never)]
        pub fn $masked(&self, n: usize) -> Masked<$class> {
            match self.values[n] {
                Value::Masked(_, 0, _) => self.$plain(n).unmasked(),
                Value::Masked(_, _, true) => self.$merged(n).z(),
                _ => self.$merged(n).any(),
            }
        }

        /// The register operand `n` with its mask.
        #[inline(never)]
        pub fn $merged(&self, n: usize) -> Merged<$class> {
            self.$plain(n).k(self.k_mask(n))
        }
    )* };
}

macro_rules! vector_memory {
    ($($method:ident $index:ident),*) => { $(
        /// The operand `n` as memory indexed by these registers.
        #[inline(never)]
        pub fn $method(&self, n: usize) -> VAddr<$index> {
            let address = self.address(n);
            let (index, exponent) = address.index.expect("a vector index");
            let (index, scale) = ($index::from_num(index).expect("a register number"), Scale::ALL[usize::from(exponent)]);
            segment(
                address,
                match address.base {
                    Some(base) => VAddr::<$index>::base_index(gpr(base), index, scale, address.disp),
                    None => VAddr::<$index>::index_disp(index, scale, address.disp),
                },
            )
        }
    )* };
}

/// Not inlined: thousands of functions call them, and compile the faster.
impl Operands<'_> {
    registers!(
        r8 R8, r8hi R8Hi, r16 R16, r32 R32, r64 R64, xmm Xmm, ymm Ymm, xmmx XmmX, ymmx YmmX, zmmx ZmmX, k K, kpair KPair,
        mm Mm, st St, tmm Tmm, seg Seg, cr Cr, dr Dr, r8x R8X, r16x R16X, r32x R32X, r64x R64X
    );
    zeroed!(masked_xmmx merged_xmmx xmmx XmmX, masked_ymmx merged_ymmx ymmx YmmX, masked_zmmx merged_zmmx zmmx ZmmX);
    masked!(masked_k merged_k k K);
    vector_memory!(vmem_xmm Xmm, vmem_ymm Ymm, vmem_xmmx XmmX, vmem_ymmx YmmX, vmem_zmmx ZmmX);

    /// The top of the x87 stack.
    pub fn st0(&self, _: usize) -> St0 {
        regs::st0
    }

    fn number(&self, n: usize) -> u8 {
        self.values[n].number().unwrap_or_else(|| panic!("not a register: {:?}", self.values[n]))
    }

    fn address(&self, n: usize) -> Address {
        *self.values[n].address().unwrap_or_else(|| panic!("not memory: {:?}", self.values[n]))
    }

    /// The mask on operand `n`.
    #[inline(never)]
    pub fn k_mask(&self, n: usize) -> KMask {
        match self.values[n] {
            Value::Masked(_, mask, _) | Value::MaskedMem(_, mask) => KMask::from_num(mask).expect("a mask"),
            value => panic!("without a mask: {value:?}"),
        }
    }

    /// The rounding mode of operand `n`.
    #[inline(never)]
    pub fn mode(&self, n: usize) -> RoundTo {
        match self.values[n] {
            Value::Rounded(_, mode) => RoundTo::ALL[usize::from(mode)],
            value => panic!("without a rounding mode: {value:?}"),
        }
    }

    /// The address operand `n`.
    #[inline(never)]
    pub fn addr(&self, n: usize) -> Addr {
        self.address(n).addr()
    }

    /// The memory operand `n`.
    pub fn mem<const BITS: usize>(&self, n: usize) -> Mem<BITS> {
        Mem { addr: self.addr(n) }
    }

    /// The broadcast operand `n`.
    pub fn bcst<const BITS: usize, const COUNT: usize>(&self, n: usize) -> Bcst<BITS, COUNT> {
        Bcst { addr: self.addr(n) }
    }

    /// The memory operand `n` with its mask, if any.
    pub fn masked_mem<const BITS: usize>(&self, n: usize) -> Masked<Mem<BITS>> {
        match self.values[n] {
            Value::MaskedMem(_, 0) => self.mem(n).unmasked(),
            _ => self.mem(n).k(self.k_mask(n)).any(),
        }
    }

    /// The address operand `n` with its mask, if any.
    #[inline(never)]
    pub fn masked_addr(&self, n: usize) -> Masked<Addr> {
        match self.values[n] {
            Value::MaskedMem(_, 0) => self.addr(n).unmasked(),
            _ => self.addr(n).k(self.k_mask(n)).any(),
        }
    }

    /// The immediate operand `n`.
    #[inline(never)]
    pub fn imm(&self, n: usize) -> i64 {
        match self.values[n] {
            Value::Imm(value) => value,
            value => panic!("not an immediate: {value:?}"),
        }
    }

    /// The flags' default value.
    #[inline(never)]
    pub fn flags(&self, n: usize) -> Flags {
        let bit = |bit: u32| self.imm(n) >> bit & 1 != 0;
        Flags { of: bit(3), sf: bit(2), zf: bit(1), cf: bit(0) }
    }

    /// The branch target `n` as a distance from the end of the instruction.
    #[inline(never)]
    pub fn distance(&self, n: usize) -> i16 {
        match self.values[n] {
            Value::Imm(value) => value as i16,
            value => panic!("not a distance: {value:?}"),
        }
    }
}

fn segment<I>(address: Address, addr: VAddr<I>) -> VAddr<I> {
    match address.segment {
        Segment::None => addr,
        Segment::Fs => addr.fs(),
        Segment::Gs => addr.gs(),
    }
}
