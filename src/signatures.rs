//! The function types of an engine: a number for each, and the machine code through which functions of that type
//! are called from elsewhere.
//!
//! Types are never forgotten while the engine lives: their numbers are in code, and their stubs are shared.

use crate::compile;
use crate::error::Error;
use crate::types::FuncType;
use crate::vm::code::{Code, CodeAddress, Contents, Signature, SignatureSpan};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// All types seen by an engine.
#[derive(Default)]
pub(crate) struct Signatures {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    numbers: HashMap<FuncType, u32>,
    /// By number - 1.
    types: Vec<Entry>,
    /// Keeps the stubs alive.
    code: Vec<Code>,
}

struct Entry {
    ty: FuncType,
    /// Once a function of this type can be called from elsewhere.
    stubs: Option<Signature>,
}

/// Which of a list of types need stubs.
pub(crate) enum Stubs<'a> {
    All,
    /// In the order of the list.
    Only(&'a [bool]),
}

/// One call makes at most this much code: types with a thousand parameters each are cheap to write.
const MAX_STUB_BYTES: usize = 256 << 20;
const STUB_ALIGN: usize = 16;

impl Signatures {
    /// The signatures of `types`. Those that get no stubs have the address `none` in their place.
    pub(crate) fn of(&self, types: &[FuncType], stubs: Stubs<'_>, none: CodeAddress) -> Result<Vec<Signature>, Error> {
        let wanted = |at: usize| match stubs {
            Stubs::All => true,
            Stubs::Only(wanted) => wanted[at],
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let numbers: Vec<u32> = types.iter().map(|ty| known.number(ty)).collect::<Result<_, Error>>()?;
        let mut missing: Vec<u32> = numbers
            .iter()
            .enumerate()
            .filter(|&(at, &number)| wanted(at) && known.entry(number).stubs.is_none())
            .map(|(_, &number)| number)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        known.make_stubs(&missing)?;
        let plain = |number, values| Signature { number, values, entry: none, foreign: none, host: none };
        Ok(numbers
            .into_iter()
            .map(|number| {
                let entry = known.entry(number);
                entry.stubs.unwrap_or_else(|| plain(number, value_count(&entry.ty)))
            })
            .collect())
    }

    /// The type with this number, and its stubs. A function of the type must exist.
    pub(crate) fn get(&self, number: u32) -> (FuncType, Signature) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry(number);
        (entry.ty.clone(), entry.stubs.expect("a function that can be referred to has stubs"))
    }
}

impl Known {
    fn entry(&self, number: u32) -> &Entry {
        &self.types[number as usize - 1]
    }

    fn number(&mut self, ty: &FuncType) -> Result<u32, Error> {
        if let Some(&number) = self.numbers.get(ty) {
            return Ok(number);
        }
        self.types.push(Entry { ty: ty.clone(), stubs: None });
        let number =
            u32::try_from(self.types.len()).map_err(|_| Error::msg("too many function types in one engine"))?;
        self.numbers.insert(ty.clone(), number);
        Ok(number)
    }

    /// Stubs for all of these, in one piece of code.
    fn make_stubs(&mut self, numbers: &[u32]) -> Result<(), Error> {
        if numbers.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let mut spans = Vec::with_capacity(numbers.len());
        for &number in numbers {
            bytes.resize(bytes.len().next_multiple_of(STUB_ALIGN), INT3);
            let start = bytes.len() as u32;
            let stubs = compile::signature_stubs(&self.entry(number).ty);
            spans.push(SignatureSpan {
                entry_offset: start + stubs.entry_offset,
                foreign_offset: start + stubs.foreign_offset,
                foreign_return_offset: start + stubs.foreign_return_offset,
                foreign_frame_bytes: stubs.foreign_frame_bytes,
                arg_bytes: stubs.arg_bytes,
                host_offset: start + stubs.host_offset,
            });
            bytes.extend_from_slice(&stubs.code);
            if bytes.len() > MAX_STUB_BYTES {
                return Err(Error::msg("the module's function types are too large"));
            }
        }
        let code = Code::publish(&bytes, Contents::Signatures(spans.clone().into()))?;
        for (&number, span) in numbers.iter().zip(&spans) {
            let values = value_count(&self.entry(number).ty);
            self.types[number as usize - 1].stubs = Some(code.signature(span, number, values));
        }
        self.code.push(code);
        Ok(())
    }
}

/// Fills the space between stubs: `int3` (SDM Vol. 2, INT3).
const INT3: u8 = 0xcc;

fn value_count(ty: &FuncType) -> u32 {
    ty.params().len().max(ty.results().len()) as u32
}
