//! Does the selection layer emit what it was asked for? iced-x86 decodes every instruction back.
//!
//! Registers and operations exhaustively; addresses at their structural boundaries and at random. Every case also runs in
//! buffers that are exactly large enough and one byte too small.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, OpKind, Register};
use planish_asm::*;
use proptest::prelude::*;

/// What an operand must decode to.
#[derive(Clone, Debug)]
enum Operand {
    Reg(String),
    /// The address and the size in bytes.
    Mem(Place, usize),
    /// Compared modulo the operand's width.
    Imm(i64, u32),
}

/// An address and, independently of it, what it must decode to.
#[derive(Clone, Copy, Debug)]
struct Place {
    addr: Addr,
    base: Register,
    index: Register,
    scale: u32,
    disp: i32,
    segment: Register,
}

use Operand::{Imm, Mem as M, Reg};

fn gp(width: Width, r: R64) -> Operand {
    Reg(match width {
        Width::W8 => r.r8().to_string(),
        Width::W16 => r.r16().to_string(),
        Width::W32 => r.r32().to_string(),
        Width::W64 => r.to_string(),
    })
}

fn x(r: Xmm) -> Operand {
    Reg(r.to_string())
}

fn cl() -> Operand {
    Reg("cl".into())
}

fn iced_name(r: Register) -> String {
    let name = format!("{r:?}").to_lowercase();
    // iced says r8l, the manual r8b.
    match name.strip_suffix('l') {
        Some(stem) if stem.starts_with('r') => format!("{stem}b"),
        _ => name,
    }
}

/// Emits, decodes, compares.
#[track_caller]
fn check(mnemonic: &str, operands: &[Operand], emit: impl Fn(&mut Asm)) {
    let mut buffer = [0xCC; 32];
    let mut asm = Asm::new(&mut buffer, &mut []);
    emit(&mut asm);
    let code = asm.finish().expect("a single instruction").to_vec();

    // A buffer of exactly this size does; one byte less does not, says so, and is left as it was or shorter.
    let mut exact = [0xCC; 32];
    let mut asm = Asm::new(&mut exact[..code.len()], &mut []);
    emit(&mut asm);
    assert_eq!(asm.finish(), Ok(&code[..]));
    assert!(exact[code.len()..].iter().all(|&b| b == 0xCC));
    let mut small = [0xCC; 32];
    let mut asm = Asm::new(&mut small[..code.len() - 1], &mut []);
    emit(&mut asm);
    assert_eq!(asm.finish(), Err(AsmError::Full { needed: code.len() }));
    assert!(small[code.len() - 1..].iter().all(|&b| b == 0xCC));

    let instr = Decoder::with_ip(64, &code, 0, DecoderOptions::NONE).decode();
    let what = || format!("{code:02x?} is {instr}, not {mnemonic} {operands:?}");
    assert_ne!(instr.code(), Code::INVALID, "{}", what());
    assert_eq!(instr.len(), code.len(), "{}", what());
    assert_eq!(format!("{:?}", instr.mnemonic()).to_lowercase(), mnemonic, "{}", what());
    assert_eq!(instr.op_count() as usize, operands.len(), "{}", what());
    for (i, operand) in operands.iter().enumerate() {
        assert!(matches(&instr, i as u32, operand), "operand {i}: {}", what());
    }
}

fn matches(instr: &Instruction, i: u32, operand: &Operand) -> bool {
    match operand {
        Reg(name) => instr.op_kind(i) == OpKind::Register && iced_name(instr.op_register(i)) == *name,
        Imm(value, bits) => {
            let mask = u64::MAX >> (64 - bits);
            instr.try_immediate(i).is_ok_and(|v| v & mask == *value as u64 & mask)
        }
        M(place, size) => {
            // `lea` has no size.
            let sized = instr.memory_size().size() == *size || *size == 0;
            let wide = !matches!(place.base.size().max(place.index.size()), 4);
            let disp = if wide { place.disp as i64 as u64 } else { place.disp as u32 as u64 };
            instr.op_kind(i) == OpKind::Memory
                && sized
                && instr.memory_base() == place.base
                && instr.memory_index() == place.index
                && (place.index == Register::None || instr.memory_index_scale() == place.scale)
                && instr.memory_displacement64() == disp
                && instr.segment_prefix() == place.segment
        }
    }
}

fn r64(num: u8) -> R64 {
    R64::from_num(num).unwrap()
}

fn iced_gp(num: u8, wide: bool) -> Register {
    let first = if wide { Register::RAX } else { Register::EAX };
    first + num as u32
}

/// `kind`: 0 base, 1 base and index, 2 index, 3 absolute; `wide`: 64-bit addressing; `segment`: 0 none, 1 fs, 2 gs.
fn place(kind: u8, wide: bool, base: u8, index: u8, scale: u8, disp: i32, segment: u8) -> Place {
    let scale = Scale::from_log2(scale).unwrap();
    let b32 = R32::from_num(base).unwrap();
    let i64 = Gp64::from_num(index).unwrap();
    let i32 = i64.r32();
    let addr = match (kind, wide) {
        (0, true) => Addr::base_disp(r64(base), disp),
        (0, false) => Addr::base32_disp(b32, disp),
        (1, true) => Addr::base_index(r64(base), i64, scale, disp),
        (1, false) => Addr::base32_index(b32, i32, scale, disp),
        (2, true) => Addr::index_disp(i64, scale, disp),
        (2, false) => Addr::index32_disp(i32, scale, disp),
        _ => Addr::abs(disp),
    };
    let (addr, segment) = match segment {
        0 => (addr, Register::None),
        1 => (addr.fs(), Register::FS),
        _ => (addr.gs(), Register::GS),
    };
    let base = if kind < 2 { iced_gp(base, wide) } else { Register::None };
    let index = if matches!(kind, 1 | 2) { iced_gp(index, wide) } else { Register::None };
    Place { addr, base, index, scale: scale.factor(), disp, segment }
}

const DISPS: [i32; 11] = [0, 1, -1, 127, 128, -128, -129, 255, 0x1234, i32::MAX, i32::MIN];
const IMMS: [i32; 13] = [0, 1, -1, 127, 128, -128, -129, 255, 0x7FFF, 0x8000, -0x8000, i32::MAX, i32::MIN];
const WIDTHS: [Width; 4] = [Width::W8, Width::W16, Width::W32, Width::W64];
const PRECS: [Prec; 2] = [Prec::S, Prec::D];

fn name(op: impl std::fmt::Debug) -> String {
    format!("{op:?}").to_lowercase()
}

fn suffix(prec: Prec) -> &'static str {
    match prec {
        Prec::S => "ss",
        Prec::D => "sd",
    }
}

const CONDS: [&str; 16] = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];

#[test]
fn registers() {
    for (a, b) in (0..16).flat_map(|a| (0..16).map(move |b| (r64(a), r64(b)))) {
        for w in WIDTHS {
            let (ra, rb) = (gp(w, a), gp(w, b));
            let both = [ra.clone(), rb.clone()];
            for &op in Alu::ALL {
                check(&name(op), &both, |asm| _ = asm.alu_rr(op, w, a, b));
            }
            check("test", &both, |asm| _ = asm.test_rr(w, a, b));
            check("mov", &both, |asm| _ = asm.mov_rr(w, a, b));
            for (from, mnemonic) in
                [(Width::W8, "movzx"), (Width::W16, "movzx"), (Width::W32, "mov"), (Width::W64, "mov")]
            {
                let to = if from == Width::W64 { Width::W64 } else { Width::W32 };
                check(mnemonic, &[gp(to, a), gp(from, b)], |asm| _ = asm.movzx_rr(from, a, b));
                if from < w {
                    let mnemonic = if from == Width::W32 { "movsxd" } else { "movsx" };
                    check(mnemonic, &[ra.clone(), gp(from, b)], |asm| _ = asm.movsx_rr(from, w, a, b));
                } else {
                    check("mov", &both, |asm| _ = asm.movsx_rr(from, w, a, b));
                }
            }
            if w == Width::W8 {
                continue;
            }
            check("imul", &both, |asm| _ = asm.imul_rr(w, a, b));
            for &op in Bits::ALL {
                check(&name(op), &both, |asm| _ = asm.bits_rr(op, w, a, b));
            }
            for &op in BitTest::ALL {
                check(&name(op), &both, |asm| _ = asm.bt_rr(op, w, a, b));
            }
            for cond in Cond::ALL {
                let mnemonic = format!("cmov{}", CONDS[cond.num() as usize]);
                check(&mnemonic, &both, |asm| _ = asm.cmov_rr(*cond, w, a, b));
            }
            for imm in IMMS {
                check("imul", &[ra.clone(), rb.clone(), Imm(imm as i64, w.bytes() * 8)], |asm| {
                    _ = asm.imul_rri(w, a, b, imm)
                });
            }
            if w == Width::W16 {
                continue;
            }
            let c = r64((a.num() + b.num()) & 15);
            let all = [ra.clone(), rb.clone(), gp(w, c)];
            for &op in ShiftX::ALL {
                check(&format!("{}x", name(op)), &all, |asm| _ = asm.shiftx_rrr(op, w, a, b, c));
            }
            check("mulx", &all, |asm| _ = asm.mulx_rrr(w, a, b, c));
            check("andn", &all, |asm| _ = asm.andn_rrr(w, a, b, c));
            check("rorx", &[ra, rb, Imm(7, 8)], |asm| _ = asm.rorx_rri(w, a, b, 7));
        }
    }
}

#[test]
fn exchanges() {
    for (a, b) in (0..16).flat_map(|a| (0..16).map(move |b| (r64(a), r64(b)))) {
        for w in WIDTHS {
            let mut buffer = [0; 16];
            let mut asm = Asm::new(&mut buffer, &mut []);
            let code = asm.xchg_rr(w, a, b).finish().unwrap();
            let instr = Decoder::new(64, code, DecoderOptions::NONE).decode();
            let nop = a.num() == 0 && b.num() == 0 && matches!(w, Width::W16 | Width::W64);
            let expected = if nop { "nop" } else { "xchg" };
            assert_eq!(name(instr.mnemonic()), expected, "{code:02x?}");
            let short = w != Width::W8 && (a.num() == 0 || b.num() == 0);
            if short && !nop && !(w == Width::W32 && a == b) {
                assert_eq!(code[code.len() - 1] & 0xF8, 0x90);
            }
            if !nop {
                let mut decoded = [iced_name(instr.op0_register()), iced_name(instr.op1_register())];
                let mut wanted = [gp(w, a), gp(w, b)].map(|o| if let Reg(n) = o { n } else { unreachable!() });
                decoded.sort();
                wanted.sort();
                assert_eq!(decoded, wanted, "{code:02x?}");
            }
        }
    }
}

#[test]
fn one_register() {
    for a in (0..16).map(r64) {
        for w in WIDTHS {
            let bits = w.bytes() * 8;
            let ra = gp(w, a);
            for imm in IMMS {
                for &op in Alu::ALL {
                    check(&name(op), &[ra.clone(), Imm(imm as i64, bits)], |asm| _ = asm.alu_ri(op, w, a, imm));
                }
                check("test", &[ra.clone(), Imm(imm as i64, bits)], |asm| _ = asm.test_ri(w, a, imm));
            }
            for &op in Unary::ALL {
                check(&name(op), std::slice::from_ref(&ra), |asm| _ = asm.unary_r(op, w, a));
            }
            for &op in Shift::ALL {
                check(&name(op), &[ra.clone(), cl()], |asm| _ = asm.shift_rcl(op, w, a));
                for count in [0, 1, 2, 31, 63, 255] {
                    check(&name(op), &[ra.clone(), Imm(count as i64, 8)], |asm| _ = asm.shift_ri(op, w, a, count));
                }
            }
            if w != Width::W8 {
                for &op in BitTest::ALL {
                    check(&name(op), &[ra.clone(), Imm(13, 8)], |asm| _ = asm.bt_ri(op, w, a, 13));
                }
            }
        }
        for imm in [
            0,
            1,
            -1,
            0x7FFF_FFFF,
            0x8000_0000,
            0xFFFF_FFFF,
            0x1_0000_0000,
            -0x8000_0000,
            -0x8000_0001,
            i64::MAX,
            i64::MIN,
        ] {
            let zero_extended = imm as u32 as i64 == imm;
            let shown = if zero_extended { Width::W32 } else { Width::W64 };
            check("mov", &[gp(shown, a), Imm(imm, shown.bytes() * 8)], |asm| _ = asm.mov_ri(Width::W64, a, imm));
            for w in [Width::W8, Width::W16, Width::W32] {
                check("mov", &[gp(w, a), Imm(imm, w.bytes() * 8)], |asm| _ = asm.mov_ri(w, a, imm));
            }
        }
        for cond in Cond::ALL {
            check(&format!("set{}", CONDS[cond.num() as usize]), &[gp(Width::W8, a)], |asm| _ = asm.setcc(*cond, a));
        }
        let q = [gp(Width::W64, a)];
        check("push", &q, |asm| _ = asm.push_r(a));
        check("pop", &q, |asm| _ = asm.pop_r(a));
        check("jmp", &q, |asm| _ = asm.jmp_r(a));
        check("call", &q, |asm| _ = asm.call_r(a));
        check("bswap", &q, |asm| _ = asm.bswap_r(Width::W64, a));
        check("bswap", &[gp(Width::W32, a)], |asm| _ = asm.bswap_r(Width::W32, a));
    }
    for imm in IMMS {
        check("push", &[Imm(imm as i64, 64)], |asm| _ = asm.push_i(imm));
    }
    check("ret", &[Imm(0x1234, 16)], |asm| _ = asm.ret_i(0x1234));
    check("cbw", &[], |asm| _ = asm.sign_into_rdx(Width::W8));
    check("cwd", &[], |asm| _ = asm.sign_into_rdx(Width::W16));
    check("cdq", &[], |asm| _ = asm.sign_into_rdx(Width::W32));
    check("cqo", &[], |asm| _ = asm.sign_into_rdx(Width::W64));
}

#[test]
fn vectors() {
    let logic = ["andps", "andnps", "orps", "xorps"];
    let plogic = ["pand", "pandn", "por", "pxor"];
    for (i, j) in (0..16).flat_map(|i| (0..16).map(move |j| (i, j))) {
        let (d, s) = (Xmm::from_num(i).unwrap(), Xmm::from_num(j).unwrap());
        let a = Xmm::from_num((i * 3 + j) & 15).unwrap();
        let r = r64(j);
        let (two, three) = ([x(d), x(s)], [x(d), x(a), x(s)]);
        check("movaps", &two, |asm| _ = asm.fmov_rr(d, s));
        check("vmovaps", &two, |asm| _ = asm.v_fmov_rr(d, s));
        for (k, &op) in Logic::ALL.iter().enumerate() {
            check(logic[k], &two, |asm| _ = asm.logic_rr(op, d, s));
            check(plogic[k], &two, |asm| _ = asm.plogic_rr(op, d, s));
            check(&format!("v{}", logic[k]), &three, |asm| _ = asm.v_logic_rrr(op, d, a, s));
            check(&format!("v{}", plogic[k]), &three, |asm| _ = asm.v_plogic_rrr(op, d, a, s));
        }
        for p in PRECS {
            let e = suffix(p);
            for &op in FpOp::ALL {
                check(&format!("{}{e}", name(op)), &two, |asm| _ = asm.sse_rr(op, p, d, s));
                check(&format!("v{}{e}", name(op)), &three, |asm| _ = asm.v_sse_rrr(op, p, d, a, s));
            }
            check(&format!("ucomi{e}"), &two, |asm| _ = asm.ucomis_rr(p, d, s));
            check(&format!("vucomi{e}"), &two, |asm| _ = asm.v_ucomis_rr(p, d, s));
            check(&format!("cmp{e}"), &[x(d), x(s), Imm(4, 8)], |asm| _ = asm.cmps_rr(p, d, s, 4));
            check(&format!("vcmp{e}"), &[x(d), x(a), x(s), Imm(20, 8)], |asm| _ = asm.v_cmps_rrr(p, d, a, s, 20));
            let other = if p == Prec::S { "cvtss2sd" } else { "cvtsd2ss" };
            check(other, &two, |asm| _ = asm.cvtf2f(p, d, s));
            check(&format!("v{other}"), &three, |asm| _ = asm.v_cvtf2f(p, d, a, s));
            for &mode in Rounding::ALL {
                let imm = Imm(mode as i64, 8);
                check(&format!("round{e}"), &[x(d), x(s), imm.clone()], |asm| _ = asm.round_rr(p, d, s, mode));
                check(&format!("vround{e}"), &[x(d), x(a), x(s), imm], |asm| _ = asm.v_round_rrr(p, d, a, s, mode));
            }
            for w in [Width::W32, Width::W64] {
                check(&format!("cvtsi2{e}"), &[x(d), gp(w, r)], |asm| _ = asm.cvtsi2f(w, p, d, r));
                check(&format!("vcvtsi2{e}"), &[x(d), x(a), gp(w, r)], |asm| _ = asm.v_cvtsi2f(w, p, d, a, r));
                check(&format!("cvtt{e}2si"), &[gp(w, r), x(d)], |asm| _ = asm.cvttf2si(w, p, r, d));
                check(&format!("vcvtt{e}2si"), &[gp(w, r), x(d)], |asm| _ = asm.v_cvttf2si(w, p, r, d));
            }
        }
        for (w, mnemonic) in [(Width::W32, "movd"), (Width::W64, "movq")] {
            check(mnemonic, &[x(d), gp(w, r)], |asm| _ = asm.mov_x_r(w, d, r));
            check(mnemonic, &[gp(w, r), x(d)], |asm| _ = asm.mov_r_x(w, r, d));
            check(&format!("v{mnemonic}"), &[x(d), gp(w, r)], |asm| _ = asm.v_mov_x_r(w, d, r));
            check(&format!("v{mnemonic}"), &[gp(w, r), x(d)], |asm| _ = asm.v_mov_r_x(w, r, d));
        }
    }
}

/// Every method with a memory operand, at one address.
fn memory(m: Place, a: R64, imm: i32) {
    let at = m.addr;
    for w in WIDTHS {
        let (bytes, bits) = (w.bytes() as usize, w.bytes() * 8);
        let (ra, mem) = (gp(w, a), M(m, bytes));
        for &op in Alu::ALL {
            check(&name(op), &[ra.clone(), mem.clone()], |asm| _ = asm.alu_rm(op, w, a, at));
            check(&name(op), &[mem.clone(), ra.clone()], |asm| _ = asm.alu_mr(op, w, at, a));
            check(&name(op), &[mem.clone(), Imm(imm as i64, bits)], |asm| _ = asm.alu_mi(op, w, at, imm));
        }
        check("test", &[mem.clone(), ra.clone()], |asm| _ = asm.test_mr(w, at, a));
        check("test", &[mem.clone(), Imm(imm as i64, bits)], |asm| _ = asm.test_mi(w, at, imm));
        check("mov", &[ra.clone(), mem.clone()], |asm| _ = asm.mov_rm(w, a, at));
        check("mov", &[mem.clone(), ra.clone()], |asm| _ = asm.mov_mr(w, at, a));
        check("mov", &[mem.clone(), Imm(imm as i64, bits)], |asm| _ = asm.mov_mi(w, at, imm));
        check("xchg", &[mem.clone(), ra.clone()], |asm| _ = asm.xchg_mr(w, at, a));
        let (zx, to) = match w {
            Width::W8 | Width::W16 => ("movzx", Width::W32),
            _ => ("mov", w),
        };
        check(zx, &[gp(to, a), mem.clone()], |asm| _ = asm.movzx_rm(w, a, at));
        for from in WIDTHS {
            let (mnemonic, size) = match from {
                _ if from >= w => ("mov", bytes),
                Width::W32 => ("movsxd", 4),
                _ => ("movsx", from.bytes() as usize),
            };
            check(mnemonic, &[ra.clone(), M(m, size)], |asm| _ = asm.movsx_rm(from, w, a, at));
        }
        for &op in Unary::ALL {
            check(&name(op), std::slice::from_ref(&mem), |asm| _ = asm.unary_m(op, w, at));
        }
        for &op in Shift::ALL {
            check(&name(op), &[mem.clone(), cl()], |asm| _ = asm.shift_mcl(op, w, at));
            for count in [1, 5] {
                check(&name(op), &[mem.clone(), Imm(count as i64, 8)], |asm| _ = asm.shift_mi(op, w, at, count));
            }
        }
        if w == Width::W8 {
            continue;
        }
        check("lea", &[ra.clone(), M(m, 0)], |asm| _ = asm.lea_rm(w, a, at));
        check("imul", &[ra.clone(), mem.clone()], |asm| _ = asm.imul_rm(w, a, at));
        check("imul", &[ra.clone(), mem.clone(), Imm(imm as i64, bits)], |asm| _ = asm.imul_rmi(w, a, at, imm));
        for &op in Bits::ALL {
            check(&name(op), &[ra.clone(), mem.clone()], |asm| _ = asm.bits_rm(op, w, a, at));
        }
        for &op in BitTest::ALL {
            check(&name(op), &[mem.clone(), Imm(9, 8)], |asm| _ = asm.bt_mi(op, w, at, 9));
        }
        check("cmovl", &[ra.clone(), mem.clone()], |asm| _ = asm.cmov_rm(Cond::Less, w, a, at));
        if w == Width::W16 {
            continue;
        }
        for &op in ShiftX::ALL {
            let count = r64(15 - a.num());
            check(&format!("{}x", name(op)), &[ra.clone(), mem.clone(), gp(w, count)], |asm| {
                _ = asm.shiftx_rmr(op, w, a, at, count)
            });
        }
        check("rorx", &[ra, mem, Imm(9, 8)], |asm| _ = asm.rorx_rmi(w, a, at, 9));
    }
    check("setb", &[M(m, 1)], |asm| _ = asm.setcc_m(Cond::Below, at));
    check("push", &[M(m, 8)], |asm| _ = asm.push_m(at));
    check("pop", &[M(m, 8)], |asm| _ = asm.pop_m(at));
    check("jmp", &[M(m, 8)], |asm| _ = asm.jmp_m(at));
    check("call", &[M(m, 8)], |asm| _ = asm.call_m(at));
    vector_memory(m, Xmm::from_num(a.num()).unwrap(), Xmm::from_num(15 - a.num()).unwrap());
}

fn vector_memory(m: Place, d: Xmm, a: Xmm) {
    let at = m.addr;
    let (two, three) = ([x(d), M(m, 16)], [x(d), x(a), M(m, 16)]);
    check("movups", &two, |asm| _ = asm.movups_rm(d, at));
    check("movups", &[M(m, 16), x(d)], |asm| _ = asm.movups_mr(at, d));
    check("movaps", &two, |asm| _ = asm.movaps_rm(d, at));
    check("movaps", &[M(m, 16), x(d)], |asm| _ = asm.movaps_mr(at, d));
    check("vmovups", &two, |asm| _ = asm.v_movups_rm(d, at));
    check("vmovups", &[M(m, 16), x(d)], |asm| _ = asm.v_movups_mr(at, d));
    check("andnps", &two, |asm| _ = asm.logic_rm(Logic::AndNot, d, at));
    check("pxor", &two, |asm| _ = asm.plogic_rm(Logic::Xor, d, at));
    check("vorps", &three, |asm| _ = asm.v_logic_rrm(Logic::Or, d, a, at));
    check("vpand", &three, |asm| _ = asm.v_plogic_rrm(Logic::And, d, a, at));
    for p in PRECS {
        let e = suffix(p);
        let mem = M(m, if p == Prec::S { 4 } else { 8 });
        let (two, three) = ([x(d), mem.clone()], [x(d), x(a), mem.clone()]);
        for &op in FpOp::ALL {
            check(&format!("{}{e}", name(op)), &two, |asm| _ = asm.sse_rm(op, p, d, at));
            check(&format!("v{}{e}", name(op)), &three, |asm| _ = asm.v_sse_rrm(op, p, d, a, at));
        }
        check(&format!("mov{e}"), &two, |asm| _ = asm.fload(p, d, at));
        check(&format!("mov{e}"), &[mem.clone(), x(d)], |asm| _ = asm.fstore(p, at, d));
        check(&format!("vmov{e}"), &two, |asm| _ = asm.v_fload(p, d, at));
        check(&format!("vmov{e}"), &[mem.clone(), x(d)], |asm| _ = asm.v_fstore(p, at, d));
        check(&format!("ucomi{e}"), &two, |asm| _ = asm.ucomis_rm(p, d, at));
        check(&format!("vucomi{e}"), &two, |asm| _ = asm.v_ucomis_rm(p, d, at));
        let other = if p == Prec::S { "cvtss2sd" } else { "cvtsd2ss" };
        check(other, &two, |asm| _ = asm.cvtf2f_m(p, d, at));
        check(&format!("v{other}"), &three, |asm| _ = asm.v_cvtf2f_m(p, d, a, at));
        let mode = Rounding::Floor;
        check(&format!("round{e}"), &[x(d), mem.clone(), Imm(9, 8)], |asm| _ = asm.round_rm(p, d, at, mode));
        check(&format!("vround{e}"), &[x(d), x(a), mem, Imm(9, 8)], |asm| _ = asm.v_round_rrm(p, d, a, at, mode));
        for w in [Width::W32, Width::W64] {
            let mem = M(m, w.bytes() as usize);
            check(&format!("cvtsi2{e}"), &[x(d), mem.clone()], |asm| _ = asm.cvtsi2f_m(w, p, d, at));
            check(&format!("vcvtsi2{e}"), &[x(d), x(a), mem], |asm| _ = asm.v_cvtsi2f_m(w, p, d, a, at));
        }
    }
}

/// Every base, index, scale and class of displacement, with three shapes of instruction.
#[test]
fn addresses() {
    for kind in 0..4 {
        for wide in [true, false] {
            for (base, index) in (0..16).flat_map(|b| Gp64::ALL.map(|i| (b, i.num()))) {
                for (scale, disp) in (0..4).flat_map(|s| DISPS.map(|d| (s, d))) {
                    if kind == 3 && !wide {
                        continue;
                    }
                    let m = place(kind, wide, base, index, scale, disp, 0);
                    let a = r64(index);
                    let rax = r64(0);
                    check("mov", &[gp(Width::W32, a), M(m, 4)], |asm| _ = asm.mov_rm(Width::W32, a, m.addr));
                    check("mov", &[M(m, 8), Imm(-2, 64)], |asm| _ = asm.mov_mi(Width::W64, m.addr, -2));
                    check("shlx", &[gp(Width::W64, rax), M(m, 8), gp(Width::W64, a)], |asm| {
                        _ = asm.shiftx_rmr(ShiftX::Shl, Width::W64, rax, m.addr, a)
                    });
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_forms(
        (kind, wide, base, index, scale, segment) in (0..4u8, any::<bool>(), 0..16u8, 0..15usize, 0..4u8, 0..3u8),
        disp in prop_oneof![proptest::sample::select(&DISPS[..]), -200..200, any::<i32>()],
        imm in prop_oneof![proptest::sample::select(&IMMS[..]), any::<i32>()],
        reg in 0..16u8,
    ) {
        let wide = wide || kind == 3;
        memory(place(kind, wide, base, Gp64::ALL[index].num(), scale, disp, segment), r64(reg), imm);
    }
}

#[test]
fn operators_build_addresses() {
    use planish_asm::regs::*;
    assert_eq!(rbx + rcx * 4 + 8, Addr::base_index(rbx.any(), rcx, Scale::X4, 8));
    assert_eq!(rsp + rcx - 8, Addr::base_index(rsp.any(), rcx, Scale::X1, -8));
    assert_eq!(Addr::from(rcx * 8) + 1, Addr::index_disp(rcx, Scale::X8, 1));
    assert_eq!(ebx + ecx * 2, Addr::base32_index(ebx.any(), ecx, Scale::X2, 0));
    assert_eq!(format!("{:?}", (rbx + rcx * 4 - 8).fs()), "fs:[rbx + rcx * 4 -8]");
}

#[test]
fn wrong_addresses_are_reported() {
    use planish_asm::regs::*;
    for addr in [rax + rcx * 3, rax + rcx + rdx, rax + i32::MAX + 1, Addr::from(eax) + rcx] {
        let mut code = [0; 16];
        let mut asm = Asm::new(&mut code, &mut []);
        asm.ret().mov_rm(Width::W64, rax.any(), addr).ret();
        assert_eq!(asm.finish(), Err(AsmError::InvalidAddress { at: 1 }));
    }
}

/// Assembly in a constant: a label-free routine, one with a label, an error.
#[test]
fn constants() {
    use planish_asm::regs::*;
    const fn routine<const N: usize>() -> [u8; N] {
        let mut code = [0; N];
        let mut labels = [LabelSlot::EMPTY; 1];
        let mut asm = Asm::new(&mut code, &mut labels);
        let top = asm.label();
        asm.bind(top).alu_ri(Alu::Sub, Width::W64, rcx.any(), 1).jcc(Cond::NotEqual, top).ret();
        assert!(asm.finish().is_ok());
        code
    }
    static CODE: [u8; 7] = routine();
    assert_eq!(CODE, [0x48, 0x83, 0xE9, 1, 0x75, 0xFA, 0xC3]);
}
