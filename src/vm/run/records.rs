//! The records of functions: what references to a module's own functions point to.

#![allow(unsafe_code, reason = "writes records to contexts")]

use crate::decode::ModuleInfo;
use crate::sys::linux::shortage::Purpose;
use crate::types::FuncIndex;
use crate::vm::code::published::{CodeAddress, Signatures};
use crate::vm::owned::bounds::Refused;
use crate::vm::visible::context::{Context, FuncRecord, RecordKind};
use std::ptr::NonNull;

/// Records of a module's own referable functions, which lack the instance.
pub(crate) struct Records {
    records: Box<[FuncRecord]>,
    /// By own function, up to the last referable one: the place of its record.
    places: Box<[u32]>,
}

/// Where a wasm function is entered: by its own instance, and by importers.
pub(crate) struct Entries {
    pub(crate) code: CodeAddress,
    pub(crate) importer: CodeAddress,
}

/// The place of functions that are not referable.
const NOWHERE: u32 = u32::MAX;

impl Records {
    /// Of a module whose own functions are entered there. The signatures must stay where they are as long as there are instances.
    /// `signals`: do faults of compiled code become traps?
    pub(crate) fn new(
        info: &ModuleInfo,
        entries: impl Fn(usize) -> Entries,
        signatures: &Signatures,
        signals: bool,
    ) -> Result<Records, Refused> {
        let kind = if signals { RecordKind::Wasm } else { RecordKind::WasmWithoutSignals };
        let imported = info.imported_functions as usize;
        let own_functions = info.referable.last().map_or(0, |last| last.index() + 1 - imported);
        let mut places = reserved(own_functions)?;
        places.resize(own_functions, NOWHERE);
        let mut records = reserved(info.referable.len())?;
        for func in &info.referable {
            let own = func.index() - imported;
            let signature = signatures.of(&info.types[info.functions[func.index()].index()]);
            places[own] = records.len() as u32;
            let entries = entries(own);
            records.push(FuncRecord {
                code: entries.code.0,
                foreign: signature.foreign.0,
                instance: 0,
                signature: signature.ty.number(),
                kind,
                importer: entries.importer.0,
                ty: &raw const *signature as usize,
            });
        }
        Ok(Records { records: records.into(), places: places.into() })
    }

    pub(in crate::vm) fn count(&self) -> usize {
        self.records.len()
    }

    /// What the records of an instance take.
    pub(in crate::vm) fn bytes(&self) -> usize {
        size_of_val(&*self.records)
    }

    /// Writes the records of the instance with this context, as many as there are, to their places in it.
    pub(in crate::vm) fn write_to(
        &self,
        context: NonNull<Context>,
        mut places: NonNull<[FuncRecord]>,
    ) -> NonNull<[FuncRecord]> {
        let instance = context.as_ptr() as usize;
        // SAFETY: a part of a context that nobody uses yet, zeroed, which is a valid record.
        let own = unsafe { places.as_mut() };
        for (own, record) in own.iter_mut().zip(&self.records) {
            *own = FuncRecord { instance, ..*record };
        }
        places
    }

    /// The place of the record of one of the module's own functions, if it is referable.
    #[inline]
    pub(in crate::vm) fn place(&self, own: FuncIndex) -> Option<usize> {
        self.places.get(own.index()).filter(|&&place| place != NOWHERE).map(|&place| place as usize)
    }
}

/// An empty vector with room for as many items as a module says.
pub(in crate::vm) fn reserved<T>(count: usize) -> Result<Vec<T>, Refused> {
    let mut items = Vec::new();
    items
        .try_reserve_exact(count)
        .map_err(|_| Refused::exhausted(Purpose::Instance, count.saturating_mul(size_of::<T>())))?;
    Ok(items)
}
