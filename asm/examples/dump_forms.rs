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

fn main() -> std::io::Result<()> {
    let oracle = Oracle::new();
    let mut out = BufWriter::new(std::io::stdout().lock());
    for row in oracle.rows.iter().filter(|row| !has_forms(row)) {
        writeln!(out, "# left out: {} (tier {}: no function yet)", row.text, row.tier)?;
    }
    writeln!(out, "# left out: `xchg` of the accumulator with itself by the row `90+r`, which is `nop`")?;
    writeln!(out, "# left out: ah, ch, dh, bh with operands that need a REX prefix: no encoding exists")?;
    let mut text = Text::new();
    let mut buffer = vec![0; BUFFER_LEN];
    for (number, form) in oracle.forms.iter().enumerate() {
        let mut result = Ok(());
        boundary(form, &mut |values| {
            let is_nop = form.name.starts_with("xchg_r") && values[1] == Value::Fixed && values[0] == Value::Reg(0);
            if conflict(oracle.row(number), form, values).is_some() || is_nop || result.is_err() {
                return;
            }
            let bytes = oracle.emit(number, values, &mut buffer).expect("a buffer with room and valid operands");
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let line = text.of(&instruction(&oracle, number, values, bytes.len()));
            result = writeln!(out, "{hex}\t{line}");
        });
        result?;
    }
    out.flush()
}
