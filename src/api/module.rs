//! [`Module`]: compiled WebAssembly, ready to be instantiated.

use crate::abi::code_memory::CodeMemory;
use crate::api::engine::Engine;
use crate::api::extern_type::{ExportType, ExternType, ImportType};
use crate::api::signatures::ModuleStubs;
use crate::compile::{self, Clock, FunctionTape, LazyModule, Stage, Timings};
use crate::decode::{self, Bodies, ExportIndex, ExportItem, ImportItem, ModuleInfo, WasmFeature};
use crate::error::{Error, FrameInfo};
use crate::types::{ConcreteFuncType, FuncIndex, TagType};
use crate::vm::code::buffer::{Code, CodeBuffer};
use crate::vm::code::lazy::LazyCode;
use crate::vm::code::published::{CodeAddress, Contents, PublishedCode, Signatures};
use crate::vm::exit::record::HostError;
use crate::vm::owned::bounds::Refused;
use crate::vm::owned::images::MemoryImages;
use crate::vm::run::instance::InstanceModule;
use crate::vm::run::records::{Entries, Records};
use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A compiled module. Cheap to clone; may be instantiated any number of times, in any store of its engine.
///
/// ```
/// use planish::{Engine, Module};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, "(module (func (export \"f\") (param i32)))")?;
/// assert_eq!(module.exports().next().unwrap().name(), "f");
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone)]
pub struct Module {
    inner: Arc<ModuleInner>,
}

pub(crate) struct ModuleInner {
    engine: Engine,
    info: ModuleInfo,
    code: ModuleCode,
    exports: ExportIndex,
    images: MemoryImages,
    /// The records have their addresses.
    signatures: Signatures,
    records: OnceLock<Records>,
}

enum ModuleCode {
    /// All functions.
    Whole(Code),
    /// Those that have been called; the stubs, which are only kept.
    Lazy(LazyCode, Box<LazyModule>, #[expect(dead_code, reason = "kept alive")] Option<Code>),
}

impl Module {
    /// Validates and compiles a module: `.wasm` bytes or, with the feature `wat`, text.
    ///
    /// # Errors
    ///
    /// If the module is invalid or uses a feature that is not supported or not enabled, with the byte offset.
    ///
    /// ```
    /// use planish::{Engine, Module};
    ///
    /// let engine = Engine::default();
    /// Module::new(&engine, b"\0asm\x01\0\0\0")?;
    /// let error = Module::new(&engine, b"\0asm\x01\0\0\0\x05\x04\x01\x08\x01\x00").unwrap_err();
    /// assert_eq!(error.to_string(), "custom page sizes are not enabled (at offset 0xb)");
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module, Error> {
        Module::from_binary(engine, &binary(bytes.as_ref(), None)?)
    }

    /// Validates and compiles the bytes of a `.wasm` file.
    ///
    /// # Errors
    ///
    /// As [`Module::new`].
    ///
    /// ```
    /// use planish::{Engine, Module};
    ///
    /// assert!(Module::from_binary(&Engine::default(), b"(module)").is_err());
    /// ```
    pub fn from_binary(engine: &Engine, bytes: &[u8]) -> Result<Module, Error> {
        Module::compile(engine, bytes, &mut Clock::default())
    }

    /// [`Module::from_binary`], and how long it took.
    #[doc(hidden)]
    pub fn timed(engine: &Engine, bytes: &[u8]) -> Result<(Module, Timings), Error> {
        let mut clock = Clock::started();
        let module = Module::compile(engine, bytes, &mut clock)?;
        Ok((module, clock.timings()))
    }

    fn compile(engine: &Engine, bytes: &[u8], clock: &mut Clock) -> Result<Module, Error> {
        let (info, bodies) = decode::decode(bytes, engine.features())?;
        clock.lap(Stage::Decode);
        let (code, signatures) = ModuleCode::new(engine, &info, &bodies, clock)?;
        let exports = ExportIndex::of(&info.exports);
        clock.lap(Stage::Link);
        Ok(Module {
            inner: Arc::new(ModuleInner {
                engine: engine.clone(),
                info,
                code,
                exports,
                images: MemoryImages::new(engine.memories()),
                signatures,
                records: OnceLock::new(),
            }),
        })
    }

    /// Reads, validates and compiles a file, `.wasm` or text.
    ///
    /// # Errors
    ///
    /// As [`Module::new`], and if the file cannot be read: that is a [`std::io::Error`]. The message has the file's name.
    ///
    /// ```
    /// use planish::{Engine, Module};
    ///
    /// let error = Module::from_file(&Engine::default(), "none.wasm").unwrap_err();
    /// assert_eq!(error.to_string(), "none.wasm: No such file or directory (os error 2)");
    /// ```
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module, Error> {
        let path = path.as_ref();
        Module::from_binary(engine, &Module::read_file(path)?).map_err(|error| error.in_file(path))
    }

    /// The `.wasm` bytes of a file, which may be text. Anything may be wrong with them.
    #[doc(hidden)]
    pub fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let bytes = std::fs::read(path).map_err(named)?;
        Ok(match binary(&bytes, Some(path))? {
            Cow::Borrowed(_) => bytes,
            Cow::Owned(binary) => binary,
        })
    }

    /// Validates without compiling. Takes `.wasm` bytes only.
    ///
    /// # Errors
    ///
    /// If [`Module::new`] would refuse these bytes.
    ///
    /// ```
    /// use planish::{Engine, Module};
    ///
    /// let engine = Engine::default();
    /// assert!(Module::validate(&engine, b"\0asm\x01\0\0\0").is_ok());
    /// assert!(Module::validate(&engine, b"not wasm").is_err());
    /// ```
    pub fn validate(engine: &Engine, bytes: &[u8]) -> Result<(), Error> {
        decode::validate(bytes, engine.features())
    }

    /// The features that a module needs of those that [`Config::wasm_feature`](crate::Config::wasm_feature) can turn
    /// off. Takes `.wasm` bytes only.
    ///
    /// # Errors
    ///
    /// If no configuration would accept these bytes.
    ///
    /// ```
    /// use planish::{Module, WasmFeature};
    ///
    /// let bytes = wat::parse_str("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))").unwrap();
    /// assert_eq!(Module::required_features(&bytes)?, [WasmFeature::ExtendedConst]);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn required_features(bytes: &[u8]) -> Result<Vec<WasmFeature>, Error> {
        decode::required_features(bytes)
    }

    /// The engine that compiled it.
    ///
    /// ```
    /// # let engine = planish::Engine::default();
    /// let module = planish::Module::new(&engine, "(module)")?;
    /// assert!(planish::Engine::same(module.engine(), &engine));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The module's name in its custom section `name`.
    ///
    /// ```
    /// # let engine = planish::Engine::default();
    /// assert_eq!(planish::Module::new(&engine, "(module $calc)")?.name(), Some("calc"));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.inner.info.module_name.as_deref()
    }

    /// What the module imports, in order.
    ///
    /// ```
    /// use planish::{Engine, ExternType, Module};
    ///
    /// let module = Module::new(&Engine::default(), "(module (import \"env\" \"log\" (func (param i32))))")?;
    /// let import = module.imports().next().unwrap();
    /// assert_eq!((import.module(), import.name()), ("env", "log"));
    /// assert!(matches!(import.ty(), ExternType::Func(_)));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> + '_ {
        let info = &self.inner.info;
        info.imports.iter().map(|import| {
            let ty = match &import.item {
                ImportItem::Func(ty) => ExternType::Func(info.types[ty.index()].func_type().clone()),
                ImportItem::Tag(ty) => ExternType::Tag(TagType::new(info.types[ty.index()].func_type().clone())),
                ImportItem::Table(ty) => ExternType::Table(ty.clone()),
                ImportItem::Memory(ty) => ExternType::Memory(*ty),
                ImportItem::Global(ty) => ExternType::Global(ty.clone()),
            };
            ImportType::new(&import.module, &import.name, ty)
        })
    }

    /// What the module exports, in order.
    ///
    /// ```
    /// use planish::{Engine, Module};
    ///
    /// let module = Module::new(&Engine::default(), "(module (memory (export \"m\") 2 9))")?;
    /// let ty = module.exports().next().unwrap().ty();
    /// assert_eq!(ty.memory().unwrap().maximum, Some(9));
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> + '_ {
        let info = &self.inner.info;
        info.exports.iter().map(|export| ExportType::new(&export.name, self.inner.export_type(export.item)))
    }

    /// The type of an export.
    ///
    /// ```
    /// use planish::{Engine, Module};
    ///
    /// let module = Module::new(&Engine::default(), "(module (func (export \"f\")))")?;
    /// assert!(module.get_export("f").unwrap().func().is_some());
    /// assert!(module.get_export("g").is_none());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        self.inner.export(name).map(|item| self.inner.export_type(item))
    }

    /// The machine code: functions, each with its constants and jump tables. Empty if functions are compiled when they are
    /// [first called](crate::Config::lazy_compilation).
    ///
    /// ```
    /// # let engine = planish::Engine::default();
    /// let module = planish::Module::new(&engine, "(module (func))")?;
    /// assert!(!module.text().is_empty());
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn text(&self) -> &[u8] {
        match &self.inner.code {
            ModuleCode::Whole(code) => code.bytes(),
            ModuleCode::Lazy(..) => &[],
        }
    }

    /// The module's own functions as they were compiled, so far, for disassemblers.
    #[doc(hidden)]
    pub fn compiled_functions(&self) -> impl ExactSizeIterator<Item = CompiledFunction<'_>> + '_ {
        let pieces: Vec<&PublishedCode> = match &self.inner.code {
            ModuleCode::Whole(code) => vec![code.published()],
            ModuleCode::Lazy(code, ..) => code.pieces().collect(),
        };
        let functions = pieces.into_iter().flat_map(|code| {
            let functions = code.positions().map_or(0, |positions| positions.functions.len());
            (0..functions).map(move |function| CompiledFunction { module: &self.inner, code, function })
        });
        functions.collect::<Vec<_>>().into_iter()
    }

    /// What an engine's compiler makes of the functions of a module before there is machine code, as text.
    #[doc(hidden)]
    pub fn tapes(engine: &Engine, bytes: &[u8]) -> Result<Vec<FunctionTape>, Error> {
        let (info, bodies) = decode::decode(bytes, engine.features())?;
        compile::tapes(&info, &bodies, engine.options())
    }

    /// The first difference between the tapes that the quick handlers of operators write and those that the general ones write.
    #[doc(hidden)]
    pub fn tape_difference(engine: &Engine, bytes: &[u8]) -> Result<Option<String>, Error> {
        let (info, bodies) = decode::decode(bytes, engine.features())?;
        compile::difference(&info, &bodies, engine.options())
    }

    pub(crate) fn inner(&self) -> &Arc<ModuleInner> {
        &self.inner
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl ModuleCode {
    fn new(
        engine: &Engine,
        info: &ModuleInfo,
        bodies: &Bodies<'_>,
        clock: &mut Clock,
    ) -> Result<(ModuleCode, Signatures), Error> {
        let (options, threads) = (engine.options(), engine.compilation_threads());
        let numbers: Vec<u32> = info.types.iter().map(ConcreteFuncType::number).collect();
        if engine.compiles_lazily() {
            let mut module = LazyModule::new(info, bodies, numbers, options, threads, clock)?;
            let mut stubs = CodeBuffer::with_capacity(0)?;
            let written = ModuleStubs::write(&mut stubs, info, options.max_code_bytes())?;
            module.reserve_code(info, stubs.bytes().len());
            let (stubs, signatures) = written.publish(stubs)?;
            let code = LazyCode::new(module.functions(), &compile::lazy_stubs(module.functions())?)?;
            return Ok((ModuleCode::Lazy(code, Box::new(module), stubs), signatures));
        }
        let compiled = compile::compile_module::<CodeBuffer>(info, bodies, &numbers, options, threads, clock)?;
        let (mut code, positions) = compiled.finish(threads)?;
        let stubs = ModuleStubs::write(&mut code, info, options.max_code_bytes())?;
        let (code, signatures) = stubs.publish_after(code, Contents::Module(positions))?;
        Ok((ModuleCode::Whole(code), signatures))
    }

    /// Where one of the module's own functions is entered; by importers at `importer` if it has no such entry of its own.
    fn entries(&self, own: usize, importer: CodeAddress) -> Entries {
        match self {
            ModuleCode::Whole(code) => {
                Entries { code: code.function(own), importer: code.importer_entry(own).unwrap_or(importer) }
            }
            ModuleCode::Lazy(code, ..) => Entries { code: code.stub(own as u32), importer },
        }
    }
}

impl ModuleInner {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    fn export_type(&self, item: ExportItem) -> ExternType {
        let info = &self.info;
        match item {
            ExportItem::Func(func) => ExternType::Func(info.func_type(func).clone()),
            ExportItem::Tag(tag) => {
                let ty = info.tags[tag.index()];
                ExternType::Tag(TagType::new(info.types[ty.index()].func_type().clone()))
            }
            ExportItem::Table(table) => ExternType::Table(info.tables[table.index()].clone()),
            ExportItem::Memory(memory) => ExternType::Memory(info.memories[memory.index()]),
            ExportItem::Global(global) => ExternType::Global(info.globals[global.index()].clone()),
        }
    }

    /// The address by which backtraces know the module; none if it has no functions of its own.
    pub(crate) fn start(&self) -> Option<CodeAddress> {
        match &self.code {
            ModuleCode::Whole(code) => (!code.bytes().is_empty()).then(|| code.address(0)),
            ModuleCode::Lazy(code, ..) => Some(code.start()),
        }
    }

    /// A frame in one of the module's own functions.
    pub(crate) fn frame(&self, function: u32, wasm_offset: u32) -> FrameInfo {
        let func = FuncIndex(self.info.imported_functions + function);
        FrameInfo {
            func_index: func.0,
            func_name: self.info.function_names.get(func).or_else(|| self.info.export_name(func)).map(Into::into),
            module_name: self.info.module_name.clone(),
            module_offset: Some(wasm_offset as usize),
        }
    }
}

impl InstanceModule for ModuleInner {
    fn info(&self) -> &ModuleInfo {
        &self.info
    }

    fn export(&self, name: &str) -> Option<ExportItem> {
        self.exports.find(&self.info.exports, name).map(|export| export.item)
    }

    fn images(&self) -> &MemoryImages {
        &self.images
    }

    fn records(&self) -> Result<&Records, Refused> {
        if let Some(records) = self.records.get() {
            return Ok(records);
        }
        let signals = self.engine.options().signals;
        let entries = |own| self.code.entries(own, self.engine.importer_entry());
        let records = Records::new(&self.info, entries, &self.signatures, signals)?;
        Ok(self.records.get_or_init(|| records))
    }

    fn compile(&self, own: u32) -> Result<CodeAddress, HostError> {
        let ModuleCode::Lazy(code, module, _) = &self.code else { unreachable!("all functions are compiled") };
        if let Some(address) = code.compiled(own) {
            return Ok(address);
        }
        let function = module.compile(&self.info, own)?;
        Ok(code.publish(own, function.code.bytes(), &function.calls, function.positions)?)
    }
}

/// One function of a module as it was compiled.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct CompiledFunction<'a> {
    module: &'a ModuleInner,
    code: &'a PublishedCode,
    /// Among those of the code.
    function: usize,
}

impl<'a> CompiledFunction<'a> {
    /// The function's index in its module, imports included.
    pub fn index(&self) -> u32 {
        self.module.info.imported_functions + self.code.module().1 + self.function as u32
    }

    /// The function's name in the custom section `name`.
    pub fn name(&self) -> Option<&'a str> {
        self.module.info.function_names.get(FuncIndex(self.index()))
    }

    /// The name by which it is exported, the first if it has several.
    pub fn export_name(&self) -> Option<&'a str> {
        self.module.info.export_name(FuncIndex(self.index()))
    }

    /// Where its code begins, from the start of the module's.
    pub fn code_offset(&self) -> u32 {
        self.code.offset() + self.positions().functions[self.function].code_offset
    }

    /// Its machine code (the last function's includes the module's constants and jump tables).
    pub fn code(&self) -> &'a [u8] {
        let (start, end) =
            (self.positions().functions[self.function].code_offset, self.positions().end_of(self.function));
        &self.code.bytes()[start as usize..end as usize]
    }

    /// Its body's first byte in the module file.
    pub fn wasm_offset(&self) -> u32 {
        self.positions().functions[self.function].wasm_offset
    }

    /// Instructions that can trap, and return addresses: offset in [`CompiledFunction::code`], offset in the module file.
    pub fn sites(&self) -> impl Iterator<Item = (u32, u32)> + 'a {
        let start = self.positions().functions[self.function].code_offset;
        self.positions().sites_of(self.function).map(move |site| (site.code_offset - start, site.wasm_offset))
    }

    fn positions(&self) -> &'a crate::abi::positions::Positions {
        self.code.positions().expect("a module's code has positions")
    }
}

/// Text begins, after blanks, with a list or a comment; everything else is left to the decoder to refuse. An error in text names
/// the file, if it comes from one.
#[cfg(feature = "wat")]
fn binary<'a>(bytes: &'a [u8], file: Option<&Path>) -> Result<Cow<'a, [u8]>, Error> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'(' | b';') => wat::parse_bytes(bytes).map_err(|mut error| {
            error.set_path(file.unwrap_or(Path::new("<text>")));
            Error::msg(error.to_string())
        }),
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

#[cfg(not(feature = "wat"))]
fn binary<'a>(bytes: &'a [u8], _file: Option<&Path>) -> Result<Cow<'a, [u8]>, Error> {
    Ok(Cow::Borrowed(bytes))
}
