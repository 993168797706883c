//! A call site that patches itself: the first call goes to a function that decides what the site calls from then on.
#![allow(unsafe_code, reason = "to run what was emitted")]

mod executable;

use std::cell::RefCell;

use executable::Executable;
use planish_asm::{Asm, AsmError, LabelSlot, displacement, regs::*};

/// What the slow path needs to know of the code.
struct Site {
    code: Executable,
    /// The code offset of the call's displacement.
    field: usize,
    /// The code offset of what is called in the end.
    fast: usize,
    /// How often it was asked.
    resolved: u32,
}

thread_local! {
    static SITE: RefCell<Option<Site>> = const { RefCell::new(None) };
}

/// Called the first time: from now on the site calls the fast function.
extern "C" fn resolve() {
    SITE.with_borrow_mut(|site| {
        let site = site.as_mut().expect("set before the code runs");
        site.resolved += 1;
        let distance = displacement(site.field as u64, site.fast as u64).expect("in the same code");
        site.code.write(site.field, &distance.to_le_bytes()).expect("to be written");
    });
}

/// Emits `extern "C" fn(x) -> x + 1`, whose addition is behind a call; returns where the call's displacement and the fast
/// function are.
fn emit(a: &mut Asm) -> Result<(usize, usize), AsmError> {
    let (slow, fast) = (a.label(), a.label());
    // Stack slots align what `slow` calls.
    a.sub(rsp, 8);
    let site = a.call_patchable(slow);
    a.add(rsp, 8).ret();
    a.bind(slow).push(rdi).mov(rax, resolve as *const () as i64).call(rax).pop(rdi);
    a.bind(fast).lea(rax, rdi + 1).ret();
    a.finish()?;
    Ok((a.patch_range(site).expect("bound").start, a.label_pos(fast).expect("bound")))
}

fn main() -> Result<(), AsmError> {
    let (mut code, mut labels) = ([0; 128], [LabelSlot::EMPTY; 3]);
    let mut a = Asm::new(&mut code, &mut labels);
    let (field, fast) = emit(&mut a)?;
    let code = Executable::new(a.finish()?).expect("executable memory");
    // SAFETY: the code is a function of the C ABI with this parameter.
    let function: extern "C" fn(u64) -> u64 = unsafe { std::mem::transmute(code.address()) };
    SITE.set(Some(Site { code, field, fast, resolved: 0 }));
    for x in 0..5 {
        assert_eq!(function(x), x + 1);
    }
    let resolved = SITE.take().expect("set above").resolved;
    println!("5 calls, resolved {resolved} time(s)");
    assert_eq!(resolved, 1);
    Ok(())
}
