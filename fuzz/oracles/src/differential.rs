//! Modules do the same in every engine, and in every configuration of ours: alone, and linked to each other.

mod binary;
pub mod driver;
pub mod engine;
pub mod generate;
pub mod linked;
mod planish;
pub mod script;
mod trees;
mod wasmi;

pub use self::planish::Planish;
pub use self::wasmi::Wasmi;
use ::planish::{Config, CpuLevel, Module, WasmFeature};
use engine::Engine;
use script::Event;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::LazyLock;

/// Our configurations, the default one first.
pub static OURS: LazyLock<Vec<Planish>> = LazyLock::new(|| {
    let ours = |name, configure: fn(&mut Config)| Planish::new(name, configure);
    vec![
        ours("planish", |_| {}),
        ours("planish, checked", |config| _ = config.guard_memory(false)),
        ours("planish, baseline", |config| _ = config.cpu_level(CpuLevel::Baseline)),
        ours("planish, v2, checked", |config| _ = config.cpu_level(CpuLevel::V2).guard_memory(false)),
        ours("planish, v3", |config| _ = config.cpu_level(CpuLevel::V3)),
        ours("planish, no signals", |config| _ = config.signals_based_traps(false)),
        ours("planish, lazy", |config| _ = config.lazy_compilation(true)),
        ours("planish, few registers", |config| _ = config.few_registers(true)),
        ours("planish, few registers, checked", |config| _ = config.few_registers(true).guard_memory(false)),
    ]
});

/// Those for relaxed operators, whose results depend on the processor otherwise. The first one is for modules of
/// `trees`, too; wasm-smith does not make the NaNs of conversions canonical.
pub static DETERMINISTIC: LazyLock<Vec<Planish>> = LazyLock::new(|| {
    let ours = |name, configure: fn(&mut Config)| Planish::new(name, |config| configure(config.deterministic(true)));
    vec![
        ours("planish, deterministic", |_| {}),
        ours("planish, deterministic, baseline", |config| _ = config.cpu_level(CpuLevel::Baseline)),
        ours("planish, deterministic, v2, checked", |config| _ = config.cpu_level(CpuLevel::V2).guard_memory(false)),
        ours("planish, deterministic, v3", |config| _ = config.cpu_level(CpuLevel::V3)),
        ours("planish, deterministic, no signals", |config| _ = config.signals_based_traps(false)),
        ours("planish, deterministic, few registers", |config| _ = config.few_registers(true)),
    ]
});

/// What became of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compared {
    /// So many engines agree.
    Agree(usize),
    /// The bytes give no module, or ours takes it for too large.
    Nothing,
}

/// The module that `bytes` choose does the same everywhere: in ours, in wasmi and in `others`.
///
/// # Panics
///
/// If it does not, or planish refuses it.
pub fn compare(bytes: &[u8], others: &[&dyn Engine]) -> Compared {
    let Some(module) = generate::module(bytes) else { return Compared::Nothing };
    match difference(&module, seed(bytes), others) {
        Ok(compared) => compared,
        Err(difference) => panic!("{difference}"),
    }
}

/// What a script's choices begin with.
pub fn seed(bytes: &[u8]) -> u64 {
    script::hash_bytes(bytes)
}

/// Plays a module everywhere; `Err`: where two engines differ. One with relaxed operators is not for wasmi, which has no
/// deterministic mode.
pub fn difference(module: &[u8], seed: u64, others: &[&dyn Engine]) -> Result<Compared, String> {
    let relaxed = is_relaxed(module);
    let (default, ours) = (if relaxed { &DETERMINISTIC } else { &OURS }).split_first().expect("the default one");
    let first = match default.play(module, seed) {
        Err(message) if planish::may_refuse(&message) => return Ok(Compared::Nothing),
        played => played.map_err(|message| format!("planish refuses a valid module: {message}"))?,
    };
    if let Some(difference) = default.tape_difference(module) {
        return Err(difference);
    }
    let mut agree = 1;
    let deterministic = (!relaxed && !generate::is_smith(module)).then_some(&DETERMINISTIC[0]);
    let ours = ours.iter().chain(deterministic).map(|engine| (engine as &dyn Engine, true));
    let wasmi = (!relaxed).then_some((&Wasmi as &dyn Engine, false));
    let others = others.iter().map(|&engine| (engine, false));
    for (engine, must) in ours.chain(wasmi).chain(others) {
        // What ails another engine is not for us to find.
        let played = catch_unwind(AssertUnwindSafe(|| engine.play(module, seed)));
        let played = played.unwrap_or_else(|panic| if must { resume_unwind(panic) } else { Err("panics".to_owned()) });
        match played {
            Ok(events) => differ(&first, &events).map_or(Ok(()), |what| Err(format!("{}: {what}", engine.name())))?,
            Err(message) if must => return Err(format!("{} refuses: {message}", engine.name())),
            Err(_) => continue,
        }
        agree += 1;
    }
    Ok(Compared::Agree(agree))
}

/// Has a module relaxed operators? Then engines must make the deterministic choices, and their NaNs canonical.
pub fn is_relaxed(module: &[u8]) -> bool {
    linked::split(module).into_iter().any(|module| {
        Module::required_features(module).is_ok_and(|features| features.contains(&WasmFeature::RelaxedSimd))
    })
}

/// The first difference. Behind the end of a stack everything may differ.
fn differ(ours: &[Event], theirs: &[Event]) -> Option<String> {
    for place in 0..ours.len().max(theirs.len()) {
        let (ours, theirs) = (ours.get(place), theirs.get(place));
        if ours.is_some_and(Event::is_overflow) || theirs.is_some_and(Event::is_overflow) {
            return None;
        }
        if ours != theirs {
            return Some(format!("event {place}: planish has\n  {ours:x?}, this\n  {theirs:x?}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::for_a_second;
    use std::cell::Cell;

    #[test]
    fn a_second_of_generated_modules() {
        let (runs, agreed) = (Cell::new(0), Cell::new(0));
        for_a_second(3000, |bytes| {
            runs.set(runs.get() + 1);
            match compare(bytes, &[]) {
                Compared::Agree(engines) => agreed.set(agreed.get() + engines.saturating_sub(OURS.len() + 1)),
                Compared::Nothing => {}
            }
        });
        // How many modules a second is enough for depends on the machine, what part of them wasmi takes does not.
        let (runs, agreed) = (runs.get(), agreed.get());
        assert!(agreed * 10 > runs, "wasmi took {agreed} of {runs} modules");
    }

    #[test]
    fn linked_modules_reach_each_other() {
        let (mut state, mut instantiated) = (0x9e37_79b9_7f4a_7c15, 0);
        for _ in 0..20 {
            // The first byte chooses linked modules.
            let bytes: Vec<u8> =
                std::iter::once(0).chain((1..2000).map(|_| crate::bytes::random(&mut state) as u8)).collect();
            let modules = generate::module(&bytes).expect("always modules");
            assert!(linked::split(&modules).len() > 1);
            let imports = |module: &[u8]| {
                OURS[0].compile(module).expect("valid").imports().any(|import| import.module() == linked::PREVIOUS)
            };
            assert!(linked::split(&modules)[1..].iter().all(|module| imports(module)));
            let events = OURS[0].play(&modules, 1).expect("valid modules");
            instantiated += usize::from(!events.iter().any(|event| matches!(event, Event::Stopped(_))));
        }
        assert!(instantiated > 10, "{instantiated} of 20");
    }
}
