//! Values that are read in more than one width or place.
#![allow(missing_docs)]

use planish::{Config, CpuLevel, Engine, Func, FuncType, Instance, Module, Result, Store, Trap, Val, ValType};
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

/// Operands around 2^32, below which a division of 64 bits is done by one of 32, at every level.
#[test]
fn divisions_of_64_bits_are_right_where_they_are_done_by_32() -> Result<()> {
    const EDGES: [i64; 15] = [
        0,
        1,
        2,
        3,
        7,
        1000,
        i32::MAX as i64,
        1 << 31,
        u32::MAX as i64,
        1 << 32,
        (1 << 32) + 1,
        i64::MAX,
        i64::MIN,
        -1,
        -7,
    ];
    let operators = ["div_u", "div_s", "rem_u", "rem_s"];
    let functions: String = operators
        .iter()
        .map(|operator| {
            format!(r#"(func (export "{operator}") (param i64 i64) (result i64) (i64.{operator} (local.get 0) (local.get 1)))"#)
        })
        .collect();
    for level in [CpuLevel::Native, CpuLevel::V3, CpuLevel::Baseline] {
        for signals in [true, false] {
            let engine = Engine::new(Config::new().cpu_level(level).signals_based_traps(signals))?;
            let module = Module::new(&engine, format!("(module {functions})"))?;
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[])?;
            for (operator, (a, b)) in operators.iter().flat_map(|operator| {
                EDGES.iter().flat_map(|&a| EDGES.iter().map(move |&b| (a, b))).map(move |pair| (operator, pair))
            }) {
                let function = instance.get_typed_func::<(i64, i64), i64>(&mut store, operator)?;
                let result = function.call(&mut store, (a, b)).map_err(|error| error.trap());
                let expected = match *operator {
                    _ if b == 0 => Err(Some(Trap::IntegerDivisionByZero)),
                    "div_u" => Ok((a as u64 / b as u64) as i64),
                    "rem_u" => Ok((a as u64 % b as u64) as i64),
                    "div_s" => a.checked_div(b).ok_or(Some(Trap::IntegerOverflow)),
                    _ => Ok(a.wrapping_rem(b)),
                };
                assert_eq!(result, expected, "{operator} {a} {b} {level:?}");
            }
        }
    }
    Ok(())
}

/// A comparison's result is written to a register that is zeroed before: it may be that of an operand, of a load's index, or hold
/// something. "Above" and "below or equal" are asked the other way round, or of the next constant.
#[test]
fn comparisons_yield_what_they_say_wherever_they_are() -> Result<()> {
    const CONSTANTS: [i64; 9] = [0, 1, -1, 41, (1 << 29) - 1, 1 << 29, i32::MAX as i64, i32::MIN as i64, -2];
    const VALUES: [i64; 12] =
        [0, 1, -1, 40, 41, 42, (1 << 29) - 1, 1 << 29, (1 << 29) + 1, i32::MAX as i64, i32::MIN as i64, -2];
    let operators = ["gt_u", "le_u", "lt_u", "ge_u", "gt_s", "le_s", "eq", "ne"];
    for ty in ["i32", "i64"] {
        let (mut functions, mut count) = (String::new(), 0);
        let mut add = |result: &str, body: &str| {
            write!(
                functions,
                r#"(func (export "f{count}") (param $a {ty}) (param $b {ty}) (param $at i32) (result {result}) (local $c i32) {body})"#
            )
            .unwrap();
            count += 1;
        };
        for operator in operators {
            add("i32", &format!("({ty}.{operator} (local.get $a) (local.get $b))"));
            add("i32", &format!("(local.set $c ({ty}.{operator} (local.get $a) (local.get $b))) (local.get $c)"));
            // The result's home is that of an index or of an operand.
            add(
                "i32",
                &format!(
                    "(local.set $at ({ty}.{operator} ({ty}.load (local.get $at)) (local.get $b))) (local.get $at)"
                ),
            );
            add(
                "i32",
                &format!(
                    "(local.set $at ({ty}.{operator} (local.get $a) ({ty}.load offset=8 (local.get $at)))) (local.get $at)"
                ),
            );
            add(ty, &format!("(select (local.get $a) (local.get $b) ({ty}.{operator} (local.get $a) (local.get $b)))"));
            // Among others that live.
            add(
                "i32",
                &format!(
                    "(i32.add (i32.mul (i32.const 10) ({ty}.{operator} ({ty}.add (local.get $a) ({ty}.const 0)) (local.get $b))) \
                     (i32.add (i32.mul (i32.const 100) ({ty}.{operator} (local.get $b) (local.get $a))) \
                     ({ty}.{operator} ({ty}.mul (local.get $a) ({ty}.const 1)) ({ty}.mul (local.get $b) ({ty}.const 1)))))"
                ),
            );
            for constant in CONSTANTS {
                add("i32", &format!("({ty}.{operator} (local.get $a) ({ty}.const {constant}))"));
                add(
                    "i32",
                    &format!(
                        "(select (i32.const 5) (local.get $at) ({ty}.{operator} (local.get $a) ({ty}.const {constant})))"
                    ),
                );
            }
        }
        let text = format!("(module (memory (export \"m\") 1) {functions})");
        for (level, few) in [(CpuLevel::Native, false), (CpuLevel::Native, true), (CpuLevel::Baseline, false)] {
            let engine = Engine::new(Config::new().cpu_level(level).few_registers(few))?;
            let module = Module::new(&engine, &text)?;
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[])?;
            let memory = instance.get_memory(&mut store, "m").unwrap();
            for (a, b) in VALUES.iter().flat_map(|&a| VALUES.iter().map(move |&b| (a, b))) {
                const AT: usize = 64;
                memory.write(&mut store, AT, &a.to_le_bytes())?;
                memory.write(&mut store, AT + 8, &b.to_le_bytes())?;
                let val = |value: i64| if ty == "i32" { Val::I32(value as i32) } else { Val::I64(value) };
                let mut call = |number: usize| {
                    let function = instance.get_func(&mut store, &format!("f{number}")).unwrap();
                    let mut results = [Val::I32(0)];
                    function.call(&mut store, &[val(a), val(b), Val::I32(AT as i32)], &mut results).unwrap();
                    results[0].i32().map_or_else(|| results[0].i64().unwrap(), i64::from)
                };
                let mut number = 0;
                let mut expect = |expected: i64, what: &str| {
                    assert_eq!(call(number), expected, "{ty}: {what} of {a} and {b}, {level:?}, few registers: {few}");
                    number += 1;
                };
                for operator in operators {
                    let holds = |a: i64, b: i64| {
                        let unsigned = |x: i64| if ty == "i32" { u64::from(x as u32) } else { x as u64 };
                        i64::from(match operator {
                            "gt_u" => unsigned(a) > unsigned(b),
                            "le_u" => unsigned(a) <= unsigned(b),
                            "lt_u" => unsigned(a) < unsigned(b),
                            "ge_u" => unsigned(a) >= unsigned(b),
                            "gt_s" => a > b,
                            "le_s" => a <= b,
                            "eq" => a == b,
                            _ => a != b,
                        })
                    };
                    for _ in 0..4 {
                        expect(holds(a, b), operator);
                    }
                    expect(if holds(a, b) != 0 { a } else { b }, operator);
                    expect(11 * holds(a, b) + 100 * holds(b, a), operator);
                    for constant in CONSTANTS {
                        expect(holds(a, constant), operator);
                        expect(if holds(a, constant) != 0 { 5 } else { AT as i64 }, operator);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Through each kind of stub: into wasm, from one instance to another, and to the host, and back. Many values go in a loop.
#[test]
fn values_of_any_number_and_type_pass_all_stubs() -> Result<()> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 24
    };
    let lengths = (0..40).chain([63, 64, 65, 127, 129, 999, 1000]);
    for length in lengths {
        // One type throughout, or all of them.
        let only = next() % 12;
        let values: Vec<Val> = (0..length)
            .map(|_| {
                let bits = next();
                match if only < 5 { only } else { next() % 5 } {
                    0 => Val::I32(bits as i32),
                    1 => Val::I64(bits as i64),
                    2 => Val::F32(bits as u32),
                    3 => Val::F64(bits),
                    _ => Val::V128((u128::from(bits) << 70 | u128::from(next())).into()),
                }
            })
            .collect();
        let types: Vec<ValType> = values.iter().map(Val::ty).collect();
        let list = types.iter().map(ValType::to_string).collect::<Vec<_>>().join(" ");
        let gets: String = (0..length).map(|local| format!("(local.get {local}) ")).collect();
        let text = format!(
            r#"(module (type $t (func (param {list}) (result {list}))) (import "" "" (func $next (type $t)))
                (func (export "f") (type $t) {gets} (call $next)))"#
        );
        for lazy in [false, true] {
            let engine = Engine::new(Config::new().lazy_compilation(lazy))?;
            let (mut store, module) = (Store::new(&engine, ()), Module::new(&engine, &text)?);
            let same = |_: planish::Caller<'_, ()>, params: &[Val], results: &mut [Val]| {
                results.copy_from_slice(params);
                Ok(())
            };
            let mut f = Func::new(&mut store, FuncType::new(types.clone(), types.clone()), same);
            for _ in 0..2 {
                f = Instance::new(&mut store, &module, &[f.into()])?.get_func(&mut store, "f").unwrap();
            }
            let mut results = vec![Val::I32(0); length];
            f.call(&mut store, &values, &mut results)?;
            assert_eq!(format!("{results:?}"), format!("{values:?}"), "{length} values");
        }
    }
    Ok(())
}
