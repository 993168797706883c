//! The processor that figures were measured on: they are worth little without it.

use std::fs;

/// Name, family, model, stepping and microcode of the first processor, and whether it is a virtual one.
pub fn description() -> String {
    match fs::read_to_string("/proc/cpuinfo") {
        Ok(text) => describe(&text),
        Err(error) => format!("processor unknown: /proc/cpuinfo: {error}"),
    }
}

fn describe(cpuinfo: &str) -> String {
    let fields = || cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let say = |name: &str| fields().find(|(key, _)| key.trim() == name).map_or("unknown", |(_, value)| value.trim());
    let (vendor, name) = (say("vendor_id"), say("model name"));
    let numbers = format!("family {}, model {}, stepping {}", say("cpu family"), say("model"), say("stepping"));
    let is_virtual = say("flags").split_whitespace().any(|flag| flag == "hypervisor");
    let machine = if is_virtual { "in a virtual machine" } else { "not in a virtual machine" };
    format!("{name} ({vendor}, {numbers}, microcode {}), {machine}", say("microcode"))
}
