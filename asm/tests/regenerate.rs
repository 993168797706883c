//! The checked-in generated files are what the generator writes from the tables.

use std::path::Path;

use planish_asm_gen::write::files;

#[test]
fn generated_files_are_current() {
    let asm = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in files() {
        let current = std::fs::read_to_string(asm.join(&file.path)).unwrap_or_default();
        assert!(current == file.text, "{} is not current: run `cargo run -p planish-asm-gen`", file.path);
    }
}
