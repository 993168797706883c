//! The pool against what its memories must contain.

use super::*;
use crate::decode::{self, ModuleInfo};
use proptest::prelude::*;

const PAGE: usize = 64 << 10;
const WAYS: [Way; 2] = [Way::Request, Way::Read];

/// A memory of two pages with data at 60,000, and in the second page `more` bytes.
fn image(more: usize) -> Arc<Image> {
    let text =
        format!("(module (memory 2) (data (i32.const 60000) \"x\") (data (i32.const 65536) \"{}\"))", "y".repeat(more));
    let bytes = wat::parse_str(text).expect("text");
    let (info, _): (ModuleInfo, _) = decode::decode(&bytes, decode::DEFAULT).expect("valid");
    Arc::new(Image::of(&info, crate::types::MemoryIndex(0)).expect("an image"))
}

fn bytes(space: &mut Reservation) -> &mut [u8] {
    let slot = space.slot();
    // SAFETY: what is accessible, and `space` is borrowed as long.
    unsafe { std::slice::from_raw_parts_mut(slot.pages.start().as_ptr(), slot.accessible) }
}

fn is_clean(space: &mut Reservation, image: Option<&Image>) -> bool {
    let shown = image.map_or(0..0, |image| image.start()..image.end());
    let bytes = bytes(space);
    image.is_none_or(|image| bytes[shown.clone()] == *image.bytes())
        && bytes[..shown.start].iter().chain(&bytes[shown.end..]).all(|byte| *byte == 0)
}

#[test]
fn slots_are_used_again_whatever_was_there() {
    let images = [None, Some(image(10)), Some(image(60_000)), None, Some(image(10))];
    assert!([1, 2].map(|at| images[at].as_ref().is_some_and(|image| image.file().is_some())) == [false, true]);
    for (resident_bytes, way) in
        [0, 3 * page_bytes(), 1 << 20].into_iter().flat_map(|bytes| WAYS.map(|way| (bytes, way)))
    {
        let pool = MemoryPool::asking(PoolLimits { slots: 1, resident_bytes }, way);
        let mut address = None;
        for round in 0..100 {
            let (image, pages) = (images[round % 5].as_ref(), 2 + round % 3);
            let mut space = pool.take(pages * PAGE, image).expect("memory");
            assert!(pool.idle().is_empty() && *address.get_or_insert(space.pages().start()) == space.pages().start());
            assert!(bytes(&mut space).len() == pages * PAGE && is_clean(&mut space, image.map(|image| &**image)));
            let end = pages * PAGE + round % 4 * PAGE;
            space.grow(end).expect("memory");
            assert!(bytes(&mut space)[pages * PAGE..].iter().all(|byte| *byte == 0));
            bytes(&mut space).iter_mut().skip(round * 997).step_by(1 + round * 61).for_each(|byte| *byte = 1);
            drop(space);
            assert_eq!(pool.idle().len(), 1);
        }
    }
}

/// Whoever writes when nobody looks any more leaves nothing either.
#[test]
fn quiet_guests_are_not_looked_at() {
    let text = "(module (memory 2) (data (i32.const 60) \"x\"))";
    let (info, _): (ModuleInfo, _) =
        decode::decode(&wat::parse_str(text).expect("text"), decode::DEFAULT).expect("valid");
    let image = Arc::new(Image::of(&info, crate::types::MemoryIndex(0)).expect("an image"));
    for (image, way) in [None, Some(&image)].into_iter().flat_map(|image| WAYS.map(|way| (image, way))) {
        let pool = MemoryPool::asking(PoolLimits { slots: 1, resident_bytes: 1 << 20 }, way);
        let take = || pool.take(2 * PAGE, image).expect("memory");
        let is_looked_at = || pool.idle()[0].quiet < QUIET_ROUNDS;
        let mut unseen = 0;
        for round in 0..20 * usize::from(QUIET_ROUNDS) {
            let is_writer = round % 37 == 36;
            let mut space = take();
            if is_writer {
                assert!(is_clean(&mut space, image.map(|image| &**image)), "{round}");
                space.grow(3 * PAGE).expect("memory");
                bytes(&mut space).iter_mut().step_by(round * 10 + 1).for_each(|byte| *byte = 1);
            }
            drop(space);
            if is_writer {
                unseen += usize::from(!is_looked_at());
                assert!(is_clean(&mut take(), image.map(|image| &**image)), "{round}");
            }
        }
        assert!(unseen > 3, "{unseen}");
        // What guests only read stays where it is.
        drop(std::mem::take(&mut *pool.idle()));
        for _ in 0..3 * QUIET_ROUNDS {
            assert!(is_clean(&mut take(), image.map(|image| &**image)));
            assert!(is_looked_at());
        }
    }
}

/// The pages of a reservation that have memory of their own.
fn resident_pages(space: &Reservation) -> usize {
    let mut scan = Scan::new(Way::Request);
    let slot = space.slot();
    let looked = scan.look(&slot.pages, 0..slot.accessible, Backing::Zeros).expect("Linux tells");
    assert_eq!(looked, slot.accessible);
    scan.runs().filter(|(_, content)| *content != Content::Zero).map(|(run, _)| run.len() / page_bytes()).sum()
}

/// What was written keeps its memory, which says that it was found and not thrown away.
#[test]
fn few_pages_are_restored_where_they_are() {
    for (image, way) in [None, Some(image(10)), Some(image(60_000))].into_iter().flat_map(both_ways) {
        let pool = MemoryPool::asking(PoolLimits { slots: 1, resident_bytes: 8 * page_bytes() }, way);
        let take = || pool.take(4 * PAGE, image.as_ref()).expect("memory");
        let mut space = take();
        let before = resident_pages(&space);
        for at in [2, 3, 3 * PAGE / page_bytes(), 4 * PAGE / page_bytes() - 1] {
            bytes(&mut space)[at * page_bytes()] = 1;
        }
        drop(space);
        let mut space = take();
        assert_eq!(resident_pages(&space), before + 4, "{way:?}");
        assert!(is_clean(&mut space, image.as_deref()), "{way:?}");
        bytes(&mut space).fill(1);
        drop(space);
        let mut space = take();
        assert!(resident_pages(&space) <= 8 + before, "{way:?}");
        assert!(is_clean(&mut space, image.as_deref()), "{way:?}");
    }
}

/// Who would throw memory away unseen looks if another thread is throwing some away.
#[test]
fn threads_do_not_throw_memory_away_at_once() {
    let pool = MemoryPool::new(PoolLimits { slots: 1, resident_bytes: 1 << 20 });
    let take = || pool.take(PAGE, None).expect("memory");
    (0..QUIET_ROUNDS).for_each(|_| drop(take()));
    assert_eq!(pool.idle()[0].quiet, QUIET_ROUNDS);
    let other = THROWING_AWAY.lock();
    drop(take());
    assert_eq!(pool.idle()[0].quiet, QUIET_ROUNDS + 1);
    let mut space = take();
    bytes(&mut space)[0] = 1;
    drop(space);
    drop(other);
    let mut space = take();
    assert_eq!((resident_pages(&space), is_clean(&mut space, None)), (1, true), "found and restored");
}

fn both_ways(image: Option<Arc<Image>>) -> [(Option<Arc<Image>>, Way); 2] {
    WAYS.map(|way| (image.clone(), way))
}

/// The end of a large memory is not worth a look, but clean.
#[test]
fn large_memories_are_clean_wherever_they_were_written() {
    for (resident_bytes, way) in WAYS.into_iter().flat_map(|way| [(1 << 20, way), (usize::MAX, way)]) {
        let pool = MemoryPool::asking(PoolLimits { slots: 1, resident_bytes }, way);
        for step in [64 << 10, 300 << 10, 5 << 20, 33 << 20] {
            let mut space = pool.take(40 << 20, None).expect("memory");
            bytes(&mut space).iter_mut().skip(step / 2).step_by(step).for_each(|byte| *byte = 1);
            drop(space);
            assert!(is_clean(&mut pool.take(40 << 20, None).expect("memory"), None), "{way:?} {step}");
        }
    }
}

/// Where an image has other bytes, the shared page of zeros is a change: it replaces what was written, if that was zeros.
#[test]
fn pages_of_zeros_are_restored_where_an_image_is() {
    for (image, way) in [Some(image(10)), Some(image(60_000))].into_iter().flat_map(both_ways) {
        let pool = MemoryPool::asking(PoolLimits { slots: 1, resident_bytes: 1 << 20 }, way);
        let mut space = pool.take(3 * PAGE, image.as_ref()).expect("memory");
        let last = image.as_ref().expect("an image").end() - page_bytes();
        let pages = &mut space.slot.as_mut().expect(THERE).pages;
        pages.map_zeros(last, page_bytes()).expect("memory");
        assert_eq!(bytes(&mut space)[last], 0);
        drop(space);
        let mut space = pool.take(3 * PAGE, image.as_ref()).expect("memory");
        assert!(is_clean(&mut space, image.as_deref()), "{way:?}");
    }
}

/// What a guest does to a page, or the system.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Read,
    Write(u8),
    /// The system replaces pages of which all bytes are zero by the shared page of zeros.
    WriteZerosThatAreShared,
    Grow,
}

fn deeds() -> impl Strategy<Value = Vec<(usize, Deed)>> {
    let deed = prop_oneof![
        3 => Just(Deed::Read),
        4 => any::<u8>().prop_map(Deed::Write),
        2 => Just(Deed::WriteZerosThatAreShared),
        1 => Just(Deed::Grow),
    ];
    proptest::collection::vec((any::<usize>(), deed), 0..40)
}

fn act(space: &mut Reservation, page: usize, deed: Deed) {
    let len = space.slot().accessible;
    let at = page % (len / page_bytes()) * page_bytes();
    match deed {
        Deed::Read => assert!(bytes(space)[at] < u8::MAX),
        Deed::Write(byte) => bytes(space)[at + page % page_bytes()] = byte,
        Deed::WriteZerosThatAreShared => {
            let slot = space.slot.as_mut().expect(THERE);
            let is_file = slot.image.as_ref().is_some_and(|image| image.file().is_some());
            if is_file && !slot.shown(&(at..at + page_bytes())).is_empty() {
                return bytes(space)[at..at + page_bytes()].fill(0);
            }
            slot.pages.discard(at, page_bytes()).expect("our pages");
            assert_eq!(bytes(space)[at], 0);
        }
        Deed::Grow if len < 8 * PAGE => space.grow(len + PAGE).expect("memory"),
        Deed::Grow => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever one guest and the system do, the next one finds the memory as it is at first.
    #[test]
    fn the_next_guest_finds_nothing(
        guests in proptest::collection::vec((0..3usize, deeds()), 1..8),
        resident_pages in prop_oneof![Just(0), 1..20usize, Just(usize::MAX / 4096)],
    ) {
        let images = [None, Some(image(10)), Some(image(60_000))];
        for way in WAYS {
            let resident_bytes = resident_pages * page_bytes();
            let pool = MemoryPool::asking(PoolLimits { slots: 1, resident_bytes }, way);
            for (image, deeds) in &guests {
                let image = images[*image].as_ref();
                let mut space = pool.take(3 * PAGE, image).expect("memory");
                deeds.iter().for_each(|(page, deed)| act(&mut space, *page, *deed));
                drop(space);
                let mut space = pool.take(3 * PAGE, image).expect("memory");
                prop_assert!(is_clean(&mut space, image.map(|image| &**image)), "{:?}", way);
            }
        }
    }
}

#[test]
fn a_pool_keeps_what_it_may() {
    let pool = MemoryPool::new(PoolLimits { slots: 2, resident_bytes: 1 << 20 });
    let image = image(10);
    let take = |image| pool.take(2 * PAGE, image).expect("memory");
    drop([take(None), take(Some(&image)), take(None)]);
    assert_eq!(pool.idle().len(), 2);
    // The one that fits is taken.
    let place = pool.idle().iter().find(|slot| slot.image.is_some()).map(|slot| slot.pages.start());
    assert_eq!(Some(take(Some(&image)).pages().start()), place);
    pool.forget(&image);
    assert_eq!(pool.idle().len(), 1);
    let mut spoilt = take(None);
    spoilt.slot.as_mut().expect(THERE).is_spoilt = true;
    drop(spoilt);
    assert_eq!(pool.idle().len(), 0);
    let none = MemoryPool::new(PoolLimits { slots: 0, resident_bytes: 0 });
    drop(none.take(PAGE, None).expect("memory"));
    assert_eq!(none.idle().len(), 0);
}
