//! Do labels lead where they should? Random programs are assembled, decoded, and every target compared.

use iced_x86::{Decoder, DecoderOptions, Instruction};
use planish_asm::regs::*;
use planish_asm::*;
use proptest::prelude::*;

const LABELS: usize = 6;

#[derive(Clone, Copy, Debug)]
enum Item {
    /// Ignored when the label is bound already.
    Bind(usize),
    Jcc(usize),
    Jmp(usize),
    Call(usize),
    JccShort(usize),
    JmpShort(usize),
    Lea(usize),
    /// `mov [rip + label + disp], imm`: with bytes behind the field.
    Store(usize, Width, i32),
    /// `label - base`; left out when the base is not bound.
    Difference(usize, usize),
    Align(u32),
    Nops(u32),
}

/// What is at a position of the finished code.
#[derive(Clone, Copy, Debug)]
struct Site {
    item: Item,
    start: usize,
    end: usize,
}

/// The program, and at its end all labels that are not bound.
fn assemble(asm: &mut Asm, program: &[Item]) -> (Vec<Site>, Vec<usize>) {
    let labels: Vec<Label> = (0..LABELS).map(|_| asm.label()).collect();
    let mut bound = [None; LABELS];
    let mut sites = Vec::new();
    for &item in program {
        let start = asm.pos();
        match item {
            Item::Bind(l) if bound[l].is_some() => {}
            Item::Bind(l) => {
                bound[l] = Some(start);
                asm.bind(labels[l]);
            }
            Item::Jcc(l) => _ = asm.jcc(Cond::Less, labels[l]),
            Item::Jmp(l) => _ = asm.jmp_label(labels[l]),
            Item::Call(l) => _ = asm.call_label(labels[l]),
            Item::JccShort(l) => _ = asm.jcc_short(Cond::Less, labels[l]),
            Item::JmpShort(l) => _ = asm.jmp_short(labels[l]),
            Item::Lea(l) => _ = asm.lea_label(r9.any(), labels[l]),
            Item::Store(l, w, disp) => _ = asm.mov_mi(w, Addr::rip(labels[l]).disp(disp), 0x11),
            Item::Difference(_, base) if bound[base].is_none() => {}
            Item::Difference(l, base) => _ = asm.dd_label_diff(labels[l], labels[base]),
            Item::Align(n) => _ = asm.align(n),
            Item::Nops(n) => _ = asm.nops(n),
        }
        sites.push(Site { item, start, end: asm.pos() });
    }
    for l in 0..LABELS {
        if bound[l].is_none() {
            bound[l] = Some(asm.pos());
            asm.bind(labels[l]);
        }
    }
    (sites, bound.map(|b| b.unwrap()).to_vec())
}

fn decode(code: &[u8], site: Site) -> Instruction {
    let mut decoder = Decoder::with_ip(64, &code[site.start..site.end], site.start as u64, DecoderOptions::NONE);
    let instr = decoder.decode();
    assert_eq!(instr.len(), site.end - site.start, "{site:?}: {instr}");
    instr
}

/// Whether the site's short branch reaches.
fn reaches(site: &Site, targets: &[usize]) -> bool {
    match site.item {
        Item::JccShort(l) | Item::JmpShort(l) => i8::try_from(targets[l] as i64 - site.end as i64).is_ok(),
        _ => true,
    }
}

fn verify(code: &[u8], site: Site, targets: &[usize]) {
    let len = site.end - site.start;
    match site.item {
        Item::Bind(_) => assert_eq!(len, 0),
        Item::Jcc(l) | Item::Jmp(l) | Item::Call(l) | Item::JccShort(l) | Item::JmpShort(l) => {
            let instr = decode(code, site);
            assert_eq!(instr.near_branch_target() as usize, targets[l], "{site:?}");
            // Backward branches are short where they can be.
            let short = i8::try_from(targets[l] as i64 - (site.start as i64 + 2)).is_ok();
            let backward = targets[l] <= site.start && !matches!(site.item, Item::Call(_));
            // A label bound at this very position may have been bound after the branch.
            if backward && targets[l] < site.start && short {
                assert_eq!(len, 2, "{site:?}");
            }
        }
        Item::Lea(l) => assert_eq!(decode(code, site).memory_displacement64() as usize, targets[l], "{site:?}"),
        Item::Store(l, w, disp) => {
            let instr = decode(code, site);
            assert_eq!(instr.memory_displacement64(), (targets[l] as i64 + disp as i64) as u64, "{site:?}");
            assert_eq!(instr.immediate(1), 0x11);
            assert_eq!(instr.memory_size().size(), w.bytes() as usize);
        }
        Item::Difference(_, _) if len == 0 => {}
        Item::Difference(l, base) => {
            let value = i32::from_le_bytes(code[site.start..site.end].try_into().unwrap());
            assert_eq!(value as i64, targets[l] as i64 - targets[base] as i64, "{site:?}");
        }
        Item::Align(n) => assert_eq!(site.end % n as usize, 0),
        Item::Nops(n) => {
            assert_eq!(len, n as usize);
            let decoder = Decoder::with_ip(64, &code[site.start..site.end], 0, DecoderOptions::NONE);
            let nops: Vec<_> = decoder.into_iter().collect();
            assert!(nops.iter().all(|i| i.mnemonic() == iced_x86::Mnemonic::Nop));
            assert_eq!(nops.len(), len.div_ceil(9));
        }
    }
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let l = 0..LABELS;
    let width = proptest::sample::select(&[Width::W8, Width::W16, Width::W32, Width::W64][..]);
    let disp = prop_oneof![Just(0), Just(8), -300..300];
    let item = prop_oneof![
        2 => l.clone().prop_map(Item::Bind),
        2 => l.clone().prop_map(Item::Jcc),
        1 => l.clone().prop_map(Item::Jmp),
        1 => l.clone().prop_map(Item::Call),
        1 => l.clone().prop_map(Item::JccShort),
        1 => l.clone().prop_map(Item::JmpShort),
        1 => l.clone().prop_map(Item::Lea),
        1 => (l.clone(), width, disp).prop_map(|(l, w, d)| Item::Store(l, w, d)),
        1 => (l.clone(), l).prop_map(|(l, base)| Item::Difference(l, base)),
        1 => (0..6u32).prop_map(|n| Item::Align(1 << n)),
        1 => (0..40u32).prop_map(Item::Nops),
        1 => (90..140u32).prop_map(Item::Nops),
    ];
    proptest::collection::vec(item, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs(program in items()) {
        let mut code = [0xCC; 8192];
        let mut slots = [LabelSlot::EMPTY; 64];
        let mut asm = Asm::new(&mut code, &mut slots);
        let (sites, targets) = assemble(&mut asm, &program);
        let len = asm.pos();
        match asm.finish() {
            Ok(code) => {
                assert!(sites.iter().all(|s| reaches(s, &targets)));
                sites.iter().for_each(|&site| verify(code, site, &targets));
            }
            Err(AsmError::ShortRange { at }) => {
                let site = sites.iter().find(|s| at + 1 == s.end).expect("the field is the last byte of a branch");
                assert!(!reaches(site, &targets), "{site:?}");
            }
            Err(error) => panic!("{error}"),
        }
        assert!(code[len..].iter().all(|&b| b == 0xCC) || len + 16 <= code.len());
    }

    /// Any smaller buffer is reported with the size that is enough, and nothing behind it is written.
    #[test]
    fn every_buffer_size(program in items()) {
        let mut slots = [LabelSlot::EMPTY; 64];
        let mut whole = [0; 8192];
        let mut asm = Asm::new(&mut whole, &mut slots);
        assemble(&mut asm, &program);
        let expected = asm.finish().map(<[u8]>::to_vec);
        let needed = asm.pos();
        let step = if needed < 100 { 1 } else { 37 };
        for size in (0..needed).step_by(step).chain(needed.saturating_sub(17)..needed) {
            let mut code = [0xCC; 8192];
            let mut asm = Asm::new(&mut code[..size], &mut slots);
            assemble(&mut asm, &program);
            match asm.finish().map(<[u8]>::len) {
                Err(AsmError::ShortRange { .. }) if expected.is_err() => {}
                result => assert_eq!(result, Err(AsmError::Full { needed })),
            }
            assert!(code[size..].iter().all(|&b| b == 0xCC));
        }
        let mut code = [0xCC; 8192];
        let mut asm = Asm::new(&mut code[..needed], &mut slots);
        assemble(&mut asm, &program);
        assert_eq!(asm.finish().map(<[u8]>::to_vec), expected);
        assert!(code[needed..].iter().all(|&b| b == 0xCC));
    }

    /// Too few label slots are reported with a number that is enough.
    #[test]
    fn every_slot_count(program in items(), count in 0..12usize) {
        let mut code = [0; 8192];
        let mut slots = [LabelSlot::EMPTY; 128];
        let mut asm = Asm::new(&mut code, &mut slots[..count]);
        assemble(&mut asm, &program);
        if let Err(AsmError::TooManyLabels { needed }) = asm.finish() {
            assert!(needed > count);
            let mut asm = Asm::new(&mut code, &mut slots[..needed]);
            assemble(&mut asm, &program);
            assert!(!matches!(asm.finish(), Err(AsmError::TooManyLabels { .. })));
        }
    }
}

#[test]
fn wrong_uses_are_reported() {
    fn error(emit: impl Fn(&mut Asm)) -> AsmError {
        let (mut code, mut slots) = ([0; 512], [LabelSlot::EMPTY; 4]);
        let mut asm = Asm::new(&mut code, &mut slots);
        emit(&mut asm);
        asm.ret().finish().expect_err("a wrong use")
    }
    let label = |asm: &mut Asm| asm.label();
    let unbound = error(|a| {
        let l = label(a);
        a.jmp_label(l);
    });
    assert!(matches!(unbound, AsmError::Unbound { .. }));
    let unbound = error(|a| {
        let l = label(a);
        a.jmp_short(l);
    });
    assert!(matches!(unbound, AsmError::Unbound { .. }));
    let twice = error(|a| {
        let l = label(a);
        a.nops(3).bind(l).bind(l);
    });
    assert_eq!(twice, AsmError::BoundTwice { at: 3 });
    let far = error(|a| {
        let l = label(a);
        a.bind(l).nops(127).jmp_short(l);
    });
    assert_eq!(far, AsmError::ShortRange { at: 128 });
    let base = error(|a| {
        let (l, base) = (label(a), label(a));
        a.bind(l).dd_label_diff(l, base).bind(base);
    });
    assert_eq!(base, AsmError::UnboundBase { at: 0 });
    assert_eq!(error(|a| _ = a.nops(2).align(3)), AsmError::InvalidAlignment { at: 2 });
    assert_eq!(error(|a| _ = a.u32(0).patch_u32(1, 0)), AsmError::InvalidPatch { at: 1 });
    let high = error(|a| _ = a.nops(2).mov_r8hi_r8(ah, sil.any()));
    assert_eq!(high, AsmError::HighByte { at: 2 });

    let (mut code, mut slots) = ([0; 64], [LabelSlot::EMPTY; 9]);
    let foreign = Asm::new(&mut code, &mut slots).labels(9).get(8).unwrap();
    assert_eq!(error(|a| _ = a.jmp_label(foreign)), AsmError::UnknownLabel { at: 0 });
}

/// The first error stays, and a cleared assembler is like a new one.
#[test]
fn errors_stay_until_cleared() {
    let (mut code, mut slots) = ([0; 64], [LabelSlot::EMPTY; 1]);
    let mut asm = Asm::new(&mut code, &mut slots);
    asm.align(3).patch_u32(9, 9).ret();
    assert_eq!(asm.finish(), Err(AsmError::InvalidAlignment { at: 0 }));
    assert_eq!(asm.finish(), Err(AsmError::InvalidAlignment { at: 0 }));
    let l = asm.clear().label();
    assert_eq!(asm.jmp_label(l).bind(l).finish(), Ok(&[0xE9, 0, 0, 0, 0][..]));
    assert_eq!(asm.label_pos(l), Some(5));
}

/// A label with thousands of fields, and a jump table of as many labels.
#[test]
fn many_fields() {
    let mut code = vec![0; 1 << 20];
    let mut slots = vec![LabelSlot::EMPTY; 20_001];
    let mut asm = Asm::new(&mut code, &mut slots);
    let end = asm.label();
    for _ in 0..10_000 {
        asm.jcc(Cond::Equal, end);
    }
    asm.bind(end);
    let table = asm.label();
    asm.bind(table);
    let cases = asm.labels(9_000);
    for i in 0..9_000 {
        asm.dd_label_diff(cases.get(i).unwrap(), table);
    }
    for i in 0..9_000 {
        asm.bind(cases.get(i).unwrap()).u8(0xC3);
    }
    let code = asm.finish().unwrap();
    for i in 0..10_000 {
        let at = i * 6 + 2;
        assert_eq!(u32::from_le_bytes(code[at..at + 4].try_into().unwrap()) as usize, 60_000 - (at + 4));
    }
    for i in 0..9_000 {
        let at = 60_000 + i * 4;
        assert_eq!(u32::from_le_bytes(code[at..at + 4].try_into().unwrap()) as usize, 36_000 + i);
    }
}
