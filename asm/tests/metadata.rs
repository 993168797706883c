//! The table of forms says what the rows say; `needs` says of every form's bytes what its row needs, and where each ends.

use std::collections::{BTreeMap, HashMap};

use iced_x86::{Code, Decoder, DecoderOptions};
use planish_asm::Features;
use planish_asm::metadata::{Access, FORMS, Undecoded, decode, needs};
use planish_asm_gen::form::{Arg, Form};
use planish_asm_gen::oracle::cases::{boundary, conflict, defaults};
use planish_asm_gen::oracle::check::{BUFFER_LEN, Oracle};
use planish_asm_gen::row::Row;

fn features(row: &Row) -> Features {
    row.cpuid.iter().fold(Features::NONE, |all, name| all.union(Features::named(name).expect("a known name")))
}

#[test]
fn forms_are_those_of_the_generator() {
    let oracle = Oracle::new();
    assert_eq!(FORMS.len(), oracle.forms.len());
    for (number, (ours, form)) in FORMS.iter().zip(&oracle.forms).enumerate() {
        let row = oracle.row(number);
        assert_eq!(ours.function().to_string(), form.name);
        let table = (ours.mnemonic(), ours.operand_text(), ours.encoding(), ours.table());
        assert_eq!(table, (row.mnemonic.as_str(), row.operand_text.as_str(), row.encoding_text.as_str(), row.table));
        assert_eq!(format!("T{}", ours.tier()), row.tier);
        assert_eq!(ours.features(), features(row), "{}", row.text);
        assert!(ours.cpuid().eq(row.cpuid.iter().map(String::as_str)), "{}", row.text);
        assert_eq!(ours.prefix().replace('_', " ").trim(), form.prefix.name().replace('_', " ").trim());
        let implicit: Vec<String> = ours.implicit().map(|implicit| implicit.name.to_string()).collect();
        let words = row.attribute("imp").unwrap_or("").split(',').filter(|word| !word.is_empty());
        assert!(implicit.iter().eq(words.map(|word| word.rsplit(':').next().unwrap())), "{}", row.text);
        operands(ours, row, form);
    }
}

fn operands(ours: &planish_asm::metadata::FormInfo, row: &Row, form: &Form) {
    assert_eq!(ours.operands().count(), form.args.len(), "{}", form.name);
    for (n, (operand, arg)) in ours.operands().zip(&form.args).enumerate() {
        assert_eq!(operand.name(), arg.name(), "{}", form.name);
        let Some(theirs) = row.operands.get(n) else { continue };
        let part = match theirs.access.split_once('|') {
            Some((register, memory)) => if arg.is_memory() { memory } else { register }.trim_end_matches(':'),
            None => theirs.access.as_str(),
        };
        let expected = match part {
            "" | "r" => Access::Read,
            "w" => Access::Write,
            "rw" => Access::ReadWrite,
            "cw" => Access::ConditionalWrite,
            "rcw" => Access::ReadConditionalWrite,
            "cr" => Access::ConditionalRead,
            "a" => Access::Address,
            "n" => Access::None,
            other => panic!("access {other}"),
        };
        assert_eq!(operand.access(), expected, "operand {n} of {}", form.name);
    }
}

#[test]
fn flags_are_those_of_the_rows() {
    let oracle = Oracle::new();
    for (number, ours) in FORMS.iter().enumerate() {
        let flags = ours.flags();
        let sets = [flags.read, flags.written, flags.cleared, flags.set, flags.undefined];
        for group in oracle.row(number).attribute("fl").unwrap_or("").split(',').filter(|group| !group.is_empty()) {
            let (what, letters) = group.split_once(':').unwrap();
            let names = sets["rw01u".find(what).unwrap()].to_string();
            assert_eq!(names.split_whitespace().count(), letters.len(), "{ours:?} {group}");
        }
        let groups =
            oracle.row(number).attribute("fl").unwrap_or("").split(',').filter(|group| !group.is_empty()).count();
        assert_eq!(sets.iter().filter(|set| !set.is_empty()).count(), groups, "{ours:?}");
    }
}

/// The features of iced's names for the rows that have forms.
fn by_code(oracle: &Oracle) -> HashMap<Code, Features> {
    let codes = (0..oracle.forms.len()).filter_map(|form| Some((oracle.code(form)?, features(oracle.row(form)))));
    codes.collect()
}

fn by_iced(bytes: &[u8]) -> Option<(Code, usize)> {
    let instruction = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE).decode();
    (!instruction.is_invalid()).then(|| (instruction.code(), instruction.len()))
}

#[test]
fn every_form_needs_what_its_row_needs() {
    let oracle = Oracle::new();
    let known = by_code(&oracle);
    let mut buffer = vec![0; BUFFER_LEN];
    let (mut cases, mut shared) = (0u64, 0u64);
    let mut wrong: BTreeMap<String, String> = BTreeMap::new();
    for (number, form) in oracle.forms.iter().enumerate() {
        let own = features(oracle.row(number));
        boundary(oracle.row(number), form, &mut |values| {
            if conflict(oracle.row(number), form, values).is_some() {
                return;
            }
            let bytes = oracle.emit_checked(number, values, &mut buffer);
            cases += 1;
            let needed = needs(bytes);
            let twin = by_iced(bytes).and_then(|(code, _)| known.get(&code).copied());
            let waits = usize::from(bytes[0] == 0x9B && bytes.len() > 1);
            let len = decode(&bytes[waits..]).map(|(len, _)| waits + len);
            if needed == Ok(own) && len == Some(bytes.len()) {
                return;
            }
            if needed.is_ok() && needed.ok() == twin && len == Some(bytes.len()) {
                shared += 1;
                return;
            }
            wrong.entry(form.name.clone()).or_insert(format!("{values:?} {bytes:02X?} {needed:?} {len:?} of {own}"));
        });
    }
    for (name, error) in wrong.iter().take(30) {
        println!("{name} {error}");
    }
    println!(
        "{cases} instructions need what their row needs, {shared} of them what another row with the same bytes needs"
    );
    assert!(wrong.is_empty(), "{} forms are wrong", wrong.len());
}

/// What follows does not matter, and of what is cut short there is no answer but for a shorter instruction.
#[test]
fn ends_are_found() {
    let oracle = Oracle::new();
    let mut buffer = vec![0; BUFFER_LEN];
    for (number, form) in oracle.forms.iter().enumerate().filter(|(_, form)| !form.args.contains(&Arg::Rel(32))) {
        let values = defaults(oracle.row(number), form);
        let bytes = oracle.emit_checked(number, &values, &mut buffer);
        let mut longer = bytes.to_vec();
        longer.extend([0xFF; 16]);
        let waits = bytes[0] == 0x9B && bytes.len() > 1;
        let expected = if waits { 1 } else { bytes.len() };
        assert_eq!(decode(&longer).map(|(len, _)| len), Some(expected), "{}", form.name);
        for end in 1..bytes.len() {
            assert!(decode(&bytes[..end]).is_none_or(|(len, _)| len <= end), "{}", form.name);
        }
    }
    assert_eq!(needs(&[]), Ok(Features::NONE));
    assert_eq!(needs(&[0x90, 0x0F, 0xFF]), Err(Undecoded { at: 1 }));
}

/// Random bytes, half of them behind a prefix or an escape: whatever iced takes for an instruction with a form ends where it says.
#[test]
fn random_bytes() {
    let oracle = Oracle::new();
    let known = by_code(&oracle);
    let starts: [&[u8]; 12] = [
        &[],
        &[],
        &[0x0F],
        &[0x66, 0x0F],
        &[0xF3, 0x0F],
        &[0xF2, 0x0F],
        &[0x48],
        &[0x0F, 0x38],
        &[0x66, 0x0F, 0x3A],
        &[0xC5],
        &[0xC4],
        &[0x62],
    ];
    let mut seed = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let (mut agreed, mut wrong): (u64, BTreeMap<Code, String>) = Default::default();
    for round in 0..3_000_000 {
        let mut bytes = starts[round % starts.len()].to_vec();
        bytes.extend(next().to_le_bytes().iter().chain(&next().to_le_bytes()));
        let ours = decode(&bytes);
        let _ = needs(&bytes);
        let Some((code, len)) = by_iced(&bytes).filter(|(code, _)| known.contains_key(code)) else { continue };
        match ours {
            Some((our_len, features)) if our_len == len && features == known[&code] => agreed += 1,
            _ => drop(wrong.entry(code).or_insert(format!("{:02X?} {ours:?} {len}", &bytes[..len]))),
        }
    }
    for (code, error) in wrong.iter().take(60) {
        println!("{code:?} {error}");
    }
    println!("{agreed} random instructions agree, {} codes do not", wrong.len());
    assert!(wrong.is_empty());
}
