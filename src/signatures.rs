//! Stubs: the machine code through which functions are called from elsewhere, and whose it is.
//!
//! A module owns the stubs of its own functions: they are made once it is valid, lie in its code, and go with it. The stub of
//! a host function is the same for all of a type: the type has it as long as anything refers to the type, and it goes with the last
//! module, host function or handle that does. No lock is held while stubs are made.

use crate::abi::code_memory::CodeMemory;
use crate::compile;
use crate::decode::ModuleInfo;
use crate::error::Error;
use crate::types::ConcreteFuncType;
use crate::vm::code::{Code, CodeBuffer, Contents, Signature, SignatureSpan, Signatures};

/// The stubs of a module take at most this much code.
const MAX_STUB_BYTES: usize = 256 << 20;
const STUB_ALIGN: usize = 16;
/// Fills the space between stubs: `int3` (SDM Vol. 2, INT3).
const INT3: u8 = 0xcc;

/// The stubs of a module, in one piece of position-independent code.
pub(crate) struct ModuleStubs {
    code: Vec<u8>,
    /// Sorted by number, each once.
    types: Vec<ConcreteFuncType>,
    /// Those of each of the types.
    spans: Vec<SignatureSpan>,
}

impl ModuleStubs {
    /// The stubs for a module's own functions that can be called through a record, or by the host.
    pub(crate) fn of(info: &ModuleInfo) -> Result<ModuleStubs, Error> {
        let mut stubs = ModuleStubs { code: Vec::new(), types: types_called_from_elsewhere(info), spans: Vec::new() };
        for ty in &stubs.types {
            stubs.code.resize(stubs.code.len().next_multiple_of(STUB_ALIGN), INT3);
            let start = stubs.code.len() as u32;
            let one = compile::signature_stubs(ty);
            stubs.spans.push(SignatureSpan {
                entry_offset: start + one.entry_offset,
                foreign_offset: start + one.foreign_offset,
                foreign_return_offset: start + one.foreign_return_offset,
                foreign_frame_bytes: one.foreign_frame_bytes,
                arg_bytes: one.arg_bytes,
            });
            stubs.code.extend_from_slice(&one.code);
            if stubs.code.len() > MAX_STUB_BYTES {
                return Err(Error::msg("the module's function types are too large"));
            }
        }
        Ok(stubs)
    }

    /// Publishes a module's functions, what these are, and the stubs after them.
    pub(crate) fn publish_after(self, mut code: CodeBuffer, contents: Contents) -> Result<(Code, Signatures), Error> {
        let functions = code.bytes().len();
        if self.types.is_empty() {
            return Ok((code.publish(contents)?, Signatures::default()));
        }
        let gap = functions..functions.next_multiple_of(STUB_ALIGN);
        let room = code.room(gap.len() + self.code.len())?;
        room[..gap.len()].fill(INT3);
        room[gap.len()..][..self.code.len()].copy_from_slice(&self.code);
        code.commit(gap.len() + self.code.len());
        let code = code.publish_with_stubs(gap, contents, self.spans.clone().into())?;
        let signatures = Signatures::new(&self.types, &self.spans, code.stubs().expect("published with stubs"));
        Ok((code, signatures))
    }

    /// Publishes the stubs alone.
    pub(crate) fn publish(self) -> Result<(Option<Code>, Signatures), Error> {
        if self.types.is_empty() {
            return Ok((None, Signatures::default()));
        }
        let code = Code::publish(&self.code, Contents::Signatures(self.spans.clone().into()))?;
        let signatures = Signatures::new(&self.types, &self.spans, code.published());
        Ok((Some(code), signatures))
    }
}

/// Sorted by number, each once.
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
pub(crate) fn host_signature(ty: &ConcreteFuncType) -> Result<Signature, Error> {
    let stub: &HostStub = ty.interned().companion(|_| HostStub::of(ty))?;
    Ok(Signature::of_host(ty, stub.code.address(0)))
}

/// What the type of a host function has for a companion.
struct HostStub {
    code: Code,
}

impl HostStub {
    fn of(ty: &ConcreteFuncType) -> Result<HostStub, Error> {
        let stub = compile::host_stub(ty);
        Ok(HostStub { code: Code::publish(&stub.code, Contents::HostStub { arg_bytes: stub.arg_bytes })? })
    }
}
