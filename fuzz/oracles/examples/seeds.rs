//! Writes the fuzz targets' first inputs into the folder given: `cargo run -p planish-oracles --example seeds fuzz/seeds`.

use std::fs;
use std::path::Path;

use planish_asm_gen::oracle::cases::defaults;
use planish_asm_gen::oracle::check::Oracle;

fn main() {
    let folder = std::env::args().nth(1).expect("the folder for the inputs");
    let folder = Path::new(&folder);
    for target in ["encode", "program", "reencode"] {
        fs::create_dir_all(folder.join(target)).expect("a folder");
    }
    reencode(&folder.join("reencode"));
    encode(&folder.join("encode"));
    program(&folder.join("program"));
}

/// Every form in turn, 16 to a file.
fn reencode(folder: &Path) {
    let oracle = Oracle::new();
    let mut code = Vec::new();
    for (number, form) in oracle.forms.iter().enumerate().step_by(7) {
        let mut buffer = [0; 64];
        code.push(oracle.emit_checked(number, &defaults(oracle.row(number), form), &mut buffer).to_vec());
    }
    for (number, instructions) in code.chunks(16).enumerate() {
        fs::write(folder.join(number.to_string()), instructions.concat()).expect("a file");
    }
}

/// Forms from all over the table, with bytes for operands.
fn encode(folder: &Path) {
    for number in 0..32u8 {
        let mut bytes = vec![1, number.wrapping_mul(97), number];
        bytes.extend((0..30u8).map(|at| at.wrapping_mul(number).wrapping_mul(29).wrapping_add(at)));
        fs::write(folder.join(number.to_string()), bytes).expect("a file");
    }
}

/// The kinds of items, and branches around the edge of what a short one reaches.
fn program(folder: &Path) {
    let mut programs: Vec<Vec<u8>> = vec![
        // Forward and backward branches over 127 and 128 bytes.
        vec![3, 0, 2, 0, 19, 27, 0, 0, 2, 1, 19, 28, 0, 1],
        vec![3, 0, 0, 0, 19, 26, 2, 0, 0, 1, 19, 27, 2, 1],
        // A load, a table and relocations across a branch that shrinks.
        vec![9, 0, 11, 2, 0, 1, 4, 1, 18, 3, 0, 1, 13, 0, 14, 7, 15, 8, 4, 0, 0],
        vec![9, 0, 0, 2, 12, 0, 2, 12, 1, 2, 2, 0, 18, 5, 0, 0, 4, 1, 0, 1],
        // Padding of all kinds.
        vec![5, 0, 2, 0, 17, 5, 9, 1, 19, 0, 17, 4, 16, 0, 0, 0, 17, 6, 0, 1],
        vec![5, 0, 6, 0, 7, 1, 18, 9, 0, 0, 0, 1, 8, 0, 10, 1],
    ];
    programs.push((0..120u8).flat_map(|at| [at % 20, at / 20]).collect());
    programs.push((0..200u8).map(|at| at.wrapping_mul(73)).collect());
    for (number, program) in programs.iter().enumerate() {
        fs::write(folder.join(number.to_string()), program).expect("a file");
    }
}
