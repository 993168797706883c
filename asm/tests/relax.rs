//! Branches that shrink, at the edges and across everything that must move with them.

use planish_asm::regs::*;
use planish_asm::*;

/// Assembles with branches that shrink, with so much room that nothing is short.
fn relaxed(emit: impl FnOnce(&mut Asm)) -> Result<Vec<u8>, AsmError> {
    let (mut code, mut labels) = (vec![0; 1 << 16], vec![LabelSlot::EMPTY; 4096]);
    let mut records = vec![Record::EMPTY; 8192];
    let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
    emit(&mut a);
    a.relax().finish().map(<[u8]>::to_vec)
}

/// `jmp`, `len` bytes, its target.
fn forward(len: u32) -> Vec<u8> {
    let emit = |a: &mut Asm| {
        let end = a.label();
        a.jmp_label(end).nops(len).bind(end);
    };
    relaxed(emit).expect("a program")
}

#[test]
fn forward_edge() {
    assert_eq!(forward(127)[..2], [0xEB, 127]);
    assert_eq!(forward(127).len(), 129);
    assert_eq!(forward(128)[..5], [0xE9, 128, 0, 0, 0]);
    assert_eq!(forward(128).len(), 133);
}

#[test]
fn backward_edge() {
    let backward = |len| {
        let emit = |a: &mut Asm| {
            let top = a.label();
            a.bind(top).nops(len).jcc(Cond::Sign, top);
        };
        relaxed(emit).expect("a program")[len as usize..].to_vec()
    };
    assert_eq!(backward(126), [0x78, 0x80]);
    assert_eq!(backward(127), [0x0F, 0x88, 0x7B, 0xFF, 0xFF, 0xFF]);
}

/// A branch that is out of reach until the one inside of it has shrunk.
#[test]
fn branches_shrink_together() {
    let emit = |a: &mut Asm| {
        let (outer, inner) = (a.label(), a.label());
        a.jmp_label(outer).jcc(Cond::Equal, inner).nops(125).bind(inner).bind(outer);
    };
    assert_eq!(relaxed(emit).expect("a program")[..4], [0xEB, 127, 0x74, 125]);
}

/// Each branch pushes the one before it out of reach: all have to be long, and it does not take a layout for each.
#[test]
fn a_chain_of_pushes() {
    const COUNT: u32 = 2000;
    let (mut code, mut labels) = (vec![0; 1 << 20], vec![LabelSlot::EMPTY; 4096]);
    let mut records = vec![Record::EMPTY; 8192];
    let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
    let labels = a.labels(COUNT);
    for n in 0..COUNT {
        a.jcc(Cond::Equal, labels.get(n).unwrap());
        if n > 0 {
            // 126 bytes behind the branch before if this one is short, 130 if it is long.
            a.bind(labels.get(n - 1).unwrap());
        }
        a.nops(124);
    }
    a.nops(4).bind(labels.get(COUNT - 1).unwrap());
    assert_eq!(a.relax().finish().unwrap().len(), 130 * COUNT as usize + 4);
}

/// Padding grows when the code before it shrinks, and a branch across it must notice.
#[test]
fn padding_grows() {
    let emit = |a: &mut Asm| {
        let (near, far) = (a.label(), a.label());
        a.nops(3).jmp_label(near).bind(near).jmp_label(far).nops(56).align(64).nops(60).bind(far);
    };
    let code = relaxed(emit).expect("a program");
    // 3 + 2 + 2 + 56 bytes, one byte of padding, 60 bytes.
    assert_eq!((code.len(), &code[3..7]), (124, &[0xEB, 0, 0xEB, 117][..]));
}

#[test]
fn a_load_across_a_shrunk_branch() {
    let emit = |a: &mut Asm| {
        let (data, skip) = (a.label(), a.label());
        a.mov_rm(Width::W32, rax.any(), Addr::rip(data).disp(4));
        a.jmp_label(skip).nops(1).bind(skip).mov_mi(Width::W16, Addr::rip(data), 0x1234).bind(data).u64(0);
    };
    let expected = [
        0x8B, 0x05, 16, 0, 0, 0, // mov eax, [data + 4]
        0xEB, 1, 0x90, // jmp skip
        0x66, 0xC7, 0x05, 0, 0, 0, 0, 0x34, 0x12, // skip: mov word [data], 0x1234
        0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(relaxed(emit).unwrap(), expected);
}

/// Its base is bound behind it, which only branches that shrink allow.
#[test]
fn a_jump_table_across_a_shrunk_branch() {
    let emit = |a: &mut Asm| {
        let (table, one, two) = (a.label(), a.label(), a.label());
        a.bind(one).jmp_label(two).nops(1).dd_label_diff(two, table);
        a.bind(table).dd_label_diff(one, table).dd_label_diff(two, table).bind(two).ret();
    };
    assert_eq!(relaxed(emit).unwrap(), [0xEB, 13, 0x90, 8, 0, 0, 0, 0xF9, 0xFF, 0xFF, 0xFF, 8, 0, 0, 0, 0xC3]);
}

#[test]
fn relocations_marks_and_sites_across_a_shrunk_branch() {
    let (mut code, mut labels, mut records) = ([0; 64], [LabelSlot::EMPTY; 4], [Record::EMPTY; 16]);
    let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
    let skip = a.label();
    a.jcc(Cond::Equal, skip).ud2().bind(skip).mark(7);
    a.call_label(Label::external(1));
    a.lea_rm(Width::W64, rdi.any(), Addr::rip(Label::external(2)).disp(8));
    let site = a.call_patchable(skip);
    a.dq_label(skip, 1);
    assert_eq!(a.patch_range(site), None);
    let code = a.relax().finish().unwrap();
    #[rustfmt::skip]
    let expected = [
        0x74, 2, 0x0F, 0x0B, // je skip; ud2
        0xE8, 0, 0, 0, 0, // skip: call 1
        0x48, 0x8D, 0x3D, 0, 0, 0, 0, // lea rdi, [2 + 8]
        0xE8, 0xEF, 0xFF, 0xFF, 0xFF, // call skip, in one block of 8 bytes without padding
        0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(code, expected);
    assert!(a.marks().eq([(4, 7)]));
    assert_eq!(a.patch_range(site), Some(17..21));
    let relocation = |offset, kind, symbol, addend| Relocation { offset, kind, symbol, addend };
    assert!(a.relocations().eq([
        relocation(5, RelocationKind::Branch32, Some(1), -4),
        relocation(12, RelocationKind::Relative32, Some(2), 4),
        relocation(21, RelocationKind::Abs64, None, 5),
    ]));
}

/// A fused pair is kept apart from a boundary by as much as it needs when its branch is short.
#[test]
fn the_erratum_counts_short_branches() {
    let emit = |a: &mut Asm| {
        let top = a.label();
        a.bind(top).nops(26).avoid_jcc_erratum(9);
        a.alu_rr(Alu::Cmp, Width::W64, rax.any(), rcx.any()).jcc(Cond::Less, top);
    };
    // 26..31 is within a block; as emitted, 26..35 was not.
    assert_eq!(relaxed(emit).unwrap()[26..], [0x48, 0x39, 0xC8, 0x7C, 0xE1]);
}

/// Fewer bytes are to be kept in one block than the branch behind has.
#[test]
fn a_branch_partly_kept() {
    let emit = |len| {
        let emit = |a: &mut Asm| {
            let end = a.label();
            a.nops(31).keep_within(len, 32).jmp_label(end).bind(end);
        };
        relaxed(emit).unwrap()[31..].to_vec()
    };
    assert_eq!(emit(1), [0xEB, 0]);
    for len in 2..6 {
        assert_eq!(emit(len), [0x90, 0xEB, 0], "{len}");
    }
}

#[test]
fn by_hand() {
    let emit = |a: &mut Asm| {
        let end = a.label();
        a.jmp_near(end).jcc_near(Cond::Equal, end).jmp_short(end).jcc(Cond::Equal, end).bind(end);
    };
    assert_eq!(relaxed(emit).unwrap(), [0xE9, 10, 0, 0, 0, 0x0F, 0x84, 4, 0, 0, 0, 0xEB, 2, 0x74, 0]);
    let far = |a: &mut Asm| {
        let (end, near) = (a.label(), a.label());
        a.jmp_label(near).bind(near).jmp_short(end).nops(128).bind(end);
    };
    assert_eq!(relaxed(far), Err(AsmError::ShortRange { at: 3 }));
}

#[test]
fn wrong_uses_are_reported() {
    let unbound = |a: &mut Asm| {
        let label = a.label();
        a.jmp_label(label);
    };
    assert!(matches!(relaxed(unbound), Err(AsmError::Unbound { .. })));
    let twice = |a: &mut Asm| {
        let label = a.label();
        a.nops(3).bind(label).bind(label);
    };
    assert_eq!(relaxed(twice), Err(AsmError::BoundTwice { at: 3 }));
    let foreign = Asm::new(&mut [], &mut []).labels(9).get(8).unwrap();
    assert_eq!(relaxed(|a| _ = a.nops(1).jmp_label(foreign)), Err(AsmError::UnknownLabel { at: 1 }));
    assert_eq!(relaxed(|a| _ = a.bind(Label::external(0))), Err(AsmError::BoundTwice { at: 0 }));
    assert_eq!(relaxed(|a| _ = a.jmp_short(Label::external(0))), Err(AsmError::ShortRange { at: 1 }));
    assert_eq!(relaxed(|a| _ = a.keep_within(9, 8)), Err(AsmError::InvalidAlignment { at: 0 }));
    let inside = |a: &mut Asm| {
        let end = a.label();
        a.jmp_label(end).bind(end).relocate(1, RelocationKind::Abs32, end, 0);
    };
    assert_eq!(relaxed(inside), Err(AsmError::InvalidPatch { at: 1 }));
    let (mut code, mut records) = ([0; 8], [Record::EMPTY; 1]);
    let mut a = Asm::new(&mut code, &mut []).with_records(&mut records);
    a.mark(1).mark(2);
    assert_eq!(a.finish(), Err(AsmError::TooManyRecords { needed: 2 }));
}

/// What is emitted after the pass is ordinary, and a cleared assembler shrinks branches again.
#[test]
fn afterwards() {
    let (mut code, mut labels, mut records) = ([0; 64], [LabelSlot::EMPTY; 4], [Record::EMPTY; 4]);
    let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
    for _ in 0..2 {
        let (top, end) = (a.label(), a.label());
        a.bind(top).jmp_label(top).relax().jmp_label(end).jmp_label(top).bind(end);
        assert_eq!(a.finish().unwrap(), [0xEB, 0xFE, 0xE9, 2, 0, 0, 0, 0xEB, 0xF7]);
        a.clear();
    }
}
