//! [`Features`]: what a processor can do, by the CPUID names of the instruction tables.

/// What the CPUID instruction answers: the fields of the standard library's structure of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CpuidResult {
    /// EAX
    pub eax: u32,
    /// EBX
    pub ebx: u32,
    /// ECX
    pub ecx: u32,
    /// EDX
    pub edx: u32,
}

/// A set of processor features.
///
/// ```
/// use planish_asm::Features;
/// let needed = Features::AVX2.union(Features::BMI2);
/// let machine = Features::AVX2.union(Features::SSE4_1);
/// assert!(!machine.contains(needed));
/// assert_eq!(machine.missing(needed), Features::BMI2);
/// assert_eq!(Features::named("AVX2"), Some(Features::AVX2));
/// assert!(needed.names().eq(["AVX2", "BMI2"]));
/// assert_eq!(format!("{needed}"), "AVX2 BMI2");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Features([u64; 3]);

impl Features {
    /// No feature: what every amd64 processor can do.
    pub const NONE: Features = Features([0; 3]);

    #[inline]
    const fn bit(number: usize) -> Features {
        let mut words = [0; 3];
        words[number / 64] = 1 << (number % 64);
        Features(words)
    }

    /// Both sets together.
    #[inline]
    pub const fn union(self, other: Features) -> Features {
        Features([self.0[0] | other.0[0], self.0[1] | other.0[1], self.0[2] | other.0[2]])
    }

    /// Whether all of `needed` are in this set.
    #[inline]
    pub const fn contains(self, needed: Features) -> bool {
        self.missing(needed).is_empty()
    }

    /// Those of `needed` that are not in this set.
    #[inline]
    pub const fn missing(self, needed: Features) -> Features {
        Features([needed.0[0] & !self.0[0], needed.0[1] & !self.0[1], needed.0[2] & !self.0[2]])
    }

    /// Whether there is none.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0[0] | self.0[1] | self.0[2] == 0
    }

    /// The feature of this name, written as in the instruction tables. The names of what every amd64 processor has are
    /// the empty set; of two alternatives (`HLE_or_RTM`) it is the second; what CPUID says in several places
    /// (`APX_F_BMI1`) is all of them.
    #[inline]
    pub const fn named(name: &str) -> Option<Features> {
        Features::of(name.as_bytes())
    }

    #[inline]
    const fn of(name: &[u8]) -> Option<Features> {
        let name = last_alternative(name);
        let mut number = 0;
        while number < TABLE.len() {
            if same(TABLE[number].name.as_bytes(), name) {
                return Some(Features::bit(number));
            }
            number += 1;
        }
        number = 0;
        while number < COMPOSED.len() {
            if same(COMPOSED[number].0.as_bytes(), name) {
                return Some(COMPOSED[number].1);
            }
            number += 1;
        }
        number = 0;
        while number < ALWAYS.len() {
            if same(ALWAYS[number].as_bytes(), name) {
                return Some(Features::NONE);
            }
            number += 1;
        }
        None
    }

    /// All of the named features, separated by spaces.
    #[cfg(feature = "metadata")]
    #[inline]
    pub(crate) const fn all_named(names: &str) -> Features {
        let mut rest = names.as_bytes();
        let mut all = Features::NONE;
        while !rest.is_empty() {
            let mut end = 0;
            while end < rest.len() && rest[end] != b' ' {
                end += 1;
            }
            let (name, behind) = rest.split_at(end);
            all = all.union(Features::of(name).expect("the tables name known features"));
            rest = if let [_, behind @ ..] = behind { behind } else { &[] };
        }
        all
    }

    /// The names, in the order of the table.
    #[inline]
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let has = move |(number, _): &(usize, &Feature)| self.contains(Features::bit(*number));
        TABLE.iter().enumerate().filter(has).map(|(_, feature)| feature.name)
    }

    /// What CPUID says. `cpuid` is given leaf and subleaf (EAX and ECX); `xcr0` is what XGETBV answers for 0, or 0 if CPUID
    /// has no OSXSAVE: registers that the operating system does not save are as good as missing.
    ///
    /// ```
    /// use planish_asm::{CpuidResult, Features};
    /// let cpuid = |leaf, _| match leaf {
    ///     0 => CpuidResult { eax: 7, ..Default::default() },
    ///     7 => CpuidResult { ebx: 1 << 5 | 1 << 8, ..Default::default() },
    ///     _ => CpuidResult::default(),
    /// };
    /// assert_eq!(Features::from_cpuid(cpuid, 0b110), Features::AVX2.union(Features::BMI2));
    /// assert_eq!(Features::from_cpuid(cpuid, 0), Features::BMI2);
    /// ```
    #[inline]
    pub fn from_cpuid(mut cpuid: impl FnMut(u32, u32) -> CpuidResult, xcr0: u64) -> Features {
        let limits = (cpuid(0, 0).eax, cpuid(0x8000_0000, 0).eax, cpuid(7, 0).eax);
        let mut features = Features::NONE;
        let (mut last, mut announcers) = (None, Announcers::default());
        for (number, feature) in TABLE.iter().enumerate() {
            let place = (feature.leaf, feature.subleaf);
            // Under a hypervisor the instruction is slow, and neighbours in the table share an answer.
            let answer = match last {
                Some((same, answer)) if same == place => answer,
                _ if exists(place, limits) && announcers.announce(feature.leaf) => {
                    with_levels(place, cpuid(feature.leaf, feature.subleaf))
                }
                _ => CpuidResult::default(),
            };
            announcers.note(place, answer);
            last = Some((place, answer));
            let register = [answer.eax, answer.ebx, answer.ecx, answer.edx][feature.register as usize];
            if register >> feature.bit & 1 != 0 && xcr0 & feature.state == feature.state {
                features = features.union(Features::bit(number));
            }
        }
        features
    }

    /// What this processor can do, found out with the standard library. AMX and APX are left out: the library does not
    /// say whether the operating system saves their registers.
    ///
    /// ```
    /// # use planish_asm::Features;
    /// # #[cfg(target_arch = "x86_64")]
    /// assert!(Features::detect().contains(Features::SSE2));
    /// ```
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    #[inline]
    pub fn detect() -> Features {
        let cpuid = |leaf, subleaf| {
            let answer = core::arch::x86_64::__cpuid_count(leaf, subleaf);
            CpuidResult { eax: answer.eax, ebx: answer.ebx, ecx: answer.ecx, edx: answer.edx }
        };
        let avx = if std::is_x86_feature_detected!("avx") { YMM } else { 0 };
        let avx512 = if std::is_x86_feature_detected!("avx512f") { ZMM } else { 0 };
        Features::from_cpuid(cpuid, avx | avx512)
    }
}

/// The version of AVX10 in leaf 24H is a number: bit `n` says whether it is at least `n`.
#[inline]
fn with_levels(place: (u32, u32), answer: CpuidResult) -> CpuidResult {
    match place {
        (0x24, 0) => CpuidResult { ebx: u32::MAX >> (31 - (answer.ebx & 0xFF).min(31)), ..answer },
        _ => answer,
    }
}

/// Whether CPUID knows this leaf and subleaf; an unknown leaf answers what the last one would (SDM Vol. 2, CPUID).
/// `limits`: the last basic leaf, the last extended leaf, the last subleaf of leaf 7.
#[inline]
fn exists((leaf, subleaf): (u32, u32), limits: (u32, u32, u32)) -> bool {
    let (basic, extended, subleaves) = limits;
    match leaf {
        7 => basic >= 7 && subleaves >= subleaf,
        ..0x8000_0000 => leaf <= basic,
        _ => leaf <= extended,
    }
}

/// The leaves that say which later leaves have a meaning: 1, 7.0 and 7.1, which the table names first.
#[derive(Default)]
struct Announcers {
    one: CpuidResult,
    seven: CpuidResult,
    seven_one: CpuidResult,
}

impl Announcers {
    #[inline]
    fn note(&mut self, place: (u32, u32), answer: CpuidResult) {
        match place {
            (1, 0) => self.one = answer,
            (7, 0) => self.seven = answer,
            (7, 1) => self.seven_one = answer,
            _ => {}
        }
    }

    /// Whether the leaf may be believed: what it says about an extension counts only where the extension is announced
    /// (SDM Vol. 2, CPUID). Real processors answer zeros elsewhere, emulators not always.
    #[inline]
    fn announce(&self, leaf: u32) -> bool {
        let (register, bit) = match leaf {
            0xD => (self.one.ecx, 26),
            0x12 => (self.seven.ebx, 2),
            0x14 => (self.seven.ebx, 25),
            0x19 => (self.seven.ecx, 23),
            0x1E => (self.seven.edx, 24),
            0x24 => (self.seven_one.edx, 19),
            0x29 => (self.seven_one.edx, 21),
            _ => return true,
        };
        register >> bit & 1 != 0
    }
}

/// What is behind the last `_or_`.
#[inline]
const fn last_alternative(name: &[u8]) -> &[u8] {
    let mut at = name.len();
    while at >= 4 {
        let (front, alternative) = name.split_at(at);
        if let [.., b'_', b'o', b'r', b'_'] = front {
            return alternative;
        }
        at -= 1;
    }
    name
}

#[inline]
const fn same(one: &[u8], two: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < two.len() && one[at] == two[at] {
        at += 1;
    }
    at == one.len() && at == two.len()
}

impl core::fmt::Display for Features {
    #[inline]
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (number, name) in self.names().enumerate() {
            if number != 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl core::fmt::Debug for Features {
    #[inline]
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Features({self})")
    }
}

/// Where CPUID says it.
struct Feature {
    name: &'static str,
    leaf: u32,
    subleaf: u32,
    register: Register,
    bit: u32,
    /// The bits of XCR0 without which it cannot be used (SDM Vol. 1, 13.3 and 14.3).
    state: u64,
}

#[derive(Clone, Copy)]
enum Register {
    Eax,
    Ebx,
    Ecx,
    Edx,
}

use Register::{Eax, Ebx, Ecx, Edx};

/// SSE and AVX state.
const YMM: u64 = 0b110;
/// The same with the mask registers, the upper halves, and registers 16 to 31.
const ZMM: u64 = 0b1110_0110;
/// Tile configuration and tile data.
const TILES: u64 = 0b11 << 17;
/// General registers 16 to 31.
const EGPR: u64 = 1 << 19;

/// Names in the tables that have no bit of their own: every amd64 processor has them, or they belong to its system side,
/// which CPUID does not describe.
#[rustfmt::skip]
const ALWAYS: &[&str] = &[
    "-", "CPUID", "FPU287", "FPU387", "INVEPT", "INVVPID", "MULTIBYTENOP", "PAUSE", "RDPMC", "SMM", "TDX", "UDBG",
];

const N3: Features = Features::APX_F.union(Features::APX_NCI_NDD_NF);

#[inline]
const fn apx(other: Features) -> Features {
    Features::APX_F.union(other)
}

/// Names of Intel's XED for what CPUID says in another word or in several places (specifications of APX, AVX10.2 and ACE).
#[rustfmt::skip]
const COMPOSED: &[(&str, Features)] = &[
    ("ACE_1", Features::ACE), ("AVX10_2_BF16", Features::AVX10_2), ("AVX10_MOVRS", Features::AVX10_2.union(Features::MOVRS)),
    ("AVX512_COM_EF", Features::AVX10_2), ("AVX512_FP16_CONVERT", Features::AVX10_2),
    ("AVX512_FP8_CONVERT", Features::AVX10_V1_AUX), ("AVX512_MEDIAX", Features::AVX10_2), ("AVX512_MINMAX", Features::AVX10_2),
    ("AVX512_MOVZXC", Features::AVX10_2), ("AVX512_SAT_CVT", Features::AVX10_2), ("AVX512_SAT_CVT_DS", Features::AVX10_2),
    ("AVX512_VNNI_FP16", Features::AVX10_2), ("AVX512_VNNI_INT16", Features::AVX10_V1_AUX),
    ("AVX512_VNNI_INT8", Features::AVX10_V1_AUX),
    ("APX_F_N3", N3), ("APX_F_ADX", apx(Features::ADX)), ("APX_F_ADX_N3", N3.union(Features::ADX)),
    ("APX_F_AMX", apx(Features::AMX_TILE)), ("APX_F_AMX_MOVRS", apx(Features::AMX_MOVRS)), ("APX_F_BMI1", apx(Features::BMI1)),
    ("APX_F_BMI1_N3", N3.union(Features::BMI1)), ("APX_F_BMI2", apx(Features::BMI2)),
    ("APX_F_BMI2_N3", N3.union(Features::BMI2)), ("APX_F_CET", apx(Features::CET_SS)),
    ("APX_F_CMPCCXADD", apx(Features::CMPCCXADD)), ("APX_F_ENQCMD", apx(Features::ENQCMD)),
    ("APX_F_INVPCID", apx(Features::INVPCID)), ("APX_F_KOPB", apx(Features::AVX512DQ)),
    ("APX_F_KOPD", apx(Features::AVX512BW)), ("APX_F_KOPQ", apx(Features::AVX512BW)),
    ("APX_F_KOPW", apx(Features::AVX512F)), ("APX_F_LZCNT", apx(Features::LZCNT)),
    ("APX_F_LZCNT_N3", N3.union(Features::LZCNT)), ("APX_F_MOVBE", apx(Features::MOVBE)),
    ("APX_F_MOVDIR64B", apx(Features::MOVDIR64B)), ("APX_F_MOVDIRI", apx(Features::MOVDIRI)),
    ("APX_F_MOVRS", apx(Features::MOVRS)), ("APX_F_MSR_IMM", apx(Features::MSR_IMM)),
    ("APX_F_POPCNT", apx(Features::POPCNT)), ("APX_F_POPCNT_N3", N3.union(Features::POPCNT)),
    ("APX_F_RAO_INT", apx(Features::RAO_INT)), ("APX_F_USER_MSR", apx(Features::USER_MSR)),
    ("APX_F_VMX", apx(Features::VMX)),
];

macro_rules! features {
    ($($name:ident $leaf:literal $subleaf:literal $register:ident $bit:literal $state:tt)*) => {
        /// One set per feature, by the name in the instruction tables.
        impl Features {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub const $name: Features = Features::bit(Number::$name as usize);
            )*
        }

        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the manual's names")]
        enum Number {
            $($name),*
        }

        const TABLE: &[Feature] = &[$(Feature {
            name: stringify!($name),
            leaf: $leaf,
            subleaf: $subleaf,
            register: $register,
            bit: $bit,
            state: features!(@state $state),
        }),*];
    };
    (@state -) => { 0 };
    (@state $state:ident) => { $state };
}

// Name, leaf, subleaf, register, bit, state that the operating system must save (SDM Vol. 2, CPUID; APM Vol. 3, appendix E).
#[rustfmt::skip]
features! {
    SSE3 1 0 Ecx 0 -  PCLMULQDQ 1 0 Ecx 1 -  MONITOR 1 0 Ecx 3 -  VMX 1 0 Ecx 5 -  SMX 1 0 Ecx 6 -  SSSE3 1 0 Ecx 9 -
    FMA 1 0 Ecx 12 YMM  CMPXCHG16B 1 0 Ecx 13 -  SSE4_1 1 0 Ecx 19 -  SSE4_2 1 0 Ecx 20 -  MOVBE 1 0 Ecx 22 -
    POPCNT 1 0 Ecx 23 -  AES 1 0 Ecx 25 -  XSAVE 1 0 Ecx 26 -  AVX 1 0 Ecx 28 YMM  F16C 1 0 Ecx 29 YMM  RDRAND 1 0 Ecx 30 -
    FPU 1 0 Edx 0 -  TSC 1 0 Edx 4 -  MSR 1 0 Edx 5 -  CX8 1 0 Edx 8 -  SEP 1 0 Edx 11 -  CMOV 1 0 Edx 15 -
    CLFSH 1 0 Edx 19 -  MMX 1 0 Edx 23 -  FXSR 1 0 Edx 24 -  SSE 1 0 Edx 25 -  SSE2 1 0 Edx 26 -
    FSGSBASE 7 0 Ebx 0 -  BMI1 7 0 Ebx 3 -  AVX2 7 0 Ebx 5 YMM  BMI2 7 0 Ebx 8 -  INVPCID 7 0 Ebx 10 -  RTM 7 0 Ebx 11 -
    AVX512F 7 0 Ebx 16 ZMM  AVX512DQ 7 0 Ebx 17 ZMM  RDSEED 7 0 Ebx 18 -  ADX 7 0 Ebx 19 -  SMAP 7 0 Ebx 20 -
    AVX512_IFMA 7 0 Ebx 21 ZMM  CLFLUSHOPT 7 0 Ebx 23 -  CLWB 7 0 Ebx 24 -  AVX512CD 7 0 Ebx 28 ZMM  SHA 7 0 Ebx 29 -
    AVX512BW 7 0 Ebx 30 ZMM  AVX512VL 7 0 Ebx 31 ZMM
    AVX512_VBMI 7 0 Ecx 1 ZMM  PKU 7 0 Ecx 4 -  WAITPKG 7 0 Ecx 5 -  AVX512_VBMI2 7 0 Ecx 6 ZMM  CET_SS 7 0 Ecx 7 -
    GFNI 7 0 Ecx 8 -  VAES 7 0 Ecx 9 YMM  VPCLMULQDQ 7 0 Ecx 10 YMM  AVX512_VNNI 7 0 Ecx 11 ZMM
    AVX512_BITALG 7 0 Ecx 12 ZMM  AVX512_VPOPCNTDQ 7 0 Ecx 14 ZMM  RDPID 7 0 Ecx 22 -  KL 7 0 Ecx 23 -
    CLDEMOTE 7 0 Ecx 25 -  MOVDIRI 7 0 Ecx 27 -  MOVDIR64B 7 0 Ecx 28 -  ENQCMD 7 0 Ecx 29 -
    UINTR 7 0 Edx 5 -  AVX512_VP2INTERSECT 7 0 Edx 8 ZMM  SERIALIZE 7 0 Edx 14 -  TSXLDTRK 7 0 Edx 16 -
    PCONFIG 7 0 Edx 18 -  CET_IBT 7 0 Edx 20 -  AMX_BF16 7 0 Edx 22 TILES  AVX512_FP16 7 0 Edx 23 ZMM
    AMX_TILE 7 0 Edx 24 TILES  AMX_INT8 7 0 Edx 25 TILES
    SHA512 7 1 Eax 0 YMM  SM3 7 1 Eax 1 YMM  SM4 7 1 Eax 2 YMM  RAO_INT 7 1 Eax 3 -  AVX_VNNI 7 1 Eax 4 YMM
    AVX512_BF16 7 1 Eax 5 ZMM  CMPCCXADD 7 1 Eax 7 -  FRED 7 1 Eax 17 -  LKGS 7 1 Eax 18 -  WRMSRNS 7 1 Eax 19 -
    AMX_FP16 7 1 Eax 21 TILES  HRESET 7 1 Eax 22 -  AVX_IFMA 7 1 Eax 23 YMM  MSRLIST 7 1 Eax 27 -  TSE 7 1 Ebx 1 -
    AVX_VNNI_INT8 7 1 Edx 4 YMM  AVX_NE_CONVERT 7 1 Edx 5 YMM  AMX_COMPLEX 7 1 Edx 8 TILES
    AVX_VNNI_INT16 7 1 Edx 10 YMM  PREFETCHITI 7 1 Edx 14 -
    XSAVEOPT 0xD 1 Eax 0 -  XSAVEC 0xD 1 Eax 1 -  XSAVES 0xD 1 Eax 3 -  SGX1 0x12 0 Eax 0 -  OSS 0x12 0 Eax 5 -
    PTWRITE 0x14 0 Ebx 4 -  AESKLE 0x19 0 Ebx 0 -  WIDE_KL 0x19 0 Ebx 2 -
    ACE 7 1 Ecx 11 TILES  MSR_IMM 7 1 Ecx 5 -  MOVRS 7 1 Eax 31 -  USER_MSR 7 1 Edx 15 -  APX_F 7 1 Edx 21 EGPR
    AMX_FP8 0x1E 1 Eax 4 TILES  AMX_AVX512 0x1E 1 Eax 7 TILES  AMX_MOVRS 0x1E 1 Eax 8 TILES
    AVX10_2 0x24 0 Ebx 2 ZMM  AVX10_V1_AUX 0x24 1 Ecx 2 ZMM  AVX10_V2_AUX 0x24 1 Ecx 3 ZMM  APX_NCI_NDD_NF 0x29 0 Ebx 0 EGPR
    SVM 0x80000001 0 Ecx 2 -  LZCNT 0x80000001 0 Ecx 5 -  SSE4A 0x80000001 0 Ecx 6 -  PREFETCHW 0x80000001 0 Ecx 8 -
    SKINIT 0x80000001 0 Ecx 12 -  XOP 0x80000001 0 Ecx 11 YMM  LWP 0x80000001 0 Ecx 15 -  FMA4 0x80000001 0 Ecx 16 YMM
    TBM 0x80000001 0 Ecx 21 -  MONITORX 0x80000001 0 Ecx 29 -  SYSCALL 0x80000001 0 Edx 11 -  RDTSCP 0x80000001 0 Edx 27 -
    CLZERO 0x80000008 0 Ebx 0 -  INVLPGB 0x80000008 0 Ebx 3 -  RDPRU 0x80000008 0 Ebx 4 -  MCOMMIT 0x80000008 0 Ebx 8 -
    WBNOINVD 0x80000008 0 Ebx 9 -  SEV_ES 0x8000001F 0 Eax 3 -  SEV_SNP 0x8000001F 0 Eax 4 -  RMPQUERY 0x8000001F 0 Eax 6 -
}

const _: () = assert!(TABLE.len() <= 192);
