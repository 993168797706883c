//! Specification scripts: whatever is in one, its modules are compiled or refused.
//!
//! Nothing is called: a script that is nearly one of the suite's may well run for ever.

use crate::module::any_bytes;
use wast::parser::{ParseBuffer, parse};
use wast::{Wast, WastDirective};

/// [`any_bytes`] holds for the modules of a script, those that are asserted to be bad included.
pub fn any_script(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(buffer) = ParseBuffer::new(text) else { return };
    let Ok(script) = parse::<Wast<'_>>(&buffer) else { return };
    for directive in script.directives {
        let (WastDirective::Module(mut module)
        | WastDirective::ModuleDefinition(mut module)
        | WastDirective::AssertInvalid { mut module, .. }
        | WastDirective::AssertMalformed { mut module, .. }) = directive
        else {
            continue;
        };
        if let Ok(module) = module.encode() {
            any_bytes(&module);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::random;
    use std::time::{Duration, Instant};

    #[test]
    fn a_second_of_mutations_of_our_own_scripts() {
        const SCRIPTS: [&str; 2] = [
            include_str!("../../../tests/scripts/branch_values.wast"),
            include_str!("../../../tests/scripts/grow.wast"),
        ];
        let (start, mut state) = (Instant::now(), 0x9e37_79b9_7f4a_7c15);
        while start.elapsed() < Duration::from_secs(1) {
            let script = SCRIPTS[random(&mut state) % SCRIPTS.len()];
            let mut words: Vec<&str> = script.split_inclusive([' ', '(', ')', '\n']).collect();
            for _ in 0..1 + random(&mut state) % 4 {
                let (to, from) = (random(&mut state) % words.len(), random(&mut state) % words.len());
                match random(&mut state) % 3 {
                    0 => words[to] = words[from],
                    1 => words.swap(to, from),
                    _ => words.insert(to, words[from]),
                }
            }
            any_script(words.concat().as_bytes());
        }
    }
}
