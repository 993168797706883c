//! What calls pass and leave, by function type.

use super::ty::Ty;
use crate::abi::{CallLayout, Place};
use crate::decode::ModuleInfo;
use crate::types::TypeIndex;

/// What a call passes.
#[derive(Clone, Copy)]
pub(super) struct Param {
    pub(super) ty: Ty,
    /// [`Entry::hint`](crate::compile::tape::Entry::hint) for its place.
    pub(super) hint: u8,
}

/// What a call of a function type passes and leaves.
#[derive(Clone, Copy)]
pub(super) struct Callee {
    first: u32,
    end: u32,
    pub(super) results: Results,
    pub(super) outgoing_bytes: u32,
}

#[derive(Clone, Copy)]
pub(super) enum Results {
    None,
    One(Ty),
    Several,
}

/// The parameters and results of all function types, for calls.
pub(in crate::compile) struct Signatures {
    params: Vec<Param>,
    callees: Vec<Callee>,
}

impl Signatures {
    pub(in crate::compile) fn of(info: &ModuleInfo, layouts: &[CallLayout]) -> Signatures {
        let mut signatures = Signatures { params: Vec::new(), callees: Vec::new() };
        for (ty, layout) in info.types.iter().zip(layouts) {
            let first = signatures.params.len() as u32;
            let params = ty.params().iter().zip(&layout.params);
            signatures.params.extend(params.map(|(ty, place)| Param { ty: Ty::of(ty), hint: hint(place) }));
            signatures.callees.push(Callee {
                first,
                end: signatures.params.len() as u32,
                results: match ty.results() {
                    [] => Results::None,
                    [result] => Results::One(Ty::of(result)),
                    _ => Results::Several,
                },
                outgoing_bytes: layout.arg_bytes + layout.result_bytes,
            });
        }
        signatures
    }

    /// None: there is no such type.
    #[inline(always)]
    pub(super) fn callee(&self, ty: TypeIndex) -> Option<Callee> {
        self.callees.get(ty.index()).copied()
    }

    #[inline(always)]
    pub(super) fn params(&self, callee: Callee) -> &[Param] {
        &self.params[callee.first as usize..callee.end as usize]
    }
}

/// [`Entry::hint`](crate::compile::tape::Entry::hint) for a place.
pub(super) fn hint(place: &Place) -> u8 {
    match place {
        Place::Gpr(register) => register.num() + 1,
        Place::Xmm(register) => register.num() + 1,
        Place::Stack(_) => 0,
    }
}
