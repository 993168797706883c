//! Plays random calls of the embedder's interface without end: `cargo run --release -p planish-oracles --bin api -- --count 100000`.

fn main() -> std::process::ExitCode {
    planish_oracles::api::driver::main()
}
