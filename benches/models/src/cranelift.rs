//! The other side: wasmtime's Cranelift.

use crate::loops::{Loop, WasmLoop, machine_loops};
use wasmtime::{Config, Engine, Module, Result};

pub struct Program {
    module: Module,
    /// Offsets in the code and, if known, in the module file, ascending.
    places: Vec<(usize, Option<u32>)>,
}

impl Program {
    pub fn compile(bytes: &[u8]) -> Result<Program> {
        let module = Module::new(&Engine::new(Config::new().generate_address_map(true))?, bytes)?;
        let places = module.address_map().map(Iterator::collect).unwrap_or_default();
        Ok(Program { module, places })
    }

    /// The loop of a function that has the most instructions of a wasm loop and the fewest others.
    pub fn loop_of(&self, function: u32, wasm: WasmLoop) -> Option<Loop> {
        let function = self.module.functions().find(|one| one.index.as_u32() == function)?;
        let code = &self.module.text()[function.offset..function.offset + function.len];
        let fit = |found: &Loop| -> i64 {
            let inside = found.instructions.iter().filter(|one| self.is_of(one.ip() as usize, wasm)).count() as i64;
            2 * inside - found.instructions.len() as i64
        };
        machine_loops(code, function.offset as u64, 0).into_iter().filter(|found| fit(found) > 0).max_by_key(fit)
    }

    fn is_of(&self, code_offset: usize, wasm: WasmLoop) -> bool {
        let next = self.places.partition_point(|(at, _)| *at <= code_offset);
        let place = next.checked_sub(1).and_then(|last| self.places[last].1);
        place.is_some_and(|place| (wasm.start..=wasm.end).contains(&place))
    }
}
