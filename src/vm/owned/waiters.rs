//! Threads that wait at addresses of one shared memory, and how they are woken.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How waiting ended: the numbers are the operator's results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Waited {
    Woken,
    /// The value was not the expected one.
    Mismatch,
    TimedOut,
}

/// The threads that wait, by address, first come first.
#[derive(Default)]
pub(in crate::vm) struct Waiters {
    queues: Mutex<HashMap<u64, VecDeque<Arc<Waiter>>>>,
}

type Queues<'a> = MutexGuard<'a, HashMap<u64, VecDeque<Arc<Waiter>>>>;

/// One waiting thread.
#[derive(Default)]
struct Waiter {
    /// Changed with the queues locked.
    woken: AtomicBool,
    wake: Condvar,
}

impl Waiters {
    /// Waits at an address until woken, if `is_expected` holds; a wake-up that comes later than that is not missed.
    pub(in crate::vm) fn wait(
        &self,
        address: u64,
        timeout: Option<Duration>,
        is_expected: impl FnOnce() -> bool,
    ) -> Waited {
        let mut queues = self.lock();
        if !is_expected() {
            return Waited::Mismatch;
        }
        let waiter = Arc::new(Waiter::default());
        queues.entry(address).or_default().push_back(waiter.clone());
        // One that is too far away never comes.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while !waiter.woken.load(Relaxed) {
            let Some(deadline) = deadline else {
                queues = waiter.wake.wait(queues).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                remove(&mut queues, address, &waiter);
                return Waited::TimedOut;
            }
            queues = waiter.wake.wait_timeout(queues, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Waited::Woken
    }

    /// Wakes as many as `count` of those that wait at an address; says how many.
    pub(in crate::vm) fn notify(&self, address: u64, count: u32) -> u32 {
        let mut queues = self.lock();
        let Some(queue) = queues.get_mut(&address) else { return 0 };
        let woken = queue.len().min(count as usize);
        for waiter in queue.drain(..woken) {
            waiter.woken.store(true, Relaxed);
            waiter.wake.notify_one();
        }
        if queue.is_empty() {
            queues.remove(&address);
        }
        woken as u32
    }

    fn lock(&self) -> Queues<'_> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(queues: &mut Queues<'_>, address: u64, waiter: &Arc<Waiter>) {
    let Some(queue) = queues.get_mut(&address) else { return };
    queue.retain(|other| !Arc::ptr_eq(other, waiter));
    if queue.is_empty() {
        queues.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_woken_in_order_or_time_out() {
        let waiters = Waiters::default();
        assert_eq!(waiters.wait(8, None, || false), Waited::Mismatch);
        assert_eq!(waiters.wait(8, Some(Duration::from_millis(5)), || true), Waited::TimedOut);
        assert!(waiters.lock().is_empty());
        assert_eq!(waiters.notify(8, 5), 0);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| waiters.wait(8, None, || true))).collect();
            let other = scope.spawn(|| waiters.wait(16, Some(Duration::MAX), || true));
            while waiters.lock().values().map(VecDeque::len).sum::<usize>() < 4 {
                std::thread::yield_now();
            }
            assert_eq!((waiters.notify(8, 0), waiters.notify(8, 2), waiters.notify(8, u32::MAX)), (0, 2, 1));
            assert!(threads.into_iter().all(|thread| thread.join().unwrap() == Waited::Woken));
            assert_eq!(waiters.notify(16, 1), 1);
            assert_eq!(other.join().unwrap(), Waited::Woken);
        });
        assert!(waiters.lock().is_empty());
    }
}
