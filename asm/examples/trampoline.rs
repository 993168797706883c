//! A function assembled by the compiler: its bytes are a `static` among the program's own code, and nothing is mapped,
//! copied or emitted when the program runs.
#![allow(unsafe_code, reason = "to run what was assembled")]

use planish_asm::{Alu, Asm, Width, regs::*};

/// Assembles when the constant is evaluated; an error stops the build.
const fn assemble<const LEN: usize>() -> [u8; LEN] {
    let mut code = [0; LEN];
    let mut a = Asm::new(&mut code, &mut []);
    // Calls the function in rdi with the argument in rsi, and adds one to its result.
    a.push_r(rbx.any());
    a.mov_rr(Width::W64, rax.any(), rdi.any()).mov_rr(Width::W64, rdi.any(), rsi.any());
    a.call_r(rax.any()).alu_ri(Alu::Add, Width::W64, rax.any(), 1);
    a.pop_r(rbx.any()).ret();
    assert!(matches!(a.finish(), Ok(code) if code.len() == LEN));
    code
}

#[unsafe(link_section = ".text.trampoline")]
static CALL_AND_ADD_ONE: [u8; 15] = assemble();

extern "C" fn square(x: u64) -> u64 {
    x * x
}

fn main() {
    // SAFETY: the bytes are a function of the C ABI with these parameters, in memory that is executable.
    let trampoline: extern "C" fn(extern "C" fn(u64) -> u64, u64) -> u64 =
        unsafe { std::mem::transmute(CALL_AND_ADD_ONE.as_ptr()) };
    let result = trampoline(square, 6);
    println!("square(6) + 1 = {result}");
    assert_eq!(result, 37);
}
