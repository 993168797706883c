//! How long an instruction takes to emit: a mix with random registers, labels, and branches that shrink. The first line
//! says on which processor.

mod processor;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use planish_asm::*;

/// Iterations of a mix in one assembly.
const ROUNDS: usize = 1024;

fn main() {
    println!("{}", processor::description());
    divan::main();
}

/// Registers and numbers that the compiler cannot foresee.
fn operands() -> Vec<(R64, R64, Gp64, Xmm, i32)> {
    let mut state = 0x9E37_79B9u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state >> 4
    };
    let mut register = |count: u32| (random() % count) as u8;
    let mut row = |_| {
        let index = [0, 1, 2, 3, 5, 6, 7, 8][usize::from(register(8))];
        let disp = [0, 8, 200, -4000][usize::from(register(4))];
        (
            R64::from_num(register(16)).expect("below 16"),
            R64::from_num(register(16)).expect("below 16"),
            Gp64::from_num(index).expect("not rsp"),
            Xmm::from_num(register(16)).expect("below 16"),
            disp,
        )
    };
    (0..ROUNDS).map(&mut row).collect()
}

/// Eight instructions as a compiler selects them.
#[divan::bench]
fn selection(bencher: Bencher) {
    let (operands, mut code) = (operands(), vec![0; 1 << 20]);
    bencher.counter(ItemsCount::new(8 * ROUNDS)).bench_local(|| {
        let mut a = Asm::new(&mut code, &mut []);
        for &(one, two, index, x, disp) in black_box(&operands) {
            a.mov_rr(Width::W64, one, two);
            a.mov_rm(Width::W32, one, Addr::base_disp(two, disp));
            a.alu_rr(Alu::Add, Width::W32, one, two);
            a.alu_ri(Alu::Cmp, Width::W64, one, disp);
            a.lea_rm(Width::W64, two, Addr::base_index(one, index, Scale::X4, disp));
            a.mov_mr(Width::W64, Addr::base_disp(two, 16), one);
            a.sse_rm(FpOp::Add, Prec::D, x, Addr::base_disp(one, disp));
            a.alu_rr(Alu::Xor, Width::W64, two, one);
        }
        a.finish().map(<[u8]>::len)
    });
}

/// The same number of instructions by their forms.
#[divan::bench]
fn forms(bencher: Bencher) {
    let (operands, mut code) = (operands(), vec![0; 1 << 20]);
    bencher.counter(ItemsCount::new(8 * ROUNDS)).bench_local(|| {
        let mut a = Asm::new(&mut code, &mut []);
        for &(one, two, index, x, disp) in black_box(&operands) {
            a.mov_r64_r64(one, two);
            a.mov_r64_m64(one, Addr::base_disp(two, disp).m64());
            a.add_r64_r64(one, two);
            a.cmp_r64_imm32s(one, disp);
            a.lea_r64_m(two, Addr::base_index(one, index, Scale::X4, disp));
            a.mov_m64_r64(Addr::base_disp(two, 16).m64(), one);
            a.addsd_xmm_m64(x, Addr::base_disp(one, disp).m64());
            a.xor_r64_r64(two, one);
        }
        a.finish().map(<[u8]>::len)
    });
}

/// A forward branch over an addition.
fn branches(a: &mut Asm, operands: &[(R64, R64, Gp64, Xmm, i32)]) {
    for &(one, two, ..) in operands {
        let skip = a.label();
        a.jcc(Cond::Less, skip).alu_rr(Alu::Add, Width::W64, one, two).bind(skip);
    }
}

/// Branch, addition, label: counted as two instructions.
#[divan::bench]
fn labels(bencher: Bencher) {
    let (operands, mut code, mut labels) = (operands(), vec![0; 1 << 20], vec![LabelSlot::EMPTY; ROUNDS]);
    bencher.counter(ItemsCount::new(2 * ROUNDS)).bench_local(|| {
        let mut a = Asm::new(&mut code, &mut labels);
        branches(&mut a, black_box(&operands));
        a.finish().map(<[u8]>::len)
    });
}

/// The same with branches that shrink.
#[divan::bench]
fn labels_relaxed(bencher: Bencher) {
    let (operands, mut code, mut labels) = (operands(), vec![0; 1 << 20], vec![LabelSlot::EMPTY; ROUNDS]);
    let mut records = vec![Record::EMPTY; ROUNDS];
    bencher.counter(ItemsCount::new(2 * ROUNDS)).bench_local(|| {
        let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
        branches(&mut a, black_box(&operands));
        a.relax().finish().map(<[u8]>::len)
    });
}
