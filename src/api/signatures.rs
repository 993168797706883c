//! Stubs, the machine code through which functions are called from elsewhere: who makes and owns them.
//!
//! A module owns the stubs of its own functions. They are made after the module was found valid, lie in its code and go with it.
//! All host functions of one type share a stub. It belongs to the type: it goes with the last module, host function or handle that
//! refers to the type. No lock is held while stubs are made.

use crate::abi::code_memory::CodeMemory;
use crate::compile;
use crate::decode::ModuleInfo;
use crate::error::Error;
use crate::types::{ConcreteFuncType, FuncType, TOO_MANY_TYPES};
use crate::vm::code::buffer::{Code, CodeBuffer};
use crate::vm::code::published::{Contents, Signature, SignatureSpan, Signatures};
use std::borrow::Cow;
use std::ops::Range;

const STUB_ALIGN: usize = 16;
/// Fills the space between stubs: `int3` (SDM Vol. 2, INT3).
const INT3: u8 = 0xcc;

/// The stubs of a module, at the end of code that has not been published yet.
pub(crate) struct ModuleStubs {
    /// The bytes between the code before the stubs and the stubs.
    gap: Range<usize>,
    /// The types that have stubs: sorted by number, each once.
    types: Vec<ConcreteFuncType>,
    /// Where the stubs of each type lie, counted from the end of the gap.
    spans: Vec<SignatureSpan>,
}

impl ModuleStubs {
    /// Writes the stubs of those of a module's own functions that can be called through a record, or by the host. There may be
    /// `max_bytes` of code with them.
    pub(crate) fn write(code: &mut CodeBuffer, info: &ModuleInfo, max_bytes: usize) -> Result<ModuleStubs, Error> {
        let (types, before) = (types_called_from_elsewhere(info), code.bytes().len());
        if types.is_empty() {
            return Ok(ModuleStubs { gap: before..before, types, spans: Vec::new() });
        }
        align(code)?;
        let (gap, mut spans) = (before..code.bytes().len(), Vec::with_capacity(types.len()));
        for ty in &types {
            align(code)?;
            let (start, one) = ((code.bytes().len() - gap.end) as u32, compile::signature_stubs(ty));
            append(code, &one.code)?;
            if code.bytes().len() > max_bytes {
                let what = "the module is too large to compile: with the stubs of its functions' types";
                return Err(Error::msg(format!("{what} it would have more than {max_bytes} bytes of code")));
            }
            spans.push(SignatureSpan {
                entry_offset: start + one.entry_offset,
                foreign_offset: start + one.foreign_offset,
                foreign_return_offset: start + one.foreign_return_offset,
                foreign_frame_bytes: one.foreign_frame_bytes,
                arg_bytes: one.arg_bytes,
            });
        }
        Ok(ModuleStubs { gap, types, spans })
    }

    /// Publishes code that consists of a module's functions and these.
    pub(crate) fn publish_after(self, code: CodeBuffer, functions: Contents) -> Result<(Code, Signatures), Error> {
        let code = code.publish_with_stubs(self.gap, functions, self.spans.clone().into())?;
        let signatures = code.stubs().map(|stubs| Signatures::new(&self.types, &self.spans, stubs));
        Ok((code, signatures.unwrap_or_default()))
    }

    /// Publishes code that consists of these, if there are any.
    pub(crate) fn publish(self, code: CodeBuffer) -> Result<(Option<Code>, Signatures), Error> {
        if self.types.is_empty() {
            return Ok((None, Signatures::default()));
        }
        let code = code.publish(Contents::Signatures(self.spans.clone().into()))?;
        let signatures = Signatures::new(&self.types, &self.spans, code.published());
        Ok((Some(code), signatures))
    }
}

fn align(code: &mut CodeBuffer) -> Result<(), Error> {
    let len = code.bytes().len();
    append(code, &[INT3; STUB_ALIGN][..len.next_multiple_of(STUB_ALIGN) - len])
}

fn append(code: &mut CodeBuffer, bytes: &[u8]) -> Result<(), Error> {
    code.room(bytes.len())?[..bytes.len()].copy_from_slice(bytes);
    code.commit(bytes.len());
    Ok(())
}

/// The types of a module's own functions that can be called from elsewhere: sorted by number, each once.
fn types_called_from_elsewhere(info: &ModuleInfo) -> Vec<ConcreteFuncType> {
    let mut wanted = vec![false; info.types.len()];
    for func in &info.referable {
        wanted[info.functions[func.index()].index()] = true;
    }
    let wanted = info.types.iter().zip(wanted).filter(|(_, wanted)| *wanted);
    let mut types: Vec<&ConcreteFuncType> = wanted.map(|(ty, _)| ty).collect();
    types.sort_unstable_by_key(|ty| ty.number());
    types.dedup();
    types.into_iter().cloned().collect()
}

/// The signature of host functions of a type.
pub(crate) fn host_signature(ty: &FuncType) -> Result<Signature, Error> {
    let ty = &ConcreteFuncType::of(Cow::Borrowed(ty)).ok_or_else(|| Error::msg(TOO_MANY_TYPES))?;
    let stub: &HostStub = ty.interned().companion(|_| HostStub::of(ty))?;
    Ok(Signature::of_host(ty, stub.code.address(0)))
}

/// The stub of all host functions of a type, a companion of the type.
struct HostStub {
    code: Code,
}

impl HostStub {
    fn of(ty: &ConcreteFuncType) -> Result<HostStub, Error> {
        let stub = compile::host_stub(ty);
        Ok(HostStub { code: Code::publish(&stub.code, Contents::HostStub { arg_bytes: stub.arg_bytes })? })
    }
}
