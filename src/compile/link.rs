//! Puts what the threads compiled into the module's order, and fills in what depends on it.

use super::threads::Threads;
use super::timings::Clock;
use crate::abi::code_memory::{CodeMemory, HeapCode, Relocation};
use crate::abi::positions::{Calls, Catch, FunctionCode, NO_CATCH, Positions};
use std::io;
use std::ops::Range;

/// What one thread compiled, in batches. Offsets count from its own first byte of code.
pub(super) struct Part<M> {
    /// Where each batch begins, in the order of compilation.
    pub(super) batches: Vec<Mark>,
    pub(super) end: Mark,
    pub(super) code: M,
    pub(super) functions: Vec<FunctionCode>,
    pub(super) sites: Vec<u8>,
    pub(super) calls: Calls,
    pub(super) relocations: Vec<Relocation>,
    pub(super) clock: Clock,
}

/// How much of everything there was before a batch.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// The batch's first function, among the module's own.
    pub(super) function: u32,
    pub(super) code: usize,
    pub(super) functions: usize,
    pub(super) sites: usize,
    pub(super) calls: [usize; 3],
    pub(super) relocations: usize,
}

/// A batch that has found its place.
struct Piece {
    part: usize,
    from: Mark,
    to: Mark,
    /// Of its first byte in the module's code.
    code_offset: u32,
    /// Of the first byte of its sites in the module's.
    sites_at: u32,
}

/// A compiled module. Only displacements of direct calls are missing in its code.
pub(crate) struct CompiledModule<M> {
    code: Code<M>,
    positions: Positions,
}

/// A function that was compiled alone. Only displacements of direct calls are missing in its code.
pub(crate) struct CompiledFunction {
    pub(crate) code: HeapCode,
    pub(crate) calls: Vec<Relocation>,
    /// Of this one function, at the start of the code.
    pub(crate) positions: Positions,
}

impl CompiledFunction {
    /// The only one of a part, which was read from this offset of the module file on.
    pub(super) fn of(part: Part<HeapCode>, file_offset: u32) -> CompiledFunction {
        let CompiledModule { code: Code::Whole(code, calls), mut positions } = CompiledModule::of_whole(part) else {
            unreachable!("what one thread compiled")
        };
        // Those of sites are differences.
        positions.functions[0].wasm_offset += file_offset;
        CompiledFunction { code, calls, positions }
    }
}

enum Code<M> {
    /// Of one thread: all in its place.
    Whole(M, Vec<Relocation>),
    /// Of several threads, and the batches in the order of the module.
    Parts(Vec<Part<HeapCode>>, Vec<Piece>),
}

/// Copying less than that is not worth a thread.
const COPY_BYTES: usize = 256 << 10;

impl<M: CodeMemory> CompiledModule<M> {
    /// What one thread compiled, in one batch.
    pub(super) fn of_whole(part: Part<M>) -> CompiledModule<M> {
        let code_bytes = part.code.bytes().len() as u32;
        let mut positions = Positions { functions: part.functions, sites: part.sites, calls: part.calls, code_bytes };
        positions.shrink();
        CompiledModule { code: Code::Whole(part.code, part.relocations), positions }
    }

    pub(super) fn of_parts(parts: Vec<Part<HeapCode>>) -> CompiledModule<M> {
        let mut pieces = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let ends = part.batches.iter().skip(1).chain([&part.end]);
            let batches = part.batches.iter().zip(ends);
            pieces.extend(batches.map(|(&from, &to)| Piece { part: number, from, to, code_offset: 0, sites_at: 0 }));
        }
        pieces.sort_unstable_by_key(|piece| piece.from.function);
        let mut positions = Positions::default();
        positions.functions.reserve_exact(parts.iter().map(|part| part.functions.len()).sum());
        let mut sites_bytes = 0;
        for piece in &mut pieces {
            (piece.code_offset, piece.sites_at) = (positions.code_bytes, sites_bytes);
            sites_bytes += piece.sites().len() as u32;
            positions.append(&parts[piece.part], piece);
        }
        positions.shrink();
        CompiledModule { code: Code::Parts(parts, pieces), positions }
    }

    /// The code (functions in order, each with its constants and jump tables), which no address needs to be put into any
    /// more, and the positions. Fails when the system has no memory.
    pub(crate) fn finish(mut self, threads: &Threads) -> io::Result<(M, Positions)> {
        let functions = &self.positions.functions;
        let code = match self.code {
            Code::Whole(mut code, relocations) => {
                relocate(code.bytes_mut(), 0, 0, &relocations, functions);
                code
            }
            Code::Parts(parts, pieces) => {
                let mut code = M::of_len(self.positions.code_bytes as usize)?;
                let mut sites = vec![0; parts.iter().map(|part| part.sites.len()).sum()];
                threads.each(jobs(&pieces, code.bytes_mut(), &mut sites), |(pieces, code, sites)| {
                    let write = |target, piece: &Piece| piece.write(&parts[piece.part], functions, target);
                    pieces.iter().fold((code, sites), write);
                });
                self.positions.sites = sites;
                code
            }
        };
        Ok((code, self.positions))
    }
}

/// Some pieces that follow each other, and the places of their code and sites.
type CopyJob<'a> = (&'a [Piece], &'a mut [u8], &'a mut [u8]);

fn jobs<'a>(mut pieces: &'a [Piece], mut code: &'a mut [u8], mut sites: &'a mut [u8]) -> Vec<CopyJob<'a>> {
    let mut jobs = Vec::new();
    while let Some(first) = pieces.first() {
        let start = first.code_offset as usize;
        let count = pieces.partition_point(|piece| (piece.code_offset as usize) < start + COPY_BYTES);
        let (now, later) = pieces.split_at(count);
        let end = later.first().map_or(start + code.len(), |piece| piece.code_offset as usize);
        let (own_code, code_behind) = code.split_at_mut(end - start);
        let (own_sites, sites_behind) = sites.split_at_mut(now.iter().map(|piece| piece.sites().len()).sum());
        jobs.push((now, own_code, own_sites));
        (pieces, code, sites) = (later, code_behind, sites_behind);
    }
    jobs
}

/// Fills in the displacements of direct calls in code that was compiled for one offset and lies at another.
fn relocate(code: &mut [u8], from: usize, to: u32, relocations: &[Relocation], functions: &[FunctionCode]) {
    for &Relocation { at, function } in relocations {
        let at = at as usize - from;
        let next = to + at as u32 + 4;
        let displacement = functions[function as usize].code_offset.wrapping_sub(next);
        code[at..][..4].copy_from_slice(&displacement.to_le_bytes());
    }
}

impl Piece {
    /// Its code in its part.
    fn code(&self) -> Range<usize> {
        self.from.code..self.to.code
    }

    /// Its sites in its part.
    fn sites(&self) -> Range<usize> {
        self.from.sites..self.to.sites
    }

    /// Copies its code and its sites to the first bytes of their targets; the rest is for the next one.
    fn write<'t>(
        &self,
        part: &Part<HeapCode>,
        functions: &[FunctionCode],
        (code, sites): (&'t mut [u8], &'t mut [u8]),
    ) -> (&'t mut [u8], &'t mut [u8]) {
        let (own_code, code) = code.split_at_mut(self.code().len());
        own_code.copy_from_slice(&part.code.bytes()[self.code()]);
        let relocations = &part.relocations[self.from.relocations..self.to.relocations];
        relocate(own_code, self.from.code, self.code_offset, relocations, functions);
        // Differences from one site to the next, and from the function to its first.
        let (own_sites, sites) = sites.split_at_mut(self.sites().len());
        own_sites.copy_from_slice(&part.sites[self.sites()]);
        (code, sites)
    }
}

impl Positions {
    fn append<M>(&mut self, part: &Part<M>, piece: &Piece) {
        let Piece { from, to, .. } = piece;
        let code = |offset: u32| piece.code_offset + (offset - from.code as u32);
        self.functions.extend(part.functions[from.functions..to.functions].iter().map(|&function| FunctionCode {
            code_offset: code(function.code_offset),
            sites_at: piece.sites_at + (function.sites_at - from.sites as u32),
            ..function
        }));
        let catches = self.calls.catches.len() as u32;
        let ([popped, caught, first_catch], [popped_end, caught_end, catches_end]) = (from.calls, to.calls);
        let catch = |number: u32| match number {
            NO_CATCH => NO_CATCH,
            number => catches + (number - first_catch as u32),
        };
        let calls = &part.calls;
        self.calls.popped.extend(calls.popped[popped..popped_end].iter().map(|&(at, bytes)| (code(at), bytes)));
        self.calls
            .caught
            .extend(calls.caught[caught..caught_end].iter().map(|&(at, number)| (code(at), catch(number))));
        self.calls.catches.extend(calls.catches[first_catch..catches_end].iter().map(|&old| Catch {
            code_offset: code(old.code_offset),
            next: catch(old.next),
            ..old
        }));
        self.code_bytes += piece.code().len() as u32;
    }

    /// They live as long as the module.
    fn shrink(&mut self) {
        self.functions.shrink_to_fit();
        self.sites.shrink_to_fit();
        self.calls.popped.shrink_to_fit();
        self.calls.caught.shrink_to_fit();
        self.calls.catches.shrink_to_fit();
    }
}
