//! Operand values as plain data, for the assembler on one side and iced on the other.

use planish_asm::{Addr, Gp32, Gp64, Label, Mem, R8, R8Hi, R16, R32, R64, Scale, VAddr, Xmm, Ymm};

/// The value of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A register's hardware number.
    Reg(u8),
    /// An address.
    Mem(Address),
    /// An immediate, sign-extended; also an absolute address.
    Imm(i64),
    /// A branch target, as an offset from the start of the instruction.
    Target(i32),
    /// Given by the row.
    Fixed,
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

    fn addr(self) -> Addr {
        let scale = |exponent: u8| Scale::ALL[usize::from(exponent)];
        let addr = match (self.rip, self.narrow, self.base, self.index) {
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

/// Not inlined: thousands of functions call them, and compile the faster.
impl Operands<'_> {
    registers!(r8 R8, r8hi R8Hi, r16 R16, r32 R32, r64 R64, xmm Xmm, ymm Ymm);

    fn number(&self, n: usize) -> u8 {
        match self.values[n] {
            Value::Reg(number) => number,
            value => panic!("not a register: {value:?}"),
        }
    }

    fn address(&self, n: usize) -> Address {
        match self.values[n] {
            Value::Mem(address) => address,
            value => panic!("not memory: {value:?}"),
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

    /// The immediate operand `n`.
    #[inline(never)]
    pub fn imm(&self, n: usize) -> i64 {
        match self.values[n] {
            Value::Imm(value) => value,
            value => panic!("not an immediate: {value:?}"),
        }
    }

    /// The operand `n` as memory indexed by xmm registers.
    #[inline(never)]
    pub fn vmem_xmm(&self, n: usize) -> VAddr<Xmm> {
        let address = self.address(n);
        let (index, exponent) = address.index.expect("a vector index");
        let (index, scale) = (Xmm::from_num(index).expect("a register number"), Scale::ALL[usize::from(exponent)]);
        segment(
            address,
            match address.base {
                Some(base) => VAddr::<Xmm>::base_index(gpr(base), index, scale, address.disp),
                None => VAddr::<Xmm>::index_disp(index, scale, address.disp),
            },
        )
    }

    /// The operand `n` as memory indexed by ymm registers.
    #[inline(never)]
    pub fn vmem_ymm(&self, n: usize) -> VAddr<Ymm> {
        let address = self.address(n);
        let (index, exponent) = address.index.expect("a vector index");
        let (index, scale) = (Ymm::from_num(index).expect("a register number"), Scale::ALL[usize::from(exponent)]);
        segment(
            address,
            match address.base {
                Some(base) => VAddr::<Ymm>::base_index(gpr(base), index, scale, address.disp),
                None => VAddr::<Ymm>::index_disp(index, scale, address.disp),
            },
        )
    }
}

fn segment<I>(address: Address, addr: VAddr<I>) -> VAddr<I> {
    match address.segment {
        Segment::None => addr,
        Segment::Fs => addr.fs(),
        Segment::Gs => addr.gs(),
    }
}
