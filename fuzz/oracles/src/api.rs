//! The embedder's interface: whatever is done with it, in whatever order, with whosever handles, is a result, an error, or the
//! panic that the documentation names. The process goes on, and what a handle leads to stays what it is.
//!
//! Bytes choose what happens: stores come and go; functions, memories, tables, globals, tags, exceptions and objects are made and
//! used in their own store and in others; modules are linked at random; host functions do the same things from inside a call;
//! stores move to other threads, and run there at once.

mod act;
pub mod driver;
mod modules;
mod world;

use act::Actor;
use planish::{AsContextMut, Store};
use std::panic::resume_unwind;
use std::thread;
use world::{Data, Dice, World};

/// Stores that are in use at a time.
const STORES: usize = 3;
/// Things done in a row with one store, at most.
const ACTS: usize = 12;

/// Plays what `bytes` choose.
///
/// # Panics
///
/// If something is not what the documentation says.
pub fn any_calls(bytes: &[u8]) {
    world::keep_quiet();
    let world = World::new(Dice::new(bytes));
    let mut stores: Vec<Store<Data>> = (0..STORES).map(|_| world.store()).collect();
    while !world.is_over() {
        match world.below(10) {
            0 => {
                let place = world.below(STORES);
                stores[place] = world.store();
            }
            1 => {
                let place = world.below(STORES);
                let mut store = stores.swap_remove(place);
                let moved = thread::spawn(move || {
                    some_acts(&mut store);
                    store
                });
                stores.push(moved.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            2 => at_once(&world, &mut stores),
            _ => {
                let place = world.below(STORES);
                some_acts(&mut stores[place]);
            }
        }
    }
    for store in &mut stores {
        Actor::new(store.as_context_mut()).check_all();
    }
}

fn some_acts(store: &mut Store<Data>) {
    for _ in 0..1 + store.data().world.below(ACTS) {
        Actor::new(store.as_context_mut()).act();
    }
}

/// All stores on threads of their own, each with handles and choices of its own, so that a failure comes again.
fn at_once(world: &World, stores: &mut [Store<Data>]) {
    thread::scope(|scope| {
        let threads: Vec<_> = stores
            .iter_mut()
            .map(|store| {
                store.data_mut().world = world.split();
                scope.spawn(|| some_acts(store))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    for store in stores {
        store.data_mut().world = world.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::for_a_second;

    #[test]
    fn a_second_of_calls() {
        for_a_second(4000, any_calls);
        let done = world::done();
        assert!(done.iter().all(|&(_, times)| times > 0), "some things are never done, or never work: {done:?}");
    }
}
