//! Which proposals of WebAssembly are in, and how an error names one that is not.

use crate::error::Error;
use wasmparser::WasmFeatures;

/// WebAssembly 1.0 and the finished proposals that both compiler and runtime know.
pub(crate) const SUPPORTED: WasmFeatures = WasmFeatures::WASM1
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::EXTENDED_CONST);

/// The subject of "... not supported". The first row whose feature is missing is named.
#[rustfmt::skip]
const NAMES: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::SIMD,                      "SIMD is"),
    (WasmFeatures::RELAXED_SIMD,              "relaxed SIMD is"),
    (WasmFeatures::THREADS,                   "threads are"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything threads are"),
    (WasmFeatures::ACQUIRE_RELEASE_ATOMICS,   "acquire-release atomics are"),
    (WasmFeatures::TAIL_CALL,                 "tail calls are"),
    (WasmFeatures::MULTI_MEMORY,              "multiple memories are"),
    (WasmFeatures::EXCEPTIONS,                "exceptions are"),
    (WasmFeatures::LEGACY_EXCEPTIONS,         "legacy exceptions are"),
    (WasmFeatures::MEMORY64,                  "64-bit memories and tables are"),
    (WasmFeatures::COMPONENT_MODEL,           "the component model is"),
    (WasmFeatures::FUNCTION_REFERENCES,       "typed function references are"),
    (WasmFeatures::MEMORY_CONTROL,            "memory control is"),
    (WasmFeatures::GC,                        "garbage collection is"),
    (WasmFeatures::CUSTOM_DESCRIPTORS,        "custom descriptors are"),
    (WasmFeatures::MULTIBYTE_ARRAY_ACCESS,    "multibyte array access is"),
    (WasmFeatures::CUSTOM_PAGE_SIZES,         "custom page sizes are"),
    (WasmFeatures::STACK_SWITCHING,           "stack switching is"),
    (WasmFeatures::WIDE_ARITHMETIC,           "wide arithmetic is"),
    (WasmFeatures::COMPACT_IMPORTS,           "compact imports are"),
];

/// Messages of the validator that come without a feature though one is the cause: part of the message, feature.
const UNMARKED: &[(&str, WasmFeatures)] = &[
    ("multiple memories", WasmFeatures::MULTI_MEMORY),
    ("gc proposal", WasmFeatures::GC),
    ("rec group usage requires", WasmFeatures::GC),
    ("component", WasmFeatures::COMPONENT_MODEL),
];

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Error {
        let message = error.message();
        let offset = usize::try_from(error.offset()).expect("a module fits into memory");
        // Said of operators that no proposal in sight makes constant, so the proposal would mislead.
        if message.starts_with("constant expression required") {
            return Error::invalid(message, offset);
        }
        let unmarked = || UNMARKED.iter().find(|(part, _)| message.contains(part)).map(|(_, feature)| *feature);
        let missing = error.missing_wasm_feature().or_else(unmarked);
        match missing.and_then(|missing| NAMES.iter().find(|(feature, _)| missing.intersects(*feature))) {
            Some((_, subject)) => Error::invalid(format!("{subject} not supported"), offset),
            None => Error::invalid(message, offset),
        }
    }
}
