//! The exceptions of a store.
//!
//! Wasm code and the layers above know an exception by its reference, a number. One that is caught without a reference to it is
//! gone when the next is thrown. The others are kept, and collected when there are many. Their roots are:
//!
//! * every word of the wasm stack that is a reference;
//! * the references that the host has been given: those exceptions are *held* and live as long as the store, since the host's
//!   handles can be copied and say nothing when they go;
//! * globals, tables and the fields of other exceptions: nobody looks there, so a store with a module whose globals, tables or
//!   tags have room for references to exceptions collects none.
//!
//! A reference carries the generation of its place. Should one outlive its exception all the same, it is never another's.

use crate::vm::visible::context::Value;
use crate::vm::visible::handle::TagId;
use std::cell::Cell;

/// An exception.
pub(crate) struct Exception {
    pub(crate) tag: TagId,
    pub(crate) values: Box<[Value]>,
    /// Has a reference to it been given out?
    kept: bool,
    /// Has one been given to the host?
    held: Cell<bool>,
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

/// A place for exceptions, one after the other.
#[derive(Default)]
struct Place {
    /// How many have been here before.
    generation: u32,
    exception: Option<Exception>,
}

/// By place: see [`reference_to`].
pub(crate) struct Exceptions {
    all: Vec<Place>,
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
    pub(in crate::vm) fn new() -> Exceptions {
        Exceptions { all: Vec::new(), free: Vec::new(), caught: None, bytes: 0, kept: 0, collects_at: Some(MIN_KEPT) }
    }

    /// A new exception to throw.
    pub(crate) fn add(&mut self, tag: TagId, values: &[Value]) -> Result<u64, Exhausted> {
        if let Some(reference) = self.caught.take() {
            self.free(place_of(reference));
        }
        let mut own = Vec::new();
        own.try_reserve_exact(values.len()).map_err(|_| Exhausted)?;
        own.extend_from_slice(values);
        let exception = Exception { tag, values: own.into(), kept: false, held: Cell::new(false), found: false };
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
                self.all.push(Place::default());
                self.all.len() - 1
            }
        };
        (self.all[place].exception, self.bytes) = (Some(exception), bytes);
        Ok(reference_to(place, self.all[place].generation))
    }

    /// The exception of a reference, if it is one.
    fn find(&self, reference: u64) -> Option<&Exception> {
        let place = self.all.get(place_of(reference))?;
        place.exception.as_ref().filter(|_| place.generation == generation_of(reference))
    }

    fn find_mut(&mut self, reference: u64) -> Option<&mut Exception> {
        let place = self.all.get_mut(place_of(reference))?;
        place.exception.as_mut().filter(|_| place.generation == generation_of(reference))
    }

    /// The exception of a reference, which is not null.
    pub(crate) fn get(&self, reference: u64) -> &Exception {
        self.find(reference).expect("references are those of exceptions that are kept")
    }

    /// From now on there may be references to it on the wasm stack.
    pub(crate) fn keep(&mut self, reference: u64) {
        if let Some(exception) = self.find_mut(reference)
            && !exception.kept
        {
            exception.kept = true;
            self.kept += 1;
        }
    }

    /// From now on the host may have references to it, for as long as the store lives.
    pub(crate) fn hold(&self, reference: u64) {
        self.get(reference).held.set(true);
    }

    /// From now on there may be references where no collection looks.
    pub(crate) fn keep_all(&mut self) {
        self.collects_at = None;
    }

    /// It is thrown no more. Its values may be read until the next exception is added.
    pub(crate) fn catch(&mut self, reference: u64) {
        if !self.get(reference).kept {
            self.caught = Some(reference);
        }
    }

    pub(in crate::vm) fn wants_collection(&self) -> bool {
        self.collects_at.is_some_and(|many| self.kept >= many)
    }

    /// Forgets those that are kept, not held, and whose reference is none of these words.
    pub(in crate::vm) fn collect(&mut self, words: impl Iterator<Item = u64>) {
        for word in words {
            if let Some(exception) = self.find_mut(word) {
                exception.found = true;
            }
        }
        for place in 0..self.all.len() {
            let Some(exception) = &mut self.all[place].exception else { continue };
            let found = std::mem::take(&mut exception.found) || exception.held.get();
            if exception.kept && !found {
                self.kept -= 1;
                self.free(place);
            }
        }
        self.collects_at = Some(MIN_KEPT.max(2 * self.kept));
    }

    fn free(&mut self, index: usize) {
        let place = &mut self.all[index];
        let Some(exception) = place.exception.take() else { return };
        self.bytes -= exception.bytes();
        // A place whose generations are used up stays empty.
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            self.free.push(index as u32);
        }
    }
}

/// The generation in the upper half, the place + 1 in the lower.
fn reference_to(place: usize, generation: u32) -> u64 {
    u64::from(generation) << 32 | (place as u64 + 1)
}

/// Of null it is one that nobody has.
fn place_of(reference: u64) -> usize {
    (reference as u32).wrapping_sub(1) as usize
}

fn generation_of(reference: u64) -> u32 {
    (reference >> 32) as u32
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
        let mut references = Vec::new();
        for _ in 0..many {
            let reference = exceptions.add(TagId::NONE, &[]).expect("room");
            exceptions.keep(reference);
            exceptions.catch(reference);
            references.push(reference);
        }
        assert_eq!(exceptions.add(TagId::NONE, &[]), Err(Exhausted));
        assert!(exceptions.wants_collection());
        exceptions.hold(references[100]);
        exceptions.collect([0, references[7], u64::MAX, *references.last().expect("many")].into_iter());
        assert_eq!((exceptions.kept, exceptions.bytes), (3, 3 * size_of::<Exception>()));
        assert_eq!([7, 100].map(|at| exceptions.get(references[at]).tag), [TagId::NONE; 2]);
        for _ in 0..many - 3 {
            exceptions.add(TagId::NONE, &[]).expect("room");
        }
        assert_eq!(exceptions.add(TagId::NONE, &[]), Err(Exhausted));
    }

    #[test]
    fn a_reference_is_never_another_exceptions() {
        let mut exceptions = Exceptions::new();
        let first = exceptions.add(TagId::NONE, &[]).expect("room");
        exceptions.keep(first);
        exceptions.collect(std::iter::empty());
        let second = exceptions.add(TagId::NONE, &[]).expect("room");
        assert_eq!(place_of(first), place_of(second));
        assert!(exceptions.find(first).is_none() && exceptions.find(second).is_some());
        // No place is used again once its generations are.
        exceptions.all[place_of(second)].generation = u32::MAX;
        let last = reference_to(place_of(second), u32::MAX);
        exceptions.catch(last);
        let next = exceptions.add(TagId::NONE, &[]).expect("room");
        assert_ne!(place_of(last), place_of(next));
        assert!(exceptions.find(last).is_none());
    }
}
