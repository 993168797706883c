//! Which proposals of WebAssembly are in, and how an error names one that is not.

use crate::error::Error;
use std::str::FromStr;
use wasmparser::WasmFeatures;

/// What is always on: WebAssembly 1.0.
pub(crate) const ALWAYS: WasmFeatures = WasmFeatures::WASM1;

/// A part of WebAssembly that [`Config::wasm_feature`](crate::Config::wasm_feature) turns on and off. What is part of
/// WebAssembly 3.0 is on by default.
///
/// ```
/// use planish::{Config, Engine, Module, WasmFeature};
///
/// let engine = Engine::new(Config::new().wasm_feature(WasmFeature::ExtendedConst, false))?;
/// let error = Module::new(&engine, "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))").unwrap_err();
/// assert_eq!(error.to_string(), "extended constants are not enabled (at offset 0x11)");
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum WasmFeature {
    /// `extend8_s` and its like.
    SignExtension,
    /// `trunc_sat_f32_s` and its like.
    SaturatingFloatToInt,
    /// Functions with more than one result, blocks with parameters.
    MultiValue,
    /// `memory.copy` and its like, and segments to be copied later.
    BulkMemory,
    /// References as values, and more than one table.
    ReferenceTypes,
    /// Arithmetic in constant expressions.
    ExtendedConst,
    /// References to functions of a known type, and such that are never null.
    FunctionReferences,
    /// Calls in place of the function that calls.
    TailCall,
    /// Exceptions: tags, `throw`, `try_table`.
    Exceptions,
    /// The exceptions of before WebAssembly 3.0: `try`, `catch`, `delegate`, `rethrow`. Off by default.
    LegacyExceptions,
    /// Vectors of 128 bits.
    Simd,
    /// Vector operators whose results depend on the processor; see [`Config::deterministic`](crate::Config::deterministic).
    RelaxedSimd,
    /// More than one memory in a module.
    MultiMemory,
    /// Memories and tables with 64-bit indexes. Accesses to such memories compare with the size.
    Memory64,
    /// Shared memories and atomic operators. Off by default.
    Threads,
    /// Memories whose sizes are in bytes. Off by default.
    CustomPageSizes,
    /// Sums and products of 128 bits. Off by default.
    WideArithmetic,
}

/// A feature with the parser's name for it, the user's, and whether it is on by default.
struct Switch(WasmFeature, WasmFeatures, &'static str, bool);

#[rustfmt::skip]
const SWITCHES: &[Switch] = &[
    Switch(WasmFeature::SignExtension,        WasmFeatures::SIGN_EXTENSION,          "sign-extension",          true),
    Switch(WasmFeature::SaturatingFloatToInt, WasmFeatures::SATURATING_FLOAT_TO_INT, "saturating-float-to-int", true),
    Switch(WasmFeature::MultiValue,           WasmFeatures::MULTI_VALUE,             "multi-value",             true),
    Switch(WasmFeature::BulkMemory,           WasmFeatures::BULK_MEMORY,             "bulk-memory",             true),
    Switch(WasmFeature::ReferenceTypes,       WasmFeatures::REFERENCE_TYPES,         "reference-types",         true),
    Switch(WasmFeature::ExtendedConst,        WasmFeatures::EXTENDED_CONST,          "extended-const",          true),
    Switch(WasmFeature::FunctionReferences,   WasmFeatures::FUNCTION_REFERENCES,     "function-references",     true),
    Switch(WasmFeature::TailCall,             WasmFeatures::TAIL_CALL,               "tail-call",               true),
    Switch(WasmFeature::Exceptions,           WasmFeatures::EXCEPTIONS,              "exceptions",              true),
    Switch(WasmFeature::LegacyExceptions,     WasmFeatures::LEGACY_EXCEPTIONS,       "legacy-exceptions",       false),
    Switch(WasmFeature::Simd,                 WasmFeatures::SIMD,                    "simd",                    true),
    Switch(WasmFeature::RelaxedSimd,          WasmFeatures::RELAXED_SIMD,            "relaxed-simd",            true),
    Switch(WasmFeature::MultiMemory,          WasmFeatures::MULTI_MEMORY,            "multi-memory",            true),
    Switch(WasmFeature::Memory64,             WasmFeatures::MEMORY64,                "memory64",                true),
    Switch(WasmFeature::Threads,              WasmFeatures::THREADS,                 "threads",                 false),
    Switch(WasmFeature::CustomPageSizes,      WasmFeatures::CUSTOM_PAGE_SIZES,       "custom-page-sizes",       false),
    Switch(WasmFeature::WideArithmetic,       WasmFeatures::WIDE_ARITHMETIC,         "wide-arithmetic",         false),
];

/// What is on unless it is turned off.
pub(crate) const DEFAULT: WasmFeatures = switches(true);
/// What can be on.
pub(crate) const SUPPORTED: WasmFeatures = switches(false);

const fn switches(defaults_only: bool) -> WasmFeatures {
    let (mut features, mut row) = (ALWAYS, 0);
    while row < SWITCHES.len() {
        if SWITCHES[row].3 || !defaults_only {
            features = features.union(SWITCHES[row].1);
        }
        row += 1;
    }
    features
}

impl WasmFeature {
    /// The parser's name.
    pub(crate) fn bits(self) -> WasmFeatures {
        SWITCHES.iter().find(|row| row.0 == self).expect("a row for each feature").1
    }

    /// Those of a set that have a switch, in order.
    pub(crate) fn all_in(features: WasmFeatures) -> impl Iterator<Item = WasmFeature> {
        SWITCHES.iter().filter(move |row| features.contains(row.1)).map(|row| row.0)
    }
}

/// Names as the command has them: `multi-memory`.
///
/// ```
/// use planish::WasmFeature;
///
/// assert_eq!("multi-memory".parse::<WasmFeature>()?, WasmFeature::MultiMemory);
/// assert!("multimemory".parse::<WasmFeature>().is_err());
/// # Ok::<(), planish::Error>(())
/// ```
impl FromStr for WasmFeature {
    type Err = Error;

    /// # Errors
    ///
    /// If no feature has this name: those that there are.
    fn from_str(name: &str) -> Result<WasmFeature, Error> {
        SWITCHES.iter().find(|row| row.2 == name).map(|row| row.0).ok_or_else(|| {
            let names: Vec<&str> = SWITCHES.iter().map(|row| row.2).collect();
            Error::msg(format!("no feature is named `{name}`: there are {}", names.join(", ")))
        })
    }
}

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
    (WasmFeatures::EXTENDED_CONST,            "extended constants are"),
    (WasmFeatures::SIGN_EXTENSION,            "sign extension is"),
    (WasmFeatures::SATURATING_FLOAT_TO_INT,   "saturating conversion is"),
    (WasmFeatures::MULTI_VALUE,               "multi-value is"),
    (WasmFeatures::BULK_MEMORY,               "bulk memory is"),
    (WasmFeatures::REFERENCE_TYPES,           "reference types are"),
];

/// Messages of the validator that come without a feature though one is the cause: part of the message, feature.
const UNMARKED: &[(&str, WasmFeatures)] = &[
    ("multiple memories", WasmFeatures::MULTI_MEMORY),
    ("multiple tables", WasmFeatures::REFERENCE_TYPES),
    ("requires the bulk-memory proposal", WasmFeatures::BULK_MEMORY),
    ("gc proposal", WasmFeatures::GC),
    ("rec group usage requires", WasmFeatures::GC),
    ("the GC proposal is disabled", WasmFeatures::GC),
    ("global.get of locally defined global", WasmFeatures::GC),
    ("component", WasmFeatures::COMPONENT_MODEL),
    ("non-constant operator: i32.add", WasmFeatures::EXTENDED_CONST),
    ("non-constant operator: i32.sub", WasmFeatures::EXTENDED_CONST),
    ("non-constant operator: i32.mul", WasmFeatures::EXTENDED_CONST),
    ("non-constant operator: i64.add", WasmFeatures::EXTENDED_CONST),
    ("non-constant operator: i64.sub", WasmFeatures::EXTENDED_CONST),
    ("non-constant operator: i64.mul", WasmFeatures::EXTENDED_CONST),
];

/// The features that an error of the validator is about, if it is about any.
pub(crate) fn missing(error: &wasmparser::Error) -> Option<WasmFeatures> {
    let message = error.message();
    if let Some((_, feature)) = UNMARKED.iter().find(|(part, _)| message.contains(part)) {
        return Some(*feature);
    }
    // Said of operators that no proposal in sight makes constant, so the proposal would mislead.
    if message.starts_with("constant expression required") { None } else { error.missing_wasm_feature().map(whole) }
}

/// The parser has names for parts of some features.
fn whole(part: WasmFeatures) -> WasmFeatures {
    SWITCHES.iter().map(|row| row.1).find(|feature| feature.contains(part)).unwrap_or(part)
}

/// What the parser says first of bytes that are no module.
const BAD_MAGIC: &str = "magic header not detected";

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Error {
        let offset = usize::try_from(error.offset()).expect("a module fits into memory");
        let named = missing(&error).and_then(|missing| NAMES.iter().find(|(feature, _)| missing.intersects(*feature)));
        match named {
            Some((feature, subject)) if SUPPORTED.contains(*feature) => {
                Error::invalid(format!("{subject} not enabled"), offset)
            }
            Some((_, subject)) => Error::invalid(format!("{subject} not supported"), offset),
            // The parser's own words go on for ten lines.
            None if error.message().starts_with(BAD_MAGIC) => Error::invalid(
                format!("{BAD_MAGIC}: modules begin with the bytes 00 61 73 6d, text with `(` or `;`"),
                offset,
            ),
            None => Error::invalid(error.message(), offset),
        }
    }
}
