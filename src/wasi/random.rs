//! Random bytes: a generator in each thread, which the system seeds, so that a guest's few bytes cost no system call.
//!
//! The generator is ChaCha20 with fast key erasure (Bernstein, 2017): one run of the cipher gives the key of the next run and the
//! bytes to hand out; the old key is overwritten by the new one, and the bytes are erased as they are handed out. So whoever reads
//! this memory later learns nothing of what was handed out before. The cipher is the crate `chacha20`'s. The generator of that
//! crate, and the one of `rand`, neither erase what they have handed out nor notice a fork.
//!
//! A process must not repeat what another one has handed out. After a fork the child's generators are seeded anew
//! ([`fork::generation`]). That a snapshot was restored cannot be noticed, as the module's documentation says.
//!
//! Measured on Zen 4, with the call from the guest: 8 bytes take 39 ns, from the system 406; 1 MiB takes 0.6 ms, from the system 2.7.

use super::abi::Errno;
use crate::sys::linux::fork;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use rustix::rand::{GetRandomFlags, getrandom};
use std::cell::RefCell;
use std::num::NonZeroU64;
use zeroize::{Zeroize, Zeroizing, zeroize_stack};

const KEY_BYTES: usize = 32;
/// What one run of the cipher gives.
const STREAM_BYTES: usize = 1 << 10;
/// More stack than [`Generator::run`] uses, with what it calls.
const STACK_BYTES: usize = 4 << 10;

/// What is handed out between two seeds, so that a leaked state is of use for a while only. It makes the seed's cost vanish.
const BYTES_OF_A_SEED: usize = 1 << 20;

thread_local! {
    static GENERATOR: RefCell<Option<Box<Generator>>> = const { RefCell::new(None) };
}

/// Passes `len` random bytes to `take`, in as many pieces as it likes.
///
/// # Errors
///
/// If the system has no randomness for a seed, or `take` fails.
pub(super) fn random_bytes(len: usize, mut take: impl FnMut(&[u8]) -> Result<(), Errno>) -> Result<(), Errno> {
    let Some(process) = fork::generation() else {
        return without_state(len, take);
    };
    let given = GENERATOR.try_with(|generator| {
        let mut generator = generator.borrow_mut();
        generator.get_or_insert_with(|| Generator::new(fill_from_system)).give(process, len, &mut take)
    });
    // The thread is ending, and its generator is gone.
    given.unwrap_or_else(|_| without_state(len, take))
}

/// As the system gives them. Nothing is kept, so there is nothing that a fork could copy.
fn without_state(mut len: usize, mut take: impl FnMut(&[u8]) -> Result<(), Errno>) -> Result<(), Errno> {
    let mut bytes = Zeroizing::new([0; STREAM_BYTES]);
    while len > 0 {
        let piece = &mut bytes[..len.min(STREAM_BYTES)];
        fill_from_system(piece)?;
        len -= piece.len();
        take(piece)?;
    }
    Ok(())
}

fn fill_from_system(mut bytes: &mut [u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let count = rustix::io::retry_on_intr(|| getrandom(&mut *bytes, GetRandomFlags::empty()))?;
        bytes = &mut bytes[count..];
    }
    Ok(())
}

/// A state that is not known outside, and what it still has to give.
struct Generator {
    /// The key of the next run, then the bytes of the last one; zeros where they were handed out.
    stream: Zeroizing<[u8; STREAM_BYTES]>,
    /// Where in the stream the bytes start that nobody has got.
    next: usize,
    /// How many bytes the seed is still good for.
    left_of_seed: usize,
    /// The process that was seeded; none before the first seed.
    process: Option<NonZeroU64>,
    seed: Seed,
}

/// Where seeds come from.
type Seed = fn(&mut [u8]) -> Result<(), Errno>;

impl Generator {
    fn new(seed: Seed) -> Box<Generator> {
        let stream = Zeroizing::new([0; STREAM_BYTES]);
        Box::new(Generator { stream, next: STREAM_BYTES, left_of_seed: 0, process: None, seed })
    }

    fn give(
        &mut self,
        process: NonZeroU64,
        mut len: usize,
        take: &mut impl FnMut(&[u8]) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if self.process != Some(process) {
            self.forget();
            self.process = Some(process);
        }
        while len > 0 {
            if self.next == STREAM_BYTES {
                let run = self.run();
                // A value that is moved stays where it was, so copies of the keys are on the stack.
                zeroize_stack::<STACK_BYTES>();
                run?;
            }
            let piece = self.next..STREAM_BYTES.min(self.next + len);
            // Not to be given again, even if `take` panics.
            self.next = piece.end;
            len -= piece.len();
            let taken = take(&self.stream[piece.clone()]);
            self.stream[piece].zeroize();
            taken?;
        }
        Ok(())
    }

    /// Makes the stream of the next key, which a new seed is mixed into when it is time.
    ///
    /// It is not inlined, so that the stack it has used is free when it returns.
    #[inline(never)]
    fn run(&mut self) -> Result<(), Errno> {
        let next_key = self.stream.first_chunk::<KEY_BYTES>().expect("a stream is longer than a key");
        let mut key = Zeroizing::new(*next_key);
        if self.left_of_seed < STREAM_BYTES {
            let mut seed = Zeroizing::new([0; KEY_BYTES]);
            (self.seed)(&mut *seed)?;
            key.iter_mut().zip(&*seed).for_each(|(key, seed)| *key ^= seed);
            self.left_of_seed = BYTES_OF_A_SEED;
        }
        ChaCha20Rng::from_seed(*key).fill_bytes(&mut *self.stream);
        self.next = KEY_BYTES;
        self.left_of_seed -= STREAM_BYTES;
        Ok(())
    }

    /// Hands out nothing of the present stream any more, and asks for a seed before the next one.
    fn forget(&mut self) {
        self.stream.zeroize();
        self.next = STREAM_BYTES;
        self.left_of_seed = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use zeroize::ZeroizeOnDrop;

    const PARENT: NonZeroU64 = NonZeroU64::new(1).expect("not zero");
    const CHILD: NonZeroU64 = NonZeroU64::new(2).expect("not zero");

    fn give(generator: &mut Generator, process: NonZeroU64, len: usize) -> Result<Vec<u8>, Errno> {
        let mut given = Vec::new();
        let mut take = |bytes: &[u8]| {
            given.extend_from_slice(bytes);
            Ok(())
        };
        generator.give(process, len, &mut take)?;
        Ok(given)
    }

    fn sevens(seed: &mut [u8]) -> Result<(), Errno> {
        seed.fill(7);
        Ok(())
    }

    /// Other bytes each time.
    fn counted(seed: &mut [u8]) -> Result<(), Errno> {
        static SEEDS: AtomicUsize = AtomicUsize::new(1);
        seed.fill(SEEDS.fetch_add(1, Ordering::Relaxed) as u8);
        Ok(())
    }

    /// RFC 8439, appendix A.1, vectors 1 and 2: the first 32 bytes become the next key.
    #[test]
    fn the_bytes_are_those_of_chacha20_without_the_next_key() {
        let mut generator = Generator::new(|_| Ok(()));
        let given = give(&mut generator, PARENT, 96).expect("seeded");
        let expected = "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586\
            9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed\
            29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f";
        assert_eq!(given.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
    }

    /// Without the crate's feature `zeroize` this does not compile.
    #[test]
    fn the_cipher_erases_its_copy_of_the_key() {
        fn is_erased_when_dropped(_: impl ZeroizeOnDrop) {}
        is_erased_when_dropped(ChaCha20Rng::from_seed([7; KEY_BYTES]));
    }

    /// Two runs of the cipher, the second with the key that the first one gives.
    #[test]
    fn pieces_of_any_size_make_the_stream() {
        let (mut first, mut second) = ([0; STREAM_BYTES], [0; STREAM_BYTES]);
        ChaCha20Rng::from_seed([7; KEY_BYTES]).fill_bytes(&mut first);
        ChaCha20Rng::from_seed(*first.first_chunk().expect("long enough")).fill_bytes(&mut second);
        let expected = [&first[KEY_BYTES..], &second[KEY_BYTES..]].concat();
        for size in [1, 8, 100, STREAM_BYTES - KEY_BYTES, expected.len()] {
            let mut generator = Generator::new(sevens);
            let mut given = Vec::new();
            while given.len() < expected.len() {
                let len = size.min(expected.len() - given.len());
                given.extend(give(&mut generator, PARENT, len).expect("seeded"));
            }
            assert_eq!(given, expected, "by {size}");
        }
    }

    #[test]
    fn what_was_given_is_nowhere_in_the_state() {
        let mut generator = Generator::new(sevens);
        let given = give(&mut generator, PARENT, 100).expect("seeded");
        assert!(given.iter().any(|byte| *byte != 0));
        assert_eq!(generator.stream[KEY_BYTES..][..100], [0; 100]);
        // Nor when the taker fails.
        let failed = generator.give(PARENT, 50, &mut |_| Err(Errno::Fault));
        assert_eq!(failed, Err(Errno::Fault));
        assert_eq!(generator.stream[KEY_BYTES..][..150], [0; 150]);
        assert!(generator.stream[KEY_BYTES + 150..].iter().any(|byte| *byte != 0));
    }

    /// The key of a run tells what the run has given.
    #[test]
    fn no_key_is_left_on_the_stack() {
        const SEARCHED_BYTES: usize = 32 << 10;
        let mut generator = Generator::new(|seed| {
            seed.fill(0xA5);
            Ok(())
        });
        let memory = std::fs::File::open("/proc/self/mem").expect("readable");
        let mut below = vec![0; SEARCHED_BYTES];
        let here = 0_u8;
        let mut is_key_on_the_stack = || {
            let start = (&raw const here).addr() - SEARCHED_BYTES;
            memory.read_exact_at(&mut below, start as u64).expect("mapped");
            below.windows(8).any(|bytes| bytes.iter().all(|byte| *byte == 0xA5))
        };
        // The test sees what it is about.
        generator.run().expect("seeded");
        assert!(is_key_on_the_stack());
        generator.forget();
        generator.give(PARENT, 8, &mut |_| Ok(())).expect("seeded");
        assert!(!is_key_on_the_stack());
    }

    #[test]
    fn a_copied_generator_is_seeded_anew() {
        let mut parent = Generator::new(counted);
        give(&mut parent, PARENT, 100).expect("seeded");
        let copy = || {
            let mut copy = Generator::new(counted);
            (copy.stream, copy.next, copy.left_of_seed) = (parent.stream.clone(), parent.next, parent.left_of_seed);
            copy.process = parent.process;
            copy
        };
        // The test sees what it is about: unnoticed, the copy repeats the parent's bytes.
        let bytes = give(&mut copy(), PARENT, 64).expect("seeded");
        assert_eq!(give(&mut copy(), PARENT, 64).expect("seeded"), bytes);
        let child = give(&mut copy(), CHILD, 64).expect("seeded");
        assert_ne!(child, bytes);
        assert_ne!(give(&mut copy(), CHILD, 64).expect("seeded"), child);
    }

    #[test]
    fn a_seed_is_good_for_a_mebibyte() {
        let mut generator = Generator::new(sevens);
        give(&mut generator, PARENT, 1).expect("seeded");
        generator.seed = |_| Err(Errno::Nosys);
        let rest = BYTES_OF_A_SEED / STREAM_BYTES * (STREAM_BYTES - KEY_BYTES) - 1;
        give(&mut generator, PARENT, rest).expect("the first seed is enough");
        assert_eq!(give(&mut generator, PARENT, 1), Err(Errno::Nosys));
        // And is asked for again.
        generator.seed = sevens;
        give(&mut generator, PARENT, 1).expect("seeded");
    }

    #[test]
    fn without_a_seed_nothing_is_given() {
        let mut generator = Generator::new(|_| Err(Errno::Nosys));
        for process in [PARENT, CHILD] {
            assert_eq!(give(&mut generator, process, 8), Err(Errno::Nosys));
        }
        assert_eq!(give(&mut generator, CHILD, 0), Ok(vec![]));
    }

    #[test]
    fn the_system_gives_as_many_bytes_as_asked_for() {
        for len in [0, 1, STREAM_BYTES, 3 * STREAM_BYTES + 1] {
            let mut count = 0;
            let take = |bytes: &[u8]| {
                count += bytes.len();
                Ok(())
            };
            without_state(len, take).expect("given");
            assert_eq!(count, len);
        }
    }
}
