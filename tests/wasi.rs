//! WASI through the engine: what a guest's calls do to a store's context.
#![allow(unsafe_code, reason = "forks")]

use planish::wasi::{DirPerms, FilePerms, I32Exit, MemoryOutputPipe, WasiCtx, WasiCtxBuilder, add_to_linker};
use planish::{Caller, Engine, Error, Linker, Module, Store, Trap};
use std::io::{Read, Write};

/// Runs `_start` of a module; gives back how it ended and what it wrote to its standard output.
fn run(text: &str, builder: &mut WasiCtxBuilder) -> (Result<(), Error>, Vec<u8>) {
    let engine = Engine::default();
    let module = Module::new(&engine, text).expect("a valid module");
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    add_to_linker(&mut linker, |context| context).expect("nothing is defined twice");
    let stdout = MemoryOutputPipe::new(1 << 16);
    let mut store = Store::new(&engine, builder.stdout(stdout.clone()).build());
    let ended = linker.instantiate(&mut store, &module).and_then(|instance| {
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        start.call(&mut store, ())
    });
    (ended, stdout.contents())
}

#[test]
fn input_becomes_output() {
    let echo = r#"(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 64))
            (loop $again
                (i32.store (i32.const 4) (i32.const 5))
                (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
                (if (i32.load (i32.const 8)) (then
                    (i32.store (i32.const 4) (i32.load (i32.const 8)))
                    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                    (br $again))))))"#;
    let (ended, output) = run(echo, WasiCtxBuilder::new().stdin(&b"a few words more than five bytes"[..]));
    ended.expect("returned");
    assert_eq!(output, b"a few words more than five bytes");
}

#[test]
fn exit_is_an_error_with_the_status() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.const 42)) unreachable))"#;
    let (ended, _) = run(text, &mut WasiCtxBuilder::new());
    let error = ended.expect_err("it exits");
    assert_eq!(error.downcast_ref::<I32Exit>(), Some(&I32Exit(42)));
    assert_eq!(error.to_string(), "exited with status 42");
}

#[test]
fn a_guest_must_export_its_memory() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (func (export "_start") (drop (call $yield))))"#;
    let (ended, _) = run(text, &mut WasiCtxBuilder::new());
    assert!(ended.expect_err("no memory").to_string().contains("memory"));
}

#[test]
fn every_function_of_preview_1_is_there_with_its_type() {
    // From the specification: parameters (w = i32, d = i64) of all 45 functions that return an error code.
    #[rustfmt::skip]
    let functions = [
        ("args_get", "ww"), ("args_sizes_get", "ww"), ("environ_get", "ww"), ("environ_sizes_get", "ww"),
        ("clock_res_get", "ww"), ("clock_time_get", "wdw"), ("fd_advise", "wddw"), ("fd_allocate", "wdd"),
        ("fd_close", "w"), ("fd_datasync", "w"), ("fd_fdstat_get", "ww"), ("fd_fdstat_set_flags", "ww"),
        ("fd_fdstat_set_rights", "wdd"), ("fd_filestat_get", "ww"), ("fd_filestat_set_size", "wd"),
        ("fd_filestat_set_times", "wddw"), ("fd_pread", "wwwdw"), ("fd_prestat_get", "ww"),
        ("fd_prestat_dir_name", "www"), ("fd_pwrite", "wwwdw"), ("fd_read", "wwww"), ("fd_readdir", "wwwdw"),
        ("fd_renumber", "ww"), ("fd_seek", "wdww"), ("fd_sync", "w"), ("fd_tell", "ww"), ("fd_write", "wwww"),
        ("path_create_directory", "www"), ("path_filestat_get", "wwwww"), ("path_filestat_set_times", "wwwwddw"),
        ("path_link", "wwwwwww"), ("path_open", "wwwwwddww"), ("path_readlink", "wwwwww"),
        ("path_remove_directory", "www"), ("path_rename", "wwwwww"), ("path_symlink", "wwwww"),
        ("path_unlink_file", "www"), ("poll_oneoff", "wwww"), ("proc_raise", "w"), ("random_get", "ww"),
        ("sched_yield", ""), ("sock_accept", "www"), ("sock_recv", "wwwwww"), ("sock_send", "wwwww"),
        ("sock_shutdown", "ww"),
    ];
    assert_eq!(functions.len(), 45);
    let mut text = String::from("(module (memory (export \"memory\") 1) (func (export \"_start\"))");
    for (name, params) in functions {
        let params: String = params.chars().map(|param| if param == 'd' { " i64" } else { " i32" }).collect();
        let ty = format!("(func (param{params}) (result i32))");
        text.insert_str("(module".len(), &format!("(import \"wasi_snapshot_preview1\" \"{name}\" {ty})"));
    }
    text.push(')');
    run(&text, &mut WasiCtxBuilder::new()).0.expect("all are found");
}

/// What a forked child of this thread answers.
fn in_child(answer: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    // SAFETY: the child calls an instance that is there already, writes to the pipe and ends: it takes no lock that another thread
    // could have held.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let is_written = (&writer).write_all(&answer()).is_ok();
        // SAFETY: no destructors, no buffers.
        unsafe { libc::_exit(if is_written { 0 } else { 1 }) };
    }
    drop(writer);
    let mut bytes = [0; 32];
    reader.read_exact(&mut bytes).expect("the child answers");
    let mut status = -1;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    bytes
}

#[test]
fn forked_processes_have_random_bytes_of_their_own() -> Result<(), Error> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "draw") (result i32) (call $random (i32.const 0) (i32.const 32))))"#,
    )?;
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    add_to_linker(&mut linker, |context| context)?;
    let mut store = Store::new(&engine, WasiCtxBuilder::new().build());
    let instance = linker.instantiate(&mut store, &module)?;
    let memory = instance.get_memory(&mut store, "memory").expect("exported");
    let draw = instance.get_typed_func::<(), i32>(&mut store, "draw")?;
    let mut draw = || {
        let mut bytes = [0; 32];
        assert_eq!(draw.call(&mut store, ()).expect("returns"), 0);
        memory.read(&store, 0, &mut bytes).expect("inside");
        bytes
    };
    let before = draw();
    // The children continue from the same state, and so does the parent.
    let drawn = [before, in_child(&mut draw), in_child(&mut draw), draw()];
    for (index, bytes) in drawn.iter().enumerate() {
        assert!(!drawn[..index].contains(bytes), "{drawn:?}");
    }
    Ok(())
}

/// Reads a directory, which takes more of the native stack than other functions, in so many entries within each other.
const NESTED: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
    (import "host" "nest" (func $nest (param i32)))
    (memory (export "memory") 1)
    (func (export "run") (param i32)
        (if (local.get 0)
            (then (call $nest (local.get 0)))
            (else (if (call $readdir (i32.const 3) (i32.const 0) (i32.const 1000) (i64.const 0) (i32.const 5000))
                (then unreachable))))))"#;

/// However small the thread, a call works or is an error.
#[test]
fn small_threads_run_wasi_or_refuse() {
    let engine = Engine::default();
    let module = Module::new(&engine, NESTED).expect("a valid module");
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    add_to_linker(&mut linker, |context| context).expect("nothing is defined twice");
    let nest = |mut caller: Caller<'_, WasiCtx>, n: i32| -> Result<(), Error> {
        let run =
            caller.get_export("run").and_then(|item| item.into_func()).expect("an export").typed::<i32, ()>(&caller)?;
        run.call(&mut caller, n - 1)
    };
    linker.func_wrap("host", "nest", nest).expect("a new name");
    let mut worked = Vec::new();
    for kib in [64, 96, 128, 160, 192, 256, 384, 512] {
        let mut context = WasiCtxBuilder::new();
        context.preopened_dir(env!("CARGO_MANIFEST_DIR"), "/", DirPerms::READ, FilePerms::READ).expect("a directory");
        let mut store = Store::new(&engine, context.build());
        let instance = linker.instantiate(&mut store, &module).expect("memory");
        let run = instance.get_typed_func::<i32, ()>(&mut store, "run").expect("an export");
        let thread = std::thread::Builder::new().stack_size(kib << 10);
        let deepest = thread.spawn(move || {
            (0..1000).find(|&n| match run.call(&mut store, n) {
                Ok(()) => false,
                Err(error) => {
                    assert_eq!(error.trap(), Some(Trap::StackOverflow));
                    true
                }
            })
        });
        worked.push(deepest.expect("a thread").join().expect("no panic"));
    }
    println!("the first number of entries within each other that is refused: {worked:?}");
    assert_ne!(worked.last(), Some(&Some(0)), "half a megabyte is enough");
}
