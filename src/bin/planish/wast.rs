//! Runs specification scripts (`.wast`): modules, actions on them, and assertions about what happens.
//!
//! The command and the test `spec` share this file.

#[path = "folded_try.rs"]
mod folded_try;

use planish::{
    Engine, ExternRef, Func, Global, GlobalType, Instance, Linker, Memory, MemoryType, Module, Mutability, Ref,
    RefType, SharedMemory, Store, Table, TableType, ThrownException, Trap, Val, ValType,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::thread;
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::{Id, Index};
use wast::{QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

/// What came of a script.
#[derive(Debug, Default)]
pub struct Report {
    /// Assertions that held.
    pub passed: usize,
    /// Assertions that did not, and modules and actions that failed without being expected to.
    pub failures: Vec<Failure>,
    /// Directives that were not run, by kind.
    pub skipped: BTreeMap<&'static str, usize>,
}

/// One directive that went wrong.
#[derive(Debug)]
pub struct Failure {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

/// Runs all directives of a script, whatever fails.
///
/// # Errors
///
/// If the text is no script.
pub fn run(engine: &Engine, text: &str) -> Result<Report, wast::Error> {
    let text = &folded_try::unfold(&lexer(text))?;
    let buffer = ParseBuffer::new_with_lexer(lexer(text))?;
    let directives = parser::parse::<Wast<'_>>(&buffer)?.directives;
    let mut script = Script::new(engine).map_err(|error| wast::Error::new(wast::token::Span::from_offset(0), error))?;
    let mut report = Report::default();
    thread::scope(|scope| {
        let mut threads = HashMap::new();
        for directive in directives {
            match directive {
                WastDirective::Thread(thread) => {
                    let shared = script.shared_memories(thread.shared_module);
                    let run = move || run_thread(engine, text, thread.directives, shared);
                    match std::thread::Builder::new().spawn_scoped(scope, run) {
                        Ok(started) => _ = threads.insert(thread.name.name().to_owned(), started),
                        Err(error) => report.fail(line(thread.span, text), format!("no thread: {error}")),
                    }
                }
                WastDirective::Wait { span, thread } => match threads.remove(thread.name()).map(|thread| thread.join())
                {
                    Some(Ok(other)) => report.add(other),
                    _ => report.fail(line(span, text), format!("no thread ${} came to its end", thread.name())),
                },
                directive => script.report(directive, text, &mut report),
            }
        }
    });
    Ok(report)
}

fn lexer(text: &str) -> Lexer<'_> {
    let mut lexer = Lexer::new(text);
    // Parts of the suite are about such names.
    lexer.allow_confusing_unicode(true);
    lexer
}

/// One thread of a script: in a store of its own, with the memories that are shared.
fn run_thread(engine: &Engine, text: &str, directives: Vec<WastDirective<'_>>, shared: Option<Shared>) -> Report {
    let mut report = Report::default();
    match Script::new(engine) {
        Ok(mut script) => {
            script.shared = shared;
            directives.into_iter().for_each(|directive| script.report(directive, text, &mut report));
        }
        Err(message) => report.fail(0, message),
    }
    report
}

fn line(span: wast::token::Span, text: &str) -> usize {
    span.linecol_in(text).0 + 1
}

/// The instance's name in the script, and its memories.
type Shared = (String, Vec<(String, SharedMemory)>);

impl Report {
    fn fail(&mut self, line: usize, message: String) {
        self.failures.push(Failure { line, message });
    }

    fn add(&mut self, other: Report) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
        other.skipped.into_iter().for_each(|(kind, count)| *self.skipped.entry(kind).or_default() += count);
    }
}

enum Outcome {
    /// An assertion, and it is true.
    Held,
    /// Not an assertion.
    Done,
    Skipped(&'static str),
}

/// Why a directive failed: in words.
type Result<T, E = String> = std::result::Result<T, E>;

struct Script<'a> {
    engine: &'a Engine,
    store: Store<()>,
    linker: Linker<()>,
    /// What actions without a name act on.
    current: Option<Instance>,
    instances: HashMap<String, Instance>,
    definitions: HashMap<String, Module>,
    definition: Option<Module>,
    /// What the script shares with this thread of it.
    shared: Option<Shared>,
}

fn words(error: impl Display) -> String {
    error.to_string()
}

impl<'a> Script<'a> {
    fn new(engine: &'a Engine) -> Result<Script<'a>> {
        let mut store = Store::try_new(engine, ()).map_err(words)?;
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        define_spectest(&mut linker, &mut store).map_err(words)?;
        Ok(Script {
            engine,
            store,
            linker,
            current: None,
            instances: HashMap::new(),
            definitions: HashMap::new(),
            definition: None,
            shared: None,
        })
    }

    fn report(&mut self, directive: WastDirective<'_>, text: &str, report: &mut Report) {
        let line = line(directive.span(), text);
        match self.directive(directive) {
            Ok(Outcome::Held) => report.passed += 1,
            Ok(Outcome::Done) => {}
            Ok(Outcome::Skipped(kind)) => *report.skipped.entry(kind).or_default() += 1,
            Err(message) => report.fail(line, message),
        }
    }

    /// The memories of an instance that threads may share.
    fn shared_memories(&mut self, name: Option<Id<'_>>) -> Option<Shared> {
        let name = name?.name().to_owned();
        let instance = *self.instances.get(&name)?;
        let exports = instance.exports(&mut self.store);
        let memories = exports.filter_map(|export| {
            let name = export.name().to_owned();
            Some((name, export.into_shared_memory()?))
        });
        Some((name, memories.collect()))
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Result<Outcome> {
        use WastDirective as D;
        match directive {
            D::Module(module) => self.define(module, Use::Instantiate),
            D::ModuleDefinition(module) => self.define(module, Use::Keep),
            D::ModuleInstance { instance, module, .. } => self.instantiate_definition(instance, module),
            D::Register { name, module, .. } => self.register(name, module),
            D::Invoke(invoke) => self.invoke(&invoke)?.map_err(words).map(|_| Outcome::Done),
            D::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            D::AssertTrap { exec, message, .. } => {
                let outcome = self.execute(exec)?;
                expect_trap(outcome, message)
            }
            D::AssertExhaustion { call, .. } => match self.invoke(&call)? {
                Err(error) if error.trap() == Some(Trap::StackOverflow) => Ok(Outcome::Held),
                other => Err(format!("expected exhaustion, got {}", shown(&other))),
            },
            D::AssertInvalid { mut module, message, .. } => {
                let bytes = module.encode().map_err(words)?;
                self.expect_refusal(&bytes, message)
            }
            D::AssertMalformed { mut module, message, .. } => match module.encode() {
                Err(_) => Ok(Outcome::Held),
                Ok(bytes) => self.expect_refusal(&bytes, message),
            },
            D::AssertUnlinkable { module, message, .. } => self.assert_unlinkable(module, message),
            D::AssertInvalidCustom { .. } => Ok(Outcome::Skipped("assert_invalid_custom")),
            D::AssertMalformedCustom { .. } => Ok(Outcome::Skipped("assert_malformed_custom")),
            D::AssertException { exec, .. } => expect_exception(&self.execute(exec)?),
            D::AssertSuspension { .. } => Ok(Outcome::Skipped("assert_suspension")),
            D::Thread(_) | D::Wait { .. } => Err("a thread in a thread".into()),
        }
    }

    fn define(&mut self, mut module: QuoteWat<'_>, then: Use) -> Result<Outcome> {
        if matches!(module, QuoteWat::QuoteComponent(..) | QuoteWat::Wat(Wat::Component(_))) {
            return Ok(Outcome::Skipped("component"));
        }
        self.current = None;
        let name = module.name().map(|id| id.name().to_owned());
        let bytes = module.encode().map_err(words)?;
        let module = Module::from_binary(self.engine, &bytes).map_err(words)?;
        match then {
            Use::Instantiate => {
                let instance = self.linker.instantiate(&mut self.store, &module).map_err(words)?;
                self.current = Some(instance);
                if let Some(name) = name {
                    // Other engines' scripts import from a module by its name.
                    self.linker.instance(&mut self.store, &name, instance).map_err(words)?;
                    self.instances.insert(name, instance);
                }
            }
            Use::Keep => {
                self.definition = Some(module.clone());
                self.definitions.extend(name.map(|name| (name, module)));
            }
        }
        Ok(Outcome::Done)
    }

    fn instantiate_definition(&mut self, instance: Option<Id<'_>>, module: Option<Id<'_>>) -> Result<Outcome> {
        let module = match module {
            Some(id) => self.definitions.get(id.name()),
            None => self.definition.as_ref(),
        };
        let module = module.ok_or("no such module definition")?;
        let made = self.linker.instantiate(&mut self.store, module).map_err(words)?;
        self.current = Some(made);
        self.instances.extend(instance.map(|id| (id.name().to_owned(), made)));
        Ok(Outcome::Done)
    }

    fn instance(&self, name: Option<Id<'_>>) -> Result<Instance> {
        match name {
            Some(id) => self.instances.get(id.name()).copied().ok_or_else(|| format!("no instance ${}", id.name())),
            None => self.current.ok_or_else(|| "the module before this failed".to_owned()),
        }
    }

    fn register(&mut self, name: &str, module: Option<Id<'_>>) -> Result<Outcome> {
        if let Some((shared, memories)) = &self.shared
            && module.is_some_and(|id| id.name() == shared)
        {
            for (export, memory) in memories {
                self.linker.define(&mut self.store, name, export, memory.clone()).map_err(words)?;
            }
            return Ok(Outcome::Done);
        }
        let instance = self.instance(module)?;
        self.linker.instance(&mut self.store, name, instance).map_err(words)?;
        Ok(Outcome::Done)
    }

    /// Runs an action. The outer error is the script's: nothing could be run.
    fn execute(&mut self, what: WastExecute<'_>) -> Result<planish::Result<Vec<Val>>> {
        match what {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                let global = instance.get_global(&mut self.store, global).ok_or("no such global")?;
                Ok(Ok(vec![global.get(&mut self.store)]))
            }
            WastExecute::Wat(mut wat) => {
                let bytes = wat.encode().map_err(words)?;
                let module = Module::from_binary(self.engine, &bytes).map_err(words)?;
                Ok(self.linker.instantiate(&mut self.store, &module).map(|_| Vec::new()))
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<planish::Result<Vec<Val>>> {
        let instance = self.instance(invoke.module)?;
        let func = instance
            .get_func(&mut self.store, invoke.name)
            .ok_or_else(|| format!("no exported function {:?}", invoke.name))?;
        let args = invoke.args.iter().map(|arg| self.argument(arg)).collect::<Result<Vec<Val>>>()?;
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        Ok(func.call(&mut self.store, &args, &mut results).map(|()| results))
    }

    fn argument(&mut self, arg: &WastArg<'_>) -> Result<Val> {
        let WastArg::Core(arg) = arg else { return Err("a component's value".into()) };
        Ok(match arg {
            WastArgCore::I32(value) => Val::I32(*value),
            WastArgCore::I64(value) => Val::I64(*value),
            WastArgCore::F32(value) => Val::F32(value.bits),
            WastArgCore::F64(value) => Val::F64(value.bits),
            WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes()).into()),
            WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Func, .. }) => Val::FuncRef(None),
            WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Extern, .. }) => Val::ExternRef(None),
            WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Exn, .. }) => Val::ExnRef(None),
            WastArgCore::RefNull(HeapType::Concrete(_)) => Val::FuncRef(None),
            WastArgCore::RefExtern(value) => Val::ExternRef(Some(ExternRef::new(&mut self.store, *value))),
            other => return Err(format!("no such argument yet: {other:?}")),
        })
    }

    fn assert_return(&mut self, what: WastExecute<'_>, expected: &[WastRet<'_>]) -> Result<Outcome> {
        let acts_on = match &what {
            WastExecute::Invoke(WastInvoke { module, .. }) | WastExecute::Get { module, .. } => {
                self.instance(*module).ok()
            }
            WastExecute::Wat(_) => None,
        };
        let results = self.execute(what)?.map_err(|error| format!("failed: {error}"))?;
        let fits = results.len() == expected.len()
            && results.iter().zip(expected).all(|(result, expected)| match expected {
                WastRet::Core(expected) => self.matches(result, expected, acts_on),
                _ => false,
            });
        if fits { Ok(Outcome::Held) } else { Err(format!("got {results:x?}, expected {expected:x?}")) }
    }

    /// Whether a result is what is expected. A function's index or name is one of the instance that was acted on.
    fn matches(&self, result: &Val, expected: &WastRetCore<'_>, acts_on: Option<Instance>) -> bool {
        match (expected, result) {
            (WastRetCore::I32(expected), Val::I32(result)) => expected == result,
            (WastRetCore::I64(expected), Val::I64(result)) => expected == result,
            (WastRetCore::F32(expected), Val::F32(result)) => f32_matches(*result, expected),
            (WastRetCore::F64(expected), Val::F64(result)) => f64_matches(*result, expected),
            (WastRetCore::V128(expected), Val::V128(result)) => v128_matches(result.as_u128(), expected),
            (WastRetCore::RefNull(None), Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None)) => true,
            (WastRetCore::RefNull(Some(HeapType::Abstract { ty, .. })), result) => match result {
                Val::FuncRef(None) => matches!(ty, AbstractHeapType::Func | AbstractHeapType::NoFunc),
                Val::ExternRef(None) => matches!(ty, AbstractHeapType::Extern | AbstractHeapType::NoExtern),
                Val::ExnRef(None) => matches!(ty, AbstractHeapType::Exn | AbstractHeapType::NoExn),
                _ => false,
            },
            (WastRetCore::RefNull(Some(HeapType::Concrete(_))), Val::FuncRef(None)) => true,
            (WastRetCore::RefFunc(None), Val::FuncRef(Some(_))) => true,
            (WastRetCore::RefFunc(Some(expected)), Val::FuncRef(Some(result))) => {
                let wanted = |index, name: Option<&str>| match expected {
                    Index::Num(number, _) => index == *number,
                    Index::Id(id) => name == Some(id.name()),
                };
                acts_on.and_then(|instance| instance.find_func(&self.store, wanted)).as_ref() == Some(result)
            }
            (WastRetCore::RefExtern(None), Val::ExternRef(Some(_))) => true,
            (WastRetCore::RefExtern(Some(expected)), Val::ExternRef(Some(result))) => {
                result.data(&self.store).is_ok_and(|value| value.downcast_ref::<u32>() == Some(expected))
            }
            (WastRetCore::Either(choices), result) => {
                choices.iter().any(|choice| self.matches(result, choice, acts_on))
            }
            _ => false,
        }
    }

    fn expect_refusal(&self, bytes: &[u8], message: &str) -> Result<Outcome> {
        match Module::from_binary(self.engine, bytes) {
            Err(_) => Ok(Outcome::Held),
            Ok(_) => Err(format!("accepted a module, expected {message:?}")),
        }
    }

    fn assert_unlinkable(&mut self, mut module: Wat<'_>, message: &str) -> Result<Outcome> {
        let bytes = module.encode().map_err(words)?;
        let module = Module::from_binary(self.engine, &bytes).map_err(words)?;
        match self.linker.instantiate(&mut self.store, &module) {
            // A trap of a segment is a failure to link to other engines.
            Err(error) if error.trap().is_none() || error.to_string() == message => Ok(Outcome::Held),
            Err(error) => Err(format!("trapped with {error}, expected {message:?}")),
            Ok(_) => Err(format!("linked, expected {message:?}")),
        }
    }
}

/// What becomes of a module.
enum Use {
    Instantiate,
    Keep,
}

fn expect_exception(outcome: &planish::Result<Vec<Val>>) -> Result<Outcome> {
    match outcome {
        Err(error) if error.is::<ThrownException>() => Ok(Outcome::Held),
        other => Err(format!("expected an exception, got {}", shown(other))),
    }
}

/// What other engines' scripts call a trap that the suite calls otherwise.
const OTHER_WORDS: &[(&str, &str)] = &[("expected shared memory", "atomic wait on non-shared memory")];

/// The suite's message may say more than ours (the index of an element, what kind of reference is null) or less.
fn expect_trap(outcome: planish::Result<Vec<Val>>, message: &str) -> Result<Outcome> {
    match &outcome {
        Err(error) if error.trap().is_some() => {
            let said = error.to_string();
            let in_other_words = OTHER_WORDS.contains(&(said.as_str(), message));
            if in_other_words || said.contains(message) || said.split(' ').all(|word| message.contains(word)) {
                Ok(Outcome::Held)
            } else {
                Err(format!("trapped with {said:?}, expected {message:?}"))
            }
        }
        other => Err(format!("expected trap {message:?}, got {}", shown(other))),
    }
}

fn shown(outcome: &planish::Result<Vec<Val>>) -> String {
    match outcome {
        Ok(values) => format!("{values:x?}"),
        Err(error) => format!("error {error}"),
    }
}

/// Any sign; of the payload only the highest bit is set (canonical), or at least it (arithmetic): specification 4.3.3.
fn f32_matches(bits: u32, expected: &NanPattern<wast::token::F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(value) => bits == value.bits,
    }
}

fn f64_matches(bits: u64, expected: &NanPattern<wast::token::F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(value) => bits == value.bits,
    }
}

/// Lane by lane.
fn v128_matches(bits: u128, expected: &V128Pattern) -> bool {
    match expected {
        V128Pattern::I8x16(lanes) => lanes.iter().enumerate().all(|(at, lane)| (bits >> (8 * at)) as i8 == *lane),
        V128Pattern::I16x8(lanes) => lanes.iter().enumerate().all(|(at, lane)| (bits >> (16 * at)) as i16 == *lane),
        V128Pattern::I32x4(lanes) => lanes.iter().enumerate().all(|(at, lane)| (bits >> (32 * at)) as i32 == *lane),
        V128Pattern::I64x2(lanes) => lanes.iter().enumerate().all(|(at, lane)| (bits >> (64 * at)) as i64 == *lane),
        V128Pattern::F32x4(lanes) => {
            lanes.iter().enumerate().all(|(at, lane)| f32_matches((bits >> (32 * at)) as u32, lane))
        }
        V128Pattern::F64x2(lanes) => {
            lanes.iter().enumerate().all(|(at, lane)| f64_matches((bits >> (64 * at)) as u64, lane))
        }
    }
}

/// The module that scripts import from without defining it (specification, `interpreter/README.md`).
fn define_spectest(linker: &mut Linker<()>, store: &mut Store<()>) -> planish::Result<()> {
    linker.func_wrap("spectest", "print", || {})?;
    linker.func_wrap("spectest", "print_i32", |_: i32| {})?;
    linker.func_wrap("spectest", "print_i64", |_: i64| {})?;
    linker.func_wrap("spectest", "print_f32", |_: f32| {})?;
    linker.func_wrap("spectest", "print_f64", |_: f64| {})?;
    linker.func_wrap("spectest", "print_i32_f32", |_: i32, _: f32| {})?;
    linker.func_wrap("spectest", "print_f64_f64", |_: f64, _: f64| {})?;
    let globals = [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::F32(666.6_f32.to_bits())),
        ("global_f64", ValType::F64, Val::F64(666.6_f64.to_bits())),
    ];
    for (name, ty, value) in globals {
        let global = Global::new(&mut *store, GlobalType::new(ty, Mutability::Const), value)?;
        linker.define(&mut *store, "spectest", name, global)?;
    }
    let table = Table::new(&mut *store, TableType::new(RefType::FUNCREF, 10, Some(20)), Ref::Func(None::<Func>))?;
    linker.define(&mut *store, "spectest", "table", table)?;
    let table = Table::new(&mut *store, TableType::new64(RefType::FUNCREF, 10, Some(20)), Ref::Func(None::<Func>))?;
    linker.define(&mut *store, "spectest", "table64", table)?;
    let memory = Memory::new(&mut *store, MemoryType::new(1, Some(2)))?;
    linker.define(&mut *store, "spectest", "memory", memory)?;
    let memory = SharedMemory::new(store.engine(), MemoryType::shared(1, 2))?;
    linker.define(&mut *store, "spectest", "shared_memory", memory)?;
    Ok(())
}
