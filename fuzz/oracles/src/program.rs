//! Programs with labels, data and padding, in buffers of every size: nothing outside of the buffer is written, and
//! everything leads where it should, with branches as they are emitted and with branches that shrink.

use iced_x86::{Decoder, DecoderOptions, Instruction};
use planish_asm::regs::*;
use planish_asm::*;

use crate::bytes::Choices;

const LABELS: usize = 6;
/// More than any program needs.
const ROOM: usize = 1 << 16;
/// What lies behind the buffer, and how much of it is looked at.
const CANARY: u8 = 0xC5;
const FENCE: usize = 64;

/// One call of the assembler.
#[derive(Clone, Copy, Debug)]
enum Item {
    /// Ignored when the label is bound already.
    Bind(usize),
    Jcc(usize),
    Jmp(usize),
    Call(usize),
    JccShort(usize),
    JmpShort(usize),
    JccNear(usize),
    /// In front of it `avoid_jcc_erratum`.
    JccApart(usize),
    Lea(usize),
    /// `mov [rip + label + disp], imm`: with bytes behind the field.
    Store(usize, Width, i32),
    /// `label - base`; left out when the base is not bound.
    Difference(usize, usize),
    /// The label's address.
    Address(usize),
    CallExternal(u32),
    LoadExternal(u32, i32),
    Patchable(usize),
    Align(u32),
    /// `keep_within` in front of whatever comes.
    Keep(u32),
    Nops(u32),
}

/// An item and its place in the finished code.
#[derive(Clone, Copy, Debug)]
struct Site {
    item: Item,
    start: usize,
    end: usize,
}

fn item(c: &mut Choices) -> Item {
    let label = |c: &mut Choices| c.below(LABELS);
    match c.below(21) {
        0 | 1 => Item::Bind(label(c)),
        2 | 3 => Item::Jcc(label(c)),
        4 => Item::Jmp(label(c)),
        5 => Item::Call(label(c)),
        6 => Item::JccShort(label(c)),
        7 => Item::JmpShort(label(c)),
        8 => Item::JccNear(label(c)),
        9 => Item::JccApart(label(c)),
        10 => Item::Lea(label(c)),
        11 => {
            let width = [Width::W8, Width::W16, Width::W32, Width::W64][c.below(4)];
            Item::Store(label(c), width, i32::from(c.byte() as i8) * 3)
        }
        12 => Item::Difference(label(c), label(c)),
        13 => Item::Address(label(c)),
        14 => Item::CallExternal(u32::from(c.byte())),
        15 => Item::LoadExternal(u32::from(c.byte()), i32::from(c.byte() as i8)),
        16 => Item::Patchable(label(c)),
        17 => Item::Align(1 << c.below(7)),
        18 => Item::Nops(c.below(12) as u32),
        19 => Item::Nops(100 + c.below(40) as u32),
        _ => Item::Keep(c.below(65) as u32),
    }
}

/// Emits the program with a mark in front of and behind every item, then all labels that are not bound.
fn assemble(a: &mut Asm, program: &[Item]) -> Vec<Label> {
    let labels: Vec<Label> = (0..LABELS).map(|_| a.label()).collect();
    let mut bound = [false; LABELS];
    for &item in program {
        a.mark(0);
        match item {
            Item::Bind(l) if bound[l] => {}
            Item::Bind(l) => {
                bound[l] = true;
                a.bind(labels[l]);
            }
            Item::Difference(_, base) if !bound[base] => {}
            item => emit(a, item, &labels),
        }
        a.mark(1);
    }
    for l in (0..LABELS).filter(|&l| !bound[l]) {
        a.bind(labels[l]);
    }
    labels
}

fn emit(a: &mut Asm, item: Item, labels: &[Label]) {
    match item {
        Item::Bind(_) => {}
        Item::Jcc(l) => _ = a.jcc(Cond::Less, labels[l]),
        Item::Jmp(l) => _ = a.jmp_label(labels[l]),
        Item::Call(l) => _ = a.call_label(labels[l]),
        Item::JccShort(l) => _ = a.jcc_short(Cond::Less, labels[l]),
        Item::JmpShort(l) => _ = a.jmp_short(labels[l]),
        Item::JccNear(l) => _ = a.jcc_near(Cond::Less, labels[l]),
        Item::JccApart(l) => _ = a.avoid_jcc_erratum(6).mark(2).jcc(Cond::Less, labels[l]),
        Item::Lea(l) => _ = a.lea_label(r9.any(), labels[l]),
        Item::Store(l, w, disp) => _ = a.mov_mi(w, Addr::rip(labels[l]).disp(disp), 0x11),
        Item::Difference(l, base) => _ = a.dd_label_diff(labels[l], labels[base]),
        Item::Address(l) => _ = a.dq_label(labels[l], 5),
        Item::CallExternal(n) => _ = a.call_label(Label::external(n)),
        Item::LoadExternal(n, disp) => {
            a.mov_rm(Width::W32, rax.any(), Addr::rip(Label::external(n)).disp(disp));
        }
        Item::Patchable(l) => _ = a.call_patchable(labels[l]),
        Item::Align(n) => _ = a.align(n),
        Item::Keep(n) => _ = a.keep_within(n, 64),
        Item::Nops(n) => _ = a.nops(n),
    }
}

/// What the marks say.
fn sites(a: &Asm, program: &[Item]) -> Vec<Site> {
    let mut sites = Vec::new();
    let mut start = 0;
    for (offset, tag) in a.marks() {
        match tag {
            1 => sites.push(Site { item: program[sites.len()], start, end: offset }),
            _ => start = offset,
        }
    }
    assert_eq!(sites.len(), program.len());
    sites
}

fn decode(code: &[u8], site: Site) -> Instruction {
    let mut decoder = Decoder::with_ip(64, &code[site.start..site.end], site.start as u64, DecoderOptions::NONE);
    let instruction = decoder.decode();
    assert_eq!(instruction.len(), site.end - site.start, "{site:?}: {instruction}");
    instruction
}

/// Whether the site's short branch reaches.
fn reaches(site: &Site, targets: &[usize]) -> bool {
    match site.item {
        Item::JccShort(l) | Item::JmpShort(l) => i8::try_from(targets[l] as i64 - site.end as i64).is_ok(),
        _ => true,
    }
}

/// Whether the item is what is in the code.
fn verify(code: &[u8], site: Site, targets: &[usize]) {
    let len = site.end - site.start;
    match site.item {
        Item::Bind(_) => assert_eq!(len, 0),
        Item::Jcc(l) | Item::Jmp(l) | Item::Call(l) | Item::JccShort(l) | Item::JmpShort(l) | Item::JccNear(l) => {
            assert_eq!(decode(code, site).near_branch_target() as usize, targets[l], "{site:?}");
        }
        Item::JccApart(l) => {
            assert_eq!(decode(code, site).near_branch_target() as usize, targets[l], "{site:?}");
            assert_eq!(site.start / 32, site.end / 32, "{site:?} crosses or ends a block");
        }
        Item::Lea(l) => assert_eq!(decode(code, site).memory_displacement64() as usize, targets[l], "{site:?}"),
        Item::Store(l, w, disp) => {
            let instruction = decode(code, site);
            assert_eq!(instruction.memory_displacement64(), (targets[l] as i64 + i64::from(disp)) as u64, "{site:?}");
            assert_eq!(instruction.immediate(1), 0x11);
            assert_eq!(instruction.memory_size().size(), w.bytes() as usize);
        }
        Item::Difference(_, _) if len == 0 => {}
        Item::Difference(l, base) => {
            let value = i32::from_le_bytes(code[site.start..site.end].try_into().expect("4 bytes"));
            assert_eq!(i64::from(value), targets[l] as i64 - targets[base] as i64, "{site:?}");
        }
        Item::Address(_) => assert_eq!(code[site.start..site.end], [0; 8]),
        Item::CallExternal(_) => assert_eq!(code[site.start..site.end], [0xE8, 0, 0, 0, 0]),
        Item::LoadExternal(..) => assert_eq!(code[site.start..site.end], [0x8B, 0x05, 0, 0, 0, 0]),
        Item::Patchable(l) => {
            let call = Site { start: site.end - 5, ..site };
            assert_eq!(decode(code, call).near_branch_target() as usize, targets[l], "{site:?}");
            assert_eq!(call.start / 8, (call.end - 1) / 8, "{site:?} is in two blocks");
        }
        Item::Align(n) => {
            assert_eq!(site.end % n as usize, 0);
            verify_nops(&code[site.start..site.end]);
        }
        Item::Keep(_) => verify_nops(&code[site.start..site.end]),
        Item::Nops(n) => {
            assert_eq!(len, n as usize);
            verify_nops(&code[site.start..site.end]);
        }
    }
}

fn verify_nops(code: &[u8]) {
    let nops: Vec<Instruction> = Decoder::with_ip(64, code, 0, DecoderOptions::NONE).into_iter().collect();
    assert!(nops.iter().all(|nop| nop.mnemonic() == iced_x86::Mnemonic::Nop), "{code:02X?}");
    assert_eq!(nops.len(), code.len().div_ceil(9), "{code:02X?}");
}

/// Whether the relocations are those of the items, in their order.
fn verify_relocations(a: &Asm, sites: &[Site], targets: &[usize]) {
    let expected = |site: &Site| {
        let relocation =
            |offset, kind, symbol, addend| Some(Relocation { offset: site.start + offset, kind, symbol, addend });
        match site.item {
            Item::Address(l) => relocation(0, RelocationKind::Abs64, None, targets[l] as i64 + 5),
            Item::CallExternal(n) => relocation(1, RelocationKind::Branch32, Some(n), -4),
            Item::LoadExternal(n, disp) => relocation(2, RelocationKind::Relative32, Some(n), i64::from(disp) - 4),
            _ => None,
        }
    };
    let expected: Vec<Relocation> = sites.iter().filter_map(expected).collect();
    assert_eq!(a.relocations().collect::<Vec<_>>(), expected);
}

/// Whether no branch is long without need. Padding may be in the way.
fn verify_shortest(sites: &[Site], targets: &[usize], relaxed: bool) {
    let pads =
        |site: &Site| matches!(site.item, Item::Align(_) | Item::Keep(_) | Item::JccApart(_) | Item::Patchable(_));
    if relaxed && sites.iter().any(pads) {
        return;
    }
    for site in sites {
        let (Item::Jcc(l) | Item::Jmp(l)) = site.item else { continue };
        let (target, len) = (targets[l] as i64, (site.end - site.start) as i64);
        let distance = match target < site.end as i64 {
            true => target - (site.start as i64 + 2),
            false => target - site.end as i64,
        };
        let can_be_short = relaxed || target < site.start as i64;
        assert!(len == 2 || !can_be_short || i8::try_from(distance).is_err(), "{site:?} is long");
    }
}

/// Storage for one assembly.
struct Storage {
    code: Vec<u8>,
    labels: Vec<LabelSlot>,
    records: Vec<Record>,
}

impl Storage {
    fn new() -> Storage {
        Storage { code: vec![CANARY; ROOM], labels: vec![LabelSlot::EMPTY; 1024], records: vec![Record::EMPTY; 4096] }
    }

    /// An assembler over the first so many of each.
    fn asm(&mut self, relaxed: bool, code: usize, labels: usize, records: usize) -> Asm<'_> {
        let a = Asm::new(&mut self.code[..code], &mut self.labels[..labels]);
        let records = &mut self.records[..records];
        if relaxed { a.with_relaxation(records) } else { a.with_records(records) }
    }
}

/// Everything that must hold for a program with all the room it needs. Also returns how much code that is.
fn whole(program: &[Item], relaxed: bool, storage: &mut Storage) -> (Result<Vec<u8>, AsmError>, usize) {
    let mut a = storage.asm(relaxed, ROOM, 1024, 4096);
    let labels = assemble(&mut a, program);
    let needed = a.pos();
    let result = a.relax().finish().map(<[u8]>::to_vec);
    let sites = sites(&a, program);
    let targets: Vec<usize> = labels.iter().map(|&label| a.label_pos(label).expect("bound")).collect();
    match &result {
        Ok(code) => {
            assert!(sites.iter().all(|site| reaches(site, &targets)));
            sites.iter().for_each(|&site| verify(code, site, &targets));
            verify_relocations(&a, &sites, &targets);
            verify_shortest(&sites, &targets, relaxed);
        }
        Err(AsmError::ShortRange { at }) => {
            let site = sites.iter().find(|site| at + 1 == site.end).expect("the field is a branch's last byte");
            assert!(!reaches(site, &targets), "{site:?}");
        }
        Err(error) => panic!("{error}"),
    }
    (result, needed)
}

/// One try with so much room: nothing behind it may be written.
fn attempt(program: &[Item], relaxed: bool, storage: &mut Storage, room: [usize; 3]) -> Result<Vec<u8>, AsmError> {
    let [code, labels, records] = room;
    storage.code[code..code + FENCE].fill(CANARY);
    let mut a = storage.asm(relaxed, code, labels, records);
    assemble(&mut a, program);
    let result = a.relax().finish().map(<[u8]>::to_vec);
    assert!(storage.code[code..code + FENCE].iter().all(|&byte| byte == CANARY), "written behind {code} bytes");
    result
}

/// Starting with `size` bytes and nothing else, does what the errors say until it is enough.
fn grow(
    program: &[Item],
    relaxed: bool,
    storage: &mut Storage,
    size: usize,
    needed: usize,
) -> Result<Vec<u8>, AsmError> {
    let mut room = [size, 0, 0];
    for _ in 0..5 {
        match attempt(program, relaxed, storage, room) {
            Err(AsmError::Full { needed: exactly }) => {
                assert_eq!(exactly, needed);
                assert!(exactly > room[0]);
                room[0] = exactly;
            }
            Err(AsmError::TooManyLabels { needed }) => {
                assert!(needed > room[1]);
                room[1] = needed;
            }
            Err(AsmError::TooManyRecords { needed }) => {
                assert!(needed > room[2]);
                room[2] = needed;
            }
            result => {
                // With a few slots more than there are labels, some fields wait in them and some do not.
                let spare = [room[0], room[1] + 1 + size % 8, room[2]];
                assert_eq!(attempt(program, relaxed, storage, spare), result);
                return result;
            }
        }
    }
    panic!("what an error says is enough is not: {room:?}")
}

/// The program that the bytes describe, in all ways to assemble it.
pub fn any_program(bytes: &[u8]) {
    let mut c = Choices::new(bytes);
    let size = c.below(1 << 12);
    let mut program = Vec::new();
    while !c.is_empty() && program.len() < 300 {
        program.push(item(&mut c));
    }
    let mut storage = Storage::new();
    for relaxed in [false, true] {
        let (expected, needed) = whole(&program, relaxed, &mut storage);
        let near = needed.saturating_sub(size % 20);
        for size in [size % (needed + 17), near, needed] {
            assert_eq!(grow(&program, relaxed, &mut storage, size, needed), expected, "from {size} bytes");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::for_a_second;

    #[test]
    fn a_second_of_random_programs() {
        for_a_second(200, any_program);
    }
}
