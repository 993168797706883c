//! The modules made to hurt, byte by byte.

pub const I32: u8 = 0x7f;
pub const F64: u8 = 0x7c;
/// As many parameters or results as a function may have.
pub const WIDE: usize = 1000;

// Types of every module.
pub const NONE: u8 = 0;
pub const WIDE_TO_WIDE: u8 = 1;
pub const TO_WIDE: u8 = 2;
/// A tag of a thousand values.
pub const TAG: u8 = 0;
/// A block type without parameters and results.
pub const EMPTY: u8 = 0x40;

// Operators, by the names of the text format; what has no type in its name is of i32.
pub const UNREACHABLE: u8 = 0x00;
pub const BLOCK: u8 = 0x02;
pub const LOOP: u8 = 0x03;
pub const IF: u8 = 0x04;
pub const ELSE: u8 = 0x05;
pub const TRY: u8 = 0x06;
pub const THROW: u8 = 0x08;
pub const RETHROW: u8 = 0x09;
pub const END: u8 = 0x0b;
pub const BR_IF: u8 = 0x0d;
pub const BR_TABLE: u8 = 0x0e;
pub const CALL: u8 = 0x10;
pub const CALL_INDIRECT: u8 = 0x11;
pub const RETURN_CALL: u8 = 0x12;
pub const DELEGATE: u8 = 0x18;
pub const CATCH_ALL: u8 = 0x19;
pub const TRY_TABLE: u8 = 0x1f;
pub const SELECT: u8 = 0x1b;
pub const GET: u8 = 0x20;
pub const SET: u8 = 0x21;
pub const GLOBAL_GET: u8 = 0x23;
pub const GLOBAL_SET: u8 = 0x24;
pub const LOAD: u8 = 0x28;
pub const STORE: u8 = 0x36;
pub const CONST: u8 = 0x41;
pub const F64_CONST: u8 = 0x44;
pub const EQZ: u8 = 0x45;
pub const LT_S: u8 = 0x48;
pub const ADD: u8 = 0x6a;
pub const MUL: u8 = 0x6c;
pub const DIV_S: u8 = 0x6d;
pub const XOR: u8 = 0x73;
pub const TRUNC: u8 = 0xaa;
pub const DROP: u8 = 0x1a;

pub fn leb(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn section(out: &mut Vec<u8>, id: u8, count: usize, contents: &[u8]) {
    let mut head = Vec::new();
    leb(&mut head, count);
    out.push(id);
    leb(out, head.len() + contents.len());
    out.extend(head);
    out.extend(contents);
}

/// A module whose functions 0 (exported as `f`, without parameters and results) up to `count` have this body, and the
/// last one hands a thousand values through.
pub fn functions(count: usize, locals: usize, code: &[u8]) -> Vec<u8> {
    let mut body = vec![2];
    leb(&mut body, locals);
    body.extend([I32, 1, F64]);
    body.extend(code);
    body.push(END);
    let mut wide = vec![0];
    (0..WIDE).for_each(|local| with_leb(&mut wide, GET, local));
    wide.push(END);

    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    let wide_types = [&[0xe8, 0x07][..], &[I32; WIDE]].concat();
    let types =
        [&[0x60, 0, 0, 0x60][..], &wide_types, &wide_types, &[0x60, 0], &wide_types, &[0x60], &wide_types, &[0]];
    section(&mut bytes, 1, 4, &types.concat());
    section(&mut bytes, 3, count + 1, &[vec![NONE; count], vec![WIDE_TO_WIDE]].concat());
    section(&mut bytes, 4, 1, &[0x70, 0, 10]);
    section(&mut bytes, 5, 1, &[0, 1]);
    section(&mut bytes, 13, 1, &[0, 3]);
    section(&mut bytes, 6, 1, &[I32, 1, CONST, 0, END]);
    section(&mut bytes, 7, 1, &[1, b'f', 0, 0]);
    let mut bodies = Vec::new();
    for body in std::iter::repeat_n(&body, count).chain([&wide]) {
        leb(&mut bodies, body.len());
        bodies.extend(body);
    }
    section(&mut bytes, 10, count + 1, &bodies);
    bytes
}

pub fn function(code: &[u8]) -> Vec<u8> {
    functions(1, 8, code)
}

/// A function of [`times`].
pub fn parts(parts: &[(usize, &[u8])]) -> Vec<u8> {
    function(&times(parts))
}

pub fn with_leb(out: &mut Vec<u8>, opcode: u8, immediate: usize) {
    out.push(opcode);
    leb(out, immediate);
}

/// `local.get 0, i32.load`: a value that is not known before it runs.
pub const VALUE: [u8; 5] = [GET, 0, LOAD, 0, 0];

/// One after the other: the first so many times, the second so many times ...
pub fn times(parts: &[(usize, &[u8])]) -> Vec<u8> {
    parts.iter().flat_map(|(count, bytes)| bytes.repeat(*count)).collect()
}

pub fn each(count: usize, mut write: impl FnMut(&mut Vec<u8>, usize)) -> Vec<u8> {
    let mut code = Vec::new();
    (0..count).for_each(|number| write(&mut code, number));
    code
}

/// A name, the smallest of three sizes (the others are two and four times that), and the module of a size.
pub type Bomb = (&'static str, usize, fn(usize) -> Vec<u8>);

#[rustfmt::skip]
pub const BOMBS: &[Bomb] = &[
    // Control.
    ("nested blocks",                       10_000, |n| parts(&[(n, &[BLOCK, EMPTY]), (n, &[END])])),
    ("nested loops, a local in each",       10_000, |n| parts(&[(n, &[LOOP, EMPTY, GET, 1, SET, 2]), (n, &[END])])),
    ("nested ifs with results",             15_000, |n| parts(&[(n, &[GET, 0, IF, I32]), (1, &[CONST, 1]), (n, &[ELSE, CONST, 2, END]), (1, &[DROP])])),
    ("nested blocks, 1000 to 1000",          5_000, |n| parts(&[(WIDE, &[CONST, 0]), (n, &[BLOCK, WIDE_TO_WIDE]), (n, &[END]), (WIDE, &[DROP])])),
    ("nested loops, 1000 to 1000",           2_500, |n| parts(&[(WIDE, &VALUE), (n, &[LOOP, WIDE_TO_WIDE]), (n, &[END]), (WIDE, &[DROP])])),
    ("1000 to 1000, other values",             250, |n| parts(&[(WIDE, &[CONST, 0]), (n, &[BLOCK, WIDE_TO_WIDE, DROP, GET, 1]), (n, &[DROP, GET, 2, END]), (WIDE, &[DROP])])),
    ("branches with 1000 values",            1_000, |n| parts(&[(1, &[BLOCK, TO_WIDE]), (WIDE, &[GET, 1]), (n, &[GET, 0, BR_IF, 0]), (1, &[END]), (WIDE, &[DROP])])),
    ("outward branches with 1000 values",      500, outward_branches),
    ("br_table, distinct, 1000 values",        500, wide_table),
    ("br_table, one target",                16_000, one_target_table),
    ("br_table, distinct targets",           5_000, distinct_table),
    ("many br_tables",                       5_000, |n| parts(&[(n, &[BLOCK, EMPTY, GET, 0, BR_TABLE, 8, 0, 1, 0, 1, 0, 1, 0, 1, 0, END])])),
    ("forward branches to one label",       50_000, |n| parts(&[(1, &[BLOCK, EMPTY]), (n, &[GET, 0, BR_IF, 0]), (1, &[END])])),
    ("backward branches to one label",      50_000, |n| parts(&[(1, &[LOOP, EMPTY]), (n, &[GET, 0, BR_IF, 0]), (1, &[END])])),
    ("dead code",                           50_000, |n| parts(&[(1, &[UNREACHABLE]), (n, &[BLOCK, EMPTY, END, ADD, DROP])])),
    ("dead nested blocks, 1000 to 1000",     2_500, |n| parts(&[(1, &[UNREACHABLE]), (n, &[BLOCK, WIDE_TO_WIDE]), (n, &[END]), (WIDE, &[DROP])])),
    // The operand stack: deep, of values not computed yet, under something that wants them computed.
    ("deep stack of loads",                 50_000, |n| parts(&[(n, &VALUE), (n - 1, &[ADD]), (1, &[DROP])])),
    ("deep stack of locals",                50_000, |n| parts(&[(n, &[GET, 1]), (n - 1, &[ADD]), (1, &[DROP])])),
    ("deep stack of locals, writes",        10_000, |n| parts(&[(n, &[GET, 1]), (n, &[GET, 2, SET, 0]), (n, &[DROP])])),
    ("deep stack of locals, same writes",   10_000, |n| parts(&[(n, &[GET, 0, GET, 1, SET, 0]), (n, &[DROP])])),
    ("deep stack of compares, writes",      10_000, |n| parts(&[(n, &[GET, 1, GET, 2, LT_S]), (n, &[GET, 2, SET, 1]), (n, &[DROP])])),
    ("deep stack of loads, stores",         10_000, |n| parts(&[(n, &VALUE), (n, &[GET, 0, GET, 1, STORE, 0, 0]), (n, &[DROP])])),
    ("deep stack of globals, writes",       10_000, |n| parts(&[(n, &[GLOBAL_GET, 0]), (n, &[GET, 1, GLOBAL_SET, 0]), (n, &[DROP])])),
    ("deep stack of loads, blocks",         10_000, |n| parts(&[(n, &VALUE), (n, &[BLOCK, EMPTY, END]), (n, &[DROP])])),
    ("deep stack of locals, blocks",        10_000, |n| parts(&[(n, &[GET, 1]), (n, &[BLOCK, EMPTY, END]), (n, &[DROP])])),
    ("deep stack of constants, blocks",     10_000, |n| parts(&[(n, &[CONST, 1]), (n, &[BLOCK, EMPTY, END]), (n, &[DROP])])),
    ("deep stack of locals, loops",         10_000, |n| parts(&[(n, &[GET, 1]), (n, &[LOOP, EMPTY, END]), (n, &[DROP])])),
    ("deep stack of locals, ifs",           10_000, |n| parts(&[(n, &[GET, 1]), (n, &[GET, 0, IF, EMPTY, ELSE, END]), (n, &[DROP])])),
    ("deep stack of locals, branches",      10_000, |n| parts(&[(1, &[BLOCK, EMPTY]), (n, &[GET, 1]), (n, &[GET, 0, BR_IF, 0]), (n, &[DROP]), (1, &[END])])),
    ("deep stack of locals, calls",         10_000, |n| parts(&[(n, &[GET, 1]), (n, &[CALL, 0]), (n, &[DROP])])),
    ("deep stack of loads, calls",          10_000, |n| parts(&[(n, &VALUE), (n, &[CALL, 0]), (n, &[DROP])])),
    ("deep stack of loads, divisions",      10_000, |n| parts(&[(n, &VALUE), (n, &[GET, 0, GET, 1, DIV_S, SET, 0]), (n, &[DROP])])),
    ("a stack that grows in blocks",         5_000, |n| parts(&[(n, &[GET, 1, BLOCK, EMPTY, GET, 2, SET, 1, END]), (n, &[DROP])])),
    ("nested blocks on a growing stack",     5_000, |n| parts(&[(n, &[GET, 1, BLOCK, EMPTY]), (n, &[END, DROP])])),
    // Expressions.
    ("a long sum",                         100_000, |n| parts(&[(1, &[GET, 0]), (n, &[CONST, 1, ADD]), (1, &[DROP])])),
    ("a long negation",                    100_000, |n| parts(&[(1, &[GET, 0]), (n, &[EQZ]), (1, &[DROP])])),
    ("a long chain of selects",             30_000, |n| parts(&[(1, &[GET, 0]), (n, &[GET, 1, GET, 2, SELECT]), (1, &[DROP])])),
    ("a long chain of loads",               50_000, |n| parts(&[(1, &[GET, 0]), (n, &[LOAD, 0, 0]), (1, &[DROP])])),
    ("statements",                         100_000, |n| parts(&[(n, &[GET, 0, CONST, 3, XOR, SET, 1])])),
    ("conversions that may trap",           20_000, |n| parts(&[(n, &[GET, 8, TRUNC, SET, 0])])),
    ("distinct float constants",            20_000, distinct_floats),
    ("distinct integer constants",          20_000, distinct_integers),
    // Calls.
    ("calls, 1000 to 1000",                    250, |n| parts(&[(WIDE, &[CONST, 0]), (n, &[CALL, 1]), (WIDE, &[DROP])])),
    ("indirect calls, 1000 to 1000",           250, |n| parts(&[(WIDE, &VALUE), (n, &[CONST, 0, CALL_INDIRECT, WIDE_TO_WIDE, 0]), (WIDE, &[DROP])])),
    ("calls",                               50_000, |n| parts(&[(n, &[CALL, 0])])),
    ("tail calls",                          25_000, |n| parts(&[(n, &[GET, 0, IF, EMPTY, RETURN_CALL, 0, END])])),
    // Exceptions.
    ("nested try_tables",                   10_000, |n| parts(&[(n, &[TRY_TABLE, EMPTY, 1, 2, 0, CALL, 0]), (n, &[END])])),
    ("nested try_tables, no catches",       10_000, |n| parts(&[(1, &[TRY_TABLE, EMPTY, 1, 2, 0]), (n, &[TRY_TABLE, EMPTY, 0, CALL, 0]), (n, &[END]), (1, &[END])])),
    ("nested tries that delegate",          10_000, |n| parts(&[(1, &[TRY, EMPTY]), (n, &[TRY, EMPTY]), (n, &[CALL, 0, DELEGATE, 0]), (1, &[CATCH_ALL, END])])),
    ("nested tries",                        10_000, |n| parts(&[(n, &[TRY, EMPTY, CALL, 0]), (n, &[CATCH_ALL, CALL, 0, END])])),
    ("tries in catches",                    10_000, |n| parts(&[(n, &[TRY, EMPTY, CALL, 0, CATCH_ALL, CALL, 0]), (n, &[END])])),
    ("rethrows in nested catches",          15_000, |n| parts(&[(n, &[TRY, EMPTY, CATCH_ALL]), (n, &[BLOCK, EMPTY, GET, 0, BR_IF, 0, RETHROW, 1, END]), (n, &[END])])),
    ("throws",                                  250, |n| parts(&[(n, &[BLOCK, EMPTY]), (1, &[CALL, 0]), (n, &[GET, 0, IF, EMPTY, UNREACHABLE, THROW, TAG, END, END])])),
    ("catches, 1000 values",                    125, |n| parts(&[(1, &[BLOCK, TO_WIDE]), (n, &[TRY_TABLE, EMPTY, 4, 0, TAG, 0, 0, TAG, 0, 0, TAG, 0, 0, TAG, 0, CALL, 0, END]), (1, &[UNREACHABLE, END]), (WIDE, &[DROP])])),
    // Functions and locals.
    ("functions of 50,000 locals",          25_000, |n| functions(n, 49_999, &[])),
    ("functions that use the last",         25_000, |n| functions(n, 49_000, &[CONST, 1, SET, 0xe7, 0xfe, BLOCK])),
    ("locals, each used",                   12_499, locals_used),
    ("locals, all alive over a loop",       12_499, locals_alive_over_a_loop),
    ("locals, each in a loop of its own",   12_499, locals_in_loops),
    ("empty functions",                     50_000, |n| functions(n, 0, &[])),
];

/// A branch with a thousand values out of each of many blocks.
pub fn outward_branches(n: usize) -> Vec<u8> {
    let inside = [each(WIDE, |code, _| code.extend([GET, 1])), vec![GET, 0, BR_IF, 0], vec![DROP; WIDE]].concat();
    let blocks = [&[BLOCK, TO_WIDE][..], &inside, &[UNREACHABLE, END], &[DROP; WIDE]].concat();
    function(&blocks.repeat(n / 100))
}

/// One `br_table` with a thousand values, to as many blocks.
pub fn wide_table(n: usize) -> Vec<u8> {
    let table = each(1, |code, _| {
        code.extend([GET, 0]);
        with_leb(code, BR_TABLE, n - 1);
        (0..n).for_each(|target| leb(code, target));
    });
    function(
        &[times(&[(n, &[BLOCK, TO_WIDE]), (WIDE, &[GET, 1])]), table, times(&[(n, &[END]), (WIDE, &[DROP])])].concat(),
    )
}

pub fn distinct_table(n: usize) -> Vec<u8> {
    let table = each(1, |code, _| {
        code.extend([GET, 0]);
        with_leb(code, BR_TABLE, n - 1);
        (0..n).for_each(|target| leb(code, target));
    });
    function(&[times(&[(n, &[BLOCK, EMPTY])]), table, times(&[(n, &[END])])].concat())
}

pub fn one_target_table(n: usize) -> Vec<u8> {
    let mut code = vec![BLOCK, EMPTY, GET, 0];
    with_leb(&mut code, BR_TABLE, n);
    code.extend(vec![0; n + 1]);
    code.push(END);
    function(&code)
}

pub fn distinct_floats(n: usize) -> Vec<u8> {
    function(&each(n, |code, number| {
        code.push(F64_CONST);
        code.extend((number as f64 + 0.5).to_le_bytes());
        code.extend([SET, 8]);
    }))
}

pub fn distinct_integers(n: usize) -> Vec<u8> {
    function(&each(n, |code, number| {
        code.extend([GET, 0]);
        with_leb(code, CONST, 0x5a00_0000 + number);
        code.extend([MUL, SET, 0]);
    }))
}

pub fn locals_used(n: usize) -> Vec<u8> {
    let copies = each(n, |code, local| {
        with_leb(code, GET, local);
        with_leb(code, SET, n - 1 - local);
    });
    functions(1, n, &copies)
}

pub fn locals_alive_over_a_loop(n: usize) -> Vec<u8> {
    let writes = each(n, |code, local| {
        code.extend([GET, 0]);
        with_leb(code, SET, local);
    });
    let reads = each(n, |code, local| {
        with_leb(code, GET, local);
        code.push(DROP);
    });
    functions(1, n, &[writes, vec![LOOP, EMPTY, END], reads].concat())
}

pub fn locals_in_loops(n: usize) -> Vec<u8> {
    let loops = each(n, |code, local| {
        code.extend([LOOP, EMPTY, GET, 0]);
        with_leb(code, SET, local);
        with_leb(code, GET, local);
        code.extend([BR_IF, 0, END]);
    });
    functions(1, n, &loops)
}
