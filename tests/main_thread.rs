//! Deep recursion on the main thread, whose stack grows on demand. No test harness: that runs tests on other threads.

use planish::{Caller, Config, Engine, Error, Linker, Module, Store, Trap};

fn main() {
    for guard in [true, false] {
        let engine = Engine::new(Config::new().guard_memory(guard)).unwrap();
        for call in ["$f", "$again"] {
            let depth = recurse(&engine, call);
            println!("guarded memories: {guard}, recursion through {call}: {depth} calls, then a trap");
        }
    }
}

/// Lets wasm call itself, or the host that calls wasm, until that traps.
fn recurse(engine: &Engine, call: &str) -> u32 {
    let mut linker = Linker::new(engine);
    let again = |mut caller: Caller<'_, u32>| -> Result<(), Error> {
        *caller.data_mut() += 1;
        let f = caller.get_export("f").and_then(|item| item.into_func()).expect("exported");
        f.typed::<(), ()>(&caller)?.call(&mut caller, ())
    };
    linker.func_wrap("h", "again", again).unwrap();
    let text = format!(
        r#"(module (import "h" "again" (func $again)) (global $n (export "n") (mut i32) (i32.const 0))
            (func $f (export "f") (global.set $n (i32.add (global.get $n) (i32.const 1))) (call {call})))"#
    );
    let module = Module::new(engine, text).unwrap();
    let mut store = Store::new(engine, 0);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let error = f.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::StackOverflow));
    let n = instance.get_global(&mut store, "n").unwrap().get(&mut store).unwrap_i32();
    assert!(n > 100);
    n as u32
}
