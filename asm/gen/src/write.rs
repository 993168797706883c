//! The Rust text of the generated files.

pub mod code;
pub mod emit;
mod file;
pub mod forms;
mod metadata;
pub mod mnemonics;
mod operand;
mod shape;

pub use file::File;

/// All generated files.
pub fn files() -> Vec<File> {
    let rows = crate::row::rows();
    let forms = crate::form::forms(&rows);
    let mut files = forms::files(&rows, &forms);
    let mnemonics = crate::overload::mnemonics(&rows, &forms);
    files.extend(mnemonics::files(&rows, &forms, &mnemonics));
    files.push(emit::file(&forms, &mnemonics));
    files.push(metadata::file(&rows, &forms));
    files
}
