//! Every form that may run in a program, and that CPUID says this processor has, is one that it knows: run once, it may
//! fault in many ways, but not as an undefined instruction.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(unsafe_code, reason = "to run what was emitted")]

#[path = "../examples/executable/mod.rs"]
mod executable;

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

use executable::Executable;
use planish_asm::mem::{dword, qword};
use planish_asm::{Asm, Features, Gp64, LabelSlot, regs::*};
use planish_asm_gen::oracle::cases::defaults;
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};
use planish_asm_gen::row::Row;

/// Undefined by definition, or with effects outside of registers and memory: the kernel is called, the thread's own data
/// is moved away, the host of a virtual machine is asked.
const NOT_RUN: &[&str] = &[
    "ud0", "ud1", "ud2", "int", "int1", "int3", "iret", "iretd", "iretq", "syscall", "sysenter", "sysexit", "sysret",
    "wrfsbase", "lfs", "lgs", "lss", "vmcall", "vmfunc", "vmmcall", "vmgexit", "rsm", "getsec", "hlt", "monitor",
    "mwait",
];
/// CPUID has them, but they are undefined as long as the operating system does not switch them on.
const SWITCHED: &[&str] =
    &["CET_SS", "CET_IBT", "UINTR", "KL", "AESKLE", "WIDE_KL", "ENQCMD", "PKU", "SMX", "VMX", "SVM", "MCOMMIT"];

/// The signal of the last fault; 0 if there was none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// Where a fault leads; 0 while none of our code runs.
static EXIT: AtomicUsize = AtomicUsize::new(0);

/// What the code finds at a known address: its stack pointer to return with, the MXCSR of every program, a place to work.
#[repr(C, align(64))]
struct Scratch {
    rsp: u64,
    mxcsr: u32,
    memory: [u64; 1024],
}

extern "C" fn on_fault(signal: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let exit = EXIT.swap(0, SeqCst);
    if exit == 0 {
        std::process::abort();
    }
    SIGNAL.store(signal, SeqCst);
    // SAFETY: the kernel hands over the context of the interrupted code, and nobody else has it.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    registers[libc::REG_RIP as usize] = exit as i64;
    // No trap flag, no direction flag.
    registers[libc::REG_EFL as usize] = 0x202;
}

/// Faults lead to [`on_fault`] on a stack of its own: the code may have made anything of its stack pointer.
fn catch_faults() {
    let stack = Box::leak(vec![0u8; 1 << 16].into_boxed_slice());
    let alternate = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the memory is never freed.
    assert_eq!(unsafe { libc::sigaltstack(&alternate, std::ptr::null_mut()) }, 0);
    // SAFETY: all zeros is a valid value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    for signal in [libc::SIGILL, libc::SIGSEGV, libc::SIGFPE, libc::SIGTRAP, libc::SIGBUS] {
        // SAFETY: the handler has the signature that SA_SIGINFO asks for.
        assert_eq!(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) }, 0);
    }
}

const SAVED: [Gp64; 6] = [rbx, rbp, r12, r13, r14, r15];

/// Code that runs `instruction` with all addresses in the scratch memory and comes back whatever happens to registers;
/// and where it comes back by.
fn wrap(instruction: &[u8], scratch: &mut Scratch, vectors: bool) -> (Executable, usize) {
    let (mut code, mut labels) = ([0; 512], [LabelSlot::EMPTY; 1]);
    let mut a = Asm::new(&mut code, &mut labels);
    let exit = a.label();
    let here = &raw mut *scratch as i64;
    SAVED.iter().for_each(|&r| _ = a.push(r));
    a.mov(rax, here).mov(qword(rax), rsp).lea(rsi, rax + 4096).mov(rsp, rsi);
    // What `ret` finds.
    a.lea_label(rcx.any(), exit);
    for _ in 0..4 {
        a.push(rcx);
    }
    [rdi, rbx, rbp, r8, r9, r10, r11, r12, r13, r14, r15].iter().for_each(|&r| _ = a.mov(r, rsi));
    a.xor(eax, eax).xor(ecx, ecx).xor(edx, edx);
    if vectors {
        a.vzeroall();
    }
    a.bytes(instruction).nops(3).bind(exit);
    a.mov(rax, here).mov(rsp, qword(rax)).ldmxcsr(dword(rax + 8)).push(0x202).popfq();
    // `fninit`: a form of another table.
    a.bytes(&[0xDB, 0xE3]);
    if vectors {
        a.vzeroupper();
    }
    SAVED.iter().rev().for_each(|&r| _ = a.pop(r));
    a.ret();
    let at = a.label_pos(exit).expect("bound");
    let executable = Executable::new(a.finish().expect("room")).expect("executable memory");
    let exit = executable.address() as usize + at;
    (executable, exit)
}

/// Runs one instruction; the signal, or 0.
fn run(instruction: &[u8], scratch: &mut Scratch, vectors: bool) -> i32 {
    let (executable, exit) = wrap(instruction, scratch, vectors);
    // SAFETY: the code keeps what the C ABI wants kept, also after a fault.
    let function: extern "C" fn() = unsafe { std::mem::transmute(executable.address()) };
    SIGNAL.store(0, SeqCst);
    EXIT.store(exit, SeqCst);
    function();
    EXIT.store(0, SeqCst);
    SIGNAL.load(SeqCst)
}

/// Whether a program may run it here.
fn may_run(row: &Row, features: Features) -> bool {
    let privileged = row.has("cpl0") || row.has("priv") || NOT_RUN.contains(&row.mnemonic.as_str());
    // Loading a segment register may move the thread's own data away.
    let segments =
        row.operand_text.contains("sreg") || row.operand_text.contains("fs") || row.operand_text.contains("gs");
    let has = |name: &String| {
        !SWITCHED.contains(&name.as_str()) && Features::named(name).is_some_and(|feature| features.contains(feature))
    };
    !privileged && !segments && row.cpuid.iter().all(has)
}

#[test]
fn no_form_is_undefined() {
    let oracle = Oracle::new();
    let features = Features::detect();
    let vectors = features.contains(Features::AVX);
    let mut scratch = Box::new(Scratch { rsp: 0, mxcsr: 0x1F80, memory: [0; 1024] });
    let mut buffer = vec![0; BUFFER_LEN];
    catch_faults();
    let (mut ran, mut faulted, mut undefined) = (0, 0, Vec::new());
    for (number, form) in oracle.forms.iter().enumerate().filter(|(n, _)| may_run(oracle.row(*n), features)) {
        scratch.memory.fill(0);
        let bytes = oracle.emit(number, &defaults(form), &mut buffer).expect("room");
        match run(bytes, &mut scratch, vectors) {
            libc::SIGILL => undefined.push(format!("{} {bytes:02X?}", form.name)),
            0 => ran += 1,
            _ => faulted += 1,
        }
    }
    println!(
        "{} forms: {ran} ran, {faulted} faulted as they may, the others need another processor",
        oracle.forms.len()
    );
    assert!(undefined.is_empty(), "undefined: {undefined:#?}");
}
