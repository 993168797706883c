//! What calls cost: across the border between host and wasm, and from one instance to another. `cargo bench --bench door`
//!
//! The crate in `benches/wasmtime` prints the same rows beside those of wasmtime.

#[path = "rows/calls.rs"]
mod calls;
#[path = "../src/bin/planish/machine.rs"]
mod machine;
#[path = "rows/measure.rs"]
mod measure;

use planish as api;

fn main() -> Result<(), api::Error> {
    println!("{}", machine::line());
    for mut row in calls::rows()?.into_iter().filter(measure::Row::is_asked_for) {
        let best = (0..measure::ROUNDS).map(|_| row.time()).fold(f64::INFINITY, f64::min);
        println!("{:50} {best:8.2} ns", row.name);
    }
    Ok(())
}
