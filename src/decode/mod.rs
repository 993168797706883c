//! From module bytes to checked sections and located function bodies.

mod info;
mod export_index;
mod features;
mod sections;
mod cursor;

pub(crate) use cursor::{BlockType, Cursor, Invalid, Window};
pub(crate) use export_index::ExportIndex;
pub use features::WasmFeature;
pub(crate) use features::{DEFAULT, SUPPORTED};
pub(crate) use info::{
    Bodies, Body, ConstExpr, ConstOp, DataSegment, ElementItems, ElementSegment, ExportItem, ImportItem, ModuleInfo,
    SegmentMode,
};

use crate::error::Error;
use wasmparser::{BinaryReader, Chunk, FunctionBody, Parser, Payload, ValidPayload, Validator, WasmFeatures};

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
    let mut rest = bytes;
    loop {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? else {
            unreachable!("there is no more than this")
        };
        rest = &rest[consumed..];
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
            ValidPayload::End(_) => break,
            _ => {
                if let Payload::CodeSectionStart { count, size, .. } = payload
                    && let Some((section, behind)) = rest.split_at_checked(size as usize)
                    && let Ok(found) = sections::find_bodies(section, bytes.len() - rest.len(), count)
                {
                    bodies.bodies = found;
                    if let Some(first) = bodies.bodies.first() {
                        let reader = BinaryReader::new_features(first.bytes, first.offset as u64, features);
                        let function = validator.code_section_entry(&FunctionBody::new(reader))?;
                        bodies.resources = Some(function.resources);
                    }
                    parser.skip_section();
                    rest = behind;
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
