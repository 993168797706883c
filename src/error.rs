//! What can go wrong: [`Error`] for everything, with a byte offset where bad input is the cause; [`Trap`] for what
//! wasm code did.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

/// A `Result` whose error is [`Error`] unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a module was refused, a call did not return, or the API was used wrongly.
///
/// * An invalid or unsupported module: [`Error::offset`] is where in its bytes.
/// * A trap: [`Error::downcast_ref`] finds the [`Trap`], and [`Error::backtrace`] the wasm frames.
/// * An error of a host function: [`Error::downcast_ref`] finds it again, as it was returned.
/// * Memory or address space that the system refuses: a [`std::io::Error`] of kind
///   [`OutOfMemory`](std::io::ErrorKind::OutOfMemory), whose message says how much was asked for.
/// * Wrong use of the API (another store's item, a wrong type): only a message.
///
/// ```
/// use planish::{Error, Trap};
///
/// let error = Error::from(Trap::IntegerDivisionByZero);
/// assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::IntegerDivisionByZero));
/// assert_eq!(error.to_string(), "integer divide by zero");
///
/// let error = Error::new(std::io::Error::other("disk on fire"));
/// assert!(error.downcast_ref::<std::io::Error>().is_some());
/// assert_eq!(error.downcast::<std::io::Error>().unwrap().to_string(), "disk on fire");
/// ```
#[non_exhaustive]
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: Kind,
    backtrace: Option<WasmBacktrace>,
}

enum Kind {
    /// Bad module bytes.
    Module {
        message: String,
        offset: usize,
    },
    /// Anything else that only needs words.
    Message(Cow<'static, str>),
    Trap(Trap),
    Host(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// Carries any error, to be found again with [`Error::downcast_ref`].
    ///
    /// ```
    /// let error = planish::Error::new(std::fmt::Error);
    /// assert!(error.downcast_ref::<std::fmt::Error>().is_some());
    /// ```
    pub fn new(error: impl StdError + Send + Sync + 'static) -> Error {
        Error::from(Box::new(error) as Box<dyn StdError + Send + Sync>)
    }

    /// An error that is only a message.
    ///
    /// ```
    /// assert_eq!(planish::Error::msg("no such file").to_string(), "no such file");
    /// ```
    pub fn msg(message: impl Into<Cow<'static, str>>) -> Error {
        Error::of(Kind::Message(message.into()))
    }

    /// Bad module bytes at `offset`.
    pub(crate) fn invalid(message: impl Into<String>, offset: usize) -> Error {
        Error::of(Kind::Module { message: message.into(), offset })
    }

    /// The same error, with the file's name before what is wrong in the module.
    #[doc(hidden)]
    pub fn in_file(mut self, path: &Path) -> Error {
        if let Kind::Module { message, .. } = &mut self.inner.kind {
            *message = format!("{}: {message}", path.display());
        }
        self
    }

    fn of(kind: Kind) -> Error {
        Error { inner: Box::new(Inner { kind, backtrace: None }) }
    }

    /// The same error, with the wasm frames it went through unless it knows them already.
    pub(crate) fn with_backtrace(mut self, backtrace: WasmBacktrace) -> Error {
        if !backtrace.frames.is_empty() {
            self.inner.backtrace.get_or_insert(backtrace);
        }
        self
    }

    /// Where in the module's bytes the cause lies, for errors about a module.
    ///
    /// ```
    /// use planish::{Engine, Module};
    ///
    /// let error = Module::validate(&Engine::default(), b"\0asm\x01\0\0\0\xff").unwrap_err();
    /// assert_eq!(error.offset(), Some(8));
    /// ```
    pub fn offset(&self) -> Option<usize> {
        match self.inner.kind {
            Kind::Module { offset, .. } => Some(offset),
            _ => None,
        }
    }

    /// The trap, if that is what happened.
    ///
    /// ```
    /// use planish::{Error, Trap};
    ///
    /// assert_eq!(Error::from(Trap::StackOverflow).trap(), Some(Trap::StackOverflow));
    /// assert_eq!(Error::msg("anything").trap(), None);
    /// ```
    pub fn trap(&self) -> Option<Trap> {
        match self.inner.kind {
            Kind::Trap(trap) => Some(trap),
            _ => None,
        }
    }

    /// The wasm functions that were running when a trap or a host function's error ended them, innermost first.
    ///
    /// ```
    /// assert!(planish::Error::msg("no code ran").backtrace().is_none());
    /// ```
    pub fn backtrace(&self) -> Option<&WasmBacktrace> {
        self.inner.backtrace.as_ref()
    }

    /// The carried error, if it has this type. [`Trap`] and [`WasmBacktrace`] are found as well.
    ///
    /// ```
    /// let error = planish::Error::new(std::fmt::Error);
    /// assert!(error.downcast_ref::<planish::Trap>().is_none());
    /// ```
    pub fn downcast_ref<E: StdError + Send + Sync + 'static>(&self) -> Option<&E> {
        let carried: Option<&E> = match &self.inner.kind {
            Kind::Trap(trap) => (trap as &(dyn StdError + Send + Sync + 'static)).downcast_ref(),
            Kind::Host(error) => error.downcast_ref(),
            _ => None,
        };
        let backtrace = self.inner.backtrace.as_ref().map(|found| found as &(dyn StdError + Send + Sync + 'static));
        carried.or_else(|| backtrace.and_then(|found| found.downcast_ref()))
    }

    /// Is an error of this type carried?
    ///
    /// ```
    /// assert!(planish::Error::from(planish::Trap::NullReference).is::<planish::Trap>());
    /// ```
    pub fn is<E: StdError + Send + Sync + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The carried error by value, if it has this type.
    ///
    /// # Errors
    ///
    /// Gives the error back unchanged if it carries something else.
    ///
    /// ```
    /// let error = planish::Error::new(std::fmt::Error);
    /// assert!(error.downcast::<std::fmt::Error>().is_ok());
    /// ```
    pub fn downcast<E: StdError + Send + Sync + 'static>(self) -> Result<E, Error> {
        let Inner { kind, backtrace } = *self.inner;
        let back = |kind| Error { inner: Box::new(Inner { kind, backtrace }) };
        match kind {
            Kind::Host(error) => error.downcast::<E>().map(|error| *error).map_err(|error| back(Kind::Host(error))),
            Kind::Trap(trap) => (Box::new(trap) as Box<dyn StdError + Send + Sync>)
                .downcast::<E>()
                .map(|error| *error)
                .map_err(|_| back(Kind::Trap(trap))),
            other => Err(back(other)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.kind {
            Kind::Module { message, offset } => write!(f, "{message} (at offset {offset:#x})"),
            Kind::Message(message) => f.write_str(message),
            Kind::Trap(trap) => trap.fmt(f),
            Kind::Host(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.kind {
            Kind::Host(error) => fmt::Debug::fmt(error, f)?,
            _ => fmt::Display::fmt(self, f)?,
        }
        match &self.inner.backtrace {
            Some(backtrace) => write!(f, "\n{backtrace}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.inner.kind {
            // Displayed as our own message, so the chain goes on with what is behind it.
            Kind::Host(error) => error.source(),
            _ => None,
        }
    }
}

impl From<Trap> for Error {
    fn from(trap: Trap) -> Error {
        Error::of(Kind::Trap(trap))
    }
}

impl From<Box<dyn StdError + Send + Sync>> for Error {
    /// An [`Error`] in a box comes out of it; a [`Trap`] is a trap again.
    fn from(error: Box<dyn StdError + Send + Sync>) -> Error {
        let error = match error.downcast::<Error>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        match error.downcast::<Trap>() {
            Ok(trap) => Error::from(*trap),
            Err(error) => Error::of(Kind::Host(error)),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::new(error)
    }
}

impl From<String> for Error {
    fn from(message: String) -> Error {
        Error::msg(message)
    }
}

impl From<&'static str> for Error {
    fn from(message: &'static str) -> Error {
        Error::msg(message)
    }
}

/// What ended the execution of wasm code. Displayed in the words of the specification's test suite.
///
/// ```
/// assert_eq!(planish::Trap::MemoryOutOfBounds.to_string(), "out of bounds memory access");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Trap {
    /// The operator `unreachable`.
    UnreachableCodeReached,
    /// A load, store or bulk operation beyond a memory's end.
    MemoryOutOfBounds,
    /// A table operator or `call_indirect` beyond a table's end.
    TableOutOfBounds,
    /// `call_indirect` of a null entry.
    IndirectCallToNull,
    /// `call_indirect` of a function of another type.
    BadSignature,
    /// A quotient or a truncated number that does not fit.
    IntegerOverflow,
    /// Division or remainder by zero.
    IntegerDivisionByZero,
    /// Truncation of a NaN.
    BadConversionToInteger,
    /// Calls are nested too deeply: the wasm stack, or the native stack that host functions run on.
    StackOverflow,
    /// A null reference where something was needed.
    NullReference,
    /// An atomic operator whose address is not a multiple of its size.
    HeapMisaligned,
    /// `memory.atomic.wait` on a memory that is not shared.
    AtomicWaitNonSharedMemory,
    /// Wasm code has taken references to too many exceptions.
    TooManyExceptions,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trap::UnreachableCodeReached => "unreachable",
            Trap::MemoryOutOfBounds => "out of bounds memory access",
            // The test suite has the first words for calls and the last for table operators.
            Trap::TableOutOfBounds => "undefined element: out of bounds table access",
            Trap::IndirectCallToNull => "uninitialized element",
            Trap::BadSignature => "indirect call type mismatch",
            Trap::IntegerOverflow => "integer overflow",
            Trap::IntegerDivisionByZero => "integer divide by zero",
            Trap::BadConversionToInteger => "invalid conversion to integer",
            Trap::StackOverflow => "call stack exhausted",
            Trap::NullReference => "null reference",
            Trap::HeapMisaligned => "unaligned atomic",
            Trap::AtomicWaitNonSharedMemory => "expected shared memory",
            Trap::TooManyExceptions => "too many exceptions",
        })
    }
}

impl StdError for Trap {}

/// The wasm functions that were running, innermost first.
///
/// ```
/// use planish::{Engine, Instance, Module, Store};
///
/// # fn main() -> planish::Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, "(module (func $boom unreachable) (func (export \"run\") call $boom))")?;
/// let mut store = Store::new(&engine, ());
/// let run = Instance::new(&mut store, &module, &[])?.get_typed_func::<(), ()>(&mut store, "run")?;
/// let error = run.call(&mut store, ()).unwrap_err();
/// let frames = error.backtrace().unwrap().frames();
/// assert_eq!(frames.len(), 2);
/// assert_eq!(frames[0].func_name(), Some("boom"));
/// assert_eq!(frames[1].func_index(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct WasmBacktrace {
    frames: Vec<FrameInfo>,
}

impl WasmBacktrace {
    pub(crate) fn new(frames: Vec<FrameInfo>) -> WasmBacktrace {
        WasmBacktrace { frames }
    }

    /// The frames, innermost first. Very deep recursions are cut after the innermost frames.
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }
}

impl fmt::Display for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wasm backtrace:")?;
        for (depth, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {depth:3}: {frame}")?;
        }
        Ok(())
    }
}

impl StdError for WasmBacktrace {}

/// One wasm function of a [`WasmBacktrace`].
#[derive(Clone, Debug)]
pub struct FrameInfo {
    pub(crate) func_index: u32,
    pub(crate) func_name: Option<Box<str>>,
    pub(crate) module_name: Option<Box<str>>,
    pub(crate) module_offset: Option<usize>,
}

impl FrameInfo {
    /// The function's index in its module, imports included.
    pub fn func_index(&self) -> u32 {
        self.func_index
    }

    /// The function's name in the custom section `name`, or else the first of those that it is exported with.
    pub fn func_name(&self) -> Option<&str> {
        self.func_name.as_deref()
    }

    /// The module's name in the custom section `name`.
    pub fn module_name(&self) -> Option<&str> {
        self.module_name.as_deref()
    }

    /// Where the operator lies in the module's bytes.
    pub fn module_offset(&self) -> Option<usize> {
        self.module_offset
    }
}

impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.module_offset {
            write!(f, "{offset:#8x} - ")?;
        }
        write!(f, "{}!", self.module_name().unwrap_or("<unknown>"))?;
        match self.func_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "<wasm function {}>", self.func_index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxed_errors_come_out_as_they_were() {
        let boxed: Box<dyn StdError + Send + Sync> = Box::new(Error::from(Trap::NullReference));
        assert_eq!(Error::from(boxed).trap(), Some(Trap::NullReference));
        let boxed: Box<dyn StdError + Send + Sync> = Box::new(Trap::NullReference);
        assert_eq!(Error::from(boxed).trap(), Some(Trap::NullReference));
    }

    #[test]
    fn a_wrong_downcast_gives_the_error_back() {
        let error = Error::from(Trap::NullReference).downcast::<fmt::Error>().unwrap_err();
        assert_eq!(error.trap(), Some(Trap::NullReference));
        let error = Error::invalid("bad", 31).downcast::<fmt::Error>().unwrap_err();
        assert_eq!(error.to_string(), "bad (at offset 0x1f)");
    }

    #[test]
    fn debug_shows_the_frames() {
        let frame = FrameInfo { func_index: 3, func_name: None, module_name: None, module_offset: Some(16) };
        let error = Error::from(Trap::NullReference).with_backtrace(WasmBacktrace::new(vec![frame]));
        assert_eq!(
            format!("{error:?}"),
            "null reference\nwasm backtrace:\n    0:     0x10 - <unknown>!<wasm function 3>"
        );
        assert!(error.is::<WasmBacktrace>());
    }
}
