//! Modules that do with imports and references what modules can, and come to an end: loops are short, a function calls at most one
//! that it does not know, and one that could be a tail call of itself is made a hundred times at most.

use super::world::ENGINES;
use planish::{Engine, Module};
use std::sync::LazyLock;
use wast::Wat;
use wast::parser::{ParseBuffer, parse};

/// By engine.
pub(super) static MODULES: LazyLock<Vec<Vec<Module>>> = LazyLock::new(|| {
    let all = |engine| TEXTS.iter().map(|text| compiled(engine, text)).collect();
    ENGINES.iter().map(all).collect()
});

fn compiled(engine: &Engine, text: &str) -> Module {
    let buffer = ParseBuffer::new(text).expect("words");
    let bytes = parse::<Wat<'_>>(&buffer).and_then(|mut module| module.encode()).expect("a module");
    Module::from_binary(engine, &bytes).expect("a valid module")
}

const TEXTS: [&str; 7] = [
    // Everything is its own. What is kept on the stack only can be collected.
    r#"(module
        (type $take (func (param exnref) (result exnref)))
        (table $t (export "table") 6 20 funcref) (memory (export "memory") 1 3)
        (tag $e (export "tag") (param i64)) (tag $f (export "empty"))
        (global (export "count") (mut i32) (i32.const 0))
        (elem (i32.const 0) $make $identity $throw $add)
        (func $throw (export "throw") (param i64) (throw $e (local.get 0)))
        (func $make (export "make") (param i64) (result exnref)
            (block $b (result exnref) (try_table (catch_all_ref $b) (call $throw (local.get 0))) unreachable))
        (func $identity (export "identity") (param exnref) (result exnref) (local.get 0))
        (func $add (export "add") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "again") (param exnref) (throw_ref (local.get 0)))
        (func (export "pass") (param i32 i64) (result exnref)
            (call_indirect (type $take) (call $make (local.get 1)) (i32.and (local.get 0) (i32.const 7))))
        (func (export "tail") (param i32 exnref) (result exnref)
            (return_call_indirect (type $take) (local.get 1) (i32.and (local.get 0) (i32.const 7))))
        (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
        (func (export "churn") (param i32)
            (local.set 0 (i32.or (i32.const 1) (i32.and (local.get 0) (i32.const 0x7ff))))
            (loop $l
                (drop (call $make (i64.const -1)))
                (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#,
    // Everything is imported.
    r#"(module
        (import "m" "add" (func $add (param i32) (result i32)))
        (import "m" "throw" (func $throw (param i64)))
        (import "m" "identity" (func $identity (param exnref) (result exnref)))
        (import "m" "table" (table $t 1 funcref))
        (import "m" "memory" (memory 1))
        (import "m" "tag" (tag $e (param i64)))
        (func $make (export "make") (param i64) (result exnref)
            (block $b (result i64 exnref) (try_table (catch_ref $e $b) (call $throw (local.get 0))) (return (ref.null exn)))
            (return (call $identity)))
        (func (export "add") (param i32) (result i32) (return_call $add (i32.mul (local.get 0) (i32.const 3))))
        (func (export "identity") (param exnref) (result exnref) (return_call $identity (local.get 0)))
        (func (export "throw") (param i64)
            (block $b (result i64) (try_table (catch $e $b) (call $throw (local.get 0))) (return))
            (throw $e (i64.add (i64.const 1))))
        (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
        (func (export "set") (param i32 funcref) (table.set $t (local.get 0) (local.get 1)))
        (func (export "grow") (param i32) (result i32)
            (i32.add (memory.grow (i32.and (local.get 0) (i32.const 3))) (table.grow $t (ref.null func) (i32.const 1)))))"#,
    // Exceptions in globals, tables and exceptions.
    r#"(module
        (import "m" "tag" (tag $e (param i64)))
        (tag $n (export "nested") (param exnref))
        (global $g (export "global") (mut exnref) (ref.null exn)) (table $t (export "exceptions") 3 9 exnref)
        (func $throw (export "throw") (param i64) (throw $e (local.get 0)))
        (func (export "wrap") (param exnref) (throw $n (local.get 0)))
        (func (export "keep") (param i32 exnref)
            (global.set $g (local.get 1))
            (table.set $t (i32.rem_u (local.get 0) (i32.const 3)) (local.get 1)))
        (func (export "identity") (param exnref) (result exnref) (global.get $g) (global.set $g (local.get 0)))
        (func (export "make") (param i64) (result exnref)
            (block $b (result exnref) (try_table (catch_all_ref $b) (call $throw (local.get 0))) unreachable)))"#,
    // References to functions and objects.
    r#"(module
        (type $f (func (param i32) (result i32)))
        (import "m" "object" (func $object (param externref) (result externref)))
        (global $o (export "held") (mut externref) (ref.null extern))
        (global $g (export "function") (mut funcref) (ref.null func)) (global $tail_calls (mut i32) (i32.const 100))
        (table $t (export "table") 4 30 funcref) (table $o (export "objects") 2 20 externref)
        (elem declare func $add)
        (func $add (export "add") (param i32) (result i32) (i32.xor (local.get 0) (i32.const 5)))
        (func (export "object") (param externref) (result externref)
            (global.get $o) (global.set $o (call $object (local.get 0))))
        (func (export "ref") (result funcref) (table.set $t (i32.const 0) (ref.func $add)) (global.get $g))
        (func (export "call") (param i32) (result i32)
            (call_indirect $t (type $f) (local.get 0) (i32.and (local.get 0) (i32.const 3))))
        (func (export "tail") (param i32) (result i32)
            (if (i32.eqz (global.get $tail_calls)) (then (return (local.get 0))))
            (global.set $tail_calls (i32.sub (global.get $tail_calls) (i32.const 1)))
            (return_call_indirect $t (type $f) (local.get 0) (i32.and (local.get 0) (i32.const 3)))))"#,
    // A start function that may fail, and calls what it is given.
    r#"(module
        (import "m" "add" (func $add (param i32) (result i32)))
        (import "m" "throw" (func $throw (param i64)))
        (memory (export "memory") 1) (table (export "table") 2 funcref) (elem (i32.const 0) $add $f)
        (func $f (export "f") (param i32) (result i32) (call $add (local.get 0)))
        (func $start (call $throw (i64.const 9)) (drop (call $f (i32.const 4))))
        (start $start))"#,
    // A memory of several threads.
    r#"(module
        (import "m" "shared" (memory 1 3 shared))
        (func (export "add") (param i32) (result i32)
            (i32.atomic.rmw.add (i32.and (local.get 0) (i32.const 0xfffc)) (i32.const 1)))
        (func (export "wait") (param i32) (result i32)
            (memory.atomic.wait32 (i32.and (local.get 0) (i32.const 0xfffc)) (i32.const 0) (i64.const 1000)))
        (func (export "notify") (param i32) (result i32) (memory.atomic.notify (local.get 0) (i32.const 1)))
        (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#,
    // Many arguments and results, on the stack.
    r#"(module
        (type $many (func (param i64 i64 i64 i64 i64 i64 i64 i64 i64 exnref f64) (result f64 exnref i64 i64 i64 i64)))
        (import "m" "many" (func $many (type $many)))
        (import "m" "tag" (tag $e (param i64)))
        (func (export "many") (type $many)
            (return_call $many (local.get 8) (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
                (local.get 5) (local.get 6) (local.get 7) (local.get 9) (local.get 10)))
        (func (export "catch") (type $many) (local $kept exnref)
            (block $b (result i64 exnref)
                (try_table (catch_ref $e $b)
                    (return (call $many (local.get 8) (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                        (local.get 4) (local.get 5) (local.get 6) (local.get 7) (local.get 9) (local.get 10))))
                unreachable)
            (local.set $kept) (local.set 0)
            (f64.const 1) (local.get $kept) (local.get 0) (local.get 1) (local.get 2) (local.get 3)))"#,
];

#[cfg(test)]
mod tests {
    use super::*;
    use planish::{Error, Func, FuncType, Instance, Ref, Store, ValType};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// Calls a function whose tail call leads to itself.
    fn call_in_a_circle(engine: &Engine, module: &Module) -> Result<i32, Error> {
        let mut store = Store::new(engine, ());
        let ty = FuncType::new([ValType::EXTERNREF], [ValType::EXTERNREF]);
        let object = Func::new(&mut store, ty, |_, params, results| {
            results.copy_from_slice(params);
            Ok(())
        });
        let instance = Instance::new(&mut store, module, &[object.into()])?;
        let tail = instance.get_func(&mut store, "tail");
        let table = instance.get_table(&mut store, "table").expect("exported");
        table.set(&mut store, 0, Ref::Func(tail))?;
        instance.get_typed_func::<i32, i32>(&mut store, "tail")?.call(&mut store, 0)
    }

    #[test]
    fn tail_calls_in_a_circle_come_to_an_end() {
        let (send, ended) = channel();
        std::thread::spawn(move || {
            for (engine, modules) in ENGINES.iter().zip(&*MODULES) {
                send.send(call_in_a_circle(engine, &modules[3]).expect("a result")).expect("somebody waits");
            }
        });
        for _ in &*ENGINES {
            assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(0), "a circle of tail calls goes on for ever");
        }
    }
}
