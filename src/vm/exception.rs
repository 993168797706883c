//! The exceptions of a store.
//!
//! Wasm code and the layers above know an exception by its reference, a number. One that is caught without a reference to it is
//! gone when the next is thrown; of the others nobody knows when their last reference goes, so they live as long as the
//! store, which has room for [`MAX_KEPT`].

use super::context::Value;
use super::store::TagId;

/// So many exceptions may be referred to.
const MAX_KEPT: usize = 1 << 20;

/// An exception.
pub(crate) struct Exception {
    pub(crate) tag: TagId,
    pub(crate) values: Box<[Value]>,
    /// Has a reference to it been given out?
    kept: bool,
}

/// A store has too many exceptions, or the system no memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Exhausted;

/// By reference - 1.
#[derive(Default)]
pub(crate) struct Exceptions {
    all: Vec<Option<Exception>>,
    /// Places without an exception.
    free: Vec<u32>,
    /// Its values may still be read, no reference to it exists: gone when the next comes.
    caught: Option<u64>,
}

impl Exceptions {
    /// A new exception to throw.
    pub(crate) fn add(&mut self, tag: TagId, values: &[Value]) -> Result<u64, Exhausted> {
        self.drop_caught();
        let mut own = Vec::new();
        own.try_reserve_exact(values.len()).map_err(|_| Exhausted)?;
        own.extend_from_slice(values);
        let exception = Exception { tag, values: own.into(), kept: false };
        if let Some(place) = self.free.pop() {
            self.all[place as usize] = Some(exception);
            return Ok(u64::from(place) + 1);
        }
        if self.all.len() >= MAX_KEPT {
            return Err(Exhausted);
        }
        self.all.try_reserve(1).map_err(|_| Exhausted)?;
        self.all.push(Some(exception));
        Ok(self.all.len() as u64)
    }

    /// The exception of a reference, which is not null.
    pub(crate) fn get(&self, reference: u64) -> &Exception {
        let exception = self.all.get(reference.wrapping_sub(1) as usize).and_then(Option::as_ref);
        exception.expect("references are those of exceptions that are kept")
    }

    /// From now on there may be references to it.
    pub(crate) fn keep(&mut self, reference: u64) {
        if let Some(Some(exception)) = self.all.get_mut(reference.wrapping_sub(1) as usize) {
            exception.kept = true;
        }
    }

    /// It is thrown no more. Its values may be read until the next exception is added.
    pub(crate) fn catch(&mut self, reference: u64) {
        if !self.get(reference).kept {
            self.caught = Some(reference);
        }
    }

    fn drop_caught(&mut self) {
        if let Some(reference) = self.caught.take() {
            let place = reference - 1;
            self.all[place as usize] = None;
            self.free.push(place as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_refers_to_makes_room() {
        let mut exceptions = Exceptions::default();
        for number in 0..3 * MAX_KEPT as u64 {
            let reference = exceptions.add(TagId::NONE, &[Value::from_u64(number)]).expect("room");
            assert_eq!(exceptions.get(reference).values[0], Value::from_u64(number));
            exceptions.catch(reference);
        }
        for _ in 0..MAX_KEPT {
            let reference = exceptions.add(TagId::NONE, &[]).expect("room");
            exceptions.keep(reference);
            exceptions.catch(reference);
        }
        assert_eq!(exceptions.add(TagId::NONE, &[]), Err(Exhausted));
    }
}
