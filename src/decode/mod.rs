//! From module bytes to checked sections and located function bodies.

mod info;
mod features;
mod sections;
mod cursor;

pub(crate) use cursor::{BlockType, Cursor, Invalid, Window};
pub use features::WasmFeature;
pub(crate) use features::{DEFAULT, SUPPORTED};
pub(crate) use info::{
    Bodies, Body, ConstExpr, ConstOp, DataSegment, ElementItems, ElementSegment, ExportItem, ImportItem, ModuleInfo,
    SegmentMode,
};

use crate::error::Error;
use wasmparser::{Parser, Payload, ValidPayload, Validator, WasmFeatures};

/// Checks everything but the function bodies, in one walk, and finds those.
///
/// Memory use is linear in the length of `bytes`: counts in the module are checked against fixed limits before
/// anything is reserved for them.
pub(crate) fn decode(bytes: &[u8], features: WasmFeatures) -> Result<(ModuleInfo, Bodies<'_>), Error> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut info = ModuleInfo { features, ..ModuleInfo::default() };
    let mut bodies = Bodies { module: bytes, ..Bodies::default() };
    for payload in parser.parse_all(bytes) {
        let payload = payload?;
        if let Payload::DataSection(section) = &payload
            && sections::add_plain_data(&mut info, bytes, section)
        {
            continue;
        }
        match validator.payload(&payload)? {
            ValidPayload::Func(function, body) => {
                bodies.bodies.push(Body { bytes: body.as_bytes(), offset: body.range().start as usize });
                bodies.resources.get_or_insert(function.resources);
            }
            _ => {
                if let Payload::CodeSectionStart { count, .. } = payload {
                    // As many as the function section has, as was checked.
                    bodies.bodies.reserve_exact(count as usize);
                }
                sections::read(&mut info, payload)?;
            }
        }
    }
    sections::finish(&mut info);
    Ok((info, bodies))
}

/// Checks everything, the bodies too.
pub(crate) fn validate(bytes: &[u8], features: WasmFeatures) -> Result<(), Error> {
    let mut validator = Validator::new_with_features(features);
    validator.validate_all(bytes).map(drop).map_err(Error::from)
}

/// The features with a switch that a module needs.
pub(crate) fn required_features(bytes: &[u8]) -> Result<Vec<WasmFeature>, Error> {
    let mut features = features::ALWAYS;
    loop {
        match Validator::new_with_features(features).validate_all(bytes) {
            Ok(_) => return Ok(WasmFeature::all_in(features).collect()),
            Err(error) => match missing(&error, features) {
                // Each round adds one, so there is an end.
                Some(missing) if SUPPORTED.contains(missing) && !features.contains(missing) => features |= missing,
                _ => return Err(error.into()),
            },
        }
    }
}

fn missing(error: &wasmparser::Error, features: WasmFeatures) -> Option<WasmFeatures> {
    match error.message() {
        // What is the index of a table or of a memory was this byte before there were several.
        "zero byte expected" => {
            [WasmFeatures::REFERENCE_TYPES, WasmFeatures::MULTI_MEMORY].into_iter().find(|one| !features.contains(*one))
        }
        _ => features::missing(error),
    }
}

#[cfg(test)]
mod tests;
