//! [`InstanceAllocationStrategy`]: what an engine keeps of dropped instances for the next ones.

use crate::vm::owned::pool::PoolLimits;

/// Where the memories of instances and the stacks of stores come from: see
/// [`Config::allocation_strategy`](crate::Config::allocation_strategy).
///
/// ```
/// use planish::{Config, Engine, InstanceAllocationStrategy};
///
/// let engine = Engine::new(Config::new().allocation_strategy(InstanceAllocationStrategy::OnDemand))?;
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstanceAllocationStrategy {
    /// They are mapped when they are needed, and unmapped when their store is dropped.
    OnDemand,
    /// They come from a pool and go back to it.
    Pooling(PoolingAllocationConfig),
}

impl InstanceAllocationStrategy {
    /// A pool with the default limits.
    ///
    /// ```
    /// use planish::InstanceAllocationStrategy;
    ///
    /// assert_eq!(InstanceAllocationStrategy::pooling(), InstanceAllocationStrategy::default());
    /// ```
    pub fn pooling() -> InstanceAllocationStrategy {
        InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::new())
    }

    pub(crate) fn pool_limits(&self) -> PoolLimits {
        match self {
            InstanceAllocationStrategy::OnDemand => PoolLimits { slots: 0, resident_bytes: 0 },
            InstanceAllocationStrategy::Pooling(pool) => pool.limits,
        }
    }
}

impl Default for InstanceAllocationStrategy {
    /// A pool with the default limits.
    fn default() -> InstanceAllocationStrategy {
        InstanceAllocationStrategy::pooling()
    }
}

impl From<PoolingAllocationConfig> for InstanceAllocationStrategy {
    fn from(pool: PoolingAllocationConfig) -> InstanceAllocationStrategy {
        InstanceAllocationStrategy::Pooling(pool)
    }
}

/// What a pool keeps.
///
/// ```
/// use planish::{Config, Engine, PoolingAllocationConfig};
///
/// let mut pool = PoolingAllocationConfig::new();
/// pool.max_unused_warm_slots(4).linear_memory_keep_resident(64 << 10);
/// let engine = Engine::new(Config::new().allocation_strategy(pool))?;
/// # Ok::<(), planish::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolingAllocationConfig {
    limits: PoolLimits,
}

impl PoolingAllocationConfig {
    /// The defaults.
    ///
    /// ```
    /// let pool = planish::PoolingAllocationConfig::new();
    /// assert_eq!(pool, planish::PoolingAllocationConfig::default());
    /// ```
    pub fn new() -> PoolingAllocationConfig {
        PoolingAllocationConfig { limits: PoolLimits { slots: 64, resident_bytes: 1 << 20 } }
    }

    /// Unused [guarded](crate::Config::guard_memory) memories, 8 GiB of addresses each, and unused stacks that the pool keeps (64 of each). Any number may be in use. Of the
    /// stacks, those that have 8 MiB together stay in memory as they are, and 64 KiB of each of the others.
    ///
    /// ```
    /// let mut pool = planish::PoolingAllocationConfig::new();
    /// pool.max_unused_warm_slots(10);
    /// ```
    pub fn max_unused_warm_slots(&mut self, max: u32) -> &mut PoolingAllocationConfig {
        self.limits.slots = max as usize;
        self
    }

    /// Bytes of each unused memory that are kept in memory, rounded down to whole pages (1 MiB): those were written, and are
    /// written again with what they were. What was written beyond goes back to the system.
    ///
    /// Which pages were written the kernel tells through `/proc/self/pagemap`. That file is opened when a memory is first given back, and
    /// stays open. A process that may not open it gives everything back to the system, so make and drop an instance before you forbid it
    /// to open files. Before Linux 6.7 the file is read; of large memories, that is done only as far as there are pages that were written.
    ///
    /// ```
    /// let mut pool = planish::PoolingAllocationConfig::new();
    /// pool.linear_memory_keep_resident(0);
    /// ```
    pub fn linear_memory_keep_resident(&mut self, bytes: usize) -> &mut PoolingAllocationConfig {
        self.limits.resident_bytes = bytes;
        self
    }
}

impl Default for PoolingAllocationConfig {
    fn default() -> PoolingAllocationConfig {
        PoolingAllocationConfig::new()
    }
}
