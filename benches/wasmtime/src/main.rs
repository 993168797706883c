//! What calls cost in planish and in wasmtime, measured in turn in one process; with the feature `wasi` those of WASI, too.
//!
//! ```sh
//! cargo run --release --manifest-path benches/wasmtime/Cargo.toml --features wasi
//! ```

#[path = "../../../src/bin/planish/machine.rs"]
mod machine;
#[path = "../../rows/measure.rs"]
mod measure;
mod ours;
mod theirs;

use measure::{ROUNDS, Row};

fn main() {
    println!("{}", machine::line());
    println!("{:50} {:>11} {:>11} {:>8}", "", "planish", "wasmtime", "ratio");
    compare(ours::calls::rows().expect("planish instantiates"), theirs::calls::rows().expect("wasmtime instantiates"));
    #[cfg(feature = "wasi")]
    compare(ours::wasi::rows().expect("planish instantiates"), theirs::wasi::rows().expect("wasmtime instantiates"));
}

fn compare(ours: Vec<Row>, theirs: Vec<Row>) {
    for (mut ours, mut theirs) in ours.into_iter().zip(theirs) {
        assert_eq!(ours.name, theirs.name);
        if !ours.is_asked_for() {
            continue;
        }
        let (ours_ns, theirs_ns) = best(&mut ours, &mut theirs);
        println!("{:50} {ours_ns:8.2} ns {theirs_ns:8.2} ns {:8.2}", ours.name, ours_ns / theirs_ns);
    }
}

/// The best round of each, taken in turn: what disturbs the machine for a while disturbs both.
fn best(ours: &mut Row, theirs: &mut Row) -> (f64, f64) {
    let best = (f64::INFINITY, f64::INFINITY);
    (0..ROUNDS).fold(best, |best, _| (best.0.min(ours.time()), best.1.min(theirs.time())))
}
