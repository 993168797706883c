//! WASI preview 1: the system interface of command-line programs compiled to WebAssembly.
//!
//! A [`WasiCtx`] is what one program may see of the host: its arguments, environment, standard streams and the
//! directories opened for it. [`add_to_linker`] gives a module its functions.
//!
//! Random bytes come from a generator in each thread, which the system seeds anew after each mebibyte and after a fork. A snapshot
//! (of a virtual machine, or of a process) cannot be noticed: if two copies go on from one, their guests get the same random bytes
//! until the next seed. Take snapshots before any guest has asked for random bytes, or run guests in new threads afterwards.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `abi` | numbers and layouts of the specification (`wasi_snapshot_preview1.witx`) |
//! | `memory` | the guest's memory behind a small trait, and its lists of buffers |
//! | `stream`, `open_file`, `rights`, `descriptor` | what a file descriptor can be, what it allows, the table of them |
//! | `context` | [`WasiCtx`] and its builder |
//! | `random` | random bytes, of a generator in each thread |
//! | `process`, `file`, `metadata`, `directory`, `path`, `poll` | the functions, by subject |
//! | `link` | their registration, one line each |

mod abi;
mod memory;
mod rights;
mod stream;
mod open_file;
mod descriptor;
mod context;
mod random;
mod process;
mod file;
mod metadata;
mod directory;
mod path;
mod poll;
mod link;
#[cfg(test)]
mod tests;

pub use context::{WasiCtx, WasiCtxBuilder};
pub use link::add_to_linker;
pub use process::I32Exit;
pub use rights::{DirPerms, FilePerms};
pub use stream::MemoryOutputPipe;
