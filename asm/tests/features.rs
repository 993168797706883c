//! Features have the names of the tables and say what the standard library says.
#![cfg(target_arch = "x86_64")]

use planish_asm::{CpuidResult, Features};

/// This processor, with all state saved.
fn everything() -> Features {
    let cpuid = |leaf, subleaf| {
        let answer = std::arch::x86_64::__cpuid_count(leaf, subleaf);
        CpuidResult { eax: answer.eax, ebx: answer.ebx, ecx: answer.ecx, edx: answer.edx }
    };
    Features::from_cpuid(cpuid, u64::MAX)
}

/// Every row of the tables that is not of retired instructions.
#[test]
fn every_name_of_the_tables_is_known() {
    for row in planish_asm_gen::row::rows().iter().filter(|row| row.table != "retired") {
        for name in &row.cpuid {
            assert!(Features::named(name).is_some(), "{name} of {}", row.text);
        }
    }
}

#[test]
fn names_come_back() {
    let all = ["SSE3", "AVX2", "AVX512VL", "SHA512", "RMPQUERY"];
    let set = all.iter().fold(Features::NONE, |set, name| set.union(Features::named(name).unwrap()));
    assert!(set.names().eq(all));
    assert_eq!(Features::named("SSE9"), None);
}

/// Parts of an extension, combinations, alternatives.
#[test]
fn names_of_more_than_one_feature() {
    let n3 = Features::APX_F.union(Features::APX_NCI_NDD_NF);
    assert_eq!(Features::named("APX_F_BMI1_N3"), Some(n3.union(Features::BMI1)));
    assert_eq!(n3.union(Features::BMI1).to_string(), "BMI1 APX_F APX_NCI_NDD_NF");
    assert_eq!(Features::named("AVX512_SAT_CVT"), Some(Features::AVX10_2));
    assert_eq!(Features::named("AVX512_SAT_CVT_DS"), Some(Features::AVX10_2));
    assert_eq!(Features::named("SKINIT_or_SVM"), Some(Features::SVM));
    assert_eq!(Features::named("HLE_or_RTM"), Some(Features::RTM));
    assert_eq!(Features::named("_or_"), None);
}

/// It is a number, not a bit, and other facts stand beside it.
#[test]
fn version_of_avx10() {
    for beside in [0, 0x7_0000] {
        for version in [0, 1, 2, 3, 4, 5, 255] {
            let cpuid = |leaf, subleaf| match (leaf, subleaf) {
                (0, _) => CpuidResult { eax: 0x24, ..Default::default() },
                (7, 0) => CpuidResult { eax: 1, ..Default::default() },
                (7, 1) => CpuidResult { edx: 1 << 19, ..Default::default() },
                (0x24, 0) => CpuidResult { ebx: beside | version, ..Default::default() },
                _ => CpuidResult::default(),
            };
            let expected = if version >= 2 { Features::AVX10_2 } else { Features::NONE };
            assert_eq!(Features::from_cpuid(cpuid, u64::MAX), expected, "version {version}");
        }
    }
}

/// QEMU answers anything in leaf 12H of a processor without SGX.
#[test]
fn leaves_of_extensions_count_where_those_are_announced() {
    let unannounced = |leaf, subleaf| match (leaf, subleaf) {
        (0, _) => CpuidResult { eax: 0x29, ..Default::default() },
        (7, 0) => CpuidResult { eax: 1, ..Default::default() },
        (1 | 7 | 0x8000_0000.., _) => CpuidResult::default(),
        _ => CpuidResult { eax: u32::MAX, ebx: u32::MAX, ecx: u32::MAX, edx: u32::MAX },
    };
    assert_eq!(Features::from_cpuid(unannounced, u64::MAX), Features::NONE);
}

/// The library's word for whether the processor has it. With AVX it also asks the operating system, so only that one way.
#[test]
fn the_standard_library_agrees() {
    macro_rules! compare {
        ($($set:ident $name:tt)*) => { $(
            let (ours, theirs) = (everything().contains(Features::$set), std::is_x86_feature_detected!($name));
            assert!(ours || !theirs, "{}", $name);
        )* };
    }
    macro_rules! same {
        ($($set:ident $name:tt)*) => { $(
            assert_eq!(everything().contains(Features::$set), std::is_x86_feature_detected!($name), "{}", $name);
        )* };
    }
    same! {
        SSE3 "sse3" PCLMULQDQ "pclmulqdq" SSSE3 "ssse3" CMPXCHG16B "cmpxchg16b" SSE4_1 "sse4.1" SSE4_2 "sse4.2" MOVBE "movbe"
        POPCNT "popcnt" AES "aes" RDRAND "rdrand" RDSEED "rdseed" FXSR "fxsr" SSE "sse" SSE2 "sse2" BMI1 "bmi1" BMI2 "bmi2"
        ADX "adx" SHA "sha" GFNI "gfni" LZCNT "lzcnt"
        SSE4A "sse4a" TBM "tbm" RTM "rtm"
    }
    // The library does not say XSAVE of processors without AVX.
    compare! {
        XSAVE "xsave" XSAVEOPT "xsaveopt" XSAVEC "xsavec" XSAVES "xsaves" AVX "avx" AVX2 "avx2" FMA "fma" F16C "f16c" VAES "vaes" VPCLMULQDQ "vpclmulqdq" AVX512F "avx512f" AVX512DQ "avx512dq"
        AVX512_IFMA "avx512ifma" AVX512CD "avx512cd" AVX512BW "avx512bw" AVX512VL "avx512vl" AVX512_VBMI "avx512vbmi"
        AVX512_VBMI2 "avx512vbmi2" AVX512_VNNI "avx512vnni" AVX512_BITALG "avx512bitalg"
        AVX512_VPOPCNTDQ "avx512vpopcntdq" AVX512_BF16 "avx512bf16" AVX512_FP16 "avx512fp16"
        AVX512_VP2INTERSECT "avx512vp2intersect" AVX_VNNI "avxvnni" AVX_IFMA "avxifma"
        AVX_VNNI_INT8 "avxvnniint8" AVX_VNNI_INT16 "avxvnniint16" AVX_NE_CONVERT "avxneconvert" SHA512 "sha512" SM3 "sm3"
        SM4 "sm4"
    }
}

/// Nothing is asked of leaves that the processor does not have.
#[test]
fn unknown_leaves_are_not_asked() {
    let old = |leaf, subleaf| {
        assert!(matches!((leaf, subleaf), (0 | 1 | 0x8000_0000 | 7, 0)), "leaf {leaf:#x}.{subleaf}");
        CpuidResult { eax: (leaf == 0) as u32, edx: u32::MAX, ..CpuidResult::default() }
    };
    let features = Features::from_cpuid(old, u64::MAX);
    assert!(features.contains(Features::SSE2) && !features.contains(Features::AVX512_FP16));
}
