//! WASI as planish has it, for the rows of the benchmark `wasi`.

use planish::wasi::{DirPerms, FilePerms, WasiCtx, WasiCtxBuilder};
use planish::{Error, Linker};
use std::path::Path;

/// What a guest sees.
pub type Context = WasiCtx;

/// A name, an environment of two variables, and one directory.
pub fn context(directory: &Path) -> Result<Context, Error> {
    let mut builder = WasiCtxBuilder::new();
    builder.arg("guest").env("LANG", "C").env("HOME", "/");
    builder.preopened_dir(directory, "/", DirPerms::all(), FilePerms::all())?;
    Ok(builder.build())
}

/// Defines the functions of preview 1.
pub fn add_to_linker(linker: &mut Linker<Context>) -> Result<(), Error> {
    planish::wasi::add_to_linker(linker, |context| context)
}
