//! `planish run`: a program with its arguments, or one exported function.

use crate::{Features, RunArgs};
use planish::wasi::{DirPerms, FilePerms, I32Exit, WasiCtx, WasiCtxBuilder, add_to_linker};
use planish::{Engine, Error, Func, Linker, Module, Ref, Store, Trap, Val, ValType};
use std::process::ExitCode;
use wast::core::V128Const;
use wast::parser::{self, ParseBuffer};

/// What a shell reports for a process that was aborted: 128 + SIGABRT.
const TRAPPED: u8 = 134;

/// Runs, and gives the guest's exit status.
pub fn run(args: &RunArgs, features: &Features) -> Result<ExitCode, Error> {
    let mut config = crate::config(features);
    args.codegen.apply(&mut config);
    let engine = Engine::new(&config)?;
    let module = Module::from_file(&engine, args.file())?;
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let mut store = Store::try_new(&engine, context(args)?)?;
    let outcome = linker.instantiate(&mut store, &module).and_then(|instance| match &args.invoke {
        Some(name) => {
            // A library's constructors (WASI's application ABI: a reactor).
            if let Some(initialize) = instance.get_func(&mut store, "_initialize") {
                initialize.call(&mut store, &[], &mut [])?;
            }
            match instance.get_func(&mut store, name) {
                Some(func) => invoke(&mut store, func, args.args()),
                None => Err(Error::msg(format!("no exported function named `{name}`"))),
            }
        }
        None => match instance.get_func(&mut store, "_start") {
            Some(start) => start.call(&mut store, &[], &mut []),
            // A module without a program does its work when it is instantiated.
            None => Ok(()),
        },
    });
    // The process ends, and with it everything: to give it back before takes longer than a small program.
    std::mem::forget((store, linker, module, engine));
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            // The process' own status has 8 bits, as everywhere.
            Some(exit) => Ok(ExitCode::from(exit.0 as u8)),
            None if error.is::<Trap>() => {
                report_trap(&error);
                Ok(ExitCode::from(TRAPPED))
            }
            None => Err(error),
        },
    }
}

/// The guest's view of the host.
fn context(args: &RunArgs) -> Result<WasiCtx, Error> {
    let mut builder = WasiCtxBuilder::new();
    builder.inherit_stdio();
    let name = args.file().file_name().unwrap_or(args.file().as_os_str());
    builder.arg(name.to_string_lossy());
    if args.invoke.is_none() {
        builder.args(args.args());
    }
    for (name, value) in &args.env {
        builder.env(name, value);
    }
    for (host, guest) in &args.dir {
        builder
            .preopened_dir(host, guest, DirPerms::all(), FilePerms::all())
            .map_err(|error| Error::msg(format!("--dir {host}: {error}")))?;
    }
    Ok(builder.build())
}

fn invoke(store: &mut Store<WasiCtx>, func: Func, args: &[String]) -> Result<(), Error> {
    let ty = func.ty(&*store);
    if ty.params().len() != args.len() {
        return Err(Error::msg(format!("wrong number of arguments: {} instead of {}", args.len(), ty.params().len())));
    }
    let args = ty.params().iter().zip(args).map(|(ty, arg)| parse(ty, arg)).collect::<Result<Vec<Val>, Error>>()?;
    let mut results = vec![Val::I32(0); ty.results().len()];
    func.call(store, &args, &mut results)?;
    for result in &results {
        match result {
            Val::I32(value) => println!("{value}"),
            Val::I64(value) => println!("{value}"),
            Val::F32(bits) => println!("{}", f32::from_bits(*bits)),
            Val::F64(bits) => println!("{}", f64::from_bits(*bits)),
            Val::V128(value) => println!("{value:?}"),
            other => println!("{other:?}"),
        }
    }
    Ok(())
}

/// Integers are read as signed or unsigned, and in hexadecimal after `0x`.
fn parse(ty: &ValType, text: &str) -> Result<Val, Error> {
    let bad = || Error::msg(format!("`{text}` is not a value of type {ty}"));
    let integer = || match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).map_err(|_| bad()),
        None => text.parse::<i128>().map_err(|_| bad()),
    };
    match ty {
        ValType::I32 => {
            let value = integer()?;
            i32::try_from(value)
                .or_else(|_| u32::try_from(value).map(|value| value as i32))
                .map(Val::I32)
                .map_err(|_| bad())
        }
        ValType::I64 => {
            let value = integer()?;
            i64::try_from(value)
                .or_else(|_| u64::try_from(value).map(|value| value as i64))
                .map(Val::I64)
                .map_err(|_| bad())
        }
        ValType::F32 => text.parse::<f32>().map(|value| Val::F32(value.to_bits())).map_err(|_| bad()),
        ValType::F64 => text.parse::<f64>().map(|value| Val::F64(value.to_bits())).map_err(|_| bad()),
        ValType::V128 => vector(text).map(|value| Val::V128(value.into())).ok_or_else(|| {
            Error::msg(format!(
                "`{text}` is not a vector: write `i32x4 1 2 3 4`, as one argument, or all bits after `0x`"
            ))
        }),
        ValType::Ref(ty) if text == "null" && ty.nullable => Ok(Val::from(Ref::null(ty))),
        ValType::Ref(_) => Err(Error::msg(format!("`{text}` is not a value of type {ty}: only `null` can be written"))),
    }
}

/// A vector as results are printed, in hexadecimal, or as the text format has it after `v128.const`.
fn vector(text: &str) -> Option<u128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u128::from_str_radix(digits, 16).ok();
    }
    let buffer = ParseBuffer::new(text).ok()?;
    let lanes = parser::parse::<V128Const>(&buffer).ok()?;
    Some(u128::from_le_bytes(lanes.to_le_bytes()))
}

fn report_trap(error: &Error) {
    eprintln!("trap: {error}");
    if let Some(backtrace) = error.backtrace() {
        eprintln!("{backtrace}");
    }
}
