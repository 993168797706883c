//! The rows, compiled for wasmtime.

use wasmtime as api;

#[path = "../../rows/calls.rs"]
pub mod calls;
#[cfg(feature = "wasi")]
#[path = "../../rows/wasi.rs"]
pub mod wasi;

/// WASI as wasmtime has it.
#[cfg(feature = "wasi")]
mod system {
    use std::path::Path;
    use wasmtime::{Error, Linker};
    use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
    use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

    pub type Context = WasiP1Ctx;

    /// The same view as with planish. Calls may block, as they do there: it is the faster of wasmtime's two ways.
    pub fn context(directory: &Path) -> Result<Context, Error> {
        let mut builder = WasiCtxBuilder::new();
        builder.arg("guest").env("LANG", "C").env("HOME", "/");
        builder.allow_blocking_current_thread(true);
        builder.preopened_dir(directory, "/", FsPerms::ReadWrite)?;
        Ok(builder.build_p1())
    }

    pub fn add_to_linker(linker: &mut Linker<Context>) -> Result<(), Error> {
        add_to_linker_sync(linker, |context| context)
    }
}
