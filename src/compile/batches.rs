//! How threads deal a module's functions out among themselves.

use super::budget::Budget;
use super::compiler::Compiler;
use super::context::ModuleContext;
use super::link::{CompiledModule, Part};
use super::threads::{self, Threads};
use super::timings::Clock;
use crate::abi::code_memory::{CodeMemory, HeapCode};
use crate::decode::{Bodies, Body};
use crate::error::Error;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// A smaller code section is compiled before threads have begun to help: a thread starts in 20 to 50 microseconds
/// (on Zen 5), in which one compiles 5 KB.
pub(super) const WORTH_BYTES: usize = 64 << 10;

/// What a thread takes at once; a larger function is taken alone. It is what threads may differ by in the end.
const BATCH_BYTES: usize = 8 << 10;

/// Compiles all functions.
pub(super) fn compile<M: CodeMemory>(
    module: &ModuleContext<'_>,
    bodies: &Bodies<'_>,
    threads: &Threads,
    clock: &mut Clock,
) -> Result<CompiledModule<M>, Error> {
    if module.info.code_bytes >= WORTH_BYTES
        && threads.several()
        && let Some(parts) = in_batches(module, bodies, threads, clock, BATCH_BYTES)
    {
        clock.add(parts.iter().map(|part| part.clock));
        return Ok(CompiledModule::of_parts(parts));
    }
    // Also where several threads fail: which of them found an error first says nothing of its place in the module.
    let budget = Budget::new(module.limits);
    let mut compiler = Compiler::new(module, &budget, module.info.code_bytes, clock.fresh())?;
    compiler.functions.reserve_exact(bodies.bodies.len());
    compiler.batch(0..bodies.bodies.len(), bodies)?;
    let part = compiler.finish();
    clock.add([part.clock].into_iter());
    Ok(CompiledModule::of_whole(part))
}

/// Compiles all functions, on several threads; none if any fails.
pub(super) fn in_batches(
    module: &ModuleContext<'_>,
    bodies: &Bodies<'_>,
    threads: &Threads,
    clock: &Clock,
    batch_bytes: usize,
) -> Option<Vec<Part<HeapCode>>> {
    let queue = Queue::new(batches(&bodies.bodies, batch_bytes), batch_bytes, threads::processors());
    let (workers, budget, failed) = (AtomicUsize::new(0), Budget::new(module.limits), AtomicBool::new(false));
    let parts = Mutex::new(Vec::new());
    // A little more than each one's share.
    let wasm_bytes = module.info.code_bytes * 5 / 4 / threads::processors();
    threads.run(&|| {
        let worker = workers.fetch_add(1, Relaxed);
        let take = || queue.take(worker).filter(|_| !failed.load(Relaxed));
        let Some(mut batch) = take() else { return };
        // On the heap: this code is copied, and fresh pages would cost more than the copy. (Where memory comes in pieces, as to code
        // that is not copied, one thread gains 3 % on Zen 5, two lose it again by waiting for each other in the system.)
        let Ok(mut compiler) = Compiler::<HeapCode>::new(module, &budget, wasm_bytes, clock.fresh()) else {
            return failed.store(true, Relaxed);
        };
        loop {
            if compiler.batch(batch.clone(), bodies).is_err() {
                failed.store(true, Relaxed);
            }
            match take() {
                Some(next) => batch = next,
                None => break,
            }
        }
        parts.lock().unwrap_or_else(PoisonError::into_inner).push(compiler.finish());
    });
    let parts: Vec<Part<HeapCode>> = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let complete = || parts.iter().map(|part| part.functions.len()).sum::<usize>() == bodies.bodies.len();
    // Incomplete without a failure: a thread panicked, and whoever supplied it kept that for himself.
    (!failed.into_inner() && complete()).then_some(parts)
}

/// The batches that threads take. Large ones come first, so that no thread ends with a long one; of the rest each thread has
/// a run of its own, since functions that lie side by side resemble each other, and when that is done it helps others.
struct Queue {
    large: Vec<Range<usize>>,
    next_large: AtomicUsize,
    rest: Vec<Range<usize>>,
    /// What is left of each thread's run of `rest`.
    runs: Vec<Run>,
}

/// A run of numbers that is taken from both ends: the first and the one behind the last, thirty-two bits each.
struct Run(AtomicU64);

impl Run {
    fn new(from: usize, to: usize) -> Run {
        Run(AtomicU64::new((from as u64) << 32 | to as u64))
    }

    /// Takes the first or the last of what is left.
    fn take(&self, first: bool) -> Option<usize> {
        let (from, to) = (|run: u64| (run >> 32) as usize, |run: u64| run as u32 as usize);
        let step = |run: u64| (from(run) < to(run)).then(|| if first { run + (1 << 32) } else { run - 1 });
        let before = self.0.fetch_update(Relaxed, Relaxed, step).ok()?;
        Some(if first { from(before) } else { to(before) - 1 })
    }
}

impl Queue {
    fn new(batches: Vec<(usize, Range<usize>)>, batch_bytes: usize, runs: usize) -> Queue {
        let (mut large, rest): (Vec<_>, Vec<_>) = batches.into_iter().partition(|(bytes, _)| *bytes > 4 * batch_bytes);
        large.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        // Apart from the large ones all are about as long.
        let start = |run: usize| rest.len() * run / runs;
        let runs = (0..runs).map(|run| Run::new(start(run), start(run + 1))).collect();
        let functions = |batches: Vec<(usize, Range<usize>)>| batches.into_iter().map(|(_, batch)| batch).collect();
        Queue { large: functions(large), next_large: AtomicUsize::new(0), rest: functions(rest), runs }
    }

    /// What the thread of this number compiles next.
    fn take(&self, worker: usize) -> Option<&Range<usize>> {
        if self.next_large.load(Relaxed) < self.large.len()
            && let Some(batch) = self.large.get(self.next_large.fetch_add(1, Relaxed))
        {
            return Some(batch);
        }
        let own = worker % self.runs.len();
        let mut others = (1..self.runs.len()).map(|step| &self.runs[(own + step) % self.runs.len()]);
        let batch = self.runs[own].take(true).or_else(|| others.find_map(|run| run.take(false)))?;
        Some(&self.rest[batch])
    }
}

/// Runs of functions, with their bytes.
pub(super) fn batches(bodies: &[Body<'_>], batch_bytes: usize) -> Vec<(usize, Range<usize>)> {
    let (mut batches, mut bytes, mut start) = (Vec::new(), 0, 0);
    for (index, body) in bodies.iter().enumerate() {
        bytes += body.bytes.len();
        if bytes >= batch_bytes || index + 1 == bodies.len() {
            batches.push((bytes, start..index + 1));
            (bytes, start) = (0, index + 1);
        }
    }
    batches
}
