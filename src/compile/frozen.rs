//! Digests of what the compiler makes of a module, for tests that a change which should alter no output alters none.
//!
//! A module's tapes have one digest, since they do not depend on the processor. Its code has one for each [`MODES`]: the bytes
//! that would be published, which hold no address, and the position table. Whatever machine computes them, they are the same.

use super::compiler::Compiler;
use super::context::ModuleContext;
use super::options::Handlers;
use super::scan::Signatures;
use super::tape::Tape;
use super::{Clock, Options, RegisterFile, Threads, compile_module};
use crate::abi::code_memory::{CodeMemory, HeapCode};
use crate::abi::positions::Positions;
use crate::abi::{CallLayout, Cpu};
use crate::compile::budget::Budget;
use crate::decode::{Bodies, ModuleInfo, SUPPORTED, decode};
use std::fmt::{self, Debug, Write};

pub(super) const BASELINE: Cpu = Cpu {
    popcnt: false,
    sse42: false,
    lzcnt: false,
    bmi1: false,
    bmi2: false,
    avx: false,
    avx2: false,
    fma: false,
    avx512: false,
    bitalg: false,
    quick_division: false,
};
pub(super) const V2: Cpu = Cpu { popcnt: true, sse42: true, ..BASELINE };
pub(super) const V3: Cpu = Cpu { lzcnt: true, bmi1: true, bmi2: true, avx: true, avx2: true, fma: true, ..V2 };
pub(super) const AVX512: Cpu = Cpu { avx512: true, ..V3 };
pub(super) const NEWEST: Cpu = Cpu { bitalg: true, quick_division: true, ..AVX512 };

pub(super) const GUARDED: Options = Options {
    cpu: V3,
    guarded: true,
    deterministic: false,
    signals: true,
    registers: RegisterFile::ALL,
    handlers: Handlers::Quick,
    max_compile_memory: usize::MAX,
    max_code_size: usize::MAX,
};
const CHECKED: Options = Options { guarded: false, ..GUARDED };

/// How modules are compiled, and what a table of digests calls it.
#[rustfmt::skip]
const MODES: [(&str, Options); 13] = [
    ("base",     Options { cpu: BASELINE, ..GUARDED }),
    ("v2",       Options { cpu: V2, ..GUARDED }),
    ("v3",       GUARDED),
    ("avx512",   Options { cpu: AVX512, ..GUARDED }),
    ("newest",   Options { cpu: NEWEST, ..GUARDED }),
    ("base-chk", Options { cpu: BASELINE, ..CHECKED }),
    ("v2-chk",   Options { cpu: V2, ..CHECKED }),
    ("v3-chk",   CHECKED),
    ("512-chk",  Options { cpu: AVX512, ..CHECKED }),
    ("new-chk",  Options { cpu: NEWEST, ..CHECKED }),
    ("no-sig",   Options { signals: false, ..CHECKED }),
    ("few-regs", Options { registers: RegisterFile::FEW, ..GUARDED }),
    ("determin", Options { deterministic: true, ..GUARDED }),
];

/// The digests of a family of modules: of their tapes first, then of their code in each mode.
pub(crate) struct Digests([Digest; 1 + MODES.len()]);

impl Digests {
    /// Digests of no module yet.
    pub(crate) fn new() -> Digests {
        Digests([Digest::EMPTY; 1 + MODES.len()])
    }

    /// What the digests are of, in order.
    pub(crate) fn columns() -> impl Iterator<Item = &'static str> {
        std::iter::once("tapes").chain(MODES.iter().map(|mode| mode.0))
    }

    /// Adds a module to the family, unless it is invalid. Returns whether it is valid.
    pub(crate) fn add(&mut self, module: &[u8]) -> bool {
        let Ok((info, bodies)) = decode(module, SUPPORTED) else { return false };
        let [tapes, code @ ..] = &mut self.0;
        if !add_tapes(tapes, &info, &bodies) {
            return false;
        }
        for (digest, (_, options)) in code.iter_mut().zip(&MODES) {
            add_code(digest, &info, &bodies, options);
        }
        true
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|digest| digest.0)
    }
}

/// What stands for the engine's number of any type: the code of an indirect call compares with it.
const SIGNATURE: u32 = 7;

/// Returns whether all of the bodies are valid; of others nothing is added.
fn add_tapes(digest: &mut Digest, info: &ModuleInfo, bodies: &Bodies<'_>) -> bool {
    let layouts: Vec<CallLayout> = info.types.iter().map(|ty| CallLayout::of(ty.func_type())).collect();
    let (signatures, params) = (vec![SIGNATURE; layouts.len()], Signatures::of(info, &layouts));
    let context = ModuleContext::new(info, &layouts, &params, &signatures, &GUARDED);
    let budget = Budget::new(context.limits);
    let mut compiler = Compiler::<HeapCode>::new(&context, &budget, 0, Clock::default()).expect("memory");
    let before = *digest;
    for own in 0..bodies.bodies.len() as u32 {
        if compiler.read_body(own, bodies.module, bodies.range(own)).is_err() {
            *digest = before;
            return false;
        }
        add_tape(digest, &compiler.scan.tape).expect("a digest takes any text");
    }
    true
}

/// What of a tape decides about code, and nothing that follows from the rest.
fn add_tape(digest: &mut Digest, tape: &Tape) -> fmt::Result {
    for entry in &tape.entries {
        let (op, class, hint) = (entry.op, entry.class, entry.hint);
        writeln!(digest, "{op:?} {class:?} {hint} {:?} {:?} {:?} {}", entry.dst, entry.a, entry.b, entry.imm)?;
    }
    // One after the other: which field a difference is in is for a debugger to say.
    let lists: [&dyn Debug; 9] = [
        &tape.pool,
        &tape.loop_constants,
        &tape.lists,
        &tape.memargs,
        &tape.labels,
        &tape.variables,
        &tape.handlers,
        &tape.catches,
        &tape.offsets,
    ];
    lists.into_iter().try_for_each(|list| writeln!(digest, "{list:?}"))?;
    writeln!(digest, "{} {} {}", tape.params, tape.temps, tape.outgoing_bytes)?;
    writeln!(digest, "{} {} {} {}", tape.calls, tape.calls_imports, tape.spills, tape.vectors)
}

fn add_code(digest: &mut Digest, info: &ModuleInfo, bodies: &Bodies<'_>, options: &Options) {
    let (signatures, clock) = (vec![SIGNATURE; info.types.len()], &mut Clock::default());
    match compile_module::<HeapCode>(info, bodies, &signatures, options, &Threads::One, clock) {
        Ok(compiled) => {
            let (code, positions) = compiled.finish(&Threads::One).expect("memory");
            digest.bytes(code.bytes());
            add_positions(digest, &positions).expect("a digest takes any text");
        }
        // Valid, but too large.
        Err(error) => write!(digest, "{error}").expect("a digest takes any text"),
    }
}

fn add_positions(digest: &mut Digest, positions: &Positions) -> fmt::Result {
    for (own, function) in positions.functions.iter().enumerate() {
        writeln!(digest, "{function:?}")?;
        positions.sites_of(own).try_for_each(|site| writeln!(digest, "{site:?}"))?;
    }
    writeln!(digest, "{:?}", positions.calls)
}

/// Fowler, Noll and Vo's hash 1a of 64 bits (RFC 9923): the same in every version of Rust, which the standard library's is not.
#[derive(Clone, Copy)]
struct Digest(u64);

impl Digest {
    const EMPTY: Digest = Digest(0xcbf2_9ce4_8422_2325);

    fn bytes(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}
