//! How much address space the process may map: its limit, and what it has mapped already.

use rustix::process::{Resource, getrlimit};

/// The most bytes of addresses that the process may map (`RLIMIT_AS`, setrlimit(2)), if they are limited.
pub(crate) fn limit() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// The most bytes of writable memory that the process may map (`RLIMIT_DATA`), if they are limited.
pub(crate) fn data_limit() -> Option<u64> {
    getrlimit(Resource::Data).current
}

/// Bytes of addresses that the process may still map, if they are limited.
pub(crate) fn room() -> Option<u64> {
    limit().map(|limit| limit.saturating_sub(mapped()))
}

/// Bytes of addresses that are mapped: the first number of `/proc/self/statm` (proc_pid_statm(5)). 0 where there is no such file.
pub(crate) fn mapped() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages.saturating_mul(super::pages::page_bytes() as u64)
}
