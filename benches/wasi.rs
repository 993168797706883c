//! What WASI calls cost a guest that makes them in a loop. `cargo bench --bench wasi`, or with `-- fd_`
//! those of such a name.
//!
//! The crate in `benches/wasmtime` prints the same rows beside those of wasmtime.

#[path = "../src/bin/planish/machine.rs"]
mod machine;
#[path = "rows/measure.rs"]
mod measure;
#[path = "rows/system.rs"]
mod system;
#[path = "rows/wasi.rs"]
mod wasi;

use planish as api;

fn main() -> Result<(), api::Error> {
    println!("{}", machine::line());
    for mut row in wasi::rows()?.into_iter().filter(measure::Row::is_asked_for) {
        let best = (0..measure::ROUNDS).map(|_| row.time()).fold(f64::INFINITY, f64::min);
        println!("{:50} {best:8.2} ns", row.name);
    }
    Ok(())
}
