//! Proof of the data: every row of the tables is an instruction that iced-x86 describes alike, and every instruction
//! that iced knows in 64-bit mode has its row.

use planish_asm_gen::form::{forms, has_forms};
use planish_asm_gen::oracle::codes::codes;
use planish_asm_gen::row::rows;

#[test]
fn every_row_is_an_instruction_iced_describes_alike() {
    let rows = rows();
    let matched = codes(&rows);
    for (number, facts) in matched.wrong.iter().take(30) {
        println!("row {}\n  {facts:?}", rows[*number].text);
    }
    for (code, facts) in matched.left.iter().take(30) {
        println!("without a row: {code:?}\n  {facts:?}");
    }
    println!("rows proven: {} of {}", rows.len() - matched.wrong.len(), rows.len());
    assert!(matched.wrong.is_empty() && matched.left.is_empty());
}

/// The table `retired` has what no current processor runs; `undoc` what should not be emitted.
#[test]
fn coverage() {
    let rows = rows();
    let total = codes(&rows).total;
    println!("functions: {}", forms(&rows).len());
    let mut living = (0, 0);
    for tier in ["T0", "T1", "T2", "T3", "T3x", "T4"] {
        let of_tier = || rows.iter().filter(|row| row.tier == tier);
        let (emitted, all) = (of_tier().filter(|row| has_forms(row)).count(), of_tier().count());
        println!("tier {tier}: {emitted} of {all} rows have functions");
        if !["T3x", "T4"].contains(&tier) {
            assert_eq!(emitted, all, "tier {tier}");
            living = (living.0 + emitted, living.1 + all);
        }
    }
    println!(
        "coverage of iced's living 64-bit instructions: {:.1} % ({} of {}; {total} with the retired)",
        100.0 * f64::from(living.0 as u32) / f64::from(living.1 as u32),
        living.0,
        living.1,
    );
}
