//! From use counts to homes: every variable gets a place that is fixed for the whole function.
//!
//! A plain sort by weight decides who is pinned into a register. Linear-scan packing over the intervals was measured and
//! brought nothing; the intervals serve to find variables that no call crosses.

use super::tape::{Class, Tape, Variable};
use crate::abi::{CALLEE_SAVED, CONTEXT, CallLayout, Cpu, FLOAT_ARGS, PUSHED, Place};
use planish_asm::regs::{r8, r9, r10, r13, rax, rbx, rcx, rdi, rdx, rsi};
use planish_asm::{Gp64, GpSet, Xmm, XmmX};

/// Never pinned: lowerings and temps need them.
const SCRATCH: GpSet = GpSet::of(&[rax, rcx, rdx]);
/// Pinned, or scratch when no variable wants them.
const CALLER_SAVED: GpSet = GpSet::of(&[rdi, rsi, r8, r9, r10]);
const CALLEE_SAVED_SET: GpSet = GpSet::of(&CALLEE_SAVED);
/// xmm0 to xmm3, by number; xmm15 belongs to the lowerings.
const FLOAT_SCRATCH: u16 = 0x000F;
/// xmm4 to xmm14.
const FLOAT_PINS: u16 = 0x7FF0;
/// xmm16 to xmm31.
const HIGH_VECTORS: u32 = 0xFFFF_0000;
/// What variables may be pinned to, and what else is scratch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RegisterFile {
    caller: GpSet,
    callee: GpSet,
    float: u16,
    /// With AVX-512.
    high: u32,
}

impl RegisterFile {
    pub(crate) const ALL: RegisterFile =
        RegisterFile { caller: CALLER_SAVED, callee: CALLEE_SAVED_SET, float: FLOAT_PINS, high: HIGH_VECTORS };
    /// Three of each, for tests: nearly everything happens in slots.
    pub(crate) const FEW: RegisterFile =
        RegisterFile { caller: GpSet::of(&[rsi]), callee: GpSet::of(&[rbx, r13]), float: 0x0070, high: 1 << 16 };
}

/// So many float registers are left to temps when constants get some.
const LEFT_TO_TEMPS: u32 = 4;

/// What saving and restoring a register costs: a variable must be used more to be worth it.
const SAVE_COST: u32 = 2;

/// Where a variable lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Home {
    Gpr(Gp64),
    Xmm(Xmm),
    /// One of the vector registers that only AVX-512 has. Values are moved to and from it as to and from the slot that it
    /// has for calls.
    High {
        register: XmmX,
        slot: i32,
    },
    /// Bytes from rsp, inside the frame.
    Slot(i32),
    /// A stack argument, where the caller put it: bytes from the return address.
    Argument(i32),
    /// Never read or written.
    Nowhere,
}

/// A pinned variable in a register that calls destroy, and the slot that holds it meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallerPin {
    pub(super) var: u32,
    pub(super) class: Class,
    pub(super) slot: i32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Where a value is: in no register.
pub(super) const IN_MEMORY: u8 = 0x80;
/// In a register: its number, with this bit if it is a float register,
pub(super) const FLOAT_PLACE: u8 = 0x10;
/// and this one if the register is the home of a variable.
pub(super) const PINNED: u8 = 0x20;

/// The homes of a function, complete before the first byte is emitted. Reused from function to function.
pub(super) struct Plan {
    pub(super) homes: Vec<Home>,
    /// The same for quick reading: by variable its place, [`PINNED`] or [`IN_MEMORY`];
    pub(super) pins: Vec<u8>,
    /// and for those in memory the bytes from rsp.
    pub(super) slots: Vec<i32>,
    /// At most as many as there are such registers.
    pub(super) caller_pins: Vec<CallerPin>,
    /// Vectors that stay in a register that no variable wants.
    pub(super) constants: Vec<(u128, Xmm)>,
    /// What the prologue pushes, in the order of [`PUSHED`].
    pub(super) saved: Vec<Gp64>,
    pub(super) scratch: GpSet,
    /// By number.
    pub(super) float_scratch: u16,
    /// Where temps go when registers run out: bytes from rsp, [`Plan::temp_bytes`] each.
    pub(super) temps_at: i32,
    /// What of a float register is stored there, whatever its temp: all of it if the function has vectors.
    pub(super) temp_class: Class,
    /// Is there room for them? Most functions never need any.
    pub(super) spills: bool,
    /// Slots and the outgoing area: what the prologue subtracts.
    pub(super) frame_bytes: i32,
    /// Variables by falling weight: its complement, then the number.
    order: Vec<u64>,
}

/// Which registers variables may be pinned to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pins {
    All,
    /// The others are all scratch: for a function with an entry that runs out of them.
    CalleeSaved,
}

/// The slot of a variable without a home: it is never read, and what would write it has no entry.
const NOWHERE: i32 = -8;

/// A frame beyond this does not fit the addressing of the code that uses it.
const MAX_FRAME_BYTES: u64 = 1 << 30;

impl Plan {
    pub(super) fn new() -> Plan {
        Plan {
            homes: Vec::new(),
            pins: Vec::new(),
            slots: Vec::new(),
            caller_pins: Vec::new(),
            constants: Vec::new(),
            saved: Vec::new(),
            scratch: GpSet::EMPTY,
            float_scratch: 0,
            temps_at: 0,
            temp_class: Class::F64,
            spills: false,
            frame_bytes: 0,
            order: Vec::new(),
        }
    }

    /// Assigns homes to the tape's variables, and memory to its temps if `spills`. `None`: the frame would exceed 1 GiB.
    pub(super) fn assign(
        &mut self,
        tape: &Tape,
        layout: &CallLayout,
        file: RegisterFile,
        cpu: Cpu,
        pins: Pins,
        spills: bool,
    ) -> Option<()> {
        let variables = &tape.variables;
        self.homes.clear();
        self.homes.resize(variables.len(), Home::Nowhere);
        self.pins.clear();
        self.pins.resize(variables.len(), IN_MEMORY);
        self.slots.clear();
        self.slots.resize(variables.len(), NOWHERE);
        self.caller_pins.clear();
        self.order.clear();
        let used = variables.iter().enumerate().filter(|(_, variable)| variable.weight > 0);
        self.order.extend(used.map(|(var, variable)| u64::from(!variable.weight) << 32 | var as u64));
        sort(&mut self.order);

        let slots = variables.len() as u64 + u64::from(tape.temps);
        let widest = if tape.vectors { 16 } else { 8 };
        if u64::from(tape.outgoing_bytes) + widest * slots > MAX_FRAME_BYTES {
            return None;
        }
        let mut next_slot = tape.outgoing_bytes as i32;
        let mut slot = |class: Class| {
            let bytes = if class == Class::V128 { 16 } else { 8 };
            next_slot += bytes;
            next_slot - bytes
        };
        let (caller, float) = match pins {
            Pins::All => (file.caller, file.float),
            Pins::CalleeSaved => (GpSet::EMPTY, 0),
        };
        let high = if cpu.avx512 { file.high } else { 0 };
        let mut free = Free { caller, callee: file.callee, float, high, wanted: GpSet::EMPTY };
        for place in &layout.params {
            if let Place::Gpr(register) = place {
                free.wanted.insert(*register);
            }
        }
        for &key in &self.order {
            let var = key as u32;
            let variable = &variables[var as usize];
            let arrival = layout.params.get(var as usize).copied();
            let home = match variable.class.is_float() {
                false => free.gpr(variable, arrival).map(Home::Gpr),
                true => free.xmm(variable, arrival).map(Home::Xmm),
            };
            let home = home.unwrap_or_else(|| match (free.high(variable), arrival) {
                (Some(register), _) => Home::High { register, slot: slot(variable.class) },
                (None, Some(Place::Stack(offset))) => Home::Argument(offset as i32),
                (None, _) => Home::Slot(slot(variable.class)),
            });
            self.homes[var as usize] = home;
            match home {
                Home::Gpr(register) => self.pins[var as usize] = PINNED | register.num(),
                Home::Xmm(register) => self.pins[var as usize] = PINNED | FLOAT_PLACE | register.num(),
                Home::Slot(at) | Home::High { slot: at, .. } => self.slots[var as usize] = at,
                // Their place is known once the frame's size is.
                Home::Argument(_) | Home::Nowhere => {}
            }
            let saved_at = match home {
                Home::Gpr(register) if CALLER_SAVED.contains(register) && tape.calls => slot(variable.class),
                Home::Xmm(_) if tape.calls => slot(variable.class),
                Home::High { slot, .. } if tape.calls => slot,
                _ => continue,
            };
            let Variable { class, start, end, .. } = *variable;
            self.caller_pins.push(CallerPin { var, class, slot: saved_at, start, end });
        }
        self.constants.clear();
        if !tape.loop_constants.is_empty() && !tape.calls && tape.handlers.is_empty() {
            self.keep_constants(tape, &mut free.float);
        }
        let saved = file.callee.minus(free.callee);
        self.saved.clear();
        if !saved.is_empty() {
            self.saved.extend(CALLEE_SAVED.iter().filter(|&&register| saved.contains(register)));
        }
        if tape.calls_imports {
            self.saved.push(CONTEXT);
        }
        (self.scratch, self.float_scratch) = match pins {
            Pins::All => (SCRATCH.union(free.caller), FLOAT_SCRATCH | free.float),
            Pins::CalleeSaved => (SCRATCH.union(CALLER_SAVED), FLOAT_SCRATCH | FLOAT_PINS),
        };
        self.temps_at = next_slot;
        self.spills = spills;
        self.temp_class = if tape.vectors { Class::V128 } else { Class::F64 };
        self.frame_bytes = next_slot + if spills { self.temp_bytes() * tape.temps as i32 } else { 0 };
        let arguments_at = self.return_address_at() + 8;
        let stack_arguments = if layout.arg_bytes > 0 { layout.params.len() } else { 0 };
        for (home, slot) in self.homes.iter().zip(&mut self.slots).take(stack_arguments) {
            if let Home::Argument(at) = home {
                *slot = arguments_at + at;
            }
        }
        Some(())
    }

    /// Those that are read most are loaded once, at the function's start. A call would destroy them. Measured on Zen 5: 0.6 to 1.0 of
    /// the time of small loops, whose loads are then all their own (thirty loops together 0.96); two real programs run as before.
    fn keep_constants(&mut self, tape: &Tape, free: &mut u16) {
        for &(value, _) in &tape.loop_constants {
            if free.count_ones() <= LEFT_TO_TEMPS {
                break;
            }
            let number = free.ilog2() as u8;
            *free &= !(1 << number);
            self.constants.extend(Xmm::from_num(number).map(|register| (value, register)));
        }
    }

    /// [`FunctionCode::saved`](crate::abi::positions::FunctionCode::saved)
    pub(super) fn saved_mask(&self) -> u8 {
        let bits = PUSHED.iter().enumerate().map(|(bit, register)| u8::from(self.saved.contains(register)) << bit);
        bits.sum()
    }

    /// Where the context lies that the prologue pushed last: bytes from rsp.
    pub(super) fn context_at(&self) -> i32 {
        debug_assert!(self.saved.last() == Some(&CONTEXT));
        self.frame_bytes
    }

    /// Bytes of a temp in memory.
    #[inline]
    pub(super) fn temp_bytes(&self) -> i32 {
        if self.temp_class == Class::V128 { 16 } else { 8 }
    }

    /// From rsp to the return address.
    pub(super) fn return_address_at(&self) -> i32 {
        self.frame_bytes + 8 * self.saved.len() as i32
    }
}

/// Sorts different keys. A few are counted, without a branch: who comes first cannot be foreseen.
fn sort(keys: &mut [u64]) {
    let mut sorted = [0; 16];
    if keys.len() > sorted.len() {
        return keys.sort_unstable();
    }
    for &key in &*keys {
        let smaller: usize = keys.iter().map(|&other| usize::from(other < key)).sum();
        sorted[smaller & 15] = key;
    }
    keys.copy_from_slice(&sorted[..keys.len()]);
}

/// Registers that nobody is pinned to yet.
struct Free {
    caller: GpSet,
    callee: GpSet,
    float: u16,
    high: u32,
    /// Arrival registers of parameters: left to them while there are others.
    wanted: GpSet,
}

impl Free {
    fn gpr(&mut self, variable: &Variable, arrival: Option<Place>) -> Option<Gp64> {
        let register = if variable.calls == 0 {
            self.caller_saved(arrival).or_else(|| self.callee_saved(variable))
        } else {
            self.callee_saved(variable).or_else(|| match variable.weight > variable.calls.saturating_mul(2) {
                true => self.caller_saved(arrival),
                false => None,
            })
        }?;
        self.caller.remove(register);
        self.callee.remove(register);
        Some(register)
    }

    fn caller_saved(&self, arrival: Option<Place>) -> Option<Gp64> {
        if let Some(Place::Gpr(register)) = arrival
            && self.caller.contains(register)
        {
            return Some(register);
        }
        self.caller.minus(self.wanted).lowest().or_else(|| self.caller.lowest())
    }

    fn callee_saved(&self, variable: &Variable) -> Option<Gp64> {
        if variable.weight > SAVE_COST { self.callee.lowest() } else { None }
    }

    fn high(&mut self, variable: &Variable) -> Option<XmmX> {
        if variable.class != Class::V128 || self.high == 0 || variable.weight <= variable.calls.saturating_mul(2) {
            return None;
        }
        let register = XmmX::from_num(self.high.trailing_zeros() as u8)?;
        self.high &= self.high - 1;
        Some(register)
    }

    fn xmm(&mut self, variable: &Variable, arrival: Option<Place>) -> Option<Xmm> {
        if variable.weight <= variable.calls.saturating_mul(2) {
            return None;
        }
        let arrived = match arrival {
            Some(Place::Xmm(register)) => self.float & 1 << register.num(),
            _ => 0,
        };
        let arguments = (1 << FLOAT_ARGS.len()) - 1;
        let choice = [arrived, self.float & !arguments, self.float].into_iter().find(|&set| set != 0)?;
        let register = Xmm::from_num(choice.trailing_zeros() as u8)?;
        self.float &= !(1 << register.num());
        Some(register)
    }
}
