//! No call on a path waits for another process.

use super::*;
use std::sync::mpsc;
use std::time::Duration;

/// Runs `calls` in a thread of its own; fails if they have not come back after a while.
fn in_time(calls: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        calls();
        // Nobody listens any more if it took too long.
        let _ = done.send(());
    });
    match wait.recv_timeout(Duration::from_secs(20)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a call waits for ever"),
        _ => thread.join().expect("the calls do what they should"),
    }
}

#[test]
fn opening_a_pipe_does_not_wait_for_its_other_end() {
    in_time(|| {
        let mut guest = Guest::new();
        guest.make_pipe();
        for flags in [0, oflags::CREAT, oflags::TRUNC] {
            assert_eq!(guest.open("pipe", flags, Rights::FD_WRITE), Err(Errno::Nxio), "flags {flags}");
        }
        assert_eq!(guest.open("pipe", oflags::DIRECTORY, Rights::FD_READ), Err(Errno::Notdir));
        // With a reader there is something to write to.
        let reader = guest.open("pipe", 0, Rights::FD_READ).expect("opened");
        let writer = guest.open("pipe", 0, Rights::FD_WRITE).expect("opened");
        assert_eq!((guest.write(writer, b"through"), guest.read(reader, 9)), (Ok(7), Ok(b"through".to_vec())));
    });
}

/// Only opening is done without waiting: who has not asked for it must not be told to come again.
#[test]
fn a_pipe_waits_once_it_is_open_unless_asked_otherwise() {
    in_time(|| {
        let mut guest = Guest::new();
        guest.make_pipe();
        let waits = guest.open("pipe", 0, READ_WRITE).expect("opened");
        let returns = guest.open_with("pipe", 0, 0, READ_WRITE, fdflags::NONBLOCK).expect("opened");
        assert_eq!(guest.read(returns, 1), Err(Errno::Again));
        let path = guest.directory.join("inside/pipe");
        let late = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            fs::write(path, "late").expect("written");
        });
        assert_eq!(guest.read(waits, 9), Ok(b"late".to_vec()));
        late.join().expect("written");
    });
}

#[test]
fn what_is_asked_of_a_pipe_by_path_does_not_wait() {
    in_time(|| {
        let mut guest = Guest::new();
        guest.make_pipe();
        let (at, len) = guest.path("pipe");
        for lookup in [0, 1] {
            let stat = guest.call(|context, memory| context.path_filestat_get(memory, DIR, lookup, at, len, DATA));
            assert_eq!(stat, Ok(()));
            let set = |context: &mut WasiCtx, memory: Memory<'_>| {
                context.path_filestat_set_times(memory, DIR, lookup, at, len, 0, 7, 4)
            };
            assert_eq!(guest.call(set), Ok(()), "lookup {lookup}");
            guest.call(|context, memory| context.path_filestat_get(memory, DIR, 0, at, len, DATA)).expect("known");
            assert_eq!(guest.u64_at(DATA + 48), 7);
        }
        let read = guest.call(|context, memory| context.path_readlink(memory, DIR, at, len, DATA, 9, RESULT));
        assert_eq!(read, Err(Errno::Inval));
        assert_eq!(guest.call(|context, memory| context.path_rename(memory, DIR, at, len, DIR, at, len)), Ok(()));
        assert_eq!(guest.call(|context, memory| context.path_unlink_file(memory, DIR, at, len)), Ok(()));
    });
}
