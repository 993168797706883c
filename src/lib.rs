//! Planish: a WebAssembly engine for amd64.
