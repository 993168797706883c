//! Module bytes: whatever they are, the answer is a compiled module or an error that says where.

use crate::differential::{OURS, generate, linked};
use planish::{Config, Engine, Module};
use std::sync::LazyLock;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&Config::new()).expect("an engine"));

/// Validation and compilation agree on any bytes, and refusals have an offset inside of them.
pub fn any_bytes(bytes: &[u8]) {
    let valid = Module::validate(&ENGINE, bytes);
    if let Err(error) = &valid {
        let offset = error.offset().expect("an offset for bad bytes");
        assert!(offset <= bytes.len(), "offset {offset:#x} of {} bytes: {error}", bytes.len());
    }
    let compiled = Module::from_binary(&ENGINE, bytes);
    assert_eq!(valid.is_ok(), compiled.is_ok(), "validated: {valid:?}, compiled: {compiled:?}");
    if compiled.is_ok() {
        assert_eq!(Module::tape_difference(&ENGINE, bytes).expect("a module that was compiled"), None);
    }
}

/// A generated module is compiled in every configuration of ours, though perhaps refused as too large.
pub fn any_module(bytes: &[u8]) {
    let Some(modules) = generate::module(bytes) else { return };
    for module in linked::split(&modules) {
        any_bytes(module);
        assert_eq!(OURS[0].tape_difference(module), None);
        for ours in &*OURS {
            if let Err(error) = ours.compile(module) {
                assert!(error.to_string().contains("too large to compile"), "{error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{for_a_second, random};
    use std::time::{Duration, Instant};

    #[test]
    fn a_second_of_generated_modules() {
        for_a_second(3000, any_module);
    }

    #[test]
    fn a_second_of_mutations_of_a_real_module() {
        const MODULE: &[u8] = include_bytes!("../../../examples/programs/words.wasm");
        let (start, mut state) = (Instant::now(), 0x9e37_79b9_7f4a_7c15);
        any_bytes(MODULE);
        while start.elapsed() < Duration::from_secs(1) {
            let mut bytes = MODULE.to_vec();
            for _ in 0..1 + random(&mut state) % 4 {
                let at = random(&mut state) % bytes.len();
                match random(&mut state) % 4 {
                    0 => bytes[at] = random(&mut state) as u8,
                    1 => bytes[at] ^= 1 << (random(&mut state) % 8),
                    2 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, random(&mut state) as u8),
                }
            }
            any_bytes(&bytes);
        }
    }
}
