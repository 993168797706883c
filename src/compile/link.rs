//! Puts what the threads compiled into the module's order, and fills in what depends on it.

use super::emit::Relocation;
use super::threads::Threads;
use super::timings::Clock;
use crate::abi::positions::{Calls, Catch, FunctionCode, NO_CATCH, Positions};
use std::ops::Range;

/// What one thread compiled, in batches. Offsets count from its own first byte of code.
pub(super) struct Part {
    /// Where each batch begins, in the order of compilation.
    pub(super) batches: Vec<Mark>,
    pub(super) end: Mark,
    pub(super) code: Vec<u8>,
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
}

/// A compiled module, in as many parts as threads compiled it. Its code needs no relocation but what [`CompiledModule::write`] does.
pub(crate) struct CompiledModule {
    parts: Vec<Part>,
    /// In the order of the module.
    pieces: Vec<Piece>,
    positions: Positions,
}

/// Copying less than that is not worth a thread.
const COPY_BYTES: usize = 256 << 10;

impl CompiledModule {
    pub(super) fn link(mut parts: Vec<Part>) -> CompiledModule {
        let mut pieces = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let ends = part.batches.iter().skip(1).chain([&part.end]);
            let batches = part.batches.iter().zip(ends);
            pieces.extend(batches.map(|(&from, &to)| Piece { part: number, from, to, code_offset: 0 }));
        }
        pieces.sort_unstable_by_key(|piece| piece.from.function);
        let mut positions = Positions::default();
        match &mut parts[..] {
            [part] if pieces.len() == 1 => positions.take(part),
            _ => {
                positions.functions.reserve_exact(parts.iter().map(|part| part.functions.len()).sum());
                positions.sites.reserve_exact(parts.iter().map(|part| part.sites.len()).sum());
                pieces.iter_mut().for_each(|piece| {
                    piece.code_offset = positions.code_bytes;
                    positions.append(&parts[piece.part], piece);
                })
            }
        }
        positions.shrink();
        CompiledModule { parts, pieces, positions }
    }

    /// The length of the code.
    pub(crate) fn code_bytes(&self) -> usize {
        self.positions.code_bytes as usize
    }

    /// Writes the code: the functions in order, each with its constants and jump tables.
    pub(crate) fn write(&self, mut code: &mut [u8], threads: &Threads) {
        assert_eq!(code.len(), self.code_bytes());
        let mut jobs = Vec::new();
        let mut pieces = &self.pieces[..];
        while let Some(first) = pieces.first() {
            let start = first.code_offset as usize;
            let count = pieces.partition_point(|piece| (piece.code_offset as usize) < start + COPY_BYTES);
            let (now, later) = pieces.split_at(count);
            let end = later.first().map_or(self.code_bytes(), |piece| piece.code_offset as usize);
            let (target, rest) = code.split_at_mut(end - start);
            jobs.push((now, target));
            (pieces, code) = (later, rest);
        }
        threads.each(jobs, |(pieces, target)| self.write_pieces(pieces, target));
    }

    fn write_pieces(&self, pieces: &[Piece], mut target: &mut [u8]) {
        for piece in pieces {
            let part = &self.parts[piece.part];
            let (code, rest) = target.split_at_mut(piece.code().len());
            code.copy_from_slice(&part.code[piece.code()]);
            for &Relocation { at, function } in &part.relocations[piece.from.relocations..piece.to.relocations] {
                let at = at as usize - piece.from.code;
                let next = piece.code_offset + at as u32 + 4;
                let displacement = self.positions.functions[function as usize].code_offset.wrapping_sub(next);
                code[at..][..4].copy_from_slice(&displacement.to_le_bytes());
            }
            target = rest;
        }
    }

    pub(crate) fn into_positions(self) -> Positions {
        self.positions
    }
}

impl Piece {
    /// Its code in its part.
    fn code(&self) -> Range<usize> {
        self.from.code..self.to.code
    }
}

impl Positions {
    /// All that a part has.
    fn take(&mut self, part: &mut Part) {
        *self = Positions {
            functions: std::mem::take(&mut part.functions),
            sites: std::mem::take(&mut part.sites),
            calls: std::mem::take(&mut part.calls),
            code_bytes: part.code.len() as u32,
        };
    }

    fn append(&mut self, part: &Part, piece: &Piece) {
        let Piece { from, to, .. } = piece;
        let code = |offset: u32| piece.code_offset + (offset - from.code as u32);
        let sites = self.sites.len() as u32;
        self.functions.extend(part.functions[from.functions..to.functions].iter().map(|&function| FunctionCode {
            code_offset: code(function.code_offset),
            sites_at: sites + (function.sites_at - from.sites as u32),
            ..function
        }));
        // Differences from one site to the next, and from the function to its first.
        self.sites.extend_from_slice(&part.sites[from.sites..to.sites]);
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
