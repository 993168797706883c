//! Proof of the bytes: iced-x86 decodes what every form emits to the instruction and the operands that were asked for.

use std::collections::BTreeMap;

use planish_asm::AsmError;
use planish_asm_gen::form::Arg;
use planish_asm_gen::oracle::cases::{conflict, defaults, sweep};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};

/// All pairs of registers, all combinations of base, index, scale and displacement class, all immediate classes.
#[test]
fn every_form_in_every_structural_case() {
    let oracle = Oracle::new();
    let mut buffer = vec![0; BUFFER_LEN];
    let (mut cases, mut rejected) = (0u64, 0u64);
    let mut wrong: BTreeMap<String, String> = BTreeMap::new();
    for (number, form) in oracle.forms.iter().enumerate() {
        sweep(oracle.row(number), form, &mut |values| {
            let emitted = oracle.emit(number, values, &mut buffer);
            if let Some(conflict) = conflict(oracle.row(number), form, values) {
                let error = emitted.expect_err("a conflict is an error");
                assert!(conflict.is(error), "{} {values:?} {error}", form.name);
                rejected += 1;
                return;
            }
            let bytes = emitted.unwrap_or_else(|error| panic!("{} {values:?}: {error}", form.name));
            match oracle.check(number, values, bytes) {
                Ok(_) => cases += 1,
                Err(error) if wrong.contains_key(&form.name) => drop(error),
                Err(error) => {
                    wrong.insert(form.name.clone(), format!("{values:?}\n    {bytes:02X?}\n    {error}"));
                }
            }
        });
    }
    for (name, error) in wrong.iter().take(20) {
        println!("{name} {error}");
    }
    println!(
        "{} forms, {cases} instructions decoded to what was asked, {rejected} without an encoding rejected",
        oracle.forms.len()
    );
    assert!(wrong.is_empty(), "{} forms are wrong", wrong.len());
}

/// The tests that take one case of each form take the default one, so each must have an encoding.
#[test]
fn every_form_has_a_default_case() {
    let oracle = Oracle::new();
    let mut buffer = vec![0; BUFFER_LEN];
    let mut wrong = Vec::new();
    for (number, form) in oracle.forms.iter().enumerate() {
        let values = defaults(oracle.row(number), form);
        let emitted = oracle.emit(number, &values, &mut buffer).map_err(|error| error.to_string());
        if let Err(error) = emitted.and_then(|bytes| oracle.check(number, &values, bytes)) {
            wrong.push(format!("{} {values:?}: {error}", form.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), oracle.forms.len());
}

/// A buffer of exactly the needed size is enough, a smaller one reports that size, and nothing is written behind it.
#[test]
fn every_buffer_size() {
    let oracle = Oracle::new();
    let mut reference = [0; 64];
    for (number, form) in oracle.forms.iter().enumerate() {
        let values = defaults(oracle.row(number), form);
        let bytes = oracle.emit_checked(number, &values, &mut reference).to_vec();
        // A branch is followed by as many bytes as its default target is away.
        let needed = bytes.len() + if form.args.iter().any(|arg| matches!(arg, Arg::Rel(8 | 32))) { 3 } else { 0 };
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
