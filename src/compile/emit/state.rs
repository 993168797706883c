//! [`Emit`]: the state of one function being emitted, and what all its parts use.

use super::address::{Fused, HeapAddress};
use super::cold::Cold;
use super::recount::state::Recount;
use super::registers::{Bank, Cell, bit};
use crate::abi::code_memory::Relocation;
use crate::abi::layout::Slot;
use crate::abi::positions::{Calls, Site, SiteKind, SiteWriter};
use crate::abi::{CONTEXT, CallLayout, TrapCode};
use crate::compile::assign::Plan;
use crate::compile::context::ModuleContext;
use crate::compile::op::{Class, Memarg};
use crate::compile::tape::{Entry, NO_HANDLER, Tape};
use crate::types::{FuncType, GlobalIndex};
use planish_asm::regs::rsp;
use planish_asm::{Addr, Asm, Gp64, Label, Labels, Prec, Width, Xmm};

/// One function being emitted.
pub(super) struct Emit<'a> {
    pub(super) module: &'a ModuleContext<'a>,
    pub(super) tape: &'a Tape,
    pub(super) plan: &'a Plan,
    pub(super) layout: &'a CallLayout,
    pub(super) ty: &'a FuncType,
    pub(super) entries: &'a [Entry],
    /// By variable that is not pinned: where it lies, in bytes from rsp.
    pub(super) slots: &'a [i32],
    pub(super) asm: Asm<'a>,
    /// By the tape's numbers.
    pub(super) labels: Labels,
    pub(super) bank: Bank,
    /// By variable and temp in turn, then base of a memory, then one for everything else: in which register it is, or [`IN_MEMORY`]. What a pinned
    /// variable has never changes.
    pub(super) places: &'a mut [u8],
    /// The first base of a memory.
    pub(super) memory_cells: Cell,
    /// The one for everything else.
    pub(super) no_cell: Cell,
    pub(super) cold: &'a mut Vec<Cold>,
    pub(super) tables: &'a mut Vec<(Label, u32)>,
    pub(super) constants: &'a mut Vec<(u128, Label)>,
    pub(super) sites: &'a mut SiteWriter,
    pub(super) calls: &'a mut Calls,
    /// The place of the tape's first catch in `calls`.
    pub(super) first_catch: u32,
    /// The innermost handler around the entry being emitted, or [`NO_HANDLER`].
    pub(super) handler: u32,
    pub(super) relocations: &'a mut Vec<Relocation>,
    /// Of the function's first byte.
    pub(super) base: u32,
    /// Of the entries to come that can trap.
    pub(super) offsets: std::slice::Iter<'a, u32>,
    /// The entry being emitted.
    pub(super) at: usize,
    pub(super) fused: Fused,
    /// Where the access goes that comes next, if that is not memory 0 with a 32-bit index.
    pub(super) memarg: Option<Memarg>,
    /// If not, and if that needs no check.
    pub(super) plain: bool,
    pub(super) allow_short: bool,
    /// Has any temp been stored?
    pub(super) spilled: bool,
    pub(super) recount: &'a mut Recount,
}

/// An integer operand as an instruction takes it.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Reg(Gp64),
    Imm(i32),
    /// Bytes from rsp.
    Slot(i32),
    /// A guarded access: the instruction is a site, of this wasm offset.
    Heap(HeapAddress, u32),
}

impl Source {
    /// The registers it is made of.
    pub(super) fn registers(self) -> u16 {
        match self {
            Source::Reg(register) => bit(register),
            Source::Heap(address, _) => address.registers(),
            Source::Imm(_) | Source::Slot(_) => 0,
        }
    }
}

/// The second operand of a float instruction.
#[derive(Clone, Copy)]
pub(super) enum FloatSource {
    Reg(Xmm),
    Mem(Addr),
    /// A guarded access: the instruction is a site, of this wasm offset.
    Heap(Addr, u32),
}

impl Emit<'_> {
    /// A label of the tape.
    #[inline]
    pub(super) fn label_of(&self, number: u32) -> Label {
        self.labels.get(number).expect("made for all of them")
    }

    // Sites and traps.

    /// The wasm offset of the entry being emitted; each that can trap takes one.
    #[inline]
    pub(super) fn take_offset(&mut self) -> u32 {
        *self.offsets.next().expect("one for each entry that takes one")
    }

    /// The next instruction can trap.
    #[inline]
    pub(super) fn site(&mut self, kind: SiteKind, wasm_offset: u32) {
        self.sites.push(Site { code_offset: self.base + self.asm.pos() as u32, wasm_offset, kind });
    }

    /// A call was just emitted; the callee pops so many bytes.
    #[inline]
    pub(super) fn call_site(&mut self, popped: u32, handler: u32, wasm_offset: u32) {
        self.site(SiteKind::Call, wasm_offset);
        if popped > 0 || handler != NO_HANDLER {
            self.note_call(popped, handler);
        }
    }

    #[inline(never)]
    pub(super) fn note_call(&mut self, popped: u32, handler: u32) {
        if popped > 0 {
            self.calls.popped.push((self.base + self.asm.pos() as u32, popped));
        }
        if handler != NO_HANDLER {
            self.note_catch(handler);
        }
    }

    /// A label behind the function that traps.
    pub(super) fn trap(&mut self, code: TrapCode, wasm_offset: u32) -> Label {
        let label = self.asm.label();
        self.cold.push(Cold::Trap { label, code, wasm_offset });
        label
    }

    /// Where a global's value lies.
    pub(super) fn global(&mut self, index: u32) -> Addr {
        self.definition(self.module.context.global(GlobalIndex(index))).at(0)
    }

    /// A definition that lies in the context or behind a pointer there, which is loaded.
    pub(super) fn definition(&mut self, slot: Slot) -> Definition {
        match slot {
            Slot::Own(start) => Definition { base: CONTEXT, start },
            Slot::Imported(at) => {
                let pointer = self.scratch(0, 0);
                self.mov_rm(Width::W64, pointer.any(), Addr::base_disp(CONTEXT.any(), at));
                Definition { base: pointer, start: 0 }
            }
        }
    }
}

/// Where the definition of a memory, table or global starts.
#[derive(Clone, Copy)]
pub(super) struct Definition {
    pub(super) base: Gp64,
    pub(super) start: i32,
}

impl Definition {
    pub(super) fn at(self, bytes: i32) -> Addr {
        Addr::base_disp(self.base.any(), self.start + bytes)
    }
}

#[inline]
pub(super) fn frame(at: i32) -> Addr {
    Addr::base_disp(rsp.any(), at)
}

#[inline]
pub(super) fn width(class: Class) -> Width {
    match class {
        Class::I32 => Width::W32,
        _ => Width::W64,
    }
}

#[inline]
pub(super) fn prec(class: Class) -> Prec {
    match class {
        Class::F32 => Prec::S,
        _ => Prec::D,
    }
}
