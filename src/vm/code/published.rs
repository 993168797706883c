//! Published code as signal handlers, backtraces and unwinding find it: where it lies and what it holds.

#![allow(unsafe_code, reason = "gives out the bytes of mappings")]

use crate::abi::layout::READABLE_AFTER_CODE;
use crate::abi::positions::Positions;
use crate::types::ConcreteFuncType;
use crate::vm::code::growing::Growing;

/// What a signal handler finds by a pc: a piece of code, in memory that lives as long and is readable and executable.
pub(crate) struct PublishedCode {
    start: usize,
    len: usize,
    pub(in crate::vm) contents: Contents,
}

/// What a piece of code holds.
pub(crate) enum Contents {
    /// A compiled module.
    Module(Positions),
    /// A function that was compiled alone.
    Function(FunctionContents),
    /// The functions of a module that were compiled so far: these are pieces of code themselves, with rising addresses.
    Lazy(LazyFunctions),
    /// The stubs of some signatures.
    Signatures(Box<[SignatureSpan]>),
    /// The stub of host functions of a type, whose callers leave it so many bytes of arguments to pop.
    HostStub { arg_bytes: u32 },
    /// The builtins' entries.
    Builtins,
}

/// See [`Contents::Lazy`].
pub(crate) struct LazyFunctions(pub(in crate::vm) Growing<PublishedCode>);

/// Of a function that was compiled alone.
pub(crate) struct FunctionContents {
    pub(in crate::vm) positions: Positions,
    /// The address by which backtraces know its module.
    pub(in crate::vm) module: CodeAddress,
    /// Its number among the module's own.
    pub(in crate::vm) own: u32,
}

/// Where one signature's stubs lie in a piece of code: offsets from its first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignatureSpan {
    pub(crate) entry_offset: u32,
    pub(crate) foreign_offset: u32,
    pub(crate) foreign_return_offset: u32,
    pub(crate) foreign_frame_bytes: u32,
    pub(crate) arg_bytes: u32,
}

/// The type of functions and the addresses of the stubs through which they are called from elsewhere. Its owner keeps the stubs.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) ty: ConcreteFuncType,
    /// See [`EntryPoint::values`].
    pub(in crate::vm) values: u32,
    pub(in crate::vm) entry: CodeAddress,
    pub(in crate::vm) foreign: CodeAddress,
}

/// How the host enters functions of one type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryPoint {
    /// The number of the type, never 0.
    pub(in crate::vm) number: u32,
    /// Values in the array that crosses the door: the larger of the numbers of parameters and results.
    pub(crate) values: u32,
    /// Address of the entry stub; 0 for host functions, which are entered without one.
    pub(in crate::vm) entry: CodeAddress,
}

impl Signature {
    fn new(ty: &ConcreteFuncType, entry: CodeAddress, foreign: CodeAddress) -> Signature {
        Signature { ty: ty.clone(), values: ty.params().len().max(ty.results().len()) as u32, entry, foreign }
    }

    /// The signature of a host function whose stub is at this address. The host calls it without a stub.
    pub(crate) fn of_host(ty: &ConcreteFuncType, stub: CodeAddress) -> Signature {
        Signature::new(ty, CodeAddress(0), stub)
    }

    #[inline]
    pub(crate) fn entry_point(&self) -> EntryPoint {
        EntryPoint { number: self.ty.number(), values: self.values, entry: self.entry }
    }
}

/// The signatures of a module's own functions that can be called from elsewhere: one for each of their types.
#[derive(Default)]
pub(crate) struct Signatures {
    /// Sorted by number.
    signatures: Box<[Signature]>,
}

impl Signatures {
    /// The signatures of these types, which are sorted by number. Their stubs lie at `spans` in a piece of code.
    pub(crate) fn new(types: &[ConcreteFuncType], spans: &[SignatureSpan], stubs: &PublishedCode) -> Signatures {
        assert!(types.is_sorted_by_key(ConcreteFuncType::number) && types.len() == spans.len());
        let address = |offset: u32| CodeAddress(stubs.start + offset as usize);
        let one = |(ty, span): (&ConcreteFuncType, &SignatureSpan)| {
            Signature::new(ty, address(span.entry_offset), address(span.foreign_offset))
        };
        Signatures { signatures: types.iter().zip(spans).map(one).collect() }
    }

    pub(in crate::vm) fn of(&self, ty: &ConcreteFuncType) -> &Signature {
        let place = self.signatures.binary_search_by_key(&ty.number(), |signature| signature.ty.number());
        &self.signatures[place.expect("a function that can be referred to has stubs")]
    }
}

/// The address of an instruction in some [`Code`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CodeAddress(pub(in crate::vm) usize);

impl CodeAddress {
    /// As compiled code sees it.
    pub(crate) fn bits(self) -> u64 {
        self.0 as u64
    }
}

impl PublishedCode {
    /// Panics unless [`READABLE_AFTER_CODE`] bytes follow before `readable_end`.
    ///
    /// # Safety
    /// The range up to `readable_end` can be read and is not written as long as this lives.
    pub(in crate::vm) unsafe fn new(
        start: usize,
        len: usize,
        readable_end: usize,
        contents: Contents,
    ) -> PublishedCode {
        // **Escape:** a tail call would read from whatever follows, or fault.
        assert!(start + len + READABLE_AFTER_CODE <= readable_end, "whoever lays out code leaves room after it");
        PublishedCode { start, len, contents }
    }

    /// A range of addresses in which functions are published one by one: they come with `functions`.
    pub(in crate::vm) fn lazy(start: usize, len: usize, functions: LazyFunctions) -> PublishedCode {
        PublishedCode { start, len, contents: Contents::Lazy(functions) }
    }

    pub(in crate::vm) fn start(&self) -> usize {
        self.start
    }

    /// Past the last byte of code.
    pub(in crate::vm) fn end(&self) -> usize {
        self.start + self.len
    }

    /// The code. Of what is lazy there is none: its functions have it.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self.contents {
            Contents::Lazy(_) => &[],
            // SAFETY: a readable mapping that nobody writes any more.
            _ => unsafe { std::slice::from_raw_parts(self.start as *const u8, self.len) },
        }
    }

    /// The piece that holds a pc in this range.
    pub(in crate::vm) fn piece_at(&self, pc: usize) -> Option<&PublishedCode> {
        match &self.contents {
            Contents::Lazy(LazyFunctions(pieces)) => {
                pieces.last_where(|piece| piece.start <= pc).filter(|piece| pc < piece.end())
            }
            _ => Some(self),
        }
    }

    /// Positions of wasm functions, numbered from the first of the piece; none for stubs.
    pub(crate) fn positions(&self) -> Option<&Positions> {
        match &self.contents {
            Contents::Module(positions) => Some(positions),
            Contents::Function(function) => Some(&function.positions),
            Contents::Lazy(_) | Contents::Signatures(_) | Contents::HostStub { .. } | Contents::Builtins => None,
        }
    }

    /// The address by which backtraces know its module, and the number of its first function among the module's own.
    pub(crate) fn module(&self) -> (CodeAddress, u32) {
        match &self.contents {
            Contents::Function(function) => (function.module, function.own),
            _ => (CodeAddress(self.start), 0),
        }
    }

    /// How far behind the start of its module's code it begins.
    pub(crate) fn offset(&self) -> u32 {
        (self.start - self.module().0.0) as u32
    }
}
