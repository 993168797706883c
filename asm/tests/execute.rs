//! Instructions run on this processor with known values and give what Rust computes.
#![cfg(target_arch = "x86_64")]
#![allow(unsafe_code, reason = "to run what was emitted")]

mod program;

use planish_asm::mem::{qword, xmmword, ymmword};
use planish_asm::*;
use planish_asm::{mem::dword, regs::*};
use program::Program;
use program::executable::Executable;

/// What an instruction is given and what it leaves.
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct State {
    /// ymm0 and ymm1.
    vectors: [[u64; 4]; 2],
    rax: u64,
    rcx: u64,
    rdx: u64,
    flags: u64,
}

const CARRY: u64 = 1;
const ZERO: u64 = 1 << 6;
const SIGN: u64 = 1 << 7;
const OVERFLOW: u64 = 1 << 11;

/// The vector registers that hold the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vectors {
    /// Their lower halves: all that a processor without AVX has.
    Xmm,
    Ymm,
}

/// Code that loads the state at rdi, runs what `emit` emits, and stores the state. It is emitted for every processor; the one
/// with the registers of this processor is returned.
fn compile(emit: impl Fn(&mut Asm)) -> Program {
    let narrow = assemble(Vectors::Xmm, &emit);
    let wide = assemble(Vectors::Ymm, &emit);
    if Features::detect().contains(Features::AVX) { wide } else { narrow }
}

fn assemble(vectors: Vectors, emit: &impl Fn(&mut Asm)) -> Program {
    let (mut code, mut labels) = ([0; 512], [LabelSlot::EMPTY; 8]);
    let mut a = Asm::new(&mut code, &mut labels);
    match vectors {
        Vectors::Ymm => _ = a.vmovdqu(ymm0, ymmword(rdi)).vmovdqu(ymm1, ymmword(rdi + 32)),
        Vectors::Xmm => _ = a.movdqu(xmm0, xmmword(rdi)).movdqu(xmm1, xmmword(rdi + 32)),
    }
    a.push(qword(rdi + 88)).popfq();
    a.mov(rax, qword(rdi + 64)).mov(rcx, qword(rdi + 72)).mov(rdx, qword(rdi + 80));
    emit(&mut a);
    a.mov(qword(rdi + 64), rax).mov(qword(rdi + 72), rcx).mov(qword(rdi + 80), rdx);
    a.pushfq().pop(qword(rdi + 88));
    match vectors {
        Vectors::Ymm => _ = a.vmovdqu(ymmword(rdi), ymm0).vmovdqu(ymmword(rdi + 32), ymm1).vzeroupper(),
        Vectors::Xmm => _ = a.movdqu(xmmword(rdi), xmm0).movdqu(xmmword(rdi + 32), xmm1),
    }
    a.ret();
    Program::new(a.finish().expect("room"))
}

fn run(code: &Program, mut state: State) -> State {
    // SAFETY: the code is a function of the C ABI with this parameter and changes caller-saved registers only.
    let function: extern "C" fn(*mut State) = unsafe { std::mem::transmute(code.address()) };
    function(&mut state);
    state
}

const WIDTHS: [Width; 4] = [Width::W8, Width::W16, Width::W32, Width::W64];

/// Values at which carries and signs change, for every width.
fn values() -> Vec<u64> {
    let mut values = vec![0, 1, 2, 0x55, 0x1234_5678_9ABC_DEF0, u64::MAX, u64::MAX - 1];
    for bits in [7, 8, 15, 16, 31, 32, 63] {
        values.extend([(1 << bits) - 1, 1 << bits, (1 << bits) + 1]);
    }
    values
}

fn mask(width: Width) -> u64 {
    u64::MAX >> (64 - 8 * width.bytes())
}

/// A register after its part of this width was written: 32 bits clear the upper half.
fn written(old: u64, value: u64, width: Width) -> u64 {
    match width {
        Width::W32 | Width::W64 => value & mask(width),
        _ => old & !mask(width) | value & mask(width),
    }
}

/// ZF and SF of a result, beside what is known of the others.
fn result_flags(result: u64, width: Width, others: u64) -> u64 {
    let sign = if result >> (8 * width.bytes() - 1) & 1 != 0 { SIGN } else { 0 };
    others | sign | if result & mask(width) == 0 { ZERO } else { 0 }
}

/// The result and CF, ZF, SF, OF.
fn alu(operation: Alu, one: u64, two: u64, carry: u64, width: Width) -> (u64, u64) {
    let (one, two) = (one & mask(width), two & mask(width));
    let bits = 8 * width.bytes();
    let negative = |v: u64| v >> (bits - 1) & 1 != 0;
    let add = |carry: u64| {
        let wide = u128::from(one) + u128::from(two) + u128::from(carry);
        let result = wide as u64 & mask(width);
        let overflow = negative(one) == negative(two) && negative(result) != negative(one);
        (result, ((wide >> bits) as u64 * CARRY) | if overflow { OVERFLOW } else { 0 })
    };
    let sub = |carry: u64| {
        let result = one.wrapping_sub(two).wrapping_sub(carry) & mask(width);
        let borrow = u128::from(one) < u128::from(two) + u128::from(carry);
        let overflow = negative(one) != negative(two) && negative(result) != negative(one);
        (result, (u64::from(borrow) * CARRY) | if overflow { OVERFLOW } else { 0 })
    };
    let (result, others) = match operation {
        Alu::Add => add(0),
        Alu::Adc => add(carry),
        Alu::Sub | Alu::Cmp => sub(0),
        Alu::Sbb => sub(carry),
        Alu::And => (one & two, 0),
        Alu::Or => (one | two, 0),
        Alu::Xor => (one ^ two, 0),
    };
    (result, result_flags(result, width, others))
}

#[test]
fn arithmetic_and_flags() {
    let mut runs = 0u64;
    for &operation in Alu::ALL {
        for width in WIDTHS {
            let code = compile(|a| _ = a.alu_rr(operation, width, rax.any(), rcx.any()));
            for one in values() {
                for two in values() {
                    for carry in [0, 1] {
                        let after = run(&code, State { rax: one, rcx: two, flags: 2 | carry, ..State::default() });
                        let (result, flags) = alu(operation, one, two, carry, width);
                        let expected = if operation == Alu::Cmp { one } else { written(one, result, width) };
                        let case = format!("{operation:?} {width:?} {one:#x} {two:#x} {carry}");
                        assert_eq!(after.rax, expected, "{case}");
                        assert_eq!(after.flags & (CARRY | ZERO | SIGN | OVERFLOW), flags, "{case}");
                        runs += 1;
                    }
                }
            }
        }
    }
    println!("{runs} additions and the like");
}

/// Immediates of every encoding, with memory as the other operand.
#[test]
fn immediates_and_memory() {
    for &operation in Alu::ALL {
        for imm in [0, 1, -1, 127, 128, -128, -129, i32::MAX, i32::MIN] {
            let code = compile(|a| {
                let cell = Addr::base_disp(rdi.any(), 80);
                a.alu_ri(operation, Width::W64, rax.any(), imm).mov_mr(Width::W64, cell, rcx.any());
                a.alu_mi(operation, Width::W64, cell, imm).mov_rm(Width::W64, rdx.any(), cell);
            });
            for one in values() {
                let after = run(&code, State { rax: one, rcx: one, flags: 2, ..State::default() });
                let (first, flags) = alu(operation, one, imm as i64 as u64, 0, Width::W64);
                let (second, _) = alu(operation, one, imm as i64 as u64, flags & CARRY, Width::W64);
                let keep = |result| if operation == Alu::Cmp { one } else { result };
                assert_eq!((after.rax, after.rdx), (keep(first), keep(second)), "{operation:?} {imm} {one:#x}");
            }
        }
    }
}

#[test]
fn shifts() {
    for (operation, width) in Shift::ALL.iter().flat_map(|&o| [Width::W32, Width::W64].map(|w| (o, w))) {
        for count in [0u8, 1, 2, 31, 33, 63] {
            let code = compile(|a| _ = a.shift_ri(operation, width, rax.any(), count));
            for value in values() {
                let narrow = width == Width::W32;
                let n = u32::from(count) % if narrow { 32 } else { 64 };
                let (low, wide) = (value as u32, value);
                let expected = match operation {
                    Shift::Rol if narrow => low.rotate_left(n).into(),
                    Shift::Ror if narrow => low.rotate_right(n).into(),
                    Shift::Shl if narrow => (low << n).into(),
                    Shift::Shr if narrow => (low >> n).into(),
                    Shift::Sar if narrow => ((low as i32 >> n) as u32).into(),
                    Shift::Rol => wide.rotate_left(n),
                    Shift::Ror => wide.rotate_right(n),
                    Shift::Shl => wide << n,
                    Shift::Shr => wide >> n,
                    Shift::Sar => (wide as i64 >> n) as u64,
                    Shift::Rcl | Shift::Rcr => continue,
                };
                let after = run(&code, State { rax: value, flags: 2, ..State::default() });
                assert_eq!(after.rax, expected, "{operation:?} {width:?} {value:#x} by {count}");
            }
        }
    }
}

/// Every condition of every combination of flags: `setcc` and `cmovcc`.
#[test]
fn conditions() {
    for &cond in Cond::ALL {
        let code = compile(|a| _ = a.setcc(cond, rcx.any()).cmov_rr(cond, Width::W64, rax.any(), rdx.any()));
        for bits in 0..32u64 {
            let flag = |n: u32| bits >> n & 1 != 0;
            let (carry, parity, zero, sign, overflow) = (flag(0), flag(1), flag(2), flag(3), flag(4));
            let flags = u64::from(carry) | u64::from(parity) << 2 | u64::from(zero) << 6 | u64::from(sign) << 7;
            let flags = flags | u64::from(overflow) << 11 | 2;
            let holds = match cond {
                Cond::Overflow => overflow,
                Cond::NoOverflow => !overflow,
                Cond::Below => carry,
                Cond::AboveEqual => !carry,
                Cond::Equal => zero,
                Cond::NotEqual => !zero,
                Cond::BelowEqual => carry || zero,
                Cond::Above => !carry && !zero,
                Cond::Sign => sign,
                Cond::NoSign => !sign,
                Cond::Parity => parity,
                Cond::NoParity => !parity,
                Cond::Less => sign != overflow,
                Cond::GreaterEqual => sign == overflow,
                Cond::LessEqual => zero || sign != overflow,
                Cond::Greater => !zero && sign == overflow,
            };
            let after = run(&code, State { rax: 1, rdx: 2, flags, ..State::default() });
            assert_eq!((after.rax == 2, after.rcx as u8 == 1), (holds, holds), "{cond:?} {flags:#x}");
        }
    }
}

/// Multiplication, division, bit counts, extensions.
#[test]
fn products_and_bits() {
    let code = compile(|a| _ = a.mul(rcx).div(rcx));
    let counts = compile(|a| _ = a.popcnt(rdx, rax).bsf(rcx, rax).movsxd(rax, eax));
    for one in values() {
        for two in values().into_iter().filter(|&two| two != 0) {
            let after = run(&code, State { rax: one, rcx: two, flags: 2, ..State::default() });
            assert_eq!((after.rax, after.rdx), (one, 0), "{one:#x} * {two:#x} / {two:#x}");
        }
        if one != 0 && counts.runs_here() {
            let after = run(&counts, State { rax: one, flags: 2, ..State::default() });
            let expected = (one as i32 as u64, one.count_ones().into(), one.trailing_zeros().into());
            assert_eq!((after.rax, after.rdx, after.rcx), expected);
        }
    }
}

fn singles(words: [u64; 4]) -> [f32; 8] {
    std::array::from_fn(|n| f32::from_bits((words[n / 2] >> (32 * (n % 2))) as u32))
}

fn words(singles: [f32; 8]) -> [u64; 4] {
    std::array::from_fn(|n| u64::from(singles[2 * n].to_bits()) | u64::from(singles[2 * n + 1].to_bits()) << 32)
}

#[test]
fn vectors() {
    let one = [1.5f32, -2.0, 3.25, 1e10, 0.1, -0.0, 7.0, 100.0];
    let two = [2.5f32, 4.0, -1.25, 1e-10, 0.2, 5.0, -7.0, 0.5];
    type Operation = (fn(&mut Asm), fn(f32, f32) -> f32);
    let legacy: [Operation; 6] = [
        (|a| _ = a.addps(xmm0, xmm1), |x, y| x + y),
        (|a| _ = a.subps(xmm0, xmm1), |x, y| x - y),
        (|a| _ = a.mulps(xmm0, xmm1), |x, y| x * y),
        (|a| _ = a.divps(xmm0, xmm1), |x, y| x / y),
        (|a| _ = a.minps(xmm0, xmm1), |x, y| if x < y { x } else { y }),
        (|a| _ = a.maxps(xmm0, xmm1), |x, y| if x > y { x } else { y }),
    ];
    let avx: [Operation; 4] = [
        (|a| _ = a.vaddps(ymm0, ymm0, ymm1), |x, y| x + y),
        (|a| _ = a.vsubps(ymm0, ymm0, ymmword(rdi + 32)), |x, y| x - y),
        (|a| _ = a.vmulps(ymm0, ymm0, ymm1), |x, y| x * y),
        (|a| _ = a.vdivps(ymm0, ymm0, ymm1), |x, y| x / y),
    ];
    let state = State { vectors: [words(one), words(two)], flags: 2, ..State::default() };
    for (emit, compute) in legacy {
        let after = singles(run(&compile(emit), state).vectors[0]);
        let expected: Vec<f32> = (0..8).map(|n| if n < 4 { compute(one[n], two[n]) } else { one[n] }).collect();
        // Without AVX the upper half is not loaded.
        assert_eq!(after[..4], expected[..4]);
    }
    for (emit, compute) in avx {
        let code = compile(emit);
        if code.runs_here() {
            let after = singles(run(&code, state).vectors[0]);
            assert_eq!(after, std::array::from_fn(|n| compute(one[n], two[n])));
        }
    }
}

/// Integer vectors against the standard library's own use of the same instruction.
#[test]
fn integer_vectors() {
    use std::arch::x86_64::*;
    let state = State {
        vectors: [[0x0102_FF7F_8000_1234, 0x7FFF_8000_0001_FFFF, 0, 0], [0x1111_2222_7FFF_8001, u64::MAX, 0, 0]],
        flags: 2,
        ..State::default()
    };
    let load = |words: [u64; 4]| {
        // SAFETY: SSE2 is a part of amd64.
        unsafe { _mm_set_epi64x(words[1] as i64, words[0] as i64) }
    };
    type Operation = (fn(&mut Asm), fn(__m128i, __m128i) -> __m128i);
    macro_rules! operations {
        ($($method:ident $intrinsic:ident)*) => { [$((
            |a: &mut Asm| _ = a.$method(xmm0, xmm1),
            // SAFETY: SSE2 is a part of amd64.
            |x, y| unsafe { $intrinsic(x, y) },
        )),*] };
    }
    #[allow(unused_unsafe, reason = "the library makes these safe one by one")]
    let operations: [Operation; 12] = operations! {
        paddb _mm_add_epi8 paddw _mm_add_epi16 paddd _mm_add_epi32 paddq _mm_add_epi64
        paddsw _mm_adds_epi16 psubusb _mm_subs_epu8 pmullw _mm_mullo_epi16 pmaddwd _mm_madd_epi16
        packsswb _mm_packs_epi16 punpcklbw _mm_unpacklo_epi8 pcmpgtb _mm_cmpgt_epi8 pxor _mm_xor_si128
    };
    for (number, (emit, compute)) in operations.into_iter().enumerate() {
        let after = run(&compile(emit), state).vectors[0];
        let expected = compute(load(state.vectors[0]), load(state.vectors[1]));
        // SAFETY: both are 16 bytes without padding.
        let expected: [u64; 2] = unsafe { std::mem::transmute(expected) };
        assert_eq!(after[..2], expected, "operation {number}");
    }
}

/// Branches that shrank, a jump table and a pool, run.
#[test]
fn relaxed_code_runs() {
    let (mut code, mut labels, mut records) = ([0; 512], [LabelSlot::EMPTY; 16], [Record::EMPTY; 64]);
    let mut slots = [PoolSlot::EMPTY; 4];
    let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
    let mut pool = Pool::new(&mut slots);
    let (table, default) = (a.label(), a.label());
    let cases = a.labels(3);
    a.cmp(rdi, 3).jcc(Cond::AboveEqual, default);
    a.lea_label(rax.any(), table).movsxd(rcx, dword(rax + rdi * 4)).add(rax, rcx).jmp(rax);
    for n in 0..3 {
        a.bind(cases.get(n).unwrap());
        let constant = pool.u64(&mut a, 100 + u64::from(n));
        a.mov(rax, qword(constant)).ret();
    }
    a.bind(default).mov(rax, -1).ret();
    a.align(4).bind(table);
    for n in 0..3 {
        a.dd_label_diff(cases.get(n).unwrap(), table);
    }
    pool.emit(&mut a);
    let code = Executable::new(a.relax().finish().expect("room")).expect("executable memory");
    // SAFETY: the code is a function of the C ABI with this parameter.
    let function: extern "C" fn(u64) -> i64 = unsafe { std::mem::transmute(code.address()) };
    assert_eq!([0, 1, 2, 3, 1000].map(|n| function(n)), [100, 101, 102, -1, -1]);
}
