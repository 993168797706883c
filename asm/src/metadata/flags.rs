//! [`FlagSet`], [`FlagEffects`]: what an instruction does to the flags.

/// A set of bits of RFLAGS and of the x87 status word.
///
/// ```
/// use planish_asm::metadata::FlagSet;
/// assert!(FlagSet::STATUS.contains(FlagSet::ZF));
/// assert_eq!(FlagSet::ZF.union(FlagSet::CF).to_string(), "CF ZF");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FlagSet(u16);

const NAMES: [&str; 14] = ["CF", "PF", "AF", "ZF", "SF", "OF", "IF", "DF", "AC", "UIF", "C0", "C1", "C2", "C3"];

/// By the manual's names.
impl FlagSet {
    /// None.
    pub const NONE: FlagSet = FlagSet(0);
    /// Carry.
    pub const CF: FlagSet = FlagSet(1);
    /// Parity.
    pub const PF: FlagSet = FlagSet(1 << 1);
    /// Carry out of bit 3.
    pub const AF: FlagSet = FlagSet(1 << 2);
    /// Zero.
    pub const ZF: FlagSet = FlagSet(1 << 3);
    /// Sign.
    pub const SF: FlagSet = FlagSet(1 << 4);
    /// Overflow.
    pub const OF: FlagSet = FlagSet(1 << 5);
    /// Interrupts enabled.
    pub const IF: FlagSet = FlagSet(1 << 6);
    /// Direction of string instructions.
    pub const DF: FlagSet = FlagSet(1 << 7);
    /// Alignment check.
    pub const AC: FlagSet = FlagSet(1 << 8);
    /// User interrupts enabled.
    pub const UIF: FlagSet = FlagSet(1 << 9);
    /// x87 condition 0.
    pub const C0: FlagSet = FlagSet(1 << 10);
    /// x87 condition 1.
    pub const C1: FlagSet = FlagSet(1 << 11);
    /// x87 condition 2.
    pub const C2: FlagSet = FlagSet(1 << 12);
    /// x87 condition 3.
    pub const C3: FlagSet = FlagSet(1 << 13);
    /// The six that arithmetic writes.
    pub const STATUS: FlagSet = FlagSet(0x3F);

    /// Both sets together.
    pub const fn union(self, other: FlagSet) -> FlagSet {
        FlagSet(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub const fn contains(self, other: FlagSet) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl core::fmt::Display for FlagSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let names = NAMES.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 != 0);
        for (number, (_, name)) in names.enumerate() {
            f.write_str(if number == 0 { "" } else { " " })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl core::fmt::Debug for FlagSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "FlagSet({self})")
    }
}

/// What an instruction does to the flags; of a shift, for a count other than 0 and 1.
///
/// ```
/// use planish_asm::metadata::{FORMS, FlagSet};
/// let and = FORMS.iter().find(|form| form.mnemonic() == "and").expect("a form").flags();
/// assert_eq!(and.cleared, FlagSet::OF.union(FlagSet::CF));
/// assert!(and.undefined.contains(FlagSet::AF) && and.read.is_empty());
/// assert_eq!(and.changed(), FlagSet::STATUS);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FlagEffects {
    /// What the result depends on.
    pub read: FlagSet,
    /// Set according to the result.
    pub written: FlagSet,
    /// Always 0 afterwards.
    pub cleared: FlagSet,
    /// Always 1 afterwards.
    pub set: FlagSet,
    /// Nothing is known afterwards.
    pub undefined: FlagSet,
}

impl FlagEffects {
    pub(super) const fn new(sets: [u16; 5]) -> FlagEffects {
        let [read, written, cleared, set, undefined] = sets;
        FlagEffects {
            read: FlagSet(read),
            written: FlagSet(written),
            cleared: FlagSet(cleared),
            set: FlagSet(set),
            undefined: FlagSet(undefined),
        }
    }

    /// All that may differ afterwards.
    pub const fn changed(self) -> FlagSet {
        self.written.union(self.cleared).union(self.set).union(self.undefined)
    }
}
