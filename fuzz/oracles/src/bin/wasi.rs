//! Makes calls of WASI at random for as long as one likes: `cargo run --release -p planish-oracles --bin wasi -- SECONDS [SEED]`.

use planish_oracles::{bytes::random, wasi};
use std::time::{Duration, Instant};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().expect("a number"));
    let (seconds, mut seed) = (arguments.next().unwrap_or(60), arguments.next().unwrap_or(0));
    let (start, first) = (Instant::now(), seed);
    while start.elapsed() < Duration::from_secs(seconds) {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let len = random(&mut state) % 2000;
        let bytes: Vec<u8> = (0..len).map(|_| random(&mut state) as u8).collect();
        if std::panic::catch_unwind(|| wasi::check(&bytes)).is_err() {
            println!("run {seed} differs; it comes again with `1 {seed}`");
            std::process::exit(1);
        }
        seed += 1;
    }
    println!("{} runs, nothing differs", seed - first);
}
