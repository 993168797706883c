//! The mnemonic layer emits what was asked, and never more bytes than any of its forms or iced-x86's encoder would need.
#![cfg(feature = "mnemonics")]

use std::collections::BTreeMap;

use iced_x86::Mnemonic;
use planish_asm_gen::oracle::cases::{boundary, conflict, products};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle, emit};
use planish_asm_gen::oracle::emit::MNEMONICS;
use planish_asm_gen::oracle::operands::Value;
use planish_asm_gen::oracle::shortest::Mnemonics;

#[test]
fn every_overload_is_right_and_never_longer() {
    let oracle = Oracle::new();
    let mnemonics = Mnemonics::new(&oracle);
    let mut buffer = vec![0; BUFFER_LEN];
    let (mut overloads, mut cases, mut compared) = (0, 0u64, 0u64);
    let mut longer: BTreeMap<String, String> = BTreeMap::new();
    for (mnemonic, emits) in mnemonics.all.iter().zip(MNEMONICS) {
        for (overload, &function) in mnemonic.overloads.iter().zip(*emits) {
            overloads += 1;
            let form = Mnemonics::as_form(&oracle, mnemonic, overload);
            let row = &oracle.rows[form.row];
            let mut visit = |values: &[_]| {
                let emitted = emit(function, values, &mut buffer);
                if let Some(conflict) = conflict(row, &form, values) {
                    let error = emitted.expect_err("a conflict is an error");
                    assert!(conflict.is(error), "{} {values:?} {error}", mnemonic.name);
                    return;
                }
                let bytes = emitted.unwrap_or_else(|error| panic!("{} {values:?}: {error}", mnemonic.name));
                let instruction = match mnemonics.check(&oracle, overload, values, bytes) {
                    Ok(instruction) => instruction,
                    Err(error) => panic!("{} {values:?}\n{bytes:02X?}\n{error}", mnemonic.name),
                };
                cases += 1;
                let Some(instruction) = instruction else { return };
                // A branch forward is near until the relax pass or `jmp_short` says otherwise.
                if values.iter().any(|value| matches!(value, Value::Target(0..))) {
                    return;
                }
                // `xchg ax, ax` decodes as the `nop` that it is.
                if instruction.mnemonic() == Mnemonic::Nop && mnemonic.name == "xchg" {
                    return;
                }
                // The waiting ones begin with a byte that iced takes for an instruction; `xbegin` with 16 bits is its own form.
                if bytes[0] == 0x9B || mnemonic.name == "xbegin" {
                    return;
                }
                if let Some(other) = mnemonics.shortest_by_iced(&instruction) {
                    compared += 1;
                    if other.len() < bytes.len() {
                        longer
                            .entry(mnemonic.name.clone())
                            .or_insert(format!("{values:?}: {bytes:02X?}, iced {other:02X?}"));
                    }
                }
            };
            boundary(row, &form, &mut visit);
            products(row, &form, &mut visit);
        }
    }
    for (mnemonic, case) in &longer {
        println!("{mnemonic} {case}");
    }
    println!(
        "{} mnemonics, {overloads} overloads, {cases} instructions; {compared} compared with iced's encoder: {} mnemonics longer",
        mnemonics.all.len(),
        longer.len()
    );
    assert!(longer.is_empty());
}
