//! Code for every level of processor is compiled and decoded on whatever processor the tests run: it holds instructions of
//! its level only. Running it is left to those that have them.

use super::*;
use crate::abi::Cpu;
use crate::compile::frozen::{AVX512, BASELINE, NEWEST, V2, V3};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic};

#[test]
fn code_needs_what_its_level_has() {
    let levels = [BASELINE, V2, V3, AVX512, NEWEST];
    // Instructions of each level, to see that the levels differ.
    let mut counts = [Counts::default(); 5];
    for module in modules() {
        let Ok((info, bodies)) = decode(&module, SUPPORTED) else { continue };
        let signatures = vec![7; info.types.len()];
        for (cpu, counts) in levels.into_iter().zip(&mut counts) {
            let (options, clock) = (Options { cpu, ..options() }, &mut Clock::default());
            let compiled = compile_module::<HeapCode>(&info, &bodies, &signatures, &options, &Threads::One, clock);
            let Ok(module) = compiled else { continue };
            let (code, positions) = module.finish(&Threads::One).expect("memory");
            for (own, function) in positions.functions.iter().enumerate() {
                let end = positions.functions.get(own + 1).map_or(positions.code_bytes, |next| next.code_offset);
                check(&code.bytes()[function.code_offset as usize..end as usize], cpu, counts);
            }
        }
    }
    let [baseline, v2, v3, avx512, newest] = counts;
    println!("{counts:?}");
    assert!(baseline.legacy > 100_000 && baseline.vex + baseline.evex == 0);
    assert!(v2.vex + v2.evex == 0);
    assert!(v3.vex > 1000 && v3.evex == 0);
    assert!(avx512.evex > 100 && newest.evex > avx512.evex / 2);
}

/// Instructions by their encoding.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    legacy: u64,
    vex: u64,
    evex: u64,
}

/// A function's instructions, up to the constants and tables at its end.
fn check(code: &[u8], cpu: Cpu, counts: &mut Counts) {
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let mut end = code.len() as u64;
    while decoder.can_decode() && decoder.ip() < end {
        let instruction = decoder.decode();
        let bytes = &code[instruction.ip() as usize..instruction.next_ip() as usize];
        assert!(!instruction.is_invalid(), "{cpu:?}: {bytes:02x?} at {:#x} of {code:02x?}", instruction.ip());
        assert!(has(cpu, &instruction, encoding(bytes)), "{cpu:?}: {instruction:?} {bytes:02x?}");
        match encoding(bytes) {
            Encoding::Legacy => counts.legacy += 1,
            Encoding::Vex => counts.vex += 1,
            Encoding::Evex => counts.evex += 1,
        }
        if instruction.is_ip_rel_memory_operand() && instruction.ip_rel_memory_address() > instruction.ip() {
            end = end.min(instruction.ip_rel_memory_address());
        }
        // The byte after it says why.
        if instruction.mnemonic() == Mnemonic::Ud2 {
            let next = decoder.position() + 1;
            decoder.set_position(next).expect("a byte that says why");
            decoder.set_ip(next as u64);
        }
    }
}

/// The scheme of an instruction's prefixes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Legacy,
    Vex,
    Evex,
}

fn encoding(bytes: &[u8]) -> Encoding {
    let first = bytes.iter().find(|byte| ![0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3].contains(*byte));
    match first {
        Some(0x62) => Encoding::Evex,
        Some(0xC4 | 0xC5) => Encoding::Vex,
        _ => Encoding::Legacy,
    }
}

/// Whether a processor has the instruction, by the features that differ between the levels.
fn has(cpu: Cpu, instruction: &Instruction, encoding: Encoding) -> bool {
    use Mnemonic as M;
    let name = format!("{:?}", instruction.mnemonic());
    let starts = |stems: &[&str]| stems.iter().any(|stem| name.starts_with(stem));
    match instruction.mnemonic() {
        M::Popcnt => cpu.popcnt,
        M::Pcmpgtq | M::Crc32 => cpu.sse42,
        M::Lzcnt => cpu.lzcnt,
        M::Tzcnt | M::Andn | M::Blsr | M::Blsi | M::Blsmsk | M::Bextr => cpu.bmi1,
        M::Bzhi | M::Mulx | M::Pdep | M::Pext | M::Rorx | M::Sarx | M::Shlx | M::Shrx => cpu.bmi2,
        M::Vpermb | M::Vpermi2b | M::Vpermt2b | M::Vpmultishiftqb => false,
        M::Vpopcntb | M::Vpopcntw | M::Vpshufbitqmb => cpu.bitalg,
        _ if encoding == Encoding::Evex => cpu.avx512,
        _ if starts(&["Vfm", "Vfnm"]) => cpu.fma,
        _ if starts(&["Vpbroadcast", "Vpsllv", "Vpsrlv", "Vpsrav", "Vpblendd"]) => cpu.avx2,
        _ if encoding == Encoding::Vex => cpu.avx,
        _ => true,
    }
}
