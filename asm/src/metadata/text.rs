//! Parts of the tables' text.

use super::data::TEXT;

/// The part with this offset (24 bits) and length (8 bits).
pub(super) fn text(reference: u32) -> &'static str {
    let start = (reference >> 8) as usize;
    &TEXT[start..start + (reference & 0xFF) as usize]
}
