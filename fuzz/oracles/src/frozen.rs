//! The compiler's output for 200 generated modules is what `frozen.txt` says, by the number that the random bytes begin with.

use crate::bytes::random;
use crate::differential::{generate, linked};
use std::path::Path;
use table::Table;

#[path = "../../../tests/frozen/mod.rs"]
mod table;

const MODULES: usize = 200;
/// As many choices as a small module takes; large ones are what is seldom.
const MAX_BYTES: usize = 3000;

#[test]
fn output_for_generated_modules_is_frozen() {
    let mut table = None;
    for seed in 1..=MODULES {
        let module = generated(seed);
        let digests = planish::output_digests(linked::split(&module));
        table
            .get_or_insert_with(|| Table::new(digests.iter().map(|digest| digest.0)))
            .push(format!("{seed:03}"), digests.iter().map(|digest| digest.1));
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/frozen.txt");
    table.expect("modules").check(&file, "cargo test -p planish-oracles frozen");
}

/// The first module, or set of linked ones, that the bytes of a seed give.
fn generated(seed: usize) -> Vec<u8> {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    loop {
        let len = random(&mut state) % MAX_BYTES;
        let bytes: Vec<u8> = (0..len).map(|_| random(&mut state) as u8).collect();
        if let Some(module) = generate::module(&bytes) {
            return module;
        }
    }
}
