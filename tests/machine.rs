//! The line that says on which machine figures were taken.

#[path = "../src/bin/planish/machine.rs"]
mod machine;

use machine::{describe, line};

const CPUINFO: &str = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n\
    model name\t: AMD EPYC\nstepping\t: 1\nmicrocode\t: 0x1000065\nflags\t\t: fpu vme hypervisor avx\n\n\
    processor\t: 1\nmodel name\t: another\n";

#[test]
fn the_first_processor_is_described() {
    assert_eq!(
        describe(CPUINFO, "6.18.44", 2),
        "AMD EPYC (AuthenticAMD, family 25, model 17, stepping 1, microcode 0x1000065), virtual machine, \
         Linux 6.18.44, 2 processors"
    );
    let bare = CPUINFO.replace(" hypervisor", "").replace("microcode\t: 0x1000065\n", "");
    assert!(describe(&bare, "5.14.0", 64).contains("microcode ?), no virtual machine, Linux 5.14.0, 64 processors"));
}

#[test]
fn this_machine_has_a_processor_and_a_kernel() {
    let line = line();
    assert!(!line.starts_with('?') && !line.contains("Linux ,"), "{line}");
}
