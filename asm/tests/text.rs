//! The text that `dump_forms` prints, built from rows and operands, is the text of what the bytes decode to.

use planish_asm_gen::oracle::cases::{boundary, conflict};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};
use planish_asm_gen::oracle::text::{Text, instruction};

#[test]
fn the_text_is_what_the_bytes_say() {
    let oracle = Oracle::new();
    let mut text = Text::new();
    let mut buffer = vec![0; BUFFER_LEN];
    let mut lines = 0u64;
    for (number, form) in oracle.forms.iter().enumerate() {
        boundary(oracle.row(number), form, &mut |values| {
            if conflict(oracle.row(number), form, values).is_some() {
                return;
            }
            let bytes = oracle.emit(number, values, &mut buffer).expect("operands with an encoding");
            let decoded = oracle.check(number, values, bytes).expect("checked by the bytes test");
            let (Some(decoded), Some(built)) = (decoded, instruction(&oracle, number, values, bytes.len())) else {
                return;
            };
            if decoded.code() == built.code() {
                assert_eq!(text.of(&built), text.of(&decoded), "{} {values:?} {bytes:02X?}", form.name);
                lines += 1;
            }
        });
    }
    println!("{lines} lines");
}
