//! The functions' registration: the table of their names and parameters, and the glue to an engine's memory.

use super::abi::Errno;
use super::context::WasiCtx;
use super::process::I32Exit;
use crate::api::linker::OneModule;
use crate::{Caller, Error, Linker, Memory};

const MODULE: &str = "wasi_snapshot_preview1";

/// Defines every function of `wasi_snapshot_preview1` in a linker. `context` finds the [`WasiCtx`] in the store's data.
///
/// ```
/// use planish::wasi::{MemoryOutputPipe, WasiCtx, WasiCtxBuilder, add_to_linker};
/// use planish::{Engine, Linker, Module, Store};
///
/// # fn main() -> planish::Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(
///     &engine,
///     r#"(module
///         (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
///         (memory (export "memory") 1)
///         (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
///         (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#,
/// )?;
/// let mut linker: Linker<WasiCtx> = Linker::new(&engine);
/// add_to_linker(&mut linker, |context| context)?;
/// let stdout = MemoryOutputPipe::new(1024);
/// let mut store = Store::new(&engine, WasiCtxBuilder::new().stdout(stdout.clone()).build());
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())?;
/// assert_eq!(stdout.contents(), b"hello\n");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the linker has such a function already.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    context: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<(), Error> {
    let mut module = linker.one(MODULE);
    module.reserve(1 + CALLS.len());
    module.func_wrap("proc_exit", |status: i32| -> Result<(), Error> { Err(Error::new(I32Exit(status))) })?;
    add_calls(&mut module, context)
}

/// What a call answers in its one result.
fn answer(result: Result<(), Errno>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(errno) => errno as u16 as i32,
    }
}

/// The memory of the calling module, which must export it under this name.
fn memory<T>(caller: &Caller<'_, T>) -> Result<Memory, Error> {
    let memory = caller.memory("memory");
    memory.ok_or_else(|| Error::msg("a WASI call from a module that exports no memory named `memory`"))
}

macro_rules! calls {
    ($($name:ident($($param:ident: $type:ident),*);)*) => {
        /// The functions' names, apart from `proc_exit`.
        pub(super) const CALLS: &[&str] = &[$(stringify!($name)),*];

        fn add_calls<T: 'static>(
            module: &mut OneModule<'_, T>,
            context: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
        ) -> Result<(), Error> {
            $(module.func_wrap(
                stringify!($name),
                move |mut caller: Caller<'_, T>, $($param: $type),*| -> Result<i32, Error> {
                    let memory = memory(&caller)?;
                    let (mut bytes, data) = memory.data_and_store_mut(&mut caller);
                    Ok(answer(context(data).$name(&mut bytes, $($param),*)))
                },
            )?;)*
            Ok(())
        }
    };
}

// In the specification's order; `u32` and `u64` are `i32` and `i64` to wasm.
#[rustfmt::skip]
calls! {
    args_get(pointers: u32, buffer: u32);
    args_sizes_get(count: u32, bytes: u32);
    environ_get(pointers: u32, buffer: u32);
    environ_sizes_get(count: u32, bytes: u32);
    clock_res_get(id: u32, to: u32);
    clock_time_get(id: u32, precision: u64, to: u32);
    fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
    fd_allocate(fd: u32, offset: u64, len: u64);
    fd_close(fd: u32);
    fd_datasync(fd: u32);
    fd_fdstat_get(fd: u32, to: u32);
    fd_fdstat_set_flags(fd: u32, flags: u32);
    fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
    fd_filestat_get(fd: u32, to: u32);
    fd_filestat_set_size(fd: u32, size: u64);
    fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32);
    fd_pread(fd: u32, array: u32, count: u32, offset: u64, to: u32);
    fd_prestat_get(fd: u32, to: u32);
    fd_prestat_dir_name(fd: u32, to: u32, len: u32);
    fd_pwrite(fd: u32, array: u32, count: u32, offset: u64, to: u32);
    fd_read(fd: u32, array: u32, count: u32, to: u32);
    fd_readdir(fd: u32, to: u32, len: u32, cookie: u64, used: u32);
    fd_renumber(from: u32, to: u32);
    fd_seek(fd: u32, offset: i64, whence: u32, to: u32);
    fd_sync(fd: u32);
    fd_tell(fd: u32, to: u32);
    fd_write(fd: u32, array: u32, count: u32, to: u32);
    path_create_directory(fd: u32, name: u32, name_len: u32);
    path_filestat_get(fd: u32, flags: u32, name: u32, name_len: u32, to: u32);
    path_filestat_set_times(fd: u32, flags: u32, name: u32, name_len: u32, atim: u64, mtim: u64, times: u32);
    path_link(old_fd: u32, lookup: u32, old: u32, old_len: u32, new_fd: u32, new: u32, new_len: u32);
    path_open(fd: u32, lookup: u32, name: u32, name_len: u32, flags: u32, base: u64, inheriting: u64, fdflags: u32, to: u32);
    path_readlink(fd: u32, name: u32, name_len: u32, to: u32, len: u32, used: u32);
    path_remove_directory(fd: u32, name: u32, name_len: u32);
    path_rename(old_fd: u32, old: u32, old_len: u32, new_fd: u32, new: u32, new_len: u32);
    path_symlink(old: u32, old_len: u32, fd: u32, new: u32, new_len: u32);
    path_unlink_file(fd: u32, name: u32, name_len: u32);
    poll_oneoff(subscriptions: u32, events: u32, count: u32, to: u32);
    proc_raise(signal: u32);
    random_get(buffer: u32, len: u32);
    sched_yield();
    sock_accept(fd: u32, flags: u32, to: u32);
    sock_recv(fd: u32, buffers: u32, count: u32, flags: u32, to: u32, flags_to: u32);
    sock_send(fd: u32, buffers: u32, count: u32, flags: u32, to: u32);
    sock_shutdown(fd: u32, how: u32);
}
