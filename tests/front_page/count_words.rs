//! The function of the front page's program that runs a WASI program, word for word.

use planish::wasi::{self, I32Exit, MemoryOutputPipe, WasiCtx, WasiCtxBuilder};
use planish::{Engine, Linker, Module, Store};

pub fn count_words(file: &str) -> planish::Result<()> {
    let engine = Engine::default();
    let module = Module::from_file(&engine, file)?;
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    wasi::add_to_linker(&mut linker, |context| context)?;

    let stdout = MemoryOutputPipe::new(1 << 20);
    let context =
        WasiCtxBuilder::new().arg("words").stdin("to be or not to be".as_bytes()).stdout(stdout.clone()).build();
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module)?;
    match instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ()) {
        Ok(()) => {}
        Err(error) => assert_eq!(error.downcast_ref(), Some(&I32Exit(0))),
    }
    assert!(stdout.contents().starts_with(b"      2 be\n      2 to\n"));
    Ok(())
}
