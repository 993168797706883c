//! Compares engines on modules without end: `cargo run --release -p planish-oracles --bin differential -- --count 10000`.

fn main() -> std::process::ExitCode {
    planish_oracles::differential::driver::main(&[])
}
