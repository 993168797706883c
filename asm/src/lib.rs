//! A typed, allocation-free assembler for amd64.
//!
//! `no_std`, no `alloc`, no dependency, no `unsafe`; it runs on any host. Machine code goes into a buffer of the caller,
//! labels into a slice of the caller. About two nanoseconds per instruction, always the shortest encoding.
//!
//! ```
//! use planish_asm::{Asm, AsmError, Cond, LabelSlot, mem::dword, regs::*};
//!
//! /// `int sum(const int *values /* rdi */, size_t count /* rsi */)`
//! fn sum(code: &mut [u8]) -> Result<usize, AsmError> {
//!     let mut labels = [LabelSlot::EMPTY; 2];
//!     let mut a = Asm::new(code, &mut labels);
//!     let (next, done) = (a.label(), a.label());
//!     a.xor(eax, eax);
//!     a.test(rsi, rsi).jcc(Cond::Equal, done);
//!     a.bind(next);
//!     a.add(eax, dword(rdi + rsi * 4 - 4));
//!     a.dec(rsi).jcc(Cond::NotEqual, next);
//!     a.bind(done).ret();
//!     Ok(a.finish()?.len())
//! }
//!
//! let mut code = [0; 64];
//! let len = sum(&mut code)?;
//! assert_eq!(
//!     code[..len],
//!     [
//!         0x31, 0xC0, // xor eax, eax
//!         0x48, 0x85, 0xF6, // test rsi, rsi
//!         0x0F, 0x84, 0x09, 0, 0, 0, // je done
//!         0x03, 0x44, 0xB7, 0xFC, // next: add eax, [rdi + rsi * 4 - 4]
//!         0x48, 0xFF, 0xCE, // dec rsi
//!         0x75, 0xF7, // jne next
//!         0xC3, // done: ret
//!     ]
//! );
//! # Ok::<(), AsmError>(())
//! ```
//!
//! # Three ways to say an instruction
//!
//! - **Mnemonics** (feature `mnemonics`, on by default): `a.add(rax, rbx)`, overloaded by operand types, picks the shortest
//!   encoding. For code that reads like assembly.
//! - **Forms** ([`forms`]): `a.add_r64_r64(..)`, one `const fn` per row of the manual, emits exactly that row.
//! - **Selection** ([`select`]): `a.alu_rr(Alu::Add, Width::W64, ..)`, the operation and the width are values. For
//!   compilers; also `const`, also the shortest encoding.
//!
//! All three are methods of [`Asm`], in any mixture.
//!
//! # What the types rule out
//!
//! Register *numbers* are chosen at run time, register *classes* at compile time. None of these compiles:
//!
//! ```compile_fail
//! # use planish_asm::{Asm, regs::*}; let mut a = Asm::new(&mut [], &mut []);
//! a.add(rax, ebx); // two widths
//! ```
//! ```compile_fail
//! # use planish_asm::{Asm, mem::qword, regs::*}; let mut a = Asm::new(&mut [], &mut []);
//! a.mov(rax, qword(rbx + rsp * 2)); // rsp as an index
//! ```
//! ```compile_fail
//! # use planish_asm::{Asm, mem::xmmword, regs::*}; let mut a = Asm::new(&mut [], &mut []);
//! a.addsd(xmm0, xmmword(rax)); // a 128-bit operand where 64 bits are read
//! ```
//!
//! An allocator hands out [`Gp64`]s, of which there are 15: never `rsp`. [`GpSet`] is a set of them in 16 bits.
//!
//! # Errors
//!
//! Emission never fails. The first error is remembered, the position goes on counting, and [`Asm::finish`] reports; a full
//! buffer with the exact number of bytes that is enough:
//!
//! ```
//! use planish_asm::{Asm, AsmError};
//! let mut code = [0; 4];
//! assert_eq!(Asm::new(&mut code, &mut []).nops(4).ret().finish(), Err(AsmError::Full { needed: 5 }));
//! ```
//!
//! # Assembly in constants
//!
//! Forms and selection are `const`, so a stub can be a `static`:
//!
//! ```
//! use planish_asm::{Asm, Width, regs::*};
//! static ADD_ONE: [u8; 5] = {
//!     let mut code = [0; 5];
//!     let mut a = Asm::new(&mut code, &mut []);
//!     a.lea_rm(Width::W64, rax.any(), planish_asm::Addr::base_disp(rdi.any(), 1)).ret();
//!     assert!(a.finish().is_ok());
//!     code
//! };
//! assert_eq!(ADD_ONE, [0x48, 0x8D, 0x47, 0x01, 0xC3]);
//! ```
//!
//! # Labels
//!
//! A label can be used before or after it is bound, in branches, `lea`, rip-relative operands and tables of differences,
//! any number of times. Fields that wait for it are linked through the code and need no storage. Backward branches are
//! short where they can be; forward ones have 32 bits, or 8 by request ([`Asm::jcc_short`]).
//!
//! With records of the caller, forward branches shrink too, and everything moves along ([`Asm::with_relaxation`]):
//!
//! ```
//! use planish_asm::{Asm, AsmError, Cond, LabelSlot, Record, mem::dword, regs::*};
//!
//! let (mut code, mut labels, mut records) = ([0; 64], [LabelSlot::EMPTY; 2], [Record::EMPTY; 8]);
//! let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
//! let (default, table) = (a.label(), a.label());
//! a.cmp(rdi, 1).jcc(Cond::Above, default);
//! a.lea_label(rax.any(), table).mov(eax, dword(rax + rdi * 4)).bind(default).ret();
//! a.align(4).bind(table).u32(10).u32(20);
//! assert_eq!(a.relax().finish()?[4..6], [0x77, 10]);
//! # Ok::<(), AsmError>(())
//! ```
//!
//! # Symbols, constants, patches
//!
//! [`Label::external`] is a symbol that is defined elsewhere: it stands where a label does, and [`Asm::relocations`] says
//! what to fill in. [`Pool`] puts constants behind the code. [`Asm::call_patchable`] and its like emit what is replaced
//! while it may be running.
//!
//! ```
//! use planish_asm::{Asm, AsmError, Label, LabelSlot, Pool, PoolSlot, Record, mem::qword, regs::*};
//!
//! let (mut code, mut labels, mut records) = ([0; 64], [LabelSlot::EMPTY; 4], [Record::EMPTY; 4]);
//! let mut slots = [PoolSlot::EMPTY; 4];
//! let mut a = Asm::new(&mut code, &mut labels).with_records(&mut records);
//! let mut pool = Pool::new(&mut slots);
//! let half = pool.u64(&mut a, 0.5f64.to_bits());
//! a.mulsd(xmm0, qword(half)).jmp(Label::external(0));
//! pool.emit(&mut a);
//! let mut placed = a.finish()?.to_vec();
//! for relocation in a.relocations() {
//!     relocation.apply(&mut placed, 0x10_0000, 0x10_1000).expect("within reach");
//! }
//! assert_eq!(placed[8..13], [0xE9, 0xF3, 0x0F, 0, 0]);
//! # Ok::<(), AsmError>(())
//! ```
//!
//! # What the processor can do
//!
//! [`Features`] is a set by CPUID's names; [`Features::from_cpuid`] reads it, and the cargo feature `std` adds
//! `Features::detect`. The cargo feature `metadata` adds a table of all forms, and says which features a piece of code needs.
//! The cargo feature `listing` prints code as text.
//!
//! # Where to go on
//!
//! - Which instructions there are: [`forms`], [`select`].
//! - For those who know iced, dynasm-rs or asmjit: [`guide`].
//! - Programs to run: `cargo run --example calculator` and its neighbours in `examples`.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(all(feature = "mnemonics", feature = "forms")),
    allow(dead_code, unused_imports, reason = "the core also serves what the features leave out")
)]

#[cfg(feature = "std")]
extern crate std;

// Nearly everything is `#[inline]`: so what a program does not use is never compiled to machine code.

pub mod reg;
pub mod mem;
pub mod decorate;
pub mod label;
pub mod error;
pub mod buffer;
mod fixup;
mod encode;
mod align;
pub mod record;
mod relocate;
mod relax;
pub mod patch;
pub mod select;
pub mod pool;
pub mod features;
#[cfg(feature = "listing")]
pub mod listing;
#[cfg(feature = "metadata")]
pub mod metadata;
pub mod forms;
#[cfg(feature = "mnemonics")]
pub mod mnemonics;

pub use buffer::Asm;
pub use decorate::{Bcst, Flags, Masked, Merged, RoundTo, Rounded, Sae};
pub use error::AsmError;
pub use features::{CpuidResult, Features};
pub use label::{Label, LabelSlot, Labels};
pub use mem::{Addr, Mem, Scale, VAddr};
pub use mem::{M8, M16, M32, M48, M64, M80, M128, M256, M384, M512};
pub use mem::{M112, M224, M752, M864, M4096};
pub use patch::{PatchSite, displacement};
pub use pool::{Pool, PoolSlot};
pub use record::{Record, Relocation, RelocationKind};
pub use reg::regs;
pub use reg::{
    Cr, Dr, Gp8, Gp16, Gp32, Gp64, K, KMask, KPair, Mm, R8, R8Hi, R16, R32, R64, Rsp, Seg, St, St0, Tmm, Xmm, XmmX,
    Ymm, YmmX, ZmmX,
};
pub use reg::{GpSet, XmmSet};
pub use reg::{R8X, R16X, R32X, R64X};
pub use select::{Alu, BitTest, Bits, Cond, FpOp, Logic, Prec, Rounding, Shift, ShiftX, Unary, Width};
pub use select::{BlendV, Broadcast, Evex, MoveMask, Packed, PackedImm, PackedShift, PackedUnary, PackedUnaryImm};

#[doc = include_str!("../guide/coming-from.md")]
#[cfg(any(doc, doctest))]
pub mod guide {}

/// The README's example is a test.
#[cfg(all(doctest, feature = "mnemonics"))]
#[doc = include_str!("../README.md")]
struct Readme;
