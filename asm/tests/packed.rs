//! Do the packed operations of the selection layer emit what their names say? iced-x86 decodes every one back.

use iced_x86::{Decoder, DecoderOptions, OpKind, Register};
use planish_asm::*;

/// Emits, decodes, compares mnemonic and operands; memory operands are `[r9 + 64]`, of the size given.
#[track_caller]
fn check(mnemonic: &str, operands: &[Operand], emit: impl Fn(&mut Asm)) {
    let mut buffer = [0xCC; 32];
    let mut asm = Asm::new(&mut buffer, &mut []);
    emit(&mut asm);
    let code = asm.finish().expect("a single instruction").to_vec();
    let instr = Decoder::with_ip(64, &code, 0, DecoderOptions::NONE).decode();
    let what = || format!("{code:02x?} is {instr}, not {mnemonic} {operands:?}");
    assert_eq!(instr.len(), code.len(), "{}", what());
    assert_eq!(format!("{:?}", instr.mnemonic()).to_lowercase(), mnemonic, "{}", what());
    // Some have xmm0 as an implied operand; no others.
    assert_eq!(instr.op_count() as usize, operands.len(), "{}", what());
    for (i, operand) in operands.iter().enumerate() {
        let i = i as u32;
        let fits = match *operand {
            Operand::Reg(register) => instr.op_kind(i) == OpKind::Register && instr.op_register(i) == register,
            Operand::Imm(value) => instr.try_immediate(i).is_ok_and(|imm| imm as u8 == value),
            Operand::Mem(bytes) => {
                instr.op_kind(i) == OpKind::Memory
                    && instr.memory_base() == Register::R9
                    && instr.memory_displacement64() == 64
                    && bytes.is_none_or(|bytes| instr.memory_size().size() == bytes)
            }
        };
        assert!(fits, "operand {i}: {}", what());
    }
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    Reg(Register),
    Imm(u8),
    Mem(Option<usize>),
}

use Operand::{Imm, Mem as M};

fn x(register: Xmm) -> Operand {
    Operand::Reg(Register::XMM0 + u32::from(register.num()))
}

fn r(width: Width, register: R64) -> Operand {
    let first = if width == Width::W64 { Register::RAX } else { Register::EAX };
    Operand::Reg(first + u32::from(register.num()))
}

fn name(op: impl std::fmt::Debug) -> String {
    format!("{op:?}").to_lowercase()
}

fn v(op: impl std::fmt::Debug) -> String {
    format!("v{}", name(op))
}

fn registers() -> impl Iterator<Item = (Xmm, Xmm, Xmm)> {
    let x = |number: u8| Xmm::from_num(number & 15).unwrap();
    (0..16).flat_map(move |i| (0..16).map(move |j| (x(i), x(j), x(i * 3 + j))))
}

#[test]
fn two_operands() {
    let at = Addr::base_disp(regs::r9.any(), 64);
    for (d, a, b) in registers() {
        for &op in Packed::ALL {
            check(&name(op), &[x(d), x(a)], |asm| _ = asm.packed_rr(op, d, a));
            check(&v(op), &[x(d), x(a), x(b)], |asm| _ = asm.v_packed_rrr(op, d, a, b));
            check(&name(op), &[x(d), M(Some(16))], |asm| _ = asm.packed_rm(op, d, at));
            check(&v(op), &[x(d), x(a), M(Some(16))], |asm| _ = asm.v_packed_rrm(op, d, a, at));
        }
        for &op in PackedImm::ALL {
            check(&name(op), &[x(d), x(a), Imm(5)], |asm| _ = asm.packed_imm_rri(op, d, a, 5));
            check(&v(op), &[x(d), x(a), x(b), Imm(5)], |asm| _ = asm.v_packed_imm_rrri(op, d, a, b, 5));
        }
        for (prec, single) in [(Prec::S, true), (Prec::D, false)] {
            let (add, subtract) =
                if single { ("vfmadd231ps", "vfnmadd231ps") } else { ("vfmadd231pd", "vfnmadd231pd") };
            check(add, &[x(d), x(a), x(b)], |asm| _ = asm.v_fmadd_rrr(prec, d, a, b));
            check(subtract, &[x(d), x(a), x(b)], |asm| _ = asm.v_fnmadd_rrr(prec, d, a, b));
            let low = if single { "movss" } else { "movsd" };
            check(low, &[x(d), x(a)], |asm| _ = asm.movlow_rr(prec, d, a));
            check(&format!("v{low}"), &[x(d), x(a), x(b)], |asm| _ = asm.v_movlow_rrr(prec, d, a, b));
        }
        for &op in BlendV::ALL {
            let c = Xmm::from_num(15 - b.num()).unwrap();
            check(&name(op), &[x(d), x(a), x(b), x(c)], |asm| _ = asm.v_blend_rrrr(op, d, a, b, c));
            check(&name(op), &[x(d), x(a), M(Some(16)), x(c)], |asm| _ = asm.v_blend_rrmr(op, d, a, at, c));
        }
        for &op in Evex::BINARY {
            check(&name(op), &[x(d), x(a), x(b)], |asm| _ = asm.e_packed_rrr(op, d, a, b));
        }
        check("vpternlogd", &[x(d), x(a), x(b), Imm(0xCA)], |asm| _ = asm.e_ternlog_rrr(d, a, b, 0xCA));
    }
}

#[test]
fn one_operand() {
    let at = Addr::base_disp(regs::r9.any(), 64);
    for (d, a, _) in registers() {
        for &op in PackedUnary::ALL {
            check(&name(op), &[x(d), x(a)], |asm| _ = asm.packed_unary_rr(op, d, a));
            check(&v(op), &[x(d), x(a)], |asm| _ = asm.v_packed_unary_rr(op, d, a));
            check(&name(op), &[x(d), M(None)], |asm| _ = asm.packed_unary_rm(op, d, at));
            check(&v(op), &[x(d), M(None)], |asm| _ = asm.v_packed_unary_rm(op, d, at));
        }
        for &op in PackedUnaryImm::ALL {
            check(&name(op), &[x(d), x(a), Imm(9)], |asm| _ = asm.packed_unary_imm_rri(op, d, a, 9));
            check(&v(op), &[x(d), x(a), Imm(9)], |asm| _ = asm.v_packed_unary_imm_rri(op, d, a, 9));
        }
        for &op in PackedShift::ALL {
            check(&name(op), &[x(d), Imm(9)], |asm| _ = asm.packed_shift_ri(op, d, 9));
            check(&v(op), &[x(d), x(a), Imm(9)], |asm| _ = asm.v_packed_shift_rri(op, d, a, 9));
        }
        for &op in Broadcast::ALL {
            check(&name(op), &[x(d), x(a)], |asm| _ = asm.v_broadcast_rr(op, d, a));
        }
        for &op in Evex::UNARY {
            check(&name(op), &[x(d), x(a)], |asm| _ = asm.e_packed_rr(op, d, a));
        }
        check("vpsraq", &[x(d), x(a), Imm(9)], |asm| _ = asm.e_psraq_rri(d, a, 9));
        check("vprold", &[x(d), x(a), Imm(9)], |asm| _ = asm.e_prol_rri(Width::W32, d, a, 9));
        check("vprolq", &[x(d), x(a), Imm(9)], |asm| _ = asm.e_prol_rri(Width::W64, d, a, 9));
        check("movq", &[x(d), x(a)], |asm| _ = asm.movq_rr(d, a));
        check("vmovq", &[x(d), x(a)], |asm| _ = asm.v_movq_rr(d, a));
        check("movhps", &[M(Some(8)), x(a)], |asm| _ = asm.movhps_mr(at, a));
        check("vmovhps", &[M(Some(8)), x(a)], |asm| _ = asm.v_movhps_mr(at, a));
    }
    let sizes = [1, 2, 4, 8, 4];
    for (&op, size) in Broadcast::ALL.iter().zip(sizes) {
        check(&name(op), &[x(regs::xmm9), M(Some(size))], |asm| _ = asm.v_broadcast_rm(op, regs::xmm9, at));
    }
}

#[test]
fn moves_of_all_registers() {
    let at = Addr::base_disp(regs::r9.any(), 64);
    for (i, j) in (0..32).flat_map(|i| (0..32).map(move |j| (i, j))) {
        let (d, s) = (XmmX::from_num(i).unwrap(), XmmX::from_num(j).unwrap());
        let name = |x: XmmX| Operand::Reg(Register::XMM0 + u32::from(x.num()));
        check("vmovaps", &[name(d), name(s)], |asm| _ = asm.e_mov_rr(d, s));
        check("vmovups", &[name(d), M(Some(16))], |asm| _ = asm.e_movups_rm(d, at));
        check("vmovups", &[M(Some(16)), name(s)], |asm| _ = asm.e_movups_mr(at, s));
    }
}

#[test]
fn elements_and_general_registers() {
    let at = Addr::base_disp(regs::r9.any(), 64);
    for (d, a, b) in registers() {
        let g = R64::from_num(b.num()).unwrap();
        for (letter, width) in [("b", Width::W8), ("w", Width::W16), ("d", Width::W32), ("q", Width::W64)] {
            let (insert, extract) = (format!("pinsr{letter}"), format!("pextr{letter}"));
            let (register, m) = (r(width, g), M(Some(width.bytes() as usize)));
            check(&insert, &[x(d), register, Imm(1)], |asm| _ = asm.pinsr_xr(width, d, g, 1));
            check(&insert, &[x(d), m, Imm(1)], |asm| _ = asm.pinsr_xm(width, d, at, 1));
            check(&extract, &[register, x(d), Imm(1)], |asm| _ = asm.pextr_rx(width, g, d, 1));
            check(&extract, &[m, x(d), Imm(1)], |asm| _ = asm.pextr_mx(width, at, d, 1));
            check(&v(&insert).replace('"', ""), &[x(d), x(a), register, Imm(1)], |asm| {
                _ = asm.v_pinsr_xxr(width, d, a, g, 1);
            });
            check(&v(&insert).replace('"', ""), &[x(d), x(a), m, Imm(1)], |asm| {
                _ = asm.v_pinsr_xxm(width, d, a, at, 1);
            });
            check(&v(&extract).replace('"', ""), &[register, x(d), Imm(1)], |asm| {
                _ = asm.v_pextr_rx(width, g, d, 1);
            });
            check(&v(&extract).replace('"', ""), &[m, x(d), Imm(1)], |asm| _ = asm.v_pextr_mx(width, at, d, 1));
            let broadcast = format!("vpbroadcast{letter}");
            check(&broadcast, &[x(d), register], |asm| _ = asm.e_broadcast_xr(width, d, g));
        }
        for &op in MoveMask::ALL {
            check(&name(op), &[r(Width::W32, g), x(d)], |asm| _ = asm.movmsk_rx(op, g, d));
            check(&v(op), &[r(Width::W32, g), x(d)], |asm| _ = asm.v_movmsk_rx(op, g, d));
        }
    }
}
