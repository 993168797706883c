//! The head of `src/mnemonics/operands.rs`: the operand trait, and which class each type stands for.

/// What stands behind the imports.
pub(super) const OPERAND: &str = r#"
/// What an instruction can be given, but for immediates: a register, memory, an address, a label; with or without decorators.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an operand",
    label = "not a register, a memory operand or a label",
    note = "write a memory operand as `dword(rbx + rcx * 4 + 8)`; an immediate is the last operand"
)]
pub trait Operand: Copy {
    /// The class that the forms take.
    type Class;
    /// The same where EVEX can be used: registers 0 to 31.
    type Wide;
    /// The same where a mask can be: with or without one.
    type Masked;

    #[doc(hidden)]
    fn class(self) -> Self::Class;

    #[doc(hidden)]
    fn wide(self) -> Self::Wide;

    #[doc(hidden)]
    fn masked(self) -> Self::Masked;
}

macro_rules! operands {
    ($($from:ty => $class:ty, $wide:ty, $masked:ty: $value:ident -> $to_class:expr, $to_wide:expr, $to_masked:expr;)*) => { $(
        impl Operand for $from {
            type Class = $class;
            type Wide = $wide;
            type Masked = $masked;

            #[inline]
            fn class(self) -> $class {
                let $value = self;
                $to_class
            }

            #[inline]
            fn wide(self) -> $wide {
                let $value = self;
                $to_wide
            }

            #[inline]
            fn masked(self) -> $masked {
                let $value = self;
                $to_masked
            }
        }
    )* };
}

operands! {
    Gp8 => R8, R8, R8: r -> r.any(), r.any(), r.any();
    Gp16 => R16, R16, R16: r -> r.any(), r.any(), r.any();
    Gp32 => R32, R32, R32: r -> r.any(), r.any(), r.any();
    Gp64 => R64, R64, R64: r -> r.any(), r.any(), r.any();
    Rsp => R64, R64, R64: r -> r.any(), r.any(), r.any();
    Xmm => Xmm, XmmX, Masked<XmmX>: r -> r, r.any(), r.unmasked();
    Ymm => Ymm, YmmX, Masked<YmmX>: r -> r, r.any(), r.unmasked();
    XmmX => XmmX, XmmX, Masked<XmmX>: r -> r, r, r.unmasked();
    YmmX => YmmX, YmmX, Masked<YmmX>: r -> r, r, r.unmasked();
    ZmmX => ZmmX, ZmmX, Masked<ZmmX>: r -> r, r, r.unmasked();
    K => K, K, Masked<K>: r -> r, r, r.unmasked();
    KMask => K, K, Masked<K>: r -> r.any(), r.any(), r.unmasked();
    Addr => Addr, Addr, Masked<Addr>: m -> m, m, m.unmasked();
    VAddr<Xmm> => VAddr<Xmm>, VAddr<XmmX>, VAddr<XmmX>: m -> m, m.any(), m.any();
    VAddr<Ymm> => VAddr<Ymm>, VAddr<YmmX>, VAddr<YmmX>: m -> m, m.any(), m.any();
    Merged<VAddr<Xmm>> => Merged<VAddr<XmmX>>, Merged<VAddr<XmmX>>, Merged<VAddr<XmmX>>: m -> m.wide(), m.wide(), m.wide();
    Merged<VAddr<Ymm>> => Merged<VAddr<YmmX>>, Merged<VAddr<YmmX>>, Merged<VAddr<YmmX>>: m -> m.wide(), m.wide(), m.wide();
}

/// Types that stand for themselves everywhere.
macro_rules! same {
    ($($type:ty),* $(,)?) => {
        operands! { $($type => $type, $type, $type: r -> r, r, r;)* }
    };
}

same!(
    R8, R8Hi, R16, R32, R64, KPair, Mm, St, St0, Tmm, Seg, Cr, Dr, Label, VAddr<XmmX>, VAddr<YmmX>, VAddr<ZmmX>,
    Merged<VAddr<XmmX>>, Merged<VAddr<YmmX>>, Merged<VAddr<ZmmX>>, Rounded<XmmX>, Rounded<YmmX>, Rounded<ZmmX>, Rounded<R32>,
    Rounded<R64>, Sae<XmmX>, Sae<YmmX>, Sae<ZmmX>,
);

/// Types whose mask may be absent in the class.
macro_rules! merged {
    ($($to:ty),* $(,)?) => {
        operands! {
            $(
                Merged<$to> => Merged<$to>, Merged<$to>, Masked<$to>: r -> r, r, r.any();
                Masked<$to> => Masked<$to>, Masked<$to>, Masked<$to>: r -> r, r, r;
            )*
        }
    };
}

merged!(XmmX, YmmX, ZmmX, K, Addr, M8, M16, M32, M64, M128, M256, M512);

impl<const BITS: usize> Operand for Mem<BITS> {
    type Class = Mem<BITS>;
    type Wide = Mem<BITS>;
    type Masked = Masked<Mem<BITS>>;

    #[inline]
    fn class(self) -> Mem<BITS> {
        self
    }

    #[inline]
    fn wide(self) -> Mem<BITS> {
        self
    }

    #[inline]
    fn masked(self) -> Masked<Mem<BITS>> {
        self.unmasked()
    }
}

impl<const BITS: usize, const COUNT: usize> Operand for Bcst<BITS, COUNT> {
    type Class = Self;
    type Wide = Self;
    type Masked = Self;

    #[inline]
    fn class(self) -> Self {
        self
    }

    #[inline]
    fn wide(self) -> Self {
        self
    }

    #[inline]
    fn masked(self) -> Self {
        self
    }
}
"#;
