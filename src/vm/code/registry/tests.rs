//! Tests of the registry: what is found, what adding costs, many threads at once, forks.

#![allow(unsafe_code, reason = "makes code where there is none, and forks")]

use super::{WRITER, add, levels, remove, with_code};
use crate::vm::code::buffer::Code;
use crate::vm::code::published::{Contents, PublishedCode};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

const PAGE: usize = 4096;
/// Pages from here on are at addresses that no process has.
const NOWHERE: usize = 1 << 48;

/// Code on one page, which nobody reads.
fn piece(page: usize) -> PublishedCode {
    let start = (NOWHERE + page) * PAGE;
    // SAFETY: the bytes are never read.
    unsafe { PublishedCode::new(start, 1000, start + PAGE, Contents::Builtins) }
}

/// So many pieces, not in the order of their addresses, from a page on.
fn pieces(count: usize, first: usize) -> Vec<PublishedCode> {
    (0..count).map(|place| piece(first + place * 7919 % count)).collect()
}

fn known(piece: &PublishedCode) {
    add(piece).expect("memory");
}

/// The start of the code that holds an address.
fn at(pc: usize) -> Option<usize> {
    with_code(pc, |code, _| code.start())
}

fn is_found(piece: &PublishedCode) -> bool {
    assert_eq!((at(piece.start() - 1), at(piece.end())), (None, None));
    let found = [piece.start(), piece.end() - 1].map(at);
    assert!(found == [None; 2] || found == [Some(piece.start()); 2]);
    found[0].is_some()
}

#[test]
fn each_piece_is_found_while_it_is_there() {
    let pieces = pieces(3000, 0);
    pieces.iter().for_each(known);
    assert!(pieces.iter().all(is_found));
    let (odd, even): (Vec<_>, Vec<_>) = pieces.iter().partition(|piece| piece.start() / PAGE % 2 == 1);
    odd.iter().for_each(|piece| remove(piece));
    // What is not there is not removed.
    odd.iter().for_each(|piece| remove(piece));
    assert!(even.iter().all(|piece| is_found(piece)) && !odd.iter().any(|piece| is_found(piece)));
    odd.iter().for_each(|piece| known(piece));
    assert!(pieces.iter().all(is_found));
    pieces.iter().for_each(remove);
    assert!(!pieces.iter().any(is_found));
}

/// Four times as many pieces take four times as long to add and to remove.
#[test]
fn a_piece_costs_the_same_however_many_there_are() {
    let time = |count| {
        let pieces = pieces(count, 1 << 20);
        let start = Instant::now();
        pieces.iter().for_each(known);
        pieces.iter().for_each(remove);
        start.elapsed()
    };
    let ratio = |_| {
        let [few, many] = [10_000, 40_000].map(time);
        println!("{few:?} {many:?}");
        many.as_secs_f64() / few.as_secs_f64()
    };
    assert!((0..4).map(ratio).any(|ratio| ratio < 9.0), "the cost of a piece grows with their number");
}

/// The longer a row of ranges with one level only, the longer a search.
#[test]
fn a_quarter_of_the_ranges_has_two_levels_whatever_lies_between_them() {
    for stride in (1..600).chain([610, 987, 1024, 4096, 10946, 1 << 18]) {
        let heights: Vec<bool> = (0..4096).map(|place| levels((NOWHERE + place * stride) * PAGE) > 1).collect();
        let high = heights.iter().filter(|is_high| **is_high).count();
        let longest = heights.split(|is_high| *is_high).map(<[bool]>::len).max();
        assert!((850..1200).contains(&high) && longest < Some(100), "{stride} pages: {high}, {longest:?}");
    }
}

#[test]
fn code_is_found_by_any_of_its_bytes_until_dropped() {
    let pieces: Vec<Code> =
        (1..20).map(|len| Code::publish(&vec![0xcc; len * 1000], Contents::Builtins).expect("memory")).collect();
    for piece in &pieces {
        let start = piece.address(0).0;
        let last = start + piece.bytes().len() - 1;
        assert_eq!(with_code(start, |code, offset| (code.start(), offset)), Some((start, 0)));
        assert_eq!(with_code(last, |code, _| code.start()), Some(start));
        assert_eq!(with_code(last + 1, |_, _| ()), None);
    }
    let first = pieces[0].address(0).0;
    drop(pieces);
    // Another test may have mapped code of its own there; it is not one of these bytes' owners.
    assert_ne!(with_code(first, |code, _| code.bytes() == [0xcc; 1000]), Some(true));
}

#[test]
fn readers_and_writers_do_not_meet() {
    let stable = Code::publish(&[0x90; 64], Contents::Builtins).expect("memory");
    let pc = stable.address(0).0 + 5;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    drop(Code::publish(&[0xcc; 100], Contents::Builtins).expect("memory"));
                }
            });
            scope.spawn(|| {
                for _ in 0..200_000 {
                    assert_eq!(with_code(pc, |code, offset| (code.bytes()[0], offset)), Some((0x90, 5)));
                }
            });
        }
    });
}

/// Pages on which threads add and remove pieces: each is one thread's.
const FIELD: usize = 1 << 30;
const FIELD_PAGES: usize = 64;

/// Any page of the field; Marsaglia's xorshift.
fn some_page(state: &mut u32) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state as usize % FIELD_PAGES
}

/// Neighbours come and go under the eyes of readers. What a reader finds is what it looked for; what stays is always found.
#[test]
fn many_threads_add_and_remove_neighbours() {
    let stays: Vec<PublishedCode> = (0..FIELD_PAGES).map(|page| piece(FIELD + 3 * page)).collect();
    stays.iter().for_each(known);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut state = 1;
                while !is_over.load(Relaxed) {
                    let page = some_page(&mut state);
                    assert!(is_right(page, &stays[page]));
                }
            });
        }
        let writers = [1, 2].map(|writer| scope.spawn(move || come_and_go(writer)));
        let ended = writers.map(thread::ScopedJoinHandle::join);
        is_over.store(true, Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    stays.iter().for_each(remove);
}

fn is_right(page: usize, stays: &PublishedCode) -> bool {
    let comes_and_goes = [1, 2].map(|next| (NOWHERE + FIELD + 3 * page + next) * PAGE);
    at(stays.start()) == Some(stays.start())
        && comes_and_goes.iter().all(|start| at(start + 7).is_none_or(|found| found == *start))
}

fn come_and_go(writer: usize) {
    let mut pieces: [Option<Box<PublishedCode>>; FIELD_PAGES] = [const { None }; FIELD_PAGES];
    let mut state = writer as u32;
    for _ in 0..20_000 {
        let page = some_page(&mut state);
        match pieces[page].take() {
            Some(old) => {
                assert!(is_found(&old));
                remove(&old);
                assert_eq!(at(old.start()), None);
            }
            None => {
                let new = Box::new(piece(FIELD + 3 * page + writer));
                known(&new);
                pieces[page] = Some(new);
            }
        }
    }
    pieces.iter().flatten().for_each(|piece| remove(piece));
}

/// Starts a child; where `fork` returns in it the answer is none.
fn fork() -> Option<libc::pid_t> {
    // SAFETY: the child takes no lock that another thread may hold, which is what these tests show, and ends without unwinding.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no child");
    (child > 0).then_some(child)
}

/// What a child does: publishes and drops code, and ends.
fn live_as_a_child() -> ! {
    // SAFETY: ends the child if it waits for ever.
    unsafe { libc::alarm(10) };
    let live = || {
        for _ in 0..3 {
            let code = Code::publish(&[0x90; 64], Contents::Builtins).expect("memory");
            assert_eq!(at(code.address(5).0), Some(code.address(0).0));
        }
    };
    let lived = catch_unwind(AssertUnwindSafe(live)).is_ok();
    // SAFETY: no destructors, no buffers.
    unsafe { libc::_exit(if lived { 0 } else { 1 }) };
}

fn assert_lived(child: libc::pid_t) {
    let mut status = -1;
    // SAFETY: waits for a child made by `fork` above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child was ended by a signal, 14 if it waited, or by a panic");
}

#[test]
fn a_child_does_not_wait_for_readers_and_writers_of_its_parent() {
    let code = Code::publish(&[0x90; 64], Contents::Builtins).expect("memory");
    let pc = code.address(5).0;
    let (is_in, is_over) = (Barrier::new(3), Barrier::new(3));
    let stay = || {
        is_in.wait();
        is_over.wait();
    };
    thread::scope(|scope| {
        scope.spawn(|| with_code(pc, |_, _| stay()));
        scope.spawn(|| {
            let _writer = WRITER.lock();
            stay();
        });
        is_in.wait();
        let child = fork();
        if child.is_none() {
            live_as_a_child();
        }
        is_over.wait();
        assert_lived(child.expect("this is not the child"));
    });
}

/// As a signal handler does that interrupts a reader or a writer.
#[test]
fn a_reader_and_a_writer_may_fork() {
    let code = Code::publish(&[0x90; 64], Contents::Builtins).expect("memory");
    let reader = || with_code(code.address(5).0, |_, _| fork()).expect("known");
    let writer = || {
        let _writer = WRITER.lock();
        fork()
    };
    for fork_inside in [&reader as &dyn Fn() -> Option<libc::pid_t>, &writer] {
        match fork_inside() {
            None => live_as_a_child(),
            Some(child) => assert_lived(child),
        }
    }
}
