//! Proof of the bytes: iced-x86 decodes what every form emits to the instruction and the operands that were asked for.

use planish_asm::AsmError;
use planish_asm_gen::oracle::cases::{defaults, high_byte_conflict, sweep};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};

/// All pairs of registers, all combinations of base, index, scale and displacement class, all immediate classes.
#[test]
fn every_form_in_every_structural_case() {
    let oracle = Oracle::new();
    let mut buffer = vec![0; BUFFER_LEN];
    let (mut cases, mut rejected) = (0u64, 0u64);
    for (number, form) in oracle.forms.iter().enumerate() {
        sweep(oracle.row(number), form, &mut |values| {
            let emitted = oracle.emit(number, values, &mut buffer);
            if high_byte_conflict(form, values) {
                assert!(matches!(emitted, Err(AsmError::HighByte { at: 0 })), "{} {values:?} {emitted:?}", form.name);
                rejected += 1;
                return;
            }
            let bytes = emitted.unwrap_or_else(|error| panic!("{} {values:?}: {error}", form.name));
            if let Err(error) = oracle.check(number, values, bytes) {
                panic!("{} {values:?}\n{bytes:02X?}\n{error}", form.name);
            }
            cases += 1;
        });
    }
    println!(
        "{} forms, {cases} instructions decoded to what was asked, {rejected} without an encoding rejected",
        oracle.forms.len()
    );
}

/// A buffer of exactly the needed size is enough, a smaller one reports that size, and nothing is written behind it.
#[test]
fn every_buffer_size() {
    let oracle = Oracle::new();
    let mut reference = [0; 64];
    for (number, form) in oracle.forms.iter().enumerate() {
        let values = defaults(form);
        let bytes = oracle.emit(number, &values, &mut reference).expect("room").to_vec();
        // A branch is followed by as many bytes as its default target is away.
        let needed = bytes.len() + if form.name.contains("_rel") { 3 } else { 0 };
        for size in 0..=needed {
            let mut buffer = [0xAA; 64];
            let (code, canary) = buffer.split_at_mut(size);
            match oracle.emit(number, &values, code) {
                Ok(emitted) => assert_eq!((size, emitted), (needed, &bytes[..]), "{}", form.name),
                Err(error) => assert_eq!((error, size < needed), (AsmError::Full { needed }, true), "{}", form.name),
            }
            assert!(canary.iter().all(|&byte| byte == 0xAA), "{} wrote behind a buffer of {size}", form.name);
        }
    }
}
