//! Planish in the engine lab: the adapter to the harness's `Engine`, `Compiled` and `Instance`.

use crate::engine::*;
use crate::for_each_wasi;
use crate::wasi::Wasi;
use planish as ours;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub fn entries() -> Vec<Entry> {
    const VERSION: &str = "0.1.0";
    vec![
        Entry { name: "planish", version: VERSION, make: |threads| make(ours::Config::new(), threads) },
        Entry {
            name: "planish-checked",
            version: VERSION,
            make: |threads| {
                let mut config = ours::Config::new();
                config.guard_memory(false);
                make(config, threads)
            },
        },
    ]
}

fn text(error: ours::Error) -> String {
    format!("{error:?}")
}

struct Data {
    wasi: Wasi,
    memory: Option<ours::Memory>,
}

struct Shared {
    engine: ours::Engine,
    linker: Arc<ours::Linker<Data>>,
}

struct Code {
    engine: ours::Engine,
    linker: Arc<ours::Linker<Data>>,
    module: ours::Module,
}

struct Running {
    store: ours::Store<Data>,
    instance: ours::Instance,
}

#[derive(Debug)]
struct Exit(i32);

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit status {}", self.0)
    }
}

impl std::error::Error for Exit {}

fn make(mut config: ours::Config, threads: usize) -> Res<Box<dyn Engine>> {
    config.parallel_compilation(false);
    if threads > 1 {
        config.compilation_threads(move |work| {
            std::thread::scope(|scope| {
                (1..threads).for_each(|_| _ = scope.spawn(work));
                work();
            });
        });
    }
    let engine = ours::Engine::new(&config).map_err(text)?;
    let linker = Arc::new(linker(&engine).map_err(text)?);
    Ok(Box::new(Shared { engine, linker }))
}

fn linker(engine: &ours::Engine) -> ours::Result<ours::Linker<Data>> {
    let mut linker: ours::Linker<Data> = ours::Linker::new(engine);
    macro_rules! register {
        ($($name:ident($($arg:ident: $ty:ty),*);)*) => { $(
            linker.func_wrap("wasi_snapshot_preview1", stringify!($name),
                |mut caller: ours::Caller<'_, Data>, $($arg: $ty),*| -> i32 {
                    let memory = caller.data().memory.expect("set after instantiation");
                    let (bytes, data) = memory.data_and_store_mut(&mut caller);
                    data.wasi.$name(bytes, $($arg),*)
                })?;
        )* };
    }
    for_each_wasi!(register);
    linker.func_wrap(
        "wasi_snapshot_preview1",
        "proc_exit",
        |mut caller: ours::Caller<'_, Data>, status: i32| -> Result<(), ours::Error> {
            caller.data_mut().wasi.exit = Some(status);
            Err(ours::Error::new(Exit(status)))
        },
    )?;
    linker.func_wrap("bench", "start", |mut caller: ours::Caller<'_, Data>| caller.data_mut().wasi.mark_start())?;
    linker.func_wrap("bench", "end", |mut caller: ours::Caller<'_, Data>| caller.data_mut().wasi.mark_end())?;
    linker.func_wrap("host", "inc", |x: i32| x.wrapping_add(1))?;
    Ok(linker)
}

impl Engine for Shared {
    fn compile(&self, wasm: &[u8]) -> Res<Box<dyn Compiled>> {
        let module = ours::Module::from_binary(&self.engine, wasm).map_err(text)?;
        Ok(Box::new(Code { engine: self.engine.clone(), linker: self.linker.clone(), module }))
    }
}

impl Compiled for Code {
    fn code_size(&self, _wasm: &[u8]) -> Option<usize> {
        Some(self.module.text().len())
    }

    fn instantiate(&self, wasi: Wasi) -> Res<Box<dyn Instance>> {
        let mut store = ours::Store::new(&self.engine, Data { wasi, memory: None });
        let instance = self.linker.instantiate(&mut store, &self.module).map_err(text)?;
        store.data_mut().memory = instance.get_memory(&mut store, "memory");
        Ok(Box::new(Running { store, instance }))
    }
}

impl Instance for Running {
    fn wasi(&mut self) -> &mut Wasi {
        &mut self.store.data_mut().wasi
    }

    fn call_start(&mut self) -> Res<()> {
        let start = self.instance.get_typed_func::<(), ()>(&mut self.store, "_start").map_err(text)?;
        start.call(&mut self.store, ()).map_err(text)
    }

    fn call_i32_i64(&mut self, name: &str, arg: i32) -> Res<i64> {
        let func = self.instance.get_typed_func::<i32, i64>(&mut self.store, name).map_err(text)?;
        func.call(&mut self.store, arg).map_err(text)
    }

    fn host_call_loop(&mut self, name: &str, n: u64) -> Res<Duration> {
        let func = self.instance.get_typed_func::<(), ()>(&mut self.store, name).map_err(text)?;
        let start = Instant::now();
        for _ in 0..n {
            func.call(&mut self.store, ()).map_err(text)?;
        }
        Ok(start.elapsed())
    }
}
