//! Interning: of equal values one is kept, with a number, for as long as somebody refers to it.
//!
//! A [`Table`] knows its entries by weak references, so it keeps none of them alive: the last [`Interned`] to go takes its entry out and
//! frees the number, and what the table itself takes shrinks again. Locks are held for one look-up; a value is hashed, compared
//! with others of its hash, and dropped outside of them or in constant time.
//!
//! Values may refer to other interned values of the same table, which then live as long. Chains of them can be as long as a
//! module can write, so the parts of a dropped value are dropped in a loop and not by recursion.

use std::any::Any;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// What can be interned. Equality must be by value, or by identity where a value refers to interned parts.
pub(crate) trait Intern: Eq + Hash + Send + Sync + Sized + 'static {
    /// The one table of such values.
    fn table() -> &'static Table<Self>;

    /// Moves the interned values that this one refers to into the list.
    fn take_parts(&mut self, parts: &mut Vec<Interned<Self>>);
}

/// A counted reference to an interned value. Two are equal exactly if their values are.
pub(crate) struct Interned<T: Intern>(Arc<Entry<T>>);

struct Entry<T: Intern> {
    value: T,
    hash: u64,
    number: u32,
    companion: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl<T: Intern> Interned<T> {
    /// The reference to this value. None if the table has no number left.
    pub(crate) fn new(value: T) -> Option<Interned<T>> {
        T::table().intern(value)
    }

    pub(crate) fn value(&self) -> &T {
        &self.0.value
    }

    /// From 1 to [`MAX_NUMBER`]: nothing else of the table has it as long as this lives. The lowest that was free.
    pub(crate) fn number(&self) -> u32 {
        self.0.number
    }

    /// What a higher layer keeps with the value, made once and dropped with the entry. If two threads make it at once, one of
    /// them is dropped.
    pub(crate) fn companion<C, E>(&self, make: impl FnOnce(&Self) -> Result<C, E>) -> Result<&C, E>
    where
        C: Any + Send + Sync,
    {
        let companion = match self.0.companion.get() {
            Some(companion) => companion,
            None => {
                let made = Box::new(make(self)?);
                self.0.companion.get_or_init(|| made)
            }
        };
        Ok(companion.downcast_ref().expect("one kind of companion for each kind of value"))
    }
}

impl<T: Intern> Clone for Interned<T> {
    fn clone(&self) -> Interned<T> {
        Interned(self.0.clone())
    }
}

impl<T: Intern> PartialEq for Interned<T> {
    fn eq(&self, other: &Interned<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Intern> Eq for Interned<T> {}

impl<T: Intern> Hash for Interned<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.number.hash(state);
    }
}

impl<T: Intern> Drop for Entry<T> {
    fn drop(&mut self) {
        T::table().forget(self);
        let mut parts = Vec::new();
        self.value.take_parts(&mut parts);
        while let Some(part) = parts.pop() {
            // The last reference to it? Its own parts are taken, so that dropping it goes no deeper.
            if let Some(mut entry) = Arc::into_inner(part.0) {
                entry.value.take_parts(&mut parts);
            }
        }
    }
}

/// The highest [number](Interned::number).
pub(crate) const MAX_NUMBER: u32 = (1 << 28) - 1;

/// So many locks share the work of a table. None of them is held for long, but growing a shard is linear in its length.
const SHARDS: usize = 16;

/// The interned values of one type.
pub(crate) struct Table<T: Intern> {
    /// Keyed at random: nobody can choose values whose hashes are equal.
    hasher: RandomState,
    shards: [Mutex<Shard<T>>; SHARDS],
    /// Locked after a shard, if at all.
    numbers: Mutex<Numbers>,
}

struct Shard<T: Intern> {
    /// By hash, the first entry that has it.
    entries: HashMap<u64, Known<T>, BuildHasherDefault<Hashed>>,
    /// Further entries with the hash of another. As good as always empty.
    colliding: Vec<Known<T>>,
}

/// An entry, and its number: where a dying entry lies says nothing of which it is, as it may have been moved.
struct Known<T: Intern> {
    number: u32,
    entry: Weak<Entry<T>>,
}

impl<T: Intern> Default for Table<T> {
    fn default() -> Table<T> {
        Table {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::new(Shard { entries: HashMap::default(), colliding: Vec::new() })),
            numbers: Mutex::default(),
        }
    }
}

impl<T: Intern> Table<T> {
    fn intern(&self, value: T) -> Option<Interned<T>> {
        let hash = self.hasher.hash_one(&value);
        // Dropped after the lock is released: it may have become the last reference.
        let mut others = Vec::new();
        let mut shard = self.shard(hash).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shard.find(hash, &value, &mut others) {
            return Some(Interned(known));
        }
        let number = self.numbers.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let entry = Arc::new(Entry { value, hash, number, companion: OnceLock::new() });
        shard.add(&entry);
        Some(Interned(entry))
    }

    /// An entry that nobody refers to any more.
    fn forget(&self, entry: &Entry<T>) {
        self.shard(entry.hash).lock().unwrap_or_else(PoisonError::into_inner).remove(entry);
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).give_back(entry.number);
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard<T>> {
        // The map uses the lowest bits and the highest.
        &self.shards[(hash >> 32) as usize % SHARDS]
    }
}

impl<T: Intern> Shard<T> {
    /// The live entry of a value. Other entries that were looked at are put into `others`.
    fn find(&self, hash: u64, value: &T, others: &mut Vec<Arc<Entry<T>>>) -> Option<Arc<Entry<T>>> {
        for known in self.entries.get(&hash).into_iter().chain(&self.colliding) {
            let Some(entry) = known.entry.upgrade() else { continue };
            if entry.hash == hash && entry.value == *value {
                return Some(entry);
            }
            others.push(entry);
        }
        None
    }

    fn add(&mut self, entry: &Arc<Entry<T>>) {
        let new = Known { number: entry.number, entry: Arc::downgrade(entry) };
        let known = self.entries.get(&entry.hash);
        // One that is dying does not find itself when it removes itself, and leaves this one alone.
        if known.is_some_and(|known| known.entry.strong_count() > 0) {
            self.colliding.push(new);
        } else {
            self.entries.insert(entry.hash, new);
        }
    }

    /// Before its number is given to another.
    fn remove(&mut self, entry: &Entry<T>) {
        let is_it = |known: &Known<T>| known.number == entry.number;
        if self.entries.get(&entry.hash).is_some_and(is_it) {
            self.entries.remove(&entry.hash);
            if self.entries.capacity() > 64 && self.entries.len() < self.entries.capacity() / 4 {
                self.entries.shrink_to(self.entries.len() * 2);
            }
        } else if !self.colliding.is_empty() {
            self.colliding.retain(|known| !is_it(known));
        }
    }
}

/// Numbers from 1 on; the lowest that is free is given out first.
#[derive(Default)]
struct Numbers {
    /// All above it are free, too.
    highest: u32,
    free: BinaryHeap<Reverse<u32>>,
}

impl Numbers {
    fn take(&mut self) -> Option<u32> {
        if let Some(Reverse(number)) = self.free.pop() {
            return Some(number);
        }
        if self.highest == MAX_NUMBER {
            return None;
        }
        self.highest += 1;
        Some(self.highest)
    }

    fn give_back(&mut self, number: u32) {
        self.free.push(Reverse(number));
        if self.free.len() == self.highest as usize {
            *self = Numbers::default();
        }
    }
}

/// The hash of what is a hash already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u64")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    /// Values of one hash: each is found among those that collide with it.
    #[derive(PartialEq, Eq)]
    struct Colliding(u32, Vec<Interned<Colliding>>);

    impl Hash for Colliding {
        fn hash<H: Hasher>(&self, state: &mut H) {
            0.hash(state);
        }
    }

    static COLLIDING: LazyLock<Table<Colliding>> = LazyLock::new(Table::default);

    impl Intern for Colliding {
        fn table() -> &'static Table<Colliding> {
            &COLLIDING
        }

        fn take_parts(&mut self, parts: &mut Vec<Interned<Colliding>>) {
            parts.append(&mut self.1);
        }
    }

    fn one(value: u32) -> Interned<Colliding> {
        Interned::new(Colliding(value, Vec::new())).expect("a number")
    }

    fn known() -> usize {
        let shards = COLLIDING.shards.iter().map(|shard| shard.lock().expect("a shard"));
        shards.map(|shard| shard.entries.len() + shard.colliding.len()).sum()
    }

    #[test]
    fn equal_values_are_one_as_long_as_somebody_refers_to_them() {
        let values: Vec<_> = (0..20).map(one).collect();
        let mut numbers: Vec<u32> = values.iter().map(Interned::number).collect();
        for (at, value) in values.iter().enumerate() {
            let again = one(at as u32);
            assert!(again == *value && again.number() == value.number() && again.value().0 == at as u32);
        }
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 20, "no two have one number");
        assert_eq!(known(), 20);
        let whole = Interned::new(Colliding(20, values)).expect("a number");
        assert_eq!(known(), 21);
        drop(whole);
        assert_eq!(known(), 0, "what only a dropped value refers to goes with it");
        threads_meet();
    }

    /// In the same test, since the table is the process's.
    fn threads_meet() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..5000 {
                        let [a, b] = [one(round % 3), one(round % 3)];
                        assert!(a == b);
                        let numbers = [a.number(), one(3).number()];
                        assert_ne!(numbers[0], numbers[1], "a number that is in use is nobody else's");
                    }
                });
            }
        });
        assert_eq!(known(), 0);
        assert_eq!(one(0).number(), 1, "all numbers are free again");
    }

    #[test]
    fn numbers_come_back_lowest_first() {
        let mut numbers = Numbers::default();
        assert_eq!([(); 5].map(|()| numbers.take()), [1, 2, 3, 4, 5].map(Some));
        [4, 2].map(|number| numbers.give_back(number));
        assert_eq!([(); 3].map(|()| numbers.take()), [2, 4, 6].map(Some));
        (1..=6).for_each(|number| numbers.give_back(number));
        assert!(numbers.free.is_empty() && numbers.highest == 0);
    }
}
