//! Labels: wrong uses are reported, and thousands of fields are filled in. Random programs with labels are an oracle of
//! the fuzz targets (`program`), which has its own test.

use planish_asm::regs::*;
use planish_asm::*;

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

/// How many fields wait in slots, in chains, or first in the one and then in the other, has no effect on the code.
#[test]
fn any_number_of_free_slots() {
    const LABELS: u32 = 40;
    let assemble = |free: usize| {
        let (mut code, mut slots) = ([0; 4096], [LabelSlot::EMPTY; 200]);
        let mut asm = Asm::new(&mut code, &mut slots[..LABELS as usize + free]);
        let first = asm.labels(LABELS / 2);
        for i in 0..100 {
            let l = |offset| first.get((i * 7 + offset) % (LABELS / 2)).unwrap();
            asm.jcc(Cond::Equal, l(0)).call_label(l(3)).mov_mi(Width::W32, Addr::rip(l(5)), 1);
            if i % 5 == 4 {
                asm.bind(first.get(i / 5).unwrap());
            }
            if i % 20 == 0 {
                // Takes slots from those that wait.
                let later = asm.labels(4);
                asm.jmp_label(later.get(1).unwrap()).bind(later.get(1).unwrap());
            }
        }
        asm.finish().map(<[u8]>::to_vec)
    };
    let expected = assemble(0).unwrap();
    for free in 1..160 {
        assert_eq!(assemble(free).as_ref(), Ok(&expected), "{free}");
    }
}

/// A field that was patched after its label was bound stays as it was patched.
#[test]
fn a_patch_of_a_field_stays() {
    for free in 0..3 {
        let (mut code, mut slots) = ([0; 64], [LabelSlot::EMPTY; 8]);
        let mut asm = Asm::new(&mut code, &mut slots[..2 + free]);
        let l = asm.label();
        let site = asm.call_patchable(l);
        let field = asm.pos() + 1;
        asm.jmp_label(l).bind(l).patch_u32(field, 7).patch(site, &[1, 2, 3, 4]);
        let code = asm.finish().unwrap();
        assert_eq!(code[field - 6..], [0xE8, 1, 2, 3, 4, 0xE9, 7, 0, 0, 0], "{free}");
    }
}

/// What a buffer held before has no effect on the size that is asked for: of an instruction that does not fit, the field
/// may, and is then among those that its label fills in.
#[test]
fn a_full_buffer_is_not_read() {
    let mut slots = [LabelSlot::EMPTY; 2];
    for size in 0..212 {
        // Taken for a field, this says that the label with the number 0 holds more.
        let mut code: Vec<u8> = [0, 0, 0, 0xF8].into_iter().cycle().skip(2).take(size).collect();
        let mut asm = Asm::new(&mut code, &mut slots);
        let (top, end) = (asm.label(), asm.label());
        asm.nops(200).bind(top).mov_mi(Width::W32, Addr::rip(end), 1).bind(end).jmp_label(top);
        assert_eq!(asm.finish(), Err(AsmError::Full { needed: 212 }), "{size}");
    }
}
