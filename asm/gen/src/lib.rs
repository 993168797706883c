//! Reads the instruction tables and writes the assembler's forms and mnemonics.
//!
//! - [`table`]: the tables as text, unfolded into one line per form (the grammar heads the tables: `isa/00-grammar.txt`);
//! - [`row`]: one such line, parsed;
//! - [`form`]: rows split into functions (register and memory, `lock` and `rep`), with their public names;
//! - [`naming`]: what the generated forms say of their names;
//! - [`overload`]: forms grouped into overloaded mnemonics, and which form is the shortest when;
//! - [`mod@write`]: the Rust text of all of it, and of the table of forms.
//!
//! - `oracle` (a cargo feature): what the assembler's tests share.
//!
//! Without that feature the crate has no dependency on the assembler, so it can run while the generated files are broken or missing.

pub mod form;
pub mod naming;
pub mod overload;
pub mod row;
pub mod table;
pub mod write;

#[cfg(feature = "oracle")]
pub mod oracle;
