//! `poll_oneoff`: waiting for clocks, streams and files.

use super::abi::{Errno, clockid};
use super::context::WasiCtx;
use super::descriptor::Object;
use super::memory::{Memory, element};
use super::rights::Rights;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::AsFd;

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;
/// More than any program waits for; keeps what the guest makes us allocate small.
const MAX_SUBSCRIPTIONS: u32 = 1 << 14;

/// `eventtype`.
const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;
/// `subclockflags`: the one bit.
const ABSTIME: u16 = 1;
/// `eventrwflags`: the one bit.
const HANGUP: u16 = 1;

#[derive(Clone, Copy)]
struct Subscription {
    userdata: u64,
    kind: u8,
    /// Of a clock: when it fires, in nanoseconds from now. Of a descriptor: its number.
    wait: u64,
}

struct Event {
    userdata: u64,
    error: u16,
    kind: u8,
    bytes: u64,
    flags: u16,
}

impl Event {
    fn of(subscription: &Subscription) -> Event {
        Event { userdata: subscription.userdata, error: 0, kind: subscription.kind, bytes: 0, flags: 0 }
    }

    fn encode(&self) -> [u8; EVENT_BYTES as usize] {
        let mut event = [0; EVENT_BYTES as usize];
        event[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        event[8..10].copy_from_slice(&self.error.to_le_bytes());
        event[10] = self.kind;
        event[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        event[24..26].copy_from_slice(&self.flags.to_le_bytes());
        event
    }
}

impl WasiCtx {
    pub(super) fn poll_oneoff(
        &mut self,
        memory: Memory<'_>,
        subscriptions: u32,
        events: u32,
        count: u32,
        to: u32,
    ) -> Result<(), Errno> {
        if count == 0 || count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval);
        }
        let mut list = Vec::new();
        for index in 0..count {
            let mut bytes = [0; SUBSCRIPTION_BYTES as usize];
            memory.read(element(subscriptions, index, SUBSCRIPTION_BYTES)?, &mut bytes)?;
            list.push(self.subscription(&bytes)?);
        }
        let happened = self.wait_for(&list)?;
        for (index, event) in happened.iter().enumerate() {
            memory.write(element(events, index as u32, EVENT_BYTES)?, &event.encode())?;
        }
        memory.write_u32(to, happened.len() as u32)
    }

    fn subscription(&self, bytes: &[u8; SUBSCRIPTION_BYTES as usize]) -> Result<Subscription, Errno> {
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let (userdata, kind) = (u64_at(0), bytes[8]);
        let wait = match kind {
            CLOCK => {
                let (clock, timeout) = (u32_at(16), u64_at(24));
                if clock != clockid::REALTIME && clock != clockid::MONOTONIC {
                    return Err(Errno::Inval);
                }
                let absolute = u16::from_le_bytes([bytes[40], bytes[41]]) & ABSTIME != 0;
                if absolute { timeout.saturating_sub(self.now(clock)?) } else { timeout }
            }
            FD_READ | FD_WRITE => u32_at(16).into(),
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription { userdata, kind, wait })
    }

    /// Waits until at least one subscription has something to tell; never empty.
    fn wait_for(&mut self, list: &[Subscription]) -> Result<Vec<Event>, Errno> {
        let (mut events, mut waiting, mut fds) = (Vec::new(), Vec::new(), Vec::new());
        for subscription in list.iter().filter(|subscription| subscription.kind != CLOCK) {
            match self.pollable(subscription) {
                Ok(Some(fd)) => {
                    waiting.push(subscription);
                    fds.push(fd);
                }
                Ok(None) => events.push(Event { bytes: 1, ..Event::of(subscription) }),
                Err(errno) => events.push(Event { error: errno as u16, ..Event::of(subscription) }),
            }
        }
        let clocks = list.iter().filter(|subscription| subscription.kind == CLOCK);
        let timeout = clocks.clone().map(|clock| clock.wait).min();
        let timeout = if events.is_empty() { timeout } else { Some(0) };
        let began = std::time::Instant::now();
        let ready = poll(&mut fds, timeout)?;
        if ready == 0 && events.is_empty() {
            let passed = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            return Ok(clocks.filter(|clock| clock.wait <= passed).map(Event::of).collect());
        }
        for (subscription, fd) in waiting.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty()) {
            let hangup = fd.revents().contains(PollFlags::HUP);
            let bytes = match subscription.kind {
                FD_READ => self.readable_bytes(subscription, fd).unwrap_or(1),
                _ => 1,
            };
            events.push(Event { bytes, flags: if hangup { HANGUP } else { 0 }, ..Event::of(subscription) });
        }
        Ok(events)
    }

    /// How many bytes wait to be read from the object of a subscription, whose descriptor on the host is `fd`.
    fn readable_bytes(&self, subscription: &Subscription, fd: &PollFd<'_>) -> Result<u64, Errno> {
        match self.descriptors.peek(subscription.wait as u32, Rights::POLL_FD_READWRITE)? {
            Object::File(file) => file.readable_bytes(),
            _ => Ok(rustix::io::ioctl_fionread(fd)?),
        }
    }

    /// What the host has to wait on for this subscription; none means it is ready.
    fn pollable(&self, subscription: &Subscription) -> Result<Option<PollFd<'_>>, Errno> {
        let fd = u32::try_from(subscription.wait).map_err(|_| Errno::Badf)?;
        let wanted = if subscription.kind == FD_READ { PollFlags::IN } else { PollFlags::OUT };
        let host = match (self.descriptors.peek(fd, Rights::POLL_FD_READWRITE)?, subscription.kind) {
            (Object::Input(input), FD_READ) => input.waits_on(),
            (Object::Output(output), FD_WRITE) => output.waits_on(),
            (Object::File(file), _) => Some(file.as_fd()),
            _ => return Err(Errno::Badf),
        };
        Ok(host.map(|host| PollFd::from_borrowed_fd(host, wanted)))
    }
}

/// Waits for any of `fds`, at most `timeout` nanoseconds; goes on after a signal.
fn poll(fds: &mut [PollFd<'_>], timeout: Option<u64>) -> Result<usize, Errno> {
    if fds.is_empty() && timeout == Some(0) {
        return Ok(0);
    }
    let deadline =
        timeout.and_then(|timeout| std::time::Instant::now().checked_add(std::time::Duration::from_nanos(timeout)));
    loop {
        let left = deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() }
        });
        match rustix::event::poll(fds, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}
