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
    let living = rows.iter().filter(|row| !["T3x", "T4"].contains(&row.tier)).count();
    let emitted = rows.iter().filter(|row| has_forms(row)).count();
    let wanted = rows.iter().filter(|row| ["T0", "T1"].contains(&row.tier)).count();
    println!("functions: {}", forms(&rows).len());
    println!("rows of tiers T0 and T1 with functions: {emitted} of {wanted}");
    println!(
        "coverage of iced's living 64-bit instructions: {:.1} % ({emitted} of {living}; {total} with the retired)",
        100.0 * emitted as f64 / living as f64
    );
    assert_eq!(emitted, wanted);
}
