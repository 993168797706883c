//! Modules that must be refused, with the reason and the place, and what is kept of those that are not.

use super::*;
use crate::types::FuncIndex;

fn refused(bytes: &[u8]) -> String {
    match decode(bytes, SUPPORTED) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

/// A module of these sections.
fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in sections {
        bytes.extend([*id, content.len() as u8]);
        bytes.extend(*content);
    }
    bytes
}

#[test]
fn a_missing_feature_is_named() {
    type Sections<'a> = &'a [(u8, &'a [u8])];
    let cases: &[(Sections<'_>, &str)] =
        &[(&[(1, &[1, 0x5e, 0x7f, 0])], "garbage collection is not supported (at offset 0xb)")];
    for (sections, expected) in cases {
        let bytes = module(sections);
        assert_eq!(refused(&bytes), *expected);
    }
    assert_eq!(refused(b"\0asm\x0d\0\x01\0"), "the component model is not supported (at offset 0x0)");
}

#[test]
fn truncation_and_garbage_are_errors_with_an_offset() {
    let whole = module(&[
        (1, &[1, 0x60, 0, 0]),
        (3, &[1, 0]),
        (4, &[1, 0x70, 0, 1]),
        (5, &[1, 0, 1]),
        (6, &[1, 0x7f, 0, 0x41, 7, 0x0b]),
        (7, &[1, 1, b'f', 0, 0]),
        (9, &[1, 0, 0x41, 0, 0x0b, 1, 0]),
        (10, &[1, 2, 0, 0x0b]),
        (11, &[1, 0, 0x41, 0, 0x0b, 1, b'x']),
    ]);
    assert!(decode(&whole, SUPPORTED).is_ok());
    for len in 0..whole.len() {
        match decode(&whole[..len], SUPPORTED) {
            Ok((_, bodies)) => assert!(bodies.bodies.len() <= 1),
            Err(error) => assert!(error.offset().is_some(), "{error}"),
        }
    }
    for at in 8..whole.len() {
        for byte in 0..=255 {
            let mut changed = whole.clone();
            changed[at] = byte;
            if let Err(error) = decode(&changed, SUPPORTED) {
                assert!(error.offset().is_some(), "{error}");
            }
        }
    }
}

#[test]
fn a_huge_count_reserves_nothing() {
    let count = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for id in [1, 2, 3, 4, 5, 6, 7, 9, 11, 12] {
        let error = refused(&module(&[(id, &count)]));
        assert!(error.contains("at offset"), "{error}");
    }
}

#[test]
fn referable_functions_are_sorted_own_ones() {
    // Four functions, the first imported; exports of 3, 0 and 3 again, an element segment with 2.
    let bytes = module(&[
        (1, &[1, 0x60, 0, 0]),
        (2, &[1, 1, b'm', 1, b'f', 0, 0]),
        (3, &[3, 0, 0, 0]),
        (4, &[1, 0x70, 0, 1]),
        (7, &[3, 1, b'a', 0, 3, 1, b'b', 0, 0, 1, b'c', 0, 3]),
        (9, &[1, 0, 0x41, 0, 0x0b, 1, 2]),
        (10, &[3, 2, 0, 0x0b, 2, 0, 0x0b, 2, 0, 0x0b]),
        // A name section: function 3 is "x"; function 9, which does not exist, "y".
        (0, &[4, b'n', b'a', b'm', b'e', 1, 7, 2, 3, 1, b'x', 9, 1, b'y']),
    ]);
    let (info, bodies) = decode(&bytes, SUPPORTED).unwrap();
    assert_eq!(info.referable, [FuncIndex(2), FuncIndex(3)]);
    assert_eq!((bodies.bodies.len(), info.imported_functions, info.exports.len()), (3, 1, 3));
    assert_eq!(info.function_names.get(FuncIndex(3)), Some("x"));
    assert_eq!(info.function_names.get(FuncIndex(2)), None);
    assert_eq!(info.record_of(FuncIndex(3)), Some(1));
}

#[test]
fn plain_data_is_checked_as_the_validator_checks_it() {
    let segments: &[u8] =
        &[3, 0, 0x41, 7, 0x0b, 2, b'x', b'y', 0, 0x41, 0xff, 0x01, 0x0b, 0, 0, 0x41, 0x80, 0x80, 4, 0x0b, 1, b'z'];
    // The second is a 64-bit memory.
    for (memory, fits) in [(&[1, 0, 1][..], true), (&[1, 4, 1], false), (&[2, 0, 1, 0, 1], true), (&[0], false)] {
        let whole = module(&[(5, memory), (11, segments)]);
        let (sections_end, data_at) = (whole.len(), whole.len() - segments.len());
        let mut accepted = 0;
        let mut agree = |bytes: &[u8]| {
            let ours = decode(bytes, SUPPORTED).map_err(|error| error.to_string());
            let theirs = validate(bytes, SUPPORTED).map_err(|error| error.to_string());
            accepted += u32::from(ours.is_ok());
            assert_eq!(ours.map(|_| ()), theirs, "{bytes:x?}");
        };
        agree(&whole);
        for at in data_at..sections_end {
            for byte in 0..=255 {
                let mut changed = whole.clone();
                changed[at] = byte;
                agree(&changed);
            }
        }
        for length in 0..=segments.len() {
            agree(&module(&[(5, memory), (11, &segments[..length])]));
            agree(&module(&[(5, memory), (11, &[segments, &segments[..length]].concat())]));
        }
        assert_eq!(accepted > 256, fits, "{accepted} accepted with {memory:x?}");
    }
}

#[test]
fn plain_data_is_kept() {
    let (info, _) = decode(
        &module(&[(5, &[1, 0, 1]), (11, &[2, 0, 0x41, 7, 0x0b, 1, b'x', 0, 0x41, 9, 0x0b, 2, b'y', b'z'])]),
        SUPPORTED,
    )
    .unwrap();
    let contents: Vec<&[u8]> = info.data.iter().map(|segment| info.data_of(segment)).collect();
    assert_eq!(contents, [&b"x"[..], b"yz"]);
}

/// What the parser and its validator say of everything but the bodies' operators.
fn theirs(bytes: &[u8]) -> Result<usize, String> {
    let mut validator = Validator::new_with_features(SUPPORTED);
    let mut parser = Parser::new(0);
    parser.set_features(SUPPORTED);
    let mut bodies = 0;
    for payload in parser.parse_all(bytes) {
        let valid = payload
            .and_then(|payload| validator.payload(&payload).map(|valid| matches!(valid, ValidPayload::Func(..))));
        bodies += usize::from(valid.map_err(|error| Error::from(error).to_string())?);
    }
    Ok(bodies)
}

#[test]
fn bodies_are_found_as_the_parser_finds_them() {
    let code: &[u8] = &[3, 2, 0, 0x0b, 0x84, 0, 0, 1, 1, 0x0b, 3, 0, 1, 0x0b];
    let sections = |code: &[u8]| module(&[(1, &[1, 0x60, 0, 0]), (3, &[3, 0, 0, 0]), (10, code), (0, &[1, b'x', 7])]);
    let mut accepted = 0;
    let mut agree = |bytes: &[u8]| {
        let ours = decode(bytes, SUPPORTED).map(|(_, bodies)| bodies.bodies.len()).map_err(|error| error.to_string());
        accepted += usize::from(ours.is_ok());
        assert_eq!(ours, theirs(bytes), "{bytes:x?}");
    };
    let whole = sections(code);
    for at in 0..whole.len() {
        agree(&whole[..at]);
        for byte in 0..=255 {
            let mut changed = whole.clone();
            changed[at] = byte;
            agree(&changed);
        }
    }
    for length in 0..code.len() {
        agree(&sections(&code[..length]));
        agree(&sections(&[code, &code[..length]].concat()));
    }
    assert!(accepted > 1000, "{accepted}");
    let (_, bodies) = decode(&whole, SUPPORTED).unwrap();
    let found: Vec<(&[u8], usize)> = bodies.bodies.iter().map(|body| (body.bytes, body.offset)).collect();
    assert_eq!(found, [(&[0, 0x0b][..], 24), (&[0, 1, 1, 0x0b], 28), (&[0, 1, 0x0b], 33)]);
    assert!(bodies.bodies.iter().all(|body| whole[body.offset..].starts_with(body.bytes)));
}
