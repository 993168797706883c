//! Rewrites the checked-in generated files.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let asm = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("gen lies in asm");
    for file in planish_asm_gen::write::files() {
        let path = asm.join(&file.path);
        std::fs::create_dir_all(path.parent().expect("a folder"))?;
        if std::fs::read_to_string(&path).ok().as_deref() != Some(&file.text) {
            std::fs::write(&path, &file.text)?;
            println!("wrote {}", file.path);
        }
    }
    Ok(())
}
