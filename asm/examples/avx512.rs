//! The dot product of two slices with AVX-512: sixteen elements at a time, the rest under a mask, so that nothing behind the
//! slices is read. What the code needs is asked of the code itself.
#![allow(unsafe_code, reason = "to run what was emitted")]

mod executable;

use executable::Executable;
use planish_asm::mem::zmmword;
use planish_asm::{Asm, AsmError, Cond, Features, LabelSlot, metadata, regs::*};

/// Emits `extern "C" fn(one /* rdi */, two /* rsi */, len /* rdx */) -> f32`.
fn emit(a: &mut Asm) {
    let (blocks, tail) = (a.label(), a.label());
    a.vpxord(zmm16, zmm16, zmm16).vpxord(zmm17, zmm17, zmm17).xor(ecx, ecx);

    a.align(32).bind(blocks);
    a.lea(rax, rcx + 16).cmp(rax, rdx).jcc(Cond::Above, tail);
    a.vmovups(zmm18, zmmword(rdi + rcx * 4)).vfmadd231ps(zmm16, zmm18, zmmword(rsi + rcx * 4));
    a.mov(rcx, rax).jmp(blocks);

    // The low `len - done` bits of the mask, none of them where nothing is left. Masked loads do not fault where the mask has no bit.
    a.bind(tail).sub(edx, ecx).mov(eax, -1).bzhi(eax, eax, edx).kmovw(k1, eax);
    a.vmovups(zmm18.k(k1).z(), zmmword(rdi + rcx * 4));
    a.vfmadd231ps(zmm17.k(k1), zmm18, zmmword(rsi + rcx * 4));
    a.vaddps(zmm16, zmm16, zmm17);

    // Halves are added until one element is left.
    a.vextractf64x4(ymm17, zmm16, 1).vaddps(ymm16, ymm16, ymm17);
    a.vextractf32x4(xmm17, ymm16, 1).vaddps(xmm0, xmm16, xmm17);
    a.vmovhlps(xmm1, xmm0, xmm0).vaddps(xmm0, xmm0, xmm1);
    a.vmovshdup(xmm1, xmm0).vaddss(xmm0, xmm0, xmm1);
    a.vzeroupper().ret();
}

/// Whole numbers, so that the order of the additions does not matter.
fn numbers(len: usize, factor: usize) -> Vec<f32> {
    (0..len).map(|n| (n * factor % 23) as f32 - 11.0).collect()
}

fn main() -> Result<(), AsmError> {
    let (mut code, mut labels) = ([0; 256], [LabelSlot::EMPTY; 2]);
    let mut a = Asm::new(&mut code, &mut labels);
    emit(&mut a);
    let code = a.finish()?;
    let needed = metadata::needs(code).expect("no data among the instructions");
    println!("{} bytes need {needed}", code.len());
    if !Features::detect().contains(needed) {
        println!("this processor lacks {}", Features::detect().missing(needed));
        return Ok(());
    }

    let executable = Executable::new(code).expect("executable memory");
    // SAFETY: the code is a function of the C ABI with these parameters, and it reads `len` elements of both.
    let dot: extern "C" fn(*const f32, *const f32, usize) -> f32 = unsafe { std::mem::transmute(executable.address()) };
    for len in (0..70).chain([1000, 1007]) {
        let (one, two) = (numbers(len, 7), numbers(len, 5));
        let expected: f32 = one.iter().zip(&two).map(|(one, two)| one * two).sum();
        assert_eq!(dot(one.as_ptr(), two.as_ptr(), len), expected, "{len} elements");
    }
    println!("dot products agree");
    Ok(())
}
