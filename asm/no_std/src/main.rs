//! Assembles a function with labels without the standard library and without an allocator; the exit status says whether
//! the bytes are right.
#![no_std]
#![no_main]

use planish_asm::{Asm, AsmError, Cond, LabelSlot, Record, mem::dword, regs::*};

// The C library starts the program; nothing else of it is used.
#[link(name = "c")]
unsafe extern "C" {}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

/// The compiled core library refers to it for unwinding, which never happens: panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

fn sum(code: &mut [u8]) -> Result<usize, AsmError> {
    let (mut labels, mut records) = ([LabelSlot::EMPTY; 2], [Record::EMPTY; 2]);
    let mut a = Asm::new(code, &mut labels).with_relaxation(&mut records);
    let (next, done) = (a.label(), a.label());
    a.xor(eax, eax).test(rsi, rsi).jcc(Cond::Equal, done).bind(next);
    a.add(eax, dword(rdi + rsi * 4 - 4)).dec(rsi).jcc(Cond::NotEqual, next);
    a.bind(done).ret();
    Ok(a.relax().finish()?.len())
}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let mut code = [0; 64];
    let expected = [0x31, 0xC0, 0x48, 0x85, 0xF6, 0x74, 9, 0x03, 0x44, 0xB7, 0xFC, 0x48, 0xFF, 0xCE, 0x75, 0xF7, 0xC3];
    match sum(&mut code) {
        Ok(len) if code[..len] == expected => 0,
        _ => 1,
    }
}
