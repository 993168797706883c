//! Interning: equal values share one entry, which has a number and lives as long as something refers to it.
//!
//! A [`Table`] finds its entries through weak references, so it keeps none of them alive. The last [`Interned`] that is dropped takes
//! its entry out of the table and frees the number, and the table shrinks again. A lock is held for one look-up; values are hashed and
//! dropped outside of it.
//!
//! Values may refer to other interned values of the same table, which then live as long. A module can write chains of any length,
//! so the parts of a dropped value are dropped in a loop and not by recursion.
//!
//! Two threads may meet at an entry: the last reference goes while the other thread looks the value up. The look-up does not find the
//! dying entry, whose count is zero, and makes another with another number. The number of the dying entry is free only after
//! it has left the table, so at no time do two entries have the same.

use std::any::Any;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// A value that can be interned.
pub(crate) trait Intern: Clone + Eq + Hash + Send + Sync + Sized + 'static {
    /// The table of all values of the type.
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
    pub(crate) fn new(value: Cow<'_, T>) -> Option<Interned<T>> {
        T::table().intern(value)
    }

    pub(crate) fn value(&self) -> &T {
        &self.0.value
    }

    /// The entry's number, from 1 to [`MAX_NUMBER`]: no other entry of the table has it as long as this one lives.
    pub(crate) fn number(&self) -> u32 {
        self.0.number
    }

    /// The object that a higher layer keeps with the value: made when it is first asked for, dropped with the entry. If two threads
    /// make it at once, one of the two objects is dropped. No lock is held while it is made.
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
            // If this was the last reference, its parts are taken first, so that dropping it goes no deeper.
            if let Some(mut entry) = Arc::into_inner(part.0) {
                entry.value.take_parts(&mut parts);
            }
        }
    }
}

/// The highest [number](Interned::number).
pub(crate) const MAX_NUMBER: u32 = (1 << 28) - 1;

/// The number of locks of a table. None is held for long, but growing a shard is linear in its length.
const SHARDS: usize = 16;

/// The interned values of one type.
pub(crate) struct Table<T: Intern> {
    /// Keyed at random, so that nobody can choose values whose hashes are equal.
    hasher: RandomState,
    shards: [Mutex<Shard<T>>; SHARDS],
    /// Locked after a shard where both are.
    numbers: Mutex<Numbers>,
}

struct Shard<T: Intern> {
    /// The first entry of each hash.
    entries: HashMap<u64, Known<T>, BuildHasherDefault<Hashed>>,
    /// Entries with the same hash as another. Almost always empty.
    colliding: Vec<Known<T>>,
}

/// An entry of a shard. A dying entry finds itself by its number: it may have been moved out of its `Arc`, so its address is not enough.
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
    fn intern(&self, value: Cow<'_, T>) -> Option<Interned<T>> {
        let hash = self.hasher.hash_one(value.as_ref());
        // Dropped after the lock is released, as each may have become the last reference.
        let mut others = Vec::new();
        let mut shard = self.shard(hash).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shard.find(hash, &value, &mut others) {
            return Some(Interned(known));
        }
        let number = self.numbers.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let entry = Arc::new(Entry { value: value.into_owned(), hash, number, companion: OnceLock::new() });
        shard.add(&entry);
        Some(Interned(entry))
    }

    /// Takes out an entry that nothing refers to any more, and frees its number.
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
    /// Looks up the live entry of a value. Other entries that were looked at are put into `others`.
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
        // A dying entry that is replaced here no longer finds its number, and leaves the new one alone.
        if known.is_some_and(|known| known.entry.strong_count() > 0) {
            self.colliding.push(new);
        } else {
            self.entries.insert(entry.hash, new);
        }
    }

    /// Removes an entry. Its number must not have been given to another.
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

/// The numbers in use, from 1 on. The lowest free number is given out first.
#[derive(Default)]
struct Numbers {
    /// The highest number that has been given out.
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

/// The hasher of keys that are hashes already.
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
    #[derive(Clone, PartialEq, Eq)]
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
        Interned::new(Cow::Owned(Colliding(value, Vec::new()))).expect("a number")
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
        let whole = Interned::<Colliding>::new(Cow::Owned(Colliding(20, values))).expect("a number");
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
        [4, 2].into_iter().for_each(|number| numbers.give_back(number));
        assert_eq!([(); 3].map(|()| numbers.take()), [2, 4, 6].map(Some));
        (1..=6).for_each(|number| numbers.give_back(number));
        assert!(numbers.free.is_empty() && numbers.highest == 0);
    }
}
