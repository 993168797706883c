//! Several modules in one string of bytes, each of which may import what the one before exports.

use super::binary::{number, sized};

/// No module begins like this.
const MAGIC: &[u8] = b"\0set";
/// The module name of what is imported from the instance before; all else comes from the host.
pub const PREVIOUS: &str = "l";

/// One string of bytes.
pub(super) fn join(modules: &[Vec<u8>]) -> Vec<u8> {
    modules.iter().fold(MAGIC.to_vec(), |set, module| [set, sized(module)].concat())
}

/// The modules of such a string; of any other the string itself.
pub fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return vec![bytes] };
    let mut modules = Vec::new();
    while !rest.is_empty() {
        let (length, next) = number(rest);
        let (module, next) = next.split_at(length as usize);
        modules.push(module);
        rest = next;
    }
    modules
}
