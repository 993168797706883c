//! The general-purpose registers of APX: 32 of each width. What takes them is the forms of the table `apx`.

use super::classes::{Gp8, Gp16, Gp32, Gp64, R8, R16, R32, R64, Rsp};

/// One class: its type, the classes it contains, the suffix of its names.
macro_rules! extended {
    ($($(#[$doc:meta])* $name:ident: $base:ident, $gp:ident, $suffix:literal;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u8);

        impl $name {
            /// The register with this hardware number, 0 to 31.
            #[inline]
            pub const fn from_num(num: u8) -> Option<$name> {
                if num < 32 { Some($name(num)) } else { None }
            }

            /// The hardware number.
            #[inline]
            pub const fn num(self) -> u8 {
                self.0 & 31
            }

            /// As a register that every instruction takes; `None` from number 16 up.
            #[inline]
            pub const fn low(self) -> Option<$base> {
                $base::from_num(self.num())
            }
        }

        impl $base {
            /// As a register of APX.
            #[inline]
            pub const fn x(self) -> $name {
                $name(self.num())
            }
        }

        impl $gp {
            /// As a register of APX.
            #[inline]
            pub const fn x(self) -> $name {
                $name(self.num())
            }
        }

        impl core::fmt::Debug for $name {
            #[inline]
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.low() {
                    Some(low) => core::fmt::Debug::fmt(&low, f),
                    None => write!(f, "r{}{}", self.num(), $suffix),
                }
            }
        }
    )* };
}

extended! {
    /// A 64-bit general-purpose register of APX: `rax` .. `r31`, `rsp` included.
    ///
    /// ```
    /// use planish_asm::{R64X, regs::*};
    /// assert_eq!(format!("{:?}", R64X::from_num(20)), "Some(r20)");
    /// assert_eq!(rbx.x().low(), Some(rbx.any()));
    /// ```
    R64X: R64, Gp64, "";
    /// A 32-bit general-purpose register of APX.
    R32X: R32, Gp32, "d";
    /// A 16-bit general-purpose register of APX.
    R16X: R16, Gp16, "w";
    /// An 8-bit general-purpose register of APX.
    R8X: R8, Gp8, "b";
}

impl Rsp {
    /// As a register of APX.
    #[inline]
    pub const fn x(self) -> R64X {
        R64X(4)
    }
}
