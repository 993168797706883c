//! A guest that makes whatever call of WASI it is told to.

use planish::wasi::{WasiCtx, add_to_linker};
use planish::{Engine, Func, Instance, Linker, Memory, Module, Store, Val};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Where the guest's memory has the first and the second path, data to write, and results.
pub const PATH: u32 = 0;
pub const SECOND_PATH: u32 = 0x400;
pub const DATA: u32 = 0x800;
pub const RESULT: u32 = 0x1000;

/// The calls, with their parameters: `w` is an i32, `d` an i64.
#[rustfmt::skip]
const CALLS: &[(&str, &str)] = &[
    ("fd_close", "w"), ("fd_datasync", "w"), ("fd_fdstat_get", "ww"), ("fd_fdstat_set_flags", "ww"),
    ("fd_fdstat_set_rights", "wdd"), ("fd_filestat_get", "ww"), ("fd_filestat_set_size", "wd"),
    ("fd_filestat_set_times", "wddw"), ("fd_pread", "wwwdw"), ("fd_pwrite", "wwwdw"), ("fd_read", "wwww"),
    ("fd_readdir", "wwwdw"), ("fd_renumber", "ww"), ("fd_seek", "wdww"), ("fd_sync", "w"), ("fd_tell", "ww"), ("fd_write", "wwww"),
    ("path_create_directory", "www"), ("path_filestat_get", "wwwww"), ("path_filestat_set_times", "wwwwddw"),
    ("path_link", "wwwwwww"), ("path_open", "wwwwwddww"), ("path_readlink", "wwwwww"), ("path_remove_directory", "www"),
    ("path_rename", "wwwwww"), ("path_symlink", "wwwww"), ("path_unlink_file", "www"),
];

static MODULE: LazyLock<(Engine, Module)> = LazyLock::new(|| {
    let engine = Engine::default();
    let module = Module::from_binary(&engine, &encode(&text())).expect("a valid module");
    (engine, module)
});

/// A module that exports a function around each call.
fn text() -> String {
    let types = |parameters: &str| parameters.replace('w', " i32").replace('d', " i64");
    let imports = CALLS.iter().map(|(name, parameters)| {
        format!(
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param{}) (result i32)))",
            types(parameters)
        )
    });
    let functions = CALLS.iter().map(|(name, parameters)| {
        let arguments: String = (0..parameters.len()).map(|at| format!("(local.get {at})")).collect();
        format!("(func (export \"{name}\") (param{}) (result i32) (call ${name} {arguments}))", types(parameters))
    });
    let parts: Vec<String> = imports.chain(["(memory (export \"memory\") 1)".to_owned()]).chain(functions).collect();
    format!("(module {})", parts.join("\n"))
}

fn encode(text: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(text).expect("tokens");
    wast::parser::parse::<wast::Wat<'_>>(&buffer).and_then(|mut wat| wat.encode()).expect("a module")
}

/// An instance of that module.
pub struct Guest {
    store: Store<WasiCtx>,
    memory: Memory,
    calls: HashMap<&'static str, Func>,
}

impl Guest {
    pub fn new(context: WasiCtx) -> Guest {
        let (engine, module) = &*MODULE;
        let mut linker: Linker<WasiCtx> = Linker::new(engine);
        add_to_linker(&mut linker, |context| context).expect("nothing is defined twice");
        let mut store = Store::new(engine, context);
        let instance: Instance = linker.instantiate(&mut store, module).expect("everything is there");
        let memory = instance.get_memory(&store, "memory").expect("exported");
        let calls = CALLS.iter().map(|(name, _)| (*name, instance.get_func(&store, name).expect("exported"))).collect();
        Guest { store, memory, calls }
    }

    /// Makes a call, and gives the errno.
    pub fn call(&mut self, name: &str, arguments: &[u64]) -> u16 {
        let func = self.calls[name];
        let parameters = CALLS.iter().find(|call| call.0 == name).expect("in the list").1;
        assert_eq!(parameters.len(), arguments.len(), "{name}");
        let value = |(kind, argument): (char, &u64)| match kind {
            'w' => Val::I32(*argument as i32),
            _ => Val::I64(*argument as i64),
        };
        let values: Vec<Val> = parameters.chars().zip(arguments).map(value).collect();
        let mut results = [Val::I32(0)];
        func.call(&mut self.store, &values, &mut results).expect("no call traps");
        results[0].unwrap_i32() as u16
    }

    /// Puts bytes into the guest's memory.
    pub fn put(&mut self, address: u32, bytes: &[u8]) {
        self.memory.write(&mut self.store, address as usize, bytes).expect("inside");
    }

    pub fn bytes(&self, address: u32, len: u32) -> Vec<u8> {
        let mut bytes = vec![0; len as usize];
        self.memory.read(&self.store, address as usize, &mut bytes).expect("inside");
        bytes
    }

    pub fn u32_at(&self, address: u32) -> u32 {
        u32::from_le_bytes(self.bytes(address, 4).try_into().expect("four bytes"))
    }

    pub fn u64_at(&self, address: u32) -> u64 {
        u64::from_le_bytes(self.bytes(address, 8).try_into().expect("eight bytes"))
    }
}
