//! Compares engines, wasmtime among them, on modules without end:
//! `cargo run --release --manifest-path fuzz/Cargo.toml --bin compare -- --count 10000`.

fn main() -> std::process::ExitCode {
    planish_oracles::differential::driver::main(&[&planish_fuzz::Wasmtime])
}
