//! EVEX instructions run on this processor, if it has them, with masks, zeroing, broadcasts and rounding, and give what Rust computes.
#![cfg(target_arch = "x86_64")]
#![allow(unsafe_code, reason = "to run what was emitted")]

mod program;

use planish_asm::mem::{dword, word, ymmword, zmmword};
use planish_asm::*;
use planish_asm::{RoundTo, regs::*};
use program::Program;

type Lanes = [u32; 16];

/// What an instruction is given and what it leaves.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    /// zmm16, zmm17, zmm18: the destination and the sources.
    vectors: [Lanes; 3],
    memory: Lanes,
    /// k1 and k2: the mask and what a comparison writes.
    masks: [u16; 2],
}

const MEMORY: i32 = 192;
const MASKS: i32 = 256;

const MASK_VALUES: [u16; 8] = [0, 1, 0x8000, 0xFFFF, 0x5555, 0xAAAA, 0x0FF0, 0x9C3E];

/// Code that loads the state at rdi, runs what `emit` emits, and stores the state.
fn compile(emit: impl FnOnce(&mut Asm)) -> Program {
    let mut code = [0; 512];
    let mut a = Asm::new(&mut code, &mut []);
    let vectors = [zmm16, zmm17, zmm18].into_iter().zip([0, 64, 128]);
    vectors.clone().for_each(|(z, at)| _ = a.vmovdqu32(z, zmmword(rdi + at)));
    a.kmovw(k1, word(rdi + MASKS)).kmovw(k2, word(rdi + (MASKS + 2)));
    emit(&mut a);
    vectors.for_each(|(z, at)| _ = a.vmovdqu32(zmmword(rdi + at), z));
    a.kmovw(word(rdi + MASKS), k1).kmovw(word(rdi + (MASKS + 2)), k2).vzeroupper().ret();
    Program::new(a.finish().expect("room"))
}

fn run(code: &Program, mut state: State) -> State {
    // SAFETY: the code is a function of the C ABI with this parameter and changes caller-saved registers only.
    let function: extern "C" fn(*mut State) = unsafe { std::mem::transmute(code.address()) };
    function(&mut state);
    state
}

fn state(mask: u16) -> State {
    let lanes = |seed: u32| std::array::from_fn(|n| (n as u32 + 1).wrapping_mul(seed) ^ seed >> 7);
    State { vectors: [0x9E37_79B9, 0x85EB_CA6B, 0xC2B2_AE35].map(lanes), memory: lanes(0x27D4_EB2F), masks: [mask, 0] }
}

/// Whether this processor has the instructions of all of them.
fn run_here(programs: &[&Program]) -> bool {
    programs.iter().all(|program| program.runs_here())
}

fn bit(mask: u16, n: usize) -> bool {
    mask >> n & 1 != 0
}

/// `new` in the lanes of the mask, `old` in the others; zero above `count`, as EVEX leaves it.
fn masked(mask: u16, count: usize, old: Lanes, new: impl Fn(usize) -> u32) -> Lanes {
    let lane = |n| if bit(mask, n) { new(n) } else { old[n] };
    std::array::from_fn(|n| if n < count { lane(n) } else { 0 })
}

/// Merging, zeroing, no mask; all lengths; registers, memory and a broadcast.
#[test]
fn additions() {
    let memory = rdi + MEMORY;
    let merge = compile(|a| _ = a.vpaddd(zmm16.k(k1), zmm17, zmm18));
    let zero = compile(|a| _ = a.vpaddd(zmm16.k(k1).z(), zmm17, zmmword(memory)));
    let half = compile(|a| _ = a.vpaddd(ymm16.k(k1), ymm17, ymmword(memory)));
    let quarter = compile(|a| _ = a.vpaddd(xmm16.k(k1).z(), xmm17, xmm18));
    let broadcast = compile(|a| _ = a.vpaddd(zmm16.k(k1), zmm17, dword(memory + 4).to16()));
    let all = compile(|a| _ = a.vpaddd(zmm16, zmm17, dword(memory + 60).to16()));
    if !run_here(&[&merge, &zero, &half, &quarter, &broadcast, &all]) {
        return;
    }
    for mask in MASK_VALUES {
        let before = state(mask);
        let [old, one, two] = before.vectors;
        let sum = |n: usize| one[n].wrapping_add(two[n]);
        let with_memory = |n: usize| one[n].wrapping_add(before.memory[n]);
        let with_lane = |lane: usize| move |n: usize| one[n].wrapping_add(before.memory[lane]);
        let check = |code: &Program, expected: Lanes| {
            let after = run(code, before);
            assert_eq!(after.vectors, [expected, one, two], "{mask:#x}");
        };
        check(&merge, masked(mask, 16, old, sum));
        check(&zero, masked(mask, 16, [0; 16], with_memory));
        check(&half, masked(mask, 8, old, with_memory));
        check(&quarter, masked(mask, 4, [0; 16], sum));
        check(&broadcast, masked(mask, 16, old, with_lane(1)));
        check(&all, masked(0xFFFF, 16, old, with_lane(15)));
    }
}

/// Every predicate, signed and unsigned, into a mask register and under a mask.
#[test]
fn comparisons() {
    type Predicate = fn(i64, i64) -> bool;
    let predicates: [Predicate; 8] = [
        |x, y| x == y,
        |x, y| x < y,
        |x, y| x <= y,
        |_, _| false,
        |x, y| x != y,
        |x, y| x >= y,
        |x, y| x > y,
        |_, _| true,
    ];
    for (number, predicate) in (0..8).zip(predicates) {
        let signed = compile(|a| _ = a.vpcmpd(k2.k(k1), zmm17, zmm18, number));
        let unsigned = compile(|a| _ = a.vpcmpud(k2, zmm17, zmm18, number));
        if !run_here(&[&signed, &unsigned]) {
            continue;
        }
        for mask in MASK_VALUES {
            let mut before = state(mask);
            before.vectors[2][3] = before.vectors[1][3];
            let [_, one, two] = before.vectors;
            let lanes = |holds: &dyn Fn(usize) -> bool| (0..16).fold(0, |bits, n| bits | u16::from(holds(n)) << n);
            let as_signed = lanes(&|n| predicate((one[n] as i32).into(), (two[n] as i32).into()));
            let as_unsigned = lanes(&|n| predicate(one[n].into(), two[n].into()));
            assert_eq!(run(&signed, before).masks, [mask, as_signed & mask], "{number} {mask:#x}");
            assert_eq!(run(&unsigned, before).masks, [mask, as_unsigned], "{number} {mask:#x}");
        }
    }
}

/// The lanes of the mask side by side, and back.
#[test]
fn compression() {
    let memory = rdi + MEMORY;
    let compress = compile(|a| _ = a.vpcompressd(zmm16.k(k1).z(), zmm17));
    let expand = compile(|a| _ = a.vpexpandd(zmm16.k(k1), zmm17));
    let store = compile(|a| _ = a.vpcompressd(zmmword(memory + 8).k(k1), zmm17));
    let load = compile(|a| _ = a.vpexpandd(zmm16.k(k1).z(), zmmword(memory)));
    if !run_here(&[&compress, &expand, &store, &load]) {
        return;
    }
    for mask in MASK_VALUES {
        let before = state(mask);
        let [old, one, _] = before.vectors;
        let chosen: Vec<u32> = (0..16).filter(|&n| bit(mask, n)).map(|n| one[n]).collect();
        let rank = |n: usize| (mask & ((1u32 << n) - 1) as u16).count_ones() as usize;
        let packed = std::array::from_fn(|n| chosen.get(n).copied().unwrap_or(0));
        assert_eq!(run(&compress, before).vectors[0], packed, "{mask:#x}");
        assert_eq!(run(&expand, before).vectors[0], masked(mask, 16, old, |n| one[rank(n)]), "{mask:#x}");
        assert_eq!(run(&load, before).vectors[0], masked(mask, 16, [0; 16], |n| before.memory[rank(n)]), "{mask:#x}");
        // The last two lanes would be stored over the masks.
        if chosen.len() <= 14 {
            let mut stored = before.memory;
            stored[2..2 + chosen.len()].copy_from_slice(&chosen);
            assert_eq!(run(&store, before).memory, stored, "{mask:#x}");
        }
    }
}

#[test]
fn permutations() {
    let one_table = compile(|a| _ = a.vpermd(zmm16.k(k1), zmm17, zmmword(rdi + MEMORY)));
    let two_tables = compile(|a| _ = a.vpermt2d(zmm16.k(k1).z(), zmm17, zmm18));
    let logic = compile(|a| _ = a.vpternlogd(zmm16.k(k1), zmm17, zmm18, 0xCA));
    if !run_here(&[&one_table, &two_tables, &logic]) {
        return;
    }
    for mask in MASK_VALUES {
        let before = state(mask);
        let [old, one, two] = before.vectors;
        let from_one = |n: usize| before.memory[one[n] as usize % 16];
        let from_two = |n: usize| if one[n] & 16 != 0 { two } else { old }[one[n] as usize % 16];
        let chosen = |n: usize| old[n] & one[n] | !old[n] & two[n];
        assert_eq!(run(&one_table, before).vectors[0], masked(mask, 16, old, from_one), "{mask:#x}");
        assert_eq!(run(&two_tables, before).vectors[0], masked(mask, 16, [0; 16], from_two), "{mask:#x}");
        assert_eq!(run(&logic, before).vectors[0], masked(mask, 16, old, chosen), "{mask:#x}");
    }
}

/// The exact sum of two singles, which is one as a double here, rounded to a single.
fn rounded(mode: RoundTo, exact: f64) -> f32 {
    let nearest = exact as f32;
    match mode {
        RoundTo::Nearest => nearest,
        RoundTo::Down if f64::from(nearest) > exact => nearest.next_down(),
        RoundTo::Up if f64::from(nearest) < exact => nearest.next_up(),
        RoundTo::Zero if exact > 0.0 => rounded(RoundTo::Down, exact),
        RoundTo::Zero => rounded(RoundTo::Up, exact),
        _ => nearest,
    }
}

#[test]
fn rounding() {
    let one: [f32; 16] = std::array::from_fn(|n| (n as f32 - 7.7) * 1.5);
    let two: [f32; 16] = std::array::from_fn(|n| 1.0 / (n as f32 + 3.0));
    let mut before = state(0xFFFF);
    before.vectors[1..].copy_from_slice(&[one.map(f32::to_bits), two.map(f32::to_bits)]);
    for mode in RoundTo::ALL {
        let sum = compile(|a| _ = a.vaddps(zmm16, zmm17, zmm18.round(mode)));
        let integers = compile(|a| _ = a.vcvtps2dq(zmm16.k(k1).z(), zmm17.round(mode)));
        if !run_here(&[&sum, &integers]) {
            continue;
        }
        let expected = std::array::from_fn(|n| rounded(mode, f64::from(one[n]) + f64::from(two[n])).to_bits());
        assert_eq!(run(&sum, before).vectors[0], expected, "{mode:?}");
        let whole = |value: f32| match mode {
            RoundTo::Nearest => value.round_ties_even(),
            RoundTo::Down => value.floor(),
            RoundTo::Up => value.ceil(),
            RoundTo::Zero => value.trunc(),
        };
        assert_eq!(run(&integers, before).vectors[0], one.map(|value| whole(value) as i32 as u32), "{mode:?}");
    }
}

/// Gathers and scatters by a register that only EVEX has; the mask ends empty.
#[test]
fn gathers() {
    let gather = compile(|a| _ = a.vpgatherdd(zmm16.k(k1), rdi + zmm17 * 4 + MEMORY));
    let scatter = compile(|a| _ = a.vpscatterdd((rdi + zmm17 * 4 + MEMORY).k(k1), zmm18));
    if !run_here(&[&gather, &scatter]) {
        return;
    }
    for mask in MASK_VALUES {
        let mut before = state(mask);
        before.vectors[1] = std::array::from_fn(|n| (n as u32 * 5 + 3) % 16);
        let [old, index, two] = before.vectors;
        let after = run(&gather, before);
        let expected = masked(mask, 16, old, |n| before.memory[index[n] as usize]);
        assert_eq!((after.vectors[0], after.masks[0]), (expected, 0), "{mask:#x}");
        let mut stored = before.memory;
        (0..16).filter(|&n| bit(mask, n)).for_each(|n| stored[index[n] as usize] = two[n]);
        assert_eq!(run(&scatter, before).memory, stored, "{mask:#x}");
    }
}
