//! What this CPU can do.

use crate::abi::Cpu;

/// The features of this CPU, or the name of one that is missing.
pub(crate) fn detect() -> Result<Cpu, &'static str> {
    if !is_x86_feature_detected!("sse4.1") {
        return Err("sse4.1");
    }
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq");
    Ok(Cpu {
        popcnt: is_x86_feature_detected!("popcnt"),
        sse42: is_x86_feature_detected!("sse4.2"),
        lzcnt: is_x86_feature_detected!("lzcnt"),
        bmi1: is_x86_feature_detected!("bmi1"),
        bmi2: is_x86_feature_detected!("bmi2"),
        avx: is_x86_feature_detected!("avx"),
        avx2: is_x86_feature_detected!("avx2"),
        fma: is_x86_feature_detected!("fma"),
        avx512,
        vbmi: avx512 && is_x86_feature_detected!("avx512vbmi"),
        bitalg: avx512 && is_x86_feature_detected!("avx512bitalg"),
    })
}
