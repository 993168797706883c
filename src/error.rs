//! What can go wrong: [`Error`] for bad input, with its byte offset; [`Trap`] for what wasm code did.
