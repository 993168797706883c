//! Random operands for random forms and mnemonics, and what one wrong bit does.

use planish_asm_gen::form::Arg;
use planish_asm_gen::oracle::cases::{conflict, numbers};
use planish_asm_gen::oracle::check::Oracle;
use planish_asm_gen::oracle::operands::{Address, Segment, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Draws a value for an operand from 128 random bits.
fn value(arg: &Arg, bits: u128) -> Value {
    let low = bits as u64;
    let register = |class: &str| {
        let all = numbers(class);
        all[low as usize % all.len()]
    };
    let vector = |class: &str| {
        let all = numbers(class);
        let index = Some((all[(low >> 32) as usize % all.len()], (low >> 12 & 3) as u8));
        Address { index, rip: false, narrow: false, ..address(bits) }
    };
    let mask = (low >> 40 & 7) as u8;
    match arg {
        Arg::Reg(class) | Arg::Sae(class) => Value::Reg(register(class)),
        Arg::Masked(class) => Value::Masked(register(class), mask, mask != 0 && *class != "K" && low >> 43 & 1 != 0),
        Arg::Merged(class) => Value::Masked(register(class), mask.max(1), false),
        Arg::Rounded(class) => Value::Rounded(register(class), mask & 3),
        Arg::Mem(..) | Arg::Addr | Arg::Bcst(..) => Value::Mem(address(bits)),
        Arg::Sib => Value::Mem(Address { rip: false, ..address(bits) }),
        Arg::MaskedMem(..) | Arg::MaskedAddr => Value::MaskedMem(address(bits), mask),
        Arg::Vmem(_, class) => Value::Mem(vector(class)),
        Arg::MergedVmem(_, class) => Value::MaskedMem(vector(class), mask.max(1)),
        Arg::Flags => Value::Imm(low as i64 & 15),
        Arg::Rel(16) => Value::Imm(i64::from(low as i16)),
        Arg::Imm(_, _, rust) => Value::Imm(match *rust {
            "i8" => i64::from(low as i8),
            "u8" => i64::from(low as u8),
            "i16" => i64::from(low as i16),
            "u16" => i64::from(low as u16),
            "i32" => i64::from(low as i32),
            "u32" => i64::from(low as u32),
            _ => low as i64,
        }),
        Arg::Moffs(_) => Value::Imm(low as i64),
        Arg::Rel(8) => Value::Target((low % 128) as i32),
        Arg::Rel(_) => Value::Target((low % 300) as i32),
        Arg::Fixed(_) => Value::Fixed,
    }
}

fn address(bits: u128) -> Address {
    let low = bits as u64;
    let register = |at: u32| (low >> at & 15) as u8;
    let index = Some(register(8)).filter(|&number| number != 4 && low >> 14 & 3 != 0);
    let index = index.map(|number| (number, (low >> 12 & 3) as u8));
    let base = Some(register(4)).filter(|_| low >> 16 & 7 != 0);
    let disp = (bits >> 64) as i32 >> (low >> 19 & 31);
    let segment = [Segment::None, Segment::None, Segment::Fs, Segment::Gs][(low >> 24 & 3) as usize];
    match low >> 26 & 15 {
        0 => Address { base: None, index: None, rip: true, narrow: false, segment, disp: disp >> 1 },
        // iced cannot tell 32-bit absolute addresses from 64-bit ones.
        1 if base.is_some() || index.is_some() => Address { base, index, rip: false, narrow: true, segment, disp },
        _ => Address { base, index, rip: false, narrow: false, segment, disp },
    }
}

#[test]
fn random_operands() {
    let oracle = Oracle::new();
    let strategy = (0..oracle.forms.len(), prop::array::uniform4(any::<u128>()));
    let config = Config { cases: 200_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::XorShift));
    let outcome = runner.run(&strategy, |(number, bits)| {
        let form = &oracle.forms[number];
        let values: Vec<Value> = form.args.iter().zip(bits).map(|(arg, bits)| value(arg, bits)).collect();
        let conflict = conflict(oracle.row(number), form, &values);
        let mut buffer = [0; 512];
        match oracle.emit(number, &values, &mut buffer) {
            Err(error) => {
                let expected = conflict.is_some_and(|conflict| conflict.is(error));
                prop_assert!(expected, "{} {values:?}: {error}", form.name);
            }
            Ok(bytes) => {
                prop_assert!(conflict.is_none(), "{} {values:?} {conflict:?}", form.name);
                let checked = oracle.check(number, &values, bytes);
                prop_assert!(checked.is_ok(), "{} {values:?} {bytes:02X?}: {checked:?}", form.name);
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
