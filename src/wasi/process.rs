//! The process: arguments, environment, clocks, random numbers, its end.

use super::abi::{Errno, clockid};
use super::context::WasiCtx;
use super::memory::{Memory, element};
use super::random::random_bytes;
use rustix::time::{ClockId, Timespec};
use std::fmt;
use std::time::{Duration, Instant};

/// The guest called `proc_exit`: comes back as the error of the call that started it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct I32Exit(
    /// The exit status.
    pub i32,
);

impl fmt::Display for I32Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exited with status {}", self.0)
    }
}

impl std::error::Error for I32Exit {}

/// A guest that waits in a loop of yields gives the processor away this often; in between it looks again at once. It is about what
/// giving it away and getting it back takes. The time counts from the last yield's beginning, so one that has let others run is
/// followed by another.
const YIELD_INTERVAL: Duration = Duration::from_micros(4);

/// `args_get` and `environ_get`: the strings one after the other, each with a zero byte, and a pointer to each.
fn write_list(memory: Memory<'_>, list: &[Vec<u8>], pointers: u32, mut buffer: u32) -> Result<(), Errno> {
    for (index, string) in list.iter().enumerate() {
        memory.write_u32(element(pointers, index as u32, 4)?, buffer)?;
        memory.write(buffer, string)?;
        let end = buffer.checked_add(string.len() as u32).ok_or(Errno::Fault)?;
        memory.write(end, &[0])?;
        buffer = end.checked_add(1).ok_or(Errno::Fault)?;
    }
    Ok(())
}

fn write_list_sizes(memory: Memory<'_>, list: &[Vec<u8>], count: u32, bytes: u32) -> Result<(), Errno> {
    let total: usize = list.iter().map(|string| string.len() + 1).sum();
    memory.write_u32(count, list.len() as u32)?;
    memory.write_u32(bytes, u32::try_from(total).map_err(|_| Errno::Overflow)?)
}

fn nanoseconds(time: Timespec) -> u64 {
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

fn host_clock(id: u32) -> Result<ClockId, Errno> {
    match id {
        clockid::REALTIME => Ok(ClockId::Realtime),
        clockid::MONOTONIC => Ok(ClockId::Monotonic),
        clockid::PROCESS_CPUTIME => Ok(ClockId::ProcessCPUTime),
        clockid::THREAD_CPUTIME => Ok(ClockId::ThreadCPUTime),
        _ => Err(Errno::Inval),
    }
}

impl WasiCtx {
    pub(super) fn args_get(&mut self, memory: Memory<'_>, pointers: u32, buffer: u32) -> Result<(), Errno> {
        write_list(memory, &self.args, pointers, buffer)
    }

    pub(super) fn args_sizes_get(&mut self, memory: Memory<'_>, count: u32, bytes: u32) -> Result<(), Errno> {
        write_list_sizes(memory, &self.args, count, bytes)
    }

    pub(super) fn environ_get(&mut self, memory: Memory<'_>, pointers: u32, buffer: u32) -> Result<(), Errno> {
        write_list(memory, &self.environment, pointers, buffer)
    }

    pub(super) fn environ_sizes_get(&mut self, memory: Memory<'_>, count: u32, bytes: u32) -> Result<(), Errno> {
        write_list_sizes(memory, &self.environment, count, bytes)
    }

    pub(super) fn clock_res_get(&mut self, memory: Memory<'_>, id: u32, to: u32) -> Result<(), Errno> {
        memory.write_u64(to, nanoseconds(rustix::time::clock_getres(host_clock(id)?)))
    }

    pub(super) fn clock_time_get(
        &mut self,
        memory: Memory<'_>,
        id: u32,
        _precision: u64,
        to: u32,
    ) -> Result<(), Errno> {
        memory.write_u64(to, self.now(id)?)
    }

    /// Nanoseconds of a clock. The monotonic one starts with the program: a guest has no business with the host's.
    pub(super) fn now(&self, id: u32) -> Result<u64, Errno> {
        match host_clock(id)? {
            ClockId::Monotonic => Ok(self.started.elapsed().as_nanos() as u64),
            clock => Ok(nanoseconds(rustix::time::clock_gettime(clock))),
        }
    }

    pub(super) fn random_get(&mut self, memory: Memory<'_>, buffer: u32, len: u32) -> Result<(), Errno> {
        let mut to = Some(buffer);
        random_bytes(len as usize, |bytes| {
            let address = to.ok_or(Errno::Fault)?;
            to = address.checked_add(bytes.len() as u32);
            memory.write(address, bytes)
        })
    }

    pub(super) fn sched_yield(&mut self, _memory: Memory<'_>) -> Result<(), Errno> {
        let now = Instant::now();
        if self.last_yield.is_none_or(|last| now.duration_since(last) >= YIELD_INTERVAL) {
            self.last_yield = Some(now);
            std::thread::yield_now();
        }
        Ok(())
    }

    pub(super) fn proc_raise(&mut self, _memory: Memory<'_>, _signal: u32) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    pub(super) fn sock_accept(&mut self, _memory: Memory<'_>, fd: u32, _flags: u32, _to: u32) -> Result<(), Errno> {
        self.not_a_socket(fd)
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    pub(super) fn sock_recv(
        &mut self,
        _memory: Memory<'_>,
        fd: u32,
        _buffers: u32,
        _count: u32,
        _flags: u32,
        _to: u32,
        _flags_to: u32,
    ) -> Result<(), Errno> {
        self.not_a_socket(fd)
    }

    pub(super) fn sock_send(
        &mut self,
        _memory: Memory<'_>,
        fd: u32,
        _buffers: u32,
        _count: u32,
        _flags: u32,
        _to: u32,
    ) -> Result<(), Errno> {
        self.not_a_socket(fd)
    }

    pub(super) fn sock_shutdown(&mut self, _memory: Memory<'_>, fd: u32, _how: u32) -> Result<(), Errno> {
        self.not_a_socket(fd)
    }

    /// No socket is ever open: preview 1 has no call that makes one.
    fn not_a_socket(&mut self, fd: u32) -> Result<(), Errno> {
        self.descriptors.get(fd)?;
        Err(Errno::Notsock)
    }
}
