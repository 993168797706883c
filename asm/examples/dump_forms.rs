//! Prints every form at its boundary operands for outside checkers: `HEX<TAB>Intel-syntax text`, one instruction a line.
//!
//! The text comes from the row and the chosen operands, never from the bytes. Branch targets count from the start of
//! the instruction. Lines that start with `#` name what is left out, and why.

use std::io::{BufWriter, Write};

use planish_asm_gen::form::has_forms;
use planish_asm_gen::oracle::cases::{boundary, conflict};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};
use planish_asm_gen::oracle::operands::Value;
use planish_asm_gen::oracle::text::{Text, instruction};
use planish_asm_gen::row::Row;
use planish_asm_gen::write::code::waits;

fn main() -> std::io::Result<()> {
    let oracle = Oracle::new();
    let mut out = BufWriter::new(std::io::stdout().lock());
    for row in &oracle.rows {
        if let Some(reason) = left_out(row) {
            writeln!(out, "# left out: {} ({reason})", row.text)?;
        }
    }
    writeln!(out, "# left out: `xchg` of the accumulator with itself by the row `90+r`, which is `nop`")?;
    writeln!(out, "# left out: ah, ch, dh, bh with operands that need a REX prefix: no encoding exists")?;
    let mut text = Text::new();
    let mut buffer = vec![0; BUFFER_LEN];
    for (number, form) in oracle.forms.iter().enumerate() {
        let mut result = Ok(());
        boundary(oracle.row(number), form, &mut |values| {
            let is_nop = form.name.starts_with("xchg_r") && values[1] == Value::Fixed && values[0] == Value::Reg(0);
            if conflict(oracle.row(number), form, values).is_some() || is_nop || result.is_err() {
                return;
            }
            let bytes = oracle.emit(number, values, &mut buffer).expect("a buffer with room and valid operands");
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            if let Some(instruction) = instruction(&oracle, number, values, bytes.len()).filter(|_| bytes[0] != 0x9B) {
                result = writeln!(out, "{hex}\t{}", text.of(&instruction));
            }
        });
        result?;
    }
    out.flush()
}

/// Why there is no line for a row.
fn left_out(row: &Row) -> Option<&'static str> {
    let feature = |name: &str| row.cpuid.iter().any(|other| other == name);
    match row.table {
        "retired" => Some("no processor since has it, or only those of one family"),
        "undoc" => Some("undocumented, reserved or without effect: another row does the same"),
        "amd" if !has_forms(row) && feature("LWP") => Some("AMD withdrew it"),
        _ if !has_forms(row) => Some("AMD's Bulldozer family only"),
        _ if row.tier == "T4" => Some("emitted, but newer than iced-x86 1.22; the tests check its fields"),
        _ if waits(row) => Some("emitted, but two instructions to a decoder: 9B and the row that does not wait"),
        _ => None,
    }
}
