//! What this CPU can do.
//!
//! A hypervisor traps each CPUID instruction: 5 to 70 us (on Zen 5), and the standard library needs a dozen of them. The GNU C library has
//! executed them when the process started, and tells what they said (its manual, X86).

#![allow(unsafe_code, reason = "asks the C library")]

use crate::abi::Cpu;
use std::mem::transmute;

/// What there is to know of this processor.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Machine {
    /// What compiled code may use.
    pub(crate) cpu: Cpu,
    /// SSE4A, which AMD's processors have, and Hygon's, and no others (AMD APM Vol. 3, appendix D).
    sse4a: bool,
    sse41: bool,
}

impl Machine {
    /// Whether an addition of denormal numbers takes no longer than one of others: true of AMD's processors, not of Intel's.
    pub(crate) fn adds_denormals_quickly(&self) -> bool {
        self.sse4a
    }
}

/// This processor, or the name of a feature that it lacks.
pub(crate) fn detect() -> Result<Machine, &'static str> {
    let machine = match Leaves::of_the_c_library() {
        Some(leaves) => leaves.machine(),
        None => detected(),
    };
    if machine.sse41 { Ok(machine) } else { Err("sse4.1") }
}

/// `struct cpuid_feature` of sys/platform/x86.h.
#[repr(C)]
struct Leaf {
    /// eax, ebx, ecx and edx as CPUID gave them.
    _said: [u32; 4],
    /// The same, of what the system supports, too.
    active: [u32; 4],
}

const EBX: usize = 1;
const ECX: usize = 2;
/// What tells processors with a quick divider from older ones: Intel got both with Ice Lake, AMD with Zen (Fog, "Instruction
/// tables", DIV and SHA1RNDS4). No instruction depends on it, only which of two ways to divide is chosen.
const SHA: u32 = 29;

/// Of the leaves 1, 7 and 0x80000001 (SDM Vol. 2, CPUID; AMD APM Vol. 3, appendix E).
struct Leaves([&'static Leaf; 3]);

impl Leaves {
    /// Since version 2.33 it can be asked.
    fn of_the_c_library() -> Option<Leaves> {
        // SAFETY: looks a name up.
        let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__x86_get_cpuid_feature_leaf".as_ptr()) };
        if address.is_null() {
            return None;
        }
        // SAFETY: the header declares a function of this type, which returns the address of a constant, zeros for a leaf unknown to it.
        let leaf: extern "C" fn(u32) -> Option<&'static Leaf> = unsafe { transmute(address) };
        Some(Leaves([leaf(0)?, leaf(1)?, leaf(2)?]))
    }

    fn machine(&self) -> Machine {
        let has = |leaf: usize, register: usize, bit: u32| self.0[leaf].active[register] >> bit & 1 != 0;
        let avx512 = [16, 17, 30, 31].iter().all(|&bit| has(1, EBX, bit));
        let cpu = Cpu {
            popcnt: has(0, ECX, 23),
            sse42: has(0, ECX, 20),
            lzcnt: has(2, ECX, 5),
            bmi1: has(1, EBX, 3),
            bmi2: has(1, EBX, 8),
            avx: has(0, ECX, 28),
            avx2: has(1, EBX, 5),
            fma: has(0, ECX, 12),
            avx512,
            bitalg: avx512 && has(1, ECX, 12),
            quick_division: has(1, EBX, SHA),
        };
        Machine { cpu, sse4a: has(2, ECX, 6), sse41: has(0, ECX, 19) }
    }
}

/// As the standard library finds out.
fn detected() -> Machine {
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq");
    let cpu = Cpu {
        popcnt: is_x86_feature_detected!("popcnt"),
        sse42: is_x86_feature_detected!("sse4.2"),
        lzcnt: is_x86_feature_detected!("lzcnt"),
        bmi1: is_x86_feature_detected!("bmi1"),
        bmi2: is_x86_feature_detected!("bmi2"),
        avx: is_x86_feature_detected!("avx"),
        avx2: is_x86_feature_detected!("avx2"),
        fma: is_x86_feature_detected!("fma"),
        avx512,
        bitalg: avx512 && is_x86_feature_detected!("avx512bitalg"),
        quick_division: is_x86_feature_detected!("sha"),
    };
    Machine { cpu, sse4a: is_x86_feature_detected!("sse4a"), sse41: is_x86_feature_detected!("sse4.1") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_and_the_standard_library_agree() {
        // Another C library, or an older one, does not know.
        if let Some(leaves) = Leaves::of_the_c_library() {
            assert_eq!(leaves.machine(), detected());
        }
    }

    #[test]
    fn sse4a_tells_whose_processor_it_is() {
        use std::arch::x86_64::__cpuid;
        let leaf = __cpuid(0);
        let vendor = [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes).concat();
        let expected = vendor == b"AuthenticAMD" || vendor == b"HygonGenuine";
        assert_eq!(detect().expect("a processor that runs this").adds_denormals_quickly(), expected);
    }
}
