//! Our side: compiling, running, and which wasm loop a loop of ours is.

use crate::loops::{Loop, WasmLoop, machine_loops};
use crate::sample;
use planish::wasi::{DirPerms, FilePerms, WasiCtx, WasiCtxBuilder, add_to_linker};
use planish::{CompiledFunction, Engine, Linker, Module, Store};
use std::io::{self, Cursor};
use std::path::Path;
use std::time::Duration;

/// For so long samples are taken.
const RUN: Duration = Duration::from_secs(4);

/// What a program gets.
pub struct Input {
    pub file: String,
    pub arguments: Vec<String>,
    /// The host's and the guest's names.
    pub folders: Vec<(String, String)>,
    pub stdin: Vec<u8>,
}

impl Input {
    fn context(&self) -> io::Result<WasiCtx> {
        let mut builder = WasiCtxBuilder::new();
        builder.arg(&self.file).args(&self.arguments).stdin(Cursor::new(self.stdin.clone()));
        let own =
            Path::new(&self.file).parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        builder.preopened_dir(own, ".", DirPerms::all(), FilePerms::all())?;
        for (host, guest) in &self.folders {
            builder.preopened_dir(host, guest, DirPerms::all(), FilePerms::all())?;
        }
        Ok(builder.build())
    }
}

pub struct Program {
    engine: Engine,
    module: Module,
}

impl Program {
    pub fn compile(bytes: &[u8]) -> Result<Program, planish::Error> {
        let engine = Engine::default();
        let module = Module::from_binary(&engine, bytes)?;
        Ok(Program { engine, module })
    }

    /// The innermost loops of all functions.
    pub fn loops(&self) -> impl Iterator<Item = (CompiledFunction<'_>, Loop)> {
        self.module.compiled_functions().flat_map(|function| {
            let loops = machine_loops(function.code(), function.code().as_ptr() as u64, 1);
            loops.into_iter().map(move |found| (function, found))
        })
    }

    /// The innermost wasm loop with all operators that the loop has sites of.
    pub fn wasm_loop(&self, function: &CompiledFunction<'_>, found: &Loop, loops: &[WasmLoop]) -> Option<WasmLoop> {
        let start = function.code().as_ptr() as u64;
        let places: Vec<u32> = function
            .sites()
            .filter(|(at, _)| (found.start()..found.end()).contains(&(start + u64::from(*at))))
            .map(|(_, wasm_offset)| wasm_offset)
            .collect();
        match places.is_empty() {
            // The only one, then.
            true => loops.first().copied().filter(|_| loops.len() == 1),
            false => {
                loops.iter().copied().find(|wasm| places.iter().all(|place| (wasm.start..=wasm.end).contains(place)))
            }
        }
    }

    /// Where the program was at each tick, run again and again; `None` if the module is no program.
    pub fn samples(&self, input: Input) -> Result<Option<Vec<usize>>, planish::Error> {
        if !self.module.exports().any(|export| export.name() == "_start") {
            return Ok(None);
        }
        let mut linker = Linker::new(&self.engine);
        add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
        // What sightglass' programs call around what counts.
        linker.func_wrap("bench", "start", || {})?;
        linker.func_wrap("bench", "end", || {})?;
        let (engine, module) = (self.engine.clone(), self.module.clone());
        input.context().map_err(|error| planish::Error::msg(error.to_string()))?;
        Ok(Some(sample::while_running(RUN, move || {
            while let Ok(context) = input.context() {
                let mut store = Store::new(&engine, context);
                let instance = linker.instantiate(&mut store, &module);
                // A program that exits or traps has run.
                if let Some(start) = instance.ok().and_then(|instance| instance.get_func(&mut store, "_start")) {
                    let _ = start.call(&mut store, &[], &mut []);
                }
            }
        })))
    }
}
