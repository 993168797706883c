//! The processor accesses the address that was asked for: EVEX counts 8-bit displacements in units that depend on the
//! instruction, its length and broadcasts, and a page fault tells what came out.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(unsafe_code, reason = "to run what was emitted")]

mod running;

use planish_asm::Features;
use planish_asm_gen::form::Form;
use planish_asm_gen::oracle::cases::defaults;
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};
use planish_asm_gen::oracle::operands::{Address, Value};
use planish_asm_gen::row::{Row, Space};
use region::Protection;
use running::{Runner, may_run};

/// Far enough for all displacements below.
const LEN: usize = 1 << 16;

/// The defaults with this displacement; none if nothing is in memory.
fn with_displacement(row: &Row, form: &Form, disp: i32) -> Option<Vec<Value>> {
    let mut values = defaults(row, form);
    let n = values.iter().position(|value| value.address().is_some())?;
    let address = *values[n].address().expect("found by it");
    values[n] = values[n].with_address(Address { disp, ..address });
    Some(values)
}

#[test]
fn every_displacement_leads_where_it_says() {
    let oracle = Oracle::new();
    let features = Features::detect();
    let mut runner = Runner::new(features);
    let mut buffer = vec![0; BUFFER_LEN];
    let forbidden = region::alloc(LEN, Protection::NONE).expect("address space");
    let place = forbidden.as_ptr::<u8>() as usize + LEN / 2;
    let (mut emitted, mut forms, mut right, mut wrong) = (0, 0, 0, Vec::new());
    for number in (0..oracle.forms.len()).filter(|&number| oracle.row(number).encoding.space == Space::Evex) {
        let (row, form) = (oracle.row(number), &oracle.forms[number]);
        let before = right;
        for disp in (0..7).flat_map(|exponent| [3 << exponent, -(5 << exponent)]) {
            let Some(values) = with_displacement(row, form, disp) else { break };
            let bytes = oracle.emit_checked(number, &values, &mut buffer);
            emitted += 1;
            if !may_run(row, features) {
                continue;
            }
            let fault = runner.run(bytes, place);
            if fault.address == (place as i64 + i64::from(disp)) as usize {
                right += 1;
            } else if fault.address != 0 || fault.signal != libc::SIGSEGV {
                // A fault without an address is one of alignment.
                wrong.push(format!("{} {disp}: {fault:X?} {bytes:02X?}", form.name));
            }
        }
        forms += usize::from(right != before);
    }
    println!("{emitted} instructions emitted; {forms} forms in memory ran, {right} addresses as they should be");
    assert!(wrong.is_empty(), "{} wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    assert!(forms > 0 || !features.contains(Features::AVX512F));
}
