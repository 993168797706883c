//! What the operating system gives: pages, signals, threads. A port to another one is another folder with these names.
//!
//! Calls that not every Linux answers (the standard library needs 3.2), and what happens without:
//!
//! | call | since | without |
//! | --- | --- | --- |
//! | `/proc/self/pagemap`, without privileges | 4.2, if `/proc` is mounted | memories of dropped instances are thrown away, not written over: 1.5 us a page |
//! | its request `PAGEMAP_SCAN` | 6.7 | the file is read: 1 us more an instance with 1 MiB, see [`pagemap`] |
//! | `madvise(WIPEONFORK)` | 4.14 | as without the file; WASI asks the system for all random bytes: 0.4 us a call |
//! | `memfd_create`, and its seals | 3.17; the setting `vm.memfd_noexec=2` of 6.3 refuses it | data segments are copied by each instance |
//! | `madvise(POPULATE_WRITE)` | 5.14 | code gets its memory page by page, when it is written to: compiling takes up to 5 % longer |
//! | `madvise(HUGEPAGE)` | where configured | large code is in small pages |
//! | `getauxval(AT_MINSIGSTKSZ)` | 5.14 | 64 KiB are enough for a signal frame: what needs more, AMX, came later |

pub(crate) mod address_space;
pub(crate) mod after_fork;
pub(crate) mod fault;
#[cfg(feature = "wasi")]
pub(crate) mod fork;
pub(crate) mod image;
pub(crate) mod pagemap;
pub(crate) mod pages;
mod process_local;
pub(crate) mod shortage;
pub(crate) mod signals;
mod text;
pub(crate) mod thread;
