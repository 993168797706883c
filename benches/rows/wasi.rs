//! The rows of the benchmark `wasi`: calls of WASI preview 1, made by a guest in a loop.
//!
//! Written against names that planish and wasmtime share. The including file brings those of one engine into scope as
//! `super::api`, and its WASI as `super::system`.

use super::api::{Engine, Error, Linker, Module, Store};
use super::system::{self, Context};
use crate::measure::Row;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Calls in one round of most rows; of those that take long.
const MANY: u32 = 2_000;
const FEW: u32 = 20;

/// Name, calls in one round, and the call: an expression whose value is its `errno`. `$file` is open for reading and writing, the
/// name "file" is at 64, a buffer of 16 bytes is described at 0, results go to 128, large ones to 4096.
#[rustfmt::skip]
const ROWS: &[(&str, u32, &str)] = &[
    ("random_get, 8 bytes", MANY, "(call $random_get (i32.const 4096) (i32.const 8))"),
    ("random_get, 16 bytes", MANY, "(call $random_get (i32.const 4096) (i32.const 16))"),
    ("random_get, 1 KiB", MANY, "(call $random_get (i32.const 4096) (i32.const 0x400))"),
    ("random_get, 1 MiB", FEW, "(call $random_get (i32.const 4096) (i32.const 0x100000))"),
    ("fd_tell", MANY, "(call $fd_tell (global.get $file) (i32.const 128))"),
    ("sched_yield", MANY, "(call $sched_yield)"),
    ("clock_time_get, monotonic", MANY, "(call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 128))"),
    ("clock_time_get, real time", MANY, "(call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 128))"),
    ("args_sizes_get", MANY, "(call $args_sizes_get (i32.const 128) (i32.const 132))"),
    ("environ_get, two variables", MANY, "(call $environ_get (i32.const 128) (i32.const 4096))"),
    ("fd_prestat_get", MANY, "(call $fd_prestat_get (i32.const 3) (i32.const 128))"),
    ("fd_fdstat_get of a file", MANY, "(call $fd_fdstat_get (global.get $file) (i32.const 128))"),
    ("fd_fdstat_get of a stream", MANY, "(call $fd_fdstat_get (i32.const 1) (i32.const 128))"),
    ("fd_filestat_get", MANY, "(call $fd_filestat_get (global.get $file) (i32.const 128))"),
    ("fd_seek to a position", MANY, "(call $fd_seek (global.get $file) (i64.const 100) (i32.const 0) (i32.const 128))"),
    ("fd_seek from the end", MANY, "(call $fd_seek (global.get $file) (i64.const 0) (i32.const 2) (i32.const 128))"),
    ("fd_read, 16 bytes of a file", MANY, "(call $fd_read (global.get $file) (i32.const 0) (i32.const 1) (i32.const 128))"),
    ("fd_pread, 16 bytes of a file", MANY,
        "(call $fd_pread (global.get $file) (i32.const 0) (i32.const 1) (i64.const 100) (i32.const 128))"),
    ("fd_write, 16 bytes to a file", MANY, "(call $fd_write (global.get $file) (i32.const 0) (i32.const 1) (i32.const 128))"),
    ("fd_write, 16 bytes to a sink", MANY, "(call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 128))"),
    ("poll_oneoff, a clock that has fired", MANY,
        "(call $poll_oneoff (i32.const 512) (i32.const 4096) (i32.const 1) (i32.const 128))"),
    ("path_filestat_get", MANY,
        "(call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 128))"),
    ("path_open and fd_close", MANY,
        "(i32.or (call $open (i32.const 128)) (call $fd_close (i32.load (i32.const 128))))"),
    ("fd_readdir, three entries", MANY,
        "(call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 4096) (i64.const 0) (i32.const 128))"),
];

const TEXT: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_tell" (func $fd_tell (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
    (memory (export "memory") 17)
    (data (i32.const 0) "\00\10\00\00\10\00\00\00")
    (data (i32.const 64) "file")
    ;; The rights to read, write, seek and tell.
    (func $open (param $to i32) (result i32)
        (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 0)
            (i64.const 102) (i64.const 102) (i32.const 0) (local.get $to)))
    (global $file (mut i32) (i32.const 0))
    (func (export "start") (result i32) (local $errno i32)
        (local.set $errno (call $open (i32.const 128)))
        (global.set $file (i32.load (i32.const 128)))
        local.get $errno)
    (func (export "round") (param $calls i32) (result i32) (local $errno i32)
        (local.set $errno (call $fd_seek (global.get $file) (i64.const 0) (i32.const 0) (i32.const 128)))
        (loop $again
            (local.set $errno (i32.or (local.get $errno) CALL))
            (br_if $again (local.tee $calls (i32.sub (local.get $calls) (i32.const 1)))))
        local.get $errno))"#;

/// A directory with one file, removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> std::io::Result<Directory> {
        let path = std::env::temp_dir().join(format!("{}-{}", module_path!(), std::process::id()));
        std::fs::create_dir_all(&path)?;
        std::fs::write(path.join("file"), vec![1; 1 << 20])?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Whatever is left of a temporary directory is no reason to fail.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// All rows, each with a store of its own.
pub fn rows() -> Result<Vec<Row>, Error> {
    let directory = Rc::new(Directory::new()?);
    ROWS.iter().map(|(name, calls, call)| row(name, *calls, call, &directory)).collect()
}

fn row(name: &'static str, calls: u32, call: &str, directory: &Rc<Directory>) -> Result<Row, Error> {
    let (mut store, round) = guest(call, &directory.0)?;
    // The file stays as long as a row reads it.
    let directory = directory.clone();
    Ok(Row::new(name, calls, move || {
        let errno = round.call(&mut store, calls).expect("returns");
        assert_eq!(errno, 0, "{name} in {:?}", directory.0);
    }))
}

fn guest(call: &str, directory: &Path) -> Result<(Store<Context>, super::api::TypedFunc<u32, i32>), Error> {
    let engine = Engine::default();
    let module = Module::new(&engine, TEXT.replace("CALL", call))?;
    let mut linker = Linker::new(&engine);
    system::add_to_linker(&mut linker)?;
    let mut store = Store::new(&engine, system::context(directory)?);
    let instance = linker.instantiate(&mut store, &module)?;
    let errno = instance.get_typed_func::<(), i32>(&mut store, "start")?.call(&mut store, ())?;
    assert_eq!(errno, 0, "the file is opened");
    let round = instance.get_typed_func::<u32, i32>(&mut store, "round")?;
    Ok((store, round))
}
