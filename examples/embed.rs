//! A host that lends a plug-in its memory of strings: `cargo run --example embed --no-default-features --features wat`.
//!
//! The plug-in turns text into upper case in its own memory; the host copies text in and out.

use planish::{Caller, Engine, Error, Linker, Memory, Module, Store, TypedFunc};

const PLUGIN: &str = r#"(module
    (import "host" "log" (func $log (param i32)))
    (memory (export "memory") 1)
    (func (export "upper") (param $at i32) (param $len i32)
        (local $end i32) (local $byte i32)
        (call $log (local.get $len))
        (local.set $end (i32.add (local.get $at) (local.get $len)))
        (block $done
            (loop $next
                (br_if $done (i32.eq (local.get $at) (local.get $end)))
                (local.set $byte (i32.load8_u (local.get $at)))
                (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 26))
                    (then (i32.store8 (local.get $at) (i32.sub (local.get $byte) (i32.const 32)))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br $next)))))"#;

/// What the plug-in's host functions may change.
#[derive(Default)]
struct Log {
    bytes: u64,
}

struct Plugin {
    store: Store<Log>,
    memory: Memory,
    upper: TypedFunc<(u32, u32), ()>,
}

impl Plugin {
    fn new() -> Result<Plugin, Error> {
        let engine = Engine::default();
        let module = Module::new(&engine, PLUGIN)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "log", |mut caller: Caller<'_, Log>, len: u32| {
            caller.data_mut().bytes += u64::from(len);
        })?;
        let mut store = Store::new(&engine, Log::default());
        let instance = linker.instantiate(&mut store, &module)?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("the plug-in exports no memory")?;
        let upper = instance.get_typed_func(&mut store, "upper")?;
        Ok(Plugin { store, memory, upper })
    }

    fn upper(&mut self, text: &str) -> Result<String, Error> {
        self.memory.write(&mut self.store, 0, text.as_bytes())?;
        self.upper.call(&mut self.store, (0, text.len() as u32))?;
        let mut bytes = vec![0; text.len()];
        self.memory.read(&self.store, 0, &mut bytes)?;
        String::from_utf8(bytes).map_err(Error::new)
    }
}

fn main() -> Result<(), Error> {
    let mut plugin = Plugin::new()?;
    for text in ["a plug-in", "in a sandbox"] {
        println!("{}", plugin.upper(text)?);
    }
    println!("{} bytes went through it", plugin.store.data().bytes);
    Ok(())
}
