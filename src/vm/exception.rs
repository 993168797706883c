//! The exceptions of a store.
//!
//! Wasm code and the layers above know an exception by its reference, a number. One that is caught without a reference to it is
//! gone when the next is thrown. The others are kept: they are collected when there are many and no word of the wasm stack is
//! their reference. That is where all references are, unless a module has a global, a table, a tag or a function to be called
//! from elsewhere that holds some: then, or once the host has made one, those that are kept live as long as the store.

use super::context::Value;
use super::store::TagId;

/// An exception.
pub(crate) struct Exception {
    pub(crate) tag: TagId,
    pub(crate) values: Box<[Value]>,
    /// Has a reference to it been given out?
    kept: bool,
    /// By the collection that is going on.
    found: bool,
}

impl Exception {
    fn bytes(&self) -> usize {
        size_of::<Exception>() + size_of_val(&*self.values)
    }
}

/// A store has too many exceptions, or the system no memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Exhausted;

/// A store's exceptions may take so much memory.
const MAX_BYTES: usize = 64 << 20;
/// So many exceptions are kept before a collection is worth it.
const MIN_KEPT: usize = 1000;

/// By reference - 1.
pub(crate) struct Exceptions {
    all: Vec<Option<Exception>>,
    /// Places without an exception.
    free: Vec<u32>,
    /// Its values may still be read, no reference to it exists: gone when the next comes.
    caught: Option<u64>,
    bytes: usize,
    kept: usize,
    /// Collects when that many are kept; never if there is none.
    collects_at: Option<usize>,
}

impl Exceptions {
    pub(super) fn new() -> Exceptions {
        Exceptions { all: Vec::new(), free: Vec::new(), caught: None, bytes: 0, kept: 0, collects_at: Some(MIN_KEPT) }
    }

    /// A new exception to throw.
    pub(crate) fn add(&mut self, tag: TagId, values: &[Value]) -> Result<u64, Exhausted> {
        if let Some(reference) = self.caught.take() {
            self.free(reference);
        }
        let mut own = Vec::new();
        own.try_reserve_exact(values.len()).map_err(|_| Exhausted)?;
        own.extend_from_slice(values);
        let exception = Exception { tag, values: own.into(), kept: false, found: false };
        let bytes = self.bytes + exception.bytes();
        if bytes > MAX_BYTES {
            return Err(Exhausted);
        }
        let place = match self.free.pop() {
            Some(place) => place as usize,
            None => {
                self.all.try_reserve(1).map_err(|_| Exhausted)?;
                // So that freeing never allocates.
                self.free.try_reserve(self.all.len() + 1).map_err(|_| Exhausted)?;
                self.all.push(None);
                self.all.len() - 1
            }
        };
        (self.all[place], self.bytes) = (Some(exception), bytes);
        Ok(place as u64 + 1)
    }

    /// The exception of a reference, which is not null.
    pub(crate) fn get(&self, reference: u64) -> &Exception {
        let exception = self.all.get(reference.wrapping_sub(1) as usize).and_then(Option::as_ref);
        exception.expect("references are those of exceptions that are kept")
    }

    /// From now on there may be references to it on the wasm stack.
    pub(crate) fn keep(&mut self, reference: u64) {
        if let Some(Some(exception)) = self.all.get_mut(reference.wrapping_sub(1) as usize)
            && !exception.kept
        {
            exception.kept = true;
            self.kept += 1;
        }
    }

    /// From now on there may be references anywhere.
    pub(crate) fn keep_all(&mut self) {
        self.collects_at = None;
    }

    /// It is thrown no more. Its values may be read until the next exception is added.
    pub(crate) fn catch(&mut self, reference: u64) {
        if !self.get(reference).kept {
            self.caught = Some(reference);
        }
    }

    pub(super) fn wants_collection(&self) -> bool {
        self.collects_at.is_some_and(|many| self.kept >= many)
    }

    /// Forgets those that are kept and whose reference is none of these words.
    pub(super) fn collect(&mut self, words: impl Iterator<Item = u64>) {
        for word in words {
            if let Some(Some(exception)) = self.all.get_mut(word.wrapping_sub(1) as usize) {
                exception.found = true;
            }
        }
        for reference in 1..=self.all.len() as u64 {
            let Some(exception) = &mut self.all[reference as usize - 1] else { continue };
            let found = std::mem::take(&mut exception.found);
            if exception.kept && !found {
                self.kept -= 1;
                self.free(reference);
            }
        }
        self.collects_at = Some(MIN_KEPT.max(2 * self.kept));
    }

    fn free(&mut self, reference: u64) {
        let place = reference - 1;
        if let Some(exception) = self.all[place as usize].take() {
            self.bytes -= exception.bytes();
            self.free.push(place as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_refers_to_makes_room() {
        let (mut exceptions, many) = (Exceptions::new(), (MAX_BYTES / size_of::<Exception>()) as u64);
        for number in 0..2 * many {
            let reference = exceptions.add(TagId::NONE, &[Value::from_u64(number)]).expect("room");
            assert_eq!(exceptions.get(reference).values[0], Value::from_u64(number));
            exceptions.catch(reference);
        }
        for _ in 0..many {
            let reference = exceptions.add(TagId::NONE, &[]).expect("room");
            exceptions.keep(reference);
            exceptions.catch(reference);
        }
        assert_eq!(exceptions.add(TagId::NONE, &[]), Err(Exhausted));
        assert!(exceptions.wants_collection());
        exceptions.collect([0, 7, u64::MAX, many].into_iter());
        assert_eq!((exceptions.kept, exceptions.bytes), (2, 2 * size_of::<Exception>()));
        assert_eq!(exceptions.get(7).tag, TagId::NONE);
        for _ in 0..many - 2 {
            exceptions.add(TagId::NONE, &[]).expect("room");
        }
        assert_eq!(exceptions.add(TagId::NONE, &[]), Err(Exhausted));
    }
}
