//! A brainfuck compiler that shows its code: `brainfuck "PROGRAM"` prints the listing, then what the program prints.
#![allow(unsafe_code, reason = "to run what was emitted")]

mod executable;

use executable::Executable;
use planish_asm::listing::Listing;
use planish_asm::mem::byte;
use planish_asm::{Asm, Cond, Label, LabelSlot, Record, regs::*};

const HELLO: &str =
    "++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.>>.<-.<.+++.------.--------.>>+.>++.";

/// How many equal operators there are in a row, at most as many as an instruction can take.
fn run_length(rest: &[u8]) -> usize {
    rest.iter().take(100).take_while(|&&c| c == rest[0]).count()
}

/// Emits `extern "C" fn(cells /* rdi */, output /* rsi */) -> end of the output`.
fn emit(program: &str, a: &mut Asm, listing: &mut Listing) -> Result<(), String> {
    let (program, mut at) = (program.as_bytes(), 0);
    let mut loops: Vec<(Label, Label)> = Vec::new();
    while at < program.len() {
        let count = run_length(&program[at..]);
        let mut used = count;
        listing.note(a, &String::from_utf8_lossy(&program[at..at + 1]).repeat(count.min(8)));
        match program[at] {
            b'>' => _ = a.add(rdi, count as i32),
            b'<' => _ = a.sub(rdi, count as i32),
            b'+' => _ = a.add(byte(rdi), count as i8),
            b'-' => _ = a.sub(byte(rdi), count as i8),
            b'.' => {
                used = 1;
                a.mov(al, byte(rdi)).mov(byte(rsi), al).inc(rsi);
            }
            b'[' => {
                used = 1;
                let (top, end) = (a.label(), a.label());
                loops.push((top, end));
                a.cmp(byte(rdi), 0).jcc(Cond::Equal, end).bind(top);
            }
            b']' => {
                used = 1;
                let (top, end) = loops.pop().ok_or("`]` without `[`")?;
                a.cmp(byte(rdi), 0).jcc(Cond::NotEqual, top).bind(end);
            }
            _ => {}
        }
        at += used;
    }
    a.mov(rax, rsi).ret();
    if loops.is_empty() { Ok(()) } else { Err("`[` without `]`".to_string()) }
}

fn run(program: &str) -> Result<String, String> {
    let mut code = vec![0; 64 * program.len() + 64];
    let mut labels = vec![LabelSlot::EMPTY; 2 * program.len() + 2];
    let mut records = vec![Record::EMPTY; 8 * program.len() + 8];
    let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
    let mut listing = Listing::new();
    emit(program, &mut a, &mut listing)?;
    let executable = a.relax().finish().map_err(|error| error.to_string())?;
    let executable = Executable::new(executable).map_err(|error| error.to_string())?;
    for line in listing.lines(&mut a, 0).map_err(|error| error.to_string())? {
        println!("{line}");
    }
    let (mut cells, mut output) = ([0u8; 30_000], [0u8; 4096]);
    // SAFETY: the code is a function of the C ABI with these parameters.
    let function: extern "C" fn(*mut u8, *mut u8) -> *mut u8 = unsafe { std::mem::transmute(executable.address()) };
    let end = function(cells.as_mut_ptr(), output.as_mut_ptr());
    let len = end as usize - output.as_ptr() as usize;
    Ok(String::from_utf8_lossy(&output[..len]).into_owned())
}

fn main() -> Result<(), String> {
    let program = std::env::args().nth(1);
    let output = run(program.as_deref().unwrap_or(HELLO))?;
    print!("{output}");
    assert!(program.is_some() || output == "Hello World!\n");
    Ok(())
}
