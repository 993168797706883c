//! Values that are read in more than one width or place.
#![allow(missing_docs)]

use planish::{Engine, Instance, Module, Result, Store, Val};
use std::fmt::Write;

/// Each parameter's low half, then its high half: too many parameters for all to have registers.
#[test]
fn a_variable_that_is_read_in_half_stays_whole() -> Result<()> {
    const PARAMS: usize = 24;
    let mut body = String::from("(i64.const 0)");
    for param in 0..PARAMS {
        write!(
            body,
            "(i64.extend_i32_u (i32.wrap_i64 (local.get {param}))) (i64.xor) \
             (i64.shl (i64.extend_i32_u (i32.wrap_i64 (i64.shr_u (local.get {param}) (i64.const 32)))) (i64.const 32)) (i64.xor)"
        )
        .unwrap();
    }
    let params = "i64 ".repeat(PARAMS);
    let engine = Engine::default();
    let module = Module::new(&engine, format!("(module (func (export \"f\") (param {params}) (result i64) {body}))"))?;
    let mut store = Store::new(&engine, ());
    let f = Instance::new(&mut store, &module, &[])?.get_func(&mut store, "f").unwrap();
    let values: Vec<i64> = (1..=PARAMS as i64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)).collect();
    let params: Vec<Val> = values.iter().map(|&value| Val::I64(value)).collect();
    let mut results = [Val::I64(0)];
    f.call(&mut store, &params, &mut results)?;
    assert_eq!(results[0].i64().unwrap(), values.iter().fold(0, |all, value| all ^ value));
    Ok(())
}

/// The parameter's last use comes before the call, but the loop, which is all there is, comes back to it.
#[test]
fn a_parameter_lives_through_a_loop_at_the_functions_start() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (memory 1)
            (func $clobber (param i32 i32 i32 i32) (result i32)
                (i32.add (local.get 0) (i32.add (local.get 1) (i32.add (local.get 2) (local.get 3)))))
            (func (export "f") (param i32 i32) (result i32) (local i32 i32)
                (loop
                    (if (i32.ne (local.get 1) (local.get 2))
                        (then
                            (local.set 3 (i32.add (local.get 3) (local.get 0)))
                            (drop (call $clobber (i32.const 7) (i32.const 8) (i32.const 9) (i32.const 10)))
                            (local.set 2 (i32.add (local.get 2) (i32.const 1)))
                            (br 1))))
                (local.get 3)))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let f = Instance::new(&mut store, &module, &[])?.get_typed_func::<(i32, i32), i32>(&mut store, "f")?;
    assert_eq!(f.call(&mut store, (100, 5))?, 500);
    Ok(())
}
