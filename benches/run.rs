//! How fast compiled code is: a few kernels. `cargo bench --bench run`

#[path = "../src/bin/planish/machine.rs"]
mod machine;

use planish::{Engine, Error, Instance, Module, Store};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A name, what is counted, how many of it one call does, the argument, and the function.
const KERNELS: &[(&str, &str, u64, i32, &str)] = &[
    (
        "fibonacci",
        "call",
        // Calls for the 27th number.
        832_039,
        27,
        r#"(func $f (export "f") (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
                (then (local.get 0))
                (else (i32.add (call $f (i32.sub (local.get 0) (i32.const 1)))
                    (call $f (i32.sub (local.get 0) (i32.const 2)))))))"#,
    ),
    (
        "sum of words",
        "load",
        1_000_000,
        4_000_000,
        r#"(func (export "f") (param i32) (result i32) (local i32 i32)
            (loop (local.set 1 (i32.add (local.get 1) (i32.load (local.get 2))))
                (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 4))) (local.get 0))))
            local.get 1)"#,
    ),
    (
        "FNV hash",
        "byte",
        1_000_000,
        1_000_000,
        r#"(func (export "f") (param i32) (result i32) (local i32 i32)
            (local.set 1 (i32.const 0x811c9dc5))
            (loop (local.set 1 (i32.mul (i32.const 16777619) (i32.xor (local.get 1) (i32.load8_u (local.get 2)))))
                (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (local.get 0))))
            local.get 1)"#,
    ),
    (
        "sieve",
        "number",
        1_000_000,
        1_000_000,
        r#"(func (export "f") (param i32) (result i32) (local i32 i32 i32)
            (memory.fill (i32.const 0) (i32.const 0) (local.get 0))
            (local.set 1 (i32.const 2))
            (loop $next
                (if (i32.eqz (i32.load8_u (local.get 1))) (then
                    (local.set 3 (i32.add (local.get 3) (i32.const 1)))
                    (local.set 2 (local.get 1))
                    (loop $strike (i32.store8 (local.get 2) (i32.const 1))
                        (br_if $strike (i32.lt_u (local.tee 2 (i32.add (local.get 2) (local.get 1))) (local.get 0))))))
                (br_if $next (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0))))
            local.get 3)"#,
    ),
    (
        "matrix product",
        "f64 multiply-add",
        200 * 200 * 200,
        200,
        r#"(func (export "f") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $k i32) (local $sum f64)
            (loop $rows (local.set $j (i32.const 0))
                (loop $columns (local.set $k (i32.const 0)) (local.set $sum (f64.const 0))
                    (loop $inner
                        (local.set $sum (f64.add (local.get $sum) (f64.mul
                            (f64.load (i32.shl (i32.add (i32.mul (local.get $i) (local.get $n)) (local.get $k)) (i32.const 3)))
                            (f64.load offset=0x100000
                                (i32.shl (i32.add (i32.mul (local.get $k) (local.get $n)) (local.get $j)) (i32.const 3))))))
                        (br_if $inner (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $n))))
                    (f64.store offset=0x200000
                        (i32.shl (i32.add (i32.mul (local.get $i) (local.get $n)) (local.get $j)) (i32.const 3)) (local.get $sum))
                    (br_if $columns (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
                (br_if $rows (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
            i32.const 0)"#,
    ),
    (
        "indirect calls",
        "call",
        1_000_000,
        1_000_000,
        r#"(type $t (func (param i32) (result i32))) (table funcref (elem $a $b))
        (func $a (type $t) (i32.add (local.get 0) (i32.const 3)))
        (func $b (type $t) (i32.xor (local.get 0) (i32.const 5)))
        (func (export "f") (param i32) (result i32) (local i32)
            (loop (local.set 1 (call_indirect (type $t) (local.get 1) (i32.and (local.get 0) (i32.const 1))))
                (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            local.get 1)"#,
    ),
    (
        "vector sum",
        "f32x4 add",
        250_000,
        4_000_000,
        r#"(func (export "f") (param i32) (result i32) (local i32 v128)
            (loop (local.set 2 (f32x4.add (local.get 2) (v128.load (local.get 1))))
                (br_if 0 (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 16))) (local.get 0))))
            (i32.trunc_sat_f32_s (f32x4.extract_lane 0 (local.get 2))))"#,
    ),
];

fn main() -> Result<(), Error> {
    println!("{}", machine::line());
    let engine = Engine::default();
    for (name, unit, count, argument, text) in KERNELS {
        let module = Module::new(&engine, format!("(module (memory 64) {text})"))?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let kernel = instance.get_typed_func::<i32, i32>(&mut store, "f")?;
        let (begin, mut best) = (Instant::now(), Duration::MAX);
        while begin.elapsed() < Duration::from_millis(200) {
            let start = Instant::now();
            black_box(kernel.call(&mut store, *argument)?);
            best = best.min(start.elapsed());
        }
        println!("{name:16}{:8.3} ns per {unit}", best.as_nanos() as f64 / *count as f64);
    }
    Ok(())
}
