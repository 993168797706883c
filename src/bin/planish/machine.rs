//! The machine that figures were taken on, in one line. The benchmarks print it, too.

use std::fs;

/// Processor, kernel, and how many processors there are.
pub fn line() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    describe(&read("/proc/cpuinfo"), read("/proc/sys/kernel/osrelease").trim(), processors)
}

/// From the contents of `/proc/cpuinfo`, of which a virtual machine may leave some out.
pub fn describe(cpuinfo: &str, release: &str, processors: usize) -> String {
    let field = |name: &str| {
        let mut lines = cpuinfo.lines().take_while(|line| !line.is_empty());
        let value = lines.find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name));
        value.map_or("?", |(_, value)| value.trim())
    };
    let is_virtual = field("flags").split_whitespace().any(|flag| flag == "hypervisor");
    format!(
        "{} ({}, family {}, model {}, stepping {}, microcode {}), {}, Linux {release}, {processors} processors",
        field("model name"),
        field("vendor_id"),
        field("cpu family"),
        field("model"),
        field("stepping"),
        field("microcode"),
        if is_virtual { "virtual machine" } else { "no virtual machine" },
    )
}
