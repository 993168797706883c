//! A `memcpy` that uses the widest registers the processor has, chosen when the program starts.
#![allow(unsafe_code, reason = "to run what was emitted")]

mod executable;

use executable::Executable;
use planish_asm::mem::{byte, xmmword, ymmword};
use planish_asm::{Asm, AsmError, Cond, Features, LabelSlot, regs::*};

/// Emits `extern "C" fn(to /* rdi */, from /* rsi */, len /* rdx */)` for memory that does not overlap.
fn emit(a: &mut Asm, features: Features) -> &'static str {
    let wide = features.contains(Features::AVX);
    let step = if wide { 32 } else { 16 };
    let (blocks, tail, bytes, end) = (a.label(), a.label(), a.label(), a.label());
    a.xor(ecx, ecx).align(16).bind(blocks);
    a.lea(rax, rcx + step).cmp(rax, rdx).jcc(Cond::Above, tail);
    match wide {
        true => _ = a.vmovdqu(ymm0, ymmword(rsi + rcx)).vmovdqu(ymmword(rdi + rcx), ymm0),
        false => _ = a.movdqu(xmm0, xmmword(rsi + rcx)).movdqu(xmmword(rdi + rcx), xmm0),
    }
    a.mov(rcx, rax).jmp(blocks).bind(tail);
    if wide {
        a.vzeroupper();
    }
    a.bind(bytes).cmp(rcx, rdx).jcc(Cond::AboveEqual, end);
    a.mov(al, byte(rsi + rcx)).mov(byte(rdi + rcx), al).inc(rcx).jmp(bytes);
    a.bind(end).ret();
    if wide { "32 bytes at a time" } else { "16 bytes at a time" }
}

/// Compiles the function and copies with it.
fn check(features: Features) -> Result<(), AsmError> {
    let (mut code, mut labels) = ([0; 256], [LabelSlot::EMPTY; 4]);
    let mut a = Asm::new(&mut code, &mut labels);
    let how = emit(&mut a, features);
    let executable = Executable::new(a.finish()?).expect("executable memory");
    // SAFETY: the code is a function of the C ABI with these parameters.
    let memcpy: extern "C" fn(*mut u8, *const u8, usize) = unsafe { std::mem::transmute(executable.address()) };
    let from: Vec<u8> = (0..1000).map(|n| n as u8).collect();
    for len in [0, 1, 15, 16, 17, 31, 32, 33, 255, 1000] {
        let mut to = vec![0xEE; 1001];
        memcpy(to.as_mut_ptr(), from.as_ptr(), len);
        assert!(to[..len] == from[..len] && to[len..].iter().all(|&byte| byte == 0xEE));
    }
    println!("copied {how}");
    Ok(())
}

fn main() -> Result<(), AsmError> {
    check(Features::NONE)?;
    check(Features::detect())
}
