//! Every form that may run in a program, and that CPUID says this processor has, is one that it knows: run once, it may
//! fault in many ways, but not as an undefined instruction. The forms of all other processors are emitted and decoded.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(unsafe_code, reason = "to run what was emitted")]

mod running;

use planish_asm::Features;
use planish_asm_gen::form::{Arg, Form};
use planish_asm_gen::oracle::cases::{defaults, singles};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};
use planish_asm_gen::oracle::operands::Value;
use planish_asm_gen::row::Row;
use running::{Runner, may_run};

/// The defaults, and each mask, zeroing and rounding mode.
fn cases(row: &Row, form: &Form) -> Vec<Vec<Value>> {
    let plain = defaults(row, form);
    let mut cases = vec![plain.clone()];
    for (n, arg) in form.args.iter().enumerate().filter(|(_, arg)| arg.has_mask() || matches!(arg, Arg::Rounded(_))) {
        for value in singles(arg) {
            let mut case = plain.clone();
            case[n] = match (value, plain[n]) {
                (Value::MaskedMem(_, mask), Value::MaskedMem(address, _)) => Value::MaskedMem(address, mask),
                (value, plain) => value.with_number(plain.number().expect("a register")),
            };
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
    }
    cases
}

#[test]
fn no_form_is_undefined() {
    let oracle = Oracle::new();
    let features = Features::detect();
    let mut runner = Runner::new(features);
    let place = runner.place();
    let mut buffer = vec![0; BUFFER_LEN];
    let (mut emitted, mut forms, mut ran, mut faulted, mut undefined) = (0, 0, 0, 0, Vec::new());
    for (number, form) in oracle.forms.iter().enumerate() {
        let row = oracle.row(number);
        let runs = may_run(row, features);
        forms += u32::from(runs);
        for values in cases(row, form) {
            let bytes = oracle.emit_checked(number, &values, &mut buffer);
            emitted += 1;
            if !runs {
                continue;
            }
            match runner.run(bytes, place).signal {
                libc::SIGILL => undefined.push(format!("{} {values:?} {bytes:02X?}", form.name)),
                0 => ran += 1,
                _ => faulted += 1,
            }
        }
    }
    println!(
        "{emitted} instructions of {} forms emitted; the others than {forms} forms need another processor",
        oracle.forms.len()
    );
    println!("{ran} instructions ran, {faulted} faulted as they may");
    assert!(undefined.is_empty(), "undefined: {undefined:#?}");
}
