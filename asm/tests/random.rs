//! Random operands for random forms and mnemonics, and what one wrong bit does.

use planish_asm::AsmError;
use planish_asm_gen::form::Arg;
use planish_asm_gen::oracle::cases::{high_byte_conflict, repeats_a_register};
use planish_asm_gen::oracle::check::Oracle;
use planish_asm_gen::oracle::operands::{Address, Segment, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Draws a value for an operand from 128 random bits.
fn value(arg: &Arg, bits: u128) -> Value {
    let low = bits as u64;
    match arg {
        Arg::Reg("R8Hi") => Value::Reg(4 + (low % 4) as u8),
        Arg::Reg(_) => Value::Reg((low % 16) as u8),
        Arg::Mem(..) | Arg::Addr => Value::Mem(address(bits)),
        Arg::Vmem(..) => {
            let index = Some(((low >> 8 & 15) as u8, (low >> 12 & 3) as u8));
            Value::Mem(Address { index, rip: false, narrow: false, ..address(bits) })
        }
        Arg::Imm(_, _, rust) => Value::Imm(match *rust {
            "i8" => i64::from(low as i8),
            "u8" => i64::from(low as u8),
            "i16" => i64::from(low as i16),
            "u16" => i64::from(low as u16),
            "i32" => i64::from(low as i32),
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
        if repeats_a_register(oracle.row(number), form, &values) {
            return Ok(());
        }
        let mut buffer = [0; 512];
        match oracle.emit(number, &values, &mut buffer) {
            Err(error) => {
                let expected = high_byte_conflict(form, &values) && error == AsmError::HighByte { at: 0 };
                prop_assert!(expected, "{} {values:?}: {error}", form.name);
            }
            Ok(bytes) => {
                let checked = oracle.check(number, &values, bytes);
                prop_assert!(checked.is_ok(), "{} {values:?} {bytes:02X?}: {checked:?}", form.name);
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
