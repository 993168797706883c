//! From module bytes to checked sections and located function bodies.

mod info;
mod features;
mod sections;
mod cursor;

pub(crate) use cursor::{BlockType, Cursor, Invalid};
pub(crate) use features::SUPPORTED;
pub(crate) use info::{Body, ConstOp, ElementItems, ElementSegment, ExportItem, ImportItem, ModuleInfo, SegmentMode};

use crate::error::Error;
use wasmparser::{Parser, ValidPayload, Validator, WasmFeatures};

/// Checks everything but the function bodies, in one walk, and finds those.
///
/// Memory use is linear in the length of `bytes`: counts in the module are checked against fixed limits before
/// anything is reserved for them.
pub(crate) fn decode(bytes: &[u8], features: WasmFeatures) -> Result<(ModuleInfo, Vec<Body<'_>>), Error> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut info = ModuleInfo::default();
    let mut bodies = Vec::new();
    for payload in parser.parse_all(bytes) {
        let payload = payload?;
        match validator.payload(&payload)? {
            ValidPayload::Func(validator, body) => bodies.push(Body { validator, body }),
            _ => sections::read(&mut info, payload)?,
        }
    }
    sections::finish(&mut info);
    Ok((info, bodies))
}

#[cfg(test)]
mod tests;
