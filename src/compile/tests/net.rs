//! The checks of the compiler itself find what they are for: each of three planted faults, at its entry.

use super::*;
use crate::compile::tape::{Op, Origins, Tape, verify};
use crate::types::TypeIndex;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// `0: t = v0 + 1, 1: t = load [t], 2: u = load.u8 [v0 + 4], 3: u = t * u, 4: global 0 = u, 5: return`
const MODULE: &str = "(module (memory 1) (global (mut i32) (i32.const 0)) (func (param i32)
    (global.set 0
        (i32.mul (i32.load (i32.add (local.get 0) (i32.const 1))) (i32.load8_u offset=4 (local.get 0))))))";

/// Scans the only function of [`MODULE`], and passes the compiler on.
fn with_scanned<T>(action: impl FnOnce(&mut Compiler<'_, HeapCode>) -> T) -> T {
    let bytes = wat::parse_str(MODULE).expect("a module");
    let (info, bodies) = decode(&bytes, SUPPORTED).expect("a valid module");
    let layouts: Vec<CallLayout> = info.types.iter().map(|ty| CallLayout::of(ty.func_type())).collect();
    let (signatures, params) = (vec![0; layouts.len()], Signatures::of(&info, &layouts));
    let context = ModuleContext::new(&info, &layouts, &params, &signatures, &options());
    let budget = Budget::new(context.limits);
    let mut compiler = Compiler::new(&context, &budget, 0, Clock::default()).expect("memory");
    compiler.read_body(0, bodies.module, bodies.range(0)).expect("a valid body");
    let ops: Vec<Op> = compiler.scan.tape.entries.iter().map(|entry| entry.op).collect();
    assert!(
        matches!(ops[..], [Op::Int(_), Op::Load(_), Op::Load(_), Op::Int(_), Op::GlobalSet, Op::Return]),
        "{ops:?}"
    );
    action(&mut compiler)
}

/// What is wrong with a tape in which something is changed.
fn verified(change: impl FnOnce(&mut Tape, &mut Origins)) -> String {
    with_scanned(|compiler| {
        let (tape, origins) = (&mut compiler.scan.tape, &mut compiler.buffers.recount.origins);
        verify(tape, origins).expect("a tape that keeps the rules");
        change(tape, origins);
        verify(tape, origins).expect_err("a tape that breaks a rule").to_string()
    })
}

#[test]
fn a_temp_read_twice_is_named_at_its_entry() {
    let message = verified(|tape, _| tape.entries[3].b = tape.entries[3].a);
    println!("{message}");
    assert!(message.starts_with("entry 3 (`t1 = int.mul i32 t0, t0`, of the operator at 0x"), "{message}");
    assert!(message.ends_with("reads t0, which entry 3 has read already"), "{message}");
}

#[test]
fn a_trap_offset_too_many_is_named_at_its_entry() {
    let message = verified(|tape, origins| {
        // As if the second load's operator had noted it twice.
        let second = origins.of(2).expect("the load's");
        tape.offsets.insert(1, second.wasm_offset);
        origins.0.iter_mut().filter(|origin| origin.entries >= second.entries).for_each(|origin| origin.offsets += 1);
    });
    println!("{message}");
    assert!(message.starts_with("entry 2 (`t1 = load.u8 i32 [v0 + 4]`, of the operator at 0x"), "{message}");
    assert!(message.ends_with("its operator has 2 trap offsets for 1 entries that trap"), "{message}");
}

#[test]
fn a_register_left_owned_is_named_at_its_entry() {
    let emit = |planted: Option<usize>| {
        with_scanned(|compiler| {
            compiler.buffers.recount.planted = planted;
            catch_unwind(AssertUnwindSafe(|| {
                compiler.emit(TypeIndex(0), 0, false).map(|_| ()).expect("a small function")
            }))
        })
    };
    assert!(emit(None).is_ok());
    let message = emit(Some(4)).expect_err("a fault");
    let message = message.downcast_ref::<String>().expect("a text");
    println!("{message}");
    assert!(message.starts_with("function 0, after entry 4 (`globalset i32 0 t1`, of the operator at 0x"), "{message}");
    assert!(message.ends_with("is left to t1, which nothing will read"), "{message}");
}
