//! [`needs`]: the features that code asks for, by a decoder that knows where instructions end and which they are, not what
//! their operands are.

use super::data::{ENTRIES, FEATURES};
use crate::features::Features;

/// At this offset is no instruction of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecoded {
    /// From the start of the code.
    pub at: usize,
}

impl core::fmt::Display for Undecoded {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "no known instruction at {:#x}", self.at)
    }
}

impl core::error::Error for Undecoded {}

/// The features that a processor must have to run `code`: instructions from the first byte to the last, no data among
/// them. A compiler can assert that it emits only what the processor has, and pays for that in debug builds only.
///
/// What a processor without a feature takes for another instruction (`tzcnt`, `lzcnt`, `endbr64`) needs that feature here.
///
/// ```
/// use planish_asm::metadata::{Undecoded, needs};
/// use planish_asm::{Asm, Features, regs::*};
///
/// let mut code = [0; 64];
/// let mut a = Asm::new(&mut code, &mut []);
/// a.vaddps(ymm0, ymm1, ymm2).andn(rax, rcx, rdx).vpaddd(zmm0.k(k1).z(), zmm1, zmm2).ret();
/// let code = a.finish()?;
/// let needed = needs(code).expect("instructions");
/// assert_eq!(needed, Features::AVX.union(Features::BMI1).union(Features::AVX512F));
/// assert_eq!(needs(&code[..5]), Err(Undecoded { at: 4 }));
/// # Ok::<(), planish_asm::AsmError>(())
/// ```
pub fn needs(code: &[u8]) -> Result<Features, Undecoded> {
    let (mut at, mut all) = (0, Features::NONE);
    while at < code.len() {
        let (len, features) = decode(&code[at..]).ok_or(Undecoded { at })?;
        all = all.union(features);
        at += len;
    }
    Ok(all)
}

/// The length of the first instruction, and what it needs.
///
/// ```
/// use planish_asm::{Features, metadata::decode};
/// assert_eq!(decode(&[0x0F, 0xA2, 0x90]), Some((2, Features::NONE)));
/// assert_eq!(decode(&[0xC5, 0xF4]), None);
/// ```
pub fn decode(code: &[u8]) -> Option<(usize, Features)> {
    let head = head(code)?;
    let behind = &code[head.len..];
    let entry = entry(&head, behind.first().copied())?;
    let operands = match entry.modrm() {
        Modrm::None => 0,
        Modrm::AlwaysRegister => 1,
        Modrm::Memory | Modrm::Register | Modrm::Any => modrm_len(behind)?,
    };
    let tail = if entry.has_address() && head.address_32 { 4 } else { entry.tail() };
    let len = head.len + operands + tail;
    (len <= MAX_INSTRUCTION && len <= code.len()).then(|| (len, FEATURES[entry.features()]))
}

/// The processor refuses longer ones (SDM Vol. 2, 2.3.11).
const MAX_INSTRUCTION: usize = 15;

/// Everything up to the opcode.
struct Head {
    /// Prefix scheme, map and opcode, as in [`Entry`].
    key: u64,
    /// What the prefixes say, as in [`Entry`].
    state: u64,
    /// With the opcode.
    len: usize,
    /// Prefix 67.
    address_32: bool,
}

const LEGACY: u64 = 0;
const VEX: u64 = 1;
const EVEX: u64 = 2;
const REX2: u64 = 3;

fn key(space: u64, map: u8, opcode: u8) -> u64 {
    space << 11 | u64::from(map & 7) << 8 | u64::from(opcode)
}

fn head(code: &[u8]) -> Option<Head> {
    let prefixes = Prefixes::read(code)?;
    let behind = code.get(prefixes.len..)?;
    let (key, state, len) = match behind.first()? {
        0x62 | 0xC4 | 0xC5 | 0xD5 => vector(behind).filter(|_| prefixes.allow_vector())?,
        _ => legacy(behind, prefixes.state)?,
    };
    Some(Head { key, state, len: prefixes.len + len, address_32: prefixes.address_32 })
}

/// Legacy prefixes and REX.
#[derive(Default)]
struct Prefixes {
    len: usize,
    state: u64,
    address_32: bool,
    lock: bool,
    rex: bool,
}

const OPERAND_SIZE: u64 = 1;
const REX_W: u64 = 2;
const F2: u64 = 4;
const F3: u64 = 8;

impl Prefixes {
    fn read(code: &[u8]) -> Option<Prefixes> {
        let mut prefixes = Prefixes::default();
        loop {
            let byte = *code.get(prefixes.len)?;
            // A REX prefix counts only directly before the opcode (SDM Vol. 2, 2.2.1).
            let state = prefixes.state & !REX_W;
            prefixes.state = match byte {
                0x40..=0x4F => state | u64::from(byte >> 2) & REX_W,
                0x66 => state | OPERAND_SIZE,
                // The last one counts.
                0xF2 => state & OPERAND_SIZE | F2,
                0xF3 => state & OPERAND_SIZE | F3,
                0x26 | 0x2E | 0x36 | 0x3E | 0x64 | 0x65 | 0x67 | 0xF0 => state,
                _ => return Some(prefixes),
            };
            prefixes.address_32 |= byte == 0x67;
            prefixes.lock |= byte == 0xF0;
            prefixes.rex = byte & 0xF0 == 0x40;
            prefixes.len += 1;
        }
    }

    /// In front of VEX and EVEX only segments and 67 may be (SDM Vol. 2, 2.3.2 to 2.3.4).
    fn allow_vector(&self) -> bool {
        self.state == 0 && !self.lock && !self.rex
    }
}

/// Key, state, and the length with the opcode.
type Opcode = (u64, u64, usize);

fn vector(code: &[u8]) -> Option<Opcode> {
    Some(match *code {
        [0xC5, last, opcode, ..] => (key(VEX, 1, opcode), u64::from(last & 3 | last << 1 & 8), 3),
        // Maps from 8 up are reserved.
        [0xC4, map, last, opcode, ..] if map & 0x18 == 0 => {
            (key(VEX, map, opcode), u64::from(last & 3 | last >> 5 & 4 | last << 1 & 8), 4)
        }
        [0x62, map, second, third, opcode, ..] => (key(EVEX, map, opcode), evex_state(second, third), 5),
        [0xD5, payload, opcode, ..] => (key(REX2, payload >> 7, opcode), u64::from(payload >> 3 & 1), 3),
        _ => return None,
    })
}

/// pp, W, L'L, b, and the last four bits.
fn evex_state(second: u8, third: u8) -> u64 {
    let (second, third) = (u64::from(second), u64::from(third));
    second & 3 | second >> 5 & 4 | third >> 2 & 0x18 | third << 1 & 0x20 | (third & 15) << 6
}

/// The escape bytes and the opcode.
fn legacy(code: &[u8], state: u64) -> Option<Opcode> {
    Some(match *code {
        [0x0F, 0x38, opcode, ..] => (key(LEGACY, 2, opcode), state, 3),
        [0x0F, 0x3A, opcode, ..] => (key(LEGACY, 3, opcode), state, 3),
        [0x0F, opcode, ..] => (key(LEGACY, 1, opcode), state, 2),
        [opcode, ..] => (key(LEGACY, 0, opcode), state, 1),
        [] => return None,
    })
}

/// The best of the entries that the prefixes and ModRM fit: that with the most prefixes of its own.
fn entry(head: &Head, modrm: Option<u8>) -> Option<Entry> {
    let first = ENTRIES.partition_point(|&word| Entry(word).key() < head.key);
    let same = ENTRIES[first..].iter().map(|&word| Entry(word)).take_while(|entry| entry.key() == head.key);
    same.filter(|entry| entry.fits(head.state, modrm)).max_by_key(|entry| entry.precedence())
}

/// One encoding, as the generator packs it.
#[derive(Clone, Copy)]
struct Entry(u64);

/// What must follow the opcode.
enum Modrm {
    None,
    Memory,
    Register,
    /// A register whatever `mod` says: moves to control registers.
    AlwaysRegister,
    Any,
}

impl Entry {
    fn key(self) -> u64 {
        self.0 >> 51
    }

    fn condition(self) -> (u64, u64) {
        (self.0 >> 39 & 0xFFF, self.0 >> 27 & 0xFFF)
    }

    fn modrm(self) -> Modrm {
        match self.0 >> 24 & 7 {
            0 => Modrm::None,
            1 => Modrm::Memory,
            2 => Modrm::Register,
            3 => Modrm::AlwaysRegister,
            _ => Modrm::Any,
        }
    }

    fn tail(self) -> usize {
        (self.0 >> 12 & 15) as usize
    }

    fn has_address(self) -> bool {
        self.0 >> 11 & 1 != 0
    }

    fn features(self) -> usize {
        (self.0 & 0xFF) as usize
    }

    fn fits(self, state: u64, modrm: Option<u8>) -> bool {
        let (mask, value) = self.condition();
        state & mask == value && self.fits_modrm(modrm)
    }

    fn fits_modrm(self, modrm: Option<u8>) -> bool {
        let kind = self.modrm();
        let Some(modrm) = modrm else { return matches!(kind, Modrm::None) };
        let is_register = modrm >= 0xC0;
        let mod_fits = match kind {
            Modrm::None => return true,
            Modrm::Memory => !is_register,
            Modrm::Register => is_register,
            Modrm::AlwaysRegister | Modrm::Any => true,
        };
        let digit = |at: u32| (self.0 >> (at + 3) & 1 != 0).then_some((self.0 >> at & 7) as u8);
        mod_fits && digit(20).is_none_or(|reg| reg == modrm >> 3 & 7) && digit(16).is_none_or(|rm| rm == modrm & 7)
    }

    /// F3 and F2 select an instruction before REX.W selects a width, and that before 66 does; a fixed ModRM byte before any
    /// other.
    fn precedence(self) -> (u64, u64) {
        (self.condition().1, self.0 >> 16 & 0x88)
    }
}

/// ModRM, SIB and displacement (SDM Vol. 2, 2.1.5).
fn modrm_len(code: &[u8]) -> Option<usize> {
    let modrm = *code.first()?;
    let (mode, rm) = (modrm >> 6, modrm & 7);
    if mode == 3 {
        return Some(1);
    }
    let sib = usize::from(rm == 4);
    let base = if sib == 1 { *code.get(1)? & 7 } else { rm };
    let disp = match mode {
        0 if base == 5 => 4,
        0 => 0,
        1 => 1,
        _ => 4,
    };
    Some(1 + sib + disp)
}
