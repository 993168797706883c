//! [`GpSet`], [`XmmSet`]: sets of registers.

use super::classes::{Gp64, XmmX};

/// A set of registers as a bit mask: the working type of a register allocator.
macro_rules! set {
    ($(#[$doc:meta])* $set:ident, $iter:ident, $bits:ident, $reg:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $set($bits);

        impl $set {
            /// No register.
            pub const EMPTY: $set = $set(0);

            /// These registers.
            #[inline]
            pub const fn of(regs: &[$reg]) -> $set {
                let mut set = $set::EMPTY;
                let mut i = 0;
                while i < regs.len() {
                    set.insert(regs[i]);
                    i += 1;
                }
                set
            }

            /// The mask: bit `n` for the register number `n`.
            #[inline]
            pub const fn bits(self) -> $bits {
                self.0
            }

            /// This set and `r`.
            #[inline]
            pub const fn with(self, r: $reg) -> $set {
                $set(self.0 | 1 << r.num())
            }

            /// This set but for `r`.
            #[inline]
            pub const fn without(self, r: $reg) -> $set {
                $set(self.0 & !(1 << r.num()))
            }

            /// Adds `r`.
            #[inline]
            pub const fn insert(&mut self, r: $reg) {
                *self = self.with(r);
            }

            /// Takes `r` out.
            #[inline]
            pub const fn remove(&mut self, r: $reg) {
                *self = self.without(r);
            }

            /// Whether `r` is in the set.
            #[inline]
            pub const fn contains(self, r: $reg) -> bool {
                self.0 >> r.num() & 1 != 0
            }

            /// The registers in either set.
            #[inline]
            pub const fn union(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }

            /// The registers in both sets.
            #[inline]
            pub const fn intersect(self, other: $set) -> $set {
                $set(self.0 & other.0)
            }

            /// The registers of this set that are not in `other`.
            #[inline]
            pub const fn minus(self, other: $set) -> $set {
                $set(self.0 & !other.0)
            }

            /// Whether no register is in the set.
            #[inline]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// How many registers are in the set.
            #[inline]
            pub const fn len(self) -> usize {
                self.0.count_ones() as usize
            }

            /// The register with the lowest number.
            #[inline]
            pub const fn lowest(self) -> Option<$reg> {
                $reg::from_num(self.0.trailing_zeros() as u8)
            }

            /// Takes the register with the lowest number out and returns it.
            #[inline]
            pub const fn take_lowest(&mut self) -> Option<$reg> {
                let lowest = self.lowest();
                self.0 &= self.0.wrapping_sub(1);
                lowest
            }

            /// The registers by rising number.
            #[inline]
            pub const fn iter(self) -> $iter {
                $iter(self)
            }
        }

        impl IntoIterator for $set {
            type Item = $reg;
            type IntoIter = $iter;

            #[inline]
            fn into_iter(self) -> $iter {
                self.iter()
            }
        }

        impl FromIterator<$reg> for $set {
            fn from_iter<I: IntoIterator<Item = $reg>>(regs: I) -> $set {
                regs.into_iter().fold($set::EMPTY, $set::with)
            }
        }

        impl core::fmt::Debug for $set {
            #[inline]
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }

        #[doc = concat!("The registers of a [`", stringify!($set), "`] by rising number.")]
        #[derive(Clone, Debug)]
        pub struct $iter($set);

        impl Iterator for $iter {
            type Item = $reg;

            #[inline]
            fn next(&mut self) -> Option<$reg> {
                self.0.take_lowest()
            }

            #[inline]
            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.0.len(), Some(self.0.len()))
            }
        }

        impl ExactSizeIterator for $iter {}
    };
}

set!(
    /// A set of general-purpose registers.
    ///
    /// ```
    /// use planish_asm::{GpSet, regs::*};
    /// const TEMPS: GpSet = GpSet::of(&[rax, rcx, rdx]);
    /// let mut free = TEMPS.without(rcx);
    /// assert_eq!(free.take_lowest(), Some(rax));
    /// assert_eq!(free.iter().collect::<Vec<_>>(), [rdx]);
    /// assert_eq!(TEMPS.minus(free).len(), 2);
    /// ```
    GpSet, GpSetIter, u16, Gp64
);
set!(
    /// A set of vector registers: the first 16 for the legacy and VEX encodings, all 32 with EVEX.
    ///
    /// ```
    /// use planish_asm::{XmmSet, regs::*};
    /// let set = XmmSet::of(&[xmm3.any(), xmm20]);
    /// assert!(set.contains(xmm20) && !set.contains(xmm4.any()));
    /// assert_eq!(set.lowest(), Some(xmm3.any()));
    /// ```
    XmmSet, XmmSetIter, u32, XmmX
);
