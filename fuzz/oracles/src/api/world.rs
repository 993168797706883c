//! What is shared by all stores of a run: the choices to come, and the handles that there are, with what is known of them.

use crate::bytes::Choices;
use planish::{
    Config, Engine, ExnRef, Extern, ExternRef, Func, Instance, Linker, Store, Tag, ThrownException, TypedFunc, Val,
    WasmFeature,
};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError};

/// Engines that share nothing; most runs stay with the first.
pub(super) static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let engine = |configure: fn(&mut Config)| {
        let mut config = Config::new();
        config.max_memory_size(1 << 20).max_table_elements(1000).max_wasm_stack(256 << 10);
        config.wasm_feature(WasmFeature::Threads, true);
        configure(&mut config);
        Engine::new(&config).expect("a possible configuration")
    };
    vec![
        engine(|_| {}),
        engine(|config| _ = config.lazy_compilation(true)),
        engine(|config| _ = config.signals_based_traps(false)),
        engine(|config| _ = config.guard_memory(false).lazy_compilation(true)),
    ]
});

/// Something of a store. What is known of it must always hold.
#[derive(Clone)]
pub(super) enum Handle {
    Item(Extern),
    Instance(Instance),
    Typed(TypedFunc<i32, i32>),
    /// Its tag, and its fields as text.
    Exception(ExnRef, Tag, String),
    /// The number that it is.
    Object(ExternRef, u64),
    Thrown(ThrownException),
}

/// All of one run.
const MAX_HANDLES: usize = 2000;

/// The number of a store, unlike any other's in its run, as its handles are told apart; memories that are shared have none.
pub(super) type Owner = Option<u64>;

/// The choices to come: when they are used up, everything ends.
pub(super) struct Dice {
    bytes: Vec<u8>,
    used: usize,
}

impl Dice {
    pub(super) fn new(bytes: &[u8]) -> Dice {
        Dice { bytes: bytes.to_vec(), used: 0 }
    }

    fn below(&mut self, count: usize) -> usize {
        let rest = self.bytes.get(self.used..).unwrap_or_default();
        self.used += if count > 256 { 2 } else { 1 };
        Choices::new(rest).below(count.max(1))
    }
}

/// What all stores of a run share.
#[derive(Clone)]
pub(super) struct World(Arc<Mutex<Inner>>);

struct Inner {
    dice: Dice,
    handles: Vec<(Owner, Handle)>,
    linkers: Vec<Arc<Mutex<Linker<Data>>>>,
}

/// The embedder's data.
pub(super) struct Data {
    pub(super) world: World,
    /// The store's number.
    pub(super) number: u64,
    /// Host functions that are running.
    pub(super) depth: u32,
}

impl World {
    pub(super) fn new(dice: Dice) -> World {
        World(Arc::new(Mutex::new(Inner { dice, handles: Vec::new(), linkers: Vec::new() })))
    }

    /// A world with the same handles, and a part of the choices.
    pub(super) fn split(&self) -> World {
        let mut inner = self.inner();
        let length = inner.dice.below(200);
        let part: Vec<u8> = (0..length).map(|_| inner.dice.below(256) as u8).collect();
        let handles = inner.handles.clone();
        World(Arc::new(Mutex::new(Inner { dice: Dice::new(&part), handles, linkers: Vec::new() })))
    }

    pub(super) fn is_over(&self) -> bool {
        let inner = self.inner();
        inner.dice.used >= inner.dice.bytes.len()
    }

    pub(super) fn below(&self, count: usize) -> usize {
        self.inner().dice.below(count)
    }

    /// A new store of some engine.
    pub(super) fn store(&self) -> Store<Data> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        // Half of the time the default engine, so that stores have much in common.
        let engine = self.below(2 * ENGINES.len()).saturating_sub(ENGINES.len());
        let data = Data { world: self.clone(), number: NUMBERS.fetch_add(1, Relaxed), depth: 0 };
        Store::new(&ENGINES[engine], data)
    }

    /// Remembers a handle, unless there are many.
    pub(super) fn add(&self, owner: Owner, handle: Handle) {
        let handles = &mut self.inner().handles;
        if handles.len() < MAX_HANDLES {
            handles.push((owner, handle));
        }
    }

    /// Some handle for which `pick` has something, seldom one of another store than `owner`.
    pub(super) fn some<T>(&self, owner: u64, pick: impl Fn(&Handle) -> Option<T>) -> Option<(Owner, T)> {
        let mut inner = self.inner();
        let anyones = inner.dice.below(16) == 1;
        let is_near = |whose: Owner| anyones || whose.is_none_or(|whose| whose == owner);
        let near = inner.handles.iter().filter(|(whose, _)| is_near(*whose));
        let mut fit: Vec<(Owner, T)> = near.filter_map(|(whose, handle)| Some((*whose, pick(handle)?))).collect();
        if fit.is_empty() {
            return None;
        }
        let place = inner.dice.below(fit.len());
        Some(fit.swap_remove(place))
    }

    /// All of a store's.
    pub(super) fn all_of(&self, owner: u64) -> Vec<Handle> {
        let inner = self.inner();
        inner.handles.iter().filter(|(whose, _)| *whose == Some(owner)).map(|(_, handle)| handle.clone()).collect()
    }

    /// One of a few linkers.
    pub(super) fn linker(&self) -> Arc<Mutex<Linker<Data>>> {
        let mut inner = self.inner();
        let place = inner.dice.below(4);
        while inner.linkers.len() <= place {
            let mut linker = Linker::new(&ENGINES[0]);
            linker.allow_shadowing(inner.linkers.len().is_multiple_of(2));
            inner.linkers.push(Arc::new(Mutex::new(linker)));
        }
        inner.linkers[place].clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn item_func(handle: &Handle) -> Option<Func> {
    match handle {
        Handle::Item(Extern::Func(func)) => Some(*func),
        Handle::Typed(typed) => Some(*typed.func()),
        _ => None,
    }
}

/// A value, and whether some store has it for itself.
pub(super) type Owned = (Owner, Val);

/// Host functions call back at most this deep.
pub(super) const MAX_DEPTH: u32 = 4;

/// What a host function panics with.
pub(super) const HOST_PANIC: &str = "the host panics";
/// What the documentation says of items of other stores.
const ANOTHER_STORE: &str = "used with another store than its own";

/// How often each thing was done with a result, or was refused for a foreign handle, in this process.
static DONE: Mutex<Vec<(&'static str, u64)>> = Mutex::new(Vec::new());

/// How often each thing came out as it should.
#[cfg(test)]
pub(super) fn done() -> Vec<(&'static str, u64)> {
    DONE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Whose handles something is done with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    Own,
    /// Some are another store's: it must fail.
    Foreign,
}

impl Whose {
    pub(super) fn of(store: u64, owners: impl IntoIterator<Item = Owner>) -> Whose {
        match owners.into_iter().flatten().all(|owner| owner == store) {
            true => Whose::Own,
            false => Whose::Foreign,
        }
    }
}

/// Does something, named for messages. A panic is one of a host function, or because of a foreign handle; what is done with a
/// foreign handle fails.
pub(super) fn expect<R>(
    what: &'static str,
    whose: Whose,
    thing: impl FnOnce() -> Result<R, planish::Error>,
) -> Option<R> {
    let result = match catch_unwind(AssertUnwindSafe(thing)) {
        Ok(Ok(_)) if whose == Whose::Foreign => panic!("{what}: a handle of another store was taken"),
        Ok(Ok(result)) => Some(result),
        Ok(Err(_)) => None,
        Err(panic) => {
            let message = message_of(&*panic);
            match whose {
                _ if message == HOST_PANIC => None,
                Whose::Foreign if message.contains(ANOTHER_STORE) => None,
                // The hook has said nothing of it.
                Whose::Own if message.contains(ANOTHER_STORE) => panic!("{what}: its own is not"),
                _ => resume_unwind(panic),
            }
        }
    };
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    let worked = u64::from(result.is_some() == (whose == Whose::Own));
    match done.iter_mut().find(|(known, _)| *known == what) {
        Some((_, times)) => *times += worked,
        None => done.push((what, worked)),
    }
    result
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("")
}

/// Panics that are expected are not worth a message each.
pub(super) fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = message_of(info.payload());
            if message != HOST_PANIC && !message.contains(ANOTHER_STORE) {
                others(info);
            }
        }));
    });
}
