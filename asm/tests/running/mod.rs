//! Runs one instruction among known registers and says how it faulted; and which forms may be run like that.

#![allow(dead_code, reason = "each program uses a part")]

#[path = "../../examples/executable/mod.rs"]
mod executable;

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

use executable::Executable;
use planish_asm::mem::{dword, qword};
use planish_asm::{Asm, Features, Gp64, KMask, LabelSlot, ZmmX, metadata, regs::*};
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
/// Where it happened, if it was a page fault; 0 otherwise.
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
/// Where a fault leads; 0 while none of our code runs.
static EXIT: AtomicUsize = AtomicUsize::new(0);

/// How an instruction faulted; all zeros if it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The signal.
    pub signal: i32,
    /// The address that was accessed, if it was a page fault.
    pub address: usize,
}

/// Code that comes back from its faults.
pub struct Runner {
    features: Features,
    scratch: Box<Scratch>,
}

/// What the code finds at a known address: its stack pointer to return with, the MXCSR of every program, a place to work.
#[repr(C, align(64))]
struct Scratch {
    rsp: u64,
    mxcsr: u32,
    memory: [u64; 1024],
}

/// The code of a fault without an address: general protection.
const SI_KERNEL: i32 = 0x80;

extern "C" fn on_fault(signal: i32, information: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let exit = EXIT.swap(0, SeqCst);
    if exit == 0 {
        std::process::abort();
    }
    SIGNAL.store(signal, SeqCst);
    // SAFETY: the kernel hands over the signal's description.
    let information = unsafe { &*information };
    if signal == libc::SIGSEGV && information.si_code > 0 && information.si_code != SI_KERNEL {
        // SAFETY: with these codes there is an address.
        ADDRESS.store(unsafe { information.si_addr() } as usize, SeqCst);
    }
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

impl Runner {
    /// Faults of the process are ours from now on.
    pub fn new(features: Features) -> Runner {
        catch_faults();
        Runner { features, scratch: Box::new(Scratch { rsp: 0, mxcsr: 0x1F80, memory: [0; 1024] }) }
    }

    /// A place that may be read and written, 4 KiB in either direction.
    pub fn place(&mut self) -> usize {
        &raw mut *self.scratch as usize + 4096
    }

    /// Runs one instruction. Registers that addresses have by default are `place`; vectors are zero, masks full.
    pub fn run(&mut self, instruction: &[u8], place: usize) -> Fault {
        self.scratch.memory.fill(0);
        let (code, exit) = self.wrap(instruction, place);
        let executable = Executable::new(&code).expect("executable memory");
        let exit = executable.address() as usize + exit;
        // SAFETY: the code keeps what the C ABI wants kept, also after a fault.
        let function: extern "C" fn() = unsafe { std::mem::transmute(executable.address()) };
        SIGNAL.store(0, SeqCst);
        ADDRESS.store(0, SeqCst);
        EXIT.store(exit, SeqCst);
        function();
        EXIT.store(0, SeqCst);
        Fault { signal: SIGNAL.load(SeqCst), address: ADDRESS.load(SeqCst) }
    }

    /// Code that comes back whatever happens to registers, and the offset at which it does so after a fault.
    fn wrap(&mut self, instruction: &[u8], place: usize) -> (Vec<u8>, usize) {
        let (mut code, mut labels) = ([0; 512], [LabelSlot::EMPTY; 1]);
        let mut a = Asm::new(&mut code, &mut labels);
        let exit = a.label();
        let here = &raw mut *self.scratch as i64;
        SAVED.iter().for_each(|&r| _ = a.push(r));
        a.mov(rax, here).mov(qword(rax), rsp).lea(rsp, rax + 4096);
        // What `ret` finds.
        a.lea_label(rcx.any(), exit);
        for _ in 0..4 {
            a.push(rcx);
        }
        a.mov(rsi, place as i64);
        [rdi, rbx, rbp, r8, r9, r10, r11, r12, r13, r14, r15].iter().for_each(|&r| _ = a.mov(r, rsi));
        a.xor(eax, eax).xor(ecx, ecx).xor(edx, edx);
        self.clear_vectors(&mut a);
        a.bytes(instruction).nops(3).bind(exit);
        a.mov(rax, here).mov(rsp, qword(rax)).ldmxcsr(dword(rax + 8)).push(0x202).popfq().fninit();
        if self.features.contains(Features::AVX) {
            a.vzeroupper();
        }
        SAVED.iter().rev().for_each(|&r| _ = a.pop(r));
        a.ret();
        let at = a.label_pos(exit).expect("bound");
        (a.finish().expect("room").to_vec(), at)
    }

    fn clear_vectors(&self, a: &mut Asm) {
        if self.features.contains(Features::AVX) {
            a.vzeroall();
        }
        if self.features.contains(Features::AVX512F.union(Features::AVX512BW)) {
            (1..8).filter_map(KMask::from_num).for_each(|k| _ = a.kxnorq(k, k, k));
            (16..32).filter_map(ZmmX::from_num).for_each(|z| _ = a.vpxord(z, z, z));
        }
    }
}

/// Whether the processor has `lahf` and `sahf` in 64-bit mode: the first of the amd64 processors lack them (SDM Vol. 2,
/// LAHF), which the tables do not say.
fn has_lahf() -> bool {
    std::arch::x86_64::__cpuid(0x8000_0001).ecx & 1 != 0
}

/// Whether a program may run it here.
pub fn may_run(row: &Row, features: Features) -> bool {
    let privileged = row.has("cpl0") || row.has("priv") || NOT_RUN.contains(&row.mnemonic.as_str());
    // Loading a segment register may move the thread's own data away.
    let segments =
        row.operand_text.contains("sreg") || row.operand_text.contains("fs") || row.operand_text.contains("gs");
    let has = |name: &String| {
        !SWITCHED.contains(&name.as_str()) && Features::named(name).is_some_and(|feature| features.contains(feature))
    };
    let lahf = !["lahf", "sahf"].contains(&row.mnemonic.as_str()) || has_lahf();
    !privileged && !segments && lahf && row.cpuid.iter().all(has)
}

/// What is around the instruction is emitted for every processor, of instructions that it has.
#[test]
fn the_code_around_needs_no_more_than_the_processor_has() {
    let avx512 = Features::AVX512F.union(Features::AVX512BW);
    for features in [Features::NONE, Features::AVX, Features::AVX.union(avx512)] {
        let baseline = [Features::SSE, Features::SSE2, Features::FPU].into_iter().fold(features, Features::union);
        let (code, _) = Runner::new(features).wrap(&[0x90], 0);
        let needs = metadata::needs(&code).expect("instructions");
        assert!(baseline.contains(needs), "{} on a processor with {features}", baseline.missing(needs));
    }
}
