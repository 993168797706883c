//! [`Addr`]: a base, an index, a displacement, or a place relative to rip.

use core::ops::{Add, Mul, Sub};

use crate::label::Label;
use crate::reg::{Gp32, Gp64, R32, R64, R64X, Rsp};

/// What an index is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scale {
    /// 1
    X1,
    /// 2
    X2,
    /// 4
    X4,
    /// 8
    X8,
}

impl Scale {
    /// Every scale, by its encoding.
    pub const ALL: [Scale; 4] = [Scale::X1, Scale::X2, Scale::X4, Scale::X8];

    /// The scale for a factor of 1, 2, 4 or 8.
    #[inline]
    pub const fn from_factor(factor: u32) -> Option<Scale> {
        match factor {
            1 => Some(Scale::X1),
            2 => Some(Scale::X2),
            4 => Some(Scale::X4),
            8 => Some(Scale::X8),
            _ => None,
        }
    }

    /// The scale `1 << log2`, for 0 to 3.
    #[inline]
    pub const fn from_log2(log2: u8) -> Option<Scale> {
        match log2 {
            0 => Some(Scale::X1),
            1 => Some(Scale::X2),
            2 => Some(Scale::X4),
            3 => Some(Scale::X8),
            _ => None,
        }
    }

    /// The factor: 1, 2, 4 or 8.
    #[inline]
    pub const fn factor(self) -> u32 {
        1 << self as u32
    }
}

/// Properties of an address that are not a plain `[base + index * scale + disp]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Mode(pub(crate) u8);

impl Mode {
    pub(crate) const NO_BASE: u8 = 1;
    /// Relative to the next instruction; the other fields hold the label's index.
    pub(crate) const RIP: u8 = 2;
    pub(crate) const FS: u8 = 4;
    pub(crate) const GS: u8 = 8;
    /// 32-bit addressing, prefix `67`.
    pub(crate) const ADDR32: u8 = 16;
    /// Built by operators from parts that do not form an address; an error when emitted.
    pub(crate) const INVALID: u8 = 32;
    /// There is a SIB byte in any case. The index may be a vector register, of which number 4 is one like the others.
    pub(crate) const VSIB: u8 = 64;
    /// A register from 16 up: only instructions of APX can be given it.
    pub(crate) const EXTENDED: u8 = 128;

    #[inline]
    pub(crate) const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

/// ModRM and SIB say "no index" with number 4, which is why `rsp` cannot be one.
pub(crate) const NO_INDEX: u8 = 4;

/// The label index of a rip-relative address that has none: the largest of the 22 bits.
pub(crate) const NO_LABEL: u32 = (1 << 22) - 1;

/// An address: `[base + index * scale + disp]` and its relatives; 8 bytes.
///
/// ```
/// use planish_asm::{Addr, Scale, regs::*};
/// assert_eq!(Addr::base_index(rbx.any(), rcx, Scale::X4, 8), rbx + rcx * 4 + 8);
/// assert_eq!(Addr::base(rsp.any()).disp(-16), rsp - 16);
/// assert_eq!(size_of::<Addr>(), 8);
/// ```
///
/// An index is a [`Gp64`]: `rsp` cannot be one.
///
/// ```compile_fail
/// use planish_asm::regs::*;
/// let _ = rax + rsp * 2;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Addr {
    pub(crate) disp: i32,
    /// From the low byte: base, index, scale, [`Mode`]. One word, because a pair of words is passed in two registers as it
    /// is, and five fields are shifted together and apart at every call.
    parts: u32,
}

impl Addr {
    #[inline]
    pub(super) const fn new(base: u8, index: u8, scale: u8, disp: i32, mode: u8) -> Addr {
        Addr { disp, parts: u32::from_le_bytes([base, index, scale, mode]) }
    }

    #[inline(always)]
    pub(crate) const fn base_num(self) -> u8 {
        self.parts as u8
    }

    #[inline(always)]
    pub(crate) const fn index_num(self) -> u8 {
        (self.parts >> 8) as u8
    }

    #[inline(always)]
    pub(crate) const fn scale_log2(self) -> u8 {
        (self.parts >> 16) as u8
    }

    #[inline(always)]
    pub(crate) const fn mode(self) -> Mode {
        Mode((self.parts >> 24) as u8)
    }

    #[inline]
    pub(super) const fn with_mode(self, bits: u8) -> Addr {
        Addr { disp: self.disp, parts: self.parts | (bits as u32) << 24 }
    }

    /// Encoded with a SIB byte in any case.
    #[inline]
    pub(crate) const fn with_sib(self) -> Addr {
        self.with_mode(Mode::VSIB)
    }

    #[inline]
    pub(super) const fn without_mode(self, bits: u8) -> Addr {
        Addr { disp: self.disp, parts: self.parts & !((bits as u32) << 24) }
    }

    /// `[base]`
    #[inline]
    pub const fn base(base: R64) -> Addr {
        Addr::new(base.num(), NO_INDEX, 0, 0, 0)
    }

    /// `[base + disp]`
    #[inline]
    pub const fn base_disp(base: R64, disp: i32) -> Addr {
        Addr::new(base.num(), NO_INDEX, 0, disp, 0)
    }

    /// `[base + index * scale + disp]`
    #[inline]
    pub const fn base_index(base: R64, index: Gp64, scale: Scale, disp: i32) -> Addr {
        Addr::new(base.num(), index.num(), scale as u8, disp, 0)
    }

    /// `[index * scale + disp]`: always with a 32-bit displacement.
    #[inline]
    pub const fn index_disp(index: Gp64, scale: Scale, disp: i32) -> Addr {
        Addr::new(0, index.num(), scale as u8, disp, Mode::NO_BASE)
    }

    /// `[base + disp]` with the 32 registers of APX; other instructions than those of the table `apx` report an error for
    /// registers from 16 up.
    #[inline]
    pub const fn extended_base(base: R64X, disp: i32) -> Addr {
        Addr::new(base.num(), NO_INDEX, 0, disp, Addr::extended(base, base))
    }

    /// `[base + index * scale + disp]` with the 32 registers of APX; an error when emitted if the index is `rsp`.
    #[inline]
    pub const fn extended_index(base: R64X, index: R64X, scale: Scale, disp: i32) -> Addr {
        let invalid = if index.num() == NO_INDEX { Mode::INVALID } else { 0 };
        Addr::new(base.num(), index.num(), scale as u8, disp, invalid | Addr::extended(base, index))
    }

    #[inline]
    const fn extended(base: R64X, index: R64X) -> u8 {
        if (base.num() | index.num()) >= 16 { Mode::EXTENDED } else { 0 }
    }

    /// `[disp]`: an absolute address in the lowest or highest 2 GiB.
    #[inline]
    pub const fn abs(disp: i32) -> Addr {
        Addr::new(0, NO_INDEX, 0, disp, Mode::NO_BASE)
    }

    /// `[rip + label]`: the bytes at a label, bound before or after.
    ///
    /// ```
    /// use planish_asm::{Addr, Asm, LabelSlot, Width, regs::*};
    /// let (mut code, mut labels) = ([0; 16], [LabelSlot::EMPTY; 1]);
    /// let mut a = Asm::new(&mut code, &mut labels);
    /// let data = a.label();
    /// a.mov_rm(Width::W32, rax.any(), Addr::rip(data)).ret().bind(data).u32(7);
    /// assert_eq!(a.finish()?, [0x8B, 0x05, 1, 0, 0, 0, 0xC3, 7, 0, 0, 0]);
    /// # Ok::<(), planish_asm::AsmError>(())
    /// ```
    #[inline]
    pub const fn rip(label: Label) -> Addr {
        match label.in_address() {
            Some(index) => Addr::rip_parts(index, 0),
            None => Addr::new(0, NO_INDEX, 0, 0, Mode::INVALID),
        }
    }

    /// `[rip + disp]`: relative to the end of the instruction, for displacements the caller relocates.
    #[inline]
    pub const fn rip_disp(disp: i32) -> Addr {
        Addr::rip_parts(NO_LABEL, disp)
    }

    /// The label's index goes where the registers are, around the bits that would ask for a REX prefix.
    #[inline]
    const fn rip_parts(label: u32, disp: i32) -> Addr {
        Addr::new(Addr::around_bit3(label), Addr::around_bit3(label >> 7), (label >> 14) as u8, disp, Mode::RIP)
    }

    #[inline]
    const fn around_bit3(bits: u32) -> u8 {
        (bits & 7 | bits << 1 & 0xF0) as u8
    }

    /// The label index of a rip-relative address.
    #[inline]
    pub(crate) const fn label_index(self) -> u32 {
        Addr::without_bit3(self.base_num())
            | Addr::without_bit3(self.index_num()) << 7
            | (self.scale_log2() as u32) << 14
    }

    #[inline]
    const fn without_bit3(byte: u8) -> u32 {
        (byte & 7 | byte >> 1 & 0x78) as u32
    }

    /// `[base + disp]` with 32-bit addressing (prefix `67`): the sum is taken modulo 2^32.
    #[inline]
    pub const fn base32_disp(base: R32, disp: i32) -> Addr {
        Addr::new(base.num(), NO_INDEX, 0, disp, Mode::ADDR32)
    }

    /// `[base + index * scale + disp]` with 32-bit addressing.
    #[inline]
    pub const fn base32_index(base: R32, index: Gp32, scale: Scale, disp: i32) -> Addr {
        Addr::new(base.num(), index.num(), scale as u8, disp, Mode::ADDR32)
    }

    /// `[index * scale + disp]` with 32-bit addressing.
    #[inline]
    pub const fn index32_disp(index: Gp32, scale: Scale, disp: i32) -> Addr {
        Addr::new(0, index.num(), scale as u8, disp, Mode::ADDR32 | Mode::NO_BASE)
    }

    /// This address with `disp` added to its displacement. A sum beyond 32 bits is reported when it is emitted.
    #[inline]
    pub const fn disp(mut self, disp: i32) -> Addr {
        let (sum, overflow) = self.disp.overflowing_add(disp);
        self.disp = sum;
        if overflow {
            self = self.with_mode(Mode::INVALID);
        }
        self
    }

    /// This address in the `fs` segment.
    #[inline]
    pub const fn fs(self) -> Addr {
        self.without_mode(Mode::GS).with_mode(Mode::FS)
    }

    /// This address in the `gs` segment.
    #[inline]
    pub const fn gs(self) -> Addr {
        self.without_mode(Mode::FS).with_mode(Mode::GS)
    }

    #[inline]
    pub(super) const fn indexed(self, index: u8, scale: Option<Scale>, mode: u8) -> Addr {
        let fits = self.index_num() == NO_INDEX && self.mode().0 & (Mode::RIP | Mode::ADDR32) == mode;
        match scale {
            Some(scale) if fits => Addr::new(self.base_num(), index, scale as u8, self.disp, self.mode().0),
            _ => self.with_mode(Mode::INVALID),
        }
    }
}

impl core::fmt::Debug for Addr {
    #[inline]
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let segment = if self.mode().has(Mode::FS) {
            "fs:"
        } else if self.mode().has(Mode::GS) {
            "gs:"
        } else {
            ""
        };
        write!(f, "{segment}[")?;
        if self.mode().has(Mode::INVALID) {
            return f.write_str("invalid]");
        }
        if self.mode().has(Mode::RIP) {
            return match self.label_index() {
                NO_LABEL => write!(f, "rip {:+}]", self.disp),
                label => write!(f, "rip + label {label} {:+}]", self.disp),
            };
        }
        let wide = !self.mode().has(Mode::ADDR32);
        let register = |f: &mut core::fmt::Formatter<'_>, num| match wide {
            _ if num >= 16 => write!(f, "r{num} "),
            true => write!(f, "{} ", R64::known(num)),
            false => write!(f, "{} ", R32::known(num)),
        };
        if !self.mode().has(Mode::NO_BASE) {
            register(f, self.base_num())?;
        }
        if self.index_num() != NO_INDEX {
            f.write_str("+ ")?;
            register(f, self.index_num())?;
            write!(f, "* {} ", 1 << self.scale_log2())?;
        }
        write!(f, "{:+}]", self.disp)
    }
}

/// `index * factor`, on the way to an [`Addr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled<R> {
    pub(super) index: R,
    pub(super) scale: Option<Scale>,
}

/// `rbx + rcx * 4 + 8` for the 64-bit and the 32-bit registers.
macro_rules! operators {
    ($any:ident, $gp:ident, $mode:expr, [$($base:ident),*]) => {
        impl Mul<u32> for $gp {
            type Output = Scaled<$gp>;

            /// A factor other than 1, 2, 4 and 8 makes an address that is an error when emitted.
            #[inline]
            fn mul(self, factor: u32) -> Scaled<$gp> {
                Scaled { index: self, scale: Scale::from_factor(factor) }
            }
        }

        impl Mul<Scale> for $gp {
            type Output = Scaled<$gp>;

            #[inline]
            fn mul(self, scale: Scale) -> Scaled<$gp> {
                Scaled { index: self, scale: Some(scale) }
            }
        }

        impl From<Scaled<$gp>> for Addr {
            #[inline]
            fn from(s: Scaled<$gp>) -> Addr {
                Addr::new(0, NO_INDEX, 0, 0, $mode | Mode::NO_BASE).indexed(s.index.num(), s.scale, $mode)
            }
        }

        impl Add<i32> for Scaled<$gp> {
            type Output = Addr;

            #[inline]
            fn add(self, disp: i32) -> Addr {
                Addr::from(self).disp(disp)
            }
        }

        impl Add<Scaled<$gp>> for Addr {
            type Output = Addr;

            #[inline]
            fn add(self, s: Scaled<$gp>) -> Addr {
                self.indexed(s.index.num(), s.scale, $mode)
            }
        }

        impl Add<$gp> for Addr {
            type Output = Addr;

            #[inline]
            fn add(self, index: $gp) -> Addr {
                self.indexed(index.num(), Some(Scale::X1), $mode)
            }
        }

        $(
            impl From<$base> for Addr {
                #[inline]
                fn from(base: $base) -> Addr {
                    Addr::new(base.num(), NO_INDEX, 0, 0, $mode)
                }
            }

            impl Add<i32> for $base {
                type Output = Addr;

                #[inline]
                fn add(self, disp: i32) -> Addr {
                    Addr::from(self).disp(disp)
                }
            }

            impl Sub<i32> for $base {
                type Output = Addr;

                #[inline]
                fn sub(self, disp: i32) -> Addr {
                    Addr::from(self) - disp
                }
            }

            impl Add<$gp> for $base {
                type Output = Addr;

                #[inline]
                fn add(self, index: $gp) -> Addr {
                    Addr::from(self) + index
                }
            }

            impl Add<Scaled<$gp>> for $base {
                type Output = Addr;

                #[inline]
                fn add(self, s: Scaled<$gp>) -> Addr {
                    Addr::from(self) + s
                }
            }
        )*
    };
}

operators!(R64, Gp64, 0, [R64, Gp64, Rsp]);
operators!(R32, Gp32, Mode::ADDR32, [R32, Gp32]);

impl Add<i32> for Addr {
    type Output = Addr;

    #[inline]
    fn add(self, disp: i32) -> Addr {
        self.disp(disp)
    }
}

impl Sub<i32> for Addr {
    type Output = Addr;

    #[inline]
    fn sub(mut self, disp: i32) -> Addr {
        let (difference, overflow) = self.disp.overflowing_sub(disp);
        self.disp = difference;
        if overflow {
            self = self.with_mode(Mode::INVALID);
        }
        self
    }
}

impl From<Label> for Addr {
    #[inline]
    fn from(label: Label) -> Addr {
        Addr::rip(label)
    }
}
