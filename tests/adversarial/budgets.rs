//! What compiling may take of memory and make of code: in proportion to the module, for all threads together, and what
//! the configuration allows.

use super::modules::{
    BLOCK, BR_TABLE, CALL, CONST, DROP, END, GET, TO_WIDE, WIDE, each, functions, leb, times, with_leb,
};
use super::with_little_memory;
use planish::{Config, Engine, Error, Instance, Module, Store};

/// As [`Config::max_compile_memory`] documents it.
pub fn memory_limit(module_bytes: usize) -> usize {
    (32 << 20) + 256 * module_bytes
}

/// As [`Config::max_code_size`] documents it.
pub fn code_limit(module_bytes: usize) -> usize {
    (4 << 20) + 64 * module_bytes
}

/// A `br_table` to so many blocks of different heights, each of which gets a thousand values in places of its own.
fn table_of_moves(blocks: usize) -> Vec<u8> {
    let mut code = times(&[(blocks, &[CONST, 0, BLOCK, TO_WIDE]), (WIDE, &[GET, 1])]);
    code.extend([GET, 0]);
    with_leb(&mut code, BR_TABLE, blocks - 1);
    (0..blocks).for_each(|target| leb(&mut code, target));
    // All that is left on the stack but the innermost results is dropped by a branch.
    code.extend(each(blocks - 1, |code, _| code.extend([END, 0x0c, 0])));
    code.push(END);
    code.extend([DROP; WIDE + 1]);
    code
}

/// Calls whose results are the arguments of the next.
fn calls(count: usize, function: u8) -> Vec<u8> {
    times(&[(WIDE, &[CONST, 0]), (count, &[CALL, function]), (WIDE, &[DROP])])
}

fn on_eight_threads() -> Config {
    let mut config = Config::new();
    config.compilation_threads(|work| std::thread::scope(|scope| (0..8).for_each(|_| _ = scope.spawn(work))));
    config
}

/// Is it the error of a function that is too large, with the offset?
fn is_refused(error: &Error, why: &str) {
    let text = error.to_string();
    assert!(text.contains("too large to compile") && text.contains(why), "{text}");
    assert!(error.offset().is_some(), "{text}");
}

fn call_f(module: &Module) -> Result<(), Error> {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect("instantiated");
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").expect("exported");
    f.call(&mut store, ())
}

/// Eight functions of 20 KB that would take 2 million entries each.
#[test]
fn threads_share_the_memory() {
    with_little_memory("budgets::threads_share_the_memory", 256 << 20, || {
        let bytes = functions(8, 8, &table_of_moves(2_000));
        let error = Module::from_binary(&Engine::new(&on_eight_threads()).expect("an engine"), &bytes);
        is_refused(&error.expect_err("too large"), "bytes of memory would be needed");
    });
}

/// The same where functions are compiled when they are called, by eight threads at the same time. (What one has freed, the C
/// library's allocator may keep for it.)
#[test]
fn calling_threads_share_the_memory() {
    with_little_memory("budgets::calling_threads_share_the_memory", 512 << 20, || {
        let engine = Engine::new(Config::new().lazy_compilation(true)).expect("an engine");
        let module = Module::from_binary(&engine, &functions(1, 8, &table_of_moves(2_000))).expect("valid");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| is_refused(&call_f(&module).expect_err("too large"), "bytes of memory would be needed"));
            }
        });
    });
}

/// A short `br_table` is not read to its end before anybody asks how much it takes.
#[test]
fn one_operator_does_not_exceed_the_memory() {
    with_little_memory("budgets::one_operator_does_not_exceed_the_memory", 768 << 20, || {
        let bytes = functions(1, 8, &table_of_moves(60_000));
        let error = Module::from_binary(&Engine::default(), &bytes).expect_err("too large");
        is_refused(&error, "");
    });
}

/// Few bytes, much code: 64 functions that would be 2 MB each.
#[test]
fn code_is_in_proportion() {
    let bytes = functions(64, 8, &calls(100, 64));
    let error = Module::from_binary(&Engine::new(&on_eight_threads()).expect("an engine"), &bytes);
    is_refused(&error.expect_err("too large"), "bytes of code");
    let few = Module::from_binary(&Engine::default(), &functions(1, 8, &calls(100, 1))).expect("one is allowed");
    assert!(few.text().len() > 1 << 20, "{} bytes of code", few.text().len());
}

/// Neither the code nor the error depends on the threads.
#[test]
fn limits_are_the_same_on_any_threads() {
    let bytes = functions(400, 8, &times(&[(100, &[GET, 0, CONST, 3, 0x6c, 0x21, 1])]));
    let outcome = |config: &mut Config, limit: usize| {
        Module::from_binary(&Engine::new(config.max_code_size(limit)).expect("an engine"), &bytes)
    };
    let code_bytes = outcome(&mut Config::new(), 1 << 30).expect("small").text().len();
    // With the stubs of the functions' types.
    let enough = least(|limit| outcome(&mut Config::new(), limit).is_ok());
    assert!((code_bytes..code_bytes + 1000).contains(&enough), "{enough} for {code_bytes} bytes");
    for (limit, fits) in
        [(enough, true), (enough - 1, false), (code_bytes - 1, false), (code_bytes / 2, false), (0, false)]
    {
        let outcomes = [Config::new(), on_eight_threads()].map(|mut config| {
            outcome(&mut config, limit).map(|module| module.text().len()).map_err(|error| {
                let text = error.to_string();
                assert!(
                    text.contains("too large to compile") && text.contains(&format!("more than {limit} bytes of code"))
                );
                assert_eq!(error.offset().is_some(), limit < code_bytes, "the stubs have no offset: {text}");
                text
            })
        });
        assert_eq!(outcomes[0], outcomes[1]);
        assert_eq!(outcomes[0].is_ok(), fits, "{limit}");
    }
}

/// The lowest limit, up to a megabyte, that is enough.
fn least(is_enough: impl Fn(usize) -> bool) -> usize {
    let (mut too_little, mut enough) = (0usize, 1 << 20);
    while enough - too_little > 1 {
        let limit = too_little.midpoint(enough);
        if is_enough(limit) { enough = limit } else { too_little = limit }
    }
    enough
}

/// A limit of code that holds for what is called.
#[test]
fn called_functions_share_the_code() {
    let text = "(module
        (func (export \"f\")) (func (export \"g\") (drop (i32.load8_u (i32.const 9)))) (memory 1))";
    let mut config = Config::new();
    config.lazy_compilation(true);
    let mut module = |limit| Module::new(&Engine::new(config.max_code_size(limit)).expect("an engine"), text);
    let call = |module: &Module, name: &str| {
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, module, &[]).expect("instantiated");
        instance.get_typed_func::<(), ()>(&mut store, name).expect("exported").call(&mut store, ())
    };
    let stubs = (1..).find(|limit| module(*limit).is_ok()).expect("a limit");
    // One of them has 32 bytes.
    let module = module(stubs + 32).expect("valid");
    for _ in 0..3 {
        call(&module, "f").expect("it fits");
        is_refused(&call(&module, "g").expect_err("it does not"), "bytes of code");
    }
}

#[test]
fn memory_is_limited_as_configured() {
    let bytes = functions(1, 8, &times(&[(20_000, &[GET, 0, CONST, 3, 0x6c, 0x21, 1])]));
    for lazy in [false, true] {
        for (limit, fits) in [(1 << 20, false), (16 << 20, true)] {
            let engine =
                Engine::new(Config::new().lazy_compilation(lazy).max_compile_memory(limit)).expect("an engine");
            let outcome = Module::from_binary(&engine, &bytes).and_then(|module| call_f(&module));
            match outcome {
                Ok(()) => assert!(fits, "{limit}"),
                Err(error) => {
                    assert!(!fits, "{error}");
                    is_refused(&error, &format!("more than {limit} bytes of memory"));
                }
            }
        }
    }
}
