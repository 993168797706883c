//! Host functions: how wasm calls them, and how their errors and panics travel.

#![allow(unsafe_code, reason = "the running half: see each block")]

use super::backtrace::Frame;
use super::context::Value;
use super::store::{Hosted, InstanceId};
use std::error::Error;
use std::marker::PhantomData;

/// Why a host function stopped; goes unchanged to whoever entered wasm ([`Exit::Error`](super::enter::Exit)).
pub(crate) type HostError = Box<dyn Error + Send + Sync>;

/// One call of a host function.
pub(crate) struct HostCall<'a> {
    values: PhantomData<&'a mut [Value]>,
}

impl<'a> HostCall<'a> {
    /// The arguments; the results go to the same places.
    pub(crate) fn values(&mut self) -> &mut [Value] {
        todo!()
    }

    /// The store in which the call happens. Panics unless `S` is the type that entered.
    pub(crate) fn store<S: Hosted>(&mut self) -> &mut S {
        todo!()
    }

    /// Both at once.
    pub(crate) fn parts<S: Hosted>(&mut self) -> (&mut S, &mut [Value]) {
        todo!()
    }

    /// The instance whose code called, if it was wasm code.
    pub(crate) fn caller(&self) -> Option<InstanceId> {
        todo!()
    }

    /// The wasm frames below this call, innermost first.
    pub(crate) fn backtrace(&self) -> Vec<Frame> {
        todo!()
    }
}
